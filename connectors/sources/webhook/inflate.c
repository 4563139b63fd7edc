#include "sources/webhook/inflate.h"

#include <strings.h>
#include <zlib.h>
#include <zstd.h>

enum { CHUNK_BYTES = 64 << 10, ZSTD_WINDOW_LOG_MAX = 23 /* 8 MiB: what the RFC asks for */ };

static const char BROKEN[] = "the body is not what its Content-Encoding says";
static const char BOMB[] = "the body is too long, or grows too much, when it is decompressed";

enum inflate_coding inflate_coding_of(const char *header)
{
    static const struct {
        const char *name;
        enum inflate_coding coding;
    } CODINGS[] = {{"identity", INFLATE_IDENTITY}, {"gzip", INFLATE_GZIP}, {"x-gzip", INFLATE_GZIP},
                   {"deflate", INFLATE_DEFLATE},   {"zstd", INFLATE_ZSTD}};
    if (!header || !*header)
        return INFLATE_IDENTITY;
    for (size_t i = 0; i < sizeof CODINGS / sizeof *CODINGS; i++)
        if (strcasecmp(header, CODINGS[i].name) == 0)
            return CODINGS[i].coding;
    return INFLATE_UNKNOWN;
}

static unsigned refuse(unsigned status, const char *why, const char **ret_why)
{
    *ret_why = why;
    return status;
}

/* Room for the next chunk; false past the bounds. */
static bool room(struct leat_buf *buf, size_t in_len)
{
    if (buf->len > INFLATE_FREE_BYTES && buf->len / INFLATE_RATIO_MAX > in_len)
        return false;
    size_t left = buf->max - buf->len, chunk = left < CHUNK_BYTES ? left : CHUNK_BYTES;
    return chunk && leat_buf_reserve(buf, chunk);
}

/* --- zlib -------------------------------------------------------------------------------------- */

/* RFC 1950's two bytes; some senders leave them out, and then no checksum is there either. */
static bool has_zlib_head(struct leat_slice body)
{
    return body.len >= 2 && (body.ptr[0] & 0x0f) == 8 && (body.ptr[0] << 8 | body.ptr[1]) % 31 == 0;
}

static int window_bits(enum inflate_coding coding, struct leat_slice body)
{
    if (coding == INFLATE_GZIP)
        return 15 + 16;
    return has_zlib_head(body) ? 15 : -15;
}

static unsigned zlib_run(z_stream *z, enum inflate_coding coding, size_t in_len, struct leat_buf *buf,
                         const char **ret_why)
{
    for (;;) {
        if (!room(buf, in_len))
            return refuse(413, BOMB, ret_why);
        size_t free_bytes = buf->capacity - buf->len;
        z->next_out = buf->data + buf->len;
        z->avail_out = (uInt)(free_bytes < CHUNK_BYTES ? free_bytes : CHUNK_BYTES);
        uInt before = z->avail_out;
        int rc = inflate(z, Z_NO_FLUSH);
        buf->len += before - z->avail_out;
        if (rc == Z_STREAM_END && !z->avail_in)
            return 0;
        if (rc == Z_STREAM_END && coding == INFLATE_GZIP)
            rc = inflateReset(z); /* members may follow one another */
        else if (rc == Z_STREAM_END || (rc == Z_OK && !z->avail_in && z->avail_out))
            return refuse(400, BROKEN, ret_why);
        if (rc != Z_OK)
            return refuse(400, BROKEN, ret_why);
    }
}

static unsigned zlib_body(enum inflate_coding coding, struct leat_slice body, struct leat_buf *buf,
                          const char **ret_why)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)body.ptr, .avail_in = (uInt)body.len};
    if (body.len > UINT32_MAX / 2 || inflateInit2(&z, window_bits(coding, body)) != Z_OK)
        return refuse(503, "no memory to decompress the body", ret_why);
    unsigned status = zlib_run(&z, coding, body.len, buf, ret_why);
    inflateEnd(&z);
    return status;
}

/* --- zstd -------------------------------------------------------------------------------------- */

static unsigned zstd_run(ZSTD_DCtx *ctx, struct leat_slice body, struct leat_buf *buf,
                         const char **ret_why)
{
    ZSTD_inBuffer in = {body.ptr, body.len, 0};
    for (;;) {
        if (!room(buf, body.len))
            return refuse(413, BOMB, ret_why);
        ZSTD_outBuffer out = {buf->data + buf->len, buf->capacity - buf->len, 0};
        size_t rest = ZSTD_decompressStream(ctx, &out, &in);
        buf->len += out.pos;
        if (ZSTD_isError(rest))
            return refuse(400, BROKEN, ret_why);
        if (in.pos == in.size && rest == 0)
            return 0;
        if (in.pos == in.size && out.pos < out.size)
            return refuse(400, BROKEN, ret_why);
    }
}

static unsigned zstd_body(struct leat_slice body, struct leat_buf *buf, const char **ret_why)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    if (!ctx)
        return refuse(503, "no memory to decompress the body", ret_why);
    ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
    unsigned status = zstd_run(ctx, body, buf, ret_why);
    ZSTD_freeDCtx(ctx);
    return status;
}

unsigned inflate_body(enum inflate_coding coding, struct leat_slice body, struct leat_buf *buf,
                      const char **ret_why)
{
    switch (coding) {
    case INFLATE_IDENTITY:
        leat_buf_append(buf, body);
        return buf->full ? refuse(413, BOMB, ret_why) : 0;
    case INFLATE_GZIP:
    case INFLATE_DEFLATE:
        return zlib_body(coding, body, buf, ret_why);
    case INFLATE_ZSTD:
        return zstd_body(body, buf, ret_why);
    default:
        return refuse(415, "the Content-Encoding is not known here", ret_why);
    }
}
