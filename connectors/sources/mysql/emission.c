/*
 * A transaction that is decided becomes events.
 *
 * Identity: (lineage, transaction id, ordinal). The ordinal counts every row of the transaction in
 * log order, before our own filters, so that changing a filter does not renumber anything. A
 * transaction may be stored in several commits: after a crash it is read again from its beginning,
 * and what was counted before is dropped by number.
 *
 * Whatever does not fit into the batch is kept as source->event and comes first in the next one;
 * all steps move on before they add.
 */
#include "sources/mysql/mysql.h"

#include <leat/clock.h>
#include <leat/gap.h>
#include <leat/hash.h>
#include <leat/log.h>

#include <inttypes.h>
#include <stdio.h>

enum {
    NAMES_BYTES_MAX = 4 << 10,
    STATEMENT_ORDINALS = 1 << 30,
    /* announcements have the numbers below it */ FACTS_ARENA_MAX = 16 << 20,
    ROWS_STATEMENT_END = 1,
    EVENT_TYPE_AT = 4, /* in a header, which was checked when it came */
};

/* Attributes in the order in which the origin declares them (mysql.c). */
enum {
    ATTR_TRANSACTION_SERVER_ID,
    ATTR_TRANSACTION_GTID,
    ATTR_TRANSACTION_FILE,
    ATTR_TRANSACTION_THREAD,
    ATTR_TRANSACTION_COUNT
};
enum { ATTR_EVENT_POSITION, ATTR_EVENT_ROW, ATTR_EVENT_COUNT };

static struct leat_value integer(int64_t v)
{
    return (struct leat_value){.kind = LEAT_INT64, .integer = v};
}

static struct leat_value text_or_null(const char *text)
{
    return *text ? (struct leat_value){.kind = LEAT_STRING, .text = leat_slice_text(text)}
                 : (struct leat_value){.kind = LEAT_NULL};
}

/* --- what is too long --------------------------------------------------------------------------
 */

/* The last table that was mapped; in the arena, as "db.table". */
static const char *last_table(struct my_source *s)
{
    struct my_group_event event;
    struct leat_err err;
    struct my_table_map m;
    struct leat_buf name;
    const char *table = NULL;
    if (s->emission.group || my_group_rewind(&s->group, &err) != LEAT_OK)
        return NULL;
    leat_buf_init(&name, NAMES_BYTES_MAX);
    while (my_group_next(&s->group, &event)) {
        struct leat_slice body = leat_slice_of(event.bytes.ptr + MY_EVENT_HEADER_BYTES,
                                               event.bytes.len - MY_EVENT_HEADER_BYTES);
        if (event.bytes.ptr[EVENT_TYPE_AT] != MY_TABLE_MAP_EVENT ||
            my_event_table_map(body, &m, &err) != LEAT_OK)
            continue;
        leat_buf_reset(&name);
        leat_buf_format(&name, "%.*s.%.*s", LEAT_SLICE_ARG(m.database), LEAT_SLICE_ARG(m.table));
    }
    leat_arena_reset(&s->scratch);
    table = name.len ? leat_arena_text(&s->scratch, leat_buf_slice(&name)) : NULL;
    leat_buf_release(&name);
    return table;
}

void my_emit_place(struct my_source *s, struct leat_err *err)
{
    const char *table = last_table(s);
    if (table)
        leat_err_context(err, "at %s:%" PRIu64 ", in rows of %s", s->at.file, s->at.position,
                         table);
    else if (s->at.file[0])
        leat_err_context(err, "at %s:%" PRIu64, s->at.file, s->at.position);
}

/* --- adding ------------------------------------------------------------------------------------
 */

static int begin_in_batch(struct my_source *s, struct leat_batch *batch, struct leat_err *err)
{
    const struct my_transaction *t = &s->transaction;
    struct leat_transaction *b = &s->event_transaction;
    *b = (struct leat_transaction){
        .id = leat_slice_text(t->id),
        .commit_time_us = t->commit_time_us,
        .origin = &s->origin,
        .attr_count = ATTR_TRANSACTION_COUNT,
    };
    b->attrs[ATTR_TRANSACTION_SERVER_ID] = integer(t->server_id);
    b->attrs[ATTR_TRANSACTION_GTID] = text_or_null(t->has_gtid ? t->id : "");
    b->attrs[ATTR_TRANSACTION_FILE] = /* the one that the events' positions are in */
        text_or_null(s->emission.parked ? s->emission.parked->begin.file : t->begin.file);
    b->attrs[ATTR_TRANSACTION_THREAD] =
        t->thread_id >= 0 ? integer(t->thread_id) : text_or_null("");
    return leat_batch_begin(batch, b, err);
}

