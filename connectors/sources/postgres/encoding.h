/*
 * Text of a server encoding as UTF-8, for the one case in which the server cannot convert it
 * itself: a character without an equivalent fails the whole stream there, on every attempt. Then
 * text comes in the server's own encoding and is converted here; what has no equivalent becomes
 * U+FFFD.
 *
 *     open ─▶ utf8 … ─▶ close            a zeroed one converts nothing
 *
 * Ownership: converted text lives in the arena; plain ASCII is given back as it is.
 * Threads:   one owner.
 */
#ifndef POSTGRES_ENCODING_H
#define POSTGRES_ENCODING_H

#include <leat/arena.h>
#include <leat/err.h>

struct pg_encoding {
    void *converter; /* iconv_t; NULL: text is UTF-8 already */
};

/* By the server's name for it ("EUC_JP"). LEAT_ECONFIG: the C library does not know it. */
int pg_encoding_open(struct pg_encoding *encoding, const char *name,
                     struct leat_err *err) LEAT_MUST_CHECK;
void pg_encoding_close(struct pg_encoding *encoding); /* leaves a zeroed one */

/* LEAT_ELIMIT: the arena is full. */
int pg_encoding_utf8(struct pg_encoding *encoding, struct leat_slice text, struct leat_arena *arena,
                     struct leat_slice *ret_text, struct leat_err *err) LEAT_MUST_CHECK;

#endif
