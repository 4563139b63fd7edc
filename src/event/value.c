/*
 * The stored form of a value and of an array, as include/leat/value.h lays them out. Writing trusts
 * the caller's reservation; reading trusts nothing.
 */
#include <leat/value.h>

#include <leat/limits.h>

static const char *const KIND_NAMES[LEAT_KIND_COUNT] = {
    [LEAT_ABSENT] = "absent",
    [LEAT_NULL] = "null",
    [LEAT_BOOL] = "bool",
    [LEAT_INT64] = "int64",
    [LEAT_UINT64] = "uint64",
    [LEAT_FLOAT32] = "float32",
    [LEAT_FLOAT64] = "float64",
    [LEAT_DECIMAL] = "decimal",
    [LEAT_STRING] = "string",
    [LEAT_BYTES] = "bytes",
    [LEAT_JSON] = "json",
    [LEAT_DATE] = "date",
    [LEAT_TIME] = "time",
    [LEAT_TIMESTAMP] = "timestamp",
    [LEAT_TIMESTAMPTZ] = "timestamptz",
    [LEAT_INTERVAL] = "interval",
    [LEAT_UUID] = "uuid",
    [LEAT_BITS] = "bits",
    [LEAT_ARRAY] = "array",
    [LEAT_OTHER] = "other",
    [LEAT_TIMETZ] = "timetz",
};

const char *leat_kind_name(enum leat_kind kind)
{
    return (unsigned)kind < LEAT_KIND_COUNT ? KIND_NAMES[kind] : "?";
}

static bool real_equal(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}

bool leat_value_equal(const struct leat_value *a, const struct leat_value *b)
{
    if (a->kind != b->kind)
        return false;
    switch ((enum leat_kind)a->kind) {
    case LEAT_ABSENT:
    case LEAT_NULL:
        return true;
    case LEAT_FLOAT32:
    case LEAT_FLOAT64:
        return real_equal(a->real, b->real);
    case LEAT_INTERVAL:
    case LEAT_TIMETZ:
        return a->span.us == b->span.us && a->span.days == b->span.days &&
               a->span.months == b->span.months;
    default:
        return leat_kind_is_text(a->kind) ? leat_slice_equal(a->text, b->text)
                                          : a->integer == b->integer;
    }
}

void leat_value_write(struct leat_buf *buf, const struct leat_value *v)
{
    leat_buf_u8(buf, v->kind);
    switch ((enum leat_kind)v->kind) {
    case LEAT_ABSENT:
    case LEAT_NULL:
    case LEAT_KIND_COUNT:
        return;
    case LEAT_BOOL:
        leat_buf_u8(buf, v->integer != 0);
        return;
    case LEAT_INT64:
    case LEAT_DATE:
    case LEAT_TIME:
    case LEAT_TIMESTAMP:
    case LEAT_TIMESTAMPTZ:
        leat_buf_zigzag(buf, v->integer);
        return;
    case LEAT_UINT64:
        leat_buf_varint(buf, v->natural);
        return;
    case LEAT_FLOAT32: {
        float f = (float)v->real;
        leat_buf_raw(buf, &f, sizeof f);
        return;
    }
    case LEAT_FLOAT64:
        leat_buf_raw(buf, &v->real, sizeof v->real);
        return;
    case LEAT_INTERVAL:
    case LEAT_TIMETZ:
        leat_buf_zigzag(buf, v->span.us);
        leat_buf_zigzag(buf, v->span.days);
        leat_buf_zigzag(buf, v->span.months);
        return;
    case LEAT_DECIMAL:
    case LEAT_STRING:
    case LEAT_BYTES:
    case LEAT_JSON:
    case LEAT_UUID:
    case LEAT_BITS:
    case LEAT_ARRAY:
    case LEAT_OTHER:
        leat_buf_counted(buf, v->text);
        return;
    }
}

static int32_t read_zigzag32(struct leat_reader *r)
{
    int64_t v = leat_reader_zigzag(r);
    if (v < INT32_MIN || v > INT32_MAX)
        r->bad = true;
    return (int32_t)v;
}

