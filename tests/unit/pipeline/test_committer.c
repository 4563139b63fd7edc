/*
 * Batches through the committer into a store, and back through a stream: order, durable tokens,
 * group commit, a full and a failing disk.
 */
#include "unit/pipeline/engine_support.h"

#include <poll.h>

/* A source without a database: numbered messages. */
struct numbers {
    const char *name;
    struct leat_batch *batch;
    struct leat_port *port;
    int wake_fd;
    uint32_t next; /* number of the next message */
    uint32_t id;
    struct leat_buf durable;
};

static void numbers_open(struct numbers *n, struct engine *g, const char *name)
{
    *n = (struct numbers){.name = name, .next = 1};
    struct leat_store_source known = {.id = 0};
    const struct leat_batch_settings settings = {LEAT_COMPRESSION_ZSTD, 1, -3, false};
    ok(leat_store_source(g->store, name, &known, &err));
    n->id = known.id;
    n->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ok(leat_batch_new(&settings, &known, &n->batch, &err));
    ok(leat_port_new(g->committer, leat_buf_slice(&known.token), n->wake_fd, &n->port, &err));
    leat_buf_init(&n->durable, LEAT_TOKEN_MAX);
    sscanf(leat_buf_text(&known.token), "n=%u", &n->next);
    leat_buf_release(&known.token);
}

static void numbers_close(struct numbers *n)
{
    leat_port_free(n->port);
    leat_batch_free(n->batch);
    leat_buf_release(&n->durable);
    close(n->wake_fd);
}

/* Adds `count` messages of about `size` bytes and submits them. */
static void numbers_submit(struct numbers *n, unsigned count, size_t size)
{
    static char body[300000];
    struct chance c = {n->next + n->id * 1000000u};
    for (unsigned i = 0; i < count; i++, n->next++) {
        int len = snprintf(body, sizeof body, "%s.%u ", n->name, n->next);
        for (size_t at = (size_t)len; at < size; at += 8) {
            uint64_t v = chance_u64(&c);
            memcpy(body + at, &v, 8);
        }
        struct leat_event e = {.op = LEAT_OP_MESSAGE,
                               .ordinal = n->next,
                               .body =
                                   leat_slice_of(body, size > (size_t)len ? size : (size_t)len)};
        ok(leat_batch_add(n->batch, &e, &err));
    }
    char token[40];
    struct leat_commit *commit;
    snprintf(token, sizeof token, "n=%u", n->next);
    ok(leat_batch_position(n->batch, leat_slice_text(token), &err));
    ok(leat_batch_take(n->batch, &commit, &err));
    leat_port_submit(n->port, commit);
}

