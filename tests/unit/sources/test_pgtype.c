/*
 * Each value of tests/golden/pgtype/values.tsv was printed by a real server in text, in binary, and
 * in a canonical form that it computed with SQL. The text form must decode to the canonical form,
 * and the binary form to the same value as the text. types.tsv and describe.tsv hold the server's
 * own names. What is not asked of a server is compared with the C library (calendar, floats) or
 * written down here.
 */
#include "sources/postgres/pgtype_forms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { SCRATCH_BYTES = 8 << 20, FIELDS_MAX = 6 };

/* --- tables ----------------------------------------------------------------------------------- */

struct table {
    FILE *file;
    char *line;
    size_t capacity;
    char *fields[FIELDS_MAX];
};

static void table_open(struct table *t, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/pgtype/%s", name);
    *t = (struct table){.file = fopen(path, "r")};
    if (!t->file)
        fail_msg("%s is missing", path);
}

static bool table_next(struct table *t, size_t fields)
{
    if (getline(&t->line, &t->capacity, t->file) < 0)
        return false;
    char *rest = t->line;
    t->line[strcspn(t->line, "\n")] = '\0';
    for (size_t i = 0; i < fields; i++) {
        t->fields[i] = strsep(&rest, "\t");
        assert_non_null(t->fields[i]);
    }
    assert_null(rest);
    return true;
}

static void table_close(struct table *t)
{
    free(t->line);
    fclose(t->file);
}

static int64_t number(const char *text)
{
    return strtoll(text, NULL, 10);
}

/* --- one value of the corpus: both wire forms in memory of exactly their size ----------------- */

struct sample {
    const char *type_name;
    const struct pgtype *type;
    const char *kind;
    const char *canonical;
    struct leat_slice text;
    struct leat_slice binary;
};

static struct leat_slice owned(const void *bytes, size_t len)
{
    void *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    if (len)
        memcpy(copy, bytes, len);
    return leat_slice_of(copy, len);
}

static void disown(struct leat_slice s)
{
    free((void *)(uintptr_t)s.ptr);
}

