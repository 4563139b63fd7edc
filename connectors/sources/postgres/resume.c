/*
 * Before START_REPLICATION: is this the cluster that our offset is about, does the slot still hold
 * everything behind the offset, and where does the stream go on? (postgres.md 1.12)
 *
 * The server accepts any start position: one beyond its end, or one in a part of the log that is
 * gone, is silently answered with whatever there is. So nothing is started before these questions
 * are settled (I10).
 *
 * What we confirm is always stored first, so a slot whose confirmed position is ahead of our offset
 * was moved by somebody else, or made anew: what lies between is gone.
 */
#include "sources/postgres/postgres.h"

#include <leat/log.h>

#include <inttypes.h>
#include <stdio.h>

static int64_t patience(const struct pg_source *s)
{
    return s->settings.connect_timeout_ms;
}

/* A gap is recorded and closed by a new copy of all tables, if that is what was asked for. */
static bool stops_at_gaps(const struct pg_source *s)
{
    return s->settings.on_gap == LEAT_GAP_STOP && s->settings.snapshot != PG_SNAPSHOT_WHEN_NEEDED;
}

/* Something between `from` and `to` is not in the stream: an error with its remedy, or a gap to
 * record. */
static int lose(struct pg_source *s, const char *reason, uint64_t from, uint64_t to,
                const char *text, struct leat_err *err)
{
    char a[PG_LSN_TEXT], b[PG_LSN_TEXT];
    pg_lsn_format(from, a);
    pg_lsn_format(to, b);
    if (stops_at_gaps(s)) {
        leat_fail(err, LEAT_ECONFIG, "%s: %s; changes from %s to %s are not in the stream", reason,
                  text, a, b);
        leat_err_hint(
            err,
            "find out who did it; then set on_gap: record for this source and restart, which "
            "stores one gap event and goes on at %s (or move the offset yourself with leat "
            "offsets set)",
            b);
        return err->code;
    }
    s->gap = (struct pg_gap){.found = true, .from = from, .to = to};
    s->resnapshot |= s->settings.snapshot == PG_SNAPSHOT_WHEN_NEEDED;
    snprintf(s->gap.reason, sizeof s->gap.reason, "%s", reason);
    snprintf(s->gap.text, sizeof s->gap.text, "%s", text);
    s->position.lsn = to;
    s->position.commit_lsn = 0;
    s->position.transaction_lsn = 0;
    s->position.rows = s->position.messages = 0;
    s->position_moved = true;
    LEAT_WARN("source", s->instance, "gap", LEAT_F_TEXT("reason", reason), LEAT_F_TEXT("from", a),
              LEAT_F_TEXT("to", b), LEAT_F_TEXT("text", text));
    return LEAT_OK;
}

/* --- the cluster -------------------------------------------------------------------------------
 */

static int check_system(struct pg_source *s, bool *ret_other, struct leat_err *err)
{
    const char *accepted = s->settings.accept_system;
    *ret_other = strcmp(s->position.system_id, s->server.system_id) != 0;
    if (!*ret_other || (accepted && strcmp(accepted, s->server.system_id) == 0))
        return LEAT_OK;
    leat_fail(err, LEAT_ECONFIG,
              "other_system: the offset is from the cluster with system identifier %s, this "
              "server's is %s",
              s->position.system_id, s->server.system_id);
    leat_err_hint(err,
                  "if the server was upgraded or restored on purpose, set accept_system: \"%s\" "
                  "for this source; otherwise correct host and port",
                  s->server.system_id);
    return err->code;
}

/* The server is on a later timeline: did the old one end behind or before what we have? */
static int follow_timeline(struct pg_source *s, struct leat_err *err)
{
    uint64_t end;
    int status = pg_catalog_timeline_end(s->stream, s->server.timeline, s->position.timeline,
                                         patience(s), &end, err);
    if (status == LEAT_EOF) {
        leat_fail(err, LEAT_ECONFIG,
                  "other_timeline: timeline %" PRIu32 " of the offset is no ancestor of the "
                  "server's timeline %" PRIu32,
                  s->position.timeline, s->server.timeline);
        leat_err_hint(
            err,
            "this server was restored from before the offset or split off; point the source at the "
            "right one, or begin a new source");
        return err->code;
    }
    if (status)
        return status;
    LEAT_WARN("source", s->instance, "timeline changed", LEAT_F_INT("from", s->position.timeline),
              LEAT_F_INT("to", s->server.timeline));
    uint64_t have = s->position.lsn;
    if (s->position.transaction_lsn > have)
        have = s->position.transaction_lsn;
    s->position.timeline = s->server.timeline;
    s->position_moved = true;
    if (have <= end)
        return LEAT_OK;
    return lose(
        s, "source_rewound", end, have,
        "a failover lost changes that are in the stream: they never happened on this server", err);
}

