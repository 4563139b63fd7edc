/*
 * Partial updates. Expected documents are what the server's JSON_SET, JSON_ARRAY_INSERT and
 * JSON_REMOVE give; the values go through binary JSON as in the log. The last test compares random
 * series of updates of a flat document with a plain array.
 */
#include "sources/mysql/json_binary.h"

#include "unit/mysql/json_build.h"
#include "unit/outcome.h"

enum { ARENA_BYTES = 4 << 20, REPLACE = 0, INSERT = 1, REMOVE = 2 };

static struct leat_arena arena;
static struct leat_buf diffs;

static int begin(void **state)
{
    (void)state;
    leat_arena_init(&arena, ARENA_BYTES);
    leat_buf_init(&diffs, BUILD_MAX);
    return 0;
}

static int end(void **state)
{
    (void)state;
    leat_buf_release(&diffs);
    leat_arena_release(&arena);
    return 0;
}

static void put_counted(struct leat_slice bytes)
{
    if (bytes.len < 251) {
        build_le(&diffs, bytes.len, 1);
    } else {
        build_le(&diffs, 0xfc, 1);
        build_le(&diffs, bytes.len, 2);
    }
    leat_buf_append(&diffs, bytes);
}

static void add(uint8_t op, const char *path, const char *value)
{
    build_le(&diffs, op, 1);
    put_counted(leat_slice_text(path));
    if (op != REMOVE) {
        struct leat_buf binary;
        build_document(value, false, &binary);
        put_counted(leat_buf_slice(&binary));
        leat_buf_release(&binary);
    }
}

/* Both inputs in memory of exactly their size. */
static int patch(const char *document, struct leat_slice bytes, struct leat_slice *ret_text)
{
    size_t len = strlen(document);
    uint8_t *d = malloc(len + 1), *b = malloc(bytes.len + 1), *exact_d = d + 1, *exact_b = b + 1;
    assert_true(d && b);
    memcpy(exact_d, document, len);
    memcpy(exact_b, bytes.ptr, bytes.len);
    int status = my_json_patch(leat_slice_of(exact_d, len), leat_slice_of(exact_b, bytes.len),
                               &arena, ret_text, &err);
    if (!status)
        *ret_text = leat_arena_copy(&arena, *ret_text);
    free(d);
    free(b);
    return status;
}

static void check(const char *document, uint8_t op, const char *path, const char *value,
                  const char *expected)
{
    struct leat_slice text;
    leat_buf_reset(&diffs);
    add(op, path, value);
    if (!expected) {
        gives(LEAT_EDATA, patch(document, leat_buf_slice(&diffs), &text));
        return;
    }
    ok(patch(document, leat_buf_slice(&diffs), &text));
    if (text.len != strlen(expected) || memcmp(text.ptr, expected, text.len))
        fail_msg("%s with %s is %.*s, not %s", document, path, LEAT_SLICE_ARG(text), expected);
}

static void patch__replaces_what_is_there(void **state)
{
    (void)state;
    check("{\"a\": 1}", REPLACE, "$.a", "2", "{\"a\": 2}");
    check("{\"a\": 1, \"b\": [1, 2]}", REPLACE, "$.b[1]", "{\"x\": null}",
          "{\"a\": 1, \"b\": [1, {\"x\": null}]}");
    check("[1, [2, 3], 4]", REPLACE, "$[1][0]", "\"z\"", "[1, [\"z\", 3], 4]");
    check("[1, 2, 3]", REPLACE, "$[last]", "9", "[1, 2, 9]");
    check("[1, 2, 3]", REPLACE, "$[last-2]", "9", "[9, 2, 3]");
    check("{\"k k\": {\"a\\\"b\": 1}}", REPLACE, "$.\"k k\".\"a\\\"b\"", "2",
          "{\"k k\": {\"a\\\"b\": 2}}");
    check("{\"é\": 1, \"日本\": 2}", REPLACE, "$.日本", "3", "{\"é\": 1, \"日本\": 3}");
    check("{\"\": 1}", REPLACE, "$.\"\"", "3", "{\"\": 3}");
    check("{\"\\u0001\\n\": 1}", REPLACE, "$.\"\\u0001\\n\"", "3", "{\"\\u0001\\n\": 3}");
    check("{\"a\": \"]}, \\\" [\", \"b\": 1}", REPLACE, "$.b", "2",
          "{\"a\": \"]}, \\\" [\", \"b\": 2}");
}

static void patch__untouched_numbers_keep_their_text(void **state)
{
    (void)state;
    check("{\"a\": 1e15, \"b\": 18446744073709551615, \"c\": 0.10, \"d\": 1}", REPLACE, "$.d", "2",
          "{\"a\": 1e15, \"b\": 18446744073709551615, \"c\": 0.10, \"d\": 2}");
    check("[1.0, 1e-16, 3]", REPLACE, "$[2]", "1.5", "[1.0, 1e-16, 1.5]");
}

