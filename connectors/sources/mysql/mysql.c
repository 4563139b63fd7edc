/*
 * The MySQL and MariaDB source: the row-based binlog. This file is the table of contents: each
 * function of the ops table, in the order of a session.
 */
#include "sources/mysql/mysql.h"

#include <leat/clock.h>
#include <leat/log.h>

#include "sources/mysql/preflight.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

enum { STATEMENT_ARENA_MAX = 64 << 20, SAVEPOINTS_MAX = 64 << 20 /* two million */ };

/* --- check -------------------------------------------------------------------------------------
 */

static int source_validate(const void *ctx, struct leat_err *err)
{
    return my_settings_validate(ctx, err);
}

static int source_check(void *ctx, const char *instance, struct leat_report *report,
                        struct leat_err *err)
{
    struct my_source *s = ctx;
    return my_preflight(&s->settings, instance, report, err);
}

/* --- open --------------------------------------------------------------------------------------
 */

static void init(struct my_source *s, const struct leat_source_env *env)
{
    const char *directory =
        s->settings.spill_directory ? s->settings.spill_directory : env->directory;
    s->env_copy = *env;
    s->env = &s->env_copy;
    snprintf(s->instance, sizeof s->instance, "%s", env->instance);
    my_position_init(&s->position);
    my_group_init(&s->group, directory, (size_t)s->settings.transaction_memory,
                  (uint64_t)s->settings.transaction_max);
    leat_buf_init(&s->token, LEAT_TOKEN_MAX);
    leat_buf_init(&s->request_gtids, LEAT_TOKEN_MAX);
    leat_buf_init(&s->gap.from, LEAT_TOKEN_MAX);
    leat_buf_init(&s->gap.to, LEAT_TOKEN_MAX);
    leat_buf_init(&s->fragments, (size_t)s->settings.row_bytes_max);
    leat_buf_init(&s->savepoints, SAVEPOINTS_MAX);
    leat_arena_init(&s->scratch, 4 * (size_t)s->settings.row_bytes_max);
    leat_arena_init(&s->event_arena, 2 * (size_t)s->settings.row_bytes_max);
    leat_arena_init(&s->statement_arena, STATEMENT_ARENA_MAX);
    s->policy = (struct my_value_policy){.zero_dates = s->settings.zero_dates,
                                         .bad_text = s->settings.bad_text};
    s->opened = true;
}

static int learn_collations(struct my_source *s, struct leat_err *err)
{
    struct leat_arena arena;
    struct my_collation *collations;
    size_t count;
    leat_arena_init(&arena, 4 << 20);
    int status = my_charsets_new(&s->charsets, err);
    if (!status)
        status = my_catalog_collations(s->sql, &s->server, &arena, &collations, &count, err);
    for (size_t i = 0; !status && i < count; i++)
        status = my_charsets_learn(s->charsets, collations[i].id, collations[i].charset, err);
    leat_arena_release(&arena);
    return status;
}

static int source_open(void *ctx, const struct leat_source_env *env, struct leat_err *err)
{
    struct my_source *s = ctx;
    init(s, env);
    int status = my_connect(&s->settings, s->instance, &s->sql, err);
    if (!status)
        status = my_catalog_server(s->sql, &s->server, err);
    if (!status && !s->server.log_bin) {
        leat_fail(err, LEAT_ECONFIG, "the server writes no binlog");
        leat_err_hint(err, "set log_bin in its configuration and restart it");
        status = err->code;
    }
    if (!status)
        status = learn_collations(s, err);
    s->policy.mariadb = s->server.mariadb;
    return status;
}

/* --- start -------------------------------------------------------------------------------------
 */

/* The source block of the envelope, in the order that its readers expect. The transaction's
 * attributes are filled in emission.c in the order of declaration here. */
