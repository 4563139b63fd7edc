/*
 * The stream against a model: what several sources committed comes out in sequence order, from any
 * sequence on, each event with its own source's definitions; what cannot be read is never passed
 * over.
 */
#include "codec/record.h"

#include "unit/pipeline/engine_support.h"

enum { SOURCES = 3, SCHEMAS = 4 };

struct writer {
    struct leat_batch *batch;
    const char *name;
    uint32_t id;
    struct leat_origin origin;
    struct leat_schema *schemas[SCHEMAS];
};

struct stream_test {
    struct engine *g;
    struct chance c;
    struct leat_arena arena;
    struct writer writers[SOURCES];
    struct stored model; /* what must come out */
};

static const char *const NAMES[SOURCES] = {"shop", "stock", "billing"};

static void model_add(struct stream_test *t, const char *instance, char *line)
{
    struct stored *s = &t->model;
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 64;
        s->lines = realloc(s->lines, s->capacity * sizeof *s->lines);
        s->instances = realloc(s->instances, s->capacity * sizeof *s->instances);
    }
    s->instances[s->count] = strdup(instance);
    s->lines[s->count++] = line;
}

static void writer_commit(struct stream_test *t, struct writer *w)
{
    struct leat_commit *c;
    ok(leat_batch_take(w->batch, &c, &err));
    ok(leat_store_commit(t->g->store, &c->write, 1, &err));
    leat_commit_free(c);
}

/* Adds an event, in as many commits as it needs. */
static void writer_add(struct stream_test *t, struct writer *w, const struct leat_event *e)
{
    int status;
    while ((status = leat_batch_add(w->batch, e, &err)) == LEAT_AGAIN)
        writer_commit(t, w);
    ok(status);
}

static void writer_open(struct stream_test *t, struct writer *w, const char *name)
{
    struct leat_store_source known = {.id = 0};
    const struct leat_batch_settings settings = {LEAT_COMPRESSION_ZSTD, 1, -3, false};
    bool is_new;
    ok(leat_store_source(t->g->store, name, &known, &err));
    ok(leat_batch_new(&settings, &known, &w->batch, &err));
    leat_buf_release(&known.token);
    w->name = name;
    w->id = known.id;
    w->origin = (struct leat_origin){.connector = LEAT_SLICE_LITERAL("postgresql"),
                                     .lineage = chance_bytes(&t->c, &t->arena, 8)};
    ok(leat_batch_origin(w->batch, &w->origin, &err));
    for (uint32_t i = 0; i < SCHEMAS;
         i++) { /* of every source the same numbers, with other content */
        w->schemas[i] = chance_schema(&t->c, &t->arena, 1 + i * 4);
        ok(leat_batch_define(w->batch, w->schemas[i], &is_new, &err));
    }
}

static struct stream_test *test_new(uint64_t stream, int64_t segment_bytes)
{
    struct stream_test *t = calloc(1, sizeof *t);
    t->g = engine_new();
    t->g->options.segment_bytes = segment_bytes;
    t->c = chance_of(stream);
    leat_arena_init(&t->arena, 512 << 20);
    engine_open(t->g);
    for (int i = 0; i < SOURCES; i++)
        writer_open(t, &t->writers[i], NAMES[i]);
    return t;
}

static void test_end(struct stream_test *t)
{
    for (int i = 0; i < SOURCES; i++)
        leat_batch_free(t->writers[i].batch);
    if (t->g->store)
        engine_close(t->g);
    engine_free(t->g);
    stored_free(&t->model);
    leat_arena_release(&t->arena);
    free(t);
}

/* Some transactions of one source, in one commit. */
static void write_some(struct stream_test *t, struct writer *w, size_t text_max)
{
    for (uint64_t transactions = 1 + below(&t->c, 3); transactions > 0; transactions--) {
        struct leat_transaction x = chance_transaction(&t->c, &t->arena, &w->origin);
        ok(leat_batch_begin(w->batch, &x, &err));
        uint64_t events = 1 + below(&t->c, 5);
        for (uint64_t i = 0; i < events; i++) {
            struct leat_event e =
                chance_event(&t->c, &t->arena, &x,
                             one_in(&t->c, 5) ? NULL : w->schemas[below(&t->c, SCHEMAS)], text_max);
            writer_add(t, w, &e);
            model_add(t, w->name, told(&e));
        }
        ok(leat_batch_commit(w->batch, events, &err));
    }
    /* with a token: until there is one, parts count as ahead of their record, and nothing rolls */
    ok(leat_batch_position(w->batch, LEAT_SLICE_LITERAL("somewhere"), &err));
    writer_commit(t, w);
}

