/*
 * Metrics are tables over counters that exist anyway. A table says for each metric where its number
 * stands in some struct; the exposition walks tables and loads numbers. Nothing is called on a hot
 * path, and a counter costs its owner one relaxed add.
 *
 *     table (name, type, help, offset, scale)  ×  registration (labels, base)  ──▶  Prometheus text
 *
 *     leat_source_events_total{source="shop"} 1024
 *
 * Names are leat_<component>_<thing>_<base unit>[_total]; numbers keep the unit they are counted
 * in, and `scale` makes seconds of microseconds. Series of one metric stand together whatever the
 * order of registration.
 *
 * Order:     new → register, hook … → expose (any number of times) → unregister → free.
 * Ownership: labels are copied; tables and bases must live until unregistered.
 * Bounds:    the buffer that is exposed into; LEAT_METRICS_LABEL_MAX bytes of labels per
 *            registration.
 * Threads:   all calls from any thread; expose holds the registry's lock while it reads and runs
 *            the hooks, so a base may be freed as soon as unregister has returned. A hook must not
 *            call the registry.
 * Source:    Prometheus text exposition format 0.0.4.
 */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include <leat/buf.h>
#include <leat/err.h>

#include <stdatomic.h>

#define LEAT_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
enum { LEAT_METRICS_LABEL_MAX = 512 };

enum leat_metric_type {
    LEAT_METRIC_COUNTER,   /* _Atomic int64_t that only grows; its name ends in _total */
    LEAT_METRIC_GAUGE,     /* _Atomic int64_t */
    LEAT_METRIC_HISTOGRAM, /* struct leat_histogram, histogram.h */
};

enum leat_metric_scale {
    LEAT_METRIC_AS_IS,
    LEAT_METRIC_US_TO_SECONDS,
    LEAT_METRIC_MS_TO_SECONDS,
};

/* Rows of one name stand together in their table. */
struct leat_metric_desc {
    const char *name;         /* NULL ends a table */
    enum leat_metric_type type;
    enum leat_metric_scale scale;
    size_t offset;            /* of the number in the base */
    const char *label;        /* one more label of this row, as `class="retry"`, or NULL */
    bool unknown_below_zero;  /* a negative number means unknown: the series is left out */
    const char *help;
};

struct leat_metric_label {
    const char *name;  /* NULL ends a list */
    const char *value; /* any text: it is escaped */
};

struct leat_metrics;
struct leat_metrics_entry;

int leat_metrics_new(struct leat_metrics **ret_metrics, struct leat_err *err) LEAT_MUST_CHECK;

/* Accepts NULL; forgets what is still registered. */
void leat_metrics_free(struct leat_metrics *metrics);

/* Adds the series of a table with these labels (NULL: none), read from `base`. LEAT_ELIMIT: the
 * labels are too long. */
int leat_metrics_register(struct leat_metrics *metrics, const struct leat_metric_desc *table,
                          const struct leat_metric_label *labels, const void *base,
                          struct leat_metrics_entry **ret_entry, struct leat_err *err)
    LEAT_MUST_CHECK;

/* Accepts NULL for the entry. */
void leat_metrics_unregister(struct leat_metrics *metrics, struct leat_metrics_entry *entry);

/* A hook is called before each exposition and brings numbers up to date that nobody writes as they
 * change. */
typedef void (*leat_metrics_hook_fn)(void *arg);
int leat_metrics_hook(struct leat_metrics *metrics, leat_metrics_hook_fn hook, void *arg,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* Appends the exposition. `text->full` says that it did not fit. */
void leat_metrics_expose(struct leat_metrics *metrics, struct leat_buf *text);

#endif
