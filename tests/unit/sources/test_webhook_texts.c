/*
 * What senders write beside the body: targets, times, metadata; and the ids that they are given.
 */
#include "sources/webhook/metadata.h"
#include "sources/webhook/route.h"
#include "sources/webhook/settings.h"
#include "sources/webhook/time_text.h"

#include "unit/outcome.h"

/* --- routes ------------------------------------------------------------------------------------ */

static void route__paths_are_taken_apart(void **state)
{
    (void)state;
    struct route r;
    route_parse("/api/v1/file/acme/shop/report.0/a", &r);
    assert_int_equal(r.kind, ROUTE_FILE);
    assert_string_equal(ROUTE_TENANT(&r), "acme");
    route_parse("/event/acme/shop/order.0/order%20created?key=x&partial=1", &r);
    assert_int_equal(r.kind, ROUTE_EVENT);
    assert_string_equal(ROUTE_TENANT(&r), "acme");
    assert_string_equal(ROUTE_DATA_CORE(&r), "shop");
    assert_string_equal(ROUTE_FLOW_TYPE(&r), "order.0");
    assert_string_equal(ROUTE_EVENT_TYPE(&r), "order created");
    assert_string_equal(r.query, "key=x&partial=1");
    route_parse("/api/v1/events/a/b/c/%C3%A6", &r);
    assert_int_equal(r.kind, ROUTE_EVENTS);
    assert_string_equal(ROUTE_EVENT_TYPE(&r), "\xc3\xa6");
    route_parse("/in/github", &r);
    assert_int_equal(r.kind, ROUTE_IN);
    assert_string_equal(ROUTE_SOURCE(&r), "github");
}

static void route__look_alikes_are_no_route(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "/", "/event", "/event/", "/event/a/b/c", "/event/a/b/c/", "/event/a/b/c/d/", "/event/a/b/c/d/e",
        "/event/a//c/d", "/event/../b/c/d", "/event/a/./c/d", "/event/a/%2e%2e/c/d", "/event/a/b%2fx/c/d",
        "/event/a/b/c/d%00", "/event/a/b/c/%", "/event/a/b/c/%4", "/event/a/b/c/%zz", "/event/a/b/c/%ff",
        "/event/a/b/c/%0a", "/event/a/b/c/%7f", "/event/a/b/c/%5c", "/Event/a/b/c/d", "//event/a/b/c/d",
        "/api/v1event/a/b/c/d", "/api/v2/event/a/b/c/d", "/in/", "/in/a/b", "/in", "/event/a/b/c/%c0%af",
        "/event/a/b/c/%ed%a0%80",
    };
    struct route r;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        route_parse(BAD[i], &r);
        if (r.kind != ROUTE_NONE)
            fail_msg("a route: %s", BAD[i]);
    }
}

static void route__segments_are_bounded(void **state)
{
    (void)state;
    char target[400];
    struct route r;
    for (int len = ROUTE_SEGMENT_MAX; len <= ROUTE_SEGMENT_MAX + 1; len++) {
        snprintf(target, sizeof target, "/in/%0*d", len, 0);
        route_parse(target, &r);
        assert_int_equal(r.kind, len == ROUTE_SEGMENT_MAX ? ROUTE_IN : ROUTE_NONE);
    }
}

static void streams__are_matched_part_by_part(void **state)
{
    (void)state;
    const char *items[] = {"shop/order.0/*", "*/audit.?/login"};
    struct webhook_settings s = {.streams = {items, 2}};
    assert_true(webhook_settings_stream(&s, "shop", "order.0", "anything"));
    assert_true(webhook_settings_stream(&s, "x", "audit.1", "login"));
    assert_false(webhook_settings_stream(&s, "shop", "order.1", "x"));
    assert_false(webhook_settings_stream(&s, "x", "audit.10", "login"));
    s.streams.count = 0;
    assert_true(webhook_settings_stream(&s, "a", "b", "c"));
}

/* --- times -------------------------------------------------------------------------------------- */

static void expect_time(const char *text, int64_t expected)
{
    int64_t us = -1;
    if (!webhook_time_parse(leat_slice_text(text), &us) || us != expected)
        fail_msg("%s gave %lld", text, (long long)us);
}

