/*
 * Readers' side of look-up runs: segment after segment, each in a short transaction of its own, of
 * which the end of the log tells how far the answer goes. The newest entries are looked through one
 * by one, which their number bounds; runs are searched.
 */
#include "store/lookup.h"

#include <leat/hash.h>

#include <stdlib.h>

enum { VALUE_BITS = 48 };
#define VALUE_MASK ((UINT64_C(1) << VALUE_BITS) - 1)

uint64_t leat_lookup_hash(uint32_t source_id, struct leat_slice name, struct leat_slice value)
{
    uint64_t of_name[2] = {source_id, leat_hash(name)};
    uint64_t prefix = leat_hash(leat_slice_of(of_name, sizeof of_name)) & ~VALUE_MASK;
    uint64_t of_value[2] = {prefix, leat_hash(value)};
    return prefix | (leat_hash(leat_slice_of(of_value, sizeof of_value)) & VALUE_MASK);
}

/* --- segments ------------------------------------------------------------------------------- */

struct look {
    struct leat_segment *segment;
    MDB_txn *txn;
    uint64_t end; /* behind the last event of the segment */
};

/* In a transaction; LMDB's numbers. Stops at the first that is not 0. */
typedef int (*look_fn)(void *arg, struct look *look);

static int damaged(const struct leat_segment *segment, int rc, struct leat_err *err)
{
    if (rc == MDB_CORRUPTED)
        return leat_fail_native(err, LEAT_EDATA, LEAT_DOMAIN_LMDB, rc,
                                "%s: its look-up runs are damaged", segment->name);
    leat_segment_fail(segment, rc, "be looked up in", err);
    return err->code = err->code == LEAT_ESTORE ? LEAT_EDATA : err->code;
}

static int end_read(struct look *l, struct leat_err *err)
{
    uint64_t sequence;
    struct leat_slice block;
    struct leat_block_header header;
    l->end = l->segment->head.first_sequence;
    int status = leat_segment_last(l->segment, l->txn, &sequence, &block, err);
    if (status)
        return status == LEAT_EOF ? LEAT_OK : status;
    status = leat_block_parse_header(block, &header, err);
    if (!status)
        l->end = header.sequence + header.count;
    return status;
}

static int look_at(struct leat_segment *segment, look_fn each, void *arg, struct leat_err *err)
{
    struct look l = {.segment = segment};
    int dead;
    int rc = mdb_txn_begin(segment->env, NULL, MDB_RDONLY, &l.txn);
    if (rc == MDB_READERS_FULL && mdb_reader_check(segment->env, &dead) == 0)
        rc = mdb_txn_begin(segment->env, NULL, MDB_RDONLY, &l.txn);
    if (rc)
        return damaged(segment, rc, err);
    int status = end_read(&l, err);
    rc = status ? 0 : each(arg, &l);
    mdb_txn_abort(l.txn);
    if (status == LEAT_ESTORE)
        status = err->code = LEAT_EDATA;
    return rc ? damaged(segment, rc, err) : status;
}

/* Each segment that may hold sequence `from` or what is behind it, in order, until `*stop`. */
static int segments_each(const char *dir, uint64_t from, look_fn each, void *arg, const bool *stop,
                         struct leat_err *err)
{
    struct leat_segment_list list;
    int status = leat_segment_list(dir, &list, err);
    if (status)
        return status;
    size_t i = 0;
    while (i + 1 < list.count && list.first[i + 1] <= from)
        i++;
    for (; i < list.count && !status && !*stop; i++) {
        struct leat_segment *segment;
        status = leat_segment_open(dir, list.first[i], false, 0, &segment, err);
        if (status == LEAT_EOF) { /* half-made, or gone by now */
            status = LEAT_OK;
            continue;
        }
        if (status)
            break;
        status = look_at(segment, each, arg, err);
        leat_segment_unref(segment);
    }
    free(list.first);
    return status == LEAT_ESTORE ? err->code = LEAT_EDATA : status;
}

typedef int (*run_fn)(void *arg, struct leat_run_cursor *cursor, const struct leat_run *run);

/* Everything that was noted in a segment: the newest page by page, then each run. */
static int runs_walk(struct look *l, leat_newest_fn newest, run_fn each, void *arg)
{
    struct leat_runs_catalogue catalogue;
    struct leat_run_cursor cursor;
    uint64_t ignored;
    int rc = leat_runs_catalogue_get(l->segment, l->txn, &catalogue);
    if (!rc)
        rc = leat_runs_newest_each(l->segment, l->txn, catalogue.newest, newest, arg, &ignored);
    if (!rc)
        rc = leat_run_cursor_open(l->segment, l->txn, &cursor);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < catalogue.count && !rc; i++)
        rc = each(arg, &cursor, &catalogue.runs[i]);
    leat_run_cursor_close(&cursor);
    return rc;
}

/* --- one hash ------------------------------------------------------------------------------- */

struct search {
    uint64_t hash, from;
    struct leat_store_found *found;
    uint64_t first; /* of the segment */
    bool stop;
};

/* Keeps the lowest LEAT_FOUND_MAX, in order. False: it is above all of them, and there is no room.
 */
