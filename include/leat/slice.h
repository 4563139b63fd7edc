/*
 * A slice is a view of bytes that somebody else owns: a pointer and a length, never NUL-terminated.
 *
 * Ownership: none. A slice is valid for as long as the buffer it points into, which each producer
 * states (receive buffer, block, arena). The empty slice may have a NULL pointer.
 * Threads: a plain value.
 */
#ifndef LEAT_SLICE_H
#define LEAT_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct leat_slice {
    const uint8_t *ptr;
    size_t len; /* bytes */
};

#define LEAT_SLICE_LITERAL(text) ((struct leat_slice){(const uint8_t *)(text), sizeof(text) - 1})

/* The bytes of a C string without its NUL; NULL gives the empty slice. */
static inline struct leat_slice leat_slice_text(const char *text)
{
    return (struct leat_slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

static inline struct leat_slice leat_slice_of(const void *bytes, size_t len)
{
    return (struct leat_slice){(const uint8_t *)bytes, len};
}

static inline bool leat_slice_equal(struct leat_slice a, struct leat_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* printf("%.*s", LEAT_SLICE_ARG(s)); cuts at INT_MAX, which no name reaches. */
#define LEAT_SLICE_ARG(slice) (int)(slice).len, (const char *)(slice).ptr

#endif
