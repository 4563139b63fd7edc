/*
 * <dir>/meta.mdb: who this store is. A uuid for life, the epoch that each writer counts up (what a
 * fenced writer has is lower), and the newest segment, so that one that went missing is noticed
 * instead of begun again at 1.
 *
 * Order:   open (counts the epoch up, durably) → newest … → close. Only by the holder of LOCK.
 * Errors:  as in env.h; LEAT_ESTORE for a damaged record.
 */
#ifndef STORE_META_H
#define STORE_META_H

#include "store/env.h"

#define LEAT_META_KEYS      "keys"    /* database of keys.h */
#define LEAT_META_READERS   "readers" /* of readers.h */
#define LEAT_META_MAP_BYTES ((int64_t)1 << 30) /* address space, not disk */

struct leat_meta {
    MDB_env *env;
    MDB_dbi db;
    MDB_dbi keys;
    MDB_dbi readers;
    struct leat_identity identity;
};

/* "<dir>/meta.mdb"; false if it does not fit. */
bool leat_meta_path(const char *dir, char *ret_path, size_t max);

int leat_meta_open(const char *dir, struct leat_meta *ret_meta,
                   struct leat_err *err) LEAT_MUST_CHECK;

/* Remembers the newest segment. */
int leat_meta_newest(struct leat_meta *meta, uint64_t first_sequence, struct leat_err *err)
    LEAT_MUST_CHECK;

void leat_meta_close(struct leat_meta *meta); /* accepts a zeroed one */

#endif
