/* Blocks and parts: what goes in comes out, and no bit of what is stored can change unnoticed. */
#include "store_support.h"

#include <leat/hash.h>

static struct leat_block sealed(enum leat_compression compression, struct leat_slice raw)
{
    struct leat_compressor *c;
    struct leat_block block;
    struct leat_block_header header = {
        .count = 3, .source_id = 7, .min_time_us = -5, .max_time_us = 12, .ingested_at_us = 99};
    ok(leat_compressor_new(compression, 1, &c, &err));
    ok(leat_block_seal(c, raw, &header, &block, &err));
    leat_compressor_free(c);
    return block;
}

static void assert_round_trip(enum leat_compression asked, enum leat_compression kept,
                              struct leat_slice raw)
{
    struct leat_block block = sealed(asked, raw);
    uint64_t hash = leat_block_stamp(&block, 41, 0xfeed);
    struct leat_block_header h;
    struct leat_slice payload, out;
    struct leat_buf buf;
    leat_buf_init(&buf, LEAT_BLOCK_RAW_MAX);
    ok(leat_block_parse(leat_slice_of(block.bytes, block.len), &h, &payload, &err));
    ok(leat_block_open(&h, payload, &buf, &out, &err));
    assert_true(leat_slice_equal(raw, out));
    assert_int_equal(h.compression, kept);
    assert_int_equal(h.sequence, 41);
    assert_int_equal(h.previous_hash, 0xfeed);
    assert_int_equal(h.hash, hash);
    assert_int_equal(h.count, 3);
    assert_int_equal(h.source_id, 7);
    assert_int_equal(h.min_time_us, -5);
    assert_int_equal(h.max_time_us, 12);
    assert_int_equal(h.ingested_at_us, 99);
    leat_buf_release(&buf);
    free(block.bytes);
}

