/*
 * libmicrohttpd calls us for a request with the raw target (on_target), with the headers (the first
 * on_request), with pieces of the body, and when all of it is there. What it carries for us is the
 * exchange, made in the first call and freed in on_completed.
 *
 * It takes answers only before the body was begun or after it was read whole. What is refused in
 * between is read to its end and dropped, up to a bound behind which the connection is cut.
 *
 * A request that waits for the disk is suspended: it takes no thread.
 */
#include "http/ingest.h"

#include <leat/clock.h>
#include <leat/log.h>
#include <leat/loopback.h>
#include <leat/secret.h>

#include "http/exchange.h"
#include "http/head.h"
#include "http/listen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    DROP_BYTES_MAX = 32 << 20,  /* of a body that is too long */
    DROP_REFUSED_MAX = 1 << 20, /* of one that was refused for what stands in its head */
    PEM_BYTES_MAX = 256 << 10,
    STREAM_BYTES = 32 << 10, /* of a streamed answer, given at a time */
};

/* --- answers ---------------------------------------------------------------------------------- */

static void count(struct leat_ingest_stats *stats, const struct leat_exchange *x, unsigned status)
{
    _Atomic int64_t *counter = status < 400   ? &stats->succeeded
                               : status < 500 ? &stats->refused
                                              : &stats->failed;
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
    leat_histogram_observe(&stats->answer, leat_clock_monotonic_us() - x->begun_us);
}

/* Nothing there: suspended first, as in body_end(). A connection that is cut then is noticed when it
 * is woken. */
static ssize_t on_more(void *arg, uint64_t at, char *to, size_t max)
{
    struct leat_exchange *x = arg;
    (void)at;
    ssize_t n = x->mount->ops->more(x->mount->ctx, &x->request, to, max);
    if (n == 0 || n == LEAT_INGEST_BROKEN)
        return n ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    if (n != LEAT_INGEST_LATER)
        return n;
    MHD_suspend_connection(x->connection);
    x->mount->ops->submit(x->mount->ctx, &x->request);
    return 0;
}

static struct MHD_Response *response_make(struct leat_exchange *x)
{
    struct leat_ingest_answer *answer = &x->request.answer;
    uint64_t length = answer->length ? (uint64_t)answer->length : MHD_SIZE_UNKNOWN;
    struct MHD_Response *response =
        answer->streamed
            ? MHD_create_response_from_callback(length, STREAM_BYTES, on_more, x, NULL)
            : MHD_create_response_from_buffer(answer->body.len, answer->body.data,
                                              answer->body.data ? MHD_RESPMEM_MUST_FREE
                                                                : MHD_RESPMEM_PERSISTENT);
    if (response && !answer->streamed)
        answer->body = (struct leat_buf){.max = answer->body.max}; /* the response's now */
    return response;
}

static struct MHD_Response *response_of(struct leat_exchange *x)
{
    struct leat_ingest_answer *answer = &x->request.answer;
    struct MHD_Response *response = response_make(x);
    if (!response)
        return NULL;
    if (answer->content_type)
        MHD_add_response_header(response, "Content-Type", answer->content_type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    leat_limit_headers(x, response);
    for (unsigned i = 0; i < answer->header_count; i++)
        MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value);
    if (answer->close)
        MHD_add_response_header(response, "Connection", "close");
    return response;
}

/* An answer that is streamed has no end to be in time for: what bounds it is the library's timeout of
 * a client that takes nothing. */
static enum MHD_Result send_answer(struct leat_exchange *x)
{
    struct leat_ingest_answer *answer = &x->request.answer;
    if (answer->body.full)
        leat_ingest_problem(&x->request, 500, "the answer is too large");
    struct MHD_Response *response = response_of(x);
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(x->connection, answer->status, response);
    MHD_destroy_response(response);
    if (result == MHD_YES)
        count(&x->ingest->stats, x, answer->status);
    x->phase = LEAT_EXCHANGE_ANSWERED;
    leat_connection_phase(x->place, LEAT_EXCHANGE_ANSWERED,
                          answer->streamed ? 0 : LEAT_INGEST_BODY_MS);
    return result;
}

static enum MHD_Result refuse(struct leat_exchange *x, unsigned status, const char *detail)
{
    leat_ingest_problem(&x->request, status, detail);
    x->request.answer.close = true;
    return send_answer(x);
}

/* --- a request -------------------------------------------------------------------------------- */

