#include "daemon/copies.h"

#include <leat/clock.h>
#include <leat/log.h>
#include <leat/reader.h>

#include "codec/json_writer.h"

#include <stdio.h>

/* --- a request as bytes: verb u8, counted table, where, from, to ---------------------------------
 */

void copies_write(const struct leat_snapshot_request *r, struct leat_buf *buf)
{
    leat_buf_append(buf, leat_slice_of(&r->verb, 1));
    leat_buf_append_counted(buf, leat_slice_text(r->table));
    leat_buf_append_counted(buf, leat_slice_text(r->where));
    leat_buf_append_counted(buf, leat_slice_text(r->from));
    leat_buf_append_counted(buf, leat_slice_text(r->to));
}

static void text_read(struct leat_reader *r, char *ret_text)
{
    struct leat_slice s = leat_reader_counted(r);
    r->bad |= s.len >= LEAT_SNAPSHOT_TEXT_MAX;
    snprintf(ret_text, LEAT_SNAPSHOT_TEXT_MAX, "%.*s", r->bad ? 0 : (int)s.len,
             (const char *)s.ptr);
}

bool copies_read(struct leat_slice body, struct leat_snapshot_request *ret_request)
{
    struct leat_reader r = leat_reader_of(body);
    ret_request->verb = leat_reader_u8(&r);
    text_read(&r, ret_request->table);
    text_read(&r, ret_request->where);
    text_read(&r, ret_request->from);
    text_read(&r, ret_request->to);
    return leat_reader_done(&r) && ret_request->verb >= LEAT_SNAPSHOT_COPY &&
           ret_request->verb <= LEAT_SNAPSHOT_CANCEL;
}

/* --- serving -------------------------------------------------------------------------------------
 */

struct serving {
    struct engine *engine;
    uint64_t done[64]; /* to be taken out; the others at the next look */
    size_t done_count;
};

static struct leat_snapshot *snapshot_of(const struct engine *e, struct leat_slice source)
{
    for (size_t i = 0; i < e->runner_count; i++)
        if (leat_slice_equal(leat_slice_text(leat_source_runner_instance(e->runners[i])), source))
            return leat_source_runner_snapshot(e->runners[i]);
    return NULL;
}

static int serve_one(void *arg, uint64_t number, struct leat_slice source, struct leat_slice body,
                     struct leat_err *err)
{
    struct serving *s = arg;
    struct leat_snapshot_request request = {.id = number};
    struct leat_snapshot *snapshot = snapshot_of(s->engine, source);
    bool known = snapshot && copies_read(body, &request);
    if (!known)
        LEAT_WARN(
            "daemon", NULL, "a request for a copy is passed over", LEAT_F_SLICE("source", source),
            LEAT_F_TEXT("reason", snapshot ? "it is unreadable" : "no such source copies tables"));
    if (known && !leat_snapshot_answered(snapshot, number))
        return leat_snapshot_ask(snapshot, &request, err);
    if (s->done_count < sizeof s->done / sizeof *s->done)
        s->done[s->done_count++] = number;
    return LEAT_OK;
}

void copies_serve(struct engine *e, struct leat_requests *requests)
{
    struct serving s = {.engine = e};
    struct leat_err err;
    int status = leat_requests_each(requests, serve_one, &s, &err);
    for (size_t i = 0; !status && i < s.done_count; i++)
        status = leat_requests_remove(requests, s.done[i], &err);
    if (status)
        leat_log_err(LEAT_LOG_WARN, "daemon", NULL, "requests for copies are not served", &err);
}

/* --- the page ------------------------------------------------------------------------------------
 */

struct page {
    struct leat_json json;
    const char *source;
};

static void put_time(struct leat_json *j, int64_t wall_us)
{
    char text[LEAT_CLOCK_TEXT];
    if (wall_us <= 0) {
        leat_json_null(j);
        return;
    }
    leat_clock_format(wall_us, text);
    leat_json_text(j, text);
}

static void put_text(struct leat_json *j, const char *text)
{
    if (text && *text)
        (void)leat_json_string(j, leat_slice_text(text));
    else
        leat_json_null(j);
}

/* Rows a second since it began, and how long the rest takes by that; -1: nobody knows. */
static void put_rate(struct leat_json *j, const struct leat_snapshot_job *job)
{
    int64_t until_us = job->ended_us ? job->ended_us : leat_clock_wall_us();
    int64_t took_us = job->started_us ? until_us - job->started_us : 0;
    int64_t rate = took_us > 0 ? job->rows * 1000000 / took_us : 0;
    int64_t left = job->rows_estimate - job->rows;
    LEAT_JSON_NAME(j, "rows_per_second");
    leat_json_int(j, rate);
    LEAT_JSON_NAME(j, "seconds_left");
    if (job->state == LEAT_SNAPSHOT_RUNNING && rate > 0 && left > 0)
        leat_json_int(j, left / rate);
    else
        leat_json_null(j);
}

static void put_job(void *arg, const struct leat_snapshot_job *job)
{
    static const char *const KINDS[] = {"?", "initial", "added", "asked", "owed"};
    struct page *p = arg;
    struct leat_json *j = &p->json;
    if (job->state == LEAT_SNAPSHOT_KNOWN || job->state == LEAT_SNAPSHOT_EXCLUDED)
        return;
    leat_json_object(j);
    LEAT_JSON_NAME(j, "source");
    leat_json_text(j, p->source);
    LEAT_JSON_NAME(j, "id");
    leat_json_uint(j, job->id);
    LEAT_JSON_NAME(j, "kind");
    leat_json_text(j, KINDS[job->kind <= LEAT_SNAPSHOT_OWED ? job->kind : 0]);
    LEAT_JSON_NAME(j, "schema");
    put_text(j, job->schema);
    LEAT_JSON_NAME(j, "table");
    put_text(j, job->name);
    LEAT_JSON_NAME(j, "state");
    leat_json_text(j, leat_snapshot_state_name(job->state));
    LEAT_JSON_NAME(j, "rows");
    leat_json_int(j, job->rows);
    LEAT_JSON_NAME(j, "bytes");
    leat_json_int(j, job->bytes);
    LEAT_JSON_NAME(j, "rows_estimate");
    if (job->rows_estimate >= 0 && !job->where && !job->from && !job->to)
        leat_json_int(j, job->rows_estimate);
    else
        leat_json_null(j);
    put_rate(j, job);
    LEAT_JSON_NAME(j, "started");
    put_time(j, job->started_us);
    LEAT_JSON_NAME(j, "ended");
    put_time(j, job->ended_us);
    LEAT_JSON_NAME(j, "reason");
    put_text(j, job->reason);
    leat_json_object_end(j);
}

void copies_page(const struct engine *e, struct leat_buf *buf)
{
    struct page p = {.json = leat_json_at(buf)};
    leat_json_object(&p.json);
    LEAT_JSON_NAME(&p.json, "jobs");
    leat_json_array(&p.json);
    for (size_t i = 0; i < e->runner_count; i++) {
        struct leat_snapshot *snapshot = leat_source_runner_snapshot(e->runners[i]);
        p.source = leat_source_runner_instance(e->runners[i]);
        if (snapshot)
            leat_snapshot_each(snapshot, put_job, &p);
    }
    leat_json_array_end(&p.json);
    leat_json_object_end(&p.json);
}
