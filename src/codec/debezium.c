/*
 * The envelope: which fields, in which order, and which row goes where.
 *
 *     create, read   before null, after the row
 *     update         before as much as the source sent: null, the old key, the whole old row
 *     delete         before the old key or row, after null
 *     truncate       both null, key null
 *     message        {"op":"m","ts_ms":…,"source":{…},"transaction":null,"message":{"prefix":…,"content":…}}
 *
 * An update that changes the key stays one event here, with the old key in `before`; splitting it into a
 * delete and a create is the business of emitters that write to compacted topics. Posts and gaps, which
 * Debezium does not know, are written as messages, so that no gap is ever silent (I10); `schema` events
 * have no text.
 */
#include "debezium.h"

#include "digits.h"

#define VERSION_TEXT "leat-" LEAT_VERSION

bool leat_debezium_is_message(const struct leat_event *e)
{
    return e->op == LEAT_OP_MESSAGE || e->op == LEAT_OP_POST || e->op == LEAT_OP_GAP;
}

static const char *op_letter(uint8_t op)
{
    switch ((enum leat_op)op) {
    case LEAT_OP_CREATE:
        return "c";
    case LEAT_OP_UPDATE:
        return "u";
    case LEAT_OP_DELETE:
        return "d";
    case LEAT_OP_TRUNCATE:
        return "t";
    case LEAT_OP_READ:
        return "r";
    default:
        return NULL;
    }
}

/* --- rows ------------------------------------------------------------------------------------ */

/* In an old key the columns outside the key are null, as consumers expect; elsewhere what is absent was
 * not sent again, and its placeholder says so where the field can hold one. */
static void put_absent(struct leat_json *j, const struct leat_form_settings *s,
                       const struct leat_column *column, bool key_only)
{
    if (s->absent == LEAT_FORM_ABSENT_OMIT || (!key_only && !leat_debezium_can_be_unavailable(s, column)))
        return;
    leat_json_key(j, column->name);
    if (key_only)
        leat_json_null(j);
    else
        leat_debezium_unavailable(j, s, column);
}

static int put_row(struct leat_json *j, const struct leat_form_settings *s,
                   const struct leat_schema *relation, const struct leat_row *row, bool key_only,
                   struct leat_err *err)
{
    if (row->count == 0) {
        leat_json_null(j);
        return LEAT_OK;
    }
    leat_json_object(j);
    for (uint32_t i = 0; i < row->count; i++) {
        const struct leat_column *column = &relation->columns[i];
        if (row->values[i].kind == LEAT_ABSENT) {
            put_absent(j, s, column, key_only);
            continue;
        }
        leat_json_key(j, column->name);
        if (!leat_debezium_value(j, s, column, &row->values[i]))
            return leat_fail(err, LEAT_EDATA, "column %.*s of %.*s.%.*s: malformed value",
                             LEAT_SLICE_ARG(column->name), LEAT_SLICE_ARG(relation->schema),
                             LEAT_SLICE_ARG(relation->table));
    }
    leat_json_object_end(j);
    return LEAT_OK;
}

/* --- source ---------------------------------------------------------------------------------- */

static void put_attr(struct leat_json *j, const struct leat_value *v)
{
    switch ((enum leat_kind)v->kind) {
    case LEAT_INT64:
        leat_json_int(j, v->integer);
        return;
    case LEAT_UINT64:
        leat_json_int(j, (int64_t)v->natural); /* Java has no unsigned long: consumers expect the wrap */
        return;
    case LEAT_BOOL:
        leat_json_bool(j, v->integer != 0);
        return;
    case LEAT_STRING:
    case LEAT_OTHER:
        (void)leat_json_string(j, v->text);
        return;
    default:
        leat_json_null(j);
    }
}

static uint8_t *put_sequence_part(uint8_t *at, const struct leat_value *v)
{
    if (v->kind != LEAT_INT64 && v->kind != LEAT_UINT64) {
        memcpy(at, "null", 4);
        return at + 4;
    }
    memcpy(at, "\\\"", 2);
    at = digits_i64(at + 2, v->integer);
    memcpy(at, "\\\"", 2);
    return at + 2;
}

