/*
 * What sources noted with their events, against a naive list: two sources with the same names and values, transactions
 * over several blocks and commits, batches that were thrown away, segments that roll, and a new start.
 */
#include "pipeline/recall.h"

#include "pipeline/batch.h"
#include "store/segment.h"

#include "unit/pipeline/engine_support.h"

enum { SOURCES = 2, EVENTS = 20000, VALUES = 3000 };

struct noted {
    unsigned value;
    uint64_t number; /* of the event, its body */
};

struct writer {
    struct leat_batch *batch;
    struct leat_recall *recall;
    uint32_t id;
    struct leat_origin origin;
    struct noted *noted;
    size_t count, durable; /* of noted */
    uint64_t transactions;
};

static struct chance chances;
static struct engine *engine;
static struct writer writers[SOURCES];
static uint64_t numbers;

static struct leat_slice value_of(unsigned value, char *text)
{
    return leat_slice_of(text, (size_t)snprintf(text, 32, "order-%u", value));
}

static void writer_open(struct writer *w, const char *name)
{
    struct leat_store_source known;
    const struct leat_batch_settings settings = {LEAT_COMPRESSION_ZSTD, 1, -3, false};
    ok(leat_store_source(engine->store, name, &known, &err));
    ok(leat_batch_new(&settings, &known, &w->batch, &err));
    ok(leat_recall_new(engine->store, known.id, &w->recall, &err));
    leat_buf_release(&known.token);
    w->id = known.id;
    w->origin = (struct leat_origin){.connector = LEAT_SLICE_LITERAL("webhook"), .lineage = leat_slice_text(name)};
    ok(leat_batch_origin(w->batch, &w->origin, &err));
}

static void all_open(void)
{
    engine_open(engine);
    writer_open(&writers[0], "shop");
    writer_open(&writers[1], "till");
}

static void all_close(void)
{
    for (int i = 0; i < SOURCES; i++) {
        leat_batch_free(writers[i].batch);
        leat_recall_free(writers[i].recall);
    }
    engine_close(engine);
}

static void write_transaction(struct writer *w)
{
    char id[32], text[32];
    uint8_t body[600];
    struct leat_transaction x = {.origin = &w->origin, .commit_time_us = 1};
    x.id = leat_slice_of(id, (size_t)snprintf(id, sizeof id, "%llu", (unsigned long long)++w->transactions));
    ok(leat_batch_begin(w->batch, &x, &err));
    uint64_t events = 1 + below(&chances, one_in(&chances, 10) ? 400 : 4);
    for (uint32_t i = 0; i < events; i++) {
        memcpy(body, &(uint64_t){++numbers}, sizeof numbers);
        for (size_t k = sizeof numbers; k < sizeof body; k++)
            body[k] = (uint8_t)below(&chances, 256);
        struct leat_event e = {.op = LEAT_OP_POST, .ordinal = i, .body = leat_slice_of(body, sizeof body)};
        int status = leat_batch_add(w->batch, &e, &err);
        assert_int_equal(status, LEAT_OK);
        if (one_in(&chances, 3))
            continue;
        unsigned value = (unsigned)below(&chances, VALUES);
        ok(leat_batch_key(w->batch, LEAT_SLICE_LITERAL("externalId"), value_of(value, text), &err));
        w->noted[w->count++] = (struct noted){value, numbers};
    }
    ok(leat_batch_commit(w->batch, events, &err));
}

static void hand_over(struct writer *w)
{
    struct leat_commit *c;
    ok(leat_batch_position(w->batch, LEAT_SLICE_LITERAL("t"), &err));
    ok(leat_batch_take(w->batch, &c, &err));
    ok(leat_store_commit(engine->store, &c->write, 1, &err));
    leat_commit_free(c);
    w->durable = w->count;
}

struct expected {
    const struct writer *w;
    unsigned value;
    size_t at;
    unsigned stop_after;
};