static struct leat_slice from_hex(const char *hex)
{
    size_t len = strlen(hex) / 2;
    uint8_t *bytes = malloc(len ? len : 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return leat_slice_of(bytes, len);
}

static struct leat_slice unescaped(char *text)
{
    size_t len = 0;
    for (const char *at = text; *at; at++) {
        char c = *at;
        if (c == '\\') {
            at++;
            c = (char)(*at == 't' ? '\t' : *at == 'n' ? '\n' : *at);
        }
        text[len++] = c;
    }
    return owned(text, len);
}

static bool sample_next(struct table *t, struct sample *s)
{
    if (!table_next(t, 6))
        return false;
    s->type_name = t->fields[0];
    s->type = pgtype_find((uint32_t)number(t->fields[1]));
    s->kind = t->fields[2];
    s->canonical = t->fields[3];
    s->text = unescaped(t->fields[4]);
    s->binary = from_hex(t->fields[5]);
    return true;
}

static void sample_free(struct sample *s)
{
    disown(s->text);
    disown(s->binary);
}

/* --- the canonical form ----------------------------------------------------------------------- */

static void show_hex(struct leat_buf *out, struct leat_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        leat_buf_format(out, "%02x", s.ptr[i]);
}

static void show_instant(struct leat_buf *out, int64_t v)
{
    if (v == LEAT_INFINITY_US || v == LEAT_MINUS_INFINITY_US)
        leat_buf_append_text(out, v > 0 ? "inf" : "-inf");
    else
        leat_buf_format(out, "%lld", (long long)v);
}

static void show_value(struct leat_buf *out, const struct leat_value *v);

static void show_array(struct leat_buf *out, struct leat_slice encoded)
{
    struct leat_array a;
    assert_true(leat_array_open(encoded, &a));
    for (unsigned i = 0; i < a.dimensions; i++)
        leat_buf_format(out, "[%d:%lld]", a.lower_bounds[i],
                        (long long)a.lower_bounds[i] + a.lengths[i] - 1);
    leat_buf_append_text(out, " ");
    for (uint64_t i = 0; i < a.count; i++) {
        struct leat_value v;
        leat_value_read(&a.elements, &v);
        assert_false(a.elements.bad);
        leat_buf_append_text(out, i ? "|" : "");
        show_value(out, &v);
    }
    assert_true(leat_reader_done(&a.elements));
}

static void show_real(struct leat_buf *out, double real)
{
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    if (real != real)
        leat_buf_append_text(out, "nan");
    else
        leat_buf_format(out, "%016llx", (unsigned long long)bits);
}

static void show_value(struct leat_buf *out, const struct leat_value *v)
{
    switch ((enum leat_kind)v->kind) {
    case LEAT_NULL:
        leat_buf_append_text(out, "NULL");
        return;
    case LEAT_FLOAT32:
    case LEAT_FLOAT64:
        show_real(out, v->real);
        return;
    case LEAT_DECIMAL:
    case LEAT_BITS:
        leat_buf_append(out, v->text);
        return;
    case LEAT_INTERVAL:
        leat_buf_format(out, "%d %d %lld", v->span.months, v->span.days, (long long)v->span.us);
        return;
    case LEAT_TIMETZ:
        assert_int_equal(v->span.months, 0);
        leat_buf_format(out, "%lld %d", (long long)v->span.us, v->span.days);
        return;
    case LEAT_ARRAY:
        show_array(out, v->text);
        return;
    default:
        if (leat_kind_is_text(v->kind))
            show_hex(out, v->text);
        else if (v->kind >= LEAT_DATE)
            show_instant(out, v->integer);
        else
            leat_buf_format(out, "%lld", (long long)v->integer);
    }
}

/* --- decoding --------------------------------------------------------------------------------- */

static void text_ok(const struct pgtype *type, struct leat_slice wire, struct leat_arena *scratch,
                    struct leat_value *ret_value)
{
    struct leat_err err;
    if (pgtype_decode_text(type, wire, scratch, ret_value, &err))
        fail_msg("%s", err.text);
}

static void binary_ok(const struct pgtype *type, struct leat_slice wire, struct leat_arena *scratch,
                      struct leat_value *ret_value)
{
    struct leat_err err;
    if (pgtype_decode_binary(type, wire, scratch, ret_value, &err))
        fail_msg("%s", err.text);
}

static void corpus__text_decodes_to_what_the_server_computed(void **state)
{
    struct table t;
    struct sample s;
    struct leat_arena scratch;
    struct leat_buf out;
    size_t count = 0;
    (void)state;
    table_open(&t, "values.tsv");
    leat_arena_init(&scratch, SCRATCH_BYTES);
    leat_buf_init(&out, 1 << 20);
    for (; sample_next(&t, &s); count++) {
        struct leat_value v;
        text_ok(s.type, s.text, &scratch, &v);
        leat_buf_reset(&out);
        show_value(&out, &v);
        if (strcmp(leat_kind_name(v.kind), s.kind) != 0 ||
            strcmp(leat_buf_text(&out), s.canonical) != 0)
            fail_msg("%s: %s %s, not %s %s", s.type_name, leat_kind_name(v.kind),
                     leat_buf_text(&out), s.kind, s.canonical);
        sample_free(&s);
        leat_arena_reset(&scratch);
    }
    assert_true(count > 300);
    leat_buf_release(&out);
    leat_arena_release(&scratch);
    table_close(&t);
}

static void corpus__binary_decodes_to_the_same_value_as_text(void **state)
{
    struct table t;
    struct sample s;
    struct leat_arena scratch;
    size_t exact = 0;
    (void)state;
    table_open(&t, "values.tsv");
    leat_arena_init(&scratch, SCRATCH_BYTES);
    while (sample_next(&t, &s)) {
        struct leat_value text;
        struct leat_value binary;
        text_ok(s.type, s.text, &scratch, &text);
        binary_ok(s.type, s.binary, &scratch, &binary);
        if (s.type->binary_exact && !leat_value_equal(&text, &binary))
            fail_msg("%s %s: text and binary differ (%s, %s)", s.type_name, s.canonical,
                     leat_kind_name(text.kind), leat_kind_name(binary.kind));
        if (!s.type->binary_exact && s.type->kind != LEAT_ARRAY) {
            assert_int_equal(binary.kind, LEAT_BYTES);
            assert_true(leat_slice_equal(binary.text, s.binary));
        }
        exact += s.type->binary_exact;
        sample_free(&s);
        leat_arena_reset(&scratch);
    }
    assert_true(exact > 280);
    leat_arena_release(&scratch);
    table_close(&t);
}

static void corpus__no_type_with_a_binary_decoder_is_left_out(void **state)
{
    static bool seen[10000];
    struct table t;
    struct sample s;
    (void)state;
    table_open(&t, "values.tsv");
    while (sample_next(&t, &s)) {
        seen[s.type->oid] = true;
        sample_free(&s);
    }
    table_close(&t);
    for (uint32_t oid = 1; oid < 10000; oid++) {
        const struct pgtype *type = pgtype_find(oid);
        if (type->oid == oid && type->binary_exact && type->kind != LEAT_ARRAY && !seen[oid])
            fail_msg("no value of type %s", type->name);
    }
}

/* Values whose bytes are their content have no wrong length; all others have one right length
 * only. */
static bool any_length(const struct pgtype *type)
{
    return type->form == PGTYPE_FORM_VERBATIM || type->form == PGTYPE_FORM_VERSIONED ||
           type->form == PGTYPE_FORM_BYTEA || type->form == PGTYPE_FORM_UNKNOWN;
}

static void assert_malformed(const struct sample *s, struct leat_slice wire,
                             struct leat_arena *scratch)
{
    struct leat_err err;
    struct leat_value v = {.kind = LEAT_ABSENT, .integer = 1234};
    struct leat_slice exact = owned(wire.ptr, wire.len);
    if (pgtype_decode_binary(s->type, exact, scratch, &v, &err) != LEAT_EDATA)
        fail_msg("%s: %zu instead of %zu bytes were accepted", s->type_name, wire.len,
                 s->binary.len);
    assert_non_null(strstr(err.text, "are no binary value of type"));
    assert_int_equal(v.integer, 1234);
    disown(exact);
}

static void corpus__every_binary_prefix_and_extension_is_an_error(void **state)
{
    struct table t;
    struct sample s;
    struct leat_arena scratch;
    (void)state;
    table_open(&t, "values.tsv");
    leat_arena_init(&scratch, SCRATCH_BYTES);
    for (; sample_next(&t, &s); sample_free(&s)) {
        if (any_length(s.type))
            continue;
        for (size_t len = 0; len < s.binary.len; len++) {
            assert_malformed(&s, leat_slice_of(s.binary.ptr, len), &scratch);
            leat_arena_reset(&scratch);
        }
        uint8_t *longer = calloc(s.binary.len + 1, 1);
        assert_non_null(longer);
        memcpy(longer, s.binary.ptr, s.binary.len);
        assert_malformed(&s, leat_slice_of(longer, s.binary.len + 1), &scratch);
        free(longer);
    }
    leat_arena_release(&scratch);
    table_close(&t);
}

/* With `room` bytes of scratch a value is decoded as with plenty, or the limit is named; nothing
 * else. */
static void assert_bounded(const struct sample *s, size_t room)
{
    int (*const decoders[])(const struct pgtype *, struct leat_slice, struct leat_arena *,
                            struct leat_value *,
                            struct leat_err *) = {pgtype_decode_binary, pgtype_decode_text};
    const struct leat_slice wires[] = {s->binary, s->text};
    for (size_t i = 0; i < 2; i++) {
        struct leat_arena scratch;
        struct leat_err err = {.code = 0};
        struct leat_value v;
        leat_arena_init(&scratch, room);
        int rc = decoders[i](s->type, wires[i], &scratch, &v, &err);
        assert_true(rc == LEAT_OK || rc == LEAT_ELIMIT);
        assert_int_equal(err.code, rc);
        leat_arena_release(&scratch);
    }
}

static void corpus__a_full_scratch_is_a_limit_and_nothing_leaks(void **state)
{
    struct table t;
    struct sample s;
    (void)state;
    table_open(&t, "values.tsv");
    for (; sample_next(&t, &s); sample_free(&s)) {
        assert_bounded(&s, 0);
        assert_bounded(&s, 16);
        assert_bounded(&s, 64);
    }
    table_close(&t);
}

/* --- names ------------------------------------------------------------------------------------ */

static void types__names_and_elements_are_the_servers(void **state)
{
    struct table t;
    size_t count = 0;
    (void)state;
    table_open(&t, "types.tsv");
    for (; table_next(&t, 5); count++) {
        uint32_t oid = (uint32_t)number(t.fields[0]);
        const struct pgtype *type = pgtype_find(oid);
        assert_int_equal(type->oid, oid);
        assert_string_equal(type->short_name, t.fields[1]);
        assert_string_equal(type->name, t.fields[2]);
        assert_int_equal(type->kind == LEAT_ARRAY, number(t.fields[3]) != 0);
        assert_int_equal(type->delimiter, t.fields[4][0]);
        if (type->kind != LEAT_ARRAY)
            continue;
        const struct pgtype *element = pgtype_element(type);
        assert_int_equal(element->oid, number(t.fields[3]));
        assert_int_equal(element->kind, type->element);
        assert_int_equal(element->binary_exact, type->binary_exact);
    }
    assert_true(count > 150);
    table_close(&t);
}

static void types__are_found_by_the_names_of_type_messages(void **state)
{
    struct table t;
    struct leat_slice catalog = LEAT_SLICE_LITERAL("pg_catalog");
    struct leat_slice public = LEAT_SLICE_LITERAL("public");
    (void)state;
    table_open(&t, "types.tsv");
    while (table_next(&t, 5)) {
        struct leat_slice name = leat_slice_text(t.fields[1]);
        assert_ptr_equal(pgtype_find_named(catalog, name),
                         pgtype_find((uint32_t)number(t.fields[0])));
        assert_ptr_equal(pgtype_find_named(public, name), pgtype_find(0));
    }
    table_close(&t);
    assert_int_equal(pgtype_find_named(public, LEAT_SLICE_LITERAL("citext"))->kind, LEAT_STRING);
    assert_int_equal(pgtype_find_named(public, LEAT_SLICE_LITERAL("_citext"))->element,
                     LEAT_STRING);
    assert_ptr_equal(pgtype_find_named(catalog, LEAT_SLICE_LITERAL("citext")), pgtype_find(0));
    assert_ptr_equal(pgtype_find_named(public, LEAT_SLICE_LITERAL("")), pgtype_find(0));
    assert_ptr_equal(pgtype_find_named(public, LEAT_SLICE_LITERAL("_")), pgtype_find(0));
}

static void types__unknown_ones_pass_as_text_and_keep_their_bytes(void **state)
{
    const struct pgtype *type = pgtype_find(1234567);
    struct leat_slice wire = LEAT_SLICE_LITERAL("(1,\"x y\")");
    struct leat_value v;
    (void)state;
    assert_ptr_equal(type, pgtype_find(0));
    assert_false(type->binary_exact);
    text_ok(type, wire, NULL, &v);
    assert_int_equal(v.kind, LEAT_OTHER);
    assert_ptr_equal(v.text.ptr, wire.ptr);
    binary_ok(type, wire, NULL, &v);
    assert_int_equal(v.kind, LEAT_BYTES);
    assert_true(leat_slice_equal(v.text, wire));
}

static void describe__is_what_format_type_prints(void **state)
{
    struct table t;
    struct leat_buf out;
    (void)state;
    table_open(&t, "describe.tsv");
    leat_buf_init(&out, 1024);
    while (table_next(&t, 3)) {
        int32_t precision;
        int32_t scale;
        leat_buf_reset(&out);
        pgtype_describe(pgtype_find((uint32_t)number(t.fields[0])), (int32_t)number(t.fields[1]),
                        &out, &precision, &scale);
        assert_string_equal(leat_buf_text(&out), t.fields[2]);
    }
    leat_buf_release(&out);
    table_close(&t);
}

static void describe__gives_precision_and_scale(void **state)
{
    static const struct {
        uint32_t oid;
        int32_t typmod, precision, scale;
    } cases[] = {
        {1700, (10 << 16 | 2) + 4, 10, 2},
        {1700, 198658, 3, -2},
        {1231, (5 << 16) + 4, 5, 0},
        {1700, -1, -1, -1},
        {1043, 24, 20, -1},
        {1042, 5, 1, -1},
        {1560, 3, 3, -1},
        {1114, 3, -1, 3},
        {1184, -1, -1, -1},
        {1186, 2147418115, -1, 3},
        {1186, 327679, -1, -1},
        {25, -1, -1, -1},
        {0, 7, -1, -1},
    };
    struct leat_buf out;
    (void)state;
    leat_buf_init(&out, 1024);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int32_t precision = 99;
        int32_t scale = 99;
        pgtype_describe(pgtype_find(cases[i].oid), cases[i].typmod, &out, &precision, &scale);
        assert_int_equal(precision, cases[i].precision);
        assert_int_equal(scale, cases[i].scale);
    }
    leat_buf_release(&out);
}

