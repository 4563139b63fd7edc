/*
 * The runner with a source whose every step can fail (fake_source.h), a real committer and a real
 * store. The model is the fake's log: whatever happens, the stream holds its events once each, in
 * order.
 *
 * The runner's source is compiled in here with a clock that can be set forward and a back-off that
 * is only counted: what takes half a minute takes none.
 */
#include <leat/clock.h>

#include "pipeline/backoff.h"

#include <stdatomic.h>

static _Atomic int64_t clock_ahead_ms;
static _Atomic int64_t backoff_calls, backoff_resets, backoff_ms;

static int64_t test_clock_ms(void)
{
    return leat_clock_monotonic_ms() + clock_ahead_ms;
}

static int64_t test_backoff_next_ms(struct leat_backoff *b)
{
    backoff_calls++;
    (void)b;
    return backoff_ms;
}

static void test_backoff_reset(struct leat_backoff *b)
{
    backoff_resets++;
    leat_backoff_reset(b);
}

#define leat_clock_monotonic_ms test_clock_ms
#define leat_backoff_next_ms    test_backoff_next_ms
#define leat_backoff_reset      test_backoff_reset
#include "pipeline/source_runner.c"
#include "unit/pipeline/fake_source.h" /* deadlines are by the same clock */
#undef leat_clock_monotonic_ms
#undef leat_backoff_next_ms
#undef leat_backoff_reset

#include "contract/source_contract.h"

#include "unit/pipeline/engine_support.h"

/* --- a runner and what it needs
 * ------------------------------------------------------------------------------ */

struct runner_test {
    struct engine *g;
    struct fake_db *db;
    struct fake_source source;
    struct leat_source_runner *r;
};

static void runner_open(struct runner_test *t)
{
    engine_open(t->g);
    t->db->store = t->g->store;
    t->source = (struct fake_source){.db = t->db};
    const struct leat_source_runner_settings settings = {.instance = "shop",
                                                         .ops = &fake_ops,
                                                         .ctx = &t->source,
                                                         .batch = {LEAT_COMPRESSION_ZSTD, 1},
                                                         .drain_ms = 5000};
    ok(leat_source_runner_new(&settings, t->g->store, t->g->committer, &t->r, &err));
    engine_start(t->g);
}

static void runner_stop(struct runner_test *t)
{
    leat_source_runner_stop(t->r);
    assert_true(leat_source_runner_join(t->r, leat_clock_monotonic_ms() + DEADLINE_MS));
}

static void runner_close(struct runner_test *t)
{
    leat_committer_stop(t->g->committer);
    leat_source_runner_free(t->r);
    t->db->store = NULL;
    engine_close(t->g);
    if (t->db->wrong[0])
        fail_msg("the runner: %s", t->db->wrong);
    assert_true(t->db->closes <= t->db->opens);
    assert_false(t->source.open);
}

static struct runner_test *test_new(struct fake_db *db)
{
    struct runner_test *t = calloc(1, sizeof *t);
    clock_ahead_ms = backoff_calls = backoff_resets = 0;
    backoff_ms = 1;
    t->g = engine_new();
    t->db = db;
    runner_open(t);
    return t;
}

static void test_end(struct runner_test *t)
{
    runner_close(t);
    engine_free(t->g);
    free(t);
}

static void test_end_with_log(struct runner_test *t)
{
    struct fake_db *db = t->db;
    test_end(t);
    fake_db_free(db);
}

static void start(struct runner_test *t)
{
    ok(leat_source_runner_start(t->r, &err));
}

/* As bytes on the socket would. */
static void wake(struct runner_test *t)
{
    uint64_t one = 1;
    assert_int_equal(write(t->r->wake_fd, &one, sizeof one), sizeof one);
}

static enum leat_source_state state_of(struct runner_test *t)
{
    return leat_source_runner_state(t->r);
}

static bool all_durable(struct runner_test *t)
{
    return leat_store_durable(t->g->store) >= t->db->expected_count;
}

static void assert_events(struct runner_test *t, size_t count)
{
    struct stored s = stored_from(t->g->path, t->g->store, 1);
    for (size_t i = 0; i < s.count && i < count; i++)
        assert_string_equal(s.lines[i], t->db->expected[i]);
    assert_int_equal(s.count, count);
    stored_free(&s);
}

