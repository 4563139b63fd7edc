/*
 * Is a store being written, and by whom? Asked from outside, without opening the store.
 *
 * The daemon holds an flock on <store>/LOCK and says in the file who it is. Whether the lock is
 * held can only be found by trying to take it; that is done for an instant, and not at all when the
 * file's text names a process of this machine that no longer lives, so that a daemon that starts at
 * this moment is not refused.
 */
#ifndef DAEMON_HOLDER_H
#define DAEMON_HOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* `ret_text` gets the holder's own words: "host=… pid=…". */
bool holder_find(const char *store_path, char *ret_text, size_t size);

#endif
