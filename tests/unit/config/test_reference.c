/*
 * The generated manual means what it says: as it is, it is an empty file; with every key
 * uncommented it is all defaults and examples.
 */
#include "config/reference.h"

#include "config/scalar.h"
#include "unit/config/sample_types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct leat_config *parse(struct leat_slice text)
{
    struct leat_config_problems problems;
    leat_config_problems_init(&problems);
    struct leat_config *config = NULL;
    struct leat_err err;
    int status = leat_config_parse("f", text, TYPES, TYPE_COUNT, &config, &problems, &err);
    if (status)
        print_error("%s\n%.*s", err.text, LEAT_SLICE_ARG(text));
    assert_int_equal(status, LEAT_OK);
    leat_config_problems_release(&problems);
    return config;
}

static void write_reference(struct leat_buf *text)
{
    leat_buf_init(text, 256 << 10);
    leat_config_write_reference(TYPES, TYPE_COUNT, text);
    assert_false(text->full);
}

/* Takes the "#" of every "#key:" line away, as a user would. */
static void uncomment(const struct leat_buf *text, struct leat_buf *ret_text)
{
    leat_buf_init(ret_text, 256 << 10);
    bool in_blanks = true;
    for (size_t i = 0; i < text->len; i++) {
        uint8_t c = text->data[i];
        bool marker = c == '#' && in_blanks && i + 1 < text->len && text->data[i + 1] != ' ' &&
                      text->data[i + 1] != '\n';
        if (!marker)
            leat_buf_append(ret_text, leat_slice_of(&c, 1));
        in_blanks = c == '\n' || (in_blanks && c == ' ');
    }
}

/* Without their defaults, options with examples differ from an empty file when they are uncommented. */
static void expect_same(const struct leat_option *options, const void *a, const void *b,
                        bool uncommented)
{
    for (const struct leat_option *o = options; o->name; o++)
        if (!leat_scalar_equal(o, a, b) && !(uncommented && o->example && !o->fallback))
            fail_msg("%s differs", o->name);
}

static void reference__as_it_is_means_what_an_empty_file_means(void **state)
{
    (void)state;
    struct leat_buf text;
    write_reference(&text);
    struct leat_config *empty = parse(leat_slice_text("")), *config = parse(leat_buf_slice(&text));
    for (const struct leat_settings_section *s = leat_settings_sections; s->options; s++)
        expect_same(s->options, leat_config_settings(empty), leat_config_settings(config), false);
    assert_int_equal(leat_config_instance_count(config), 0);
    leat_config_free(empty);
    leat_config_free(config);
    leat_buf_release(&text);
}

static void reference__uncommented_it_is_all_defaults_and_examples(void **state)
{
    (void)state;
    struct leat_buf text, bare;
    write_reference(&text);
    uncomment(&text, &bare);
    struct leat_config *config = parse(leat_buf_slice(&bare));
    struct leat_config *expected = parse(leat_slice_text(
        "sources: {river: {type: river, publication: leat_shop, token: abc, offset: -5,\n"
        " tables: ['public.*'], host: /var/run/river}, pond: {type: pond}}"));
    for (const struct leat_settings_section *s = leat_settings_sections; s->options; s++)
        expect_same(s->options, leat_config_settings(expected), leat_config_settings(config), true);
    assert_int_equal(leat_config_instance_count(config), 2);
    for (size_t i = 0; i < 2; i++) {
        const struct leat_config_instance *is = leat_config_instance_at(config, i);
        const struct leat_config_instance *want = leat_config_instance_at(expected, i);
        assert_string_equal(is->name, want->name);
        expect_same(is->type->options, want->ctx, is->ctx, true);
    }
    leat_config_free(config);
    leat_config_free(expected);
    leat_buf_release(&text);
    leat_buf_release(&bare);
}

static void reference__names_every_option_with_its_range_and_default(void **state)
{
    (void)state;
    struct leat_buf text;
    write_reference(&text);
    const char *all = leat_buf_text(&text);
    for (const struct leat_settings_section *s = leat_settings_sections; s->options; s++)
        for (const struct leat_option *o = s->options; o->name; o++) {
            char line[80];
            snprintf(line, sizeof line, "#%s: ", o->name);
            assert_non_null(strstr(all, line));
        }
    assert_non_null(strstr(
        all, "    # --- Flow ---\n\n    # Make what is missing. Default false.\n"
             "    #create: false\n\n    # Longest row. Range 1MiB to 1GiB. Default 96MiB.\n"
             "    #row_max: 96MiB\n\n"
             "    # How often. Range 50ms to 1m. Default 1s. Taken over on reload (SIGHUP).\n"
             "    #confirm_interval: 1s\n\n"
             "    # How. One of auto, binary, text. Default auto.\n    #mode: auto\n"));
    leat_buf_release(&text);
}

static void reference__no_line_is_longer_than_a_screen(void **state)
{
    (void)state;
    struct leat_buf text;
    write_reference(&text);
    leat_config_help(TYPES, TYPE_COUNT, &text);
    size_t column = 0;
    for (size_t i = 0; i < text.len; i++) {
        column = text.data[i] == '\n' ? 0 : column + 1;
        assert_true(column <= 120);
    }
    leat_buf_release(&text);
}

static void help__shows_name_type_and_meaning(void **state)
{
    (void)state;
    struct leat_buf text;
    leat_buf_init(&text, 256 << 10);
    leat_config_help(TYPES, TYPE_COUNT, &text);
    assert_non_null(
        strstr(leat_buf_text(&text),
               "\n  Connection\n"
               "    host text                     Where it is. Default /var/run/river.\n"
               "    port number                   Port of it. Range 1 to 65535. Default 5432.\n"
               "    publication text              What it publishes. Required.\n"));
    leat_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference__as_it_is_means_what_an_empty_file_means),
        cmocka_unit_test(reference__uncommented_it_is_all_defaults_and_examples),
        cmocka_unit_test(reference__names_every_option_with_its_range_and_default),
        cmocka_unit_test(reference__no_line_is_longer_than_a_screen),
        cmocka_unit_test(help__shows_name_type_and_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
