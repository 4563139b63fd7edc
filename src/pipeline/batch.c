/*
 * Events go into the open block as frames. The block's first frame is the transaction that is open,
 * so that every block can be read alone; `transaction_written` says whether the open block has it
 * yet.
 *
 * Schemas and origins are numbered here. A registry of content hashes knows those that the store
 * holds and those on their way; what was defined but never taken is forgotten by discard, because
 * it will not be stored.
 *
 * A value that is too long for a record is cut into parts first, in as many takes as it needs: add
 * gives LEAT_AGAIN between them, and `long_*` remember how far it came.
 *
 * Values ahead of their events have part sets of their own, AHEAD_DISTANCE above those that
 * ordinary events take meanwhile. So `part_next` stays below them until they are used, and whoever
 * opens the store after a crash drops exactly what nobody refers to.
 */
#include "pipeline/batch.h"

#include "codec/record.h"
#include "pipeline/sealer.h"

#include <leat/clock.h>
#include <leat/hash.h>

#include <stdlib.h>

enum {
    LONG_VALUES_MAX = 2 * LEAT_COLUMNS_MAX + 1,
    WIDE_EVENT_BYTES = 1 << 20,  /* an event past this keeps only short values inline … */
    WIDE_INLINE_MAX = 256,       /* … so that 2 x 4,096 columns still fit into a block */
    SCHEMA_BYTES_MAX = 16 << 20, /* 4,096 columns with long names and types */
    AHEAD_DISTANCE = 1 << 20,    /* long values of other events while one transaction's go ahead */
};

struct known_schema {
    uint64_t hash;
    uint32_t ref;
};

struct leat_batch {
    uint32_t source_id;
    bool whole;
    struct leat_compressor *compressor; /* of blocks that are sealed here … */
    struct leat_sealer *sealer;         /* … and of those that are sealed beside us */
    size_t sealing_bytes;               /* raw bytes that are with the sealer */
    struct leat_commit *commit;         /* being filled */
    struct leat_buf token;              /* of the last leat_batch_position() */
    bool token_moved;

    struct leat_buf raw; /* frames of the open block */
    uint32_t raw_count;  /* events among them */
    int64_t min_time_us, max_time_us;

    struct leat_transaction transaction;
    struct leat_arena transaction_arena;
    bool transaction_open, transaction_written;
    bool transaction_stored; /* at least one event of it was added */

    struct known_schema *known; /* in order of definition */
    size_t known_count, known_capacity;
    size_t known_taken; /* those that the store has or was given */
    uint32_t *slots;    /* open addressing over `known`: index + 1 */
    size_t slot_count;
    uint32_t schema_next;

    struct leat_external *long_refs; /* of the event that is being added */
    uint32_t long_done;
    size_t long_offset;  /* bytes of the value after them that are in parts */
    uint64_t part_set;   /* set that the next long value uses */
    uint64_t part_next;  /* sets below are referred to by events that were added */
    uint64_t part_taken; /* part_next when the batch was last taken */

    uint64_t ahead_first, ahead_set; /* sets of values ahead: the first, and the next; 0: none is */
    size_t ahead_offset;             /* bytes of the next one that are in parts */
};

static int no_memory(struct leat_err *err, const char *what)
{
    return leat_fail(err, LEAT_ERETRY, "out of memory for %s", what);
}

/* Makes room for one more element of `size` bytes. */
static bool list_grow(void **list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    size_t more = *capacity ? *capacity * 2 : 8;
    void *grown = realloc(*list, more * size);
    if (!grown)
        return false;
    *list = grown;
    *capacity = more;
    return true;
}

/* --- what is handed to the committer -----------------------------------------------------------
 */

void leat_commit_free(struct leat_commit *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->write.block_count; i++)
        free(c->write.blocks[i].bytes);
    for (size_t i = 0; i < c->write.part_count; i++)
        free(c->parts_owned[i].bytes);
    for (size_t i = 0; i < c->write.schema_count; i++)
        free((void *)c->write.schemas[i].bytes.ptr);
    free(c->write.blocks);
    free((void *)c->write.parts);
    free((void *)c->write.schemas);
    free((void *)c->write.keys);
    free(c->parts_owned);
    free((void *)c->write.token.ptr);
    free(c);
}

/* --- life cycle --------------------------------------------------------------------------------
 */

