/*
 * The exposition against texts written by hand after the format's description, and the laws of
 * names.
 */
#include "metrics/metrics.h"

#include <leat/histogram.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct pump {
    _Atomic int64_t strokes;
    _Atomic int64_t level;
    _Atomic int64_t busy_us;
    _Atomic int64_t wait_ms;
    _Atomic int64_t broken[2];
};

static const struct leat_metric_desc PUMP_METRICS[] = {
    {.name = "leat_pump_strokes_total",
     .type = LEAT_METRIC_COUNTER,
     .offset = offsetof(struct pump, strokes),
     .help = "Strokes."},
    {.name = "leat_pump_level_bytes",
     .type = LEAT_METRIC_GAUGE,
     .offset = offsetof(struct pump, level),
     .unknown_below_zero = true,
     .help = "Level."},
    {.name = "leat_pump_busy_seconds_total",
     .type = LEAT_METRIC_COUNTER,
     .scale = LEAT_METRIC_US_TO_SECONDS,
     .offset = offsetof(struct pump, busy_us),
     .help = "Busy."},
    {.name = "leat_pump_wait_seconds",
     .type = LEAT_METRIC_GAUGE,
     .scale = LEAT_METRIC_MS_TO_SECONDS,
     .offset = offsetof(struct pump, wait_ms),
     .help = "Wait."},
    {.name = "leat_pump_breaks_total",
     .type = LEAT_METRIC_COUNTER,
     .offset = offsetof(struct pump, broken[0]),
     .label = "part=\"valve\"",
     .help = "Breaks."},
    {.name = "leat_pump_breaks_total",
     .type = LEAT_METRIC_COUNTER,
     .offset = offsetof(struct pump, broken[1]),
     .label = "part=\"shaft\"",
     .help = "Breaks."},
    {.name = NULL},
};

struct gauge_only {
    _Atomic int64_t value;
};
static const struct leat_metric_desc OTHER_METRICS[] = {
    {.name = "leat_other_value",
     .type = LEAT_METRIC_GAUGE,
     .offset = offsetof(struct gauge_only, value),
     .help = "Other."},
    {.name = NULL},
};

static struct leat_metrics *metrics_new(void)
{
    struct leat_metrics *metrics = NULL;
    struct leat_err err;
    assert_int_equal(leat_metrics_new(&metrics, &err), LEAT_OK);
    return metrics;
}

static struct leat_metrics_entry *add(struct leat_metrics *metrics,
                                      const struct leat_metric_desc *table, const char *name,
                                      const void *base)
{
    struct leat_metric_label labels[] = {{"pump", name}, {NULL, NULL}};
    struct leat_metrics_entry *entry = NULL;
    struct leat_err err;
    assert_int_equal(
        leat_metrics_register(metrics, table, name ? labels : NULL, base, &entry, &err), LEAT_OK);
    return entry;
}

static void expect(struct leat_metrics *metrics, const char *expected)
{
    struct leat_buf text;
    leat_buf_init(&text, 1 << 20);
    leat_metrics_expose(metrics, &text);
    assert_false(text.full);
    assert_string_equal(leat_buf_text(&text), expected);
    leat_buf_release(&text);
}

static void exposition__series_of_one_metric_stand_together(void **state)
{
    (void)state;
    struct leat_metrics *metrics = metrics_new();
    struct pump north = {1, 2, 3000000, 4500, {6, 7}};
    struct pump south = {10, 20, 1, 1, {60, 70}};
    struct gauge_only other = {42};
    add(metrics, PUMP_METRICS, "north", &north);
    add(metrics, OTHER_METRICS, NULL, &other);
    add(metrics, PUMP_METRICS, "south", &south);
    expect(metrics, "# HELP leat_pump_strokes_total Strokes.\n"
                    "# TYPE leat_pump_strokes_total counter\n"
                    "leat_pump_strokes_total{pump=\"north\"} 1\n"
                    "leat_pump_strokes_total{pump=\"south\"} 10\n"
                    "# HELP leat_pump_level_bytes Level.\n"
                    "# TYPE leat_pump_level_bytes gauge\n"
                    "leat_pump_level_bytes{pump=\"north\"} 2\n"
                    "leat_pump_level_bytes{pump=\"south\"} 20\n"
                    "# HELP leat_pump_busy_seconds_total Busy.\n"
                    "# TYPE leat_pump_busy_seconds_total counter\n"
                    "leat_pump_busy_seconds_total{pump=\"north\"} 3.000000\n"
                    "leat_pump_busy_seconds_total{pump=\"south\"} 0.000001\n"
                    "# HELP leat_pump_wait_seconds Wait.\n"
                    "# TYPE leat_pump_wait_seconds gauge\n"
                    "leat_pump_wait_seconds{pump=\"north\"} 4.500\n"
                    "leat_pump_wait_seconds{pump=\"south\"} 0.001\n"
                    "# HELP leat_pump_breaks_total Breaks.\n"
                    "# TYPE leat_pump_breaks_total counter\n"
                    "leat_pump_breaks_total{pump=\"north\",part=\"valve\"} 6\n"
                    "leat_pump_breaks_total{pump=\"north\",part=\"shaft\"} 7\n"
                    "leat_pump_breaks_total{pump=\"south\",part=\"valve\"} 60\n"
                    "leat_pump_breaks_total{pump=\"south\",part=\"shaft\"} 70\n"
                    "# HELP leat_other_value Other.\n"
                    "# TYPE leat_other_value gauge\n"
                    "leat_other_value 42\n");
    leat_metrics_free(metrics);
}

