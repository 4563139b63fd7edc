/*
 * Numbers that need thought: reals in their shortest form, and decimals as two's complement.
 *
 * Reals. A decimal of at most 15 digits is told from every other one by its double, so if one reads back
 * as v it is the only one, and it is the shortest. One multiplication finds the candidate r / 10^n, one
 * division (exact operands, so correctly rounded) proves it: that covers everything that people type.
 * What is left, mostly results of arithmetic, is tried with 15, 16 and 17 digits by the C library. An own
 * implementation of Ryu or Schubfach would make that faster at the price of 10 KB of tables.
 *
 * Decimals. Up to 38 digits fit a 128-bit integer; longer ones are multiplied up in 32-bit limbs, which
 * takes quadratic time and is therefore bounded.
 */
#include "json_writer.h"

#include "digits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DOUBLE_EASY_DIGITS = 15, /* DBL_DIG: any so long decimal survives double and back */
    FLOAT_EASY_DIGITS = 6,   /* FLT_DIG */
    DIGITS_MAX = 17,
    REAL_TEXT_BYTES = 40,
    DECIMAL_DIGITS_MAX = 200000, /* Postgres' longest numeric has 147,455 */
};

static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* d.ddd × 10^exponent: digits without trailing zeros. */
struct shortest {
    uint8_t digits[DIGITS_U64_MAX];
    int count;
    int exponent;
};

/* r / 10^n as digits and exponent. */
static void shortest_of(uint64_t r, int n, struct shortest *ret)
{
    ret->count = (int)(digits_u64(ret->digits, r) - ret->digits);
    ret->exponent = ret->count - 1 - n;
    while (ret->count > 1 && ret->digits[ret->count - 1] == '0')
        ret->count--;
}

/* The decimal of at most `digits` digits that reads back as v > 0, if there is one. */
static bool easy(double v, int digits, bool single, struct shortest *ret)
{
    if (v < 1e-6 || v >= 1e15)
        return false;
    int log10 = (ilogb(v) * 1233) >> 12; /* or one less */
    for (int n = digits - 1 - log10; n >= digits - 2 - log10; n--) {
        double scaled = n >= 0 ? v * POWERS[n] : v / POWERS[-n];
        uint64_t r = (uint64_t)(scaled + 0.5);
        if ((double)r >= POWERS[digits])
            continue;
        double back = n >= 0 ? (double)r / POWERS[n] : (double)r * POWERS[-n];
        if (single ? (float)back != (float)v : back != v)
            return false;
        shortest_of(r, n, ret);
        return true;
    }
    return false;
}

static void hard(double v, bool single, struct shortest *ret)
{
    /* below the normal numbers a digit less and less is needed */
    bool normal = v >= (single ? 0x1p-126 : 0x1p-1022);
    int last = single ? 8 : 16;
    char text[REAL_TEXT_BYTES];
    for (int behind = normal ? (single ? 5 : 14) : 1; behind <= last; behind++) {
        snprintf(text, sizeof text, "%.*e", behind, v);
        if (single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v)
            break;
    }
    const char *e = strchr(text, 'e');
    int exponent = 0;
    for (const char *at = e + 2; *at; at++)
        exponent = exponent * 10 + (*at - '0');
    ret->exponent = e[1] == '-' ? -exponent : exponent;
    ret->count = 0;
    for (const char *at = text; at < e; at++)
        if (at != text + 1) /* the point */
            ret->digits[ret->count++] = (uint8_t)*at;
    while (ret->count > 1 && ret->digits[ret->count - 1] == '0')
        ret->count--;
}

static uint8_t *put_zeros(uint8_t *at, int count)
{
    for (int i = 0; i < count; i++)
        *at++ = '0';
    return at;
}

/* Digits with a point behind the first `whole` of them, zeros where there are none. */
static uint8_t *put_plain(uint8_t *at, const struct shortest *s, int whole)
{
    int have = s->count < whole ? s->count : whole;
    memcpy(at, s->digits, (size_t)have);
    at = put_zeros(at + have, whole - have);
    *at++ = '.';
    if (s->count <= whole)
        return put_zeros(at, 1);
    memcpy(at, s->digits + whole, (size_t)(s->count - whole));
    return at + (s->count - whole);
}

/* Double.toString's layout. */
static uint8_t *put_java(uint8_t *at, const struct shortest *s)
{
    if (s->exponent >= 0 && s->exponent < 7)
        return put_plain(at, s, s->exponent + 1);
    if (s->exponent < 0 && s->exponent >= -3) {
        memcpy(at, "0.", 2);
        at = put_zeros(at + 2, -s->exponent - 1);
        memcpy(at, s->digits, (size_t)s->count);
        return at + s->count;
    }
    at = put_plain(at, s, 1);
    *at++ = 'E';
    return digits_i64(at, s->exponent);
}

static void put_real(struct leat_json *j, double v, bool single)
{
    if (isnan(v)) {
        leat_json_raw(j, "\"NaN\"", 5);
        return;
    }
    if (isinf(v)) {
        leat_json_plain(j, v < 0 ? "-Infinity" : "Infinity", v < 0 ? 9 : 8);
        return;
    }
    uint8_t text[REAL_TEXT_BYTES];
    uint8_t *at = text;
    double magnitude = fabs(v);
    if (signbit(v))
        *at++ = '-';
    struct shortest s = {.digits = "0", .count = 1};
    if (magnitude > 0 && magnitude < 0x1p24 && magnitude == (double)(uint64_t)magnitude)
        shortest_of((uint64_t)magnitude, 0, &s); /* counts and sums: every whole float below 2^24 is exact */
    else if (magnitude > 0 &&
             !easy(magnitude, single ? FLOAT_EASY_DIGITS : DOUBLE_EASY_DIGITS, single, &s))
        hard(magnitude, single, &s);
    at = put_java(at, &s);
    leat_json_raw(j, text, (size_t)(at - text));
}

