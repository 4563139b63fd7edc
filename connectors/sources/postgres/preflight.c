/*
 * `leat check` for a Postgres source.
 *
 * The problem: logical replication has dozens of preconditions, spread over server, role,
 * publication, tables and slot. A missing one shows late, in words that name a symptom, and some
 * harm the application and not us. So all are asked beforehand, and each answer comes with the
 * statement that mends it.
 *
 * The idea: one SQL session, read-only and with a deadline per question, and one replication
 * session that identifies the server and goes again.
 *
 *  1. Nothing is changed: not even a temporary slot is made, because making one waits for other
 * transactions.
 *  2. A refused question is a finding. A broken connection is an error: the questions could not be
 * asked.
 *  3. What destroys something is printed as a comment, never as a statement.
 *  4. Names in statements are quoted; the application's data is never read.
 *
 * Deliberately not done: whether a slot is older than its publication, or the offset still fits the
 * server, cannot be asked without starting the stream; pg_resume_slot() finds the second out.
 */
#include "sources/postgres/preflight.h"

#include <leat/clock.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    VERSION_MIN = 100000,
    MAJOR_TESTED_MAX = 18,
    MAJOR_FIXED_MIN = 14, /* older ones get no fixes any more */
    CLOCK_OFFSET_MAX_US = 1000 * 1000,
};

/* --- the server's version --------------------------------------------------------------------- */

enum { DEFECT_MAJOR_MIN = 13, DEFECT_MAJORS = 6 };

/* Defects of minor releases that a reader of the log meets: from.from to before from.below, per
 * major 13 … 18. */
static const struct defect {
    const char *text;
    struct {
        uint8_t from, below;
    } at[DEFECT_MAJORS];
} DEFECTS[] = {
    {"a new slot may begin inside a transaction", {{0, 16}, {0, 13}, {0, 8}, {0, 4}}},
    {"columns outside of a column list are sent", {{0, 0}, {0, 0}, {0, 2}}},
    {"rows from before an ADD COLUMN with a default may come with NULL there",
     {{0, 0}, {0, 0}, {0, 6}, {0, 2}}},
    {"decoding wastes memory", {{0, 0}, {0, 0}, {0, 9}, {0, 5}, {0, 1}}},
    {"log that a slot needs may be removed", {{0, 0}, {0, 0}, {0, 10}, {0, 6}, {0, 2}}},
    {"decoding may run out of memory over invalidation messages",
     {{21, 22}, {18, 19}, {13, 14}, {9, 10}, {5, 6}}},
    {"a slot's position may go backwards", {{0, 22}, {0, 19}, {0, 14}, {0, 10}, {0, 6}}},
    {"the sending process may crash after INSERT ON CONFLICT",
     {{0, 0}, {0, 0}, {0, 0}, {0, 10}, {0, 6}}},
    {"a new slot may be invalidated at once", {{0, 0}, {0, 21}, {0, 16}, {0, 12}, {0, 8}, {0, 2}}},
    {"a shutdown may wait for ever for the sending process",
     {{0, 0}, {0, 23}, {0, 18}, {0, 14}, {0, 10}, {0, 4}}},
};

void pg_version_defects(int version, struct leat_buf *list, int *ret_fixed)
{
    int major = version / 10000, minor = version % 10000;
    *ret_fixed = 0;
    if (major < DEFECT_MAJOR_MIN || major >= DEFECT_MAJOR_MIN + DEFECT_MAJORS)
        return;
    for (size_t i = 0; i < sizeof DEFECTS / sizeof *DEFECTS; i++) {
        int from = DEFECTS[i].at[major - DEFECT_MAJOR_MIN].from;
        int below = DEFECTS[i].at[major - DEFECT_MAJOR_MIN].below;
        if (minor < from || minor >= below)
            continue;
        leat_buf_format(list, "%s%s", list->len ? "; " : "", DEFECTS[i].text);
        if (below > *ret_fixed)
            *ret_fixed = below;
    }
}

