#include "pipeline/emit_runner.h"

#include <leat/clock.h>
#include <leat/failpoint.h>
#include <leat/hash.h>
#include <leat/log.h>

#include "pipeline/emit_state.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    CONTROL_MS = 250, /* how often operators' commands are looked for */
    POLL_MS = 1000,
    BETWEEN_MS = 5, /* a lane's poll while another has something to do */
    STOPPED_MS = 30 * 1000,
};

static const char *const STATE_NAMES[] = {"starting", "connecting", "delivering", "paused",
                                          "backoff",  "stopped",    "ended"};

const char *leat_emitter_state_name(enum leat_emitter_state state)
{
    return STATE_NAMES[state];
}

static void state_set(struct leat_emit_runner *r, enum leat_emitter_state state)
{
    if (r->run_state == (int)state)
        return;
    pthread_mutex_lock(&r->lock);
    r->since_us = leat_clock_wall_us();
    pthread_mutex_unlock(&r->lock);
    r->run_state = (int)state;
}

static bool transient(int code)
{
    return code == LEAT_ERETRY || code == LEAT_EPROTO;
}

/* The only place where an emitter's errors are logged. */
static void note_error(struct leat_emit_runner *r, const struct leat_err *err)
{
    bool again = transient(err->code);
    pthread_mutex_lock(&r->lock);
    r->last_error = *err;
    pthread_mutex_unlock(&r->lock);
    int class = -err->code;
    r->errors[class > 0 && class < EMIT_ERROR_CLASSES ? class : -LEAT_EBUG]++;
    state_set(r, again || err->code == LEAT_EDATA ? LEAT_EMITTER_BACKOFF : LEAT_EMITTER_STOPPED);
    leat_log_err(again ? LEAT_LOG_WARN : LEAT_LOG_ERROR, "emitter", r->settings.instance,
                 again ? "cannot deliver" : "delivery refused", err);
}

static void wake_wait(struct leat_emit_runner *r, int64_t ms)
{
    struct pollfd fd = {.fd = r->wake_fd, .events = POLLIN};
    uint64_t count;
    if (poll(&fd, 1, (int)ms) > 0 && read(r->wake_fd, &count, sizeof count) < 0)
        return; /* somebody was quicker */
}

/* --- operators' commands ------------------------------------------------------------------------
 */

static void rewound(struct leat_emit_runner *r, const struct leat_delivery_state *now)
{
    LEAT_INFO("emitter", r->settings.instance, "rewound",
              LEAT_F_INT("cursor", (int64_t)now->cursor));
    emit_forget_all(r);
    for (unsigned i = 0; i < r->lane_count; i++) {
        r->lanes[i].through = 0;
        r->lanes[i].not_before_ms = 0;
    }
    r->not_before_ms = 0;
}

static int control(struct leat_emit_runner *r, struct leat_err *err)
{
    int64_t now_ms = leat_clock_monotonic_ms();
    struct leat_delivery_state now;
    if (now_ms - r->control_ms < CONTROL_MS)
        return LEAT_OK;
    r->control_ms = now_ms;
    uint64_t version = leat_delivery_version(r->delivery);
    if (version == r->version)
        return LEAT_OK;
    int status = leat_delivery_get(r->delivery, r->settings.instance, &now, err);
    if (status)
        return status == LEAT_EOF ? LEAT_OK : status;
    bool known = r->state.name[0];
    if (known && now.rewinds != r->state.rewinds)
        rewound(r, &now);
    if (known && now.paused != r->state.paused)
        LEAT_INFO("emitter", r->settings.instance, now.paused ? "paused" : "resumed");
    r->state = now;
    r->version = version;
    return emit_again_look(r, err);
}

/* --- a turn -------------------------------------------------------------------------------------
 */

/* True while some lane has something on its way. */
static bool busy(const struct leat_emit_runner *r)
{
    for (unsigned i = 0; i < r->lane_count; i++)
        if (r->lanes[i].outstanding)
            return true;
    return false;
}

static int64_t next_ms(const struct leat_emit_runner *r, int64_t until_ms)
{
    for (unsigned i = 0; i < r->lane_count; i++) {
        int64_t lane_ms = emit_lane_next_ms(&r->lanes[i]);
        until_ms = lane_ms < until_ms ? lane_ms : until_ms;
    }
    return until_ms;
}

