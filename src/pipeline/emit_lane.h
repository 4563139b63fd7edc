/*
 * One lane of an emitter: a context of the connector, and the batches that it has not confirmed.
 *
 *     add ─▶ filling ─flush─▶ first … last ─submit─▶ destination
 *                              │◀───── number ◀─poll──┘
 *                              └─▶ delivered, or cut in halves ─▶ one event ─▶ tries ─▶ dead letter
 *
 *     closed ──open──▶ open ──error──▶ closed, backing off; every batch is handed in again
 *
 * What is confirmed is taken off the front, so the oldest event that stands here bounds the cursor
 * (I3). A refused event blocks its lane for `tries` back-offs and is then put aside durably, before
 * anything behind it is confirmed; it neither vanishes nor blocks for ever.
 *
 * Ownership: batches are the lane's. Threads: the emitter's.
 * Bounds:    LANE_BATCHES_MAX batches, or two when they are large (room).
 */
#ifndef PIPELINE_EMIT_LANE_H
#define PIPELINE_EMIT_LANE_H

#include "pipeline/backoff.h"
#include "pipeline/emit_batch.h"
#include "store/delivery.h"

/* What the lanes of an emitter share. */
struct emit_lane_shared {
    const struct leat_emitter_ops *ops;
    const struct leat_emit_settings *settings;
    struct leat_emitter_env env; /* lane and cursor are filled in at each open */
    struct leat_emitter_stats *stats;
    struct leat_delivery *delivery;
    uint64_t reported; /* of the stored state: a destination that tells less was set back */
};

struct emit_lane {
    struct emit_lane_shared *shared;
    void *ctx;
    unsigned index;
    bool open;
    struct emit_batch *first, *last; /* closed batches, in order */
    struct emit_batch *filling;      /* or NULL */
    size_t batches, bytes;           /* of the closed ones */
    size_t outstanding;              /* submitted and not confirmed */
    uint64_t next_number;
    uint64_t confirmed; /* number of the last one that was */
    uint64_t through;   /* of that one: highest that the destination holds */
    struct leat_backoff backoff;
    int64_t not_before_ms; /* monotonic, as the next */
    int64_t polled_ms;
};

enum {
    EMIT_LANE_SET_BACK =
        3, /* of step, beside the codes of err.h: the destination knows less than it told
              before. Everything is to be forgotten and read again behind `through`. */
    EMIT_LANE_IDLE = 4, /* there is nothing to do */
};

void emit_lane_init(struct emit_lane *lane, struct emit_lane_shared *shared, void *ctx,
                    unsigned index, uint64_t seed);
void emit_lane_release(struct emit_lane *lane);

/* More may be added. */
bool emit_lane_room(const struct emit_lane *lane);

/* The batch that events go to, made if there is none. */
int emit_lane_filling(struct emit_lane *lane, struct emit_batch **ret_batch,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* What is filling is as large as a batch may be. */
bool emit_lane_full(const struct emit_lane *lane);

/* True when what is filling should go: it is large enough, old enough, or the destination is free.
 */
bool emit_lane_due(const struct emit_lane *lane, int64_t now_ms);

/* Closes what is filling; all that the lane has to do up to `through` is in its queue then. */
int emit_lane_flush(struct emit_lane *lane, uint64_t through, struct leat_err *err) LEAT_MUST_CHECK;

/* Queues a dead letter that is tried again: a closed batch of one event with `through` 0. */
void emit_lane_again(struct emit_lane *lane, struct emit_batch *batch);

/* Opens if it is time, submits, and polls until `until_ms`. LEAT_OK: something was done.
 * EMIT_LANE_IDLE: there is nothing, or it is too early. An error is for the runner to log and show:
 * the lane has closed itself already, or cut the batch, and knows when it goes on. */
int emit_lane_step(struct emit_lane *lane, int64_t until_ms, struct leat_err *err) LEAT_MUST_CHECK;

/* Sequence of the oldest event that is neither delivered nor dead; 0: none. */
uint64_t emit_lane_oldest(const struct emit_lane *lane, int64_t *ret_ingested_at_us);

/* Closes the connection, keeps the batches. */
void emit_lane_close(struct emit_lane *lane);

/* Forgets all batches; they count as never taken on. */
void emit_lane_forget(struct emit_lane *lane);

/* When it has something to do that is not yet due; INT64_MAX: nothing but what wakes us. */
int64_t emit_lane_next_ms(const struct emit_lane *lane);

#endif
