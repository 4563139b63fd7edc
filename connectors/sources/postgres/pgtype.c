/*
 * The table of types. One line stands for a type and its array; the OIDs are those of pg_type.dat
 * and never change between versions. What is not in it (composites, enums, extensions, what a later
 * version brings) is the generic type, whose text passes verbatim.
 *
 * Looked up when a relation is announced, not per row, so a plain scan will do.
 */
#include "sources/postgres/pgtype_forms.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof(array)[0])

/*  oid  array  short name  name  kind  form  binary is exact */
#define TYPES(X)                                                                                   \
    X(0, 0, "", "other", OTHER, UNKNOWN, false)                                                    \
    X(0, 0, "citext", "citext", STRING, VERBATIM, true)                                            \
    X(0, 0, "ltree", "ltree", OTHER, VERSIONED, true)                                              \
    X(16, 1000, "bool", "boolean", BOOL, BOOL, true)                                               \
    X(17, 1001, "bytea", "bytea", BYTES, BYTEA, true)                                              \
    X(18, 1002, "char", "\"char\"", STRING, CHAR, true)                                            \
    X(19, 1003, "name", "name", STRING, VERBATIM, true)                                            \
    X(20, 1016, "int8", "bigint", INT64, INT8, true)                                               \
    X(21, 1005, "int2", "smallint", INT64, INT2, true)                                             \
    X(22, 1006, "int2vector", "int2vector", OTHER, VECTOR, true)                                   \
    X(23, 1007, "int4", "integer", INT64, INT4, true)                                              \
    X(24, 1008, "regproc", "regproc", OTHER, UNKNOWN, false)                                       \
    X(25, 1009, "text", "text", STRING, VERBATIM, true)                                            \
    X(26, 1028, "oid", "oid", INT64, OID, true)                                                    \
    X(27, 1010, "tid", "tid", OTHER, TID, true)                                                    \
    X(28, 1011, "xid", "xid", OTHER, XID, true)                                                    \
    X(29, 1012, "cid", "cid", OTHER, XID, true)                                                    \
    X(30, 1013, "oidvector", "oidvector", OTHER, VECTOR, true)                                     \
    X(114, 199, "json", "json", JSON, VERBATIM, true)                                              \
    X(142, 143, "xml", "xml", STRING, VERBATIM, true)                                              \
    X(194, 0, "pg_node_tree", "pg_node_tree", OTHER, UNKNOWN, false)                               \
    X(600, 1017, "point", "point", OTHER, UNKNOWN, false)                                          \
    X(601, 1018, "lseg", "lseg", OTHER, UNKNOWN, false)                                            \
    X(602, 1019, "path", "path", OTHER, UNKNOWN, false)                                            \
    X(603, 1020, "box", "box", OTHER, UNKNOWN, false)                                              \
    X(604, 1027, "polygon", "polygon", OTHER, UNKNOWN, false)                                      \
    X(628, 629, "line", "line", OTHER, UNKNOWN, false)                                             \
    X(650, 651, "cidr", "cidr", OTHER, CIDR, true)                                                 \
    X(700, 1021, "float4", "real", FLOAT32, FLOAT4, true)                                          \
    X(701, 1022, "float8", "double precision", FLOAT64, FLOAT8, true)                              \
    X(718, 719, "circle", "circle", OTHER, UNKNOWN, false)                                         \
    X(774, 775, "macaddr8", "macaddr8", OTHER, MACADDR, true)                                      \
    X(790, 791, "money", "money", DECIMAL, MONEY, true)                                            \
    X(829, 1040, "macaddr", "macaddr", OTHER, MACADDR, true)                                       \
    X(869, 1041, "inet", "inet", OTHER, INET, true)                                                \
    X(1033, 1034, "aclitem", "aclitem", OTHER, UNKNOWN, false)                                     \
    X(1042, 1014, "bpchar", "character", STRING, VERBATIM, true)                                   \
    X(1043, 1015, "varchar", "character varying", STRING, VERBATIM, true)                          \
    X(1082, 1182, "date", "date", DATE, DATE, true)                                                \
    X(1083, 1183, "time", "time without time zone", TIME, TIME, true)                              \
    X(1114, 1115, "timestamp", "timestamp without time zone", TIMESTAMP, TIMESTAMP, true)          \
    X(1184, 1185, "timestamptz", "timestamp with time zone", TIMESTAMPTZ, TIMESTAMPTZ, true)       \
    X(1186, 1187, "interval", "interval", INTERVAL, INTERVAL, true)                                \
    X(1266, 1270, "timetz", "time with time zone", TIMETZ, TIMETZ, true)                           \
    X(1560, 1561, "bit", "bit", BITS, BITS, true)                                                  \
    X(1562, 1563, "varbit", "bit varying", BITS, BITS, true)                                       \
    X(1700, 1231, "numeric", "numeric", DECIMAL, NUMERIC, true)                                    \
    X(1790, 2201, "refcursor", "refcursor", OTHER, VERBATIM, true)                                 \
    X(2202, 2207, "regprocedure", "regprocedure", OTHER, UNKNOWN, false)                           \
    X(2203, 2208, "regoper", "regoper", OTHER, UNKNOWN, false)                                     \
    X(2204, 2209, "regoperator", "regoperator", OTHER, UNKNOWN, false)                             \
    X(2205, 2210, "regclass", "regclass", OTHER, UNKNOWN, false)                                   \
    X(2206, 2211, "regtype", "regtype", OTHER, UNKNOWN, false)                                     \
    X(2950, 2951, "uuid", "uuid", UUID, UUID, true)                                                \
    X(2970, 2949, "txid_snapshot", "txid_snapshot", OTHER, UNKNOWN, false)                         \
    X(3220, 3221, "pg_lsn", "pg_lsn", OTHER, LSN, true)                                            \
    X(3361, 0, "pg_ndistinct", "pg_ndistinct", OTHER, UNKNOWN, false)                              \
    X(3402, 0, "pg_dependencies", "pg_dependencies", OTHER, UNKNOWN, false)                        \
    X(3614, 3643, "tsvector", "tsvector", OTHER, UNKNOWN, false)                                   \
    X(3615, 3645, "tsquery", "tsquery", OTHER, UNKNOWN, false)                                     \
    X(3642, 3644, "gtsvector", "gtsvector", OTHER, UNKNOWN, false)                                 \
    X(3734, 3735, "regconfig", "regconfig", OTHER, UNKNOWN, false)                                 \
    X(3769, 3770, "regdictionary", "regdictionary", OTHER, UNKNOWN, false)                         \
    X(3802, 3807, "jsonb", "jsonb", JSON, VERSIONED, true)                                         \
    X(3904, 3905, "int4range", "int4range", OTHER, RANGE, true)                                    \
    X(3906, 3907, "numrange", "numrange", OTHER, RANGE, true)                                      \
    X(3908, 3909, "tsrange", "tsrange", OTHER, RANGE, true)                                        \
    X(3910, 3911, "tstzrange", "tstzrange", OTHER, RANGE, true)                                    \
    X(3912, 3913, "daterange", "daterange", OTHER, RANGE, true)                                    \
    X(3926, 3927, "int8range", "int8range", OTHER, RANGE, true)                                    \
    X(4072, 4073, "jsonpath", "jsonpath", OTHER, VERSIONED, true)                                  \
    X(4089, 4090, "regnamespace", "regnamespace", OTHER, UNKNOWN, false)                           \
    X(4096, 4097, "regrole", "regrole", OTHER, UNKNOWN, false)                                     \
    X(4191, 4192, "regcollation", "regcollation", OTHER, UNKNOWN, false)                           \
    X(4451, 6150, "int4multirange", "int4multirange", OTHER, MULTIRANGE, true)                     \
    X(4532, 6151, "nummultirange", "nummultirange", OTHER, MULTIRANGE, true)                       \
    X(4533, 6152, "tsmultirange", "tsmultirange", OTHER, MULTIRANGE, true)                         \
    X(4534, 6153, "tstzmultirange", "tstzmultirange", OTHER, MULTIRANGE, true)                     \
    X(4535, 6155, "datemultirange", "datemultirange", OTHER, MULTIRANGE, true)                     \
    X(4536, 6157, "int8multirange", "int8multirange", OTHER, MULTIRANGE, true)                     \
    X(4600, 0, "pg_brin_bloom_summary", "pg_brin_bloom_summary", OTHER, UNKNOWN, false)            \
    X(4601, 0, "pg_brin_minmax_multi_summary", "pg_brin_minmax_multi_summary", OTHER, UNKNOWN,     \
      false)                                                                                       \
    X(5017, 0, "pg_mcv_list", "pg_mcv_list", OTHER, UNKNOWN, false)                                \
    X(5038, 5039, "pg_snapshot", "pg_snapshot", OTHER, UNKNOWN, false)                             \
    X(5069, 271, "xid8", "xid8", OTHER, XID8, true)