static int check_timeline(struct pg_source *s, struct leat_err *err)
{
    if (s->server.timeline == s->position.timeline)
        return LEAT_OK;
    if (s->server.timeline > s->position.timeline)
        return follow_timeline(s, err);
    leat_fail(err, LEAT_ECONFIG,
              "old_timeline: the server is on timeline %" PRIu32 ", the offset is on %" PRIu32,
              s->server.timeline, s->position.timeline);
    leat_err_hint(err,
                  "this is the primary from before a failover: point the source at the new one");
    return err->code;
}

static int check_rewound(struct pg_source *s, struct leat_err *err)
{
    if (s->server.flush_lsn >= s->position.lsn)
        return LEAT_OK;
    return lose(s, "server_behind", s->position.lsn, s->server.flush_lsn,
                "the server's log ends before the offset: it was restored, or it is another server",
                err);
}

/* --- the slot ----------------------------------------------------------------------------------
 */

static int slot_unusable(struct pg_source *s, const struct pg_slot *slot, struct leat_err *err)
{
    if (!slot->logical || strcmp(slot->plugin, "pgoutput") != 0 || slot->temporary ||
        slot->two_phase) {
        leat_fail(err, LEAT_ECONFIG, "slot \"%s\" exists but is %s", s->slot,
                  !slot->logical    ? "physical"
                  : slot->temporary ? "temporary"
                  : slot->two_phase ? "made with two_phase, which sends what is only prepared"
                                    : "made for another plugin");
        leat_err_hint(
            err,
            "choose another name with slot:, or drop it: SELECT pg_drop_replication_slot('%s');",
            s->slot);
        return err->code;
    }
    if (strcmp(slot->database, s->settings.database) != 0) {
        leat_fail(err, LEAT_ECONFIG,
                  "slot \"%s\" belongs to database \"%s\", this source reads \"%s\"", s->slot,
                  slot->database, s->settings.database);
        leat_err_hint(err, "choose another name with slot:");
        return err->code;
    }
    if (slot->synced && s->server.in_recovery)
        return leat_fail(err, LEAT_ERETRY,
                         "slot \"%s\" is a synchronised copy on a standby; it can be used "
                         "after a promotion",
                         s->slot);
    return LEAT_OK;
}

/* A session of ours that the server has not yet missed goes away by itself; anybody else is named.
 */
static int slot_in_use(struct pg_source *s, const struct pg_slot *slot, struct leat_err *err)
{
    leat_fail(err, LEAT_ERETRY,
              "slot \"%s\" is in use by pid %" PRId64 " (application_name \"%s\")", s->slot,
              slot->active_pid, slot->holder);
    leat_err_hint(err,
                  "if that is not a leat that is about to end: SELECT pg_terminate_backend(%" PRId64
                  ");",
                  slot->active_pid);
    return err->code;
}

/* A slot without a limit can fill the database's disk while we are down (rule 20). */
static int refuse_unlimited(struct pg_source *s, struct leat_err *err)
{
    PGresult *result;
    if (s->server.version < 130000 || s->settings.allow_unlimited_wal)
        return LEAT_OK;
    int status = pg_query(s->sql, "SHOW max_slot_wal_keep_size", patience(s),
                          "ask how much log slots may keep", &result, err);
    if (status)
        return status;
    bool unlimited = strcmp(PQgetvalue(result, 0, 0), "-1") == 0;
    PQclear(result);
    if (!unlimited)
        return LEAT_OK;
    leat_fail(err, LEAT_ECONFIG,
              "max_slot_wal_keep_size is -1: slot \"%s\" would keep log until the disk is full, "
              "should leat be down for long",
              s->slot);
    leat_err_hint(err, "ALTER SYSTEM SET max_slot_wal_keep_size = '64GB'; SELECT pg_reload_conf(); "
                       "(half of what the disk can spare), or set allow_unlimited_wal: true");
    return err->code;
}

static int slot_create(struct pg_source *s, uint64_t *ret_lsn, struct leat_err *err)
{
    int status = refuse_unlimited(s, err);
    if (status)
        return status;
    status =
        pg_catalog_slot_create(s->stream, s->server.version, s->slot, false, patience(s), ret_lsn,
                               s->exports ? s->exported : NULL, err);
    if (!status)
        LEAT_INFO("source", s->instance, "slot created", LEAT_F_TEXT("slot", s->slot));
    return status;
}

