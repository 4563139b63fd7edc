/*
 * A source is one end of the pipe: it reads a database's change log and puts events into batches.
 *
 *        open ──▶ start(token) ──▶ poll, confirm, poll … ──▶ close ──▶ open …
 *
 * The runner owns a thread per instance and makes every call from it. Type and instance differ from
 * the start: the ops table is the type, `ctx` (ctx_size zeroed bytes with the options already in
 * place) the instance.
 *
 * Errors decide what the runner does: LEAT_ERETRY and LEAT_EPROTO close, back off with jitter and
 * open again, starting at the last durable token; LEAT_ECONFIG, LEAT_ELIMIT and LEAT_EDATA stop
 * this source with the error and its hint standing in `leat status`; LEAT_EBUG stops the daemon.
 */
#ifndef LEAT_SOURCE_H
#define LEAT_SOURCE_H

#include <leat/batch.h>
#include <leat/ingest.h>
#include <leat/option.h>
#include <leat/recall.h>
#include <leat/report.h>
#include <leat/source_stats.h>

struct leat_source_env {
    const char *instance; /* name in configuration, logs, metrics and store keys */
    struct leat_source_stats *stats;
    int wake_fd; /* readable when poll should return early: durable progress, stop */
    const char *directory; /* the store's: for scratch files without a name, on the same disk */
    int64_t (*room)(const void *store); /* bytes that can be stored yet, about; any thread */
    const void *store;                  /* its argument, longer-lived than the source */
    struct leat_recall *recall; /* what this source stored earlier; lives as long as the session */
};

struct leat_source_ops {
    const char *name; /* the `type:` of the configuration */
    const char *doc;  /* one sentence */
    const struct leat_option *options;
    size_t ctx_size;

    /* For a source that is brought its events (see ingest.h); NULL for all that fetch them. Somebody
     * waits for each of them to be durable: what poll added is handed over as soon as the committer
     * is free, and a transaction is never divided over two commits. */
    const struct leat_ingest_ops *ingest;

    /* Validates settings against each other, without any connection; LEAT_ECONFIG names the
     * setting. */
    int (*validate)(const void *ctx, struct leat_err *err);

    /* Asks the database everything `leat check` wants to know; changes nothing. An error means that
     * the questions could not be asked. */
    int (*check)(void *ctx, const char *instance, struct leat_report *report, struct leat_err *err);

    /* Connects and identifies; may create slot and publication if configured. */
    int (*open)(void *ctx, const struct leat_source_env *env, struct leat_err *err);

    /* Begins at a token that an earlier batch carried; the empty token means from the beginning.
     * Compares the stored identity with the server's: anything lost is an error with its remedy, or
     * a gap event in the next batch if so configured (I10). */
    int (*start)(void *ctx, struct leat_slice token, struct leat_err *err);

    /* Reads what is there and adds it to the batch. Returns when the batch is full, when nothing
     * more is there and something was added, when env->wake_fd is readable, or at until_ms
     * (monotonic). With batch NULL there is no room: only keep the session alive. LEAT_AGAIN: the
     * batch is full. */
    int (*poll)(void *ctx, int64_t until_ms, struct leat_batch *batch, struct leat_err *err);

    /* The token is durable: the source may forget what lies before (I2). Repeatable, never
     * backwards. */
    int (*confirm)(void *ctx, struct leat_slice token, struct leat_err *err);

    /* From any state, idempotent; tries to send the last confirmation first. */
    void (*close)(void *ctx);
};

#endif
