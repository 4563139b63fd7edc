/*
 * The batch: what a source adds comes out of its blocks, each of which can be read alone
 * (contract/batch_model.h); long values over any number of takes; what was not taken is forgotten.
 */
#include "contract/batch_model.h"

enum { SCHEMAS = 5 };

struct batch_test {
    struct chance c;
    struct leat_arena arena;
    struct batch_model *m;
    struct leat_batch *b; /* m->batch */
    struct leat_origin origin;
    struct leat_schema *schemas[SCHEMAS];
    char **expected;
    size_t expected_count, expected_capacity;
};

static void define(struct batch_test *t, struct leat_schema *s, bool expect_new)
{
    bool is_new;
    ok(leat_batch_define(t->b, s, &is_new, &err));
    assert_int_equal(is_new, expect_new);
    assert_true(s->ref > 0);
}

static void define_all(struct batch_test *t, bool expect_new)
{
    ok(leat_batch_origin(t->b, &t->origin, &err));
    for (uint32_t i = 0; i < SCHEMAS; i++)
        define(t, t->schemas[i], expect_new);
}

static struct batch_test *test_new_as(uint64_t stream, bool whole)
{
    struct batch_test *t = calloc(1, sizeof *t);
    t->c = chance_of(stream);
    leat_arena_init(&t->arena, 512 << 20);
    t->m = model_new_as(stream % 2 ? LEAT_COMPRESSION_ZSTD : LEAT_COMPRESSION_NONE, whole);
    t->b = t->m->batch;
    t->origin = (struct leat_origin){.connector = LEAT_SLICE_LITERAL("postgresql"),
                                     .lineage = LEAT_SLICE_LITERAL("7")};
    for (uint32_t i = 0; i < SCHEMAS; i++)
        t->schemas[i] = chance_schema(&t->c, &t->arena, 1 + i * 3);
    define_all(t, true);
    return t;
}

static struct batch_test *test_new(uint64_t stream)
{
    return test_new_as(stream, false);
}

static void test_end(struct batch_test *t)
{
    model_free(t->m);
    leat_arena_release(&t->arena);
    while (t->expected_count)
        free(t->expected[--t->expected_count]);
    free(t->expected);
    free(t);
}

static void expect(struct batch_test *t, char *line)
{
    if (t->expected_count == t->expected_capacity) {
        t->expected_capacity = 2 * t->expected_capacity + 64;
        t->expected = realloc(t->expected, t->expected_capacity * sizeof *t->expected);
    }
    t->expected[t->expected_count++] = line;
}

static void expect_commit(struct batch_test *t, uint64_t total)
{
    char text[40];
    snprintf(text, sizeof text, "commit %" PRIu64, total);
    expect(t, strdup(text));
}

static void assert_all_came(struct batch_test *t)
{
    for (size_t i = 0; i < t->m->count && i < t->expected_count; i++)
        assert_string_equal(t->m->lines[i], t->expected[i]);
    assert_int_equal(t->m->count, t->expected_count);
}

/* Adds as a source does: on LEAT_AGAIN the batch is taken and the same event comes again. Gives the
 * takes. */
static unsigned add(struct batch_test *t, const struct leat_event *e)
{
    unsigned takes = 0;
    for (;;) {
        int status = leat_batch_add(t->b, e, &err);
        if (status == LEAT_OK)
            break;
        outcome_check(status, LEAT_AGAIN, "leat_batch_add", __FILE__, __LINE__);
        model_take(t->m);
        takes++;
    }
    expect(t, told(e));
    return takes;
}

static struct leat_transaction begin(struct batch_test *t)
{
    struct leat_transaction x = chance_transaction(&t->c, &t->arena, &t->origin);
    ok(leat_batch_begin(t->b, &x, &err));
    return x;
}

static void commit(struct batch_test *t, uint64_t total, bool marks)
{
    ok(leat_batch_commit(t->b, total, &err));
    if (marks)
        expect_commit(t, total);
}

static struct leat_schema *any_schema(struct batch_test *t)
{
    return t->schemas[below(&t->c, SCHEMAS)];
}

