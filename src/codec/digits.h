/*
 * Decimal digits, two at a time: the inner loop of every number and time that is written.
 *
 * Each function writes at `at`, which must have room, and returns the place behind what it wrote.
 */
#ifndef CODEC_DIGITS_H
#define CODEC_DIGITS_H

#include <stdint.h>
#include <string.h>

enum { DIGITS_U64_MAX = 20, DIGITS_I64_MAX = 20 };

static const char DIGIT_PAIRS[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
    "49505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697"
    "9899";

/* Two digits of 0 … 99. */
static inline uint8_t *digits_pair(uint8_t *at, unsigned v)
{
    memcpy(at, DIGIT_PAIRS + 2 * v, 2);
    return at + 2;
}

/* As few digits as the number has. */
static inline uint8_t *digits_u64(uint8_t *at, uint64_t v)
{
    uint8_t text[DIGITS_U64_MAX];
    uint8_t *first = text + sizeof text;
    while (v >= 100) {
        first -= 2;
        memcpy(first, DIGIT_PAIRS + 2 * (v % 100), 2);
        v /= 100;
    }
    if (v >= 10) {
        first -= 2;
        memcpy(first, DIGIT_PAIRS + 2 * v, 2);
    } else {
        *--first = (uint8_t)('0' + v);
    }
    size_t len = (size_t)(text + sizeof text - first);
    memcpy(at, first, len);
    return at + len;
}

static inline uint8_t *digits_i64(uint8_t *at, int64_t v)
{
    if (v < 0)
        *at++ = '-';
    return digits_u64(at, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

#endif
