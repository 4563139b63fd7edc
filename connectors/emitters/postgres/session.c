#include "emitters/postgres/session.h"

#include <leat/clock.h>
#include <leat/log.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

enum { KEYWORDS_MAX = 24, SLICE_MS = 200 };

/* --- errors -------------------------------------------------------------------------------------
 */

static bool begins(const char *state, const char *const *classes)
{
    for (; *classes; classes++)
        if (strncmp(state, *classes, strlen(*classes)) == 0)
            return true;
    return false;
}

int pge_classify(const char *s)
{
    static const char *const DATA[] = {"22", "23", "21", "44", "54", "P0", NULL};
    static const char *const OPERATOR[] = {"28", "3D", "3F", "42", "0A",
                                           "25", "0L", "0P", "2F", NULL};
    if (!s || !*s)
        return LEAT_ERETRY;
    return begins(s, DATA) ? LEAT_EDATA : begins(s, OPERATOR) ? LEAT_ECONFIG : LEAT_ERETRY;
}

static void message_line(const char *message, char *ret_line, size_t size)
{
    size_t n = 0;
    for (; message && *message && n + 1 < size; message++)
        ret_line[n++] = *message == '\n' ? ' ' : *message;
    while (n && ret_line[n - 1] == ' ')
        n--;
    ret_line[n] = '\0';
}

int pge_fail(PGconn *conn, const PGresult *result, const char *what, struct leat_err *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *detail = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;
    const char *hint = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_HINT) : NULL;
    char line[300];
    message_line(primary ? primary : PQerrorMessage(conn), line, sizeof line);
    int code =
        leat_fail_sqlstate(err, pge_classify(state), state, "cannot %s: %s%s%.200s%s", what, line,
                           detail ? " (" : "", detail ? detail : "", detail ? ")" : "");
    if (hint)
        leat_err_hint(err, "%s", hint);
    else if (state && strncmp(state, "42P01", 5) == 0)
        leat_err_hint(err, "leat check --apply makes the tables");
    return code;
}

/* --- waiting ------------------------------------------------------------------------------------
 */

/* True when the socket is ready. False: the deadline, the end of the daemon, or (`wakeable`) woken.
 */
static bool wait_socket(const struct pge_session *s, short events, int64_t until_ms, bool wakeable)
{
    for (;;) {
        int64_t left_ms = until_ms - leat_clock_monotonic_ms();
        struct pollfd fds[2] = {{.fd = PQsocket(s->conn), .events = events},
                                {.fd = s->wake_fd, .events = POLLIN}};
        if (s->stopping && *s->stopping && left_ms > SLICE_MS)
            left_ms = SLICE_MS;
        int wait_ms = left_ms <= 0 ? 0 : left_ms < SLICE_MS ? (int)left_ms : SLICE_MS;
        int n = poll(fds, wakeable && s->wake_fd >= 0 ? 2 : 1, wait_ms);
        if (n > 0 && fds[0].revents)
            return true;
        if (n > 0 || (n < 0 && errno != EINTR) || left_ms <= 0)
            return false;
        if (s->stopping && *s->stopping)
            return false;
    }
}

static int timed_out(const struct pge_session *s, const char *what, struct leat_err *err)
{
    bool ending = s->stopping && *s->stopping;
    return leat_fail(err, LEAT_ERETRY, "cannot %s: %s", what,
                     ending ? "the daemon is ending" : "the server does not answer in time");
}

/* --- connecting ---------------------------------------------------------------------------------
 */

struct keywords {
    const char *names[KEYWORDS_MAX + 1], *values[KEYWORDS_MAX + 1];
    size_t count;
};

static void keyword(struct keywords *k, const char *name, const char *value)
{
    if (!value || k->count == KEYWORDS_MAX)
        return;
    k->names[k->count] = name;
    k->values[k->count++] = value;
}

/* libpq gives a failed connection no SQLSTATE, but prints it in verbose errors: "FATAL:  28P01:
 * text". */
