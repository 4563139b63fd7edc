/*
 * Relations and rows, from pgoutput messages made by hand: which columns are stored where, what is
 * masked, which are the key, and what is present, NULL or absent (I8).
 */
#include "sources/postgres/relcache.h"

#include "unit/event/event_model.h"

enum { INT4 = 23, TEXT = 25, NUMERIC = 1700, INT4_ARRAY = 1007, UNKNOWN = 999999, COLUMNS_MAX = 8 };

struct rel_test {
    struct pg_relcache cache;
    struct pg_settings settings;
    struct leat_arena scratch;
    struct pgoutput_column columns[COLUMNS_MAX];
    struct pgoutput_message message;
    struct pg_column_fact facts[COLUMNS_MAX];
    size_t fact_count;
};

static void column(struct rel_test *t, const char *name, uint32_t type, bool identity)
{
    t->columns[t->message.relation.count++] =
        (struct pgoutput_column){.flags = identity ? PGOUTPUT_COLUMN_IDENTITY : 0,
                                 .name = leat_slice_text(name),
                                 .type = type,
                                 .typmod = -1};
}

/* public.users: id (identity), name, ssn, tags int4[], note. */
static void users(struct rel_test *t)
{
    memset(t, 0, sizeof *t);
    pg_relcache_init(&t->cache);
    leat_arena_init(&t->scratch, 1 << 20);
    t->message = (struct pgoutput_message){.type = PGOUTPUT_RELATION};
    t->message.relation.oid = 16385;
    t->message.relation.schema = LEAT_SLICE_LITERAL("public");
    t->message.relation.table = LEAT_SLICE_LITERAL("users");
    t->message.relation.identity = 'd';
    t->message.relation.columns = t->columns;
    column(t, "id", INT4, true);
    column(t, "name", TEXT, false);
    column(t, "ssn", TEXT, false);
    column(t, "tags", INT4_ARRAY, false);
    column(t, "note", TEXT, false);
}

static void fact(struct rel_test *t, const char *name, uint32_t type, uint16_t key_ordinal,
                 bool not_null)
{
    t->facts[t->fact_count++] =
        (struct pg_column_fact){.name = leat_slice_text(name),
                                .type = type,
                                .base_type = type,
                                .base_typmod = -1,
                                .not_null = not_null,
                                .key_ordinal = key_ordinal,
                                .type_text = LEAT_SLICE_LITERAL("of the catalogue")};
}

static struct pg_relation *put(struct rel_test *t)
{
    struct pg_relation *r;
    ok(pg_relcache_put(&t->cache, &t->settings, LEAT_SLICE_LITERAL("shop"), &t->message, 77,
                       t->facts, t->fact_count, &r, &err));
    assert_int_equal(r->schema.ref, 0);
    assert_ptr_equal(pg_relcache_find(&t->cache, t->message.relation.oid), r);
    return r;
}

static void end(struct rel_test *t)
{
    pg_relcache_reset(&t->cache);
    leat_arena_release(&t->scratch);
}

static const struct leat_column *column_at(const struct pg_relation *r, uint32_t i,
                                           const char *name)
{
    assert_true(i < r->schema.column_count);
    assert_true(leat_slice_equal(r->schema.columns[i].name, leat_slice_text(name)));
    return &r->schema.columns[i];
}

/* --- shapes
 * ---------------------------------------------------------------------------------------------------
 */

static void relation__has_the_columns_of_its_message(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    struct pg_relation *r = put(&t);
    assert_int_equal(r->schema.column_count, 5);
    assert_true(r->captured);
    assert_true(r->schema.relation == 16385 && r->shape == 77);
    assert_true(leat_slice_equal(r->schema.database, LEAT_SLICE_LITERAL("shop")));
    assert_int_equal(column_at(r, 0, "id")->kind, LEAT_INT64);
    assert_int_equal(column_at(r, 0, "id")->nullable, LEAT_NULLABLE_UNKNOWN);
    assert_true(leat_slice_equal(column_at(r, 0, "id")->type, LEAT_SLICE_LITERAL("integer")));
    assert_int_equal(column_at(r, 3, "tags")->kind, LEAT_ARRAY);
    assert_int_equal(column_at(r, 3, "tags")->element, LEAT_INT64);
    end(&t);
}