/* --- odd texts -------------------------------------------------------------------------------- */

static void text__what_does_not_parse_is_kept_verbatim(void **state)
{
    static const struct {
        uint32_t oid;
        const char *texts[24];
    } odd[] = {
        {16, {"", "true", "T", "tt"}},
        {21, {"32768", "-32769", "", "-", "+1", " 1", "1 ", "1.0", "1e3", "99999999999999999999"}},
        {23, {"2147483648", "-2147483649", "0x1"}},
        {20,
         {"9223372036854775808", "-9223372036854775809", "18446744073709551616",
          "99999999999999999999999"}},
        {26, {"-1", "4294967296"}},
        {700,
         {"", "-", ".", "1e", "1e+", "1e400", "inf", "nan", "0x1p3", "1,5", "1e-", "1 ", "1e99999",
          "NaN(1)", "e5"}},
        {701, {"", "1e400", "-1e999", "infinity", "1.2.3", "1d5", "1e5x"}},
        {1700, {"", "-", ".5", "5.", "1e5", "nan", "+1", "1.2.3", "1 "}},
        {790,
         {"", "$", "1.00", "$1.0", "$1,23x.00", "($1.00)", "€1.00", "$-1.00", "$1.000", "$.00",
          "$12345678901234567890123456789012345.00"}},
        {17, {"", "\\", "\\x0", "\\xAB", "\\x0g", "abc", "x00", "\\000"}},
        {2950,
         {"", "123e4567-e89b-12d3-a456-42661417400", "123e4567-e89b-12d3-a456-4266141740000",
          "123E4567-e89b-12d3-a456-426614174000", "123e4567ee89b-12d3-a456-426614174000",
          "123e4567-e89b-12d3-a456-42661417400g", "123e4567-e89b-12d3-a456-4-6614174000"}},
        {1082,
         {"", "2024-02-30", "2023-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "2024-1-1",
          "0000-01-01", "2024-01-01BC", "2024-01-01 BC ", "24-01-01", "12345678-01-01", "Infinity",
          "2024/01/01", "1900-02-29", "0001-02-29", "2024-01-01 AD", "0004-02-29 BC"}},
        {1083,
         {"", "24:00:01", "25:00:00", "12:60:00", "12:00:60", "12:00", "1:00:00", "12:00:00.",
          "12:00:00.1234567", "12:00:00+00"}},
        {1266,
         {"12:00:00", "12:00:00+", "12:00:00+1", "12:00:00+16", "12:00:00+05:60", "12:00:00Z"}},
        {1114,
         {"2024-07-02", "2024-07-02T03:04:05", "2024-07-02 03:04:05+00", "2024-07-02 03:04",
          "2024-07-02 03:04:05 ", "2024-07-02 25:00:00", "9999999-01-01 00:00:00",
          "01/07/2024 23:04:05 EDT"}},
        {1184, {"2024-07-02 03:04:05", "2024-07-02 03:04:05 UTC", "2024-07-02 03:04:05+00 AD"}},
        {1186,
         {"", "1", "1 ", "1 fortnight", "1 mon  2 days", "1 mon ", "1:2:3", "00:00",
          "00:00:00 1 day", "P1D", "infinity", "-infinity", "2562047788:00:54.775808",
          "2562047789:00:00", "2147483648 days", "178956971 years", "@ 1 day", "-"}},
        {1560, {"012", "B101", "1 0"}},
    };
    struct leat_arena scratch;
    (void)state;
    leat_arena_init(&scratch, SCRATCH_BYTES);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        for (size_t j = 0; odd[i].texts[j]; j++) {
            struct leat_value v;
            struct leat_slice wire = owned(odd[i].texts[j], strlen(odd[i].texts[j]));
            text_ok(pgtype_find(odd[i].oid), wire, &scratch, &v);
            if (v.kind != LEAT_OTHER)
                fail_msg("%s accepts \"%s\"", pgtype_find(odd[i].oid)->name, odd[i].texts[j]);
            assert_true(leat_slice_equal(v.text, leat_slice_text(odd[i].texts[j])));
            disown(wire);
        }
    }
    leat_arena_release(&scratch);
}

