/*
 * The native form. Each kind has one way to be said, chosen so that nothing is lost:
 *
 *     integers as JSON numbers of any size, floats as their shortest digits (NaN and ±Infinity as strings),
 *     decimals, bits, uuids, json documents and unmapped types as text, bytes as base64,
 *     dates and times as ISO text without rounding, infinity as "infinity",
 *     intervals as {"months":…,"days":…,"us":…},
 *     arrays as nested arrays, or {"lower":[…],"items":…} where a dimension does not start at 1,
 *     text that is not UTF-8 as {"base64":"…"}.
 *
 * A column that is absent is left out of its row and listed beside it (I8).
 */
#include "native.h"

#include "iso_time.h"
#include "json_writer.h"

#include <jansson.h>

/* --- values ---------------------------------------------------------------------------------- */

/* Text where it is UTF-8; what a string cannot hold goes as {"base64":…}, which may well fit where the
 * attempt at a string, with three bytes for each that it replaced, did not. */
static void put_text(struct leat_json *j, struct leat_slice text)
{
    struct leat_json before = *j;
    struct leat_buf *buf = j->buf;
    size_t start = buf->len;
    bool full = buf->full;
    if (leat_json_string(j, text))
        return;
    *j = before;
    buf->len = start;
    buf->full = full;
    leat_json_object(j);
    LEAT_JSON_NAME(j, "base64");
    leat_json_base64(j, text);
    leat_json_object_end(j);
}

static bool put_infinity(struct leat_json *j, int64_t v)
{
    if (v != LEAT_INFINITY_US && v != LEAT_MINUS_INFINITY_US)
        return false;
    leat_json_text(j, v > 0 ? "infinity" : "-infinity");
    return true;
}

static void put_moment(struct leat_json *j, const struct leat_value *v)
{
    uint8_t text[LEAT_ISO_BYTES], *end = text;
    if (v->kind != LEAT_TIME && put_infinity(j, v->integer))
        return;
    if (v->kind == LEAT_DATE)
        end = leat_iso_date(text, v->integer);
    else if (v->kind == LEAT_TIME)
        end = leat_iso_time(text, v->integer, LEAT_ISO_SHORTEST);
    else
        end = leat_iso_timestamp(text, v->integer, LEAT_ISO_SHORTEST);
    if (v->kind == LEAT_TIMESTAMPTZ)
        *end++ = 'Z';
    leat_json_plain(j, text, (size_t)(end - text));
}

static void put_timetz(struct leat_json *j, const struct leat_span *span)
{
    uint8_t text[2 * LEAT_ISO_BYTES];
    uint8_t *end = leat_iso_zone(leat_iso_time(text, span->us, LEAT_ISO_SHORTEST), span->days);
    leat_json_plain(j, text, (size_t)(end - text));
}

static void put_interval(struct leat_json *j, const struct leat_span *span)
{
    leat_json_object(j);
    LEAT_JSON_NAME(j, "months");
    leat_json_int(j, span->months);
    LEAT_JSON_NAME(j, "days");
    leat_json_int(j, span->days);
    LEAT_JSON_NAME(j, "us");
    leat_json_int(j, span->us);
    leat_json_object_end(j);
}

static bool put_value(struct leat_json *j, const struct leat_value *v);

static bool put_dimension(struct leat_json *j, struct leat_array *a, unsigned dimension)
{
    leat_json_array(j);
    for (uint32_t i = 0; i < a->lengths[dimension]; i++) {
        if (dimension + 1 < a->dimensions) {
            if (!put_dimension(j, a, dimension + 1))
                return false;
            continue;
        }
        struct leat_value v;
        leat_value_read(&a->elements, &v);
        if (a->elements.bad || v.kind == LEAT_ARRAY || !put_value(j, &v))
            return false;
    }
    leat_json_array_end(j);
    return true;
}

static bool starts_at_one(const struct leat_array *a)
{
    for (unsigned i = 0; i < a->dimensions; i++)
        if (a->lower_bounds[i] != 1)
            return false;
    return true;
}

static bool put_array(struct leat_json *j, struct leat_slice encoded)
{
    struct leat_array a;
    if (!leat_array_open(encoded, &a))
        return false;
    if (a.count == 0) {
        leat_json_raw(j, "[]", 2);
        return true;
    }
    bool usual = starts_at_one(&a);
    if (!usual) {
        leat_json_object(j);
        LEAT_JSON_NAME(j, "lower");
        leat_json_array(j);
        for (unsigned i = 0; i < a.dimensions; i++)
            leat_json_int(j, a.lower_bounds[i]);
        leat_json_array_end(j);
        LEAT_JSON_NAME(j, "items");
    }
    if (!put_dimension(j, &a, 0) || !leat_reader_done(&a.elements))
        return false;
    if (!usual)
        leat_json_object_end(j);
    return true;
}

