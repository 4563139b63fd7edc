/*
 * Lag and retained log, asked on the SQL connection beside the stream. One question at a time, sent
 * and fetched without waiting; a connection that breaks is made again, also without waiting.
 * Nothing here can fail the stream: what is unknown is -1.
 */
#include "sources/postgres/postgres.h"

#include <leat/clock.h>
#include <leat/log.h>

#include <poll.h>

enum { ASK_EVERY_MS = 2000, LEVEL_BYTES = 16 << 20 };

static void answer(struct pg_source *s, PGresult *result)
{
    struct leat_source_stats *stats = s->env->stats;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        return;
    s->monitor.server_lsn = pg_lsn(result, 0, 0);
    uint64_t restart = pg_lsn(result, 0, 1);
    stats->retained_bytes = restart && s->monitor.server_lsn > restart
                                ? (int64_t)(s->monitor.server_lsn - restart)
                            : restart ? 0
                                      : -1;
}

/* Rows of OID and schema name. */
static void answer_names(struct pg_source *s, PGresult *result)
{
    for (int i = 0; PQresultStatus(result) == PGRES_TUPLES_OK && i < PQntuples(result); i++) {
        struct pg_relation *r = pg_relcache_find(&s->relations, (uint32_t)pg_int(result, i, 0));
        struct leat_slice name = leat_slice_text(PQgetvalue(result, i, 1));
        if (!r || leat_slice_equal(r->schema.schema, name))
            continue;
        pg_relation_move(r, &s->settings, name);
        s->monitor.renamed = true;
    }
}

static void drop(struct pg_source *s)
{
    PQfinish(s->sql);
    s->sql = NULL;
    s->monitor.asked = false;
    s->monitor.lost_ms = leat_clock_monotonic_ms();
}

/* Takes the answer if it is there. */
static void fetch(struct pg_source *s)
{
    if (!PQconsumeInput(s->sql)) {
        drop(s);
        return;
    }
    while (!PQisBusy(s->sql)) {
        PGresult *result = PQgetResult(s->sql);
        if (!result) {
            s->monitor.asked = false;
            return;
        }
        if (s->monitor.names)
            answer_names(s, result);
        else
            answer(s, result);
        PQclear(result);
    }
}

static void ask_names(struct pg_source *s)
{
    struct leat_buf oids;
    leat_buf_init(&oids, 4 << 20);
    leat_buf_append_text(&oids, "{");
    for (size_t i = 0; i < s->relations.slot_count; i++)
        if (s->relations.slots[i])
            leat_buf_format(&oids, "%s%u", oids.len > 1 ? "," : "", s->relations.slots[i]->oid);
    leat_buf_append_text(&oids, "}");
    const char *params[] = {leat_buf_text(&oids)};
    s->monitor.asked = PQsendQueryParams(
        s->sql,
        "SELECT c.oid, n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
        "ON n.oid = c.relnamespace WHERE c.oid = ANY ($1::oid[])",
        1, NULL, params, NULL, NULL, 0);
    leat_buf_release(&oids);
    if (!s->monitor.asked)
        drop(s);
}

static void ask(struct pg_source *s)
{
    const char *params[] = {s->slot};
    s->monitor.asked = PQsendQueryParams(
        s->sql,
        "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE "
        "pg_current_wal_lsn() END, (SELECT restart_lsn FROM pg_catalog.pg_replication_slots "
        "WHERE slot_name = $1)",
        1, NULL, params, NULL, NULL, 0);
    if (!s->monitor.asked)
        drop(s);
}

/* In turn: where the log ends, and what the schemas are called. */
static void ask_next(struct pg_source *s)
{
    bool names_matter = s->server.version < 160000 && s->relations.count && !s->own_encoding;
    s->monitor.names = names_matter && !s->monitor.names;
    if (s->monitor.names)
        ask_names(s);
    else
        ask(s);
}

/* The clock that commit times are of; ours may be an hour off, and lag and readiness with it. A
 * message that waited makes the server's look late, so the largest difference is the truest.
 * 0: nothing was heard yet. */
static int64_t server_now_us(struct pg_source *s)
{
    int64_t now_us = leat_clock_monotonic_us(), sent_us = s->walsender.sent_us;
    if (sent_us && sent_us - now_us > s->monitor.clock_us)
        s->monitor.clock_us = sent_us - now_us;
    return s->monitor.clock_us ? s->monitor.clock_us + now_us : 0;
}

/* Level: all that came is durable, and the log's end is near. What lies between is other databases'
 * and unpublished log, which the next keepalive passes over. */
void pg_monitor_lag(struct pg_source *s)
{
    struct leat_source_stats *stats = s->env->stats;
    uint64_t durable = s->feedback.durable_lsn, end = s->walsender.server_lsn;
    if (s->monitor.server_lsn > end)
        end = s->monitor.server_lsn;
    uint64_t behind = end > durable ? end - durable : 0;
    bool level = end && durable >= s->position.lsn && !s->transaction.open && behind <= LEVEL_BYTES;
    int64_t now_us = server_now_us(s), age_us = now_us - stats->last_event_time_us;
    stats->lag_bytes = end ? (int64_t)behind : -1;
    bool known = stats->last_event_time_us && now_us;
    stats->lag_us = level ? 0 : !known ? -1 : age_us > 1 ? age_us : 1;
}

void pg_monitor_service(struct pg_source *s)
{
    int64_t now = leat_clock_monotonic_ms();
    if (s->sql && s->monitor.asked)
        fetch(s);
    if (now < s->monitor.next_ms)
        return;
    s->monitor.next_ms = now + ASK_EVERY_MS;
    if (!s->sql)
        s->env->stats->retained_bytes = -1;
    else if (!s->monitor.asked)
        ask_next(s);
}

bool pg_monitor_settle(struct pg_source *s, int64_t timeout_ms)
{
    int64_t until_ms = leat_clock_monotonic_ms() + timeout_ms;
    while (s->sql && s->monitor.asked) {
        struct pollfd fd = {.fd = PQsocket(s->sql), .events = POLLIN};
        int64_t left = until_ms - leat_clock_monotonic_ms();
        if (left <= 0)
            return false;
        poll(&fd, 1, (int)left);
        fetch(s);
    }
    return s->sql != NULL;
}
