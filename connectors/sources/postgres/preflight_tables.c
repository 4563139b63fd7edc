/*
 * Preflight: each table that is published, its columns and types, and what publishing does to the
 * application: a published table whose rows cannot be identified refuses its UPDATEs and DELETEs,
 * in the application's face.
 *
 * A table's identity is asked of what really holds its rows: of each leaf of a partitioned table.
 */
#include "sources/postgres/preflight.h"

#include "sources/postgres/pgtype.h"

#include <stdio.h>

enum { FIX_MAX = 256 << 10, TYPES_LISTED_MAX = 5, ID_MAX = 2 * PG_NAME_BYTES + 32 };

/* --- each table that is published ------------------------------------------------------------- */

enum {
    ROW_SCHEMA,
    ROW_TABLE,
    ROW_REPLIDENT,
    ROW_CHANGES, /* updates or deletes are published */
    ROW_IDENTITY,
    ROW_PRIMARY,   /* a primary key that could be the identity */
    ROW_DEFERRED,  /* a primary key that could not */
    ROW_CANDIDATE, /* an index that could be the identity */
    ROW_TOAST,     /* columns whose unchanged values may not be sent */
    ROW_GENERATED, /* columns that are not sent at all */
    ROW_CHILDREN,  /* tables inherit from it */
    ROW_MAIN,      /* in the main publication */
};

/* The function and not its view, which would be joined by name: that takes seconds for thousands of
 * tables. %s: stored generated columns are published; generated columns; leaves of s. Before 12
 * there are no generated columns, before 18 they cannot be published. */
static const char ROWS_QUERY[] =
    "WITH s AS (SELECT c.oid, c.relkind, bool_or(p.pubupdate OR p.pubdelete) AS changes, "
    "  bool_or(p.pubname::text = $1::text) AS main, bool_or(%s) AS generated "
    "  FROM pg_catalog.pg_publication p "
    "  CROSS JOIN LATERAL pg_catalog.pg_get_publication_tables(p.pubname::text) t "
    "  JOIN pg_catalog.pg_class c ON c.oid = t.relid "
    "  WHERE p.pubname::text IN ($1::text, $2::text) GROUP BY c.oid, c.relkind) "
    "SELECT n.nspname, l.relname, l.relreplident, s.changes, " PG_SQL_HAS_IDENTITY ", "
    "EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = l.oid AND i.indisprimary AND i.indimmediate "
    "  AND i.indisvalid), "
    "EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = l.oid AND i.indisprimary AND NOT i.indimmediate), "
    "(SELECT x.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid "
    "  WHERE i.indrelid = l.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL "
    "  AND i.indexprs IS NULL AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = l.oid "
    "  AND a.attnum = ANY (i.indkey) AND NOT a.attnotnull) ORDER BY i.indisprimary DESC, i.indnatts, 1 LIMIT 1), "
    "(SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a WHERE a.attrelid = l.oid "
    "  AND l.reltoastrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped AND a.attstorage <> 'p'), "
    "(SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a WHERE a.attrelid = l.oid "
    "  AND a.attnum > 0 AND NOT a.attisdropped AND %s), "
    "l.relkind = 'r' AND EXISTS (SELECT 1 FROM pg_catalog.pg_inherits h WHERE h.inhparent = l.oid), s.main "
    "FROM s CROSS JOIN LATERAL (%s) v(oid) JOIN pg_catalog.pg_class l ON l.oid = v.oid "
    "JOIN pg_catalog.pg_namespace n ON n.oid = l.relnamespace ORDER BY 1, 2";

