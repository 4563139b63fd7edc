/*
 * An arena hands out memory that is given back all at once. It is named by the lifetime it serves:
 * message, batch, connection, process.
 *
 * Order:     init, any number of allocations, reset (everything handed out is gone) or release.
 * Bounds:    `max` bytes in all; past it an allocation gives NULL and nothing changes. A chunk is
 *            kept over reset, so that the steady state allocates nothing.
 * Threads:   one owner.
 */
#ifndef LEAT_ARENA_H
#define LEAT_ARENA_H

#include <leat/slice.h>

struct leat_arena_chunk;

struct leat_arena {
    struct leat_arena_chunk *chunks; /* newest first */
    size_t used;                     /* bytes held in all chunks */
    size_t max;
};

void leat_arena_init(struct leat_arena *arena, size_t max);
void leat_arena_reset(struct leat_arena *arena);
void leat_arena_release(struct leat_arena *arena);

/* Uninitialised memory aligned for any type; NULL past the maximum. */
void *leat_arena_alloc(struct leat_arena *arena, size_t len);

/* Zeroed memory for `count` things of `size` bytes; NULL past the maximum or on overflow. */
void *leat_arena_zeroed(struct leat_arena *arena, size_t count, size_t size);

/* A copy that lives in the arena; the empty slice past the maximum. */
struct leat_slice leat_arena_copy(struct leat_arena *arena, struct leat_slice bytes);

/* A NUL-terminated copy; NULL past the maximum. */
char *leat_arena_text(struct leat_arena *arena, struct leat_slice bytes);

#endif
