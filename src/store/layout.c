#include "store/layout.h"

#include <leat/hash.h>
#include <leat/reader.h>

static void key_u32(struct leat_key *key, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(key->bytes + key->len, &v, sizeof v);
    key->len += sizeof v;
}

static void key_u64(struct leat_key *key, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(key->bytes + key->len, &v, sizeof v);
    key->len += sizeof v;
}

struct leat_key leat_key_log(uint64_t sequence)
{
    struct leat_key key = {.len = 0};
    key_u64(&key, sequence);
    return key;
}

struct leat_key leat_key_source(uint32_t source_id)
{
    struct leat_key key = {.len = 0};
    key_u32(&key, source_id);
    return key;
}

struct leat_key leat_key_note(uint32_t source_id, struct leat_slice name)
{
    struct leat_key key = leat_key_source(source_id);
    size_t len = name.len < LEAT_NOTE_KEY_MAX ? name.len : LEAT_NOTE_KEY_MAX;
    memcpy(key.bytes + key.len, name.ptr, len);
    key.len += len;
    return key;
}

struct leat_key leat_key_schema(uint32_t source_id, uint32_t ref)
{
    struct leat_key key = leat_key_source(source_id);
    key_u32(&key, ref);
    return key;
}

struct leat_key leat_key_part(uint32_t source_id, uint64_t set, uint32_t index)
{
    struct leat_key key = leat_key_source(source_id);
    key_u64(&key, set);
    key_u32(&key, index);
    return key;
}

struct leat_key leat_key_by_source(uint32_t source_id, int64_t ingested_at_us, uint64_t sequence)
{
    struct leat_key key = leat_key_source(source_id);
    key_u64(&key, (uint64_t)ingested_at_us);
    key_u64(&key, sequence);
    return key;
}

uint32_t leat_key_u32(struct leat_slice key, size_t at)
{
    struct leat_reader r = leat_reader_of(key);
    leat_reader_bytes(&r, at);
    return leat_reader_be32(&r);
}

uint64_t leat_key_u64(struct leat_slice key, size_t at)
{
    struct leat_reader r = leat_reader_of(key);
    leat_reader_bytes(&r, at);
    return leat_reader_be64(&r);
}

/* --- small records ---------------------------------------------------------------------------- */

enum { HASH_BYTES = 8 };

static void append_u64(struct leat_buf *buf, uint64_t v)
{
    leat_buf_append(buf, leat_slice_of(&v, sizeof v));
}

static void append_version(struct leat_buf *buf)
{
    uint8_t version = LEAT_LAYOUT_VERSION;
    leat_buf_append(buf, leat_slice_of(&version, 1));
}

void leat_checked_close(struct leat_buf *buf)
{
    append_u64(buf, leat_hash(leat_buf_slice(buf)));
}

bool leat_checked_open(struct leat_slice bytes, struct leat_slice *ret_content)
{
    if (bytes.len < HASH_BYTES)
        return false;
    struct leat_slice content = {bytes.ptr, bytes.len - HASH_BYTES};
    uint64_t hash;
    memcpy(&hash, bytes.ptr + content.len, sizeof hash);
    if (leat_hash(content) != hash)
        return false;
    *ret_content = content;
    return true;
}

bool leat_checked_newer(struct leat_slice bytes)
{
    struct leat_slice content;
    return leat_checked_open(bytes, &content) && content.len &&
           content.ptr[0] > LEAT_LAYOUT_VERSION;
}

/* A reader behind the version of a checked record; a `bad` one for anything else. */
static struct leat_reader record_reader(struct leat_slice bytes)
{
    struct leat_slice content = {NULL, 0};
    bool right = leat_checked_open(bytes, &content);
    struct leat_reader r = leat_reader_of(content);
    if (leat_reader_u8(&r) != LEAT_LAYOUT_VERSION || !right)
        r.bad = true;
    return r;
}

static void read_uuid(struct leat_reader *r, uint8_t *ret_uuid)
{
    struct leat_slice uuid = leat_reader_bytes(r, LEAT_UUID_BYTES);
    if (uuid.len)
        memcpy(ret_uuid, uuid.ptr, uuid.len);
}

void leat_offset_write(struct leat_buf *buf, const struct leat_offset *offset)
{
    append_version(buf);
    leat_buf_append_counted(buf, offset->instance);
    leat_buf_append_varint(buf, offset->part_next);
    leat_buf_append_varint(buf, offset->schema_next);
    append_u64(buf, (uint64_t)offset->committed_at_us);
    leat_buf_append_counted(buf, offset->token);
    leat_checked_close(buf);
}

bool leat_offset_read(struct leat_slice bytes, struct leat_offset *ret_offset)
{
    struct leat_reader r = record_reader(bytes);
    struct leat_offset offset;
    offset.instance = leat_reader_counted(&r);
    offset.part_next = leat_reader_varint(&r);
    offset.schema_next = (uint32_t)leat_reader_varint(&r);
    offset.committed_at_us = (int64_t)leat_reader_le64(&r);
    offset.token = leat_reader_counted(&r);
    if (!leat_reader_done(&r))
        return false;
    *ret_offset = offset;
    return true;
}

void leat_segment_head_write(struct leat_buf *buf, const struct leat_segment_head *head)
{
    append_version(buf);
    leat_buf_append(buf, leat_slice_of(head->uuid, LEAT_UUID_BYTES));
    append_u64(buf, head->first_sequence);
    append_u64(buf, head->previous_hash);
    append_u64(buf, (uint64_t)head->created_at_us);
    leat_checked_close(buf);
}

bool leat_segment_head_read(struct leat_slice bytes, struct leat_segment_head *ret_head)
{
    struct leat_reader r = record_reader(bytes);
    struct leat_segment_head head = {.first_sequence = 0};
    read_uuid(&r, head.uuid);
    head.first_sequence = leat_reader_le64(&r);
    head.previous_hash = leat_reader_le64(&r);
    head.created_at_us = (int64_t)leat_reader_le64(&r);
    if (!leat_reader_done(&r))
        return false;
    *ret_head = head;
    return true;
}

void leat_identity_write(struct leat_buf *buf, const struct leat_identity *identity)
{
    append_version(buf);
    leat_buf_append(buf, leat_slice_of(identity->uuid, LEAT_UUID_BYTES));
    append_u64(buf, identity->epoch);
    append_u64(buf, identity->newest);
    leat_checked_close(buf);
}

bool leat_identity_read(struct leat_slice bytes, struct leat_identity *ret_identity)
{
    struct leat_reader r = record_reader(bytes);
    struct leat_identity identity = {.epoch = 0};
    read_uuid(&r, identity.uuid);
    identity.epoch = leat_reader_le64(&r);
    identity.newest = leat_reader_le64(&r);
    if (!leat_reader_done(&r))
        return false;
    *ret_identity = identity;
    return true;
}