static void check_version(struct pg_preflight *p)
{
    int major = p->version / 10000, minor = p->version % 10000, fixed;
    if (p->version < VERSION_MIN) {
        pg_finding(
            p, LEAT_FINDING_FATAL, "version", NULL,
            "the server says version number %d; logical replication with pgoutput needs PostgreSQL 10",
            p->version);
        return;
    }
    struct leat_buf defects;
    leat_buf_init(&defects, 4096);
    pg_version_defects(p->version, &defects, &fixed);
    if (defects.len)
        pg_finding(
            p, LEAT_FINDING_WARN, "version", NULL,
            "PostgreSQL %d.%d has defects that are mended by %d.%d: %s. Install the latest minor release",
            major, minor, major, fixed, leat_buf_text(&defects));
    else if (major < MAJOR_FIXED_MIN)
        pg_finding(p, LEAT_FINDING_WARN, "version", NULL, "PostgreSQL %d.%d gets no fixes any more",
                   major, minor);
    else if (major > MAJOR_TESTED_MAX)
        pg_finding(p, LEAT_FINDING_NOTE, "version", NULL,
                   "PostgreSQL %d.%d is newer than what this leat was made for (10 to %d)", major,
                   minor, MAJOR_TESTED_MAX);
    else
        pg_finding(p, LEAT_FINDING_OK, "version", NULL, "PostgreSQL %d.%d", major, minor);
    leat_buf_release(&defects);
}

static void check_recovery(struct pg_preflight *p)
{
    if (!p->session.in_recovery)
        pg_finding(p, LEAT_FINDING_OK, "primary", NULL, "the server is a primary");
    else if (p->version < 160000)
        pg_finding(
            p, LEAT_FINDING_FATAL, "primary", NULL,
            "the server is a standby, which cannot decode its log before version 16: point host at the primary");
    else
        pg_finding(
            p, LEAT_FINDING_WARN, "primary", NULL,
            "the server is a standby: nothing can be created or published here, the slot is lost unless "
            "hot_standby_feedback is on and the standby has a slot of its own at the primary, and a failover "
            "ends the session");
}

static void check_wal_level(struct pg_preflight *p)
{
    const char *level = pg_preflight_setting(p, "wal_level");
    const char *effective =
        pg_preflight_setting(p, "effective_wal_level"); /* 19: rises with the first slot */
    const char *vendor =
        pg_preflight_setting(p, "rds.logical_replication")     ? "rds.logical_replication = 1"
        : pg_preflight_setting(p, "cloudsql.logical_decoding") ? "cloudsql.logical_decoding = on"
                                                               : NULL;
    bool enough =
        level && (strcmp(level, "logical") == 0 || (effective && strcmp(level, "replica") == 0));
    if (enough)
        pg_finding(p, LEAT_FINDING_OK, "wal_level", NULL, "wal_level is %s", level);
    else if (vendor)
        pg_finding_restart(
            p, LEAT_FINDING_FATAL, "wal_level", NULL,
            "wal_level is %s, logical is needed: set %s in the service's parameters and restart",
            level ? level : "unknown", vendor);
    else
        pg_finding_restart(p, LEAT_FINDING_FATAL, "wal_level",
                           "ALTER SYSTEM SET wal_level = 'logical';",
                           "wal_level is %s, logical is needed", level ? level : "unknown");
}

static bool setting_is(const struct pg_preflight *p, const char *name, const char *value)
{
    const char *is = pg_preflight_setting(p, name);
    return is && strcmp(is, value) == 0;
}

static void check_durability(struct pg_preflight *p)
{
    static const char *const NAMES[] = {"fsync", "full_page_writes"};
    char fix[120];
    for (size_t i = 0; i < 2; i++) {
        snprintf(fix, sizeof fix, "ALTER SYSTEM SET %s = on;\nSELECT pg_reload_conf();", NAMES[i]);
        if (setting_is(p, NAMES[i], "off"))
            pg_finding(
                p, LEAT_FINDING_WARN, NAMES[i], fix,
                "%s is off: after a crash the server may have forgotten, or changed, what the stream has told",
                NAMES[i]);
    }
}

