/*
 * Rows of COPY become read events.
 *
 * Rows of one table that are added one behind the other are a transaction of the stream,
 * "<timeline>/snapshot-<job>-<table>-<number of its first row>": the number counts all rows of the
 * job that were ever stored, and is stored with them, so that no id comes twice however often a
 * copy is broken off (I5).
 */
#include "sources/postgres/postgres.h"

#include <leat/clock.h>

#include "sources/postgres/copy_row.h"

#include <inttypes.h>
#include <stdio.h>

/* As declared below. */
enum { ATTR_TRANSACTION_LSN, ATTR_TRANSACTION_COUNT };
enum { ATTR_EVENT_MARK, ATTR_EVENT_COUNT };

/* --- fields ------------------------------------------------------------------------------------
 */

int pg_rows_cut(struct pg_source *s, const struct pg_copy *c, uint8_t *message, size_t len,
                bool first, struct leat_err *err)
{
    uint16_t count = (uint16_t)(pg_copy_head(c) + c->relation->wire_count);
    struct pgoutput_field *fields = s->snapshot.fields;
    int status = c->binary ? pg_copy_binary(leat_slice_of(message, len), first, count, fields, err)
                           : pg_copy_text(message, len, count, fields, err);
    if (status < 0)
        leat_err_context(err, "table \"%s\"", c->job->name);
    return status;
}

/* Text that the server could not convert is converted here, as in the stream. */
int pg_rows_utf8(struct pg_source *s, const struct pg_copy *c, struct leat_err *err)
{
    int status = LEAT_OK;
    uint16_t from = pg_copy_head(c), end = (uint16_t)(from + c->relation->wire_count);
    for (uint16_t i = from; s->encoding.converter && !status && i < end; i++) {
        struct pgoutput_field *f = &s->snapshot.fields[i];
        if (f->form == PGOUTPUT_TEXT)
            status = leat_encoding_utf8(&s->encoding, f->data, &s->snapshot.scratch, &f->data, NULL,
                                        err);
    }
    return status;
}

int pg_rows_decode(struct pg_source *s, struct pg_copy *c, struct leat_err *err)
{
    uint16_t head = pg_copy_head(c);
    int64_t absent = 0;
    leat_arena_reset(&s->snapshot.scratch);
    int status = pg_rows_utf8(s, c, err);
    if (status)
        return status;
    struct pgoutput_tuple tuple = {c->relation->wire_count, s->snapshot.fields + head};
    return pg_relation_row(c->relation, &tuple, false, NULL, &s->snapshot.scratch,
                           c->relation->after, &absent, err);
}

/* --- events ------------------------------------------------------------------------------------
 */

static int origin_define(struct pg_source *s, struct leat_batch *batch, struct leat_err *err)
{
    struct pg_snapshot *n = &s->snapshot;
    if (n->origin_defined)
        return LEAT_OK;
    n->origin = (struct leat_origin){
        .connector = LEAT_SLICE_LITERAL("postgresql"),
        .lineage = leat_slice_text(s->position.system_id),
        .database = leat_slice_text(s->settings.database),
        .server = leat_slice_text(s->server.version_text),
        .attr_count = 8,
        .attrs =
            {
                {LEAT_SLICE_LITERAL("lastCommitLsn"), LEAT_ATTR_NONE, LEAT_ATTR_SEQUENCE},
                {LEAT_SLICE_LITERAL("schema"), LEAT_ATTR_SCHEMA, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("table"), LEAT_ATTR_TABLE, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("txId"), LEAT_ATTR_NONE, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("lsn"), LEAT_ATTR_TRANSACTION,
                 LEAT_ATTR_FIELD | LEAT_ATTR_SEQUENCE},
                {LEAT_SLICE_LITERAL("xmin"), LEAT_ATTR_NONE, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("origin"), LEAT_ATTR_NONE, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("origin_lsn"), LEAT_ATTR_NONE, LEAT_ATTR_FIELD},
            },
    };
    n->origin.attrs[n->origin.attr_count++] =
        (struct leat_attr){LEAT_SLICE_LITERAL("snapshot"), LEAT_ATTR_EVENT, LEAT_ATTR_SNAPSHOT};
    int status = leat_batch_origin(batch, &n->origin, err);
    n->origin_defined = status == LEAT_OK;
    return status;
}

