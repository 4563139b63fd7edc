/*
 * Preflight: our slot, and everything that makes the server keep its log: no limit, other slots,
 * old transactions. A slot that nobody reads keeps log until the disk is full, so this is the part
 * that protects the database from us.
 */
#include "sources/postgres/preflight.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>

enum {
    FIX_MAX = 64 << 10,
    LISTED_MAX = 5, /* of sessions and slots in one sentence */
};
static const int64_t MIB = 1 << 20, GIB = 1 << 30;
static const int64_t KEEP_DEFAULT = 50; /* GB, where the disk's size is not known */

/* --- our slot --------------------------------------------------------------------------------- */

static void slot_missing(struct pg_preflight *p)
{
    const char *slot = p->source->slot;
    char fix[PG_NAME_BYTES + 80];
    snprintf(fix, sizeof fix, "SELECT pg_create_logical_replication_slot('%s', 'pgoutput');", slot);
    if (p->settings->create)
        pg_finding(p, LEAT_FINDING_NOTE, "slot", NULL,
                   "slot \"%s\" does not exist: leat will create it, and the stream begins there",
                   slot);
    else
        pg_finding(
            p, LEAT_FINDING_FATAL, "slot", fix,
            "slot \"%s\" does not exist (create it after the publication, or set create: true)",
            slot);
}

/* What no change at the server mends while the slot lives. */
static const char *slot_unusable(const struct pg_preflight *p)
{
    const struct pg_slot *s = &p->slot;
    if (!s->logical)
        return "is physical";
    if (strcmp(s->plugin, "pgoutput") != 0)
        return "was made for another plugin";
    if (s->temporary)
        return "is temporary: it ends with the session that made it";
    if (strcmp(s->database, p->settings->database) != 0)
        return "belongs to another database";
    if (strcmp(s->wal_status, "lost") == 0 || s->invalidation_reason[0])
        return "is lost: log that it needs was removed, and what happened in between is in no stream any more";
    return NULL;
}

static void report_unusable(struct pg_preflight *p, const char *why)
{
    const struct pg_slot *s = &p->slot;
    const char *slot = p->source->slot;
    bool lost = strcmp(s->wal_status, "lost") == 0 || s->invalidation_reason[0];
    struct leat_buf fix;
    leat_buf_init(&fix, FIX_MAX);
    leat_fix_comment(&fix, "%s: SELECT pg_drop_replication_slot('%s');",
                     lost ? "with on_gap: record leat does this itself, and stores one gap event"
                          : "choose another name with slot:, or, if nobody needs it",
                     slot);
    pg_finding(p, LEAT_FINDING_FATAL, "slot", leat_buf_text(&fix),
               "slot \"%s\" %s (plugin \"%s\", database \"%s\"%s%s%s%s)", slot, why, s->plugin,
               s->database, s->wal_status[0] ? ", log " : "", s->wal_status,
               s->invalidation_reason[0] ? ", reason " : "", s->invalidation_reason);
    leat_buf_release(&fix);
}

static void check_slot_user(struct pg_preflight *p)
{
    const struct pg_slot *s = &p->slot;
    char fix[120];
    snprintf(fix, sizeof fix, "-- SELECT pg_terminate_backend(%" PRId64 ");", s->active_pid);
    if (!s->active)
        return;
    if (strcmp(s->holder, p->application) == 0)
        pg_finding(p, LEAT_FINDING_OK, "slot_user", NULL,
                   "the slot is being read by leat (pid %" PRId64 ")", s->active_pid);
    else
        pg_finding(p, LEAT_FINDING_FATAL, "slot_user", fix,
                   "slot \"%s\" is being read by somebody else: pid %" PRId64
                   ", application_name \"%s\"",
                   p->source->slot, s->active_pid, s->holder);
}

