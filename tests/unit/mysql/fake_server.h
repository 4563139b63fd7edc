/*
 * A server and a store of a few hundred lines, in place of the client library, the catalogue and
 * the batch, which are not linked: the whole source runs on them through its ops table, a crash is
 * a function call, and every place where a batch may be full is tried.
 *
 *     fake_begin(&f, FAKE_MYSQL)              an empty log
 *     f_insert(&f, 7) … f_prepare(&f, …)      what happens at the server
 *     fake_run(&f, &how)                      the source reads it to the end; store_lines(&f.store)
 *
 * The fake keeps the promises of include/leat/batch.h, with room for as few events as a test likes:
 * what was added and the token become durable together, or are forgotten together.
 */
#ifndef UNIT_MYSQL_FAKE_SERVER_H
#define UNIT_MYSQL_FAKE_SERVER_H

#include "sources/mysql/mysql.h"
#include "sources/mysql/preflight.h"

#include <leat/clock.h>
#include <leat/log.h>

#include "unit/event/event_model.h"

#include <stdlib.h>

enum { FAKE_EVENTS_MAX = 2000, FAKE_LINES_MAX = 20000, FAKE_SCHEMAS_MAX = 200 };
enum { FAKE_NUMBER = 77, FAKE_TABLE_ID = 9 };

static const uint8_t FAKE_UUID[16] = {0x3e, 0x11, 0xfa, 0x47, 0x71, 0xca, 0x11, 0xe1,
                                      0x9e, 0x33, 0xc8, 0x0a, 0xa9, 0x42, 0x95, 0x62};

enum fake_kind { FAKE_MYSQL, FAKE_MARIADB };

struct fake_event {
    char file[40];
    uint64_t from;
    uint8_t bytes[400];
    uint32_t len;
    uint32_t group; /* from 1; 0: belongs to none */
};

struct fake_group {
    uint32_t domain;
    int64_t number;
    bool tagged;
};

/* What became durable, and what would with the next take. */
struct fake_store {
    char *lines[FAKE_LINES_MAX];
    char *ids[FAKE_LINES_MAX]; /* with the lineage, which tells one run from the next */
    size_t count, durable;
    struct leat_slice schemas[FAKE_SCHEMAS_MAX];
    size_t schema_count, schemas_durable;
    char token[LEAT_TOKEN_MAX + 1], pending_token[LEAT_TOKEN_MAX + 1];
};

struct fake {
    enum fake_kind kind;
    bool gtid_mode;
    struct fake_event events[FAKE_EVENTS_MAX];
    size_t event_count, first; /* those before `first` are purged */
    struct fake_group groups[FAKE_EVENTS_MAX];
    uint32_t group_count, group; /* the open one */
    uint32_t file_number, file_stamp;
    uint64_t at;
    uint32_t server_id, domain;
    uint8_t uuid[16]; /* of the server; its transactions are FAKE_UUID's */
    int64_t number;   /* of the next transaction */
    struct my_gtid_set executed;
    struct maria_gtid_state state;
    struct fake_store store;
    size_t served;    /* events that a dump may reach; the log's end, unless a test holds it back */
    size_t log_asked; /* questions where the log ends */
    struct my_source source;
    struct leat_source_stats stats;
};

static struct fake *fake; /* the one that the library's functions below belong to */

/* --- the log -----------------------------------------------------------------------------------
 */

static UNUSED void f_file(struct fake *f, char *ret_text)
{
    snprintf(ret_text, 40, "log.%06u", f->file_number);
}

static UNUSED void f_header(uint8_t *at, uint8_t type, uint32_t server_id, uint32_t size,
                            uint32_t log_pos, uint16_t flags)
{
    uint32_t time = 1700000000;
    memcpy(at, &time, 4);
    at[4] = type;
    memcpy(at + 5, &server_id, 4);
    memcpy(at + 9, &size, 4);
    memcpy(at + 13, &log_pos, 4);
    memcpy(at + 17, &flags, 2);
}

static UNUSED void f_event(struct fake *f, uint8_t type, const void *body, size_t len)
{
    struct fake_event *e = &f->events[f->event_count++];
    assert_true(f->event_count < FAKE_EVENTS_MAX && len + 19 <= sizeof e->bytes);
    f_file(f, e->file);
    e->from = f->at;
    e->len = (uint32_t)len + 19;
    e->group = f->group;
    f->at += e->len;
    f_header(e->bytes, type, f->server_id, e->len, (uint32_t)f->at, 0);
    memcpy(e->bytes + 19, body, len);
    f->served = f->event_count;
}

