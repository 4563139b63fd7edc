/*
 * Walking through a run inside a transaction, page after page, each checked: its hash, its place in
 * the run, and that it begins where the page before said (I7).
 *
 * Order:   init → seek → next … until `end` → (seek again) → close. Valid within the transaction.
 * Errors:  LMDB's numbers; MDB_CORRUPTED for damage, MDB_NOTFOUND never.
 */
#ifndef STORE_RUN_CURSOR_H
#define STORE_RUN_CURSOR_H

#include "store/run.h"
#include "store/segment.h"

struct leat_run_cursor {
    MDB_cursor *cursor;
    uint32_t run;
    bool end; /* behind the last entry */
    struct leat_run_page page;
    uint32_t at; /* entry in the page */
    /* The page, copied out: what is put meanwhile may move it. */
    uint8_t bytes[LEAT_RUN_PAGE_BYTES];
};

int leat_run_cursor_open(struct leat_segment *segment, MDB_txn *txn,
                         struct leat_run_cursor *cursor);
void leat_run_cursor_close(struct leat_run_cursor *cursor); /* accepts a zeroed one */

/* To the first entry of the run that is not below `entry`. */
int leat_run_cursor_seek(struct leat_run_cursor *cursor, uint32_t run, struct leat_run_entry entry);
int leat_run_cursor_next(struct leat_run_cursor *cursor);

static inline struct leat_run_entry leat_run_cursor_entry(const struct leat_run_cursor *c)
{
    return leat_run_page_entry(&c->page, c->at);
}

/* Deletes pages of a run that no catalogue names any more, `*pages` at most; less what it deleted.
 * True in *ret_gone when none is left. */
int leat_run_delete(struct leat_segment *segment, MDB_txn *txn, uint32_t run, size_t *pages,
                    bool *ret_gone);

/* The catalogue of a segment; an empty one where nothing was ever noted. */
int leat_runs_catalogue_get(struct leat_segment *segment, MDB_txn *txn,
                            struct leat_runs_catalogue *ret_catalogue);

int leat_runs_catalogue_put(struct leat_segment *segment, MDB_txn *txn,
                            const struct leat_runs_catalogue *catalogue);

/* Calls back for each page that no run holds yet, in order. */
typedef int (*leat_newest_fn)(void *arg, const struct leat_run_page *page);
int leat_runs_newest_each(struct leat_segment *segment, MDB_txn *txn, uint64_t from,
                          leat_newest_fn each, void *arg, uint64_t *ret_next);

#endif
