/*
 * The shipped tables: names keep the laws, every number of a struct is shown and the README knows
 * every metric.
 */
#include "metrics/tables.h"

#include <leat/clock.h>
#include <leat/emitter_stats.h>
#include <leat/source_stats.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct shipped {
    const struct leat_metric_desc *table;
    size_t bytes; /* of the struct behind it, as far as it is shown */
    size_t first; /* offset of the first number */
};

static const struct shipped SHIPPED[] = {
    {leat_source_metrics, sizeof(struct leat_source_stats), 0},
    {leat_error_metrics, 8 * sizeof(int64_t), sizeof(int64_t)}, /* indexed by -code, from 1 */
    {leat_state_metrics, sizeof(struct leat_metrics_state), 0},
    {leat_emitter_metrics, sizeof(struct leat_emitter_stats), 0},
    {leat_emitter_error_metrics, 8 * sizeof(int64_t), sizeof(int64_t)},
    {leat_emitter_state_metrics, sizeof(struct leat_metrics_emitter), 0},
    {leat_commit_metrics, sizeof(struct leat_metrics_commit), 0},
    {leat_store_metrics, sizeof(struct leat_metrics_store), 0},
    {leat_process_metrics, sizeof(struct leat_metrics_process), 0},
};
enum { SHIPPED_COUNT = sizeof SHIPPED / sizeof SHIPPED[0] };

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void tables__names_keep_the_laws(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHIPPED_COUNT; i++)
        for (const struct leat_metric_desc *d = SHIPPED[i].table; d->name; d++) {
            assert_int_equal(strspn(d->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(d->name));
            assert_int_equal(strncmp(d->name, "leat_", 5), 0);
            assert_int_equal(ends_with(d->name, "_total"), d->type == LEAT_METRIC_COUNTER);
            assert_int_equal(strstr(d->name, "_seconds") != NULL, d->scale != LEAT_METRIC_AS_IS);
            assert_true(ends_with(d->help, "."));
            assert_null(strpbrk(d->help, "\n\\"));
        }
}

static void tables__every_number_is_shown_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHIPPED_COUNT; i++) {
        size_t expected = SHIPPED[i].first;
        for (const struct leat_metric_desc *d = SHIPPED[i].table; d->name; d++) {
            assert_int_equal(d->offset, expected);
            expected += sizeof(int64_t);
        }
        assert_int_equal(expected, SHIPPED[i].bytes);
    }
}

static void tables__the_readme_knows_every_metric(void **state)
{
    (void)state;
    FILE *file = fopen("src/metrics/README.md", "r");
    assert_non_null(file);
    static char readme[64 << 10];
    size_t len = fread(readme, 1, sizeof readme - 1, file);
    readme[len] = '\0';
    fclose(file);
    for (size_t i = 0; i < SHIPPED_COUNT; i++)
        for (const struct leat_metric_desc *d = SHIPPED[i].table; d->name; d++) {
            char cell[120];
            snprintf(cell, sizeof cell, "| `%s` |", d->name);
            if (!strstr(readme, cell))
                fail_msg("src/metrics/README.md does not know %s", d->name);
        }
}

static void process__figures_are_those_of_this_process(void **state)
{
    (void)state;
    static struct leat_metrics_process process; /* zero, as in the daemon */
    leat_metrics_process_collect(&process);
    int64_t before = process.anonymous_bytes, files = process.open_files, start = process.start_us;
    assert_true(before > 0 && files >= 3 && process.threads == 1 && process.cpu_us >= 0);
    assert_true(leat_clock_wall_us() - start < 60 * 1000000);

    enum { MORE_BYTES = 32 << 20 };
    char *more = malloc(MORE_BYTES);
    assert_non_null(more);
    for (size_t i = 0; i < MORE_BYTES; i += 512)
        ((volatile char *)more)[i] = (char)i;
    FILE *file = fopen("/proc/self/status", "r");
    leat_metrics_process_collect(&process);
    assert_true(process.anonymous_bytes - before >= MORE_BYTES / 2);
    assert_int_equal(process.open_files, files + 1);
    assert_int_equal(process.start_us, start);
    fclose(file);
    free(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables__names_keep_the_laws),
        cmocka_unit_test(tables__every_number_is_shown_once),
        cmocka_unit_test(tables__the_readme_knows_every_metric),
        cmocka_unit_test(process__figures_are_those_of_this_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
