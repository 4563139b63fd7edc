/* Slices compare by content; the empty slice may have no address. */
#include <leat/slice.h>

#include "unit/outcome.h"

static void slice__equality_is_of_content_and_length(void **state)
{
    (void)state;
    char copy[] = "order";
    assert_true(leat_slice_equal(LEAT_SLICE_LITERAL("order"), leat_slice_text(copy)));
    assert_false(leat_slice_equal(LEAT_SLICE_LITERAL("order"), LEAT_SLICE_LITERAL("orders")));
    assert_false(leat_slice_equal(LEAT_SLICE_LITERAL("orders"), LEAT_SLICE_LITERAL("order")));
    assert_false(leat_slice_equal(LEAT_SLICE_LITERAL("a\0b"), LEAT_SLICE_LITERAL("a\0c")));
}

static void slice__empty_ones_are_equal_wherever_they_point(void **state)
{
    (void)state;
    assert_true(leat_slice_equal(leat_slice_text(NULL), LEAT_SLICE_LITERAL("")));
    assert_true(leat_slice_equal(leat_slice_of("x", 0), leat_slice_text("")));
    assert_false(leat_slice_equal(leat_slice_text(NULL), LEAT_SLICE_LITERAL("x")));
    assert_int_equal(leat_slice_text(NULL).len, 0);
}

static void slice__literal_counts_inner_nuls_and_not_its_own(void **state)
{
    (void)state;
    assert_int_equal(LEAT_SLICE_LITERAL("a\0b").len, 3);
    assert_int_equal(leat_slice_text("a\0b").len, 1);
}

static void slice__prints_exactly_its_bytes(void **state)
{
    (void)state;
    char text[16];
    snprintf(text, sizeof text, "<%.*s>", LEAT_SLICE_ARG(leat_slice_of("orders", 5)));
    assert_string_equal(text, "<order>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slice__equality_is_of_content_and_length),
        cmocka_unit_test(slice__empty_ones_are_equal_wherever_they_point),
        cmocka_unit_test(slice__literal_counts_inner_nuls_and_not_its_own),
        cmocka_unit_test(slice__prints_exactly_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
