/*
 * Blocks and parts: a fixed head, a payload that is zstd or plain, and a hash over each.
 *
 * The problem: LMDB has no checksums and hands out a flipped bit as good data (I7). The idea: the
 * head holds the payload's hash and closes with a hash over itself, so that every bit of a block
 * stands under exactly one of the two, and the stamp (sequence, chain) costs a hash of 72 bytes
 * instead of one of the payload.
 *
 * 1. Nothing is believed before its hash was right; lengths are compared for equality, never "at
 *    least".
 * 2. No length from the bytes sizes an allocation before it was held against limits.h.
 *
 * A raw payload is kept when zstd does not make it smaller, and equally when zstd has no memory: a
 * block that is a little larger is better than a stream that stops.
 */
#include "store/block.h"

#include <leat/hash.h>
#include <leat/limits.h>
#include <leat/reader.h>

#include <zstd.h>
#include <zstd_errors.h>

#include <pthread.h>
#include <stdlib.h>

enum {
    BLOCK_MAGIC = 0x3142454c, /* "LEB1" */
    PART_MAGIC = 0x3150454c,  /* "LEP1" */
    BLOCK_VERSION = 1,

    BLOCK_AT_SEQUENCE = 8,
    BLOCK_AT_PREVIOUS = 64,
    BLOCK_AT_HASH = 72, /* and so many bytes are under it */
    PART_AT_HASH = 24,
};

struct leat_compressor {
    ZSTD_CCtx *zstd; /* NULL: nothing is compressed */
};

int leat_compressor_new(enum leat_compression compression, int level,
                        struct leat_compressor **ret_compressor, struct leat_err *err)
{
    struct leat_compressor *compressor = calloc(1, sizeof *compressor);
    if (!compressor)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a compressor");
    if (compression == LEAT_COMPRESSION_ZSTD) {
        compressor->zstd = ZSTD_createCCtx();
        if (!compressor->zstd) {
            free(compressor);
            return leat_fail(err, LEAT_ERETRY, "out of memory for a compressor");
        }
        size_t set = ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_compressionLevel, level);
        if (ZSTD_isError(set)) {
            leat_compressor_free(compressor);
            return leat_fail(err, LEAT_ECONFIG, "zstd does not know level %d: %s", level,
                             ZSTD_getErrorName(set));
        }
    }
    *ret_compressor = compressor;
    return LEAT_OK;
}

void leat_compressor_free(struct leat_compressor *compressor)
{
    if (!compressor)
        return;
    ZSTD_freeCCtx(compressor->zstd);
    free(compressor);
}

/* --- payloads --------------------------------------------------------------------------------- */

struct packed {
    uint8_t *bytes; /* `head` bytes left free, then the payload */
    uint32_t payload_len;
    uint8_t compression;
};

static int payload_pack(struct leat_compressor *compressor, struct leat_slice raw, size_t head,
                        struct packed *ret_packed, struct leat_err *err)
{
    uint8_t *bytes = malloc(head + raw.len);
    if (!bytes)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a block of %zu bytes", raw.len);
    /* One byte less than raw: a payload that does not shrink makes zstd give up. */
    size_t len = 0;
    if (compressor->zstd)
        len = ZSTD_compress2(compressor->zstd, bytes + head, raw.len - 1, raw.ptr, raw.len);
    bool shrunk = compressor->zstd && !ZSTD_isError(len);
    if (shrunk) {
        uint8_t *smaller = realloc(bytes, head + len);
        bytes = smaller ? smaller : bytes;
    } else {
        len = raw.len;
        memcpy(bytes + head, raw.ptr, len);
    }
    *ret_packed = (struct packed){
        .bytes = bytes,
        .payload_len = (uint32_t)len,
        .compression = shrunk ? LEAT_COMPRESSION_ZSTD : LEAT_COMPRESSION_NONE,
    };
    return LEAT_OK;
}

static pthread_key_t decompressor_key;
static pthread_once_t decompressor_once = PTHREAD_ONCE_INIT;

static void decompressor_free(void *zstd)
{
    ZSTD_freeDCtx(zstd);
}

