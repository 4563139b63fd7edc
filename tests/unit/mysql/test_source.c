/*
 * The whole source on a fake server (fake_server.h): whatever the batch's room and wherever a crash
 * falls, the store has what one undisturbed reading gives, once, in order (I1, I4, I5).
 */
#include "unit/mysql/fake_server.h"

static struct fake f;

/* --- the law -----------------------------------------------------------------------------------
 */

struct lines {
    char **lines;
    size_t count;
};

static struct lines lines_of(struct fake_store *s)
{
    struct lines l = {calloc(s->count + 1, sizeof(char *)), s->count};
    for (size_t i = 0; i < s->count; i++)
        l.lines[i] = strdup(s->lines[i]);
    return l;
}

static void lines_free(struct lines *l)
{
    while (l->count)
        free(l->lines[--l->count]);
    free(l->lines);
}

static void assert_lines(const struct lines *expected, const struct fake_store *s)
{
    for (size_t i = 0; i < expected->count && i < s->count; i++)
        assert_string_equal(s->lines[i], expected->lines[i]);
    assert_int_equal(s->count, expected->count);
}

static char start_token[LEAT_TOKEN_MAX + 1];

/* Begins at the log's end as it is, which what follows is compared from. */
static void begin_source(enum fake_kind kind, int resume)
{
    fake_begin(&f, kind);
    f.source.settings.resume = resume;
    ok(fake_run(&f, &(struct fake_how){.room = 0}));
    snprintf(start_token, sizeof start_token, "%s", f.store.token);
}

static void from_start(void)
{
    fake_forget_store(&f);
    snprintf(f.store.token, sizeof f.store.token, "%s", start_token);
    snprintf(f.store.pending_token, sizeof f.store.pending_token, "%s", start_token);
}

static void assert_crashes_leave_no_trace(void)
{
    ok(fake_run(&f, &(struct fake_how){.room = 0}));
    struct lines expected = lines_of(&f.store);
    assert_true(expected.count > 0);
    for (size_t room = 1; room < 8; room++)
        for (size_t crash_at = 0; crash_at < 4; crash_at++)
            for (int halves = 0; halves < (crash_at == 1 ? 1 : 2); halves++) {
                from_start();
                ok(fake_run(&f, &(struct fake_how){room, halves, crash_at, 0}));
                assert_lines(&expected, &f.store);
            }
    lines_free(&expected);
}

static void each_way(void (*happen)(void))
{
    static const struct {
        enum fake_kind kind;
        int resume;
    } WAYS[] = {{FAKE_MYSQL, MY_RESUME_GTID},
                {FAKE_MYSQL, MY_RESUME_POSITION},
                {FAKE_MARIADB, MY_RESUME_GTID},
                {FAKE_MARIADB, MY_RESUME_POSITION}};
    for (size_t i = 0; i < sizeof WAYS / sizeof *WAYS; i++) {
        print_message("kind %d, resume %d\n", WAYS[i].kind, WAYS[i].resume);
        begin_source(WAYS[i].kind, WAYS[i].resume);
        happen();
        assert_crashes_leave_no_trace();
        fake_end(&f);
    }
}

/* --- what happens ------------------------------------------------------------------------------
 */

static void inserts(void)
{
    f_insert(&f, 1, 5);
    f_insert(&f, 6, 6);
    f_new_file(&f);
    f_insert(&f, 7, 30);
    f_insert(&f, 31, 33);
}

static void source__rows_come_once_wherever_a_crash_falls(void **state)
{
    (void)state;
    each_way(inserts);
}

static void statements(void)
{
    f_insert(&f, 1, 2);
    f_statement(&f, "ALTER TABLE t ADD c int");
    f_statement(&f, "CREATE TABLE u (a int)");
    f_statement(&f, "TRUNCATE TABLE t");
    f_statement(&f, "ALTER TABLE t DROP PARTITION p");
    f_insert(&f, 3, 4);
    f_statement(&f, "DROP TABLE t, u");
}

static void source__statements_come_once_wherever_a_crash_falls(void **state)
{
    (void)state;
    each_way(statements);
}

static void create_as_select(void)
{
    f_gtid(&f, 0);
    f_query(&f, f.kind == FAKE_MYSQL ? "CREATE TABLE t (id int) START TRANSACTION"
                                     : "CREATE TABLE t (id int)");
    f_rows(&f, "t", 1, 5);
    f_commit(&f);
    f_insert(&f, 6, 6);
}

static void source__a_table_created_with_its_rows_comes_once(void **state)
{
    (void)state;
    each_way(create_as_select);
}

