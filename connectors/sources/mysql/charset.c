/*
 * Text as UTF-8.
 *
 * A set of characters of one, two or three bytes becomes a table the first time that a text of it
 * turns up: every code is shown to iconv(3) once, and then the differences to the server's own
 * tables are put in. So a text costs two loads a character and no call, and what a code means is
 * what the server means. The few sets that fit no table go through iconv text by text.
 *
 * Every form is read by one function that gives the next character or says that there is none; so
 * lengths, replacements and their count are in one place (convert). What is no character becomes
 * U+FFFD: one for a byte, in UTF-16 and UTF-32 one for a unit.
 */
#include "sources/mysql/charset.h"

#include "sources/mysql/charset_sets.h"

#include <leat/encoding.h>

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>

enum {
    COLLATIONS_MAX = 4096, /* the servers' own bound */
    NO_PADDING = 1024,     /* MariaDB's collations without padding: the same number and this */
    NO_PADDING_END = NO_PADDING + 176,
    NAME_MAX_BYTES = 64,
    HIGH = 0x80,        /* leads and trails of the tables count from here */
    LONG_LEAD = 0x8f,   /* of characters of three bytes */
    MEASURE_FROM = 512, /* a longer text is measured first, a shorter one gets room for the worst */
    UTF8_BYTES_MAX = 3, /* of a byte's worth of text */
};

#define NONE        UINT16_MAX /* in a table: no character */
#define REPLACEMENT UINT32_C(0xfffd)
#define BAD         UINT32_MAX /* from a reader: no character */

struct table {
    uint16_t single[256];
    uint16_t (*pairs)[256];    /* by lead - HIGH and second byte; NULL: none */
    uint16_t (*triples)[HIGH]; /* behind LONG_LEAD, by second and third byte - HIGH */
};

struct my_charset {
    struct my_charset_set set;
    bool ascii; /* bytes below 0x80 are themselves */
    bool ready;
    struct table *table;
    struct leat_encoding encoding;
    struct my_charset *next; /* of those that were learnt */
    char name[NAME_MAX_BYTES];
};

struct my_charsets {
    struct my_charset *by_collation[COLLATIONS_MAX];
    struct my_charset sets[MY_SET_COUNT];
    struct my_charset *learnt;
};

/* --- which there are -------------------------------------------------------------------------- */

static struct my_charset *set_named(struct my_charsets *c, struct leat_slice name)
{
    if (leat_slice_equal(name, LEAT_SLICE_LITERAL("utf8")))
        name = LEAT_SLICE_LITERAL("utf8mb3");
    for (size_t i = 0; i < MY_SET_COUNT; i++)
        if (leat_slice_equal(name, leat_slice_text(c->sets[i].set.name)))
            return &c->sets[i];
    for (struct my_charset *at = c->learnt; at; at = at->next)
        if (leat_slice_equal(name, leat_slice_text(at->set.name)))
            return at;
    return NULL;
}

int my_charsets_new(struct my_charsets **ret_charsets, struct leat_err *err)
{
    struct my_charsets *c = calloc(1, sizeof *c);
    if (!c)
        return leat_fail(err, LEAT_ERETRY, "out of memory for character sets");
    for (size_t i = 0; i < MY_SET_COUNT; i++)
        c->sets[i] = (struct my_charset){.set = my_charset_sets[i]};
    for (const struct my_charset_range *r = my_charset_ranges; r->name; r++)
        for (unsigned id = r->first; id <= r->last; id++)
            c->by_collation[id] = set_named(c, leat_slice_text(r->name));
    for (unsigned id = NO_PADDING; id < NO_PADDING_END; id++)
        c->by_collation[id] = c->by_collation[id - NO_PADDING];
    *ret_charsets = c;
    return LEAT_OK;
}

static void charset_release(struct my_charset *charset)
{
    if (charset->table) {
        free(charset->table->pairs);
        free(charset->table->triples);
    }
    free(charset->table);
    leat_encoding_close(&charset->encoding);
}

void my_charsets_free(struct my_charsets *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < MY_SET_COUNT; i++)
        charset_release(&c->sets[i]);
    while (c->learnt) {
        struct my_charset *next = c->learnt->next;
        charset_release(c->learnt);
        free(c->learnt);
        c->learnt = next;
    }
    free(c);
}

