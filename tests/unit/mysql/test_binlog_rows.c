/*
 * Row images from captured bytes: what is there, what is NULL, what is absent (I8); after images
 * that are filled from before; partial JSON. For every event here: each strict prefix of its rows
 * is an error, and passing over takes the same bytes as decoding.
 */
#include "sources/mysql/binlog_rows.h"

#include "unit/mysql/table_bytes.h"

static struct my_charsets *sets;
static struct my_tables tables;
static struct leat_filter everything;
static struct leat_arena scratch;
static struct my_value_policy policy;
static struct my_table *table;
static struct my_row_reader reader;
static struct bytes event; /* that reader views */

static int begin(void **state)
{
    (void)state;
    tables = (struct my_tables){.slots = NULL};
    policy = (struct my_value_policy){.zero_dates = MY_ZERO_TEXT};
    leat_arena_init(&scratch, 1 << 20);
    return my_charsets_new(&sets, &err);
}

static int end(void **state)
{
    (void)state;
    my_tables_release(&tables);
    leat_arena_release(&scratch);
    my_charsets_free(sets);
    free(event.data);
    event.data = NULL;
    return 0;
}

static void take_table(const char *map, const struct leat_filter *filter)
{
    struct my_table_env env = {.filter = filter, .charsets = sets};
    ok(compile(&tables, map, &env, 1, &table));
}

static int next(bool decode)
{
    leat_arena_reset(&scratch);
    return my_rows_next(&reader, decode, &scratch, &policy, &err);
}

static int read_all(const struct my_rows *rows, bool decode, size_t *ret_count)
{
    int status = my_rows_open(&reader, table, rows, &err);
    for (*ret_count = 0; !status; ++*ret_count)
        status = next(decode);
    --*ret_count;
    return status;
}

/* Where a row ends inside of the rows: there a prefix is a shorter event. */
static bool ends_a_row(const struct my_rows *rows, size_t len)
{
    int status = LEAT_OK;
    ok(my_rows_open(&reader, table, rows, &err));
    while (!status && (size_t)(reader.at.at - rows->rows.ptr) < len)
        status = next(false);
    return !status && (size_t)(reader.at.at - rows->rows.ptr) == len;
}

static void check_laws(const struct my_rows *rows)
{
    size_t decoded, passed;
    gives(LEAT_EOF, read_all(rows, true, &decoded));
    gives(LEAT_EOF, read_all(rows, false, &passed));
    assert_int_equal(decoded, passed);
    for (size_t len = 1; len < rows->rows.len; len++) {
        struct my_rows cut = *rows;
        uint8_t *exact = malloc(len);
        memcpy(exact, rows->rows.ptr, len);
        cut.rows = leat_slice_of(exact, len);
        if (!ends_a_row(rows, len)) {
            gives(LEAT_EPROTO, read_all(&cut, true, &decoded));
            gives(LEAT_EPROTO, read_all(&cut, false, &passed));
        }
        free(exact);
    }
}

/* Opens the event after its laws were seen to hold. */
static void open_rows(uint8_t type, const char *hex)
{
    struct my_rows rows;
    free(event.data);
    event = bytes_of(hex);
    ok(my_event_rows(type, slice_of(event), &rows, &err));
    check_laws(&rows);
    ok(my_rows_open(&reader, table, &rows, &err));
}

static const struct leat_value *after(uint32_t column)
{
    return &table->after[column];
}

static const struct leat_value *before(uint32_t column)
{
    return &table->before[column];
}

static void assert_text(const struct leat_value *v, enum leat_kind kind, const char *text,
                        size_t len)
{
    assert_int_equal(v->kind, kind);
    assert_int_equal(v->text.len, len);
    assert_memory_equal(v->text.ptr, text, len);
}

static void assert_int(const struct leat_value *v, int64_t integer)
{
    assert_int_equal(v->kind, LEAT_INT64);
    assert_int_equal(v->integer, integer);
}

