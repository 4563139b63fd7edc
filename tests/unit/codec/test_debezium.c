/* The debezium form against golden files that tests/golden/debezium/generate.py computed without our code,
 * and against a parser over random rows. */
#include "unit/codec/fixture.h"

#include "codec/debezium.h"

#include <jansson.h>
#include <math.h>
#include <time.h>

static void check(struct fixture *f, const char *golden)
{
    assert_golden(golden, fixture_write(f, "debezium"));
    fixture_release(f);
}

static struct fixture *customers(struct fixture *f, enum leat_op op)
{
    fixture_init(f);
    fixture_customers(f);
    f->event.op = (uint8_t)op;
    return f;
}

/* --- the envelope by operation --------------------------------------------------------------- */

static void create__is_the_reference_s_first_example(void **state)
{
    (void)state;
    struct fixture f;
    check(customers(&f, LEAT_OP_CREATE), "create");
}

static void read__says_snapshot(void **state)
{
    (void)state;
    struct fixture f;
    check(customers(&f, LEAT_OP_READ), "read");
}

static void update__without_old_row_has_null_before(void **state)
{
    (void)state;
    struct fixture f;
    customers(&f, LEAT_OP_UPDATE);
    f.after[1] = (struct leat_value)V_TEXT(LEAT_STRING, "Anne Marie");
    check(&f, "update_default");
}

static void update__with_full_old_row_has_both(void **state)
{
    (void)state;
    struct fixture f;
    customers(&f, LEAT_OP_UPDATE);
    memcpy(f.before, f.after, sizeof f.before);
    f.after[1] = (struct leat_value)V_TEXT(LEAT_STRING, "Anne Marie");
    fixture_before(&f, LEAT_BEFORE_FULL);
    check(&f, "update_full");
}

static void update__of_the_key_stays_one_event_with_the_old_key(void **state)
{
    (void)state;
    struct fixture f;
    customers(&f, LEAT_OP_UPDATE);
    f.before[0] = (struct leat_value)V_INT(1);
    f.after[0] = (struct leat_value)V_INT(2);
    f.after[1] = (struct leat_value)V_TEXT(LEAT_STRING, "Anne Marie");
    fixture_before(&f, LEAT_BEFORE_KEY);
    check(&f, "update_key");
}

static struct fixture *delete_by_key(struct fixture *f)
{
    customers(f, LEAT_OP_DELETE);
    f->event.after.count = 0;
    f->before[0] = (struct leat_value)V_INT(1);
    fixture_before(f, LEAT_BEFORE_KEY);
    return f;
}

static void delete__by_key_shows_null_outside_the_key(void **state)
{
    (void)state;
    struct fixture f;
    check(delete_by_key(&f), "delete_key");
}

static void delete__with_full_old_row_shows_it(void **state)
{
    (void)state;
    struct fixture f;
    customers(&f, LEAT_OP_DELETE);
    memcpy(f.before, f.after, sizeof f.before);
    f.event.after.count = 0;
    fixture_before(&f, LEAT_BEFORE_FULL);
    check(&f, "delete_full");
}

static void truncate__has_neither_row_nor_key(void **state)
{
    (void)state;
    struct fixture f;
    customers(&f, LEAT_OP_TRUNCATE);
    f.event.after.count = 0;
    assert_golden("truncate", fixture_write(&f, "debezium"));
    assert_string_equal(fixture_write_key(&f, "debezium"), "");
    fixture_release(&f);
}

static struct fixture *message(struct fixture *f, enum leat_op op, struct leat_slice topic, struct leat_slice body)
{
    fixture_init(f);
    f->event.op = (uint8_t)op;
    f->event.relation = NULL;
    f->event.topic = topic;
    f->event.body = body;
    return f;
}

static void message__has_prefix_and_content(void **state)
{
    (void)state;
    struct fixture f;
    message(&f, LEAT_OP_MESSAGE, TEXT("foo"), TEXT("hello \x00\xff"));
    assert_golden("message_key", fixture_write_key(&f, "debezium"));
    check(&f, "message");
}

static void gap__is_a_message_and_never_silent(void **state)
{
    (void)state;
    struct fixture f;
    check(message(&f, LEAT_OP_GAP, TEXT(""), TEXT("{\"from\":\"0/1\",\"to\":\"0/9\"}")), "gap");
}

static void schema_event__has_no_text(void **state)
{
    (void)state;
    struct fixture f;
    customers(&f, LEAT_OP_SCHEMA);
    f.event.after.count = 0;
    assert_string_equal(fixture_write(&f, "debezium"), "");
    assert_string_equal(fixture_write_key(&f, "debezium"), "");
    fixture_release(&f);
}

static void sequence__shows_null_for_an_absent_part(void **state)
{
    (void)state;
    struct fixture f;
    customers(&f, LEAT_OP_CREATE);
    f.transaction.attr_count = 0;
    check(&f, "sequence_null");
}

static void mysql__is_the_reference_s_second_example(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init_mysql(&f);
    f.event.op = LEAT_OP_UPDATE;
    fixture_column(&f, "id", "int", LEAT_INT64, -1, -1)->key_ordinal = 1;
    fixture_column(&f, "first_name", "varchar(255)", LEAT_STRING, 255, -1);
    f.before[0] = f.after[0] = (struct leat_value)V_INT(1004);
    f.before[1] = (struct leat_value)V_TEXT(LEAT_STRING, "Anne");
    f.after[1] = (struct leat_value)V_TEXT(LEAT_STRING, "Anne Marie");
    f.event.after = (struct leat_row){2, f.after};
    fixture_before(&f, LEAT_BEFORE_FULL);
    check(&f, "mysql_update");
}

/* --- keys ------------------------------------------------------------------------------------ */

static void key__comes_from_the_new_row(void **state)
{
    (void)state;
    struct fixture f;
    customers(&f, LEAT_OP_UPDATE);
    f.before[0] = (struct leat_value)V_INT(99);
    fixture_before(&f, LEAT_BEFORE_KEY);
    assert_golden("create_key", fixture_write_key(&f, "debezium"));
    fixture_release(&f);
}

