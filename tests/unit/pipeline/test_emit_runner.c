/*
 * The emitter's runner against a destination whose every step can fail (emit_support.h): nothing is
 * lost, a destination that keeps the cursor gets each event once, order holds per key, a poison
 * event becomes a dead letter, and the cursor never passes what is not done (I3).
 */
#include "unit/pipeline/emit_support.h"

struct emit_test {
    struct emit_stock *stock;
    struct fake_dest *dest;
    struct fake_lane lane;
    const struct leat_emitter_ops *ops;
    struct leat_emit_runner_settings settings;
    struct leat_emit_runner *r;
    struct leat_delivery *delivery;
};

static struct emit_test *emit_new(uint64_t stream, const struct leat_emitter_ops *ops)
{
    struct emit_test *t = calloc(1, sizeof *t);
    t->stock = stock_new(7);
    t->dest = dest_new(stream);
    t->ops = ops;
    t->lane =
        (struct fake_lane){.emit = emit_defaults(), .dest = t->dest, .keeps = ops->keeps_cursor};
    t->settings = (struct leat_emit_runner_settings){.instance = "out",
                                                     .ops = ops,
                                                     .ctx = &t->lane,
                                                     .directory = t->stock->g->path,
                                                     .drain_ms = 5000};
    ok(leat_delivery_open(t->stock->g->path, t->stock->g->store, &t->delivery, &err));
    return t;
}

static void emit_start(struct emit_test *t)
{
    ok(leat_emit_runner_new(&t->settings, t->stock->g->store, &t->r, &err));
    ok(leat_emit_runner_start(t->r, &err));
}

static void emit_stop(struct emit_test *t)
{
    leat_emit_runner_stop(t->r);
    assert_true(leat_emit_runner_join(t->r, leat_clock_monotonic_ms() + DEADLINE_MS));
    leat_emit_runner_free(t->r);
    t->r = NULL;
}

static void emit_free(struct emit_test *t)
{
    if (t->r)
        emit_stop(t);
    assert_string_equal(t->dest->wrong, "");
    leat_delivery_close(t->delivery);
    dest_free(t->dest);
    stock_free(t->stock);
    free(t);
}

static void add(struct emit_test *t, uint64_t n)
{
    uint64_t one = 1;
    stock_add(t->stock, n);
    if (t->r)
        assert_true(write(leat_emit_runner_wake_fd(t->r), &one, sizeof one) == sizeof one);
}

static uint64_t stored_cursor(struct emit_test *t)
{
    struct leat_delivery_state s = {.cursor = 0};
    int status = leat_delivery_get(t->delivery, "out", &s, &err);
    assert_true(status == LEAT_OK || status == LEAT_EOF);
    return s.cursor;
}

static void assert_figures(struct emit_test *t)
{
    const struct leat_emitter_stats *s = leat_emit_runner_stats(t->r);
    assert_int_equal(s->in, s->delivered + s->dead + s->pending + s->withdrawn);
}

static void wait_done(struct emit_test *t)
{
    wait_for(stored_cursor(t) == t->stock->count);
    assert_figures(t);
}

struct buried {
    uint64_t sequences[64];
    size_t count;
    char reason[200];
};

static int bury_note(void *arg, const struct leat_dead_letter *l, struct leat_err *e)
{
    struct buried *b = arg;
    (void)e;
    b->sequences[b->count++] = l->sequence;
    snprintf(b->reason, sizeof b->reason, "%.*s", LEAT_SLICE_ARG(l->reason));
    return LEAT_OK;
}

static struct buried buried(struct emit_test *t)
{
    struct buried b = {.count = 0};
    ok(leat_delivery_letters(t->delivery, "out", 0, bury_note, &b, &err));
    return b;
}

static void assert_once_each(struct emit_test *t, uint64_t from)
{
    uint32_t *tally = dest_tally(t->dest, t->stock->count);
    for (uint64_t i = 1; i <= t->stock->count; i++)
        assert_int_equal(tally[i], i >= from);
    free(tally);
}

/* --- it delivers
 * ---------------------------------------------------------------------------------- */

static void emit__all_events_arrive_in_order_and_the_cursor_follows(void **state)
{
    (void)state;
    struct emit_test *t = emit_new(1, &fake_emitter_ops);
    add(t, 1000);
    emit_start(t);
    wait_done(t);
    add(t, 500); /* while it waits at the head */
    wait_done(t);
    assert_once_each(t, 1);
    for (size_t i = 0; i < t->dest->count; i++)
        assert_int_equal(t->dest->arrived[i], i + 1);
    assert_int_equal(leat_emit_runner_state(t->r), LEAT_EMITTER_DELIVERING);
    assert_true(t->dest->most_in_flight > 1);
    emit_stop(t);
    emit_start(t); /* nothing comes again */
    add(t, 1);
    wait_done(t);
    assert_once_each(t, 1);
    emit_free(t);
}

