#include "sources/mysql/catalog.h"

#include <leat/buf.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { STATEMENT_BYTES_MAX = 16 << 10, LOG_END_TRIES = 3 };

static void copy_text(char *to, size_t size, struct leat_slice value)
{
    snprintf(to, size, "%.*s", value.len < size ? (int)value.len : (int)size - 1,
             value.ptr ? (const char *)value.ptr : "");
}

static bool is_word(struct leat_slice value, const char *word)
{
    return value.len == strlen(word) && strncasecmp((const char *)value.ptr, word, value.len) == 0;
}

static bool is_on(struct leat_slice value)
{
    return is_word(value, "ON") || is_word(value, "1");
}

/* The column of that name in a row, or no value. */
static struct leat_slice value_named(const struct my_result *result, size_t row, const char *name)
{
    int column = my_result_column(result, name);
    return column < 0 ? (struct leat_slice){NULL, 0}
                      : my_result_value(result, row, (unsigned)column);
}

/* --- the server --------------------------------------------------------------------------------
 */

static const char VARIABLES[] =
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_id', 'server_uuid', 'log_bin', "
    "'binlog_format', 'binlog_row_image', 'binlog_row_metadata', 'gtid_mode', "
    "'binlog_storage_engine', 'lower_case_table_names')";

/* "10.11.19-MariaDB" → 101119, "26.7.0" → 260700 */
static uint32_t version_number(const char *version)
{
    unsigned part[3] = {0, 0, 0};
    if (sscanf(version, "%3u.%2u.%2u", &part[0], &part[1], &part[2]) < 2)
        return 0;
    return part[0] * 10000 + part[1] * 100 + part[2];
}

static void variable_take(struct my_server *server, const struct my_result *result, size_t row)
{
    struct leat_slice name = my_result_value(result, row, 0);
    struct leat_slice value = my_result_value(result, row, 1);
    if (is_word(name, "server_id"))
        server->server_id = (uint32_t)my_result_int(result, row, 1);
    else if (is_word(name, "server_uuid"))
        copy_text(server->uuid, sizeof server->uuid, value);
    else if (is_word(name, "log_bin"))
        server->log_bin = is_on(value);
    else if (is_word(name, "binlog_format"))
        copy_text(server->format, sizeof server->format, value);
    else if (is_word(name, "binlog_row_image"))
        copy_text(server->row_image, sizeof server->row_image, value);
    else if (is_word(name, "binlog_row_metadata"))
        copy_text(server->row_metadata, sizeof server->row_metadata, value);
    else if (is_word(name, "gtid_mode"))
        server->gtid_mode = is_on(value);
    else if (is_word(name, "binlog_storage_engine"))
        server->innodb_binlog = is_word(value, "innodb");
    else if (is_word(name, "lower_case_table_names"))
        server->lower_case_table_names = (int)my_result_int(result, row, 1);
}

int my_catalog_server(struct my_connection *connection, struct my_server *ret_server,
                      struct leat_err *err)
{
    struct my_server server = {.mariadb = false};
    struct my_result *result;
    int status = my_query(connection, "SELECT @@GLOBAL.version, @@GLOBAL.version_comment",
                          "ask for the server's version", &result, err);
    if (status)
        return status;
    copy_text(server.version, sizeof server.version, my_result_value(result, 0, 0));
    struct leat_slice comment = my_result_value(result, 0, 1);
    server.number = version_number(server.version);
    server.mariadb = strcasestr(server.version, "mariadb") ||
                     (comment.ptr && strcasestr((const char *)comment.ptr, "mariadb"));
    my_result_free(result);

    status = my_query(connection, VARIABLES, "ask for the server's settings", &result, err);
    if (status)
        return status;
    for (size_t row = 0; row < my_result_rows(result); row++)
        variable_take(&server, result, row);
    my_result_free(result);
    if (server.mariadb) {
        server.gtid_mode = true;
        server.uuid[0] = '\0';
    }
    *ret_server = server;
    return LEAT_OK;
}

/* --- the log -----------------------------------------------------------------------------------
 */