/* A set that we do not know: perhaps iconv does, by the same name. */
static struct my_charset *learn_set(struct my_charsets *c, const char *name)
{
    struct my_charset *new = strlen(name) < NAME_MAX_BYTES ? calloc(1, sizeof *new) : NULL;
    if (!new)
        return NULL;
    memcpy(new->name, name, strlen(name) + 1);
    new->set = (struct my_charset_set){new->name, new->name, MY_FORM_ICONV, 4};
    new->next = c->learnt;
    c->learnt = new;
    return new;
}

int my_charsets_learn(struct my_charsets *c, uint32_t collation, const char *name,
                      struct leat_err *err)
{
    if (collation >= COLLATIONS_MAX)
        return leat_fail(err, LEAT_ELIMIT, "the server has a collation of number %u", collation);
    struct my_charset *set = set_named(c, leat_slice_text(name));
    if (!set)
        set = learn_set(c, name);
    if (!set)
        return leat_fail(err, LEAT_ERETRY, "no room for the character set %s", name);
    c->by_collation[collation] = set;
    return LEAT_OK;
}

struct my_charset *my_charset_of(struct my_charsets *c, uint32_t collation)
{
    return collation < COLLATIONS_MAX ? c->by_collation[collation] : NULL;
}

struct my_charset *my_charset_named(struct my_charsets *c, struct leat_slice name)
{
    return set_named(c, name);
}

bool my_charset_is_binary(const struct my_charset *charset)
{
    return charset->set.form == MY_FORM_BINARY;
}

const char *my_charset_name(const struct my_charset *charset)
{
    return charset->set.name;
}

unsigned my_charset_bytes_max(const struct my_charset *charset)
{
    return charset->set.bytes_max;
}

/* --- tables ----------------------------------------------------------------------------------- */

/* The one character below U+FFFF that a code is, or NONE. `to_utf16` writes native UTF-16. */
static uint16_t ask(iconv_t to_utf16, uint32_t code, size_t bytes)
{
    char in[3], *from = in;
    uint16_t out[4];
    char *to = (char *)out;
    size_t in_left = bytes, out_left = sizeof out;
    for (size_t i = 0; i < bytes; i++)
        in[i] = (char)(code >> 8 * (bytes - 1 - i));
    iconv(to_utf16, NULL, NULL, NULL, NULL);
    bool whole = iconv(to_utf16, &from, &in_left, &to, &out_left) != (size_t)-1 && !in_left;
    return whole && to == (char *)(out + 1) ? out[0] : NONE;
}

static void ask_all(struct table *t, iconv_t to_utf16)
{
    for (uint32_t c = 0; c < 256; c++)
        t->single[c] = ask(to_utf16, c, 1);
    for (uint32_t lead = HIGH; t->pairs && lead < 256; lead++)
        for (uint32_t c = 0; c < 256; c++)
            t->pairs[lead - HIGH][c] =
                t->single[lead] == NONE ? ask(to_utf16, lead << 8 | c, 2) : NONE;
    for (uint32_t a = HIGH; t->triples && a < 256; a++)
        for (uint32_t b = HIGH; b < 256; b++)
            t->triples[a - HIGH][b - HIGH] =
                ask(to_utf16, (uint32_t)LONG_LEAD << 16 | a << 8 | b, 3);
}

static void correct(struct table *t, const struct my_charset_correction *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        uint32_t code = c->code + i;
        uint16_t character = (uint16_t)(c->character + i);
        if (code > 0xffff)
            t->triples[(code >> 8 & 0xff) - HIGH][(code & 0xff) - HIGH] = character;
        else if (code > 0xff)
            t->pairs[(code >> 8) - HIGH][code & 0xff] = character;
        else
            t->single[code] = character;
    }
}

static bool table_allocate(struct my_charset *charset)
{
    unsigned bytes = charset->set.bytes_max;
    struct table *t = charset->table = calloc(1, sizeof *t);
    if (t && bytes > 1)
        t->pairs = calloc(HIGH, sizeof *t->pairs);
    if (t && bytes > 2)
        t->triples = calloc(HIGH, sizeof *t->triples);
    return t && (bytes < 2 || t->pairs) && (bytes < 3 || t->triples);
}

