#include "feed/inbox.h"

#include <stddef.h>

void feed_inbox_init(struct feed_inbox *inbox)
{
    pthread_mutex_init(&inbox->lock, NULL);
    pthread_cond_init(&inbox->filled, NULL);
    inbox->first = NULL;
    inbox->last = &inbox->first;
    inbox->stopped = false;
}

void feed_inbox_release(struct feed_inbox *inbox)
{
    pthread_cond_destroy(&inbox->filled);
    pthread_mutex_destroy(&inbox->lock);
}

bool feed_inbox_put(struct feed_inbox *inbox, struct feed_item *item)
{
    item->next = NULL;
    pthread_mutex_lock(&inbox->lock);
    bool taken = !inbox->stopped;
    if (taken) {
        *inbox->last = item;
        inbox->last = &item->next;
        pthread_cond_signal(&inbox->filled);
    }
    pthread_mutex_unlock(&inbox->lock);
    return taken;
}

struct feed_item *feed_inbox_take(struct feed_inbox *inbox, bool wait)
{
    pthread_mutex_lock(&inbox->lock);
    while (wait && !inbox->first && !inbox->stopped)
        pthread_cond_wait(&inbox->filled, &inbox->lock);
    struct feed_item *all = inbox->first;
    inbox->first = NULL;
    inbox->last = &inbox->first;
    pthread_mutex_unlock(&inbox->lock);
    return all;
}

void feed_inbox_stop(struct feed_inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    inbox->stopped = true;
    pthread_cond_broadcast(&inbox->filled);
    pthread_mutex_unlock(&inbox->lock);
}

bool feed_inbox_stopped(struct feed_inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    bool stopped = inbox->stopped;
    pthread_mutex_unlock(&inbox->lock);
    return stopped;
}
