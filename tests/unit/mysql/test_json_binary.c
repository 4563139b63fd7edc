/*
 * Binary JSON against an encoder of its own (json_build.h) and against texts that servers print:
 * doubles as MariaDB's SELECT prints them (the same code as MySQL's), opaque values by MySQL's
 * sources. Hostile documents must end as errors, quickly.
 */
#include "sources/mysql/json_binary.h"

#include "unit/mysql/json_build.h"
#include "unit/outcome.h"

enum { ARENA_BYTES = 8 << 20 };

static struct leat_arena arena;

static int begin(void **state)
{
    (void)state;
    leat_arena_init(&arena, ARENA_BYTES);
    return 0;
}

static int end(void **state)
{
    (void)state;
    leat_arena_release(&arena);
    return 0;
}

/* In memory of exactly its size. */
static int text_of(struct leat_slice binary, struct leat_slice *ret_text)
{
    uint8_t *exact = malloc(binary.len ? binary.len : 1);
    assert_non_null(exact);
    memcpy(exact, binary.ptr, binary.len);
    int status = my_json_text(leat_slice_of(exact, binary.len), &arena, ret_text, &err);
    free(exact); /* the text must not view it */
    return status;
}

static void check_text(struct leat_slice binary, const char *expected)
{
    struct leat_slice text;
    ok(text_of(binary, &text));
    if (text.len != strlen(expected) || memcmp(text.ptr, expected, text.len))
        fail_msg("%.*s is not %s", LEAT_SLICE_ARG(text), expected);
}

static void check_prefixes(struct leat_slice binary)
{
    struct leat_slice text;
    for (size_t len = 1; len < binary.len; len++) {
        leat_arena_reset(&arena);
        gives(LEAT_EPROTO, text_of(leat_slice_of(binary.ptr, len), &text));
    }
}

static void check_round(const char *text)
{
    for (int large = 0; large < 2; large++) {
        struct leat_buf binary;
        build_document(text, large, &binary);
        check_text(leat_buf_slice(&binary), text);
        check_prefixes(leat_buf_slice(&binary));
        leat_buf_release(&binary);
    }
}

static void json__every_node_type_is_printed(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "32767",
        "-32768",
        "65535",
        "65536",
        "-32769",
        "2147483647",
        "-2147483648",
        "4294967295",
        "4294967296",
        "-2147483649",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "1.5",
        "-0.25",
        "\"\"",
        "\"a\"",
        "\"中文 😀 é\"",
        "[]",
        "{}",
        "[1]",
        "[[]]",
        "[{}]",
        "[1, 70000, -70000, null, true, false, \"x\", 1.5, 5000000000]",
        "{\"a\": 1}",
        "{\"a\": {\"b\": [1, {\"c\": null}]}}",
        "{\"\": 0, \"a\": \"b\", \"c\": [\"d\"], \"aa\": 2, \"ab\": 3}",
        "\"quote \\\" backslash \\\\ slash / tab \\t\\b\\f\\n\\r "
        "\\u0000\\u0001\\u001f\\u000b\x7f\"",
        "{\"ke\\\"y\\n\": \"v\"}",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_round(cases[i]);
}

static void json__known_bytes(void **state)
{
    (void)state;
    static const uint8_t object[] = {0, 1, 0, 12, 0, 11, 0,
                                     1, 0, 5, 1,  0, 'a'}; /* as MySQL stores {"a": 1} */
    check_text(leat_slice_of(object, sizeof object), "{\"a\": 1}");
    check_text(leat_slice_of("", 0), "null");
}

static void json__bytes_behind_are_ignored(void **state)
{
    (void)state;
    static const uint8_t object[] = {0, 1, 0, 12, 0, 11, 0, 1, 0, 5, 1, 0, 'a', 'x', 'y'};
    check_text(leat_slice_of(object, sizeof object), "{\"a\": 1}");
}

