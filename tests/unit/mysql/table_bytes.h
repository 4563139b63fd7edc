/*
 * Table maps and rows in hexadecimal. The two long ones were captured from MariaDB 10.11; the
 * shorter ones are put together by hand from the description of the format.
 */
#ifndef UNIT_MYSQL_TABLE_BYTES_H
#define UNIT_MYSQL_TABLE_BYTES_H

#include "sources/mysql/table_schema.h"

#include <leat/filter.h>

#include "unit/outcome.h"

#include <ctype.h>
#include <stdlib.h>

/* t1 (id int pk, u uuid, i6 inet6, i4 inet4, vcc varchar(500) compressed, bc blob compressed, j
 * json, b binary(5), vb varbinary(5), c char(5) latin1, cu char(100) utf8mb4, e enum('a','b'), s
 * set('x','y','z'), bt bit(10), y year, v int virtual, st int stored, inv int invisible, g
 * geometry, pt point, ts timestamp(3), dt datetime(1), ti time(2), d date, dec1 decimal(10,3)
 * unsigned, f float, db double, bi bigint unsigned) */
static UNUSED const char WIDE_MAP[] =
    "120000000000 0100 0164 00 027431 00 1c"
    "03fefefe8d8cfcfe0ffefefefe100d030303ffff1112130af6040508"
    "21 fe10fe10fe04f5010204fe050500fe05ee90f701f801020104040301020a030408 feffff0f"
    "01 02 4480 02 09 3f 03 08 05 2e 08 08 09 2d 07 02 00 01"
    "04 4d 026964 0175 026936 026934 03766363 026263 016a 0162 027662 0163 026375 0165 0173 026274"
    "0179 0176 027374 03696e76 0167 027074 027473 026474 027469 0164 0464656331 0166 026462 026269"
    "0a 01 08 05 07 03 0178 0179 017a 06 05 02 0161 0162 08 01 00";

static UNUSED const char WIDE_ROW[] =
    "120000000000 0100 1c ffffff0f"
    "000000f0 01000000 0e 123e4567e89b12d3a45642665544 10 20010db8000000000000ff0000428329"
    "04 c0000201 0c00 8a01904b4c4a1c8583080200 0800 8964abaaa23d0000 08000000 7b2261223a20317d"
    "02 0102 03 010200 02 6162 0200 c3a9 02 05 0201 7c 02000000 03000000 07000000"
    "19000000 00000000 0101000000 000000000000f03f 0000000000000040"
    "19000000 00000000 0101000000 000000000000f03f 0000000000000040"
    "65937d25 1a7c 99b2443105 3c 7fef7c d3 5dd00f 8000007b 01c8 0000c03f 0000000000000440"
    "ffffffffffffffff";

/* cc (a char(5) utf8mb4_uca1400_ai_ci, b varchar(10) gbk, c text utf16, d varchar(5) latin1, e
 * char(3) ucs2, f char(3) binary, g enum('é','ü') latin1), all nullable */
static UNUSED const char CHARSETS_MAP[] =
    "130000000000 0100 0164 00 026363 00 07 fe0ffc0ffefefe 0d fe14 1400 02 0500 fe06 fe03 f701 7f"
    "03 08 fc0009 1c 36 08 23 3f 04 0e 0161 0162 0163 0164 0165 0166 0167 0a 01 08"
    "06 05 02 01e9 01fc";
static UNUSED const char CHARSETS_ROW[] =
    "130000000000 0100 07 7f 80 03 61c3a9 04 d6d0cec4 0400 d83dde00 02 e980 04 00610062 01 61 02";

struct bytes {
    uint8_t *data; /* of exactly its length: what reads past it is seen */
    size_t len;
};

static UNUSED struct bytes bytes_of(const char *hex)
{
    struct bytes b = {malloc(strlen(hex) / 2 + 1), 0};
    assert_non_null(b.data);
    while (*hex) {
        char pair[3] = {hex[0], hex[1], '\0'};
        if (*hex == ' ') {
            hex++;
            continue;
        }
        b.data[b.len++] = (uint8_t)strtoul(pair, NULL, 16);
        hex += 2;
    }
    b.data = realloc(b.data, b.len ? b.len : 1);
    return b;
}

static UNUSED struct leat_slice slice_of(struct bytes b)
{
    return leat_slice_of(b.data, b.len);
}

/* One in place of the settings: lists of patterns, each ended by NULL. */
static UNUSED struct leat_strings strings_of(const char **items)
{
    struct leat_strings list = {.items = items};
    while (items && items[list.count])
        list.count++;
    return list;
}

/* Compiles a map; its bytes are gone afterwards, as in a ring. */
static UNUSED int compile(struct my_tables *tables, const char *hex, const struct my_table_env *env,
                          uint64_t shape, struct my_table **ret_table)
{
    struct bytes b = bytes_of(hex);
    struct my_table_map m;
    ok(my_event_table_map(slice_of(b), &m, &err));
    int status = my_tables_put(tables, &m, shape, env, ret_table, &err);
    memset(b.data, 0xee, b.len);
    free(b.data);
    return status;
}

#endif
