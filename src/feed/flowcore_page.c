#include "feed/flowcore_page.h"

#include <leat/clock.h>
#include <leat/hash.h>
#include <leat/log.h>

#include "codec/json_writer.h"
#include "feed/flowcore_event.h"

#include <stdlib.h>

enum { CHECK_TIME_EVERY = 64 };

/* What a walk does with an event of the page's hour and types. */
enum verdict { GO_ON, ENOUGH, TOO_LARGE };
typedef enum verdict (*visit_fn)(struct flowcore_shelf *shelf, struct flowcore_page *page,
                                 const struct leat_stream_event *e,
                                 const struct catalog_post *post);

/* How a walk ended. */
enum walk { WALK_LATER, WALK_END, WALK_STOPPED, WALK_FAILED };

static bool done(struct flowcore_page *p, unsigned status, const char *problem)
{
    p->status = status;
    p->problem = problem;
    return true;
}

static bool broken(struct flowcore_shelf *shelf, struct flowcore_page *p,
                   const struct leat_err *err)
{
    shelf->lost = true;
    leat_log_err(LEAT_LOG_ERROR, "flowcore", NULL, "cannot read the stream", err);
    if (err->code == LEAT_ELIMIT)
        return done(p, 507, "the store has more event types or hours than can be listed");
    return err->code == LEAT_ERETRY
               ? done(p, 503, "the store cannot be read now; try again")
               : done(p, 500, "what is stored here is damaged; `leat verify` says where");
}

/* --- walking over the events of an hour ----------------------------------------------------------
 */

static bool is_wanted(const struct flowcore_shelf *shelf, const struct flowcore_page *p,
                      const struct leat_stream_event *e, struct catalog_post *post)
{
    uint32_t type;
    if (!e->instance || !catalog_post_read(&e->event, post) ||
        time_uuid_hour(&post->id) != p->query.hour ||
        !catalog_type(shelf->catalog, e->instance, post, &type))
        return false;
    for (size_t i = 0; i < p->type_count; i++)
        if (p->types[i] == type)
            return true;
    return false;
}

static int stand(struct flowcore_shelf *shelf, uint64_t position, struct leat_err *err)
{
    if (!shelf->lost && shelf->at == position)
        return LEAT_OK;
    int status = leat_stream_seek(shelf->stream, position + 1, err);
    shelf->lost = status != LEAT_OK;
    shelf->at = position;
    return status;
}

static enum walk walk(struct flowcore_shelf *shelf, struct flowcore_page *p, visit_fn visit,
                      int64_t until_ms, struct leat_err *err)
{
    struct leat_stream_event e;
    struct catalog_post post;
    if (p->position < p->last && stand(shelf, p->position, err))
        return WALK_FAILED;
    for (unsigned n = 1; p->position < p->last; n++) {
        int status = leat_stream_next(shelf->stream, &e, err);
        if (status == LEAT_EOF || (!status && e.sequence > p->last)) {
            shelf->lost = true;
            p->position = p->last;
            return WALK_END;
        }
        if (status)
            return WALK_FAILED;
        enum verdict verdict = is_wanted(shelf, p, &e, &post) ? visit(shelf, p, &e, &post) : GO_ON;
        if (verdict == TOO_LARGE) {
            shelf->lost = true; /* it is read again, or passed over */
            return WALK_STOPPED;
        }
        shelf->at = p->position = e.sequence;
        if (verdict == ENOUGH)
            return WALK_STOPPED;
        if (n % CHECK_TIME_EVERY == 0 && leat_clock_monotonic_ms() >= until_ms)
            return WALK_LATER;
    }
    return WALK_END;
}

/* --- ids and where they are ----------------------------------------------------------------------
 */

static uint64_t names_hash(const struct flowcore_page *p)
{
    return leat_hash(leat_slice_of(p->types, p->type_count * sizeof *p->types));
}

static struct flowcore_place *place_find(struct flowcore_shelf *shelf,
                                         const struct flowcore_page *p, const struct time_uuid *id)
{
    uint64_t hash = names_hash(p);
    for (unsigned i = 0; i < FLOWCORE_PLACES; i++) {
        struct flowcore_place *place = &shelf->places[i];
        if (memcmp(&place->id, id, sizeof *id) == 0 && (place->found || place->names_hash == hash))
            return place;
    }
    return NULL;
}

