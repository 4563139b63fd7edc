/*
 * A batch on its way to a destination: topic, key and value of each event, one behind the other in
 * one buffer, and where they stand in it.
 *
 *     new ─▶ begin, (value written into `text`), end ─▶ … ─▶ close ─▶ view, cut ─▶ free
 *
 * Ownership: a batch owns its bytes; the view's slices live until it is freed or cut.
 * Bounds:    `text.max`. Threads: one owner.
 */
#ifndef PIPELINE_EMIT_BATCH_H
#define PIPELINE_EMIT_BATCH_H

#include <leat/emitter.h>

struct emit_item {
    uint64_t sequence;
    int64_t ingested_at_us;
    size_t at, value_len; /* bytes; at: where the topic begins in the text */
    uint32_t topic_len, key_len;
    bool last_of_transaction;
};

struct emit_batch {
    struct emit_batch *next;
    struct leat_buf text;
    struct emit_item *items;
    size_t count, capacity;
    struct leat_emit_event *events; /* once it is closed */
    uint64_t through;               /* 0: a dead letter that is tried again */
    uint64_t number;                /* 0: not submitted */
    uint64_t tries;                 /* of a batch that is a single event */
    int64_t begun_ms;               /* monotonic: its first event */
};

int emit_batch_new(size_t text_max, struct emit_batch **ret_batch,
                   struct leat_err *err) LEAT_MUST_CHECK;
void emit_batch_free(struct emit_batch *batch); /* accepts NULL */

/* Writes topic and key; the caller appends the value to batch->text and calls end, or cancel, after
 * which it is as before. LEAT_ELIMIT: no room in the text. */
int emit_batch_begin(struct emit_batch *batch, struct leat_slice topic, struct leat_slice key,
                     struct emit_item *ret_item, struct leat_err *err) LEAT_MUST_CHECK;
int emit_batch_end(struct emit_batch *batch, struct emit_item *item,
                   struct leat_err *err) LEAT_MUST_CHECK;
void emit_batch_cancel(struct emit_batch *batch, const struct emit_item *item);

/* Nothing is added any more; `events` are there. */
int emit_batch_close(struct emit_batch *batch, struct leat_err *err) LEAT_MUST_CHECK;

/* Moves the events from `at` on, which is neither 0 nor beyond the last one, into a batch of their
 * own that takes its place behind this one. */
int emit_batch_cut(struct emit_batch *batch, size_t at, struct leat_err *err) LEAT_MUST_CHECK;

/* Forgets the first `count` events. */
void emit_batch_skip(struct emit_batch *batch, size_t count);

#endif
