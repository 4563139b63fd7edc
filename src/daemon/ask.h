/*
 * One question to the running daemon: a plain HTTP GET on its loopback port, answered or given up
 * within a deadline for all of it.
 */
#ifndef DAEMON_ASK_H
#define DAEMON_ASK_H

#include <leat/buf.h>

/* `listen` is the setting http.listen. The body of a 200 answer is appended to `body`.
 * LEAT_ERETRY: nobody answers, or not so; LEAT_ECONFIG: the setting is no address. */
int ask_daemon(const char *listen, const char *path, int64_t timeout_ms, struct leat_buf *body,
               struct leat_err *err) LEAT_MUST_CHECK;

#endif
