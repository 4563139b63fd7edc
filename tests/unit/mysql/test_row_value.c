/*
 * Values as a server wrote them. tests/golden/mysql/values.tsv has bytes of a MariaDB binlog beside
 * what SELECT prints for them; the row of mysql's and MariaDB's own types at the end of this file
 * was captured by hand. Dates are compared with the C library's calendar.
 *
 * For every value of both: each strict prefix is an error, and skipping takes as much as decoding.
 */
#include "sources/mysql/row_value.h"

#include "unit/outcome.h"

#include <ctype.h>
#include <time.h>

enum { SCRATCH_BYTES = 1 << 20, FIELDS = 10, LABELS_MAX = 400, TEXT_MAX = 8192 };

static struct my_charsets *sets;
static struct leat_arena scratch;
static struct my_value_policy policy;
static struct leat_slice labels[LABELS_MAX];

static int begin(void **state)
{
    (void)state;
    leat_arena_init(&scratch, SCRATCH_BYTES);
    policy = (struct my_value_policy){.zero_dates = MY_ZERO_TEXT, .mariadb = true};
    return my_charsets_new(&sets, &err);
}

static int end(void **state)
{
    (void)state;
    my_charsets_free(sets);
    leat_arena_release(&scratch);
    return 0;
}

/* --- bytes ------------------------------------------------------------------------------------ */

static struct leat_slice from_hex(const char *hex)
{
    uint8_t *bytes = malloc(strlen(hex) / 2 + 1);
    size_t len = 0;
    assert_non_null(bytes);
    for (; isxdigit((unsigned char)hex[0]); hex += 2) {
        char pair[3] = {hex[0], hex[1], '\0'};
        bytes[len++] = (uint8_t)strtoul(pair, NULL, 16);
        while (hex[2] == ' ')
            hex++;
    }
    return leat_slice_of(bytes, len);
}

static void disown(struct leat_slice s)
{
    free((void *)(uintptr_t)s.ptr);
}

static struct my_column column_of(uint8_t type, const char *metadata)
{
    struct my_column c;
    struct leat_slice bytes = from_hex(metadata);
    struct leat_reader r = leat_reader_of(bytes);
    ok(my_column_init(&c, type, &r, &err));
    assert_true(leat_reader_done(&r));
    disown(bytes);
    return c;
}

/* The bytes in memory of exactly their size. */
static int decode(const struct my_column *c, struct leat_slice bytes, struct leat_value *ret_value)
{
    uint8_t *exact = malloc(bytes.len ? bytes.len : 1);
    assert_non_null(exact);
    memcpy(exact, bytes.ptr, bytes.len);
    struct leat_reader r = leat_reader_of(leat_slice_of(exact, bytes.len));
    int status = my_value_decode(c, &r, &scratch, &policy, ret_value, &err);
    if (!status) {
        assert_true(leat_reader_done(&r));
        if (leat_kind_is_text(ret_value->kind)) /* may view `exact` */
            ret_value->text = leat_arena_copy(&scratch, ret_value->text);
    }
    free(exact);
    return status;
}

/* The laws of every value. */
static void check_laws(const struct my_column *c, struct leat_slice bytes)
{
    struct leat_value v;
    struct leat_reader whole = leat_reader_of(bytes);
    assert_true(my_value_skip(c, &whole));
    assert_true(leat_reader_done(&whole));
    for (size_t len = 0; len < bytes.len; len++) {
        struct leat_reader r = leat_reader_of(leat_slice_of(bytes.ptr, len));
        gives(LEAT_EPROTO, decode(c, leat_slice_of(bytes.ptr, len), &v));
        assert_false(my_value_skip(c, &r));
    }
}

/* --- values as SELECT prints them ---------------------------------------------------------------
 */

