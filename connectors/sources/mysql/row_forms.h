/*
 * What the files of row_value share. row_value.c reads numbers itself and hands everything else to
 * row_text.c (what has a length: texts, bytes, labels, bits, JSON, vectors) and row_time.c.
 *
 * All of them: d->err is filled when the result is not LEAT_OK, and *ret_value is untouched then.
 */
#ifndef MYSQL_ROW_FORMS_H
#define MYSQL_ROW_FORMS_H

#include "sources/mysql/row_value.h"

/* --- row_value.c ------------------------------------------------------------------------------ */

/* What a value is decoded with. */
struct my_decoding {
    const struct my_column *column;
    struct leat_arena *scratch;
    struct my_value_policy *policy;
    struct leat_err *err;
};

int my_value_malformed(const struct my_decoding *d, const char *what); /* LEAT_EPROTO */
int my_value_no_room(const struct my_decoding *d); /* LEAT_ELIMIT: the scratch arena is full */

static inline int my_value_text(uint8_t kind, struct leat_slice text, struct leat_value *ret_value)
{
    *ret_value = (struct leat_value){.kind = kind, .text = text};
    return LEAT_OK;
}

static inline int my_value_integer(uint8_t kind, int64_t integer, struct leat_value *ret_value)
{
    *ret_value = (struct leat_value){.kind = kind, .integer = integer};
    return LEAT_OK;
}

/* --- row_text.c ------------------------------------------------------------------------------- */

/* A value whose bytes were found: CHAR to BLOB, JSON, GEOMETRY, VECTOR. */
int my_text_decode(const struct my_decoding *d, struct leat_slice bytes,
                   struct leat_value *ret_value) LEAT_MUST_CHECK;
/* The n-th label of an ENUM, or a SET's labels by their bits. */
int my_label_decode(const struct my_decoding *d, uint64_t number,
                    struct leat_value *ret_value) LEAT_MUST_CHECK;
int my_bits_decode(const struct my_decoding *d, struct leat_slice bytes,
                   struct leat_value *ret_value) LEAT_MUST_CHECK;

/* --- row_time.c ------------------------------------------------------------------------------- */

/* A moment as the server has it, which the calendar need not know. */
struct my_moment {
    uint32_t year, month, day;
    uint32_t hour, minute, second, us; /* hour is 0 to 838 in a TIME */
    bool negative;                     /* of a TIME */
};

enum { MY_MOMENT_TEXT = 40 }; /* bytes that hold any of these; no NUL is written */

/* The server's text, with `digits` behind the second (0: no point); the length. */
size_t my_print_date(const struct my_moment *moment, char *ret_text);
size_t my_print_time(const struct my_moment *moment, unsigned digits, char *ret_text);
size_t my_print_datetime(const struct my_moment *moment, unsigned digits, char *ret_text);

/* The whole part of a packed DATETIME (without its offset) and of a packed TIME, taken apart. */
struct my_moment my_moment_unpack(uint64_t packed);
struct my_moment my_moment_unpack_time(uint64_t packed);
/* Fields within the bounds that every server keeps: 9999-12-31 23:59:59.999999, 838:59:59.999999.
 */
bool my_moment_in_bounds(const struct my_moment *moment, bool time_only);

/* DATE to TIMESTAMP, new and old. A value that is cut leaves r->bad, and *ret_value is worth
 * nothing then. */
int my_time_decode(const struct my_decoding *d, struct leat_reader *r,
                   struct leat_value *ret_value) LEAT_MUST_CHECK;

#endif
