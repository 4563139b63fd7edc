/*
 * Copies of tables, the part that all databases share: jobs against their notes, requests, the window against a
 * naive model, the mark of a row, the measure of haste.
 */
#include "contract/batch_model.h"
#include "pipeline/snapshot.h"

struct snap_test {
    struct batch_model *m;
    struct leat_snapshot *s;
};

static struct snap_test begin(void)
{
    struct snap_test t = {.m = model_new(LEAT_COMPRESSION_NONE)};
    ok(leat_snapshot_new(&t.s, &err));
    return t;
}

static void end(struct snap_test *t)
{
    leat_snapshot_free(t->s);
    model_free(t->m);
}

/* What was not taken is forgotten, as after a lost connection. */
static void session(struct snap_test *t, bool take)
{
    if (take)
        model_take(t->m);
    leat_batch_discard(t->m->batch);
    ok(leat_snapshot_restore(t->s, leat_batch_notes(t->m->batch), &err));
}

static struct leat_snapshot_job *plan(struct snap_test *t, uint64_t id, uint64_t table, uint8_t state)
{
    char name[24];
    snprintf(name, sizeof name, "t%llu", (unsigned long long)table);
    struct leat_snapshot_job job = {.id = id,
                                    .table = table,
                                    .state = state,
                                    .kind = LEAT_SNAPSHOT_INITIAL,
                                    .schema = (char *)"public",
                                    .name = name,
                                    .rows_estimate = -1};
    struct leat_snapshot_job *made;
    ok(leat_snapshot_plan(t->s, t->m->batch, &job, &made, &err));
    return made;
}

static void snapshot__a_job_comes_back_as_it_was_noted(void **state)
{
    (void)state;
    struct snap_test t = begin();
    struct leat_snapshot_job wanted = {.id = 7,
                                       .table = 16385,
                                       .state = LEAT_SNAPSHOT_WAITING,
                                       .kind = LEAT_SNAPSHOT_ASKED,
                                       .schema = (char *)"sales",
                                       .name = (char *)"a \"b\".c",
                                       .where = (char *)"x = 'y'",
                                       .from = (char *)"1,2",
                                       .rows_estimate = 1000},
                             *job;
    ok(leat_snapshot_plan(t.s, t.m->batch, &wanted, &job, &err));
    job->rows = 5;
    job->bytes = 1 << 30;
    assert_true(leat_snapshot_progress(t.s, job, leat_slice_of("a\0b", 3)));
    ok(leat_snapshot_turn(t.s, t.m->batch, job, LEAT_SNAPSHOT_FAILED, "no such column", &err));
    session(&t, true);
    job = leat_snapshot_at(t.s, 0);
    assert_non_null(job);
    assert_null(leat_snapshot_at(t.s, 1));
    assert_int_equal(job->id, 7);
    assert_int_equal(job->table, 16385);
    assert_int_equal(job->state, LEAT_SNAPSHOT_FAILED);
    assert_string_equal(job->name, "a \"b\".c");
    assert_string_equal(job->where, "x = 'y'");
    assert_string_equal(job->from, "1,2");
    assert_null(job->to);
    assert_int_equal(job->rows, 5);
    assert_int_equal(job->bytes, 1 << 30);
    assert_int_equal(job->rows_estimate, 1000);
    assert_true(leat_slice_equal(leat_buf_slice(&job->progress), leat_slice_of("a\0b", 3)));
    assert_string_equal(job->reason, "no such column");
    assert_true(job->started_us > 0 && job->ended_us >= job->started_us);
    end(&t);
}

static void snapshot__what_was_not_stored_never_was(void **state)
{
    (void)state;
    struct snap_test t = begin();
    plan(&t, 0, 1, LEAT_SNAPSHOT_WAITING);
    session(&t, true);
    struct leat_snapshot_job *job = leat_snapshot_next(t.s);
    job->rows = 99;
    ok(leat_snapshot_turn(t.s, t.m->batch, job, LEAT_SNAPSHOT_DONE, NULL, &err));
    plan(&t, 0, 2, LEAT_SNAPSHOT_WAITING);
    assert_int_equal(leat_snapshot_next(t.s)->table, 2);
    session(&t, false);
    job = leat_snapshot_next(t.s);
    assert_int_equal(job->table, 1);
    assert_int_equal(job->rows, 0);
    assert_null(leat_snapshot_find(t.s, 0, 2));
    end(&t);
}

