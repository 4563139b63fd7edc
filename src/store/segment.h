/*
 * A segment: one LMDB environment that holds a run of the log. The newest is written, the others
 * are sealed.
 *
 *     create ──▶ half-made ──finish──▶ ready ──(a newer one is ready)──▶ sealed ──▶ unlinked
 *
 * A half-made segment has no "ready" record. Its writer deletes it at the next open, readers pass
 * over it; the record is put by the last transaction of finish(), together with the end of what was
 * carried over.
 *
 * LMDB must not open a file twice in one process (closing one drops the other's file locks), so all
 * open segments of the process stand in one list, found by device and inode and counted; open and
 * unref hold its lock while LMDB opens or closes. A reader in the writer's process thus gets the
 * writer's environment. Entries inherited over fork are passed over.
 *
 * Order:    create → finish, or open; then transactions on env with db[]; unref.
 * Threads:  any for open and unref; `env`, `db` and `head` do not change while a reference is held.
 * Errors:   LEAT_EOF: there is no such segment, or it is half-made. Others as in env.h.
 */
#ifndef STORE_SEGMENT_H
#define STORE_SEGMENT_H

#include "store/env.h"

#include <sys/types.h>

enum leat_db {
    LEAT_DB_LOG,
    LEAT_DB_OFFSETS,
    LEAT_DB_SCHEMAS,
    LEAT_DB_PARTS,
    LEAT_DB_BY_SOURCE,
    LEAT_DB_INFO,
    LEAT_DB_RUNS, /* last: an older leat did not make it */
    LEAT_DB_COUNT
};

enum { LEAT_SEGMENT_NAME_BYTES = 32 };

struct leat_segment {
    MDB_env *env;
    MDB_dbi db[LEAT_DB_COUNT];
    struct leat_segment_head head;
    char name[LEAT_SEGMENT_NAME_BYTES]; /* what errors call it: "seg-….mdb" */
    bool writable;
    bool has_runs; /* else it is of an older leat, and nothing is known of what its events are found by */

    struct leat_segment *next; /* the process's list, under its lock */
    unsigned refs;
    dev_t device;
    ino_t inode;
    pid_t owner;
};

/* First sequences of the segment files in a directory, ascending; free(first). */
struct leat_segment_list {
    uint64_t *first;
    size_t count;
};
int leat_segment_list(const char *dir, struct leat_segment_list *ret_list, struct leat_err *err)
    LEAT_MUST_CHECK;

/* A new environment with empty databases; the file must not exist. */
int leat_segment_create(const char *dir, const struct leat_segment_head *head, int64_t map_bytes,
                        struct leat_segment **ret_segment, struct leat_err *err) LEAT_MUST_CHECK;

/* Carries offsets and schemas over from `older` (NULL: nothing), marks it ready and makes its name
 * durable. */
int leat_segment_finish(struct leat_segment *segment, struct leat_segment *older, const char *dir,
                        struct leat_err *err) LEAT_MUST_CHECK;

/* `map_bytes` counts for the writer only. */
int leat_segment_open(const char *dir, uint64_t first_sequence, bool writable, int64_t map_bytes,
                      struct leat_segment **ret_segment, struct leat_err *err) LEAT_MUST_CHECK;

void leat_segment_unref(struct leat_segment *segment); /* accepts NULL */

/* Removes the file and LMDB's lock file beside it. */
int leat_segment_delete(const char *dir, uint64_t first_sequence,
                        struct leat_err *err) LEAT_MUST_CHECK;

/* fsync of a directory: names in it are durable. */
int leat_segment_sync_directory(const char *dir, struct leat_err *err) LEAT_MUST_CHECK;

/* "<dir>/seg-….mdb" into PATH_MAX bytes. */
void leat_segment_path(const char *dir, uint64_t first_sequence, char *ret_path);

/* The block at the end of the log; LEAT_EOF: there is none. The bytes live as long as the
 * transaction. */
int leat_segment_last(struct leat_segment *segment, MDB_txn *txn, uint64_t *ret_sequence,
                      struct leat_slice *ret_block, struct leat_err *err) LEAT_MUST_CHECK;

/* The same at the beginning. */
int leat_segment_first(struct leat_segment *segment, MDB_txn *txn, uint64_t *ret_sequence,
                       struct leat_slice *ret_block, struct leat_err *err) LEAT_MUST_CHECK;

/* leat_env_fail() with the segment's name. */
int leat_segment_fail(const struct leat_segment *segment, int rc, const char *what,
                      struct leat_err *err);

#endif
