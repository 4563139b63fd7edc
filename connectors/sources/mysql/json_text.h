/*
 * Canonical JSON text, as json_binary.c and json_patch.c write it: into room that may turn out too
 * small. Then nothing is written past it and the length goes on counting, so that a second attempt
 * has exactly what it needs.
 *
 * Threads: a plain value.
 */
#ifndef MYSQL_JSON_TEXT_H
#define MYSQL_JSON_TEXT_H

#include <leat/slice.h>

struct my_json_text {
    uint8_t *to;
    size_t room;
    size_t len; /* more than room: it did not fit */
};

static inline void my_json_put(struct my_json_text *text, const void *bytes, size_t len)
{
    if (len && text->len <= text->room && len <= text->room - text->len)
        memcpy(text->to + text->len, bytes, len);
    text->len += len;
}

/* Quoted, and escaped as the server does; what is not UTF-8 becomes U+FFFD. */
void my_json_put_string(struct my_json_text *text, struct leat_slice string);

#endif
