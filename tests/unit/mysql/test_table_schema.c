/*
 * Tables from captured table maps: what each part of the optional metadata says, what filters and
 * the catalogue do to it, and what stays when maps come and go.
 */
#include "sources/mysql/table_schema.h"

#include "unit/mysql/table_bytes.h"

static struct my_charsets *sets;
static struct my_tables tables;
static struct leat_filter everything;
static struct my_table *table;

static int begin(void **state)
{
    (void)state;
    tables = (struct my_tables){.slots = NULL};
    return my_charsets_new(&sets, &err);
}

static int end(void **state)
{
    (void)state;
    my_tables_release(&tables);
    my_charsets_free(sets);
    return 0;
}

static struct my_table_env env_of(const struct leat_filter *filter)
{
    return (struct my_table_env){.filter = filter, .charsets = sets};
}

static void assert_column(uint32_t n, const char *name, const char *type, enum leat_kind kind)
{
    const struct leat_column *c = &table->schema.columns[n];
    char text[200];
    snprintf(text, sizeof text, "%.*s %.*s", LEAT_SLICE_ARG(c->name), LEAT_SLICE_ARG(c->type));
    char expected[200];
    snprintf(expected, sizeof expected, "%s %s", name, type);
    assert_string_equal(text, expected);
    assert_int_equal(c->kind, kind);
}

/* --- from the map alone ------------------------------------------------------------------------
 */

static void table_schema__the_map_tells_all_but_logical_types(void **state)
{
    (void)state;
    struct my_table_env env = env_of(&everything);
    ok(compile(&tables, WIDE_MAP, &env, 1, &table));
    assert_true(table->captured && table->named);
    assert_int_equal(table->schema.column_count, 28);
    assert_column(0, "id", "int", LEAT_INT64);
    assert_column(1, "u", "binary(16)", LEAT_BYTES);
    assert_column(4, "vcc", "varchar(500) /*M!100301 COMPRESSED*/", LEAT_STRING);
    assert_column(6, "j", "longtext", LEAT_STRING);
    assert_column(7, "b", "binary(5)", LEAT_BYTES);
    assert_column(8, "vb", "varbinary(5)", LEAT_BYTES);
    assert_column(9, "c", "char(5)", LEAT_STRING);
    assert_column(10, "cu", "char(100)", LEAT_STRING);
    assert_column(11, "e", "enum('a','b')", LEAT_STRING);
    assert_column(12, "s", "set('x','y','z')", LEAT_STRING);
    assert_column(13, "bt", "bit(10)", LEAT_BITS);
    assert_column(20, "ts", "timestamp(3)", LEAT_TIMESTAMPTZ);
    assert_column(22, "ti", "time(2)", LEAT_TIME);
    assert_column(24, "dec1", "decimal(10,3) unsigned", LEAT_DECIMAL);
    assert_column(27, "bi", "bigint unsigned", LEAT_UINT64);
    for (uint32_t i = 0; i < 28; i++) {
        const struct leat_column *c = &table->schema.columns[i];
        assert_int_equal(c->key_ordinal, i == 0);
        assert_int_equal(c->nullable, i == 0 ? LEAT_NULLABLE_NO : LEAT_NULLABLE_YES);
    }
}

static void table_schema__each_column_has_its_own_character_set(void **state)
{
    static const char *const NAMES[] = {"utf8mb4", "gbk", "utf16", "latin1", "ucs2"};
    (void)state;
    struct my_table_env env = env_of(&everything);
    ok(compile(&tables, CHARSETS_MAP, &env, 1, &table));
    for (uint32_t i = 0; i < 5; i++)
        assert_string_equal(my_charset_name(table->wire[i].column.charset), NAMES[i]);
    assert_true(my_charset_is_binary(table->wire[5].column.charset));
    assert_column(6, "g", "enum('é','ü')", LEAT_STRING);
    assert_int_equal(table->schema.columns[0].key_ordinal, 0);
}

/* k (a int, b varchar(9) latin1, c int), PRIMARY KEY (c, b(3)) */
static const char PREFIX_KEY_MAP[] = "140000000000 0100 0164 00 016b 00 03 030f03 02 0900 02"
                                     "01 01 00 02 01 08 04 06 0161 0162 0163 09 04 0200 0103";

