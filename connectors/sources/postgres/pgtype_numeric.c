/*
 * Numbers: integers and floats from text, numeric in both forms.
 *
 * numeric, binary: digit count u16, weight i16, sign u16, display scale u16, then base-10000 digits
 * u16; the first digit counts 10000^weight. Printed it is exact: all integer digits, then exactly
 * `scale` more.
 *
 * Floats: Postgres prints the shortest text that reads back as the same number, so a correctly
 * rounded reader restores the bits. Up to 2^53 times or over a power of ten that a double holds
 * exactly is one correctly rounded operation (W. Clinger, "How to read floating point numbers
 * accurately"); everything else goes to strtod.
 */
#include "sources/postgres/pgtype_forms.h"

#include <math.h>
#include <stdlib.h>

static inline bool is_digit(uint8_t c)
{
    return (uint8_t)(c - '0') <= 9;
}

bool pgtype_parse_int(struct leat_slice text, int64_t min, int64_t max, int64_t *ret_integer)
{
    enum { DIGITS_MAX = 19 }; /* the accumulator cannot overflow below that */
    bool negative = text.len && text.ptr[0] == '-';
    const uint8_t *at = text.ptr + negative;
    const uint8_t *end = text.ptr + text.len;
    if (at == end || end - at > DIGITS_MAX)
        return false;
    uint64_t v = 0;
    for (; at < end; at++) {
        if (!is_digit(*at))
            return false;
        v = v * 10 + (uint64_t)(*at - '0');
    }
    if (v > (negative ? -(uint64_t)min : (uint64_t)max))
        return false;
    *ret_integer = (int64_t)(negative ? -v : v);
    return true;
}

/* --- floats ----------------------------------------------------------------------------------- */

/* digits × 10^exponent, as far as it fits. */
struct decimal {
    uint64_t digits;
    int exponent;
    bool negative;
    bool exact; /* nothing was left out of `digits` */
};

enum { FLOAT_TEXT_MAX = 63 }; /* Postgres needs 24 */

static int read_exponent(struct leat_reader *r)
{
    bool negative = r->at < r->end && *r->at == '-';
    int v = 0;
    if (r->at < r->end && (*r->at == '-' || *r->at == '+'))
        r->at++;
    r->bad |= r->at == r->end || r->end - r->at > 4;
    while (!r->bad && r->at < r->end && is_digit(*r->at))
        v = v * 10 + (*r->at++ - '0');
    return negative ? -v : v;
}

/* [-]digits[.digits][e[+-]digits] */
static bool parse_decimal(struct leat_slice text, struct decimal *ret_decimal)
{
    static const uint64_t room = UINT64_MAX / 10 - 1;
    struct leat_reader r = leat_reader_of(text);
    struct decimal d = {.exact = true, .negative = text.len && *r.at == '-'};
    bool point = false;
    size_t count = 0;
    r.at += d.negative;
    for (; r.at < r.end && (is_digit(*r.at) || (*r.at == '.' && !point)); r.at++) {
        if (*r.at == '.') {
            point = true;
            continue;
        }
        count++;
        d.exact &= d.digits <= room;
        if (d.exact)
            d.digits = d.digits * 10 + (uint64_t)(*r.at - '0');
        d.exponent -= point;
    }
    if (r.at < r.end && *r.at == 'e') {
        r.at++;
        d.exponent += read_exponent(&r);
    }
    *ret_decimal = d;
    return count > 0 && leat_reader_done(&r);
}

static bool parse_special(struct leat_slice text, double *ret_real)
{
    if (leat_slice_equal(text, LEAT_SLICE_LITERAL("NaN")))
        *ret_real = NAN;
    else if (leat_slice_equal(text, LEAT_SLICE_LITERAL("Infinity")))
        *ret_real = INFINITY;
    else if (leat_slice_equal(text, LEAT_SLICE_LITERAL("-Infinity")))
        *ret_real = -INFINITY;
    else
        return false;
    return true;
}

/* The C library's reader wants a NUL. A number that it calls infinite was none of Postgres'. */
static bool parse_slowly(struct leat_slice text, bool single, double *ret_real)
{
    char copy[FLOAT_TEXT_MAX + 1];
    if (text.len > FLOAT_TEXT_MAX)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    char *end;
    double v = single ? (double)strtof(copy, &end) : strtod(copy, &end);
    if (end != copy + text.len || isinf(v))
        return false;
    *ret_real = v;
    return true;
}

bool pgtype_parse_float8(struct leat_slice text, double *ret_real)
{
    enum { EXACT_POWER = 22 };
    static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    struct decimal d;
    if (!parse_decimal(text, &d))
        return parse_special(text, ret_real);
    if (!d.exact || d.digits > UINT64_C(1) << 53 || abs(d.exponent) > EXACT_POWER)
        return parse_slowly(text, false, ret_real);
    double v = (double)d.digits;
    v = d.exponent < 0 ? v / powers[-d.exponent] : v * powers[d.exponent];
    *ret_real = d.negative ? -v : v;
    return true;
}

