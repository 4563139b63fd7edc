/*
 * A look-up run: a sorted array of (hash, event) in checked pages, and the catalogue of the runs of
 * a segment. Nothing here touches LMDB.
 *
 *     key of a page     run BE4, hash BE8, event BE4 of its first entry
 *     … of the newest   0 BE4, number BE8, 0 BE4
 *     page  offset  bytes
 *                0      4   magic "LER1"
 *                4      4   run; LEAT_RUN_NEWEST: no run holds it yet
 *                8      4   index of the page in its run, from 0; of the newest: its number
 *               12      4   count of entries, 1 to LEAT_RUN_PAGE_ENTRIES; bit 31: the run's last page
 *               16     12   the first entry of the next page; zeros in the last
 *               28      4   0
 *               32     12 × count   entries: hash LE8, event LE4, ascending, none twice
 *                      8   XXH3-64 of all bytes before
 *     catalogue  a checked record (layout.h): version u8 = 1, varint newest, varint next, varint
 *                count, and for each run: varint number, level u8, varint entries; hash
 *
 * A hash is 16 bits of source and name above 48 bits of the value (leat_lookup_hash), so what a
 * source noted under one name lies together. 48 bits are few enough for chance to meet, one in 28
 * million against a segment of ten million: who looks up reads the events and compares. An event is
 * its sequence less the segment's first.
 *
 * A page says where the next one begins, and a catalogue names every run: one that is lost is
 * noticed by the look-up that needs it, as is one whose bits were flipped, by its hash (I7).
 *
 * Ownership: what is read views the bytes it was read from. Threads: plain values.
 */
#ifndef STORE_RUN_H
#define STORE_RUN_H

#include "store/layout.h"

enum {
    LEAT_RUN_PAGE_BYTES = 4080, /* with LMDB's header a page of the file */
    LEAT_RUN_HEADER_BYTES = 32,
    LEAT_RUN_ENTRY_BYTES = 12,
    LEAT_RUN_PAGE_ENTRIES =
        (LEAT_RUN_PAGE_BYTES - LEAT_RUN_HEADER_BYTES - 8) / LEAT_RUN_ENTRY_BYTES,
    LEAT_RUN_NEWEST =
        0, /* in place of a run's number: what no run holds yet, a page or more a commit */
    LEAT_RUN_LEVELS = 8,
    LEAT_RUNS_MAX = 512, /* far above what merging leaves; a segment that has so many is rolled */
};

struct leat_run_entry {
    uint64_t hash;
    uint32_t event; /* sequence less the segment's first */
};

struct leat_run_page {
    uint32_t run, index, count;
    bool last;
    struct leat_run_entry next;
    struct leat_slice entries;
};

static inline int leat_run_entry_compare(struct leat_run_entry a, struct leat_run_entry b)
{
    return a.hash != b.hash ? (a.hash > b.hash) - (a.hash < b.hash)
                            : (a.event > b.event) - (a.event < b.event);
}

struct leat_key leat_key_run(uint32_t run, struct leat_run_entry first);
struct leat_key leat_key_newest(uint64_t number);

/* Writes the page with these entries; page->count of them, page->entries is not looked at. Returns
 * its bytes. */
size_t leat_run_page_write(const struct leat_run_page *page, const struct leat_run_entry *entries,
                           uint8_t ret_bytes[LEAT_RUN_PAGE_BYTES]);

/* False for anything that leat_run_page_write() does not write. */
bool leat_run_page_read(struct leat_slice bytes, struct leat_run_page *ret_page) LEAT_MUST_CHECK;

/* Trusts i < page->count. */
static inline struct leat_run_entry leat_run_page_entry(const struct leat_run_page *page,
                                                        uint32_t i)
{
    struct leat_run_entry e;
    memcpy(&e.hash, page->entries.ptr + (size_t)i * LEAT_RUN_ENTRY_BYTES, sizeof e.hash);
    memcpy(&e.event, page->entries.ptr + (size_t)i * LEAT_RUN_ENTRY_BYTES + sizeof e.hash,
           sizeof e.event);
    return e;
}

/* The first entry that is not below `entry`; page->count: there is none. */
uint32_t leat_run_page_seek(const struct leat_run_page *page, struct leat_run_entry entry);

/* Sorts by hash, keeping the order among equals; `scratch` is as long. */
void leat_run_entries_sort(struct leat_run_entry *entries, struct leat_run_entry *scratch,
                           size_t count);

/* --- catalogue
 * --------------------------------------------------------------------------------------------- */

struct leat_run {
    uint32_t number; /* from 1; a higher one is newer, or was merged later */
    uint8_t level;   /* how often its entries were merged */
    uint64_t entries;
};

struct leat_runs_catalogue {
    uint64_t newest; /* number of the first page that no run holds */
    uint32_t next;   /* first unused number of a run; from 1 */
    uint32_t count;
    struct leat_run runs[LEAT_RUNS_MAX]; /* in order of their making */
};

void leat_runs_catalogue_write(struct leat_buf *buf, const struct leat_runs_catalogue *catalogue);
bool leat_runs_catalogue_read(struct leat_slice bytes,
                              struct leat_runs_catalogue *ret_catalogue) LEAT_MUST_CHECK;

#endif
