/*
 * What has a length: texts, bytes, labels, bits, and the types that hide behind bytes.
 *
 *     CHAR      without the blanks at its end, as SELECT gives it
 *     BINARY    the log drops the zeros at its end: they are put back (so with UUID, INET6, INET4)
 *     ENUM      number of the label from 1; 0 is '', what an invalid value became
 *     SET       a bit a label, the first label lowest
 *     BIT       big-endian; the text has the first bit first
 *     JSON      MySQL: binary, json_binary.c; MariaDB: text with a check on it
 *     VECTOR    floats, little-endian
 *     compressed (MariaDB): empty, or 0 and the bytes, or 80 + 8 (raw: no zlib head) + n, then n
 * bytes big-endian: length without compression, then a deflate stream
 *
 * A text without a character set (nobody told, or a collation that nobody knows) is bytes:
 * verbatim, and not filled up, since it need not be BINARY.
 */
#include "sources/mysql/row_forms.h"

#include "sources/mysql/json_binary.h"

#include <zlib.h>

enum {
    UUID_BYTES = 16,
    INET6_BYTES = 16,
    INET4_BYTES = 4,
    INET_TEXT_MAX = 48,
    SET_LABELS_MAX = 64,
    DEFLATE_RATIO_MAX = 1032, /* a forged length must not make us allocate */
};

/* --- texts and bytes -------------------------------------------------------------------------- */

static int padded(const struct my_decoding *d, struct leat_slice bytes, size_t len,
                  struct leat_slice *ret_bytes)
{
    if (bytes.len > len)
        return my_value_malformed(d, "is longer than its column");
    if (bytes.len == len) {
        *ret_bytes = bytes;
        return LEAT_OK;
    }
    uint8_t *to = leat_arena_zeroed(d->scratch, 1, len);
    if (!to)
        return my_value_no_room(d);
    if (bytes.len)
        memcpy(to, bytes.ptr, bytes.len);
    *ret_bytes = leat_slice_of(to, len);
    return LEAT_OK;
}

static int text_value(const struct my_decoding *d, struct leat_slice bytes,
                      struct leat_value *ret_value)
{
    struct leat_slice text = bytes;
    int64_t replaced = 0;
    if (d->column->charset) {
        int status =
            my_charset_utf8(d->column->charset, bytes, d->scratch, &text, &replaced, d->err);
        if (status)
            return status;
    }
    if (replaced && d->policy->bad_text == MY_BAD_TEXT_ERROR)
        return leat_fail(d->err, LEAT_EDATA, "a text has %lld bytes that are no %s",
                         (long long)replaced, my_charset_name(d->column->charset));
    d->policy->text_replaced += replaced;
    return my_value_text(d->column->kind, text, ret_value);
}

static int bytes_value(const struct my_decoding *d, struct leat_slice bytes,
                       struct leat_value *ret_value)
{
    const struct my_column *c = d->column;
    if (c->type == MY_TYPE_STRING && c->charset) {
        int status = padded(d, bytes, c->length, &bytes);
        if (status)
            return status;
    }
    return my_value_text(LEAT_BYTES, bytes, ret_value);
}

static int uuid_value(const struct my_decoding *d, struct leat_slice bytes,
                      struct leat_value *ret_value)
{
    int status = padded(d, bytes, UUID_BYTES, &bytes);
    return status ? status : my_value_text(LEAT_UUID, bytes, ret_value);
}

/* --- addresses, as MariaDB prints them -------------------------------------------------------- */

static char *put_byte(char *to, unsigned v)
{
    if (v >= 100)
        *to++ = (char)('0' + v / 100);
    if (v >= 10)
        *to++ = (char)('0' + v / 10 % 10);
    *to++ = (char)('0' + v % 10);
    return to;
}

static char *put_inet4(char *to, const uint8_t *address)
{
    for (unsigned i = 0; i < INET4_BYTES; i++) {
        if (i)
            *to++ = '.';
        to = put_byte(to, address[i]);
    }
    return to;
}

static char *put_word(char *to, unsigned v)
{
    static const char hex[] = "0123456789abcdef";
    for (int shift = v > 0xfff ? 12 : v > 0xff ? 8 : v > 0xf ? 4 : 0; shift >= 0; shift -= 4)
        *to++ = hex[v >> shift & 15];
    return to;
}

/* The first of the longest runs of zeros; a single one counts. */
static unsigned longest_gap(const uint16_t words[8], unsigned *ret_length)
{
    unsigned best = 8, best_length = 0;
    for (unsigned from = 0; from < 8; from++) {
        unsigned length = 0;
        while (from + length < 8 && !words[from + length])
            length++;
        if (length > best_length) {
            best = from;
            best_length = length;
        }
    }
    *ret_length = best_length;
    return best;
}

