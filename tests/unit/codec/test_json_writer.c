/* The JSON writer against jansson, printf, strtod, gmtime and vectors from the standards. */
#include "codec/iso_time.h"
#include "codec/json_writer.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

static uint64_t random_state;

static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void random_seed(void)
{
    const char *given = getenv("LEAT_SEED");
    random_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u + 1;
    print_message("seed %llu\n", (unsigned long long)random_state);
}

static const char *as_string(struct leat_buf *buf, const void *text, size_t len, bool *ret_verbatim)
{
    leat_buf_reset(buf);
    struct leat_json j = leat_json_at(buf);
    bool verbatim = leat_json_string(&j, leat_slice_of(text, len));
    if (ret_verbatim)
        *ret_verbatim = verbatim;
    assert_false(buf->full);
    return leat_buf_text(buf);
}

/* --- structure ------------------------------------------------------------------------------- */

static void writer__commas_stand_between_values_only(void **state)
{
    (void)state;
    struct leat_buf buf;
    leat_buf_init(&buf, 1024);
    struct leat_json j = leat_json_at(&buf);
    leat_json_object(&j);
    LEAT_JSON_NAME(&j, "a");
    leat_json_array(&j);
    leat_json_array_end(&j);
    LEAT_JSON_NAME(&j, "b");
    leat_json_array(&j);
    leat_json_int(&j, -1);
    leat_json_object(&j);
    leat_json_object_end(&j);
    leat_json_null(&j);
    leat_json_bool(&j, true);
    leat_json_bool(&j, false);
    leat_json_array_end(&j);
    leat_json_key(&j, leat_slice_text("a \"key\""));
    leat_json_text(&j, "x");
    leat_json_object_end(&j);
    assert_string_equal(leat_buf_text(&buf), "{\"a\":[],\"b\":[-1,{},null,true,false],\"a \\\"key\\\"\":\"x\"}");
    leat_buf_release(&buf);
}

static void writer__maximum_sets_full_and_never_writes_past_it(void **state)
{
    (void)state;
    char text[3000];
    memset(text, '\n', sizeof text);
    for (size_t max = 0; max < 200; max += 7) {
        struct leat_buf buf;
        leat_buf_init(&buf, max);
        struct leat_json j = leat_json_at(&buf);
        (void)leat_json_string(&j, leat_slice_of(text, sizeof text));
        assert_true(buf.full);
        assert_true(buf.len <= max);
        leat_buf_release(&buf);
    }
}

/* --- strings --------------------------------------------------------------------------------- */

/* One byte at a time, by Unicode 15 table 3-7 written down as ranges. */
static const uint8_t TABLE_3_7[][8] = {
    {0xc2, 0xdf, 0x80, 0xbf},
    {0xe0, 0xe0, 0xa0, 0xbf, 0x80, 0xbf},
    {0xe1, 0xec, 0x80, 0xbf, 0x80, 0xbf},
    {0xed, 0xed, 0x80, 0x9f, 0x80, 0xbf},
    {0xee, 0xef, 0x80, 0xbf, 0x80, 0xbf},
    {0xf0, 0xf0, 0x90, 0xbf, 0x80, 0xbf, 0x80, 0xbf},
    {0xf1, 0xf3, 0x80, 0xbf, 0x80, 0xbf, 0x80, 0xbf},
    {0xf4, 0xf4, 0x80, 0x8f, 0x80, 0xbf, 0x80, 0xbf},
};

static size_t naive_sequence(const uint8_t *in, size_t left, bool *ret_good)
{
    *ret_good = false;
    for (size_t row = 0; row < sizeof TABLE_3_7 / sizeof *TABLE_3_7; row++) {
        size_t n = 0;
        while (n < 4 && TABLE_3_7[row][2 * n] && n < left && in[n] >= TABLE_3_7[row][2 * n] &&
               in[n] <= TABLE_3_7[row][2 * n + 1])
            n++;
        if (n) {
            *ret_good = n == 4 || !TABLE_3_7[row][2 * n];
            return n;
        }
    }
    return 1;
}

static void naive_string(struct leat_buf *out, const uint8_t *in, size_t len)
{
    leat_buf_reset(out);
    leat_buf_append_text(out, "\"");
    for (size_t i = 0; i < len;) {
        static const char *const shorts = "\bb\tt\nn\ff\rr\"\"\\\\";
        const char *found = in[i] ? strchr(shorts, in[i]) : NULL;
        bool good = true;
        size_t n = in[i] < 0x80 ? 1 : naive_sequence(in + i, len - i, &good);
        if (!good)
            leat_buf_append_text(out, "\xef\xbf\xbd");
        else if (found && in[i] != 'b' && in[i] != 't' && in[i] != 'n' && in[i] != 'f' && in[i] != 'r')
            leat_buf_format(out, "\\%c", found[1]);
        else if (in[i] < 0x20)
            leat_buf_format(out, "\\u%04X", in[i]);
        else
            leat_buf_append(out, leat_slice_of(in + i, n));
        i += n;
    }
    leat_buf_append_text(out, "\"");
}

