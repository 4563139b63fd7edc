/*
 * What Flowcore's consumers may ask, ids as times, hours, and a post as they read it.
 */
#include "feed/flowcore_event.h"
#include "feed/flowcore_query.h"
#include "feed/time_uuid.h"

#include "unit/outcome.h"

#include <jansson.h>
#include <leat/schema.h>

static const char *parse(const char *target, struct flowcore_query *q)
{
    return flowcore_query_parse(target, q);
}

static struct time_uuid uuid(const char *text)
{
    struct time_uuid u;
    assert_true(time_uuid_parse(text, &u));
    return u;
}

/* --- time UUIDs and hours ------------------------------------------------------------------------
 */

static void uuid__there_and_back(void **state)
{
    (void)state;
    char text[TIME_UUID_TEXT];
    struct time_uuid u =
        uuid("c232ab00-9414-11ec-b3c8-9f6bdeced846"); /* RFC 9562, A.1: 2022-02-22 19:22:22 UTC */
    time_uuid_text(&u, text);
    assert_string_equal(text, "c232ab00-9414-11ec-b3c8-9f6bdeced846");
    assert_int_equal(time_uuid_hour(&u), 1645557742 / 3600);
    struct time_uuid upper = uuid("C232AB00-9414-11EC-B3C8-9F6BDECED846");
    assert_memory_equal(&u, &upper, sizeof u);
}

static void uuid__what_is_none(void **state)
{
    (void)state;
    static const char *const BAD[] = {"",
                                      "c232ab00-9414-11ec-b3c8-9f6bdeced84",
                                      "c232ab00-9414-11ec-b3c8-9f6bdeced8466",
                                      "c232ab00-9414-41ec-b3c8-9f6bdeced846",
                                      "c232ab00a9414-11ec-b3c8-9f6bdeced846",
                                      "c232ab0g-9414-11ec-b3c8-9f6bdeced846",
                                      "c232ab00-9414-11ec-b3c89-f6bdeced846"};
    struct time_uuid u;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_false(time_uuid_parse(BAD[i], &u));
}

static void uuid__order_is_that_of_time(void **state)
{
    (void)state;
    /* the low bits of the time stand first: as bytes they would be the other way round */
    struct time_uuid early = uuid("ffffffff-0000-1000-8000-000000000000"),
                     late = uuid("00000000-0001-1000-8000-000000000000");
    struct time_uuid twin = uuid("00000000-0001-1000-8000-000000000001");
    assert_true(time_uuid_compare(&early, &late) < 0 && time_uuid_compare(&late, &early) > 0);
    assert_true(time_uuid_compare(&late, &twin) < 0 && time_uuid_compare(&late, &late) == 0);
}

