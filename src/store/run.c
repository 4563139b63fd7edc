#include "store/run.h"

#include <leat/hash.h>
#include <leat/reader.h>

static const uint8_t MAGIC[4] = "LER1";

enum { LAST_BIT = 31, HASH_BYTES = 8, CATALOGUE_VERSION = 1 };

static struct leat_key key_of(uint32_t run, uint64_t hash, uint32_t event)
{
    struct leat_key key = {.len = 16};
    run = __builtin_bswap32(run);
    hash = __builtin_bswap64(hash);
    event = __builtin_bswap32(event);
    memcpy(key.bytes, &run, sizeof run);
    memcpy(key.bytes + 4, &hash, sizeof hash);
    memcpy(key.bytes + 12, &event, sizeof event);
    return key;
}

struct leat_key leat_key_run(uint32_t run, struct leat_run_entry first)
{
    return key_of(run, first.hash, first.event);
}

struct leat_key leat_key_newest(uint64_t number)
{
    return key_of(LEAT_RUN_NEWEST, number, 0);
}

/* --- pages ---------------------------------------------------------------------------------- */

static uint8_t *put(uint8_t *at, const void *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

static uint8_t *put_entry(uint8_t *at, struct leat_run_entry e)
{
    at = put(at, &e.hash, sizeof e.hash);
    return put(at, &e.event, sizeof e.event);
}

size_t leat_run_page_write(const struct leat_run_page *page, const struct leat_run_entry *entries,
                           uint8_t ret_bytes[LEAT_RUN_PAGE_BYTES])
{
    uint32_t count = page->count | (uint32_t)page->last << LAST_BIT, zero = 0;
    struct leat_run_entry none = {0, 0};
    uint8_t *at = put(ret_bytes, MAGIC, sizeof MAGIC);
    at = put(at, &page->run, sizeof page->run);
    at = put(at, &page->index, sizeof page->index);
    at = put(at, &count, sizeof count);
    at = put_entry(at, page->last ? none : page->next);
    at = put(at, &zero, sizeof zero);
    for (uint32_t i = 0; i < page->count; i++)
        at = put_entry(at, entries[i]);
    uint64_t hash = leat_hash(leat_slice_of(ret_bytes, (size_t)(at - ret_bytes)));
    at = put(at, &hash, sizeof hash);
    return (size_t)(at - ret_bytes);
}

static struct leat_run_entry read_entry(struct leat_reader *r)
{
    struct leat_run_entry e = {leat_reader_le64(r), 0};
    e.event = leat_reader_le32(r);
    return e;
}

/* Ascending within, and towards the next page. */
static bool ascends(const struct leat_run_page *page)
{
    struct leat_run_entry before = leat_run_page_entry(page, 0);
    for (uint32_t i = 1; i < page->count; i++) {
        struct leat_run_entry e = leat_run_page_entry(page, i);
        if (leat_run_entry_compare(before, e) >= 0)
            return false;
        before = e;
    }
    return page->last ? !page->next.hash && !page->next.event
                      : leat_run_entry_compare(before, page->next) < 0;
}

bool leat_run_page_read(struct leat_slice bytes, struct leat_run_page *ret_page)
{
    struct leat_slice content = {NULL, 0};
    if (bytes.len > LEAT_RUN_PAGE_BYTES || !leat_checked_open(bytes, &content))
        return false;
    struct leat_reader r = leat_reader_of(content);
    struct leat_run_page page = {.run = 0};
    bool right =
        leat_slice_equal(leat_reader_bytes(&r, sizeof MAGIC), leat_slice_of(MAGIC, sizeof MAGIC));
    page.run = leat_reader_le32(&r);
    page.index = leat_reader_le32(&r);
    page.count = leat_reader_le32(&r);
    page.last = page.count >> LAST_BIT;
    page.count &= ~(UINT32_C(1) << LAST_BIT);
    page.next = read_entry(&r);
    right &= leat_reader_le32(&r) == 0 && page.count >= 1 && page.count <= LEAT_RUN_PAGE_ENTRIES;
    if (!right)
        return false;
    page.entries = leat_reader_bytes(&r, (size_t)page.count * LEAT_RUN_ENTRY_BYTES);
    if (!leat_reader_done(&r) || !ascends(&page))
        return false;
    *ret_page = page;
    return true;
}

uint32_t leat_run_page_seek(const struct leat_run_page *page, struct leat_run_entry entry)
{
    uint32_t low = 0, high = page->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (leat_run_entry_compare(leat_run_page_entry(page, middle), entry) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* --- sorting -------------------------------------------------------------------------------- */

/* By counting, a byte of the hash at a time from the lowest: bytes that all have in common, as
 * those of source and name where there is one of each, cost one look. Comparing took five times as
 * long. */
void leat_run_entries_sort(struct leat_run_entry *entries, struct leat_run_entry *scratch,
                           size_t count)
{
    struct leat_run_entry *from = entries, *to = scratch;
    for (unsigned shift = 0; shift < 64 && count; shift += 8) {
        size_t starts[256] = {0}, at = 0;
        for (size_t i = 0; i < count; i++)
            starts[from[i].hash >> shift & 255]++;
        if (starts[from[0].hash >> shift & 255] == count)
            continue;
        for (unsigned b = 0; b < 256; b++) {
            size_t n = starts[b];
            starts[b] = at;
            at += n;
        }
        for (size_t i = 0; i < count; i++)
            to[starts[from[i].hash >> shift & 255]++] = from[i];
        struct leat_run_entry *swap = from;
        from = to;
        to = swap;
    }
    if (from != entries)
        memcpy(entries, from, count * sizeof *entries);
}

/* --- catalogue ------------------------------------------------------------------------------ */

static void put_u8(struct leat_buf *buf, uint8_t v)
{
    leat_buf_append(buf, leat_slice_of(&v, 1));
}

void leat_runs_catalogue_write(struct leat_buf *buf, const struct leat_runs_catalogue *c)
{
    put_u8(buf, CATALOGUE_VERSION);
    leat_buf_append_varint(buf, c->newest);
    leat_buf_append_varint(buf, c->next);
    leat_buf_append_varint(buf, c->count);
    for (uint32_t i = 0; i < c->count; i++) {
        leat_buf_append_varint(buf, c->runs[i].number);
        put_u8(buf, c->runs[i].level);
        leat_buf_append_varint(buf, c->runs[i].entries);
    }
    leat_checked_close(buf);
}

static bool read_run(struct leat_reader *r, uint64_t next, struct leat_run *ret_run)
{
    uint64_t number = leat_reader_varint(r);
    uint8_t level = leat_reader_u8(r);
    uint64_t entries = leat_reader_varint(r);
    *ret_run = (struct leat_run){(uint32_t)number, level, entries};
    return number && number < next && level && level < LEAT_RUN_LEVELS && entries;
}

bool leat_runs_catalogue_read(struct leat_slice bytes, struct leat_runs_catalogue *ret_catalogue)
{
    struct leat_slice content = {NULL, 0};
    bool right = leat_checked_open(bytes, &content);
    struct leat_reader r = leat_reader_of(content);
    right &= leat_reader_u8(&r) == CATALOGUE_VERSION;
    uint64_t newest = leat_reader_varint(&r);
    uint64_t next = leat_reader_varint(&r);
    uint64_t count = leat_reader_varint(&r);
    if (!right || r.bad || !next || next > UINT32_MAX || count > LEAT_RUNS_MAX)
        return false;
    struct leat_run *runs = ret_catalogue->runs;
    for (uint64_t i = 0; i < count && right; i++)
        right = read_run(&r, next, &runs[i]);
    ret_catalogue->newest = newest;
    ret_catalogue->next = (uint32_t)next;
    ret_catalogue->count = (uint32_t)count;
    return right && leat_reader_done(&r);
}
