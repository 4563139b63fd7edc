/*
 * What every source must do, whatever it reads: the laws of <leat/source.h>, asked of an ops table.
 * No runner, no store; a batch whose content is decoded (batch_model.h).
 *
 *     static const struct source_contract contract = {&my_source_ops, my_ctx_new, my_ctx_free, &db,
 * 100}; const struct CMUnitTest tests[] = { SOURCE_CONTRACT_TESTS(&contract), … };
 *
 * ctx_new gives ops->ctx_size zeroed bytes with the options in place, of a source whose log holds
 * at least `events_min` events in several transactions and does not change while the suite runs.
 * Its confirmations must not make the log forget anything: the suite starts at old tokens again.
 */
#ifndef CONTRACT_SOURCE_CONTRACT_H
#define CONTRACT_SOURCE_CONTRACT_H

#include <leat/clock.h>
#include <leat/source.h>

#include "contract/batch_model.h"

#include <sys/eventfd.h>
#include <unistd.h>

struct source_contract {
    const struct leat_source_ops *ops;
    void *(*ctx_new)(void *arg);
    void (*ctx_free)(void *arg, void *ctx);
    void *arg;
    size_t events_min;
};

enum { CONTRACT_IDLE_MS = 150, CONTRACT_PATIENCE_MS = 20 * 1000, CONTRACT_MARKS_MAX = 512 };

/* --- a session, as the runner holds one
 * ------------------------------------------------------------------ */

struct contract_session {
    const struct source_contract *contract;
    void *ctx;
    struct batch_model *m;
    int wake_fd;
    struct leat_source_stats stats;
    struct leat_source_env env;
};

static UNUSED struct contract_session *contract_new(const struct source_contract *contract)
{
    struct contract_session *s = calloc(1, sizeof *s);
    s->contract = contract;
    s->ctx = contract->ctx_new(contract->arg);
    s->m = model_new(LEAT_COMPRESSION_NONE);
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->env = (struct leat_source_env){"contract", &s->stats, s->wake_fd, "/tmp", NULL, NULL, NULL};
    return s;
}

static UNUSED void contract_free(struct contract_session *s)
{
    s->contract->ops->close(s->ctx);
    s->contract->ctx_free(s->contract->arg, s->ctx);
    model_free(s->m);
    close(s->wake_fd);
    free(s);
}

static UNUSED void contract_start(struct contract_session *s, struct leat_slice token)
{
    leat_batch_discard(s->m->batch);
    ok(s->contract->ops->open(s->ctx, &s->env, &err));
    ok(s->contract->ops->start(s->ctx, token, &err));
}

static UNUSED int contract_poll(struct contract_session *s, int64_t ms, bool room)
{
    int status = s->contract->ops->poll(s->ctx, leat_clock_monotonic_ms() + ms,
                                        room ? s->m->batch : NULL, &err);
    if (status < 0)
        fail_msg("poll: %s: %s", leat_code_name(status), err.text);
    return status;
}

/* A place in the log: `count` lines are stored when `token` is durable. */
struct contract_mark {
    char token[LEAT_TOKEN_MAX + 1];
    size_t count;
};

/* Reads until the log is quiet, which a poll up to its deadline shows; takes after each poll, or
 * with `rarely` only when the batch must be taken. */
static UNUSED size_t contract_read(struct contract_session *s, bool rarely,
                                   struct contract_mark *marks)
{
    size_t mark_count = 0;
    int64_t until_ms = leat_clock_monotonic_ms() + CONTRACT_PATIENCE_MS;
    for (bool quiet = false; !quiet;) {
        size_t bytes = leat_batch_bytes(s->m->batch);
        int64_t from_ms = leat_clock_monotonic_ms();
        int status = contract_poll(s, CONTRACT_IDLE_MS, true);
        int64_t now_ms = leat_clock_monotonic_ms();
        assert_true(now_ms < until_ms);
        /* nothing came although it waited; what is skipped because it is stored adds nothing either
         */
        quiet = status == LEAT_OK && leat_batch_bytes(s->m->batch) == bytes &&
                now_ms - from_ms >= CONTRACT_IDLE_MS - 10;
        if (rarely && !quiet && status != LEAT_AGAIN && !leat_batch_full(s->m->batch))
            continue;
        model_take(s->m);
        if (!marks || mark_count == CONTRACT_MARKS_MAX || s->m->token.len == 0)
            continue;
        marks[mark_count].count = s->m->count;
        snprintf(marks[mark_count++].token, sizeof marks->token, "%s", leat_buf_text(&s->m->token));
    }
    return mark_count;
}

