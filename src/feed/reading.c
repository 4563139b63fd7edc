/*
 * A turn: the shared stream is set to where the request stands, unless it is there already, and read
 * until time, text or events are used up. The position moves with what was read, whether it was
 * wanted or not, so that no event is looked at twice.
 */
#include "feed/reading.h"

#include <leat/clock.h>
#include <leat/log.h>

#include <inttypes.h>

enum { CHECK_TIME_EVERY = 64, LINE_KEEP_BYTES = 256 << 10 };

void feed_reading_cursor(const struct leat_store *store, uint64_t position, char *ret_text)
{
    struct feed_cursor cursor = {leat_store_tag(store), position};
    feed_cursor_text(&cursor, ret_text);
}

void feed_reading_hold(struct feed_stats *stats, struct feed_reading *r, size_t bytes)
{
    stats->held_bytes += (int64_t)bytes - (int64_t)r->held;
    r->held = bytes;
}

int64_t feed_reading_deadline_ms(const struct feed_reading *r)
{
    return r->asked_ms + (r->event_stream ? FEED_HEARTBEAT_MS : r->query.wait_ms);
}

static enum feed_turn end(struct feed_reading *r, unsigned status, const char *problem)
{
    r->ended = true;
    r->status = status;
    r->problem = problem;
    return FEED_TURN_DONE;
}

/* --- where to begin ------------------------------------------------------------------------------ */

/* An error of the store is our matter: the client learns that there is one, the log which. */
static enum feed_turn broken(struct feed_reader *reader, struct feed_reading *r, const struct leat_err *err)
{
    reader->lost = true;
    if (r->shown)
        return FEED_TURN_DONE; /* what was right before it is given; the next request meets it again */
    leat_log_err(LEAT_LOG_ERROR, "feed", NULL, "cannot read the stream", err);
    return end(r, err->code == LEAT_ERETRY ? 503 : 500,
               err->code == LEAT_ERETRY ? "the store cannot be read now; try again"
                                        : "what is stored here is damaged; `leat verify` says where");
}

static enum feed_turn begin_cursor(struct feed_reader *reader, struct feed_reading *r, uint64_t first)
{
    const struct feed_cursor *cursor = &r->query.cursor;
    if (cursor->store != leat_store_tag(reader->store))
        return end(r, 409, "the cursor belongs to another store");
    if (cursor->sequence > leat_store_durable(reader->store))
        return end(r, 409, "the cursor is ahead of the stream: was the store set back?");
    if (cursor->sequence + 1 < first)
        return end(r, 410, "events behind the cursor are not kept any more");
    r->position = cursor->sequence;
    return FEED_TURN_MORE;
}

static enum feed_turn begin(struct feed_reader *reader, struct feed_reading *r)
{
    struct leat_store_usage usage;
    struct leat_err err;
    uint64_t since = 0;
    int status = leat_store_reader_usage(leat_stream_reader(reader->stream), &usage, &err);
    if (!status && r->query.from_us) {
        reader->lost = true;
        leat_stream_only(reader->stream, reader->only = 0); /* and not by key: a seek follows */
        status = leat_stream_find_since(reader->stream, r->query.from_us, &since, &err);
    }
    if (!status && r->query.to_us && r->query.to_us <= leat_clock_wall_us()) {
        reader->lost = true;
        status = leat_stream_find_since(reader->stream, r->query.to_us, &r->until, &err);
    }
    if (status)
        return broken(reader, r, &err);
    r->begun = true;
    if (r->query.after == FEED_AFTER_END)
        r->position = leat_store_durable(reader->store);
    if (r->query.after == FEED_AFTER_CURSOR &&
        begin_cursor(reader, r, usage.first_sequence) == FEED_TURN_DONE)
        return FEED_TURN_DONE;
    if (since > r->position + 1)
        r->position = since - 1;
    return FEED_TURN_MORE;
}

static int source_find(void *arg, const char *instance, const struct leat_store_source *source,
                       struct leat_err *err)
{
    struct feed_reading *r = arg;
    (void)err;
    if (strcmp(instance, r->query.source) == 0)
        r->source_id = source->id;
    return LEAT_OK;
}

/* 0: events are not asked for by external id. */
static uint64_t key_hash(const struct feed_reading *r)
{
    struct leat_slice id = leat_slice_text(r->query.external_id);
    return id.len ? leat_lookup_hash(r->source_id, LEAT_SLICE_LITERAL("externalId"), id) : 0;
}

/* The blocks of one source alone are decompressed once its number is known. */
static int seek(struct feed_reader *reader, struct feed_reading *r, struct leat_err *err)
{
    int status = LEAT_OK;
    if (r->query.source[0] && !r->source_id)
        status = leat_store_reader_sources(leat_stream_reader(reader->stream), source_find, r, err);
    uint64_t hash = key_hash(r);
    if (status || (!reader->lost && reader->only == r->source_id && reader->hash == hash &&
                   reader->at == r->position))
        return status;
    leat_stream_only(reader->stream, r->source_id);
    leat_stream_keyed(reader->stream, hash);
    reader->only = r->source_id;
    reader->hash = hash;
    reader->lost = true;
    status = leat_stream_seek(reader->stream, r->position + 1, err);
    reader->lost = status != LEAT_OK;
    return status;
}

/* --- an event ------------------------------------------------------------------------------------ */

static size_t budget(const struct feed_reader *reader)
{
    int64_t left = (FEED_MEMORY_BYTES - reader->stats->held_bytes) / 8;
    return left > FEED_PAGE_BYTES    ? FEED_PAGE_BYTES
           : left < FEED_PIECE_BYTES ? FEED_PIECE_BYTES
                                     : (size_t)left;
}

