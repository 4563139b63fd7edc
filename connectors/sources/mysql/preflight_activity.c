/*
 * Preflight: what others do on the server, as far as we may see it. Sessions that log statements,
 * replicas with our number, transactions that were prepared and never decided or that run for
 * hours; and whether the server is a replica itself.
 */
#include "sources/mysql/preflight.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

enum {
    FIX_MAX = 64 << 10,
    LISTED_MAX = 5,
    LONG_TRANSACTION_S = 300,
    REPLICA_WORDS_VERSION = 80022, /* SHOW REPLICA STATUS, SHOW REPLICAS */
    REPLICA_WORDS_MARIADB = 100500,
    XA_SQL_MARIADB = 100303,
};

static bool knows_replica(const struct my_look *look)
{
    return look->server.number >=
           (look->server.mariadb ? REPLICA_WORDS_MARIADB : REPLICA_WORDS_VERSION);
}

/* --- the server as a replica -------------------------------------------------------------------
 */

static void report_replica(struct my_look *look)
{
    const char *logs = my_look_variable(look, "log_replica_updates");
    const char *order = my_look_variable(look, "replica_preserve_commit_order");
    struct leat_buf fix;
    leat_buf_init(&fix, FIX_MAX);
    logs = logs ? logs : my_look_variable(look, "log_slave_updates");
    order = order ? order : my_look_variable(look, "slave_preserve_commit_order");
    int64_t workers = my_look_number(look, "replica_parallel_workers",
                                     my_look_number(look, "slave_parallel_workers", 0));
    if (logs && strcasecmp(logs, "OFF") == 0) {
        my_fix_configure(look, &fix,
                         my_look_variable(look, "log_replica_updates") ? "log_replica_updates"
                                                                       : "log_slave_updates",
                         "ON");
        MY_LOOK_FINDING_RESTART(look, LEAT_FINDING_WARN, "replica", leat_buf_text(&fix),
                                "the server is a replica and does not log what it gets from its "
                                "source: those changes cannot be in the stream");
    } else if (!look->server.mariadb && workers > 1 && order && strcasecmp(order, "OFF") == 0) {
        my_fix_set(look, &fix,
                   my_look_variable(look, "replica_preserve_commit_order")
                       ? "replica_preserve_commit_order"
                       : "slave_preserve_commit_order",
                   "ON");
        MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "replica", leat_buf_text(&fix),
                        "the server is a replica that commits in another order than its source: "
                        "the stream has this server's order");
    } else {
        MY_LOOK_FINDING(look, LEAT_FINDING_NOTE, "replica", NULL,
                        "the server is a replica: the stream lags behind its source as the "
                        "replica does, and ends when replication does");
    }
    leat_buf_release(&fix);
}

static void check_replica(struct my_look *look)
{
    struct my_result *result;
    if (!my_look_ask_more(
            look, "replica", "replication of this server",
            look->server.mariadb && knows_replica(look) ? "SLAVE MONITOR" : "REPLICATION CLIENT",
            knows_replica(look) ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS", &result))
        return;
    if (my_result_rows(result))
        report_replica(look);
    my_result_free(result);
}

/* --- others that read --------------------------------------------------------------------------
 */

/* Of a number that was given; one that is chosen at random is no trouble. */
static void check_replicas(struct my_look *look)
{
    struct my_result *result;
    char here[256] = "";
    const char *show = !knows_replica(look)   ? "SHOW SLAVE HOSTS"
                       : look->server.mariadb ? "SHOW REPLICA HOSTS"
                                              : "SHOW REPLICAS";
    if (!look->settings->server_id ||
        !my_look_ask_more(look, "server_id_taken", "other replicas",
                          look->server.mariadb ? "REPLICATION MASTER ADMIN" : "REPLICATION SLAVE",
                          show, &result))
        return;
    int id = my_result_column(result, "Server_id"), host = my_result_column(result, "Host");
    (void)gethostname(here, sizeof here - 1);
    for (size_t i = 0; id >= 0 && i < my_result_rows(result); i++) {
        const char *from = host >= 0 ? my_look_text(result, i, (unsigned)host) : "";
        if (my_result_int(result, i, (unsigned)id) != look->settings->server_id)
            continue;
        if (*from && strncmp(from, here, strlen(from)) == 0)
            MY_LOOK_FINDING(look, LEAT_FINDING_NOTE, "server_id_taken", NULL,
                            "server_id %" PRId64 " is connected from this machine: this source's "
                            "own daemon, one hopes",
                            look->settings->server_id);
        else
            MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "server_id_taken", NULL,
                            "a replica with server_id %" PRId64 " is connected from %s: two with "
                            "one number end each other's streams. Give this source another one, or "
                            "0 to have one chosen",
                            look->settings->server_id, *from ? from : "elsewhere");
    }
    my_result_free(result);
}

/* --- others that write -------------------------------------------------------------------------
 */

static void check_session_formats(struct my_look *look)
{
    static const char QUERY[] =
        "SELECT t.PROCESSLIST_ID, CONCAT(t.PROCESSLIST_USER, '@', t.PROCESSLIST_HOST), "
        "v.VARIABLE_VALUE FROM performance_schema.variables_by_thread v "
        "JOIN performance_schema.threads t USING (THREAD_ID) WHERE v.VARIABLE_NAME = "
        "'binlog_format' AND v.VARIABLE_VALUE <> 'ROW' AND t.PROCESSLIST_ID <> CONNECTION_ID()";
    struct my_result *result;
    if (look->server.mariadb || strcasecmp(look->server.format, "ROW") != 0 ||
        !my_look_ask_more(look, "session_formats", "settings of other sessions",
                          "SELECT ON performance_schema.*", QUERY, &result))
        return;
    struct leat_buf list;
    leat_buf_init(&list, FIX_MAX);
    for (size_t i = 0; i < my_result_rows(result) && i < LISTED_MAX; i++)
        leat_buf_format(&list, "%ssession %s of %s has %s", list.len ? ", " : "",
                        my_look_text(result, i, 0), my_look_text(result, i, 1),
                        my_look_text(result, i, 2));
    if (list.len)
        MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "session_formats", NULL,
                        "sessions log statements instead of rows, which %s: %s",
                        look->settings->statements == MY_STATEMENTS_WARN ? "are not in the stream"
                                                                         : "stops the source",
                        leat_buf_text(&list));
    leat_buf_release(&list);
    my_result_free(result);
}

