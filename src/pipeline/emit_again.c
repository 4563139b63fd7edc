/*
 * Dead letters that an operator wants tried again. The event is encoded anew from the stream, with
 * today's settings, and goes out of order as a batch of its own that does not move the cursor. The
 * letter stays until it has arrived, so a crash in between delivers it twice rather than never.
 */
#include "pipeline/emit_state.h"

static int again_find(void *arg, const struct leat_dead_letter *letter, struct leat_err *err)
{
    struct leat_emit_runner *r = arg;
    (void)err;
    r->again_wanted |= letter->again;
    return letter->again ? LEAT_EOF : LEAT_OK;
}

int emit_again_look(struct leat_emit_runner *r, struct leat_err *err)
{
    return leat_delivery_letters(r->delivery, r->settings.instance, 0, again_find, r, err);
}

static int again_one(struct leat_emit_runner *r, uint64_t sequence, struct leat_err *err)
{
    struct emit_batch *b = NULL;
    size_t max = (size_t)r->emit->event_bytes_max + (1 << 20);
    int status = emit_intake_seek(&r->intake, sequence - 1, err);
    if (!status)
        status = leat_stream_next(r->intake.stream, &r->intake.event, err);
    if (!status && r->intake.event.sequence != sequence)
        status = leat_fail(err, LEAT_EDATA, "event %llu is not kept any more",
                           (unsigned long long)sequence);
    if (!status)
        status = emit_intake_address(&r->intake, err);
    if (!status)
        status = emit_batch_new(max, &b, err);
    if (!status)
        status = emit_write(r, b, err);
    if (!status && b->count)
        status = emit_batch_close(b, err);
    if (!status && !b->count) /* the form passes it over now */
        status = leat_delivery_drop(r->delivery, r->settings.instance, sequence, err);
    if (status || !b->count) {
        emit_batch_free(b);
        return status;
    }
    r->stats.in++;
    r->stats.pending++;
    emit_lane_again(emit_lane_of(r), b);
    return LEAT_OK;
}

struct rebury {
    uint64_t sequence;
    struct leat_buf bytes;
    struct leat_dead_letter letter;
    bool found;
};

/* Copies the letter out of the read transaction. */
static int rebury_find(void *arg, const struct leat_dead_letter *letter, struct leat_err *err)
{
    struct rebury *x = arg;
    (void)err;
    if (letter->sequence != x->sequence)
        return LEAT_EOF;
    leat_buf_init(&x->bytes, letter->topic.len + letter->key.len + letter->value.len + 1);
    leat_buf_append(&x->bytes, letter->topic);
    leat_buf_append(&x->bytes, letter->key);
    leat_buf_append(&x->bytes, letter->value);
    x->letter = *letter;
    x->letter.topic.ptr = x->bytes.data;
    x->letter.key.ptr = x->bytes.data + letter->topic.len;
    x->letter.value.ptr = x->letter.key.ptr + letter->key.len;
    x->found = !x->bytes.full;
    return LEAT_EOF;
}

/* It still cannot be encoded: that is the letter's new reason. */
static int again_refused(struct leat_emit_runner *r, uint64_t sequence, const struct leat_err *why,
                         struct leat_err *err)
{
    struct rebury x = {.sequence = sequence};
    int status =
        leat_delivery_letters(r->delivery, r->settings.instance, sequence, rebury_find, &x, err);
    x.letter.again = false;
    x.letter.code = why->code;
    x.letter.reason = leat_slice_text(why->text);
    if (!status && x.found)
        status = leat_delivery_bury(r->delivery, r->settings.instance, &x.letter, err);
    leat_buf_release(&x.bytes);
    return status;
}

static int again_note(void *arg, const struct leat_dead_letter *letter, struct leat_err *err)
{
    struct leat_emit_runner *r = arg;
    (void)err;
    if (letter->again)
        r->again[r->again_count++] = letter->sequence;
    return r->again_count < EMIT_AGAIN_MAX ? LEAT_OK : LEAT_EOF;
}

static int again_try(struct leat_emit_runner *r, uint64_t sequence, struct leat_err *err)
{
    struct leat_err why;
    int status = again_one(r, sequence, &why);
    if (status == LEAT_EDATA || status == LEAT_ELIMIT || status == LEAT_EOF)
        return again_refused(r, sequence, &why, err);
    if (status)
        *err = why;
    return status;
}

static bool lanes_empty(const struct leat_emit_runner *r)
{
    for (unsigned i = 0; i < r->lane_count; i++)
        if (r->lanes[i].first || (r->lanes[i].filling && r->lanes[i].filling->count))
            return false;
    return true;
}

/* When all lanes are empty, for two reasons: what is tried again must not be on its way already,
 * and must not overtake anything of its key. The intake goes back to where it stood. */
int emit_again_all(struct leat_emit_runner *r, struct leat_err *err)
{
    int status = LEAT_OK;
    if (!r->again_wanted)
        return LEAT_OK;
    for (unsigned i = 0; !status && i < r->lane_count; i++)
        status = emit_lane_flush(&r->lanes[i], r->read, err);
    if (status || !lanes_empty(r))
        return status;
    r->again_wanted = false;
    r->again_count = 0;
    status = leat_delivery_letters(r->delivery, r->settings.instance, 0, again_note, r, err);
    for (size_t i = 0; !status && i < r->again_count; i++)
        status = again_try(r, r->again[i], err);
    return status ? status : emit_intake_seek(&r->intake, r->read, err);
}
