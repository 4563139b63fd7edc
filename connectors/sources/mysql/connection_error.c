/*
 * What an error number means for us, and what the operator can do about it (mysql.md 7.8). Servers
 * and libraries have numbers for everything but two: 1236 is whatever ends a dump, and 2026
 * whatever is wrong with TLS. For these two the wording decides; it says master and slave, or
 * source and replica, by version, so only words that all versions share are looked for.
 *
 * A number that is not known here is the operator's if it is the server's, because a statement that
 * was refused will be refused again; and the network's if it is the library's.
 */
#include "sources/mysql/connection.h"

#include <inttypes.h>
#include <stdio.h>

enum advice {
    ADVICE_NONE,
    ADVICE_REACH,
    ADVICE_LOGIN,
    ADVICE_HOST,
    ADVICE_BLOCKED,
    ADVICE_EXPIRED,
    ADVICE_LOCKED,
    ADVICE_GRANT,
    ADVICE_SELECT,
    ADVICE_PLUGIN,
    ADVICE_SECURE,
    ADVICE_TLS,
    ADVICE_BINLOG,
    ADVICE_COMMAND,
    ADVICE_IDENTITY,
    ADVICE_PURGED,
    ADVICE_TAIL,
    ADVICE_DIVERGED,
    ADVICE_MODE,
    ADVICE_LONG,
    ADVICE_LONG_THERE,
    ADVICE_COUNT,
};

enum { DUMP_ENDED = 1236 }; /* whatever the reason */

struct meaning {
    unsigned number;
    int code;
    enum advice advice;
    const char *words; /* in the text, in any case; NULL: any */
};