static bool load_rows(struct pg_preflight *p, PGresult **ret_rows)
{
    char query[sizeof ROWS_QUERY + 512];
    int version = p->version;
    snprintf(query, sizeof query, ROWS_QUERY, version >= 180000 ? "p.pubgencols = 's'" : "false",
             version >= 180000
                 ? "(a.attgenerated = 'v' OR (a.attgenerated = 's' AND NOT s.generated))"
             : version >= 120000 ? "a.attgenerated <> ''"
                                 : "false",
             version >= 130000
                 ? "SELECT s.oid WHERE s.relkind = 'r' UNION ALL SELECT t.relid FROM "
                   "pg_catalog.pg_partition_tree(s.oid) t WHERE t.isleaf AND s.relkind = 'p'"
                 : "SELECT s.oid");
    return pg_preflight_ask(p, "published_tables", query,
                            (const char *const[]){p->source->publication, p->insert_publication}, 2,
                            ret_rows);
}

/* The best statement that gives the table an identity. */
static void identity_fix(struct pg_preflight *p, const PGresult *r, int row, struct leat_buf *fix)
{
    leat_buf_append_text(fix, "ALTER TABLE ");
    pg_append_table(p->sql, fix, PQgetvalue(r, row, ROW_SCHEMA), PQgetvalue(r, row, ROW_TABLE));
    leat_buf_append_text(fix, " REPLICA IDENTITY ");
    if (pg_true(r, row, ROW_PRIMARY)) {
        leat_buf_append_text(fix, "DEFAULT;");
    } else if (*PQgetvalue(r, row, ROW_CANDIDATE)) {
        leat_buf_append_text(fix, "USING INDEX ");
        pg_append_identifier(p->sql, fix, PQgetvalue(r, row, ROW_CANDIDATE));
        leat_buf_append_text(fix, ";");
    } else {
        leat_buf_append_text(fix, "FULL;");
    }
}

static void report_identity(struct pg_preflight *p, const PGresult *r, int row)
{
    const char *schema = PQgetvalue(r, row, ROW_SCHEMA), *table = PQgetvalue(r, row, ROW_TABLE);
    char form = PQgetvalue(r, row, ROW_REPLIDENT)[0];
    const char *why =
        form == 'n'   ? "its replica identity is NOTHING"
        : form == 'i' ? "the index of its replica identity was dropped or is not valid"
        : pg_true(r, row, ROW_DEFERRED) ? "its primary key is deferrable, which identifies no rows"
                                        : "it has no primary key and no other replica identity";
    bool costly = !pg_true(r, row, ROW_PRIMARY) && !*PQgetvalue(r, row, ROW_CANDIDATE);
    char id[ID_MAX];
    struct leat_buf fix;
    leat_buf_init(&fix, FIX_MAX);
    identity_fix(p, r, row, &fix);
    snprintf(id, sizeof id, "replica_identity:%s.%s", schema, table);
    pg_finding(
        p, LEAT_FINDING_FATAL, id, leat_buf_text(&fix),
        "the application's UPDATE and DELETE of %s.%s fail as long as they are published: %s%s",
        schema, table, why,
        costly ? " (a primary key is better than FULL, which logs whole old rows)" : "");
    leat_buf_release(&fix);
}

/* ALTER PUBLICATION … ADD or DROP TABLE …, without its end; tables that inherit stay as they are.
 */
static void alter_publication(struct pg_preflight *p, struct leat_buf *fix, const char *publication,
                              const char *verb, const char *schema, const char *table)
{
    leat_buf_append_text(fix, "ALTER PUBLICATION ");
    pg_append_identifier(p->sql, fix, publication);
    leat_buf_format(fix, " %s TABLE ONLY ", verb);
    pg_append_table(p->sql, fix, schema, table);
}

