/*
 * Binary to value, as the types' send functions write it. All integers big-endian; a value's length
 * is known from outside, so each case is closed by one check that nothing is missing and nothing
 * left.
 *
 *     bool u8 | int2, int4, int8, oid | float4, float8 IEEE | money i64 cents
 *     date i32 days, timestamp i64 µs, both since 2000, the extremes are infinities | time i64 µs
 *     timetz i64 µs, i32 seconds WEST | interval i64 µs, i32 days, i32 months | uuid 16 bytes
 *     bit i32 bits, then eight a byte, high bit first | jsonb u8 1, text | tid u32 block, u16 line
 *     inet u8 family (2, 3), u8 prefix, u8 is cidr, u8 bytes, address | macaddr 6 or 8 bytes
 *
 * Types that are LEAT_OTHER are printed the way their output functions do, so that both forms
 * agree.
 */
#include "sources/postgres/pgtype_forms.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { PRINT_MAX = 80 }; /* an IPv6 address with its prefix takes 49 */

static int print(struct leat_arena *scratch, uint8_t kind, const char *text,
                 struct leat_value *ret_value, struct leat_err *err)
{
    struct leat_slice copy;
    int rc = pgtype_scratch_copy(scratch, leat_slice_text(text), &copy, err);
    return rc ? rc : pgtype_text_value(kind, copy, ret_value);
}

/* --- numbers ---------------------------------------------------------------------------------- */

static int binary_int(const struct pgtype *type, struct leat_slice wire,
                      struct leat_value *ret_value, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(wire);
    int64_t v;
    switch ((enum pgtype_form)type->form) {
    case PGTYPE_FORM_BOOL:
        v = leat_reader_u8(&r);
        r.bad |= v > 1;
        break;
    case PGTYPE_FORM_INT2:
        v = (int16_t)leat_reader_be16(&r);
        break;
    case PGTYPE_FORM_INT4:
        v = (int32_t)leat_reader_be32(&r);
        break;
    case PGTYPE_FORM_OID:
        v = leat_reader_be32(&r);
        break;
    default:
        v = (int64_t)leat_reader_be64(&r);
        break;
    }
    if (!leat_reader_done(&r))
        return pgtype_malformed(type, wire, err);
    return pgtype_integer_value(type->kind, v, ret_value);
}

static int binary_float(const struct pgtype *type, struct leat_slice wire,
                        struct leat_value *ret_value, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(wire);
    double v;
    if (type->form == PGTYPE_FORM_FLOAT4) {
        uint32_t bits = leat_reader_be32(&r);
        float single;
        memcpy(&single, &bits, sizeof single);
        v = (double)single;
    } else {
        uint64_t bits = leat_reader_be64(&r);
        memcpy(&v, &bits, sizeof v);
    }
    if (!leat_reader_done(&r))
        return pgtype_malformed(type, wire, err);
    *ret_value = (struct leat_value){.kind = type->kind, .real = v};
    return LEAT_OK;
}

static int binary_money(const struct pgtype *type, struct leat_slice wire,
                        struct leat_arena *scratch, struct leat_value *ret_value,
                        struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(wire);
    int64_t cents = (int64_t)leat_reader_be64(&r);
    uint64_t size = cents < 0 ? -(uint64_t)cents : (uint64_t)cents;
    char text[PRINT_MAX];
    if (!leat_reader_done(&r))
        return pgtype_malformed(type, wire, err);
    snprintf(text, sizeof text, "%s%llu.%02u", cents < 0 ? "-" : "",
             (unsigned long long)(size / 100), (unsigned)(size % 100));
    return print(scratch, LEAT_DECIMAL, text, ret_value, err);
}

/* --- times ------------------------------------------------------------------------------------ */

static int binary_date(const struct pgtype *type, struct leat_slice wire,
                       struct leat_value *ret_value, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(wire);
    int32_t days = (int32_t)leat_reader_be32(&r);
    int64_t v = (int64_t)days + PGTYPE_EPOCH_DAYS;
    if (!leat_reader_done(&r))
        return pgtype_malformed(type, wire, err);
    if (days == INT32_MAX || days == INT32_MIN)
        v = days > 0 ? LEAT_INFINITY_US : LEAT_MINUS_INFINITY_US;
    return pgtype_integer_value(LEAT_DATE, v, ret_value);
}

