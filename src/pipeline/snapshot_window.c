/*
 * The window, the mark and the pace of a copy: pure over their arguments.
 *
 * A window's keys are compared by bytes, so both sides must give them in one form; which form is
 * the source's matter. Rows stay in the order in which they were read, so that what was given out
 * is a prefix and one key says how far a copy came.
 */
#include <leat/snapshot.h>

#include <leat/hash.h>

#include <stdlib.h>

/* --- the mark ----------------------------------------------------------------------------------
 */

const char *leat_snapshot_mark(struct leat_snapshot_place p)
{
    if (p.last_row && p.last_table)
        return "last";
    if (p.first_row && p.first_table)
        return "first";
    if (p.last_row)
        return "last_in_data_collection";
    return p.first_row ? "first_in_data_collection" : "true";
}

/* --- the window --------------------------------------------------------------------------------
 */

void leat_window_init(struct leat_window *w, size_t max)
{
    *w = (struct leat_window){.rows = NULL};
    leat_arena_init(&w->arena, max);
}

void leat_window_reset(struct leat_window *w)
{
    leat_arena_reset(&w->arena);
    w->count = w->next = 0;
    if (w->slots)
        memset(w->slots, 0, w->slot_count * sizeof *w->slots);
}

void leat_window_release(struct leat_window *w)
{
    leat_arena_release(&w->arena);
    free(w->rows);
    free(w->slots);
    *w = (struct leat_window){.rows = NULL};
}

/* The slot of a key, or the empty one where it belongs: index + 1 of its row. */
static uint32_t *slot_of(struct leat_window *w, struct leat_slice key)
{
    size_t at = leat_hash(key) & (w->slot_count - 1);
    while (w->slots[at] && !leat_slice_equal(w->rows[w->slots[at] - 1].key, key))
        at = (at + 1) & (w->slot_count - 1);
    return &w->slots[at];
}

static bool grow(struct leat_window *w)
{
    if (w->count < w->capacity)
        return true;
    size_t more = w->capacity ? 2 * w->capacity : 256;
    struct leat_window_row *rows = realloc(w->rows, more * sizeof *rows);
    if (!rows)
        return false;
    w->rows = rows;
    uint32_t *slots = calloc(2 * more, sizeof *slots);
    if (!slots)
        return false;
    free(w->slots);
    w->slots = slots;
    w->slot_count = 2 * more;
    w->capacity = more;
    for (size_t i = 0; i < w->count; i++)
        *slot_of(w, w->rows[i].key) = (uint32_t)i + 1;
    return true;
}

bool leat_window_add(struct leat_window *w, struct leat_slice key, struct leat_slice bytes)
{
    if (!grow(w))
        return false;
    struct leat_window_row row = {.key = leat_arena_copy(&w->arena, key)};
    row.bytes = leat_arena_copy(&w->arena, bytes);
    if ((key.len && !row.key.ptr) || (bytes.len && !row.bytes.ptr))
        return false;
    uint32_t *slot = slot_of(w, key);
    w->rows[w->count++] = row;
    *slot = (uint32_t)w->count;
    return true;
}

const struct leat_window_row *leat_window_take(struct leat_window *w, struct leat_slice key)
{
    if (!w->count)
        return NULL;
    uint32_t slot = *slot_of(w, key);
    if (!slot || w->rows[slot - 1].taken)
        return NULL;
    w->rows[slot - 1].taken = true;
    return &w->rows[slot - 1];
}

void leat_window_clear(struct leat_window *w)
{
    for (size_t i = 0; i < w->count; i++)
        w->rows[i].taken = true;
}

const struct leat_window_row *leat_window_peek(struct leat_window *w)
{
    while (w->next < w->count && w->rows[w->next].taken)
        w->next++;
    return w->next < w->count ? &w->rows[w->next] : NULL;
}

void leat_window_pass(struct leat_window *w)
{
    w->next++;
}

/* --- haste -------------------------------------------------------------------------------------
 */

void leat_pace_spend(struct leat_pace *p, int64_t rows, int64_t bytes, int64_t now_ms)
{
    int64_t from_ms = p->free_at_ms > now_ms ? p->free_at_ms : now_ms;
    int64_t by_rows = p->rows_per_s ? rows * 1000 / p->rows_per_s : 0;
    int64_t by_bytes = p->bytes_per_s ? bytes * 1000 / p->bytes_per_s : 0;
    p->free_at_ms = from_ms + (by_rows > by_bytes ? by_rows : by_bytes);
}

static int64_t clamp(int64_t v, int64_t min, int64_t max)
{
    return v < min ? min : v > max ? max : v;
}

void leat_chunk_learn(struct leat_chunk *c, int64_t rows, int64_t bytes, int64_t took_ms)
{
    if (rows <= 0)
        return;
    int64_t by_time = rows * c->target_ms / (took_ms > 0 ? took_ms : 1);
    int64_t by_bytes = c->bytes_max / (bytes / rows + 1);
    int64_t next = by_time < by_bytes ? by_time : by_bytes;
    c->rows = clamp(clamp(next, 1, 4 * rows), c->rows_min, c->rows_max);
    if (c->rows > by_bytes)
        c->rows = by_bytes > 0 ? by_bytes : 1; /* memory comes before the smallest chunk */
}