static void patch__inserts_into_arrays(void **state)
{
    (void)state;
    check("[]", INSERT, "$[0]", "1", "[1]");
    check("[]", INSERT, "$[7]", "1", "[1]");
    check("[1, 2]", INSERT, "$[0]", "0", "[0, 1, 2]");
    check("[1, 2]", INSERT, "$[1]", "0", "[1, 0, 2]");
    check("[1, 2]", INSERT, "$[2]", "0", "[1, 2, 0]");
    check("[1, 2]", INSERT, "$[99]", "0", "[1, 2, 0]");
    check("[1, 2]", INSERT, "$[last]", "0", "[1, 0, 2]");
    check("{\"a\": 1, \"bb\": 3, \"cc\": [1, 2]}", INSERT, "$.cc[1]", "5",
          "{\"a\": 1, \"bb\": 3, \"cc\": [1, 5, 2]}");
}

static void patch__inserts_members_in_the_servers_order(void **state)
{
    (void)state;
    check("{}", INSERT, "$.a", "1", "{\"a\": 1}");
    check("{\"b\": 1}", INSERT, "$.a", "1", "{\"a\": 1, \"b\": 1}");
    check("{\"b\": 1}", INSERT, "$.c", "1", "{\"b\": 1, \"c\": 1}");
    check("{\"b\": 1, \"aa\": 1}", INSERT, "$.c", "2", "{\"b\": 1, \"c\": 2, \"aa\": 1}");
    check("{\"b\": 1, \"aa\": 1}", INSERT, "$.\"é\"", "2", "{\"b\": 1, \"aa\": 1, \"é\": 2}");
    check("{\"b\": 1}", INSERT, "$.\"\"", "2", "{\"\": 2, \"b\": 1}");
    check("{\"b\": 1}", INSERT, "$.\"\\n\\\"\"", "2", "{\"b\": 1, \"\\n\\\"\": 2}");
    check("{\"\\n\": 1, \"b\": 1}", INSERT, "$.a", "2", "{\"\\n\": 1, \"a\": 2, \"b\": 1}");
    check("{\"a\": {\"b\": {}}}", INSERT, "$.a.b.c", "[]", "{\"a\": {\"b\": {\"c\": []}}}");
}

static void patch__removes_with_the_comma(void **state)
{
    (void)state;
    check("[1]", REMOVE, "$[0]", NULL, "[]");
    check("[1, 2, 3]", REMOVE, "$[0]", NULL, "[2, 3]");
    check("[1, 2, 3]", REMOVE, "$[1]", NULL, "[1, 3]");
    check("[1, 2, 3]", REMOVE, "$[2]", NULL, "[1, 2]");
    check("[1, 2, 3]", REMOVE, "$[last]", NULL, "[1, 2]");
    check("{\"a\": 1}", REMOVE, "$.a", NULL, "{}");
    check("{\"a\": 1, \"b\": {\"c\": [1]}}", REMOVE, "$.a", NULL, "{\"b\": {\"c\": [1]}}");
    check("{\"a\": 1, \"b\": {\"c\": [1]}}", REMOVE, "$.b", NULL, "{\"a\": 1}");
    check("{\"a\": 1, \"b\": {\"c\": [1]}}", REMOVE, "$.b.c", NULL, "{\"a\": 1, \"b\": {}}");
}

static void patch__what_does_not_fit_is_an_error(void **state)
{
    (void)state;
    check("{\"a\": 1}", REPLACE, "$.b", "2", NULL);
    check("{\"a\": 1}", REMOVE, "$.b", NULL, NULL);
    check("{\"a\": 1}", INSERT, "$.a", "2", NULL);
    check("{\"a\": 1}", REPLACE, "$[0]", "2", NULL); /* no wrapping of what is no array */
    check("{\"a\": 1}", INSERT, "$.a[0]", "2", NULL);
    check("{\"a\": 1}", INSERT, "$.a.b", "2", NULL);
    check("{\"a\": 1}", INSERT, "$.b.c", "2", NULL);
    check("[1]", REPLACE, "$[1]", "2", NULL);
    check("[1]", REMOVE, "$[1]", NULL, NULL);
    check("[1]", REPLACE, "$[last-1]", "2", NULL);
    check("[1]", REPLACE, "$.a", "2", NULL);
    check("1", REPLACE, "$.a", "2", NULL);
    check("", REPLACE, "$.a", "2", NULL);
    check("{\"a\": 1", REPLACE, "$.b", "2", NULL); /* documents that are none */
    check("{\"a\" 1}", REPLACE, "$.a", "2", NULL);
    check("[1 2]", REPLACE, "$[1]", "2", NULL);
    check("[\"a]", REPLACE, "$[0]", "2", NULL);
    assert_text_has(err.text, "$[0]");
}

