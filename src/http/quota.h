/*
 * So many requests in so much time, for each of many clients, in bounded memory.
 *
 *     take ─▶ a token of the client's bucket, or exceeded: when to come again
 *
 * A bucket holds `requests` tokens and fills within `window`: a client that was silent may send all
 * of them at once, and then as fast as they come back. What is kept of a bucket is the moment at
 * which it will be full again (generic cell rate algorithm), so that a full one needs no memory at
 * all.
 *
 * Buckets lie in a fixed table, WAYS to a row, found by a salted hash. A row that is full gives the
 * place of the bucket that will be full first. So whoever comes with millions of addresses makes us
 * forget some of them early, in favour of the forgotten, and costs nothing else: no honest client
 * is limited for it. Two clients of one hash share a bucket, once in 2^64.
 *
 * Units:   microseconds, monotonic; seconds rounded up.
 * Bounds:  16 bytes a place; LEAT_QUOTA_REQUESTS_MAX, so that a token's interval is exact enough.
 * Threads: take any, at once; it holds a short lock.
 * Source:  the figures are those of draft-ietf-httpapi-ratelimit-headers.
 */
#ifndef HTTP_QUOTA_H
#define HTTP_QUOTA_H

#include <leat/err.h>
#include <leat/slice.h>

enum { LEAT_QUOTA_REQUESTS_MAX = 1000000 };

struct leat_quota_policy {
    const char *name;  /* as clients see it; static */
    int64_t requests;  /* at least 1 */
    int64_t window_us; /* at least a second */
};

struct leat_quota_state {
    bool exceeded;
    int64_t remaining; /* requests at once, now */
    int64_t reset_s;   /* until all of them are there again */
    int64_t retry_s;   /* exceeded: until one is, at least 1 */
};

struct leat_quota;

/* `places` is rounded up to a power of two. `forgotten` counts buckets that lost their place before
 * they were full; it outlives the quota. */
int leat_quota_new(const struct leat_quota_policy *policy, size_t places,
                   _Atomic int64_t *forgotten, struct leat_quota **ret_quota,
                   struct leat_err *err) LEAT_MUST_CHECK;
void leat_quota_free(struct leat_quota *quota); /* accepts NULL */

struct leat_quota_state leat_quota_take(struct leat_quota *quota, struct leat_slice client,
                                        int64_t now_us);

const struct leat_quota_policy *leat_quota_policy(const struct leat_quota *quota);

#endif
