/*
 * The hot path of every emitter and reader: strings.
 *
 * Nearly all text that databases hold needs nothing done to it, so the loop copies first and looks
 * afterwards: sixteen bytes are loaded, stored at the destination and tested at once; only the place behind
 * the last good byte decides how much of the store counts. One signed comparison finds both control
 * characters and bytes >= 0x80.
 *
 * A string is written in chunks of 1 KiB of input with room for the worst case (six bytes a byte) reserved
 * once, so that the inner loop never compares with the buffer's end.
 */
#include "json_writer.h"

#include "digits.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum {
    CHUNK_BYTES = 1024,
    ESCAPED_BYTES = 6, /* \u001f */
    SLACK_BYTES = 32,  /* a store past the last good byte, a sequence past the chunk's end, two quotes */
};

/* What stands behind the backslash; 'u' for \u00XX; 0: no escape. */
static const uint8_t ESCAPES[128] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u', 'u', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
    ['"'] = '"', ['\\'] = '\\',
};

struct cursor {
    const uint8_t *in;
    uint8_t *out;
};

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* The high bit of each byte that needs attention; exact for the lowest such byte, which is all we use. */
static inline uint64_t attention8(uint64_t x)
{
    uint64_t quote = x ^ EACH_BYTE('"'), slash = x ^ EACH_BYTE('\\');
    uint64_t found = x | ((x - EACH_BYTE(0x20)) & ~x) | ((quote - EACH_BYTE(1)) & ~quote) |
                     ((slash - EACH_BYTE(1)) & ~slash);
    return found & EACH_BYTE(0x80);
}

static inline bool plain(uint8_t b)
{
    return b < 0x80 && !ESCAPES[b];
}

/* Copies bytes that need nothing; stops in front of the first that does, or at `stop`. */
static inline void copy_plain(struct cursor *c, const uint8_t *stop)
{
#if defined(__SSE2__)
    while (stop - c->in >= 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)c->in);
        _mm_storeu_si128((__m128i *)c->out, x);
        __m128i found = _mm_or_si128(_mm_cmplt_epi8(x, _mm_set1_epi8(0x20)),
                                     _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')),
                                                  _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))));
        unsigned mask = (unsigned)_mm_movemask_epi8(found);
        unsigned good = mask ? (unsigned)__builtin_ctz(mask) : 16;
        c->in += good;
        c->out += good;
        if (mask)
            return;
    }
#endif
    while (stop - c->in >= 8) {
        uint64_t x;
        memcpy(&x, c->in, sizeof x);
        memcpy(c->out, &x, sizeof x);
        uint64_t found = attention8(x);
        unsigned good = found ? (unsigned)__builtin_ctzll(found) / 8 : 8;
        c->in += good;
        c->out += good;
        if (found)
            return;
    }
    while (c->in < stop && plain(*c->in))
        *c->out++ = *c->in++;
}

/* Length of the well-formed sequence that starts with a byte >= 0x80 (Unicode 15, table 3-7), or minus the
 * length of the maximal ill-formed subpart. */
static int sequence(const uint8_t *in, const uint8_t *end)
{
    uint8_t lead = in[0], low = 0x80, high = 0xbf;
    int more;
    if (lead >= 0xc2 && lead <= 0xdf) {
        more = 1;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        more = 2;
        low = lead == 0xe0 ? 0xa0 : low;   /* overlong */
        high = lead == 0xed ? 0x9f : high; /* surrogates */
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        more = 3;
        low = lead == 0xf0 ? 0x90 : low;
        high = lead == 0xf4 ? 0x8f : high; /* past U+10FFFF */
    } else {
        return -1;
    }
    for (int i = 1; i <= more; i++) {
        if (end - in <= i || in[i] < low || in[i] > high)
            return -i;
        low = 0x80;
        high = 0xbf;
    }
    return more + 1;
}

/* Copies the bytes >= 0x80 up to `stop`, or a few past it to end a sequence. True: all were well-formed. */
static bool copy_sequences(struct cursor *c, const uint8_t *stop, const uint8_t *end)
{
    bool verbatim = true;
    while (c->in < stop && *c->in >= 0x80) {
        int len = sequence(c->in, end);
        if (len > 0) {
            memcpy(c->out, c->in, (size_t)len);
            c->out += len;
            c->in += len;
        } else {
            memcpy(c->out, "\xef\xbf\xbd", 3);
            c->out += 3;
            c->in -= len;
            verbatim = false;
        }
    }
    return verbatim;
}

static void escape(struct cursor *c)
{
    uint8_t b = *c->in++;
    *c->out++ = '\\';
    *c->out++ = ESCAPES[b];
    if (ESCAPES[b] != 'u')
        return;
    *c->out++ = '0';
    *c->out++ = '0';
    *c->out++ = (uint8_t)('0' + (b >> 4));
    *c->out++ = (uint8_t)"0123456789ABCDEF"[b & 15];
}

