/*
 * Character sets against a server: tests/golden/mysql/charsets.tsv has what MariaDB takes each code
 * for. UTF-16 and UTF-32 are compared with iconv; collations with the server's list.
 */
#include "sources/mysql/charset.h"

#include "unit/outcome.h"

#include <iconv.h>

enum { ARENA_BYTES = 1 << 20 };

static struct my_charsets *sets;
static struct leat_arena arena;

static int begin(void **state)
{
    (void)state;
    leat_arena_init(&arena, ARENA_BYTES);
    return my_charsets_new(&sets, &err);
}

static int end(void **state)
{
    (void)state;
    my_charsets_free(sets);
    leat_arena_release(&arena);
    return 0;
}

static struct my_charset *named(const char *name)
{
    struct my_charset *c = my_charset_named(sets, leat_slice_text(name));
    assert_non_null(c);
    return c;
}

/* In memory of exactly its size; the result is NUL-terminated. */
static const char *converted(const char *set, const void *bytes, size_t len, int64_t replaced)
{
    static char result[4096];
    struct leat_slice text;
    int64_t count = 0;
    uint8_t *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    ok(my_charset_utf8(named(set), leat_slice_of(exact, len), &arena, &text, &count, &err));
    assert_true(text.len < sizeof result);
    memcpy(result, text.ptr, text.len);
    result[text.len] = '\0';
    free(exact);
    leat_arena_reset(&arena);
    assert_int_equal(count, replaced);
    return result;
}

#define CONVERTED(set, literal, replaced) converted(set, literal, sizeof(literal) - 1, replaced)

static void encode(uint32_t c, char to[5])
{
    char in[4] = {(char)(c >> 24), (char)(c >> 16), (char)(c >> 8), (char)c}, *from = in, *at = to;
    size_t in_left = 4, left = 4;
    iconv_t converter = iconv_open("UTF-8", "UTF-32BE");
    assert_true(iconv(converter, &from, &in_left, &at, &left) != (size_t)-1);
    iconv_close(converter);
    *at = '\0';
}

static void check_code(const char *set, const char *item)
{
    char bytes[4], expected[5];
    size_t len = strcspn(item, "=") / 2;
    for (size_t i = 0; i < len; i++) {
        char pair[3] = {item[2 * i], item[2 * i + 1], '\0'};
        bytes[i] = (char)strtoul(pair, NULL, 16);
    }
    encode((uint32_t)strtoul(item + 2 * len + 1, NULL, 16), expected);
    const char *got = converted(set, bytes, len, 0);
    if (strcmp(got, expected))
        fail_msg("%s: %s gave %s", set, item, got);
}

static void charset__every_code_is_the_servers(void **state)
{
    (void)state;
    FILE *file = fopen("tests/golden/mysql/charsets.tsv", "r");
    char *line = NULL;
    size_t capacity = 0, codes = 0, count = 0;
    assert_non_null(file);
    while (getline(&line, &capacity, file) > 0) {
        char *rest = line, *set = strsep(&rest, "\t"), *item;
        if (line[0] == '#')
            continue;
        rest[strcspn(rest, "\n")] = '\0';
        for (count++; (item = strsep(&rest, " ")); codes++)
            check_code(set, item);
    }
    free(line);
    fclose(file);
    assert_true(count == 32 && codes > 4000);
}

