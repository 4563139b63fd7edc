/*
 * What may stand inside a JSON text as it is. The lists follow the grammar of RFC 8259; jansson is
 * asked about random texts as an independent judge.
 */
#include "codec/json_check.h"

#include "unit/outcome.h"

#include <jansson.h>

static char check(const char *text)
{
    return leat_json_check(leat_slice_text(text));
}

static void texts__that_are_json(void **state)
{
    (void)state;
    static const char *const GOOD[] = {
        "{}",
        "[]",
        " {} ",
        "[[]]",
        "{\"a\":{}}",
        "1",
        "-0",
        "0.5",
        "1e9",
        "1E-9",
        "-1.25e+3",
        "\"\"",
        "true",
        "false",
        "null",
        "[1,2,3]",
        "{\"a\":1,\"a\":2}",
        "[{\"a\":[]},[]]",
        "\"\\u00e9\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\t[ 1 , \n{ \"x\" : null } ]\r\n",
        "123456789012345678901234567890123456789012345678901234567890",
        "1e999999",
        "\"\\ud800\"",
        "\"\xff\""};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++)
        if (!check(GOOD[i]))
            fail_msg("%s is one", GOOD[i]);
    assert_int_equal(check("  {}"), '{');
    assert_int_equal(check("[]"), '[');
    assert_int_equal(check("-1"), '-');
}

static void texts__that_are_none(void **state)
{
    (void)state;
    static const char *const BAD[] = {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[",
                                      "]",
                                      "{]",
                                      "[}",
                                      "[1,]",
                                      "[,1]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{1:1}",
                                      "01",
                                      "-",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "1e",
                                      "1e+",
                                      "0x1",
                                      "tru",
                                      "truee",
                                      "nul",
                                      "NaN",
                                      "\"",
                                      "\"\\\"",
                                      "\"\\x\"",
                                      "\"\\u12g4\"",
                                      "\"\\u123\"",
                                      "\"a\nb\"",
                                      "{} {}",
                                      "1 2",
                                      "[1 2]",
                                      "[1]]",
                                      "{\"a\":1 \"b\":2}",
                                      "'a'",
                                      "[1],",
                                      "{\"a\":1}}",
                                      "{\"a\",1}",
                                      "[\"a\":1]"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        if (check(BAD[i]))
            fail_msg("%s is none", BAD[i]);
    assert_int_equal(leat_json_check((struct leat_slice){NULL, 0}), 0);
    assert_int_equal(leat_json_check(leat_slice_of("{}\0", 3)), 0);
}

static void depth__is_bounded(void **state)
{
    (void)state;
    static char text[2 * JSON_CHECK_DEPTH + 3];
    for (int depth = JSON_CHECK_DEPTH; depth <= JSON_CHECK_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[2 * depth] = '\0';
        assert_int_equal(check(text), depth == JSON_CHECK_DEPTH ? '[' : 0);
    }
}

static void random__texts_are_judged_as_by_another(void **state)
{
    (void)state;
    static const char *const PIECES[] = {"{", "}",    "[",    "]",    ",", ":",       "\"a\"",
                                         "1", "-2.5", "true", "null", " ", "\"\\n\"", "0"};
    unsigned seed = 20261121, good = 0;
    for (int n = 0; n < 200000; n++) {
        char text[200];
        size_t len = 0;
        for (int i = 0, count = 1 + (int)(rand_r(&seed) % 9); i < count; i++)
            len += (size_t)snprintf(
                text + len, sizeof text - len, "%s",
                PIECES[(unsigned)rand_r(&seed) % (sizeof PIECES / sizeof *PIECES)]);
        json_t *theirs = json_loads(text, JSON_DECODE_ANY, NULL);
        if (!theirs != !check(text))
            fail_msg("%s: we say %d (seed 20261121)", text, check(text));
        good += theirs != NULL;
        json_decref(theirs);
    }
    assert_true(good > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts__that_are_json),
        cmocka_unit_test(texts__that_are_none),
        cmocka_unit_test(depth__is_bounded),
        cmocka_unit_test(random__texts_are_judged_as_by_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
