#include "sources/webhook/once.h"

#include <stdlib.h>

enum { SLOTS_MIN = 1024 };

void once_init(struct once *once, int64_t window_us, size_t max)
{
    *once = (struct once){.window_us = window_us, .max = max};
}

static void generation_release(struct once_generation *g)
{
    free(g->slots);
    *g = (struct once_generation){.slots = NULL};
}

void once_release(struct once *once)
{
    generation_release(&once->current);
    generation_release(&once->previous);
}

/* The key is a hash already: its bytes are as good as any. The slot that has it, or the free one. */
static struct once_entry *slot_of(const struct once_generation *g, const uint8_t *key)
{
    uint64_t hash;
    memcpy(&hash, key, sizeof hash);
    size_t at = hash & (g->slot_count - 1);
    while (g->slots[at].received_us && memcmp(g->slots[at].key, key, ONCE_KEY_BYTES) != 0)
        at = (at + 1) & (g->slot_count - 1);
    return &g->slots[at];
}

static const struct once_entry *generation_find(const struct once_generation *g, const uint8_t *key)
{
    const struct once_entry *slot = g->slot_count ? slot_of(g, key) : NULL;
    return slot && slot->received_us ? slot : NULL;
}

const struct once_entry *once_find(const struct once *once, const uint8_t *key, int64_t now_us)
{
    const struct once_entry *found = generation_find(&once->current, key);
    if (!found)
        found = generation_find(&once->previous, key);
    return found && now_us - found->received_us < once->window_us ? found : NULL;
}

static int generation_grow(struct once_generation *g, struct leat_err *err)
{
    size_t slot_count = g->slot_count ? 2 * g->slot_count : SLOTS_MIN;
    struct once_generation more = {.slots = calloc(slot_count, sizeof *more.slots),
                                   .slot_count = slot_count,
                                   .count = g->count,
                                   .first_us = g->first_us};
    if (!more.slots)
        return leat_fail(err, LEAT_ERETRY, "out of memory for idempotency keys");
    for (size_t i = 0; i < g->slot_count; i++)
        if (g->slots[i].received_us)
            *slot_of(&more, g->slots[i].key) = g->slots[i];
    free(g->slots);
    *g = more;
    return LEAT_OK;
}

static bool turn_due(const struct once *once, int64_t now_us)
{
    const struct once_generation *g = &once->current;
    return g->count && (g->count >= once->max / 2 || now_us - g->first_us >= once->window_us);
}

int once_add(struct once *once, const struct once_entry *entry, struct leat_err *err)
{
    struct once_generation *g = &once->current;
    if (turn_due(once, entry->received_us)) {
        generation_release(&once->previous);
        once->previous = *g;
        *g = (struct once_generation){.slots = NULL};
    }
    if (4 * g->count >= 3 * g->slot_count) {
        int status = generation_grow(g, err);
        if (status)
            return status;
    }
    if (!g->count)
        g->first_us = entry->received_us;
    struct once_entry *slot = slot_of(g, entry->key);
    g->count += !slot->received_us;
    *slot = *entry;
    return LEAT_OK;
}

/* Slots behind a freed one may have been pushed there by it: they move up. */
static void slot_free(struct once_generation *g, size_t at)
{
    g->slots[at].received_us = 0;
    g->count--;
    for (size_t i = (at + 1) & (g->slot_count - 1); g->slots[i].received_us;
         i = (i + 1) & (g->slot_count - 1)) {
        struct once_entry entry = g->slots[i];
        g->slots[i].received_us = 0;
        *slot_of(g, entry.key) = entry;
    }
}

static void generation_forget_above(struct once_generation *g, uint64_t number)
{
    for (size_t i = 0; i < g->slot_count;)
        if (g->slots[i].received_us && g->slots[i].number > number)
            slot_free(g, i); /* another may stand here now */
        else
            i++;
}

void once_forget_above(struct once *once, uint64_t number)
{
    generation_forget_above(&once->current, number);
    generation_forget_above(&once->previous, number);
}

void once_write(const struct once_entry *entry, uint8_t *ret_bytes)
{
    memcpy(ret_bytes, entry->key, ONCE_KEY_BYTES);
    memcpy(ret_bytes + ONCE_KEY_BYTES, &entry->fingerprint, 8);
    memcpy(ret_bytes + ONCE_KEY_BYTES + 8, &entry->seed, 8);
}

bool once_read(struct leat_slice bytes, struct once_entry *ret_entry)
{
    if (bytes.len != ONCE_STORED_BYTES)
        return false;
    memcpy(ret_entry->key, bytes.ptr, ONCE_KEY_BYTES);
    memcpy(&ret_entry->fingerprint, bytes.ptr + ONCE_KEY_BYTES, 8);
    memcpy(&ret_entry->seed, bytes.ptr + ONCE_KEY_BYTES + 8, 8);
    return true;
}