static void show_moment(int64_t us, bool date, unsigned digits, char *to)
{
    int64_t rest = us % 1000000;
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    if (rest < 0) {
        rest += 1000000;
        seconds--;
    }
    gmtime_r(&seconds, &tm);
    int n = snprintf(to, TEXT_MAX, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    if (!date)
        n += snprintf(to + n, 32, " %02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (!date && digits)
        snprintf(to + n, digits + 2, ".%06d", (int)rest);
}

static void show_time(int64_t us, unsigned digits, char *to)
{
    uint64_t v = (uint64_t)(us < 0 ? -us : us);
    int n = snprintf(to, 64, "%s%02d:%02d:%02d", us < 0 ? "-" : "", (int)(v / 3600000000),
                     (int)(v / 60000000 % 60), (int)(v / 1000000 % 60));
    if (digits)
        snprintf(to + n, digits + 2, ".%06d", (int)(v % 1000000));
}

static void show_uuid(struct leat_slice bytes, char *to)
{
    assert_int_equal(bytes.len, 16);
    for (size_t i = 0; i < 16; i++)
        to +=
            snprintf(to, 4, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", bytes.ptr[i]);
}

/* BIN() drops zeros in front. */
static void show_bits(struct leat_slice bits, char *to)
{
    while (bits.len > 1 && bits.ptr[0] == '0')
        bits = leat_slice_of(bits.ptr + 1, bits.len - 1);
    snprintf(to, TEXT_MAX, "%.*s", LEAT_SLICE_ARG(bits));
}

static const char *show(const struct my_column *c, const struct leat_value *v)
{
    static char text[TEXT_MAX];
    text[0] = '\0';
    switch ((enum leat_kind)v->kind) {
    case LEAT_INT64:
        snprintf(text, sizeof text, c->type == MY_TYPE_YEAR ? "%04lld" : "%lld",
                 (long long)v->integer);
        break;
    case LEAT_UINT64:
        snprintf(text, sizeof text, "%llu", (unsigned long long)v->natural);
        break;
    case LEAT_DATE:
        show_moment(v->integer * 86400000000, true, 0, text);
        break;
    case LEAT_TIMESTAMP:
    case LEAT_TIMESTAMPTZ:
        show_moment(v->integer, false, c->scale, text);
        break;
    case LEAT_TIME:
        show_time(v->integer, c->scale, text);
        break;
    case LEAT_UUID:
        show_uuid(v->text, text);
        break;
    case LEAT_BITS:
        assert_int_equal(v->text.len, c->length);
        show_bits(v->text, text);
        break;
    case LEAT_BYTES:
        for (size_t i = 0; i < v->text.len; i++)
            snprintf(text + 2 * i, 3, "%02X", v->text.ptr[i]);
        break;
    default:
        assert_true(leat_kind_is_text(v->kind));
        snprintf(text, sizeof text, "%.*s", LEAT_SLICE_ARG(v->text));
        break;
    }
    return text;
}

static void check_real(const struct my_column *c, const struct leat_value *v, const char *expected)
{
    double e = strtod(expected, NULL);
    if (c->type == MY_TYPE_FLOAT) /* SELECT rounds to six digits */
        assert_true(v->kind == LEAT_FLOAT32 && v->real == (double)(float)v->real &&
                    (v->real == e || (v->real / e > 0.999999 && v->real / e < 1.000001)));
    else
        assert_true(v->kind == LEAT_FLOAT64 && v->real == e);
}

/* --- the golden file -------------------------------------------------------------------------- */

enum { DECLARED, TYPE, METADATA, COLLATION, UNSIGNED, LOGICAL, LABELS, BYTES, HOW, TEXT };

static uint8_t logical_of(const char *name)
{
    return !strcmp(name, "uuid")    ? MY_LOGICAL_UUID
           : !strcmp(name, "inet6") ? MY_LOGICAL_INET6
           : !strcmp(name, "inet4") ? MY_LOGICAL_INET4
           : !strcmp(name, "json")  ? MY_LOGICAL_JSON
                                    : MY_LOGICAL_NONE;
}

static struct my_column described(char *fields[FIELDS])
{
    struct my_column c = column_of((uint8_t)atoi(fields[TYPE]), fields[METADATA]);
    c.is_unsigned = fields[UNSIGNED][0] == '1';
    c.logical = logical_of(fields[LOGICAL]);
    if (my_column_is_character(&c) || my_column_is_enum_or_set(&c))
        c.charset = my_charset_of(sets, (uint32_t)atoi(fields[COLLATION]));
    if (my_column_is_enum_or_set(&c)) {
        char *rest = fields[LABELS], *label;
        while ((label = strsep(&rest, "|")))
            labels[c.label_count++] = leat_slice_text(label);
        c.labels = labels;
    }
    my_column_refine(&c);
    return c;
}

/* What information_schema says, without display widths and what the log does not have. */
static void check_declaration(const struct my_column *c, const char *declared)
{
    struct leat_buf text;
    int32_t precision, scale;
    leat_buf_init(&text, TEXT_MAX);
    my_column_describe(c, &text, &precision, &scale);
    const char *ours = leat_buf_text(&text), *a = ours, *b = declared;
    bool width = my_column_is_numeric(c) && c->type != MY_TYPE_NEWDECIMAL;
    while (*a && *a == *b) {
        a++;
        b++;
        if (width && *b == '(')
            b += strcspn(b, ")") + 1;
    }
    bool point = c->type == MY_TYPE_GEOMETRY && !strcmp(ours, "geometry");
    if ((*a || *b) && strcmp(declared, "-") && !point && c->logical != MY_LOGICAL_JSON)
        fail_msg("%s is described as %s", declared, ours);
    if (c->kind == LEAT_DECIMAL || c->kind == LEAT_TIME)
        assert_int_equal(scale, c->scale);
    leat_buf_release(&text);
}

static void check_line(char *fields[FIELDS])
{
    struct my_column c = described(fields);
    struct leat_slice bytes = from_hex(fields[BYTES]);
    struct leat_value v;
    leat_arena_reset(&scratch);
    ok(decode(&c, bytes, &v));
    if (v.kind == LEAT_FLOAT32 || v.kind == LEAT_FLOAT64)
        check_real(&c, &v, fields[TEXT]);
    else if (strcmp(show(&c, &v), fields[TEXT]))
        fail_msg("%s %s is %s, not %s", fields[DECLARED], fields[BYTES], show(&c, &v),
                 fields[TEXT]);
    assert_true(v.kind == c.kind || (v.kind == LEAT_OTHER && strchr(fields[TEXT], '-')));
    assert_true((fields[HOW][0] == 'h') == (v.kind == LEAT_BYTES));
    check_declaration(&c, fields[DECLARED]);
    check_laws(&c, bytes);
    disown(bytes);
}

static void value__is_what_select_prints(void **state)
{
    (void)state;
    FILE *file = fopen("tests/golden/mysql/values.tsv", "r");
    char *line = NULL, *fields[FIELDS];
    size_t capacity = 0, count = 0;
    assert_non_null(file);
    while (getline(&line, &capacity, file) > 0) {
        char *rest = line;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        for (size_t i = 0; i < FIELDS; i++)
            assert_non_null(fields[i] = strsep(&rest, "\t"));
        check_line(fields);
        count++;
    }
    free(line);
    fclose(file);
    assert_true(count > 800);
    assert_int_equal(policy.text_replaced, 0);
}

/* --- the captured row ------------------------------------------------------------------------- */

struct sample {
    uint8_t type;
    const char *metadata;
    uint32_t collation;
    bool is_unsigned;
    uint8_t logical;
    const char *bytes;
    uint8_t kind;
    const char *text; /* as shown; NULL: not compared */
};

static const struct sample CAPTURED[] = {
    {3, "", 0, false, 0, "01000000", LEAT_INT64, "1"},
    {254, "fe10", 63, false, MY_LOGICAL_UUID, "0e 123e4567e89b12d3a45642665544", LEAT_UUID,
     "123e4567-e89b-12d3-a456-426655440000"},
    {254, "fe10", 63, false, 0, "0e 123e4567e89b12d3a45642665544", LEAT_BYTES,
     "123E4567E89B12D3A456426655440000"},
    {254, "fe10", 63, false, MY_LOGICAL_INET6, "10 20010db8000000000000ff0000428329", LEAT_STRING,
     "2001:db8::ff00:42:8329"},
    {254, "fe04", 63, false, MY_LOGICAL_INET4, "04 c0000201", LEAT_STRING, "192.0.2.1"},
    {141, "f501", 8, false, 0, "0c00 8a01904b4c4a1c8583080200", LEAT_STRING, NULL},
    {140, "02", 63, false, 0, "0800 8964abaaa23d0000", LEAT_BYTES, NULL},
    {252, "04", 46, false, MY_LOGICAL_JSON, "08000000 7b2261223a20317d", LEAT_JSON, "{\"a\": 1}"},
    {254, "fe05", 63, false, 0, "02 0102", LEAT_BYTES, "0102000000"},
    {15, "0500", 63, false, 0, "03 010200", LEAT_BYTES, "010200"},
    {254, "fe05", 8, false, 0, "02 6162", LEAT_STRING, "ab"},
    {254, "ee90", 45, false, 0, "0200 c3a9", LEAT_STRING, "é"},
    {16, "0201", 0, false, 0, "0201", LEAT_BITS, "1000000001"},
    {13, "", 0, true, 0, "7c", LEAT_INT64, "2024"},
    {255, "04", 0, false, 0, "19000000 00000000 0101000000 000000000000f03f 0000000000000040",
     LEAT_BYTES, "000000000101000000000000000000F03F0000000000000040"},
    {17, "03", 0, false, 0, "65937d25 1a7c", LEAT_TIMESTAMPTZ, "2024-01-02 03:04:05.678"},
    {18, "01", 0, false, 0, "99b2443105 3c", LEAT_TIMESTAMP, "2024-01-02 03:04:05.6"},
    {19, "02", 0, false, 0, "7fef7c d3", LEAT_TIME, "-01:02:03.45"},
    {10, "", 0, false, 0, "5dd00f", LEAT_DATE, "2024-02-29"},
    {246, "0a03", 0, true, 0, "8000007b 01c8", LEAT_DECIMAL, "123.456"},
    {4, "04", 0, false, 0, "0000c03f", LEAT_FLOAT32, NULL},
    {5, "08", 0, false, 0, "0000000000000440", LEAT_FLOAT64, NULL},
    {8, "", 0, true, 0, "ffffffffffffffff", LEAT_UINT64, "18446744073709551615"},
    /* the second table: character sets */
    {254, "fe14", 2304, false, 0, "03 61c3a9", LEAT_STRING, "aé"},
    {15, "1400", 28, false, 0, "04 d6d0cec4", LEAT_STRING, "中文"},
    {252, "02", 54, false, 0, "0400 d83dde00", LEAT_STRING, "😀"},
    {15, "0500", 8, false, 0, "02 e980", LEAT_STRING, "é€"},
    {254, "fe06", 35, false, 0, "04 00610062", LEAT_STRING, "ab"},
    {254, "fe03", 63, false, 0, "01 61", LEAT_BYTES, "610000"},
    /* what is older than 5.6: 2024-02-29 12:34:56, 1700000000, -12:34:56 */
    {12, "", 0, false, 0, "80c5aa8b68120000", LEAT_TIMESTAMP, "2024-02-29 12:34:56"},
    {7, "", 0, false, 0, "00f15365", LEAT_TIMESTAMPTZ, "2023-11-14 22:13:20"},
    {11, "", 0, false, 0, "c01dfe", LEAT_TIME, "-12:34:56"},
    {14, "", 0, false, 0, "5dd00f", LEAT_DATE, "2024-02-29"},
    {253, "0a00", 8, false, 0, "02 6162", LEAT_STRING, "ab"},
    {245, "04", 0, false, 0, "0d000000 00 01000c000b000100 05 0100 61", LEAT_JSON, "{\"a\": 1}"},
    {245, "04", 0, false, 0, "00000000", LEAT_JSON, "null"},
    {242, "04", 0, false, 0, "08000000 0000c03f 000000c0", LEAT_ARRAY, NULL},
    {15, "0800", 63, false, MY_LOGICAL_VECTOR, "08 0000c03f 000000c0", LEAT_ARRAY, NULL},
};
enum { CAPTURED_COUNT = sizeof CAPTURED / sizeof *CAPTURED };

static struct my_column sample_column(const struct sample *s)
{
    struct my_column c = column_of(s->type, s->metadata);
    c.is_unsigned = s->is_unsigned;
    c.logical = s->logical;
    c.charset = my_charset_of(sets, s->collation);
    my_column_refine(&c);
    return c;
}

static void value__captured_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < CAPTURED_COUNT; i++) {
        const struct sample *s = &CAPTURED[i];
        struct my_column c = sample_column(s);
        struct leat_slice bytes = from_hex(s->bytes);
        struct leat_value v;
        ok(decode(&c, bytes, &v));
        assert_int_equal(c.kind, s->kind);
        assert_int_equal(v.kind, s->kind);
        if (s->text)
            assert_string_equal(show(&c, &v), s->text);
        check_laws(&c, bytes);
        disown(bytes);
    }
}

static void check_repeated(size_t sample, const char *part, size_t times)
{
    struct my_column c = sample_column(&CAPTURED[sample]);
    struct leat_slice bytes = from_hex(CAPTURED[sample].bytes);
    struct leat_value v;
    ok(decode(&c, bytes, &v));
    assert_int_equal(v.text.len, times * strlen(part));
    for (size_t i = 0; i < times; i++)
        assert_memory_equal(v.text.ptr + i * strlen(part), part, strlen(part));
    disown(bytes);
}

static void value__compressed_columns_are_inflated(void **state)
{
    (void)state;
    check_repeated(5, "ab", 200);
    check_repeated(6, "z", 100);
}

static void value__broken_compression_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "0c00 8b01904b4c4a1c8583080200",   /* three bytes of length */
        "0c00 8a01914b4c4a1c8583080200",   /* one byte more than there is */
        "0c00 8a018f4b4c4a1c8583080200",   /* one byte less */
        "0d00 8a01904b4c4a1c858308020000", /* something behind it */
        "0c00 9a01904b4c4a1c8583080200",   /* another method */
        "0c00 8201904b4c4a1c8583080200",   /* a zlib head that is not there */
        "0900 8cffffffff4b4c4a1c",         /* four gigabytes from four bytes */
        "0100 80",
        "0200 8901",
        "0400 8f010203",
    };
    struct my_column c = sample_column(&CAPTURED[5]);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct leat_slice bytes = from_hex(cases[i]);
        struct leat_value v;
        gives(LEAT_EPROTO, decode(&c, bytes, &v));
        disown(bytes);
    }
}

