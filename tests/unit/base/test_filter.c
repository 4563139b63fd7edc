/* Which tables and columns are taken: the globs as a table of cases, and against a glob that is
 * slow and plain. */
#include <leat/filter.h>

#include "unit/event/event_model.h"

static struct leat_slice text(const char *s)
{
    return leat_slice_text(s);
}

static bool table_taken(const char *pattern, const char *schema, const char *table)
{
    struct leat_filter s = {.tables = {&pattern, 1}};
    return leat_filter_table(&s, text(schema), text(table));
}

static void filter__table_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *schema, *table;
        bool taken;
    } CASES[] = {
        {"public.orders", "public", "orders", true},
        {"public.orders", "public", "order", false},
        {"public.orders", "public", "orders2", false},
        {"public.orders", "Public", "orders", false}, /* names are what they are */
        {"public.orders", "publi", "corders", false},
        {"public.*", "public", "orders", true},
        {"public.*", "public", "", true},
        {"public.*", "public2", "orders", false},
        {"*.*", "any", "thing", true},
        {"*.orders", "a", "orders", true},
        {"public.order_*", "public", "order_items", true},
        {"public.order_*", "public", "order_", true},
        {"public.order_*", "public", "order", false},
        {"public.*_2026", "public", "log_2026_2026", true},
        {"public.*_2026", "public", "log_2026_2027", false},
        {"public.a*b*c", "public", "aXbYbc", true},
        {"public.a*b*c", "public", "aXbYb", false},
        {"public.a**c", "public", "ac", true},
        {"public.*", "", "orders", false},
        {"*.orders", "", "orders", true},
        {"public.with.dots", "public", "with.dots", true}, /* the first dot separates */
        {"public.*", "public", "with.dots", true},
        {"public.order?", "public", "orders", false}, /* only the star is special */
        {"public.[a-z]", "public", "a", false},
        {"public.заказ*", "public", "заказы", true},
        {"public.", "public", "orders", false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        if (table_taken(CASES[i].pattern, CASES[i].schema, CASES[i].table) != CASES[i].taken)
            fail_msg("\"%s\" with %s.%s", CASES[i].pattern, CASES[i].schema, CASES[i].table);
}

static void filter__schemas_that_may_have_a_table(void **state)
{
    (void)state;
    const char *some[] = {"shop.*", "log.a*"}, *none[] = {"tmp.*", "shop.x"};
    struct leat_filter all = {.exclude_tables = {none, 2}}, few = {.tables = {some, 2}};
    assert_true(leat_filter_schema(&all, text("any")));
    assert_true(leat_filter_schema(&all, text("shop")));
    assert_false(leat_filter_schema(&all, text("tmp")));
    assert_true(leat_filter_schema(&few, text("log")));
    assert_false(leat_filter_schema(&few, text("other")));
}

static void filter__without_tables_all_are_taken_but_the_excluded(void **state)
{
    (void)state;
    const char *exclude[] = {"public.audit_*", "tmp.*"};
    const char *tables[] = {"public.*"};
    struct leat_filter s = {.exclude_tables = {exclude, 2}};
    assert_true(leat_filter_table(&s, text("public"), text("orders")));
    assert_true(leat_filter_table(&s, text("other"), text("orders")));
    assert_false(leat_filter_table(&s, text("public"), text("audit_log")));
    assert_false(leat_filter_table(&s, text("tmp"), text("x")));
    s.tables = (struct leat_strings){tables, 1};
    assert_true(leat_filter_table(&s, text("public"), text("orders")));
    assert_false(leat_filter_table(&s, text("other"), text("orders")));
    assert_false(leat_filter_table(&s, text("public"), text("audit_log"))); /* exclusion wins */
}

static void filter__column_rules(void **state)
{
    (void)state;
    const char *include[] = {"public.users.id", "public.users.name*"};
    const char *exclude[] = {"public.users.name_secret", "*.*.password"};
    const char *mask[] = {"*.*.ssn", "public.users.name2", "*.*.password"};
    struct leat_filter s = {.include_columns = {include, 2},
                            .exclude_columns = {exclude, 2},
                            .mask_columns = {mask, 3}};
    static const struct {
        const char *schema, *table, *column;
        enum leat_column_rule rule;
    } CASES[] = {
        {"public", "users", "id", LEAT_COLUMN_KEEP},
        {"public", "users", "name", LEAT_COLUMN_KEEP},
        {"public", "users", "name2", LEAT_COLUMN_MASK},
        {"public", "users", "name_secret", LEAT_COLUMN_DROP},
        {"public", "users", "email", LEAT_COLUMN_DROP},  /* the table is listed, the column not */
        {"public", "users", "ssn", LEAT_COLUMN_DROP},    /* not included: nothing left to mask */
        {"public", "orders", "email", LEAT_COLUMN_KEEP}, /* no pattern names the table */
        {"public", "orders", "ssn", LEAT_COLUMN_MASK},
        {"public", "orders", "password", LEAT_COLUMN_DROP}, /* dropped and masked: dropped */
        {"other", "users", "email", LEAT_COLUMN_KEEP},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_int_equal(leat_filter_column(&s, text(CASES[i].schema), text(CASES[i].table),
                                          text(CASES[i].column)),
                         CASES[i].rule);
}

static void filter__without_rules_every_column_is_kept(void **state)
{
    (void)state;
    struct leat_filter s = {.tables = {NULL, 0}};
    assert_int_equal(leat_filter_column(&s, text("a"), text("b"), text("c")), LEAT_COLUMN_KEEP);
    assert_true(leat_filter_table(&s, text("a"), text("b")));
}

/* By recursion, as one would write it on paper. */
static bool plain_glob(const char *pattern, const char *name)
{
    if (!*pattern)
        return !*name;
    if (*pattern == '*')
        return plain_glob(pattern + 1, name) || (*name && plain_glob(pattern, name + 1));
    return *pattern == *name && plain_glob(pattern + 1, name + 1);
}

static void filter__agrees_with_a_plain_glob(void **state)
{
    (void)state;
    struct chance c = chance_of(800);
    unsigned taken = 0;
    for (unsigned i = 0; i < 50000; i++) {
        char pattern[16] = "s.", name[12] = "";
        for (uint64_t n = below(&c, 8), at = 2; n > 0; n--)
            pattern[at++] = "aab*"[below(&c, 4)];
        for (uint64_t n = below(&c, 9), at = 0; n > 0; n--)
            name[at++] = "aab"[below(&c, 3)];
        bool expected = plain_glob(pattern + 2, name);
        assert_int_equal(table_taken(pattern, "s", name), expected);
        taken += expected;
    }
    assert_true(taken > 1000);
}

static void filter__many_stars_do_not_take_for_ever(void **state)
{
    (void)state;
    char name[1001];
    memset(name, 'a', 1000);
    name[1000] = '\0';
    assert_false(table_taken("s.a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", "s", name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filter__table_patterns),
        cmocka_unit_test(filter__schemas_that_may_have_a_table),
        cmocka_unit_test(filter__without_tables_all_are_taken_but_the_excluded),
        cmocka_unit_test(filter__column_rules),
        cmocka_unit_test(filter__without_rules_every_column_is_kept),
        cmocka_unit_test(filter__agrees_with_a_plain_glob),
        cmocka_unit_test(filter__many_stars_do_not_take_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
