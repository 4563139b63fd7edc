/*
 * Full disks, full maps and failing writes. The system's calls are replaced by ones that fail on
 * demand: the program's own definitions of fdatasync, pwrite, writev and statvfs come before the C
 * library's, also for LMDB.
 *
 * What LMDB writes: data pages by pwrite of whole pages or by writev, then fdatasync, then the meta
 * page by a pwrite of less than a page.
 */
#include "store_support.h"

#include <dlfcn.h>
#include <errno.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { PAGE = 4096 };

static struct {
    int sync_errno; /* each applies while it is not 0 */
    int data_errno;
    int meta_errno;
    bool short_writes;
    int64_t free_bytes;   /* what statvfs says; -1: the truth */
    int free_after_calls; /* … after so many calls */
    unsigned syncs;
} fault;

static void faults_none(void)
{
    memset(&fault, 0, sizeof fault);
    fault.free_bytes = -1;
}

static int refuse(int errnum)
{
    errno = errnum;
    return -1;
}

int fdatasync(int fd)
{
    static int (*real)(int);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    fault.syncs++;
    return fault.sync_errno ? refuse(fault.sync_errno) : real(fd);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    int errnum = len < PAGE ? fault.meta_errno : fault.data_errno;
    if (errnum)
        return refuse(errnum);
    if (fault.short_writes && len >= PAGE)
        len = len / 2;
    return real(fd, bytes, len, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    static ssize_t (*real)(int, const struct iovec *, int);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "writev");
    if (fault.data_errno)
        return refuse(fault.data_errno);
    return real(fd, parts, fault.short_writes ? 1 : count);
}

int statvfs(const char *path, struct statvfs *ret)
{
    static int (*real)(const char *, struct statvfs *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "statvfs");
    int rc = real(path, ret);
    if (fault.free_bytes >= 0 && fault.free_after_calls-- <= 0) {
        ret->f_frsize = 1;
        ret->f_bavail = (fsblkcnt_t)fault.free_bytes;
    }
    return rc;
}

static int setup(void **state)
{
    faults_none();
    return scratch_setup(state);
}

static int teardown(void **state)
{
    faults_none();
    return scratch_teardown(state);
}

/* Opened, with events 1 … 10 of "shop", whose number is 1. */
static struct leat_store *begun(const struct leat_store_options *o)
{
    struct leat_store *store = opened(o);
    ok(model_commit(store, source_id(store, "shop"), 1, 10));
    return store;
}

/* After whatever happened: offset = events, dense, once each. */
static void assert_holds(const struct leat_store_options *o, uint64_t events)
{
    uint64_t seen[8] = {0};
    struct leat_store *store = opened(o);
    assert_int_equal(token_number(store, "shop"), events);
    assert_int_equal(model_read_all(o->path, store, seen), events);
    leat_store_close(store);
}

/* --- errors that stop the store --------------------------------------------------------------- */

static void assert_stops(void **state, void (*break_it)(void), uint64_t at_least)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = begun(&o);
    break_it();
    fails(LEAT_ESTORE, model_commit(store, 1, 11, 5));
    assert_text_has("store I/O error");
    assert_int_equal(err.domain, LEAT_DOMAIN_LMDB);
    unsigned syncs = fault.syncs;
    faults_none();
    fault.syncs = syncs;
    assert_int_equal(leat_store_durable(store), 10);
    fails(LEAT_ESTORE, model_commit(store, 1, 11, 5)); /* the disk is well again, and still: */
    fails(LEAT_ESTORE, leat_store_set_token(store, "shop", leat_slice_text("9"), &err));
    assert_int_equal(fault.syncs, syncs);
    leat_store_close(store);
    assert_holds(&o, at_least);
    scratch_remove(o.path);
}

static void break_sync(void)
{
    fault.sync_errno = EIO;
}

static void break_meta(void)
{
    fault.meta_errno = EIO;
}

static void break_meta_space(void)
{
    fault.meta_errno = ENOSPC; /* the data pages are in place: the outcome is unknown */
}

static void break_data(void)
{
    fault.data_errno = EIO;
}

static void break_short(void)
{
    fault.short_writes = true; /* with a disk that has room */
}

static void store__failed_write_or_sync_stops_it_for_good(void **state)
{
    assert_stops(state, break_sync, 10);
    assert_stops(state, break_meta, 10);
    assert_stops(state, break_meta_space, 10);
    assert_stops(state, break_data, 10);
    assert_stops(state, break_short, 10);
}