static void relation__outlives_its_message(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    char name[] = "users", col[] = "id";
    t.message.relation.table = leat_slice_text(name);
    t.columns[0].name = leat_slice_text(col);
    struct pg_relation *r = put(&t);
    memset(name, 'x', 5);
    memset(col, 'x', 2);
    memset(t.columns, 0xff, sizeof t.columns);
    assert_true(leat_slice_equal(r->schema.table, LEAT_SLICE_LITERAL("users")));
    column_at(r, 0, "id");
    end(&t);
}

static void relation__excluded_columns_leave_no_trace(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    const char *exclude[] = {"public.users.name", "*.*.tags"};
    t.settings.filter.exclude_columns = (struct leat_strings){exclude, 2};
    struct pg_relation *r = put(&t);
    assert_int_equal(r->schema.column_count, 3);
    column_at(r, 0, "id");
    column_at(r, 1, "ssn");
    column_at(r, 2, "note");
    assert_int_equal(r->wire[1].stored, -1);
    assert_int_equal(r->wire[2].stored, 1);
    end(&t);
}

static void relation__a_masked_column_is_a_string_whatever_it_was(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    t.columns[0].type = NUMERIC;
    t.columns[0].typmod = (10 << 16 | 2) + 4; /* numeric(10,2) */
    const char *mask[] = {"public.users.id", "public.users.tags"};
    t.settings.filter.mask_columns = (struct leat_strings){mask, 2};
    struct pg_relation *r = put(&t);
    for (uint32_t i = 0; i < 4; i += 3) {
        assert_int_equal(r->schema.columns[i].kind, LEAT_STRING);
        assert_int_equal(r->schema.columns[i].element, LEAT_ABSENT); /* of arrays only */
        assert_int_equal(r->schema.columns[i].precision, -1);
        assert_int_equal(r->schema.columns[i].scale, -1);
        assert_true(r->wire[i].masked);
    }
    end(&t);
}

static void relation__tables_outside_the_filter_are_known_and_not_captured(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    const char *tables[] = {"public.orders"};
    t.settings.filter.tables = (struct leat_strings){tables, 1};
    assert_false(put(&t)->captured);
    end(&t);
}

static void relation__moves_to_another_schema_name(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    const char *tables[] = {"archive.*"};
    t.settings.filter.tables = (struct leat_strings){tables, 1};
    struct pg_relation *r = put(&t);
    assert_false(r->captured);
    char name[] = "archive";
    pg_relation_move(r, &t.settings, leat_slice_text(name));
    memset(name, 'x', 7);
    assert_true(r->captured && r->moved);
    assert_true(leat_slice_equal(r->schema.schema, LEAT_SLICE_LITERAL("archive")));
    end(&t);
}

/* --- keys
 * ------------------------------------------------------------------------------------------------------
 */

static void key__is_the_primary_key_in_its_own_order(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    fact(&t, "name", TEXT, 1, true); /* PRIMARY KEY (name, id): not the order of the columns */
    fact(&t, "id", INT4, 2, true);
    fact(&t, "note", TEXT, 0, false);
    struct pg_relation *r = put(&t);
    assert_int_equal(column_at(r, 0, "id")->key_ordinal, 2);
    assert_int_equal(column_at(r, 1, "name")->key_ordinal, 1);
    assert_int_equal(column_at(r, 2, "ssn")->key_ordinal, 0);
    assert_int_equal(column_at(r, 0, "id")->nullable, LEAT_NULLABLE_NO);
    assert_int_equal(column_at(r, 4, "note")->nullable, LEAT_NULLABLE_YES);
    assert_int_equal(column_at(r, 2, "ssn")->nullable, LEAT_NULLABLE_UNKNOWN);
    assert_true(
        leat_slice_equal(column_at(r, 0, "id")->type, LEAT_SLICE_LITERAL("of the catalogue")));
    end(&t);
}

static void key__without_catalogue_is_the_replica_identity(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    t.message.relation.identity = 'i';
    t.columns[2].flags = PGOUTPUT_COLUMN_IDENTITY;
    struct pg_relation *r = put(&t);
    assert_int_equal(column_at(r, 0, "id")->key_ordinal, 1);
    assert_int_equal(column_at(r, 1, "name")->key_ordinal, 0);
    assert_int_equal(column_at(r, 2, "ssn")->key_ordinal, 2);
    end(&t);
}

