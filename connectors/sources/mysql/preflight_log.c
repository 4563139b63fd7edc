/*
 * Preflight: the log. Whether it is written at all and in rows, whether the rows are whole and say
 * what their columns are called, whether we may read it, how long it is kept, and what a crash of
 * the server would do to it.
 *
 * What decides is a second connection that asks for the log's end as `leat run` would: privileges,
 * server_id, GTIDs and checksums are judged by the server itself. It has a number of its own, made
 * up for the occasion, because the server ends an older dump with the same one: the stream of a
 * daemon that is running.
 */
#include "sources/mysql/preflight.h"

#include <leat/clock.h>
#include <leat/limits.h>

#include "sources/mysql/binlog_client.h"
#include "sources/mysql/binlog_event.h"
#include "sources/mysql/gtid.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>

enum {
    FIX_MAX = 64 << 10,
    HOUR_S = 3600,
    KEPT_MIN_S = 24 * HOUR_S, /* a night and a day to notice and mend */
    KEPT_ADVICE_S = 7 * 24 * HOUR_S,
    GLANCE_EVENTS_MAX = 1000, /* of a log that grows faster than we look */
    FILES_ARENA_MAX = 8 << 20,
    DO_DB_COLUMN = 2, /* of SHOW MASTER STATUS, by any of its names */
    IGNORE_DB_COLUMN = 3,
    BINARY_LOG_STATUS_VERSION = 80200,
};

/* --- how it is written -------------------------------------------------------------------------
 */

static bool check_log_bin(struct my_look *look)
{
    struct leat_buf fix;
    if (look->server.log_bin) {
        MY_LOOK_FINDING(look, LEAT_FINDING_OK, "log_bin", NULL, "the server writes a binlog");
        return true;
    }
    leat_buf_init(&fix, FIX_MAX);
    if (look->service == MY_SERVICE_RDS)
        leat_fix_comment(&fix, "the service writes a binlog as soon as automated backups are on");
    else if (look->service == MY_SERVICE_GOOGLE)
        leat_fix_comment(&fix,
                         "the service writes a binlog with point-in-time recovery switched on");
    else if (look->service == MY_SERVICE_AURORA)
        leat_fix_comment(&fix, "in the cluster's parameter group: binlog_format = ROW");
    else
        my_fix_configure(look, &fix, "log_bin", "ON");
    MY_LOOK_FINDING_RESTART(look, LEAT_FINDING_FATAL, "log_bin", leat_buf_text(&fix),
                            "the server writes no binlog: there is nothing to read");
    leat_buf_release(&fix);
    return false;
}

static void check_server_id(struct my_look *look)
{
    struct leat_buf fix;
    leat_buf_init(&fix, FIX_MAX);
    my_fix_set(look, &fix, "server_id", "1");
    if (look->server.server_id == 0)
        MY_LOOK_FINDING(look, LEAT_FINDING_FATAL, "server_id", leat_buf_text(&fix),
                        "the server's server_id is 0: it serves no replicas, and we are one");
    else if (look->server.server_id == look->settings->server_id)
        MY_LOOK_FINDING(look, LEAT_FINDING_FATAL, "server_id", NULL,
                        "server_id of this source is the server's own, %" PRIu32
                        ": give this source another one, or 0 to have one chosen",
                        look->server.server_id);
    else
        MY_LOOK_FINDING(look, LEAT_FINDING_OK, "server_id", NULL, "the server has number %" PRIu32,
                        look->server.server_id);
    leat_buf_release(&fix);
}