static void patch__broken_paths_and_diffs_are_malformed(void **state)
{
    (void)state;
    static const char *const paths[] = {"",
                                        "$",
                                        "a",
                                        ".a",
                                        "$a",
                                        "$.",
                                        "$[",
                                        "$[]",
                                        "$[a]",
                                        "$[1",
                                        "$[-1]",
                                        "$[last-]",
                                        "$.\"a",
                                        "$.a[",
                                        "$.\"\\u00zz\"",
                                        "$[99999999999999999999]",
                                        "$.a..b",
                                        "$*"};
    struct leat_slice text;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        leat_buf_reset(&diffs);
        add(REPLACE, paths[i], "1");
        gives(LEAT_EPROTO, patch("{\"a\": [1, 2, 3]}", leat_buf_slice(&diffs), &text));
    }
    gives(LEAT_EPROTO, patch("{}", leat_slice_of("\3\3$.a", 5), &text));
    gives(LEAT_EPROTO, patch("{\"a\": 1}", leat_slice_of("\0\3$.a\0", 6), &text));
    gives(LEAT_EPROTO, patch("{\"a\": 1}", leat_slice_of("\0\3$.a\1\x0d", 7), &text));
}

static void patch__every_prefix_is_an_error_or_fewer_diffs(void **state)
{
    (void)state;
    struct leat_slice text;
    add(REPLACE, "$.a", "\"text\"");
    size_t first = diffs.len;
    add(REMOVE, "$.b", NULL);
    for (size_t len = 1; len < diffs.len; len++)
        if (len != first)
            gives(LEAT_EPROTO,
                  patch("{\"a\": 1, \"b\": 2}", leat_slice_of(diffs.data, len), &text));
    ok(patch("{\"a\": 1, \"b\": 2}", leat_buf_slice(&diffs), &text));
    assert_int_equal(text.len, strlen("{\"a\": \"text\"}"));
    ok(patch("{\"a\": 1}", leat_slice_of("", 0), &text)); /* none at all: unchanged */
    assert_int_equal(text.len, 8);
}

static void patch__diffs_are_applied_in_order(void **state)
{
    (void)state;
    struct leat_slice text;
    static const char expected[] = "{\"n\": [0, {\"deep\": 1.0}], \"zz\": 5}";
    add(INSERT, "$.n", "[]");
    add(INSERT, "$.n[0]", "{\"deep\": 0}");
    add(INSERT, "$.n[0]", "0");
    add(REPLACE, "$.n[1].deep", "1.0");
    add(REMOVE, "$.a", NULL);
    ok(patch("{\"a\": [1, 2, 3], \"zz\": 5}", leat_buf_slice(&diffs), &text));
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

/* --- against a plain array -------------------------------------------------------------------- */

static void print_numbers(const int *numbers, size_t count, char *to)
{
    to += snprintf(to, 2, "[");
    for (size_t i = 0; i < count; i++)
        to += snprintf(to, 16, i ? ", %d" : "%d", numbers[i]);
    snprintf(to, 2, "]");
}

static void patch__random_updates_of_an_array(void **state)
{
    (void)state;
    srand(17);
    for (int round = 0; round < 300; round++) {
        int numbers[80] = {1, 2, 3};
        size_t count = 3;
        char document[2000], expected[2000], path[32], value[16];
        struct leat_slice text;
        leat_buf_reset(&diffs);
        leat_arena_reset(&arena);
        print_numbers(numbers, count, document);
        for (int i = 0; i < 40; i++) {
            size_t at = (size_t)rand() % (count + 1);
            int op = at == count ? INSERT : rand() % 3, v = rand() % 1000 - 500;
            snprintf(path, sizeof path, "$[%zu]", at);
            snprintf(value, sizeof value, "%d", v);
            add((uint8_t)op, path, value);
            if (op == INSERT)
                memmove(numbers + at + 1, numbers + at, (count++ - at) * sizeof *numbers);
            if (op == REMOVE)
                memmove(numbers + at, numbers + at + 1, (--count - at) * sizeof *numbers);
            else
                numbers[at] = v;
        }
        print_numbers(numbers, count, expected);
        ok(patch(document, leat_buf_slice(&diffs), &text));
        assert_int_equal(text.len, strlen(expected));
        assert_memory_equal(text.ptr, expected, text.len);
    }
}

static void patch__full_arena_is_a_limit(void **state)
{
    (void)state;
    struct leat_arena small;
    struct leat_slice text,
        document =
            leat_slice_text("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]");
    leat_arena_init(&small, 150);
    add(REPLACE, "$[0]", "1");
    gives(LEAT_ELIMIT, my_json_patch(document, leat_buf_slice(&diffs), &small, &text, &err));
    leat_arena_release(&small);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(patch__replaces_what_is_there),
        TEST(patch__untouched_numbers_keep_their_text),
        TEST(patch__inserts_into_arrays),
        TEST(patch__inserts_members_in_the_servers_order),
        TEST(patch__removes_with_the_comma),
        TEST(patch__what_does_not_fit_is_an_error),
        TEST(patch__broken_paths_and_diffs_are_malformed),
        TEST(patch__every_prefix_is_an_error_or_fewer_diffs),
        TEST(patch__diffs_are_applied_in_order),
        TEST(patch__random_updates_of_an_array),
        TEST(patch__full_arena_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