/* False for a malformed array. */
static bool put_value(struct leat_json *j, const struct leat_value *v)
{
    switch ((enum leat_kind)v->kind) {
    case LEAT_ABSENT:
    case LEAT_NULL:
        leat_json_null(j);
        return true;
    case LEAT_BOOL:
        leat_json_bool(j, v->integer != 0);
        return true;
    case LEAT_INT64:
        leat_json_int(j, v->integer);
        return true;
    case LEAT_UINT64:
        leat_json_uint(j, v->natural);
        return true;
    case LEAT_FLOAT32:
        leat_json_float(j, (float)v->real);
        return true;
    case LEAT_FLOAT64:
        leat_json_double(j, v->real);
        return true;
    case LEAT_DECIMAL:
    case LEAT_STRING:
    case LEAT_JSON:
    case LEAT_BITS:
    case LEAT_OTHER:
        put_text(j, v->text);
        return true;
    case LEAT_BYTES:
        leat_json_base64(j, v->text);
        return true;
    case LEAT_DATE:
    case LEAT_TIME:
    case LEAT_TIMESTAMP:
    case LEAT_TIMESTAMPTZ:
        put_moment(j, v);
        return true;
    case LEAT_INTERVAL:
        put_interval(j, &v->span);
        return true;
    case LEAT_UUID:
        leat_json_uuid(j, v->text);
        return true;
    case LEAT_ARRAY:
        return put_array(j, v->text);
    case LEAT_TIMETZ:
        put_timetz(j, &v->span);
        return true;
    case LEAT_KIND_COUNT:
        break;
    }
    return false;
}

/* --- rows ------------------------------------------------------------------------------------ */

static int put_row(struct leat_json *j, const struct leat_schema *relation, const struct leat_row *row,
                   struct leat_err *err)
{
    leat_json_object(j);
    for (uint32_t i = 0; i < row->count; i++) {
        const struct leat_column *column = &relation->columns[i];
        if (row->values[i].kind == LEAT_ABSENT)
            continue;
        leat_json_key(j, column->name);
        if (!put_value(j, &row->values[i]))
            return leat_fail(err, LEAT_EDATA, "column %.*s of %.*s.%.*s: malformed value",
                             LEAT_SLICE_ARG(column->name), LEAT_SLICE_ARG(relation->schema),
                             LEAT_SLICE_ARG(relation->table));
    }
    leat_json_object_end(j);
    return LEAT_OK;
}

/* "absent":["body"], when there are any. */
static void put_absent(struct leat_json *j, const char *name, size_t len, const struct leat_schema *relation,
                       const struct leat_row *row)
{
    bool any = false;
    for (uint32_t i = 0; i < row->count; i++) {
        if (row->values[i].kind != LEAT_ABSENT)
            continue;
        if (!any) {
            leat_json_name(j, name, len);
            leat_json_array(j);
        }
        any = true;
        (void)leat_json_string(j, relation->columns[i].name);
    }
    if (any)
        leat_json_array_end(j);
}

/* An old key's absent columns go without saying: "before_form":"key" says it. */
static int put_rows(struct leat_json *j, const struct leat_event *e, struct leat_err *err)
{
    static const char *const forms[] = {"none", "key", "full"};
    if (e->before.count) {
        LEAT_JSON_NAME(j, "before_form");
        leat_json_text(j, forms[e->before_form <= LEAT_BEFORE_FULL ? e->before_form : 0]);
        LEAT_JSON_NAME(j, "before");
        int rc = put_row(j, e->relation, &e->before, err);
        if (rc)
            return rc;
        if (e->before_form != LEAT_BEFORE_KEY)
            put_absent(j, "\"before_absent\":", 16, e->relation, &e->before);
    }
    if (e->after.count) {
        LEAT_JSON_NAME(j, "after");
        int rc = put_row(j, e->relation, &e->after, err);
        if (rc)
            return rc;
        put_absent(j, "\"absent\":", 9, e->relation, &e->after);
    }
    return LEAT_OK;
}

/* --- the rest of the event ------------------------------------------------------------------- */

