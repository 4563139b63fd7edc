/* What a user may set for a MySQL source: the table itself, and settings against each other. */
#include "sources/mysql/settings.h"

#include "unit/outcome.h"

static struct my_settings plain(void)
{
    return (struct my_settings){.host = "127.0.0.1",
                                .port = 3306,
                                .user = "leat",
                                .transaction_memory = 8 << 20,
                                .transaction_max = 64 << 20};
}

static void settings__plain_ones_are_fine(void **state)
{
    (void)state;
    struct my_settings s = plain();
    ok(my_settings_validate(&s, &err));
    s.host = "/run/mysqld/mysqld.sock";
    s.password.env = "SHOP_PASSWORD";
    s.ssl_ca = "/etc/leat/ca.pem";
    s.ssl_cert = "/etc/leat/client.pem";
    s.ssl_key = "/etc/leat/client.key";
    s.spill_directory = "/var/tmp";
    s.accept_server = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    ok(my_settings_validate(&s, &err));
}

static void settings__what_is_wrong_is_named(void **state)
{
    (void)state;
    struct my_settings s = plain();
    s.host = "";
    gives(LEAT_ECONFIG, my_settings_validate(&s, &err));
    assert_text_has(err.text, "host");
    s = plain();
    s.ssl_cert = "/etc/leat/client.pem";
    gives(LEAT_ECONFIG, my_settings_validate(&s, &err));
    assert_string_equal(err.text, "ssl_cert: needs ssl_key too");
    s = plain();
    s.ssl_key = "/etc/leat/client.key";
    gives(LEAT_ECONFIG, my_settings_validate(&s, &err));
    assert_string_equal(err.text, "ssl_key: needs ssl_cert too");
    s = plain();
    s.transaction_max = s.transaction_memory;
    ok(my_settings_validate(&s, &err));
    s.transaction_max--;
    gives(LEAT_ECONFIG, my_settings_validate(&s, &err));
    assert_text_has(err.text, "transaction_max");
    s = plain();
    s.spill_directory = "tmp";
    gives(LEAT_ECONFIG, my_settings_validate(&s, &err));
    assert_text_has(err.text, "spill_directory");
    s = plain();
    s.accept_server = "";
    gives(LEAT_ECONFIG, my_settings_validate(&s, &err));
    assert_text_has(err.text, "accept_server");
}

static void settings__one_way_to_the_password_at_most(void **state)
{
    (void)state;
    for (unsigned ways = 0; ways < 8; ways++) {
        struct my_settings s = plain();
        s.password.file = ways & 1 ? "/etc/leat/p" : NULL;
        s.password.env = ways & 2 ? "P" : NULL;
        s.password.credential = ways & 4 ? "p" : NULL;
        bool fine = ways == 0 || ways == 1 || ways == 2 || ways == 4;
        gives(fine ? LEAT_OK : LEAT_ECONFIG, my_settings_validate(&s, &err));
    }
}

static void settings__patterns_need_their_dots(void **state)
{
    (void)state;
    const char *items[2] = {"shop.*", "orders"};
    struct my_settings s = plain();
    s.filter.tables = (struct leat_strings){items, 1};
    ok(my_settings_validate(&s, &err));
    s.filter.tables.count = 2;
    gives(LEAT_ECONFIG, my_settings_validate(&s, &err));
    assert_text_has(err.text, "tables");
    assert_text_has(err.text, "orders");
    s = plain();
    s.filter.mask_columns = (struct leat_strings){items, 1};
    gives(LEAT_ECONFIG, my_settings_validate(&s, &err));
    assert_text_has(err.text, "mask_columns");
}

static const struct leat_option *option(const char *name)
{
    for (const struct leat_option *o = my_options; o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    fail_msg("there is no option %s", name);
    return NULL;
}

static void settings__the_table_is_whole(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct leat_option *o = my_options; o->name; o++, count++) {
        assert_true(o->offset < sizeof(struct my_settings));
        assert_true(o->doc && strlen(o->doc) > 10 && !strchr(o->doc, '\n'));
        assert_true(o->fallback || o->example); /* conf/leat.yaml can show it */
        assert_true((o->type == LEAT_OPTION_CHOICE) == (o->choices != NULL));
        for (const struct leat_option *other = my_options; other != o; other++) {
            assert_string_not_equal(o->name, other->name);
            assert_int_not_equal(o->offset, other->offset);
        }
    }
    assert_int_equal(count, 31);
    assert_true(option("user")->flags & LEAT_OPTION_REQUIRED);
    assert_string_equal(option("on_gap")->fallback, "stop"); /* never silence (I10) */
    assert_string_equal(option("statements")->fallback, "stop");
    assert_true(option("server_id")->max == UINT32_MAX);
}

static void settings__choices_stand_where_the_code_expects_them(void **state)
{
    (void)state;
    static const struct {
        const char *option;
        int index;
        const char *word;
    } CHOICES[] = {
        {"sslmode", LEAT_TLS_AUTO, "auto"},
        {"sslmode", LEAT_TLS_DISABLE, "disable"},
        {"sslmode", LEAT_TLS_PREFER, "prefer"},
        {"sslmode", LEAT_TLS_REQUIRE, "require"},
        {"sslmode", LEAT_TLS_VERIFY_CA, "verify-ca"},
        {"sslmode", LEAT_TLS_VERIFY_FULL, "verify-full"},
        {"resume", MY_RESUME_AUTO, "auto"},
        {"resume", MY_RESUME_GTID, "gtid"},
        {"resume", MY_RESUME_POSITION, "position"},
        {"schema", MY_SCHEMA_METADATA, "metadata"},
        {"schema", MY_SCHEMA_CATALOGUE, "catalogue"},
        {"zero_dates", MY_ZERO_TEXT, "text"},
        {"zero_dates", MY_ZERO_NULL, "null"},
        {"zero_dates", MY_ZERO_ERROR, "error"},
        {"bad_text", MY_BAD_TEXT_REPLACE, "replace"},
        {"bad_text", MY_BAD_TEXT_ERROR, "error"},
        {"statements", MY_STATEMENTS_STOP, "stop"},
        {"statements", MY_STATEMENTS_WARN, "warn"},
        {"on_gap", LEAT_GAP_STOP, "stop"},
        {"on_gap", LEAT_GAP_RECORD, "record"},
    };
    for (size_t i = 0; i < sizeof CHOICES / sizeof *CHOICES; i++)
        assert_string_equal(option(CHOICES[i].option)->choices[CHOICES[i].index], CHOICES[i].word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings__plain_ones_are_fine),
        cmocka_unit_test(settings__what_is_wrong_is_named),
        cmocka_unit_test(settings__one_way_to_the_password_at_most),
        cmocka_unit_test(settings__patterns_need_their_dots),
        cmocka_unit_test(settings__the_table_is_whole),
        cmocka_unit_test(settings__choices_stand_where_the_code_expects_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
