/*
 * Events as rows of a Postgres table, each exactly once.
 *
 *     one simple query, hence one transaction:   UPDATE leat_cursor …;  COPY stream_data FROM STDIN
 * (binary)
 *
 *     submit ── UPDATE 1, COPY IN ── rows, end ──▶          poll ──▶ COPY n: committed
 *                  │ UPDATE 0: somebody else writes as us
 *                  └─▶ the COPY is refused, nothing happened
 *
 * The cursor's row is updated first and so locked first. Open locks it too: when the answer to a
 * commit was lost, it waits until that transaction has ended one way or the other, and then reads
 * which. A session that holds the lock although its client is gone (a dark cable) is ended by us.
 *
 * Rows that may be there already (behind a rewind, or a dead letter that is tried again) go through
 * a temporary table and replace them.
 */
#include <leat/clock.h>
#include <leat/failpoint.h>
#include <leat/log.h>

#include "emitters/postgres/row.h"
#include "emitters/postgres/tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SQL_BYTES_MAX = 8 << 10 };

struct postgres {
    struct pge_settings settings;
    struct pge_session session;
    char table[PGE_NAME_BYTES], cursor[PGE_NAME_BYTES];
    const char *instance;
    uint64_t store, rewinds;
    uint64_t through;       /* committed */
    uint64_t again_through; /* rows up to here may be there already */
    bool temporary;         /* the temporary table was made in this session */
    uint64_t submitted;     /* number of the batch on its way; 0: none */
    uint64_t submitted_through;
    uint64_t confirmed;
    int64_t until_ms; /* of the batch on its way */
};

/* --- open: where the destination stands ----------------------------------------------------------
 */

static uint64_t number(const PGresult *result, int column)
{
    uint64_t v = 0;
    return sscanf(PQgetvalue(result, 0, column), "%" SCNu64, &v) == 1 ? v : 0;
}

struct numbers {
    char store[24], rewinds[24], through[24], again[24];
};

static struct numbers numbers_of(const struct postgres *p)
{
    struct numbers n;
    snprintf(n.store, sizeof n.store, "%" PRIu64, p->store);
    snprintf(n.rewinds, sizeof n.rewinds, "%" PRIu64, p->rewinds);
    snprintf(n.through, sizeof n.through, "%" PRIu64, p->through);
    snprintf(n.again, sizeof n.again, "%" PRIu64, p->again_through);
    return n;
}

/* Without a row, rows of events may be there all the same: it was removed. */
static int row_make(struct postgres *p, struct leat_err *err)
{
    struct numbers n = numbers_of(p);
    struct leat_buf sql;
    PGresult *result;
    leat_buf_init(&sql, SQL_BYTES_MAX);
    leat_buf_format(
        &sql,
        "INSERT INTO %s (emitter, store, rewinds, through, again_through) SELECT $1, $2::bigint, "
        "$3::bigint, $4::bigint, (SELECT coalesce(max(seq), 0) FROM %s) "
        "WHERE NOT EXISTS (SELECT FROM %s WHERE emitter = $1) ON CONFLICT DO NOTHING",
        p->cursor, p->table, p->cursor);
    const char *params[] = {p->instance, n.store, n.rewinds, n.through};
    int status =
        pge_query(&p->session, leat_buf_text(&sql), params, 4, "make the cursor", &result, err);
    if (!status)
        PQclear(result);
    leat_buf_release(&sql);
    return status;
}

static int row_write(struct postgres *p, struct leat_err *err)
{
    struct numbers n = numbers_of(p);
    struct leat_buf sql;
    PGresult *result;
    leat_buf_init(&sql, SQL_BYTES_MAX);
    leat_buf_format(&sql,
                    "UPDATE %s SET store = $2::bigint, rewinds = $3::bigint, through = $4::bigint, "
                    "again_through = $5::bigint, updated_at = now() WHERE emitter = $1",
                    p->cursor);
    const char *params[] = {p->instance, n.store, n.rewinds, n.through, n.again};
    int status =
        pge_query(&p->session, leat_buf_text(&sql), params, 5, "set the cursor", &result, err);
    if (!status)
        PQclear(result);
    leat_buf_release(&sql);
    return status;
}

