/* A group against an array of what was put in, in memory and over the file. */
#include "sources/mysql/group.h"

#include "unit/event/event_model.h"

#include <stdlib.h>

enum { EVENTS_MAX = 4000, EVENT_BYTES_MAX = 9000 };

struct model {
    struct {
        uint64_t position, mark; /* mark: the group's length in front of it */
        uint32_t len;
        uint8_t fill;
    } events[EVENTS_MAX];
    size_t count;
};

static void put(struct my_group *g, struct model *m, uint64_t position, uint32_t len, uint8_t fill)
{
    static uint8_t bytes[1 << 20];
    memset(bytes, fill, len);
    m->events[m->count].position = position;
    m->events[m->count].mark = my_group_mark(g);
    m->events[m->count].len = len;
    m->events[m->count++].fill = fill;
    ok(my_group_append(g, position, leat_slice_of(bytes, len), &err));
}

static void expect_all(struct my_group *g, const struct model *m)
{
    struct my_group_event e;
    ok(my_group_rewind(g, &err));
    for (size_t i = 0; i < m->count; i++) {
        assert_true(my_group_next(g, &e));
        assert_int_equal(e.position, m->events[i].position);
        assert_int_equal(e.bytes.len, m->events[i].len);
        for (size_t b = 0; b < e.bytes.len; b++)
            assert_int_equal(e.bytes.ptr[b], m->events[i].fill);
    }
    assert_false(my_group_next(g, &e));
}

/* Random events with random cuts back, for a group that stays in memory and one that spills. */
static void run(size_t memory_max, uint64_t seed)
{
    static struct model m;
    struct my_group g;
    struct chance c = chance_of(seed);
    m.count = 0;
    my_group_init(&g, "/tmp", memory_max, UINT64_C(1) << 40);
    while (m.count < EVENTS_MAX / 4) {
        put(&g, &m, below(&c, UINT64_MAX), (uint32_t)below(&c, EVENT_BYTES_MAX),
            (uint8_t)below(&c, 256));
        if (m.count > 10 && below(&c, 20) == 0) {
            m.count -= 1 + below(&c, 9);
            ok(my_group_cut(&g, m.events[m.count].mark, &err));
        }
    }
    expect_all(&g, &m);
    my_group_reset(&g);
    assert_true(my_group_empty(&g));
    m.count = 0;
    put(&g, &m, 7, 100, 1);
    expect_all(&g, &m);
    my_group_release(&g);
}

static void group__what_went_in_comes_out(void **state)
{
    (void)state;
    run(64 << 20, 1);
    run(100 << 10, 2);
    run(1, 3); /* each goes to the file by itself */
}

static void group__a_long_event_passes_memory_by(void **state)
{
    (void)state;
    static struct model m;
    struct my_group g;
    m.count = 0;
    my_group_init(&g, "/tmp", 64 << 10, UINT64_C(1) << 40);
    put(&g, &m, 1, 10, 1);
    put(&g, &m, 2, 1 << 20, 2);
    put(&g, &m, 3, 10, 3);
    assert_true(g.memory.capacity <= 128 << 10);
    expect_all(&g, &m);
    my_group_release(&g);
}

static void group__shrinks_and_stays_whole(void **state)
{
    (void)state;
    static struct model m;
    struct my_group g;
    m.count = 0;
    my_group_init(&g, "/tmp", 8 << 20, UINT64_C(1) << 40);
    for (int i = 0; i < 300; i++)
        put(&g, &m, (uint64_t)i, 5000, (uint8_t)i);
    ok(my_group_shrink(&g, 4096, &err));
    assert_true(g.memory.capacity <= 8192);
    expect_all(&g, &m);
    my_group_release(&g);
}

static void group__limit_is_named(void **state)
{
    (void)state;
    struct my_group g;
    uint8_t bytes[600] = {0};
    my_group_init(&g, "/tmp", 1 << 20, 1000);
    ok(my_group_append(&g, 1, leat_slice_of(bytes, sizeof bytes), &err));
    gives(LEAT_ELIMIT, my_group_append(&g, 2, leat_slice_of(bytes, sizeof bytes), &err));
    assert_text_has(err.hint, "transaction_max");
    my_group_release(&g);
}

static void group__a_directory_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct my_group g;
    uint8_t bytes[600] = {0};
    my_group_init(&g, "/nonexistent/leat", 16, 100000);
    gives(LEAT_ERETRY, my_group_append(&g, 1, leat_slice_of(bytes, sizeof bytes), &err));
    assert_text_has(err.text, "/nonexistent/leat");
    my_group_release(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(group__what_went_in_comes_out),
        cmocka_unit_test(group__a_long_event_passes_memory_by),
        cmocka_unit_test(group__shrinks_and_stays_whole),
        cmocka_unit_test(group__limit_is_named),
        cmocka_unit_test(group__a_directory_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
