/* The native form against texts written by hand from README.md's description. */
#include "unit/codec/fixture.h"

#include <jansson.h>
#include <math.h>

#define HEAD(op) HEAD_OF(op, "3")
#define HEAD_OF(op, ordinal) \
    "{\"seq\":42,\"id\":\"srv/7301234/1/16E9290/" ordinal "\",\"source\":\"srv\",\"connector\":\"postgresql\"," \
    "\"op\":\"" op "\",\"tx\":{\"id\":\"1/16E9290\",\"time\":1559033904863123," \
    "\"attrs\":{\"lsn_commit\":24023119,\"txId\":555}},\"ordinal\":3,\"event_time_us\":1559033904863123," \
    "\"valid_time_us\":1559033904863123,\"ingested_at_us\":1559033904963841,\"attrs\":{\"lsn\":24023128}," \
    "\"db\":\"postgres\""
#define RELATION ",\"schema\":\"public\",\"table\":\"customers\",\"key\":[\"id\"]"

static void create__has_everything(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_customers(&f);
    assert_string_equal(fixture_write(&f, "native"),
                        HEAD("create") RELATION
                        ",\"after\":{\"id\":1,\"first_name\":\"Anne\",\"email\":\"a@x.org\"}}");
    assert_string_equal(fixture_write_key(&f, "native"), "{\"id\":1}");
    fixture_release(&f);
}

static void update__lists_what_is_absent_and_never_shows_it_as_null(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_customers(&f);
    f.event.op = LEAT_OP_UPDATE;
    f.after[1] = (struct leat_value)V_NULL;
    f.after[2] = (struct leat_value)V_ABSENT;
    f.before[0] = (struct leat_value)V_INT(7);
    fixture_before(&f, LEAT_BEFORE_KEY);
    assert_string_equal(fixture_write(&f, "native"),
                        HEAD("update") RELATION ",\"before_form\":\"key\",\"before\":{\"id\":7},"
                        "\"after\":{\"id\":1,\"first_name\":null},\"absent\":[\"email\"]}");
    f.event.before_form = LEAT_BEFORE_FULL;
    assert_non_null(strstr(fixture_write(&f, "native"),
                           "\"before_form\":\"full\",\"before\":{\"id\":7},\"before_absent\":[\"first_name\",\"email\"]"));
    fixture_release(&f);
}

static void truncate__says_how(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_customers(&f);
    f.event.op = LEAT_OP_TRUNCATE;
    f.event.after.count = 0;
    f.event.truncate_cascade = true;
    assert_string_equal(fixture_write(&f, "native"),
                        HEAD("truncate") RELATION ",\"cascade\":true,\"restart_identity\":false}");
    assert_string_equal(fixture_write_key(&f, "native"), "");
    fixture_release(&f);
}

static void schema__describes_the_columns(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    f.event.op = LEAT_OP_SCHEMA;
    struct leat_column *id = fixture_column(&f, "id", "integer", LEAT_INT64, -1, -1);
    id->key_ordinal = 1;
    id->nullable = LEAT_NULLABLE_NO;
    fixture_column(&f, "price", "numeric(10,2)", LEAT_DECIMAL, 10, 2)->nullable = LEAT_NULLABLE_YES;
    fixture_column(&f, "tags", "text[]", LEAT_ARRAY, -1, -1)->element = LEAT_STRING;
    assert_string_equal(fixture_write(&f, "native"),
                        HEAD_OF("schema", "s3") RELATION ",\"relation\":16385,\"columns\":["
                        "{\"name\":\"id\",\"type\":\"integer\",\"kind\":\"int64\",\"nullable\":false},"
                        "{\"name\":\"price\",\"type\":\"numeric(10,2)\",\"kind\":\"decimal\",\"nullable\":true,"
                        "\"precision\":10,\"scale\":2},"
                        "{\"name\":\"tags\",\"type\":\"text[]\",\"kind\":\"array\",\"element\":\"string\"}]}");
    fixture_release(&f);
}

static void post__keeps_its_body_and_metadata(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    f.event.op = LEAT_OP_POST;
    f.event.relation = NULL;
    f.event.topic = TEXT("order.paid");
    f.event.body = TEXT("{\"total\": 5}");
    f.event.metadata = TEXT("{\"remote\":\"10.0.0.1\"}");
    assert_string_equal(fixture_write(&f, "native"),
                        HEAD("post") ",\"topic\":\"order.paid\",\"text\":\"{\\\"total\\\": 5}\","
                        "\"metadata\":{\"remote\":\"10.0.0.1\"}}");
    f.event.body = TEXT("\xff\x00\x01");
    f.event.metadata = TEXT("{broken");
    assert_string_equal(fixture_write(&f, "native"),
                        HEAD("post") ",\"topic\":\"order.paid\",\"body\":\"/wAB\",\"metadata\":\"{broken\"}");
    fixture_release(&f);
}

/* As a string with a replacement of three bytes for each it would not fit: that must leave no trace. */
static void post__of_many_bytes_fits_as_base64(void **state)
{
    (void)state;
    enum { BYTES = 4 << 20 };
    struct fixture f;
    uint8_t *body = malloc(BYTES);
    assert_non_null(body);
    memset(body, 0xff, BYTES);
    fixture_init(&f);
    f.event.op = LEAT_OP_POST;
    f.event.relation = NULL;
    f.event.body = leat_slice_of(body, BYTES);
    assert_non_null(strstr(fixture_write(&f, "native"), "\"body\":\"/////"));
    fixture_release(&f);
    free(body);
}

