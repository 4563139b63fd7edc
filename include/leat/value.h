/*
 * A typed value of one column, the common form of every source.
 *
 * A value is present, SQL NULL, or *absent* (I8): absent means that the source did not send it
 * (unchanged TOAST, MINIMAL row image, key-only old row); it is never shown as NULL and never
 * invented. What a source can express comes back unchanged: decimals are text, ±infinity and NaN
 * are kept, and a type that nobody mapped is LEAT_OTHER with the source's text.
 *
 * Ownership: `text` views memory that the producer names (receive buffer, block, arena).
 * Units:     dates are days, times microseconds, both since 1970-01-01 UTC. INT64_MAX and INT64_MIN
 *            stand for +infinity and -infinity of dates and timestamps.
 * Threads:   a plain value.
 */
#ifndef LEAT_VALUE_H
#define LEAT_VALUE_H

#include <leat/buf.h>
#include <leat/reader.h>
#include <leat/slice.h>

/* The numbers are stored on disk: never change or reuse one. */
enum leat_kind {
    LEAT_ABSENT = 0,
    LEAT_NULL = 1,
    LEAT_BOOL = 2,    /* integer: 0 or 1 */
    LEAT_INT64 = 3,   /* integer */
    LEAT_UINT64 = 4,  /* natural */
    LEAT_FLOAT32 = 5, /* real, exactly representable as a float */
    LEAT_FLOAT64 = 6, /* real */
    LEAT_DECIMAL = 7, /* text: [-]digits[.digits], "NaN", "Infinity", "-Infinity" */
    LEAT_STRING = 8,  /* text: UTF-8, unless the source's encoding is none */
    LEAT_BYTES = 9,   /* text: raw bytes */
    LEAT_JSON = 10,   /* text: a JSON document as the source gave it */
    LEAT_DATE = 11,   /* integer: days */
    LEAT_TIME =
        12, /* integer: microseconds of the day, 24:00:00 is legal, MySQL's may be negative */
    LEAT_TIMESTAMP = 13,   /* integer: microseconds, no zone */
    LEAT_TIMESTAMPTZ = 14, /* integer: microseconds UTC */
    LEAT_INTERVAL = 15,    /* span; the three parts keep their own signs */
    LEAT_UUID = 16,        /* text: 16 bytes */
    LEAT_BITS = 17,        /* text: one '0' or '1' byte a bit */
    LEAT_ARRAY = 18,       /* text: an encoded array, see below */
    LEAT_OTHER = 19,       /* text: the source's text, verbatim */
    LEAT_TIMETZ = 20, /* span: us of the day, zone in `days` as seconds east of UTC, months 0 */
    LEAT_KIND_COUNT
};

struct leat_span {
    int64_t us;
    int32_t days;
    int32_t months;
};

struct leat_value {
    uint8_t kind; /* enum leat_kind: says which member counts */
    union {
        int64_t integer;
        uint64_t natural;
        double real;
        struct leat_slice text;
        struct leat_span span;
    };
};

#define LEAT_INFINITY_US       INT64_MAX
#define LEAT_MINUS_INFINITY_US INT64_MIN

/* "int64", "timestamptz" …; "?" for a number out of range. */
const char *leat_kind_name(enum leat_kind kind);

/* True for the kinds whose content is `text`. Asked for each value on the way into the store. */
static inline bool leat_kind_is_text(unsigned kind)
{
    const uint32_t texts = 1u << LEAT_DECIMAL | 1u << LEAT_STRING | 1u << LEAT_BYTES |
                           1u << LEAT_JSON | 1u << LEAT_UUID | 1u << LEAT_BITS | 1u << LEAT_ARRAY |
                           1u << LEAT_OTHER;
    return kind < LEAT_KIND_COUNT && (texts >> kind & 1);
}

/* Same kind and same content; NaN equals NaN, -0.0 differs from 0.0. */
bool leat_value_equal(const struct leat_value *a, const struct leat_value *b);

/* --- the stored form of a value ---------------------------------------------------------------
 *
 *     kind u8, then by kind: nothing (absent, null) | u8 (bool) | zigzag varint (int64, date, time,
 *     timestamps) | varint (uint64) | 4 bytes (float32) | 8 bytes (float64) | varint length and
 * bytes (text kinds) | zigzag us, zigzag days, zigzag months (interval, timetz) Integers
 * little-endian.
 */

/* An upper bound of what leat_value_write() takes for this value. */
static inline size_t leat_value_bytes_max(const struct leat_value *v)
{
    return 1 + 3 * LEAT_VARINT_BYTES_MAX + (leat_kind_is_text(v->kind) ? v->text.len : 0);
}

/* Trusts that leat_value_bytes_max() bytes were reserved. */
void leat_value_write(struct leat_buf *buf, const struct leat_value *v);

/* Reads one value; `text` views the reader's bytes. On a short or unknown value r->bad is set and
 * the value is absent. */
void leat_value_read(struct leat_reader *r, struct leat_value *ret_value);

/* --- arrays -----------------------------------------------------------------------------------
 *
 *     dimensions u8 (0: the empty array), then per dimension: varint length, zigzag lower bound;
 *     then the elements in row-major order, each a stored value (LEAT_NULL allowed, no arrays
 * inside).
 */
struct leat_array {
    unsigned dimensions;
    uint32_t lengths[6]; /* LEAT_ARRAY_DIMENSIONS_MAX */
    int32_t lower_bounds[6];
    uint64_t count; /* product of the lengths; 0 for the empty array */
    struct leat_reader elements;
};

/* Writes the head of an array; the caller appends `count` values with leat_array_append(). */
void leat_array_begin(struct leat_buf *buf, const struct leat_array *shape);
void leat_array_append(struct leat_buf *buf, const struct leat_value *element);

/* Opens an encoded array; false if it is malformed. Then leat_value_read(&ret->elements) `count`
 * times. */
bool leat_array_open(struct leat_slice encoded, struct leat_array *ret_array) LEAT_MUST_CHECK;

#endif
