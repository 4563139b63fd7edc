/*
 * Preflight: what the settings ask for against what the publications have. What is missing comes as
 * the statements that open would run itself with create: true, made by the same function.
 */
#include "sources/postgres/preflight.h"


#include <stdio.h>

enum { TEXT_MAX = 4 << 20 };

/* --- publications ----------------------------------------------------------------------------- */

enum { PUB_NAME, PUB_CHANGES, PUB_TRUNCATE, PUB_OWNED, PUB_INSERT, PUB_UPDATE, PUB_DELETE };

static const char *publications_query(int version)
{
    return version >= 110000
               ? "SELECT pubname, pubupdate OR pubdelete, pubtruncate, pg_has_role(pubowner, 'USAGE'), pubinsert, "
                 "pubupdate, pubdelete FROM pg_catalog.pg_publication WHERE pubname::text IN ($1::text, $2::text)"
               : "SELECT pubname, pubupdate OR pubdelete, true, pg_has_role(pubowner, 'USAGE'), pubinsert, "
                 "pubupdate, pubdelete FROM pg_catalog.pg_publication WHERE pubname::text IN ($1::text, $2::text)";
}

struct publications {
    bool exists, insert_exists;
    bool owned; /* those that exist are ours to alter */
};

/* What the main publication leaves out. */
static void check_operations(struct pg_preflight *p, const PGresult *r, int row)
{
    static const struct {
        int column;
        const char *word;
    } OPERATIONS[] = {{PUB_INSERT, "insert"},
                      {PUB_UPDATE, "update"},
                      {PUB_DELETE, "delete"},
                      {PUB_TRUNCATE, "truncate"}};
    char missing[64] = "";
    int at = 0;
    for (size_t i = 0; i < 4; i++)
        if (!pg_true(r, row, OPERATIONS[i].column))
            at += snprintf(missing + at, sizeof missing - (size_t)at, "%s%s", at ? ", " : "",
                           OPERATIONS[i].word);
    if (!at)
        return;
    struct leat_buf fix;
    leat_buf_init(&fix, 1024);
    leat_buf_append_text(&fix, "ALTER PUBLICATION ");
    pg_append_identifier(p->sql, &fix, p->source->publication);
    leat_buf_format(&fix, " SET (publish = 'insert, update, delete%s');",
                    p->version >= 110000 ? ", truncate" : "");
    pg_finding(p, LEAT_FINDING_WARN, "publication_operations", leat_buf_text(&fix),
               "publication \"%s\" leaves out: %s. Such changes are not in the stream",
               p->source->publication, missing);
    leat_buf_release(&fix);
}

static bool load_publications(struct pg_preflight *p, struct publications *ret)
{
    PGresult *r;
    *ret = (struct publications){.owned = true};
    if (!pg_preflight_ask(p, "publication", publications_query(p->version),
                          (const char *const[]){p->source->publication, p->insert_publication}, 2,
                          &r))
        return false;
    for (int i = 0; i < PQntuples(r); i++) {
        bool main = strcmp(PQgetvalue(r, i, PUB_NAME), p->source->publication) == 0;
        ret->owned &= pg_true(r, i, PUB_OWNED);
        ret->exists |= main;
        ret->insert_exists |= !main;
        if (main)
            check_operations(p, r, i);
    }
    p->unpublished = !ret->exists;
    PQclear(r);
    return true;
}

/* --- what has to be published still ----------------------------------------------------------- */

/* Tables that the settings ask for and no publication of ours has. */
struct unpublished {
    struct leat_tally tables, insert_only, foreign; /* foreign: not ours to publish */
    bool named;                                     /* one of them is named without wildcard */
};

static bool named_exactly(const struct pg_preflight *p, const char *schema, const char *table)
{
    for (size_t i = 0; i < p->settings->filter.tables.count; i++) {
        const char *pattern = p->settings->filter.tables.items[i];
        size_t len = strlen(schema);
        if (strncmp(pattern, schema, len) == 0 && pattern[len] == '.' &&
            strcmp(pattern + len + 1, table) == 0)
            return true;
    }
    return false;
}

static void count_unpublished(struct pg_preflight *p, const PGresult *tables, struct unpublished *u)
{
    leat_tally_init(&u->tables);
    leat_tally_init(&u->insert_only);
    leat_tally_init(&u->foreign);
    u->named = false;
    for (int i = 0; i < PQntuples(tables); i++) {
        const char *schema = PQgetvalue(tables, i, PG_TABLE_SCHEMA),
                   *name = PQgetvalue(tables, i, PG_TABLE_NAME);
        if (pg_true(tables, i, PG_TABLE_PUBLISHED) || !pg_taken(p, schema, name))
            continue;
        leat_tally_add(&u->tables, schema, name, "");
        if (!pg_true(tables, i, PG_TABLE_IDENTITY))
            leat_tally_add(&u->insert_only, schema, name, "");
        if (!pg_true(tables, i, PG_TABLE_OWNED))
            leat_tally_add(&u->foreign, schema, name, "");
        u->named |= named_exactly(p, schema, name);
    }
}

