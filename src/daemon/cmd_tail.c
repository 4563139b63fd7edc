/*
 * leat tail: what is stored, one JSON text a line.
 *
 * It is a reader as any other: a process of its own, beside a writer or without one. Lines gather
 * in a buffer that is written when it holds some 64 KiB and whenever the stream runs dry, so a long
 * backlog costs few system calls and a follower sees each event at once. An event is either shown
 * whole or, when it is damaged, named (I7).
 *
 * A reader of ours that goes away (a closed pipe) and an interrupt are the usual ends and no
 * errors.
 */
#include "daemon/commands.h"

#include <leat/clock.h>

#include <errno.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec/form.h"
#include "config/since.h"
#include "daemon/guard.h"
#include "daemon/show.h"
#include "pipeline/stream.h"

enum {
    WRITE_BYTES = 64 << 10,
    KEEP_BYTES = 4 * WRITE_BYTES,
    WAIT_ACTIVE_MS = 10,
    WAIT_IDLE_MS = 200,
    ACTIVE_FOR_MS = 1000,
    RETRIES_MAX = 50, /* of WAIT_IDLE_MS each */
};
#define LINE_BYTES_MAX (6 * (size_t)LEAT_VALUE_MAX) /* every byte of the longest value as \u00XX */

struct tail {
    struct leat_stream *stream;
    const struct leat_form *form;
    struct leat_form_settings settings;
    const char *source; /* NULL: all */
    uint32_t source_id; /* its number; 0: not known */
    const char *external_id; /* of that source */
    const char *table;
    unsigned ops;       /* a bit per enum leat_op; 0: all */
    uint64_t from;
    int64_t since_us;   /* 0: from the beginning */
    uint64_t limit;
    uint64_t shown;
    bool follow;
    bool closed;        /* nobody reads our output any more */
    struct leat_buf out;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static void signals_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: a blocked write must return */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* --- what is asked for ------------------------------------------------------------------------ */

static int parse_op(const char *word, size_t len, unsigned *ops, struct leat_err *err)
{
    for (int op = 1; op < LEAT_OP_COUNT; op++) {
        const char *name = leat_op_name((enum leat_op)op);
        if (strlen(name) == len && strncmp(name, word, len) == 0) {
            *ops |= 1u << op;
            return LEAT_OK;
        }
    }
    char known[200] = "";
    size_t used = 0;
    for (int op = 1; op < LEAT_OP_COUNT; op++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", op > 1 ? ", " : "",
                                 leat_op_name((enum leat_op)op));
    return leat_fail(err, LEAT_ECONFIG, "--op: \"%.*s\" is none of %s", (int)len, word, known);
}

static int parse_ops(const char *list, unsigned *ret_ops, struct leat_err *err)
{
    unsigned ops = 0;
    int status = LEAT_OK;
    while (!status && list && *list) {
        size_t len = strcspn(list, ",");
        status = parse_op(list, len, &ops, err);
        list += len + (list[len] == ',');
    }
    *ret_ops = ops;
    return status;
}

static int parse_form(const struct command_line *line, struct tail *t, struct leat_err *err)
{
    const char *name = command_text(line, "format");
    t->form = leat_form_find(name ? name : "native");
    t->settings.schema_wrapper = command_flag(line, "schema");
    if (!t->form)
        return leat_fail(err, LEAT_ECONFIG, "--format: \"%s\" is none of native, debezium", name);
    if (t->settings.schema_wrapper && strcmp(t->form->name, "debezium") != 0)
        return leat_fail(err, LEAT_ECONFIG, "--schema belongs to --format debezium");
    return LEAT_OK;
}

static int parse(const struct command_line *line, struct tail *t, struct leat_err *err)
{
    const char *since = command_text(line, "since");
    t->source = command_text(line, "source");
    t->table = command_text(line, "table");
    t->external_id = command_text(line, "external-id");
    t->follow = command_flag(line, "follow");
    if (t->external_id && !t->source)
        return leat_fail(err, LEAT_ECONFIG, "--external-id is one source's: give --source, too");
    int status = parse_form(line, t, err);
    if (!status)
        status = parse_ops(command_text(line, "op"), &t->ops, err);
    if (!status)
        status = command_number(line, "from", 0, &t->from, err);
    if (!status)
        status = command_number(line, "limit", UINT64_MAX, &t->limit, err);
    if (!status && since)
        status = since_parse(since, leat_clock_wall_us(), &t->since_us, err);
    return status;
}

/* "schema.table" (MySQL: "database.table"), or "table" alone when the pattern has no dot. */
static bool table_wanted(const char *pattern, const struct leat_schema *relation)
{
    char name[2 * LEAT_NAME_MAX + 2];
    if (!relation)
        return false;
    struct leat_slice space = relation->schema.len ? relation->schema : relation->database;
    bool whole = strchr(pattern, '.') && space.len;
    snprintf(name, sizeof name, "%.*s%s%.*s", whole ? (int)space.len : 0, (const char *)space.ptr,
             whole ? "." : "", LEAT_SLICE_ARG(relation->table));
    return fnmatch(pattern, name, 0) == 0;
}

static bool has_external_id(const struct leat_event *event, const char *id)
{
    struct leat_form_attrs attrs = {.event = event};
    const struct leat_attr *attr;
    struct leat_value value;
    while (leat_form_next_attr(&attrs, &attr, &value))
        if (leat_slice_equal(attr->name, LEAT_SLICE_LITERAL("externalId")))
            return leat_kind_is_text(value.kind) && leat_slice_equal(value.text, leat_slice_text(id));
    return false;
}

static bool wanted(const struct tail *t, const struct leat_stream_event *e)
{
    return (!t->ops || t->ops >> e->event.op & 1) && e->ingested_at_us >= t->since_us &&
           (!t->source || strcmp(t->source, e->instance) == 0) &&
           (!t->external_id || has_external_id(&e->event, t->external_id)) &&
           (!t->table || table_wanted(t->table, e->event.relation));
}

/* --- where to begin --------------------------------------------------------------------------- */

static int source_number(void *arg, const char *instance, const struct leat_store_source *source,
                         struct leat_err *err)
{
    struct tail *t = arg;
    (void)err;
    if (strcmp(t->source, instance) == 0)
        t->source_id = source->id;
    return LEAT_OK;
}

/* Blocks of other sources are not decompressed, and with a key only events that may have it are read. A
 * source that never stored anything has no number yet; then all is read and compared. */
static int narrow(struct tail *t, struct leat_err *err)
{
    struct leat_slice id = leat_slice_text(t->external_id);
    int status = t->source ? leat_store_reader_sources(leat_stream_reader(t->stream), source_number, t, err)
                           : LEAT_OK;
    if (status || !t->source_id)
        return status;
    leat_stream_only(t->stream, t->source_id);
    if (id.len)
        leat_stream_keyed(t->stream, leat_lookup_hash(t->source_id, LEAT_SLICE_LITERAL("externalId"), id));
    return LEAT_OK;
}

static int begin(struct tail *t, struct leat_err *err)
{
    uint64_t from = t->from, since = 0;
    int status = t->since_us ? leat_stream_find_since(t->stream, t->since_us, &since, err) : LEAT_OK;
    if (!status)
        status = narrow(t, err);
    if (status)
        return status;
    return leat_stream_seek(t->stream, since > from ? since : from, err);
}

static int name_known(void *arg, const char *instance, const struct leat_store_source *source,
                      struct leat_err *err)
{
    (void)source;
    (void)err;
    const char **name = arg;
    if (*name && strcmp(*name, instance) == 0)
        *name = NULL;
    return LEAT_OK;
}

/* A mistyped name would show nothing and say nothing; but a source may also be about to begin. */
static void warn_unknown_source(struct tail *t)
{
    const char *name = t->source;
    struct leat_err err;
    if (!name || leat_store_reader_sources(leat_stream_reader(t->stream), name_known, &name, &err) ||
        !name)
        return;
    fprintf(stderr, "leat: note: the store has no source \"");
    show_text(stderr, name);
    fprintf(stderr, "\" (see `leat offsets list`)\n");
}

/* --- output ----------------------------------------------------------------------------------- */

/* LEAT_EOF: nobody reads any more. */
static int flush(struct tail *t, struct leat_err *err)
{
    size_t at = 0;
    while (at < t->out.len && !t->closed) {
        ssize_t n = write(STDOUT_FILENO, t->out.data + at, t->out.len - at);
        if (n >= 0)
            at += (size_t)n;
        else if (errno == EPIPE || (errno == EINTR && interrupted))
            t->closed = true;
        else if (errno != EINTR)
            return leat_fail_errno(err, LEAT_ERETRY, errno, "cannot write to standard output");
    }
    leat_buf_reset(&t->out);
    leat_buf_shrink(&t->out, KEEP_BYTES);
    return t->closed ? LEAT_EOF : LEAT_OK;
}

static int show(struct tail *t, const struct leat_stream_event *e, struct leat_err *err)
{
    struct leat_form_input input = {.instance = leat_slice_text(e->instance),
                                    .sequence = e->sequence,
                                    .ingested_at_us = e->ingested_at_us,
                                    .event = &e->event};
    size_t before = t->out.len;
    int status = t->form->write(&t->settings, &input, &t->out, err);
    if (status) {
        leat_err_context(err, "sequence %llu", (unsigned long long)e->sequence);
        return status;
    }
    if (t->out.len == before)
        return LEAT_OK; /* the form has no text for this event */
    leat_buf_append_text(&t->out, "\n");
    t->shown++;
    return t->out.len >= WRITE_BYTES ? flush(t, err) : LEAT_OK;
}

/* Waits for more to be stored. LEAT_EOF: our reader went away meanwhile. */
static int wait_more(int64_t active_ms)
{
    bool active = leat_clock_monotonic_ms() - active_ms < ACTIVE_FOR_MS;
    struct pollfd out = {.fd = STDOUT_FILENO};
    int n = poll(&out, 1, active ? WAIT_ACTIVE_MS : WAIT_IDLE_MS);
    return n > 0 && out.revents & (POLLERR | POLLHUP | POLLNVAL) ? LEAT_EOF : LEAT_OK;
}

/* --- the loop --------------------------------------------------------------------------------- */

/* The next wanted event, shown. LEAT_EOF: nothing more yet. */
static int step(struct tail *t, struct leat_err *err)
{
    struct leat_stream_event event;
    int status = leat_stream_next(t->stream, &event, err);
    if (!status && !event.instance)
        return leat_fail(err, LEAT_EDATA, "sequence %llu belongs to a source that the store does not name",
                         (unsigned long long)event.sequence);
    if (!status && wanted(t, &event))
        status = show(t, &event, err);
    if (!status)
        guard_at(event.sequence);
    return status;
}

static int run(struct tail *t, struct leat_err *err)
{
    int64_t active_ms = 0;
    int retries = 0, status = LEAT_OK;
    while (!interrupted && !t->closed && t->shown < t->limit) {
        status = step(t, err);
        if (status == LEAT_OK) {
            active_ms = t->follow ? leat_clock_monotonic_ms() : 0;
            retries = 0;
            continue;
        }
        bool again = status == LEAT_ERETRY && retries++ < RETRIES_MAX;
        if (!again && (status != LEAT_EOF || !t->follow))
            break;
        status = flush(t, err);
        if (!status)
            status = wait_more(active_ms);
        if (status)
            break;
    }
    struct leat_err late;
    int flushed = flush(t, status < 0 ? &late : err); /* what was right before the damage is shown */
    if (status >= 0)
        status = flushed;
    return status < 0 ? status : LEAT_OK;
}

int cmd_tail(const struct command_line *line)
{
    struct tail t = {0};
    struct leat_config *config;
    struct leat_settings settings;
    struct leat_err err;
    if (parse(line, &t, &err))
        return command_failed(&err);
    int exit_code = command_settings(line, &config, &settings);
    if (exit_code)
        return exit_code;
    signals_catch();
    guard_begin(settings.store.path);
    leat_buf_init(&t.out, LINE_BYTES_MAX);
    int status = leat_stream_open(settings.store.path, NULL, &t.stream, &err);
    if (!status) {
        warn_unknown_source(&t);
        status = begin(&t, &err);
    }
    if (!status)
        status = run(&t, &err);
    leat_stream_close(t.stream);
    leat_buf_release(&t.out);
    leat_config_free(config);
    return status ? command_failed(&err) : EXIT_SUCCESS;
}
