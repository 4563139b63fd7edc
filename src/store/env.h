/*
 * The few things that every LMDB environment of the store is opened with, and LMDB's answers as our
 * errors.
 *
 * Flags are MDB_NOSUBDIR | MDB_NOTLS and the default sync, never MDB_NOSYNC, MDB_NOMETASYNC or
 * MDB_WRITEMAP: each of those loses acknowledged commits, or turns a full disk into SIGBUS.
 *
 * Order:    leat_env_open → transactions → mdb_env_close. An environment is opened once per process
 *           (segment.c sees to that) and is never used across fork.
 * Errors:   no space in whatever form is LEAT_ERETRY; rights and a newer LMDB are LEAT_ECONFIG; all
 *           else is LEAT_ESTORE. `native` holds LMDB's number, `text` names path and reason.
 */
#ifndef STORE_ENV_H
#define STORE_ENV_H

#include "store/layout.h"

#include <leat/err.h>

#include <lmdb.h>

/* `map_bytes` 0: as large as the writer made it. `ret_env` is NULL on failure. Returns LMDB's
 * number. */
int leat_env_open(const char *path, bool writable, int64_t map_bytes, MDB_env **ret_env);

/* Fills err from LMDB's number: "<path>: cannot <what>: <reason>". */
int leat_env_fail(struct leat_err *err, int rc, const char *path, const char *what);

/* True if opening failed because the file's first two pages, which LMDB writes at once, were never
 * written whole: its maker died right then, and nothing can be in it. */
bool leat_env_unmade(const char *path, int rc);

/* The code that leat_env_fail() would choose. */
int leat_env_code(int rc);

/* mdb_get and mdb_put with our keys and slices; LMDB's numbers. */
int leat_env_get(MDB_txn *txn, MDB_dbi db, struct leat_key key, struct leat_slice *ret_value);
int leat_env_put(MDB_txn *txn, MDB_dbi db, struct leat_key key, struct leat_slice value,
                 unsigned flags);

/* Moves the cursor to the first key that is not below `key`. */
int leat_env_seek(MDB_cursor *cursor, struct leat_key key, struct leat_slice *ret_key,
                  struct leat_slice *ret_value);

/* Moves the cursor: MDB_NEXT, MDB_PREV, MDB_LAST … */
int leat_env_move(MDB_cursor *cursor, MDB_cursor_op op, struct leat_slice *ret_key,
                  struct leat_slice *ret_value);

#endif