/* ::1.2.3.4 and ::ffff:1.2.3.4 end as IPv4 does. */
static bool ends_as_inet4(const uint16_t words[8])
{
    for (unsigned i = 0; i < 5; i++)
        if (words[i])
            return false;
    return words[5] == 0xffff || (!words[5] && words[6]);
}

static char *put_inet6(char *to, const uint8_t *address)
{
    uint16_t words[8];
    for (unsigned i = 0; i < 8; i++)
        words[i] = (uint16_t)(address[2 * i] << 8 | address[2 * i + 1]);
    unsigned gap_length, gap = longest_gap(words, &gap_length);
    unsigned plain = ends_as_inet4(words) ? 6 : 8;
    for (unsigned i = 0; i < plain; i++) {
        if (i == gap) {
            *to++ = ':';
            i += gap_length - 1;
            if (i == 7)
                *to++ = ':';
            continue;
        }
        if (i)
            *to++ = ':';
        to = put_word(to, words[i]);
    }
    if (plain == 8)
        return to;
    *to++ = ':';
    return put_inet4(to, address + INET6_BYTES - INET4_BYTES);
}

static int inet_value(const struct my_decoding *d, struct leat_slice bytes,
                      struct leat_value *ret_value)
{
    bool four = d->column->logical == MY_LOGICAL_INET4;
    char text[INET_TEXT_MAX];
    struct leat_slice address = {NULL, 0};
    int status = padded(d, bytes, four ? INET4_BYTES : INET6_BYTES, &address);
    if (status)
        return status;
    char *end = four ? put_inet4(text, address.ptr) : put_inet6(text, address.ptr);
    struct leat_slice copy = leat_arena_copy(d->scratch, leat_slice_of(text, (size_t)(end - text)));
    return copy.ptr ? my_value_text(LEAT_STRING, copy, ret_value) : my_value_no_room(d);
}

/* --- vectors ---------------------------------------------------------------------------------- */

static int vector_value(const struct my_decoding *d, struct leat_slice bytes,
                        struct leat_value *ret_value)
{
    enum { FLOAT_BYTES = 4, ELEMENT_BYTES = 1 + FLOAT_BYTES, HEAD_BYTES = 128 };
    uint32_t count = (uint32_t)(bytes.len / FLOAT_BYTES);
    struct leat_array shape = {.dimensions = count > 0, .lengths = {count}, .lower_bounds = {1}};
    if (bytes.len % FLOAT_BYTES || bytes.len > UINT32_MAX)
        return my_value_malformed(d, "has a part of a float");
    size_t room = HEAD_BYTES + (size_t)count * ELEMENT_BYTES;
    struct leat_buf buf = {
        .data = leat_arena_alloc(d->scratch, room), .capacity = room, .max = room};
    if (!buf.data)
        return my_value_no_room(d);
    leat_array_begin(&buf, &shape);
    for (uint32_t i = 0; i < count; i++) {
        leat_buf_u8(&buf, LEAT_FLOAT32);
        leat_buf_raw(&buf, bytes.ptr + (size_t)i * FLOAT_BYTES, FLOAT_BYTES);
    }
    return my_value_text(LEAT_ARRAY, leat_buf_slice(&buf), ret_value);
}

/* --- compressed columns ----------------------------------------------------------------------- */

/* All of `packed` must become exactly `len` bytes. zlib's own allocation is the one on this path:
 * seven kilobytes, next to what inflating takes. */
static bool inflate_exactly(struct leat_slice packed, bool raw, uint8_t *to, size_t len)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)packed.ptr,
                  .avail_in = (uInt)packed.len,
                  .next_out = to,
                  .avail_out = (uInt)len};
    if (inflateInit2(&z, raw ? -MAX_WBITS : MAX_WBITS) != Z_OK)
        return false;
    bool whole = inflate(&z, Z_FINISH) == Z_STREAM_END && !z.avail_in && !z.avail_out;
    inflateEnd(&z);
    return whole;
}

