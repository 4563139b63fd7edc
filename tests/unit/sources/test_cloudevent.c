/*
 * CloudEvents in their JSON form and in headers: what the specification's examples say, and what is
 * none.
 */
#include "sources/webhook/cloudevent.h"
#include "sources/webhook/json_scan.h"

#include "unit/outcome.h"

static struct leat_arena arena;

static const char *read_text(const char *json, struct cloudevent *ret_event)
{
    size_t at;
    assert_true(json_check(leat_slice_text(json), &at));
    return cloudevent_read(leat_slice_text(json), &arena, ret_event);
}

static void assert_slice(struct leat_slice slice, const char *text)
{
    assert_int_equal(slice.len, strlen(text));
    assert_memory_equal(slice.ptr, text, slice.len);
}

static void mode__is_told_by_the_head(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        int required;
        enum cloudevent_mode mode;
    } CASES[] = {{NULL, 0, CLOUDEVENT_NONE},
                 {"application/json", 3, CLOUDEVENT_NONE},
                 {"application/json", 4, CLOUDEVENT_BINARY},
                 {NULL, 4, CLOUDEVENT_BINARY},
                 {"Application/CloudEvents+JSON; charset=utf-8", 4, CLOUDEVENT_STRUCTURED},
                 {"application/cloudevents+json", 0, CLOUDEVENT_STRUCTURED},
                 {"application/cloudevents-batch+json", 0, CLOUDEVENT_BATCHED},
                 {"application/cloudevents+avro", 0, CLOUDEVENT_UNKNOWN},
                 {"application/cloudevents+jsonx", 0, CLOUDEVENT_UNKNOWN},
                 {"application/cloudevents", 0, CLOUDEVENT_UNKNOWN},
                 {"application/cloudevents-batch+xml", 4, CLOUDEVENT_UNKNOWN}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_int_equal(cloudevent_mode_of(CASES[i].type, CASES[i].required), CASES[i].mode);
}

static void json__attributes_are_read(void **state)
{
    (void)state;
    struct cloudevent e;
    assert_null(read_text("{\"specversion\":\"1.0\",\"type\":\"com.example.\\u00e6\",\"source\":\"/a\",\"id\":\"A-1\","
                          "\"time\":\"1970-01-01T00:00:01Z\",\"subject\":\"s\",\"other\":7,\"data\":{\"id\":1}}", &e));
    assert_slice(e.id, "A-1");
    assert_slice(e.source, "/a");
    assert_slice(e.type, "com.example.\xc3\xa6");
    assert_slice(e.subject, "s");
    assert_int_equal(e.time_us, 1000000);
    assert_null(read_text("{\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"s\",\"id\":\"i\",\"subject\":null}", &e));
    assert_int_equal(e.subject.len, 0);
    assert_int_equal(e.time_us, 0);
}

static void json__what_is_none_is_refused(void **state)
{
    (void)state;
#define REST "\"type\":\"t\",\"source\":\"s\""
    static const char *const BAD[] = {
        "1", "[]", "{}", "{\"specversion\":\"1.0\",\"id\":\"i\",\"type\":\"t\"}", "{" REST ",\"id\":\"i\"}",
        "{\"specversion\":\"0.3\",\"id\":\"i\"," REST "}", "{\"specversion\":1.0,\"id\":\"i\"," REST "}",
        "{\"specversion\":\"1.0\",\"id\":\"\"," REST "}", "{\"specversion\":\"1.0\",\"id\":1," REST "}",
        "{\"specversion\":\"1.0\",\"id\":null," REST "}", "{\"specversion\":\"1.0\",\"id\":\"i\",\"id\":\"j\"," REST "}",
        "{\"specversion\":\"1.0\",\"id\":\"i\",\"time\":\"soon\"," REST "}",
        "{\"specversion\":\"1.0\",\"id\":\"i\",\"data\":1,\"data_base64\":\"\"," REST "}",
    };
    struct cloudevent e;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        if (!read_text(BAD[i], &e))
            fail_msg("a CloudEvent: %s", BAD[i]);
}

static const char *read_headers(const char *const (*pairs)[2], size_t count, struct cloudevent_headers *h)
{
    cloudevent_headers_init(h, &arena);
    for (size_t i = 0; i < count && pairs[i][0]; i++)
        cloudevent_headers_add(h, pairs[i][0], pairs[i][1]);
    return cloudevent_headers_end(h);
}

#define FOUR {"ce-id", "1"}, {"ce-source", "/s"}, {"ce-type", "t"}, {"ce-specversion", "1.0"}

static void headers__are_unquoted_and_unescaped_once(void **state)
{
    (void)state;
    static const char *const PAIRS[][2] = {{"Host", "x"}, {"CE-Id", "\"a \\\"b\""}, {"ce-source", "Euro%20%E2%82%AC%2541"},
                                           {"ce-type", "100%"}, {"ce-specversion", "1.0"}, {"ce-Ext1", "x%"},
                                           {"ce-time", "1970-01-01T00:00:01Z"}};
    struct cloudevent_headers h;
    assert_null(read_headers(PAIRS, sizeof PAIRS / sizeof *PAIRS, &h));
    assert_slice(h.event.id, "a \"b");
    assert_slice(h.event.source, "Euro \xe2\x82\xac%41");
    assert_slice(h.event.type, "100%");
    assert_int_equal(h.event.time_us, 1000000);
    assert_string_equal(leat_buf_text(&h.metadata),
                        "\"ce-id\":\"a \\\"b\",\"ce-source\":\"Euro \xe2\x82\xac%41\",\"ce-type\":\"100%\","
                        "\"ce-specversion\":\"1.0\",\"ce-ext1\":\"x%\",\"ce-time\":\"1970-01-01T00:00:01Z\",");
    leat_buf_release(&h.metadata);
}

static void headers__what_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[][5][2] = {
        {FOUR, {"CE-ID", "2"}},
        {FOUR, {"ce-x", "%ff"}},
        {FOUR, {"ce-x", "a%00b"}},
        {FOUR, {"ce-x_y", "1"}},
        {FOUR, {"ce-", "1"}},
        {FOUR, {"ce-time", "1"}},
        {FOUR, {"ce-datacontenttype", "text/plain"}},
        {{"ce-id", "\"\""}, {"ce-source", "/s"}, {"ce-type", "t"}, {"ce-specversion", "1.0"}},
        {{"ce-id", "1"}, {"ce-source", "/s"}, {"ce-type", "t"}, {"ce-specversion", "2.0"}},
        {{"ce-id", "1"}, {"ce-source", "/s"}, {"ce-type", "t"}},
    };
    struct cloudevent_headers h;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        if (!read_headers(BAD[i], 5, &h))
            fail_msg("a CloudEvent: %zu", i);
        leat_buf_release(&h.metadata);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mode__is_told_by_the_head),
        cmocka_unit_test(json__attributes_are_read),
        cmocka_unit_test(json__what_is_none_is_refused),
        cmocka_unit_test(headers__are_unquoted_and_unescaped_once),
        cmocka_unit_test(headers__what_is_none_is_refused),
    };
    leat_arena_init(&arena, 1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    leat_arena_release(&arena);
    return failed;
}
