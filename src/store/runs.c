#include "store/runs.h"
#include "store/state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { CAPACITY_MIN = 1024, ROLL_SPARE_RUNS = 2 * LEAT_MERGE_FAN_IN };

void leat_runs_reset(struct leat_runs *r)
{
    r->off = false;
    memset(&r->now, 0, sizeof r->now);
    r->now.catalogue.newest = r->now.catalogue.next = 1;
    r->now.newest_next = 1;
}

void leat_runs_release(struct leat_runs *r)
{
    free(r->newest);
    free(r->sorted);
    free(r->scratch);
    r->newest = r->sorted = r->scratch = NULL;
    r->capacity = 0;
}

static bool table_grow(struct leat_run_entry **table, size_t capacity)
{
    struct leat_run_entry *grown = realloc(*table, capacity * sizeof *grown);
    if (grown)
        *table = grown;
    return grown != NULL;
}

static int reserve(struct leat_runs *r, size_t count)
{
    size_t capacity = r->capacity ? r->capacity : CAPACITY_MIN;
    while (capacity < count)
        capacity *= 2;
    if (capacity == r->capacity)
        return 0;
    if (!table_grow(&r->newest, capacity) || !table_grow(&r->sorted, capacity) ||
        !table_grow(&r->scratch, capacity))
        return ENOMEM;
    r->capacity = capacity;
    return 0;
}

/* --- the newest ----------------------------------------------------------------------------- */

/* The entries behind `from`, which came with this transaction. */
static int newest_put(struct leat_runs *r, struct leat_segment *segment, MDB_txn *txn, size_t from)
{
    struct leat_runs_state *s = &r->draft;
    struct leat_run_entry *added = r->newest + from;
    size_t count = s->newest_count - from, kept = 0;
    leat_run_entries_sort(added, r->scratch, count);
    for (size_t i = 0; i < count; i++) /* the same key of the same event twice is once */
        if (!kept || leat_run_entry_compare(added[kept - 1], added[i]) != 0)
            added[kept++] = added[i];
    s->newest_count = from + kept;
    int rc = 0;
    for (size_t i = 0; i < kept && !rc; i += LEAT_RUN_PAGE_ENTRIES) {
        uint8_t bytes[LEAT_RUN_PAGE_BYTES];
        size_t left = kept - i;
        struct leat_run_page page = {
            .run = LEAT_RUN_NEWEST, .index = (uint32_t)s->newest_next, .last = true};
        page.count = left < LEAT_RUN_PAGE_ENTRIES ? (uint32_t)left : LEAT_RUN_PAGE_ENTRIES;
        size_t len = leat_run_page_write(&page, added + i, bytes);
        rc = leat_env_put(txn, segment->db[LEAT_DB_RUNS], leat_key_newest(s->newest_next),
                          leat_slice_of(bytes, len), 0);
        s->newest_next++;
    }
    return rc;
}

static int newest_delete(struct leat_runs_state *s, struct leat_segment *segment, MDB_txn *txn)
{
    size_t all = SIZE_MAX;
    bool gone;
    s->catalogue.newest = s->newest_next;
    return leat_run_delete(segment, txn, LEAT_RUN_NEWEST, &all, &gone);
}

/* All newest into a run. The table stays as it is: the transaction may yet fail. */
static int flush(struct leat_runs *r, struct leat_segment *segment, MDB_txn *txn)
{
    struct leat_runs_state *s = &r->draft;
    struct leat_runs_catalogue *c = &s->catalogue;
    struct leat_run_writer out = {.run = c->next};
    size_t count = s->newest_count;
    int rc = 0;
    memcpy(r->sorted, r->newest, count * sizeof *r->sorted);
    leat_run_entries_sort(r->sorted, r->scratch, count);
    for (size_t i = 0; i < count && !rc; i++)
        rc = leat_run_writer_put(&out, segment, txn, r->sorted[i]);
    if (!rc)
        rc = leat_run_writer_end(&out, segment, txn);
    if (!rc)
        rc = newest_delete(s, segment, txn);
    c->runs[c->count++] = (struct leat_run){c->next++, 1, out.entries};
    s->newest_count = 0;
    s->changed = true;
    return rc;
}

/* --- a transaction
 * --------------------------------------------------------------------------------------------- */

int leat_runs_begin(struct leat_runs *r, size_t key_count)
{
    r->draft = r->now;
    r->draft.changed = false;
    return reserve(r, r->draft.newest_count + key_count);
}

void leat_runs_add(struct leat_runs *r, struct leat_run_entry entry)
{
    assert(r->draft.newest_count < r->capacity);
    r->newest[r->draft.newest_count++] = entry;
}

static bool flush_due(const struct leat_runs_state *s)
{
    return (s->newest_count >= LEAT_RUNS_NEWEST_ENTRIES ||
            s->newest_next - s->catalogue.newest >= LEAT_RUNS_NEWEST_PAGES) &&
           s->catalogue.count < LEAT_RUNS_MAX;
}

