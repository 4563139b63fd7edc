/*
 * Copies beside the stream: chunk by chunk, each true at one moment, put into the stream where it
 * has passed that moment.
 *
 *     idle ── a chunk is read in one short transaction ─▶ open ── passed ─▶ emit ─▶ idle …
 *             S is what it sees, H where the log ended     │
 *                                                          └─ a change of one of its rows that S does
 *                                                             not see: the row is taken out
 *
 * 1. Whether an event is older or newer than the chunk is told by its transaction's visibility in S,
 *    never by positions: a commit can be in the log, and here, before it is visible (a synchronous
 *    standby is waited for). While one of the last transactions that the stream brought is not
 *    visible, no chunk is read.
 * 2. Nothing is read from the stream while a chunk is read, so no newer event can come before the
 *    chunk is whole; chunks are small, and the stream waits for some ten milliseconds.
 * 3. The stream has passed S when it has passed H: all that S sees was committed before it. So that
 *    this comes soon on a quiet server, an empty message is written to its log behind each chunk,
 *    which nobody is shown.
 * 4. A table without key has no chunks: it is read in one pass at a point of the log where a slot
 *    was made for a moment, and the stream is held at that point meanwhile.
 * 5. What fails is the table's failure, not the stream's.
 */
#include "sources/postgres/postgres.h"

#include <leat/clock.h>
#include <leat/failpoint.h>
#include <leat/log.h>

#include "sources/postgres/copy_row.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

enum {
    SQL_MAX = 4 << 20,
    WINDOW_BYTES = 12 << 20,
    CHUNK_TARGET_MS = 40,
    CHUNK_BYTES = 6 << 20,
    CHUNK_ROWS_FIRST = 256,
    CHUNK_ROWS_MAX = 40000,
    CHUNK_PAGES = 96,
    LOCK_MS = 250, /* the stream waits with us */
    RETRY_MS = 1000,
    HANGING_MS = 50,
    KEEPALIVE_MS = 100,
    HEADER_BYTES = 19,
};

static int64_t patience(const struct pg_source *s)
{
    return s->settings.connect_timeout_ms;
}

static struct pg_backfill *backfill(struct pg_source *s)
{
    return &s->snapshot.backfill;
}

static void later(struct pg_source *s, int64_t ms)
{
    backfill(s)->retry_ms = leat_clock_monotonic_ms() + ms;
}

static void copy_close(struct pg_backfill *b)
{
    pg_copy_free(b->copy);
    b->copy = NULL;
    b->state = PG_BACKFILL_IDLE;
    leat_window_release(&b->window);
}

void pg_backfill_end(struct pg_source *s)
{
    struct pg_backfill *b = backfill(s);
    copy_close(b);
    PQfinish(b->conn);
    b->conn = NULL;
    b->hold_lsn = 0;
    b->gate = 0;
}

/* --- what fails ---------------------------------------------------------------------------------
 */

/* The chunk was not read: once more, later, or never. */
static int chunk_failed(struct pg_source *s, struct leat_batch *batch,
                        struct leat_snapshot_job *job, struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    bool slow = strcmp(err->state, "57014") == 0;
    bool locked = strcmp(err->state, "55P03") == 0 || strncmp(err->state, "40", 2) == 0;
    leat_err_context(err, "table %s.%s", job->schema, job->name);
    copy_close(b);
    if (slow && b->chunk.rows > 1) {
        b->chunk.rows /= 2;
        later(s, RETRY_MS);
    } else if (locked || err->code == LEAT_ERETRY) {
        later(s, RETRY_MS);
    } else {
        leat_log_err(LEAT_LOG_ERROR, "source", s->instance, "table is not copied", err);
        return leat_snapshot_turn(s->env->snapshot, batch, job, LEAT_SNAPSHOT_FAILED, err->text,
                                  err);
    }
    leat_log_err(LEAT_LOG_WARN, "source", s->instance, "chunk is tried again", err);
    struct leat_err ignored;
    if (b->conn && (PQstatus(b->conn) != CONNECTION_OK ||
                    pg_execute(b->conn, "ROLLBACK", patience(s), "roll a chunk back", &ignored))) {
        PQfinish(b->conn);
        b->conn = NULL;
    }
    return LEAT_OK;
}

/* --- which table --------------------------------------------------------------------------------
 */

/* What was asked for by name becomes jobs of tables with rows: several for partitions. */
static int resolve(struct pg_source *s, struct leat_batch *batch, struct leat_snapshot_job *asked,
                   struct leat_err *err)
{
    PGresult *list;
    int found = 0, status = pg_snapshot_list(s, backfill(s)->conn, &list, err);
    for (int i = 0; !status && i < PQntuples(list); i++) {
        struct leat_snapshot_job job;
        pg_snapshot_listed(list, i, &job);
        if (strcmp(job.schema, asked->schema) != 0 || strcmp(job.name, asked->name) != 0)
            continue;
        job.id = asked->id;
        job.kind = asked->kind;
        job.state = LEAT_SNAPSHOT_WAITING;
        job.where = asked->where;
        job.from = asked->from;
        job.to = asked->to;
        found++;
        status = leat_snapshot_plan(s->env->snapshot, batch, &job, NULL, err);
    }
    if (status)
        return status;
    PQclear(list);
    return found ? leat_snapshot_drop(s->env->snapshot, batch, asked, err)
                 : leat_snapshot_turn(s->env->snapshot, batch, asked, LEAT_SNAPSHOT_FAILED,
                                      "no such table is published", err);
}

