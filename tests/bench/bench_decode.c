/*
 * The cost of a narrow row, from the bytes of an INSERT to typed values: pgbench_history's six
 * columns, in text and in binary. Counts the thread's own CPU time and prints the best of several
 * rounds, for a shared machine only ever adds to it.
 */
#include "sources/postgres/pgoutput.h"
#include "sources/postgres/pgtype.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { COLUMNS = 6, ROWS = 1024, PASSES = 400, ROUNDS = 7, ROW_BYTES_MAX = 256 };

/* aid int, bid int, tid int, delta int, mtime timestamp, filler char(22) */
static const uint32_t OIDS[COLUMNS] = {23, 23, 23, 23, 1114, 1042};

struct rows {
    struct leat_buf bytes;
    struct leat_slice messages[ROWS];
};

static void append_be(struct leat_buf *buf, uint64_t v, unsigned bytes)
{
    while (bytes--) {
        uint8_t byte = (uint8_t)(v >> 8 * bytes);
        leat_buf_append(buf, leat_slice_of(&byte, 1));
    }
}

static void append_text(struct leat_buf *buf, const char *text)
{
    append_be(buf, 't', 1);
    append_be(buf, strlen(text), 4);
    leat_buf_append_text(buf, text);
}

static void append_binary(struct leat_buf *buf, uint64_t v, unsigned bytes)
{
    append_be(buf, 'b', 1);
    append_be(buf, bytes, 4);
    append_be(buf, v, bytes);
}

static void append_row(struct leat_buf *buf, bool binary, unsigned i)
{
    const unsigned numbers[4] = {i * 97u % 100000, i % 10 + 1, i % 100, i * 7919u % 10000};
    char text[64];
    leat_buf_append_text(buf, "I");
    append_be(buf, 16385, 4);
    append_be(buf, 'N', 1);
    append_be(buf, COLUMNS, 2);
    for (unsigned c = 0; c < 4; c++) {
        int delta = c == 3 ? (int)numbers[c] - 5000 : (int)numbers[c];
        snprintf(text, sizeof text, "%d", delta);
        if (binary)
            append_binary(buf, (uint32_t)delta, 4);
        else
            append_text(buf, text);
    }
    snprintf(text, sizeof text, "2024-07-02 03:%02u:%02u.%06u", i % 60, i % 59, i * 977u % 1000000);
    if (binary)
        append_binary(buf, UINT64_C(773204645000000) + i * 977u, 8);
    else
        append_text(buf, text);
    append_be(buf, 'n', 1);
}

static void rows_init(struct rows *rows, bool binary)
{
    leat_buf_init(&rows->bytes, ROWS * ROW_BYTES_MAX);
    if (!leat_buf_reserve(&rows->bytes, ROWS * ROW_BYTES_MAX)) /* it must not move below */
        abort();
    for (unsigned i = 0; i < ROWS; i++) {
        size_t from = rows->bytes.len;
        append_row(&rows->bytes, binary, i);
        rows->messages[i] = leat_slice_of(rows->bytes.data + from, rows->bytes.len - from);
    }
}

static int64_t decode_row(struct pgoutput *d, struct leat_slice message,
                          const struct pgtype *const *types, struct leat_arena *scratch)
{
    struct pgoutput_message m;
    struct leat_err err;
    int64_t sum = 0;
    leat_arena_reset(scratch);
    int rc = pgoutput_decode(d, message, &m, &err);
    for (unsigned c = 0; !rc && c < m.row.after.count; c++) {
        const struct pgoutput_field *f = &m.row.after.fields[c];
        struct leat_value v = {.kind = LEAT_NULL, .integer = 0};
        if (f->form == PGOUTPUT_TEXT)
            rc = pgtype_decode_text(types[c], f->data, scratch, &v, &err);
        else if (f->form == PGOUTPUT_BINARY)
            rc = pgtype_decode_binary(types[c], f->data, scratch, &v, &err);
        sum += v.integer + v.kind;
    }
    if (rc) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    return sum;
}

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Untyped: only the message is decoded. */
static int64_t decode_only(struct pgoutput *d, struct leat_slice message)
{
    struct pgoutput_message m;
    struct leat_err err;
    if (pgoutput_decode(d, message, &m, &err))
        exit(1);
    return m.row.after.count;
}

static double measure(bool binary, bool typed, int64_t *ret_sum)
{
    static struct rows rows;
    struct pgoutput d;
    struct leat_arena scratch;
    const struct pgtype *types[COLUMNS];
    int64_t best_ns = INT64_MAX;
    rows_init(&rows, binary);
    pgoutput_init(&d);
    leat_arena_init(&scratch, 1 << 20);
    for (unsigned c = 0; c < COLUMNS; c++)
        types[c] = pgtype_find(OIDS[c]);
    for (unsigned round = 0; round < ROUNDS; round++) {
        int64_t from_ns = cpu_ns();
        for (unsigned i = 0; i < ROWS * PASSES; i++)
            *ret_sum += typed ? decode_row(&d, rows.messages[i % ROWS], types, &scratch)
                              : decode_only(&d, rows.messages[i % ROWS]);
        int64_t ns = cpu_ns() - from_ns;
        best_ns = ns < best_ns ? ns : best_ns;
    }
    pgoutput_release(&d);
    leat_arena_release(&scratch);
    leat_buf_release(&rows.bytes);
    return (double)best_ns / (ROWS * PASSES);
}

int main(void)
{
    int64_t sum = 0;
    double untyped_ns = measure(false, false, &sum);
    double text_ns = measure(false, true, &sum);
    double binary_ns = measure(true, true, &sum);
    printf("decode: message alone %.1f ns, typed from text %.1f ns, from binary %.1f ns an event "
           "(sum %lld)\n",
           untyped_ns, text_ns, binary_ns, (long long)sum);
    printf("BENCH decode_events_per_s %.0f events/s\n", 1e9 / text_ns);
    printf("BENCH decode_binary_events_per_s %.0f events/s\n", 1e9 / binary_ns);
    return 0;
}
