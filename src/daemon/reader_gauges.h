/*
 * The named readers in /metrics: series come with a reader and go with it.
 *
 * Order:   new → follow, before each exposition → free.
 * Threads: one (that of the pages); the registry's own lock does the rest.
 */
#ifndef DAEMON_READER_GAUGES_H
#define DAEMON_READER_GAUGES_H

#include "metrics/metrics.h"
#include "store/store.h"

struct reader_gauges;

/* `store` and `metrics` must outlive it. */
int reader_gauges_new(struct leat_store *store, struct leat_metrics *metrics,
                      struct reader_gauges **ret_gauges, struct leat_err *err) LEAT_MUST_CHECK;
void reader_gauges_follow(struct reader_gauges *gauges);
void reader_gauges_free(struct reader_gauges *gauges); /* accepts NULL */

#endif
