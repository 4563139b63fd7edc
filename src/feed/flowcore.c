#include "feed/flowcore.h"

#include <leat/clock.h>

#include "feed/flowcore_page.h"

#include <stdlib.h>

struct flowcore {
    struct flowcore_shelf shelf;
    struct flowcore_stats stats;
    struct feed_inbox inbox;
    struct flowcore_page *pages; /* the thread's, that are not done */
    pthread_t thread;
    bool started;
};

/* --- the thread ----------------------------------------------------------------------------------
 */

static struct flowcore_page *next_of(const struct flowcore_page *p)
{
    return (struct flowcore_page *)p->item.next;
}

static void pages_add(struct flowcore *f, struct feed_item *items)
{
    struct flowcore_page **end = &f->pages;
    while (*end)
        end = (struct flowcore_page **)&(*end)->item.next;
    *end = (struct flowcore_page *)items;
}

static void round_of_turns(struct flowcore *f)
{
    struct flowcore_page *still = NULL, **last = &still;
    for (struct flowcore_page *p = f->pages, *next; p; p = next) {
        next = next_of(p);
        if (flowcore_page_turn(&f->shelf, p)) {
            leat_ingest_wake(p->request); /* the pool's from here on */
            continue;
        }
        p->item.next = NULL;
        *last = p;
        last = (struct flowcore_page **)&p->item.next;
    }
    f->pages = still;
}

static void *run(void *arg)
{
    struct flowcore *f = arg;
    for (;;) {
        struct feed_item *items = feed_inbox_take(&f->inbox, f->pages == NULL);
        pages_add(f, items);
        if (feed_inbox_stopped(&f->inbox))
            break;
        round_of_turns(f);
    }
    pages_add(f, feed_inbox_take(&f->inbox, false)); /* put after the last look */
    while (f->pages) {
        struct flowcore_page *p = f->pages;
        f->pages = next_of(p);
        leat_ingest_wake(p->request);
    }
    return NULL;
}

/* --- a request -----------------------------------------------------------------------------------
 */

static bool wants(const void *ctx, const struct leat_ingest_request *request)
{
    (void)ctx;
    return flowcore_query_kind(request->target) != FLOWCORE_NONE;
}

static int refuse(struct leat_ingest_request *request, unsigned status, const char *detail)
{
    leat_ingest_problem(request, status, detail);
    if (status == 405)
        leat_ingest_answer_header(request, "Allow", "GET");
    return LEAT_OK;
}

static bool busy(const struct flowcore *f)
{
    return f->stats.requests >= FLOWCORE_REQUESTS_MAX || f->stats.held_bytes >= FLOWCORE_HELD_BYTES;
}

static int begin(void *ctx, struct leat_ingest_request *request)
{
    struct flowcore *f = ctx;
    struct leat_ingest_scope scope;
    if (strcmp(request->method, "GET") != 0)
        return refuse(request, 405, "this path is read with GET");
    if (leat_ingest_authorize_scope(request, LEAT_INGEST_READ, &scope))
        return LEAT_OK;
    struct flowcore_page *p = busy(f) ? NULL : calloc(1, sizeof *p);
    if (!p)
        return refuse(request, 503, "too much is asked for at once; try again");
    request->state = p;
    f->stats.requests++;
    const char *problem = flowcore_query_parse(request->target, &p->query);
    if (problem)
        return refuse(request, 400, problem);
    p->request = request;
    p->scope = scope;
    p->asked_ms = leat_clock_monotonic_ms();
    leat_buf_init(&p->out, FLOWCORE_EVENT_BYTES_MAX + FLOWCORE_PAGE_BYTES);
    request->body_max = 0;
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
    struct flowcore *f = ctx;
    struct flowcore_page *p = request->state;
    if (!feed_inbox_put(&f->inbox, &p->item))
        leat_ingest_wake(request);
}

