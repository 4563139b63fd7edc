/*
 * Values in their stored form: what goes in comes out, every prefix is short, nothing that is
 * forged is believed.
 */
#include "unit/event/event_model.h"

static void put(struct leat_buf *buf, const struct leat_value *v)
{
    size_t len = buf->len;
    assert_true(leat_buf_reserve(buf, leat_value_bytes_max(v)));
    leat_value_write(buf, v);
    assert_true(buf->len - len <= leat_value_bytes_max(v));
}

static struct leat_value taken(struct leat_slice bytes, bool *ret_whole)
{
    struct leat_reader r = leat_reader_of(bytes);
    struct leat_value v;
    leat_value_read(&r, &v);
    *ret_whole = leat_reader_done(&r);
    return v;
}

static void value__random_ones_of_every_kind_come_back(void **state)
{
    (void)state;
    struct chance c = chance_of(1);
    struct leat_buf stored, in, out;
    struct leat_arena arena;
    leat_buf_init(&stored, 1 << 20);
    leat_buf_init(&in, 1 << 20);
    leat_buf_init(&out, 1 << 20);
    leat_arena_init(&arena, 1 << 20);
    for (unsigned i = 0; i < 20000; i++) {
        struct leat_value v = chance_value(&c, &arena, (enum leat_kind)(i % LEAT_KIND_COUNT), 200);
        bool whole;
        leat_buf_reset(&stored);
        put(&stored, &v);
        struct leat_value back = taken(leat_buf_slice(&stored), &whole);
        assert_true(whole);
        assert_true(leat_value_equal(&v, &back));
        leat_buf_reset(&in);
        leat_buf_reset(&out);
        tell_value(&in, &v);
        tell_value(&out, &back);
        assert_string_equal(leat_buf_text(&in), leat_buf_text(&out));
        leat_arena_reset(&arena);
    }
    leat_buf_release(&stored);
    leat_buf_release(&in);
    leat_buf_release(&out);
    leat_arena_release(&arena);
}

static void value__every_strict_prefix_is_bad_and_absent(void **state)
{
    (void)state;
    struct chance c = chance_of(2);
    struct leat_arena arena;
    leat_arena_init(&arena, 1 << 20);
    for (unsigned kind = 0; kind < LEAT_KIND_COUNT; kind++) {
        for (unsigned round = 0; round < 20; round++) {
            struct leat_value v = chance_value(&c, &arena, (enum leat_kind)kind, 40);
            struct leat_buf stored;
            leat_buf_init(&stored, 4096);
            put(&stored, &v);
            for (size_t cut = 0; cut < stored.len; cut++) {
                bool whole;
                struct leat_slice exact = leat_arena_copy(&arena, leat_slice_of(stored.data, cut));
                assert_int_equal(taken(exact, &whole).kind, LEAT_ABSENT);
                assert_false(whole);
            }
            leat_buf_release(&stored);
            leat_arena_reset(&arena);
        }
    }
    leat_arena_release(&arena);
}

static void value__bytes_are_as_documented(void **state)
{
    (void)state;
    static const struct {
        struct leat_value v;
        const char *bytes;
        size_t len;
    } CASES[] = {
        {{.kind = LEAT_ABSENT}, "\0", 1},
        {{.kind = LEAT_NULL}, "\1", 1},
        {{.kind = LEAT_BOOL, .integer = 1}, "\2\1", 2},
        {{.kind = LEAT_INT64, .integer = -2}, "\3\3", 2},
        {{.kind = LEAT_UINT64, .natural = 300}, "\4\xac\2", 3},
        {{.kind = LEAT_FLOAT32, .real = 1.0}, "\5\0\0\x80\x3f", 5},
        {{.kind = LEAT_FLOAT64, .real = 1.0}, "\6\0\0\0\0\0\0\xf0\x3f", 9},
        {{.kind = LEAT_STRING, .text = {(const uint8_t *)"ab", 2}}, "\x08\2ab", 4},
        {{.kind = LEAT_DATE, .integer = 64}, "\x0b\x80\1", 3},
        {{.kind = LEAT_INTERVAL, .span = {.us = 1, .days = -1, .months = 2}}, "\x0f\2\1\4", 4},
        {{.kind = LEAT_TIMETZ, .span = {.us = 0, .days = 7200, .months = 0}},
         "\x14\0\xc0\x70\0",
         5},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct leat_buf stored;
        leat_buf_init(&stored, 64);
        put(&stored, &CASES[i].v);
        assert_int_equal(stored.len, CASES[i].len);
        assert_memory_equal(stored.data, CASES[i].bytes, stored.len);
        leat_buf_release(&stored);
    }
}

