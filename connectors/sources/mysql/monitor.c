/*
 * Lag, asked on the connection for questions, only while nothing comes: a server has nothing to
 * wait for from us, so a question may take its time. Nothing here can fail the stream: what is
 * unknown is -1.
 */
#include "sources/mysql/mysql.h"

#include <leat/clock.h>
#include <leat/log.h>

enum {
    ASK_EVERY_MS = 2000,
    ASK_BUSY_EVERY_MS = 15000,
    ASK_SHARE = 10, /* of our time at most one part in so many waits for answers */
    FILES_ARENA_MAX = 8 << 20,
};

static void lose_connection(struct my_source *s, const struct leat_err *err)
{
    leat_log_err(LEAT_LOG_DEBUG, "source", s->instance, "no answer to a question", err);
    my_disconnect(s->sql);
    s->sql = NULL;
}

/* Bytes of log between two places, files between them included; -1: unknown. */
static int64_t distance(struct my_source *s, const struct my_place *from, const struct my_place *to)
{
    struct leat_arena arena;
    struct leat_err err;
    struct my_log_file *files;
    size_t count;
    if (strcmp(from->file, to->file) == 0)
        return to->position > from->position ? (int64_t)(to->position - from->position) : 0;
    leat_arena_init(&arena, FILES_ARENA_MAX);
    int64_t sum = -1;
    if (my_catalog_log_files(s->sql, &arena, &files, &count, &err)) {
        lose_connection(s, &err);
        count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(files[i].name, from->file) == 0)
            sum = (int64_t)files[i].bytes - (int64_t)from->position;
        else if (sum >= 0 && strcmp(files[i].name, to->file) == 0)
            break;
        else if (sum >= 0)
            sum += (int64_t)files[i].bytes;
    }
    leat_arena_release(&arena);
    return sum < 0 ? -1 : sum + (int64_t)to->position;
}

static void ask(struct my_source *s)
{
    struct leat_err err;
    struct my_log_end end;
    struct leat_buf gtids;
    if (!s->sql && my_connect(&s->settings, s->instance, &s->sql, &err))
        return;
    leat_buf_init(&gtids, LEAT_TOKEN_MAX);
    if (my_catalog_log_end(s->sql, &s->server, &end, &gtids, &err)) {
        lose_connection(s, &err);
    } else {
        memcpy(s->monitor.end.file, end.file, sizeof end.file);
        s->monitor.end.position = end.position;
    }
    leat_buf_release(&gtids);
}

static bool all_durable(const struct my_source *s)
{
    return strcmp(s->durable.file, s->position.at.file) == 0 &&
           s->durable.position >= s->position.at.position && !s->transaction.open;
}

/* The stream stands still while we wait for an answer, so slow ones are asked for less often. */
static void ask_and_measure(struct my_source *s, bool idle)
{
    int64_t begun_ms = leat_clock_monotonic_ms(), bytes = -1;
    int64_t pause_ms = idle ? ASK_EVERY_MS : ASK_BUSY_EVERY_MS;
    ask(s);
    if (s->sql && s->monitor.end.file[0])
        bytes = distance(s, &s->durable, &s->monitor.end);
    s->env->stats->lag_bytes = bytes;
    int64_t now_ms = leat_clock_monotonic_ms(), share_ms = (now_ms - begun_ms) * ASK_SHARE;
    s->monitor.next_ms = now_ms + (pause_ms > share_ms ? pause_ms : share_ms);
}

void my_monitor_service(struct my_source *s, bool idle)
{
    struct leat_source_stats *stats = s->env->stats;
    if (leat_clock_monotonic_ms() >= s->monitor.next_ms) {
        if (idle)
            my_group_trim(&s->group);
        ask_and_measure(s, idle);
    }
    bool level = idle && all_durable(s) && s->monitor.end.file[0] &&
                 my_place_compare(&s->durable, &s->monitor.end) >= 0;
    s->monitor.level = level || (s->monitor.level && idle && all_durable(s));
    int64_t age_us = leat_clock_wall_us() - stats->last_event_time_us;
    stats->lag_us = s->monitor.level             ? 0
                    : !stats->last_event_time_us ? -1
                    : age_us > 1                 ? age_us
                                                 : 1;
}
