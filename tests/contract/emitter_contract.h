/*
 * What every emitter must do, wherever it delivers to: the laws of <leat/emitter.h>, asked of an
 * ops table. No runner, no store.
 *
 *     static const struct emitter_contract contract = {&my_ops, my_ctx_new, my_ctx_free, my_read,
 * NULL, &place}; const struct CMUnitTest tests[] = { EMITTER_CONTRACT_TESTS(&contract), … };
 *
 * ctx_new gives ops->ctx_size zeroed bytes with the options in place, of a destination that is
 * empty when `fresh`, and as the last session left it otherwise. `read` tells the sequences that
 * the destination holds, confirmed or not, in its own order: that of arrival, or of sequences.
 */
#ifndef CONTRACT_EMITTER_CONTRACT_H
#define CONTRACT_EMITTER_CONTRACT_H

#include <leat/clock.h>
#include <leat/emitter.h>

#include "unit/outcome.h"

#include <sys/eventfd.h>
#include <unistd.h>

enum { CONTRACT_EVENTS_MAX = 4096, CONTRACT_PATIENCE_MS = 20 * 1000, CONTRACT_STORE = 0x1ea71ea7 };

struct contract_held {
    uint64_t sequences[CONTRACT_EVENTS_MAX];
    size_t count;
};

struct emitter_contract {
    const struct leat_emitter_ops *ops;
    void *(*ctx_new)(void *arg, bool fresh);
    void (*ctx_free)(void *arg, void *ctx);
    void (*read)(void *arg, struct contract_held *ret_held);
    const char
        *poison; /* the value of an event that the destination refuses; NULL: it refuses none */
    void *arg;
};

/* --- a session, as a lane holds one -------------------------------------------------------------
 */

struct contract_session {
    const struct emitter_contract *contract;
    void *ctx;
    _Atomic bool stopping;
    struct leat_emitter_env env;
    uint64_t next, number, confirmed;
    struct leat_emit_event *batches[64]; /* alive until the end, as the lane keeps them */
    char *texts[64];
    size_t batch_count;
};

static UNUSED struct contract_session *session_new(const struct emitter_contract *contract,
                                                   bool fresh)
{
    struct contract_session *s = calloc(1, sizeof *s);
    s->contract = contract;
    s->ctx = contract->ctx_new(contract->arg, fresh);
    s->env = (struct leat_emitter_env){.instance = "contract",
                                       .lanes = 1,
                                       .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                       .stopping = &s->stopping,
                                       .directory = "/tmp",
                                       .store = CONTRACT_STORE};
    s->next = 1;
    return s;
}

static UNUSED void session_free(struct contract_session *s)
{
    s->contract->ops->close(s->ctx);
    s->contract->ctx_free(s->contract->arg, s->ctx);
    for (size_t i = 0; i < s->batch_count; i++) {
        free(s->batches[i]);
        free(s->texts[i]);
    }
    close(s->env.wake_fd);
    free(s);
}

static UNUSED uint64_t session_open(struct contract_session *s)
{
    uint64_t acked = s->env.cursor;
    ok(s->contract->ops->open(s->ctx, &s->env, &acked, &err));
    s->number = s->confirmed = 0;
    return acked;
}

/* A batch of the next `count` events; `poison` is the place of one that is refused, or -1. */
static UNUSED struct leat_emit_batch batch_make(struct contract_session *s, size_t count,
                                                int poison)
{
    enum { TEXT = 96 };
    struct leat_emit_event *events = calloc(count, sizeof *events);
    char *texts = calloc(count, TEXT);
    assert_true(s->batch_count < 64);
    s->batches[s->batch_count] = events;
    s->texts[s->batch_count++] = texts;
    for (size_t i = 0; i < count; i++) {
        char *text = texts + i * TEXT;
        uint64_t sequence = s->next++;
        int len = snprintf(text, TEXT, "{\"seq\":%llu}", (unsigned long long)sequence);
        events[i] = (struct leat_emit_event){.sequence = sequence,
                                             .topic = LEAT_SLICE_LITERAL("shop.public.t"),
                                             .key = LEAT_SLICE_LITERAL("{\"id\":1}"),
                                             .value = leat_slice_of(text, (size_t)len),
                                             .ingested_at_us = 1795232495000000,
                                             .last_of_transaction = true};
        if ((int)i == poison)
            events[i].value = leat_slice_text(s->contract->poison);
    }
    return (struct leat_emit_batch){events, count, ++s->number, s->next - 1};
}