static void snapshot__jobs_come_in_the_order_of_the_plan(void **state)
{
    (void)state;
    struct snap_test t = begin();
    plan(&t, 0, 30, LEAT_SNAPSHOT_WAITING);
    plan(&t, 0, 20, LEAT_SNAPSHOT_EXCLUDED);
    plan(&t, 0, 10, LEAT_SNAPSHOT_RUNNING);
    plan(&t, 0, 40, LEAT_SNAPSHOT_KNOWN);
    assert_int_equal(leat_snapshot_next(t.s)->table, 30);
    ok(leat_snapshot_turn(t.s, t.m->batch, leat_snapshot_next(t.s), LEAT_SNAPSHOT_DONE, NULL, &err));
    assert_int_equal(leat_snapshot_next(t.s)->table, 10);
    ok(leat_snapshot_turn(t.s, t.m->batch, leat_snapshot_next(t.s), LEAT_SNAPSHOT_DONE, NULL, &err));
    assert_null(leat_snapshot_next(t.s));
    ok(leat_snapshot_turn(t.s, t.m->batch, leat_snapshot_find(t.s, 0, 20), LEAT_SNAPSHOT_WAITING, NULL, &err));
    assert_int_equal(leat_snapshot_next(t.s)->table, 20);
    plan(&t, 0, 20, LEAT_SNAPSHOT_KNOWN); /* there already: nothing changes */
    assert_int_equal(leat_snapshot_next(t.s)->table, 20);
    ok(leat_snapshot_drop(t.s, t.m->batch, leat_snapshot_next(t.s), &err));
    session(&t, true);
    assert_null(leat_snapshot_next(t.s));
    assert_null(leat_snapshot_find(t.s, 0, 20));
    ok(leat_snapshot_clear(t.s, t.m->batch, &err));
    session(&t, true);
    assert_null(leat_snapshot_at(t.s, 0));
    end(&t);
}

static void snapshot__a_note_that_is_none_of_ours_is_an_error(void **state)
{
    (void)state;
    static const char KEY[] = "job/0000000000000000/0000000000000001";
    struct snap_test t = begin();
    plan(&t, 0, 1, LEAT_SNAPSHOT_WAITING);
    session(&t, true);
    struct leat_slice note = leat_notes_find(leat_batch_notes(t.m->batch), leat_slice_text(KEY));
    uint8_t bytes[256];
    size_t whole = note.len;
    memcpy(bytes, note.ptr, whole);
    for (size_t len = 1; len < whole; len++) { /* every strict prefix */
        struct leat_notes notes = {.items = NULL};
        assert_true(leat_notes_set(&notes, leat_slice_text(KEY), leat_slice_of(bytes, len)));
        gives(LEAT_ESTORE, leat_snapshot_restore(t.s, &notes, &err));
        leat_notes_release(&notes);
    }
    struct leat_notes notes = {.items = NULL};
    bytes[whole] = 0; /* and one byte more */
    assert_true(leat_notes_set(&notes, leat_slice_text(KEY), leat_slice_of(bytes, whole + 1)));
    gives(LEAT_ESTORE, leat_snapshot_restore(t.s, &notes, &err));
    assert_true(leat_notes_set(&notes, leat_slice_text(KEY), leat_slice_text("")));
    assert_true(leat_notes_set(&notes, leat_slice_text("job/1"), leat_slice_of(bytes, whole)));
    gives(LEAT_ESTORE, leat_snapshot_restore(t.s, &notes, &err));
    leat_notes_release(&notes);
    end(&t);
}

/* --- requests ---------------------------------------------------------------------------------- */

static void asks(struct snap_test *t, uint64_t id, uint8_t verb, const char *table)
{
    struct leat_snapshot_request r = {.id = id, .verb = verb};
    snprintf(r.table, sizeof r.table, "%s", table);
    ok(leat_snapshot_ask(t->s, &r, &err));
}

