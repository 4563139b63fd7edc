#include "feed/feed.h"

#include <leat/clock.h>
#include <leat/log.h>

#include "feed/reading.h"
#include "store/readers.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { NO_ROOM_MS = 20, IDLE_MS = 1000 };

struct feed {
    struct feed_reader reader;
    struct leat_readers *named;
    struct feed_stats stats;
    pthread_mutex_t lock; /* of these three */
    struct feed_reading *incoming, **last;
    bool stopping;
    struct feed_reading *readings; /* the thread's */
    int wake_fd;
    pthread_t thread;
    bool started;
};

/* --- the thread ---------------------------------------------------------------------------------- */

/* False: the end. */
static bool incoming_take(struct feed *f)
{
    pthread_mutex_lock(&f->lock);
    struct feed_reading **end = &f->readings;
    while (*end)
        end = &(*end)->next;
    *end = f->incoming;
    f->incoming = NULL;
    f->last = &f->incoming;
    bool go_on = !f->stopping;
    pthread_mutex_unlock(&f->lock);
    return go_on;
}

/* A turn for each. Gives the time until which nothing is to be done but for what wakes us. */
static int64_t round_of_turns(struct feed *f)
{
    int64_t now_ms = leat_clock_monotonic_ms(), until_ms = now_ms + IDLE_MS;
    for (struct feed_reading **link = &f->readings; *link;) {
        struct feed_reading *r = *link;
        enum feed_turn turn = feed_reading_turn(&f->reader, r);
        int64_t deadline_ms = feed_reading_deadline_ms(r);
        if (turn == FEED_TURN_WAIT && leat_clock_monotonic_ms() >= deadline_ms)
            turn = FEED_TURN_DONE;
        if (turn == FEED_TURN_DONE) {
            *link = r->next;
            leat_ingest_wake(r->request); /* the pool's from here on */
            continue;
        }
        int64_t next_ms = turn == FEED_TURN_MORE ? now_ms : r->more ? now_ms + NO_ROOM_MS : deadline_ms;
        until_ms = next_ms < until_ms ? next_ms : until_ms;
        link = &r->next;
    }
    return until_ms;
}

static void *run(void *arg)
{
    struct feed *f = arg;
    while (incoming_take(f)) {
        int64_t wait_ms = round_of_turns(f) - leat_clock_monotonic_ms();
        struct pollfd wake = {.fd = f->wake_fd, .events = POLLIN};
        uint64_t times;
        if (poll(&wake, 1, wait_ms > 0 ? (int)wait_ms : 0) > 0 && read(f->wake_fd, &times, sizeof times) < 0)
            continue;
    }
    while (f->readings) {
        struct feed_reading *r = f->readings;
        f->readings = r->next;
        r->ended = true;
        leat_ingest_wake(r->request);
    }
    return NULL;
}

static void wake(struct feed *f)
{
    uint64_t one = 1;
    ssize_t written = write(f->wake_fd, &one, sizeof one);
    (void)written; /* a full eventfd is readable */
}

/* --- a request ----------------------------------------------------------------------------------- */

static bool wants(const void *ctx, const struct leat_ingest_request *request)
{
    (void)ctx;
    return feed_query_path(request->target);
}

static int refuse(struct leat_ingest_request *request, unsigned status, const char *detail)
{
    leat_ingest_problem(request, status, detail);
    if (status == 405)
        leat_ingest_answer_header(request, "Allow", "GET");
    return LEAT_OK;
}

/* A browser goes on with the last id that it has seen, whatever its URL says. */
static const char *parse(const struct leat_ingest_request *request, struct feed_query *query)
{
    const char *last = leat_ingest_header(request, "Last-Event-ID");
    const char *problem = feed_query_parse(request->target, leat_clock_wall_us(), query);
    if (!problem && last && *last && feed_query_after(query, last))
        problem = "Last-Event-ID: no cursor of ours";
    return problem;
}

static bool named_fits(const struct leat_ingest_scope *scope, const struct leat_named_reader *named)
{
    return scope->admin ||
           (strcmp(scope->tenant, named->tenant) == 0 && strcmp(scope->source, named->source) == 0);
}

/* A reader with a name begins where it has committed, unless a browser goes on by itself. 0, or the
 * answer is filled in. */
