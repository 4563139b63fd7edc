/*
 * pgoutput messages become events.
 *
 * Identity: (system identifier, timeline, commit LSN, ordinal). The ordinal counts every INSERT,
 * UPDATE, DELETE and truncated relation of the transaction in stream order, before our own filters,
 * so that changing a filter does not renumber anything; messages are counted apart. A transaction
 * may be stored in several commits: after a crash the server sends it again from its beginning, and
 * what was counted before is dropped by number.
 */
#include "sources/postgres/postgres.h"

#include <leat/clock.h>
#include <leat/gap.h>
#include <leat/hash.h>
#include <leat/log.h>

#include <inttypes.h>
#include <stdio.h>

enum { FACTS_TIMEOUT_MS = 2000, FACTS_ARENA_MAX = 4 << 20 };

/* Attributes in the order in which the origin declares them (postgres.c). */
enum {
    ATTR_TRANSACTION_LAST_COMMIT,
    ATTR_TRANSACTION_XID,
    ATTR_TRANSACTION_ORIGIN,
    ATTR_TRANSACTION_ORIGIN_LSN,
    ATTR_TRANSACTION_COUNT
};

static struct leat_value integer(int64_t v)
{
    return (struct leat_value){.kind = LEAT_INT64, .integer = v};
}

static struct leat_value integer_or_null(uint64_t v)
{
    return v ? integer((int64_t)v) : (struct leat_value){.kind = LEAT_NULL, .span = {0, 0, 0}};
}

/* --- transactions ------------------------------------------------------------------------------
 */

static char *hex(char *at, uint64_t v, int digits_min)
{
    static const char DIGITS[] = "0123456789ABCDEF";
    int digits = 1;
    while (digits < 16 && v >> (4 * digits))
        digits++;
    if (digits < digits_min)
        digits = digits_min;
    while (digits--)
        *at++ = DIGITS[v >> (4 * digits) & 15];
    return at;
}

/* "<timeline>/<LSN>", with `mark` in front of the LSN where it is not a commit's. */
static struct leat_slice transaction_id(struct pg_source *s, const char *mark, uint64_t lsn)
{
    char *at = s->transaction_id;
    at += snprintf(at, 12, "%" PRIu32, s->position.timeline);
    *at++ = '/';
    while (*mark)
        *at++ = *mark++;
    at = hex(at, lsn >> 32, 1);
    *at++ = '/';
    at = hex(at, lsn & UINT32_MAX, 1);
    return leat_slice_of(s->transaction_id, (size_t)(at - s->transaction_id));
}

static int begin_in_batch(struct pg_source *s, const char *mark, uint64_t lsn, int64_t time_us,
                          uint32_t xid, struct leat_batch *batch, struct leat_err *err)
{
    const struct pg_transaction *t = &s->transaction;
    struct leat_transaction *b = &s->event_transaction;
    *b = (struct leat_transaction){
        .id = transaction_id(s, mark, lsn),
        .commit_time_us = time_us,
        .origin = &s->origin,
        .attr_count = ATTR_TRANSACTION_COUNT,
    };
    b->attrs[ATTR_TRANSACTION_LAST_COMMIT] = integer_or_null(s->position.commit_lsn);
    b->attrs[ATTR_TRANSACTION_XID] = integer_or_null(xid);
    b->attrs[ATTR_TRANSACTION_ORIGIN] =
        t->origin.len ? (struct leat_value){.kind = LEAT_STRING, .text = t->origin}
                      : integer_or_null(0);
    b->attrs[ATTR_TRANSACTION_ORIGIN_LSN] = integer_or_null(t->origin_lsn);
    return leat_batch_begin(batch, b, err);
}

