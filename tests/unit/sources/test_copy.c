/*
 * Rows of COPY, the progress of a copy, and what a moment sees: pure parts, from bytes made by hand.
 */
#include "sources/postgres/copy_progress.h"
#include "sources/postgres/copy_row.h"
#include "sources/postgres/xid_snapshot.h"

#include "unit/outcome.h"

#include <stdlib.h>

#define HEADER "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"
#define ROW    "\0\3\0\0\0\2ab\377\377\377\377\0\0\0\0"

static struct leat_slice bytes_of(const void *bytes, size_t len)
{
    return leat_slice_of(bytes, len);
}
#define BYTES(literal) bytes_of(literal, sizeof(literal) - 1)

/* --- binary ------------------------------------------------------------------------------------ */

static void copy_binary__gives_fields_and_null(void **state)
{
    (void)state;
    struct pgoutput_field f[3];
    ok(pg_copy_binary(BYTES(ROW), false, 3, f, &err));
    assert_int_equal(f[0].form, PGOUTPUT_BINARY);
    assert_true(leat_slice_equal(f[0].data, BYTES("ab")));
    assert_int_equal(f[1].form, PGOUTPUT_NULL);
    assert_int_equal(f[2].form, PGOUTPUT_BINARY);
    assert_int_equal(f[2].data.len, 0);
}

static void copy_binary__the_first_message_has_a_head(void **state)
{
    (void)state;
    struct pgoutput_field f[3];
    uint8_t message[64];
    memcpy(message, HEADER, 19);
    memcpy(message + 19, ROW, sizeof ROW - 1);
    ok(pg_copy_binary(bytes_of(message, 19 + sizeof ROW - 1), true, 3, f, &err));
    assert_true(leat_slice_equal(f[0].data, BYTES("ab")));
    gives(LEAT_EPROTO, pg_copy_binary(bytes_of(message, 19 + sizeof ROW - 1), false, 3, f, &err));
    message[0] = 'p';
    gives(LEAT_EPROTO, pg_copy_binary(bytes_of(message, 19 + sizeof ROW - 1), true, 3, f, &err));
    memcpy(message, HEADER, 19);
    memcpy(message + 19, "\377\377", 2);
    gives(LEAT_EOF, pg_copy_binary(bytes_of(message, 21), true, 3, f, &err)); /* no rows */
    gives(LEAT_EOF, pg_copy_binary(BYTES("\377\377"), false, 3, f, &err));
}

static void copy_binary__every_prefix_and_every_extension_is_an_error(void **state)
{
    (void)state;
    struct pgoutput_field f[3];
    for (size_t len = 0; len < sizeof ROW - 1; len++) {
        uint8_t *exact = malloc(len ? len : 1);
        memcpy(exact, ROW, len);
        gives(LEAT_EPROTO, pg_copy_binary(bytes_of(exact, len), false, 3, f, &err));
        free(exact);
    }
    gives(LEAT_EPROTO, pg_copy_binary(BYTES(ROW "x"), false, 3, f, &err));
    gives(LEAT_EPROTO, pg_copy_binary(BYTES(ROW), false, 2, f, &err));
    gives(LEAT_EPROTO, pg_copy_binary(BYTES("\0\1\177\377\377\377x"), false, 1, f, &err));
}

/* --- text -------------------------------------------------------------------------------------- */

static int text(const char *line, size_t len, uint16_t count, struct pgoutput_field *f, char *room)
{
    memcpy(room, line, len);
    return pg_copy_text((uint8_t *)room, len, count, f, &err);
}
#define TEXT(literal, count, f, room) text(literal, sizeof(literal) - 1, count, f, room)

static void copy_text__what_is_hidden_comes_back(void **state)
{
    (void)state;
    struct pgoutput_field f[4];
    char room[128];
    ok(TEXT("a\\tb\\\\n\t\\N\t\t\\b\\f\\n\\r\\v\\\\\n", 4, f, room));
    assert_true(leat_slice_equal(f[0].data, BYTES("a\tb\\n")));
    assert_int_equal(f[1].form, PGOUTPUT_NULL);
    assert_int_equal(f[2].form, PGOUTPUT_TEXT);
    assert_int_equal(f[2].data.len, 0);
    assert_true(leat_slice_equal(f[3].data, BYTES("\b\f\n\r\v\\")));
    ok(TEXT("\\N\n", 1, f, room));
    assert_int_equal(f[0].form, PGOUTPUT_NULL);
    ok(TEXT("\\\\N\n", 1, f, room)); /* the text \N */
    assert_true(leat_slice_equal(f[0].data, BYTES("\\N")));
    ok(TEXT("\n", 0, f, room));
}

