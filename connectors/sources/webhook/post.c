/*
 * From a body to events. Refusals are the table of the reference: 400 malformed, 413 too large, 415
 * a type or coding that is not known. A batch is all or nothing unless the client asks otherwise.
 */
#include "sources/webhook/post.h"

#include <leat/hash.h>

#include <openssl/evp.h>
#include <stdlib.h>
#include <strings.h>

#include "sources/webhook/field.h"
#include "sources/webhook/inflate.h"
#include "sources/webhook/json_scan.h"
#include "sources/webhook/metadata.h"
#include "sources/webhook/utf8.h"

enum {
    ARENA_MAX = 96 << 20,        /* 10,000 events with a metadata of some KiB each */
    FIELD_BYTES_MAX = 1024,
    KEY_BYTES_MAX = 255,
    FILE_RATE_BYTES_PER_S = 64 << 10, /* a file may take the time that this takes … */
    FILE_EXTRA_MS = 60 * 1000,        /* … and so much more */
    FILE_METADATA_MAX = 16 << 20,     /* in all its events, which are stored in one commit */
    REQUEST_BODY_EXTRA = 1,
};

struct post *post_new(struct leat_ingest_request *request, const struct webhook_settings *settings,
                      const struct signature_scheme *scheme, const char *instance)
{
    struct post *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->request = request;
    p->settings = settings;
    p->scheme = scheme;
    p->tenant = settings->tenant ? settings->tenant : instance;
    p->producer = request->key_id[0] ? request->key_id : instance;
    leat_arena_init(&p->arena, ARENA_MAX);
    leat_buf_init(&p->cloudevent_keys, ARENA_MAX);
    leat_buf_init(&p->decoded, (size_t)settings->request_bytes_max + REQUEST_BODY_EXTRA);
    route_parse(request->target, &p->route);
    p->data_core = leat_slice_text(ROUTE_DATA_CORE(&p->route));
    p->flow_type = leat_slice_text(ROUTE_FLOW_TYPE(&p->route));
    p->topic = leat_slice_text(ROUTE_EVENT_TYPE(&p->route));
    if (p->route.kind == ROUTE_IN) {
        p->data_core = leat_slice_text(settings->data_core);
        p->flow_type = leat_slice_text(settings->flow_type ? settings->flow_type : instance);
    }
    return p;
}

void post_free(struct post *p)
{
    if (!p)
        return;
    leat_arena_release(&p->arena);
    leat_buf_release(&p->decoded);
    leat_buf_release(&p->cloudevent_keys);
    signature_release(&p->check);
    upload_free(p->upload);
    free(p);
}

static unsigned refuse(struct post *p, unsigned status, const char *why)
{
    leat_ingest_problem(p->request, status, why);
    return status;
}

/* --- before the body ---------------------------------------------------------------------------- */

/* "application/json; charset=utf-8" is "application/json". */
static bool type_is(const char *header, const char *type)
{
    size_t len = strlen(type);
    return strncasecmp(header, type, len) == 0 && strchr("; \t", header[len]);
}

static bool type_is_lines(const char *header)
{
    return type_is(header, "application/x-ndjson") || type_is(header, "application/ndjson") ||
           type_is(header, "application/jsonl") || type_is(header, "application/x-jsonlines");
}

static bool type_is_json(const char *header)
{
    size_t len = strcspn(header, "; \t");
    return type_is(header, "application/json") ||
           (len > 5 && strncasecmp(header + len - 5, "+json", 5) == 0);
}

static bool wants_lenient(const struct leat_ingest_request *r, const char *query)
{
    const char *prefer = leat_ingest_header(r, "Prefer");
    return (prefer && strcasestr(prefer, "handling=lenient")) ||
           strncmp(query, "partial=1", 9) == 0 || strstr(query, "&partial=1");
}

static enum cloudevent_mode cloudevent_of(const struct post *p, const char *type)
{
    static const char *const REQUIRED[] = {"ce-id", "ce-source", "ce-specversion", "ce-type"};
    int there = 0;
    if (!p->settings->cloudevents)
        return CLOUDEVENT_NONE;
    for (size_t i = 0; i < sizeof REQUIRED / sizeof *REQUIRED && !p->scheme; i++)
        there += leat_ingest_header(p->request, REQUIRED[i]) != NULL;
    return cloudevent_mode_of(type, p->route.kind == ROUTE_EVENTS ? 0 : there);
}