static void string__every_byte_at_every_place_is_treated_alike(void **state)
{
    (void)state;
    struct leat_buf got, want;
    leat_buf_init(&got, 1 << 16);
    leat_buf_init(&want, 1 << 16);
    uint8_t text[48];
    for (size_t len = 1; len <= sizeof text; len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                memset(text, 'x', sizeof text);
                text[at] = (uint8_t)byte;
                naive_string(&want, text, len);
                assert_string_equal(as_string(&got, text, len, NULL), leat_buf_text(&want));
            }
        }
    }
    leat_buf_release(&got);
    leat_buf_release(&want);
}

static void string__ill_formed_subparts_become_one_replacement_each(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const char *out;
    } vectors[] = {
        /* Unicode 15, section 3.9, tables 3-8 to 3-11 */
        {"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", "\"????????A\""},
        {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", "\"????????A\""},
        {"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", "\"?????A??B\""},
        {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", "\"????A\""},
    };
    struct leat_buf buf, want;
    leat_buf_init(&buf, 4096);
    leat_buf_init(&want, 4096);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        bool verbatim = true;
        leat_buf_reset(&want);
        for (const char *c = vectors[i].out; *c; c++)
            leat_buf_append(&want, *c == '?' ? leat_slice_text("\xef\xbf\xbd") : leat_slice_of(c, 1));
        assert_string_equal(as_string(&buf, vectors[i].in, strlen(vectors[i].in), &verbatim),
                            leat_buf_text(&want));
        assert_false(verbatim);
    }
    leat_buf_release(&buf);
    leat_buf_release(&want);
}

static void string__well_formed_text_passes_verbatim(void **state)
{
    (void)state;
    static const char text[] = "Grüße, Привет, 你好, \xf0\x9f\x98\x80 \x7f \xef\xbf\xbd \xf4\x8f\xbf\xbf";
    struct leat_buf buf;
    leat_buf_init(&buf, 4096);
    bool verbatim = false;
    const char *out = as_string(&buf, text, sizeof text - 1, &verbatim);
    assert_true(verbatim);
    assert_int_equal(strlen(out), sizeof text - 1 + 2);
    assert_memory_equal(out + 1, text, sizeof text - 1);
    leat_buf_release(&buf);
}

static size_t random_text(uint8_t *text, size_t max)
{
    size_t len = random64() % max;
    unsigned mix = (unsigned)(random64() % 4);
    for (size_t i = 0; i < len; i++) {
        uint64_t r = random64();
        text[i] = mix == 0 ? (uint8_t)r : mix == 1 ? (uint8_t)(0x20 + r % 0x60) : (uint8_t)(r % 0x80);
        if (mix == 3 && i + 4 < len && r >> 60 == 0) {
            memcpy(text + i, "\xf0\x9f\x98\x80", 4);
            i += 3;
        }
    }
    return len;
}

