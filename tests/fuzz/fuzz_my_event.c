/*
 * A dump's events: u16 length (big-endian), event, and so on, under one format description that
 * changes as they say. The size in each header is set right, so that bodies are reached; the first
 * event is tried as it is too. What decodes is read to its last byte; what does not is LEAT_EPROTO,
 * or LEAT_ELIMIT for what inflates too far.
 */
#include "sources/mysql/binlog_event.h"
#include "sources/mysql/gtid.h"

#include <leat/limits.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_MAX = 1 << 20 };

struct dump {
    struct my_format format;
    struct leat_arena arena;
    struct my_gtid_set set;
    struct maria_gtid_state state;
    struct leat_err err;
};

static volatile uint8_t sink;

static void touch(struct leat_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        sink ^= s.ptr[i];
}

static void want(bool law)
{
    if (!law)
        abort();
}

/* True: it was decoded. */
static bool good(const struct dump *d, int status)
{
    want(!status || ((status == LEAT_EPROTO || status == LEAT_ELIMIT) && d->err.code == status));
    return !status;
}

static void on_format(struct dump *d, const struct my_event_header *h, struct leat_slice body)
{
    if (good(d, my_event_format(h, body, &d->format, &d->err)))
        want(strlen(d->format.server_version) <= 50);
    d->format.checksum = MY_CHECKSUM_NONE; /* nobody could guess the others' checksums */
}

static void on_place(struct dump *d, const struct my_event_header *h, struct leat_slice body)
{
    struct my_rotate p;
    if (good(d, h->type == MY_ROTATE_EVENT ? my_event_rotate(body, &p, &d->err)
                                           : my_event_heartbeat(h, body, &p, &d->err))) {
        want(p.file.len > 0);
        touch(p.file);
    }
}

static void on_query(struct dump *d, const struct my_event_header *h, struct leat_slice body)
{
    struct my_query q;
    bool compressed = h->type == MARIA_QUERY_COMPRESSED_EVENT;
    if (good(d, my_event_query(&d->format, body, compressed, &d->arena, &q, &d->err))) {
        touch(q.database);
        touch(q.statement);
    }
}

static void on_gtid(struct dump *d, const struct my_event_header *h, struct leat_slice body)
{
    struct my_gtid g;
    char text[MY_GTID_TEXT];
    if (!good(d, my_event_gtid(h, body, &g, &d->err)) || !g.number)
        return;
    my_gtid_format(&g, text);
    want(strlen(text) < sizeof text);
    if (my_gtid_set_add(&d->set, &g, &d->err) == LEAT_OK)
        want(my_gtid_set_contains(&d->set, &g));
}

static void on_maria_gtid(struct dump *d, const struct my_event_header *h, struct leat_slice body)
{
    struct maria_gtid g;
    if (!good(d, my_event_maria_gtid(h, body, &g, &d->err)))
        return;
    want(strlen(g.xid) < MY_XID_TEXT);
    if (maria_gtid_state_put(&d->state, &g, &d->err) == LEAT_OK)
        want(maria_gtid_state_find(&d->state, g.domain)->sequence == g.sequence);
}

static void on_gtid_list(struct dump *d, struct leat_slice body)
{
    uint32_t count;
    if (good(d, my_event_maria_gtid_list(body, &count, &d->err)))
        for (uint32_t i = 0; i < count; i++)
            sink ^= (uint8_t)my_event_maria_gtid_at(body, i).sequence;
}

static void on_table_map(struct dump *d, struct leat_slice body)
{
    struct my_table_map m;
    if (!good(d, my_event_table_map(body, &m, &d->err)))
        return;
    const struct leat_slice parts[] = {m.shape,
                                       m.database,
                                       m.table,
                                       m.types,
                                       m.metadata,
                                       m.nullable,
                                       m.signedness,
                                       m.default_charset,
                                       m.column_charset,
                                       m.names,
                                       m.set_values,
                                       m.enum_values,
                                       m.geometry_types,
                                       m.simple_key,
                                       m.prefix_key,
                                       m.enum_default_charset,
                                       m.enum_column_charset,
                                       m.visibility,
                                       m.vector_dimensions};
    want(m.column_count && m.column_count <= LEAT_COLUMNS_MAX && m.types.len == m.column_count);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        touch(parts[i]);
}