static void release_unpublished(struct unpublished *u)
{
    leat_buf_release(&u->tables.names);
    leat_buf_release(&u->insert_only.names);
    leat_buf_release(&u->foreign.names);
}

/* Both statements of the plan, each ended. False: there is none. */
static bool plan_fix(struct pg_preflight *p, const struct publications *have,
                     const PGresult *tables, struct leat_buf *fix)
{
    struct leat_buf insert;
    leat_buf_init(&insert, TEXT_MAX);
    int status =
        pg_catalog_publish_plan(p->sql, p->settings, p->version, p->source->publication,
                                have->exists, have->insert_exists, tables, fix, &insert, p->err);
    if (status)
        leat_buf_reset(fix);
    if (!status && fix->len)
        leat_buf_append_text(fix, ";");
    if (!status && insert.len)
        leat_buf_format(fix, "%s%s;", fix->len ? "\n" : "", leat_buf_text(&insert));
    leat_buf_release(&insert);
    return fix->len;
}

/* With create: leat will run the plan; may it? */
static void report_creation(struct pg_preflight *p, const struct publications *have,
                            struct unpublished *u, const char *fix)
{
    const struct pg_session *s = &p->session;
    bool makes_one = !have->exists || (u->insert_only.count && !have->insert_exists);
    const char *name = p->source->publication;
    if (s->in_recovery)
        pg_finding(
            p, LEAT_FINDING_FATAL, "publication", fix,
            "publication \"%s\" is not as it should be, and on a standby nothing can be created",
            name);
    else if (!s->superuser && makes_one && !s->may_create)
        pg_finding(
            p, LEAT_FINDING_FATAL, "publication", fix,
            "leat would create publication \"%s\", but role \"%s\" may not create in database \"%s\": let the "
            "tables' owner do it",
            name, s->user, p->settings->database);
    else if (!s->superuser && (u->foreign.count || !have->owned))
        pg_finding(p, LEAT_FINDING_FATAL, "publication", fix,
                   "leat would publish tables that are not its own%s%s: let their owner do it",
                   u->foreign.count ? ": " : "", leat_tally_text(&u->foreign));
    else if (!have->exists)
        pg_finding(p, LEAT_FINDING_NOTE, "publication", NULL,
                   "publication \"%s\" does not exist: leat will create it, with %d tables", name,
                   u->tables.count - u->insert_only.count);
    else
        pg_finding(p, LEAT_FINDING_NOTE, "publication", NULL,
                   "leat will add to publication \"%s\": %s", name, leat_tally_text(&u->tables));
    if (u->insert_only.count)
        pg_finding(p, LEAT_FINDING_NOTE, "insert_only", NULL,
                   "no replica identity, so only inserts will be published: %s",
                   leat_tally_text(&u->insert_only));
}

static void report_unpublished(struct pg_preflight *p, const struct publications *have,
                               const PGresult *tables)
{
    struct unpublished u;
    struct leat_buf fix;
    const char *name = p->source->publication;
    leat_buf_init(&fix, TEXT_MAX);
    count_unpublished(p, tables, &u);
    bool todo = plan_fix(p, have, tables, &fix);
    if (!todo)
        pg_finding(p, LEAT_FINDING_OK, "publication", NULL, "publication \"%s\" exists%s", name,
                   p->settings->filter.tables.count ? ", and has the tables asked for" : "");
    else if (p->settings->create)
        report_creation(p, have, &u, leat_buf_text(&fix));
    else if (!have->exists)
        pg_finding(p, LEAT_FINDING_FATAL, "publication", leat_buf_text(&fix),
                   "publication \"%s\" does not exist in database \"%s\"", name,
                   p->settings->database);
    else if (!p->settings->filter.tables.count) /* all that are published were asked for */
        pg_finding(p, LEAT_FINDING_OK, "publication", NULL, "publication \"%s\" exists", name);
    else
        pg_finding(p, u.named ? LEAT_FINDING_FATAL : LEAT_FINDING_WARN, "publication",
                   leat_buf_text(&fix), "the settings ask for tables that are not published: %s",
                   leat_tally_text(&u.tables));
    release_unpublished(&u);
    leat_buf_release(&fix);
}

