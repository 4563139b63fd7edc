/*
 * The writer's side of the store, shared by store.c (life cycle, sources), commit.c (transactions,
 * roll) and space.c (room, usage). Everything but `durable` belongs to the committer's thread.
 *
 * `failed` sticks: after a failed fsync the kernel may have dropped what it could not write, so
 * that a later fsync that succeeds proves nothing. The only way on is a new process that reads the
 * offsets again.
 */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include "store/meta.h"
#include "store/runs.h"
#include "store/segment.h"
#include "store/store.h"

struct leat_known_source {
    uint32_t id;
    uint64_t part_next; /* sets below it are referred to by events */
    uint64_t part_end;  /* behind the last set that was written; above part_next: parts are ahead */
};

struct leat_store {
    struct leat_store_options options;
    char *path;
    int lock_fd;
    struct leat_meta meta;
    struct leat_segment *active;
    struct leat_runs *runs; /* of the active segment */
    uint64_t next_sequence;
    uint64_t last_hash; /* of the newest block: what the next one is chained to */
    struct leat_known_source *sources;
    size_t source_count;
    int64_t sealed_bytes; /* of all segments but the active one */
    int64_t wanted_bytes; /* of the commit that found no room; 0: the last one did */
    bool failed;
    _Atomic uint64_t durable;
};

enum { LEAT_OFFSET_RECORD_MAX = LEAT_TOKEN_MAX + LEAT_INSTANCE_MAX + 128 };

/* --- commit.c --------------------------------------------------------------------------------- */

/* Puts into a transaction; LMDB's number. May be called twice, in transactions of their own. */
typedef int (*leat_store_body)(struct leat_store *store, MDB_txn *txn, void *arg);

/* Begin, body, commit, with the rules of store.h for what cannot be written. `bytes`: about how
 * many. */
int leat_store_transact(struct leat_store *store, leat_store_body body, void *arg, int64_t bytes,
                        const char *what, struct leat_err *err) LEAT_MUST_CHECK;

/* Begins a segment at next_sequence; the active one becomes sealed. With no active one: the first.
 * */
int leat_store_roll(struct leat_store *store, struct leat_err *err) LEAT_MUST_CHECK;

/* Reads one offset record in a transaction; MDB_CORRUPTED if its hash is wrong. */
int leat_store_offset(struct leat_store *store, MDB_txn *txn, uint32_t source_id,
                      struct leat_offset *ret_offset);
int leat_store_offset_put(struct leat_store *store, MDB_txn *txn, uint32_t source_id,
                          const struct leat_offset *offset);

struct leat_known_source *leat_store_known(struct leat_store *store, uint32_t source_id);

/* True when some source has parts that no event refers to yet: they must stay beside their record.
 * */
bool leat_store_parts_ahead(const struct leat_store *store);

/* --- space.c ---------------------------------------------------------------------------------- */

/* Quota and low-water mark, for so many bytes more. */
int leat_space_check(struct leat_store *store, int64_t bytes, struct leat_err *err) LEAT_MUST_CHECK;

/* So little is free that a short write was surely the disk's end. */
bool leat_space_nearly_none(const char *dir, int64_t bytes);

/* Bytes of the active segment's file, and what is left of its map without its free pages. */
int64_t leat_space_file_bytes(const struct leat_segment *segment);
int64_t leat_space_map_left(const struct leat_segment *segment);

int leat_space_usage(const char *dir, struct leat_store_usage *ret_usage, struct leat_err *err)
    LEAT_MUST_CHECK;

#endif
