#include "daemon/reader_gauges.h"

#include <leat/clock.h>
#include <leat/log.h>

#include "store/readers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gauge {
    char name[LEAT_READER_NAME_MAX + 1];
    _Atomic int64_t lag_events;
    _Atomic int64_t silent_us;
    struct leat_metrics_entry *entry;
    bool seen;
};

struct reader_gauges {
    struct leat_store *store;
    struct leat_readers *readers;
    struct leat_metrics *metrics;
    struct gauge *items[LEAT_READERS_MAX]; /* in no order */
    size_t count;
    uint64_t durable;
    int64_t now_us;
};

/* clang-format off */
#define AT(member) .offset = offsetof(struct gauge, member)
static const struct leat_metric_desc TABLE[] = {
    {.name = "leat_reader_lag_events", .type = LEAT_METRIC_GAUGE, AT(lag_events),
     .help = "Events behind the cursor that a named reader has committed."},
    {.name = "leat_reader_silent_seconds", .type = LEAT_METRIC_GAUGE, AT(silent_us),
     .scale = LEAT_METRIC_US_TO_SECONDS,
     .help = "Time since a named reader last committed; one that moves nothing is noted once an hour."},
    {.name = NULL},
};
/* clang-format on */

static struct gauge *find(struct reader_gauges *g, const char *name)
{
    for (size_t i = 0; i < g->count; i++)
        if (strcmp(g->items[i]->name, name) == 0)
            return g->items[i];
    return NULL;
}

static struct gauge *add(struct reader_gauges *g, const char *name, struct leat_err *err)
{
    struct leat_metric_label labels[] = {{"reader", name}, {NULL, NULL}};
    struct gauge *gauge = g->count < LEAT_READERS_MAX ? calloc(1, sizeof *gauge) : NULL;
    if (!gauge)
        return NULL;
    snprintf(gauge->name, sizeof gauge->name, "%s", name);
    if (leat_metrics_register(g->metrics, TABLE, labels, gauge, &gauge->entry, err)) {
        free(gauge);
        return NULL;
    }
    return g->items[g->count++] = gauge;
}

static int look(void *arg, const struct leat_named_reader *reader, struct leat_err *err)
{
    struct reader_gauges *g = arg;
    struct gauge *gauge = find(g, reader->name);
    if (!gauge && !(gauge = add(g, reader->name, err)))
        return LEAT_OK; /* its series are missing until there is room */
    gauge->seen = true;
    gauge->lag_events =
        g->durable > reader->sequence ? (int64_t)(g->durable - reader->sequence) : 0;
    gauge->silent_us =
        g->now_us > reader->committed_at_us ? g->now_us - reader->committed_at_us : 0;
    return LEAT_OK;
}

static void drop(struct reader_gauges *g, size_t at)
{
    leat_metrics_unregister(g->metrics, g->items[at]->entry);
    free(g->items[at]);
    g->items[at] = g->items[--g->count];
}

void reader_gauges_follow(struct reader_gauges *g)
{
    struct leat_err err;
    g->durable = leat_store_durable(g->store);
    g->now_us = leat_clock_wall_us();
    for (size_t i = 0; i < g->count; i++)
        g->items[i]->seen = false;
    if (leat_readers_each(g->readers, look, g, &err)) {
        leat_log_err(LEAT_LOG_ERROR, "readers", NULL, "cannot be read", &err);
        return; /* the figures stay as they were */
    }
    for (size_t i = g->count; i-- > 0;)
        if (!g->items[i]->seen)
            drop(g, i);
}

int reader_gauges_new(struct leat_store *store, struct leat_metrics *metrics,
                      struct reader_gauges **ret_gauges, struct leat_err *err)
{
    struct reader_gauges *g = calloc(1, sizeof *g);
    if (!g)
        return leat_fail(err, LEAT_ERETRY, "out of memory for the figures of readers");
    g->store = store;
    g->metrics = metrics;
    int status = leat_readers_open(leat_store_path(store), store, &g->readers, err);
    if (status) {
        reader_gauges_free(g);
        return status;
    }
    *ret_gauges = g;
    return LEAT_OK;
}

void reader_gauges_free(struct reader_gauges *g)
{
    if (!g)
        return;
    while (g->count)
        drop(g, g->count - 1);
    leat_readers_close(g->readers);
    free(g);
}
