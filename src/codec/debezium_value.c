/*
 * Values as Debezium's connectors map them. What decides is the kind of the value, with the column's type
 * text, precision and scale; the order of the cases is the order of enum leat_kind.
 *
 * Where Debezium fails or loses (numeric NaN, nanoseconds past 2262, unsigned 64-bit numbers), the exact
 * value is written: as text, or as an integer longer than 64 bits. README.md lists these places.
 */
#include "debezium.h"

#include "digits.h"
#include "iso_time.h"

#include <math.h>
#include <stdlib.h>

/* What the JDBC driver's infinities become: 292278994-08-16T23:00Z and -292269055-12-02T23:00Z. */
#define INFINITE_MS INT64_C(9223372036825200)
#define MINUS_INFINITE_MS INT64_C(-9223372036832400)
/* LocalDate +5877611-06-21 and -5877611-06-22 */
#define INFINITE_DAYS INT64_C(2146033979)
#define MINUS_INFINITE_DAYS INT64_C(-2147472691)

#define DAY_US INT64_C(86400000000)
enum {
    MILLIS_DIGITS_MAX = 3, /* digits of a second that milliseconds can hold */
    MONEY_SCALE = 2,       /* money.fraction.digits */
};

static bool is_infinite(int64_t v)
{
    return v == LEAT_INFINITY_US || v == LEAT_MINUS_INFINITY_US;
}

static void put_infinity(struct leat_json *j, int64_t v)
{
    leat_json_plain(j, v > 0 ? "infinity" : "-infinity", v > 0 ? 8 : 9);
}

static int64_t millis(int64_t us)
{
    int64_t ms = us / 1000;
    return us % 1000 < 0 ? ms - 1 : ms;
}

bool leat_debezium_type_is(const struct leat_column *c, const char *word)
{
    size_t len = strlen(word);
    if (c->type.len < len || memcmp(c->type.ptr, word, len) != 0)
        return false;
    uint8_t next = c->type.len > len ? c->type.ptr[len] : ' ';
    return next == ' ' || next == '(' || next == '[';
}

static bool is_time(const struct leat_column *c)
{
    return c->kind == LEAT_TIME || (c->kind == LEAT_ARRAY && c->element == LEAT_TIME);
}

/* A TIME that says nothing of a zone is MySQL's, a span: hours of any number and sign, which 32 bits of
 * milliseconds cannot hold. */
static bool is_span(const struct leat_column *c)
{
    static const char ZONE[] = "without time zone";
    return is_time(c) && !(c->type.len && memmem(c->type.ptr, c->type.len, ZONE, sizeof ZONE - 1));
}

bool leat_debezium_in_millis(const struct leat_form_settings *s, const struct leat_column *c)
{
    bool few_digits = c->scale >= 0 && c->scale <= MILLIS_DIGITS_MAX;
    return s->time == LEAT_FORM_TIME_CONNECT ||
           (s->time == LEAT_FORM_TIME_ADAPTIVE && few_digits && !is_span(c)) ||
           (s->time == LEAT_FORM_TIME_ADAPTIVE_MICROSECONDS && few_digits && !is_time(c));
}

static void put_date(struct leat_json *j, const struct leat_form_settings *s, int64_t days)
{
    uint8_t text[LEAT_ISO_BYTES];
    if (s->time != LEAT_FORM_TIME_ISOSTRING) {
        leat_json_int(j, !is_infinite(days) ? days : days > 0 ? INFINITE_DAYS : MINUS_INFINITE_DAYS);
    } else if (is_infinite(days)) {
        put_infinity(j, days);
    } else {
        uint8_t *end = leat_iso_date(text, days);
        *end++ = 'Z';
        leat_json_plain(j, text, (size_t)(end - text));
    }
}

static void put_time(struct leat_json *j, const struct leat_form_settings *s, const struct leat_column *c,
                     int64_t us)
{
    uint8_t text[LEAT_ISO_BYTES];
    if (s->time == LEAT_FORM_TIME_ISOSTRING) {
        uint8_t *end = leat_iso_time(text, us, LEAT_ISO_SHORTEST);
        *end++ = 'Z';
        leat_json_plain(j, text, (size_t)(end - text));
    } else if (s->time == LEAT_FORM_TIME_NANOSECONDS) {
        leat_json_thousands(j, us);
    } else {
        leat_json_int(j, leat_debezium_in_millis(s, c) ? millis(us) : us);
    }
}

static void put_instant(struct leat_json *j, int64_t us, int32_t digits)
{
    uint8_t text[LEAT_ISO_BYTES];
    if (is_infinite(us)) {
        put_infinity(j, us);
        return;
    }
    uint8_t *end = leat_iso_timestamp(text, us, digits);
    *end++ = 'Z';
    leat_json_plain(j, text, (size_t)(end - text));
}