static void key__identity_full_without_primary_key_is_none(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    t.message.relation.identity = 'f';
    for (int i = 0; i < 5; i++)
        t.columns[i].flags = PGOUTPUT_COLUMN_IDENTITY;
    struct pg_relation *r = put(&t);
    for (int i = 0; i < 5; i++)
        assert_int_equal(r->schema.columns[i].key_ordinal, 0);
    end(&t);
}

static void key__identity_full_with_a_primary_key_is_that_key(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    t.message.relation.identity = 'f';
    for (int i = 0; i < 5; i++)
        t.columns[i].flags = PGOUTPUT_COLUMN_IDENTITY;
    fact(&t, "id", INT4, 1, true);
    struct pg_relation *r = put(&t);
    assert_int_equal(r->schema.columns[0].key_ordinal, 1);
    for (int i = 1; i < 5; i++)
        assert_int_equal(r->schema.columns[i].key_ordinal, 0);
    end(&t);
}

static void key__of_identity_skips_excluded_columns(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    t.columns[1].flags = t.columns[2].flags = PGOUTPUT_COLUMN_IDENTITY;
    const char *exclude[] = {"public.users.name"};
    t.settings.filter.exclude_columns = (struct leat_strings){exclude, 1};
    struct pg_relation *r = put(&t);
    assert_int_equal(column_at(r, 0, "id")->key_ordinal, 1);
    assert_int_equal(column_at(r, 1, "ssn")->key_ordinal, 2);
    end(&t);
}

/* The catalogue is of the present; the log may be of yesterday, when the column had another type
 * (I9). */
static void fact__of_another_type_is_not_believed(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    fact(&t, "name", INT4, 1, true);
    fact(&t, "gone", TEXT, 2, true);
    struct pg_relation *r = put(&t);
    assert_int_equal(column_at(r, 1, "name")->kind, LEAT_STRING);
    assert_int_equal(column_at(r, 1, "name")->nullable, LEAT_NULLABLE_UNKNOWN);
    assert_int_equal(column_at(r, 1, "name")->key_ordinal, 0);
    assert_int_equal(column_at(r, 0, "id")->key_ordinal, 1); /* the replica identity then */
    end(&t);
}

static void fact__types_domains_and_enums(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    t.columns[1].type = t.columns[2].type = t.columns[4].type = UNKNOWN;
    fact(&t, "name", UNKNOWN, 0, false);
    t.facts[0].base_type = INT4; /* CREATE DOMAIN … AS integer */
    fact(&t, "ssn", UNKNOWN, 0, false);
    t.facts[1].is_enum = true;
    struct pg_relation *r = put(&t);
    assert_int_equal(column_at(r, 1, "name")->kind, LEAT_INT64);
    assert_int_equal(column_at(r, 2, "ssn")->kind, LEAT_STRING);
    assert_int_equal(column_at(r, 4, "note")->kind,
                     LEAT_OTHER); /* nobody knows it: never a reason to stop */
    assert_true(r->binary_inexact);
    end(&t);
}

/* --- rows
 * -------------------------------------------------------------------------------------------------------
 */

static struct pgoutput_field sent(const char *text)
{
    return (struct pgoutput_field){PGOUTPUT_TEXT, leat_slice_text(text)};
}
static const struct pgoutput_field NOTHING = {PGOUTPUT_NULL, {NULL, 0}},
                                   UNCHANGED = {PGOUTPUT_UNCHANGED, {NULL, 0}};

static int64_t row(struct rel_test *t, struct pg_relation *r, const struct pgoutput_field *fields,
                   uint16_t count, bool key_only, const struct leat_value *complete,
                   struct leat_value *values)
{
    int64_t absent = 0;
    const struct pgoutput_tuple tuple = {count, fields};
    ok(pg_relation_row(r, &tuple, key_only, complete, &t->scratch, values, &absent, &err));
    return absent;
}

static void assert_text(const struct leat_value *v, const char *text)
{
    assert_int_equal(v->kind, LEAT_STRING);
    assert_true(leat_slice_equal(v->text, leat_slice_text(text)));
}