/* --- no space --------------------------------------------------------------------------------- */

static void store__full_disk_is_survived(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = begun(&o);
    for (int i = 0; i < 3; i++) {
        fault.data_errno = ENOSPC;
        fails(LEAT_ERETRY, model_commit(store, 1, 11 + 5 * (uint64_t)i, 5));
        assert_text_has("disk is full");
        fault.data_errno = EDQUOT;
        fails(LEAT_ERETRY, model_commit(store, 1, 11 + 5 * (uint64_t)i, 5));
        faults_none();
        ok(model_commit(store, 1, 11 + 5 * (uint64_t)i, 5));
    }
    leat_store_close(store);
    assert_holds(&o, 25);
}

static void store__short_write_on_a_nearly_full_disk_is_a_full_disk(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = begun(&o);
    fault.short_writes = true;
    fault.free_bytes = 4096;
    fault.free_after_calls = 1; /* there was room when the commit began */
    fails(LEAT_ERETRY, model_commit(store, 1, 11, 5));
    faults_none();
    ok(model_commit(store, 1, 11, 5));
    leat_store_close(store);
    assert_holds(&o, 15);
}

static void store__full_disk_at_roll_is_survived(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    o.segment_age_ms = 1;
    struct leat_store *store = begun(&o);
    for (uint64_t n = 11; n <= 30; n += 5) {
        leat_clock_pause_us(3000);
        unsigned before = segment_count(store);
        fault.data_errno = ENOSPC;
        fails(LEAT_ERETRY, model_commit(store, 1, n, 5));
        faults_none();
        assert_int_equal(segment_count(store), before); /* nothing half-made is left */
        ok(model_commit(store, 1, n, 5));
        assert_int_equal(segment_count(store), before + 1);
    }
    leat_store_close(store);
    assert_holds(&o, 30);
}

static void store__low_water_mark_is_kept(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    o.low_water_bytes = 10 * MIB;
    struct leat_store *store = begun(&o);
    fault.free_bytes = 10 * MIB;
    fails(LEAT_ERETRY, model_commit(store, 1, 11, 5));
    assert_text_has("low-water mark");
    fails(LEAT_ERETRY, leat_store_room(store, &err));
    assert_text_has("low-water mark");
    assert_true(err.hint[0]);
    fault.free_bytes = 20 * MIB;
    ok(leat_store_room(store, &err));
    ok(model_commit(store, 1, 11, 5));
    leat_store_close(store);
    assert_holds(&o, 15);
}

static void store__quota_is_kept_until_segments_expire(void **state)
{
    struct leat_store_options o = rolling(store_path(state));
    o.quota_bytes = 4 * MIB;
    struct leat_store *store = begun(&o);
    uint64_t n = 11;
    while (n < 1000000 && leat_store_room(store, &err) == LEAT_OK) {
        struct leat_block block = noise_block(1, 100000, n);
        char token[32];
        snprintf(token, sizeof token, "%llu", (unsigned long long)n);
        struct leat_store_write write = {.source_id = 1, .blocks = &block, .block_count = 1,
                                         .token = leat_slice_text(token), .part_next = 1};
        ok(leat_store_commit(store, &write, 1, &err));
        free(block.bytes);
        n++;
    }
    assert_in_range(n, 11 + 10, 11 + 40);
    assert_text_has("quota");
    struct leat_store_usage usage;
    ok(leat_store_usage(store, &usage, &err));
    assert_true(usage.bytes <= o.quota_bytes);
    struct leat_block large = noise_block(1, LEAT_BLOCK_RAW_MAX, 1);
    struct leat_store_write write = {.source_id = 1, .blocks = &large, .block_count = 1};
    fails(LEAT_ERETRY, leat_store_commit(store, &write, 1, &err));
    assert_text_has("quota");
    fails(LEAT_ERETRY, leat_store_room(store, &err)); /* none for that one */
    char command[400];
    snprintf(command, sizeof command, "rm $(ls %s/seg-*.mdb | head -n -1)", o.path);
    assert_int_equal(system(command), 0);
    int room = leat_store_room(store, &err);
    fails(room, leat_store_commit(store, &write, 1, &err)); /* they agree */
    free(large.bytes);
    ok(model_commit(store, 1, n, 1));
    ok(leat_store_room(store, &err));
    leat_store_close(store);
}

