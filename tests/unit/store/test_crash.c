/*
 * kill -9 at any moment: after each, the offset is exactly that of the last stored event (I1),
 * nothing that was acknowledged is missing, at most one commit is stored beyond it, and no part is
 * left that no event refers to.
 *
 * A child writes as fast as it can, with small segments so that many kills fall into a roll; every
 * third commit is preceded by parts. What it has been promised it notes in memory shared with the
 * parent. It dies by chance (signals from outside) or in turn before each single call that writes,
 * or in the middle of it: the calls are counted by the program's own definitions of them, which
 * come before the C library's, also for LMDB.
 */
#include "store_support.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { KILLS = 40, EVENTS_PER_COMMIT = 20, LIVE_MAX_US = 60000 };

/* --- dying at the n-th write -------------------------------------------------------------------
 * */

static unsigned die_at; /* 0: never */
static bool die_torn;   /* in the middle of that call */

static bool dies_here(void)
{
    return die_at && --die_at == 0;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    if (dies_here()) {
        if (die_torn)
            (void)!real(fd, bytes, len / 2, at);
        die();
    }
    return real(fd, bytes, len, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    static ssize_t (*real)(int, const struct iovec *, int);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "writev");
    if (dies_here()) {
        if (die_torn)
            (void)!real(fd, parts, 1);
        die();
    }
    return real(fd, parts, count);
}

int fdatasync(int fd)
{
    static int (*real)(int);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    if (dies_here())
        die();
    return real(fd);
}

/* --- the writing child ------------------------------------------------------------------------ */

struct promise {
    _Atomic uint64_t events;  /* durable, as commit said */
    _Atomic uint64_t commits; /* of this child */
};

static uint64_t random_next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* A value of 300 kB in three commits of its own, then the record's token refers to it. */
static void write_parts(struct leat_store *store, uint32_t id, uint64_t set)
{
    static uint8_t raw[100000];
    for (uint32_t i = 0; i < 3; i++) {
        struct leat_block sealed;
        noise(raw, sizeof raw, set * 10 + i);
        if (leat_part_seal(compressor(), leat_slice_of(raw, sizeof raw), i, &sealed, &err))
            _exit(2);
        struct leat_store_part part = {set, i, leat_slice_of(sealed.bytes, sealed.len)};
        struct leat_store_write write = {.source_id = id, .parts = &part, .part_count = 1};
        if (leat_store_commit(store, &write, 1, &err))
            _exit(3);
        free(sealed.bytes);
    }
}

/* Set numbers follow from the events, so that the parent can tell which must be there. */
static uint64_t sets_until(uint64_t events)
{
    return events / EVENTS_PER_COMMIT / 3;
}

/* Never returns; ends by itself after event `until`. */
static void child_write(const struct leat_store_options *o, struct promise *promise, uint64_t until)
{
    struct leat_store *store;
    if (leat_store_open(o, &store, &err))
        _exit(4);
    uint32_t id = source_id(store, "shop");
    for (uint64_t n = token_number(store, "shop") + 1; n <= until; n += EVENTS_PER_COMMIT) {
        uint64_t last = n + EVENTS_PER_COMMIT - 1;
        if (sets_until(last) > sets_until(n - 1))
            write_parts(store, id, sets_until(last));
        char token[32];
        struct leat_block block = model_block(id, n, EVENTS_PER_COMMIT);
        snprintf(token, sizeof token, "%llu", (unsigned long long)last);
        struct leat_store_write write = {.source_id = id, .blocks = &block, .block_count = 1,
                                         .token = leat_slice_text(token),
                                         .part_next = sets_until(last) + 1};
        if (leat_store_commit(store, &write, 1, &err))
            _exit(5);
        free(block.bytes);
        promise->events = last;
        promise->commits++;
    }
    leat_store_close(store);
    _exit(0);
}

/* --- what must hold --------------------------------------------------------------------------- */

static int value_read(struct leat_store_reader *reader, uint64_t set)
{
    static uint8_t raw[300000];
    struct leat_buf buf;
    leat_buf_init(&buf, 1 << 20);
    int status = leat_store_reader_parts(reader, 1, set, sizeof raw, &buf, &err);
    for (uint32_t i = 0; i < 3; i++)
        noise(raw + 100000 * i, 100000, set * 10 + i);
    if (!status)
        assert_memory_equal(buf.data, raw, sizeof raw);
    leat_buf_release(&buf);
    return status;
}

