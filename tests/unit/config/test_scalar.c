/*
 * Text to value and back, against numbers written out by hand.
 */
#include "config/scalar.h"
#include "config/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static bool parse_number(enum leat_option_type type, const char *text, int64_t *ret_number)
{
    struct leat_option option = {.name = "x", .type = type};
    struct leat_scalar_reason reason;
    return leat_scalar_parse(&option, leat_slice_text(text), ret_number, NULL, &reason);
}

static void expect_number(enum leat_option_type type, const char *text, int64_t expected)
{
    int64_t number = 77;
    assert_true(parse_number(type, text, &number));
    assert_true(number == expected);
}

static void expect_refused(enum leat_option_type type, const char *text)
{
    int64_t number = 77;
    assert_false(parse_number(type, text, &number));
    assert_int_equal(number, 77);
}

static void scalar__sizes_have_decimal_and_binary_units(void **state)
{
    (void)state;
    expect_number(LEAT_OPTION_SIZE, "0", 0);
    expect_number(LEAT_OPTION_SIZE, "512", 512);
    expect_number(LEAT_OPTION_SIZE, "512B", 512);
    expect_number(LEAT_OPTION_SIZE, "1kB", 1000);
    expect_number(LEAT_OPTION_SIZE, "1KiB", 1024);
    expect_number(LEAT_OPTION_SIZE, "3MB", 3000000);
    expect_number(LEAT_OPTION_SIZE, "3MiB", 3145728);
    expect_number(LEAT_OPTION_SIZE, "2GB", 2000000000);
    expect_number(LEAT_OPTION_SIZE, "2GiB", 2147483648);
    expect_number(LEAT_OPTION_SIZE, "1 TB", 1000000000000);
    expect_number(LEAT_OPTION_SIZE, "1TiB", 1099511627776);
    expect_number(LEAT_OPTION_SIZE, "8388607TiB", INT64_C(8388607) << 40);
}

static void scalar__durations_have_units(void **state)
{
    (void)state;
    expect_number(LEAT_OPTION_DURATION, "0", 0);
    expect_number(LEAT_OPTION_DURATION, "200ms", 200);
    expect_number(LEAT_OPTION_DURATION, "10s", 10000);
    expect_number(LEAT_OPTION_DURATION, "5m", 300000);
    expect_number(LEAT_OPTION_DURATION, "1h", 3600000);
    expect_number(LEAT_OPTION_DURATION, "7d", 604800000);
}

static void scalar__numbers_go_to_the_ends_of_their_type_and_not_beyond(void **state)
{
    (void)state;
    expect_number(LEAT_OPTION_INT, "9223372036854775807", INT64_MAX);
    expect_number(LEAT_OPTION_INT, "-9223372036854775808", INT64_MIN);
    expect_number(LEAT_OPTION_INT, "-0", 0);
    expect_refused(LEAT_OPTION_INT, "9223372036854775808");
    expect_refused(LEAT_OPTION_INT, "-9223372036854775809");
    expect_refused(LEAT_OPTION_SIZE, "8388608TiB");
    expect_refused(LEAT_OPTION_DURATION, "9223372036854775807s");
}

static void scalar__what_is_nearly_a_number_is_refused_and_writes_nothing(void **state)
{
    (void)state;
    static const char *const INTS[] = {"",   "-",     "1 ",  " 1", "1e3", "0x1",
                                       "00", "1,000", "--1", "1-", "one"};
    for (size_t i = 0; i < sizeof INTS / sizeof INTS[0]; i++)
        expect_refused(LEAT_OPTION_INT, INTS[i]);
    static const char *const SIZES[] = {"",   "B",  "1 ",    "1  MiB", "1mib",
                                        "1K", "-1", "1MiBs", "1.0MiB", "01MiB"};
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++)
        expect_refused(LEAT_OPTION_SIZE, SIZES[i]);
    static const char *const DURATIONS[] = {"",    "10",   "s",     "1us",  "1S",
                                            "-1s", "1.5s", "1h30m", "1sec", "05s"};
    for (size_t i = 0; i < sizeof DURATIONS / sizeof DURATIONS[0]; i++)
        expect_refused(LEAT_OPTION_DURATION, DURATIONS[i]);
}

