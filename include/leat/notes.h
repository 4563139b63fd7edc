/*
 * Notes: what a source remembers beside its token, small values under keys of its own. They are
 * stored in the same commit as the events that were added before them (leat_batch_note), so a note
 * about events is never newer nor older than those (I1).
 *
 * Ownership: keys and values are copied in; what is found lives until the next change.
 * Bounds:    LEAT_NOTE_KEY_MAX, LEAT_NOTE_VALUE_MAX; some ten thousand of them.
 * Threads:   one owner.
 */
#ifndef LEAT_NOTES_H
#define LEAT_NOTES_H

#include <leat/err.h>
#include <leat/limits.h>
#include <leat/slice.h>

struct leat_note {
    struct leat_slice key, value;
};

struct leat_notes {
    struct leat_note *items; /* by key */
    size_t count, capacity;
};

/* A zeroed one is empty. */
void leat_notes_release(struct leat_notes *notes);

/* Adds or replaces; an empty value removes. False: out of memory, and nothing changed. */
bool leat_notes_set(struct leat_notes *notes, struct leat_slice key,
                    struct leat_slice value) LEAT_MUST_CHECK;

/* The value; the empty slice where there is none. */
struct leat_slice leat_notes_find(const struct leat_notes *notes, struct leat_slice key);

/* The first note whose key is not below `key`; notes->count: there is none. */
size_t leat_notes_from(const struct leat_notes *notes, struct leat_slice key);

#endif
