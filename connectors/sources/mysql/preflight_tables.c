/*
 * Preflight: what is asked for against what there is. The log names tables, not we: a pattern that
 * matches nothing is no error, because the table may be made tomorrow; but mostly it is a mistake.
 *
 * information_schema shows only what we have some privilege on, so a missing table and a missing
 * privilege look alike; every such sentence says so.
 */
#include "sources/mysql/preflight.h"

#include "sources/mysql/charset.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

enum {
    FIX_MAX = 256 << 10,
    FIXES_MAX = 5,
    SCRATCH_MAX = 64 << 10,
    QUERY_MAX = 8 << 10,
    DEFINITIONS_MAX = 1000
};

/* Databases of the server's own. */
#define OTHERS " NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') "

enum { TABLE_SCHEMA, TABLE_NAME, TABLE_ENGINE, TABLE_TRANSACTIONS, TABLE_KEY };

/* COLUMN_KEY is PRI for the first unique key without NULLs too where there is no primary key, and
 * so is the key in the log. */
static const char TABLES_QUERY[] =
    "SELECT t.TABLE_SCHEMA, t.TABLE_NAME, t.ENGINE, e.TRANSACTIONS, k.TABLE_NAME IS NOT NULL "
    "FROM information_schema.TABLES t "
    "LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE "
    "LEFT JOIN (SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME FROM information_schema.COLUMNS "
    "  WHERE COLUMN_KEY = 'PRI' AND TABLE_SCHEMA" OTHERS ") k "
    "  ON k.TABLE_SCHEMA = t.TABLE_SCHEMA AND k.TABLE_NAME = t.TABLE_NAME "
    "WHERE t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND t.TABLE_SCHEMA" OTHERS
    "ORDER BY 1, 2";

static bool taken(const struct my_look *look, const struct my_result *r, size_t row)
{
    return leat_filter_table(&look->settings->filter, my_result_value(r, row, TABLE_SCHEMA),
                             my_result_value(r, row, TABLE_NAME));
}

/* ALTER TABLE `shop`.`orders` … as a comment: it is the application's table. */
static void alter_comment(struct leat_buf *fix, const char *schema, const char *table,
                          const char *what)
{
    struct leat_buf name;
    leat_buf_init(&name, SCRATCH_MAX);
    my_fix_name(&name, schema);
    leat_buf_append_text(&name, ".");
    my_fix_name(&name, table);
    leat_fix_comment(fix, "ALTER TABLE %s %s;", leat_buf_text(&name), what);
    leat_buf_release(&name);
}

/* --- patterns ----------------------------------------------------------------------------------
 */

bool my_pattern_has_capitals(const char *pattern)
{
    for (; *pattern; pattern++)
        if (*pattern >= 'A' && *pattern <= 'Z')
            return true;
    return false;
}

/* Without regard to case: what a person meant. */
static bool matches_otherwise(const char *pattern, const struct my_result *r, size_t row)
{
    char lower[3][1024];
    const char *const given[3] = {pattern, my_look_text(r, row, TABLE_SCHEMA),
                                  my_look_text(r, row, TABLE_NAME)};
    for (size_t i = 0; i < 3; i++) {
        size_t n = 0;
        for (; given[i][n] && n + 1 < sizeof lower[i]; n++)
            lower[i][n] = (char)(given[i][n] >= 'A' && given[i][n] <= 'Z' ? given[i][n] + 'a' - 'A'
                                                                          : given[i][n]);
        lower[i][n] = '\0';
    }
    const char *items[] = {lower[0]};
    const struct leat_filter one = {.tables = {items, 1}};
    return leat_filter_table(&one, leat_slice_text(lower[1]), leat_slice_text(lower[2]));
}