static void check_slot(struct pg_preflight *p)
{
    const struct pg_slot *s = &p->slot;
    if (!p->slot_known)
        return;
    if (!s->exists) {
        slot_missing(p);
        return;
    }
    const char *why = slot_unusable(p);
    if (why) {
        report_unusable(p, why);
        return;
    }
    char at[PG_LSN_TEXT];
    pg_lsn_format(s->confirmed_lsn, at);
    if (s->synced && p->session.in_recovery)
        pg_finding(p, LEAT_FINDING_FATAL, "slot", NULL,
                   "slot \"%s\" is a synchronised copy: it can be read here after a promotion only",
                   p->source->slot);
    else if (strcmp(s->wal_status, "unreserved") == 0)
        pg_finding(p, LEAT_FINDING_WARN, "slot", NULL,
                   "slot \"%s\" will be lost at the next checkpoint: start leat now",
                   p->source->slot);
    else
        pg_finding(p, LEAT_FINDING_OK, "slot", NULL, "slot \"%s\" is at %s%s%s", p->source->slot,
                   at, s->wal_status[0] ? ", its log is " : "", s->wal_status);
    check_slot_user(p);
}

/* A slot made with two_phase sends transactions when they are prepared, whatever we ask for. */
static void check_two_phase(struct pg_preflight *p)
{
    PGresult *result;
    struct leat_buf fix;
    if (!p->slot.exists || p->version < 140000 ||
        !pg_preflight_ask(
            p, "two_phase",
            "SELECT two_phase FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
            (const char *const[]){p->source->slot}, 1, &result))
        return;
    bool on = PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    if (!on)
        return;
    leat_buf_init(&fix, FIX_MAX);
    leat_fix_comment(&fix,
                     "once what it holds may be given up: SELECT pg_drop_replication_slot('%s');",
                     p->source->slot);
    pg_finding(
        p, LEAT_FINDING_FATAL, "two_phase", leat_buf_text(&fix),
        "slot \"%s\" was made with two_phase: prepared transactions would come before they are committed, which "
        "leat does not read",
        p->source->slot);
    leat_buf_release(&fix);
}

/* The log is decoded with the catalogue of its time, in which there was no publication. */
static void check_slot_age(struct pg_preflight *p)
{
    struct leat_buf fix;
    if (!p->slot.exists || !p->unpublished || slot_unusable(p))
        return;
    leat_buf_init(&fix, FIX_MAX);
    leat_fix_comment(&fix,
                     "once what it holds may be given up: SELECT pg_drop_replication_slot('%s');",
                     p->source->slot);
    pg_finding(
        p, LEAT_FINDING_FATAL, "slot_age", leat_buf_text(&fix),
        p->version >= 180000
            ? "slot \"%s\" is older than its publication will be: changes from in between will be missing"
            : "slot \"%s\" is older than its publication will be: the stream will fail at the first "
              "change from in between, on every attempt",
        p->source->slot);
    leat_buf_release(&fix);
}

/* --- what making the slot would wait for ------------------------------------------------------ */

/* One text column of descriptions, cut at LISTED_MAX. */
static void list_rows(const PGresult *result, int column, struct leat_buf *list)
{
    for (int i = 0; i < PQntuples(result) && i < LISTED_MAX; i++)
        leat_buf_format(list, "%s%s", i ? "; " : "", PQgetvalue(result, i, column));
    if (PQntuples(result) > LISTED_MAX)
        leat_buf_format(list, "; and %d more", PQntuples(result) - LISTED_MAX);
}

/* Rows of (sentence, statement) become one finding; the statements are for somebody who has
 * decided. */
static void report_rows(struct pg_preflight *p, enum leat_severity severity, const char *id,
                        const char *before, const PGresult *result)
{
    struct leat_buf list, fix;
    if (!PQntuples(result))
        return;
    leat_buf_init(&list, FIX_MAX);
    leat_buf_init(&fix, FIX_MAX);
    list_rows(result, 0, &list);
    for (int i = 0; i < PQntuples(result) && i < LISTED_MAX; i++)
        leat_fix_comment(&fix, "if it is not needed: %s", PQgetvalue(result, i, 1));
    pg_finding(p, severity, id, leat_buf_text(&fix), "%s%s", before, leat_buf_text(&list));
    leat_buf_release(&list);
    leat_buf_release(&fix);
}

