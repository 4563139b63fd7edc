/*
 * What a moment of the database sees: which transactions were committed for it. Positions in the
 * log cannot tell: a transaction's commit may lie in the log, and be in the stream, before it is
 * visible.
 *
 *     pg_current_snapshot() ─▶ "xmin:xmax:xip,xip…" ─▶ visible(xid)
 *
 * Bounds:  PG_XIP_MAX transactions in progress.
 * Threads: pure.
 */
#ifndef POSTGRES_XID_SNAPSHOT_H
#define POSTGRES_XID_SNAPSHOT_H

#include <leat/err.h>
#include <leat/slice.h>

enum { PG_XIP_MAX = 4096, PG_XID_RING = 16384 };

struct pg_xid_snapshot {
    uint64_t xmin, xmax;
    unsigned xip_count;
    uint64_t xip[PG_XIP_MAX]; /* ascending */
};

/* False: not such a text, or too many in progress. */
bool pg_xid_snapshot_read(struct leat_slice text,
                          struct pg_xid_snapshot *ret_snapshot) LEAT_MUST_CHECK;

/* Of a transaction as the log tells it, 32 bits: the nearest to the snapshot is meant. */
bool pg_xid_visible(const struct pg_xid_snapshot *snapshot, uint32_t xid);

/* The last transactions that the stream brought: as long as one of them is not visible, a chunk
 * would be older than what was said already. */
struct pg_xid_ring {
    uint32_t xids[PG_XID_RING];
    uint64_t added, checked;
};

static inline void pg_xid_ring_add(struct pg_xid_ring *ring, uint32_t xid)
{
    ring->xids[ring->added++ % PG_XID_RING] = xid;
}

/* True when all that were added are visible; those are not looked at again. */
bool pg_xid_ring_visible(struct pg_xid_ring *ring, const struct pg_xid_snapshot *snapshot);

#endif