static void value__forged_bytes_are_bad(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } CASES[] = {
        {"\x15", 1}, /* a kind that is none */
        {"\xff", 1}, /* likewise */
        {"\2\2", 2}, /* a bool of two */
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\1x",
         12},                                  /* a text as long as the address space */
        {"\x08\x03xx", 4},                     /* longer than there is */
        {"\x0f\0\xfe\xff\xff\xff\xff\1\0", 9}, /* days beyond 32 bits */
        {"\x0f\0\0\xff\xff\xff\xff\x7f", 8},   /* months beyond 32 bits */
        {"\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11}, /* 70 bits */
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct leat_reader r = leat_reader_of(leat_slice_of(CASES[i].bytes, CASES[i].len));
        struct leat_value v;
        leat_value_read(&r, &v);
        assert_true(r.bad);
        assert_int_equal(v.kind, LEAT_ABSENT);
    }
}

static void value__equality_is_of_kind_and_content(void **state)
{
    (void)state;
    struct leat_value one = {.kind = LEAT_INT64, .integer = 1},
                      date = {.kind = LEAT_DATE, .integer = 1};
    struct leat_value zero = {.kind = LEAT_FLOAT64, .real = 0.0},
                      minus = {.kind = LEAT_FLOAT64, .real = -0.0};
    struct leat_value nan = {.kind = LEAT_FLOAT64, .real = 0.0 / 0.0},
                      nan2 = {.kind = LEAT_FLOAT64, .real = -(0.0 / 0.0)};
    struct leat_value null = {.kind = LEAT_NULL, .integer = 1},
                      null2 = {.kind = LEAT_NULL, .integer = 2};
    struct leat_value absent = {.kind = LEAT_ABSENT, .integer = 1};
    struct leat_value span = {.kind = LEAT_INTERVAL, .span = {1, 2, 3}},
                      other = {.kind = LEAT_INTERVAL, .span = {1, 2, 4}};
    assert_false(leat_value_equal(&one, &date));
    assert_false(leat_value_equal(&zero, &minus));
    assert_true(leat_value_equal(&nan, &nan2));
    assert_true(leat_value_equal(&null, &null2));
    assert_false(leat_value_equal(&null, &absent));
    assert_false(leat_value_equal(&span, &other));
}

static void value__every_kind_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < LEAT_KIND_COUNT; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(leat_kind_name((enum leat_kind)a),
                                    leat_kind_name((enum leat_kind)b));
    assert_string_equal(leat_kind_name(LEAT_TIMESTAMPTZ), "timestamptz");
    assert_string_equal(leat_kind_name(LEAT_KIND_COUNT), "?");
    assert_string_equal(leat_kind_name((enum leat_kind) - 1), "?");
    assert_false(leat_kind_is_text((enum leat_kind)200));
}

/* --- arrays -------------------------------------------------------------------------------------
 */

