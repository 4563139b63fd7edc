/*
 * Which tables there are, which of them are copied, and what one table's rows are selected by.
 *
 * 1. What is copied is what is published: the catalogue's list of the publication's tables, columns
 * and row filters, as the stream has them. A row comes through the relation and the decoder of the
 * stream.
 * 2. A table that is a name in the list of jobs was there when the list was made, or has been
 * copied since. One that is not is copied, unless the publication is for all tables: then the
 * stream has had it from its first row on.
 * 3. Excluded columns are not read at all, and of masked ones only whether they are NULL.
 */
#include "sources/postgres/postgres.h"

#include <leat/log.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { COPY_ARENA_MAX = 8 << 20, LIST_TEXT = 64 << 10 };

/* Columns of the list of tables. */
enum {
    LIST_OID, /* of the table that the rows lie in */
    LIST_SCHEMA,
    LIST_NAME,
    LIST_ROWS,
    LIST_FILE,
};

static int64_t patience(const struct pg_source *s)
{
    return s->settings.connect_timeout_ms;
}

/* --- life --------------------------------------------------------------------------------------
 */

void pg_snapshot_open(struct pg_source *s)
{
    struct pg_snapshot *n = &s->snapshot;
    leat_arena_init(&n->scratch, (size_t)s->settings.row_bytes_max);
    n->pace = (struct leat_pace){.rows_per_s = s->settings.snapshot_rows_per_s,
                                 .bytes_per_s = s->settings.snapshot_bytes_per_s};
    n->origin_defined = false;
    n->compared = false;
    n->piece = (struct pg_piece){.copy = NULL};
    n->load = (struct pg_load){.active = false};
    n->backfill.state = PG_BACKFILL_IDLE;
    n->backfill.hold_lsn = 0;
    n->fields = calloc(LEAT_COLUMNS_MAX + PG_KEY_COLUMNS_MAX, sizeof *n->fields);
}

void pg_snapshot_close(struct pg_source *s)
{
    struct pg_snapshot *n = &s->snapshot;
    pg_load_end(s);
    pg_backfill_end(s);
    leat_arena_release(&n->scratch);
    free(n->fields);
    n->fields = NULL;
}

/* --- the list of tables -------------------------------------------------------------------------
 */

int pg_snapshot_list(struct pg_source *s, PGconn *conn, PGresult **ret_tables, struct leat_err *err)
{
    char sql[1600];
    snprintf(
        sql, sizeof sql,
        "WITH p AS (SELECT DISTINCT t.relid FROM pg_catalog.pg_publication p CROSS JOIN LATERAL "
        "pg_catalog.pg_get_publication_tables(p.pubname::text) t WHERE p.pubname::text IN "
        "($1::text, "
        "$1::text || '_insert')) SELECT l.oid, n.nspname, c.relname, l.reltuples::bigint, "
        "pg_catalog.pg_relation_filenode(l.oid) FROM p JOIN pg_catalog.pg_class c ON c.oid = "
        "p.relid JOIN "
        "pg_catalog.pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL (%s) v(oid) JOIN "
        "pg_catalog.pg_class l ON l.oid = v.oid WHERE l.relkind = 'r' ORDER BY "
        "l.relpages, 2, 3",
        s->server.version >= 120000
            ? "SELECT c.oid WHERE c.relkind = 'r' UNION ALL SELECT t.relid FROM "
              "pg_catalog.pg_partition_tree(c.oid) t WHERE t.isleaf AND c.relkind = 'p'"
            : "SELECT c.oid");
    return pg_query_params(conn, sql, (const char *const[]){s->publication}, 1, patience(s),
                           "list the published tables", ret_tables, err);
}

uint32_t pg_snapshot_file(const struct pg_source *s, uint64_t table)
{
    const PGresult *list = s->snapshot.load.tables;
    for (int i = 0; i < PQntuples(list); i++)
        if ((uint64_t)pg_int(list, i, LIST_OID) == table)
            return (uint32_t)pg_int(list, i, LIST_FILE);
    return 0;
}

/* The rows of a publication for all tables are in the stream from their first on. */
static int for_all_tables(struct pg_source *s, bool *ret_all, struct leat_err *err)
{
    PGresult *result;
    int status = pg_query_params(s->sql,
                                 "SELECT puballtables FROM pg_catalog.pg_publication WHERE "
                                 "pubname::text = $1::text",
                                 (const char *const[]){s->publication}, 1, patience(s),
                                 "look at the publication", &result, err);
    if (status)
        return status;
    *ret_all = PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    return LEAT_OK;
}

