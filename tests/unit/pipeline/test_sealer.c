/* Blocks sealed beside us against the raw bytes that went in: all come back, in order. */
#include "pipeline/sealer.h"

#include "unit/event/event_model.h"

#include <leat/limits.h>

static struct leat_sealer *sealer;

static int setup(void **state)
{
    (void)state;
    return leat_sealer_new(LEAT_COMPRESSION_ZSTD, -3, &sealer, &err);
}

static int teardown(void **state)
{
    (void)state;
    leat_sealer_free(sealer);
    return 0;
}

/* Raw bytes that only this number has. */
static void fill(struct leat_buf *raw, uint32_t number)
{
    for (uint32_t i = 0; i < 2000 + number % 7 * 1000; i++) {
        uint32_t word = number * 2654435761u + i;
        leat_buf_append(raw, leat_slice_of(&word, sizeof word));
    }
}

static int put(uint32_t number)
{
    struct leat_buf raw;
    struct leat_block_header header = {.count = number + 1};
    leat_buf_init(&raw, LEAT_BLOCK_RAW_MAX);
    fill(&raw, number);
    int status = leat_sealer_put(sealer, &raw, &header, &err);
    if (status == LEAT_OK)
        assert_int_equal(raw.len, 0); /* taken */
    leat_buf_release(&raw);
    return status;
}

static void expect(uint32_t number)
{
    struct leat_block block;
    struct leat_buf raw, wanted;
    struct leat_block_header header;
    struct leat_slice payload, opened;
    leat_buf_init(&raw, LEAT_BLOCK_RAW_MAX);
    leat_buf_init(&wanted, LEAT_BLOCK_RAW_MAX);
    ok(leat_sealer_collect(sealer, &block, &err));
    leat_block_stamp(&block, number + 1, 0);
    ok(leat_block_parse(leat_slice_of(block.bytes, block.len), &header, &payload, &err));
    ok(leat_block_open(&header, payload, &raw, &opened, &err));
    fill(&wanted, number);
    assert_int_equal(header.count, number + 1);
    assert_true(leat_slice_equal(opened, leat_buf_slice(&wanted)));
    free(block.bytes);
    leat_buf_release(&raw);
    leat_buf_release(&wanted);
}

static void sealer__nothing_was_put(void **state)
{
    (void)state;
    struct leat_block block;
    gives(LEAT_EOF, leat_sealer_collect(sealer, &block, &err));
}

static void sealer__blocks_come_back_whole_and_in_order(void **state)
{
    (void)state;
    struct chance c = chance_of(71);
    uint32_t in = 0, out = 0;
    while (out < 2000) {
        int status = in < 2000 && below(&c, 3) ? put(in) : LEAT_AGAIN;
        in += status == LEAT_OK;
        if (status == LEAT_AGAIN && out < in)
            expect(out++);
    }
}

/* It says so when it holds as many as it may, and takes more when one was collected. */
static void sealer__is_bounded(void **state)
{
    (void)state;
    uint32_t in = 0;
    while (put(in) == LEAT_OK)
        assert_in_range(++in, 1, 64);
    expect(0);
    ok(put(in));
    for (uint32_t i = 1; i <= in; i++)
        expect(i);
}

static void sealer__what_was_not_collected_goes_with_it(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 10; i++)
        ok(put(i)); /* teardown frees it; the leak sanitizer looks */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sealer__nothing_was_put, setup, teardown),
        cmocka_unit_test_setup_teardown(sealer__blocks_come_back_whole_and_in_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(sealer__is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(sealer__what_was_not_collected_goes_with_it, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