/* A body under construction. */
struct body {
    uint8_t bytes[380];
    size_t len;
};

static UNUSED void b_raw(struct body *b, const void *bytes, size_t len)
{
    assert_true(b->len + len <= sizeof b->bytes);
    memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
}

static UNUSED void b_number(struct body *b, uint64_t v, size_t bytes)
{
    b_raw(b, &v, bytes);
}

/* Its head says which GTIDs lie before it. */
static UNUSED void f_new_file(struct fake *f)
{
    struct body b = {.len = 0};
    f->file_number++;
    f->at = 4;
    if (f->kind == FAKE_MYSQL) {
        struct leat_buf set;
        leat_buf_init(&set, sizeof b.bytes);
        my_gtid_set_encode(&f->executed, &set);
        b_raw(&b, set.data, set.len);
        leat_buf_release(&set);
        f_event(f, MY_PREVIOUS_GTIDS_EVENT, b.bytes, b.len);
        return;
    }
    b_number(&b, f->state.count, 4);
    for (size_t i = 0; i < f->state.count; i++) {
        b_number(&b, f->state.positions[i].domain, 4);
        b_number(&b, f->state.positions[i].server_id, 4);
        b_number(&b, f->state.positions[i].sequence, 8);
    }
    f_event(f, MARIA_GTID_LIST_EVENT, b.bytes, b.len);
}

static UNUSED void f_query(struct fake *f, const char *statement)
{
    struct body b = {.len = 0};
    b_number(&b, 5, 4);
    b_number(&b, 0, 4);
    b_number(&b, 2, 1);
    b_number(&b, 0, 4);
    b_raw(&b, "db", 3);
    b_raw(&b, statement, strlen(statement));
    f_event(f, MY_QUERY_EVENT, b.bytes, b.len);
}

/* The GTID that a transaction begins with; `flags` are MariaDB's. */
static UNUSED void f_gtid(struct fake *f, uint8_t flags)
{
    struct body b = {.len = 0};
    struct leat_err e;
    f->group = ++f->group_count;
    f->groups[f->group] = (struct fake_group){f->domain, f->number, false};
    if (f->kind == FAKE_MARIADB) {
        struct maria_gtid g = {.domain = f->domain, .server_id = f->server_id};
        g.sequence = (uint64_t)f->number++;
        b_number(&b, g.sequence, 8);
        b_number(&b, f->domain, 4);
        b_number(&b, flags, 1);
        b_number(&b, 0, 6);
        f_event(f, MARIA_GTID_EVENT, b.bytes, b.len);
        assert_int_equal(maria_gtid_state_put(&f->state, &g, &e), LEAT_OK);
        return;
    }
    struct my_gtid g = {.number = f->number};
    memcpy(g.uuid, FAKE_UUID, 16);
    b_number(&b, 0, 1);
    b_raw(&b, FAKE_UUID, 16);
    b_number(&b, f->gtid_mode ? (uint64_t)f->number++ : 0, 8);
    f_event(f, f->gtid_mode ? MY_GTID_EVENT : MY_ANONYMOUS_GTID_EVENT, b.bytes, b.len);
    if (f->gtid_mode)
        assert_int_equal(my_gtid_set_add(&f->executed, &g, &e), LEAT_OK);
}

/* Table db.<table> with one INT column, named by the log. */
static UNUSED void f_table_map(struct fake *f, const char *table, const char *column)
{
    struct body b = {.len = 0};
    size_t len = strlen(table), name = strlen(column);
    b_number(&b, FAKE_TABLE_ID, 6);
    b_number(&b, 1, 2);
    b_raw(&b, "\2db", 4);
    b_number(&b, len, 1);
    b_raw(&b, table, len + 1);
    b_raw(&b, "\1\3\0\0", 4); /* one column, INT, no metadata, NOT NULL */
    b_raw(&b, "\1\1\0", 3);   /* signed */
    b_number(&b, 4, 1);       /* names */
    b_number(&b, name + 1, 1);
    b_number(&b, name, 1);
    b_raw(&b, column, name);
    f_event(f, MY_TABLE_MAP_EVENT, b.bytes, b.len);
}

