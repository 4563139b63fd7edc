/*
 * Any bytes as a page of a look-up run and as a catalogue. Their hash is put right, so that what stands behind it is
 * reached: what is taken is ascending, is written again as it was, and is searched as a list would be.
 */
#include "store/run.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_page(struct leat_slice bytes)
{
    static uint8_t again[LEAT_RUN_PAGE_BYTES];
    static struct leat_run_entry entries[LEAT_RUN_PAGE_ENTRIES];
    struct leat_run_page page;
    if (!leat_run_page_read(bytes, &page))
        return;
    require(page.count >= 1 && page.count <= LEAT_RUN_PAGE_ENTRIES);
    for (uint32_t i = 0; i < page.count; i++) {
        entries[i] = leat_run_page_entry(&page, i);
        require(!i || leat_run_entry_compare(entries[i - 1], entries[i]) < 0);
        require(leat_run_page_seek(&page, entries[i]) == i);
    }
    size_t again_len = leat_run_page_write(&page, entries, again);
    require(leat_slice_equal(bytes, leat_slice_of(again, again_len)));
}

static void check_catalogue(struct leat_slice bytes)
{
    static struct leat_runs_catalogue catalogue, back;
    struct leat_buf buf;
    if (!leat_runs_catalogue_read(bytes, &catalogue))
        return;
    require(catalogue.count <= LEAT_RUNS_MAX);
    leat_buf_init(&buf, 1 << 16);
    leat_runs_catalogue_write(&buf, &catalogue);
    require(!buf.full && leat_runs_catalogue_read(leat_buf_slice(&buf), &back));
    require(back.newest == catalogue.newest && back.next == catalogue.next && back.count == catalogue.count);
    for (uint32_t i = 0; i < back.count; i++)
        require(back.runs[i].number == catalogue.runs[i].number && back.runs[i].level == catalogue.runs[i].level &&
                back.runs[i].entries == catalogue.runs[i].entries);
    leat_buf_release(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct leat_buf buf;
    check_page(leat_slice_of(data, len));
    check_catalogue(leat_slice_of(data, len));
    leat_buf_init(&buf, len + 64);
    leat_buf_append(&buf, leat_slice_of(data, len));
    leat_checked_close(&buf);
    check_page(leat_buf_slice(&buf));
    check_catalogue(leat_buf_slice(&buf));
    leat_buf_release(&buf);
    return 0;
}
