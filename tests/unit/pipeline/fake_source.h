/*
 * A source without a server: a list of transactions as log, a token "fake1 tx=2 rows=3" (two
 * transactions whole and three events of the next), and a script that makes any of its steps fail.
 *
 *     fake_db ── the log, what was confirmed, what was done wrong; outlives connections, as a
 * server does └─ fake_source ── one session; like a real server it sends an unfinished transaction
 * again from its beginning
 *
 * It runs in the runner's thread, where a test may not fail: what is wrong is written into
 * db->wrong, and the test looks there.
 */
#ifndef UNIT_FAKE_SOURCE_H
#define UNIT_FAKE_SOURCE_H

#include <leat/clock.h>
#include <leat/source.h>

#include "unit/event/event_model.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

enum { FAKE_SCHEMAS = 3, FAKE_EVENTS_PER_POLL = 7 };

struct fake_transaction {
    struct leat_transaction head;
    struct leat_event *events;
    uint32_t count;
};

struct fake_db {
    struct chance c;
    struct leat_arena arena;
    struct leat_origin origin;
    struct leat_schema *schemas[FAKE_SCHEMAS];
    struct fake_transaction *log;
    size_t log_count;
    _Atomic size_t published; /* transactions that the source may read */
    char **expected;          /* all events as text */
    size_t expected_count;

    /* the script */
    _Atomic int64_t steps;       /* made so far, by all sessions */
    _Atomic int64_t fail_at;     /* this step fails … */
    _Atomic int fail_code;       /* … with this code */
    _Atomic int64_t fail_one_in; /* or by chance; 0: never */
    _Atomic int fail_open;       /* every open fails with this code; 0: none */
    _Atomic int64_t lag_us;      /* what the source says of itself while it is behind */
    _Atomic int64_t deaf_ms;     /* poll does not hear the wake_fd for so long */

    /* what was seen */
    _Atomic int64_t opens, closes, confirms, polls_without_room, failures;
    _Atomic int64_t confirmed_events; /* that the highest confirmed token stands for */
    struct leat_store *_Atomic store; /* to compare confirmations with what is durable */
    pthread_mutex_t lock;
    char wrong[200];
};

struct fake_source {
    struct fake_db *db; /* the option */
    struct leat_source_env env;
    bool open, started, begun;
    size_t transaction; /* next in the log, and … */
    uint32_t row, skip; /* … event of it; events below skip are stored already */
    struct leat_origin origin;
    struct leat_schema schemas[FAKE_SCHEMAS];
    bool defined;
};

static UNUSED void fake_wrong(struct fake_db *db, const char *what)
{
    pthread_mutex_lock(&db->lock);
    if (!db->wrong[0])
        snprintf(db->wrong, sizeof db->wrong, "%s", what);
    pthread_mutex_unlock(&db->lock);
}

/* --- the log
 * --------------------------------------------------------------------------------------------- */

static UNUSED struct fake_db *fake_db_new(uint64_t stream, size_t transactions, uint64_t events_max,
                                          size_t long_bytes)
{
    struct fake_db *db = calloc(1, sizeof *db);
    db->c = chance_of(stream);
    leat_arena_init(&db->arena, 1u << 30);
    pthread_mutex_init(&db->lock, NULL);
    db->origin = (struct leat_origin){.connector = LEAT_SLICE_LITERAL("fake"),
                                      .lineage = LEAT_SLICE_LITERAL("42")};
    for (uint32_t i = 0; i < FAKE_SCHEMAS; i++)
        db->schemas[i] = chance_schema(&db->c, &db->arena, 2 + i * 3);
    db->log = leat_arena_zeroed(&db->arena, transactions, sizeof *db->log);
    db->expected = calloc(transactions * events_max + 1, sizeof *db->expected);
    for (size_t i = 0; i < transactions; i++) {
        struct fake_transaction *x = &db->log[db->log_count++];
        char id[24];
        snprintf(id, sizeof id, "0/%zX", i + 1);
        x->head = chance_transaction(&db->c, &db->arena, &db->origin);
        x->head.id = leat_arena_copy(&db->arena, leat_slice_text(id));
        x->count = (uint32_t)below(&db->c, events_max + 1); /* some have none */
        x->events = leat_arena_zeroed(&db->arena, events_max, sizeof *x->events);
        for (uint32_t k = 0; k < x->count; k++) {
            size_t text_max = long_bytes && one_in(&db->c, 12) ? long_bytes : 40;
            x->events[k] = chance_event(&db->c, &db->arena, &x->head,
                                        db->schemas[below(&db->c, FAKE_SCHEMAS)], text_max);
            x->events[k].ordinal = k;
            x->events[k].op = LEAT_OP_CREATE; /* one count of ordinals */
            db->expected[db->expected_count++] = told(&x->events[k]);
        }
    }
    db->published = db->log_count;
    return db;
}