static void *on_target(void *arg, const char *target, struct MHD_Connection *connection)
{
    struct leat_ingest *ingest = arg;
    struct leat_http_verdict verdict = leat_http_guard_target(target);
    size_t len = verdict.status ? 0 : strlen(target);
    struct leat_exchange *x = calloc(1, sizeof *x + len + 1);
    if (!x)
        return NULL;
    memcpy(x->target, verdict.status ? "" : target, len);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    x->place = info ? info->socket_context : NULL;
    x->ingest = ingest;
    x->connection = connection;
    x->target_verdict = verdict;
    x->begun_us = leat_clock_monotonic_us();
    x->request.target = x->target;
    x->request.received_us = leat_clock_wall_us();
    leat_buf_init(&x->request.answer.body, LEAT_INGEST_ANSWER_MAX);
    return x;
}

/* Chunks have lines of their own, whose ends nobody shows us: so what stands behind a body in chunks is
 * never taken for another request. */
static struct leat_http_verdict judge(struct leat_exchange *x, const char *path, const char *method,
                                      const char *version)
{
    struct leat_http_guard guard = {.takes_body = true};
    struct leat_http_verdict verdict =
        leat_http_head_judge(x->connection, method, path, version, strlen(x->target), &guard);
    x->request.answer.close = guard.encodings > 0;
    return verdict.status ? verdict : x->target_verdict;
}

static bool path_fits(const char *pattern, const char *target)
{
    while (*pattern && *target && *target != '?') {
        if (*pattern == '{') {
            size_t len = strcspn(target, "/?");
            pattern += strcspn(pattern, "}") + 1;
            target += len;
            if (!len)
                return false;
        } else if (*pattern++ != *target++) {
            return false;
        }
    }
    return !*pattern && (!*target || *target == '?');
}

static bool is_declared(const struct leat_ingest_mount *mount, const char *target)
{
    const struct leat_ingest_path *p = mount->ops->paths;
    while (p && p->path && !path_fits(p->path, target))
        p++;
    if (p && !p->path)
        LEAT_ERROR("http", mount->instance, "takes a path that its table does not have: answered 404");
    return !p || p->path;
}

static const struct leat_ingest_mount *mount_find(struct leat_exchange *x)
{
    const struct leat_ingest_options *o = &x->ingest->options;
    for (size_t i = 0; i < o->mount_count; i++)
        if (o->mounts[i].ops->wants(o->mounts[i].ctx, &x->request))
            return is_declared(&o->mounts[i], x->request.target) ? &o->mounts[i] : NULL;
    return NULL;
}

/* Counts bytes against the bound of all bodies. */
static bool hold(struct leat_exchange *x, int64_t bytes)
{
    int64_t before = atomic_fetch_add_explicit(&x->ingest->stats.held_bytes, bytes,
                                               memory_order_relaxed);
    x->held += bytes;
    return before + bytes <= x->ingest->options.memory_bytes;
}

/* An answer while the client still sends may be lost to it: its next bytes meet a closed connection,
 * and the reset that it gets discards what it has not read. So a body that is not too long is read and
 * dropped first, unless the client waits to be told. */
static enum MHD_Result answer_or_drop(struct leat_exchange *x)
{
    int64_t length = leat_ingest_length(&x->request);
    int64_t most = x->request.answer.status == 413 ? DROP_BYTES_MAX : DROP_REFUSED_MAX;
    x->request.answer.close |= length != 0;
    if (length <= 0 || length > most || leat_ingest_header(&x->request, "Expect"))
        return send_answer(x);
    x->phase = LEAT_EXCHANGE_DROPPING;
    leat_connection_phase(x->place, LEAT_EXCHANGE_BODY, LEAT_INGEST_BODY_MS);
    return MHD_YES;
}

static enum MHD_Result body_expect(struct leat_exchange *x)
{
    int64_t length = leat_ingest_length(&x->request);
    if (length > (int64_t)x->request.body_max) {
        leat_ingest_problem(&x->request, 413, "the body is longer than this path takes");
        return answer_or_drop(x);
    }
    leat_buf_init(&x->request.body, x->request.body_max);
    bool kept = !x->request.body_apart;
    if (kept && length > 0 && (!hold(x, length) || !leat_buf_reserve(&x->request.body, (size_t)length)))
        return refuse(x, 503, "too much is on its way; try again");
    x->phase = LEAT_EXCHANGE_BODY;
    leat_connection_phase(x->place, LEAT_EXCHANGE_BODY,
                          x->request.body_ms ? x->request.body_ms : LEAT_INGEST_BODY_MS);
    return MHD_YES;
}

