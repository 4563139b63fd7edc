/*
 * Types: a wire value of Postgres, in text or binary form, becomes the common value (leat/value.h).
 * Pure.
 *
 * Both forms of the same SQL value give the same leat_value; tests ask a real server for both and
 * compare. A text that does not parse as its type is no error: an odd value must never stop a
 * stream, so it becomes LEAT_OTHER with the text verbatim. So does a value that the common form
 * cannot hold (a timestamp after the year 294246, an infinite interval), in both forms.
 *
 * The session's settings are pinned: datestyle ISO, intervalstyle postgres, timezone UTC,
 * bytea_output hex, extra_float_digits 3, lc_monetary C, client_encoding UTF8 (or the server's
 * own).
 *
 * Ownership: `text` of a value views the wire bytes, or `scratch` where they had to be changed
 *            (uuid, bytea, arrays, escapes …). Both must outlive the value; the caller resets
 *            scratch per message. A bytea of more than PGTYPE_IN_PLACE_BYTES of text is decoded
 *            *into the wire bytes*: they must be writable, and are no longer the text afterwards.
 * Bounds:    scratch's own maximum. Plain types take none or their length; an array takes up to
 *            three times its length, and as much again outside of scratch while it is read; a
 *            binary numeric of a few bytes may print 147,455 digits.
 * Threads:   all functions are pure over their arguments.
 * Errors:    LEAT_ELIMIT scratch is full; LEAT_EDATA (binary only) the bytes are not a value of
 *            this type.
 */
#ifndef POSTGRES_PGTYPE_H
#define POSTGRES_PGTYPE_H

#include <leat/arena.h>
#include <leat/buf.h>
#include <leat/err.h>
#include <leat/value.h>

enum { PGTYPE_IN_PLACE_BYTES = 4096 };

struct pgtype {
    uint32_t oid;           /* 0: its number differs from database to database */
    const char *name;       /* as format_type() prints it: "timestamp with time zone" */
    const char *short_name; /* pg_type.typname: "timestamptz" */
    uint8_t kind;           /* enum leat_kind of its values */
    uint8_t element;        /* enum leat_kind of an array's elements, else LEAT_ABSENT */
    uint8_t form;           /* enum pgtype_form: how it is written, see pgtype_forms.h */
    bool binary_exact; /* false: the binary form gives LEAT_BYTES, the wire's bytes uninterpreted */
    char delimiter;    /* between the elements of an array of this type */
};

/* The built-in type with this OID (they are stable); for any other the generic "other" type. Never
 * NULL. */
const struct pgtype *pgtype_find(uint32_t oid);

/* By the names that a TYPE message gives: the base type of a domain ("pg_catalog", "int4") or an
 * extension's type that we know, in whatever schema ("public", "citext"); else the generic type.
 * Never NULL. */
const struct pgtype *pgtype_find_named(struct leat_slice schema, struct leat_slice name);

int pgtype_decode_text(const struct pgtype *type, struct leat_slice wire,
                       struct leat_arena *scratch, struct leat_value *ret_value,
                       struct leat_err *err) LEAT_MUST_CHECK;

int pgtype_decode_binary(const struct pgtype *type, struct leat_slice wire,
                         struct leat_arena *scratch, struct leat_value *ret_value,
                         struct leat_err *err) LEAT_MUST_CHECK;

/* Appends what format_type(oid, typmod) prints ("numeric(10,2)", "character varying(5)[]").
 * Precision: decimal digits, characters or bits; scale: digits behind the point, of seconds too;
 * -1: unspecified. */
void pgtype_describe(const struct pgtype *type, int32_t typmod, struct leat_buf *ret_text,
                     int32_t *ret_precision, int32_t *ret_scale);

#endif