static UNUSED void fake_db_free(struct fake_db *db)
{
    while (db->expected_count)
        free(db->expected[--db->expected_count]);
    free(db->expected);
    leat_arena_release(&db->arena);
    pthread_mutex_destroy(&db->lock);
    free(db);
}

static UNUSED int64_t fake_events_before(const struct fake_db *db, size_t transaction, uint32_t row)
{
    int64_t events = row;
    for (size_t i = 0; i < transaction && i < db->log_count; i++)
        events += db->log[i].count;
    return events;
}

/* --- the session
 * ------------------------------------------------------------------------------------------ */

/* One step of the script: LEAT_OK, or a failure. */
static UNUSED int fake_step(struct fake_db *db, const char *what, struct leat_err *e)
{
    int64_t step = ++db->steps;
    bool due = step == db->fail_at;
    if (!due && db->fail_one_in) {
        pthread_mutex_lock(&db->lock);
        due = one_in(&db->c, (uint64_t)db->fail_one_in);
        pthread_mutex_unlock(&db->lock);
    }
    if (!due)
        return LEAT_OK;
    db->failures++;
    return leat_fail(e, db->fail_code ? db->fail_code : LEAT_ERETRY,
                     "step %" PRId64 " (%s) was told to fail", step, what);
}

static UNUSED int fake_open(void *ctx, const struct leat_source_env *env, struct leat_err *e)
{
    struct fake_source *s = ctx;
    struct fake_db *db = s->db;
    if (s->open)
        fake_wrong(db, "open without close");
    db->opens++;
    if (db->fail_open)
        return leat_fail(e, db->fail_open, "open was told to fail");
    *s = (struct fake_source){.db = db, .env = *env, .open = true};
    return fake_step(db, "open", e);
}

static UNUSED int fake_token(struct leat_slice token, size_t *ret_transaction, uint32_t *ret_row,
                             struct leat_err *e)
{
    char text[80];
    int end = 0;
    *ret_transaction = 0;
    *ret_row = 0;
    if (!token.len)
        return LEAT_OK;
    snprintf(text, sizeof text, "%.*s", LEAT_SLICE_ARG(token));
    if (sscanf(text, "fake1 tx=%zu rows=%u%n", ret_transaction, ret_row, &end) != 2 || text[end])
        return leat_fail(e, LEAT_ECONFIG, "\"%s\" is no position", text);
    return LEAT_OK;
}

static UNUSED int fake_start(void *ctx, struct leat_slice token, struct leat_err *e)
{
    struct fake_source *s = ctx;
    if (!s->open || s->started)
        fake_wrong(s->db, "start out of order");
    int status = fake_token(token, &s->transaction, &s->skip, e);
    if (!status)
        status = fake_step(s->db, "start", e);
    s->started = status == LEAT_OK;
    if (fake_events_before(s->db, s->transaction, s->skip) < s->db->confirmed_events)
        fake_wrong(s->db, "start before what was confirmed");
    return status;
}

static UNUSED int fake_define(struct fake_source *s, struct leat_batch *batch, struct leat_err *e)
{
    bool is_new;
    s->origin = s->db->origin;
    int status = leat_batch_origin(batch, &s->origin, e);
    for (uint32_t i = 0; i < FAKE_SCHEMAS && !status; i++) {
        s->schemas[i] = *s->db->schemas[i];
        s->schemas[i].ref = 0;
        status = leat_batch_define(batch, &s->schemas[i], &is_new, e);
    }
    s->defined = status == LEAT_OK;
    return status;
}

static UNUSED int fake_begin(struct fake_source *s, struct leat_batch *batch, struct leat_err *e)
{
    struct leat_transaction head = s->db->log[s->transaction].head;
    head.origin = &s->origin;
    int status = leat_batch_begin(batch, &head, e);
    s->begun = status == LEAT_OK;
    return status ? status : fake_step(s->db, "begin", e);
}