static void arrays__of_another_shape_are_kept_verbatim(void **state)
{
    static const char *const odd[] = {
        "",
        "{",
        "}",
        "{1",
        "{1,}",
        "{,1}",
        "{1}}",
        "{{1}",
        "{1},{2}",
        "{{1},2}",
        "{1,{2}}",
        "{{1,2},{3}}",
        "{{}}",
        "{\"1}",
        "{1\"2\"}",
        "{\"1\"2}",
        "{1\\",
        "{\"1\\",
        "[1:2]={1}",
        "[1:1]{1}",
        "[1]={1}",
        "[2:1]={}",
        "[1:1][1:1]={1}",
        "[1:1]={{1}}",
        "[a:b]={1}",
        "[1:2]={1,2}x",
        "{{{{{{{1}}}}}}}",
        "[0:99999999999]={1}",
        "[-2147483649:0]={1}",
        "[1:1]={}",
        "{ 1 }}",
    };
    struct leat_arena scratch;
    (void)state;
    leat_arena_init(&scratch, SCRATCH_BYTES);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct leat_value v;
        struct leat_slice wire = owned(odd[i], strlen(odd[i]));
        text_ok(pgtype_find(1007), wire, &scratch, &v);
        if (v.kind != LEAT_OTHER)
            fail_msg("an array: \"%s\"", odd[i]);
        assert_true(leat_slice_equal(v.text, leat_slice_text(odd[i])));
        disown(wire);
    }
    leat_arena_release(&scratch);
}