static void batch__random_transactions_come_out(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 12; round++) {
        struct batch_test *t = test_new(400 + round);
        for (unsigned i = 0; i < 60; i++) {
            struct leat_transaction x = begin(t);
            uint64_t events = below(&t->c, 6);
            for (uint64_t k = 0; k < events; k++) {
                struct leat_event e =
                    chance_event(&t->c, &t->arena, &x, one_in(&t->c, 5) ? NULL : any_schema(t),
                                 round % 3 ? 60 : 3000);
                add(t, &e);
                if (one_in(&t->c, 12))
                    model_take(t->m);
            }
            commit(t, events + below(&t->c, 3), events > 0);
            if (one_in(&t->c, 10))
                model_take(t->m);
        }
        struct leat_event last =
            chance_event(&t->c, &t->arena, NULL, NULL, 10); /* outside of any transaction */
        add(t, &last);
        model_take(t->m);
        assert_all_came(t);
        assert_false(leat_batch_pending(t->b));
        test_end(t);
    }
}

static void batch__a_long_transaction_is_named_in_each_of_its_blocks(void **state)
{
    (void)state;
    struct batch_test *t = test_new(420);
    struct leat_transaction x = begin(t);
    for (unsigned i = 0; i < 1000; i++) {
        struct leat_event e = chance_event(&t->c, &t->arena, &x, t->schemas[4], 200);
        add(t, &e);
    }
    commit(t, 1000, true);
    model_take(t->m);
    assert_true(t->m->blocks > 8);
    assert_all_came(t);
    test_end(t);
}

static void batch__the_transactions_slices_need_to_live_for_begin_only(void **state)
{
    (void)state;
    struct batch_test *t = test_new(421);
    char id[] = "1/16E9290", text[] = "attribute";
    struct leat_transaction x = {.id = leat_slice_text(id),
                                 .origin = &t->origin,
                                 .attr_count = 1,
                                 .attrs = {{.kind = LEAT_STRING, .text = leat_slice_text(text)}}};
    struct leat_event e = chance_event(&t->c, &t->arena, &x, t->schemas[0], 20);
    expect(t, told(&e));
    ok(leat_batch_begin(t->b, &x, &err));
    memset(id, 'x', sizeof id - 1);
    memset(text, 'x', sizeof text - 1);
    ok(leat_batch_add(t->b, &e, &err));
    model_take(t->m);
    assert_all_came(t);
    test_end(t);
}

static void batch__an_empty_transaction_stores_nothing(void **state)
{
    (void)state;
    struct batch_test *t = test_new(422);
    model_take(t->m);
    for (unsigned i = 0; i < 10; i++) {
        begin(t);
        commit(t, 5, false);
    }
    assert_false(leat_batch_pending(t->b));
    assert_int_equal(model_take(t->m), 0);
    assert_all_came(t);
    test_end(t);
}

static void batch__a_commit_after_the_last_take_comes_with_the_next_block(void **state)
{
    (void)state;
    struct batch_test *t = test_new(423);
    for (unsigned i = 0; i < 3; i++) {
        struct leat_transaction x = begin(t);
        struct leat_event e = chance_event(&t->c, &t->arena, &x, any_schema(t), 20);
        add(t, &e);
        model_take(t->m);
        commit(t, 1, true);
        assert_int_equal(model_take(t->m), 0); /* no block of a commit frame alone */
    }
    assert_int_equal(t->m->blocks, 3);
    struct leat_event e = chance_event(&t->c, &t->arena, NULL, NULL, 20);
    add(t, &e);
    model_take(t->m);
    assert_all_came(t);
    test_end(t);
}

/* --- definitions
 * ------------------------------------------------------------------------------------- */

static void batch__an_equal_schema_is_stored_once(void **state)
{
    (void)state;
    struct batch_test *t = test_new(430);
    assert_int_equal(model_take(t->m), 0);
    assert_int_equal(t->m->schemas_stored, SCHEMAS + 1);
    uint32_t ref = t->schemas[2]->ref;
    struct leat_schema copy = *t->schemas[2];
    copy.ref = 0;
    define(t, &copy, false);
    assert_int_equal(copy.ref, ref);
    copy.relation++; /* the same table, created again */
    define(t, &copy, true);
    assert_int_not_equal(copy.ref, ref);
    define_all(t, false);
    assert_int_equal(t->schemas[2]->ref, ref);
    assert_int_equal(t->origin.ref, 1);
    t->origin.server = LEAT_SLICE_LITERAL("16");
    ok(leat_batch_origin(t->b, &t->origin, &err));
    model_take(t->m);
    assert_int_equal(t->m->schemas_stored, SCHEMAS + 3);
    test_end(t);
}