static void run_to_the_end(struct runner_test *t)
{
    start(t);
    wait_for(all_durable(t));
    runner_stop(t);
    assert_events(t, t->db->expected_count);
}

/* --- the good case
 * ---------------------------------------------------------------------------------------------- */

static void runner__stores_the_log_and_confirms_it(void **state)
{
    (void)state;
    struct runner_test *t = test_new(fake_db_new(700, 60, 6, 0));
    run_to_the_end(t);
    assert_true(t->db->confirmed_events ==
                (int64_t)t->db->expected_count); /* at the latest when it stopped */
    assert_true(t->db->opens == 1 && t->db->closes == 1);
    assert_int_equal(state_of(t), LEAT_SOURCE_ENDED);
    assert_true(backoff_calls == 0);
    test_end_with_log(t);
}

static void runner__carries_long_values(void **state)
{
    (void)state;
    struct runner_test *t = test_new(fake_db_new(701, 30, 6, 5 << 20));
    run_to_the_end(t);
    test_end_with_log(t);
}

static void runner__stores_what_comes_later(void **state)
{
    (void)state;
    struct runner_test *t = test_new(fake_db_new(702, 40, 5, 0));
    t->db->published = 0;
    start(t);
    for (size_t i = 1; i <= t->db->log_count; i++) {
        t->db->published = i;
        wake(t);
        wait_for((int64_t)leat_store_durable(t->g->store) >= fake_events_before(t->db, i, 0));
    }
    runner_stop(t);
    assert_events(t, t->db->expected_count);
    test_end_with_log(t);
}

static void runner__confirms_while_it_runs(void **state)
{
    (void)state;
    struct runner_test *t = test_new(fake_db_new(703, 60, 6, 0));
    start(t);
    wait_for(t->db->confirmed_events == (int64_t)t->db->expected_count);
    runner_stop(t);
    test_end_with_log(t);
}

static void runner__goes_on_at_the_durable_token_after_a_restart(void **state)
{
    (void)state;
    struct runner_test *t = test_new(fake_db_new(704, 60, 6, 200000));
    struct chance c = chance_of(705);
    for (t->db->published = 0; t->db->published < t->db->log_count;) {
        size_t more = t->db->published + 1 + below(&c, 10);
        t->db->published = more < t->db->log_count ? more : t->db->log_count;
        start(t);
        wait_for((int64_t)leat_store_durable(t->g->store) >=
                 fake_events_before(t->db, t->db->published, 0));
        runner_stop(t);
        runner_close(t);
        runner_open(t);
    }
    assert_events(t, t->db->expected_count);
    assert_true(t->db->opens > 5);
    test_end_with_log(t);
}

/* --- disconnects
 * ---------------------------------------------------------------------------------------------------
 */

static void runner__is_exact_over_a_disconnect_at_every_step(void **state)
{
    (void)state;
    struct fake_db *db = fake_db_new(710, 9, 5, 120000);
    int64_t last = 1;
    for (int64_t fail_at = 1; fail_at <= last; fail_at++) {
        db->steps = db->confirmed_events = db->failures = 0;
        db->fail_at = fail_at;
        db->fail_code = fail_at % 2 ? LEAT_ERETRY : LEAT_EPROTO;
        struct runner_test *t = test_new(db);
        run_to_the_end(t);
        last = fail_at == 1 ? db->steps : last; /* about as many as a run takes */
        assert_true(db->failures <= 1 && backoff_calls == db->failures);
        test_end(t);
    }
    assert_true(last > 40);
    fake_db_free(db);
}

static void runner__is_exact_over_many_disconnects_and_restarts(void **state)
{
    (void)state;
    struct fake_db *db = fake_db_new(711, 80, 6, 300000);
    struct chance c = chance_of(712);
    db->fail_one_in = 9;
    struct runner_test *t = test_new(db);
    for (unsigned restart = 0; restart < 6 && !all_durable(t); restart++) {
        int64_t failures = db->failures;
        start(t);
        wait_for(all_durable(t) || db->failures > failures + 12);
        leat_clock_pause_us((int64_t)below(&c, 3000)); /* stop anywhere */
        runner_stop(t);
        runner_close(t);
        runner_open(t);
    }
    run_to_the_end(t);
    assert_true(db->failures > 20);
    test_end(t);
    fake_db_free(db);
}