static void value__vectors_are_arrays_of_floats(void **state)
{
    (void)state;
    for (size_t i = CAPTURED_COUNT - 2; i < CAPTURED_COUNT; i++) {
        struct my_column c = sample_column(&CAPTURED[i]);
        struct leat_slice bytes = from_hex(CAPTURED[i].bytes);
        struct leat_value v, element;
        struct leat_array a;
        ok(decode(&c, bytes, &v));
        assert_true(leat_array_open(v.text, &a));
        assert_int_equal(a.count, 2);
        leat_value_read(&a.elements, &element);
        assert_true(element.kind == LEAT_FLOAT32 && element.real == 1.5);
        leat_value_read(&a.elements, &element);
        assert_true(element.kind == LEAT_FLOAT32 && element.real == -2.0);
        assert_true(leat_reader_done(&a.elements));
        disown(bytes);
    }
    struct my_column c = sample_column(&CAPTURED[CAPTURED_COUNT - 2]);
    struct leat_value v;
    struct leat_array a;
    ok(decode(&c, leat_slice_of("\0\0\0\0", 4), &v));
    assert_true(leat_array_open(v.text, &a) && a.count == 0);
    gives(LEAT_EPROTO, decode(&c, leat_slice_of("\3\0\0\0abc", 7), &v));
}