int leat_batch_new(const struct leat_batch_settings *settings,
                   const struct leat_store_source *known, struct leat_batch **ret_batch,
                   struct leat_err *err)
{
    struct leat_batch *b = calloc(1, sizeof *b);
    if (!b)
        return no_memory(err, "a batch");
    b->source_id = known->id;
    b->whole = settings->whole;
    b->schema_next = known->schema_next;
    b->part_set = b->part_next = b->part_taken = known->part_next;
    leat_buf_init(&b->raw, LEAT_BLOCK_RAW_MAX);
    leat_buf_init(&b->token, LEAT_TOKEN_MAX);
    leat_arena_init(&b->transaction_arena, 64 << 10);
    b->commit = calloc(1, sizeof *b->commit);
    b->long_refs = calloc(LONG_VALUES_MAX, sizeof *b->long_refs);
    int status = b->commit && b->long_refs ? LEAT_OK : no_memory(err, "a batch");
    if (!status)
        status = leat_compressor_new(settings->compression, settings->level, &b->compressor, err);
    if (!status)
        status = leat_sealer_new(settings->compression, settings->busy_level, &b->sealer, err);
    if (status) {
        leat_batch_free(b);
        return status;
    }
    *ret_batch = b;
    return LEAT_OK;
}

void leat_batch_free(struct leat_batch *b)
{
    if (!b)
        return;
    leat_commit_free(b->commit);
    leat_sealer_free(b->sealer);
    leat_compressor_free(b->compressor);
    leat_buf_release(&b->raw);
    leat_buf_release(&b->token);
    leat_arena_release(&b->transaction_arena);
    free(b->known);
    free(b->slots);
    free(b->long_refs);
    free(b);
}

/* --- schemas -----------------------------------------------------------------------------------
 */

static void slots_insert(struct leat_batch *b, size_t index)
{
    size_t at = b->known[index].hash & (b->slot_count - 1);
    while (b->slots[at])
        at = (at + 1) & (b->slot_count - 1);
    b->slots[at] = (uint32_t)index + 1;
}

static bool slots_rebuild(struct leat_batch *b, size_t slot_count)
{
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (!slots)
        return false;
    free(b->slots);
    b->slots = slots;
    b->slot_count = slot_count;
    for (size_t i = 0; i < b->known_count; i++)
        slots_insert(b, i);
    return true;
}

static uint32_t known_find(const struct leat_batch *b, uint64_t hash)
{
    if (!b->slot_count)
        return 0;
    for (size_t at = hash & (b->slot_count - 1); b->slots[at]; at = (at + 1) & (b->slot_count - 1))
        if (b->known[b->slots[at] - 1].hash == hash)
            return b->known[b->slots[at] - 1].ref;
    return 0;
}

static bool known_add(struct leat_batch *b, uint64_t hash, uint32_t ref)
{
    if (!list_grow((void **)&b->known, b->known_count, &b->known_capacity, sizeof *b->known))
        return false;
    b->known[b->known_count++] = (struct known_schema){hash, ref};
    if (b->slot_count < 2 * b->known_count)
        return slots_rebuild(b, b->slot_count ? b->slot_count * 2 : 64);
    slots_insert(b, b->known_count - 1);
    return true;
}

int leat_batch_learn(struct leat_batch *b, uint32_t ref, struct leat_slice bytes,
                     struct leat_err *err)
{
    if (!known_add(b, leat_hash(bytes), ref))
        return no_memory(err, "known schemas");
    b->known_taken = b->known_count;
    return LEAT_OK;
}

/* Gives the content a number, and queues it to be stored when it is new. Takes over buf's memory.
 */
static int schema_define(struct leat_batch *b, struct leat_buf *buf, uint32_t *ret_ref,
                         bool *ret_new, struct leat_err *err)
{
    uint64_t hash = leat_hash(leat_buf_slice(buf));
    uint32_t ref = known_find(b, hash);
    *ret_new = ref == 0;
    if (ref) {
        leat_buf_release(buf);
        *ret_ref = ref;
        return LEAT_OK;
    }
    struct leat_store_write *w = &b->commit->write;
    if (!list_grow((void **)&w->schemas, w->schema_count, &b->commit->schema_capacity,
                   sizeof *w->schemas) ||
        !known_add(b, hash, b->schema_next)) {
        leat_buf_release(buf);
        return no_memory(err, "a schema");
    }
    ref = b->schema_next++;
    ((struct leat_store_schema *)w->schemas)[w->schema_count++] =
        (struct leat_store_schema){ref, leat_buf_slice(buf)};
    *ret_ref = ref;
    return LEAT_OK;
}

