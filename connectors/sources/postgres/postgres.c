/*
 * The Postgres source: logical replication with pgoutput. This file is the table of contents: each
 * function of the ops table, in the order of a session.
 */
#include "sources/postgres/postgres.h"

#include <leat/clock.h>
#include <leat/log.h>

#include "sources/postgres/preflight.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>

enum {
    NAP_US_SOCKET = 250, /* see nap() */
    NAP_US_TCP = 1000,
    NAP_BELOW_BYTES = 64 << 10,
    BUSY_WINDOW_MS = 4,
    BUSY_BYTES_PER_MS = 4 << 10,
    TIMER_SLACK_NS = 10 * 1000,
    SHUTDOWN_GRACE_MS = 3 * 1000,
    BACKFILL_STEP_MS = 20,
};

/* --- check --------------------------------------------------------------------------------------
 */

static int source_validate(const void *ctx, struct leat_err *err)
{
    return pg_settings_validate(ctx, err);
}

static void name_instance(struct pg_source *s, const char *instance)
{
    snprintf(s->instance, sizeof s->instance, "%s", instance);
    pg_settings_name(s->settings.slot, instance, s->slot);
    pg_settings_name(s->settings.publication, instance, s->publication);
}

static int source_check(void *ctx, const char *instance, struct leat_report *report,
                        struct leat_err *err)
{
    struct pg_source *s = ctx;
    name_instance(s, instance);
    return pg_preflight(s, report, err);
}

/* --- open --------------------------------------------------------------------------------------
 */

/* What START_REPLICATION's session needs and old servers would refuse in start-up options. */
static int prepare_session(struct pg_source *s, struct leat_err *err)
{
    char sql[320];
    int version = s->server.version;
    int at = 0;
    if (version >= 120000)
        at +=
            snprintf(sql + at, sizeof sql - (size_t)at, "SET wal_sender_timeout = '%" PRId64 "ms';",
                     s->settings.wal_sender_timeout_ms);
    if (version >= 130000 && s->settings.decoding_work_mem)
        at += snprintf(sql + at, sizeof sql - (size_t)at,
                       "SET logical_decoding_work_mem = '%" PRId64 "kB';",
                       s->settings.decoding_work_mem / 1024);
    const char *as_is = s->own_encoding ? s->server.encoding : "SQL_ASCII";
    if (!s->settings.client_encoding && strcmp(s->server.encoding, as_is) == 0)
        at += snprintf(sql + at, sizeof sql - (size_t)at, "SET client_encoding = '%s';", as_is);
    int status = LEAT_OK;
    if (version >= 110000) /* compiling our questions takes ten times as long as answering them */
        status = pg_execute(s->sql, "SET jit = off", s->settings.connect_timeout_ms,
                            "prepare the session", err);
    if (status || !at)
        return status;
    return pg_execute(s->stream, sql, s->settings.connect_timeout_ms, "prepare the session", err);
}

static int source_open(void *ctx, const struct leat_source_env *env, struct leat_err *err)
{
    struct pg_source *s = ctx;
    s->env_copy = *env;
    s->env = &s->env_copy;
    name_instance(s, env->instance);
    pg_walsender_init(&s->walsender, (size_t)s->settings.row_bytes_max);
    pgoutput_init(&s->decoder);
    pg_relcache_init(&s->relations);
    leat_arena_init(&s->scratch, (size_t)s->settings.row_bytes_max);
    leat_buf_init(&s->token, LEAT_TOKEN_MAX);
    s->opened = true;
    pg_snapshot_open(s);
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
    int status = pg_connect(&s->settings, s->instance, PG_USE_SQL, &s->sql, err);
    if (!status)
        status = pg_connect(&s->settings, s->instance, PG_USE_STREAM, &s->stream, err);
    if (!status)
        status =
            pg_catalog_server(s->stream, s->sql, s->settings.connect_timeout_ms, &s->server, err);
    if (!status)
        status = prepare_session(s, err);
    if (!status && s->own_encoding)
        status = pg_encoding_open(&s->encoding, s->server.encoding, err);
    return status;
}

/* --- start -------------------------------------------------------------------------------------
 */

/* A server that takes us for a synchronous standby lets every commit of the application wait for
 * our next status update (rule 17). */
