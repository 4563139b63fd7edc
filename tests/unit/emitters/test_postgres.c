/*
 * The Postgres emitter: what a row looks like byte by byte, errors by class, and the contract,
 * where a server is given by LEAT_TEST_PORT and LEAT_TEST_DATABASE (tests/integration does so).
 */
#include "emitters/postgres/postgres.c"

#include "contract/emitter_contract.h"

/* The command's; what was found is not asked here. */
void leat_report_add(struct leat_report *report, enum leat_severity severity, const char *id,
                     const char *observed, const char *fix, bool restart)
{
    (void)report, (void)id, (void)fix, (void)restart;
    if (severity == LEAT_FINDING_FATAL)
        fail_msg("%s", observed);
}

/* --- errors -------------------------------------------------------------------------------------
 */

static void postgres__errors_are_classed_by_their_sqlstate(void **state)
{
    static const struct {
        const char *state;
        int code;
    } CASES[] = {{"22P05", LEAT_EDATA},   {"23505", LEAT_EDATA},   {"P0001", LEAT_EDATA},
                 {"54000", LEAT_EDATA},   {"40001", LEAT_ERETRY},  {"40P01", LEAT_ERETRY},
                 {"53100", LEAT_ERETRY},  {"55P03", LEAT_ERETRY},  {"57014", LEAT_ERETRY},
                 {"57P01", LEAT_ERETRY},  {"08006", LEAT_ERETRY},  {"", LEAT_ERETRY},
                 {"42P01", LEAT_ECONFIG}, {"42501", LEAT_ECONFIG}, {"28P01", LEAT_ECONFIG},
                 {"3D000", LEAT_ECONFIG}, {"25006", LEAT_ECONFIG}, {"XX000", LEAT_ERETRY}};
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        if (pge_classify(CASES[i].state) != CASES[i].code)
            fail_msg("%s is %s", CASES[i].state, leat_code_name(pge_classify(CASES[i].state)));
    assert_int_equal(pge_classify(NULL), LEAT_ERETRY);
}

static void postgres__hostile_names_are_quoted(void **state)
{
    (void)state;
    struct pge_settings s = {.schema = "we\"ird", .table = "x\"; drop table y;--"};
    char name[PGE_NAME_BYTES];
    pge_table_name(&s, s.table, name);
    assert_string_equal(name, "\"we\"\"ird\".\"x\"\"; drop table y;--\"");
    char quotes[51];
    memset(quotes, '"', 50);
    quotes[50] = '\0';
    s.schema = quotes;
    pge_table_name(&s, quotes, name); /* the longest that settings allow */
    assert_int_equal(strlen(name), 2 * 102 + 1);
}

/* --- the contract --------------------------------------------------------------------------------
 */

static const char *port(void)
{
    return getenv("LEAT_TEST_PORT");
}

static struct pge_session reader;

static void execute(const char *sql)
{
    ok(pge_execute(&reader, sql, "do what the test wants", &err));
}

static void settings_fill(struct pge_settings *s)
{
    *s = (struct pge_settings){.host = "127.0.0.1",
                               .database = getenv("LEAT_TEST_DATABASE"),
                               .user = "postgres",
                               .sslmode = 1,
                               .connect_timeout_ms = 10000,
                               .timeout_ms = 10000,
                               .schema = "contract",
                               .table = "stream_data"};
    s->port = strtol(port(), NULL, 10);
}

static void *postgres_new(void *arg, bool fresh)
{
    struct postgres *p = calloc(1, sizeof *p);
    struct leat_buf ddl;
    (void)arg;
    settings_fill(&p->settings);
    if (!fresh)
        return p;
    leat_buf_init(&ddl, 1 << 16);
    pge_tables_ddl(&p->settings, &ddl);
    execute("DROP SCHEMA IF EXISTS contract CASCADE");
    execute(leat_buf_text(&ddl));
    leat_buf_release(&ddl);
    return p;
}

static void postgres_free(void *arg, void *ctx)
{
    (void)arg;
    free(ctx);
}

