/*
 * What the store's tests share: a scratch directory, and a model of events that is independent of
 * the store.
 *
 * An event of source `s` with number `n` is the text "<s>.<n> <filler>\n", the filler derived from
 * n. A reader counts what it finds per source and compares with the numbers that must come: 1, 2, 3
 * … without a gap.
 */
#ifndef STORE_SUPPORT_H
#define STORE_SUPPORT_H

#include "store/store.h"

#include <leat/clock.h>

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB ((int64_t)1 << 20)
#define UNUSED __attribute__((unused))

static UNUSED struct leat_err err;

#define ok(call) assert_ok((call), #call, __FILE__, __LINE__)
#define fails(code_expected, call) assert_code((call), (code_expected), #call, __FILE__, __LINE__)

static UNUSED void assert_code(int status, int expected, const char *call, const char *file,
                               int line)
{
    if (status != expected)
        print_error("%s:%d: %s gave %s, not %s: %s\n", file, line, call, leat_code_name(status),
                    leat_code_name(expected), status < 0 ? err.text : "");
    _assert_int_equal((unsigned)status, (unsigned)expected, file, line);
}

static UNUSED void assert_ok(int status, const char *call, const char *file, int line)
{
    assert_code(status, LEAT_OK, call, file, line);
}

static UNUSED void assert_text_has(const char *needle)
{
    if (!strstr(err.text, needle))
        fail_msg("\"%s\" does not name \"%s\"", err.text, needle);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static UNUSED void scratch_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A new directory, in memory where that is possible: these tests kill processes, not machines. The
 * store is made in "<it>/s". */
static UNUSED int scratch_setup(void **state)
{
    char *path = strdup("/dev/shm/leat-store-XXXXXX");
    *state = mkdtemp(path);
    if (!*state) {
        free(path);
        path = strdup("/tmp/leat-store-XXXXXX");
        *state = mkdtemp(path);
    }
    return *state ? 0 : -1;
}

static UNUSED int scratch_teardown(void **state)
{
    scratch_remove(*state);
    free(*state);
    return 0;
}

static UNUSED const char *store_path(void **state)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/s", (const char *)*state);
    return path;
}

static UNUSED struct leat_store_options small_options(const char *path)
{
    return (struct leat_store_options){
        .path = path, .segment_bytes = 64 * MIB, .map_bytes = 256 * MIB};
}

/* Rolls about every thirty small blocks. */
static UNUSED struct leat_store_options rolling(const char *path)
{
    struct leat_store_options o = small_options(path);
    o.segment_bytes = 64 << 10;
    return o;
}

static UNUSED struct leat_store *opened(const struct leat_store_options *options)
{
    struct leat_store *store;
    ok(leat_store_open(options, &store, &err));
    return store;
}

/* --- the model -------------------------------------------------------------------------------- */

static UNUSED struct leat_compressor *test_compressor;

static UNUSED struct leat_compressor *compressor(void)
{
    if (!test_compressor)
        ok(leat_compressor_new(LEAT_COMPRESSION_ZSTD, 1, &test_compressor, &err));
    return test_compressor;
}

static UNUSED void compressor_release(void)
{
    leat_compressor_free(test_compressor);
    test_compressor = NULL;
}

/* Bytes that no compressor makes smaller, the same for the same seed. */
static UNUSED void noise(uint8_t *at, size_t len, uint64_t seed)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        at[i] = (uint8_t)(x >> 24);
    }
}

