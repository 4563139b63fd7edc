/* The hash is XXH3-64 with seed 0, as on disk: known values of xxHash's own documentation and tool.
 */
#include <leat/hash.h>

#include "unit/outcome.h"

static void hash__is_xxh3_with_seed_zero(void **state)
{
    (void)state;
    assert_int_equal(leat_hash((struct leat_slice){NULL, 0}), 0x2d06800538d394c2u);
    assert_int_equal(leat_hash(LEAT_SLICE_LITERAL("")), 0x2d06800538d394c2u);
    assert_int_equal(leat_hash(LEAT_SLICE_LITERAL("abc")), 0x78af5f94892f3950u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash__is_xxh3_with_seed_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
