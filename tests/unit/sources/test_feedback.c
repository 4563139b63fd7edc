/*
 * What the server hears and when: confirmations of what is durable, answers, and the timer. A
 * socket pair stands for the connection; the status updates that come out of it are counted and
 * read here.
 */
#include "sources/postgres/postgres.h"

#include "unit/outcome.h"

#include <leat/clock.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STATUS_FRAME = 39, CONFIRM_INTERVAL_MS = 1000, TIMEOUT_MS = 8000 };

static struct pg_source source;
static int peer;

/* A session that begins at `lsn`, and has sent its first status update. */
static int begin(void **state)
{
    (void)state;
    int ends[2];
    memset(&source, 0, sizeof source);
    source.settings.wal_sender_timeout_ms = TIMEOUT_MS;
    source.settings.confirm_interval_ms = CONFIRM_INTERVAL_MS;
    source.position.lsn = 1000;
    pg_walsender_init(&source.walsender, 1 << 20);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || fcntl(ends[1], F_SETFL, O_NONBLOCK))
        return -1;
    source.walsender.fd = ends[0];
    peer = ends[1];
    source.walsender.server_lsn = 1 << 30;
    source.walsender.status_ms = source.walsender.received_ms = leat_clock_monotonic_ms();
    pg_feedback_init(&source);
    source.feedback.due = false;
    return 0;
}

static int end(void **state)
{
    (void)state;
    close(source.walsender.fd);
    close(peer);
    pg_walsender_end(&source.walsender);
    return 0;
}

static void keepalive(uint64_t lsn, bool reply)
{
    struct pg_wal_message m = {.kind = PG_WAL_KEEPALIVE, .lsn = lsn, .reply_requested = reply};
    pg_feedback_keepalive(&source, &m);
}

/* How many status updates came; *ret_flush is what the last one confirms. */
static int heard(uint64_t *ret_flush)
{
    uint8_t b[STATUS_FRAME];
    int count = 0;
    for (; read(peer, b, sizeof b) == STATUS_FRAME; count++) {
        *ret_flush = 0;
        for (int i = 0; i < 8; i++)
            *ret_flush = *ret_flush << 8 | b[14 + i];
    }
    return count;
}

/* As if so much time had passed since everything that is remembered. */
static void pass_ms(int64_t ms)
{
    source.walsender.status_ms -= ms;
    source.feedback.answered_ms -= ms;
    source.feedback.adopted_ms -= ms;
}

/* --- confirmations ---------------------------------------------------------------------------- */

static void confirm__is_of_what_is_durable_and_of_nothing_else(void **state)
{
    (void)state;
    uint64_t flush = 0;
    source.position.lsn = 9000; /* received, perhaps on its way to the disk */
    pass_ms(TIMEOUT_MS);
    ok(pg_feedback_service(&source, &err));
    assert_int_equal(heard(&flush), 1);
    assert_int_equal(flush, 1000);
    pg_feedback_durable(&source, 5000);
    pass_ms(CONFIRM_INTERVAL_MS);
    ok(pg_feedback_service(&source, &err));
    assert_int_equal(heard(&flush), 1);
    assert_int_equal(flush, 5000);
    pg_feedback_durable(&source, 4000); /* told late: never backwards */
    pass_ms(TIMEOUT_MS);
    ok(pg_feedback_service(&source, &err));
    assert_int_equal(heard(&flush), 1);
    assert_int_equal(flush, 5000);
}

static void confirm__of_a_keepalive_waits_until_its_position_is_stored(void **state)
{
    (void)state;
    uint64_t flush = 0;
    keepalive(7000, true);
    assert_int_equal(source.position.lsn, 7000); /* the idle source follows the server … */
    assert_true(source.position_moved);          /* … and stores that */
    ok(pg_feedback_service(&source, &err));
    assert_int_equal(heard(&flush), 1);
    assert_int_equal(flush, 1000);
    pg_feedback_durable(&source, 7000);
    pass_ms(CONFIRM_INTERVAL_MS);
    ok(pg_feedback_service(&source, &err));
    assert_int_equal(heard(&flush), 1);
    assert_int_equal(flush, 7000);
}