/* "a,b" as the texts of a key's columns. */
static bool key_parse(const char *text, unsigned count, struct leat_slice *ret_key)
{
    for (unsigned i = 0; i < count; i++) {
        size_t len = i + 1 < count ? strcspn(text, ",") : strlen(text);
        ret_key[i] = leat_slice_of(text, len);
        text += len;
        if (i + 1 < count && *text++ != ',')
            return false;
    }
    return true;
}

/* The highest key there is now: rows behind it come by the stream. */
static int upto_find(struct pg_source *s, struct pg_copy *c, struct leat_err *err)
{
    struct leat_buf sql;
    PGresult *result;
    leat_buf_init(&sql, SQL_MAX);
    leat_buf_append_text(&sql, "SELECT ");
    for (unsigned i = 0; i < c->key_count; i++)
        leat_buf_format(&sql, "%s%s::text", i ? ", " : "", c->key_names[i]);
    leat_buf_format(&sql, " FROM %s AS r ORDER BY ", c->source);
    for (unsigned i = 0; i < c->key_count; i++)
        leat_buf_format(&sql, "%s%s DESC", i ? ", " : "", c->key_names[i]);
    leat_buf_append_text(&sql, " LIMIT 1");
    int status = pg_query(backfill(s)->conn, leat_buf_text(&sql), patience(s),
                          "look for the last key", &result, err);
    leat_buf_release(&sql);
    if (status)
        return status;
    for (unsigned i = 0; PQntuples(result) && i < c->key_count; i++)
        c->progress.upto[i] =
            leat_arena_copy(&c->arena, leat_slice_text(PQgetvalue(result, 0, (int)i)));
    c->progress.has_upto = PQntuples(result) == 1;
    PQclear(result);
    return c->progress.has_upto ? LEAT_OK : LEAT_EOF;
}

/* From the beginning, by key. LEAT_EOF: there is nothing to copy. */
static int keys_begin(struct pg_source *s, struct pg_copy *c, struct leat_err *err)
{
    const struct leat_snapshot_job *job = c->job;
    c->progress = (struct pg_progress){.form = PG_PROGRESS_KEYS, .key_count = c->key_count};
    if ((job->from && !key_parse(job->from, c->key_count, c->progress.after)) ||
        (job->to && !key_parse(job->to, c->key_count, c->progress.upto)))
        return leat_fail(err, LEAT_ECONFIG,
                         "--from and --to must have %u values with commas between", c->key_count);
    c->progress.has_after = c->progress.from_included = job->from != NULL;
    c->progress.has_upto = job->to != NULL;
    return job->to ? LEAT_OK : upto_find(s, c, err);
}

/* What a broken-off initial copy left can go on by place if every row that moved since then is
 * whole in the stream: if no long values lie outside, which an update would not have told. */
static bool places_good(const struct pg_source *s, const struct pg_copy *c)
{
    return c->progress.form == PG_PROGRESS_PLACES && s->server.version >= 140000 &&
           !c->long_values && c->file == c->progress.file && c->keyed;
}

static int copy_open(struct pg_source *s, struct leat_batch *batch, struct leat_snapshot_job *job,
                     struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    int status = pg_copy_open(s, b->conn, job, &b->copy, err);
    if (status == LEAT_EOF)
        return leat_snapshot_turn(s->env->snapshot, batch, job, LEAT_SNAPSHOT_CANCELLED,
                                  "the table is not there or not published any more", err);
    if (status)
        return status;
    struct pg_copy *c = b->copy;
    c->binary = s->binary; /* keys are compared with the stream's */
    leat_window_init(&b->window, WINDOW_BYTES);
    b->chunk =
        (struct leat_chunk){CHUNK_ROWS_FIRST, 16, CHUNK_ROWS_MAX, CHUNK_TARGET_MS, CHUNK_BYTES};
    if (!c->keyed && (job->from || job->to))
        return leat_fail(err, LEAT_ECONFIG,
                         "the table has no key that --from and --to could be of");
    if (c->keyed && c->progress.form != PG_PROGRESS_KEYS && !places_good(s, c)) {
        if (job->rows)
            LEAT_WARN("source", s->instance, "table is copied from its beginning",
                      LEAT_F_TEXT("schema", job->schema), LEAT_F_TEXT("table", job->name));
        status = keys_begin(s, c, err);
        if (status == LEAT_EOF) {
            copy_close(b);
            return leat_snapshot_turn(s->env->snapshot, batch, job, LEAT_SNAPSHOT_DONE, NULL, err);
        }
    }
    if (!status && job->state != LEAT_SNAPSHOT_RUNNING)
        status = leat_snapshot_turn(s->env->snapshot, batch, job, LEAT_SNAPSHOT_RUNNING, NULL, err);
    return status;
}

