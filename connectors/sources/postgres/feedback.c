/*
 * What the server hears from us. Three rules keep it both safe and quick:
 *
 *   - only what is durable is confirmed (I2); a keepalive's position becomes our position first, is
 * stored like any other, and is confirmed then: so the store always knows everything that was ever
 * confirmed
 *   - a status update goes out on a timer that nothing can block, at a quarter of
 * wal_sender_timeout at the latest
 *   - questions are answered, but ten times a second at most: a server that shuts down asks without
 * end
 */
#include "sources/postgres/postgres.h"

#include <leat/clock.h>

#include <inttypes.h>

enum {
    STATUS_MAX_MS = 10 * 1000,
    ANSWER_MIN_MS = 100,
    ASK_AFTER_MAX_MS = 10 * 1000, /* a server that says nothing for so long is asked … */
    SILENCE_GRACE_MS = 5 * 1000,
};
static const uint64_t ADOPT_BYTES = 16 << 20;

void pg_feedback_init(struct pg_source *s)
{
    int64_t now = leat_clock_monotonic_ms(), timeout = s->settings.wal_sender_timeout_ms;
    s->feedback = (struct pg_feedback){
        .durable_lsn = s->position.lsn,
        .durable_ms = now,
        .due = true,
        .answered_ms = now - ANSWER_MIN_MS,
        .asked_ms = now,
        .status_limit_ms = timeout / 4 < STATUS_MAX_MS ? timeout / 4 : STATUS_MAX_MS,
        .receive_limit_ms = timeout + SILENCE_GRACE_MS,
        .ask_after_ms = timeout / 2 < ASK_AFTER_MAX_MS ? timeout / 2 : ASK_AFTER_MAX_MS,
    };
}

void pg_feedback_adopt(struct pg_source *s)
{
    struct pg_feedback *f = &s->feedback;
    int64_t now = leat_clock_monotonic_ms();
    if (s->transaction.open || f->keepalive_lsn <= s->position.lsn || s->position.transaction_lsn)
        return;
    bool soon = f->owed && now - f->adopted_ms >= ANSWER_MIN_MS;
    bool far = f->keepalive_lsn - s->position.lsn >= ADOPT_BYTES;
    if (!soon && !far && now - f->adopted_ms < s->settings.confirm_interval_ms)
        return;
    s->position.lsn = f->keepalive_lsn;
    s->position_moved = true;
    f->adopted_ms = now;
}

void pg_feedback_keepalive(struct pg_source *s, const struct pg_wal_message *wal)
{
    s->feedback.owed |= wal->reply_requested;
    if (wal->lsn > s->feedback.keepalive_lsn)
        s->feedback.keepalive_lsn = wal->lsn;
    pg_feedback_adopt(s);
}

void pg_feedback_durable(struct pg_source *s, uint64_t lsn)
{
    if (lsn <= s->feedback.durable_lsn)
        return;
    s->feedback.durable_lsn = lsn;
    s->feedback.durable_ms = leat_clock_monotonic_ms();
    s->feedback.due = true;
}

int64_t pg_feedback_due_ms(const struct pg_source *s)
{
    const struct pg_feedback *f = &s->feedback;
    int64_t due = s->walsender.status_ms + f->status_limit_ms;
    if (f->due && s->walsender.status_ms + s->settings.confirm_interval_ms < due)
        due = s->walsender.status_ms + s->settings.confirm_interval_ms;
    if (f->owed && f->answered_ms + ANSWER_MIN_MS < due)
        due = f->answered_ms + ANSWER_MIN_MS;
    return due;
}

/* Only while we listen: a stalled store is our silence, not the server's. */
static int check_silence(struct pg_source *s, int64_t now, bool *ret_ask, struct leat_err *err)
{
    int64_t silent = now - s->walsender.received_ms;
    if (silent > s->feedback.receive_limit_ms)
        return leat_fail(err, LEAT_ERETRY, "nothing was heard from the server for %" PRId64 " ms",
                         silent);
    int64_t patience = s->feedback.ask_after_ms;
    *ret_ask = silent > patience && now - s->feedback.asked_ms > patience;
    if (*ret_ask)
        s->feedback.asked_ms = now;
    return LEAT_OK;
}

int pg_feedback_service(struct pg_source *s, struct leat_err *err)
{
    int64_t now = leat_clock_monotonic_ms();
    bool ask = false;
    int status = check_silence(s, now, &ask, err);
    if (status || (!ask && now < pg_feedback_due_ms(s)))
        return status;
    if (s->feedback.owed)
        s->feedback.answered_ms = now;
    s->feedback.owed = s->feedback.due = false;
    return pg_walsender_status(&s->walsender, s->feedback.durable_lsn, ask, err);
}
