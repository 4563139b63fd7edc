/*
 * A log's files are told apart by the stamp at their heads, because RESET MASTER begins the names
 * again, and the numbers of GTIDs too: a log that was reset and has grown since may have all of our
 * GTIDs and yet be another. By file and position the dump begins in our file and shows its stamp.
 * By GTID, or with prepared transactions to read again, it begins elsewhere and may never come to
 * our file: then its head is read here first, on a connection of its own (I10).
 */
#include "sources/mysql/mysql.h"

#include <leat/clock.h>

#include <inttypes.h>
#include <stdio.h>

enum { FILES_ARENA_MAX = 8 << 20, FILE_HEAD_BYTES = 4, WAIT_MS = 1000 };

void my_file_stamp(const struct my_format *format, char *ret_stamp)
{
    snprintf(ret_stamp, MY_STAMP_MAX, "%" PRIu32 "/%s", format->timestamp, format->server_version);
    for (char *at = ret_stamp; *at; at++)
        if (*at <= ' ' || *at > '~') /* "11.8.9-MariaDB-4 from Debian": it is a word in the token */
            *at = '_';
}

bool my_file_is_same(const struct my_source *s, const char *stamp, struct leat_err *err)
{
    const struct my_position *p = &s->position;
    if (!p->stamp[0] || strcmp(stamp, p->stamp) == 0)
        return true;
    leat_fail(err, LEAT_ECONFIG,
              "other_log: %s is not the file that the offset is from: its stamp is %s, not %s",
              p->at.file, stamp, p->stamp);
    leat_err_hint(err, "the log was reset or restored (RESET MASTER); set on_gap: record to "
                       "store a gap event and go on at its oldest file, or move the offset with "
                       "leat offsets set (with stamp=- when it names another file)");
    return false;
}

/* The format description at the head of our file. */
static int read_head(struct my_binlog_client *client, struct my_format *format,
                     struct leat_err *err)
{
    struct my_event_header h;
    struct leat_slice event, body;
    int status = my_binlog_client_dump(client, err);
    while (!status && !format->known) {
        status = my_binlog_client_next(client, &event, err);
        if (status == LEAT_AGAIN) {
            my_binlog_client_wait(client, -1, leat_clock_monotonic_ms() + WAIT_MS);
            status = LEAT_OK;
            continue;
        }
        if (!status)
            status = my_event_open(format, event, &h, &body, err);
        if (!status && h.type == MY_FORMAT_EVENT)
            status = my_event_format(&h, body, format, err);
    }
    return status == LEAT_EOF ? leat_fail(err, LEAT_EPROTO, "a log file has no head") : status;
}

static int check_head(struct my_source *s, bool *ret_ours, struct leat_err *err)
{
    char stamp[MY_STAMP_MAX];
    struct my_format format = {.checksum = MY_CHECKSUM_CRC32};
    struct my_binlog_client *client;
    const struct my_dump_request request = {
        .mariadb = s->server.mariadb,
        .server_id = s->position.id ^ 0x40000000, /* beside our own dump */
        .uuid = "",
        .file = s->position.at.file,
        .position = FILE_HEAD_BYTES,
        .once = true,
        .patience_ms = my_resume_patience_ms(s),
    };
    int status = my_binlog_client_open(&s->settings, s->instance, &request, &client, err);
    if (status)
        return status;
    s->silences++;
    status = read_head(client, &format, err);
    if (!status)
        s->silences--;
    my_binlog_client_close(client);
    if (status)
        return status;
    my_file_stamp(&format, stamp);
    *ret_ours = my_file_is_same(s, stamp, err);
    return LEAT_OK;
}

static void tell_before(struct my_source *s, const char *newest, struct leat_err *err)
{
    leat_fail(err, LEAT_ECONFIG,
              "other_log: the log ends with %s, before %s, which the offset is of", newest,
              s->position.at.file);
    leat_err_hint(err,
                  "the log was reset or restored (RESET MASTER); set on_gap: record to store a "
                  "gap event and go on at its oldest file, or move the offset with leat "
                  "offsets set");
}

/* Files of one basename: "binlog" of "binlog.000007". */
static bool alike(const char *a, const char *b)
{
    const char *x = strrchr(a, '.'), *y = strrchr(b, '.');
    return x && y && x - a == y - b && strncmp(a, b, (size_t)(x - a)) == 0;
}

int my_file_check(struct my_source *s, bool *ret_ours, uint64_t *ret_bytes, struct leat_err *err)
{
    const struct my_place ours = s->position.at;
    struct my_place newest = {.position = UINT64_MAX};
    struct leat_arena arena;
    struct my_log_file *files;
    size_t count = 0;
    bool there = false;
    *ret_ours = true;
    *ret_bytes = UINT64_MAX;
    if (!ours.file[0] || !s->position.stamp[0] || s->server.innodb_binlog)
        return LEAT_OK;
    leat_arena_init(&arena, FILES_ARENA_MAX);
    int status = my_catalog_log_files(s->sql, &arena, &files, &count, err);
    for (size_t i = 0; !status && i < count; i++) {
        bool this = strcmp(files[i].name, ours.file) == 0;
        there |= this;
        *ret_bytes = this ? files[i].bytes : *ret_bytes;
        snprintf(newest.file, sizeof newest.file, "%s", files[i].name);
    }
    leat_arena_release(&arena);
    if (status)
        return status;
    if (there)
        return check_head(s, ret_ours, err);
    *ret_ours = !alike(newest.file, ours.file) || my_place_compare(&newest, &ours) > 0; /* purged */
    if (!*ret_ours)
        tell_before(s, newest.file, err);
    return LEAT_OK;
}