static void check_format(struct my_look *look)
{
    struct leat_buf fix;
    bool lenient = look->settings->statements == MY_STATEMENTS_WARN;
    if (strcasecmp(look->server.format, "ROW") == 0) {
        MY_LOOK_FINDING(look, LEAT_FINDING_OK, "binlog_format", NULL, "changes are logged as rows");
        return;
    }
    leat_buf_init(&fix, FIX_MAX);
    my_fix_set(look, &fix, "binlog_format", "'ROW'");
    MY_LOOK_FINDING(look, lenient ? LEAT_FINDING_WARN : LEAT_FINDING_FATAL, "binlog_format",
                    leat_buf_text(&fix),
                    "binlog_format is %s: changes are logged as statements, from which nobody can "
                    "tell which rows changed; ROW is needed. Sessions that are open now keep what "
                    "they have until they connect again%s",
                    look->server.format, lenient ? " (statements: warn goes on without them)" : "");
    leat_buf_release(&fix);
}

static void check_row_image(struct my_look *look)
{
    struct leat_buf fix;
    if (strcasecmp(look->server.row_image, "FULL") == 0) {
        MY_LOOK_FINDING(look, LEAT_FINDING_OK, "binlog_row_image", NULL, "rows are logged whole");
        return;
    }
    leat_buf_init(&fix, FIX_MAX);
    my_fix_set(look, &fix, "binlog_row_image", "'FULL'");
    MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "binlog_row_image", leat_buf_text(&fix),
                    "binlog_row_image is %s: columns that a change does not need are not logged, "
                    "and absent in its event (absent, not NULL); FULL has them all",
                    look->server.row_image);
    leat_buf_release(&fix);
}

static void report_metadata(struct my_look *look, const char *level)
{
    struct leat_buf fix;
    bool strict = look->settings->schema_mode == MY_SCHEMA_METADATA;
    leat_buf_init(&fix, FIX_MAX);
    my_fix_set(look, &fix, "binlog_row_metadata", "'FULL'");
    leat_buf_append_text(&fix, "\nFLUSH BINARY LOGS;");
    MY_LOOK_FINDING(
        look, strict ? LEAT_FINDING_FATAL : LEAT_FINDING_WARN, "binlog_row_metadata",
        leat_buf_text(&fix),
        "binlog_row_metadata is %s: rows in the log have no names of columns%s; %s. FULL counts "
        "from "
        "the moment it is set, so the stream has to begin behind it",
        level, strcasecmp(level, "NO_LOG") == 0 ? ", no signs and no character sets" : "",
        strict ? "FULL is needed, or schema: catalogue for this source"
               : "they are taken from the tables as they are now, and a table that was changed "
                 "meanwhile stops the source");
    leat_buf_release(&fix);
}

static void check_row_metadata(struct my_look *look)
{
    const char *level = look->server.row_metadata;
    bool strict = look->settings->schema_mode == MY_SCHEMA_METADATA;
    if (strcasecmp(level, "FULL") == 0)
        MY_LOOK_FINDING(look, LEAT_FINDING_OK, "binlog_row_metadata", NULL,
                        "rows are logged with the names of their columns");
    else if (*level)
        report_metadata(look, level);
    else
        MY_LOOK_FINDING(look, strict ? LEAT_FINDING_FATAL : LEAT_FINDING_WARN,
                        "binlog_row_metadata", NULL,
                        "this server cannot log the names of columns (MySQL can from 8.0.1, "
                        "MariaDB from 10.5): %s",
                        strict ? "set schema: catalogue for this source, or upgrade"
                               : "they are taken from the tables as they are now, and a table that "
                                 "was changed meanwhile stops the source");
}

/* Patches of JSON documents are applied to the old row, which must be there. */
static void check_row_value_options(struct my_look *look)
{
    const char *options = my_look_variable(look, "binlog_row_value_options");
    struct leat_buf fix;
    if (!options || !strcasestr(options, "PARTIAL_JSON"))
        return;
    leat_buf_init(&fix, FIX_MAX);
    my_fix_set(look, &fix, "binlog_row_value_options", "''");
    if (strcasecmp(look->server.row_image, "FULL") == 0)
        MY_LOOK_FINDING(look, LEAT_FINDING_OK, "binlog_row_value_options", NULL,
                        "changed JSON documents are logged as patches, which leat applies");
    else
        MY_LOOK_FINDING(look, LEAT_FINDING_FATAL, "binlog_row_value_options", leat_buf_text(&fix),
                        "changed JSON documents are logged as patches of an old row that "
                        "binlog_row_image=%s leaves out: the document cannot be told",
                        look->server.row_image);
    leat_buf_release(&fix);
}

