/* Words one after the other: what is taken, and that anything else is refused. */
#include <leat/words.h>

#include "unit/outcome.h"

static struct leat_reader reader(const char *text)
{
    return leat_reader_of(leat_slice_text(text));
}

static void words__come_one_after_the_other(void **state)
{
    (void)state;
    struct leat_reader r = reader("pond1 name=frog legs=4 note=");
    assert_true(leat_slice_equal(leat_word(&r, "pond1 name="), leat_slice_text("frog")));
    assert_int_equal(leat_word_number(&r, " legs=", 8), 4);
    assert_int_equal(leat_word(&r, " note=").len, 0);
    assert_true(leat_reader_done(&r));
}

static void words__under_another_key_are_refused(void **state)
{
    (void)state;
    struct leat_reader r = reader("pond1 name=frog");
    assert_int_equal(leat_word(&r, "pond1 nape=").len, 0);
    assert_true(r.bad);
    assert_int_equal(leat_word(&r, " legs=").len, 0); /* and nothing comes after that */
}

static void words__that_are_no_number_or_too_large_are_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "n=", "n=-1", "n=+1", "n=1x", "n= 1", "n=11", "n=18446744073709551616"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct leat_reader r = reader(BAD[i]);
        assert_int_equal(leat_word_number(&r, "n=", 10), 0);
        assert_true(r.bad);
    }
    struct leat_reader r = reader("n=18446744073709551615");
    assert_true(leat_word_number(&r, "n=", UINT64_MAX) == UINT64_MAX && leat_reader_done(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words__come_one_after_the_other),
        cmocka_unit_test(words__under_another_key_are_refused),
        cmocka_unit_test(words__that_are_no_number_or_too_large_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
