/*
 * Which requests were stored already: what makes a sender's second try harmless.
 *
 *     recent   current ──(full, and all of previous durable)──▶ previous ──▶ forgotten: the store tells
 *     filter   current ──(as old as the window)──▶ previous ──▶ forgotten: nobody asks any more
 *
 * A request that was ever stored within the window is in the filter, which may also say "perhaps" of
 * one that was not; a request that is not durable yet, so that the store cannot tell of it, is among
 * the recent. Most requests are new, and the filter says so without a look at any disk: six bits in
 * one cache line. An entry is enough to give the original ids again.
 *
 * Bounds:  two tables of ONCE_RECENT_MAX / 2 entries (more only while so many are on their way), 64 to
 *          128 bytes each; two filters of 13 bits for each key that was asked for. With more keys in a
 *          window the filters say "perhaps" more often, and nothing is forgotten.
 * Threads: one owner, the one that stores: looking and adding cannot be torn apart.
 */
#ifndef WEBHOOK_ONCE_H
#define WEBHOOK_ONCE_H

#include <leat/err.h>
#include <leat/slice.h>

enum {
    ONCE_KEY_BYTES = 16,
    ONCE_STORED_BYTES = 32,
    ONCE_RECENT_MAX = 64 << 10,
    ONCE_LINE_WORDS = 8, /* of 64 bits: a cache line */
};

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
    uint64_t newest; /* highest number in it */
};

struct once_filter {
    uint64_t (*lines)[ONCE_LINE_WORDS]; /* NULL: empty */
    int64_t first_us;                   /* when it was begun */
};

struct once {
    struct once_generation current, previous;
    struct once_filter filter, older;
    int64_t window_us;
    size_t recent_max, line_count; /* line_count is a power of two */
};

/* `keys` is how many of a window the filters are made for. */
void once_init(struct once *once, int64_t window_us, size_t recent_max, size_t keys);
void once_release(struct once *once);

/* --- the recent --- */

/* NULL: not among the recent, or longer ago than the window. The view lives until the next call. */
const struct once_entry *once_find(const struct once *once, const uint8_t *key, int64_t now_us);

/* Requests up to number `durable` are in the store. LEAT_ERETRY: no memory, and nothing changed. */
int once_add(struct once *once, const struct once_entry *entry, uint64_t durable,
             struct leat_err *err) LEAT_MUST_CHECK;

/* Forgets requests above that number: they never became durable. */
void once_forget_above(struct once *once, uint64_t number);

/* --- all within the window, by hash --- */

/* False: it was never noted. */
bool once_perhaps(const struct once *once, uint64_t hash);

/* LEAT_ERETRY: no memory, and nothing changed. */
int once_note(struct once *once, uint64_t hash, int64_t now_us, struct leat_err *err) LEAT_MUST_CHECK;

/* From here on "perhaps" of everything: what was noted earlier could not be read. */
int once_suspect(struct once *once, int64_t now_us, struct leat_err *err) LEAT_MUST_CHECK;

/* The stored form, an attribute of the request's transaction: key, fingerprint, seed. */
void once_write(const struct once_entry *entry, uint8_t *ret_bytes);
bool once_read(struct leat_slice bytes, struct once_entry *ret_entry);

#endif
