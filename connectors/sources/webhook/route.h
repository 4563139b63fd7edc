/*
 * The target of a request, taken apart.
 *
 *     [/api/v1]/event/{tenant}/{dataCore}/{flowType}/{eventType}    one event
 *     [/api/v1]/events/{tenant}/{dataCore}/{flowType}/{eventType}   an array, or lines
 *     [/api/v1]/file/{tenant}/{dataCore}/{flowType}/{eventType}     a form with a file
 *     [/api/v1]/in/{source}                                         whatever a sender sends
 *
 * Segments are unescaped once; each has 1 to ROUTE_SEGMENT_MAX bytes of UTF-8 without control
 * characters, slashes, and is neither "." nor "..". What does not fit is no route.
 *
 * Ownership: the route holds copies. Threads: pure.
 */
#ifndef WEBHOOK_ROUTE_H
#define WEBHOOK_ROUTE_H

#include <leat/err.h>
#include <leat/slice.h>

enum { ROUTE_SEGMENT_MAX = 255, ROUTE_SEGMENTS = 4 };

enum route_kind {
    ROUTE_NONE,
    ROUTE_EVENT,
    ROUTE_EVENTS, /* also a form with a file */
    ROUTE_FILE,
    ROUTE_IN, /* segments[0] is the source */
};

struct route {
    enum route_kind kind;
    char segments[ROUTE_SEGMENTS][ROUTE_SEGMENT_MAX + 1]; /* tenant, data core, flow type, event type */
    const char *query; /* behind the question mark, still escaped; views the target */
};

#define ROUTE_TENANT(route)     ((route)->segments[0])
#define ROUTE_SOURCE(route)     ((route)->segments[0])
#define ROUTE_DATA_CORE(route)  ((route)->segments[1])
#define ROUTE_FLOW_TYPE(route)  ((route)->segments[2])
#define ROUTE_EVENT_TYPE(route) ((route)->segments[3])

void route_parse(const char *target, struct route *ret_route);

#endif