int pg_snapshot_prepare(struct pg_source *s, struct leat_err *err)
{
    PQclear(s->snapshot.load.tables);
    s->snapshot.load.tables = NULL;
    return pg_snapshot_list(s, s->sql, &s->snapshot.load.tables, err);
}

/* --- the plan -----------------------------------------------------------------------------------
 */

void pg_snapshot_listed(const PGresult *list, int row, struct leat_snapshot_job *ret_job)
{
    *ret_job = (struct leat_snapshot_job){
        .table = (uint64_t)pg_int(list, row, LIST_OID),
        .schema = PQgetvalue(list, row, LIST_SCHEMA),
        .name = PQgetvalue(list, row, LIST_NAME),
        .rows_estimate = pg_int(list, row, LIST_ROWS),
    };
    if (ret_job->rows_estimate <= 0) /* nobody counted */
        ret_job->rows_estimate = -1;
}

static int plan_table(struct pg_source *s, struct leat_batch *batch, const PGresult *list, int row,
                      uint8_t state, uint8_t kind, struct leat_err *err)
{
    struct leat_snapshot_job job;
    pg_snapshot_listed(list, row, &job);
    job.state = state;
    job.kind = kind;
    return leat_snapshot_plan(s->env->snapshot, batch, &job, NULL, err);
}

static bool taken(const struct pg_source *s, const PGresult *list, int row)
{
    return leat_filter_table(&s->settings.filter,
                             leat_slice_text(PQgetvalue(list, row, LIST_SCHEMA)),
                             leat_slice_text(PQgetvalue(list, row, LIST_NAME)));
}

/* The list is made: all that is there is copied, or known. */
static int plan_first(struct pg_source *s, struct leat_batch *batch, const PGresult *list,
                      struct leat_err *err)
{
    int status = LEAT_OK, copied = 0;
    bool wanted = s->snapshot.load.wanted;
    for (int i = 0; !status && i < PQntuples(list); i++) {
        uint8_t state = !taken(s, list, i) ? LEAT_SNAPSHOT_EXCLUDED
                        : wanted           ? LEAT_SNAPSHOT_WAITING
                                           : LEAT_SNAPSHOT_KNOWN;
        copied += state == LEAT_SNAPSHOT_WAITING;
        status = plan_table(s, batch, list, i, state, LEAT_SNAPSHOT_INITIAL, err);
    }
    if (!status) /* even when it has no tables: the mark that there is a list */
        status = leat_batch_note(batch, LEAT_SLICE_LITERAL("listed"), LEAT_SLICE_LITERAL("1"), err);
    if (!status && wanted)
        LEAT_INFO("source", s->instance, "snapshot planned", LEAT_F_INT("tables", copied));
    return status;
}

/* Tables that came in later, by the publication or by our own filter. */
static int plan_added(struct pg_source *s, struct leat_batch *batch, const PGresult *list,
                      struct leat_err *err)
{
    bool all;
    int status = for_all_tables(s, &all, err);
    for (int i = 0; !status && i < PQntuples(list); i++) {
        uint64_t oid = (uint64_t)pg_int(list, i, LIST_OID);
        struct leat_snapshot_job *job = leat_snapshot_find(s->env->snapshot, 0, oid);
        bool excluded = job && job->state == LEAT_SNAPSHOT_EXCLUDED;
        if ((job && !excluded) || !taken(s, list, i))
            continue;
        LEAT_INFO("source", s->instance, all && !job ? "table is known" : "table added",
                  LEAT_F_TEXT("schema", PQgetvalue(list, i, LIST_SCHEMA)),
                  LEAT_F_TEXT("table", PQgetvalue(list, i, LIST_NAME)));
        if (excluded) {
            job->kind = LEAT_SNAPSHOT_ADDED;
            status =
                leat_snapshot_turn(s->env->snapshot, batch, job, LEAT_SNAPSHOT_WAITING, NULL, err);
        } else {
            status =
                plan_table(s, batch, list, i, all ? LEAT_SNAPSHOT_KNOWN : LEAT_SNAPSHOT_WAITING,
                           LEAT_SNAPSHOT_ADDED, err);
        }
    }
    return status;
}