/* In releases from August 2026 on, only the listed plugins may decode. */
static void check_plugin(struct pg_preflight *p)
{
    const char *list = pg_preflight_setting(p, "output_plugin_libraries");
    if (!list || strstr(list, "pgoutput"))
        return;
    struct leat_buf fix;
    leat_buf_init(&fix, 16 << 10);
    leat_buf_format(
        &fix, "ALTER SYSTEM SET output_plugin_libraries = pgoutput%s%s;\nSELECT pg_reload_conf();",
        *list ? ", " : "", list);
    pg_finding(p, LEAT_FINDING_FATAL, "output_plugin_libraries", leat_buf_text(&fix),
               "output_plugin_libraries is \"%s\": the server will not load pgoutput", list);
    leat_buf_release(&fix);
}

/* --- our role and our connections ------------------------------------------------------------- */

static void check_role(struct pg_preflight *p)
{
    const struct pg_session *s = &p->session;
    struct leat_buf fix;
    leat_buf_init(&fix, 1024);
    leat_buf_append_text(&fix, s->vendor_role ? "GRANT rds_replication TO " : "ALTER ROLE ");
    pg_append_identifier(p->sql, &fix, s->user);
    leat_buf_append_text(&fix, s->vendor_role ? ";" : " REPLICATION;");
    if (s->superuser || s->replication || s->vendor_member)
        pg_finding(p, LEAT_FINDING_OK, "role", NULL, "role \"%s\" may replicate%s", s->user,
                   s->superuser ? ", being superuser; LOGIN and REPLICATION would do" : "");
    else
        pg_finding(p, LEAT_FINDING_FATAL, "role", leat_buf_text(&fix),
                   "role \"%s\" has not the right to replicate", s->user);
    if (s->connection_limit >= 0 && s->connection_limit < 2)
        pg_finding(p, LEAT_FINDING_WARN, "connection_limit", NULL,
                   "role \"%s\" may have %" PRId64
                   " connections; leat keeps one for questions beside the stream",
                   s->user, s->connection_limit);
    if (!s->sees_others && !s->superuser) {
        leat_buf_reset(&fix);
        leat_buf_append_text(&fix, "GRANT pg_monitor TO ");
        pg_append_identifier(p->sql, &fix, s->user);
        leat_buf_append_text(&fix, ";");
        pg_finding(
            p, LEAT_FINDING_NOTE, "monitoring", leat_buf_text(&fix),
            "role \"%s\" does not see the sessions of others, so long transactions are not found here",
            s->user);
    }
    leat_buf_release(&fix);
}

static void report_server(struct pg_preflight *p, PGconn *stream)
{
    struct pg_server server;
    if (!pg_preflight_answered(p, "replication_connection",
                               pg_catalog_server(stream, p->sql, p->patience_ms, &server, p->err)))
        return;
    pg_finding(p, LEAT_FINDING_OK, "replication_connection", NULL,
               "a replication connection works; system identifier %s, timeline %" PRIu32,
               server.system_id, server.timeline);
}

static void check_replication_connection(struct pg_preflight *p)
{
    const struct pg_session *s = &p->session;
    if (!s->superuser && !s->replication && !s->vendor_member)
        return; /* it cannot work, and the reason has been reported */
    PGconn *stream;
    struct leat_err err;
    if (pg_connect(p->settings, p->source->instance, PG_USE_STREAM, &stream, &err) == LEAT_OK) {
        report_server(p, stream);
        PQfinish(stream);
        return;
    }
    pg_finding(p, LEAT_FINDING_FATAL, "replication_connection", NULL,
               "questions are answered, but a replication connection is refused: %s%s%s", err.text,
               err.hint[0] ? ". " : "", err.hint);
}