int leat_batch_define(struct leat_batch *b, struct leat_schema *schema, bool *ret_new,
                      struct leat_err *err)
{
    struct leat_buf buf;
    leat_buf_init(&buf, SCHEMA_BYTES_MAX);
    leat_schema_write(&buf, schema);
    if (buf.full || schema->column_count > LEAT_COLUMNS_MAX) {
        leat_buf_release(&buf);
        return leat_fail(err, LEAT_ELIMIT, "the description of table \"%.*s\" is too long",
                         LEAT_SLICE_ARG(schema->table));
    }
    return schema_define(b, &buf, &schema->ref, ret_new, err);
}

int leat_batch_origin(struct leat_batch *b, struct leat_origin *origin, struct leat_err *err)
{
    struct leat_buf buf;
    bool is_new;
    leat_buf_init(&buf, SCHEMA_BYTES_MAX);
    leat_origin_write(&buf, origin);
    if (buf.full) {
        leat_buf_release(&buf);
        return leat_fail(err, LEAT_ELIMIT, "the description of the origin is too long");
    }
    return schema_define(b, &buf, &origin->ref, &is_new, err);
}

/* --- blocks ------------------------------------------------------------------------------------
 */

static int block_keep(struct leat_batch *b, const struct leat_block *block, struct leat_err *err)
{
    struct leat_commit *c = b->commit;
    if (!list_grow((void **)&c->write.blocks, c->write.block_count, &c->block_capacity,
                   sizeof *c->write.blocks)) {
        free(block->bytes);
        return no_memory(err, "a block");
    }
    c->write.blocks[c->write.block_count++] = *block;
    c->bytes += block->len;
    return LEAT_OK;
}

/* Takes the oldest block over that is sealed beside us. LEAT_EOF: there is none. */
static int block_collect(struct leat_batch *b, struct leat_err *err)
{
    struct leat_block block;
    int status = leat_sealer_collect(b->sealer, &block, err);
    return status ? status : block_keep(b, &block, err);
}

/* A full block is sealed beside us while the next one fills … */
static int block_hand_over(struct leat_batch *b, const struct leat_block_header *header,
                           struct leat_err *err)
{
    int status;
    while ((status = leat_sealer_put(b->sealer, &b->raw, header, err)) == LEAT_AGAIN) {
        status = block_collect(b, err);
        if (status)
            return status;
    }
    return status;
}

/* All that are with the sealer. */
static int blocks_collect(struct leat_batch *b, struct leat_err *err)
{
    int status;
    while ((status = block_collect(b, err)) == LEAT_OK)
        ;
    return status == LEAT_EOF ? LEAT_OK : status;
}

/* … and the last one here, because all wait for it. */
static int block_finish(struct leat_batch *b, const struct leat_block_header *header,
                        struct leat_err *err)
{
    struct leat_block last;
    int status = leat_block_seal(b->compressor, leat_buf_slice(&b->raw), header, &last, err);
    if (status)
        return status;
    status = blocks_collect(b, err);
    if (status) {
        free(last.bytes);
        return status;
    }
    leat_buf_reset(&b->raw);
    leat_buf_shrink(&b->raw, 2 * LEAT_BLOCK_RAW_BYTES);
    return block_keep(b, &last, err);
}

static int block_seal(struct leat_batch *b, bool last, struct leat_err *err)
{
    struct leat_commit *c = b->commit;
    struct leat_block_header header = {
        .count = b->raw_count,
        .source_id = b->source_id,
        .min_time_us = b->min_time_us,
        .max_time_us = b->max_time_us,
        .ingested_at_us = leat_clock_wall_us(),
    };
    size_t raw_len = b->raw.len;
    int status = LEAT_OK;
    if (b->raw_count)
        status = last ? block_finish(b, &header, err) : block_hand_over(b, &header, err);
    else if (last) /* a commit frame alone waits for the next block with events */
        status = blocks_collect(b, err);
    if (status)
        return status;
    b->sealing_bytes = last ? 0 : b->sealing_bytes + raw_len;
    if (!b->raw_count)
        return LEAT_OK;
    c->raw_bytes += raw_len;
    c->events += b->raw_count;
    c->newest_event_us = b->max_time_us;
    b->raw_count = 0;
    b->transaction_written = false;
    return LEAT_OK;
}

