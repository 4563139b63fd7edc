/*
 * Framing, and the bodies that are about the log itself: files, positions, statements, ends.
 *
 * The problem: bytes of eight server generations of two makes, of which each appended fields to
 * what it had. The idea: a body is read in wire order through a cursor whose `bad` sticks, and is
 * closed by one check; what a newer server may append is passed over only where the format says so.
 *
 *   1. An event is not looked into before its length and its checksum agree.
 *   2. No count and no length is believed before it is compared with the bytes that are left.
 *   3. *ret is written when all of the body was read, not before.
 */
#include "sources/mysql/binlog_event.h"

#include "sources/mysql/binlog_body.h"

#include <inttypes.h>

const char *my_event_name(uint8_t type)
{
    static const char *const NAMES[256] = {
        [MY_QUERY_EVENT] = "QUERY",
        [MY_STOP_EVENT] = "STOP",
        [MY_ROTATE_EVENT] = "ROTATE",
        [MY_INTVAR_EVENT] = "INTVAR",
        [MY_LOAD_EVENT_FIRST] = "APPEND_BLOCK",
        [MY_LOAD_EVENT_FIRST + 2] = "DELETE_FILE",
        [MY_RAND_EVENT] = "RAND",
        [MY_USER_VAR_EVENT] = "USER_VAR",
        [MY_FORMAT_EVENT] = "FORMAT_DESCRIPTION",
        [MY_XID_EVENT] = "XID",
        [MY_BEGIN_LOAD_EVENT] = "BEGIN_LOAD_QUERY",
        [MY_EXECUTE_LOAD_EVENT] = "EXECUTE_LOAD_QUERY",
        [MY_TABLE_MAP_EVENT] = "TABLE_MAP",
        [MY_WRITE_ROWS_V1] = "WRITE_ROWS_V1",
        [MY_UPDATE_ROWS_V1] = "UPDATE_ROWS_V1",
        [MY_DELETE_ROWS_V1] = "DELETE_ROWS_V1",
        [MY_INCIDENT_EVENT] = "INCIDENT",
        [MY_HEARTBEAT_EVENT] = "HEARTBEAT",
        [MY_IGNORABLE_EVENT] = "IGNORABLE",
        [MY_ROWS_QUERY_EVENT] = "ROWS_QUERY",
        [MY_WRITE_ROWS_V2] = "WRITE_ROWS",
        [MY_UPDATE_ROWS_V2] = "UPDATE_ROWS",
        [MY_DELETE_ROWS_V2] = "DELETE_ROWS",
        [MY_GTID_EVENT] = "GTID",
        [MY_ANONYMOUS_GTID_EVENT] = "ANONYMOUS_GTID",
        [MY_PREVIOUS_GTIDS_EVENT] = "PREVIOUS_GTIDS",
        [MY_TRANSACTION_CONTEXT_EVENT] = "TRANSACTION_CONTEXT",
        [MY_VIEW_CHANGE_EVENT] = "VIEW_CHANGE",
        [MY_XA_PREPARE_EVENT] = "XA_PREPARE",
        [MY_PARTIAL_UPDATE_EVENT] = "PARTIAL_UPDATE_ROWS",
        [MY_TRANSACTION_PAYLOAD_EVENT] = "TRANSACTION_PAYLOAD",
        [MY_HEARTBEAT_V2_EVENT] = "HEARTBEAT_V2",
        [MY_GTID_TAGGED_EVENT] = "GTID_TAGGED",
        [MARIA_ANNOTATE_ROWS_EVENT] = "ANNOTATE_ROWS",
        [MARIA_BINLOG_CHECKPOINT_EVENT] = "BINLOG_CHECKPOINT",
        [MARIA_GTID_EVENT] = "MARIADB_GTID",
        [MARIA_GTID_LIST_EVENT] = "GTID_LIST",
        [MARIA_START_ENCRYPTION_EVENT] = "START_ENCRYPTION",
        [MARIA_QUERY_COMPRESSED_EVENT] = "QUERY_COMPRESSED",
        [MARIA_WRITE_ROWS_COMPRESSED_V1] = "WRITE_ROWS_COMPRESSED_V1",
        [MARIA_UPDATE_ROWS_COMPRESSED_V1] = "UPDATE_ROWS_COMPRESSED_V1",
        [MARIA_DELETE_ROWS_COMPRESSED_V1] = "DELETE_ROWS_COMPRESSED_V1",
        [MARIA_WRITE_ROWS_COMPRESSED_V2] = "WRITE_ROWS_COMPRESSED",
        [MARIA_UPDATE_ROWS_COMPRESSED_V2] = "UPDATE_ROWS_COMPRESSED",
        [MARIA_DELETE_ROWS_COMPRESSED_V2] = "DELETE_ROWS_COMPRESSED",
        [MARIA_PARTIAL_ROW_DATA_EVENT] = "PARTIAL_ROW_DATA",
    };
    return NAMES[type] ? NAMES[type] : "?";
}