static void expect_format(enum leat_option_type type, int64_t number, const char *expected)
{
    struct leat_option option = {.name = "x", .type = type};
    struct leat_buf text;
    leat_buf_init(&text, 100);
    leat_scalar_format(&option, &number, &text);
    assert_string_equal(leat_buf_text(&text), expected);
    int64_t back;
    assert_true(parse_number(type, leat_buf_text(&text), &back));
    assert_true(back == number);
    leat_buf_release(&text);
}

static void scalar__formats_in_the_largest_exact_unit_and_parses_back(void **state)
{
    (void)state;
    expect_format(LEAT_OPTION_SIZE, 0, "0");
    expect_format(LEAT_OPTION_SIZE, 1023, "1023B");
    expect_format(LEAT_OPTION_SIZE, 1 << 20, "1MiB");
    expect_format(LEAT_OPTION_SIZE, 1500000000, "1500MB");
    expect_format(LEAT_OPTION_SIZE, INT64_C(96) << 30, "96GiB");
    expect_format(LEAT_OPTION_DURATION, 0, "0");
    expect_format(LEAT_OPTION_DURATION, 1500, "1500ms");
    expect_format(LEAT_OPTION_DURATION, 90000, "90s");
    expect_format(LEAT_OPTION_DURATION, 86400000, "1d");
    expect_format(LEAT_OPTION_INT, -12, "-12");
}

static void scalar__a_secret_is_never_shown(void **state)
{
    (void)state;
    struct leat_option option = {.name = "x", .type = LEAT_OPTION_SECRET};
    const char *secret = "hunter2";
    struct leat_buf text;
    leat_buf_init(&text, 100);
    leat_scalar_format(&option, &secret, &text);
    assert_string_equal(leat_buf_text(&text), "***");
    leat_buf_release(&text);
}

static void expect_near(const char *word, const char *expected)
{
    static const char *const KNOWN[] = {"port",         "path", "publication", "password_file",
                                        "password_env", "warn", "sslmode",     "s"};
    struct leat_suggest near;
    leat_suggest_init(&near, word);
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++)
        leat_suggest_offer(&near, KNOWN[i]);
    if (expected)
        assert_string_equal(near.best, expected);
    else
        assert_null(near.best);
}

static void suggest__the_nearest_word_is_offered_and_a_far_one_is_not(void **state)
{
    (void)state;
    expect_near("prot", "port"); /* neighbours swapped */
    expect_near("publicaton", "publication");
    expect_near("ssl_mode", "sslmode");
    expect_near("PATH", "path");
    expect_near("password", "password_file"); /* the first that begins so */
    expect_near("warning", "warn");
    expect_near("passwort_env", "password_env");
    expect_near("zebra", NULL);
    expect_near("", NULL);
    expect_near("po", NULL);
    expect_near("publicationpublicationpublicationpublicationpublicationpublication1", NULL);
}

static void suggest__distances_are_those_of_the_textbook(void **state)
{
    (void)state;
    assert_int_equal(leat_suggest_distance("kitten", "sitting"), 3);
    assert_int_equal(leat_suggest_distance("saturday", "sunday"), 3);
    assert_int_equal(leat_suggest_distance("ca", "abc"),
                     3); /* optimal string alignment; unrestricted would be 2 */
    assert_int_equal(leat_suggest_distance("abcd", "abdc"), 1);
    assert_int_equal(leat_suggest_distance("", "abc"), 3);
    assert_int_equal(leat_suggest_distance("abc", ""), 3);
    assert_int_equal(leat_suggest_distance("same", "same"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalar__sizes_have_decimal_and_binary_units),
        cmocka_unit_test(scalar__durations_have_units),
        cmocka_unit_test(scalar__numbers_go_to_the_ends_of_their_type_and_not_beyond),
        cmocka_unit_test(scalar__what_is_nearly_a_number_is_refused_and_writes_nothing),
        cmocka_unit_test(scalar__formats_in_the_largest_exact_unit_and_parses_back),
        cmocka_unit_test(scalar__a_secret_is_never_shown),
        cmocka_unit_test(suggest__the_nearest_word_is_offered_and_a_far_one_is_not),
        cmocka_unit_test(suggest__distances_are_those_of_the_textbook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