/* --- a chunk ------------------------------------------------------------------------------------
 */

/* Where a condition leaves rows out, the chunk is bounded by the rows that it looks at: a condition
 * that nothing meets must not read the whole table at once. */
static int chunk_limit(struct pg_source *s, struct pg_copy *c, struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    struct leat_buf sql;
    PGresult *result;
    b->limited = false;
    if (c->progress.form != PG_PROGRESS_KEYS || !c->condition[0])
        return LEAT_OK;
    leat_buf_init(&sql, SQL_MAX);
    pg_copy_limit(b->conn, c, b->chunk.rows, &sql);
    int status = pg_query(b->conn, leat_buf_text(&sql),
                          s->settings.snapshot_statement_timeout_ms + patience(s),
                          "look for the end of a chunk", &result, err);
    leat_buf_release(&sql);
    if (status)
        return status;
    b->limited = PQntuples(result) == 1;
    for (unsigned i = 0; b->limited && i < c->key_count; i++)
        b->limit[i] =
            leat_arena_copy(&b->window.arena, leat_slice_text(PQgetvalue(result, 0, (int)i)));
    PQclear(result);
    return LEAT_OK;
}

static void keys_statement(struct pg_backfill *b, struct pg_copy *c, struct leat_buf *sql)
{
    struct pg_progress *p = &c->progress;
    struct pg_progress whole = *p;
    if (b->limited) {
        memcpy(p->upto, b->limit, sizeof p->upto);
        p->has_upto = true;
    }
    pg_copy_keys(b->conn, c, c->condition[0] ? 0 : b->chunk.rows, sql);
    *p = whole;
}

static int chunk_bounds(struct pg_source *s, struct pg_copy *c, struct leat_buf *sql)
{
    struct pg_backfill *b = backfill(s);
    struct pg_progress *p = &c->progress;
    if (p->form == PG_PROGRESS_KEYS) {
        keys_statement(b, c, sql);
        return LEAT_OK;
    }
    if (!p->range_count) {
        if (!pg_progress_take(p, CHUNK_PAGES, &p->ranges[0]))
            return LEAT_EOF;
        p->range_count = 1;
    }
    b->range = p->ranges[p->range_count - 1];
    if (b->range.end - b->range.block > CHUNK_PAGES)
        b->range.end = b->range.block + CHUNK_PAGES;
    pg_copy_places(c, &b->range, sql);
    return LEAT_OK;
}

/* What the transaction sees, where the log ends, and whether the table is the one that we know.
 * LEAT_AGAIN: not now. LEAT_EOF: the table changed. */
static int chunk_moment(struct pg_source *s, struct pg_copy *c, struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    char sql[400];
    PGresult *result;
    char *shape;
    snprintf(sql, sizeof sql, "SELECT %s(), %s(), pg_catalog.pg_relation_filenode(%" PRIu64 ")",
             s->server.version >= 130000 ? "pg_current_snapshot" : "txid_current_snapshot",
             s->server.in_recovery ? "pg_last_wal_replay_lsn" : "pg_current_wal_insert_lsn",
             c->job->table);
    int status = pg_query(b->conn, sql, patience(s), "look at the moment of a chunk", &result, err);
    if (status)
        return status;
    bool read = pg_xid_snapshot_read(leat_slice_text(PQgetvalue(result, 0, 0)), &b->seen);
    b->high_lsn = pg_lsn(result, 0, 1);
    bool same_file =
        c->progress.form != PG_PROGRESS_PLACES || pg_int(result, 0, 2) == c->progress.file;
    PQclear(result);
    if (!read)
        return leat_fail(err, LEAT_ERETRY, "more transactions are open than can be looked at");
    leat_arena_reset(&s->snapshot.scratch);
    status = pg_copy_shape(s, b->conn, c->job, &s->snapshot.scratch, &shape, err);
    if (status)
        return status;
    if (b->seen.xmin < b->gate || !pg_xid_ring_visible(&s->snapshot.emitted, &b->seen))
        return LEAT_AGAIN;
    return same_file && strcmp(shape, c->shape) == 0 ? LEAT_OK : LEAT_EOF;
}

static void field_append(struct leat_buf *key, const struct pgoutput_field *f)
{
    uint32_t len = (uint32_t)f->data.len;
    leat_buf_append(key, leat_slice_of(&len, sizeof len));
    leat_buf_append(key, f->data);
}

/* The row's key as the stream would write it; by place, of a table that is read by place, too. */
static int row_key(struct pg_source *s, struct pg_copy *c, struct leat_buf *key,
                   struct leat_err *err)
{
    const struct pgoutput_field *row = s->snapshot.fields + pg_copy_head(c);
    int status = pg_rows_utf8(s, c, err);
    leat_buf_reset(key);
    for (unsigned i = 0; i < c->key_count; i++)
        field_append(key, &row[c->key_wire[i]]);
    return status;
}