/* A step of every lane. A failed one has closed itself and comes back; the others go on. */
static int step_lanes(struct leat_emit_runner *r, bool more, bool *ret_any, struct leat_err *err)
{
    int64_t now_ms = leat_clock_monotonic_ms();
    int64_t patience_ms = more ? 0 : r->lane_count > 1 ? BETWEEN_MS : CONTROL_MS;
    for (unsigned i = 0; i < r->lane_count; i++) {
        struct leat_err why;
        bool was_open = r->lanes[i].open;
        if (!was_open && now_ms >= r->lanes[i].not_before_ms)
            state_set(r, LEAT_EMITTER_CONNECTING);
        int status = emit_lane_step(&r->lanes[i], now_ms + patience_ms, &why);
        if (status == EMIT_LANE_SET_BACK)
            return emit_set_back(r, r->lanes[i].through, err);
        if (status < 0)
            note_error(r, &why);
        else if (r->lanes[i].open && (status == LEAT_OK || !was_open))
            state_set(r, LEAT_EMITTER_DELIVERING);
        *ret_any |= status == LEAT_OK;
    }
    return LEAT_OK;
}

/* The commits that it tells of are seen by what is read behind this. */
static void wake_clear(struct leat_emit_runner *r)
{
    uint64_t count;
    ssize_t got = read(r->wake_fd, &count, sizeof count);
    (void)got;
}

static int paused(struct leat_emit_runner *r, struct leat_err *err)
{
    state_set(r, LEAT_EMITTER_PAUSED);
    int status = emit_cursor_move(r, true, err);
    if (!status)
        wake_wait(r, CONTROL_MS);
    return status;
}

static int turn(struct leat_emit_runner *r, struct leat_err *err)
{
    bool more = false, any = false;
    wake_clear(r);
    int status = control(r, err);
    if (!status && !r->begun)
        status = emit_begin(r, err);
    if (!status && r->state.paused && !busy(r))
        return paused(r, err);
    if (!status && !r->state.paused)
        status = emit_again_all(r, err);
    if (!status && !r->state.paused && !r->again_wanted)
        status = emit_take_some(r, &more, err);
    if (!status)
        status = step_lanes(r, more, &any, err);
    if (!status)
        status = emit_cursor_move(r, false, err);
    if (status || more || any)
        return status;
    int64_t wait_ms =
        next_ms(r, leat_clock_monotonic_ms() + CONTROL_MS) - leat_clock_monotonic_ms();
    if (!busy(r) && wait_ms > 0)
        wake_wait(r, wait_ms);
    return LEAT_OK;
}

/* What is in the lanes is delivered, if that goes quickly; nothing more is read. */
static void drain(struct leat_emit_runner *r)
{
    int64_t until_ms = leat_clock_monotonic_ms() + r->settings.drain_ms;
    struct leat_err err;
    while (busy(r) && leat_clock_monotonic_ms() < until_ms) {
        bool any = false;
        if (step_lanes(r, false, &any, &err))
            break;
    }
    if (emit_cursor_move(r, true, &err))
        note_error(r, &err);
    for (unsigned i = 0; i < r->lane_count; i++)
        emit_lane_close(&r->lanes[i]);
}

/* An error of our own side: store, memory, settings. */
static void pause_after(struct leat_emit_runner *r, const struct leat_err *err)
{
    note_error(r, err);
    state_set(r, transient(err->code) ? LEAT_EMITTER_BACKOFF : LEAT_EMITTER_STOPPED);
    int64_t until_ms = leat_clock_monotonic_ms() + (transient(err->code) ? POLL_MS : STOPPED_MS);
    r->not_before_ms = until_ms;
    emit_forget_all(r);
    struct leat_err ignored;
    while (!r->stopping && leat_clock_monotonic_ms() < r->not_before_ms) {
        wake_wait(r, CONTROL_MS);
        if (control(r, &ignored))
            continue; /* the same error stands already */
    }
}

