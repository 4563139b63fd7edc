/*
 * What a reader may ask for, what is refused, and what fits; cursors there and back.
 */
#include "feed/query.h"

#include "unit/outcome.h"

static const int64_t NOW_US = INT64_C(1800000000000000);

static const char *parse(const char *target, struct feed_query *q)
{
    return feed_query_parse(target, NOW_US, q);
}

static void query__path(void **state)
{
    (void)state;
    assert_true(feed_query_path("/v1/events") && feed_query_path("/v1/events?") && feed_query_path("/v1/events?a=b"));
    assert_false(feed_query_path("/v1/eventsx") || feed_query_path("/v1/events/") || feed_query_path("/v1/event"));
}

static void query__defaults(void **state)
{
    (void)state;
    struct feed_query q;
    assert_null(parse("/v1/events", &q));
    assert_null(parse("/v1/events?", &q));
    assert_null(parse("/v1/events?&key=fc_a_b&access_token=x&", &q));
    assert_int_equal(q.after, FEED_AFTER_START);
    assert_int_equal(q.limit, FEED_LIMIT_DEFAULT);
    assert_int_equal(q.wait_ms, 0);
    assert_string_equal(q.form->name, "native");
    assert_true(!q.source[0] && !q.table[0] && !q.type[0] && !q.tenant[0] && !q.from_us && !q.to_us);
}

static void query__everything_at_once(void **state)
{
    (void)state;
    struct feed_query q;
    assert_null(parse("/v1/events?after=end&source=a%2eb&table=public.*&type=create,order%2A&tenant=t+1&limit=10000"
                      "&wait=60s&format=debezium&from=10m&to=2027-01-15T08:00:00+01:00",
                      &q));
    assert_int_equal(q.after, FEED_AFTER_END);
    assert_string_equal(q.source, "a.b");
    assert_string_equal(q.table, "public.*");
    assert_string_equal(q.type, "create,order*");
    assert_string_equal(q.tenant, "t+1");
    assert_int_equal(q.limit, 10000);
    assert_int_equal(q.wait_ms, 60000);
    assert_string_equal(q.form->name, "debezium");
    assert_true(q.from_us == NOW_US - INT64_C(600000000));
    assert_true(q.to_us == INT64_C(1799996400000000));
}

static void query__a_reader_has_a_name(void **state)
{
    (void)state;
    struct feed_query q;
    assert_null(parse("/v1/events?reader=shop.mirror-2&after=end", &q));
    assert_string_equal(q.reader, "shop.mirror-2");
    assert_int_equal(q.after, FEED_AFTER_END);
    assert_null(parse("/v1/events", &q));
    assert_string_equal(q.reader, "");
    assert_non_null(parse("/v1/events?reader=a%20b", &q));
    assert_non_null(parse("/v1/events?reader=a&reader=a", &q));
}

static void query__what_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "x=1",     "after",     "after=",     "after=1",      "limit=0",    "limit=-1",    "limit=10001",
        "limit=",  "limit=1 ",  "wait=1",     "wait=61s",     "wait=s",     "wait=1m",     "wait=99999999999999999999s",
        "from=x",  "to=",       "format=xml", "source=%",     "source=%0",  "source=%00",  "source=%gg",
        "Limit=1", "limit=1&limit=1", "=1",   "=",            "limit",      "limit=1x",    "after=Start"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        char target[100];
        struct feed_query q;
        snprintf(target, sizeof target, "/v1/events?%s", BAD[i]);
        if (!parse(target, &q))
            fail_msg("%s was taken", target);
    }
}

static void query__a_value_has_a_longest(void **state)
{
    (void)state;
    char target[400];
    struct feed_query q;
    snprintf(target, sizeof target, "/v1/events?source=%0*d", FEED_PATTERN_MAX, 1);
    assert_null(parse(target, &q));
    snprintf(target, sizeof target, "/v1/events?source=%0*d", FEED_PATTERN_MAX + 1, 1);
    assert_non_null(parse(target, &q));
}

static bool glob(const char *pattern, const char *text)
{
    return feed_glob(leat_slice_text(pattern), leat_slice_text(text));
}

