#include "pipeline/source_runner.h"

#include <leat/clock.h>
#include <leat/failpoint.h>
#include <leat/hash.h>
#include <leat/log.h>

#include "pipeline/backoff.h"
#include "pipeline/recall.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    READY_LAG_US = 5 * 1000 * 1000, /* a busy source never stands still */
    BACKOFF_BASE_MS = 100,
    BACKOFF_MAX_MS = 30 * 1000,
    STOPPED_RECHECK_MS = 30 * 1000, /* an operator's mend is noticed without a restart */
    POLL_MS = 1000,
    STEADY_MS = 10 * 1000, /* a session this long was a success: back-off starts small again */
    /* a busy source hands over this often at most: commits cost CPU, not only time */
    HAND_OVER_MS = 4,
    HAND_OVER_BYTES = 256 << 10, /* … unless so much is waiting */
    ERROR_CLASSES = 8,
};

struct leat_source_runner {
    struct leat_source_runner_settings settings;
    struct leat_source_stats stats;
    struct leat_store *store;
    struct leat_recall *memory; /* what the source stored earlier */
    bool recalled;
    struct leat_batch *batch;
    struct leat_port *port;
    struct leat_buf token; /* durable */
    struct leat_backoff backoff;
    int wake_fd;
    pthread_t thread;
    bool started;
    _Atomic bool stopping;
    _Atomic int state;
    _Atomic bool caught_up;
    int64_t handed_over_ms; /* monotonic */
    _Atomic int64_t errors[ERROR_CLASSES];
    pthread_mutex_t lock; /* over all below */
    pthread_cond_t end;
    bool ended;
    struct leat_err last_error;
    int64_t since_us;
};

static const char *const STATE_NAMES[] = {"starting", "connecting", "streaming", "stalled",
                                          "backoff",  "stopped",    "ended"};

const char *leat_source_state_name(enum leat_source_state state)
{
    return STATE_NAMES[state];
}

static void state_set(struct leat_source_runner *r, enum leat_source_state state)
{
    if (r->state == (int)state)
        return;
    pthread_mutex_lock(&r->lock);
    r->since_us = leat_clock_wall_us();
    pthread_mutex_unlock(&r->lock);
    r->state = (int)state;
}

static void note_error(struct leat_source_runner *r, const struct leat_err *err)
{
    pthread_mutex_lock(&r->lock);
    r->last_error = *err;
    pthread_mutex_unlock(&r->lock);
    int class = -err->code;
    r->errors[class > 0 && class < ERROR_CLASSES ? class : -LEAT_EBUG]++;
}

/* Empties the eventfd: its count does not matter. */
static void wake_clear(struct leat_source_runner *r)
{
    uint64_t count;
    ssize_t got = read(r->wake_fd, &count, sizeof count);
    (void)got;
}

static void wake_wait(struct leat_source_runner *r, int64_t ms)
{
    struct pollfd fd = {.fd = r->wake_fd, .events = POLLIN};
    poll(&fd, 1, (int)ms);
    wake_clear(r);
}

/* --- a session ---------------------------------------------------------------------------------
 */

static int hand_over(struct leat_source_runner *r, struct leat_err *err)
{
    struct leat_commit *commit;
    int status = leat_batch_take(r->batch, &commit, err);
    if (status)
        return status;
    leat_port_submit(r->port, commit);
    r->handed_over_ms = leat_clock_monotonic_ms();
    return LEAT_OK;
}

/* When what is waiting should be handed over, as long as the committer is free and the batch not
 * full. After a pause that is at once, and always where somebody waits for an answer. */
static int64_t hand_over_due_ms(const struct leat_source_runner *r)
{
    bool at_once = r->settings.ops->ingest || leat_batch_bytes(r->batch) >= HAND_OVER_BYTES;
    return at_once ? 0 : r->handed_over_ms + HAND_OVER_MS;
}

/* Tells the source what became durable (I2). */
static int confirm_durable(struct leat_source_runner *r, struct leat_err *err)
{
    if (!leat_port_durable(r->port, &r->token))
        return LEAT_OK;
    LEAT_FAILPOINT("before_confirm");
    return r->settings.ops->confirm(r->settings.ctx, leat_buf_slice(&r->token), err);
}

/* One round: read, confirm, hand over. */
static int session_step(struct leat_source_runner *r, struct leat_err *err)
{
    const struct leat_source_ops *ops = r->settings.ops;
    bool room = leat_port_room(r->port);
    state_set(r, room ? LEAT_SOURCE_STREAMING : LEAT_SOURCE_STALLED);
    bool waiting = room && leat_batch_pending(r->batch) && leat_port_outstanding(r->port) == 0;
    int64_t until_ms = waiting ? hand_over_due_ms(r) : leat_clock_monotonic_ms() + POLL_MS;
    int status = ops->poll(r->settings.ctx, until_ms, room ? r->batch : NULL, err);
    if (status < 0)
        return status;
    wake_clear(r);
    LEAT_FAILPOINT("after_receive");
    bool pending = leat_batch_pending(r->batch);
    bool idle = leat_port_outstanding(r->port) == 0;
    bool due = idle && leat_clock_monotonic_ms() >= hand_over_due_ms(r);
    int confirmed = confirm_durable(r, err);
    if (confirmed)
        return confirmed;
    if (room && pending && (due || status == LEAT_AGAIN || leat_batch_full(r->batch)))
        return hand_over(r, err);
    r->caught_up |= r->stats.lag_us >= 0 && r->stats.lag_us < READY_LAG_US;
    return LEAT_OK;
}

