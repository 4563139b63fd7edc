/*
 * The stored record against an independent model: the text of each event (event_model.h) is kept
 * when it is written and compared when it is read. Long values lie in a table of the test's, behind
 * a lookup that can be told to fail.
 */
#include "codec/record.h"

#include <leat/hash.h>

#include "unit/event/event_model.h"

enum { SCHEMAS = 4, MODEL_MAX = 4096, OUTSIDE_MAX = 20000 };

struct record_test {
    struct chance c;
    struct leat_arena arena, rows;
    struct leat_origin origin;
    struct leat_schema *schemas[SCHEMAS]; /* number i + 2; the origin has number 1 */
    struct leat_buf raw;
    char *model[MODEL_MAX]; /* told events, "commit n" between them */
    size_t model_count;
    struct leat_slice outside[OUTSIDE_MAX]; /* by part set */
    uint64_t outside_count;
    size_t inline_max;
    int lookup_code; /* what every lookup answers */
    struct leat_record_lookup lookup;
};

static int schema_lookup(void *arg, uint32_t ref, const struct leat_schema **ret_schema,
                         struct leat_err *e)
{
    struct record_test *t = arg;
    if (t->lookup_code)
        return leat_fail(e, t->lookup_code, "told to fail");
    if (ref < 2 || ref >= 2 + SCHEMAS)
        return leat_fail(e, LEAT_EDATA, "no schema %u", ref);
    *ret_schema = t->schemas[ref - 2];
    return LEAT_OK;
}

static int origin_lookup(void *arg, uint32_t ref, const struct leat_origin **ret_origin,
                         struct leat_err *e)
{
    struct record_test *t = arg;
    if (ref != 1 || t->lookup_code)
        return leat_fail(e, t->lookup_code ? t->lookup_code : LEAT_EDATA, "no origin %u", ref);
    *ret_origin = &t->origin;
    return LEAT_OK;
}

static int external_lookup(void *arg, const struct leat_external *x, struct leat_slice *ret_bytes,
                           struct leat_err *e)
{
    struct record_test *t = arg;
    if (t->lookup_code || x->set >= t->outside_count)
        return leat_fail(e, t->lookup_code ? t->lookup_code : LEAT_EDATA, "no part set %" PRIu64,
                         x->set);
    *ret_bytes = t->outside[x->set];
    return LEAT_OK;
}

static void test_init(struct record_test *t, uint64_t stream)
{
    memset(t, 0, sizeof *t);
    t->c = chance_of(stream);
    leat_arena_init(&t->arena, 256 << 20);
    leat_arena_init(&t->rows, 16 << 20);
    leat_buf_init(&t->raw, 64 << 20);
    t->inline_max = 100;
    t->origin = (struct leat_origin){.ref = 1,
                                     .connector = LEAT_SLICE_LITERAL("postgresql"),
                                     .lineage = LEAT_SLICE_LITERAL("7301")};
    for (uint32_t i = 0; i < SCHEMAS; i++) {
        t->schemas[i] = chance_schema(&t->c, &t->arena, i * 7);
        t->schemas[i]->ref = i + 2;
    }
    t->lookup = (struct leat_record_lookup){t, schema_lookup, origin_lookup, external_lookup, false};
}

static void test_release(struct record_test *t)
{
    while (t->model_count)
        free(t->model[--t->model_count]);
    leat_arena_release(&t->arena);
    leat_arena_release(&t->rows);
    leat_buf_release(&t->raw);
}

static void model_add(struct record_test *t, char *text)
{
    assert_true(t->model_count < MODEL_MAX);
    t->model[t->model_count++] = text;
}

/* --- writing -------------------------------------------------------------------------------------
 */

static void put_event(struct record_test *t, const struct leat_event *e)
{
    static struct leat_external refs[OUTSIDE_MAX];
    uint32_t long_count;
    size_t bound = leat_record_measure(e, t->inline_max, &long_count);
    for (uint32_t i = 0; i < long_count; i++) {
        struct leat_slice value = leat_record_long_value(e, t->inline_max, i);
        assert_true(value.len > t->inline_max && t->outside_count < OUTSIDE_MAX);
        refs[i] = (struct leat_external){t->outside_count, value.len, leat_hash(value)};
        t->outside[t->outside_count++] = value;
        bound -= value.len;
    }
    size_t before = t->raw.len;
    assert_true(leat_record_put_event(&t->raw, e, e->transaction, bound, t->inline_max, refs));
    assert_true(t->raw.len - before <= bound);
    model_add(t, told(e));
}