static int refuse_standby(struct pg_source *s, struct leat_err *err)
{
    PGresult *result;
    char us[LEAT_INSTANCE_MAX + 8];
    int status = pg_query(s->sql, "SHOW synchronous_standby_names", s->settings.connect_timeout_ms,
                          "ask for whom commits wait", &result, err);
    if (status)
        return status;
    snprintf(us, sizeof us, "leat-%s", s->instance);
    bool standby = pg_standbys_include(PQgetvalue(result, 0, 0), us);
    PQclear(result);
    if (!standby)
        return LEAT_OK;
    leat_fail(err, LEAT_ECONFIG,
              "synchronous_standby_names takes leat (\"%s\") for a standby: every commit of the "
              "application would wait for us",
              us);
    leat_err_hint(err, "name the standbys themselves; leat check prints the statement");
    return err->code;
}

/* A publication that is made now is younger than a slot that is there: the slot decodes with the
 * catalogue of its own time and would never see it (rule 12). */
static int refuse_younger_publication(struct pg_source *s, struct leat_err *err)
{
    int64_t patience = s->settings.connect_timeout_ms;
    bool exists, insert_exists;
    struct pg_slot slot;
    int status =
        pg_catalog_publications(s->sql, s->publication, patience, &exists, &insert_exists, err);
    if (!status && !exists)
        status = pg_catalog_slot(s->sql, s->server.version, s->slot, patience, &slot, err);
    if (status || exists || !slot.exists)
        return status;
    leat_fail(err, LEAT_ECONFIG,
              "slot \"%s\" exists, publication \"%s\" does not: the slot would not see one that is "
              "made now",
              s->slot, s->publication);
    leat_err_hint(err,
                  "was the publication dropped? What the slot still holds cannot be decoded "
                  "without it: SELECT "
                  "pg_drop_replication_slot('%s'); and start again, with on_gap: record if this "
                  "source has run "
                  "before",
                  s->slot);
    return err->code;
}

static int prepare_publication(struct pg_source *s, struct leat_err *err)
{
    int64_t patience = s->settings.connect_timeout_ms;
    bool exists;
    int status = LEAT_OK;
    if (s->settings.create && !s->server.in_recovery)
        status = refuse_younger_publication(s, err);
    if (!status && s->settings.create && !s->server.in_recovery)
        status = pg_catalog_publish(s->sql, &s->settings, s->instance, s->server.version,
                                    s->publication, s->slot, patience, err);
    if (!status)
        status = pg_catalog_publications(s->sql, s->publication, patience, &exists,
                                         &s->insert_publication, err);
    if (status || exists)
        return status;
    leat_fail(err, LEAT_ECONFIG, "publication \"%s\" does not exist in database \"%s\"",
              s->publication, s->settings.database);
    leat_err_hint(err,
                  "set create: true for this source, or let the tables' owner run: CREATE "
                  "PUBLICATION \"%s\" FOR TABLE …; (before the slot is made)",
                  s->publication);
    return err->code;
}

/* The source block of the envelope, in the order that its readers expect. The transaction's
 * attributes are filled in changes.c in the order of declaration here. */
