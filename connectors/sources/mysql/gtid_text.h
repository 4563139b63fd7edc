/*
 * Numbers in the texts of GTIDs, written and read without printf: a transaction's name is made for
 * every transaction of the log.
 *
 * Private to gtid.c and gtid_maria.c. Threads: pure.
 */
#ifndef MYSQL_GTID_TEXT_H
#define MYSQL_GTID_TEXT_H

#include <leat/slice.h>

enum { GTID_DIGITS_MAX = 20 };

/* Writes a number, at most GTID_DIGITS_MAX digits; returns what is behind it. */
static inline char *gtid_put_number(char *at, uint64_t n)
{
    char digits[GTID_DIGITS_MAX];
    size_t len = 0;
    do
        digits[GTID_DIGITS_MAX - ++len] = (char)('0' + n % 10);
    while (n /= 10);
    memcpy(at, digits + GTID_DIGITS_MAX - len, len);
    return at + len;
}

/* A text being read. */
struct gtid_cursor {
    const uint8_t *at, *end;
};

static inline struct gtid_cursor gtid_cursor_of(struct leat_slice text)
{
    return (struct gtid_cursor){text.ptr, text.ptr ? text.ptr + text.len : text.ptr};
}

static inline void gtid_skip_blanks(struct gtid_cursor *c)
{
    while (c->at != c->end && (*c->at == ' ' || (*c->at >= '\t' && *c->at <= '\r')))
        c->at++;
}

/* The byte after blanks, not taken; 0 at the end. */
static inline uint8_t gtid_peek(struct gtid_cursor *c)
{
    gtid_skip_blanks(c);
    return c->at == c->end ? 0 : *c->at;
}

/* Takes that byte if it comes next, after blanks. */
static inline bool gtid_take(struct gtid_cursor *c, uint8_t byte)
{
    if (gtid_peek(c) != byte || c->at == c->end)
        return false;
    c->at++;
    return true;
}

/* Takes a decimal number up to `max`, after blanks. False: none is there, or a greater one. */
static inline bool gtid_take_number(struct gtid_cursor *c, uint64_t max, uint64_t *ret_number)
{
    uint64_t n = 0;
    gtid_skip_blanks(c);
    const uint8_t *begin = c->at;
    for (; c->at != c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        uint64_t digit = (uint64_t)(*c->at - '0');
        if (n > (max - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *ret_number = n;
    return c->at != begin;
}

#endif