int my_body_fail(const char *event, const char *what, struct leat_err *err)
{
    return leat_fail(err, LEAT_EPROTO, "the server sent a broken log: a %s event %s", event, what);
}

/* Below 251 the byte is the number; 0xfb is SQL NULL and 0xff an error elsewhere, nothing here. */
uint64_t my_lenenc(struct leat_reader *r)
{
    uint8_t first = leat_reader_u8(r);
    if (__builtin_expect(first < 251, 1))
        return first;
    switch (first) {
    case 0xfc:
        return leat_reader_le16(r);
    case 0xfd: {
        uint32_t low = leat_reader_le16(r);
        return low | (uint32_t)leat_reader_u8(r) << 16;
    }
    case 0xfe:
        return leat_reader_le64(r);
    default:
        r->bad = true;
        return 0;
    }
}

static struct leat_slice lenenc_bytes(struct leat_reader *r)
{
    uint64_t len = my_lenenc(r);
    if (len > leat_reader_left(r))
        r->bad = true;
    return leat_reader_bytes(r, r->bad ? 0 : (size_t)len);
}

static struct leat_slice rest(struct leat_reader *r)
{
    return leat_reader_bytes(r, leat_reader_left(r));
}

/* --- framing -----------------------------------------------------------------------------------
 */

enum {
    SIZE_AT = 9,
    FORMAT_FIXED_BYTES = 2 + 50 + 4 + 1,
    FORMAT_TRAILER_BYTES = 1 + MY_CHECKSUM_BYTES, /* algorithm, checksum */
};

/* timestamp u32, type u8, server u32, size u32, position behind u32, flags u16 */
static inline int open_header(struct leat_slice bytes, struct my_event_header *ret_header,
                              struct leat_err *err)
{
    const uint8_t *p = bytes.ptr;
    if (bytes.len < MY_EVENT_HEADER_BYTES)
        return leat_fail(err, LEAT_EPROTO,
                         "the server sent a broken log: an event of %zu bytes has no header",
                         bytes.len);
    uint32_t size;
    memcpy(&size, p + SIZE_AT, sizeof size);
    if (size != bytes.len)
        return leat_fail(err, LEAT_EPROTO,
                         "the server sent a broken log: a %s event has %zu bytes and says %" PRIu32,
                         my_event_name(p[4]), bytes.len, size);
    memcpy(&ret_header->timestamp, p, 4);
    ret_header->type = p[4];
    memcpy(&ret_header->server_id, p + 5, 4);
    ret_header->size = size;
    memcpy(&ret_header->log_pos, p + 13, 4);
    memcpy(&ret_header->flags, p + 17, 2);
    return LEAT_OK;
}

static int checksum_fail(uint8_t type, uint32_t written, uint32_t computed, struct leat_err *err)
{
    return leat_fail(err, LEAT_EPROTO,
                     "the server sent a broken log: the checksum of a %s event is %08" PRIx32
                     ", not the %08" PRIx32 " that it says",
                     my_event_name(type), computed, written);
}

int my_event_open(const struct my_format *format, struct leat_slice bytes,
                  struct my_event_header *ret_header, struct leat_slice *ret_body,
                  struct leat_err *err)
{
    struct my_event_header h;
    int status = open_header(bytes, &h, err);
    if (status)
        return status;
    size_t len = bytes.len - MY_EVENT_HEADER_BYTES;
    uint8_t checksum = format->checksum;
    size_t trailer = checksum == MY_CHECKSUM_CRC32 ? MY_CHECKSUM_BYTES : 0;
    if (__builtin_expect(h.type == MY_FORMAT_EVENT, 0)) {
        if (len < FORMAT_FIXED_BYTES + FORMAT_TRAILER_BYTES)
            return my_body_fail("FORMAT_DESCRIPTION", "is cut", err);
        checksum = bytes.ptr[bytes.len - FORMAT_TRAILER_BYTES];
        trailer = MY_CHECKSUM_BYTES;
    }
    if (len < trailer)
        return my_body_fail(my_event_name(h.type), "has no checksum", err);
    if (checksum == MY_CHECKSUM_CRC32) {
        size_t covered = bytes.len - MY_CHECKSUM_BYTES;
        uint32_t written, computed = my_crc32(leat_slice_of(bytes.ptr, covered));
        memcpy(&written, bytes.ptr + covered, sizeof written);
        if (__builtin_expect(written != computed, 0))
            return checksum_fail(h.type, written, computed, err);
    }
    *ret_header = h;
    *ret_body = leat_slice_of(bytes.ptr + MY_EVENT_HEADER_BYTES, len - trailer);
    return LEAT_OK;
}

