/*
 * Which requests were stored already: what makes a sender's second try harmless.
 *
 *     current ──(full, or older than the window)──▶ previous ──▶ forgotten
 *
 * Two generations of a hash table: an entry is remembered for the window at least, unless more than
 * `max` came within it, when the oldest half is forgotten early. An entry is enough to give the
 * original ids again, so nothing has to be read for a repeat. The table is derived: it is told again
 * at the start what the stream holds.
 *
 * Bounds:  `max` entries, 64 to 128 bytes each.
 * Threads: one owner, the one that stores: looking and adding cannot be torn apart.
 */
#ifndef WEBHOOK_ONCE_H
#define WEBHOOK_ONCE_H

#include <leat/err.h>
#include <leat/slice.h>

enum { ONCE_KEY_BYTES = 16, ONCE_STORED_BYTES = 32 };

struct once_entry {
    uint8_t key[ONCE_KEY_BYTES]; /* hash of scope and the sender's key */
    uint64_t fingerprint;        /* of body and times */
    uint64_t seed;               /* of its ids */
    int64_t received_us;         /* default time of its events */
    uint64_t number;             /* of the request, to know whether it is durable yet */
};

struct once_generation {
    struct once_entry *slots; /* open addressing; a received_us of 0 is free */
    size_t slot_count, count;
    int64_t first_us; /* of the first that was added */
};

struct once {
    struct once_generation current, previous;
    int64_t window_us;
    size_t max;
};

void once_init(struct once *once, int64_t window_us, size_t max);
void once_release(struct once *once);

/* NULL: not known, or longer ago than the window. The view lives until the next call. */
const struct once_entry *once_find(const struct once *once, const uint8_t *key, int64_t now_us);

/* LEAT_ERETRY: no memory, and nothing changed. */
int once_add(struct once *once, const struct once_entry *entry, struct leat_err *err) LEAT_MUST_CHECK;

/* Forgets requests above that number: they never became durable. */
void once_forget_above(struct once *once, uint64_t number);

/* The stored form, an attribute of the request's transaction: key, fingerprint, seed. */
void once_write(const struct once_entry *entry, uint8_t *ret_bytes);
bool once_read(struct leat_slice bytes, struct once_entry *ret_entry);

#endif
