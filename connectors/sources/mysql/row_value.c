/*
 * A column's wire form, from the table map's type byte and metadata, and its values.
 *
 *     metadata   FLOAT, DOUBLE: bytes u8 | NEWDECIMAL: precision u8, scale u8
 *                VARCHAR, VAR_STRING: bytes at most u16 | BLOB, JSON, GEOMETRY, VECTOR: bytes of
 * the length u8 | BIT: bits beyond whole bytes u8, whole bytes u8 TIMESTAMP2, DATETIME2, TIME2:
 * digits u8 STRING: real type u8, length u8; CHAR and BINARY of more than 255 bytes keep two bits
 * of their length, turned over, in the real type value      numbers little-endian, BIT big-endian;
 * what has a length: 1 to 4 bytes of it, then the bytes; DECIMAL: decimal.h; times: row_time.c
 *
 * This is the hot path: numbers are read here, without a call, and nothing is allocated but text
 * that must be made.
 */
#include "sources/mysql/row_forms.h"

#include "sources/mysql/decimal.h"

enum { FRACTION_MAX = 6, BITS_MAX = 64, DOUBLE_BYTES = 8, FLOAT_BYTES = 4, SHORT_MAX = 255 };

/* --- the column ------------------------------------------------------------------------------- */

/* CHAR, BINARY, ENUM and SET share a type byte. */
static bool init_string(struct my_column *c, uint8_t real, uint8_t length)
{
    c->length = length;
    if ((real & 0x30) != 0x30) {
        c->length |= (uint32_t)((real & 0x30) ^ 0x30) << 4;
        real |= 0x30;
    }
    c->type = real;
    c->length_bytes = length;
    if (real == MY_TYPE_ENUM)
        return length == 1 || length == 2;
    if (real == MY_TYPE_SET)
        return (length >= 1 && length <= 4) || length == 8;
    c->length_bytes = c->length > SHORT_MAX ? 2 : 1;
    return real == MY_TYPE_STRING;
}

static bool init_varchar(struct my_column *c, uint32_t length)
{
    c->length_bytes = length > SHORT_MAX ? 2 : 1;
    c->length = length;
    if (c->type == MARIA_TYPE_VARCHAR_COMPRESSED && c->length)
        c->length--; /* the byte that says how */
    return true;
}

static bool init_blob(struct my_column *c, uint8_t length_bytes)
{
    c->length_bytes = length_bytes;
    return length_bytes >= 1 && length_bytes <= 4;
}

static bool init_bit(struct my_column *c, uint8_t odd, uint8_t whole)
{
    c->length = whole * 8u + odd;
    c->length_bytes = (uint8_t)((c->length + 7) / 8);
    return odd < 8 && c->length >= 1 && c->length <= BITS_MAX;
}

static bool init_fraction(struct my_column *c, uint8_t digits)
{
    c->scale = digits;
    return digits <= FRACTION_MAX;
}

static bool init_decimal(struct my_column *c, uint8_t precision, uint8_t scale)
{
    c->precision = precision;
    c->scale = scale;
    return my_decimal_bytes(precision, scale) > 0;
}

/* Takes the metadata; false: no server writes such. */
static bool init_metadata(struct my_column *c, struct leat_reader *m)
{
    uint8_t first;
    switch (c->type) {
    case MY_TYPE_FLOAT:
        return leat_reader_u8(m) == FLOAT_BYTES;
    case MY_TYPE_DOUBLE:
        return leat_reader_u8(m) == DOUBLE_BYTES;
    case MY_TYPE_VARCHAR:
    case MY_TYPE_VAR_STRING:
    case MARIA_TYPE_VARCHAR_COMPRESSED:
        return init_varchar(c, leat_reader_le16(m));
    case MY_TYPE_BLOB:
    case MY_TYPE_JSON:
    case MY_TYPE_GEOMETRY:
    case MY_TYPE_VECTOR:
    case MARIA_TYPE_BLOB_COMPRESSED:
        return init_blob(c, leat_reader_u8(m));
    case MY_TYPE_TIMESTAMP2:
    case MY_TYPE_DATETIME2:
    case MY_TYPE_TIME2:
        return init_fraction(c, leat_reader_u8(m));
    case MY_TYPE_NEWDECIMAL:
        first = leat_reader_u8(m);
        return init_decimal(c, first, leat_reader_u8(m));
    case MY_TYPE_BIT:
        first = leat_reader_u8(m);
        return init_bit(c, first, leat_reader_u8(m));
    case MY_TYPE_STRING:
    case MY_TYPE_ENUM:
    case MY_TYPE_SET:
        first = leat_reader_u8(m);
        return init_string(c, first, leat_reader_u8(m));
    default:
        return true;
    }
}