static void batch__many_schemas_keep_their_numbers(void **state)
{
    (void)state;
    struct batch_test *t = test_new(431);
    struct leat_schema s = *t->schemas[1];
    uint32_t refs[2000];
    for (uint64_t i = 0; i < 2000; i++) {
        s.relation = 1000000 + i;
        define(t, &s, true);
        refs[i] = s.ref;
        if (i % 300 == 0)
            model_take(t->m);
    }
    for (uint64_t i = 0; i < 2000; i++) {
        s.relation = 1000000 + i;
        define(t, &s, false);
        assert_int_equal(s.ref, refs[i]);
    }
    model_take(t->m);
    assert_int_equal(t->m->schemas_stored, 2000 + SCHEMAS + 1);
    test_end(t);
}

static void batch__discard_forgets_definitions_that_nobody_took(void **state)
{
    (void)state;
    struct batch_test *t = test_new(432);
    leat_batch_discard(t->b); /* the store never got them */
    assert_false(leat_batch_pending(t->b));
    define_all(t, true);
    model_take(t->m);
    leat_batch_discard(t->b);
    define_all(t, false);
    struct leat_transaction x = begin(t);
    struct leat_event e = chance_event(&t->c, &t->arena, &x, t->schemas[3], 20);
    add(t, &e);
    model_take(t->m);
    assert_int_equal(t->m->schemas_stored, SCHEMAS + 1);
    assert_all_came(t);
    test_end(t);
}

static void batch__what_the_store_holds_is_not_stored_again(void **state)
{
    (void)state;
    struct batch_test *t = test_new(433);
    model_take(t->m);
    const struct leat_store_source known = {.id = 7, .part_next = 3, .schema_next = 50};
    const struct leat_batch_settings settings = {LEAT_COMPRESSION_NONE, 0, 0, false};
    struct leat_batch *restarted;
    ok(leat_batch_new(&settings, &known, &restarted, &err));
    for (uint32_t ref = 1; ref < 4096; ref++)
        if (t->m->by_ref[ref].ptr)
            ok(leat_batch_learn(restarted, ref, t->m->by_ref[ref], &err));
    leat_batch_discard(restarted); /* each session begins with one */
    bool is_new;
    for (uint32_t i = 0; i < SCHEMAS; i++) {
        uint32_t ref = t->schemas[i]->ref;
        ok(leat_batch_define(restarted, t->schemas[i], &is_new, &err));
        assert_false(is_new);
        assert_int_equal(t->schemas[i]->ref, ref);
    }
    assert_false(leat_batch_pending(restarted));
    t->schemas[0]->relation++;
    ok(leat_batch_define(restarted, t->schemas[0], &is_new, &err));
    assert_true(is_new);
    assert_int_equal(t->schemas[0]->ref, 50);
    leat_batch_free(restarted);
    test_end(t);
}

/* --- long values
 * --------------------------------------------------------------------------------------- */

static struct leat_event long_event(struct batch_test *t, const struct leat_transaction *x,
                                    size_t len)
{
    struct leat_schema *s = t->schemas[1];
    struct leat_value *after = leat_arena_zeroed(&t->arena, s->column_count, sizeof *after);
    after[1] = (struct leat_value){.kind = LEAT_BYTES, .text = chance_bytes(&t->c, &t->arena, len)};
    after[2] =
        (struct leat_value){.kind = LEAT_STRING, .text = chance_bytes(&t->c, &t->arena, len / 3)};
    return (struct leat_event){
        .op = LEAT_OP_CREATE, .transaction = x, .relation = s, .after = {s->column_count, after}};
}

static void batch__a_value_around_the_inline_maximum_comes_out(void **state)
{
    (void)state;
    for (int around = -1; around <= 1; around++) {
        struct batch_test *t = test_new(441);
        struct leat_transaction x = begin(t);
        struct leat_event e = long_event(t, &x, (size_t)(LEAT_VALUE_INLINE_MAX + around));
        add(t, &e);
        model_take(t->m);
        assert_int_equal(t->m->part_count, around > 0 ? 1 : 0);
        assert_all_came(t);
        test_end(t);
    }
}