int leat_runs_end(struct leat_runs *r, struct leat_segment *segment, MDB_txn *txn)
{
    struct leat_runs_state *s = &r->draft;
    size_t before = r->now.newest_count, added = s->newest_count - before;
    int rc = flush_due(s) ? flush(r, segment, txn) : newest_put(r, segment, txn, before);
    if (!rc)
        rc = leat_runs_merge(s, segment, txn, added);
    if (!rc && s->changed)
        rc = leat_runs_catalogue_put(segment, txn, &s->catalogue);
    return rc;
}

void leat_runs_done(struct leat_runs *r)
{
    r->now = r->draft;
    if (!r->now.newest_count && r->capacity > 2 * LEAT_RUNS_NEWEST_ENTRIES)
        leat_runs_release(r); /* a commit far above the usual */
}

int64_t leat_runs_bytes(const struct leat_runs *r, size_t key_count)
{
    int64_t entries = (int64_t)(r->now.newest_count + 5 * key_count) + LEAT_RUNS_NEWEST_ENTRIES / 4;
    return key_count ? 2 * entries * LEAT_RUN_ENTRY_BYTES : 0;
}

bool leat_runs_roll_due(const struct leat_runs *r)
{
    return r->off || r->now.catalogue.count > LEAT_RUNS_MAX - ROLL_SPARE_RUNS;
}

/* --- seal ----------------------------------------------------------------------------------- */

static int seal_body(struct leat_store *store, MDB_txn *txn, void *arg)
{
    struct leat_runs *r = arg;
    int rc = leat_runs_begin(r, 0);
    if (!rc)
        rc = flush(r, store->active, txn);
    return rc ? rc : leat_runs_catalogue_put(store->active, txn, &r->draft.catalogue);
}

int leat_runs_seal(struct leat_store *store, struct leat_err *err)
{
    struct leat_runs *r = store->runs;
    if (r->off || !r->now.newest_count || r->now.catalogue.count == LEAT_RUNS_MAX)
        return LEAT_OK;
    int status =
        leat_store_transact(store, seal_body, r, leat_runs_bytes(r, 1), "seal look-up runs", err);
    if (!status)
        leat_runs_done(r);
    return status == LEAT_ERETRY ? LEAT_OK : status;
}

/* --- open ----------------------------------------------------------------------------------- */

static int newest_load(void *arg, const struct leat_run_page *page)
{
    struct leat_runs *r = arg;
    int rc = reserve(r, r->now.newest_count + page->count);
    for (uint32_t i = 0; i < page->count && !rc; i++)
        r->newest[r->now.newest_count++] = leat_run_page_entry(page, i);
    return rc;
}

static bool is_named(const struct leat_runs_catalogue *c, uint32_t run)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->runs[i].number == run)
            return true;
    return false;
}

/* Runs that were being written or deleted when the last writer went; those beyond the table wait
 * for the next. */
static int dead_find(struct leat_runs_state *s, struct leat_segment *segment, MDB_txn *txn)
{
    MDB_cursor *cursor;
    struct leat_slice key, value;
    struct leat_run_entry zero = {0, 0};
    uint32_t run = LEAT_RUN_NEWEST + 1;
    int rc = mdb_cursor_open(txn, segment->db[LEAT_DB_RUNS], &cursor);
    if (rc)
        return rc;
    while (run && s->dead_count < LEAT_RUNS_MAX - LEAT_MERGE_FAN_IN &&
           !(rc = leat_env_seek(cursor, leat_key_run(run, zero), &key, &value))) {
        run = leat_key_u32(key, 0);
        if (!is_named(&s->catalogue, run))
            s->dead[s->dead_count++] = run;
        if (run >= s->catalogue.next)
            s->catalogue.next = run + 1; /* its number is taken */
        run++;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int state_read(struct leat_runs *r, struct leat_segment *segment, MDB_txn *txn)
{
    int rc = leat_runs_catalogue_get(segment, txn, &r->now.catalogue);
    if (!rc)
        rc = leat_runs_newest_each(segment, txn, r->now.catalogue.newest, newest_load, r,
                                   &r->now.newest_next);
    return rc ? rc : dead_find(&r->now, segment, txn);
}

static int database_make(struct leat_store *store, MDB_txn *txn, void *arg)
{
    (void)arg;
    return mdb_dbi_open(txn, "runs", MDB_CREATE, &store->active->db[LEAT_DB_RUNS]);
}

/* Nothing is stored yet in a segment that an older leat began. */
static int database_add(struct leat_store *store, struct leat_err *err)
{
    if (store->next_sequence != store->active->head.first_sequence) {
        store->runs->off = true;
        return LEAT_OK;
    }
    int status = leat_store_transact(store, database_make, NULL, 0, "make its look-up runs", err);
    store->active->has_runs = !status;
    return status;
}

int leat_runs_open(struct leat_store *store, struct leat_err *err)
{
    struct leat_runs *r = store->runs;
    leat_runs_reset(r);
    if (!store->active->has_runs)
        return database_add(store, err);
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->active->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return leat_segment_fail(store->active, rc, "be read", err);
    rc = state_read(r, store->active, txn);
    mdb_txn_abort(txn);
    if (rc == MDB_CORRUPTED) { /* of no weight for what is to be written, if that is elsewhere */
        leat_runs_reset(r);
        r->off = true;
        return LEAT_OK;
    }
    return rc ? leat_segment_fail(store->active, rc, "read its look-up runs", err) : LEAT_OK;
}