static int binary_time(const struct pgtype *type, struct leat_slice wire,
                       struct leat_value *ret_value, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(wire);
    int64_t us = (int64_t)leat_reader_be64(&r);
    if (!leat_reader_done(&r) || us < 0 || us > PGTYPE_DAY_US)
        return pgtype_malformed(type, wire, err);
    return pgtype_integer_value(LEAT_TIME, us, ret_value);
}

/* What does not fit when counted from 1970 is printed, as it passes through in text form. */
static int binary_timestamp(const struct pgtype *type, struct leat_slice wire,
                            struct leat_arena *scratch, struct leat_value *ret_value,
                            struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(wire);
    int64_t us = (int64_t)leat_reader_be64(&r);
    int64_t v = us;
    char text[PGTYPE_TIMESTAMP_TEXT];
    if (!leat_reader_done(&r))
        return pgtype_malformed(type, wire, err);
    if (us == INT64_MAX || us == INT64_MIN)
        return pgtype_integer_value(type->kind, v, ret_value);
    if (!__builtin_add_overflow(us, PGTYPE_EPOCH_US, &v) && v != LEAT_INFINITY_US)
        return pgtype_integer_value(type->kind, v, ret_value);
    pgtype_print_timestamp(us, type->form == PGTYPE_FORM_TIMESTAMPTZ, text);
    return print(scratch, LEAT_OTHER, text, ret_value, err);
}

static int binary_timetz(const struct pgtype *type, struct leat_slice wire,
                         struct leat_value *ret_value, struct leat_err *err)
{
    enum { ZONE_MAX = 16 * 3600 };
    struct leat_reader r = leat_reader_of(wire);
    int64_t us = (int64_t)leat_reader_be64(&r);
    int32_t west = (int32_t)leat_reader_be32(&r);
    if (!leat_reader_done(&r) || us < 0 || us > PGTYPE_DAY_US || west <= -ZONE_MAX ||
        west >= ZONE_MAX)
        return pgtype_malformed(type, wire, err);
    *ret_value = (struct leat_value){.kind = LEAT_TIMETZ, .span = {.us = us, .days = -west}};
    return LEAT_OK;
}

/* From 17 on, all three parts at their extreme mean infinity; before, nobody could tell. */
static int binary_interval(const struct pgtype *type, struct leat_slice wire,
                           struct leat_value *ret_value, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(wire);
    struct leat_span s;
    s.us = (int64_t)leat_reader_be64(&r);
    s.days = (int32_t)leat_reader_be32(&r);
    s.months = (int32_t)leat_reader_be32(&r);
    if (!leat_reader_done(&r))
        return pgtype_malformed(type, wire, err);
    if (s.us == INT64_MAX && s.days == INT32_MAX && s.months == INT32_MAX)
        return pgtype_text_value(LEAT_OTHER, LEAT_SLICE_LITERAL("infinity"), ret_value);
    if (s.us == INT64_MIN && s.days == INT32_MIN && s.months == INT32_MIN)
        return pgtype_text_value(LEAT_OTHER, LEAT_SLICE_LITERAL("-infinity"), ret_value);
    *ret_value = (struct leat_value){.kind = LEAT_INTERVAL, .span = s};
    return LEAT_OK;
}

/* --- bytes and texts -------------------------------------------------------------------------- */

static int binary_uuid(const struct pgtype *type, struct leat_slice wire,
                       struct leat_value *ret_value, struct leat_err *err)
{
    if (wire.len != 16)
        return pgtype_malformed(type, wire, err);
    return pgtype_text_value(LEAT_UUID, wire, ret_value);
}