static void place_keep(struct flowcore_shelf *shelf, const struct flowcore_page *p,
                       const struct time_uuid *id, bool found, uint64_t sequence)
{
    struct flowcore_place *place = place_find(shelf, p, id);
    if (!place)
        place = &shelf->places[shelf->next_place++ % FLOWCORE_PLACES];
    *place = (struct flowcore_place){*id, found, names_hash(p), sequence};
}

static enum verdict visit_seek(struct flowcore_shelf *shelf, struct flowcore_page *p,
                               const struct leat_stream_event *e, const struct catalog_post *post)
{
    if (memcmp(&post->id, &p->query.after, sizeof post->id) != 0)
        return GO_ON;
    place_keep(shelf, p, &post->id, true, e->sequence);
    return ENOUGH;
}

static void found(struct flowcore_page *p, uint64_t sequence)
{
    p->position = sequence - p->query.after_included;
    p->phase = FLOWCORE_READ;
}

/* No event has it: then it says a time. `from`: behind this sequence. */
static void not_found(struct flowcore_page *p, uint64_t from)
{
    p->by_time = true;
    p->bound = p->query.after;
    p->bound_included = p->query.after_included;
    p->position = from;
    p->phase = FLOWCORE_READ;
}

static bool turn_seek(struct flowcore_shelf *shelf, struct flowcore_page *p, int64_t until_ms)
{
    struct leat_err err;
    uint64_t first, last;
    switch (walk(shelf, p, visit_seek, until_ms, &err)) {
    case WALK_FAILED:
        return broken(shelf, p, &err);
    case WALK_STOPPED:
        found(p, p->position);
        return false;
    case WALK_END:
        if (catalog_range(shelf->catalog, p->types, p->type_count, p->query.hour, &first, &last))
            not_found(p, first - 1);
        return false;
    default:
        return false;
    }
}

/* --- pages ---------------------------------------------------------------------------------------
 */

static void hold(struct flowcore_shelf *shelf, struct flowcore_page *p)
{
    shelf->stats->held_bytes += (int64_t)p->out.len - (int64_t)p->held;
    p->held = p->out.len;
}

/* Each takes an eighth of what is left at most, so that many do not hold much. */
static size_t budget(const struct flowcore_shelf *shelf)
{
    int64_t left = (FLOWCORE_HELD_BYTES - shelf->stats->held_bytes) / 8;
    return left > FLOWCORE_PAGE_BYTES    ? FLOWCORE_PAGE_BYTES
           : left < FLOWCORE_PIECE_BYTES ? FLOWCORE_PIECE_BYTES
                                         : (size_t)left;
}

/* A text beyond the budget goes alone, when the memory of all has room for it or nothing else is in
 * it. */
static bool fits(const struct flowcore_shelf *shelf, const struct flowcore_page *p)
{
    int64_t others = shelf->stats->held_bytes - (int64_t)p->held;
    return p->out.len <= budget(shelf) ||
           (!p->shown && (others == 0 || others + (int64_t)p->out.len <= FLOWCORE_HELD_BYTES));
}

/* False: it does not fit; then p->refusal says what that means for a page without events. */
static bool put(struct flowcore_shelf *shelf, struct flowcore_page *p,
                const struct leat_event *event, const struct catalog_post *post, uint64_t sequence)
{
    size_t len = p->out.len;
    leat_buf_append_text(&p->out, p->shown ? "," : "{\"events\":[");
    bool written = flowcore_event_write(post, event, &p->out);
    if (!written || !fits(shelf, p)) {
        p->refusal = written ? 503 : 500;
        p->out.len = len;
        p->out.full = false;
        leat_buf_shrink(&p->out, len + FLOWCORE_PIECE_BYTES);
        return false;
    }
    p->shown++;
    p->last_id = post->id;
    p->last_sequence = sequence;
    shelf->stats->events++;
    hold(shelf, p);
    return true;
}

static bool refused(struct flowcore_page *p)
{
    return p->refusal == 503
               ? done(p, 503, "an event is larger than what is left of the memory now; try again")
               : done(p, 500, "an event is larger than this port gives out");
}

static enum verdict visit_read(struct flowcore_shelf *shelf, struct flowcore_page *p,
                               const struct leat_stream_event *e, const struct catalog_post *post)
{
    int order = p->by_time ? time_uuid_compare(&post->id, &p->bound) : 1;
    if (order < 0 || (order == 0 && !p->bound_included))
        return GO_ON;
    if (p->query.has_to && time_uuid_compare(&post->id, &p->query.to) > 0)
        return GO_ON;
    if (!put(shelf, p, &e->event, post, e->sequence))
        return TOO_LARGE;
    return p->shown == p->query.page || p->out.len >= FLOWCORE_PAGE_BYTES ? ENOUGH : GO_ON;
}