static void key__of_a_delete_comes_from_the_old_row(void **state)
{
    (void)state;
    struct fixture f;
    assert_golden("create_key", fixture_write_key(delete_by_key(&f), "debezium"));
    fixture_release(&f);
}

static void key__follows_the_order_of_the_key_not_of_the_columns(void **state)
{
    (void)state;
    struct fixture f;
    customers(&f, LEAT_OP_CREATE);
    f.columns[0].key_ordinal = 2;
    f.columns[2].key_ordinal = 1;
    assert_string_equal(fixture_write_key(&f, "debezium"), "{\"email\":\"a@x.org\",\"id\":1}");
    f.columns[0].key_ordinal = f.columns[2].key_ordinal = 0;
    assert_string_equal(fixture_write_key(&f, "debezium"), "");
    fixture_release(&f);
}

/* --- type families --------------------------------------------------------------------------- */

static void numbers__equal_the_golden_file(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_cell(&f, "b", "boolean", -1, -1, (struct leat_value)V_OF(LEAT_BOOL, 1));
    fixture_cell(&f, "b0", "boolean", -1, -1, (struct leat_value)V_OF(LEAT_BOOL, 0));
    fixture_cell(&f, "i2", "smallint", -1, -1, (struct leat_value)V_INT(-32768));
    fixture_cell(&f, "i4", "integer", -1, -1, (struct leat_value)V_INT(2147483647));
    fixture_cell(&f, "i8", "bigint", -1, -1, (struct leat_value)V_INT(INT64_MIN));
    fixture_cell(&f, "u8", "bigint unsigned", -1, -1,
                 (struct leat_value){.kind = LEAT_UINT64, .natural = UINT64_MAX});
    fixture_cell(&f, "f4", "real", -1, -1, (struct leat_value)V_REAL(LEAT_FLOAT32, (double)3.3f));
    fixture_cell(&f, "f4_nan", "real", -1, -1, (struct leat_value)V_REAL(LEAT_FLOAT32, NAN));
    fixture_cell(&f, "f8", "double precision", -1, -1, (struct leat_value)V_REAL(LEAT_FLOAT64, 1e10));
    fixture_cell(&f, "f8_third", "double precision", -1, -1, (struct leat_value)V_REAL(LEAT_FLOAT64, 1.0 / 3));
    fixture_cell(&f, "f8_inf", "double precision", -1, -1, (struct leat_value)V_REAL(LEAT_FLOAT64, INFINITY));
    fixture_cell(&f, "f8_minus_inf", "double precision", -1, -1, (struct leat_value)V_REAL(LEAT_FLOAT64, -INFINITY));
    fixture_cell(&f, "f8_minus_zero", "double precision", -1, -1, (struct leat_value)V_REAL(LEAT_FLOAT64, -0.0));
    fixture_cell(&f, "nil", "integer", -1, -1, (struct leat_value)V_NULL);
    check(&f, "types_numbers");
}

static struct fixture *decimals(struct fixture *f, enum leat_form_decimal mode)
{
    static const char *const names[] = {"n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"};
    static const char *const texts[] = {"1234.50", "-0.01", "123456789012345678901234567890.12", "1.100", "100",
                                        "-0.000120", "NaN", "-Infinity"};
    fixture_init(f);
    for (unsigned i = 0; i < 8; i++) {
        bool fixed = i < 3 || i == 6;
        struct leat_value v = {.kind = LEAT_DECIMAL, .text = leat_slice_text(texts[i])};
        fixture_cell(f, names[i], fixed ? "numeric(38,2)" : "numeric", fixed ? 38 : -1, fixed ? 2 : -1, v);
    }
    fixture_cell(f, "money", "money", -1, -1, (struct leat_value)V_TEXT(LEAT_DECIMAL, "-1234.50"));
    f->settings.decimal = mode;
    return f;
}

static void decimals__precise(void **state)
{
    (void)state;
    struct fixture f;
    check(decimals(&f, LEAT_FORM_DECIMAL_PRECISE), "types_decimals");
}

static void decimals__string(void **state)
{
    (void)state;
    struct fixture f;
    check(decimals(&f, LEAT_FORM_DECIMAL_STRING), "types_decimals_string");
}

static void decimals__double(void **state)
{
    (void)state;
    struct fixture f;
    check(decimals(&f, LEAT_FORM_DECIMAL_DOUBLE), "types_decimals_double");
}

static void text__equals_the_golden_file(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_cell(&f, "t", "text", -1, -1, (struct leat_value)V_TEXT(LEAT_STRING, "a \"quoted\" \\ line\nПривет 你好"));
    fixture_cell(&f, "empty", "text", -1, -1, (struct leat_value)V_TEXT(LEAT_STRING, ""));
    fixture_cell(&f, "json", "jsonb", -1, -1, (struct leat_value)V_TEXT(LEAT_JSON, "{\"a\": [1, 2]}"));
    fixture_cell(&f, "uuid", "uuid", -1, -1,
                 (struct leat_value)V_TEXT(LEAT_UUID, "\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11"));
    fixture_cell(&f, "range", "int4range", -1, -1, (struct leat_value)V_TEXT(LEAT_OTHER, "[1,10)"));
    fixture_cell(&f, "broken", "text", -1, -1, (struct leat_value)V_TEXT(LEAT_STRING, "x\xff" "y"));
    check(&f, "types_text");
}

#define BYTES_VALUE ((struct leat_value)V_TEXT(LEAT_BYTES, "\x00\x01\xfb\xff\xfe"))

static void binary__bits_are_little_endian(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_cell(&f, "bytea", "bytea", -1, -1, BYTES_VALUE);
    fixture_cell(&f, "bit1", "bit(1)", 1, -1, (struct leat_value)V_TEXT(LEAT_BITS, "1"));
    fixture_cell(&f, "bit7", "bit(7)", 7, -1, (struct leat_value)V_TEXT(LEAT_BITS, "1000000"));
    fixture_cell(&f, "bit64", "bit(64)", 64, -1,
                 (struct leat_value)V_TEXT(LEAT_BITS, "1000000000000000000000000000000000000000000000000000000000000000"));
    fixture_cell(&f, "bit11", "bit(11)", 11, -1, (struct leat_value)V_TEXT(LEAT_BITS, "10000000101"));
    fixture_cell(&f, "varbit", "bit varying(20)", 20, -1, (struct leat_value)V_TEXT(LEAT_BITS, "00000000101"));
    fixture_cell(&f, "varbit_zero", "bit varying(20)", 20, -1, (struct leat_value)V_TEXT(LEAT_BITS, "00"));
    check(&f, "types_binary");
}

