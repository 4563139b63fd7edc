/*
 * The stream as every consumer reads it: events in sequence order, decoded, with their schemas and
 * the name of their source. `leat tail`, `leat verify` and every emitter read by this one path.
 *
 *     open ─▶ seek ─▶ next ─▶ next … (LEAT_EOF: nothing more yet, call again later) ─▶ close
 *
 * Ownership: the event and everything in it live until the next call.
 * Bounds:    a block, and the long values of one event.
 * Threads:   one owner; any number of streams beside a running writer.
 * Errors:    as the store's reader: LEAT_EDATA names what is damaged (I7), and the stream does not
 * go past it.
 */
#ifndef PIPELINE_STREAM_H
#define PIPELINE_STREAM_H

#include <leat/event.h>

#include "store/store.h"

struct leat_stream;

struct leat_stream_event {
    uint64_t sequence;
    const char *instance; /* source instance */
    int64_t ingested_at_us;
    bool last_of_transaction; /* a commit frame follows in the same block */
    uint64_t
        transaction_total; /* with last_of_transaction: events of the transaction at the source */
    struct leat_event event;
};

/* `store` is NULL in any other process than the writer's. */
int leat_stream_open(const char *path, struct leat_store *store, struct leat_stream **ret_stream,
                     struct leat_err *err) LEAT_MUST_CHECK;
void leat_stream_close(struct leat_stream *stream); /* accepts NULL */

/* The next event will be that of `sequence`, or the first behind it. */
int leat_stream_seek(struct leat_stream *stream, uint64_t sequence,
                     struct leat_err *err) LEAT_MUST_CHECK;

int leat_stream_next(struct leat_stream *stream, struct leat_stream_event *ret_event,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* The sequence of the first block that was stored at that wall time or later; behind the last one if
 * there is none. Goes by the times of storing as if no clock had ever been set back. Seek after it. */
int leat_stream_find_since(struct leat_stream *stream, int64_t since_us, uint64_t *ret_sequence,
                           struct leat_err *err) LEAT_MUST_CHECK;

/* Events of this source only (its number in the store); the others are not even decompressed. */
void leat_stream_only(struct leat_stream *stream, uint32_t source_id);

/* Events that may have been noted with this leat_lookup_hash() only, without a look at the others;
 * 0: all. Read and compare: a hash stands for more than one value, and events of a leat that noted
 * nothing come as well. Seek after it. */
void leat_stream_keyed(struct leat_stream *stream, uint64_t hash);

/* Blocks without an event of that time, both ends included, are passed over and not even decompressed.
 * Events of other times may come from the blocks that are left. Next then gives LEAT_AGAIN now and then,
 * when it has passed over many: call again. Unset: INT64_MIN, INT64_MAX. */
void leat_stream_between(struct leat_stream *stream, int64_t from_us, int64_t to_us);

/* True: long values are not read, and come as empty: for who looks at the rest of an event. */
void leat_stream_without_longs(struct leat_stream *stream, bool without);

/* The store's reader underneath, for usage and sources. */
struct leat_store_reader *leat_stream_reader(struct leat_stream *stream);

#endif
