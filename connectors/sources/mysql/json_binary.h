/*
 * MySQL's binary JSON as the text that the server itself would print (mysql.md 5.7), and partial
 * updates applied to a document (5.8). All offsets are checked; depth is bounded; hostile bytes
 * give LEAT_EPROTO.
 *
 * Ownership: results live in the arena. Threads: pure.
 */
#ifndef MYSQL_JSON_BINARY_H
#define MYSQL_JSON_BINARY_H

#include <leat/arena.h>
#include <leat/err.h>

enum { MY_JSON_DEPTH_MAX = 100 };

/* The empty value is JSON null. LEAT_ELIMIT: the text does not fit into the arena. */
int my_json_text(struct leat_slice binary, struct leat_arena *arena, struct leat_slice *ret_text,
                 struct leat_err *err) LEAT_MUST_CHECK;

/* Applies the diffs of a PARTIAL_UPDATE_ROWS event to a document's text. LEAT_EDATA: a path that
 * is not there. */
int my_json_patch(struct leat_slice document, struct leat_slice diffs, struct leat_arena *arena,
                  struct leat_slice *ret_text, struct leat_err *err) LEAT_MUST_CHECK;

#endif
