/*
 * XXH3-64 (xxHash 0.8, seed 0): the check of every stored block. It finds accidents, not forgers.
 */
#ifndef LEAT_HASH_H
#define LEAT_HASH_H

#include <leat/slice.h>

uint64_t leat_hash(struct leat_slice bytes);

#endif