/* The log that a gap is about may have changed any table: all are copied again. */
static int plan_again(struct pg_source *s, struct leat_batch *batch, struct leat_err *err)
{
    int status = leat_snapshot_clear(s->env->snapshot, batch, err);
    s->resnapshot = false;
    s->snapshot.load.wanted = true;
    return status ? status : plan_first(s, batch, s->snapshot.load.tables, err);
}

int pg_snapshot_plan(struct pg_source *s, struct leat_batch *batch, struct leat_err *err)
{
    struct pg_snapshot *n = &s->snapshot;
    int status = LEAT_OK;
    if (n->compared)
        return LEAT_OK;
    if (s->settings.snapshot != PG_SNAPSHOT_NEVER) {
        bool listed = leat_notes_find(s->env->notes, LEAT_SLICE_LITERAL("listed")).len;
        status = s->resnapshot ? plan_again(s, batch, err)
                 : listed      ? plan_added(s, batch, n->load.tables, err)
                               : plan_first(s, batch, n->load.tables, err);
    }
    n->compared = !status;
    n->load.planned = !status;
    return status;
}

/* Between chunks the next one may be due at any moment. */
bool pg_snapshot_busy(struct pg_source *s)
{
    return s->snapshot.backfill.hold_lsn || s->snapshot.backfill.state != PG_BACKFILL_IDLE ||
           leat_snapshot_next(s->env->snapshot) != NULL;
}

/* --- connections --------------------------------------------------------------------------------
 */

int pg_snapshot_connect(struct pg_source *s, int64_t patience_ms, PGconn **ret_conn,
                        struct leat_err *err)
{
    char sql[640];
    int version = s->server.version;
    const char *as_is = s->own_encoding ? s->server.encoding : "SQL_ASCII";
    bool encoded = !s->settings.client_encoding && strcmp(s->server.encoding, as_is) == 0;
    snprintf(sql, sizeof sql,
             "SET row_security = off; SET synchronize_seqscans = off; SET "
             "max_parallel_workers_per_gather = 0; SET default_transaction_read_only = on; SET "
             "statement_timeout = '%" PRId64 "ms'; SET lock_timeout = '%" PRId64 "ms'%s%s%s%s%s%s",
             patience_ms, s->settings.snapshot_lock_timeout_ms,
             version >= 110000 ? "; SET jit = off" : "",
             version >= 140000 ? "; SET idle_session_timeout = 0" : "",
             version >= 170000 ? "; SET transaction_timeout = 0" : "",
             encoded ? "; SET client_encoding = '" : "", encoded ? as_is : "", encoded ? "'" : "");
    PGconn *conn;
    int status = pg_connect(&s->settings, s->instance, PG_USE_SQL, &conn, err);
    if (!status)
        status = pg_execute(conn, sql, patience(s), "prepare a session for copying", err);
    if (status)
        return status;
    *ret_conn = conn;
    return LEAT_OK;
}

/* --- one table ----------------------------------------------------------------------------------
 */

/* Columns of the answer to COLUMNS_QUERY. */
enum {
    COLUMN_NAME,
    COLUMN_TYPE,
    COLUMN_TYPMOD,
    COLUMN_IDENTITY,
    COLUMN_KEY,
    COLUMN_TYPE_TEXT,
    COLUMN_REPLIDENT
};

/* The published columns of the table that the stream names, in its order. The key that chunks go by
 * is that of the replica identity, because old rows have it; else the primary key. */
static const char COLUMNS_QUERY[] =
    "WITH c AS (SELECT oid, relreplident FROM pg_catalog.pg_class WHERE oid = $1::oid), identity "
    "AS (SELECT "
    "i.indkey, %s AS keys FROM pg_catalog.pg_index i JOIN c ON c.oid = i.indrelid WHERE "
    "i.indisvalid AND "
    "i.indexprs IS NULL AND ((c.relreplident = 'd' AND i.indisprimary AND i.indimmediate) OR "
    "(c.relreplident = "
    "'i' AND i.indisreplident))), chosen AS (SELECT indkey, keys, 0 AS n FROM identity UNION ALL "
    "SELECT "
    "i.indkey, %s, 1 FROM pg_catalog.pg_index i JOIN c ON c.oid = i.indrelid WHERE i.indisprimary "
    "AND "
    "i.indisvalid ORDER BY n LIMIT 1) SELECT a.attname, a.atttypid, a.atttypmod, c.relreplident = "
    "'f' OR EXISTS "
    "(SELECT 1 FROM identity i, unnest(i.indkey) WITH ORDINALITY u(attnum, n) WHERE u.attnum = "
    "a.attnum AND u.n "
    "<= i.keys), coalesce((SELECT u.n FROM chosen i, unnest(i.indkey) WITH ORDINALITY u(attnum, n) "
    "WHERE "
    "u.attnum = a.attnum AND u.n <= i.keys), 0), pg_catalog.format_type(a.atttypid, a.atttypmod), "
    "c.relreplident FROM c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid WHERE a.attnum > 0 "
    "AND NOT "
    "a.attisdropped AND %s ORDER BY a.attnum";

