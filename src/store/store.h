/*
 * The stream store: one durable, ordered log of blocks with the offsets they came from.
 *
 *     <path>/LOCK                    exclusive flock; host, pid and epoch of the writer as text
 *     <path>/meta.mdb                store uuid, format version, writer's epoch
 *     <path>/seg-<20 digits>.mdb     one LMDB environment per segment, named by its first sequence
 *
 * It handles bytes only: what is in a block, a schema or a token is the codec's and the source's
 * matter. Sequences start at 1 and are dense. A commit puts blocks, parts, schemas and offsets of
 * any number of sources into one LMDB transaction with one fsync (I1); readers see all of it or
 * nothing.
 *
 * Order:    open → source → commit … → close. One writer per directory, in one process.
 * Threads:  one thread commits (the committer); leat_store_source() before that or from the same
 *           thread; leat_store_durable() and readers from any thread or process.
 * Blocks on: disk, in open, commit and roll.
 * Errors:   LEAT_ECONFIG  another writer holds the lock, wrong permissions, a newer format
 *           LEAT_ERETRY   no space (disk, quota or map): nothing was written, the store stays
 *                         usable, call again with the same writes when space is back
 *           LEAT_ESTORE   anything else on the commit path: the outcome is unknown; stop the
 *                         process, and read the offsets again at the next start. Never retried.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <leat/arena.h>
#include <leat/buf.h>
#include <leat/err.h>
#include <leat/limits.h>

#include "store/block.h"

struct leat_store;

struct leat_store_options {
    const char *path;        /* directory; created (0700) if missing */
    int64_t segment_bytes;   /* a segment is rolled when its file passes this */
    int64_t segment_age_ms;  /* … or when it is this old and not empty; 0: never */
    int64_t map_bytes;       /* LMDB map of each segment: the hard bound of its size */
    int64_t quota_bytes;     /* all segments together; 0: none */
    int64_t low_water_bytes; /* free space of the disk that is never used */
};

/* What the store knows of a source. */
struct leat_store_source {
    uint32_t id;             /* in block headers and keys; from 1 */
    struct leat_buf token;   /* resume token of the last commit; empty: none yet */
    uint64_t part_next;      /* first unused part set */
    uint32_t schema_next;    /* first unused schema number; from 1 */
    int64_t committed_at_us; /* wall time of that commit; 0: none */
};

struct leat_store_schema {
    uint32_t ref;
    struct leat_slice bytes;
};

/* One megabyte or less of a value that is kept outside its record. */
struct leat_store_part {
    uint64_t set;
    uint32_t index;
    struct leat_slice bytes; /* part header and payload, see block.h */
};

/* What an event is found by again: leat_lookup_hash() of what its source named. */
struct leat_store_key {
    uint64_t hash;
    uint32_t event; /* of this write's events, from 0 over all its blocks */
};

/* What one source hands in. Everything is the caller's and is only read, except that the
 * committer's stamp is written into the block headers. */
struct leat_store_write {
    uint32_t source_id;
    struct leat_block *blocks; /* header to be stamped + payload */
    size_t block_count;
    const struct leat_store_part *parts;
    size_t part_count;
    const struct leat_store_schema *schemas;
    size_t schema_count;
    const struct leat_store_key *keys;
    size_t key_count;
    struct leat_slice token; /* NULL ptr: the offset stays as it is (parts ahead of their record) */
    uint64_t part_next;      /* stored with the token: sets below it are referred to by events */
};

/* Opens for writing, taking the lock and the next epoch; recovers: drops a half-made segment, and
 * parts that no event came to refer to. */
int leat_store_open(const struct leat_store_options *options, struct leat_store **ret_store,
                    struct leat_err *err) LEAT_MUST_CHECK;
void leat_store_close(struct leat_store *store); /* accepts NULL */

/* Finds or registers a source by its instance name and reads its state; release ret->token. Parts
 * that it had sent ahead of their record are dropped: it begins again at its token. */
