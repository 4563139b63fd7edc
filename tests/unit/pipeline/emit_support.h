/*
 * A store with events of known keys, and a destination without a server: what it was given, in
 * which order, and a script that makes any of its steps fail, also after the destination has taken
 * the batch.
 *
 *     emit_stock ── store, events (sequence n has key n % keys); more may be added while a runner
 * reads fake_dest ── what arrived, for all lanes and sessions; outlives connections, as a server
 * does
 *
 * It runs in the runner's thread, where a test may not fail: what is wrong is written into
 * dest->wrong.
 */
#ifndef UNIT_EMIT_SUPPORT_H
#define UNIT_EMIT_SUPPORT_H

#include "pipeline/emit_runner.h"
#include "store/delivery.h"

#include "unit/pipeline/engine_support.h"

#include <pthread.h>

/* --- the stock ----------------------------------------------------------------------------------
 */

struct emit_stock {
    struct engine *g;
    struct leat_batch *batch;
    struct leat_origin origin;
    struct leat_schema schema;
    struct leat_column columns[2];
    uint64_t count, keys;
};

static UNUSED void stock_commit(struct emit_stock *s)
{
    struct leat_commit *c;
    ok(leat_batch_position(s->batch, leat_slice_text("x"), &err));
    ok(leat_batch_take(s->batch, &c, &err));
    ok(leat_store_commit(s->g->store, &c->write, 1, &err));
    leat_commit_free(c);
}

/* `n` more events, in transactions of three, in one commit. */
static UNUSED void stock_add(struct emit_stock *s, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        char id[32], note[64];
        uint64_t sequence = ++s->count;
        snprintf(id, sizeof id, "0/%llX", (unsigned long long)(sequence / 3));
        snprintf(note, sizeof note, "event %llu", (unsigned long long)sequence);
        struct leat_transaction t = {
            .id = leat_slice_text(id), .commit_time_us = 1795232495000000, .origin = &s->origin};
        struct leat_value row[2] = {{.kind = LEAT_INT64, .integer = (int64_t)(sequence % s->keys)},
                                    {.kind = LEAT_STRING, .text = leat_slice_text(note)}};
        struct leat_event e = {.op = LEAT_OP_CREATE,
                               .ordinal = (uint32_t)(sequence % 3),
                               .relation = &s->schema,
                               .after = {2, row},
                               .event_time_us = 1795232495000000,
                               .valid_time_us = 1795232495000000};
        int status;
        ok(leat_batch_begin(s->batch, &t, &err));
        while ((status = leat_batch_add(s->batch, &e, &err)) == LEAT_AGAIN)
            stock_commit(s);
        ok(status);
        ok(leat_batch_commit(s->batch, 1, &err));
    }
    stock_commit(s);
}

static UNUSED void stock_open(struct emit_stock *s)
{
    struct leat_store_source known = {.id = 0};
    const struct leat_batch_settings settings = {LEAT_COMPRESSION_ZSTD, 1, 1, false};
    bool is_new;
    ok(leat_store_open(&s->g->options, &s->g->store, &err));
    ok(leat_store_source(s->g->store, "shop", &known, &err));
    ok(leat_batch_new(&settings, &known, &s->batch, &err));
    ok(leat_batch_origin(s->batch, &s->origin, &err));
    ok(leat_batch_define(s->batch, &s->schema, &is_new, &err));
    leat_buf_release(&known.token);
}

static UNUSED struct emit_stock *stock_new(uint64_t keys)
{
    struct emit_stock *s = calloc(1, sizeof *s);
    s->g = engine_new();
    s->keys = keys;
    s->origin = (struct leat_origin){.connector = LEAT_SLICE_LITERAL("fake"),
                                     .lineage = LEAT_SLICE_LITERAL("42")};
    s->columns[0] = (struct leat_column){.name = LEAT_SLICE_LITERAL("id"),
                                         .type = LEAT_SLICE_LITERAL("bigint"),
                                         .kind = LEAT_INT64,
                                         .key_ordinal = 1,
                                         .precision = -1,
                                         .scale = -1};
    s->columns[1] = (struct leat_column){.name = LEAT_SLICE_LITERAL("note"),
                                         .type = LEAT_SLICE_LITERAL("text"),
                                         .kind = LEAT_STRING,
                                         .precision = -1,
                                         .scale = -1};
    s->schema = (struct leat_schema){.relation = 1,
                                     .schema = LEAT_SLICE_LITERAL("public"),
                                     .table = LEAT_SLICE_LITERAL("t"),
                                     .column_count = 2,
                                     .columns = s->columns};
    stock_open(s);
    return s;
}

