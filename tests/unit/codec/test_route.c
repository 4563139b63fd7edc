/* Topics: what a template gives, that no two names give the same, and what a template may not have.
 */
#include "codec/route.h"
#include "codec/select.h"

#include "fixture.h"

static const char *topic(struct fixture *f, const char *template)
{
    f->buf.len = 0;
    leat_route_write(template, "shop", &f->event, &f->buf);
    return leat_buf_text(&f->buf);
}

static void route__names_stand_in_place_of_braces(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f);
    leat_buf_init(&f.buf, 1 << 16);
    assert_string_equal(topic(&f, "{source}.{schema}.{table}"), "shop.public.customers");
    assert_string_equal(topic(&f, "all"), "all");
    assert_string_equal(topic(&f, "{op}.{database}.x"), "create.postgres.x");
    f.relation.schema = TEXT("");
    assert_string_equal(topic(&f, "{source}.{schema}.{table}"), "shop.postgres.customers");
    f.event.relation = NULL;
    f.event.topic = TEXT("order.paid");
    assert_string_equal(topic(&f, "{source}.{schema}.{table}"), "shop");
    assert_string_equal(topic(&f, "{source}.{type}"), "shop.order-2epaid");
    leat_buf_release(&f.buf);
}

static void route__hostile_names_stay_apart_and_legal(void **state)
{
    static const struct {
        const char *schema, *table;
    } NAMES[] = {{"a.b", "c"},      {"a", "b.c"},   {"A", "b_c"},
                 {"a", "b_c"},      {"a-2e", "b"},  {"a.", "b"},
                 {"a", ".b"},       {"a b", "c\n"}, {"a", "\"; drop table x;--"},
                 {"\xc3\xa4", "x"}, {"ae", "x"},    {"a", "-"},
                 {"a", "--"}};
    enum { COUNT = sizeof NAMES / sizeof *NAMES };
    char topics[COUNT][200];
    struct fixture f;
    (void)state;
    fixture_init(&f);
    leat_buf_init(&f.buf, 1 << 16);
    for (size_t i = 0; i < COUNT; i++) {
        f.relation.schema = leat_slice_text(NAMES[i].schema);
        f.relation.table = leat_slice_text(NAMES[i].table);
        snprintf(topics[i], sizeof topics[i], "%s", topic(&f, "{source}.{schema}.{table}"));
        assert_int_equal(
            strspn(topics[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"),
            strlen(topics[i]));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(topics[i], topics[k]);
    }
    leat_buf_release(&f.buf);
}

static void route__a_wrong_template_is_refused(void **state)
{
    static const char *const BAD[] = {"",    "{tabel}",          "{table", "a b",
                                      "a-b", "{source}/{table}", "a}"};
    struct leat_err e;
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_int_equal(leat_route_check(BAD[i], &e), LEAT_ECONFIG);
    assert_int_equal(leat_route_check("x_1.{source}.{op}{type}{tenant}", &e), LEAT_OK);
}

static void select__tables_fit_with_and_without_a_schema(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f);
    assert_true(leat_select_table("public.*", &f.relation) &&
                leat_select_table("cust*", &f.relation));
    assert_false(leat_select_table("postgres.customers", &f.relation) ||
                 leat_select_table("public.x", &f.relation));
    assert_false(leat_select_table("*", NULL));
    f.relation.schema = TEXT("");
    assert_true(leat_select_table("postgres.customers", &f.relation));
    assert_true(leat_select_type(TEXT("create"), &f.event));
    assert_false(leat_select_type(TEXT("*"), &f.event)); /* no event type */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(route__names_stand_in_place_of_braces),
        cmocka_unit_test(route__hostile_names_stay_apart_and_legal),
        cmocka_unit_test(route__a_wrong_template_is_refused),
        cmocka_unit_test(select__tables_fit_with_and_without_a_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
