#include "pipeline/emit_intake.h"

#include "codec/json_writer.h"
#include "codec/route.h"
#include "codec/select.h"

enum { ADDRESS_BYTES_MAX = 1 << 20 };

/* --- what fits ----------------------------------------------------------------------------------
 */

static bool listed(const struct leat_strings *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}

static bool table_listed(const struct leat_strings *list, const struct leat_schema *relation)
{
    for (size_t i = 0; i < list->count; i++)
        if (leat_select_table(list->items[i], relation))
            return true;
    return false;
}

static bool type_listed(const struct leat_strings *list, const struct leat_event *event)
{
    for (size_t i = 0; i < list->count; i++)
        if (leat_select_type(leat_slice_text(list->items[i]), event))
            return true;
    return false;
}

/* A gap of a wanted source is never left out (I10). */
static bool wanted(const struct leat_emit_settings *s, const struct leat_stream_event *e)
{
    if (s->sources.count && !listed(&s->sources, e->instance))
        return false;
    if (e->event.op == LEAT_OP_GAP)
        return true;
    return (!s->tables.count || table_listed(&s->tables, e->event.relation)) &&
           !table_listed(&s->exclude_tables, e->event.relation) &&
           (!s->types.count || type_listed(&s->types, &e->event)) &&
           (!s->tenant ||
            leat_slice_equal(leat_select_tenant_of(&e->event), leat_slice_text(s->tenant)));
}

/* --- reading ------------------------------------------------------------------------------------
 */

struct search {
    const char *name;
    uint32_t id;
};

static int source_find(void *arg, const char *instance, const struct leat_store_source *source,
                       struct leat_err *err)
{
    struct search *search = arg;
    (void)err;
    if (strcmp(instance, search->name) == 0)
        search->id = source->id;
    return LEAT_OK;
}

/* When one source alone is wanted, blocks of all others are not even decompressed. */
static int narrow(struct emit_intake *in, struct leat_err *err)
{
    if (in->only || in->settings->sources.count != 1)
        return LEAT_OK;
    struct search search = {in->settings->sources.items[0], 0};
    int status =
        leat_store_reader_sources(leat_stream_reader(in->stream), source_find, &search, err);
    if (status || !search.id)
        return status;
    leat_stream_only(in->stream, search.id);
    in->only = true;
    return LEAT_OK;
}

int emit_intake_seek(struct emit_intake *in, uint64_t position, struct leat_err *err)
{
    int status = narrow(in, err);
    if (!status)
        status = leat_stream_seek(in->stream, position + 1, err);
    if (!status)
        in->position = position;
    return status;
}

int emit_intake_next(struct emit_intake *in, unsigned max, struct leat_err *err)
{
    uint64_t durable = leat_store_durable(in->store);
    while (max--) {
        int status = leat_stream_next(in->stream, &in->event, err);
        if (status == LEAT_EOF && durable > in->position)
            in->position = durable; /* the rest was other sources' */
        if (!status && !in->event.instance)
            status = leat_fail(err, LEAT_EDATA,
                               "sequence %llu: the store does not know the event's source",
                               (unsigned long long)in->event.sequence);
        if (status)
            return status;
        in->position = in->event.sequence;
        if (wanted(in->settings, &in->event))
            return LEAT_OK;
        in->passed++;
    }
    return LEAT_AGAIN;
}

/* --- writing ------------------------------------------------------------------------------------
 */

static struct leat_form_input form_input(const struct leat_emit_input *in)
{
    return (struct leat_form_input){leat_slice_text(in->instance), in->sequence, in->ingested_at_us,
                                    in->event};
}

static struct leat_emit_input input_of(const struct emit_intake *in)
{
    return (struct leat_emit_input){.instance = in->event.instance,
                                    .sequence = in->event.sequence,
                                    .ingested_at_us = in->event.ingested_at_us,
                                    .event = &in->event.event,
                                    .last_of_transaction = in->event.last_of_transaction,
                                    .form = in};
}

int leat_emit_value(const struct leat_emit_input *in, struct leat_buf *buf, struct leat_err *err)
{
    const struct emit_intake *intake = in->form;
    struct leat_form_input input = form_input(in);
    return intake->form->write(&intake->form_settings, &input, buf, err);
}

int leat_emit_key(const struct leat_emit_input *in, struct leat_buf *buf, struct leat_err *err)
{
    const struct emit_intake *intake = in->form;
    struct leat_form_input input = form_input(in);
    return intake->form->write_key(&intake->form_settings, &input, buf, err);
}

int emit_intake_address(struct emit_intake *in, struct leat_err *err)
{
    struct leat_emit_input input = input_of(in);
    leat_buf_reset(&in->topic);
    leat_buf_reset(&in->key);
    leat_route_write(in->settings->topic, in->event.instance, &in->event.event, &in->topic);
    return leat_emit_key(&input, &in->key, err);
}

int emit_intake_write(struct emit_intake *in, struct leat_buf *buf, struct leat_err *err)
{
    struct leat_emit_input input = input_of(in);
    return in->ops->encode ? in->ops->encode(in->ctx, &input, buf, err)
                           : leat_emit_value(&input, buf, err);
}