static void put(struct feed_reader *reader, struct feed_reading *r, uint64_t sequence)
{
    char cursor[FEED_CURSOR_TEXT];
    feed_reading_cursor(reader->store, sequence, cursor);
    if (r->event_stream)
        leat_buf_format(&r->out, "id: %s\ndata: ", cursor);
    leat_buf_append(&r->out, leat_buf_slice(&reader->line));
    leat_buf_append_text(&r->out, r->event_stream ? "\n\n" : "\n");
    r->shown++;
    reader->stats->events++;
    reader->stats->bytes += (int64_t)reader->line.len;
    feed_reading_hold(reader->stats, r, r->out.len);
}

/* A text beyond the budget goes alone, and only when the memory of all has room for it. */
static enum feed_turn place(struct feed_reader *reader, struct feed_reading *r, uint64_t sequence)
{
    size_t len = reader->line.len;
    bool fits = r->out.len + len <= budget(reader);
    bool alone = !r->shown && (reader->stats->held_bytes == (int64_t)r->held ||
                               reader->stats->held_bytes + (int64_t)len <= FEED_MEMORY_BYTES);
    if (!fits && !alone) {
        reader->lost = true; /* it is read again */
        r->more = true;
        return r->shown ? FEED_TURN_DONE : FEED_TURN_WAIT;
    }
    if (len)
        put(reader, r, sequence);
    r->position = sequence;
    return r->shown >= r->query.limit || !fits ? FEED_TURN_DONE : FEED_TURN_MORE;
}

static enum feed_turn take(struct feed_reader *reader, struct feed_reading *r,
                           const struct leat_stream_event *e)
{
    struct leat_form_settings settings = {0};
    struct leat_form_input input = {leat_slice_text(e->instance), e->sequence, e->ingested_at_us, &e->event};
    struct leat_err err;
    leat_buf_reset(&reader->line);
    leat_buf_shrink(&reader->line, LINE_KEEP_BYTES);
    int status = r->query.form->write(&settings, &input, &reader->line, &err);
    if (!status)
        return place(reader, r, e->sequence);
    if (status != LEAT_ELIMIT || r->shown)
        return broken(reader, r, &err);
    r->position = e->sequence;
    return end(r, 500, "an event is larger than this port gives out; Leat-Cursor stands behind it");
}

static enum feed_turn event(struct feed_reader *reader, struct feed_reading *r,
                            const struct leat_stream_event *e)
{
    if (r->query.to_us && e->ingested_at_us >= r->query.to_us) {
        reader->lost = true; /* the stream stands behind it, we before it */
        return end(r, 0, NULL);
    }
    if (e->instance && e->ingested_at_us >= r->query.from_us &&
        feed_query_wants(&r->query, e->instance, &e->event)) {
        enum feed_turn turn = take(reader, r, e);
        reader->at = r->position;
        return turn;
    }
    reader->at = r->position = e->sequence;
    return FEED_TURN_MORE;
}

/* --- a turn -------------------------------------------------------------------------------------- */

static bool past_search(const struct feed_reading *r, int64_t now_ms)
{
    return !r->event_stream && now_ms - r->asked_ms > FEED_SEARCH_MS;
}

/* All that was durable before has been seen; blocks of other sources are behind us too. */
static enum feed_turn dry(struct feed_reader *reader, struct feed_reading *r, uint64_t durable)
{
    if (durable > r->position)
        reader->at = r->position = durable;
    r->more = false;
    return r->shown ? FEED_TURN_DONE : FEED_TURN_WAIT;
}

static enum feed_turn read_on(struct feed_reader *reader, struct feed_reading *r)
{
    int64_t begun_ms = leat_clock_monotonic_ms(), now_ms = begun_ms;
    uint64_t durable = leat_store_durable(reader->store);
    struct leat_err err;
    r->more = true;
    for (unsigned n = 1; now_ms - begun_ms < FEED_TURN_MS; n++) {
        struct leat_stream_event e;
        int status = leat_stream_next(reader->stream, &e, &err);
        if (status == LEAT_EOF)
            return dry(reader, r, durable);
        if (status)
            return broken(reader, r, &err);
        enum feed_turn turn = event(reader, r, &e);
        if (turn != FEED_TURN_MORE)
            return turn;
        if (n % CHECK_TIME_EVERY == 0)
            now_ms = leat_clock_monotonic_ms();
    }
    return past_search(r, now_ms) || (r->event_stream && r->shown) ? FEED_TURN_DONE : FEED_TURN_MORE;
}

enum feed_turn feed_reading_turn(struct feed_reader *reader, struct feed_reading *r)
{
    struct leat_err err;
    if (!r->begun && begin(reader, r) == FEED_TURN_DONE)
        return FEED_TURN_DONE;
    if (r->event_stream && !r->opened) {
        r->opened = true; /* its head goes out at once */
        return FEED_TURN_DONE;
    }
    if (r->until && r->position + 1 >= r->until)
        return end(r, 0, NULL);
    if (r->query.to_us && !r->event_stream && leat_clock_wall_us() >= r->query.to_us)
        r->query.wait_ms = 0; /* nothing new can fall before it */
    if (leat_store_durable(reader->store) <= r->position) {
        r->more = false; /* the committer wakes us, not a retry */
        return FEED_TURN_WAIT;
    }
    if (seek(reader, r, &err))
        return broken(reader, r, &err);
    return read_on(reader, r);
}