static void check_tls(struct pg_preflight *p)
{
    const char *host = p->settings->host;
    enum leat_tls_mode mode = leat_tls_mode_for(p->settings->sslmode, host);
    bool verified = mode >= LEAT_TLS_VERIFY_CA;
    if (PQsslInUse(p->sql))
        pg_finding(p, verified ? LEAT_FINDING_OK : LEAT_FINDING_NOTE, "tls", NULL, "%s with %s%s",
                   PQsslAttribute(p->sql, "protocol"), PQsslAttribute(p->sql, "cipher"),
                   verified
                       ? ""
                       : "; the server's certificate is not verified (sslmode: verify-full does)");
    else if (host[0] == '/')
        pg_finding(p, LEAT_FINDING_OK, "tls", NULL, "a Unix socket, where no TLS is needed");
    else if (mode == LEAT_TLS_PREFER && p->settings->sslmode == LEAT_TLS_AUTO)
        pg_finding(p, LEAT_FINDING_OK, "tls", NULL, "no TLS, on loopback");
    else
        pg_finding(
            p, LEAT_FINDING_WARN, "tls", NULL,
            "the connection to %s is not encrypted: rows and password hashes travel readable. Set sslmode: "
            "verify-full, and ssl = on at the server",
            host);
}

/* A pooler gives the client a process id of its own making, and its server connections to whom it
 * likes. */
static void check_pooler(struct pg_preflight *p)
{
    PGresult *result;
    if (!pg_preflight_ask(
            p, "pooler",
            "SELECT pg_backend_pid(), current_setting('default_transaction_read_only')", NULL, 0,
            &result))
        return;
    int64_t pid = pg_int(result, 0, 0), first = p->session.backend_pid, told = PQbackendPID(p->sql);
    bool kept = strcmp(PQgetvalue(result, 0, 1), "on") == 0;
    PQclear(result);
    if (pid != first || pid != told || !kept)
        pg_finding(p, LEAT_FINDING_WARN, "pooler", NULL,
                   "a connection pooler answers at %s:%" PRId64
                   " (the session's process is said to be %" PRId64 " and was %" PRId64
                   ", then %" PRId64 "): give host and port of the server itself",
                   p->settings->host, p->settings->port, told, first, pid);
}

static void check_clock(struct pg_preflight *p)
{
    int64_t offset = p->session.clock_offset_us;
    int64_t size = llabs(offset) - p->session.clock_doubt_us;
    if (size > CLOCK_OFFSET_MAX_US)
        pg_finding(
            p, LEAT_FINDING_WARN, "clock", NULL,
            "the server's clock is %.1f s %s ours: when events came (ingested_at) will seem to be so far from when "
            "they were committed; nothing else depends on it",
            (double)llabs(offset) / 1e6, offset > 0 ? "ahead of" : "behind");
}

static void check_encoding(struct pg_preflight *p)
{
    const char *encoding = pg_preflight_setting(p, "server_encoding"),
               *ours = p->settings->client_encoding;
    if (!encoding)
        return;
    bool raw = strcmp(encoding, "SQL_ASCII") == 0,
         ours_raw = !ours || strcasecmp(ours, "SQL_ASCII") == 0;
    if (raw && ours_raw)
        pg_finding(p, LEAT_FINDING_WARN, "encoding", NULL,
                   "the database is SQL_ASCII: texts come as they are, and may be no valid UTF-8");
    else if (raw)
        pg_finding(
            p, LEAT_FINDING_WARN, "encoding", NULL,
            "the database is SQL_ASCII and client_encoding is set: the stream stops at the first byte that is no "
            "valid %s. Take client_encoding away",
            ours);
    else if (strcasecmp(encoding, ours ? ours : "UTF8") == 0)
        pg_finding(p, LEAT_FINDING_OK, "encoding", NULL,
                   "the database is %s, and nothing is converted", encoding);
    else if (ours)
        pg_finding(p, LEAT_FINDING_NOTE, "encoding", NULL,
                   "the database is %s, texts are converted to %s as client_encoding says: a "
                   "character without equivalent stops the stream",
                   encoding, ours);
    else
        pg_finding(p, LEAT_FINDING_NOTE, "encoding", NULL,
                   "the database is %s, texts are converted to UTF-8: a character without "
                   "equivalent becomes U+FFFD",
                   encoding);
}