/* The events among the lines from `from` on; commit frames may come with a later block or not at
 * all. */
static UNUSED size_t contract_events(const struct batch_model *m, size_t from,
                                     const char **ret_lines, size_t max)
{
    size_t count = 0;
    for (size_t i = from; i < m->count && count < max; i++)
        if (m->ids[i])
            ret_lines[count++] = m->lines[i];
    return count;
}

enum { CONTRACT_EVENTS_MAX = 20000 };

static UNUSED void assert_same_events(const struct batch_model *a, size_t from,
                                      const struct batch_model *b)
{
    const char **left = calloc(CONTRACT_EVENTS_MAX, sizeof *left),
               **right = calloc(CONTRACT_EVENTS_MAX, sizeof *right);
    size_t left_count = contract_events(a, from, left, CONTRACT_EVENTS_MAX);
    size_t right_count = contract_events(b, 0, right, CONTRACT_EVENTS_MAX);
    for (size_t i = 0; i < left_count && i < right_count; i++)
        assert_string_equal(left[i], right[i]);
    assert_int_equal(left_count, right_count);
    free(left);
    free(right);
}

/* --- the laws
 * ---------------------------------------------------------------------------------------------- */

static UNUSED void source__close_is_fine_in_every_state(void **state)
{
    struct contract_session *s = contract_new(*state);
    const struct leat_source_ops *ops = s->contract->ops;
    ops->close(s->ctx); /* never opened */
    ok(ops->open(s->ctx, &s->env, &err));
    ops->close(s->ctx); /* never started */
    ops->close(s->ctx); /* closed already */
    contract_start(s, leat_slice_text(""));
    ops->close(s->ctx);
    contract_start(s, leat_slice_text("")); /* and open again */
    contract_read(s, false, NULL);
    ops->close(s->ctx);
    ops->close(s->ctx);
    contract_free(s);
}

