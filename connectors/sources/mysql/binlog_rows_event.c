/*
 * Tables and rows: the heads of the events that carry data. A table map is cut into its parts, the
 * rows of a rows event stay bytes; what they mean takes both (table_schema.c, binlog_rows.c).
 *
 *   1. Bitmaps are as long as the column count says, and the count is bounded before it is used.
 *   2. Optional metadata that is not known is passed over: it is why it has a length.
 */
#include "sources/mysql/binlog_body.h"

#include <leat/limits.h>

#include <inttypes.h>
#include <stddef.h>
#include <zlib.h>

enum { TABLE_ID_BYTES = 6 };

static inline uint64_t read_table_id(struct leat_reader *r)
{
    struct leat_slice s = leat_reader_bytes(r, TABLE_ID_BYTES);
    uint64_t v = 0;
    if (s.len)
        memcpy(&v, s.ptr, TABLE_ID_BYTES);
    return v;
}

int my_event_table_id(struct leat_slice body, uint64_t *ret_table_id, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(body);
    uint64_t id = read_table_id(&r);
    int status = my_body_enough(&r, "TABLE_MAP or rows", err);
    if (!status)
        *ret_table_id = id;
    return status;
}

/* A column count; zero, and `bad`, when it cannot be one. */
static inline uint32_t read_column_count(struct leat_reader *r)
{
    uint64_t count = my_body_lenenc(r);
    if (count == 0 || count > LEAT_COLUMNS_MAX)
        r->bad = true;
    return r->bad ? 0 : (uint32_t)count;
}

static inline struct leat_slice read_bits(struct leat_reader *r, uint32_t count)
{
    return leat_reader_bytes(r, (count + 7) / 8);
}

static inline struct leat_slice read_counted(struct leat_reader *r)
{
    uint64_t len = my_body_lenenc(r);
    return leat_reader_bytes(r, len <= leat_reader_left(r) ? (size_t)len : SIZE_MAX);
}

/* --- table map ---------------------------------------------------------------------------------
 */

/* The optional fields stand in the struct in the order of their types, from 1. */
enum { OPTIONAL_FIELDS = 13 };
_Static_assert(offsetof(struct my_table_map, vector_dimensions) ==
                   offsetof(struct my_table_map, signedness) +
                       (OPTIONAL_FIELDS - 1) * sizeof(struct leat_slice),
               "struct my_table_map has its optional fields in the order of their types");

/* type u8, length lenenc, value; to the end */
static void read_optional(struct leat_reader *r, struct my_table_map *m)
{
    char *first = (char *)m + offsetof(struct my_table_map, signedness);
    while (!r->bad && leat_reader_left(r)) {
        uint8_t type = leat_reader_u8(r);
        struct leat_slice value = read_counted(r);
        if (type >= 1 && type <= OPTIONAL_FIELDS)
            memcpy(first + (type - 1u) * sizeof value, &value, sizeof value);
    }
}

static inline struct leat_slice read_name(struct leat_reader *r)
{
    struct leat_slice name = leat_reader_bytes(r, leat_reader_u8(r));
    if (leat_reader_u8(r) != 0)
        r->bad = true;
    return name;
}

/* table u48, flags u16, length of database u8, database, NUL, length of table u8, table, NUL,
 * columns lenenc, type u8 each, length of metadata lenenc, metadata, nullable bits, optional
 * fields */
int my_event_table_map(struct leat_slice body, struct my_table_map *ret, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(body);
    struct my_table_map m = {.table_id = read_table_id(&r)};
    m.shape = leat_slice_of(r.at, leat_reader_left(&r));
    m.flags = leat_reader_le16(&r);
    m.database = read_name(&r);
    m.table = read_name(&r);
    m.column_count = read_column_count(&r);
    m.types = leat_reader_bytes(&r, m.column_count);
    m.metadata = read_counted(&r);
    m.nullable = read_bits(&r, m.column_count);
    read_optional(&r, &m);
    int status = my_body_done(&r, "TABLE_MAP", err);
    if (!status)
        *ret = m;
    return status;
}

/* --- rows --------------------------------------------------------------------------------------
 */

/* What a type says by itself. */
struct rows_form {
    uint8_t kind;
    bool is_rows, has_extra, compressed, partial;
};

static const struct rows_form FORMS[256] = {
    [MY_WRITE_ROWS_V1] = {MY_ROWS_WRITE, true, false, false, false},
    [MY_UPDATE_ROWS_V1] = {MY_ROWS_UPDATE, true, false, false, false},
    [MY_DELETE_ROWS_V1] = {MY_ROWS_DELETE, true, false, false, false},
    [MY_WRITE_ROWS_V2] = {MY_ROWS_WRITE, true, true, false, false},
    [MY_UPDATE_ROWS_V2] = {MY_ROWS_UPDATE, true, true, false, false},
    [MY_DELETE_ROWS_V2] = {MY_ROWS_DELETE, true, true, false, false},
    [MY_PARTIAL_UPDATE_EVENT] = {MY_ROWS_UPDATE, true, true, false, true},
    [MARIA_WRITE_ROWS_COMPRESSED_V1] = {MY_ROWS_WRITE, true, false, true, false},
    [MARIA_UPDATE_ROWS_COMPRESSED_V1] = {MY_ROWS_UPDATE, true, false, true, false},
    [MARIA_DELETE_ROWS_COMPRESSED_V1] = {MY_ROWS_DELETE, true, false, true, false},
    [MARIA_WRITE_ROWS_COMPRESSED_V2] = {MY_ROWS_WRITE, true, true, true, false},
    [MARIA_UPDATE_ROWS_COMPRESSED_V2] = {MY_ROWS_UPDATE, true, true, true, false},
    [MARIA_DELETE_ROWS_COMPRESSED_V2] = {MY_ROWS_DELETE, true, true, true, false},
};

