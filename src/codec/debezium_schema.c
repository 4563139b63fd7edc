/*
 * The "schema" half of a wrapped event: Kafka Connect schemas as JsonConverter prints them, keys in the
 * order type, items or fields, optional, name, version, doc, parameters, default, field.
 *
 * A column known to be NOT NULL, or part of the key, is required, as in Debezium. One place differs: when
 * an event's `before` holds only the old key, the other columns of that `before` are optional, because we
 * write null where Debezium makes a value up, and a reader must be able to accept the event.
 */
#include "debezium.h"

struct type {
    const char *type;    /* "int32", "bytes" … */
    const char *name;    /* semantic name, version 1; NULL: none */
    bool variable_scale; /* VariableScaleDecimal */
    bool labels;         /* its type text lists what it may be */
};

/* "enum('a','b')", "set('x')": types that list their labels. */
static bool has_labels(const struct leat_column *c)
{
    static const char ENUM[] = "enum('", SET[] = "set('";
    return (c->type.len >= sizeof ENUM - 1 && memcmp(c->type.ptr, ENUM, sizeof ENUM - 1) == 0) ||
           (c->type.len >= sizeof SET - 1 && memcmp(c->type.ptr, SET, sizeof SET - 1) == 0);
}

static bool is_unsigned(const struct leat_column *c)
{
    static const char WORD[] = " unsigned";
    return c->type.len && memmem(c->type.ptr, c->type.len, WORD, sizeof WORD - 1);
}

static struct type integer_type(const struct leat_column *c)
{
    static const struct {
        const char *word, *type, *unsigned_type;
    } INTEGERS[] = {
        {"smallint", "int16", "int32"}, {"int2", "int16", "int16"},      {"smallserial", "int16", "int16"},
        {"tinyint", "int16", "int16"},  {"mediumint", "int32", "int32"}, {"integer", "int32", "int64"},
        {"int", "int32", "int64"},      {"int4", "int32", "int32"},      {"serial", "int32", "int32"},
    };
    if (leat_debezium_type_is(c, "year"))
        return (struct type){.type = "int32", .name = "io.debezium.time.Year"};
    for (size_t i = 0; i < sizeof INTEGERS / sizeof *INTEGERS; i++)
        if (leat_debezium_type_is(c, INTEGERS[i].word))
            return (struct type){.type = is_unsigned(c) ? INTEGERS[i].unsigned_type : INTEGERS[i].type};
    return (struct type){.type = "int64"};
}

static struct type decimal_type(const struct leat_form_settings *s, const struct leat_column *c)
{
    switch (s->decimal) {
    case LEAT_FORM_DECIMAL_STRING:
        return (struct type){.type = "string"};
    case LEAT_FORM_DECIMAL_DOUBLE:
        return (struct type){.type = "double"};
    case LEAT_FORM_DECIMAL_PRECISE:
        break;
    }
    if (leat_debezium_scale(c) < 0)
        return (struct type){.type = "struct", .name = "io.debezium.data.VariableScaleDecimal",
                             .variable_scale = true};
    return (struct type){.type = "bytes", .name = "org.apache.kafka.connect.data.Decimal"};
}