static void declare_origin(struct pg_source *s)
{
    s->origin = (struct leat_origin){
        .connector = LEAT_SLICE_LITERAL("postgresql"),
        .lineage = leat_slice_text(s->position.system_id),
        .database = leat_slice_text(s->settings.database),
        .server = leat_slice_text(s->server.version_text),
        .attr_count = 8,
        .attrs =
            {
                {LEAT_SLICE_LITERAL("lastCommitLsn"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_SEQUENCE},
                {LEAT_SLICE_LITERAL("schema"), LEAT_ATTR_SCHEMA, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("table"), LEAT_ATTR_TABLE, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("txId"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("lsn"), LEAT_ATTR_EVENT, LEAT_ATTR_FIELD | LEAT_ATTR_SEQUENCE},
                {LEAT_SLICE_LITERAL("xmin"), LEAT_ATTR_NONE, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("origin"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("origin_lsn"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
            },
    };
    s->origin_defined = false;
}

static int choose_format(struct pg_source *s, struct leat_err *err)
{
    s->binary = s->server.version >= 140000 && !s->text_only && !s->own_encoding &&
                s->settings.format != PG_FORMAT_TEXT;
    if (!s->binary || s->settings.format == PG_FORMAT_BINARY)
        return LEAT_OK;
    return pg_catalog_binary_exact(s->sql, s->publication, s->settings.connect_timeout_ms,
                                   &s->binary, err);
}

/* Options that the server does not know are errors there: the list follows its version. */
static int start_command(struct pg_source *s, struct leat_buf *command, struct leat_err *err)
{
    char lsn[PG_LSN_TEXT];
    int version = s->server.version;
    char *name = PQescapeIdentifier(s->sql, s->publication, strlen(s->publication));
    char insert[PG_NAME_BYTES + 8];
    snprintf(insert, sizeof insert, "%s_insert", s->publication);
    char *insert_name = PQescapeIdentifier(s->sql, insert, strlen(insert));
    struct leat_buf names;
    leat_buf_init(&names, 1024);
    leat_buf_format(&names, "%s%s%s", name, s->insert_publication ? "," : "",
                    s->insert_publication ? insert_name : "");
    char *literal = PQescapeLiteral(s->sql, leat_buf_text(&names), names.len);
    pg_lsn_format(s->position.lsn, lsn);
    leat_buf_format(
        command,
        "START_REPLICATION SLOT \"%s\" LOGICAL %s (proto_version '%d', publication_names %s",
        s->slot, lsn,
        version >= 160000   ? 4
        : version >= 150000 ? 3
        : version >= 140000 ? 2
                            : 1,
        literal ? literal : "''");
    if (s->binary)
        leat_buf_format(command, ", binary 'true'");
    if (version >= 140000 && s->settings.messages)
        leat_buf_format(command, ", messages 'true'");
    if (version >= 160000 && s->settings.local_only)
        leat_buf_format(command, ", origin 'none'");
    leat_buf_format(command, ")");
    PQfreemem(name);
    PQfreemem(insert_name);
    PQfreemem(literal);
    leat_buf_release(&names);
    return command->full ? leat_fail(err, LEAT_ELIMIT, "the replication command is too long")
                         : LEAT_OK;
}

static int stream_start(struct pg_source *s, struct leat_err *err)
{
    struct leat_buf command;
    leat_buf_init(&command, 8 << 10);
    int status = start_command(s, &command, err);
    if (!status) {
        PGconn *stream = s->stream;
        s->stream = NULL; /* the walsender's from here on */
        status = pg_walsender_start(&s->walsender, stream, leat_buf_text(&command),
                                    s->settings.connect_timeout_ms, err);
    }
    leat_buf_release(&command);
    return status;
}

static void stream_begun(struct pg_source *s)
{
    char lsn[PG_LSN_TEXT];
    pg_feedback_init(s);
    pg_lsn_format(s->position.lsn, lsn);
    LEAT_INFO("source", s->instance, "streaming", LEAT_F_TEXT("server", s->server.version_text),
              LEAT_F_TEXT("slot", s->slot), LEAT_F_TEXT("from", lsn),
              LEAT_F_INT("timeline", s->server.timeline),
              LEAT_F_TEXT("format", s->binary ? "binary" : "text"),
              LEAT_F_TEXT("transport", s->walsender.ssl   ? "tls"
                                       : s->walsender.tcp ? "tcp"
                                                          : "socket"));
}

/* Without a position the tables are copied first, if that is wanted: at the point where the slot
 * begins, if it is we who make it. */
static int prepare_snapshot(struct pg_source *s, struct leat_err *err)
{
    s->exports = false;
    s->exported[0] = '\0';
    s->snapshot.load.wanted = s->first_run && s->settings.snapshot != PG_SNAPSHOT_NEVER;
    if (s->settings.snapshot == PG_SNAPSHOT_NEVER)
        return LEAT_OK;
    s->exports = s->snapshot.load.wanted && !s->server.in_recovery;
    return pg_snapshot_prepare(s, err);
}

/* Nothing but a copy is wanted: a slot that lives as long as the session gives its point. */
static int only_start(struct pg_source *s, struct leat_err *err)
{
    bool listed = leat_notes_find(s->env->notes, LEAT_SLICE_LITERAL("listed")).len;
    struct leat_snapshot_job *left = leat_snapshot_next(s->env->snapshot);
    if (listed && !left)
        return LEAT_OK;
    int status = pg_catalog_slot_create(s->stream, s->server.version, s->slot, true,
                                        s->settings.connect_timeout_ms, &s->position.lsn, s->exported, err);
    s->position_moved |= !status;
    return status ? status : pg_load_begin(s, s->exported, err);
}

static int source_start(void *ctx, struct leat_slice token, struct leat_err *err)
{
    struct pg_source *s = ctx;
    s->position_moved = false;
    s->counted_bytes = 0;
    s->rate = (struct pg_rate){.busy = false};
    s->pending = PG_PENDING_NONE;
    s->transaction.open = false;
    int status = refuse_standby(s, err);
    if (!status)
        status = pg_resume_identify(s, token, err);
    if (!status) /* the publication first: a slot that is older cannot see it (rule 12) */
        status = prepare_publication(s, err);
    if (!status)
        status = prepare_snapshot(s, err);
    bool only = s->settings.snapshot == PG_SNAPSHOT_ONLY;
    if (!status)
        status = only ? only_start(s, err) : pg_resume_slot(s, err);
    if (!status && !only && s->exported[0])
        status = pg_load_begin(s, s->exported, err);
    if (!status)
        status = choose_format(s, err);
    if (!status && !only && !s->snapshot.load.active)
        status = stream_start(s, err);
    if (status)
        return status;
    declare_origin(s);
    s->monitor = (struct pg_monitor){.asked = false};
    if (s->walsender.conn)
        stream_begun(s);
    return LEAT_OK;
}

/* --- poll --------------------------------------------------------------------------------------
 */

static int put_position(struct pg_source *s, struct leat_batch *batch, struct leat_err *err)
{
    if (!s->position_moved)
        return LEAT_OK;
    s->position_moved = false;
    leat_buf_reset(&s->token);
    pg_position_format(&s->position, &s->token);
    return leat_batch_position(batch, leat_buf_slice(&s->token), err);
}

/* Works through what the buffer holds. LEAT_AGAIN: the batch is full. */
static int drain_buffer(struct pg_source *s, struct leat_batch *batch, struct leat_err *err)
{
    struct pg_wal_message wal;
    int status;
    while ((status = pg_walsender_next(&s->walsender, &wal, err)) == LEAT_OK) {
        s->env->stats->received_messages++;
        if (wal.kind == PG_WAL_KEEPALIVE)
            pg_feedback_keepalive(s, &wal);
        else
            status = pg_change(s, &wal, batch, err);
        if (status)
            return status;
        if (leat_batch_full(batch))
            return LEAT_AGAIN;
    }
    if (status == LEAT_EOF)
        return leat_fail(err, LEAT_ERETRY, "the server ended the stream: it is shutting down");
    return status == LEAT_AGAIN ? LEAT_OK : status;
}

/* Measures the rate over short windows. */
static void count_rate(struct pg_rate *rate, int64_t got_bytes)
{
    int64_t now_ms = leat_clock_monotonic_ms(), elapsed_ms = now_ms - rate->since_ms;
    rate->bytes += got_bytes;
    if (elapsed_ms < BUSY_WINDOW_MS)
        return;
    rate->busy = rate->bytes / elapsed_ms >= BUSY_BYTES_PER_MS;
    *rate = (struct pg_rate){.since_ms = now_ms, .busy = rate->busy};
}

/* A server that decodes flat out sends a message at a time, and waking for each costs both sides
 * more than the message does. So while the stream is busy and reads bring little, a short sleep
 * lets some gather. Never at a few thousand changes a second or less: there each is read and stored
 * at once. On a socket the server's buffer holds a few hundred messages, and a longer sleep would
 * leave it waiting. */
static void nap(struct pg_source *s, int64_t got_bytes)
{
    count_rate(&s->rate, got_bytes);
    if (s->rate.busy && got_bytes < NAP_BELOW_BYTES)
        leat_clock_pause_us(s->walsender.tcp ? NAP_US_TCP : NAP_US_SOCKET);
}

/* A server that shuts down ends ordinary sessions at once and then waits for us to confirm all of
 * its log, which a stalled store cannot: leave, so that it can go down. The slot keeps the rest
 * (rule 7). */
static int check_shutdown(struct pg_source *s, struct leat_err *err)
{
    int64_t patient_until_ms = leat_clock_monotonic_ms() - SHUTDOWN_GRACE_MS;
    bool stuck = s->feedback.durable_lsn < s->position.lsn &&
                 s->feedback.durable_ms < patient_until_ms && s->monitor.lost_ms < patient_until_ms;
    return s->sql || !stuck ? LEAT_OK
                            : leat_fail(err, LEAT_ERETRY,
                                        "the store stalls while the server seems to shut down");
}

static int session_service(struct pg_source *s, struct leat_err *err)
{
    if (!s->walsender.conn) /* no stream yet: the initial copy is read */
        return LEAT_OK;
    int status = check_shutdown(s, err);
    if (status)
        return status;
    pg_monitor_service(s);
    pg_monitor_lag(s);
    int64_t got = s->walsender.received_bytes - s->counted_bytes;
    s->counted_bytes += got;
    s->env->stats->received_bytes += got;
    if (got)
        s->env->stats->last_receive_us = leat_clock_wall_us();
    return pg_feedback_service(s, err);
}

static void wake_wait(struct pg_source *s, int64_t until_ms)
{
    struct pollfd fd = {.fd = s->env->wake_fd, .events = POLLIN};
    int64_t left_ms = until_ms - leat_clock_monotonic_ms();
    poll(&fd, 1, left_ms > 0 ? (int)left_ms : 0);
}

/* No room: only the session is kept alive, and the server's silence is our doing. */
static int idle_poll(struct pg_source *s, int64_t until_ms, struct leat_err *err)
{
    if (!s->walsender.conn) {
        wake_wait(s, until_ms);
        return LEAT_OK;
    }
    int64_t due = pg_feedback_due_ms(s);
    pg_walsender_wait(&s->walsender, true, s->env->wake_fd, due < until_ms ? due : until_ms);
    s->walsender.received_ms = leat_clock_monotonic_ms();
    return session_service(s, err);
}

static int read_some(struct pg_source *s, int64_t until_ms, struct leat_batch *batch,
                     struct leat_err *err)
{
    int64_t from_bytes = s->walsender.received_bytes;
    for (;;) {
        int status = drain_buffer(s, batch, err);
        if (status)
            return status;
        status = pg_walsender_fill(&s->walsender, err);
        if (status == LEAT_OK)
            continue;
        if (status != LEAT_AGAIN)
            return status;
        int64_t got = s->walsender.received_bytes - from_bytes;
        if (got || s->position_moved || pg_backfill_passed(s) || pg_backfill_held(s)) {
            nap(s, got);
            return LEAT_OK;
        }
        status = session_service(s, err);
        pg_feedback_adopt(s);
        int64_t due = pg_feedback_due_ms(s);
        if (status || s->position_moved || leat_clock_monotonic_ms() >= until_ms ||
            pg_walsender_wait(&s->walsender, false, s->env->wake_fd,
                              due < until_ms ? due : until_ms))
            return status;
    }
}

/* Errors that come again on every attempt. A character that the server cannot convert: from the
 * next session on the text comes as it is and is converted here. A publication that is gone: the
 * operator is told what is left to do. */
static int poisoned(struct pg_source *s, struct leat_err *err)
{
    bool untranslatable = strcmp(err->state, "22P05") == 0 || strcmp(err->state, "22021") == 0;
    if (strcmp(err->state, "42704") == 0 || strcmp(err->state, "55000") == 0)
        leat_err_hint(
            err,
            "if the publication was dropped: what was written while it was missing cannot be "
            "decoded any more. CREATE PUBLICATION again, then move the offset behind that "
            "place with leat offsets set %s, which leaves a gap",
            s->instance);
    if (!untranslatable || s->own_encoding || s->settings.client_encoding)
        return err->code;
    s->own_encoding = true;
    err->code = LEAT_ERETRY;
    leat_err_hint(err, "the stream goes on in %s; characters without equivalent become U+FFFD",
                  s->server.encoding);
    return err->code;
}

/* The initial copy, or one that holds the stream; then the stream begins, or goes on. */
static int poll_copy(struct pg_source *s, int64_t until_ms, struct leat_batch *batch, struct leat_err *err)
{
    int status = pg_load_poll(s, until_ms, batch, err);
    if (status || s->snapshot.load.active)
        return status;
    s->snapshot.backfill.hold_lsn = 0;
    if (s->walsender.conn || s->settings.snapshot == PG_SNAPSHOT_ONLY)
        return LEAT_OK;
    status = pg_execute(s->stream, "RESET lock_timeout", s->settings.connect_timeout_ms,
                        "prepare the stream", err);
    if (!status)
        status = stream_start(s, err);
    if (!status)
        stream_begun(s);
    return status;
}

/* The stream, and chunks between its transactions. */
static int poll_stream(struct pg_source *s, int64_t until_ms, struct leat_batch *batch, struct leat_err *err)
{
    int status = pg_change_pending(s, batch, err);
    if (!status && s->monitor.renamed)
        status = pg_change_renamed(s, batch, err);
    if (!status)
        status = pg_backfill_poll(s, batch, err);
    if (status)
        return status;
    int64_t soon_ms = leat_clock_monotonic_ms() + BACKFILL_STEP_MS;
    bool busy = pg_snapshot_busy(s);
    return read_some(s, busy && soon_ms < until_ms ? soon_ms : until_ms, batch, err);
}

static int source_poll(void *ctx, int64_t until_ms, struct leat_batch *batch, struct leat_err *err)
{
    struct pg_source *s = ctx;
    if (!batch)
        return idle_poll(s, until_ms, err);
    int status = LEAT_OK;
    if (!s->origin_defined) {
        status = leat_batch_origin(batch, &s->origin, err);
        s->origin_defined = status == LEAT_OK;
    }
    if (!status)
        status = pg_snapshot_plan(s, batch, err);
    if (!status)
        status = leat_snapshot_serve(s->env->snapshot, batch, err);
    if (!status && s->snapshot.load.active && (!s->walsender.conn || pg_backfill_held(s)))
        status = poll_copy(s, until_ms, batch, err);
    else if (!status && s->walsender.conn)
        status = poll_stream(s, until_ms, batch, err);
    else if (!status) /* only a copy was wanted, and it is done */
        wake_wait(s, until_ms);
    if (status < 0)
        return poisoned(s, err);
    int positioned = put_position(s, batch, err);
    int serviced = positioned ? positioned : session_service(s, err);
    return serviced ? serviced : status;
}

/* --- confirm, close ----------------------------------------------------------------------------
 */

static int source_confirm(void *ctx, struct leat_slice token, struct leat_err *err)
{
    struct pg_source *s = ctx;
    struct pg_position durable;
    int status = pg_position_parse(token, &durable, err);
    if (status)
        return status;
    if (!s->walsender.conn)
        return LEAT_OK;
    pg_feedback_durable(s, durable.lsn);
    return pg_feedback_service(s, err);
}

static void source_close(void *ctx)
{
    struct pg_source *s = ctx;
    struct leat_err ignored;
    if (!s->opened)
        return;
    if (s->walsender.conn && s->feedback.due &&
        pg_walsender_status(&s->walsender, s->feedback.durable_lsn, false, &ignored))
        LEAT_DEBUG("source", s->instance, "last confirmation not sent");
    pg_snapshot_close(s);
    pg_walsender_end(&s->walsender);
    PQfinish(s->stream);
    PQfinish(s->sql);
    s->stream = s->sql = NULL;
    leat_encoding_close(&s->encoding);
    pgoutput_release(&s->decoder);
    pg_relcache_reset(&s->relations);
    leat_arena_release(&s->scratch);
    leat_buf_release(&s->token);
    s->opened = false;
}

const struct leat_source_ops pg_source_ops = {
    .name = "postgres",
    .doc = "A PostgreSQL database, by logical replication (servers 10 to 18).",
    .options = pg_options,
    .snapshots = true,
    .ctx_size = sizeof(struct pg_source),
    .validate = source_validate,
    .check = source_check,
    .open = source_open,
    .start = source_start,
    .poll = source_poll,
    .confirm = source_confirm,
    .close = source_close,
};
