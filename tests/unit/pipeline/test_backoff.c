/* Delays grow, stay between their bounds, differ between daemons, and begin small again after a
 * success. */
#include "pipeline/backoff.h"

#include "unit/outcome.h"

static void backoff__each_delay_lies_between_base_and_its_ceiling(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct leat_backoff b;
        leat_backoff_init(&b, 100, 30000, seed);
        double ceiling = 100; /* 100 x 2^n, not past 30 s */
        for (unsigned n = 0; n < 40; n++) {
            int64_t ms = leat_backoff_next_ms(&b);
            assert_true(ms >= 100 && (double)ms <= ceiling);
            ceiling = 2 * ceiling < 30000 ? 2 * ceiling : 30000;
        }
    }
}

static void backoff__reaches_the_upper_half_of_its_range(void **state)
{
    (void)state;
    int64_t longest = 0, shortest = INT64_MAX;
    struct leat_backoff b;
    leat_backoff_init(&b, 100, 30000, 42);
    for (unsigned n = 0; n < 200; n++) {
        int64_t ms = leat_backoff_next_ms(&b);
        longest = n > 10 && ms > longest ? ms : longest;
        shortest = n > 10 && ms < shortest ? ms : shortest;
    }
    assert_true(longest > 25000);
    assert_true(shortest < 5000);
}

static void backoff__differs_from_seed_to_seed(void **state)
{
    (void)state;
    unsigned equal = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct leat_backoff a, b;
        leat_backoff_init(&a, 100, 30000, seed * 7919);
        leat_backoff_init(&b, 100, 30000, seed * 7919 + 1);
        for (unsigned n = 0; n < 9; n++) {
            leat_backoff_next_ms(&a);
            leat_backoff_next_ms(&b);
        }
        equal += leat_backoff_next_ms(&a) == leat_backoff_next_ms(&b);
    }
    assert_true(equal < 5);
}

static void backoff__begins_small_after_a_success(void **state)
{
    (void)state;
    struct leat_backoff b;
    leat_backoff_init(&b, 100, 30000, 1);
    for (unsigned n = 0; n < 20; n++)
        leat_backoff_next_ms(&b);
    leat_backoff_reset(&b);
    assert_true(leat_backoff_next_ms(&b) == 100);
    assert_true(leat_backoff_next_ms(&b) <= 200);
}

static void backoff__extreme_bounds_do_not_overflow(void **state)
{
    (void)state;
    struct leat_backoff b;
    leat_backoff_init(&b, 50, 50, 1);
    for (unsigned n = 0; n < 5; n++)
        assert_true(leat_backoff_next_ms(&b) == 50);
    leat_backoff_init(&b, 1, INT64_MAX / 2, 1);
    b.attempts = UINT32_MAX;
    assert_true(leat_backoff_next_ms(&b) >= 1);
    leat_backoff_init(&b, 0, 0, 1);
    assert_true(leat_backoff_next_ms(&b) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backoff__each_delay_lies_between_base_and_its_ceiling),
        cmocka_unit_test(backoff__reaches_the_upper_half_of_its_range),
        cmocka_unit_test(backoff__differs_from_seed_to_seed),
        cmocka_unit_test(backoff__begins_small_after_a_success),
        cmocka_unit_test(backoff__extreme_bounds_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