static UNUSED void stock_free(struct emit_stock *s)
{
    leat_batch_free(s->batch);
    leat_store_close(s->g->store);
    engine_free(s->g);
    free(s);
}

/* --- the destination
 * ------------------------------------------------------------------------------ */

enum { DEST_EVENTS_MAX = 200000, DEST_POISON_MAX = 64, DEST_LANES_MAX = 8 };

struct fake_dest {
    pthread_mutex_t lock; /* over all below */
    uint64_t *arrived;    /* sequences, as they came */
    size_t count;
    uint64_t cursor, rewinds;         /* where it keeps them */
    uint64_t poison[DEST_POISON_MAX]; /* refused for ever, or until it is taken away */
    size_t poison_count;
    struct chance c;
    uint64_t fail_one_in; /* steps; 0: never */
    uint64_t lose_one_in; /* … after the batch was taken */
    int fail_code;
    int fail_open; /* every open; 0: none */
    int64_t opens, closes, submits, most_in_flight;
    char wrong[200];
};

struct fake_lane {
    struct leat_emit_settings emit;
    struct fake_dest *dest; /* the option */
    bool open, keeps;
    unsigned lane;
    uint64_t submitted, confirmed;  /* numbers of this session */
    struct leat_emit_batch held[8]; /* taken at poll, one a call */
    size_t held_count;
};

static UNUSED void dest_wrong(struct fake_dest *d, const char *what)
{
    if (!d->wrong[0])
        snprintf(d->wrong, sizeof d->wrong, "%s", what);
}

static UNUSED int dest_step(struct fake_dest *d, const char *what, struct leat_err *e)
{
    if (!d->fail_one_in || !one_in(&d->c, d->fail_one_in))
        return LEAT_OK;
    return leat_fail(e, d->fail_code ? d->fail_code : LEAT_ERETRY, "scripted: %s", what);
}

static UNUSED bool dest_poisoned(const struct fake_dest *d, const struct leat_emit_batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        for (size_t k = 0; k < d->poison_count; k++)
            if (b->events[i].sequence == d->poison[k])
                return true;
    return false;
}

static UNUSED int fake_emit_open(void *ctx, const struct leat_emitter_env *env, uint64_t *ret_acked,
                                 struct leat_err *e)
{
    struct fake_lane *l = ctx;
    struct fake_dest *d = l->dest;
    pthread_mutex_lock(&d->lock);
    d->opens++;
    int status =
        d->fail_open ? leat_fail(e, d->fail_open, "scripted: open") : dest_step(d, "open", e);
    if (!status) {
        if (l->open)
            dest_wrong(d, "opened twice");
        l->open = true;
        l->lane = env->lane;
        l->submitted = l->confirmed = 0;
        l->held_count = 0;
        if (d->rewinds != env->rewinds) {
            d->rewinds = env->rewinds;
            d->cursor = env->cursor;
        }
        if (l->keeps && d->cursor)
            *ret_acked = d->cursor;
    }
    pthread_mutex_unlock(&d->lock);
    return status;
}

/* Takes up to three, then asks to be polled. */
static UNUSED int fake_submit(void *ctx, const struct leat_emit_batch *b, struct leat_err *e)
{
    struct fake_lane *l = ctx;
    struct fake_dest *d = l->dest;
    pthread_mutex_lock(&d->lock);
    d->submits++;
    int status = !l->open ? LEAT_EBUG : l->held_count == 3 ? LEAT_AGAIN : dest_step(d, "submit", e);
    if (!l->open || !b->count || b->number <= l->submitted)
        dest_wrong(d, "submit: closed, empty, or an old number");
    if (!status) {
        l->submitted = b->number;
        l->held[l->held_count++] = *b;
        d->most_in_flight =
            (int64_t)l->held_count > d->most_in_flight ? (int64_t)l->held_count : d->most_in_flight;
    }
    pthread_mutex_unlock(&d->lock);
    return status;
}