static void batch__a_long_value_goes_out_in_several_takes(void **state)
{
    (void)state;
    struct batch_test *t = test_new(442);
    struct leat_transaction x = begin(t);
    struct leat_event small = chance_event(&t->c, &t->arena, &x, t->schemas[0], 20);
    add(t, &small);
    ok(leat_batch_position(t->b, LEAT_SLICE_LITERAL("before"), &err));
    struct leat_event e = long_event(t, &x, 10 << 20);
    unsigned takes = add(t, &e);
    assert_true(takes >= 8);
    assert_token(t->m, "before"); /* nothing that is durable yet says more */
    assert_int_equal(t->m->part_next, 3);
    ok(leat_batch_position(t->b, LEAT_SLICE_LITERAL("behind"), &err));
    model_take(t->m);
    assert_token(t->m, "behind");
    assert_int_equal(t->m->part_next, 5); /* two sets */
    assert_int_equal(t->m->part_count, 10 + 4);
    commit(t, 2, true);
    struct leat_event last = chance_event(&t->c, &t->arena, NULL, NULL, 20);
    add(t, &last);
    model_take(t->m);
    assert_all_came(t);
    test_end(t);
}

static void batch__a_long_value_after_discard_begins_again(void **state)
{
    (void)state;
    struct batch_test *t = test_new(443);
    struct leat_transaction x = begin(t);
    struct leat_event e = long_event(t, &x, 5 << 20), other = long_event(t, &x, 3 << 20);
    for (unsigned i = 0; i < 6; i++) { /* its first value is out, its second begun */
        gives(LEAT_AGAIN, leat_batch_add(t->b, &e, &err));
        model_take(t->m);
    }
    leat_batch_discard(t->b); /* the connection broke; another event comes first now */
    define_all(t, false);
    ok(leat_batch_begin(t->b, &x, &err));
    add(t, &other);
    add(t, &e);
    commit(t, 2, true);
    model_take(t->m);
    assert_int_equal(t->m->part_next, 3 + 4); /* numbers that no record refers to are used again */
    assert_all_came(t);
    test_end(t);
}

static void batch__a_long_body_comes_out(void **state)
{
    (void)state;
    struct batch_test *t = test_new(444);
    struct leat_event e = {.op = LEAT_OP_MESSAGE,
                           .topic = LEAT_SLICE_LITERAL("audit"),
                           .body = chance_bytes(&t->c, &t->arena, 3 << 20),
                           .metadata = LEAT_SLICE_LITERAL("{}")};
    add(t, &e);
    model_take(t->m);
    assert_all_came(t);
    test_end(t);
}

static void batch__the_widest_event_fits(void **state)
{
    (void)state;
    struct batch_test *t = test_new(445);
    struct leat_schema *wide = chance_schema(&t->c, &t->arena, LEAT_COLUMNS_MAX);
    struct leat_value *values = leat_arena_zeroed(&t->arena, LEAT_COLUMNS_MAX, sizeof *values);
    for (uint32_t i = 0; i < LEAT_COLUMNS_MAX; i++)
        values[i] = (struct leat_value){.kind = LEAT_STRING,
                                        .text = chance_bytes(&t->c, &t->arena, i % 50 ? 255 : 300)};
    define(t, wide, true);
    struct leat_event e = {.op = LEAT_OP_UPDATE,
                           .relation = wide,
                           .before_form = LEAT_BEFORE_FULL,
                           .before = {LEAT_COLUMNS_MAX, values}};
    struct leat_event narrow = chance_event(&t->c, &t->arena, NULL, t->schemas[2], 30);
    add(t, &narrow);
    add(t, &e);
    add(t, &narrow);
    e.before.count = 0;
    e.before_form = LEAT_BEFORE_NONE;
    e.after = (struct leat_row){LEAT_COLUMNS_MAX, values};
    add(t, &e);
    model_take(t->m);
    assert_true(t->m->part_count > 0);
    assert_all_came(t);
    test_end(t);
}

