/*
 * The initial copy: all rows as they were where the slot begins. Workers read ranges of pages in
 * transactions that share the snapshot which making the slot exported; everything that is not in it
 * comes by the stream, which begins there. No row is in both, and none in neither.
 *
 * All connections are polled by the source's one thread: rows go into its batch, and nothing is
 * shared.
 *
 * 1. What a statement rewrites (ALTER TYPE, TRUNCATE, CLUSTER) is not in the snapshot any more,
 * though nobody says so. So a table is locked before it is read, and left to the backfill if its
 * file is another one than before the slot was made.
 * 2. A row is held back until the next one is there, because the last one is marked.
 * 3. A range's place moves when a row was added, not when it came.
 */
#include "sources/postgres/postgres.h"

#include <leat/clock.h>
#include <leat/failpoint.h>
#include <leat/log.h>

#include "sources/postgres/copy_row.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

enum { RANGE_PAGES = 2048, SQL_MAX = 4 << 20, HEADER_BYTES = 19 };

static int64_t patience(const struct pg_source *s)
{
    return s->settings.connect_timeout_ms;
}

/* --- begin and end ------------------------------------------------------------------------------
 */

static int worker_open(struct pg_source *s, struct pg_worker *w, const char *snapshot,
                       struct leat_err *err)
{
    char sql[160];
    *w = (struct pg_worker){.conn = NULL};
    int status = pg_snapshot_connect(s, 0, &w->conn, err);
    if (status)
        return status;
    snprintf(sql, sizeof sql,
             "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '%s'",
             snapshot);
    return pg_execute(w->conn, sql, patience(s), "import the slot's snapshot", err);
}

int pg_load_begin(struct pg_source *s, const char *snapshot, struct leat_err *err)
{
    struct pg_load *l = &s->snapshot.load;
    unsigned count = l->only ? 1 : (unsigned)s->settings.snapshot_workers;
    int status = LEAT_OK;
    l->active = true;
    l->started_ms = leat_clock_monotonic_ms();
    l->next_job = 0;
    l->pending = NULL;
    for (l->worker_count = 0; !status && l->worker_count < count; l->worker_count++)
        status = worker_open(s, &l->workers[l->worker_count], snapshot, err);
    if (!status)
        LEAT_INFO("source", s->instance, "snapshot begins", LEAT_F_INT("workers", count),
                  LEAT_F_TEXT("snapshot", snapshot));
    return status;
}

void pg_load_end(struct pg_source *s)
{
    struct pg_load *l = &s->snapshot.load;
    for (unsigned i = 0; i < l->worker_count; i++) {
        PQfreemem(l->workers[i].held);
        PQfreemem(l->workers[i].waiting);
        PQfinish(l->workers[i].conn);
    }
    for (unsigned i = 0; i < PG_WORKERS_MAX; i++) {
        pg_copy_free(l->copies[i]);
        l->copies[i] = NULL;
    }
    PQclear(l->tables);
    l->tables = NULL;
    l->worker_count = 0;
    l->active = false;
    l->only = NULL;
}

/* --- tables -------------------------------------------------------------------------------------
 */

static int refuse(struct pg_source *s, struct leat_snapshot_job *job, struct leat_err *err)
{
    leat_err_context(err, "table %s.%s cannot be copied", job->schema, job->name);
    if (strcmp(err->state, "42501") == 0)
        leat_err_hint(err,
                      "GRANT SELECT ON \"%s\".\"%s\" TO \"%s\"; (row security: ALTER ROLE \"%s\" "
                      "BYPASSRLS;), "
                      "or leave the table out with exclude_tables, or set snapshot: never",
                      job->schema, job->name, s->settings.user, s->settings.user);
    return err->code;
}

/* Locks the table and asks for its file and size: nobody rewrites it from here on. LEAT_EOF: it
 * must be left, because somebody holds it or has rewritten it. */
