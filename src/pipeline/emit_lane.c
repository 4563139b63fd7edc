#include "pipeline/emit_lane.h"

#include <leat/clock.h>
#include <leat/failpoint.h>
#include <leat/log.h>

#include <stdlib.h>

enum {
    LANE_BATCHES_MAX = 4,
    LANE_BUSY_BATCHES = 2, /* small ones wait behind so many, so that they become larger */
    ADDRESS_ROOM = 64 << 10,
    IDLE_POLL_MS = 1000,
    STOPPED_MS = 30 * 1000, /* an operator's mend is noticed without a restart */
};

void emit_lane_init(struct emit_lane *lane, struct emit_lane_shared *shared, void *ctx,
                    unsigned index, uint64_t seed)
{
    *lane = (struct emit_lane){.shared = shared, .ctx = ctx, .index = index, .next_number = 1};
    leat_backoff_init(&lane->backoff, shared->settings->retry_min_ms,
                      shared->settings->retry_max_ms, seed);
}

/* --- the queue ----------------------------------------------------------------------------------
 */

static void queue_add(struct emit_lane *lane, struct emit_batch *b)
{
    if (lane->last)
        lane->last->next = b;
    else
        lane->first = b;
    lane->last = b;
    b->next = NULL;
    lane->batches++;
    lane->bytes += b->text.len;
    lane->shared->stats->held_bytes += (int64_t)b->text.len;
}

/* Takes the first batch off the front and frees it; what becomes of its events is the caller's to
 * count. */
static void queue_take(struct emit_lane *lane)
{
    struct emit_batch *b = lane->first;
    lane->first = b->next;
    if (!lane->first)
        lane->last = NULL;
    lane->batches--;
    lane->bytes -= b->text.len;
    lane->shared->stats->held_bytes -= (int64_t)b->text.len;
    emit_batch_free(b);
}

bool emit_lane_room(const struct emit_lane *lane)
{
    size_t large = (size_t)lane->shared->settings->flush_bytes * LANE_BUSY_BATCHES;
    return lane->batches < LANE_BATCHES_MAX && lane->bytes < large;
}

int emit_lane_filling(struct emit_lane *lane, struct emit_batch **ret_batch, struct leat_err *err)
{
    const struct leat_emit_settings *s = lane->shared->settings;
    if (!lane->filling) {
        size_t max = (size_t)s->flush_bytes + (size_t)s->event_bytes_max + ADDRESS_ROOM;
        int status = emit_batch_new(max, &lane->filling, err);
        if (status)
            return status;
        lane->filling->begun_ms = leat_clock_monotonic_ms();
    }
    *ret_batch = lane->filling;
    return LEAT_OK;
}

bool emit_lane_full(const struct emit_lane *lane)
{
    const struct leat_emit_settings *s = lane->shared->settings;
    const struct emit_batch *b = lane->filling;
    return b && b->count &&
           (b->text.len >= (size_t)s->flush_bytes || b->count >= (size_t)s->flush_count);
}

bool emit_lane_due(const struct emit_lane *lane, int64_t now_ms)
{
    const struct leat_emit_settings *s = lane->shared->settings;
    if (!lane->filling || !lane->filling->count)
        return false;
    if (emit_lane_full(lane))
        return true;
    bool old = now_ms - lane->filling->begun_ms >= s->flush_age_ms;
    return old && lane->batches == 0;
}

static void drop_held(struct emit_lane *lane, uint64_t acked);

int emit_lane_flush(struct emit_lane *lane, uint64_t through, struct leat_err *err)
{
    if (!lane->filling || !lane->filling->count)
        return LEAT_OK;
    int status = emit_batch_close(lane->filling, err);
    if (status)
        return status;
    lane->filling->through = through;
    queue_add(lane, lane->filling);
    lane->filling = NULL;
    if (lane->open && lane->shared->ops->keeps_cursor)
        drop_held(lane, lane->through); /* read before the destination had told where it stands */
    return LEAT_OK;
}