static void arrays__keep_an_odd_element_beside_good_ones(void **state)
{
    struct leat_arena scratch;
    struct leat_buf out;
    struct leat_value v;
    (void)state;
    leat_arena_init(&scratch, SCRATCH_BYTES);
    leat_buf_init(&out, 1024);
    text_ok(pgtype_find(1007), LEAT_SLICE_LITERAL("{1,odd,NULL}"), &scratch, &v);
    assert_int_equal(v.kind, LEAT_ARRAY);
    show_value(&out, &v);
    assert_string_equal(leat_buf_text(&out), "[1:3] 1|6f6464|NULL");
    leat_buf_release(&out);
    leat_arena_release(&scratch);
}

static void arrays__with_forged_heads_are_malformed(void **state)
{
    static const char *const forged[] = {
        "00000007"
        "00000000"
        "00000017", /* seven dimensions */
        "00000001"
        "00000002"
        "00000017"
        "00000000"
        "00000001", /* flags */
        "00000001"
        "00000000"
        "00000014"
        "00000001"
        "00000001"
        "00000004"
        "00000001", /* bigint, not int */
        "00000001"
        "00000000"
        "00000017"
        "ffffffff"
        "00000001", /* four billion elements */
        "00000002"
        "00000000"
        "00000017"
        "80000000"
        "00000001"
        "00000002"
        "00000001", /* 2^32 */
        "00000006"
        "00000000"
        "00000017"
        "ffffffff"
        "00000001"
        "ffffffff"
        "00000001"
        "ffffffff"
        "00000001"
        "ffffffff"
        "00000001"
        "ffffffff"
        "00000001"
        "ffffffff"
        "00000001",
        "00000001"
        "00000000"
        "00000017"
        "00000001"
        "00000001"
        "00000003"
        "000001", /* an int of three bytes */
        "00000001"
        "00000000"
        "00000017"
        "00000001"
        "00000001"
        "fffffffe", /* a length of minus two */
    };
    struct leat_arena scratch;
    (void)state;
    leat_arena_init(&scratch, SCRATCH_BYTES);
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        struct sample s = {.type_name = "integer[]", .type = pgtype_find(1007)};
        s.binary = from_hex(forged[i]);
        struct leat_err err;
        struct leat_value v;
        assert_int_equal(pgtype_decode_binary(s.type, s.binary, &scratch, &v, &err), LEAT_EDATA);
        disown(s.binary);
    }
    leat_arena_release(&scratch);
}