static int table_build(struct my_charset *charset, struct leat_err *err)
{
    iconv_t to_utf16 = iconv_open("UTF-16LE", charset->set.iconv);
    if (to_utf16 == (iconv_t)-1) {
        leat_fail_errno(err, LEAT_ECONFIG, errno, "cannot convert the character set %s (%s)",
                        charset->set.name, charset->set.iconv);
        leat_err_hint(err, "install the C library's conversion modules (gconv)");
        return err->code;
    }
    bool allocated = table_allocate(charset);
    if (allocated) {
        ask_all(charset->table, to_utf16);
        for (const struct my_charset_correction *c = my_charset_corrections; c->name; c++)
            if (!strcmp(c->name, charset->set.name))
                correct(charset->table, c);
    }
    iconv_close(to_utf16);
    charset->ascii = allocated;
    for (unsigned i = 0; allocated && i < HIGH; i++)
        charset->ascii &= charset->table->single[i] == i;
    return allocated ? LEAT_OK : leat_fail(err, LEAT_ERETRY, "out of memory for a character set");
}

static int make_ready(struct my_charset *charset, struct leat_err *err)
{
    int status = LEAT_OK;
    if (charset->set.form == MY_FORM_TABLE) {
        charset_release(charset); /* of an attempt that failed */
        charset->table = NULL;
        status = table_build(charset, err);
    } else if (charset->set.form == MY_FORM_ICONV) {
        status = leat_encoding_open(&charset->encoding, charset->set.iconv, err);
    } else {
        charset->ascii = charset->set.form == MY_FORM_ASCII || charset->set.form == MY_FORM_UTF8;
    }
    charset->ready = !status;
    return status;
}

/* --- readers: the next character, and how many bytes it takes ----------------------------------
 */

static inline bool is_trail(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Bytes of the character at `at`; 0: it is none (overlong, a surrogate, past U+10FFFF, cut). */
static inline size_t utf8_length(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4 || left < 2)
        return 0;
    if (lead < 0xe0)
        return is_trail(at[1]) ? 2 : 0;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (left < 3 || at[1] < low || at[1] > high || !is_trail(at[2]))
        return 0;
    if (lead < 0xf0)
        return 3;
    return left >= 4 && is_trail(at[3]) ? 4 : 0;
}

static size_t read_utf8(const uint8_t *at, size_t left, uint32_t *ret_character)
{
    static const uint8_t mask[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t length = utf8_length(at, left);
    uint32_t v = length ? at[0] & mask[length] : BAD;
    for (size_t i = 1; i < length; i++)
        v = v << 6 | (at[i] & 0x3f);
    *ret_character = v;
    return length ? length : 1;
}

static size_t read_table(const struct table *t, const uint8_t *at, size_t left,
                         uint32_t *ret_character)
{
    uint16_t c = t->single[at[0]];
    size_t length = 1;
    if (c == NONE && t->pairs && left >= 2 && at[0] >= HIGH) {
        c = t->pairs[at[0] - HIGH][at[1]];
        length = 2;
    }
    if (c == NONE && t->triples && left >= 3 && at[0] == LONG_LEAD && at[1] >= HIGH &&
        at[2] >= HIGH) {
        c = t->triples[at[1] - HIGH][at[2] - HIGH];
        length = 3;
    }
    *ret_character = c == NONE ? BAD : c;
    return c == NONE ? 1 : length;
}

static inline uint32_t unit16(const uint8_t *at, bool little)
{
    return little ? (uint32_t)(at[1] << 8 | at[0]) : (uint32_t)(at[0] << 8 | at[1]);
}

static size_t read_utf16(bool little, const uint8_t *at, size_t left, uint32_t *ret_character)
{
    uint32_t first = left >= 2 ? unit16(at, little) : BAD;
    uint32_t second = left >= 4 ? unit16(at + 2, little) : 0;
    bool half = first >= 0xd800 && first < 0xe000;
    if (half && first < 0xdc00 && second >= 0xdc00 && second < 0xe000) {
        *ret_character = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return 4;
    }
    *ret_character = half ? BAD : first;
    return left >= 2 ? 2 : left;
}

static size_t read_utf32(const uint8_t *at, size_t left, uint32_t *ret_character)
{
    uint32_t c = left >= 4 ? unit16(at, false) << 16 | unit16(at + 2, false) : BAD;
    *ret_character = c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? BAD : c;
    return left >= 4 ? 4 : left;
}

static inline size_t read_one(const struct my_charset *charset, const uint8_t *at, size_t left,
                              uint32_t *ret_character)
{
    switch ((enum my_charset_form)charset->set.form) {
    case MY_FORM_TABLE:
        return read_table(charset->table, at, left, ret_character);
    case MY_FORM_UTF16BE:
        return read_utf16(false, at, left, ret_character);
    case MY_FORM_UTF16LE:
        return read_utf16(true, at, left, ret_character);
    case MY_FORM_UTF32:
        return read_utf32(at, left, ret_character);
    case MY_FORM_UTF8:
        return read_utf8(at, left, ret_character);
    default:
        *ret_character = at[0] < HIGH ? at[0] : BAD;
        return 1;
    }
}

/* --- conversion ------------------------------------------------------------------------------- */

/* Bytes of text in front that are ASCII. */
static size_t ascii_length(const uint8_t *from, const uint8_t *end)
{
    const uint8_t *at = from;
    uint64_t eight;
    while (end - at >= (ptrdiff_t)sizeof eight) {
        memcpy(&eight, at, sizeof eight);
        if (eight & UINT64_C(0x8080808080808080))
            break;
        at += sizeof eight;
    }
    while (at < end && *at < HIGH)
        at++;
    return (size_t)(at - from);
}

size_t my_utf8_valid(struct leat_slice text)
{
    size_t at = 0;
    while (at < text.len) {
        at += ascii_length(text.ptr + at, text.ptr + text.len);
        while (at < text.len && text.ptr[at] >= HIGH) {
            size_t length = utf8_length(text.ptr + at, text.len - at);
            if (!length)
                return at;
            at += length;
        }
    }
    return at;
}

static inline uint8_t *put_utf8(uint8_t *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (uint8_t)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (uint8_t)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *to++ = (uint8_t)(0xe0 | c >> 12);
        } else {
            *to++ = (uint8_t)(0xf0 | c >> 18);
            *to++ = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        }
        *to++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    }
    *to++ = (uint8_t)(0x80 | (c & 0x3f));
    return to;
}