static enum MHD_Result begin(struct leat_exchange *x, const char *path, const char *method,
                             const char *version)
{
    struct leat_http_verdict verdict = judge(x, path, method, version);
    x->request.method = method;
    if (verdict.status)
        return refuse(x, verdict.status, verdict.detail);
    if (leat_limit_address(x))
        return answer_or_drop(x);
    const struct leat_ingest_mount *mount = mount_find(x);
    if (!mount) {
        leat_ingest_problem(&x->request, 404, "there is nothing under this path");
        return answer_or_drop(x);
    }
    x->mount = mount;
    if (mount->ops->begin(mount->ctx, &x->request) == LEAT_AGAIN)
        return body_expect(x);
    return answer_or_drop(x);
}

/* The answer, which is there, is given when the body has ended. */
static void drop_rest(struct leat_exchange *x)
{
    x->request.answer.close = true;
    leat_buf_release(&x->request.body);
    x->phase = LEAT_EXCHANGE_DROPPING;
}

static void drop(struct leat_exchange *x, unsigned status, const char *detail)
{
    leat_ingest_problem(&x->request, status, detail);
    drop_rest(x);
}

static void piece_keep(struct leat_exchange *x, struct leat_slice piece)
{
    struct leat_buf *body = &x->request.body;
    int64_t more = (int64_t)(body->len + piece.len) - x->held; /* a body in chunks has no length */
    if (body->len + piece.len > x->request.body_max)
        drop(x, 413, "the body is longer than this path takes");
    else if (more > 0 && !hold(x, more))
        drop(x, 503, "too much is on its way; try again");
    else
        leat_buf_append(body, piece);
    if (body->full)
        drop(x, 503, "too much is on its way; try again");
}

static void piece_give(struct leat_exchange *x, struct leat_slice piece)
{
    x->given += piece.len;
    if (x->given > x->request.body_max)
        drop(x, 413, "the body is longer than this path takes");
    else if (x->mount->ops->take(x->mount->ctx, &x->request, piece))
        drop_rest(x);
}

static enum MHD_Result body_take(struct leat_exchange *x, const char *bytes, size_t len)
{
    atomic_fetch_add_explicit(&x->ingest->stats.received_bytes, (int64_t)len, memory_order_relaxed);
    if (x->place)
        x->place->received_bytes += (int64_t)len;
    if (x->phase == LEAT_EXCHANGE_DROPPING)
        return (x->dropped += len) > DROP_BYTES_MAX ? MHD_NO : MHD_YES;
    if (x->request.body_apart)
        piece_give(x, leat_slice_of(bytes, len));
    else
        piece_keep(x, leat_slice_of(bytes, len));
    return MHD_YES;
}

/* Suspended first: the source may wake the request before submit has returned. */
static enum MHD_Result body_end(struct leat_exchange *x)
{
    if (x->phase == LEAT_EXCHANGE_DROPPING)
        return send_answer(x);
    if (x->mount->ops->finish(x->mount->ctx, &x->request) != LEAT_AGAIN)
        return send_answer(x);
    x->phase = LEAT_EXCHANGE_WAITING;
    leat_connection_phase(x->place, LEAT_EXCHANGE_WAITING, 0);
    MHD_suspend_connection(x->connection);
    x->mount->ops->submit(x->mount->ctx, &x->request);
    return MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **carried)
{
    struct leat_exchange *x = *carried;
    (void)arg;
    (void)connection;
    if (!x)
        return MHD_NO; /* out of memory */
    if (*upload_len) {
        enum MHD_Result result = body_take(x, upload, *upload_len);
        *upload_len = 0;
        return result;
    }
    switch (x->phase) {
    case LEAT_EXCHANGE_HEAD:
        return begin(x, path, method, version);
    case LEAT_EXCHANGE_WAITING:
        x->mount->ops->answer(x->mount->ctx, &x->request);
        return send_answer(x);
    default:
        return body_end(x);
    }
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **carried,
                         enum MHD_RequestTerminationCode code)
{
    struct leat_exchange *x = *carried;
    (void)arg;
    (void)connection;
    (void)code;
    if (!x)
        return;
    if (x->mount)
        x->mount->ops->release(x->mount->ctx, &x->request);
    atomic_fetch_sub_explicit(&x->ingest->stats.held_bytes, x->held, memory_order_relaxed);
    leat_connection_phase(x->place, LEAT_EXCHANGE_HEAD,
                          LEAT_INGEST_IDLE_S * 1000 + LEAT_INGEST_HEAD_MS);
    leat_buf_release(&x->request.body);
    leat_buf_release(&x->request.answer.body);
    free(x);
    *carried = NULL;
}