static void exposition__numbers_are_exact_to_the_last_digit(void **state)
{
    (void)state;
    struct leat_metrics *metrics = metrics_new();
    struct pump pump = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MIN, {0, -1}};
    add(metrics, PUMP_METRICS, NULL, &pump);
    struct leat_buf text;
    leat_buf_init(&text, 1 << 20);
    leat_metrics_expose(metrics, &text);
    const char *all = leat_buf_text(&text);
    assert_non_null(strstr(all, "leat_pump_strokes_total 9223372036854775807\n"));
    assert_non_null(strstr(all, "leat_pump_busy_seconds_total 9223372036854.775807\n"));
    assert_non_null(strstr(all, "leat_pump_wait_seconds -9223372036854775.808\n"));
    assert_non_null(strstr(all, "leat_pump_breaks_total{part=\"shaft\"} -1\n"));
    leat_buf_release(&text);
    leat_metrics_free(metrics);
}

static void exposition__what_is_unknown_is_left_out(void **state)
{
    (void)state;
    struct leat_metrics *metrics = metrics_new();
    struct pump pump = {.level = -1};
    add(metrics, PUMP_METRICS, NULL, &pump);
    struct leat_buf text;
    leat_buf_init(&text, 1 << 20);
    leat_metrics_expose(metrics, &text);
    assert_null(strstr(leat_buf_text(&text), "\nleat_pump_level_bytes"));
    leat_buf_release(&text);
    leat_metrics_free(metrics);
}

static void exposition__no_label_can_forge_a_line(void **state)
{
    (void)state;
    struct leat_metrics *metrics = metrics_new();
    struct gauge_only other = {1};
    add(metrics, OTHER_METRICS, "a\"} 9\nb\\", &other);
    expect(metrics, "# HELP leat_other_value Other.\n# TYPE leat_other_value gauge\n"
                    "leat_other_value{pump=\"a\\\"} 9\\nb\\\\\"} 1\n");
    leat_metrics_free(metrics);
}

static void exposition__labels_are_bounded(void **state)
{
    (void)state;
    struct leat_metrics *metrics = metrics_new();
    char name[LEAT_METRICS_LABEL_MAX];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    struct gauge_only other = {1};
    struct leat_metric_label labels[] = {{"pump", name}, {NULL, NULL}};
    struct leat_metrics_entry *entry = NULL;
    struct leat_err err;
    assert_int_equal(leat_metrics_register(metrics, OTHER_METRICS, labels, &other, &entry, &err),
                     LEAT_ELIMIT);
    assert_null(entry);
    expect(metrics, "");
    leat_metrics_free(metrics);
}

static void exposition__a_full_buffer_says_so(void **state)
{
    (void)state;
    struct leat_metrics *metrics = metrics_new();
    struct gauge_only other = {1};
    add(metrics, OTHER_METRICS, NULL, &other);
    struct leat_buf text;
    leat_buf_init(&text, 40);
    leat_metrics_expose(metrics, &text);
    assert_true(text.full);
    leat_buf_release(&text);
    leat_metrics_free(metrics);
}

static void exposition__an_unregistered_table_is_gone(void **state)
{
    (void)state;
    struct leat_metrics *metrics = metrics_new();
    struct gauge_only first = {1}, second = {2};
    struct leat_metrics_entry *entry = add(metrics, OTHER_METRICS, "a", &first);
    add(metrics, OTHER_METRICS, "b", &second);
    leat_metrics_unregister(metrics, entry);
    leat_metrics_unregister(metrics, NULL);
    expect(metrics, "# HELP leat_other_value Other.\n# TYPE leat_other_value gauge\n"
                    "leat_other_value{pump=\"b\"} 2\n");
    leat_metrics_free(metrics);
}

static void count_call(void *arg)
{
    struct gauge_only *value = arg;
    value->value++;
}

static void exposition__hooks_run_before_the_numbers_are_read(void **state)
{
    (void)state;
    struct leat_metrics *metrics = metrics_new();
    struct gauge_only other = {1};
    struct leat_err err;
    add(metrics, OTHER_METRICS, NULL, &other);
    assert_int_equal(leat_metrics_hook(metrics, count_call, &other, &err), LEAT_OK);
    expect(metrics,
           "# HELP leat_other_value Other.\n# TYPE leat_other_value gauge\nleat_other_value 2\n");
    expect(metrics,
           "# HELP leat_other_value Other.\n# TYPE leat_other_value gauge\nleat_other_value 3\n");
    leat_metrics_free(metrics);
}