static int expect(void *arg, const struct leat_event *event, struct leat_err *e)
{
    struct expected *x = arg;
    uint64_t number;
    (void)e;
    while (x->at < x->w->durable && x->w->noted[x->at].value != x->value)
        x->at++;
    assert_true(x->at < x->w->durable);
    memcpy(&number, event->body.ptr, sizeof number);
    assert_true(number == x->w->noted[x->at++].number);
    return x->stop_after && --x->stop_after == 0 ? LEAT_EOF : LEAT_OK;
}

static void check_values(struct writer *w, unsigned count)
{
    char text[32];
    for (unsigned i = 0; i < count; i++) {
        struct expected x = {.w = w, .value = (unsigned)below(&chances, VALUES + 10)};
        ok(leat_recall_find(w->recall, LEAT_SLICE_LITERAL("externalId"), value_of(x.value, text), 0, expect, &x, &err));
        for (; x.at < w->durable; x.at++)
            assert_true(w->noted[x.at].value != x.value);
        x = (struct expected){.w = w, .value = x.value};
        ok(leat_recall_find(w->recall, LEAT_SLICE_LITERAL("another"), value_of(x.value, text), 0, expect, &x, &err));
        assert_int_equal(x.at, 0);
    }
}

static void recall__finds_what_a_list_would(void **state)
{
    (void)state;
    chances = chance_of(11);
    engine = engine_new();
    engine->options.segment_bytes = 2 << 20;
    for (int i = 0; i < SOURCES; i++)
        writers[i].noted = calloc(4 * EVENTS, sizeof *writers[i].noted);
    all_open();
    for (unsigned round = 0; numbers < EVENTS; round++) {
        struct writer *w = &writers[below(&chances, SOURCES)];
        write_transaction(w);
        if (one_in(&chances, 20)) { /* the connection was lost: it never happened */
            leat_batch_discard(w->batch);
            w->count = w->durable;
            ok(leat_batch_origin(w->batch, &w->origin, &err));
        } else if (one_in(&chances, 3)) {
            hand_over(w);
        }
        if (round % 50 == 0)
            check_values(w, 10);
        if (round % 300 == 299) {
            for (int i = 0; i < SOURCES; i++)
                writers[i].count = writers[i].durable;
            all_close();
            all_open();
        }
    }
    struct leat_store_usage usage;
    ok(leat_store_usage(engine->store, &usage, &err));
    assert_true(usage.segment_count > 2);
    for (int i = 0; i < SOURCES; i++)
        check_values(&writers[i], 300);

    struct expected x = {.w = &writers[0], .value = writers[0].noted[5].value, .stop_after = 1};
    char text[32];
    struct leat_slice value = value_of(x.value, text);
    gives(LEAT_EOF, leat_recall_find(writers[0].recall, LEAT_SLICE_LITERAL("externalId"), value, 0, expect, &x, &err));
    struct leat_recall *fresh; /* nothing was stored in the future */
    x.at = writers[0].durable;
    ok(leat_recall_new(engine->store, writers[0].id, &fresh, &err));
    ok(leat_recall_find(fresh, LEAT_SLICE_LITERAL("externalId"), value,
                        leat_clock_wall_us() + 3600000000, expect, &x, &err));
    leat_recall_free(fresh);
    all_close();
    engine_free(engine);
    for (int i = 0; i < SOURCES; i++)
        free(writers[i].noted);
}

/* Sequences that a stream by key gives of some value, compared with all that noted it. */
static size_t keyed_count(struct writer *w, unsigned value, uint64_t *ret_numbers)
{
    struct leat_stream *stream;
    struct leat_stream_event e;
    char text[32];
    size_t count = 0;
    int status;
    ok(leat_stream_open(engine->path, engine->store, &stream, &err));
    leat_stream_only(stream, w->id);
    leat_stream_keyed(stream, leat_lookup_hash(w->id, LEAT_SLICE_LITERAL("externalId"), value_of(value, text)));
    ok(leat_stream_seek(stream, 1, &err));
    while ((status = leat_stream_next(stream, &e, &err)) == LEAT_OK)
        memcpy(&ret_numbers[count++], e.event.body.ptr, sizeof *ret_numbers);
    gives(LEAT_EOF, status);
    gives(LEAT_EOF, leat_stream_next(stream, &e, &err));
    leat_stream_close(stream);
    return count;
}