/* --- GTIDs -------------------------------------------------------------------------------------
 */

/* What has to happen between OFF and ON, from where the server is now. */
void my_gtid_mode_steps(const struct my_look *look, const char *mode, const char *consistency,
                        struct leat_buf *fix)
{
    static const char *const MODES[] = {"OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"};
    size_t at = 0;
    for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++)
        if (strcasecmp(mode, MODES[i]) == 0)
            at = i;
    if (strcasecmp(consistency, "ON") != 0) {
        leat_fix_comment(fix, "first WARN for a while: statements that GTIDs do not allow stand in "
                              "the server's error log");
        my_fix_set(look, fix, "enforce_gtid_consistency", "'ON'");
    }
    for (size_t i = at + 1; i < sizeof MODES / sizeof *MODES; i++) {
        char value[24];
        if (i == 3)
            leat_fix_comment(fix, "on every server: once SHOW STATUS LIKE "
                                  "'ONGOING_ANONYMOUS_TRANSACTION_COUNT' is 0, and what was "
                                  "logged without GTIDs is replicated and read");
        snprintf(value, sizeof value, "'%s'", MODES[i]);
        my_fix_set(look, fix, "gtid_mode", value);
    }
}

static void check_gtid_mode(struct my_look *look)
{
    const char *mode = my_look_variable(look, "gtid_mode");
    const char *consistency = my_look_variable(look, "enforce_gtid_consistency");
    bool required = look->settings->resume == MY_RESUME_GTID;
    struct leat_buf fix;
    if (look->server.mariadb)
        return; /* always on */
    if (look->server.gtid_mode) {
        MY_LOOK_FINDING(look, LEAT_FINDING_OK, "gtid_mode", NULL, "transactions have GTIDs");
        return;
    }
    leat_buf_init(&fix, FIX_MAX);
    my_gtid_mode_steps(look, mode ? mode : "OFF", consistency ? consistency : "OFF", &fix);
    MY_LOOK_FINDING(look,
                    required                                       ? LEAT_FINDING_FATAL
                    : look->settings->resume == MY_RESUME_POSITION ? LEAT_FINDING_NOTE
                                                                   : LEAT_FINDING_WARN,
                    "gtid_mode", leat_buf_text(&fix),
                    "gtid_mode is %s: the offset is a file and position of this very server, and a "
                    "failover to another one cannot be followed%s",
                    mode ? mode : "unknown", required ? " (resume: gtid needs ON)" : "");
    leat_buf_release(&fix);
}

static void check_storage_engine(struct my_look *look)
{
    if (!look->server.innodb_binlog)
        return;
    MY_LOOK_FINDING(look, look->by_gtid ? LEAT_FINDING_NOTE : LEAT_FINDING_FATAL,
                    "binlog_storage_engine", NULL,
                    "the binlog lies in InnoDB (binlog_storage_engine) and has no files and "
                    "positions: the source resumes by GTID only%s",
                    look->by_gtid ? "" : "; set resume: auto");
}

static size_t count_domains(const char *state)
{
    size_t count = *state ? 1 : 0;
    for (; *state; state++)
        count += *state == ',';
    return count;
}

static void check_domains(struct my_look *look)
{
    const char *state = my_look_variable(look, "gtid_binlog_pos");
    struct leat_buf fix;
    if (!look->server.mariadb || !state)
        return;
    size_t domains = count_domains(state);
    if (domains > 1)
        MY_LOOK_FINDING(look, LEAT_FINDING_NOTE, "gtid_domains", NULL,
                        "the log has %zu GTID domains (%s): the order between them is this "
                        "server's alone, and another server may have another one",
                        domains, state);
    if (!my_look_is(look, "gtid_strict_mode", "OFF"))
        return;
    leat_buf_init(&fix, FIX_MAX);
    my_fix_set(look, &fix, "gtid_strict_mode", "1");
    MY_LOOK_FINDING(look, LEAT_FINDING_NOTE, "gtid_strict_mode", leat_buf_text(&fix),
                    "gtid_strict_mode is off: servers of one topology may number different "
                    "transactions alike, and a failover by GTID would not notice");
    leat_buf_release(&fix);
}