static UNUSED void f_rows(struct fake *f, const char *table, int32_t first, int32_t last)
{
    struct body b = {.len = 0};
    f_table_map(f, table, "id");
    b_number(&b, FAKE_TABLE_ID, 6);
    b_number(&b, 1, 2);
    b_number(&b, 2, 2);
    b_raw(&b, "\1\1", 2);
    for (int32_t id = first; id <= last; id++) {
        b_number(&b, 0, 1);
        b_raw(&b, &id, 4);
    }
    f_event(f, MY_WRITE_ROWS_V2, b.bytes, b.len);
}

static UNUSED void f_begin(struct fake *f)
{
    f_gtid(f, 0);
    if (f->kind == FAKE_MYSQL)
        f_query(f, "BEGIN");
}

static UNUSED void f_commit(struct fake *f)
{
    uint64_t xid = 1;
    f_event(f, MY_XID_EVENT, &xid, 8);
    f->group = 0;
}

static UNUSED void f_insert(struct fake *f, int32_t first, int32_t last)
{
    f_begin(f);
    f_rows(f, "t", first, last);
    f_commit(f);
}

static UNUSED void f_statement(struct fake *f, const char *statement)
{
    f_gtid(f, MARIA_GTID_STANDALONE);
    f_query(f, statement);
    f->group = 0;
}

static UNUSED void f_prepare(struct fake *f, char xid, int32_t first, int32_t last)
{
    char text[60];
    struct body b = {.len = 0};
    f_gtid(f, 0);
    snprintf(text, sizeof text, "XA START X'%02x',X'',1", xid);
    f_query(f, text);
    f_rows(f, "t", first, last);
    snprintf(text, sizeof text, "XA END X'%02x',X'',1", xid);
    f_query(f, text);
    b_number(&b, 0, 1);
    b_number(&b, 1, 4);
    b_number(&b, 1, 4);
    b_number(&b, 0, 4);
    b_raw(&b, &xid, 1);
    f_event(f, MY_XA_PREPARE_EVENT, b.bytes, b.len);
    f->group = 0;
}

static UNUSED void f_xa(struct fake *f, const char *verb, char xid)
{
    char text[60];
    snprintf(text, sizeof text, "XA %s X'%02x',X'',1", verb, xid);
    f_statement(f, text);
}

/* --- the dump ----------------------------------------------------------------------------------
 */

struct my_binlog_client {
    bool gtid_mode;
    struct my_gtid_set have;
    struct maria_gtid_state state;
    size_t next;
    char file[40]; /* of the event before */
    uint64_t position;
    int step; /* 0: rotate, 1: format, 2: events */
    uint8_t out[500];
};

static UNUSED bool f_wants(const struct my_binlog_client *c, const struct fake_event *e)
{
    const struct fake_group *g = &fake->groups[e->group];
    struct my_gtid gtid = {.number = g->number};
    if (!c->gtid_mode || !e->group)
        return true;
    memcpy(gtid.uuid, FAKE_UUID, 16);
    if (fake->kind == FAKE_MYSQL)
        return !my_gtid_set_contains(&c->have, &gtid);
    const struct maria_gtid_position *p = maria_gtid_state_find(&c->state, g->domain);
    if (!p)
        return true;
    for (size_t i = (size_t)(e - fake->events) + 1; i < fake->event_count; i++) {
        const struct fake_group *later = &fake->groups[fake->events[i].group];
        if (fake->events[i].group && later->domain == g->domain &&
            (uint64_t)later->number == p->sequence)
            return false; /* its place comes yet */
    }
    return (uint64_t)g->number != p->sequence;
}

int my_binlog_client_open(const struct my_settings *settings, const char *instance,
                          const struct my_dump_request *request,
                          struct my_binlog_client **ret_client, struct leat_err *e)
{
    struct my_binlog_client *c = calloc(1, sizeof *c);
    (void)settings;
    (void)instance;
    c->gtid_mode = request->gtid_mode;
    c->next = fake->first;
    int status = LEAT_OK;
    if (c->gtid_mode && fake->kind == FAKE_MYSQL)
        status = my_gtid_set_decode(request->gtid_set, &c->have, e);
    else if (c->gtid_mode)
        status = maria_gtid_state_parse(leat_slice_text(request->gtid_state), &c->state, e);
    else
        while (c->next < fake->event_count &&
               (strcmp(fake->events[c->next].file, request->file) < 0 ||
                (strcmp(fake->events[c->next].file, request->file) == 0 &&
                 fake->events[c->next].from < request->position)))
            c->next++;
    assert_int_equal(status, LEAT_OK);
    c->position = c->gtid_mode ? 4 : request->position;
    snprintf(c->file, sizeof c->file, "%s",
             c->gtid_mode ? fake->events[c->next].file : request->file);
    *ret_client = c;
    return LEAT_OK;
}