static void time__is_read(void **state)
{
    (void)state;
    expect_time("1970-01-01T00:00:00Z", 0);
    expect_time("2026-11-21T03:41:35.123Z", 1795232495123000);
    expect_time("2026-11-21T03:41:35.123456789Z", 1795232495123456);
    expect_time("2026-11-21 05:41:35+02:00", 1795232495000000);
    expect_time("2026-11-20T22:41:35-0500", 1795232495000000);
    expect_time("2024-02-29T00:00Z", 1709164800000000);
    expect_time("1969-12-31T23:59:59.5Z", -500000);
}

static void time__nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "", "2026-11-21", "2026-11-21T03:41:35", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-00-10T00:00:00Z",
        "2026-11-21T24:00:00Z", "2026-11-21T00:60:00Z", "2026-11-21T00:00:00.Z", "2026-11-21T00:00:00Zx",
        "1582-01-01T00:00:00Z", "5001-01-01T00:00:00Z", "26-11-21T00:00:00Z", "2026-11-21T00:00:00+24:00", "yesterday",
        "2026-11-21T00:00:00+1", " 2026-11-21T00:00:00Z",
    };
    int64_t us;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        if (webhook_time_parse(leat_slice_text(BAD[i]), &us))
            fail_msg("read: %s", BAD[i]);
}

static void time__epochs_are_told_apart_by_their_size(void **state)
{
    (void)state;
    int64_t us;
    assert_true(webhook_time_parse_epoch(leat_slice_text("1795232495"), &us));
    assert_int_equal(us, 1795232495000000);
    assert_true(webhook_time_parse_epoch(leat_slice_text("1795232495123"), &us));
    assert_int_equal(us, 1795232495123000);
    assert_false(webhook_time_parse_epoch(leat_slice_text("-1"), &us));
    assert_false(webhook_time_parse_epoch(leat_slice_text("12345678901234"), &us));
    assert_false(webhook_time_parse_epoch(leat_slice_text(""), &us));
}

/* Ticks of 100 ns since 1582, as any reader takes them out of the id. */
static uint64_t ticks_of(const uint8_t *u)
{
    uint64_t low = (uint64_t)u[0] << 24 | u[1] << 16 | u[2] << 8 | u[3];
    uint64_t mid = (uint64_t)u[4] << 8 | u[5], high = (uint64_t)(u[6] & 15) << 8 | u[7];
    return high << 48 | mid << 32 | low;
}

static void uuid__is_of_version_1_and_of_its_millisecond(void **state)
{
    (void)state;
    static const int64_t TIMES[] = {0, 1795232495123456, -500001, -1, 1577836800000000};
    for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES; i++) {
        uint8_t id[WEBHOOK_UUID_BYTES];
        webhook_uuid_make(TIMES[i], webhook_uuid_seed(), 7, id);
        assert_int_equal(id[6] >> 4, 1);
        assert_int_equal(id[8] >> 6, 2);
        assert_int_equal(id[10] & 1, 1);
        int64_t ms = (int64_t)(ticks_of(id) / 10000) - INT64_C(12219292800000);
        int64_t floor_ms = TIMES[i] >= 0 ? TIMES[i] / 1000 : -((-TIMES[i] + 999) / 1000);
        assert_int_equal(ms, floor_ms);
    }
}

static void uuid__of_a_request_are_different_and_in_order(void **state)
{
    (void)state;
    uint8_t id[WEBHOOK_UUID_BYTES], before[WEBHOOK_UUID_BYTES] = {0};
    uint64_t seed = webhook_uuid_seed();
    for (uint32_t n = 0; n < 10000; n++) {
        webhook_uuid_make(1795232495123456, seed, n, id);
        assert_true(n == 0 || ticks_of(id) > ticks_of(before));
        assert_true(memcmp(id + 8, before + 8, 8) != 0);
        memcpy(before, id, sizeof id);
    }
    char text[WEBHOOK_UUID_TEXT];
    webhook_uuid_text(id, text);
    assert_int_equal(strlen(text), 36);
    assert_int_equal(text[14], '1');
}

/* --- metadata ----------------------------------------------------------------------------------- */

static void expect_metadata(const char *header, const char *expected)
{
    struct leat_buf buf;
    const char *why = "";
    leat_buf_init(&buf, METADATA_BYTES_MAX);
    unsigned status = metadata_read(header, &buf, &why);
    if (status != (expected ? 0 : 400) || (expected && strcmp(leat_buf_text(&buf), expected) != 0))
        fail_msg("%s gave %u %s %s", header, status, why, leat_buf_text(&buf));
    leat_buf_release(&buf);
}