static bool is_known(uint8_t type)
{
    switch (type) {
    case MY_TYPE_DECIMAL: /* before 5.0, as text */
        return false;
    case MARIA_TYPE_BLOB_COMPRESSED:
    case MARIA_TYPE_VARCHAR_COMPRESSED:
    case MY_TYPE_VECTOR:
        return true;
    default:
        return type <= MY_TYPE_TIME2 || (type >= MY_TYPE_JSON && type <= MY_TYPE_SET) ||
               type >= MY_TYPE_BLOB;
    }
}

int my_column_init(struct my_column *column, uint8_t type, struct leat_reader *metadata,
                   struct leat_err *err)
{
    struct my_column c = {.type = type};
    if (!is_known(type))
        return leat_fail(err, LEAT_EDATA, "a column has type %u, which cannot be decoded", type);
    bool sound = init_metadata(&c, metadata);
    if (metadata->bad)
        return leat_fail(err, LEAT_EPROTO, "a table map ends within the metadata of a column");
    if (!sound)
        return leat_fail(err, LEAT_EPROTO, "a column of type %u has impossible metadata", type);
    my_column_refine(&c);
    *column = c;
    return LEAT_OK;
}

bool my_column_is_numeric(const struct my_column *c)
{
    switch (c->type) {
    case MY_TYPE_TINY:
    case MY_TYPE_SHORT:
    case MY_TYPE_INT24:
    case MY_TYPE_LONG:
    case MY_TYPE_LONGLONG:
    case MY_TYPE_FLOAT:
    case MY_TYPE_DOUBLE:
    case MY_TYPE_NEWDECIMAL:
    case MY_TYPE_YEAR:
        return true;
    default:
        return false;
    }
}

bool my_column_is_character(const struct my_column *c)
{
    switch (c->type) {
    case MY_TYPE_STRING:
    case MY_TYPE_VAR_STRING:
    case MY_TYPE_VARCHAR:
    case MY_TYPE_BLOB:
    case MY_TYPE_VECTOR:
    case MARIA_TYPE_BLOB_COMPRESSED:
    case MARIA_TYPE_VARCHAR_COMPRESSED:
        return true;
    default:
        return false;
    }
}

bool my_column_is_enum_or_set(const struct my_column *c)
{
    return c->type == MY_TYPE_ENUM || c->type == MY_TYPE_SET;
}

bool my_column_is_geometry(const struct my_column *c)
{
    return c->type == MY_TYPE_GEOMETRY;
}

/* --- kinds ------------------------------------------------------------------------------------ */

static enum leat_kind kind_of_text(const struct my_column *c)
{
    switch ((enum my_logical)c->logical) {
    case MY_LOGICAL_UUID:
        return LEAT_UUID;
    case MY_LOGICAL_INET6:
    case MY_LOGICAL_INET4:
        return LEAT_STRING;
    case MY_LOGICAL_JSON:
        return LEAT_JSON;
    case MY_LOGICAL_VECTOR:
        return LEAT_ARRAY;
    case MY_LOGICAL_NONE:
        break;
    }
    return c->charset && !my_charset_is_binary(c->charset) ? LEAT_STRING : LEAT_BYTES;
}

