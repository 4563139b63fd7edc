/*
 * The pages and the catalogue of look-up runs: what is written is read, and nothing else is. Sorting against the
 * C library's.
 */
#include "store/run.h"

#include "store_support.h"

static uint64_t state_of_chance = 42;

static uint64_t draw(void)
{
    state_of_chance ^= state_of_chance << 13;
    state_of_chance ^= state_of_chance >> 7;
    state_of_chance ^= state_of_chance << 17;
    return state_of_chance;
}

static int compare(const void *a, const void *b)
{
    return leat_run_entry_compare(*(const struct leat_run_entry *)a, *(const struct leat_run_entry *)b);
}

static size_t ascending(struct leat_run_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct leat_run_entry){draw() >> (draw() % 60), (uint32_t)draw()};
    qsort(entries, count, sizeof *entries, compare);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!kept || compare(&entries[kept - 1], &entries[i]) != 0)
            entries[kept++] = entries[i];
    return kept;
}

static size_t page_bytes(uint32_t count, bool last, struct leat_run_entry *entries, uint8_t *ret_bytes)
{
    size_t kept = ascending(entries, count + 1);
    struct leat_run_page page = {.run = 7, .index = 3, .count = (uint32_t)kept - 1, .last = last,
                                 .next = entries[kept - 1]};
    return page.count ? leat_run_page_write(&page, entries, ret_bytes) : 0;
}

static void run__a_page_comes_back(void **state)
{
    (void)state;
    struct leat_run_entry entries[LEAT_RUN_PAGE_ENTRIES + 1];
    uint8_t bytes[LEAT_RUN_PAGE_BYTES];
    for (uint32_t count = 1; count <= LEAT_RUN_PAGE_ENTRIES; count++) {
        struct leat_run_page page;
        size_t len = page_bytes(count, count % 2, entries, bytes);
        if (!len)
            continue;
        assert_true(leat_run_page_read(leat_slice_of(bytes, len), &page));
        assert_int_equal(page.run, 7);
        assert_int_equal(page.index, 3);
        assert_int_equal(page.last, count % 2);
        for (uint32_t i = 0; i < page.count; i++) {
            struct leat_run_entry e = leat_run_page_entry(&page, i);
            assert_int_equal(leat_run_entry_compare(e, entries[i]), 0);
            assert_int_equal(leat_run_page_seek(&page, e), i);
            e.event++;
            assert_int_equal(leat_run_page_seek(&page, e), i + 1 - (i + 1 < page.count && compare(&e, &entries[i + 1]) > 0));
        }
    }
}

static void run__every_flipped_bit_and_every_cut_of_a_page_is_refused(void **state)
{
    (void)state;
    struct leat_run_entry entries[LEAT_RUN_PAGE_ENTRIES + 1];
    uint8_t bytes[LEAT_RUN_PAGE_BYTES + 1];
    struct leat_run_page page;
    size_t len = page_bytes(60, false, entries, bytes);
    assert_true(leat_run_page_read(leat_slice_of(bytes, len), &page));
    for (size_t bit = 0; bit < 8 * len; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(leat_run_page_read(leat_slice_of(bytes, len), &page));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < len; cut++)
        assert_false(leat_run_page_read(leat_slice_of(bytes, cut), &page));
    assert_false(leat_run_page_read(leat_slice_of(bytes, len + 1), &page));
}

static void run__entries_out_of_order_are_refused_under_a_right_hash(void **state)
{
    (void)state;
    struct leat_run_entry same[2] = {{5, 1}, {5, 1}}, falling[2] = {{5, 1}, {4, 9}};
    struct leat_run_page page = {.run = 1, .count = 2, .last = true}, back;
    uint8_t bytes[LEAT_RUN_PAGE_BYTES];
    size_t len = leat_run_page_write(&page, same, bytes);
    assert_false(leat_run_page_read(leat_slice_of(bytes, len), &back));
    len = leat_run_page_write(&page, falling, bytes);
    assert_false(leat_run_page_read(leat_slice_of(bytes, len), &back));
    page = (struct leat_run_page){.run = 1, .count = 1, .next = {5, 1}}; /* it says that it goes on with itself */
    len = leat_run_page_write(&page, same, bytes);
    assert_false(leat_run_page_read(leat_slice_of(bytes, len), &back));
}

static void run__sorting_is_what_the_library_does(void **state)
{
    (void)state;
    static struct leat_run_entry ours[5000], theirs[5000], scratch[5000];
    for (int round = 0; round < 200; round++) {
        size_t count = draw() % 5000;
        uint64_t mask = draw() % 2 ? UINT64_MAX : draw(); /* many equal bytes, many equal hashes */
        for (size_t i = 0; i < count; i++)
            ours[i] = theirs[i] = (struct leat_run_entry){draw() & mask, (uint32_t)i};
        leat_run_entries_sort(ours, scratch, count);
        qsort(theirs, count, sizeof *theirs, compare);
        assert_memory_equal(ours, theirs, count * sizeof *ours);
    }
}

static void run__a_catalogue_comes_back_and_none_that_was_hurt(void **state)
{
    (void)state;
    static struct leat_runs_catalogue c, back;
    struct leat_buf buf;
    leat_buf_init(&buf, 1 << 20);
    for (uint32_t count = 0; count <= LEAT_RUNS_MAX; count += 73) {
        c = (struct leat_runs_catalogue){.newest = draw(), .next = 1000000, .count = count};
        for (uint32_t i = 0; i < count; i++)
            c.runs[i] = (struct leat_run){1 + (uint32_t)(draw() % 999999), (uint8_t)(1 + draw() % 7), 1 + draw() % 99};
        leat_buf_reset(&buf);
        leat_runs_catalogue_write(&buf, &c);
        assert_true(leat_runs_catalogue_read(leat_buf_slice(&buf), &back));
        assert_int_equal(back.newest, c.newest);
        assert_int_equal(back.count, count);
        assert_memory_equal(back.runs, c.runs, count * sizeof *c.runs);
        buf.data[draw() % buf.len] ^= (uint8_t)(1 << draw() % 8);
        assert_false(leat_runs_catalogue_read(leat_buf_slice(&buf), &back));
    }
    leat_buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run__a_page_comes_back),
        cmocka_unit_test(run__every_flipped_bit_and_every_cut_of_a_page_is_refused),
        cmocka_unit_test(run__entries_out_of_order_are_refused_under_a_right_hash),
        cmocka_unit_test(run__sorting_is_what_the_library_does),
        cmocka_unit_test(run__a_catalogue_comes_back_and_none_that_was_hurt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
