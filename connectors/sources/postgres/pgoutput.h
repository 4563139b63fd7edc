/*
 * The decoder of pgoutput, the output plugin of Postgres' logical replication: bytes of one
 * XLogData payload in, one message out. Pure: no socket, no log, no clock.
 *
 *     B  I U D T …  C          a transaction, complete
 *     S  I U D T …  E          a fragment of one that is still open (protocol 2): everything
 *                              between S and E carries the xid of its (sub)transaction
 *     c | A                    the fate of that transaction
 *     b …  P  K | r,  p        two-phase commit (protocol 3)
 *
 * Order:     init, decode in the order of arrival, reset on every new connection, release. The only
 *            state that changes the meaning of bytes is `in_stream`.
 * Ownership: slices of a message view the payload; fields and columns live in the decoder until
 *            the next decode or release.
 * Units:     times are microseconds since 1970 UTC (already moved from Postgres' 2000), LSNs are
 *            WAL bytes.
 * Bounds:    LEAT_COLUMNS_MAX columns: at most 330 KB of storage, grown to what the messages need.
 * Threads:   one owner; nothing blocks.
 * Errors:    LEAT_EPROTO: truncated, too long, an unknown tag, a message that may not stand here.
 *            The decoder is as it was before; reconnect (never guess).
 * Source:    "Logical Replication Message Formats" of the manual; replication/logical/proto.c of 10
 *            to 18.
 */
#ifndef POSTGRES_PGOUTPUT_H
#define POSTGRES_PGOUTPUT_H

#include <leat/err.h>
#include <leat/slice.h>

enum pgoutput_type {
    PGOUTPUT_BEGIN = 'B',
    PGOUTPUT_COMMIT = 'C',
    PGOUTPUT_ORIGIN = 'O',
    PGOUTPUT_RELATION = 'R',
    PGOUTPUT_TYPE = 'Y',
    PGOUTPUT_INSERT = 'I',
    PGOUTPUT_UPDATE = 'U',
    PGOUTPUT_DELETE = 'D',
    PGOUTPUT_TRUNCATE = 'T',
    PGOUTPUT_MESSAGE = 'M',
    PGOUTPUT_STREAM_START = 'S',
    PGOUTPUT_STREAM_STOP = 'E',
    PGOUTPUT_STREAM_COMMIT = 'c',
    PGOUTPUT_STREAM_ABORT = 'A',
    PGOUTPUT_BEGIN_PREPARE = 'b',
    PGOUTPUT_PREPARE = 'P',
    PGOUTPUT_COMMIT_PREPARED = 'K',
    PGOUTPUT_ROLLBACK_PREPARED = 'r',
    PGOUTPUT_STREAM_PREPARE = 'p',
};

/* How one column of a tuple was sent. In a key-only old row ('K') NULL means "not sent" for every
 * column that is not part of the identity (I8). */
enum pgoutput_form {
    PGOUTPUT_NULL = 'n',
    PGOUTPUT_UNCHANGED = 'u', /* TOASTed and not touched: not sent */
    PGOUTPUT_TEXT = 't',
    PGOUTPUT_BINARY = 'b',
};

enum pgoutput_column_flag { PGOUTPUT_COLUMN_IDENTITY = 1 };
enum pgoutput_truncate_option { PGOUTPUT_TRUNCATE_CASCADE = 1, PGOUTPUT_TRUNCATE_RESTART = 2 };
enum pgoutput_message_flag { PGOUTPUT_MESSAGE_TRANSACTIONAL = 1 };

struct pgoutput_field {
    uint8_t form; /* enum pgoutput_form */
    struct leat_slice data;
};

struct pgoutput_tuple {
    uint16_t count; /* in the column order of the relation's last 'R' */
    const struct pgoutput_field
        *fields; /* NULL: no tuple was sent (a table without columns has one) */
};

struct pgoutput_column {
    uint8_t flags; /* enum pgoutput_column_flag */
    struct leat_slice name;
    uint32_t type; /* OID */
    int32_t typmod;
};

/* Of COMMIT, and with `xid` of STREAM_COMMIT. */
struct pgoutput_commit {
    uint8_t flags;
    uint64_t commit_lsn; /* where the commit record starts: the transaction's identity */
    uint64_t end_lsn;    /* the byte after it: what is confirmed */
    int64_t commit_time_us;
    uint32_t xid;
};

