/*
 * Each message is decoded by one function in wire order, over a reader whose `bad` sticks; one
 * check at the end of pgoutput_decode() closes them all: nothing missing, nothing left.
 *
 * The problem of the hot path: an INSERT of six columns passes here for every row of the source,
 * while the server needs about a microsecond to send it. So a tuple is one loop without allocation
 * over an array that is as wide as the widest row so far, and nothing is copied: a field is a slice
 * of the receive buffer.
 *
 *   1. Bytes are never trusted: counts are compared with the bytes that are left before storage is
 *      grown.
 *   2. A failed decode leaves the decoder as it was: `in_stream` changes only after the final
 *      check.
 *   3. Letters are reused by the protocol ('K', 'O', 'r'): they are read by position, never by
 *      look.
 */
#include "sources/postgres/pgoutput.h"

#include <leat/limits.h>
#include <leat/reader.h>

#include <stdlib.h>

/* Postgres counts from 2000-01-01, we from 1970-01-01. */
#define EPOCH_SHIFT_US UINT64_C(946684800000000)

enum { STORAGE_FIRST = 64, FIELD_BYTES_MIN = 1, COLUMN_BYTES_MIN = 10 };

void pgoutput_init(struct pgoutput *decoder)
{
    *decoder = (struct pgoutput){.in_stream = false};
}

void pgoutput_release(struct pgoutput *decoder)
{
    free(decoder->before.items);
    free(decoder->after.items);
    free(decoder->columns);
    pgoutput_init(decoder);
}

void pgoutput_reset(struct pgoutput *decoder)
{
    decoder->in_stream = false;
}

/* Storage for `count` items of `size` bytes; the old content is of no use. It is small and bounded
 * by LEAT_COLUMNS_MAX, so being out of memory ends the process. */
static void *storage_grow(void *items, size_t count, size_t size, size_t *ret_capacity)
{
    size_t capacity = STORAGE_FIRST;
    while (capacity < count)
        capacity *= 2;
    free(items);
    items = calloc(capacity, size);
    if (!items)
        abort();
    *ret_capacity = capacity;
    return items;
}

/* A count that cannot be true is bad before anything is reserved for it. */
static inline uint16_t read_count(struct leat_reader *r, size_t item_bytes_min)
{
    uint16_t count = leat_reader_be16(r);
    if (count > LEAT_COLUMNS_MAX || count * item_bytes_min > leat_reader_left(r))
        r->bad = true;
    return r->bad ? 0 : count;
}

/* Two's complement on both sides: a forged time wraps instead of overflowing. */
static int64_t read_time(struct leat_reader *r)
{
    return (int64_t)(leat_reader_be64(r) + EPOCH_SHIFT_US);
}

static struct leat_slice read_schema(struct leat_reader *r)
{
    struct leat_slice schema = leat_reader_text(r);
    return schema.len ? schema : LEAT_SLICE_LITERAL("pg_catalog");
}

/* --- rows ------------------------------------------------------------------------------------- */

/* count u16, then per column: form u8; for 't' and 'b' also length u32 and bytes. The cursor is a
 * copy whose address goes nowhere, so that it stays in registers: that halves the time of a row. */
static struct pgoutput_tuple read_tuple(struct leat_reader *reader, struct pgoutput_fields *storage)
{
    struct leat_reader r = *reader;
    uint16_t count = read_count(&r, FIELD_BYTES_MIN);
    if (__builtin_expect(count >= storage->capacity, 0))
        storage->items =
            storage_grow(storage->items, count + 1u, sizeof *storage->items, &storage->capacity);
    struct pgoutput_field *field = storage->items;
    for (struct pgoutput_field *end = field + count; field < end; field++) {
        field->form = leat_reader_u8(&r);
        field->data = (struct leat_slice){NULL, 0};
        if (field->form == PGOUTPUT_TEXT || field->form == PGOUTPUT_BINARY)
            field->data = leat_reader_bytes(&r, leat_reader_be32(&r));
        else if (field->form != PGOUTPUT_NULL && field->form != PGOUTPUT_UNCHANGED)
            r.bad = true;
    }
    *reader = r;
    return (struct pgoutput_tuple){count, storage->items};
}

static void read_marker(struct leat_reader *r, uint8_t marker)
{
    if (leat_reader_u8(r) != marker)
        r->bad = true;
}

