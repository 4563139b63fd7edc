#include "daemon/pages.h"

#include <leat/clock.h>
#include <leat/log.h>

#include "daemon/reader_gauges.h"
#include "daemon/status_page.h"
#include "http/ingest.h"
#include "http/server.h"
#include "metrics/tables.h"

#include <stdlib.h>

struct pages {
    struct engine *engine;
    struct leat_http *http;
    struct leat_metrics *metrics;
    struct leat_http_route routes[5];
    struct leat_metrics_commit commit;
    struct leat_metrics_store store;
    struct leat_metrics_process process;
    struct leat_metrics_state *states; /* one per runner */
    struct reader_gauges *readers;
};

/* --- figures that nobody writes as they change: copied before an exposition
 * ----------------------- */

static void collect_commit(struct leat_metrics_commit *to, const struct leat_committer_stats *from)
{
    to->commits = from->commits;
    to->commit_us = from->commit_us;
    to->commit_us_max = from->commit_us_max;
    to->events = from->events;
    to->blocks = from->blocks;
    to->raw_bytes = from->raw_bytes;
    to->stored_bytes = from->stored_bytes;
    to->retries = from->retries;
    to->full = from->full;
}

static void collect_store(struct pages *p)
{
    struct leat_store_usage usage = {.bytes = -1, .free_bytes = -1};
    struct leat_err ignored;
    if (leat_store_usage(p->engine->store, &usage, &ignored))
        usage.bytes = usage.free_bytes = -1;
    p->store.bytes = usage.bytes;
    p->store.free_bytes = usage.free_bytes;
    p->store.quota_bytes = leat_config_settings(p->engine->config)->store.quota_bytes;
    p->store.segments = usage.segment_count;
    p->store.first_sequence = (int64_t)usage.first_sequence;
    p->store.last_sequence = (int64_t)leat_store_durable(p->engine->store);
    p->store.oldest_event_us = usage.oldest_event_us ? usage.oldest_event_us : -1;
}

static void collect_state(struct leat_metrics_state *to, struct leat_source_runner *r)
{
    struct leat_err ignored;
    int64_t since_us;
    enum leat_source_state state = leat_source_runner_state(r);
    leat_source_runner_last_error(r, &ignored, &since_us);
    to->streaming = state == LEAT_SOURCE_STREAMING;
    to->stalled = state == LEAT_SOURCE_STALLED;
    to->stopped = state == LEAT_SOURCE_STOPPED;
    to->ready = leat_source_runner_ready(r);
    to->since_us = since_us;
}

static void collect(void *arg)
{
    struct pages *p = arg;
    collect_commit(&p->commit, leat_committer_stats(p->engine->committer));
    collect_store(p);
    for (size_t i = 0; i < p->engine->runner_count; i++)
        collect_state(&p->states[i], p->engine->runners[i]);
    leat_metrics_process_collect(&p->process);
}

/* --- the pages ---------------------------------------------------------------------------------
 */

static unsigned page_metrics(void *arg, struct leat_buf *body, const char **ret_content_type)
{
    struct pages *p = arg;
    *ret_content_type = LEAT_METRICS_CONTENT_TYPE;
    reader_gauges_follow(p->readers);
    leat_metrics_expose(p->metrics, body);
    return 200;
}

static unsigned page_health(void *arg, struct leat_buf *body, const char **ret_content_type)
{
    struct pages *p = arg;
    struct leat_err err;
    *ret_content_type = "text/plain; charset=utf-8";
    bool failed = leat_committer_state(p->engine->committer, &err) == LEAT_ESTORE;
    leat_buf_append_text(body, failed ? err.text : "ok");
    leat_buf_append_text(body, "\n");
    return failed ? 503 : 200;
}

/* Says of each source that is not ready what it does instead. */
static void put_unready(const struct engine *e, struct leat_buf *body)
{
    struct leat_err err;
    if (leat_committer_state(e->committer, &err))
        leat_buf_format(body, "store: %s\n", err.text);
    for (size_t i = 0; i < e->runner_count; i++) {
        struct leat_source_runner *r = e->runners[i];
        int64_t since_us;
        if (leat_source_runner_ready(r))
            continue;
        leat_source_runner_last_error(r, &err, &since_us);
        leat_buf_format(body, "source %s: %s%s%s\n", leat_source_runner_instance(r),
                        leat_source_state_name(leat_source_runner_state(r)),
                        err.text[0] ? ": " : "", err.text);
    }
}