/* --- histograms ----------------------------------------------------------------------------- */

static const struct leat_metric_desc HISTOGRAM_METRICS[] = {
    {.name = "leat_pump_stroke_seconds",
     .type = LEAT_METRIC_HISTOGRAM,
     .offset = 0,
     .help = "Strokes."},
    {.name = NULL},
};

static void histogram__bounds_are_the_documented_ones(void **state)
{
    (void)state;
    static const int64_t BOUNDS_US[LEAT_HISTOGRAM_BOUNDS] = {
        100,    250,    500,    1000,    2500,    5000,    10000,    25000,    50000,
        100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 25000000, 50000000};
    for (unsigned i = 0; i < LEAT_HISTOGRAM_BOUNDS; i++)
        assert_int_equal(leat_histogram_bound_us(i), BOUNDS_US[i]);
}

static void histogram__buckets_are_cumulative_and_inclusive(void **state)
{
    (void)state;
    struct leat_metrics *metrics = metrics_new();
    static struct leat_histogram histogram;
    static const int64_t SEEN_US[] = {0, 100, 101, 1000, 50000000, 50000001};
    for (size_t i = 0; i < sizeof SEEN_US / sizeof SEEN_US[0]; i++)
        leat_histogram_observe(&histogram, SEEN_US[i]);
    add(metrics, HISTOGRAM_METRICS, "n", &histogram);
    struct leat_buf text;
    leat_buf_init(&text, 1 << 20);
    leat_metrics_expose(metrics, &text);
    const char *all = leat_buf_text(&text);
    assert_non_null(strstr(all, "# TYPE leat_pump_stroke_seconds histogram\n"
                                "leat_pump_stroke_seconds_bucket{pump=\"n\",le=\"0.000100\"} 2\n"
                                "leat_pump_stroke_seconds_bucket{pump=\"n\",le=\"0.000250\"} 3\n"
                                "leat_pump_stroke_seconds_bucket{pump=\"n\",le=\"0.000500\"} 3\n"
                                "leat_pump_stroke_seconds_bucket{pump=\"n\",le=\"0.001000\"} 4\n"));
    assert_non_null(strstr(all, "{pump=\"n\",le=\"50.000000\"} 5\n"
                                "leat_pump_stroke_seconds_bucket{pump=\"n\",le=\"+Inf\"} 6\n"
                                "leat_pump_stroke_seconds_sum{pump=\"n\"} 100.001202\n"
                                "leat_pump_stroke_seconds_count{pump=\"n\"} 6\n"));
    leat_buf_release(&text);
    leat_metrics_free(metrics);
}

/* --- threads -------------------------------------------------------------------------------- */

struct busy {
    struct leat_metrics *metrics;
    _Atomic bool stop;
};

static void *expose_until_stopped(void *arg)
{
    struct busy *busy = arg;
    struct leat_buf text;
    leat_buf_init(&text, 1 << 20);
    while (!busy->stop) {
        leat_buf_reset(&text);
        leat_metrics_expose(busy->metrics, &text);
    }
    leat_buf_release(&text);
    return NULL;
}

/* The sanitizers judge: a base that was unregistered is freed while another thread exposes. */
static void exposition__a_base_may_go_as_soon_as_it_is_unregistered(void **state)
{
    (void)state;
    struct busy busy = {.metrics = metrics_new()};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, expose_until_stopped, &busy), 0);
    for (int i = 0; i < 2000; i++) {
        struct pump *pump = calloc(1, sizeof *pump);
        struct leat_metrics_entry *entry = add(busy.metrics, PUMP_METRICS, "x", pump);
        atomic_fetch_add_explicit(&pump->strokes, 1, memory_order_relaxed);
        leat_metrics_unregister(busy.metrics, entry);
        free(pump);
    }
    busy.stop = true;
    pthread_join(thread, NULL);
    leat_metrics_free(busy.metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exposition__series_of_one_metric_stand_together),
        cmocka_unit_test(exposition__numbers_are_exact_to_the_last_digit),
        cmocka_unit_test(exposition__what_is_unknown_is_left_out),
        cmocka_unit_test(exposition__no_label_can_forge_a_line),
        cmocka_unit_test(exposition__labels_are_bounded),
        cmocka_unit_test(exposition__a_full_buffer_says_so),
        cmocka_unit_test(exposition__an_unregistered_table_is_gone),
        cmocka_unit_test(exposition__hooks_run_before_the_numbers_are_read),
        cmocka_unit_test(histogram__bounds_are_the_documented_ones),
        cmocka_unit_test(histogram__buckets_are_cumulative_and_inclusive),
        cmocka_unit_test(exposition__a_base_may_go_as_soon_as_it_is_unregistered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
