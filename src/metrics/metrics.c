/*
 * The format wants all series of a metric in one group under its HELP and TYPE. Tables are few and
 * registrations too, so the walk is the plain one: for each table not yet seen, for each run of
 * rows with one name, for each registration of that table, one line per row.
 */
#include "metrics/metrics.h"

#include <leat/histogram.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct leat_metrics_entry {
    struct leat_metrics_entry *next;
    const struct leat_metric_desc *table;
    const void *base;
    char labels[LEAT_METRICS_LABEL_MAX]; /* `a="1",b="2"`, escaped */
};

struct hook {
    struct hook *next;
    leat_metrics_hook_fn call;
    void *arg;
};

struct leat_metrics {
    pthread_mutex_t lock;
    struct leat_metrics_entry *entries; /* in the order of registration */
    struct hook *hooks;
};

int leat_metrics_new(struct leat_metrics **ret_metrics, struct leat_err *err)
{
    struct leat_metrics *metrics = calloc(1, sizeof *metrics);
    if (!metrics)
        return leat_fail(err, LEAT_ERETRY, "out of memory for metrics");
    pthread_mutex_init(&metrics->lock, NULL);
    *ret_metrics = metrics;
    return LEAT_OK;
}

void leat_metrics_free(struct leat_metrics *metrics)
{
    if (!metrics)
        return;
    while (metrics->entries) {
        struct leat_metrics_entry *entry = metrics->entries;
        metrics->entries = entry->next;
        free(entry);
    }
    while (metrics->hooks) {
        struct hook *hook = metrics->hooks;
        metrics->hooks = hook->next;
        free(hook);
    }
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

/* --- labels --------------------------------------------------------------------------------- */

static void escape(struct leat_buf *text, const char *value)
{
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            leat_buf_format(text, "\\%c", *value);
        else if (*value == '\n')
            leat_buf_append_text(text, "\\n");
        else
            leat_buf_append(text, leat_slice_of(value, 1));
    }
}

static int labels_write(const struct leat_metric_label *labels, char *ret_text,
                        struct leat_err *err)
{
    struct leat_buf text;
    leat_buf_init(&text, LEAT_METRICS_LABEL_MAX);
    for (const struct leat_metric_label *l = labels; l && l->name; l++) {
        leat_buf_format(&text, "%s%s=\"", l == labels ? "" : ",", l->name);
        escape(&text, l->value);
        leat_buf_append_text(&text, "\"");
    }
    const char *written = leat_buf_text(&text);
    bool fits = !text.full;
    if (fits)
        memcpy(ret_text, written, text.len + 1);
    leat_buf_release(&text);
    if (!fits)
        return leat_fail(err, LEAT_ELIMIT, "labels of a metric pass %d bytes",
                         LEAT_METRICS_LABEL_MAX);
    return LEAT_OK;
}

/* --- the registry --------------------------------------------------------------------------- */

int leat_metrics_register(struct leat_metrics *metrics, const struct leat_metric_desc *table,
                          const struct leat_metric_label *labels, const void *base,
                          struct leat_metrics_entry **ret_entry, struct leat_err *err)
{
    struct leat_metrics_entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return leat_fail(err, LEAT_ERETRY, "out of memory for metrics");
    int status = labels_write(labels, entry->labels, err);
    if (status) {
        free(entry);
        return status;
    }
    entry->table = table;
    entry->base = base;
    pthread_mutex_lock(&metrics->lock);
    struct leat_metrics_entry **end = &metrics->entries;
    while (*end)
        end = &(*end)->next;
    *end = entry;
    pthread_mutex_unlock(&metrics->lock);
    *ret_entry = entry;
    return LEAT_OK;
}

void leat_metrics_unregister(struct leat_metrics *metrics, struct leat_metrics_entry *entry)
{
    if (!entry)
        return;
    pthread_mutex_lock(&metrics->lock);
    for (struct leat_metrics_entry **at = &metrics->entries; *at; at = &(*at)->next)
        if (*at == entry) {
            *at = entry->next;
            break;
        }
    pthread_mutex_unlock(&metrics->lock);
    free(entry);
}

int leat_metrics_hook(struct leat_metrics *metrics, leat_metrics_hook_fn hook, void *arg,
                      struct leat_err *err)
{
    struct hook *added = calloc(1, sizeof *added);
    if (!added)
        return leat_fail(err, LEAT_ERETRY, "out of memory for metrics");
    *added = (struct hook){.call = hook, .arg = arg};
    pthread_mutex_lock(&metrics->lock);
    struct hook **end = &metrics->hooks;
    while (*end)
        end = &(*end)->next;
    *end = added;
    pthread_mutex_unlock(&metrics->lock);
    return LEAT_OK;
}

/* --- exposition ----------------------------------------------------------------------------- */

static int64_t load(const void *at)
{
    return atomic_load_explicit((const _Atomic int64_t *)at, memory_order_relaxed);
}