int my_binlog_client_dump(struct my_binlog_client *c, struct leat_err *e)
{
    (void)c;
    (void)e;
    return LEAT_OK;
}

/* The artificial ROTATE; the first one has the checksum that we declared. */
static UNUSED struct leat_slice f_fake_rotate(struct my_binlog_client *c, bool first)
{
    size_t name = strlen(c->file), len = 19 + 8 + name;
    uint32_t crc;
    memcpy(c->out + 19, &c->position, 8);
    memcpy(c->out + 27, c->file, name);
    f_header(c->out, MY_ROTATE_EVENT, fake->server_id, (uint32_t)len + (first ? 4 : 0), 0,
             MY_EVENT_ARTIFICIAL);
    crc = my_crc32(leat_slice_of(c->out, len));
    memcpy(c->out + len, &crc, 4);
    return leat_slice_of(c->out, len + (first ? 4 : 0));
}

static UNUSED struct leat_slice f_format(struct my_binlog_client *c)
{
    struct body b = {.len = 0};
    uint32_t stamp = fake->file_stamp;
    b_number(&b, 4, 2);
    b_raw(&b, (char[50]){"8.4.0-fake"}, 50);
    b_number(&b, 0, 4);
    b_number(&b, 19, 1);
    b_raw(&b, (uint8_t[41]){0, 13}, 41);
    b_number(&b, 0, 5); /* no checksums, and the one of this event */
    f_header(c->out, MY_FORMAT_EVENT, fake->server_id, (uint32_t)b.len + 19, 0, 0);
    memcpy(c->out, &stamp, 4);
    memcpy(c->out + 19, b.bytes, b.len);
    return leat_slice_of(c->out, b.len + 19);
}

int my_binlog_client_next(struct my_binlog_client *c, struct leat_slice *ret_event,
                          struct leat_err *e)
{
    (void)e;
    while (c->step == 2 && c->next < fake->served && !f_wants(c, &fake->events[c->next]))
        c->next++;
    const struct fake_event *event = c->next < fake->served ? &fake->events[c->next] : NULL;
    if (c->step == 2 && event && strcmp(event->file, c->file) != 0) {
        snprintf(c->file, sizeof c->file, "%s", event->file);
        c->position = 4;
        c->step = 10;
    }
    switch (c->step) {
    case 0:
    case 10:
        *ret_event = f_fake_rotate(c, c->step == 0);
        c->step = 1;
        return LEAT_OK;
    case 1:
        *ret_event = f_format(c);
        c->step = 2;
        return LEAT_OK;
    default:
        if (!event)
            return LEAT_AGAIN;
        memset(c->out, 0xee, sizeof c->out); /* a slice of the event before is no more */
        memcpy(c->out, event->bytes, event->len);
        *ret_event = leat_slice_of(c->out, event->len);
        c->next++;
        return LEAT_OK;
    }
}

bool my_binlog_client_wait(struct my_binlog_client *c, int wake_fd, int64_t until_ms)
{
    (void)c;
    (void)wake_fd;
    (void)until_ms;
    return true;
}

uint64_t my_binlog_client_session(const struct my_binlog_client *c)
{
    (void)c;
    return 1;
}

uint64_t my_binlog_client_received(const struct my_binlog_client *c)
{
    return c->next;
}

const char *my_binlog_client_cipher(const struct my_binlog_client *c)
{
    (void)c;
    return NULL;
}

void my_binlog_client_close(struct my_binlog_client *c)
{
    if (!c)
        return;
    my_gtid_set_release(&c->have);
    maria_gtid_state_release(&c->state);
    free(c);
}

/* --- questions ---------------------------------------------------------------------------------
 */

int my_connect(const struct my_settings *settings, const char *instance,
               struct my_connection **ret_connection, struct leat_err *e)
{
    (void)settings;
    (void)instance;
    (void)e;
    *ret_connection = (struct my_connection *)fake;
    return LEAT_OK;
}