void emit_lane_again(struct emit_lane *lane, struct emit_batch *b)
{
    b->through = 0;
    queue_add(lane, b);
}

uint64_t emit_lane_oldest(const struct emit_lane *lane, int64_t *ret_ingested_at_us)
{
    const struct emit_batch *b = lane->first;
    while (b && !b->through)
        b = b->next;
    if (!b)
        b = lane->filling;
    if (!b || !b->count)
        return 0;
    *ret_ingested_at_us = b->items[0].ingested_at_us;
    return b->items[0].sequence;
}

/* --- what becomes of events ---------------------------------------------------------------------
 */

static void count_delivered(struct emit_lane *lane, const struct emit_batch *b)
{
    struct leat_emitter_stats *stats = lane->shared->stats;
    stats->delivered += (int64_t)b->count;
    stats->pending -= (int64_t)b->count;
    stats->bytes += (int64_t)b->text.len;
    stats->batches++;
}

/* A letter that arrived after all is dropped last: a crash before that delivers it once more. */
static int confirm_first(struct emit_lane *lane, struct leat_err *err)
{
    struct emit_batch *b = lane->first;
    count_delivered(lane, b);
    lane->confirmed = b->number;
    lane->outstanding--;
    int status = LEAT_OK;
    if (b->through) {
        lane->through = b->through;
    } else {
        lane->shared->stats->retried++;
        status = leat_delivery_drop(lane->shared->delivery, lane->shared->env.instance,
                                    b->items[0].sequence, err);
    }
    queue_take(lane);
    leat_backoff_reset(&lane->backoff);
    return status == LEAT_EOF ? LEAT_OK : status;
}

static int bury_first(struct emit_lane *lane, const struct leat_err *why, struct leat_err *err)
{
    struct emit_batch *b = lane->first;
    const struct leat_emit_event *e = &b->events[0];
    struct leat_dead_letter letter = {.sequence = e->sequence,
                                      .code = why->code,
                                      .tries = b->tries,
                                      .failed_at_us = leat_clock_wall_us(),
                                      .reason = leat_slice_text(why->text),
                                      .topic = e->topic,
                                      .key = e->key,
                                      .value = e->value};
    LEAT_FAILPOINT("emit_bury");
    int status =
        leat_delivery_bury(lane->shared->delivery, lane->shared->env.instance, &letter, err);
    if (status)
        return status;
    LEAT_ERROR("emitter", lane->shared->env.instance, "dead letter",
               LEAT_F_INT("sequence", (int64_t)e->sequence), LEAT_F_INT("tries", (int64_t)b->tries),
               LEAT_F_TEXT("reason", why->text));
    lane->shared->stats->dead++;
    lane->shared->stats->pending--;
    queue_take(lane);
    leat_backoff_reset(&lane->backoff);
    return LEAT_OK;
}

/* --- a session ----------------------------------------------------------------------------------
 */

void emit_lane_close(struct emit_lane *lane)
{
    if (lane->open)
        lane->shared->stats->connected--;
    lane->shared->ops->close(lane->ctx);
    lane->open = false;
    lane->outstanding = 0;
    for (struct emit_batch *b = lane->first; b; b = b->next)
        b->number = 0;
    lane->next_number = 1;
    lane->confirmed = 0;
}

/* What the destination holds already is not handed in again: the commit whose answer was lost. */
static void drop_held(struct emit_lane *lane, uint64_t acked)
{
    struct emit_batch *again = NULL, **again_end = &again; /* dead letters stay, in front of all */
    while (lane->first && (!lane->first->through || lane->first->items[0].sequence <= acked)) {
        struct emit_batch *b = lane->first;
        size_t held = 0;
        if (!b->through) {
            lane->first = b->next;
            *again_end = b;
            again_end = &b->next;
            continue;
        }
        while (held < b->count && b->items[held].sequence <= acked)
            held++;
        if (held < b->count) {
            lane->shared->stats->delivered += (int64_t)held;
            lane->shared->stats->pending -= (int64_t)held;
            emit_batch_skip(b, held);
            break;
        }
        count_delivered(lane, b);
        queue_take(lane);
    }
    *again_end = lane->first;
    lane->first = again;
    for (lane->last = lane->first; lane->last && lane->last->next;)
        lane->last = lane->last->next;
}