static int add(struct my_source *s, struct leat_batch *batch, struct leat_err *err)
{
    struct my_emission *e = &s->emission;
    if (!e->begun) {
        int status = begin_in_batch(s, batch, err);
        if (status)
            return status;
        e->begun = true;
    }
    int status = leat_batch_add(batch, &s->event, err);
    e->pending = status == LEAT_AGAIN;
    if (status == LEAT_OK) {
        s->env->stats->events++;
        e->done = e->count;
    }
    return status;
}

static void prepare(struct my_source *s, enum leat_op op)
{
    struct leat_event *e = &s->event;
    *e = (struct leat_event){.op = (uint8_t)op, .attr_count = ATTR_EVENT_COUNT};
    e->attrs[ATTR_EVENT_POSITION] = integer((int64_t)s->emission.event_position);
    e->attrs[ATTR_EVENT_ROW] = integer(0);
    e->event_time_us = e->valid_time_us = s->transaction.commit_time_us;
}

void my_emit_position(struct my_source *s)
{
    const struct my_emission *e = &s->emission;
    uint32_t done = e->done > e->skip ? e->done : e->skip;
    if (!e->group || !done)
        return;
    snprintf(s->position.transaction, sizeof s->position.transaction, "%s", s->transaction.id);
    s->position.rows = done;
    s->position_moved = true;
}

int my_emit_begin(struct my_source *s, struct my_group *group, struct my_parked *parked,
                  struct leat_err *err)
{
    bool again = strcmp(s->position.transaction, s->transaction.id) == 0;
    if (s->position.transaction[0] && !again) {
        leat_fail(err, LEAT_ECONFIG,
                  "transaction %s, of which the beginning is stored, was not sent again; %s came",
                  s->position.transaction, s->transaction.id);
        leat_err_hint(err,
                      "connect to the server that has it; or go on without the rest of it: leat "
                      "offsets set, with transaction=- rows=0");
        return err->code;
    }
    s->emission = (struct my_emission){
        .group = group, .parked = parked, .skip = again ? s->position.rows : 0};
    return my_group_rewind(group, err);
}

/* --- tables ------------------------------------------------------------------------------------
 */

/* Facts from the catalogue, which add what the log cannot say. The session for questions may have
 * been lost since the last one, so it is asked twice. What a column is must not depend on that: a
 * server that cannot be reached now ends the session, which reads the table's rows again. */
static int ask_facts(struct my_source *s, const struct my_table_map *m, struct leat_arena *arena,
                     struct my_table_env *env, struct leat_err *err)
{
    int status = LEAT_ERETRY;
    for (int attempt = 0; attempt < 2 && status; attempt++) {
        struct my_column_fact *facts = NULL;
        status = s->sql ? LEAT_OK : my_connect(&s->settings, s->instance, &s->sql, err);
        if (!status)
            status = my_catalog_columns(s->sql, &s->server, m->database, m->table, arena, &facts,
                                        &env->fact_count, err);
        env->facts = facts;
        if (!status)
            break;
        env->fact_count = 0;
        my_disconnect(s->sql);
        s->sql = NULL;
    }
    if (!status || status == LEAT_ERETRY || status == LEAT_EPROTO)
        return status;
    leat_log_err(LEAT_LOG_WARN, "source", s->instance, "catalogue unavailable", err);
    return LEAT_OK;
}