static bool put_attrs(struct leat_json *j, const struct leat_event *e, enum leat_attr_scope scope)
{
    struct leat_form_attrs attrs = {.event = e};
    const struct leat_attr *attr;
    struct leat_value v;
    bool any = false;
    while (leat_form_next_attr(&attrs, &attr, &v)) {
        if (attr->scope != scope)
            continue;
        if (!any) {
            LEAT_JSON_NAME(j, "attrs");
            leat_json_object(j);
        }
        any = true;
        leat_json_key(j, attr->name);
        if (!put_value(j, &v))
            return false;
    }
    if (any)
        leat_json_object_end(j);
    return true;
}

static int put_transaction(struct leat_json *j, const struct leat_event *e, struct leat_err *err)
{
    LEAT_JSON_NAME(j, "tx");
    leat_json_object(j);
    LEAT_JSON_NAME(j, "id");
    put_text(j, e->transaction->id);
    LEAT_JSON_NAME(j, "time");
    leat_json_int(j, e->transaction->commit_time_us);
    if (!put_attrs(j, e, LEAT_ATTR_TRANSACTION))
        return leat_fail(err, LEAT_EDATA, "malformed attribute of a transaction");
    leat_json_object_end(j);
    return LEAT_OK;
}

static void put_id(struct leat_json *j, const struct leat_form_input *in)
{
    struct leat_buf id;
    leat_buf_init(&id, 4 * LEAT_NAME_MAX);
    leat_event_id(&id, in->instance, in->event);
    LEAT_JSON_NAME(j, "id");
    (void)leat_json_string(j, leat_buf_slice(&id));
    leat_buf_release(&id);
}

static int put_head(struct leat_json *j, const struct leat_form_input *in, struct leat_err *err)
{
    const struct leat_event *e = in->event;
    LEAT_JSON_NAME(j, "seq");
    leat_json_uint(j, in->sequence);
    put_id(j, in);
    LEAT_JSON_NAME(j, "source");
    (void)leat_json_string(j, in->instance);
    LEAT_JSON_NAME(j, "connector");
    (void)leat_json_string(j, e->transaction->origin->connector);
    LEAT_JSON_NAME(j, "op");
    leat_json_text(j, leat_op_name((enum leat_op)e->op));
    int rc = put_transaction(j, e, err);
    if (rc)
        return rc;
    LEAT_JSON_NAME(j, "ordinal");
    leat_json_uint(j, e->ordinal);
    LEAT_JSON_NAME(j, "event_time_us");
    leat_json_int(j, e->event_time_us);
    LEAT_JSON_NAME(j, "valid_time_us");
    leat_json_int(j, e->valid_time_us);
    LEAT_JSON_NAME(j, "ingested_at_us");
    leat_json_int(j, in->ingested_at_us);
    if (!put_attrs(j, e, LEAT_ATTR_EVENT))
        return leat_fail(err, LEAT_EDATA, "malformed attribute of an event");
    return LEAT_OK;
}

static void put_key_names(struct leat_json *j, const struct leat_schema *relation)
{
    const struct leat_column *column;
    LEAT_JSON_NAME(j, "key");
    leat_json_array(j);
    for (uint32_t n = 1; (column = leat_form_key_column(relation, n)); n++)
        (void)leat_json_string(j, column->name);
    leat_json_array_end(j);
}

static void put_relation(struct leat_json *j, const struct leat_event *e)
{
    const struct leat_schema *r = e->relation;
    LEAT_JSON_NAME(j, "db");
    put_text(j, r && r->database.len ? r->database : e->transaction->origin->database);
    if (!r)
        return;
    LEAT_JSON_NAME(j, "schema");
    put_text(j, r->schema);
    LEAT_JSON_NAME(j, "table");
    put_text(j, r->table);
    put_key_names(j, r);
}

static void put_column(struct leat_json *j, const struct leat_column *c)
{
    leat_json_object(j);
    LEAT_JSON_NAME(j, "name");
    put_text(j, c->name);
    LEAT_JSON_NAME(j, "type");
    put_text(j, c->type);
    LEAT_JSON_NAME(j, "kind");
    leat_json_text(j, leat_kind_name((enum leat_kind)c->kind));
    if (c->kind == LEAT_ARRAY) {
        LEAT_JSON_NAME(j, "element");
        leat_json_text(j, leat_kind_name((enum leat_kind)c->element));
    }
    if (c->nullable != LEAT_NULLABLE_UNKNOWN) {
        LEAT_JSON_NAME(j, "nullable");
        leat_json_bool(j, c->nullable == LEAT_NULLABLE_YES);
    }
    if (c->precision >= 0) {
        LEAT_JSON_NAME(j, "precision");
        leat_json_int(j, c->precision);
    }
    if (c->scale != -1) {
        LEAT_JSON_NAME(j, "scale");
        leat_json_int(j, c->scale);
    }
    leat_json_object_end(j);
}