/* --- bounds
 * -------------------------------------------------------------------------------------------- */

static void batch__is_full_after_a_megabyte_and_loses_nothing(void **state)
{
    (void)state;
    struct batch_test *t = test_new(450); /* uncompressed */
    struct leat_transaction x = begin(t);
    size_t bytes = 0;
    bool full = false, again = false;
    for (unsigned i = 0; i < 3000; i++) {
        struct leat_event e = chance_event(&t->c, &t->arena, &x, t->schemas[4], 300);
        again |= add(t, &e) > 0;
        full |= leat_batch_full(t->b);
        bytes = leat_batch_bytes(t->b);
        assert_true(bytes < 2u * (LEAT_BATCH_BYTES + LEAT_BLOCK_RAW_MAX));
        assert_int_equal(again, t->m->takes > 0);
        assert_true(full || !again); /* it said so before it refused */
    }
    assert_true(again);
    model_take(t->m);
    assert_false(leat_batch_full(t->b));
    assert_int_equal(leat_batch_bytes(t->b), 0);
    assert_all_came(t);
    test_end(t);
}

/* A request is answered when its commit is durable: half of it must never be. */
/* Parts of long values and blocks beside us are both on their way, neither of them a megabyte. */
static void batch__refuses_nothing_short_before_it_says_that_it_is_full(void **state)
{
    (void)state;
    struct batch_test *t = test_new(455);
    uint8_t noise[700 << 10];
    struct leat_transaction x = begin(t);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)chance_u64(&t->c);
    struct leat_event e = {.op = LEAT_OP_MESSAGE, .transaction = &x};
    e.body = leat_slice_of(noise, sizeof noise);
    ok(leat_batch_add(t->b, &e, &err));
    for (unsigned added = 0; !leat_batch_full(t->b); added++) {
        assert_true(added < 1000);
        e.ordinal++;
        e.body = leat_slice_of(noise + added % 100, 30 << 10);
        ok(leat_batch_add(t->b, &e, &err));
    }
    gives(LEAT_AGAIN, leat_batch_add(t->b, &e, &err));
    model_take(t->m);
    test_end(t);
}

static void batch__a_whole_transaction_is_never_divided(void **state)
{
    (void)state;
    const struct leat_batch_settings settings = {LEAT_COMPRESSION_NONE, 0, 0, true};
    const struct leat_store_source known = {.id = 1, .schema_next = 1};
    static uint8_t body[300 << 10]; /* each goes into parts */
    struct leat_batch *b;
    struct leat_commit *c;
    struct leat_origin origin = {.connector = LEAT_SLICE_LITERAL("x")};
    ok(leat_batch_new(&settings, &known, &b, &err));
    ok(leat_batch_origin(b, &origin, &err));
    struct leat_transaction x = {.id = LEAT_SLICE_LITERAL("1"), .origin = &origin};
    ok(leat_batch_begin(b, &x, &err));
    for (uint32_t i = 0; i < 20; i++) {
        memset(body, (int)i, sizeof body);
        struct leat_event e = {.op = LEAT_OP_POST, .ordinal = i, .body = {body, sizeof body}};
        ok(leat_batch_add(b, &e, &err));
    }
    ok(leat_batch_commit(b, 20, &err));
    assert_true(leat_batch_full(b));
    struct leat_event more = {.op = LEAT_OP_POST, .body = {body, sizeof body}};
    gives(LEAT_AGAIN, leat_batch_add(b, &more, &err));
    ok(leat_batch_take(b, &c, &err));
    assert_int_equal(c->events, 20);
    assert_int_equal(c->write.part_count, 20);
    leat_commit_free(c);
    leat_batch_free(b);
}

/* --- values ahead of their events ----------------------------------------------------------------
 */

static struct leat_ahead put_ahead(struct batch_test *t, struct leat_slice value)
{
    struct leat_ahead ahead;
    int status;
    while ((status = leat_batch_ahead(t->b, value, &ahead, &err)) == LEAT_AGAIN)
        model_take(t->m);
    ok(status);
    return ahead;
}