enum { EXTRA_LENGTH_BYTES = 2, STATEMENT_END = 1 };

#define DUMMY_TABLE_ID     UINT64_C(0xffffff)
#define DUMMY_TABLE_ID_ALL UINT64_C(0xffffffffffff)

bool my_event_is_rows(uint8_t type)
{
    return FORMS[type].is_rows;
}

/* An end of a statement without rows: a number that a real table could have, but then with rows. */
static bool is_dummy(uint64_t table_id, uint16_t flags)
{
    return (flags & STATEMENT_END) &&
           (table_id == DUMMY_TABLE_ID || table_id == DUMMY_TABLE_ID_ALL);
}

/* Partition ids, or a storage engine's own: length u16 that counts itself, bytes. */
static void skip_extra(struct leat_reader *r)
{
    size_t len = leat_reader_le16(r);
    (void)leat_reader_bytes(r, len >= EXTRA_LENGTH_BYTES ? len - EXTRA_LENGTH_BYTES : SIZE_MAX);
}

/* table u48, flags u16, (v2: extra), columns lenenc, bits of the image, (UPDATE: bits of the after
 * image), rows to the end. Into locals, and from there into *ret: a struct that is filled and then
 * copied costs as much again. */
int my_event_rows(uint8_t type, struct leat_slice body, struct my_rows *ret, struct leat_err *err)
{
    const struct rows_form *form = &FORMS[type];
    struct leat_reader r = leat_reader_of(body);
    struct leat_slice before = {NULL, 0}, after = {NULL, 0};
    if (!form->is_rows)
        return leat_fail(err, LEAT_EBUG, "an event of type %u has no rows", type);
    uint64_t table_id = read_table_id(&r);
    uint16_t flags = leat_reader_le16(&r);
    if (form->has_extra)
        skip_extra(&r);
    uint32_t count = read_column_count(&r);
    if (form->kind != MY_ROWS_WRITE)
        before = read_bits(&r, count);
    if (form->kind != MY_ROWS_DELETE)
        after = read_bits(&r, count);
    struct leat_slice rows = leat_reader_bytes(&r, leat_reader_left(&r));
    int status = my_body_done(&r, my_event_name(type), err);
    if (status)
        return status;
    *ret = (struct my_rows){.table_id = table_id,
                            .flags = flags,
                            .kind = form->kind,
                            .partial_json = form->partial,
                            .compressed = form->compressed,
                            .dummy = !rows.len && is_dummy(table_id, flags),
                            .column_count = count,
                            .present_before = before,
                            .present_after = after,
                            .rows = rows};
    return LEAT_OK;
}

/* --- MariaDB's compression ---------------------------------------------------------------------
 */

/* No zlib stream grows by more: a forged length is found before memory is taken for it. */
enum { INFLATE_RATIO_MAX = 1032, INFLATE_SLACK = 64, LENGTH_BYTES_MAX = 4 };

/* head u8: 1, algorithm in 3 bits (0: zlib), a zero, length of the length in 3 bits; length in
 * big-endian, zlib stream to the end */
int my_inflate_event(struct leat_slice compressed, struct leat_arena *arena,
                     struct leat_slice *ret_bytes, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(compressed);
    uint8_t head = leat_reader_u8(&r);
    unsigned length_bytes = head & 7;
    uint32_t len = 0;
    if ((head & 0xf8) != 0x80 || length_bytes == 0 || length_bytes > LENGTH_BYTES_MAX)
        return my_body_fail("compressed", "is compressed in a way that is not known", err);
    for (unsigned i = 0; i < length_bytes; i++)
        len = len << 8 | leat_reader_u8(&r);
    uLong left = leat_reader_left(&r);
    if (r.bad || len > left * INFLATE_RATIO_MAX + INFLATE_SLACK)
        return my_body_fail("compressed", "is cut, or not one", err);
    uint8_t *bytes = leat_arena_alloc(arena, len);
    if (!bytes)
        return leat_fail(err, LEAT_ELIMIT, "a compressed event of %" PRIu32 " bytes is too long",
                         len);
    uLongf inflated = len;
    if (uncompress2(bytes, &inflated, r.at, &left) != Z_OK || inflated != len ||
        left != leat_reader_left(&r))
        return my_body_fail("compressed", "does not inflate to what it says", err);
    *ret_bytes = leat_slice_of(bytes, len);
    return LEAT_OK;
}
