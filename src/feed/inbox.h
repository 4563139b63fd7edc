/*
 * What pool threads hand to a thread of ours: a list that is taken whole, so that what came
 * together is done together.
 *
 *     pool thread   put ─▶ … ─▶ take   our thread
 *                   stop: take gives what is left, then NULL; put says no
 *
 * Ownership: items are the caller's; each begins with struct feed_item.
 * Threads:   init, stop and release from one; put from any; take from one.
 */
#ifndef FEED_INBOX_H
#define FEED_INBOX_H

#include <pthread.h>
#include <stdbool.h>

struct feed_item {
    struct feed_item *next;
};

struct feed_inbox {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct feed_item *first, **last;
    bool stopped;
};

void feed_inbox_init(struct feed_inbox *inbox);
void feed_inbox_release(struct feed_inbox *inbox);

/* False: it is stopped, and the item stays the caller's. */
bool feed_inbox_put(struct feed_inbox *inbox, struct feed_item *item);

/* All that is there, in its order; `wait`: for the first one. NULL: nothing is there, with `wait`:
 * nothing comes any more. */
struct feed_item *feed_inbox_take(struct feed_inbox *inbox, bool wait);

void feed_inbox_stop(struct feed_inbox *inbox);
bool feed_inbox_stopped(struct feed_inbox *inbox);

#endif
