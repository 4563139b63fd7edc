/*
 * A buffer grows up to its maximum and not one byte further; what does not fit changes nothing, and
 * is remembered.
 */
#include <leat/buf.h>

#include <leat/reader.h>

#include "unit/outcome.h"

static void buf__fills_to_its_maximum_exactly(void **state)
{
    (void)state;
    for (size_t max = 0; max < 600; max += 7) {
        struct leat_buf b;
        leat_buf_init(&b, max);
        for (size_t i = 0; i < max; i++)
            leat_buf_append(&b, leat_slice_of("x", 1));
        assert_false(b.full);
        assert_int_equal(b.len, max);
        assert_true(b.capacity <= max);
        leat_buf_append(&b, leat_slice_of("y", 1));
        assert_true(b.full);
        assert_int_equal(b.len, max);
        leat_buf_release(&b);
    }
}

static void buf__full_sticks_until_reset(void **state)
{
    (void)state;
    struct leat_buf b;
    leat_buf_init(&b, 20);
    leat_buf_append_text(&b, "0123456789");
    leat_buf_append_text(&b, "01234567890");
    assert_true(b.full);
    leat_buf_append_text(&b, "a"); /* would fit, but the text would have a hole */
    leat_buf_format(&b, "%d", 1);
    leat_buf_append_varint(&b, 1);
    assert_int_equal(b.len, 10);
    assert_true(b.full);
    leat_buf_reset(&b);
    assert_false(b.full);
    leat_buf_append_text(&b, "a");
    assert_string_equal(leat_buf_text(&b), "a");
    leat_buf_release(&b);
}

static void buf__refused_reservation_changes_nothing(void **state)
{
    (void)state;
    struct leat_buf b;
    leat_buf_init(&b, 100);
    assert_true(leat_buf_reserve(&b, 10));
    leat_buf_raw(&b, "0123456789", 10);
    struct leat_buf before = b;
    assert_false(leat_buf_reserve(&b, 91));
    assert_false(leat_buf_reserve(&b, SIZE_MAX));
    assert_false(leat_buf_reserve(&b, SIZE_MAX - 9));
    assert_memory_equal(&b, &before, sizeof b);
    assert_true(leat_buf_reserve(&b, 90));
    assert_memory_equal(b.data, "0123456789", 10);
    leat_buf_release(&b);
}

static void buf__content_survives_growth(void **state)
{
    (void)state;
    struct leat_buf b;
    leat_buf_init(&b, 1 << 20);
    for (uint32_t i = 0; i < 100000; i++) {
        assert_true(leat_buf_reserve(&b, 4));
        leat_buf_le32(&b, i);
    }
    struct leat_reader r = leat_reader_of(leat_buf_slice(&b));
    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(leat_reader_le32(&r), i);
    assert_true(leat_reader_done(&r));
    leat_buf_release(&b);
}

static void buf__shrinks_to_what_is_kept_and_grows_again(void **state)
{
    (void)state;
    static const size_t KEEP[] = {4096, 300, 8, 4, 1, 0};
    for (size_t i = 0; i < sizeof KEEP / sizeof *KEEP; i++) {
        struct leat_buf b;
        leat_buf_init(&b, 1 << 20);
        assert_true(leat_buf_reserve(&b, 100000));
        size_t len = KEEP[i] < 4 ? KEEP[i] : 4;
        leat_buf_raw(&b, "keep", len);
        leat_buf_shrink(&b, KEEP[i]);
        assert_true(b.capacity <= KEEP[i]);
        assert_int_equal(b.len, len);
        leat_buf_append(&b, leat_slice_of("and more", 8));
        assert_false(b.full);
        assert_int_equal(b.len, len + 8);
        assert_memory_equal(b.data + len, "and more", 8);
        leat_buf_release(&b);
    }
}

static void buf__does_not_shrink_below_its_content(void **state)
{
    (void)state;
    struct leat_buf b;
    leat_buf_init(&b, 1000);
    leat_buf_append_text(&b, "0123456789");
    leat_buf_shrink(&b, 5);
    assert_true(b.capacity >= 10);
    assert_string_equal(leat_buf_text(&b), "0123456789");
    leat_buf_release(&b);
}

