/*
 * The head of a request as libmicrohttpd has parsed it, before the guard: one place for both ports.
 *
 * Threads: the connection's own, in the first call for a request.
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "http/guard.h"

#include <microhttpd.h>

/* For MHD_OPTION_STRICT_FOR_CLIENT. All that 0.9.75 does when it is strict is to refuse a missing Host,
 * with a head that it sends twice: there the guard does it. */
int leat_http_head_strictness(void);

/* Shows line and headers to the guard, whose `takes_body` is set. `method`, `path` and `version` as the
 * library gave them, by pointer; `target_bytes` of what stood in the request line, 0: not known. */
struct leat_http_verdict leat_http_head_judge(struct MHD_Connection *connection, const char *method,
                                              const char *path, const char *version,
                                              size_t target_bytes, struct leat_http_guard *guard);

#endif
