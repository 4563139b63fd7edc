#include "sources/postgres/catalog.h"

#include <leat/log.h>

#include "sources/postgres/filter.h"
#include "sources/postgres/pgtype.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void copy_text(char *to, size_t size, const PGresult *result, int row, int column)
{
    snprintf(to, size, "%s", PQgetvalue(result, row, column));
}

/* --- the server -------------------------------------------------------------------------------- */

int pg_catalog_server(PGconn *stream, PGconn *sql, int64_t timeout_ms, struct pg_server *ret_server,
                      struct leat_err *err)
{
    struct pg_server server = {.version = PQserverVersion(stream)};
    PGresult *result;
    int status = pg_query(stream, "IDENTIFY_SYSTEM", timeout_ms, "identify the server", &result, err);
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
    for (const char *line = content; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        char *end;
        unsigned long number = strtoul(line, &end, 10);
        if (end == line || *end != '\t' || number != timeline)
            continue;
        size_t len = strcspn(end + 1, "\t\n");
        return pg_lsn_parse(leat_slice_of(end + 1, len), ret_lsn);
    }
    return false;
}

int pg_catalog_timeline_end(PGconn *stream, uint32_t server_timeline, uint32_t timeline, int64_t timeout_ms,
                            uint64_t *ret_lsn, struct leat_err *err)
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

/* --- the slot ---------------------------------------------------------------------------------- */

int pg_catalog_slot(PGconn *sql, int version, const char *slot, int64_t timeout_ms, struct pg_slot *ret_slot,
                    struct leat_err *err)
{
    char query[900];
    snprintf(query, sizeof query,
             "SELECT s.plugin, s.database, s.active, s.active_pid, s.temporary, s.slot_type, s.restart_lsn, "
             "s.confirmed_flush_lsn, %s, %s, %s, a.application_name FROM pg_catalog.pg_replication_slots s "
             "LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid WHERE slot_name = $1",
             version >= 130000 ? "s.wal_status" : "''", version >= 170000 ? "s.invalidation_reason" : "''",
             version >= 170000 ? "s.synced" : "false");
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
    }
    PQclear(result);
    *ret_slot = s;
    return LEAT_OK;
}

int pg_catalog_slot_create(PGconn *stream, int version, const char *slot, int64_t timeout_ms,
                           uint64_t *ret_lsn, struct leat_err *err)
{
    char command[160];
    snprintf(command, sizeof command, "CREATE_REPLICATION_SLOT \"%s\" LOGICAL pgoutput %s", slot,
             version >= 150000 ? "(SNAPSHOT 'nothing')" : "NOEXPORT_SNAPSHOT");
    PGresult *result;
    int status = pg_query(stream, command, timeout_ms, "create the replication slot", &result, err);
    if (status) {
        if (status == LEAT_ERETRY && !err->hint[0])
            leat_err_hint(err, "creation waits for transactions that are open: SELECT pid, xact_start, query FROM "
                               "pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start; and SELECT * FROM "
                               "pg_prepared_xacts;");
        return status;
    }
    *ret_lsn = pg_lsn(result, 0, 1);
    PQclear(result);
    return LEAT_OK;
}

/* --- publications ------------------------------------------------------------------------------ */

int pg_catalog_publications(PGconn *sql, const char *publication, int64_t timeout_ms, bool *ret_main,
                            bool *ret_insert, struct leat_err *err)
{
    PGresult *result;
    int status = pg_query_params(sql,
                                 "SELECT count(*) FILTER (WHERE pubname = $1), "
                                 "count(*) FILTER (WHERE pubname = $1 || '_insert') FROM pg_catalog.pg_publication",
                                 (const char *const[]){publication}, 1, timeout_ms,
                                 "look for the publication", &result, err);
    if (status)
        return status;
    *ret_main = pg_int(result, 0, 0) == 1;
    *ret_insert = pg_int(result, 0, 1) == 1;
    PQclear(result);
    return LEAT_OK;
}

/* Every table that could be published, whether updates of it have an identity (a deferrable primary key is none;
 * a partitioned table has one when all its leaves do), and whether a publication of ours has it. */