/* The first that fits. */
static const struct meaning MEANINGS[] = {
    /* it passes by itself */
    {1021, LEAT_ERETRY, ADVICE_NONE, NULL}, /* the disk is full */
    {1037, LEAT_ERETRY, ADVICE_NONE, NULL}, /* out of memory */
    {1038, LEAT_ERETRY, ADVICE_NONE, NULL},
    {1040, LEAT_ERETRY, ADVICE_NONE, NULL}, /* too many connections */
    {1041, LEAT_ERETRY, ADVICE_NONE, NULL},
    {1042, LEAT_ERETRY, ADVICE_NONE, NULL}, /* our name cannot be resolved */
    {1043, LEAT_ERETRY, ADVICE_NONE, NULL}, /* bad handshake */
    {1053, LEAT_ERETRY, ADVICE_NONE, NULL}, /* shutting down */
    {1077, LEAT_ERETRY, ADVICE_NONE, NULL},
    {1078, LEAT_ERETRY, ADVICE_NONE, NULL},
    {1079, LEAT_ERETRY, ADVICE_NONE, NULL},
    {1080, LEAT_ERETRY, ADVICE_NONE, NULL},
    {1105, LEAT_ERETRY, ADVICE_NONE, NULL}, /* unknown; proxies say so of a lost server */
    {1135, LEAT_ERETRY, ADVICE_NONE, NULL}, /* no more threads */
    {1152, LEAT_ERETRY, ADVICE_NONE, NULL}, /* aborted */
    {1156, LEAT_EPROTO, ADVICE_NONE, NULL}, /* packets out of order */
    {1157, LEAT_EPROTO, ADVICE_NONE, NULL}, /* cannot inflate a packet */
    {1158, LEAT_ERETRY, ADVICE_NONE, NULL}, /* the network, as the server saw it */
    {1159, LEAT_ERETRY, ADVICE_NONE, NULL},
    {1160, LEAT_ERETRY, ADVICE_NONE, NULL},
    {1161, LEAT_ERETRY, ADVICE_NONE, NULL},
    {1184, LEAT_ERETRY, ADVICE_NONE, NULL},
    {1189, LEAT_ERETRY, ADVICE_NONE, NULL},
    {1190, LEAT_ERETRY, ADVICE_NONE, NULL},
    {1203, LEAT_ERETRY, ADVICE_NONE, NULL}, /* too many of this user */
    {1205, LEAT_ERETRY, ADVICE_NONE, NULL}, /* waited for a lock */
    {1213, LEAT_ERETRY, ADVICE_NONE, NULL}, /* deadlock */
    {1226, LEAT_ERETRY, ADVICE_NONE, NULL}, /* too many in this hour */
    {1317, LEAT_ERETRY, ADVICE_NONE, NULL}, /* KILL QUERY */
    {1927, LEAT_ERETRY, ADVICE_NONE, NULL}, /* KILL, MariaDB */
    {1969, LEAT_ERETRY, ADVICE_NONE, NULL}, /* max_statement_time */
    {3024, LEAT_ERETRY, ADVICE_NONE, NULL}, /* max_execution_time */
    {3032, LEAT_ERETRY, ADVICE_NONE, NULL}, /* offline mode */
    {3169, LEAT_ERETRY, ADVICE_NONE, NULL}, /* KILL, MySQL */

    /* login */
    {1045, LEAT_ECONFIG, ADVICE_LOGIN, NULL},
    {1698, LEAT_ECONFIG, ADVICE_LOGIN, NULL},
    {1129, LEAT_ECONFIG, ADVICE_BLOCKED, NULL},
    {1130, LEAT_ECONFIG, ADVICE_HOST, NULL},
    {1820, LEAT_ECONFIG, ADVICE_EXPIRED, NULL},
    {1862, LEAT_ECONFIG, ADVICE_EXPIRED, NULL},
    {3118, LEAT_ECONFIG, ADVICE_LOCKED, NULL},
    {4151, LEAT_ECONFIG, ADVICE_LOCKED, NULL},
    {1251, LEAT_ECONFIG, ADVICE_PLUGIN, NULL},
    {2059, LEAT_ECONFIG, ADVICE_PLUGIN, NULL},
    {5012, LEAT_ECONFIG, ADVICE_PLUGIN, NULL},
    {2061, LEAT_ECONFIG, ADVICE_SECURE, NULL},
    {5010, LEAT_ECONFIG, ADVICE_SECURE, NULL}, /* a way that tells the password in clear text */
    {3159, LEAT_ECONFIG, ADVICE_TLS, NULL},    /* require_secure_transport */

    /* privileges */
    {1227, LEAT_ECONFIG, ADVICE_GRANT, NULL},
    {1044, LEAT_ECONFIG, ADVICE_SELECT, NULL},
    {1142, LEAT_ECONFIG, ADVICE_SELECT, NULL},
    {1143, LEAT_ECONFIG, ADVICE_SELECT, NULL},

    /* the dump */
    {1047, LEAT_ECONFIG, ADVICE_COMMAND, NULL},
    {1381, LEAT_ECONFIG, ADVICE_BINLOG, NULL},
    {1373, LEAT_ECONFIG, ADVICE_PURGED, NULL},
    {4052, LEAT_ECONFIG, ADVICE_IDENTITY, NULL},
    {1236, LEAT_ECONFIG, ADVICE_PURGED, "could not find first log"},
    {1236, LEAT_ECONFIG, ADVICE_PURGED, "purged"},
    {1236, LEAT_ECONFIG, ADVICE_TAIL, "> file size"},
    {1236, LEAT_ECONFIG, ADVICE_TAIL, "impossible position"},
    {1236, LEAT_ECONFIG, ADVICE_DIVERGED, "more GTIDs than"},
    {1236, LEAT_ECONFIG, ADVICE_DIVERGED, "which is not in the"},
    {1236, LEAT_ECONFIG, ADVICE_DIVERGED, "GTID strict mode"},
    {1236, LEAT_ECONFIG, ADVICE_IDENTITY, "same server_uuid"},
    {1236, LEAT_ECONFIG, ADVICE_IDENTITY, "same server_id"},
    {1236, LEAT_ECONFIG, ADVICE_MODE, "AUTO_POSITION"},
    {1236, LEAT_ECONFIG, ADVICE_MODE, "anonymous transaction"},
    {1236, LEAT_ECONFIG, ADVICE_MODE, "GTID_MODE"},
    {1236, LEAT_ELIMIT, ADVICE_LONG_THERE, "max_allowed_packet"},
    {1236, LEAT_ERETRY, ADVICE_NONE, "could not find next log"}, /* the next start says why */
    {1236, LEAT_ERETRY, ADVICE_NONE, "memory"},
    {1236, LEAT_EPROTO, ADVICE_NONE, "bogus data"},
    {1236, LEAT_EPROTO, ADVICE_NONE, "truncated in the middle"},
    {1236, LEAT_EPROTO, ADVICE_NONE, "crc check"},
    {1236, LEAT_EPROTO, ADVICE_NONE, "format_description"},
    {1236, LEAT_ECONFIG, ADVICE_BINLOG, "log is not open"},
    {1236, LEAT_ECONFIG, ADVICE_BINLOG, "server_id was not set"},
    {1236, LEAT_ECONFIG, ADVICE_BINLOG, "server_id is 0"},

    /* the library */
    {2000, LEAT_ERETRY, ADVICE_NONE, NULL},
    {2002, LEAT_ERETRY, ADVICE_REACH, NULL}, /* nobody listens */
    {2003, LEAT_ERETRY, ADVICE_REACH, NULL},
    {2005, LEAT_ERETRY, ADVICE_REACH, NULL}, /* nobody knows the name */
    {2007, LEAT_ECONFIG, ADVICE_NONE, NULL}, /* another protocol: no MySQL there */
    {2014, LEAT_EPROTO, ADVICE_NONE, NULL},
    {2019, LEAT_ECONFIG, ADVICE_NONE, NULL}, /* the library lacks utf8mb4 */
    {2020, LEAT_ELIMIT, ADVICE_LONG, NULL},
    {2026, LEAT_ERETRY, ADVICE_NONE, "eof"},
    {2026, LEAT_ERETRY, ADVICE_NONE, "reset by peer"},
    {2026, LEAT_ERETRY, ADVICE_NONE, "broken pipe"},
    {2026, LEAT_ERETRY, ADVICE_NONE, "timed out"},
    {2026, LEAT_ERETRY, ADVICE_NONE, "timeout"},
    {2026, LEAT_ERETRY, ADVICE_NONE, "lost connection"},
    {2026, LEAT_ECONFIG, ADVICE_TLS, NULL},
    {2027, LEAT_EPROTO, ADVICE_NONE, NULL},
    {5015, LEAT_EPROTO, ADVICE_NONE, NULL}, /* cannot inflate a packet */
};

