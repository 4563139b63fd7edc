/*
 * Good files: what is written arrives typed, what is not written has its default; and what a reload
 * would change.
 */
#include "unit/config/sample_types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct leat_config *parse(const char *text)
{
    struct leat_config_problems problems;
    leat_config_problems_init(&problems);
    struct leat_config *config = NULL;
    struct leat_err err;
    int status =
        leat_config_parse("f", leat_slice_text(text), TYPES, TYPE_COUNT, &config, &problems, &err);
    if (status)
        print_error("%s\n", err.text);
    assert_int_equal(status, LEAT_OK);
    assert_int_equal(problems.count, 0);
    leat_config_problems_release(&problems);
    return config;
}

static const char FULL[] = "shutdown_timeout: 2500ms\n"
                           "store:\n"
                           "  path: '/srv/leat: it''s here'\n"
                           "  segment_size: 256 MiB\n"
                           "  segment_age: 12h\n"
                           "  map_size: 1TB\n"
                           "  quota: 500GB\n"
                           "  low_water: \"0\"\n"
                           "  compression: none\n"
                           "  compression_level: -3\n"
                           "http: {listen: off}\n"
                           "log: {level: debug, format: json}\n"
                           "sources:\n"
                           "  shop:\n"
                           "    type: river\n"
                           "    host: river.example\n"
                           "    port: 6543\n"
                           "    publication: \"caf\\u00e9\"\n"
                           "    token: null-ish\n"
                           "    create: true\n"
                           "    row_max: 2000000\n"
                           "    confirm_interval: 1m\n"
                           "    mode: text\n"
                           "    tables: [public.*, \"a b\", '']\n"
                           "    skip: []\n"
                           "    offset: -9223372036854775808\n"
                           "  pond_2: {type: pond}\n";

static void good_file__settings_of_the_daemon_arrive_typed(void **state)
{
    (void)state;
    struct leat_config *config = parse(FULL);
    const struct leat_settings *s = leat_config_settings(config);
    assert_int_equal(s->shutdown_timeout_ms, 2500);
    assert_string_equal(s->store.path, "/srv/leat: it's here");
    assert_int_equal(s->store.segment_bytes, 268435456);
    assert_int_equal(s->store.segment_age_ms, 43200000);
    assert_int_equal(s->store.map_bytes, 1000000000000);
    assert_int_equal(s->store.quota_bytes, 500000000000);
    assert_int_equal(s->store.low_water_bytes, 0);
    assert_int_equal(s->store.compression, LEAT_SETTINGS_NONE);
    assert_int_equal(s->store.compression_level, -3);
    assert_string_equal(s->http.listen, "off");
    assert_int_equal(s->log.level, 0);
    assert_int_equal(s->log.format, 1);
    leat_config_free(config);
}

static void good_file__settings_of_a_source_arrive_typed(void **state)
{
    (void)state;
    struct leat_config *config = parse(FULL);
    assert_int_equal(leat_config_instance_count(config), 2);
    const struct leat_config_instance *shop = leat_config_instance_at(config, 0);
    const struct river *r = shop->ctx;
    assert_string_equal(shop->name, "shop");
    assert_string_equal(shop->type->name, "river");
    assert_int_equal(shop->line, 14);
    assert_string_equal(r->host, "river.example");
    assert_int_equal(r->port, 6543);
    assert_string_equal(r->publication, "caf\303\251");
    assert_string_equal(r->token, "null-ish");
    assert_true(r->create);
    assert_int_equal(r->row_bytes_max, 2000000);
    assert_int_equal(r->confirm_interval_ms, 60000);
    assert_int_equal(r->mode, 2);
    assert_int_equal(r->tables.count, 3);
    assert_string_equal(r->tables.items[0], "public.*");
    assert_string_equal(r->tables.items[1], "a b");
    assert_string_equal(r->tables.items[2], "");
    assert_int_equal(r->skip.count, 0);
    assert_true(r->offset == INT64_MIN);
    assert_ptr_equal(leat_config_instance_named(config, "pond_2"),
                     leat_config_instance_at(config, 1));
    assert_null(leat_config_instance_named(config, "pond"));
    leat_config_free(config);
}

static void expect_defaults(const char *text)
{
    struct leat_config *config = parse(text);
    const struct leat_settings *s = leat_config_settings(config);
    assert_int_equal(s->shutdown_timeout_ms, 10000);
    assert_string_equal(s->store.path, "/var/lib/leat");
    assert_int_equal(s->store.compression, LEAT_SETTINGS_ZSTD);
    assert_int_equal(s->store.compression_level, 1);
    assert_string_equal(s->http.listen, "127.0.0.1:7311");
    assert_int_equal(s->log.level, 1);
    assert_int_equal(leat_config_instance_count(config), 0);
    leat_config_free(config);
}

static void good_file__what_is_not_written_has_its_default(void **state)
{
    (void)state;
    static const char *const EMPTY[] = {"",
                                        "# nothing\n",
                                        "store:\n",
                                        "store:\nsources:\n",
                                        "\xef\xbb\xbf# mark\nstore: {}\n",
                                        "---\n...\n",
                                        "{}",
                                        "store: {}\r\nlog:\r\n  # level: debug\r\n"};
    for (size_t i = 0; i < sizeof EMPTY / sizeof EMPTY[0]; i++)
        expect_defaults(EMPTY[i]);
    struct leat_config *config = parse("sources: {shop: {type: river, publication: p}}");
    const struct river *r = leat_config_instance_at(config, 0)->ctx;
    assert_string_equal(r->host, "/var/run/river");
    assert_int_equal(r->port, 5432);
    assert_null(r->token);
    assert_false(r->create);
    assert_int_equal(r->row_bytes_max, 96 << 20);
    assert_int_equal(r->mode, 0);
    assert_int_equal(r->tables.count, 0);
    assert_int_equal(r->skip.count, 2);
    assert_string_equal(r->skip.items[0], "tmp.*");
    assert_string_equal(r->skip.items[1], "old");
    assert_int_equal(r->offset, 0);
    leat_config_free(config);
}