static void decompressor_setup(void)
{
    if (pthread_key_create(&decompressor_key, decompressor_free))
        abort();
}

/* The calling thread's own; NULL without memory. */
static ZSTD_DCtx *decompressor(void)
{
    pthread_once(&decompressor_once, decompressor_setup);
    ZSTD_DCtx *zstd = pthread_getspecific(decompressor_key);
    if (!zstd) {
        zstd = ZSTD_createDCtx();
        if (zstd && pthread_setspecific(decompressor_key, zstd)) {
            ZSTD_freeDCtx(zstd);
            zstd = NULL;
        }
    }
    return zstd;
}

/* Appends exactly raw_len bytes to `buf`, or nothing. */
static int payload_unpack(uint8_t compression, struct leat_slice payload, size_t raw_len,
                          struct leat_buf *buf, struct leat_err *err)
{
    if (!leat_buf_reserve(buf, raw_len))
        return leat_fail(err, LEAT_ELIMIT, "%zu bytes do not fit: %zu of %zu are used", raw_len,
                         buf->len, buf->max);
    if (compression == LEAT_COMPRESSION_NONE) {
        leat_buf_raw(buf, payload.ptr, payload.len);
        return LEAT_OK;
    }
    ZSTD_DCtx *zstd = decompressor();
    if (!zstd)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a decompressor");
    size_t len =
        ZSTD_decompressDCtx(zstd, buf->data + buf->len, raw_len, payload.ptr, payload.len);
    if (ZSTD_isError(len))
        return leat_fail_native(err, LEAT_EDATA, LEAT_DOMAIN_ZSTD, (int64_t)ZSTD_getErrorCode(len),
                                "payload does not decompress: %s", ZSTD_getErrorName(len));
    if (len != raw_len)
        return leat_fail(err, LEAT_EDATA, "payload decompresses to %zu bytes, not %zu", len,
                         raw_len);
    buf->len += len;
    return LEAT_OK;
}

/* --- blocks ----------------------------------------------------------------------------------- */

static void header_write(const struct leat_block_header *h, uint8_t *at)
{
    struct leat_buf out = {.data = at, .capacity = LEAT_BLOCK_HEADER_BYTES};
    leat_buf_le32(&out, BLOCK_MAGIC);
    leat_buf_u8(&out, BLOCK_VERSION);
    leat_buf_u8(&out, 0);
    leat_buf_u8(&out, h->compression);
    leat_buf_u8(&out, 0);
    leat_buf_le64(&out, h->sequence);
    leat_buf_le32(&out, h->count);
    leat_buf_le32(&out, h->source_id);
    leat_buf_le32(&out, h->raw_len);
    leat_buf_le32(&out, h->payload_len);
    leat_buf_le64(&out, (uint64_t)h->min_time_us);
    leat_buf_le64(&out, (uint64_t)h->max_time_us);
    leat_buf_le64(&out, (uint64_t)h->ingested_at_us);
    leat_buf_le64(&out, h->payload_hash);
    leat_buf_le64(&out, h->previous_hash);
    leat_buf_le64(&out, h->hash);
}

int leat_block_seal(struct leat_compressor *compressor, struct leat_slice raw,
                    const struct leat_block_header *header, struct leat_block *ret_block,
                    struct leat_err *err)
{
    if (raw.len == 0 || header->count == 0)
        return leat_fail(err, LEAT_EBUG, "a block without events was sealed");
    if (raw.len > LEAT_BLOCK_RAW_MAX)
        return leat_fail(err, LEAT_ELIMIT, "a block of %zu bytes; at most %u are stored", raw.len,
                         LEAT_BLOCK_RAW_MAX);
    struct packed packed;
    int rc = payload_pack(compressor, raw, LEAT_BLOCK_HEADER_BYTES, &packed, err);
    if (rc)
        return rc;
    struct leat_block_header h = *header;
    h.compression = packed.compression;
    h.raw_len = (uint32_t)raw.len;
    h.payload_len = packed.payload_len;
    h.payload_hash =
        leat_hash(leat_slice_of(packed.bytes + LEAT_BLOCK_HEADER_BYTES, packed.payload_len));
    h.sequence = h.previous_hash = h.hash = 0;
    header_write(&h, packed.bytes);
    *ret_block = (struct leat_block){
        .bytes = packed.bytes,
        .len = LEAT_BLOCK_HEADER_BYTES + (size_t)packed.payload_len,
        .count = header->count,
    };
    return LEAT_OK;
}

