/*
 * Writing is on the hot path: one reservation per frame, then straight stores. The frame's head is
 * a fixed four bytes that are filled in last, so nothing is measured twice or moved.
 *
 * Reading trusts nothing: frames are cut out first and must be consumed exactly.
 */
#include "codec/record.h"

#include <leat/hash.h>

enum {
    FRAME_HEAD_BYTES = 4,
    FRAME_LENGTH_MAX = (1 << 24) - 1,
    EVENT_FIXED_MAX = 64 + 8 * LEAT_VARINT_BYTES_MAX,
    EXTERNAL_BIT = 0x80, /* on a value's kind: the content is an external reference */
    EXTERNAL_BYTES_MAX = 1 + 2 * LEAT_VARINT_BYTES_MAX + 8,
};

enum event_flag {
    FLAG_BEFORE_KEY = 1,
    FLAG_BEFORE_FULL = 2,
    FLAG_AFTER = 4,
    FLAG_CASCADE = 8,
    FLAG_RESTART = 16,
    FLAG_TRANSACTIONAL = 32,
    FLAG_BODY = 64,
    FLAG_TIMES = 128, /* event and valid time differ from the commit time */
};

/* --- measuring -------------------------------------------------------------------------------- */

static size_t measure_values(const struct leat_value *values, uint32_t count, size_t inline_max,
                             uint32_t *long_count)
{
    size_t bytes = (size_t)count * (1 + 3 * LEAT_VARINT_BYTES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (!leat_kind_is_text(values[i].kind))
            continue;
        bytes += values[i].text.len;
        *long_count += values[i].text.len > inline_max;
    }
    return bytes;
}

size_t leat_record_measure(const struct leat_event *e, size_t inline_max, uint32_t *ret_long_count)
{
    uint32_t long_count = e->body.len > inline_max;
    size_t bytes = FRAME_HEAD_BYTES + EVENT_FIXED_MAX + EXTERNAL_BYTES_MAX + e->topic.len +
                   e->body.len + e->metadata.len;
    bytes += measure_values(e->attrs, e->attr_count, SIZE_MAX, &long_count);
    bytes += measure_values(e->before.values, e->before.count, inline_max, &long_count);
    bytes += measure_values(e->after.values, e->after.count, inline_max, &long_count);
    *ret_long_count = long_count;
    return bytes;
}

/* Finds the n-th long value of a row, counting *n down. */
static bool row_long_value(const struct leat_row *row, size_t inline_max, uint32_t *n,
                           struct leat_slice *ret_value)
{
    for (uint32_t i = 0; i < row->count; i++) {
        const struct leat_value *v = &row->values[i];
        if (!leat_kind_is_text(v->kind) || v->text.len <= inline_max)
            continue;
        if (*n == 0) {
            *ret_value = v->text;
            return true;
        }
        --*n;
    }
    return false;
}

struct leat_slice leat_record_long_value(const struct leat_event *e, size_t inline_max, uint32_t n)
{
    struct leat_slice value;
    if (row_long_value(&e->before, inline_max, &n, &value) ||
        row_long_value(&e->after, inline_max, &n, &value))
        return value;
    return e->body;
}

/* --- writing ---------------------------------------------------------------------------------- */

static size_t frame_begin(struct leat_buf *buf)
{
    size_t at = buf->len;
    buf->len += FRAME_HEAD_BYTES;
    return at;
}

static void frame_end(struct leat_buf *buf, size_t at, enum leat_frame frame)
{
    uint32_t head = (uint32_t)frame << 24 | (uint32_t)(buf->len - at - FRAME_HEAD_BYTES);
    memcpy(buf->data + at, &head, sizeof head);
}

static void put_attrs(struct leat_buf *buf, const struct leat_value *attrs, uint32_t count)
{
    leat_buf_u8(buf, (uint8_t)count);
    for (uint32_t i = 0; i < count; i++)
        leat_value_write(buf, &attrs[i]);
}

bool leat_record_put_transaction(struct leat_buf *buf, const struct leat_transaction *t)
{
    uint32_t none = 0;
    size_t bytes = FRAME_HEAD_BYTES + EVENT_FIXED_MAX + t->id.len +
                   measure_values(t->attrs, t->attr_count, SIZE_MAX, &none);
    if (bytes > FRAME_LENGTH_MAX || !leat_buf_reserve(buf, bytes))
        return false;
    size_t at = frame_begin(buf);
    leat_buf_varint(buf, t->origin ? t->origin->ref : 0);
    leat_buf_counted(buf, t->id);
    leat_buf_zigzag(buf, t->commit_time_us);
    put_attrs(buf, t->attrs, t->attr_count);
    frame_end(buf, at, LEAT_FRAME_TRANSACTION);
    return true;
}

