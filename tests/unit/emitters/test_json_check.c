/* Whether a body is JSON that jsonb takes: the rules one by one, and every strict prefix of good
 * texts. */
#include "emitters/postgres/json_check.h"

#include "unit/outcome.h"

static bool good(const char *text)
{
    return pge_json_check(leat_slice_text(text));
}

static const char *const GOOD[] = {"{}",
                                   "[]",
                                   " [ ] ",
                                   "\"x\"",
                                   "null",
                                   "true",
                                   "false",
                                   "0",
                                   "-0.5e+10",
                                   "1E-300",
                                   "123456789012345678901234567890",
                                   "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"a\":2}",
                                   "[\"\\u00e6\\ud83d\\ude00\\n\\\"\"]",
                                   "\t{ \"k\" : [ true , false ] }\r\n",
                                   "\"\xc3\xa6\""};

static void json__what_jsonb_takes_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++)
        if (!good(GOOD[i]))
            fail_msg("refused: %s", GOOD[i]);
}

static void json__what_jsonb_refuses_is_refused(void **state)
{
    static const char *const BAD[] = {"",
                                      " ",
                                      "nul",
                                      "truely",
                                      "not json",
                                      "{",
                                      "}",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "{\"a\"}",
                                      "{a:1}",
                                      "[1 2]",
                                      "{} {}",
                                      "01",
                                      "-",
                                      "1.",
                                      ".5",
                                      "1e",
                                      "1e9999",
                                      "+1",
                                      "\"a",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\u0000\"",
                                      "\"\\ud800\"",
                                      "\"\\ud800x\"",
                                      "\"\\udc00\"",
                                      "\"\\ud800\\u0041\"",
                                      "\"\n\"",
                                      "[}",
                                      "{]",
                                      "[1}",
                                      "'a'",
                                      "NaN",
                                      "{\"a\":}",
                                      "[,1]",
                                      "{,}",
                                      "\"a\"x"};
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        if (good(BAD[i]))
            fail_msg("taken: %s", BAD[i]);
    assert_false(pge_json_check(leat_slice_of("\"a\0b\"", 5)));
    assert_false(pge_json_check(leat_slice_of("\"\\\0\"", 4)));
}

static void json__every_strict_prefix_is_refused(void **state)
{
    static const char *const WHOLE[] = {
        "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":\"\\ud83d\\ude00\"}", "[true,false,-0.5e+10]"};
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (size_t len = 0; len < strlen(WHOLE[i]); len++) {
            char *copy =
                malloc(len + 1); /* exactly so long, so that a sanitizer sees one byte too many */
            memcpy(copy, WHOLE[i], len);
            assert_false(pge_json_check(leat_slice_of(copy, len)));
            free(copy);
        }
}

static void json__nesting_is_bounded(void **state)
{
    char text[2 * PGE_JSON_NESTING_MAX + 3];
    (void)state;
    memset(text, '[', PGE_JSON_NESTING_MAX + 1);
    memset(text + PGE_JSON_NESTING_MAX + 1, ']', PGE_JSON_NESTING_MAX + 1);
    text[2 * PGE_JSON_NESTING_MAX + 2] = '\0';
    assert_false(good(text));
    assert_true(pge_json_check(leat_slice_of(text + 1, 2 * PGE_JSON_NESTING_MAX)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json__what_jsonb_takes_is_taken),
        cmocka_unit_test(json__what_jsonb_refuses_is_refused),
        cmocka_unit_test(json__every_strict_prefix_is_refused),
        cmocka_unit_test(json__nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