static void buf__varint_has_the_length_that_seven_bits_a_byte_need(void **state)
{
    (void)state;
    static const struct {
        uint64_t v;
        const char *bytes;
        size_t len;
    } CASES[] = {{0, "\0", 1},
                 {127, "\x7f", 1},
                 {128, "\x80\x01", 2},
                 {300, "\xac\x02", 2},
                 {16383, "\xff\x7f", 2},
                 {16384, "\x80\x80\x01", 3},
                 {UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct leat_buf b;
        leat_buf_init(&b, 64);
        leat_buf_append_varint(&b, CASES[i].v);
        assert_int_equal(b.len, CASES[i].len);
        assert_memory_equal(b.data, CASES[i].bytes, b.len);
        leat_buf_release(&b);
    }
}

static void buf__zigzag_and_counted_read_back(void **state)
{
    (void)state;
    static const int64_t VALUES[] = {0, -1, 1, INT64_MAX, INT64_MIN, -12345};
    struct leat_buf b;
    leat_buf_init(&b, 4096);
    for (size_t i = 0; i < 6; i++) {
        assert_true(leat_buf_reserve(&b, 10));
        leat_buf_zigzag(&b, VALUES[i]);
    }
    leat_buf_append_counted(&b, LEAT_SLICE_LITERAL("a\0b"));
    leat_buf_append_counted(&b, leat_slice_text(NULL));
    struct leat_reader r = leat_reader_of(leat_buf_slice(&b));
    for (size_t i = 0; i < 6; i++)
        assert_true(leat_reader_zigzag(&r) == VALUES[i]);
    assert_true(leat_slice_equal(leat_reader_counted(&r), LEAT_SLICE_LITERAL("a\0b")));
    assert_int_equal(leat_reader_counted(&r).len, 0);
    assert_true(leat_reader_done(&r));
    leat_buf_release(&b);
}

static void buf__format_needs_room_for_its_nul_and_does_not_count_it(void **state)
{
    (void)state;
    struct leat_buf b;
    leat_buf_init(&b, 8);
    leat_buf_format(&b, "%s-%d", "abc", 42);
    assert_int_equal(b.len, 6);
    assert_string_equal(leat_buf_text(&b), "abc-42");
    leat_buf_format(&b, "%s", "12");
    assert_true(b.full);
    assert_int_equal(b.len, 6);
    leat_buf_release(&b);
}

static void buf__text_without_room_for_a_nul_is_empty(void **state)
{
    (void)state;
    struct leat_buf b;
    leat_buf_init(&b, 4);
    leat_buf_append_text(&b, "abcd");
    assert_string_equal(leat_buf_text(&b), "");
    leat_buf_release(&b);
}

static void buf__release_twice_and_zeroed_is_fine(void **state)
{
    (void)state;
    struct leat_buf b = {0};
    leat_buf_release(&b);
    leat_buf_init(&b, 10);
    leat_buf_append_text(&b, "x");
    leat_buf_release(&b);
    leat_buf_release(&b);
    assert_null(b.data);
    assert_int_equal(leat_buf_slice(&b).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf__fills_to_its_maximum_exactly),
        cmocka_unit_test(buf__full_sticks_until_reset),
        cmocka_unit_test(buf__refused_reservation_changes_nothing),
        cmocka_unit_test(buf__content_survives_growth),
        cmocka_unit_test(buf__shrinks_to_what_is_kept_and_grows_again),
        cmocka_unit_test(buf__does_not_shrink_below_its_content),
        cmocka_unit_test(buf__varint_has_the_length_that_seven_bits_a_byte_need),
        cmocka_unit_test(buf__zigzag_and_counted_read_back),
        cmocka_unit_test(buf__format_needs_room_for_its_nul_and_does_not_count_it),
        cmocka_unit_test(buf__text_without_room_for_a_nul_is_empty),
        cmocka_unit_test(buf__release_twice_and_zeroed_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