/* Submits, polling where it must, until all of it is confirmed; gives the first error. */
static UNUSED int deliver(struct contract_session *s, const struct leat_emit_batch *b)
{
    const struct leat_emitter_ops *ops = s->contract->ops;
    int64_t until_ms = leat_clock_monotonic_ms() + CONTRACT_PATIENCE_MS;
    int status = ops->submit(s->ctx, b, &err);
    bool submitted = status == LEAT_OK;
    while ((status == LEAT_OK || status == LEAT_AGAIN) && s->confirmed < b->number) {
        uint64_t number = s->confirmed;
        assert_true(leat_clock_monotonic_ms() < until_ms);
        status = ops->poll(s->ctx, leat_clock_monotonic_ms() + 100, &number, &err);
        assert_true(number == 0 || number >= s->confirmed);
        assert_true(number <= b->number);
        s->confirmed = number > s->confirmed ? number : s->confirmed;
        if (status >= 0 && !submitted) {
            status = ops->submit(s->ctx, b, &err);
            submitted = status == LEAT_OK;
        }
    }
    return status == LEAT_AGAIN ? LEAT_OK : status;
}

static UNUSED void assert_holds(const struct emitter_contract *contract, uint64_t first,
                                uint64_t last)
{
    static struct contract_held held;
    held.count = 0;
    contract->read(contract->arg, &held);
    assert_int_equal(held.count, last - first + 1);
    for (size_t i = 0; i < held.count; i++)
        assert_int_equal(held.sequences[i], first + i);
}

/* --- the laws -----------------------------------------------------------------------------------
 */

static UNUSED void emitter__close_is_fine_in_every_state(void **state)
{
    struct contract_session *s = session_new(*state, true);
    const struct leat_emitter_ops *ops = s->contract->ops;
    ops->close(s->ctx);
    session_open(s);
    ops->close(s->ctx);
    ops->close(s->ctx);
    session_open(s);
    struct leat_emit_batch b = batch_make(s, 5, -1);
    (void)!ops->submit(s->ctx, &b, &err);
    ops->close(s->ctx);
    session_free(s);
}

static UNUSED void emitter__what_is_confirmed_is_there_once_and_in_order(void **state)
{
    struct contract_session *s = session_new(*state, true);
    session_open(s);
    for (int i = 0; i < 10; i++) {
        struct leat_emit_batch b = batch_make(s, (size_t)(1 + 30 * i), -1);
        ok(deliver(s, &b));
    }
    assert_holds(*state, 1, s->next - 1);
    s->contract->ops->close(s->ctx);
    assert_holds(*state, 1, s->next - 1);
    session_free(s);
}

static UNUSED void emitter__poll_ends_at_its_deadline_and_confirms_nothing_of_itself(void **state)
{
    struct contract_session *s = session_new(*state, true);
    session_open(s);
    for (int i = 0; i < 3; i++) {
        uint64_t number = 0;
        int64_t from_ms = leat_clock_monotonic_ms();
        ok(s->contract->ops->poll(s->ctx, from_ms + 50, &number, &err));
        assert_int_equal(number, 0);
        assert_true(leat_clock_monotonic_ms() - from_ms < 5000);
    }
    session_free(s);
}

/* Sessions end at any moment: after submit, after poll. What the destination then says is what it
 * holds. */
static UNUSED void emitter__a_kept_cursor_is_exactly_what_is_there(void **state)
{
    const struct emitter_contract *contract = *state;
    if (!contract->ops->keeps_cursor)
        skip();
    struct contract_session *s = session_new(contract, true);
    uint64_t acked = session_open(s);
    assert_int_equal(acked, 0);
    for (int i = 0; i < 12; i++) {
        struct leat_emit_batch b = batch_make(s, 7, -1);
        if (i % 3 == 0)
            ok(deliver(s, &b));
        else
            (void)!contract->ops->submit(s->ctx, &b, &err);
        contract->ops->close(s->ctx);
        s->env.cursor = acked;
        acked = session_open(s);
        assert_true(acked == b.through || acked == b.through - b.count);
        s->next = acked + 1; /* what it does not hold comes again */
    }
    assert_holds(contract, 1, acked);
    session_free(s);
}

static UNUSED void emitter__another_process_finds_the_cursor(void **state)
{
    const struct emitter_contract *contract = *state;
    if (!contract->ops->keeps_cursor)
        skip();
    struct contract_session *s = session_new(contract, true);
    session_open(s);
    struct leat_emit_batch b = batch_make(s, 7, -1);
    b.through = 20; /* 8 to 20 were passed over */
    ok(deliver(s, &b));
    session_free(s);
    s = session_new(contract, false);
    assert_int_equal(session_open(s), 20);
    s->next = 21;
    struct leat_emit_batch more = batch_make(s, 3, -1);
    ok(deliver(s, &more));
    session_free(s);
}