static void emit__it_begins_where_it_was_told(void **state)
{
    (void)state;
    struct emit_test *t = emit_new(2, &fake_emitter_ops);
    add(t, 100);
    t->settings.start = LEAT_EMIT_SEQUENCE;
    t->settings.start_sequence = 41;
    emit_start(t);
    wait_done(t);
    assert_once_each(t, 41);
    emit_free(t);
    t = emit_new(3, &fake_emitter_ops);
    add(t, 100);
    t->settings.start = LEAT_EMIT_NOW;
    emit_start(t);
    wait_done(t);
    emit_stop(t);
    add(t, 10); /* "now" was the first start, not this one */
    emit_start(t);
    wait_done(t);
    assert_once_each(t, 101);
    emit_free(t);
}

static void emit__what_the_filter_passes_over_moves_the_cursor(void **state)
{
    static const char *tables[] = {"public.none*"};
    (void)state;
    struct emit_test *t = emit_new(4, &fake_emitter_ops);
    t->lane.emit.tables = (struct leat_strings){tables, 1};
    add(t, 300);
    emit_start(t);
    wait_done(t);
    assert_int_equal(t->dest->count, 0);
    assert_int_equal(leat_emit_runner_stats(t->r)->passed, 300);
    emit_free(t);
}

static void emit__a_source_alone_is_given_and_others_move_the_cursor(void **state)
{
    static const char *sources[] = {"other"};
    (void)state;
    struct emit_test *t = emit_new(5, &fake_emitter_ops);
    t->lane.emit.sources = (struct leat_strings){sources, 1};
    add(t, 300);
    emit_start(t);
    wait_done(t);
    assert_int_equal(t->dest->count, 0);
    emit_free(t);
}

/* --- it fails
 * ------------------------------------------------------------------------------------- */

/* At least once, and the last of each run of repeats is in order. */
static void assert_nothing_lost_and_in_order(struct emit_test *t)
{
    uint32_t *tally = dest_tally(t->dest, t->stock->count);
    uint64_t last[7] = {0};
    for (uint64_t i = 1; i <= t->stock->count; i++)
        assert_true(tally[i] >= 1);
    free(tally);
    bool *seen = calloc(t->stock->count + 1, sizeof *seen);
    for (size_t i = 0; i < t->dest->count; i++) { /* first arrivals of a key come in order */
        uint64_t s = t->dest->arrived[i];
        if (!seen[s]) {
            assert_true(s > last[s % 7]);
            last[s % 7] = s;
        }
        seen[s] = true;
    }
    free(seen);
}

static void emit__nothing_is_lost_whatever_step_fails(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 6; round++) {
        struct emit_test *t = emit_new(100 + round, &fake_emitter_ops);
        t->dest->fail_one_in = 3 + 5 * round;
        t->dest->lose_one_in = round % 2 ? 4 : 0;
        t->lane.emit.lanes = 1 + (int64_t)round;
        emit_start(t);
        for (int i = 0; i < 10; i++)
            add(t, 150);
        wait_done(t);
        assert_nothing_lost_and_in_order(t);
        assert_int_equal(buried(t).count, 0);
        emit_free(t);
    }
}

static void emit__a_destination_with_the_cursor_gets_each_event_once(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 6; round++) {
        struct emit_test *t = emit_new(200 + round, &keeping_emitter_ops);
        t->dest->fail_one_in = 4 + 3 * round;
        t->dest->lose_one_in = 3; /* every third confirmation is lost on its way */
        emit_start(t);
        for (int i = 0; i < 6; i++) {
            add(t, 200);
            if (i % 2) { /* and the runner is ended in between */
                emit_stop(t);
                emit_start(t);
            }
        }
        wait_done(t);
        assert_once_each(t, 1);
        for (size_t i = 0; i < t->dest->count; i++)
            assert_int_equal(t->dest->arrived[i], i + 1);
        emit_free(t);
    }
}

/* Our cursor is behind the destination's: a crash before it was stored. */
static void emit__a_cursor_behind_the_destinations_repeats_nothing(void **state)
{
    (void)state;
    struct emit_test *t = emit_new(6, &keeping_emitter_ops);
    add(t, 200);
    t->dest->cursor = 150;
    for (uint64_t i = 1; i <= 150; i++)
        t->dest->arrived[t->dest->count++] = i;
    emit_start(t);
    wait_done(t);
    assert_once_each(t, 1);
    assert_figures(t);
    emit_free(t);
}