bool leat_json_string(struct leat_json *j, struct leat_slice text)
{
    const uint8_t *end = text.len ? text.ptr + text.len : text.ptr;
    struct cursor c = {.in = text.ptr};
    bool verbatim = true;
    leat_json_raw(j, "\"", 1);
    while (c.in < end) {
        size_t chunk = (size_t)(end - c.in) < CHUNK_BYTES ? (size_t)(end - c.in) : CHUNK_BYTES;
        if (!leat_json_room(j, chunk * ESCAPED_BYTES + SLACK_BYTES))
            return verbatim;
        const uint8_t *stop = c.in + chunk;
        c.out = j->buf->data + j->buf->len;
        while (copy_plain(&c, stop), c.in < stop) {
            if (*c.in >= 0x80)
                verbatim &= copy_sequences(&c, stop, end);
            else
                escape(&c);
        }
        j->buf->len = (size_t)(c.out - j->buf->data);
    }
    if (leat_json_room(j, 1))
        leat_buf_u8(j->buf, '"');
    return verbatim;
}

void leat_json_text(struct leat_json *j, const char *text)
{
    (void)leat_json_string(j, leat_slice_text(text));
}

void leat_json_key(struct leat_json *j, struct leat_slice key)
{
    (void)leat_json_string(j, key);
    if (leat_json_room(j, 1))
        leat_buf_u8(j->buf, ':');
    j->comma = false;
}

/* The place to write one value of at most `more` bytes, behind a comma if one is due; NULL: no room. */
static uint8_t *value_room(struct leat_json *j, size_t more)
{
    if (!leat_json_room(j, more + 1))
        return NULL;
    if (j->comma)
        leat_buf_u8(j->buf, ',');
    j->comma = true;
    return j->buf->data + j->buf->len;
}

static void value_end(struct leat_json *j, const uint8_t *at)
{
    j->buf->len = (size_t)(at - j->buf->data);
}

void leat_json_plain(struct leat_json *j, const void *text, size_t len)
{
    uint8_t *at = value_room(j, len + 2);
    if (!at)
        return;
    *at++ = '"';
    memcpy(at, text, len);
    at[len] = '"';
    value_end(j, at + len + 1);
}

void leat_json_int(struct leat_json *j, int64_t v)
{
    uint8_t *at = value_room(j, DIGITS_I64_MAX);
    if (at)
        value_end(j, digits_i64(at, v));
}

void leat_json_uint(struct leat_json *j, uint64_t v)
{
    uint8_t *at = value_room(j, DIGITS_U64_MAX);
    if (at)
        value_end(j, digits_u64(at, v));
}

void leat_json_thousands(struct leat_json *j, int64_t v)
{
    uint8_t *at = value_room(j, DIGITS_I64_MAX + 3);
    if (!at)
        return;
    at = digits_i64(at, v);
    if (v) {
        memcpy(at, "000", 3);
        at += 3;
    }
    value_end(j, at);
}

/* --- bytes ----------------------------------------------------------------------------------- */

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char BASE64URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static uint8_t *base64_group(uint8_t *at, const char *alphabet, uint32_t bits)
{
    *at++ = (uint8_t)alphabet[bits >> 18];
    *at++ = (uint8_t)alphabet[bits >> 12 & 63];
    *at++ = (uint8_t)alphabet[bits >> 6 & 63];
    *at++ = (uint8_t)alphabet[bits & 63];
    return at;
}

static void put_base64(struct leat_json *j, struct leat_slice s, const char *alphabet)
{
    uint8_t *at = value_room(j, (s.len / 3 + 1) * 4 + 2);
    if (!at)
        return;
    const uint8_t *in = s.ptr;
    size_t left = s.len;
    *at++ = '"';
    for (; left >= 3; left -= 3, in += 3)
        at = base64_group(at, alphabet, (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2]);
    if (left) {
        at = base64_group(at, alphabet, (uint32_t)in[0] << 16 | (left == 2 ? (uint32_t)in[1] << 8 : 0));
        memset(at - (3 - left), '=', 3 - left);
    }
    *at++ = '"';
    value_end(j, at);
}

void leat_json_base64(struct leat_json *j, struct leat_slice bytes)
{
    put_base64(j, bytes, BASE64);
}

void leat_json_base64url(struct leat_json *j, struct leat_slice bytes)
{
    put_base64(j, bytes, BASE64URL);
}

static const char HEX[] = "0123456789abcdef";

void leat_json_hex(struct leat_json *j, struct leat_slice bytes)
{
    uint8_t *at = value_room(j, 2 * bytes.len + 2);
    if (!at)
        return;
    *at++ = '"';
    for (size_t i = 0; i < bytes.len; i++) {
        *at++ = (uint8_t)HEX[bytes.ptr[i] >> 4];
        *at++ = (uint8_t)HEX[bytes.ptr[i] & 15];
    }
    *at++ = '"';
    value_end(j, at);
}

void leat_json_uuid(struct leat_json *j, struct leat_slice bytes)
{
    uint8_t text[36], *at = text;
    for (size_t i = 0; i < bytes.len && i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = (uint8_t)HEX[bytes.ptr[i] >> 4];
        *at++ = (uint8_t)HEX[bytes.ptr[i] & 15];
    }
    leat_json_plain(j, text, (size_t)(at - text));
}
