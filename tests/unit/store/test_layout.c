/* Keys sort as their numbers do; small records come back, and no damaged one is believed. */
#include "store_support.h"

#include "store/layout.h"

static int order(struct leat_key a, struct leat_key b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int by_bytes = memcmp(a.bytes, b.bytes, len);
    return by_bytes ? by_bytes : (a.len > b.len) - (a.len < b.len);
}

static void key__bytes_sort_as_the_numbers(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0, 1, 255, 256, 65536, UINT32_MAX, (uint64_t)UINT32_MAX + 1,
                                       UINT64_MAX};
    for (size_t i = 1; i < sizeof numbers / sizeof *numbers; i++) {
        assert_true(order(leat_key_log(numbers[i - 1]), leat_key_log(numbers[i])) < 0);
        assert_true(order(leat_key_part(7, numbers[i - 1], 9), leat_key_part(7, numbers[i], 0)) <
                    0);
    }
    assert_true(order(leat_key_schema(1, UINT32_MAX), leat_key_schema(2, 0)) < 0);
    assert_true(order(leat_key_source(1), leat_key_schema(1, 0)) < 0);
    assert_true(order(leat_key_by_source(1, 255, 9), leat_key_by_source(1, 256, 1)) < 0);
}

static void key__numbers_come_back(void **state)
{
    (void)state;
    struct leat_key key = leat_key_part(0x01020304, 0x1112131415161718, 0x21222324);
    struct leat_slice bytes = leat_slice_of(key.bytes, key.len);
    assert_int_equal(key.len, 16);
    assert_int_equal(key.bytes[0], 1);
    assert_int_equal(leat_key_u32(bytes, 0), 0x01020304);
    assert_true(leat_key_u64(bytes, 4) == 0x1112131415161718);
    assert_int_equal(leat_key_u32(bytes, 12), 0x21222324);
    assert_int_equal(leat_key_u32(bytes, 13), 0);
}

static bool reads_offset(struct leat_slice bytes)
{
    struct leat_offset o;
    return leat_offset_read(bytes, &o);
}

static bool reads_head(struct leat_slice bytes)
{
    struct leat_segment_head h;
    return leat_segment_head_read(bytes, &h);
}

static bool reads_identity(struct leat_slice bytes)
{
    struct leat_identity i;
    return leat_identity_read(bytes, &i);
}

/* Every flip of a bit, every prefix and one byte more are refused. */
static void assert_damage_is_found(struct leat_buf *buf, bool (*reads)(struct leat_slice))
{
    assert_false(buf->full);
    assert_true(reads(leat_buf_slice(buf)));
    for (size_t bit = 0; bit < buf->len * 8; bit++) {
        buf->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(reads(leat_buf_slice(buf)));
        buf->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < buf->len; len++)
        assert_false(reads(leat_slice_of(buf->data, len)));
    leat_buf_append(buf, leat_slice_of("", 1));
    assert_false(reads(leat_buf_slice(buf)));
    leat_buf_release(buf);
}

static void offset__comes_back(void **state)
{
    (void)state;
    struct leat_offset in = {leat_slice_text("shop"), 1u << 20, 77, -4,
                             leat_slice_text("0/16B3748")};
    struct leat_offset out;
    struct leat_buf buf;
    leat_buf_init(&buf, 4096);
    leat_offset_write(&buf, &in);
    assert_true(leat_offset_read(leat_buf_slice(&buf), &out));
    assert_true(leat_slice_equal(in.instance, out.instance));
    assert_true(leat_slice_equal(in.token, out.token));
    assert_int_equal(out.part_next, 1u << 20);
    assert_int_equal(out.schema_next, 77);
    assert_int_equal(out.committed_at_us, -4);
    assert_damage_is_found(&buf, reads_offset);
}

static void segment_head__comes_back(void **state)
{
    (void)state;
    struct leat_segment_head in = {
        .first_sequence = 5, .previous_hash = UINT64_MAX, .created_at_us = 3};
    struct leat_segment_head out;
    struct leat_buf buf;
    noise(in.uuid, sizeof in.uuid, 4);
    leat_buf_init(&buf, 4096);
    leat_segment_head_write(&buf, &in);
    assert_true(leat_segment_head_read(leat_buf_slice(&buf), &out));
    assert_memory_equal(&in, &out, sizeof in);
    assert_damage_is_found(&buf, reads_head);
}

static void identity__comes_back(void **state)
{
    (void)state;
    struct leat_identity in = {.epoch = 9, .newest = 1001};
    struct leat_identity out;
    struct leat_buf buf;
    noise(in.uuid, sizeof in.uuid, 5);
    leat_buf_init(&buf, 4096);
    leat_identity_write(&buf, &in);
    assert_true(leat_identity_read(leat_buf_slice(&buf), &out));
    assert_memory_equal(&in, &out, sizeof in);
    assert_damage_is_found(&buf, reads_identity);
}

static void checked__a_newer_version_is_told_from_damage(void **state)
{
    (void)state;
    struct leat_buf buf;
    leat_buf_init(&buf, 64);
    leat_buf_append(&buf, leat_slice_of("\x02what is to come", 16));
    leat_checked_close(&buf);
    assert_true(leat_checked_newer(leat_buf_slice(&buf)));
    assert_false(reads_offset(leat_buf_slice(&buf)));
    buf.data[3] ^= 1;
    assert_false(leat_checked_newer(leat_buf_slice(&buf)));
    leat_buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key__bytes_sort_as_the_numbers),
        cmocka_unit_test(key__numbers_come_back),
        cmocka_unit_test(offset__comes_back),
        cmocka_unit_test(segment_head__comes_back),
        cmocka_unit_test(identity__comes_back),
        cmocka_unit_test(checked__a_newer_version_is_told_from_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
