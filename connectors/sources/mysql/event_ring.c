/*
 * Both cursors count bytes since the beginning and never go back; a cursor's place is its low bits.
 *
 *   I1  tail <= head <= tail + MY_RING_BYTES. Only the producer moves head, only the consumer tail.
 *   I2  Each side keeps a copy of the other's cursor and reads the real one when the copy says that
 *       it must wait: the cache line between the cores is not touched for every event.
 *   I3  A sleeper says so first and looks once more afterwards; who moves a cursor looks for a
 *       sleeper afterwards. All four are sequentially consistent, so one of the two sees the other,
 *       and nobody is woken who does not sleep.
 *   I4  Tail is told late: when RELEASE_BYTES are free, and always before the consumer finds
 *       nothing, which is how it finds the ring behind an event in place. The producer sleeps until
 *       half of the ring is free, so a full ring costs a wake-up per half ring, not per event.
 *   I5  A consumer that is faster than a busy producer would be woken for every few events. It naps
 *       instead, unannounced, and finds some hundreds; an event of a quiet stream never waits so.
 */
#include "sources/mysql/event_ring.h"

#include <leat/clock.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { RELEASE_BYTES = MY_RING_BYTES / 16, LINE_BYTES = 64 };
enum { BUSY_EVENTS = 32, NAP_US = 100, WAIT_MS_MAX = 3600 * 1000 };

enum kind { KIND_COPIED, KIND_IN_PLACE, KIND_SKIP };

struct record {
    uint32_t len; /* of the event; of a skip: bytes to the end of the ring */
    uint32_t kind;
};

struct my_event_ring {
    uint8_t *bytes;
    int event_fd; /* the consumer sleeps on it */

    _Alignas(LINE_BYTES) _Atomic uint64_t head; /* producer's side */
    _Atomic bool ended;
    uint64_t tail_seen;
    int status;
    struct leat_err reason; /* with `status`, before `ended` */

    _Alignas(LINE_BYTES) _Atomic uint64_t tail; /* consumer's side */
    uint64_t head_seen;
    uint64_t taken;   /* behind the event that is out; told as `tail` by and by */
    uint64_t leaving; /* behind it, when it is out; equal to `taken` when none is */
    bool in_place;    /* the event that is out */
    uint32_t busy;    /* events since the last wait */

    _Alignas(LINE_BYTES) _Atomic bool consumer_sleeps; /* between the two */
    _Atomic uint64_t tail_wanted; /* the producer sleeps until tail is there; 0: it does not */
    _Atomic bool closed;
    pthread_mutex_t lock;
    pthread_cond_t room;
};

int my_event_ring_new(struct my_event_ring **ret_ring, struct leat_err *err)
{
    struct my_event_ring *ring = aligned_alloc(LINE_BYTES, sizeof *ring);
    if (!ring)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a ring of events");
    memset(ring, 0, sizeof *ring);
    ring->bytes = malloc(MY_RING_BYTES);
    ring->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!ring->bytes || ring->event_fd < 0) {
        int status = leat_fail_errno(err, LEAT_ERETRY, errno, "cannot make a ring of events");
        if (ring->event_fd >= 0)
            close(ring->event_fd);
        free(ring->bytes);
        free(ring);
        return status;
    }
    pthread_mutex_init(&ring->lock, NULL);
    pthread_cond_init(&ring->room, NULL);
    *ret_ring = ring;
    return LEAT_OK;
}

void my_event_ring_free(struct my_event_ring *ring)
{
    if (!ring)
        return;
    pthread_cond_destroy(&ring->room);
    pthread_mutex_destroy(&ring->lock);
    close(ring->event_fd);
    free(ring->bytes);
    free(ring);
}

/* --- producer ----------------------------------------------------------------------------------*/

static void consumer_wake(struct my_event_ring *ring)
{
    if (!atomic_load(&ring->consumer_sleeps) || !atomic_exchange(&ring->consumer_sleeps, false))
        return;
    uint64_t one = 1;
    ssize_t written = write(ring->event_fd, &one, sizeof one);
    (void)written; /* a full eventfd is readable, and that is all it is for */
}

/* Sleeps until the consumer has moved tail to `wanted`. False: closed. */
static bool tail_await(struct my_event_ring *ring, uint64_t wanted)
{
    pthread_mutex_lock(&ring->lock);
    atomic_store(&ring->tail_wanted, wanted);
    while (!atomic_load(&ring->closed) && atomic_load(&ring->tail) < wanted)
        pthread_cond_wait(&ring->room, &ring->lock);
    atomic_store(&ring->tail_wanted, 0);
    pthread_mutex_unlock(&ring->lock);
    ring->tail_seen = atomic_load(&ring->tail);
    return !atomic_load(&ring->closed);
}

/* Room for `need` bytes behind head. */
static bool room_await(struct my_event_ring *ring, uint64_t head, uint64_t need)
{
    if (head + need - ring->tail_seen <= MY_RING_BYTES)
        return true;
    ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (head + need - ring->tail_seen <= MY_RING_BYTES)
        return true;
    return tail_await(ring, head - MY_RING_BYTES / 2); /* `need` is less than half (I4) */
}

/* Puts a record of `len` bytes at head, which is not moved: a skip before it if the end of the ring
 * would cut it. Gives where head is to be moved to. */
static uint64_t record_place(struct my_event_ring *ring, uint64_t head, struct record record,
                             const void *payload, size_t len)
{
    uint64_t at = head % MY_RING_BYTES, left = MY_RING_BYTES - at;
    uint64_t need = sizeof record + ((len + 7) & ~(uint64_t)7);
    if (left < need) {
        struct record skip = {(uint32_t)left, KIND_SKIP};
        memcpy(ring->bytes + at, &skip, sizeof skip);
        head += left;
        at = 0;
    }
    memcpy(ring->bytes + at, &record, sizeof record);
    if (len)
        memcpy(ring->bytes + at + sizeof record, payload, len);
    return head + need;
}