static void table_schema__a_key_is_numbered_in_its_own_order(void **state)
{
    (void)state;
    struct my_table_env env = env_of(&everything);
    ok(compile(&tables, PREFIX_KEY_MAP, &env, 1, &table));
    assert_int_equal(table->schema.columns[0].key_ordinal, 0);
    assert_int_equal(table->schema.columns[1].key_ordinal, 2);
    assert_int_equal(table->schema.columns[2].key_ordinal, 1);
}

/* --- filters -----------------------------------------------------------------------------------
 */

static void table_schema__columns_are_left_out_and_masked(void **state)
{
    (void)state;
    struct leat_filter f = {
        .include_columns = strings_of((const char *[]){"d.t1.id", "d.t1.e", "d.t1.b*", NULL}),
        .exclude_columns = strings_of((const char *[]){"*.*.bt", NULL}),
        .mask_columns = strings_of((const char *[]){"d.t1.bi", "d.t1.e", NULL}),
    };
    struct my_table_env env = env_of(&f);
    ok(compile(&tables, WIDE_MAP, &env, 1, &table));
    assert_int_equal(table->schema.column_count, 5);
    assert_column(0, "id", "int", LEAT_INT64);
    assert_column(1, "bc", "blob /*M!100301 COMPRESSED*/", LEAT_BYTES);
    assert_column(3, "e", "enum('a','b')", LEAT_STRING);
    assert_column(4, "bi", "bigint unsigned", LEAT_STRING);
    assert_true(table->wire[27].masked && table->wire[11].masked && !table->wire[5].masked);
    assert_int_equal(table->wire[13].stored, -1);
    assert_int_equal(table->wire[27].stored, 4);
}

static void table_schema__a_table_that_is_not_taken_needs_no_names(void **state)
{
    static const char NO_NAMES[] = "150000000000 0100 0164 00 016e 00 01 03 00 00";
    (void)state;
    struct leat_filter f = {.tables = strings_of((const char *[]){"other.*", NULL})};
    struct my_table_env env = env_of(&f);
    ok(compile(&tables, NO_NAMES, &env, 1, &table));
    assert_true(!table->captured && table->wire_count == 1 && table->schema.column_count == 0);
    env.filter = &everything;
    gives(LEAT_ECONFIG, compile(&tables, NO_NAMES, &env, 2, &table));
    assert_non_null(strstr(err.hint, "binlog_row_metadata = FULL"));
}

/* --- the catalogue -----------------------------------------------------------------------------
 */

static struct my_column_fact fact(const char *name, const char *type, const char *data_type,
                                  const char *charset, bool nullable)
{
    return (struct my_column_fact){.name = leat_slice_text(name),
                                   .type = leat_slice_text(type),
                                   .data_type = leat_slice_text(data_type),
                                   .charset = leat_slice_text(charset),
                                   .nullable = nullable};
}

static void table_schema__the_catalogue_adds_what_no_map_says(void **state)
{
    (void)state;
    struct my_column_fact facts[] = {
        fact("j", "longtext", "longtext", "utf8mb4", true),
        fact("u", "uuid", "uuid", "", true),
        fact("i6", "inet6", "inet6", "", true),
        fact("i4", "inet4", "inet4", "", true),
        fact("id", "int(11)", "int", "", false),
        fact("bi", "uuid", "uuid", "", true), /* by now: its bytes are still a number's */
        fact("b", "inet6", "inet6", "", true),
    };
    facts[0].is_json = true;
    struct my_table_env env = env_of(&everything);
    env.facts = facts;
    env.fact_count = 7;
    ok(compile(&tables, WIDE_MAP, &env, 1, &table));
    assert_column(0, "id", "int(11)", LEAT_INT64);
    assert_column(1, "u", "uuid", LEAT_UUID);
    assert_column(2, "i6", "inet6", LEAT_STRING);
    assert_column(3, "i4", "inet4", LEAT_STRING);
    assert_column(6, "j", "json", LEAT_JSON);
    assert_column(7, "b", "binary(5)", LEAT_BYTES);
    assert_column(27, "bi", "bigint unsigned", LEAT_UINT64);
}