static bool page_end(struct flowcore_shelf *shelf, struct flowcore_page *p, bool more)
{
    char cursor[FLOWCORE_CURSOR_TEXT];
    struct feed_cursor at = {leat_store_tag(shelf->store), p->position};
    if (!p->shown)
        leat_buf_append_text(&p->out, "{\"events\":[");
    else if (!p->query.descending) /* its consumer comes back with this id */
        place_keep(shelf, p, &p->last_id, true, p->last_sequence);
    leat_buf_append_text(&p->out, "]");
    if (more) {
        flowcore_cursor_text(&at, p->by_time ? &p->bound : NULL, cursor);
        leat_buf_format(&p->out, ",\"nextCursor\":\"%s\"", cursor);
    }
    leat_buf_append_text(&p->out, "}\n");
    hold(shelf, p);
    return done(p, 200, NULL);
}

/* Nothing is behind an id that no event has: the next one who asks need not look here again. */
static void remember(struct flowcore_shelf *shelf, const struct flowcore_page *p)
{
    if (p->by_time && !p->shown && !p->query.has_cursor && !p->query.has_to)
        place_keep(shelf, p, &p->bound, false, p->position);
}

static bool turn_read(struct flowcore_shelf *shelf, struct flowcore_page *p, int64_t until_ms)
{
    struct leat_err err;
    switch (walk(shelf, p, visit_read, until_ms, &err)) {
    case WALK_FAILED:
        return p->shown ? page_end(shelf, p, true) : broken(shelf, p, &err);
    case WALK_STOPPED:
        return p->shown ? page_end(shelf, p, p->position < p->last) : refused(p);
    case WALK_END:
        remember(shelf, p);
        return page_end(shelf, p, false);
    default:
        return leat_clock_monotonic_ms() - p->asked_ms > FLOWCORE_SEARCH_MS &&
               page_end(shelf, p, true);
    }
}

/* --- the last events of an hour, latest first ----------------------------------------------------
 */

static enum verdict visit_last(struct flowcore_shelf *shelf, struct flowcore_page *p,
                               const struct leat_stream_event *e, const struct catalog_post *post)
{
    (void)shelf;
    (void)post;
    p->latest[p->latest_count++ % (size_t)p->query.page] = e->sequence;
    return GO_ON;
}

static bool turn_last(struct flowcore_shelf *shelf, struct flowcore_page *p, int64_t until_ms)
{
    struct leat_err err;
    enum walk end = walk(shelf, p, visit_last, until_ms, &err);
    if (end == WALK_FAILED)
        return broken(shelf, p, &err);
    if (end == WALK_END)
        p->phase = FLOWCORE_BACK;
    return false;
}

static bool turn_back(struct flowcore_shelf *shelf, struct flowcore_page *p, int64_t until_ms)
{
    struct leat_err err;
    struct catalog_post post;
    struct leat_stream_event e;
    size_t page = (size_t)p->query.page, kept = p->latest_count < page ? p->latest_count : page;
    while ((size_t)p->shown < kept) {
        uint64_t sequence = p->latest[(p->latest_count - 1 - (size_t)p->shown) % page];
        shelf->lost = true;
        int status = leat_stream_seek(shelf->stream, sequence, &err);
        if (!status)
            status = leat_stream_next(shelf->stream, &e, &err);
        if (status)
            return broken(shelf, p, &err);
        if (!is_wanted(shelf, p, &e, &post) || !put(shelf, p, &e.event, &post, sequence))
            break;
        if (leat_clock_monotonic_ms() >= until_ms)
            return false;
    }
    return p->shown || !p->refusal ? page_end(shelf, p, false) : refused(p);
}

/* --- where to begin ------------------------------------------------------------------------------
 */

