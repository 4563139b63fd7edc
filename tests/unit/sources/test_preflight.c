/* What of the preflight needs no server: defects by release, standby lists, comments, lists, sizes. */
#include "sources/postgres/preflight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* The last finding. */
static struct {
    int count;
    enum leat_severity severity;
    char id[64], observed[4096], fix[4096];
} reported;

void leat_report_add(struct leat_report *report, enum leat_severity severity, const char *id,
                     const char *observed, const char *fix, bool restart)
{
    (void)report;
    (void)restart;
    reported.count++;
    reported.severity = severity;
    snprintf(reported.id, sizeof reported.id, "%s", id);
    snprintf(reported.observed, sizeof reported.observed, "%s", observed);
    snprintf(reported.fix, sizeof reported.fix, "%s", fix ? fix : "(none)");
}

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

static void comment__stays_a_comment_whatever_the_name(void **state)
{
    (void)state;
    struct leat_buf fix;
    leat_buf_init(&fix, 4096);
    pg_fix_comment(&fix, "one: %s", "a\nDROP TABLE x;\r--\t");
    pg_fix_comment(&fix, "two");
    assert_string_equal(leat_buf_text(&fix), "-- one: a DROP TABLE x; -- \n-- two");
    leat_buf_release(&fix);
}

static void tally__five_are_named_and_the_rest_counted(void **state)
{
    (void)state;
    struct pg_preflight p = {.report = NULL};
    struct pg_tally tally;
    pg_tally_init(&tally);
    reported.count = 0;
    pg_tally_report(&p, &tally, LEAT_FINDING_WARN, "none", "", "");
    assert_int_equal(reported.count, 0);
    pg_tally_init(&tally);
    for (int i = 0; i < 7; i++)
        pg_tally_add(&tally, "s", "t", i == 1 ? "x, y" : "");
    pg_tally_report(&p, &tally, LEAT_FINDING_NOTE, "some", "in ", ".");
    assert_int_equal(reported.count, 1);
    assert_int_equal(reported.severity, LEAT_FINDING_NOTE);
    assert_string_equal(reported.id, "some");
    assert_string_equal(reported.observed, "in s.t, s.t (x, y), s.t, s.t, s.t and 2 more.");
    assert_string_equal(reported.fix, "(none)");
}

static void finding__an_empty_fix_is_none(void **state)
{
    (void)state;
    struct pg_preflight p = {.report = NULL};
    pg_finding(&p, LEAT_FINDING_FATAL, "id", "", "%d of %s", 2, "them");
    assert_string_equal(reported.fix, "(none)");
    assert_string_equal(reported.observed, "2 of them");
    pg_finding(&p, LEAT_FINDING_FATAL, "id", "SELECT 1;", "text");
    assert_string_equal(reported.fix, "SELECT 1;");
}

static void size__is_short(void **state)
{
    (void)state;
    static const struct {
        int64_t bytes;
        const char *text;
    } CASES[] = {{0, "0 bytes"},         {1023, "1023 bytes"},       {1024, "1.0 kB"},
                 {1536, "1.5 kB"},       {64 << 20, "64 MB"},        {INT64_C(50) << 30, "50 GB"},
                 {INT64_C(3) << 40, "3.0 TB"}, {INT64_C(5000) << 40, "5000 TB"}};
    char text[PG_SIZE_TEXT];
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_string_equal(pg_size_format(CASES[i].bytes, text), CASES[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(size__is_short),
        cmocka_unit_test(comment__stays_a_comment_whatever_the_name),
        cmocka_unit_test(finding__an_empty_fix_is_none),
        cmocka_unit_test(tally__five_are_named_and_the_rest_counted),
        cmocka_unit_test(standbys__our_name_is_found_as_the_server_finds_it),
        cmocka_unit_test(version__a_good_release_has_none),
        cmocka_unit_test(version__each_release_has_its_defects_and_the_one_that_mends_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
