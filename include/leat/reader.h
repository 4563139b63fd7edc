/*
 * A reader walks over bytes that came from outside. A short read yields zero *and* sets `bad`,
 * which sticks, so a decoder is a straight line in wire order with one check at its end.
 *
 *     struct leat_reader r = leat_reader_of(slice);
 *     uint32_t oid = leat_reader_be32(&r);
 *     struct leat_slice name = leat_reader_text(&r);
 *     if (!leat_reader_done(&r)) → the message was too short, too long or bad
 *
 * Ownership: slices that it returns are views into the bytes it was made over.
 * Bounds:    remaining lengths are compared by subtraction; no pointer ever passes `end`.
 * Threads:   a plain value.
 */
#ifndef LEAT_READER_H
#define LEAT_READER_H

#include <leat/slice.h>

struct leat_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool bad; /* a read went past the end; every later read yields zero */
};

static inline struct leat_reader leat_reader_of(struct leat_slice bytes)
{
    return (struct leat_reader){bytes.ptr, bytes.ptr ? bytes.ptr + bytes.len : bytes.ptr, false};
}

static inline size_t leat_reader_left(const struct leat_reader *r)
{
    return (size_t)(r->end - r->at);
}

/* True when every byte was read and none was missing. */
static inline bool leat_reader_done(const struct leat_reader *r)
{
    return !r->bad && r->at == r->end;
}

/* The next `len` bytes; an empty slice and `bad` if there are fewer. */
static inline struct leat_slice leat_reader_bytes(struct leat_reader *r, size_t len)
{
    if (r->bad || len > leat_reader_left(r)) {
        r->bad = true;
        return (struct leat_slice){NULL, 0};
    }
    struct leat_slice s = {r->at, len};
    r->at += len;
    return s;
}

static inline uint8_t leat_reader_u8(struct leat_reader *r)
{
    if (r->bad || r->at == r->end) {
        r->bad = true;
        return 0;
    }
    return *r->at++;
}

#define LEAT_READER_FIXED(name, type, swap)                                                        \
    static inline type leat_reader_##name(struct leat_reader *r)                                   \
    {                                                                                              \
        struct leat_slice s = leat_reader_bytes(r, sizeof(type));                                  \
        type v = 0;                                                                                \
        if (s.len)                                                                                 \
            memcpy(&v, s.ptr, sizeof v);                                                           \
        return swap(v);                                                                            \
    }
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the stored formats are little-endian and read in place: add swaps to LEAT_READER_FIXED"
#endif
#define LEAT_READER_SAME(v) (v)
LEAT_READER_FIXED(be16, uint16_t, __builtin_bswap16)
LEAT_READER_FIXED(be32, uint32_t, __builtin_bswap32)
LEAT_READER_FIXED(be64, uint64_t, __builtin_bswap64)
LEAT_READER_FIXED(le16, uint16_t, LEAT_READER_SAME)
LEAT_READER_FIXED(le32, uint32_t, LEAT_READER_SAME)
LEAT_READER_FIXED(le64, uint64_t, LEAT_READER_SAME)

/* Bytes up to a NUL, which is read and not part of the slice; no NUL is `bad`. */
static inline struct leat_slice leat_reader_text(struct leat_reader *r)
{
    size_t left = r->bad ? 0 : leat_reader_left(r);
    const uint8_t *nul = left ? memchr(r->at, 0, left) : NULL;
    if (!nul) {
        r->bad = true;
        return (struct leat_slice){NULL, 0};
    }
    struct leat_slice s = {r->at, (size_t)(nul - r->at)};
    r->at = nul + 1;
    return s;
}

/* LEB128: seven bits a byte, low group first, at most ten bytes; an overlong number is `bad`. */
static inline uint64_t leat_reader_varint(struct leat_reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = leat_reader_u8(r);
        if (shift == 63 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return r->bad ? 0 : v;
    }
    r->bad = true;
    return 0;
}

/* A varint of a signed number: 0, -1, 1, -2 … as 0, 1, 2, 3 … */
static inline int64_t leat_reader_zigzag(struct leat_reader *r)
{
    uint64_t v = leat_reader_varint(r);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* A varint length followed by so many bytes. */
static inline struct leat_slice leat_reader_counted(struct leat_reader *r)
{
    uint64_t len = leat_reader_varint(r);
    if (len > leat_reader_left(r)) {
        r->bad = true;
        return (struct leat_slice){NULL, 0};
    }
    return leat_reader_bytes(r, (size_t)len);
}

#endif