/* n (a int unsigned not null, b varchar(20), c enum('x','it''s')): nothing but types. */
static const char BARE_MAP[] = "150000000000 0100 0164 00 016e 00 03 030ffe 04 5000 f701 06";

static int by_catalogue(struct my_column_fact *facts, size_t count)
{
    struct my_table_env env = env_of(&everything);
    env.by_catalogue = true;
    env.facts = facts;
    env.fact_count = count;
    return compile(&tables, BARE_MAP, &env, 1, &table);
}

static void table_schema__without_names_the_catalogue_must_agree(void **state)
{
    (void)state;
    struct my_column_fact facts[4] = {
        fact("a", "int(10) unsigned", "int", "", false),
        fact("b", "varchar(20)", "varchar", "utf8mb4", true),
        fact("c", "enum('x','it''s')", "enum", "latin1", true),
        fact("d", "int", "int", "", true),
    };
    facts[0].key_ordinal = 1;
    ok(by_catalogue(facts, 3));
    assert_column(0, "a", "int(10) unsigned", LEAT_INT64);
    assert_column(1, "b", "varchar(20)", LEAT_STRING);
    assert_column(2, "c", "enum('x','it''s')", LEAT_STRING);
    assert_true(leat_slice_equal(table->wire[2].column.labels[1], LEAT_SLICE_LITERAL("it's")));
    assert_true(table->schema.columns[0].key_ordinal == 1 && !table->named);
    my_tables_release(&tables);

    gives(LEAT_EDATA, by_catalogue(facts, 4)); /* a column came */
    gives(LEAT_EDATA, by_catalogue(facts, 2)); /* one went */
    facts[1].type = LEAT_SLICE_LITERAL("varchar(21)");
    gives(LEAT_EDATA, by_catalogue(facts, 3));
    facts[1] = fact("b", "varchar(20)", "varchar", "utf8mb4", false);
    gives(LEAT_EDATA, by_catalogue(facts, 3));
    facts[1] = fact("b", "varchar(80)", "varchar", "latin1", true); /* of as many bytes */
    ok(by_catalogue(facts, 3));
    my_tables_release(&tables);
    facts[0].type = LEAT_SLICE_LITERAL("bigint(20) unsigned");
    gives(LEAT_EDATA, by_catalogue(facts, 3));
}

/* --- broken maps -------------------------------------------------------------------------------
 */

/* Every part of the optional metadata, cut anywhere: never read past its end, never a wrong name.
 */
static void table_schema__cut_metadata_is_an_error_or_says_less(void **state)
{
    (void)state;
    struct bytes b = bytes_of(WIDE_MAP);
    struct my_table_map whole;
    struct my_table_env env = env_of(&everything);
    ok(my_event_table_map(slice_of(b), &whole, &err));
    struct leat_slice *parts = &whole.signedness;
    for (size_t part = 0; part < 13; part++)
        for (size_t len = 0; len < parts[part].len; len++) {
            struct my_table_map m = whole;
            uint8_t *cut = malloc(len ? len : 1);
            memcpy(cut, parts[part].ptr, len);
            (&m.signedness)[part] = leat_slice_of(cut, len);
            int status = my_tables_put(&tables, &m, 1, &env, &table, &err);
            bool needed = parts[part].ptr == whole.names.ptr ||
                          parts[part].ptr == whole.set_values.ptr ||
                          parts[part].ptr == whole.enum_values.ptr;
            assert_int_equal(status, needed ? LEAT_EPROTO : LEAT_OK);
            my_tables_release(&tables);
            free(cut);
        }
    free(b.data);
}

static void table_schema__a_list_of_labels_cannot_claim_more_than_it_has(void **state)
{
    static const char HOSTILE[] = "150000000000 0100 0164 00 016e 00 01 fe 02 f701 01 04 02 0161"
                                  "06 09 fe ffffffffffffffff";
    (void)state;
    struct my_table_env env = env_of(&everything);
    gives(LEAT_EPROTO, compile(&tables, HOSTILE, &env, 1, &table));
}

/* --- what stays --------------------------------------------------------------------------------
 */

