/*
 * Look-up of events by external id, on the disk under $TMPDIR:
 *
 *     lookup_append_ratio   events/s appended with an external id each ÷ without: posts of 300 bytes through batch,
 *                           compression and commit, with an fsync each 2,000 events; in turns, median of the rounds
 *     lookup_append_cpu_ratio  the same of the CPU time of all rounds, which other load on the machine moves less
 *     lookup_p50_ms, _p99_ms   one id among BENCH_LOOKUP_EVENTS (ten million): found, its event read and compared
 *     lookup_cpu_p99_ms     … of CPU time: what is left of it on a busy machine
 *     lookup_absent_…       an id that is nowhere
 *     lookup_open_ms        the store opened again for writing
 *     lookup_hashes_ms      all ids of the source listed, as a webhook source does at its start
 *
 * What was appended is in the page cache, as it is in a daemon that runs; a figure for a cold disk would be the
 * disk's.
 */
#include "pipeline/batch.h"
#include "pipeline/stream.h"

#include <leat/clock.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { PER_COMMIT = 2000, BODY_BYTES = 300, ROUNDS = 40, LOOKUPS = 3000, APPEND_EVENTS = 50000 };

static struct leat_err err;

struct appender {
    char path[256];
    struct leat_store *store;
    struct leat_batch *batch;
    struct leat_origin origin;
    uint32_t source_id;
    uint64_t count;
};