/* --- errors by class
 * ------------------------------------------------------------------------------------------------
 */

static void runner__backs_off_and_begins_again_after_a_transient_error(void **state)
{
    (void)state;
    static const int CODES[] = {LEAT_ERETRY, LEAT_EPROTO};
    for (size_t i = 0; i < 2; i++) {
        struct leat_err last;
        int64_t since_us;
        struct runner_test *t = test_new(fake_db_new(720, 20, 5, 0));
        t->db->fail_open = CODES[i];
        start(t);
        wait_for(backoff_calls >= 5);
        t->db->fail_open = 0;
        wait_for(all_durable(t));
        leat_source_runner_last_error(t->r, &last, &since_us);
        assert_int_equal(last.code, CODES[i]);
        assert_text_has(last.text, "told to fail");
        assert_true(since_us > 1577836800000000);
        assert_true(leat_source_runner_errors(t->r)[-CODES[i]] == backoff_calls);
        runner_stop(t);
        assert_events(t, t->db->expected_count);
        test_end_with_log(t);
    }
}

static void runner__says_that_it_waits_to_try_again(void **state)
{
    (void)state;
    struct runner_test *t = test_new(fake_db_new(721, 5, 5, 0));
    backoff_ms = 60 * 1000;
    t->db->fail_open = LEAT_ERETRY;
    start(t);
    wait_for(state_of(t) == LEAT_SOURCE_BACKOFF);
    int64_t from_ms = leat_clock_monotonic_ms();
    runner_stop(t); /* at once, not in a minute */
    assert_true(leat_clock_monotonic_ms() - from_ms < 5000);
    test_end_with_log(t);
}

static void runner__a_steady_session_makes_the_backoff_small_again(void **state)
{
    (void)state;
    struct runner_test *t = test_new(fake_db_new(722, 20, 5, 0));
    t->db->fail_at = t->db->steps + 10;
    start(t);
    wait_for(all_durable(t));
    assert_true(backoff_calls == 1 &&
                backoff_resets == 0); /* a session of milliseconds is no success */
    clock_ahead_ms += 11 * 1000;
    t->db->fail_at = t->db->steps + 1;
    wake(t);
    wait_for(backoff_calls == 2);
    assert_true(backoff_resets == 1);
    runner_stop(t);
    test_end_with_log(t);
}

static void runner__stops_for_the_operator_and_looks_again(void **state)
{
    (void)state;
    static const int CODES[] = {LEAT_ECONFIG, LEAT_ELIMIT, LEAT_EDATA, LEAT_EBUG};
    for (size_t i = 0; i < 4; i++) {
        struct leat_err last;
        int64_t since_us;
        struct runner_test *t = test_new(fake_db_new(723, 20, 5, 0));
        t->db->fail_at = 25; /* in the midst of it */
        t->db->fail_code = CODES[i];
        start(t);
        wait_for(state_of(t) == LEAT_SOURCE_STOPPED);
        leat_source_runner_last_error(t->r, &last, &since_us);
        assert_int_equal(last.code, CODES[i]);
        assert_true(leat_source_runner_errors(t->r)[-CODES[i]] == 1);
        assert_true(backoff_calls == 0 && t->db->opens == 1 && t->db->closes == 1);
        assert_false(leat_source_runner_ready(t->r));
        leat_clock_pause_us(20000);
        wake(t);
        leat_clock_pause_us(5000);
        assert_true(t->db->opens == 1); /* not before half a minute has passed */
        clock_ahead_ms += 31 * 1000;
        wake(t);
        wait_for(all_durable(t));
        runner_stop(t);
        assert_events(t, t->db->expected_count);
        test_end_with_log(t);
    }
}

static void runner__a_token_that_the_source_refuses_stops_it(void **state)
{
    (void)state;
    struct runner_test *t = test_new(fake_db_new(724, 20, 5, 0));
    run_to_the_end(t);
    leat_committer_stop(t->g->committer);
    ok(leat_store_set_token(t->g->store, "shop", LEAT_SLICE_LITERAL("of another world"), &err));
    t->db->confirmed_events = 0;
    runner_close(t);
    runner_open(t);
    start(t);
    wait_for(state_of(t) == LEAT_SOURCE_STOPPED);
    runner_stop(t);
    assert_events(t, t->db->expected_count);
    test_end_with_log(t);
}