static void value__floats_keep_their_bits(void **state)
{
    (void)state;
    struct my_column f = column_of(MY_TYPE_FLOAT, "04"), d = column_of(MY_TYPE_DOUBLE, "08");
    struct leat_value v;
    float tenth = 0.1f;
    double third = 1.0 / 3;
    ok(decode(&f, leat_slice_of(&tenth, sizeof tenth), &v));
    assert_true(v.kind == LEAT_FLOAT32 && v.real == (double)0.1f);
    ok(decode(&d, leat_slice_of(&third, sizeof third), &v));
    assert_true(v.kind == LEAT_FLOAT64 && v.real == third);
}

/* --- dates that are none ---------------------------------------------------------------------- */

static const struct {
    uint8_t type;
    const char *metadata, *bytes, *text;
} UNREAL[] = {
    {10, "", "000000", "0000-00-00"},
    {10, "", "0fd00f", "2024-00-15"},
    {10, "", "5fd00f", "2024-02-31"},
    {18, "03", "99b21ea0000000", "2024-00-15 10:00:00.000"},
    {18, "00", "8000000000", "0000-00-00 00:00:00"},
    {17, "00", "00000000", "0000-00-00 00:00:00"},
    {17, "06", "00000000000000", "0000-00-00 00:00:00.000000"},
    {7, "", "00000000", "0000-00-00 00:00:00"},
    {12, "", "0000000000000000", "0000-00-00 00:00:00"},
};

