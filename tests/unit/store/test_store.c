/* The writer: what is committed is there after a reopen, once, in order, with its offset. */
#include "store_support.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/wait.h>

/* --- commit ----------------------------------------------------------------------------------- */

static void store__commits_come_back_in_order(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    assert_int_equal(leat_store_durable(store), 0);
    uint64_t seen[8] = {0};
    assert_int_equal(model_read_all(o.path, store, seen), 0);
    for (uint64_t n = 1; n <= 500; n += 5)
        ok(model_commit(store, id, n, 5));
    assert_int_equal(leat_store_durable(store), 500);
    assert_int_equal(model_read_all(o.path, store, seen), 500);
    assert_int_equal(seen[id], 500);
    leat_store_close(store);
}

static void store__resumes_behind_the_last_commit(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    for (uint64_t n = 1; n <= 60; n += 3) {
        struct leat_store *store = opened(&o);
        uint32_t id = source_id(store, "shop");
        assert_int_equal(id, 1);
        assert_int_equal(token_number(store, "shop"), n - 1);
        assert_int_equal(leat_store_durable(store), n - 1);
        ok(model_commit(store, id, n, 3));
        leat_store_close(store);
    }
    uint64_t seen[8] = {0};
    assert_int_equal(model_read_all(o.path, NULL, seen), 60);
}

static void store__one_commit_takes_many_sources(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t a = source_id(store, "a"), b = source_id(store, "b");
    assert_int_equal(a, 1);
    assert_int_equal(b, 2);
    struct leat_block of_a[2] = {model_block(a, 1, 10), model_block(a, 11, 1)};
    struct leat_block of_b = model_block(b, 1, 4);
    struct leat_store_write writes[] = {
        {.source_id = a,
         .blocks = of_a,
         .block_count = 2,
         .token = leat_slice_text("11"),
         .part_next = 1},
        {.source_id = b,
         .blocks = &of_b,
         .block_count = 1,
         .token = leat_slice_text("4"),
         .part_next = 1},
    };
    ok(leat_store_commit(store, writes, 2, &err));
    assert_int_equal(leat_store_durable(store), 15);
    assert_int_equal(token_number(store, "a"), 11);
    assert_int_equal(token_number(store, "b"), 4);
    uint64_t seen[8] = {0};
    assert_int_equal(model_read_all(o.path, store, seen), 15);
    assert_int_equal(seen[a], 11);
    assert_int_equal(seen[b], 4);
    free(of_a[0].bytes);
    free(of_a[1].bytes);
    free(of_b.bytes);
    leat_store_close(store);
}

static void store__token_alone_moves_the_offset(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    struct leat_store_write write = {
        .source_id = id, .token = leat_slice_text("17"), .part_next = 1};
    int64_t before_us = leat_clock_wall_us();
    ok(leat_store_commit(store, &write, 1, &err));
    assert_int_equal(token_number(store, "shop"), 17);
    assert_int_equal(leat_store_durable(store), 0);
    struct leat_store_source source;
    ok(leat_store_source(store, "shop", &source, &err));
    assert_true(source.committed_at_us >= before_us);
    leat_buf_release(&source.token);
    leat_store_close(store);
}

static void store__unknown_source_is_our_bug(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    fails(LEAT_EBUG, model_commit(store, 3, 1, 1));
    struct leat_store_source source;
    fails(LEAT_ECONFIG, leat_store_source(store, "", &source, &err));
    char name[LEAT_INSTANCE_MAX + 2];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    fails(LEAT_ECONFIG, leat_store_source(store, name, &source, &err));
    name[LEAT_INSTANCE_MAX] = '\0';
    ok(leat_store_source(store, name, &source, &err));
    leat_buf_release(&source.token);
    leat_store_close(store);
}

static void store__token_is_set_by_hand(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    ok(model_commit(store, id, 1, 5));
    ok(leat_store_set_token(store, "shop", leat_slice_text("3"), &err));
    fails(LEAT_ECONFIG, leat_store_set_token(store, "shoe", leat_slice_text("3"), &err));
    leat_store_close(store);
    store = opened(&o);
    assert_int_equal(token_number(store, "shop"), 3);
    assert_int_equal(source_id(store, "shoe"), 2);
    leat_store_close(store);
}