/* Enough bytes for one commit, and nothing that would have to stay together with what comes. */
static bool bytes_enough(const struct leat_batch *b)
{
    return b->commit->bytes + b->sealing_bytes >= LEAT_BATCH_BYTES &&
           !(b->whole && b->transaction_open);
}

bool leat_batch_full(const struct leat_batch *b)
{
    return b->commit->raw_bytes + b->raw.len >= LEAT_BATCH_BYTES ||
           b->commit->bytes >= LEAT_BATCH_BYTES || bytes_enough(b);
}

size_t leat_batch_bytes(const struct leat_batch *b)
{
    return b->commit->raw_bytes + b->commit->bytes + b->raw.len;
}

bool leat_batch_pending(const struct leat_batch *b)
{
    const struct leat_store_write *w = &b->commit->write;
    return b->raw_count || b->sealing_bytes || w->block_count || w->part_count || w->schema_count ||
           b->token_moved;
}

/* --- transactions ------------------------------------------------------------------------------
 */

int leat_batch_begin(struct leat_batch *b, const struct leat_transaction *t, struct leat_err *err)
{
    if (t->id.len > LEAT_TRANSACTION_ID_MAX || t->attr_count > LEAT_ATTRS_MAX)
        return leat_fail(err, LEAT_ELIMIT, "a transaction id of %zu bytes is too long", t->id.len);
    leat_arena_reset(&b->transaction_arena);
    b->transaction = *t;
    b->transaction.id = leat_arena_copy(&b->transaction_arena, t->id);
    for (uint32_t i = 0; i < t->attr_count; i++) {
        struct leat_value *v = &b->transaction.attrs[i];
        if (leat_kind_is_text(v->kind) && v->text.len) {
            v->text = leat_arena_copy(&b->transaction_arena, v->text);
            if (!v->text.ptr)
                return leat_fail(err, LEAT_ELIMIT, "an attribute of a transaction is too long");
        }
    }
    b->transaction_open = true;
    b->transaction_written = false;
    b->transaction_stored = false;
    return LEAT_OK;
}

int leat_batch_commit(struct leat_batch *b, uint64_t total, struct leat_err *err)
{
    bool mark = b->transaction_open && b->transaction_stored;
    if (mark && !b->transaction_written && !leat_record_put_transaction(&b->raw, &b->transaction))
        return leat_fail(err, LEAT_EBUG, "no room for a transaction frame");
    if (mark && !leat_record_put_commit(&b->raw, total))
        return leat_fail(err, LEAT_EBUG, "no room for a commit frame");
    b->transaction_open = false;
    return LEAT_OK;
}

/* --- events ------------------------------------------------------------------------------------
 */

/* Puts the rest of one long value, from *offset on, into parts. LEAT_AGAIN when the batch has
 * enough of them. */
static int long_value_put(struct leat_batch *b, struct leat_slice value, uint64_t set,
                          size_t *offset, struct leat_err *err)
{
    struct leat_commit *c = b->commit;
    while (*offset < value.len) {
        if (bytes_enough(b))
            return LEAT_AGAIN;
        size_t len = value.len - *offset;
        len = len < LEAT_PART_BYTES ? len : LEAT_PART_BYTES;
        size_t parts_capacity = c->part_capacity;
        if (!list_grow((void **)&c->write.parts, c->write.part_count, &parts_capacity,
                       sizeof *c->write.parts) ||
            !list_grow((void **)&c->parts_owned, c->write.part_count, &c->part_capacity,
                       sizeof *c->parts_owned))
            return no_memory(err, "parts");
        struct leat_block *part = &c->parts_owned[c->write.part_count];
        uint32_t index = (uint32_t)(*offset / LEAT_PART_BYTES);
        int status = leat_part_seal(b->compressor, leat_slice_of(value.ptr + *offset, len), index,
                                    part, err);
        if (status)
            return status;
        ((struct leat_store_part *)c->write.parts)[c->write.part_count++] =
            (struct leat_store_part){set, index, leat_slice_of(part->bytes, part->len)};
        c->bytes += part->len;
        *offset += len;
    }
    return LEAT_OK;
}

static int long_values_put(struct leat_batch *b, const struct leat_event *e, size_t inline_max,
                           uint32_t count, struct leat_err *err)
{
    for (; b->long_done < count; b->long_done++) {
        struct leat_slice value = leat_record_long_value(e, inline_max, b->long_done);
        if (b->ahead_first && b->part_set == b->ahead_first)
            return leat_fail(err, LEAT_EBUG,
                             "too many long values beside those of one transaction");
        int status = long_value_put(b, value, b->part_set, &b->long_offset, err);
        if (status)
            return status;
        b->long_refs[b->long_done] =
            (struct leat_external){b->part_set++, value.len, leat_hash(value)};
        b->long_offset = 0;
    }
    return LEAT_OK;
}

