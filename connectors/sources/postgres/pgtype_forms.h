/*
 * What the files of pgtype share: the ways in which Postgres writes values. Many types share one
 * form, and one form has a text reader (pgtype_text.c) and a binary reader (pgtype_binary.c).
 *
 * Text parsers here return false for anything that Postgres would not print; nothing is changed
 * then.
 */
#ifndef POSTGRES_PGTYPE_FORMS_H
#define POSTGRES_PGTYPE_FORMS_H

#include "sources/postgres/pgtype.h"

enum pgtype_form {
    PGTYPE_FORM_UNKNOWN,   /* text verbatim; binary uninterpreted */
    PGTYPE_FORM_VERBATIM,  /* the same bytes in both: strings, json */
    PGTYPE_FORM_VERSIONED, /* binary: a version byte 1, then the text: jsonb, jsonpath, ltree */
    PGTYPE_FORM_CHAR,
    PGTYPE_FORM_BOOL,
    PGTYPE_FORM_INT2,
    PGTYPE_FORM_INT4,
    PGTYPE_FORM_INT8,
    PGTYPE_FORM_OID,
    PGTYPE_FORM_FLOAT4,
    PGTYPE_FORM_FLOAT8,
    PGTYPE_FORM_NUMERIC,
    PGTYPE_FORM_MONEY,
    PGTYPE_FORM_BYTEA,
    PGTYPE_FORM_DATE,
    PGTYPE_FORM_TIME,
    PGTYPE_FORM_TIMETZ,
    PGTYPE_FORM_TIMESTAMP,
    PGTYPE_FORM_TIMESTAMPTZ,
    PGTYPE_FORM_INTERVAL,
    PGTYPE_FORM_UUID,
    PGTYPE_FORM_BITS,
    PGTYPE_FORM_ARRAY,
    /* text verbatim; binary is printed as Postgres would */
    PGTYPE_FORM_XID,
    PGTYPE_FORM_XID8,
    PGTYPE_FORM_LSN,
    PGTYPE_FORM_TID,
    PGTYPE_FORM_INET,
    PGTYPE_FORM_CIDR,
    PGTYPE_FORM_MACADDR,
    PGTYPE_FORM_VECTOR, /* int2vector, oidvector */
    PGTYPE_FORM_RANGE,
    PGTYPE_FORM_MULTIRANGE,
};

/* --- pgtype.c --------------------------------------------------------------------------------- */

/* Of an array's elements, a vector's, or a range's bounds; a multirange's ranges. */
const struct pgtype *pgtype_element(const struct pgtype *type);

static inline int pgtype_text_value(uint8_t kind, struct leat_slice text,
                                    struct leat_value *ret_value)
{
    *ret_value = (struct leat_value){.kind = kind, .text = text};
    return LEAT_OK;
}

static inline int pgtype_integer_value(uint8_t kind, int64_t integer, struct leat_value *ret_value)
{
    *ret_value = (struct leat_value){.kind = kind, .integer = integer};
    return LEAT_OK;
}

/* A copy in scratch of bytes that were put together elsewhere. LEAT_ELIMIT when it is full. */
int pgtype_scratch_copy(struct leat_arena *scratch, struct leat_slice bytes,
                        struct leat_slice *ret_copy, struct leat_err *err) LEAT_MUST_CHECK;
int pgtype_scratch_full(const struct leat_arena *scratch, struct leat_err *err);
int pgtype_malformed(const struct pgtype *type, struct leat_slice wire, struct leat_err *err);

/* --- pgtype_time.c ---------------------------------------------------------------------------- */

enum {
    PGTYPE_EPOCH_DAYS = 10957,  /* 2000-01-01, where Postgres counts from */
    PGTYPE_TIMESTAMP_TEXT = 48, /* bytes that hold any printed timestamp and its NUL */
};
#define PGTYPE_DAY_US   INT64_C(86400000000)
#define PGTYPE_EPOCH_US (PGTYPE_EPOCH_DAYS * PGTYPE_DAY_US)

bool pgtype_parse_date(struct leat_slice text, int64_t *ret_days);
bool pgtype_parse_time(struct leat_slice text, int64_t *ret_us);
bool pgtype_parse_timetz(struct leat_slice text, struct leat_span *ret_span);
bool pgtype_parse_timestamp(struct leat_slice text, bool zoned, int64_t *ret_us);
bool pgtype_parse_interval(struct leat_slice text, struct leat_span *ret_span);

/* Of Postgres' own numbers (days or microseconds since 2000, infinities included); the length. */
size_t pgtype_print_date(int32_t days, char ret_text[PGTYPE_TIMESTAMP_TEXT]);
size_t pgtype_print_timestamp(int64_t us, bool zoned, char ret_text[PGTYPE_TIMESTAMP_TEXT]);

/* --- pgtype_array.c, pgtype_range.c ----------------------------------------------------------- */

int pgtype_array_text(const struct pgtype *type, struct leat_slice wire, struct leat_arena *scratch,
                      struct leat_value *ret_value, struct leat_err *err) LEAT_MUST_CHECK;
int pgtype_array_binary(const struct pgtype *type, struct leat_slice wire,
                        struct leat_arena *scratch, struct leat_value *ret_value,
                        struct leat_err *err) LEAT_MUST_CHECK;

/* Ranges, multiranges and vectors, printed. */
int pgtype_range_binary(const struct pgtype *type, struct leat_slice wire,
                        struct leat_arena *scratch, struct leat_value *ret_value,
                        struct leat_err *err) LEAT_MUST_CHECK;

/* --- pgtype_numeric.c ------------------------------------------------------------------------- */

bool pgtype_numeric_valid(struct leat_slice text);
int pgtype_numeric_binary(const struct pgtype *type, struct leat_slice wire,
                          struct leat_arena *scratch, struct leat_value *ret_value,
                          struct leat_err *err) LEAT_MUST_CHECK;
bool pgtype_parse_int(struct leat_slice text, int64_t min, int64_t max, int64_t *ret_integer);
bool pgtype_parse_float4(struct leat_slice text, double *ret_real);
bool pgtype_parse_float8(struct leat_slice text, double *ret_real);

#endif
