/*
 * Looking up in the runs of all segments of a directory; store.h has the contract, the reader calls
 * it.
 *
 * Threads: any, in any process, beside the writer.
 * Errors:  LEAT_EDATA: a page, a catalogue or the end of a log is damaged; LEAT_ERETRY as readers.
 */
#ifndef STORE_LOOKUP_H
#define STORE_LOOKUP_H

#include "store/run_cursor.h"
#include "store/store.h"

int leat_lookup_find(const char *dir, uint64_t hash, uint64_t from,
                     struct leat_store_found *ret_found, struct leat_err *err) LEAT_MUST_CHECK;
int leat_lookup_hashes(const char *dir, uint64_t hash, uint64_t from, leat_store_hash_fn each,
                       void *arg, struct leat_err *err) LEAT_MUST_CHECK;
int leat_lookup_check(const char *dir, uint64_t *ret_entries, struct leat_err *err) LEAT_MUST_CHECK;

#endif