/* --- notes ------------------------------------------------------------------------------------ */

static void note(struct leat_store *store, uint32_t id, const char *key, const char *value)
{
    struct leat_store_note n = {leat_slice_text(key), leat_slice_text(value)};
    struct leat_store_write write = {.source_id = id, .notes = &n, .note_count = 1};
    ok(leat_store_commit(store, &write, 1, &err));
}

static int note_text(void *arg, struct leat_slice key, struct leat_slice value, struct leat_err *e)
{
    (void)e;
    leat_buf_format(arg, "%.*s=%.*s ", LEAT_SLICE_ARG(key), LEAT_SLICE_ARG(value));
    return LEAT_OK;
}

static void assert_notes(struct leat_store *store, uint32_t id, const char *expected)
{
    struct leat_buf text;
    leat_buf_init(&text, 1 << 20);
    ok(leat_store_notes(store, id, note_text, &text, &err));
    assert_string_equal(leat_buf_text(&text), expected);
    leat_buf_release(&text);
}

static void store__notes_are_each_sources_own_and_survive_rolls(void **state)
{
    struct leat_store_options o = rolling(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t a = source_id(store, "a"), b = source_id(store, "b");
    assert_notes(store, a, "");
    note(store, a, "two", "2");
    note(store, a, "one", "1");
    note(store, b, "one", "of b");
    for (uint64_t n = 1; n <= 500; n += 5)
        ok(model_commit(store, a, n, 5));
    note(store, a, "two", "zwei");
    assert_notes(store, a, "one=1 two=zwei ");
    leat_store_close(store);
    store = opened(&o);
    assert_int_equal(source_id(store, "a"), a);
    assert_int_equal(token_number(store, "a"), 500);
    note(store, a, "one", "");
    note(store, a, "never", "");
    assert_notes(store, a, "two=zwei ");
    assert_notes(store, b, "one=of b ");
    uint64_t seen[8] = {0};
    assert_int_equal(model_read_all(o.path, store, seen), 500);
    leat_store_close(store);
}

static void store__a_note_that_is_too_long_is_our_bug(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "a");
    char key[LEAT_NOTE_KEY_MAX + 2];
    memset(key, 'k', sizeof key);
    struct leat_store_note n = {leat_slice_of(key, LEAT_NOTE_KEY_MAX + 1), leat_slice_text("v")};
    struct leat_store_write write = {.source_id = id, .notes = &n, .note_count = 1};
    fails(LEAT_EBUG, leat_store_commit(store, &write, 1, &err));
    n.key.len = 0;
    fails(LEAT_EBUG, leat_store_commit(store, &write, 1, &err));
    n.key.len = LEAT_NOTE_KEY_MAX;
    ok(leat_store_commit(store, &write, 1, &err));
    leat_store_close(store);
}

/* --- lock, epoch, identity -------------------------------------------------------------------- */