bool my_event_ring_put(struct my_event_ring *ring, struct leat_slice event)
{
    bool in_place = event.len > MY_RING_EVENT_MAX;
    struct record record = {(uint32_t)event.len, in_place ? KIND_IN_PLACE : KIND_COPIED};
    const void *payload = in_place ? (const void *)&event.ptr : event.ptr;
    size_t len = in_place ? sizeof event.ptr : event.len;
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint64_t at = head % MY_RING_BYTES, need = sizeof record + ((len + 7) & ~(uint64_t)7);
    if (MY_RING_BYTES - at < need)
        need += MY_RING_BYTES - at;
    if (atomic_load_explicit(&ring->closed, memory_order_relaxed) || !room_await(ring, head, need))
        return false;
    head = record_place(ring, head, record, payload, len);
    atomic_store(&ring->head, head);
    consumer_wake(ring);
    return !in_place || tail_await(ring, head);
}

void my_event_ring_end(struct my_event_ring *ring, int status, const struct leat_err *reason)
{
    ring->status = status;
    ring->reason = *reason;
    atomic_store(&ring->ended, true);
    consumer_wake(ring);
}

/* --- consumer ----------------------------------------------------------------------------------*/

static void tail_tell(struct my_event_ring *ring)
{
    atomic_store(&ring->tail, ring->taken);
    uint64_t wanted = atomic_load(&ring->tail_wanted);
    if (!wanted || ring->taken < wanted)
        return;
    pthread_mutex_lock(&ring->lock); /* or the signal falls between its look and its sleep */
    pthread_cond_signal(&ring->room);
    pthread_mutex_unlock(&ring->lock);
}

static uint64_t untold(const struct my_event_ring *ring)
{
    return ring->taken - atomic_load_explicit(&ring->tail, memory_order_relaxed);
}

/* The event that is out goes back. */
static void event_release(struct my_event_ring *ring)
{
    ring->taken = ring->leaving;
    if (untold(ring) >= RELEASE_BYTES)
        tail_tell(ring);
    ring->in_place = false;
}

/* True: there is a record at `taken`. */
static bool record_there(struct my_event_ring *ring)
{
    if (ring->taken == ring->head_seen)
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
    return ring->taken != ring->head_seen;
}

static struct leat_slice record_take(struct my_event_ring *ring)
{
    struct record record;
    const uint8_t *at = ring->bytes + ring->taken % MY_RING_BYTES;
    memcpy(&record, at, sizeof record);
    if (record.kind == KIND_SKIP) { /* one record follows, at the beginning */
        ring->taken += record.len;
        at = ring->bytes;
        memcpy(&record, at, sizeof record);
    }
    struct leat_slice event = {at + sizeof record, record.len};
    uint64_t len = record.len;
    ring->in_place = record.kind == KIND_IN_PLACE;
    if (ring->in_place) {
        memcpy(&event.ptr, at + sizeof record, sizeof event.ptr);
        len = sizeof event.ptr;
    }
    ring->leaving = ring->taken + sizeof record + ((len + 7) & ~(uint64_t)7);
    return event;
}

int my_event_ring_next(struct my_event_ring *ring, struct leat_slice *ret_event,
                       struct leat_err *err)
{
    event_release(ring);
    if (!record_there(ring)) {
        if (untold(ring))
            tail_tell(ring);
        bool ended = atomic_load(&ring->ended); /* looked at before head: all events come first */
        if (!record_there(ring)) {
            if (ended && ring->status < 0)
                *err = ring->reason;
            return ended ? ring->status : LEAT_AGAIN;
        }
    }
    *ret_event = record_take(ring);
    ring->busy++;
    return LEAT_OK;
}

/* While an event in place is out, the producer waits for us, not we for it. */
static bool something_there(struct my_event_ring *ring)
{
    return ring->in_place || atomic_load(&ring->head) != ring->leaving || atomic_load(&ring->ended);
}

/* I5. True: something is there now. */
static bool nap(struct my_event_ring *ring, int wake_fd)
{
    bool busy = ring->busy >= BUSY_EVENTS;
    ring->busy = 0;
    if (!busy || something_there(ring))
        return something_there(ring);
    struct pollfd fd = {.fd = wake_fd, .events = POLLIN};
    ppoll(&fd, 1, &(struct timespec){.tv_nsec = NAP_US * 1000}, NULL);
    return something_there(ring);
}

bool my_event_ring_wait(struct my_event_ring *ring, int wake_fd, int64_t until_ms)
{
    struct pollfd fds[2] = {{.fd = wake_fd, .events = POLLIN},
                            {.fd = ring->event_fd, .events = POLLIN}};
    bool there = nap(ring, wake_fd);
    atomic_store(&ring->consumer_sleeps, !there);
    for (;;) {
        there = there || something_there(ring);
        int64_t left = there ? 0 : until_ms - leat_clock_monotonic_ms();
        int n = poll(fds, 2, left < 0 ? 0 : left > WAIT_MS_MAX ? WAIT_MS_MAX : (int)left);
        if (n > 0 || left <= 0 || (n < 0 && errno != EINTR))
            break;
    }
    atomic_store(&ring->consumer_sleeps, false);
    uint64_t count;
    ssize_t emptied = fds[1].revents ? read(ring->event_fd, &count, sizeof count) : 0;
    (void)emptied;
    return fds[0].revents != 0;
}

void my_event_ring_close(struct my_event_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    atomic_store(&ring->closed, true);
    pthread_cond_signal(&ring->room);
    pthread_mutex_unlock(&ring->lock);
}
