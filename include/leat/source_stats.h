/*
 * The counters of a source instance. They stand apart from source.h so that the metrics can be
 * described without knowing what a source is.
 *
 * Threads: written by the source's thread, read by any.
 */
#ifndef LEAT_SOURCE_STATS_H
#define LEAT_SOURCE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

/* What the instance tells the world; written by the source's thread, read by any. */
struct leat_source_stats {
    _Atomic int64_t received_bytes; /* from the wire */
    _Atomic int64_t received_messages;
    _Atomic int64_t transactions;        /* commits seen, published or empty */
    _Atomic int64_t events;              /* put into batches */
    _Atomic int64_t repeats_dropped;     /* events that were already stored */
    _Atomic int64_t absent_values;       /* unchanged TOAST and the like, in after images */
    _Atomic int64_t replaced_characters; /* U+FFFD in place of text that was none */
    _Atomic int64_t schema_changes;
    _Atomic int64_t connects;
    _Atomic int64_t lag_bytes; /* log at the source that is not yet durable here; -1 unknown */
    _Atomic int64_t lag_us;    /* age of the oldest change not yet durable; 0: none; -1 unknown */
    _Atomic int64_t retained_bytes;     /* log the source keeps because of us; -1 unknown */
    _Atomic int64_t connected;          /* 0 or 1 */
    _Atomic int64_t last_event_time_us; /* commit time of the last event received */
    _Atomic int64_t last_receive_us;    /* wall time of the last byte from the peer */
};

#endif
