/*
 * Packed decimals against a packer that is written here from the format's description, for every
 * precision and scale; a server's own values are in test_row_value.c.
 */
#include "sources/mysql/decimal.h"

#include "unit/outcome.h"

enum { BYTES_MAX = 32, DIGITS = 65 };

static const unsigned BYTES_OF[10] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};

static uint8_t *pack_group(uint8_t *to, const char *digits, unsigned count)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < count; i++)
        v = v * 10 + (uint32_t)(digits[i] - '0');
    for (unsigned i = BYTES_OF[count]; i-- > 0;)
        *to++ = (uint8_t)(v >> 8 * i);
    return to;
}

/* `digits` has all of them, with leading zeros and without a point. */
static size_t pack(const char *digits, unsigned precision, unsigned scale, bool negative,
                   uint8_t *to)
{
    uint8_t *at = to;
    unsigned whole = precision - scale, i = whole % 9;
    at = pack_group(at, digits, i);
    for (; i < whole; i += 9)
        at = pack_group(at, digits + i, 9);
    for (; i + 9 <= precision; i += 9)
        at = pack_group(at, digits + i, 9);
    at = pack_group(at, digits + i, precision - i);
    to[0] ^= 0x80;
    for (uint8_t *b = to; negative && b < at; b++)
        *b = (uint8_t) ~*b;
    return (size_t)(at - to);
}

/* What the digits are as a number. */
static void print(const char *digits, unsigned precision, unsigned scale, bool negative, char *to)
{
    unsigned whole = precision - scale, zeros = 0;
    while (zeros < whole && digits[zeros] == '0')
        zeros++;
    int n = snprintf(to, MY_DECIMAL_TEXT_MAX, "%s%s%.*s", negative ? "-" : "",
                     zeros == whole ? "0" : "", (int)(whole - zeros), digits + zeros);
    if (scale)
        snprintf(to + n, (size_t)(MY_DECIMAL_TEXT_MAX + 1 - n), ".%.*s", (int)scale,
                 digits + whole);
}

static void check(const char *digits, unsigned precision, unsigned scale, bool negative)
{
    uint8_t bytes[BYTES_MAX];
    char expected[MY_DECIMAL_TEXT_MAX + 1], text[MY_DECIMAL_TEXT_MAX + 1];
    size_t len = pack(digits, precision, scale, negative, bytes);
    assert_int_equal(my_decimal_bytes(precision, scale), len);
    uint8_t *exact = malloc(len);
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    print(digits, precision, scale, negative, expected);
    size_t got = my_decimal_text(exact, precision, scale, text);
    assert_true(got > 0 && got <= MY_DECIMAL_TEXT_MAX);
    text[got] = '\0';
    assert_string_equal(text, expected);
    free(exact);
}

static void decimal__every_precision_and_scale_is_exact(void **state)
{
    (void)state;
    char digits[DIGITS + 1];
    srand(11);
    for (unsigned p = 1; p <= DIGITS; p++)
        for (unsigned s = 0; s <= p && s <= 38; s++)
            for (unsigned round = 0; round < 4; round++) {
                for (unsigned i = 0; i < p; i++)
                    digits[i] = (char)(round == 0 ? '9'
                                                  : '0' + (round == 1 ? i == p - 1
                                                                      : (unsigned)rand() % 10));
                check(digits, p, s, false);
                check(digits, p, s, true);
            }
}

static void decimal__zero_has_one_digit_in_front(void **state)
{
    (void)state;
    check("00000", 5, 0, false);
    check("00000", 5, 5, false);
    check("00000", 5, 2, false);
}

static void decimal__golden_bytes(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[8];
        unsigned precision, scale;
        const char *text;
    } cases[] = {
        {{0x80, 0, 0, 0x7b, 0x01, 0xc8}, 10, 3, "123.456"}, /* captured */
        {{0x81, 0x0d, 0xfb, 0x38, 0xd2, 0x04, 0xd2},
         14,
         4,
         "1234567890.1234"}, /* MySQL's own manual */
        {{0x7e, 0xf2, 0x04, 0xc7, 0x2d, 0xfb, 0x2d}, 14, 4, "-1234567890.1234"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[MY_DECIMAL_TEXT_MAX + 1] = "";
        text[my_decimal_text(cases[i].bytes, cases[i].precision, cases[i].scale, text)] = '\0';
        assert_string_equal(text, cases[i].text);
    }
}

static void decimal__impossible_shapes_have_no_bytes(void **state)
{
    (void)state;
    assert_int_equal(my_decimal_bytes(0, 0), 0);
    assert_int_equal(my_decimal_bytes(66, 0), 0);
    assert_int_equal(my_decimal_bytes(40, 39), 0);
    assert_int_equal(my_decimal_bytes(5, 6), 0);
    assert_int_equal(my_decimal_bytes(65, 38), 29);
}

static void decimal__groups_with_too_many_digits_are_refused(void **state)
{
    (void)state;
    char text[MY_DECIMAL_TEXT_MAX];
    const uint8_t nine[4] = {0x80 | 0x3b, 0x9a, 0xca, 0x00}; /* 1,000,000,000 */
    const uint8_t one[1] = {0x80 | 10};
    assert_int_equal(my_decimal_text(nine, 9, 0, text), 0);
    assert_int_equal(my_decimal_text(one, 1, 0, text), 0);
    assert_int_equal(my_decimal_text(one, 2, 0, text), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimal__golden_bytes),
        cmocka_unit_test(decimal__zero_has_one_digit_in_front),
        cmocka_unit_test(decimal__every_precision_and_scale_is_exact),
        cmocka_unit_test(decimal__impossible_shapes_have_no_bytes),
        cmocka_unit_test(decimal__groups_with_too_many_digits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