static double read_real(struct leat_reader *r, size_t len)
{
    struct leat_slice s = leat_reader_bytes(r, len);
    float f = 0;
    double d = 0;
    if (!s.len)
        return 0;
    if (len == sizeof f) {
        memcpy(&f, s.ptr, sizeof f);
        return (double)f;
    }
    memcpy(&d, s.ptr, sizeof d);
    return d;
}

static void read_content(struct leat_reader *r, struct leat_value *v)
{
    switch ((enum leat_kind)v->kind) {
    case LEAT_ABSENT:
    case LEAT_NULL:
        return;
    case LEAT_BOOL:
        v->integer = leat_reader_u8(r);
        r->bad |= v->integer > 1;
        return;
    case LEAT_INT64:
    case LEAT_DATE:
    case LEAT_TIME:
    case LEAT_TIMESTAMP:
    case LEAT_TIMESTAMPTZ:
        v->integer = leat_reader_zigzag(r);
        return;
    case LEAT_UINT64:
        v->natural = leat_reader_varint(r);
        return;
    case LEAT_FLOAT32:
        v->real = read_real(r, sizeof(float));
        return;
    case LEAT_FLOAT64:
        v->real = read_real(r, sizeof(double));
        return;
    case LEAT_INTERVAL:
    case LEAT_TIMETZ:
        v->span.us = leat_reader_zigzag(r);
        v->span.days = read_zigzag32(r);
        v->span.months = read_zigzag32(r);
        return;
    case LEAT_DECIMAL:
    case LEAT_STRING:
    case LEAT_BYTES:
    case LEAT_JSON:
    case LEAT_UUID:
    case LEAT_BITS:
    case LEAT_ARRAY:
    case LEAT_OTHER:
        v->text = leat_reader_counted(r);
        return;
    case LEAT_KIND_COUNT:
        break;
    }
    r->bad = true;
}

void leat_value_read(struct leat_reader *r, struct leat_value *ret_value)
{
    struct leat_value v = {.kind = leat_reader_u8(r), .span = {0, 0, 0}};
    read_content(r, &v);
    if (r->bad)
        v = (struct leat_value){.kind = LEAT_ABSENT, .span = {0, 0, 0}};
    *ret_value = v;
}

void leat_array_begin(struct leat_buf *buf, const struct leat_array *shape)
{
    if (!leat_buf_reserve(buf, 1 + LEAT_ARRAY_DIMENSIONS_MAX * 2 * LEAT_VARINT_BYTES_MAX)) {
        buf->full = true;
        return;
    }
    leat_buf_u8(buf, (uint8_t)shape->dimensions);
    for (unsigned i = 0; i < shape->dimensions; i++) {
        leat_buf_varint(buf, shape->lengths[i]);
        leat_buf_zigzag(buf, shape->lower_bounds[i]);
    }
}

void leat_array_append(struct leat_buf *buf, const struct leat_value *element)
{
    if (buf->full || !leat_buf_reserve(buf, leat_value_bytes_max(element))) {
        buf->full = true;
        return;
    }
    leat_value_write(buf, element);
}

bool leat_array_open(struct leat_slice encoded, struct leat_array *ret_array)
{
    struct leat_array a = {.elements = leat_reader_of(encoded)};
    struct leat_reader *r = &a.elements;
    a.dimensions = leat_reader_u8(r);
    if (r->bad || a.dimensions > LEAT_ARRAY_DIMENSIONS_MAX)
        return false;
    a.count = a.dimensions ? 1 : 0;
    for (unsigned i = 0; i < a.dimensions; i++) {
        uint64_t length = leat_reader_varint(r);
        a.lower_bounds[i] = read_zigzag32(r);
        /* every element takes a byte at least, so a forged count cannot exceed the bytes there are
         */
        if (r->bad || length > UINT32_MAX || __builtin_mul_overflow(a.count, length, &a.count) ||
            a.count > encoded.len)
            return false;
        a.lengths[i] = (uint32_t)length;
    }
    *ret_array = a;
    return true;
}
