/* An arena never gives more than its maximum, never overlaps, and after a reset holds nothing huge.
 */
#include <leat/arena.h>

#include "unit/outcome.h"

enum { CHUNK = 16 << 10 };

static void arena__memory_is_aligned_and_does_not_overlap(void **state)
{
    (void)state;
    struct leat_arena a;
    leat_arena_init(&a, 1 << 20);
    uint8_t *blocks[500];
    for (size_t i = 0; i < 500; i++) {
        blocks[i] = leat_arena_alloc(&a, i);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
        memset(blocks[i], (int)i, i);
    }
    for (size_t i = 0; i < 500; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_equal(blocks[i][k], (uint8_t)i);
    leat_arena_release(&a);
}

static size_t taken(struct leat_arena *a, size_t step)
{
    size_t total = 0;
    while (leat_arena_alloc(a, step))
        total += step;
    return total;
}

static void arena__gives_no_more_than_its_maximum(void **state)
{
    (void)state;
    static const size_t MAXIMA[] = {
        16, 64, 1000, CHUNK - 16, CHUNK, CHUNK + 16, 3 * CHUNK + 100, 1 << 20};
    static const size_t STEPS[] = {16, 48, 512, CHUNK, CHUNK + 32};
    for (size_t m = 0; m < sizeof MAXIMA / sizeof *MAXIMA; m++) {
        for (size_t s = 0; s < sizeof STEPS / sizeof *STEPS; s++) {
            struct leat_arena a;
            leat_arena_init(&a, MAXIMA[m]);
            assert_true(taken(&a, STEPS[s]) <= MAXIMA[m]);
            assert_true(a.used <= MAXIMA[m]);
            leat_arena_release(&a);
        }
    }
}

static void arena__a_refusal_changes_nothing(void **state)
{
    (void)state;
    struct leat_arena a;
    leat_arena_init(&a, 4096);
    char *text = leat_arena_text(&a, LEAT_SLICE_LITERAL("still here"));
    size_t used = a.used;
    assert_null(leat_arena_alloc(&a, 8192));
    assert_null(leat_arena_alloc(&a, SIZE_MAX));
    assert_null(leat_arena_alloc(&a, SIZE_MAX - 7));
    assert_null(leat_arena_zeroed(&a, SIZE_MAX / 4, 8)); /* the product wraps to something small */
    assert_null(leat_arena_zeroed(&a, SIZE_MAX, SIZE_MAX));
    assert_int_equal(a.used, used);
    assert_string_equal(text, "still here");
    assert_non_null(leat_arena_alloc(&a, 100));
    leat_arena_release(&a);
}

static void arena__reset_keeps_a_chunk_and_nothing_huge(void **state)
{
    (void)state;
    struct leat_arena a;
    leat_arena_init(&a, 64 << 20);
    void *first = leat_arena_alloc(&a, 1000);
    leat_arena_reset(&a);
    assert_ptr_equal(leat_arena_alloc(&a, 1000), first); /* the steady state allocates nothing */
    for (int order = 0; order < 2;
         order++) { /* the huge one newest, and the huge one in the middle */
        assert_non_null(leat_arena_alloc(&a, 20 << 20));
        if (order)
            assert_non_null(leat_arena_alloc(&a, 10));
        leat_arena_reset(&a);
        assert_true(a.used <= CHUNK);
    }
    leat_arena_reset(&a);
    leat_arena_release(&a);
    assert_int_equal(a.used, 0);
    leat_arena_reset(&a);
    leat_arena_release(&a);
}

static void arena__zeroed_memory_is_zero_after_use(void **state)
{
    (void)state;
    struct leat_arena a;
    leat_arena_init(&a, 1 << 20);
    memset(leat_arena_alloc(&a, 4000), 0xff, 4000);
    leat_arena_reset(&a);
    const uint8_t *zeroed = leat_arena_zeroed(&a, 40, 100);
    for (size_t i = 0; i < 4000; i++)
        assert_int_equal(zeroed[i], 0);
    leat_arena_release(&a);
}

static void arena__copies_are_its_own(void **state)
{
    (void)state;
    struct leat_arena a;
    leat_arena_init(&a, 1 << 20);
    char source[] = "a\0b";
    struct leat_slice copy = leat_arena_copy(&a, leat_slice_of(source, 3));
    char *text = leat_arena_text(&a, leat_slice_of(source, 1));
    char *empty = leat_arena_text(&a, leat_slice_text(NULL));
    memset(source, 'x', 3);
    assert_true(leat_slice_equal(copy, LEAT_SLICE_LITERAL("a\0b")));
    assert_string_equal(text, "a");
    assert_string_equal(empty, "");
    assert_int_equal(leat_arena_copy(&a, leat_slice_text("")).len, 0);
    leat_arena_release(&a);
}

static void arena__copies_past_the_maximum_are_empty(void **state)
{
    (void)state;
    struct leat_arena a;
    leat_arena_init(&a, 16);
    assert_null(leat_arena_copy(&a, leat_slice_text("seventeen bytes..")).ptr);
    assert_null(leat_arena_text(&a, leat_slice_text("sixteen bytes...")));
    assert_string_equal(leat_arena_text(&a, leat_slice_text("fifteen bytes..")), "fifteen bytes..");
    leat_arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena__memory_is_aligned_and_does_not_overlap),
        cmocka_unit_test(arena__gives_no_more_than_its_maximum),
        cmocka_unit_test(arena__a_refusal_changes_nothing),
        cmocka_unit_test(arena__reset_keeps_a_chunk_and_nothing_huge),
        cmocka_unit_test(arena__zeroed_memory_is_zero_after_use),
        cmocka_unit_test(arena__copies_are_its_own),
        cmocka_unit_test(arena__copies_past_the_maximum_are_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
