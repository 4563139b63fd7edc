/*
 * A post as Flowcore's consumers read it:
 *
 *     {"eventId","timeBucket","tenant","dataCoreId","flowType","eventType","metadata":{},"payload":{},
 *      "validTime", and for older ones "aggregator" (the flow type) and "dataCore"}
 *
 * The payload is an object, since their schema takes nothing else: a body that is one stands there
 * byte by byte, another JSON text as {"data":…}, other text as {"data":"…"}, other bytes as
 * {"base64":"…"}.
 *
 * Threads: pure. Source: @flowcore/sdk 1.79, FlowcoreEventSchema.
 */
#ifndef FEED_FLOWCORE_EVENT_H
#define FEED_FLOWCORE_EVENT_H

#include "feed/catalog.h"

/* Appends it, without anything behind it. False, and nothing changed, when it does not fit. */
bool flowcore_event_write(const struct catalog_post *post, const struct leat_event *event,
                          struct leat_buf *buf);

#endif
