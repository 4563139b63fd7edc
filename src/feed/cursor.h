/*
 * Where a reader of the stream stands, as an opaque text: behind this sequence of this store.
 *
 *     "A" + base64url(store's tag 4, sequence 8 big-endian)      17 characters
 *
 * The tag tells a cursor of another store, which would point to other events; a sequence beyond the
 * end tells one of a store that was set back. Threads: pure.
 */
#ifndef FEED_CURSOR_H
#define FEED_CURSOR_H

#include <leat/slice.h>

#include <stdbool.h>

enum { FEED_CURSOR_TEXT = 18 }; /* with its NUL */

struct feed_cursor {
    uint32_t store;
    uint64_t sequence; /* of the last event that was passed; 0: none */
};

void feed_cursor_text(const struct feed_cursor *cursor, char *ret_text);

/* False for anything that feed_cursor_text() would not have written. */
bool feed_cursor_parse(const char *text, struct feed_cursor *ret_cursor);

#endif