static void metadata__values_become_text(void **state)
{
    (void)state;
    expect_metadata("eyJhIjoxLCJiIjoieCJ9", "\"a\":\"1\",\"b\":\"x\",");
    expect_metadata("{\"a\": 9007199254740993.0, \"b\":{\"c\":[1, \"d\"]}, \"e\":null}",
                    "\"a\":\"9007199254740993.0\",\"b\":\"{\\\"c\\\":[1, \\\"d\\\"]}\",\"e\":\"null\",");
    expect_metadata("e30=", "");
    expect_metadata("e30", "");
    expect_metadata("{\"producer\":\"me\",\"ingested-at\":\"now\",\"x\":\"y\"}", "\"x\":\"y\",");
}

static void metadata__nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {"eyJhIjoxLCJiIjoieCJ", "!!!!", "W10=", "e", "MQ==", "{\"a\":1", "{} x",
                                      "{\"ttl-on/stored-event\":\"soon\"}", "{\"do-not-archive-on/stored-event\":1}",
                                      "e30==="};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        expect_metadata(BAD[i], NULL);
}

static void metadata__all_forms_of_a_ttl(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"true", "86400", "7", "3600", "7d", "1h30m", "10s", "2d4h"};
    static const char *const BAD[] = {"", "false", "d", "7x", "1h30", "-5", "1.5h", "99999999999999", "7d "};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++)
        assert_true(metadata_ttl_valid(leat_slice_text(GOOD[i])));
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        if (metadata_ttl_valid(leat_slice_text(BAD[i])))
            fail_msg("taken: %s", BAD[i]);
    expect_metadata("{\"ttl-on/stored-event\":3600}", "\"ttl-on/stored-event\":\"3600\",");
}

static void metadata__names_with_escapes_are_the_same_names(void **state)
{
    (void)state;
    expect_metadata("{\"\\u0070roducer\":\"forged\",\"x\":\"y\"}", "\"x\":\"y\",");
    expect_metadata("{\"ttl\\u002don/stored-event\":\"soon\"}", NULL);
    expect_metadata("{\"ttl\\u002don\\/stored-event\":\"7d\"}", "\"ttl-on/stored-event\":\"7d\",");
    expect_metadata("{\"do-not-archive-on\\/stored-event\":true}", "\"do-not-archive-on/stored-event\":\"true\",");
    expect_metadata("{\"ttl-on/stored-event\":\"7d\",\"ttl-on\\/stored-event\":\"8d\"}", NULL);
    expect_metadata("{\"\\u0078\":\"y\",\"\":\"\"}", "\"\\u0078\":\"y\",\"\":\"\",");
}

static void metadata__ours_is_added(void **state)
{
    (void)state;
    struct leat_buf buf;
    struct metadata_own own = {.producer = "key\"1", .ingested_at_us = 1795232495123456, .valid_time_us = 1000000};
    leat_buf_init(&buf, 4096);
    metadata_write(leat_slice_text("\"a\":\"1\","), &own, &buf);
    assert_string_equal(leat_buf_text(&buf),
                        "{\"a\":\"1\",\"producer\":\"key\\\"1\",\"ingested-at\":\"2026-11-21T03:41:35.123456Z\","
                        "\"valid-time-on/stored-event\":\"1970-01-01T00:00:01.000000Z\"}");
    leat_buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(route__paths_are_taken_apart),
        cmocka_unit_test(route__look_alikes_are_no_route),
        cmocka_unit_test(route__segments_are_bounded),
        cmocka_unit_test(streams__are_matched_part_by_part),
        cmocka_unit_test(time__is_read),
        cmocka_unit_test(time__nonsense_is_refused),
        cmocka_unit_test(time__epochs_are_told_apart_by_their_size),
        cmocka_unit_test(uuid__is_of_version_1_and_of_its_millisecond),
        cmocka_unit_test(uuid__of_a_request_are_different_and_in_order),
        cmocka_unit_test(metadata__values_become_text),
        cmocka_unit_test(metadata__nonsense_is_refused),
        cmocka_unit_test(metadata__all_forms_of_a_ttl),
        cmocka_unit_test(metadata__names_with_escapes_are_the_same_names),
        cmocka_unit_test(metadata__ours_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