/* In float arithmetic throughout: rounding a double once more could end on the neighbour. */
bool pgtype_parse_float4(struct leat_slice text, double *ret_real)
{
    enum { EXACT_POWER = 10 };
    static const float powers[EXACT_POWER + 1] = {1e0f, 1e1f, 1e2f, 1e3f, 1e4f, 1e5f,
                                                  1e6f, 1e7f, 1e8f, 1e9f, 1e10f};
    struct decimal d;
    if (!parse_decimal(text, &d))
        return parse_special(text, ret_real);
    if (!d.exact || d.digits > UINT64_C(1) << 24 || abs(d.exponent) > EXACT_POWER)
        return parse_slowly(text, true, ret_real);
    float v = (float)d.digits;
    v = d.exponent < 0 ? v / powers[-d.exponent] : v * powers[d.exponent];
    *ret_real = (double)(d.negative ? -v : v);
    return true;
}

/* --- numeric ---------------------------------------------------------------------------------- */

bool pgtype_numeric_valid(struct leat_slice text)
{
    const uint8_t *at = text.ptr;
    const uint8_t *end = text.ptr + text.len;
    at += text.len && *at == '-';
    const uint8_t *digits = at;
    while (at < end && is_digit(*at))
        at++;
    bool valid = at > digits;
    if (valid && at < end && *at == '.') {
        digits = ++at;
        while (at < end && is_digit(*at))
            at++;
        valid = at > digits;
    }
    double ignored;
    return (valid && at == end) || parse_special(text, &ignored);
}

struct numeric {
    unsigned count;
    int weight;
    bool negative;
    unsigned scale;
    const uint8_t *digits; /* big-endian u16 each, below 10000 */
};

static unsigned numeric_digit(const struct numeric *n, int place)
{
    int i = n->weight - place; /* place p counts 10000^p */
    if (i < 0 || i >= (int)n->count)
        return 0;
    return (unsigned)n->digits[2 * i] << 8 | n->digits[2 * i + 1];
}

static char *print_group(char *at, unsigned digit)
{
    *at++ = (char)('0' + digit / 1000);
    *at++ = (char)('0' + digit / 100 % 10);
    *at++ = (char)('0' + digit / 10 % 10);
    *at++ = (char)('0' + digit % 10);
    return at;
}

/* Enough for every group in front and behind, sign, point and the rounding up to whole groups. */
static size_t numeric_text_max(const struct numeric *n)
{
    size_t groups = n->weight >= 0 ? (size_t)n->weight + 1 : 1;
    return groups * 4 + n->scale + 4 + 2;
}

static size_t numeric_print(const struct numeric *n, char *text)
{
    char *at = text;
    if (n->negative)
        *at++ = '-';
    char *first = at;
    for (int place = n->weight > 0 ? n->weight : 0; place >= 0; place--)
        at = print_group(at, numeric_digit(n, place));
    char *zeros = first;
    while (zeros < at - 1 && *zeros == '0')
        zeros++;
    memmove(first, zeros, (size_t)(at - zeros));
    at -= zeros - first;
    if (!n->scale)
        return (size_t)(at - text);
    *at++ = '.';
    char *fraction = at;
    for (int place = -1; at < fraction + n->scale; place--)
        at = print_group(at, numeric_digit(n, place));
    return (size_t)(fraction + n->scale - text);
}

static bool numeric_read(struct leat_slice wire, struct numeric *ret_numeric, uint16_t *ret_sign)
{
    enum { SCALE_MAX = 0x3fff };
    struct leat_reader r = leat_reader_of(wire);
    struct numeric n;
    n.count = leat_reader_be16(&r);
    n.weight = (int16_t)leat_reader_be16(&r);
    *ret_sign = leat_reader_be16(&r);
    n.scale = leat_reader_be16(&r);
    n.digits = leat_reader_bytes(&r, (size_t)n.count * 2).ptr;
    n.negative = *ret_sign == 0x4000 && n.count > 0;
    if (!leat_reader_done(&r) || n.scale > SCALE_MAX)
        return false;
    for (unsigned i = 0; i < n.count; i++)
        if (numeric_digit(&n, n.weight - (int)i) > 9999)
            return false;
    if (n.count == 0)
        n.weight = 0;
    *ret_numeric = n;
    return true;
}

int pgtype_numeric_binary(const struct pgtype *type, struct leat_slice wire,
                          struct leat_arena *scratch, struct leat_value *ret_value,
                          struct leat_err *err)
{
    enum {
        POSITIVE = 0,
        NEGATIVE = 0x4000,
        NOT_A_NUMBER = 0xc000,
        PLUS_INF = 0xd000,
        MINUS_INF = 0xf000
    };
    struct numeric n;
    uint16_t sign;
    if (!numeric_read(wire, &n, &sign))
        return pgtype_malformed(type, wire, err);
    switch (sign) {
    case NOT_A_NUMBER:
        return pgtype_text_value(LEAT_DECIMAL, LEAT_SLICE_LITERAL("NaN"), ret_value);
    case PLUS_INF:
        return pgtype_text_value(LEAT_DECIMAL, LEAT_SLICE_LITERAL("Infinity"), ret_value);
    case MINUS_INF:
        return pgtype_text_value(LEAT_DECIMAL, LEAT_SLICE_LITERAL("-Infinity"), ret_value);
    case POSITIVE:
    case NEGATIVE:
        break;
    default:
        return pgtype_malformed(type, wire, err);
    }
    char *text = leat_arena_alloc(scratch, numeric_text_max(&n));
    if (!text)
        return pgtype_scratch_full(scratch, err);
    size_t len = numeric_print(&n, text);
    return pgtype_text_value(LEAT_DECIMAL, leat_slice_of(text, len), ret_value);
}