static UNUSED void dest_take(struct fake_dest *d, bool keeps, const struct leat_emit_batch *b)
{
    for (size_t i = 0; i < b->count && d->count < DEST_EVENTS_MAX; i++)
        d->arrived[d->count++] = b->events[i].sequence;
    if (b->through > d->cursor)
        d->cursor = b->through;
    else if (b->through && keeps)
        dest_wrong(d, "through goes back");
}

static UNUSED int fake_emit_poll(void *ctx, int64_t until_ms, uint64_t *ret_number,
                                 struct leat_err *e)
{
    struct fake_lane *l = ctx;
    struct fake_dest *d = l->dest;
    (void)until_ms;
    pthread_mutex_lock(&d->lock);
    int status = dest_step(d, "poll", e);
    const struct leat_emit_batch *b = l->held_count ? &l->held[0] : NULL;
    if (!status && b && dest_poisoned(d, b)) {
        status = leat_fail(e, LEAT_EDATA, "scripted: poison among %zu events", b->count);
        l->held_count = 0;
    } else if (!status && b) {
        dest_take(d, l->keeps, b);
        l->confirmed = b->number;
        memmove(l->held, l->held + 1, --l->held_count * sizeof l->held[0]);
        if (d->lose_one_in && one_in(&d->c, d->lose_one_in))
            status = leat_fail(e, LEAT_EPROTO, "scripted: the answer was lost");
    }
    if (!status)
        *ret_number = l->confirmed;
    pthread_mutex_unlock(&d->lock);
    return status;
}

static UNUSED void fake_emit_close(void *ctx)
{
    struct fake_lane *l = ctx;
    pthread_mutex_lock(&l->dest->lock);
    l->dest->closes += l->open;
    l->open = false;
    l->held_count = 0;
    pthread_mutex_unlock(&l->dest->lock);
}

static UNUSED const struct leat_emitter_ops fake_emitter_ops = {.name = "fake",
                                                                .ctx_size =
                                                                    sizeof(struct fake_lane),
                                                                .lanes_max = DEST_LANES_MAX,
                                                                .open = fake_emit_open,
                                                                .submit = fake_submit,
                                                                .poll = fake_emit_poll,
                                                                .close = fake_emit_close};

static UNUSED const struct leat_emitter_ops keeping_emitter_ops = {.name = "keeping",
                                                                   .ctx_size =
                                                                       sizeof(struct fake_lane),
                                                                   .keeps_cursor = true,
                                                                   .open = fake_emit_open,
                                                                   .submit = fake_submit,
                                                                   .poll = fake_emit_poll,
                                                                   .close = fake_emit_close};

static UNUSED struct fake_dest *dest_new(uint64_t stream)
{
    struct fake_dest *d = calloc(1, sizeof *d);
    d->arrived = calloc(DEST_EVENTS_MAX, sizeof *d->arrived);
    d->c = chance_of(stream);
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

static UNUSED void dest_free(struct fake_dest *d)
{
    pthread_mutex_destroy(&d->lock);
    free(d->arrived);
    free(d);
}

static UNUSED size_t dest_count(struct fake_dest *d)
{
    pthread_mutex_lock(&d->lock);
    size_t count = d->count;
    pthread_mutex_unlock(&d->lock);
    return count;
}

/* How often each sequence up to `max` arrived. */
static UNUSED uint32_t *dest_tally(struct fake_dest *d, uint64_t max)
{
    uint32_t *tally = calloc(max + 1, sizeof *tally);
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < d->count; i++)
        if (d->arrived[i] <= max)
            tally[d->arrived[i]]++;
    pthread_mutex_unlock(&d->lock);
    return tally;
}

static UNUSED struct leat_emit_settings emit_defaults(void)
{
    return (struct leat_emit_settings){.format = "native",
                                       .topic = "{source}.{schema}.{table}",
                                       .flush_bytes = 4096,
                                       .flush_count = 20,
                                       .event_bytes_max = 1 << 20,
                                       .lanes = 1,
                                       .tries = 3,
                                       .retry_min_ms = 1,
                                       .retry_max_ms = 5};
}

#endif
