/*
 * What a source stored earlier, found by what it noted with leat_batch_key(): so that a source can
 * ask whether something was stored already, however long ago, without keeping it all in memory.
 *
 *     hash ─▶ (a filter of the source's own says: perhaps) ─▶ find: reads the events, the source
 *                                                                  compares
 *
 * Only what is durable is found; what is on its way the source has to remember itself.
 *
 * Ownership: the runner's, given in leat_source_env; lives from open to close. Events live for the
 *            call; their long values come as empty ones.
 * Units:     `since_us` is wall time, microseconds since 1970 UTC.
 * Threads:   the source's. Blocks on: disk.
 * Errors:    LEAT_EDATA: what would tell is damaged, so that a no cannot be said; LEAT_ERETRY.
 */
#ifndef LEAT_RECALL_H
#define LEAT_RECALL_H

#include <leat/event.h>

struct leat_recall;

/* What leat_recall_hashes() gives for that value; two values may have one hash. */
uint64_t leat_recall_hash(const struct leat_recall *recall, struct leat_slice name,
                          struct leat_slice value);

/* Calls back for each event that was noted under that name with that value's hash and stored since
 * then, oldest first, until it does not return LEAT_OK. LEAT_EOF from it ends the search and is
 * given back, errors as well. Some that were stored earlier may be among them. */
typedef int (*leat_recall_event_fn)(void *arg, const struct leat_event *event, struct leat_err *err);
int leat_recall_find(struct leat_recall *recall, struct leat_slice name, struct leat_slice value,
                     int64_t since_us, leat_recall_event_fn each, void *arg,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* Calls back with the hash of everything that was noted under that name and stored since then; with
 * others, too. */
typedef void (*leat_recall_hash_fn)(void *arg, uint64_t hash);
int leat_recall_hashes(struct leat_recall *recall, struct leat_slice name, int64_t since_us,
                       leat_recall_hash_fn each, void *arg, struct leat_err *err) LEAT_MUST_CHECK;

#endif