enum { OID_BOX = 603, OID_BOX_ARRAY = 1020, OID_BIT = 1560, OID_BPCHAR = 1042 };

#define DELIMITER(oid) ((oid) == OID_BOX ? ';' : ',')
#define BASE_TYPE(oid_, array_, short_, name_, kind_, form_, exact_)                               \
    {.oid = oid_,                                                                                  \
     .name = name_,                                                                                \
     .short_name = short_,                                                                         \
     .kind = LEAT_##kind_,                                                                         \
     .element = LEAT_ABSENT,                                                                       \
     .form = PGTYPE_FORM_##form_,                                                                  \
     .binary_exact = exact_,                                                                       \
     .delimiter = DELIMITER(oid_)},
#define ARRAY_TYPE(oid_, array_, short_, name_, kind_, form_, exact_)                              \
    {.oid = array_,                                                                                \
     .name = name_ "[]",                                                                           \
     .short_name = "_" short_,                                                                     \
     .kind = LEAT_ARRAY,                                                                           \
     .element = LEAT_##kind_,                                                                      \
     .form = PGTYPE_FORM_ARRAY,                                                                    \
     .binary_exact = exact_,                                                                       \
     .delimiter = DELIMITER(oid_)},

static const struct pgtype types[] = {TYPES(BASE_TYPE)};
static const struct pgtype arrays[] = {
    TYPES(ARRAY_TYPE)}; /* arrays[i] holds elements of types[i] */