void my_disconnect(struct my_connection *connection)
{
    (void)connection;
}

int my_catalog_server(struct my_connection *connection, struct my_server *ret_server,
                      struct leat_err *e)
{
    (void)connection;
    (void)e;
    *ret_server = (struct my_server){.mariadb = fake->kind == FAKE_MARIADB,
                                     .server_id = fake->server_id,
                                     .log_bin = true,
                                     .gtid_mode = fake->gtid_mode};
    snprintf(ret_server->version, sizeof ret_server->version, "8.4.0-fake");
    if (!ret_server->mariadb)
        my_uuid_format(fake->uuid, ret_server->uuid);
    return LEAT_OK;
}

int my_catalog_log_end(struct my_connection *connection, const struct my_server *server,
                       struct my_log_end *ret_end, struct leat_buf *gtids, struct leat_err *e)
{
    (void)connection;
    (void)server;
    (void)e;
    fake->log_asked++;
    f_file(fake, ret_end->file);
    ret_end->position = fake->at;
    if (fake->kind == FAKE_MARIADB)
        maria_gtid_state_format(&fake->state, gtids);
    else
        my_gtid_set_format(&fake->executed, gtids);
    return LEAT_OK;
}

int my_catalog_log_files(struct my_connection *connection, struct leat_arena *arena,
                         struct my_log_file **ret_files, size_t *ret_count, struct leat_err *e)
{
    struct my_log_file *files = leat_arena_zeroed(arena, 100, sizeof *files);
    char last[40];
    size_t count = 0;
    (void)connection;
    (void)e;
    for (size_t i = fake->first; i < fake->event_count; i++) {
        if (!count || strcmp(files[count - 1].name, fake->events[i].file) != 0)
            files[count++].name = fake->events[i].file;
        files[count - 1].bytes = fake->events[i].from + fake->events[i].len;
    }
    f_file(fake, last);
    if (!count || strcmp(files[count - 1].name, last) != 0)
        files[count++] = (struct my_log_file){leat_arena_text(arena, leat_slice_text(last)), 4};
    *ret_files = files;
    *ret_count = count;
    return LEAT_OK;
}

int my_catalog_purged(struct my_connection *connection, struct leat_buf *gtids, struct leat_err *e)
{
    struct my_gtid_set purged = {.sids = NULL};
    (void)connection;
    for (size_t i = 0; i < fake->first; i++) {
        struct my_gtid g = {.number = fake->groups[fake->events[i].group].number};
        memcpy(g.uuid, FAKE_UUID, 16);
        if (fake->events[i].group)
            assert_int_equal(my_gtid_set_add(&purged, &g, e), LEAT_OK);
    }
    my_gtid_set_format(&purged, gtids);
    my_gtid_set_release(&purged);
    return LEAT_OK;
}

int my_catalog_maria_states(struct my_connection *connection, struct leat_buf *log,
                            struct leat_buf *copied, struct leat_err *e)
{
    (void)connection;
    (void)copied;
    (void)e;
    maria_gtid_state_format(&fake->state, log);
    return LEAT_OK;
}

int my_catalog_sessions(struct my_connection *connection, struct leat_arena *arena,
                        struct my_session **ret_sessions, size_t *ret_count, struct leat_err *e)
{
    (void)connection;
    (void)arena;
    (void)e;
    *ret_sessions = NULL;
    *ret_count = 0;
    return LEAT_OK;
}

int my_catalog_columns(struct my_connection *connection, const struct my_server *server,
                       struct leat_slice database, struct leat_slice table,
                       struct leat_arena *arena, struct my_column_fact **ret_facts,
                       size_t *ret_count, struct leat_err *e)
{
    (void)connection;
    (void)server;
    (void)database;
    (void)table;
    (void)arena;
    (void)e;
    *ret_facts = NULL;
    *ret_count = 0;
    return LEAT_OK;
}

int my_catalog_collations(struct my_connection *connection, const struct my_server *server,
                          struct leat_arena *arena, struct my_collation **ret_collations,
                          size_t *ret_count, struct leat_err *e)
{
    (void)connection;
    (void)server;
    (void)arena;
    (void)e;
    *ret_collations = NULL;
    *ret_count = 0;
    return LEAT_OK;
}

int my_preflight(const struct my_settings *settings, const char *instance,
                 struct leat_report *report, struct leat_err *e)
{
    (void)settings;
    (void)instance;
    (void)report;
    (void)e;
    return LEAT_OK;
}