/* --- may we read it ----------------------------------------------------------------------------
 */

/* Both privileges at once: who lacks one mostly lacks the other too. */
static void report_refused(struct my_look *look, const char *id)
{
    struct leat_buf fix;
    leat_buf_init(&fix, FIX_MAX);
    if (look->err->native == 1227 || look->err->native == 1045)
        my_fix_grant(look, &fix, my_replication_privileges(look));
    else if (look->err->hint[0])
        leat_fix_comment(&fix, "%s", look->err->hint);
    MY_LOOK_FINDING(look, LEAT_FINDING_FATAL, id, leat_buf_text(&fix), "%s", look->err->text);
    leat_buf_release(&fix);
}

static void check_status(struct my_look *look)
{
    static const char ID[] = "binlog_status";
    struct leat_arena arena;
    struct my_log_file *files;
    size_t count = 0;
    uint64_t bytes = 0;
    char size[LEAT_SIZE_TEXT];
    leat_arena_init(&arena, FILES_ARENA_MAX);
    int status = my_catalog_log_end(look->sql, &look->server, &look->end, &look->gtids, look->err);
    if (!status)
        status = my_catalog_log_files(look->sql, &arena, &files, &count, look->err);
    look->end_known = status == 0;
    for (size_t i = 0; !status && i < count; i++)
        bytes += files[i].bytes;
    if (status == LEAT_ECONFIG)
        report_refused(look, ID);
    else if (my_look_answered(look, ID, status))
        MY_LOOK_FINDING(look, LEAT_FINDING_OK, ID, NULL,
                        "the log ends at %s:%" PRIu64 "; there are %s in %zu files", look->end.file,
                        look->end.position, leat_size_format((int64_t)bytes, size), count);
    leat_arena_release(&arena);
}

static uint32_t random_number(void)
{
    uint32_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        number = (uint32_t)leat_clock_monotonic_us();
    return number;
}

/* As `leat run` would ask, from where the log ends. */
static int make_request(struct my_look *look, struct leat_buf *set, char *uuid, size_t uuid_size,
                        struct my_dump_request *ret_request)
{
    struct my_gtid_set executed = {.sids = NULL};
    int status = LEAT_OK;
    snprintf(uuid, uuid_size, "%08" PRIx32 "-%04x-4%03x-8%03x-%08" PRIx32 "%04x", random_number(),
             random_number() & 0xffff, random_number() & 0xfff, random_number() & 0xfff,
             random_number(), random_number() & 0xffff);
    *ret_request = (struct my_dump_request){
        .mariadb = look->server.mariadb,
        .server_id = 0x40000000 | (random_number() >> 2), /* `leat run` chooses below */
        .uuid = uuid,
        .file = look->by_gtid ? NULL : look->end.file,
        .position = look->end.position,
        .gtid_mode = look->by_gtid,
        .once = true,
    };
    if (look->by_gtid && look->server.mariadb) {
        ret_request->gtid_state = leat_buf_text(&look->gtids);
    } else if (look->by_gtid) {
        status = my_gtid_set_parse(leat_buf_slice(&look->gtids), &executed, look->err);
        my_gtid_set_encode(&executed, set);
        ret_request->gtid_set = leat_buf_slice(set);
        my_gtid_set_release(&executed);
    }
    return status;
}

