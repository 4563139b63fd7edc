#include "feed/catalog.h"

#include <leat/clock.h>
#include <leat/hash.h>

#include "codec/form.h"
#include "pipeline/stream.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHECK_TIME_EVERY = 64, SLOTS = 1 << 16 }; /* slots: twice the types and more */

struct hour {
    int64_t hour;
    uint64_t first, last;
};

struct type {
    char *instance, *path;
    size_t path_len;
    struct hour *hours; /* sorted */
    size_t count, capacity;
};

struct catalog {
    struct leat_stream *stream;
    struct leat_store *store;
    uint64_t position; /* the last sequence that is in it */
    bool lost;         /* where the stream stands is not known */
    struct type *types;
    uint32_t count;
    size_t hours;
    uint32_t slots[SLOTS]; /* number of a type + 1; 0: free */
};

/* --- a post --------------------------------------------------------------------------------------
 */

static bool is_text(const struct leat_value *v)
{
    return leat_kind_is_text(v->kind);
}

static bool is_name(const struct leat_attr *attr, const char *name)
{
    return leat_slice_equal(attr->name, leat_slice_text(name));
}

bool catalog_post_read(const struct leat_event *event, struct catalog_post *p)
{
    struct leat_form_attrs attrs = {.event = event};
    const struct leat_attr *attr;
    struct leat_value v;
    bool has_id = false;
    p->tenant = p->data_core = p->flow_type = (struct leat_slice){NULL, 0};
    if (event->op != LEAT_OP_POST)
        return false;
    while (leat_form_next_attr(&attrs, &attr, &v)) {
        if (v.kind == LEAT_UUID && v.text.len == TIME_UUID_BYTES && is_name(attr, "eventId")) {
            memcpy(p->id.bytes, v.text.ptr, TIME_UUID_BYTES);
            has_id = true;
        } else if (is_text(&v) && is_name(attr, "tenant")) {
            p->tenant = v.text;
        } else if (is_text(&v) && is_name(attr, "dataCore")) {
            p->data_core = v.text;
        } else if (is_text(&v) && is_name(attr, "flowType")) {
            p->flow_type = v.text;
        }
    }
    int len = snprintf(p->path, sizeof p->path, "%.*s/%.*s/%.*s/%.*s", LEAT_SLICE_ARG(p->tenant),
                       LEAT_SLICE_ARG(p->data_core), LEAT_SLICE_ARG(p->flow_type),
                       LEAT_SLICE_ARG(event->topic));
    p->path_len = (size_t)len;
    return has_id && len < (int)sizeof p->path;
}

/* --- types ---------------------------------------------------------------------------------------
 */

/* The slot where it is, or would be. */
static uint32_t slot_of(const struct catalog *c, const char *instance, const char *path,
                        size_t path_len)
{
    uint64_t hash =
        leat_hash(leat_slice_text(instance)) * 31 + leat_hash(leat_slice_of(path, path_len));
    uint32_t at = (uint32_t)(hash % SLOTS);
    for (; c->slots[at]; at = (at + 1) % SLOTS) {
        const struct type *t = &c->types[c->slots[at] - 1];
        if (t->path_len == path_len && memcmp(t->path, path, path_len) == 0 &&
            strcmp(t->instance, instance) == 0)
            break;
    }
    return at;
}

bool catalog_type(const struct catalog *c, const char *instance, const struct catalog_post *post,
                  uint32_t *ret_type)
{
    uint32_t number = c->slots[slot_of(c, instance, post->path, post->path_len)];
    if (number)
        *ret_type = number - 1;
    return number != 0;
}

static int full(struct leat_err *err)
{
    return leat_fail(err, LEAT_ELIMIT, "more than %d event types, or %d hours of all of them",
                     CATALOG_TYPES_MAX, CATALOG_HOURS_MAX);
}

static int type_add(struct catalog *c, const char *instance, const struct catalog_post *post,
                    uint32_t slot, struct leat_err *err)
{
    if (c->count == CATALOG_TYPES_MAX)
        return full(err);
    struct type t = {.instance = strdup(instance),
                     .path = strndup(post->path, post->path_len),
                     .path_len = post->path_len};
    if (!t.instance || !t.path) {
        free(t.instance);
        free(t.path);
        return leat_fail(err, LEAT_ERETRY, "out of memory for event types");
    }
    c->types[c->count] = t;
    c->slots[slot] = ++c->count;
    return LEAT_OK;
}

/* --- hours ---------------------------------------------------------------------------------------
 */