/* --- the batch ---------------------------------------------------------------------------------
 */

struct leat_batch {
    struct fake_store *store;
    size_t room; /* events that fit between two takes */
    bool halves; /* rows are so long that each takes two takes */
    bool half;   /* of the event that comes again */
    size_t added;
    struct leat_transaction transaction;
    char id[LEAT_TRANSACTION_ID_MAX + 1];
    char lineage[100];
    struct leat_origin origin;
    bool open;
};

static UNUSED int f_define(struct leat_batch *b, struct leat_buf *bytes, uint32_t *ret_ref)
{
    struct fake_store *s = b->store;
    size_t n = 0;
    assert_false(bytes->full);
    while (n < s->schema_count && !leat_slice_equal(s->schemas[n], leat_buf_slice(bytes)))
        n++;
    bool is_new = n == s->schema_count;
    assert_true(n < FAKE_SCHEMAS_MAX);
    if (is_new)
        s->schemas[s->schema_count++] = leat_buf_slice(bytes);
    else
        leat_buf_release(bytes);
    *ret_ref = (uint32_t)n + 1;
    return is_new;
}

int leat_batch_origin(struct leat_batch *b, struct leat_origin *origin, struct leat_err *e)
{
    struct leat_buf bytes;
    (void)e;
    leat_buf_init(&bytes, 1 << 20);
    leat_origin_write(&bytes, origin);
    f_define(b, &bytes, &origin->ref);
    return LEAT_OK;
}

int leat_batch_define(struct leat_batch *b, struct leat_schema *schema, bool *ret_new,
                      struct leat_err *e)
{
    struct leat_buf bytes;
    (void)e;
    leat_buf_init(&bytes, 1 << 20);
    leat_schema_write(&bytes, schema);
    *ret_new = f_define(b, &bytes, &schema->ref);
    return LEAT_OK;
}

int leat_batch_begin(struct leat_batch *b, const struct leat_transaction *t, struct leat_err *e)
{
    (void)e;
    assert_true(t->id.len <= LEAT_TRANSACTION_ID_MAX && !b->open);
    b->transaction = *t;
    snprintf(b->id, sizeof b->id, "%.*s", LEAT_SLICE_ARG(t->id));
    b->transaction.id = leat_slice_text(b->id);
    snprintf(b->lineage, sizeof b->lineage, "%.*s", LEAT_SLICE_ARG(t->origin->lineage));
    b->origin = *t->origin;
    b->origin.lineage = leat_slice_text(b->lineage);
    b->transaction.origin = &b->origin;
    b->open = true;
    return LEAT_OK;
}

static UNUSED void f_line(struct fake_store *s, const char *text, const char *id)
{
    assert_true(s->count < FAKE_LINES_MAX);
    s->ids[s->count] = strdup(id);
    s->lines[s->count++] = strdup(text);
}

/* "<transaction>/<ordinal> op table value" */
int leat_batch_add(struct leat_batch *b, const struct leat_event *event, struct leat_err *e)
{
    struct leat_event with = *event;
    struct leat_buf line, id;
    (void)e;
    assert_true(b->open && b->added < b->room);
    b->half = b->halves && event->op == LEAT_OP_CREATE && !b->half;
    b->added++;
    if (b->half)
        return LEAT_AGAIN;
    with.transaction = &b->transaction;
    leat_buf_init(&line, 1 << 16);
    leat_buf_init(&id, 1 << 16);
    leat_event_id(&id, LEAT_SLICE_LITERAL("my"), &with);
    const char *text = leat_buf_text(&id), *number = strrchr(text, '/');
    leat_buf_format(&line, "%s%s %s", b->id, number, leat_op_name(event->op));
    if (event->relation)
        leat_buf_format(&line, " %.*s", LEAT_SLICE_ARG(event->relation->table));
    for (uint32_t i = 0; i < event->after.count; i++)
        leat_buf_format(&line, " %" PRId64, event->after.values[i].integer);
    if (event->body.len)
        leat_buf_format(&line, " %.*s", LEAT_SLICE_ARG(event->body));
    f_line(b->store, leat_buf_text(&line), text);
    leat_buf_release(&line);
    leat_buf_release(&id);
    return LEAT_OK;
}