#define SQL_TRANSACTIONS                                                                           \
    "SELECT format('pid %s of %s (%s) since %s', pid, usename, application_name, "                 \
    "xact_start::timestamptz(0)), format('SELECT pg_terminate_backend(%s);', pid) "                \
    "FROM pg_catalog.pg_stat_activity "                                                            \
    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' "

#define SQL_PREPARED                                                                               \
    "SELECT format('%s of %s in %s since %s', quote_literal(gid), owner, database, "               \
    "prepared::timestamptz(0)), "                                                                  \
    "format('ROLLBACK PREPARED %s; in database %s', quote_literal(gid), database) "                \
    "FROM pg_catalog.pg_prepared_xacts "

static void check_slot_creation(struct pg_preflight *p)
{
    if (!p->slot_known || p->slot.exists)
        return;
    char old[24];
    snprintf(old, sizeof old, "%" PRId64 " ms", p->patience_ms);
    PGresult *result;
    if (!pg_preflight_ask(p, "slot_creation",
                          SQL_TRANSACTIONS
                          "AND backend_xid IS NOT NULL AND xact_start < now() - $1::interval "
                          "UNION ALL " SQL_PREPARED "WHERE prepared < now() - $1::interval",
                          (const char *const[]){old}, 1, &result))
        return;
    report_rows(p, LEAT_FINDING_WARN, "slot_creation",
                "making the slot waits for the end of transactions that are open: ", result);
    PQclear(result);
}

static void check_old_transactions(struct pg_preflight *p)
{
    PGresult *result;
    if (pg_preflight_ask(p, "old_transactions",
                         SQL_TRANSACTIONS
                         "AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL) "
                         "AND xact_start < now() - interval '1 hour' ORDER BY xact_start",
                         NULL, 0, &result)) {
        report_rows(
            p, LEAT_FINDING_WARN, "old_transactions",
            "transactions are open for more than an hour, and the log is kept from their beginning on: ",
            result);
        PQclear(result);
    }
    if (pg_preflight_ask(p, "prepared_transactions",
                         SQL_PREPARED "WHERE prepared < now() - interval '1 hour'", NULL, 0,
                         &result)) {
        report_rows(
            p, LEAT_FINDING_WARN, "prepared_transactions",
            "transactions are prepared for more than an hour, and the log is kept from their beginning on: ",
            result);
        PQclear(result);
    }
}

/* --- how much log is kept --------------------------------------------------------------------- */

/* The disk below the server's data, if the server is on this machine and says where: free and whole
 * size. */
static bool measure_disk(const struct pg_preflight *p, int64_t *ret_free, int64_t *ret_size)
{
    const char *directory = pg_preflight_setting(p, "data_directory");
    struct statvfs disk;
    if (!directory || p->settings->host[0] != '/' || statvfs(directory, &disk))
        return false;
    *ret_free = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
    *ret_size = (int64_t)disk.f_blocks * (int64_t)disk.f_frsize;
    return true;
}

static void check_retention(struct pg_preflight *p)
{
    static const char ID[] = "max_slot_wal_keep_size";
    int64_t keep = pg_preflight_setting_int(p, ID, -2), disk_free = 0, disk_size = 0;
    char fix[120], a[LEAT_SIZE_TEXT], b[LEAT_SIZE_TEXT], disk[120] = "";
    int64_t advice = KEEP_DEFAULT;
    if (keep >= 0) {
        pg_finding(p, LEAT_FINDING_OK, ID, NULL, "at most %s of log are kept for a slot",
                   leat_size_format(keep * MIB, a));
        return;
    }
    if (keep == -2) {
        pg_finding(
            p, LEAT_FINDING_WARN, ID, NULL,
            "this server cannot limit the log that slots keep (13 and later can): while leat is down, log is kept "
            "until the disk is full. Watch the disk, and drop the slot if leat is given up");
        return;
    }
    if (measure_disk(p, &disk_free, &disk_size)) {
        advice = disk_free / 2 / GIB > 1 ? disk_free / 2 / GIB : 1;
        snprintf(disk, sizeof disk, " (the disk of data_directory has %s free of %s)",
                 leat_size_format(disk_free, a), leat_size_format(disk_size, b));
    }
    snprintf(fix, sizeof fix, "ALTER SYSTEM SET %s = '%" PRId64 "GB';\nSELECT pg_reload_conf();",
             ID, advice);
    bool allowed = p->settings->allow_unlimited_wal;
    pg_finding(
        p, allowed ? LEAT_FINDING_WARN : LEAT_FINDING_FATAL, ID, fix,
        "%s is -1: while leat is down, log is kept until the disk is full%s. With a limit the slot is lost "
        "instead, and the database lives%s",
        ID, disk, allowed ? "" : "; allow_unlimited_wal: true makes a slot all the same");
}

