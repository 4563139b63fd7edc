/*
 * The stored record and what it refers to, from arbitrary bytes: block, schema, origin, frames,
 * values, arrays. The first byte chooses what the rest is read as. Whatever can be read is written
 * again and must then read the same: a reader that accepts what no writer makes would otherwise go
 * unseen.
 */
#include "codec/record.h"
#include "store/block.h"

#include <leat/hash.h>

#include <stdlib.h>

enum { ARENA_MAX = 8 << 20, COLUMNS = 3, BUF_MAX = 8 << 20 };

static struct leat_column columns[COLUMNS];
static const struct leat_schema schema = {.ref = 1, .column_count = COLUMNS, .columns = columns};
static const struct leat_origin origin = {.ref = 2};

static int find_schema(void *arg, uint32_t ref, const struct leat_schema **ret_schema,
                       struct leat_err *err)
{
    (void)arg;
    if (ref != schema.ref)
        return leat_fail(err, LEAT_EDATA, "no such schema");
    *ret_schema = &schema;
    return LEAT_OK;
}

static int find_origin(void *arg, uint32_t ref, const struct leat_origin **ret_origin,
                       struct leat_err *err)
{
    (void)arg;
    if (ref != origin.ref)
        return leat_fail(err, LEAT_EDATA, "no such origin");
    *ret_origin = &origin;
    return LEAT_OK;
}

static void rows_again(const struct leat_event *a, const struct leat_event *b)
{
    if (a->op != b->op || a->ordinal != b->ordinal || a->before.count != b->before.count ||
        a->after.count != b->after.count || a->before_form != b->before_form)
        abort();
    for (uint32_t i = 0; i < a->after.count; i++)
        if (!leat_value_equal(&a->after.values[i], &b->after.values[i]))
            abort();
    for (uint32_t i = 0; i < a->before.count; i++)
        if (!leat_value_equal(&a->before.values[i], &b->before.values[i]))
            abort();
}

/* What was read, written and read again. */
static void event_again(const struct leat_record_reader *from, const struct leat_event *event,
                        const struct leat_record_lookup *lookup)
{
    struct leat_buf buf;
    struct leat_arena arena;
    struct leat_record_reader reader;
    struct leat_event again = {.op = 0};
    struct leat_err err;
    enum leat_frame frame = LEAT_FRAME_COMMIT;
    uint64_t total;
    uint32_t long_count;
    leat_buf_init(&buf, BUF_MAX);
    leat_arena_init(&arena, ARENA_MAX);
    size_t bytes = leat_record_measure(event, SIZE_MAX, &long_count);
    bool put = !from->in_transaction || leat_record_put_transaction(&buf, &from->transaction);
    if (!put || !leat_record_put_event(&buf, event, event->transaction, bytes, SIZE_MAX, NULL))
        abort();
    leat_record_reader_init(&reader, leat_buf_slice(&buf), lookup, &arena);
    while (frame != LEAT_FRAME_EVENT)
        if (leat_record_next(&reader, &frame, &again, &total, &err))
            abort();
    rows_again(event, &again);
    leat_buf_release(&buf);
    leat_arena_release(&arena);
}

static void frames(struct leat_slice bytes)
{
    static const struct leat_record_lookup LOOKUP = {NULL, find_schema, find_origin, NULL};
    struct leat_record_reader reader;
    struct leat_arena arena;
    struct leat_event event;
    struct leat_err err;
    enum leat_frame frame;
    uint64_t total;
    leat_arena_init(&arena, ARENA_MAX);
    leat_record_reader_init(&reader, bytes, &LOOKUP, &arena);
    while (leat_record_next(&reader, &frame, &event, &total, &err) == LEAT_OK) {
        if (frame == LEAT_FRAME_EVENT)
            event_again(&reader, &event, &LOOKUP);
        leat_arena_reset(&arena);
    }
    leat_arena_release(&arena);
}

static void definitions(struct leat_slice bytes)
{
    struct leat_arena arena;
    struct leat_schema s;
    struct leat_origin o;
    struct leat_err err;
    leat_arena_init(&arena, ARENA_MAX);
    struct leat_buf buf;
    leat_buf_init(&buf, BUF_MAX);
    if (leat_schema_read(bytes, &arena, &s, &err) == LEAT_OK) {
        leat_schema_write(&buf, &s);
        if (!buf.full && leat_schema_read(leat_buf_slice(&buf), &arena, &s, &err))
            abort();
    }
    if (leat_origin_read(bytes, &o, &err) == LEAT_OK)
        leat_origin_write(&buf, &o);
    leat_buf_release(&buf);
    leat_arena_release(&arena);
}

static void array(struct leat_slice bytes)
{
    struct leat_array a;
    struct leat_value v;
    if (!leat_array_open(bytes, &a))
        return;
    for (uint64_t i = 0; i < a.count && !a.elements.bad; i++)
        leat_value_read(&a.elements, &v);
}

/* A block's hashes are made right, or nothing behind them would ever be reached. */
static void block(struct leat_slice bytes)
{
    struct leat_block_header header;
    struct leat_slice payload, raw;
    struct leat_err err;
    if (bytes.len < LEAT_BLOCK_HEADER_BYTES)
        return;
    uint8_t *copy = malloc(bytes.len);
    struct leat_buf buf;
    if (!copy)
        return;
    leat_buf_init(&buf, BUF_MAX);
    memcpy(copy, bytes.ptr, bytes.len);
    uint64_t hash = leat_hash(
        leat_slice_of(copy + LEAT_BLOCK_HEADER_BYTES, bytes.len - LEAT_BLOCK_HEADER_BYTES));
    memcpy(copy + 56, &hash, sizeof hash);
    hash = leat_hash(leat_slice_of(copy, 72));
    memcpy(copy + 72, &hash, sizeof hash);
    if (leat_block_parse(leat_slice_of(copy, bytes.len), &header, &payload, &err) == LEAT_OK &&
        leat_block_open(&header, payload, &buf, &raw, &err) == LEAT_OK)
        frames(raw);
    leat_buf_release(&buf);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct leat_slice rest = leat_slice_of(data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        frames(rest);
        break;
    case 1:
        definitions(rest);
        break;
    case 2:
        array(rest);
        break;
    default:
        block(rest);
    }
    return 0;
}
