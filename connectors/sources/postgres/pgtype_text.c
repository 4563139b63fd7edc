/*
 * Text to value. Every case either reads the whole text or leaves it as it is: LEAT_OTHER,
 * verbatim.
 */
#include "sources/postgres/pgtype_forms.h"

/* 0x10 and the value of a lower-case hex digit, which is all that Postgres prints; 0 for the
 * rest. */
static const uint8_t HEX[256] = {
    ['0'] = 0x10, ['1'] = 0x11, ['2'] = 0x12, ['3'] = 0x13, ['4'] = 0x14, ['5'] = 0x15,
    ['6'] = 0x16, ['7'] = 0x17, ['8'] = 0x18, ['9'] = 0x19, ['a'] = 0x1a, ['b'] = 0x1b,
    ['c'] = 0x1c, ['d'] = 0x1d, ['e'] = 0x1e, ['f'] = 0x1f,
};

static int other(struct leat_slice wire, struct leat_value *ret_value)
{
    return pgtype_text_value(LEAT_OTHER, wire, ret_value);
}

static int text_bool(struct leat_slice wire, struct leat_value *ret_value)
{
    if (wire.len != 1 || (*wire.ptr != 't' && *wire.ptr != 'f'))
        return other(wire, ret_value);
    return pgtype_integer_value(LEAT_BOOL, *wire.ptr == 't', ret_value);
}

static inline int text_int(struct leat_slice wire, int64_t min, int64_t max,
                           struct leat_value *ret_value)
{
    int64_t v;
    if (!pgtype_parse_int(wire, min, max, &v))
        return other(wire, ret_value);
    return pgtype_integer_value(LEAT_INT64, v, ret_value);
}

static int text_float(const struct pgtype *type, struct leat_slice wire,
                      struct leat_value *ret_value)
{
    double v;
    bool single = type->form == PGTYPE_FORM_FLOAT4;
    if (!(single ? pgtype_parse_float4(wire, &v) : pgtype_parse_float8(wire, &v)))
        return other(wire, ret_value);
    *ret_value = (struct leat_value){.kind = type->kind, .real = v};
    return LEAT_OK;
}

/* --- money ------------------------------------------------------------------------------------ */

/* "[-]$1,234.50" of lc_monetary C, without its decoration; 0 if it is not that. */
static size_t money_digits(struct leat_slice wire, uint8_t *text)
{
    struct leat_reader r = leat_reader_of(wire);
    size_t len = 0;
    if (wire.len && *r.at == '-')
        text[len++] = leat_reader_u8(&r);
    if (leat_reader_u8(&r) != '$')
        return 0;
    for (; r.at < r.end; r.at++) {
        if (*r.at == '-')
            return 0;
        if (*r.at != ',')
            text[len++] = *r.at;
    }
    bool cents = len >= 3 && text[len - 3] == '.';
    return cents && pgtype_numeric_valid(leat_slice_of(text, len)) ? len : 0;
}

static int text_money(struct leat_slice wire, struct leat_arena *scratch,
                      struct leat_value *ret_value, struct leat_err *err)
{
    enum { MONEY_TEXT_MAX = 32 }; /* "-$92,233,720,368,547,758.08" is the longest */
    uint8_t digits[MONEY_TEXT_MAX];
    size_t len = wire.len <= MONEY_TEXT_MAX ? money_digits(wire, digits) : 0;
    struct leat_slice text;
    if (!len)
        return other(wire, ret_value);
    int rc = pgtype_scratch_copy(scratch, leat_slice_of(digits, len), &text, err);
    return rc ? rc : pgtype_text_value(LEAT_DECIMAL, text, ret_value);
}

/* --- bytes ------------------------------------------------------------------------------------ */

static bool hex_valid(const uint8_t *at, const uint8_t *end)
{
    uint8_t seen = 0x10;
    for (; at < end; at++)
        seen &= HEX[*at];
    return seen & 0x10;
}

/* `to` may be the start of `at`'s bytes or lie before it: it is written behind what is read. */
static void hex_decode(const uint8_t *at, size_t count, uint8_t *to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (uint8_t)(HEX[at[2 * i]] << 4 | (HEX[at[2 * i + 1]] & 0xf));
}

/* "\x" and two digits a byte. A large one is decoded where it stands: a bytea may take a gigabyte
 * of the receive buffer, which is ours, and its bytes are half as long as their text (I6). It is
 * checked first, for what is not hex must remain readable. */
static int text_bytea(struct leat_slice wire, struct leat_arena *scratch,
                      struct leat_value *ret_value, struct leat_err *err)
{
    if (wire.len < 2 || wire.len % 2 || wire.ptr[0] != '\\' || wire.ptr[1] != 'x' ||
        !hex_valid(wire.ptr + 2, wire.ptr + wire.len))
        return other(wire, ret_value);
    size_t count = wire.len / 2 - 1;
    uint8_t *to = wire.len > PGTYPE_IN_PLACE_BYTES ? (uint8_t *)(uintptr_t)wire.ptr
                                                   : leat_arena_alloc(scratch, count);
    if (!to)
        return pgtype_scratch_full(scratch, err);
    hex_decode(wire.ptr + 2, count, to);
    return pgtype_text_value(LEAT_BYTES, leat_slice_of(to, count), ret_value);
}

