/*
 * Events that name a transaction: MySQL's GTID, plain and tagged, MariaDB's GTID and its list, and
 * the XA transaction that is prepared. They begin a transaction, so one of them passes here for
 * every transaction of the log.
 *
 * What differs: each release of MySQL appended fields to its GTID event until 8.3, where the tagged
 * one became a message of numbered fields; MariaDB's has optional fields by flags, and zeros up to
 * 19 bytes behind them. Numbers are checked here, so that sets need not doubt them.
 */
#include "sources/mysql/binlog_body.h"

#include <stdio.h>

#define GTID_NUMBER_MAX (INT64_MAX - 1) /* MySQL's own: the end of an interval is exclusive */

/* --- xid ---------------------------------------------------------------------------------------
 */

static char *put_hex(char *at, struct leat_slice bytes)
{
    static const char DIGITS[] = "0123456789abcdef";
    *at++ = 'X';
    *at++ = '\'';
    for (size_t i = 0; i < bytes.len; i++) {
        *at++ = DIGITS[bytes.ptr[i] >> 4];
        *at++ = DIGITS[bytes.ptr[i] & 15];
    }
    *at++ = '\'';
    *at++ = ',';
    return at;
}

void my_xid_format(struct leat_slice gtrid, struct leat_slice bqual, uint32_t format,
                   char *ret_text)
{
    char *at = put_hex(put_hex(ret_text, gtrid), bqual);
    snprintf(at, MY_XID_TEXT - (size_t)(at - ret_text), "%u", format);
}

/* one phase u8, format u32, length of gtrid u32, length of bqual u32, gtrid, bqual */
int my_event_xa_prepare(struct leat_slice body, struct my_xa_prepare *ret, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(body);
    bool one_phase = leat_reader_u8(&r) != 0;
    uint32_t format = leat_reader_le32(&r);
    size_t gtrid_len = leat_reader_le32(&r), bqual_len = leat_reader_le32(&r);
    if (gtrid_len > MY_XID_PART_MAX || bqual_len > MY_XID_PART_MAX)
        r.bad = true;
    struct leat_slice gtrid = leat_reader_bytes(&r, gtrid_len);
    struct leat_slice bqual = leat_reader_bytes(&r, bqual_len);
    int status = my_body_done(&r, "XA_PREPARE", err);
    if (status)
        return status;
    ret->one_phase = one_phase;
    my_xid_format(gtrid, bqual, format, ret->xid);
    return LEAT_OK;
}

/* --- MySQL -------------------------------------------------------------------------------------
 */

#define ORIGINAL_TIME_FOLLOWS (UINT64_C(1) << 55)

enum { CLOCK_LOGICAL = 2, CLOCK_BYTES = 16, TIME_BYTES = 7 };

static uint64_t read_u56(struct leat_reader *r)
{
    struct leat_slice s = leat_reader_bytes(r, TIME_BYTES);
    uint64_t v = 0;
    if (s.len)
        memcpy(&v, s.ptr, TIME_BYTES);
    return v;
}

/* Behind the number, each part from some release on: clock u8 (2) and i64 × 2 (5.7), commit time
 * u56 and, if its highest bit is set, the original one u56 (8.0.1), length lenenc (8.0.2), server
 * versions and what else is to come, which is of no concern */
static void read_appended(struct leat_reader *r, struct my_gtid *gtid)
{
    if (!leat_reader_left(r) || leat_reader_u8(r) != CLOCK_LOGICAL)
        return;
    (void)leat_reader_bytes(r, CLOCK_BYTES);
    if (!leat_reader_left(r))
        return;
    uint64_t time = read_u56(r);
    if (time & ORIGINAL_TIME_FOLLOWS)
        time = read_u56(r);
    gtid->commit_time_us = (int64_t)(time & ~ORIGINAL_TIME_FOLLOWS);
    if (leat_reader_left(r))
        gtid->transaction_bytes = my_body_lenenc(r);
}

/* flags u8, uuid, number i64, and what was appended */
static void read_plain(struct leat_reader *r, bool anonymous, struct my_gtid *gtid)
{
    (void)leat_reader_u8(r);
    struct leat_slice uuid = leat_reader_bytes(r, sizeof gtid->uuid);
    if (uuid.len)
        memcpy(gtid->uuid, uuid.ptr, sizeof gtid->uuid);
    gtid->number = (int64_t)leat_reader_le64(r);
    if (anonymous ? gtid->number != 0 : gtid->number < 1 || gtid->number > GTID_NUMBER_MAX)
        r->bad = true;
    read_appended(r, gtid);
}