/* Of BEGIN_PREPARE (no flags), PREPARE, STREAM_PREPARE and, with the commit's LSN and time,
 * COMMIT_PREPARED. */
struct pgoutput_prepare {
    uint8_t flags;
    uint64_t lsn;
    uint64_t end_lsn;
    int64_t time_us;
    uint32_t xid;
    struct leat_slice gid;
};

struct pgoutput_message {
    uint8_t type;   /* enum pgoutput_type: says which member counts */
    bool in_stream; /* it stood between STREAM_START and STREAM_STOP */
    uint32_t xid;   /* in_stream: of the (sub)transaction that made the change; otherwise 0 */
    union {
        struct {
            uint64_t commit_lsn;
            int64_t commit_time_us;
            uint32_t xid;
        } begin;
        struct pgoutput_commit commit; /* COMMIT, STREAM_COMMIT */
        struct {
            uint64_t lsn;
            struct leat_slice name;
        } origin;
        struct {
            uint32_t oid;
            struct leat_slice schema; /* "pg_catalog" where the wire has an empty name */
            struct leat_slice table;
            uint8_t identity; /* 'd' default, 'n' nothing, 'f' full, 'i' index */
            uint16_t count;
            const struct pgoutput_column *columns;
        } relation;
        struct {
            uint32_t oid;
            struct leat_slice schema;
            struct leat_slice name; /* of a domain: its base type's, e.g. "int4" */
        } type_name;
        struct {
            uint32_t oid;
            uint8_t old_form; /* 0 none, 'K' key columns only, 'O' whole row */
            struct pgoutput_tuple before;
            struct pgoutput_tuple after;
        } row; /* INSERT, UPDATE, DELETE */
        struct {
            uint32_t count;
            uint8_t options; /* enum pgoutput_truncate_option */
            struct leat_slice oids;
        } truncate; /* read with pgoutput_truncate_oid() */
        struct {
            uint8_t flags; /* enum pgoutput_message_flag */
            uint64_t lsn;  /* end of the message's record */
            struct leat_slice prefix;
            struct leat_slice content;
        } message;
        struct {
            uint32_t xid; /* of the top-level transaction */
            bool first;   /* its first fragment on this connection */
        } stream_start;
        struct {
            uint32_t xid;
            uint32_t subxid; /* equal to xid: all of it */
            bool has_lsn;    /* streaming=parallel: the two below were sent */
            uint64_t abort_lsn;
            int64_t abort_time_us;
        } stream_abort;
        struct pgoutput_prepare
            prepare; /* BEGIN_PREPARE, PREPARE, STREAM_PREPARE, COMMIT_PREPARED */
        struct {
            uint8_t flags;
            uint64_t prepare_end_lsn;
            uint64_t rollback_end_lsn;
            int64_t prepare_time_us;
            int64_t rollback_time_us;
            uint32_t xid;
            struct leat_slice gid;
        } rollback_prepared;
    };
};

struct pgoutput_fields {
    struct pgoutput_field *items;
    size_t capacity;
};

struct pgoutput {
    bool in_stream; /* between STREAM_START and STREAM_STOP */
    struct pgoutput_fields before;
    struct pgoutput_fields after;
    struct pgoutput_column *columns;
    size_t columns_capacity;
};

void pgoutput_init(struct pgoutput *decoder);
void pgoutput_release(struct pgoutput *decoder); /* accepts a zeroed one; leaves a zeroed one */

/* For a new connection: the server starts outside of any stream again. Storage is kept. */
void pgoutput_reset(struct pgoutput *decoder);

int pgoutput_decode(struct pgoutput *decoder, struct leat_slice payload,
                    struct pgoutput_message *ret_message, struct leat_err *err) LEAT_MUST_CHECK;

/* The i-th relation of a TRUNCATE, i < truncate.count. */
uint32_t pgoutput_truncate_oid(const struct pgoutput_message *message, uint32_t i);

/* "INSERT", "STREAM_COMMIT" …; "unknown" for a tag that is none. */
const char *pgoutput_type_name(uint8_t type);

#endif