bool leat_record_put_commit(struct leat_buf *buf, uint64_t total)
{
    if (!leat_buf_reserve(buf, FRAME_HEAD_BYTES + LEAT_VARINT_BYTES_MAX))
        return false;
    size_t at = frame_begin(buf);
    leat_buf_varint(buf, total);
    frame_end(buf, at, LEAT_FRAME_COMMIT);
    return true;
}

static void put_external(struct leat_buf *buf, uint8_t kind, const struct leat_external *x)
{
    leat_buf_u8(buf, kind | EXTERNAL_BIT);
    leat_buf_varint(buf, x->set);
    leat_buf_varint(buf, x->raw_len);
    leat_buf_le64(buf, x->hash);
}

/* Gives back the first external reference that was not used. */
static const struct leat_external *put_row(struct leat_buf *buf, const struct leat_row *row,
                                           size_t inline_max, const struct leat_external *externals)
{
    leat_buf_varint(buf, row->count);
    for (uint32_t i = 0; i < row->count; i++) {
        const struct leat_value *v = &row->values[i];
        if (leat_kind_is_text(v->kind) && v->text.len > inline_max)
            put_external(buf, v->kind, externals++);
        else
            leat_value_write(buf, v);
    }
    return externals;
}

static uint8_t event_flags(const struct leat_event *e, const struct leat_transaction *t)
{
    unsigned flags = 0;
    flags |= e->before_form == LEAT_BEFORE_KEY ? FLAG_BEFORE_KEY : 0;
    flags |= e->before_form == LEAT_BEFORE_FULL ? FLAG_BEFORE_FULL : 0;
    flags |= e->after.count ? FLAG_AFTER : 0;
    flags |= e->truncate_cascade ? FLAG_CASCADE : 0;
    flags |= e->truncate_restart ? FLAG_RESTART : 0;
    flags |= e->transactional ? FLAG_TRANSACTIONAL : 0;
    flags |= e->topic.len || e->body.len || e->metadata.len ? FLAG_BODY : 0;
    flags |= !t || e->event_time_us != t->commit_time_us || e->valid_time_us != e->event_time_us
                 ? FLAG_TIMES
                 : 0;
    return (uint8_t)flags;
}

static void put_body(struct leat_buf *buf, const struct leat_event *e, size_t inline_max,
                     const struct leat_external *externals)
{
    leat_buf_counted(buf, e->topic);
    if (e->body.len > inline_max)
        put_external(buf, LEAT_BYTES, externals);
    else
        leat_value_write(buf, &(struct leat_value){.kind = LEAT_BYTES, .text = e->body});
    leat_buf_counted(buf, e->metadata);
}

bool leat_record_put_event(struct leat_buf *buf, const struct leat_event *e,
                           const struct leat_transaction *transaction, size_t size_max,
                           size_t inline_max, const struct leat_external *externals)
{
    if (size_max > FRAME_LENGTH_MAX || !leat_buf_reserve(buf, size_max))
        return false;
    uint8_t flags = event_flags(e, transaction);
    size_t at = frame_begin(buf);
    leat_buf_u8(buf, e->op);
    leat_buf_u8(buf, flags);
    leat_buf_varint(buf, e->ordinal);
    leat_buf_varint(buf, e->relation ? e->relation->ref : 0);
    put_attrs(buf, e->attrs, e->attr_count);
    if (flags & FLAG_TIMES) {
        leat_buf_zigzag(buf, e->event_time_us);
        leat_buf_zigzag(buf, e->valid_time_us);
    }
    if (flags & (FLAG_BEFORE_KEY | FLAG_BEFORE_FULL))
        externals = put_row(buf, &e->before, inline_max, externals);
    if (flags & FLAG_AFTER)
        externals = put_row(buf, &e->after, inline_max, externals);
    if (flags & FLAG_BODY)
        put_body(buf, e, inline_max, externals);
    frame_end(buf, at, LEAT_FRAME_EVENT);
    return true;
}

/* --- reading ---------------------------------------------------------------------------------- */