static void check_pattern(struct my_look *look, const char *pattern, const struct my_result *r)
{
    const char *items[] = {pattern};
    const struct leat_filter one = {.tables = {items, 1}};
    const char *schema = NULL, *table = NULL;
    bool catalogue = look->settings->schema_mode == MY_SCHEMA_CATALOGUE;
    for (size_t i = 0; i < my_result_rows(r); i++) {
        if (leat_filter_table(&one, my_result_value(r, i, TABLE_SCHEMA),
                              my_result_value(r, i, TABLE_NAME)))
            return;
        if (matches_otherwise(pattern, r, i)) {
            schema = my_look_text(r, i, TABLE_SCHEMA);
            table = my_look_text(r, i, TABLE_NAME);
        }
    }
    if (schema)
        MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "table_pattern", NULL,
                        "tables: %s matches no table, but would match %s.%s if case did not "
                        "matter: write it as the server does",
                        pattern, schema, table);
    else
        MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "table_pattern", NULL,
                        "tables: %s matches no table that %s may see: it does not exist yet, or "
                        "there is no SELECT on it%s",
                        pattern, look->account,
                        catalogue ? " (which schema: catalogue needs)" : "");
}

/* Where tables are stored in lower case, the log has them so. */
static void check_case(struct my_look *look)
{
    const struct leat_filter *f = &look->settings->filter;
    const struct leat_strings *const lists[] = {&f->tables, &f->exclude_tables, &f->include_columns,
                                                &f->exclude_columns, &f->mask_columns};
    if (look->server.lower_case_table_names != 1)
        return;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (size_t k = 0; k < lists[i]->count; k++)
            if (my_pattern_has_capitals(lists[i]->items[k]))
                MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "lower_case_table_names", NULL,
                                "the server has lower_case_table_names=1, so databases and tables "
                                "are in lower case in the log: write the pattern %s so",
                                lists[i]->items[k]);
}

static void check_patterns(struct my_look *look, const struct my_result *r)
{
    const struct leat_strings *patterns = &look->settings->filter.tables;
    size_t count = 0;
    for (size_t i = 0; i < my_result_rows(r); i++)
        count += taken(look, r, i);
    for (size_t i = 0; i < patterns->count; i++)
        check_pattern(look, patterns->items[i], r);
    if (count) {
        MY_LOOK_FINDING(look, LEAT_FINDING_OK, "tables", NULL, "%zu tables are taken", count);
        return;
    }
    struct leat_buf fix;
    leat_buf_init(&fix, FIX_MAX);
    leat_fix_comment(&fix, "if they are there: GRANT SELECT ON *.* TO %s;", look->account);
    MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "tables", leat_buf_text(&fix),
                    "no table is taken: there is none yet, the patterns leave all out, or %s has "
                    "no SELECT on them",
                    look->account);
    leat_buf_release(&fix);
}

/* --- keys and engines --------------------------------------------------------------------------
 */

static void check_keys(struct my_look *look, const struct my_result *r)
{
    static const char KEY[] = "ADD COLUMN my_row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT "
                              "%sPRIMARY KEY FIRST";
    bool invisible = look->server.number >= 80023;
    char what[120];
    struct leat_tally keyless;
    struct leat_buf fix;
    leat_tally_init(&keyless);
    leat_buf_init(&fix, FIX_MAX);
    snprintf(what, sizeof what, KEY, invisible ? "INVISIBLE " : "");
    for (size_t i = 0; i < my_result_rows(r); i++) {
        const char *schema = my_look_text(r, i, TABLE_SCHEMA),
                   *name = my_look_text(r, i, TABLE_NAME);
        if (!taken(look, r, i) || my_result_int(r, i, TABLE_KEY))
            continue;
        if (keyless.count < FIXES_MAX)
            alter_comment(&fix, schema, name, what);
        leat_tally_add(&keyless, schema, name, NULL);
    }
    if (keyless.count)
        MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "primary_key", leat_buf_text(&fix),
                        "without a key events have none either, and nobody can tell which row an "
                        "update is about but by all its columns: %s",
                        leat_tally_text(&keyless));
    leat_tally_release(&keyless);
    leat_buf_release(&fix);
}