/* In the second publication for want of an identity, and now it has one. */
static void report_insert_only(struct pg_preflight *p, const PGresult *r, int row)
{
    const char *schema = PQgetvalue(r, row, ROW_SCHEMA), *name = PQgetvalue(r, row, ROW_TABLE);
    char id[ID_MAX];
    struct leat_buf fix;
    leat_buf_init(&fix, FIX_MAX);
    leat_buf_append_text(&fix, "BEGIN;\n");
    alter_publication(p, &fix, p->insert_publication, "DROP", schema, name);
    leat_buf_append_text(&fix, ";\n");
    alter_publication(p, &fix, p->source->publication, "ADD", schema, name);
    leat_buf_append_text(&fix, ";\nCOMMIT;");
    snprintf(id, sizeof id, "insert_only:%s.%s", schema, name);
    pg_finding(p, LEAT_FINDING_WARN, id, leat_buf_text(&fix),
               "%s.%s is published for inserts only, though its rows can be identified now", schema,
               name);
    leat_buf_release(&fix);
}

static void check_rows(struct pg_preflight *p)
{
    PGresult *r;
    struct leat_tally inserts, toast, full, generated, parents;
    if (!load_rows(p, &r))
        return;
    leat_tally_init(&inserts);
    leat_tally_init(&toast);
    leat_tally_init(&full);
    leat_tally_init(&generated);
    leat_tally_init(&parents);
    for (int i = 0; i < PQntuples(r); i++) {
        const char *schema = PQgetvalue(r, i, ROW_SCHEMA), *table = PQgetvalue(r, i, ROW_TABLE);
        bool changes = pg_true(r, i, ROW_CHANGES), identity = pg_true(r, i, ROW_IDENTITY);
        bool whole = PQgetvalue(r, i, ROW_REPLIDENT)[0] == 'f';
        if (changes && !identity)
            report_identity(p, r, i);
        else if (!changes && identity && !pg_true(r, i, ROW_MAIN))
            report_insert_only(p, r, i);
        else if (!changes)
            leat_tally_add(&inserts, schema, table, "");
        if (whole)
            leat_tally_add(&full, schema, table, "");
        else if (*PQgetvalue(r, i, ROW_TOAST))
            leat_tally_add(&toast, schema, table, PQgetvalue(r, i, ROW_TOAST));
        if (*PQgetvalue(r, i, ROW_GENERATED))
            leat_tally_add(&generated, schema, table, PQgetvalue(r, i, ROW_GENERATED));
        if (pg_true(r, i, ROW_CHILDREN))
            leat_tally_add(&parents, schema, table, "");
    }
    PQclear(r);
    leat_tally_report(
        &inserts, p->report, LEAT_FINDING_NOTE, "insert_only",
        "only inserts are published of ", "");
    leat_tally_report(
        &toast, p->report, LEAT_FINDING_NOTE, "absent_values",
        "an UPDATE that leaves a long value alone does not send it: it is absent in the event, not NULL. "
        "REPLICA IDENTITY FULL would send it; possible in ",
        "");
    leat_tally_report(
        &full, p->report, LEAT_FINDING_NOTE, "identity_full",
        "every UPDATE and DELETE logs the whole old row (REPLICA IDENTITY FULL) of ", "");
    leat_tally_report(
        &generated, p->report, LEAT_FINDING_NOTE, "generated_columns",
        "generated columns are not in the stream: ",
        p->version >= 180000
            ? "; stored ones are with ALTER PUBLICATION … SET (publish_generated_columns = stored)"
            : "");
    leat_tally_report(
        &parents, p->report, LEAT_FINDING_NOTE, "inheritance",
        "tables that inherit are tables of their own, and later ones are not published by themselves; parents: ",
        "");
}

/* --- the rows that are there ---------------------------------------------------------------------- */