static void put_commit(struct record_test *t, uint64_t total)
{
    char text[40];
    assert_true(leat_record_put_commit(&t->raw, total));
    snprintf(text, sizeof text, "commit %" PRIu64, total);
    model_add(t, strdup(text));
}

/* A few transactions of a few events, and events outside of any. */
static void put_block(struct record_test *t, unsigned transactions, size_t text_max)
{
    for (unsigned i = 0; i < transactions; i++) {
        bool outside = one_in(&t->c, 5);
        struct leat_transaction *x = leat_arena_zeroed(&t->arena, 1, sizeof *x);
        *x = chance_transaction(&t->c, &t->arena, one_in(&t->c, 5) ? NULL : &t->origin);
        if (!outside)
            assert_true(leat_record_put_transaction(&t->raw, x));
        for (uint64_t k = below(&t->c, 5); k > 0; k--) {
            const struct leat_schema *s =
                one_in(&t->c, 4) ? NULL : t->schemas[below(&t->c, SCHEMAS)];
            struct leat_event e = chance_event(&t->c, &t->arena, outside ? NULL : x, s, text_max);
            put_event(t, &e);
        }
        if (!outside)
            put_commit(t, chance_u64(&t->c) >> below(&t->c, 64));
    }
}

/* --- reading -------------------------------------------------------------------------------------
 */

/* Reads frames until something else than a frame comes, comparing with the model (unless it is
 * NULL); gives what came, and the offset behind the last whole frame. */
static int read_block(struct record_test *t, struct leat_slice raw, bool compare, size_t *ret_end,
                      size_t *ret_count)
{
    struct leat_record_reader reader;
    leat_record_reader_init(&reader, raw, &t->lookup, &t->rows);
    *ret_count = 0;
    for (;;) {
        enum leat_frame frame;
        struct leat_event e;
        uint64_t total;
        leat_arena_reset(&t->rows);
        *ret_end = raw.len - leat_reader_left(&reader.frames);
        int status = leat_record_next(&reader, &frame, &e, &total, &err);
        if (status)
            return status;
        if (frame == LEAT_FRAME_TRANSACTION)
            continue;
        if (compare) { /* telling takes far longer than reading */
            char commit[40];
            snprintf(commit, sizeof commit, "commit %" PRIu64,
                     frame == LEAT_FRAME_COMMIT ? total : 0);
            char *text = frame == LEAT_FRAME_EVENT ? told(&e) : strdup(commit);
            assert_true(*ret_count < t->model_count);
            assert_string_equal(text, t->model[*ret_count]);
            free(text);
        }
        ++*ret_count;
    }
}

static void assert_block(struct record_test *t)
{
    size_t end, count;
    gives(LEAT_EOF, read_block(t, leat_buf_slice(&t->raw), true, &end, &count));
    assert_int_equal(count, t->model_count);
    assert_int_equal(end, t->raw.len);
}

static void record__random_events_come_back(void **state)
{
    (void)state;
    struct record_test *t = malloc(sizeof *t);
    for (uint64_t round = 0; round < 60; round++) {
        test_init(t, 100 + round);
        put_block(t, 12, round % 2 ? 300 : 20);
        assert_block(t);
        test_release(t);
    }
    free(t);
}

static void record__nothing_is_an_empty_block(void **state)
{
    (void)state;
    struct record_test *t = malloc(sizeof *t);
    test_init(t, 200);
    assert_block(t);
    test_release(t);
    free(t);
}

