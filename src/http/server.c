/*
 * libmicrohttpd calls us three times for a request: with the raw target (on_target), with the
 * headers (the first on_request) and when the whole of it is there (the second). What it carries
 * for us from call to call is one pointer; ours points at constants, so a request allocates nothing
 * until it is answered.
 */
#include "http/server.h"

#include <leat/clock.h>

#include "http/head.h"
#include "http/listen.h"
#include "http/problem.h"

#include <stdlib.h>
#include <unistd.h>

struct leat_http {
    struct MHD_Daemon *daemon;
    const struct leat_http_route *routes;
    unsigned port;
    struct leat_http_stats stats;
};

/* What the carried pointer may point at. */
static const struct leat_http_verdict VERDICT_FINE, VERDICT_PASSED; /* target seen; headers too */
static const struct leat_http_verdict VERDICT_BAD = {400,
                                                     "the path holds a byte that must be escaped"};
static const struct leat_http_verdict VERDICT_LONG = {414, "the path is too long"};

/* --- answers -------------------------------------------------------------------------------- */

static void count(struct leat_http_stats *stats, unsigned status)
{
    _Atomic int64_t *counter = status < 400   ? &stats->succeeded
                               : status < 500 ? &stats->refused
                                              : &stats->failed;
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void headers_add(struct MHD_Response *response, const char *content_type, const char *allow,
                        bool close_after)
{
    MHD_add_response_header(response, "Content-Type", content_type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (allow)
        MHD_add_response_header(response, "Allow", allow);
    if (close_after)
        MHD_add_response_header(response, "Connection", "close");
}

/* `body` is copied. */
static enum MHD_Result answer(struct leat_http *http, struct MHD_Connection *connection,
                              unsigned status, struct leat_slice body, const char *content_type,
                              const char *allow)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body.len, (void *)(uintptr_t)body.ptr, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    bool malformed = status >= 400 && status != 404 && status != 405 && status < 500;
    headers_add(response, content_type, allow, malformed);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    if (result == MHD_YES)
        count(&http->stats, status);
    return result;
}

/* Texts are ours, never the client's: nothing is reflected. */
static enum MHD_Result problem(struct leat_http *http, struct MHD_Connection *connection,
                               unsigned status, const char *detail, const char *allow)
{
    struct leat_buf body;
    leat_buf_init(&body, 1024);
    leat_http_problem(&body, status, detail);
    enum MHD_Result result =
        answer(http, connection, status, leat_buf_slice(&body), "application/problem+json", allow);
    leat_buf_release(&body);
    return result;
}

/* --- routing -------------------------------------------------------------------------------- */

static enum MHD_Result handle(struct leat_http *http, struct MHD_Connection *connection,
                              const struct leat_http_route *route)
{
    struct leat_buf body;
    leat_buf_init(&body, LEAT_HTTP_BODY_MAX);
    const char *content_type = "application/json";
    int64_t begun_us = leat_clock_monotonic_us();
    unsigned status = route->handler(route->arg, &body, &content_type);
    leat_histogram_observe(&http->stats.handler, leat_clock_monotonic_us() - begun_us);
    enum MHD_Result result =
        body.full ? problem(http, connection, 500, "the answer is too large", NULL)
                  : answer(http, connection, status, leat_buf_slice(&body), content_type, NULL);
    leat_buf_release(&body);
    return result;
}

static bool method_fits(const struct leat_http_route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static enum MHD_Result route_request(struct leat_http *http, struct MHD_Connection *connection,
                                     const char *path, const char *method)
{
    const struct leat_http_route *other = NULL;
    for (const struct leat_http_route *r = http->routes; r->path; r++) {
        if (strcmp(r->path, path) != 0)
            continue;
        if (method_fits(r, method))
            return handle(http, connection, r);
        other = r;
    }
    if (!other)
        return problem(http, connection, 404, "there is nothing under this path", NULL);
    return problem(http, connection, 405, "this path takes GET and HEAD", "GET, HEAD");
}

/* --- libmicrohttpd's calls ------------------------------------------------------------------ */

static void *on_target(void *arg, const char *target, struct MHD_Connection *connection)
{
    (void)arg;
    (void)connection;
    unsigned status = leat_http_guard_target(target).status;
    const struct leat_http_verdict *v = !status         ? &VERDICT_FINE
                                        : status == 414 ? &VERDICT_LONG
                                                        : &VERDICT_BAD;
    return (void *)(uintptr_t)v;
}

/* Refusals come before the body is read: the connection is closed behind them. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **carried)
{
    struct leat_http *http = arg;
    (void)upload;
    if (*carried == &VERDICT_PASSED) {
        *upload_len = 0;
        return route_request(http, connection, path, method);
    }
    struct leat_http_guard guard = {0};
    struct leat_http_verdict verdict =
        leat_http_head_judge(connection, method, path, version, 0, &guard);
    if (!verdict.status && *carried)
        verdict = *(const struct leat_http_verdict *)*carried;
    if (verdict.status)
        return problem(http, connection, verdict.status, verdict.detail, NULL);
    *carried = (void *)(uintptr_t)&VERDICT_PASSED;
    return MHD_YES;
}

/* --- life ----------------------------------------------------------------------------------- */

/* poll, not epoll: 0.9.75 uses epoll edge-triggered, and a client whose last bytes and end arrive
 * together then keeps its place until the timeout (22 of 300 did). With so few connections poll
 * costs nothing. */
static struct MHD_Daemon *daemon_start(struct leat_http *http, int fd)
{
    return MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, http,
                            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)LEAT_HTTP_CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                            (unsigned)LEAT_HTTP_PER_ADDRESS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)LEAT_HTTP_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)LEAT_HTTP_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT,
                            leat_http_head_strictness(), MHD_OPTION_URI_LOG_CALLBACK, on_target,
                            http, MHD_OPTION_END);
}

