/* The resume token of a Postgres source: what is written is read back, and nothing that is not it
 * is believed. */
#include "sources/postgres/position.h"

#include "unit/event/event_model.h"

static const char EXAMPLE[] =
    "pg1 system=7385020611530956829 timeline=1 database=16384 lsn=0/19D0D88 commit=0/19D0D58 "
    "transaction=0/1A00000 rows=1200 messages=7";

static void position__is_the_line_that_the_header_shows(void **state)
{
    (void)state;
    struct pg_position p;
    struct leat_buf text;
    ok(pg_position_parse(leat_slice_text(EXAMPLE), &p, &err));
    assert_string_equal(p.system_id, "7385020611530956829");
    assert_int_equal(p.timeline, 1);
    assert_int_equal(p.database_oid, 16384);
    assert_int_equal(p.lsn, 0x19d0d88);
    assert_int_equal(p.commit_lsn, 0x19d0d58);
    assert_int_equal(p.transaction_lsn, 0x1a00000);
    assert_int_equal(p.rows, 1200);
    assert_int_equal(p.messages, 7);
    leat_buf_init(&text, 400);
    pg_position_format(&p, &text);
    assert_string_equal(leat_buf_text(&text), EXAMPLE);
    leat_buf_release(&text);
}

static void position__random_ones_come_back(void **state)
{
    (void)state;
    struct chance c = chance_of(810);
    struct leat_buf text;
    leat_buf_init(&text, 400);
    for (unsigned i = 0; i < 5000; i++) {
        struct pg_position p = {.timeline = (uint32_t)chance_integer(&c),
                                .database_oid = (uint32_t)chance_integer(&c),
                                .lsn = (uint64_t)chance_integer(&c),
                                .commit_lsn = (uint64_t)chance_integer(&c),
                                .transaction_lsn = (uint64_t)chance_integer(&c),
                                .rows = (uint32_t)chance_integer(&c),
                                .messages = (uint32_t)chance_integer(&c)};
        struct pg_position back;
        snprintf(p.system_id, sizeof p.system_id, "%" PRIu64, (uint64_t)chance_integer(&c));
        leat_buf_reset(&text);
        pg_position_format(&p, &text);
        assert_false(text.full);
        assert_true(text.len < 250); /* a line that people read */
        ok(pg_position_parse(leat_buf_slice(&text), &back, &err));
        assert_string_equal(back.system_id, p.system_id);
        assert_true(back.timeline == p.timeline && back.database_oid == p.database_oid &&
                    back.lsn == p.lsn && back.commit_lsn == p.commit_lsn &&
                    back.transaction_lsn == p.transaction_lsn && back.rows == p.rows &&
                    back.messages == p.messages);
    }
    leat_buf_release(&text);
}

static void position__every_prefix_and_extension_is_refused(void **state)
{
    (void)state;
    struct pg_position p = {.rows = 99};
    for (size_t cut = 0; cut < sizeof EXAMPLE - 2;
         cut++) { /* a prefix of its last number is a number: there is one digit */
        char *exact = malloc(cut + 1);
        memcpy(exact, EXAMPLE, cut);
        gives(LEAT_ECONFIG, pg_position_parse(leat_slice_of(exact, cut), &p, &err));
        free(exact);
    }
    static const char *const MORE[] = {" ", "x", "\n", " rows=1", "\t", ".0"};
    for (size_t i = 0; i < sizeof MORE / sizeof *MORE; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s%s", EXAMPLE, MORE[i]);
        gives(LEAT_ECONFIG, pg_position_parse(leat_slice_text(text), &p, &err));
    }
    gives(LEAT_ECONFIG,
          pg_position_parse(leat_slice_of(EXAMPLE, sizeof EXAMPLE), &p, &err)); /* its NUL */
    assert_int_equal(p.rows, 99);
}

/* The example with one thing replaced. */
static void refused(const char *what, const char *with)
{
    struct pg_position p;
    char text[512];
    const char *at = strstr(EXAMPLE, what);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - EXAMPLE), EXAMPLE, with, at + strlen(what));
    int status = pg_position_parse(leat_slice_text(text), &p, &err);
    if (status != LEAT_ECONFIG)
        fail_msg("\"%s\" was taken", text);
    assert_text_has(err.text, "not a position");
}

static void position__garbage_is_refused(void **state)
{
    (void)state;
    refused("pg1", "pg2");
    refused("pg1", " pg1");
    refused("pg1 ", "pg1");
    refused("pg1 ", "pg1  ");
    refused("pg1 ", "pg1\n");
    refused("7385020611530956829", "");
    refused("7385020611530956829", "x");
    refused("7385020611530956829", "-1");
    refused("7385020611530956829", "18446744073709551616"); /* 2^64 */
    refused("7385020611530956829", "738502061153095682973850206115309568297385020611530956829");
    refused("timeline=1", "timeline=-1"); /* which would wrap to 4294967295 */
    refused("timeline=1", "timeline=+1");
    refused("timeline=1", "timeline= 1");
    refused("timeline=1", "timeline=4294967296");
    refused("timeline=1", "timeline=1.5");
    refused("timeline=1", "timeline=0x1");
    refused("timeline=1", "timeline=");
    refused("database=16384", "database=-2");
    refused("rows=1200", "rows=99999999999");
    refused("rows=1200", "rows=-1200");
    refused("messages=7", "messages=");
    refused("messages=7", "messages=7 7");
    refused("lsn=0/19D0D88", "lsn=0");
    refused("lsn=0/19D0D88", "lsn=/19D0D88");
    refused("lsn=0/19D0D88", "lsn=0/");
    refused("lsn=0/19D0D88", "lsn=0/19D0D88G");
    refused("lsn=0/19D0D88", "lsn=0/119D0D888");
    refused("lsn=0/19D0D88", "lsn=0/1/2");
    refused("lsn=0/19D0D88", "lsn=0000000000000000000000000000000000000000/1");
    refused("commit=0/19D0D58", "commit=");
    refused("transaction=0/1A00000", "transaction=none");
    refused(" timeline=1 database=16384", " database=16384 timeline=1"); /* another order */
}

static void position__numbers_that_a_person_types_are_taken(void **state)
{
    (void)state;
    struct pg_position p;
    ok(pg_position_parse(
        LEAT_SLICE_LITERAL("pg1 system=1 timeline=1 database=5 lsn=a/019d0d88 commit=0/0 "
                           "transaction=0/0 rows=0 messages=0"),
        &p, &err));
    assert_true(p.lsn == 0xa019d0d88u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(position__is_the_line_that_the_header_shows),
        cmocka_unit_test(position__random_ones_come_back),
        cmocka_unit_test(position__every_prefix_and_extension_is_refused),
        cmocka_unit_test(position__garbage_is_refused),
        cmocka_unit_test(position__numbers_that_a_person_types_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