static void check_keyed(struct writer *w, unsigned value)
{
    static uint64_t got[EVENTS];
    size_t count = keyed_count(w, value, got), at = 0;
    for (size_t i = 0; i < w->durable; i++)
        if (w->noted[i].value == value) {
            assert_true(at < count);
            assert_true(got[at++] == w->noted[i].number);
        }
    assert_int_equal(at, count);
}

/* The first segment loses its database of runs: as if an older leat had written it. */
static void forget_first_segment(void)
{
    struct leat_segment *segment;
    MDB_txn *txn;
    ok(leat_segment_open(engine->path, 1, true, engine->options.map_bytes, &segment, &err));
    assert_int_equal(mdb_txn_begin(segment->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_drop(txn, segment->db[LEAT_DB_RUNS], 1), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    leat_segment_unref(segment);
}

static int transaction_count(void *arg, const struct leat_transaction *transaction, struct leat_err *e)
{
    (void)transaction;
    (void)e;
    ++*(unsigned *)arg;
    return LEAT_OK;
}

static void recall__streams_by_key_leave_out_nothing(void **state)
{
    (void)state;
    chances = chance_of(13);
    engine = engine_new();
    engine->options.segment_bytes = 2 << 20;
    for (int i = 0; i < SOURCES; i++)
        writers[i] = (struct writer){.noted = calloc(4 * EVENTS, sizeof *writers[i].noted)};
    numbers = 0;
    all_open();
    for (unsigned round = 0; numbers < EVENTS / 2; round++) {
        write_transaction(&writers[round % SOURCES]);
        hand_over(&writers[round % SOURCES]);
    }
    for (unsigned i = 0; i < 300; i++)
        check_keyed(&writers[i % SOURCES], (unsigned)below(&chances, VALUES));
    unsigned transactions = 0;
    ok(leat_recall_unnoted(writers[0].recall, 0, transaction_count, &transactions, &err));
    assert_int_equal(transactions, 0);
    all_close();
    forget_first_segment();
    all_open();
    /* Now all of the first segment comes, and what was noted behind it. */
    static uint64_t got[EVENTS];
    for (unsigned i = 0; i < 50; i++) {
        unsigned value = (unsigned)below(&chances, VALUES);
        struct writer *w = &writers[i % SOURCES];
        size_t count = keyed_count(w, value, got), at = 0;
        assert_true(count > 500);
        for (size_t k = 0; k < w->durable; k++) {
            if (w->noted[k].value != value)
                continue;
            while (at < count && got[at] < w->noted[k].number)
                at++;
            assert_true(at < count && got[at] == w->noted[k].number);
        }
    }
    ok(leat_recall_unnoted(writers[0].recall, 0, transaction_count, &transactions, &err));
    assert_true(transactions > 20 && transactions < writers[0].transactions);
    all_close();
    engine_free(engine);
    for (int i = 0; i < SOURCES; i++)
        free(writers[i].noted);
}

static void recall__a_key_needs_an_event(void **state)
{
    (void)state;
    chances = chance_of(12);
    engine = engine_new();
    all_open();
    gives(LEAT_EBUG, leat_batch_key(writers[0].batch, LEAT_SLICE_LITERAL("a"), LEAT_SLICE_LITERAL("b"), &err));
    all_close();
    engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recall__finds_what_a_list_would),
        cmocka_unit_test(recall__streams_by_key_leave_out_nothing),
        cmocka_unit_test(recall__a_key_needs_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