static void binary__modes_change_bytes(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_cell(&f, "bytea", "bytea", -1, -1, BYTES_VALUE);
    f.settings.binary = LEAT_FORM_BINARY_HEX;
    assert_golden("types_binary_hex", fixture_write(&f, "debezium"));
    f.settings.binary = LEAT_FORM_BINARY_BASE64URL;
    check(&f, "types_binary_base64url");
}

enum { DAY = 17424 }; /* 2017-09-15 */
#define DAY_US INT64_C(86400000000)
#define CLOCK INT64_C(14711789123) /* 04:05:11.789123 */
#define MOMENT (DAY * DAY_US + CLOCK)

static void temporal__equals_the_golden_file_in_every_mode(void **state)
{
    (void)state;
    static const char *const goldens[] = {"adaptive", "adaptive_microseconds", "connect", "isostring",
                                          "microseconds", "nanoseconds"};
    struct fixture f;
    fixture_init(&f);
    fixture_cell(&f, "date", "date", -1, -1, (struct leat_value)V_OF(LEAT_DATE, DAY));
    fixture_cell(&f, "time3", "time(3) without time zone", -1, 3, (struct leat_value)V_OF(LEAT_TIME, CLOCK / 1000 * 1000));
    fixture_cell(&f, "time", "time without time zone", -1, -1, (struct leat_value)V_OF(LEAT_TIME, CLOCK));
    fixture_cell(&f, "time24", "time(6) without time zone", -1, 6, (struct leat_value)V_OF(LEAT_TIME, DAY_US));
    fixture_cell(&f, "ts3", "timestamp(3) without time zone", -1, 3,
                 (struct leat_value)V_OF(LEAT_TIMESTAMP, MOMENT / 1000 * 1000));
    fixture_cell(&f, "ts", "timestamp without time zone", -1, -1, (struct leat_value)V_OF(LEAT_TIMESTAMP, MOMENT));
    fixture_cell(&f, "ts_max", "timestamp without time zone", -1, 6,
                 (struct leat_value)V_OF(LEAT_TIMESTAMP, INT64_C(9223371331199999999)));
    fixture_cell(&f, "ts_min", "timestamp without time zone", -1, 6,
                 (struct leat_value)V_OF(LEAT_TIMESTAMP, INT64_C(-210831897600000001)));
    fixture_cell(&f, "ts_before", "timestamp(3) without time zone", -1, 3, (struct leat_value)V_OF(LEAT_TIMESTAMP, -1001));
    fixture_cell(&f, "tz", "timestamp with time zone", -1, -1, (struct leat_value)V_OF(LEAT_TIMESTAMPTZ, MOMENT));
    fixture_cell(&f, "tz0", "timestamp(0) with time zone", -1, 0,
                 (struct leat_value)V_OF(LEAT_TIMESTAMPTZ, MOMENT / 1000000 * 1000000));
    fixture_cell(&f, "tz3", "timestamp(3) with time zone", -1, 3,
                 (struct leat_value)V_OF(LEAT_TIMESTAMPTZ, MOMENT / 1000000 * 1000000 + 700000));
    fixture_cell(&f, "tz_bc", "timestamp with time zone", -1, -1,
                 (struct leat_value)V_OF(LEAT_TIMESTAMPTZ, INT64_C(-210863520000000001)));
    fixture_cell(&f, "tz_far", "timestamp with time zone", -1, 6,
                 (struct leat_value)V_OF(LEAT_TIMESTAMPTZ, INT64_C(601060287090123456)));
    fixture_cell(&f, "timetz", "time with time zone", -1, -1,
                 (struct leat_value)V_SPAN(LEAT_TIMETZ, 0, 7200, INT64_C(49890123789)));
    for (unsigned mode = 0; mode < 6; mode++) {
        char name[64];
        f.settings.time = (enum leat_form_time)mode;
        snprintf(name, sizeof name, "types_temporal_%s", goldens[mode]);
        assert_golden(name, fixture_write(&f, "debezium"));
    }
    fixture_release(&f);
}

static void timetz__wraps_into_the_day(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_cell(&f, "late", "time with time zone", -1, -1, (struct leat_value)V_SPAN(LEAT_TIMETZ, 0, -18000, DAY_US - 1));
    fixture_cell(&f, "early", "time with time zone", -1, -1, (struct leat_value)V_SPAN(LEAT_TIMETZ, 0, 7200, 0));
    fixture_cell(&f, "midnight", "time with time zone", -1, -1, (struct leat_value)V_SPAN(LEAT_TIMETZ, 0, 0, DAY_US));
    const char *text = fixture_write(&f, "debezium");
    assert_non_null(strstr(text, "\"late\":\"04:59:59.999999Z\",\"early\":\"22:00:00Z\",\"midnight\":\"00:00:00Z\""));
    fixture_release(&f);
}

static void infinity__is_what_the_jdbc_driver_makes_of_it(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_cell(&f, "date", "date", -1, -1, (struct leat_value)V_OF(LEAT_DATE, LEAT_INFINITY_US));
    fixture_cell(&f, "date_minus", "date", -1, -1, (struct leat_value)V_OF(LEAT_DATE, LEAT_MINUS_INFINITY_US));
    fixture_cell(&f, "ts3", "timestamp(3)", -1, 3, (struct leat_value)V_OF(LEAT_TIMESTAMP, LEAT_INFINITY_US));
    fixture_cell(&f, "ts", "timestamp", -1, -1, (struct leat_value)V_OF(LEAT_TIMESTAMP, LEAT_INFINITY_US));
    fixture_cell(&f, "ts_minus", "timestamp", -1, -1, (struct leat_value)V_OF(LEAT_TIMESTAMP, LEAT_MINUS_INFINITY_US));
    fixture_cell(&f, "tz", "timestamptz", -1, -1, (struct leat_value)V_OF(LEAT_TIMESTAMPTZ, LEAT_INFINITY_US));
    fixture_cell(&f, "tz_minus", "timestamptz", -1, -1, (struct leat_value)V_OF(LEAT_TIMESTAMPTZ, LEAT_MINUS_INFINITY_US));
    assert_golden("types_infinity", fixture_write(&f, "debezium"));
    f.settings.time = LEAT_FORM_TIME_NANOSECONDS;
    check(&f, "types_infinity_nanoseconds");
}

