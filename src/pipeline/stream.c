/*
 * One block at a time: its frames are decoded as events are asked for. Decoded schemas are kept by
 * (source, number) in an arena that is thrown away as a whole when it has grown large, at a block's
 * border, where no event refers to it.
 */
#include "pipeline/stream.h"

#include "codec/record.h"

#include <leat/hash.h>

#include <stdlib.h>

enum {
    SCHEMA_SLOTS = 4096, /* a power of two */
    SCHEMA_ARENA_MAX = 256 << 20,
    SCHEMA_ARENA_SOFT = 16 << 20,
    ROW_ARENA_MAX = 64 << 20,
    LONG_VALUES_KEPT = 16,
    PASSED_BLOCKS_MAX = 64, /* some milliseconds */
};

struct cached {
    uint32_t source_id, ref;
    const struct leat_schema *schema; /* one of the two */
    const struct leat_origin *origin;
};

struct leat_stream {
    struct leat_store_reader *reader;
    struct leat_block_header block;
    struct leat_record_reader records;
    struct leat_record_lookup lookup;
    uint64_t next_sequence; /* of the next event frame in the block */
    uint64_t wanted;        /* skip events below */
    bool in_block;
    uint32_t only; /* source that is read; 0: all */
    uint64_t key_hash;             /* events that may have it; 0: all */
    uint64_t key_at;               /* all below was given or passed */
    struct leat_store_found found; /* candidates */
    int64_t from_us, to_us; /* times of events */
    bool without_longs;
    struct leat_arena rows, schemas;
    struct cached *cache;
    size_t cached_count;
    struct leat_buf *longs; /* long values of the current event */
    size_t long_count, long_capacity;
};

/* --- what records refer to ----------------------------------------------------------------------
 */

static struct cached *cache_slot(struct leat_stream *s, uint32_t ref)
{
    uint32_t key[2] = {s->block.source_id, ref};
    size_t at = leat_hash(leat_slice_of(key, sizeof key)) & (SCHEMA_SLOTS - 1);
    while (s->cache[at].ref &&
           (s->cache[at].source_id != s->block.source_id || s->cache[at].ref != ref))
        at = (at + 1) & (SCHEMA_SLOTS - 1);
    return &s->cache[at];
}

static void cache_clear(struct leat_stream *s)
{
    memset(s->cache, 0, SCHEMA_SLOTS * sizeof *s->cache);
    s->cached_count = 0;
    leat_arena_reset(&s->schemas);
}

/* Reads a definition's bytes into the arena. */
static int fetch(struct leat_stream *s, uint32_t ref, struct leat_slice *ret_bytes,
                 struct leat_err *err)
{
    if (s->cached_count >= SCHEMA_SLOTS - 1)
        return leat_fail(err, LEAT_ELIMIT, "a block refers to more than %d schemas",
                         SCHEMA_SLOTS - 1);
    return leat_store_reader_schema(s->reader, s->block.source_id, ref, &s->schemas, ret_bytes,
                                    err);
}

static int lookup_schema(void *arg, uint32_t ref, const struct leat_schema **ret_schema,
                         struct leat_err *err)
{
    struct leat_stream *s = arg;
    struct cached *slot = cache_slot(s, ref);
    if (!slot->ref) {
        struct leat_slice bytes;
        struct leat_schema *schema = leat_arena_zeroed(&s->schemas, 1, sizeof *schema);
        int status = fetch(s, ref, &bytes, err);
        if (!status && schema)
            status = leat_schema_read(bytes, &s->schemas, schema, err);
        if (status || !schema)
            return status ? status : leat_fail(err, LEAT_ELIMIT, "no memory for a schema");
        schema->ref = ref;
        *slot = (struct cached){s->block.source_id, ref, schema, NULL};
        s->cached_count++;
    }
    if (!slot->schema)
        return leat_fail(err, LEAT_EDATA, "stored schema %u is not a relation's", ref);
    *ret_schema = slot->schema;
    return LEAT_OK;
}

static int lookup_origin(void *arg, uint32_t ref, const struct leat_origin **ret_origin,
                         struct leat_err *err)
{
    struct leat_stream *s = arg;
    struct cached *slot = cache_slot(s, ref);
    if (!slot->ref) {
        struct leat_slice bytes;
        struct leat_origin *origin = leat_arena_zeroed(&s->schemas, 1, sizeof *origin);
        int status = fetch(s, ref, &bytes, err);
        if (!status && origin)
            status = leat_origin_read(bytes, origin, err);
        if (status || !origin)
            return status ? status : leat_fail(err, LEAT_ELIMIT, "no memory for an origin");
        origin->ref = ref;
        *slot = (struct cached){s->block.source_id, ref, NULL, origin};
        s->cached_count++;
    }
    if (!slot->origin)
        return leat_fail(err, LEAT_EDATA, "stored schema %u is not an origin", ref);
    *ret_origin = slot->origin;
    return LEAT_OK;
}