static void store__full_map_rolls_when_it_may(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    o.map_bytes = 1 * MIB;
    struct leat_store *store = begun(&o);
    for (uint64_t n = 11; n <= 4010; n += 10)
        ok(model_commit(store, 1, n, 10));
    for (int i = 0; i < 20; i++) {
        struct leat_block block = noise_block(1, 200000, (uint64_t)i);
        struct leat_store_write write = {.source_id = 1, .blocks = &block, .block_count = 1};
        ok(leat_store_commit(store, &write, 1, &err));
        free(block.bytes);
    }
    assert_true(segment_count(store) > 4);
    assert_int_equal(leat_store_durable(store), 4030);
    leat_store_close(store);
}

static int commit_part(struct leat_store *store, uint64_t set, uint32_t index)
{
    static uint8_t raw[100000];
    struct leat_block sealed;
    noise(raw, sizeof raw, set * 1000 + index);
    ok(leat_part_seal(compressor(), leat_slice_of(raw, sizeof raw), index, &sealed, &err));
    struct leat_store_part part = {set, index, leat_slice_of(sealed.bytes, sealed.len)};
    struct leat_store_write write = {.source_id = 1, .parts = &part, .part_count = 1};
    int status = leat_store_commit(store, &write, 1, &err);
    free(sealed.bytes);
    return status;
}

static void store__full_map_with_parts_ahead_is_named_and_mended(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    o.map_bytes = 2 * MIB;
    struct leat_store *store = begun(&o);
    uint32_t index = 0;
    while (index < 100 && commit_part(store, 1, index) == LEAT_OK)
        index++;
    assert_in_range(index, 10, 20);
    fails(LEAT_ERETRY, commit_part(store, 1, index)); /* and again */
    assert_text_has("map is full");
    fails(LEAT_ERETRY, leat_store_room(store, &err));
    assert_text_has("map of 2097152 bytes is full");
    assert_int_equal(segment_count(store), 1);
    assert_int_equal(leat_store_durable(store), 10);
    leat_store_close(store);

    o.map_bytes = 16 * MIB; /* what the hint says */
    store = opened(&o);
    assert_int_equal(token_number(store, "shop"), 10);
    for (uint32_t i = 0; i <= index; i++)
        ok(commit_part(store, 1, i));
    ok(leat_store_room(store, &err));
    ok(model_commit(store, 1, 11, 5));
    leat_store_close(store);
    assert_holds(&o, 15);
}

/* The same map, but the orphans' pages are free again: no larger map is needed. */
static void store__orphans_give_their_map_back(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    o.map_bytes = 2 * MIB;
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    assert_int_equal(id, 1);
    for (int round = 0; round < 4; round++) {
        uint32_t index = 0;
        while (index < 100 && commit_part(store, 1, index) == LEAT_OK)
            index++;
        assert_true(index > 8);
        assert_int_equal(source_id(store, "shop"), id); /* begins again */
        ok(leat_store_room(store, &err));
    }
    ok(model_commit(store, 1, 1, 5));
    leat_store_close(store);
    assert_holds(&o, 5);
}

/* --- reader slots ----------------------------------------------------------------------------- */

/* A process that has a snapshot of the first segment open, and is killed with it. */
static void reader_killed(const char *dir)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        char path[300];
        MDB_env *env;
        MDB_txn *txn;
        snprintf(path, sizeof path, "%s/seg-%020d.mdb", dir, 1);
        if (mdb_env_create(&env) || mdb_env_open(env, path, MDB_NOSUBDIR | MDB_RDONLY, 0) ||
            mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) || write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static int count_line(const char *line, void *arg)
{
    (void)line;
    ++*(int *)arg;
    return 0;
}

/* Lines of LMDB's list of reader slots: a heading, or "no readers", and one for each. Asked in a process of its own, as
 * this one has the environment open inside the store. */