/* The initial copy reads the tables, which the stream does not. */
static void check_readable(struct pg_preflight *p)
{
    PGresult *r;
    struct leat_tally hidden;
    struct leat_buf fix;
    if (p->settings->snapshot == PG_SNAPSHOT_NEVER ||
        !pg_preflight_ask(p, "snapshot_select",
                          "SELECT DISTINCT n.nspname, c.relname FROM pg_catalog.pg_publication p CROSS JOIN "
                          "LATERAL pg_catalog.pg_get_publication_tables(p.pubname::text) t JOIN "
                          "pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = "
                          "c.relnamespace WHERE p.pubname::text IN ($1::text, $2::text) AND NOT "
                          "(pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND "
                          "pg_catalog.has_table_privilege(c.oid, 'SELECT')) ORDER BY 1, 2",
                          (const char *const[]){p->source->publication, p->insert_publication}, 2, &r))
        return;
    leat_tally_init(&hidden);
    leat_buf_init(&fix, FIX_MAX);
    for (int i = 0; i < PQntuples(r); i++) {
        const char *schema = PQgetvalue(r, i, 0), *table = PQgetvalue(r, i, 1);
        if (!pg_taken(p, schema, table))
            continue;
        leat_tally_add(&hidden, schema, table, "");
        leat_buf_append_text(&fix, fix.len ? "\nGRANT USAGE ON SCHEMA " : "GRANT USAGE ON SCHEMA ");
        pg_append_identifier(p->sql, &fix, schema);
        leat_buf_append_text(&fix, " TO ");
        pg_append_identifier(p->sql, &fix, p->session.user);
        leat_buf_append_text(&fix, ";\nGRANT SELECT ON ");
        pg_append_table(p->sql, &fix, schema, table);
        leat_buf_append_text(&fix, " TO ");
        pg_append_identifier(p->sql, &fix, p->session.user);
        leat_buf_append_text(&fix, ";");
    }
    if (hidden.count)
        pg_finding(p, LEAT_FINDING_FATAL, "snapshot_select", leat_buf_text(&fix),
                   "the initial copy may not read %s (snapshot: never does without it)",
                   leat_tally_text(&hidden));
    else
        pg_finding(p, LEAT_FINDING_OK, "snapshot_select", NULL, "the initial copy may read every table");
    leat_tally_release(&hidden);
    leat_buf_release(&fix);
    PQclear(r);
}

/* --- partitions ------------------------------------------------------------------------------- */

/* Root, leaf, and whether the leaf's name is the one in the stream, ordered by root. */
static const char LEAVES_QUERY[] =
    "SELECT rn.nspname, r.relname, ln.nspname, l.relname, "
    "EXISTS (SELECT 1 FROM pg_catalog.pg_publication_tables t WHERE t.pubname::text IN ($1::text, $2::text) "
    "  AND t.schemaname = ln.nspname AND t.tablename = l.relname) "
    "FROM pg_catalog.pg_class l JOIN pg_catalog.pg_namespace ln ON ln.oid = l.relnamespace "
    "JOIN pg_catalog.pg_class r ON r.oid = pg_catalog.pg_partition_root(l.oid) "
    "JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace "
    "WHERE l.relispartition AND l.relkind = 'r' ORDER BY 1, 2, 3, 4";

/* Streamed under their own names, leaves must match the patterns themselves. */
static void check_partitions(struct pg_preflight *p)
{
    PGresult *r;
    struct leat_tally leaves, lost;
    bool will_be = p->settings->create && p->settings->partitions == PG_PARTITIONS_LEAF;
    if (p->version < 130000 ||
        !pg_preflight_ask(p, "partitions", LEAVES_QUERY,
                          (const char *const[]){p->source->publication, p->insert_publication}, 2,
                          &r))
        return;
    leat_tally_init(&leaves);
    leat_tally_init(&lost);
    for (int i = 0; i < PQntuples(r); i++) {
        bool root = pg_taken(p, PQgetvalue(r, i, 0), PQgetvalue(r, i, 1));
        bool leaf = pg_taken(p, PQgetvalue(r, i, 2), PQgetvalue(r, i, 3)),
             streamed = pg_true(r, i, 4);
        if (root && !leaf && (streamed || will_be))
            leat_tally_add(&lost, PQgetvalue(r, i, 2), PQgetvalue(r, i, 3), "");
        else if (streamed && leaf)
            leat_tally_add(&leaves, PQgetvalue(r, i, 2), PQgetvalue(r, i, 3), "");
    }
    PQclear(r);
    struct leat_buf fix;
    leat_buf_init(&fix, FIX_MAX);
    leat_buf_append_text(&fix, "ALTER PUBLICATION ");
    pg_append_identifier(p->sql, &fix, p->source->publication);
    leat_buf_append_text(&fix, " SET (publish_via_partition_root = true);");
    if (lost.count)
        pg_finding(
            p, LEAT_FINDING_WARN, "partitions", will_be ? NULL : leat_buf_text(&fix),
            "partitions come under their own names, which the table patterns leave out, though they take the root: "
            "%s. Add a pattern for them, or publish by the root%s",
            leat_tally_text(&lost), will_be ? " (partitions: root)" : "");
    if (leaves.count)
        pg_finding(p, LEAT_FINDING_NOTE, "partitions", NULL,
                   "partitions come under their own names, not their root's: %s",
                   leat_tally_text(&leaves));
    leat_buf_release(&fix);
    leat_buf_release(&leaves.names);
    leat_buf_release(&lost.names);
}