static void string__random_bytes_equal_the_naive_writer_and_parse(void **state)
{
    (void)state;
    random_seed();
    struct leat_buf got, want;
    leat_buf_init(&got, 1 << 20);
    leat_buf_init(&want, 1 << 20);
    static uint8_t text[5000];
    for (unsigned round = 0; round < 3000; round++) {
        size_t len = random_text(text, round % 10 ? 200 : sizeof text);
        naive_string(&want, text, len);
        const char *out = as_string(&got, text, len, NULL);
        assert_string_equal(out, leat_buf_text(&want));
        json_t *parsed = json_loads(out, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(parsed);
        json_decref(parsed);
    }
    leat_buf_release(&got);
    leat_buf_release(&want);
}

/* --- numbers --------------------------------------------------------------------------------- */

static void integers__equal_printf(void **state)
{
    (void)state;
    random_seed();
    struct leat_buf buf;
    leat_buf_init(&buf, 4096);
    char want[64];
    for (unsigned i = 0; i < 20000; i++) {
        int64_t v = i == 0 ? INT64_MIN : i == 1 ? INT64_MAX : (int64_t)random64() >> random64() % 64;
        leat_buf_reset(&buf);
        struct leat_json j = leat_json_at(&buf);
        leat_json_int(&j, v);
        leat_json_uint(&j, (uint64_t)v);
        snprintf(want, sizeof want, "%lld,%llu", (long long)v, (unsigned long long)v);
        assert_string_equal(leat_buf_text(&buf), want);
    }
    leat_buf_release(&buf);
}

static void thousands__are_exact_beyond_64_bits(void **state)
{
    (void)state;
    struct leat_buf buf;
    leat_buf_init(&buf, 256);
    struct leat_json j = leat_json_at(&buf);
    leat_json_thousands(&j, 0);
    leat_json_thousands(&j, -7);
    leat_json_thousands(&j, INT64_MAX);
    assert_string_equal(leat_buf_text(&buf), "0,-7000,9223372036854775807000");
    leat_buf_release(&buf);
}

static const char *as_double(struct leat_buf *buf, double v)
{
    leat_buf_reset(buf);
    struct leat_json j = leat_json_at(buf);
    leat_json_double(&j, v);
    return leat_buf_text(buf);
}

static const char *as_float(struct leat_buf *buf, float v)
{
    leat_buf_reset(buf);
    struct leat_json j = leat_json_at(buf);
    leat_json_float(&j, v);
    return leat_buf_text(buf);
}

static void doubles__are_laid_out_as_java_does(void **state)
{
    (void)state;
    /* Double.toString of Java 19 and later */
    static const struct {
        double v;
        const char *text;
    } vectors[] = {
        {0.0, "0.0"}, {-0.0, "-0.0"}, {1.0, "1.0"}, {100.0, "100.0"}, {-1.5, "-1.5"}, {0.1, "0.1"},
        {3.14, "3.14"}, {19.99, "19.99"}, {0.001, "0.001"}, {0.0009999, "9.999E-4"}, {9999999.0, "9999999.0"},
        {1e7, "1.0E7"}, {12345678.0, "1.2345678E7"}, {1e10, "1.0E10"}, {1.5e300, "1.5E300"},
        {1e22, "1.0E22"}, {1e23, "1.0E23"}, {2e-3, "0.002"}, {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"}, {123456.789, "123456.789"}, {9007199254740993.0, "9.007199254740992E15"},
        {DBL_MAX, "1.7976931348623157E308"}, {DBL_MIN, "2.2250738585072014E-308"},
        {4.9406564584124654e-324, "4.9E-324"}, {INFINITY, "\"Infinity\""}, {-INFINITY, "\"-Infinity\""},
        {NAN, "\"NaN\""}, {1234567.125, "1234567.125"}, {1e15, "1.0E15"}, {999999999999999.9, "9.999999999999999E14"},
        {123456789012345680.0, "1.2345678901234568E17"}, {0.00123, "0.00123"}, {5e-5, "5.0E-5"},
    };
    struct leat_buf buf;
    leat_buf_init(&buf, 256);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_string_equal(as_double(&buf, vectors[i].v), vectors[i].text);
    leat_buf_release(&buf);
}

static void floats__are_laid_out_as_java_does(void **state)
{
    (void)state;
    static const struct {
        float v;
        const char *text;
    } vectors[] = {
        {0.1f, "0.1"}, {3.3f, "3.3"}, {16777216.0f, "1.6777216E7"}, {1e10f, "1.0E10"}, {1.17549435e-38f, "1.1754944E-38"},
        {3.4028235e38f, "3.4028235E38"}, {1.4e-45f, "1.4E-45"}, {-2.5f, "-2.5"}, {0.333333343f, "0.33333334"},
        {9999999.0f, "9999999.0"}, {123456.7f, "123456.7"},
    };
    struct leat_buf buf;
    leat_buf_init(&buf, 256);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_string_equal(as_float(&buf, vectors[i].v), vectors[i].text);
    leat_buf_release(&buf);
}

static unsigned significant_digits(const char *text)
{
    unsigned count = 0, zeros = 0;
    for (; *text && *text != 'E'; text++) {
        if (*text < '0' || *text > '9' || (*text == '0' && !count))
            continue;
        zeros = *text == '0' ? zeros + 1 : 0;
        count++;
    }
    return count - zeros;
}

/* Digits that the C library needs, tried upwards from one. */
static unsigned needed_digits(double v, bool single)
{
    char text[64];
    for (int behind = 0; behind < 17; behind++) {
        snprintf(text, sizeof text, "%.*e", behind, v);
        if (single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v)
            return (unsigned)behind + 1;
    }
    return 18;
}

static double random_double(unsigned i)
{
    uint64_t bits = random64();
    double v;
    memcpy(&v, &bits, sizeof v);
    if (i % 4 == 1)
        return (double)(int64_t)bits / 1e10;
    if (i % 4 == 2)
        return (double)(bits % 1000000) / 100;
    if (i % 4 == 3)
        return ldexp((double)(bits >> 11), (int)(random64() % 80) - 66);
    return isfinite(v) ? v : 1.0;
}

static void doubles__read_back_and_are_shortest(void **state)
{
    (void)state;
    random_seed();
    struct leat_buf buf;
    leat_buf_init(&buf, 256);
    for (unsigned i = 0; i < 20000; i++) {
        double v = random_double(i);
        const char *text = as_double(&buf, v);
        assert_true(strtod(text, NULL) == v);
        if (v != 0)
            assert_true(significant_digits(text) <= needed_digits(v, false));
    }
    leat_buf_release(&buf);
}

static void floats__read_back_and_are_shortest(void **state)
{
    (void)state;
    random_seed();
    struct leat_buf buf;
    leat_buf_init(&buf, 256);
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t bits = (uint32_t)random64();
        float v;
        memcpy(&v, &bits, sizeof v);
        if (i % 2)
            v = (float)(bits % 100000) / 100;
        if (!isfinite(v) || v == 0)
            continue;
        const char *text = as_float(&buf, v);
        assert_true(strtof(text, NULL) == v);
        assert_true(significant_digits(text) <= needed_digits((double)v, true));
    }
    leat_buf_release(&buf);
}

/* --- decimals -------------------------------------------------------------------------------- */

static void decimals__equal_two_s_complement_of_big_integers(void **state)
{
    (void)state;
    /* base64 of int(text × 10^scale).to_bytes(shortest, "big", signed=True), from Python's integers */
    static const struct {
        const char *text;
        int32_t scale;
        const char *want;
    } vectors[] = {
#include "unit/codec/decimal_vectors.h"
    };
    struct leat_buf buf;
    leat_buf_init(&buf, 1 << 16);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        leat_buf_reset(&buf);
        struct leat_json j = leat_json_at(&buf);
        assert_true(leat_json_decimal(&j, leat_slice_text(vectors[i].text), vectors[i].scale));
        assert_string_equal(leat_buf_text(&buf), vectors[i].want);
    }
    leat_buf_release(&buf);
}