static void binary__impossible_values_are_malformed(void **state)
{
    static const struct {
        uint32_t oid;
        const char *hex;
    } forged[] = {
        {16, "02"},
        {1083, "ffffffffffffffff"}, /* before midnight */
        {1083, "000000141dd76001"}, /* after 24:00:00 */
        {1266, "0000000000000000"
               "0000e100"}, /* 16 h west */
        {1266, "0000000000000000"
               "80000000"},
        {1700, "0001"
               "0000"
               "0000"
               "0000"
               "2710"}, /* the digit 10000 */
        {1700, "0001"
               "0000"
               "1000"
               "0000"
               "0001"}, /* no such sign */
        {1700, "0001"
               "0000"
               "0000"
               "4000"
               "0001"}, /* scale 16384 */
        {1560, "00000009"
               "ff"}, /* nine bits in a byte */
        {1560, "ffffffff"
               "ff"},
        {3802, "02"
               "7b7d"}, /* a version of jsonb that nobody knows */
        {3802, ""},
        {869, "04"
              "20"
              "00"
              "04"
              "01020304"}, /* family */
        {869, "02"
              "21"
              "00"
              "04"
              "01020304"}, /* /33 */
        {869, "02"
              "20"
              "00"
              "10"
              "01020304"},
        {869, "03"
              "20"
              "00"
              "04"
              "01020304"},
        {18, ""},
        {18, "6161"},
        {3904, "00"
               "00000003"
               "000000"}, /* a bound of three bytes */
        {4451, "00000001"
               "00000000"}, /* a range of none */
        {22, "00000002"
             "00000000"
             "00000015"}, /* a vector of two dimensions */
    };
    struct leat_arena scratch;
    (void)state;
    leat_arena_init(&scratch, SCRATCH_BYTES);
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        struct leat_err err;
        struct leat_value v;
        struct leat_slice wire = from_hex(forged[i].hex);
        if (pgtype_decode_binary(pgtype_find(forged[i].oid), wire, &scratch, &v, &err) !=
            LEAT_EDATA)
            fail_msg("%s accepts %s", pgtype_find(forged[i].oid)->name, forged[i].hex);
        disown(wire);
    }
    leat_arena_release(&scratch);
}

/* --- single cases ----------------------------------------------------------------------------- */

static void bytea__is_decoded_in_place_when_it_is_large(void **state)
{
    struct leat_arena scratch;
    (void)state;
    leat_arena_init(&scratch, 64 << 10);
    for (size_t len = PGTYPE_IN_PLACE_BYTES - 2; len <= PGTYPE_IN_PLACE_BYTES + 2; len += 2) {
        struct leat_value v;
        char *text = malloc(len);
        assert_non_null(text);
        memset(text, '5', len);
        memcpy(text, "\\x", 2);
        text_ok(pgtype_find(17), leat_slice_of(text, len), &scratch, &v);
        assert_int_equal(v.kind, LEAT_BYTES);
        assert_int_equal(v.text.len, len / 2 - 1);
        for (size_t i = 0; i < v.text.len; i++)
            assert_int_equal(v.text.ptr[i], 0x55);
        assert_int_equal((const char *)v.text.ptr == text, len > PGTYPE_IN_PLACE_BYTES);
        free(text);
    }
    leat_arena_release(&scratch);
}

