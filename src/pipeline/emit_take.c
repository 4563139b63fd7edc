/* Events out of the stream into the lanes' batches. */
#include "pipeline/emit_state.h"

#include <leat/clock.h>
#include <leat/hash.h>
#include <leat/log.h>

enum {
    LOOK_AT_MAX = 4096, /* events that the filter looks at in one turn */
    TAKE_MAX = 2048,    /* events that are encoded in one turn */
};

/* An event that could not even be encoded is a dead letter without bytes; it stays in the stream.
 */
static int bury_unwritten(struct leat_emit_runner *r, const struct leat_err *why,
                          struct leat_err *err)
{
    struct leat_dead_letter letter = {.sequence = r->intake.event.sequence,
                                      .code = why->code,
                                      .failed_at_us = leat_clock_wall_us(),
                                      .reason = leat_slice_text(why->text),
                                      .topic = leat_buf_slice(&r->intake.topic),
                                      .key = leat_buf_slice(&r->intake.key)};
    if (r->emit->on_bad_event == LEAT_EMIT_STOP) {
        *err = *why;
        leat_err_context(err, "sequence %llu", (unsigned long long)letter.sequence);
        leat_err_hint(err, "raise event_max, or set on_bad_event: dead_letter");
        return LEAT_ECONFIG;
    }
    int status = leat_delivery_bury(r->delivery, r->settings.instance, &letter, err);
    if (status)
        return status;
    LEAT_ERROR("emitter", r->settings.instance, "dead letter",
               LEAT_F_INT("sequence", (int64_t)letter.sequence), LEAT_F_TEXT("reason", why->text));
    r->stats.in++;
    r->stats.dead++;
    return LEAT_OK;
}

struct emit_lane *emit_lane_of(struct leat_emit_runner *r)
{
    const struct emit_intake *in = &r->intake;
    if (r->lane_count == 1)
        return &r->lanes[0];
    uint64_t hash =
        leat_hash(leat_buf_slice(&in->topic)) * 31 + leat_hash(leat_buf_slice(&in->key));
    return &r->lanes[hash % r->lane_count];
}

int emit_write(struct leat_emit_runner *r, struct emit_batch *b, struct leat_err *err)
{
    struct emit_intake *in = &r->intake;
    struct emit_item item;
    int status =
        emit_batch_begin(b, leat_buf_slice(&in->topic), leat_buf_slice(&in->key), &item, err);
    if (status)
        return status;
    size_t start = b->text.len;
    item.sequence = in->event.sequence;
    item.ingested_at_us = in->event.ingested_at_us;
    item.last_of_transaction = in->event.last_of_transaction;
    status = emit_intake_write(in, &b->text, err);
    if (!status && b->text.len - start > (size_t)r->emit->event_bytes_max)
        status =
            leat_fail(err, LEAT_ELIMIT, "the text of the event has %zu bytes, more than event_max",
                      b->text.len - start);
    if (status || b->text.len == start) {
        emit_batch_cancel(b, &item);
        in->passed += !status;
        return status;
    }
    return emit_batch_end(b, &item, err);
}

static int take(struct leat_emit_runner *r, struct leat_err *err)
{
    struct leat_err why;
    struct emit_batch *b;
    int status = emit_intake_address(&r->intake, &why);
    struct emit_lane *lane = emit_lane_of(r);
    if (!status) {
        int made = emit_lane_filling(lane, &b, err);
        if (made)
            return made;
        size_t before = b->count;
        if (!before)
            b->begun_ms = leat_clock_monotonic_ms();
        status = emit_write(r, b, &why);
        r->stats.in += (int64_t)(b->count - before);
        r->stats.pending += (int64_t)(b->count - before);
    }
    if (status == LEAT_EDATA || status == LEAT_ELIMIT)
        return bury_unwritten(r, &why, err);
    if (status)
        *err = why;
    return status;
}

static bool room(const struct leat_emit_runner *r)
{
    for (unsigned i = 0; i < r->lane_count; i++)
        if (!emit_lane_room(&r->lanes[i]))
            return false; /* one full lane holds all: the stream is read once */
    return true;
}

static int flush_due(struct leat_emit_runner *r, struct leat_err *err)
{
    int status = LEAT_OK;
    int64_t now_ms = leat_clock_monotonic_ms();
    for (unsigned i = 0; !status && i < r->lane_count; i++)
        if (emit_lane_due(&r->lanes[i], now_ms))
            status = emit_lane_flush(&r->lanes[i], r->read, err);
    return status;
}

/* Whether a batch is full is looked at after each event, its age at the end. */
static int take_one(struct leat_emit_runner *r, struct leat_err *err)
{
    int status = emit_intake_next(&r->intake, LOOK_AT_MAX, err);
    if (!status)
        status = take(r, err);
    if (status < 0)
        return status;
    r->read = r->intake.position;
    struct emit_lane *lane = status ? NULL : emit_lane_of(r);
    return lane && emit_lane_full(lane) ? emit_lane_flush(lane, r->read, err) : status;
}

int emit_take_some(struct leat_emit_runner *r, bool *ret_more, struct leat_err *err)
{
    int status = LEAT_OK;
    for (unsigned n = 0; n < TAKE_MAX && !status && room(r); n++)
        status = take_one(r, err);
    *ret_more = status != LEAT_EOF && room(r);
    return status < 0 ? status : flush_due(r, err);
}