int my_event_open_inner(struct leat_slice bytes, struct my_event_header *ret_header,
                        struct leat_slice *ret_body, struct leat_err *err)
{
    struct my_event_header h;
    int status = open_header(bytes, &h, err);
    if (status)
        return status;
    *ret_header = h;
    *ret_body = leat_slice_of(bytes.ptr + MY_EVENT_HEADER_BYTES, bytes.len - MY_EVENT_HEADER_BYTES);
    return LEAT_OK;
}

/* --- files and positions -----------------------------------------------------------------------
 */

/* version u16 (4), server version char[50], created u32, header length u8 (19), post-header length
 * u8 per type, checksum algorithm u8; then the CRC, which my_event_open took off */
int my_event_format(const struct my_event_header *header, struct leat_slice body,
                    struct my_format *ret_format, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(body);
    struct my_format f = {.known = true, .timestamp = header->timestamp};
    uint16_t version = leat_reader_le16(&r);
    struct leat_slice name = leat_reader_bytes(&r, 50);
    f.created = leat_reader_le32(&r);
    uint8_t header_bytes = leat_reader_u8(&r);
    size_t types = leat_reader_left(&r);
    if (r.bad || types < 2 || types > sizeof f.post_header_bytes)
        return my_body_fail("FORMAT_DESCRIPTION", "is cut, or not one", err);
    struct leat_slice lengths = leat_reader_bytes(&r, types - 1);
    f.checksum = leat_reader_u8(&r);
    if (version != 4 || header_bytes != MY_EVENT_HEADER_BYTES)
        return my_body_fail("FORMAT_DESCRIPTION", "tells a layout that is not known", err);
    if (f.checksum != MY_CHECKSUM_NONE && f.checksum != MY_CHECKSUM_CRC32 &&
        f.checksum != MY_CHECKSUM_UNDEFINED)
        return my_body_fail("FORMAT_DESCRIPTION", "tells a checksum that is not known", err);
    memcpy(f.server_version, name.ptr, name.len);
    memcpy(f.post_header_bytes, lengths.ptr, lengths.len);
    *ret_format = f;
    return LEAT_OK;
}

static bool is_file_name(struct leat_slice name)
{
    return name.len > 0 && !memchr(name.ptr, 0, name.len);
}

/* position u64, file name to the end */
int my_event_rotate(struct leat_slice body, struct my_rotate *ret, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(body);
    struct my_rotate rotate = {.position = leat_reader_le64(&r)};
    rotate.file = rest(&r);
    if (r.bad || !is_file_name(rotate.file))
        return my_body_fail("ROTATE", "names no file", err);
    *ret = rotate;
    return LEAT_OK;
}

/* file name to the end; MariaDB puts a position u64 in front that is past the header's 32 bits */
static int heartbeat_v1(const struct my_event_header *header, struct leat_slice body,
                        struct my_rotate *ret, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(body);
    struct my_rotate beat = {.position = header->log_pos};
    if (!header->log_pos)
        beat.position = leat_reader_le64(&r);
    beat.file = rest(&r);
    if (r.bad || !is_file_name(beat.file))
        return my_body_fail("HEARTBEAT", "names no file", err);
    *ret = beat;
    return LEAT_OK;
}

/* A field of the events that are made of them: type lenenc, length lenenc, value. Type 0, without
 * length, ends them; false then, and when they are cut. */
static bool next_field(struct leat_reader *r, uint64_t *ret_type, struct leat_reader *ret_value)
{
    *ret_type = my_lenenc(r);
    if (r->bad || *ret_type == 0)
        return false;
    *ret_value = leat_reader_of(lenenc_bytes(r));
    return !r->bad;
}

/* A value that is one number, and nothing else. */
static uint64_t number_field(struct leat_reader *r, struct leat_reader *value)
{
    uint64_t n = my_lenenc(value);
    if (!leat_reader_done(value))
        r->bad = true;
    return n;
}

