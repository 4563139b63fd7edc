/*
 * What `leat check` found, in three forms: for people, as JSON, and as the statements alone.
 *
 * Findings are added through <leat/report.h>; the group under which they stand ("store", a source's
 * name) is the one begun last.
 *
 * Order:     new → group → leat_report_add … → group … → print → free.
 * Ownership: texts are copied.
 * Bounds:    REPORT_BYTES_MAX for all texts; what does not fit is counted and said.
 * Threads:   one owner.
 */
#ifndef DAEMON_REPORT_H
#define DAEMON_REPORT_H

#include <leat/report.h>

#include <stddef.h>
#include <stdio.h>

enum { REPORT_BYTES_MAX = 64 << 20 }; /* a finding per table: a hundred thousand of them */

struct leat_report *report_new(void); /* never NULL: aborts without memory */
void report_free(struct leat_report *report); /* accepts NULL */

void report_group(struct leat_report *report, const char *name);

/* A fatal finding out of an error, with its hint as advice. */
void report_error(struct leat_report *report, const char *id, const struct leat_err *err);

size_t report_count(const struct leat_report *report, enum leat_severity severity);

void report_print(const struct leat_report *report, FILE *out);
void report_print_json(const struct leat_report *report, FILE *out);

/* Statements with comments that name the source and the finding; nothing else. */
void report_print_sql(const struct leat_report *report, FILE *out);

#endif
