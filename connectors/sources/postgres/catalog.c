#include "sources/postgres/catalog.h"

#include <leat/log.h>

#include "sources/postgres/pgtype.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void copy_text(char *to, size_t size, const PGresult *result, int row, int column)
{
    snprintf(to, size, "%s", PQgetvalue(result, row, column));
}

/* --- the server --------------------------------------------------------------------------------
 */

int pg_catalog_server(PGconn *stream, PGconn *sql, int64_t timeout_ms, struct pg_server *ret_server,
                      struct leat_err *err)
{
    struct pg_server server = {.version = PQserverVersion(stream)};
    PGresult *result;
    int status =
        pg_query(stream, "IDENTIFY_SYSTEM", timeout_ms, "identify the server", &result, err);
    if (status)
        return status;
    copy_text(server.system_id, sizeof server.system_id, result, 0, 0);
    server.timeline = (uint32_t)pg_int(result, 0, 1);
    PQclear(result);
    status = pg_query(sql,
                      "SELECT d.oid, pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN "
                      "pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END, "
                      "pg_encoding_to_char(d.encoding), current_setting('server_version') "
                      "FROM pg_catalog.pg_database d WHERE datname = current_database()",
                      timeout_ms, "ask the server for its position", &result, err);
    if (status)
        return status;
    server.database_oid = (uint32_t)pg_int(result, 0, 0);
    server.in_recovery = PQgetvalue(result, 0, 1)[0] == 't';
    server.flush_lsn = pg_lsn(result, 0, 2);
    copy_text(server.encoding, sizeof server.encoding, result, 0, 3);
    copy_text(server.version_text, sizeof server.version_text, result, 0, 4);
    PQclear(result);
    *ret_server = server;
    return LEAT_OK;
}

/* Lines of a history file: timeline TAB LSN TAB reason, oldest first. */
static bool history_find(const char *content, uint32_t timeline, uint64_t *ret_lsn)
{
    char head[16];
    size_t head_len = (size_t)snprintf(head, sizeof head, "%" PRIu32 "\t", timeline);
    for (const char *line = content; line && *line;
         line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        if (strncmp(line, head, head_len) != 0)
            continue;
        size_t len = strcspn(line + head_len, "\t\n");
        return pg_lsn_parse(leat_slice_of(line + head_len, len), ret_lsn);
    }
    return false;
}

int pg_catalog_timeline_end(PGconn *stream, uint32_t server_timeline, uint32_t timeline,
                            int64_t timeout_ms, uint64_t *ret_lsn, struct leat_err *err)
{
    char command[64];
    PGresult *result;
    snprintf(command, sizeof command, "TIMELINE_HISTORY %" PRIu32, server_timeline);
    int status = pg_query(stream, command, timeout_ms, "read the timeline's history", &result, err);
    if (status)
        return status;
    bool found = history_find(PQgetvalue(result, 0, 1), timeline, ret_lsn);
    PQclear(result);
    return found ? LEAT_OK : LEAT_EOF;
}

/* --- the slot ----------------------------------------------------------------------------------
 */

int pg_catalog_slot(PGconn *sql, int version, const char *slot, int64_t timeout_ms,
                    struct pg_slot *ret_slot, struct leat_err *err)
{
    char query[900];
    snprintf(query, sizeof query,
             "SELECT s.plugin, s.database, s.active, s.active_pid, s.temporary, s.slot_type, "
             "s.restart_lsn, s.confirmed_flush_lsn, %s, %s, %s, a.application_name, %s FROM "
             "pg_catalog.pg_replication_slots s LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid "
             "= s.active_pid WHERE slot_name = $1",
             version >= 130000 ? "s.wal_status" : "''",
             version >= 170000 ? "s.invalidation_reason" : "''",
             version >= 170000 ? "s.synced" : "false", version >= 140000 ? "s.two_phase" : "false");
    PGresult *result;
    int status = pg_query_params(sql, query, (const char *const[]){slot}, 1, timeout_ms,
                                 "look at the replication slot", &result, err);
    if (status)
        return status;
    struct pg_slot s = {.exists = PQntuples(result) == 1};
    if (s.exists) {
        copy_text(s.plugin, sizeof s.plugin, result, 0, 0);
        copy_text(s.database, sizeof s.database, result, 0, 1);
        s.active = PQgetvalue(result, 0, 2)[0] == 't';
        s.active_pid = pg_int(result, 0, 3);
        s.temporary = PQgetvalue(result, 0, 4)[0] == 't';
        s.logical = strcmp(PQgetvalue(result, 0, 5), "logical") == 0;
        s.restart_lsn = pg_lsn(result, 0, 6);
        s.confirmed_lsn = pg_lsn(result, 0, 7);
        copy_text(s.wal_status, sizeof s.wal_status, result, 0, 8);
        copy_text(s.invalidation_reason, sizeof s.invalidation_reason, result, 0, 9);
        s.synced = PQgetvalue(result, 0, 10)[0] == 't';
        copy_text(s.holder, sizeof s.holder, result, 0, 11);
        s.two_phase = PQgetvalue(result, 0, 12)[0] == 't';
    }
    PQclear(result);
    *ret_slot = s;
    return LEAT_OK;
}