static void state_find(const char *message, char *ret_state)
{
    for (const char *at = strstr(message, ":  "); at; at = strstr(at + 1, ":  ")) {
        size_t n = strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        if (n == 5 && at[8] == ':') {
            memcpy(ret_state, at + 3, 5);
            ret_state[5] = '\0';
            return;
        }
    }
}

static int connect_fail(const struct pge_session *s, struct leat_err *err)
{
    char state[6] = "", line[300];
    const char *message = PQerrorMessage(s->conn);
    state_find(message, state);
    message_line(message, line, sizeof line);
    bool untrusted = !state[0] && (strstr(line, "certificate") || strstr(line, "SSL") ||
                                   strstr(line, "password"));
    int code = untrusted ? LEAT_ECONFIG : pge_classify(state);
    return leat_fail_sqlstate(err, code == LEAT_EDATA ? LEAT_ECONFIG : code, state,
                              "cannot connect to database \"%s\" at %s:%" PRId64 " as \"%s\": %s",
                              s->settings->database, s->settings->host, s->settings->port,
                              s->settings->user, line);
}

static int connect_finish(struct pge_session *s, struct leat_err *err)
{
    int64_t until_ms = leat_clock_monotonic_ms() + s->settings->connect_timeout_ms;
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;
    while (PQstatus(s->conn) != CONNECTION_BAD && want != PGRES_POLLING_OK) {
        if (!wait_socket(s, want == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_ms, false))
            return timed_out(s, "connect to the destination", err);
        want = PQconnectPoll(s->conn);
        if (want == PGRES_POLLING_FAILED)
            break;
    }
    return PQstatus(s->conn) == CONNECTION_OK ? LEAT_OK : connect_fail(s, err);
}

static void notice_drop(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result; /* "relation exists already" of --apply */
}

static void keywords_fill(const struct pge_session *s, struct keywords *k, const char *port,
                          const char *password, const char *options)
{
    keyword(k, "host", s->settings->host);
    keyword(k, "port", port);
    keyword(k, "dbname", s->settings->database);
    keyword(k, "user", s->settings->user);
    keyword(k, "password", password);
    keyword(k, "application_name", s->application);
    keyword(k, "sslmode",
            leat_tls_mode_names[leat_tls_mode_for((enum leat_tls_mode)s->settings->sslmode,
                                                  s->settings->host)]);
    keyword(k, "sslrootcert", s->settings->sslrootcert);
    keyword(k, "sslcert", s->settings->sslcert);
    keyword(k, "sslkey", s->settings->sslkey);
    keyword(k, "gssencmode", "disable");
    keyword(k, "client_encoding", "UTF8");
    keyword(k, "options", options);
    keyword(k, "keepalives_idle", "30");
    keyword(k, "keepalives_interval", "10");
    keyword(k, "keepalives_count", "3");
    keyword(k, "tcp_user_timeout", "60000");
}

/* Timeouts of the server lie inside ours, so that a batch we gave up holds its locks no longer. */
int pge_session_open(struct pge_session *s, const char *instance, struct leat_err *err)
{
    char password[LEAT_PASSWORD_MAX], port[8], options[160];
    bool given;
    struct keywords k = {.count = 0};
    int status = leat_password_read(&s->settings->password, password, sizeof password, &given, err);
    if (status)
        return status;
    snprintf(port, sizeof port, "%" PRId64, s->settings->port);
    snprintf(options, sizeof options,
             "-c statement_timeout=%" PRId64 " -c lock_timeout=5s -c search_path=",
             s->settings->timeout_ms);
    snprintf(s->application, sizeof s->application, "leat-out-%s", instance);
    keywords_fill(s, &k, port, given ? password : NULL, options);
    s->conn = PQconnectStartParams(k.names, k.values, 0);
    leat_secret_wipe(password, sizeof password);
    if (!s->conn)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a connection");
    PQsetErrorVerbosity(s->conn, PQERRORS_VERBOSE);
    status = connect_finish(s, err);
    if (status) {
        pge_session_close(s);
        return status;
    }
    PQsetErrorVerbosity(s->conn, PQERRORS_DEFAULT);
    PQsetNoticeReceiver(s->conn, notice_drop, NULL);
    PQsetnonblocking(s->conn, 1);
    return LEAT_OK;
}