/* The row is locked now, so no transaction of ours is still on its way. */
static int row_take(struct postgres *p, const struct leat_emitter_env *env, const PGresult *row,
                    struct leat_err *err)
{
    uint64_t store = number(row, 0), rewinds = number(row, 1), through = number(row, 2);
    p->again_through = number(row, 3);
    if (store == p->store && rewinds == env->rewinds) {
        p->through = through;
        return LEAT_OK;
    }
    if (store != p->store && (!env->rewinds || env->rewinds == rewinds)) {
        leat_fail(err, LEAT_ECONFIG,
                  "%s holds the cursor of another store, at its sequence %" PRIu64, p->cursor,
                  through);
        leat_err_hint(
            err, "give the emitter another name or table; or: leat emitters rewind %s beginning",
            p->instance);
        return LEAT_ECONFIG;
    }
    if (through > p->again_through)
        p->again_through = through;
    p->through = env->cursor;
    return row_write(p, err);
}

static int row_lock(struct postgres *p, const struct leat_emitter_env *env, struct leat_err *err)
{
    struct leat_buf sql;
    PGresult *row;
    const char *params[] = {p->instance};
    leat_buf_init(&sql, SQL_BYTES_MAX);
    leat_buf_format(
        &sql, "SELECT store, rewinds, through, again_through FROM %s WHERE emitter = $1 FOR UPDATE",
        p->cursor);
    int status =
        pge_query(&p->session, leat_buf_text(&sql), params, 1, "read the cursor", &row, err);
    leat_buf_release(&sql);
    if (status)
        return status;
    if (PQntuples(row) == 1)
        status = row_take(p, env, row, err);
    else
        status = leat_fail(err, LEAT_ERETRY, "the cursor's row went away while we looked");
    PQclear(row);
    return status;
}

/* Ends sessions that bear our name: their client is gone, and they hold the cursor's lock. */
static void end_forlorn(struct postgres *p)
{
    const char *params[] = {p->session.application};
    struct leat_err ignored;
    PGresult *result;
    if (pge_query(&p->session,
                  "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity "
                  "WHERE application_name = $1 AND pid <> pg_catalog.pg_backend_pid() AND usename "
                  "= current_user "
                  "AND datname = current_database()",
                  params, 1, "end forlorn sessions", &result, &ignored))
        return;
    LEAT_WARN("emitter", p->instance, "ended forlorn sessions",
              LEAT_F_INT("count", PQntuples(result)));
    PQclear(result);
}

static int place_find(struct postgres *p, const struct leat_emitter_env *env, struct leat_err *err)
{
    struct leat_err ignored;
    int status = row_make(p, err);
    if (!status)
        status = pge_execute(&p->session, "BEGIN", "begin", err);
    if (!status)
        status = row_lock(p, env, err);
    if (!status)
        return pge_execute(&p->session, "COMMIT", "commit", err);
    bool locked = strcmp(err->state, "55P03") == 0;
    if (p->session.conn && !pge_execute(&p->session, "ROLLBACK", "roll back", &ignored) && locked)
        end_forlorn(p);
    return status;
}

static void postgres_close(void *ctx)
{
    struct postgres *p = ctx;
    pge_session_close(&p->session);
    p->submitted = 0;
}

static int postgres_open(void *ctx, const struct leat_emitter_env *env, uint64_t *ret_acked,
                         struct leat_err *err)
{
    struct postgres *p = ctx;
    postgres_close(p);
    p->instance = env->instance;
    p->store = env->store;
    p->rewinds = env->rewinds;
    p->through = env->cursor;
    p->again_through = 0;
    p->temporary = false;
    p->confirmed = 0;
    pge_table_name(&p->settings, p->settings.table, p->table);
    pge_table_name(&p->settings, "leat_cursor", p->cursor);
    p->session = (struct pge_session){
        .settings = &p->settings, .stopping = env->stopping, .wake_fd = env->wake_fd};
    int status = pge_session_open(&p->session, env->instance, err);
    if (!status)
        status = place_find(p, env, err);
    if (status) {
        postgres_close(p);
        return status == LEAT_EDATA ? LEAT_ECONFIG : status;
    }
    *ret_acked = p->through;
    return LEAT_OK;
}

/* --- submit -------------------------------------------------------------------------------------
 */

/* Rows that may be there already? */
static bool is_again(const struct postgres *p, const struct leat_emit_batch *b)
{
    return !b->through || b->events[0].sequence <= p->again_through;
}

static void literal(struct leat_buf *sql, const char *text)
{
    leat_buf_append_text(sql, "'");
    for (; *text; text++) /* instance names have none of it; it costs nothing */
        leat_buf_append_text(sql, *text == '\'' ? "''" : (char[]){*text, '\0'});
    leat_buf_append_text(sql, "'");
}