int pg_catalog_slot_create(PGconn *stream, int version, const char *slot, bool temporary,
                           int64_t timeout_ms, uint64_t *ret_lsn, char *ret_snapshot,
                           struct leat_err *err)
{
    static const char WHAT[] = "create the replication slot";
    char command[160];
    PGresult *result;
    /* The server gives up first: an attempt that goes on there would hold the slot against our next
     * one. */
    snprintf(command, sizeof command, "SET lock_timeout = '%" PRId64 "ms'", timeout_ms * 3 / 4);
    int status = pg_execute(stream, command, timeout_ms, WHAT, err);
    const char *snapshot = version >= 150000 ? ret_snapshot ? "(SNAPSHOT 'export')" : "(SNAPSHOT 'nothing')"
                           : ret_snapshot    ? "EXPORT_SNAPSHOT"
                                             : "NOEXPORT_SNAPSHOT";
    snprintf(command, sizeof command, "CREATE_REPLICATION_SLOT \"%s\"%s LOGICAL pgoutput %s", slot,
             temporary ? " TEMPORARY" : "", snapshot);
    if (!status)
        status = pg_query(stream, command, timeout_ms, WHAT, &result, err);
    if (status) {
        if (status == LEAT_ERETRY && !err->hint[0])
            leat_err_hint(
                err, "creation waits for transactions that are open: SELECT pid, xact_start, query "
                     "FROM pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start; and "
                     "SELECT * FROM pg_prepared_xacts;");
        return status;
    }
    *ret_lsn = pg_lsn(result, 0, 1);
    if (ret_snapshot)
        snprintf(ret_snapshot, 64, "%s", PQgetvalue(result, 0, 2));
    PQclear(result);
    if (ret_snapshot)
        return LEAT_OK;
    return pg_execute(stream, "RESET lock_timeout", timeout_ms, WHAT, err);
}

/* --- publications ------------------------------------------------------------------------------
 */

int pg_catalog_publications(PGconn *sql, const char *publication, int64_t timeout_ms,
                            bool *ret_main, bool *ret_insert, struct leat_err *err)
{
    PGresult *result;
    int status = pg_query_params(sql,
                                 "SELECT count(*) FILTER (WHERE pubname::text = $1::text), "
                                 "count(*) FILTER (WHERE pubname::text = $1::text || '_insert') "
                                 "FROM pg_catalog.pg_publication",
                                 (const char *const[]){publication}, 1, timeout_ms,
                                 "look for the publication", &result, err);
    if (status)
        return status;
    *ret_main = pg_int(result, 0, 0) == 1;
    *ret_insert = pg_int(result, 0, 1) == 1;
    PQclear(result);
    return LEAT_OK;
}

/* A partitioned table has an identity when all its leaves do, and is published when all its leaves
 * are: the view lists leaves or roots, as the publication says. */