static bool buckets(struct flowcore_shelf *shelf, struct flowcore_page *p)
{
    const struct flowcore_query *q = &p->query;
    struct leat_json json = leat_json_at(&p->out), *j = &json;
    int64_t hour = q->descending ? q->to_hour : q->from_hour, count = 0;
    bool back = q->descending, more = false;
    /* The search is for what is beyond. */
    hour = back ? (hour < INT64_MAX ? hour + 1 : hour) : (hour > INT64_MIN ? hour - 1 : hour);
    if (q->has_cursor && (back ? q->cursor_hour < hour : q->cursor_hour > hour))
        hour = q->cursor_hour;
    leat_json_object(j);
    LEAT_JSON_NAME(j, "timeBuckets");
    leat_json_array(j);
    int64_t next;
    while (catalog_next_hour(shelf->catalog, p->types, p->type_count, hour, back, &next) &&
           next >= q->from_hour && next <= q->to_hour && !(more = count == q->page)) {
        char text[TIME_BUCKET_TEXT];
        time_bucket_text(next, text);
        leat_json_text(j, text);
        hour = next;
        count++;
    }
    leat_json_array_end(j);
    if (more) {
        LEAT_JSON_NAME(j, "nextCursor");
        leat_json_int(j, hour);
    }
    leat_json_object_end(j);
    leat_buf_append_text(&p->out, "\n");
    hold(shelf, p);
    return done(p, 200, NULL);
}

/* An id of another hour: everything here is behind it, or nothing. */
static bool begin_after(struct flowcore_shelf *shelf, struct flowcore_page *p)
{
    const struct time_uuid *id = &p->query.after;
    int64_t hour = time_uuid_hour(id);
    p->phase = FLOWCORE_READ;
    if (hour > p->query.hour)
        p->position = p->last;
    if (hour != p->query.hour)
        return false;
    const struct flowcore_place *place = place_find(shelf, p, id);
    if (!place)
        p->phase = FLOWCORE_SEEK;
    else if (place->found)
        found(p, place->sequence);
    else
        not_found(p, place->sequence > p->position ? place->sequence : p->position);
    return false;
}

static bool begin_cursor(struct flowcore_shelf *shelf, struct flowcore_page *p)
{
    const struct feed_cursor *cursor = &p->query.cursor;
    if (cursor->store != leat_store_tag(shelf->store))
        return done(p, 409, "the cursor belongs to another store");
    if (cursor->sequence > p->position)
        p->position = cursor->sequence;
    p->by_time = p->query.by_time;
    p->bound = p->query.bound;
    p->phase = FLOWCORE_READ;
    return false;
}

static bool begin_last(struct flowcore_page *p)
{
    p->latest = calloc((size_t)p->query.page, sizeof *p->latest);
    if (!p->latest)
        return done(p, 503, "no memory; try again");
    p->phase = FLOWCORE_LAST;
    return false;
}

static bool begin(struct flowcore_shelf *shelf, struct flowcore_page *p)
{
    uint64_t first;
    p->type_count =
        catalog_types(shelf->catalog, &p->query, &p->scope, p->types, FLOWCORE_TYPES_AT_ONCE);
    if (p->type_count == FLOWCORE_TYPES_AT_ONCE)
        return done(p, 400,
                    "eventTypeId: a thousand event types are meant; say more of their paths");
    if (p->query.kind == FLOWCORE_BUCKETS)
        return buckets(shelf, p);
    if (!catalog_range(shelf->catalog, p->types, p->type_count, p->query.hour, &first, &p->last))
        return page_end(shelf, p, false);
    p->position = first - 1;
    p->phase = FLOWCORE_READ;
    if (p->query.descending)
        return begin_last(p);
    if (p->query.has_cursor)
        return begin_cursor(shelf, p);
    return p->query.has_after && begin_after(shelf, p);
}

static bool turn_catalog(struct flowcore_shelf *shelf, struct flowcore_page *p, int64_t until_ms)
{
    struct leat_err err;
    int status = catalog_turn(shelf->catalog, until_ms, &err);
    if (status < 0)
        return broken(shelf, p, &err);
    if (status == LEAT_OK)
        p->phase = FLOWCORE_BEGIN;
    return false;
}

bool flowcore_page_turn(struct flowcore_shelf *shelf, struct flowcore_page *p)
{
    int64_t until_ms = leat_clock_monotonic_ms() + FLOWCORE_TURN_MS;
    if (p->phase == FLOWCORE_CATALOG && turn_catalog(shelf, p, until_ms))
        return true;
    if (p->phase == FLOWCORE_BEGIN && begin(shelf, p))
        return true;
    switch (p->phase) {
    case FLOWCORE_SEEK:
        return turn_seek(shelf, p, until_ms);
    case FLOWCORE_READ:
        return turn_read(shelf, p, until_ms);
    case FLOWCORE_LAST:
        return turn_last(shelf, p, until_ms);
    case FLOWCORE_BACK:
        return turn_back(shelf, p, until_ms);
    default:
        return false;
    }
}