static void bytea__that_is_not_hex_to_the_end_stays_readable(void **state)
{
    struct leat_value v;
    enum { LEN = 10000 };
    char *text = malloc(LEN);
    (void)state;
    assert_non_null(text);
    memset(text, 'a', LEN);
    memcpy(text, "\\x", 2);
    text[LEN - 1] = 'g';
    text_ok(pgtype_find(17), leat_slice_of(text, LEN), NULL, &v);
    assert_int_equal(v.kind, LEAT_OTHER);
    assert_memory_equal(text, "\\xaaaa", 6);
    assert_int_equal(v.text.len, LEN);
    free(text);
}

static void numeric__prints_the_longest_numbers_there_are(void **state)
{
    struct leat_arena scratch;
    struct leat_value v;
    enum { INTEGER_DIGITS = 131072, SCALE = 16383 };
    struct leat_slice large = from_hex("00017fff0000000003e8"); /* 1e131071 */
    struct leat_slice small = from_hex("0001f00000003fff000a"); /* 1e-16383 */
    (void)state;
    leat_arena_init(&scratch, SCRATCH_BYTES);
    binary_ok(pgtype_find(1700), large, &scratch, &v);
    assert_int_equal(v.text.len, INTEGER_DIGITS);
    for (size_t i = 0; i < v.text.len; i++)
        assert_int_equal(v.text.ptr[i], i ? '0' : '1');
    binary_ok(pgtype_find(1700), small, &scratch, &v);
    assert_int_equal(v.text.len, SCALE + 2);
    for (size_t i = 0; i < v.text.len; i++)
        assert_int_equal(v.text.ptr[i], i == 1 ? '.' : i == v.text.len - 1 ? '1' : '0');
    leat_arena_release(&scratch);
    disown(large);
    disown(small);
}

static void interval__infinite_ones_are_text_in_both_forms(void **state)
{
    struct leat_value v;
    struct leat_slice plus = from_hex("7fffffffffffffff7fffffff7fffffff");
    struct leat_slice minus = from_hex("80000000000000008000000080000000");
    (void)state;
    binary_ok(pgtype_find(1186), plus, NULL, &v);
    assert_int_equal(v.kind, LEAT_OTHER);
    assert_true(leat_slice_equal(v.text, LEAT_SLICE_LITERAL("infinity")));
    binary_ok(pgtype_find(1186), minus, NULL, &v);
    assert_true(leat_slice_equal(v.text, LEAT_SLICE_LITERAL("-infinity")));
    disown(plus);
    disown(minus);
}

static void char__bytes_print_as_since_version_16(void **state)
{
    struct leat_arena scratch;
    struct leat_value v;
    (void)state;
    leat_arena_init(&scratch, 64 << 10);
    binary_ok(pgtype_find(18), LEAT_SLICE_LITERAL("\0"), &scratch, &v);
    assert_int_equal(v.text.len, 0);
    binary_ok(pgtype_find(18), LEAT_SLICE_LITERAL("\xff"), &scratch, &v);
    assert_true(leat_slice_equal(v.text, LEAT_SLICE_LITERAL("\\377")));
    leat_arena_release(&scratch);
}

/* --- against the C library -------------------------------------------------------------------- */

