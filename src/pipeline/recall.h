/*
 * The engine's side of <leat/recall.h>: a reader of the store for one source, opened at its first question.
 *
 * Threads: new and free from any, the rest from the source's.
 */
#ifndef PIPELINE_RECALL_H
#define PIPELINE_RECALL_H

#include <leat/recall.h>

#include "store/store.h"

int leat_recall_new(struct leat_store *store, uint32_t source_id, struct leat_recall **ret_recall,
                    struct leat_err *err) LEAT_MUST_CHECK;
void leat_recall_free(struct leat_recall *recall); /* accepts NULL */

/* Calls back for the first event of each transaction that was stored since then by a leat that noted
 * nothing: those cannot be found. */
typedef int (*leat_recall_transaction_fn)(void *arg, const struct leat_transaction *transaction,
                                          struct leat_err *err);
int leat_recall_unnoted(struct leat_recall *recall, int64_t since_us,
                        leat_recall_transaction_fn each, void *arg, struct leat_err *err) LEAT_MUST_CHECK;

#endif
