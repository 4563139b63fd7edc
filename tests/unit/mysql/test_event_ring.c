/*
 * The ring between the reader and the source's thread. What comes out is compared with what a
 * generator says that went in; the same program runs under ThreadSanitizer.
 */
#include "sources/mysql/event_ring.h"

#include "unit/outcome.h"

#include <leat/clock.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const struct leat_err NO_REASON = {.code = LEAT_EOF};

/* --- what goes in: event n of a seed, length and bytes -----------------------------------------
 */

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Mostly short, some around the longest that is copied, some longer. */
static size_t length_of(uint64_t seed, uint64_t n)
{
    uint64_t r = mix(seed + n);
    if (r % 1000 == 0)
        return MY_RING_EVENT_MAX + r / 1000 % 200000;
    if (r % 200 == 1)
        return MY_RING_EVENT_MAX - 20 + r / 200 % 40;
    if (r % 50 == 2)
        return r / 50 % 30000;
    return 1 + r / 50 % 300;
}

static void event_make(uint64_t seed, uint64_t n, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(mix(seed ^ n) >> (i % 8 * 8)) ^ (uint8_t)(i >> 3);
}

static void assert_event(uint64_t seed, uint64_t n, struct leat_slice event)
{
    static uint8_t expected[MY_RING_EVENT_MAX + 200000];
    size_t len = length_of(seed, n);
    assert_int_equal(event.len, len);
    event_make(seed, n, expected, len);
    assert_memory_equal(event.ptr, expected, len);
}

static struct my_event_ring *ring_new(void)
{
    struct my_event_ring *ring;
    ok(my_event_ring_new(&ring, &err));
    return ring;
}

/* --- one thread --------------------------------------------------------------------------------
 */

static void ring__events_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct my_event_ring *ring = ring_new();
    struct leat_slice event;
    gives(LEAT_AGAIN, my_event_ring_next(ring, &event, &err));
    assert_true(my_event_ring_put(ring, LEAT_SLICE_LITERAL("one")));
    assert_true(my_event_ring_put(ring, LEAT_SLICE_LITERAL("")));
    assert_true(my_event_ring_put(ring, LEAT_SLICE_LITERAL("and three")));
    ok(my_event_ring_next(ring, &event, &err));
    assert_true(leat_slice_equal(event, LEAT_SLICE_LITERAL("one")));
    ok(my_event_ring_next(ring, &event, &err));
    assert_int_equal(event.len, 0);
    ok(my_event_ring_next(ring, &event, &err));
    assert_true(leat_slice_equal(event, LEAT_SLICE_LITERAL("and three")));
    gives(LEAT_AGAIN, my_event_ring_next(ring, &event, &err));
    gives(LEAT_AGAIN, my_event_ring_next(ring, &event, &err));
    my_event_ring_free(ring);
    my_event_ring_free(NULL);
}

/* Each length goes round the ring often enough to meet its end in every possible way. */
static void ring__no_event_is_cut_by_the_end(void **state)
{
    (void)state;
    static uint8_t bytes[MY_RING_EVENT_MAX];
    static const size_t LENGTHS[] = {1,     7,      8,      9,      4096,
                                     65521, 174755, 262100, 262135, MY_RING_EVENT_MAX};
    for (size_t l = 0; l < sizeof LENGTHS / sizeof *LENGTHS; l++) {
        struct my_event_ring *ring = ring_new();
        size_t len = LENGTHS[l], rounds = 3 * MY_RING_BYTES / (len + 8) + 20;
        for (size_t n = 0; n < rounds; n++) {
            struct leat_slice event;
            event_make(l, n, bytes, len);
            assert_true(my_event_ring_put(ring, leat_slice_of(bytes, len)));
            ok(my_event_ring_next(ring, &event, &err));
            assert_int_equal(event.len, len);
            assert_memory_equal(event.ptr, bytes, len);
        }
        my_event_ring_free(ring);
    }
}

static void ring__the_end_comes_after_all_events_and_stays(void **state)
{
    (void)state;
    struct my_event_ring *ring = ring_new();
    struct leat_slice event;
    struct leat_err reason;
    assert_true(my_event_ring_put(ring, LEAT_SLICE_LITERAL("last")));
    my_event_ring_end(ring, leat_fail(&reason, LEAT_ERETRY, "the line was cut"), &reason);
    ok(my_event_ring_next(ring, &event, &err));
    for (int i = 0; i < 2; i++) {
        memset(&err, 0, sizeof err);
        gives(LEAT_ERETRY, my_event_ring_next(ring, &event, &err));
        assert_string_equal(err.text, "the line was cut");
    }
    my_event_ring_free(ring);

    ring = ring_new();
    my_event_ring_end(ring, LEAT_EOF, &NO_REASON);
    gives(LEAT_EOF, my_event_ring_next(ring, &event, &err));
    my_event_ring_free(ring);
}