/* 8-4-4-4-12 digits with dashes between. */
static int text_uuid(struct leat_slice wire, struct leat_arena *scratch,
                     struct leat_value *ret_value, struct leat_err *err)
{
    enum { UUID_BYTES = 16, UUID_TEXT = 36, UUID_DIGITS = 32 };
    uint8_t digits[UUID_DIGITS];
    size_t count = 0;
    bool valid = wire.len == UUID_TEXT;
    for (size_t i = 0; valid && i < UUID_TEXT; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash)
            valid = wire.ptr[i] == '-';
        else
            digits[count++] = wire.ptr[i];
    }
    if (!valid || !hex_valid(digits, digits + count))
        return other(wire, ret_value);
    uint8_t *bytes = leat_arena_alloc(scratch, UUID_BYTES);
    if (!bytes)
        return pgtype_scratch_full(scratch, err);
    hex_decode(digits, UUID_BYTES, bytes);
    return pgtype_text_value(LEAT_UUID, leat_slice_of(bytes, UUID_BYTES), ret_value);
}

static int text_bits(struct leat_slice wire, struct leat_value *ret_value)
{
    bool valid = true;
    for (size_t i = 0; i < wire.len; i++)
        valid &= (wire.ptr[i] | 1) == '1';
    return pgtype_text_value(valid ? LEAT_BITS : LEAT_OTHER, wire, ret_value);
}

/* --- times ------------------------------------------------------------------------------------ */

static int text_time(const struct pgtype *type, struct leat_slice wire,
                     struct leat_value *ret_value)
{
    int64_t v = 0;
    bool valid;
    switch ((enum pgtype_form)type->form) {
    case PGTYPE_FORM_DATE:
        valid = pgtype_parse_date(wire, &v);
        break;
    case PGTYPE_FORM_TIME:
        valid = pgtype_parse_time(wire, &v);
        break;
    default:
        valid = pgtype_parse_timestamp(wire, type->form == PGTYPE_FORM_TIMESTAMPTZ, &v);
        break;
    }
    return valid ? pgtype_integer_value(type->kind, v, ret_value) : other(wire, ret_value);
}

static int text_span(const struct pgtype *type, struct leat_slice wire,
                     struct leat_value *ret_value)
{
    struct leat_span span;
    bool valid = type->form == PGTYPE_FORM_TIMETZ ? pgtype_parse_timetz(wire, &span)
                                                  : pgtype_parse_interval(wire, &span);
    if (!valid)
        return other(wire, ret_value);
    *ret_value = (struct leat_value){.kind = type->kind, .span = span};
    return LEAT_OK;
}

int pgtype_decode_text(const struct pgtype *type, struct leat_slice wire,
                       struct leat_arena *scratch, struct leat_value *ret_value,
                       struct leat_err *err)
{
    switch ((enum pgtype_form)type->form) {
    case PGTYPE_FORM_BOOL:
        return text_bool(wire, ret_value);
    case PGTYPE_FORM_INT2:
        return text_int(wire, INT16_MIN, INT16_MAX, ret_value);
    case PGTYPE_FORM_INT4:
        return text_int(wire, INT32_MIN, INT32_MAX, ret_value);
    case PGTYPE_FORM_INT8:
        return text_int(wire, INT64_MIN, INT64_MAX, ret_value);
    case PGTYPE_FORM_OID:
        return text_int(wire, 0, UINT32_MAX, ret_value);
    case PGTYPE_FORM_FLOAT4:
    case PGTYPE_FORM_FLOAT8:
        return text_float(type, wire, ret_value);
    case PGTYPE_FORM_NUMERIC:
        return pgtype_text_value(pgtype_numeric_valid(wire) ? LEAT_DECIMAL : LEAT_OTHER, wire,
                                 ret_value);
    case PGTYPE_FORM_MONEY:
        return text_money(wire, scratch, ret_value, err);
    case PGTYPE_FORM_BYTEA:
        return text_bytea(wire, scratch, ret_value, err);
    case PGTYPE_FORM_DATE:
    case PGTYPE_FORM_TIME:
    case PGTYPE_FORM_TIMESTAMP:
    case PGTYPE_FORM_TIMESTAMPTZ:
        return text_time(type, wire, ret_value);
    case PGTYPE_FORM_TIMETZ:
    case PGTYPE_FORM_INTERVAL:
        return text_span(type, wire, ret_value);
    case PGTYPE_FORM_UUID:
        return text_uuid(wire, scratch, ret_value, err);
    case PGTYPE_FORM_BITS:
        return text_bits(wire, ret_value);
    case PGTYPE_FORM_ARRAY:
        return pgtype_array_text(type, wire, scratch, ret_value, err);
    default:
        return pgtype_text_value(type->kind, wire, ret_value);
    }
}
