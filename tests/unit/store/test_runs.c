/*
 * Looking up events: random commits, merges, rolls and new starts against a naive model; kills in the middle;
 * flipped bits and lost pages, after which nothing wrong is told: the right answer, or damage.
 *
 * Event n of the model is found by the text "n<n>", and every hundredth also by "shared".
 */
#include "store_support.h"

#include "store/run_cursor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { SHARED_EVERY = 100, CHILD_EVENTS_MAX = 20000000 };

static uint64_t chance = 1;

static uint64_t draw(void)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return chance;
}

static uint64_t hash_of(uint64_t n)
{
    char text[32];
    int len = snprintf(text, sizeof text, "n%llu", (unsigned long long)n);
    return leat_lookup_hash(1, LEAT_SLICE_LITERAL("id"), leat_slice_of(text, (size_t)len));
}

static uint64_t shared_hash(void)
{
    return leat_lookup_hash(1, LEAT_SLICE_LITERAL("id"), LEAT_SLICE_LITERAL("shared"));
}

/* Events n … of one block, each with its keys. */
static int keyed_commit(struct leat_store *store, uint64_t n, uint32_t count)
{
    static struct leat_store_key *keys;
    static uint32_t capacity;
    size_t key_count = 0;
    if (capacity < count) {
        keys = realloc(keys, (capacity = count) * 2 * sizeof *keys);
        assert_non_null(keys);
    }
    for (uint32_t i = 0; i < count; i++) {
        keys[key_count++] = (struct leat_store_key){hash_of(n + i), i};
        if ((n + i) % SHARED_EVERY == 0)
            keys[key_count++] = (struct leat_store_key){shared_hash(), i};
    }
    char token[32];
    uint8_t raw = 0;
    struct leat_block_header header = {.count = count, .source_id = 1, .ingested_at_us = (int64_t)n};
    struct leat_block block;
    ok(leat_block_seal(compressor(), leat_slice_of(&raw, 1), &header, &block, &err));
    snprintf(token, sizeof token, "%llu", (unsigned long long)(n + count - 1));
    struct leat_store_write write = {.source_id = 1, .blocks = &block, .block_count = 1, .keys = keys,
                                     .key_count = key_count, .token = leat_slice_text(token), .part_next = 1};
    int status = leat_store_commit(store, &write, 1, &err);
    free(block.bytes);
    if (!count) /* the end of a test */
        free(keys), keys = NULL, capacity = 0;
    return status;
}

/* All sequences under a hash, one call after the other. */
static size_t find_all(struct leat_store_reader *reader, uint64_t hash, uint64_t *sequences, size_t max)
{
    struct leat_store_found f;
    size_t count = 0;
    for (uint64_t from = 1;; from = f.next) {
        ok(leat_store_reader_find(reader, hash, from, &f, &err));
        assert_false(f.unknown);
        assert_true(f.count <= LEAT_FOUND_MAX && f.next >= from);
        for (size_t i = 0; i < f.count && count < max; i++) {
            assert_true(f.sequences[i] >= from && f.sequences[i] < f.next);
            assert_true(!i || f.sequences[i] > f.sequences[i - 1]);
            sequences[count++] = f.sequences[i];
        }
        if (f.next == from)
            return count;
    }
}

/* A sample of those that must be there, some that must not, and all that share a key. */
static void check_found(struct leat_store_reader *reader, uint64_t events, unsigned sample)
{
    uint64_t at, entries;
    for (unsigned i = 0; i < sample && events; i++) {
        uint64_t n = i < 3 ? events - i % events : 1 + draw() % events;
        assert_int_equal(find_all(reader, hash_of(n), &at, 1), 1);
        assert_int_equal(at, n);
        assert_int_equal(find_all(reader, hash_of(events + 1 + draw() % 1000000), &at, 1), 0);
    }
    size_t shared = events / SHARED_EVERY;
    uint64_t *all = malloc((shared + 2) * sizeof *all);
    assert_int_equal(find_all(reader, shared_hash(), all, shared + 1), shared);
    for (size_t i = 0; i < shared; i++)
        assert_int_equal(all[i], (i + 1) * SHARED_EVERY);
    free(all);
    ok(leat_store_reader_check_runs(reader, &entries, &err));
    assert_int_equal(entries, events + shared);
}

static struct leat_store_reader *reader_of(const char *path, struct leat_store *store)
{
    struct leat_store_reader *reader;
    ok(leat_store_reader_open(path, store, &reader, &err));
    return reader;
}