/* The place of the first that is not below; mostly the end. */
static size_t place_of(const struct type *t, int64_t hour)
{
    size_t low = 0, high = t->count;
    if (high && t->hours[high - 1].hour < hour)
        return high;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (t->hours[middle].hour < hour)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int hour_add(struct catalog *c, struct type *t, size_t at, int64_t hour, uint64_t sequence,
                    struct leat_err *err)
{
    if (c->hours == CATALOG_HOURS_MAX)
        return full(err);
    if (t->count == t->capacity) {
        size_t capacity = t->capacity ? 2 * t->capacity : 8;
        struct hour *grown = realloc(t->hours, capacity * sizeof *grown);
        if (!grown)
            return leat_fail(err, LEAT_ERETRY, "out of memory for hours of events");
        t->hours = grown;
        t->capacity = capacity;
    }
    memmove(t->hours + at + 1, t->hours + at, (t->count - at) * sizeof *t->hours);
    t->hours[at] = (struct hour){hour, sequence, sequence};
    t->count++;
    c->hours++;
    return LEAT_OK;
}

static int note(struct catalog *c, const char *instance, const struct catalog_post *post,
                uint64_t sequence, struct leat_err *err)
{
    uint32_t slot = slot_of(c, instance, post->path, post->path_len);
    int status = c->slots[slot] ? LEAT_OK : type_add(c, instance, post, slot, err);
    if (status)
        return status;
    struct type *t = &c->types[c->slots[slot] - 1];
    int64_t hour = time_uuid_hour(&post->id);
    size_t at = place_of(t, hour);
    if (at == t->count || t->hours[at].hour != hour)
        return hour_add(c, t, at, hour, sequence, err);
    if (sequence > t->hours[at].last)
        t->hours[at].last = sequence;
    return LEAT_OK;
}

/* --- reading -------------------------------------------------------------------------------------
 */

static int event_take(struct catalog *c, const struct leat_stream_event *e, struct leat_err *err)
{
    struct catalog_post post;
    if (!e->instance || !catalog_post_read(&e->event, &post))
        return LEAT_OK;
    return note(c, e->instance, &post, e->sequence, err);
}

static int read_on(struct catalog *c, int64_t until_ms, struct leat_err *err)
{
    uint64_t durable = leat_store_durable(c->store);
    struct leat_stream_event e;
    int status = LEAT_OK;
    for (unsigned n = 1; c->position < durable; n++) {
        status = leat_stream_next(c->stream, &e, err);
        if (status == LEAT_EOF) {
            c->position =
                durable > c->position ? durable : c->position; /* all of it has been seen */
            return LEAT_OK;
        }
        if (!status)
            status = event_take(c, &e, err);
        if (status)
            return status;
        c->position = e.sequence;
        if (n % CHECK_TIME_EVERY == 0 && leat_clock_monotonic_ms() >= until_ms)
            return LEAT_AGAIN;
    }
    return LEAT_OK;
}

int catalog_turn(struct catalog *c, int64_t until_ms, struct leat_err *err)
{
    int status = LEAT_OK;
    if (leat_store_durable(c->store) <= c->position)
        return LEAT_OK;
    if (c->lost)
        status = leat_stream_seek(c->stream, c->position + 1, err);
    c->lost = status != LEAT_OK;
    if (!status)
        status = read_on(c, until_ms, err);
    c->lost = c->lost || status < 0;
    return status;
}

/* --- asking --------------------------------------------------------------------------------------
 */

static bool in_scope(const struct type *t, const struct leat_ingest_scope *scope)
{
    size_t len = strlen(scope->tenant);
    return (!len || (strncmp(t->path, scope->tenant, len) == 0 && t->path[len] == '/')) &&
           (!scope->source[0] || strcmp(t->instance, scope->source) == 0);
}

size_t catalog_types(const struct catalog *c, const struct flowcore_query *query,
                     const struct leat_ingest_scope *scope, uint32_t *ret_types, size_t max)
{
    size_t count = 0;
    for (uint32_t i = 0; i < c->count && count < max; i++)
        if (in_scope(&c->types[i], scope) &&
            flowcore_query_names(query, c->types[i].path, c->types[i].path_len))
            ret_types[count++] = i;
    return count;
}

static bool next_of(const struct type *t, int64_t hour, bool descending, int64_t *ret_hour)
{
    size_t at = place_of(t, hour);
    if (descending && !at)
        return false;
    if (!descending && at < t->count && t->hours[at].hour == hour)
        at++;
    if (!descending && at == t->count)
        return false;
    *ret_hour = t->hours[descending ? at - 1 : at].hour;
    return true;
}

bool catalog_next_hour(const struct catalog *c, const uint32_t *types, size_t count, int64_t hour,
                       bool descending, int64_t *ret_hour)
{
    bool any = false;
    int64_t best = 0, one;
    for (size_t i = 0; i < count; i++) {
        if (!next_of(&c->types[types[i]], hour, descending, &one))
            continue;
        if (!any || (descending ? one > best : one < best))
            best = one;
        any = true;
    }
    if (any)
        *ret_hour = best;
    return any;
}

bool catalog_range(const struct catalog *c, const uint32_t *types, size_t count, int64_t hour,
                   uint64_t *ret_first, uint64_t *ret_last)
{
    uint64_t first = UINT64_MAX, last = 0;
    for (size_t i = 0; i < count; i++) {
        const struct type *t = &c->types[types[i]];
        size_t at = place_of(t, hour);
        if (at == t->count || t->hours[at].hour != hour)
            continue;
        first = t->hours[at].first < first ? t->hours[at].first : first;
        last = t->hours[at].last > last ? t->hours[at].last : last;
    }
    if (last) {
        *ret_first = first;
        *ret_last = last;
    }
    return last != 0;
}

/* --- life ----------------------------------------------------------------------------------------
 */

int catalog_new(struct leat_store *store, struct catalog **ret_catalog, struct leat_err *err)
{
    struct catalog *c = calloc(1, sizeof *c);
    struct type *types = calloc(CATALOG_TYPES_MAX, sizeof *types);
    if (!c || !types) {
        free(c);
        free(types);
        return leat_fail(err, LEAT_ERETRY, "out of memory for event types");
    }
    c->store = store;
    c->types = types;
    c->lost = true;
    int status = leat_stream_open(leat_store_path(store), store, &c->stream, err);
    if (status) {
        catalog_free(c);
        return status;
    }
    *ret_catalog = c;
    return LEAT_OK;
}

void catalog_free(struct catalog *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; i < c->count; i++) {
        free(c->types[i].instance);
        free(c->types[i].path);
        free(c->types[i].hours);
    }
    free(c->types);
    leat_stream_close(c->stream);
    free(c);
}
