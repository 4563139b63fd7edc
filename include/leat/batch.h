/*
 * A batch is where a source puts what it read: events are encoded into blocks at once, so that
 * their values may live in the receive buffer (the one deliberate copy of the hot path happens
 * here).
 *
 *     leat_batch_origin(b, &origin)             after connecting, and when it changed
 *     leat_batch_define(b, &schema)             a relation is new or changed
 *     leat_batch_begin(b, &transaction)         ┐
 *     leat_batch_add(b, &event) …               │ may stretch over any number of polls and batches
 *     leat_batch_commit(b, total)               ┘
 *     leat_batch_position(b, token)             once, before poll returns
 *
 * The runner takes the batch between polls: everything in it and the token become durable together
 * (I1).
 *
 * Errors:  LEAT_AGAIN from add: there is no room; nothing of the event was lost. Return from poll
 * at once (with the token *before* that event) and add the same event, with the same bytes behind
 *          it, in the next poll. LEAT_ELIMIT: the event cannot be stored at all.
 * Threads: the source's thread only. Nothing here blocks.
 */
#ifndef LEAT_BATCH_H
#define LEAT_BATCH_H

#include <leat/event.h>

struct leat_batch;

/* Stores the origin if its content is new; sets origin->ref. */
int leat_batch_origin(struct leat_batch *batch, struct leat_origin *origin,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* Stores the relation's shape if its content is new, and sets schema->ref either way. LEAT_OK: an
 * equal one was stored before; LEAT_AGAIN never. *ret_new tells whether the content was new. */
int leat_batch_define(struct leat_batch *batch, struct leat_schema *schema, bool *ret_new,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* Copies the transaction: its slices need to live for this call only. */
int leat_batch_begin(struct leat_batch *batch, const struct leat_transaction *transaction,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* Adds one event; event->transaction is ignored in favour of the one begun. */
int leat_batch_add(struct leat_batch *batch, const struct leat_event *event,
                   struct leat_err *err) LEAT_MUST_CHECK;

/* The event that was added last can be found again by this: by readers, and by the source itself
 * (recall.h). `name` says what it is: the attribute that holds it ("externalId"), for readers
 * compare. */
int leat_batch_key(struct leat_batch *batch, struct leat_slice name, struct leat_slice value,
                   struct leat_err *err) LEAT_MUST_CHECK;

/* A value that is stored already and waits for its event. */
struct leat_ahead {
    uint64_t set, len, hash;
};

/* Stores a long value ahead of the event whose body it will be, so that the bodies of a transaction
 * need not be in memory at once, nor in one commit. Nobody sees it before its event. For sources whose
 * transactions are whole; not between begin and commit; the next transaction that uses any must use
 * all. Ordinary events may be added meanwhile. `value`: more than LEAT_VALUE_INLINE_MAX bytes.
 * LEAT_AGAIN: no room; call again with the same bytes. */
int leat_batch_ahead(struct leat_batch *batch, struct leat_slice value, struct leat_ahead *ret_ahead,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* As leat_batch_add(); the event's body is what was stored ahead. */
int leat_batch_add_ahead(struct leat_batch *batch, const struct leat_event *event,
                         const struct leat_ahead *body, struct leat_err *err) LEAT_MUST_CHECK;

/* What was stored ahead will not be used after all. Its space comes back with its segment's. */
void leat_batch_ahead_drop(struct leat_batch *batch);

/* Ends the transaction; `total` counts its events, stored or not. Without events nothing is stored.
 */
int leat_batch_commit(struct leat_batch *batch, uint64_t total,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* The resume token that is true once everything added so far is durable; copied. Text, one line,
 * LEAT_TOKEN_MAX bytes; people read it in `leat offsets`. */
int leat_batch_position(struct leat_batch *batch, struct leat_slice token,
                        struct leat_err *err) LEAT_MUST_CHECK;

/* True when poll should return: enough was added. While it is false, an event without long values is
 * never refused, so that what was defined for it becomes durable with it or not at all. */
bool leat_batch_full(const struct leat_batch *batch);

#endif