/* "sequence": a JSON array as text inside a string, its numbers as strings too: "[null,\"24023128\"]" */
static void put_sequence(struct leat_json *j, const struct leat_event *e)
{
    uint8_t text[2 * LEAT_ATTRS_MAX * (DIGITS_I64_MAX + 5) + 2], *at = text;
    struct leat_form_attrs attrs = {.event = e};
    const struct leat_attr *attr;
    struct leat_value v;
    while (leat_form_next_attr(&attrs, &attr, &v)) {
        if (!(attr->use & LEAT_ATTR_SEQUENCE))
            continue;
        *at = at == text ? '[' : ',';
        at = put_sequence_part(at + 1, &v);
    }
    if (at == text) {
        leat_json_null(j);
        return;
    }
    *at++ = ']';
    leat_json_plain(j, text, (size_t)(at - text));
}

static void put_times(struct leat_json *j, int64_t us)
{
    LEAT_JSON_NAME(j, "ts_us");
    leat_json_int(j, us);
    LEAT_JSON_NAME(j, "ts_ns");
    leat_json_thousands(j, us);
}

static int64_t to_ms(int64_t us)
{
    return us / 1000 - (us % 1000 < 0);
}

static void put_source(struct leat_json *j, const struct leat_form_settings *s,
                       const struct leat_form_input *in)
{
    const struct leat_event *e = in->event;
    const struct leat_origin *origin = e->transaction->origin;
    struct leat_slice version = s->version.len ? s->version : LEAT_SLICE_LITERAL(VERSION_TEXT);
    LEAT_JSON_NAME(j, "source");
    leat_json_object(j);
    LEAT_JSON_NAME(j, "version");
    (void)leat_json_string(j, version);
    LEAT_JSON_NAME(j, "connector");
    (void)leat_json_string(j, origin->connector);
    LEAT_JSON_NAME(j, "name");
    (void)leat_json_string(j, in->instance);
    LEAT_JSON_NAME(j, "ts_ms");
    leat_json_int(j, to_ms(e->event_time_us));
    LEAT_JSON_NAME(j, "snapshot");
    if (e->op == LEAT_OP_READ)
        leat_json_plain(j, "true", 4);
    else
        leat_json_plain(j, "false", 5);
    LEAT_JSON_NAME(j, "db");
    (void)leat_json_string(j, e->relation && e->relation->database.len ? e->relation->database
                                                                      : origin->database);
    LEAT_JSON_NAME(j, "sequence");
    put_sequence(j, e);
    put_times(j, e->event_time_us);
    struct leat_form_attrs attrs = {.event = e};
    const struct leat_attr *attr;
    struct leat_value v;
    while (leat_form_next_attr(&attrs, &attr, &v)) {
        if (!(attr->use & LEAT_ATTR_FIELD))
            continue;
        leat_json_key(j, attr->name);
        put_attr(j, &v);
    }
    leat_json_object_end(j);
}

/* --- envelopes ------------------------------------------------------------------------------- */

static int put_change(struct leat_json *j, const struct leat_form_settings *s,
                      const struct leat_form_input *in, struct leat_err *err)
{
    const struct leat_event *e = in->event;
    const char *letter = op_letter(e->op);
    leat_json_object(j);
    LEAT_JSON_NAME(j, "before");
    int rc = put_row(j, s, e->relation, &e->before, e->before_form == LEAT_BEFORE_KEY, err);
    if (rc)
        return rc;
    LEAT_JSON_NAME(j, "after");
    rc = put_row(j, s, e->relation, &e->after, false, err);
    if (rc)
        return rc;
    put_source(j, s, in);
    LEAT_JSON_NAME(j, "transaction");
    leat_json_null(j);
    LEAT_JSON_NAME(j, "op");
    leat_json_plain(j, letter, 1);
    LEAT_JSON_NAME(j, "ts_ms");
    leat_json_int(j, to_ms(in->ingested_at_us));
    put_times(j, in->ingested_at_us);
    leat_json_object_end(j);
    return LEAT_OK;
}

static struct leat_slice message_prefix(const struct leat_event *e)
{
    return e->topic.len || e->op == LEAT_OP_MESSAGE ? e->topic
           : e->op == LEAT_OP_GAP                   ? LEAT_SLICE_LITERAL("leat.gap")
                                                    : LEAT_SLICE_LITERAL("leat.post");
}