static void interval__in_both_modes(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_cell(&f, "i", "interval", -1, -1, (struct leat_value)V_SPAN(LEAT_INTERVAL, 14, 3, INT64_C(14706780000)));
    fixture_cell(&f, "negative", "interval", -1, -1,
                 (struct leat_value)V_SPAN(LEAT_INTERVAL, 0, -1, -(INT64_C(14706500000))));
    fixture_cell(&f, "zero", "interval", -1, -1, (struct leat_value)V_SPAN(LEAT_INTERVAL, 0, 0, 0));
    assert_golden("types_interval", fixture_write(&f, "debezium"));
    f.settings.interval = LEAT_FORM_INTERVAL_STRING;
    check(&f, "types_interval_string");
}

static void arrays__nest_and_map_their_elements(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    struct leat_buf bufs[6];
    struct leat_value ints[] = {V_INT(1), V_NULL, V_INT(3)};
    struct leat_value texts[] = {V_TEXT(LEAT_STRING, "a"), V_TEXT(LEAT_STRING, "b\"c")};
    struct leat_value decimal_items[] = {V_TEXT(LEAT_DECIMAL, "1.10"), V_TEXT(LEAT_DECIMAL, "-2.2")};
    struct leat_value dates[] = {V_OF(LEAT_DATE, DAY)};
    fixture_cell(&f, "ints", "integer[]", -1, -1, fixture_array(&bufs[0], 1, 3, ints));
    fixture_cell(&f, "texts", "text[]", -1, -1, fixture_array(&bufs[1], 1, 2, texts));
    fixture_cell(&f, "empty", "text[]", -1, -1, fixture_array(&bufs[2], 1, 0, NULL));
    struct leat_array shape = {.dimensions = 2, .lengths = {2, 3}, .lower_bounds = {1, 1}};
    leat_buf_init(&bufs[3], 1024);
    leat_array_begin(&bufs[3], &shape);
    for (int i = 1; i <= 6; i++) {
        struct leat_value v = V_INT(i);
        leat_array_append(&bufs[3], &v);
    }
    fixture_cell(&f, "nested", "integer[]", -1, -1,
                 (struct leat_value){.kind = LEAT_ARRAY, .text = leat_buf_slice(&bufs[3])});
    fixture_cell(&f, "decimals", "numeric(10,2)[]", 10, 2, fixture_array(&bufs[4], 1, 2, decimal_items));
    fixture_cell(&f, "dates", "date[]", -1, -1, fixture_array(&bufs[5], 1, 1, dates));
    check(&f, "types_arrays");
    for (unsigned i = 0; i < 6; i++)
        leat_buf_release(&bufs[i]);
}

static void unavailable__has_a_placeholder_by_type(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    f.event.op = LEAT_OP_UPDATE;
    fixture_column(&f, "id", "integer", LEAT_INT64, -1, -1);
    fixture_column(&f, "t", "text", LEAT_STRING, -1, -1);
    fixture_column(&f, "json", "jsonb", LEAT_JSON, -1, -1);
    fixture_column(&f, "bytea", "bytea", LEAT_BYTES, -1, -1);
    fixture_column(&f, "texts", "text[]", LEAT_ARRAY, -1, -1)->element = LEAT_STRING;
    fixture_column(&f, "ints", "integer[]", LEAT_ARRAY, -1, -1)->element = LEAT_INT64;
    fixture_column(&f, "dates", "date[]", LEAT_ARRAY, -1, -1)->element = LEAT_DATE;
    fixture_column(&f, "nil", "text", LEAT_STRING, -1, -1);
    f.after[0] = (struct leat_value)V_INT(1);
    f.after[7] = (struct leat_value)V_NULL;
    f.event.after = (struct leat_row){8, f.after};
    assert_golden("unavailable", fixture_write(&f, "debezium"));
    f.settings.absent = LEAT_FORM_ABSENT_OMIT;
    check(&f, "unavailable_omitted");
}

/* --- the schema half ------------------------------------------------------------------------- */

static void schema__of_a_create_equals_debezium_s(void **state)
{
    (void)state;
    struct fixture f;
    customers(&f, LEAT_OP_CREATE)->settings.schema_wrapper = true;
    assert_golden("schema_key", fixture_write_key(&f, "debezium"));
    check(&f, "schema_create");
}

static void schema__of_an_old_key_accepts_its_nulls(void **state)
{
    (void)state;
    struct fixture f;
    delete_by_key(&f)->settings.schema_wrapper = true;
    check(&f, "schema_delete_key");
}

static void schema__of_a_message(void **state)
{
    (void)state;
    struct fixture f;
    message(&f, LEAT_OP_MESSAGE, TEXT("foo"), TEXT("hello \x00\xff"))->settings.schema_wrapper = true;
    check(&f, "schema_message");
}

