/*
 * Readers by name: a cursor that was committed is found again and only moves forward, whoever else
 * has a reader of that name is refused, and what retention may not touch is told.
 */
#include "store/readers.h"

#include "unit/store/store_support.h"

#include <lmdb.h>

static struct leat_reader_commit wish(const char *name, uint64_t sequence)
{
    struct leat_reader_commit c = {.reader = {.sequence = sequence}};
    snprintf(c.reader.name, sizeof c.reader.name, "%s", name);
    return c;
}

static enum leat_reader_outcome commit(struct leat_readers *readers, const char *name,
                                       uint64_t sequence)
{
    struct leat_reader_commit c = wish(name, sequence);
    ok(leat_readers_commit(readers, &c, 1, &err));
    return c.outcome;
}

static uint64_t stands(struct leat_readers *readers, const char *name)
{
    struct leat_named_reader r;
    ok(leat_readers_get(readers, name, &r, &err));
    assert_string_equal(r.name, name);
    return r.sequence;
}

static int count_one(void *arg, const struct leat_named_reader *reader, struct leat_err *e)
{
    (void)reader;
    (void)e;
    ++*(size_t *)arg;
    return LEAT_OK;
}

static size_t count_of(struct leat_readers *readers)
{
    size_t count = 0;
    ok(leat_readers_each(readers, count_one, &count, &err));
    return count;
}

struct scene {
    struct leat_store *store;
    struct leat_readers *readers;
};

static struct scene scene_open(void **state)
{
    struct scene s;
    struct leat_store_options options = small_options(store_path(state));
    s.store = opened(&options);
    ok(leat_readers_open(store_path(state), s.store, &s.readers, &err));
    return s;
}

static void scene_close(struct scene *s)
{
    leat_readers_close(s->readers);
    leat_store_close(s->store);
}

static void name__letters_digits_and_three_signs(void **state)
{
    (void)state;
    char longest[LEAT_READER_NAME_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[LEAT_READER_NAME_MAX + 1] = '\0';
    assert_false(leat_reader_name_valid(longest));
    longest[LEAT_READER_NAME_MAX] = '\0';
    assert_true(leat_reader_name_valid(longest));
    assert_true(leat_reader_name_valid("a") && leat_reader_name_valid("0.b_C-9"));
    assert_false(leat_reader_name_valid("") || leat_reader_name_valid(".a") ||
                 leat_reader_name_valid("-"));
    assert_false(leat_reader_name_valid("a b") || leat_reader_name_valid("a/b") ||
                 leat_reader_name_valid("\xc3\xa9"));
}

static void commit__is_there_after_a_restart_and_only_moves_forward(void **state)
{
    struct scene s = scene_open(state);
    struct leat_named_reader none;
    fails(LEAT_EOF, leat_readers_get(s.readers, "a", &none, &err));
    assert_int_equal(commit(s.readers, "a", 7), LEAT_READER_MOVED);
    assert_int_equal(commit(s.readers, "a", 7), LEAT_READER_STOOD);
    assert_int_equal(commit(s.readers, "a", 3), LEAT_READER_STOOD);
    assert_int_equal(stands(s.readers, "a"), 7);
    assert_int_equal(commit(s.readers, "a", UINT64_MAX - 1), LEAT_READER_MOVED);
    scene_close(&s);
    s = scene_open(state);
    assert_true(stands(s.readers, "a") == UINT64_MAX - 1);
    scene_close(&s);
}

static void commit__of_many_keeps_their_order(void **state)
{
    struct scene s = scene_open(state);
    struct leat_reader_commit many[] = {wish("a", 5), wish("b", 1), wish("a", 4), wish("a", 9),
                                        wish("c", 0)};
    ok(leat_readers_commit(s.readers, many, 5, &err));
    assert_int_equal(many[0].outcome, LEAT_READER_MOVED);
    assert_int_equal(many[2].outcome, LEAT_READER_STOOD);
    assert_int_equal(many[2].reader.sequence, 5);
    assert_int_equal(many[3].outcome, LEAT_READER_MOVED);
    assert_int_equal(stands(s.readers, "a"), 9);
    assert_int_equal(stands(s.readers, "c"), 0);
    assert_int_equal(count_of(s.readers), 3);
    scene_close(&s);
}

static void commit__under_another_scope_is_refused_unless_by_an_admin(void **state)
{
    struct scene s = scene_open(state);
    struct leat_reader_commit mine = wish("a", 5), theirs = wish("a", 6);
    snprintf(mine.reader.tenant, sizeof mine.reader.tenant, "acme");
    ok(leat_readers_commit(s.readers, &mine, 1, &err));
    ok(leat_readers_commit(s.readers, &theirs, 1, &err));
    assert_int_equal(theirs.outcome, LEAT_READER_FOREIGN);
    assert_int_equal(stands(s.readers, "a"), 5);
    theirs = wish("a", 6);
    theirs.admin = true;
    ok(leat_readers_commit(s.readers, &theirs, 1, &err));
    assert_int_equal(theirs.outcome, LEAT_READER_MOVED);
    assert_string_equal(theirs.reader.tenant, "acme"); /* it stays whose it was */
    scene_close(&s);
}

static void commit__of_one_reader_too_many_is_refused(void **state)
{
    struct scene s = scene_open(state);
    static struct leat_reader_commit many[LEAT_READERS_MAX];
    for (unsigned i = 0; i < LEAT_READERS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "r%u", i);
        many[i] = wish(name, i);
    }
    ok(leat_readers_commit(s.readers, many, LEAT_READERS_MAX, &err));
    assert_int_equal(commit(s.readers, "more", 1), LEAT_READER_FULL);
    assert_int_equal(commit(s.readers, "r7", 8), LEAT_READER_MOVED);
    ok(leat_readers_drop(s.readers, "r9", &err));
    assert_int_equal(commit(s.readers, "more", 1), LEAT_READER_MOVED);
    assert_int_equal(count_of(s.readers), LEAT_READERS_MAX);
    scene_close(&s);
}

