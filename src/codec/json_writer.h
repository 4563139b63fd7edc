/*
 * Writes JSON text straight into a buffer: no tree, no allocation, no depth.
 *
 *     struct leat_json j = leat_json_at(&buf);
 *     leat_json_object(&j);
 *     LEAT_JSON_NAME(&j, "id");      leat_json_int(&j, 7);
 *     leat_json_key(&j, column);     leat_json_string(&j, text);
 *     leat_json_object_end(&j);                                   {"id":7,"name":"Anne"}
 *
 * The one bit of state is whether a comma must come first; nesting needs no stack, because a container
 * that has just closed is itself a value. The caller keeps brackets balanced and keys paired.
 *
 * Text:      the output is always valid UTF-8. Well-formed input passes verbatim, with only quote,
 *            backslash and bytes below 0x20 escaped (\b \f \n \r \t, else \u00XX); each maximal
 *            ill-formed subpart (Unicode 15, section 3.9) becomes U+FFFD.
 * Bounds:    when the buffer's maximum is reached its `full` is set and sticks; check it once at the end.
 *            A string asks for up to 6 KiB more than it needs while it is being written.
 * Threads:   one owner.
 */
#ifndef CODEC_JSON_WRITER_H
#define CODEC_JSON_WRITER_H

#include <leat/buf.h>

struct leat_json {
    struct leat_buf *buf;
    bool comma; /* a value stands before the next one in the innermost container */
};

static inline struct leat_json leat_json_at(struct leat_buf *buf)
{
    return (struct leat_json){buf, false};
}

/* Reserves or sets `full`. */
static inline bool leat_json_room(struct leat_json *j, size_t more)
{
    if (__builtin_expect(leat_buf_reserve(j->buf, more), 1))
        return true;
    j->buf->full = true;
    return false;
}

/* Bytes that are JSON already: a literal, a number, a fragment. One value. */
static inline void leat_json_raw(struct leat_json *j, const void *bytes, size_t len)
{
    if (!leat_json_room(j, len + 1))
        return;
    if (j->comma)
        leat_buf_u8(j->buf, ',');
    leat_buf_raw(j->buf, bytes, len);
    j->comma = true;
}

static inline void leat_json_open(struct leat_json *j, char bracket)
{
    leat_json_raw(j, &bracket, 1);
    j->comma = false;
}

static inline void leat_json_close(struct leat_json *j, char bracket)
{
    j->comma = false;
    leat_json_raw(j, &bracket, 1);
}

static inline void leat_json_object(struct leat_json *j)
{
    leat_json_open(j, '{');
}

static inline void leat_json_object_end(struct leat_json *j)
{
    leat_json_close(j, '}');
}

static inline void leat_json_array(struct leat_json *j)
{
    leat_json_open(j, '[');
}

static inline void leat_json_array_end(struct leat_json *j)
{
    leat_json_close(j, ']');
}

/* A key that is known when compiling and needs no escapes. */
#define LEAT_JSON_NAME(j, literal) leat_json_name((j), "\"" literal "\":", sizeof(literal) + 2)

static inline void leat_json_name(struct leat_json *j, const char *quoted, size_t len)
{
    leat_json_raw(j, quoted, len);
    j->comma = false;
}

void leat_json_key(struct leat_json *j, struct leat_slice key);

/* False when something had to be replaced by U+FFFD, so that the text is not what was given. */
bool leat_json_string(struct leat_json *j, struct leat_slice text);
void leat_json_text(struct leat_json *j, const char *text);

/* Text that needs no escapes, in quotes. */
void leat_json_plain(struct leat_json *j, const void *text, size_t len);

static inline void leat_json_null(struct leat_json *j)
{
    leat_json_raw(j, "null", 4);
}

static inline void leat_json_bool(struct leat_json *j, bool v)
{
    leat_json_raw(j, v ? "true" : "false", v ? 4 : 5);
}

void leat_json_int(struct leat_json *j, int64_t v);
void leat_json_uint(struct leat_json *j, uint64_t v);

/* v × 1000, exactly, even where an int64 cannot hold it: microseconds as nanoseconds. */
void leat_json_thousands(struct leat_json *j, int64_t v);

/* Bytes as base64 (RFC 4648 §4 with padding), base64url (§5 with padding), or lower-case hex. */
void leat_json_base64(struct leat_json *j, struct leat_slice bytes);
void leat_json_base64url(struct leat_json *j, struct leat_slice bytes);
void leat_json_hex(struct leat_json *j, struct leat_slice bytes);

/* "00112233-4455-6677-8899-aabbccddeeff" of sixteen bytes. */
void leat_json_uuid(struct leat_json *j, struct leat_slice bytes);

/* --- json_number.c --------------------------------------------------------------------------- */

/* The shortest digits that read back as the same number, laid out as Java's Double.toString does: plain
 * with at least one digit behind the point from 10^-3 up to 10^7, else "1.0E10", "4.9E-324". NaN and the
 * infinities, which JSON has no numbers for, as the strings "NaN", "Infinity", "-Infinity". */
void leat_json_double(struct leat_json *j, double v);
void leat_json_float(struct leat_json *j, float v);

/* Digits behind the point of a decimal text when trailing zeros are dropped; -1 if it is not a finite
 * decimal ([-]digits[.digits]). */
int32_t leat_json_decimal_scale(struct leat_slice text);

/* The decimal × 10^scale as base64 of its shortest big-endian two's complement: Kafka Connect's Decimal.
 * False, and nothing written, if it is not a finite decimal, has more digits than `scale` behind the point,
 * or more than 200,000 digits in all. */
bool leat_json_decimal(struct leat_json *j, struct leat_slice text, int32_t scale) LEAT_MUST_CHECK;

#endif