/* The number that the durable token names; 0: it did not change. */
static unsigned durable_number(struct numbers *n)
{
    unsigned number = 0;
    if (leat_port_durable(n->port, &n->durable))
        assert_int_equal(sscanf(leat_buf_text(&n->durable), "n=%u", &number), 1);
    return number;
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* Reads all of it: of each source 1, 2, 3 … up to its `next`. */
static void assert_stored(struct engine *g, struct numbers *sources, size_t count)
{
    struct leat_stream *stream;
    struct leat_stream_event e;
    uint32_t seen[4] = {0};
    uint64_t sequence = 0;
    ok(leat_stream_open(g->path, g->store, &stream, &err));
    ok(leat_stream_seek(stream, 1, &err));
    int status;
    while ((status = leat_stream_next(stream, &e, &err)) == LEAT_OK) {
        assert_true(e.sequence == ++sequence);
        for (size_t i = 0; i < count; i++)
            if (strcmp(e.instance, sources[i].name) == 0)
                assert_int_equal(e.event.ordinal, ++seen[i]);
        char head[40];
        int len = snprintf(head, sizeof head, "%s.%u ", e.instance, e.event.ordinal);
        assert_memory_equal(e.event.body.ptr, head, (size_t)len);
    }
    assert_int_equal(status, LEAT_EOF);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(seen[i] + 1, sources[i].next);
    leat_stream_close(stream);
}

static int setup(void **state)
{
    struct engine *g = engine_new();
    engine_open(g);
    *state = g;
    return 0;
}

static int teardown(void **state)
{
    struct engine *g = *state;
    fault_free_bytes = -1;
    fault_sync_errno = 0;
    if (g->store)
        engine_close(g);
    engine_free(g);
    return 0;
}

static void committer__keeps_the_order_of_each_source(void **state)
{
    struct engine *g = *state;
    struct numbers sources[3];
    static const char *const NAMES[] = {"a", "b", "c"};
    struct chance c = chance_of(500);
    for (int i = 0; i < 3; i++)
        numbers_open(&sources[i], g, NAMES[i]);
    engine_start(g);
    unsigned last[3] = {0};
    for (unsigned round = 0; round < 300; round++) {
        uint64_t i = below(&c, 3);
        wait_for(leat_port_room(sources[i].port));
        numbers_submit(&sources[i], 1 + (unsigned)below(&c, 20), 20 + below(&c, 200));
        unsigned now = durable_number(&sources[i]);
        assert_true(now == 0 || (now > last[i] && now <= sources[i].next)); /* never backwards */
        last[i] = now ? now : last[i];
    }
    for (int i = 0; i < 3; i++) {
        wait_for(leat_port_outstanding(sources[i].port) == 0);
        unsigned now = durable_number(&sources[i]);
        assert_int_equal(now ? now : last[i], sources[i].next);
        assert_int_equal(durable_number(&sources[i]), 0); /* told once */
    }
    assert_stored(g, sources, 3);
    const struct leat_committer_stats *stats = leat_committer_stats(g->committer);
    assert_true(stats->events == sources[0].next + sources[1].next + sources[2].next - 3);
    assert_true(stats->commits > 0 && stats->commits <= 300 && stats->full == 0 &&
                stats->retries == 0);
    for (int i = 0; i < 3; i++)
        numbers_close(&sources[i]);
}

static void committer__what_waits_goes_out_with_one_sync(void **state)
{
    struct engine *g = *state;
    struct numbers sources[3];
    static const char *const NAMES[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++)
        numbers_open(&sources[i], g, NAMES[i]);
    for (unsigned round = 0; round < 20; round++)
        for (int i = 0; i < 3; i++)
            numbers_submit(&sources[i], 5, 50);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(leat_port_outstanding(sources[i].port), 20);
        assert_false(leat_port_durable(sources[i].port, &sources[i].durable)); /* nothing is, yet */
        assert_false(readable(sources[i].wake_fd));
    }
    int64_t syncs = fsyncs;
    engine_start(g);
    for (int i = 0; i < 3; i++) {
        wait_for(leat_port_outstanding(sources[i].port) == 0);
        wait_for(readable(sources[i].wake_fd));
        assert_int_equal(durable_number(&sources[i]), 101);
    }
    assert_true(leat_committer_stats(g->committer)->commits == 1);
    assert_true(fsyncs - syncs <= 1);
    assert_true(leat_committer_stats(g->committer)->blocks == 60);
    assert_stored(g, sources, 3);
    for (int i = 0; i < 3; i++)
        numbers_close(&sources[i]);
}

static void committer__a_port_may_go_as_soon_as_nothing_is_outstanding(void **state)
{
    struct engine *g = *state;
    struct numbers n;
    engine_start(g);
    for (unsigned i = 0; i < 200; i++) { /* the committer must be out of it by then */
        numbers_open(&n, g, "a");
        numbers_submit(&n, 1, 50);
        while (leat_port_outstanding(n.port))
            ;
        numbers_close(&n);
    }
    assert_true(leat_store_durable(g->store) == 200);
}

static void committer__bounds_a_ports_queue_in_bytes(void **state)
{
    struct engine *g = *state;
    struct numbers n;
    numbers_open(&n, g, "a");
    unsigned submits = 0;
    for (; leat_port_room(n.port) && submits < 1000; submits++)
        numbers_submit(&n, 3, 200000);
    assert_in_range(submits, (LEAT_QUEUE_BYTES / 600000) - 1, (LEAT_QUEUE_BYTES / 600000) + 2);
    engine_start(g);
    wait_for(leat_port_outstanding(n.port) == 0);
    assert_true(leat_port_room(n.port));
    assert_true(leat_committer_stats(g->committer)->commits >= 1);
    assert_stored(g, &n, 1);
    numbers_close(&n);
}

