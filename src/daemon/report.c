#include "daemon/report.h"

#include <leat/arena.h>

#include <stdlib.h>

#include "codec/json_writer.h"
#include "daemon/show.h"

struct finding {
    struct finding *next;
    const char *group;
    enum leat_severity severity;
    const char *id;
    const char *observed;
    const char *fix;    /* statements, or NULL */
    const char *advice; /* what is no statement, or NULL */
    bool restart;
};

struct leat_report {
    struct leat_arena arena;
    struct finding *first, **last;
    const char *group;
    size_t counts[LEAT_FINDING_FATAL + 1];
    size_t dropped;
};

static const char *const SEVERITIES[] = {"ok", "note", "warn", "fatal"};
static const char *const MARKS[] = {"ok   ", "note ", "warn ", "FATAL"};

struct leat_report *report_new(void)
{
    struct leat_report *report = calloc(1, sizeof *report);
    if (!report)
        abort();
    leat_arena_init(&report->arena, REPORT_BYTES_MAX);
    report->last = &report->first;
    report->group = "";
    return report;
}

void report_free(struct leat_report *report)
{
    if (!report)
        return;
    leat_arena_release(&report->arena);
    free(report);
}

static const char *keep(struct leat_report *report, const char *text)
{
    return text ? leat_arena_text(&report->arena, leat_slice_text(text)) : NULL;
}

void report_group(struct leat_report *report, const char *name)
{
    const char *kept = keep(report, name);
    report->group = kept ? kept : "";
}

static void add(struct leat_report *report, const struct finding *finding)
{
    struct finding *f = leat_arena_zeroed(&report->arena, 1, sizeof *f);
    report->counts[finding->severity]++;
    if (!f) {
        report->dropped++;
        return;
    }
    *f = *finding;
    f->next = NULL;
    f->group = report->group;
    f->id = keep(report, finding->id);
    f->observed = keep(report, finding->observed);
    f->fix = keep(report, finding->fix);
    f->advice = keep(report, finding->advice);
    if (!f->id || !f->observed) {
        report->dropped++;
        return;
    }
    *report->last = f;
    report->last = &f->next;
}

void leat_report_add(struct leat_report *report, enum leat_severity severity, const char *id,
                     const char *observed, const char *fix, bool restart)
{
    struct finding f = {.severity = severity, .id = id, .observed = observed, .fix = fix,
                        .restart = restart};
    add(report, &f);
}

void report_error(struct leat_report *report, const char *id, const struct leat_err *err)
{
    struct finding f = {.severity = LEAT_FINDING_FATAL, .id = id, .observed = err->text,
                        .advice = err->hint[0] ? err->hint : NULL};
    add(report, &f);
}

size_t report_count(const struct leat_report *report, enum leat_severity severity)
{
    return report->counts[severity];
}

/* --- for people ------------------------------------------------------------------------------- */

static void print_finding(const struct finding *f, FILE *out)
{
    fprintf(out, "  %s ", MARKS[f->severity]);
    show_text(out, f->id);
    fprintf(out, ": ");
    show_text(out, f->observed);
    fputc('\n', out);
    if (f->advice)
        show_lines(out, 10, f->advice);
    if (f->fix)
        show_lines(out, 10, f->fix);
    if (f->fix && f->restart)
        fprintf(out, "%10s(takes effect after a restart of the server)\n", "");
}

void report_print(const struct leat_report *report, FILE *out)
{
    const char *group = NULL;
    for (const struct finding *f = report->first; f; f = f->next) {
        if (f->group != group) {
            fprintf(out, "%s", group ? "\n" : "");
            show_text(out, f->group);
            fputc('\n', out);
        }
        group = f->group;
        print_finding(f, out);
    }
    if (report->dropped)
        fprintf(out, "\n%zu more findings did not fit into this report\n", report->dropped);
    fprintf(out, "\n%zu fatal, %zu warnings, %zu notes, %zu fine\n",
            report->counts[LEAT_FINDING_FATAL], report->counts[LEAT_FINDING_WARN],
            report->counts[LEAT_FINDING_NOTE], report->counts[LEAT_FINDING_OK]);
}

/* --- for programs ----------------------------------------------------------------------------- */

static void json_optional(struct leat_json *j, const char *text)
{
    if (text)
        leat_json_text(j, text);
    else
        leat_json_null(j);
}

static void json_finding(const struct finding *f, struct leat_json *j)
{
    leat_json_object(j);
    LEAT_JSON_NAME(j, "group");
    leat_json_text(j, f->group);
    LEAT_JSON_NAME(j, "id");
    leat_json_text(j, f->id);
    LEAT_JSON_NAME(j, "severity");
    leat_json_text(j, SEVERITIES[f->severity]);
    LEAT_JSON_NAME(j, "observed");
    leat_json_text(j, f->observed);
    LEAT_JSON_NAME(j, "advice");
    json_optional(j, f->advice);
    LEAT_JSON_NAME(j, "fix");
    json_optional(j, f->fix);
    LEAT_JSON_NAME(j, "restart");
    leat_json_bool(j, f->restart);
    leat_json_object_end(j);
}

void report_print_json(const struct leat_report *report, FILE *out)
{
    struct leat_buf buf;
    struct leat_json json = leat_json_at(&buf), *j = &json;
    leat_buf_init(&buf, 8 * (size_t)REPORT_BYTES_MAX);
    leat_json_object(j);
    LEAT_JSON_NAME(j, "ok");
    leat_json_bool(j, !report->counts[LEAT_FINDING_FATAL]);
    LEAT_JSON_NAME(j, "fatal");
    leat_json_uint(j, report->counts[LEAT_FINDING_FATAL]);
    LEAT_JSON_NAME(j, "warnings");
    leat_json_uint(j, report->counts[LEAT_FINDING_WARN]);
    LEAT_JSON_NAME(j, "dropped");
    leat_json_uint(j, report->dropped);
    LEAT_JSON_NAME(j, "findings");
    leat_json_array(j);
    for (const struct finding *f = report->first; f; f = f->next)
        json_finding(f, j);
    leat_json_array_end(j);
    leat_json_object_end(j);
    fprintf(out, "%s\n", leat_buf_text(&buf));
    leat_buf_release(&buf);
}

/* --- to paste --------------------------------------------------------------------------------- */

/* A text from elsewhere in a comment: every line of it stays one. */
static void sql_comment(const char *text, FILE *out)
{
    while (*text) {
        size_t len = strcspn(text, "\r\n");
        fprintf(out, "-- %.*s\n", (int)len, text);
        text += len + (text[len] != '\0');
    }
}

void report_print_sql(const struct leat_report *report, FILE *out)
{
    const char *group = NULL;
    for (const struct finding *f = report->first; f; f = f->next) {
        if (!f->fix)
            continue;
        if (f->group != group) {
            fprintf(out, "%s-- source ", group ? "\n" : "");
            show_text(out, f->group);
            fputc('\n', out);
        }
        group = f->group;
        sql_comment(f->observed, out);
        fprintf(out, "%s\n", f->fix);
        if (f->restart)
            fprintf(out, "-- takes effect after a restart of the server\n");
    }
}
