/* Readers: from any sequence, across segments, beside a live writer in this or another process; no
 * damage is served. */
#include "store_support.h"

#include <dirent.h>
#include <dlfcn.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

/* Blocks of 7 events each: 1-7, 8-14 …; several segments. */
static struct leat_store *filled(const struct leat_store_options *o, uint64_t blocks)
{
    struct leat_store *store = opened(o);
    uint32_t id = source_id(store, "shop");
    for (uint64_t i = 0; i < blocks; i++)
        ok(model_commit(store, id, 1 + 7 * i, 7));
    return store;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void reader__seek_finds_the_block_that_holds_the_sequence(void **state)
{
    struct leat_store_options o = rolling(store_path(state));
    struct leat_store *store = filled(&o, 200);
    assert_true(segment_count(store) >= 3);
    struct leat_store_reader *reader;
    struct leat_block_header h;
    struct leat_slice raw;
    ok(leat_store_reader_open(o.path, store, &reader, &err));
    for (uint64_t sequence = 1; sequence <= 1400; sequence++) {
        uint64_t first = (sequence - 1) / 7 * 7 + 1;
        ok(leat_store_reader_seek(reader, sequence, &err));
        ok(leat_store_reader_next(reader, &h, &raw, &err));
        assert_int_equal(h.sequence, first);
        uint64_t seen[8] = {0, first - 1};
        model_check(&h, raw, seen);
        int status = leat_store_reader_next(reader, &h, &raw, &err);
        assert_int_equal(status, first + 7 <= 1400 ? LEAT_OK : LEAT_EOF);
        if (!status)
            assert_int_equal(h.sequence, first + 7);
    }
    ok(leat_store_reader_seek(reader, 0, &err));
    ok(leat_store_reader_next(reader, &h, &raw, &err));
    assert_int_equal(h.sequence, 1);
    leat_store_reader_close(reader);
    leat_store_close(store);
}

static void reader__seek_past_the_end_waits_for_the_sequence(void **state)
{
    struct leat_store_options o = rolling(store_path(state));
    struct leat_store *store = filled(&o, 10);
    for (int own = 0; own < 2; own++) {
        struct leat_store_reader *reader;
        struct leat_block_header h;
        struct leat_slice raw;
        uint64_t durable = leat_store_durable(store);
        ok(leat_store_reader_open(o.path, own ? store : NULL, &reader, &err));
        ok(leat_store_reader_seek(reader, durable + 700, &err));
        for (uint64_t n = durable + 1; n < durable + 694; n += 7) {
            fails(LEAT_EOF, leat_store_reader_next(reader, &h, &raw, &err));
            ok(model_commit(store, 1, n, 7));
        }
        fails(LEAT_EOF, leat_store_reader_next(reader, &h, &raw, &err));
        ok(model_commit(store, 1, durable + 694, 7));
        ok(leat_store_reader_next(reader, &h, &raw, &err));
        assert_int_equal(h.sequence, durable + 694);
        leat_store_reader_close(reader);
    }
    assert_true(segment_count(store) > 2);
    leat_store_close(store);
}

static void reader__eof_is_not_the_end(void **state)
{
    struct leat_store_options o = rolling(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    struct leat_store_reader *with, *without;
    ok(leat_store_reader_open(o.path, store, &with, &err));
    ok(leat_store_reader_open(o.path, NULL, &without, &err));
    uint64_t seen_with[8] = {0}, seen_without[8] = {0};
    for (uint64_t n = 1; n <= 600; n++) {
        assert_int_equal(model_read(with, seen_with), n > 1);
        assert_int_equal(model_read(without, seen_without), n > 1);
        ok(model_commit(store, id, n, 1));
    }
    assert_true(segment_count(store) > 2);
    leat_store_reader_close(with);
    leat_store_reader_close(without);
    leat_store_close(store);
}

static void reader__begins_behind_an_expired_segment(void **state)
{
    struct leat_store_options o = rolling(store_path(state));
    struct leat_store *store = filled(&o, 200);
    leat_store_close(store);
    char path[300];
    snprintf(path, sizeof path, "%s/seg-%020d.mdb", o.path, 1);
    assert_int_equal(unlink(path), 0);
    struct leat_store_reader *reader;
    struct leat_block_header h;
    struct leat_slice raw;
    struct leat_store_usage usage;
    ok(leat_store_reader_open(o.path, NULL, &reader, &err));
    ok(leat_store_reader_usage(reader, &usage, &err));
    ok(leat_store_reader_next(reader, &h, &raw, &err));
    assert_true(h.sequence > 1);
    assert_int_equal(h.sequence, usage.first_sequence);
    assert_int_equal(usage.last_sequence, 1400);
    uint64_t seen[8] = {0, h.sequence + 6};
    model_read(reader, seen);
    assert_int_equal(seen[1], 1400);
    leat_store_reader_close(reader);
}

static void reader__an_empty_directory_has_nothing_yet(void **state)
{
    struct leat_store_reader *reader;
    struct leat_block_header h;
    struct leat_slice raw;
    ok(leat_store_reader_open(*state, NULL, &reader, &err));
    fails(LEAT_EOF, leat_store_reader_next(reader, &h, &raw, &err));
    assert_null(leat_store_reader_source_name(reader, 1));
    leat_store_reader_close(reader);
    fails(LEAT_ECONFIG, leat_store_reader_open(store_path(state), NULL, &reader, &err));
    leat_store_reader_close(NULL);
}

/* --- beside a writer -------------------------------------------------------------------------- */

enum { LIVE_EVENTS = 30000 };

struct live {
    const char *path;
    struct leat_store *store;
    _Atomic bool stop;
    _Atomic uint64_t seen;
};

/* cmocka's assertions jump: outside its thread only plain returns. */
static void *follow(void *arg)
{
    struct live *live = arg;
    struct leat_err e;
    struct leat_store_reader *reader;
    struct leat_block_header h;
    struct leat_slice raw;
    if (leat_store_reader_open(live->path, live->store, &reader, &e))
        return NULL;
    int status = LEAT_OK;
    while (status >= 0 && !live->stop && live->seen < LIVE_EVENTS) {
        status = leat_store_reader_next(reader, &h, &raw, &e);
        if (!status)
            live->seen = h.sequence == live->seen + 1 ? live->seen + h.count : 0;
        else
            leat_clock_pause_us(100);
    }
    if (status < 0)
        print_error("%s\n", e.text);
    leat_store_reader_close(reader);
    return NULL;
}

static void reader__threads_follow_a_writer_that_rolls(void **state)
{
    struct leat_store_options o = rolling(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    struct live live[3] = {
        {o.path, store, false, 0}, {o.path, store, false, 0}, {o.path, NULL, false, 0}};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, follow, &live[i]), 0);
    for (uint64_t n = 1; n <= LIVE_EVENTS; n += 100)
        ok(model_commit(store, id, n, 100));
    int64_t deadline_ms = leat_clock_monotonic_ms() + 20000;
    for (int i = 0; i < 3; i++) {
        while (live[i].seen < LIVE_EVENTS && leat_clock_monotonic_ms() < deadline_ms)
            leat_clock_pause_us(1000);
        live[i].stop = true;
        pthread_join(threads[i], NULL);
        assert_int_equal(live[i].seen, LIVE_EVENTS);
    }
    assert_true(segment_count(store) > 3);
    leat_store_close(store);
}

static void reader__another_process_follows_a_writer_that_rolls(void **state)
{
    struct leat_store_options o = rolling(store_path(state));
    assert_int_equal(mkdir(o.path, 0700), 0);
    pid_t child = fork();
    if (child == 0) {
        struct live live = {o.path, NULL, false, 0};
        int64_t deadline_ms = leat_clock_monotonic_ms() + 20000;
        while (live.seen < LIVE_EVENTS && leat_clock_monotonic_ms() < deadline_ms)
            follow(&live);
        _exit(live.seen == LIVE_EVENTS ? 0 : 1);
    }
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    for (uint64_t n = 1; n <= LIVE_EVENTS; n += 100)
        ok(model_commit(store, id, n, 100));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(segment_count(store) > 3);
    leat_store_close(store);
}

/* What happens between a reader's look at its segment and its look at the directory. */
static void (*_Atomic before_opendir)(void);
static struct leat_store *hooked_store;

DIR *opendir(const char *path)
{
    static DIR *(*real)(const char *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "opendir");
    void (*hook)(void) = atomic_exchange(&before_opendir, NULL);
    if (hook)
        hook();
    return real(path);
}

/* One commit into the segment that the reader has just looked through, one into the next. */
static void commit_and_roll(void)
{
    for (int i = 0; i < 2; i++) {
        ok(model_commit(hooked_store, 1, leat_store_durable(hooked_store) + 1, 3));
        leat_clock_pause_us(60000); /* past segment_age_ms */
    }
}

static void reader__a_commit_just_before_the_roll_is_not_passed_over(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    o.segment_age_ms = 50;
    struct leat_store *store = hooked_store = opened(&o);
    source_id(store, "shop");
    ok(model_commit(store, 1, 1, 3));
    struct leat_store_reader *reader;
    uint64_t seen[8] = {0};
    ok(leat_store_reader_open(o.path, NULL, &reader, &err));
    assert_int_equal(model_read(reader, seen), 3);
    before_opendir = commit_and_roll;
    model_read(reader, seen);
    model_read(reader, seen);
    assert_int_equal(seen[1], leat_store_durable(store));
    assert_true(segment_count(store) > 1);
    leat_store_reader_close(reader);
    leat_store_close(store);
}

/* --- names, schemas --------------------------------------------------------------------------- */

static int count_sources(void *arg, const char *instance, const struct leat_store_source *source,
                         struct leat_err *e)
{
    static const char *const names[] = {"a", "b", "c"};
    unsigned *count = arg;
    (void)e;
    assert_string_equal(instance, names[*count]);
    assert_int_equal(source->id, ++*count);
    if (source->id == 2)
        assert_true(leat_slice_equal(leat_buf_slice(&source->token), leat_slice_text("9")));
    else
        assert_int_equal(source->token.len, 0);
    return LEAT_OK;
}

static int stop_at_once(void *arg, const char *instance, const struct leat_store_source *source,
                        struct leat_err *e)
{
    (void)instance;
    (void)source;
    ++*(unsigned *)arg;
    return leat_fail(e, LEAT_ELIMIT, "enough");
}

static void reader__knows_sources_by_name(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    struct leat_store_reader *reader;
    ok(leat_store_reader_open(o.path, store, &reader, &err));
    assert_null(leat_store_reader_source_name(reader, 1));
    source_id(store, "a");
    assert_string_equal(leat_store_reader_source_name(reader, 1), "a");
    source_id(store, "b");
    source_id(store, "c");
    ok(model_commit(store, 2, 1, 9));
    assert_string_equal(leat_store_reader_source_name(reader, 3), "c");
    assert_string_equal(leat_store_reader_source_name(reader, 1), "a");
    assert_null(leat_store_reader_source_name(reader, 4));
    unsigned count = 0;
    ok(leat_store_reader_sources(reader, count_sources, &count, &err));
    assert_int_equal(count, 3);
    count = 0;
    fails(LEAT_ELIMIT, leat_store_reader_sources(reader, stop_at_once, &count, &err));
    assert_int_equal(count, 1);
    leat_store_reader_close(reader);
    leat_store_close(store);
}

static void reader__finds_schemas_in_the_segment_of_the_block(void **state)
{
    struct leat_store_options o = rolling(store_path(state));
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    struct leat_arena arena;
    leat_arena_init(&arena, 1 << 20);
    for (uint32_t ref = 1; ref <= 200; ref++) {
        char text[32];
        snprintf(text, sizeof text, "schema %u", ref);
        struct leat_store_schema schema = {ref, leat_slice_text(text)};
        struct leat_block block = model_block(id, ref, 1);
        struct leat_store_write write = {.source_id = id, .blocks = &block, .block_count = 1,
                                         .schemas = &schema, .schema_count = 1,
                                         .token = leat_slice_text("x"), .part_next = 1};
        ok(leat_store_commit(store, &write, 1, &err));
        free(block.bytes);
    }
    assert_true(segment_count(store) > 2);
    struct leat_store_reader *reader;
    struct leat_block_header h;
    struct leat_slice raw, bytes;
    ok(leat_store_reader_open(o.path, store, &reader, &err));
    for (uint32_t ref = 1; ref <= 200; ref++) {
        char text[32];
        snprintf(text, sizeof text, "schema %u", ref);
        ok(leat_store_reader_next(reader, &h, &raw, &err));
        ok(leat_store_reader_schema(reader, id, ref, &arena, &bytes, &err));
        assert_true(leat_slice_equal(bytes, leat_slice_text(text)));
    }
    fails(LEAT_EDATA, leat_store_reader_schema(reader, id, 201, &arena, &bytes, &err));
    fails(LEAT_EDATA, leat_store_reader_schema(reader, id + 1, 1, &arena, &bytes, &err));
    leat_store_reader_close(reader);
    leat_arena_release(&arena);
    leat_store_close(store);
}

/* --- damage ----------------------------------------------------------------------------------- */

static MDB_env *raw_open(const char *path, uint64_t first, MDB_txn **ret_txn, const char *name,
                         MDB_dbi *ret_db)
{
    char file[300];
    MDB_env *env;
    snprintf(file, sizeof file, "%s/seg-%020llu.mdb", path, (unsigned long long)first);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, file, MDB_NOSUBDIR, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, ret_txn), 0);
    assert_int_equal(mdb_dbi_open(*ret_txn, name, 0, ret_db), 0);
    return env;
}

