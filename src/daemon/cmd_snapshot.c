/*
 * leat snapshot: asks for the copy of a table, tells how far copies are, and lets them wait, go on
 * or end. What is asked for is stored, and served by the daemon within a second, or when it starts.
 */
#include "daemon/commands.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ask.h"
#include "daemon/connectors.h"
#include "daemon/copies.h"
#include "daemon/show.h"

enum { TIMEOUT_MS = 2000, ANSWER_BYTES_MAX = 16 << 20, COLUMNS = 7, BAR = 20 };

/* --- status --------------------------------------------------------------------------------------
 */

struct cell {
    char text[160];
};

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

static int64_t number_of(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? (int64_t)json_integer_value(value) : -1;
}

/* "#####---------------  25%"; on a terminal only, and where it is known how many rows there are.
 */
static void bar(json_t *job, char *ret_text, size_t size)
{
    int64_t rows = number_of(job, "rows"), all = number_of(job, "rows_estimate");
    bool done = strcmp(text_of(job, "state"), "done") == 0;
    int64_t percent = done ? 100 : all > 0 ? rows * 100 / all : -1;
    percent = percent > 99 && !done ? 99 : percent;
    char drawn[BAR + 1] = "";
    for (int i = 0; percent >= 0 && i < BAR; i++)
        drawn[i] = i < percent * BAR / 100 ? '#' : '-';
    drawn[BAR] = '\0';
    if (percent < 0)
        snprintf(ret_text, size, "?");
    else if (isatty(STDOUT_FILENO))
        snprintf(ret_text, size, "%s %3lld%%", drawn, (long long)percent);
    else
        snprintf(ret_text, size, "%lld%%", (long long)percent);
}

static void job_cells(json_t *job, struct cell *c)
{
    int64_t left = number_of(job, "seconds_left");
    snprintf(c[0].text, sizeof c->text, "%.60s", text_of(job, "source"));
    snprintf(c[1].text, sizeof c->text, "%.70s.%.70s", text_of(job, "schema"),
             text_of(job, "table"));
    snprintf(c[2].text, sizeof c->text, "%.20s", text_of(job, "state"));
    bar(job, c[3].text, sizeof c->text);
    snprintf(c[4].text, sizeof c->text, "%lld", (long long)number_of(job, "rows"));
    snprintf(c[5].text, sizeof c->text, "%lld/s", (long long)number_of(job, "rows_per_second"));
    snprintf(c[6].text, sizeof c->text, "%s", left < 0 ? "-" : show_span_ms(left * 1000).text);
}

static void print_jobs(json_t *jobs)
{
    static const char *const HEAD[COLUMNS] = {"SOURCE", "TABLE", "STATE", "DONE",
                                              "ROWS",   "RATE",  "LEFT"};
    size_t count = json_array_size(jobs);
    struct cell *cells = calloc((count + 1) * COLUMNS, sizeof *cells);
    const char **texts = calloc((count + 1) * COLUMNS, sizeof *texts);
    if (!cells || !texts)
        abort();
    memcpy(texts, HEAD, sizeof HEAD);
    for (size_t i = 0; i < count; i++) {
        job_cells(json_array_get(jobs, i), &cells[(i + 1) * COLUMNS]);
        for (size_t c = 0; c < COLUMNS; c++)
            texts[(i + 1) * COLUMNS + c] = cells[(i + 1) * COLUMNS + c].text;
    }
    show_table(stdout, texts, COLUMNS, count + 1);
    json_t *job;
    size_t i;
    json_array_foreach(jobs, i, job) if (strcmp(text_of(job, "reason"), "-") != 0)
    {
        printf("\n");
        show_text(stdout, text_of(job, "table"));
        printf(": ");
        show_text(stdout, text_of(job, "reason"));
        printf("\n");
    }
    free(cells);
    free(texts);
}

static int status_show(const struct leat_settings *s, bool json, struct leat_err *err)
{
    struct leat_buf body;
    json_error_t why;
    leat_buf_init(&body, ANSWER_BYTES_MAX);
    int status = strcmp(s->http.listen, "off") == 0
                     ? leat_fail(err, LEAT_ERETRY, "http.listen is off")
                     : ask_daemon(s->http.listen, "/snapshot", TIMEOUT_MS, &body, err);
    json_t *page = status ? NULL : json_loads(leat_buf_text(&body), 0, &why);
    if (!status && !json_is_object(page))
        status =
            leat_fail(err, LEAT_ERETRY, "%s answered what is no page about copies", s->http.listen);
    if (status)
        leat_err_hint(err, "the daemon tells how far copies are while it runs: leat run");
    else if (json)
        printf("%s\n", leat_buf_text(&body));
    else
        print_jobs(json_object_get(page, "jobs"));
    json_decref(page);
    leat_buf_release(&body);
    return status;
}