static void write_random(struct stream_test *t, unsigned commits, size_t text_max)
{
    for (unsigned i = 0; i < commits; i++)
        write_some(t, &t->writers[below(&t->c, SOURCES)],
                   one_in(&t->c, 20) ? 100 * text_max : text_max);
}

static void assert_stored(struct stream_test *t, uint64_t from)
{
    struct stored s = stored_from(t->g->path, t->g->store, from);
    assert_int_equal(s.count, t->model.count - (from - 1));
    for (size_t i = 0; i < s.count; i++) {
        assert_string_equal(s.lines[i], t->model.lines[from - 1 + i]);
        assert_string_equal(s.instances[i], t->model.instances[from - 1 + i]);
    }
    stored_free(&s);
}

static void stream__gives_what_all_sources_committed(void **state)
{
    (void)state;
    struct stream_test *t = test_new(600, 64 << 20);
    write_random(t, 150, 60);
    assert_stored(t, 1);
    test_end(t);
}

static void stream__goes_through_segments(void **state)
{
    (void)state;
    struct stream_test *t = test_new(601, 256 << 10);
    struct leat_store_usage usage;
    do {
        write_random(t, 10, 1500);
        ok(leat_store_usage(t->g->store, &usage, &err));
        assert_true(t->model.count < 100000);
    } while (usage.segment_count < 4);
    assert_stored(t, 1);
    engine_close(t->g); /* and as another process sees it */
    assert_stored(t, 1);
    test_end(t);
}

static void stream__begins_at_any_sequence(void **state)
{
    (void)state;
    struct stream_test *t = test_new(602, 256 << 10);
    write_random(t, 60, 1000);
    struct leat_stream *stream;
    struct leat_stream_event e;
    ok(leat_stream_open(t->g->path, t->g->store, &stream, &err));
    for (unsigned i = 0; i < 3 * t->model.count; i++) {
        uint64_t sequence = 1 + below(&t->c, t->model.count);
        ok(leat_stream_seek(stream, sequence, &err));
        for (unsigned ahead = 0; ahead < 3 && sequence + ahead <= t->model.count; ahead++) {
            ok(leat_stream_next(stream, &e, &err));
            assert_true(e.sequence == sequence + ahead);
            char *line = told(&e.event);
            assert_string_equal(line, t->model.lines[sequence + ahead - 1]);
            free(line);
        }
    }
    ok(leat_stream_seek(stream, 0, &err)); /* from the very beginning */
    ok(leat_stream_next(stream, &e, &err));
    assert_true(e.sequence == 1);
    ok(leat_stream_seek(stream, t->model.count + 1, &err));
    gives(LEAT_EOF, leat_stream_next(stream, &e, &err));
    leat_stream_close(stream);
    test_end(t);
}

static void stream__follows_its_writer(void **state)
{
    (void)state;
    struct stream_test *t = test_new(603, 256 << 10);
    struct leat_stream *stream;
    struct leat_stream_event e;
    size_t seen = 0;
    ok(leat_stream_open(t->g->path, t->g->store, &stream, &err));
    ok(leat_stream_seek(stream, 1, &err));
    gives(LEAT_EOF, leat_stream_next(stream, &e, &err));
    for (unsigned i = 0; i < 80; i++) {
        write_random(t, 1, 800);
        for (; seen < t->model.count; seen++) {
            ok(leat_stream_next(stream, &e, &err));
            char *line = told(&e.event);
            assert_string_equal(line, t->model.lines[seen]);
            assert_true(e.sequence == seen + 1);
            free(line);
        }
        gives(LEAT_EOF, leat_stream_next(stream, &e, &err));
    }
    leat_stream_close(stream);
    test_end(t);
}