static void check_idle_timeout(struct pg_preflight *p)
{
    int64_t seconds = pg_preflight_setting_int(p, "idle_replication_slot_timeout", 0);
    if (seconds > 0)
        pg_finding(p, LEAT_FINDING_NOTE, "idle_replication_slot_timeout", NULL,
                   "a slot that nobody reads for %" PRId64
                   " s is lost: leat must not be down for longer",
                   seconds);
}

static void check_other_slots(struct pg_preflight *p)
{
    PGresult *result;
    const char *const params[] = {p->source->slot};
    if (pg_preflight_ask(
            p, "other_slots",
            "SELECT format('%s keeps %s', slot_name, pg_size_pretty(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN "
            "pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn))), "
            "format('SELECT pg_drop_replication_slot(%L);', slot_name) FROM pg_catalog.pg_replication_slots "
            "WHERE NOT active AND NOT temporary AND restart_lsn IS NOT NULL AND slot_name <> $1 ORDER BY restart_lsn",
            params, 1, &result)) {
        report_rows(p, LEAT_FINDING_WARN, "other_slots",
                    "other slots keep log and nobody reads them: ", result);
        PQclear(result);
    }
    if (pg_preflight_ask(p, "catalog_xmin",
                         "SELECT format('%s: %s transactions', slot_name, age(catalog_xmin)), "
                         "format('SELECT pg_drop_replication_slot(%L);', slot_name) "
                         "FROM pg_catalog.pg_replication_slots WHERE age(catalog_xmin) > 50000000",
                         NULL, 0, &result)) {
        report_rows(
            p, LEAT_FINDING_WARN, "catalog_xmin",
            "slots hold vacuum of the system catalogs back, at last until the server stops: ",
            result);
        PQclear(result);
    }
}

/* --- memory of decoding ----------------------------------------------------------------------- */

static void check_decoding_memory(struct pg_preflight *p)
{
    PGresult *result;
    char memory[LEAT_SIZE_TEXT], spilled[LEAT_SIZE_TEXT];
    int64_t kilobytes = pg_preflight_setting_int(p, "logical_decoding_work_mem", 0);
    if (p->version < 130000)
        return;
    leat_size_format(
        p->settings->decoding_work_mem ? p->settings->decoding_work_mem : kilobytes * 1024, memory);
    int64_t bytes = 0;
    if (p->version >= 140000 &&
        pg_preflight_ask(
            p, "decoding_work_mem",
            "SELECT spill_bytes FROM pg_catalog.pg_stat_replication_slots WHERE slot_name = $1",
            (const char *const[]){p->source->slot}, 1, &result)) {
        bytes = PQntuples(result) ? pg_int(result, 0, 0) : 0;
        PQclear(result);
    }
    if (bytes)
        pg_finding(
            p, LEAT_FINDING_NOTE, "decoding_work_mem", NULL,
            "the server has %s to decode, and has spilled %s of large transactions to its disk: raise "
            "decoding_work_mem of this source",
            memory, leat_size_format(bytes, spilled));
    else
        pg_finding(p, LEAT_FINDING_OK, "decoding_work_mem", NULL, "the server has %s to decode",
                   memory);
}

/* --- synchronous replication ------------------------------------------------------------------ */

