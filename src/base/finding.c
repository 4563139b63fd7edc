/*
 * How a finding is put into words. The texts go to people and into terminals; the report escapes
 * what needs it, so names are given as they are. Only a comment in a fix is ours to guard.
 */
#include <leat/finding.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIST_MAX = 64 << 10 };

static void finding(struct leat_report *report, enum leat_severity severity, const char *id,
                    const char *fix, bool restart, const char *format, va_list args)
    __attribute__((format(printf, 6, 0)));

static void finding(struct leat_report *report, enum leat_severity severity, const char *id,
                    const char *fix, bool restart, const char *format, va_list args)
{
    char *text;
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    leat_report_add(report, severity, id, text ? text : "out of memory for the sentence",
                    fix && *fix ? fix : NULL, restart);
    free(text);
}

void leat_finding(struct leat_report *report, enum leat_severity severity, const char *id,
                  const char *fix, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    finding(report, severity, id, fix, false, format, args);
    va_end(args);
}

void leat_finding_restart(struct leat_report *report, enum leat_severity severity, const char *id,
                          const char *fix, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    finding(report, severity, id, fix, true, format, args);
    va_end(args);
}

void leat_fix_comment(struct leat_buf *fix, const char *format, ...)
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

const char *leat_size_format(int64_t bytes, char *ret_text)
{
    static const char *const UNITS[] = {"bytes", "kB", "MB", "GB", "TB"};
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 1024 && unit + 1 < sizeof UNITS / sizeof *UNITS; unit++)
        size /= 1024;
    snprintf(ret_text, LEAT_SIZE_TEXT, size < 10 && unit ? "%.1f %s" : "%.0f %s", size,
             UNITS[unit]);
    return ret_text;
}

/* --- lists of tables in a sentence ------------------------------------------------------------ */

void leat_tally_init(struct leat_tally *t)
{
    t->count = 0;
    leat_buf_init(&t->names, LIST_MAX);
}

void leat_tally_release(struct leat_tally *t)
{
    leat_buf_release(&t->names);
}

void leat_tally_add(struct leat_tally *t, const char *schema, const char *table, const char *detail)
{
    bool detailed = detail && *detail;
    if (t->count++ < LEAT_TALLY_LISTED_MAX)
        leat_buf_format(&t->names, "%s%s.%s%s%s%s", t->count > 1 ? ", " : "", schema, table,
                        detailed ? " (" : "", detailed ? detail : "", detailed ? ")" : "");
}

const char *leat_tally_text(struct leat_tally *t)
{
    if (t->count > LEAT_TALLY_LISTED_MAX)
        leat_buf_format(&t->names, " and %d more", t->count - LEAT_TALLY_LISTED_MAX);
    return leat_buf_text(&t->names);
}

void leat_tally_report(struct leat_tally *t, struct leat_report *report,
                       enum leat_severity severity, const char *id, const char *before,
                       const char *after)
{
    if (t->count)
        leat_finding(report, severity, id, NULL, "%s%s%s", before, leat_tally_text(t), after);
    leat_tally_release(t);
}
