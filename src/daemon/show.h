/*
 * How things are shown to a person on a terminal: texts that came from elsewhere, numbers, times,
 * tables.
 *
 * Texts of servers and names of tables are not trusted: control bytes and marks that reorder a line
 * are shown as \xNN, so that nothing can move the cursor or forge a line.
 */
#ifndef DAEMON_SHOW_H
#define DAEMON_SHOW_H

#include <leat/err.h>
#include <leat/slice.h>

#include <stdio.h>

/* On one line. */
void show_text(FILE *out, const char *text);
void show_slice(FILE *out, struct leat_slice text);

/* Line by line, each with so many blanks in front and a newline behind. */
void show_lines(FILE *out, int indent, const char *text);

/* "leat: what failed" and the remedy below it, on standard error. */
void show_error(const struct leat_err *err);

struct show_word {
    char text[48];
};
struct show_word show_bytes(int64_t bytes);  /* "1.5 GiB"; "?" below zero */
struct show_word show_time(int64_t wall_us); /* "2026-11-21 03:41:35Z"; "never" for 0 */
struct show_word show_span_ms(int64_t ms);   /* "0 ms" … "3.5 s" … "2 h"; "?" below zero */

/* A table: the first row is the heading; columns are as wide as their widest cell. Cells are
 * NUL-terminated texts, `columns` a row, row by row. */
void show_table(FILE *out, const char *const *cells, size_t columns, size_t rows);

#endif