static void hour__there_and_back(void **state)
{
    (void)state;
    struct {
        const char *text;
        int64_t hour;
    } cases[] = {{"19700101000000", 0},        {"19700101010000", 1},
                 {"19691231230000", -1},       {"20240229230000", 474791},
                 {"99991231230000", 70389527}, {"15821015000000", -3394248}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t hour = 99;
        char text[TIME_BUCKET_TEXT];
        assert_true(time_bucket_parse(cases[i].text, &hour));
        assert_true(hour == cases[i].hour);
        time_bucket_text(hour, text);
        assert_string_equal(text, cases[i].text);
    }
    int64_t hour;
    assert_true(time_bucket_parse("20240229235959", &hour) && hour == 474791);
    static const char *const BAD[] = {"",
                                      "2024022923000",
                                      "202402292300000",
                                      "20230229000000",
                                      "20241301000000",
                                      "20240100000000",
                                      "20240101240000",
                                      "2024010100000x",
                                      "+0240101000000",
                                      "00000101000000"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_false(time_bucket_parse(BAD[i], &hour));
}

/* --- queries
 * -------------------------------------------------------------------------------------- */

static void query__what_the_sdk_sends(void **state)
{
    (void)state;
    struct flowcore_query q;
    assert_null(
        parse("/api/v1/time-buckets?eventTypeId=a.0&eventTypeId=b%2Fc+d&pageSize=10000", &q));
    assert_int_equal(q.kind, FLOWCORE_BUCKETS);
    assert_int_equal(q.name_count, 2);
    assert_true(flowcore_query_names(&q, "t/d/f/a.0", 9) &&
                flowcore_query_names(&q, "t/d/b/c d", 9));
    assert_false(flowcore_query_names(&q, "t/d/f/xa.0", 10) || flowcore_query_names(&q, "c d", 3));
    assert_null(parse("/api/v1/"
                      "events?eventTypeId=a&timeBucket=20250301070000&afterEventId=c232ab00-9414-"
                      "11ec-b3c8-9f6bdeced846"
                      "&pageSize=50000&order=asc&includeSensitiveData=true&other=1&key=k",
                      &q));
    assert_int_equal(q.kind, FLOWCORE_EVENTS);
    assert_int_equal(q.page, FLOWCORE_PAGE_MAX);
    assert_true(q.has_after && !q.after_included && !q.has_to && !q.has_cursor);
    assert_null(parse("/api/v1/"
                      "events?eventTypeId=a&timeBucket=20250301070000&fromEventId=c232ab00-9414-"
                      "11ec-b3c8-9f6bdeced846"
                      "&afterEventId=d232ab00-9414-11ec-b3c8-9f6bdeced846",
                      &q));
    struct time_uuid from = uuid("c232ab00-9414-11ec-b3c8-9f6bdeced846");
    assert_true(q.after_included && time_uuid_compare(&q.after, &from) == 0);
}

static void query__a_cursor_comes_back(void **state)
{
    (void)state;
    struct feed_cursor cursor = {7, 42};
    struct time_uuid bound = uuid("c232ab00-9414-11ec-b3c8-9f6bdeced846");
    for (int with = 0; with < 2; with++) {
        char text[FLOWCORE_CURSOR_TEXT], target[200];
        struct flowcore_query q;
        flowcore_cursor_text(&cursor, with ? &bound : NULL, text);
        assert_true(strlen(text) < sizeof text);
        snprintf(target, sizeof target,
                 "/api/v1/"
                 "events?cursor=%s&afterEventId=d232ab00-9414-11ec-b3c8-9f6bdeced846&eventTypeId=a&"
                 "timeBucket=20250301070000",
                 text);
        assert_null(parse(target, &q));
        assert_true(q.has_cursor && q.cursor.store == 7 && q.cursor.sequence == 42 &&
                    q.by_time == with);
        if (with)
            assert_memory_equal(&q.bound, &bound, sizeof bound);
    }
}

static void query__bounds(void **state)
{
    (void)state;
    struct flowcore_query q;
    char target[6000];
    size_t len = (size_t)snprintf(target, sizeof target, "/api/v1/time-buckets?");
    for (int i = 0; i < FLOWCORE_NAMES_MAX; i++)
        len += (size_t)snprintf(target + len, sizeof target - len, "eventTypeId=a&");
    assert_null(parse(target, &q));
    snprintf(target + len, sizeof target - len, "eventTypeId=a");
    assert_non_null(parse(target, &q));
    snprintf(target, sizeof target, "/api/v1/time-buckets?eventTypeId=%01100d", 1);
    assert_null(parse(target, &q));
    snprintf(target, sizeof target, "/api/v1/time-buckets?eventTypeId=%01101d", 1);
    assert_non_null(parse(target, &q));
    assert_null(parse("/api/v1/time-buckets?eventTypeId=a&cursor=-3394248", &q));
    assert_true(q.cursor_hour == -3394248);
    assert_non_null(parse("/api/v1/time-buckets?eventTypeId=a&cursor=--1", &q));
    assert_non_null(parse("/api/v1/time-buckets?eventTypeId=a&cursor=99999999999999999999", &q));
    assert_int_equal(flowcore_query_kind("/api/v1/eventsx"), FLOWCORE_NONE);
    assert_int_equal(flowcore_query_kind("/api/v1/events/t"), FLOWCORE_NONE);
    assert_int_equal(flowcore_query_kind("/api/v1/events?"), FLOWCORE_EVENTS);
}

/* --- a post
 * ---------------------------------------------------------------------------------------- */

static struct leat_value text_value(const char *text)
{
    return (struct leat_value){.kind = LEAT_STRING, .text = leat_slice_text(text)};
}

static json_t *written(struct leat_slice body, const char *metadata, size_t max)
{
    static struct leat_origin origin = {
        .attr_count = 4,
        .attrs = {{LEAT_SLICE_LITERAL("tenant"), LEAT_ATTR_TRANSACTION, 0},
                  {LEAT_SLICE_LITERAL("dataCore"), LEAT_ATTR_TRANSACTION, 0},
                  {LEAT_SLICE_LITERAL("flowType"), LEAT_ATTR_TRANSACTION, 0},
                  {LEAT_SLICE_LITERAL("eventId"), LEAT_ATTR_EVENT, 0}}};
    struct time_uuid id = uuid("c232ab00-9414-11ec-b3c8-9f6bdeced846");
    struct leat_transaction tx = {.origin = &origin, .attr_count = 3};
    tx.attrs[0] = text_value("t\"");
    tx.attrs[1] = text_value("d");
    tx.attrs[2] = text_value("f");
    struct leat_event e = {.op = LEAT_OP_POST,
                           .transaction = &tx,
                           .topic = LEAT_SLICE_LITERAL("e"),
                           .body = body,
                           .metadata = leat_slice_text(metadata),
                           .valid_time_us = 1,
                           .attr_count = 1};
    e.attrs[0] =
        (struct leat_value){.kind = LEAT_UUID, .text = leat_slice_of(id.bytes, sizeof id.bytes)};
    struct catalog_post post;
    struct leat_buf buf;
    json_t *json = NULL;
    assert_true(catalog_post_read(&e, &post));
    assert_string_equal(post.path, "t\"/d/f/e");
    leat_buf_init(&buf, max);
    leat_buf_append_text(&buf, "x");
    if (flowcore_event_write(&post, &e, &buf)) {
        json = json_loads(leat_buf_text(&buf) + 1, 0, NULL);
        assert_non_null(json);
    } else {
        assert_int_equal(buf.len, 1); /* nothing changed */
    }
    leat_buf_release(&buf);
    return json;
}

static void check_payload(struct leat_slice body, const char *expected)
{
    json_t *event = written(body, "{\"a\":\"b\"}", 100000), *want = json_loads(expected, 0, NULL);
    if (!json_equal(json_object_get(event, "payload"), want))
        fail_msg("%.*s is not given as %s", LEAT_SLICE_ARG(body), expected);
    assert_string_equal(json_string_value(json_object_get(event, "tenant")), "t\"");
    assert_string_equal(json_string_value(json_object_get(event, "timeBucket")), "20220222190000");
    assert_string_equal(json_string_value(json_object_get(event, "validTime")),
                        "1970-01-01T00:00:00.000001Z");
    json_decref(event);
    json_decref(want);
}

static void payload__is_an_object_whatever_was_sent(void **state)
{
    (void)state;
    check_payload(LEAT_SLICE_LITERAL("{\"a\":[1]}"), "{\"a\":[1]}");
    check_payload(LEAT_SLICE_LITERAL(" [1] "), "{\"data\":[1]}");
    check_payload(LEAT_SLICE_LITERAL("1"), "{\"data\":1}");
    check_payload(LEAT_SLICE_LITERAL("{\"a\":1"), "{\"data\":\"{\\\"a\\\":1\"}");
    check_payload(LEAT_SLICE_LITERAL("},\"b\":{"), "{\"data\":\"},\\\"b\\\":{\"}");
    check_payload(LEAT_SLICE_LITERAL("\xff"), "{\"base64\":\"/w==\"}");
    check_payload(LEAT_SLICE_LITERAL(""), "{\"data\":\"\"}");
}

static void metadata__that_is_no_object_is_left_out(void **state)
{
    (void)state;
    static const char *const BAD[] = {"", "[]", "{", "{},\"x\":1", "7"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        json_t *event = written(LEAT_SLICE_LITERAL("{}"), BAD[i], 100000);
        assert_int_equal(json_object_size(json_object_get(event, "metadata")), 0);
        json_decref(event);
    }
}

/* Escapes may make a text six times as long; base64 never does. */
static void payload__that_grows_too_long_goes_as_base64(void **state)
{
    (void)state;
    static char zeros[10000];
    json_t *event = written(leat_slice_of(zeros, sizeof zeros), "{}", 40000);
    assert_non_null(json_object_get(json_object_get(event, "payload"), "base64"));
    json_decref(event);
    assert_null(written(leat_slice_of(zeros, sizeof zeros), "{}", 8000));
}

static void post__without_an_id_is_none(void **state)
{
    (void)state;
    struct leat_origin origin = {.attr_count = 0};
    struct leat_transaction tx = {.origin = &origin};
    struct leat_event e = {.op = LEAT_OP_POST, .transaction = &tx};
    struct catalog_post post;
    assert_false(catalog_post_read(&e, &post));
    e.op = LEAT_OP_CREATE;
    assert_false(catalog_post_read(&e, &post));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuid__there_and_back),
        cmocka_unit_test(uuid__what_is_none),
        cmocka_unit_test(uuid__order_is_that_of_time),
        cmocka_unit_test(hour__there_and_back),
        cmocka_unit_test(query__what_the_sdk_sends),
        cmocka_unit_test(query__a_cursor_comes_back),
        cmocka_unit_test(query__bounds),
        cmocka_unit_test(payload__is_an_object_whatever_was_sent),
        cmocka_unit_test(metadata__that_is_no_object_is_left_out),
        cmocka_unit_test(payload__that_grows_too_long_goes_as_base64),
        cmocka_unit_test(post__without_an_id_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
