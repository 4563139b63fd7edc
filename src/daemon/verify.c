#include "daemon/verify.h"

#include <leat/hash.h>

#include <stdio.h>
#include <stdlib.h>

#include "codec/form.h"
#include "pipeline/stream.h"

enum { RECENT = 4096 }; /* transactions of a source that are remembered; a power of two */
#define LINE_BYTES_MAX (6 * (size_t)LEAT_VALUE_MAX)
#define KEEP_BYTES ((size_t)1 << 20)

/* What was seen of a source. */
struct traced {
    struct traced *next;
    const char *instance;
    uint64_t transaction;      /* hash of lineage and id of the open or last one; 0: none */
    bool closed;               /* its commit was seen */
    uint64_t row_next, message_next; /* no ordinal below may come */
    uint64_t recent[RECENT];   /* hashes, each in its place */
};

struct trace {
    struct verify_page *page;
    struct leat_stream *stream;
    const struct leat_form *form;
    struct leat_buf text;
    struct traced *sources;
    uint64_t expected; /* 0: any */
};

static struct traced *traced_find(struct trace *t, const char *instance)
{
    for (struct traced *s = t->sources; s; s = s->next)
        if (strcmp(s->instance, instance) == 0)
            return s;
    struct traced *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->instance = instance;
    s->next = t->sources;
    t->sources = s;
    return s;
}

/* --- transactions ----------------------------------------------------------------------------- */

static uint64_t transaction_hash(const struct leat_transaction *transaction)
{
    uint64_t parts[2] = {leat_hash(transaction->origin->lineage), leat_hash(transaction->id)};
    return leat_hash(leat_slice_of(parts, sizeof parts)) | 1;
}

/* Another transaction than before: it must be new. */
static int transaction_enter(struct trace *t, struct traced *s, const struct leat_stream_event *e,
                             uint64_t hash, struct leat_err *err)
{
    uint64_t *place = &s->recent[hash / 2 % RECENT];
    if (*place == hash)
        return leat_fail(err, LEAT_EDATA, "sequence %llu: transaction %.*s of source \"%s\" comes back "
                         "after another one", (unsigned long long)e->sequence,
                         LEAT_SLICE_ARG(e->event.transaction->id), s->instance);
    *place = hash;
    s->transaction = hash;
    s->closed = false;
    s->row_next = s->message_next = 0;
    t->page->transactions++;
    return LEAT_OK;
}

/* Ordinals rise; some may be left out, because filters leave changes out but count them. */
static int ordinal_check(struct traced *s, const struct leat_stream_event *e, struct leat_err *err)
{
    if (e->event.op == LEAT_OP_SCHEMA)
        return LEAT_OK; /* numbered by its schema */
    uint64_t *next = e->event.op == LEAT_OP_MESSAGE ? &s->message_next : &s->row_next;
    if (e->event.ordinal < *next)
        return leat_fail(err, LEAT_EDATA, "sequence %llu: ordinal %u of transaction %.*s of source \"%s\" "
                         "comes after ordinal %llu", (unsigned long long)e->sequence, e->event.ordinal,
                         LEAT_SLICE_ARG(e->event.transaction->id), s->instance,
                         (unsigned long long)*next - 1);
    *next = (uint64_t)e->event.ordinal + 1;
    return LEAT_OK;
}

static int transaction_check(struct trace *t, const struct leat_stream_event *e, struct leat_err *err)
{
    struct traced *s = traced_find(t, e->instance);
    uint64_t hash = transaction_hash(e->event.transaction);
    int status = LEAT_OK;
    if (hash != s->transaction)
        status = transaction_enter(t, s, e, hash, err);
    else if (s->closed)
        status = leat_fail(err, LEAT_EDATA, "sequence %llu: transaction %.*s of source \"%s\" goes on "
                           "behind its end", (unsigned long long)e->sequence,
                           LEAT_SLICE_ARG(e->event.transaction->id), s->instance);
    if (!status)
        status = ordinal_check(s, e, err);
    if (!status && e->last_of_transaction && s->row_next + s->message_next > e->transaction_total &&
        e->event.op != LEAT_OP_SCHEMA)
        status = leat_fail(err, LEAT_EDATA, "sequence %llu: transaction %.*s of source \"%s\" has more "
                           "events than its total of %llu", (unsigned long long)e->sequence,
                           LEAT_SLICE_ARG(e->event.transaction->id), s->instance,
                           (unsigned long long)e->transaction_total);
    s->closed = e->last_of_transaction;
    return status;
}