static void row__present_null_and_absent_stay_apart(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    struct pg_relation *r = put(&t);
    const struct pgoutput_field fields[] = {sent("7"), sent(""), NOTHING, sent("{1,2}"), UNCHANGED};
    assert_true(row(&t, r, fields, 5, false, NULL, r->after) == 1);
    assert_int_equal(r->after[0].kind, LEAT_INT64);
    assert_true(r->after[0].integer == 7);
    assert_text(&r->after[1], "");
    assert_int_equal(r->after[2].kind, LEAT_NULL);
    assert_int_equal(r->after[3].kind, LEAT_ARRAY);
    assert_int_equal(r->after[4].kind, LEAT_ABSENT);
    end(&t);
}

static void row__unchanged_toast_is_taken_from_the_whole_old_row(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    struct pg_relation *r = put(&t);
    const struct pgoutput_field before[] = {sent("7"), sent("Ann"), NOTHING, NOTHING,
                                            sent("a long text")};
    const struct pgoutput_field after[] = {sent("8"), sent("Bob"), UNCHANGED, UNCHANGED, UNCHANGED};
    assert_true(row(&t, r, before, 5, false, NULL, r->before) == 0);
    assert_true(row(&t, r, after, 5, false, r->before, r->after) == 0);
    assert_text(&r->after[1], "Bob");
    assert_int_equal(r->after[2].kind, LEAT_NULL); /* what it was */
    assert_text(&r->after[4], "a long text");
    assert_text(&r->before[1], "Ann");
    end(&t);
}

static void row__of_a_key_has_nothing_else(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    t.columns[2].flags =
        PGOUTPUT_COLUMN_IDENTITY; /* the key is (id, ssn), and ssn may be NULL under an index */
    struct pg_relation *r = put(&t);
    const struct pgoutput_field fields[] = {sent("7"), NOTHING, NOTHING, NOTHING, NOTHING};
    row(&t, r, fields, 5, true, NULL, r->before);
    assert_true(r->before[0].integer == 7);
    assert_int_equal(r->before[1].kind,
                     LEAT_ABSENT); /* the server says NULL where it sends nothing */
    assert_int_equal(r->before[2].kind, LEAT_NULL);
    assert_int_equal(r->before[3].kind, LEAT_ABSENT);
    assert_int_equal(r->before[4].kind, LEAT_ABSENT);
    end(&t);
}

static void row__masked_values_show_nothing_but_that_they_are_there(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    const char *mask[] = {"public.users.id", "public.users.ssn", "public.users.note"},
               *exclude[] = {"*.*.name"};
    t.settings.filter.mask_columns = (struct leat_strings){mask, 3};
    t.settings.filter.exclude_columns = (struct leat_strings){exclude, 1};
    struct pg_relation *r = put(&t);
    const struct pgoutput_field before[] = {sent("7"), sent("Ann"), sent("123-45"), NOTHING,
                                            sent("secret")};
    const struct pgoutput_field after[] = {sent("7"), sent("Ann"), NOTHING, NOTHING, UNCHANGED};
    row(&t, r, before, 5, false, NULL, r->before);
    assert_text(&r->before[0], "***");
    assert_text(&r->before[1], "***"); /* ssn: name is excluded */
    assert_int_equal(r->before[2].kind, LEAT_NULL);
    assert_text(&r->before[3], "***");
    assert_true(row(&t, r, after, 5, false, NULL, r->after) == 1);
    assert_int_equal(r->after[1].kind, LEAT_NULL);   /* NULL stays what it is */
    assert_int_equal(r->after[3].kind, LEAT_ABSENT); /* absent too */
    row(&t, r, after, 5, false, r->before, r->after);
    assert_text(&r->after[3], "***"); /* and a filled-in one is still masked */
    end(&t);
}

static void row__of_another_width_is_nonsense(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    struct pg_relation *r = put(&t);
    const struct pgoutput_field fields[] = {sent("7"), NOTHING, NOTHING, NOTHING, NOTHING, NOTHING};
    int64_t absent = 0;
    for (uint16_t count = 0; count <= 6; count++) {
        const struct pgoutput_tuple tuple = {count, fields};
        int status = pg_relation_row(r, &tuple, false, NULL, &t.scratch, r->after, &absent, &err);
        assert_int_equal(status, count == 5 ? LEAT_OK : LEAT_EPROTO);
    }
    assert_text_has(err.text, "users");
    end(&t);
}