int leat_store_source(struct leat_store *store, const char *instance,
                      struct leat_store_source *ret_source, struct leat_err *err) LEAT_MUST_CHECK;

/* Calls back for each schema of the source, oldest first; the bytes live for the call. */
typedef int (*leat_store_schema_fn)(void *arg, uint32_t ref, struct leat_slice bytes,
                                    struct leat_err *err);
int leat_store_schemas(struct leat_store *store, uint32_t source_id, leat_store_schema_fn each,
                       void *arg, struct leat_err *err) LEAT_MUST_CHECK;

/* Stamps sequences and chain into the blocks, in order, and makes all of it durable at once. Rolls
 * to a new segment first when the newest is full or old and no source has parts ahead of their
 * record. A schema number that is stored already must come with the same bytes. */
int leat_store_commit(struct leat_store *store, struct leat_store_write *writes, size_t count,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* Free space to go on with? LEAT_ERETRY names what is full: quota, disk low-water mark, or map.
 * Committer's thread. */
int leat_store_room(struct leat_store *store, struct leat_err *err) LEAT_MUST_CHECK;

/* Bytes that can be stored before something is full, by what the files say: a value larger than that
 * should not be begun. Any thread. */
int64_t leat_store_left(const struct leat_store *store);

/* The directory; lives as long as the store. Any thread. */
const char *leat_store_path(const struct leat_store *store);

/* Four bytes of the store's uuid, to tell another store's cursors from its own. Any thread. */
uint32_t leat_store_tag(const struct leat_store *store);

/* Clears reader slots of dead processes; call about once a minute, committer's thread. */
void leat_store_reap(struct leat_store *store);

/* The last durable sequence; 0: empty. Any thread. */
uint64_t leat_store_durable(const struct leat_store *store);

struct leat_store_usage {
    int64_t bytes;          /* of all segment files, as the file system counts them */
    int64_t free_bytes;     /* of the disk */
    uint64_t first_sequence; /* 0: empty */
    uint64_t last_sequence;
    uint32_t segment_count;
    int64_t oldest_event_us; /* smallest event time in the first block; 0: empty */
};
/* Looks at files, not at the store's state: any thread, also while another commits. */
int leat_store_usage(struct leat_store *store, struct leat_store_usage *ret_usage,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* Sets the token of a registered source by hand (`leat offsets set`), durably; committer's thread.
 * It needs an opened store, hence the writer's lock: a running daemon would go on from the token it
 * knows. LEAT_ECONFIG: no such source. */
int leat_store_set_token(struct leat_store *store, const char *instance, struct leat_slice token,
                         struct leat_err *err) LEAT_MUST_CHECK;

/* --- readers ---------------------------------------------------------------------------------- A
 * reader opens the directory read-only, in any process, beside a running writer. It copies each
 * block out of a short read transaction, so that it never pins pages, and falls through from
 * segment to segment. Each block's hash, sequence density and chain are checked on every read (I7):
 * LEAT_EDATA names segment and sequence of what is damaged and the block is not served. Within the
 * writer's process pass `store`: the reader then shares the writer's environments, and knows
 * without a look at any file that nothing is new. A store must not be opened for writing while
 * readers without `store` have its segments open in the same process (LEAT_EBUG).
 *
 * Order:   open → [seek] → next … → schema, parts of the last block … → close
 * Threads: one at a time per reader; any number of readers.
 * Errors:  LEAT_EDATA damage; the reader stays where it was, seek to go past it. LEAT_ERETRY no
 *          reader slot is free, or the writer came back with a larger map: call again.
 */
struct leat_store_reader;

int leat_store_reader_open(const char *path, struct leat_store *store,
                           struct leat_store_reader **ret_reader,
                           struct leat_err *err) LEAT_MUST_CHECK;
void leat_store_reader_close(struct leat_store_reader *reader); /* accepts NULL */

/* The next block read will be the one that holds `sequence`, or the first behind it. The block
 * before it has not been read then, so the chain is checked from the second block on. */
int leat_store_reader_seek(struct leat_store_reader *reader, uint64_t sequence,
                           struct leat_err *err) LEAT_MUST_CHECK;

/* The next block: header, and raw frames after decompression. Views live until the next call.
 * LEAT_EOF: nothing more is there yet; call again later. */
int leat_store_reader_next(struct leat_store_reader *reader, struct leat_block_header *ret_header,
                           struct leat_slice *ret_raw, struct leat_err *err) LEAT_MUST_CHECK;

/* From here on the blocks of all other sources come with their headers alone: `raw` is empty, and
 * nothing is decompressed for them. 0: all come whole again. */
void leat_store_reader_only(struct leat_store_reader *reader, uint32_t source_id);

/* The same for blocks without an event of that time, both ends included. INT64_MIN, INT64_MAX: all come
 * whole again. */
void leat_store_reader_between(struct leat_store_reader *reader, int64_t from_us, int64_t to_us);

/* A schema by source and number, looked up in the segment that the last block came from; the bytes
 * live in the arena. LEAT_EDATA if it is missing. */
int leat_store_reader_schema(struct leat_store_reader *reader, uint32_t source_id, uint32_t ref,
                             struct leat_arena *arena, struct leat_slice *ret_bytes,
                             struct leat_err *err) LEAT_MUST_CHECK;

/* The value of a part set, put together and checked; appended to `buf` (whose max bounds it). */
int leat_store_reader_parts(struct leat_store_reader *reader, uint32_t source_id, uint64_t set,
                            uint64_t raw_len, struct leat_buf *buf,
                            struct leat_err *err) LEAT_MUST_CHECK;

/* --- look-up: events by what their source noted with them (runs.h) ---------------------------- */

/* 16 bits of source and name above 48 of the value. Two values may have one hash: read the events
 * and compare. */
uint64_t leat_lookup_hash(uint32_t source_id, struct leat_slice name, struct leat_slice value);

enum { LEAT_FOUND_MAX = 64 };

struct leat_store_found {
    uint64_t sequences[LEAT_FOUND_MAX]; /* ascending */
    size_t count;
    uint64_t next; /* all below it and from `from` on was looked at: go on there */
    bool unknown;  /* `count` is 0: of the events below `next` nothing was noted, since an older leat
                      stored them; they have to be read */
};

/* Events at or behind sequence `from` under that hash, some at a time. ret->next == from: nothing is
 * stored from there on. LEAT_EDATA: what would tell is damaged (I7). */
int leat_store_reader_find(struct leat_store_reader *reader, uint64_t hash, uint64_t from,
                           struct leat_store_found *ret_found, struct leat_err *err) LEAT_MUST_CHECK;

/* Calls back with every hash whose upper 16 bits are those of `hash`, of the segments that hold
 * sequence `from` and what is behind it, in no order. */
typedef void (*leat_store_hash_fn)(void *arg, uint64_t hash);
int leat_store_reader_hashes(struct leat_store_reader *reader, uint64_t hash, uint64_t from,
                             leat_store_hash_fn each, void *arg, struct leat_err *err) LEAT_MUST_CHECK;

/* Reads all look-up runs and checks them; their entries. */
int leat_store_reader_check_runs(struct leat_store_reader *reader, uint64_t *ret_entries,
                                 struct leat_err *err) LEAT_MUST_CHECK;

/* Calls back for each source in the newest segment; release nothing. */
typedef int (*leat_store_source_fn)(void *arg, const char *instance,
                                    const struct leat_store_source *source, struct leat_err *err);
int leat_store_reader_sources(struct leat_store_reader *reader, leat_store_source_fn each,
                              void *arg, struct leat_err *err) LEAT_MUST_CHECK;

/* Name of a source by its number; NULL if unknown. Lives as long as the reader. */
const char *leat_store_reader_source_name(struct leat_store_reader *reader, uint32_t source_id);

int leat_store_reader_usage(struct leat_store_reader *reader, struct leat_store_usage *ret_usage,
                            struct leat_err *err) LEAT_MUST_CHECK;

#endif
