/*
 * LMDB follows the numbers that it finds in its pages, so a file that was cut short or overwritten
 * can kill the process that reads it (SIGBUS, SIGSEGV). A command that reads a store says so in
 * plain words and ends with the exit code for damage. Not for the daemon, whose death must stay a
 * death, nor for `leat verify`, which reads in a child.
 *
 * Threads: process-wide; the one that reads.
 */
#ifndef DAEMON_GUARD_H
#define DAEMON_GUARD_H

#include <stdint.h>

/* `store_path` must live as long as the store is read. */
void guard_begin(const char *store_path);

/* The last sequence that was read well. */
void guard_at(uint64_t sequence);

#endif
