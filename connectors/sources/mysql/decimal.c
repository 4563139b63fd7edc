/*
 * Packed decimals.
 *
 *     precision 10, scale 3: seven digits, point, three digits
 *     80 00 00 7b 01 c8     ->  0000123 . 456
 *     ^ sign: 1 is positive; a negative number has all its bits turned over
 *
 * Nine digits take four bytes. What is left over at either end (in front of the whole groups,
 * behind the groups of the fraction) takes as many bytes as it needs. All digits are written with
 * their leading zeros first, which keeps a group a straight line, and then the zeros in front are
 * dropped.
 */
#include "sources/mysql/decimal.h"

enum {
    GROUP_DIGITS = 9,
    GROUP_BYTES = 4,
    PRECISION_MAX = 65,
    SCALE_MAX = 38, /* MariaDB's; MySQL allows 30 */
};

static const uint8_t BYTES_OF[GROUP_DIGITS + 1] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};

static const uint32_t POWER_OF_TEN[GROUP_DIGITS + 1] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};

static const char PAIRS[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

static size_t part_bytes(unsigned digits)
{
    return digits / GROUP_DIGITS * GROUP_BYTES + BYTES_OF[digits % GROUP_DIGITS];
}

size_t my_decimal_bytes(unsigned precision, unsigned scale)
{
    if (precision < 1 || precision > PRECISION_MAX || scale > SCALE_MAX || scale > precision)
        return 0;
    return part_bytes(precision - scale) + part_bytes(scale);
}

/* Where the digits come from and go to. */
struct unpacking {
    const uint8_t *at;
    uint8_t flip;  /* every byte is read with these bits turned */
    uint8_t first; /* and the first one with the sign's, too */
    char *to;
    bool bad; /* a group has more digits than it stands for */
};

static void unpack_group(struct unpacking *u, unsigned digits)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < BYTES_OF[digits]; i++) {
        v = v << 8 | (uint8_t)(*u->at++ ^ u->flip ^ u->first);
        u->first = 0;
    }
    u->bad |= v >= POWER_OF_TEN[digits];
    unsigned left = digits;
    for (; left >= 2; v /= 100)
        memcpy(u->to + (left -= 2), PAIRS + v % 100 * 2, 2);
    if (left)
        u->to[0] = (char)('0' + v % 10);
    u->to += digits;
}

static void unpack_whole(struct unpacking *u, unsigned digits)
{
    if (digits % GROUP_DIGITS)
        unpack_group(u, digits % GROUP_DIGITS);
    for (unsigned i = 0; i < digits / GROUP_DIGITS; i++)
        unpack_group(u, GROUP_DIGITS);
}

static void unpack_fraction(struct unpacking *u, unsigned digits)
{
    for (unsigned i = 0; i < digits / GROUP_DIGITS; i++)
        unpack_group(u, GROUP_DIGITS);
    if (digits % GROUP_DIGITS)
        unpack_group(u, digits % GROUP_DIGITS);
}

size_t my_decimal_text(const uint8_t *bytes, unsigned precision, unsigned scale, char *ret_text)
{
    char digits[PRECISION_MAX];
    bool negative = !(bytes[0] & 0x80);
    unsigned whole = precision - scale;
    struct unpacking u = {.at = bytes, .flip = negative ? 0xff : 0, .first = 0x80, .to = digits};
    unpack_whole(&u, whole);
    unpack_fraction(&u, scale);
    if (u.bad)
        return 0;
    char *to = ret_text;
    unsigned zeros = 0;
    while (zeros < whole && digits[zeros] == '0')
        zeros++;
    if (negative)
        *to++ = '-';
    if (zeros == whole)
        *to++ = '0';
    memcpy(to, digits + zeros, whole - zeros);
    to += whole - zeros;
    if (scale) {
        *to++ = '.';
        memcpy(to, digits + whole, scale);
        to += scale;
    }
    return (size_t)(to - ret_text);
}