/* --- column lists and row filters (15 and later) ---------------------------------------------- */

static void check_column_lists(struct pg_preflight *p)
{
    static const char QUERY[] =
        "SELECT schemaname, tablename FROM pg_catalog.pg_publication_tables "
        "WHERE pubname::text IN ($1::text, $2::text) GROUP BY 1, 2 HAVING count(DISTINCT attnames::text) > 1";
    PGresult *r;
    if (!pg_preflight_ask(p, "column_lists", QUERY,
                          (const char *const[]){p->source->publication, p->insert_publication}, 2,
                          &r))
        return;
    for (int i = 0; i < PQntuples(r); i++) {
        const char *schema = PQgetvalue(r, i, 0), *table = PQgetvalue(r, i, 1);
        char id[ID_MAX];
        struct leat_buf fix;
        leat_buf_init(&fix, FIX_MAX);
        alter_publication(p, &fix, p->insert_publication, "DROP", schema, table);
        leat_buf_append_text(&fix, ";");
        snprintf(id, sizeof id, "column_lists:%s.%s", schema, table);
        pg_finding(
            p, LEAT_FINDING_FATAL, id, leat_buf_text(&fix),
            "%s.%s has different column lists in \"%s\" and \"%s\": the stream would stop at its first change",
            schema, table, p->source->publication, p->insert_publication);
        leat_buf_release(&fix);
    }
    PQclear(r);
}

enum {
    COVER_PUBLICATION,
    COVER_SCHEMA,
    COVER_TABLE,
    COVER_FULL,
    COVER_UNLISTED,
    COVER_UNFILTERED,
    COVER_LIST,
    COVER_FILTER
};

/* Per table with a column list or row filter: identity columns that the list lacks, filter columns
 * that the identity lacks, the list as it should be, the filter. Columns are compared by name,
 * because leaves number theirs anew. */