static int lookup_external(void *arg, const struct leat_external *x, struct leat_slice *ret_bytes,
                           struct leat_err *err)
{
    struct leat_stream *s = arg;
    if (s->long_count == s->long_capacity) {
        size_t more = s->long_capacity ? s->long_capacity * 2 : LONG_VALUES_KEPT;
        struct leat_buf *longs = realloc(s->longs, more * sizeof *longs);
        if (!longs)
            return leat_fail(err, LEAT_ERETRY, "out of memory for long values");
        memset(longs + s->long_capacity, 0, (more - s->long_capacity) * sizeof *longs);
        s->longs = longs;
        s->long_capacity = more;
    }
    struct leat_buf *buf = &s->longs[s->long_count++];
    leat_buf_init(buf, LEAT_VALUE_MAX);
    int status =
        leat_store_reader_parts(s->reader, s->block.source_id, x->set, x->raw_len, buf, err);
    *ret_bytes = leat_buf_slice(buf);
    return status;
}

static void longs_release(struct leat_stream *s)
{
    while (s->long_count)
        leat_buf_release(&s->longs[--s->long_count]);
}

/* --- reading -----------------------------------------------------------------------------------
 */

static bool block_timely(const struct leat_stream *s)
{
    return s->block.max_time_us >= s->from_us && s->block.min_time_us <= s->to_us;
}

static int block_next(struct leat_stream *s, struct leat_err *err)
{
    struct leat_slice raw;
    int passed = 0;
    do {
        if (passed > PASSED_BLOCKS_MAX)
            return LEAT_AGAIN;
        int status = leat_store_reader_next(s->reader, &s->block, &raw, err);
        if (status)
            return status;
        passed += !block_timely(s);
    } while ((s->only && s->block.source_id != s->only) || !block_timely(s));
    if (s->cached_count > SCHEMA_SLOTS / 2 || s->schemas.used > SCHEMA_ARENA_SOFT)
        cache_clear(s);
    leat_record_reader_init(&s->records, raw, &s->lookup, &s->rows);
    s->next_sequence = s->block.sequence;
    s->in_block = true;
    return LEAT_OK;
}

/* Looks one frame ahead for the commit that ends the event's transaction; its views stay valid. */
static void peek_commit(struct leat_stream *s, struct leat_stream_event *e)
{
    struct leat_reader ahead = s->records.frames;
    uint32_t head = leat_reader_le32(&ahead);
    e->last_of_transaction = !ahead.bad && head >> 24 == LEAT_FRAME_COMMIT;
    e->transaction_total = e->last_of_transaction ? leat_reader_varint(&ahead) : 0;
}

static int event_next(struct leat_stream *s, struct leat_stream_event *ret_event,
                      struct leat_err *err)
{
    for (;;) {
        enum leat_frame frame;
        struct leat_event event;
        uint64_t total;
        struct leat_reader before = s->records.frames;
        leat_arena_reset(&s->rows);
        longs_release(s);
        s->lookup.without_externals = s->without_longs || s->next_sequence < s->wanted;
        int status = leat_record_next(&s->records, &frame, &event, &total, err);
        if (status == LEAT_EOF && s->next_sequence != s->block.sequence + s->block.count)
            return leat_fail(err, LEAT_EDATA, "a block holds fewer events than its header says");
        if (status) {
            s->records.frames = before; /* asked again, it gives the same event or the same error */
            return status;
        }
        if (frame != LEAT_FRAME_EVENT)
            continue;
        uint64_t sequence = s->next_sequence++;
        if (sequence < s->wanted)
            continue;
        *ret_event = (struct leat_stream_event){
            .sequence = sequence, .ingested_at_us = s->block.ingested_at_us, .event = event};
        peek_commit(s, ret_event);
        return LEAT_OK;
    }
}

static int next(struct leat_stream *s, struct leat_stream_event *ret_event, struct leat_err *err)
{
    for (;;) {
        int status = s->in_block ? LEAT_OK : block_next(s, err);
        if (status)
            return status;
        status = event_next(s, ret_event, err);
        if (status == LEAT_OK) {
            ret_event->instance = leat_store_reader_source_name(s->reader, s->block.source_id);
            return LEAT_OK;
        }
        if (status != LEAT_EOF) {
            leat_err_context(err, "sequence %llu", (unsigned long long)s->next_sequence);
            return status;
        }
        s->in_block = false;
    }
}

/* --- by key -------------------------------------------------------------------------------------
 */

/* The lowest candidate at or behind key_at. */
static bool candidate(const struct leat_stream *s, uint64_t *ret_sequence)
{
    for (size_t i = 0; i < s->found.count; i++)
        if (s->found.sequences[i] >= s->key_at) {
            *ret_sequence = s->found.sequences[i];
            return true;
        }
    *ret_sequence = s->key_at; /* of what nothing was noted, each is one */
    return s->found.unknown && s->key_at < s->found.next;
}

