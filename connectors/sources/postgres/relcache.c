#include "sources/postgres/relcache.h"


#include <stdlib.h>

enum {
    SLOTS_FIRST = 64,             /* a power of two */
    RELATION_ARENA_MAX = 4 << 20, /* 1,600 columns with names and types */
    TEXT_OID = 25,
};
static const struct leat_slice MASK = LEAT_SLICE_LITERAL(LEAT_FILTER_MASK);

/* --- the table of relations --------------------------------------------------------------------
 */

static void relation_free(struct pg_relation *r)
{
    if (!r)
        return;
    leat_arena_release(&r->arena);
    free(r);
}

void pg_relcache_init(struct pg_relcache *cache)
{
    *cache = (struct pg_relcache){.slots = NULL};
}

void pg_relcache_reset(struct pg_relcache *cache)
{
    for (size_t i = 0; i < cache->slot_count; i++)
        relation_free(cache->slots[i]);
    free(cache->slots);
    pg_relcache_init(cache);
}

/* The slot of an OID, or the empty one where it belongs. */
static struct pg_relation **slot_of(struct pg_relation **slots, size_t slot_count, uint32_t oid)
{
    size_t at = (size_t)oid * 2654435761u & (slot_count - 1);
    while (slots[at] && slots[at]->oid != oid)
        at = (at + 1) & (slot_count - 1);
    return &slots[at];
}

struct pg_relation *pg_relcache_find(struct pg_relcache *cache, uint32_t oid)
{
    if (cache->last && cache->last->oid == oid)
        return cache->last;
    if (!cache->slot_count)
        return NULL;
    struct pg_relation *found = *slot_of(cache->slots, cache->slot_count, oid);
    if (found)
        cache->last = found;
    return found;
}

bool pg_relcache_repeats(struct pg_relcache *cache, uint32_t oid, uint64_t shape)
{
    const struct pg_relation *known = pg_relcache_find(cache, oid);
    return known && known->shape == shape;
}

static bool slots_grow(struct pg_relcache *cache)
{
    if (cache->count * 2 < cache->slot_count)
        return true;
    size_t more = cache->slot_count ? cache->slot_count * 2 : SLOTS_FIRST;
    struct pg_relation **slots = calloc(more, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < cache->slot_count; i++)
        if (cache->slots[i])
            *slot_of(slots, more, cache->slots[i]->oid) = cache->slots[i];
    free(cache->slots);
    cache->slots = slots;
    cache->slot_count = more;
    return true;
}

static void cache_replace(struct pg_relcache *cache, struct pg_relation *r)
{
    struct pg_relation **slot = slot_of(cache->slots, cache->slot_count, r->oid);
    if (*slot)
        relation_free(*slot);
    else
        cache->count++;
    *slot = r;
    cache->last = r;
}

/* --- a relation from its message ---------------------------------------------------------------
 */

static const struct pg_column_fact *fact_find(const struct pg_column_fact *facts, size_t count,
                                              const struct pgoutput_column *column)
{
    for (size_t i = 0; i < count; i++)
        if (facts[i].type == column->type && leat_slice_equal(facts[i].name, column->name))
            return &facts[i];
    return NULL;
}

/* Domains count as what they are made of, enums as text. */
static const struct pgtype *column_type(const struct pgoutput_column *column,
                                        const struct pg_column_fact *fact)
{
    if (fact && fact->is_enum)
        return pgtype_find(TEXT_OID);
    return pgtype_find(fact && fact->base_type ? fact->base_type : column->type);
}

static void describe(struct pg_relation *r, const struct pgoutput_column *column,
                     const struct pgtype *type, const struct pg_column_fact *fact,
                     struct leat_column *ret_column)
{
    char room[256];
    struct leat_buf text = {(uint8_t *)room, 0, sizeof room, sizeof room, false};
    int32_t typmod = column->typmod < 0 && fact ? fact->base_typmod : column->typmod;
    pgtype_describe(type, typmod, &text, &ret_column->precision, &ret_column->scale);
    ret_column->name = leat_arena_copy(&r->arena, column->name);
    ret_column->type = leat_arena_copy(&r->arena, fact ? fact->type_text : leat_buf_slice(&text));
    ret_column->kind = type->kind;
    ret_column->element = type->element;
    ret_column->nullable = !fact            ? LEAT_NULLABLE_UNKNOWN
                           : fact->not_null ? LEAT_NULLABLE_NO
                                            : LEAT_NULLABLE_YES;
}

/* The primary key where the catalogue knows it; else the replica identity, unless that is the whole
 * row. */
static void number_key(struct pg_relation *r, const struct pgoutput_message *m,
                       const struct pg_column_fact *facts, size_t fact_count)
{
    uint16_t primary = 0, identity = 0;
    for (uint16_t i = 0; i < r->wire_count; i++) {
        const struct pg_column_fact *fact = fact_find(facts, fact_count, &m->relation.columns[i]);
        if (r->wire[i].stored >= 0 && fact && fact->key_ordinal) {
            r->schema.columns[r->wire[i].stored].key_ordinal = fact->key_ordinal;
            primary++;
        }
    }
    if (primary || m->relation.identity == 'f')
        return;
    for (uint16_t i = 0; i < r->wire_count; i++)
        if (r->wire[i].stored >= 0 && r->wire[i].identity)
            r->schema.columns[r->wire[i].stored].key_ordinal = ++identity;
}

