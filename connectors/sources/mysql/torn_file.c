/*
 * A file of MariaDB's log that cannot be read to its end. A server that dies while it writes a
 * transaction leaves half an event there; when it comes back it undoes the transaction, begins the
 * next file, and leaves the half event where it is. Whoever reads the old file then gets error 1236
 * there, by position as by GTID, every time. (MySQL cuts such files.)
 *
 * So the session goes on at the head of the next file. It begins with a list of the last GTID of
 * each domain: if that is what we have, nothing was in the part that cannot be read, whatever
 * happened to the file; else something is lost, and the source stops, or records a gap (I10).
 */
#include "sources/mysql/mysql.h"

#include <leat/log.h>

#include <inttypes.h>
#include <stdio.h>

enum { FILES_ARENA_MAX = 8 << 20, FILE_HEAD_BYTES = 4 };

/* False: it is the newest file, which the server may still mend, or we cannot ask. */
static bool next_file(struct my_source *s, struct my_place *ret_place)
{
    struct leat_arena arena;
    struct leat_err err;
    struct my_log_file *files;
    size_t count;
    bool found = false;
    leat_arena_init(&arena, FILES_ARENA_MAX);
    if (my_catalog_log_files(s->sql, &arena, &files, &count, &err) == LEAT_OK)
        for (size_t i = 0; !found && i + 1 < count; i++)
            if (strcmp(files[i].name, s->at.file) == 0) {
                snprintf(ret_place->file, sizeof ret_place->file, "%s", files[i + 1].name);
                ret_place->position = FILE_HEAD_BYTES;
                found = true;
            }
    leat_arena_release(&arena);
    return found;
}

static int read_on(struct my_source *s, const struct my_place *next, struct leat_err *err)
{
    struct my_binlog_client *client = NULL;
    const struct my_dump_request request = {
        .mariadb = true,
        .server_id = s->position.id,
        .uuid = s->position.uuid,
        .file = next->file,
        .position = next->position,
    };
    int status = my_binlog_client_open(&s->settings, s->instance, &request, &client, err);
    if (!status)
        status = my_binlog_client_dump(client, err);
    if (status) {
        my_binlog_client_close(client);
        return status;
    }
    my_binlog_client_close(s->client);
    s->client = client;
    s->counted_bytes = 0;
    return LEAT_OK;
}

int my_torn_pass(struct my_source *s, struct leat_err *err)
{
    struct leat_err reason = *err;
    struct my_place next;
    bool pending = s->torn.file[0]; /* the next file has not told its GTIDs: one at a time */
    if (!s->server.mariadb || !s->format_checked || pending || !my_log_is_unreadable(err) ||
        !next_file(s, &next))
        return err->code;
    int status = read_on(s, &next, err);
    if (status)
        return status;
    LEAT_WARN("source", s->instance, "log file without end", LEAT_F_TEXT("file", s->at.file),
              LEAT_F_INT("position", s->at.position), LEAT_F_TEXT("next", next.file),
              LEAT_F_TEXT("text", reason.text));
    s->torn =
        s->at; /* by GTID the server passes over what we have, and we do not see how far that is */
    if (strcmp(s->torn.file, s->position.at.file) == 0 &&
        my_place_compare(&s->position.at, &s->torn) > 0)
        s->torn = s->position.at;
    return LEAT_OK;
}

/* While reading is behind what is stored, the list is too. */
static bool have(const struct my_source *s, const struct maria_gtid *gtid)
{
    const struct maria_gtid_position *last = maria_gtid_state_find(&s->gtids.state, gtid->domain);
    return last &&
           (s->replaying ? gtid->sequence <= last->sequence : gtid->sequence == last->sequence);
}

/* What is lost keeps its numbers, in the tables and in the list: the lineage stays. */
static void record_gap(struct my_source *s, const char *to, const struct leat_err *err)
{
    leat_log_err(LEAT_LOG_WARN, "source", s->instance, "gap", err);
    bool more = s->gap.found; /* of another domain */
    s->gap.found = true;
    snprintf(s->gap.reason, sizeof s->gap.reason, "log_unreadable");
    snprintf(s->gap.text, sizeof s->gap.text, "%.230s", err->text);
    leat_buf_reset(&s->gap.from);
    leat_buf_format(&s->gap.from, "%s:%" PRIu64, s->torn.file, s->torn.position);
    if (!more)
        leat_buf_reset(&s->gap.to);
    leat_buf_append_text(&s->gap.to, more ? "," : "");
    leat_buf_append_text(&s->gap.to, to);
}

int my_torn_missing(struct my_source *s, const struct maria_gtid *gtid, struct leat_err *err)
{
    char text[LEAT_TRANSACTION_ID_MAX + 1];
    maria_gtid_format(gtid, text);
    leat_fail(err, LEAT_ECONFIG,
              "the server cannot read its log from %s:%" PRIu64
              " to the end of that file, and what "
              "it had up to %s is not in the stream",
              s->torn.file, s->torn.position, text);
    leat_err_hint(
        err, "mariadb-binlog shows how far the file is whole, and what was in it is still "
             "in the tables: compare them, then set on_gap: record, which stores one gap event "
             "and goes on, or move behind it with leat offsets set");
    if (s->settings.on_gap == LEAT_GAP_STOP ||
        s->replaying) /* what is stored would not come again */
        return err->code;
    record_gap(s, text, err);
    return LEAT_OK;
}

/* A domain has one for each server that ever wrote in it, its last one at the end. */
int my_torn_prove(struct my_source *s, struct leat_slice gtid_list, struct leat_err *err)
{
    uint32_t count = 0;
    if (!s->torn.file[0])
        return LEAT_OK;
    int status = my_event_maria_gtid_list(gtid_list, &count, err);
    for (uint32_t i = 0; !status && i < count; i++) {
        struct maria_gtid gtid = my_event_maria_gtid_at(gtid_list, i);
        bool last =
            i + 1 == count || my_event_maria_gtid_at(gtid_list, i + 1).domain != gtid.domain;
        if (last && !have(s, &gtid)) {
            status = my_torn_missing(s, &gtid, err);
            if (!status)
                status = maria_gtid_state_put(&s->gtids.state, &gtid, err);
        }
    }
    if (status)
        return status;
    s->torn.file[0] = '\0';
    my_change_move(s); /* to the head of this file, which waited for that */
    return LEAT_OK;
}
