/*
 * Pure decoder of binlog events, MySQL 5.7 to 9.x and MariaDB 10.3 to 12.x: bytes in, structs out.
 * Source of the formats: mysql.md §4.
 *
 *     my_event_open(format, bytes) ─▶ header, body ─▶ my_event_<type>(…, body, ret)
 *
 * Laws, tested for every event: a prefix of a good event is an error, never a crash and never a
 * wrong answer; bytes appended to a fixed-length body are an error where the format has no tail,
 * and are ignored where it says that there may be more.
 *
 * Ownership: slices view the event's bytes.
 * Errors:    LEAT_EPROTO, saying what was too short or wrong in which event.
 * Threads:   pure.
 */
#ifndef MYSQL_BINLOG_EVENT_H
#define MYSQL_BINLOG_EVENT_H

#include <leat/arena.h>
#include <leat/err.h>
#include <leat/reader.h>

enum my_event_type {
    MY_QUERY_EVENT = 2,
    MY_STOP_EVENT = 3,
    MY_ROTATE_EVENT = 4,
    MY_INTVAR_EVENT = 5,
    MY_LOAD_EVENT_FIRST = 9, /* 9, 11: blocks of a file that a statement loads */
    MY_RAND_EVENT = 13,
    MY_USER_VAR_EVENT = 14,
    MY_FORMAT_EVENT = 15,
    MY_XID_EVENT = 16,
    MY_BEGIN_LOAD_EVENT = 17,
    MY_EXECUTE_LOAD_EVENT = 18,
    MY_TABLE_MAP_EVENT = 19,
    MY_WRITE_ROWS_V1 = 23,
    MY_UPDATE_ROWS_V1 = 24,
    MY_DELETE_ROWS_V1 = 25,
    MY_INCIDENT_EVENT = 26,
    MY_HEARTBEAT_EVENT = 27,
    MY_IGNORABLE_EVENT = 28,
    MY_ROWS_QUERY_EVENT = 29,
    MY_WRITE_ROWS_V2 = 30,
    MY_UPDATE_ROWS_V2 = 31,
    MY_DELETE_ROWS_V2 = 32,
    MY_GTID_EVENT = 33,
    MY_ANONYMOUS_GTID_EVENT = 34,
    MY_PREVIOUS_GTIDS_EVENT = 35,
    MY_TRANSACTION_CONTEXT_EVENT = 36,
    MY_VIEW_CHANGE_EVENT = 37,
    MY_XA_PREPARE_EVENT = 38,
    MY_PARTIAL_UPDATE_EVENT = 39,
    MY_TRANSACTION_PAYLOAD_EVENT = 40,
    MY_HEARTBEAT_V2_EVENT = 41,
    MY_GTID_TAGGED_EVENT = 42,
    MARIA_ANNOTATE_ROWS_EVENT = 160,
    MARIA_BINLOG_CHECKPOINT_EVENT = 161,
    MARIA_GTID_EVENT = 162,
    MARIA_GTID_LIST_EVENT = 163,
    MARIA_START_ENCRYPTION_EVENT = 164,
    MARIA_QUERY_COMPRESSED_EVENT = 165,
    MARIA_WRITE_ROWS_COMPRESSED_V1 = 166,
    MARIA_UPDATE_ROWS_COMPRESSED_V1 = 167,
    MARIA_DELETE_ROWS_COMPRESSED_V1 = 168,
    MARIA_WRITE_ROWS_COMPRESSED_V2 = 169,
    MARIA_UPDATE_ROWS_COMPRESSED_V2 = 170,
    MARIA_DELETE_ROWS_COMPRESSED_V2 = 171,
    MARIA_PARTIAL_ROW_DATA_EVENT = 172,
};

enum my_event_flag { MY_EVENT_ARTIFICIAL = 0x20, MY_EVENT_IGNORABLE = 0x80 };

enum { MY_EVENT_HEADER_BYTES = 19, MY_CHECKSUM_BYTES = 4 };
enum my_checksum { MY_CHECKSUM_NONE = 0, MY_CHECKSUM_CRC32 = 1, MY_CHECKSUM_UNDEFINED = 255 };

struct my_event_header {
    uint32_t timestamp; /* seconds since 1970 */
    uint8_t type;       /* enum my_event_type, or one we do not know */
    uint32_t server_id; /* where it was written first */
    uint32_t size;
    uint32_t log_pos; /* low 32 bits of the position behind it; 0: none */
    uint16_t flags;
};