static void record__the_widest_rows_come_back(void **state)
{
    (void)state;
    struct record_test *t = malloc(sizeof *t);
    test_init(t, 201);
    struct leat_schema *wide = t->schemas[0] = chance_schema(&t->c, &t->arena, LEAT_COLUMNS_MAX);
    wide->ref = 2;
    struct leat_transaction x = chance_transaction(&t->c, &t->arena, &t->origin);
    assert_true(leat_record_put_transaction(&t->raw, &x));
    for (size_t text_max = 0; text_max <= 400; text_max += 200) { /* inline, and mostly outside */
        struct leat_event e = chance_event(&t->c, &t->arena, &x, wide, text_max);
        e.before_form = LEAT_BEFORE_FULL;
        e.before = chance_row(&t->c, &t->arena, wide, text_max);
        e.after = chance_row(&t->c, &t->arena, wide, text_max);
        put_event(t, &e);
    }
    assert_block(t);
    test_release(t);
    free(t);
}

static void record__null_absent_and_empty_stay_apart(void **state)
{
    (void)state;
    struct record_test *t = malloc(sizeof *t);
    test_init(t, 202);
    struct leat_value row[7] = {{.kind = LEAT_NULL},
                                {.kind = LEAT_ABSENT},
                                {.kind = LEAT_STRING},
                                {.kind = LEAT_BYTES},
                                {.kind = LEAT_ARRAY, .text = LEAT_SLICE_LITERAL("\0")},
                                {.kind = LEAT_INT64},
                                {.kind = LEAT_BOOL}};
    struct leat_event e = {.op = LEAT_OP_UPDATE,
                           .relation = t->schemas[1],
                           .before_form = LEAT_BEFORE_KEY,
                           .before = {7, row},
                           .after = {7, row}};
    put_event(t, &e);
    assert_block(t);
    struct leat_record_reader reader;
    enum leat_frame frame;
    uint64_t total;
    leat_record_reader_init(&reader, leat_buf_slice(&t->raw), &t->lookup, &t->rows);
    ok(leat_record_next(&reader, &frame, &e, &total, &err));
    assert_int_equal(e.after.values[0].kind, LEAT_NULL);
    assert_int_equal(e.after.values[1].kind, LEAT_ABSENT);
    assert_int_equal(e.after.values[2].kind, LEAT_STRING);
    assert_null(e.transaction);
    test_release(t);
    free(t);
}

/* 1 transaction, 2 event, 3 commit, as src/codec/README.md writes them down. */
static void record__bytes_are_as_documented(void **state)
{
    (void)state;
    static const uint8_t BYTES[] = {
        9,  0,   0, 1, 1,    2,          'x', '1', 0xc8, 0x01, 1, 3,
        4, /* transaction x1 at 100, one attribute: 2 */
        34, 0,   0, 2, 2,    4 + 1 + 64, 3,   3,   1,    3,    1, /* update, ordinal 3, schema 3,
                                                                     attribute -1 */
        7,  3,   2, 0, 0,    0,          0,   0,   0,             /* before: int 1, absent x 6 */
        7,  3,   2, 1, 0,    0,          0,   0,   0,   /* after: int 1, NULL, absent x 5 */
        1,  't', 9, 2, 'b',  'o',        2,   '{', '}', /* topic, body, metadata */
        2,  0,   0, 3, 0xac, 2,                         /* commit, 300 */
    };
    struct record_test *t = malloc(sizeof *t);
    test_init(t, 203);
    struct leat_transaction x = {.id = LEAT_SLICE_LITERAL("x1"),
                                 .commit_time_us = 100,
                                 .origin = &t->origin,
                                 .attr_count = 1,
                                 .attrs = {{.kind = LEAT_INT64, .integer = 2}}};
    struct leat_value before[7] = {{.kind = LEAT_INT64, .integer = 1}};
    struct leat_value after[7] = {{.kind = LEAT_INT64, .integer = 1}, {.kind = LEAT_NULL}};
    struct leat_event e = {.op = LEAT_OP_UPDATE,
                           .ordinal = 3,
                           .transaction = &x,
                           .relation = t->schemas[1],
                           .event_time_us = 100,
                           .valid_time_us = 100,
                           .before_form = LEAT_BEFORE_KEY,
                           .before = {7, before},
                           .after = {7, after},
                           .topic = LEAT_SLICE_LITERAL("t"),
                           .body = LEAT_SLICE_LITERAL("bo"),
                           .metadata = LEAT_SLICE_LITERAL("{}"),
                           .attr_count = 1,
                           .attrs = {{.kind = LEAT_INT64, .integer = -1}}};
    assert_true(leat_record_put_transaction(&t->raw, &x));
    put_event(t, &e);
    put_commit(t, 300);
    assert_int_equal(t->raw.len, sizeof BYTES);
    assert_memory_equal(t->raw.data, BYTES, sizeof BYTES);
    assert_block(t);
    test_release(t);
    free(t);
}