static int copy_lock(struct pg_source *s, struct pg_worker *w, struct pg_copy *c,
                     struct leat_err *err)
{
    struct leat_buf sql;
    PGresult *result;
    leat_buf_init(&sql, SQL_MAX);
    leat_buf_format(&sql, "LOCK TABLE %s IN ACCESS SHARE MODE", c->source);
    int status =
        pg_execute(w->conn, leat_buf_text(&sql), s->settings.snapshot_lock_timeout_ms + patience(s),
                   "lock the table", err);
    bool held_by_others = status && strcmp(err->state, "55P03") == 0;
    leat_buf_reset(&sql);
    leat_buf_format(&sql,
                    "SELECT pg_catalog.pg_relation_filenode(%" PRIu64
                    "), pg_catalog.pg_relation_size(%" PRIu64
                    ") / current_setting('block_size')::bigint",
                    c->job->table, c->job->table);
    if (!status)
        status = pg_query(w->conn, leat_buf_text(&sql), patience(s), "look at the table's file",
                          &result, err);
    leat_buf_release(&sql);
    if (held_by_others)
        status = pg_execute(w->conn, "ROLLBACK TO t", patience(s), "give way", err);
    if (held_by_others || status)
        return status ? status : LEAT_EOF;
    c->progress = (struct pg_progress){.form = PG_PROGRESS_PLACES,
                                       .file = (uint32_t)pg_int(result, 0, 0),
                                       .end = (uint32_t)pg_int(result, 0, 1)};
    PQclear(result);
    bool rewritten =
        !s->snapshot.load.only && c->progress.file != pg_snapshot_file(s, c->job->table);
    return rewritten ? LEAT_EOF : LEAT_OK;
}

static int copy_begin(struct pg_source *s, struct pg_worker *w, struct leat_batch *batch,
                      struct leat_snapshot_job *job, struct pg_copy **ret_copy,
                      struct leat_err *err)
{
    struct pg_copy *c;
    int status = pg_copy_open(s, w->conn, job, &c, err);
    if (status == LEAT_EOF) {
        status = leat_snapshot_turn(s->env->snapshot, batch, job, LEAT_SNAPSHOT_CANCELLED,
                                    "the table is not there or not published any more", err);
        *ret_copy = NULL;
        return status;
    }
    if (status)
        return refuse(s, job, err);
    status = copy_lock(s, w, c, err);
    if (status == LEAT_EOF) {
        LEAT_WARN("source", s->instance, "table is copied later",
                  LEAT_F_TEXT("schema", job->schema), LEAT_F_TEXT("table", job->name),
                  LEAT_F_TEXT("reason", "it is locked or was rewritten"));
        pg_copy_free(c);
        *ret_copy = NULL;
        return LEAT_OK;
    }
    if (!status)
        status = pg_copy_keep(s, c, err);
    if (!status)
        status = leat_snapshot_turn(s->env->snapshot, batch, job, LEAT_SNAPSHOT_RUNNING, NULL, err);
    if (status) {
        pg_copy_free(c);
        return refuse(s, job, err);
    }
    *ret_copy = c;
    return LEAT_OK;
}

static bool stopping(const struct pg_source *s)
{
    const struct pg_load *l = &s->snapshot.load;
    return !l->only && leat_clock_monotonic_ms() - l->started_ms > s->settings.snapshot_age_max_ms;
}

static struct leat_snapshot_job *job_next(struct pg_source *s)
{
    struct pg_load *l = &s->snapshot.load;
    struct leat_snapshot_job *job;
    if (l->only)
        return l->next_job++ ? NULL : l->only;
    while ((job = leat_snapshot_at(s->env->snapshot, l->next_job)) != NULL) {
        l->next_job++;
        if (job->id == 0 && job->state == LEAT_SNAPSHOT_WAITING)
            return job;
    }
    return NULL;
}