/* A number of the tagged message: as many ones as end the first byte say how many bytes follow it;
 * the number is what is above them and their zero. */
static uint64_t read_varlen(struct leat_reader *r)
{
    uint8_t first = leat_reader_u8(r);
    unsigned more = first == 0xff ? 8 : (unsigned)__builtin_ctz(~(unsigned)first);
    struct leat_slice s = leat_reader_bytes(r, more);
    uint64_t v = 0;
    if (s.len)
        memcpy(&v, s.ptr, s.len);
    return more == 8 ? v : (uint64_t)first >> (more + 1) | v << (7 - more);
}

/* Its signed form: the lowest bit is the sign, and minus is the complement. */
static int64_t read_varlen_signed(struct leat_reader *r)
{
    uint64_t v = read_varlen(r);
    return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}

static void read_varlen_uuid(struct leat_reader *r, struct my_gtid *gtid)
{
    for (size_t i = 0; i < sizeof gtid->uuid; i++) {
        uint64_t byte = read_varlen(r);
        if (byte > 0xff)
            r->bad = true;
        gtid->uuid[i] = (uint8_t)byte;
    }
}

/* A tag is what MySQL calls an identifier, in lower case. */
static bool is_tag(struct leat_slice tag)
{
    for (size_t i = 0; i < tag.len; i++) {
        uint8_t c = tag.ptr[i];
        if (!(c == '_' || (c >= 'a' && c <= 'z') || (i && c >= '0' && c <= '9')))
            return false;
    }
    return tag.len <= MY_TAG_MAX;
}

static void read_varlen_tag(struct leat_reader *r, struct my_gtid *gtid)
{
    uint64_t len = read_varlen(r);
    struct leat_slice tag = leat_reader_bytes(r, len <= MY_TAG_MAX ? (size_t)len : SIZE_MAX);
    if (r->bad || !is_tag(tag))
        r->bad = true;
    else if (tag.len)
        memcpy(gtid->tag, tag.ptr, tag.len);
}

enum tagged_field {
    TAGGED_FLAGS,
    TAGGED_UUID,
    TAGGED_NUMBER,
    TAGGED_TAG,
    TAGGED_LAST_COMMITTED,
    TAGGED_SEQUENCE_NUMBER,
    TAGGED_IMMEDIATE_TIME,
    TAGGED_ORIGINAL_TIME,
    TAGGED_BYTES,
    TAGGED_IMMEDIATE_VERSION,
    TAGGED_ORIGINAL_VERSION,
    TAGGED_TICKET,
    TAGGED_FIELDS,
};

static void read_tagged_field(struct leat_reader *r, uint64_t id, struct my_gtid *gtid)
{
    switch (id) {
    case TAGGED_UUID:
        read_varlen_uuid(r, gtid);
        return;
    case TAGGED_NUMBER:
        gtid->number = read_varlen_signed(r);
        return;
    case TAGGED_TAG:
        read_varlen_tag(r, gtid);
        return;
    case TAGGED_IMMEDIATE_TIME:
    case TAGGED_ORIGINAL_TIME: /* comes later, and is the one that counts */
        gtid->commit_time_us = (int64_t)read_varlen(r);
        return;
    case TAGGED_BYTES:
        gtid->transaction_bytes = read_varlen(r);
        return;
    default:
        (void)read_varlen(r);
    }
}

/* version (1), size of all of this, one more than the last field that may not be passed over;
 * then fields: number, value; ascending, some left out; unknown ones can only be the last */
static void read_tagged(struct leat_reader *r, struct my_gtid *gtid)
{
    size_t whole = leat_reader_left(r);
    uint64_t version = read_varlen(r), size = read_varlen(r), needed = read_varlen(r), from = 0;
    unsigned seen = 0;
    if (version != 1 || size != whole || needed > TAGGED_FIELDS)
        r->bad = true;
    while (!r->bad && leat_reader_left(r)) {
        uint64_t id = read_varlen(r);
        if (id >= TAGGED_FIELDS)
            break;
        if (id < from)
            r->bad = true;
        read_tagged_field(r, id, gtid);
        seen |= 1u << id;
        from = id + 1;
    }
    unsigned wanted = 1u << TAGGED_UUID | 1u << TAGGED_NUMBER | 1u << TAGGED_TAG;
    if ((seen & wanted) != wanted || gtid->number < 1 || gtid->number > GTID_NUMBER_MAX)
        r->bad = true;
}

