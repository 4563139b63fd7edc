/*
 * The reader's one promise: no byte outside of the slice is touched, a short read gives zero and
 * marks the reader for good. Numbers are compared with bytes written down by hand, or made by
 * arithmetic other than the reader's own.
 */
#include <leat/reader.h>

#include "unit/outcome.h"

static struct leat_reader over(const void *bytes, size_t len)
{
    return leat_reader_of(leat_slice_of(bytes, len));
}

static void reader__reads_fixed_numbers_in_both_orders(void **state)
{
    (void)state;
    static const uint8_t BYTES[] = {0x01, 0x02, 0x01, 0x02, 0x03, 0x04, 1,    2,    3,    4,
                                    5,    6,    7,    8,    0x01, 0x02, 0x01, 0x02, 0x03, 0x04,
                                    1,    2,    3,    4,    5,    6,    7,    8,    9};
    struct leat_reader r = over(BYTES, sizeof BYTES);
    assert_int_equal(leat_reader_be16(&r), 0x0102);
    assert_int_equal(leat_reader_be32(&r), 0x01020304);
    assert_int_equal(leat_reader_be64(&r), 0x0102030405060708u);
    assert_int_equal(leat_reader_le16(&r), 0x0201);
    assert_int_equal(leat_reader_le32(&r), 0x04030201);
    assert_int_equal(leat_reader_le64(&r), 0x0807060504030201u);
    assert_false(leat_reader_done(&r));
    assert_int_equal(leat_reader_u8(&r), 9);
    assert_true(leat_reader_done(&r));
}

typedef uint64_t (*take_fn)(struct leat_reader *r);
static uint64_t take_u8(struct leat_reader *r)
{
    return leat_reader_u8(r);
}
static uint64_t take_be16(struct leat_reader *r)
{
    return leat_reader_be16(r);
}
static uint64_t take_be32(struct leat_reader *r)
{
    return leat_reader_be32(r);
}
static uint64_t take_be64(struct leat_reader *r)
{
    return leat_reader_be64(r);
}
static uint64_t take_le16(struct leat_reader *r)
{
    return leat_reader_le16(r);
}
static uint64_t take_le32(struct leat_reader *r)
{
    return leat_reader_le32(r);
}
static uint64_t take_le64(struct leat_reader *r)
{
    return leat_reader_le64(r);
}
static uint64_t take_varint(struct leat_reader *r)
{
    return leat_reader_varint(r);
}
static uint64_t take_zigzag(struct leat_reader *r)
{
    return (uint64_t)leat_reader_zigzag(r);
}
static uint64_t take_text(struct leat_reader *r)
{
    return leat_reader_text(r).len;
}
static uint64_t take_counted(struct leat_reader *r)
{
    return leat_reader_counted(r).len;
}
static uint64_t take_nine(struct leat_reader *r)
{
    return leat_reader_bytes(r, 9).len;
}

static const struct {
    take_fn take;
    size_t needs; /* bytes, when all of them are 0xff */
} READS[] = {{take_u8, 1},      {take_be16, 2}, {take_be32, 4}, {take_be64, 8},
             {take_le16, 2},    {take_le32, 4}, {take_le64, 8}, {take_varint, 11},
             {take_zigzag, 11}, {take_text, 9}, {take_nine, 9}, {take_counted, 11}};
enum { READS_COUNT = sizeof READS / sizeof *READS };

static void reader__short_read_yields_zero_and_is_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < READS_COUNT; i++) {
        for (size_t len = 0; len < READS[i].needs && len < 9; len++) {
            uint8_t *bytes =
                malloc(len ? len : 1); /* exact, so that a sanitizer sees one byte more */
            memset(bytes, 0xff, len);
            struct leat_reader r = over(bytes, len);
            assert_int_equal(READS[i].take(&r), 0);
            assert_true(r.bad);
            assert_false(leat_reader_done(&r));
            free(bytes);
        }
    }
}

static void reader__bad_sticks_for_every_read(void **state)
{
    (void)state;
    static const uint8_t BYTES[32] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0};
    for (size_t i = 0; i < READS_COUNT; i++) {
        struct leat_reader r = over(BYTES, sizeof BYTES);
        r.bad = true;
        assert_int_equal(READS[i].take(&r), 0);
        assert_true(r.bad);
        assert_ptr_equal(leat_reader_bytes(&r, 0).ptr, NULL);
    }
}

static void reader__over_nothing_is_done_at_once(void **state)
{
    (void)state;
    struct leat_reader r = leat_reader_of((struct leat_slice){NULL, 0});
    assert_true(leat_reader_done(&r));
    assert_int_equal(leat_reader_left(&r), 0);
    assert_int_equal(leat_reader_bytes(&r, 0).len, 0);
    assert_true(leat_reader_done(&r));
    assert_int_equal(leat_reader_u8(&r), 0);
    assert_true(r.bad);
}

