/*
 * The port where events come in: what <leat/ingest.h> promises to a source, kept by libmicrohttpd.
 *
 *     pool thread    guard ─▶ whose is it? ─▶ begin ─▶ body ─▶ finish ─▶ suspended
 *     source thread                                                 store, fsync ─▶ wake
 *     pool thread    answer ─▶ sent ─▶ release
 *
 * A mount is a source with its ops. They are asked in their order; the first that wants a request
 * has it. A path that nobody wants is 404.
 *
 * Order:     the sources attached → open → start → … → stop the sources (all requests are answered then)
 *            → close.
 * Ownership: mounts, contexts and keyring are the caller's and outlive it.
 * Bounds:    connections in all and of one address; a head of `head_bytes` within 10 s; a
 *            body within 60 s at 1 KiB/s at least; `memory_bytes` for all bodies together, above
 *            which 503 is answered.
 * Threads:   open and close from main.
 * Errors:    LEAT_ECONFIG for what cannot be listened on and for certificates; LEAT_ERETRY else.
 */
#ifndef HTTP_INGEST_H
#define HTTP_INGEST_H

#include <leat/histogram.h>
#include <leat/ingest.h>
#include <leat/option.h>

#include "http/keyring.h"
#include "metrics/metrics.h"

enum {
    LEAT_INGEST_IDLE_S = 30,
    LEAT_INGEST_HEAD_MS = 10 * 1000,
    LEAT_INGEST_BODY_MS = 60 * 1000,
    LEAT_INGEST_RATE_AFTER_MS = 10 * 1000,
    LEAT_INGEST_RATE_BYTES_PER_S = 1024,
};

struct leat_ingest_mount {
    const struct leat_ingest_ops *ops;
    void *ctx;
    const char *instance;
};

struct leat_ingest_options {
    const char *listen; /* any address; "off" is the caller's to see */
    const char *certificate, *key; /* PEM files; both NULL: no TLS */
    struct leat_strings proxies;   /* the only addresses that may connect; none: all may */
    unsigned threads;
    unsigned connections_max, per_address_max;
    int64_t memory_bytes;
    int64_t head_bytes; /* a connection's pool, which the library zeroes behind each request */
    int64_t rate_per_address, rate_per_key; /* requests in each window; 0: no limit */
    int64_t rate_window_ms;
    const struct leat_ingest_mount *mounts;
    size_t mount_count;
    struct leat_keyring *keyring;
};

struct leat_ingest_stats {
    _Atomic int64_t succeeded, refused, failed; /* 2xx, 4xx, 5xx */
    _Atomic int64_t received_bytes;             /* of bodies, as they came */
    _Atomic int64_t held_bytes;
    _Atomic int64_t connections;
    _Atomic int64_t slow; /* connections that were cut for it */
    _Atomic int64_t limited[2]; /* 429, by enum leat_limit */
    _Atomic int64_t forgotten;  /* see quota.h */
    struct leat_histogram answer; /* from the head to the answer */
};

struct leat_ingest;

/* What would open refuse? LEAT_ECONFIG names the setting: an address beyond loopback needs a
 * certificate or proxies. */
int leat_ingest_check(const struct leat_ingest_options *options, struct leat_err *err) LEAT_MUST_CHECK;

int leat_ingest_open(const struct leat_ingest_options *options, struct leat_ingest **ret_ingest,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* Listens and takes requests from here on. */
int leat_ingest_start(struct leat_ingest *ingest, struct leat_err *err) LEAT_MUST_CHECK;

/* No request may be with a source any more. Accepts NULL. */
void leat_ingest_close(struct leat_ingest *ingest);

unsigned leat_ingest_port(const struct leat_ingest *ingest);
const struct leat_ingest_stats *leat_ingest_stats(const struct leat_ingest *ingest);
extern const struct leat_metric_desc leat_ingest_metrics[];

#endif