static void confirm__a_keepalive_inside_a_transaction_is_no_position(void **state)
{
    (void)state;
    source.transaction.open = true;
    keepalive(7000, true);
    assert_int_equal(source.position.lsn, 1000);
    source.transaction.open = false;
    source.position.transaction_lsn = 8000; /* part of it is stored */
    keepalive(7500, true);
    assert_int_equal(source.position.lsn, 1000);
    source.position.transaction_lsn = 0;
    pg_feedback_adopt(&source); /* kept for later, not forgotten */
    assert_int_equal(source.position.lsn, 7500);
    keepalive(7200, true); /* early keepalives of a session lie behind us */
    assert_int_equal(source.position.lsn, 7500);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void answers__a_question_is_answered_at_once(void **state)
{
    (void)state;
    uint64_t flush;
    ok(pg_feedback_service(&source, &err));
    assert_int_equal(heard(&flush), 0); /* nothing is due */
    keepalive(1000, true);
    assert_true(pg_feedback_due_ms(&source) <= leat_clock_monotonic_ms());
    ok(pg_feedback_service(&source, &err));
    assert_int_equal(heard(&flush), 1);
}

/* A server in fast shutdown asks again for each answer that does not satisfy it. */
static void answers__ten_a_second_at_most(void **state)
{
    (void)state;
    uint64_t flush;
    int64_t from_ms = leat_clock_monotonic_ms();
    int answers = 0;
    for (int i = 0; i < 5000; i++) {
        keepalive(1000, true);
        ok(pg_feedback_service(&source, &err));
        answers += heard(&flush);
    }
    int64_t elapsed_ms = leat_clock_monotonic_ms() - from_ms;
    assert_in_range(answers, 1, (uintmax_t)(elapsed_ms / 100 + 1));
}

static void answers__the_timer_keeps_a_quarter_of_the_timeout(void **state)
{
    (void)state;
    uint64_t flush;
    int64_t status_ms = source.walsender.status_ms;
    assert_in_range(pg_feedback_due_ms(&source) - status_ms, 1, TIMEOUT_MS / 4);
    pass_ms(TIMEOUT_MS / 4 + 1);
    ok(pg_feedback_service(&source, &err)); /* with nothing new to say */
    assert_int_equal(heard(&flush), 1);
    assert_int_equal(flush, 1000);
}

static void answers__a_server_that_is_silent_is_asked_and_then_left(void **state)
{
    (void)state;
    uint64_t flush;
    source.walsender.received_ms -= TIMEOUT_MS / 2 + 100;
    source.feedback.asked_ms -= TIMEOUT_MS / 2 + 100;
    ok(pg_feedback_service(&source, &err));
    assert_int_equal(heard(&flush), 1);
    source.walsender.received_ms -= TIMEOUT_MS * 2;
    gives(LEAT_ERETRY, pg_feedback_service(&source, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(confirm__is_of_what_is_durable_and_of_nothing_else, begin,
                                        end),
        cmocka_unit_test_setup_teardown(confirm__of_a_keepalive_waits_until_its_position_is_stored,
                                        begin, end),
        cmocka_unit_test_setup_teardown(confirm__a_keepalive_inside_a_transaction_is_no_position,
                                        begin, end),
        cmocka_unit_test_setup_teardown(answers__a_question_is_answered_at_once, begin, end),
        cmocka_unit_test_setup_teardown(answers__ten_a_second_at_most, begin, end),
        cmocka_unit_test_setup_teardown(answers__the_timer_keeps_a_quarter_of_the_timeout, begin,
                                        end),
        cmocka_unit_test_setup_teardown(answers__a_server_that_is_silent_is_asked_and_then_left,
                                        begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
