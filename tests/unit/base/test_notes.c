/* Notes against a naive model: the last value of a key counts, and they come in the order of their keys. */
#include <leat/notes.h>

#include "unit/outcome.h"

#include <stdlib.h>

enum { KEYS = 40, CHANGES = 20000 };

static void notes__the_last_value_of_a_key_counts(void **state)
{
    (void)state;
    struct leat_notes notes = {.items = NULL};
    char model[KEYS][16] = {""};
    unsigned seed = 7;
    for (int i = 0; i < CHANGES; i++) {
        int k = rand_r(&seed) % KEYS;
        char key[8];
        snprintf(key, sizeof key, "k%02d", k);
        snprintf(model[k], sizeof model[k], "%s", rand_r(&seed) % 3 ? "value" : "");
        if (model[k][0])
            snprintf(model[k], sizeof model[k], "v%d", i);
        assert_true(leat_notes_set(&notes, leat_slice_text(key), leat_slice_text(model[k])));
        assert_true(leat_slice_equal(leat_notes_find(&notes, leat_slice_text(key)),
                                     leat_slice_text(model[k])));
    }
    size_t at = 0;
    for (int k = 0; k < KEYS; k++) {
        if (!model[k][0])
            continue;
        assert_true(leat_slice_equal(notes.items[at++].value, leat_slice_text(model[k])));
    }
    assert_int_equal(at, notes.count);
    leat_notes_release(&notes);
    assert_int_equal(notes.count, 0);
}

static void notes__are_found_from_a_prefix_on(void **state)
{
    (void)state;
    struct leat_notes notes = {.items = NULL};
    assert_true(leat_notes_set(&notes, leat_slice_text("job/2"), leat_slice_text("b")));
    assert_true(leat_notes_set(&notes, leat_slice_text("a"), leat_slice_text("x")));
    assert_true(leat_notes_set(&notes, leat_slice_text("job/1"), leat_slice_text("a")));
    assert_int_equal(leat_notes_from(&notes, leat_slice_text("job/")), 1);
    assert_int_equal(leat_notes_from(&notes, leat_slice_text("z")), 3);
    assert_int_equal(leat_notes_find(&notes, leat_slice_text("job/")).len, 0);
    leat_notes_release(&notes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes__the_last_value_of_a_key_counts),
        cmocka_unit_test(notes__are_found_from_a_prefix_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