int leat_http_open(const struct leat_http_options *options, struct leat_http **ret_http,
                   struct leat_err *err)
{
    struct leat_loopback address;
    int status = leat_loopback_parse(options->listen, &address, err);
    if (status) {
        leat_err_context(err, "http.listen");
        return status;
    }
    *ret_http = NULL;
    if (address.off)
        return LEAT_OK;
    int fd;
    unsigned port;
    status = leat_http_listen(&address, "http", options->listen, &fd, &port, err);
    if (status)
        return status;
    struct leat_http *http = calloc(1, sizeof *http);
    if (!http) {
        close(fd);
        return leat_fail(err, LEAT_ERETRY, "out of memory for the HTTP server");
    }
    http->routes = options->routes;
    http->port = port;
    http->daemon = daemon_start(http, fd); /* the socket is the library's now, even if this fails */
    if (!http->daemon) {
        free(http);
        return leat_fail(err, LEAT_ERETRY, "cannot start the HTTP server on \"%s\"",
                         options->listen);
    }
    *ret_http = http;
    return LEAT_OK;
}

void leat_http_close(struct leat_http *http)
{
    if (!http)
        return;
    MHD_stop_daemon(http->daemon); /* closes the socket too */
    free(http);
}

unsigned leat_http_port(const struct leat_http *http)
{
    return http->port;
}

const struct leat_http_stats *leat_http_stats(const struct leat_http *http)
{
    return &http->stats;
}

/* clang-format off */
#define AT(member) .offset = offsetof(struct leat_http_stats, member)
const struct leat_metric_desc leat_http_metrics[] = {
    {.name = "leat_http_requests_total", .type = LEAT_METRIC_COUNTER, AT(succeeded),
     .label = "class=\"2xx\"",
     .help = "Requests answered."},
    {.name = "leat_http_requests_total", .type = LEAT_METRIC_COUNTER, AT(refused),
     .label = "class=\"4xx\"",
     .help = "Requests answered."},
    {.name = "leat_http_requests_total", .type = LEAT_METRIC_COUNTER, AT(failed),
     .label = "class=\"5xx\"",
     .help = "Requests answered."},
    {.name = "leat_http_request_seconds", .type = LEAT_METRIC_HISTOGRAM, AT(handler),
     .help = "Time in the handler."},
    {.name = NULL},
};
/* clang-format on */
