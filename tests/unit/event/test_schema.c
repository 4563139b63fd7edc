/* Schemas and origins in their stored form, and the ids of events. */
#include "unit/event/event_model.h"

struct room {
    struct chance c;
    struct leat_arena arena;
    struct leat_buf stored, in, out;
};

static struct room room_of(uint64_t stream)
{
    struct room room = {.c = chance_of(stream)};
    leat_arena_init(&room.arena, 64 << 20);
    leat_buf_init(&room.stored, 16 << 20);
    leat_buf_init(&room.in, 16 << 20);
    leat_buf_init(&room.out, 16 << 20);
    return room;
}

static void room_release(struct room *room)
{
    leat_arena_release(&room->arena);
    leat_buf_release(&room->stored);
    leat_buf_release(&room->in);
    leat_buf_release(&room->out);
}

static void schema_comes_back(struct room *room, uint32_t columns)
{
    leat_arena_reset(&room->arena);
    leat_buf_reset(&room->stored);
    leat_buf_reset(&room->in);
    leat_buf_reset(&room->out);
    struct leat_schema *s = chance_schema(&room->c, &room->arena, columns), back;
    leat_schema_write(&room->stored, s);
    ok(leat_schema_read(leat_buf_slice(&room->stored), &room->arena, &back, &err));
    tell_schema(&room->in, s);
    tell_schema(&room->out, &back);
    assert_int_equal(back.column_count, columns);
    assert_string_equal(leat_buf_text(&room->in), leat_buf_text(&room->out));
}

static void schema__random_ones_come_back(void **state)
{
    (void)state;
    struct room room = room_of(10);
    for (uint32_t columns = 0; columns < 60; columns++)
        schema_comes_back(&room, columns);
    schema_comes_back(&room, 1600);
    schema_comes_back(&room, LEAT_COLUMNS_MAX);
    room_release(&room);
}

static void schema__too_many_columns_are_refused(void **state)
{
    (void)state;
    struct room room = room_of(11);
    struct leat_schema *s = chance_schema(&room.c, &room.arena, LEAT_COLUMNS_MAX + 1), back;
    leat_schema_write(&room.stored, s);
    gives(LEAT_EDATA, leat_schema_read(leat_buf_slice(&room.stored), &room.arena, &back, &err));
    room_release(&room);
}

/* Strict prefixes and an extension are errors, and leave what the caller had. */
static void schema__prefixes_and_extensions_are_errors(void **state)
{
    (void)state;
    struct room room = room_of(12);
    struct leat_schema *s = chance_schema(&room.c, &room.arena, 5), back = {.ref = 77};
    leat_schema_write(&room.stored, s);
    for (size_t cut = 0; cut < room.stored.len; cut++)
        gives(LEAT_EDATA,
              leat_schema_read(leat_slice_of(room.stored.data, cut), &room.arena, &back, &err));
    leat_buf_append(&room.stored, LEAT_SLICE_LITERAL("\0"));
    gives(LEAT_EDATA, leat_schema_read(leat_buf_slice(&room.stored), &room.arena, &back, &err));
    assert_int_equal(back.ref, 77);
    room_release(&room);
}

static void schema__flipped_bits_never_crash(void **state)
{
    (void)state;
    struct room room = room_of(13);
    struct leat_schema *s = chance_schema(&room.c, &room.arena, 6), back;
    leat_schema_write(&room.stored, s);
    struct leat_arena scratch;
    leat_arena_init(&scratch, 1 << 20);
    for (size_t bit = 0; bit < 8 * room.stored.len; bit++) {
        room.stored.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int status = leat_schema_read(leat_buf_slice(&room.stored), &scratch, &back, &err);
        assert_true(status == LEAT_OK || status == LEAT_EDATA);
        for (uint32_t i = 0; status == LEAT_OK && i < back.column_count; i++)
            assert_true(back.columns[i].kind < LEAT_KIND_COUNT &&
                        back.columns[i].nullable <= LEAT_NULLABLE_NO);
        room.stored.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        leat_arena_reset(&scratch);
    }
    leat_arena_release(&scratch);
    room_release(&room);
}