/* fields: 1 file name, 2 position lenenc; others are of newer servers */
static int heartbeat_v2(struct leat_slice body, struct my_rotate *ret, struct leat_err *err)
{
    enum { FILE_NAME = 1, POSITION = 2 };
    struct leat_reader r = leat_reader_of(body), value;
    struct my_rotate beat = {.position = 0};
    bool has_position = false;
    uint64_t type;
    while (next_field(&r, &type, &value)) {
        if (type == FILE_NAME)
            beat.file = rest(&value);
        else if (type == POSITION) {
            beat.position = number_field(&r, &value);
            has_position = true;
        }
    }
    int status = my_body_done(&r, "HEARTBEAT_V2", err);
    if (status)
        return status;
    if (!has_position || !is_file_name(beat.file))
        return my_body_fail("HEARTBEAT_V2", "names no place", err);
    *ret = beat;
    return LEAT_OK;
}

int my_event_heartbeat(const struct my_event_header *header, struct leat_slice body,
                       struct my_rotate *ret, struct leat_err *err)
{
    return header->type == MY_HEARTBEAT_V2_EVENT ? heartbeat_v2(body, ret, err)
                                                 : heartbeat_v1(header, body, ret, err);
}

/* --- statements --------------------------------------------------------------------------------
 */

enum { QUERY_POST_HEADER_BYTES = 13, DATABASES_UNTOLD = 254, ALTER_HAS_START = 12 };
enum { SQL_MODE_ANSI_QUOTES = 0x4, SQL_MODE_NO_BACKSLASH_ESCAPES = 0x100000 };

static void skip(struct leat_reader *r, size_t len)
{
    (void)leat_reader_bytes(r, len);
}

static void skip_counted(struct leat_reader *r)
{
    skip(r, leat_reader_u8(r));
}

static uint32_t read_u24(struct leat_reader *r)
{
    uint32_t low = leat_reader_le16(r);
    return low | (uint32_t)leat_reader_u8(r) << 16;
}

static void read_sql_mode(struct leat_reader *r, struct my_query *q)
{
    uint64_t mode = leat_reader_le64(r);
    q->ansi_quotes = mode & SQL_MODE_ANSI_QUOTES;
    q->no_backslash_escapes = mode & SQL_MODE_NO_BACKSLASH_ESCAPES;
}

static void read_databases(struct leat_reader *r, struct my_query *q)
{
    unsigned count = leat_reader_u8(r);
    const uint8_t *begin = r->at;
    for (unsigned i = 0; count != DATABASES_UNTOLD && i < count; i++)
        (void)leat_reader_text(r);
    q->databases = leat_slice_of(begin, (size_t)(r->at - begin));
}

/* One status variable: its code, then its value, whose length follows from the code alone. False:
 * a newer server's, so that neither it nor what follows can be read. */
static bool read_status(struct leat_reader *r, struct my_query *q)
{
    switch (leat_reader_u8(r)) {
    case 0:  /* flags2 */
    case 3:  /* auto_increment: step, offset */
    case 10: /* bytes written by the primary */
        skip(r, 4);
        return true;
    case 1:
        read_sql_mode(r, q);
        return true;
    case 2: /* catalog, with a NUL */
        skip(r, (size_t)leat_reader_u8(r) + 1);
        return true;
    case 4: /* collations of client, connection, server */
        q->client_collation = leat_reader_le16(r);
        skip(r, 4);
        return true;
    case 5: /* time zone */
    case 6: /* catalog */
        skip_counted(r);
        return true;
    case 7:  /* locale of month names */
    case 8:  /* collation of the database */
    case 18: /* default collation of utf8mb4 */
        skip(r, 2);
        return true;
    case 9:   /* tables of a multi-table update, as bits */
    case 129: /* MariaDB: its own transaction id of the DDL */
        skip(r, 8);
        return true;
    case 11: /* invoker: user, host */
        skip_counted(r);
        skip_counted(r);
        return true;
    case 12:
        read_databases(r, q);
        return true;
    case 13:
    case 128: /* MariaDB */
        q->microseconds = read_u24(r);
        return true;
    case 16: /* explicit_defaults_for_timestamp */
    case 19: /* sql_require_primary_key */
    case 20: /* default_table_encryption */
    case 21: /* foreign key cascades by triggers */
        skip(r, 1);
        return true;
    case 17:
        skip(r, 8);
        q->has_xid = true;
        return true;
    case 130: /* MariaDB: the second half of an ALTER names the first */
        q->maria_flags_extra = leat_reader_u8(r);
        if (q->maria_flags_extra & ALTER_HAS_START)
            skip(r, 8);
        return true;
    default:
        return false;
    }
}

/* thread u32, seconds u32, length of database u8, error u16, length of status u16, (more, if the
 * format tells of more), status, database, NUL, statement to the end */