static unsigned check_file(struct post *p, const char *type)
{
    p->is_file = p->batch = true;
    p->content_type = type;
    if (!multipart_is(type))
        return refuse(p, 415, "Content-Type must be multipart/form-data");
    if (inflate_coding_of(leat_ingest_header(p->request, "Content-Encoding")) != INFLATE_IDENTITY)
        return refuse(p, 415, "files are taken without a Content-Encoding");
    return 0;
}

static unsigned check_type(struct post *p)
{
    const char *type = leat_ingest_header(p->request, "Content-Type");
    if (p->route.kind == ROUTE_FILE || (p->route.kind == ROUTE_EVENTS && multipart_is(type)))
        return check_file(p, type);
    p->cloudevent = cloudevent_of(p, type);
    if (p->cloudevent == CLOUDEVENT_UNKNOWN ||
        (p->cloudevent == CLOUDEVENT_BATCHED && p->route.kind == ROUTE_EVENT) ||
        (p->cloudevent == CLOUDEVENT_STRUCTURED && p->route.kind == ROUTE_EVENTS))
        return refuse(p, 415, "CloudEvents of this form are not taken here");
    bool lines = type && type_is_lines(type);
    p->is_json = type && type_is_json(type);
    p->content_type = type;
    if (p->route.kind == ROUTE_EVENTS && lines)
        return 0;
    if (p->is_json || (p->route.kind == ROUTE_IN && p->settings->accept == WEBHOOK_ACCEPT_ANY))
        return 0;
    if (p->cloudevent == CLOUDEVENT_BINARY && leat_ingest_length(p->request) == 0)
        return 0; /* it has no data */
    return refuse(p, 415, "Content-Type must be application/json");
}

unsigned post_check(struct post *p)
{
    unsigned status = check_type(p);
    if (status || p->is_file)
        return status;
    p->batch = p->route.kind == ROUTE_EVENTS || p->cloudevent == CLOUDEVENT_BATCHED;
    p->lenient = p->batch && wants_lenient(p->request, p->route.query);
    if (inflate_coding_of(leat_ingest_header(p->request, "Content-Encoding")) == INFLATE_UNKNOWN)
        return refuse(p, 415, "the Content-Encoding is none of gzip, deflate, zstd");
    return 0;
}

/* --- the body ----------------------------------------------------------------------------------- */

static unsigned decode(struct post *p)
{
    const char *why = NULL;
    enum inflate_coding coding =
        inflate_coding_of(leat_ingest_header(p->request, "Content-Encoding"));
    p->body = leat_buf_slice(&p->request->body);
    if (coding != INFLATE_IDENTITY) {
        unsigned status = inflate_body(coding, p->body, &p->decoded, &why);
        if (!status && p->decoded.len > (size_t)p->settings->request_bytes_max)
            status = 413, why = "the body is longer than this path takes";
        if (status)
            return refuse(p, status, why);
        p->body = leat_buf_slice(&p->decoded);
    }
    return p->body.len || p->cloudevent == CLOUDEVENT_BINARY ? 0 : refuse(p, 400, "the body is empty");
}

static unsigned no_memory(struct post *p)
{
    return refuse(p, 413, "the events of this request take too much memory");
}

/* Adds an event; the arena's array grows by doubling. */
static struct post_event *event_add(struct post *p, struct leat_slice body)
{
    if ((p->count & (p->count - 1)) == 0) {
        struct post_event *more = leat_arena_zeroed(&p->arena, p->count ? 2 * p->count : 1, sizeof *more);
        if (!more)
            return NULL;
        if (p->count)
            memcpy(more, p->events, p->count * sizeof *more);
        p->events = more;
    }
    struct post_event *e = &p->events[p->count++];
    *e = (struct post_event){.body = body, .topic = p->topic, .external_id = p->external_id};
    return e;
}