uint64_t leat_block_stamp(struct leat_block *block, uint64_t sequence, uint64_t previous_hash)
{
    memcpy(block->bytes + BLOCK_AT_SEQUENCE, &sequence, sizeof sequence);
    memcpy(block->bytes + BLOCK_AT_PREVIOUS, &previous_hash, sizeof previous_hash);
    uint64_t hash = leat_hash(leat_slice_of(block->bytes, BLOCK_AT_HASH));
    memcpy(block->bytes + BLOCK_AT_HASH, &hash, sizeof hash);
    return hash;
}

/* What no writer of ours ever stored, however right its hash is; NULL: nothing of that kind. */
static const char *header_nonsense(const struct leat_block_header *h, uint8_t flags, uint8_t zero)
{
    if (flags || zero || h->compression > LEAT_COMPRESSION_ZSTD)
        return "its compression or flags are unknown";
    if (h->count == 0 || h->sequence == 0 || h->sequence + h->count < h->sequence)
        return "its sequence or count is impossible";
    if (h->raw_len == 0 || h->raw_len > LEAT_BLOCK_RAW_MAX || h->payload_len > h->raw_len)
        return "its lengths are impossible";
    if (h->compression == LEAT_COMPRESSION_NONE && h->payload_len != h->raw_len)
        return "its lengths differ though it is not compressed";
    return NULL;
}

int leat_block_parse_header(struct leat_slice bytes, struct leat_block_header *ret_header,
                            struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(bytes);
    struct leat_block_header h = {0};
    uint32_t magic = leat_reader_le32(&r);
    uint8_t version = leat_reader_u8(&r);
    uint8_t flags = leat_reader_u8(&r); /* the version's upper byte: 0 in all that we know */
    h.compression = leat_reader_u8(&r);
    uint8_t zero = leat_reader_u8(&r);
    h.sequence = leat_reader_le64(&r);
    h.count = leat_reader_le32(&r);
    h.source_id = leat_reader_le32(&r);
    h.raw_len = leat_reader_le32(&r);
    h.payload_len = leat_reader_le32(&r);
    h.min_time_us = (int64_t)leat_reader_le64(&r);
    h.max_time_us = (int64_t)leat_reader_le64(&r);
    h.ingested_at_us = (int64_t)leat_reader_le64(&r);
    h.payload_hash = leat_reader_le64(&r);
    h.previous_hash = leat_reader_le64(&r);
    h.hash = leat_reader_le64(&r);
    if (r.bad)
        return leat_fail(err, LEAT_EDATA, "block of %zu bytes is shorter than its header",
                         bytes.len);
    if (magic != BLOCK_MAGIC)
        return leat_fail(err, LEAT_EDATA, "block does not begin with LEB1");
    if (leat_hash(leat_slice_of(bytes.ptr, BLOCK_AT_HASH)) != h.hash)
        return leat_fail(err, LEAT_EDATA, "block header fails its checksum");
    if (version != BLOCK_VERSION)
        return leat_fail(err, LEAT_EDATA, "block has format version %u, this program knows %d",
                         version, BLOCK_VERSION);
    const char *nonsense = header_nonsense(&h, flags, zero);
    if (nonsense)
        return leat_fail(err, LEAT_EDATA, "block cannot be right: %s", nonsense);
    *ret_header = h;
    return LEAT_OK;
}