static void store__second_writer_is_refused_and_told_who(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    struct leat_store *other;
    fails(LEAT_ECONFIG, leat_store_open(&o, &other, &err));
    char pid[32];
    snprintf(pid, sizeof pid, "pid=%d ", (int)getpid());
    assert_text_has(pid);
    assert_text_has("epoch=1");
    assert_true(err.hint[0]);
    pid_t child = fork();
    if (child == 0)
        _exit(leat_store_open(&o, &other, &err) == LEAT_ECONFIG ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    leat_store_close(store);
    store = opened(&o);
    fails(LEAT_ECONFIG, leat_store_open(&o, &other, &err));
    assert_text_has("epoch=2");
    leat_store_close(store);
}

static void store__foreign_segment_is_refused(void **state)
{
    char command[1024], other_path[300];
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    leat_store_close(store);
    snprintf(other_path, sizeof other_path, "%s/other", (char *)*state);
    struct leat_store_options other = small_options(other_path);
    leat_store_close(opened(&other));
    snprintf(command, sizeof command, "cp %s/seg-*1.mdb %s/", other_path, o.path);
    assert_int_equal(system(command), 0);
    fails(LEAT_ESTORE, leat_store_open(&o, &store, &err));
    assert_text_has("belongs to another store");
}

static void store__missing_segment_is_no_new_beginning(void **state)
{
    char command[512];
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    ok(model_commit(store, source_id(store, "shop"), 1, 3));
    leat_store_close(store);
    snprintf(command, sizeof command, "rm %s/seg-*", o.path);
    assert_int_equal(system(command), 0);
    fails(LEAT_ESTORE, leat_store_open(&o, &store, &err));
    assert_text_has("missing");
}

/* --- roll ------------------------------------------------------------------------------------- */

static int schema_check(void *arg, uint32_t ref, struct leat_slice bytes, struct leat_err *e)
{
    (void)e;
    uint32_t *count = arg;
    char text[32];
    snprintf(text, sizeof text, "schema %u", ++*count);
    assert_int_equal(ref, *count);
    assert_true(leat_slice_equal(bytes, leat_slice_text(text)));
    return LEAT_OK;
}

static void commit_schema(struct leat_store *store, uint32_t id, uint32_t ref)
{
    char text[32];
    snprintf(text, sizeof text, "schema %u", ref);
    struct leat_store_schema schema = {ref, leat_slice_text(text)};
    struct leat_store_write write = {.source_id = id, .schemas = &schema, .schema_count = 1};
    ok(leat_store_commit(store, &write, 1, &err));
}

static void store__roll_carries_offsets_schemas_and_chain(void **state)
{
    struct leat_store_options o = rolling(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t a = source_id(store, "a"), b = source_id(store, "b");
    commit_schema(store, a, 1);
    commit_schema(store, a, 2);
    ok(model_commit(store, b, 1, 7));
    for (uint64_t n = 1; n <= 40000; n += 400)
        ok(model_commit(store, a, n, 400));
    unsigned segments = segment_count(store);
    assert_true(segments > 2);
    leat_store_close(store);

    store = opened(&o);
    assert_int_equal(token_number(store, "a"), 40000);
    assert_int_equal(token_number(store, "b"), 7);
    struct leat_store_source source;
    ok(leat_store_source(store, "a", &source, &err));
    assert_int_equal(source.schema_next, 3);
    leat_buf_release(&source.token);
    uint32_t schemas = 0;
    ok(leat_store_schemas(store, a, schema_check, &schemas, &err));
    assert_int_equal(schemas, 2);
    schemas = 0;
    ok(leat_store_schemas(store, b, schema_check, &schemas, &err));
    assert_int_equal(schemas, 0);
    uint64_t seen[8] = {0};
    assert_int_equal(model_read_all(o.path, store, seen), 40007); /* the reader checks the chain */
    leat_store_close(store);
}

static void store__rolls_by_age_but_never_an_empty_segment(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    o.segment_age_ms = 1;
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    leat_clock_pause_us(5000);
    commit_schema(store, id, 1);
    assert_int_equal(segment_count(store), 1);
    ok(model_commit(store, id, 1, 1));
    assert_int_equal(segment_count(store), 1);
    leat_clock_pause_us(5000);
    ok(model_commit(store, id, 2, 1));
    assert_int_equal(segment_count(store), 2);
    leat_store_close(store);
}

/* What a crash leaves between the file's creation and its "ready". */
static void store__half_made_segment_is_dropped_at_open(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    ok(model_commit(store, id, 1, 10));
    leat_store_close(store);
    char path[300];
    snprintf(path, sizeof path, "%s/seg-%020d.mdb", o.path, 11);
    for (int made = 0; made < 2; made++) {
        if (made == 0) { /* an empty file */
            close(open(path, O_CREAT | O_WRONLY, 0600));
        } else { /* an environment without databases */
            MDB_env *env;
            assert_int_equal(mdb_env_create(&env), 0);
            assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
            mdb_env_close(env);
        }
        uint64_t seen[8] = {0};
        assert_int_equal(model_read_all(o.path, NULL, seen), 10); /* readers pass over it */
        store = opened(&o);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(leat_store_durable(store), 10);
        assert_int_equal(token_number(store, "shop"), 10);
        leat_store_close(store);
    }
}

/* It was ready once, so it is damage, and nothing that could be looked into is deleted. */
static void store__ready_segment_without_its_head_is_not_taken_for_half_made(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    ok(model_commit(store, source_id(store, "shop"), 1, 10));
    leat_store_close(store);
    char path[300];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi db;
    MDB_val key = {5, "ready"};
    snprintf(path, sizeof path, "%s/seg-%020d.mdb", o.path, 1);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "info", 0, &db), 0);
    assert_int_equal(mdb_del(txn, db, &key, NULL), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    fails(LEAT_ESTORE, leat_store_open(&o, &store, &err));
    assert_text_has("missing or damaged");
    assert_int_equal(access(path, F_OK), 0);
}

static void store__schema_number_keeps_its_content(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    commit_schema(store, id, 1);
    commit_schema(store, id, 1); /* the same again is fine */
    struct leat_store_schema schema = {1, leat_slice_text("another")};
    struct leat_store_write write = {.source_id = id, .schemas = &schema, .schema_count = 1};
    fails(LEAT_ESTORE, leat_store_commit(store, &write, 1, &err));
    leat_store_close(store);
}

/* --- parts ------------------------------------------------------------------------------------ */

static uint8_t long_value[5 * LEAT_PART_BYTES / 2];

/* Commits parts of one set, without a token. */
static void commit_parts(struct leat_store *store, uint32_t id, uint64_t set)
{
    noise(long_value, sizeof long_value, set);
    for (uint32_t i = 0; i < 3; i++) {
        size_t at = (size_t)i * LEAT_PART_BYTES;
        size_t len =
            sizeof long_value - at < LEAT_PART_BYTES ? sizeof long_value - at : LEAT_PART_BYTES;
        struct leat_block sealed;
        ok(leat_part_seal(compressor(), leat_slice_of(long_value + at, len), i, &sealed, &err));
        struct leat_store_part part = {set, i, leat_slice_of(sealed.bytes, sealed.len)};
        struct leat_store_write write = {.source_id = id, .parts = &part, .part_count = 1};
        ok(leat_store_commit(store, &write, 1, &err));
        free(sealed.bytes);
    }
}

static int commit_record(struct leat_store *store, uint32_t id, uint64_t number, uint64_t part_next)
{
    char token[32];
    struct leat_block block = model_block(id, number, 1);
    snprintf(token, sizeof token, "%llu", (unsigned long long)number);
    struct leat_store_write write = {.source_id = id, .blocks = &block, .block_count = 1,
                                     .token = leat_slice_text(token), .part_next = part_next};
    int status = leat_store_commit(store, &write, 1, &err);
    free(block.bytes);
    return status;
}

static int read_parts(const char *path, struct leat_store *store, uint32_t id, uint64_t set)
{
    struct leat_store_reader *reader;
    struct leat_buf buf;
    leat_buf_init(&buf, LEAT_VALUE_MAX);
    leat_buf_append_text(&buf, "before");
    ok(leat_store_reader_open(path, store, &reader, &err));
    int status = leat_store_reader_parts(reader, id, set, sizeof long_value, &buf, &err);
    if (!status) {
        noise(long_value, sizeof long_value, set);
        assert_int_equal(buf.len, 6 + sizeof long_value);
        assert_memory_equal(buf.data + 6, long_value, sizeof long_value);
    } else {
        assert_int_equal(buf.len, 6);
    }
    leat_store_reader_close(reader);
    leat_buf_release(&buf);
    return status;
}

static void store__parts_come_back_whole(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    commit_parts(store, id, 1);
    commit_parts(store, id, 2);
    assert_int_equal(token_number(store, "other"), 0);
    ok(commit_record(store, id, 1, 3));
    ok(read_parts(o.path, store, id, 1));
    ok(read_parts(o.path, store, id, 2));
    fails(LEAT_EDATA, read_parts(o.path, store, id, 3));
    fails(LEAT_EDATA, read_parts(o.path, store, id + 1, 1));
    leat_store_close(store);
}

static void store__parts_of_another_length_are_refused(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    commit_parts(store, id, 1);
    ok(commit_record(store, id, 1, 2));
    struct leat_store_reader *reader;
    struct leat_buf buf;
    ok(leat_store_reader_open(o.path, store, &reader, &err));
    leat_buf_init(&buf, LEAT_VALUE_MAX);
    fails(LEAT_EDATA, leat_store_reader_parts(reader, id, 1, sizeof long_value - 1, &buf, &err));
    fails(LEAT_EDATA, leat_store_reader_parts(reader, id, 1, sizeof long_value + 1, &buf, &err));
    leat_buf_release(&buf);
    leat_buf_init(&buf, 1000);
    fails(LEAT_ELIMIT, leat_store_reader_parts(reader, id, 1, sizeof long_value, &buf, &err));
    leat_buf_release(&buf);
    leat_store_reader_close(reader);
    leat_store_close(store);
}

static unsigned parts_stored(const char *path, uint64_t first)
{
    char file[300];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi db;
    MDB_stat stat;
    snprintf(file, sizeof file, "%s/seg-%020llu.mdb", path, (unsigned long long)first);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, file, MDB_NOSUBDIR | MDB_RDONLY, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "parts", 0, &db), 0);
    assert_int_equal(mdb_stat(txn, db, &stat), 0);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    return (unsigned)stat.ms_entries;
}