static struct leat_slice repeated(void)
{
    static uint8_t bytes[100000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = "leat carries water "[i % 19];
    return leat_slice_of(bytes, sizeof bytes);
}

static struct leat_slice noisy(size_t len)
{
    static uint8_t bytes[1 << 20];
    noise(bytes, len, 1);
    return leat_slice_of(bytes, len);
}

static void block__uncompressed_comes_back(void **state)
{
    (void)state;
    assert_round_trip(LEAT_COMPRESSION_NONE, LEAT_COMPRESSION_NONE, repeated());
}

static void block__zstd_comes_back_smaller(void **state)
{
    (void)state;
    assert_round_trip(LEAT_COMPRESSION_ZSTD, LEAT_COMPRESSION_ZSTD, repeated());
    struct leat_block block = sealed(LEAT_COMPRESSION_ZSTD, repeated());
    assert_true(block.len < 1000);
    free(block.bytes);
}

static void block__incompressible_is_kept_raw(void **state)
{
    (void)state;
    assert_round_trip(LEAT_COMPRESSION_ZSTD, LEAT_COMPRESSION_NONE, noisy(5000));
    assert_round_trip(LEAT_COMPRESSION_ZSTD, LEAT_COMPRESSION_NONE, leat_slice_text("x"));
}

static void block__fields_stand_where_the_header_says(void **state)
{
    (void)state;
    struct leat_block block = sealed(LEAT_COMPRESSION_NONE, leat_slice_text("payload"));
    leat_block_stamp(&block, 0x0102030405060708, 0x1112131415161718);
    static const uint8_t head[] = {'L', 'E', 'B', '1', 1, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1,
                                   3,   0,   0,   0,   7, 0, 0, 0, 7, 0, 0, 0, 7, 0, 0, 0};
    static const uint8_t previous[] = {0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11};
    assert_int_equal(block.len, 80 + 7);
    assert_memory_equal(block.bytes, head, sizeof head);
    assert_memory_equal(block.bytes + 64, previous, sizeof previous);
    assert_memory_equal(block.bytes + 80, "payload", 7);
    free(block.bytes);
}

static void assert_every_flip_is_found(enum leat_compression compression, struct leat_slice raw)
{
    struct leat_block block = sealed(compression, raw);
    leat_block_stamp(&block, 5, 6);
    struct leat_block_header h;
    struct leat_slice payload;
    for (size_t bit = 0; bit < block.len * 8; bit++) {
        block.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        fails(LEAT_EDATA,
              leat_block_parse(leat_slice_of(block.bytes, block.len), &h, &payload, &err));
        block.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    ok(leat_block_parse(leat_slice_of(block.bytes, block.len), &h, &payload, &err));
    free(block.bytes);
}

static void block__every_single_bit_flip_is_found(void **state)
{
    (void)state;
    struct leat_slice r = repeated();
    assert_every_flip_is_found(LEAT_COMPRESSION_NONE, leat_slice_of(r.ptr, 300));
    assert_every_flip_is_found(LEAT_COMPRESSION_ZSTD, leat_slice_of(r.ptr, 300));
}

static void block__every_prefix_and_extension_is_refused(void **state)
{
    (void)state;
    struct leat_slice r = repeated();
    struct leat_block block = sealed(LEAT_COMPRESSION_ZSTD, leat_slice_of(r.ptr, 500));
    leat_block_stamp(&block, 1, 0);
    struct leat_block_header h;
    struct leat_slice payload;
    for (size_t len = 0; len < block.len; len++) {
        uint8_t *cut =
            malloc(len + 1); /* of its own, so that a read too far is seen by the sanitizer */
        memcpy(cut, block.bytes, len);
        uint8_t *exact = realloc(cut, len ? len : 1);
        fails(LEAT_EDATA, leat_block_parse(leat_slice_of(exact, len), &h, &payload, &err));
        free(exact);
    }
    uint8_t *longer = malloc(block.len + 1);
    memcpy(longer, block.bytes, block.len);
    longer[block.len] = 0;
    fails(LEAT_EDATA, leat_block_parse(leat_slice_of(longer, block.len + 1), &h, &payload, &err));
    free(longer);
    free(block.bytes);
}

/* A right hash over impossible fields: what a forger or a bug of ours would store. */
static void assert_nonsense_is_refused(size_t at, uint8_t value)
{
    struct leat_block block = sealed(LEAT_COMPRESSION_NONE, leat_slice_text("payload"));
    leat_block_stamp(&block, 5, 6);
    block.bytes[at] = value;
    uint64_t hash = leat_hash(leat_slice_of(block.bytes, 72));
    memcpy(block.bytes + 72, &hash, sizeof hash);
    struct leat_block_header h;
    struct leat_slice payload;
    fails(LEAT_EDATA, leat_block_parse(leat_slice_of(block.bytes, block.len), &h, &payload, &err));
    free(block.bytes);
}

static void block__nonsense_under_a_right_hash_is_refused(void **state)
{
    (void)state;
    assert_nonsense_is_refused(0, 'X'); /* magic */
    assert_nonsense_is_refused(4, 2);   /* version */
    assert_nonsense_is_refused(5, 1);
    assert_nonsense_is_refused(6, 2);   /* compression */
    assert_nonsense_is_refused(7, 1);
    assert_nonsense_is_refused(8, 0);   /* sequence 0 */
    assert_nonsense_is_refused(16, 0);  /* count 0 */
    assert_nonsense_is_refused(24, 8);  /* raw length of an uncompressed payload */
    assert_nonsense_is_refused(27, 1);  /* raw length past the bound */
    assert_nonsense_is_refused(28, 6);  /* payload length */
}

static void block__unstamped_is_refused(void **state)
{
    (void)state;
    struct leat_block block = sealed(LEAT_COMPRESSION_NONE, leat_slice_text("payload"));
    struct leat_block_header h;
    struct leat_slice payload;
    fails(LEAT_EDATA, leat_block_parse(leat_slice_of(block.bytes, block.len), &h, &payload, &err));
    free(block.bytes);
}

/* Both hashes are right, but the zstd frame holds another number of bytes than the header says. */
static void block__wrong_raw_length_is_found_at_open(void **state)
{
    (void)state;
    struct leat_slice r = repeated();
    struct leat_block block = sealed(LEAT_COMPRESSION_ZSTD, r);
    leat_block_stamp(&block, 1, 0);
    struct leat_block_header h;
    struct leat_slice payload, out;
    struct leat_buf buf;
    leat_buf_init(&buf, LEAT_BLOCK_RAW_MAX);
    ok(leat_block_parse(leat_slice_of(block.bytes, block.len), &h, &payload, &err));
    h.raw_len = (uint32_t)r.len + 1;
    fails(LEAT_EDATA, leat_block_open(&h, payload, &buf, &out, &err));
    h.raw_len = (uint32_t)r.len - 1;
    fails(LEAT_EDATA, leat_block_open(&h, payload, &buf, &out, &err));
    buf.max = r.len - 1;
    h.raw_len = (uint32_t)r.len;
    leat_buf_release(&buf);
    leat_buf_init(&buf, r.len - 1);
    fails(LEAT_ELIMIT, leat_block_open(&h, payload, &buf, &out, &err));
    leat_buf_release(&buf);
    free(block.bytes);
}

static void block__bounds_are_named(void **state)
{
    (void)state;
    uint8_t *large = calloc(1, LEAT_BLOCK_RAW_MAX + 1);
    struct leat_block_header header = {.count = 1};
    struct leat_block block;
    fails(LEAT_ELIMIT, leat_block_seal(compressor(), leat_slice_of(large, LEAT_BLOCK_RAW_MAX + 1),
                                       &header, &block, &err));
    ok(leat_block_seal(compressor(), leat_slice_of(large, LEAT_BLOCK_RAW_MAX), &header, &block,
                       &err));
    free(block.bytes);
    header.count = 0;
    fails(LEAT_EBUG, leat_block_seal(compressor(), leat_slice_text("x"), &header, &block, &err));
    fails(LEAT_EBUG,
          leat_part_seal(compressor(), leat_slice_of(large, LEAT_PART_BYTES + 1), 0, &block, &err));
    free(large);
}

static void compressor__negative_levels_work(void **state)
{
    (void)state;
    struct leat_compressor *fast;
    struct leat_block block;
    struct leat_block_header header = {.count = 1};
    ok(leat_compressor_new(LEAT_COMPRESSION_ZSTD, -5, &fast, &err));
    ok(leat_block_seal(fast, repeated(), &header, &block, &err));
    assert_true(block.len < 5000);
    free(block.bytes);
    leat_compressor_free(fast);
    leat_compressor_free(NULL);
}

/* --- parts ------------------------------------------------------------------------------------ */

static void part__comes_back_behind_what_is_there(void **state)
{
    (void)state;
    struct leat_slice raws[] = {repeated(), noisy(LEAT_PART_BYTES), leat_slice_text("x")};
    for (size_t i = 0; i < 3; i++) {
        struct leat_block part;
        struct leat_buf buf;
        leat_buf_init(&buf, 2 << 20);
        leat_buf_append_text(&buf, "head");
        ok(leat_part_seal(compressor(), raws[i], 9, &part, &err));
        ok(leat_part_open(leat_slice_of(part.bytes, part.len), 9, &buf, &err));
        assert_int_equal(buf.len, 4 + raws[i].len);
        assert_memory_equal(buf.data, "head", 4);
        assert_memory_equal(buf.data + 4, raws[i].ptr, raws[i].len);
        leat_buf_release(&buf);
        free(part.bytes);
    }
}

static void part__every_single_bit_flip_is_found(void **state)
{
    (void)state;
    struct leat_block part;
    struct leat_buf buf;
    leat_buf_init(&buf, 2 << 20);
    ok(leat_part_seal(compressor(), leat_slice_of(repeated().ptr, 400), 2, &part, &err));
    for (size_t bit = 0; bit < part.len * 8; bit++) {
        part.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        fails(LEAT_EDATA, leat_part_open(leat_slice_of(part.bytes, part.len), 2, &buf, &err));
        assert_int_equal(buf.len, 0);
        part.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < part.len; len++)
        fails(LEAT_EDATA, leat_part_open(leat_slice_of(part.bytes, len), 2, &buf, &err));
    fails(LEAT_EDATA, leat_part_open(leat_slice_of(part.bytes, part.len), 3, &buf, &err));
    ok(leat_part_open(leat_slice_of(part.bytes, part.len), 2, &buf, &err));
    leat_buf_release(&buf);
    free(part.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block__uncompressed_comes_back),
        cmocka_unit_test(block__zstd_comes_back_smaller),
        cmocka_unit_test(block__incompressible_is_kept_raw),
        cmocka_unit_test(block__fields_stand_where_the_header_says),
        cmocka_unit_test(block__every_single_bit_flip_is_found),
        cmocka_unit_test(block__every_prefix_and_extension_is_refused),
        cmocka_unit_test(block__nonsense_under_a_right_hash_is_refused),
        cmocka_unit_test(block__unstamped_is_refused),
        cmocka_unit_test(block__wrong_raw_length_is_found_at_open),
        cmocka_unit_test(block__bounds_are_named),
        cmocka_unit_test(compressor__negative_levels_work),
        cmocka_unit_test(part__comes_back_behind_what_is_there),
        cmocka_unit_test(part__every_single_bit_flip_is_found),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    compressor_release();
    return failed;
}