#define assert_string(v, text) assert_text(v, LEAT_STRING, text, sizeof(text) - 1)

/* --- whole images ------------------------------------------------------------------------------
 */

static void binlog_rows__a_captured_row_of_all_types_comes_out(void **state)
{
    (void)state;
    take_table(WIDE_MAP, &everything);
    open_rows(MY_WRITE_ROWS_V1, WIDE_ROW);
    ok(next(true));
    assert_int(after(0), 1);
    assert_text(after(1), LEAT_BYTES,
                "\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x55\x44\0\0", 16);
    assert_int_equal(after(4)->text.len, 400);
    assert_memory_equal(after(4)->text.ptr, "abababab", 8);
    assert_int_equal(after(5)->text.len, 100);
    assert_string(after(6), "{\"a\": 1}");
    assert_text(after(7), LEAT_BYTES, "\1\2\0\0\0", 5);
    assert_text(after(8), LEAT_BYTES, "\1\2\0", 3);
    assert_string(after(10), "é");
    assert_string(after(11), "b");
    assert_string(after(12), "x,z");
    assert_text(after(13), LEAT_BITS, "1000000001", 10);
    assert_int(after(14), 2024);
    assert_text(after(24), LEAT_DECIMAL, "123.456", 7);
    assert_int_equal(after(27)->kind, LEAT_UINT64);
    assert_true(after(27)->natural == UINT64_MAX && after(26)->real == 2.5);
    assert_int_equal(my_rows_before(&reader), LEAT_BEFORE_NONE);
    assert_int_equal(reader.index, 0);
    gives(LEAT_EOF, next(true));
}

static void binlog_rows__text_of_many_sets_becomes_utf8(void **state)
{
    static const char *const TEXTS[] = {"aé", "中文", "😀", "é€", "ab"};
    (void)state;
    take_table(CHARSETS_MAP, &everything);
    open_rows(MY_WRITE_ROWS_V1, CHARSETS_ROW);
    ok(next(true));
    for (uint32_t i = 0; i < 5; i++)
        assert_text(after(i), LEAT_STRING, TEXTS[i], strlen(TEXTS[i]));
    assert_text(after(5), LEAT_BYTES, "a\0\0", 3);
    assert_string(after(6), "ü");
}

static void binlog_rows__columns_left_out_are_passed_and_masked_ones_never_shown(void **state)
{
    (void)state;
    struct leat_filter f = {
        .exclude_columns = strings_of((const char *[]){"d.t1.*c*", "d.t1.u", NULL}),
        .mask_columns = strings_of((const char *[]){"d.t1.i*", "d.t1.g", NULL}),
    };
    take_table(WIDE_MAP, &f);
    open_rows(MY_WRITE_ROWS_V1, WIDE_ROW);
    ok(next(true));
    for (uint32_t i = 0; i < table->schema.column_count; i++) {
        struct leat_slice name = table->schema.columns[i].name;
        bool masked = name.ptr[0] == 'i' || leat_slice_equal(name, LEAT_SLICE_LITERAL("g"));
        bool shows_mask = after(i)->kind == LEAT_STRING &&
                          leat_slice_equal(after(i)->text, LEAT_SLICE_LITERAL(LEAT_FILTER_MASK));
        assert_int_equal(masked, shows_mask);
        assert_null(memchr(name.ptr, 'c', name.len));
    }
    assert_int_equal(after(table->schema.column_count - 1)->natural == UINT64_MAX, 1);
}

static void binlog_rows__rows_of_another_shape_are_refused(void **state)
{
    struct my_rows rows;
    (void)state;
    take_table(WIDE_MAP, &everything);
    event = bytes_of("120000000000 0100 03 07 00 01000000");
    ok(my_event_rows(MY_WRITE_ROWS_V1, slice_of(event), &rows, &err));
    gives(LEAT_EPROTO, my_rows_open(&reader, table, &rows, &err));
}