/* The next event, unless it is stored already. */
static UNUSED int fake_event(struct fake_source *s, struct leat_batch *batch, struct leat_err *e)
{
    const struct fake_transaction *x = &s->db->log[s->transaction];
    if (s->row >= s->skip) {
        struct leat_event event = x->events[s->row];
        for (uint32_t i = 0; i < FAKE_SCHEMAS; i++)
            if (event.relation == s->db->schemas[i])
                event.relation = &s->schemas[i];
        int status = fake_step(s->db, "event", e);
        if (!status)
            status = leat_batch_add(batch, &event, e);
        if (status)
            return status;
    }
    s->row++;
    return LEAT_OK;
}

static UNUSED int fake_end(struct fake_source *s, struct leat_batch *batch, struct leat_err *e)
{
    int status = leat_batch_commit(batch, s->db->log[s->transaction].count, e);
    s->begun = false;
    s->transaction++;
    s->row = s->skip = 0;
    return status ? status : fake_step(s->db, "commit", e);
}

static UNUSED int fake_read(struct fake_source *s, struct leat_batch *batch, unsigned *ret_read,
                            struct leat_err *e)
{
    int status = s->defined ? LEAT_OK : fake_define(s, batch, e);
    for (*ret_read = 0;
         !status && *ret_read < FAKE_EVENTS_PER_POLL && s->transaction < s->db->published;
         ++*ret_read) {
        if (!s->begun)
            status = fake_begin(s, batch, e);
        else if (s->row < s->db->log[s->transaction].count)
            status = fake_event(s, batch, e);
        else
            status = fake_end(s, batch, e);
        if (!status && leat_batch_full(batch))
            break;
    }
    return status;
}

static UNUSED int fake_position(struct fake_source *s, struct leat_batch *batch, struct leat_err *e)
{
    char token[80];
    snprintf(token, sizeof token, "fake1 tx=%zu rows=%u", s->transaction,
             s->row > s->skip ? s->row : s->skip);
    int status = leat_batch_position(batch, leat_slice_text(token), e);
    return status ? status : fake_step(s->db, "position", e);
}

static UNUSED void fake_wait(struct fake_source *s, int64_t until_ms)
{
    int64_t left_ms = until_ms - leat_clock_monotonic_ms();
    struct pollfd fd = {.fd = s->env.wake_fd, .events = POLLIN};
    if (left_ms > 0)
        poll(&fd, 1, (int)left_ms);
}

static UNUSED int fake_poll(void *ctx, int64_t until_ms, struct leat_batch *batch,
                            struct leat_err *e)
{
    struct fake_source *s = ctx;
    if (!s->started)
        fake_wrong(s->db, "poll out of order");
    leat_clock_pause_us(s->db->deaf_ms * 1000);
    int status = fake_step(s->db, "poll", e);
    if (status)
        return status;
    if (!batch) {
        s->db->polls_without_room++;
        fake_wait(s, until_ms);
        return LEAT_OK;
    }
    unsigned count;
    status = fake_read(s, batch, &count, e);
    if (status < 0)
        return status;
    s->env.stats->lag_us = s->transaction < s->db->published ? 1000000000 : s->db->lag_us;
    int position = fake_position(s, batch, e);
    if (!position && !count && status == LEAT_OK)
        fake_wait(s, until_ms);
    return position ? position : status;
}

static UNUSED int fake_confirm(void *ctx, struct leat_slice token, struct leat_err *e)
{
    struct fake_source *s = ctx;
    struct fake_db *db = s->db;
    size_t transaction = 0;
    uint32_t row = 0;
    if (!s->started || fake_token(token, &transaction, &row, e) || !token.len)
        fake_wrong(db, "confirm out of order, or without a token");
    int64_t events = fake_events_before(db, transaction, row);
    if (events < db->confirmed_events)
        fake_wrong(db, "confirmed backwards");
    if (db->store && events > (int64_t)leat_store_durable(db->store))
        fake_wrong(db, "confirmed what is not durable");
    db->confirmed_events = events;
    db->confirms++;
    return fake_step(db, "confirm", e);
}

static UNUSED void fake_close(void *ctx)
{
    struct fake_source *s = ctx;
    s->db->closes += s->open;
    s->open = s->started = false;
}

static const struct leat_source_ops fake_ops UNUSED = {
    .name = "fake",
    .doc = "A log in memory.",
    .ctx_size = sizeof(struct fake_source),
    .open = fake_open,
    .start = fake_start,
    .poll = fake_poll,
    .confirm = fake_confirm,
    .close = fake_close,
};

#endif