/* relation u32, 'N', tuple */
static void read_insert(struct pgoutput *d, struct leat_reader *r, struct pgoutput_message *m)
{
    m->row.oid = leat_reader_be32(r);
    m->row.old_form = 0;
    m->row.before = (struct pgoutput_tuple){0, NULL};
    read_marker(r, 'N');
    m->row.after = read_tuple(r, &d->after);
}

/* relation u32, ['K' or 'O', tuple], 'N', tuple */
static void read_update(struct pgoutput *d, struct leat_reader *r, struct pgoutput_message *m)
{
    m->row.oid = leat_reader_be32(r);
    m->row.old_form = 0;
    m->row.before = (struct pgoutput_tuple){0, NULL};
    uint8_t marker = leat_reader_u8(r);
    if (marker == 'K' || marker == 'O') {
        m->row.old_form = marker;
        m->row.before = read_tuple(r, &d->before);
        marker = leat_reader_u8(r);
    }
    if (marker != 'N')
        r->bad = true;
    m->row.after = read_tuple(r, &d->after);
}

/* relation u32, 'K' or 'O', tuple */
static void read_delete(struct pgoutput *d, struct leat_reader *r, struct pgoutput_message *m)
{
    m->row.oid = leat_reader_be32(r);
    m->row.old_form = leat_reader_u8(r);
    if (m->row.old_form != 'K' && m->row.old_form != 'O')
        r->bad = true;
    m->row.before = read_tuple(r, &d->before);
    m->row.after = (struct pgoutput_tuple){0, NULL};
}

/* count u32, options u8, relation u32 each */
static void read_truncate(struct leat_reader *r, struct pgoutput_message *m)
{
    m->truncate.count = leat_reader_be32(r);
    m->truncate.options = leat_reader_u8(r);
    m->truncate.oids = leat_reader_bytes(r, (size_t)m->truncate.count * sizeof(uint32_t));
}

uint32_t pgoutput_truncate_oid(const struct pgoutput_message *message, uint32_t i)
{
    uint32_t oid;
    memcpy(&oid, message->truncate.oids.ptr + (size_t)i * sizeof oid, sizeof oid);
    return __builtin_bswap32(oid);
}

/* flags u8, LSN u64, prefix text, length u32, bytes */
static void read_message(struct leat_reader *r, struct pgoutput_message *m)
{
    m->message.flags = leat_reader_u8(r);
    m->message.lsn = leat_reader_be64(r);
    m->message.prefix = leat_reader_text(r);
    m->message.content = leat_reader_bytes(r, leat_reader_be32(r));
}

/* --- shapes ----------------------------------------------------------------------------------- */

/* relation u32, schema text, table text, identity u8, count u16,
 * then per column: flags u8, name text, type u32, typmod i32 */
static void read_relation(struct pgoutput *d, struct leat_reader *r, struct pgoutput_message *m)
{
    m->relation.oid = leat_reader_be32(r);
    m->relation.schema = read_schema(r);
    m->relation.table = leat_reader_text(r);
    m->relation.identity = leat_reader_u8(r);
    m->relation.count = read_count(r, COLUMN_BYTES_MIN);
    if (m->relation.count >= d->columns_capacity)
        d->columns = storage_grow(d->columns, m->relation.count + 1u, sizeof *d->columns,
                                  &d->columns_capacity);
    for (struct pgoutput_column *c = d->columns; c < d->columns + m->relation.count; c++) {
        c->flags = leat_reader_u8(r);
        c->name = leat_reader_text(r);
        c->type = leat_reader_be32(r);
        c->typmod = (int32_t)leat_reader_be32(r);
        if (c->name.len > LEAT_NAME_MAX)
            r->bad = true;
    }
    m->relation.columns = d->columns;
    if (m->relation.schema.len > LEAT_NAME_MAX || m->relation.table.len > LEAT_NAME_MAX)
        r->bad = true;
}

/* type u32, schema text, name text */
static void read_type(struct leat_reader *r, struct pgoutput_message *m)
{
    m->type_name.oid = leat_reader_be32(r);
    m->type_name.schema = read_schema(r);
    m->type_name.name = leat_reader_text(r);
}

/* --- transactions ----------------------------------------------------------------------------- */

/* commit LSN u64, commit time i64, xid u32 */
static void read_begin(struct leat_reader *r, struct pgoutput_message *m)
{
    m->begin.commit_lsn = leat_reader_be64(r);
    m->begin.commit_time_us = read_time(r);
    m->begin.xid = leat_reader_be32(r);
}

