/* xxHash is header-only here: inlined, so that short inputs cost no call. */
#define XXH_INLINE_ALL
#include <leat/hash.h>

#include <xxhash.h>

uint64_t leat_hash(struct leat_slice bytes)
{
    return XXH3_64bits(bytes.ptr, bytes.len);
}
