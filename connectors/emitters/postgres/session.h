/*
 * A connection to the destination: every wait has a deadline and hears the end of the daemon, every
 * error is classed by its SQLSTATE, never by its text.
 *
 *     22, 23, 21, 44, 54, P0         a row is refused            LEAT_EDATA
 *     28, 3D, 3F, 42, 0A, 25         an operator must act        LEAT_ECONFIG
 *     08, 40, 53, 55, 57, 58, XX, -  passes by itself            LEAT_ERETRY
 *
 * Threads: the emitter's.
 */
#ifndef EMIT_POSTGRES_SESSION_H
#define EMIT_POSTGRES_SESSION_H

#include <libpq-fe.h>

#include "emitters/postgres/settings.h"

struct pge_session {
    PGconn *conn; /* NULL: closed */
    const struct pge_settings *settings;
    const _Atomic bool *stopping; /* NULL: nobody stops us */
    int wake_fd;                  /* -1: none */
    char application[80];
};

int pge_session_open(struct pge_session *session, const char *instance,
                     struct leat_err *err) LEAT_MUST_CHECK;
void pge_session_close(struct pge_session *session);

int pge_classify(const char *sqlstate);

/* err from a failed result or, with result NULL, from the connection: "cannot <what>: …". */
int pge_fail(PGconn *conn, const PGresult *result, const char *what, struct leat_err *err);

/* The next result of what was sent, NULL at its end. LEAT_AGAIN: not until `until_ms`, or woken. */
int pge_result(struct pge_session *session, int64_t until_ms, bool wakeable, PGresult **ret_result,
               struct leat_err *err) LEAT_MUST_CHECK;

/* Statements with text parameters (one statement only, then); the last result is the caller's to
 * clear. */
int pge_query(struct pge_session *session, const char *sql, const char *const *params, int count,
              const char *what, PGresult **ret_result, struct leat_err *err) LEAT_MUST_CHECK;
int pge_execute(struct pge_session *session, const char *sql, const char *what,
                struct leat_err *err) LEAT_MUST_CHECK;

/* Data and end of a COPY; the socket never blocks us beyond the deadline. */
int pge_copy_put(struct pge_session *session, const void *bytes, size_t len, int64_t until_ms,
                 struct leat_err *err) LEAT_MUST_CHECK;
int pge_copy_end(struct pge_session *session, const char *refusal, int64_t until_ms,
                 struct leat_err *err) LEAT_MUST_CHECK;

#endif
