#include "sources/webhook/once.h"

#include <stdlib.h>

enum { SLOTS_MIN = 1024, BITS_PER_KEY = 13, LINE_BITS = 512, LINES_MIN = 64, PROBES = 6 };

void once_init(struct once *once, int64_t window_us, size_t recent_max, size_t keys)
{
    *once = (struct once){.window_us = window_us, .recent_max = recent_max, .line_count = LINES_MIN};
    while (once->line_count < keys / LINE_BITS * BITS_PER_KEY)
        once->line_count *= 2;
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
    free(once->filter.lines);
    free(once->older.lines);
    once->filter.lines = once->older.lines = NULL;
}

/* --- the recent ----------------------------------------------------------------------------------- */

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
                                   .newest = g->newest};
    if (!more.slots)
        return leat_fail(err, LEAT_ERETRY, "out of memory for idempotency keys");
    for (size_t i = 0; i < g->slot_count; i++)
        if (g->slots[i].received_us)
            *slot_of(&more, g->slots[i].key) = g->slots[i];
    free(g->slots);
    *g = more;
    return LEAT_OK;
}

/* What is on its way is found nowhere else: it must not be forgotten. */
static bool turn_due(const struct once *once, uint64_t durable)
{
    return once->current.count >= once->recent_max / 2 && once->previous.newest <= durable;
}

int once_add(struct once *once, const struct once_entry *entry, uint64_t durable, struct leat_err *err)
{
    struct once_generation *g = &once->current;
    if (turn_due(once, durable)) {
        generation_release(&once->previous);
        once->previous = *g;
        *g = (struct once_generation){.slots = NULL};
    }
    if (4 * g->count >= 3 * g->slot_count) {
        int status = generation_grow(g, err);
        if (status)
            return status;
    }
    g->newest = entry->number > g->newest ? entry->number : g->newest;
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

/* --- the filter ----------------------------------------------------------------------------------- */

/* The line of a hash, and a number whose pieces of nine bits are places in it. The upper bits of a
 * hash are the same for all, so it is mixed first. */
static uint64_t *line_of(const struct once *once, const struct once_filter *f, uint64_t hash,
                         uint64_t *ret_places)
{
    uint64_t mixed = (hash ^ hash >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0x94d049bb133111eb);
    *ret_places = mixed ^ mixed >> 31;
    return f->lines[(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (once->line_count - 1)];
}

static bool filter_has(const struct once *once, const struct once_filter *f, uint64_t hash)
{
    uint64_t places, all = 1;
    if (!f->lines)
        return false;
    const uint64_t *line = line_of(once, f, hash, &places);
    for (unsigned i = 0; i < PROBES; i++, places >>= 9)
        all &= line[places >> 6 & (ONCE_LINE_WORDS - 1)] >> (places & 63);
    return all & 1;
}

bool once_perhaps(const struct once *once, uint64_t hash)
{
    return filter_has(once, &once->filter, hash) || filter_has(once, &once->older, hash);
}

static void filter_turn(struct once *once)
{
    free(once->older.lines);
    once->older = once->filter;
    once->filter.lines = NULL;
}

int once_note(struct once *once, uint64_t hash, int64_t now_us, struct leat_err *err)
{
    uint64_t places;
    if (once->filter.lines && now_us - once->filter.first_us >= once->window_us)
        filter_turn(once);
    if (!once->filter.lines) {
        once->filter.lines = calloc(once->line_count, sizeof *once->filter.lines);
        once->filter.first_us = now_us;
    }
    if (!once->filter.lines)
        return leat_fail(err, LEAT_ERETRY, "out of memory for idempotency keys");
    uint64_t *line = line_of(once, &once->filter, hash, &places);
    for (unsigned i = 0; i < PROBES; i++, places >>= 9)
        line[places >> 6 & (ONCE_LINE_WORDS - 1)] |= UINT64_C(1) << (places & 63);
    return LEAT_OK;
}

int once_suspect(struct once *once, int64_t now_us, struct leat_err *err)
{
    int status = once_note(once, 0, now_us, err);
    if (!status)
        memset(once->filter.lines, 0xff, once->line_count * sizeof *once->filter.lines);
    return status;
}

/* --- the stored form ------------------------------------------------------------------------------ */

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