static const char TABLES_QUERY[] =
    "WITH published AS (SELECT DISTINCT n.oid AS schema, t.tablename FROM "
    "pg_catalog.pg_publication_tables t   JOIN pg_catalog.pg_namespace n ON n.nspname = "
    "t.schemaname   WHERE t.pubname::text IN ($1::text, $1::text || '_insert')) SELECT n.nspname, "
    "c.relname, NOT EXISTS (SELECT 1 FROM (%s) v(oid) JOIN pg_catalog.pg_class l ON l.oid = v.oid "
    "  WHERE NOT " PG_SQL_HAS_IDENTITY "), "
    "EXISTS (SELECT 1 FROM published p WHERE p.schema = c.relnamespace AND p.tablename = "
    "c.relname)   OR EXISTS (SELECT 1 FROM pg_catalog.pg_publication_rel r JOIN "
    "pg_catalog.pg_publication p ON p.oid = r.prpubid    WHERE r.prrelid = c.oid AND "
    "p.pubname::text IN ($1::text, $1::text || '_insert'))   OR (c.relkind = 'p' AND EXISTS "
    "(SELECT 1 FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid)    AND NOT EXISTS (SELECT "
    "1 FROM (%s) v(oid) JOIN pg_catalog.pg_class l ON l.oid = v.oid WHERE NOT EXISTS     (SELECT "
    "1 FROM published p WHERE p.schema = l.relnamespace AND p.tablename = l.relname))), "
    "pg_catalog.pg_has_role(c.relowner, 'USAGE'), c.relkind = 'r' AND EXISTS (SELECT 1 FROM "
    "pg_catalog.pg_inherits h WHERE h.inhparent = c.oid) FROM pg_catalog.pg_class c JOIN "
    "pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN (%s) AND "
    "c.relpersistence = 'p' AND NOT %s AND n.nspname NOT IN ('pg_catalog', 'information_schema') "
    "AND n.nspname NOT LIKE 'pg\\_%%' ORDER BY 1, 2";

/* Before 13 partitioned tables cannot be published: their leaves are. */
int pg_catalog_tables(PGconn *sql, int version, const char *publication, int64_t timeout_ms,
                      PGresult **ret_tables, struct leat_err *err)
{
    char query[sizeof TABLES_QUERY + 512];
    bool roots = version >= 130000;
    const char *leaves =
        roots ? "SELECT c.oid WHERE c.relkind = 'r' UNION ALL SELECT t.relid FROM "
                "pg_catalog.pg_partition_tree(c.oid) t WHERE t.isleaf AND c.relkind = 'p'"
              : "SELECT c.oid";
    snprintf(query, sizeof query, TABLES_QUERY, leaves, leaves, roots ? "'r', 'p'" : "'r'",
             roots ? "c.relispartition" : "false");
    return pg_query_params(sql, query, (const char *const[]){publication}, 1, timeout_ms,
                           "list the tables", ret_tables, err);
}

void pg_append_identifier(PGconn *conn, struct leat_buf *statement, const char *name)
{
    char *quoted = PQescapeIdentifier(conn, name, strlen(name));
    if (!quoted) /* not text in the session's encoding, or no memory: nothing may be run with a
                    piece missing */
        statement->full = true;
    leat_buf_append_text(statement, quoted ? quoted : "");
    PQfreemem(quoted);
}

void pg_append_table(PGconn *conn, struct leat_buf *statement, const char *schema,
                     const char *table)
{
    pg_append_identifier(conn, statement, schema);
    leat_buf_append_text(statement, ".");
    pg_append_identifier(conn, statement, table);
}

/* ONLY, because without it the children come along, whose identity is a question of its own. */
static void list_table(PGconn *conn, struct leat_buf *list, const PGresult *tables, int row)
{
    leat_buf_append_text(list, list->len ? ", " : "");
    leat_buf_append_text(list, PQgetvalue(tables, row, PG_TABLE_PARENT)[0] == 't' ? "ONLY " : "");
    pg_append_table(conn, list, PQgetvalue(tables, row, PG_TABLE_SCHEMA),
                    PQgetvalue(tables, row, PG_TABLE_NAME));
}

static void plan_statement(PGconn *sql, const char *name, bool exists, struct leat_buf *tables,
                           const char *with, struct leat_buf *statement)
{
    if (exists && !tables->len)
        return;
    leat_buf_append_text(statement, exists ? "ALTER PUBLICATION " : "CREATE PUBLICATION ");
    pg_append_identifier(sql, statement, name);
    if (exists)
        leat_buf_append_text(statement, " ADD TABLE ");
    else
        leat_buf_append_text(statement, tables->len ? " FOR TABLE " : "");
    leat_buf_append(statement, leat_buf_slice(tables));
    if (!exists)
        leat_buf_format(statement, " WITH (%s)", with);
    statement->full |= tables->full;
}

