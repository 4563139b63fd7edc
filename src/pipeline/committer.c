#include "pipeline/committer.h"

#include <leat/clock.h>
#include <leat/failpoint.h>
#include <leat/log.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { GROUP_MAX = 256, RETRY_MS = 500, REAP_MS = 60 * 1000 };

struct leat_port {
    struct leat_committer *committer;
    int wake_fd;
    _Atomic size_t queued_bytes;
    _Atomic uint32_t outstanding;
    pthread_mutex_t lock; /* over the two below */
    struct leat_buf token;
    bool token_changed;
};

struct leat_committer {
    struct leat_store *store;
    struct leat_committer_stats stats;
    pthread_t thread;
    bool started;
    int failed_fd;
    int watch_fds[LEAT_WATCHERS_MAX];
    size_t watch_count;
    pthread_mutex_t lock; /* over all below */
    pthread_cond_t wake;
    struct leat_commit *first, **last;
    bool stopping;
    int state;              /* LEAT_OK, LEAT_ERETRY, LEAT_ESTORE */
    struct leat_err reason; /* when state is not LEAT_OK */
};

/* --- ports -------------------------------------------------------------------------------------
 */

int leat_port_new(struct leat_committer *committer, struct leat_slice token, int wake_fd,
                  struct leat_port **ret_port, struct leat_err *err)
{
    struct leat_port *p = calloc(1, sizeof *p);
    if (!p)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a port");
    p->committer = committer;
    p->wake_fd = wake_fd;
    pthread_mutex_init(&p->lock, NULL);
    leat_buf_init(&p->token, LEAT_TOKEN_MAX);
    leat_buf_append(&p->token, token);
    *ret_port = p;
    return LEAT_OK;
}

void leat_port_free(struct leat_port *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock); /* the committer may be leaving port_done() */
    pthread_mutex_unlock(&p->lock);
    pthread_mutex_destroy(&p->lock);
    leat_buf_release(&p->token);
    free(p);
}

bool leat_port_room(const struct leat_port *p)
{
    return p->queued_bytes < LEAT_QUEUE_BYTES;
}

uint32_t leat_port_outstanding(const struct leat_port *p)
{
    return p->outstanding;
}

void leat_port_submit(struct leat_port *p, struct leat_commit *commit)
{
    struct leat_committer *c = p->committer;
    commit->port = p;
    commit->next = NULL;
    p->queued_bytes += commit->bytes;
    p->outstanding++;
    pthread_mutex_lock(&c->lock);
    *c->last = commit;
    c->last = &commit->next;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

bool leat_port_durable(struct leat_port *p, struct leat_buf *token)
{
    pthread_mutex_lock(&p->lock);
    bool changed = p->token_changed;
    p->token_changed = false;
    if (changed) {
        leat_buf_reset(token);
        leat_buf_append(token, leat_buf_slice(&p->token));
    }
    pthread_mutex_unlock(&p->lock);
    return changed;
}

/* Tells the port that this commit is durable, and frees it. All under the lock: as soon as nothing
 * is outstanding, the source's thread may free the port. */
static void port_done(struct leat_commit *commit)
{
    struct leat_port *p = commit->port;
    pthread_mutex_lock(&p->lock);
    if (commit->write.token.ptr) {
        leat_buf_reset(&p->token);
        leat_buf_append(&p->token, commit->write.token);
        p->token_changed = true;
    }
    p->queued_bytes -= commit->bytes;
    p->outstanding--;
    uint64_t one = 1;
    ssize_t written = write(p->wake_fd, &one, sizeof one);
    (void)written; /* a full eventfd is readable, and that is all it is for */
    pthread_mutex_unlock(&p->lock);
    leat_commit_free(commit);
}

/* --- the thread --------------------------------------------------------------------------------
 */

static void wait_ms(struct leat_committer *c, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&c->wake, &c->lock, &until);
}

/* Takes what waits, in order, up to the bounds of one transaction. Called with the lock held. */
static size_t group_take(struct leat_committer *c, struct leat_commit **group)
{
    size_t count = 0, bytes = 0;
    while (c->first && count < GROUP_MAX &&
           (count == 0 || bytes + c->first->bytes <= LEAT_COMMIT_BYTES)) {
        struct leat_commit *commit = c->first;
        c->first = commit->next;
        if (!c->first)
            c->last = &c->first;
        bytes += commit->bytes;
        group[count++] = commit;
    }
    return count;
}

static void state_set(struct leat_committer *c, int state, const struct leat_err *reason)
{
    pthread_mutex_lock(&c->lock);
    c->state = state;
    if (reason)
        c->reason = *reason;
    pthread_mutex_unlock(&c->lock);
    c->stats.full = state == LEAT_ERETRY;
}

/* The store is full: say so once, then wait. False when the daemon is stopping. */
static bool full_wait(struct leat_committer *c, const struct leat_err *err)
{
    if (c->state != LEAT_ERETRY) {
        leat_log_err(LEAT_LOG_ERROR, "store", NULL, "full", err);
        state_set(c, LEAT_ERETRY, err);
    }
    c->stats.retries++;
    leat_store_reap(c->store);
    pthread_mutex_lock(&c->lock);
    if (!c->stopping)
        wait_ms(c, RETRY_MS);
    bool go_on = !c->stopping;
    pthread_mutex_unlock(&c->lock);
    return go_on;
}

