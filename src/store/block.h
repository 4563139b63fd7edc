/*
 * A block is the unit of the log: the frames of one source, compressed, hashed and chained.
 *
 *  offset  bytes
 *       0      4   magic "LEB1"
 *       4      2   format version, 1
 *       6      1   compression: 0 none, 1 zstd
 *       7      1   0
 *       8      8   sequence of the first event; the log's key too       (stamped by the committer)
 *      16      4   count of events
 *      20      4   source number
 *      24      4   raw bytes of the frames
 *      28      4   bytes of the payload
 *      32     16   smallest and largest event time, µs
 *      48      8   ingest time, µs
 *      56      8   XXH3-64 of the payload
 *      64      8   `hash` of the block before it in the log; 0 for the very first   (stamped)
 *      72      8   `hash`: XXH3-64 of bytes 0 … 71                                 (stamped)
 *      80          payload
 *
 * A part (1 MiB or less of one long value, see codec/README.md) has a smaller head:
 *       0      4   magic "LEP1"
 *       4      4   compression
 *       8      4   raw bytes
 *      12      4   index within its set
 *      16      8   XXH3-64 of the payload
 *      24      8   XXH3-64 of bytes 0 … 23
 *      32          payload
 *
 * All little-endian. Building and compressing happens in the source's thread; the committer stamps.
 */
#ifndef STORE_BLOCK_H
#define STORE_BLOCK_H

#include <leat/buf.h>
#include <leat/err.h>

enum { LEAT_BLOCK_HEADER_BYTES = 80, LEAT_PART_HEADER_BYTES = 32 };

enum leat_compression { LEAT_COMPRESSION_NONE = 0, LEAT_COMPRESSION_ZSTD = 1 };

struct leat_block_header {
    uint8_t compression; /* enum leat_compression */
    uint64_t sequence;   /* of its first event */
    uint32_t count;      /* events; their sequences are sequence … sequence + count - 1 */
    uint32_t source_id;
    uint32_t raw_len;
    uint32_t payload_len;
    int64_t min_time_us, max_time_us;
    int64_t ingested_at_us;
    uint64_t payload_hash;
    uint64_t previous_hash;
    uint64_t hash;
};

/* Header (unstamped at first) and payload in one buffer of LEAT_BLOCK_HEADER_BYTES + payload bytes.
 * */
struct leat_block {
    uint8_t *bytes; /* malloc'd; free() */
    size_t len;
    uint32_t count;
};

struct leat_compressor; /* one per thread; keeps its working memory */

int leat_compressor_new(enum leat_compression compression, int level,
                        struct leat_compressor **ret_compressor,
                        struct leat_err *err) LEAT_MUST_CHECK;
void leat_compressor_free(struct leat_compressor *compressor); /* accepts NULL */

/* Builds a block around raw frames; sequence, previous_hash and hash are left zero. A payload that
 * does not shrink is kept uncompressed. `header` gives count, source_id, times; the rest is filled
 * in. */
int leat_block_seal(struct leat_compressor *compressor, struct leat_slice raw,
                    const struct leat_block_header *header, struct leat_block *ret_block,
                    struct leat_err *err) LEAT_MUST_CHECK;

/* Puts sequence and chain into a sealed block; returns its hash. */
uint64_t leat_block_stamp(struct leat_block *block, uint64_t sequence, uint64_t previous_hash);

/* Checks the header alone, by its own hash; bytes behind it are not looked at. LEAT_EDATA. */
int leat_block_parse_header(struct leat_slice bytes, struct leat_block_header *ret_header,
                            struct leat_err *err) LEAT_MUST_CHECK;

/* Checks magic, version, lengths and both hashes; LEAT_EDATA says what is wrong. */
int leat_block_parse(struct leat_slice bytes, struct leat_block_header *ret_header,
                     struct leat_slice *ret_payload, struct leat_err *err) LEAT_MUST_CHECK;

/* Raw frames of a parsed block, into `buf` (reset first), or a view of the payload if uncompressed.
 * */
int leat_block_open(const struct leat_block_header *header, struct leat_slice payload,
                    struct leat_buf *buf, struct leat_slice *ret_raw, struct leat_err *err)
    LEAT_MUST_CHECK;

/* A part around at most LEAT_PART_BYTES raw bytes. */
int leat_part_seal(struct leat_compressor *compressor, struct leat_slice raw, uint32_t index,
                   struct leat_block *ret_part, struct leat_err *err) LEAT_MUST_CHECK;

/* Checks a part and appends its raw bytes to `buf`. */
int leat_part_open(struct leat_slice bytes, uint32_t index, struct leat_buf *buf,
                   struct leat_err *err) LEAT_MUST_CHECK;

#endif
