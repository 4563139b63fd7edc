/*
 * The running parts of a daemon, put together from a configuration: store, committer, one runner per source
 * and per emitter.
 *
 *     open ─▶ start ─▶ … ─▶ stop ─▶ close
 *
 * open has no effect outside but the store's directory and its lock; sources connect after start.
 *
 * Ownership: the configuration stays the caller's and must outlive the engine.
 * Threads:   main; the parts' own threads are theirs.
 */
#ifndef DAEMON_ENGINE_H
#define DAEMON_ENGINE_H

#include <leat/source.h>

#include "config/config.h"
#include "pipeline/emit_runner.h"
#include "pipeline/source_runner.h"

struct engine {
    const struct leat_config *config;
    struct leat_store *store;
    struct leat_committer *committer;
    struct leat_source_runner **runners; /* in the configuration's order */
    size_t runner_count;
    struct leat_emit_runner **emitters; /* in the configuration's order */
    size_t emitter_count;
    int failed_fd;       /* eventfd: readable when the store failed */
    int64_t started_us;  /* wall time */
};

int engine_open(const struct leat_config *config, struct engine *ret_engine, struct leat_err *err)
    LEAT_MUST_CHECK;
int engine_start(struct engine *engine, struct leat_err *err) LEAT_MUST_CHECK;

/* Ends sources first, then the committer, then the emitters. False: something was still busy at until_ms,
 * and close must not be called; the process should exit. */
bool engine_stop(struct engine *engine, int64_t until_ms) LEAT_MUST_CHECK;
void engine_close(struct engine *engine); /* accepts a zeroed one */

/* True when every source has caught up once and the store takes writes. */
bool engine_ready(const struct engine *engine);

#endif
