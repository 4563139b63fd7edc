/* The stored forms of schemas and origins: small, written once per change, so clarity before speed.
 */
#include <leat/schema.h>

enum { SCHEMA_TAG = 'S', ORIGIN_TAG = 'O', FORMAT_VERSION = 1 };

static void put_zigzag(struct leat_buf *buf, int64_t v)
{
    leat_buf_append_varint(buf, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

void leat_schema_write(struct leat_buf *buf, const struct leat_schema *s)
{
    leat_buf_append_varint(buf, SCHEMA_TAG);
    leat_buf_append_varint(buf, FORMAT_VERSION);
    leat_buf_append_varint(buf, s->relation);
    leat_buf_append_counted(buf, s->database);
    leat_buf_append_counted(buf, s->schema);
    leat_buf_append_counted(buf, s->table);
    leat_buf_append_varint(buf, s->column_count);
    for (uint32_t i = 0; i < s->column_count; i++) {
        const struct leat_column *c = &s->columns[i];
        leat_buf_append_counted(buf, c->name);
        leat_buf_append_counted(buf, c->type);
        leat_buf_append_varint(buf, c->kind);
        leat_buf_append_varint(buf, c->element);
        leat_buf_append_varint(buf, c->nullable);
        leat_buf_append_varint(buf, c->key_ordinal);
        put_zigzag(buf, c->precision);
        put_zigzag(buf, c->scale);
    }
}

/* A number that must not exceed `max`. */
static uint64_t take(struct leat_reader *r, uint64_t max)
{
    uint64_t v = leat_reader_varint(r);
    if (v > max) {
        r->bad = true;
        return 0;
    }
    return v;
}

static int32_t take_int32(struct leat_reader *r)
{
    int64_t v = leat_reader_zigzag(r);
    r->bad |= v < INT32_MIN || v > INT32_MAX;
    return (int32_t)v;
}

static void take_column(struct leat_reader *r, struct leat_column *c)
{
    c->name = leat_reader_counted(r);
    c->type = leat_reader_counted(r);
    c->kind = (uint8_t)take(r, LEAT_KIND_COUNT - 1);
    c->element = (uint8_t)take(r, LEAT_KIND_COUNT - 1);
    c->nullable = (uint8_t)take(r, LEAT_NULLABLE_NO);
    c->key_ordinal = (uint16_t)take(r, LEAT_COLUMNS_MAX);
    c->precision = take_int32(r);
    c->scale = take_int32(r);
}

int leat_schema_read(struct leat_slice bytes, struct leat_arena *arena,
                     struct leat_schema *ret_schema, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(bytes);
    struct leat_schema s = {.ref = 0};
    if (take(&r, 255) != SCHEMA_TAG || take(&r, 255) != FORMAT_VERSION)
        return leat_fail(err, LEAT_EDATA, "stored schema: not a schema of format %d",
                         FORMAT_VERSION);
    s.relation = leat_reader_varint(&r);
    s.database = leat_reader_counted(&r);
    s.schema = leat_reader_counted(&r);
    s.table = leat_reader_counted(&r);
    s.column_count = (uint32_t)take(&r, LEAT_COLUMNS_MAX);
    s.columns = leat_arena_zeroed(arena, s.column_count ? s.column_count : 1, sizeof *s.columns);
    if (!s.columns)
        return leat_fail(err, LEAT_ELIMIT, "stored schema: no memory for %u columns",
                         s.column_count);
    for (uint32_t i = 0; i < s.column_count && !r.bad; i++)
        take_column(&r, &s.columns[i]);
    if (!leat_reader_done(&r))
        return leat_fail(err, LEAT_EDATA, "stored schema: %s",
                         r.bad ? "cut short" : "bytes left over");
    *ret_schema = s;
    return LEAT_OK;
}

void leat_origin_write(struct leat_buf *buf, const struct leat_origin *o)
{
    leat_buf_append_varint(buf, ORIGIN_TAG);
    leat_buf_append_varint(buf, FORMAT_VERSION);
    leat_buf_append_counted(buf, o->connector);
    leat_buf_append_counted(buf, o->lineage);
    leat_buf_append_counted(buf, o->database);
    leat_buf_append_counted(buf, o->server);
    leat_buf_append_varint(buf, o->attr_count);
    for (uint32_t i = 0; i < o->attr_count; i++) {
        leat_buf_append_counted(buf, o->attrs[i].name);
        leat_buf_append_varint(buf, o->attrs[i].scope);
        leat_buf_append_varint(buf, o->attrs[i].use);
    }
}

int leat_origin_read(struct leat_slice bytes, struct leat_origin *ret_origin, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(bytes);
    struct leat_origin o = {.ref = 0};
    if (take(&r, 255) != ORIGIN_TAG || take(&r, 255) != FORMAT_VERSION)
        return leat_fail(err, LEAT_EDATA, "stored origin: not an origin of format %d",
                         FORMAT_VERSION);
    o.connector = leat_reader_counted(&r);
    o.lineage = leat_reader_counted(&r);
    o.database = leat_reader_counted(&r);
    o.server = leat_reader_counted(&r);
    o.attr_count = (uint32_t)take(&r, 2 * LEAT_ATTRS_MAX);
    for (uint32_t i = 0; i < o.attr_count && !r.bad; i++) {
        o.attrs[i].name = leat_reader_counted(&r);
        o.attrs[i].scope = (uint8_t)take(&r, LEAT_ATTR_TABLE);
        o.attrs[i].use = (uint8_t)take(&r, LEAT_ATTR_FIELD | LEAT_ATTR_SEQUENCE | LEAT_ATTR_SNAPSHOT);
    }
    if (!leat_reader_done(&r))
        return leat_fail(err, LEAT_EDATA, "stored origin: %s",
                         r.bad ? "cut short" : "bytes left over");
    *ret_origin = o;
    return LEAT_OK;
}
