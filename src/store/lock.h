/*
 * One writer per store: an exclusive flock on <dir>/LOCK, taken before anything is opened to write.
 *
 * LMDB's own lock lets two daemons write in turn, each with its own idea of the next sequence: half
 * of what they acknowledge is lost. The kernel drops a flock with its holder, so a crash never
 * leaves a stale one; the text in the file is for people and for the refusal's message only,
 * nothing is decided by it.
 *
 * Errors: LEAT_ECONFIG names the holder as the file describes it.
 */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include <leat/err.h>

#include <stdint.h>

int leat_lock_take(const char *dir, int *ret_fd, struct leat_err *err) LEAT_MUST_CHECK;

/* Writes "host=… pid=… epoch=… since=…" into the file. */
int leat_lock_describe(int fd, uint64_t epoch, struct leat_err *err) LEAT_MUST_CHECK;

void leat_lock_drop(int fd); /* accepts -1 */

#endif