static void check_engines(struct my_look *look, const struct my_result *r)
{
    struct leat_tally others;
    struct leat_buf fix;
    leat_tally_init(&others);
    leat_buf_init(&fix, FIX_MAX);
    for (size_t i = 0; i < my_result_rows(r); i++) {
        const char *schema = my_look_text(r, i, TABLE_SCHEMA),
                   *name = my_look_text(r, i, TABLE_NAME);
        if (!taken(look, r, i) || strcasecmp(my_look_text(r, i, TABLE_TRANSACTIONS), "YES") == 0)
            continue;
        if (others.count < FIXES_MAX)
            alter_comment(&fix, schema, name, "ENGINE = InnoDB");
        leat_tally_add(&others, schema, name, my_look_text(r, i, TABLE_ENGINE));
    }
    if (others.count)
        MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "engines", leat_buf_text(&fix),
                        "tables without transactions: their changes come even if what they belong "
                        "to is rolled back, and a crash may lose or keep them apart from the log: "
                        "%s",
                        leat_tally_text(&others));
    leat_tally_release(&others);
    leat_buf_release(&fix);
}

/* --- foreign keys ------------------------------------------------------------------------------
 */

static bool acts(const char *rule)
{
    return strcasecmp(rule, "CASCADE") == 0 || strcasecmp(rule, "SET NULL") == 0;
}

/* A line of SHOW CREATE TABLE: what a key does stands behind its last bracket, where no name is. */
bool my_table_cascades(const char *create)
{
    while (create && *create) {
        const char *end = strchrnul(create, '\n');
        const char *bracket = memrchr(create, ')', (size_t)(end - create));
        bool constraint = strncmp(create, "  CONSTRAINT ", 13) == 0 &&
                          memmem(create, (size_t)(end - create), " FOREIGN KEY ", 13);
        size_t len = bracket ? (size_t)(end - bracket) : 0;
        if (constraint &&
            (memmem(bracket, len, " CASCADE", 8) || memmem(bracket, len, " SET NULL", 9)))
            return true;
        create = *end ? end + 1 : end;
    }
    return false;
}

/* Where a role that may only SELECT is not told the rules, the table's definition tells. */
static bool cascades_by_definition(struct my_look *look, const char *schema, const char *table)
{
    struct leat_buf query;
    struct my_result *r;
    leat_buf_init(&query, QUERY_MAX);
    leat_buf_append_text(&query, "SHOW CREATE TABLE ");
    my_fix_name(&query, schema);
    leat_buf_append_text(&query, ".");
    my_fix_name(&query, table);
    bool found = false;
    if (my_look_ask_more(look, "foreign_keys", "what foreign keys do", "SELECT",
                         leat_buf_text(&query), &r)) {
        found = my_result_rows(r) && my_result_columns(r) > 1 &&
                my_table_cascades(my_look_text(r, 0, 1));
        my_result_free(r);
    }
    leat_buf_release(&query);
    return found;
}

enum { KEY_DELETE_RULE = 2, KEY_UPDATE_RULE };

static bool same_table(const struct my_result *r, size_t a, size_t b)
{
    return leat_slice_equal(my_result_value(r, a, TABLE_SCHEMA),
                            my_result_value(r, b, TABLE_SCHEMA)) &&
           leat_slice_equal(my_result_value(r, a, TABLE_NAME), my_result_value(r, b, TABLE_NAME));
}

static bool key_acts(struct my_look *look, const struct my_result *r, size_t row)
{
    if (my_result_value(r, row, KEY_DELETE_RULE).ptr)
        return acts(my_look_text(r, row, KEY_DELETE_RULE)) ||
               acts(my_look_text(r, row, KEY_UPDATE_RULE));
    return (row == 0 || !same_table(r, row - 1, row)) && row < DEFINITIONS_MAX &&
           cascades_by_definition(look, my_look_text(r, row, TABLE_SCHEMA),
                                  my_look_text(r, row, TABLE_NAME));
}