static void prepared(void)
{
    f_insert(&f, 1, 2);
    f_prepare(&f, 'a', 10, 12);
    f_insert(&f, 3, 3);
    f_prepare(&f, 'b', 20, 22);
    f_prepare(&f, 'c', 30, 31);
    f_new_file(&f);
    f_insert(&f, 4, 4);
    f_xa(&f, "COMMIT", 'b');
    f_insert(&f, 5, 5);
    f_xa(&f, "ROLLBACK", 'c');
    f_prepare(&f, 'b', 40, 41);
    f_insert(&f, 6, 7);
    f_xa(&f, "COMMIT", 'a');
    f_xa(&f, "COMMIT", 'b');
    f_insert(&f, 8, 8);
}

static void source__prepared_transactions_come_once_when_they_are_decided(void **state)
{
    (void)state;
    each_way(prepared);
}

static void savepoints(void)
{
    f_begin(&f);
    f_rows(&f, "t", 1, 1);
    f_query(&f, "SAVEPOINT `a`");
    f_rows(&f, "t", 90, 91);
    f_query(&f, "SAVEPOINT `b`");
    f_rows(&f, "t", 92, 93);
    f_query(&f, "SAVEPOINT `A`"); /* a new one of the old name: the old one is gone */
    f_rows(&f, "t", 94, 94);
    f_query(&f, "SAVEPOINT `long name`");
    f_query(&f, "ROLLBACK TO `a`");
    f_rows(&f, "t", 2, 2);
    f_query(&f, "ROLLBACK TO `b`");
    f_rows(&f, "t", 3, 4);
    f_commit(&f);
}

static void source__what_a_savepoint_undid_never_comes(void **state)
{
    (void)state;
    each_way(savepoints);
    begin_source(FAKE_MYSQL, MY_RESUME_GTID);
    savepoints();
    ok(fake_run(&f, &(struct fake_how){.room = 0}));
    static const int32_t KEPT[] = {1, 90, 91, 3, 4};
    assert_int_equal(f.store.count, 1 + 5);
    for (size_t i = 0; i < 5; i++) {
        char end[20];
        snprintf(end, sizeof end, "/%zu create t %d", i, KEPT[i]);
        assert_string_equal(strrchr(f.store.lines[1 + i], '/'), end);
    }
    fake_end(&f);
}

/* A framework sets one for each row of an import, and no log says that it released it. */
static void source__a_million_savepoints_cost_their_bytes(void **state)
{
    enum { COUNT = 1000000 };
    (void)state;
    begin_source(FAKE_MYSQL, MY_RESUME_GTID);
    ok(fake_open(&f));
    f.source.format.checksum = MY_CHECKSUM_NONE;
    int64_t begun_ms = leat_clock_monotonic_ms();
    for (uint32_t i = 0; i < COUNT; i++) {
        char text[40];
        f.event_count = 0;
        f.at = 4;
        snprintf(text, sizeof text, i ? "SAVEPOINT `s%u`" : "BEGIN", i);
        f_query(&f, text);
        memset(f.events[0].bytes + 13, 0, 4); /* it tells no position */
        ok(my_change(&f.source, leat_slice_of(f.events[0].bytes, f.events[0].len), &err));
    }
    assert_true(leat_clock_monotonic_ms() - begun_ms < 20000);
    assert_true(f.source.savepoints.len < 24 * COUNT);
    my_change_reset(&f.source);
    assert_true(f.source.savepoints.capacity <= 16 << 10);
    fake_end(&f);
}

static void prepared_then_lower_numbers(void)
{
    f.number = 200;
    f_prepare(&f, 'a', 10, 12);
    f_insert(&f, 1, 2);
    if (f.kind == FAKE_MARIADB)
        f.number = 100; /* gtid_seq_no, and no gtid_strict_mode */
    f_insert(&f, 3, 4);
    f_insert(&f, 5, 6);
    f_xa(&f, "COMMIT", 'a');
}

static void source__numbers_that_go_back_behind_a_prepared_transaction_are_new(void **state)
{
    (void)state;
    each_way(prepared_then_lower_numbers);
}

/* --- another server ----------------------------------------------------------------------------
 */

/* Its log has the same transactions in another order, as a parallel replica's has. */
static void source__a_prepared_transaction_is_not_forgotten_where_it_comes_later(void **state)
{
    (void)state;
    begin_source(FAKE_MYSQL, MY_RESUME_GTID);
    f_prepare(&f, 'a', 10, 11);
    f_insert(&f, 1, 1);
    ok(fake_run(&f, &(struct fake_how){.room = 0}));
    struct my_gtid_set executed = f.executed;
    f.event_count = f.group_count = 0; /* the other one */
    f.executed = (struct my_gtid_set){.sids = NULL};
    f.uuid[0]++;
    f.number = 1;
    f_statement(&f, "CREATE USER somebody");
    f.number = 3;
    f_insert(&f, 1, 1);
    f_insert(&f, 2, 2);
    ok(my_gtid_set_merge(&f.executed, &executed, &err)); /* as if it came at once */
    my_gtid_set_release(&executed);
    ok(fake_run(&f, &(struct fake_how){.room = 0}));
    f.number = 2;
    f_prepare(&f, 'a', 10, 11);
    f.number = 5;
    f_xa(&f, "COMMIT", 'a');
    ok(fake_run(&f, &(struct fake_how){.room = 0}));
    assert_int_equal(f.store.count, 1 + 1 + 1 + 2);
    assert_string_equal(strrchr(f.store.lines[4], '/'), "/1 create t 11");
    fake_end(&f);
}