/* Waits until everything submitted is durable, because the next start begins at the durable token.
 */
static void settle(struct leat_source_runner *r, int64_t until_ms)
{
    while (leat_port_outstanding(r->port)) {
        int64_t left_ms = until_ms - leat_clock_monotonic_ms();
        if (left_ms <= 0 || (r->stopping && until_ms == INT64_MAX))
            return;
        wake_wait(r, left_ms < 200 ? left_ms : 200);
    }
}

/* The end of a healthy session: what was read is stored and confirmed before the connection closes.
 */
static void drain(struct leat_source_runner *r)
{
    struct leat_err err;
    if (leat_batch_pending(r->batch) && leat_port_room(r->port) && hand_over(r, &err))
        leat_log_err(LEAT_LOG_WARN, "source", r->settings.instance, "last batch dropped", &err);
    settle(r, leat_clock_monotonic_ms() + r->settings.drain_ms);
    if (confirm_durable(r, &err))
        leat_log_err(LEAT_LOG_WARN, "source", r->settings.instance, "last confirmation failed",
                     &err);
}

/* Tells the source what it stored before keys were noted; once, because later it knows that itself. */
static int recall(struct leat_source_runner *r, struct leat_err *err)
{
    const struct leat_ingest_ops *ingest = r->settings.ops->ingest;
    if (r->recalled || !ingest || !ingest->recall)
        return LEAT_OK;
    int64_t since_us = ingest->recall_since(r->settings.ctx);
    int status = leat_recall_unnoted(r->memory, since_us, ingest->recall, r->settings.ctx, err);
    if (status)
        leat_err_context(err, "what was stored lately cannot be read");
    r->recalled = !status;
    return status;
}

static int64_t room(const void *store)
{
    return leat_store_left(store);
}

static int session(struct leat_source_runner *r, struct leat_err *err)
{
    const struct leat_source_ops *ops = r->settings.ops;
    struct leat_source_env env = {r->settings.instance,  &r->stats, r->wake_fd,
                                  r->settings.directory, room,      r->store,
                                  r->memory};
    leat_batch_discard(r->batch);
    settle(r, INT64_MAX);
    if (r->stopping)
        return LEAT_OK;
    leat_port_durable(r->port, &r->token);
    state_set(r, LEAT_SOURCE_CONNECTING);
    int status = recall(r, err);
    if (!status)
        status = ops->open(r->settings.ctx, &env, err);
    if (!status)
        status = ops->start(r->settings.ctx, leat_buf_slice(&r->token), err);
    if (!status) {
        r->stats.connected = 1;
        r->stats.connects++;
    }
    int64_t from_ms = leat_clock_monotonic_ms();
    while (!status && !r->stopping)
        status = session_step(r, err);
    if (!status)
        drain(r);
    if (leat_clock_monotonic_ms() - from_ms > STEADY_MS)
        leat_backoff_reset(&r->backoff);
    r->stats.connected = 0;
    r->stats.lag_us = -1;
    r->caught_up = false;
    ops->close(r->settings.ctx);
    return status;
}

/* --- the thread --------------------------------------------------------------------------------
 */

static bool transient(int code)
{
    return code == LEAT_ERETRY || code == LEAT_EPROTO || code == LEAT_AGAIN || code == LEAT_EOF;
}

/* Decides about a failed session; the only place where a source's errors are logged. */
static void recover(struct leat_source_runner *r, const struct leat_err *err)
{
    note_error(r, err);
    bool again = transient(err->code);
    state_set(r, again ? LEAT_SOURCE_BACKOFF : LEAT_SOURCE_STOPPED);
    int64_t delay_ms = again ? leat_backoff_next_ms(&r->backoff) : STOPPED_RECHECK_MS;
    leat_log_err(again ? LEAT_LOG_WARN : LEAT_LOG_ERROR, "source", r->settings.instance,
                 again ? "disconnected" : "stopped", err);
    int64_t until_ms = leat_clock_monotonic_ms() + delay_ms;
    for (int64_t now; !r->stopping && (now = leat_clock_monotonic_ms()) < until_ms;)
        wake_wait(r, until_ms - now);
}