/* --- laws of the decoder
 * --------------------------------------------------------------------------- */

static void record__a_prefix_ends_at_a_frame_or_is_an_error(void **state)
{
    (void)state;
    struct record_test *t = malloc(sizeof *t);
    test_init(t, 204);
    put_block(t, 4, 20);
    size_t borders = 0;
    for (size_t cut = 0; cut < t->raw.len; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1);
        memcpy(exact, t->raw.data, cut);
        size_t end, count;
        int status = read_block(t, leat_slice_of(exact, cut), true, &end, &count);
        assert_true(status == (end == cut ? LEAT_EOF : LEAT_EDATA));
        borders += status == LEAT_EOF;
        free(exact);
    }
    assert_true(borders >= t->model_count);
    test_release(t);
    free(t);
}

/* A frame whose own length is made shorter or longer is never read as something else. */
static void record__a_frame_is_consumed_exactly(void **state)
{
    (void)state;
    struct record_test *t = malloc(sizeof *t);
    for (uint64_t round = 0; round < 200; round++) {
        test_init(t, 300 + round);
        struct leat_event e = chance_event(&t->c, &t->arena, NULL, t->schemas[round % SCHEMAS], 20);
        put_event(t, &e);
        size_t len = t->raw.len - 4, end, count;
        for (size_t shorter = 0; shorter < len; shorter++) {
            t->raw.data[0] = (uint8_t)shorter;
            t->raw.data[1] = (uint8_t)(shorter >> 8);
            t->raw.data[2] = (uint8_t)(shorter >> 16);
            gives(LEAT_EDATA,
                  read_block(t, leat_slice_of(t->raw.data, 4 + shorter), false, &end, &count));
        }
        leat_buf_append(&t->raw, LEAT_SLICE_LITERAL("\0"));
        t->raw.data[0] = (uint8_t)(len + 1);
        t->raw.data[1] = (uint8_t)((len + 1) >> 8);
        t->raw.data[2] = (uint8_t)((len + 1) >> 16);
        gives(LEAT_EDATA, read_block(t, leat_buf_slice(&t->raw), false, &end, &count));
        test_release(t);
    }
    free(t);
}

static void record__flipped_bits_never_crash(void **state)
{
    (void)state;
    struct record_test *t = malloc(sizeof *t);
    test_init(t, 205);
    put_block(t, 8, 150);
    size_t refused = 0, end, count;
    uint8_t *exact = malloc(t->raw.len);
    for (size_t bit = 0; bit < 8 * t->raw.len; bit++) {
        memcpy(exact, t->raw.data, t->raw.len);
        exact[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int status = read_block(t, leat_slice_of(exact, t->raw.len), false, &end, &count);
        assert_true(status == LEAT_EOF || status == LEAT_EDATA || status == LEAT_ELIMIT);
        refused += status != LEAT_EOF;
    }
    assert_true(refused > 0); /* the block's hash catches the rest */
    free(exact);
    test_release(t);
    free(t);
}

static void record__forged_frames_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } CASES[] = {
        {"\0\0\0\0", 4},                                      /* frame 0 */
        {"\0\0\0\4", 4},                                      /* frame 4 */
        {"\1\0\0\xff\0", 5},                                  /* frame 255 */
        {"\xff\xff\xff\2\1", 5},                              /* 16 MiB that are not there */
        {"\7\0\0\2\0\x80\0\0\0\0\0", 11},                     /* op 0 */
        {"\7\0\0\2\x0a\x80\0\0\0\0\0", 11},                   /* op 10 */
        {"\x0b\0\0\2\1\x80\x80\x80\x80\x80\x10\0\0\0\0", 15}, /* ordinal 2^32 */
        {"\x0b\0\0\2\1\x80\0\x80\x80\x80\x80\x10\0\0\0", 15}, /* schema 2^32 */
        {"\7\0\0\2\1\x80\0\x63\0\0\0", 11},                   /* schema 99, which nobody knows */
        {"\7\0\0\2\1\x80\0\0\x09\0\0", 11},                   /* nine attributes */
        {"\x09\0\0\2\1\x84\0\0\0\0\0\1\1", 13},               /* a row without a relation */
        {"\x09\0\0\2\1\x84\0\3\0\0\0\1\1", 13}, /* one column where the relation has seven */
        {"\x0a\0\0\2\1\x84\0\3\0\0\0\x80\x80\x01", 14}, /* 16,384 columns */
        {"\x0b\0\0\2\6\xc0\0\0\0\0\0\0\x08\0\0", 15},   /* a body that is a string, not bytes */
        {"\5\0\0\1\7\1x\0\0", 9},                       /* origin 7, which nobody knows */
        {"\1\0\0\3\x80", 5},                            /* a commit with half a total */
        {"\2\0\0\3\1\1", 6},                            /* a commit with something behind */
    };
    struct record_test *t = malloc(sizeof *t);
    test_init(t, 206);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        size_t end, count;
        int status =
            read_block(t, leat_slice_of(CASES[i].bytes, CASES[i].len), false, &end, &count);
        if (status != LEAT_EDATA || count)
            fail_msg("case %zu gave %s after %zu frames", i, leat_code_name(status), count);
    }
    test_release(t);
    free(t);
}