static void add_ahead(struct batch_test *t, const struct leat_transaction *x, uint32_t ordinal,
                      struct leat_slice body, const struct leat_ahead *ahead)
{
    struct leat_event e = {
        .op = LEAT_OP_POST, .ordinal = ordinal, .transaction = x, .topic = LEAT_SLICE_LITERAL("t")};
    ok(leat_batch_add_ahead(t->b, &e, ahead, &err));
    e.body = body;
    expect(t, told(&e));
}

static void batch__values_ahead_come_with_their_transaction(void **state)
{
    (void)state;
    struct batch_test *t = test_new_as(450, true);
    struct leat_slice bodies[5];
    struct leat_ahead ahead[5];
    for (size_t i = 0; i < 5; i++) {
        bodies[i] = chance_bytes(&t->c, &t->arena, i == 3 ? 3 << 20 : 700 << 10);
        ahead[i] = put_ahead(t, bodies[i]);
    }
    uint64_t before = t->m->part_next;
    model_take(t->m);
    assert_int_equal(t->m->count, 0); /* nobody sees anything yet … */
    assert_true(t->m->part_count > 0 &&
                before <= ahead[0].set); /* … and a crash would leave nothing */

    struct leat_event ordinary = {.op = LEAT_OP_POST,
                                  .body = chance_bytes(&t->c, &t->arena, 200 << 10)};
    struct leat_transaction x = begin(t);
    ordinary.transaction = &x;
    add(t, &ordinary);
    commit(t, 1, true);
    ok(leat_batch_position(t->b, LEAT_SLICE_LITERAL("one"), &err));
    model_take(t->m);
    assert_true(t->m->part_next > before && t->m->part_next <= ahead[0].set);

    x = begin(t);
    for (uint32_t i = 0; i < 5; i++)
        add_ahead(t, &x, i, bodies[i], &ahead[i]);
    ordinary.ordinal = 5;
    add(t, &ordinary); /* its own long value is none of those */
    commit(t, 6, true);
    ok(leat_batch_position(t->b, LEAT_SLICE_LITERAL("two"), &err));
    model_take(t->m);
    assert_true(t->m->part_next > ahead[4].set);
    assert_all_came(t);
    test_end(t);
}

static void batch__values_ahead_that_are_lost_leave_their_numbers(void **state)
{
    (void)state;
    struct batch_test *t = test_new_as(451, true);
    struct leat_slice body = chance_bytes(&t->c, &t->arena, 700 << 10);
    struct leat_ahead lost = put_ahead(t, body);
    model_take(t->m);
    leat_batch_discard(t->b);
    define_all(t, false);
    struct leat_ahead dropped = put_ahead(t, body);
    assert_true(dropped.set > lost.set);
    leat_batch_ahead_drop(t->b);
    struct leat_ahead used = put_ahead(t, body);
    assert_true(used.set > dropped.set);
    struct leat_transaction x = begin(t);
    add_ahead(t, &x, 0, body, &used);
    commit(t, 1, true);
    ok(leat_batch_position(t->b, LEAT_SLICE_LITERAL("one"), &err));
    model_take(t->m);
    assert_true(t->m->part_next > used.set);
    assert_all_came(t);
    test_end(t);
}

static void batch__what_cannot_go_ahead_is_our_own_mistake(void **state)
{
    (void)state;
    struct batch_test *t = test_new_as(452, true);
    struct leat_slice body = chance_bytes(&t->c, &t->arena, 100 << 10);
    struct leat_ahead ahead;
    gives(LEAT_EBUG,
          leat_batch_ahead(t->b, leat_slice_of(body.ptr, LEAT_VALUE_INLINE_MAX), &ahead, &err));
    begin(t);
    gives(LEAT_EBUG, leat_batch_ahead(t->b, body, &ahead, &err));
    commit(t, 0, false);
    test_end(t);
}

static void batch__an_event_too_large_is_a_limit_and_harms_no_other(void **state)
{
    (void)state;
    struct batch_test *t = test_new(451);
    struct leat_event small = long_event(t, NULL, 100 << 10), huge = long_event(t, NULL, 100 << 10);
    huge.metadata = chance_bytes(&t->c, &t->arena, LEAT_BLOCK_RAW_MAX); /* never outside */
    add(t, &small);
    for (unsigned i = 0; i < 3; i++) {
        gives(LEAT_ELIMIT, leat_batch_add(t->b, &huge, &err));
        struct leat_event other = long_event(t, NULL, 100 << 10); /* with a long value of its own */
        add(t, &other);
    }
    model_take(t->m);
    assert_all_came(t);
    test_end(t);
}