static void cursor_sql(const struct postgres *p, const struct leat_emit_batch *b,
                       struct leat_buf *sql)
{
    uint64_t through = b->through ? b->through : p->through;
    leat_buf_format(sql, "UPDATE %s SET through = %" PRIu64 ", updated_at = now() WHERE emitter = ",
                    p->cursor, through);
    literal(sql, p->instance);
    leat_buf_format(sql,
                    " AND through = %" PRIu64 " AND store = %" PRIu64 " AND rewinds = %" PRIu64 ";",
                    p->through, p->store, p->rewinds);
}

static void rows_sql(const struct postgres *p, bool again, struct leat_buf *sql)
{
    const char *columns = pge_row_columns(&p->settings);
    if (!again) {
        leat_buf_format(sql, "COPY %s (%s) FROM STDIN (FORMAT binary)", p->table, columns);
        return;
    }
    leat_buf_format(sql,
                    "COPY pg_temp.leat_again (%s) FROM STDIN (FORMAT binary);INSERT INTO %s (%s) "
                    "SELECT %s FROM "
                    "pg_temp.leat_again ON CONFLICT (source_id, seq) DO UPDATE SET external_id = "
                    "excluded.external_id, record = excluded.record, metadata = excluded.metadata, "
                    "created_at = "
                    "excluded.created_at",
                    columns, p->table, columns, columns);
}

static int temporary_make(struct postgres *p, struct leat_err *err)
{
    struct leat_buf sql;
    if (p->temporary)
        return LEAT_OK;
    leat_buf_init(&sql, SQL_BYTES_MAX);
    leat_buf_format(&sql, "CREATE TEMPORARY TABLE leat_again (LIKE %s) ON COMMIT DELETE ROWS",
                    p->table);
    int status = pge_execute(&p->session, leat_buf_text(&sql), "make a temporary table", err);
    leat_buf_release(&sql);
    p->temporary = !status;
    return status;
}

/* Reads to the end of a query that failed; the session is fit for the next one then. */
static int settle_failure(struct postgres *p, struct leat_err *err)
{
    PGresult *result;
    struct leat_err ignored;
    int code = err->code;
    int64_t until_ms = leat_clock_monotonic_ms() + p->settings.timeout_ms;
    p->submitted = 0;
    for (;;) {
        if (pge_result(&p->session, until_ms, false, &result, &ignored))
            return LEAT_ERETRY; /* the first reason stays */
        if (!result)
            return PQstatus(p->session.conn) == CONNECTION_OK ? code : LEAT_ERETRY;
        if (PQresultStatus(result) == PGRES_COPY_IN &&
            pge_copy_end(&p->session, "an earlier statement failed", until_ms, &ignored)) {
            PQclear(result);
            return LEAT_ERETRY;
        }
        PQclear(result);
    }
}

static int fenced(struct postgres *p, int64_t until_ms, struct leat_err *err)
{
    struct leat_err ignored;
    if (pge_copy_end(&p->session, "the cursor was moved by somebody else", until_ms, &ignored))
        return LEAT_ERETRY;
    leat_fail(err, LEAT_ERETRY,
              "the cursor of \"%s\" was moved by somebody else: does another leat use this name?",
              p->instance);
    (void)settle_failure(p, err);
    return LEAT_ERETRY;
}

/* What comes in front of the rows: "UPDATE 1", then the invitation. */
static int invited(struct postgres *p, struct leat_err *err)
{
    PGresult *result;
    bool moved = false;
    for (;;) {
        int status = pge_result(&p->session, p->until_ms, false, &result, err);
        if (status == LEAT_AGAIN)
            return leat_fail(err, LEAT_ERETRY, "cannot begin to send rows: no answer in time");
        if (status)
            return status;
        ExecStatusType outcome = PQresultStatus(result);
        if (outcome == PGRES_COMMAND_OK)
            moved = strcmp(PQcmdTuples(result), "1") == 0;
        else if (outcome != PGRES_COPY_IN)
            status = pge_fail(p->session.conn, result, "begin to send rows", err);
        PQclear(result);
        if (status)
            return settle_failure(p, err);
        if (outcome == PGRES_COPY_IN)
            return moved ? LEAT_OK : fenced(p, p->until_ms, err);
    }
}