static int slot_missing(struct pg_source *s, bool first_run, struct leat_err *err)
{
    uint64_t lsn;
    if (first_run && !s->settings.create) {
        leat_fail(err, LEAT_ECONFIG, "slot \"%s\" does not exist", s->slot);
        leat_err_hint(err,
                      "set create: true for this source, or run: SELECT "
                      "pg_create_logical_replication_slot('%s', 'pgoutput');",
                      s->slot);
        return err->code;
    }
    if (!first_run && stops_at_gaps(s))
        return lose(s, "slot_missing", s->position.lsn, s->server.flush_lsn, "the slot was dropped",
                    err);
    int status = slot_create(s, &lsn, err);
    if (status)
        return status;
    if (!first_run)
        return lose(s, "slot_missing", s->position.lsn, lsn,
                    "the slot was dropped and is made anew", err);
    s->position.lsn = lsn;
    s->position_moved = true;
    return LEAT_OK;
}

static int slot_lost(struct pg_source *s, const struct pg_slot *slot, struct leat_err *err)
{
    char text[160];
    snprintf(text, sizeof text, "the server invalidated the slot (%s)",
             slot->invalidation_reason[0] ? slot->invalidation_reason : "its log was removed");
    if (stops_at_gaps(s)) {
        lose(s, "slot_lost", s->position.lsn, s->server.flush_lsn, text, err);
        leat_err_hint(
            err,
            "raise max_slot_wal_keep_size; then SELECT pg_drop_replication_slot('%s'); and set "
            "on_gap: record for this source, which makes the slot anew and stores one gap event",
            s->slot);
        return err->code;
    }
    char drop[120];
    uint64_t lsn;
    snprintf(drop, sizeof drop, "DROP_REPLICATION_SLOT \"%s\"", s->slot);
    int status = pg_execute(s->stream, drop, patience(s), "drop the invalidated slot", err);
    if (!status)
        status = slot_create(s, &lsn, err);
    return status ? status : lose(s, "slot_lost", s->position.lsn, lsn, text, err);
}

static int check_slot(struct pg_source *s, bool first_run, struct leat_err *err)
{
    struct pg_slot slot;
    int status = pg_catalog_slot(s->sql, s->server.version, s->slot, patience(s), &slot, err);
    if (status)
        return status;
    if (!slot.exists)
        return slot_missing(s, first_run, err);
    status = slot_unusable(s, &slot, err);
    if (status)
        return status;
    if (strcmp(slot.wal_status, "lost") == 0 || slot.invalidation_reason[0])
        return slot_lost(s, &slot, err);
    if (slot.active)
        return slot_in_use(s, &slot, err);
    if (first_run) {
        LEAT_INFO("source", s->instance, "begins at the slot's position",
                  LEAT_F_TEXT("slot", s->slot));
        s->position.lsn = slot.confirmed_lsn;
        s->position_moved = true;
        return LEAT_OK;
    }
    if (slot.confirmed_lsn > s->position.lsn)
        return lose(s, "slot_advanced", s->position.lsn, slot.confirmed_lsn,
                    "the slot was made anew or moved forward by somebody else, or this store is "
                    "older than the slot",
                    err);
    return LEAT_OK;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static void begin_here(struct pg_source *s)
{
    s->position = (struct pg_position){.timeline = s->server.timeline,
                                       .database_oid = s->server.database_oid};
    snprintf(s->position.system_id, sizeof s->position.system_id, "%s", s->server.system_id);
}

int pg_resume_identify(struct pg_source *s, struct leat_slice token, struct leat_err *err)
{
    bool other = false;
    s->gap = (struct pg_gap){.found = false};
    s->first_run = token.len == 0;
    if (s->first_run) {
        begin_here(s);
        return LEAT_OK;
    }
    int status = pg_position_parse(token, &s->position, err);
    if (!status)
        status = check_system(s, &other, err);
    if (status)
        return status;
    if (other) { /* accepted: positions of the other cluster mean nothing here */
        s->first_run = true;
        begin_here(s);
        return LEAT_OK;
    }
    status = check_timeline(s, err);
    if (!status && !s->gap.found)
        status = check_rewound(s, err);
    return status;
}

int pg_resume_slot(struct pg_source *s, struct leat_err *err)
{
    return check_slot(s, s->first_run, err);
}