static void copy_text__another_number_of_fields_is_an_error(void **state)
{
    (void)state;
    struct pgoutput_field f[4];
    char room[64];
    gives(LEAT_EPROTO, TEXT("a\tb\n", 1, f, room));
    gives(LEAT_EPROTO, TEXT("a\tb\n", 3, f, room));
    gives(LEAT_EPROTO, TEXT("a\tb", 2, f, room));
    gives(LEAT_EPROTO, TEXT("a\\\n", 1, f, room));
    gives(LEAT_EPROTO, TEXT("", 1, f, room));
    gives(LEAT_EPROTO, TEXT("x\n", 0, f, room));
    ok(TEXT("a\tb\t\n", 3, f, room));
}

static void copy_tid__both_forms_say_the_same(void **state)
{
    (void)state;
    uint32_t block;
    uint16_t offset;
    struct pgoutput_field f = {PGOUTPUT_BINARY, BYTES("\0\1\0\2\0\7")};
    assert_true(pg_copy_tid(&f, &block, &offset));
    assert_int_equal(block, 65538);
    assert_int_equal(offset, 7);
    f = (struct pgoutput_field){PGOUTPUT_TEXT, BYTES("(4294967294,65535)")};
    assert_true(pg_copy_tid(&f, &block, &offset));
    assert_int_equal(block, 4294967294u);
    assert_int_equal(offset, 65535);
    static const char *const BAD[] = {"", "(1,2", "(1,70000)", "(1,2)x", "1,2", "(1,2)(3,4)(5,6)(7,8)(9,10)"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        f.data = leat_slice_text(BAD[i]);
        assert_false(pg_copy_tid(&f, &block, &offset));
    }
    f = (struct pgoutput_field){PGOUTPUT_NULL, {NULL, 0}};
    assert_false(pg_copy_tid(&f, &block, &offset));
}

/* --- progress ---------------------------------------------------------------------------------- */

static void laws(const struct pg_progress *p)
{
    struct leat_buf buf, again;
    struct pg_progress read;
    leat_buf_init(&buf, 1 << 16);
    leat_buf_init(&again, 1 << 16);
    pg_progress_write(p, &buf);
    assert_true(pg_progress_read(leat_buf_slice(&buf), &read));
    pg_progress_write(&read, &again);
    assert_true(leat_slice_equal(leat_buf_slice(&buf), leat_buf_slice(&again)));
    for (size_t len = 1; len < buf.len; len++)
        assert_false(pg_progress_read(bytes_of(buf.data, len), &read));
    leat_buf_append_text(&buf, "x");
    assert_false(pg_progress_read(leat_buf_slice(&buf), &read));
    leat_buf_release(&buf);
    leat_buf_release(&again);
}

static void progress__comes_back_as_it_was_written(void **state)
{
    (void)state;
    struct pg_progress p = {.form = PG_PROGRESS_PLACES, .file = 16390, .next = 4096, .end = UINT32_MAX, .range_count = 2};
    p.ranges[0] = (struct pg_range){12, 7, 2048};
    p.ranges[1] = (struct pg_range){2048, 0, 4096};
    laws(&p);
    struct pg_progress k = {.form = PG_PROGRESS_KEYS, .key_count = 2, .has_after = true};
    k.after[0] = BYTES("1");
    k.after[1] = BYTES("a\0b");
    laws(&k);
    k.has_upto = k.from_included = true;
    k.upto[0] = BYTES("");
    k.upto[1] = BYTES("z");
    laws(&k);
    struct pg_progress none;
    assert_true(pg_progress_read((struct leat_slice){NULL, 0}, &none));
    assert_int_equal(none.form, PG_PROGRESS_NONE);
    assert_false(pg_progress_read(BYTES("\3"), &none));
}