static void charset__collations_have_their_sets(void **state)
{
    (void)state;
    static const struct {
        uint32_t id;
        const char *name;
    } cases[] = {{8, "latin1"},    {63, "binary"},   {33, "utf8mb3"},   {45, "utf8mb4"},
                 {255, "utf8mb4"}, {323, "utf8mb4"}, {2304, "utf8mb4"}, {2048, "utf8mb3"},
                 {2600, "ucs2"},   {2900, "utf16"},  {3100, "utf32"},   {28, "gbk"},
                 {54, "utf16"},    {35, "ucs2"},     {1032, "latin1"},  {1069, "utf8mb4"},
                 {1084, "utf32"},  {56, "utf16le"},  {249, "gb18030"},  {608, "utf8mb4"},
                 {640, "ucs2"},    {672, "utf16"},   {736, "utf32"},    {97, "eucjpms"},
                 {1122, "eucjpms"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct my_charset *c = my_charset_of(sets, cases[i].id);
        assert_non_null(c);
        assert_string_equal(my_charset_name(c), cases[i].name);
        assert_ptr_equal(c, named(cases[i].name));
    }
    assert_null(my_charset_of(sets, 0));
    assert_null(my_charset_of(sets, 17));
    assert_null(my_charset_of(sets, 500));
    assert_null(my_charset_of(sets, UINT32_MAX));
    assert_null(my_charset_named(sets, leat_slice_text("klingon")));
    assert_ptr_equal(named("utf8"), named("utf8mb3"));
    assert_true(my_charset_is_binary(my_charset_of(sets, 63)));
    assert_false(my_charset_is_binary(named("ascii")));
}

static void charset__characters_have_their_longest_length(void **state)
{
    (void)state;
    assert_int_equal(my_charset_bytes_max(named("latin1")), 1);
    assert_int_equal(my_charset_bytes_max(named("gbk")), 2);
    assert_int_equal(my_charset_bytes_max(named("ucs2")), 2);
    assert_int_equal(my_charset_bytes_max(named("utf8mb3")), 3);
    assert_int_equal(my_charset_bytes_max(named("ujis")), 3);
    assert_int_equal(my_charset_bytes_max(named("utf8mb4")), 4);
    assert_int_equal(my_charset_bytes_max(named("utf16")), 4);
}

static void charset__captured_texts(void **state)
{
    (void)state;
    assert_string_equal(CONVERTED("latin1", "\xe9\x80", 0), "é€");
    assert_string_equal(CONVERTED("latin1", "\x81", 0), "\xc2\x81");
    assert_string_equal(CONVERTED("gbk", "\xd6\xd0\xce\xc4", 0), "中文");
    assert_string_equal(CONVERTED("utf16", "\xd8\x3d\xde\x00", 0), "😀");
    assert_string_equal(CONVERTED("utf16le", "\x3d\xd8\x00\xde", 0), "😀");
    assert_string_equal(CONVERTED("ucs2", "\0a\0b", 0), "ab");
    assert_string_equal(CONVERTED("utf32", "\0\x01\xf6\x00", 0), "😀");
    assert_string_equal(CONVERTED("gb18030", "\x81\x30\x81\x30", 0), "\xc2\x80");
    assert_string_equal(CONVERTED("big5", "x\xa1\x45y", 0), "x•y");
}

static void charset__valid_utf8_is_viewed(void **state)
{
    (void)state;
    const char text[] = "plain, été, 中文, 😀 and again plain";
    struct leat_slice in = leat_slice_text(text), out;
    int64_t replaced = 0;
    ok(my_charset_utf8(named("utf8mb4"), in, &arena, &out, &replaced, &err));
    assert_ptr_equal(out.ptr, text);
    assert_int_equal(out.len, in.len);
    in.len = 5;
    ok(my_charset_utf8(named("latin1"), in, &arena, &out, &replaced, &err));
    assert_ptr_equal(out.ptr, text);
    in = leat_slice_of("\xff\x00", 2);
    ok(my_charset_utf8(named("binary"), in, &arena, &out, &replaced, &err));
    assert_ptr_equal(out.ptr, in.ptr);
    assert_int_equal(replaced, 0);
}

static void charset__what_is_no_character_is_marked_and_counted(void **state)
{
    (void)state;
    assert_string_equal(CONVERTED("utf8mb4",
                                  "a\xff"
                                  "b",
                                  1),
                        "a\xef\xbf\xbd"
                        "b");
    assert_string_equal(CONVERTED("utf8mb4", "ok\xe4\xb8", 2), "ok\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(CONVERTED("ascii", "a\xe9", 1), "a\xef\xbf\xbd");
    assert_string_equal(CONVERTED("utf16", "\xd8\x3d\0a", 1), "\xef\xbf\xbd"
                                                              "a");
    assert_string_equal(CONVERTED("utf16", "\0a\0", 1), "a\xef\xbf\xbd");
    assert_string_equal(CONVERTED("utf32", "\0\x11\0\0\0\0\0z", 1), "\xef\xbf\xbdz");
    assert_string_equal(CONVERTED("gbk", "\xd6", 1), "\xef\xbf\xbd");
    assert_string_equal(CONVERTED("gbk", "\xff\x41", 1), "\xef\xbf\xbd"
                                                         "A");
    assert_string_equal(CONVERTED("ujis", "\x8f\xb0", 2), "\xef\xbf\xbd\xef\xbf\xbd");
}

/* iconv from UTF-8 to UTF-32 says what is valid. */
static void charset__utf8_is_valid_as_iconv_sees_it(void **state)
{
    (void)state;
    iconv_t converter = iconv_open("UTF-32LE", "UTF-8");
    srand(5);
    for (int round = 0; round < 200000; round++) {
        char bytes[4], *in = bytes, out[32], *to = out;
        size_t left = sizeof bytes, room = sizeof out;
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)(rand() % 4 ? 0x80 | rand() % 64 : rand());
        bytes[0] = (char)(0xc0 | rand() % 64);
        iconv(converter, NULL, NULL, NULL, NULL);
        (void)!iconv(converter, &in, &left, &to, &room);
        assert_int_equal(my_utf8_valid(leat_slice_of(bytes, sizeof bytes)), (size_t)(in - bytes));
    }
    iconv_close(converter);
}

static void charset__long_texts_are_measured(void **state)
{
    (void)state;
    enum { LENGTH = 100000 };
    char *text = malloc(LENGTH);
    struct leat_slice out;
    int64_t replaced = 0;
    assert_non_null(text);
    memset(text, '\xe9', LENGTH);
    ok(my_charset_utf8(named("latin1"), leat_slice_of(text, LENGTH), &arena, &out, &replaced,
                       &err));
    assert_int_equal(out.len, 2 * LENGTH);
    assert_int_equal(my_utf8_valid(out), out.len);
    leat_arena_reset(&arena);
    struct leat_arena small;
    leat_arena_init(&small, LENGTH);
    gives(LEAT_ELIMIT, my_charset_utf8(named("latin1"), leat_slice_of(text, LENGTH), &small, &out,
                                       &replaced, &err));
    leat_arena_release(&small);
    free(text);
}

static void charset__learnt_collations_count(void **state)
{
    (void)state;
    struct leat_slice out;
    int64_t replaced = 0;
    ok(my_charsets_learn(sets, 500, "latin2", &err));
    assert_ptr_equal(my_charset_of(sets, 500), named("latin2"));
    ok(my_charsets_learn(sets, 501, "KOI8-T",
                         &err)); /* no set of the server's, but iconv knows it */
    ok(my_charset_utf8(my_charset_of(sets, 501), leat_slice_text("\xc1"), &arena, &out, &replaced,
                       &err));
    assert_memory_equal(out.ptr, "а", 2);
    ok(my_charsets_learn(sets, 502, "klingon", &err));
    ok(my_charsets_learn(sets, 503, "klingon", &err));
    assert_ptr_equal(my_charset_of(sets, 502), my_charset_of(sets, 503));
    gives(LEAT_ECONFIG, my_charset_utf8(my_charset_of(sets, 502), leat_slice_text("\xc1"), &arena,
                                        &out, &replaced, &err));
    assert_text_has(err.text, "klingon");
    gives(LEAT_ELIMIT, my_charsets_learn(sets, 70000, "latin1", &err));
    my_charsets_free(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(charset__captured_texts),
        TEST(charset__collations_have_their_sets),
        TEST(charset__characters_have_their_longest_length),
        TEST(charset__every_code_is_the_servers),
        TEST(charset__valid_utf8_is_viewed),
        TEST(charset__what_is_no_character_is_marked_and_counted),
        TEST(charset__utf8_is_valid_as_iconv_sees_it),
        TEST(charset__long_texts_are_measured),
        TEST(charset__learnt_collations_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