static void schema__names_every_type(void **state)
{
    (void)state;
    static const struct {
        const char *name, *type;
        enum leat_kind kind, element;
        int precision, scale;
    } columns[] = {
        {"bool", "boolean", LEAT_BOOL, 0, -1, -1},        {"int2", "smallint", LEAT_INT64, 0, -1, -1},
        {"int8", "bigint", LEAT_INT64, 0, -1, -1},        {"float4", "real", LEAT_FLOAT32, 0, -1, -1},
        {"float8", "double precision", LEAT_FLOAT64, 0, -1, -1},
        {"numeric", "numeric(10,2)", LEAT_DECIMAL, 0, 10, 2},
        {"any_numeric", "numeric", LEAT_DECIMAL, 0, -1, -1},
        {"bytea", "bytea", LEAT_BYTES, 0, -1, -1},        {"jsonb", "jsonb", LEAT_JSON, 0, -1, -1},
        {"uuid", "uuid", LEAT_UUID, 0, -1, -1},           {"xml", "xml", LEAT_STRING, 0, -1, -1},
        {"bit1", "bit(1)", LEAT_BITS, 0, 1, -1},          {"bit11", "bit(11)", LEAT_BITS, 0, 11, -1},
        {"date", "date", LEAT_DATE, 0, -1, -1},           {"time3", "time(3) without time zone", LEAT_TIME, 0, -1, 3},
        {"time", "time without time zone", LEAT_TIME, 0, -1, -1}, {"ts3", "timestamp(3)", LEAT_TIMESTAMP, 0, -1, 3},
        {"ts", "timestamp", LEAT_TIMESTAMP, 0, -1, -1},   {"tz", "timestamptz", LEAT_TIMESTAMPTZ, 0, -1, -1},
        {"timetz", "timetz", LEAT_TIMETZ, 0, -1, -1},     {"interval", "interval", LEAT_INTERVAL, 0, -1, -1},
        {"texts", "text[]", LEAT_ARRAY, LEAT_STRING, -1, -1},
        {"decimals", "numeric(10,2)[]", LEAT_ARRAY, LEAT_DECIMAL, 10, 2},
    };
    struct fixture f;
    fixture_init(&f);
    for (unsigned i = 0; i < sizeof columns / sizeof *columns; i++) {
        struct leat_column *c = fixture_column(&f, columns[i].name, columns[i].type, columns[i].kind,
                                               columns[i].precision, columns[i].scale);
        c->element = (uint8_t)columns[i].element;
        f.after[i] = (struct leat_value)V_NULL;
    }
    f.event.after = (struct leat_row){f.relation.column_count, f.after};
    f.settings.schema_wrapper = true;
    check(&f, "schema_types");
}

/* --- MySQL and MariaDB ----------------------------------------------------------------------- */

/* SRID and WKB: Debezium's own examples, and a point in big-endian. */
#define POINT "\0\0\0\0\x01\x01\0\0\0\xe3\xa5\x9b\xc4\x20\xf0\x1b\x40\x15\xa1\x43\xa6\x9d\x38\x32\x40"
#define LINE \
    "\xe6\x10\0\0\x01\x02\0\0\0\x02\0\0\0\xe3\xa5\x9b\xc4\x20\xf0\x1b\x40\x15\xa1\x43\xa6\x9d\x38\x32\x40" \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define POINT_BIG_ENDIAN "\xe6\x10\0\0\0\0\0\0\x01\x3f\xf0\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0"

static void mysql_numbers(struct fixture *f)
{
    fixture_cell(f, "t1", "tinyint(1)", -1, -1, (struct leat_value)V_INT(1));
    fixture_cell(f, "tu", "tinyint unsigned", -1, -1, (struct leat_value)V_INT(255));
    fixture_cell(f, "su", "smallint unsigned", -1, -1, (struct leat_value)V_INT(65535));
    fixture_cell(f, "mu", "mediumint unsigned", -1, -1, (struct leat_value)V_INT(16777215));
    fixture_cell(f, "iu", "int(10) unsigned", -1, -1, (struct leat_value)V_INT(4294967295));
    fixture_cell(f, "bu", "bigint unsigned", -1, -1,
                 (struct leat_value){.kind = LEAT_UINT64, .natural = UINT64_MAX});
    fixture_cell(f, "y", "year", -1, -1, (struct leat_value)V_INT(2155));
    fixture_cell(f, "y0", "year(4)", -1, -1, (struct leat_value)V_INT(0));
    fixture_cell(f, "f", "float", -1, -1, (struct leat_value)V_REAL(LEAT_FLOAT32, 1.5));
    fixture_cell(f, "dec", "decimal(10,3)", 10, 3, (struct leat_value)V_TEXT(LEAT_DECIMAL, "-123.456"));
    fixture_cell(f, "b1", "bit(1)", 1, -1, (struct leat_value)V_TEXT(LEAT_BITS, "1"));
    fixture_cell(f, "b10", "bit(10)", 10, -1, (struct leat_value)V_TEXT(LEAT_BITS, "1000000001"));
    fixture_cell(f, "e", "enum('a,b','c')", -1, -1, (struct leat_value)V_TEXT(LEAT_STRING, "a,b"));
    fixture_cell(f, "e0", "enum('a')", -1, -1, (struct leat_value)V_TEXT(LEAT_STRING, ""));
    fixture_cell(f, "s", "set('x','y','z')", -1, -1, (struct leat_value)V_TEXT(LEAT_STRING, "x,z"));
    fixture_cell(f, "j", "json", -1, -1, (struct leat_value)V_TEXT(LEAT_JSON, "{\"a\": 1}"));
}

static void mysql_times(struct fixture *f)
{
    const int64_t second = MOMENT / 1000000 * 1000000, milli = MOMENT / 1000 * 1000;
    fixture_cell(f, "d", "date", -1, -1, (struct leat_value)V_OF(LEAT_DATE, DAY));
    fixture_cell(f, "dt", "datetime", -1, 0, (struct leat_value)V_OF(LEAT_TIMESTAMP, second));
    fixture_cell(f, "dt3", "datetime(3)", -1, 3, (struct leat_value)V_OF(LEAT_TIMESTAMP, milli));
    fixture_cell(f, "dt6", "datetime(6)", -1, 6, (struct leat_value)V_OF(LEAT_TIMESTAMP, MOMENT));
    fixture_cell(f, "ts", "timestamp", -1, 0, (struct leat_value)V_OF(LEAT_TIMESTAMPTZ, second));
    fixture_cell(f, "ts3", "timestamp(3)", -1, 3, (struct leat_value)V_OF(LEAT_TIMESTAMPTZ, milli));
    fixture_cell(f, "ti", "time", -1, 0, (struct leat_value)V_OF(LEAT_TIME, -INT64_C(3020399000000)));
    fixture_cell(f, "ti3", "time(3)", -1, 3, (struct leat_value)V_OF(LEAT_TIME, INT64_C(359999123000)));
}

