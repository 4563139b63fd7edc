/*
 * The list is walked under its lock, and libmicrohttpd tells us of an end before it closes the
 * descriptor: so no descriptor here is ever somebody else's.
 */
#include "http/exchange.h"

#include <leat/clock.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOK_MS = 1000 };

void leat_connection_phase(struct leat_connection *place, enum leat_exchange_phase phase,
                           int64_t patience_ms)
{
    if (!place)
        return;
    place->since_ms = leat_clock_monotonic_ms();
    place->patience_ms = patience_ms;
    place->received_bytes = 0;
    place->phase = (int)phase;
}

struct leat_connection *leat_connection_add(struct leat_connections *list, int fd)
{
    struct leat_connection *place = calloc(1, sizeof *place);
    if (!place)
        return NULL; /* it lives without a deadline of ours */
    place->fd = fd;
    leat_connection_phase(place, LEAT_EXCHANGE_HEAD, LEAT_INGEST_HEAD_MS);
    pthread_mutex_lock(&list->lock);
    place->next = list->first;
    if (place->next)
        place->next->previous = place;
    list->first = place;
    pthread_mutex_unlock(&list->lock);
    return place;
}

void leat_connection_remove(struct leat_connections *list, struct leat_connection *place)
{
    if (!place)
        return;
    pthread_mutex_lock(&list->lock);
    if (place->previous)
        place->previous->next = place->next;
    else
        list->first = place->next;
    if (place->next)
        place->next->previous = place->previous;
    pthread_mutex_unlock(&list->lock);
    free(place);
}

static bool too_slow(const struct leat_connection *place, int64_t now_ms)
{
    int64_t elapsed_ms = now_ms - place->since_ms;
    if (place->patience_ms && elapsed_ms > place->patience_ms)
        return true;
    return place->phase == LEAT_EXCHANGE_BODY && elapsed_ms > LEAT_INGEST_RATE_AFTER_MS &&
           place->received_bytes < elapsed_ms / 1000 * LEAT_INGEST_RATE_BYTES_PER_S;
}

static void look(struct leat_connections *list)
{
    int64_t now_ms = leat_clock_monotonic_ms();
    pthread_mutex_lock(&list->lock);
    for (struct leat_connection *place = list->first; place; place = place->next) {
        if (!too_slow(place, now_ms))
            continue;
        shutdown(place->fd, SHUT_RDWR);
        place->patience_ms = 0;
        place->phase = LEAT_EXCHANGE_ANSWERED;
        (*list->slow)++;
    }
    pthread_mutex_unlock(&list->lock);
}

static void *run(void *arg)
{
    struct leat_connections *list = arg;
    struct pollfd stop = {.fd = list->stop_fd, .events = POLLIN};
    while (poll(&stop, 1, LOOK_MS) <= 0) {
        look(list);
        leat_keyring_flush(list->keyring);
    }
    leat_keyring_flush(list->keyring);
    return NULL;
}

int leat_connections_open(struct leat_connections *list, struct leat_err *err)
{
    pthread_mutex_init(&list->lock, NULL);
    list->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (list->stop_fd < 0)
        return leat_fail_errno(err, LEAT_ERETRY, errno, "cannot make an eventfd");
    int errnum = pthread_create(&list->thread, NULL, run, list);
    if (errnum)
        return leat_fail_errno(err, LEAT_ERETRY, errnum, "cannot start a thread for deadlines");
    list->started = true;
    return LEAT_OK;
}

void leat_connections_close(struct leat_connections *list)
{
    uint64_t one = 1;
    if (list->started) {
        ssize_t written = write(list->stop_fd, &one, sizeof one);
        (void)written;
        pthread_join(list->thread, NULL);
        list->started = false;
    }
    if (list->stop_fd >= 0)
        close(list->stop_fd);
    list->stop_fd = -1;
    pthread_mutex_destroy(&list->lock);
}