void pge_session_close(struct pge_session *s)
{
    PQfinish(s->conn);
    s->conn = NULL;
}

/* --- questions ----------------------------------------------------------------------------------
 */

/* Sends what libpq holds back; takes in what comes meanwhile, so that both sides never wait for
 * each other. */
static int flush(struct pge_session *s, int64_t until_ms, const char *what, struct leat_err *err)
{
    for (;;) {
        int left = PQflush(s->conn);
        if (left == 0)
            return LEAT_OK;
        if (left < 0)
            return pge_fail(s->conn, NULL, what, err);
        if (!wait_socket(s, POLLIN | POLLOUT, until_ms, false))
            return timed_out(s, what, err);
        if (!PQconsumeInput(s->conn))
            return pge_fail(s->conn, NULL, what, err);
    }
}

int pge_result(struct pge_session *s, int64_t until_ms, bool wakeable, PGresult **ret_result,
               struct leat_err *err)
{
    while (PQisBusy(s->conn)) {
        if (!wait_socket(s, POLLIN, until_ms, wakeable))
            return LEAT_AGAIN;
        if (!PQconsumeInput(s->conn))
            return pge_fail(s->conn, NULL, "hear from the server", err);
    }
    *ret_result = PQgetResult(s->conn);
    return LEAT_OK;
}

int pge_query(struct pge_session *s, const char *sql, const char *const *params, int count,
              const char *what, PGresult **ret_result, struct leat_err *err)
{
    int64_t until_ms = leat_clock_monotonic_ms() + s->settings->timeout_ms;
    int sent = params ? PQsendQueryParams(s->conn, sql, count, NULL, params, NULL, NULL, 0)
                      : PQsendQuery(s->conn, sql);
    PGresult *last = NULL, *next;
    if (!sent)
        return pge_fail(s->conn, NULL, what, err);
    int status = flush(s, until_ms, what, err);
    while (!status) {
        status = pge_result(s, until_ms, false, &next, err);
        if (status == LEAT_AGAIN)
            status = timed_out(s, what, err);
        if (status || !next)
            break;
        PQclear(last);
        last = next;
    }
    ExecStatusType outcome = PQresultStatus(last);
    if (!status && outcome != PGRES_TUPLES_OK && outcome != PGRES_COMMAND_OK)
        status = pge_fail(s->conn, last, what, err);
    if (status) {
        PQclear(last);
        return status;
    }
    *ret_result = last;
    return LEAT_OK;
}

int pge_execute(struct pge_session *s, const char *sql, const char *what, struct leat_err *err)
{
    PGresult *result;
    int status = pge_query(s, sql, NULL, 0, what, &result, err);
    if (!status)
        PQclear(result);
    return status;
}

/* --- COPY ---------------------------------------------------------------------------------------
 */

int pge_copy_put(struct pge_session *s, const void *bytes, size_t len, int64_t until_ms,
                 struct leat_err *err)
{
    for (;;) {
        int put = PQputCopyData(s->conn, bytes, (int)len);
        if (put > 0)
            return LEAT_OK;
        if (put < 0)
            return pge_fail(s->conn, NULL, "send rows", err);
        int status = flush(s, until_ms, "send rows", err);
        if (status)
            return status;
    }
}

int pge_copy_end(struct pge_session *s, const char *refusal, int64_t until_ms, struct leat_err *err)
{
    for (;;) {
        int put = PQputCopyEnd(s->conn, refusal);
        if (put < 0)
            return pge_fail(s->conn, NULL, "end the rows", err);
        int status = flush(s, until_ms, "end the rows", err);
        if (status || put > 0)
            return status;
    }
}