/* flags u8, commit LSN u64, end LSN u64, commit time i64; the xid of a STREAM_COMMIT is read
 * before */
static void read_commit(struct leat_reader *r, uint32_t xid, struct pgoutput_message *m)
{
    m->commit.xid = xid;
    m->commit.flags = leat_reader_u8(r);
    m->commit.commit_lsn = leat_reader_be64(r);
    m->commit.end_lsn = leat_reader_be64(r);
    m->commit.commit_time_us = read_time(r);
}

/* commit LSN u64, name text */
static void read_origin(struct leat_reader *r, struct pgoutput_message *m)
{
    m->origin.lsn = leat_reader_be64(r);
    m->origin.name = leat_reader_text(r);
}

/* xid u32, first u8 */
static void read_stream_start(struct leat_reader *r, struct pgoutput_message *m)
{
    m->stream_start.xid = leat_reader_be32(r);
    m->stream_start.first = leat_reader_u8(r) != 0;
}

/* xid u32, subxid u32; with streaming=parallel also abort LSN u64, abort time i64. Nothing but the
 * length tells the two apart, and both are whole messages. */
static void read_stream_abort(struct leat_reader *r, struct pgoutput_message *m)
{
    m->stream_abort.xid = leat_reader_be32(r);
    m->stream_abort.subxid = leat_reader_be32(r);
    m->stream_abort.has_lsn = leat_reader_left(r) != 0;
    m->stream_abort.abort_lsn = m->stream_abort.has_lsn ? leat_reader_be64(r) : 0;
    m->stream_abort.abort_time_us = m->stream_abort.has_lsn ? read_time(r) : 0;
}

/* [flags u8], LSN u64, end LSN u64, time i64, xid u32, gid text */
static void read_prepare(struct leat_reader *r, bool has_flags, struct pgoutput_message *m)
{
    m->prepare.flags = has_flags ? leat_reader_u8(r) : 0;
    m->prepare.lsn = leat_reader_be64(r);
    m->prepare.end_lsn = leat_reader_be64(r);
    m->prepare.time_us = read_time(r);
    m->prepare.xid = leat_reader_be32(r);
    m->prepare.gid = leat_reader_text(r);
}

/* flags u8, prepare's end LSN u64, rollback's end LSN u64, both times i64, xid u32, gid text */
static void read_rollback_prepared(struct leat_reader *r, struct pgoutput_message *m)
{
    m->rollback_prepared.flags = leat_reader_u8(r);
    m->rollback_prepared.prepare_end_lsn = leat_reader_be64(r);
    m->rollback_prepared.rollback_end_lsn = leat_reader_be64(r);
    m->rollback_prepared.prepare_time_us = read_time(r);
    m->rollback_prepared.rollback_time_us = read_time(r);
    m->rollback_prepared.xid = leat_reader_be32(r);
    m->rollback_prepared.gid = leat_reader_text(r);
}

/* --- dispatch --------------------------------------------------------------------------------- */

/* Changes and shapes: the messages that carry an xid inside a stream. False: not one of them. */
static inline bool read_change(struct pgoutput *d, struct leat_reader *r,
                               struct pgoutput_message *m)
{
    switch ((enum pgoutput_type)m->type) {
    case PGOUTPUT_INSERT:
        read_insert(d, r, m);
        return true;
    case PGOUTPUT_UPDATE:
        read_update(d, r, m);
        return true;
    case PGOUTPUT_DELETE:
        read_delete(d, r, m);
        return true;
    case PGOUTPUT_RELATION:
        read_relation(d, r, m);
        return true;
    case PGOUTPUT_TYPE:
        read_type(r, m);
        return true;
    case PGOUTPUT_TRUNCATE:
        read_truncate(r, m);
        return true;
    case PGOUTPUT_MESSAGE:
        read_message(r, m);
        return true;
    default:
        return false;
    }
}

/* The frame around changes. False: an unknown tag, or one that may not stand on this side of S and
 * E. */
