/*
 * `leat check` for a MySQL or MariaDB source.
 *
 * The problem: the binlog has a dozen preconditions in the server's settings, most of which are off
 * by default, count only from the moment they are set, and show late when they are missing: as
 * columns without names, statements without rows, a file that was purged over the weekend. So all
 * are asked beforehand, and each answer comes with the statement that mends it.
 *
 * The idea: one session that only asks, with a deadline per question, and one that reads the end of
 * the log as `leat run` would, and goes again.
 *
 *  1. Nothing is changed, and no stream of a running daemon is disturbed: see preflight_log.c.
 *  2. A refused question is a finding. A broken connection is an error: the questions could not be
 *     asked.
 *  3. What rewrites a table or ends somebody's work is printed as a comment, never as a statement.
 *  4. Names in statements are quoted; the application's rows are never read.
 *
 * Deliberately not done: whether the stored offset is still in the log, and of this server, is
 * judged by resume.c at each start; nothing of the store is known here. Sessions that write with
 * sql_log_bin=0 leave no trace that could be looked for.
 */
#include "sources/mysql/preflight.h"

#include <leat/clock.h>
#include <leat/limits.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    MYSQL_VERSION_MIN = 50700,
    MYSQL_TESTED_MAX = 90799,
    MARIADB_VERSION_MIN = 100300,
    MARIADB_TESTED_MAX = 119999,
    CLOCK_OFFSET_MAX_US = 2 * 1000 * 1000,
    LIST_MAX = 16 << 10,
};

/* --- the server --------------------------------------------------------------------------------
 */

static bool check_version(struct my_look *look)
{
    const struct my_server *s = &look->server;
    const char *name = s->mariadb ? "MariaDB" : "MySQL";
    uint32_t least = s->mariadb ? MARIADB_VERSION_MIN : MYSQL_VERSION_MIN;
    uint32_t tested = s->mariadb ? MARIADB_TESTED_MAX : MYSQL_TESTED_MAX;
    if (s->number < least)
        MY_LOOK_FINDING(look, LEAT_FINDING_FATAL, "server", NULL,
                        "%s %s is too old: MySQL 5.7 or MariaDB 10.3 is needed", name, s->version);
    else if (s->number > tested)
        MY_LOOK_FINDING(look, LEAT_FINDING_NOTE, "server", NULL,
                        "%s %s is newer than what this leat was made for", name, s->version);
    else
        MY_LOOK_FINDING(look, LEAT_FINDING_OK, "server", NULL, "%s %s", name, s->version);
    return s->number >= least;
}

static void check_service(struct my_look *look)
{
    static const char *const WORDS[] = {
        [MY_SERVICE_AURORA] = "Amazon Aurora: connect to the writer's endpoint; settings are the "
                              "cluster's parameter group's and need a reboot",
        [MY_SERVICE_RDS] = "Amazon RDS: settings are the parameter group's",
        [MY_SERVICE_GOOGLE] = "Google Cloud SQL: settings are flags of the instance",
        [MY_SERVICE_AZURE] = "Azure Database: settings are server parameters; a retention of 0 can "
                             "mean that the log goes when the service does not need it",
    };
    if (look->service != MY_SERVICE_NONE)
        MY_LOOK_FINDING(look, LEAT_FINDING_NOTE, "service", NULL, "%s", WORDS[look->service]);
}

static void check_clock(struct my_look *look)
{
    int64_t offset = look->clock_offset_us;
    if (llabs(offset) - look->clock_doubt_us > CLOCK_OFFSET_MAX_US)
        MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "clock", NULL,
                        "the server's clock is %.1f s %s ours: when events came (ingested_at) will "
                        "seem to be so far from when they were committed; nothing else depends on "
                        "it. Let both keep time by NTP",
                        (double)llabs(offset) / 1e6, offset > 0 ? "ahead of" : "behind");
}

/* --- us ----------------------------------------------------------------------------------------
 */

/* What `auto` would do tells where the server is. */
static bool is_on_loopback(const struct my_settings *settings)
{
    return leat_tls_mode_for(LEAT_TLS_AUTO, settings->host) == LEAT_TLS_PREFER;
}

static void check_tls(struct my_look *look)
{
    const char *cipher = my_connection_cipher(look->sql), *host = look->settings->host;
    bool verified =
        leat_tls_mode_for(look->settings->sslmode, look->settings->host) >= LEAT_TLS_VERIFY_CA;
    if (cipher)
        MY_LOOK_FINDING(look, verified ? LEAT_FINDING_OK : LEAT_FINDING_NOTE, "tls", NULL,
                        "TLS with %s%s", cipher,
                        verified ? ""
                                 : "; the server's certificate is not verified (sslmode: "
                                   "verify-full does)");
    else if (host[0] == '/')
        MY_LOOK_FINDING(look, LEAT_FINDING_OK, "tls", NULL,
                        "a Unix socket, where no TLS is needed");
    else if (is_on_loopback(look->settings))
        MY_LOOK_FINDING(look, LEAT_FINDING_OK, "tls", NULL, "no TLS, on loopback");
    else
        MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "tls", NULL,
                        "the connection to %s is not encrypted: rows travel readable. Set sslmode: "
                        "verify-full for this source, and ssl_cert and ssl_key at the server",
                        host);
}

static void check_connections(struct my_look *look)
{
    if (look->connections_max && look->connections_max < 3)
        MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "connections", NULL,
                        "%s may have %" PRId64 " connections at a time: leat has two, and a third "
                        "while a broken one is not gone yet",
                        look->account, look->connections_max);
}

