/*
 * What came out of a batch, as any reader would find it in a store: every block is decoded alone,
 * with the definitions and parts that were taken with it or before, and told as text
 * (event_model.h).
 *
 *     model_init(&m, &known)                 a batch for a source as the store knows it
 *     … the source's calls on m.batch …
 *     model_take(&m)                          what the runner does between polls
 *     m.lines[0 … m.count - 1]                "op 1 …" per event, "commit 5" per commit frame
 *     model_release(&m)
 *
 * On the way every promise of a taken commit is checked: a definition has one content for ever, a
 * block's header counts its events, names its source and spans their times, and begins with the
 * transaction of its events.
 */
#ifndef CONTRACT_BATCH_MODEL_H
#define CONTRACT_BATCH_MODEL_H

#include "codec/record.h"
#include "pipeline/batch.h"

#include "unit/event/event_model.h"

struct model_part {
    uint64_t set;
    uint32_t index;
    struct leat_slice bytes;
};

struct batch_model {
    struct leat_batch *batch;
    struct leat_arena kept;              /* definitions and parts */
    struct leat_arena rows, definitions; /* of the event that is being read */
    struct leat_slice by_ref[4096];
    struct model_part *parts;
    size_t part_count;
    struct leat_buf longs[256];
    size_t long_count;
    char **lines;
    char **ids; /* of the events; NULL beside a commit */
    size_t count, capacity;
    size_t blocks, takes, schemas_stored;
    uint32_t source_id;
    uint64_t sequence, hash;
    struct leat_buf token; /* of the last take that had one */
    uint64_t part_next;
};

/* --- what records refer to
 * ------------------------------------------------------------------------- */

static UNUSED int model_schema(void *arg, uint32_t ref, const struct leat_schema **ret_schema,
                               struct leat_err *e)
{
    struct batch_model *m = arg;
    struct leat_schema *s = leat_arena_zeroed(&m->definitions, 1, sizeof *s);
    if (ref >= 4096 || !m->by_ref[ref].ptr)
        return leat_fail(e, LEAT_EDATA, "schema %u was not taken with or before its block", ref);
    *ret_schema = s;
    return leat_schema_read(m->by_ref[ref], &m->definitions, s, e);
}

static UNUSED int model_origin(void *arg, uint32_t ref, const struct leat_origin **ret_origin,
                               struct leat_err *e)
{
    struct batch_model *m = arg;
    struct leat_origin *o = leat_arena_zeroed(&m->definitions, 1, sizeof *o);
    if (ref >= 4096 || !m->by_ref[ref].ptr)
        return leat_fail(e, LEAT_EDATA, "origin %u was not taken with or before its block", ref);
    *ret_origin = o;
    return leat_origin_read(m->by_ref[ref], o, e);
}

static UNUSED int model_external(void *arg, const struct leat_external *x,
                                 struct leat_slice *ret_bytes, struct leat_err *e)
{
    struct batch_model *m = arg;
    assert_true(m->long_count < 256);
    struct leat_buf *whole = &m->longs[m->long_count++];
    leat_buf_init(whole, LEAT_VALUE_MAX);
    for (uint32_t index = 0; whole->len < x->raw_len; index++) {
        const struct model_part *found = NULL;
        for (size_t i = 0; i < m->part_count; i++) /* the last one wins, as in a store */
            if (m->parts[i].set == x->set && m->parts[i].index == index)
                found = &m->parts[i];
        if (!found)
            return leat_fail(e, LEAT_EDATA, "part %u of set %" PRIu64 " was not taken", index,
                             x->set);
        int status = leat_part_open(found->bytes, index, whole, e);
        if (status)
            return status;
    }
    *ret_bytes = leat_buf_slice(whole);
    return LEAT_OK;
}

/* --- blocks
 * ------------------------------------------------------------------------------------------ */

static UNUSED void model_line(struct batch_model *m, char *text, char *id)
{
    if (m->count == m->capacity) {
        m->capacity = m->capacity ? 2 * m->capacity : 64;
        m->lines = realloc(m->lines, m->capacity * sizeof *m->lines);
        m->ids = realloc(m->ids, m->capacity * sizeof *m->ids);
        assert_true(m->lines && m->ids);
    }
    m->ids[m->count] = id;
    m->lines[m->count++] = text;
}

static UNUSED char *model_id(const struct leat_event *e)
{
    struct leat_buf id;
    leat_buf_init(&id, 1024);
    leat_event_id(&id, LEAT_SLICE_LITERAL("model"), e);
    char *text = strdup(leat_buf_text(&id));
    assert_false(id.full);
    leat_buf_release(&id);
    return text;
}

static UNUSED void model_commit_line(struct batch_model *m, uint64_t total)
{
    char text[40];
    snprintf(text, sizeof text, "commit %" PRIu64, total);
    model_line(m, strdup(text), NULL);
}