/* --- a store without room
 * --------------------------------------------------------------------------------------------- */

static void runner__keeps_its_session_alive_while_the_store_is_full(void **state)
{
    (void)state;
    struct runner_test *t =
        test_new(fake_db_new(730, 150, 6, 1 << 20)); /* far more than the queue takes */
    fault_free_bytes = 4096;
    start(t);
    wait_for(state_of(t) == LEAT_SOURCE_STALLED);
    wait_for(t->db->polls_without_room >= 2);
    assert_true(t->db->confirms == 0); /* nothing is durable */
    assert_true(t->db->opens == 1);
    assert_true(leat_store_durable(t->g->store) == 0);
    fault_free_bytes = -1;
    wait_for(all_durable(t));
    wait_for(state_of(t) == LEAT_SOURCE_STREAMING);
    runner_stop(t);
    assert_true(t->db->opens == 1); /* it was never let go of */
    assert_events(t, t->db->expected_count);
    test_end_with_log(t);
}

static void runner__stops_while_the_store_is_full_and_loses_nothing(void **state)
{
    (void)state;
    struct runner_test *t = test_new(fake_db_new(731, 150, 6, 1 << 20));
    t->r->settings.drain_ms = 300;
    fault_free_bytes = 4096;
    start(t);
    wait_for(state_of(t) == LEAT_SOURCE_STALLED);
    int64_t from_ms = leat_clock_monotonic_ms();
    runner_stop(t);
    int64_t took_ms = leat_clock_monotonic_ms() - from_ms;
    assert_true(took_ms >= 250 && took_ms < 10000); /* it hoped for as long as it may */
    assert_true(t->db->confirms == 0);
    runner_close(t);
    fault_free_bytes = -1;
    runner_open(t);
    run_to_the_end(t);
    test_end_with_log(t);
}

/* A connection that breaks while commits wait: the next session must not begin before they are
 * decided. */
static void runner__begins_again_only_when_all_that_was_handed_in_is_durable(void **state)
{
    (void)state;
    struct runner_test *t = test_new(fake_db_new(732, 40, 6, 0));
    fault_free_bytes = 4096;
    start(t);
    wait_for(leat_port_outstanding(t->r->port) > 0);
    t->db->fail_at = t->db->steps + 1;
    wait_for(t->db->failures == 1);
    leat_clock_pause_us(20000);
    assert_true(t->db->opens == 1);
    fault_free_bytes = -1;
    wait_for(all_durable(t));
    assert_true(t->db->opens == 2);
    runner_stop(t);
    assert_events(t, t->db->expected_count);
    test_end_with_log(t);
}

/* --- life cycle
 * -----------------------------------------------------------------------------------------------------------
 */

static void runner__stores_at_stop_what_it_has_read(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        struct runner_test *t = test_new(fake_db_new(740 + round, 60, 6, 0));
        start(t);
        wait_for(t->db->steps > 20 + 15 * round);
        runner_stop(t);
        uint64_t durable = leat_store_durable(t->g->store);
        assert_true((int64_t)durable == t->db->confirmed_events); /* and the server knows */
        assert_true((int64_t)durable ==
                    fake_events_before(t->db, t->source.transaction, t->source.row));
        assert_events(t, durable);
        test_end_with_log(t);
    }
}

static void runner__is_ready_when_it_has_caught_up(void **state)
{
    (void)state;
    struct runner_test *t = test_new(fake_db_new(750, 30, 5, 0));
    t->db->lag_us = 3600 * (int64_t)1000000; /* it has read all there is, and that is an hour old */
    start(t);
    wait_for(all_durable(t));
    leat_clock_pause_us(5000);
    assert_false(leat_source_runner_ready(t->r));
    t->db->lag_us = 0;
    wake(t);
    wait_for(leat_source_runner_ready(t->r));
    backoff_ms = 60 * 1000;
    t->db->fail_at = t->db->steps + 1;
    wake(t);
    wait_for(state_of(t) == LEAT_SOURCE_BACKOFF);
    assert_false(leat_source_runner_ready(t->r));
    assert_true(leat_source_runner_stats(t->r)->connected == 0);
    runner_stop(t);
    test_end_with_log(t);
}