static bool jobs_left(struct pg_source *s)
{
    struct leat_snapshot_job *job;
    for (size_t i = s->snapshot.load.next_job;
         !s->snapshot.load.only && (job = leat_snapshot_at(s->env->snapshot, i)) != NULL; i++)
        if (job->id == 0 && job->state == LEAT_SNAPSHOT_WAITING)
            return true;
    return false;
}

/* A table with pages that nobody began: one of those in work, else the next job's. NULL: there is
 * none. */
static int copy_find(struct pg_source *s, struct pg_worker *w, struct leat_batch *batch,
                     struct pg_copy **ret_copy, struct leat_err *err)
{
    struct pg_load *l = &s->snapshot.load;
    struct pg_copy **room = NULL;
    struct leat_snapshot_job *job;
    *ret_copy = NULL;
    for (unsigned i = 0; i < PG_WORKERS_MAX; i++) {
        struct pg_copy *c = l->copies[i];
        if (!c)
            room = &l->copies[i];
        else if (c->progress.next < c->progress.end && c->job->state == LEAT_SNAPSHOT_RUNNING)
            *ret_copy = c;
    }
    while (!*ret_copy && room && !stopping(s) && (job = job_next(s)) != NULL) {
        int status = copy_begin(s, w, batch, job, room, err);
        if (status)
            return status;
        *ret_copy = *room;
    }
    return LEAT_OK;
}

/* --- ranges -------------------------------------------------------------------------------------
 */

/* What is begun of a table, as its workers have it. */
void pg_load_gather(struct pg_source *s, struct pg_copy *c)
{
    struct pg_load *l = &s->snapshot.load;
    c->progress.range_count = 0;
    for (unsigned i = 0; i < l->worker_count; i++) {
        const struct pg_worker *w = &l->workers[i];
        if (w->copy == c && w->has_crossed)
            c->progress.ranges[c->progress.range_count++] = w->crossed;
        if (w->copy == c && (w->copying || w->starting))
            c->progress.ranges[c->progress.range_count++] = w->range;
    }
}

static int range_begin(struct pg_source *s, struct pg_worker *w, struct pg_copy *c,
                       struct leat_err *err)
{
    struct leat_buf sql;
    uint32_t pages = s->server.version >= 140000 ? RANGE_PAGES : UINT32_MAX;
    w->copy = c;
    if (!pg_progress_take(&c->progress, pages, &w->range))
        return LEAT_EOF;
    leat_buf_init(&sql, SQL_MAX);
    pg_copy_places(c, &w->range, &sql);
    bool sent = !sql.full && PQsendQuery(w->conn, leat_buf_text(&sql));
    leat_buf_release(&sql);
    w->starting = true;
    w->first = true;
    LEAT_FAILPOINT("snapshot_range");
    return sent ? LEAT_OK : pg_fail(w->conn, NULL, "begin to copy a table", err);
}

static bool others_read(const struct pg_load *l, const struct pg_worker *w)
{
    for (unsigned i = 0; i < l->worker_count; i++)
        if (&l->workers[i] != w && l->workers[i].copy == w->copy)
            return true;
    return false;
}

static bool other_copies(const struct pg_load *l, const struct pg_copy *c)
{
    for (unsigned i = 0; i < PG_WORKERS_MAX; i++)
        if (l->copies[i] && l->copies[i] != c)
            return true;
    return false;
}

static const char *mark_of(struct pg_source *s, const struct pg_worker *w, bool last_row)
{
    struct pg_load *l = &s->snapshot.load;
    if (l->only || w->copy->job->kind != LEAT_SNAPSHOT_INITIAL)
        return "incremental";
    struct leat_snapshot_place place = {
        .first_table = !l->first_done,
        .last_table = last_row && !other_copies(l, w->copy) && !jobs_left(s),
        .first_row = !w->copy->first_done,
        .last_row = last_row,
    };
    return leat_snapshot_mark(place);
}

