/* Bounds run 1, 2.5, 5 per decade; every observation falls into exactly one bucket. */
#include <leat/histogram.h>

#include "unit/outcome.h"

static void histogram__bounds_are_100_us_to_50_s(void **state)
{
    (void)state;
    static const int64_t BOUNDS[LEAT_HISTOGRAM_BOUNDS] = {
        100,    250,    500,    1000,    2500,    5000,    10000,    25000,    50000,
        100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 25000000, 50000000};
    for (unsigned i = 0; i < LEAT_HISTOGRAM_BOUNDS; i++)
        assert_true(leat_histogram_bound_us(i) == BOUNDS[i]);
}

static void histogram__bounds_are_inclusive(void **state)
{
    (void)state;
    struct leat_histogram h = {0};
    int64_t sum = 0;
    for (unsigned i = 0; i < LEAT_HISTOGRAM_BOUNDS; i++) {
        leat_histogram_observe(&h, leat_histogram_bound_us(i));
        leat_histogram_observe(&h, leat_histogram_bound_us(i) + 1);
        sum += 2 * leat_histogram_bound_us(i) + 1;
    }
    leat_histogram_observe(&h, 0);
    assert_true(h.buckets[0] == 2);
    for (unsigned i = 1; i < LEAT_HISTOGRAM_BOUNDS; i++)
        assert_true(h.buckets[i] == 2);
    assert_true(h.buckets[LEAT_HISTOGRAM_BOUNDS] == 1);
    assert_true(h.sum_us == sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histogram__bounds_are_100_us_to_50_s),
        cmocka_unit_test(histogram__bounds_are_inclusive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