static void json__long_strings_and_many_members(void **state)
{
    (void)state;
    static const size_t lengths[] = {127, 128, 16383, 16384, 60000};
    char *text = malloc(1 << 17);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct leat_buf binary;
        memset(text, 'x', lengths[i] + 2);
        text[0] = text[lengths[i] + 1] = '"';
        text[lengths[i] + 2] = '\0';
        build_document(text, false, &binary);
        check_text(leat_buf_slice(&binary), text);
        leat_buf_release(&binary);
    }
    size_t len = 0; /* numbers: the text is longer than the first guess */
    text[len++] = '[';
    for (int i = 0; i < 4000; i++)
        len += (size_t)snprintf(text + len, 16, i ? ", %d" : "%d", 60000 + i % 5000);
    memcpy(text + len, "]", 2);
    check_round("[60000, 60001, 60002, 60003, 60004, 60005, 60006, 60007, 60008, 60009, 60010, "
                "60011, 60012]");
    struct leat_buf binary;
    build_document(text, false, &binary);
    check_text(leat_buf_slice(&binary), text);
    leat_buf_release(&binary);
    free(text);
}

/* --- doubles ---------------------------------------------------------------------------------- */

static void check_double(double v, const char *expected)
{
    uint8_t binary[9] = {11};
    memcpy(binary + 1, &v, sizeof v);
    check_text(leat_slice_of(binary, sizeof binary), expected);
}