static void runner__join_says_when_it_is_still_busy(void **state)
{
    (void)state;
    struct runner_test *t = test_new(fake_db_new(751, 3, 5, 0));
    t->db->deaf_ms = 400;
    start(t);
    wait_for(t->db->opens == 1);
    leat_source_runner_stop(t->r);
    assert_false(leat_source_runner_join(t->r, leat_clock_monotonic_ms() + 20));
    assert_false(leat_source_runner_join(t->r, leat_clock_monotonic_ms() - 1000));
    assert_true(leat_source_runner_join(t->r, leat_clock_monotonic_ms() + DEADLINE_MS));
    assert_true(leat_source_runner_join(t->r, 0)); /* and again */
    test_end_with_log(t);
}

static void runner__that_never_started_can_be_freed(void **state)
{
    (void)state;
    struct runner_test *t = test_new(fake_db_new(752, 3, 5, 0));
    assert_string_equal(leat_source_runner_instance(t->r), "shop");
    assert_int_equal(state_of(t), LEAT_SOURCE_STARTING);
    assert_true(leat_source_runner_join(t->r, 0));
    test_end_with_log(t);
    leat_source_runner_free(NULL);
}

static void runner__every_state_has_a_name(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"starting", "connecting", "streaming", "stalled",
                                        "backoff",  "stopped",    "ended"};
    for (int i = 0; i <= LEAT_SOURCE_ENDED; i++)
        assert_string_equal(leat_source_state_name((enum leat_source_state)i), NAMES[i]);
}

/* --- the fake is a source like any other
 * ------------------------------------------------------------------------------------ */

static void *contract_ctx_new(void *arg)
{
    struct fake_source *s = calloc(1, sizeof *s);
    struct fake_db *db = *(struct fake_db **)arg;
    db->confirmed_events = 0; /* its log is never cut */
    s->db = db;
    return s;
}

static void contract_ctx_free(void *arg, void *ctx)
{
    struct fake_db *db = *(struct fake_db **)arg;
    free(ctx);
    if (db->wrong[0])
        fail_msg("%s", db->wrong);
}

static struct fake_db *contract_db;
static const struct source_contract contract = {&fake_ops, contract_ctx_new, contract_ctx_free,
                                                &contract_db, 100};

static int group_setup(void **state)
{
    (void)state;
    contract_db = fake_db_new(760, 60, 6, 2 << 20);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    fake_db_free(contract_db);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SOURCE_CONTRACT_TESTS(&contract),
        cmocka_unit_test(runner__stores_the_log_and_confirms_it),
        cmocka_unit_test(runner__carries_long_values),
        cmocka_unit_test(runner__stores_what_comes_later),
        cmocka_unit_test(runner__confirms_while_it_runs),
        cmocka_unit_test(runner__goes_on_at_the_durable_token_after_a_restart),
        cmocka_unit_test(runner__is_exact_over_a_disconnect_at_every_step),
        cmocka_unit_test(runner__is_exact_over_many_disconnects_and_restarts),
        cmocka_unit_test(runner__backs_off_and_begins_again_after_a_transient_error),
        cmocka_unit_test(runner__says_that_it_waits_to_try_again),
        cmocka_unit_test(runner__a_steady_session_makes_the_backoff_small_again),
        cmocka_unit_test(runner__stops_for_the_operator_and_looks_again),
        cmocka_unit_test(runner__a_token_that_the_source_refuses_stops_it),
        cmocka_unit_test(runner__keeps_its_session_alive_while_the_store_is_full),
        cmocka_unit_test(runner__stops_while_the_store_is_full_and_loses_nothing),
        cmocka_unit_test(runner__begins_again_only_when_all_that_was_handed_in_is_durable),
        cmocka_unit_test(runner__stores_at_stop_what_it_has_read),
        cmocka_unit_test(runner__is_ready_when_it_has_caught_up),
        cmocka_unit_test(runner__join_says_when_it_is_still_busy),
        cmocka_unit_test(runner__that_never_started_can_be_freed),
        cmocka_unit_test(runner__every_state_has_a_name),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