static void on_rows(struct dump *d, uint8_t type, struct leat_slice body)
{
    struct my_rows rows;
    struct leat_slice inflated;
    if (!good(d, my_event_rows(type, body, &rows, &d->err)))
        return;
    want(rows.column_count <= LEAT_COLUMNS_MAX);
    want(!rows.present_before.len || rows.present_before.len == (rows.column_count + 7) / 8);
    touch(rows.present_before);
    touch(rows.present_after);
    touch(rows.rows);
    if (rows.compressed && good(d, my_inflate_event(rows.rows, &d->arena, &inflated, &d->err)))
        touch(inflated);
}

static void on_payload(struct dump *d, struct leat_slice body)
{
    struct my_payload p;
    if (good(d, my_event_payload(body, &p, &d->err)))
        touch(p.payload);
}

static void on_fragment(struct dump *d, struct leat_slice body)
{
    struct my_row_fragment f;
    if (good(d, my_event_row_fragment(body, &f, &d->err)))
        touch(f.bytes);
}

static void on_end(struct dump *d, uint8_t type, struct leat_slice body)
{
    uint64_t xid;
    struct my_xa_prepare prepare;
    struct my_incident incident;
    struct my_gtid_set previous;
    if (type == MY_XID_EVENT)
        good(d, my_event_xid(body, &xid, &d->err));
    else if (type == MY_XA_PREPARE_EVENT && good(d, my_event_xa_prepare(body, &prepare, &d->err)))
        want(strlen(prepare.xid) < MY_XID_TEXT);
    else if (type == MY_INCIDENT_EVENT && good(d, my_event_incident(body, &incident, &d->err)))
        touch(incident.message);
    else if (type == MY_PREVIOUS_GTIDS_EVENT &&
             good(d, my_gtid_set_decode(body, &previous, &d->err)))
        my_gtid_set_release(&previous);
}

static void on_event(struct dump *d, const struct my_event_header *h, struct leat_slice body)
{
    switch (h->type) {
    case MY_FORMAT_EVENT:
        on_format(d, h, body);
        return;
    case MY_ROTATE_EVENT:
    case MY_HEARTBEAT_EVENT:
    case MY_HEARTBEAT_V2_EVENT:
        on_place(d, h, body);
        return;
    case MY_QUERY_EVENT:
    case MARIA_QUERY_COMPRESSED_EVENT:
        on_query(d, h, body);
        return;
    case MY_GTID_EVENT:
    case MY_ANONYMOUS_GTID_EVENT:
    case MY_GTID_TAGGED_EVENT:
        on_gtid(d, h, body);
        return;
    case MARIA_GTID_EVENT:
        on_maria_gtid(d, h, body);
        return;
    case MARIA_GTID_LIST_EVENT:
        on_gtid_list(d, body);
        return;
    case MY_TABLE_MAP_EVENT:
        on_table_map(d, body);
        return;
    case MY_TRANSACTION_PAYLOAD_EVENT:
        on_payload(d, body);
        return;
    case MARIA_PARTIAL_ROW_DATA_EVENT:
        on_fragment(d, body);
        return;
    default:
        if (my_event_is_rows(h->type))
            on_rows(d, h->type, body);
        else
            on_end(d, h->type, body);
    }
}

static void one(struct dump *d, struct leat_slice bytes, bool as_it_is)
{
    struct my_event_header h;
    struct leat_slice body;
    uint8_t *exact = malloc(bytes.len ? bytes.len : 1); /* so that one byte too many is seen */
    if (!exact)
        abort();
    if (bytes.len)
        memcpy(exact, bytes.ptr, bytes.len);
    uint32_t size = (uint32_t)bytes.len;
    if (!as_it_is && bytes.len >= MY_EVENT_HEADER_BYTES)
        memcpy(exact + 9, &size, sizeof size);
    leat_arena_reset(&d->arena);
    if (good(d, my_event_open(&d->format, leat_slice_of(exact, bytes.len), &h, &body, &d->err))) {
        want(h.size == bytes.len && body.len <= bytes.len - MY_EVENT_HEADER_BYTES);
        on_event(d, &h, body);
    }
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct leat_reader r = leat_reader_of(leat_slice_of(data, size));
    struct dump d = {.format = {.checksum = MY_CHECKSUM_CRC32}};
    leat_arena_init(&d.arena, ARENA_MAX);
    for (bool first = true; leat_reader_left(&r) >= 2; first = false) {
        size_t len = leat_reader_be16(&r);
        if (len > leat_reader_left(&r))
            len = leat_reader_left(&r);
        struct leat_slice event = leat_reader_bytes(&r, len);
        if (first)
            one(&d, event, true);
        d.format.checksum = MY_CHECKSUM_NONE;
        one(&d, event, false);
    }
    leat_arena_release(&d.arena);
    my_gtid_set_release(&d.set);
    maria_gtid_state_release(&d.state);
    return 0;
}
