/* What a user may set for a Postgres source: the table itself, and settings against each other. */
#include "sources/postgres/settings.h"

#include "unit/outcome.h"

static struct pg_settings plain(void)
{
    return (struct pg_settings){
        .host = "/var/run/postgresql", .port = 5432, .database = "shop", .user = "leat"};
}

static void settings__plain_ones_are_fine(void **state)
{
    (void)state;
    struct pg_settings s = plain();
    ok(pg_settings_validate(&s, &err));
    s.slot = "leat_shop_2";
    s.publication = "Any Name";
    s.password.env = "SHOP_PASSWORD";
    ok(pg_settings_validate(&s, &err));
}

static void settings__names_must_fit_the_server(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",          "Leat",
        "leat-shop", "leat shop",
        "leat;drop", "slöt",
        "\"leat\"",  "a23456789012345678901234567890123456789012345678901234567890123_"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct pg_settings s = plain();
        s.slot = BAD[i];
        gives(LEAT_ECONFIG, pg_settings_validate(&s, &err));
        assert_text_has(err.text, "slot");
    }
    struct pg_settings s = plain();
    s.slot = "a23456789012345678901234567890123456789012345678901234567890123"; /* 63 bytes */
    ok(pg_settings_validate(&s, &err));
    s.publication = BAD[7];
    gives(LEAT_ECONFIG, pg_settings_validate(&s, &err));
    assert_text_has(err.text, "publication");
    s.publication = "";
    gives(LEAT_ECONFIG, pg_settings_validate(&s, &err));
}

static void settings__one_way_to_the_password_at_most(void **state)
{
    (void)state;
    for (unsigned ways = 0; ways < 8; ways++) {
        struct pg_settings s = plain();
        s.password.file = ways & 1 ? "/etc/leat/p" : NULL;
        s.password.env = ways & 2 ? "P" : NULL;
        s.password.credential = ways & 4 ? "p" : NULL;
        bool fine = ways == 0 || ways == 1 || ways == 2 || ways == 4;
        gives(fine ? LEAT_OK : LEAT_ECONFIG, pg_settings_validate(&s, &err));
    }
}

static void settings__patterns_need_their_dots(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        const char *key, *good, *bad;
    } LISTS[] = {
        {offsetof(struct pg_settings, filter.tables), "tables", "public.*", "orders"},
        {offsetof(struct pg_settings, filter.exclude_tables), "exclude_tables", "*.a.b", "*"},
        {offsetof(struct pg_settings, filter.include_columns), "include_columns", "public.a.b",
         "public.a"},
        {offsetof(struct pg_settings, filter.exclude_columns), "exclude_columns", "*.*.password",
         "password"},
        {offsetof(struct pg_settings, filter.mask_columns), "mask_columns", "*.*.ssn", "users.ssn"},
    };
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        struct pg_settings s = plain();
        const char *items[2] = {LISTS[i].good, LISTS[i].good};
        struct leat_strings list = {items, 2};
        memcpy((char *)&s + LISTS[i].offset, &list, sizeof list);
        ok(pg_settings_validate(&s, &err));
        items[1] = LISTS[i].bad;
        gives(LEAT_ECONFIG, pg_settings_validate(&s, &err));
        assert_int_equal(strncmp(err.text, LISTS[i].key, strlen(LISTS[i].key)), 0);
        assert_text_has(err.text, LISTS[i].bad);
    }
}

static void settings__names_default_to_the_instance(void **state)
{
    (void)state;
    char name[PG_NAME_BYTES];
    pg_settings_name(NULL, "shop", name);
    assert_string_equal(name, "leat_shop");
    pg_settings_name("mine", "shop", name);
    assert_string_equal(name, "mine");
}

static const struct leat_option *option(const char *name)
{
    for (const struct leat_option *o = pg_options; o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    fail_msg("there is no option %s", name);
    return NULL;
}

static void settings__the_table_is_whole(void **state)
{
    (void)state;
    for (const struct leat_option *o = pg_options; o->name; o++) {
        assert_true(o->offset < sizeof(struct pg_settings));
        assert_true(o->doc && strlen(o->doc) > 10 && !strchr(o->doc, '\n'));
        assert_true(o->fallback || o->example); /* conf/leat.yaml can show it */
        assert_true((o->type == LEAT_OPTION_CHOICE) == (o->choices != NULL));
        for (const struct leat_option *other = pg_options; other != o; other++) {
            assert_string_not_equal(o->name, other->name);
            assert_int_not_equal(o->offset, other->offset);
        }
    }
    assert_true(option("database")->flags & LEAT_OPTION_REQUIRED);
    assert_string_equal(option("sslmode")->choices[LEAT_TLS_VERIFY_FULL], "verify-full");
    assert_string_equal(option("format")->choices[PG_FORMAT_TEXT], "text");
    assert_string_equal(option("partitions")->choices[PG_PARTITIONS_ROOT], "root");
    assert_string_equal(option("on_gap")->choices[LEAT_GAP_RECORD], "record");
    assert_string_equal(option("on_gap")->fallback,
                        "stop"); /* silence is never the default (I10) */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings__plain_ones_are_fine),
        cmocka_unit_test(settings__names_must_fit_the_server),
        cmocka_unit_test(settings__one_way_to_the_password_at_most),
        cmocka_unit_test(settings__patterns_need_their_dots),
        cmocka_unit_test(settings__names_default_to_the_instance),
        cmocka_unit_test(settings__the_table_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