#define PG_SQL_LISTED                                                                              \
    "EXISTS (SELECT 1 FROM pg_catalog.pg_publication_tables t WHERE t.pubname::text IN "           \
    "($2::text, "                                                                                  \
    "$2::text || '_insert') AND t.schemaname::text = $3 AND t.tablename::text = $4 AND a.attname " \
    "= "                                                                                           \
    "ANY (t.attnames))"

/* Which columns are published: of all publications that have the table. */
static const char *published_columns(const struct pg_source *s)
{
    return s->server.version >= 180000 ? PG_SQL_LISTED
           : s->server.version >=
                   150000 /* the view lists generated ones, too, which the log has not */
               ? "a.attgenerated = '' AND " PG_SQL_LISTED
               : s->server.version >= 120000
                     ? "a.attgenerated = '' AND $2::text <> '' AND $3::text <> '' AND "
                       "$4::text <> ''"
                     : "$2::text <> '' AND $3::text <> '' AND $4::text <> ''";
}

static int ask_columns(struct pg_source *s, PGconn *conn, const char *oid,
                       const struct leat_snapshot_job *job, PGresult **ret_columns,
                       struct leat_err *err)
{
    char sql[sizeof COLUMNS_QUERY + 600];
    const char *keys = s->server.version >= 110000 ? "i.indnkeyatts" : "i.indnatts";
    snprintf(sql, sizeof sql, COLUMNS_QUERY, keys, keys, published_columns(s));
    return pg_query_params(conn, sql,
                           (const char *const[]){oid, s->publication, job->schema, job->name}, 4,
                           patience(s), "look at a table's columns", ret_columns, err);
}

/* The relation as the log would describe it, from the catalogue. */
static int relation_make(struct pg_source *s, PGconn *conn, uint32_t oid, const PGresult *columns,
                         struct pg_copy *c, struct leat_err *err)
{
    const struct leat_snapshot_job *job = c->job;
    struct leat_arena arena;
    struct pg_column_fact *facts;
    size_t fact_count;
    int count = PQntuples(columns);
    leat_arena_init(&arena, COPY_ARENA_MAX);
    struct pgoutput_column *made = leat_arena_zeroed(&arena, (size_t)count + 1, sizeof *made);
    for (int i = 0; made && i < count; i++)
        made[i] = (struct pgoutput_column){
            .flags =
                PQgetvalue(columns, i, COLUMN_IDENTITY)[0] == 't' ? PGOUTPUT_COLUMN_IDENTITY : 0,
            .name = leat_slice_text(PQgetvalue(columns, i, COLUMN_NAME)),
            .type = (uint32_t)pg_int(columns, i, COLUMN_TYPE),
            .typmod = (int32_t)pg_int(columns, i, COLUMN_TYPMOD)};
    struct pgoutput_message m = {.type = PGOUTPUT_RELATION};
    m.relation.oid = oid;
    m.relation.schema = leat_slice_text(job->schema);
    m.relation.table = leat_slice_text(job->name);
    m.relation.identity = (uint8_t)PQgetvalue(columns, 0, COLUMN_REPLIDENT)[0];
    m.relation.count = (uint16_t)count;
    m.relation.columns = made;
    int status = made ? pg_catalog_columns(conn, oid, patience(s), &arena, &facts, &fact_count, err)
                      : leat_fail(err, LEAT_ELIMIT, "table \"%s\" has too many columns", job->name);
    if (!status)
        status = pg_relcache_put(&c->relations, &s->settings, leat_slice_text(s->settings.database),
                                 &m, 0, facts, fact_count, &c->relation, err);
    leat_arena_release(&arena);
    return status;
}