static void record__a_transaction_id_past_its_maximum_is_refused(void **state)
{
    (void)state;
    struct record_test *t = malloc(sizeof *t);
    for (size_t over = 0; over < 2; over++) {
        test_init(t, 207);
        struct leat_transaction x = {
            .id = chance_bytes(&t->c, &t->arena, LEAT_TRANSACTION_ID_MAX + over)};
        assert_true(leat_record_put_transaction(&t->raw, &x));
        size_t end, count;
        gives(over ? LEAT_EDATA : LEAT_EOF,
              read_block(t, leat_buf_slice(&t->raw), false, &end, &count));
        test_release(t);
    }
    free(t);
}

/* --- values outside
 * ---------------------------------------------------------------------------------- */

/* An update with long values in both rows and a long body. */
static struct leat_event long_event(struct record_test *t)
{
    struct leat_event e = {
        .op = LEAT_OP_UPDATE, .relation = t->schemas[1], .before_form = LEAT_BEFORE_FULL};
    struct leat_value *before = leat_arena_zeroed(&t->arena, 7, sizeof *before);
    struct leat_value *after = leat_arena_zeroed(&t->arena, 7, sizeof *after);
    for (uint32_t i = 0; i < 7; i++) {
        before[i] = chance_value(&t->c, &t->arena, i % 2 ? LEAT_STRING : LEAT_INT64, 400);
        after[i] = chance_value(&t->c, &t->arena, i % 2 ? LEAT_JSON : LEAT_ABSENT, 400);
    }
    e.before = (struct leat_row){7, before};
    e.after = (struct leat_row){7, after};
    e.body = chance_bytes(&t->c, &t->arena, 500);
    return e;
}

static void record__long_values_are_visited_in_order(void **state)
{
    (void)state;
    struct record_test *t = malloc(sizeof *t);
    test_init(t, 208);
    for (unsigned round = 0; round < 50; round++) {
        struct leat_event e = long_event(t);
        uint32_t n = 0, long_count;
        leat_record_measure(&e, t->inline_max, &long_count);
        for (uint32_t i = 0; i < 14; i++) {
            const struct leat_value *v = i < 7 ? &e.before.values[i] : &e.after.values[i - 7];
            if (leat_kind_is_text((enum leat_kind)v->kind) && v->text.len > t->inline_max)
                assert_ptr_equal(leat_record_long_value(&e, t->inline_max, n++).ptr, v->text.ptr);
        }
        assert_ptr_equal(leat_record_long_value(&e, t->inline_max, n++).ptr, e.body.ptr);
        assert_int_equal(n, long_count);
        put_event(t, &e);
    }
    assert_block(t);
    test_release(t);
    free(t);
}