static int read_query(const struct my_format *format, uint8_t type, struct leat_slice body,
                      struct my_query *ret, struct leat_err *err)
{
    size_t post_header = format->post_header_bytes[type - 1];
    struct leat_reader r = leat_reader_of(body);
    struct my_query q = {.thread_id = leat_reader_le32(&r)};
    skip(&r, 4);
    size_t database_len = leat_reader_u8(&r);
    q.error_code = leat_reader_le16(&r);
    size_t status_len = leat_reader_le16(&r);
    if (post_header > QUERY_POST_HEADER_BYTES)
        skip(&r, post_header - QUERY_POST_HEADER_BYTES);
    struct leat_reader status = leat_reader_of(leat_reader_bytes(&r, status_len));
    q.database = leat_reader_bytes(&r, database_len);
    if (leat_reader_u8(&r) != 0)
        r.bad = true;
    q.statement = rest(&r);
    while (!status.bad && leat_reader_left(&status) && read_status(&status, &q))
        ;
    if (status.bad)
        r.bad = true;
    int code = my_body_done(&r, my_event_name(type), err);
    if (!code)
        *ret = q;
    return code;
}

int my_event_query(const struct my_format *format, struct leat_slice body, bool compressed,
                   struct leat_arena *arena, struct my_query *ret, struct leat_err *err)
{
    struct my_query q;
    uint8_t type = compressed ? MARIA_QUERY_COMPRESSED_EVENT : MY_QUERY_EVENT;
    int status = read_query(format, type, body, &q, err);
    if (!status && compressed)
        status = my_inflate_event(q.statement, arena, &q.statement, err);
    if (!status)
        *ret = q;
    return status;
}

/* As QUERY; its longer head says in which events the file's bytes came */
int my_event_execute_load(const struct my_format *format, struct leat_slice body,
                          struct my_query *ret, struct leat_err *err)
{
    return read_query(format, MY_EXECUTE_LOAD_EVENT, body, ret, err);
}

/* --- ends --------------------------------------------------------------------------------------
 */

int my_event_xid(struct leat_slice body, uint64_t *ret_xid, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(body);
    uint64_t xid = leat_reader_le64(&r);
    int status = my_body_done(&r, "XID", err);
    if (!status)
        *ret_xid = xid;
    return status;
}

/* number u16, message counted by a byte. MySQL 9 has been seen to write a second checksum behind
 * it, so what follows is not looked at: that events were lost is what counts. */
int my_event_incident(struct leat_slice body, struct my_incident *ret, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(body);
    struct my_incident incident = {.number = leat_reader_le16(&r)};
    incident.message = leat_reader_bytes(&r, leat_reader_u8(&r));
    if (r.bad)
        return leat_fail(err, LEAT_EPROTO, "an INCIDENT event is cut");
    *ret = incident;
    return LEAT_OK;
}

/* --- transactions and rows in other wrappings --------------------------------------------------
 */

/* fields: 1 size of the payload, 2 compression, 3 size without it; then the payload */
int my_event_payload(struct leat_slice body, struct my_payload *ret, struct leat_err *err)
{
    enum { SIZE = 1, COMPRESSION = 2, UNCOMPRESSED_SIZE = 3 };
    struct leat_reader r = leat_reader_of(body), value;
    struct my_payload p = {.compression = 0};
    uint64_t type, size = 0;
    unsigned seen = 0;
    while (next_field(&r, &type, &value)) {
        if (type == SIZE)
            size = number_field(&r, &value);
        else if (type == COMPRESSION)
            p.compression = number_field(&r, &value);
        else if (type == UNCOMPRESSED_SIZE)
            p.uncompressed_bytes = number_field(&r, &value);
        seen |= type < 4 ? 1u << type : 0;
    }
    p.payload = rest(&r);
    if (size != p.payload.len || !(seen & 1u << SIZE) || !(seen & 1u << COMPRESSION))
        r.bad = true;
    int status = my_body_done(&r, "TRANSACTION_PAYLOAD", err);
    if (!status)
        *ret = p;
    return status;
}

/* total u32, number u32 from 1, flags u8, (size of the whole u64, if flag 1), piece to the end */
int my_event_row_fragment(struct leat_slice body, struct my_row_fragment *ret, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(body);
    struct my_row_fragment f = {.total = leat_reader_le32(&r)};
    f.number = leat_reader_le32(&r);
    if (leat_reader_u8(&r) & 1)
        skip(&r, 8);
    f.bytes = rest(&r);
    if (f.number == 0 || f.number > f.total || f.bytes.len == 0)
        r.bad = true;
    int status = my_body_done(&r, "PARTIAL_ROW_DATA", err);
    if (!status)
        *ret = f;
    return status;
}
