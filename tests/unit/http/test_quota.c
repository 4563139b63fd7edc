/*
 * Quotas against a bucket of the naive kind, and in a table that is too small for all who come.
 */
#include "http/quota.h"

#include "unit/outcome.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

enum { SECOND = 1000000 };

static _Atomic int64_t forgotten;

static struct leat_quota *quota_new(int64_t requests, int64_t window_us, size_t places)
{
    struct leat_quota_policy policy = {"address", requests, window_us};
    struct leat_quota *quota;
    forgotten = 0;
    assert_int_equal(leat_quota_new(&policy, places, &forgotten, &quota, &err), LEAT_OK);
    return quota;
}

static struct leat_quota_state take(struct leat_quota *quota, const char *who, int64_t now_us)
{
    return leat_quota_take(quota, leat_slice_text(who), now_us);
}

static void quota__all_at_once_then_as_fast_as_they_come_back(void **state)
{
    (void)state;
    struct leat_quota *q = quota_new(10, 10 * SECOND, 64);
    int64_t now = 77 * SECOND;
    for (int i = 0; i < 10; i++) {
        struct leat_quota_state s = take(q, "a", now);
        assert_false(s.exceeded);
        assert_int_equal(s.remaining, 9 - i);
        assert_int_equal(s.reset_s, i + 1);
    }
    for (int i = 0; i < 3; i++) { /* what is refused costs nothing */
        struct leat_quota_state s = take(q, "a", now);
        assert_true(s.exceeded);
        assert_int_equal(s.remaining, 0);
        assert_int_equal(s.retry_s, 1);
        assert_true(s.reset_s >= s.retry_s);
    }
    assert_true(take(q, "a", now + SECOND - 1).exceeded);
    assert_false(take(q, "a", now + SECOND).exceeded);
    assert_true(take(q, "a", now + SECOND).exceeded);
    assert_int_equal(take(q, "a", now + 100 * SECOND).remaining, 9);
    leat_quota_free(q);
}

static void quota__coming_again_when_told_is_in_time(void **state)
{
    (void)state;
    struct leat_quota *q = quota_new(3, 60 * SECOND, 64);
    for (int i = 0; i < 3; i++)
        assert_false(take(q, "a", 0).exceeded);
    struct leat_quota_state s = take(q, "a", 5 * SECOND);
    assert_true(s.exceeded);
    assert_int_equal(s.retry_s, 15);
    assert_false(take(q, "a", 20 * SECOND).exceeded);
    leat_quota_free(q);
}

static void quota__clients_do_not_know_each_other(void **state)
{
    (void)state;
    struct leat_quota *q = quota_new(1, SECOND, 64);
    assert_false(take(q, "a", 0).exceeded);
    assert_true(take(q, "a", 0).exceeded);
    assert_false(take(q, "b", 0).exceeded);
    leat_quota_free(q);
}

/* Tokens as a number that grows with time. */
static void quota__agrees_with_a_naive_bucket(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 50; round++) {
        int64_t requests = 1 + rand() % 1000, window_us = SECOND * (1 + rand() % 600),
                now = 1 + rand();
        struct leat_quota *q = quota_new(requests, window_us, 64);
        double tokens = (double)requests, per_us = (double)requests / (double)window_us;
        int refused = 0;
        for (int i = 0; i < 4000; i++) {
            int64_t passed = rand() % (2 * window_us / requests + 1);
            now += passed;
            tokens = fmin((double)requests, tokens + (double)passed * per_us);
            bool exceeded = take(q, "a", now).exceeded;
            if (fabs(tokens - 1) > 0.01) /* the interval is whole nanoseconds */
                assert_int_equal(exceeded, tokens < 1);
            tokens -= exceeded ? 0 : 1;
            refused += exceeded;
        }
        assert_true(requests > 900 || refused < 4000);
        leat_quota_free(q);
    }
}

static void quota__a_million_strangers_cost_no_memory_and_limit_nobody(void **state)
{
    (void)state;
    struct leat_quota *q = quota_new(5, 3600LL * SECOND, 1024);
    for (uint64_t n = 0; n < 1000000; n++)
        assert_false(leat_quota_take(q, leat_slice_of(&n, sizeof n), 1000).exceeded);
    assert_true(forgotten > 900000);
    leat_quota_free(q);
}

static void quota__those_that_are_full_again_go_first(void **state)
{
    (void)state;
    struct leat_quota *q = quota_new(2, 10 * SECOND, 8); /* one row */
    char who[] = "0";
    for (who[0] = '0'; who[0] < '8'; who[0]++)
        take(q, who, 0);
    take(q, "1", 0), take(q, "2", 0);
    take(q, "x", 9 * SECOND); /* in the place of one with one token missing, full since 5 */
    assert_int_equal(forgotten, 0);
    assert_true(take(q, "1", 4 * SECOND).exceeded && take(q, "2", 4 * SECOND).exceeded);
    leat_quota_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quota__all_at_once_then_as_fast_as_they_come_back),
        cmocka_unit_test(quota__coming_again_when_told_is_in_time),
        cmocka_unit_test(quota__clients_do_not_know_each_other),
        cmocka_unit_test(quota__agrees_with_a_naive_bucket),
        cmocka_unit_test(quota__a_million_strangers_cost_no_memory_and_limit_nobody),
        cmocka_unit_test(quota__those_that_are_full_again_go_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