static void raw_close(MDB_env *env, MDB_txn *txn)
{
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

enum damage { REMOVE, FLIP_HEAD, FLIP_PAYLOAD, CUT, MOVE_AWAY, RESTAMP };

/* Changes the block at `sequence` of the first segment as a bad disk, or a bug, might. */
static void damage_block(const char *path, uint64_t sequence, enum damage how)
{
    MDB_txn *txn;
    MDB_dbi db;
    MDB_env *env = raw_open(path, 1, &txn, "log", &db);
    uint64_t be = __builtin_bswap64(sequence);
    MDB_val k = {sizeof be, &be}, v;
    assert_int_equal(mdb_get(txn, db, &k, &v), 0);
    struct leat_block block = {malloc(v.mv_size), v.mv_size, 7};
    memcpy(block.bytes, v.mv_data, v.mv_size);
    assert_int_equal(mdb_del(txn, db, &k, NULL), 0);
    if (how == FLIP_HEAD)
        block.bytes[33] ^= 4;
    if (how == FLIP_PAYLOAD)
        block.bytes[block.len - 1] ^= 1;
    if (how == CUT)
        block.len--;
    if (how == RESTAMP)
        leat_block_stamp(&block, sequence, 12345); /* valid in itself, but of another chain */
    if (how == MOVE_AWAY)
        be = __builtin_bswap64(sequence + 1);
    v = (MDB_val){block.len, block.bytes};
    if (how != REMOVE)
        assert_int_equal(mdb_put(txn, db, &k, &v, 0), 0);
    free(block.bytes);
    raw_close(env, txn);
}

static void assert_damage_is_not_served(void **state, enum damage how)
{
    struct leat_store_options o = small_options(store_path(state));
    leat_store_close(filled(&o, 10));
    damage_block(o.path, 29, how);
    struct leat_store_reader *reader;
    struct leat_block_header h;
    struct leat_slice raw;
    ok(leat_store_reader_open(o.path, NULL, &reader, &err));
    for (uint64_t n = 1; n < 29; n += 7) {
        ok(leat_store_reader_next(reader, &h, &raw, &err));
        assert_int_equal(h.sequence, n);
    }
    for (int again = 0; again < 2; again++) {
        fails(LEAT_EDATA, leat_store_reader_next(reader, &h, &raw, &err));
        assert_text_has("seg-00000000000000000001.mdb");
        assert_text_has(how == REMOVE ? "29 to 35" : how == MOVE_AWAY ? "30" : "29");
    }
    ok(leat_store_reader_seek(reader, 36, &err)); /* past it */
    ok(leat_store_reader_next(reader, &h, &raw, &err));
    assert_int_equal(h.sequence, 36);
    leat_store_reader_close(reader);
    scratch_remove(o.path);
}

static void reader__serves_no_damaged_block(void **state)
{
    assert_damage_is_not_served(state, REMOVE);
    assert_damage_is_not_served(state, FLIP_HEAD);
    assert_damage_is_not_served(state, FLIP_PAYLOAD);
    assert_damage_is_not_served(state, CUT);
    assert_damage_is_not_served(state, MOVE_AWAY);
    assert_damage_is_not_served(state, RESTAMP);
}

static void reader__a_missing_segment_is_a_gap(void **state)
{
    struct leat_store_options o = rolling(store_path(state));
    struct leat_store *store = filled(&o, 300);
    struct leat_store_reader *reader;
    struct leat_block_header h;
    struct leat_slice raw;
    char command[400];
    snprintf(command, sizeof command, "rm $(ls %s/seg-*.mdb | sed -n 2p)", o.path);
    assert_int_equal(system(command), 0);
    ok(leat_store_reader_open(o.path, store, &reader, &err));
    int status;
    while ((status = leat_store_reader_next(reader, &h, &raw, &err)) == LEAT_OK)
        ;
    assert_int_equal(status, LEAT_EDATA);
    assert_text_has("are missing");
    leat_store_reader_close(reader);
    leat_store_close(store);
}

static void store__damaged_last_block_stops_the_writer(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    leat_store_close(filled(&o, 10));
    damage_block(o.path, 64, FLIP_PAYLOAD);
    struct leat_store *store;
    fails(LEAT_ESTORE, leat_store_open(&o, &store, &err));
    assert_text_has("seg-00000000000000000001.mdb");
    assert_text_has("sequence 64");
}

static void store__damaged_offset_or_schema_is_not_believed(void **state)
{
    static const char *const names[] = {"offsets", "schemas", "parts"};
    struct leat_store_options o = small_options(store_path(state));
    for (int i = 0; i < 3; i++) {
        struct leat_store *store = filled(&o, 3);
        struct leat_store_schema schema = {1, leat_slice_text("a schema")};
        struct leat_block sealed;
        ok(leat_part_seal(compressor(), leat_slice_text("a part"), 0, &sealed, &err));
        struct leat_store_part part = {1, 0, leat_slice_of(sealed.bytes, sealed.len)};
        struct leat_store_write write = {.source_id = 1, .schemas = &schema, .schema_count = 1,
                                         .parts = &part, .part_count = 1,
                                         .token = leat_slice_text("21"), .part_next = 2};
        ok(leat_store_commit(store, &write, 1, &err));
        leat_store_close(store);
        free(sealed.bytes);

        MDB_txn *txn;
        MDB_dbi db;
        MDB_cursor *cursor;
        MDB_val k, v;
        MDB_env *env = raw_open(o.path, 1, &txn, names[i], &db);
        assert_int_equal(mdb_cursor_open(txn, db, &cursor), 0);
        assert_int_equal(mdb_cursor_get(cursor, &k, &v, MDB_FIRST), 0);
        uint8_t copy[512];
        memcpy(copy, v.mv_data, v.mv_size);
        copy[v.mv_size / 2] ^= 32;
        v.mv_data = copy;
        assert_int_equal(mdb_cursor_put(cursor, &k, &v, MDB_CURRENT), 0);
        mdb_cursor_close(cursor);
        raw_close(env, txn);

        struct leat_store_reader *reader;
        struct leat_slice bytes;
        struct leat_arena arena;
        struct leat_buf buf;
        leat_arena_init(&arena, 4096);
        leat_buf_init(&buf, 4096);
        ok(leat_store_reader_open(o.path, NULL, &reader, &err));
        int schema_status = leat_store_reader_schema(reader, 1, 1, &arena, &bytes, &err);
        assert_int_equal(schema_status, i == 1 ? LEAT_EDATA : LEAT_OK);
        int parts_status = leat_store_reader_parts(reader, 1, 1, 6, &buf, &err);
        assert_int_equal(parts_status, i == 2 ? LEAT_EDATA : LEAT_OK);
        leat_store_reader_close(reader);
        leat_arena_release(&arena);
        leat_buf_release(&buf);
        int open_status = leat_store_open(&o, &store, &err);
        assert_int_equal(open_status, i == 0 ? LEAT_ESTORE : LEAT_OK);
        if (!open_status)
            leat_store_close(store);
        scratch_remove(o.path);
    }
}

static void segment_file(const char *path, char *ret_file)
{
    snprintf(ret_file, 300, "%s/seg-%020d.mdb", path, 1);
}

static void reader__a_cut_file_is_named(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = filled(&o, 3);
    struct leat_block block = noise_block(1, LEAT_BLOCK_RAW_MAX, 1);
    struct leat_store_write write = {.source_id = 1, .blocks = &block, .block_count = 1};
    ok(leat_store_commit(store, &write, 1, &err));
    free(block.bytes);
    leat_store_close(store);
    char file[300];
    struct stat st;
    segment_file(o.path, file);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(truncate(file, st.st_size / 2), 0);
    struct leat_store_reader *reader;
    struct leat_block_header h;
    struct leat_slice raw;
    fails(LEAT_ESTORE, leat_store_open(&o, &store, &err));
    assert_text_has("was cut");
    ok(leat_store_reader_open(o.path, NULL, &reader, &err));
    fails(LEAT_EDATA, leat_store_reader_next(reader, &h, &raw, &err));
    assert_text_has("was cut");
    leat_store_reader_close(reader);
}

/* In a process of its own: 0 all events, 1 a clean refusal. A crash is for waitpid to tell. */
static int open_and_read(const struct leat_store_options *o, uint64_t events)
{
    struct leat_err e;
    struct leat_store *store;
    struct leat_store_reader *reader;
    struct leat_block_header h;
    struct leat_slice raw;
    uint64_t seen = 0;
    if (leat_store_open(o, &store, &e) || leat_store_reader_open(o->path, store, &reader, &e))
        return 1;
    int status;
    while (!(status = leat_store_reader_next(reader, &h, &raw, &e)))
        seen += h.count;
    if (status != LEAT_EOF)
        return 1;
    return seen == events ? 0 : 2; /* fewer, and without a word: the one thing that must not be */
}

/* Writes the file anew from `bytes`: cut before `page`, or whole with that page zeroed. */
static void damage_file(const char *file, const uint8_t *bytes, size_t len, size_t page, bool zero)
{
    static const uint8_t zeros[4096];
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, zero ? len : page * 4096, 1, f), 1);
    if (zero) {
        assert_int_equal(fseek(f, (long)page * 4096, SEEK_SET), 0);
        assert_int_equal(fwrite(zeros, sizeof zeros, 1, f), 1);
    }
    fclose(f);
}