static const char TABLES_QUERY[] =
    "SELECT n.nspname, c.relname, "
    "NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class l WHERE l.oid IN (%s) AND NOT (l.relreplident = 'f' "
    "  OR (l.relreplident = 'd' AND EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = l.oid AND "
    "      i.indisprimary AND i.indimmediate AND i.indisvalid)) "
    "  OR (l.relreplident = 'i' AND EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = l.oid AND "
    "      i.indisreplident AND i.indisvalid)))), "
    "EXISTS (SELECT 1 FROM pg_catalog.pg_publication p LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid "
    "  AND r.prrelid = c.oid WHERE p.pubname IN ($1, $1 || '_insert') AND (p.puballtables OR r.prrelid IS NOT NULL)) "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN (%s) AND c.relpersistence = 'p' AND NOT %s "
    "AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%%' ORDER BY 1, 2";

/* Before 13 partitioned tables cannot be published: their leaves are. */
static int list_tables(PGconn *sql, int version, const char *publication, int64_t timeout_ms,
                       PGresult **ret_result, struct leat_err *err)
{
    char query[sizeof TABLES_QUERY + 256];
    bool roots = version >= 130000;
    snprintf(query, sizeof query, TABLES_QUERY,
             roots ? "SELECT c.oid WHERE c.relkind = 'r' UNION ALL SELECT t.relid FROM "
                     "pg_catalog.pg_partition_tree(c.oid) t WHERE t.isleaf AND c.relkind = 'p'"
                   : "c.oid",
             roots ? "'r', 'p'" : "'r'", roots ? "c.relispartition" : "false");
    return pg_query_params(sql, query, (const char *const[]){publication}, 1, timeout_ms, "list the tables",
                           ret_result, err);
}

static void append_table(PGconn *sql, struct leat_buf *list, const char *schema, const char *table)
{
    char *s = PQescapeIdentifier(sql, schema, strlen(schema));
    char *t = PQescapeIdentifier(sql, table, strlen(table));
    leat_buf_format(list, "%s%s.%s", list->len ? ", " : "", s ? s : "", t ? t : "");
    PQfreemem(s);
    PQfreemem(t);
}

/* One statement that creates the publication with these tables, or adds them. */
static int publish_tables(PGconn *sql, const char *instance, const char *name, bool exists,
                          struct leat_buf *tables, const char *with, int64_t timeout_ms, struct leat_err *err)
{
    if (exists && !tables->len)
        return LEAT_OK;
    struct leat_buf statement;
    leat_buf_init(&statement, 4 << 20);
    char *quoted = PQescapeIdentifier(sql, name, strlen(name));
    if (exists)
        leat_buf_format(&statement, "ALTER PUBLICATION %s ADD TABLE %s", quoted, leat_buf_text(tables));
    else
        leat_buf_format(&statement, "CREATE PUBLICATION %s %s%s WITH (%s)", quoted,
                        tables->len ? "FOR TABLE " : "", leat_buf_text(tables), with);
    PQfreemem(quoted);
    int status = statement.full ? leat_fail(err, LEAT_ELIMIT, "too many tables for one publication statement")
                                : pg_execute(sql, leat_buf_text(&statement), timeout_ms,
                                             exists ? "add tables to the publication" : "create the publication", err);
    if (!status)
        LEAT_INFO("source", instance, "publication changed", LEAT_F_SLICE("statement", leat_buf_slice(&statement)));
    else if (!err->hint[0])
        leat_err_hint(err, "let the tables' owner run: %.400s;", leat_buf_text(&statement));
    leat_buf_release(&statement);
    return status;
}