static void ring__waiting_ends_by_event_end_wake_up_or_time(void **state)
{
    (void)state;
    struct my_event_ring *ring = ring_new();
    struct leat_slice event;
    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int64_t far = leat_clock_monotonic_ms() + 600000, before = leat_clock_monotonic_ms();
    assert_false(my_event_ring_wait(ring, wake_fd, before + 30));
    assert_true(leat_clock_monotonic_ms() >= before + 30);
    assert_false(my_event_ring_wait(ring, -1, before)); /* past already */

    assert_true(my_event_ring_put(ring, LEAT_SLICE_LITERAL("x")));
    assert_false(my_event_ring_wait(ring, wake_fd, far));
    ok(my_event_ring_next(ring, &event, &err));
    assert_int_equal(eventfd_write(wake_fd, 1), 0);
    assert_true(my_event_ring_wait(ring, wake_fd, far));
    eventfd_t count;
    assert_int_equal(eventfd_read(wake_fd, &count), 0);
    my_event_ring_end(ring, LEAT_EOF, &NO_REASON);
    assert_false(my_event_ring_wait(ring, wake_fd, far));
    assert_true(leat_clock_monotonic_ms() < far - 300000);
    close(wake_fd);
    my_event_ring_free(ring);
}

/* --- two threads -------------------------------------------------------------------------------
 */

struct writer {
    struct my_event_ring *ring;
    uint64_t seed, count;
    uint32_t pause_one_in; /* 0: never */
    _Atomic uint64_t put;
    _Atomic bool refused;
};

static void *writer_run(void *arg)
{
    struct writer *w = arg;
    uint8_t *bytes = malloc(MY_RING_EVENT_MAX + 200000);
    for (uint64_t n = 0; n < w->count; n++) {
        size_t len = length_of(w->seed, n);
        event_make(w->seed, n, bytes, len);
        if (!my_event_ring_put(w->ring, leat_slice_of(bytes, len))) {
            w->refused = true;
            break;
        }
        memset(bytes, 0xee, len); /* it was copied, or is done with */
        w->put++;
        if (w->pause_one_in && mix(n) % w->pause_one_in == 0)
            leat_clock_pause_us(200);
    }
    my_event_ring_end(w->ring, LEAT_EOF, &NO_REASON);
    free(bytes);
    return NULL;
}

static void pass_through(uint64_t seed, uint64_t count, uint32_t writer_pauses,
                         uint32_t reader_pauses)
{
    struct writer w = {
        .ring = ring_new(), .seed = seed, .count = count, .pause_one_in = writer_pauses};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, writer_run, &w), 0);
    uint64_t n = 0;
    for (;;) {
        struct leat_slice event;
        int status = my_event_ring_next(w.ring, &event, &err);
        if (status == LEAT_EOF)
            break;
        if (status == LEAT_AGAIN) {
            int64_t until = leat_clock_monotonic_ms() + 60000;
            my_event_ring_wait(w.ring, -1, until);
            assert_true(leat_clock_monotonic_ms() < until); /* or a wake-up was lost */
            continue;
        }
        ok(status);
        assert_event(seed, n++, event);
        if (reader_pauses && mix(n) % reader_pauses == 0)
            leat_clock_pause_us(200);
    }
    assert_int_equal(n, count);
    pthread_join(thread, NULL);
    my_event_ring_free(w.ring);
}

static void ring__two_threads_lose_and_repeat_nothing(void **state)
{
    (void)state;
    uint64_t seed = (uint64_t)leat_clock_wall_us();
    print_message("seed %" PRIu64 "\n", seed);
    pass_through(seed, 30000, 0, 0);
    pass_through(seed + 1, 8000, 20, 0); /* an empty ring, mostly */
    pass_through(seed + 2, 8000, 0, 20); /* a full one */
    pass_through(seed + 3, 4000, 15, 15);
}

static void await(_Atomic uint64_t *counter, uint64_t value)
{
    int64_t until = leat_clock_monotonic_ms() + 30000;
    while (*counter < value && leat_clock_monotonic_ms() < until)
        leat_clock_pause_us(500);
    assert_int_equal(*counter, value);
}

/* The ring ends in the middle of record 21845 of 48 bytes: it must wait, not begin at the front. */
static void *short_writer_run(void *arg)
{
    struct writer *w = arg;
    for (uint64_t n = 0; n < w->count; n++) {
        uint64_t event[5] = {n, ~n, n, ~n, n};
        if (!my_event_ring_put(w->ring, leat_slice_of(event, sizeof event)))
            w->refused = true;
        w->put++;
    }
    return NULL;
}

