/*
 * Seals blocks (compresses and hashes them) beside the thread that fills the next one. Only full
 * blocks come here: a source that has little to say seals its one block itself and never wakes
 * anybody.
 *
 *     put, put, put … ─▶ collect (waits for all) ─▶ put …
 *
 * The thread is started by the first put and sleeps when there is nothing to do.
 *
 * Ownership: put takes the raw bytes by exchanging buffers; sealed blocks are the caller's.
 * Bounds:    SEALER_JOBS blocks on their way; the next put waits.
 * Threads:   one caller; inside one thread more.
 */
#ifndef PIPELINE_SEALER_H
#define PIPELINE_SEALER_H

#include <leat/buf.h>

#include "store/block.h"

struct leat_sealer;

int leat_sealer_new(enum leat_compression compression, int level, struct leat_sealer **ret_sealer,
                    struct leat_err *err) LEAT_MUST_CHECK;
void leat_sealer_free(struct leat_sealer *sealer); /* accepts NULL; drops what was not collected */

/* Takes raw->data and leaves an empty buffer of the same maximum in its place. LEAT_AGAIN: collect
 * one first. */
int leat_sealer_put(struct leat_sealer *sealer, struct leat_buf *raw,
                    const struct leat_block_header *header, struct leat_err *err) LEAT_MUST_CHECK;

/* Waits for the oldest block that was put and not yet collected. LEAT_EOF: there is none. */
int leat_sealer_collect(struct leat_sealer *sealer, struct leat_block *ret_block,
                        struct leat_err *err) LEAT_MUST_CHECK;

#endif