static void postgres_read(void *arg, struct contract_held *held)
{
    PGresult *result;
    (void)arg;
    ok(pge_query(&reader, "SELECT seq FROM contract.stream_data ORDER BY seq", NULL, 0, "read",
                 &result, &err));
    for (int i = 0; i < PQntuples(result); i++)
        held->sequences[held->count++] = strtoull(PQgetvalue(result, i, 0), NULL, 10);
    PQclear(result);
}

static void field_put(struct leat_buf *row, const void *bytes, size_t len)
{
    uint32_t be = __builtin_bswap32((uint32_t)len);
    leat_buf_append(row, leat_slice_of(&be, 4));
    leat_buf_append(row, leat_slice_of(bytes, len));
}

/* The contract's batches are texts; what the destination takes are rows. */
static int row_submit(void *ctx, const struct leat_emit_batch *batch, struct leat_err *e)
{
    struct leat_emit_event *events = calloc(batch->count, sizeof *events);
    struct leat_emit_batch rows = *batch;
    struct leat_buf row[CONTRACT_EVENTS_MAX / 8];
    for (size_t i = 0; i < batch->count; i++) {
        const uint16_t fields = __builtin_bswap16(6);
        uint64_t time = 0, sequence = __builtin_bswap64(batch->events[i].sequence);
        char record[200];
        leat_buf_init(&row[i], 4096);
        int len = snprintf(record, sizeof record, "\1%.*s", LEAT_SLICE_ARG(batch->events[i].value));
        leat_buf_append(&row[i], leat_slice_of(&fields, 2));
        field_put(&row[i], "shop", 4);
        field_put(&row[i], "x", 1);
        field_put(&row[i], record, (size_t)len);
        field_put(&row[i], "\1{}", 3);
        field_put(&row[i], &time, 8);
        field_put(&row[i], &sequence, 8);
        events[i] = batch->events[i];
        events[i].value = leat_buf_slice(&row[i]);
    }
    rows.events = events;
    int status = postgres_submit(ctx, &rows, e); /* rows are sent when it returns */
    for (size_t i = 0; i < batch->count; i++)
        leat_buf_release(&row[i]);
    free(events);
    return status;
}

static struct leat_emitter_ops row_ops;
static struct emitter_contract contract = {&row_ops,      postgres_new,          postgres_free,
                                           postgres_read, "{\"a\":\"\\u0000\"}", NULL};

/* Two of one name: who did not see the other's batch changes nothing, and sees it at the next open.
 */
static void postgres__a_second_writer_of_the_name_is_fenced(void **state)
{
    struct contract_session *a = session_new(*state, true), *b = session_new(*state, false);
    session_open(a);
    session_open(b);
    struct leat_emit_batch first = batch_make(b, 5, -1), same = batch_make(a, 5, -1);
    ok(deliver(b, &first));
    gives(LEAT_ERETRY, deliver(a, &same));
    assert_text_has(err.text, "somebody else");
    a->contract->ops->close(a->ctx);
    assert_int_equal(session_open(a), 5);
    assert_holds(*state, 1, 5);
    session_free(a);
    session_free(b);
}

int main(void)
{
    static struct pge_settings s;
    const struct CMUnitTest alone[] = {
        cmocka_unit_test(postgres__errors_are_classed_by_their_sqlstate),
        cmocka_unit_test(postgres__hostile_names_are_quoted),
    };
    const struct CMUnitTest tests[] = {
        EMITTER_CONTRACT_TESTS(&contract),
        EMITTER_CONTRACT_TEST(postgres__a_second_writer_of_the_name_is_fenced, &contract),
    };
    int failed = cmocka_run_group_tests(alone, NULL, NULL);
    if (!port())
        return failed;
    row_ops = postgres_emitter_ops;
    row_ops.submit = row_submit;
    settings_fill(&s);
    reader = (struct pge_session){.settings = &s, .wake_fd = -1};
    ok(pge_session_open(&reader, "reader", &err));
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    pge_session_close(&reader);
    return failed;
}