static void snapshot__a_request_is_served_once_and_answered_when_it_is_durable(void **state)
{
    (void)state;
    struct snap_test t = begin();
    asks(&t, 5, LEAT_SNAPSHOT_COPY, "public.t");
    asks(&t, 5, LEAT_SNAPSHOT_COPY, "public.t");
    ok(leat_snapshot_serve(t.s, t.m->batch, &err));
    ok(leat_snapshot_serve(t.s, t.m->batch, &err));
    assert_null(leat_snapshot_at(t.s, 1));
    assert_string_equal(leat_snapshot_at(t.s, 0)->name, "t");
    assert_false(leat_snapshot_answered(t.s, 5));
    session(&t, false); /* the session broke before it was stored */
    assert_null(leat_snapshot_at(t.s, 0));
    ok(leat_snapshot_serve(t.s, t.m->batch, &err));
    model_take(t.m);
    leat_snapshot_settled(t.s);
    assert_true(leat_snapshot_answered(t.s, 5));
    assert_false(leat_snapshot_answered(t.s, 5)); /* and forgotten */
    asks(&t, 5, LEAT_SNAPSHOT_COPY, "public.t");  /* put in again: it is there */
    ok(leat_snapshot_serve(t.s, t.m->batch, &err));
    assert_null(leat_snapshot_at(t.s, 1));
    end(&t);
}

static void snapshot__verbs_turn_what_they_name(void **state)
{
    (void)state;
    struct snap_test t = begin();
    struct leat_snapshot_job *a = plan(&t, 0, 1, LEAT_SNAPSHOT_RUNNING), *b = plan(&t, 0, 2, LEAT_SNAPSHOT_WAITING),
                             *c = plan(&t, 0, 3, LEAT_SNAPSHOT_DONE);
    asks(&t, 1, LEAT_SNAPSHOT_PAUSE, "public.t1");
    ok(leat_snapshot_serve(t.s, t.m->batch, &err));
    assert_int_equal(a->state, LEAT_SNAPSHOT_PAUSED);
    assert_int_equal(b->state, LEAT_SNAPSHOT_WAITING);
    asks(&t, 2, LEAT_SNAPSHOT_PAUSE, "");
    asks(&t, 3, LEAT_SNAPSHOT_RESUME, "public.t1");
    asks(&t, 4, LEAT_SNAPSHOT_CANCEL, "public.t2");
    asks(&t, 5, LEAT_SNAPSHOT_RESUME, "");
    ok(leat_snapshot_serve(t.s, t.m->batch, &err));
    assert_int_equal(a->state, LEAT_SNAPSHOT_WAITING);
    assert_int_equal(b->state, LEAT_SNAPSHOT_CANCELLED);
    assert_int_equal(c->state, LEAT_SNAPSHOT_DONE);
    end(&t);
}

/* --- the window -------------------------------------------------------------------------------- */

enum { ROWS = 5000 };

static void window__gives_out_what_was_not_taken_in_the_order_of_adding(void **state)
{
    (void)state;
    static bool taken[ROWS];
    struct leat_window w;
    struct chance c = chance_of(11);
    leat_window_init(&w, 4 << 20);
    for (int round = 0; round < 3; round++) {
        memset(taken, 0, sizeof taken);
        for (uint32_t i = 0; i < ROWS; i++) {
            uint64_t row = i * 3ull;
            assert_true(leat_window_add(&w, leat_slice_of(&i, sizeof i), leat_slice_of(&row, sizeof row)));
        }
        for (int i = 0; i < ROWS; i++) {
            uint32_t key = (uint32_t)below(&c, 2 * ROWS);
            const struct leat_window_row *row = leat_window_take(&w, leat_slice_of(&key, sizeof key));
            assert_int_equal(row != NULL, key < ROWS && !taken[key < ROWS ? key : 0]);
            if (row)
                taken[key] = true;
        }
        const struct leat_window_row *row;
        for (uint32_t i = 0; i < ROWS; i++) {
            if (taken[i])
                continue;
            row = leat_window_peek(&w);
            assert_true(row && row == leat_window_peek(&w));
            assert_true(leat_slice_equal(row->key, leat_slice_of(&i, sizeof i)));
            leat_window_pass(&w);
        }
        assert_null(leat_window_peek(&w));
        leat_window_reset(&w);
        assert_null(leat_window_peek(&w));
    }
    leat_window_release(&w);
}