/* What the FORMAT_DESCRIPTION of a file says, needed to read all others of it. */
struct my_format {
    bool known;
    uint8_t checksum;               /* enum my_checksum; before the first one: what was declared */
    uint8_t post_header_bytes[256]; /* by type - 1; 0: not told */
    uint32_t created;
    uint32_t timestamp; /* of its header: with the version it tells files of one name apart */
    char server_version[51];
};

const char *my_event_name(uint8_t type); /* "QUERY", …; "event 200" is the caller's: "?" here */

/* Checks length and CRC; *ret_body is what follows the header, without the CRC. A
 * FORMAT_DESCRIPTION always has its four CRC bytes, and tells its own algorithm (mysql.md 4.2). */
int my_event_open(const struct my_format *format, struct leat_slice bytes,
                  struct my_event_header *ret_header, struct leat_slice *ret_body,
                  struct leat_err *err) LEAT_MUST_CHECK;
/* The same for an event inside a transaction payload: it has no CRC. */
int my_event_open_inner(struct leat_slice bytes, struct my_event_header *ret_header,
                        struct leat_slice *ret_body, struct leat_err *err) LEAT_MUST_CHECK;

/* CRC-32 of zlib's polynomial, as fast as the machine can. */
uint32_t my_crc32(struct leat_slice bytes);

int my_event_format(const struct my_event_header *header, struct leat_slice body,
                    struct my_format *ret_format, struct leat_err *err) LEAT_MUST_CHECK;

struct my_rotate {
    uint64_t position;
    struct leat_slice file;
};
int my_event_rotate(struct leat_slice body, struct my_rotate *ret,
                    struct leat_err *err) LEAT_MUST_CHECK;

/* HEARTBEAT and HEARTBEAT_V2. V1 has no position in its body: give the header's. */
int my_event_heartbeat(const struct my_event_header *header, struct leat_slice body,
                       struct my_rotate *ret, struct leat_err *err) LEAT_MUST_CHECK;

struct my_query {
    uint32_t thread_id;
    uint16_t error_code;
    struct leat_slice database;         /* where the session stood */
    struct leat_slice databases;        /* MySQL: those it touched, each with a NUL; empty: untold */
    struct leat_slice
        statement; /* in charset `client_collation`; inflated into the arena if compressed */
    bool ansi_quotes, no_backslash_escapes;
    bool has_xid;              /* MySQL: DDL logged with its transaction id */
    uint8_t maria_flags_extra; /* of status variable 130 */
    uint16_t client_collation; /* 0: not told */
    uint32_t microseconds;
};
/* QUERY and, when `compressed`, MariaDB's QUERY_COMPRESSED. */
int my_event_query(const struct my_format *format, struct leat_slice body, bool compressed,
                   struct leat_arena *arena, struct my_query *ret,
                   struct leat_err *err) LEAT_MUST_CHECK;

/* EXECUTE_LOAD_QUERY, MariaDB's too: LOAD DATA as a statement. */
int my_event_execute_load(const struct my_format *format, struct leat_slice body,
                          struct my_query *ret, struct leat_err *err) LEAT_MUST_CHECK;

int my_event_xid(struct leat_slice body, uint64_t *ret_xid, struct leat_err *err) LEAT_MUST_CHECK;

enum { MY_XID_TEXT = 300 };
struct my_xa_prepare {
    bool one_phase;
    char xid[MY_XID_TEXT]; /* X'gtrid',X'bqual',format in lower-case hex: as XA COMMIT names it */
};
int my_event_xa_prepare(struct leat_slice body, struct my_xa_prepare *ret,
                        struct leat_err *err) LEAT_MUST_CHECK;