/* --- room for us ------------------------------------------------------------------------------ */

/* True when leat itself is reading now: then it has its slot and its sender. */
static bool we_stream(const struct pg_preflight *p)
{
    return p->slot_known && p->slot.active && strcmp(p->slot.holder, p->application) == 0;
}

static void check_slots_free(struct pg_preflight *p)
{
    int64_t most = pg_preflight_setting_int(p, "max_replication_slots", 0),
            used = p->session.slot_count;
    char fix[80];
    snprintf(fix, sizeof fix, "ALTER SYSTEM SET max_replication_slots = %" PRId64 ";", used + 4);
    if (used < most || (p->slot_known && p->slot.exists))
        pg_finding(p, LEAT_FINDING_OK, "max_replication_slots", NULL,
                   "%" PRId64 " of %" PRId64 " slots are used", used, most);
    else
        pg_finding_restart(p, LEAT_FINDING_FATAL, "max_replication_slots", fix,
                           "all %" PRId64 " replication slots are used", most);
}

static void check_senders_free(struct pg_preflight *p)
{
    int64_t most = pg_preflight_setting_int(p, "max_wal_senders", 0),
            used = p->session.sender_count;
    char fix[80];
    snprintf(fix, sizeof fix, "ALTER SYSTEM SET max_wal_senders = %" PRId64 ";", used + 4);
    if (most - used >= 2 || (most - used >= 1 && we_stream(p)))
        pg_finding(p, LEAT_FINDING_OK, "max_wal_senders", NULL,
                   "%" PRId64 " of %" PRId64 " senders are used", used, most);
    else if (most - used == 1 || we_stream(p))
        pg_finding_restart(p, LEAT_FINDING_WARN, "max_wal_senders", fix,
                           "%" PRId64 " of %" PRId64
                           " senders are used: after a broken connection the old one may not "
                           "be free in time",
                           used, most);
    else
        pg_finding_restart(p, LEAT_FINDING_FATAL, "max_wal_senders", fix,
                           "all %" PRId64 " senders are used", most);
}

/* --- settings --------------------------------------------------------------------------------- */

static void check_overrides(struct pg_preflight *p)
{
    static const char QUERY[] =
        "SELECT string_agg(CASE WHEN d.setrole = 0 THEN 'database: ' WHEN d.setdatabase = 0 THEN 'role: ' "
        "ELSE 'role in database: ' END || c.setting, ', ' ORDER BY c.setting) "
        "FROM pg_catalog.pg_db_role_setting d, unnest(d.setconfig) c(setting) "
        "WHERE d.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())) "
        "AND d.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)) "
        "AND lower(split_part(c.setting, '=', 1)) IN ('datestyle', 'intervalstyle', 'timezone', 'extra_float_digits', "
        "'bytea_output', 'lc_monetary', 'search_path', 'statement_timeout', 'lock_timeout', 'client_encoding', "
        "'idle_in_transaction_session_timeout', 'wal_sender_timeout', 'logical_decoding_work_mem')";
    PGresult *result;
    if (!pg_preflight_ask(p, "setting_overrides", QUERY, NULL, 0, &result))
        return;
    if (*PQgetvalue(result, 0, 0))
        pg_finding(
            p, LEAT_FINDING_NOTE, "setting_overrides", NULL,
            "settings of role or database that would change the stream (%s): leat's sessions pin their own",
            PQgetvalue(result, 0, 0));
    PQclear(result);
}