static void must(int status)
{
    if (status == LEAT_OK)
        return;
    fprintf(stderr, "bench_lookup: %s: %s\n", leat_code_name(status), err.text);
    exit(1);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static double now_ms(void)
{
    return (double)leat_clock_monotonic_us() / 1000;
}

/* Of the sealer's thread, too. */
static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* --- appending ------------------------------------------------------------------------------------ */

static void appender_open(struct appender *a)
{
    struct leat_store_options options = {.path = a->path, .segment_bytes = INT64_C(1) << 30,
                                         .map_bytes = INT64_C(16) << 30};
    struct leat_batch_settings settings = {LEAT_COMPRESSION_ZSTD, 1, -3, true};
    struct leat_store_source known;
    must(leat_store_open(&options, &a->store, &err));
    must(leat_store_source(a->store, "shop", &known, &err));
    must(leat_batch_new(&settings, &known, &a->batch, &err));
    a->source_id = known.id;
    leat_buf_release(&known.token);
    a->origin = (struct leat_origin){.connector = LEAT_SLICE_LITERAL("webhook"), .attr_count = 1,
                                     .attrs = {{LEAT_SLICE_LITERAL("externalId"), LEAT_ATTR_EVENT, LEAT_ATTR_FIELD}}};
    must(leat_batch_origin(a->batch, &a->origin, &err));
}

static void appender_close(struct appender *a)
{
    leat_batch_free(a->batch);
    leat_store_close(a->store);
    a->batch = NULL;
    a->store = NULL;
}

static void appender_begin(struct appender *a)
{
    const char *directory = getenv("TMPDIR");
    *a = (struct appender){.count = 0};
    snprintf(a->path, sizeof a->path, "%s/leat-lookup-XXXXXX", directory ? directory : "/var/tmp");
    if (!mkdtemp(a->path)) {
        perror(a->path);
        exit(1);
    }
    appender_open(a);
}

static void appender_end(struct appender *a)
{
    appender_close(a);
    nftw(a->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct leat_slice id_of(uint64_t number, char *text)
{
    uint64_t x = number * UINT64_C(0x9e3779b97f4a7c15);
    return leat_slice_of(text, (size_t)snprintf(text, 64, "order-%016llx", (unsigned long long)x));
}

static void add_event(struct appender *a, bool keyed)
{
    static char body[BODY_BYTES + 1];
    char id[64], ordinal[32];
    uint64_t n = ++a->count;
    struct leat_slice external_id = id_of(n, id);
    snprintf(body, sizeof body, "{\"order\":\"%s\",\"customer\":%llu,\"amount\":\"%llu.%02llu\",\"lines\":[", id,
             (unsigned long long)(n * 7919 % 100003), (unsigned long long)(n % 977), (unsigned long long)(n % 100));
    for (size_t len = strlen(body); len < BODY_BYTES; len = strlen(body))
        snprintf(body + len, sizeof body - len, "{\"sku\":%llu,\"n\":1},", (unsigned long long)((n + len) * 31 % 8999));
    struct leat_transaction t = {.commit_time_us = (int64_t)n, .origin = &a->origin};
    t.id = leat_slice_of(ordinal, (size_t)snprintf(ordinal, sizeof ordinal, "%llu", (unsigned long long)n));
    struct leat_event e = {.op = LEAT_OP_POST, .topic = LEAT_SLICE_LITERAL("order.created.0"), .attr_count = 1,
                           .body = leat_slice_of(body, BODY_BYTES), .event_time_us = (int64_t)n,
                           .attrs = {{.kind = LEAT_STRING, .text = external_id}}};
    must(leat_batch_begin(a->batch, &t, &err));
    must(leat_batch_add(a->batch, &e, &err));
    if (keyed)
        must(leat_batch_key(a->batch, LEAT_SLICE_LITERAL("externalId"), external_id, &err));
    must(leat_batch_commit(a->batch, 1, &err));
}

struct cost {
    double ms, cpu_ms;
};

/* So many more. */
static struct cost append(struct appender *a, uint64_t events, bool keyed)
{
    double begun = now_ms(), begun_cpu = cpu_ms();
    for (uint64_t i = 1; i <= events; i++) {
        struct leat_commit *c;
        add_event(a, keyed);
        if (i % PER_COMMIT && i != events)
            continue;
        must(leat_batch_position(a->batch, LEAT_SLICE_LITERAL("t"), &err));
        must(leat_batch_take(a->batch, &c, &err));
        must(leat_store_commit(a->store, &c->write, 1, &err));
        leat_commit_free(c);
    }
    return (struct cost){now_ms() - begun, cpu_ms() - begun_cpu};
}

/* --- figures --------------------------------------------------------------------------------------- */

/* Both sides go on in their own stores, round by round, so that merges of every level are among what is timed. */
static void bench_append(void)
{
    struct appender with, without;
    struct cost sums[2] = {{0, 0}, {0, 0}};
    double ratios[ROUNDS];
    appender_begin(&with);
    appender_begin(&without);
    for (int round = 0; round < ROUNDS; round++) {
        struct cost cost[2];
        bool first = round % 2;
        cost[first] = append(first ? &with : &without, APPEND_EVENTS, first);
        cost[!first] = append(first ? &without : &with, APPEND_EVENTS, !first);
        ratios[round] = cost[0].ms / cost[1].ms;
        for (int i = 0; i < 2; i++) {
            sums[i].ms += cost[i].ms;
            sums[i].cpu_ms += cost[i].cpu_ms;
        }
    }
    qsort(ratios, ROUNDS, sizeof *ratios, ascending);
    printf("BENCH lookup_append_ratio %.2f ratio (quarters %.2f and %.2f; %.0f events/s without, %.0f with)\n",
           ratios[ROUNDS / 2], ratios[ROUNDS / 4], ratios[ROUNDS * 3 / 4], (double)with.count / sums[0].ms * 1000,
           (double)with.count / sums[1].ms * 1000);
    printf("BENCH lookup_append_cpu_ratio %.2f ratio\n", sums[0].cpu_ms / sums[1].cpu_ms);
    fflush(stdout);
    appender_end(&with);
    appender_end(&without);
}

/* Until the event with this id was read, or is known to be nowhere. */
static struct cost look_up(struct appender *a, struct leat_stream *stream, uint64_t number)
{
    char id[64];
    struct leat_slice external_id = id_of(number, id);
    struct leat_stream_event e;
    double begun = now_ms(), begun_cpu = cpu_ms();
    leat_stream_keyed(stream, leat_lookup_hash(a->source_id, LEAT_SLICE_LITERAL("externalId"), external_id));
    must(leat_stream_seek(stream, 1, &err));
    int status;
    while ((status = leat_stream_next(stream, &e, &err)) == LEAT_OK)
        if (leat_slice_equal(e.event.attrs[0].text, external_id))
            break;
    if (status != (number <= a->count ? LEAT_OK : LEAT_EOF) || (!status && e.sequence != number)) {
        fprintf(stderr, "bench_lookup: %s was not found where it is\n", id);
        exit(1);
    }
    return (struct cost){now_ms() - begun, cpu_ms() - begun_cpu};
}

static void bench_lookups(struct appender *a, const char *name, bool absent)
{
    static double ms[LOOKUPS], cpu[LOOKUPS];
    struct leat_stream *stream;
    uint64_t x = 88172645463325252u;
    must(leat_stream_open(a->path, a->store, &stream, &err));
    leat_stream_only(stream, a->source_id);
    for (int i = 0; i < LOOKUPS; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        struct cost cost = look_up(a, stream, absent ? a->count + 1 + x % 1000000 : 1 + x % a->count);
        ms[i] = cost.ms;
        cpu[i] = cost.cpu_ms;
    }
    leat_stream_close(stream);
    qsort(ms, LOOKUPS, sizeof *ms, ascending);
    qsort(cpu, LOOKUPS, sizeof *cpu, ascending);
    printf("BENCH %s_p50_ms %.2f ms\nBENCH %s_p99_ms %.2f ms (%llu events, longest %.2f)\n", name, ms[LOOKUPS / 2], name,
           ms[LOOKUPS * 99 / 100], (unsigned long long)a->count, ms[LOOKUPS - 1]);
    printf("BENCH %s_cpu_p99_ms %.2f ms\n", name, cpu[LOOKUPS * 99 / 100]);
}

static void count_hash(void *arg, uint64_t hash)
{
    (void)hash;
    ++*(uint64_t *)arg;
}

static void bench_start(struct appender *a)
{
    struct leat_store_reader *reader;
    uint64_t count = 0;
    appender_close(a);
    double begun = now_ms();
    appender_open(a);
    printf("BENCH lookup_open_ms %.1f ms\n", now_ms() - begun);
    must(leat_store_reader_open(a->path, a->store, &reader, &err));
    begun = now_ms();
    uint64_t hash = leat_lookup_hash(a->source_id, LEAT_SLICE_LITERAL("externalId"), LEAT_SLICE_LITERAL(""));
    must(leat_store_reader_hashes(reader, hash, 1, count_hash, &count, &err));
    printf("BENCH lookup_hashes_ms %.0f ms (%llu of them)\n", now_ms() - begun, (unsigned long long)count);
    leat_store_reader_close(reader);
    if (count != a->count) {
        fprintf(stderr, "bench_lookup: %llu ids were listed\n", (unsigned long long)count);
        exit(1);
    }
}

int main(void)
{
    const char *text = getenv("BENCH_LOOKUP_EVENTS");
    uint64_t events = text ? strtoull(text, NULL, 10) : 10000000;
    struct leat_store_usage usage;
    struct appender a;
    bench_append();
    appender_begin(&a);
    append(&a, events, true);
    must(leat_store_usage(a.store, &usage, &err));
    printf("BENCH lookup_store_bytes_per_event %.0f B (%u segments)\n", (double)usage.bytes / (double)events,
           usage.segment_count);
    bench_lookups(&a, "lookup", false);
    bench_lookups(&a, "lookup_absent", true);
    bench_start(&a);
    appender_end(&a);
    return 0;
}
