/*
 * The counters of an emitter instance. They stand apart from emitter.h so that the metrics can be
 * described without knowing what an emitter is.
 *
 *     in = delivered + dead + pending + withdrawn, at any moment: nothing that was taken on
 * vanishes.
 *
 * Threads: written by the emitter's thread, read by any.
 */
#ifndef LEAT_EMITTER_STATS_H
#define LEAT_EMITTER_STATS_H

#include <stdatomic.h>
#include <stdint.h>

struct leat_emitter_stats {
    _Atomic int64_t in;        /* events that the filter let through and that were encoded */
    _Atomic int64_t delivered; /* confirmed by the destination */
    _Atomic int64_t dead;      /* put aside as dead letters */
    _Atomic int64_t pending;   /* neither yet */
    _Atomic int64_t
        withdrawn; /* forgotten, to be read and counted again: a rewind, or trouble of our own */
    _Atomic int64_t passed;  /* events that the filter or the format passed over */
    _Atomic int64_t bytes;   /* encoded, of delivered events */
    _Atomic int64_t batches; /* confirmed */
    _Atomic int64_t retries; /* sessions and batches that were tried again */
    _Atomic int64_t retried; /* dead letters that were delivered after all */
    _Atomic int64_t connects;
    _Atomic int64_t connected; /* lanes that are open */
    _Atomic int64_t cursor; /* all events up to this sequence are delivered, dead or passed over */
    _Atomic int64_t lag_events; /* stored behind the cursor */
    _Atomic int64_t lag_us; /* age of the oldest event that was taken on and is pending; 0: none */
    _Atomic int64_t held_bytes; /* encoded and not yet confirmed */
};

#endif