static void schema__without_room_sets_full(void **state)
{
    (void)state;
    struct room room = room_of(14);
    struct leat_buf small;
    leat_buf_init(&small, 100);
    leat_schema_write(&small, chance_schema(&room.c, &room.arena, 20));
    assert_true(small.full);
    leat_buf_release(&small);
    room_release(&room);
}

static void schema__no_memory_for_its_columns_is_a_limit(void **state)
{
    (void)state;
    struct room room = room_of(15);
    struct leat_schema back;
    leat_schema_write(&room.stored, chance_schema(&room.c, &room.arena, 2000));
    struct leat_arena small;
    leat_arena_init(&small, 4096);
    gives(LEAT_ELIMIT, leat_schema_read(leat_buf_slice(&room.stored), &small, &back, &err));
    leat_arena_release(&small);
    room_release(&room);
}

static struct leat_origin origin_of(struct chance *c, struct leat_arena *arena, uint32_t attrs)
{
    struct leat_origin o = {.connector = LEAT_SLICE_LITERAL("postgresql"),
                            .lineage = chance_bytes(c, arena, 19),
                            .database = LEAT_SLICE_LITERAL("shop"),
                            .server = chance_bytes(c, arena, below(c, 80)),
                            .attr_count = attrs};
    for (uint32_t i = 0; i < attrs; i++)
        o.attrs[i] =
            (struct leat_attr){chance_bytes(c, arena, below(c, 12)),
                               (uint8_t)below(c, LEAT_ATTR_TABLE + 1), (uint8_t)below(c, 4)};
    return o;
}

static void origin__comes_back_and_its_prefixes_do_not(void **state)
{
    (void)state;
    struct room room = room_of(16);
    for (uint32_t attrs = 0; attrs <= 2 * LEAT_ATTRS_MAX; attrs++) {
        struct leat_origin o = origin_of(&room.c, &room.arena, attrs), back;
        leat_buf_reset(&room.stored);
        leat_buf_reset(&room.in);
        leat_buf_reset(&room.out);
        leat_origin_write(&room.stored, &o);
        ok(leat_origin_read(leat_buf_slice(&room.stored), &back, &err));
        tell_origin(&room.in, &o);
        tell_origin(&room.out, &back);
        assert_string_equal(leat_buf_text(&room.in), leat_buf_text(&room.out));
        for (size_t cut = 0; cut < room.stored.len; cut++)
            gives(LEAT_EDATA, leat_origin_read(leat_slice_of(room.stored.data, cut), &back, &err));
        leat_buf_append(&room.stored, LEAT_SLICE_LITERAL("x"));
        gives(LEAT_EDATA, leat_origin_read(leat_buf_slice(&room.stored), &back, &err));
    }
    room_release(&room);
}

static void origin__is_no_schema_and_a_schema_no_origin(void **state)
{
    (void)state;
    struct room room = room_of(17);
    struct leat_origin o = origin_of(&room.c, &room.arena, 3);
    struct leat_schema s;
    leat_origin_write(&room.stored, &o);
    gives(LEAT_EDATA, leat_schema_read(leat_buf_slice(&room.stored), &room.arena, &s, &err));
    leat_buf_reset(&room.stored);
    leat_schema_write(&room.stored, chance_schema(&room.c, &room.arena, 2));
    gives(LEAT_EDATA, leat_origin_read(leat_buf_slice(&room.stored), &o, &err));
    room.stored.data[1]++; /* a format of tomorrow */
    gives(LEAT_EDATA, leat_schema_read(leat_buf_slice(&room.stored), &room.arena, &s, &err));
    room_release(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schema__random_ones_come_back),
        cmocka_unit_test(schema__too_many_columns_are_refused),
        cmocka_unit_test(schema__prefixes_and_extensions_are_errors),
        cmocka_unit_test(schema__flipped_bits_never_crash),
        cmocka_unit_test(schema__without_room_sets_full),
        cmocka_unit_test(schema__no_memory_for_its_columns_is_a_limit),
        cmocka_unit_test(origin__comes_back_and_its_prefixes_do_not),
        cmocka_unit_test(origin__is_no_schema_and_a_schema_no_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