static void value__dates_that_are_none_go_by_policy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof UNREAL / sizeof *UNREAL; i++) {
        struct my_column c = column_of(UNREAL[i].type, UNREAL[i].metadata);
        struct leat_slice bytes = from_hex(UNREAL[i].bytes);
        struct leat_value v = {.kind = LEAT_BOOL};
        policy.zero_dates = MY_ZERO_TEXT;
        ok(decode(&c, bytes, &v));
        assert_int_equal(v.kind, LEAT_OTHER);
        assert_string_equal(show(&c, &v), UNREAL[i].text);
        policy.zero_dates = MY_ZERO_NULL;
        ok(decode(&c, bytes, &v));
        assert_int_equal(v.kind, LEAT_NULL);
        policy.zero_dates = MY_ZERO_ERROR;
        gives(LEAT_EDATA, decode(&c, bytes, &v));
        assert_text_has(err.text, UNREAL[i].text);
        disown(bytes);
    }
}

static void value__fields_out_of_bounds_are_malformed(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        const char *metadata, *bytes;
    } cases[] = {
        {10, "", "a1d10f"},           /* month 13 */
        {18, "00", "0000000000"},     /* below the offset */
        {18, "00", "ffffffffff"},     /* past 9999 */
        {18, "00", "99b2458000"},     /* hour 24 */
        {18, "00", "99b2443f05"},     /* minute 60 and more */
        {18, "02", "99b244310564"},   /* a fraction of 100 hundredths */
        {17, "04", "65937d252710"},   /* of 10000 */
        {17, "06", "65937d250f4240"}, /* of a million */
        {19, "00", "8000fc"},         /* 60 seconds */
        {19, "00", "800f00"},         /* 60 minutes */
        {19, "00", "b47000"},         /* hour 839 */
        {19, "00", "ffffff"},         /* a bit above the hours */
        {12, "", "ffffffffffffffff"},
        {12, "", "b06fb78b68120000"},  /* hour 95 */
        {11, "", "ffff7f"},            /* 838:86:07 */
        {246, "0a03", "ffffffff01c8"}, /* groups of too many digits */
        {246, "0a03", "8000007bffff"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct my_column c = column_of(cases[i].type, cases[i].metadata);
        struct leat_slice bytes = from_hex(cases[i].bytes);
        struct leat_value v;
        gives(LEAT_EPROTO, decode(&c, bytes, &v));
        disown(bytes);
    }
}