static int decompressed(const struct my_decoding *d, struct leat_slice bytes,
                        struct leat_slice *ret_bytes)
{
    struct leat_reader r = leat_reader_of(bytes);
    uint8_t head = bytes.len ? leat_reader_u8(&r) : 0;
    if (!head) {
        *ret_bytes = leat_slice_of(r.at, leat_reader_left(&r));
        return LEAT_OK;
    }
    unsigned length_bytes = head & 7;
    uint64_t len = 0;
    for (unsigned i = 0; i < length_bytes; i++)
        len = len << 8 | leat_reader_u8(&r);
    struct leat_slice packed = leat_slice_of(r.at, leat_reader_left(&r));
    if (r.bad || head >> 4 != 8 || length_bytes < 1 || length_bytes > 4 ||
        len / DEFLATE_RATIO_MAX > packed.len)
        return my_value_malformed(d, "is compressed in no known way");
    uint8_t *to = leat_arena_alloc(d->scratch, len);
    if (!to)
        return my_value_no_room(d);
    if (!inflate_exactly(packed, head & 8, to, len))
        return my_value_malformed(d, "cannot be inflated");
    *ret_bytes = leat_slice_of(to, len);
    return LEAT_OK;
}

/* --- all of them ------------------------------------------------------------------------------ */

static int json_value(const struct my_decoding *d, struct leat_slice bytes,
                      struct leat_value *ret_value)
{
    struct leat_slice text;
    int status = my_json_text(bytes, d->scratch, &text, d->err);
    return status ? status : my_value_text(LEAT_JSON, text, ret_value);
}

int my_text_decode(const struct my_decoding *d, struct leat_slice bytes,
                   struct leat_value *ret_value)
{
    const struct my_column *c = d->column;
    if (c->type == MARIA_TYPE_BLOB_COMPRESSED || c->type == MARIA_TYPE_VARCHAR_COMPRESSED) {
        int status = decompressed(d, bytes, &bytes);
        if (status)
            return status;
    }
    switch ((enum leat_kind)c->kind) {
    case LEAT_BYTES:
        return bytes_value(d, bytes, ret_value);
    case LEAT_UUID:
        return uuid_value(d, bytes, ret_value);
    case LEAT_ARRAY:
        return vector_value(d, bytes, ret_value);
    case LEAT_JSON:
        return c->type == MY_TYPE_JSON ? json_value(d, bytes, ret_value)
                                       : text_value(d, bytes, ret_value);
    default:
        return c->logical == MY_LOGICAL_INET6 || c->logical == MY_LOGICAL_INET4
                   ? inet_value(d, bytes, ret_value)
                   : text_value(d, bytes, ret_value);
    }
}

/* --- labels and bits -------------------------------------------------------------------------- */

static int unknown_label(const struct my_decoding *d, uint64_t number)
{
    return leat_fail(d->err, LEAT_EDATA,
                     "value %llu has no label: the column has %u, so its "
                     "declaration is not the one of the log",
                     (unsigned long long)number, d->column->label_count);
}

static int set_value(const struct my_decoding *d, uint64_t bits, struct leat_value *ret_value)
{
    const struct my_column *c = d->column;
    size_t len = 0;
    if (c->label_count < SET_LABELS_MAX && bits >> c->label_count)
        return unknown_label(d, bits);
    if ((bits & (bits - 1)) == 0) /* one, or none */
        return my_value_text(LEAT_STRING,
                             bits ? c->labels[__builtin_ctzll(bits)] : LEAT_SLICE_LITERAL(""),
                             ret_value);
    for (uint64_t left = bits; left; left &= left - 1)
        len += c->labels[__builtin_ctzll(left)].len + 1;
    uint8_t *text = leat_arena_alloc(d->scratch, len), *to = text;
    if (!text)
        return my_value_no_room(d);
    for (uint64_t left = bits; left; left &= left - 1) {
        struct leat_slice label = c->labels[__builtin_ctzll(left)];
        if (label.len)
            memcpy(to, label.ptr, label.len);
        to += label.len;
        *to++ = ',';
    }
    return my_value_text(LEAT_STRING, leat_slice_of(text, len - 1), ret_value);
}

int my_label_decode(const struct my_decoding *d, uint64_t number, struct leat_value *ret_value)
{
    const struct my_column *c = d->column;
    if (c->type == MY_TYPE_SET)
        return set_value(d, number, ret_value);
    if (number > c->label_count)
        return unknown_label(d, number);
    return my_value_text(LEAT_STRING, number ? c->labels[number - 1] : LEAT_SLICE_LITERAL(""),
                         ret_value);
}

int my_bits_decode(const struct my_decoding *d, struct leat_slice bytes,
                   struct leat_value *ret_value)
{
    uint32_t count = d->column->length;
    uint64_t v = 0;
    for (size_t i = 0; i < bytes.len; i++)
        v = v << 8 | bytes.ptr[i];
    uint8_t *text = leat_arena_alloc(d->scratch, count);
    if (!text)
        return my_value_no_room(d);
    for (uint32_t i = 0; i < count; i++)
        text[i] = (uint8_t)('0' + (v >> (count - 1 - i) & 1));
    return my_value_text(LEAT_BITS, leat_slice_of(text, count), ret_value);
}