static int on_begin(struct pg_source *s, const struct pgoutput_message *m, struct leat_err *err)
{
    struct pg_transaction *t = &s->transaction;
    if (t->open)
        return leat_fail(err, LEAT_EPROTO, "the server began a transaction inside another");
    *t = (struct pg_transaction){
        .open = true,
        .stored = m->begin.commit_lsn < s->position.lsn,
        .commit_lsn = m->begin.commit_lsn,
        .commit_time_us = m->begin.commit_time_us,
        .xid = m->begin.xid,
    };
    if (s->position.transaction_lsn == t->commit_lsn) {
        t->skip_rows = s->position.rows;
        t->skip_messages = s->position.messages;
    } else if (s->position.transaction_lsn && !t->stored) {
        leat_fail(err, LEAT_ECONFIG,
                  "a transaction of which the beginning is stored was not sent again");
        leat_err_hint(
            err,
            "was the publication changed or made anew? leat offsets show tells where it began");
        return err->code;
    }
    return LEAT_OK;
}

static int on_commit(struct pg_source *s, const struct pgoutput_message *m,
                     struct leat_batch *batch, struct leat_err *err)
{
    struct pg_transaction *t = &s->transaction;
    if (!t->open || m->commit.commit_lsn != t->commit_lsn)
        return leat_fail(err, LEAT_EPROTO,
                         "the server committed a transaction that it did not begin");
    int status =
        t->begun ? leat_batch_commit(batch, (uint64_t)t->rows + t->messages, err) : LEAT_OK;
    t->open = false;
    pg_xid_ring_add(&s->snapshot.emitted, t->xid);
    if (!t->stored) {
        s->position.commit_lsn = m->commit.commit_lsn;
        s->position.transaction_lsn = 0;
        s->position.rows = s->position.messages = 0;
    }
    if (m->commit.end_lsn > s->position.lsn)
        s->position.lsn = m->commit.end_lsn;
    s->position_moved = true;
    s->env->stats->transactions++;
    s->env->stats->last_event_time_us = t->commit_time_us;
    return status;
}

/* --- adding ------------------------------------------------------------------------------------
 */

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* What is stored of the open transaction becomes part of the position. While an earlier session's
 * rows are being dropped the count stays at theirs: it never goes backwards. */
static void advance(struct pg_source *s)
{
    struct pg_transaction *t = &s->transaction;
    if (!t->open || t->stored)
        return;
    s->position.transaction_lsn = t->commit_lsn;
    s->position.rows = larger(t->rows, t->skip_rows);
    s->position.messages = larger(t->messages, t->skip_messages);
    s->position_moved = true;
}

/* Adds s->event; what does not fit is kept as pending. */
static int add(struct pg_source *s, struct leat_batch *batch, struct leat_err *err)
{
    struct pg_transaction *t = &s->transaction;
    if (t->open && !t->begun) {
        int status = begin_in_batch(s, "", t->commit_lsn, t->commit_time_us, t->xid, batch, err);
        if (status)
            return status;
        t->begun = true;
    }
    int status = leat_batch_add(batch, &s->event, err);
    s->pending = status == LEAT_AGAIN ? PG_PENDING_EVENT : PG_PENDING_NONE;
    if (status == LEAT_OK)
        s->env->stats->events++;
    return status;
}

static void event_prepare(struct pg_source *s, enum leat_op op, uint64_t lsn)
{
    struct leat_event *e = &s->event;
    *e = (struct leat_event){.op = (uint8_t)op, .attr_count = 1};
    e->attrs[0] = integer((int64_t)lsn);
    e->event_time_us = e->valid_time_us = s->transaction.commit_time_us;
}

/* --- relations ---------------------------------------------------------------------------------
 */

/* Facts from the catalogue, if they can be had at once: the stream does not wait for them. */
static void ask_facts(struct pg_source *s, uint32_t oid, struct leat_arena *arena,
                      struct pg_column_fact **ret_facts, size_t *ret_count)
{
    struct leat_err err;
    *ret_facts = NULL;
    *ret_count = 0;
    if (!pg_monitor_settle(s, FACTS_TIMEOUT_MS))
        return;
    if (pg_catalog_columns(s->sql, oid, FACTS_TIMEOUT_MS, arena, ret_facts, ret_count, &err)) {
        leat_log_err(LEAT_LOG_WARN, "source", s->instance, "catalogue unavailable", &err);
        PQfinish(s->sql);
        s->sql = NULL;
        *ret_count = 0;
    }
}