static void value__days_are_the_c_librarys(void **state)
{
    (void)state;
    struct my_column c = column_of(MY_TYPE_DATE, "");
    for (int year = 0; year <= 9999; year++)
        for (int month = 1; month <= 12; month++) {
            int day = 1 + (year * 7 + month) % 28;
            struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
            uint32_t packed = (uint32_t)(year << 9 | month << 5 | day);
            struct leat_value v;
            struct leat_reader r = leat_reader_of(leat_slice_of(&packed, 3));
            ok(my_value_decode(&c, &r, &scratch, &policy, &v, &err));
            assert_true(v.kind == LEAT_DATE && v.integer == timegm(&tm) / 86400);
        }
}

/* --- labels and texts ------------------------------------------------------------------------- */

static void value__labels_that_are_not_there_are_an_error(void **state)
{
    (void)state;
    struct my_column e = column_of(254, "f701"), s = column_of(254, "f801");
    struct leat_value v;
    labels[0] = leat_slice_text("x");
    labels[1] = leat_slice_text("y");
    e.labels = s.labels = labels;
    e.label_count = s.label_count = 2;
    ok(decode(&e, leat_slice_of("\2", 1), &v));
    assert_string_equal(show(&e, &v), "y");
    ok(decode(&e, leat_slice_of("\0", 1), &v));
    assert_true(v.kind == LEAT_STRING && v.text.len == 0);
    gives(LEAT_EDATA, decode(&e, leat_slice_of("\3", 1), &v));
    ok(decode(&s, leat_slice_of("\3", 1), &v));
    assert_string_equal(show(&s, &v), "x,y");
    gives(LEAT_EDATA, decode(&s, leat_slice_of("\4", 1), &v));
    gives(LEAT_EDATA, decode(&s, leat_slice_of("\5", 1), &v));
    e.label_count = s.label_count = 0;
    gives(LEAT_EDATA, decode(&e, leat_slice_of("\1", 1), &v));
    ok(decode(&s, leat_slice_of("\0", 1), &v));
}