/* Adds the held row. LEAT_AGAIN: it stays held, decoded as it is. */
static int held_add(struct pg_source *s, struct pg_worker *w, bool last, struct leat_batch *batch,
                    struct leat_err *err)
{
    struct pg_load *l = &s->snapshot.load;
    int status = LEAT_OK;
    if (l->pending != w) {
        status =
            pg_rows_cut(s, w->copy, (uint8_t *)w->held, (size_t)w->held_len, w->held_first, err);
        if (!status)
            status = pg_rows_decode(s, w->copy, err);
        l->pending_mark = mark_of(s, w, last);
    }
    if (!status)
        status = pg_rows_add(s, batch, w->copy, l->pending_mark, (size_t)w->held_len, err);
    l->pending = status == LEAT_AGAIN ? w : NULL;
    if (status)
        return status;
    if (w->has_crossed)
        w->has_crossed = false;
    else if (!pg_copy_tid(&s->snapshot.fields[0], &w->range.block, &w->range.offset))
        return leat_fail(err, LEAT_EPROTO,
                         "the server sent a row of table \"%s\" without its place",
                         w->copy->job->name);
    l->first_done = true;
    PQfreemem(w->held);
    w->held = NULL;
    return LEAT_OK;
}

/* The worker leaves its table; the last one closes it. */
static int copy_leave(struct pg_source *s, struct pg_worker *w, struct leat_batch *batch,
                      struct leat_err *err)
{
    struct pg_load *l = &s->snapshot.load;
    struct pg_copy *c = w->copy;
    bool over = !others_read(l, w);
    if (w->held) {
        int status = held_add(s, w, over && c->progress.next >= c->progress.end, batch, err);
        if (status)
            return status;
    }
    w->copy = NULL;
    pg_load_gather(s, c);
    if (!over)
        return LEAT_OK;
    int status = pg_rows_end(s, batch, err);
    if (!status)
        status = pg_copy_keep(s, c, err);
    bool whole = c->progress.next >= c->progress.end;
    if (!status && whole)
        status = leat_snapshot_turn(s->env->snapshot, batch, c->job, LEAT_SNAPSHOT_DONE, NULL, err);
    else if (!status)
        status = leat_snapshot_save(s->env->snapshot, batch, c->job, err);
    if (!status && whole)
        LEAT_INFO("source", s->instance, "table copied", LEAT_F_TEXT("schema", c->job->schema),
                  LEAT_F_TEXT("table", c->job->name), LEAT_F_INT("rows", c->job->rows));
    for (unsigned i = 0; i < PG_WORKERS_MAX; i++)
        if (l->copies[i] == c)
            l->copies[i] = NULL;
    pg_copy_free(c);
    return status;
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static bool is_trailer(const struct pg_worker *w, const char *row, int len)
{
    int bare = w->first ? HEADER_BYTES + 2 : 2;
    return w->copy->binary && len == bare && (uint8_t)row[len - 1] == 0xff &&
           (uint8_t)row[len - 2] == 0xff;
}

/* All rows of the range came. */
static int range_over(struct pg_worker *w, struct leat_err *err)
{
    PGresult *result;
    int status = LEAT_OK;
    while ((result = PQgetResult(w->conn)) != NULL) { /* CopyDone is followed by it at once */
        if (!status && PQresultStatus(result) != PGRES_COMMAND_OK)
            status = pg_fail(w->conn, result, "copy a table", err);
        PQclear(result);
    }
    w->copying = false;
    if (w->held && !w->has_crossed) {
        w->crossed = w->range;
        w->has_crossed = true;
    }
    return status;
}

static int copying_begin(struct pg_worker *w, struct leat_err *err)
{
    PGresult *result = PQgetResult(w->conn);
    int status = LEAT_OK;
    if (PQresultStatus(result) != PGRES_COPY_OUT)
        status = pg_fail(w->conn, result, "copy a table", err);
    PQclear(result);
    w->starting = false;
    w->copying = !status;
    return status;
}

/* The next row of the range, which is held back. LEAT_AGAIN: it waits, because the one before it
 * does. */
static int row_take(struct pg_source *s, struct pg_worker *w, char *row, int len,
                    struct leat_batch *batch, struct leat_err *err)
{
    if (is_trailer(w, row, len)) {
        PQfreemem(row);
        return LEAT_OK;
    }
    int status = LEAT_OK;
    if (len > s->settings.row_bytes_max)
        status =
            leat_fail(err, LEAT_ELIMIT, "a row of %d bytes in table \"%s\" is longer than row_max",
                      len, w->copy->job->name);
    if (!status && w->held)
        status = held_add(s, w, false, batch, err);
    if (status == LEAT_AGAIN) {
        w->waiting = row;
        w->waiting_len = len;
    } else if (status) {
        PQfreemem(row);
    } else {
        w->held = row;
        w->held_len = len;
        w->held_first = w->first;
        w->first = false;
    }
    return status;
}

/* As PQgetCopyData(); more is received only when all of it was taken, so that libpq's buffer stays
 * small. */
static int row_next(struct pg_worker *w, char **ret_row)
{
    int len = PQgetCopyData(w->conn, ret_row, 1);
    if (len == 0 && !PQconsumeInput(w->conn))
        return -2;
    return len ? len : PQgetCopyData(w->conn, ret_row, 1);
}

/* Reads what is there. LEAT_EOF: no more is; LEAT_AGAIN: the batch is full; LEAT_OK: the range is
 * over. */
static int worker_read(struct pg_source *s, struct pg_worker *w, struct leat_batch *batch,
                       struct leat_err *err)
{
    if (w->starting && !PQconsumeInput(w->conn))
        return pg_fail(w->conn, NULL, "copy a table", err);
    if (w->starting && PQisBusy(w->conn))
        return LEAT_EOF;
    int status = w->starting ? copying_begin(w, err) : LEAT_OK;
    if (status)
        return refuse(s, w->copy->job, err);
    while (!leat_batch_full(batch)) {
        char *row = w->waiting;
        int len = row ? w->waiting_len : row_next(w, &row);
        w->waiting = NULL;
        if (len == 0)
            return LEAT_EOF;
        if (len == -2)
            return pg_fail(w->conn, NULL, "copy a table", err);
        if (len == -1)
            return range_over(w, err);
        status = row_take(s, w, row, len, batch, err);
        if (status)
            return status;
    }
    return LEAT_AGAIN;
}

/* --- the round ----------------------------------------------------------------------------------
 */

/* Gives back the locks of the table before: a transaction that read thousands would fill the
 * server's table of locks. */
static int locks_release(struct pg_source *s, struct pg_worker *w, struct leat_err *err)
{
    const char *sql = w->marked ? "ROLLBACK TO t" : "SAVEPOINT t";
    w->marked = true;
    return pg_execute(w->conn, sql, patience(s), "give a table's locks back", err);
}

/* What an idle worker does next. LEAT_EOF: there is nothing for it. */
static int worker_assign(struct pg_source *s, struct pg_worker *w, struct leat_batch *batch,
                         struct leat_err *err)
{
    struct pg_copy *c = w->copy;
    bool goes_on = c && c->progress.next < c->progress.end &&
                   c->job->state == LEAT_SNAPSHOT_RUNNING && !stopping(s);
    if (!goes_on) {
        bool first = c || !w->marked;
        int status = c ? copy_leave(s, w, batch, err) : LEAT_OK;
        if (!status && first)
            status = locks_release(s, w, err);
        if (!status)
            status = copy_find(s, w, batch, &c, err);
        if (status)
            return status;
    }
    if (!c)
        return LEAT_EOF;
    int status = range_begin(s, w, c, err);
    return status == LEAT_EOF ? LEAT_OK : status; /* an empty table: it is left at the next look */
}

static int worker_step(struct pg_source *s, struct pg_worker *w, struct leat_batch *batch,
                       struct leat_err *err)
{
    return w->starting || w->copying ? worker_read(s, w, batch, err)
                                     : worker_assign(s, w, batch, err);
}

/* Every worker once; one whose row found no room comes first. */
static int round_step(struct pg_source *s, struct leat_batch *batch, bool *ret_busy,
                      struct leat_err *err)
{
    struct pg_load *l = &s->snapshot.load;
    *ret_busy = false;
    for (unsigned i = 0; i <= l->worker_count; i++) {
        struct pg_worker *w = i ? &l->workers[i - 1] : l->pending;
        int status = w ? worker_step(s, w, batch, err) : LEAT_EOF;
        if (status < 0 || status == LEAT_AGAIN)
            return status;
        *ret_busy |= status == LEAT_OK;
    }
    return LEAT_OK;
}

static bool working(const struct pg_load *l)
{
    for (unsigned i = 0; i < l->worker_count; i++)
        if (l->workers[i].copy)
            return true;
    return false;
}

/* Until rows are there, somebody calls, or it is time. False: it is time to return. */
static bool rows_wait(struct pg_source *s, int64_t until_ms)
{
    struct pg_load *l = &s->snapshot.load;
    struct pollfd fds[PG_WORKERS_MAX + 1] = {{.fd = s->env->wake_fd, .events = POLLIN}};
    for (unsigned i = 0; i < l->worker_count; i++)
        fds[i + 1] = (struct pollfd){.fd = PQsocket(l->workers[i].conn), .events = POLLIN};
    int64_t left_ms = until_ms - leat_clock_monotonic_ms();
    return left_ms > 0 && poll(fds, l->worker_count + 1, (int)left_ms) > 0 &&
           !(fds[0].revents & POLLIN);
}

static int rounds(struct pg_source *s, int64_t until_ms, struct leat_batch *batch,
                  struct leat_err *err)
{
    struct pg_load *l = &s->snapshot.load;
    for (;;) {
        bool busy;
        int status = round_step(s, batch, &busy, err);
        if (status)
            return status;
        if (!busy && !working(l))
            return LEAT_EOF;
        bool added = s->snapshot.piece.copy != NULL;
        if (!busy && (added || !rows_wait(s, until_ms)))
            return LEAT_OK;
    }
}

static void wait_for_pace(struct pg_source *s, int64_t until_ms)
{
    struct pollfd fd = {.fd = s->env->wake_fd, .events = POLLIN};
    int64_t free_ms = s->snapshot.pace.free_at_ms;
    int64_t left_ms = (free_ms < until_ms ? free_ms : until_ms) - leat_clock_monotonic_ms();
    poll(&fd, 1, left_ms > 0 ? (int)left_ms : 0);
}

int pg_load_poll(struct pg_source *s, int64_t until_ms, struct leat_batch *batch,
                 struct leat_err *err)
{
    struct pg_load *l = &s->snapshot.load;
    struct leat_pace *pace = &s->snapshot.pace;
    int64_t events = s->env->stats->events, bytes = s->snapshot.read_bytes;
    if (!leat_pace_free(pace, leat_clock_monotonic_ms())) {
        wait_for_pace(s, until_ms);
        return LEAT_OK;
    }
    int status = rounds(s, until_ms, batch, err);
    if (status < 0)
        return status;
    int ended = pg_rows_end(s, batch, err);
    leat_pace_spend(pace, s->env->stats->events - events, s->snapshot.read_bytes - bytes,
                    leat_clock_monotonic_ms());
    if (ended)
        return ended;
    if (status == LEAT_EOF) {
        LEAT_INFO("source", s->instance,
                  stopping(s) ? "snapshot is too old, the rest comes in chunks" : "snapshot done",
                  LEAT_F_INT("ms", leat_clock_monotonic_ms() - l->started_ms));
        pg_load_end(s);
        return LEAT_OK;
    }
    return status;
}