static void check_publications(struct pg_preflight *p)
{
    struct publications have;
    PGresult *tables;
    if (!load_publications(p, &have) || p->lost ||
        !pg_preflight_answered(p, "publication",
                               pg_catalog_tables(p->sql, p->version, p->source->publication,
                                                 p->patience_ms, &tables, p->err)))
        return;
    report_unpublished(p, &have, tables);
    PQclear(tables);
}

/* --- patterns that match nothing, or what cannot be published --------------------------------- */

static const char *unpublishable(const PGresult *r, int row)
{
    switch (PQgetvalue(r, row, 2)[0]) {
    case 'f':
        return "foreign table";
    case 'v':
        return "view";
    case 'm':
        return "materialized view";
    default:
        return PQgetvalue(r, row, 3)[0] == 'u' ? "unlogged" : NULL;
    }
}

static void check_pattern(struct pg_preflight *p, const char *pattern, const PGresult *r,
                          struct leat_tally *others)
{
    const char *items[] = {pattern};
    const struct leat_filter one = {.tables = {items, 1}};
    bool found = false, exact = !strchr(pattern, '*');
    for (int i = 0; i < PQntuples(r); i++) {
        const char *schema = PQgetvalue(r, i, 0), *name = PQgetvalue(r, i, 1),
                   *why = unpublishable(r, i);
        if (!leat_filter_table(&one, leat_slice_text(schema), leat_slice_text(name)))
            continue;
        found = true;
        if (why && exact)
            pg_finding(p, LEAT_FINDING_WARN, "table_kind", NULL,
                       "tables: %s.%s is no ordinary table (%s): its changes are not in the log",
                       schema, name, why);
        else if (why && PQgetvalue(r, i, 2)[0] != 'v')
            leat_tally_add(others, schema, name, why);
    }
    if (!found)
        pg_finding(p, LEAT_FINDING_WARN, "table_pattern", NULL,
                   "tables: \"%s\" matches no table of database \"%s\"", pattern,
                   p->settings->database);
}

static void check_patterns(struct pg_preflight *p)
{
    static const char QUERY[] =
        "SELECT n.nspname, c.relname, c.relkind, c.relpersistence FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') "
        "AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2";
    PGresult *r;
    struct leat_tally others;
    if (!p->settings->filter.tables.count || !pg_preflight_ask(p, "table_pattern", QUERY, NULL, 0, &r))
        return;
    leat_tally_init(&others);
    for (size_t i = 0; i < p->settings->filter.tables.count; i++)
        check_pattern(p, p->settings->filter.tables.items[i], r, &others);
    leat_tally_report(
        &others, p->report, LEAT_FINDING_NOTE, "table_kind",
        "the patterns match what cannot be in the log: ", "");
    PQclear(r);
}

/* A mask or an exclusion with a typing error lets values through that nobody wanted stored. */
static bool column_pattern_matches(const char *pattern, const PGresult *columns)
{
    const char *items[] = {pattern};
    const struct leat_filter one = {.exclude_columns = {items, 1}};
    for (int i = 0; i < PQntuples(columns); i++)
        if (leat_filter_column(&one, leat_slice_text(PQgetvalue(columns, i, 0)),
                             leat_slice_text(PQgetvalue(columns, i, 1)),
                             leat_slice_text(PQgetvalue(columns, i, 2))) == LEAT_COLUMN_DROP)
            return true;
    return false;
}

static void check_column_patterns(struct pg_preflight *p)
{
    const struct pg_settings *s = p->settings;
    const struct {
        const char *key;
        const struct leat_strings *list;
    } LISTS[] = {{"include_columns", &s->filter.include_columns},
                 {"exclude_columns", &s->filter.exclude_columns},
                 {"mask_columns", &s->filter.mask_columns}};
    PGresult *columns;
    if (!(s->filter.include_columns.count + s->filter.exclude_columns.count + s->filter.mask_columns.count) ||
        !pg_preflight_ask(p, "column_pattern",
                          "SELECT n.nspname, c.relname, a.attname FROM pg_catalog.pg_attribute a "
                          "JOIN pg_catalog.pg_class c ON c.oid = a.attrelid "
                          "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                          "WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped "
                          "AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')",
                          NULL, 0, &columns))
        return;
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < LISTS[k].list->count; i++)
            if (!column_pattern_matches(LISTS[k].list->items[i], columns))
                pg_finding(p, LEAT_FINDING_WARN, "column_pattern", NULL,
                           "%s: \"%s\" matches no column of database \"%s\"", LISTS[k].key,
                           LISTS[k].list->items[i], s->database);
    PQclear(columns);
}

void pg_preflight_publications(struct pg_preflight *p)
{
    check_publications(p);
    check_patterns(p);
    check_column_patterns(p);
}