static void mysql__values_equal_the_golden_file(void **state)
{
    (void)state;
    struct fixture f;
    struct leat_buf vector;
    struct leat_value floats[] = {V_REAL(LEAT_FLOAT32, 1.0), V_REAL(LEAT_FLOAT32, -2.5)};
    fixture_init_mysql(&f);
    mysql_numbers(&f);
    mysql_times(&f);
    fixture_cell(&f, "p", "point", -1, -1, (struct leat_value)V_TEXT(LEAT_BYTES, POINT));
    fixture_cell(&f, "pb", "point", -1, -1, (struct leat_value)V_TEXT(LEAT_BYTES, POINT_BIG_ENDIAN));
    fixture_cell(&f, "pn", "point", -1, -1, (struct leat_value)V_TEXT(LEAT_BYTES, LINE));
    fixture_cell(&f, "g", "geometry", -1, -1, (struct leat_value)V_TEXT(LEAT_BYTES, LINE));
    fixture_cell(&f, "mp", "multipoint", -1, -1, (struct leat_value)V_TEXT(LEAT_BYTES, "\0\0\0\0"));
    fixture_cell(&f, "v", "vector(2)", -1, -1, fixture_array(&vector, 1, 2, floats))->element = LEAT_FLOAT32;
    fixture_cell(&f, "bin", "binary(5)", 5, -1, (struct leat_value)V_TEXT(LEAT_BYTES, "\x01\x02\0\0\0"));
    fixture_cell(&f, "u", "uuid", -1, -1,
                 (struct leat_value)V_TEXT(LEAT_UUID, "\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x55\x44\0\0"));
    fixture_cell(&f, "ip", "inet6", -1, -1, (struct leat_value)V_TEXT(LEAT_STRING, "2001:db8::ff00:42:8329"));
    check(&f, "types_mysql");
    leat_buf_release(&vector);
}

static void zero_date(struct fixture *f, const char *name, const char *type, enum leat_kind kind,
                      enum leat_nullable nullable, unsigned key, const char *text)
{
    struct leat_value v = {.kind = LEAT_OTHER, .text = leat_slice_text(text)};
    struct leat_column *c = fixture_cell(f, name, type, -1, 0, v);
    c->kind = (uint8_t)kind;
    c->nullable = (uint8_t)nullable;
    c->key_ordinal = (uint16_t)key;
}

static void mysql__a_date_that_does_not_exist_is_null_or_its_text_and_never_1970(void **state)
{
    (void)state;
    static const char PARTIAL[] = "2024-00-15 10:00:00.000";
    struct fixture f;
    fixture_init_mysql(&f);
    zero_date(&f, "d", "date", LEAT_DATE, LEAT_NULLABLE_YES, 0, "0000-00-00");
    zero_date(&f, "dt", "datetime(3)", LEAT_TIMESTAMP, LEAT_NULLABLE_YES, 0, PARTIAL);
    zero_date(&f, "ts", "timestamp", LEAT_TIMESTAMPTZ, LEAT_NULLABLE_UNKNOWN, 0, "0000-00-00 00:00:00");
    zero_date(&f, "d_not_null", "date", LEAT_DATE, LEAT_NULLABLE_NO, 0, "0000-00-00");
    zero_date(&f, "dt_not_null", "datetime(3)", LEAT_TIMESTAMP, LEAT_NULLABLE_NO, 0, PARTIAL);
    zero_date(&f, "key", "date", LEAT_DATE, LEAT_NULLABLE_UNKNOWN, 1, "2024-02-00");
    zero_date(&f, "text", "interval", LEAT_OTHER, LEAT_NULLABLE_YES, 0, "0000-00-00");
    check(&f, "types_mysql_zero_dates");
}

static void other__a_date_that_only_our_range_lacks_is_its_text(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    zero_date(&f, "far", "timestamp without time zone", LEAT_TIMESTAMP, LEAT_NULLABLE_YES, 0, "294276-12-31 23:59:59");
    assert_non_null(strstr(fixture_write(&f, "debezium"), "{\"far\":\"294276-12-31 23:59:59\"}"));
    fixture_release(&f);
}

static void mysql__absent_values_have_a_placeholder_of_their_type(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init_mysql(&f);
    f.event.op = LEAT_OP_UPDATE;
    fixture_column(&f, "id", "int", LEAT_INT64, -1, -1);
    fixture_column(&f, "b", "blob", LEAT_BYTES, -1, -1);
    fixture_column(&f, "j", "json", LEAT_JSON, -1, -1);
    fixture_column(&f, "g", "polygon", LEAT_BYTES, -1, -1);
    fixture_column(&f, "p", "point", LEAT_BYTES, -1, -1);
    fixture_column(&f, "v", "vector(3)", LEAT_ARRAY, -1, -1)->element = LEAT_FLOAT32;
    fixture_column(&f, "n", "int", LEAT_INT64, -1, -1); /* cannot hold one: in neither half */
    fixture_column(&f, "dec", "decimal(10,3)", LEAT_DECIMAL, 10, 3);
    fixture_column(&f, "b1", "bit(1)", LEAT_BITS, 1, -1);
    fixture_column(&f, "b10", "bit(10)", LEAT_BITS, 10, -1);
    f.after[0] = (struct leat_value)V_INT(1);
    f.event.after = (struct leat_row){10, f.after};
    check(&f, "types_mysql_absent");
}

static void decimals__that_are_texts_have_the_placeholder_as_a_text(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init_mysql(&f);
    f.settings.decimal = LEAT_FORM_DECIMAL_STRING;
    f.event.op = LEAT_OP_UPDATE;
    fixture_column(&f, "dec", "decimal(10,3)", LEAT_DECIMAL, 10, 3);
    f.event.after = (struct leat_row){1, f.after};
    assert_non_null(strstr(fixture_write(&f, "debezium"), "{\"dec\":\"__debezium_unavailable_value\"}"));
    fixture_release(&f);
}