static void *runner_run(void *arg)
{
    struct leat_source_runner *r = arg;
    while (!r->stopping) {
        struct leat_err err = {.code = LEAT_OK};
        if (session(r, &err))
            recover(r, &err);
    }
    state_set(r, LEAT_SOURCE_ENDED);
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    pthread_cond_broadcast(&r->end);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* --- life cycle --------------------------------------------------------------------------------
 */

static int learn(void *arg, uint32_t ref, struct leat_slice bytes, struct leat_err *err)
{
    return leat_batch_learn(arg, ref, bytes, err);
}

static int runner_prepare(struct leat_source_runner *r, struct leat_store *store,
                          struct leat_committer *committer, struct leat_err *err)
{
    struct leat_store_source known = {.id = 0};
    int status = leat_store_source(store, r->settings.instance, &known, err);
    if (status)
        return status;
    r->store = store;
    r->settings.batch.whole = r->settings.ops->ingest != NULL;
    status = leat_batch_new(&r->settings.batch, &known, &r->batch, err);
    if (!status)
        status = leat_store_schemas(store, known.id, learn, r->batch, err);
    if (!status)
        status = leat_recall_new(store, known.id, &r->memory, err);
    r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!status && r->wake_fd < 0)
        status = leat_fail_errno(err, LEAT_ERETRY, errno, "cannot make an eventfd");
    if (!status)
        status = leat_port_new(committer, leat_buf_slice(&known.token), r->wake_fd, &r->port, err);
    leat_buf_append(&r->token, leat_buf_slice(&known.token));
    leat_buf_release(&known.token);
    return status;
}

int leat_source_runner_new(const struct leat_source_runner_settings *settings,
                           struct leat_store *store, struct leat_committer *committer,
                           struct leat_source_runner **ret_runner, struct leat_err *err)
{
    struct leat_source_runner *r = calloc(1, sizeof *r);
    if (!r)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a source");
    r->settings = *settings;
    r->wake_fd = -1;
    r->stats.lag_bytes = r->stats.lag_us = r->stats.retained_bytes = -1;
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r->end, &attr);
    pthread_condattr_destroy(&attr);
    leat_buf_init(&r->token, LEAT_TOKEN_MAX);
    uint64_t seed = leat_hash(leat_slice_text(settings->instance)) ^ (uint64_t)leat_clock_wall_us();
    leat_backoff_init(&r->backoff, BACKOFF_BASE_MS, BACKOFF_MAX_MS, seed);
    int status = runner_prepare(r, store, committer, err);
    if (status) {
        leat_err_context(err, "source %s", settings->instance);
        leat_source_runner_free(r);
        return status;
    }
    *ret_runner = r;
    return LEAT_OK;
}

int leat_source_runner_start(struct leat_source_runner *r, struct leat_err *err)
{
    int errnum = pthread_create(&r->thread, NULL, runner_run, r);
    if (errnum)
        return leat_fail_errno(err, LEAT_ERETRY, errnum, "cannot start the thread of source %s",
                               r->settings.instance);
    r->started = true;
    return LEAT_OK;
}

void leat_source_runner_stop(struct leat_source_runner *r)
{
    r->stopping = true;
    uint64_t one = 1;
    ssize_t written = write(r->wake_fd, &one, sizeof one);
    (void)written;
}

/* By a condition and not pthread_clockjoin_np(), which the thread sanitizer takes for no join. */
bool leat_source_runner_join(struct leat_source_runner *r, int64_t until_ms)
{
    if (!r->started)
        return true;
    until_ms = until_ms > 0 ? until_ms : 0;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    int late = 0;
    pthread_mutex_lock(&r->lock);
    while (!r->ended && !late)
        late = pthread_cond_timedwait(&r->end, &r->lock, &until);
    bool ended = r->ended;
    pthread_mutex_unlock(&r->lock);
    if (!ended)
        return false;
    pthread_join(r->thread, NULL);
    r->started = false;
    return true;
}

void leat_source_runner_free(struct leat_source_runner *r)
{
    if (!r)
        return;
    leat_recall_free(r->memory);
    leat_batch_free(r->batch);
    leat_port_free(r->port);
    leat_buf_release(&r->token);
    if (r->wake_fd >= 0)
        close(r->wake_fd);
    pthread_cond_destroy(&r->end);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

const char *leat_source_runner_instance(const struct leat_source_runner *r)
{
    return r->settings.instance;
}

struct leat_source_stats *leat_source_runner_stats(struct leat_source_runner *r)
{
    return &r->stats;
}

enum leat_source_state leat_source_runner_state(const struct leat_source_runner *r)
{
    return (enum leat_source_state)r->state;
}

const _Atomic int64_t *leat_source_runner_errors(const struct leat_source_runner *r)
{
    return r->errors;
}

void leat_source_runner_last_error(struct leat_source_runner *r, struct leat_err *ret_err,
                                   int64_t *ret_since_us)
{
    pthread_mutex_lock(&r->lock);
    *ret_err = r->last_error;
    *ret_since_us = r->since_us;
    pthread_mutex_unlock(&r->lock);
}

bool leat_source_runner_ready(const struct leat_source_runner *r)
{
    return r->caught_up;
}