/* LEAT_EOF: there is none yet. */
static int candidate_find(struct leat_stream *s, uint64_t *ret_sequence, struct leat_err *err)
{
    while (!candidate(s, ret_sequence)) {
        struct leat_store_found found;
        uint64_t from = s->found.next > s->key_at ? s->found.next : s->key_at;
        int status = leat_store_reader_find(s->reader, s->key_hash, from, &found, err);
        if (status || found.next == from)
            return status ? status : LEAT_EOF;
        s->found = found;
    }
    return LEAT_OK;
}

/* Within the block that is open there is nothing to be read again. */
static int go_to(struct leat_stream *s, uint64_t sequence, struct leat_err *err)
{
    bool ahead = s->in_block && sequence >= s->next_sequence &&
                 sequence - s->block.sequence < s->block.count;
    s->in_block = ahead;
    s->wanted = sequence;
    return ahead ? LEAT_OK : leat_store_reader_seek(s->reader, sequence, err);
}

static int keyed_next(struct leat_stream *s, struct leat_stream_event *ret_event, struct leat_err *err)
{
    uint64_t sequence;
    int status = candidate_find(s, &sequence, err);
    if (!status && (sequence != s->key_at || !s->in_block))
        status = go_to(s, sequence, err);
    if (!status)
        status = next(s, ret_event, err);
    if (!status)
        s->key_at = ret_event->sequence + 1;
    return status;
}

int leat_stream_next(struct leat_stream *s, struct leat_stream_event *ret_event,
                     struct leat_err *err)
{
    return s->key_hash ? keyed_next(s, ret_event, err) : next(s, ret_event, err);
}

void leat_stream_keyed(struct leat_stream *s, uint64_t hash)
{
    s->key_hash = hash;
    s->found = (struct leat_store_found){.count = 0};
}

void leat_stream_only(struct leat_stream *s, uint32_t source_id)
{
    s->only = source_id;
    leat_store_reader_only(s->reader, source_id);
}

void leat_stream_between(struct leat_stream *s, int64_t from_us, int64_t to_us)
{
    s->from_us = from_us;
    s->to_us = to_us;
    leat_store_reader_between(s->reader, from_us, to_us);
}

void leat_stream_without_longs(struct leat_stream *s, bool without)
{
    s->without_longs = without;
}

int leat_stream_find_since(struct leat_stream *s, int64_t since_us, uint64_t *ret_sequence,
                           struct leat_err *err)
{
    struct leat_store_usage usage;
    int status = leat_store_reader_usage(s->reader, &usage, err);
    uint64_t low = status ? 0 : usage.first_sequence, high = status ? 0 : usage.last_sequence + 1;
    while (!status && low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct leat_block_header h;
        struct leat_slice raw;
        status = leat_store_reader_seek(s->reader, middle, err);
        if (!status)
            status = leat_store_reader_next(s->reader, &h, &raw, err);
        if (status == LEAT_OK && h.ingested_at_us < since_us)
            low = h.sequence + h.count;
        else if (status == LEAT_OK && h.sequence < middle)
            high = h.sequence > low ? h.sequence : low;
        else
            high = middle;
        status = status == LEAT_EOF ? LEAT_OK : status;
    }
    *ret_sequence = low;
    return status;
}

int leat_stream_seek(struct leat_stream *s, uint64_t sequence, struct leat_err *err)
{
    s->in_block = false;
    s->wanted = s->key_at = sequence ? sequence : 1;
    s->found = (struct leat_store_found){.count = 0};
    return leat_store_reader_seek(s->reader, sequence, err);
}

/* --- life cycle --------------------------------------------------------------------------------
 */

int leat_stream_open(const char *path, struct leat_store *store, struct leat_stream **ret_stream,
                     struct leat_err *err)
{
    struct leat_stream *s = calloc(1, sizeof *s);
    struct cached *cache = calloc(SCHEMA_SLOTS, sizeof *cache);
    if (!s || !cache) {
        free(s);
        free(cache);
        return leat_fail(err, LEAT_ERETRY, "out of memory for a stream");
    }
    s->cache = cache;
    s->from_us = INT64_MIN;
    s->to_us = INT64_MAX;
    s->lookup = (struct leat_record_lookup){s, lookup_schema, lookup_origin, lookup_external, false};
    leat_arena_init(&s->rows, ROW_ARENA_MAX);
    leat_arena_init(&s->schemas, SCHEMA_ARENA_MAX);
    int status = leat_store_reader_open(path, store, &s->reader, err);
    if (status) {
        leat_stream_close(s);
        return status;
    }
    *ret_stream = s;
    return LEAT_OK;
}

void leat_stream_close(struct leat_stream *s)
{
    if (!s)
        return;
    leat_store_reader_close(s->reader);
    longs_release(s);
    free(s->longs);
    free(s->cache);
    leat_arena_release(&s->rows);
    leat_arena_release(&s->schemas);
    free(s);
}

struct leat_store_reader *leat_stream_reader(struct leat_stream *s)
{
    return s->reader;
}