static struct leat_runs_catalogue catalogue_of(const char *path, uint64_t first)
{
    struct leat_segment *segment;
    struct leat_runs_catalogue c;
    MDB_txn *txn;
    ok(leat_segment_open(path, first, false, 0, &segment, &err));
    assert_int_equal(mdb_txn_begin(segment->env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(leat_runs_catalogue_get(segment, txn, &c), 0);
    mdb_txn_abort(txn);
    leat_segment_unref(segment);
    return c;
}

static unsigned highest_level(const char *path)
{
    struct leat_runs_catalogue c = catalogue_of(path, 1);
    unsigned level = 0;
    for (uint32_t i = 0; i < c.count; i++)
        level = c.runs[i].level > level ? c.runs[i].level : level;
    return level;
}

static uint32_t sizes(void)
{
    return draw() % 10 < 6 ? 1 + (uint32_t)(draw() % 40) : 1 + (uint32_t)(draw() % 20000);
}

static void runs__what_was_noted_is_found_and_nothing_else(void **state)
{
    struct leat_store_options options = small_options(store_path(state));
    options.segment_bytes = 40 * MIB;
    options.map_bytes = 1024 * MIB;
    struct leat_store *store = opened(&options);
    uint64_t events = 0;
    source_id(store, "shop");
    for (unsigned round = 0; events < 5000000; round++) {
        uint32_t count = sizes();
        ok(keyed_commit(store, events + 1, count));
        events += count;
        if (round % 40 == 0) {
            struct leat_store_reader *reader = reader_of(options.path, store);
            check_found(reader, events, round % 200 == 0 ? 100 : 5);
            leat_store_reader_close(reader);
        }
        if (round % 150 == 149) {
            leat_store_close(store);
            store = opened(&options);
            source_id(store, "shop");
        }
    }
    struct leat_store_reader *reader = reader_of(options.path, store);
    check_found(reader, events, 2000);
    leat_store_reader_close(reader);
    assert_true(segment_count(store) > 1);
    assert_int_equal(highest_level(options.path), 2);
    leat_store_close(store);
}

/* One event a commit: the newest pages are many and small, and so are the runs. */
static void runs__single_events_are_merged_too(void **state)
{
    struct leat_store_options options = small_options(store_path(state));
    struct leat_store *store = opened(&options);
    source_id(store, "shop");
    for (uint64_t n = 1; n <= 40000; n++)
        ok(keyed_commit(store, n, 1));
    struct leat_store_reader *reader = reader_of(options.path, store);
    check_found(reader, 40000, 500);
    leat_store_reader_close(reader);
    assert_int_equal(highest_level(options.path), 2);
    assert_true(catalogue_of(options.path, 1).count < 6);
    leat_store_close(store);
}

static void runs__a_store_without_keys_has_no_page_of_them(void **state)
{
    struct leat_store_options options = small_options(store_path(state));
    struct leat_store *store = opened(&options);
    struct leat_store_found found;
    struct leat_segment *segment;
    MDB_stat st;
    MDB_txn *txn;
    source_id(store, "shop");
    for (unsigned i = 0; i < 10; i++)
        ok(model_commit(store, 1, 1 + 10 * i, 10));
    struct leat_store_reader *reader = reader_of(options.path, store);
    ok(leat_store_reader_find(reader, hash_of(1), 1, &found, &err));
    assert_int_equal(found.count, 0);
    assert_int_equal(found.next, 101);
    assert_false(found.unknown);
    ok(leat_segment_open(options.path, 1, false, 0, &segment, &err));
    assert_int_equal(mdb_txn_begin(segment->env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_stat(txn, segment->db[LEAT_DB_RUNS], &st), 0);
    assert_int_equal(st.ms_entries, 0);
    mdb_txn_abort(txn);
    leat_segment_unref(segment);
    leat_store_reader_close(reader);
    leat_store_close(store);
}

static void runs__a_key_without_its_event_is_refused(void **state)
{
    struct leat_store_options options = small_options(store_path(state));
    struct leat_store *store = opened(&options);
    struct leat_store_key key = {1, 3};
    uint32_t id = source_id(store, "shop");
    struct leat_block block = model_block(id, 1, 3);
    struct leat_store_write write = {.source_id = id, .blocks = &block, .block_count = 1, .keys = &key, .key_count = 1};
    fails(LEAT_EBUG, leat_store_commit(store, &write, 1, &err));
    key.event = 2;
    ok(leat_store_commit(store, &write, 1, &err));
    free(block.bytes);
    leat_store_close(store);
}

static void hash_collect(void *arg, uint64_t hash)
{
    uint64_t *sum = arg;
    sum[0]++;
    sum[1] ^= hash;
}

static void runs__all_hashes_of_a_name_are_listed(void **state)
{
    struct leat_store_options options = rolling(store_path(state));
    struct leat_store *store = opened(&options);
    uint64_t events = 0, sum[2] = {0, 0}, expected = 0;
    source_id(store, "shop");
    for (; events < 100000; events += 1000)
        ok(keyed_commit(store, events + 1, 1000));
    for (uint64_t n = 1; n <= events; n++)
        expected ^= hash_of(n) ^ (n % SHARED_EVERY ? 0 : shared_hash());
    struct leat_store_reader *reader = reader_of(options.path, store);
    ok(leat_store_reader_hashes(reader, hash_of(1), 1, hash_collect, sum, &err));
    assert_int_equal(sum[0], events + events / SHARED_EVERY);
    assert_true(sum[1] == expected);
    uint64_t other[2] = {0, 0};
    ok(leat_store_reader_hashes(reader, leat_lookup_hash(2, LEAT_SLICE_LITERAL("id"), LEAT_SLICE_LITERAL("x")), 1,
                                hash_collect, other, &err));
    assert_int_equal(other[0], 0);
    assert_true(segment_count(store) > 2);
    leat_store_reader_close(reader);
    leat_store_close(store);
}

/* --- kills ------------------------------------------------------------------------------------------------------- */

static void child_writes(const struct leat_store_options *options, _Atomic uint64_t *promised)
{
    struct leat_store *store;
    if (leat_store_open(options, &store, &err))
        _exit(3);
    source_id(store, "shop");
    uint64_t n = token_number(store, "shop");
    for (const uint64_t end = n + CHILD_EVENTS_MAX; n < end;) {
        uint32_t count = 1 + (uint32_t)(draw() % 30000);
        if (keyed_commit(store, n + 1, count))
            _exit(4);
        *promised = n += count;
    }
    _exit(6);
}

static void runs__kills_among_merges_lose_and_invent_nothing(void **state)
{
    struct leat_store_options options = small_options(store_path(state));
    options.map_bytes = 2048 * MIB;
    options.segment_bytes = 100 * MIB;
    _Atomic uint64_t *promised = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool merged = false;
    compressor_release();
    for (unsigned kill_number = 0; kill_number < 20; kill_number++) {
        pid_t child = fork();
        if (!child) {
            chance += kill_number * 7919;
            child_writes(&options, promised);
        }
        uint64_t until = *promised + draw() % 600000; /* so far, and then a moment by chance */
        for (int64_t end_ms = leat_clock_monotonic_ms() + 60000; *promised < until;) {
            assert_true(leat_clock_monotonic_ms() < end_ms && waitpid(child, NULL, WNOHANG) == 0);
            leat_clock_pause_us(100);
        }
        leat_clock_pause_us((int64_t)(draw() % 3000));
        int how;
        kill(child, SIGKILL);
        waitpid(child, &how, 0);
        assert_true(WIFSIGNALED(how));
        struct leat_store *store = opened(&options);
        source_id(store, "shop");
        uint64_t events = leat_store_durable(store);
        assert_true(events >= *promised);
        struct leat_store_reader *reader = reader_of(options.path, store);
        check_found(reader, events, 50);
        leat_store_reader_close(reader);
        merged |= highest_level(options.path) > 1;
        leat_store_close(store);
    }
    munmap(promised, 4096);
    assert_true(merged);
}

#ifdef LEAT_FAILPOINTS
/* In the middle of a piece, and between the pieces of one merge. */
static void runs__a_kill_at_each_step_of_merging_changes_nothing(void **state)
{
    static const char *const POINTS[] = {"runs_merging:kill:1", "runs_merging:kill:2", "runs_merging:kill:5",
                                         "runs_merging:kill:9", "runs_merged:kill:1", "runs_merged:kill:2"};
    struct leat_store_options options = small_options(store_path(state));
    for (unsigned round = 0; round < 2 * sizeof POINTS / sizeof *POINTS; round++) {
        pid_t child = fork();
        if (!child) { /* a program of its own, since this one may have looked at its failpoints already */
            setenv("LEAT_FAILPOINT", POINTS[round / 2], 1);
            execl("/proc/self/exe", "test_runs", options.path, NULL);
            _exit(5);
        }
        int how;
        waitpid(child, &how, 0);
        assert_true(WIFSIGNALED(how));
        struct leat_store *store = opened(&options);
        source_id(store, "shop");
        assert_true(leat_store_durable(store) == token_number(store, "shop"));
        struct leat_store_reader *reader = reader_of(options.path, store);
        check_found(reader, leat_store_durable(store), 50);
        leat_store_reader_close(reader);
        leat_store_close(store);
    }
}
#endif

/* --- damage ------------------------------------------------------------------------------------------------------ */

static void store_with_runs(const struct leat_store_options *options, uint64_t events)
{
    struct leat_store *store = opened(options);
    source_id(store, "shop");
    for (uint64_t n = 1; n <= events; n += 10000)
        ok(keyed_commit(store, n, 10000));
    leat_store_close(store);
}

/* Looks for each of some events in a store that was hurt: found, or damage; never "not there". */
static unsigned look_in_hurt(const char *path, uint64_t events)
{
    struct leat_store_reader *reader = reader_of(path, NULL);
    unsigned found = 0;
    for (uint64_t n = 1; n <= events; n += 1511) {
        struct leat_store_found f = {.count = 0};
        int status = leat_store_reader_find(reader, hash_of(n), n, &f, &err);
        if (status == LEAT_OK) {
            assert_int_equal(f.count, 1);
            assert_int_equal(f.sequences[0], n);
            found++;
        } else {
            assert_code(status, LEAT_EDATA, "find", __FILE__, __LINE__);
        }
    }
    leat_store_reader_close(reader);
    return found;
}

/* Each page of every run in turn is taken out, as if the tree had lost it. */
static void runs__a_lost_page_is_noticed_by_who_needs_it(void **state)
{
    struct leat_store_options options = small_options(store_path(state));
    store_with_runs(&options, 150000);
    for (unsigned round = 0; round < 40; round++) {
        struct leat_segment *segment;
        MDB_txn *txn;
        MDB_cursor *cursor;
        MDB_val k, v;
        ok(leat_segment_open(options.path, 1, true, options.map_bytes, &segment, &err));
        assert_int_equal(mdb_txn_begin(segment->env, NULL, 0, &txn), 0);
        assert_int_equal(mdb_cursor_open(txn, segment->db[LEAT_DB_RUNS], &cursor), 0);
        assert_int_equal(mdb_cursor_get(cursor, &k, &v, MDB_FIRST), 0);
        for (uint64_t skip = draw() % 400; skip; skip--)
            assert_int_equal(mdb_cursor_get(cursor, &k, &v, MDB_NEXT), 0);
        uint8_t key[16], value[LEAT_RUN_PAGE_BYTES];
        size_t len = v.mv_size;
        memcpy(key, k.mv_data, sizeof key);
        memcpy(value, v.mv_data, len);
        assert_int_equal(mdb_cursor_del(cursor, 0), 0);
        mdb_cursor_close(cursor);
        assert_int_equal(mdb_txn_commit(txn), 0);
        leat_segment_unref(segment);

        struct leat_store_reader *reader = reader_of(options.path, NULL);
        uint64_t entries;
        int status = leat_store_reader_check_runs(reader, &entries, &err);
        leat_store_reader_close(reader);
        bool newest = leat_key_u32(leat_slice_of(key, sizeof key), 0) == LEAT_RUN_NEWEST;
        if (!newest) { /* the very last of the newest looks as if its commit had not been */
            assert_code(status, LEAT_EDATA, "check", __FILE__, __LINE__);
            look_in_hurt(options.path, 150000);
        }

        ok(leat_segment_open(options.path, 1, true, options.map_bytes, &segment, &err));
        assert_int_equal(mdb_txn_begin(segment->env, NULL, 0, &txn), 0);
        k = (MDB_val){sizeof key, key}, v = (MDB_val){len, value};
        assert_int_equal(mdb_put(txn, segment->db[LEAT_DB_RUNS], &k, &v, 0), 0);
        assert_int_equal(mdb_txn_commit(txn), 0);
        leat_segment_unref(segment);
    }
    assert_int_equal(look_in_hurt(options.path, 150000), 100);
}

static void runs__a_flipped_bit_is_never_served(void **state)
{
    struct leat_store_options options = small_options(store_path(state));
    char path[300];
    store_with_runs(&options, 150000);
    snprintf(path, sizeof path, "%s/seg-00000000000000000001.mdb", options.path);
    int fd = open(path, O_RDWR);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    unsigned hurt = 0;
    for (off_t at = 0; at + 4096 <= st.st_size; at += 4096) { /* only pages of runs: LMDB's own may end the process */
        uint8_t page[4096];
        assert_int_equal(pread(fd, page, sizeof page, at), sizeof page);
        if (memcmp(page + 16, "LER1", 4) != 0 || draw() % 4)
            continue;
        off_t where = at + 16 + (off_t)(draw() % LEAT_RUN_PAGE_BYTES);
        uint8_t byte = page[where - at] ^ (uint8_t)(1 << draw() % 8);
        assert_int_equal(pwrite(fd, &byte, 1, where), 1);
        hurt += look_in_hurt(options.path, 150000) < 100;
        assert_int_equal(pwrite(fd, page, sizeof page, at), sizeof page);
    }
    close(fd);
    assert_true(hurt > 10);
    assert_int_equal(look_in_hurt(options.path, 150000), 100);
}

/* A writer that finds its newest pages hurt goes on in a new segment, and the old one says what it is. */
static void runs__a_writer_with_damaged_runs_goes_on_elsewhere(void **state)
{
    struct leat_store_options options = small_options(store_path(state));
    store_with_runs(&options, 20000);
    struct leat_segment *segment;
    struct leat_store_found found;
    MDB_txn *txn;
    ok(leat_segment_open(options.path, 1, true, options.map_bytes, &segment, &err));
    assert_int_equal(mdb_txn_begin(segment->env, NULL, 0, &txn), 0);
    struct leat_key key = leat_key_newest(1);
    assert_int_equal(leat_env_put(txn, segment->db[LEAT_DB_RUNS], key, LEAT_SLICE_LITERAL("no page"), 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    leat_segment_unref(segment);
    struct leat_store *store = opened(&options);
    source_id(store, "shop");
    ok(keyed_commit(store, 20001, 10));
    assert_int_equal(segment_count(store), 2);
    struct leat_store_reader *reader = reader_of(options.path, store);
    fails(LEAT_EDATA, leat_store_reader_find(reader, hash_of(5), 1, &found, &err));
    assert_text_has("look-up runs are damaged");
    ok(leat_store_reader_find(reader, hash_of(20003), 20001, &found, &err));
    assert_int_equal(found.count, 1);
    leat_store_reader_close(reader);
    leat_store_close(store);
}

/* A segment as an older leat made it: without the database. */
static void runs__events_of_an_older_leat_are_said_to_be_unknown(void **state)
{
    struct leat_store_options options = small_options(store_path(state));
    struct leat_store *store = opened(&options);
    source_id(store, "shop");
    ok(model_commit(store, 1, 1, 50));
    leat_store_close(store);
    struct leat_segment *segment;
    MDB_txn *txn;
    ok(leat_segment_open(options.path, 1, true, options.map_bytes, &segment, &err));
    assert_int_equal(mdb_txn_begin(segment->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_drop(txn, segment->db[LEAT_DB_RUNS], 1), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    leat_segment_unref(segment);
    store = opened(&options);
    ok(keyed_commit(store, 51, 10)); /* into a segment of its own */
    struct leat_store_reader *reader = reader_of(options.path, store);
    struct leat_store_found found;
    ok(leat_store_reader_find(reader, hash_of(55), 1, &found, &err));
    assert_true(found.unknown);
    assert_int_equal(found.next, 51);
    ok(leat_store_reader_find(reader, hash_of(55), found.next, &found, &err));
    assert_int_equal(found.count, 1);
    assert_int_equal(found.sequences[0], 55);
    leat_store_reader_close(reader);
    leat_store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(int argc, char **argv)
{
    if (argc == 2) {
        struct leat_store_options options = small_options(argv[1]);
        _Atomic uint64_t promised;
        child_writes(&options, &promised);
    }
    const struct CMUnitTest tests[] = {
        TEST(runs__what_was_noted_is_found_and_nothing_else),
        TEST(runs__single_events_are_merged_too),
        TEST(runs__a_store_without_keys_has_no_page_of_them),
        TEST(runs__a_key_without_its_event_is_refused),
        TEST(runs__all_hashes_of_a_name_are_listed),
        TEST(runs__kills_among_merges_lose_and_invent_nothing),
#ifdef LEAT_FAILPOINTS
        TEST(runs__a_kill_at_each_step_of_merging_changes_nothing),
#endif
        TEST(runs__a_lost_page_is_noticed_by_who_needs_it),
        TEST(runs__a_flipped_bit_is_never_served),
        TEST(runs__a_writer_with_damaged_runs_goes_on_elsewhere),
        TEST(runs__events_of_an_older_leat_are_said_to_be_unknown),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    compressor_release();
    return failed;
}