/* What a foreign key does to its own table is done below the log, unless the server says so. */
static void check_foreign_keys(struct my_look *look)
{
    static const char QUERY[] =
        "SELECT DISTINCT k.TABLE_SCHEMA, k.TABLE_NAME, r.DELETE_RULE, r.UPDATE_RULE "
        "FROM information_schema.KEY_COLUMN_USAGE k "
        "LEFT JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON "
        "  r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME "
        "  AND r.TABLE_NAME = k.TABLE_NAME "
        "WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND k.TABLE_SCHEMA" OTHERS "ORDER BY 1, 2";
    struct my_result *r;
    struct leat_tally cascades;
    if (my_look_is(look, "innodb_native_foreign_keys", "OFF") ||
        !my_look_ask(look, "foreign_keys", QUERY, &r))
        return;
    leat_tally_init(&cascades);
    for (size_t i = 0, told = SIZE_MAX; i < my_result_rows(r); i++) {
        if (!taken(look, r, i) || (told != SIZE_MAX && same_table(r, told, i)) ||
            !key_acts(look, r, i))
            continue;
        told = i;
        leat_tally_add(&cascades, my_look_text(r, i, TABLE_SCHEMA), my_look_text(r, i, TABLE_NAME),
                       NULL);
    }
    leat_tally_report(&cascades, look->report, LEAT_FINDING_WARN, "foreign_keys",
                      "rows that a foreign key deletes or changes by itself (CASCADE, SET NULL) "
                      "are not in the log, and so not in the stream: let the application change "
                      "them, or use MySQL 9.6 with innodb_native_foreign_keys=OFF: ",
                      "");
    my_result_free(r);
}

/* --- columns -----------------------------------------------------------------------------------
 */

/* Whether text of that character set can be had as UTF-8 at all: by trying. */
static bool is_convertible(struct my_charsets *charsets, struct leat_slice name)
{
    static const uint8_t SAMPLE[] = {0, 0, 0, 'a'}; /* one or more characters in every set */
    struct my_charset *charset = my_charset_named(charsets, name);
    struct leat_arena arena;
    struct leat_slice text;
    struct leat_err err;
    int64_t replaced;
    if (!charset)
        return false;
    leat_arena_init(&arena, SCRATCH_MAX);
    int status = my_charset_utf8(charset, leat_slice_of(SAMPLE, sizeof SAMPLE), &arena, &text,
                                 &replaced, &err);
    leat_arena_release(&arena);
    return status == LEAT_OK;
}

static void unconvertible(struct my_look *look, const struct my_result *used, struct leat_buf *list)
{
    struct my_charsets *charsets;
    int status = my_charsets_new(&charsets, look->err);
    if (!my_look_answered(look, "character_sets", status))
        return;
    for (size_t i = 0; i < my_result_rows(used); i++) {
        if (is_convertible(charsets, my_result_value(used, i, 0)))
            continue;
        if (list->len)
            leat_buf_append_text(list, ", ");
        my_quote(list, my_result_value(used, i, 0));
    }
    my_charsets_free(charsets);
}

/* Columns by a condition, as "shop.orders (note latin1, …)"; the third of the query's columns is
 * the detail. */
static void report_columns(struct my_look *look, enum leat_severity severity, const char *id,
                           const char *detail, const char *condition, const char *before,
                           const char *after)
{
    struct leat_buf query;
    struct my_result *r;
    struct leat_tally columns;
    leat_buf_init(&query, QUERY_MAX);
    leat_buf_format(&query,
                    "SELECT TABLE_SCHEMA, TABLE_NAME, GROUP_CONCAT(CONCAT(COLUMN_NAME, ' ', %s) "
                    "ORDER BY ORDINAL_POSITION SEPARATOR ', ') FROM information_schema.COLUMNS "
                    "WHERE TABLE_SCHEMA" OTHERS "AND (%s) GROUP BY 1, 2 ORDER BY 1, 2",
                    detail, condition);
    bool answered = !query.full && my_look_ask(look, id, leat_buf_text(&query), &r);
    leat_buf_release(&query);
    if (!answered)
        return;
    leat_tally_init(&columns);
    for (size_t i = 0; i < my_result_rows(r); i++)
        if (taken(look, r, i))
            leat_tally_add(&columns, my_look_text(r, i, TABLE_SCHEMA),
                           my_look_text(r, i, TABLE_NAME), my_look_text(r, i, 2));
    leat_tally_report(&columns, look->report, severity, id, before, after);
    my_result_free(r);
}