/* --- the log ---------------------------------------------------------------------------------- */

static int event_check(struct trace *t, const struct leat_stream_event *e, struct leat_err *err)
{
    if (t->expected && e->sequence != t->expected)
        return leat_fail(err, LEAT_EDATA, "sequences %llu to %llu are missing",
                         (unsigned long long)t->expected, (unsigned long long)e->sequence - 1);
    if (!e->instance)
        return leat_fail(err, LEAT_EDATA, "sequence %llu belongs to a source that the store does not name",
                         (unsigned long long)e->sequence);
    struct leat_form_settings settings = {0};
    struct leat_form_input input = {leat_slice_text(e->instance), e->sequence, e->ingested_at_us, &e->event};
    leat_buf_reset(&t->text);
    leat_buf_shrink(&t->text, KEEP_BYTES);
    int status = t->form->write(&settings, &input, &t->text, err);
    if (status) {
        leat_err_context(err, "sequence %llu", (unsigned long long)e->sequence);
        return status;
    }
    t->page->json_bytes += t->text.len;
    return transaction_check(t, e, err);
}

/* Up to what was stored when we began: a writer may be faster than we are. */
static int log_read(struct trace *t, struct leat_err *err)
{
    struct verify_page *page = t->page;
    uint64_t last = page->last_sequence;
    while (!last || page->at <= last) {
        struct leat_stream_event e;
        int status = leat_stream_next(t->stream, &e, err);
        if (status == LEAT_EOF && last && page->at <= last)
            return leat_fail(err, LEAT_EDATA, "the log ends before sequence %llu, but the store's last is %llu",
                             (unsigned long long)page->at, (unsigned long long)last);
        if (status)
            return status == LEAT_EOF ? LEAT_OK : status;
        status = event_check(t, &e, err);
        if (status)
            return status;
        t->expected = e.sequence + 1;
        page->at = t->expected;
        page->events++;
    }
    return LEAT_OK;
}

static int log_run(const char *path, struct verify_page *page, struct leat_err *err)
{
    struct leat_store_usage usage;
    struct trace t = {.page = page, .form = leat_form_find("native")};
    leat_buf_init(&t.text, LINE_BYTES_MAX);
    int status = leat_stream_open(path, NULL, &t.stream, err);
    if (status)
        return status;
    struct leat_err ignored; /* damage at an end: the reading will meet it and name it */
    if (leat_store_reader_usage(leat_stream_reader(t.stream), &usage, &ignored) == LEAT_OK)
        page->last_sequence = usage.last_sequence;
    status = leat_stream_seek(t.stream, page->at, err);
    if (!status)
        status = log_read(&t, err);
    leat_stream_close(t.stream);
    return status; /* memory goes with the process */
}

/* --- offsets ---------------------------------------------------------------------------------- */

static int source_count(void *arg, const char *instance, const struct leat_store_source *source,
                        struct leat_err *err)
{
    struct verify_page *page = arg;
    (void)instance;
    (void)source;
    (void)err;
    page->sources++;
    return LEAT_OK;
}

static int offsets_run(const char *path, struct verify_page *page, struct leat_err *err)
{
    struct leat_store_reader *reader;
    int status = leat_store_reader_open(path, NULL, &reader, err);
    if (status)
        return status;
    status = leat_store_reader_sources(reader, source_count, page, err);
    leat_store_reader_close(reader);
    return status;
}

static int runs_run(const char *path, struct leat_err *err)
{
    struct leat_store_reader *reader;
    uint64_t entries;
    int status = leat_store_reader_open(path, NULL, &reader, err);
    if (status)
        return status;
    status = leat_store_reader_check_runs(reader, &entries, err);
    leat_store_reader_close(reader);
    return status;
}

void verify_run(const char *store_path, struct verify_page *page)
{
    struct leat_err err;
    int status = page->what == VERIFY_OFFSETS ? offsets_run(store_path, page, &err)
                 : page->what == VERIFY_RUNS  ? runs_run(store_path, &err)
                                              : log_run(store_path, page, &err);
    page->code = status;
    snprintf(page->text, sizeof page->text, "%s", status ? err.text : "");
    page->done = 1;
}