static uint64_t random_next(uint64_t *seed) /* splitmix64 */
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t random_seed(void)
{
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static void calendar__agrees_with_the_c_library_on_every_month(void **state)
{
    (void)state;
    for (int64_t year = -4712; year < 12000; year++) {
        for (int month = 1; month <= 12; month++) {
            struct tm tm = {.tm_year = (int)year - 1900, .tm_mon = month - 1, .tm_mday = 28};
            char text[64];
            int64_t days;
            int len = snprintf(text, sizeof text, "%04d-%02d-28%s",
                               (int)(year > 0 ? year : 1 - year), month, year > 0 ? "" : " BC");
            int64_t expected = timegm(&tm) / 86400;
            assert_true(pgtype_parse_date(leat_slice_of(text, (size_t)len), &days));
            assert_int_equal(days, expected);
            char printed[PGTYPE_TIMESTAMP_TEXT];
            for (int32_t more = 0; more < 4; more++) { /* over the end of February */
                time_t t = (time_t)(expected + more) * 86400;
                gmtime_r(&t, &tm);
                int y = tm.tm_year + 1900;
                snprintf(text, sizeof text, "%04d-%02d-%02d%s", y > 0 ? y : 1 - y, tm.tm_mon + 1,
                         tm.tm_mday, y > 0 ? "" : " BC");
                pgtype_print_date((int32_t)(expected + more - PGTYPE_EPOCH_DAYS), printed);
                assert_string_equal(printed, text);
            }
        }
    }
}

static void timestamps__printed_ones_are_read_back(void **state)
{
    uint64_t seed = random_seed();
    (void)state;
    for (int i = 0; i < 200000; i++) {
        /* from 4713 BC to the end of what fits, in Postgres' count */
        int64_t us = (int64_t)(random_next(&seed) % UINT64_C(8487000000000000000)) -
                     INT64_C(210000000000000000);
        int64_t back;
        char text[PGTYPE_TIMESTAMP_TEXT];
        if (i % 3 == 0)
            us -= us % 1000000;
        if (i % 4 == 0)
            us %= INT64_C(4000000000000000); /* around our time */
        size_t len = pgtype_print_timestamp(us, i % 2, text);
        assert_true(pgtype_parse_timestamp(leat_slice_of(text, len), i % 2, &back));
        assert_int_equal(back, us + PGTYPE_EPOCH_US);
    }
}

static void floats__are_rounded_as_the_c_library_does(void **state)
{
    uint64_t seed = random_seed();
    (void)state;
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = random_next(&seed);
        uint64_t small = random_next(&seed);
        char text[64];
        double d;
        double got;
        memcpy(&d, &bits, sizeof d);
        if (i % 2)
            d = (double)(int64_t)(small >> (small & 31)) / (double[]){1, 10, 1e3, 1e7, 1e15}[i % 5];
        if (d - d != 0)
            continue;
        int digits = 1 + (int)(small >> 8 & 31) % 17;
        int len = snprintf(text, sizeof text, i % 3 ? "%.*g" : "%.*e", digits, d);
        if (!pgtype_parse_float8(leat_slice_of(text, (size_t)len), &got))
            assert_true(strtod(text, NULL) - strtod(text, NULL) != 0); /* rounded up to infinity */
        else
            assert_true(got == strtod(text, NULL));
        if (!pgtype_parse_float4(leat_slice_of(text, (size_t)len), &got))
            assert_true(strtof(text, NULL) - strtof(text, NULL) != 0);
        else
            assert_true(got == (double)strtof(text, NULL));
    }
}

static void integers__are_read_as_the_c_library_does(void **state)
{
    uint64_t seed = random_seed();
    (void)state;
    for (int i = 0; i < 200000; i++) {
        int64_t v = (int64_t)random_next(&seed) >> (random_next(&seed) & 63);
        int64_t got;
        char text[32];
        int len = snprintf(text, sizeof text, "%lld", (long long)v);
        assert_true(pgtype_parse_int(leat_slice_of(text, (size_t)len), INT64_MIN, INT64_MAX, &got));
        assert_true(got == v);
        bool fits = pgtype_parse_int(leat_slice_of(text, (size_t)len), INT16_MIN, INT16_MAX, &got);
        assert_int_equal(fits, v >= INT16_MIN && v <= INT16_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types__names_and_elements_are_the_servers),
        cmocka_unit_test(types__are_found_by_the_names_of_type_messages),
        cmocka_unit_test(types__unknown_ones_pass_as_text_and_keep_their_bytes),
        cmocka_unit_test(describe__is_what_format_type_prints),
        cmocka_unit_test(describe__gives_precision_and_scale),
        cmocka_unit_test(integers__are_read_as_the_c_library_does),
        cmocka_unit_test(floats__are_rounded_as_the_c_library_does),
        cmocka_unit_test(calendar__agrees_with_the_c_library_on_every_month),
        cmocka_unit_test(timestamps__printed_ones_are_read_back),
        cmocka_unit_test(corpus__text_decodes_to_what_the_server_computed),
        cmocka_unit_test(corpus__binary_decodes_to_the_same_value_as_text),
        cmocka_unit_test(corpus__no_type_with_a_binary_decoder_is_left_out),
        cmocka_unit_test(corpus__every_binary_prefix_and_extension_is_an_error),
        cmocka_unit_test(corpus__a_full_scratch_is_a_limit_and_nothing_leaks),
        cmocka_unit_test(text__what_does_not_parse_is_kept_verbatim),
        cmocka_unit_test(arrays__of_another_shape_are_kept_verbatim),
        cmocka_unit_test(arrays__keep_an_odd_element_beside_good_ones),
        cmocka_unit_test(arrays__with_forged_heads_are_malformed),
        cmocka_unit_test(binary__impossible_values_are_malformed),
        cmocka_unit_test(bytea__is_decoded_in_place_when_it_is_large),
        cmocka_unit_test(bytea__that_is_not_hex_to_the_end_stays_readable),
        cmocka_unit_test(numeric__prints_the_longest_numbers_there_are),
        cmocka_unit_test(interval__infinite_ones_are_text_in_both_forms),
        cmocka_unit_test(char__bytes_print_as_since_version_16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