static void check_character_sets(struct my_look *look)
{
    static const char QUERY[] =
        "SELECT DISTINCT CHARACTER_SET_NAME FROM information_schema.COLUMNS "
        "WHERE CHARACTER_SET_NAME IS NOT NULL AND TABLE_SCHEMA" OTHERS;
    struct my_result *used;
    struct leat_buf list, condition;
    if (!my_look_ask(look, "character_sets", QUERY, &used))
        return;
    leat_buf_init(&list, SCRATCH_MAX);
    leat_buf_init(&condition, QUERY_MAX / 2);
    unconvertible(look, used, &list);
    my_result_free(used);
    if (list.len) {
        leat_buf_format(&condition, "CHARACTER_SET_NAME IN (%s)", leat_buf_text(&list));
        report_columns(look, LEAT_FINDING_FATAL, "character_sets", "CHARACTER_SET_NAME",
                       leat_buf_text(&condition),
                       "text in character sets that nothing here can convert stops the stream "
                       "(exclude_columns leaves columns out): ",
                       "");
    }
    leat_buf_release(&list);
    leat_buf_release(&condition);
}

static void check_columns(struct my_look *look)
{
    static const char *const BECOMES[] = {
        [MY_ZERO_TEXT] = " (zero_dates: text keeps it as text)",
        [MY_ZERO_NULL] = " (zero_dates: null makes it NULL)",
        [MY_ZERO_ERROR] = ", and zero_dates: error stops the source at it",
    };
    int policy = look->settings->zero_dates;
    report_columns(
        look, policy == MY_ZERO_ERROR ? LEAT_FINDING_WARN : LEAT_FINDING_NOTE, "zero_dates",
        "COLUMN_TYPE",
        "DATA_TYPE IN ('date', 'datetime', 'timestamp') AND COLUMN_DEFAULT LIKE '%0000-00-00%'",
        "the default is a date that does not exist, 0000-00-00: ", BECOMES[policy]);
    report_columns(look, LEAT_FINDING_NOTE, "old_temporals", "COLUMN_TYPE",
                   "COLUMN_TYPE LIKE '%5.5 binary format%' OR COLUMN_TYPE LIKE '%mariadb-5.3%'",
                   "columns in the format of before MySQL 5.6 have no fractions of a second, and "
                   "ALTER TABLE … FORCE gives them today's: ",
                   "");
    report_columns(
        look, LEAT_FINDING_WARN, "types", "COLUMN_TYPE",
        "DATA_TYPE NOT IN ('tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'float', 'double', "
        "'decimal', 'bit', 'year', 'date', 'time', 'datetime', 'timestamp', 'char', 'varchar', "
        "'binary', 'varbinary', 'tinytext', 'text', 'mediumtext', 'longtext', 'tinyblob', 'blob', "
        "'mediumblob', 'longblob', 'enum', 'set', 'json', 'geometry', 'point', 'linestring', "
        "'polygon', 'multipoint', 'multilinestring', 'multipolygon', 'geometrycollection', "
        "'geomcollection', 'vector', 'uuid', 'inet6', 'inet4')",
        "types that this leat does not know come as they are logged: ", "");
}

void my_look_tables(struct my_look *look)
{
    struct my_result *r;
    if (!my_look_ask(look, "tables", TABLES_QUERY, &r))
        return;
    check_patterns(look, r);
    check_case(look);
    check_keys(look, r);
    check_engines(look, r);
    my_result_free(r);
    check_foreign_keys(look);
    check_character_sets(look);
    check_columns(look);
}