const struct pgtype *pgtype_find(uint32_t oid)
{
    if (oid == 0)
        return &types[0];
    for (size_t i = 0; i < LENGTH_OF(types); i++) {
        if (types[i].oid == oid)
            return &types[i];
        if (arrays[i].oid == oid)
            return &arrays[i];
    }
    return &types[0];
}

/* In pg_catalog all names that have a number are ours to know; elsewhere only those that have
 * none. */
const struct pgtype *pgtype_find_named(struct leat_slice schema, struct leat_slice name)
{
    bool catalog = leat_slice_equal(schema, LEAT_SLICE_LITERAL("pg_catalog"));
    for (size_t i = 1; i < LENGTH_OF(types); i++) {
        if (catalog != (types[i].oid != 0))
            continue;
        if (leat_slice_equal(name, leat_slice_text(types[i].short_name)))
            return &types[i];
        if (leat_slice_equal(name, leat_slice_text(arrays[i].short_name)))
            return &arrays[i];
    }
    return &types[0];
}

const struct pgtype *pgtype_element(const struct pgtype *type)
{
    static const struct {
        uint32_t oid, element;
    } elements[] = {
        {22, 21},     {30, 26},     {3904, 23},   {3906, 1700}, {3908, 1114},
        {3910, 1184}, {3912, 1082}, {3926, 20},   {4451, 3904}, {4532, 3906},
        {4533, 3908}, {4534, 3910}, {4535, 3912}, {4536, 3926},
    };
    if (type->form == PGTYPE_FORM_ARRAY)
        return &types[type - arrays];
    for (size_t i = 0; i < LENGTH_OF(elements); i++)
        if (elements[i].oid == type->oid)
            return pgtype_find(elements[i].element);
    return &types[0];
}

/* --- what the decoders share ------------------------------------------------------------------ */

int pgtype_scratch_full(const struct leat_arena *scratch, struct leat_err *err)
{
    return leat_fail(err, LEAT_ELIMIT,
                     "a row's values need more than the %zu bytes set aside for one message",
                     scratch->max);
}

int pgtype_scratch_copy(struct leat_arena *scratch, struct leat_slice bytes,
                        struct leat_slice *ret_copy, struct leat_err *err)
{
    struct leat_slice copy = leat_arena_copy(scratch, bytes);
    if (bytes.len && !copy.ptr)
        return pgtype_scratch_full(scratch, err);
    *ret_copy = copy;
    return LEAT_OK;
}

int pgtype_malformed(const struct pgtype *type, struct leat_slice wire, struct leat_err *err)
{
    return leat_fail(err, LEAT_EDATA, "%zu bytes are no binary value of type %s", wire.len,
                     type->name);
}

/* --- describe --------------------------------------------------------------------------------- */

enum {
    VARLENA_HEADER = 4
}; /* what typmods of variable-length types include, for historical reasons */

