/*
 * Keys and small records of the store's databases, byte by byte. Nothing here touches LMDB.
 *
 *     log        sequence BE8                                       block (block.h)
 *     offsets    source BE4                                         offset record
 *     offsets    source BE4, key                                    note: its value, hash
 *     schemas    source BE4, ref BE4                                schema bytes, hash
 *     parts      source BE4, set BE8, index BE4                     part (block.h)
 *     by_source  source BE4, ingest time µs BE8, first sequence BE8  count LE4
 *     info       "ready"                                            segment record
 *     meta.mdb   "identity"                                         identity record
 *
 * Keys are big-endian so that LMDB's byte order is the order of the numbers. A small record closes
 * with the XXH3-64 of all its bytes before (I7): a "checked" record. All other numbers are
 * little-endian.
 *
 *     offset     version u8 = 1, counted instance, varint part_next, varint schema_next,
 *                committed_at_us i64, counted token, hash
 *     segment    version u8 = 1, uuid 16, first sequence u64, hash of the block before it u64,
 *                created_at_us i64, hash
 *     identity   version u8 = 1, uuid 16, epoch u64, first sequence of the newest segment u64, hash
 *
 * Ownership: what is read views the bytes it was read from. Threads: plain values.
 * Errors:    readers give false for bytes that are short, long or fail their hash.
 */
#ifndef STORE_LAYOUT_H
#define STORE_LAYOUT_H

#include <leat/buf.h>
#include <leat/limits.h>
#include <leat/slice.h>

enum {
    LEAT_KEY_BYTES_MAX = 4 + LEAT_NOTE_KEY_MAX,
    LEAT_UUID_BYTES = 16,
    LEAT_LAYOUT_VERSION = 1,
};

struct leat_key {
    uint8_t bytes[LEAT_KEY_BYTES_MAX];
    size_t len;
};

struct leat_key leat_key_log(uint64_t sequence);
struct leat_key leat_key_source(uint32_t source_id); /* offsets; also the prefix of the others */
struct leat_key leat_key_note(uint32_t source_id, struct leat_slice key); /* LEAT_NOTE_KEY_MAX */
struct leat_key leat_key_schema(uint32_t source_id, uint32_t ref);
struct leat_key leat_key_part(uint32_t source_id, uint64_t set, uint32_t index);
struct leat_key leat_key_by_source(uint32_t source_id, int64_t ingested_at_us, uint64_t sequence);

/* Numbers inside a key; zero if it is too short for them. */
uint32_t leat_key_u32(struct leat_slice key, size_t at);
uint64_t leat_key_u64(struct leat_slice key, size_t at);

/* Appends the hash of all that `buf` holds. */
void leat_checked_close(struct leat_buf *buf);

/* The bytes in front of a right hash. */
bool leat_checked_open(struct leat_slice bytes, struct leat_slice *ret_content) LEAT_MUST_CHECK;

/* True for a checked record whose hash is right and whose version is above LEAT_LAYOUT_VERSION. */
bool leat_checked_newer(struct leat_slice bytes);

struct leat_offset {
    struct leat_slice instance;
    uint64_t part_next;
    uint32_t schema_next;
    int64_t committed_at_us;
    struct leat_slice token;
};

void leat_offset_write(struct leat_buf *buf, const struct leat_offset *offset); /* sets buf->full */
bool leat_offset_read(struct leat_slice bytes, struct leat_offset *ret_offset) LEAT_MUST_CHECK;

struct leat_segment_head {
    uint8_t uuid[LEAT_UUID_BYTES]; /* of the store it belongs to */
    uint64_t first_sequence;
    uint64_t previous_hash; /* of the last block before it; 0 in the first segment */
    int64_t created_at_us;
};

void leat_segment_head_write(struct leat_buf *buf, const struct leat_segment_head *head);
bool leat_segment_head_read(struct leat_slice bytes, struct leat_segment_head *ret_head)
    LEAT_MUST_CHECK;

struct leat_identity {
    uint8_t uuid[LEAT_UUID_BYTES];
    uint64_t epoch;  /* of the last writer */
    uint64_t newest; /* first sequence of the newest segment; 0: none was made yet */
};

void leat_identity_write(struct leat_buf *buf, const struct leat_identity *identity);
bool leat_identity_read(struct leat_slice bytes,
                        struct leat_identity *ret_identity) LEAT_MUST_CHECK;

#endif