static void put_timestamp(struct leat_json *j, const struct leat_form_settings *s,
                          const struct leat_column *c, int64_t us)
{
    bool in_millis = leat_debezium_in_millis(s, c);
    if (s->time == LEAT_FORM_TIME_ISOSTRING) {
        put_instant(j, us, LEAT_ISO_SHORTEST);
    } else if (s->time == LEAT_FORM_TIME_NANOSECONDS) {
        if (is_infinite(us))
            leat_json_int(j, us);
        else
            leat_json_thousands(j, us);
    } else if (is_infinite(us)) {
        int64_t ms = us > 0 ? INFINITE_MS : MINUS_INFINITE_MS;
        leat_json_int(j, in_millis ? ms : ms * 1000);
    } else {
        leat_json_int(j, in_millis ? millis(us) : us);
    }
}

/* Local time and zone as the time in UTC, which may be another day's. */
static void put_timetz(struct leat_json *j, const struct leat_span *span)
{
    uint8_t text[LEAT_ISO_BYTES];
    int64_t us = (span->us % DAY_US - span->days * INT64_C(1000000)) % DAY_US;
    uint8_t *end = leat_iso_time(text, us < 0 ? us + DAY_US : us, LEAT_ISO_SHORTEST);
    *end++ = 'Z';
    leat_json_plain(j, text, (size_t)(end - text));
}

/* In double, in the order of MicroDuration.durationMicros, so that the last digits come out the same. */
static int64_t duration_us(const struct leat_span *span)
{
    int64_t seconds = span->us / 1000000;
    double days = span->months * (365.25 / 12) + span->days;
    double hours = days * 24 + (double)(seconds / 3600);
    double minutes = hours * 60 + (double)(seconds / 60 % 60);
    double us = (minutes * 60 + ((double)(seconds % 60) + (double)(span->us % 1000000) / 1e6)) * 1e6;
    if (us >= 0x1p63)
        return INT64_MAX;
    return us < -0x1p63 ? INT64_MIN : (int64_t)us;
}

static uint8_t *put_part(uint8_t *at, int64_t v, char unit)
{
    at = digits_i64(at, v);
    *at++ = (uint8_t)unit;
    return at;
}

/* "P1Y2M3DT4H5M6.78S": every part is written, each with its own sign. */
static void put_interval(struct leat_json *j, const struct leat_form_settings *s,
                         const struct leat_span *span)
{
    if (s->interval == LEAT_FORM_INTERVAL_NUMERIC) {
        leat_json_int(j, duration_us(span));
        return;
    }
    uint8_t text[2 * LEAT_ISO_BYTES], clock[LEAT_ISO_BYTES];
    uint8_t *at = text;
    int64_t seconds = span->us / 1000000;
    *at++ = 'P';
    at = put_part(at, span->months / 12, 'Y');
    at = put_part(at, span->months % 12, 'M');
    at = put_part(at, span->days, 'D');
    *at++ = 'T';
    at = put_part(at, seconds / 3600, 'H');
    at = put_part(at, seconds / 60 % 60, 'M');
    /* the seconds with their fraction are the end of "[-]00:00:06.78" */
    int64_t rest = span->us % 60000000;
    uint8_t *end = leat_iso_time(clock, rest, LEAT_ISO_SHORTEST);
    uint8_t *from = clock + (rest < 0) + 6;
    if (rest < 0)
        *at++ = '-';
    if (*from == '0')
        from++;
    memcpy(at, from, (size_t)(end - from));
    at += end - from;
    *at++ = 'S';
    leat_json_plain(j, text, (size_t)(at - text));
}

/* --- numbers --------------------------------------------------------------------------------- */

/* "NAN" and its like where the text is one; NULL for a number. */
static const char *special_name(struct leat_slice text)
{
    if (leat_slice_equal(text, LEAT_SLICE_LITERAL("NaN")))
        return "NAN";
    if (leat_slice_equal(text, LEAT_SLICE_LITERAL("Infinity")))
        return "POSITIVE_INFINITY";
    return leat_slice_equal(text, LEAT_SLICE_LITERAL("-Infinity")) ? "NEGATIVE_INFINITY" : NULL;
}

static void put_as_double(struct leat_json *j, struct leat_slice text)
{
    char digits[400], *copy = text.len < sizeof digits ? digits : malloc(text.len + 1);
    if (!copy) {
        j->buf->full = true;
        return;
    }
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    leat_json_double(j, strtod(copy, NULL));
    if (copy != digits)
        free(copy);
}

