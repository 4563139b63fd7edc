/*
 * What an emitter takes from the stream: events that its filter lets through, each with topic, key
 * and text. One place for all emitters; none of them knows a format.
 *
 *     seek ─▶ next (an event that is wanted; LEAT_EOF: nothing more yet) ─▶ write ─▶ next …
 *
 * Threads: one owner.
 * Errors:  those of the stream: damage is never passed over (I7).
 */
#ifndef PIPELINE_EMIT_INTAKE_H
#define PIPELINE_EMIT_INTAKE_H

#include "codec/form.h"
#include "pipeline/emit_batch.h"
#include "pipeline/stream.h"

struct emit_intake {
    const struct leat_emit_settings *settings;
    const struct leat_emitter_ops *ops;
    const void *ctx; /* a context of the emitter, for ops->encode */
    struct leat_store *store;
    struct leat_stream *stream;
    struct leat_form_settings form_settings;
    const struct leat_form *form;
    struct leat_stream_event event; /* the current one */
    uint64_t position;              /* everything up to it was passed over or given out */
    bool only;                      /* the stream gives the one source that is wanted */
    struct leat_buf topic, key;     /* of the current event */
    int64_t passed;                 /* events that the filter passed over */
};

/* The settings and a context with the options in place must outlive it. */
int emit_intake_open(struct emit_intake *intake, struct leat_store *store,
                     struct leat_err *err) LEAT_MUST_CHECK;
void emit_intake_close(struct emit_intake *intake); /* accepts a zeroed one */

/* The next event will be the first behind `position`. */
int emit_intake_seek(struct emit_intake *intake, uint64_t position,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* Moves to the next event that is wanted, looking at `max` events at most (LEAT_AGAIN: not yet
 * found). LEAT_EOF: `position` is the end of what is durable. */
int emit_intake_next(struct emit_intake *intake, unsigned max,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* Topic and key of the current event. */
int emit_intake_address(struct emit_intake *intake, struct leat_err *err) LEAT_MUST_CHECK;

/* Appends its text; nothing: it is to be passed over. */
int emit_intake_write(struct emit_intake *intake, struct leat_buf *buf,
                      struct leat_err *err) LEAT_MUST_CHECK;

#endif