static void value__bad_text_goes_by_policy(void **state)
{
    (void)state;
    struct my_column c = column_of(MY_TYPE_VARCHAR, "1400");
    struct leat_value v;
    c.charset = my_charset_of(sets, 45);
    my_column_refine(&c);
    ok(decode(&c,
              leat_slice_of("\3a\xff"
                            "b",
                            4),
              &v));
    assert_string_equal(show(&c, &v), "a\xef\xbf\xbd"
                                      "b");
    assert_int_equal(policy.text_replaced, 1);
    policy.bad_text = MY_BAD_TEXT_ERROR;
    gives(LEAT_EDATA, decode(&c,
                             leat_slice_of("\3a\xff"
                                           "b",
                                           4),
                             &v));
    ok(decode(&c, leat_slice_of("\3abc", 4), &v));
}

/* Nobody told the character set: bytes as they are, not filled up, for it need not be BINARY. */
static void value__text_of_no_known_set_is_bytes(void **state)
{
    (void)state;
    struct my_column c = column_of(MY_TYPE_STRING, "fe05");
    struct leat_value v;
    assert_int_equal(c.kind, LEAT_BYTES);
    ok(decode(&c, leat_slice_of("\2ab", 3), &v));
    assert_int_equal(v.text.len, 2);
    c.charset = my_charset_of(sets, 63);
    my_column_refine(&c);
    ok(decode(&c, leat_slice_of("\2ab", 3), &v));
    assert_int_equal(v.text.len, 5);
    gives(LEAT_EPROTO, decode(&c, leat_slice_of("\6abcdef", 7), &v));
}

static void value__full_scratch_is_a_limit(void **state)
{
    (void)state;
    struct leat_arena none;
    struct my_column c = column_of(MY_TYPE_NEWDECIMAL, "0a03");
    struct leat_reader r = leat_reader_of(leat_slice_of("\x80\0\0\0\0\0", 6));
    struct leat_value v = {.kind = LEAT_BOOL};
    leat_arena_init(&none, 0);
    gives(LEAT_ELIMIT, my_value_decode(&c, &r, &none, &policy, &v, &err));
    assert_int_equal(v.kind, LEAT_BOOL); /* untouched */
    leat_arena_release(&none);
}

/* --- columns ---------------------------------------------------------------------------------- */

static void column__unknown_types_are_named(void **state)
{
    (void)state;
    static const uint8_t unknown[] = {0, 20, 21, 100, 139, 142, 241, 243, 244, 249, 250, 251};
    for (size_t i = 0; i < sizeof unknown; i++) {
        struct leat_reader r = leat_reader_of(leat_slice_of("\1\1\1\1", 4));
        struct my_column c;
        char number[8];
        gives(LEAT_EDATA, my_column_init(&c, unknown[i], &r, &err));
        snprintf(number, sizeof number, "%u", unknown[i]);
        assert_text_has(err.text, number);
    }
}