static int slot_lines(const char *dir)
{
    pid_t child = fork();
    if (child == 0) {
        char path[300];
        MDB_env *env;
        int lines = 0;
        snprintf(path, sizeof path, "%s/seg-%020d.mdb", dir, 1);
        if (mdb_env_create(&env) || mdb_env_open(env, path, MDB_NOSUBDIR | MDB_RDONLY, 0))
            _exit(99);
        mdb_reader_list(env, count_line, &lines);
        _exit(lines);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void store__reap_frees_the_slot_of_a_killed_reader(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = begun(&o);
    reader_killed(o.path);
    assert_int_equal(slot_lines(o.path), 2);
    leat_store_reap(store);
    assert_int_equal(slot_lines(o.path), 1);
    leat_store_close(store);
}

/* Each commit frees a few pages that the dead reader's snapshot holds back; nothing else is in the way. */
static void store__a_killed_reader_does_not_fill_the_map(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    o.map_bytes = 1 * MIB;
    struct leat_store *store = opened(&o);
    uint32_t id = source_id(store, "shop");
    struct leat_store_write write = {
        .source_id = id, .token = leat_slice_text("x"), .part_next = 1};
    ok(leat_store_commit(store, &write, 1, &err));
    for (int i = 0; i < 3; i++) {
        reader_killed(o.path);
        for (int k = 0; k < 500; k++)
            ok(leat_store_commit(store, &write, 1, &err));
    }
    leat_store_close(store);
}

static void reader__no_free_slot_is_told_and_passes(void **state)
{
    enum { SLOTS = 254 };
    static struct leat_store_reader *readers[SLOTS + 1];
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = begun(&o);
    struct leat_block_header h;
    struct leat_slice raw;
    for (int i = 0; i <= SLOTS; i++) {
        ok(leat_store_reader_open(o.path, store, &readers[i], &err));
        fails(i < SLOTS ? LEAT_OK : LEAT_ERETRY,
              leat_store_reader_next(readers[i], &h, &raw, &err));
    }
    leat_store_reader_close(readers[0]);
    ok(leat_store_reader_next(readers[SLOTS], &h, &raw, &err));
    for (int i = 1; i <= SLOTS; i++)
        leat_store_reader_close(readers[i]);
    leat_store_close(store);
}

/* --- a real disk, if we may mount one --------------------------------------------------------- */

static void store__real_full_disk_is_survived(void **state)
{
    if (mount("leat-test", *state, "tmpfs", 0, "size=3m")) {
        print_message("not allowed to mount a tmpfs: skipped\n");
        skip();
    }
    struct leat_store_options o = rolling(store_path(state));
    struct leat_store *store = begun(&o);
    uint64_t n = 11, full_at = 0, refusals = 0;
    while (n < 60) {
        struct leat_block blocks[2] = {noise_block(1, 150000, n), model_block(1, 1, 1)};
        char token[32];
        snprintf(token, sizeof token, "%llu", (unsigned long long)n);
        struct leat_store_write write = {.source_id = 1, .blocks = blocks, .block_count = 2,
                                         .token = leat_slice_text(token), .part_next = 1};
        int status = leat_store_commit(store, &write, 1, &err);
        free(blocks[0].bytes);
        free(blocks[1].bytes);
        if (status == LEAT_OK) {
            n++;
            continue;
        }
        fails(LEAT_ERETRY, status);
        full_at = full_at ? full_at : n;
        if (++refusals == 5)
            assert_int_equal(mount("leat-test", *state, "tmpfs", MS_REMOUNT, "size=40m"), 0);
        assert_true(refusals <= 5);
    }
    assert_int_equal(refusals, 5);
    assert_in_range(full_at, 12, 40);
    leat_store_close(store);
    store = opened(&o);
    assert_int_equal(token_number(store, "shop"), 59);
    assert_int_equal(leat_store_durable(store), 10 + 2 * 49);
    struct leat_store_reader *reader;
    struct leat_block_header h;
    struct leat_slice raw;
    uint64_t events = 0;
    int status;
    ok(leat_store_reader_open(o.path, store, &reader, &err));
    while (!(status = leat_store_reader_next(reader, &h, &raw, &err)))
        events += h.count;
    fails(LEAT_EOF, status);
    assert_int_equal(events, 10 + 2 * 49);
    leat_store_reader_close(reader);
    leat_store_close(store);
    assert_int_equal(umount(*state), 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(store__failed_write_or_sync_stops_it_for_good),
        test(store__full_disk_is_survived),
        test(store__short_write_on_a_nearly_full_disk_is_a_full_disk),
        test(store__full_disk_at_roll_is_survived),
        test(store__low_water_mark_is_kept),
        test(store__quota_is_kept_until_segments_expire),
        test(store__full_map_rolls_when_it_may),
        test(store__full_map_with_parts_ahead_is_named_and_mended),
        test(store__orphans_give_their_map_back),
        test(store__reap_frees_the_slot_of_a_killed_reader),
        test(store__a_killed_reader_does_not_fill_the_map),
        test(reader__no_free_slot_is_told_and_passes),
        test(store__real_full_disk_is_survived),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    compressor_release();
    return failed;
}