static void decimals__that_do_not_fit_write_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t scale;
    } bad[] = {{"NaN", 2},  {"Infinity", 2}, {"-Infinity", 0}, {"", 0},     {"-", 0},   {".5", 1},
               {"1.25", 1}, {"1e5", 0},      {"1.", -1},       {" 1", 0},   {"1,5", 2}, {"1.2.3", 2}};
    struct leat_buf buf;
    leat_buf_init(&buf, 4096);
    struct leat_json j = leat_json_at(&buf);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(leat_json_decimal(&j, leat_slice_text(bad[i].text), bad[i].scale));
        assert_int_equal(buf.len, 0);
    }
    leat_buf_release(&buf);
}

static void decimal_scale__drops_trailing_zeros(void **state)
{
    (void)state;
    assert_int_equal(leat_json_decimal_scale(leat_slice_text("1.100")), 1);
    assert_int_equal(leat_json_decimal_scale(leat_slice_text("100")), 0);
    assert_int_equal(leat_json_decimal_scale(leat_slice_text("-0.00012")), 5);
    assert_int_equal(leat_json_decimal_scale(leat_slice_text("NaN")), -1);
}

/* --- bytes ----------------------------------------------------------------------------------- */

static void bytes__equal_the_vectors_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const vectors[][3] = {
        {"", "\"\"", "\"\""},
        {"f", "\"Zg==\"", "\"66\""},
        {"fo", "\"Zm8=\"", "\"666f\""},
        {"foo", "\"Zm9v\"", "\"666f6f\""},
        {"foob", "\"Zm9vYg==\"", "\"666f6f62\""},
        {"fooba", "\"Zm9vYmE=\"", "\"666f6f6261\""},
        {"foobar", "\"Zm9vYmFy\"", "\"666f6f626172\""},
        {"\xfb\xff\xfe", "\"+//+\"", "\"fbfffe\""},
    };
    struct leat_buf buf;
    leat_buf_init(&buf, 4096);
    char want[128];
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        leat_buf_reset(&buf);
        struct leat_json j = leat_json_at(&buf);
        leat_json_base64(&j, leat_slice_text(vectors[i][0]));
        leat_json_hex(&j, leat_slice_text(vectors[i][0]));
        snprintf(want, sizeof want, "%s,%s", vectors[i][1], vectors[i][2]);
        assert_string_equal(leat_buf_text(&buf), want);
    }
    leat_buf_reset(&buf);
    struct leat_json j = leat_json_at(&buf);
    leat_json_base64url(&j, leat_slice_text("\xfb\xff\xfe\xff"));
    leat_json_uuid(&j, leat_slice_text("\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11"));
    assert_string_equal(leat_buf_text(&buf), "\"-__-_w==\",\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"");
    leat_buf_release(&buf);
}