int pg_catalog_publish_plan(PGconn *sql, const struct pg_settings *settings, int version,
                            const char *publication, bool exists, bool insert_exists,
                            const PGresult *tables, struct leat_buf *ret_main,
                            struct leat_buf *ret_insert, struct leat_err *err)
{
    struct leat_buf names, insert_names;
    leat_buf_init(&names, 4 << 20);
    leat_buf_init(&insert_names, 4 << 20);
    for (int i = 0; i < PQntuples(tables); i++) {
        const char *schema = PQgetvalue(tables, i, PG_TABLE_SCHEMA),
                   *name = PQgetvalue(tables, i, PG_TABLE_NAME);
        bool identity = PQgetvalue(tables, i, PG_TABLE_IDENTITY)[0] == 't';
        if (PQgetvalue(tables, i, PG_TABLE_PUBLISHED)[0] != 't' &&
            leat_filter_table(&settings->filter, leat_slice_text(schema), leat_slice_text(name)))
            list_table(sql, identity ? &names : &insert_names, tables, i);
    }
    char with[160], insert_name[PG_NAME_BYTES + 8];
    const char *root = version < 130000 ? ""
                       : settings->partitions == PG_PARTITIONS_ROOT
                           ? ", publish_via_partition_root = true"
                           : "";
    const char *truncate = version >= 110000 ? ", truncate" : "";
    snprintf(insert_name, sizeof insert_name, "%s_insert", publication);
    snprintf(with, sizeof with, "publish = 'insert, update, delete%s'%s", truncate, root);
    plan_statement(sql, publication, exists, &names, with, ret_main);
    snprintf(with, sizeof with, "publish = 'insert%s'%s", truncate, root);
    if (insert_names.len || (!exists && settings->create)) /* made before the slot, or never */
        plan_statement(sql, insert_name, insert_exists, &insert_names, with, ret_insert);
    leat_buf_release(&names);
    leat_buf_release(&insert_names);
    return ret_main->full || ret_insert->full
               ? leat_fail(err, LEAT_ELIMIT, "too many tables for one publication statement")
               : LEAT_OK;
}

static int publish(PGconn *sql, const char *instance, struct leat_buf *statement,
                   int64_t timeout_ms, struct leat_err *err)
{
    if (!statement->len)
        return LEAT_OK;
    const char *text = leat_buf_text(statement);
    int status = pg_execute(
        sql, text, timeout_ms,
        text[0] == 'A' ? "add tables to the publication" : "create the publication", err);
    if (!status)
        LEAT_INFO("source", instance, "publication changed",
                  LEAT_F_SLICE("statement", leat_buf_slice(statement)));
    else if (!err->hint[0])
        leat_err_hint(err, "let the tables' owner run: %.400s;", text);
    return status;
}

/* A slot cannot see a publication that is younger (rule 12): what it still holds would never be
 * decoded if the stream named one. */
static int refuse_second(PGconn *sql, int version, const char *instance, const char *slot_name,
                         struct leat_buf *statement, int64_t timeout_ms, struct leat_err *err)
{
    struct pg_slot slot;
    int status = pg_catalog_slot(sql, version, slot_name, timeout_ms, &slot, err);
    if (status || !slot.exists)
        return status;
    LEAT_WARN("source", instance, "tables without replica identity are left out",
              LEAT_F_TEXT("reason", "the slot is older than the publication that they need"),
              LEAT_F_TEXT("statement", leat_buf_text(statement)));
    leat_buf_reset(statement);
    return LEAT_OK;
}

int pg_catalog_publish(PGconn *sql, const struct pg_settings *settings, const char *instance,
                       int version, const char *publication, const char *slot, int64_t timeout_ms,
                       struct leat_err *err)
{
    bool exists, insert_exists;
    PGresult *tables;
    int status =
        pg_catalog_publications(sql, publication, timeout_ms, &exists, &insert_exists, err);
    if (!status)
        status = pg_catalog_tables(sql, version, publication, timeout_ms, &tables, err);
    if (status)
        return status;
    struct leat_buf statement, insert_statement;
    leat_buf_init(&statement, 4 << 20);
    leat_buf_init(&insert_statement, 4 << 20);
    status = pg_catalog_publish_plan(sql, settings, version, publication, exists, insert_exists,
                                     tables, &statement, &insert_statement, err);
    PQclear(tables);
    if (!status)
        status = publish(sql, instance, &statement, timeout_ms, err);
    if (!status && exists && !insert_exists && insert_statement.len)
        status = refuse_second(sql, version, instance, slot, &insert_statement, timeout_ms, err);
    if (!status)
        status = publish(sql, instance, &insert_statement, timeout_ms, err);
    leat_buf_release(&statement);
    leat_buf_release(&insert_statement);
    return status;
}

/* --- types and columns -------------------------------------------------------------------------
 */