static int compile(struct my_source *s, const struct my_table_map *m, uint64_t shape,
                   struct my_table **ret_table, struct leat_err *err)
{
    struct my_table_env env = {.filter = &s->settings.filter, .charsets = s->charsets};
    struct my_column_fact *facts = NULL;
    struct leat_arena arena;
    int status = LEAT_OK;
    leat_arena_init(&arena, FACTS_ARENA_MAX);
    if (leat_filter_table(env.filter, m->database, m->table)) {
        env.by_catalogue = !m->names.ptr && s->settings.schema_mode == MY_SCHEMA_CATALOGUE;
        if (env.by_catalogue) {
            status = my_barrier(s, m->database, m->table, &arena, &facts, &env.fact_count, err);
            env.facts = facts;
        } else {
            status = ask_facts(s, m, &arena, &env, err);
        }
    }
    if (!status)
        status = my_tables_put(&s->tables, m, shape, &env, ret_table, err);
    if (status == LEAT_EDATA) {
        err->code = status = LEAT_ECONFIG;
        leat_err_context(err, "at %s:%" PRIu64, s->at.file, s->at.position);
        leat_err_hint(err, "what the log holds of this table before its definition changed cannot "
                           "be decoded without names: SET GLOBAL binlog_row_metadata = FULL; and "
                           "move behind that place with leat offsets set");
    }
    leat_arena_release(&arena);
    return status;
}

/* A new or changed shape is an event of its own, in front of the first row that has it. */
static int announce(struct my_source *s, struct my_table *t, struct leat_batch *batch,
                    struct leat_err *err)
{
    bool is_new;
    struct my_table *named = my_tables_named(&s->tables, t->schema.database, t->schema.table);
    uint32_t ref_before = named ? named->schema.ref : 0;
    int status = leat_batch_define(batch, &t->schema, &is_new, err);
    t->announced = status == LEAT_OK;
    if (status || (!is_new && (!ref_before || ref_before == t->schema.ref)))
        return status;
    s->env->stats->schema_changes += ref_before != 0;
    prepare(s, LEAT_OP_SCHEMA);
    s->event.relation = &t->schema;
    s->event.ordinal = t->schema.ref;
    return add(s, batch, err);
}

static int on_table_map(struct my_source *s, struct leat_slice body, struct leat_batch *batch,
                        struct leat_err *err)
{
    struct my_table_map m;
    int status = my_event_table_map(body, &m, err);
    if (status)
        return status;
    uint64_t shape = leat_hash(m.shape);
    struct my_table *t = my_tables_find(&s->tables, shape);
    if (!t)
        status = compile(s, &m, shape, &t, err);
    if (!status)
        status = my_tables_open(&s->tables, m.table_id, t, err);
    if (status || !t->captured || t->announced)
        return status;
    return announce(s, t, batch, err);
}

/* --- rows --------------------------------------------------------------------------------------
 */

/* What the events of all rows of one rows event have in common. */
static void prepare_rows(struct my_source *s)
{
    static const uint8_t OPS[] = {[MY_ROWS_WRITE] = LEAT_OP_CREATE,
                                  [MY_ROWS_UPDATE] = LEAT_OP_UPDATE,
                                  [MY_ROWS_DELETE] = LEAT_OP_DELETE};
    const struct my_row_reader *rows = &s->emission.rows;
    const struct my_table *t = rows->table;
    prepare(s, OPS[rows->rows.kind]);
    s->event.relation = &t->schema;
    s->event.before_form = (uint8_t)my_rows_before(rows);
    if (s->event.before_form != LEAT_BEFORE_NONE)
        s->event.before = (struct leat_row){t->schema.column_count, t->before};
    if (rows->rows.kind != MY_ROWS_DELETE)
        s->event.after = (struct leat_row){t->schema.column_count, t->after};
}

static int rows_open(struct my_source *s, uint8_t type, struct leat_slice body,
                     struct leat_err *err)
{
    struct my_rows rows;
    int status = my_event_rows(type, body, &rows, err);
    if (status || rows.dummy)
        return status;
    struct my_table *table = my_tables_opened(&s->tables, rows.table_id);
    if (!table)
        return leat_fail(err, LEAT_EPROTO, "rows of table %" PRIu64 " came before its map",
                         rows.table_id);
    leat_arena_reset(&s->event_arena);
    if (rows.compressed)
        status = my_inflate_event(rows.rows, &s->event_arena, &rows.rows, err);
    if (!status)
        status = my_rows_open(&s->emission.rows, table, &rows, err);
    s->emission.in_rows = status == LEAT_OK;
    if (!status)
        prepare_rows(s);
    return status;
}

static void rows_close(struct my_source *s)
{
    struct my_emission *e = &s->emission;
    s->env->stats->absent_values += e->rows.absent;
    s->env->stats->replaced_characters += s->policy.text_replaced;
    s->policy.text_replaced = 0;
    e->in_rows = false;
    if (e->rows.rows.flags & ROWS_STATEMENT_END)
        my_tables_close(&s->tables);
}