static void drop__forgets(void **state)
{
    struct scene s = scene_open(state);
    struct leat_named_reader none;
    fails(LEAT_EOF, leat_readers_drop(s.readers, "a", &err));
    commit(s.readers, "a", 7);
    ok(leat_readers_drop(s.readers, "a", &err));
    fails(LEAT_EOF, leat_readers_get(s.readers, "a", &none, &err));
    assert_int_equal(commit(s.readers, "a", 2), LEAT_READER_MOVED); /* going back is dropping */
    assert_int_equal(stands(s.readers, "a"), 2);
    scene_close(&s);
}

static void oldest__is_of_those_that_are_alive(void **state)
{
    struct scene s = scene_open(state);
    uint64_t oldest;
    ok(leat_readers_oldest(s.readers, leat_clock_wall_us(), 0, &oldest, &err));
    assert_true(oldest == UINT64_MAX);
    commit(s.readers, "slow", 10);
    commit(s.readers, "quick", 90);
    struct leat_named_reader slow;
    ok(leat_readers_get(s.readers, "slow", &slow, &err));
    int64_t at_us = slow.committed_at_us;
    ok(leat_readers_oldest(s.readers, at_us + 5000, 5, &oldest, &err));
    assert_int_equal(oldest, 10);
    ok(leat_readers_oldest(s.readers, at_us + INT64_C(3600000000), 5, &oldest, &err));
    assert_true(oldest == UINT64_MAX); /* both have been silent for too long */
    ok(leat_readers_oldest(s.readers, at_us + INT64_C(3600000000), 0, &oldest, &err));
    assert_int_equal(oldest, 10); /* no limit */
    ok(leat_readers_drop(s.readers, "slow", &err));
    ok(leat_readers_oldest(s.readers, at_us, INT64_MAX, &oldest, &err));
    assert_int_equal(oldest, 90);
    scene_close(&s);
}

/* I7: whichever byte of the record was changed, no cursor comes of it. */
static void record__that_is_damaged_gives_no_cursor(void **state)
{
    struct scene s = scene_open(state);
    commit(s.readers, "a", 77);
    scene_close(&s);
    char path[300];
    snprintf(path, sizeof path, "%s/meta.mdb", store_path(state));
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    static uint8_t page[1 << 20];
    size_t len = fread(page, 1, sizeof page, f), flips = 0;
    uint64_t needle = 77;
    for (size_t i = 1; i + 50 < len; i++) {
        if (page[i - 1] != 1 || memcmp(page + i, &needle, sizeof needle) != 0)
            continue;
        for (size_t at = i - 1; at < i + 24; at++, flips++) {
            struct leat_readers *readers;
            struct leat_named_reader r;
            assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
            fputc(page[at] ^ 0x10, f);
            fflush(f);
            ok(leat_readers_open(store_path(state), NULL, &readers, &err));
            fails(LEAT_EDATA, leat_readers_get(readers, "a", &r, &err));
            fails(LEAT_EDATA, leat_readers_oldest(readers, 0, 0, &needle, &err));
            struct leat_reader_commit c = wish("a", 78);
            fails(LEAT_EDATA, leat_readers_commit(readers, &c, 1, &err));
            leat_readers_close(readers);
            assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
            fputc(page[at], f);
            fflush(f);
        }
    }
    fclose(f);
    assert_int_equal(flips, 25);
}

int main(void)
{
#define WITH_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name__letters_digits_and_three_signs),
        WITH_SCRATCH(commit__is_there_after_a_restart_and_only_moves_forward),
        WITH_SCRATCH(commit__of_many_keeps_their_order),
        WITH_SCRATCH(commit__under_another_scope_is_refused_unless_by_an_admin),
        WITH_SCRATCH(commit__of_one_reader_too_many_is_refused),
        WITH_SCRATCH(drop__forgets),
        WITH_SCRATCH(oldest__is_of_those_that_are_alive),
        WITH_SCRATCH(record__that_is_damaged_gives_no_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
