/*
 * The engine's side of a batch (the source's side is <leat/batch.h>): one long-lived encoder per
 * source.
 *
 *     new ─▶ [ add … position ─▶ take ─▶ committer ] … ─▶ free
 *                 connection lost: discard, and start again at the durable token
 *
 * The raw frames of the open block are compressed and hashed when the batch is taken, in the
 * source's thread; a block that is full before that is sealed by a thread beside it (sealer.h).
 * What was taken belongs to the committer.
 *
 * Bounds:  an open block of LEAT_BLOCK_RAW_MAX, sealed bytes of LEAT_BATCH_BYTES and one block
 *          more; with `whole` one transaction more. Threads: the source's thread only.
 */
#ifndef PIPELINE_BATCH_H
#define PIPELINE_BATCH_H

#include <leat/batch.h>

#include "store/store.h"

/* What is handed to the committer; freed with leat_commit_free(). */
struct leat_commit {
    struct leat_commit *next; /* the committer's queue */
    struct leat_port *port;   /* whose it is */
    struct leat_store_write write;
    struct leat_block *parts_owned; /* memory behind write.parts */
    size_t block_capacity, part_capacity, schema_capacity, key_capacity;
    size_t bytes;     /* of blocks and parts, as stored */
    size_t raw_bytes; /* before compression */
    uint64_t events;
    int64_t newest_event_us; /* 0: no events */
};

void leat_commit_free(struct leat_commit *commit); /* accepts NULL */

struct leat_batch_settings {
    enum leat_compression compression;
    int level;      /* of what a source says now and then */
    int busy_level; /* of full blocks, which come in runs: a backlog, a bulk load */
    bool whole; /* a transaction is never divided over two commits: the source bounds its size */
};

/* `known` is the source as the store has it; schemas are taught with leat_batch_learn(). */
int leat_batch_new(const struct leat_batch_settings *settings,
                   const struct leat_store_source *known, struct leat_batch **ret_batch,
                   struct leat_err *err) LEAT_MUST_CHECK;
void leat_batch_free(struct leat_batch *batch); /* accepts NULL */

/* A schema or origin that the store already holds. */
int leat_batch_learn(struct leat_batch *batch, uint32_t ref, struct leat_slice bytes,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* Something to store: events, parts, schemas, or a token that moved. */
bool leat_batch_pending(const struct leat_batch *batch);

/* Raw and sealed bytes waiting, a measure of how worthwhile a commit is. */
size_t leat_batch_bytes(const struct leat_batch *batch);

/* Seals the open block and gives everything away; the batch is empty and goes on. */
int leat_batch_take(struct leat_batch *batch, struct leat_commit **ret_commit,
                    struct leat_err *err) LEAT_MUST_CHECK;

/* Forgets what was not taken, and the open transaction: the source will send it again. */
void leat_batch_discard(struct leat_batch *batch);

#endif