/* Keeps a message of COPY in the window. LEAT_ELIMIT: it is full. */
static int row_keep(struct pg_source *s, struct pg_copy *c, uint8_t *message, size_t len,
                    bool first, struct leat_buf *key, struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    leat_arena_reset(&s->snapshot.scratch);
    size_t head = first && c->binary && len >= HEADER_BYTES ? HEADER_BYTES : 0;
    struct leat_slice raw = leat_slice_of(message + head, len - head);
    if (!c->binary) /* it is unescaped where it stands */
        raw = leat_arena_copy(&s->snapshot.scratch, raw);
    int status = pg_rows_cut(s, c, message, len, first, err);
    if (status)
        return status;
    status = row_key(s, c, key, err);
    if (status)
        return status;
    if (b->window.arena.used > WINDOW_BYTES / 2 && b->window.count)
        return LEAT_AGAIN;
    if (leat_window_add(&b->window, leat_buf_slice(key), raw))
        return LEAT_OK;
    return b->window.count ? LEAT_AGAIN
                           : leat_fail(err, LEAT_ELIMIT,
                                       "a row of %zu bytes is too long to be copied "
                                       "beside the stream",
                                       len);
}

/* Waits for the server; false at the deadline. */
static bool socket_wait(PGconn *conn, int64_t until_ms)
{
    struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN};
    int64_t left_ms = until_ms - leat_clock_monotonic_ms();
    return left_ms > 0 && poll(&fd, 1, (int)left_ms) >= 0 && PQconsumeInput(conn);
}

static void cancel(PGconn *conn)
{
    char ignored[256];
    PGcancel *c = PQgetCancel(conn);
    if (c && !PQcancel(c, ignored, sizeof ignored))
        LEAT_DEBUG("source", NULL, "a chunk could not be cut short");
    PQfreeCancel(c);
}

/* Reads rows until the statement ends. *ret_cut: the window is full and the rest was not wanted. */
static int chunk_rows(struct pg_source *s, struct pg_copy *c, bool *ret_cut, struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    int64_t until_ms =
        leat_clock_monotonic_ms() + s->settings.snapshot_statement_timeout_ms + patience(s);
    struct leat_buf key;
    bool first = true;
    int status = LEAT_OK;
    leat_buf_init(&key, WINDOW_BYTES);
    for (;;) {
        char *row;
        int len = PQgetCopyData(b->conn, &row, 1);
        if (len == 0 && !socket_wait(b->conn, until_ms))
            status = pg_fail(b->conn, NULL, "read a chunk", err);
        if (len < 0 || status)
            break;
        if (len == 0)
            continue;
        int kept =
            *ret_cut ? LEAT_OK : row_keep(s, c, (uint8_t *)row, (size_t)len, first, &key, err);
        PQfreemem(row);
        first = false;
        if (kept == LEAT_AGAIN) {
            *ret_cut = true;
            cancel(b->conn);
        } else if (kept < 0) {
            status = kept;
            break;
        }
    }
    leat_buf_release(&key);
    return status;
}

/* The statement, its rows, its end. */
static int chunk_copy(struct pg_source *s, struct pg_copy *c, const char *sql, bool *ret_cut,
                      struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    PGresult *result;
    if (!PQsendQuery(b->conn, sql))
        return pg_fail(b->conn, NULL, "read a chunk", err);
    int64_t until_ms =
        leat_clock_monotonic_ms() + s->settings.snapshot_statement_timeout_ms + patience(s);
    while (PQisBusy(b->conn))
        if (!socket_wait(b->conn, until_ms))
            return pg_fail(b->conn, NULL, "read a chunk", err);
    result = PQgetResult(b->conn);
    int status = PQresultStatus(result) == PGRES_COPY_OUT
                     ? LEAT_OK
                     : pg_fail(b->conn, result, "read a chunk", err);
    PQclear(result);
    if (!status)
        status = chunk_rows(s, c, ret_cut, err);
    if (status && err->code == LEAT_EPROTO)
        return status;
    while ((result = PQgetResult(b->conn)) != NULL) {
        bool fine = PQresultStatus(result) == PGRES_COMMAND_OK || *ret_cut;
        if (!status && !fine)
            status = pg_fail(b->conn, result, "read a chunk", err);
        PQclear(result);
    }
    return status;
}

/* So that the stream comes to pass H soon: the commit of an empty message is written at once. */
static void nudge(struct pg_source *s)
{
    struct leat_err ignored;
    if (s->server.in_recovery)
        return;
    if (pg_execute(
            backfill(s)->conn,
            "BEGIN READ WRITE; SELECT pg_catalog.pg_logical_emit_message(true, '" PG_WATERMARK
            "', ''); COMMIT",
            patience(s), "write a watermark", &ignored))
        LEAT_DEBUG("source", s->instance, "no watermark"); /* a keepalive will do, a little later */
}