static const struct {
    const char *name, *type;
    enum leat_kind kind;
    int precision, scale;
} MYSQL_COLUMNS[] = {
    {"t", "tinyint", LEAT_INT64, -1, -1},
    {"t1", "tinyint(1)", LEAT_INT64, -1, -1},
    {"tu", "tinyint(3) unsigned", LEAT_INT64, -1, -1},
    {"s", "smallint", LEAT_INT64, -1, -1},
    {"su", "smallint(5) unsigned zerofill", LEAT_INT64, -1, -1},
    {"m", "mediumint", LEAT_INT64, -1, -1},
    {"mu", "mediumint unsigned", LEAT_INT64, -1, -1},
    {"i", "int", LEAT_INT64, -1, -1},
    {"i11", "int(11)", LEAT_INT64, -1, -1},
    {"iu", "int unsigned", LEAT_INT64, -1, -1},
    {"iz", "int(10) unsigned zerofill", LEAT_INT64, -1, -1},
    {"b", "bigint", LEAT_INT64, -1, -1},
    {"bu", "bigint unsigned", LEAT_UINT64, -1, -1},
    {"y", "year(4)", LEAT_INT64, -1, -1},
    {"f", "float", LEAT_FLOAT32, -1, -1},
    {"db", "double", LEAT_FLOAT64, -1, -1},
    {"dec", "decimal(10,3) unsigned", LEAT_DECIMAL, 10, 3},
    {"b1", "bit(1)", LEAT_BITS, 1, -1},
    {"b10", "bit(10)", LEAT_BITS, 10, -1},
    {"e", "enum('a,b','it''s','é')", LEAT_STRING, -1, -1},
    {"set", "set('x','y','z')", LEAT_STRING, -1, -1},
    {"vc", "varchar(20)", LEAT_STRING, 20, -1},
    {"bin", "varbinary(20)", LEAT_BYTES, 20, -1},
    {"j", "json", LEAT_JSON, -1, -1},
    {"d", "date", LEAT_DATE, -1, -1},
    {"ti", "time", LEAT_TIME, -1, 0},
    {"ti3", "time(3)", LEAT_TIME, -1, 3},
    {"dt", "datetime", LEAT_TIMESTAMP, -1, 0},
    {"dt3", "datetime(3)", LEAT_TIMESTAMP, -1, 3},
    {"dt6", "datetime(6)", LEAT_TIMESTAMP, -1, 6},
    {"ts", "timestamp", LEAT_TIMESTAMPTZ, -1, 0},
    {"p", "point", LEAT_BYTES, -1, -1},
    {"g", "geometry", LEAT_BYTES, -1, -1},
    {"ls", "linestring", LEAT_BYTES, -1, -1},
    {"mpg", "multipolygon", LEAT_BYTES, -1, -1},
    {"gc", "geomcollection", LEAT_BYTES, -1, -1},
    {"v", "vector(3)", LEAT_ARRAY, -1, -1},
    {"u", "uuid", LEAT_UUID, -1, -1},
    {"ip", "inet6", LEAT_STRING, -1, -1},
};

static void mysql__schema_names_every_type(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init_mysql(&f);
    for (unsigned i = 0; i < sizeof MYSQL_COLUMNS / sizeof *MYSQL_COLUMNS; i++) {
        struct leat_column *c =
            fixture_column(&f, MYSQL_COLUMNS[i].name, MYSQL_COLUMNS[i].type, MYSQL_COLUMNS[i].kind,
                           MYSQL_COLUMNS[i].precision, MYSQL_COLUMNS[i].scale);
        c->element = c->kind == LEAT_ARRAY ? LEAT_FLOAT32 : LEAT_ABSENT;
        f.after[i] = (struct leat_value)V_NULL;
    }
    f.event.after = (struct leat_row){f.relation.column_count, f.after};
    f.settings.schema_wrapper = true;
    check(&f, "schema_mysql");
}

/* --- failures and random rows ---------------------------------------------------------------- */

static int write_code(struct fixture *f, size_t *ret_len)
{
    leat_buf_reset(&f->buf);
    leat_buf_append_text(&f->buf, "kept");
    int rc = leat_form_debezium.write(&f->settings, &f->input, &f->buf, &f->err);
    *ret_len = f->buf.len;
    return rc;
}

static void failure__leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    struct fixture f;
    size_t len;
    customers(&f, LEAT_OP_CREATE);
    f.event.after.count = 2;
    assert_int_equal(write_code(&f, &len), LEAT_EDATA);
    assert_int_equal(len, 4);
    f.event.after.count = 3;
    f.after[1] = (struct leat_value)V_TEXT(LEAT_ARRAY, "\x07");
    assert_int_equal(write_code(&f, &len), LEAT_EDATA);
    assert_int_equal(len, 4);
    assert_non_null(strstr(f.err.text, "first_name"));
    f.after[1] = (struct leat_value)V_NULL;
    assert_int_equal(write_code(&f, &len), LEAT_OK);
    f.event.transaction = NULL;
    assert_int_equal(write_code(&f, &len), LEAT_EBUG);
    assert_int_equal(len, 4);
    fixture_release(&f);
}

static void failure__at_every_maximum_is_a_limit_and_not_half_a_text(void **state)
{
    (void)state;
    struct fixture f;
    customers(&f, LEAT_OP_CREATE);
    size_t full = strlen(fixture_write(&f, "debezium")), len;
    bool fitted = false;
    for (size_t max = 4; max < full + 8192; max += 13) {
        leat_buf_release(&f.buf);
        leat_buf_init(&f.buf, max);
        int rc = write_code(&f, &len);
        assert_true(rc == LEAT_ELIMIT || rc == LEAT_OK);
        assert_int_equal(len, rc ? 4 : 4 + full);
        fitted |= rc == LEAT_OK;
    }
    assert_true(fitted);
    fixture_release(&f);
}

static uint64_t random_state;