void leat_record_reader_init(struct leat_record_reader *reader, struct leat_slice raw,
                             const struct leat_record_lookup *lookup, struct leat_arena *arena)
{
    *reader = (struct leat_record_reader){
        .frames = leat_reader_of(raw), .lookup = lookup, .arena = arena};
}

static int take_external(const struct leat_record_lookup *lookup, struct leat_reader *r,
                         struct leat_value *v, struct leat_err *err)
{
    struct leat_external x;
    uint8_t kind = leat_reader_u8(r) & (uint8_t)~EXTERNAL_BIT;
    x.set = leat_reader_varint(r);
    x.raw_len = leat_reader_varint(r);
    x.hash = leat_reader_le64(r);
    if (r->bad || !leat_kind_is_text(kind) || x.raw_len > LEAT_VALUE_MAX)
        return leat_fail(err, LEAT_EDATA, "stored record: bad reference to a value in parts");
    *v = (struct leat_value){.kind = kind};
    if (lookup->without_externals)
        return LEAT_OK;
    if (!lookup->external)
        return leat_fail(err, LEAT_EDATA, "stored record: a value in parts is out of reach");
    struct leat_slice bytes;
    int status = lookup->external(lookup->arg, &x, &bytes, err);
    if (status)
        return status;
    if (bytes.len != x.raw_len || leat_hash(bytes) != x.hash)
        return leat_fail(err, LEAT_EDATA, "value in parts %llu does not match its record",
                         (unsigned long long)x.set);
    *v = (struct leat_value){.kind = kind, .text = bytes};
    return LEAT_OK;
}

static int take_value(const struct leat_record_lookup *lookup, struct leat_reader *r,
                      struct leat_value *v, struct leat_err *err)
{
    if (leat_reader_left(r) && (*r->at & EXTERNAL_BIT))
        return take_external(lookup, r, v, err);
    leat_value_read(r, v);
    return LEAT_OK;
}

static int take_row(struct leat_record_reader *reader, struct leat_reader *r,
                    struct leat_row *ret_row, struct leat_err *err)
{
    uint64_t count = leat_reader_varint(r);
    if (r->bad || count > LEAT_COLUMNS_MAX)
        return leat_fail(err, LEAT_EDATA, "stored record: bad column count");
    struct leat_value *values =
        leat_arena_alloc(reader->arena, (count ? (size_t)count : 1) * sizeof *values);
    if (!values)
        return leat_fail(err, LEAT_ELIMIT, "stored record: no memory for a row of %u columns",
                         (unsigned)count);
    for (uint64_t i = 0; i < count; i++) {
        int status = take_value(reader->lookup, r, &values[i], err);
        if (status)
            return status;
    }
    *ret_row = (struct leat_row){(uint32_t)count, values};
    return LEAT_OK;
}

static uint32_t take_attrs(struct leat_reader *r, struct leat_value *attrs)
{
    uint8_t count = leat_reader_u8(r);
    if (count > LEAT_ATTRS_MAX) {
        r->bad = true;
        return 0;
    }
    for (uint8_t i = 0; i < count; i++)
        leat_value_read(r, &attrs[i]);
    return count;
}

static int read_transaction(struct leat_record_reader *reader, struct leat_reader r,
                            struct leat_err *err)
{
    struct leat_transaction t = {.attr_count = 0};
    uint64_t origin = leat_reader_varint(&r);
    t.id = leat_reader_counted(&r);
    t.commit_time_us = leat_reader_zigzag(&r);
    t.attr_count = take_attrs(&r, t.attrs);
    if (!leat_reader_done(&r) || origin > UINT32_MAX || t.id.len > LEAT_TRANSACTION_ID_MAX)
        return leat_fail(err, LEAT_EDATA, "stored record: malformed transaction frame");
    if (origin) {
        int status = reader->lookup->origin(reader->lookup->arg, (uint32_t)origin, &t.origin, err);
        if (status)
            return status;
    }
    reader->transaction = t;
    reader->in_transaction = true;
    return LEAT_OK;
}

static int read_body(struct leat_record_reader *reader, struct leat_reader *r, struct leat_event *e,
                     struct leat_err *err)
{
    struct leat_value body = {.kind = LEAT_ABSENT, .span = {0, 0, 0}};
    e->topic = leat_reader_counted(r);
    int status = take_value(reader->lookup, r, &body, err);
    if (status)
        return status;
    if (body.kind != LEAT_BYTES)
        r->bad = true;
    else
        e->body = body.text;
    e->metadata = leat_reader_counted(r);
    return LEAT_OK;
}