static int chunk_read(struct pg_source *s, struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    struct pg_copy *c = b->copy;
    struct leat_buf sql;
    bool cut = false;
    int64_t from_ms = leat_clock_monotonic_ms();
    leat_buf_init(&sql, SQL_MAX);
    leat_window_reset(&b->window);
    int status = pg_execute(b->conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", patience(s),
                            "begin a chunk", err);
    if (!status)
        status = chunk_moment(s, c, err);
    if (!status)
        status = chunk_limit(s, c, err);
    if (!status)
        status = chunk_bounds(s, c, &sql);
    if (!status && sql.full)
        status =
            leat_fail(err, LEAT_ELIMIT, "the statement for table \"%s\" is too long", c->job->name);
    if (!status)
        status = chunk_copy(s, c, leat_buf_text(&sql), &cut, err);
    leat_buf_release(&sql);
    if (status < 0)
        return status;
    int ended =
        pg_execute(b->conn, cut || status ? "ROLLBACK" : "COMMIT", patience(s), "end a chunk", err);
    if (ended || status)
        return ended ? ended : status;
    int64_t took_ms = leat_clock_monotonic_ms() - from_ms, rows = (int64_t)b->window.count;
    b->chunk_cut = cut;
    b->chunk_last = c->progress.form == PG_PROGRESS_KEYS && !cut && !b->limited &&
                    (c->condition[0] || rows < b->chunk.rows);
    leat_chunk_learn(&b->chunk, rows, (int64_t)b->window.arena.used, took_ms);
    nudge(s);
    return LEAT_OK;
}

/* --- the stream, meanwhile ----------------------------------------------------------------------
 */

bool pg_backfill_passed(const struct pg_source *s)
{
    const struct pg_backfill *b = &s->snapshot.backfill;
    return b->state == PG_BACKFILL_OPEN && !s->transaction.open &&
           (s->position.lsn >= b->high_lsn || s->feedback.keepalive_lsn >= b->high_lsn);
}

static bool concerns(const struct pg_source *s, uint32_t oid)
{
    const struct pg_backfill *b = &s->snapshot.backfill;
    return b->state == PG_BACKFILL_OPEN && b->copy->relation->oid == oid &&
           !pg_xid_visible(&b->seen, s->transaction.xid);
}

/* The wire column of the stream's relation that has a stored column's name; -1: none. */
static int wire_named(const struct pg_relation *r, struct leat_slice name)
{
    for (uint16_t i = 0; i < r->wire_count; i++)
        if (r->wire[i].stored >= 0 &&
            leat_slice_equal(r->schema.columns[r->wire[i].stored].name, name))
            return i;
    return -1;
}

static const struct leat_window_row *tuple_take(struct pg_source *s, const struct pg_relation *r,
                                                const struct pgoutput_tuple *tuple)
{
    struct pg_backfill *b = backfill(s);
    struct pg_copy *c = b->copy;
    struct leat_buf key;
    leat_buf_init(&key, WINDOW_BYTES);
    for (unsigned i = 0; i < c->key_count; i++) {
        int32_t stored = c->relation->wire[c->key_wire[i]].stored;
        int at = wire_named(r, c->relation->schema.columns[stored].name);
        if (at >= 0 && at < tuple->count)
            field_append(&key, &tuple->fields[at]);
    }
    const struct leat_window_row *row = leat_window_take(&b->window, leat_buf_slice(&key));
    leat_buf_release(&key);
    return row;
}

/* The columns of a row that was taken out, if they are those of the stream still. */
static int values_of(struct pg_source *s, const struct pg_relation *r,
                     const struct leat_window_row *row, const struct leat_value **ret_row,
                     struct leat_err *err)
{
    struct pg_copy *c = backfill(s)->copy;
    bool same = r->schema.column_count == c->relation->schema.column_count;
    for (uint32_t i = 0; same && i < r->schema.column_count; i++)
        same = leat_slice_equal(r->schema.columns[i].name, c->relation->schema.columns[i].name);
    if (!same)
        return LEAT_OK;
    int status =
        pg_rows_cut(s, c, (uint8_t *)(uintptr_t)row->bytes.ptr, row->bytes.len, false, err);
    if (!status)
        status = pg_rows_decode(s, c, err);
    if (!status)
        *ret_row = c->relation->after;
    return status;
}

int pg_backfill_row(struct pg_source *s, const struct pgoutput_message *m,
                    const struct leat_value **ret_row, struct leat_err *err)
{
    *ret_row = NULL;
    if (!concerns(s, m->row.oid))
        return LEAT_OK;
    const struct pg_relation *r = pg_relcache_find(&s->relations, m->row.oid);
    const struct leat_window_row *old = m->row.old_form ? tuple_take(s, r, &m->row.before) : NULL;
    const struct leat_window_row *now =
        m->type == PGOUTPUT_DELETE ? NULL : tuple_take(s, r, &m->row.after);
    const struct leat_window_row *row = old ? old : now;
    return row && m->type == PGOUTPUT_UPDATE ? values_of(s, r, row, ret_row, err) : LEAT_OK;
}