static UNUSED void model_frames(struct batch_model *m, struct leat_slice raw,
                                const struct leat_block_header *header)
{
    const struct leat_record_lookup lookup = {m, model_schema, model_origin, model_external, false};
    struct leat_record_reader reader;
    leat_record_reader_init(&reader, raw, &lookup, &m->rows);
    uint32_t events = 0;
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (;;) {
        enum leat_frame frame;
        struct leat_event e;
        uint64_t total;
        leat_arena_reset(&m->rows);
        while (m->long_count)
            leat_buf_release(&m->longs[--m->long_count]);
        int status = leat_record_next(&reader, &frame, &e, &total, &err);
        if (status == LEAT_EOF)
            break;
        ok(status);
        if (frame == LEAT_FRAME_COMMIT)
            model_commit_line(m, total);
        if (frame != LEAT_FRAME_EVENT)
            continue;
        model_line(m, told(&e), model_id(&e));
        events++;
        least = e.event_time_us < least ? e.event_time_us : least;
        most = e.event_time_us > most ? e.event_time_us : most;
    }
    assert_int_equal(header->count, events);
    assert_true(header->min_time_us == least && header->max_time_us == most);
}

static UNUSED void model_block(struct batch_model *m, struct leat_block *block)
{
    struct leat_block_header header;
    struct leat_slice payload, raw;
    struct leat_buf buf;
    leat_buf_init(&buf, LEAT_BLOCK_RAW_MAX);
    leat_arena_reset(&m->definitions);
    assert_true(block->count > 0);
    m->hash = leat_block_stamp(block, m->sequence, m->hash);
    ok(leat_block_parse(leat_slice_of(block->bytes, block->len), &header, &payload, &err));
    assert_int_equal(header.source_id, m->source_id);
    assert_true(header.ingested_at_us > 1577836800000000);
    ok(leat_block_open(&header, payload, &buf, &raw, &err));
    model_frames(m, raw, &header);
    m->sequence += header.count;
    m->blocks++;
    leat_buf_release(&buf);
}

static UNUSED void model_keep(struct batch_model *m, const struct leat_store_write *w)
{
    for (size_t i = 0; i < w->schema_count; i++) {
        assert_true(w->schemas[i].ref > 0 && w->schemas[i].ref < 4096);
        assert_null(m->by_ref[w->schemas[i].ref].ptr);
        m->by_ref[w->schemas[i].ref] = leat_arena_copy(&m->kept, w->schemas[i].bytes);
        m->schemas_stored++;
    }
    if (w->part_count)
        m->parts = realloc(m->parts, (m->part_count + w->part_count) * sizeof *m->parts);
    for (size_t i = 0; i < w->part_count; i++)
        m->parts[m->part_count++] = (struct model_part){
            w->parts[i].set, w->parts[i].index, leat_arena_copy(&m->kept, w->parts[i].bytes)};
}

/* Takes what is in the batch and reads it; gives the number of events. */
static UNUSED uint64_t model_take(struct batch_model *m)
{
    struct leat_commit *c;
    size_t blocks = 0, before = m->sequence;
    ok(leat_batch_take(m->batch, &c, &err));
    assert_int_equal(c->write.source_id, m->source_id);
    model_keep(m, &c->write);
    for (; blocks < c->write.block_count; blocks++)
        model_block(m, &c->write.blocks[blocks]);
    assert_int_equal(c->events, m->sequence - before);
    assert_true(c->write.part_next >= m->part_next);
    m->part_next = c->write.part_next;
    if (c->write.token.ptr) {
        leat_buf_reset(&m->token);
        leat_buf_append(&m->token, c->write.token);
    }
    m->takes++;
    leat_commit_free(c);
    return m->sequence - before;
}

/* --- life cycle
 * ------------------------------------------------------------------------------------------ */

static UNUSED struct batch_model *model_new_as(enum leat_compression compression, bool whole)
{
    struct batch_model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    const struct leat_store_source known = {.id = 7, .part_next = 3, .schema_next = 1};
    const struct leat_batch_settings settings = {compression, 1, -3, whole};
    leat_arena_init(&m->kept, 512 << 20);
    leat_arena_init(&m->rows, 64 << 20);
    leat_arena_init(&m->definitions, 512 << 20);
    leat_buf_init(&m->token, LEAT_TOKEN_MAX);
    m->source_id = known.id;
    m->sequence = 1;
    ok(leat_batch_new(&settings, &known, &m->batch, &err));
    return m;
}

static UNUSED struct batch_model *model_new(enum leat_compression compression)
{
    return model_new_as(compression, false);
}

static UNUSED void model_free(struct batch_model *m)
{
    leat_batch_free(m->batch);
    leat_arena_release(&m->kept);
    leat_arena_release(&m->rows);
    leat_arena_release(&m->definitions);
    leat_buf_release(&m->token);
    while (m->long_count)
        leat_buf_release(&m->longs[--m->long_count]);
    while (m->count--) {
        free(m->lines[m->count]);
        free(m->ids[m->count]);
    }
    free(m->lines);
    free(m->ids);
    free(m->parts);
    free(m);
}

static UNUSED void assert_token(struct batch_model *m, const char *token)
{
    assert_string_equal(leat_buf_text(&m->token), token);
}

#endif
