/*
 * Random events, and their content as one text.
 *
 * A test keeps the text of what it put in and compares it with the text of what came out: the
 * comparison shares no code with the product, and a difference can be read. Everything random hangs
 * on one seed, which LEAT_TEST_SEED sets and a failing test prints.
 */
#ifndef UNIT_EVENT_MODEL_H
#define UNIT_EVENT_MODEL_H

#include <leat/event.h>

#include "unit/outcome.h"

#include <inttypes.h>

/* --- chance ------------------------------------------------------------------------------------
 */

struct chance {
    uint64_t state;
};

static UNUSED struct chance chance_of(uint64_t stream)
{
    const char *text = getenv("LEAT_TEST_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : 0x1ea7;
    print_message("seed %" PRIu64 ", stream %" PRIu64 "\n", seed, stream);
    return (struct chance){seed * 0x9e3779b97f4a7c15u + stream};
}

/* splitmix64 */
static UNUSED uint64_t chance_u64(struct chance *c)
{
    uint64_t z = c->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static UNUSED uint64_t below(struct chance *c, uint64_t n)
{
    return chance_u64(c) % n;
}

static UNUSED bool one_in(struct chance *c, uint64_t n)
{
    return below(c, n) == 0;
}

/* Bytes that nothing compresses; owned by the arena. */
static UNUSED struct leat_slice chance_bytes(struct chance *c, struct leat_arena *arena, size_t len)
{
    uint8_t *at = leat_arena_alloc(arena, len + 8);
    assert_non_null(at);
    for (size_t i = 0; i < len; i += 8) {
        uint64_t v = chance_u64(c);
        memcpy(at + i, &v, 8);
    }
    return leat_slice_of(at, len);
}

/* --- values ------------------------------------------------------------------------------------
 */

static UNUSED int64_t chance_integer(struct chance *c)
{
    static const int64_t EDGES[] = {
        0, 1, -1, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, INT64_MAX - 1, 63, -64};
    return one_in(c, 3) ? EDGES[below(c, 10)] : (int64_t)(chance_u64(c) >> below(c, 64));
}

static UNUSED double chance_real(struct chance *c, bool single)
{
    static const double EDGES[] = {0.0, -0.0, 1.5, -1.0 / 0.0, 1.0 / 0.0, 0.0 / 0.0};
    if (one_in(c, 3))
        return EDGES[below(c, 6)];
    uint64_t bits = chance_u64(c);
    float f;
    double d;
    memcpy(&f, &bits, sizeof f);
    memcpy(&d, &bits, sizeof d);
    return single ? (double)f : d;
}

/* A value of the kind; texts of up to `text_max` bytes. */
static UNUSED struct leat_value chance_value(struct chance *c, struct leat_arena *arena,
                                             enum leat_kind kind, size_t text_max)
{
    struct leat_value v = {.kind = (uint8_t)kind, .span = {0, 0, 0}};
    if (leat_kind_is_text(kind))
        v.text = chance_bytes(c, arena, below(c, text_max + 1));
    else if (kind == LEAT_FLOAT32 || kind == LEAT_FLOAT64)
        v.real = chance_real(c, kind == LEAT_FLOAT32);
    else if (kind == LEAT_BOOL)
        v.integer = (int64_t)below(c, 2);
    else if (kind == LEAT_INTERVAL || kind == LEAT_TIMETZ)
        v.span = (struct leat_span){chance_integer(c), (int32_t)chance_integer(c),
                                    (int32_t)chance_integer(c)};
    else if (kind != LEAT_NULL && kind != LEAT_ABSENT)
        v.integer = chance_integer(c);
    return v;
}

static UNUSED enum leat_kind chance_kind(struct chance *c)
{
    return (enum leat_kind)(LEAT_BOOL + below(c, LEAT_KIND_COUNT - LEAT_BOOL));
}

/* --- schemas and events -------------------------------------------------------------------------
 */

static UNUSED struct leat_schema *chance_schema(struct chance *c, struct leat_arena *arena,
                                                uint32_t columns)
{
    struct leat_schema *s = leat_arena_zeroed(arena, 1, sizeof *s);
    s->relation = chance_u64(c) >> below(c, 64);
    s->database = LEAT_SLICE_LITERAL("shop");
    s->schema = one_in(c, 4) ? leat_slice_text(NULL) : LEAT_SLICE_LITERAL("public");
    s->table = chance_bytes(c, arena, 8 + below(c, 56));
    s->column_count = columns;
    s->columns = leat_arena_zeroed(arena, columns + 1, sizeof *s->columns);
    for (uint32_t i = 0; i < columns; i++) {
        enum leat_kind kind = chance_kind(c);
        s->columns[i] = (struct leat_column){
            .name = chance_bytes(c, arena, 1 + below(c, 20)),
            .type = LEAT_SLICE_LITERAL("numeric(10,2)"),
            .kind = (uint8_t)kind,
            .element = kind == LEAT_ARRAY ? (uint8_t)chance_kind(c) : LEAT_ABSENT,
            .nullable = (uint8_t)below(c, 3),
            .key_ordinal = (uint16_t)(one_in(c, 4) ? 1 + below(c, LEAT_COLUMNS_MAX) : 0),
            .precision = (int32_t)chance_integer(c),
            .scale = (int32_t)chance_integer(c),
        };
    }
    return s;
}

static UNUSED struct leat_row chance_row(struct chance *c, struct leat_arena *arena,
                                         const struct leat_schema *s, size_t text_max)
{
    struct leat_value *values = leat_arena_zeroed(arena, s->column_count + 1, sizeof *values);
    for (uint32_t i = 0; i < s->column_count; i++) {
        enum leat_kind kind = (enum leat_kind)s->columns[i].kind;
        values[i] = chance_value(c, arena,
                                 one_in(c, 6)   ? LEAT_NULL
                                 : one_in(c, 6) ? LEAT_ABSENT
                                                : kind,
                                 text_max);
    }
    return (struct leat_row){s->column_count, values};
}

static UNUSED uint32_t chance_attrs(struct chance *c, struct leat_arena *arena,
                                    struct leat_value *attrs)
{
    uint32_t count = (uint32_t)below(c, LEAT_ATTRS_MAX + 1);
    for (uint32_t i = 0; i < count; i++)
        attrs[i] = chance_value(c, arena, one_in(c, 4) ? LEAT_NULL : chance_kind(c), 30);
    return count;
}

static UNUSED struct leat_transaction chance_transaction(struct chance *c, struct leat_arena *arena,
                                                         const struct leat_origin *origin)
{
    struct leat_transaction t = {.id =
                                     chance_bytes(c, arena, 1 + below(c, LEAT_TRANSACTION_ID_MAX)),
                                 .commit_time_us = chance_integer(c),
                                 .origin = origin};
    t.attr_count = chance_attrs(c, arena, t.attrs);
    return t;
}

/* A change of a relation, or without one a message, post or gap. */
static UNUSED struct leat_event chance_event(struct chance *c, struct leat_arena *arena,
                                             const struct leat_transaction *t,
                                             const struct leat_schema *s, size_t text_max)
{
    struct leat_event e = {.transaction = t, .relation = s, .ordinal = (uint32_t)chance_integer(c)};
    e.event_time_us = t && !one_in(c, 4) ? t->commit_time_us : chance_integer(c);
    e.valid_time_us = one_in(c, 4) ? chance_integer(c) : e.event_time_us;
    e.attr_count = chance_attrs(c, arena, e.attrs);
    e.truncate_cascade = one_in(c, 2);
    e.truncate_restart = one_in(c, 2);
    e.transactional = one_in(c, 2);
    if (!s || one_in(c, 8)) {
        e.topic = chance_bytes(c, arena, below(c, 20));
        e.body = chance_bytes(c, arena, below(c, text_max + 1));
        e.metadata = chance_bytes(c, arena, below(c, 40));
    }
    if (!s) {
        static const uint8_t OPS[] = {LEAT_OP_MESSAGE, LEAT_OP_POST, LEAT_OP_GAP};
        e.op = OPS[below(c, 3)];
        return e;
    }
    e.op = (uint8_t)(LEAT_OP_CREATE + below(c, 7));
    e.before_form = (uint8_t)below(c, 3);
    if (e.before_form)
        e.before = chance_row(c, arena, s, text_max);
    if (!one_in(c, 4))
        e.after = chance_row(c, arena, s, text_max);
    return e;
}

/* --- the content as text ------------------------------------------------------------------------
 */

/* Short texts byte by byte, long ones as length and a sum of another kind than the store's hash. */
static UNUSED void tell_bytes(struct leat_buf *out, struct leat_slice s)
{
    if (s.len <= 64) {
        leat_buf_format(out, "%zu:", s.len);
        for (size_t i = 0; i < s.len; i++)
            leat_buf_format(out, "%02x", s.ptr[i]);
        return;
    }
    uint64_t sum = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < s.len; i++)
        sum = (sum ^ s.ptr[i]) * 1099511628211u;
    leat_buf_format(out, "%zu~%" PRIx64, s.len, sum);
}

static UNUSED void tell_value(struct leat_buf *out, const struct leat_value *v)
{
    uint64_t bits;
    leat_buf_format(out, " %u", v->kind);
    if (v->kind == LEAT_ABSENT || v->kind == LEAT_NULL)
        return;
    leat_buf_append_text(out, "=");
    if (leat_kind_is_text((enum leat_kind)v->kind)) {
        tell_bytes(out, v->text);
    } else if (v->kind == LEAT_FLOAT32 || v->kind == LEAT_FLOAT64) {
        memcpy(&bits, &v->real, sizeof bits);
        if (v->real != v->real)
            leat_buf_append_text(out, "nan");
        else
            leat_buf_format(out, "%" PRIx64, bits);
    } else if (v->kind == LEAT_INTERVAL || v->kind == LEAT_TIMETZ) {
        leat_buf_format(out, "%" PRId64 "/%d/%d", v->span.us, v->span.days, v->span.months);
    } else {
        leat_buf_format(out, "%" PRId64, v->integer);
    }
}

static UNUSED void tell_values(struct leat_buf *out, const char *name,
                               const struct leat_value *values, uint32_t count)
{
    leat_buf_format(out, "\n%s %u:", name, count);
    for (uint32_t i = 0; i < count; i++)
        tell_value(out, &values[i]);
}

static UNUSED void tell_schema(struct leat_buf *out, const struct leat_schema *s)
{
    leat_buf_format(out, "relation %" PRIu64 " ", s->relation);
    tell_bytes(out, s->database);
    tell_bytes(out, s->schema);
    tell_bytes(out, s->table);
    for (uint32_t i = 0; i < s->column_count; i++) {
        const struct leat_column *col = &s->columns[i];
        leat_buf_append_text(out, "\n  ");
        tell_bytes(out, col->name);
        tell_bytes(out, col->type);
        leat_buf_format(out, " %u %u %u %u %d %d", col->kind, col->element, col->nullable,
                        col->key_ordinal, col->precision, col->scale);
    }
}

static UNUSED void tell_origin(struct leat_buf *out, const struct leat_origin *o)
{
    leat_buf_append_text(out, "origin ");
    tell_bytes(out, o->connector);
    tell_bytes(out, o->lineage);
    tell_bytes(out, o->database);
    tell_bytes(out, o->server);
    for (uint32_t i = 0; i < o->attr_count; i++) {
        leat_buf_format(out, " %u/%u ", o->attrs[i].scope, o->attrs[i].use);
        tell_bytes(out, o->attrs[i].name);
    }
}

static UNUSED void tell_transaction(struct leat_buf *out, const struct leat_transaction *t)
{
    if (!t) {
        leat_buf_append_text(out, "\nno transaction");
        return;
    }
    leat_buf_format(out, "\ntransaction %" PRId64 " ", t->commit_time_us);
    tell_bytes(out, t->id);
    tell_values(out, "attrs", t->attrs, t->attr_count);
    leat_buf_append_text(out, "\n");
    if (t->origin)
        tell_origin(out, t->origin);
}

static UNUSED void tell_event(struct leat_buf *out, const struct leat_event *e)
{
    leat_buf_format(out, "op %u before %u flags %d%d%d ordinal %u times %" PRId64 " %" PRId64 "\n",
                    e->op, e->before_form, e->truncate_cascade, e->truncate_restart,
                    e->transactional, e->ordinal, e->event_time_us, e->valid_time_us);
    tell_transaction(out, e->transaction);
    leat_buf_append_text(out, "\n");
    if (e->relation)
        tell_schema(out, e->relation);
    tell_values(out, "before", e->before.values, e->before.count);
    tell_values(out, "after", e->after.values, e->after.count);
    tell_values(out, "attrs", e->attrs, e->attr_count);
    leat_buf_append_text(out, "\ntopic, body, metadata ");
    tell_bytes(out, e->topic);
    tell_bytes(out, e->body);
    tell_bytes(out, e->metadata);
}

enum { TOLD_BYTES_MAX = 64 << 20 };

/* The event as an owned text; free() it. */
static UNUSED char *told(const struct leat_event *e)
{
    struct leat_buf out;
    leat_buf_init(&out, TOLD_BYTES_MAX);
    tell_event(&out, e);
    char *text = strdup(leat_buf_text(&out));
    assert_false(out.full);
    leat_buf_release(&out);
    return text;
}

#endif
