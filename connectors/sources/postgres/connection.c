#include "sources/postgres/connection.h"

#include <leat/clock.h>
#include <leat/log.h>
#include <leat/secret.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEYWORDS_MAX = 24 };

/* Settings that every supported version knows; in start-up options they override role and database.
 */
static const char STARTUP_OPTIONS[] =
    "-c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC -c extra_float_digits=3 -c "
    "bytea_output=hex -c lc_monetary=C -c search_path= -c statement_timeout=0 -c lock_timeout=15s "
    "-c idle_in_transaction_session_timeout=0";

/* --- LSN and numbers ----------------------------------------------------------------------------
 */

bool pg_lsn_parse(struct leat_slice text, uint64_t *ret_lsn)
{
    uint64_t half[2] = {0, 0};
    unsigned digits = 0, part = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.ptr[i];
        if (c == '/' && part == 0 && digits) {
            part = 1;
            digits = 0;
            continue;
        }
        int v = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                       : -1;
        if (v < 0 || ++digits > 8)
            return false;
        half[part] = half[part] << 4 | (uint64_t)v;
    }
    if (part == 0 || digits == 0)
        return false;
    *ret_lsn = half[0] << 32 | half[1];
    return true;
}

void pg_lsn_format(uint64_t lsn, char *ret_text)
{
    snprintf(ret_text, PG_LSN_TEXT, "%" PRIX32 "/%" PRIX32, (uint32_t)(lsn >> 32), (uint32_t)lsn);
}

int64_t pg_int(const PGresult *result, int row, int column)
{
    int64_t number = 0;
    if (sscanf(PQgetvalue(result, row, column), "%" SCNd64, &number) != 1)
        return 0;
    return number;
}

uint64_t pg_lsn(const PGresult *result, int row, int column)
{
    uint64_t lsn = 0;
    if (!pg_lsn_parse(leat_slice_text(PQgetvalue(result, row, column)), &lsn))
        return 0;
    return lsn;
}

/* --- errors ------------------------------------------------------------------------------------
 */

int pg_classify(const char *s)
{
    static const char *const OPERATOR[] = {
        "28", "42", "53400", "0A", "22", "3D", "3F", "2F", "0L", "0P", "58P01", "54",
    };
    if (!s || !*s)
        return LEAT_ERETRY;
    if (strcmp(s, "55006") == 0) /* the slot is still held: by our own last session, as a rule */
        return LEAT_ERETRY;
    if (strcmp(s, "55000") == 0)
        return LEAT_ECONFIG;
    for (size_t i = 0; i < sizeof OPERATOR / sizeof *OPERATOR; i++)
        if (strncmp(s, OPERATOR[i], strlen(OPERATOR[i])) == 0)
            return LEAT_ECONFIG;
    return LEAT_ERETRY;
}

/* The server's message as one line without its trailing newline. */
static void message_line(const char *message, char *ret_line, size_t size)
{
    size_t n = 0;
    for (; message && *message && n + 1 < size; message++)
        ret_line[n++] = *message == '\n' ? ' ' : *message;
    while (n && ret_line[n - 1] == ' ')
        n--;
    ret_line[n] = '\0';
}

int pg_fail(PGconn *conn, const PGresult *result, const char *what, struct leat_err *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *detail = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;
    const char *hint = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_HINT) : NULL;
    char line[420];
    message_line(primary ? primary : PQerrorMessage(conn), line, sizeof line);
    int code = leat_fail_sqlstate(err, pg_classify(state), state, "cannot %s: %s%s%s%s", what, line,
                                  detail ? " (" : "", detail ? detail : "", detail ? ")" : "");
    if (hint)
        leat_err_hint(err, "%s", hint);
    return code;
}

/* libpq gives a failed connection no SQLSTATE but prints it in verbose errors: "FATAL:  28P01:
 * text". */