static void row__errors_name_table_and_column(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    struct pg_relation *r = put(&t);
    const struct pgoutput_field fields[] = {{PGOUTPUT_BINARY, LEAT_SLICE_LITERAL("abc")},
                                            NOTHING,
                                            NOTHING,
                                            NOTHING,
                                            NOTHING}; /* an int4 of three bytes */
    const struct pgoutput_tuple tuple = {5, fields};
    int64_t absent = 0;
    gives(LEAT_EDATA, pg_relation_row(r, &tuple, false, NULL, &t.scratch, r->after, &absent, &err));
    assert_text_has(err.text, "users");
    assert_text_has(err.text, "id");
    end(&t);
}

/* --- the table of relations
 * ----------------------------------------------------------------------------------------- */

static void cache__finds_thousands_and_forgets_all(void **state)
{
    (void)state;
    struct rel_test t;
    struct chance c = chance_of(820);
    users(&t);
    t.message.relation.count = 1;
    enum { RELATIONS = 3000 };
    static uint32_t oids[RELATIONS];
    for (uint32_t i = 0; i < RELATIONS; i++) { /* runs, as a server gives them, and anything */
        oids[i] = t.message.relation.oid =
            i < 1500 ? 16384 + i : (uint32_t)chance_u64(&c) | 1u << 31;
        put(&t);
    }
    for (uint32_t i = 0; i < 10000; i++) {
        uint32_t oid = oids[below(&c, RELATIONS)];
        assert_int_equal(pg_relcache_find(&t.cache, oid)->oid, oid);
    }
    assert_null(pg_relcache_find(&t.cache, 1));
    assert_null(pg_relcache_find(&t.cache, 0));
    pg_relcache_reset(&t.cache);
    assert_null(pg_relcache_find(&t.cache, oids[0]));
    assert_null(pg_relcache_find(&t.cache, oids[RELATIONS - 1]));
    end(&t);
}

static void cache__a_new_message_replaces_the_relation(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    put(&t);
    assert_true(pg_relcache_repeats(&t.cache, 16385, 77));
    assert_false(pg_relcache_repeats(&t.cache, 16385, 78));
    assert_false(pg_relcache_repeats(&t.cache, 16386, 77));
    t.message.relation.count = 2; /* columns were dropped */
    struct pg_relation *r = put(&t);
    assert_int_equal(r->schema.column_count, 2);
    assert_int_equal(t.cache.count, 1);
    end(&t);
}

static void cache__a_relation_without_columns_is_one(void **state)
{
    (void)state;
    struct rel_test t;
    users(&t);
    t.message.relation.count = 0;
    struct pg_relation *r = put(&t);
    assert_int_equal(r->schema.column_count, 0);
    assert_true(row(&t, r, NULL, 0, false, NULL, r->after) == 0);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relation__has_the_columns_of_its_message),
        cmocka_unit_test(relation__outlives_its_message),
        cmocka_unit_test(relation__excluded_columns_leave_no_trace),
        cmocka_unit_test(relation__a_masked_column_is_a_string_whatever_it_was),
        cmocka_unit_test(relation__tables_outside_the_filter_are_known_and_not_captured),
        cmocka_unit_test(relation__moves_to_another_schema_name),
        cmocka_unit_test(key__is_the_primary_key_in_its_own_order),
        cmocka_unit_test(key__without_catalogue_is_the_replica_identity),
        cmocka_unit_test(key__identity_full_without_primary_key_is_none),
        cmocka_unit_test(key__identity_full_with_a_primary_key_is_that_key),
        cmocka_unit_test(key__of_identity_skips_excluded_columns),
        cmocka_unit_test(fact__of_another_type_is_not_believed),
        cmocka_unit_test(fact__types_domains_and_enums),
        cmocka_unit_test(row__present_null_and_absent_stay_apart),
        cmocka_unit_test(row__unchanged_toast_is_taken_from_the_whole_old_row),
        cmocka_unit_test(row__of_a_key_has_nothing_else),
        cmocka_unit_test(row__masked_values_show_nothing_but_that_they_are_there),
        cmocka_unit_test(row__of_another_width_is_nonsense),
        cmocka_unit_test(row__errors_name_table_and_column),
        cmocka_unit_test(cache__finds_thousands_and_forgets_all),
        cmocka_unit_test(cache__a_new_message_replaces_the_relation),
        cmocka_unit_test(cache__a_relation_without_columns_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
