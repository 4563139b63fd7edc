/*
 * Preflight: how a question is asked and a finding is put into words. The texts go to people and
 * into terminals; the report escapes what needs it, so names are given as they are. Only a comment
 * in a fix is ours to guard.
 */
#include "sources/postgres/preflight.h"


#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIST_MAX = 64 << 10, LISTED_MAX = 5 };

/* --- findings --------------------------------------------------------------------------------- */

static void finding(struct pg_preflight *p, enum leat_severity severity, const char *id,
                    const char *fix, bool restart, const char *format, va_list args)
    __attribute__((format(printf, 6, 0)));

static void finding(struct pg_preflight *p, enum leat_severity severity, const char *id,
                    const char *fix, bool restart, const char *format, va_list args)
{
    char *text;
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    leat_report_add(p->report, severity, id, text ? text : "out of memory for the sentence",
                    fix && *fix ? fix : NULL, restart);
    free(text);
}

void pg_finding(struct pg_preflight *p, enum leat_severity severity, const char *id,
                const char *fix, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    finding(p, severity, id, fix, false, format, args);
    va_end(args);
}

void pg_finding_restart(struct pg_preflight *p, enum leat_severity severity, const char *id,
                        const char *fix, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    finding(p, severity, id, fix, true, format, args);
    va_end(args);
}

void pg_fix_comment(struct leat_buf *fix, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    for (char *at = text; at && *at; at++)
        if (iscntrl((unsigned char)*at))
            *at = ' ';
    leat_buf_format(fix, "%s-- %s", fix->len ? "\n" : "", text ? text : "");
    free(text);
}

const char *pg_size_format(int64_t bytes, char *ret_text)
{
    static const char *const UNITS[] = {"bytes", "kB", "MB", "GB", "TB"};
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 1024 && unit + 1 < sizeof UNITS / sizeof *UNITS; unit++)
        size /= 1024;
    snprintf(ret_text, PG_SIZE_TEXT, size < 10 && unit ? "%.1f %s" : "%.0f %s", size, UNITS[unit]);
    return ret_text;
}

/* --- questions -------------------------------------------------------------------------------- */

bool pg_preflight_answered(struct pg_preflight *p, const char *id, int status)
{
    if (!status)
        return true;
    if (p->err->state[0])
        pg_finding(p, LEAT_FINDING_WARN, id, NULL, "could not be checked: %s", p->err->text);
    else
        p->lost = true;
    return false;
}

bool pg_preflight_ask(struct pg_preflight *p, const char *id, const char *sql,
                      const char *const *params, int param_count, PGresult **ret_result)
{
    if (p->lost)
        return false;
    char what[64];
    snprintf(what, sizeof what, "check %s", id);
    return pg_preflight_answered(p, id,
                                 pg_query_params(p->sql, sql, params, param_count,
                                                 p->patience_ms + PG_ANSWER_GRACE_MS, what,
                                                 ret_result, p->err));
}

const char *pg_preflight_setting(const struct pg_preflight *p, const char *name)
{
    for (int i = 0; i < PQntuples(p->gucs); i++)
        if (strcmp(PQgetvalue(p->gucs, i, 0), name) == 0)
            return PQgetvalue(p->gucs, i, 1);
    return NULL;
}

int64_t pg_preflight_setting_int(const struct pg_preflight *p, const char *name, int64_t fallback)
{
    for (int i = 0; i < PQntuples(p->gucs); i++)
        if (strcmp(PQgetvalue(p->gucs, i, 0), name) == 0)
            return pg_int(p->gucs, i, 1);
    return fallback;
}

/* --- lists of tables in a sentence ------------------------------------------------------------ */

void pg_tally_init(struct pg_tally *t)
{
    t->count = 0;
    leat_buf_init(&t->names, LIST_MAX);
}

void pg_tally_add(struct pg_tally *t, const char *schema, const char *table, const char *detail)
{
    if (t->count++ < LISTED_MAX)
        leat_buf_format(&t->names, "%s%s.%s%s%s%s", t->count > 1 ? ", " : "", schema, table,
                        *detail ? " (" : "", detail, *detail ? ")" : "");
}

const char *pg_tally_text(struct pg_tally *t)
{
    if (t->count > LISTED_MAX)
        leat_buf_format(&t->names, " and %d more", t->count - LISTED_MAX);
    return leat_buf_text(&t->names);
}

void pg_tally_report(struct pg_preflight *p, struct pg_tally *t, enum leat_severity severity,
                     const char *id, const char *before, const char *after)
{
    if (t->count)
        pg_finding(p, severity, id, NULL, "%s%s%s", before, pg_tally_text(t), after);
    leat_buf_release(&t->names);
}

bool pg_taken(const struct pg_preflight *p, const char *schema, const char *table)
{
    return leat_filter_table(&p->settings->filter, leat_slice_text(schema), leat_slice_text(table));
}

bool pg_true(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column)[0] == 't';
}
