/*
 * The engine's side of a snapshot (the source's side is <leat/snapshot.h>).
 *
 *     new ─▶ { restore ─▶ a session … settled … } … ─▶ free
 *
 * Threads: the source's, but for new and free.
 */
#ifndef PIPELINE_SNAPSHOT_H
#define PIPELINE_SNAPSHOT_H

#include <leat/snapshot.h>

int leat_snapshot_new(struct leat_snapshot **ret_snapshot, struct leat_err *err) LEAT_MUST_CHECK;
void leat_snapshot_free(struct leat_snapshot *snapshot); /* accepts NULL */

/* The jobs as the notes tell them, in place of those that are there. LEAT_ESTORE: a note is none
 * of ours. */
int leat_snapshot_restore(struct leat_snapshot *snapshot, const struct leat_notes *notes,
                          struct leat_err *err) LEAT_MUST_CHECK;

/* All that was noted so far is durable. */
void leat_snapshot_settled(struct leat_snapshot *snapshot);

#endif
