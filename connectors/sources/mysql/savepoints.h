/*
 * The savepoints of the open transaction: names, and marks of where its group was (my_group_mark).
 *
 * A log has a SAVEPOINT for each one that a framework sets, by the million in a long import, and
 * says neither that one was released nor that a name is used again; so setting one costs nothing
 * but its bytes, and only the rare ROLLBACK TO looks for one, from the newest back. What it finds
 * is what the server found: of two with a name the newer one.
 *
 * Ownership: all lies in the caller's buffer; an empty one has no savepoints. Threads: pure.
 */
#ifndef MYSQL_SAVEPOINTS_H
#define MYSQL_SAVEPOINTS_H

#include <leat/buf.h>
#include <leat/err.h>

/* LEAT_ELIMIT: the buffer is full. */
int my_savepoint_set(struct leat_buf *savepoints, struct leat_slice name, uint64_t mark,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* The newest of that name, which stays; those behind it are forgotten. LEAT_EPROTO: there is none.
 */
int my_savepoint_find(struct leat_buf *savepoints, struct leat_slice name, uint64_t *ret_mark,
                      struct leat_err *err) LEAT_MUST_CHECK;

#endif