struct my_incident {
    uint16_t number; /* 1: events were lost */
    struct leat_slice message;
};
int my_event_incident(struct leat_slice body, struct my_incident *ret,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* GTID, ANONYMOUS_GTID and GTID_TAGGED of MySQL. */
enum { MY_TAG_MAX = 32 };
struct my_gtid {
    uint8_t uuid[16];
    char tag[MY_TAG_MAX + 1];   /* "" without one */
    int64_t number;             /* 0: anonymous */
    int64_t commit_time_us;     /* original commit; 0: not told (before 8.0) */
    uint64_t transaction_bytes; /* 0: not told */
};
int my_event_gtid(const struct my_event_header *header, struct leat_slice body, struct my_gtid *ret,
                  struct leat_err *err) LEAT_MUST_CHECK;

enum maria_gtid_flag {
    MARIA_GTID_STANDALONE = 1,
    MARIA_GTID_GROUP_COMMIT = 2,
    MARIA_GTID_TRANSACTIONAL = 4,
    MARIA_GTID_DDL = 32,
    MARIA_GTID_PREPARED_XA = 64,
    MARIA_GTID_COMPLETED_XA = 128,
};
enum maria_gtid_extra {
    MARIA_GTID_START_ALTER = 2,
    MARIA_GTID_COMMIT_ALTER = 4,
    MARIA_GTID_ROLLBACK_ALTER = 8
};
struct maria_gtid {
    uint32_t domain, server_id;
    uint64_t sequence;
    uint8_t flags, flags_extra;
    char xid[MY_XID_TEXT]; /* "" unless a flag says XA */
};
int my_event_maria_gtid(const struct my_event_header *header, struct leat_slice body,
                        struct maria_gtid *ret, struct leat_err *err) LEAT_MUST_CHECK;

/* The n-th of the GTIDs of a GTID_LIST; *ret_count how many there are. */
int my_event_maria_gtid_list(struct leat_slice body, uint32_t *ret_count,
                             struct leat_err *err) LEAT_MUST_CHECK;
struct maria_gtid my_event_maria_gtid_at(struct leat_slice body, uint32_t index);

/* TABLE_MAP: the parts whose meaning depends on other parts stay slices; table_schema.c puts them
 * together. Missing optional fields are empty slices with ptr NULL; present but empty ones have a
 * ptr. */
struct my_table_map {
    uint64_t table_id;
    uint16_t flags;
    struct leat_slice shape; /* everything after the table id: equal bytes, equal table */
    struct leat_slice database, table;
    uint32_t column_count;
    struct leat_slice types;    /* a byte a column */
    struct leat_slice metadata; /* consumed in column order */
    struct leat_slice nullable; /* a bit a column, least significant first */
    struct leat_slice signedness, default_charset, column_charset, names, set_values, enum_values,
        geometry_types, simple_key, prefix_key, enum_default_charset, enum_column_charset,
        visibility, vector_dimensions;
};
int my_event_table_map(struct leat_slice body, struct my_table_map *ret,
                       struct leat_err *err) LEAT_MUST_CHECK;
/* The table's number alone, without the rest: for a rows event or a table map. */
int my_event_table_id(struct leat_slice body, uint64_t *ret_table_id,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* Head of a rows event of any version, compressed or not. `rows` is what follows the bitmaps; when
 * `compressed` it still has to be inflated (my_inflate_event). */
enum my_rows_kind { MY_ROWS_WRITE, MY_ROWS_UPDATE, MY_ROWS_DELETE };
struct my_rows {
    uint64_t table_id;
    uint16_t flags; /* 1: the statement ends here */
    uint8_t kind;   /* enum my_rows_kind */
    bool partial_json;
    bool compressed;
    bool dummy; /* end of a statement without rows */
    uint32_t column_count;
    struct leat_slice present_before; /* WRITE: empty */
    struct leat_slice present_after;  /* DELETE: empty */
    struct leat_slice rows;
};
bool my_event_is_rows(uint8_t type);
int my_event_rows(uint8_t type, struct leat_slice body, struct my_rows *ret,
                  struct leat_err *err) LEAT_MUST_CHECK;

/* MariaDB's compressed part (mysql.md 4.9), inflated into the arena. LEAT_ELIMIT: longer than what
 * the arena has. */
int my_inflate_event(struct leat_slice compressed, struct leat_arena *arena,
                     struct leat_slice *ret_bytes, struct leat_err *err) LEAT_MUST_CHECK;

struct my_payload {
    uint64_t compression;        /* 0 zstd, 255 none */
    uint64_t uncompressed_bytes; /* a hint */
    struct leat_slice payload;
};
int my_event_payload(struct leat_slice body, struct my_payload *ret,
                     struct leat_err *err) LEAT_MUST_CHECK;

struct my_row_fragment { /* MariaDB 12.3's PARTIAL_ROW_DATA: concatenated, they are a rows event */
    uint32_t total, number; /* from 1 */
    struct leat_slice bytes;
};
int my_event_row_fragment(struct leat_slice body, struct my_row_fragment *ret,
                          struct leat_err *err) LEAT_MUST_CHECK;

/* MySQL's length-encoded integer (1, 3, 4 or 9 bytes). */
uint64_t my_lenenc(struct leat_reader *r);

#endif