static UNUSED void emitter__another_stores_cursor_is_refused_until_an_operator_decides(void **state)
{
    const struct emitter_contract *contract = *state;
    if (!contract->ops->keeps_cursor)
        skip();
    struct contract_session *s = session_new(contract, true);
    session_open(s);
    struct leat_emit_batch b = batch_make(s, 7, -1);
    ok(deliver(s, &b));
    session_free(s);
    s = session_new(contract, false);
    uint64_t acked = 0;
    s->env.store++;
    gives(LEAT_ECONFIG, contract->ops->open(s->ctx, &s->env, &acked, &err));
    assert_text_has(err.hint, "rewind");
    s->env.rewinds = 1;
    assert_int_equal(session_open(s), 0);
    session_free(s);
}

static UNUSED void emitter__a_rewound_cursor_is_taken_over_once(void **state)
{
    const struct emitter_contract *contract = *state;
    if (!contract->ops->keeps_cursor)
        skip();
    struct contract_session *s = session_new(contract, true);
    session_open(s);
    struct leat_emit_batch b = batch_make(s, 10, -1);
    ok(deliver(s, &b));
    contract->ops->close(s->ctx);
    s->env.rewinds = 1;
    s->env.cursor = 4;
    assert_int_equal(session_open(s), 4);
    s->next = 5;
    struct leat_emit_batch again = batch_make(s, 6, -1);
    ok(deliver(s, &again));
    contract->ops->close(s->ctx);
    assert_int_equal(session_open(s), 10); /* the same number: it is known */
    session_free(s);
}

static UNUSED void emitter__a_refused_batch_leaves_nothing_and_the_session_goes_on(void **state)
{
    const struct emitter_contract *contract = *state;
    if (!contract->poison)
        skip();
    struct contract_session *s = session_new(contract, true);
    session_open(s);
    struct leat_emit_batch b = batch_make(s, 10, -1);
    ok(deliver(s, &b));
    struct leat_emit_batch bad = batch_make(s, 10, 6);
    gives(LEAT_EDATA, deliver(s, &bad));
    assert_holds(contract, 1, 10);
    s->next = 11;
    struct leat_emit_batch good = batch_make(s, 10, -1);
    ok(deliver(s, &good));
    assert_holds(contract, 1, 20);
    session_free(s);
}

/* A dead letter that is tried again does not move the cursor. */
static UNUSED void emitter__a_batch_without_through_moves_no_cursor(void **state)
{
    const struct emitter_contract *contract = *state;
    struct contract_session *s = session_new(contract, true);
    session_open(s);
    s->next = 5;
    struct leat_emit_batch b = batch_make(s, 6, -1);
    ok(deliver(s, &b));
    s->next = 2;
    struct leat_emit_batch letter = batch_make(s, 1, -1);
    letter.through = 0;
    ok(deliver(s, &letter));
    s->contract->ops->close(s->ctx);
    if (contract->ops->keeps_cursor)
        assert_int_equal(session_open(s), 10);
    session_free(s);
}

#define EMITTER_CONTRACT_TEST(law, contract)                                                       \
    {                                                                                              \
#law, law, NULL, NULL, (void *)(uintptr_t)(contract)                                       \
    }
#define EMITTER_CONTRACT_TESTS(contract)                                                           \
    EMITTER_CONTRACT_TEST(emitter__close_is_fine_in_every_state, contract),                        \
        EMITTER_CONTRACT_TEST(emitter__what_is_confirmed_is_there_once_and_in_order, contract),    \
        EMITTER_CONTRACT_TEST(emitter__poll_ends_at_its_deadline_and_confirms_nothing_of_itself,   \
                              contract),                                                           \
        EMITTER_CONTRACT_TEST(emitter__a_kept_cursor_is_exactly_what_is_there, contract),          \
        EMITTER_CONTRACT_TEST(emitter__another_process_finds_the_cursor, contract),                \
        EMITTER_CONTRACT_TEST(emitter__another_stores_cursor_is_refused_until_an_operator_decides, \
                              contract),                                                           \
        EMITTER_CONTRACT_TEST(emitter__a_rewound_cursor_is_taken_over_once, contract),             \
        EMITTER_CONTRACT_TEST(emitter__a_refused_batch_leaves_nothing_and_the_session_goes_on,     \
                              contract),                                                           \
        EMITTER_CONTRACT_TEST(emitter__a_batch_without_through_moves_no_cursor, contract)

#endif