/* A new or changed shape is an event of its own, in front of the first row that has it. */
static int announce(struct pg_source *s, struct pg_relation *r, uint32_t ref_before, uint64_t lsn,
                    struct leat_batch *batch, struct leat_err *err)
{
    bool is_new;
    int status = leat_batch_define(batch, &r->schema, &is_new, err);
    bool changed = is_new || (ref_before && ref_before != r->schema.ref);
    if (status || !changed || s->transaction.stored)
        return status;
    s->env->stats->schema_changes += ref_before != 0;
    event_prepare(s, LEAT_OP_SCHEMA, lsn);
    s->event.relation = &r->schema;
    s->event.ordinal = r->schema.ref;
    return add(s, batch, err);
}

static int on_relation(struct pg_source *s, const struct pgoutput_message *m,
                       struct leat_slice payload, uint64_t lsn, struct leat_batch *batch,
                       struct leat_err *err)
{
    uint64_t shape = leat_hash(payload);
    if (pg_relcache_repeats(&s->relations, m->relation.oid, shape))
        return LEAT_OK;
    struct pg_relation *known = pg_relcache_find(&s->relations, m->relation.oid), *r;
    uint32_t ref_before = known ? known->schema.ref : 0;
    struct pg_column_fact *facts;
    size_t fact_count;
    struct leat_arena arena;
    leat_arena_init(&arena, FACTS_ARENA_MAX);
    ask_facts(s, m->relation.oid, &arena, &facts, &fact_count);
    int status = pg_relcache_put(&s->relations, &s->settings, leat_slice_text(s->settings.database),
                                 m, shape, facts, fact_count, &r, err);
    leat_arena_release(&arena);
    if (status || !r->captured)
        return status;
    if (r->binary_inexact && s->binary) {
        s->text_only = true;
        return leat_fail(err, LEAT_ERETRY,
                         "table \"%.*s\" has a type without an exact binary form: the stream goes "
                         "on in text",
                         LEAT_SLICE_ARG(r->schema.table));
    }
    return announce(s, r, ref_before, lsn, batch, err);
}

static int announce_moved(struct pg_source *s, struct pg_relation *r, struct leat_batch *batch,
                          struct leat_err *err)
{
    int status = LEAT_OK;
    bool alone = !s->transaction.open;
    r->moved = false;
    if (alone) /* it happened at some time before this position: nobody knows when */
        status = begin_in_batch(s, "schema-", s->position.lsn, leat_clock_wall_us(), 0, batch, err);
    if (!status)
        status = announce(s, r, r->schema.ref, s->position.lsn, batch, err);
    return status || !alone ? status : leat_batch_commit(batch, 1, err);
}

int pg_change_renamed(struct pg_source *s, struct leat_batch *batch, struct leat_err *err)
{
    for (size_t i = 0; i < s->relations.slot_count; i++) {
        struct pg_relation *r = s->relations.slots[i];
        int status = r && r->moved && r->captured ? announce_moved(s, r, batch, err) : LEAT_OK;
        if (status)
            return status;
    }
    s->monitor.renamed = false;
    return LEAT_OK;
}

/* --- rows --------------------------------------------------------------------------------------
 */

/* Counts one row; true when it is to be stored. */
static bool count_row(struct pg_source *s)
{
    struct pg_transaction *t = &s->transaction;
    uint32_t ordinal = t->rows++;
    if (!t->stored && ordinal >= t->skip_rows)
        return true;
    s->env->stats->repeats_dropped++;
    return false;
}

