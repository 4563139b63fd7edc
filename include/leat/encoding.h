/*
 * Text of another character encoding becomes UTF-8, by iconv(3). A byte that is no character there
 * becomes U+FFFD and is counted; nothing else is ever lost.
 *
 * Order:     open, any number of conversions, close (which accepts a zeroed one).
 * Ownership: converted text lives in the caller's arena; ASCII is passed through, not copied,
 * unless the encoding is not a superset of ASCII (UTF-16 and the like). Threads:   one owner.
 */
#ifndef LEAT_ENCODING_H
#define LEAT_ENCODING_H

#include <leat/arena.h>
#include <leat/err.h>

struct leat_encoding {
    void *converter;   /* iconv_t; NULL: text is UTF-8 already and passes through */
    bool ascii_passes; /* bytes below 0x80 mean themselves */
};

/* `name` as iconv(3) knows it. LEAT_ECONFIG: it does not. */
int leat_encoding_open(struct leat_encoding *encoding, const char *name,
                       struct leat_err *err) LEAT_MUST_CHECK;
void leat_encoding_close(struct leat_encoding *encoding);

/* *ret_replaced is increased by the bytes that were no characters; it may be NULL. LEAT_ELIMIT: the
 * arena is full. */
int leat_encoding_utf8(struct leat_encoding *encoding, struct leat_slice text,
                       struct leat_arena *arena, struct leat_slice *ret_text, int64_t *ret_replaced,
                       struct leat_err *err) LEAT_MUST_CHECK;

#endif
