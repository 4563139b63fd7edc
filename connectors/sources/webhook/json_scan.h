/*
 * Checks JSON and finds its way in it without changing or copying a byte: what was received is what
 * is stored.
 *
 *     json_check(text)                         is it one value (RFC 8259)?
 *     json_walk(&walk, value); json_next(…)    the elements of an array, the members of an object
 *     json_find(value, "/a/0/b", &found)       by pointer (RFC 6901)
 *
 * Numbers of any size, repeated names and lone surrogate escapes are JSON and pass; text that is not
 * UTF-8, control bytes in strings, a byte order mark and more than JSON_DEPTH_MAX levels do not.
 *
 * Ownership: results view the text. Threads: pure.
 * Everything but json_check() trusts that the text was checked.
 */
#ifndef WEBHOOK_JSON_SCAN_H
#define WEBHOOK_JSON_SCAN_H

#include <leat/buf.h>

enum { JSON_DEPTH_MAX = 512 };

/* False: *ret_at is the place of the first byte that does not fit. */
bool json_check(struct leat_slice text, size_t *ret_at) LEAT_MUST_CHECK;

/* '{', '[', '"', 't', 'f', 'n' or '0' for a number; 0 for nothing. */
char json_kind(struct leat_slice value);

struct json_walk {
    const uint8_t *at, *end;
    bool object;
};

/* False if the value is neither an array nor an object. */
bool json_walk(struct json_walk *walk, struct leat_slice value) LEAT_MUST_CHECK;

/* The next element, without blanks around it; the key of a member with its quotes, else empty. */
bool json_next(struct json_walk *walk, struct leat_slice *ret_key, struct leat_slice *ret_value);

/* False if there is no such value. An empty pointer is the whole. */
bool json_find(struct leat_slice value, const char *pointer, struct leat_slice *ret_value);

/* The value of a member by its plain name. */
bool json_member(struct leat_slice object, const char *name, struct leat_slice *ret_value);

/* Appends a string's content without quotes and escapes. A lone surrogate becomes U+FFFD. */
void json_unquote(struct leat_slice string, struct leat_buf *buf);

/* Appends any text as a JSON string, quotes included. */
void json_quote(struct leat_buf *buf, struct leat_slice text);

#endif