bool pg_standbys_include(const char *list, const char *us)
{
    size_t len = strlen(us);
    while (*list) {
        char name[PG_NAME_BYTES + 8];
        size_t n = 0;
        bool quoted = *list == '"';
        for (list += quoted; *list; list++) {
            if (quoted && *list == '"' && *++list != '"')
                break;
            if (!quoted && !isalnum((unsigned char)*list) && *list != '_' && *list != '$' &&
                *list != '*' && !((unsigned char)*list & 0x80))
                break;
            if (n + 1 < sizeof name)
                name[n++] = *list;
        }
        if ((n == len && strncasecmp(name, us, len) == 0) || (n == 1 && name[0] == '*'))
            return true;
        if (*list && !quoted)
            list++;
    }
    return false;
}

/* The same rule for the standbys that are connected now, without us. */
static void standby_fix(struct pg_preflight *p, const char *list, struct leat_buf *fix)
{
    PGresult *result;
    if (!pg_preflight_ask(
            p, "synchronous_standby_names",
            "SELECT string_agg(DISTINCT quote_ident(application_name), ', ') "
            "FROM pg_catalog.pg_stat_replication WHERE application_name <> $1 AND pid NOT IN "
            "(SELECT active_pid FROM pg_catalog.pg_replication_slots WHERE slot_type = 'logical' "
            "AND active_pid IS NOT NULL)",
            (const char *const[]){p->application}, 1, &result))
        return;
    const char *names = PQgetvalue(result, 0, 0);
    const char *open = strchr(list, '(');
    struct leat_buf value;
    leat_buf_init(&value, FIX_MAX);
    if (*names)
        leat_buf_format(&value, "%.*s%s%s", open ? (int)(open - list + 1) : 0, list, names,
                        open ? ")" : "");
    char *literal = value.len ? PQescapeLiteral(p->sql, (const char *)value.data, value.len) : NULL;
    if (literal)
        leat_buf_format(
            fix, "ALTER SYSTEM SET synchronous_standby_names = %s;\nSELECT pg_reload_conf();",
            literal);
    PQfreemem(literal);
    leat_buf_release(&value);
    PQclear(result);
}

static void check_synchronous(struct pg_preflight *p)
{
    const char *list = pg_preflight_setting(p, "synchronous_standby_names");
    if (!list || !pg_standbys_include(list, p->application))
        return;
    struct leat_buf fix;
    leat_buf_init(&fix, FIX_MAX);
    standby_fix(p, list, &fix);
    pg_finding(
        p, LEAT_FINDING_FATAL, "synchronous_standby_names", leat_buf_text(&fix),
        "synchronous_standby_names is %s, which takes leat (\"%s\") for a standby: every commit of the application "
        "would wait for us. Name the standbys themselves",
        list, p->application);
    leat_buf_release(&fix);
}

/* After a failover a slot that was not synchronised is gone, and with it what was not yet read. */
static void check_failover(struct pg_preflight *p)
{
    PGresult *result;
    if (p->version < 170000 || !p->slot.exists || p->session.in_recovery ||
        !pg_preflight_ask(
            p, "failover",
            "SELECT failover, (SELECT count(*) FROM pg_catalog.pg_replication_slots "
            "WHERE slot_type = 'physical') FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
            (const char *const[]){p->source->slot}, 1, &result))
        return;
    if (PQntuples(result) && PQgetvalue(result, 0, 0)[0] == 'f' && pg_int(result, 0, 1))
        pg_finding(
            p, LEAT_FINDING_NOTE, "failover", NULL,
            "there are standbys, and slot \"%s\" is not synchronised to them: after a failover changes are missing. "
            "On a replication connection: ALTER_REPLICATION_SLOT %s (FAILOVER true)",
            p->source->slot, p->source->slot);
    PQclear(result);
}

void pg_preflight_slot(struct pg_preflight *p)
{
    check_slot(p);
    check_slot_age(p);
    check_two_phase(p);
    check_slot_creation(p);
    check_synchronous(p);
    check_retention(p);
    check_idle_timeout(p);
    check_other_slots(p);
    check_old_transactions(p);
    check_decoding_memory(p);
    check_failover(p);
}