/* Reads until the log's end, or until it has seen enough. LEAT_OK: the log's format came. */
static int glance(struct my_look *look, struct my_binlog_client *client)
{
    int64_t until_ms = leat_clock_monotonic_ms() + look->settings->connect_timeout_ms;
    bool formatted = false;
    for (int events = 0; events < GLANCE_EVENTS_MAX;) {
        struct leat_slice event;
        int status = my_binlog_client_next(client, &event, look->err);
        if (status == LEAT_EOF || (formatted && leat_clock_monotonic_ms() >= until_ms))
            break;
        if (status < 0)
            return status;
        if (status == LEAT_AGAIN && leat_clock_monotonic_ms() >= until_ms)
            return leat_fail(look->err, LEAT_ECONFIG, "nothing came within %" PRId64 " ms",
                             look->settings->connect_timeout_ms);
        if (status == LEAT_AGAIN) {
            (void)my_binlog_client_wait(client, -1, until_ms);
            continue;
        }
        events++;
        formatted |= event.len > 4 && event.ptr[4] == MY_FORMAT_EVENT;
    }
    return formatted ? LEAT_OK
                     : leat_fail(look->err, LEAT_ECONFIG, "the log's format did not come");
}

/* The second connection is no reason to give up the first. */
static void check_dump(struct my_look *look)
{
    struct my_dump_request request;
    struct my_binlog_client *client = NULL;
    struct leat_buf set;
    char uuid[MY_UUID_TEXT];
    if (look->lost || !look->end_known)
        return;
    leat_buf_init(&set, LEAT_TOKEN_MAX);
    int status = make_request(look, &set, uuid, sizeof uuid, &request);
    if (!status)
        status =
            my_binlog_client_open(look->settings, look->instance, &request, &client, look->err);
    if (!status)
        status = my_binlog_client_dump(client, look->err);
    if (!status)
        status = glance(look, client);
    if (!status)
        MY_LOOK_FINDING(look, LEAT_FINDING_OK, "dump", NULL, "the log can be read, by %s",
                        look->by_gtid ? "GTID" : "file and position");
    else
        report_refused(look, "dump");
    my_binlog_client_close(client);
    leat_buf_release(&set);
}

/* --- how long it is kept -----------------------------------------------------------------------
 */

int64_t my_log_kept_seconds(const char *expire_seconds, const char *expire_days,
                            const char *auto_purge)
{
    double days = 0;
    int64_t seconds = 0;
    if (auto_purge && strcasecmp(auto_purge, "OFF") == 0)
        return 0;
    if (expire_seconds && sscanf(expire_seconds, "%" SCNd64, &seconds) == 1 && seconds > 0)
        return seconds;
    if (expire_days && sscanf(expire_days, "%lf", &days) == 1 && days > 0)
        return (int64_t)(days * 24 * HOUR_S);
    return 0;
}

/* RDS and Aurora purge by a setting of their own; NULL is as soon as they can. */
static void check_service_retention(struct my_look *look)
{
    static const char QUERY[] =
        "SELECT value FROM mysql.rds_configuration WHERE name = 'binlog retention hours'";
    struct my_result *result;
    char fix[80] = "CALL mysql.rds_set_configuration('binlog retention hours', 168);";
    if (!my_look_ask_more(look, "retention", "the service's retention of the log",
                          "SELECT ON mysql.rds_configuration", QUERY, &result))
        return;
    int64_t hours = my_result_rows(result) ? my_result_int(result, 0, 0) : 0;
    my_result_free(result);
    if (hours <= 0)
        MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "retention", fix,
                        "the service removes the log as soon as it does not need it itself: a leat "
                        "that is down for minutes has lost changes");
    else
        MY_LOOK_FINDING(look, hours < 24 ? LEAT_FINDING_WARN : LEAT_FINDING_OK, "retention",
                        hours < 24 ? fix : NULL, "the service keeps the log for %" PRId64 " hours",
                        hours);
}

