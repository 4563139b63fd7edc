#include "emitters/postgres/tables.h"

#include <leat/finding.h>

#include <stdio.h>

enum { SQL_BYTES_MAX = 64 << 10 };

void pge_quote(struct leat_buf *buf, const char *name)
{
    leat_buf_append_text(buf, "\"");
    for (; *name; name++)
        leat_buf_append_text(buf, *name == '"' ? "\"\"" : (char[]){*name, '\0'});
    leat_buf_append_text(buf, "\"");
}

void pge_table_name(const struct pge_settings *s, const char *table, char *ret_name)
{
    struct leat_buf name;
    leat_buf_init(&name, PGE_NAME_BYTES - 1); /* two names of 50 bytes, all of them quotes, fit */
    pge_quote(&name, s->schema);
    leat_buf_append_text(&name, ".");
    pge_quote(&name, table);
    snprintf(ret_name, PGE_NAME_BYTES, "%s", leat_buf_text(&name));
    leat_buf_release(&name);
}

/* CREATE POLICY knows no IF NOT EXISTS. */
static void policy_ddl(const char *table, struct leat_buf *sql)
{
    leat_buf_format(sql, "ALTER TABLE %s ENABLE ROW LEVEL SECURITY;\n", table);
    leat_buf_format(sql, "DROP POLICY IF EXISTS leat_tenant ON %s;\n", table);
    leat_buf_format(
        sql,
        "CREATE POLICY leat_tenant ON %s USING (tenant = current_setting('app.tenant', true));\n",
        table);
}

static void index_ddl(const struct pge_settings *s, const char *table, const char *suffix,
                      const char *columns, struct leat_buf *sql)
{
    char name[80];
    snprintf(name, sizeof name, "%s_%s", s->table, suffix);
    leat_buf_append_text(sql, "CREATE INDEX IF NOT EXISTS ");
    pge_quote(sql, name);
    leat_buf_format(sql, " ON %s (%s);\n", table, columns);
}

void pge_tables_ddl(const struct pge_settings *s, struct leat_buf *sql)
{
    char table[PGE_NAME_BYTES], cursor[PGE_NAME_BYTES];
    const char *type = pge_settings_record_type(s);
    pge_table_name(s, s->table, table);
    pge_table_name(s, "leat_cursor", cursor);
    leat_buf_append_text(sql, "CREATE SCHEMA IF NOT EXISTS ");
    pge_quote(sql, s->schema);
    leat_buf_format(sql,
                    ";\nCREATE TABLE IF NOT EXISTS %s (source_id text NOT NULL, external_id text, "
                    "record %s NOT NULL, "
                    "metadata %s NOT NULL, created_at timestamptz NOT NULL, seq bigint NOT NULL%s, "
                    "PRIMARY KEY (source_id, seq));\n",
                    table, type, type, s->row_security ? ", tenant text" : "");
    index_ddl(s, table, "created", "source_id, created_at", sql);
    index_ddl(s, table, "external", "source_id, external_id", sql);
    leat_buf_format(
        sql,
        "CREATE TABLE IF NOT EXISTS %s (emitter text PRIMARY KEY, store bigint NOT NULL, "
        "rewinds bigint NOT NULL, through bigint NOT NULL, again_through bigint NOT NULL, "
        "updated_at timestamptz NOT NULL DEFAULT now());\n",
        cursor);
    if (s->row_security)
        policy_ddl(table, sql);
}

/* --- what is there ------------------------------------------------------------------------------
 */

static int there(struct pge_session *session, const char *table, bool *ret_there,
                 struct leat_err *err)
{
    const char *params[] = {table};
    PGresult *result;
    int status = pge_query(session, "SELECT to_regclass($1) IS NOT NULL", params, 1,
                           "look for a table", &result, err);
    if (status)
        return status;
    *ret_there = PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    return LEAT_OK;
}

/* Columns with their types, as text, in alphabetical order. */
static int columns_read(struct pge_session *session, const char *table, struct leat_buf *found,
                        struct leat_err *err)
{
    const char *params[] = {table};
    PGresult *result;
    int status =
        pge_query(session,
                  "SELECT coalesce(string_agg(attname || ' ' || format_type(atttypid, NULL), ', ' "
                  "ORDER BY attname COLLATE \"C\"), '') FROM pg_catalog.pg_attribute "
                  "WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
                  params, 1, "look at the table's columns", &result, err);
    if (status)
        return status;
    leat_buf_append_text(found, PQgetvalue(result, 0, 0));
    PQclear(result);
    return LEAT_OK;
}

static int columns_check(struct pge_session *session, const char *table, struct leat_report *report,
                         struct leat_err *err)
{
    const struct pge_settings *s = session->settings;
    const char *type = pge_settings_record_type(s);
    struct leat_buf found, wanted;
    leat_buf_init(&found, SQL_BYTES_MAX);
    leat_buf_init(&wanted, SQL_BYTES_MAX);
    leat_buf_format(&wanted,
                    "created_at timestamp with time zone, external_id text, metadata %s, record "
                    "%s, seq bigint, "
                    "source_id text%s",
                    type, type, s->row_security ? ", tenant text" : "");
    int status = columns_read(session, table, &found, err);
    bool same = !status && leat_slice_equal(leat_buf_slice(&found), leat_buf_slice(&wanted));
    if (!status && same)
        leat_finding(report, LEAT_FINDING_OK, "table", NULL, "%s has the columns that we write",
                     table);
    else if (!status)
        leat_finding(report, LEAT_FINDING_FATAL, "table", NULL,
                     "%s has the columns (%.200s), not (%.200s): choose another `table`, or change "
                     "record_type",
                     table, leat_buf_text(&found), leat_buf_text(&wanted));
    leat_buf_release(&found);
    leat_buf_release(&wanted);
    return status;
}

int pge_tables_check(struct pge_session *session, bool apply, struct leat_report *report,
                     struct leat_err *err)
{
    char table[PGE_NAME_BYTES], cursor[PGE_NAME_BYTES];
    struct leat_buf ddl;
    bool table_there = false, cursor_there = false;
    pge_table_name(session->settings, session->settings->table, table);
    pge_table_name(session->settings, "leat_cursor", cursor);
    leat_buf_init(&ddl, SQL_BYTES_MAX);
    pge_tables_ddl(session->settings, &ddl);
    int status =
        apply ? pge_execute(session, leat_buf_text(&ddl), "make the tables", err) : LEAT_OK;
    if (!status)
        status = there(session, table, &table_there, err);
    if (!status)
        status = there(session, cursor, &cursor_there, err);
    if (!status && !(table_there && cursor_there))
        leat_finding(report, LEAT_FINDING_FATAL, "table", leat_buf_text(&ddl),
                     "%s is missing; `leat check --apply` makes it", table_there ? cursor : table);
    else if (!status)
        status = columns_check(session, table, report, err);
    leat_buf_release(&ddl);
    return status;
}