static int no_binlog(struct leat_err *err)
{
    leat_fail(err, LEAT_ECONFIG, "the server writes no binlog");
    leat_err_hint(err, "set log_bin and server_id in the server's configuration and restart it");
    return err->code;
}

/* SHOW MASTER STATUS by its newer name, where the old one is gone. */
static int status_ask(struct my_connection *connection, const struct my_server *server,
                      struct my_result **ret_result, struct leat_err *err)
{
    static const char WHAT[] = "ask where the binlog ends";
    if (!server->mariadb) {
        int status = my_query_if_known(connection, "SHOW BINARY LOG STATUS", WHAT, ret_result, err);
        if (status != LEAT_EOF)
            return status;
    }
    return my_query(connection, "SHOW MASTER STATUS", WHAT, ret_result, err);
}

/* A single text value, appended. */
static int text_ask(struct my_connection *connection, const char *sql, const char *what,
                    struct leat_buf *text, struct leat_err *err)
{
    struct my_result *result;
    int status = my_query(connection, sql, what, &result, err);
    if (status)
        return status;
    if (my_result_rows(result))
        leat_buf_append(text, my_result_value(result, 0, 0));
    my_result_free(result);
    return text->full
               ? leat_fail(err, LEAT_ELIMIT, "cannot %s: more than %zu bytes", what, text->max)
               : LEAT_OK;
}

/* File, position and, on MySQL, the GTIDs: one statement, so they are of one moment. */
static int log_end_read(struct my_connection *connection, const struct my_server *server,
                        struct my_log_end *ret_end, struct leat_buf *gtids, struct leat_err *err)
{
    struct my_result *result;
    struct my_log_end end;
    int status = status_ask(connection, server, &result, err);
    if (status)
        return status;
    if (my_result_rows(result) == 0 || my_result_columns(result) < 2) {
        my_result_free(result);
        return no_binlog(err);
    }
    copy_text(end.file, sizeof end.file, my_result_value(result, 0, 0));
    end.position = (uint64_t)my_result_int(result, 0, 1);
    if (!server->mariadb)
        leat_buf_append(gtids, value_named(result, 0, "Executed_Gtid_Set"));
    my_result_free(result);
    if (gtids->full)
        return leat_fail(err, LEAT_ELIMIT, "the server's GTID set is longer than %zu bytes",
                         gtids->max);
    *ret_end = end;
    return LEAT_OK;
}

/* MariaDB tells them by two questions. What was committed in between is asked for again; on a
 * server too busy for that the GTIDs are those before, which repeat and lose nothing. */
static int log_end_maria(struct my_connection *connection, const struct my_server *server,
                         struct my_log_end *ret_end, struct leat_buf *before,
                         struct leat_buf *after, struct leat_err *err)
{
    static const char ASK[] = "SELECT @@GLOBAL.gtid_binlog_pos", WHAT[] = "ask for the GTIDs";
    int status = text_ask(connection, ASK, WHAT, before, err);
    for (int tries = 0; !status && tries < LOG_END_TRIES; tries++) {
        status = log_end_read(connection, server, ret_end, before, err);
        leat_buf_reset(after);
        if (!status)
            status = text_ask(connection, ASK, WHAT, after, err);
        if (status || leat_slice_equal(leat_buf_slice(before), leat_buf_slice(after)))
            break;
        if (tries + 1 < LOG_END_TRIES) {
            leat_buf_reset(before);
            leat_buf_append(before, leat_buf_slice(after));
        }
    }
    return status;
}

int my_catalog_log_end(struct my_connection *connection, const struct my_server *server,
                       struct my_log_end *ret_end, struct leat_buf *gtids, struct leat_err *err)
{
    if (!server->mariadb)
        return log_end_read(connection, server, ret_end, gtids, err);
    struct leat_buf before, after;
    leat_buf_init(&before, gtids->max);
    leat_buf_init(&after, gtids->max);
    int status = log_end_maria(connection, server, ret_end, &before, &after, err);
    if (!status)
        leat_buf_append(gtids, leat_buf_slice(&before));
    leat_buf_release(&before);
    leat_buf_release(&after);
    return status;
}

