/*
 * MySQL's packed decimal (mysql.md 5.1): groups of nine digits in four bytes, big-endian, sign in
 * the first bit.
 *
 * Threads: pure.
 */
#ifndef MYSQL_DECIMAL_H
#define MYSQL_DECIMAL_H

#include <leat/slice.h>

enum { MY_DECIMAL_TEXT_MAX = 72 }; /* sign, 65 digits, point, a leading zero */

/* Bytes of a value; 0 where precision and scale do not fit each other (1..65, scale <= 38 and <=
 * precision). */
size_t my_decimal_bytes(unsigned precision, unsigned scale);

/* Writes the digits, exactly `scale` behind the point, without leading zeros but one; returns the
 * length. `bytes` must have my_decimal_bytes(). 0: a group has more than 999,999,999. */
size_t my_decimal_text(const uint8_t *bytes, unsigned precision, unsigned scale, char *ret_text);

#endif
