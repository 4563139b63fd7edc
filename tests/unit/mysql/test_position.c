/* The token against texts written down, and its order against plain numbers. */
#include "sources/mysql/position.h"

#include "unit/outcome.h"

static const char TOKEN[] =
    "my1 flavour=mysql server=3e11fa47-71ca-11e1-9e33-c80aa9429562 stamp=1700000000/8.4.3 "
    "id=2873465 uuid=9b1fdd5e-0e1a-4a2b-8a6f-0123456789ab lineage=3e11-65 file=binlog.000007 "
    "position=5368709120 gtids=3e11fa47-71ca-11e1-9e33-c80aa9429562:1-9000 "
    "transaction=3e11fa47-71ca-11e1-9e33-c80aa9429562:9001 rows=12 from_file=binlog.000005 "
    "from_position=4 from_gtids=3e11fa47-71ca-11e1-9e33-c80aa9429562:1-40 parked=2";

static void position__token_comes_back(void **state)
{
    (void)state;
    struct my_position p;
    struct leat_buf text;
    my_position_init(&p);
    leat_buf_init(&text, LEAT_TOKEN_MAX);
    ok(my_position_parse(leat_slice_text(TOKEN), &p, &err));
    assert_false(p.mariadb);
    assert_int_equal(p.id, 2873465);
    assert_string_equal(p.at.file, "binlog.000007");
    assert_true(p.at.position == UINT64_C(5368709120)); /* beyond 32 bits */
    assert_int_equal(p.rows, 12);
    assert_string_equal(p.from.file, "binlog.000005");
    assert_int_equal(p.parked, 2);
    my_position_format(&p, &text);
    assert_string_equal(leat_buf_text(&text), TOKEN);
    leat_buf_release(&text);
    my_position_release(&p);
}

static void position__nothing_is_a_dash(void **state)
{
    (void)state;
    struct my_position p, q;
    struct leat_buf text;
    my_position_init(&p);
    my_position_init(&q);
    leat_buf_init(&text, LEAT_TOKEN_MAX);
    p.mariadb = true;
    my_position_format(&p, &text);
    assert_text_has(leat_buf_text(&text), " gtids=- transaction=- rows=0 from_file=- ");
    ok(my_position_parse(leat_buf_slice(&text), &q, &err));
    assert_true(q.mariadb);
    assert_int_equal(q.gtids.len, 0);
    assert_string_equal(q.transaction, "");
    leat_buf_release(&text);
    my_position_release(&p);
    my_position_release(&q);
}

/* Every prefix and every text with a byte too many is refused. */
static void position__prefixes_and_extensions_are_refused(void **state)
{
    (void)state;
    struct my_position p;
    my_position_init(&p);
    for (size_t len = 0; len + 1 < sizeof TOKEN; len++) {
        struct leat_slice part = {(const uint8_t *)TOKEN, len};
        gives(LEAT_ECONFIG, my_position_parse(part, &p, &err));
    }
    static const char *const BAD[] = {" ", " x=1", "x"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        char longer[sizeof TOKEN + 8];
        snprintf(longer, sizeof longer, "%s%s", TOKEN, BAD[i]);
        gives(LEAT_ECONFIG, my_position_parse(leat_slice_text(longer), &p, &err));
    }
    my_position_release(&p);
}

static void position__numbers_that_wrap_are_refused(void **state)
{
    (void)state;
    struct my_position p;
    my_position_init(&p);
    static const struct {
        const char *good, *bad;
    } SWAPS[] = {
        {"id=2873465", "id=4294967296"}, {"position=5368709120", "position=18446744073709551616"},
        {"rows=12", "rows=-1"},          {"rows=12", "rows="},
        {"parked=2", "parked=2a"},       {"flavour=mysql", "flavour=percona"}};
    for (size_t i = 0; i < sizeof SWAPS / sizeof *SWAPS; i++) {
        char text[sizeof TOKEN + 32];
        const char *at = strstr(TOKEN, SWAPS[i].good);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - TOKEN), TOKEN, SWAPS[i].bad,
                 at + strlen(SWAPS[i].good));
        gives(LEAT_ECONFIG, my_position_parse(leat_slice_text(text), &p, &err));
    }
    my_position_release(&p);
}

static int order(const char *a, uint64_t at_a, const char *b, uint64_t at_b)
{
    struct my_place x = {.position = at_a}, y = {.position = at_b};
    snprintf(x.file, sizeof x.file, "%s", a);
    snprintf(y.file, sizeof y.file, "%s", b);
    int forth = my_place_compare(&x, &y);
    assert_int_equal(forth > 0, my_place_compare(&y, &x) < 0);
    return (forth > 0) - (forth < 0);
}

static void position__places_are_ordered_by_number(void **state)
{
    (void)state;
    assert_int_equal(order("b.000009", 900, "b.000010", 4), -1);
    assert_int_equal(order("b.999999", 900, "b.1000000", 4), -1); /* not as text */
    assert_int_equal(order("b.000009", 4, "b.000009", 4), 0);
    assert_int_equal(order("b.000009", UINT64_C(1) << 33, "b.000009", 5), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(position__token_comes_back),
        cmocka_unit_test(position__nothing_is_a_dash),
        cmocka_unit_test(position__prefixes_and_extensions_are_refused),
        cmocka_unit_test(position__numbers_that_wrap_are_refused),
        cmocka_unit_test(position__places_are_ordered_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