/* The text of a key's value, as the server would read it. False: of no type that keys mostly have. */
static bool value_text(const struct leat_value *v, struct leat_buf *text)
{
    if (v->kind == LEAT_INT64)
        leat_buf_format(text, "%" PRId64, v->integer);
    else if (v->kind == LEAT_STRING || v->kind == LEAT_DECIMAL)
        leat_buf_append(text, v->text);
    else if (v->kind == LEAT_UUID)
        for (size_t i = 0; i < v->text.len; i++)
            leat_buf_format(text, "%02x", v->text.ptr[i]);
    else
        return false;
    return true;
}

/* The row's key as --from and --to take it. */
static bool key_text(const struct pg_relation *r, struct leat_buf *text)
{
    bool whole = true;
    uint16_t count = 0;
    size_t part = 0; /* where the last value begins: only that one may have a comma */
    for (uint32_t n = 1; whole; n++) {
        uint32_t i = 0;
        while (i < r->schema.column_count && r->schema.columns[i].key_ordinal != n)
            i++;
        if (i == r->schema.column_count)
            break;
        if (count++) {
            whole = !memchr(text->data + part, ',', text->len - part);
            leat_buf_append_text(text, ",");
            part = text->len;
        }
        whole = value_text(&r->after[i], text) && whole;
    }
    return whole && count && !text->full && !memchr(text->data, 0, text->len);
}

/* The copy of the relation's table by key that is not done, or NULL. */
static struct leat_snapshot_job *job_by_key(struct pg_source *s, const struct pg_relation *r)
{
    struct leat_snapshot_job *job;
    for (size_t i = 0; (job = leat_snapshot_at(s->env->snapshot, i)) != NULL; i++) {
        bool open = job->state == LEAT_SNAPSHOT_WAITING || job->state == LEAT_SNAPSHOT_RUNNING ||
                    job->state == LEAT_SNAPSHOT_PAUSED;
        if (open && job->kind != LEAT_SNAPSHOT_OWED && job->table &&
            leat_slice_equal(leat_slice_text(job->name), r->schema.table) &&
            leat_slice_equal(leat_slice_text(job->schema), r->schema.schema))
            return job;
    }
    return NULL;
}

int pg_backfill_owe(struct pg_source *s, const struct pg_relation *r, struct leat_batch *batch,
                    struct leat_err *err)
{
    bool absent = false;
    for (uint32_t i = 0; i < r->schema.column_count; i++)
        absent |= r->after[i].kind == LEAT_ABSENT;
    const struct leat_snapshot_job *whole = absent ? job_by_key(s, r) : NULL;
    if (!whole)
        return LEAT_OK;
    struct leat_buf text;
    int status = LEAT_OK;
    leat_buf_init(&text, LEAT_SNAPSHOT_TEXT_MAX);
    if (key_text(r, &text)) {
        char *key = (char *)(uintptr_t)leat_buf_text(&text);
        struct leat_snapshot_job job = {.id = (uint64_t)leat_clock_wall_us(),
                                        .table = whole->table,
                                        .state = LEAT_SNAPSHOT_WAITING,
                                        .kind = LEAT_SNAPSHOT_OWED,
                                        .schema = whole->schema,
                                        .name = whole->name,
                                        .where = whole->where,
                                        .from = key,
                                        .to = key,
                                        .rows_estimate = 1};
        while (leat_snapshot_find(s->env->snapshot, job.id, job.table))
            job.id++;
        status = leat_snapshot_plan(s->env->snapshot, batch, &job, NULL, err);
    } else {
        LEAT_WARN("source", s->instance, "a long value stays absent",
                  LEAT_F_SLICE("table", r->schema.table),
                  LEAT_F_TEXT("reason", "its row's key changed while the table is copied"));
    }
    leat_buf_release(&text);
    return status;
}

void pg_backfill_truncate(struct pg_source *s, uint32_t oid)
{
    if (concerns(s, oid))
        leat_window_clear(&backfill(s)->window);
}

/* --- rows that are left -------------------------------------------------------------------------
 */

/* Behind the chunk: by key its last row's, by place its end. */
static void progress_pass(struct pg_backfill *b)
{
    struct pg_progress *p = &b->copy->progress;
    if (p->form == PG_PROGRESS_PLACES && !b->chunk_cut) {
        p->ranges[p->range_count - 1].block = b->range.end;
        p->ranges[p->range_count - 1].offset = 0;
        if (b->range.end >= p->ranges[p->range_count - 1].end)
            p->range_count--;
    }
}

/* Where the copy goes on behind a row of the window: its head, whoever gave it out. */
static int progress_row(struct pg_source *s, struct pg_copy *c, struct leat_err *err)
{
    struct pg_progress *p = &c->progress;
    const struct pgoutput_field *head = s->snapshot.fields;
    if (p->form == PG_PROGRESS_PLACES) {
        struct pg_range *r = &p->ranges[p->range_count - 1];
        return pg_copy_tid(head, &r->block, &r->offset)
                   ? LEAT_OK
                   : leat_fail(err, LEAT_EPROTO, "a row came without its place");
    }
    for (unsigned i = 0; i < c->key_count; i++)
        p->after[i] = head[i].data; /* in the window */
    p->has_after = true;
    p->from_included = false;
    return LEAT_OK;
}

