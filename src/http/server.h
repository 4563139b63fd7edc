/*
 * The HTTP port: metrics, health and status, for machines and for `leat status`.
 *
 *     open(listen, routes) ─▶ one thread: guard ─▶ route ─▶ handler ─▶ answer ─▶ close
 *
 * A route is a path, exactly as written, and a method: GET, which answers HEAD too. Another method
 * gets 405 with Allow, another path 404; every error is application/problem+json (RFC 9457). Query
 * strings are accepted and ignored.
 *
 * Ownership: routes and their arguments must live until close; strings of the options only during
 *            open.
 * Bounds:    LEAT_HTTP_CONNECTIONS_MAX connections, LEAT_HTTP_MEMORY bytes of headers each,
 *            LEAT_HTTP_TIMEOUT_S idle seconds, LEAT_HTTP_BODY_MAX bytes of an answer. See guard.h
 *            for what a request may be.
 * Threads:   open and close from one thread. Handlers run in the server's own thread, one at a
 *            time; they may take short locks and read files, nothing slower.
 * Errors:    LEAT_ECONFIG for what cannot be listened on, LEAT_ERETRY otherwise.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <leat/buf.h>
#include <leat/err.h>
#include <leat/histogram.h>

#include "metrics/metrics.h"

enum {
    LEAT_HTTP_CONNECTIONS_MAX = 64,
    LEAT_HTTP_PER_ADDRESS_MAX = 48, /* a mad client leaves room for others */
    LEAT_HTTP_TIMEOUT_S = 10,
    LEAT_HTTP_MEMORY = 32 << 10,
    LEAT_HTTP_BODY_MAX = 4 << 20,   /* some thousand sources */
};

/* Writes the answer into `body` and returns the HTTP status. The content type is "application/json"
 * unless set; it must be static. A body that got `full` is answered with 500 instead. */
typedef unsigned (*leat_http_handler_fn)(void *arg, struct leat_buf *body,
                                         const char **ret_content_type);

struct leat_http_route {
    const char *path;   /* "/metrics"; NULL ends a table */
    const char *method; /* "GET" */
    leat_http_handler_fn handler;
    void *arg;
};

struct leat_http_options {
    const char *listen; /* see listen.h; "off": open gives NULL */
    const struct leat_http_route *routes;
};

struct leat_http_stats {
    _Atomic int64_t succeeded; /* 2xx */
    _Atomic int64_t refused;   /* 4xx */
    _Atomic int64_t failed;    /* 5xx */
    struct leat_histogram handler;
};

struct leat_http;

/* *ret_http is NULL when the port is off. */
int leat_http_open(const struct leat_http_options *options, struct leat_http **ret_http,
                   struct leat_err *err) LEAT_MUST_CHECK;

/* Answers what is being answered and ends the thread; accepts NULL. */
void leat_http_close(struct leat_http *http);

/* The port that is listened on, also when 0 was asked for. */
unsigned leat_http_port(const struct leat_http *http);

/* Table and base for leat_metrics_register(). */
const struct leat_http_stats *leat_http_stats(const struct leat_http *http);
extern const struct leat_metric_desc leat_http_metrics[];

#endif