/* --- images with holes -------------------------------------------------------------------------
 * i (id int primary key, v int, y int): captured under binlog_row_image=MINIMAL.
 */

static const char MINIMAL_MAP[] = "160000000000 0100 0164 00 0169 00 03 030303 00 06"
                                  "01 01 00 04 07 026964 0176 0179 08 01 00";

static void binlog_rows__what_an_image_lacks_is_absent_and_never_null(void **state)
{
    (void)state;
    take_table(MINIMAL_MAP, &everything);
    open_rows(MY_WRITE_ROWS_V1, "160000000000 0100 03 01 fe f4010000");
    ok(next(true));
    assert_int(after(0), 500);
    assert_true(after(1)->kind == LEAT_ABSENT && after(2)->kind == LEAT_ABSENT);
    assert_int_equal(reader.absent, 2);

    open_rows(MY_UPDATE_ROWS_V1, "160000000000 0100 03 01 02 fe f4010000 fe 05000000");
    assert_int_equal(my_rows_before(&reader), LEAT_BEFORE_KEY);
    ok(next(true));
    assert_int(before(0), 500);
    assert_true(before(1)->kind == LEAT_ABSENT && before(2)->kind == LEAT_ABSENT);
    assert_int(after(0), 500); /* it did not change: the image before has it */
    assert_int(after(1), 5);
    assert_int_equal(after(2)->kind, LEAT_ABSENT);
    assert_int_equal(reader.absent, 1);

    open_rows(MY_DELETE_ROWS_V1, "160000000000 0100 03 01 fe f4010000");
    assert_int_equal(my_rows_before(&reader), LEAT_BEFORE_KEY);
    ok(next(true));
    assert_int(before(0), 500);
    assert_int_equal(before(1)->kind, LEAT_ABSENT);
    assert_int_equal(reader.absent, 0);
}

static void binlog_rows__an_after_image_is_filled_from_before(void **state)
{
    (void)state;
    take_table(MINIMAL_MAP, &everything);
    /* FULL_NODUP: before is whole, after has v alone; y is NULL before, and so after; two rows */
    open_rows(MY_UPDATE_ROWS_V1, "160000000000 0100 03 07 02 04 01000000 07000000 00 08000000"
                                 "00 02000000 09000000 0a000000 01");
    assert_int_equal(my_rows_before(&reader), LEAT_BEFORE_FULL);
    ok(next(true));
    assert_int(before(1), 7);
    assert_int(after(0), 1);
    assert_int(after(1), 8);
    assert_true(before(2)->kind == LEAT_NULL && after(2)->kind == LEAT_NULL);
    ok(next(true));
    assert_int(after(0), 2);
    assert_int_equal(after(1)->kind, LEAT_NULL);
    assert_int(after(2), 10);
    assert_true(reader.index == 1 && reader.absent == 0);
    gives(LEAT_EOF, next(true));
}

static void binlog_rows__a_before_image_without_its_blobs_is_no_key(void **state)
{
    (void)state;
    take_table(MINIMAL_MAP, &everything);
    open_rows(MY_DELETE_ROWS_V1, "160000000000 0100 03 03 00 01000000 07000000");
    assert_int_equal(my_rows_before(&reader), LEAT_BEFORE_FULL);
    ok(next(true));
    assert_int(before(1), 7);
    assert_int_equal(before(2)->kind, LEAT_ABSENT);
}

static void binlog_rows__a_row_that_takes_no_bytes_ends_nowhere_and_is_refused(void **state)
{
    struct my_rows rows;
    (void)state;
    take_table(MINIMAL_MAP, &everything);
    event = bytes_of("160000000000 0100 03 00 00");
    ok(my_event_rows(MY_WRITE_ROWS_V1, slice_of(event), &rows, &err));
    ok(my_rows_open(&reader, table, &rows, &err));
    gives(LEAT_EPROTO, next(true));
}

