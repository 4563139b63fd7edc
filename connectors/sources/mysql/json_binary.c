/*
 * Binary JSON as text.
 *
 *     document    type u8, value
 *     container   count, size, [key entries: offset, length u16]…, value entries: type u8, value or
 *                 offset…; counts, sizes and offsets are u16 in a small container, u32 in a large
 *                 one; offsets count from the container's first byte; keys and values follow in any
 *                 order, with holes where something was updated in place
 *     in place    literals, int16, uint16; in large containers int32 and uint32 too
 *     string      length in groups of seven bits, low first, then bytes of UTF-8
 *     opaque      MySQL type u8, length, bytes
 *     DECIMAL     precision u8, scale u8, packed decimal
 *     DATE, DATETIME, TIMESTAMP, TIME   i64: microseconds in 24 bits, above them the moment as in a
 *                 column
 *
 * Hostile bytes: every offset lies behind the container's head and within its size, so that depth
 * is bounded by bytes as well as by MY_JSON_DEPTH_MAX. Two entries might still share one child, and
 * thirty such levels are a billion values; so each byte that is read is paid for, and a document
 * may read as many bytes as it has. Sound documents read each of theirs at most once. Bytes behind
 * a document are ignored, as the server does.
 *
 * The text is written into a guess of its length, and once more if that was too short: only where
 * there is little text and many numbers.
 */
#include "sources/mysql/json_binary.h"

#include "sources/mysql/charset.h"
#include "sources/mysql/decimal.h"
#include "sources/mysql/json_text.h"
#include "sources/mysql/row_forms.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum my_json_type {
    JSON_SMALL_OBJECT = 0,
    JSON_LARGE_OBJECT = 1,
    JSON_SMALL_ARRAY = 2,
    JSON_LARGE_ARRAY = 3,
    JSON_LITERAL = 4,
    JSON_INT16 = 5,
    JSON_UINT16 = 6,
    JSON_INT32 = 7,
    JSON_UINT32 = 8,
    JSON_INT64 = 9,
    JSON_UINT64 = 10,
    JSON_DOUBLE = 11,
    JSON_STRING = 12,
    JSON_OPAQUE = 15,
};

struct document {
    struct my_json_text text;
    size_t unread; /* bytes that may still be read */
    unsigned depth;
};

static bool put_value(struct document *d, uint8_t type, struct leat_slice bytes);

static void put(struct document *d, const char *text)
{
    my_json_put(&d->text, text, strlen(text));
}

/* Pays for bytes. */
static bool spend(struct document *d, size_t bytes)
{
    if (bytes > d->unread)
        return false;
    d->unread -= bytes;
    return true;
}

/* --- strings ---------------------------------------------------------------------------------- */