static int binary_bits(const struct pgtype *type, struct leat_slice wire,
                       struct leat_arena *scratch, struct leat_value *ret_value,
                       struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(wire);
    uint32_t count = leat_reader_be32(&r);
    struct leat_slice packed = leat_reader_bytes(&r, ((size_t)count + 7) / 8);
    if (!leat_reader_done(&r))
        return pgtype_malformed(type, wire, err);
    uint8_t *bits = leat_arena_alloc(scratch, count);
    if (!bits)
        return pgtype_scratch_full(scratch, err);
    for (uint32_t i = 0; i < count; i++)
        bits[i] = (uint8_t)('0' + (packed.ptr[i / 8] >> (7 - i % 8) & 1));
    return pgtype_text_value(LEAT_BITS, leat_slice_of(bits, count), ret_value);
}

/* "char" is one byte of any value; 0 prints as nothing, and since 16 what is not ASCII as \ooo. */
static int binary_char(const struct pgtype *type, struct leat_slice wire,
                       struct leat_arena *scratch, struct leat_value *ret_value,
                       struct leat_err *err)
{
    char text[PRINT_MAX];
    if (wire.len != 1)
        return pgtype_malformed(type, wire, err);
    if (wire.ptr[0] < 0x80)
        return pgtype_text_value(LEAT_STRING, leat_slice_of(wire.ptr, wire.ptr[0] != 0), ret_value);
    snprintf(text, sizeof text, "\\%03o", wire.ptr[0]);
    return print(scratch, LEAT_STRING, text, ret_value, err);
}

static int binary_versioned(const struct pgtype *type, struct leat_slice wire,
                            struct leat_value *ret_value, struct leat_err *err)
{
    if (wire.len < 1 || wire.ptr[0] != 1)
        return pgtype_malformed(type, wire, err);
    return pgtype_text_value(type->kind, leat_slice_of(wire.ptr + 1, wire.len - 1), ret_value);
}

/* --- printed ---------------------------------------------------------------------------------- */

static bool print_inet(struct leat_slice wire, bool cidr, char text[PRINT_MAX])
{
    enum { FAMILY_4 = 2, FAMILY_6 = 3 };
    struct leat_reader r = leat_reader_of(wire);
    char address[INET6_ADDRSTRLEN];
    uint8_t family = leat_reader_u8(&r);
    unsigned prefix = leat_reader_u8(&r);
    r.bad |= leat_reader_u8(&r) > 1;
    struct leat_slice bytes = leat_reader_bytes(&r, leat_reader_u8(&r));
    unsigned prefix_max = family == FAMILY_4 ? 32 : 128;
    if (!leat_reader_done(&r) || (family != FAMILY_4 && family != FAMILY_6) ||
        bytes.len * 8 != prefix_max || prefix > prefix_max)
        return false;
    inet_ntop(family == FAMILY_4 ? AF_INET : AF_INET6, bytes.ptr, address, sizeof address);
    if (prefix == prefix_max && !cidr)
        snprintf(text, PRINT_MAX, "%s", address);
    else
        snprintf(text, PRINT_MAX, "%s/%u", address, prefix);
    return true;
}

static bool print_macaddr(const struct pgtype *type, struct leat_slice wire, char text[PRINT_MAX])
{
    enum { OID_MACADDR8 = 774 };
    size_t bytes = type->oid == OID_MACADDR8 ? 8 : 6;
    for (size_t i = 0; i < wire.len && i < bytes; i++)
        snprintf(text + 3 * i, PRINT_MAX - 3 * i, "%02x:", wire.ptr[i]);
    text[3 * bytes - 1] = '\0';
    return wire.len == bytes;
}

static bool print_number(const struct pgtype *type, struct leat_slice wire, char text[PRINT_MAX])
{
    struct leat_reader r = leat_reader_of(wire);
    if (type->form == PGTYPE_FORM_XID) {
        snprintf(text, PRINT_MAX, "%u", leat_reader_be32(&r));
    } else if (type->form == PGTYPE_FORM_XID8) {
        snprintf(text, PRINT_MAX, "%llu", (unsigned long long)leat_reader_be64(&r));
    } else if (type->form == PGTYPE_FORM_LSN) {
        uint32_t high = leat_reader_be32(&r);
        snprintf(text, PRINT_MAX, "%X/%X", high, leat_reader_be32(&r));
    } else {
        uint32_t block = leat_reader_be32(&r);
        snprintf(text, PRINT_MAX, "(%u,%u)", block, leat_reader_be16(&r));
    }
    return leat_reader_done(&r);
}

