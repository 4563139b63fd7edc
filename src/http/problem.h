/*
 * Problem details (RFC 9457) and the names of statuses, for both ports.
 *
 * Threads: pure.
 */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include <leat/buf.h>

/* "Not Found". */
const char *leat_http_title(unsigned status);

/* "NOT_FOUND": what older clients look at. */
const char *leat_http_code(unsigned status);

/* One object and a newline. `detail` needs no escapes: it is a text of ours. */
void leat_http_problem(struct leat_buf *buf, unsigned status, const char *detail);

/* 429, with the type and the member that the RateLimit draft gives it. */
void leat_http_problem_quota(struct leat_buf *buf, const char *detail, const char *policy);

#endif