static void flags_to_event(uint8_t flags, struct leat_event *e)
{
    e->before_form = flags & FLAG_BEFORE_FULL  ? LEAT_BEFORE_FULL
                     : flags & FLAG_BEFORE_KEY ? LEAT_BEFORE_KEY
                                               : LEAT_BEFORE_NONE;
    e->truncate_cascade = flags & FLAG_CASCADE;
    e->truncate_restart = flags & FLAG_RESTART;
    e->transactional = flags & FLAG_TRANSACTIONAL;
}

static int read_rows(struct leat_record_reader *reader, struct leat_reader *r, uint8_t flags,
                     struct leat_event *e, struct leat_err *err)
{
    int status = LEAT_OK;
    if (flags & (FLAG_BEFORE_KEY | FLAG_BEFORE_FULL))
        status = take_row(reader, r, &e->before, err);
    if (!status && (flags & FLAG_AFTER))
        status = take_row(reader, r, &e->after, err);
    if (!status && (flags & FLAG_BODY))
        status = read_body(reader, r, e, err);
    return status;
}

/* A row must fit the columns that it claims to have. */
static bool rows_fit(const struct leat_event *e)
{
    uint32_t columns = e->relation ? e->relation->column_count : 0;
    return (!e->before.count || e->before.count == columns) &&
           (!e->after.count || e->after.count == columns);
}

static int read_event(struct leat_record_reader *reader, struct leat_reader r,
                      struct leat_event *ret_event, struct leat_err *err)
{
    struct leat_event e = {.op = leat_reader_u8(&r)};
    uint8_t flags = leat_reader_u8(&r);
    uint64_t ordinal = leat_reader_varint(&r);
    uint64_t relation = leat_reader_varint(&r);
    e.attr_count = take_attrs(&r, e.attrs);
    e.transaction = reader->in_transaction ? &reader->transaction : NULL;
    e.event_time_us =
        flags & FLAG_TIMES ? leat_reader_zigzag(&r) : reader->transaction.commit_time_us;
    e.valid_time_us = flags & FLAG_TIMES ? leat_reader_zigzag(&r) : e.event_time_us;
    flags_to_event(flags, &e);
    if (r.bad || e.op == 0 || e.op >= LEAT_OP_COUNT || ordinal > UINT32_MAX ||
        relation > UINT32_MAX)
        return leat_fail(err, LEAT_EDATA, "stored record: malformed event frame");
    e.ordinal = (uint32_t)ordinal;
    int status = LEAT_OK;
    if (relation)
        status = reader->lookup->schema(reader->lookup->arg, (uint32_t)relation, &e.relation, err);
    if (!status)
        status = read_rows(reader, &r, flags, &e, err);
    if (status)
        return status;
    if (!leat_reader_done(&r) || !rows_fit(&e))
        return leat_fail(err, LEAT_EDATA, "stored record: malformed event frame");
    *ret_event = e;
    return LEAT_OK;
}

int leat_record_next(struct leat_record_reader *reader, enum leat_frame *ret_frame,
                     struct leat_event *ret_event, uint64_t *ret_total, struct leat_err *err)
{
    if (leat_reader_done(&reader->frames))
        return LEAT_EOF;
    uint32_t head = leat_reader_le32(&reader->frames);
    struct leat_reader body =
        leat_reader_of(leat_reader_bytes(&reader->frames, head & FRAME_LENGTH_MAX));
    if (reader->frames.bad)
        return leat_fail(err, LEAT_EDATA, "stored record: a frame is cut short");
    *ret_frame = (enum leat_frame)(head >> 24);
    switch (*ret_frame) {
    case LEAT_FRAME_TRANSACTION:
        return read_transaction(reader, body, err);
    case LEAT_FRAME_EVENT:
        return read_event(reader, body, ret_event, err);
    case LEAT_FRAME_COMMIT:
        *ret_total = leat_reader_varint(&body);
        reader->in_transaction = false;
        if (!leat_reader_done(&body))
            return leat_fail(err, LEAT_EDATA, "stored record: malformed commit frame");
        return LEAT_OK;
    }
    return leat_fail(err, LEAT_EDATA, "stored record: unknown frame %u", (unsigned)(head >> 24));
}