static struct type text_type(const struct leat_column *c)
{
    static const struct {
        const char *word, *name;
    } TEXTS[] = {
        {"xml", "io.debezium.data.Xml"},
        {"ltree", "io.debezium.data.Ltree"},
        {"tsvector", "io.debezium.data.TsVector"},
    };
    if (has_labels(c))
        return (struct type){.type = "string", .labels = true,
                             .name = leat_debezium_type_is(c, "set") ? "io.debezium.data.EnumSet"
                                                                     : "io.debezium.data.Enum"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        if (leat_debezium_type_is(c, TEXTS[i].word))
            return (struct type){.type = "string", .name = TEXTS[i].name};
    return (struct type){.type = "string"};
}

static struct type date_type(const struct leat_form_settings *s)
{
    if (s->time == LEAT_FORM_TIME_ISOSTRING)
        return (struct type){.type = "string", .name = "io.debezium.time.IsoDate"};
    return (struct type){.type = "int32", .name = s->time == LEAT_FORM_TIME_CONNECT
                                                      ? "org.apache.kafka.connect.data.Date"
                                                      : "io.debezium.time.Date"};
}

static struct type time_type(const struct leat_form_settings *s, const struct leat_column *c)
{
    if (s->time == LEAT_FORM_TIME_ISOSTRING)
        return (struct type){.type = "string", .name = "io.debezium.time.IsoTime"};
    if (s->time == LEAT_FORM_TIME_CONNECT)
        return (struct type){.type = "int32", .name = "org.apache.kafka.connect.data.Time"};
    if (s->time == LEAT_FORM_TIME_NANOSECONDS)
        return (struct type){.type = "int64", .name = "io.debezium.time.NanoTime"};
    if (leat_debezium_in_millis(s, c))
        return (struct type){.type = "int32", .name = "io.debezium.time.Time"};
    return (struct type){.type = "int64", .name = "io.debezium.time.MicroTime"};
}

static struct type timestamp_type(const struct leat_form_settings *s, const struct leat_column *c)
{
    if (s->time == LEAT_FORM_TIME_ISOSTRING)
        return (struct type){.type = "string", .name = "io.debezium.time.IsoTimestamp"};
    if (s->time == LEAT_FORM_TIME_CONNECT)
        return (struct type){.type = "int64", .name = "org.apache.kafka.connect.data.Timestamp"};
    if (s->time == LEAT_FORM_TIME_NANOSECONDS)
        return (struct type){.type = "int64", .name = "io.debezium.time.NanoTimestamp"};
    if (leat_debezium_in_millis(s, c))
        return (struct type){.type = "int64", .name = "io.debezium.time.Timestamp"};
    return (struct type){.type = "int64", .name = "io.debezium.time.MicroTimestamp"};
}

static struct type type_of(const struct leat_form_settings *s, const struct leat_column *c, uint8_t kind)
{
    switch ((enum leat_kind)kind) {
    case LEAT_BOOL:
        return (struct type){.type = "boolean"};
    case LEAT_INT64:
        return integer_type(c);
    case LEAT_UINT64:
        return (struct type){.type = "int64"};
    case LEAT_FLOAT32:
        return (struct type){.type = "float"};
    case LEAT_FLOAT64:
        return (struct type){.type = "double"};
    case LEAT_DECIMAL:
        return decimal_type(s, c);
    case LEAT_BYTES:
        return (struct type){.type = s->binary == LEAT_FORM_BINARY_BASE64 ? "bytes" : "string"};
    case LEAT_JSON:
        return (struct type){.type = "string", .name = "io.debezium.data.Json"};
    case LEAT_DATE:
        return date_type(s);
    case LEAT_TIME:
        return time_type(s, c);
    case LEAT_TIMESTAMP:
        return timestamp_type(s, c);
    case LEAT_TIMESTAMPTZ:
        return (struct type){.type = "string", .name = "io.debezium.time.ZonedTimestamp"};
    case LEAT_TIMETZ:
        return (struct type){.type = "string", .name = "io.debezium.time.ZonedTime"};
    case LEAT_INTERVAL:
        if (s->interval == LEAT_FORM_INTERVAL_STRING)
            return (struct type){.type = "string", .name = "io.debezium.time.Interval"};
        return (struct type){.type = "int64", .name = "io.debezium.time.MicroDuration"};
    case LEAT_UUID:
        return (struct type){.type = "string", .name = "io.debezium.data.Uuid"};
    case LEAT_BITS:
        if (c->precision == 1)
            return (struct type){.type = "boolean"};
        return (struct type){.type = "bytes", .name = "io.debezium.data.Bits"};
    default:
        return text_type(c);
    }
}

/* --- printing -------------------------------------------------------------------------------- */

static void put_type(struct leat_json *j, const char *type)
{
    LEAT_JSON_NAME(j, "type");
    leat_json_text(j, type);
}

static void put_optional(struct leat_json *j, bool optional)
{
    LEAT_JSON_NAME(j, "optional");
    leat_json_bool(j, optional);
}

static void put_name(struct leat_json *j, const char *name, int version)
{
    LEAT_JSON_NAME(j, "name");
    leat_json_text(j, name);
    LEAT_JSON_NAME(j, "version");
    leat_json_int(j, version);
}

static void put_field_name(struct leat_json *j, const char *field)
{
    if (!field)
        return;
    LEAT_JSON_NAME(j, "field");
    leat_json_text(j, field);
}

/* {"type":"int64","optional":false,"field":"ts_ms"} */
static void put_simple(struct leat_json *j, const char *type, bool optional, const char *field)
{
    leat_json_object(j);
    put_type(j, type);
    put_optional(j, optional);
    put_field_name(j, field);
    leat_json_object_end(j);
}

static void open_struct(struct leat_json *j)
{
    leat_json_object(j);
    put_type(j, "struct");
    LEAT_JSON_NAME(j, "fields");
    leat_json_array(j);
}

static void put_number_text(struct leat_json *j, int64_t v)
{
    uint8_t text[24];
    struct leat_buf digits = {.data = text, .capacity = sizeof text, .max = sizeof text};
    struct leat_json number = leat_json_at(&digits);
    leat_json_int(&number, v);
    leat_json_plain(j, text, digits.len);
}

/* Sizes that the type's meaning depends on, as strings. */
static void put_parameters(struct leat_json *j, const struct leat_column *c, uint8_t kind)
{
    LEAT_JSON_NAME(j, "parameters");
    leat_json_object(j);
    if (kind == LEAT_BITS) {
        LEAT_JSON_NAME(j, "length");
        put_number_text(j, c->precision < 0 ? INT32_MAX : c->precision);
    } else {
        LEAT_JSON_NAME(j, "scale");
        put_number_text(j, leat_debezium_scale(c));
        if (c->precision >= 0) {
            LEAT_JSON_NAME(j, "connect.decimal.precision");
            put_number_text(j, c->precision);
        }
    }
    leat_json_object_end(j);
}

/* The labels, a comma between them; a comma inside one has a backslash in front. */
static void put_labels(struct leat_json *j, const struct leat_column *c)
{
    struct leat_buf labels;
    bool inside = false;
    leat_buf_init(&labels, 2 * c->type.len + 1);
    for (size_t i = 0; i < c->type.len; i++) {
        uint8_t byte = c->type.ptr[i];
        bool doubled = inside && byte == '\'' && i + 1 < c->type.len && c->type.ptr[i + 1] == '\'';
        if (byte == '\'' && !doubled) {
            inside = !inside;
            continue;
        }
        i += doubled;
        if (inside && byte == ',')
            leat_buf_append_text(&labels, "\\");
        if (inside || byte == ',')
            leat_buf_append(&labels, leat_slice_of(&byte, 1));
    }
    LEAT_JSON_NAME(j, "parameters");
    leat_json_object(j);
    LEAT_JSON_NAME(j, "allowed");
    (void)leat_json_string(j, leat_buf_slice(&labels));
    leat_json_object_end(j);
    leat_buf_release(&labels);
}

/* Everything of a value's schema except the closing brace, so that "field" can follow. */
static void put_value_type(struct leat_json *j, const struct leat_form_settings *s,
                           const struct leat_column *c, uint8_t kind, bool optional)
{
    struct type t = type_of(s, c, kind);
    if (kind == LEAT_BYTES && leat_debezium_is_geometry(c)) {
        leat_debezium_geometry_schema(j, c, optional);
        return;
    }
    leat_json_object(j);
    put_type(j, t.type);
    if (t.variable_scale) {
        LEAT_JSON_NAME(j, "fields");
        leat_json_array(j);
        put_simple(j, "int32", false, "scale");
        put_simple(j, "bytes", false, "value");
        leat_json_array_end(j);
    }
    put_optional(j, optional);
    if (!t.name)
        return;
    put_name(j, t.name, 1);
    if (t.variable_scale) {
        LEAT_JSON_NAME(j, "doc");
        leat_json_text(j, "Variable scaled decimal");
    } else if (t.labels) {
        put_labels(j, c);
    } else if (strcmp(t.type, "bytes") == 0) {
        put_parameters(j, c, kind);
    }
}

static void put_array_type(struct leat_json *j, const struct leat_form_settings *s,
                           const struct leat_column *c, bool optional)
{
    bool vector = c->element == LEAT_FLOAT32 && leat_debezium_type_is(c, "vector");
    leat_json_object(j);
    put_type(j, "array");
    LEAT_JSON_NAME(j, "items");
    put_value_type(j, s, c, c->element, !vector);
    leat_json_object_end(j);
    put_optional(j, optional);
    if (vector)
        put_name(j, "io.debezium.data.FloatVector", 1);
}

static void put_column(struct leat_json *j, const struct leat_form_settings *s, const struct leat_column *c,
                       bool optional)
{
    if (c->kind == LEAT_ARRAY)
        put_array_type(j, s, c, optional);
    else
        put_value_type(j, s, c, c->kind, optional);
    LEAT_JSON_NAME(j, "field");
    (void)leat_json_string(j, c->name);
    leat_json_object_end(j);
}

/* "srv.public.customers.Value" */
static void put_table_name(struct leat_json *j, const struct leat_form_input *in, const char *suffix)
{
    const struct leat_schema *r = in->event->relation;
    struct leat_buf name;
    leat_buf_init(&name, 4 * LEAT_NAME_MAX);
    leat_buf_append(&name, in->instance);
    leat_buf_append_text(&name, ".");
    if (r) {
        leat_buf_append(&name, r->schema.len ? r->schema : r->database);
        leat_buf_append_text(&name, ".");
        leat_buf_append(&name, r->table);
        leat_buf_append_text(&name, ".");
    }
    leat_buf_append_text(&name, suffix);
    LEAT_JSON_NAME(j, "name");
    (void)leat_json_string(j, leat_buf_slice(&name));
    leat_buf_release(&name);
}

/* A field that the row leaves out is not in its schema either. */
static bool is_left_out(const struct leat_form_settings *s, const struct leat_row *row, uint32_t i,
                        const struct leat_column *c)
{
    return i < row->count && row->values[i].kind == LEAT_ABSENT && !leat_debezium_can_be_unavailable(s, c);
}

static void put_row_type(struct leat_json *j, const struct leat_form_settings *s,
                         const struct leat_form_input *in, const struct leat_row *row, const char *field)
{
    const struct leat_schema *r = in->event->relation;
    bool key_only = row == &in->event->before && in->event->before_form == LEAT_BEFORE_KEY;
    open_struct(j);
    for (uint32_t i = 0; r && i < r->column_count; i++) {
        const struct leat_column *c = &r->columns[i];
        if (!key_only && is_left_out(s, row, i, c))
            continue;
        put_column(j, s, c, !c->key_ordinal && (key_only || c->nullable != LEAT_NULLABLE_NO));
    }
    leat_json_array_end(j);
    put_optional(j, true);
    put_table_name(j, in, "Value");
    put_field_name(j, field);
    leat_json_object_end(j);
}

/* What an attribute is in Debezium's source blocks. One that is not listed is an optional int64. */
static const struct {
    const char *name, *type;
    bool optional;
} ATTR_TYPES[] = {
    {"schema", "string", false},  {"table", "string", false}, {"origin", "string", true},
    {"gtid", "string", true},     {"file", "string", false},  {"query", "string", true},
    {"server_id", "int64", false}, {"pos", "int64", false},   {"row", "int32", false},
};

static bool has_schemas(const struct leat_origin *origin)
{
    for (uint32_t i = 0; i < origin->attr_count; i++)
        if (origin->attrs[i].scope == LEAT_ATTR_SCHEMA)
            return true;
    return false;
}

/* Debezium requires the table's name where databases have schemas. */
static void put_attr_type(struct leat_json *j, const struct leat_origin *origin, const struct leat_attr *attr)
{
    const char *type = "int64";
    bool optional = true;
    for (size_t i = 0; i < sizeof ATTR_TYPES / sizeof *ATTR_TYPES; i++) {
        if (!leat_slice_equal(attr->name, leat_slice_text(ATTR_TYPES[i].name)))
            continue;
        type = ATTR_TYPES[i].type;
        optional = ATTR_TYPES[i].optional;
    }
    if (attr->scope == LEAT_ATTR_TABLE)
        optional = !has_schemas(origin);
    leat_json_object(j);
    put_type(j, type);
    put_optional(j, optional);
    LEAT_JSON_NAME(j, "field");
    (void)leat_json_string(j, attr->name);
    leat_json_object_end(j);
}

static void put_snapshot_type(struct leat_json *j)
{
    leat_json_object(j);
    put_type(j, "string");
    put_optional(j, true);
    put_name(j, "io.debezium.data.Enum", 1);
    LEAT_JSON_NAME(j, "parameters");
    leat_json_object(j);
    LEAT_JSON_NAME(j, "allowed");
    leat_json_text(j, "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental");
    leat_json_object_end(j);
    LEAT_JSON_NAME(j, "default");
    leat_json_text(j, "false");
    put_field_name(j, "snapshot");
    leat_json_object_end(j);
}

static void put_source_type(struct leat_json *j, const struct leat_origin *origin)
{
    open_struct(j);
    put_simple(j, "string", false, "version");
    put_simple(j, "string", false, "connector");
    put_simple(j, "string", false, "name");
    put_simple(j, "int64", false, "ts_ms");
    put_snapshot_type(j);
    put_simple(j, "string", false, "db");
    put_simple(j, "string", true, "sequence");
    put_simple(j, "int64", true, "ts_us");
    put_simple(j, "int64", true, "ts_ns");
    for (uint32_t i = 0; i < origin->attr_count; i++)
        if (origin->attrs[i].use & LEAT_ATTR_FIELD)
            put_attr_type(j, origin, &origin->attrs[i]);
    leat_json_array_end(j);
    put_optional(j, false);
    LEAT_JSON_NAME(j, "name");
    char name[128] = "io.debezium.connector.";
    size_t at = strlen(name), len = origin->connector.len < 64 ? origin->connector.len : 64;
    if (len)
        memcpy(name + at, origin->connector.ptr, len);
    memcpy(name + at + len, ".Source", sizeof ".Source");
    leat_json_text(j, name);
    LEAT_JSON_NAME(j, "version");
    leat_json_int(j, 1);
    put_field_name(j, "source");
    leat_json_object_end(j);
}

static void put_transaction_type(struct leat_json *j)
{
    open_struct(j);
    put_simple(j, "string", false, "id");
    put_simple(j, "int64", false, "total_order");
    put_simple(j, "int64", false, "data_collection_order");
    leat_json_array_end(j);
    put_optional(j, true);
    put_name(j, "event.block", 1);
    put_field_name(j, "transaction");
    leat_json_object_end(j);
}

static void put_envelope_type(struct leat_json *j, const struct leat_form_settings *s,
                              const struct leat_form_input *in)
{
    open_struct(j);
    put_row_type(j, s, in, &in->event->before, "before");
    put_row_type(j, s, in, &in->event->after, "after");
    put_source_type(j, in->event->transaction->origin);
    put_transaction_type(j);
    put_simple(j, "string", false, "op");
    put_simple(j, "int64", true, "ts_ms");
    put_simple(j, "int64", true, "ts_us");
    put_simple(j, "int64", true, "ts_ns");
    leat_json_array_end(j);
    put_optional(j, false);
    put_table_name(j, in, "Envelope");
    LEAT_JSON_NAME(j, "version");
    leat_json_int(j, 2);
    leat_json_object_end(j);
}

static void put_message_type(struct leat_json *j, const struct leat_form_settings *s,
                             const struct leat_form_input *in)
{
    open_struct(j);
    put_simple(j, "string", false, "op");
    put_simple(j, "int64", true, "ts_ms");
    put_source_type(j, in->event->transaction->origin);
    put_transaction_type(j);
    open_struct(j);
    put_simple(j, "string", true, "prefix");
    put_simple(j, s->binary == LEAT_FORM_BINARY_BASE64 ? "bytes" : "string", true, "content");
    leat_json_array_end(j);
    put_optional(j, false);
    put_name(j, "io.debezium.connector.postgresql.Message", 1);
    put_field_name(j, "message");
    leat_json_object_end(j);
    leat_json_array_end(j);
    put_optional(j, false);
    put_name(j, "io.debezium.connector.postgresql.MessageValue", 1);
    leat_json_object_end(j);
}

void leat_debezium_value_schema(struct leat_json *j, const struct leat_form_settings *s,
                                const struct leat_form_input *in)
{
    if (leat_debezium_is_message(in->event))
        put_message_type(j, s, in);
    else
        put_envelope_type(j, s, in);
}

void leat_debezium_key_schema(struct leat_json *j, const struct leat_form_settings *s,
                              const struct leat_form_input *in)
{
    const struct leat_column *c;
    open_struct(j);
    if (leat_debezium_is_message(in->event)) {
        put_simple(j, "string", true, "prefix");
        leat_json_array_end(j);
        put_optional(j, false);
        put_name(j, "io.debezium.connector.postgresql.MessageKey", 1);
        leat_json_object_end(j);
        return;
    }
    for (uint32_t n = 1; (c = leat_form_key_column(in->event->relation, n)); n++)
        put_column(j, s, c, false);
    leat_json_array_end(j);
    put_optional(j, false);
    put_table_name(j, in, "Key");
    leat_json_object_end(j);
}
