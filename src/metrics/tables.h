/*
 * What leat measures: the tables, and the structs behind those numbers that no other struct holds
 * in this form.
 *
 *     leat_source_metrics      struct leat_source_stats     the source writes it      label source
 *     leat_error_metrics       _Atomic int64_t [8], -code   the runner writes it      label source
 *     leat_state_metrics       struct leat_metrics_state    a hook of the daemon      label source
 *     leat_emitter_metrics     struct leat_emitter_stats    the emitter's runner       label emitter
 *     leat_emitter_error_metrics  _Atomic int64_t [8]       the runner writes it       label emitter
 *     leat_emitter_state_metrics  struct leat_metrics_emitter  a hook of the daemon    label emitter
 *     leat_commit_metrics      struct leat_metrics_commit   a hook of the daemon
 *     leat_store_metrics       struct leat_metrics_store    a hook of the daemon
 *     leat_process_metrics     struct leat_metrics_process  leat_metrics_process_collect()
 *
 * Metrics know neither store nor pipeline, so their figures are copied by the daemon just before an
 * exposition.
 */
#ifndef METRICS_TABLES_H
#define METRICS_TABLES_H

#include "metrics/metrics.h"

struct leat_metrics_state {
    _Atomic int64_t streaming; /* 0 or 1, as the three below */
    _Atomic int64_t ready;     /* reached the log's end once, and all of it is durable */
    _Atomic int64_t stalled;   /* the store has no room */
    _Atomic int64_t stopped;   /* an operator must act */
    _Atomic int64_t since_us;  /* wall time of the last change of state */
};

struct leat_metrics_emitter {
    _Atomic int64_t delivering; /* 0 or 1, as the two below */
    _Atomic int64_t paused;
    _Atomic int64_t stopped;
    _Atomic int64_t since_us;
};

struct leat_metrics_commit {
    _Atomic int64_t commits;
    _Atomic int64_t commit_us;
    _Atomic int64_t commit_us_max;
    _Atomic int64_t events;
    _Atomic int64_t blocks;
    _Atomic int64_t raw_bytes;
    _Atomic int64_t stored_bytes;
    _Atomic int64_t retries;
    _Atomic int64_t full;
};

struct leat_metrics_store {
    _Atomic int64_t bytes;
    _Atomic int64_t free_bytes;
    _Atomic int64_t quota_bytes;
    _Atomic int64_t segments;
    _Atomic int64_t first_sequence;
    _Atomic int64_t last_sequence;
    _Atomic int64_t oldest_event_us;
};

struct leat_metrics_process {
    _Atomic int64_t anonymous_bytes; /* RssAnon: what the memory bounds speak of (I6) */
    _Atomic int64_t file_bytes;      /* RssFile: pages of the store's maps, the kernel's cache */
    _Atomic int64_t cpu_us;
    _Atomic int64_t start_us;
    _Atomic int64_t open_files;
    _Atomic int64_t threads;
    _Atomic int64_t one; /* 1, for the row that carries the version */
};

extern const struct leat_metric_desc leat_source_metrics[];
extern const struct leat_metric_desc leat_emitter_metrics[]; /* struct leat_emitter_stats */
extern const struct leat_metric_desc leat_emitter_error_metrics[]; /* as leat_error_metrics */
extern const struct leat_metric_desc leat_emitter_state_metrics[]; /* struct leat_metrics_emitter */
extern const struct leat_metric_desc leat_error_metrics[];
extern const struct leat_metric_desc leat_state_metrics[];
extern const struct leat_metric_desc leat_commit_metrics[];
extern const struct leat_metric_desc leat_store_metrics[];
extern const struct leat_metric_desc leat_process_metrics[];

/* Reads /proc/self; what cannot be read becomes -1. The argument is a struct leat_metrics_process:
 * usable as a hook. Blocks on procfs only. */
void leat_metrics_process_collect(void *process);

#endif