static void store__no_cut_and_no_zeroed_page_passes_unnoticed(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    char file[300];
    segment_file(o.path, file);
    leat_store_close(filled(&o, 100));
    static uint8_t bytes[1 << 20];
    FILE *f = fopen(file, "r");
    size_t len = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    unsigned refused = 0, crashed = 0;
    for (size_t page = 2; page < len / 4096; page++) {
        for (int zero = 0; zero < 2; zero++) {
            damage_file(file, bytes, len, page, zero);
            pid_t child = fork();
            if (child == 0) {
                close(STDERR_FILENO); /* LMDB's assertions talk */
                _exit(open_and_read(&o, 700));
            }
            int status;
            assert_int_equal(waitpid(child, &status, 0), child);
            crashed += WIFSIGNALED(status);
            refused += WIFEXITED(status) && WEXITSTATUS(status) == 1;
            assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 2);
        }
    }
    print_message("%zu pages: %u refused, %u crashed in LMDB\n", len / 4096, refused, crashed);
    assert_true(refused > 10);
}

#define test(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(reader__seek_finds_the_block_that_holds_the_sequence),
        test(reader__seek_past_the_end_waits_for_the_sequence),
        test(reader__eof_is_not_the_end),
        test(reader__begins_behind_an_expired_segment),
        test(reader__an_empty_directory_has_nothing_yet),
        test(reader__threads_follow_a_writer_that_rolls),
        test(reader__another_process_follows_a_writer_that_rolls),
        test(reader__a_commit_just_before_the_roll_is_not_passed_over),
        test(reader__knows_sources_by_name),
        test(reader__finds_schemas_in_the_segment_of_the_block),
        test(reader__serves_no_damaged_block),
        test(reader__a_missing_segment_is_a_gap),
        test(store__damaged_last_block_stops_the_writer),
        test(store__damaged_offset_or_schema_is_not_believed),
        test(reader__a_cut_file_is_named),
        test(store__no_cut_and_no_zeroed_page_passes_unnoticed),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    compressor_release();
    return failed;
}