/* --- partial JSON ------------------------------------------------------------------------------
 * p (id int primary key, j json, k json), both documents {"a": 1}; $.a of j becomes 2.
 */

static const char JSON_MAP[] = "170000000000 0100 0164 00 0170 00 03 03f5f5 02 0404 06"
                               "01 01 00 04 07 026964 016a 016b 08 01 00";
#define DOCUMENT "0d000000 00 0100 0c00 0b00 0100 05 0100 61"
#define DIFF     "09000000 00 03 242e61 03 05 0200"
static const char JSON_ROWS[] = "170000000000 0100 0200 03 07 07 00 01000000 " DOCUMENT DOCUMENT
                                "01 01 00 01000000 " DIFF DOCUMENT;

static void binlog_rows__a_partial_document_becomes_whole(void **state)
{
    (void)state;
    take_table(JSON_MAP, &everything);
    open_rows(MY_PARTIAL_UPDATE_EVENT, JSON_ROWS);
    ok(next(true));
    assert_text(before(1), LEAT_JSON, "{\"a\": 1}", 8);
    assert_text(after(1), LEAT_JSON, "{\"a\": 2}", 8);
    assert_text(after(2), LEAT_JSON, "{\"a\": 1}", 8);
    gives(LEAT_EOF, next(true));
}

static void binlog_rows__a_partial_document_may_be_masked_or_left_out(void **state)
{
    (void)state;
    struct leat_filter mask = {.mask_columns = strings_of((const char *[]){"d.p.j", NULL})};
    take_table(JSON_MAP, &mask);
    open_rows(MY_PARTIAL_UPDATE_EVENT, JSON_ROWS);
    ok(next(true));
    assert_string(before(1), LEAT_FILTER_MASK);
    assert_string(after(1), LEAT_FILTER_MASK);
    assert_text(after(2), LEAT_JSON, "{\"a\": 1}", 8);
    my_tables_release(&tables);
    struct leat_filter drop = {.exclude_columns = strings_of((const char *[]){"d.p.j", NULL})};
    take_table(JSON_MAP, &drop);
    open_rows(MY_PARTIAL_UPDATE_EVENT, JSON_ROWS);
    ok(next(true));
    assert_int_equal(table->schema.column_count, 2);
    assert_text(after(1), LEAT_JSON, "{\"a\": 1}", 8);
}

static void binlog_rows__a_partial_document_without_the_one_before_names_the_remedy(void **state)
{
    struct my_rows rows;
    (void)state;
    take_table(JSON_MAP, &everything);
    event = bytes_of("170000000000 0100 0200 03 01 02 00 01000000 01 01 00 " DIFF);
    ok(my_event_rows(MY_PARTIAL_UPDATE_EVENT, slice_of(event), &rows, &err));
    ok(my_rows_open(&reader, table, &rows, &err));
    gives(LEAT_ECONFIG, next(true));
    assert_non_null(strstr(err.text, "\"j\""));
    assert_non_null(strstr(err.hint, "binlog_row_value_options"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(binlog_rows__a_captured_row_of_all_types_comes_out),
        TEST(binlog_rows__text_of_many_sets_becomes_utf8),
        TEST(binlog_rows__columns_left_out_are_passed_and_masked_ones_never_shown),
        TEST(binlog_rows__rows_of_another_shape_are_refused),
        TEST(binlog_rows__what_an_image_lacks_is_absent_and_never_null),
        TEST(binlog_rows__an_after_image_is_filled_from_before),
        TEST(binlog_rows__a_before_image_without_its_blobs_is_no_key),
        TEST(binlog_rows__a_row_that_takes_no_bytes_ends_nowhere_and_is_refused),
        TEST(binlog_rows__a_partial_document_becomes_whole),
        TEST(binlog_rows__a_partial_document_may_be_masked_or_left_out),
        TEST(binlog_rows__a_partial_document_without_the_one_before_names_the_remedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