static void progress__pages_are_taken_once(void **state)
{
    (void)state;
    struct pg_progress p = {.form = PG_PROGRESS_PLACES, .end = 10};
    struct pg_range r;
    for (uint32_t at = 0; at < 10; at += 4) {
        assert_true(pg_progress_take(&p, 4, &r));
        assert_int_equal(r.block, at);
        assert_int_equal(r.offset, 0);
        assert_int_equal(r.end, at + 4 < 10 ? at + 4 : 10);
    }
    assert_false(pg_progress_take(&p, 4, &r));
    p = (struct pg_progress){.end = UINT32_MAX};
    assert_true(pg_progress_take(&p, UINT32_MAX, &r));
    assert_int_equal(r.end, UINT32_MAX);
}

/* --- what a moment sees ------------------------------------------------------------------------ */

static struct pg_xid_snapshot snapshot, other;

static void xid__is_visible_as_the_server_says(void **state)
{
    (void)state;
    assert_true(pg_xid_snapshot_read(leat_slice_text("100:105:100,103"), &snapshot));
    static const bool SEEN[] = {true, false, true, true, false, true, false, false};
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(pg_xid_visible(&snapshot, 99 + i), SEEN[i]);
    assert_true(pg_xid_snapshot_read(leat_slice_text("7:7:"), &snapshot));
    assert_true(pg_xid_visible(&snapshot, 6));
    assert_false(pg_xid_visible(&snapshot, 7));
}

static void xid__numbers_go_round(void **state)
{
    (void)state;
    assert_true(pg_xid_snapshot_read(leat_slice_text("4294967290:4294967300:4294967295"), &snapshot));
    assert_true(pg_xid_visible(&snapshot, 4294967294u));
    assert_false(pg_xid_visible(&snapshot, 4294967295u));
    assert_true(pg_xid_visible(&snapshot, 3)); /* 4294967299 */
    assert_false(pg_xid_visible(&snapshot, 4));
    assert_true(pg_xid_visible(&snapshot, 4294967000u));
}

static void xid__nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {"", "1", "1:", "1:2", ":2:", "2:1:", "1:2:x", "1:9:3,", "1:9:4,3", "1:9:3,3",
                                      "18446744073709551616:1:", "1:2:3 "};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        if (pg_xid_snapshot_read(leat_slice_text(BAD[i]), &other))
            fail_msg("\"%s\" was taken", BAD[i]);
}

static void xid__none_that_hangs_is_passed_over(void **state)
{
    (void)state;
    static struct pg_xid_ring ring;
    assert_true(pg_xid_snapshot_read(leat_slice_text("50:60:50"), &snapshot));
    assert_true(pg_xid_snapshot_read(leat_slice_text("70:70:"), &other));
    assert_true(pg_xid_ring_visible(&ring, &snapshot));
    pg_xid_ring_add(&ring, 55);
    assert_true(pg_xid_ring_visible(&ring, &snapshot));
    pg_xid_ring_add(&ring, 50);
    for (uint32_t i = 0; i < 1000; i++)
        pg_xid_ring_add(&ring, 40);
    assert_false(pg_xid_ring_visible(&ring, &snapshot));
    assert_false(pg_xid_ring_visible(&ring, &snapshot));
    assert_true(pg_xid_ring_visible(&ring, &other));
    assert_true(pg_xid_ring_visible(&ring, &snapshot)); /* what was visible once stays so */
    for (uint32_t i = 0; i < 3 * PG_XID_RING; i++)
        pg_xid_ring_add(&ring, 20);
    assert_true(pg_xid_ring_visible(&ring, &snapshot));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_binary__gives_fields_and_null),
        cmocka_unit_test(copy_binary__the_first_message_has_a_head),
        cmocka_unit_test(copy_binary__every_prefix_and_every_extension_is_an_error),
        cmocka_unit_test(copy_text__what_is_hidden_comes_back),
        cmocka_unit_test(copy_text__another_number_of_fields_is_an_error),
        cmocka_unit_test(copy_tid__both_forms_say_the_same),
        cmocka_unit_test(progress__comes_back_as_it_was_written),
        cmocka_unit_test(progress__pages_are_taken_once),
        cmocka_unit_test(xid__is_visible_as_the_server_says),
        cmocka_unit_test(xid__numbers_go_round),
        cmocka_unit_test(xid__nonsense_is_refused),
        cmocka_unit_test(xid__none_that_hangs_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