/* `known`: values of the row that the message may leave out; NULL: there are none. */
static int rows_decode(struct pg_source *s, struct pg_relation *r, const struct pgoutput_message *m,
                       const struct leat_value *known, struct leat_err *err)
{
    struct leat_event *e = &s->event;
    int64_t absent = 0, absent_before = 0;
    bool full = m->row.old_form == 'O', key = m->row.old_form == 'K';
    e->before_form = full ? LEAT_BEFORE_FULL : key ? LEAT_BEFORE_KEY : LEAT_BEFORE_NONE;
    int status = LEAT_OK;
    if (full || key) {
        status = pg_relation_row(r, &m->row.before, key, NULL, &s->scratch, r->before,
                                 &absent_before, err);
        e->before = (struct leat_row){r->schema.column_count, r->before};
    }
    if (!status && m->type != PGOUTPUT_DELETE) {
        status = pg_relation_row(r, &m->row.after, false, full ? r->before : known, &s->scratch,
                                 r->after, &absent, err);
        e->after = (struct leat_row){r->schema.column_count, r->after};
    }
    if (absent)
        s->env->stats->absent_values += absent;
    return status;
}

static int on_row(struct pg_source *s, const struct pgoutput_message *m, uint64_t lsn,
                  struct leat_batch *batch, struct leat_err *err)
{
    struct pg_relation *r = pg_relcache_find(&s->relations, m->row.oid);
    if (!r || !s->transaction.open)
        return leat_fail(err, LEAT_EPROTO, "a row of relation %" PRIu32 " came %s", m->row.oid,
                         r ? "outside of a transaction" : "before its description");
    const struct leat_value *known;
    int status = pg_backfill_row(s, m, &known, err);
    if (status || !count_row(s) || !r->captured)
        return status;
    event_prepare(s,
                  m->type == PGOUTPUT_INSERT   ? LEAT_OP_CREATE
                  : m->type == PGOUTPUT_UPDATE ? LEAT_OP_UPDATE
                                               : LEAT_OP_DELETE,
                  lsn);
    s->event.relation = &r->schema;
    s->event.ordinal = s->transaction.rows - 1;
    status = rows_decode(s, r, m, known, err);
    if (!status && m->type == PGOUTPUT_UPDATE && m->row.old_form == 'K')
        status = pg_backfill_owe(s, r, batch, err);
    return status ? status : add(s, batch, err);
}

/* One event per relation; after LEAT_AGAIN it goes on at truncate_next. */
static int on_truncate(struct pg_source *s, const struct pgoutput_message *m, uint64_t lsn,
                       struct leat_batch *batch, struct leat_err *err)
{
    for (; s->truncate_next < m->truncate.count; s->truncate_next++) {
        struct pg_relation *r =
            pg_relcache_find(&s->relations, pgoutput_truncate_oid(m, s->truncate_next));
        if (!r)
            return leat_fail(err, LEAT_EPROTO,
                             "a truncate names a relation that was not described");
        pg_backfill_truncate(s, r->oid);
        if (!count_row(s) || !r->captured)
            continue;
        event_prepare(s, LEAT_OP_TRUNCATE, lsn);
        s->event.relation = &r->schema;
        s->event.ordinal = s->transaction.rows - 1;
        s->event.truncate_cascade = m->truncate.options & PGOUTPUT_TRUNCATE_CASCADE;
        s->event.truncate_restart = m->truncate.options & PGOUTPUT_TRUNCATE_RESTART;
        int status = add(s, batch, err);
        if (status == LEAT_AGAIN) {
            s->transaction.rows--; /* counted again when it is added */
            s->pending = PG_PENDING_TRUNCATE;
        }
        if (status)
            return status;
    }
    return LEAT_OK;
}

/* --- messages ----------------------------------------------------------------------------------
 */

/* A lone message was added: it is its own transaction, and the server will not send it again behind
 * its LSN. */
static int lone_done(struct pg_source *s, struct leat_batch *batch, struct leat_err *err)
{
    s->position.lsn = (uint64_t)s->event.attrs[0].integer;
    s->position_moved = true;
    return leat_batch_commit(batch, 1, err);
}

/* A message outside of any transaction is delivered at once, even from one that aborts later: it
 * stands alone. */