/* The last row of the chunk says how far it came even if the stream took it out. */
static int progress_last(struct pg_source *s, struct pg_copy *c, struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    struct leat_window *w = &b->window;
    if (b->limited && !b->chunk_cut) {
        memcpy(c->progress.after, b->limit, sizeof b->limit);
        c->progress.has_after = true;
        c->progress.from_included = false;
        return LEAT_OK;
    }
    if (!w->count || !w->rows[w->count - 1].taken)
        return LEAT_OK;
    const struct leat_window_row *row = &w->rows[w->count - 1];
    uint8_t *bytes = (uint8_t *)(uintptr_t)row->bytes.ptr;
    int status = pg_rows_cut(s, c, bytes, row->bytes.len, false, err);
    return status ? status : progress_row(s, c, err);
}

static int keep(struct pg_source *s, struct leat_batch *batch, struct pg_copy *c,
                struct leat_err *err)
{
    int status = pg_rows_end(s, batch, err);
    if (!status)
        status = pg_copy_keep(s, c, err);
    return status ? status : leat_snapshot_save(s->env->snapshot, batch, c->job, err);
}

static int emit_done(struct pg_source *s, struct leat_batch *batch, struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    struct pg_copy *c = b->copy;
    bool places = c->progress.form == PG_PROGRESS_PLACES;
    int status = progress_last(s, c, err);
    progress_pass(b);
    if (!status)
        status = keep(s, batch, c, err);
    if (status)
        return status;
    LEAT_FAILPOINT("snapshot_chunk");
    b->state = PG_BACKFILL_IDLE;
    leat_window_reset(&b->window);
    bool over =
        places ? !c->progress.range_count && c->progress.next >= c->progress.end : b->chunk_last;
    if (!over)
        return LEAT_OK;
    if (c->job->kind != LEAT_SNAPSHOT_OWED)
        LEAT_INFO("source", s->instance, "table copied", LEAT_F_TEXT("schema", c->job->schema),
              LEAT_F_TEXT("table", c->job->name), LEAT_F_INT("rows", c->job->rows));
    struct leat_snapshot_job *job = c->job;
    copy_close(b);
    if (job->kind == LEAT_SNAPSHOT_OWED)
        return leat_snapshot_drop(s->env->snapshot, batch, job, err);
    return leat_snapshot_turn(s->env->snapshot, batch, job, LEAT_SNAPSHOT_DONE, NULL, err);
}

static int emit(struct pg_source *s, struct leat_batch *batch, struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    struct pg_copy *c = b->copy;
    const struct leat_window_row *row;
    int64_t rows = 0, from_bytes = s->snapshot.read_bytes;
    int status = LEAT_OK;
    b->state = PG_BACKFILL_EMIT;
    while (!status && (row = leat_window_peek(&b->window)) != NULL) {
        if (!b->decoded) {
            status =
                pg_rows_cut(s, c, (uint8_t *)(uintptr_t)row->bytes.ptr, row->bytes.len, false, err);
            if (!status)
                status = pg_rows_decode(s, c, err);
        }
        b->decoded = !status;
        if (!status)
            status = pg_rows_add(s, batch, c, "incremental", row->bytes.len, err);
        if (status)
            break;
        b->decoded = false;
        rows++;
        status = progress_row(s, c, err);
        leat_window_pass(&b->window);
        if (!status && leat_batch_full(batch))
            status = LEAT_AGAIN;
    }
    leat_pace_spend(&s->snapshot.pace, rows, s->snapshot.read_bytes - from_bytes,
                    leat_clock_monotonic_ms());
    if (status < 0)
        return status;
    if (status == LEAT_AGAIN) {
        int kept = keep(s, batch, c, err);
        return kept ? kept : LEAT_AGAIN;
    }
    return emit_done(s, batch, err);
}

/* --- a table without key ------------------------------------------------------------------------
 */

/* A slot that lives for a moment: where it begins is a point of the log, and what it exports is
 * what was committed before. */
static int hold_begin(struct pg_source *s, struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    PGconn *conn = NULL;
    PGresult *result = NULL;
    char command[200];
    snprintf(command, sizeof command,
             "CREATE_REPLICATION_SLOT \"leat_copy_%" PRIx64 "\" TEMPORARY LOGICAL pgoutput%s",
             (uint64_t)leat_clock_wall_us(),
             s->server.version >= 150000 ? " (SNAPSHOT 'export')" : " EXPORT_SNAPSHOT");
    int status = pg_connect(&s->settings, s->instance, PG_USE_STREAM, &conn, err);
    if (!status)
        status = pg_execute(conn, "SET lock_timeout = '2s'", patience(s), "prepare a session", err);
    if (!status)
        status = pg_query(conn, command, patience(s), "find a point of the log to copy at", &result,
                          err);
    if (!status)
        b->hold_lsn = pg_lsn(result, 0, 1);
    if (!status)
        status = pg_load_begin(s, PQgetvalue(result, 0, 2), err);
    PQclear(result);
    PQfinish(conn);
    return status;
}