static UNUSED size_t event_text(uint32_t source, uint64_t number, char *ret_text, size_t size)
{
    static const char filler[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    return (size_t)snprintf(ret_text, size, "%u.%llu %.*s\n", source, (unsigned long long)number,
                            (int)(number % 36), filler);
}

/* A sealed block of events number, number + 1 … */
static UNUSED struct leat_block model_block(uint32_t source, uint64_t number, uint32_t count)
{
    struct leat_buf raw;
    leat_buf_init(&raw, LEAT_BLOCK_RAW_MAX);
    for (uint32_t i = 0; i < count; i++) {
        char text[96];
        size_t len = event_text(source, number + i, text, sizeof text);
        leat_buf_append(&raw, leat_slice_of(text, len));
    }
    struct leat_block_header header = {
        .count = count,
        .source_id = source,
        .min_time_us = (int64_t)number,
        .max_time_us = (int64_t)number + count - 1,
        .ingested_at_us = leat_clock_wall_us(),
    };
    struct leat_block block;
    ok(leat_block_seal(compressor(), leat_buf_slice(&raw), &header, &block, &err));
    leat_buf_release(&raw);
    return block;
}

/* A block of noise, to fill disks and maps with. */
static UNUSED struct leat_block noise_block(uint32_t source, size_t len, uint64_t seed)
{
    uint8_t *raw = malloc(len);
    noise(raw, len, seed);
    struct leat_block_header header = {.count = 1, .source_id = source, .ingested_at_us = 1};
    struct leat_block block;
    ok(leat_block_seal(compressor(), leat_slice_of(raw, len), &header, &block, &err));
    free(raw);
    return block;
}

/* Commits one block of `count` events behind number - 1; the token is the last number as text. */
static UNUSED int model_commit(struct leat_store *store, uint32_t source, uint64_t number,
                               uint32_t count)
{
    char token[32];
    struct leat_block block = model_block(source, number, count);
    snprintf(token, sizeof token, "%llu", (unsigned long long)(number + count - 1));
    struct leat_store_write write = {.source_id = source,
                                     .blocks = &block,
                                     .block_count = 1,
                                     .token = leat_slice_text(token),
                                     .part_next = 1};
    int status = leat_store_commit(store, &write, 1, &err);
    free(block.bytes);
    return status;
}

static UNUSED uint32_t source_id(struct leat_store *store, const char *instance)
{
    struct leat_store_source source;
    ok(leat_store_source(store, instance, &source, &err));
    leat_buf_release(&source.token);
    return source.id;
}

/* The token as a number; 0: none. */
static UNUSED uint64_t token_number(struct leat_store *store, const char *instance)
{
    struct leat_store_source source;
    ok(leat_store_source(store, instance, &source, &err));
    leat_buf_append(&source.token, leat_slice_of("", 1));
    uint64_t number = 0;
    for (const uint8_t *at = source.token.data; *at; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    leat_buf_release(&source.token);
    return number;
}

/* Checks the events of one block against the model; `seen` counts by source number (below 8). */
static UNUSED void model_check(const struct leat_block_header *h, struct leat_slice raw,
                               uint64_t *seen)
{
    assert_true(h->source_id < 8);
    size_t at = 0;
    for (uint32_t i = 0; i < h->count; i++) {
        char text[96];
        size_t len = event_text(h->source_id, ++seen[h->source_id], text, sizeof text);
        assert_true(raw.len - at >= len);
        assert_memory_equal(raw.ptr + at, text, len);
        at += len;
    }
    assert_int_equal(at, raw.len);
}

/* Reads all that is there; returns the number of events, and how many came of each source. */
static UNUSED uint64_t model_read(struct leat_store_reader *reader, uint64_t *seen)
{
    struct leat_block_header h;
    struct leat_slice raw;
    uint64_t events = 0;
    int status;
    while ((status = leat_store_reader_next(reader, &h, &raw, &err)) == LEAT_OK) {
        model_check(&h, raw, seen);
        events += h.count;
    }
    assert_code(status, LEAT_EOF, "reader_next", __FILE__, __LINE__);
    return events;
}

static UNUSED uint64_t model_read_all(const char *path, struct leat_store *store, uint64_t *seen)
{
    struct leat_store_reader *reader;
    ok(leat_store_reader_open(path, store, &reader, &err));
    uint64_t events = model_read(reader, seen);
    leat_store_reader_close(reader);
    return events;
}

static UNUSED unsigned segment_count(struct leat_store *store)
{
    struct leat_store_usage usage;
    ok(leat_store_usage(store, &usage, &err));
    return usage.segment_count;
}

#endif