static int arena_full(const char *what, struct leat_err *err)
{
    return leat_fail(err, LEAT_ELIMIT, "cannot %s: there are too many", what);
}

int my_catalog_log_files(struct my_connection *connection, struct leat_arena *arena,
                         struct my_log_file **ret_files, size_t *ret_count, struct leat_err *err)
{
    static const char WHAT[] = "list the binlog's files";
    struct my_result *result;
    int status = my_query(connection, "SHOW BINARY LOGS", WHAT, &result, err);
    if (status)
        return status < 0 && err->native == 1381 ? no_binlog(err) : status;
    size_t count = my_result_rows(result);
    struct my_log_file *files = leat_arena_zeroed(arena, count ? count : 1, sizeof *files);
    for (size_t i = 0; files && i < count; i++) {
        files[i].name = leat_arena_text(arena, my_result_value(result, i, 0));
        files[i].bytes = (uint64_t)my_result_int(result, i, 1);
        if (!files[i].name)
            files = NULL;
    }
    my_result_free(result);
    if (!files)
        return arena_full(WHAT, err);
    *ret_files = files;
    *ret_count = count;
    return LEAT_OK;
}

static bool session_read(const struct my_result *result, size_t row, const int columns[4],
                         struct leat_arena *arena, struct my_session *ret_session)
{
    *ret_session = (struct my_session){
        .id = (uint64_t)my_result_int(result, row, (unsigned)columns[0]),
        .command = leat_arena_text(arena, my_result_value(result, row, (unsigned)columns[1])),
        .host = leat_arena_text(arena, my_result_value(result, row, (unsigned)columns[2])),
        .seconds = my_result_int(result, row, (unsigned)columns[3]),
    };
    return ret_session->command && ret_session->host;
}

int my_catalog_sessions(struct my_connection *connection, struct leat_arena *arena,
                        struct my_session **ret_sessions, size_t *ret_count, struct leat_err *err)
{
    static const char WHAT[] = "list the sessions";
    static const char *const NAMES[] = {"Id", "Command", "Host", "Time"};
    struct my_result *result;
    int columns[4];
    int status = my_query(connection, "SHOW PROCESSLIST", WHAT, &result, err);
    if (status)
        return status;
    size_t count = my_result_rows(result);
    for (int i = 0; i < 4; i++) {
        columns[i] = my_result_column(result, NAMES[i]);
        count = columns[i] < 0 ? 0 : count;
    }
    struct my_session *sessions = leat_arena_zeroed(arena, count ? count : 1, sizeof *sessions);
    for (size_t i = 0; sessions && i < count; i++)
        if (!session_read(result, i, columns, arena, &sessions[i]))
            sessions = NULL;
    my_result_free(result);
    if (!sessions)
        return arena_full(WHAT, err);
    *ret_sessions = sessions;
    *ret_count = count;
    return LEAT_OK;
}

int my_catalog_purged(struct my_connection *connection, struct leat_buf *gtids,
                      struct leat_err *err)
{
    return text_ask(connection, "SELECT @@GLOBAL.gtid_purged", "ask for the purged GTIDs", gtids,
                    err);
}

int my_catalog_maria_states(struct my_connection *connection, struct leat_buf *log,
                            struct leat_buf *copied, struct leat_err *err)
{
    static const char WHAT[] = "ask for the server's GTIDs";
    int status = text_ask(connection, "SELECT @@GLOBAL.gtid_binlog_state", WHAT, log, err);
    return status ? status
                  : text_ask(connection, "SELECT @@GLOBAL.gtid_slave_pos", WHAT, copied, err);
}

/* --- columns -----------------------------------------------------------------------------------
 */

