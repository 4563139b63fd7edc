/*
 * Is it UTF-8 (Unicode 15, table 3-7)? Pure.
 */
#ifndef WEBHOOK_UTF8_H
#define WEBHOOK_UTF8_H

#include <leat/slice.h>

/* The place behind the sequence of two to four bytes at `at`; NULL: it is none. */
static inline const uint8_t *utf8_sequence(const uint8_t *at, const uint8_t *end)
{
    uint8_t first = *at;
    size_t more = first >= 0xc2 && first <= 0xdf   ? 1
                  : (first & 0xf0) == 0xe0         ? 2
                  : first >= 0xf0 && first <= 0xf4 ? 3
                                                   : 0;
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (!more || (size_t)(end - at) <= more || at[1] < low || at[1] > high)
        return NULL;
    for (size_t i = 2; i <= more; i++)
        if ((at[i] & 0xc0) != 0x80)
            return NULL;
    return at + more + 1;
}

static inline bool utf8_check(struct leat_slice text)
{
    const uint8_t *at = text.ptr, *end = text.ptr + text.len;
    while (at && at < end)
        at = *at < 0x80 ? at + 1 : utf8_sequence(at, end);
    return at == end || !text.len;
}

#endif