static void put_columns(struct leat_json *j, const struct leat_schema *r)
{
    LEAT_JSON_NAME(j, "relation");
    leat_json_uint(j, r->relation);
    LEAT_JSON_NAME(j, "columns");
    leat_json_array(j);
    for (uint32_t i = 0; i < r->column_count; i++)
        put_column(j, &r->columns[i]);
    leat_json_array_end(j);
}

/* A body that is UTF-8 text as "text", any other as "body". */
static void put_body(struct leat_json *j, struct leat_slice body)
{
    struct leat_json before = *j;
    struct leat_buf *buf = j->buf;
    size_t start = buf->len;
    bool full = buf->full;
    LEAT_JSON_NAME(j, "text");
    if (leat_json_string(j, body))
        return;
    *j = before;
    buf->len = start;
    buf->full = full;
    LEAT_JSON_NAME(j, "body");
    leat_json_base64(j, body);
}

/* True when the bytes can stand inside our line as they are: one JSON object, no line break. */
static bool is_object(struct leat_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 0x20)
            return false;
    json_t *parsed = json_loadb((const char *)text.ptr, text.len, JSON_ALLOW_NUL, NULL);
    bool object = json_is_object(parsed);
    json_decref(parsed);
    return object;
}

static void put_metadata(struct leat_json *j, struct leat_slice metadata)
{
    if (!metadata.len)
        return;
    LEAT_JSON_NAME(j, "metadata");
    if (is_object(metadata))
        leat_json_raw(j, metadata.ptr, metadata.len);
    else
        put_text(j, metadata);
}

static int put_content(struct leat_json *j, const struct leat_event *e, struct leat_err *err)
{
    if (e->op == LEAT_OP_SCHEMA && e->relation)
        put_columns(j, e->relation);
    if (e->op == LEAT_OP_TRUNCATE) {
        LEAT_JSON_NAME(j, "cascade");
        leat_json_bool(j, e->truncate_cascade);
        LEAT_JSON_NAME(j, "restart_identity");
        leat_json_bool(j, e->truncate_restart);
    }
    if (e->op == LEAT_OP_MESSAGE) {
        LEAT_JSON_NAME(j, "transactional");
        leat_json_bool(j, e->transactional);
    }
    if (e->op == LEAT_OP_MESSAGE || e->topic.len) {
        LEAT_JSON_NAME(j, "topic");
        put_text(j, e->topic);
    }
    if (e->op == LEAT_OP_MESSAGE || e->op == LEAT_OP_POST || e->body.len)
        put_body(j, e->body);
    put_metadata(j, e->metadata);
    return put_rows(j, e, err);
}

static int write_value(const struct leat_form_settings *s, const struct leat_form_input *in,
                       struct leat_buf *buf, struct leat_err *err)
{
    struct leat_json j = leat_json_at(buf);
    size_t start = buf->len;
    (void)s;
    int rc = leat_form_check(in, err);
    if (rc)
        return rc;
    leat_json_object(&j);
    rc = put_head(&j, in, err);
    if (rc == LEAT_OK) {
        put_relation(&j, in->event);
        rc = put_content(&j, in->event, err);
    }
    leat_json_object_end(&j);
    return leat_form_end(buf, start, rc, err);
}

/* The values of the key columns as they are after the change; of a deleted row, as they were. */
static int write_key(const struct leat_form_settings *s, const struct leat_form_input *in,
                     struct leat_buf *buf, struct leat_err *err)
{
    const struct leat_event *e = in->event;
    const struct leat_column *column;
    struct leat_json j = leat_json_at(buf);
    size_t start = buf->len;
    (void)s;
    int rc = leat_form_check(in, err);
    if (rc || !(e->after.count || e->before.count) || !leat_form_key_column(e->relation, 1))
        return rc;
    leat_json_object(&j);
    for (uint32_t n = 1; rc == LEAT_OK && (column = leat_form_key_column(e->relation, n)); n++) {
        leat_json_key(&j, column->name);
        if (!put_value(&j, leat_form_key_value(e, column)))
            rc = leat_fail(err, LEAT_EDATA, "key column %.*s: malformed value", LEAT_SLICE_ARG(column->name));
    }
    leat_json_object_end(&j);
    return leat_form_end(buf, start, rc, err);
}

const struct leat_form leat_form_native = {
    .name = "native",
    .doc = "everything that is known about an event, nothing lost",
    .write = write_value,
    .write_key = write_key,
};
