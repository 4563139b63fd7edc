/*
 * What `leat check` found: one finding per precondition, with the statement that mends it.
 *
 * Ownership: texts are copied.
 * Threads:   one owner.
 */
#ifndef LEAT_REPORT_H
#define LEAT_REPORT_H

#include <leat/err.h>

#include <stdbool.h>

enum leat_severity {
    LEAT_FINDING_OK,    /* checked and fine */
    LEAT_FINDING_NOTE,  /* worth knowing */
    LEAT_FINDING_WARN,  /* works, but will hurt one day */
    LEAT_FINDING_FATAL, /* leat run would fail */
};

struct leat_report;

/* Adds a finding.
 * id        short and stable: "wal_level", "slot", "replica_identity:public.orders"
 * observed  what was found, on what, a sentence
 * fix       statements to paste, each ending with ';', one a line; NULL when there is nothing to do
 * restart   the fix takes effect after a restart of the server only */
void leat_report_add(struct leat_report *report, enum leat_severity severity, const char *id,
                     const char *observed, const char *fix, bool restart);

#endif