static void message__id_is_counted_apart(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    f.event.op = LEAT_OP_MESSAGE;
    f.event.relation = NULL;
    f.event.transactional = true;
    const char *text = fixture_write(&f, "native");
    assert_non_null(strstr(text, "\"id\":\"srv/7301234/1/16E9290/m3\""));
    assert_non_null(strstr(text, "\"transactional\":true,\"topic\":\"\",\"text\":\"\"}"));
    fixture_release(&f);
}

static void gap__says_from_where_to_where(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    f.event.op = LEAT_OP_GAP;
    f.event.relation = NULL;
    f.event.body = TEXT("0/1 to 0/9");
    assert_string_equal(fixture_write(&f, "native"), HEAD("gap") ",\"text\":\"0/1 to 0/9\"}");
    fixture_release(&f);
}

static void values__lose_nothing(void **state)
{
    (void)state;
    struct fixture f;
    struct leat_buf bufs[2];
    struct leat_value ints[] = {V_INT(1), V_NULL};
    fixture_init(&f);
    fixture_cell(&f, "big", "bigint", -1, -1, (struct leat_value)V_INT(INT64_C(9007199254740993)));
    fixture_cell(&f, "u", "x", -1, -1, (struct leat_value){.kind = LEAT_UINT64, .natural = UINT64_MAX});
    fixture_cell(&f, "dec", "numeric", -1, -1, (struct leat_value)V_TEXT(LEAT_DECIMAL, "-1.100"));
    fixture_cell(&f, "nan", "real", -1, -1, (struct leat_value)V_REAL(LEAT_FLOAT32, NAN));
    fixture_cell(&f, "bin", "bytea", -1, -1, (struct leat_value)V_TEXT(LEAT_BYTES, "\xff"));
    fixture_cell(&f, "latin1", "text", -1, -1, (struct leat_value)V_TEXT(LEAT_STRING, "Gr\xfc\xdf" "e"));
    fixture_cell(&f, "date", "date", -1, -1, (struct leat_value)V_OF(LEAT_DATE, 17424));
    fixture_cell(&f, "inf", "date", -1, -1, (struct leat_value)V_OF(LEAT_DATE, LEAT_INFINITY_US));
    fixture_cell(&f, "time", "time", -1, -1, (struct leat_value)V_OF(LEAT_TIME, INT64_C(86400000000)));
    fixture_cell(&f, "ts", "timestamp(3)", -1, 3, (struct leat_value)V_OF(LEAT_TIMESTAMP, 1500000));
    fixture_cell(&f, "tz", "timestamptz", -1, -1, (struct leat_value)V_OF(LEAT_TIMESTAMPTZ, -1));
    fixture_cell(&f, "minus", "timestamptz", -1, -1, (struct leat_value)V_OF(LEAT_TIMESTAMPTZ, LEAT_MINUS_INFINITY_US));
    fixture_cell(&f, "timetz", "timetz", -1, -1, (struct leat_value)V_SPAN(LEAT_TIMETZ, 0, -12600, 1000000));
    fixture_cell(&f, "iv", "interval", -1, -1, (struct leat_value)V_SPAN(LEAT_INTERVAL, 1, -2, 3));
    fixture_cell(&f, "bits", "bit(3)", 3, -1, (struct leat_value)V_TEXT(LEAT_BITS, "010"));
    fixture_cell(&f, "arr", "int[]", -1, -1, fixture_array(&bufs[0], 1, 2, ints));
    fixture_cell(&f, "arr0", "int[]", -1, -1, fixture_array(&bufs[1], 0, 2, ints));
    const char *text = fixture_write(&f, "native");
    static const char want[] =
        "\"after\":{\"big\":9007199254740993,\"u\":18446744073709551615,\"dec\":\"-1.100\",\"nan\":\"NaN\","
        "\"bin\":\"/w==\",\"latin1\":{\"base64\":\"R3L832U=\"},\"date\":\"2017-09-15\",\"inf\":\"infinity\","
        "\"time\":\"24:00:00\",\"ts\":\"1970-01-01T00:00:01.5\",\"tz\":\"1969-12-31T23:59:59.999999Z\","
        "\"minus\":\"-infinity\",\"timetz\":\"00:00:01-03:30\",\"iv\":{\"months\":1,\"days\":-2,\"us\":3},"
        "\"bits\":\"010\",\"arr\":[1,null],\"arr0\":{\"lower\":[0],\"items\":[1,null]}}}";
    assert_non_null(strstr(text, "\"after\":"));
    assert_string_equal(strstr(text, "\"after\":"), want);
    fixture_release(&f);
    leat_buf_release(&bufs[0]);
    leat_buf_release(&bufs[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create__has_everything),
        cmocka_unit_test(update__lists_what_is_absent_and_never_shows_it_as_null),
        cmocka_unit_test(truncate__says_how),
        cmocka_unit_test(schema__describes_the_columns),
        cmocka_unit_test(post__keeps_its_body_and_metadata),
        cmocka_unit_test(post__of_many_bytes_fits_as_base64),
        cmocka_unit_test(message__id_is_counted_apart),
        cmocka_unit_test(gap__says_from_where_to_where),
        cmocka_unit_test(values__lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