static void ring__a_full_ring_overwrites_nothing(void **state)
{
    (void)state;
    enum { RECORD = 48, FIT = MY_RING_BYTES / RECORD };
    struct writer w = {.ring = ring_new(), .count = FIT + 1000};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, short_writer_run, &w), 0);
    await(&w.put, FIT);
    leat_clock_pause_us(5000); /* one more would come now */
    assert_int_equal(w.put, FIT);
    for (uint64_t n = 0; n < w.count;) {
        struct leat_slice event;
        int status = my_event_ring_next(w.ring, &event, &err);
        if (status == LEAT_AGAIN) {
            my_event_ring_wait(w.ring, -1, leat_clock_monotonic_ms() + 30000);
            continue;
        }
        uint64_t expected[5] = {n, ~n, n, ~n, n};
        assert_int_equal(event.len, sizeof expected);
        assert_memory_equal(event.ptr, expected, sizeof expected);
        n++;
    }
    pthread_join(thread, NULL);
    assert_false(w.refused);
    my_event_ring_free(w.ring);
}

static void *late_end_run(void *arg)
{
    leat_clock_pause_us(30000);
    my_event_ring_end(arg, LEAT_EOF, &NO_REASON);
    return NULL;
}

static void ring__the_end_wakes_a_sleeper(void **state)
{
    (void)state;
    struct my_event_ring *ring = ring_new();
    struct leat_slice event;
    pthread_t thread;
    int64_t until = leat_clock_monotonic_ms() + 30000;
    assert_int_equal(pthread_create(&thread, NULL, late_end_run, ring), 0);
    my_event_ring_wait(ring, -1, until);
    assert_true(leat_clock_monotonic_ms() < until);
    gives(LEAT_EOF, my_event_ring_next(ring, &event, &err));
    pthread_join(thread, NULL);
    my_event_ring_free(ring);
}

static struct leat_slice long_event;

static void *long_writer_run(void *arg)
{
    struct writer *w = arg;
    for (int i = 0; i < 2; i++) {
        if (!my_event_ring_put(w->ring, long_event))
            w->refused = true;
        w->put++;
    }
    return NULL;
}

static void ring__a_long_event_stays_where_it_lies(void **state)
{
    (void)state;
    static const uint8_t BYTES[MY_RING_EVENT_MAX + 1] = "long";
    long_event = leat_slice_of(BYTES, sizeof BYTES);
    struct writer w = {.ring = ring_new()};
    struct leat_slice event;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, long_writer_run, &w), 0);
    my_event_ring_wait(w.ring, -1, leat_clock_monotonic_ms() + 30000);
    ok(my_event_ring_next(w.ring, &event, &err));
    assert_ptr_equal(event.ptr, BYTES);
    assert_int_equal(event.len, sizeof BYTES);
    int64_t until = leat_clock_monotonic_ms() + 30000;
    my_event_ring_wait(w.ring, -1, until); /* the writer waits for us, not we for it */
    assert_true(leat_clock_monotonic_ms() < until);
    assert_int_equal(w.put, 0); /* it is still ours */
    while (my_event_ring_next(w.ring, &event, &err) == LEAT_AGAIN)
        my_event_ring_wait(w.ring, -1, leat_clock_monotonic_ms() + 30000);
    assert_ptr_equal(event.ptr, BYTES);
    await(&w.put, 1);
    my_event_ring_close(w.ring); /* while the second one is out */
    pthread_join(thread, NULL);
    assert_true(w.refused);
    my_event_ring_free(w.ring);
}

static void ring__closing_frees_a_writer_that_waits_for_room(void **state)
{
    (void)state;
    struct writer w = {.ring = ring_new(), .seed = 7, .count = UINT64_MAX};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, writer_run, &w), 0);
    uint64_t before;
    do { /* until it does not get any further */
        before = w.put;
        leat_clock_pause_us(20000);
    } while (w.put != before || before == 0);
    assert_false(w.refused);
    my_event_ring_close(w.ring);
    pthread_join(thread, NULL);
    assert_true(w.refused);
    assert_false(my_event_ring_put(w.ring, LEAT_SLICE_LITERAL("late")));
    my_event_ring_free(w.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring__events_come_out_as_they_went_in),
        cmocka_unit_test(ring__no_event_is_cut_by_the_end),
        cmocka_unit_test(ring__the_end_comes_after_all_events_and_stays),
        cmocka_unit_test(ring__waiting_ends_by_event_end_wake_up_or_time),
        cmocka_unit_test(ring__two_threads_lose_and_repeat_nothing),
        cmocka_unit_test(ring__a_full_ring_overwrites_nothing),
        cmocka_unit_test(ring__the_end_wakes_a_sleeper),
        cmocka_unit_test(ring__a_long_event_stays_where_it_lies),
        cmocka_unit_test(ring__closing_frees_a_writer_that_waits_for_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