/* --- times ----------------------------------------------------------------------------------- */

static void timestamps__equal_gmtime(void **state)
{
    (void)state;
    random_seed();
    char want[64], got[LEAT_ISO_BYTES + 1];
    for (unsigned i = 0; i < 20000; i++) {
        int64_t seconds = (int64_t)(random64() % 315000000000) - 62000000000; /* years 5 … 9,952 */
        unsigned us = (unsigned)(random64() % 1000000);
        struct tm tm;
        time_t t = (time_t)seconds;
        assert_non_null(gmtime_r(&t, &tm));
        snprintf(want, sizeof want, "%04d-%02d-%02dT%02d:%02d:%02d.%06u", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, us);
        uint8_t *end = leat_iso_timestamp((uint8_t *)got, seconds * 1000000 + us, 6);
        *end = '\0';
        assert_string_equal(got, want);
    }
}

static void times__have_as_many_digits_as_asked(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        int32_t digits;
        const char *want;
    } vectors[] = {
        {14711789000, -1, "04:05:11.789"}, {14711000000, -1, "04:05:11"}, {14711000000, 3, "04:05:11.000"},
        {14711789123, 3, "04:05:11.789"}, {14711789123, 0, "04:05:11"}, {86400000000, -1, "24:00:00"},
        {-2638800001100, -1, "-733:00:00.0011"}, {1, -1, "00:00:00.000001"}, {0, 6, "00:00:00.000000"},
    };
    char got[LEAT_ISO_BYTES + 1];
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        *leat_iso_time((uint8_t *)got, vectors[i].us, vectors[i].digits) = '\0';
        assert_string_equal(got, vectors[i].want);
    }
}

static void dates__reach_both_ends_of_their_range(void **state)
{
    (void)state;
    static const struct {
        int64_t days;
        const char *want;
    } vectors[] = {
        {0, "1970-01-01"}, {-1, "1969-12-31"}, {11016, "2000-02-29"}, {-719528, "0000-01-01"},
        {-719529, "-0001-12-31"}, {-2440588, "-4713-11-24"}, {2932896, "9999-12-31"}, {2932897, "+10000-01-01"},
        {2147483647, "+5881580-07-11"},
    };
    char got[LEAT_ISO_BYTES + 1];
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        *leat_iso_date((uint8_t *)got, vectors[i].days) = '\0';
        assert_string_equal(got, vectors[i].want);
    }
    assert_true(leat_iso_date((uint8_t *)got, INT64_MIN) - (uint8_t *)got <= LEAT_ISO_BYTES);
    assert_true(leat_iso_date((uint8_t *)got, INT64_MAX) - (uint8_t *)got <= LEAT_ISO_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writer__commas_stand_between_values_only),
        cmocka_unit_test(writer__maximum_sets_full_and_never_writes_past_it),
        cmocka_unit_test(string__every_byte_at_every_place_is_treated_alike),
        cmocka_unit_test(string__ill_formed_subparts_become_one_replacement_each),
        cmocka_unit_test(string__well_formed_text_passes_verbatim),
        cmocka_unit_test(string__random_bytes_equal_the_naive_writer_and_parse),
        cmocka_unit_test(integers__equal_printf),
        cmocka_unit_test(thousands__are_exact_beyond_64_bits),
        cmocka_unit_test(doubles__are_laid_out_as_java_does),
        cmocka_unit_test(floats__are_laid_out_as_java_does),
        cmocka_unit_test(doubles__read_back_and_are_shortest),
        cmocka_unit_test(floats__read_back_and_are_shortest),
        cmocka_unit_test(decimals__equal_two_s_complement_of_big_integers),
        cmocka_unit_test(decimals__that_do_not_fit_write_nothing),
        cmocka_unit_test(decimal_scale__drops_trailing_zeros),
        cmocka_unit_test(bytes__equal_the_vectors_of_rfc_4648),
        cmocka_unit_test(timestamps__equal_gmtime),
        cmocka_unit_test(times__have_as_many_digits_as_asked),
        cmocka_unit_test(dates__reach_both_ends_of_their_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