static void stream__marks_the_last_event_of_a_transaction(void **state)
{
    (void)state;
    struct stream_test *t = test_new(604, 64 << 20);
    struct writer *w = &t->writers[0];
    struct leat_transaction x = chance_transaction(&t->c, &t->arena, &w->origin);
    for (unsigned events = 1; events <= 3; events++) {
        ok(leat_batch_begin(w->batch, &x, &err));
        for (unsigned i = 0; i < events; i++) {
            struct leat_event e = {.op = LEAT_OP_MESSAGE, .ordinal = i};
            writer_add(t, w, &e);
        }
        ok(leat_batch_commit(w->batch, 10 + events, &err));
    }
    struct leat_event outside = {.op = LEAT_OP_MESSAGE, .ordinal = 0};
    writer_add(t, w, &outside);
    writer_commit(t, w);
    struct leat_stream *stream;
    struct leat_stream_event e;
    ok(leat_stream_open(t->g->path, t->g->store, &stream, &err));
    for (unsigned events = 1; events <= 3; events++) {
        for (unsigned i = 0; i < events; i++) {
            ok(leat_stream_next(stream, &e, &err));
            assert_int_equal(e.last_of_transaction, i + 1 == events);
            assert_true(e.transaction_total == (i + 1 == events ? 10 + events : 0));
            assert_non_null(e.event.transaction);
        }
    }
    ok(leat_stream_next(stream, &e, &err));
    assert_false(e.last_of_transaction);
    assert_null(e.event.transaction);
    gives(LEAT_EOF, leat_stream_next(stream, &e, &err));
    leat_stream_close(stream);
    test_end(t);
}

/* Each commit is a block of one time; every third has a long body. */
static void write_timed(struct stream_test *t, unsigned blocks)
{
    struct writer *w = &t->writers[0];
    for (unsigned i = 0; i < blocks; i++) {
        struct leat_event e = {.op = LEAT_OP_MESSAGE,
                               .ordinal = i,
                               .event_time_us = 1000 * (int64_t)i,
                               .body = chance_bytes(&t->c, &t->arena, i % 3 ? 10 : 200 << 10)};
        writer_add(t, w, &e);
        writer_commit(t, w);
    }
}

static void stream__passes_over_blocks_of_other_times(void **state)
{
    (void)state;
    struct stream_test *t = test_new(610, 64 << 20);
    struct leat_stream *stream;
    struct leat_stream_event e;
    write_timed(t, 20);
    ok(leat_stream_open(t->g->path, t->g->store, &stream, &err));
    leat_stream_between(stream, 5000, 7999);
    ok(leat_stream_seek(stream, 1, &err));
    for (int64_t ms = 5; ms < 8; ms++) {
        ok(leat_stream_next(stream, &e, &err));
        assert_int_equal(e.event.event_time_us, 1000 * ms);
    }
    gives(LEAT_EOF, leat_stream_next(stream, &e, &err));
    leat_stream_between(stream, 0, 0);
    ok(leat_stream_seek(stream, 2, &err));
    gives(LEAT_EOF, leat_stream_next(stream, &e, &err));
    write_timed(t, 100);
    ok(leat_stream_next(stream, &e, &err)); /* the first of them */
    gives(LEAT_AGAIN, leat_stream_next(stream, &e, &err));
    gives(LEAT_EOF, leat_stream_next(stream, &e, &err));
    leat_stream_between(stream, INT64_MIN, INT64_MAX);
    ok(leat_stream_seek(stream, 1, &err));
    for (int i = 0; i < 20; i++)
        ok(leat_stream_next(stream, &e, &err));
    leat_stream_close(stream);
    test_end(t);
}

static void stream__leaves_long_values_where_they_are(void **state)
{
    (void)state;
    struct stream_test *t = test_new(611, 64 << 20);
    struct leat_stream *stream;
    struct leat_stream_event e;
    write_timed(t, 9);
    ok(leat_stream_open(t->g->path, t->g->store, &stream, &err));
    for (int without = 1; without >= 0; without--) {
        leat_stream_without_longs(stream, without);
        ok(leat_stream_seek(stream, 1, &err));
        for (unsigned i = 0; i < 9; i++) {
            ok(leat_stream_next(stream, &e, &err));
            assert_int_equal(e.event.body.len, i % 3 ? 10 : without ? 0 : 200 << 10);
        }
    }
    leat_stream_close(stream);
    test_end(t);
}

static void stream__reads_more_definitions_than_it_keeps(void **state)
{
    (void)state;
    struct stream_test *t = test_new(605, 64 << 20);
    struct writer *w = &t->writers[1];
    struct leat_schema s = *w->schemas[0];
    bool is_new;
    for (unsigned i = 0; i < 6000; i++) {
        s.relation = 1000000 + i;
        ok(leat_batch_define(w->batch, &s, &is_new, &err));
        struct leat_event e = chance_event(&t->c, &t->arena, NULL, &s, 20);
        writer_add(t, w, &e);
        model_add(t, w->name, told(&e));
        if (i % 200 == 0)
            writer_commit(t, w);
    }
    writer_commit(t, w);
    assert_stored(t, 1);
    test_end(t);
}

/* --- what cannot be read
 * ----------------------------------------------------------------------------------- */