static int lane_open(struct emit_lane *lane, struct leat_err *err)
{
    struct emit_lane_shared *shared = lane->shared;
    struct leat_emitter_env env = shared->env;
    uint64_t acked = env.cursor;
    env.lane = lane->index;
    int status = shared->ops->open(lane->ctx, &env, &acked, err);
    if (status)
        return status;
    lane->open = true;
    shared->stats->connected++;
    shared->stats->connects++;
    if (!shared->ops->keeps_cursor)
        return LEAT_OK;
    uint64_t told = lane->through > shared->reported ? lane->through : shared->reported;
    lane->through = acked;
    if (acked < told)
        return EMIT_LANE_SET_BACK;
    drop_held(lane, acked);
    return LEAT_OK;
}

/* The next batch that was not submitted; NULL: none. */
static struct emit_batch *unsubmitted(const struct emit_lane *lane)
{
    struct emit_batch *b = lane->first;
    while (b && b->number)
        b = b->next;
    return b;
}

static int submit_all(struct emit_lane *lane, bool *ret_any, struct leat_err *err)
{
    struct emit_batch *b;
    while ((b = unsubmitted(lane))) {
        b->number = lane->next_number;
        struct leat_emit_batch handed = {b->events, b->count, b->number, b->through};
        int status = lane->shared->ops->submit(lane->ctx, &handed, err);
        if (status) {
            b->number = 0;
            return status == LEAT_AGAIN ? LEAT_OK : status;
        }
        LEAT_FAILPOINT("emit_submitted");
        lane->next_number++;
        lane->outstanding++;
        *ret_any = true;
    }
    return LEAT_OK;
}

static int take_confirmed(struct emit_lane *lane, uint64_t number, struct leat_err *err)
{
    int status = LEAT_OK;
    if (number >= lane->next_number)
        return leat_fail(err, LEAT_EBUG, "batch %llu was confirmed, but never submitted",
                         (unsigned long long)number);
    LEAT_FAILPOINT("emit_confirmed");
    while (!status && lane->first && lane->first->number && lane->first->number <= number)
        status = confirm_first(lane, err);
    return status;
}

/* --- failures -----------------------------------------------------------------------------------
 */

static void wait_for_retry(struct emit_lane *lane, int64_t ms)
{
    lane->not_before_ms = leat_clock_monotonic_ms() + ms;
    lane->shared->stats->retries++;
}

static int halve(struct emit_lane *lane, struct emit_batch *b, struct leat_err *err)
{
    size_t before = b->text.len;
    int status = emit_batch_cut(b, b->count / 2, err);
    if (status)
        return status;
    lane->batches++;
    lane->bytes += b->next->text.len + b->text.len - before;
    lane->shared->stats->held_bytes += (int64_t)(b->next->text.len + b->text.len) - (int64_t)before;
    if (lane->last == b)
        lane->last = b->next;
    return LEAT_OK;
}

/* Halves until the event is alone; then some tries; then it is put aside, or the emitter stops
 * before it. *ret_decided: the session goes on, whatever is returned to be shown. */
static int refused(struct emit_lane *lane, bool *ret_decided, struct leat_err *err)
{
    struct emit_batch *b = lane->first;
    const struct leat_emit_settings *s = lane->shared->settings;
    struct leat_err why = *err;
    int status = LEAT_OK;
    if (b->count > 1) {
        status = halve(lane, b, err);
    } else if (++b->tries < (uint64_t)s->tries) {
        wait_for_retry(lane, leat_backoff_next_ms(&lane->backoff));
        *ret_decided = true;
        return why.code;
    } else if (s->on_bad_event == LEAT_EMIT_DEAD_LETTER) {
        status = bury_first(lane, &why, err);
    } else {
        b->tries--;
        leat_err_context(err, "sequence %llu", (unsigned long long)b->items[0].sequence);
        leat_err_hint(err, "mend the destination, or set on_bad_event: dead_letter");
        wait_for_retry(lane, STOPPED_MS);
        *ret_decided = true;
        return why.code;
    }
    *ret_decided = status == LEAT_OK;
    return status;
}