static bool is_of_library(unsigned number)
{
    return (number >= 2000 && number < 3000) || (number >= 5000 && number < 6000);
}

static const struct meaning *meaning_of(unsigned number, const char *text)
{
    static const struct meaning OF_SERVER = {0, LEAT_ECONFIG, ADVICE_NONE, NULL};
    static const struct meaning OF_NETWORK = {0, LEAT_ERETRY, ADVICE_NONE, NULL};
    for (size_t i = 0; i < sizeof MEANINGS / sizeof *MEANINGS; i++) {
        const struct meaning *m = &MEANINGS[i];
        if (m->number == number && (!m->words || (text && strcasestr(text, m->words))))
            return m;
    }
    return number == 0 || is_of_library(number) ? &OF_NETWORK : &OF_SERVER;
}

int my_classify(unsigned number, const char *text)
{
    return meaning_of(number, text)->code;
}

static enum advice advice_of(const struct leat_err *err)
{
    return err->native > 0 ? meaning_of((unsigned)err->native, err->text)->advice : ADVICE_NONE;
}

bool my_log_is_lost(const struct leat_err *err)
{
    enum advice advice = advice_of(err);
    return advice == ADVICE_PURGED || advice == ADVICE_TAIL || advice == ADVICE_DIVERGED;
}

bool my_log_is_other(const struct leat_err *err)
{
    return advice_of(err) == ADVICE_DIVERGED;
}

bool my_log_lacks_gtids(const struct leat_err *err)
{
    return advice_of(err) == ADVICE_MODE;
}

bool my_number_is_taken(const struct leat_err *err)
{
    return advice_of(err) == ADVICE_IDENTITY;
}

bool my_log_is_unreadable(const struct leat_err *err)
{
    return err->native == DUMP_ENDED && err->code == LEAT_EPROTO;
}

/* --- hints -------------------------------------------------------------------------------------*/

/* Where a hint names the account or the server. */
static void advise_account(enum advice advice, const struct my_settings *s, struct leat_err *err)
{
    switch (advice) {
    case ADVICE_LOGIN:
        leat_err_hint(err,
                      "check user and password of this source, and from where the account may log "
                      "in: SELECT user, host, plugin FROM mysql.user WHERE user = '%s'",
                      s->user);
        break;
    case ADVICE_HOST:
        leat_err_hint(err,
                      "the server at %s knows no account that may log in from this machine: "
                      "CREATE USER '%s'@'<address of this machine>' IDENTIFIED BY '<password>'",
                      s->host, s->user);
        break;
    case ADVICE_EXPIRED:
        leat_err_hint(err,
                      "ALTER USER '%s'@'<host>' IDENTIFIED BY '<password>' PASSWORD EXPIRE NEVER",
                      s->user);
        break;
    case ADVICE_LOCKED:
        leat_err_hint(err, "ALTER USER '%s'@'<host>' ACCOUNT UNLOCK", s->user);
        break;
    case ADVICE_GRANT:
        leat_err_hint(err, "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO '%s'@'<host>'",
                      s->user);
        break;
    default:
        leat_err_hint(err, "GRANT SELECT ON <database>.* TO '%s'@'<host>'", s->user);
        break;
    }
}

