#include "store/run_cursor.h"

#include <errno.h>

int leat_run_cursor_open(struct leat_segment *segment, MDB_txn *txn, struct leat_run_cursor *c)
{
    c->cursor = NULL;
    c->end = true;
    return mdb_cursor_open(txn, segment->db[LEAT_DB_RUNS], &c->cursor);
}

void leat_run_cursor_close(struct leat_run_cursor *c)
{
    if (c->cursor)
        mdb_cursor_close(c->cursor);
    c->cursor = NULL;
}

/* The page under the cursor, which must be one of the run and lie under its own key. */
static int page_read(struct leat_run_cursor *c, struct leat_slice key, struct leat_slice value)
{
    if (value.len > sizeof c->bytes)
        return MDB_CORRUPTED;
    memcpy(c->bytes, value.ptr, value.len);
    if (!leat_run_page_read(leat_slice_of(c->bytes, value.len), &c->page) || c->page.run != c->run)
        return MDB_CORRUPTED;
    struct leat_key right = leat_key_run(c->run, leat_run_page_entry(&c->page, 0));
    return leat_slice_equal(key, leat_slice_of(right.bytes, right.len)) ? 0 : MDB_CORRUPTED;
}

static bool of_run(const struct leat_run_cursor *c, int rc, struct leat_slice key)
{
    return !rc && leat_key_u32(key, 0) == c->run;
}

/* The last page that begins at or before `entry`; the first of the run if all begin behind it. */
static int page_find(struct leat_run_cursor *c, struct leat_run_entry entry)
{
    struct leat_slice key, value;
    struct leat_key wanted = leat_key_run(c->run, entry);
    int rc = leat_env_seek(c->cursor, wanted, &key, &value);
    if (rc && rc != MDB_NOTFOUND)
        return rc;
    bool exact = !rc && leat_slice_equal(key, leat_slice_of(wanted.bytes, wanted.len));
    if (!exact) {
        int before = leat_env_move(c->cursor, rc ? MDB_LAST : MDB_PREV, &key, &value);
        if (before && before != MDB_NOTFOUND)
            return before;
        if (of_run(c, before, key))
            return page_read(c, key, value);
        rc =
            leat_env_seek(c->cursor, wanted, &key, &value); /* nothing of it is before: the first */
    }
    if (!of_run(c, rc, key))
        return rc && rc != MDB_NOTFOUND ? rc : MDB_CORRUPTED; /* a run has a page at least */
    rc = page_read(c, key, value);
    return !rc && !exact && c->page.index ? MDB_CORRUPTED : rc;
}

/* The page behind: it must begin where this one says. */
static int page_next(struct leat_run_cursor *c)
{
    struct leat_slice key, value;
    uint32_t index = c->page.index + 1;
    struct leat_key begins = leat_key_run(c->run, c->page.next);
    c->at = 0;
    if (c->page.last) {
        c->end = true;
        return 0;
    }
    int rc = leat_env_seek(c->cursor, begins, &key, &value);
    if (rc && rc != MDB_NOTFOUND)
        return rc;
    if (rc || !leat_slice_equal(key, leat_slice_of(begins.bytes, begins.len)))
        return MDB_CORRUPTED;
    rc = page_read(c, key, value);
    return !rc && c->page.index != index ? MDB_CORRUPTED : rc;
}

int leat_run_cursor_seek(struct leat_run_cursor *c, uint32_t run, struct leat_run_entry entry)
{
    c->run = run;
    c->end = false;
    int rc = page_find(c, entry);
    if (rc)
        return rc;
    c->at = leat_run_page_seek(&c->page, entry);
    /* Between two pages there is nothing: a page is missing if its fence is not above `entry`. */
    return c->at < c->page.count ? 0 : page_next(c);
}

int leat_run_cursor_next(struct leat_run_cursor *c)
{
    return ++c->at < c->page.count ? 0 : page_next(c);
}

int leat_run_delete(struct leat_segment *segment, MDB_txn *txn, uint32_t run, size_t *pages,
                    bool *ret_gone)
{
    MDB_cursor *cursor;
    struct leat_slice key, value;
    struct leat_run_entry zero = {0, 0};
    int rc = mdb_cursor_open(txn, segment->db[LEAT_DB_RUNS], &cursor);
    if (rc)
        return rc;
    for (*ret_gone = false; *pages && !*ret_gone && !rc; --*pages) {
        rc = leat_env_seek(cursor, leat_key_run(run, zero), &key, &value);
        *ret_gone = rc == MDB_NOTFOUND || (!rc && leat_key_u32(key, 0) != run);
        rc = *ret_gone ? 0 : rc ? rc : mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    return rc;
}

/* --- of a segment
 * ------------------------------------------------------------------------------------------- */

static struct leat_key catalogue_key(void)
{
    struct leat_key key = {.len = 4};
    memcpy(key.bytes, "runs", key.len);
    return key;
}

int leat_runs_catalogue_get(struct leat_segment *segment, MDB_txn *txn,
                            struct leat_runs_catalogue *ret_catalogue)
{
    struct leat_slice bytes;
    int rc = leat_env_get(txn, segment->db[LEAT_DB_INFO], catalogue_key(), &bytes);
    ret_catalogue->newest = ret_catalogue->next = 1;
    ret_catalogue->count = 0;
    if (rc)
        return rc == MDB_NOTFOUND ? 0 : rc;
    return leat_runs_catalogue_read(bytes, ret_catalogue) ? 0 : MDB_CORRUPTED;
}

int leat_runs_catalogue_put(struct leat_segment *segment, MDB_txn *txn,
                            const struct leat_runs_catalogue *catalogue)
{
    struct leat_buf buf;
    leat_buf_init(&buf, 64 + LEAT_RUNS_MAX * 32);
    leat_runs_catalogue_write(&buf, catalogue);
    int rc = buf.full ? ENOMEM
                      : leat_env_put(txn, segment->db[LEAT_DB_INFO], catalogue_key(),
                                     leat_buf_slice(&buf), 0);
    leat_buf_release(&buf);
    return rc;
}

static int newest_walk(MDB_cursor *cursor, uint64_t *number, leat_newest_fn each, void *arg)
{
    struct leat_slice key, value;
    struct leat_run_page page;
    int rc = leat_env_seek(cursor, leat_key_newest(*number), &key, &value);
    for (; !rc && leat_key_u32(key, 0) == LEAT_RUN_NEWEST;
         rc = leat_env_move(cursor, MDB_NEXT, &key, &value)) {
        if (leat_key_u64(key, 4) != *number || !leat_run_page_read(value, &page) ||
            page.run != LEAT_RUN_NEWEST || page.index != (uint32_t)*number)
            return MDB_CORRUPTED;
        ++*number;
        rc = each(arg, &page);
        if (rc)
            return rc;
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int leat_runs_newest_each(struct leat_segment *segment, MDB_txn *txn, uint64_t from,
                          leat_newest_fn each, void *arg, uint64_t *ret_next)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, segment->db[LEAT_DB_RUNS], &cursor);
    if (rc)
        return rc;
    *ret_next = from;
    rc = newest_walk(cursor, ret_next, each, arg);
    mdb_cursor_close(cursor);
    return rc;
}
