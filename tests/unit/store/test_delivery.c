/*
 * Cursors of emitters and dead letters: what is put comes back, an operator's word is not undone,
 * and what is damaged is told.
 */
#include "store/delivery.h"

#include "unit/store/store_support.h"

static struct leat_delivery *opened_delivery(struct leat_store *store)
{
    struct leat_delivery *d;
    ok(leat_delivery_open(leat_store_path(store), store, &d, &err));
    return d;
}

static bool to_seven(void *arg, struct leat_delivery_state *s)
{
    (void)arg;
    s->cursor = 7;
    s->reported = 5;
    return true;
}

static bool pause_it(void *arg, struct leat_delivery_state *s)
{
    (void)arg;
    s->paused = true;
    s->rewinds++;
    return true;
}

static bool nothing(void *arg, struct leat_delivery_state *s)
{
    (void)arg;
    s->cursor = 99;
    return false;
}

static void delivery__a_cursor_comes_back(void **state)
{
    struct leat_store_options options = small_options(store_path(state));
    struct leat_store *store = opened(&options);
    struct leat_delivery *d = opened_delivery(store);
    struct leat_delivery_state s;
    fails(LEAT_EOF, leat_delivery_get(d, "out", &s, &err));
    ok(leat_delivery_update(d, "out", to_seven, NULL, &s, &err));
    ok(leat_delivery_update(d, "out", pause_it, NULL, &s, &err));
    ok(leat_delivery_update(d, "out", nothing, NULL, &s, &err));
    leat_delivery_close(d);
    leat_store_close(store);
    store = opened(&options);
    d = opened_delivery(store);
    ok(leat_delivery_get(d, "out", &s, &err));
    assert_string_equal(s.name, "out");
    assert_int_equal(s.cursor, 7);
    assert_int_equal(s.reported, 5);
    assert_true(s.paused && s.rewinds == 1 && s.updated_at_us > 0);
    fails(LEAT_EOF, leat_delivery_get(d, "ou", &s, &err));
    leat_delivery_close(d);
    leat_store_close(store);
}

static void delivery__without_a_store_there_is_nothing_to_command(void **state)
{
    struct leat_delivery *d;
    fails(LEAT_ECONFIG, leat_delivery_open(store_path(state), NULL, &d, &err));
}

struct seen {
    uint64_t sequences[8];
    size_t count, stop;
};

static int see(void *arg, const struct leat_dead_letter *l, struct leat_err *e)
{
    struct seen *s = arg;
    (void)e;
    assert_true(l->value.len == 8 && l->reason.len == 3 && l->code == LEAT_EDATA && l->tries == 3);
    s->sequences[s->count++] = l->sequence;
    return s->count == s->stop ? LEAT_EOF : LEAT_OK;
}

static void bury(struct leat_delivery *d, const char *name, uint64_t sequence)
{
    struct leat_dead_letter l = {.sequence = sequence,
                                 .code = LEAT_EDATA,
                                 .tries = 3,
                                 .reason = LEAT_SLICE_LITERAL("why"),
                                 .value = LEAT_SLICE_LITERAL("{\"a\":\0}\n")};
    ok(leat_delivery_bury(d, name, &l, &err));
}

static void delivery__letters_are_kept_apart_by_emitter_and_in_order(void **state)
{
    struct leat_store_options options = small_options(store_path(state));
    struct leat_store *store = opened(&options);
    struct leat_delivery *d = opened_delivery(store);
    const uint64_t sequences[] = {300, 2, UINT64_MAX, 256};
    for (size_t i = 0; i < 4; i++)
        bury(d, "b", sequences[i]);
    bury(d, "a", 1);
    bury(d, "bb", 4);
    bury(d, "b", 2); /* again: the same one */
    struct seen s = {.stop = 99};
    ok(leat_delivery_letters(d, "b", 0, see, &s, &err));
    assert_int_equal(s.count, 4);
    assert_true(s.sequences[0] == 2 && s.sequences[1] == 256 && s.sequences[2] == 300);
    s = (struct seen){.stop = 1};
    ok(leat_delivery_letters(d, "b", 3, see, &s, &err));
    assert_true(s.count == 1 && s.sequences[0] == 256);
    ok(leat_delivery_drop(d, "b", 256, &err));
    fails(LEAT_EOF, leat_delivery_drop(d, "b", 256, &err));
    s = (struct seen){.stop = 99};
    ok(leat_delivery_letters(d, "b", 3, see, &s, &err));
    assert_int_equal(s.count, 2);
    leat_delivery_close(d);
    leat_store_close(store);
}

/* None is dropped for a new one: the emitter stops, and says what to do. */
static void delivery__too_many_letters_are_refused(void **state)
{
    struct leat_store_options options = small_options(store_path(state));
    struct leat_store *store = opened(&options);
    struct leat_delivery *d = opened_delivery(store);
    size_t len = (size_t)LEAT_DEAD_BYTES_MAX + 1;
    uint8_t *value = calloc(1, len);
    struct leat_dead_letter l = {.sequence = 1, .value = leat_slice_of(value, len)};
    fails(LEAT_ELIMIT, leat_delivery_bury(d, "b", &l, &err));
    assert_text_has("dead letters");
    free(value);
    bury(d, "b", 2);
    leat_delivery_close(d);
    leat_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(delivery__a_cursor_comes_back, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(delivery__without_a_store_there_is_nothing_to_command,
                                        scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(delivery__letters_are_kept_apart_by_emitter_and_in_order,
                                        scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(delivery__too_many_letters_are_refused, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