static const char *const HINTS[ADVICE_COUNT] = {
    [ADVICE_REACH] = "is the server running, and are host and port right? On the server: SHOW GLOBAL "
                     "VARIABLES WHERE variable_name IN ('port', 'socket', 'bind_address', "
                     "'skip_networking'); and does a firewall lie between?",
    [ADVICE_BLOCKED] = "FLUSH HOSTS (MySQL 8 and later: TRUNCATE performance_schema.host_cache)",
    [ADVICE_PLUGIN] =
        "the client library has no plugin for this account's way to log in: set MARIADB_PLUGIN_DIR "
        "(libmysqlclient: LIBMYSQL_PLUGIN_DIR) to the directory that holds it (Debian: "
        "/usr/lib/<machine>/libmariadb3/plugin), or use an account with another one",
    [ADVICE_SECURE] = "this account's way to log in needs TLS (sslmode: verify-full), a socket, or "
                      "server_public_key",
    [ADVICE_TLS] = "see sslmode, ssl_ca, ssl_cert and ssl_key of this source; SHOW GLOBAL "
                   "VARIABLES LIKE '%ssl%' says what the server has",
    [ADVICE_BINLOG] = "the server writes no binlog, or has no number: set log_bin and server_id "
                      "and restart it",
    [ADVICE_COMMAND] = "the server cannot begin by a GTID set: set resume to position",
    [ADVICE_IDENTITY] = "another replica has our server_id: give this source a server_id of its "
                        "own, or stop the other leat that runs with a copy of this store",
    [ADVICE_PURGED] =
        "the log from our position on is gone, or this is another server: check host and port; "
        "raise binlog_expire_logs_seconds for the future; on_gap: record goes on behind the gap",
    [ADVICE_TAIL] =
        "our position lies behind the end of the server's file: it lost the end of its log in a "
        "crash (sync_binlog=1 prevents that), or was reset or restored; on_gap: record goes on",
    [ADVICE_DIVERGED] =
        "this server does not have transactions that are stored here: connect to the one that "
        "has; on_gap: record goes on with this one's",
    [ADVICE_MODE] = "the server's gtid_mode is not what this source resumes by: SET GLOBAL "
                    "gtid_mode=ON by its steps, or set resume to position",
    [ADVICE_LONG_THERE] =
        "the server does not send events that long: raise its max_allowed_packet (MariaDB: "
        "slave_max_allowed_packet); or our position is not where an event begins",
};

static void advise(enum advice advice, const struct my_settings *s, struct leat_err *err)
{
    if (advice == ADVICE_LONG)
        leat_err_hint(err, "an event is longer than row_max (%" PRId64 " bytes): raise row_max",
                      s->row_bytes_max);
    else if (HINTS[advice])
        leat_err_hint(err, "%s", HINTS[advice]);
    else if (advice != ADVICE_NONE)
        advise_account(advice, s, err);
}

/* A message as one line. */
static void message_line(const char *message, char *ret_line, size_t size)
{
    size_t n = 0;
    for (; message && *message && n + 1 < size; message++)
        ret_line[n++] = *message == '\n' || *message == '\r' ? ' ' : *message;
    while (n && ret_line[n - 1] == ' ')
        n--;
    ret_line[n] = '\0';
}

int my_fail(const struct my_settings *settings, unsigned number, const char *state,
            const char *text, const char *what, struct leat_err *err)
{
    char line[420];
    const struct meaning *meaning = meaning_of(number, text);
    message_line(text && *text ? text : "the connection was lost", line, sizeof line);
    leat_fail_sqlstate(err, meaning->code, state, "cannot %s: %s (%u)", what, line, number);
    err->native = number;
    advise(meaning->advice, settings, err);
    return err->code;
}