static enum leat_kind kind_of(const struct my_column *c)
{
    switch (c->type) {
    case MY_TYPE_TINY:
    case MY_TYPE_SHORT:
    case MY_TYPE_INT24:
    case MY_TYPE_LONG:
    case MY_TYPE_YEAR:
        return LEAT_INT64;
    case MY_TYPE_LONGLONG:
        return c->is_unsigned ? LEAT_UINT64 : LEAT_INT64;
    case MY_TYPE_FLOAT:
        return LEAT_FLOAT32;
    case MY_TYPE_DOUBLE:
        return LEAT_FLOAT64;
    case MY_TYPE_NEWDECIMAL:
        return LEAT_DECIMAL;
    case MY_TYPE_DATE:
    case MY_TYPE_NEWDATE:
        return LEAT_DATE;
    case MY_TYPE_TIME:
    case MY_TYPE_TIME2:
        return LEAT_TIME;
    case MY_TYPE_DATETIME:
    case MY_TYPE_DATETIME2:
        return LEAT_TIMESTAMP;
    case MY_TYPE_TIMESTAMP:
    case MY_TYPE_TIMESTAMP2:
        return LEAT_TIMESTAMPTZ;
    case MY_TYPE_BIT:
        return LEAT_BITS;
    case MY_TYPE_ENUM:
    case MY_TYPE_SET:
        return LEAT_STRING;
    case MY_TYPE_JSON:
        return LEAT_JSON;
    case MY_TYPE_GEOMETRY:
        return LEAT_BYTES;
    case MY_TYPE_VECTOR:
        return LEAT_ARRAY;
    case MY_TYPE_NULL:
        return LEAT_NULL;
    default:
        return kind_of_text(c);
    }
}

void my_column_refine(struct my_column *c)
{
    c->kind = (uint8_t)kind_of(c);
}

/* --- values ----------------------------------------------------------------------------------- */

int my_value_malformed(const struct my_decoding *d, const char *what)
{
    return leat_fail(d->err, LEAT_EPROTO, "a value of type %u %s", d->column->type, what);
}

int my_value_no_room(const struct my_decoding *d)
{
    return leat_fail(d->err, LEAT_ELIMIT, "a row's values do not fit into %zu bytes",
                     d->scratch->max);
}

/* An unsigned number of 1 to 8 bytes; BIT's order is the other one and needs its bytes. */
static inline uint64_t read_le(struct leat_reader *r, size_t bytes)
{
    struct leat_slice s = leat_reader_bytes(r, bytes);
    uint64_t v = 0;
    if (s.len)
        memcpy(&v, s.ptr, s.len);
    return v;
}

static inline struct leat_slice read_counted(const struct my_column *c, struct leat_reader *r)
{
    return leat_reader_bytes(r, (size_t)read_le(r, c->length_bytes));
}

static inline int64_t read_integer(const struct my_column *c, struct leat_reader *r)
{
    uint32_t v;
    switch (c->type) {
    case MY_TYPE_TINY:
        v = leat_reader_u8(r);
        return c->is_unsigned ? (int64_t)v : (int8_t)v;
    case MY_TYPE_SHORT:
        v = leat_reader_le16(r);
        return c->is_unsigned ? (int64_t)v : (int16_t)v;
    case MY_TYPE_INT24:
        v = (uint32_t)read_le(r, 3);
        return c->is_unsigned ? (int64_t)v : (int32_t)(v << 8) >> 8;
    case MY_TYPE_LONG:
        v = leat_reader_le32(r);
        return c->is_unsigned ? (int64_t)v : (int32_t)v;
    case MY_TYPE_YEAR:
        v = leat_reader_u8(r);
        return v ? 1900 + (int64_t)v : 0;
    default:
        return (int64_t)leat_reader_le64(r); /* the same bits when unsigned */
    }
}

static double read_real(const struct my_column *c, struct leat_reader *r)
{
    uint32_t single_bits;
    uint64_t double_bits;
    float single;
    double v;
    if (c->type == MY_TYPE_FLOAT) {
        single_bits = leat_reader_le32(r);
        memcpy(&single, &single_bits, sizeof single);
        return (double)single;
    }
    double_bits = leat_reader_le64(r);
    memcpy(&v, &double_bits, sizeof v);
    return v;
}

static int decimal_value(const struct my_decoding *d, struct leat_slice bytes,
                         struct leat_value *ret_value)
{
    const struct my_column *c = d->column;
    char *text = leat_arena_alloc(d->scratch, c->precision + 3u); /* sign, zero, point */
    if (!text)
        return my_value_no_room(d);
    size_t len = my_decimal_text(bytes.ptr, c->precision, c->scale, text);
    if (!len)
        return my_value_malformed(d, "is no decimal");
    return my_value_text(LEAT_DECIMAL, leat_slice_of(text, len), ret_value);
}