static int binary_printed(const struct pgtype *type, struct leat_slice wire,
                          struct leat_arena *scratch, struct leat_value *ret_value,
                          struct leat_err *err)
{
    char text[PRINT_MAX];
    bool valid;
    switch ((enum pgtype_form)type->form) {
    case PGTYPE_FORM_INET:
    case PGTYPE_FORM_CIDR:
        valid = print_inet(wire, type->form == PGTYPE_FORM_CIDR, text);
        break;
    case PGTYPE_FORM_MACADDR:
        valid = print_macaddr(type, wire, text);
        break;
    default:
        valid = print_number(type, wire, text);
        break;
    }
    if (!valid)
        return pgtype_malformed(type, wire, err);
    return print(scratch, LEAT_OTHER, text, ret_value, err);
}

/* The forms that need scratch, and are not on the hot path. */
static int binary_wide(const struct pgtype *type, struct leat_slice wire,
                       struct leat_arena *scratch, struct leat_value *ret_value,
                       struct leat_err *err)
{
    switch ((enum pgtype_form)type->form) {
    case PGTYPE_FORM_NUMERIC:
        return pgtype_numeric_binary(type, wire, scratch, ret_value, err);
    case PGTYPE_FORM_MONEY:
        return binary_money(type, wire, scratch, ret_value, err);
    case PGTYPE_FORM_BITS:
        return binary_bits(type, wire, scratch, ret_value, err);
    case PGTYPE_FORM_CHAR:
        return binary_char(type, wire, scratch, ret_value, err);
    case PGTYPE_FORM_ARRAY:
        return pgtype_array_binary(type, wire, scratch, ret_value, err);
    case PGTYPE_FORM_VECTOR:
    case PGTYPE_FORM_RANGE:
    case PGTYPE_FORM_MULTIRANGE:
        return pgtype_range_binary(type, wire, scratch, ret_value, err);
    default:
        return binary_printed(type, wire, scratch, ret_value, err);
    }
}

int pgtype_decode_binary(const struct pgtype *type, struct leat_slice wire,
                         struct leat_arena *scratch, struct leat_value *ret_value,
                         struct leat_err *err)
{
    switch ((enum pgtype_form)type->form) {
    case PGTYPE_FORM_UNKNOWN: /* honest bytes rather than what only looks like the type's text */
        return pgtype_text_value(LEAT_BYTES, wire, ret_value);
    case PGTYPE_FORM_VERBATIM:
    case PGTYPE_FORM_BYTEA:
        return pgtype_text_value(type->kind, wire, ret_value);
    case PGTYPE_FORM_VERSIONED:
        return binary_versioned(type, wire, ret_value, err);
    case PGTYPE_FORM_BOOL:
    case PGTYPE_FORM_INT2:
    case PGTYPE_FORM_INT4:
    case PGTYPE_FORM_INT8:
    case PGTYPE_FORM_OID:
        return binary_int(type, wire, ret_value, err);
    case PGTYPE_FORM_FLOAT4:
    case PGTYPE_FORM_FLOAT8:
        return binary_float(type, wire, ret_value, err);
    case PGTYPE_FORM_DATE:
        return binary_date(type, wire, ret_value, err);
    case PGTYPE_FORM_TIME:
        return binary_time(type, wire, ret_value, err);
    case PGTYPE_FORM_TIMETZ:
        return binary_timetz(type, wire, ret_value, err);
    case PGTYPE_FORM_TIMESTAMP:
    case PGTYPE_FORM_TIMESTAMPTZ:
        return binary_timestamp(type, wire, scratch, ret_value, err);
    case PGTYPE_FORM_INTERVAL:
        return binary_interval(type, wire, ret_value, err);
    case PGTYPE_FORM_UUID:
        return binary_uuid(type, wire, ret_value, err);
    default:
        return binary_wide(type, wire, scratch, ret_value, err);
    }
}