static bool sqlstate_find(const char *message, char *ret_state, const char **ret_text)
{
    for (const char *at = strstr(message, ":  "); at; at = strstr(at + 1, ":  ")) {
        const char *state = at + 3;
        size_t n = strspn(state, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        if (n == 5 && state[5] == ':') {
            memcpy(ret_state, state, 5);
            ret_state[5] = '\0';
            *ret_text = state + 7;
            return true;
        }
    }
    return false;
}

static int connect_fail(PGconn *conn, const struct pg_settings *s, struct leat_err *err)
{
    char state[6] = "", line[420], message[1024];
    snprintf(message, sizeof message, "%s", PQerrorMessage(conn));
    char *location = strstr(message, "\nLOCATION:");
    if (location)
        *location = '\0';
    const char *text = message;
    bool told = sqlstate_find(message, state, &text);
    message_line(text, line, sizeof line);
    bool untrusted =
        !told && (strstr(line, "certificate") || strstr(line, "SSL") || strstr(line, "password"));
    leat_fail_sqlstate(err, untrusted ? LEAT_ECONFIG : pg_classify(state), state,
                       "cannot connect to database \"%s\" at %s:%" PRId64 " as \"%s\": %s",
                       s->database, s->host, s->port, s->user, line);
    if (strncmp(state, "28", 2) == 0)
        leat_err_hint(err,
                      "check user and password, and pg_hba.conf, where a replication connection "
                      "matches by the database's name: host %s %s <address> scram-sha-256",
                      s->database, s->user);
    else if (untrusted)
        leat_err_hint(err, "see sslmode, sslrootcert and the password settings of this source");
    return err->code;
}

/* --- waiting -----------------------------------------------------------------------------------
 */

/* Waits until the socket is ready; false at the deadline. */
static bool wait_socket(PGconn *conn, short events, int64_t until_ms)
{
    struct pollfd fd = {.fd = PQsocket(conn), .events = events};
    for (;;) {
        int64_t left = until_ms - leat_clock_monotonic_ms();
        if (left <= 0)
            return false;
        int n = poll(&fd, 1, (int)left);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

static int timed_out(const char *what, int64_t timeout_ms, struct leat_err *err)
{
    return leat_fail(err, LEAT_ERETRY, "cannot %s: no answer within %" PRId64 " ms", what,
                     timeout_ms);
}

/* --- connecting --------------------------------------------------------------------------------
 */

struct keywords {
    const char *names[KEYWORDS_MAX + 1];
    const char *values[KEYWORDS_MAX + 1];
    size_t count;
};

static void keyword(struct keywords *k, const char *name, const char *value)
{
    if (!value || k->count == KEYWORDS_MAX)
        return;
    k->names[k->count] = name;
    k->values[k->count++] = value;
}

static int connect_finish(PGconn *conn, const struct pg_settings *s, struct leat_err *err)
{
    int64_t until_ms = leat_clock_monotonic_ms() + s->connect_timeout_ms;
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;
    while (PQstatus(conn) != CONNECTION_BAD && want != PGRES_POLLING_OK) {
        if (!wait_socket(conn, want == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_ms))
            return timed_out("connect to the server", s->connect_timeout_ms, err);
        want = PQconnectPoll(conn);
        if (want == PGRES_POLLING_FAILED)
            break;
    }
    return PQstatus(conn) == CONNECTION_OK ? LEAT_OK : connect_fail(conn, s, err);
}

static void notice_log(void *arg, const PGresult *result)
{
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    LEAT_INFO("source", arg, "server notice", LEAT_F_TEXT("sqlstate", state ? state : ""),
              LEAT_F_TEXT("text", text ? text : ""));
}

int pg_connect(const struct pg_settings *s, const char *instance, enum pg_connection_use use,
               PGconn **ret_conn, struct leat_err *err)
{
    char password[LEAT_PASSWORD_MAX], port[8], application[PG_NAME_BYTES];
    bool given;
    int status = leat_password_read(&s->password, password, sizeof password, &given, err);
    if (status)
        return status;
    snprintf(port, sizeof port, "%" PRId64, s->port);
    snprintf(application, sizeof application, "leat-%s", instance);
    struct keywords k = {.count = 0};
    keyword(&k, "host", s->host);
    keyword(&k, "port", port);
    keyword(&k, "dbname", s->database);
    keyword(&k, "user", s->user);
    keyword(&k, "password", given ? password : NULL);
    keyword(&k, "replication", use == PG_USE_STREAM ? "database" : NULL);
    keyword(&k, "application_name", application);
    keyword(&k, "sslmode", leat_tls_mode_names[leat_tls_mode_for(s->sslmode, s->host)]);
    keyword(&k, "sslrootcert", s->sslrootcert);
    keyword(&k, "sslcert", s->sslcert);
    keyword(&k, "sslkey", s->sslkey);
    keyword(&k, "gssencmode", "disable");
    keyword(&k, "client_encoding", s->client_encoding ? s->client_encoding : "UTF8");
    keyword(&k, "options", STARTUP_OPTIONS);
    keyword(&k, "keepalives_idle", "30");
    keyword(&k, "keepalives_interval", "10");
    keyword(&k, "keepalives_count", "3");
    keyword(&k, "tcp_user_timeout", "60000");
    PGconn *conn = PQconnectStartParams(k.names, k.values, 0);
    leat_secret_wipe(password, sizeof password);
    if (!conn)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a connection");
    PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
    status = connect_finish(conn, s, err);
    if (status) {
        PQfinish(conn);
        return status;
    }
    PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
    PQsetNoticeReceiver(conn, notice_log, (void *)instance);
    *ret_conn = conn;
    return LEAT_OK;
}

/* --- questions ---------------------------------------------------------------------------------
 */

/* Collects the results of what was sent and keeps the last. */
static int collect(PGconn *conn, int64_t timeout_ms, const char *what, PGresult **ret_result,
                   struct leat_err *err)
{
    int64_t until_ms = leat_clock_monotonic_ms() + timeout_ms;
    PGresult *last = NULL;
    for (;;) {
        while (PQisBusy(conn)) {
            if (!wait_socket(conn, POLLIN, until_ms)) {
                PQclear(last);
                return timed_out(what, timeout_ms, err);
            }
            if (!PQconsumeInput(conn)) {
                PQclear(last);
                return pg_fail(conn, NULL, what, err);
            }
        }
        PGresult *next = PQgetResult(conn);
        if (!next)
            break;
        PQclear(last);
        last = next;
    }
    ExecStatusType status = PQresultStatus(last);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        pg_fail(conn, last, what, err);
        PQclear(last);
        return err->code;
    }
    *ret_result = last;
    return LEAT_OK;
}

int pg_query(PGconn *conn, const char *sql, int64_t timeout_ms, const char *what,
             PGresult **ret_result, struct leat_err *err)
{
    if (!PQsendQuery(conn, sql))
        return pg_fail(conn, NULL, what, err);
    return collect(conn, timeout_ms, what, ret_result, err);
}

int pg_query_params(PGconn *conn, const char *sql, const char *const *params, int param_count,
                    int64_t timeout_ms, const char *what, PGresult **ret_result,
                    struct leat_err *err)
{
    if (!PQsendQueryParams(conn, sql, param_count, NULL, params, NULL, NULL, 0))
        return pg_fail(conn, NULL, what, err);
    return collect(conn, timeout_ms, what, ret_result, err);
}

int pg_execute(PGconn *conn, const char *sql, int64_t timeout_ms, const char *what,
               struct leat_err *err)
{
    PGresult *result;
    int status = pg_query(conn, sql, timeout_ms, what, &result, err);
    if (!status)
        PQclear(result);
    return status;
}
