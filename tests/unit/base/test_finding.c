/* Findings in words: the sentence that the report is given, comments in fixes, lists of tables, sizes. */
#include <leat/finding.h>

#include "unit/outcome.h"

/* The last finding. */
static struct {
    int count;
    enum leat_severity severity;
    char id[64], observed[4096], fix[4096];
    bool restart;
} reported;

void leat_report_add(struct leat_report *report, enum leat_severity severity, const char *id,
                     const char *observed, const char *fix, bool restart)
{
    (void)report;
    reported.count++;
    reported.severity = severity;
    reported.restart = restart;
    snprintf(reported.id, sizeof reported.id, "%s", id);
    snprintf(reported.observed, sizeof reported.observed, "%s", observed);
    snprintf(reported.fix, sizeof reported.fix, "%s", fix ? fix : "(none)");
}

static void finding__is_a_sentence_with_its_fix(void **state)
{
    (void)state;
    leat_finding(NULL, LEAT_FINDING_FATAL, "id", "SELECT 1;", "%d of %s", 2, "them");
    assert_string_equal(reported.id, "id");
    assert_int_equal(reported.severity, LEAT_FINDING_FATAL);
    assert_string_equal(reported.observed, "2 of them");
    assert_string_equal(reported.fix, "SELECT 1;");
    assert_false(reported.restart);
}

static void finding__an_empty_fix_is_none(void **state)
{
    (void)state;
    leat_finding(NULL, LEAT_FINDING_NOTE, "id", "", "text");
    assert_string_equal(reported.fix, "(none)");
    leat_finding(NULL, LEAT_FINDING_NOTE, "id", NULL, "text");
    assert_string_equal(reported.fix, "(none)");
}

static void finding__says_when_a_restart_is_needed(void **state)
{
    (void)state;
    leat_finding_restart(NULL, LEAT_FINDING_WARN, "id", "X;", "text");
    assert_true(reported.restart);
    leat_finding(NULL, LEAT_FINDING_WARN, "id", "X;", "text");
    assert_false(reported.restart);
}

static void comment__stays_a_comment_whatever_the_name(void **state)
{
    (void)state;
    struct leat_buf fix;
    leat_buf_init(&fix, 4096);
    leat_fix_comment(&fix, "one: %s", "a\nDROP TABLE x;\r--\t");
    leat_fix_comment(&fix, "two");
    assert_string_equal(leat_buf_text(&fix), "-- one: a DROP TABLE x; -- \n-- two");
    leat_buf_release(&fix);
}

static void tally__five_are_named_and_the_rest_counted(void **state)
{
    (void)state;
    struct leat_tally tally;
    leat_tally_init(&tally);
    for (int i = 0; i < 7; i++)
        leat_tally_add(&tally, "s", "t", i == 1 ? "x, y" : i == 2 ? NULL : "");
    leat_tally_report(&tally, NULL, LEAT_FINDING_NOTE, "some", "in ", ".");
    assert_int_equal(reported.severity, LEAT_FINDING_NOTE);
    assert_string_equal(reported.id, "some");
    assert_string_equal(reported.observed, "in s.t, s.t (x, y), s.t, s.t, s.t and 2 more.");
    assert_string_equal(reported.fix, "(none)");
}

static void tally__of_none_is_no_finding(void **state)
{
    (void)state;
    struct leat_tally tally;
    leat_tally_init(&tally);
    int before = reported.count;
    leat_tally_report(&tally, NULL, LEAT_FINDING_WARN, "none", "", "");
    assert_int_equal(reported.count, before);
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
    char text[LEAT_SIZE_TEXT];
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_string_equal(leat_size_format(CASES[i].bytes, text), CASES[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finding__is_a_sentence_with_its_fix),
        cmocka_unit_test(finding__an_empty_fix_is_none),
        cmocka_unit_test(finding__says_when_a_restart_is_needed),
        cmocka_unit_test(comment__stays_a_comment_whatever_the_name),
        cmocka_unit_test(tally__five_are_named_and_the_rest_counted),
        cmocka_unit_test(tally__of_none_is_no_finding),
        cmocka_unit_test(size__is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
