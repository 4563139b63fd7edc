#include <leat/arena.h>

#include <stdlib.h>

enum { ARENA_CHUNK_BYTES = 16 << 10, ARENA_ALIGN = 16 };

struct leat_arena_chunk {
    struct leat_arena_chunk *next;
    size_t capacity; /* of bytes[] */
    size_t len;
    _Alignas(ARENA_ALIGN) uint8_t bytes[];
};

void leat_arena_init(struct leat_arena *arena, size_t max)
{
    *arena = (struct leat_arena){.max = max};
}

static void chunks_free(struct leat_arena *arena, struct leat_arena_chunk *chunk)
{
    while (chunk) {
        struct leat_arena_chunk *next = chunk->next;
        arena->used -= chunk->capacity;
        free(chunk);
        chunk = next;
    }
}

void leat_arena_reset(struct leat_arena *arena)
{
    struct leat_arena_chunk *newest = arena->chunks;
    if (!newest)
        return;
    chunks_free(arena, newest->next);
    newest->next = NULL;
    newest->len = 0;
    if (newest->capacity > ARENA_CHUNK_BYTES) { /* one huge message must not be kept for ever */
        chunks_free(arena, newest);
        arena->chunks = NULL;
    }
}

void leat_arena_release(struct leat_arena *arena)
{
    chunks_free(arena, arena->chunks);
    *arena = (struct leat_arena){0};
}

void *leat_arena_alloc(struct leat_arena *arena, size_t len)
{
    if (len > arena->max || arena->used > arena->max)
        return NULL;
    size_t need = (len + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    struct leat_arena_chunk *chunk = arena->chunks;
    if (!chunk || chunk->capacity - chunk->len < need) {
        size_t left = arena->max - arena->used;
        size_t capacity = left < ARENA_CHUNK_BYTES ? left : ARENA_CHUNK_BYTES;
        if (need < len || need > left)
            return NULL;
        if (capacity < need)
            capacity = need;
        chunk = malloc(sizeof *chunk + capacity);
        if (!chunk)
            return NULL;
        *chunk = (struct leat_arena_chunk){.next = arena->chunks, .capacity = capacity};
        arena->chunks = chunk;
        arena->used += capacity;
    }
    void *at = chunk->bytes + chunk->len;
    chunk->len += need;
    return at;
}

void *leat_arena_zeroed(struct leat_arena *arena, size_t count, size_t size)
{
    size_t len;
    if (__builtin_mul_overflow(count, size, &len))
        return NULL;
    void *at = leat_arena_alloc(arena, len);
    return at ? memset(at, 0, len) : NULL;
}

struct leat_slice leat_arena_copy(struct leat_arena *arena, struct leat_slice bytes)
{
    void *at = bytes.len ? leat_arena_alloc(arena, bytes.len) : NULL;
    if (!at)
        return (struct leat_slice){NULL, 0};
    memcpy(at, bytes.ptr, bytes.len);
    return leat_slice_of(at, bytes.len);
}

char *leat_arena_text(struct leat_arena *arena, struct leat_slice bytes)
{
    char *at = leat_arena_alloc(arena, bytes.len + 1);
    if (!at)
        return NULL;
    if (bytes.len)
        memcpy(at, bytes.ptr, bytes.len);
    at[bytes.len] = '\0';
    return at;
}