static void good_file__nothing_is_taken_for_a_type_that_was_not_asked_for(void **state)
{
    (void)state;
    struct leat_config *config =
        parse("sources: {shop: {type: river, publication: no, host: 010, port: \"80\"}}");
    const struct river *r = leat_config_instance_at(config, 0)->ctx;
    assert_string_equal(r->publication, "no");
    assert_string_equal(r->host, "010");
    assert_int_equal(r->port, 80);
    leat_config_free(config);
}

static void good_file__a_name_may_have_63_bytes(void **state)
{
    (void)state;
    struct leat_config *config = parse(
        "sources: {a23456789_123456789_123456789_123456789_123456789_123456789_123: {type: pond}}");
    assert_int_equal(strlen(leat_config_instance_at(config, 0)->name), 63);
    leat_config_free(config);
}

static void good_file__is_read_from_disk(void **state)
{
    (void)state;
    char path[] = "/tmp/leat-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, FULL, sizeof FULL - 1), sizeof FULL - 1);
    close(fd);
    struct leat_config_problems problems;
    leat_config_problems_init(&problems);
    struct leat_config *config = NULL;
    struct leat_err err;
    assert_int_equal(leat_config_load(path, TYPES, TYPE_COUNT, &config, &problems, &err), LEAT_OK);
    assert_int_equal(leat_config_instance_count(config), 2);
    leat_config_free(config);
    leat_config_problems_release(&problems);
    unlink(path);
}

/* --- reload --------------------------------------------------------------------------------- */

static void note_change(void *arg, const struct leat_config_change *change)
{
    static const char *const KINDS[] = {"changed", "added", "removed"};
    leat_buf_format(arg, "%s %s%s\n", KINDS[change->kind], change->path,
                    change->reload ? " (reload)" : "");
}

static void expect_diff(const char *old_text, const char *new_text, const char *expected)
{
    struct leat_config *old = parse(old_text), *new = parse(new_text);
    struct leat_buf text;
    leat_buf_init(&text, 1 << 16);
    size_t count = leat_config_diff(old, new, note_change, &text);
    assert_string_equal(leat_buf_text(&text), expected);
    size_t lines = 0;
    for (const char *at = expected; *at; at++)
        lines += *at == '\n';
    assert_int_equal(count, lines);
    leat_buf_release(&text);
    leat_config_free(old);
    leat_config_free(new);
}

#define SHOP(more) "sources: {shop: {type: river, publication: p" more "}}"

static void diff__the_same_said_differently_is_no_change(void **state)
{
    (void)state;
    expect_diff(FULL, FULL, "");
    expect_diff(
        "", "shutdown_timeout: 10000ms\nstore: {segment_size: 1024MiB, segment_age: 24h}\nhttp:\n",
        "");
    expect_diff(SHOP(""), SHOP(", port: 5432, skip: ['tmp.*', old], tables: []"), "");
}

static void diff__changed_options_are_named_and_say_if_they_can_be_taken_over(void **state)
{
    (void)state;
    expect_diff("", "log: {level: warn}\nstore: {quota: 1GB, path: /x}\nshutdown_timeout: 1s",
                "changed shutdown_timeout\nchanged store.path\nchanged store.quota\nchanged "
                "log.level (reload)\n");
    expect_diff(
        SHOP(""), SHOP(", token: t, host: h, create: true, mode: text, confirm_interval: 2s"),
        "changed sources.shop.host\nchanged sources.shop.token\nchanged sources.shop.create\n"
        "changed sources.shop.confirm_interval (reload)\nchanged sources.shop.mode\n");
    expect_diff(SHOP(", tables: [a, b]"), SHOP(", tables: [a, c]"),
                "changed sources.shop.tables\n");
    expect_diff(SHOP(", tables: [a, b]"), SHOP(", tables: [a]"), "changed sources.shop.tables\n");
}

static void diff__sources_come_and_go(void **state)
{
    (void)state;
    expect_diff("sources: {a: {type: pond}, b: {type: pond}}",
                "sources: {c: {type: pond}, b: {type: river, publication: p}}",
                "removed sources.a\nremoved sources.b\n"
                "added sources.c\nadded sources.b\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_file__settings_of_the_daemon_arrive_typed),
        cmocka_unit_test(good_file__settings_of_a_source_arrive_typed),
        cmocka_unit_test(good_file__what_is_not_written_has_its_default),
        cmocka_unit_test(good_file__nothing_is_taken_for_a_type_that_was_not_asked_for),
        cmocka_unit_test(good_file__a_name_may_have_63_bytes),
        cmocka_unit_test(good_file__is_read_from_disk),
        cmocka_unit_test(diff__the_same_said_differently_is_no_change),
        cmocka_unit_test(diff__changed_options_are_named_and_say_if_they_can_be_taken_over),
        cmocka_unit_test(diff__sources_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