static void window__is_bounded_and_may_be_cleared(void **state)
{
    (void)state;
    static uint8_t bytes[1 << 16];
    struct leat_window w;
    uint32_t count = 0;
    leat_window_init(&w, 1 << 20);
    while (leat_window_add(&w, leat_slice_of(&count, sizeof count), leat_slice_of(bytes, sizeof bytes)))
        count++;
    assert_true(count > 8 && count < 16);
    leat_window_clear(&w);
    assert_null(leat_window_peek(&w));
    count = 1;
    assert_null(leat_window_take(&w, leat_slice_of(&count, sizeof count)));
    leat_window_release(&w);
}

/* --- the mark and the pace --------------------------------------------------------------------- */

static void snapshot__the_mark_is_the_one_that_readers_expect(void **state)
{
    (void)state;
    static const struct {
        struct leat_snapshot_place place;
        const char *mark;
    } CASES[] = {
        {{true, false, true, false}, "first"},
        {{true, false, false, false}, "true"},
        {{true, false, false, true}, "last_in_data_collection"},
        {{false, false, true, false}, "first_in_data_collection"},
        {{false, false, true, true}, "last_in_data_collection"},
        {{false, true, false, true}, "last"},
        {{true, true, true, true}, "last"},
        {{false, true, false, false}, "true"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_string_equal(leat_snapshot_mark(CASES[i].place), CASES[i].mark);
}

static void pace__is_kept_over_time(void **state)
{
    (void)state;
    struct leat_pace p = {.rows_per_s = 1000};
    int64_t now_ms = 5000, rows = 0;
    for (int64_t end_ms = now_ms + 20000; now_ms < end_ms; now_ms += 7)
        if (leat_pace_free(&p, now_ms)) {
            leat_pace_spend(&p, 90, 0, now_ms);
            rows += 90;
        }
    assert_true(rows > 18000 && rows <= 20090);
    struct leat_pace none = {.rows_per_s = 0};
    leat_pace_spend(&none, 1 << 30, 1 << 30, now_ms);
    assert_true(leat_pace_free(&none, now_ms));
}

static void chunk__goes_towards_its_time_and_never_past_its_bytes(void **state)
{
    (void)state;
    struct leat_chunk c = {100, 16, 40000, 40, 1 << 20};
    for (int i = 0; i < 20; i++) /* 100 rows a millisecond, of 10 bytes */
        leat_chunk_learn(&c, c.rows, c.rows * 10, c.rows / 100);
    assert_true(c.rows > 3000 && c.rows < 5000);
    leat_chunk_learn(&c, c.rows, c.rows * 100000, 1); /* wide rows */
    assert_true(c.rows <= 11);
    leat_chunk_learn(&c, 1, 64 << 20, 1000);
    assert_int_equal(c.rows, 1);
    leat_chunk_learn(&c, 0, 0, 0);
    assert_int_equal(c.rows, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshot__a_job_comes_back_as_it_was_noted),
        cmocka_unit_test(snapshot__what_was_not_stored_never_was),
        cmocka_unit_test(snapshot__jobs_come_in_the_order_of_the_plan),
        cmocka_unit_test(snapshot__a_note_that_is_none_of_ours_is_an_error),
        cmocka_unit_test(snapshot__a_request_is_served_once_and_answered_when_it_is_durable),
        cmocka_unit_test(snapshot__verbs_turn_what_they_name),
        cmocka_unit_test(window__gives_out_what_was_not_taken_in_the_order_of_adding),
        cmocka_unit_test(window__is_bounded_and_may_be_cleared),
        cmocka_unit_test(snapshot__the_mark_is_the_one_that_readers_expect),
        cmocka_unit_test(pace__is_kept_over_time),
        cmocka_unit_test(chunk__goes_towards_its_time_and_never_past_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