/* numeric without precision: each value carries its scale */
static bool put_variable_scale(struct leat_json *j, struct leat_slice text)
{
    int32_t scale = leat_json_decimal_scale(text);
    size_t start = j->buf->len;
    bool comma = j->comma;
    if (scale < 0)
        return false;
    leat_json_object(j);
    LEAT_JSON_NAME(j, "scale");
    leat_json_int(j, scale);
    LEAT_JSON_NAME(j, "value");
    if (!leat_json_decimal(j, text, scale)) {
        j->buf->len = start;
        j->comma = comma;
        return false;
    }
    leat_json_object_end(j);
    return true;
}

int32_t leat_debezium_scale(const struct leat_column *c)
{
    if (c->precision < 0 && c->scale < 0)
        return leat_debezium_type_is(c, "money") ? MONEY_SCALE : -1;
    return c->scale > 0 ? c->scale : 0;
}

static bool put_precise(struct leat_json *j, const struct leat_column *c, struct leat_slice text)
{
    int32_t scale = leat_debezium_scale(c);
    return scale < 0 ? put_variable_scale(j, text) : leat_json_decimal(j, text, scale);
}

static void put_decimal(struct leat_json *j, const struct leat_form_settings *s, const struct leat_column *c,
                        struct leat_slice text)
{
    const char *special = special_name(text);
    if (s->decimal == LEAT_FORM_DECIMAL_DOUBLE)
        put_as_double(j, text);
    else if (s->decimal == LEAT_FORM_DECIMAL_STRING && special)
        leat_json_text(j, special);
    else if (s->decimal == LEAT_FORM_DECIMAL_STRING || !put_precise(j, c, text))
        (void)leat_json_string(j, text);
}

/* --- bytes, bits and arrays ------------------------------------------------------------------ */

void leat_debezium_bytes(struct leat_json *j, const struct leat_form_settings *s, struct leat_slice bytes)
{
    switch (s->binary) {
    case LEAT_FORM_BINARY_BASE64:
        leat_json_base64(j, bytes);
        return;
    case LEAT_FORM_BINARY_BASE64URL:
        leat_json_base64url(j, bytes);
        return;
    case LEAT_FORM_BINARY_HEX:
        leat_json_hex(j, bytes);
        return;
    }
}

static bool is_varbit(const struct leat_column *c)
{
    return leat_debezium_type_is(c, "bit varying") || leat_debezium_type_is(c, "varbit");
}

/* The bits as a number, little-endian; a bit varying only as long as its highest set bit needs. */
static void put_bits(struct leat_json *j, const struct leat_column *c, struct leat_slice bits)
{
    uint8_t small[64] = {0};
    size_t len = (bits.len + 7) / 8;
    uint8_t *bytes = len <= sizeof small ? small : calloc(len, 1);
    if (!bytes) {
        j->buf->full = true;
        return;
    }
    for (size_t i = 0; i < bits.len; i++)
        if (bits.ptr[bits.len - 1 - i] == '1')
            bytes[i / 8] = (uint8_t)(bytes[i / 8] | 1u << i % 8);
    while (is_varbit(c) && len && !bytes[len - 1])
        len--;
    leat_json_base64(j, leat_slice_of(bytes, len));
    if (bytes != small)
        free(bytes);
}

/* One dimension and, below it, the next. */
static bool put_dimension(struct leat_json *j, const struct leat_form_settings *s,
                          const struct leat_column *c, struct leat_array *a, unsigned dimension)
{
    leat_json_array(j);
    for (uint32_t i = 0; i < a->lengths[dimension]; i++) {
        if (dimension + 1 < a->dimensions) {
            if (!put_dimension(j, s, c, a, dimension + 1))
                return false;
            continue;
        }
        struct leat_value v;
        leat_value_read(&a->elements, &v);
        if (a->elements.bad || v.kind == LEAT_ARRAY || !leat_debezium_value(j, s, c, &v))
            return false;
    }
    leat_json_array_end(j);
    return true;
}

static bool put_array(struct leat_json *j, const struct leat_form_settings *s, const struct leat_column *c,
                      struct leat_slice encoded)
{
    struct leat_array a;
    if (!leat_array_open(encoded, &a))
        return false;
    if (a.count == 0) {
        leat_json_raw(j, "[]", 2);
        return true;
    }
    return put_dimension(j, s, c, &a, 0) && leat_reader_done(&a.elements);
}

/* --- text ------------------------------------------------------------------------------------ */

/* "0000-00-00", "2024-00-15 10:00:00": what no calendar has. */
static bool is_no_date(struct leat_slice text)
{
    static const uint8_t ZERO[] = {'0', '0'};
    return text.len >= 10 && text.ptr[4] == '-' && text.ptr[7] == '-' &&
           (memcmp(text.ptr + 5, ZERO, 2) == 0 || memcmp(text.ptr + 8, ZERO, 2) == 0);
}

/* A date that does not exist is null, as in Debezium, where the column can hold a null; elsewhere, where
 * Debezium makes 1970 of it, it is its text. */