static void reader__length_beyond_the_address_space_is_bad(void **state)
{
    (void)state;
    static const uint8_t BYTES[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0x01, 7,    7};
    struct leat_reader r = over(BYTES, sizeof BYTES);
    assert_int_equal(leat_reader_counted(&r).len, 0);
    assert_true(r.bad);
    r = over(BYTES, sizeof BYTES);
    assert_int_equal(leat_reader_bytes(&r, SIZE_MAX).len, 0);
    assert_true(r.bad);
}

/* By division, where the product shifts. */
static size_t by_division(uint64_t v, uint8_t *ret_bytes)
{
    size_t len = 0;
    for (; v / 128; v /= 128)
        ret_bytes[len++] = (uint8_t)(v % 128 + 128);
    ret_bytes[len++] = (uint8_t)v;
    return len;
}

static void reader__varint_comes_back_at_every_power_of_two(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int around = -1; around <= 1; around++) {
            uint64_t v = ((uint64_t)1 << bit) + (uint64_t)around;
            uint8_t bytes[10];
            size_t len = by_division(v, bytes);
            struct leat_reader r = over(bytes, len);
            assert_int_equal(leat_reader_varint(&r), v);
            assert_true(leat_reader_done(&r));
            for (size_t cut = 0; cut < len; cut++) {
                r = over(bytes, cut);
                assert_int_equal(leat_reader_varint(&r), 0);
                assert_true(r.bad);
            }
        }
    }
}

static void reader__varint_past_64_bits_is_bad(void **state)
{
    (void)state;
    uint8_t bytes[12];
    memset(bytes, 0xff, sizeof bytes);
    bytes[9] = 0x01; /* the 64th bit: the largest there is */
    struct leat_reader r = over(bytes, 10);
    assert_int_equal(leat_reader_varint(&r), UINT64_MAX);
    assert_true(leat_reader_done(&r));
    for (unsigned tenth = 2; tenth < 256; tenth++) { /* a 65th bit, or an eleventh byte */
        bytes[9] = (uint8_t)tenth;
        r = over(bytes, sizeof bytes);
        assert_int_equal(leat_reader_varint(&r), 0);
        assert_true(r.bad);
    }
    memset(bytes, 0x80, sizeof bytes); /* zeros without end */
    r = over(bytes, sizeof bytes);
    assert_int_equal(leat_reader_varint(&r), 0);
    assert_true(r.bad);
}

static void reader__zigzag_alternates_signs(void **state)
{
    (void)state;
    static const int64_t VALUES[] = {0, -1, 1, -2, 2, -64, 63, -65, 64, INT64_MAX, INT64_MIN};
    static const uint64_t CODES[] = {0, 1, 2, 3, 4, 127, 126, 129, 128, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) {
        uint8_t bytes[10];
        struct leat_reader r = over(bytes, by_division(CODES[i], bytes));
        assert_true(leat_reader_zigzag(&r) == VALUES[i]);
        assert_true(leat_reader_done(&r));
    }
}

static void reader__text_ends_at_its_nul(void **state)
{
    (void)state;
    struct leat_reader r = over("ab\0\0cd", 6);
    assert_true(leat_slice_equal(leat_reader_text(&r), LEAT_SLICE_LITERAL("ab")));
    assert_int_equal(leat_reader_text(&r).len, 0);
    assert_false(r.bad);
    assert_int_equal(leat_reader_text(&r).len, 0); /* "cd" has no NUL */
    assert_true(r.bad);
}

static void reader__counted_views_the_bytes_without_copy(void **state)
{
    (void)state;
    static const uint8_t BYTES[] = {3, 'a', 'b', 'c', 0};
    struct leat_reader r = over(BYTES, sizeof BYTES);
    struct leat_slice s = leat_reader_counted(&r);
    assert_ptr_equal(s.ptr, BYTES + 1);
    assert_int_equal(s.len, 3);
    assert_int_equal(leat_reader_counted(&r).len, 0);
    assert_true(leat_reader_done(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader__reads_fixed_numbers_in_both_orders),
        cmocka_unit_test(reader__short_read_yields_zero_and_is_bad),
        cmocka_unit_test(reader__bad_sticks_for_every_read),
        cmocka_unit_test(reader__over_nothing_is_done_at_once),
        cmocka_unit_test(reader__length_beyond_the_address_space_is_bad),
        cmocka_unit_test(reader__varint_comes_back_at_every_power_of_two),
        cmocka_unit_test(reader__varint_past_64_bits_is_bad),
        cmocka_unit_test(reader__zigzag_alternates_signs),
        cmocka_unit_test(reader__text_ends_at_its_nul),
        cmocka_unit_test(reader__counted_views_the_bytes_without_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