static int next_row(struct my_source *s, struct leat_batch *batch, struct leat_err *err)
{
    struct my_emission *e = &s->emission;
    const struct my_table *t = e->rows.table;
    bool wanted = t->captured && e->count >= e->skip;
    leat_arena_reset(&s->scratch);
    int status = my_rows_next(&e->rows, wanted, &s->scratch, &s->policy, err);
    if (status == LEAT_EOF) {
        rows_close(s);
        return LEAT_OK;
    }
    if (status)
        return status;
    uint32_t ordinal = e->count++;
    if (!wanted) {
        e->done = e->count;
        s->env->stats->repeats_dropped += t->captured;
        return LEAT_OK;
    }
    s->event.attrs[ATTR_EVENT_ROW].integer = e->rows.index;
    s->event.ordinal = ordinal;
    return add(s, batch, err);
}

/* --- DDL ---------------------------------------------------------------------------------------
 */

static bool of_concern(const struct my_source *s, const struct my_statement_info *info,
                       struct leat_slice database)
{
    const struct leat_filter *f = &s->settings.filter;
    if (info->kind == MY_STATEMENT_DDL_UNKNOWN)
        return leat_filter_schema(f, database);
    for (size_t i = 0; i < info->table_count; i++)
        if (info->tables[i].table.len
                ? leat_filter_table(f, info->tables[i].database, info->tables[i].table)
                : leat_filter_schema(f, info->tables[i].database))
            return true;
    return false;
}

static int statement_open(struct my_source *s, uint8_t type, struct leat_slice body,
                          struct leat_err *err)
{
    struct my_query q;
    struct my_statement_info *info = &s->statement;
    leat_arena_reset(&s->statement_arena);
    int status = my_event_query(&s->format, body, type == MARIA_QUERY_COMPRESSED_EVENT,
                                &s->statement_arena, &q, err);
    if (status)
        return status;
    s->statement_database = leat_arena_copy(&s->statement_arena, q.database);
    status = my_change_statement(s, &q, &s->statement_arena, &s->statement_text, info, err);
    s->emission.in_statement = !status && of_concern(s, info, s->statement_database);
    s->emission.statement_step = 0;
    return status;
}

/* What the catalogue told of these tables may be another now. */
static void forget_tables(struct my_source *s)
{
    const struct my_statement_info *info = &s->statement;
    if (info->kind == MY_STATEMENT_TRUNCATE)
        return;
    my_tables_close(&s->tables);
    for (size_t i = 0; i < info->table_count; i++)
        my_tables_forget(&s->tables, info->tables[i].database, info->tables[i].table);
    if (info->kind == MY_STATEMENT_DDL_UNKNOWN)
        my_tables_forget(&s->tables, s->statement_database, leat_slice_of(NULL, 0));
}

static int add_statement(struct my_source *s, struct leat_batch *batch, struct leat_err *err)
{
    uint32_t ordinal = s->emission.count++;
    forget_tables(s);
    if (ordinal < s->emission.skip)
        return LEAT_OK;
    s->env->stats->schema_changes++;
    prepare(s, LEAT_OP_SCHEMA);
    s->event.ordinal = STATEMENT_ORDINALS + ordinal;
    s->event.topic = s->statement_database;
    s->event.body = s->statement_text;
    return add(s, batch, err);
}

static int add_truncate(struct my_source *s, const struct my_table_name *name,
                        struct leat_batch *batch, struct leat_err *err)
{
    bool is_new;
    uint32_t ordinal = s->emission.count++;
    struct my_table *t = my_tables_named(&s->tables, name->database, name->table);
    struct leat_schema *schema = t ? &t->schema : &s->truncated;
    if (!leat_filter_table(&s->settings.filter, name->database, name->table) ||
        ordinal < s->emission.skip)
        return LEAT_OK;
    if (!t) /* no row of it was seen in this session: its name is all that is known */
        s->truncated = (struct leat_schema){.database = name->database, .table = name->table};
    int status = leat_batch_define(batch, schema, &is_new, err);
    if (status)
        return status;
    prepare(s, LEAT_OP_TRUNCATE);
    s->event.relation = schema;
    s->event.ordinal = ordinal;
    return add(s, batch, err);
}