/* One event of a batch or the only one: too long, or not JSON? */
static unsigned item_add(struct post *p, struct leat_slice body, bool checked)
{
    size_t at;
    if (p->count >= (size_t)p->settings->events_max)
        return refuse(p, 413, "there are more events in this request than are taken at once");
    struct post_event *e = event_add(p, body);
    if (!e)
        return no_memory(p);
    if (!checked && !json_check(body, &at))
        e->refused = 400, e->why = "the event is not valid JSON";
    else if (body.len > (size_t)p->settings->event_bytes_max)
        e->refused = 413, e->why = "the event is longer than is taken";
    if (e->refused && !p->lenient)
        return refuse(p, e->refused, e->why);
    return 0;
}

static unsigned read_lines(struct post *p)
{
    const uint8_t *at = p->body.ptr, *end = at + p->body.len;
    while (at < end) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *next = stop ? stop + 1 : end;
        struct leat_slice line = leat_slice_of(at, (size_t)((stop ? stop : end) - at));
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        unsigned status = line.len ? item_add(p, line, false) : 0;
        if (status)
            return status;
        at = next;
    }
    return 0;
}

static unsigned read_array(struct post *p)
{
    struct json_walk walk;
    struct leat_slice key, value;
    size_t at;
    if (!json_check(p->body, &at))
        return refuse(p, 400, "the body is not valid JSON");
    if (json_kind(p->body) != '[' || !json_walk(&walk, p->body))
        return refuse(p, 400, "the body is not an array of events");
    while (json_next(&walk, &key, &value)) {
        unsigned status = item_add(p, value, true);
        if (status)
            return status;
    }
    return 0;
}

static unsigned read_one(struct post *p)
{
    size_t at;
    bool any = p->route.kind == ROUTE_IN && p->settings->accept == WEBHOOK_ACCEPT_ANY;
    bool valid = json_check(p->body, &at);
    if (!valid && !any && p->body.len)
        return refuse(p, 400, "the body is not valid JSON");
    p->is_json = valid;
    return item_add(p, p->body, true);
}

/* --- a file --------------------------------------------------------------------------------------- */

unsigned post_upload(struct post *p, const char *directory)
{
    const char *why = NULL;
    int64_t length = leat_ingest_length(p->request), most = p->settings->file_bytes_max + UPLOAD_FORM_BYTES;
    if (length > most)
        return refuse(p, 413, "the file is longer than this source takes");
    unsigned status =
        upload_new(p->content_type, directory, p->settings->file_bytes_max, length, &p->upload, &why);
    if (status)
        return refuse(p, status, why);
    p->request->body_max = (size_t)most;
    p->request->body_apart = true;
    p->request->body_ms = FILE_EXTRA_MS + (length < 0 ? most : length) * 1000 / FILE_RATE_BYTES_PER_S;
    return 0;
}

unsigned post_take(struct post *p, struct leat_slice piece)
{
    const char *why = NULL;
    signature_update(&p->check, piece);
    unsigned status = upload_take(p->upload, piece, &why);
    return status ? refuse(p, status, why) : 0;
}

/* An event for each part; the bodies come later, from the spool. */
static unsigned read_file(struct post *p)
{
    const char *why = NULL;
    unsigned status = upload_end(p->upload, &why);
    if (status)
        return refuse(p, status, why);
    p->body = upload_members(p->upload);
    for (size_t i = upload_parts(p->upload); i > 0; i--)
        if (!event_add(p, leat_slice_of(NULL, 0)))
            return no_memory(p);
    return 0;
}

/* --- CloudEvents -------------------------------------------------------------------------------- */

/* On /in/ the sender's type is the event type; elsewhere the path has said it. */
static void cloudevent_apply(struct post *p, struct post_event *e, const struct cloudevent *c)
{
    if (p->route.kind == ROUTE_IN) {
        e->topic = c->type;
        e->external_id = c->subject;
    }
    if (c->time_us)
        e->event_time_us = c->time_us;
    leat_buf_append_counted(&p->cloudevent_keys, c->source);
    leat_buf_append_counted(&p->cloudevent_keys, c->id);
}

static unsigned cloudevent_headers(struct post *p)
{
    struct cloudevent_headers headers;
    cloudevent_headers_init(&headers, &p->arena);
    leat_ingest_headers(p->request, cloudevent_headers_add, &headers);
    const char *why = cloudevent_headers_end(&headers);
    if (!why) {
        p->attributes = leat_arena_copy(&p->arena, leat_buf_slice(&headers.metadata));
        cloudevent_apply(p, &p->events[0], &headers.event);
    }
    leat_buf_release(&headers.metadata);
    return why ? refuse(p, 400, why) : 0;
}