static size_t utf8_bytes(uint32_t c)
{
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static size_t measure(const struct my_charset *charset, struct leat_slice text)
{
    size_t bytes = 0;
    for (size_t at = 0; at < text.len;) {
        uint32_t c;
        at += read_one(charset, text.ptr + at, text.len - at, &c);
        bytes += utf8_bytes(c == BAD ? REPLACEMENT : c);
    }
    return bytes;
}

static size_t convert(const struct my_charset *charset, struct leat_slice text, uint8_t *first,
                      int64_t *ret_replaced)
{
    uint8_t *to = first;
    for (size_t at = 0; at < text.len;) {
        uint32_t c;
        at += read_one(charset, text.ptr + at, text.len - at, &c);
        *ret_replaced += c == BAD;
        to = put_utf8(to, c == BAD ? REPLACEMENT : c);
    }
    return (size_t)(to - first);
}

int my_charset_utf8(struct my_charset *charset, struct leat_slice text, struct leat_arena *arena,
                    struct leat_slice *ret_text, int64_t *ret_replaced, struct leat_err *err)
{
    int status = charset->ready ? LEAT_OK : make_ready(charset, err);
    if (status)
        return status;
    if (!text.len || charset->set.form == MY_FORM_BINARY) {
        *ret_text = text;
        return LEAT_OK;
    }
    if (charset->set.form == MY_FORM_ICONV)
        return leat_encoding_utf8(&charset->encoding, text, arena, ret_text, ret_replaced, err);
    size_t viewed = 0;
    if (charset->set.form == MY_FORM_UTF8)
        viewed = my_utf8_valid(text);
    else if (charset->ascii)
        viewed = ascii_length(text.ptr, text.ptr + text.len);
    if (viewed == text.len) {
        *ret_text = text;
        return LEAT_OK;
    }
    size_t room = text.len > MEASURE_FROM ? measure(charset, text) : text.len * UTF8_BYTES_MAX;
    uint8_t *to = leat_arena_alloc(arena, room);
    if (!to)
        return leat_fail(err, LEAT_ELIMIT, "a text of %zu bytes is too long to be converted",
                         text.len);
    memcpy(to, text.ptr, viewed);
    struct leat_slice rest = {text.ptr + viewed, text.len - viewed};
    *ret_text = leat_slice_of(to, viewed + convert(charset, rest, to + viewed, ret_replaced));
    return LEAT_OK;
}