static bool keep(struct leat_store_found *f, uint64_t sequence)
{
    if (f->count == LEAT_FOUND_MAX && f->sequences[f->count - 1] <= sequence)
        return false;
    size_t at = f->count < LEAT_FOUND_MAX ? f->count++ : LEAT_FOUND_MAX - 1;
    for (; at && f->sequences[at - 1] > sequence; at--)
        f->sequences[at] = f->sequences[at - 1];
    f->sequences[at] = sequence;
    return true;
}

/* Where what is wanted begins in this segment. */
static struct leat_run_entry wanted(const struct search *s)
{
    uint64_t events = s->from > s->first ? s->from - s->first : 0;
    return (struct leat_run_entry){s->hash, events > UINT32_MAX ? UINT32_MAX : (uint32_t)events};
}

static int newest_search(void *arg, const struct leat_run_page *page)
{
    struct search *s = arg;
    for (uint32_t i = leat_run_page_seek(page, wanted(s)); i < page->count; i++) {
        struct leat_run_entry e = leat_run_page_entry(page, i);
        if (e.hash != s->hash || !keep(s->found, s->first + e.event))
            break;
    }
    return 0;
}

static int run_search(void *arg, struct leat_run_cursor *c, const struct leat_run *run)
{
    struct search *s = arg;
    int rc = leat_run_cursor_seek(c, run->number, wanted(s));
    while (!rc && !c->end && leat_run_cursor_entry(c).hash == s->hash &&
           keep(s->found, s->first + leat_run_cursor_entry(c).event))
        rc = leat_run_cursor_next(c);
    return rc;
}

static int segment_search(void *arg, struct look *l)
{
    struct search *s = arg;
    struct leat_store_found *f = s->found;
    s->first = l->segment->head.first_sequence;
    if (l->end <= s->from)
        return 0;
    f->unknown = !l->segment->has_runs;
    int rc = f->unknown ? 0 : runs_walk(l, newest_search, run_search, s);
    f->next = f->count == LEAT_FOUND_MAX ? f->sequences[f->count - 1] + 1 : l->end;
    s->stop = f->unknown || f->count;
    return rc;
}

int leat_lookup_find(const char *dir, uint64_t hash, uint64_t from,
                     struct leat_store_found *ret_found, struct leat_err *err)
{
    ret_found->count = 0;
    ret_found->next = from;
    ret_found->unknown = false;
    struct search s = {.hash = hash, .from = from, .found = ret_found};
    return segments_each(dir, from, segment_search, &s, &s.stop, err);
}

/* --- all hashes of a name ---------------------------------------------------------------------- */

struct range {
    uint64_t low, high;
    leat_store_hash_fn each;
    void *arg;
};

static int newest_list(void *arg, const struct leat_run_page *page)
{
    const struct range *r = arg;
    for (uint32_t i = leat_run_page_seek(page, (struct leat_run_entry){r->low, 0}); i < page->count;
         i++) {
        uint64_t hash = leat_run_page_entry(page, i).hash;
        if (hash > r->high)
            break;
        r->each(r->arg, hash);
    }
    return 0;
}

static int run_list(void *arg, struct leat_run_cursor *c, const struct leat_run *run)
{
    const struct range *r = arg;
    int rc = leat_run_cursor_seek(c, run->number, (struct leat_run_entry){r->low, 0});
    for (; !rc && !c->end && leat_run_cursor_entry(c).hash <= r->high; rc = leat_run_cursor_next(c))
        r->each(r->arg, leat_run_cursor_entry(c).hash);
    return rc;
}

static int segment_hashes(void *arg, struct look *l)
{
    return l->segment->has_runs ? runs_walk(l, newest_list, run_list, arg) : 0;
}

int leat_lookup_hashes(const char *dir, uint64_t hash, uint64_t from, leat_store_hash_fn each,
                       void *arg, struct leat_err *err)
{
    bool never = false;
    struct range r = {hash & ~VALUE_MASK, hash | VALUE_MASK, each, arg};
    return segments_each(dir, from, segment_hashes, &r, &never, err);
}

/* --- check ---------------------------------------------------------------------------------- */

struct check {
    uint64_t entries;
    uint64_t events; /* of the segment */
};

static int newest_check(void *arg, const struct leat_run_page *page)
{
    struct check *c = arg;
    c->entries += page->count;
    for (uint32_t i = 0; i < page->count; i++)
        if (leat_run_page_entry(page, i).event >= c->events)
            return MDB_CORRUPTED;
    return 0;
}

static int run_check(void *arg, struct leat_run_cursor *cursor, const struct leat_run *run)
{
    struct check *c = arg;
    uint64_t entries = 0;
    int rc = leat_run_cursor_seek(cursor, run->number, (struct leat_run_entry){0, 0});
    for (; !rc && !cursor->end; rc = leat_run_cursor_next(cursor)) {
        if (leat_run_cursor_entry(cursor).event >= c->events)
            return MDB_CORRUPTED;
        entries++;
    }
    c->entries += entries;
    return !rc && entries != run->entries ? MDB_CORRUPTED : rc;
}

static int segment_check(void *arg, struct look *l)
{
    struct check *c = arg;
    c->events = l->end - l->segment->head.first_sequence;
    return l->segment->has_runs ? runs_walk(l, newest_check, run_check, c) : 0;
}

int leat_lookup_check(const char *dir, uint64_t *ret_entries, struct leat_err *err)
{
    bool never = false;
    struct check c = {.entries = 0};
    int status = segments_each(dir, 0, segment_check, &c, &never, err);
    *ret_entries = c.entries;
    return status;
}