static void add_columns(struct pg_relation *r, const struct pg_settings *settings,
                        const struct pgoutput_message *m, const struct pg_column_fact *facts,
                        size_t fact_count)
{
    for (uint16_t i = 0; i < r->wire_count; i++) {
        const struct pgoutput_column *column = &m->relation.columns[i];
        const struct pg_column_fact *fact = fact_find(facts, fact_count, column);
        const struct pgtype *type = column_type(column, fact);
        enum leat_column_rule rule =
            leat_filter_column(&settings->filter, r->schema.schema, r->schema.table, column->name);
        struct pg_wire_column *w = &r->wire[i];
        *w = (struct pg_wire_column){
            .type = type, .stored = -1, .identity = column->flags & PGOUTPUT_COLUMN_IDENTITY};
        if (rule == LEAT_COLUMN_DROP)
            continue;
        r->binary_inexact |= !type->binary_exact;
        w->stored = (int32_t)r->schema.column_count++;
        struct leat_column *stored = &r->schema.columns[w->stored];
        describe(r, column, type, fact, stored);
        w->masked = rule == LEAT_COLUMN_MASK;
        if (w->masked) {
            stored->kind = LEAT_STRING;
            stored->element = LEAT_ABSENT;
            stored->precision = stored->scale = -1;
        }
    }
}

static struct pg_relation *relation_new(const struct pgoutput_message *m)
{
    struct pg_relation *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    leat_arena_init(&r->arena, RELATION_ARENA_MAX);
    size_t n = m->relation.count ? m->relation.count : 1;
    r->wire = leat_arena_zeroed(&r->arena, n, sizeof *r->wire);
    r->schema.columns = leat_arena_zeroed(&r->arena, n, sizeof *r->schema.columns);
    r->before = leat_arena_zeroed(&r->arena, n, sizeof *r->before);
    r->after = leat_arena_zeroed(&r->arena, n, sizeof *r->after);
    if (!r->wire || !r->schema.columns || !r->before || !r->after) {
        relation_free(r);
        return NULL;
    }
    return r;
}

int pg_relcache_put(struct pg_relcache *cache, const struct pg_settings *settings,
                    struct leat_slice database, const struct pgoutput_message *m, uint64_t shape,
                    const struct pg_column_fact *facts, size_t fact_count,
                    struct pg_relation **ret_relation, struct leat_err *err)
{
    struct pg_relation *r = relation_new(m);
    if (!r || !slots_grow(cache)) {
        relation_free(r);
        return leat_fail(err, LEAT_ERETRY, "out of memory for the description of a table");
    }
    r->oid = m->relation.oid;
    r->shape = shape;
    r->wire_count = m->relation.count;
    r->schema.relation = m->relation.oid;
    r->schema.database = leat_arena_copy(&r->arena, database);
    r->schema.schema = leat_arena_copy(&r->arena, m->relation.schema);
    r->schema.table = leat_arena_copy(&r->arena, m->relation.table);
    r->captured = leat_filter_table(&settings->filter, r->schema.schema, r->schema.table);
    add_columns(r, settings, m, facts, fact_count);
    number_key(r, m, facts, fact_count);
    cache_replace(cache, r);
    *ret_relation = r;
    return LEAT_OK;
}

void pg_relation_move(struct pg_relation *r, const struct pg_settings *settings,
                      struct leat_slice schema)
{
    struct leat_slice copy = leat_arena_copy(&r->arena, schema);
    if (!copy.ptr)
        return; /* renamed thousands of times in one session: the old name stays */
    r->schema.schema = copy;
    r->captured = leat_filter_table(&settings->filter, r->schema.schema, r->schema.table);
    r->moved = true;
}

/* --- rows --------------------------------------------------------------------------------------
 */

static int decode(const struct pg_wire_column *w, const struct pgoutput_field *f,
                  struct leat_arena *scratch, struct leat_value *ret_value, struct leat_err *err)
{
    if (w->masked) {
        *ret_value = (struct leat_value){.kind = LEAT_STRING, .text = MASK};
        return LEAT_OK;
    }
    return f->form == PGOUTPUT_TEXT
               ? pgtype_decode_text(w->type, f->data, scratch, ret_value, err)
               : pgtype_decode_binary(w->type, f->data, scratch, ret_value, err);
}

int pg_relation_row(struct pg_relation *r, const struct pgoutput_tuple *tuple, bool key_only,
                    const struct leat_value *complete, struct leat_arena *scratch,
                    struct leat_value *values, int64_t *ret_absent, struct leat_err *err)
{
    if (tuple->count != r->wire_count)
        return leat_fail(err, LEAT_EPROTO,
                         "a row of table \"%.*s\" has %u columns where %u were announced",
                         LEAT_SLICE_ARG(r->schema.table), tuple->count, r->wire_count);
    for (uint16_t i = 0; i < tuple->count; i++) {
        const struct pg_wire_column *w = &r->wire[i];
        const struct pgoutput_field *f = &tuple->fields[i];
        if (w->stored < 0)
            continue;
        struct leat_value *v = &values[w->stored];
        if (f->form == PGOUTPUT_NULL) {
            v->kind = key_only && !w->identity ? LEAT_ABSENT : LEAT_NULL;
        } else if (f->form == PGOUTPUT_UNCHANGED) {
            if (complete)
                *v = complete[w->stored];
            else
                v->kind = LEAT_ABSENT;
            *ret_absent += v->kind == LEAT_ABSENT;
        } else {
            int status = decode(w, f, scratch, v, err);
            if (status) {
                leat_err_context(err, "table \"%.*s\", column \"%.*s\"",
                                 LEAT_SLICE_ARG(r->schema.table),
                                 LEAT_SLICE_ARG(r->schema.columns[w->stored].name));
                return status;
            }
        }
    }
    return LEAT_OK;
}