static unsigned page_ready(void *arg, struct leat_buf *body, const char **ret_content_type)
{
    struct pages *p = arg;
    *ret_content_type = "text/plain; charset=utf-8";
    bool ready = engine_ready(p->engine);
    if (ready)
        leat_buf_append_text(body, "ok\n");
    else
        put_unready(p->engine, body);
    return ready ? 200 : 503;
}

static unsigned page_status(void *arg, struct leat_buf *body, const char **ret_content_type)
{
    (void)ret_content_type; /* JSON is the default */
    status_page(((struct pages *)arg)->engine, body);
    return 200;
}

/* --- life cycle --------------------------------------------------------------------------------
 */

static int register_one(struct pages *p, const struct leat_metric_desc *table, const char *source,
                        const void *base, struct leat_err *err)
{
    struct leat_metrics_entry *entry; /* lives as long as the registry */
    struct leat_metric_label labels[] = {{"source", source}, {NULL, NULL}};
    return leat_metrics_register(p->metrics, table, source ? labels : NULL, base, &entry, err);
}

static int register_all(struct pages *p, struct leat_err *err)
{
    int status = leat_metrics_hook(p->metrics, collect, p, err);
    for (size_t i = 0; !status && i < p->engine->runner_count; i++) {
        struct leat_source_runner *r = p->engine->runners[i];
        const char *name = leat_source_runner_instance(r);
        status = register_one(p, leat_source_metrics, name, leat_source_runner_stats(r), err);
        if (!status)
            status = register_one(p, leat_error_metrics, name, leat_source_runner_errors(r), err);
        if (!status)
            status = register_one(p, leat_state_metrics, name, &p->states[i], err);
    }
    if (!status)
        status = register_one(p, leat_commit_metrics, NULL, &p->commit, err);
    if (!status)
        status = register_one(p, leat_store_metrics, NULL, &p->store, err);
    if (!status)
        status = register_one(p, leat_process_metrics, NULL, &p->process, err);
    return status;
}

static int listen_on(struct pages *p, const char *address, struct leat_err *err)
{
    const struct leat_http_route routes[] = {
        {"/metrics", "GET", page_metrics, p},
        {"/healthz", "GET", page_health, p},
        {"/readyz", "GET", page_ready, p},
        {"/status", "GET", page_status, p},
        {NULL, NULL, NULL, NULL},
    };
    memcpy(p->routes, routes, sizeof routes);
    struct leat_http_options options = {.listen = address, .routes = p->routes};
    int status = leat_http_open(&options, &p->http, err);
    if (!status && p->http) {
        status = register_one(p, leat_http_metrics, NULL, leat_http_stats(p->http), err);
        LEAT_INFO("http", NULL, "listening", LEAT_F_TEXT("address", address),
                  LEAT_F_INT("port", leat_http_port(p->http)));
    }
    return status;
}

int pages_open(struct engine *engine, const struct intake *intake, struct pages **ret_pages,
               struct leat_err *err)
{
    struct pages *p = calloc(1, sizeof *p);
    struct leat_metrics_state *states = calloc(engine->runner_count + 1, sizeof *states);
    if (!p || !states) {
        free(p);
        free(states);
        return leat_fail(err, LEAT_ERETRY, "out of memory for the HTTP pages");
    }
    p->engine = engine;
    p->states = states;
    p->process.one = 1;
    int status = leat_metrics_new(&p->metrics, err);
    if (!status)
        status = register_all(p, err);
    if (!status)
        status = reader_gauges_new(engine->store, p->metrics, &p->readers, err);
    if (!status && intake)
        status = register_one(p, leat_ingest_metrics, NULL, intake_stats(intake), err);
    if (!status && intake)
        status = register_one(p, feed_metrics, NULL, intake_feed_stats(intake), err);
    if (!status && intake)
        status = register_one(p, named_metrics, NULL, intake_named_stats(intake), err);
    if (!status && intake)
        status = register_one(p, flowcore_metrics, NULL, intake_flowcore_stats(intake), err);
    if (!status)
        status = listen_on(p, leat_config_settings(engine->config)->http.listen, err);
    if (status) {
        pages_close(p);
        return status;
    }
    *ret_pages = p;
    return LEAT_OK;
}

void pages_close(struct pages *p)
{
    if (!p)
        return;
    leat_http_close(p->http);
    reader_gauges_free(p->readers);
    leat_metrics_free(p->metrics);
    free(p->states);
    free(p);
}