static unsigned resume(struct feed *f, struct leat_ingest_request *request, struct feed_query *query)
{
    const char *last = leat_ingest_header(request, "Last-Event-ID");
    struct leat_ingest_scope scope;
    struct leat_named_reader named;
    struct leat_err err;
    if (!query->reader[0] || leat_ingest_authorize_scope(request, LEAT_INGEST_READ, &scope))
        return request->answer.status;
    int status = leat_readers_get(f->named, query->reader, &named, &err);
    if (status < 0) {
        leat_log_err(LEAT_LOG_ERROR, "feed", query->reader, "cannot read a reader's cursor", &err);
        refuse(request, status == LEAT_ERETRY ? 503 : 500,
               "the reader's cursor cannot be read; the log says why");
    } else if (!status && !named_fits(&scope, &named)) {
        refuse(request, 403, "the reader belongs to keys with other limits");
    } else if (!status && !(last && *last)) {
        query->after = FEED_AFTER_CURSOR;
        query->cursor = (struct feed_cursor){leat_store_tag(f->reader.store), named.sequence};
    }
    return request->answer.status;
}

static int begin(void *ctx, struct leat_ingest_request *request)
{
    struct feed *f = ctx;
    struct feed_query query;
    const char *accept = leat_ingest_header(request, "Accept");
    if (strcmp(request->method, "GET") != 0)
        return refuse(request, 405, "the stream is read with GET");
    const char *problem = parse(request, &query);
    if (leat_ingest_authorize(request, LEAT_INGEST_READ, query.tenant, query.source))
        return LEAT_OK;
    if (problem)
        return refuse(request, 400, problem);
    if (resume(f, request, &query))
        return LEAT_OK;
    struct feed_reading *r = calloc(1, sizeof *r);
    if (!r)
        return refuse(request, 503, "no memory; try again");
    r->request = request;
    r->query = query;
    r->event_stream = accept && strstr(accept, "text/event-stream");
    r->asked_ms = leat_clock_monotonic_ms();
    leat_buf_init(&r->out, FEED_EVENT_BYTES_MAX + FEED_PAGE_BYTES);
    request->state = r;
    request->body_max = 0;
    f->stats.readers++;
    return LEAT_AGAIN;
}

static int finish(void *ctx, struct leat_ingest_request *request)
{
    (void)ctx;
    (void)request;
    return LEAT_AGAIN;
}

static void submit(void *ctx, struct leat_ingest_request *request)
{
    struct feed *f = ctx;
    struct feed_reading *r = request->state;
    r->next = NULL;
    pthread_mutex_lock(&f->lock);
    bool late = f->stopping;
    if (!late) {
        *f->last = r;
        f->last = &r->next;
    }
    pthread_mutex_unlock(&f->lock);
    if (late) {
        r->ended = true;
        leat_ingest_wake(request);
    } else {
        wake(f); /* the request may be answered and gone */
    }
}

/* --- its answer ---------------------------------------------------------------------------------- */

static void cursor_header(const struct feed *f, const struct feed_reading *r,
                          struct leat_ingest_request *request)
{
    char cursor[FEED_CURSOR_TEXT];
    if (!r->begun || (r->status && r->status != 500))
        return;
    feed_reading_cursor(f->reader.store, r->position, cursor);
    leat_ingest_answer_header(request, "Leat-Cursor", "%s", cursor);
}

static void answer_stream(const struct feed *f, struct feed_reading *r, struct leat_ingest_request *request)
{
    char cursor[FEED_CURSOR_TEXT];
    feed_reading_cursor(f->reader.store, r->position, cursor);
    request->answer.status = 200;
    request->answer.content_type = "text/event-stream";
    request->answer.streamed = true;
    leat_ingest_answer_header(request, "X-Accel-Buffering", "no");
    if (!r->shown) /* so that there is an id before the first event */
        leat_buf_format(&r->out, "retry: 1000\nid: %s\n\n", cursor);
}

static void answer_page(const struct feed *f, struct feed_reading *r, struct leat_ingest_request *request)
{
    leat_buf_release(&request->answer.body);
    request->answer.body = r->out;
    r->out = (struct leat_buf){.max = r->out.max};
    request->answer.status = 200;
    request->answer.content_type = "application/x-ndjson";
    cursor_header(f, r, request);
    bool stored = leat_store_durable(f->reader.store) > r->position;
    leat_ingest_answer_header(request, "Leat-More", "%s", stored && !r->ended ? "true" : "false");
}

static void answer(void *ctx, struct leat_ingest_request *request)
{
    const struct feed *f = ctx;
    struct feed_reading *r = request->state;
    if (!r->begun && !r->status) {
        refuse(request, 503, "the daemon is ending");
    } else if (r->status) {
        refuse(request, r->status, r->problem);
        cursor_header(f, r, request);
    } else if (r->event_stream) {
        answer_stream(f, r, request);
    } else {
        answer_page(f, r, request);
    }
}

