/*
 * schema: catalogue. Without names in the log a table's definition can only be read as it is now,
 * which is the log's only if no DDL of the table lies between the stream's place and the moment of
 * reading. So the definition is read, then the log's end, and then the log between is searched, on
 * a connection of its own, for a DDL of that table (mysql.md 6.4). Found one: nothing is guessed.
 */
#include "sources/mysql/mysql.h"

#include <leat/clock.h>

#include <inttypes.h>

enum { SEARCH_ARENA_MAX = 64 << 20, WAIT_MS = 1000 };

struct search {
    struct my_source *source;
    struct leat_slice database, table;
    struct my_place end;
    struct my_place at;
    struct my_format format;
    struct leat_arena arena;
    bool found;
};

static bool names_table(const struct my_statement_info *info, const struct search *f)
{
    for (size_t i = 0; i < info->table_count; i++)
        if (leat_slice_equal(info->tables[i].database, f->database) &&
            (!info->tables[i].table.len || leat_slice_equal(info->tables[i].table, f->table)))
            return true;
    return false;
}

static int search_query(struct search *f, struct leat_slice body, bool compressed,
                        struct leat_err *err)
{
    struct my_query q;
    struct my_statement_info info;
    struct leat_slice text;
    leat_arena_reset(&f->arena);
    int status = my_event_query(&f->format, body, compressed, &f->arena, &q, err);
    if (status || my_statement_control(q.statement) != MY_STATEMENT_OTHER)
        return status;
    status = my_change_statement(f->source, &q, &f->arena, &text, &info, err);
    if (status)
        return status;
    bool changes =
        info.kind == MY_STATEMENT_CREATE_TABLE || info.kind == MY_STATEMENT_ALTER_TABLE ||
        info.kind == MY_STATEMENT_DROP_TABLE || info.kind == MY_STATEMENT_RENAME_TABLE ||
        info.kind == MY_STATEMENT_ALTER_DATABASE || info.kind == MY_STATEMENT_DROP_DATABASE;
    f->found |=
        (changes && !info.temporary && names_table(&info, f)) ||
        (info.kind == MY_STATEMENT_DDL_UNKNOWN && leat_slice_equal(q.database, f->database));
    return LEAT_OK;
}

static int search_event(struct search *f, struct leat_slice event, struct leat_err *err)
{
    struct my_event_header h;
    struct leat_slice body;
    struct my_rotate rotate;
    int status = my_event_open(&f->format, event, &h, &body, err);
    if (status)
        return status;
    if (h.log_pos && !(h.flags & MY_EVENT_ARTIFICIAL))
        f->at.position = (f->at.position & ~(uint64_t)UINT32_MAX) | h.log_pos;
    switch (h.type) {
    case MY_FORMAT_EVENT:
        return my_event_format(&h, body, &f->format, err);
    case MY_ROTATE_EVENT:
        status = my_event_rotate(body, &rotate, err);
        if (!status && rotate.file.len < sizeof f->at.file) {
            memcpy(f->at.file, rotate.file.ptr, rotate.file.len);
            f->at.file[rotate.file.len] = '\0';
            f->at.position = rotate.position;
        }
        return status;
    case MY_QUERY_EVENT:
    case MARIA_QUERY_COMPRESSED_EVENT:
        return search_query(f, body, h.type == MARIA_QUERY_COMPRESSED_EVENT, err);
    default:
        return LEAT_OK;
    }
}

static int search_log(struct search *f, struct my_binlog_client *client, struct leat_err *err)
{
    struct leat_slice event;
    int status = my_binlog_client_dump(client, err);
    while (!status && !f->found && my_place_compare(&f->at, &f->end) < 0) {
        status = my_binlog_client_next(client, &event, err);
        if (status == LEAT_AGAIN) {
            my_binlog_client_wait(client, -1, leat_clock_monotonic_ms() + WAIT_MS);
            status = LEAT_OK;
        } else if (status == LEAT_OK) {
            status = search_event(f, event, err);
        }
    }
    return status == LEAT_EOF ? LEAT_OK : status;
}

static int search(struct search *f, struct leat_err *err)
{
    struct my_source *s = f->source;
    struct my_binlog_client *client;
    struct my_dump_request request = {
        .mariadb = s->server.mariadb,
        .server_id = s->position.id ^ 0x40000000, /* beside our own dump, which another would end */
        .uuid = "",
        .file = f->at.file,
        .position = f->at.position,
        .once = true,
    };
    char file[MY_FILE_MAX];
    memcpy(file, f->at.file, sizeof file);
    request.file = file;
    int status = my_binlog_client_open(&s->settings, s->instance, &request, &client, err);
    if (status)
        return status;
    status = search_log(f, client, err);
    my_binlog_client_close(client);
    return status;
}

static int uncertain(const struct search *f, const struct my_source *s, struct leat_err *err)
{
    leat_fail(err, LEAT_ECONFIG,
              "the definition of table \"%.*s\".\"%.*s\" at %s:%" PRIu64
              " is not known: it was changed between there and %s:%" PRIu64,
              LEAT_SLICE_ARG(f->database), LEAT_SLICE_ARG(f->table), s->at.file, s->at.position,
              f->at.file, f->at.position);
    leat_err_hint(err,
                  "the log has no column names (binlog_row_metadata), and the catalogue knows "
                  "only today's. SET GLOBAL binlog_row_metadata = FULL; FLUSH BINARY LOGS; then "
                  "move behind that place with leat offsets set, which leaves a gap");
    return err->code;
}

int my_barrier(struct my_source *s, struct leat_slice database, struct leat_slice table,
               struct leat_arena *arena, struct my_column_fact **ret_facts, size_t *ret_count,
               struct leat_err *err)
{
    struct search f = {.source = s, .database = database, .table = table, .at = s->at};
    struct my_log_end end;
    struct leat_buf gtids;
    if (!s->sql) {
        int status = my_connect(&s->settings, s->instance, &s->sql, err);
        if (status)
            return status;
    }
    int status =
        my_catalog_columns(s->sql, &s->server, database, table, arena, ret_facts, ret_count, err);
    leat_buf_init(&gtids, LEAT_TOKEN_MAX);
    if (!status)
        status = my_catalog_log_end(s->sql, &s->server, &end, &gtids, err);
    leat_buf_release(&gtids);
    if (status)
        return status;
    memcpy(f.end.file, end.file, sizeof f.end.file);
    f.end.position = end.position;
    f.at.position = s->event_end; /* behind the transaction that is decoded now */
    f.format.checksum = MY_CHECKSUM_CRC32;
    if (my_place_compare(&f.at, &f.end) >= 0)
        return LEAT_OK;
    leat_arena_init(&f.arena, SEARCH_ARENA_MAX);
    status = search(&f, err);
    leat_arena_release(&f.arena);
    return !status && f.found ? uncertain(&f, s, err) : status;
}