/* Commits a block of three messages, of which the second refers to something that is not stored. */
static void commit_broken(struct stream_test *t, bool long_value)
{
    struct writer *w = &t->writers[0];
    struct leat_schema missing = *w->schemas[0];
    struct leat_value values[1] = {{.kind = LEAT_NULL}};
    struct leat_compressor *compressor;
    struct leat_external nowhere = {.set = 999, .raw_len = 200, .hash = 1};
    struct leat_buf raw;
    missing.ref = 999;
    leat_buf_init(&raw, 1 << 20);
    for (uint32_t i = 0; i < 3; i++) {
        struct leat_event e = {.op = LEAT_OP_MESSAGE, .ordinal = i};
        if (i == 1 && long_value)
            e.body = chance_bytes(&t->c, &t->arena, 200);
        else if (i == 1)
            e = (struct leat_event){
                .op = LEAT_OP_CREATE, .relation = &missing, .after = {1, values}};
        assert_true(leat_record_put_event(&raw, &e, e.transaction, 4096, 100, &nowhere));
    }
    struct leat_block_header header = {.count = 3, .source_id = w->id, .ingested_at_us = 1};
    struct leat_block block;
    ok(leat_compressor_new(LEAT_COMPRESSION_NONE, 0, &compressor, &err));
    ok(leat_block_seal(compressor, leat_buf_slice(&raw), &header, &block, &err));
    struct leat_store_write write = {.source_id = w->id, .blocks = &block, .block_count = 1};
    ok(leat_store_commit(t->g->store, &write, 1, &err));
    free(block.bytes);
    leat_compressor_free(compressor);
    leat_buf_release(&raw);
}

static void stream__never_passes_over_what_it_cannot_read(void **state)
{
    (void)state;
    for (int long_value = 0; long_value < 2; long_value++) {
        struct stream_test *t = test_new(606, 64 << 20);
        struct leat_stream *stream;
        struct leat_stream_event e;
        commit_broken(t, long_value);
        ok(leat_stream_open(t->g->path, t->g->store, &stream, &err));
        ok(leat_stream_next(stream, &e, &err));
        for (unsigned i = 0; i < 5;
             i++) { /* a reader that tries again must not be given the third as the second */
            gives(LEAT_EDATA, leat_stream_next(stream, &e, &err));
            assert_text_has(err.text, "sequence 2");
        }
        leat_stream_close(stream);
        test_end(t);
    }
}

static void stream__says_when_a_block_holds_fewer_events_than_announced(void **state)
{
    (void)state;
    struct stream_test *t = test_new(607, 64 << 20);
    struct writer *w = &t->writers[0];
    struct leat_compressor *compressor;
    struct leat_buf raw;
    struct leat_stream *stream;
    struct leat_stream_event e;
    struct leat_event message = {.op = LEAT_OP_MESSAGE};
    leat_buf_init(&raw, 1 << 20);
    assert_true(leat_record_put_event(&raw, &message, message.transaction, 4096, 100, NULL));
    struct leat_block_header header = {.count = 2, .source_id = w->id, .ingested_at_us = 1};
    struct leat_block block;
    ok(leat_compressor_new(LEAT_COMPRESSION_NONE, 0, &compressor, &err));
    ok(leat_block_seal(compressor, leat_buf_slice(&raw), &header, &block, &err));
    struct leat_store_write write = {.source_id = w->id, .blocks = &block, .block_count = 1};
    ok(leat_store_commit(t->g->store, &write, 1, &err));
    ok(leat_stream_open(t->g->path, t->g->store, &stream, &err));
    ok(leat_stream_next(stream, &e, &err));
    gives(LEAT_EDATA, leat_stream_next(stream, &e, &err));
    gives(LEAT_EDATA, leat_stream_next(stream, &e, &err));
    leat_stream_close(stream);
    free(block.bytes);
    leat_compressor_free(compressor);
    leat_buf_release(&raw);
    test_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream__gives_what_all_sources_committed),
        cmocka_unit_test(stream__goes_through_segments),
        cmocka_unit_test(stream__begins_at_any_sequence),
        cmocka_unit_test(stream__follows_its_writer),
        cmocka_unit_test(stream__marks_the_last_event_of_a_transaction),
        cmocka_unit_test(stream__passes_over_blocks_of_other_times),
        cmocka_unit_test(stream__leaves_long_values_where_they_are),
        cmocka_unit_test(stream__reads_more_definitions_than_it_keeps),
        cmocka_unit_test(stream__never_passes_over_what_it_cannot_read),
        cmocka_unit_test(stream__says_when_a_block_holds_fewer_events_than_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
