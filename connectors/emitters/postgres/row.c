#include "emitters/postgres/row.h"

#include "emitters/postgres/json_check.h"

static const int64_t EPOCH_2000_US = 946684800000000;

const char *pge_row_columns(const struct pge_settings *s)
{
    return s->row_security ? "source_id, external_id, record, metadata, created_at, seq, tenant"
                           : "source_id, external_id, record, metadata, created_at, seq";
}

static void put_i32(struct leat_buf *buf, int32_t v)
{
    uint32_t be = __builtin_bswap32((uint32_t)v);
    leat_buf_append(buf, leat_slice_of(&be, sizeof be));
}

static void put_i64(struct leat_buf *buf, int64_t v)
{
    uint64_t be = __builtin_bswap64((uint64_t)v);
    put_i32(buf, sizeof be);
    leat_buf_append(buf, leat_slice_of(&be, sizeof be));
}

static void put_text(struct leat_buf *buf, struct leat_slice text)
{
    put_i32(buf, text.ptr ? (int32_t)text.len : -1);
    leat_buf_append(buf, text);
}

/* A field whose length is known when it is written. */
static size_t field_begin(struct leat_buf *buf)
{
    put_i32(buf, 0);
    return buf->len;
}

static void field_end(struct leat_buf *buf, size_t begin)
{
    if (buf->full)
        return;
    uint32_t be = __builtin_bswap32((uint32_t)(buf->len - begin));
    memcpy(buf->data + begin - 4, &be, sizeof be);
}

static void version_put(const struct pge_settings *s, struct leat_buf *buf)
{
    if (s->record_type == PGE_TYPE_JSONB)
        leat_buf_append(buf, LEAT_SLICE_LITERAL("\1"));
}

static int put_record(const struct pge_settings *s, const struct leat_emit_input *in,
                      struct leat_buf *buf, struct leat_err *err)
{
    size_t begin = field_begin(buf);
    int status = LEAT_OK;
    version_put(s, buf);
    if (s->record == PGE_RECORD_DATA && in->event->op == LEAT_OP_POST &&
        pge_json_check(in->event->body))
        leat_buf_append(buf, in->event->body);
    else
        status = leat_emit_value(in, buf, err);
    field_end(buf, begin);
    return status;
}

static int put_metadata(const struct pge_settings *s, const struct leat_emit_input *in,
                        struct leat_buf *buf, struct leat_err *err)
{
    size_t begin = field_begin(buf);
    version_put(s, buf);
    int status = leat_emit_metadata(in, buf, err);
    field_end(buf, begin);
    return status;
}

static int put_external(const struct leat_emit_input *in, struct leat_buf *buf,
                        struct leat_err *err)
{
    size_t begin = field_begin(buf);
    int status = leat_emit_external_id(in, buf, err);
    if (!status && buf->len == begin) {
        buf->len -= 4;
        put_i32(buf, -1);
        return LEAT_OK;
    }
    field_end(buf, begin);
    return status;
}

int pge_row_encode(const void *ctx, const struct leat_emit_input *in, struct leat_buf *buf,
                   struct leat_err *err)
{
    const struct pge_settings *s = ctx;
    uint16_t fields = __builtin_bswap16(s->row_security ? 7 : 6);
    size_t start = buf->len;
    leat_buf_append(buf, leat_slice_of(&fields, sizeof fields));
    put_text(buf, leat_slice_text(in->instance));
    int status = put_external(in, buf, err);
    size_t record = buf->len + 4 + (s->record_type == PGE_TYPE_JSONB);
    if (!status)
        status = put_record(s, in, buf, err);
    bool passed_over = !status && buf->len == record;
    if (!status)
        status = put_metadata(s, in, buf, err);
    put_i64(buf, in->event->event_time_us - EPOCH_2000_US);
    put_i64(buf, (int64_t)in->sequence);
    if (s->row_security)
        put_text(buf, leat_emit_tenant(in));
    if (!status && buf->full)
        status = leat_fail(err, LEAT_ELIMIT, "a row is longer than event_max");
    if (status || passed_over) {
        buf->len = start;
        buf->full = false;
    }
    return status;
}