static void record__a_value_outside_must_match_its_reference(void **state)
{
    (void)state;
    struct record_test *t = malloc(sizeof *t);
    test_init(t, 209);
    struct leat_event e = long_event(t);
    put_event(t, &e);
    for (uint64_t i = 0; i < t->outside_count; i++) {
        struct leat_slice whole = t->outside[i];
        size_t end, count;
        t->outside[i].len--; /* cut */
        gives(LEAT_EDATA, read_block(t, leat_buf_slice(&t->raw), true, &end, &count));
        t->outside[i] = chance_bytes(&t->c, &t->arena, whole.len); /* another one of that length */
        gives(LEAT_EDATA, read_block(t, leat_buf_slice(&t->raw), true, &end, &count));
        t->outside[i] = whole;
    }
    assert_block(t);
    test_release(t);
    free(t);
}

static void record__without_a_lookup_values_outside_are_an_error(void **state)
{
    (void)state;
    struct record_test *t = malloc(sizeof *t);
    test_init(t, 210);
    struct leat_event e = long_event(t);
    put_event(t, &e);
    t->lookup.external = NULL;
    size_t end, count;
    gives(LEAT_EDATA, read_block(t, leat_buf_slice(&t->raw), true, &end, &count));
    test_release(t);
    free(t);
}

static void record__what_a_lookup_answers_passes_through(void **state)
{
    (void)state;
    struct record_test *t = malloc(sizeof *t);
    test_init(t, 211);
    struct leat_event e = long_event(t);
    put_event(t, &e);
    t->lookup_code = LEAT_ERETRY;
    size_t end, count;
    gives(LEAT_ERETRY, read_block(t, leat_buf_slice(&t->raw), true, &end, &count));
    assert_string_equal(err.text, "told to fail");
    t->lookup_code = LEAT_OK;
    assert_block(t);
    test_release(t);
    free(t);
}

/* --- room
 * ---------------------------------------------------------------------------------------------- */

static void record__without_room_nothing_changes(void **state)
{
    (void)state;
    struct record_test *t = malloc(sizeof *t);
    test_init(t, 212);
    t->inline_max = SIZE_MAX;
    struct leat_event e = long_event(t);
    struct leat_transaction x = chance_transaction(&t->c, &t->arena, NULL);
    uint32_t long_count;
    size_t bound = leat_record_measure(&e, SIZE_MAX, &long_count);
    assert_int_equal(long_count, 0);
    struct leat_buf small;
    leat_buf_init(&small, bound);
    leat_buf_append(&small, LEAT_SLICE_LITERAL("x"));
    assert_false(leat_record_put_event(&small, &e, e.transaction, bound, SIZE_MAX, NULL));
    assert_int_equal(small.len, 1);
    leat_buf_release(&small);
    leat_buf_init(&small, 12);
    assert_false(leat_record_put_transaction(&small, &x));
    assert_false(leat_record_put_commit(&small, 1));
    assert_int_equal(small.len, 0);
    leat_buf_release(&small);
    leat_buf_init(&small, 64 << 20);
    e.body = chance_bytes(&t->c, &t->arena, 17 << 20); /* longer than a frame's length can say */
    bound = leat_record_measure(&e, SIZE_MAX, &long_count);
    assert_false(leat_record_put_event(&small, &e, e.transaction, bound, SIZE_MAX, NULL));
    assert_int_equal(small.len, 0);
    leat_buf_release(&small);
    test_release(t);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record__random_events_come_back),
        cmocka_unit_test(record__nothing_is_an_empty_block),
        cmocka_unit_test(record__the_widest_rows_come_back),
        cmocka_unit_test(record__null_absent_and_empty_stay_apart),
        cmocka_unit_test(record__bytes_are_as_documented),
        cmocka_unit_test(record__a_prefix_ends_at_a_frame_or_is_an_error),
        cmocka_unit_test(record__a_frame_is_consumed_exactly),
        cmocka_unit_test(record__flipped_bits_never_crash),
        cmocka_unit_test(record__forged_frames_are_refused),
        cmocka_unit_test(record__a_transaction_id_past_its_maximum_is_refused),
        cmocka_unit_test(record__long_values_are_visited_in_order),
        cmocka_unit_test(record__a_value_outside_must_match_its_reference),
        cmocka_unit_test(record__without_a_lookup_values_outside_are_an_error),
        cmocka_unit_test(record__what_a_lookup_answers_passes_through),
        cmocka_unit_test(record__without_room_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
