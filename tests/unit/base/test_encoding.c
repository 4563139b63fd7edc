/* Conversions against texts written down in both encodings. */
#include <leat/encoding.h>

#include "unit/outcome.h"

static struct leat_arena arena;

static struct leat_slice convert(const char *encoding, struct leat_slice text,
                                 int64_t *ret_replaced)
{
    struct leat_encoding e;
    struct leat_slice got = {NULL, 0};
    ok(leat_encoding_open(&e, encoding, &err));
    ok(leat_encoding_utf8(&e, text, &arena, &got, ret_replaced, &err));
    leat_encoding_close(&e);
    return got;
}

static void gives_text(const char *encoding, struct leat_slice text, const char *expected,
                       int64_t expected_replaced)
{
    int64_t replaced = 0;
    struct leat_slice got = convert(encoding, text, &replaced);
    assert_true(leat_slice_equal(got, leat_slice_text(expected)));
    assert_int_equal(replaced, expected_replaced);
}

static void encoding__characters_of_one_two_and_four_bytes(void **state)
{
    (void)state;
    gives_text("CP1252", leat_slice_text("caf\xe9 \x80"), "café €", 0);
    gives_text("EUC-JP", leat_slice_text("\xc6\xfc\xcb\xdc"), "日本", 0);
    gives_text("UTF-16BE", leat_slice_of("\x00\x61\xd8\x3d\xde\x00", 6), "a😀", 0);
    gives_text("UTF-32BE", leat_slice_of("\x00\x00\x00\x61\x00\x01\xf6\x00", 8), "a😀", 0);
}

static void encoding__ascii_passes_only_where_it_means_itself(void **state)
{
    (void)state;
    struct leat_slice plain = leat_slice_text("plain");
    assert_ptr_equal(convert("CP1252", plain, NULL).ptr, plain.ptr);
    gives_text("UTF-16BE", leat_slice_of("\x00\x68\x00\x69", 4), "hi", 0);
}

static void encoding__what_is_no_character_is_marked_and_counted(void **state)
{
    (void)state;
    gives_text("EUC-JP",
               leat_slice_text("a\xff\xff"
                               "b"),
               "a\xef\xbf\xbd\xef\xbf\xbd"
               "b",
               2);
    gives_text("CP1252", leat_slice_text("\x81"), "\xef\xbf\xbd", 1);
}

static void encoding__unknown_names_are_the_operators_mistake(void **state)
{
    (void)state;
    struct leat_encoding e;
    gives(LEAT_ECONFIG, leat_encoding_open(&e, "KLINGON", &err));
    assert_text_has(err.text, "KLINGON");
}

static int setup(void **state)
{
    (void)state;
    leat_arena_init(&arena, 1 << 16);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    leat_arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoding__characters_of_one_two_and_four_bytes),
        cmocka_unit_test(encoding__ascii_passes_only_where_it_means_itself),
        cmocka_unit_test(encoding__what_is_no_character_is_marked_and_counted),
        cmocka_unit_test(encoding__unknown_names_are_the_operators_mistake),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