/* Woken with nothing: a sign of life, and the id moves over what did not fit; or why it ends. */
static void heartbeat(const struct feed *f, struct feed_reading *r)
{
    char cursor[FEED_CURSOR_TEXT];
    if (r->problem)
        leat_buf_format(&r->out, "event: error\ndata: %s\n\n", r->problem);
    if (r->ended)
        return;
    feed_reading_cursor(f->reader.store, r->position, cursor);
    leat_buf_format(&r->out, ":\nid: %s\n\n", cursor);
}

static ssize_t later(struct feed *f, struct feed_reading *r)
{
    leat_buf_reset(&r->out);
    leat_buf_shrink(&r->out, 0);
    feed_reading_hold(&f->stats, r, 0);
    r->sent = 0;
    r->shown = 0;
    r->asked_ms = leat_clock_monotonic_ms();
    return LEAT_INGEST_LATER;
}

static ssize_t more(void *ctx, struct leat_ingest_request *request, void *to, size_t max)
{
    struct feed *f = ctx;
    struct feed_reading *r = request->state;
    if (!r->sent && !r->out.len)
        heartbeat(f, r);
    if (r->sent == r->out.len)
        return r->ended ? 0 : later(f, r);
    size_t n = r->out.len - r->sent < max ? r->out.len - r->sent : max;
    memcpy(to, r->out.data + r->sent, n);
    r->sent += n;
    return (ssize_t)n;
}

static void release(void *ctx, struct leat_ingest_request *request)
{
    struct feed *f = ctx;
    struct feed_reading *r = request->state;
    if (!r)
        return;
    feed_reading_hold(&f->stats, r, 0);
    leat_buf_release(&r->out);
    free(r);
    request->state = NULL;
    f->stats.readers--;
}

static const struct leat_ingest_path PATHS[] = {
    {"GET", "/v1/events"},
    {NULL, NULL},
};

const struct leat_ingest_ops feed_ops = {.wants = wants,
                                         .paths = PATHS,
                                         .begin = begin,
                                         .finish = finish,
                                         .submit = submit,
                                         .answer = answer,
                                         .more = more,
                                         .release = release};

/* --- life ---------------------------------------------------------------------------------------- */

int feed_new(struct leat_store *store, struct feed **ret_feed, struct leat_err *err)
{
    struct feed *f = calloc(1, sizeof *f);
    if (!f)
        return leat_fail(err, LEAT_ERETRY, "out of memory for the feed");
    pthread_mutex_init(&f->lock, NULL);
    f->last = &f->incoming;
    f->reader.store = store;
    f->reader.stats = &f->stats;
    f->reader.lost = true;
    leat_buf_init(&f->reader.line, FEED_EVENT_BYTES_MAX);
    f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int status = f->wake_fd < 0 ? leat_fail_errno(err, LEAT_ERETRY, errno, "cannot make an eventfd")
                                : leat_stream_open(leat_store_path(store), store, &f->reader.stream, err);
    if (!status)
        status = leat_readers_open(leat_store_path(store), store, &f->named, err);
    if (status) {
        feed_free(f);
        return status;
    }
    *ret_feed = f;
    return LEAT_OK;
}

int feed_start(struct feed *f, struct leat_err *err)
{
    int errnum = pthread_create(&f->thread, NULL, run, f);
    if (errnum)
        return leat_fail_errno(err, LEAT_ERETRY, errnum, "cannot start the feed's thread");
    f->started = true;
    return LEAT_OK;
}

void feed_stop(struct feed *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    pthread_mutex_unlock(&f->lock);
    wake(f);
    if (f->started)
        pthread_join(f->thread, NULL);
    f->started = false;
}

void feed_free(struct feed *f)
{
    if (!f)
        return;
    leat_stream_close(f->reader.stream);
    leat_readers_close(f->named);
    leat_buf_release(&f->reader.line);
    if (f->wake_fd >= 0)
        close(f->wake_fd);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

int feed_wake_fd(const struct feed *f)
{
    return f->wake_fd;
}

const struct feed_stats *feed_stats(const struct feed *f)
{
    return &f->stats;
}

/* clang-format off */
#define AT(member) .offset = offsetof(struct feed_stats, member)
const struct leat_metric_desc feed_metrics[] = {
    {.name = "leat_feed_events_total", .type = LEAT_METRIC_COUNTER, AT(events),
     .help = "Events given to readers over HTTP."},
    {.name = "leat_feed_bytes_total", .type = LEAT_METRIC_COUNTER, AT(bytes),
     .help = "Their text in bytes."},
    {.name = "leat_feed_readers", .type = LEAT_METRIC_GAUGE, AT(readers),
     .help = "Requests for events that are not answered yet, event streams among them."},
    {.name = "leat_feed_held_bytes", .type = LEAT_METRIC_GAUGE, AT(held_bytes),
     .help = "Text that readers have not taken yet."},
    {.name = NULL},
};
/* clang-format on */