static void glob__stars(void **state)
{
    (void)state;
    assert_true(glob("", "") && glob("*", "") && glob("*", "abc") && glob("a*c", "abbc") && glob("a*c", "ac"));
    assert_true(glob("*b*", "abc") && glob("a**c", "abc") && glob("*ab", "aab") && glob("?", "?"));
    assert_false(glob("", "a") || glob("a", "") || glob("a*c", "ab") || glob("?", "a") || glob("*ab", "aba"));
    char text[4000], pattern[255];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = i % 2 ? 'a' : '*';
    pattern[sizeof pattern - 2] = 'b'; /* exponential where all is tried */
    assert_false(feed_glob(leat_slice_of(pattern, sizeof pattern), leat_slice_of(text, sizeof text)));
}

static void fits__type_and_table(void **state)
{
    (void)state;
    struct leat_schema users = {.schema = LEAT_SLICE_LITERAL("public"), .table = LEAT_SLICE_LITERAL("users")};
    struct leat_event row = {.op = LEAT_OP_CREATE, .relation = &users};
    struct leat_event post = {.op = LEAT_OP_POST, .topic = LEAT_SLICE_LITERAL("order.created.0")};
    struct {
        const char *query;
        bool row, post;
    } cases[] = {{"type=create", true, false},         {"type=post", false, true},
                 {"type=create,post", true, true},     {"type=order.*", false, true},
                 {"type=*", false, true},              {"type=creat*", false, false},
                 {"type=delete,", false, false},       {"table=users", true, false},
                 {"table=public.*", true, false},      {"table=other.users", false, false},
                 {"table=*", true, false},             {"source=s", true, true},
                 {"source=S", false, false},           {"table=u*&type=create", true, false},
                 {"table=u*&type=delete", false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char target[100];
        struct feed_query q;
        snprintf(target, sizeof target, "/v1/events?%s", cases[i].query);
        assert_null(parse(target, &q));
        if (feed_query_wants(&q, "s", &row) != cases[i].row || feed_query_wants(&q, "s", &post) != cases[i].post)
            fail_msg("%s", cases[i].query);
    }
}

static void cursor__there_and_back(void **state)
{
    (void)state;
    static const uint64_t SEQUENCES[] = {0, 1, 255, 256, UINT64_C(0x0123456789abcdef), UINT64_MAX};
    for (size_t i = 0; i < sizeof SEQUENCES / sizeof *SEQUENCES; i++) {
        struct feed_cursor from = {0xdeadbeef, SEQUENCES[i]}, to;
        char text[FEED_CURSOR_TEXT], longer[FEED_CURSOR_TEXT + 1];
        feed_cursor_text(&from, text);
        assert_int_equal(strlen(text), FEED_CURSOR_TEXT - 1);
        assert_true(feed_cursor_parse(text, &to) && to.store == from.store && to.sequence == from.sequence);
        snprintf(longer, sizeof longer, "%sA", text);
        assert_false(feed_cursor_parse(longer, &to));
        for (size_t len = strlen(text); len--;) {
            text[len] = '\0';
            assert_false(feed_cursor_parse(text, &to));
        }
    }
}

static void cursor__what_is_none(void **state)
{
    (void)state;
    struct feed_cursor c;
    assert_false(feed_cursor_parse("B0000000000000000", &c));
    assert_false(feed_cursor_parse("A000000000000000+", &c));
    assert_false(feed_cursor_parse("A000000000000000=", &c));
    struct feed_query q;
    assert_null(parse("/v1/events?after=A0000000000000000", &q));
    assert_int_equal(q.after, FEED_AFTER_CURSOR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(query__path),          cmocka_unit_test(query__defaults),
        cmocka_unit_test(query__everything_at_once), cmocka_unit_test(query__what_is_refused),
        cmocka_unit_test(query__a_reader_has_a_name),
        cmocka_unit_test(query__a_value_has_a_longest), cmocka_unit_test(glob__stars),
        cmocka_unit_test(fits__type_and_table), cmocka_unit_test(cursor__there_and_back),
        cmocka_unit_test(cursor__what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