/* Rows of the initial copy are true at the stream's beginning; those of a chunk at no place of the
 * log. */
static struct leat_value copy_lsn(const struct pg_source *s, const struct pg_copy *c)
{
    bool initial = c->job->kind == LEAT_SNAPSHOT_INITIAL && s->snapshot.load.active;
    return initial ? (struct leat_value){.kind = LEAT_INT64, .integer = (int64_t)s->position.lsn}
                   : (struct leat_value){.kind = LEAT_NULL, .span = {0, 0, 0}};
}

/* A new shape is announced in front of the first row that has it. */
static int announce(struct leat_batch *batch, struct pg_copy *c, struct leat_err *err)
{
    bool is_new;
    int status = leat_batch_define(batch, &c->relation->schema, &is_new, err);
    c->announced = !status;
    if (status || !is_new)
        return status;
    int64_t now_us = leat_clock_wall_us();
    struct leat_event e = {.op = LEAT_OP_SCHEMA,
                           .relation = &c->relation->schema,
                           .ordinal = c->relation->schema.ref,
                           .event_time_us = now_us,
                           .valid_time_us = now_us};
    return leat_batch_add(batch, &e, err);
}

static int piece_begin(struct pg_source *s, struct leat_batch *batch, struct pg_copy *c,
                       struct leat_err *err)
{
    struct pg_piece *p = &s->snapshot.piece;
    char id[LEAT_TRANSACTION_ID_MAX];
    int len = snprintf(id, sizeof id, "%" PRIu32 "/snapshot-%" PRIx64 "-%" PRIu64 "-%" PRId64,
                       s->position.timeline, c->job->id, c->job->table, c->job->rows);
    int status = origin_define(s, batch, err);
    if (status)
        return status;
    struct leat_transaction t = {.id = leat_slice_of(id, (size_t)len),
                                 .commit_time_us = leat_clock_wall_us(),
                                 .origin = &s->snapshot.origin,
                                 .attr_count = ATTR_TRANSACTION_COUNT};
    t.attrs[0] = copy_lsn(s, c);
    status = leat_batch_begin(batch, &t, err);
    if (status)
        return status;
    *p = (struct pg_piece){.copy = c, .ordinal = 0, .time_us = t.commit_time_us};
    return c->announced ? LEAT_OK : announce(batch, c, err);
}

int pg_rows_add(struct pg_source *s, struct leat_batch *batch, struct pg_copy *c, const char *mark,
                size_t bytes, struct leat_err *err)
{
    struct pg_piece *p = &s->snapshot.piece;
    int status = LEAT_OK;
    if (p->copy && p->copy != c)
        status = pg_rows_end(s, batch, err);
    if (!status && !p->copy)
        status = piece_begin(s, batch, c, err);
    if (status)
        return status;
    struct leat_event *e = &s->event;
    *e = (struct leat_event){.op = LEAT_OP_READ, .attr_count = ATTR_EVENT_COUNT};
    e->relation = &c->relation->schema;
    e->ordinal = p->ordinal;
    e->after = (struct leat_row){c->relation->schema.column_count, c->relation->after};
    e->event_time_us = e->valid_time_us = p->time_us;
    e->attrs[ATTR_EVENT_MARK] =
        (struct leat_value){.kind = LEAT_STRING, .text = leat_slice_text(mark)};
    status = leat_batch_add(batch, e, err);
    if (status)
        return status;
    p->ordinal++;
    c->job->rows++;
    c->job->bytes += (int64_t)bytes;
    s->snapshot.read_bytes += (int64_t)bytes;
    c->first_done = true;
    s->env->stats->events++;
    return LEAT_OK;
}

int pg_rows_end(struct pg_source *s, struct leat_batch *batch, struct leat_err *err)
{
    struct pg_piece *p = &s->snapshot.piece;
    struct pg_copy *c = p->copy;
    if (!c)
        return LEAT_OK;
    p->copy = NULL;
    if (s->snapshot.load.active)
        pg_load_gather(s, c);
    int status = leat_batch_commit(batch, p->ordinal, err);
    if (!status)
        status = pg_copy_keep(s, c, err);
    return status ? status : leat_snapshot_save(s->env->snapshot, batch, c->job, err);
}