/* What is selected: every column of the wire, so that the row is decoded as the stream's are. */
static char *columns_text(struct pg_source *s, PGconn *conn, struct pg_copy *c,
                          const PGresult *columns)
{
    struct leat_buf sql;
    (void)s;
    leat_buf_init(&sql, COPY_ARENA_MAX / 4);
    for (int i = 0; i < PQntuples(columns); i++) {
        const struct pg_wire_column *w = &c->relation->wire[i];
        leat_buf_append_text(&sql, ", ");
        if (w->stored < 0) {
            leat_buf_append_text(&sql, "NULL");
            continue;
        }
        leat_buf_append_text(&sql, w->masked ? "CASE WHEN " : "");
        pg_append_identifier(conn, &sql, PQgetvalue(columns, i, COLUMN_NAME));
        leat_buf_append_text(&sql, w->masked ? " IS NOT NULL THEN '' END" : "");
    }
    char *text = sql.full ? NULL : leat_arena_text(&c->arena, leat_buf_slice(&sql));
    leat_buf_release(&sql);
    return text;
}

static bool keys_take(PGconn *conn, struct pg_copy *c, const PGresult *columns)
{
    bool whole = true;
    for (int i = 0; i < PQntuples(columns); i++) {
        int64_t n = pg_int(columns, i, COLUMN_KEY);
        struct leat_buf name;
        if (n < 1 || n > PG_KEY_COLUMNS_MAX)
            continue;
        leat_buf_init(&name, LEAT_NAME_MAX);
        leat_buf_append_text(&name, "r."); /* what is selected has the same names */
        pg_append_identifier(conn, &name, PQgetvalue(columns, i, COLUMN_NAME));
        c->key_names[n - 1] = leat_arena_text(&c->arena, leat_buf_slice(&name));
        c->key_types[n - 1] =
            leat_arena_text(&c->arena, leat_slice_text(PQgetvalue(columns, i, COLUMN_TYPE_TEXT)));
        c->key_wire[n - 1] = (uint16_t)i;
        whole &= !name.full && c->key_names[n - 1] && c->key_types[n - 1];
        c->key_count = n > c->key_count ? (unsigned)n : c->key_count;
        leat_buf_release(&name);
    }
    c->keyed = c->key_count > 0;
    for (unsigned i = 0; i < c->key_count;
         i++) /* a column of the key that is not published: none */
        c->keyed &= c->key_names[i] && c->relation->wire[c->key_wire[i]].stored >= 0 &&
                    !c->relation->wire[c->key_wire[i]].masked;
    return whole;
}

/* The publication's row filters, joined by OR, and the user's condition. */
static int condition_make(struct pg_source *s, PGconn *conn, struct pg_copy *c,
                          struct leat_err *err)
{
    PGresult *result = NULL;
    struct leat_buf sql;
    int status = LEAT_OK;
    leat_buf_init(&sql, LIST_TEXT);
    if (s->server.version >= 150000)
        status = pg_query_params(
            conn,
            "SELECT CASE WHEN bool_or(t.rowfilter IS NULL) THEN '' ELSE string_agg('(' || "
            "t.rowfilter "
            "|| ')', ' OR ') END FROM pg_catalog.pg_publication_tables t WHERE t.pubname::text IN "
            "($1::text, $1::text || '_insert') AND t.schemaname::text = $2 AND t.tablename::text = "
            "$3",
            (const char *const[]){s->publication, c->job->schema, c->job->name}, 3, patience(s),
            "look at a table's row filter", &result, err);
    if (status)
        return status;
    const char *filter = result ? PQgetvalue(result, 0, 0) : "";
    if (*filter)
        leat_buf_format(&sql, " AND (%s)", filter);
    if (c->job->where)
        leat_buf_format(&sql, " AND (%s)", c->job->where);
    PQclear(result);
    c->condition = sql.full ? NULL : leat_arena_text(&c->arena, leat_buf_slice(&sql));
    leat_buf_release(&sql);
    return c->condition ? LEAT_OK
                        : leat_fail(err, LEAT_ELIMIT, "the condition for table \"%s\" is too long",
                                    c->job->name);
}