static int on_lone_message(struct pg_source *s, const struct pgoutput_message *m, int64_t sent_us,
                           struct leat_batch *batch, struct leat_err *err)
{
    if (m->message.lsn <= s->position.lsn) {
        s->env->stats->repeats_dropped++;
        return LEAT_OK;
    }
    int status = begin_in_batch(s, "m", m->message.lsn, sent_us, 0, batch, err);
    if (status)
        return status;
    s->event.event_time_us = s->event.valid_time_us = sent_us;
    status = add(s, batch, err);
    return status ? status : lone_done(s, batch, err);
}

static int on_message(struct pg_source *s, const struct pgoutput_message *m, int64_t sent_us,
                      struct leat_batch *batch, struct leat_err *err)
{
    struct pg_transaction *t = &s->transaction;
    bool transactional = m->message.flags & PGOUTPUT_MESSAGE_TRANSACTIONAL;
    event_prepare(s, LEAT_OP_MESSAGE, m->message.lsn);
    s->event.topic = m->message.prefix;
    s->event.body = m->message.content;
    s->event.transactional = transactional;
    if (!transactional || !t->open)
        return on_lone_message(s, m, sent_us, batch, err);
    if (leat_slice_equal(m->message.prefix, LEAT_SLICE_LITERAL(PG_WATERMARK)))
        return LEAT_OK; /* alone in its transaction: nothing is numbered differently without it */
    s->event.ordinal = t->messages++;
    if (t->stored || s->event.ordinal < t->skip_messages) {
        s->env->stats->repeats_dropped++;
        return LEAT_OK;
    }
    return add(s, batch, err);
}

static void on_origin(struct pg_source *s, const struct pgoutput_message *m)
{
    struct pg_transaction *t = &s->transaction;
    size_t len =
        m->origin.name.len < sizeof t->origin_name ? m->origin.name.len : sizeof t->origin_name;
    memcpy(t->origin_name, m->origin.name.ptr, len);
    t->origin = leat_slice_of(t->origin_name, len);
    t->origin_lsn = m->origin.lsn;
}

/* --- text in the server's own encoding ----------------------------------------------------------
 */

static int tuple_utf8(struct pg_source *s, struct pgoutput_fields *fields, uint16_t count,
                      struct leat_err *err)
{
    int status = LEAT_OK;
    for (uint16_t i = 0; !status && i < count; i++)
        if (fields->items[i].form == PGOUTPUT_TEXT)
            status = leat_encoding_utf8(&s->encoding, fields->items[i].data, &s->scratch,
                                        &fields->items[i].data, NULL, err);
    return status;
}

static int relation_utf8(struct pg_source *s, struct pgoutput_message *m, struct leat_err *err)
{
    int status = leat_encoding_utf8(&s->encoding, m->relation.schema, &s->scratch,
                                    &m->relation.schema, NULL, err);
    if (!status)
        status = leat_encoding_utf8(&s->encoding, m->relation.table, &s->scratch,
                                    &m->relation.table, NULL, err);
    for (uint16_t i = 0; !status && i < m->relation.count; i++)
        status = leat_encoding_utf8(&s->encoding, s->decoder.columns[i].name, &s->scratch,
                                    &s->decoder.columns[i].name, NULL, err);
    return status;
}

/* Converts names and values of a message where they stand: in the decoder's storage. */
static int message_utf8(struct pg_source *s, struct pgoutput_message *m, struct leat_err *err)
{
    if (m->type == PGOUTPUT_RELATION)
        return relation_utf8(s, m, err);
    if (m->type != PGOUTPUT_INSERT && m->type != PGOUTPUT_UPDATE && m->type != PGOUTPUT_DELETE)
        return LEAT_OK;
    int status = tuple_utf8(s, &s->decoder.before, m->row.before.count, err);
    return status ? status : tuple_utf8(s, &s->decoder.after, m->row.after.count, err);
}

