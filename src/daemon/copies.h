/*
 * Copies of tables as users see them: requests from the command line to the sources, and the page
 * that says how far each came.
 *
 *     leat snapshot ─▶ meta.mdb ─▶ copies_serve ─▶ the source's snapshot ─▶ durable: taken out
 *
 * Threads: serve from main; the page from the HTTP server's.
 */
#ifndef DAEMON_COPIES_H
#define DAEMON_COPIES_H

#include "daemon/engine.h"
#include "store/requests.h"

/* A request as the body of a stored one. Sets buf->full past its max. */
void copies_write(const struct leat_snapshot_request *request, struct leat_buf *buf);
bool copies_read(struct leat_slice body, struct leat_snapshot_request *ret_request) LEAT_MUST_CHECK;

/* Hands over what was asked for, and forgets what is done; about once a second. */
void copies_serve(struct engine *engine, struct leat_requests *requests);

/* {"jobs":[{"source":…,"schema":…,"table":…,"state":…,"rows":…},…]} */
void copies_page(const struct engine *engine, struct leat_buf *buf);

#endif
