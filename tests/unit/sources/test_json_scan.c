/*
 * The scanner against the grammar, and against jansson on random texts: what one takes the other must
 * take, but for what jansson is known to refuse (reference: numbers beyond its types, lone surrogates,
 * \u0000, nesting) and what only it takes (nothing).
 */
#include "sources/webhook/json_scan.h"

#include <jansson.h>

#include "unit/outcome.h"

static bool valid(const char *text)
{
    size_t at;
    return json_check(leat_slice_text(text), &at);
}

static void check__takes_what_the_grammar_has(void **state)
{
    (void)state;
    static const char *const GOOD[] = {
        "0", "-0", "1.5e+10", "1E5", "0.0", "true", " false ", "null", "\"\"", "[]", "{}", "[ ]", "{ }",
        "[1,2,[3,[]],{}]", "{\"a\":{\"b\":[null]},\"a\":1}", "\"\\u0000\\ud800\\n\\/\"",
        "123456789012345678901234567890.5", "1e999", "\"\xc3\xa6\xf0\x9f\x98\x80\"", "\t\r\n [\n1 ]\n",
    };
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++)
        if (!valid(GOOD[i]))
            fail_msg("refused: %s", GOOD[i]);
}

static void check__refuses_everything_else(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "", " ", "01", "-", "1.", ".5", "1e", "+1", "tru", "nulll", "\"", "\"\\x\"", "\"\\u12g4\"",
        "\"\n\"", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{a:1}",
        "{\"a\":1,}", "{\"a\":1]", "[1}", "1 2", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"", "\xef\xbb\xbf{}", "NaN", "Infinity", "'a'", "//x\n1", "{\"a\":1}{", "\"\xe2\x82\"",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        if (valid(BAD[i]))
            fail_msg("taken: %s", BAD[i]);
    size_t at;
    assert_false(json_check(leat_slice_of("\"a\0b\"", 5), &at));
    assert_int_equal(at, 2);
}

static void check__every_strict_prefix_of_an_object_is_refused(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"a\":[1,2.5e3,{\"b\":\"\\u00e6\\\"x\"}],\"c\":{\"d\":[true,false,null]}}";
    size_t at;
    for (size_t len = 0; len < sizeof TEXT - 1; len++) {
        uint8_t *copy = malloc(len ? len : 1); /* of exactly this size, for the sanitizer */
        memcpy(copy, TEXT, len);
        assert_false(json_check(leat_slice_of(copy, len), &at));
        assert_true(at <= len);
        free(copy);
    }
    assert_true(valid(TEXT));
}

static void check__depth_is_bounded(void **state)
{
    (void)state;
    char text[2 * JSON_DEPTH_MAX + 8];
    for (int deep = JSON_DEPTH_MAX; deep <= JSON_DEPTH_MAX + 1; deep++) {
        memset(text, '[', (size_t)deep);
        text[deep] = '1';
        memset(text + deep + 1, ']', (size_t)deep);
        text[2 * deep + 1] = '\0';
        assert_int_equal(valid(text), deep == JSON_DEPTH_MAX);
    }
}

static uint64_t random_state = 1;

static unsigned draw(unsigned n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(random_state >> 33) % n;
}

static void check__agrees_with_jansson_on_random_texts(void **state)
{
    (void)state;
    static const char *const PIECES[] = {"{", "}", "[", "]", ",", ":", "\"a\"", "\"\"", "1", "-2.5", "true", "null",
                                         " ", "\"b\":", "{}", "[1]", "\"\\n\"", "x", "\"", "0", "2e-1", "\n"};
    size_t at, agreed = 0;
    for (int round = 0; round < 200000; round++) {
        char text[128] = "";
        for (unsigned n = draw(8); n; n--)
            at = strlen(text), snprintf(text + at, sizeof text - at, "%s", PIECES[draw(sizeof PIECES / sizeof *PIECES)]);
        json_t *other = json_loads(text, JSON_DECODE_ANY, NULL);
        if (valid(text) != (other != NULL))
            fail_msg("jansson %s: %s", other ? "takes" : "refuses", text);
        agreed += other != NULL;
        json_decref(other);
    }
    (void)at;
    assert_true(agreed > 1000);
}

static void expect_found(const char *text, const char *pointer, const char *expected)
{
    struct leat_slice found;
    bool there = json_find(leat_slice_text(text), pointer, &found);
    if (there != (expected != NULL) ||
        (there && !leat_slice_equal(found, leat_slice_text(expected))))
        fail_msg("%s of %s", pointer, text);
}

static void find__follows_pointers(void **state)
{
    (void)state;
    static const char TEXT[] = " {\"a\": [1, {\"b\" :\"x\"}, []], \"m~n\":2, \"s/t\":3, \"\":4, \"\\u0061b\":5 } ";
    expect_found(TEXT, "/a/0", "1");
    expect_found(TEXT, "/a/1/b", "\"x\"");
    expect_found(TEXT, "/a/1", "{\"b\" :\"x\"}");
    expect_found(TEXT, "/m~0n", "2");
    expect_found(TEXT, "/s~1t", "3");
    expect_found(TEXT, "/", "4");
    expect_found(TEXT, "/ab", "5");
    expect_found(TEXT, "/a/3", NULL);
    expect_found(TEXT, "/a/01", NULL);
    expect_found(TEXT, "/a/-", NULL);
    expect_found(TEXT, "/a/0/x", NULL);
    expect_found(TEXT, "a", NULL);
    expect_found("7", "", "7");
}

static void next__gives_elements_byte_for_byte(void **state)
{
    (void)state;
    static const char *const EXPECTED[] = {"1.50", "\"a,]\"", "{ \"x\" : [ 1 ] }", "[]", "null"};
    struct json_walk walk;
    struct leat_slice key, value;
    size_t n = 0;
    assert_true(json_walk(&walk, leat_slice_text(" [ 1.50 ,\"a,]\",{ \"x\" : [ 1 ] },[] , null\n]")));
    while (json_next(&walk, &key, &value))
        assert_true(leat_slice_equal(value, leat_slice_text(EXPECTED[n++])));
    assert_int_equal(n, 5);
    assert_false(json_walk(&walk, leat_slice_text("\"x\"")));
}

static void unquote__and_quote_are_opposites(void **state)
{
    (void)state;
    struct leat_buf plain, quoted;
    leat_buf_init(&plain, 1024);
    leat_buf_init(&quoted, 1024);
    json_unquote(leat_slice_text("\"a\\n\\u00e6\\ud83d\\ude00\\ud800x\\\\\\\"\""), &plain);
    assert_string_equal(leat_buf_text(&plain), "a\n\xc3\xa6\xf0\x9f\x98\x80\xef\xbf\xbdx\\\"");
    json_quote(&quoted, leat_buf_slice(&plain));
    assert_string_equal(leat_buf_text(&quoted),
                        "\"a\\u000a\xc3\xa6\xf0\x9f\x98\x80\xef\xbf\xbdx\\\\\\\"\"");
    assert_true(valid(leat_buf_text(&quoted)));
    leat_buf_release(&plain);
    leat_buf_release(&quoted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check__takes_what_the_grammar_has),
        cmocka_unit_test(check__refuses_everything_else),
        cmocka_unit_test(check__every_strict_prefix_of_an_object_is_refused),
        cmocka_unit_test(check__depth_is_bounded),
        cmocka_unit_test(check__agrees_with_jansson_on_random_texts),
        cmocka_unit_test(find__follows_pointers),
        cmocka_unit_test(next__gives_elements_byte_for_byte),
        cmocka_unit_test(unquote__and_quote_are_opposites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