static void check_spill_directory(struct my_look *look)
{
    const char *directory = look->settings->spill_directory;
    if (directory && access(directory, W_OK | X_OK) != 0)
        MY_LOOK_FINDING(look, LEAT_FINDING_FATAL, "spill_directory", NULL,
                        "no file can be made in %s (spill_directory) by user number %d: long "
                        "transactions have nowhere to go",
                        directory, (int)geteuid());
}

/* What a role with the privileges we need cannot see, in one note. */
static void report_unseen(struct my_look *look)
{
    struct leat_buf fix;
    if (!look->unseen.len)
        return;
    leat_buf_init(&fix, 2 * LIST_MAX);
    leat_fix_comment(&fix, "leat runs without; to look at them, let %s have: %s", look->account,
                     leat_buf_text(&look->wanted));
    MY_LOOK_FINDING(look, LEAT_FINDING_NOTE, "privileges", leat_buf_text(&fix),
                    "not looked at, for want of privileges: %s", leat_buf_text(&look->unseen));
    leat_buf_release(&fix);
}

/* --- the order of all --------------------------------------------------------------------------
 */

static int load_variables(struct my_look *look)
{
    static const char QUERY[] =
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('aurora_version', 'basedir', "
        "'version_comment', 'binlog_row_value_options', 'gtid_mode', 'enforce_gtid_consistency', "
        "'binlog_expire_logs_seconds', 'binlog_expire_logs_auto_purge', 'expire_logs_days', "
        "'max_binlog_total_size', 'log_replica_updates', 'log_slave_updates', "
        "'replica_preserve_commit_order', 'slave_preserve_commit_order', "
        "'replica_parallel_workers', 'slave_parallel_workers', 'innodb_native_foreign_keys', "
        "'sync_binlog', 'innodb_flush_log_at_trx_commit', 'gtid_strict_mode', 'gtid_binlog_pos')";
    int status =
        my_query(look->sql, QUERY, "read the server's settings", &look->variables, look->err);
    if (status)
        return status;
    const char *comment = my_look_variable(look, "version_comment");
    const char *basedir = my_look_variable(look, "basedir");
    look->service = my_service_of(look->server.version, comment ? comment : "",
                                  basedir ? basedir : "", my_look_variable(look, "aurora_version"));
    return LEAT_OK;
}

/* NOW() is when the statement began; SYSDATE() is when it is asked. */
static int load_session(struct my_look *look)
{
    static const char QUERY[] = "SELECT CURRENT_USER(), @@SESSION.max_user_connections, "
                                "CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)";
    struct my_result *result;
    int64_t before_us = leat_clock_wall_us();
    int status = my_query(look->sql, QUERY, "ask who we are", &result, look->err);
    int64_t after_us = leat_clock_wall_us();
    if (status)
        return status;
    my_account_format(my_result_value(result, 0, 0), look->account);
    look->connections_max = my_result_int(result, 0, 1);
    look->clock_offset_us = my_result_int(result, 0, 2) - (before_us + after_us) / 2;
    look->clock_doubt_us = (after_us - before_us) / 2;
    my_result_free(result);
    return LEAT_OK;
}

/* Read-only, and the server itself ends a question that takes too long, so that the next one can be
 * asked: a second before the connection is given up. */
static int prepare(struct my_look *look)
{
    char sql[120];
    int64_t patience_ms = look->settings->connect_timeout_ms;
    patience_ms = patience_ms > 2000 ? patience_ms - 1000 : patience_ms / 2;
    int status = my_catalog_server(look->sql, &look->server, look->err);
    if (!status)
        status = my_execute(look->sql, "SET SESSION TRANSACTION READ ONLY", "prepare the session",
                            look->err);
    if (look->server.mariadb)
        snprintf(sql, sizeof sql, "SET SESSION max_statement_time = %.3f",
                 (double)patience_ms / 1000);
    else
        snprintf(sql, sizeof sql, "SET SESSION max_execution_time = %" PRId64, patience_ms);
    if (!status)
        status = my_execute(look->sql, sql, "prepare the session", look->err);
    if (!status)
        status = load_variables(look);
    if (!status)
        status = load_session(look);
    look->by_gtid = look->server.gtid_mode && look->settings->resume != MY_RESUME_POSITION;
    return status;
}

static void check_all(struct my_look *look)
{
    if (!check_version(look))
        return;
    check_service(look);
    my_look_log(look);
    check_connections(look);
    check_tls(look);
    check_spill_directory(look);
    my_look_tables(look);
    my_look_activity(look);
    check_clock(look);
    report_unseen(look);
}

int my_preflight(const struct my_settings *settings, const char *instance,
                 struct leat_report *report, struct leat_err *err)
{
    struct my_look look = {
        .settings = settings, .instance = instance, .report = report, .err = err};
    int status = my_connect(settings, instance, &look.sql, err);
    if (status)
        return status;
    leat_buf_init(&look.gtids, LEAT_TOKEN_MAX);
    leat_buf_init(&look.unseen, LIST_MAX);
    leat_buf_init(&look.wanted, LIST_MAX);
    status = prepare(&look);
    if (!status)
        check_all(&look);
    if (look.lost)
        status = err->code;
    leat_buf_release(&look.gtids);
    leat_buf_release(&look.unseen);
    leat_buf_release(&look.wanted);
    my_result_free(look.variables);
    my_disconnect(look.sql);
    return status;
}
