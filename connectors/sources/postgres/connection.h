/*
 * Connections to the server: how they are opened, how questions are asked, how errors are named.
 *
 * Everything waits with a deadline, because a stopped peer must never stop us. Sessions pin what
 * changes the text of values (date style, time zone, float digits, bytea format, interval style,
 * money's locale), as postgres.md's rule 9 asks: ALTER ROLE … SET would otherwise change what the
 * stream says.
 *
 * Threads: the source's.
 * Errors:  by SQLSTATE, never by message text: LEAT_ERETRY for what passes by itself (network,
 * restart, too many connections, slot in use), LEAT_ECONFIG for what an operator must mend.
 */
#ifndef POSTGRES_CONNECTION_H
#define POSTGRES_CONNECTION_H

#include <leat/err.h>

#include <libpq-fe.h>

#include "sources/postgres/settings.h"

enum pg_connection_use {
    PG_USE_STREAM, /* replication=database */
    PG_USE_SQL,
};

int pg_connect(const struct pg_settings *settings, const char *instance, enum pg_connection_use use,
               PGconn **ret_conn, struct leat_err *err) LEAT_MUST_CHECK;

/* One statement by the simple protocol; the result is PQclear()ed by the caller. `what` names the
 * question in errors: "cannot <what>: …". */
int pg_query(PGconn *conn, const char *sql, int64_t timeout_ms, const char *what,
             PGresult **ret_result, struct leat_err *err) LEAT_MUST_CHECK;

/* The same with up to 8 text parameters; not on a stream connection. */
int pg_query_params(PGconn *conn, const char *sql, const char *const *params, int param_count,
                    int64_t timeout_ms, const char *what, PGresult **ret_result,
                    struct leat_err *err) LEAT_MUST_CHECK;

/* A statement without rows. */
int pg_execute(PGconn *conn, const char *sql, int64_t timeout_ms, const char *what,
               struct leat_err *err) LEAT_MUST_CHECK;

/* LEAT_ERETRY or LEAT_ECONFIG … for a SQLSTATE; NULL or "" is the network's. */
int pg_classify(const char *sqlstate);

/* err from a failed result or, with result NULL, from the connection. */
int pg_fail(PGconn *conn, const PGresult *result, const char *what, struct leat_err *err);

/* "16/B374D848"; both parsers take what all versions print. False: not an LSN. */
bool pg_lsn_parse(struct leat_slice text, uint64_t *ret_lsn) LEAT_MUST_CHECK;
enum { PG_LSN_TEXT = 20 };
void pg_lsn_format(uint64_t lsn, char *ret_text);

/* A column of a result as number, 0 where NULL. */
int64_t pg_int(const PGresult *result, int row, int column);
uint64_t pg_lsn(const PGresult *result, int row, int column);

#endif