/* `head`, then "…SCHEMA = 'database' AND TABLE_NAME = 'table'", then `tail`. */
static int table_query(struct my_connection *connection, const char *head,
                       struct leat_slice database, struct leat_slice table, const char *tail,
                       const char *what, struct my_result **ret_result, struct leat_err *err)
{
    struct leat_buf sql;
    leat_buf_init(&sql, STATEMENT_BYTES_MAX);
    leat_buf_append_text(&sql, head);
    my_quote(&sql, database);
    leat_buf_append_text(&sql, " AND TABLE_NAME = ");
    my_quote(&sql, table);
    leat_buf_append_text(&sql, tail);
    const char *text = leat_buf_text(&sql);
    int status = sql.full
                     ? leat_fail(err, LEAT_ELIMIT, "cannot %s: the table's name is too long", what)
                     : my_query_if_known(connection, text, what, ret_result, err);
    leat_buf_release(&sql);
    return status;
}

/* A copy in the arena; of no value the empty slice. */
static bool keep(struct leat_arena *arena, struct leat_slice value, struct leat_slice *ret_copy)
{
    char *copy = leat_arena_text(arena, value);
    *ret_copy = leat_slice_of(copy, value.len);
    return copy != NULL;
}

static int facts_read(const struct my_result *result, struct leat_arena *arena,
                      struct my_column_fact *facts, const char *what, struct leat_err *err)
{
    for (size_t i = 0; i < my_result_rows(result); i++) {
        struct my_column_fact *f = &facts[i];
        f->nullable = is_word(my_result_value(result, i, 5), "YES");
        if (!keep(arena, my_result_value(result, i, 0), &f->name) ||
            !keep(arena, my_result_value(result, i, 1), &f->type) ||
            !keep(arena, my_result_value(result, i, 2), &f->data_type) ||
            !keep(arena, my_result_value(result, i, 3), &f->charset) ||
            !keep(arena, my_result_value(result, i, 4), &f->collation))
            return arena_full(what, err);
    }
    return LEAT_OK;
}

static struct my_column_fact *fact_named(struct my_column_fact *facts, size_t count,
                                         struct leat_slice name)
{
    for (size_t i = 0; i < count; i++)
        if (leat_slice_equal(facts[i].name, name))
            return &facts[i];
    return NULL;
}

static int primary_key_read(struct my_connection *connection, struct leat_slice database,
                            struct leat_slice table, struct my_column_fact *facts, size_t count,
                            struct leat_err *err)
{
    struct my_result *result;
    int status = table_query(connection,
                             "SELECT COLUMN_NAME, SEQ_IN_INDEX FROM information_schema.STATISTICS "
                             "WHERE INDEX_NAME = 'PRIMARY' AND TABLE_SCHEMA = ",
                             database, table, "", "ask for a table's primary key", &result, err);
    if (status)
        return status;
    for (size_t i = 0; i < my_result_rows(result); i++) {
        struct my_column_fact *fact = fact_named(facts, count, my_result_value(result, i, 0));
        if (fact)
            fact->key_ordinal = (uint16_t)my_result_int(result, i, 1);
    }
    my_result_free(result);
    return LEAT_OK;
}

/* json_valid(`name`), as MariaDB writes the check that makes LONGTEXT a JSON column. */
static bool is_json_check(struct leat_slice clause, struct leat_slice column)
{
    static const char HEAD[] = "json_valid(`";
    const uint8_t *at = clause.ptr, *end = clause.ptr + clause.len;
    if (clause.len < sizeof HEAD + 1 || strncasecmp((const char *)at, HEAD, sizeof HEAD - 1) != 0)
        return false;
    at += sizeof HEAD - 1;
    for (size_t i = 0; i < column.len; i++) {
        unsigned times = column.ptr[i] == '`' ? 2 : 1;
        while (times--)
            if (at == end || *at++ != column.ptr[i])
                return false;
    }
    return end - at == 2 && at[0] == '`' && at[1] == ')';
}

static int json_checks_read(struct my_connection *connection, struct leat_slice database,
                            struct leat_slice table, struct my_column_fact *facts, size_t count,
                            struct leat_err *err)
{
    struct my_result *result;
    int status = table_query(connection,
                             "SELECT CONSTRAINT_NAME, CHECK_CLAUSE FROM "
                             "information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = ",
                             database, table, "", "ask for a table's checks", &result, err);
    if (status)
        return status;
    for (size_t i = 0; i < my_result_rows(result); i++) {
        struct my_column_fact *fact = fact_named(facts, count, my_result_value(result, i, 0));
        if (fact && is_word(fact->data_type, "longtext"))
            fact->is_json = is_json_check(my_result_value(result, i, 1), fact->name);
    }
    my_result_free(result);
    return LEAT_OK;
}