int leat_block_parse(struct leat_slice bytes, struct leat_block_header *ret_header,
                     struct leat_slice *ret_payload, struct leat_err *err)
{
    struct leat_block_header h;
    int rc = leat_block_parse_header(bytes, &h, err);
    if (rc)
        return rc;
    struct leat_slice payload = leat_slice_of(bytes.ptr + LEAT_BLOCK_HEADER_BYTES,
                                              bytes.len - LEAT_BLOCK_HEADER_BYTES);
    if (payload.len != h.payload_len)
        return leat_fail(err, LEAT_EDATA, "block has %zu bytes of payload, its header says %u",
                         payload.len, h.payload_len);
    if (leat_hash(payload) != h.payload_hash)
        return leat_fail(err, LEAT_EDATA, "block payload fails its checksum");
    *ret_header = h;
    *ret_payload = payload;
    return LEAT_OK;
}

int leat_block_open(const struct leat_block_header *header, struct leat_slice payload,
                    struct leat_buf *buf, struct leat_slice *ret_raw, struct leat_err *err)
{
    leat_buf_reset(buf);
    if (header->compression == LEAT_COMPRESSION_NONE) {
        *ret_raw = payload;
        return LEAT_OK;
    }
    int rc = payload_unpack(header->compression, payload, header->raw_len, buf, err);
    if (rc)
        return rc;
    *ret_raw = leat_buf_slice(buf);
    return LEAT_OK;
}

/* --- parts ------------------------------------------------------------------------------------ */

int leat_part_seal(struct leat_compressor *compressor, struct leat_slice raw, uint32_t index,
                   struct leat_block *ret_part, struct leat_err *err)
{
    if (raw.len == 0 || raw.len > LEAT_PART_BYTES)
        return leat_fail(err, LEAT_EBUG, "a part of %zu bytes was sealed", raw.len);
    struct packed packed;
    int rc = payload_pack(compressor, raw, LEAT_PART_HEADER_BYTES, &packed, err);
    if (rc)
        return rc;
    struct leat_buf out = {.data = packed.bytes, .capacity = LEAT_PART_HEADER_BYTES};
    leat_buf_le32(&out, PART_MAGIC);
    leat_buf_le32(&out, packed.compression);
    leat_buf_le32(&out, (uint32_t)raw.len);
    leat_buf_le32(&out, index);
    leat_buf_le64(&out, leat_hash(leat_slice_of(packed.bytes + LEAT_PART_HEADER_BYTES,
                                                packed.payload_len)));
    leat_buf_le64(&out, leat_hash(leat_slice_of(packed.bytes, PART_AT_HASH)));
    *ret_part = (struct leat_block){
        .bytes = packed.bytes,
        .len = LEAT_PART_HEADER_BYTES + (size_t)packed.payload_len,
    };
    return LEAT_OK;
}

int leat_part_open(struct leat_slice bytes, uint32_t index, struct leat_buf *buf,
                   struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(bytes);
    uint32_t magic = leat_reader_le32(&r);
    uint32_t compression = leat_reader_le32(&r);
    uint32_t raw_len = leat_reader_le32(&r);
    uint32_t stored_index = leat_reader_le32(&r);
    uint64_t payload_hash = leat_reader_le64(&r);
    uint64_t hash = leat_reader_le64(&r);
    struct leat_slice payload = leat_reader_bytes(&r, leat_reader_left(&r));
    if (r.bad)
        return leat_fail(err, LEAT_EDATA, "part of %zu bytes is shorter than its header",
                         bytes.len);
    if (magic != PART_MAGIC || leat_hash(leat_slice_of(bytes.ptr, PART_AT_HASH)) != hash)
        return leat_fail(err, LEAT_EDATA, "part header fails its checksum");
    if (stored_index != index)
        return leat_fail(err, LEAT_EDATA, "part %u stands where part %u belongs", stored_index,
                         index);
    if (compression > LEAT_COMPRESSION_ZSTD || raw_len == 0 || raw_len > LEAT_PART_BYTES ||
        (compression == LEAT_COMPRESSION_NONE && payload.len != raw_len))
        return leat_fail(err, LEAT_EDATA, "part cannot be right: its lengths are impossible");
    if (leat_hash(payload) != payload_hash)
        return leat_fail(err, LEAT_EDATA, "part payload fails its checksum");
    return payload_unpack((uint8_t)compression, payload, raw_len, buf, err);
}