static void count_group(struct leat_committer *c, struct leat_commit **group, size_t count,
                        int64_t us)
{
    struct leat_committer_stats *s = &c->stats;
    s->commits++;
    s->commit_us += us;
    if (us > s->commit_us_max)
        s->commit_us_max = us;
    for (size_t i = 0; i < count; i++) {
        s->events += (int64_t)group[i]->events;
        s->blocks += (int64_t)group[i]->write.block_count;
        s->raw_bytes += (int64_t)group[i]->raw_bytes;
        s->stored_bytes += (int64_t)group[i]->bytes;
    }
}

/* One transaction, tried until it is durable, the store fails, or the daemon stops. */
static int group_commit(struct leat_committer *c, struct leat_commit **group, size_t count,
                        struct leat_err *err)
{
    struct leat_store_write writes[GROUP_MAX];
    for (size_t i = 0; i < count; i++)
        writes[i] = group[i]->write;
    for (;;) {
        LEAT_FAILPOINT("before_commit");
        int64_t from_us = leat_clock_monotonic_us();
        int status = leat_store_commit(c->store, writes, count, err);
        if (status == LEAT_OK) {
            LEAT_FAILPOINT("after_commit");
            count_group(c, group, count, leat_clock_monotonic_us() - from_us);
            if (c->state == LEAT_ERETRY) {
                LEAT_INFO("store", NULL, "has room again");
                state_set(c, LEAT_OK, NULL);
            }
            return LEAT_OK;
        }
        if (status != LEAT_ERETRY || !full_wait(c, err))
            return status;
    }
}

static void fail(struct leat_committer *c, const struct leat_err *err)
{
    leat_log_err(LEAT_LOG_ERROR, "store", NULL, "failed", err);
    state_set(c, LEAT_ESTORE, err);
    uint64_t one = 1;
    ssize_t written = write(c->failed_fd, &one, sizeof one);
    (void)written;
}

static void tell_watch(const struct leat_committer *c)
{
    const uint64_t one = 1;
    for (size_t i = 0; i < c->watch_count; i++) {
        ssize_t written = write(c->watch_fds[i], &one, sizeof one);
        (void)written; /* a full eventfd is readable */
    }
}

static void *committer_run(void *arg)
{
    struct leat_committer *c = arg;
    struct leat_commit *group[GROUP_MAX];
    struct leat_err err;
    int64_t reaped_ms = leat_clock_monotonic_ms();
    for (;;) {
        pthread_mutex_lock(&c->lock);
        while (!c->first && !c->stopping)
            wait_ms(c, REAP_MS);
        size_t count = group_take(c, group);
        pthread_mutex_unlock(&c->lock);
        if (!count)
            return NULL;
        int status = group_commit(c, group, count, &err);
        for (size_t i = 0; i < count; i++) {
            if (status == LEAT_OK)
                port_done(group[i]);
            else
                leat_commit_free(group[i]);
        }
        if (status == LEAT_OK)
            tell_watch(c);
        if (status && status != LEAT_ERETRY)
            fail(c, &err);
        if (status)
            return NULL;
        if (leat_clock_monotonic_ms() - reaped_ms > REAP_MS) {
            leat_store_reap(c->store);
            reaped_ms = leat_clock_monotonic_ms();
        }
    }
}

/* --- life cycle --------------------------------------------------------------------------------
 */

int leat_committer_new(struct leat_store *store, struct leat_committer **ret_committer,
                       struct leat_err *err)
{
    struct leat_committer *c = calloc(1, sizeof *c);
    if (!c)
        return leat_fail(err, LEAT_ERETRY, "out of memory for the committer");
    c->store = store;
    c->last = &c->first;
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->wake, &attr);
    pthread_condattr_destroy(&attr);
    *ret_committer = c;
    return LEAT_OK;
}

void leat_committer_watch(struct leat_committer *c, int fd)
{
    if (c->watch_count < LEAT_WATCHERS_MAX)
        c->watch_fds[c->watch_count++] = fd;
}

int leat_committer_start(struct leat_committer *c, int failed_fd, struct leat_err *err)
{
    c->failed_fd = failed_fd;
    int errnum = pthread_create(&c->thread, NULL, committer_run, c);
    if (errnum)
        return leat_fail_errno(err, LEAT_ERETRY, errnum, "cannot start the committer's thread");
    c->started = true;
    return LEAT_OK;
}

void leat_committer_stop(struct leat_committer *c)
{
    if (!c->started)
        return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    c->started = false;
}

void leat_committer_free(struct leat_committer *c)
{
    if (!c)
        return;
    while (c->first) {
        struct leat_commit *next = c->first->next;
        leat_commit_free(c->first);
        c->first = next;
    }
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

const struct leat_committer_stats *leat_committer_stats(const struct leat_committer *c)
{
    return &c->stats;
}

int leat_committer_state(struct leat_committer *c, struct leat_err *err)
{
    pthread_mutex_lock(&c->lock);
    int state = c->state;
    if (state)
        *err = c->reason;
    pthread_mutex_unlock(&c->lock);
    return state;
}