static void declare_origin(struct my_source *s)
{
    s->origin = (struct leat_origin){
        .connector =
            s->server.mariadb ? LEAT_SLICE_LITERAL("mariadb") : LEAT_SLICE_LITERAL("mysql"),
        .lineage = leat_slice_text(s->position.lineage),
        .server = leat_slice_text(s->server.version),
        .attr_count = 8,
        .attrs =
            {
                {LEAT_SLICE_LITERAL("table"), LEAT_ATTR_TABLE, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("server_id"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("gtid"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("file"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("pos"), LEAT_ATTR_EVENT, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("row"), LEAT_ATTR_EVENT, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("thread"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
                {LEAT_SLICE_LITERAL("query"), LEAT_ATTR_NONE, LEAT_ATTR_FIELD},
            },
    };
    s->origin_defined = false;
}

static int source_start(void *ctx, struct leat_slice token, struct leat_err *err)
{
    struct my_source *s = ctx;
    struct my_dump_request request;
    int status = my_rival_check(s, err);
    if (!status)
        status = my_resume(s, token, &request, err);
    if (status)
        return status;
    my_change_reset(s);
    s->format = (struct my_format){.checksum = MY_CHECKSUM_CRC32}; /* as we declare it */
    s->format_checked = s->far = false;
    s->deferred.code = LEAT_OK;
    s->torn.file[0] = '\0';
    s->counted_bytes = 0;
    s->durable = s->position.at;
    s->monitor = (struct my_monitor){.next_ms = 0};
    declare_origin(s);
    status = my_binlog_client_open(&s->settings, s->instance, &request, &s->client, err);
    if (!status)
        status = my_binlog_client_dump(s->client, err);
    if (status)
        return my_resume_refused(s, err);
    s->silences++;
    const char *cipher = my_binlog_client_cipher(s->client);
    LEAT_INFO("source", s->instance, "streaming", LEAT_F_TEXT("server", s->server.version),
              LEAT_F_TEXT("file", s->position.at.file),
              LEAT_F_INT("position", s->position.at.position),
              LEAT_F_TEXT("resume", s->gtid_mode ? "gtid" : "position"),
              LEAT_F_INT("server_id", s->position.id),
              LEAT_F_TEXT("transport", cipher                       ? cipher
                                       : s->settings.host[0] == '/' ? "socket"
                                                                    : "tcp"));
    return LEAT_OK;
}

/* --- poll --------------------------------------------------------------------------------------
 */

static int put_position(struct my_source *s, struct leat_batch *batch, struct leat_err *err)
{
    my_emit_position(s);
    if (!s->position_moved)
        return LEAT_OK;
    s->position_moved = false;
    my_resume_gtids(s, &s->position.gtids);
    leat_buf_reset(&s->token);
    my_position_format(&s->position, &s->token);
    if (s->token.full || s->position.gtids.full || s->position.from_gtids.full) {
        leat_fail(err, LEAT_ELIMIT, "the GTIDs of this server take more than %d bytes",
                  LEAT_TOKEN_MAX);
        leat_err_hint(err, "set resume: position, and close the holes in gtid_executed");
        return err->code;
    }
    return leat_batch_position(batch, leat_buf_slice(&s->token), err);
}

static void count_received(struct my_source *s)
{
    int64_t got = (int64_t)my_binlog_client_received(s->client) - s->counted_bytes;
    s->counted_bytes += got;
    s->env->stats->received_bytes += got;
    if (got)
        s->env->stats->last_receive_us = leat_clock_wall_us();
}

/* Works through what has come. LEAT_AGAIN: the batch is full. LEAT_EOF: nothing more is there. */
static int drain(struct my_source *s, struct leat_batch *batch, struct leat_err *err)
{
    for (;;) {
        struct leat_slice event;
        int status = my_emit(s, batch, err);
        if (!status && leat_batch_full(batch))
            status = LEAT_AGAIN;
        if (status)
            return status;
        status = my_binlog_client_next(s->client, &event, err);
        if (status == LEAT_AGAIN)
            return LEAT_EOF;
        if (status == LEAT_EOF)
            return leat_fail(err, LEAT_ERETRY, "the server ended the stream");
        if (status < 0) {
            status = my_torn_pass(s, err);
            if (!status)
                continue;
        }
        if (!status)
            status = my_change(s, event, err);
        if (status == LEAT_ELIMIT)
            my_emit_place(s, err);
        if (!status && s->gap.found)
            status = my_emit_gap(s, batch, err);
        if (status)
            return status;
    }
}

static int read_some(struct my_source *s, int64_t until_ms, struct leat_batch *batch,
                     struct leat_err *err)
{
    for (;;) {
        int status = drain(s, batch, err);
        count_received(s);
        if (status != LEAT_EOF)
            return status;
        my_monitor_service(s, true);
        if (s->position_moved || s->emission.group || leat_clock_monotonic_ms() >= until_ms)
            return LEAT_OK;
        if (my_binlog_client_wait(s->client, s->env->wake_fd, until_ms))
            return LEAT_OK;
    }
}

static void pause_until(int wake_fd, int64_t until_ms)
{
    struct pollfd fd = {.fd = wake_fd, .events = POLLIN};
    int64_t left = until_ms - leat_clock_monotonic_ms();
    if (left > 0)
        poll(&fd, 1, (int)left);
}

/* What stands in front of an event that ends the session is stored before that: who moves the
 * offset behind the event must not lose it. */
static int defer(struct my_source *s, struct leat_err *err)
{
    my_emit_position(s);
    if (!s->position_moved)
        return my_resume_refused(s, err);
    s->deferred = *err;
    return LEAT_AGAIN;
}

static int source_poll(void *ctx, int64_t until_ms, struct leat_batch *batch, struct leat_err *err)
{
    struct my_source *s = ctx;
    if (!batch) { /* no room: the server waits for us as long as net_write_timeout, an hour */
        pause_until(s->env->wake_fd, until_ms);
        return LEAT_OK;
    }
    if (s->deferred.code) {
        *err = s->deferred;
        return my_resume_refused(s, err);
    }
    int status = LEAT_OK;
    if (!s->origin_defined) {
        status = leat_batch_origin(batch, &s->origin, err);
        s->origin_defined = status == LEAT_OK;
    }
    if (!status)
        status = my_emit_gap(s, batch, err);
    if (!status)
        status = read_some(s, until_ms, batch, err);
    if (status < 0)
        status = defer(s, err);
    if (status < 0)
        return status;
    int positioned = put_position(s, batch, err);
    if (status == LEAT_AGAIN)
        my_monitor_service(s, false);
    return positioned ? positioned : status;
}

/* --- confirm, close ----------------------------------------------------------------------------
 */

/* The server keeps its log by its own rules and is told nothing. */
static int source_confirm(void *ctx, struct leat_slice token, struct leat_err *err)
{
    struct my_source *s = ctx;
    struct my_position durable;
    my_position_init(&durable);
    int status = my_position_parse(token, &durable, err);
    if (!status)
        s->durable = durable.at;
    my_position_release(&durable);
    return status;
}

static void source_close(void *ctx)
{
    struct my_source *s = ctx;
    if (!s->opened)
        return;
    my_binlog_client_close(s->client);
    s->client = NULL;
    my_disconnect(s->sql);
    s->sql = NULL;
    my_change_reset(s);
    my_parked_release(s);
    my_group_release(&s->group);
    my_tables_release(&s->tables);
    my_charsets_free(s->charsets);
    s->charsets = NULL;
    my_gtid_set_release(&s->gtids.set);
    maria_gtid_state_release(&s->gtids.state);
    maria_gtid_state_release(&s->stored_state);
    my_position_release(&s->position);
    leat_buf_release(&s->token);
    leat_buf_release(&s->request_gtids);
    leat_buf_release(&s->gap.from);
    leat_buf_release(&s->gap.to);
    leat_buf_release(&s->fragments);
    leat_buf_release(&s->savepoints);
    leat_arena_release(&s->scratch);
    leat_arena_release(&s->event_arena);
    leat_arena_release(&s->statement_arena);
    s->opened = false;
}

const struct leat_source_ops my_source_ops = {
    .name = "mysql",
    .doc =
        "A MySQL or MariaDB server, by its row-based binlog (MySQL 5.7 to 9, MariaDB 10.3 to 12).",
    .options = my_options,
    .ctx_size = sizeof(struct my_source),
    .validate = source_validate,
    .check = source_check,
    .open = source_open,
    .start = source_start,
    .poll = source_poll,
    .confirm = source_confirm,
    .close = source_close,
};
