/* What of the preflight needs no server: defects by release, standby lists. */
#include "sources/postgres/preflight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static int defects(int version, char *ret_text, size_t size)
{
    struct leat_buf list;
    int fixed;
    leat_buf_init(&list, 4096);
    pg_version_defects(version, &list, &fixed);
    snprintf(ret_text, size, "%s", leat_buf_text(&list));
    leat_buf_release(&list);
    return fixed;
}

static void version__each_release_has_its_defects_and_the_one_that_mends_them(void **state)
{
    (void)state;
    static const struct {
        int version, fixed;
        const char *has, *has_not;
    } CASES[] = {
        /* releases in which defects were mended, and the ones before */
        {150001, 18, "column list", "invalidation messages"},
        {150002, 18, "default", "column list"},
        {150006, 18, "begin inside", "default"},
        {150008, 18, "wastes memory", "begin inside"},
        {150009, 18, "may be removed", "wastes memory"},
        {150012, 18, "go backwards", "invalidation messages"},
        {150013, 18, "invalidation messages", "may be removed"},
        {150014, 18, "invalidated at once", "go backwards"},
        {150016, 18, "shutdown", "invalidated"},
        {160009, 14, "invalidation messages", "may be removed"},
        {160010, 14, "invalidated", "ON CONFLICT"},
        {170000, 10, "wastes memory", "begin inside"},
        {170005, 10, "invalidation messages", "wastes memory"},
        {140018, 23, "invalidation messages", "begin inside"},
        {130015, 22, "begin inside", "invalidation messages"},
        {130021, 22, "invalidation messages", "begin inside"},
        {180001, 4, "invalidated", "go backwards"},
    };
    char text[4096];
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        assert_int_equal(defects(CASES[i].version, text, sizeof text), CASES[i].fixed);
        if (!strstr(text, CASES[i].has) || strstr(text, CASES[i].has_not))
            fail_msg("%d: %s", CASES[i].version, text);
    }
}

static void version__a_good_release_has_none(void **state)
{
    (void)state;
    static const int GOOD[] = {100023, 120022, 130022, 140023, 150018, 160014, 170010, 180004, 190000, 90624};
    char text[4096];
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        assert_int_equal(defects(GOOD[i], text, sizeof text), 0);
        assert_string_equal(text, "");
    }
}

static void standbys__our_name_is_found_as_the_server_finds_it(void **state)
{
    (void)state;
    static const char *const WITH[] = {
        "*", "\"*\"", "s1,*", "ANY 2 (s1, s2, *)", "\"leat-shop\"", "FIRST 1 (\"LEAT-Shop\")", "s1 , \"leat-shop\" ",
        "2(\"a\"\"b\",\"leat-shop\")",
    };
    static const char *const WITHOUT[] = {
        "", "s1", "leat", "\"leat-shop2\"", "\"xleat-shop\"", "\"leat-\"\"shop\"", "\"s*\"", "ANY 1 (shop)", "\"leat-shop ",
        "\"", "\"leat-sho", "((((", "\"\"",
    };
    for (size_t i = 0; i < sizeof WITH / sizeof *WITH; i++)
        if (!pg_standbys_include(WITH[i], "leat-shop"))
            fail_msg("not found in %s", WITH[i]);
    for (size_t i = 0; i < sizeof WITHOUT / sizeof *WITHOUT; i++)
        if (pg_standbys_include(WITHOUT[i], "leat-shop"))
            fail_msg("found in %s", WITHOUT[i]);
}

/* Nothing here looks at findings; tests/unit/base/test_finding.c does. */
void leat_report_add(struct leat_report *report, enum leat_severity severity, const char *id,
                     const char *observed, const char *fix, bool restart)
{
    (void)report;
    (void)severity;
    (void)id;
    (void)observed;
    (void)fix;
    (void)restart;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standbys__our_name_is_found_as_the_server_finds_it),
        cmocka_unit_test(version__a_good_release_has_none),
        cmocka_unit_test(version__each_release_has_its_defects_and_the_one_that_mends_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
