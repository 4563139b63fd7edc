/*
 * What is known about character sets: which there are, how they are read, which collation belongs
 * to which, and where glibc's idea of a set differs from the server's. Pure data; charset.c uses
 * it.
 *
 * Source: information_schema of MariaDB 10.11, MySQL's own collations added; the corrections are
 * all the differences that a comparison of every code with CONVERT(… USING utf8mb4) found.
 */
#ifndef MYSQL_CHARSET_SETS_H
#define MYSQL_CHARSET_SETS_H

#include <stdint.h>

enum my_charset_form {
    MY_FORM_BINARY,
    MY_FORM_ASCII,
    MY_FORM_UTF8,
    MY_FORM_TABLE, /* characters of one byte, two, or three that begin with 8F */
    MY_FORM_UTF16BE,
    MY_FORM_UTF16LE,
    MY_FORM_UTF32,
    MY_FORM_ICONV, /* what no table can hold, and sets that we only know by name */
};

struct my_charset_set {
    const char *name;  /* the server's */
    const char *iconv; /* the nearest of glibc's, for TABLE and ICONV */
    uint8_t form;      /* enum my_charset_form */
    uint8_t bytes_max;
};

enum { MY_SET_COUNT = 41 };
extern const struct my_charset_set my_charset_sets[MY_SET_COUNT];

/* Collations first..last belong to the set of that name; ends with a NULL name. */
struct my_charset_range {
    uint16_t first, last;
    const char *name;
};
extern const struct my_charset_range my_charset_ranges[];

/* Codes code, code + 1 … are the characters character, character + 1 …, whatever iconv says; ends
 * with a NULL name. */
struct my_charset_correction {
    const char *name;
    uint32_t code;
    uint16_t count;
    uint16_t character;
};
extern const struct my_charset_correction my_charset_corrections[];

#endif