/* What the columns alone do not tell. A server that does not know the question has no answer. */
static int facts_complete(struct my_connection *connection, const struct my_server *server,
                          struct leat_slice database, struct leat_slice table,
                          struct my_column_fact *facts, size_t count, struct leat_err *err)
{
    int status = primary_key_read(connection, database, table, facts, count, err);
    if (status < 0)
        return status;
    bool texts = false;
    for (size_t i = 0; i < count; i++)
        texts |= is_word(facts[i].data_type, "longtext");
    if (server->mariadb && texts)
        status = json_checks_read(connection, database, table, facts, count, err);
    return status < 0 ? status : LEAT_OK;
}

int my_catalog_columns(struct my_connection *connection, const struct my_server *server,
                       struct leat_slice database, struct leat_slice table,
                       struct leat_arena *arena, struct my_column_fact **ret_facts,
                       size_t *ret_count, struct leat_err *err)
{
    static const char WHAT[] = "ask for a table's columns";
    struct my_result *result;
    int status = table_query(connection,
                             "SELECT COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, CHARACTER_SET_NAME, "
                             "COLLATION_NAME, IS_NULLABLE FROM information_schema.COLUMNS WHERE "
                             "TABLE_SCHEMA = ",
                             database, table, " ORDER BY ORDINAL_POSITION", WHAT, &result, err);
    if (status)
        return status == LEAT_EOF ? err->code : status;
    size_t count = my_result_rows(result);
    struct my_column_fact *facts = leat_arena_zeroed(arena, count ? count : 1, sizeof *facts);
    status = facts ? facts_read(result, arena, facts, WHAT, err) : arena_full(WHAT, err);
    my_result_free(result);
    if (!status && count)
        status = facts_complete(connection, server, database, table, facts, count, err);
    if (status)
        return status;
    *ret_facts = facts;
    *ret_count = count;
    return LEAT_OK;
}

/* --- collations --------------------------------------------------------------------------------
 */

/* MariaDB's newer collations belong to several character sets and have their numbers in another
 * table; older servers have no such column there. */
static int collations_ask(struct my_connection *connection, const struct my_server *server,
                          struct my_result **ret_result, struct leat_err *err)
{
    static const char WHAT[] = "list the server's collations";
    int status = LEAT_EOF;
    if (server->mariadb)
        status = my_query_if_known(connection,
                                   "SELECT ID, CHARACTER_SET_NAME FROM "
                                   "information_schema.COLLATION_CHARACTER_SET_APPLICABILITY",
                                   WHAT, ret_result, err);
    if (status == LEAT_EOF)
        status =
            my_query(connection, "SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATIONS",
                     WHAT, ret_result, err);
    return status;
}

int my_catalog_collations(struct my_connection *connection, const struct my_server *server,
                          struct leat_arena *arena, struct my_collation **ret_collations,
                          size_t *ret_count, struct leat_err *err)
{
    struct my_result *result;
    int status = collations_ask(connection, server, &result, err);
    if (status)
        return status;
    size_t rows = my_result_rows(result), count = 0;
    struct my_collation *collations = leat_arena_zeroed(arena, rows + 1, sizeof *collations);
    for (size_t i = 0; collations && i < rows; i++) {
        struct leat_slice name = my_result_value(result, i, 1);
        uint32_t id = (uint32_t)my_result_int(result, i, 0);
        if (!name.ptr || id == 0)
            continue;
        collations[count] = (struct my_collation){id, leat_arena_text(arena, name)};
        if (!collations[count++].charset)
            collations = NULL;
    }
    my_result_free(result);
    if (!collations)
        return arena_full("list the server's collations", err);
    *ret_collations = collations;
    *ret_count = count;
    return LEAT_OK;
}
