/* Times as text, compared with what `date -u` and a calendar say; the monotonic clock does not go
 * back. */
#include <leat/clock.h>

#include "unit/outcome.h"

static void clock__formats_every_time_that_64_bits_hold(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } CASES[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {1, "1970-01-01T00:00:00.000001Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {-1000000, "1969-12-31T23:59:59.000000Z"},
        {-1000001, "1969-12-31T23:59:58.999999Z"},
        {951782400000000, "2000-02-29T00:00:00.000000Z"},
        {1795232495123456, "2026-11-21T03:41:35.123456Z"},
        {253402300799999999, "9999-12-31T23:59:59.999999Z"},
        {-62135596800000000, "0001-01-01T00:00:00.000000Z"},
        {-62135596800000001, "0000-12-31T23:59:59.999999Z"},
        {INT64_MAX, "294247-01-10T04:00:54.775807Z"},
        {INT64_MIN, "-290308-12-21T19:59:05.224192Z"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char text[LEAT_CLOCK_TEXT];
        memset(text, 'x', sizeof text);
        leat_clock_format(CASES[i].us, text);
        assert_string_equal(text, CASES[i].text);
    }
}

static void clock__monotonic_does_not_go_back(void **state)
{
    (void)state;
    int64_t last = leat_clock_monotonic_us();
    for (int i = 0; i < 1000; i++) {
        int64_t now = leat_clock_monotonic_us();
        assert_true(now >= last);
        last = now;
    }
    int64_t ms = leat_clock_monotonic_ms();
    assert_true(ms - last / 1000 >= 0 && ms - last / 1000 < 10000);
}

static void clock__pause_lasts_as_long_as_asked(void **state)
{
    (void)state;
    int64_t from = leat_clock_monotonic_us();
    leat_clock_pause_us(20000);
    assert_true(leat_clock_monotonic_us() - from >= 20000);
    leat_clock_pause_us(0);
    leat_clock_pause_us(-5); /* a deadline that has passed: returns at once */
}

static void clock__wall_is_in_microseconds(void **state)
{
    (void)state;
    assert_true(leat_clock_wall_us() > 1577836800000000);  /* 2020 */
    assert_true(leat_clock_wall_us() < 32503680000000000); /* 3000 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock__formats_every_time_that_64_bits_hold),
        cmocka_unit_test(clock__monotonic_does_not_go_back),
        cmocka_unit_test(clock__pause_lasts_as_long_as_asked),
        cmocka_unit_test(clock__wall_is_in_microseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