/* --- all messages ------------------------------------------------------------------------------
 */

int pg_change(struct pg_source *s, const struct pg_wal_message *wal, struct leat_batch *batch,
              struct leat_err *err)
{
    struct pgoutput_message *m = &s->message;
    int status = pgoutput_decode(&s->decoder, wal->payload, m, err);
    leat_arena_reset(&s->scratch);
    if (!status && s->encoding.converter)
        status = message_utf8(s, m, err);
    if (status)
        return status;
    switch ((enum pgoutput_type)m->type) {
    case PGOUTPUT_BEGIN:
        if (!pg_backfill_holds(s, m->begin.commit_lsn))
            return on_begin(s, m, err);
        s->pending = PG_PENDING_BEGIN;
        return LEAT_AGAIN;
    case PGOUTPUT_COMMIT:
        return on_commit(s, m, batch, err);
    case PGOUTPUT_ORIGIN:
        on_origin(s, m);
        return LEAT_OK;
    case PGOUTPUT_RELATION:
        return on_relation(s, m, wal->payload, wal->lsn, batch, err);
    case PGOUTPUT_TYPE:
        return LEAT_OK; /* the catalogue says more; without it the value stays text */
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
        status = on_row(s, m, wal->lsn, batch, err);
        break;
    case PGOUTPUT_TRUNCATE:
        s->truncate_next = 0;
        status = on_truncate(s, m, wal->lsn, batch, err);
        break;
    case PGOUTPUT_MESSAGE:
        status = on_message(s, m, wal->sent_us, batch, err);
        break;
    default:
        return leat_fail(err, LEAT_EPROTO, "the server sent %s, which was not asked for",
                         pgoutput_type_name(m->type));
    }
    if (status == LEAT_OK)
        advance(s);
    return status;
}

/* --- what is added first ------------------------------------------------------------------------
 */

static int add_gap(struct pg_source *s, struct leat_batch *batch, struct leat_err *err)
{
    char from[PG_LSN_TEXT], to[PG_LSN_TEXT], mark[48], room[512];
    struct leat_buf body = {(uint8_t *)room, 0, sizeof room, sizeof room, false};
    pg_lsn_format(s->gap.from, from);
    pg_lsn_format(s->gap.to, to);
    leat_gap_body(&body, s->gap.reason, leat_slice_text(from), leat_slice_text(to),
                  leat_slice_text(s->gap.text));
    snprintf(mark, sizeof mark, "gap-%s-", from);
    int64_t now_us = leat_clock_wall_us();
    int status = begin_in_batch(s, mark, s->gap.to, now_us, 0, batch, err);
    if (status)
        return status;
    event_prepare(s, LEAT_OP_GAP, s->gap.to);
    s->event.event_time_us = s->event.valid_time_us = now_us;
    s->event.topic = leat_slice_text(s->gap.reason);
    s->event.body = leat_buf_slice(&body);
    status = leat_batch_add(batch, &s->event, err);
    s->gap.found = status == LEAT_AGAIN;
    return status ? status : leat_batch_commit(batch, 1, err);
}

int pg_change_pending(struct pg_source *s, struct leat_batch *batch, struct leat_err *err)
{
    int status = LEAT_OK;
    if (s->gap.found)
        status = add_gap(s, batch, err);
    if (status)
        return status;
    switch (s->pending) {
    case PG_PENDING_NONE:
        return LEAT_OK;
    case PG_PENDING_EVENT:
        status = add(s, batch, err);
        if (status == LEAT_OK && !s->transaction.open)
            status = lone_done(s, batch, err);
        break;
    case PG_PENDING_BEGIN:
        s->pending = PG_PENDING_NONE;
        return on_begin(s, &s->message, err);
    case PG_PENDING_TRUNCATE:
        s->pending = PG_PENDING_NONE;
        status = on_truncate(s, &s->message, (uint64_t)s->event.attrs[0].integer, batch, err);
        break;
    }
    if (status == LEAT_OK)
        advance(s);
    return status;
}