static void put_message(struct leat_json *j, const struct leat_form_settings *s,
                        const struct leat_form_input *in)
{
    leat_json_object(j);
    LEAT_JSON_NAME(j, "op");
    leat_json_plain(j, "m", 1);
    LEAT_JSON_NAME(j, "ts_ms");
    leat_json_int(j, to_ms(in->ingested_at_us));
    put_source(j, s, in);
    LEAT_JSON_NAME(j, "transaction");
    leat_json_null(j);
    LEAT_JSON_NAME(j, "message");
    leat_json_object(j);
    LEAT_JSON_NAME(j, "prefix");
    (void)leat_json_string(j, message_prefix(in->event));
    LEAT_JSON_NAME(j, "content");
    leat_debezium_bytes(j, s, in->event->body);
    leat_json_object_end(j);
    leat_json_object_end(j);
}

static int put_value(struct leat_json *j, const struct leat_form_settings *s,
                     const struct leat_form_input *in, struct leat_err *err)
{
    int rc = LEAT_OK;
    if (s->schema_wrapper) {
        leat_json_object(j);
        LEAT_JSON_NAME(j, "schema");
        leat_debezium_value_schema(j, s, in);
        LEAT_JSON_NAME(j, "payload");
    }
    if (leat_debezium_is_message(in->event))
        put_message(j, s, in);
    else
        rc = put_change(j, s, in, err);
    if (s->schema_wrapper)
        leat_json_object_end(j);
    return rc;
}

static int write_value(const struct leat_form_settings *s, const struct leat_form_input *in,
                       struct leat_buf *buf, struct leat_err *err)
{
    struct leat_json j = leat_json_at(buf);
    size_t start = buf->len;
    int rc = leat_form_check(in, err);
    if (rc)
        return rc;
    if (op_letter(in->event->op) || leat_debezium_is_message(in->event))
        rc = put_value(&j, s, in, err);
    return leat_form_end(buf, start, rc, err);
}

/* --- keys ------------------------------------------------------------------------------------ */

static int put_key(struct leat_json *j, const struct leat_form_settings *s, const struct leat_event *e,
                   struct leat_err *err)
{
    const struct leat_column *column;
    leat_json_object(j);
    if (leat_debezium_is_message(e)) {
        LEAT_JSON_NAME(j, "prefix");
        (void)leat_json_string(j, message_prefix(e));
    }
    for (uint32_t n = 1; (column = leat_form_key_column(e->relation, n)); n++) {
        leat_json_key(j, column->name);
        if (!leat_debezium_value(j, s, column, leat_form_key_value(e, column)))
            return leat_fail(err, LEAT_EDATA, "key column %.*s of %.*s.%.*s: malformed value",
                             LEAT_SLICE_ARG(column->name), LEAT_SLICE_ARG(e->relation->schema),
                             LEAT_SLICE_ARG(e->relation->table));
    }
    leat_json_object_end(j);
    return LEAT_OK;
}

static bool has_key(const struct leat_event *e)
{
    return leat_debezium_is_message(e) || (op_letter(e->op) && (e->after.count || e->before.count) &&
                                           leat_form_key_column(e->relation, 1));
}

static int write_key(const struct leat_form_settings *s, const struct leat_form_input *in,
                     struct leat_buf *buf, struct leat_err *err)
{
    struct leat_json j = leat_json_at(buf);
    size_t start = buf->len;
    int rc = leat_form_check(in, err);
    if (rc || !has_key(in->event))
        return rc;
    if (s->schema_wrapper) {
        leat_json_object(&j);
        LEAT_JSON_NAME(&j, "schema");
        leat_debezium_key_schema(&j, s, in);
        LEAT_JSON_NAME(&j, "payload");
    }
    rc = put_key(&j, s, in->event, err);
    if (s->schema_wrapper)
        leat_json_object_end(&j);
    return leat_form_end(buf, start, rc, err);
}

const struct leat_form leat_form_debezium = {
    .name = "debezium",
    .doc = "the envelope of Debezium 3: before, after, source, op",
    .write = write_value,
    .write_key = write_key,
};