static void check_our_settings(struct pg_preflight *p)
{
    const struct pg_settings *s = p->settings;
    if (s->local_only && p->version < 160000)
        pg_finding(
            p, LEAT_FINDING_WARN, "local_only", NULL,
            "local_only needs server 16: changes that this server got by replication come too");
    if (s->messages && p->version < 140000)
        pg_finding(p, LEAT_FINDING_NOTE, "messages", NULL,
                   "logical messages come from server 14 on only");
    if (s->format == PG_FORMAT_BINARY && p->version < 140000)
        pg_finding(p, LEAT_FINDING_NOTE, "format", NULL,
                   "format: binary needs server 14: text is used");
    int64_t timeout = p->version >= 120000 ? s->wal_sender_timeout_ms
                                           : pg_preflight_setting_int(p, "wal_sender_timeout", 0);
    const char *whose = p->version >= 120000 ? "this source's" : "the server's";
    if (timeout == 0 || timeout > 5 * 60 * 1000)
        pg_finding(p, LEAT_FINDING_WARN, "wal_sender_timeout", NULL,
                   "%s wal_sender_timeout is %" PRId64
                   " s: so long a dead leat keeps its slot busy (60s is good)",
                   whose, timeout / 1000);
    else if (timeout < 10 * 1000)
        pg_finding(
            p, LEAT_FINDING_WARN, "wal_sender_timeout", NULL,
            "%s wal_sender_timeout is %.1f s: a short stall of network or disk ends the session (60s is good)",
            whose, (double)timeout / 1000);
    else
        pg_finding(p, LEAT_FINDING_OK, "wal_sender_timeout", NULL,
                   "%s wal_sender_timeout is %" PRId64 " s", whose, timeout / 1000);
}

/* --- the order of all ------------------------------------------------------------------------- */

static int load_settings(struct pg_preflight *p)
{
    return pg_query(
        p->sql,
        "SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN ('wal_level', 'effective_wal_level', "
        "'max_replication_slots', 'max_wal_senders', 'wal_sender_timeout', 'max_slot_wal_keep_size', "
        "'idle_replication_slot_timeout', 'logical_decoding_work_mem', 'synchronous_standby_names', "
        "'fsync', 'full_page_writes', 'output_plugin_libraries', 'server_encoding', 'data_directory', "
        "'rds.logical_replication', 'cloudsql.logical_decoding')",
        p->patience_ms + PG_ANSWER_GRACE_MS, "read the server's settings", &p->gucs, p->err);
}

static void read_session(const PGresult *r, int64_t before_us, int64_t after_us,
                         struct pg_session *s)
{
    s->in_recovery = pg_true(r, 0, 0);
    s->backend_pid = pg_int(r, 0, 1);
    s->clock_offset_us = pg_int(r, 0, 2) - (before_us + after_us) / 2;
    s->clock_doubt_us = (after_us - before_us) / 2;
    snprintf(s->user, sizeof s->user, "%s", PQgetvalue(r, 0, 3));
    s->superuser = pg_true(r, 0, 4);
    s->replication = pg_true(r, 0, 5);
    s->vendor_role = pg_true(r, 0, 6);
    s->vendor_member = pg_true(r, 0, 7);
    s->may_create = pg_true(r, 0, 8);
    s->sees_others = pg_true(r, 0, 9);
    s->connection_limit = pg_int(r, 0, 10);
    s->slot_count = pg_int(r, 0, 11);
    s->sender_count = pg_int(r, 0, 12);
}