int pg_catalog_types(PGconn *sql, const char *publication, int64_t timeout_ms, PGresult **ret_types,
                     struct leat_err *err)
{
    static const char QUERY[] =
        "WITH RECURSIVE used AS (SELECT a.atttypid AS oid, min(p.schemaname || '.' || p.tablename "
        "|| '.' || a.attname) AS example FROM pg_catalog.pg_publication_tables p JOIN "
        "pg_catalog.pg_namespace n ON n.nspname = p.schemaname JOIN pg_catalog.pg_class c ON "
        "c.relname = p.tablename AND c.relnamespace = n.oid JOIN pg_catalog.pg_attribute a ON "
        "a.attrelid = c.oid WHERE p.pubname::text IN ($1::text, $1::text || '_insert') AND "
        "a.attnum > 0 AND NOT a.attisdropped GROUP BY 1), base AS (SELECT oid, example FROM used "
        "UNION ALL SELECT t.typbasetype, b.example FROM base b JOIN pg_catalog.pg_type t ON t.oid "
        "= b.oid WHERE t.typtype = 'd') SELECT t.oid, pg_catalog.format_type(t.oid, NULL), "
        "min(b.example) FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid WHERE t.typtype "
        "NOT IN ('d', 'e') GROUP BY 1, 2 ORDER BY 3";
    return pg_query_params(sql, QUERY, (const char *const[]){publication}, 1, timeout_ms,
                           "look at the published types", ret_types, err);
}

int pg_catalog_binary_exact(PGconn *sql, const char *publication, int64_t timeout_ms,
                            bool *ret_exact, struct leat_err *err)
{
    PGresult *result;
    int status = pg_catalog_types(sql, publication, timeout_ms, &result, err);
    if (status)
        return status;
    *ret_exact = true;
    for (int i = 0; i < PQntuples(result); i++)
        *ret_exact &= pgtype_find((uint32_t)pg_int(result, i, 0))->binary_exact;
    PQclear(result);
    return LEAT_OK;
}

static void read_fact(const PGresult *result, int row, struct leat_arena *arena,
                      struct pg_column_fact *fact)
{
    fact->name = leat_arena_copy(arena, leat_slice_text(PQgetvalue(result, row, 0)));
    fact->type = (uint32_t)pg_int(result, row, 1);
    fact->not_null = PQgetvalue(result, row, 2)[0] == 't';
    fact->key_ordinal = (uint16_t)pg_int(result, row, 3);
    fact->type_text = leat_arena_copy(arena, leat_slice_text(PQgetvalue(result, row, 4)));
    fact->base_type = (uint32_t)pg_int(result, row, 5);
    fact->base_typmod = (int32_t)pg_int(result, row, 6);
    fact->is_enum = PQgetvalue(result, row, 7)[0] == 'e';
}

int pg_catalog_columns(PGconn *sql, uint32_t relation, int64_t timeout_ms, struct leat_arena *arena,
                       struct pg_column_fact **ret_facts, size_t *ret_count, struct leat_err *err)
{
    static const char QUERY[] =
        "WITH RECURSIVE base AS (SELECT a.attnum, t.oid, a.atttypmod AS typmod, t.typtype, "
        "t.typbasetype, t.typtypmod  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON "
        "t.oid = a.atttypid  WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped  "
        "UNION ALL SELECT b.attnum, t.oid, b.typtypmod, t.typtype, t.typbasetype, t.typtypmod "
        "FROM base b  JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd') "
        "SELECT a.attname, a.atttypid, a.attnotnull, coalesce(k.n, 0), "
        "pg_catalog.format_type(a.atttypid, a.atttypmod), b.oid, b.typmod, b.typtype FROM "
        "pg_catalog.pg_attribute a JOIN base b ON b.attnum = a.attnum AND b.typtype <> 'd' LEFT "
        "JOIN (SELECT u.attnum, u.n FROM pg_catalog.pg_index i, unnest(i.indkey) WITH ORDINALITY "
        "u(attnum, n)  WHERE i.indrelid = $1::oid AND i.indisprimary) k ON k.attnum = a.attnum "
        "WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    char oid[16];
    snprintf(oid, sizeof oid, "%" PRIu32, relation);
    PGresult *result;
    int status = pg_query_params(sql, QUERY, (const char *const[]){oid}, 1, timeout_ms,
                                 "look at a table's columns", &result, err);
    if (status)
        return status;
    size_t count = (size_t)PQntuples(result);
    struct pg_column_fact *facts = leat_arena_zeroed(arena, count ? count : 1, sizeof *facts);
    for (size_t i = 0; facts && i < count; i++)
        read_fact(result, (int)i, arena, &facts[i]);
    PQclear(result);
    *ret_facts = facts;
    *ret_count = facts ? count : 0;
    return LEAT_OK;
}