static int hold_start(struct pg_source *s, struct leat_batch *batch, struct leat_snapshot_job *job,
                      struct leat_err *err)
{
    copy_close(backfill(s));
    s->snapshot.load.only = job;
    int status = hold_begin(s, err);
    if (!status)
        return LEAT_OK;
    pg_load_end(s);
    backfill(s)->hold_lsn = 0;
    return chunk_failed(s, batch, job, err);
}

bool pg_backfill_holds(const struct pg_source *s, uint64_t commit_lsn)
{
    uint64_t hold_lsn = s->snapshot.backfill.hold_lsn;
    return hold_lsn && commit_lsn >= hold_lsn;
}

bool pg_backfill_held(const struct pg_source *s)
{
    uint64_t hold_lsn = s->snapshot.backfill.hold_lsn;
    return hold_lsn && !s->transaction.open &&
           (s->pending == PG_PENDING_BEGIN || s->feedback.keepalive_lsn >= hold_lsn);
}

/* --- the step -----------------------------------------------------------------------------------
 */

/* Transactions that wrote to a table before it was published, and end later, would be in neither
 * chunk nor stream: no chunk is read before they have ended. */
static int gate_take(struct pg_source *s, struct leat_err *err)
{
    PGresult *result;
    struct pg_backfill *b = backfill(s);
    if (b->gate || s->server.in_recovery)
        return LEAT_OK;
    int status = pg_execute(b->conn, "BEGIN READ WRITE", patience(s), "begin", err);
    if (!status)
        status = pg_query(b->conn, "SELECT txid_current()", patience(s), "number a transaction",
                          &result, err);
    if (status)
        return status;
    b->gate = (uint64_t)pg_int(result, 0, 0);
    PQclear(result);
    return pg_execute(b->conn, "COMMIT", patience(s), "commit", err);
}

static int session_ready(struct pg_source *s, struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    char sql[64];
    if (b->conn)
        return LEAT_OK;
    int status = pg_snapshot_connect(s, s->settings.snapshot_statement_timeout_ms, &b->conn, err);
    snprintf(sql, sizeof sql, "SET lock_timeout = '%dms'", LOCK_MS);
    return status ? status : pg_execute(b->conn, sql, patience(s), "prepare a session", err);
}

/* A chunk of the job that is due. */
static int chunk_begin(struct pg_source *s, struct leat_batch *batch, struct leat_snapshot_job *job,
                       struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    int status = session_ready(s, err);
    if (!status && !job->table)
        return resolve(s, batch, job, err);
    if (!status && job->kind == LEAT_SNAPSHOT_ADDED)
        status = gate_take(s, err);
    if (!status && b->copy && b->copy->job != job)
        copy_close(b);
    if (!status && !b->copy)
        status = copy_open(s, batch, job, err);
    if (status < 0 || !b->copy)
        return status < 0 ? chunk_failed(s, batch, job, err) : LEAT_OK;
    if (!b->copy->keyed)
        return hold_start(s, batch, job, err);
    status = chunk_read(s, err);
    if (status < 0)
        return chunk_failed(s, batch, job, err);
    if (status == LEAT_AGAIN)
        later(s, HANGING_MS);
    else if (status == LEAT_EOF)
        copy_close(b); /* it has other columns now, or another file: once more */
    else
        b->state = PG_BACKFILL_OPEN;
    return LEAT_OK;
}

/* Asks for the position when nothing else would tell it. */
static int keepalive_ask(struct pg_source *s, struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    int64_t now_ms = leat_clock_monotonic_ms();
    if (now_ms - b->asked_ms < KEEPALIVE_MS)
        return LEAT_OK;
    b->asked_ms = now_ms;
    return pg_walsender_status(&s->walsender, s->feedback.durable_lsn, true, err);
}

int pg_backfill_poll(struct pg_source *s, struct leat_batch *batch, struct leat_err *err)
{
    struct pg_backfill *b = backfill(s);
    if (s->transaction.open || s->pending != PG_PENDING_NONE || b->hold_lsn)
        return b->hold_lsn ? keepalive_ask(s, err) : LEAT_OK;
    if (b->state == PG_BACKFILL_EMIT || pg_backfill_passed(s))
        return emit(s, batch, err);
    if (b->state == PG_BACKFILL_OPEN)
        return keepalive_ask(s, err);
    int64_t now_ms = leat_clock_monotonic_ms();
    struct leat_snapshot_job *job = leat_snapshot_next(s->env->snapshot);
    if (!job && b->conn)
        pg_backfill_end(s);
    if (!job || now_ms < b->retry_ms || !leat_pace_free(&s->snapshot.pace, now_ms))
        return LEAT_OK;
    return chunk_begin(s, batch, job, err);
}