static void answer(void *ctx, struct leat_ingest_request *request)
{
    struct flowcore *f = ctx;
    struct flowcore_page *p = request->state;
    if (!p->status) {
        refuse(request, 503, "the daemon is ending");
    } else if (p->problem) {
        refuse(request, p->status, p->problem);
    } else {
        f->stats.bytes += (int64_t)p->out.len;
        leat_buf_release(&request->answer.body);
        request->answer.body = p->out;
        p->out = (struct leat_buf){.max = p->out.max};
        request->answer.status = p->status;
        request->answer.content_type = "application/json";
    }
}

static void release(void *ctx, struct leat_ingest_request *request)
{
    struct flowcore *f = ctx;
    struct flowcore_page *p = request->state;
    if (!p)
        return;
    f->stats.held_bytes -= (int64_t)p->held;
    f->stats.requests--;
    leat_buf_release(&p->out);
    free(p->latest);
    free(p);
    request->state = NULL;
}

static const struct leat_ingest_path PATHS[] = {
    {"GET", "/api/v1/time-buckets"},
    {"GET", "/api/v1/events"},
    {NULL, NULL},
};

const struct leat_ingest_ops flowcore_ops = {.wants = wants,
                                             .paths = PATHS,
                                             .begin = begin,
                                             .finish = finish,
                                             .submit = submit,
                                             .answer = answer,
                                             .release = release};

/* --- life ----------------------------------------------------------------------------------------
 */

int flowcore_new(struct leat_store *store, struct flowcore **ret_flowcore, struct leat_err *err)
{
    struct flowcore *f = calloc(1, sizeof *f);
    if (!f)
        return leat_fail(err, LEAT_ERETRY, "out of memory for readers of Flowcore's kind");
    feed_inbox_init(&f->inbox);
    f->shelf.store = store;
    f->shelf.stats = &f->stats;
    f->shelf.lost = true;
    int status = catalog_new(store, &f->shelf.catalog, err);
    if (!status)
        status = leat_stream_open(leat_store_path(store), store, &f->shelf.stream, err);
    if (status) {
        flowcore_free(f);
        return status;
    }
    *ret_flowcore = f;
    return LEAT_OK;
}

int flowcore_start(struct flowcore *f, struct leat_err *err)
{
    int errnum = pthread_create(&f->thread, NULL, run, f);
    if (errnum)
        return leat_fail_errno(err, LEAT_ERETRY, errnum,
                               "cannot start the thread of Flowcore's readers");
    f->started = true;
    return LEAT_OK;
}

void flowcore_stop(struct flowcore *f)
{
    if (!f)
        return;
    feed_inbox_stop(&f->inbox);
    if (f->started)
        pthread_join(f->thread, NULL);
    f->started = false;
}

void flowcore_free(struct flowcore *f)
{
    if (!f)
        return;
    leat_stream_close(f->shelf.stream);
    catalog_free(f->shelf.catalog);
    feed_inbox_release(&f->inbox);
    free(f);
}

const struct flowcore_stats *flowcore_stats(const struct flowcore *f)
{
    return &f->stats;
}

/* clang-format off */
#define AT(member) .offset = offsetof(struct flowcore_stats, member)
const struct leat_metric_desc flowcore_metrics[] = {
    {.name = "leat_flowcore_events_total", .type = LEAT_METRIC_COUNTER, AT(events),
     .help = "Events given to Flowcore's consumers."},
    {.name = "leat_flowcore_bytes_total", .type = LEAT_METRIC_COUNTER, AT(bytes),
     .help = "Text of the pages that were given to them, in bytes."},
    {.name = "leat_flowcore_requests", .type = LEAT_METRIC_GAUGE, AT(requests),
     .help = "Requests of Flowcore's consumers that are not answered yet."},
    {.name = "leat_flowcore_held_bytes", .type = LEAT_METRIC_GAUGE, AT(held_bytes),
     .help = "Text of pages that is not sent yet."},
    {.name = NULL},
};
/* clang-format on */
