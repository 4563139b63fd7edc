/*
 * Follows a stream from its end and tells how long after its commit each event became readable, in
 * a process of its own: what a consumer would see. The commit's time is the server's, whose clock
 * is ours on one machine; it is taken before the server flushes its log, so the figure includes
 * that flush.
 *
 * A server that logs whole seconds only (MariaDB) is asked for the time itself: `column` is the
 * place of a TIMESTAMP(6) in the row, which the statement filled with NOW(6).
 *
 *     follow <store> <events> [column]      prints: <count> <p50 µs> <p99 µs> <max µs>
 */
#include "pipeline/stream.h"

#include <leat/clock.h>

#include <stdio.h>
#include <stdlib.h>

enum { POLL_US = 200, PATIENCE_S = 120 };

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t commit_time_us(const struct leat_event *e, long column)
{
    return column < 0 || (uint32_t)column >= e->after.count ? e->event_time_us
                                                            : e->after.values[column].integer;
}

int main(int argc, char **argv)
{
    struct leat_err err;
    struct leat_stream *stream;
    size_t want = argc >= 3 ? strtoul(argv[2], NULL, 10) : 0, count = 0;
    long column = argc == 4 ? (long)strtoul(argv[3], NULL, 10) : -1;
    int64_t *latency_us = calloc(want ? want : 1, sizeof *latency_us);
    if (!want || !latency_us || leat_stream_open(argv[1], NULL, &stream, &err)) {
        fprintf(stderr, "usage: follow <store> <events>: %s\n", want ? err.text : "");
        return 2;
    }
    struct leat_store_usage usage;
    if (leat_store_reader_usage(leat_stream_reader(stream), &usage, &err) ||
        leat_stream_seek(stream, usage.last_sequence + 1, &err))
        return 1;
    fprintf(stderr, "following\n");
    int64_t until_us = leat_clock_monotonic_us() + (int64_t)PATIENCE_S * 1000000;
    while (count < want && leat_clock_monotonic_us() < until_us) {
        struct leat_stream_event event;
        int status = leat_stream_next(stream, &event, &err);
        if (status == LEAT_EOF) {
            leat_clock_pause_us(POLL_US);
        } else if (status) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        } else if (event.event.op == LEAT_OP_CREATE) {
            latency_us[count++] = leat_clock_wall_us() - commit_time_us(&event.event, column);
        }
    }
    leat_stream_close(stream);
    qsort(latency_us, count, sizeof *latency_us, by_value);
    if (count < want)
        return 1;
    printf("%zu %lld %lld %lld\n", count, (long long)latency_us[count / 2],
           (long long)latency_us[count * 99 / 100], (long long)latency_us[count - 1]);
    free(latency_us);
    return 0;
}
