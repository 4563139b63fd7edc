/*
 * A column's declared type as information_schema prints it, from what the log says about it,
 * without the display widths that the log does not know.
 *
 * Lengths are in characters: the log's bytes over the most that a character of the set takes.
 */
#include "sources/mysql/row_value.h"

static const char *const GEOMETRIES[] = {
    "geometry",   "point",           "linestring",   "polygon",
    "multipoint", "multilinestring", "multipolygon", "geometrycollection"};
enum { GEOMETRY_COUNT = sizeof GEOMETRIES / sizeof *GEOMETRIES };

/* By the bytes of the length in front. */
static const char *const BLOB_SIZES[5] = {"", "tiny", "", "medium", "long"};

static bool is_text(const struct my_column *c)
{
    return c->charset && !my_charset_is_binary(c->charset);
}

/* NULL: the name alone does not say it all. */
static const char *plain_name(const struct my_column *c)
{
    switch (c->type) {
    case MY_TYPE_TINY:
        return "tinyint";
    case MY_TYPE_SHORT:
        return "smallint";
    case MY_TYPE_INT24:
        return "mediumint";
    case MY_TYPE_LONG:
        return "int";
    case MY_TYPE_LONGLONG:
        return "bigint";
    case MY_TYPE_FLOAT:
        return "float";
    case MY_TYPE_DOUBLE:
        return "double";
    case MY_TYPE_YEAR:
        return "year";
    case MY_TYPE_DATE:
    case MY_TYPE_NEWDATE:
        return "date";
    case MY_TYPE_JSON:
        return "json";
    case MY_TYPE_VECTOR:
        return "vector";
    case MY_TYPE_NULL:
        return "null";
    case MY_TYPE_GEOMETRY:
        return GEOMETRIES[c->geometry < GEOMETRY_COUNT ? c->geometry : 0];
    default:
        return NULL;
    }
}

static const char *logical_name(const struct my_column *c)
{
    static const char *const names[] = {
        [MY_LOGICAL_NONE] = NULL,     [MY_LOGICAL_UUID] = "uuid", [MY_LOGICAL_INET6] = "inet6",
        [MY_LOGICAL_INET4] = "inet4", [MY_LOGICAL_JSON] = "json", [MY_LOGICAL_VECTOR] = NULL};
    return names[c->logical];
}

/* "time(3)" */
static void describe_time(const struct my_column *c, struct leat_buf *text, int32_t *ret_scale)
{
    const char *name = c->kind == LEAT_TIME        ? "time"
                       : c->kind == LEAT_TIMESTAMP ? "datetime"
                                                   : "timestamp";
    *ret_scale = c->scale;
    leat_buf_append_text(text, name);
    if (c->scale)
        leat_buf_format(text, "(%u)", c->scale);
}

/* "varchar(20)", "binary(16)" */
static void describe_string(const struct my_column *c, struct leat_buf *text,
                            int32_t *ret_precision)
{
    bool fixed = c->type == MY_TYPE_STRING;
    uint32_t length = c->length;
    if (is_text(c)) {
        length /= my_charset_bytes_max(c->charset);
        leat_buf_append_text(text, fixed ? "char" : "varchar");
    } else {
        leat_buf_append_text(text, fixed ? "binary" : "varbinary");
    }
    *ret_precision = (int32_t)length;
    leat_buf_format(text, "(%u)", length);
}

/* As a literal: what the server escapes is escaped. */
static void append_label(struct leat_buf *text, struct leat_slice label)
{
    leat_buf_append_text(text, "'");
    for (size_t i = 0; i < label.len; i++) {
        uint8_t byte = label.ptr[i];
        const char *escaped = byte == '\''   ? "''"
                              : byte == '\\' ? "\\\\"
                              : byte == '\n' ? "\\n"
                              : byte == '\r' ? "\\r"
                              : byte == 0    ? "\\0"
                                             : NULL;
        if (escaped)
            leat_buf_append_text(text, escaped);
        else
            leat_buf_append(text, leat_slice_of(&byte, 1));
    }
    leat_buf_append_text(text, "'");
}

/* "enum('a','b')" */
static void describe_labels(const struct my_column *c, struct leat_buf *text)
{
    leat_buf_append_text(text, c->type == MY_TYPE_ENUM ? "enum(" : "set(");
    for (uint32_t i = 0; i < c->label_count; i++) {
        if (i)
            leat_buf_append_text(text, ",");
        append_label(text, c->labels[i]);
    }
    leat_buf_append_text(text, ")");
}

static void describe_sized(const struct my_column *c, struct leat_buf *text, int32_t *ret_precision,
                           int32_t *ret_scale)
{
    switch (c->type) {
    case MY_TYPE_NEWDECIMAL:
        *ret_precision = c->precision;
        *ret_scale = c->scale;
        leat_buf_format(text, "decimal(%u,%u)", c->precision, c->scale);
        break;
    case MY_TYPE_BIT:
        *ret_precision = (int32_t)c->length;
        leat_buf_format(text, "bit(%u)", c->length);
        break;
    case MY_TYPE_ENUM:
    case MY_TYPE_SET:
        describe_labels(c, text);
        break;
    case MY_TYPE_BLOB:
    case MARIA_TYPE_BLOB_COMPRESSED:
        leat_buf_append_text(text, BLOB_SIZES[c->length_bytes]);
        leat_buf_append_text(text, is_text(c) ? "text" : "blob");
        break;
    case MY_TYPE_STRING:
    case MY_TYPE_VARCHAR:
    case MY_TYPE_VAR_STRING:
    case MARIA_TYPE_VARCHAR_COMPRESSED:
        describe_string(c, text, ret_precision);
        break;
    default:
        describe_time(c, text, ret_scale);
        break;
    }
}

void my_column_describe(const struct my_column *c, struct leat_buf *text, int32_t *ret_precision,
                        int32_t *ret_scale)
{
    int32_t precision = -1, scale = -1;
    const char *name = logical_name(c);
    if (!name)
        name = plain_name(c);
    if (c->logical == MY_LOGICAL_VECTOR && c->type == MY_TYPE_VARCHAR)
        leat_buf_format(text, "vector(%u)", c->length / 4);
    else if (name)
        leat_buf_append_text(text, name);
    else
        describe_sized(c, text, &precision, &scale);
    if (c->is_unsigned && my_column_is_numeric(c) && c->type != MY_TYPE_YEAR)
        leat_buf_append_text(text, " unsigned");
    if (c->type == MARIA_TYPE_BLOB_COMPRESSED || c->type == MARIA_TYPE_VARCHAR_COMPRESSED)
        leat_buf_append_text(text, " /*M!100301 COMPRESSED*/");
    *ret_precision = precision;
    *ret_scale = scale;
}