static int load_session(struct pg_preflight *p)
{
    static const char QUERY[] =
        "SELECT pg_is_in_recovery(), pg_backend_pid(), "
        "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint, r.rolname, r.rolsuper, r.rolreplication, "
        "EXISTS (SELECT 1 FROM pg_catalog.pg_roles v WHERE v.rolname = 'rds_replication'), "
        "EXISTS (SELECT 1 FROM pg_catalog.pg_roles v WHERE v.rolname = 'rds_replication' AND "
        "  pg_has_role(v.oid, 'USAGE')), "
        "has_database_privilege(current_database(), 'CREATE'), pg_has_role('pg_read_all_stats', 'USAGE'), "
        "r.rolconnlimit, (SELECT count(*) FROM pg_catalog.pg_replication_slots), "
        "(SELECT count(*) FROM pg_catalog.pg_stat_replication) "
        "FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";
    PGresult *result;
    int64_t before_us = leat_clock_wall_us();
    int status = pg_query(p->sql, QUERY, p->patience_ms + PG_ANSWER_GRACE_MS, "ask who we are",
                          &result, p->err);
    if (status)
        return status;
    read_session(result, before_us, leat_clock_wall_us(), &p->session);
    PQclear(result);
    return LEAT_OK;
}

/* Read-only, and the server itself ends every question, so that the next one can be asked. The wide
 * questions about tables are cheap, but the planner does not know: compiling them took ten times as
 * long as they do. */
static int prepare(struct pg_preflight *p)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "SET default_transaction_read_only = on; SET statement_timeout = %" PRId64 "%s",
             p->patience_ms, p->version >= 110000 ? "; SET jit = off" : "");
    int status = pg_execute(p->sql, sql, p->patience_ms, "prepare the session", p->err);
    if (!status)
        status = load_settings(p);
    if (!status)
        status = load_session(p);
    if (!status)
        p->slot_known = pg_preflight_answered(
            p, "slot",
            pg_catalog_slot(p->sql, p->version, p->source->slot, p->patience_ms, &p->slot, p->err));
    return status;
}

static void check_all(struct pg_preflight *p)
{
    check_recovery(p);
    check_wal_level(p);
    check_role(p);
    check_slots_free(p);
    check_senders_free(p);
    check_replication_connection(p);
    check_plugin(p);
    pg_preflight_publications(p);
    pg_preflight_tables(p);
    pg_preflight_slot(p);
    check_pooler(p);
    check_durability(p);
    check_encoding(p);
    check_tls(p);
    check_our_settings(p);
    check_overrides(p);
    check_clock(p);
}

/* Connections name the remedy for what concerns the password and pg_hba.conf, where a replication
 * connection matches by the database's name like any other; these are the rest. */
static int cannot_connect(const struct pg_settings *s, struct leat_err *err)
{
    if (err->hint[0])
        return err->code;
    if (strcmp(err->state, "3D000") == 0)
        leat_err_hint(
            err,
            "correct database: for this source; SELECT datname FROM pg_database; lists what is there");
    else if (strcmp(err->state, "08P01") == 0)
        leat_err_hint(
            err,
            "this is how a connection pooler answers: give host and port of the server itself");
    else if (!err->state[0])
        leat_err_hint(
            err,
            "is the server running, and are host and port right? On the server: SHOW port; SHOW "
            "unix_socket_directories; SHOW listen_addresses;%s",
            s->host[0] == '/' ? "" : " and does a firewall lie between?");
    return err->code;
}

int pg_preflight(struct pg_source *s, struct leat_report *report, struct leat_err *err)
{
    struct pg_preflight p = {
        .source = s,
        .settings = &s->settings,
        .report = report,
        .err = err,
        .patience_ms = s->settings.connect_timeout_ms,
    };
    int status = pg_connect(&s->settings, s->instance, PG_USE_SQL, &p.sql, err);
    if (status)
        return cannot_connect(&s->settings, err);
    p.version = PQserverVersion(p.sql);
    snprintf(p.application, sizeof p.application, "leat-%s", s->instance);
    snprintf(p.insert_publication, sizeof p.insert_publication, "%s_insert", s->publication);
    check_version(&p);
    if (p.version >= VERSION_MIN) {
        status = prepare(&p);
        if (!status)
            check_all(&p);
        if (p.lost)
            status = err->code;
    }
    PQclear(p.gucs);
    PQfinish(p.sql);
    return status;
}