/* What is not a plain number. A value that is cut leaves r->bad. */
static int read_other(const struct my_decoding *d, struct leat_reader *r,
                      struct leat_value *ret_value)
{
    const struct my_column *c = d->column;
    struct leat_slice bytes;
    uint64_t number;
    switch (c->type) {
    case MY_TYPE_NEWDECIMAL:
        bytes = leat_reader_bytes(r, my_decimal_bytes(c->precision, c->scale));
        return r->bad ? LEAT_OK : decimal_value(d, bytes, ret_value);
    case MY_TYPE_ENUM:
    case MY_TYPE_SET:
        number = read_le(r, c->length_bytes);
        return r->bad ? LEAT_OK : my_label_decode(d, number, ret_value);
    case MY_TYPE_BIT:
        bytes = leat_reader_bytes(r, c->length_bytes);
        return r->bad ? LEAT_OK : my_bits_decode(d, bytes, ret_value);
    case MY_TYPE_NULL:
        *ret_value = (struct leat_value){.kind = LEAT_NULL};
        return LEAT_OK;
    case MY_TYPE_DATE:
    case MY_TYPE_NEWDATE:
    case MY_TYPE_TIME:
    case MY_TYPE_TIME2:
    case MY_TYPE_DATETIME:
    case MY_TYPE_DATETIME2:
    case MY_TYPE_TIMESTAMP:
    case MY_TYPE_TIMESTAMP2:
        return my_time_decode(d, r, ret_value);
    default:
        bytes = read_counted(c, r);
        return r->bad ? LEAT_OK : my_text_decode(d, bytes, ret_value);
    }
}

static int decode_other(const struct my_decoding *d, struct leat_reader *r,
                        struct leat_value *ret_value)
{
    int status = read_other(d, r, ret_value);
    return r->bad ? my_value_malformed(d, "is cut") : status;
}

int my_value_decode(const struct my_column *c, struct leat_reader *r, struct leat_arena *scratch,
                    struct my_value_policy *policy, struct leat_value *ret_value,
                    struct leat_err *err)
{
    if (c->kind == LEAT_INT64 || c->kind == LEAT_UINT64)
        ret_value->integer = read_integer(c, r);
    else if (c->kind == LEAT_FLOAT64 || c->kind == LEAT_FLOAT32)
        ret_value->real = read_real(c, r);
    else
        return decode_other(&(struct my_decoding){c, scratch, policy, err}, r, ret_value);
    ret_value->kind = c->kind; /* no whole value is copied: that would wait for its parts' stores */
    return r->bad ? my_value_malformed(&(struct my_decoding){c, scratch, policy, err}, "is cut")
                  : LEAT_OK;
}

/* Bytes of a value of fixed length; 0: it has its length in front. */
static size_t fixed_bytes(const struct my_column *c)
{
    static const uint8_t bytes[] = {
        [MY_TYPE_TINY] = 1,     [MY_TYPE_SHORT] = 2,      [MY_TYPE_LONG] = 4,
        [MY_TYPE_FLOAT] = 4,    [MY_TYPE_DOUBLE] = 8,     [MY_TYPE_TIMESTAMP] = 4,
        [MY_TYPE_LONGLONG] = 8, [MY_TYPE_INT24] = 3,      [MY_TYPE_DATE] = 3,
        [MY_TYPE_TIME] = 3,     [MY_TYPE_DATETIME] = 8,   [MY_TYPE_YEAR] = 1,
        [MY_TYPE_NEWDATE] = 3,  [MY_TYPE_TIMESTAMP2] = 4, [MY_TYPE_DATETIME2] = 5,
        [MY_TYPE_TIME2] = 3,
    };
    switch (c->type) {
    case MY_TYPE_BIT:
    case MY_TYPE_ENUM:
    case MY_TYPE_SET:
        return c->length_bytes;
    case MY_TYPE_NEWDECIMAL:
        return my_decimal_bytes(c->precision, c->scale);
    default:
        return c->type <= MY_TYPE_TIME2 && bytes[c->type] ? bytes[c->type] + (c->scale + 1u) / 2
                                                          : 0;
    }
}

bool my_value_skip(const struct my_column *c, struct leat_reader *r)
{
    size_t fixed = fixed_bytes(c);
    if (fixed)
        leat_reader_bytes(r, fixed);
    else if (c->type != MY_TYPE_NULL)
        read_counted(c, r);
    return !r->bad;
}
