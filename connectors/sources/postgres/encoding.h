/*
 * Encodings by PostgreSQL's names. A server whose text cannot all be converted to UTF-8 sends it as
 * it is, and it is converted here (postgres.md 4.7).
 *
 * Threads: pure.
 */
#ifndef POSTGRES_ENCODING_H
#define POSTGRES_ENCODING_H

#include <leat/encoding.h>

/* "EUC_JP", "WIN1252" … LEAT_ECONFIG: iconv(3) has nothing like it. */
int pg_encoding_open(struct leat_encoding *encoding, const char *name,
                     struct leat_err *err) LEAT_MUST_CHECK;

#endif