/* --- asking --------------------------------------------------------------------------------------
 */

static int text_take(const char *what, const char *text, char *ret_text, struct leat_err *err)
{
    if (text && strlen(text) >= LEAT_SNAPSHOT_TEXT_MAX)
        return leat_fail(err, LEAT_ECONFIG, "%s: at most %d bytes", what,
                         LEAT_SNAPSHOT_TEXT_MAX - 1);
    snprintf(ret_text, LEAT_SNAPSHOT_TEXT_MAX, "%s", text ? text : "");
    return LEAT_OK;
}

static int source_check(const struct leat_config *config, const char *name, struct leat_err *err)
{
    for (size_t i = 0; i < leat_config_instance_count(config); i++) {
        const struct leat_config_instance *instance = leat_config_instance_at(config, i);
        if (strcmp(instance->name, name) != 0)
            continue;
        if (leat_source_named(instance->type->name)->snapshots)
            return LEAT_OK;
        return leat_fail(err, LEAT_ECONFIG,
                         "source \"%s\" is of the type %s, which copies no tables", name,
                         instance->type->name);
    }
    return leat_fail(err, LEAT_ECONFIG, "the configuration has no source \"%s\"", name);
}

static int request_make(const struct command_line *line, struct leat_snapshot_request *r,
                        struct leat_err *err)
{
    bool pause = command_flag(line, "pause"), resume = command_flag(line, "resume"),
         stop = command_flag(line, "cancel");
    const char *table = line->operand_count > 1 ? line->operands[1] : NULL;
    if (pause + resume + stop > 1)
        return leat_fail(err, LEAT_ECONFIG, "--pause, --resume and --cancel exclude each other");
    r->verb = pause    ? LEAT_SNAPSHOT_PAUSE
              : resume ? LEAT_SNAPSHOT_RESUME
              : stop   ? LEAT_SNAPSHOT_CANCEL
                       : LEAT_SNAPSHOT_COPY;
    if (r->verb == LEAT_SNAPSHOT_COPY && (!table || !strchr(table, '.')))
        return leat_fail(err, LEAT_ECONFIG, "which table? leat snapshot SOURCE SCHEMA.TABLE");
    int status = text_take("TABLE", table, r->table, err);
    if (!status)
        status = text_take("--where", command_text(line, "where"), r->where, err);
    if (!status)
        status = text_take("--from", command_text(line, "from"), r->from, err);
    return status ? status : text_take("--to", command_text(line, "to"), r->to, err);
}

static int request_put(const struct command_line *line, const struct leat_config *config,
                       struct leat_err *err)
{
    struct leat_snapshot_request r = {.id = 0};
    struct leat_requests *requests;
    struct leat_buf body;
    uint64_t number;
    int status = source_check(config, line->operands[0], err);
    if (!status)
        status = request_make(line, &r, err);
    if (!status)
        status = leat_requests_open(leat_config_settings(config)->store.path, NULL, &requests, err);
    if (status)
        return status;
    leat_buf_init(&body, LEAT_REQUEST_BODY_MAX);
    copies_write(&r, &body);
    status = leat_requests_put(requests, line->operands[0], leat_buf_slice(&body), &number, err);
    leat_buf_release(&body);
    leat_requests_close(requests);
    if (!status)
        printf("asked for as %llu; leat snapshot --status tells how far it is\n",
               (unsigned long long)number);
    return status;
}

int cmd_snapshot(const struct command_line *line)
{
    struct leat_config *config;
    struct leat_err err;
    int exit_code = command_load(line, &config);
    if (exit_code)
        return exit_code;
    int status;
    if (command_flag(line, "status"))
        status = status_show(leat_config_settings(config), command_flag(line, "json"), &err);
    else if (line->operand_count)
        status = request_put(line, config, &err);
    else
        status = leat_fail(&err, LEAT_ECONFIG, "leat snapshot SOURCE SCHEMA.TABLE, or --status");
    leat_config_free(config);
    fflush(stdout);
    return status ? command_failed(&err) : EXIT_SUCCESS;
}