/* --- connections ------------------------------------------------------------------------------- */

static void on_connection(void *arg, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct leat_ingest *ingest = arg;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *socket_context = info ? leat_connection_add(&ingest->connections, info->connect_fd) : NULL;
        ingest->stats.connections++;
    } else {
        leat_connection_remove(&ingest->connections, *socket_context);
        *socket_context = NULL;
        ingest->stats.connections--;
    }
}

/* Behind proxies, nobody else may connect: what they say of a client is believed. */
static enum MHD_Result on_accept(void *arg, const struct sockaddr *address, socklen_t len)
{
    const struct leat_ingest *ingest = arg;
    struct leat_client peer = leat_client_peer(address);
    (void)len;
    return !ingest->proxies.count || leat_proxies_have(&ingest->proxies, &peer) ? MHD_YES : MHD_NO;
}

/* --- life ------------------------------------------------------------------------------------- */

static int pem_read(const char *path, bool secret, char **ret_text, struct leat_err *err)
{
    char *text = calloc(1, PEM_BYTES_MAX);
    int status = text ? LEAT_OK : leat_fail(err, LEAT_ERETRY, "out of memory for a certificate");
    FILE *file = NULL;
    if (!status && secret) {
        status = leat_secret_file(path, text, LEAT_SECRET_MAX, err);
    } else if (!status) {
        file = fopen(path, "re");
        if (!file || !fread(text, 1, PEM_BYTES_MAX - 1, file))
            status = leat_fail_errno(err, LEAT_ECONFIG, errno, "cannot read \"%s\"", path);
    }
    if (file)
        fclose(file);
    if (status) {
        free(text);
        return status;
    }
    *ret_text = text;
    return LEAT_OK;
}

int leat_ingest_check(const struct leat_ingest_options *o, struct leat_err *err)
{
    struct leat_loopback address;
    struct leat_proxies ignored;
    int status = leat_loopback_parse_any(o->listen, &address, err);
    if (status) {
        leat_err_context(err, "ingest.listen: \"%s\"", o->listen);
        return status;
    }
    if (!o->certificate != !o->key)
        return leat_fail(err, LEAT_ECONFIG,
                         "ingest.tls_certificate and ingest.tls_key must be given together");
    status = leat_proxies_read(&o->proxies, &ignored, err);
    if (status)
        return status;
    if (!address.remote || o->certificate || o->proxies.count)
        return LEAT_OK;
    leat_fail(err, LEAT_ECONFIG,
              "ingest.listen: \"%s\" is reachable from other machines, and keys would cross the "
              "network in clear text",
              o->listen);
    leat_err_hint(err, "give ingest.tls_certificate and ingest.tls_key, or name the proxies in front "
                       "in ingest.trusted_proxies");
    return LEAT_ECONFIG;
}

/* epoll: a client that shuts its half down together with its last bytes keeps its place until the
 * timeout (libmicrohttpd 0.9.75); with thousands of connections that is cheaper than poll. */
static struct MHD_Daemon *daemon_start(struct leat_ingest *ingest, int fd)
{
    const struct leat_ingest_options *o = &ingest->options;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                     (ingest->certificate ? MHD_USE_TLS : 0);
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_KEY, 0, ingest->key},
                                   {MHD_OPTION_HTTPS_MEM_CERT, 0, ingest->certificate},
                                   {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)o->threads, NULL},
                                    {MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(
        flags, 0, on_accept, ingest, on_request, ingest, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_ARRAY, o->threads > 1 ? pool : none, MHD_OPTION_ARRAY,
        ingest->certificate ? tls : none, MHD_OPTION_CONNECTION_LIMIT, o->connections_max,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->per_address_max, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)LEAT_INGEST_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)o->head_bytes, MHD_OPTION_STRICT_FOR_CLIENT, leat_http_head_strictness(),
        MHD_OPTION_URI_LOG_CALLBACK, on_target, ingest, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        ingest, MHD_OPTION_NOTIFY_CONNECTION, on_connection, ingest, MHD_OPTION_END);
}

static int tls_read(struct leat_ingest *ingest, struct leat_err *err)
{
    const struct leat_ingest_options *o = &ingest->options;
    if (!o->certificate)
        return LEAT_OK;
    int status = pem_read(o->certificate, false, &ingest->certificate, err);
    return status ? status : pem_read(o->key, true, &ingest->key, err);
}