static int rows_send(struct postgres *p, const struct leat_emit_batch *b, struct leat_err *err)
{
    int status = pge_copy_put(&p->session, PGE_COPY_HEAD.ptr, PGE_COPY_HEAD.len, p->until_ms, err);
    for (size_t i = 0; !status && i < b->count; i++)
        status = pge_copy_put(&p->session, b->events[i].value.ptr, b->events[i].value.len,
                              p->until_ms, err);
    if (!status)
        status = pge_copy_put(&p->session, PGE_COPY_TAIL.ptr, PGE_COPY_TAIL.len, p->until_ms, err);
    LEAT_FAILPOINT("pg_before_end");
    return status ? status : pge_copy_end(&p->session, NULL, p->until_ms, err);
}

static int postgres_submit(void *ctx, const struct leat_emit_batch *batch, struct leat_err *err)
{
    struct postgres *p = ctx;
    struct leat_buf sql;
    bool again = is_again(p, batch);
    if (p->submitted)
        return LEAT_AGAIN;
    int status = again ? temporary_make(p, err) : LEAT_OK;
    if (status)
        return status;
    leat_buf_init(&sql, SQL_BYTES_MAX);
    cursor_sql(p, batch, &sql);
    rows_sql(p, again, &sql);
    p->until_ms = leat_clock_monotonic_ms() + p->settings.timeout_ms;
    if (!PQsendQuery(p->session.conn, leat_buf_text(&sql)))
        status = pge_fail(p->session.conn, NULL, "begin to send rows", err);
    leat_buf_release(&sql);
    if (!status)
        status = invited(p, err);
    if (!status)
        status = rows_send(p, batch, err);
    if (status)
        return status;
    LEAT_FAILPOINT("pg_after_end");
    p->submitted = batch->number;
    p->submitted_through = batch->through ? batch->through : p->through;
    return LEAT_OK;
}

/* --- poll ---------------------------------------------------------------------------------------
 */

/* Nothing is on its way; does the server still hear us? */
static int idle(struct postgres *p, struct leat_err *err)
{
    if (PQstatus(p->session.conn) == CONNECTION_OK && PQconsumeInput(p->session.conn))
        return LEAT_OK;
    return pge_fail(p->session.conn, NULL, "hear from the server", err);
}

static int postgres_poll(void *ctx, int64_t until_ms, uint64_t *ret_number, struct leat_err *err)
{
    struct postgres *p = ctx;
    PGresult *result;
    *ret_number = p->confirmed;
    if (!p->submitted)
        return idle(p, err);
    for (;;) {
        int status = pge_result(&p->session, until_ms < p->until_ms ? until_ms : p->until_ms, true,
                                &result, err);
        if (status == LEAT_AGAIN && leat_clock_monotonic_ms() >= p->until_ms)
            return leat_fail(err, LEAT_ERETRY, "rows were sent, and no answer came in time");
        if (status)
            return status == LEAT_AGAIN ? LEAT_OK : status;
        if (!result)
            break;
        ExecStatusType outcome = PQresultStatus(result);
        if (outcome != PGRES_COMMAND_OK)
            status = pge_fail(p->session.conn, result, "store rows", err);
        PQclear(result);
        if (status)
            return settle_failure(p, err);
    }
    LEAT_FAILPOINT("pg_committed");
    p->through = p->submitted_through;
    *ret_number = p->confirmed = p->submitted;
    p->submitted = 0;
    return LEAT_OK;
}

/* --- check --------------------------------------------------------------------------------------
 */

static int postgres_check(void *ctx, const char *instance, bool apply, struct leat_report *report,
                          struct leat_err *err)
{
    struct postgres *p = ctx;
    struct pge_session session = {.settings = &p->settings, .wake_fd = -1};
    int status = pge_session_open(&session, instance, err);
    if (status)
        return status;
    status = pge_tables_check(&session, apply, report, err);
    pge_session_close(&session);
    return status;
}

extern const struct leat_emitter_ops postgres_emitter_ops;
const struct leat_emitter_ops postgres_emitter_ops = {
    .name = "postgres",
    .doc = "Rows of a Postgres table: exactly once.",
    .options = pge_options,
    .ctx_size = sizeof(struct postgres),
    .keeps_cursor = true,
    .validate = pge_settings_validate,
    .check = postgres_check,
    .encode = pge_row_encode,
    .open = postgres_open,
    .submit = postgres_submit,
    .poll = postgres_poll,
    .close = postgres_close,
};