static void *runner_run(void *arg)
{
    struct leat_emit_runner *r = arg;
    while (!r->stopping) {
        struct leat_err err = {.code = LEAT_OK};
        if (turn(r, &err) < 0 && !r->stopping)
            pause_after(r, &err);
    }
    drain(r);
    state_set(r, LEAT_EMITTER_ENDED);
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    pthread_cond_broadcast(&r->end);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* --- life cycle ---------------------------------------------------------------------------------
 */

static int lanes_make(struct leat_emit_runner *r, struct leat_err *err)
{
    const struct leat_emitter_ops *ops = r->settings.ops;
    unsigned max = ops->lanes_max ? ops->lanes_max : 1;
    uint64_t seed =
        leat_hash(leat_slice_text(r->settings.instance)) ^ (uint64_t)leat_clock_wall_us();
    r->lane_count = (unsigned)r->emit->lanes < max ? (unsigned)r->emit->lanes : max;
    r->lanes = calloc(r->lane_count, sizeof *r->lanes);
    r->again = calloc(EMIT_AGAIN_MAX, sizeof *r->again);
    bool made = r->lanes && r->again;
    for (unsigned i = 0; made && i < r->lane_count; i++) {
        void *ctx = i ? calloc(1, ops->ctx_size) : r->settings.ctx;
        made = ctx != NULL;
        if (i && made)
            memcpy(ctx, r->settings.ctx, ops->ctx_size);
        emit_lane_init(&r->lanes[i], &r->shared, ctx, i, seed + i);
    }
    return made ? LEAT_OK : leat_fail(err, LEAT_ERETRY, "out of memory for lanes");
}

static int runner_prepare(struct leat_emit_runner *r, struct leat_err *err)
{
    r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->shared = (struct emit_lane_shared){.ops = r->settings.ops,
                                          .settings = r->emit,
                                          .env = {.instance = r->settings.instance,
                                                  .wake_fd = r->wake_fd,
                                                  .stopping = &r->stopping,
                                                  .directory = r->settings.directory,
                                                  .store = leat_store_tag(r->store)},
                                          .stats = &r->stats};
    int status = r->wake_fd < 0
                     ? leat_fail_errno(err, LEAT_ERETRY, errno, "cannot make an eventfd")
                     : leat_delivery_open(r->settings.directory, r->store, &r->delivery, err);
    if (!status)
        status = lanes_make(r, err);
    if (status)
        return status;
    r->shared.delivery = r->delivery;
    r->shared.env.lanes = r->lane_count;
    r->intake =
        (struct emit_intake){.settings = r->emit, .ops = r->settings.ops, .ctx = r->settings.ctx};
    return emit_intake_open(&r->intake, r->store, err);
}

int leat_emit_runner_new(const struct leat_emit_runner_settings *settings, struct leat_store *store,
                         struct leat_emit_runner **ret_runner, struct leat_err *err)
{
    struct leat_emit_runner *r = calloc(1, sizeof *r);
    if (!r)
        return leat_fail(err, LEAT_ERETRY, "out of memory for an emitter");
    r->settings = *settings;
    r->emit = settings->ctx;
    r->store = store;
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r->end, &attr);
    pthread_condattr_destroy(&attr);
    int status = runner_prepare(r, err);
    if (status) {
        leat_err_context(err, "emitter %s", settings->instance);
        leat_emit_runner_free(r);
        return status;
    }
    *ret_runner = r;
    return LEAT_OK;
}

int leat_emit_runner_start(struct leat_emit_runner *r, struct leat_err *err)
{
    int errnum = pthread_create(&r->thread, NULL, runner_run, r);
    if (errnum)
        return leat_fail_errno(err, LEAT_ERETRY, errnum, "cannot start the thread of emitter %s",
                               r->settings.instance);
    r->started = true;
    return LEAT_OK;
}

void leat_emit_runner_stop(struct leat_emit_runner *r)
{
    r->stopping = true;
    uint64_t one = 1;
    ssize_t written = write(r->wake_fd, &one, sizeof one);
    (void)written;
}

/* By a condition, as the source runner. */
bool leat_emit_runner_join(struct leat_emit_runner *r, int64_t until_ms)
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

void leat_emit_runner_free(struct leat_emit_runner *r)
{
    if (!r)
        return;
    for (unsigned i = 0; r->lanes && i < r->lane_count; i++) {
        if (r->lanes[i].shared)
            emit_lane_release(&r->lanes[i]);
        if (i)
            free(r->lanes[i].ctx);
    }
    free(r->lanes);
    free(r->again);
    emit_intake_close(&r->intake);
    leat_delivery_close(r->delivery);
    if (r->wake_fd >= 0)
        close(r->wake_fd);
    pthread_cond_destroy(&r->end);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

int leat_emit_runner_wake_fd(const struct leat_emit_runner *r)
{
    return r->wake_fd;
}

const char *leat_emit_runner_instance(const struct leat_emit_runner *r)
{
    return r->settings.instance;
}

const char *leat_emit_runner_type(const struct leat_emit_runner *r)
{
    return r->settings.ops->name;
}

struct leat_emitter_stats *leat_emit_runner_stats(struct leat_emit_runner *r)
{
    return &r->stats;
}

enum leat_emitter_state leat_emit_runner_state(const struct leat_emit_runner *r)
{
    return (enum leat_emitter_state)r->run_state;
}

const _Atomic int64_t *leat_emit_runner_errors(const struct leat_emit_runner *r)
{
    return r->errors;
}

void leat_emit_runner_last_error(struct leat_emit_runner *r, struct leat_err *ret_err,
                                 int64_t *ret_since_us)
{
    pthread_mutex_lock(&r->lock);
    *ret_err = r->last_error;
    *ret_since_us = r->since_us;
    pthread_mutex_unlock(&r->lock);
}