int leat_batch_commit(struct leat_batch *b, uint64_t total, struct leat_err *e)
{
    (void)total;
    (void)e;
    assert_true(b->open);
    b->open = false;
    return LEAT_OK;
}

int leat_batch_position(struct leat_batch *b, struct leat_slice token, struct leat_err *e)
{
    (void)e;
    assert_true(token.len <= LEAT_TOKEN_MAX);
    memcpy(b->store->pending_token, token.ptr, token.len);
    b->store->pending_token[token.len] = '\0';
    return LEAT_OK;
}

bool leat_batch_full(const struct leat_batch *b)
{
    return b->added >= b->room;
}

/* Everything added and the token, together. */
static UNUSED void f_take(struct leat_batch *b)
{
    struct fake_store *s = b->store;
    s->durable = s->count;
    s->schemas_durable = s->schema_count;
    snprintf(s->token, sizeof s->token, "%s", s->pending_token);
    b->added = 0;
}

/* A crash: what was not taken never was. */
static UNUSED void f_forget(struct fake_store *s)
{
    while (s->count > s->durable) {
        free(s->lines[--s->count]);
        free(s->ids[s->count]);
    }
    while (s->schema_count > s->schemas_durable)
        free((void *)s->schemas[--s->schema_count].ptr);
    snprintf(s->pending_token, sizeof s->pending_token, "%s", s->token);
}

/* --- the runner --------------------------------------------------------------------------------
 */

struct fake_how {
    size_t room;      /* of the batch; 0: without bounds */
    bool halves;      /* its rows are long */
    size_t crash_at;  /* after so many polls, each time; 0: never */
    size_t polls_max; /* 0: until all is read */
};

static UNUSED void fake_begin(struct fake *f, enum fake_kind kind)
{
    *f = (struct fake){.kind = kind,
                       .gtid_mode = true,
                       .file_number = 1,
                       .file_stamp = 1600000000,
                       .at = 4,
                       .server_id = 3,
                       .number = 1};
    f->source.settings = (struct my_settings){.host = "/fake",
                                              .user = "fake",
                                              .row_bytes_max = 1 << 20,
                                              .transaction_memory = 1 << 20,
                                              .transaction_max = 1 << 30};
    memcpy(f->uuid, FAKE_UUID, 16);
    leat_log_setup(LEAT_LOG_ERROR, LEAT_LOG_LOGFMT);
    fake = f;
    f_statement(f, "CREATE USER somebody"); /* a log is never empty */
}

static UNUSED int fake_open(struct fake *f)
{
    struct leat_source_env env = {
        .instance = "my", .stats = &f->stats, .wake_fd = -1, .directory = "/tmp"};
    int status = my_source_ops.open(&f->source, &env, &err);
    if (!status)
        status = my_source_ops.start(&f->source, leat_slice_text(f->store.token), &err);
    return status;
}

/* Reads to the log's end, with crashes; the last status that was none of a batch. */
static UNUSED int fake_run(struct fake *f, const struct fake_how *how)
{
    size_t polls = 0, quiet = 0, before = 0;
    fake = f;
    int status = fake_open(f);
    struct leat_batch b = {.store = &f->store};
    b.room = how->room ? how->room : SIZE_MAX;
    b.halves = how->halves;
    while (status >= 0 && quiet < 2 && (!how->polls_max || polls < how->polls_max)) {
        before = f->store.count;
        status = my_source_ops.poll(&f->source, 0, &b, &err);
        if (status < 0)
            break;
        f_take(&b);
        quiet = f->store.count == before && status == LEAT_OK ? quiet + 1 : 0;
        if (++polls > 5000)
            fail_msg("%s", "the source does not come to an end");
        if (!how->crash_at || polls % how->crash_at)
            continue;
        my_source_ops.close(&f->source);
        f_forget(&f->store);
        b.open = b.half = false;
        status = fake_open(f);
    }
    my_source_ops.close(&f->source);
    f_forget(&f->store);
    return status < 0 ? status : LEAT_OK;
}

static UNUSED void fake_forget_store(struct fake *f)
{
    f->store.durable = f->store.schemas_durable = 0;
    f->store.token[0] = '\0';
    f_forget(&f->store);
}

static UNUSED void fake_end(struct fake *f)
{
    my_source_ops.close(&f->source);
    fake_forget_store(f);
    my_gtid_set_release(&f->executed);
    maria_gtid_state_release(&f->state);
}

#endif