static bool transient(int code)
{
    return code == LEAT_ERETRY || code == LEAT_EPROTO || code == LEAT_EOF || code == LEAT_AGAIN;
}

/* The first batch was refused, or the session is over. */
static int failed(struct emit_lane *lane, int status, struct leat_err *err)
{
    bool decided = false;
    if (lane->open && lane->first && (status == LEAT_EDATA || status == LEAT_ELIMIT)) {
        for (struct emit_batch *b = lane->first; b; b = b->next)
            b->number = 0;
        lane->outstanding = 0;
        status = refused(lane, &decided, err);
    }
    if (decided)
        return status;
    emit_lane_close(lane);
    wait_for_retry(lane, transient(status) ? leat_backoff_next_ms(&lane->backoff) : STOPPED_MS);
    return status;
}

/* Nothing is on its way: the emitter may rotate a file, or notice that its connection is gone. */
static int idle(struct emit_lane *lane, struct leat_err *err)
{
    int64_t now_ms = leat_clock_monotonic_ms();
    uint64_t number = lane->confirmed;
    if (now_ms - lane->polled_ms < IDLE_POLL_MS)
        return EMIT_LANE_IDLE;
    lane->polled_ms = now_ms;
    int status = lane->shared->ops->poll(lane->ctx, now_ms, &number, err);
    return status < 0 ? failed(lane, status, err) : EMIT_LANE_IDLE;
}

int emit_lane_step(struct emit_lane *lane, int64_t until_ms, struct leat_err *err)
{
    bool any = false;
    uint64_t number = lane->confirmed;
    if (leat_clock_monotonic_ms() < lane->not_before_ms)
        return EMIT_LANE_IDLE;
    if (lane->open && !lane->first)
        return idle(lane, err);
    int status = lane->open ? LEAT_OK : lane_open(lane, err);
    if (status == EMIT_LANE_SET_BACK)
        return status;
    if (!status)
        status = submit_all(lane, &any, err);
    if ((status == LEAT_EDATA || status == LEAT_ELIMIT) && lane->outstanding)
        status = LEAT_OK; /* what is in front of it is confirmed first; then it comes again */
    if (!status && lane->outstanding)
        status = lane->shared->ops->poll(lane->ctx, until_ms, &number, err);
    if (!status && number > lane->confirmed) {
        any = true;
        status = take_confirmed(lane, number, err);
    }
    if (status && status != LEAT_AGAIN)
        return failed(lane, status, err);
    return any ? LEAT_OK : EMIT_LANE_IDLE;
}

int64_t emit_lane_next_ms(const struct emit_lane *lane)
{
    const struct leat_emit_settings *s = lane->shared->settings;
    if (!lane->open || lane->first)
        return lane->not_before_ms;
    return lane->filling && lane->filling->count ? lane->filling->begun_ms + s->flush_age_ms
                                                 : INT64_MAX;
}

void emit_lane_forget(struct emit_lane *lane)
{
    struct leat_emitter_stats *stats = lane->shared->stats;
    int64_t count = lane->filling ? (int64_t)lane->filling->count : 0;
    for (const struct emit_batch *b = lane->first; b; b = b->next)
        count += (int64_t)b->count;
    stats->withdrawn += count;
    stats->pending -= count;
    while (lane->first)
        queue_take(lane);
    emit_batch_free(lane->filling);
    lane->filling = NULL;
    lane->outstanding = 0;
}

void emit_lane_release(struct emit_lane *lane)
{
    emit_lane_forget(lane);
}