int pg_copy_shape(struct pg_source *s, PGconn *conn, const struct leat_snapshot_job *job,
                  struct leat_arena *arena, char **ret_shape, struct leat_err *err)
{
    char oid[24];
    PGresult *result;
    snprintf(oid, sizeof oid, "%" PRIu64, job->table);
    int status = pg_query_params(conn,
                                 "SELECT string_agg(a.attname || ':' || a.atttypid || ':' || "
                                 "a.atttypmod, ',' ORDER BY a.attnum) FROM "
                                 "pg_catalog.pg_attribute a WHERE a.attrelid = $1::oid AND "
                                 "a.attnum > 0 AND NOT a.attisdropped",
                                 (const char *const[]){oid}, 1, patience(s),
                                 "look at a table's shape", &result, err);
    if (status)
        return status;
    *ret_shape = leat_arena_text(arena, leat_slice_text(PQgetvalue(result, 0, 0)));
    PQclear(result);
    return *ret_shape ? LEAT_OK : leat_fail(err, LEAT_ELIMIT, "a table has too many columns");
}

/* The table of the rows, and the one that the stream names. Nothing here waits for a lock, as
 * pg_relation_size() of the table would. */
static int source_find(struct pg_source *s, PGconn *conn, struct pg_copy *c, char *ret_oid,
                       struct leat_err *err)
{
    char leaf[24];
    PGresult *result;
    snprintf(leaf, sizeof leaf, "%" PRIu64, c->job->table);
    int status =
        pg_query_params(conn,
                        "SELECT n.nspname, l.relname, pg_catalog.pg_relation_filenode(l.oid), "
                        "coalesce(pg_catalog.pg_relation_size(nullif(l.reltoastrelid, "
                        "0)), 0) > 0, r.oid FROM pg_catalog.pg_class l JOIN "
                        "pg_catalog.pg_namespace n ON n.oid = l.relnamespace "
                        "JOIN pg_catalog.pg_namespace m ON m.nspname::text = $2 JOIN "
                        "pg_catalog.pg_class r ON r.relnamespace = "
                        "m.oid AND r.relname::text = $3 WHERE l.oid = $1::oid AND l.relkind = 'r'",
                        (const char *const[]){leaf, c->job->schema, c->job->name}, 3, patience(s),
                        "look at a table", &result, err);
    if (status)
        return status;
    bool there = PQntuples(result) == 1;
    struct leat_buf name;
    leat_buf_init(&name, 4 * LEAT_NAME_MAX);
    leat_buf_append_text(&name, "ONLY ");
    if (there) {
        pg_append_table(conn, &name, PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
        c->file = (uint32_t)pg_int(result, 0, 2);
        c->long_values = PQgetvalue(result, 0, 3)[0] == 't';
        snprintf(ret_oid, 24, "%s", PQgetvalue(result, 0, 4));
    }
    c->source = leat_arena_text(&c->arena, leat_buf_slice(&name));
    there &= c->source && !name.full;
    leat_buf_release(&name);
    PQclear(result);
    return there ? LEAT_OK : LEAT_EOF;
}

static int copy_fill(struct pg_source *s, PGconn *conn, struct pg_copy *c, struct leat_err *err)
{
    char oid[24];
    PGresult *columns = NULL;
    int status = source_find(s, conn, c, oid, err);
    if (!status)
        status = pg_copy_shape(s, conn, c->job, &c->arena, &c->shape, err);
    if (!status)
        status = ask_columns(s, conn, oid, c->job, &columns, err);
    if (status)
        return status;
    uint32_t relation = 0;
    bool found = sscanf(oid, "%" SCNu32, &relation) == 1 && PQntuples(columns) > 0;
    status = found ? relation_make(s, conn, relation, columns, c, err) : LEAT_EOF;
    if (!status) {
        c->columns = columns_text(s, conn, c, columns);
        if (!c->columns || !keys_take(conn, c, columns))
            status = leat_fail(err, LEAT_ELIMIT, "table \"%s\" has too many columns", c->job->name);
    }
    PQclear(columns);
    if (!status)
        status = condition_make(s, conn, c, err);
    if (!status && !pg_progress_read(leat_buf_slice(&c->job->progress), &c->progress))
        status =
            leat_fail(err, LEAT_ESTORE, "the progress of table \"%s\" is unreadable", c->job->name);
    return status;
}

int pg_copy_open(struct pg_source *s, PGconn *conn, struct leat_snapshot_job *job,
                 struct pg_copy **ret_copy, struct leat_err *err)
{
    struct pg_copy *c = calloc(1, sizeof *c);
    if (!c)
        return leat_fail(err, LEAT_ERETRY, "out of memory for the copy of a table");
    c->job = job;
    c->first_done = job->rows > 0;
    pg_relcache_init(&c->relations);
    leat_arena_init(&c->arena, COPY_ARENA_MAX);
    int status = copy_fill(s, conn, c, err);
    if (status) {
        pg_copy_free(c);
        return status;
    }
    c->binary = !c->relation->binary_inexact && !s->encoding.converter;
    *ret_copy = c;
    return LEAT_OK;
}

void pg_copy_free(struct pg_copy *c)
{
    if (!c)
        return;
    pg_relcache_reset(&c->relations);
    leat_arena_release(&c->arena);
    free(c);
}

int pg_copy_keep(struct pg_source *s, struct pg_copy *c, struct leat_err *err)
{
    struct leat_buf buf;
    leat_buf_init(&buf, LEAT_NOTE_VALUE_MAX);
    pg_progress_write(&c->progress, &buf);
    bool kept = !buf.full &&
                leat_snapshot_progress(s->env->snapshot, c->job, leat_buf_slice(&buf)) &&
                pg_progress_read(leat_buf_slice(&c->job->progress), &c->progress);
    leat_buf_release(&buf);
    return kept ? LEAT_OK
                : leat_fail(err, LEAT_ELIMIT,
                            "the key of table \"%s\" is too long to be remembered", c->job->name);
}

/* --- statements ---------------------------------------------------------------------------------
 */

void pg_copy_places(const struct pg_copy *c, const struct pg_range *r, struct leat_buf *sql)
{
    leat_buf_format(sql,
                    "COPY (SELECT ctid%s FROM %s WHERE ctid > '(%" PRIu32
                    ",%u)' AND ctid < '(%" PRIu32 ",0)'%s) TO STDOUT%s",
                    c->columns, c->source, r->block, r->offset, r->end, c->condition,
                    c->binary ? " (FORMAT binary)" : "");
}

/* (a, b) */
static void key_names(const struct pg_copy *c, struct leat_buf *sql)
{
    for (unsigned i = 0; i < c->key_count; i++)
        leat_buf_format(sql, "%s%s", i ? ", " : "", c->key_names[i]);
}

/* ('1'::bigint, 'x'::text) */
static void key_literals(PGconn *conn, const struct pg_copy *c, const struct leat_slice *key,
                         struct leat_buf *sql)
{
    for (unsigned i = 0; i < c->key_count; i++) {
        char *literal = PQescapeLiteral(conn, (const char *)key[i].ptr, key[i].len);
        sql->full |= !literal;
        leat_buf_format(sql, "%s%s::%s", i ? ", " : "", literal ? literal : "", c->key_types[i]);
        PQfreemem(literal);
    }
}

static void key_bound(PGconn *conn, const struct pg_copy *c, const char *relation,
                      const struct leat_slice *key, struct leat_buf *sql)
{
    leat_buf_append_text(sql, " AND (");
    key_names(c, sql);
    leat_buf_format(sql, ") %s (", relation);
    key_literals(conn, c, key, sql);
    leat_buf_append_text(sql, ")");
}

/* What is selected, from where the copy is, in the order of the key. */
static void keys_select(PGconn *conn, const struct pg_copy *c, const char *columns,
                        const char *condition, struct leat_buf *sql)
{
    const struct pg_progress *p = &c->progress;
    leat_buf_append_text(sql, "SELECT ");
    for (unsigned i = 0; i < c->key_count; i++)
        leat_buf_format(sql, "%s%s::text", i ? ", " : "", c->key_names[i]);
    leat_buf_format(sql, "%s FROM %s AS r WHERE true%s", columns, c->source, condition);
    if (p->has_after)
        key_bound(conn, c, p->from_included ? ">=" : ">", p->after, sql);
    if (p->has_upto)
        key_bound(conn, c, "<=", p->upto, sql);
    leat_buf_append_text(sql, " ORDER BY ");
    key_names(c, sql);
}

void pg_copy_keys(PGconn *conn, const struct pg_copy *c, int64_t limit, struct leat_buf *sql)
{
    leat_buf_append_text(sql, "COPY (");
    keys_select(conn, c, c->columns, c->condition, sql);
    if (limit)
        leat_buf_format(sql, " LIMIT %" PRId64, limit);
    leat_buf_format(sql, ") TO STDOUT%s", c->binary ? " (FORMAT binary)" : "");
}

void pg_copy_limit(PGconn *conn, const struct pg_copy *c, int64_t limit, struct leat_buf *sql)
{
    keys_select(conn, c, "", "", sql);
    leat_buf_format(sql, " OFFSET %" PRId64 " LIMIT 1", limit - 1);
}