static void emit__a_destination_that_was_set_back_is_filled_again(void **state)
{
    (void)state;
    struct emit_test *t = emit_new(7, &keeping_emitter_ops);
    add(t, 200);
    emit_start(t);
    wait_done(t);
    emit_stop(t);
    t->dest->cursor = 120; /* restored from a backup */
    t->dest->count = 120;
    add(t, 5);
    emit_start(t);
    wait_done(t);
    assert_once_each(t, 1);
    emit_free(t);
}

static void emit__the_cursor_never_passes_what_is_not_done(void **state)
{
    (void)state;
    struct emit_test *t = emit_new(8, &fake_emitter_ops);
    t->dest->fail_one_in = 5;
    t->lane.emit.lanes = 4;
    emit_start(t);
    for (int i = 0; i < 20; i++) {
        add(t, 100);
        uint64_t cursor = stored_cursor(t);
        uint32_t *tally = dest_tally(t->dest, cursor);
        for (uint64_t k = 1; k <= cursor; k++)
            assert_true(tally[k] > 0);
        free(tally);
    }
    wait_done(t);
    emit_free(t);
}

/* --- poison
 * --------------------------------------------------------------------------------------- */

static void emit__a_poison_event_becomes_a_dead_letter_and_the_rest_arrives(void **state)
{
    (void)state;
    for (uint64_t keeping = 0; keeping < 2; keeping++) {
        struct emit_test *t = emit_new(9, keeping ? &keeping_emitter_ops : &fake_emitter_ops);
        const uint64_t poison[] = {1, 57, 58, 300};
        memcpy(t->dest->poison, poison, sizeof poison);
        t->dest->poison_count = 4;
        add(t, 300);
        emit_start(t);
        wait_done(t);
        struct buried b = buried(t);
        assert_int_equal(b.count, 4);
        assert_memory_equal(b.sequences, poison, sizeof poison);
        assert_text_has(b.reason, "poison");
        assert_int_equal(t->dest->count, 296);
        assert_int_equal(leat_emit_runner_stats(t->r)->dead, 4);
        assert_int_equal(leat_emit_runner_stats(t->r)->delivered, 296);
        emit_free(t);
    }
}

static void emit__a_poison_event_stops_it_when_so_configured(void **state)
{
    (void)state;
    struct emit_test *t = emit_new(10, &fake_emitter_ops);
    struct leat_err last;
    int64_t since;
    t->lane.emit.on_bad_event = LEAT_EMIT_STOP;
    t->dest->poison[0] = 31;
    t->dest->poison_count = 1;
    add(t, 100);
    emit_start(t);
    wait_for((leat_emit_runner_last_error(t->r, &last, &since), strstr(last.text, "sequence 31")));
    wait_for(stored_cursor(t) == 30);
    assert_int_equal(buried(t).count, 0);
    assert_int_equal(dest_count(t->dest), 30);
    emit_free(t);
}

static void emit__an_event_that_cannot_be_written_is_a_dead_letter(void **state)
{
    (void)state;
    struct emit_test *t = emit_new(11, &fake_emitter_ops);
    t->lane.emit.event_bytes_max = 64; /* none fits */
    add(t, 10);
    emit_start(t);
    wait_done(t);
    assert_int_equal(buried(t).count, 10);
    assert_text_has(buried(t).reason, "event_max");
    emit_free(t);
}

static bool wants_again(struct emit_test *t, uint64_t sequence)
{
    struct leat_dead_letter l = {.sequence = sequence,
                                 .again = true,
                                 .code = LEAT_EDATA,
                                 .reason = LEAT_SLICE_LITERAL("poison")};
    return leat_delivery_bury(t->delivery, "out", &l, &err) == LEAT_OK;
}

static void emit__a_dead_letter_that_is_tried_again_arrives_or_stays(void **state)
{
    (void)state;
    struct emit_test *t = emit_new(12, &keeping_emitter_ops);
    t->dest->poison[0] = 5;
    t->dest->poison[1] = 6;
    t->dest->poison_count = 2;
    add(t, 100);
    emit_start(t);
    wait_done(t);
    assert_int_equal(buried(t).count, 2);
    pthread_mutex_lock(&t->dest->lock);
    t->dest->poison_count = 1; /* 6 is fine now */
    pthread_mutex_unlock(&t->dest->lock);
    assert_true(wants_again(t, 5) && wants_again(t, 6));
    wait_for(buried(t).count == 1 && leat_emit_runner_stats(t->r)->dead == 3);
    assert_int_equal(buried(t).sequences[0], 5);
    add(t, 50); /* and goes on where it stood */
    wait_done(t);
    uint32_t *tally = dest_tally(t->dest, t->stock->count);
    for (uint64_t i = 1; i <= t->stock->count; i++)
        assert_int_equal(tally[i], i != 5);
    free(tally);
    assert_int_equal(leat_emit_runner_stats(t->r)->retried, 1);
    assert_figures(t);
    emit_free(t);
}