static unsigned cloudevent_item(struct post *p, struct post_event *e)
{
    struct cloudevent c;
    if (e->refused)
        return 0;
    const char *why = cloudevent_read(e->body, &p->arena, &c);
    if (!why) {
        cloudevent_apply(p, e, &c);
        return 0;
    }
    e->refused = 400;
    e->why = why;
    return p->lenient ? 0 : refuse(p, 400, why);
}

static unsigned read_cloudevents(struct post *p)
{
    unsigned status = 0;
    if (p->cloudevent == CLOUDEVENT_BINARY)
        return cloudevent_headers(p);
    for (size_t i = 0; i < p->count && p->cloudevent && !status; i++)
        status = cloudevent_item(p, &p->events[i]);
    return !status && p->cloudevent_keys.full ? no_memory(p) : status;
}

/* --- times -------------------------------------------------------------------------------------- */

/* What a header says about all events. 0 in *ret_us: nothing. */
static unsigned header_time(struct post *p, const char *name, int64_t *ret_us)
{
    const char *text = leat_ingest_header(p->request, name);
    *ret_us = 0;
    if (text && !webhook_time_parse(leat_slice_text(text), ret_us))
        return refuse(p, 400, "a header with a time is not ISO 8601 with a zone");
    return 0;
}

/* What a field of the event says about it. A missing one leaves *us as it is. */
static const char *key_time(struct leat_slice event, const char *key, int64_t *us)
{
    struct leat_slice value;
    struct leat_buf plain;
    if (!key || json_kind(event) != '{' || !json_member(event, key, &value) ||
        json_kind(value) == 'n')
        return NULL;
    leat_buf_init(&plain, 256);
    if (json_kind(value) == '"')
        json_unquote(value, &plain);
    bool fine = !plain.full && webhook_time_parse(leat_buf_slice(&plain), us);
    leat_buf_release(&plain);
    return fine ? NULL : "a field that should hold a time is not ISO 8601 with a zone";
}

/* Of a simple route: its configured field. */
static unsigned field_time(struct post *p, int64_t *us)
{
    struct leat_buf text;
    if (p->route.kind != ROUTE_IN || !p->settings->event_time)
        return 0;
    leat_buf_init(&text, FIELD_BYTES_MAX);
    struct leat_slice json = p->is_json ? p->body : leat_slice_of(NULL, 0);
    bool given = field_read(p->settings->event_time, p->request, json, &text);
    bool fine = !given || webhook_time_parse(leat_buf_slice(&text), us) ||
                webhook_time_parse_epoch(leat_buf_slice(&text), us);
    leat_buf_release(&text);
    return fine ? 0 : refuse(p, 400, "the event time of the request cannot be read");
}

static unsigned event_times(struct post *p, struct post_event *e, const char *event_key,
                            const char *valid_key)
{
    if (e->refused)
        return 0;
    const char *why = key_time(e->body, event_key, &e->event_time_us);
    if (!why)
        why = key_time(e->body, valid_key, &e->valid_time_us);
    if (!why)
        return 0;
    e->refused = 400;
    e->why = why;
    return p->lenient ? 0 : refuse(p, 400, why);
}

static unsigned read_times(struct post *p)
{
    int64_t event_us, valid_us;
    const char *event_key = leat_ingest_header(p->request, "x-flowcore-event-time-key");
    const char *valid_key = leat_ingest_header(p->request, "x-flowcore-valid-time-key");
    unsigned status = header_time(p, "x-flowcore-event-time", &event_us);
    if (!status)
        status = header_time(p, "x-flowcore-valid-time", &valid_us);
    if (!status)
        status = field_time(p, &event_us);
    for (size_t i = 0; i < p->count && !status; i++) {
        if (event_us)
            p->events[i].event_time_us = event_us;
        p->events[i].valid_time_us = valid_us;
        status = event_times(p, &p->events[i], event_key, valid_key);
    }
    return status;
}

/* --- what stands beside the body ---------------------------------------------------------------- */