/* XA COMMIT and ROLLBACK take X'gtrid',X'bqual',format; MariaDB prints that, MySQL its parts. */
static void xid_text(const struct my_look *look, const struct my_result *r, size_t row,
                     struct leat_buf *text)
{
    const char *data = my_look_text(r, row, 3);
    int64_t gtrid = my_result_int(r, row, 1), bqual = my_result_int(r, row, 2);
    leat_buf_reset(text);
    if (look->server.mariadb)
        leat_buf_append_text(text, data);
    else if (strncmp(data, "0x", 2) == 0 && strlen(data) == 2 + 2 * (size_t)(gtrid + bqual))
        leat_buf_format(text, "X'%.*s',X'%s',%s", (int)(2 * gtrid), data + 2, data + 2 + 2 * gtrid,
                        my_look_text(r, row, 0));
}

static void check_xa(struct my_look *look)
{
    const char *recover = !look->server.mariadb                   ? "XA RECOVER CONVERT XID"
                          : look->server.number >= XA_SQL_MARIADB ? "XA RECOVER FORMAT='SQL'"
                                                                  : "XA RECOVER";
    struct my_result *result;
    struct leat_buf fix, xid;
    if (!my_look_ask_more(look, "xa", "prepared XA transactions", "XA_RECOVER_ADMIN", recover,
                          &result))
        return;
    leat_buf_init(&fix, FIX_MAX);
    leat_buf_init(&xid, 1024);
    for (size_t i = 0; i < my_result_rows(result) && i < LISTED_MAX; i++) {
        xid_text(look, result, i, &xid);
        leat_fix_comment(&fix, "if its application has given it up: XA ROLLBACK %s;",
                         leat_buf_text(&xid));
    }
    if (my_result_rows(result))
        MY_LOOK_FINDING(
            look, LEAT_FINDING_WARN, "xa", leat_buf_text(&fix),
            "%zu XA transactions are prepared and not decided: their rows are in the "
            "log already. A source that begins now has not read them, and when they are "
            "committed it %s: decide them first",
            my_result_rows(result),
            look->settings->on_gap == LEAT_GAP_STOP ? "stops" : "stores a gap event");
    leat_buf_release(&fix);
    leat_buf_release(&xid);
    my_result_free(result);
}

/* trx_started is in the server's zone, whatever ours is. */
static void check_long_transactions(struct my_look *look)
{
    static const char QUERY[] =
        "SELECT trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, CONVERT_TZ(trx_started, 'SYSTEM', "
        "'+00:00'), UTC_TIMESTAMP()) AS age, trx_rows_modified FROM information_schema.INNODB_TRX "
        "WHERE trx_rows_modified > 0 ORDER BY age DESC";
    struct my_result *result;
    struct leat_buf fix;
    if (!my_look_ask_more(look, "long_transactions", "long transactions", "PROCESS", QUERY,
                          &result))
        return;
    int64_t age = my_result_rows(result) ? my_result_int(result, 0, 1) : 0;
    leat_buf_init(&fix, FIX_MAX);
    if (age >= LONG_TRANSACTION_S) {
        leat_fix_comment(&fix, "if nobody needs it: KILL %s;", my_look_text(result, 0, 0));
        MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "long_transactions", leat_buf_text(&fix),
                        "session %s has had a transaction open for %" PRId64 " minutes, with %s "
                        "rows changed: it comes all at once when it commits, and has to fit "
                        "transaction_max",
                        my_look_text(result, 0, 0), age / 60, my_look_text(result, 0, 2));
    }
    leat_buf_release(&fix);
    my_result_free(result);
}

/* Transactions that were too large for the server's memory. */
static void check_large_transactions(struct my_look *look)
{
    struct my_result *result;
    if (!my_look_ask(look, "large_transactions", "SHOW GLOBAL STATUS LIKE 'Binlog_cache_disk_use'",
                     &result))
        return;
    int64_t spilled = my_result_rows(result) ? my_result_int(result, 0, 1) : 0;
    my_result_free(result);
    if (spilled > 0)
        MY_LOOK_FINDING(look, LEAT_FINDING_NOTE, "large_transactions", NULL,
                        "%" PRId64 " transactions since the server's start were larger than its "
                        "binlog_cache_size and went through a file; here it is those beyond "
                        "transaction_memory that do",
                        spilled);
}

void my_look_activity(struct my_look *look)
{
    check_replica(look);
    check_replicas(look);
    check_session_formats(look);
    check_xa(look);
    check_long_transactions(look);
    check_large_transactions(look);
}
