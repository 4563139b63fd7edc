/*
 * Is a text JSON that Postgres takes as json and as jsonb? So that a body that only looks like JSON
 * is written as an event instead of being refused by the server.
 *
 * Stricter than RFC 8259 where jsonb is: no \u0000, no lone surrogates, no exponent of more than
 * three digits. Text must be UTF-8; that is the server's to check.
 *
 * Bounds:  JSON_NESTING_MAX, without recursion. Threads: pure.
 */
#ifndef EMIT_POSTGRES_JSON_CHECK_H
#define EMIT_POSTGRES_JSON_CHECK_H

#include <leat/slice.h>

enum { PGE_JSON_NESTING_MAX = 512 };

bool pge_json_check(struct leat_slice text);

#endif