int leat_ingest_start(struct leat_ingest *ingest, struct leat_err *err)
{
    struct leat_loopback address;
    const char *listen = ingest->options.listen;
    int fd, status = leat_loopback_parse_any(listen, &address, err);
    if (!status)
        status = leat_http_listen(&address, "ingest", listen, &fd, &ingest->port, err);
    if (status)
        return status;
    ingest->daemon = daemon_start(ingest, fd); /* the socket is the library's now, even if this fails */
    return ingest->daemon ? LEAT_OK
                          : leat_fail(err, LEAT_ECONFIG,
                                      "cannot start the port for events on \"%s\"%s", listen,
                                      ingest->certificate ? ": is the certificate right?" : "");
}

int leat_ingest_open(const struct leat_ingest_options *options, struct leat_ingest **ret_ingest,
                     struct leat_err *err)
{
    int status = leat_ingest_check(options, err);
    if (status)
        return status;
    struct leat_ingest *ingest = calloc(1, sizeof *ingest);
    if (!ingest)
        return leat_fail(err, LEAT_ERETRY, "out of memory for the port for events");
    ingest->options = *options;
    ingest->connections.slow = &ingest->stats.slow;
    ingest->connections.keyring = options->keyring;
    status = leat_connections_open(&ingest->connections, err);
    if (!status)
        status = leat_limits_open(ingest, err);
    if (!status)
        status = tls_read(ingest, err);
    if (status) {
        leat_ingest_close(ingest);
        return status;
    }
    *ret_ingest = ingest;
    return LEAT_OK;
}

void leat_ingest_close(struct leat_ingest *ingest)
{
    if (!ingest)
        return;
    if (ingest->daemon)
        MHD_stop_daemon(ingest->daemon); /* closes the socket too */
    leat_connections_close(&ingest->connections);
    leat_limits_close(ingest);
    if (ingest->key)
        leat_secret_wipe(ingest->key, strlen(ingest->key));
    free(ingest->key);
    free(ingest->certificate);
    free(ingest);
}

unsigned leat_ingest_port(const struct leat_ingest *ingest)
{
    return ingest->port;
}

const struct leat_ingest_stats *leat_ingest_stats(const struct leat_ingest *ingest)
{
    return &ingest->stats;
}

/* clang-format off */
#define AT(member) .offset = offsetof(struct leat_ingest_stats, member)
const struct leat_metric_desc leat_ingest_metrics[] = {
    {.name = "leat_ingest_requests_total", .type = LEAT_METRIC_COUNTER, AT(succeeded),
     .label = "class=\"2xx\"", .help = "Requests answered on the port for events."},
    {.name = "leat_ingest_requests_total", .type = LEAT_METRIC_COUNTER, AT(refused),
     .label = "class=\"4xx\"", .help = "Requests answered on the port for events."},
    {.name = "leat_ingest_requests_total", .type = LEAT_METRIC_COUNTER, AT(failed),
     .label = "class=\"5xx\"", .help = "Requests answered on the port for events."},
    {.name = "leat_ingest_received_bytes_total", .type = LEAT_METRIC_COUNTER, AT(received_bytes),
     .help = "Bytes of bodies, as they came."},
    {.name = "leat_ingest_held_bytes", .type = LEAT_METRIC_GAUGE, AT(held_bytes),
     .help = "Bytes of bodies that are not answered yet."},
    {.name = "leat_ingest_connections", .type = LEAT_METRIC_GAUGE, AT(connections),
     .help = "Open connections of the port for events."},
    {.name = "leat_ingest_slow_connections_total", .type = LEAT_METRIC_COUNTER, AT(slow),
     .help = "Connections that were cut because head or body came too slowly."},
    {.name = "leat_ingest_limited_total", .type = LEAT_METRIC_COUNTER, AT(limited[0]),
     .label = "by=\"address\"", .help = "Requests that were answered with 429."},
    {.name = "leat_ingest_limited_total", .type = LEAT_METRIC_COUNTER, AT(limited[1]),
     .label = "by=\"key\"", .help = "Requests that were answered with 429."},
    {.name = "leat_ingest_limits_forgotten_total", .type = LEAT_METRIC_COUNTER, AT(forgotten),
     .help = "Clients whose count of requests was forgotten early, because there were too many."},
    {.name = "leat_ingest_request_seconds", .type = LEAT_METRIC_HISTOGRAM, AT(answer),
     .help = "Time from the head of a request to its answer."},
    {.name = NULL},
};
/* clang-format on */
