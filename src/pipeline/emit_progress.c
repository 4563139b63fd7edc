/* Where an emitter stands: its cursor, loaded, checked, moved over what is done (I3), and stored.
 */
#include "pipeline/emit_state.h"

#include <leat/clock.h>
#include <leat/failpoint.h>
#include <leat/log.h>

enum { CURSOR_MS = 200 }; /* how often the cursor is stored at most: a crash repeats so much */

/* --- the cursor ---------------------------------------------------------------------------------
 */

struct advance {
    uint64_t cursor, reported, rewinds;
};

/* Never while an operator's rewind is not yet known: it would be undone. */
static bool advance(void *arg, struct leat_delivery_state *state)
{
    const struct advance *a = arg;
    if (state->rewinds != a->rewinds)
        return false;
    state->cursor = a->cursor;
    state->reported = a->reported;
    return true;
}

static int cursor_put(struct leat_emit_runner *r, uint64_t cursor, uint64_t reported,
                      struct leat_err *err)
{
    struct advance a = {cursor, reported, r->state.rewinds};
    struct leat_delivery_state now;
    LEAT_FAILPOINT("emit_before_cursor");
    int status = leat_delivery_update(r->delivery, r->settings.instance, advance, &a, &now, err);
    if (status)
        return status;
    LEAT_FAILPOINT("emit_after_cursor");
    r->stored_ms = leat_clock_monotonic_ms();
    if (now.rewinds == r->state.rewinds) {
        r->state.cursor = cursor;
        r->state.reported = reported;
    }
    return LEAT_OK;
}

/* Everything before the oldest event of all lanes is done (I3). */
static uint64_t done_until(const struct leat_emit_runner *r, int64_t *ret_oldest_us)
{
    uint64_t done = r->read;
    *ret_oldest_us = 0;
    for (unsigned i = 0; i < r->lane_count; i++) {
        int64_t ingested_at_us = 0;
        uint64_t oldest = emit_lane_oldest(&r->lanes[i], &ingested_at_us);
        if (!oldest || oldest > done)
            continue;
        done = oldest - 1;
        *ret_oldest_us = ingested_at_us;
    }
    return done;
}

static void figures(struct leat_emit_runner *r, uint64_t done, int64_t oldest_us)
{
    uint64_t durable = leat_store_durable(r->store);
    int64_t age_us = oldest_us ? leat_clock_wall_us() - oldest_us : 0;
    r->stats.cursor = (int64_t)done;
    r->stats.lag_events = durable > done ? (int64_t)(durable - done) : 0;
    r->stats.lag_us = age_us > 0 ? age_us : 0;
    r->stats.passed += r->intake.passed;
    r->intake.passed = 0;
}

int emit_cursor_move(struct leat_emit_runner *r, bool at_once, struct leat_err *err)
{
    int64_t oldest_us;
    if (!r->begun)
        return LEAT_OK;
    uint64_t done = done_until(r, &oldest_us);
    uint64_t reported = r->settings.ops->keeps_cursor ? r->lanes[0].through : 0;
    figures(r, done, oldest_us);
    bool due = at_once || leat_clock_monotonic_ms() - r->stored_ms >= CURSOR_MS;
    bool moved = done != r->state.cursor || reported > r->state.reported;
    if (!due || !moved)
        return LEAT_OK;
    return cursor_put(r, done, reported > r->state.reported ? reported : r->state.reported, err);
}

/* --- where to begin -----------------------------------------------------------------------------
 */

static int start_resolve(struct leat_emit_runner *r, uint64_t *ret_cursor, struct leat_err *err)
{
    uint64_t first = 1;
    int status = LEAT_OK;
    if (r->settings.start == LEAT_EMIT_NOW)
        first = leat_store_durable(r->store) + 1;
    if (r->settings.start == LEAT_EMIT_SEQUENCE)
        first = r->settings.start_sequence;
    if (r->settings.start == LEAT_EMIT_TIME)
        status = leat_stream_find_since(r->intake.stream, r->settings.start_us, &first, err);
    *ret_cursor = first ? first - 1 : 0;
    return status;
}

/* The stored state; made when there is none, so that `now` stays the same moment after a restart.
 */
static int state_load(struct leat_emit_runner *r, struct leat_err *err)
{
    uint64_t cursor;
    int status = leat_delivery_get(r->delivery, r->settings.instance, &r->state, err);
    if (status != LEAT_EOF)
        return status;
    status = start_resolve(r, &cursor, err);
    if (!status)
        status = cursor_put(r, cursor, 0, err);
    return status ? status : leat_delivery_get(r->delivery, r->settings.instance, &r->state, err);
}

/* What lies behind the cursor must still be there (I10). */
static int cursor_check(struct leat_emit_runner *r, struct leat_err *err)
{
    struct leat_store_usage usage;
    uint64_t durable = leat_store_durable(r->store);
    int status = leat_store_reader_usage(leat_stream_reader(r->intake.stream), &usage, err);
    if (status)
        return status;
    if (r->state.cursor > durable) {
        leat_fail(
            err, LEAT_ECONFIG,
            "the cursor %llu is ahead of the stream, which ends at %llu: was the store set back?",
            (unsigned long long)r->state.cursor, (unsigned long long)durable);
    } else if (usage.first_sequence && r->state.cursor + 1 < usage.first_sequence) {
        leat_fail(err, LEAT_ECONFIG, "events %llu to %llu are not kept any more",
                  (unsigned long long)r->state.cursor + 1,
                  (unsigned long long)usage.first_sequence - 1);
    } else {
        return LEAT_OK;
    }
    leat_err_hint(
        err, "leat emitters rewind %s beginning, or another place, once you know what that means",
        r->settings.instance);
    return LEAT_ECONFIG;
}

void emit_forget_all(struct leat_emit_runner *r)
{
    for (unsigned i = 0; i < r->lane_count; i++) {
        emit_lane_close(&r->lanes[i]);
        emit_lane_forget(&r->lanes[i]);
    }
    r->begun = false;
}

int emit_begin(struct leat_emit_runner *r, struct leat_err *err)
{
    int status = state_load(r, err);
    if (!status)
        status = cursor_check(r, err);
    if (!status)
        status = emit_intake_seek(&r->intake, r->state.cursor, err);
    if (status)
        return status;
    r->read = r->state.cursor;
    r->shared.env.cursor = r->state.cursor;
    r->shared.env.rewinds = r->state.rewinds;
    r->shared.reported = r->state.reported;
    r->begun = true;
    return LEAT_OK;
}

int emit_set_back(struct leat_emit_runner *r, uint64_t through, struct leat_err *err)
{
    LEAT_WARN("emitter", r->settings.instance, "the destination was set back",
              LEAT_F_INT("from", (int64_t)r->shared.reported), LEAT_F_INT("to", (int64_t)through));
    emit_forget_all(r);
    r->shared.reported = through;
    return cursor_put(r, through, through, err);
}
