/*
 * The emitter's runner from within: what emit_runner.c (life, turns, operators' commands),
 * emit_progress.c (the cursor: where it begins and when it moves), emit_take.c (events into lanes)
 * and emit_again.c (dead letters that are tried again) share. Everything but the last part belongs
 * to the emitter's thread.
 */
#ifndef PIPELINE_EMIT_STATE_H
#define PIPELINE_EMIT_STATE_H

#include "pipeline/emit_intake.h"
#include "pipeline/emit_lane.h"
#include "pipeline/emit_runner.h"

#include <pthread.h>

enum {
    EMIT_ERROR_CLASSES = 8,
    EMIT_AGAIN_MAX = 256 /* dead letters that are tried again in one go */
};

struct leat_emit_runner {
    struct leat_emit_runner_settings settings;
    const struct leat_emit_settings *emit;
    struct leat_emitter_stats stats;
    struct leat_store *store;
    struct leat_delivery *delivery;
    struct emit_lane_shared shared;
    struct emit_intake intake;
    struct emit_lane *lanes;
    unsigned lane_count;
    bool begun;    /* the intake stands at the cursor */
    uint64_t read; /* all up to it is in a lane, or passed over */
    struct leat_delivery_state state;
    uint64_t version;      /* of meta.mdb when it was last looked at */
    int64_t control_ms;    /* monotonic: when it was */
    int64_t stored_ms;     /* … when the cursor was stored */
    int64_t not_before_ms; /* after an error of our own side */
    bool again_wanted;     /* some dead letters are to be tried again: once the lanes are empty */
    uint64_t *again;       /* their sequences, while they are queued */
    size_t again_count;
    int wake_fd;
    pthread_t thread;
    bool started;
    _Atomic bool stopping;
    _Atomic int run_state;
    _Atomic int64_t errors[EMIT_ERROR_CLASSES];
    pthread_mutex_t lock; /* over all below */
    pthread_cond_t end;
    bool ended;
    struct leat_err last_error;
    int64_t since_us;
};

/* --- emit_progress.c ----------------------------------------------------------------------------
 */

/* Loads the cursor, or makes it; the intake stands behind it. */
int emit_begin(struct leat_emit_runner *runner, struct leat_err *err) LEAT_MUST_CHECK;

/* Stores the cursor if it moved; not more often than a few times a second, unless `at_once`. */
int emit_cursor_move(struct leat_emit_runner *runner, bool at_once,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* All is read again behind the stored cursor. Lanes are opened again, so that a destination that is
 * ahead of it says so. */
void emit_forget_all(struct leat_emit_runner *runner);

/* The destination holds less than it told us: it was restored, or its cursor removed. What it lacks
 * is still here, as a rule. */
int emit_set_back(struct leat_emit_runner *runner, uint64_t through,
                  struct leat_err *err) LEAT_MUST_CHECK;

/* --- emit_take.c --------------------------------------------------------------------------------
 */

/* The lane of the intake's current event. */
struct emit_lane *emit_lane_of(struct leat_emit_runner *runner);

/* Writes the current event into a batch. LEAT_OK also when there is nothing to write. */
int emit_write(struct leat_emit_runner *runner, struct emit_batch *batch,
               struct leat_err *err) LEAT_MUST_CHECK;

/* Reads, encodes and puts into lanes for a turn. *ret_more: there is more, and room for it. */
int emit_take_some(struct leat_emit_runner *runner, bool *ret_more,
                   struct leat_err *err) LEAT_MUST_CHECK;

/* --- emit_again.c -------------------------------------------------------------------------------
 */

/* Looks whether an operator wants some letters tried again. */
int emit_again_look(struct leat_emit_runner *runner, struct leat_err *err) LEAT_MUST_CHECK;

/* Queues those letters, once all lanes are empty. */
int emit_again_all(struct leat_emit_runner *runner, struct leat_err *err) LEAT_MUST_CHECK;

#endif