static const char COVER_QUERY[] =
    "SELECT DISTINCT ON (p.pubname, n.nspname, c.relname) p.pubname, n.nspname, c.relname, l.relreplident = 'f', "
    "CASE WHEN r.prattrs IS NOT NULL AND l.relreplident = 'f' THEN '*' ELSE "
    "  (SELECT string_agg(k, ', ') FROM unnest(i.names) k WHERE r.prattrs IS NOT NULL AND k <> ALL (a.names)) END, "
    "(SELECT string_agg(k, ', ') FROM unnest(f.names) k WHERE l.relreplident <> 'f' AND k <> ALL (i.names)), "
    "(SELECT string_agg(quote_ident(k), ', ') FROM (SELECT unnest(a.names) UNION SELECT unnest(i.names)) u(k) "
    "  WHERE r.prattrs IS NOT NULL), pg_get_expr(r.prqual, r.prrelid) "
    "FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid "
    "JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "CROSS JOIN LATERAL (SELECT c.oid WHERE c.relkind = 'r' UNION ALL SELECT t.relid FROM "
    "  pg_catalog.pg_partition_tree(c.oid) t WHERE t.isleaf AND c.relkind = 'p') v(oid) "
    "JOIN pg_catalog.pg_class l ON l.oid = v.oid "
    "CROSS JOIN LATERAL (SELECT coalesce(array_agg(b.attname::text), '{}') FROM pg_catalog.pg_attribute b "
    "  WHERE b.attrelid = c.oid AND b.attnum = ANY (r.prattrs)) a(names) "
    "CROSS JOIN LATERAL (SELECT coalesce(array_agg(b.attname::text), '{}') FROM pg_catalog.pg_index x, "
    "  unnest(x.indkey) WITH ORDINALITY u(attnum, n), pg_catalog.pg_attribute b WHERE x.indrelid = l.oid "
    "  AND CASE l.relreplident WHEN 'd' THEN x.indisprimary WHEN 'i' THEN x.indisreplident ELSE false END "
    "  AND u.n <= x.indnkeyatts AND b.attrelid = l.oid AND b.attnum = u.attnum) i(names) "
    "CROSS JOIN LATERAL (SELECT coalesce(array_agg(DISTINCT b.attname::text), '{}') "
    "  FROM regexp_matches(r.prqual::text, ':varattno ([0-9]+)', 'g') m, pg_catalog.pg_attribute b "
    "  WHERE b.attrelid = c.oid AND b.attnum = m[1]::int) f(names) "
    "WHERE p.pubname::text IN ($1::text, $2::text) AND (p.pubupdate OR p.pubdelete) "
    "AND (r.prattrs IS NOT NULL OR r.prqual IS NOT NULL) "
    "ORDER BY 1, 2, 3, (CASE WHEN r.prattrs IS NOT NULL AND l.relreplident = 'f' THEN 0 "
    " WHEN NOT i.names <@ a.names AND r.prattrs IS NOT NULL THEN 1 WHEN NOT f.names <@ i.names THEN 2 ELSE 3 END)";

/* A list is changed by taking the table out and in again, in one transaction, so that no change
 * falls between. */
static void cover_fix(struct pg_preflight *p, const PGresult *r, int row, struct leat_buf *fix)
{
    const char *publication = PQgetvalue(r, row, COVER_PUBLICATION);
    const char *schema = PQgetvalue(r, row, COVER_SCHEMA), *table = PQgetvalue(r, row, COVER_TABLE);
    const char *list = PQgetvalue(r, row, COVER_LIST), *filter = PQgetvalue(r, row, COVER_FILTER);
    if (!*PQgetvalue(r, row, COVER_UNLISTED)) {
        leat_buf_append_text(fix, "ALTER TABLE ");
        pg_append_table(p->sql, fix, schema, table);
        leat_buf_append_text(fix, " REPLICA IDENTITY FULL;");
        return;
    }
    leat_buf_append_text(fix, "BEGIN;\n");
    alter_publication(p, fix, publication, "DROP", schema, table);
    leat_buf_append_text(fix, ";\n");
    alter_publication(p, fix, publication, "ADD", schema, table);
    if (!pg_true(r, row, COVER_FULL))
        leat_buf_format(fix, " (%s)", list);
    if (*filter)
        leat_buf_format(fix, " WHERE (%s)", filter);
    leat_buf_append_text(fix, ";\nCOMMIT;");
}

static void report_cover(struct pg_preflight *p, const PGresult *r, int row)
{
    const char *schema = PQgetvalue(r, row, COVER_SCHEMA), *table = PQgetvalue(r, row, COVER_TABLE);
    const char *unlisted = PQgetvalue(r, row, COVER_UNLISTED),
               *unfiltered = PQgetvalue(r, row, COVER_UNFILTERED);
    char id[ID_MAX];
    if (!*unlisted && !*unfiltered)
        return;
    struct leat_buf fix;
    leat_buf_init(&fix, FIX_MAX);
    cover_fix(p, r, row, &fix);
    snprintf(id, sizeof id, "identity_cover:%s.%s", schema, table);
    if (strcmp(unlisted, "*") == 0)
        pg_finding(
            p, LEAT_FINDING_FATAL, id, leat_buf_text(&fix),
            "the application's UPDATE and DELETE of %s.%s fail: its replica identity is FULL, and publication "
            "\"%s\" has a column list for it",
            schema, table, PQgetvalue(r, row, COVER_PUBLICATION));
    else if (*unlisted)
        pg_finding(
            p, LEAT_FINDING_FATAL, id, leat_buf_text(&fix),
            "the application's UPDATE and DELETE of %s.%s fail: the column list in \"%s\" lacks columns of its "
            "replica identity (%s)",
            schema, table, PQgetvalue(r, row, COVER_PUBLICATION), unlisted);
    else
        pg_finding(
            p, LEAT_FINDING_FATAL, id, leat_buf_text(&fix),
            "the application's UPDATE and DELETE of %s.%s fail: the row filter in \"%s\" uses columns that are not in "
            "its replica identity (%s)",
            schema, table, PQgetvalue(r, row, COVER_PUBLICATION), unfiltered);
    leat_buf_release(&fix);
}

static void check_cover(struct pg_preflight *p)
{
    PGresult *r;
    struct leat_tally narrowed;
    if (!pg_preflight_ask(p, "identity_cover", COVER_QUERY,
                          (const char *const[]){p->source->publication, p->insert_publication}, 2,
                          &r))
        return;
    leat_tally_init(&narrowed);
    for (int i = 0; i < PQntuples(r); i++) {
        bool list = *PQgetvalue(r, i, COVER_LIST), filter = *PQgetvalue(r, i, COVER_FILTER);
        report_cover(p, r, i);
        leat_tally_add(&narrowed, PQgetvalue(r, i, COVER_SCHEMA), PQgetvalue(r, i, COVER_TABLE),
                       list && filter ? "columns, rows"
                       : list         ? "columns"
                                      : "rows");
    }
    PQclear(r);
    leat_tally_report(
        &narrowed, p->report, LEAT_FINDING_NOTE, "narrowed",
        "column lists and row filters leave data out, and refuse to let their columns be dropped or change "
        "type: ",
        "");
}

/* --- types ------------------------------------------------------------------------------------ */

static void check_types(struct pg_preflight *p)
{
    PGresult *types;
    struct leat_buf list;
    int count = 0;
    if (p->version < 140000 || p->settings->format == PG_FORMAT_TEXT || p->lost ||
        !pg_preflight_answered(
            p, "types",
            pg_catalog_types(p->sql, p->source->publication, p->patience_ms, &types, p->err)))
        return;
    leat_buf_init(&list, FIX_MAX);
    for (int i = 0; i < PQntuples(types); i++)
        if (!pgtype_find((uint32_t)pg_int(types, i, 0))->binary_exact && count++ < TYPES_LISTED_MAX)
            leat_buf_format(&list, "%s%s (%s)", list.len ? ", " : "", PQgetvalue(types, i, 1),
                            PQgetvalue(types, i, 2));
    if (count > TYPES_LISTED_MAX)
        leat_buf_format(&list, " and %d more", count - TYPES_LISTED_MAX);
    PQclear(types);
    if (count)
        pg_finding(p, LEAT_FINDING_NOTE, "types", NULL,
                   "the stream will be in text, because these types have no exact binary form: %s",
                   leat_buf_text(&list));
    leat_buf_release(&list);
}

void pg_preflight_tables(struct pg_preflight *p)
{
    check_rows(p);
    if (p->version >= 150000) {
        check_column_lists(p);
        check_cover(p);
    }
    check_partitions(p);
    check_types(p);
    check_readable(p);
}