static void array__random_shapes_come_back(void **state)
{
    (void)state;
    struct chance c = chance_of(3);
    struct leat_arena arena;
    leat_arena_init(&arena, 4 << 20);
    for (unsigned round = 0; round < 500; round++) {
        struct leat_array shape = {.dimensions = (unsigned)below(&c, 7)};
        struct leat_value elements[729]; /* 3^6; a dimension of length 0 exists in no source */
        uint32_t count = shape.dimensions ? 1 : 0;
        for (unsigned i = 0; i < shape.dimensions; i++) {
            shape.lengths[i] = 1 + (uint32_t)below(&c, 3);
            shape.lower_bounds[i] = (int32_t)chance_integer(&c);
            count *= shape.lengths[i];
        }
        struct leat_buf stored;
        leat_buf_init(&stored, 1 << 20);
        leat_array_begin(&stored, &shape);
        for (uint32_t i = 0; i < count; i++) {
            elements[i] = chance_value(&c, &arena, one_in(&c, 5) ? LEAT_NULL : LEAT_STRING, 10);
            leat_array_append(&stored, &elements[i]);
        }
        struct leat_array back;
        assert_true(leat_array_open(leat_buf_slice(&stored), &back));
        assert_int_equal(back.dimensions, shape.dimensions);
        assert_true(back.count == count);
        for (unsigned i = 0; i < shape.dimensions; i++) {
            assert_int_equal(back.lengths[i], shape.lengths[i]);
            assert_int_equal(back.lower_bounds[i], shape.lower_bounds[i]);
        }
        for (uint32_t i = 0; i < count; i++) {
            struct leat_value v;
            leat_value_read(&back.elements, &v);
            assert_true(leat_value_equal(&v, &elements[i]));
        }
        assert_true(leat_reader_done(&back.elements));
        leat_buf_release(&stored);
        leat_arena_reset(&arena);
    }
    leat_arena_release(&arena);
}

static void array__forged_heads_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } CASES[] = {
        {"", 0},
        {"\7", 1},                                              /* seven dimensions */
        {"\1", 1},                                              /* no length */
        {"\1\5", 2},                                            /* no lower bound */
        {"\1\xff\xff\xff\xff\x0f\2", 7},                        /* 2^32 - 1 elements in no bytes */
        {"\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\2", 12},     /* 2^64 - 1 */
        {"\2\x80\x80\x80\x80\x08\2\x80\x80\x80\x80\x08\2", 13}, /* 2^31 x 2^31 */
        {"\2\xff\xff\xff\xff\x0f\2\0\2", 9}, /* a huge dimension, hidden by an empty one */
        {"\1\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\3\2", 14}, /* a lower bound beyond 32 bits */
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct leat_array a;
        assert_false(leat_array_open(leat_slice_of(CASES[i].bytes, CASES[i].len), &a));
    }
}

static void array__a_count_never_exceeds_its_bytes(void **state)
{
    (void)state;
    struct chance c = chance_of(4);
    for (unsigned i = 0; i < 200000; i++) {
        uint8_t bytes[24];
        size_t len = below(&c, sizeof bytes);
        for (size_t k = 0; k < len; k++)
            bytes[k] = (uint8_t)(one_in(&c, 2) ? below(&c, 8) : chance_u64(&c));
        struct leat_array a;
        if (leat_array_open(leat_slice_of(bytes, len), &a))
            assert_true(a.count <= len && a.dimensions <= LEAT_ARRAY_DIMENSIONS_MAX);
    }
}

static void array__past_the_buffers_maximum_is_full(void **state)
{
    (void)state;
    struct leat_buf small;
    leat_buf_init(&small, 200);
    struct leat_array shape = {.dimensions = 1, .lengths = {100}, .lower_bounds = {1}};
    struct leat_value v = {.kind = LEAT_STRING, .text = LEAT_SLICE_LITERAL("0123456789012345")};
    leat_array_begin(&small, &shape);
    assert_false(small.full);
    for (int i = 0; i < 100; i++)
        leat_array_append(&small, &v);
    assert_true(small.full);
    assert_true(small.len <= 200);
    leat_buf_release(&small);
    leat_buf_init(&small, 20);
    leat_array_begin(&small, &shape);
    assert_true(small.full);
    leat_buf_release(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value__random_ones_of_every_kind_come_back),
        cmocka_unit_test(value__every_strict_prefix_is_bad_and_absent),
        cmocka_unit_test(value__bytes_are_as_documented),
        cmocka_unit_test(value__forged_bytes_are_bad),
        cmocka_unit_test(value__equality_is_of_kind_and_content),
        cmocka_unit_test(value__every_kind_has_a_name_of_its_own),
        cmocka_unit_test(array__random_shapes_come_back),
        cmocka_unit_test(array__forged_heads_are_refused),
        cmocka_unit_test(array__a_count_never_exceeds_its_bytes),
        cmocka_unit_test(array__past_the_buffers_maximum_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