/* Rows that went without row events: what is in the stream of this table is no longer in it. */
static int add_discarded(struct my_source *s, struct leat_batch *batch, struct leat_err *err)
{
    struct leat_buf body = {.max = LEAT_TOKEN_MAX};
    struct leat_slice id = leat_slice_text(s->transaction.id);
    uint32_t ordinal = s->emission.count++;
    if (ordinal < s->emission.skip)
        return LEAT_OK;
    leat_gap_body(&body, "rows_discarded", id, id, s->statement_text);
    prepare(s, LEAT_OP_GAP);
    s->event.ordinal = ordinal;
    s->event.topic = LEAT_SLICE_LITERAL("rows_discarded");
    s->event.body = leat_arena_copy(&s->statement_arena, leat_buf_slice(&body));
    leat_buf_release(&body);
    return add(s, batch, err);
}

/* The statement itself, then what it did to rows. */
static int next_of_statement(struct my_source *s, struct leat_batch *batch, struct leat_err *err)
{
    const struct my_statement_info *info = &s->statement;
    uint32_t step = s->emission.statement_step++;
    if (step == 0)
        return add_statement(s, batch, err);
    if (info->kind == MY_STATEMENT_TRUNCATE && step <= info->table_count)
        return add_truncate(s, &info->tables[step - 1], batch, err);
    s->emission.in_statement = false;
    return info->discards_rows ? add_discarded(s, batch, err) : LEAT_OK;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static int finish(struct my_source *s, struct leat_batch *batch, struct leat_err *err)
{
    const struct my_emission *e = &s->emission;
    int status = e->begun ? leat_batch_commit(batch, e->count, err) : LEAT_OK;
    return status ? status : my_change_done(s, err);
}

static int next_event(struct my_source *s, struct leat_batch *batch, struct leat_err *err)
{
    struct my_group_event event;
    if (!my_group_next(s->emission.group, &event))
        return finish(s, batch, err);
    uint8_t type = event.bytes.ptr[EVENT_TYPE_AT];
    struct leat_slice body = leat_slice_of(event.bytes.ptr + MY_EVENT_HEADER_BYTES,
                                           event.bytes.len - MY_EVENT_HEADER_BYTES);
    s->emission.event_position = event.position;
    if (type == MY_TABLE_MAP_EVENT)
        return on_table_map(s, body, batch, err);
    if (my_event_is_rows(type))
        return rows_open(s, type, body, err);
    return statement_open(s, type, body, err);
}

int my_emit(struct my_source *s, struct leat_batch *batch, struct leat_err *err)
{
    struct my_emission *e = &s->emission;
    int status = LEAT_OK;
    if (e->pending)
        status = add(s, batch, err);
    while (!status && e->group) {
        if (leat_batch_full(batch))
            return LEAT_AGAIN;
        status = e->in_rows        ? next_row(s, batch, err)
                 : e->in_statement ? next_of_statement(s, batch, err)
                                   : next_event(s, batch, err);
    }
    return status;
}

int my_emit_gap(struct my_source *s, struct leat_batch *batch, struct leat_err *err)
{
    char id[LEAT_TRANSACTION_ID_MAX];
    struct leat_buf body = {.max = 4 * LEAT_TOKEN_MAX};
    if (!s->gap.found)
        return LEAT_OK;
    int64_t now_us = leat_clock_wall_us();
    snprintf(id, sizeof id, "gap-%.100s-%" PRIu64, s->position.at.file, s->position.at.position);
    s->event_transaction = (struct leat_transaction){
        .id = leat_slice_text(id), .commit_time_us = now_us, .origin = &s->origin};
    leat_gap_body(&body, s->gap.reason, leat_buf_slice(&s->gap.from), leat_buf_slice(&s->gap.to),
                  leat_slice_text(s->gap.text));
    s->event = (struct leat_event){.op = LEAT_OP_GAP,
                                   .event_time_us = now_us,
                                   .valid_time_us = now_us,
                                   .topic = leat_slice_text(s->gap.reason),
                                   .body = leat_buf_slice(&body)};
    int status = leat_batch_begin(batch, &s->event_transaction, err);
    if (!status)
        status = leat_batch_add(batch, &s->event, err);
    leat_buf_release(&body);
    s->gap.found = status == LEAT_AGAIN;
    return status ? status : leat_batch_commit(batch, 1, err);
}
