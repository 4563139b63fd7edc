/*
 * Events on their way from the thread that reads the connection to the source's: one producer, one
 * consumer, no lock and no system call per event.
 *
 *            tail                    head
 *     ┌───────┬──────┬──────┬──────┬──────┬────────┐   a record: length and kind, 8 bytes, then
 *     │ free  │record│record│record│ free │ skip   │   the event (or, in place, where it lies);
 *     └───────┴──────┴──────┴──────┴──────┴────────┘   never cut by the end of the ring
 *
 * A short event is copied. One longer than MY_RING_EVENT_MAX stays where it lies, and the producer
 * waits until the consumer asked for the next; so memory is the ring and the library's buffer.
 *
 * Order:   new; put any number of times, then end, by one thread; next and wait by another, until
 *          next gave something else than LEAT_OK and LEAT_AGAIN; close, join the producer, free.
 * Owner:   an event that next returns lives until the next call of next, or close.
 * Threads: producer: put, end. Consumer: all others.
 */
#ifndef MYSQL_EVENT_RING_H
#define MYSQL_EVENT_RING_H

#include <leat/err.h>
#include <leat/slice.h>

/* With its head and the blank in front of it a record is less than half of the ring. */
enum { MY_RING_BYTES = 1 << 20, MY_RING_EVENT_MAX = MY_RING_BYTES / 4 - 8 };

struct my_event_ring;

int my_event_ring_new(struct my_event_ring **ret_ring, struct leat_err *err) LEAT_MUST_CHECK;
void my_event_ring_free(struct my_event_ring *ring); /* accepts NULL */

/* Waits for room. False: the consumer closed, and the event goes nowhere. */
bool my_event_ring_put(struct my_event_ring *ring, struct leat_slice event) LEAT_MUST_CHECK;

/* The producer's last word, behind all its events: LEAT_EOF, or an error and its text. */
void my_event_ring_end(struct my_event_ring *ring, int status, const struct leat_err *reason);

/* LEAT_AGAIN: none is there now. Anything else: as the producer ended, again and again. */
int my_event_ring_next(struct my_event_ring *ring, struct leat_slice *ret_event,
                       struct leat_err *err) LEAT_MUST_CHECK;

/* Until an event or the end is there, wake_fd is readable (true; -1: none), or until_ms
 * (monotonic); now and then it returns for nothing. */
bool my_event_ring_wait(struct my_event_ring *ring, int wake_fd, int64_t until_ms);

/* Frees the producer from any wait; what was not taken is forgotten. */
void my_event_ring_close(struct my_event_ring *ring);

#endif
