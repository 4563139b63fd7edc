#include "metrics/tables.h"

#include <leat/emitter_stats.h>
#include <leat/source_stats.h>

/* clang-format off */
#define COUNTER .type = LEAT_METRIC_COUNTER
#define GAUGE .type = LEAT_METRIC_GAUGE
#define SECONDS .scale = LEAT_METRIC_US_TO_SECONDS

#define AT(member) .offset = offsetof(struct leat_source_stats, member)
const struct leat_metric_desc leat_source_metrics[] = {
    {.name = "leat_source_received_bytes_total", COUNTER, AT(received_bytes),
     .help = "Bytes read from the source."},
    {.name = "leat_source_received_messages_total", COUNTER, AT(received_messages),
     .help = "Messages of the source's protocol."},
    {.name = "leat_source_transactions_total", COUNTER, AT(transactions),
     .help = "Commits seen, with and without events."},
    {.name = "leat_source_events_total", COUNTER, AT(events), .help = "Events put into batches."},
    {.name = "leat_source_repeats_dropped_total", COUNTER, AT(repeats_dropped),
     .help = "Events that the source sent again although they were stored; they were not "
             "stored twice."},
    {.name = "leat_source_absent_values_total", COUNTER, AT(absent_values),
     .help = "Values in after images that the log does not hold, such as unchanged TOAST."},
    {.name = "leat_source_replaced_characters_total", COUNTER, AT(replaced_characters),
     .help = "U+FFFD in place of text that is invalid in its column's character set."},
    {.name = "leat_source_schema_changes_total", COUNTER, AT(schema_changes),
     .help = "New versions of a table's schema."},
    {.name = "leat_source_connects_total", COUNTER, AT(connects),
     .help = "Connections made to the source."},
    {.name = "leat_source_lag_bytes", GAUGE, AT(lag_bytes), .unknown_below_zero = true,
     .help = "Log written at the source and not yet durable here."},
    {.name = "leat_source_lag_seconds", GAUGE, SECONDS, AT(lag_us), .unknown_below_zero = true,
     .help = "Age of the oldest change that is not yet durable here; 0 when caught up."},
    {.name = "leat_source_retained_bytes", GAUGE, AT(retained_bytes), .unknown_below_zero = true,
     .help = "Log that the source keeps because of us."},
    {.name = "leat_source_connected", GAUGE, AT(connected),
     .help = "1 while there is a connection."},
    {.name = "leat_source_last_event_time_seconds", GAUGE, SECONDS, AT(last_event_time_us),
     .help = "Commit time of the last event received, Unix time; 0: none yet."},
    {.name = "leat_source_last_receive_time_seconds", GAUGE, SECONDS, AT(last_receive_us),
     .help = "When the source was last heard of, Unix time; 0: not yet."},
    {.name = NULL},
};
#undef AT

#define CLASS(code, word)                                                     \
    {.name = "leat_source_errors_total", COUNTER,                             \
     .offset = (size_t)-(code) * sizeof(int64_t),                             \
     .label = "class=\"" word "\"", .help = "Failures by the remedy they ask for."}
const struct leat_metric_desc leat_error_metrics[] = {
    CLASS(LEAT_ERETRY, "retry"), CLASS(LEAT_EPROTO, "proto"),   CLASS(LEAT_EDATA, "data"),
    CLASS(LEAT_ELIMIT, "limit"), CLASS(LEAT_ECONFIG, "config"), CLASS(LEAT_ESTORE, "store"),
    CLASS(LEAT_EBUG, "bug"),     {.name = NULL},
};

#define AT(member) .offset = offsetof(struct leat_metrics_state, member)
const struct leat_metric_desc leat_state_metrics[] = {
    {.name = "leat_source_streaming", GAUGE, AT(streaming),
     .help = "1 while changes are being read."},
    {.name = "leat_source_ready", GAUGE, AT(ready),
     .help = "1 when the end of the log was reached since the last connect and all of it is "
             "durable."},
    {.name = "leat_source_stalled", GAUGE, AT(stalled),
     .help = "1 while the source pauses because the store has no room."},
    {.name = "leat_source_stopped", GAUGE, AT(stopped),
     .help = "1 when an operator must act; the log says what to do."},
    {.name = "leat_source_state_changed_time_seconds", GAUGE, SECONDS, AT(since_us),
     .help = "Since when the source is in its state, Unix time."},
    {.name = NULL},
};
#undef AT

