/* A sorted array: notes are looked up by key and walked in order, and change once a commit. */
#include <leat/notes.h>

#include <stdlib.h>

static int compare(struct leat_slice a, struct leat_slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

size_t leat_notes_from(const struct leat_notes *notes, struct leat_slice key)
{
    size_t low = 0, high = notes->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(notes->items[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool found_at(const struct leat_notes *notes, size_t at, struct leat_slice key)
{
    return at < notes->count && leat_slice_equal(notes->items[at].key, key);
}

struct leat_slice leat_notes_find(const struct leat_notes *notes, struct leat_slice key)
{
    size_t at = leat_notes_from(notes, key);
    return found_at(notes, at, key) ? notes->items[at].value : (struct leat_slice){NULL, 0};
}

/* Key and value in one piece of memory, which the key begins. */
static bool note_make(struct leat_note *ret_note, struct leat_slice key, struct leat_slice value)
{
    uint8_t *bytes = malloc(key.len + value.len);
    if (!bytes)
        return false;
    memcpy(bytes, key.ptr, key.len);
    memcpy(bytes + key.len, value.ptr, value.len);
    *ret_note = (struct leat_note){{bytes, key.len}, {bytes + key.len, value.len}};
    return true;
}

static bool room(struct leat_notes *notes)
{
    if (notes->count < notes->capacity)
        return true;
    size_t more = notes->capacity ? 2 * notes->capacity : 16;
    struct leat_note *grown = realloc(notes->items, more * sizeof *grown);
    if (!grown)
        return false;
    notes->items = grown;
    notes->capacity = more;
    return true;
}

static void remove_at(struct leat_notes *notes, size_t at)
{
    free((void *)(uintptr_t)notes->items[at].key.ptr);
    notes->count--;
    memmove(&notes->items[at], &notes->items[at + 1], (notes->count - at) * sizeof *notes->items);
}

bool leat_notes_set(struct leat_notes *notes, struct leat_slice key, struct leat_slice value)
{
    size_t at = leat_notes_from(notes, key);
    bool there = found_at(notes, at, key);
    struct leat_note note;
    if (!value.len) {
        if (there)
            remove_at(notes, at);
        return true;
    }
    if (!note_make(&note, key, value))
        return false;
    if (there) {
        free((void *)(uintptr_t)notes->items[at].key.ptr);
    } else if (room(notes)) {
        memmove(&notes->items[at + 1], &notes->items[at],
                (notes->count - at) * sizeof *notes->items);
        notes->count++;
    } else {
        free((void *)(uintptr_t)note.key.ptr);
        return false;
    }
    notes->items[at] = note;
    return true;
}

void leat_notes_release(struct leat_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        free((void *)(uintptr_t)notes->items[i].key.ptr);
    free(notes->items);
    *notes = (struct leat_notes){.items = NULL};
}