/* Scale has eleven bits, signed since 15; before, it was never above 1,000 and reads the same. */
static void describe_numeric(int32_t typmod, struct leat_buf *text, int32_t *precision,
                             int32_t *scale)
{
    typmod -= VARLENA_HEADER;
    *precision = typmod >> 16 & 0xffff;
    *scale = ((typmod & 0x7ff) ^ 1024) - 1024;
    leat_buf_format(text, "numeric(%d,%d)", *precision, *scale);
}

/* "timestamp(3) with time zone": the digits stand after the first word. */
static void describe_seconds(const char *name, int32_t typmod, struct leat_buf *text,
                             int32_t *scale)
{
    size_t word = strcspn(name, " ");
    *scale = typmod;
    leat_buf_format(text, "%.*s(%d)%s", (int)word, name, typmod, name + word);
}

/* A bit per field; only the thirteen combinations of the grammar occur. */
static const char *interval_fields(int32_t bits)
{
    enum {
        MONTH = 1 << 1,
        YEAR = 1 << 2,
        DAY = 1 << 3,
        HOUR = 1 << 10,
        MINUTE = 1 << 11,
        SECOND = 1 << 12
    };
    static const struct {
        int32_t bits;
        const char *text;
    } fields[] = {
        {YEAR, " year"},
        {MONTH, " month"},
        {DAY, " day"},
        {HOUR, " hour"},
        {MINUTE, " minute"},
        {SECOND, " second"},
        {YEAR | MONTH, " year to month"},
        {DAY | HOUR, " day to hour"},
        {DAY | HOUR | MINUTE, " day to minute"},
        {DAY | HOUR | MINUTE | SECOND, " day to second"},
        {HOUR | MINUTE, " hour to minute"},
        {HOUR | MINUTE | SECOND, " hour to second"},
        {MINUTE | SECOND, " minute to second"},
    };
    for (size_t i = 0; i < LENGTH_OF(fields); i++)
        if (fields[i].bits == bits)
            return fields[i].text;
    return "";
}

static void describe_interval(int32_t typmod, struct leat_buf *text, int32_t *scale)
{
    enum { ANY_PRECISION = 0xffff };
    int32_t precision = typmod & 0xffff;
    leat_buf_format(text, "interval%s", interval_fields(typmod >> 16 & 0x7fff));
    if (precision == ANY_PRECISION)
        return;
    *scale = precision;
    leat_buf_format(text, "(%d)", precision);
}

/* Without a typmod format_type() knows two exceptions: character and bit alone mean length 1. */
static const char *unlimited_name(const struct pgtype *type)
{
    if (type->oid == OID_BPCHAR)
        return "bpchar";
    return type->oid == OID_BIT ? "\"bit\"" : type->name;
}

static void describe_base(const struct pgtype *type, int32_t typmod, struct leat_buf *text,
                          int32_t *precision, int32_t *scale)
{
    enum { OID_VARCHAR = 1043 };
    enum pgtype_form form = typmod < 0 ? PGTYPE_FORM_UNKNOWN : (enum pgtype_form)type->form;
    if (form == PGTYPE_FORM_NUMERIC && typmod >= VARLENA_HEADER) {
        describe_numeric(typmod, text, precision, scale);
    } else if (form == PGTYPE_FORM_VERBATIM && typmod > VARLENA_HEADER &&
               (type->oid == OID_VARCHAR || type->oid == OID_BPCHAR)) {
        *precision = typmod - VARLENA_HEADER;
        leat_buf_format(text, "%s(%d)", type->name, *precision);
    } else if (form == PGTYPE_FORM_BITS) {
        *precision = typmod;
        leat_buf_format(text, "%s(%d)", type->name, typmod);
    } else if (form == PGTYPE_FORM_INTERVAL) {
        describe_interval(typmod, text, scale);
    } else if (form >= PGTYPE_FORM_TIME && form <= PGTYPE_FORM_TIMESTAMPTZ) {
        describe_seconds(type->name, typmod, text, scale);
    } else {
        leat_buf_append_text(text, unlimited_name(type));
    }
}

void pgtype_describe(const struct pgtype *type, int32_t typmod, struct leat_buf *ret_text,
                     int32_t *ret_precision, int32_t *ret_scale)
{
    bool array = type->form == PGTYPE_FORM_ARRAY;
    int32_t precision = -1;
    int32_t scale = -1;
    describe_base(array ? pgtype_element(type) : type, typmod, ret_text, &precision, &scale);
    if (array)
        leat_buf_append_text(ret_text, "[]");
    *ret_precision = precision;
    *ret_scale = scale;
}