static void store__orphaned_parts_are_gone_after_reopen(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t a = source_id(store, "a"), b = source_id(store, "b");
    commit_parts(store, a, 1);
    ok(commit_record(store, a, 1, 2));
    commit_parts(store, b, 1);
    commit_parts(store, a, 2);
    leat_store_close(store);
    assert_int_equal(parts_stored(o.path, 1), 9);
    store = opened(&o);
    fails(LEAT_EDATA, read_parts(o.path, store, a, 2));
    ok(read_parts(o.path, store, a, 1));
    leat_store_close(store);
    assert_int_equal(parts_stored(o.path, 1), 3);
}

static void store__source_that_begins_again_drops_what_it_sent_ahead(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    commit_parts(store, id, 1);
    ok(read_parts(o.path, store, id, 1));
    assert_int_equal(source_id(store, "shop"), id);
    fails(LEAT_EDATA, read_parts(o.path, store, id, 1));
    leat_store_close(store);
}

static void store__no_roll_while_parts_are_ahead(void **state)
{
    struct leat_store_options o = rolling(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t a = source_id(store, "a"), b = source_id(store, "b");
    ok(commit_record(store, a, 1, 1));
    commit_parts(store, a, 1); /* passes segment_bytes by far */
    ok(commit_record(store, b, 1, 1));
    commit_parts(store, a, 2);
    ok(commit_record(store, a, 2, 2)); /* refers to set 1 only */
    ok(commit_record(store, b, 2, 1));
    assert_int_equal(segment_count(store), 1);
    ok(commit_record(store, a, 3, 3));
    assert_int_equal(segment_count(store), 1);
    ok(commit_record(store, b, 3, 1));
    assert_int_equal(segment_count(store), 2);
    leat_store_close(store);
}

static void store__parts_are_found_from_the_block_that_refers_to_them(void **state)
{
    struct leat_store_options o = rolling(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    for (uint64_t n = 1; n <= 5; n++) {
        commit_parts(store, id, n);
        ok(commit_record(store, id, n, n + 1));
    }
    assert_int_equal(segment_count(store), 5);
    struct leat_store_reader *reader;
    struct leat_block_header h;
    struct leat_slice raw;
    ok(leat_store_reader_open(o.path, store, &reader, &err));
    for (uint64_t n = 1; n <= 5; n++) {
        ok(leat_store_reader_next(reader, &h, &raw, &err));
        struct leat_buf buf;
        leat_buf_init(&buf, LEAT_VALUE_MAX);
        ok(leat_store_reader_parts(reader, id, n, sizeof long_value, &buf, &err));
        noise(long_value, sizeof long_value, n);
        assert_memory_equal(buf.data, long_value, sizeof long_value);
        leat_buf_release(&buf);
    }
    fails(LEAT_EOF, leat_store_reader_next(reader, &h, &raw, &err));
    leat_store_reader_close(reader);
    leat_store_close(store);
}

/* --- usage ------------------------------------------------------------------------------------ */

static void store__usage_counts_files_and_ends(void **state)
{
    struct leat_store_options o = rolling(store_path(state));
    struct leat_store *store = opened(&o);
    struct leat_store_usage usage;
    uint32_t id = source_id(store, "shop");
    ok(leat_store_usage(store, &usage, &err));
    assert_int_equal(usage.first_sequence, 0);
    assert_int_equal(usage.last_sequence, 0);
    assert_int_equal(usage.oldest_event_us, 0);
    assert_int_equal(usage.segment_count, 1);
    for (uint64_t n = 1; n <= 20000; n += 500)
        ok(model_commit(store, id, n, 500));
    ok(leat_store_usage(store, &usage, &err));
    assert_int_equal(usage.first_sequence, 1);
    assert_int_equal(usage.last_sequence, 20000);
    assert_int_equal(usage.oldest_event_us, 1);
    assert_true(usage.segment_count > 1);
    assert_true(usage.free_bytes > 0);
    char command[512];
    snprintf(command, sizeof command, "du -B1 -c %s/seg-*.mdb | tail -n 1", o.path);
    FILE *du = popen(command, "r");
    long long bytes = 0;
    assert_int_equal(fscanf(du, "%lld", &bytes), 1);
    pclose(du);
    assert_int_equal(usage.bytes, bytes);
    leat_store_close(store);
}

static void store__every_block_has_its_entry_by_source(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t a = source_id(store, "a"), b = source_id(store, "b");
    ok(model_commit(store, b, 1, 2));
    ok(model_commit(store, a, 1, 300));
    ok(model_commit(store, b, 3, 5));
    leat_store_close(store);
    char file[300];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi db;
    MDB_cursor *cursor;
    snprintf(file, sizeof file, "%s/seg-%020d.mdb", o.path, 1);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, file, MDB_NOSUBDIR | MDB_RDONLY, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "by_source", 0, &db), 0);
    assert_int_equal(mdb_cursor_open(txn, db, &cursor), 0);
    static const uint32_t expected[3][3] = {{1, 3, 300}, {2, 1, 2}, {2, 303, 5}};
    MDB_val k, v;
    for (int i = 0; i < 3; i++) {
        uint64_t sequence;
        uint32_t source, count;
        assert_int_equal(mdb_cursor_get(cursor, &k, &v, MDB_NEXT), 0);
        assert_int_equal(k.mv_size, 20);
        memcpy(&source, k.mv_data, 4);
        memcpy(&sequence, (uint8_t *)k.mv_data + 12, 8);
        memcpy(&count, v.mv_data, 4);
        assert_int_equal(__builtin_bswap32(source), expected[i][0]);
        assert_int_equal(__builtin_bswap64(sequence), expected[i][1]);
        assert_int_equal(count, expected[i][2]);
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    mdb_env_close(env);
}

#define test(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(store__commits_come_back_in_order),
        test(store__resumes_behind_the_last_commit),
        test(store__one_commit_takes_many_sources),
        test(store__token_alone_moves_the_offset),
        test(store__unknown_source_is_our_bug),
        test(store__token_is_set_by_hand),
        test(store__notes_are_each_sources_own_and_survive_rolls),
        test(store__a_note_that_is_too_long_is_our_bug),
        test(store__second_writer_is_refused_and_told_who),
        test(store__foreign_segment_is_refused),
        test(store__missing_segment_is_no_new_beginning),
        test(store__roll_carries_offsets_schemas_and_chain),
        test(store__rolls_by_age_but_never_an_empty_segment),
        test(store__half_made_segment_is_dropped_at_open),
        test(store__ready_segment_without_its_head_is_not_taken_for_half_made),
        test(store__schema_number_keeps_its_content),
        test(store__parts_come_back_whole),
        test(store__parts_of_another_length_are_refused),
        test(store__orphaned_parts_are_gone_after_reopen),
        test(store__source_that_begins_again_drops_what_it_sent_ahead),
        test(store__no_roll_while_parts_are_ahead),
        test(store__parts_are_found_from_the_block_that_refers_to_them),
        test(store__usage_counts_files_and_ends),
        test(store__every_block_has_its_entry_by_source),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    compressor_release();
    return failed;
}
