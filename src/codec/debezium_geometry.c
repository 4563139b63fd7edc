/*
 * Geometries as Debezium's structs. A geometry that is bytes is the internal form of MySQL:
 *
 *     SRID le32 · WKB:  byte order u8 (1: little-endian) · type 32 · coordinates
 *
 * A column declared as a point becomes {"x","y","wkb","srid"}, any other {"wkb","srid","extensions"}. SRID
 * 0 is null. The bytes of the WKB pass as they are; only a point's two numbers are read, and they are null
 * where the bytes are no point, so that an event is never stopped by them.
 */
#include "debezium.h"

enum {
    SRID_BYTES = 4,
    WKB_POINT = 1,
    WKB_POINT_BYTES = 1 + 4 + 8 + 8,
    MAP_VERSION = 2, /* of the struct: since it has extensions */
};

bool leat_debezium_is_point(const struct leat_column *c)
{
    return c->kind == LEAT_BYTES && leat_debezium_type_is(c, "point");
}

bool leat_debezium_is_geometry(const struct leat_column *c)
{
    static const char *const TYPES[] = {
        "point",      "geometry",        "linestring",   "polygon",
        "multipoint", "multilinestring", "multipolygon", "geometrycollection",
        "geomcollection"};
    if (c->kind != LEAT_BYTES)
        return false;
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++)
        if (leat_debezium_type_is(c, TYPES[i]))
            return true;
    return false;
}

static uint64_t number(const uint8_t *at, unsigned len, bool little)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < len; i++)
        v = v << 8 | at[little ? len - 1 - i : i];
    return v;
}

static void put_coordinate(struct leat_json *j, const uint8_t *at, bool little)
{
    uint64_t bits = number(at, 8, little);
    double v;
    memcpy(&v, &bits, sizeof v);
    leat_json_double(j, v);
}

static void put_point(struct leat_json *j, struct leat_slice wkb)
{
    bool little = wkb.len && wkb.ptr[0] != 0;
    bool point = wkb.len == WKB_POINT_BYTES && number(wkb.ptr + 1, 4, little) == WKB_POINT;
    LEAT_JSON_NAME(j, "x");
    if (point)
        put_coordinate(j, wkb.ptr + 5, little);
    else
        leat_json_null(j);
    LEAT_JSON_NAME(j, "y");
    if (point)
        put_coordinate(j, wkb.ptr + 13, little);
    else
        leat_json_null(j);
}

void leat_debezium_geometry(struct leat_json *j, const struct leat_column *c, struct leat_slice bytes)
{
    bool point = leat_debezium_is_point(c);
    size_t head = bytes.len < SRID_BYTES ? bytes.len : SRID_BYTES;
    uint64_t srid = head == SRID_BYTES ? number(bytes.ptr, SRID_BYTES, true) : 0;
    struct leat_slice wkb = {head ? bytes.ptr + head : NULL, bytes.len - head};
    leat_json_object(j);
    if (point)
        put_point(j, wkb);
    LEAT_JSON_NAME(j, "wkb");
    leat_json_base64(j, wkb);
    LEAT_JSON_NAME(j, "srid");
    if (srid)
        leat_json_uint(j, srid);
    else
        leat_json_null(j);
    if (!point) {
        LEAT_JSON_NAME(j, "extensions");
        leat_json_null(j);
    }
    leat_json_object_end(j);
}

/* --- the schema half ------------------------------------------------------------------------- */

static void put_field(struct leat_json *j, const char *type, bool optional, const char *field)
{
    leat_json_object(j);
    LEAT_JSON_NAME(j, "type");
    leat_json_text(j, type);
    LEAT_JSON_NAME(j, "optional");
    leat_json_bool(j, optional);
    if (field) {
        LEAT_JSON_NAME(j, "field");
        leat_json_text(j, field);
    }
    leat_json_object_end(j);
}

static void put_extensions(struct leat_json *j)
{
    leat_json_object(j);
    LEAT_JSON_NAME(j, "type");
    leat_json_text(j, "map");
    LEAT_JSON_NAME(j, "keys");
    put_field(j, "string", false, NULL);
    LEAT_JSON_NAME(j, "values");
    put_field(j, "string", false, NULL);
    LEAT_JSON_NAME(j, "optional");
    leat_json_bool(j, true);
    LEAT_JSON_NAME(j, "field");
    leat_json_text(j, "extensions");
    leat_json_object_end(j);
}

void leat_debezium_geometry_schema(struct leat_json *j, const struct leat_column *c, bool optional)
{
    bool point = leat_debezium_is_point(c);
    leat_json_object(j);
    LEAT_JSON_NAME(j, "type");
    leat_json_text(j, "struct");
    LEAT_JSON_NAME(j, "fields");
    leat_json_array(j);
    if (point) {
        put_field(j, "double", false, "x");
        put_field(j, "double", false, "y");
    }
    put_field(j, "bytes", point, "wkb");
    put_field(j, "int32", true, "srid");
    if (!point)
        put_extensions(j);
    leat_json_array_end(j);
    LEAT_JSON_NAME(j, "optional");
    leat_json_bool(j, optional);
    LEAT_JSON_NAME(j, "name");
    leat_json_text(j, point ? "io.debezium.data.geometry.Point" : "io.debezium.data.geometry.Geometry");
    LEAT_JSON_NAME(j, "version");
    leat_json_int(j, point ? 1 : MAP_VERSION);
    LEAT_JSON_NAME(j, "doc");
    leat_json_text(j, point ? "Geometry (POINT)" : "Geometry");
}