int pg_catalog_publish(PGconn *sql, const struct pg_settings *settings, const char *instance, int version,
                       const char *publication, int64_t timeout_ms, struct leat_err *err)
{
    bool exists, insert_exists;
    PGresult *result;
    int status = pg_catalog_publications(sql, publication, timeout_ms, &exists, &insert_exists, err);
    if (!status)
        status = list_tables(sql, version, publication, timeout_ms, &result, err);
    if (status)
        return status;
    struct leat_buf tables, insert_tables;
    leat_buf_init(&tables, 4 << 20);
    leat_buf_init(&insert_tables, 4 << 20);
    for (int i = 0; i < PQntuples(result); i++) {
        const char *schema = PQgetvalue(result, i, 0), *table = PQgetvalue(result, i, 1);
        bool identity = PQgetvalue(result, i, 2)[0] == 't', published = PQgetvalue(result, i, 3)[0] == 't';
        if (!published && pg_filter_table(settings, leat_slice_text(schema), leat_slice_text(table)))
            append_table(sql, identity ? &tables : &insert_tables, schema, table);
    }
    PQclear(result);
    char with[160], insert_with[160], insert_name[PG_NAME_BYTES + 8];
    const char *root = version < 130000                              ? ""
                       : settings->partitions == PG_PARTITIONS_ROOT ? ", publish_via_partition_root = true"
                                                                     : "";
    const char *truncate = version >= 110000 ? ", truncate" : "";
    snprintf(with, sizeof with, "publish = 'insert, update, delete%s'%s", truncate, root);
    snprintf(insert_with, sizeof insert_with, "publish = 'insert%s'%s", truncate, root);
    snprintf(insert_name, sizeof insert_name, "%s_insert", publication);
    status = publish_tables(sql, instance, publication, exists, &tables, with, timeout_ms, err);
    if (!status && insert_tables.len)
        status = publish_tables(sql, instance, insert_name, insert_exists, &insert_tables, insert_with,
                                timeout_ms, err);
    leat_buf_release(&tables);
    leat_buf_release(&insert_tables);
    return status;
}

/* --- types and columns ------------------------------------------------------------------------- */

int pg_catalog_binary_exact(PGconn *sql, const char *publication, int64_t timeout_ms, bool *ret_exact,
                            struct leat_err *err)
{
    static const char QUERY[] =
        "WITH RECURSIVE used AS (SELECT DISTINCT a.atttypid AS oid FROM pg_catalog.pg_publication_tables p "
        "JOIN pg_catalog.pg_namespace n ON n.nspname = p.schemaname JOIN pg_catalog.pg_class c ON c.relname = "
        "p.tablename AND c.relnamespace = n.oid JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid "
        "WHERE p.pubname IN ($1, $1 || '_insert') AND a.attnum > 0 AND NOT a.attisdropped), "
        "base AS (SELECT oid FROM used UNION SELECT t.typbasetype FROM base b JOIN pg_catalog.pg_type t ON "
        "t.oid = b.oid WHERE t.typtype = 'd') "
        "SELECT t.oid FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid WHERE t.typtype NOT IN ('d', 'e')";
    PGresult *result;
    int status = pg_query_params(sql, QUERY, (const char *const[]){publication}, 1, timeout_ms,
                                 "look at the published types", &result, err);
    if (status)
        return status;
    *ret_exact = true;
    for (int i = 0; i < PQntuples(result); i++)
        *ret_exact &= pgtype_find((uint32_t)pg_int(result, i, 0))->binary_exact;
    PQclear(result);
    return LEAT_OK;
}

static void read_fact(const PGresult *result, int row, struct leat_arena *arena, struct pg_column_fact *fact)
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
        "WITH RECURSIVE base AS (SELECT a.attnum, t.oid, a.atttypmod AS typmod, t.typtype, t.typbasetype, t.typtypmod "
        " FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
        " WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped "
        " UNION ALL SELECT b.attnum, t.oid, b.typtypmod, t.typtype, t.typbasetype, t.typtypmod FROM base b "
        " JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd') "
        "SELECT a.attname, a.atttypid, a.attnotnull, coalesce(k.n, 0), "
        "pg_catalog.format_type(a.atttypid, a.atttypmod), b.oid, b.typmod, b.typtype "
        "FROM pg_catalog.pg_attribute a JOIN base b ON b.attnum = a.attnum AND b.typtype <> 'd' "
        "LEFT JOIN (SELECT u.attnum, u.n FROM pg_catalog.pg_index i, unnest(i.indkey) WITH ORDINALITY u(attnum, n) "
        " WHERE i.indrelid = $1::oid AND i.indisprimary) k ON k.attnum = a.attnum "
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