static void json__doubles_are_the_servers(void **state)
{
    (void)state;
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        {0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {0.1, "0.1"},
        {100, "100.0"},
        {1e14, "100000000000000.0"},
        {1e15, "1e15"},
        {999999999999999, "999999999999999.0"},
        {1234567890123456, "1.234567890123456e15"},
        {123456789012345.6, "123456789012345.6"},
        {123456789012345678e0, "1.2345678901234568e17"},
        {12345678901234567890e0, "1.2345678901234567e19"},
        {1e22, "1e22"},
        {1e100, "1e100"},
        {1e-5, "0.00001"},
        {1e-15, "0.000000000000001"},
        {-1e-15, "-0.000000000000001"},
        {1e-16, "1e-16"},
        {1.5e-17, "1.5e-17"},
        {1.7976931348623157e308, "1.7976931348623157e308"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {0x1p-1017, "7.120236347223045e-307"},
        {0x1p-1007, "7.291122019556398e-304"},
        {0x1p-808, "5.858190679279809e-244"},
        {0x1p-44, "0.00000000000005684341886080802"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {9007199254740993.0, "9.007199254740992e15"},
        {0.1 + 0.2, "0.30000000000000004"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_double(cases[i].v, cases[i].text);
}

static void json__doubles_read_back(void **state)
{
    (void)state;
    srand(3);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();
        uint8_t binary[9] = {11};
        struct leat_slice text;
        char copy[64];
        double v, back;
        memcpy(&v, &bits, sizeof v);
        if (v - v != 0) /* infinite, or no number */
            continue;
        memcpy(binary + 1, &bits, sizeof bits);
        ok(text_of(leat_slice_of(binary, sizeof binary), &text));
        snprintf(copy, sizeof copy, "%.*s", LEAT_SLICE_ARG(text));
        back = strtod(copy, NULL);
        assert_memory_equal(&back, &v, sizeof v);
        leat_arena_reset(&arena);
    }
}

/* --- opaque values ---------------------------------------------------------------------------- */

static void check_opaque(uint8_t type, const void *bytes, size_t len, const char *expected)
{
    uint8_t binary[400] = {15, type, (uint8_t)len};
    size_t head = 3;
    if (len > 127) {
        binary[2] = (uint8_t)(len | 0x80);
        binary[head++] = (uint8_t)(len >> 7);
    }
    memcpy(binary + head, bytes, len);
    check_text(leat_slice_of(binary, head + len), expected);
    check_prefixes(leat_slice_of(binary, head + len));
}

static int64_t packed(int year, int month, int day, int hour, int minute, int second, int us)
{
    int64_t v = ((int64_t)(year * 13 + month) << 5 | day) << 17 | hour << 12 | minute << 6 | second;
    return v << 24 | us;
}

static void json__opaque_values_are_the_servers(void **state)
{
    (void)state;
    int64_t date = packed(2015, 1, 15, 0, 0, 0, 0), moment = packed(2015, 1, 15, 23, 24, 25, 0);
    int64_t zero = 0, fraction = packed(9999, 12, 31, 23, 59, 59, 999999);
    int64_t time = (int64_t)(23 << 12 | 24 << 6 | 25) << 24,
            negative = -((int64_t)(838 << 12 | 59 << 6 | 1) << 24 | 5);
    check_opaque(10, &date, 8, "\"2015-01-15\"");
    check_opaque(12, &moment, 8, "\"2015-01-15 23:24:25.000000\"");
    check_opaque(7, &fraction, 8, "\"9999-12-31 23:59:59.999999\"");
    check_opaque(12, &zero, 8, "\"0000-00-00 00:00:00.000000\"");
    check_opaque(11, &time, 8, "\"23:24:25.000000\"");
    check_opaque(11, &negative, 8, "\"-838:59:01.000005\"");
    check_opaque(246, "\x0a\x03\x80\x00\x00\x7b\x01\xc8", 8, "123.456");
    check_opaque(246, "\x02\x02\xb2", 3, "0.50");
    check_opaque(253, "te\"xt", 5, "\"te\\\"xt\"");
    check_opaque(15, "foo", 3, "\"base64:type15:Zm9v\"");
    check_opaque(252, "\x00\xff", 2, "\"base64:type252:AP8=\"");
    check_opaque(16, "\x01", 1, "\"base64:type16:AQ==\"");
    check_opaque(252, "", 0, "\"base64:type252:\"");
}

static void json__base64_has_lines_of_76(void **state)
{
    (void)state;
    char bytes[200] = "", expected[400] = "\"base64:type252:";
    size_t at = strlen(expected);
    for (size_t i = 0; i < 272 / 4 - 1; i++) { /* 200 bytes are 66 groups and two thirds */
        if (i && i % 19 == 0)
            at += (size_t)snprintf(expected + at, 3, "\\n");
        at += (size_t)snprintf(expected + at, 5, i < 66 ? "AAAA" : "AAA=");
    }
    snprintf(expected + at, 2, "\"");
    check_opaque(252, bytes, sizeof bytes, expected);
}

/* --- hostile documents ------------------------------------------------------------------------ */

#define REFUSED(...)                                                                               \
    do {                                                                                           \
        const uint8_t bytes[] = {__VA_ARGS__};                                                     \
        struct leat_slice text;                                                                    \
        gives(LEAT_EPROTO, text_of(leat_slice_of(bytes, sizeof bytes), &text));                    \
    } while (0)

static void json__hostile_bytes_are_refused(void **state)
{
    (void)state;
    REFUSED(13); /* a type that nobody has */
    REFUSED(14, 0, 0);
    REFUSED(255, 0);
    REFUSED(4, 3);                                      /* a literal that nobody has */
    REFUSED(11, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f);          /* infinite */
    REFUSED(12, 0x80, 0x80, 0x80, 0x80, 0x80, 0);       /* a length of six bytes */
    REFUSED(12, 0xff, 0xff, 0xff, 0xff, 0x0f);          /* four gigabytes */
    REFUSED(2, 0, 0, 5, 0);                             /* a size past the end */
    REFUSED(2, 1, 0, 7, 0, 2, 0, 0);                    /* a child that is its parent */
    REFUSED(2, 1, 0, 7, 0, 12, 8, 0);                   /* an offset past the end */
    REFUSED(2, 1, 0, 7, 0, 12, 7, 0);                   /* at the end */
    REFUSED(2, 2, 0, 7, 0, 5, 0, 0);                    /* a head longer than its size */
    REFUSED(3, 0xff, 0xff, 0xff, 0xff, 8, 0, 0, 0);     /* four gigabytes of elements */
    REFUSED(0, 1, 0, 12, 0, 11, 0, 2, 0, 5, 1, 0, 'a'); /* a key past the end */
    REFUSED(0, 1, 0, 12, 0, 4, 0, 1, 0, 5, 1, 0, 'a');  /* a key in the head */
    REFUSED(15, 246, 3, 10, 3, 0x80);                   /* a decimal that is cut */
    REFUSED(15, 246, 2, 0, 0);
    REFUSED(15, 10, 7, 0, 0, 0, 0, 0, 0, 0);       /* a date of seven bytes */
    REFUSED(15, 12, 8, 0, 0, 0, 0, 0, 0, 0, 0x80); /* before all years */
}

static size_t nest(uint8_t *to, unsigned depth)
{
    size_t len = 0;
    for (unsigned i = 0; i < depth; i++, len += 7) {
        size_t size = 7 * (depth - i) - 3; /* the innermost is empty */
        const uint8_t level[7] = {i + 1 < depth, 0, (uint8_t)size, (uint8_t)(size >> 8), 2, 7, 0};
        memcpy(to + len, level, 7);
    }
    return len - 3;
}

static void json__depth_is_bounded(void **state)
{
    (void)state;
    uint8_t binary[1000] = {2};
    struct leat_slice text;
    size_t len = 1 + nest(binary + 1, MY_JSON_DEPTH_MAX);
    ok(text_of(leat_slice_of(binary, len), &text));
    assert_int_equal(text.len, 2 * MY_JSON_DEPTH_MAX);
    len = 1 + nest(binary + 1, MY_JSON_DEPTH_MAX + 1);
    gives(LEAT_EPROTO, text_of(leat_slice_of(binary, len), &text));
}

/* Each level names its one child twice: 2^40 values in four hundred bytes. */
static void json__shared_children_do_not_multiply(void **state)
{
    (void)state;
    enum { LEVELS = 40, LEVEL_BYTES = 10 };
    uint8_t binary[1 + LEVELS * LEVEL_BYTES] = {2};
    struct leat_slice text;
    for (unsigned i = 0; i < LEVELS; i++) {
        size_t size = LEVEL_BYTES * (LEVELS - i);
        const uint8_t level[LEVEL_BYTES] = {i + 1 < LEVELS ? 2 : 0,
                                            0,
                                            (uint8_t)size,
                                            (uint8_t)(size >> 8),
                                            2,
                                            LEVEL_BYTES,
                                            0,
                                            2,
                                            LEVEL_BYTES,
                                            0};
        memcpy(binary + 1 + i * LEVEL_BYTES, level, LEVEL_BYTES);
    }
    gives(LEAT_EPROTO, text_of(leat_slice_of(binary, sizeof binary), &text));
}

static void json__bad_utf8_is_replaced(void **state)
{
    (void)state;
    check_text(leat_slice_of("\x0c\x03"
                             "a\xff"
                             "b",
                             5),
               "\"a\xef\xbf\xbd"
               "b\"");
    check_text(leat_slice_of("\x0c\x01\xc3", 3), "\"\xef\xbf\xbd\"");
}

static void json__full_arena_is_a_limit(void **state)
{
    (void)state;
    struct leat_arena small;
    struct leat_slice text;
    leat_arena_init(&small, 80);
    gives(LEAT_ELIMIT, my_json_text(leat_slice_of("\x0c\x14"
                                                  "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1",
                                                  22),
                                    &small, &text, &err));
    leat_arena_release(&small);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(json__known_bytes),
        TEST(json__every_node_type_is_printed),
        TEST(json__bytes_behind_are_ignored),
        TEST(json__long_strings_and_many_members),
        TEST(json__doubles_are_the_servers),
        TEST(json__doubles_read_back),
        TEST(json__opaque_values_are_the_servers),
        TEST(json__base64_has_lines_of_76),
        TEST(json__hostile_bytes_are_refused),
        TEST(json__depth_is_bounded),
        TEST(json__shared_children_do_not_multiply),
        TEST(json__bad_utf8_is_replaced),
        TEST(json__full_arena_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