static void source__a_stored_beginning_is_remembered_past_empty_transactions(void **state)
{
    (void)state;
    begin_source(FAKE_MYSQL, MY_RESUME_GTID);
    f_insert(&f, 1, 5);
    f_statement(&f, "CREATE USER another");
    ok(fake_run(&f, &(struct fake_how){.room = 3, .polls_max = 1}));
    assert_int_equal(f.store.count, 3);
    f.event_count = f.group_count = 0; /* another server has the two the other way round */
    f.uuid[0]++;
    f.number = 3;
    f_statement(&f, "CREATE USER another");
    f.number = 2;
    f_insert(&f, 1, 5);
    ok(fake_run(&f, &(struct fake_how){.room = 1, .crash_at = 1}));
    assert_int_equal(f.store.count, 1 + 5);
    assert_string_equal(strrchr(f.store.lines[5], '/'), "/4 create t 5");
    fake_end(&f);
}

/* --- gaps --------------------------------------------------------------------------------------
 */

static void assert_ids_differ(void)
{
    for (size_t i = 0; i < f.store.count; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(f.store.ids[i], f.store.ids[k]);
}

static void commit_of_unknown(void)
{
    f.source.settings.on_gap = LEAT_GAP_RECORD;
    f_xa(&f, "COMMIT", 'x');
    f_insert(&f, 1, 2);
    f_xa(&f, "COMMIT", 'y');
    f_insert(&f, 3, 3);
}

static void source__a_commit_of_unknown_rows_is_one_gap(void **state)
{
    (void)state;
    each_way(commit_of_unknown);
}

/* RESET MASTER: names, places and numbers begin again, and what has them is something else. */
static void reset_log(void)
{
    f.event_count = f.group_count = 0;
    my_gtid_set_release(&f.executed);
    maria_gtid_state_release(&f.state);
    f.number = 1;
    f.file_number = 1;
    f.file_stamp++;
    f.at = 4;
    f_statement(&f, "CREATE USER somebody");
}

static void source__behind_a_reset_nothing_has_an_id_that_was_given(void **state)
{
    (void)state;
    for (int resume = MY_RESUME_GTID; resume <= MY_RESUME_POSITION; resume++) {
        begin_source(FAKE_MYSQL, resume);
        f.source.settings.on_gap = LEAT_GAP_RECORD;
        f_insert(&f, 1, 2);
        f_insert(&f, 3, 4);
        f_insert(&f, 5, 6);
        f_insert(&f, 7, 8);
        ok(fake_run(&f, &(struct fake_how){.room = 0}));
        size_t before = f.store.count;
        reset_log();
        fake_run(&f, &(struct fake_how){.room = 0});
        ok(fake_run(&f, &(struct fake_how){.room = 0}));
        assert_true(f.store.count > before);
        f_insert(&f, 1, 2);
        f_insert(&f, 3, 4);
        f_insert(&f, 5, 6);
        f_insert(&f, 7, 8);
        ok(fake_run(&f, &(struct fake_how){.room = 0}));
        assert_true(f.store.count >= before + 9);
        assert_ids_differ();
        fake_end(&f);
    }
}

/* All our GTIDs are in the new log too, and our place is in none of the files that are sent. */
static void source__a_reset_log_that_has_our_gtids_again_is_noticed(void **state)
{
    (void)state;
    for (int kind = FAKE_MYSQL; kind <= FAKE_MARIADB; kind++)
        for (int files = 0; files < 2; files++) {
            begin_source((enum fake_kind)kind, MY_RESUME_GTID);
            f_insert(&f, 1, 2);
            f_new_file(&f);
            f_insert(&f, 3, 4);
            ok(fake_run(&f, &(struct fake_how){.room = 0}));
            reset_log();
            for (int32_t id = 10; id < 20; id++)
                f_insert(&f, id, id);
            if (files)
                f_new_file(&f);
            f_insert(&f, 20, 20);
            assert_int_equal(fake_run(&f, &(struct fake_how){.room = 0}), LEAT_ECONFIG);
            assert_non_null(strstr(err.text, "other_log"));
            f.source.settings.on_gap = LEAT_GAP_RECORD;
            assert_int_equal(fake_run(&f, &(struct fake_how){.room = 0}), LEAT_ERETRY);
            ok(fake_run(&f, &(struct fake_how){.room = 0}));
            assert_int_equal(f.store.count, 1 + 4 + 1 + 11);
            assert_ids_differ();
            fake_end(&f);
        }
}

static void source__resumes_by_gtid_on_a_server_that_has_none_yet(void **state)
{
    (void)state;
    fake_begin(&f, FAKE_MYSQL);
    f.source.settings.resume = MY_RESUME_GTID;
    f.event_count = f.served = f.group_count = 0;
    my_gtid_set_release(&f.executed);
    f.number = 1;
    f.at = 4;
    ok(fake_run(&f, &(struct fake_how){.room = 0}));
    ok(fake_run(&f, &(struct fake_how){.room = 0}));
    f_insert(&f, 1, 2);
    ok(fake_run(&f, &(struct fake_how){.room = 0}));
    assert_int_equal(f.store.count, 3);
    fake_end(&f);
}

/* As people set one who know a file and a position. */
static void without_gtids(char *token)
{
    char *from = strstr(token, " gtids=") + 7, *to = strchr(from, ' ');
    *from = '-';
    memmove(from + 1, to, strlen(to) + 1);
}

static void source__an_offset_without_gtids_brings_nothing_back(void **state)
{
    (void)state;
    for (int kind = FAKE_MYSQL; kind <= FAKE_MARIADB; kind++) {
        begin_source((enum fake_kind)kind, MY_RESUME_AUTO);
        f_insert(&f, 1, 2);
        f.domain = 5; /* MariaDB: nothing comes of it later */
        f_insert(&f, 3, 4);
        f.domain = 0;
        ok(fake_run(&f, &(struct fake_how){.room = 0}));
        without_gtids(f.store.token);
        snprintf(f.store.pending_token, sizeof f.store.pending_token, "%s", f.store.token);
        f_insert(&f, 5, 5);
        ok(fake_run(&f, &(struct fake_how){.room = 0}));
        assert_non_null(strstr(f.store.token, " gtids=- "));
        f_insert(&f, 6, 6);
        f_new_file(&f);
        f_insert(&f, 7, 7);
        ok(fake_run(&f, &(struct fake_how){.room = 0}));
        assert_null(strstr(f.store.token, " gtids=- "));
        f_insert(&f, 8, 8);
        ok(fake_run(&f, &(struct fake_how){.room = 0}));
        assert_true(f.source.gtid_mode);
        assert_int_equal(f.store.count, 1 + 8);
        fake_end(&f);
    }
}

/* A name that the other server has too, with other bytes at that place. */
static void source__places_of_another_server_are_not_kept(void **state)
{
    (void)state;
    begin_source(FAKE_MYSQL, MY_RESUME_GTID);
    f_insert(&f, 1, 2);
    ok(fake_run(&f, &(struct fake_how){.room = 0}));
    f.uuid[0]++;
    ok(fake_run(&f, &(struct fake_how){.room = 0}));
    f.source.settings.resume = MY_RESUME_POSITION;
    f_insert(&f, 3, 4);
    assert_int_equal(fake_run(&f, &(struct fake_how){.room = 0}), LEAT_ECONFIG);
    assert_non_null(strstr(err.text, "purged"));
    f.source.settings.resume = MY_RESUME_GTID;
    ok(fake_run(&f, &(struct fake_how){.room = 0}));
    f_insert(&f, 5, 5);
    f.source.settings.resume = MY_RESUME_POSITION;
    ok(fake_run(&f, &(struct fake_how){.room = 0}));
    assert_int_equal(f.store.count, 1 + 5);
    fake_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source__rows_come_once_wherever_a_crash_falls),
        cmocka_unit_test(source__statements_come_once_wherever_a_crash_falls),
        cmocka_unit_test(source__a_table_created_with_its_rows_comes_once),
        cmocka_unit_test(source__prepared_transactions_come_once_when_they_are_decided),
        cmocka_unit_test(source__what_a_savepoint_undid_never_comes),
        cmocka_unit_test(source__a_million_savepoints_cost_their_bytes),
        cmocka_unit_test(source__numbers_that_go_back_behind_a_prepared_transaction_are_new),
        cmocka_unit_test(source__a_prepared_transaction_is_not_forgotten_where_it_comes_later),
        cmocka_unit_test(source__a_stored_beginning_is_remembered_past_empty_transactions),
        cmocka_unit_test(source__a_commit_of_unknown_rows_is_one_gap),
        cmocka_unit_test(source__behind_a_reset_nothing_has_an_id_that_was_given),
        cmocka_unit_test(source__a_reset_log_that_has_our_gtids_again_is_noticed),
        cmocka_unit_test(source__resumes_by_gtid_on_a_server_that_has_none_yet),
        cmocka_unit_test(source__an_offset_without_gtids_brings_nothing_back),
        cmocka_unit_test(source__places_of_another_server_are_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