/* --- an operator
 * ---------------------------------------------------------------------------------- */

struct order {
    bool paused;
    uint64_t rewind; /* 0: none */
};

static bool obey(void *arg, struct leat_delivery_state *s)
{
    const struct order *o = arg;
    s->paused = o->paused;
    if (o->rewind) {
        s->cursor = o->rewind - 1;
        s->reported = 0;
        s->rewinds++;
    }
    return true;
}

static void order(struct emit_test *t, bool paused, uint64_t rewind)
{
    struct order o = {paused, rewind};
    struct leat_delivery_state ignored;
    ok(leat_delivery_update(t->delivery, "out", obey, &o, &ignored, &err));
}

static void emit__paused_it_delivers_nothing_until_it_is_resumed(void **state)
{
    (void)state;
    struct emit_test *t = emit_new(13, &fake_emitter_ops);
    add(t, 50);
    emit_start(t);
    wait_done(t);
    order(t, true, 0);
    wait_for(leat_emit_runner_state(t->r) == LEAT_EMITTER_PAUSED);
    add(t, 50);
    emit_stop(t);
    emit_start(t); /* it stays so over a restart */
    wait_for(leat_emit_runner_state(t->r) == LEAT_EMITTER_PAUSED);
    assert_int_equal(dest_count(t->dest), 50);
    order(t, false, 0);
    wait_done(t);
    assert_once_each(t, 1);
    emit_free(t);
}

static void emit__rewound_it_delivers_again_and_the_cursor_is_not_overwritten(void **state)
{
    (void)state;
    for (int keeping = 0; keeping < 2; keeping++) {
        struct emit_test *t = emit_new(14, keeping ? &keeping_emitter_ops : &fake_emitter_ops);
        add(t, 100);
        emit_start(t);
        wait_done(t);
        order(t, false, 81);
        wait_for(dest_count(t->dest) == 120);
        wait_done(t);
        uint32_t *tally = dest_tally(t->dest, 100);
        for (uint64_t i = 1; i <= 100; i++)
            assert_int_equal(tally[i], i > 80 ? 2 : 1);
        free(tally);
        emit_free(t);
    }
}

static void emit__a_cursor_ahead_of_the_stream_is_an_error_with_a_remedy(void **state)
{
    (void)state;
    struct emit_test *t = emit_new(15, &fake_emitter_ops);
    struct leat_err last;
    int64_t since;
    add(t, 10);
    order(t, false, 5000);
    emit_start(t);
    wait_for(leat_emit_runner_state(t->r) == LEAT_EMITTER_STOPPED);
    leat_emit_runner_last_error(t->r, &last, &since);
    assert_text_has(last.text, "ahead of the stream");
    assert_text_has(last.hint, "rewind");
    order(t, false, 1); /* and the remedy works without a restart */
    wait_done(t);
    assert_once_each(t, 1);
    emit_free(t);
}

int main(void)
{
    leat_log_setup(LEAT_LOG_ERROR + 1, LEAT_LOG_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(emit__all_events_arrive_in_order_and_the_cursor_follows),
        cmocka_unit_test(emit__it_begins_where_it_was_told),
        cmocka_unit_test(emit__what_the_filter_passes_over_moves_the_cursor),
        cmocka_unit_test(emit__a_source_alone_is_given_and_others_move_the_cursor),
        cmocka_unit_test(emit__nothing_is_lost_whatever_step_fails),
        cmocka_unit_test(emit__a_destination_with_the_cursor_gets_each_event_once),
        cmocka_unit_test(emit__a_cursor_behind_the_destinations_repeats_nothing),
        cmocka_unit_test(emit__a_destination_that_was_set_back_is_filled_again),
        cmocka_unit_test(emit__the_cursor_never_passes_what_is_not_done),
        cmocka_unit_test(emit__a_poison_event_becomes_a_dead_letter_and_the_rest_arrives),
        cmocka_unit_test(emit__a_poison_event_stops_it_when_so_configured),
        cmocka_unit_test(emit__an_event_that_cannot_be_written_is_a_dead_letter),
        cmocka_unit_test(emit__a_dead_letter_that_is_tried_again_arrives_or_stays),
        cmocka_unit_test(emit__paused_it_delivers_nothing_until_it_is_resumed),
        cmocka_unit_test(emit__rewound_it_delivers_again_and_the_cursor_is_not_overwritten),
        cmocka_unit_test(emit__a_cursor_ahead_of_the_stream_is_an_error_with_a_remedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
