#include "http/quota.h"

#include <leat/hash.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

enum { WAYS = 8, SALT_BYTES = 16, CLIENT_BYTES_MAX = 64 };

struct bucket {
    uint64_t hash;   /* 0: nobody's */
    int64_t full_ns; /* when it is full again; past: it is */
};

struct leat_quota {
    struct leat_quota_policy policy;
    int64_t window_ns, interval_ns; /* interval: in which one token comes back */
    uint8_t salt[SALT_BYTES];
    _Atomic int64_t *forgotten;
    pthread_mutex_t lock; /* over the buckets */
    size_t rows;
    struct bucket buckets[];
};

int leat_quota_new(const struct leat_quota_policy *policy, size_t places,
                   _Atomic int64_t *forgotten, struct leat_quota **ret_quota, struct leat_err *err)
{
    size_t rows = 1;
    while (rows * WAYS < places)
        rows *= 2;
    struct leat_quota *q = calloc(1, sizeof *q + rows * WAYS * sizeof q->buckets[0]);
    if (!q)
        return leat_fail(err, LEAT_ERETRY, "out of memory for rate limits");
    if (getrandom(q->salt, sizeof q->salt, 0) != sizeof q->salt) {
        free(q);
        return leat_fail(err, LEAT_ERETRY, "the kernel gives no random bytes");
    }
    q->policy = *policy;
    q->forgotten = forgotten;
    q->window_ns = policy->window_us * 1000;
    q->interval_ns = q->window_ns / policy->requests;
    q->rows = rows;
    pthread_mutex_init(&q->lock, NULL);
    *ret_quota = q;
    return LEAT_OK;
}

void leat_quota_free(struct leat_quota *q)
{
    if (!q)
        return;
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static uint64_t hash_of(const struct leat_quota *q, struct leat_slice client)
{
    uint8_t salted[SALT_BYTES + CLIENT_BYTES_MAX];
    size_t len = client.len < CLIENT_BYTES_MAX ? client.len : CLIENT_BYTES_MAX;
    memcpy(salted, q->salt, SALT_BYTES);
    memcpy(salted + SALT_BYTES, client.ptr, len);
    uint64_t hash = leat_hash(leat_slice_of(salted, SALT_BYTES + len));
    return hash ? hash : 1;
}

/* The client's, or a place for it. */
static struct bucket *bucket_of(struct leat_quota *q, uint64_t hash, int64_t now_ns)
{
    struct bucket *row = q->buckets + (hash & (q->rows - 1)) * WAYS, *first = row;
    for (struct bucket *b = row; b < row + WAYS; b++) {
        if (b->hash == hash)
            return b;
        if (b->full_ns < first->full_ns)
            first = b;
    }
    if (first->full_ns > now_ns)
        (*q->forgotten)++;
    *first = (struct bucket){.hash = hash};
    return first;
}

static int64_t seconds_up(int64_t ns)
{
    return (ns + 999999999) / 1000000000;
}

static struct leat_quota_state take(struct leat_quota *q, struct bucket *b, int64_t now_ns)
{
    int64_t missing_ns = b->full_ns > now_ns ? b->full_ns - now_ns : 0;
    int64_t over_ns = missing_ns + q->interval_ns - q->window_ns;
    struct leat_quota_state state = {.exceeded = over_ns > 0, .retry_s = 0};
    if (state.exceeded)
        state.retry_s = seconds_up(over_ns);
    else
        missing_ns += q->interval_ns;
    b->full_ns = now_ns + missing_ns;
    state.remaining = (q->window_ns - missing_ns) / q->interval_ns;
    if (state.remaining > q->policy.requests)
        state.remaining = q->policy.requests; /* the interval is rounded down */
    state.reset_s = seconds_up(missing_ns);
    return state;
}

struct leat_quota_state leat_quota_take(struct leat_quota *q, struct leat_slice client,
                                        int64_t now_us)
{
    uint64_t hash = hash_of(q, client);
    int64_t now_ns = now_us * 1000;
    pthread_mutex_lock(&q->lock);
    struct leat_quota_state state = take(q, bucket_of(q, hash, now_ns), now_ns);
    pthread_mutex_unlock(&q->lock);
    return state;
}

const struct leat_quota_policy *leat_quota_policy(const struct leat_quota *q)
{
    return &q->policy;
}