static int contract_by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static UNUSED void source__gives_every_event_once_under_its_own_id(void **state)
{
    const struct source_contract *contract = *state;
    struct contract_session *s = contract_new(contract);
    contract_start(s, leat_slice_text(""));
    contract_read(s, false, NULL);
    assert_true(s->m->token.len > 0);
    assert_null(memchr(s->m->token.data, '\n', s->m->token.len)); /* people read it on one line */
    char **ids = calloc(s->m->count + 1, sizeof *ids);
    size_t count = 0;
    for (size_t i = 0; i < s->m->count; i++)
        if (s->m->ids[i])
            ids[count++] = s->m->ids[i];
    assert_true(count >= contract->events_min);
    qsort(ids, count, sizeof *ids, contract_by_text);
    for (size_t i = 1; i < count; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
    free(ids);
    contract_free(s);
}

static UNUSED void source__goes_on_exactly_behind_any_token(void **state)
{
    struct contract_session *whole = contract_new(*state);
    struct contract_mark *marks = calloc(CONTRACT_MARKS_MAX, sizeof *marks);
    contract_start(whole, leat_slice_text(""));
    size_t mark_count = contract_read(whole, false, marks);
    assert_true(mark_count > 1);
    size_t step = mark_count / 12 + 1; /* a dozen places are enough of a long log */
    for (size_t i = 0; i < mark_count; i += step) {
        struct contract_session *rest = contract_new(*state);
        contract_start(rest, leat_slice_text(marks[i].token));
        contract_read(rest, false, NULL);
        assert_same_events(whole->m, marks[i].count, rest->m);
        contract_free(rest);
    }
    free(marks);
    contract_free(whole);
}

static UNUSED void source__a_full_batch_loses_nothing(void **state)
{
    struct contract_session *often = contract_new(*state), *rarely = contract_new(*state);
    contract_start(often, leat_slice_text(""));
    contract_read(often, false, NULL);
    contract_start(rarely, leat_slice_text(""));
    contract_read(rarely, true, NULL);
    assert_same_events(often->m, 0, rarely->m);
    contract_free(often);
    contract_free(rarely);
}

static UNUSED void source__without_room_waits_and_loses_nothing(void **state)
{
    struct contract_session *s = contract_new(*state), *whole = contract_new(*state);
    contract_start(whole, leat_slice_text(""));
    contract_read(whole, false, NULL);
    contract_start(s, leat_slice_text(""));
    for (unsigned i = 0; i < 5; i++) {
        contract_poll(s, 5, false);
        contract_poll(s, 5, true);
        contract_poll(s, 5, false);
        model_take(s->m);
    }
    contract_read(s, false, NULL);
    assert_same_events(whole->m, 0, s->m);
    contract_free(s);
    contract_free(whole);
}

static UNUSED void source__poll_ends_at_its_deadline_and_when_it_is_woken(void **state)
{
    struct contract_session *s = contract_new(*state);
    contract_start(s, leat_slice_text(""));
    contract_read(s, false, NULL);
    int64_t from_ms = leat_clock_monotonic_ms();
    contract_poll(s, 200, true);
    int64_t took_ms = leat_clock_monotonic_ms() - from_ms;
    assert_true(took_ms >= 150 && took_ms < 5000);
    from_ms = leat_clock_monotonic_ms();
    contract_poll(s, -1000, true); /* long past: only looks */
    assert_true(leat_clock_monotonic_ms() - from_ms < 1000);
    for (int room = 0; room < 2; room++) {
        uint64_t one = 1;
        assert_int_equal(write(s->wake_fd, &one, sizeof one), sizeof one);
        from_ms = leat_clock_monotonic_ms();
        contract_poll(s, 20 * 1000, room);
        assert_true(leat_clock_monotonic_ms() - from_ms < 5000);
        ssize_t got = read(s->wake_fd, &one, sizeof one);
        assert_int_equal(got, sizeof one); /* emptying it is the runner's business */
    }
    contract_free(s);
}

static UNUSED void source__confirm_may_be_repeated(void **state)
{
    struct contract_session *s = contract_new(*state);
    contract_start(s, leat_slice_text(""));
    contract_read(s, false, NULL);
    for (unsigned i = 0; i < 3; i++)
        ok(s->contract->ops->confirm(s->ctx, leat_buf_slice(&s->m->token), &err));
    contract_free(s);
}

static UNUSED void source__refuses_a_token_that_is_not_its_own(void **state)
{
    static const char *const TOKENS[] = {"x", "pg0 nothing", "\n", "leat1 lsn=0/0"};
    struct contract_session *s = contract_new(*state);
    for (size_t i = 0; i < sizeof TOKENS / sizeof *TOKENS; i++) {
        ok(s->contract->ops->open(s->ctx, &s->env, &err));
        int status = s->contract->ops->start(s->ctx, leat_slice_text(TOKENS[i]), &err);
        assert_true(status == LEAT_ECONFIG);
        assert_true(err.text[0]);
        s->contract->ops->close(s->ctx);
    }
    contract_free(s);
}

#define SOURCE_CONTRACT_TEST(law, contract) cmocka_unit_test_prestate(law, (void *)(contract))
#define SOURCE_CONTRACT_TESTS(contract)                                                            \
    SOURCE_CONTRACT_TEST(source__close_is_fine_in_every_state, contract),                          \
        SOURCE_CONTRACT_TEST(source__gives_every_event_once_under_its_own_id, contract),           \
        SOURCE_CONTRACT_TEST(source__goes_on_exactly_behind_any_token, contract),                  \
        SOURCE_CONTRACT_TEST(source__a_full_batch_loses_nothing, contract),                        \
        SOURCE_CONTRACT_TEST(source__without_room_waits_and_loses_nothing, contract),              \
        SOURCE_CONTRACT_TEST(source__poll_ends_at_its_deadline_and_when_it_is_woken, contract),    \
        SOURCE_CONTRACT_TEST(source__confirm_may_be_repeated, contract),                           \
        SOURCE_CONTRACT_TEST(source__refuses_a_token_that_is_not_its_own, contract)

#endif