/* The refused event had the block in front of it sealed, and nothing came behind. */
static void batch__a_limit_right_before_a_take_loses_nothing(void **state)
{
    (void)state;
    struct batch_test *t = test_new(456);
    struct leat_event small = {.op = LEAT_OP_MESSAGE}, huge = {.op = LEAT_OP_MESSAGE};
    small.body = chance_bytes(&t->c, &t->arena, 40 << 10);
    huge.metadata = chance_bytes(&t->c, &t->arena, LEAT_BLOCK_RAW_MAX);
    add(t, &small);
    gives(LEAT_ELIMIT, leat_batch_add(t->b, &huge, &err));
    assert_true(leat_batch_pending(t->b));
    model_take(t->m);
    assert_all_came(t);
    assert_false(leat_batch_pending(t->b));
    test_end(t);
}

static void batch__refuses_what_no_reader_would_take(void **state)
{
    (void)state;
    struct batch_test *t = test_new(452);
    struct leat_schema *s = t->schemas[1], unknown = *s;
    struct leat_value values[8] = {{.kind = LEAT_NULL}};
    unknown.ref = 0;
    const struct leat_event bad[] = {
        {.op = LEAT_OP_CREATE, .relation = s, .after = {s->column_count - 1, values}},
        {.op = LEAT_OP_CREATE, .relation = s, .after = {s->column_count + 1, values}},
        {.op = LEAT_OP_DELETE,
         .relation = s,
         .before_form = LEAT_BEFORE_KEY,
         .before = {1, values}},
        {.op = LEAT_OP_UPDATE,
         .relation = s,
         .before = {s->column_count, values}}, /* which form? */
        {.op = LEAT_OP_CREATE, .relation = &unknown, .after = {s->column_count, values}},
        {.op = LEAT_OP_CREATE, .after = {1, values}},
        {.op = 0},
        {.op = LEAT_OP_COUNT},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        gives(LEAT_EBUG, leat_batch_add(t->b, &bad[i], &err));
    struct leat_transaction x = {.id = chance_bytes(&t->c, &t->arena, LEAT_TRANSACTION_ID_MAX + 1)};
    gives(LEAT_ELIMIT, leat_batch_begin(t->b, &x, &err));
    struct leat_schema *wide = chance_schema(&t->c, &t->arena, LEAT_COLUMNS_MAX + 1);
    bool is_new;
    gives(LEAT_ELIMIT, leat_batch_define(t->b, wide, &is_new, &err));
    struct leat_event good = chance_event(&t->c, &t->arena, NULL, s, 20);
    add(t, &good);
    model_take(t->m);
    assert_all_came(t);
    test_end(t);
}

/* --- tokens
 * ---------------------------------------------------------------------------------------------- */

static void batch__the_token_goes_with_what_was_added_before_it(void **state)
{
    (void)state;
    struct batch_test *t = test_new(460);
    char token[] = "lsn=1";
    model_take(t->m);
    assert_token(t->m, "");
    ok(leat_batch_position(t->b, leat_slice_text(token), &err));
    memset(token, 'x', sizeof token - 1); /* it was copied */
    assert_true(leat_batch_pending(
        t->b)); /* a token alone is worth a commit: the source may let go of its log */
    model_take(t->m);
    assert_token(t->m, "lsn=1");
    ok(leat_batch_position(t->b, LEAT_SLICE_LITERAL("lsn=1"), &err));
    assert_false(leat_batch_pending(t->b));
    ok(leat_batch_position(t->b, LEAT_SLICE_LITERAL("lsn=2"), &err));
    leat_batch_discard(t->b);
    assert_false(leat_batch_pending(t->b));
    struct leat_event e = chance_event(&t->c, &t->arena, NULL, NULL, 20);
    define_all(t, false);
    add(t, &e);
    model_take(t->m);
    assert_token(t->m, "lsn=1"); /* the discarded one never became durable */
    test_end(t);
}

static void batch__a_token_past_its_maximum_is_a_limit(void **state)
{
    (void)state;
    struct batch_test *t = test_new(461);
    struct leat_slice longest = chance_bytes(&t->c, &t->arena, LEAT_TOKEN_MAX + 1);
    gives(LEAT_ELIMIT, leat_batch_position(t->b, longest, &err));
    longest.len--;
    ok(leat_batch_position(t->b, longest, &err));
    model_take(t->m);
    assert_true(leat_slice_equal(leat_buf_slice(&t->m->token), longest));
    test_end(t);
}

/* --- all of it
 * -------------------------------------------------------------------------------------------- */

/* Connections break at random: what was taken stays, what was not comes again. */
static void batch__over_random_discards_nothing_is_lost_or_twice(void **state)
{
    (void)state;
    struct batch_test *t = test_new(470);
    enum { EVENTS = 600 };
    struct leat_transaction x = chance_transaction(&t->c, &t->arena, &t->origin);
    static struct leat_event events[EVENTS];
    for (unsigned i = 0; i < EVENTS; i++) {
        size_t text_max = one_in(&t->c, 20) ? 400000 : 100;
        events[i] = chance_event(&t->c, &t->arena, &x, any_schema(t), text_max);
        expect(t, told(&events[i]));
    }
    size_t next = 0, taken = 0;
    ok(leat_batch_begin(t->b, &x, &err));
    while (taken < EVENTS) {
        int status = next < EVENTS ? leat_batch_add(t->b, &events[next], &err) : LEAT_AGAIN;
        assert_true(status == LEAT_OK || status == LEAT_AGAIN);
        next += status == LEAT_OK;
        if (status == LEAT_AGAIN || one_in(&t->c, 15)) {
            model_take(t->m);
            taken = next;
        } else if (one_in(&t->c, 25)) {
            leat_batch_discard(t->b);
            next = taken;
            define_all(t, false);
            ok(leat_batch_begin(t->b, &x, &err));
        } else if (t->m->takes == 0) {
            model_take(t->m); /* the definitions */
            taken = next;
        }
    }
    assert_all_came(t);
    test_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch__random_transactions_come_out),
        cmocka_unit_test(batch__a_long_transaction_is_named_in_each_of_its_blocks),
        cmocka_unit_test(batch__the_transactions_slices_need_to_live_for_begin_only),
        cmocka_unit_test(batch__an_empty_transaction_stores_nothing),
        cmocka_unit_test(batch__a_commit_after_the_last_take_comes_with_the_next_block),
        cmocka_unit_test(batch__an_equal_schema_is_stored_once),
        cmocka_unit_test(batch__many_schemas_keep_their_numbers),
        cmocka_unit_test(batch__discard_forgets_definitions_that_nobody_took),
        cmocka_unit_test(batch__what_the_store_holds_is_not_stored_again),
        cmocka_unit_test(batch__a_value_around_the_inline_maximum_comes_out),
        cmocka_unit_test(batch__a_long_value_goes_out_in_several_takes),
        cmocka_unit_test(batch__a_long_value_after_discard_begins_again),
        cmocka_unit_test(batch__a_long_body_comes_out),
        cmocka_unit_test(batch__the_widest_event_fits),
        cmocka_unit_test(batch__is_full_after_a_megabyte_and_loses_nothing),
        cmocka_unit_test(batch__refuses_nothing_short_before_it_says_that_it_is_full),
        cmocka_unit_test(batch__a_whole_transaction_is_never_divided),
        cmocka_unit_test(batch__values_ahead_come_with_their_transaction),
        cmocka_unit_test(batch__values_ahead_that_are_lost_leave_their_numbers),
        cmocka_unit_test(batch__what_cannot_go_ahead_is_our_own_mistake),
        cmocka_unit_test(batch__an_event_too_large_is_a_limit_and_harms_no_other),
        cmocka_unit_test(batch__a_limit_right_before_a_take_loses_nothing),
        cmocka_unit_test(batch__refuses_what_no_reader_would_take),
        cmocka_unit_test(batch__the_token_goes_with_what_was_added_before_it),
        cmocka_unit_test(batch__a_token_past_its_maximum_is_a_limit),
        cmocka_unit_test(batch__over_random_discards_nothing_is_lost_or_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