void leat_json_double(struct leat_json *j, double v)
{
    put_real(j, v, false);
}

void leat_json_float(struct leat_json *j, float v)
{
    put_real(j, (double)v, true);
}

/* --- decimals -------------------------------------------------------------------------------- */

struct decimal {
    bool negative;
    struct leat_slice whole;    /* digits in front of the point, at least one */
    struct leat_slice fraction; /* digits behind it, without trailing zeros */
};

static struct leat_slice take_digits(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *first = *at;
    while (*at < end && **at >= '0' && **at <= '9')
        (*at)++;
    return leat_slice_of(first, (size_t)(*at - first));
}

static bool decimal_parse(struct leat_slice text, struct decimal *ret)
{
    if (!text.len)
        return false;
    const uint8_t *at = text.ptr, *end = text.ptr + text.len;
    struct decimal d = {.negative = *at == '-'};
    at += d.negative;
    d.whole = take_digits(&at, end);
    if (at < end && *at == '.') {
        at++;
        d.fraction = take_digits(&at, end);
    }
    if (at != end || !d.whole.len)
        return false;
    while (d.fraction.len && d.fraction.ptr[d.fraction.len - 1] == '0')
        d.fraction.len--;
    *ret = d;
    return true;
}

int32_t leat_json_decimal_scale(struct leat_slice text)
{
    struct decimal d;
    if (!decimal_parse(text, &d) || d.fraction.len > DECIMAL_DIGITS_MAX)
        return -1;
    return (int32_t)d.fraction.len;
}

/* The n-th digit of the decimal × 10^scale. */
static inline unsigned decimal_digit(const struct decimal *d, size_t n)
{
    if (n < d->whole.len)
        return (unsigned)d->whole.ptr[n] - '0';
    n -= d->whole.len;
    return n < d->fraction.len ? (unsigned)d->fraction.ptr[n] - '0' : 0;
}

/* Big-endian two's complement, shortest as java.math.BigInteger.toByteArray gives it. */
static void put_shortest(struct leat_json *j, const uint8_t *bytes, size_t len)
{
    while (len > 1 && ((bytes[0] == 0 && bytes[1] < 0x80) || (bytes[0] == 0xff && bytes[1] >= 0x80))) {
        bytes++;
        len--;
    }
    leat_json_base64(j, leat_slice_of(bytes, len));
}

static void put_int128(struct leat_json *j, const struct decimal *d, size_t digits)
{
    unsigned __int128 v = 0;
    for (size_t i = 0; i < digits; i++)
        v = v * 10 + decimal_digit(d, i);
    if (d->negative)
        v = -v;
    uint8_t bytes[sizeof v];
    for (size_t i = sizeof bytes; i-- > 0; v >>= 8)
        bytes[i] = (uint8_t)v;
    put_shortest(j, bytes, sizeof bytes);
}

/* Magnitude into little-endian limbs, nine digits a step; the limbs are zeroed and enough. Their number. */
static size_t multiply_up(const struct decimal *d, size_t digits, uint32_t *limbs)
{
    size_t used = 0;
    for (size_t i = 0; i < digits;) {
        uint32_t factor = 1, addend = 0;
        for (; i < digits && factor < 1000000000; i++, factor *= 10)
            addend = addend * 10 + decimal_digit(d, i);
        uint64_t carry = addend;
        for (size_t k = 0; k < used; k++) {
            carry += (uint64_t)limbs[k] * factor;
            limbs[k] = (uint32_t)carry;
            carry >>= 32;
        }
        if (carry)
            limbs[used++] = (uint32_t)carry;
    }
    return used;
}

static void put_limbs(struct leat_json *j, const struct decimal *d, size_t digits)
{
    size_t limb_count = digits / 9 + 2; /* a limb holds more than nine digits; one more for the sign */
    uint32_t *limbs = calloc(2 * limb_count, sizeof *limbs);
    if (!limbs) {
        j->buf->full = true;
        return;
    }
    size_t used = multiply_up(d, digits, limbs) + 1;
    uint8_t *bytes = (uint8_t *)(limbs + limb_count);
    unsigned carry = 1;
    for (size_t i = 0; i < 4 * used; i++) {
        unsigned byte = limbs[i / 4] >> (i % 4 * 8) & 0xff;
        if (d->negative) {
            byte = (byte ^ 0xff) + carry;
            carry = byte >> 8;
        }
        bytes[4 * used - 1 - i] = (uint8_t)byte;
    }
    put_shortest(j, bytes, 4 * used);
    free(limbs);
}

bool leat_json_decimal(struct leat_json *j, struct leat_slice text, int32_t scale)
{
    struct decimal d;
    if (scale < 0 || !decimal_parse(text, &d) || d.fraction.len > (size_t)scale)
        return false;
    size_t digits = d.whole.len + (size_t)scale;
    if (digits > DECIMAL_DIGITS_MAX)
        return false;
    if (digits <= 38)
        put_int128(j, &d, digits);
    else
        put_limbs(j, &d, digits);
    return true;
}