#define AT(member) .offset = offsetof(struct leat_emitter_stats, member)
const struct leat_metric_desc leat_emitter_metrics[] = {
    {.name = "leat_emitter_in_total", COUNTER, AT(in),
     .help = "Events that were let through and encoded: in = delivered + dead + pending + withdrawn."},
    {.name = "leat_emitter_delivered_total", COUNTER, AT(delivered),
     .help = "Events that the destination confirmed."},
    {.name = "leat_emitter_dead_total", COUNTER, AT(dead), .help = "Events put aside as dead letters."},
    {.name = "leat_emitter_pending", GAUGE, AT(pending),
     .help = "Events taken on that are neither confirmed nor dead."},
    {.name = "leat_emitter_withdrawn_total", COUNTER, AT(withdrawn),
     .help = "Events forgotten to be read again: a rewind, or trouble on our side."},
    {.name = "leat_emitter_passed_total", COUNTER, AT(passed),
     .help = "Events that the filter or the format passed over."},
    {.name = "leat_emitter_delivered_bytes_total", COUNTER, AT(bytes), .help = "Text of delivered events."},
    {.name = "leat_emitter_batches_total", COUNTER, AT(batches), .help = "Batches that were confirmed."},
    {.name = "leat_emitter_retries_total", COUNTER, AT(retries), .help = "Sessions and batches tried again."},
    {.name = "leat_emitter_retried_total", COUNTER, AT(retried),
     .help = "Dead letters that were delivered after all."},
    {.name = "leat_emitter_connects_total", COUNTER, AT(connects), .help = "Connections to the destination."},
    {.name = "leat_emitter_connected", GAUGE, AT(connected), .help = "Lanes that are open."},
    {.name = "leat_emitter_cursor", GAUGE, AT(cursor),
     .help = "Sequence up to which everything is delivered, dead or passed over."},
    {.name = "leat_emitter_lag_events", GAUGE, AT(lag_events), .help = "Events stored behind the cursor."},
    {.name = "leat_emitter_lag_seconds", GAUGE, SECONDS, AT(lag_us),
     .help = "Since when the oldest pending event is stored; 0: none."},
    {.name = "leat_emitter_held_bytes", GAUGE, AT(held_bytes), .help = "Text that is not yet confirmed."},
    {.name = NULL},
};
#undef AT

#undef CLASS
#define CLASS(code, word)                                                     \
    {.name = "leat_emitter_errors_total", COUNTER,                            \
     .offset = (size_t)-(code) * sizeof(int64_t),                             \
     .label = "class=\"" word "\"", .help = "Failures by the remedy they ask for."}
const struct leat_metric_desc leat_emitter_error_metrics[] = {
    CLASS(LEAT_ERETRY, "retry"), CLASS(LEAT_EPROTO, "proto"),   CLASS(LEAT_EDATA, "data"),
    CLASS(LEAT_ELIMIT, "limit"), CLASS(LEAT_ECONFIG, "config"), CLASS(LEAT_ESTORE, "store"),
    CLASS(LEAT_EBUG, "bug"),     {.name = NULL},
};

#define AT(member) .offset = offsetof(struct leat_metrics_emitter, member)
const struct leat_metric_desc leat_emitter_state_metrics[] = {
    {.name = "leat_emitter_delivering", GAUGE, AT(delivering), .help = "1 while nothing is wrong."},
    {.name = "leat_emitter_paused", GAUGE, AT(paused), .help = "1 while an operator has paused it."},
    {.name = "leat_emitter_stopped", GAUGE, AT(stopped),
     .help = "1 when an operator must act; the log says what to do."},
    {.name = "leat_emitter_state_changed_time_seconds", GAUGE, SECONDS, AT(since_us),
     .help = "Since when the emitter is in its state, Unix time."},
    {.name = NULL},
};
#undef AT

