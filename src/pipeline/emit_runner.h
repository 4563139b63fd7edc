/*
 * Runs one emitter instance in its own thread: read from its cursor on, filter, encode, deliver by
 * lanes, and move the cursor over what is done.
 *
 *      starting ─▶ connecting ─▶ delivering ──▶ (error) ──▶ backoff ──▶ connecting
 *                                   │  ▲                       │
 *                                   ▼  └── resume              └──▶ stopped (an operator must act;
 * looked at paused                              again every 30 s)
 *
 * The cursor is the last sequence before the oldest event of any lane that is neither delivered nor
 * a dead letter: a contiguous prefix (I3). It is stored when it moved, a few times a second and at
 * the end; a crash in between delivers what was behind it again, unless the destination keeps the
 * cursor itself.
 *
 * Operators' commands write to meta.mdb (store/delivery.h); the runner looks there a few times a
 * second.
 *
 * Threads: new, start, stop, free from main; state and stats from any.
 */
#ifndef PIPELINE_EMIT_RUNNER_H
#define PIPELINE_EMIT_RUNNER_H

#include <leat/emitter.h>

#include "store/store.h"

enum leat_emitter_state {
    LEAT_EMITTER_STARTING,
    LEAT_EMITTER_CONNECTING,
    LEAT_EMITTER_DELIVERING,
    LEAT_EMITTER_PAUSED,  /* by `leat emitters pause` */
    LEAT_EMITTER_BACKOFF, /* a transient failure; tries again by itself */
    LEAT_EMITTER_STOPPED, /* an operator must act */
    LEAT_EMITTER_ENDED,
};

enum leat_emit_start { LEAT_EMIT_BEGINNING, LEAT_EMIT_NOW, LEAT_EMIT_SEQUENCE, LEAT_EMIT_TIME };

struct leat_emit_runner;

struct leat_emit_runner_settings {
    const char *instance; /* lives as long as the runner */
    const struct leat_emitter_ops *ops;
    void *ctx; /* ops->ctx_size bytes, options in place: the first lane's; others are copies */
    const char *directory;      /* the store's */
    enum leat_emit_start start; /* where it begins when it has no cursor yet */
    uint64_t start_sequence;    /* the first event to be delivered */
    int64_t start_us;           /* stored then or later */
    int64_t drain_ms;           /* how long stop waits for what is on its way */
};

int leat_emit_runner_new(const struct leat_emit_runner_settings *settings, struct leat_store *store,
                         struct leat_emit_runner **ret_runner,
                         struct leat_err *err) LEAT_MUST_CHECK;

int leat_emit_runner_start(struct leat_emit_runner *runner, struct leat_err *err) LEAT_MUST_CHECK;
void leat_emit_runner_stop(struct leat_emit_runner *runner); /* asks; returns at once */

/* Waits for the thread until `until_ms` (monotonic). False: it is still busy, do not free. */
bool leat_emit_runner_join(struct leat_emit_runner *runner, int64_t until_ms);
void leat_emit_runner_free(
    struct leat_emit_runner *runner); /* joined or never started; accepts NULL */

/* An eventfd to be written when something was stored. */
int leat_emit_runner_wake_fd(const struct leat_emit_runner *runner);

const char *leat_emit_runner_instance(const struct leat_emit_runner *runner);
const char *leat_emit_runner_type(const struct leat_emit_runner *runner);
struct leat_emitter_stats *leat_emit_runner_stats(struct leat_emit_runner *runner);
enum leat_emitter_state leat_emit_runner_state(const struct leat_emit_runner *runner);
const char *leat_emitter_state_name(enum leat_emitter_state state);

/* Errors by class since the start, indexed by -code. */
const _Atomic int64_t *leat_emit_runner_errors(const struct leat_emit_runner *runner);

/* The last failure and since when the emitter is in its state (wall µs); text "" if there was none.
 */
void leat_emit_runner_last_error(struct leat_emit_runner *runner, struct leat_err *ret_err,
                                 int64_t *ret_since_us);

#endif