/* --- metadata -----------------------------------------------------------------------------------
 */

static void put_text(struct leat_json *j, struct leat_slice text)
{
    if (text.len)
        leat_json_string(j, text);
    else
        leat_json_null(j);
}

static void put_identity(struct leat_json *j, const struct leat_emit_input *in, struct leat_buf *id)
{
    const struct leat_event *e = in->event;
    leat_event_id(id, leat_slice_text(in->instance), e);
    LEAT_JSON_NAME(j, "eventId");
    leat_json_string(j, leat_buf_slice(id));
    LEAT_JSON_NAME(j, "op");
    leat_json_text(j, leat_op_name((enum leat_op)e->op));
    LEAT_JSON_NAME(j, "eventType");
    put_text(j, e->topic);
    LEAT_JSON_NAME(j, "tenant");
    put_text(j, leat_select_tenant_of(e));
    LEAT_JSON_NAME(j, "transaction");
    put_text(j, e->transaction->id);
    LEAT_JSON_NAME(j, "ordinal");
    leat_json_uint(j, e->ordinal);
}

static void put_times(struct leat_json *j, const struct leat_emit_input *in)
{
    LEAT_JSON_NAME(j, "eventTimeUs");
    leat_json_int(j, in->event->event_time_us);
    LEAT_JSON_NAME(j, "validTimeUs");
    leat_json_int(j, in->event->valid_time_us);
    LEAT_JSON_NAME(j, "ingestedAtUs");
    leat_json_int(j, in->ingested_at_us);
}

static void put_relation(struct leat_json *j, const struct leat_schema *r)
{
    if (!r)
        return;
    LEAT_JSON_NAME(j, "database");
    put_text(j, r->database);
    LEAT_JSON_NAME(j, "schema");
    put_text(j, r->schema);
    LEAT_JSON_NAME(j, "table");
    put_text(j, r->table);
}

int leat_emit_metadata(const struct leat_emit_input *in, struct leat_buf *buf, struct leat_err *err)
{
    size_t start = buf->len;
    struct leat_buf id;
    struct leat_json json = leat_json_at(buf), *j = &json;
    leat_buf_init(&id, 4096);
    leat_json_object(j);
    put_identity(j, in, &id);
    put_times(j, in);
    put_relation(j, in->event->relation);
    if (in->event->metadata.len) {
        LEAT_JSON_NAME(j, "metadata");
        leat_json_raw(j, in->event->metadata.ptr, in->event->metadata.len);
    }
    leat_json_object_end(j);
    leat_buf_release(&id);
    return leat_form_end(buf, start, LEAT_OK, err);
}

/* The text of an attribute; empty: the event has none. */
static struct leat_slice attr_text(const struct leat_event *event, struct leat_slice name)
{
    struct leat_form_attrs attrs = {.event = event};
    const struct leat_attr *attr;
    struct leat_value value;
    while (leat_form_next_attr(&attrs, &attr, &value))
        if (leat_slice_equal(attr->name, name) && leat_kind_is_text(value.kind))
            return value.text;
    return (struct leat_slice){NULL, 0};
}

int leat_emit_external_id(const struct leat_emit_input *in, struct leat_buf *buf,
                          struct leat_err *err)
{
    if (in->event->relation)
        return leat_emit_key(in, buf, err);
    struct leat_slice id = attr_text(in->event, LEAT_SLICE_LITERAL("externalId"));
    if (!id.len)
        id = attr_text(in->event, LEAT_SLICE_LITERAL("idempotency"));
    leat_buf_append(buf, id);
    return LEAT_OK;
}

struct leat_slice leat_emit_tenant(const struct leat_emit_input *in)
{
    return leat_select_tenant_of(in->event);
}

/* --- life ---------------------------------------------------------------------------------------
 */

int emit_intake_open(struct emit_intake *in, struct leat_store *store, struct leat_err *err)
{
    const struct leat_emit_settings *s = in->settings;
    in->store = store;
    in->form = leat_form_find(s->format);
    if (!in->form)
        return leat_fail(err, LEAT_ECONFIG, "format \"%s\" is unknown", s->format);
    in->form_settings =
        (struct leat_form_settings){.schema_wrapper = s->schema_wrapper,
                                    .time = (enum leat_form_time)s->time,
                                    .decimal = (enum leat_form_decimal)s->decimal,
                                    .binary = (enum leat_form_binary)s->binary,
                                    .interval = (enum leat_form_interval)s->interval,
                                    .absent = (enum leat_form_absent)s->absent};
    leat_buf_init(&in->topic, ADDRESS_BYTES_MAX);
    leat_buf_init(&in->key, ADDRESS_BYTES_MAX);
    return leat_stream_open(leat_store_path(store), store, &in->stream, err);
}

void emit_intake_close(struct emit_intake *in)
{
    leat_stream_close(in->stream);
    leat_buf_release(&in->topic);
    leat_buf_release(&in->key);
    in->stream = NULL;
}