static unsigned copy_field(struct post *p, const char *field, struct leat_slice *ret_text,
                           const char *missing)
{
    struct leat_buf text;
    leat_buf_init(&text, FIELD_BYTES_MAX);
    struct leat_slice json = p->is_json ? p->body : leat_slice_of(NULL, 0);
    bool given = field && field_read(field, p->request, json, &text) && !text.full;
    if (given)
        *ret_text = leat_arena_copy(&p->arena, leat_buf_slice(&text));
    leat_buf_release(&text);
    return given || !missing ? 0 : refuse(p, 400, missing);
}

static unsigned read_names(struct post *p)
{
    const char *id = p->settings->external_id;
    if (p->route.kind != ROUTE_IN || p->cloudevent)
        return 0;
    if (!id && p->scheme)
        id = p->scheme->id;
    unsigned status = copy_field(p, p->settings->event_type, &p->topic,
                                 "the request does not say its event type");
    if (!status)
        status = copy_field(p, id, &p->external_id, NULL);
    for (size_t i = 0; i < p->count; i++) {
        p->events[i].topic = p->topic;
        p->events[i].external_id = p->external_id;
    }
    return status;
}

static bool same_times(const struct post_event *a, const struct post_event *b)
{
    return a->event_time_us == b->event_time_us && a->valid_time_us == b->valid_time_us;
}

/* One text for all events whose times are the same as those of the event before. */
static bool write_metadata(struct post *p, struct leat_slice sent)
{
    struct metadata_own own = {.producer = p->producer,
                               .attributes = p->attributes,
                               .ingested_at_us = p->request->received_us,
                               .content_type = p->is_json || p->batch ? NULL : p->content_type};
    struct leat_buf text;
    leat_buf_init(&text, 2 * METADATA_BYTES_MAX);
    bool fits = true;
    for (size_t i = 0; i < p->count && fits; i++) {
        struct post_event *e = &p->events[i];
        if (i && same_times(e, e - 1)) {
            e->metadata = e[-1].metadata;
            continue;
        }
        own.event_time_us = e->event_time_us;
        own.valid_time_us = e->valid_time_us;
        leat_buf_reset(&text);
        metadata_write(sent, &own, &text);
        e->metadata = leat_arena_copy(&p->arena, leat_buf_slice(&text));
        fits = !text.full && e->metadata.len;
    }
    leat_buf_release(&text);
    return fits && p->count * (sent.len + 256) <= (p->is_file ? FILE_METADATA_MAX : ARENA_MAX);
}

static unsigned read_metadata(struct post *p)
{
    const char *header = leat_ingest_header(p->request, "x-flowcore-metadata-json");
    const char *why = NULL;
    struct leat_buf sent;
    leat_buf_init(&sent, METADATA_BYTES_MAX);
    unsigned status = header && *header ? metadata_read(header, &sent, &why) : 0;
    if (status)
        refuse(p, status, why);
    else if (!write_metadata(p, leat_buf_slice(&sent)))
        status = no_memory(p);
    leat_buf_release(&sent);
    return status;
}

/* The defaults, and the ids that follow from the times. */
static void name_events(struct post *p)
{
    for (size_t i = 0; i < p->count; i++) {
        struct post_event *e = &p->events[i];
        if (!e->time_given)
            e->event_time_us = p->once.received_us;
        if (!e->valid_given)
            e->valid_time_us = e->event_time_us;
        webhook_uuid_make(e->event_time_us, p->once.seed, (uint32_t)i, e->id);
    }
}

/* A file without an id of its own has that of its first part. */
static void name_file(struct post *p)
{
    char id[WEBHOOK_UUID_TEXT];
    webhook_uuid_text(p->events[0].id, id);
    upload_name(p->upload, id);
}

static void draw_ids(struct post *p)
{
    p->once.seed = webhook_uuid_seed();
    p->once.received_us = p->request->received_us;
    for (size_t i = 0; i < p->count; i++) {
        p->events[i].time_given = p->events[i].event_time_us != 0;
        p->events[i].valid_given = p->events[i].valid_time_us != 0;
        p->taken += !p->events[i].refused;
    }
    name_events(p);
}

/* The same body with the same times: so the same ids come out. */
void post_repeat(struct post *p, const struct once_entry *original)
{
    p->once = *original;
    name_events(p);
}