/* What the frame takes at most when its long values lie outside. */
static size_t frame_bound(const struct leat_event *e, size_t bytes, size_t inline_max,
                          uint32_t long_count)
{
    for (uint32_t i = 0; i < long_count; i++)
        bytes -= leat_record_long_value(e, inline_max, i).len;
    return bytes;
}

static int frame_put(struct leat_batch *b, const struct leat_event *e, size_t bytes,
                     size_t inline_max, struct leat_err *err)
{
    size_t head =
        b->transaction.id.len + 1024; /* the transaction frame; its attributes are short */
    if (b->raw_count && b->raw.len + head + bytes > LEAT_BLOCK_RAW_BYTES) {
        int status = block_seal(b, false, err);
        if (status)
            return status;
    }
    if (b->transaction_open && !b->transaction_written) {
        if (!leat_record_put_transaction(&b->raw, &b->transaction))
            return leat_fail(err, LEAT_EBUG, "no room for a transaction frame");
        b->transaction_written = true;
    }
    if (!leat_record_put_event(&b->raw, e, b->transaction_open ? &b->transaction : NULL, bytes,
                               inline_max, b->long_refs))
        return leat_fail(err, LEAT_ELIMIT, "an event of %zu bytes does not fit into a block",
                         bytes);
    return LEAT_OK;
}

/* What a reader would refuse must not be stored, or every stream would end there for ever. */
static int event_check(const struct leat_event *e, struct leat_err *err)
{
    uint32_t columns = e->relation ? e->relation->column_count : 0;
    bool known = e->op > 0 && e->op < LEAT_OP_COUNT && e->attr_count <= LEAT_ATTRS_MAX &&
                 (!e->relation || e->relation->ref) && columns <= LEAT_COLUMNS_MAX;
    bool fits = (!e->before.count || (e->before.count == columns && e->before_form)) &&
                (!e->after.count || e->after.count == columns);
    return known && fits ? LEAT_OK
                         : leat_fail(err, LEAT_EBUG, "an event (%s) does not fit its relation",
                                     leat_op_name((enum leat_op)e->op));
}

/* The common case is one measurement, one frame, and no long values. `ahead`: the body's, or NULL.
 */
static int event_add(struct leat_batch *b, const struct leat_event *e,
                     const struct leat_ahead *ahead, struct leat_err *err)
{
    if (bytes_enough(b))
        return LEAT_AGAIN;
    int status = event_check(e, err);
    if (status)
        return status;
    size_t inline_max = LEAT_VALUE_INLINE_MAX;
    uint32_t long_count;
    size_t bytes = leat_record_measure(e, inline_max, &long_count);
    if (bytes > WIDE_EVENT_BYTES) {
        inline_max = WIDE_INLINE_MAX;
        bytes = leat_record_measure(e, inline_max, &long_count);
    }
    if (long_count) {
        status = long_values_put(b, e, inline_max, long_count - (ahead != NULL), err);
        if (status)
            return status;
        if (ahead) /* a body comes last */
            b->long_refs[long_count - 1] =
                (struct leat_external){ahead->set, ahead->len, ahead->hash};
        bytes = frame_bound(e, bytes, inline_max, long_count);
    }
    status = frame_put(b, e, bytes, inline_max, err);
    b->long_done = 0;
    if (status)
        return status;
    if (!b->raw_count || e->event_time_us < b->min_time_us)
        b->min_time_us = e->event_time_us;
    if (!b->raw_count || e->event_time_us > b->max_time_us)
        b->max_time_us = e->event_time_us;
    b->raw_count++;
    b->transaction_stored = true;
    b->part_next = b->part_set;
    return LEAT_OK;
}

int leat_batch_add(struct leat_batch *b, const struct leat_event *e, struct leat_err *err)
{
    return event_add(b, e, NULL, err);
}