/* Exact, without a detour over floating point. */
static void number_write(struct leat_buf *text, enum leat_metric_scale scale, int64_t number)
{
    if (scale == LEAT_METRIC_AS_IS) {
        leat_buf_format(text, "%" PRId64, number);
        return;
    }
    bool us = scale == LEAT_METRIC_US_TO_SECONDS;
    uint64_t unit = us ? 1000000 : 1000;
    uint64_t size = number < 0 ? -(uint64_t)number : (uint64_t)number;
    leat_buf_format(text, "%s%" PRIu64 ".%0*" PRIu64, number < 0 ? "-" : "", size / unit,
                    us ? 6 : 3, size % unit);
}

/* `name<suffix>{labels} `; the number follows. */
static void series_begin(struct leat_buf *text, const struct leat_metric_desc *desc,
                         const char *suffix, const struct leat_metrics_entry *entry,
                         const char *bucket)
{
    const char *parts[] = {entry->labels, desc->label ? desc->label : "", bucket};
    leat_buf_format(text, "%s%s", desc->name, suffix);
    const char *before = "{";
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!parts[i][0])
            continue;
        leat_buf_format(text, "%s%s", before, parts[i]);
        before = ",";
    }
    leat_buf_append_text(text, before[0] == ',' ? "} " : " ");
}

static void histogram_write(struct leat_buf *text, const struct leat_metric_desc *desc,
                            const struct leat_metrics_entry *entry,
                            const struct leat_histogram *histogram)
{
    int64_t count = 0;
    for (unsigned i = 0; i <= LEAT_HISTOGRAM_BOUNDS; i++) {
        char bucket[40] = "le=\"+Inf\"";
        int64_t bound = leat_histogram_bound_us(i);
        if (i < LEAT_HISTOGRAM_BOUNDS)
            snprintf(bucket, sizeof bucket, "le=\"%" PRId64 ".%06" PRId64 "\"", bound / 1000000,
                     bound % 1000000);
        count += load(&histogram->buckets[i]);
        series_begin(text, desc, "_bucket", entry, bucket);
        leat_buf_format(text, "%" PRId64 "\n", count);
    }
    series_begin(text, desc, "_sum", entry, "");
    number_write(text, LEAT_METRIC_US_TO_SECONDS, load(&histogram->sum_us));
    leat_buf_append_text(text, "\n");
    series_begin(text, desc, "_count", entry, "");
    leat_buf_format(text, "%" PRId64 "\n", count);
}

static void series_write(struct leat_buf *text, const struct leat_metric_desc *desc,
                         const struct leat_metrics_entry *entry)
{
    const void *at = (const char *)entry->base + desc->offset;
    if (desc->type == LEAT_METRIC_HISTOGRAM) {
        histogram_write(text, desc, entry, at);
        return;
    }
    int64_t number = load(at);
    if (number < 0 && desc->unknown_below_zero)
        return;
    series_begin(text, desc, "", entry, "");
    number_write(text, desc->scale, number);
    leat_buf_append_text(text, "\n");
}

static bool same_name(const struct leat_metric_desc *a, const struct leat_metric_desc *b)
{
    return b->name && strcmp(a->name, b->name) == 0;
}

/* All series of the metric whose rows begin at `desc`; the row behind them. */
static const struct leat_metric_desc *metric_write(struct leat_buf *text,
                                                   const struct leat_metric_desc *desc,
                                                   const struct leat_metrics_entry *first)
{
    static const char *const TYPES[] = {"counter", "gauge", "histogram"};
    const struct leat_metric_desc *end = desc;
    while (same_name(desc, end))
        end++;
    leat_buf_format(text, "# HELP %s %s\n# TYPE %s %s\n", desc->name, desc->help, desc->name,
                    TYPES[desc->type]);
    for (const struct leat_metrics_entry *e = first; e; e = e->next)
        for (const struct leat_metric_desc *row = desc; e->table == first->table && row < end;
             row++)
            series_write(text, row, e);
    return end;
}

static bool table_seen(const struct leat_metrics *metrics, const struct leat_metrics_entry *entry)
{
    for (const struct leat_metrics_entry *e = metrics->entries; e != entry; e = e->next)
        if (e->table == entry->table)
            return true;
    return false;
}

void leat_metrics_expose(struct leat_metrics *metrics, struct leat_buf *text)
{
    pthread_mutex_lock(&metrics->lock);
    for (const struct hook *h = metrics->hooks; h; h = h->next)
        h->call(h->arg);
    for (const struct leat_metrics_entry *e = metrics->entries; e; e = e->next) {
        const struct leat_metric_desc *desc = e->table;
        while (!table_seen(metrics, e) && desc->name)
            desc = metric_write(text, desc, e);
    }
    pthread_mutex_unlock(&metrics->lock);
}