static bool read_frame(bool in_stream, struct leat_reader *r, struct pgoutput_message *m)
{
    enum pgoutput_type type = (enum pgoutput_type)m->type;
    if (type == PGOUTPUT_ORIGIN) {
        read_origin(r, m);
        return true;
    }
    if (in_stream || type == PGOUTPUT_STREAM_STOP)
        return in_stream && type == PGOUTPUT_STREAM_STOP;
    switch (type) {
    case PGOUTPUT_BEGIN:
        read_begin(r, m);
        return true;
    case PGOUTPUT_COMMIT:
        read_commit(r, 0, m);
        return true;
    case PGOUTPUT_STREAM_START:
        read_stream_start(r, m);
        return true;
    case PGOUTPUT_STREAM_COMMIT:
        read_commit(r, leat_reader_be32(r), m);
        return true;
    case PGOUTPUT_STREAM_ABORT:
        read_stream_abort(r, m);
        return true;
    case PGOUTPUT_BEGIN_PREPARE:
        read_prepare(r, false, m);
        return true;
    case PGOUTPUT_PREPARE:
    case PGOUTPUT_COMMIT_PREPARED:
    case PGOUTPUT_STREAM_PREPARE:
        read_prepare(r, true, m);
        return true;
    case PGOUTPUT_ROLLBACK_PREPARED:
        read_rollback_prepared(r, m);
        return true;
    default:
        return false;
    }
}

const char *pgoutput_type_name(uint8_t type)
{
    static const char *const names[256] = {
        [PGOUTPUT_BEGIN] = "BEGIN",
        [PGOUTPUT_COMMIT] = "COMMIT",
        [PGOUTPUT_ORIGIN] = "ORIGIN",
        [PGOUTPUT_RELATION] = "RELATION",
        [PGOUTPUT_TYPE] = "TYPE",
        [PGOUTPUT_INSERT] = "INSERT",
        [PGOUTPUT_UPDATE] = "UPDATE",
        [PGOUTPUT_DELETE] = "DELETE",
        [PGOUTPUT_TRUNCATE] = "TRUNCATE",
        [PGOUTPUT_MESSAGE] = "MESSAGE",
        [PGOUTPUT_STREAM_START] = "STREAM_START",
        [PGOUTPUT_STREAM_STOP] = "STREAM_STOP",
        [PGOUTPUT_STREAM_COMMIT] = "STREAM_COMMIT",
        [PGOUTPUT_STREAM_ABORT] = "STREAM_ABORT",
        [PGOUTPUT_BEGIN_PREPARE] = "BEGIN_PREPARE",
        [PGOUTPUT_PREPARE] = "PREPARE",
        [PGOUTPUT_COMMIT_PREPARED] = "COMMIT_PREPARED",
        [PGOUTPUT_ROLLBACK_PREPARED] = "ROLLBACK_PREPARED",
        [PGOUTPUT_STREAM_PREPARE] = "STREAM_PREPARE",
    };
    return names[type] ? names[type] : "unknown";
}

static int fail(const struct pgoutput *d, struct leat_slice payload, const struct leat_reader *r,
                bool known, struct leat_err *err)
{
    uint8_t type = payload.len ? payload.ptr[0] : 0;
    const char *name = pgoutput_type_name(type);
    if (!payload.len)
        return leat_fail(err, LEAT_EPROTO, "pgoutput sent an empty message");
    if (!known)
        return leat_fail(err, LEAT_EPROTO, "pgoutput sent %s (tag 0x%02x, %zu bytes) %s a stream",
                         name, type, payload.len, d->in_stream ? "inside of" : "outside of");
    if (r->bad)
        return leat_fail(err, LEAT_EPROTO,
                         "pgoutput's %s of %zu bytes is cut short or malformed near byte %zu", name,
                         payload.len, payload.len - leat_reader_left(r));
    return leat_fail(err, LEAT_EPROTO, "pgoutput's %s of %zu bytes has %zu bytes too many", name,
                     payload.len, leat_reader_left(r));
}

int pgoutput_decode(struct pgoutput *decoder, struct leat_slice payload,
                    struct pgoutput_message *ret_message, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(payload);
    struct pgoutput_message m;
    struct leat_reader after_tag;
    m.type = leat_reader_u8(&r);
    m.in_stream = decoder->in_stream;
    m.xid = 0;
    after_tag = r;
    if (m.in_stream)
        m.xid = leat_reader_be32(&r);
    bool known = read_change(decoder, &r, &m);
    if (!known) { /* frames carry no xid of this kind */
        r = after_tag;
        m.xid = 0;
        known = read_frame(decoder->in_stream, &r, &m);
    }
    if (!known || !leat_reader_done(&r))
        return fail(decoder, payload, &r, known, err);
    if (m.type == PGOUTPUT_STREAM_START || m.type == PGOUTPUT_STREAM_STOP)
        decoder->in_stream = m.type == PGOUTPUT_STREAM_START;
    *ret_message = m;
    return LEAT_OK;
}
