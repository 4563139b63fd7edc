/*
 * Connections for questions, by libmysqlclient or MariaDB Connector/C, whichever the build found:
 * how they are opened, how questions are asked, how errors are named (connection_error.c). Only
 * this, binlog_client.c and client_library.c know the library; what differs between the two stands
 * in the last of these alone.
 *
 * Sessions speak utf8mb4, in UTC, with an empty sql_mode. Nothing waits longer than
 * connect_timeout. The library's own reconnect is never on.
 *
 * Threads: a connection belongs to the source's thread.
 * Errors:  by number (mysql.md 7.8): LEAT_ERETRY for what passes by itself (network,
 *          restart, killed, too many connections), LEAT_ECONFIG for what an operator must mend.
 */
#ifndef MYSQL_CONNECTION_H
#define MYSQL_CONNECTION_H

#include <leat/err.h>
#include <leat/slice.h>

#include "sources/mysql/settings.h"

struct my_connection;

/* Opens, identifies nothing. *ret_connection is NULL after a failure. */
int my_connect(const struct my_settings *settings, const char *instance,
               struct my_connection **ret_connection, struct leat_err *err) LEAT_MUST_CHECK;
void my_disconnect(struct my_connection *connection); /* accepts NULL */

/* A result is read whole into memory (bounded: questions of ours have small answers). A value that
 * is NULL has ptr NULL; values are NUL-terminated behind their length. */
struct my_result;

/* One statement; `what` names the question in errors: "cannot <what>: …". */
int my_query(struct my_connection *connection, const char *sql, const char *what,
             struct my_result **ret_result, struct leat_err *err) LEAT_MUST_CHECK;

/* A statement without rows. */
int my_execute(struct my_connection *connection, const char *sql, const char *what,
               struct leat_err *err) LEAT_MUST_CHECK;

/* As my_query(); a statement that this server does not know (1064, 1193, 1146 …) gives LEAT_EOF. */
int my_query_if_known(struct my_connection *connection, const char *sql, const char *what,
                      struct my_result **ret_result, struct leat_err *err) LEAT_MUST_CHECK;

void my_result_free(struct my_result *result); /* accepts NULL */
size_t my_result_rows(const struct my_result *result);
unsigned my_result_columns(const struct my_result *result);
struct leat_slice my_result_value(const struct my_result *result, size_t row, unsigned column);
int64_t my_result_int(const struct my_result *result, size_t row, unsigned column); /* 0: NULL */
/* The column of that name (case-insensitive), or -1: servers name and order columns as they like.
 */
int my_result_column(const struct my_result *result, const char *name);

/* Appends 'text' quoted as an SQL string literal that holds whatever sql_mode says. */
void my_quote(struct leat_buf *buf, struct leat_slice text);

/* The cipher of the session, or NULL without TLS. */
const char *my_connection_cipher(const struct my_connection *connection);

/* LEAT_ERETRY or LEAT_ECONFIG … for an error number and its text; the wording decides only among
 * the meanings of 1236, which ends a dump, and of 2026, which is about TLS. */
int my_classify(unsigned number, const char *text);

/* True for an error of my_fail() that says that log behind our position is gone, or is of another
 * history: purged, reset, restored, diverged. */
bool my_log_is_lost(const struct leat_err *err);

/* … the last of these: it has not what we have. */
bool my_log_is_other(const struct leat_err *err);

/* … that says that the log behind our position cannot be read by GTID set: it has transactions
 * without, or gtid_mode is off. */
bool my_log_lacks_gtids(const struct leat_err *err);

/* … that says that another reader has our server_id, or uuid. */
bool my_number_is_taken(const struct leat_err *err);

/* … that says that the server cannot read its own file from our position on: there is no event, or
 * a broken one. */
bool my_log_is_unreadable(const struct leat_err *err);

/* Fills err from a number, SQLSTATE and text of the library, with a hint where we know one;
 * `settings` gives host, port and user for the hints. */
int my_fail(const struct my_settings *settings, unsigned number, const char *state,
            const char *text, const char *what, struct leat_err *err);

#endif