/* --- the idempotency key ------------------------------------------------------------------------- */

/* A structured field's string has quotes; many senders leave them out. */
static bool header_key(const char *header, struct leat_buf *buf)
{
    size_t len = strlen(header);
    if (len >= 2 && header[0] == '"' && header[len - 1] == '"') {
        header++;
        len -= 2;
    }
    for (size_t i = 0; i < len; i++)
        if ((uint8_t)header[i] < 0x20 || (uint8_t)header[i] > 0x7e)
            return false;
    leat_buf_append(buf, leat_slice_of(header, len));
    return len > 0 && !buf->full;
}

/* The scope is what a client cannot choose, so that it can meet nobody's keys but its own. */
static void put_scope(struct post *p, struct leat_buf *buf)
{
    const struct leat_slice parts[] = {leat_slice_text(p->tenant),
                                       leat_slice_text(p->request->key_id), p->data_core,
                                       p->flow_type, p->topic};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        leat_buf_append_counted(buf, parts[i]);
}

static void make_once(struct post *p, struct leat_slice key)
{
    static const char *const TIMES[] = {"x-flowcore-event-time", "x-flowcore-valid-time",
                                        "x-flowcore-event-time-key", "x-flowcore-valid-time-key"};
    uint8_t digest[EVP_MAX_MD_SIZE];
    uint64_t body = p->scheme && p->scheme->id_alone ? 0 : leat_hash(p->body);
    struct leat_buf text;
    leat_buf_init(&text, (64 << 10) + key.len);
    put_scope(p, &text);
    leat_buf_append_counted(&text, key);
    if (!EVP_Digest(text.data, text.len, digest, NULL, EVP_sha256(), NULL))
        abort(); /* no memory for a hundred bytes */
    memcpy(p->once.key, digest, ONCE_KEY_BYTES);
    leat_buf_reset(&text);
    leat_buf_append(&text, leat_slice_of(&body, sizeof body));
    for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES; i++)
        leat_buf_append_counted(&text, leat_slice_text(leat_ingest_header(p->request, TIMES[i])));
    p->once.fingerprint = leat_hash(leat_buf_slice(&text));
    p->keyed = true;
    leat_buf_release(&text);
}

/* Where the request says what makes it the same; NULL: nowhere but in the header. */
static const char *key_field(const struct post *p)
{
    if (p->settings->idempotency_key && (p->scheme || p->route.kind == ROUTE_IN))
        return p->settings->idempotency_key;
    return p->scheme ? p->scheme->id : NULL;
}

/* Of a signed request the header comes last: whoever sends a copy could put any there. */
static unsigned read_key(struct post *p)
{
    const char *header = leat_ingest_header(p->request, "Idempotency-Key"), *field = key_field(p);
    struct leat_slice json = p->is_json ? p->body : leat_slice_of(NULL, 0);
    struct leat_buf key;
    leat_buf_init(&key, KEY_BYTES_MAX);
    bool fits = true, first = p->scheme || !header;
    if (p->cloudevent_keys.len && !(field && p->scheme)) {
        make_once(p, leat_buf_slice(&p->cloudevent_keys));
        return 0;
    }
    if (field && first)
        fits = !field_read(field, p->request, json, &key) || !key.full;
    if (header && !key.len)
        fits = fits && header_key(header, &key);
    if (fits && key.len)
        make_once(p, leat_buf_slice(&key));
    leat_buf_release(&key);
    return fits ? 0 : refuse(p, 400, "the idempotency key is empty, too long or not plain text");
}

static unsigned read_body(struct post *p)
{
    unsigned status = decode(p);
    if (!status)
        status = !p->batch                        ? read_one(p)
                 : type_is_lines(p->content_type) ? read_lines(p)
                                                  : read_array(p);
    return status ? status : read_cloudevents(p);
}

unsigned post_read(struct post *p)
{
    unsigned status = p->is_file ? read_file(p) : read_body(p);
    if (!status)
        status = read_times(p);
    if (!status)
        status = read_names(p);
    if (!status)
        status = read_metadata(p);
    if (!status)
        status = read_key(p);
    if (!status)
        draw_ids(p);
    if (!status && p->is_file)
        name_file(p);
    return status;
}