static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static struct leat_value random_value(uint8_t *text, struct leat_buf *array)
{
    struct leat_value v = {.kind = (uint8_t)(random64() % LEAT_KIND_COUNT)};
    size_t len = random64() % 40;
    for (size_t i = 0; i < len; i++)
        text[i] = (uint8_t)(v.kind == LEAT_BITS ? '0' + random64() % 2 : random64());
    if (v.kind == LEAT_INTERVAL || v.kind == LEAT_TIMETZ)
        v.span = (struct leat_span){(int64_t)random64(), (int32_t)random64(), (int32_t)random64()};
    else if (v.kind == LEAT_FLOAT64 || v.kind == LEAT_FLOAT32)
        v.real = ldexp((double)random64(), (int)(random64() % 200) - 100);
    else if (v.kind == LEAT_ARRAY) {
        struct leat_value items[] = {V_INT(1), V_NULL, {.kind = LEAT_STRING, .text = {text, len}}};
        return fixture_array(array, (int32_t)(random64() % 3), 3, items);
    } else if (leat_kind_is_text((enum leat_kind)v.kind))
        v.text = leat_slice_of(text, v.kind == LEAT_UUID ? 16 : len);
    else
        v.integer = v.kind == LEAT_BOOL ? 1 : (int64_t)random64() >> random64() % 64;
    return v;
}

static void assert_parses(const char *text)
{
    json_error_t error;
    json_t *parsed = json_loads(text, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL | JSON_REJECT_DUPLICATES, &error);
    if (!parsed)
        fail_msg("%s in %s", error.text, text);
    json_decref(parsed);
}

static void random_rows__are_valid_json_in_every_mode(void **state)
{
    (void)state;
    const char *given = getenv("LEAT_SEED");
    random_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u + 1;
    print_message("seed %llu\n", (unsigned long long)random_state);
    static uint8_t texts[8][64];
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    static const char *const types[] = {"any",     "point",     "geometry", "enum('a','b", "set('''',')",
                                        "time(3)", "vector(3)", "",         "year"};
    for (unsigned round = 0; round < 5000; round++) {
        struct fixture f;
        struct leat_buf arrays[8] = {0};
        fixture_init(&f);
        for (unsigned i = 0; i < 8; i++)
            fixture_cell(&f, names[i], types[random64() % (sizeof types / sizeof *types)],
                         (int)(random64() % 20) - 1, (int)(random64() % 8) - 1,
                         random_value(texts[i], &arrays[i]));
        f.settings.schema_wrapper = round % 3 == 0;
        f.settings.time = (enum leat_form_time)(random64() % 6);
        f.settings.decimal = (enum leat_form_decimal)(random64() % 3);
        f.settings.interval = (enum leat_form_interval)(random64() % 2);
        assert_parses(fixture_write(&f, "debezium"));
        assert_parses(fixture_write(&f, "native"));
        for (unsigned i = 0; i < 8; i++)
            leat_buf_release(&arrays[i]);
        fixture_release(&f);
    }
}

static void form__is_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(leat_form_find("debezium"), leat_form_at(0));
    assert_string_equal(leat_form_find("native")->name, "native");
    assert_null(leat_form_find("avro"));
    assert_null(leat_form_at(2));
}

static void version__is_ours_unless_set(void **state)
{
    (void)state;
    struct fixture f;
    customers(&f, LEAT_OP_CREATE)->settings.version = TEXT("");
    assert_non_null(strstr(fixture_write(&f, "debezium"), "\"version\":\"leat-" LEAT_VERSION "\""));
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(form__is_found_by_name),
        cmocka_unit_test(create__is_the_reference_s_first_example),
        cmocka_unit_test(read__says_snapshot),
        cmocka_unit_test(update__without_old_row_has_null_before),
        cmocka_unit_test(update__with_full_old_row_has_both),
        cmocka_unit_test(update__of_the_key_stays_one_event_with_the_old_key),
        cmocka_unit_test(delete__by_key_shows_null_outside_the_key),
        cmocka_unit_test(delete__with_full_old_row_shows_it),
        cmocka_unit_test(truncate__has_neither_row_nor_key),
        cmocka_unit_test(message__has_prefix_and_content),
        cmocka_unit_test(gap__is_a_message_and_never_silent),
        cmocka_unit_test(schema_event__has_no_text),
        cmocka_unit_test(sequence__shows_null_for_an_absent_part),
        cmocka_unit_test(mysql__is_the_reference_s_second_example),
        cmocka_unit_test(version__is_ours_unless_set),
        cmocka_unit_test(key__comes_from_the_new_row),
        cmocka_unit_test(key__of_a_delete_comes_from_the_old_row),
        cmocka_unit_test(key__follows_the_order_of_the_key_not_of_the_columns),
        cmocka_unit_test(numbers__equal_the_golden_file),
        cmocka_unit_test(decimals__precise),
        cmocka_unit_test(decimals__string),
        cmocka_unit_test(decimals__double),
        cmocka_unit_test(text__equals_the_golden_file),
        cmocka_unit_test(binary__bits_are_little_endian),
        cmocka_unit_test(binary__modes_change_bytes),
        cmocka_unit_test(temporal__equals_the_golden_file_in_every_mode),
        cmocka_unit_test(timetz__wraps_into_the_day),
        cmocka_unit_test(infinity__is_what_the_jdbc_driver_makes_of_it),
        cmocka_unit_test(interval__in_both_modes),
        cmocka_unit_test(arrays__nest_and_map_their_elements),
        cmocka_unit_test(unavailable__has_a_placeholder_by_type),
        cmocka_unit_test(schema__of_a_create_equals_debezium_s),
        cmocka_unit_test(schema__of_an_old_key_accepts_its_nulls),
        cmocka_unit_test(schema__of_a_message),
        cmocka_unit_test(schema__names_every_type),
        cmocka_unit_test(mysql__values_equal_the_golden_file),
        cmocka_unit_test(mysql__a_date_that_does_not_exist_is_null_or_its_text_and_never_1970),
        cmocka_unit_test(other__a_date_that_only_our_range_lacks_is_its_text),
        cmocka_unit_test(mysql__absent_values_have_a_placeholder_of_their_type),
        cmocka_unit_test(decimals__that_are_texts_have_the_placeholder_as_a_text),
        cmocka_unit_test(mysql__schema_names_every_type),
        cmocka_unit_test(failure__leaves_the_buffer_as_it_was),
        cmocka_unit_test(failure__at_every_maximum_is_a_limit_and_not_half_a_text),
        cmocka_unit_test(random_rows__are_valid_json_in_every_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