static void table_schema__a_shape_is_found_until_its_table_is_forgotten(void **state)
{
    (void)state;
    struct my_table *wide, *other;
    struct my_table_env env = env_of(&everything);
    ok(compile(&tables, WIDE_MAP, &env, 1, &wide));
    ok(compile(&tables, CHARSETS_MAP, &env, 1 + 1024, &other)); /* in the same slot */
    assert_ptr_equal(my_tables_find(&tables, 1), wide);
    assert_ptr_equal(my_tables_find(&tables, 1025), other);
    assert_null(my_tables_find(&tables, 2049));
    wide->schema.ref = 7;
    assert_ptr_equal(my_tables_named(&tables, LEAT_SLICE_LITERAL("d"), LEAT_SLICE_LITERAL("t1")),
                     wide);
    assert_int_equal(my_tables_forget(&tables, LEAT_SLICE_LITERAL("e"), leat_slice_of(NULL, 0)), 0);
    assert_int_equal(my_tables_forget(&tables, LEAT_SLICE_LITERAL("d"), LEAT_SLICE_LITERAL("t1")),
                     7);
    assert_null(my_tables_find(&tables, 1));
    assert_ptr_equal(my_tables_find(&tables, 1025), other);
    my_tables_forget(&tables, LEAT_SLICE_LITERAL("d"), leat_slice_of(NULL, 0));
    assert_true(tables.count == 0 && tables.bytes == 0);
}

static void table_schema__memory_ends_at_its_bound(void **state)
{
    (void)state;
    struct my_table_env env = env_of(&everything);
    size_t most = 0;
    for (uint64_t shape = 1; shape < 30000; shape++) {
        ok(compile(&tables, PREFIX_KEY_MAP, &env, shape, &table));
        assert_ptr_equal(my_tables_find(&tables, shape), table);
        most = tables.bytes > most ? tables.bytes : most;
    }
    assert_true(most < 130u << 20 && tables.count < 16 << 10);
}

static void table_schema__open_tables_are_of_one_statement(void **state)
{
    (void)state;
    struct my_table *wide, *other;
    struct my_table_env env = env_of(&everything);
    ok(compile(&tables, WIDE_MAP, &env, 1, &wide));
    ok(compile(&tables, CHARSETS_MAP, &env, 2, &other));
    ok(my_tables_open(&tables, 5, wide, &err));
    ok(my_tables_open(&tables, 6, other, &err));
    ok(my_tables_open(&tables, 5, other, &err)); /* the number's newest meaning */
    assert_ptr_equal(my_tables_opened(&tables, 5), other);
    assert_ptr_equal(my_tables_opened(&tables, 6), other);
    assert_null(my_tables_opened(&tables, 7));
    my_tables_close(&tables);
    assert_null(my_tables_opened(&tables, 5));
    for (uint64_t id = 0; id < MY_OPEN_TABLES_MAX; id++)
        ok(my_tables_open(&tables, id, wide, &err));
    gives(LEAT_EPROTO, my_tables_open(&tables, MY_OPEN_TABLES_MAX, wide, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(table_schema__the_map_tells_all_but_logical_types, begin,
                                        end),
        cmocka_unit_test_setup_teardown(table_schema__each_column_has_its_own_character_set, begin,
                                        end),
        cmocka_unit_test_setup_teardown(table_schema__a_key_is_numbered_in_its_own_order, begin,
                                        end),
        cmocka_unit_test_setup_teardown(table_schema__columns_are_left_out_and_masked, begin, end),
        cmocka_unit_test_setup_teardown(table_schema__a_table_that_is_not_taken_needs_no_names,
                                        begin, end),
        cmocka_unit_test_setup_teardown(table_schema__the_catalogue_adds_what_no_map_says, begin,
                                        end),
        cmocka_unit_test_setup_teardown(table_schema__without_names_the_catalogue_must_agree, begin,
                                        end),
        cmocka_unit_test_setup_teardown(table_schema__cut_metadata_is_an_error_or_says_less, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            table_schema__a_list_of_labels_cannot_claim_more_than_it_has, begin, end),
        cmocka_unit_test_setup_teardown(table_schema__a_shape_is_found_until_its_table_is_forgotten,
                                        begin, end),
        cmocka_unit_test_setup_teardown(table_schema__memory_ends_at_its_bound, begin, end),
        cmocka_unit_test_setup_teardown(table_schema__open_tables_are_of_one_statement, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
