/*
 * A growable buffer with a named maximum.
 *
 * Appending reserves first and then writes, so the hot path pays one comparison per record:
 *
 *     if (!leat_buf_reserve(&b, bytes_at_most)) → the maximum was reached, nothing changed
 *     leat_buf_u8(&b, …); leat_buf_varint(&b, …);        (these trust the reservation)
 *
 * or, where speed does not matter, leat_buf_append() and friends, which reserve themselves and set
 * `full`, which sticks, when the maximum is reached; check it once at the end.
 *
 * Ownership: init/release; `data` moves when the buffer grows.
 * Bounds:    `max` from limits.h. Out of memory below it aborts (small) or sets `full` (large
 * growth). Threads:   one owner.
 */
#ifndef LEAT_BUF_H
#define LEAT_BUF_H

#include <leat/err.h>
#include <leat/slice.h>

struct leat_buf {
    uint8_t *data;
    size_t len;
    size_t capacity;
    size_t max;
    bool full; /* an append did not fit */
};

void leat_buf_init(struct leat_buf *buf, size_t max);
void leat_buf_release(struct leat_buf *buf); /* accepts a zeroed one; leaves a zeroed one */

/* Grows `data` to hold `more` bytes behind `len`. False, and nothing changed, past `max`. */
bool leat_buf_grow(struct leat_buf *buf, size_t more) LEAT_MUST_CHECK;

/* Gives memory back when more than `keep` bytes are held; the content must fit in `keep`. */
void leat_buf_shrink(struct leat_buf *buf, size_t keep);

static inline LEAT_MUST_CHECK bool leat_buf_reserve(struct leat_buf *buf, size_t more)
{
    return buf->capacity - buf->len >= more || leat_buf_grow(buf, more);
}

static inline struct leat_slice leat_buf_slice(const struct leat_buf *buf)
{
    return (struct leat_slice){buf->data, buf->len};
}

static inline void leat_buf_reset(struct leat_buf *buf)
{
    buf->len = 0;
    buf->full = false;
}

/* --- these trust an earlier reservation ------------------------------------------------------ */

static inline void leat_buf_u8(struct leat_buf *buf, uint8_t v)
{
    buf->data[buf->len++] = v;
}

static inline void leat_buf_raw(struct leat_buf *buf, const void *bytes, size_t len)
{
    if (len)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
}

static inline void leat_buf_le32(struct leat_buf *buf, uint32_t v)
{
    leat_buf_raw(buf, &v, sizeof v);
}

static inline void leat_buf_le64(struct leat_buf *buf, uint64_t v)
{
    leat_buf_raw(buf, &v, sizeof v);
}

#define LEAT_VARINT_BYTES_MAX 10

static inline void leat_buf_varint(struct leat_buf *buf, uint64_t v)
{
    uint8_t *at = buf->data + buf->len; /* or each byte would load and store `len` */
    for (; v >= 0x80; v >>= 7)
        *at++ = (uint8_t)(v | 0x80);
    *at++ = (uint8_t)v;
    buf->len = (size_t)(at - buf->data);
}

static inline void leat_buf_zigzag(struct leat_buf *buf, int64_t v)
{
    leat_buf_varint(buf, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

static inline void leat_buf_counted(struct leat_buf *buf, struct leat_slice s)
{
    leat_buf_varint(buf, s.len);
    leat_buf_raw(buf, s.ptr, s.len);
}

/* --- these reserve and set `full` ------------------------------------------------------------ */

void leat_buf_append(struct leat_buf *buf, struct leat_slice bytes);
void leat_buf_append_text(struct leat_buf *buf, const char *text);
void leat_buf_append_varint(struct leat_buf *buf, uint64_t v);
void leat_buf_append_counted(struct leat_buf *buf, struct leat_slice bytes);
void leat_buf_format(struct leat_buf *buf, const char *format, ...) LEAT_PRINTF(2, 3);

/* A NUL behind the content (not counted in len) and the content as text; "" if it does not fit. */
const char *leat_buf_text(struct leat_buf *buf);

#endif
