/*
 * Readers by name, in <store>/meta.mdb: up to which sequence each has dealt with the stream.
 *
 *     readers  name → version u8 = 1, sequence u64, created_at_us i64, committed_at_us i64,
 *                     counted tenant, counted source, hash (layout.h)
 *
 * A cursor only moves forward (I3): a commit of what lies behind it changes nothing, so that a
 * repeated or late commit does no harm. Going back is dropping the reader. Commits are handed in
 * many at a time and share one transaction and one fsync.
 *
 * Order:   open → get, each, commit, drop … → close. Within the writer's process pass `store`: an
 *          environment is opened once per process. Other processes may change readers beside it.
 * Threads: any; LMDB's lock puts writers one behind the other. Blocks on disk in commit and drop.
 * Bounds:  LEAT_READERS_MAX readers.
 * Errors:  LEAT_ECONFIG no store, or no rights; LEAT_ERETRY no space; LEAT_EDATA a damaged record.
 */
#ifndef STORE_READERS_H
#define STORE_READERS_H

#include "store/store.h"

enum {
    LEAT_READERS_MAX = 1000,
    LEAT_READER_NAME_MAX = 64,
    LEAT_READER_SCOPE_MAX = 64,
    LEAT_READER_TOUCH_S = 3600, /* a commit that moves nothing is noted this often */
};

struct leat_named_reader {
    char name[LEAT_READER_NAME_MAX + 1];
    uint64_t sequence;                      /* of the last event it has dealt with; 0: none */
    char tenant[LEAT_READER_SCOPE_MAX + 1]; /* whose keys may use it: those limited likewise */
    char source[LEAT_READER_SCOPE_MAX + 1];
    int64_t created_at_us;
    int64_t committed_at_us; /* its last sign of life */
};

enum leat_reader_outcome {
    LEAT_READER_MOVED,
    LEAT_READER_STOOD,   /* it was there or further already */
    LEAT_READER_FOREIGN, /* its tenant or source are others */
    LEAT_READER_FULL,    /* a new name, and LEAT_READERS_MAX are there */
};

struct leat_reader_commit {
    struct leat_named_reader
        reader; /* name, sequence and scope are looked at; the rest is filled in */
    bool admin; /* whatever its scope */
    enum leat_reader_outcome outcome;
};

struct leat_readers;

/* 1 to LEAT_READER_NAME_MAX of A-Z a-z 0-9 . _ -, the first a letter or digit. */
bool leat_reader_name_valid(const char *name);

/* `store` NULL: another process than the writer's. */
int leat_readers_open(const char *path, struct leat_store *store, struct leat_readers **ret_readers,
                      struct leat_err *err) LEAT_MUST_CHECK;
void leat_readers_close(struct leat_readers *readers); /* accepts NULL */

/* LEAT_EOF: there is none of this name. */
int leat_readers_get(struct leat_readers *readers, const char *name,
                     struct leat_named_reader *ret_reader, struct leat_err *err) LEAT_MUST_CHECK;

/* Calls back for each, in the order of their names, in one short read transaction. */
typedef int (*leat_named_reader_fn)(void *arg, const struct leat_named_reader *reader,
                                    struct leat_err *err);
int leat_readers_each(struct leat_readers *readers, leat_named_reader_fn each, void *arg,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* Moves or makes them, in this order and all durable at once; the outcomes, and where each reader
 * stands now, are filled in. On failure none has moved. */
int leat_readers_commit(struct leat_readers *readers, struct leat_reader_commit *commits,
                        size_t count, struct leat_err *err) LEAT_MUST_CHECK;

/* Forgets one, durably. LEAT_EOF: there is none of this name. */
int leat_readers_drop(struct leat_readers *readers, const char *name,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* The least sequence that some reader has dealt with: what is behind it is still wanted. A reader
 * that gave no sign of life for `patience_ms` (0: however long) wants nothing any more. UINT64_MAX:
 * nobody wants anything. For retention. */
int leat_readers_oldest(struct leat_readers *readers, int64_t now_us, int64_t patience_ms,
                        uint64_t *ret_sequence, struct leat_err *err) LEAT_MUST_CHECK;

#endif