#define AT(member) .offset = offsetof(struct leat_metrics_commit, member)
const struct leat_metric_desc leat_commit_metrics[] = {
    {.name = "leat_committer_commits_total", COUNTER, AT(commits),
     .help = "Transactions of the store, each one fsync."},
    {.name = "leat_committer_commit_seconds_total", COUNTER, SECONDS, AT(commit_us),
     .help = "Time spent in commits; divided by the commits, their mean."},
    {.name = "leat_committer_commit_seconds_max", GAUGE, SECONDS, AT(commit_us_max),
     .help = "Longest commit since the start."},
    {.name = "leat_committer_events_total", COUNTER, AT(events), .help = "Events made durable."},
    {.name = "leat_committer_blocks_total", COUNTER, AT(blocks), .help = "Blocks made durable."},
    {.name = "leat_committer_raw_bytes_total", COUNTER, AT(raw_bytes),
     .help = "Bytes of events before compression."},
    {.name = "leat_committer_stored_bytes_total", COUNTER, AT(stored_bytes),
     .help = "Bytes of events as stored."},
    {.name = "leat_committer_retries_total", COUNTER, AT(retries),
     .help = "Commits put off because the store was full."},
    {.name = "leat_committer_full", GAUGE, AT(full),
     .help = "1 while the store is full: quota, low water or map."},
    {.name = NULL},
};
#undef AT

#define AT(member) .offset = offsetof(struct leat_metrics_store, member)
const struct leat_metric_desc leat_store_metrics[] = {
    {.name = "leat_store_bytes", GAUGE, AT(bytes), .unknown_below_zero = true,
     .help = "Disk used by all segments."},
    {.name = "leat_store_free_bytes", GAUGE, AT(free_bytes), .unknown_below_zero = true,
     .help = "Free space of the store's disk."},
    {.name = "leat_store_quota_bytes", GAUGE, AT(quota_bytes),
     .help = "The configured quota; 0: none."},
    {.name = "leat_store_segments", GAUGE, AT(segments),
     .help = "Segments, the one being written among them."},
    {.name = "leat_store_first_sequence", GAUGE, AT(first_sequence),
     .help = "Sequence of the oldest event; 0: empty."},
    {.name = "leat_store_last_sequence", GAUGE, AT(last_sequence),
     .help = "Sequence of the newest durable event; 0: empty."},
    {.name = "leat_store_oldest_event_time_seconds", GAUGE, SECONDS, AT(oldest_event_us),
     .help = "Event time of the oldest block, Unix time; 0: empty."},
    {.name = NULL},
};
#undef AT

#ifndef LEAT_VERSION
#define LEAT_VERSION "unknown"
#endif
#define AT(member) .offset = offsetof(struct leat_metrics_process, member)
const struct leat_metric_desc leat_process_metrics[] = {
    {.name = "leat_process_anonymous_bytes", GAUGE, AT(anonymous_bytes),
     .unknown_below_zero = true,
     .help = "Private memory (RssAnon), which the configured bounds are about."},
    {.name = "leat_process_file_bytes", GAUGE, AT(file_bytes), .unknown_below_zero = true,
     .help = "Mapped pages of files (RssFile), the store's above all; the kernel takes them "
             "back when it needs to."},
    {.name = "leat_process_cpu_seconds_total", COUNTER, SECONDS, AT(cpu_us),
     .unknown_below_zero = true,
     .help = "Processor time used, user and system."},
    {.name = "leat_process_start_time_seconds", GAUGE, SECONDS, AT(start_us),
     .help = "Start of the process, Unix time."},
    {.name = "leat_process_open_files", GAUGE, AT(open_files), .unknown_below_zero = true,
     .help = "Open file descriptors."},
    {.name = "leat_process_threads", GAUGE, AT(threads), .unknown_below_zero = true,
     .help = "Threads."},
    {.name = "leat_process_version", GAUGE, AT(one), .label = "version=\"" LEAT_VERSION "\"",
     .help = "Always 1; the label tells the version."},
    {.name = NULL},
};
#undef AT
/* clang-format on */