static bool is_special(uint8_t c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

static void put_escape(struct my_json_text *text, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char letter = c < 0x20 ? letters[c] : (char)c;
    if (letter)
        my_json_put(text, (char[2]){'\\', letter}, 2);
    else
        my_json_put(text, (char[6]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

static void put_escaped(struct my_json_text *text, struct leat_slice s)
{
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_special(s.ptr[i]))
            continue;
        my_json_put(text, s.ptr + from, i - from);
        put_escape(text, s.ptr[i]);
        from = i + 1;
    }
    if (s.len)
        my_json_put(text, s.ptr + from, s.len - from);
}

void my_json_put_string(struct my_json_text *text, struct leat_slice s)
{
    my_json_put(text, "\"", 1);
    for (;;) {
        size_t valid = my_utf8_valid(s);
        put_escaped(text, leat_slice_of(s.ptr, valid));
        if (valid == s.len)
            break;
        my_json_put(text, "\xef\xbf\xbd", 3); /* U+FFFD */
        s = leat_slice_of(s.ptr + valid + 1, s.len - valid - 1);
    }
    my_json_put(text, "\"", 1);
}

/* --- numbers ---------------------------------------------------------------------------------- */

static void put_natural(struct document *d, uint64_t v, bool negative)
{
    char text[24], *at = text + sizeof text;
    do {
        *--at = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    if (negative)
        *--at = '-';
    my_json_put(&d->text, at, (size_t)(text + sizeof text - at));
}

static void put_integer(struct document *d, int64_t v)
{
    put_natural(d, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0);
}

enum { DOUBLE_DIGITS_MAX = 17, DOUBLE_DIGITS_SURE = 15, DOUBLE_TEXT = 40 };

/* "d.ddde±x" with the last digit one higher; false when it is a nine, or that is another number. */
static bool next_up_is(char *text, double v)
{
    char *last = strchr(text, 'e') - 1;
    if (*last == '9')
        return false;
    ++*last;
    if (strtod(text, NULL) == v)
        return true;
    --*last;
    return false;
}

/* The shortest digits that read back as v > 0, and the place of the point: 0.digits × 10^place.
 * A power of two has twice the room above it, so the nearest decimal may fail and the next one
 * serve. */
static size_t shortest(double v, char digits[DOUBLE_DIGITS_MAX], int *ret_place)
{
    char text[DOUBLE_TEXT];
    int exponent;
    bool power_of_two = frexp(v, &exponent) == 0.5;
    for (int n = isnormal(v) ? DOUBLE_DIGITS_SURE : 1; n <= DOUBLE_DIGITS_MAX; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, v);
        if (strtod(text, NULL) == v || (power_of_two && next_up_is(text, v)))
            break;
    }
    const char *e = strchr(text, 'e');
    int place = 0;
    for (const char *at = e + 2; *at; at++)
        place = place * 10 + (*at - '0');
    *ret_place = (e[1] == '-' ? -place : place) + 1;
    size_t count = 0;
    for (const char *at = text; at < e; at++)
        if (at != text + 1) /* the point */
            digits[count++] = *at;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return count;
}

/* d.ddde±x */
static void put_scientific(struct document *d, const char *digits, size_t count, int place)
{
    my_json_put(&d->text, digits, 1);
    if (count > 1) {
        put(d, ".");
        my_json_put(&d->text, digits + 1, count - 1);
    }
    put(d, "e");
    put_integer(d, place - 1);
}

static void put_plain(struct document *d, const char *digits, size_t count, int place)
{
    size_t whole = place > 0 ? (size_t)place : 0;
    if (!whole) {
        put(d, "0.");
        for (int i = place; i < 0; i++)
            put(d, "0");
        my_json_put(&d->text, digits, count);
    } else if (whole < count) {
        my_json_put(&d->text, digits, whole);
        put(d, ".");
        my_json_put(&d->text, digits + whole, count - whole);
    } else {
        my_json_put(&d->text, digits, count);
        for (size_t i = count; i < whole; i++)
            put(d, "0");
        put(d, ".0");
    }
}

/* As the server's my_gcvt() lays them out, with the ".0" that it adds for JSON. */
static bool put_double(struct document *d, double v)
{
    enum { PLAIN_PLACES = 15 };
    char digits[DOUBLE_DIGITS_MAX];
    int place = 1;
    if (!isfinite(v))
        return false;
    if (signbit(v))
        put(d, "-");
    if (v == 0) {
        put(d, "0.0");
        return true;
    }
    size_t count = shortest(fabs(v), digits, &place);
    if (place > -PLAIN_PLACES && (place <= PLAIN_PLACES || (int)count > place))
        put_plain(d, digits, count, place);
    else
        put_scientific(d, digits, count, place);
    return true;
}

/* --- opaque values ---------------------------------------------------------------------------- */

static bool put_decimal(struct document *d, struct leat_slice bytes)
{
    char text[MY_DECIMAL_TEXT_MAX];
    if (bytes.len < 2)
        return false;
    size_t packed = my_decimal_bytes(bytes.ptr[0], bytes.ptr[1]);
    if (!packed || packed != bytes.len - 2)
        return false;
    size_t len = my_decimal_text(bytes.ptr + 2, bytes.ptr[0], bytes.ptr[1], text);
    my_json_put(&d->text, text, len);
    return len > 0;
}

static bool put_moment(struct document *d, uint8_t type, struct leat_slice bytes)
{
    enum { FRACTION_BITS = 24, FRACTION_DIGITS = 6 };
    struct leat_reader r = leat_reader_of(bytes);
    int64_t packed = (int64_t)leat_reader_le64(&r);
    uint64_t size = packed < 0 ? -(uint64_t)packed : (uint64_t)packed;
    bool time_only = type == MY_TYPE_TIME;
    struct my_moment m = time_only ? my_moment_unpack_time(size >> FRACTION_BITS)
                                   : my_moment_unpack(size >> FRACTION_BITS);
    char text[MY_MOMENT_TEXT];
    m.us = (uint32_t)(size & ((1u << FRACTION_BITS) - 1));
    m.negative = packed < 0;
    if (!leat_reader_done(&r) || !my_moment_in_bounds(&m, time_only) || (m.negative && !time_only))
        return false;
    size_t len = time_only              ? my_print_time(&m, FRACTION_DIGITS, text)
                 : type == MY_TYPE_DATE ? my_print_date(&m, text)
                                        : my_print_datetime(&m, FRACTION_DIGITS, text);
    put(d, "\"");
    my_json_put(&d->text, text, len);
    put(d, "\"");
    return true;
}

/* "base64:type<n>:…", in lines of 76, whose ends are escaped: the server's TO_BASE64(). */
static void put_base64(struct document *d, uint8_t type, struct leat_slice bytes)
{
    static const char code[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    enum { LINE = 76 };
    put(d, "\"base64:type");
    put_natural(d, type, false);
    put(d, ":");
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t v = (uint32_t)bytes.ptr[i] << 16 |
                     (left > 1 ? (uint32_t)bytes.ptr[i + 1] << 8 : 0u) |
                     (left > 2 ? bytes.ptr[i + 2] : 0u);
        char four[4] = {code[v >> 18], code[v >> 12 & 63], left > 1 ? code[v >> 6 & 63] : '=',
                        left > 2 ? code[v & 63] : '='};
        if (i && i / 3 * 4 % LINE == 0)
            put(d, "\\n");
        my_json_put(&d->text, four, sizeof four);
    }
    put(d, "\"");
}

/* Seven bits a byte, at most 32 bits in all. */
static struct leat_slice read_counted(struct leat_reader *r)
{
    uint64_t len = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t byte = leat_reader_u8(r);
        len |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return leat_reader_bytes(r, len);
    }
    r->bad = true;
    return leat_slice_of(NULL, 0);
}

static bool put_opaque(struct document *d, struct leat_reader *r)
{
    uint8_t type = leat_reader_u8(r);
    struct leat_slice bytes = read_counted(r);
    if (r->bad)
        return false;
    switch (type) {
    case MY_TYPE_NEWDECIMAL:
        return put_decimal(d, bytes);
    case MY_TYPE_DATE:
    case MY_TYPE_TIME:
    case MY_TYPE_DATETIME:
    case MY_TYPE_TIMESTAMP:
        return put_moment(d, type, bytes);
    case MY_TYPE_VAR_STRING:
        my_json_put_string(&d->text, bytes);
        return true;
    default:
        put_base64(d, type, bytes);
        return true;
    }
}

/* --- values ----------------------------------------------------------------------------------- */

static bool put_literal(struct document *d, uint8_t literal)
{
    static const char *const names[] = {"null", "true", "false"};
    if (literal >= sizeof names / sizeof *names)
        return false;
    put(d, names[literal]);
    return true;
}

static double read_double(struct leat_reader *r)
{
    uint64_t bits = leat_reader_le64(r);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static bool put_scalar(struct document *d, uint8_t type, struct leat_reader *r)
{
    bool sound = true;
    switch (type) {
    case JSON_LITERAL:
        sound = put_literal(d, leat_reader_u8(r));
        break;
    case JSON_INT16:
        put_integer(d, (int16_t)leat_reader_le16(r));
        break;
    case JSON_UINT16:
        put_integer(d, leat_reader_le16(r));
        break;
    case JSON_INT32:
        put_integer(d, (int32_t)leat_reader_le32(r));
        break;
    case JSON_UINT32:
        put_integer(d, leat_reader_le32(r));
        break;
    case JSON_INT64:
        put_integer(d, (int64_t)leat_reader_le64(r));
        break;
    case JSON_UINT64:
        put_natural(d, leat_reader_le64(r), false);
        break;
    case JSON_DOUBLE:
        sound = put_double(d, read_double(r));
        break;
    case JSON_STRING:
        my_json_put_string(&d->text, read_counted(r));
        break;
    case JSON_OPAQUE:
        sound = put_opaque(d, r);
        break;
    default:
        return false;
    }
    return sound && !r->bad;
}

struct container {
    struct leat_slice bytes; /* of its size */
    bool object, large;
    size_t width; /* of counts and offsets */
    size_t count;
    size_t head; /* bytes of the head: children lie behind it */
};

static size_t read_size(const struct container *c, struct leat_reader *r)
{
    return c->large ? leat_reader_le32(r) : leat_reader_le16(r);
}

static bool open_container(struct document *d, uint8_t type, struct leat_slice bytes,
                           struct container *ret)
{
    struct container c = {.object = type <= JSON_LARGE_OBJECT, .large = type & 1};
    struct leat_reader r = leat_reader_of(bytes);
    c.width = c.large ? 4 : 2;
    c.count = read_size(&c, &r);
    size_t size = read_size(&c, &r);
    size_t entry = 1 + c.width + (c.object ? c.width + 2 : 0);
    c.head = 2 * c.width + c.count * entry;
    c.bytes = leat_slice_of(bytes.ptr, size);
    *ret = c;
    return !r.bad && size <= bytes.len && c.head <= size && spend(d, c.head);
}

/* The part of the container from an offset on; false: the offset points nowhere. */
static bool from_offset(const struct container *c, size_t offset, struct leat_slice *ret_bytes)
{
    if (offset < c->head || offset > c->bytes.len)
        return false;
    *ret_bytes = leat_slice_of(c->bytes.ptr + offset, c->bytes.len - offset);
    return true;
}

static bool put_key(struct document *d, const struct container *c, size_t i)
{
    struct leat_reader r = leat_reader_of(c->bytes);
    struct leat_slice key;
    leat_reader_bytes(&r, 2 * c->width + i * (c->width + 2));
    size_t offset = read_size(c, &r), len = leat_reader_le16(&r);
    if (!from_offset(c, offset, &key) || len > key.len || !spend(d, len))
        return false;
    my_json_put_string(&d->text, leat_slice_of(key.ptr, len));
    put(d, ": ");
    return true;
}

static bool is_in_place(const struct container *c, uint8_t type)
{
    return type == JSON_LITERAL || type == JSON_INT16 || type == JSON_UINT16 ||
           (c->large && (type == JSON_INT32 || type == JSON_UINT32));
}

/* What lies in place was paid for with the head. */
static bool put_child(struct document *d, const struct container *c, size_t i)
{
    size_t at = c->head - (c->count - i) * (1 + c->width);
    uint8_t type = c->bytes.ptr[at];
    struct leat_reader r = leat_reader_of(leat_slice_of(c->bytes.ptr + at + 1, c->width));
    struct leat_slice child;
    if (is_in_place(c, type))
        return put_scalar(d, type, &r);
    return from_offset(c, read_size(c, &r), &child) && put_value(d, type, child);
}

static bool put_container(struct document *d, uint8_t type, struct leat_slice bytes)
{
    struct container c;
    if (d->depth == MY_JSON_DEPTH_MAX || !open_container(d, type, bytes, &c))
        return false;
    d->depth++;
    put(d, c.object ? "{" : "[");
    for (size_t i = 0; i < c.count; i++) {
        if (i)
            put(d, ", ");
        if ((c.object && !put_key(d, &c, i)) || !put_child(d, &c, i))
            return false;
    }
    put(d, c.object ? "}" : "]");
    d->depth--;
    return true;
}

/* `bytes` begins with the value and may go on behind it. */
static bool put_value(struct document *d, uint8_t type, struct leat_slice bytes)
{
    struct leat_reader r = leat_reader_of(bytes);
    if (type <= JSON_LARGE_ARRAY)
        return put_container(d, type, bytes);
    return put_scalar(d, type, &r) && spend(d, bytes.len - leat_reader_left(&r));
}

/* --- documents -------------------------------------------------------------------------------- */

static bool attempt(struct leat_slice binary, struct leat_arena *arena, size_t room,
                    struct my_json_text *ret_text, bool *ret_sound)
{
    struct document d = {.text = {.to = leat_arena_alloc(arena, room), .room = room},
                         .unread = binary.len - 1};
    if (!d.text.to)
        return false;
    *ret_sound = put_value(&d, binary.ptr[0], leat_slice_of(binary.ptr + 1, binary.len - 1));
    *ret_text = d.text;
    return true;
}

int my_json_text(struct leat_slice binary, struct leat_arena *arena, struct leat_slice *ret_text,
                 struct leat_err *err)
{
    enum { GUESS_MORE = 64 };
    struct my_json_text text;
    bool sound;
    if (!binary.len) {
        *ret_text = LEAT_SLICE_LITERAL("null");
        return LEAT_OK;
    }
    bool room = attempt(binary, arena, binary.len + binary.len / 2 + GUESS_MORE, &text, &sound);
    if (room && sound && text.len > text.room)
        room = attempt(binary, arena, text.len, &text, &sound);
    if (!room)
        return leat_fail(err, LEAT_ELIMIT, "a JSON document of %zu bytes is too long", binary.len);
    if (!sound)
        return leat_fail(err, LEAT_EPROTO, "a JSON document of %zu bytes is malformed", binary.len);
    *ret_text = leat_slice_of(text.to, text.len);
    return LEAT_OK;
}