static void put_other(struct leat_json *j, const struct leat_column *c, struct leat_slice text)
{
    bool date = c->kind == LEAT_DATE || c->kind == LEAT_TIMESTAMP || c->kind == LEAT_TIMESTAMPTZ;
    if (date && c->nullable != LEAT_NULLABLE_NO && !c->key_ordinal && is_no_date(text))
        leat_json_null(j);
    else
        (void)leat_json_string(j, text);
}

bool leat_debezium_value(struct leat_json *j, const struct leat_form_settings *s,
                         const struct leat_column *c, const struct leat_value *v)
{
    switch ((enum leat_kind)v->kind) {
    case LEAT_ABSENT:
    case LEAT_NULL:
        leat_json_null(j);
        return true;
    case LEAT_BOOL:
        leat_json_bool(j, v->integer != 0);
        return true;
    case LEAT_INT64:
        leat_json_int(j, v->integer);
        return true;
    case LEAT_UINT64:
        leat_json_uint(j, v->natural);
        return true;
    case LEAT_FLOAT32:
        leat_json_float(j, (float)v->real);
        return true;
    case LEAT_FLOAT64:
        leat_json_double(j, v->real);
        return true;
    case LEAT_DECIMAL:
        put_decimal(j, s, c, v->text);
        return true;
    case LEAT_STRING:
    case LEAT_JSON:
        (void)leat_json_string(j, v->text);
        return true;
    case LEAT_OTHER:
        put_other(j, c, v->text);
        return true;
    case LEAT_BYTES:
        if (leat_debezium_is_geometry(c))
            leat_debezium_geometry(j, c, v->text);
        else
            leat_debezium_bytes(j, s, v->text);
        return true;
    case LEAT_DATE:
        put_date(j, s, v->integer);
        return true;
    case LEAT_TIME:
        put_time(j, s, c, v->integer);
        return true;
    case LEAT_TIMESTAMP:
        put_timestamp(j, s, c, v->integer);
        return true;
    case LEAT_TIMESTAMPTZ:
        put_instant(j, v->integer, c->scale);
        return true;
    case LEAT_INTERVAL:
        put_interval(j, s, &v->span);
        return true;
    case LEAT_UUID:
        leat_json_uuid(j, v->text);
        return true;
    case LEAT_BITS:
        if (c->precision == 1)
            leat_json_bool(j, v->text.len && v->text.ptr[0] == '1');
        else
            put_bits(j, c, v->text);
        return true;
    case LEAT_ARRAY:
        return put_array(j, s, c, v->text);
    case LEAT_TIMETZ:
        put_timetz(j, &v->span);
        return true;
    case LEAT_KIND_COUNT:
        break;
    }
    return false;
}

/* A text in a field that is declared as bytes of a number would be read as one. */
bool leat_debezium_can_be_unavailable(const struct leat_form_settings *s, const struct leat_column *c)
{
    bool array = c->kind == LEAT_ARRAY;
    switch ((enum leat_kind)(array ? c->element : c->kind)) {
    case LEAT_INT64: /* in an array, the text's bytes as numbers: so Debezium has it */
    case LEAT_DATE:
        return array;
    case LEAT_BOOL:
    case LEAT_UINT64:
    case LEAT_FLOAT32:
    case LEAT_FLOAT64:
    case LEAT_TIME:
    case LEAT_TIMESTAMP:
    case LEAT_BITS:
        return false;
    case LEAT_DECIMAL:
        return s->decimal == LEAT_FORM_DECIMAL_STRING;
    case LEAT_INTERVAL:
        return s->interval == LEAT_FORM_INTERVAL_STRING;
    default:
        return true;
    }
}

void leat_debezium_unavailable(struct leat_json *j, const struct leat_form_settings *s,
                               const struct leat_column *c)
{
    struct leat_slice text = LEAT_SLICE_LITERAL(LEAT_DEBEZIUM_UNAVAILABLE);
    if (leat_debezium_is_geometry(c)) {
        leat_debezium_geometry(j, c, LEAT_SLICE_LITERAL("\0\0\0\0" LEAT_DEBEZIUM_UNAVAILABLE));
        return;
    }
    if (c->kind == LEAT_BYTES) {
        leat_debezium_bytes(j, s, text);
        return;
    }
    if (c->kind != LEAT_ARRAY) {
        leat_json_plain(j, text.ptr, text.len);
        return;
    }
    leat_json_array(j);
    if (c->element == LEAT_INT64 || c->element == LEAT_DATE) {
        for (size_t i = 0; i < text.len; i++)
            leat_json_int(j, text.ptr[i]);
    } else {
        leat_json_plain(j, text.ptr, text.len);
    }
    leat_json_array_end(j);
}