int leat_batch_ahead(struct leat_batch *b, struct leat_slice value, struct leat_ahead *ret_ahead,
                     struct leat_err *err)
{
    if (!b->whole || b->transaction_open || value.len <= LEAT_VALUE_INLINE_MAX ||
        value.len > LEAT_VALUE_MAX)
        return leat_fail(err, LEAT_EBUG, "a value of %zu bytes cannot go ahead here", value.len);
    if (!b->ahead_first)
        b->ahead_first = b->ahead_set = b->part_set + AHEAD_DISTANCE;
    int status = long_value_put(b, value, b->ahead_set, &b->ahead_offset, err);
    if (status)
        return status;
    *ret_ahead = (struct leat_ahead){b->ahead_set++, value.len, leat_hash(value)};
    b->ahead_offset = 0;
    return LEAT_OK;
}

/* Those that come are numbered above: what is below `part_next` stays. */
void leat_batch_ahead_drop(struct leat_batch *b)
{
    if (b->ahead_first)
        b->part_set = b->ahead_set + 1;
    b->ahead_first = b->ahead_set = 0;
    b->ahead_offset = 0;
}

int leat_batch_add_ahead(struct leat_batch *b, const struct leat_event *e,
                         const struct leat_ahead *body, struct leat_err *err)
{
    struct leat_event event = *e;
    if (!b->transaction_open || body->len <= LEAT_VALUE_INLINE_MAX)
        return leat_fail(err, LEAT_EBUG, "a body that was stored ahead belongs into a transaction");
    event.body = leat_slice_of(NULL, body->len); /* its length alone is looked at */
    leat_batch_ahead_drop(b);
    return event_add(b, &event, body, err);
}

int leat_batch_key(struct leat_batch *b, struct leat_slice name, struct leat_slice value,
                   struct leat_err *err)
{
    struct leat_commit *c = b->commit;
    struct leat_store_write *w = &c->write;
    if (!b->raw_count)
        return leat_fail(err, LEAT_EBUG, "a key without an event that has it");
    if (!list_grow((void **)&w->keys, w->key_count, &c->key_capacity, sizeof *w->keys))
        return no_memory(err, "keys");
    ((struct leat_store_key *)w->keys)[w->key_count++] = (struct leat_store_key){
        leat_lookup_hash(b->source_id, name, value), (uint32_t)c->events + b->raw_count - 1};
    return LEAT_OK;
}

/* --- handing over -------------------------------------------------------------------------------
 */

int leat_batch_position(struct leat_batch *b, struct leat_slice token, struct leat_err *err)
{
    if (leat_slice_equal(token, leat_buf_slice(&b->token)))
        return LEAT_OK;
    leat_buf_reset(&b->token);
    leat_buf_append(&b->token, token);
    if (b->token.full)
        return leat_fail(err, LEAT_ELIMIT, "a resume token of %zu bytes is too long", token.len);
    b->token_moved = true;
    return LEAT_OK;
}

int leat_batch_take(struct leat_batch *b, struct leat_commit **ret_commit, struct leat_err *err)
{
    int status = block_seal(b, true, err);
    if (status)
        return status;
    struct leat_commit *fresh = calloc(1, sizeof *fresh);
    uint8_t *token = b->token.len ? malloc(b->token.len) : NULL;
    if (!fresh || (b->token.len && !token)) {
        free(fresh);
        free(token);
        return no_memory(err, "a commit");
    }
    if (token)
        memcpy(token, b->token.data, b->token.len);
    struct leat_commit *c = b->commit;
    c->write.source_id = b->source_id;
    c->write.token = leat_slice_of(token, b->token.len);
    c->write.part_next = b->part_next;
    b->part_taken = b->part_next;
    b->known_taken = b->known_count;
    b->token_moved = false;
    b->commit = fresh;
    *ret_commit = c;
    return LEAT_OK;
}

void leat_batch_discard(struct leat_batch *b)
{
    struct leat_err ignored;
    struct leat_commit *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        abort(); /* a hundred bytes: nothing sensible is left to do */
    while (block_collect(b, &ignored) != LEAT_EOF)
        ;
    leat_commit_free(b->commit);
    b->commit = fresh;
    leat_buf_reset(&b->raw);
    leat_buf_reset(&b->token);
    b->raw_count = 0;
    b->sealing_bytes = 0;
    b->token_moved = false;
    b->transaction_open = b->transaction_written = false;
    b->long_done = 0;
    b->long_offset = 0;
    if (b->ahead_first)
        b->part_taken = b->ahead_set + 1; /* some may be in the store */
    leat_batch_ahead_drop(b);
    b->part_set = b->part_next = b->part_taken;
    b->known_count = b->known_taken;
    if (b->slot_count && !slots_rebuild(b, b->slot_count))
        abort();
}