int my_event_gtid(const struct my_event_header *header, struct leat_slice body, struct my_gtid *ret,
                  struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(body);
    struct my_gtid gtid = {.number = 0};
    if (header->type == MY_GTID_TAGGED_EVENT)
        read_tagged(&r, &gtid);
    else
        read_plain(&r, header->type == MY_ANONYMOUS_GTID_EVENT, &gtid);
    int status = my_body_enough(&r, my_event_name(header->type), err);
    if (!status)
        *ret = gtid;
    return status;
}

/* --- MariaDB -----------------------------------------------------------------------------------
 */

enum {
    MARIA_BODY_BYTES_MIN = 19,
    EXTRA_ENGINES = 1,
    EXTRA_ALTER_ENDS = MARIA_GTID_COMMIT_ALTER | MARIA_GTID_ROLLBACK_ALTER,
    LIST_COUNT_MASK = 0x0fffffff,
    LIST_ITEM_BYTES = 16,
    LIST_PADDING_MAX = 2, /* of an empty list, which older replicas want longer */
};

/* sequence u64, domain u32, flags u8, by flags: commit id u64; format u32, length of gtrid u8,
 * length of bqual u8, both; then, if there is more: flags u8, by them: engines u8, sequence of the
 * ALTER's first half u64; the rest is of newer servers, or zeros */
int my_event_maria_gtid(const struct my_event_header *header, struct leat_slice body,
                        struct maria_gtid *ret, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(body);
    struct leat_slice gtrid = {NULL, 0}, bqual = {NULL, 0};
    uint32_t format = 0;
    uint8_t extra = 0;
    uint64_t sequence = leat_reader_le64(&r);
    uint32_t domain = leat_reader_le32(&r);
    uint8_t flags = leat_reader_u8(&r);
    bool is_xa = flags & (MARIA_GTID_PREPARED_XA | MARIA_GTID_COMPLETED_XA);
    if (flags & MARIA_GTID_GROUP_COMMIT)
        (void)leat_reader_le64(&r);
    if (is_xa) {
        format = leat_reader_le32(&r);
        size_t gtrid_len = leat_reader_u8(&r), bqual_len = leat_reader_u8(&r);
        if (gtrid_len > MY_XID_PART_MAX || bqual_len > MY_XID_PART_MAX)
            r.bad = true;
        gtrid = leat_reader_bytes(&r, gtrid_len);
        bqual = leat_reader_bytes(&r, bqual_len);
    }
    if (leat_reader_left(&r))
        extra = leat_reader_u8(&r);
    if (extra & EXTRA_ENGINES)
        (void)leat_reader_u8(&r);
    if (extra & EXTRA_ALTER_ENDS)
        (void)leat_reader_le64(&r);
    if (body.len < MARIA_BODY_BYTES_MIN || sequence == 0)
        r.bad = true;
    int status = my_body_enough(&r, "MARIADB_GTID", err);
    if (status)
        return status;
    ret->domain = domain;
    ret->server_id = header->server_id;
    ret->sequence = sequence;
    ret->flags = flags;
    ret->flags_extra = extra;
    ret->xid[0] = '\0';
    if (is_xa)
        my_xid_format(gtrid, bqual, format, ret->xid);
    return LEAT_OK;
}

/* count u32, of which 4 bits are flags, then domain u32, server u32, sequence u64 each */
int my_event_maria_gtid_list(struct leat_slice body, uint32_t *ret_count, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(body);
    uint32_t count = leat_reader_le32(&r) & LIST_COUNT_MASK;
    (void)leat_reader_bytes(&r, (size_t)count * LIST_ITEM_BYTES);
    if (!count && leat_reader_left(&r) <= LIST_PADDING_MAX)
        (void)leat_reader_bytes(&r, leat_reader_left(&r));
    int status = my_body_done(&r, "GTID_LIST", err);
    if (!status)
        *ret_count = count;
    return status;
}

struct maria_gtid my_event_maria_gtid_at(struct leat_slice body, uint32_t index)
{
    size_t at = sizeof(uint32_t) + (size_t)index * LIST_ITEM_BYTES;
    struct leat_reader r = leat_reader_of(leat_slice_of(body.ptr + at, LIST_ITEM_BYTES));
    struct maria_gtid gtid = {.domain = leat_reader_le32(&r)};
    gtid.server_id = leat_reader_le32(&r);
    gtid.sequence = leat_reader_le64(&r);
    return gtid;
}
