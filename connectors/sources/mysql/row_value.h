/*
 * Wire value of a row image → common value (mysql.md §5), by a column's description that was
 * compiled once per table.
 *
 *     my_column_init(type byte, metadata …) ─▶ my_column_refine(charset, sign, labels, declared
 * type) ─▶ my_value_decode(column, reader, …) for every row
 *
 *     MySQL                                  common kind
 *     ints, signed or up to 32 bits, YEAR    INT64
 *     BIGINT UNSIGNED                        UINT64
 *     FLOAT, DOUBLE                          FLOAT32, FLOAT64
 *     DECIMAL                                DECIMAL, exactly `scale` digits behind the point
 *     CHAR VARCHAR TEXT ENUM SET             STRING (labels; a set's joined by commas)
 *     BINARY VARBINARY BLOB GEOMETRY         BYTES (BINARY padded to its length; SRID and WKB)
 *     DATE TIME DATETIME TIMESTAMP           DATE TIME TIMESTAMP TIMESTAMPTZ
 *     JSON                                   JSON, the server's own text
 *     BIT                                    BITS
 *     VECTOR                                 ARRAY of FLOAT32
 *     MariaDB UUID, INET4/6                  UUID, STRING
 *     zero and partial dates                 by policy: OTHER with the server's text, NULL, or an
 * error
 *
 * Ownership: text views the row's bytes or lives in the scratch arena.
 * Errors:    LEAT_EPROTO: malformed; LEAT_EDATA: a label that is not there (the schema is stale), a
 *            zero date or bad text where the policy says error.
 * Threads:   pure but for the charset's converter: the source's.
 */
#ifndef MYSQL_ROW_VALUE_H
#define MYSQL_ROW_VALUE_H

#include <leat/reader.h>
#include <leat/schema.h>

#include "sources/mysql/charset.h"
#include "sources/mysql/settings.h"

enum my_type {
    MY_TYPE_DECIMAL = 0,
    MY_TYPE_TINY = 1,
    MY_TYPE_SHORT = 2,
    MY_TYPE_LONG = 3,
    MY_TYPE_FLOAT = 4,
    MY_TYPE_DOUBLE = 5,
    MY_TYPE_NULL = 6,
    MY_TYPE_TIMESTAMP = 7,
    MY_TYPE_LONGLONG = 8,
    MY_TYPE_INT24 = 9,
    MY_TYPE_DATE = 10,
    MY_TYPE_TIME = 11,
    MY_TYPE_DATETIME = 12,
    MY_TYPE_YEAR = 13,
    MY_TYPE_NEWDATE = 14,
    MY_TYPE_VARCHAR = 15,
    MY_TYPE_BIT = 16,
    MY_TYPE_TIMESTAMP2 = 17,
    MY_TYPE_DATETIME2 = 18,
    MY_TYPE_TIME2 = 19,
    MARIA_TYPE_BLOB_COMPRESSED = 140,
    MARIA_TYPE_VARCHAR_COMPRESSED = 141,
    MY_TYPE_VECTOR = 242,
    MY_TYPE_JSON = 245,
    MY_TYPE_NEWDECIMAL = 246,
    MY_TYPE_ENUM = 247,
    MY_TYPE_SET = 248,
    MY_TYPE_BLOB = 252,
    MY_TYPE_VAR_STRING = 253,
    MY_TYPE_STRING = 254,
    MY_TYPE_GEOMETRY = 255,
};

/* What only the catalogue can tell, by the declared type. */
enum my_logical {
    MY_LOGICAL_NONE,
    MY_LOGICAL_UUID,
    MY_LOGICAL_INET6,
    MY_LOGICAL_INET4,
    MY_LOGICAL_JSON,
    MY_LOGICAL_VECTOR
};

struct my_column {
    uint8_t type; /* enum my_type, the real one: ENUM and SET are unpacked from STRING */
    uint8_t
        length_bytes; /* of the length in front of the value, or of an ENUM's, SET's, BIT's value */
    uint8_t precision, scale; /* DECIMAL; scale: digits of a second */
    bool is_unsigned;
    bool nullable;
    uint8_t logical;                 /* enum my_logical */
    uint32_t length;                 /* most bytes of CHAR, BINARY, VARCHAR; bits of BIT */
    uint16_t geometry;               /* geometry type of the table map, 0: any */
    struct my_charset *charset;      /* NULL: bytes */
    const struct leat_slice *labels; /* ENUM and SET, in UTF-8 */
    uint32_t label_count;
    uint8_t kind; /* enum leat_kind of present values */
};

/* What all rows of a source have in common. */
struct my_value_policy {
    int zero_dates; /* enum my_zero_dates */
    int bad_text;   /* enum my_bad_text */
    bool mariadb;
    int64_t text_replaced; /* counts characters that were replaced */
};

/* From the TABLE_MAP's type byte; takes this type's metadata bytes from `metadata`. LEAT_EDATA: a
 * type that nobody can decode. Charset, sign, labels and kind come by refine. */
int my_column_init(struct my_column *column, uint8_t type, struct leat_reader *metadata,
                   struct leat_err *err) LEAT_MUST_CHECK;

/* True for the columns that the optional metadata counts as numeric, character, enum or set … */
bool my_column_is_numeric(const struct my_column *column);
bool my_column_is_character(const struct my_column *column);
bool my_column_is_enum_or_set(const struct my_column *column);
bool my_column_is_geometry(const struct my_column *column);

/* Settles `kind` after charset, sign, labels and logical type were filled in. */
void my_column_refine(struct my_column *column);

/* Appends the declared type as information_schema would print it without display widths ("int
 * unsigned", "varchar(20)", "enum('a','b')", "decimal(10,2)", "datetime(3)"), and sets precision
 * and scale as struct leat_column has them. */
void my_column_describe(const struct my_column *column, struct leat_buf *text,
                        int32_t *ret_precision, int32_t *ret_scale);

/* Reads one present, non-NULL value. After an error *ret_value is worth nothing. */
int my_value_decode(const struct my_column *column, struct leat_reader *r,
                    struct leat_arena *scratch, struct my_value_policy *policy,
                    struct leat_value *ret_value, struct leat_err *err) LEAT_MUST_CHECK;

/* Passes over one without looking at it. False: too short. */
bool my_value_skip(const struct my_column *column, struct leat_reader *r) LEAT_MUST_CHECK;

#endif
