/* The id of an event (I5): the same change always gets the same id, and no two changes share one.
 */
#include "unit/event/event_model.h"

struct named {
    const char *instance, *lineage, *transaction;
    uint8_t op;
    uint32_t ordinal;
};

/* The id as text; one of a few static arrays, so that two may stand in one expression. */
static const char *id_of(const struct named *n)
{
    static char texts[4][512];
    static unsigned next;
    char *text = texts[next++ % 4];
    struct leat_origin origin = {.lineage = leat_slice_text(n->lineage)};
    struct leat_transaction t = {.id = leat_slice_text(n->transaction),
                                 .origin = n->lineage ? &origin : NULL};
    struct leat_event e = {
        .op = n->op, .ordinal = n->ordinal, .transaction = n->transaction ? &t : NULL};
    struct leat_buf buf;
    leat_buf_init(&buf, 500);
    leat_event_id(&buf, leat_slice_text(n->instance), &e);
    snprintf(text, sizeof texts[0], "%s", leat_buf_text(&buf));
    leat_buf_release(&buf);
    return text;
}

static void event_id__has_four_parts(void **state)
{
    (void)state;
    struct named n = {"shop", "7301", "1/16E9290", LEAT_OP_UPDATE, 3};
    assert_string_equal(id_of(&n), "shop/7301/1/16E9290/3");
    n.ordinal = UINT32_MAX;
    assert_string_equal(id_of(&n), "shop/7301/1/16E9290/4294967295");
    n.ordinal = 0;
    assert_string_equal(id_of(&n), "shop/7301/1/16E9290/0");
}

static void event_id__counts_messages_and_announcements_apart(void **state)
{
    (void)state;
    struct named n = {"shop", "7301", "1/16E9290", LEAT_OP_MESSAGE, 3};
    assert_string_equal(id_of(&n), "shop/7301/1/16E9290/m3");
    n.op = LEAT_OP_SCHEMA;
    assert_string_equal(id_of(&n), "shop/7301/1/16E9290/s3");
}

static void event_id__without_transaction_or_origin_keeps_its_places(void **state)
{
    (void)state;
    struct named n = {"shop", NULL, NULL, LEAT_OP_POST, 5};
    assert_string_equal(id_of(&n), "shop///5");
    n.transaction = "x";
    assert_string_equal(id_of(&n), "shop//x/5");
}

static void event_id__of_a_post_is_the_one_its_sender_was_given(void **state)
{
    (void)state;
    static const uint8_t UUID[16] = {0x98, 0x48, 0xc0, 0xd0, 0xe5, 0x82, 0x11, 0xf1,
                                     0x99, 0xbf, 0x01, 0x9d, 0x23, 0x8c, 0xf0, 0xbd};
    struct leat_event e = {.op = LEAT_OP_POST,
                           .attr_count = 1,
                           .attrs = {{.kind = LEAT_UUID, .text = {UUID, sizeof UUID}}}};
    struct leat_buf buf;
    leat_buf_init(&buf, 100);
    leat_event_id(&buf, LEAT_SLICE_LITERAL("hooks"), &e);
    assert_string_equal(leat_buf_text(&buf), "9848c0d0-e582-11f1-99bf-019d238cf0bd");
    leat_buf_reset(&buf);
    e.op = LEAT_OP_CREATE;
    leat_event_id(&buf, LEAT_SLICE_LITERAL("shop"), &e);
    assert_string_equal(leat_buf_text(&buf), "shop///0");
    leat_buf_release(&buf);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Instances and lineages have no slash (the configuration and the servers see to that);
 * transactions may. */
static void event_id__is_injective(void **state)
{
    (void)state;
    static const char *const INSTANCES[] = {"a", "a1", "b"};
    static const char *const LINEAGES[] = {"1", "11", "2"};
    static const char *const TRANSACTIONS[] = {"1",    "1/1", "1/1/1", "11", "m1",
                                               "1/m1", "s1",  "1/s",   "/",  ""};
    static const uint8_t OPS[] = {LEAT_OP_CREATE, LEAT_OP_MESSAGE, LEAT_OP_SCHEMA};
    static const uint32_t ORDINALS[] = {0, 1, 11, 111, UINT32_MAX};
    static char *ids[3 * 3 * 10 * 3 * 5];
    size_t count = 0;
    for (size_t i = 0; i < 3 * 3 * 10 * 3 * 5; i++) {
        struct named n = {INSTANCES[i % 3], LINEAGES[i / 3 % 3], TRANSACTIONS[i / 9 % 10],
                          OPS[i / 90 % 3], ORDINALS[i / 270 % 5]};
        ids[count++] = strdup(id_of(&n));
    }
    qsort(ids, count, sizeof *ids, by_text);
    for (size_t i = 1; i < count; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
    while (count)
        free(ids[--count]);
}

static void event_id__past_the_buffer_is_full(void **state)
{
    (void)state;
    struct leat_event e = {.op = LEAT_OP_CREATE};
    struct leat_buf buf;
    leat_buf_init(&buf, 5);
    leat_event_id(&buf, LEAT_SLICE_LITERAL("shop"), &e);
    assert_true(buf.full);
    leat_buf_release(&buf);
}

static void op__every_one_has_a_name(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"?",    "create",  "update", "delete", "truncate",
                                        "read", "message", "schema", "post",   "gap"};
    for (int op = 0; op < LEAT_OP_COUNT; op++)
        assert_string_equal(leat_op_name((enum leat_op)op), NAMES[op]);
    assert_int_equal(LEAT_OP_COUNT, sizeof NAMES / sizeof *NAMES);
    assert_string_equal(leat_op_name((enum leat_op) - 1), "?");
    assert_string_equal(leat_op_name((enum leat_op)LEAT_OP_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_id__has_four_parts),
        cmocka_unit_test(event_id__counts_messages_and_announcements_apart),
        cmocka_unit_test(event_id__without_transaction_or_origin_keeps_its_places),
        cmocka_unit_test(event_id__of_a_post_is_the_one_its_sender_was_given),
        cmocka_unit_test(event_id__is_injective),
        cmocka_unit_test(event_id__past_the_buffer_is_full),
        cmocka_unit_test(op__every_one_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