static void committer__parts_without_a_token_leave_the_token(void **state)
{
    struct engine *g = *state;
    struct numbers n;
    struct leat_commit *commit;
    struct leat_arena arena;
    struct chance c = chance_of(501);
    leat_arena_init(&arena, 64 << 20);
    numbers_open(&n, g, "a");
    engine_start(g);
    struct leat_event e = {
        .op = LEAT_OP_MESSAGE, .ordinal = 1, .body = chance_bytes(&c, &arena, 5 << 20)};
    char *expected = told(&e);
    gives(LEAT_AGAIN, leat_batch_add(n.batch, &e, &err)); /* no position was given yet */
    ok(leat_batch_take(n.batch, &commit, &err));
    leat_port_submit(n.port, commit);
    wait_for(leat_port_outstanding(n.port) == 0);
    assert_false(leat_port_durable(n.port, &n.durable));
    while (leat_batch_add(n.batch, &e, &err) == LEAT_AGAIN) {
        ok(leat_batch_take(n.batch, &commit, &err));
        leat_port_submit(n.port, commit);
    }
    ok(leat_batch_position(n.batch, LEAT_SLICE_LITERAL("n=2"), &err));
    ok(leat_batch_take(n.batch, &commit, &err));
    leat_port_submit(n.port, commit);
    wait_for(leat_port_outstanding(n.port) == 0);
    assert_int_equal(durable_number(&n), 2);
    struct stored s = stored_from(g->path, g->store, 1);
    assert_int_equal(s.count, 1);
    assert_string_equal(s.lines[0], expected);
    stored_free(&s);
    free(expected);
    leat_arena_release(&arena);
    numbers_close(&n);
}

static void committer__goes_on_by_itself_when_a_full_disk_has_room(void **state)
{
    struct engine *g = *state;
    struct numbers n;
    struct leat_err reason;
    numbers_open(&n, g, "a");
    engine_start(g);
    numbers_submit(&n, 10, 100);
    wait_for(leat_port_outstanding(n.port) == 0);
    assert_int_equal(durable_number(&n), 11);
    fault_free_bytes = 4096;
    numbers_submit(&n, 10, 100);
    wait_for(leat_committer_state(g->committer, &reason) == LEAT_ERETRY);
    assert_true(reason.text[0] && reason.hint[0]);
    wait_for(leat_committer_stats(g->committer)->retries >= 2);
    assert_true(leat_committer_stats(g->committer)->full == 1);
    assert_int_equal(leat_port_outstanding(n.port), 1);
    assert_int_equal(durable_number(&n), 0);
    numbers_submit(&n, 10, 100); /* more queues up behind it */
    fault_free_bytes = -1;
    wait_for(leat_port_outstanding(n.port) == 0);
    wait_for(leat_committer_state(g->committer, &reason) == LEAT_OK);
    assert_true(leat_committer_stats(g->committer)->full == 0);
    assert_int_equal(durable_number(&n), 31);
    assert_false(readable(g->failed_fd));
    assert_stored(g, &n, 1);
    numbers_close(&n);
}

static void committer__stops_while_the_disk_is_full_and_keeps_what_is_durable(void **state)
{
    struct engine *g = *state;
    struct numbers n;
    struct leat_err reason;
    numbers_open(&n, g, "a");
    engine_start(g);
    numbers_submit(&n, 10, 100);
    wait_for(leat_port_outstanding(n.port) == 0);
    fault_free_bytes = 4096;
    numbers_submit(&n, 10, 100);
    wait_for(leat_committer_state(g->committer, &reason) == LEAT_ERETRY);
    numbers_submit(&n, 10, 100);
    int64_t from_ms = leat_clock_monotonic_ms();
    leat_committer_stop(g->committer);
    assert_true(leat_clock_monotonic_ms() - from_ms < 5000);
    assert_false(readable(g->failed_fd));
    assert_int_equal(durable_number(&n), 11);
    leat_committer_free(g->committer);
    g->committer = NULL;
    numbers_close(&n);
    leat_store_close(g->store);
    close(g->failed_fd);
    fault_free_bytes = -1;
    engine_open(g); /* the source begins again where it was durable */
    numbers_open(&n, g, "a");
    assert_int_equal(n.next, 11);
    assert_stored(g, &n, 1);
    numbers_close(&n);
}

