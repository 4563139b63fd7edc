/*
 * A stored file, read over HTTP: GET /v1/files/<id of any of its events> (README.md has the
 * protocol).
 *
 *     pool thread    key, query ─▶ suspended               answer, or the next bytes ─▶ sent
 *     files thread       └─▶ search, then a part at a time ─▶ woken ──┘
 *
 * Each request gets a turn: some milliseconds of the search, or one part.
 *
 * Order:   new → start → … → stop (all requests are woken; later ones are answered at once) → the
 * server closed → free. Bounds:  FEED_FILES_MAX requests at a time, each with a stream and a part
 * of a file. Threads: new … free from main.
 */
#ifndef FEED_FILES_H
#define FEED_FILES_H

#include "http/ingest.h"
#include "store/store.h"

enum { FEED_FILES_MAX = 16 };

struct feed_files;

/* `store` must outlive it. */
int feed_files_new(struct leat_store *store, struct feed_files **ret_files,
                   struct leat_err *err) LEAT_MUST_CHECK;
int feed_files_start(struct feed_files *files, struct leat_err *err) LEAT_MUST_CHECK;
void feed_files_stop(struct feed_files *files); /* accepts NULL */
void feed_files_free(struct feed_files *files); /* accepts NULL */

/* For the server: its context is the files. */
extern const struct leat_ingest_ops feed_files_ops;

#endif
