/*
 * The writer's side of look-up runs: what a commit notes goes, sorted, into pages of the same
 * transaction; what has gathered there becomes a run; runs are merged, a bounded piece with each
 * commit.
 *
 *     keys of a commit ─▶ newest pages ─(64 Ki entries, 2,048 pages, or the roll)─▶ run of level 1
 *         16 runs of a level ─(piece by piece)─▶ one of the next
 *                  └─▶ dead: their pages are deleted piece by piece
 *
 * All of it is in the transaction of the events, or not at all: a crash leaves pages of a run that
 * no catalogue names, which the next writer deletes like those of dead ones; a merge then begins
 * again. Nothing is rebuilt at
 * a start but the table of the newest entries, from their own pages. Each segment has its own runs
 * and they go with it: nothing is carried over at a roll, where the newest become a last run.
 *
 * Work with each commit, beside its own keys: MERGE_ENTRIES + 4 × its keys copied, and as many
 * pages deleted; once in 2,048 commits or 64 Ki entries the newest are sorted and written.
 *
 * A damaged page ends the merging of its level, no more: look-ups that need it say so, and the
 * segment is rolled early. So does a segment of a leat that knew no runs.
 *
 * Bounds:  three tables of 64 Ki entries and one commit's; nothing before the first key.
 * Threads: the committer's.
 * Errors:  LMDB's numbers inside a transaction.
 */
#ifndef STORE_RUNS_H
#define STORE_RUNS_H

#include "store/run_cursor.h"

enum {
    LEAT_RUNS_NEWEST_ENTRIES = 64 << 10, /* as many are looked through one by one … */
    LEAT_RUNS_NEWEST_PAGES = 2 << 10,    /* … in so many pages */
    LEAT_MERGE_FAN_IN = 16,
    LEAT_MERGE_LEVELS = LEAT_RUN_LEVELS - 1,
};

struct leat_run_writer {
    uint32_t run, index, pending;
    uint64_t entries;
    struct leat_run_entry page[LEAT_RUN_PAGE_ENTRIES];
};

struct leat_merge {
    bool given_up;  /* an input is damaged */
    uint32_t count; /* of inputs; 0: there is no merge */
    uint32_t inputs[LEAT_MERGE_FAN_IN];
    bool ended[LEAT_MERGE_FAN_IN];
    struct leat_run_entry next[LEAT_MERGE_FAN_IN]; /* of each, to be taken */
    struct leat_run_writer out;
};

/* What a transaction changes: memory follows when it was committed. */
struct leat_runs_state {
    bool changed; /* the catalogue */
    struct leat_runs_catalogue catalogue;
    uint64_t newest_next; /* number of the next newest page */
    size_t newest_count;
    uint32_t dead[LEAT_RUNS_MAX]; /* runs whose pages are to be deleted */
    uint32_t dead_count;
    struct leat_merge merges[LEAT_MERGE_LEVELS]; /* [l]: of runs of level l + 1 */
};

struct leat_runs {
    bool off; /* nothing can be noted in this segment: it is rolled as soon as may be */
    struct leat_runs_state now, draft;
    struct leat_run_entry *newest, *sorted,
        *scratch; /* `capacity` of each; `newest` as in the pages */
    size_t capacity;
};

struct leat_store;

/* Reads the state of the active segment. */
int leat_runs_open(struct leat_store *store, struct leat_err *err) LEAT_MUST_CHECK;
void leat_runs_release(struct leat_runs *runs);

/* A new segment is active: nothing is noted in it yet. */
void leat_runs_reset(struct leat_runs *runs);

/* Within a transaction: begin, add each key, end. A transaction without keys calls nothing. */
int leat_runs_begin(struct leat_runs *runs, size_t key_count);
void leat_runs_add(struct leat_runs *runs, struct leat_run_entry entry);
int leat_runs_end(struct leat_runs *runs, struct leat_segment *segment, MDB_txn *txn);

/* It was committed. */
void leat_runs_done(struct leat_runs *runs);

/* The newest become a run, in a transaction of their own, before the segment is sealed. No room for
 * it is no failure: they are found as they are. */
int leat_runs_seal(struct leat_store *store, struct leat_err *err) LEAT_MUST_CHECK;

/* A new segment would be better: this one is damaged, or too many runs could not be merged. */
bool leat_runs_roll_due(const struct leat_runs *runs);

/* About how many bytes a transaction with so many keys takes. */
int64_t leat_runs_bytes(const struct leat_runs *runs, size_t key_count);

/* --- merge.c -------------------------------------------------------------------------------- */

int leat_run_writer_put(struct leat_run_writer *w, struct leat_segment *segment, MDB_txn *txn,
                        struct leat_run_entry entry);
int leat_run_writer_end(struct leat_run_writer *w, struct leat_segment *segment, MDB_txn *txn);

/* A piece of the work that is to be done. */
int leat_runs_merge(struct leat_runs_state *state, struct leat_segment *segment, MDB_txn *txn,
                    size_t key_count);

#endif