static void committer__a_quota_holds_it_and_names_itself(void **state)
{
    struct engine *g = *state;
    struct numbers n;
    struct leat_err reason;
    engine_close(g);
    g->options.quota_bytes = 2 << 20;
    engine_open(g);
    numbers_open(&n, g, "a");
    engine_start(g);
    while (leat_committer_state(g->committer, &reason) == LEAT_OK) {
        if (leat_port_room(n.port) && leat_port_outstanding(n.port) < 4)
            numbers_submit(&n, 1, 100000);
        assert_true(n.next < 200);
    }
    assert_int_equal(leat_committer_state(g->committer, &reason), LEAT_ERETRY);
    assert_text_has(reason.text, "quota");
    leat_committer_stop(g->committer);
    uint64_t durable = leat_store_durable(g->store);
    assert_true(durable > 5 && durable < n.next - 1);
    numbers_close(&n);
    engine_close(g);
    g->options.quota_bytes = 64 << 20; /* the operator raised it */
    engine_open(g);
    numbers_open(&n, g, "a");
    assert_true(n.next == durable + 1);
    engine_start(g);
    numbers_submit(&n, 5, 100000);
    wait_for(leat_port_outstanding(n.port) == 0);
    assert_stored(g, &n, 1);
    numbers_close(&n);
}

static void committer__a_failed_sync_ends_it_for_good(void **state)
{
    struct engine *g = *state;
    struct numbers n;
    struct leat_err reason;
    numbers_open(&n, g, "a");
    engine_start(g);
    numbers_submit(&n, 10, 100);
    wait_for(leat_port_outstanding(n.port) == 0);
    durable_number(&n);
    fault_sync_errno = EIO;
    numbers_submit(&n, 10, 100);
    wait_for(readable(g->failed_fd));
    fault_sync_errno = 0; /* the disk says all is well again: nobody may believe it */
    assert_int_equal(leat_committer_state(g->committer, &reason), LEAT_ESTORE);
    assert_true(reason.text[0]);
    assert_int_equal(leat_port_outstanding(n.port), 1);
    assert_int_equal(durable_number(&n), 0); /* never called durable */
    numbers_submit(&n, 10, 100);
    leat_committer_stop(g->committer);
    assert_int_equal(durable_number(&n), 0);
    leat_committer_free(g->committer);
    g->committer = NULL;
    numbers_close(&n);
    leat_store_close(g->store);
    close(g->failed_fd);
    engine_open(g); /* what the disk says decides: all of the second commit or nothing of it */
    numbers_open(&n, g, "a");
    assert_true(n.next == 11 || n.next == 21);
    assert_stored(g, &n, 1);
    numbers_close(&n);
}

static void committer__stop_writes_what_is_queued(void **state)
{
    struct engine *g = *state;
    struct numbers n;
    numbers_open(&n, g, "a");
    for (unsigned i = 0; i < 50; i++)
        numbers_submit(&n, 2, 50);
    engine_start(g);
    leat_committer_stop(g->committer);
    assert_int_equal(leat_port_outstanding(n.port), 0);
    assert_stored(g, &n, 1);
    numbers_close(&n);
}

static void committer__that_never_started_frees_its_queue(void **state)
{
    struct engine *g = *state;
    struct numbers n;
    numbers_open(&n, g, "a");
    numbers_submit(&n, 2, 50);
    leat_committer_stop(g->committer);
    leat_committer_free(g->committer);
    g->committer = NULL;
    numbers_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(committer__keeps_the_order_of_each_source, setup, teardown),
        cmocka_unit_test_setup_teardown(committer__what_waits_goes_out_with_one_sync, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(committer__a_port_may_go_as_soon_as_nothing_is_outstanding,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(committer__bounds_a_ports_queue_in_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(committer__parts_without_a_token_leave_the_token, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(committer__goes_on_by_itself_when_a_full_disk_has_room,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            committer__stops_while_the_disk_is_full_and_keeps_what_is_durable, setup, teardown),
        cmocka_unit_test_setup_teardown(committer__a_quota_holds_it_and_names_itself, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(committer__a_failed_sync_ends_it_for_good, setup, teardown),
        cmocka_unit_test_setup_teardown(committer__stop_writes_what_is_queued, setup, teardown),
        cmocka_unit_test_setup_teardown(committer__that_never_started_frees_its_queue, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
