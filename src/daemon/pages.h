/*
 * What the daemon shows over HTTP on its loopback port: /metrics, /healthz, /readyz, /status,
 * /snapshot.
 *
 *     /healthz  200 while the process works and its store can be trusted
 *     /readyz   200 when every source has caught up once and the store takes writes; 503 with the reason
 *     /status   JSON: sources with state, lag, last error and remedy; store; what `leat status` prints
 *
 * Threads: open and close from main; the pages are made on the HTTP server's threads.
 */
#ifndef DAEMON_PAGES_H
#define DAEMON_PAGES_H

#include "daemon/engine.h"
#include "daemon/intake.h"

struct pages;

/* Listens as configured; `intake` (NULL: none) shows its figures here. *ret_pages is NULL
 * when http.listen is "off". */
int pages_open(struct engine *engine, const struct intake *intake, struct pages **ret_pages,
               struct leat_err *err) LEAT_MUST_CHECK;
void pages_close(struct pages *pages); /* accepts NULL */

#endif