/* Reads the whole store; each block's value must be there, if it is newer than event `checked`.
 * Returns the events. */
static uint64_t check_log(const char *path, struct leat_store *store, uint64_t checked)
{
    struct leat_store_reader *reader;
    struct leat_block_header h;
    struct leat_slice raw;
    uint64_t seen[8] = {0};
    int status;
    ok(leat_store_reader_open(path, store, &reader, &err));
    while (!(status = leat_store_reader_next(reader, &h, &raw, &err))) {
        uint64_t before = seen[1];
        model_check(&h, raw, seen);
        if (seen[1] > checked && sets_until(seen[1]) > sets_until(before))
            ok(value_read(reader, sets_until(seen[1])));
    }
    fails(LEAT_EOF, status);
    fails(LEAT_EDATA, value_read(reader, sets_until(seen[1]) + 1));
    leat_store_reader_close(reader);
    return seen[1];
}

/* Opens again and checks everything; returns the events. */
static uint64_t check_store(const struct leat_store_options *o, uint64_t promised, uint64_t checked,
                            unsigned *ret_segments)
{
    struct leat_store *store = opened(o);
    uint64_t offset = token_number(store, "shop");
    uint64_t events = check_log(o->path, store, checked);
    assert_int_equal(offset, events);
    assert_int_equal(leat_store_durable(store), events);
    assert_in_range(events, promised, promised + EVENTS_PER_COMMIT);
    *ret_segments = segment_count(store);
    leat_store_close(store);
    return events;
}

static struct promise *promise_new(void)
{
    struct promise *promise =
        mmap(NULL, sizeof *promise, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(promise != MAP_FAILED);
    return promise;
}

static void store__kill_at_any_moment_keeps_offset_and_events_together(void **state)
{
    struct leat_store_options o = rolling(store_path(state));
    o.segment_bytes = 512 << 10;
    uint64_t seed = (uint64_t)leat_clock_wall_us();
    print_message("seed %llu\n", (unsigned long long)seed);
    struct promise *promise = promise_new();
    uint64_t commits = 0, ahead = 0, checked = 0;
    unsigned segments = 0;
    for (int kills = 0; kills < KILLS; kills++) {
        promise->commits = 0;
        pid_t child = fork();
        if (child == 0)
            child_write(&o, promise, UINT64_MAX);
        leat_clock_pause_us((int64_t)(random_next(&seed) % LIVE_MAX_US));
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status)); /* it did not stop by itself */

        uint64_t promised = promise->events;
        checked = check_store(&o, promised, checked, &segments);
        commits += promise->commits;
        ahead += checked > promised;
        promise->events = checked;
    }
    print_message("%d kills, %llu commits, %u segments, %llu times stored but not yet told\n",
                  KILLS, (unsigned long long)commits, segments, (unsigned long long)ahead);
    assert_true(commits > KILLS);
    munmap(promise, sizeof *promise);
}

/* Before (or in the middle of) write 1, 2, 3 … of a script that opens, rolls and stores values,
 * until it is through. */
static void assert_every_write_may_be_the_last(void **state, bool torn)
{
    enum { SCRIPT_EVENTS = 8 * EVENTS_PER_COMMIT };
    struct leat_store_options o = rolling(store_path(state));
    struct promise *promise = promise_new();
    unsigned deaths = 0, segments = 0;
    for (bool through = false; !through;) {
        promise->events = 0;
        pid_t child = fork();
        if (child == 0) {
            die_at = deaths + 1;
            die_torn = torn;
            child_write(&o, promise, SCRIPT_EVENTS);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        through = WIFEXITED(status);
        assert_true(through ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGKILL);
        uint64_t events = check_store(&o, promise->events, 0, &segments);
        assert_true(events == SCRIPT_EVENTS || !through);
        scratch_remove(o.path);
        deaths += !through;
    }
    print_message("%d events, %u segments: died at each of %u writes\n", SCRIPT_EVENTS, segments,
                  deaths);
    assert_true(deaths > 50 && segments > 1);
    munmap(promise, sizeof *promise);
}

static void store__death_before_any_write_is_survived(void **state)
{
    assert_every_write_may_be_the_last(state, false);
}

static void store__death_within_any_write_is_survived(void **state)
{
    assert_every_write_may_be_the_last(state, true);
}

#define test(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(store__death_before_any_write_is_survived),
        test(store__death_within_any_write_is_survived),
        test(store__kill_at_any_moment_keeps_offset_and_events_together),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    compressor_release();
    return failed;
}