static void column__impossible_metadata_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        const char *metadata;
    } cases[] = {{246, "4200"}, {246, "0506"}, {246, "0000"}, {4, "08"},     {5, "04"},
                 {17, "07"},    {18, "ff"},    {16, "0000"},  {16, "0908"},  {16, "0108"},
                 {252, "00"},   {252, "05"},   {245, "09"},   {254, "f703"}, {254, "f700"},
                 {254, "f805"}, {254, "f809"}, {254, "fd01"}, {246, "0a"},   {15, "01"},
                 {252, ""},     {254, "fe"},   {19, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct leat_slice bytes = from_hex(cases[i].metadata);
        struct leat_reader r = leat_reader_of(bytes);
        struct my_column c;
        gives(LEAT_EPROTO, my_column_init(&c, cases[i].type, &r, &err));
        disown(bytes);
    }
}

static void column__classes_of_the_optional_metadata(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        struct my_column c = {.type = (uint8_t)type};
        const uint8_t numeric[] = {1, 2, 3, 4, 5, 8, 9, 13, 246},
                      character[] = {15, 140, 141, 242, 252, 253, 254};
        assert_int_equal(my_column_is_numeric(&c),
                         memchr(numeric, (int)type, sizeof numeric) != NULL);
        assert_int_equal(my_column_is_character(&c),
                         memchr(character, (int)type, sizeof character) != NULL);
        assert_int_equal(my_column_is_enum_or_set(&c), type == 247 || type == 248);
        assert_int_equal(my_column_is_geometry(&c), type == 255);
    }
}

static void check_description(struct my_column *c, const char *expected, int32_t precision,
                              int32_t scale)
{
    struct leat_buf text;
    int32_t p, s;
    leat_buf_init(&text, TEXT_MAX);
    my_column_refine(c);
    my_column_describe(c, &text, &p, &s);
    assert_string_equal(leat_buf_text(&text), expected);
    assert_int_equal(p, precision);
    assert_int_equal(s, scale);
    leat_buf_release(&text);
}

static void column__descriptions_have_precision_and_scale(void **state)
{
    (void)state;
    struct my_column c = column_of(246, "0a02");
    c.is_unsigned = true;
    check_description(&c, "decimal(10,2) unsigned", 10, 2);
    c = column_of(15, "5000");
    c.charset = my_charset_of(sets, 45);
    check_description(&c, "varchar(20)", 20, -1);
    c.charset = my_charset_of(sets, 63);
    check_description(&c, "varbinary(80)", 80, -1);
    c = column_of(18, "00");
    check_description(&c, "datetime", -1, 0);
    c = column_of(17, "06");
    check_description(&c, "timestamp(6)", -1, 6);
    c = column_of(16, "0001");
    check_description(&c, "bit(8)", 8, -1);
    c = column_of(3, "");
    c.is_unsigned = true;
    check_description(&c, "int unsigned", -1, -1);
    c = column_of(13, "");
    c.is_unsigned = true; /* the log says so of every year */
    check_description(&c, "year", -1, -1);
    c = column_of(255, "04");
    c.geometry = 6;
    check_description(&c, "multipolygon", -1, -1);
    c = column_of(254, "f801");
    labels[0] = leat_slice_text("it's");
    labels[1] = leat_slice_text("a\\b\n");
    c.labels = labels;
    c.label_count = 2;
    check_description(&c, "set('it''s','a\\\\b\\n')", -1, -1);
    c = column_of(245, "04");
    check_description(&c, "json", -1, -1);
    c = column_of(15, "0c00");
    c.charset = my_charset_of(sets, 63);
    c.logical = MY_LOGICAL_VECTOR;
    check_description(&c, "vector(3)", -1, -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(column__unknown_types_are_named),
        TEST(column__impossible_metadata_is_refused),
        TEST(column__classes_of_the_optional_metadata),
        TEST(column__descriptions_have_precision_and_scale),
        TEST(value__captured_row),
        TEST(value__is_what_select_prints),
        TEST(value__compressed_columns_are_inflated),
        TEST(value__broken_compression_is_refused),
        TEST(value__vectors_are_arrays_of_floats),
        TEST(value__floats_keep_their_bits),
        TEST(value__dates_that_are_none_go_by_policy),
        TEST(value__fields_out_of_bounds_are_malformed),
        TEST(value__days_are_the_c_librarys),
        TEST(value__labels_that_are_not_there_are_an_error),
        TEST(value__bad_text_goes_by_policy),
        TEST(value__text_of_no_known_set_is_bytes),
        TEST(value__full_scratch_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