static void report_short(struct my_look *look, int64_t seconds)
{
    struct leat_buf fix;
    char value[24];
    bool in_days = !my_look_variable(look, "binlog_expire_logs_seconds");
    leat_buf_init(&fix, FIX_MAX);
    snprintf(value, sizeof value, "%d", in_days ? KEPT_ADVICE_S / (24 * HOUR_S) : KEPT_ADVICE_S);
    my_fix_set(look, &fix, in_days ? "expire_logs_days" : "binlog_expire_logs_seconds", value);
    MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "retention", leat_buf_text(&fix),
                    "the log is kept for %.1f hours: a leat that is down for longer has lost what "
                    "was removed",
                    (double)seconds / HOUR_S);
    leat_buf_release(&fix);
}

static void check_retention(struct my_look *look)
{
    int64_t seconds = my_log_kept_seconds(my_look_variable(look, "binlog_expire_logs_seconds"),
                                          my_look_variable(look, "expire_logs_days"),
                                          my_look_variable(look, "binlog_expire_logs_auto_purge"));
    int64_t most = my_look_number(look, "max_binlog_total_size", 0);
    char size[LEAT_SIZE_TEXT];
    if (look->service == MY_SERVICE_RDS || look->service == MY_SERVICE_AURORA)
        check_service_retention(look);
    else if (seconds == 0)
        MY_LOOK_FINDING(look, LEAT_FINDING_OK, "retention", NULL,
                        "the log is kept until somebody removes it");
    else if (seconds < KEPT_MIN_S)
        report_short(look, seconds);
    else
        MY_LOOK_FINDING(look, LEAT_FINDING_OK, "retention", NULL, "the log is kept for %.1f days",
                        (double)seconds / (24 * HOUR_S));
    if (most > 0)
        MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "max_binlog_total_size", NULL,
                        "the log is kept only up to %s (max_binlog_total_size): a burst of changes "
                        "may remove what leat has not read",
                        leat_size_format(most, size));
}

/* --- what is left out, what a crash does -------------------------------------------------------
 */

static void check_filters(struct my_look *look)
{
    bool renamed = !look->server.mariadb && look->server.number >= BINARY_LOG_STATUS_VERSION;
    struct my_result *result;
    if (!look->end_known ||
        !my_look_ask(look, "binlog_filters",
                     renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS", &result))
        return;
    if (my_result_rows(result) && my_result_columns(result) > IGNORE_DB_COLUMN) {
        const char *only = my_look_text(result, 0, DO_DB_COLUMN);
        const char *without = my_look_text(result, 0, IGNORE_DB_COLUMN);
        if (*only)
            MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "binlog_filters", NULL,
                            "the server logs only databases %s (binlog_do_db): nothing else can "
                            "be in the stream",
                            only);
        if (*without)
            MY_LOOK_FINDING(look, LEAT_FINDING_WARN, "binlog_filters", NULL,
                            "the server does not log databases %s (binlog_ignore_db): they cannot "
                            "be in the stream",
                            without);
    }
    my_result_free(result);
}

static void check_durability(struct my_look *look)
{
    static const char *const NAMES[] = {"sync_binlog", "innodb_flush_log_at_trx_commit"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        const char *value = my_look_variable(look, NAMES[i]);
        bool three = i == 1 && look->server.mariadb && my_look_is(look, NAMES[i], "3");
        struct leat_buf fix;
        if (!value || three || strcmp(value, "1") == 0 || (i == 0 && look->server.innodb_binlog))
            continue;
        leat_buf_init(&fix, FIX_MAX);
        my_fix_set(look, &fix, NAMES[i], "1");
        MY_LOOK_FINDING(look, LEAT_FINDING_WARN, NAMES[i], leat_buf_text(&fix),
                        "%s is %s: after a crash the server may have forgotten transactions that "
                        "the stream has told",
                        NAMES[i], value);
        leat_buf_release(&fix);
    }
}

void my_look_log(struct my_look *look)
{
    if (!check_log_bin(look))
        return;
    check_server_id(look);
    check_format(look);
    check_row_image(look);
    check_row_metadata(look);
    check_row_value_options(look);
    check_gtid_mode(look);
    check_storage_engine(look);
    check_status(look);
    check_dump(look);
    check_retention(look);
    check_filters(look);
    check_durability(look);
    check_domains(look);
}
