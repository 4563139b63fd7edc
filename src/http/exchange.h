/*
 * One request and its answer on the port where events come in, and the connection that it is on.
 * Shared by ingest.c (life, libmicrohttpd's calls), exchange.c (what a source may ask of a request),
 * limit.c (how often somebody may ask) and deadline.c (slow connections).
 *
 *     phases:  HEAD ─▶ BODY ─▶ WAITING ─▶ ANSWERED
 *                        └──▶ DROPPING ─────▲        (too much came: read, but not kept)
 */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include <pthread.h>

#include "http/client.h"
#include "http/guard.h"
#include "http/ingest.h"
#include "http/quota.h"

#include <microhttpd.h>

struct leat_connection {
    struct leat_connection *next, *previous; /* under the lock of the list */
    int fd;
    _Atomic int phase;       /* of the request that is on it; LEAT_EXCHANGE_HEAD between two */
    _Atomic int64_t since_ms; /* when the phase began, monotonic */
    _Atomic int64_t patience_ms;
    _Atomic int64_t received_bytes; /* of the body */
};

struct leat_connections {
    pthread_mutex_t lock;
    struct leat_connection *first;
    pthread_t thread;
    bool started;
    int stop_fd;
    _Atomic int64_t *slow; /* counts those that were cut */
    struct leat_keyring *keyring; /* whose uses the same thread writes; NULL: none */
};

enum leat_exchange_phase {
    LEAT_EXCHANGE_HEAD,
    LEAT_EXCHANGE_BODY,
    LEAT_EXCHANGE_DROPPING,
    LEAT_EXCHANGE_WAITING,
    LEAT_EXCHANGE_ANSWERED,
};

enum leat_limit { LEAT_LIMIT_ADDRESS, LEAT_LIMIT_KEY, LEAT_LIMITS };

struct leat_exchange {
    struct leat_ingest_request request; /* first: what sources see */
    struct leat_ingest *ingest;
    struct MHD_Connection *connection;
    struct leat_connection *place;
    const struct leat_ingest_mount *mount; /* NULL: not begun */
    enum leat_exchange_phase phase;
    struct leat_http_verdict target_verdict;
    int64_t begun_us; /* monotonic */
    int64_t held;     /* bytes of the body that are counted as held */
    size_t given;    /* of a body that is not kept */
    size_t dropped;
    int64_t retry_s;           /* what 429 and 503 say; 0: a second */
    bool limited[LEAT_LIMITS]; /* is the request counted there? */
    struct leat_quota_state limits[LEAT_LIMITS];
    char target[]; /* LEAT_HTTP_TARGET_MAX at most */
};

struct leat_ingest {
    struct leat_ingest_options options;
    struct MHD_Daemon *daemon;
    unsigned port;
    char *certificate, *key; /* PEM texts */
    struct leat_ingest_stats stats;
    struct leat_connections connections;
    struct leat_proxies proxies;
    struct leat_quota *quotas[LEAT_LIMITS]; /* NULL: no limit */
};

/* --- limit.c ----------------------------------------------------------------------------------- */

int leat_limits_open(struct leat_ingest *ingest, struct leat_err *err) LEAT_MUST_CHECK;
void leat_limits_close(struct leat_ingest *ingest);

/* Counts the request. 0, or 429: the answer is filled in. */
unsigned leat_limit_address(struct leat_exchange *exchange) LEAT_MUST_CHECK;
unsigned leat_limit_key(struct leat_exchange *exchange, const char *id) LEAT_MUST_CHECK;

/* RateLimit-Policy and RateLimit, of the limits that the request was counted for. */
void leat_limit_headers(const struct leat_exchange *exchange, struct MHD_Response *response);

/* --- deadline.c -------------------------------------------------------------------------------- */

/* libmicrohttpd's timeout is for idle connections only, so a client that sends a byte a second would
 * stay for ever. A thread looks once a second and shuts down what is late; libmicrohttpd then closes
 * it. */
int leat_connections_open(struct leat_connections *connections, struct leat_err *err) LEAT_MUST_CHECK;
void leat_connections_close(struct leat_connections *connections);

struct leat_connection *leat_connection_add(struct leat_connections *connections, int fd);
void leat_connection_remove(struct leat_connections *connections, struct leat_connection *place);

/* A new phase, to be over within so many ms (0: no bound). Accepts NULL. */
void leat_connection_phase(struct leat_connection *place, enum leat_exchange_phase phase,
                           int64_t patience_ms);

#endif
