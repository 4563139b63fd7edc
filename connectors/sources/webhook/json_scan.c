#include "sources/webhook/json_scan.h"

#include "sources/webhook/utf8.h"

static bool is_blank(uint8_t b)
{
    return b == ' ' || b == '\t' || b == '\n' || b == '\r';
}

static const uint8_t *skip_blanks(const uint8_t *at, const uint8_t *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

/* --- tokens: each gives the place behind it, or NULL after having set *bad --------------------- */

struct scan {
    const uint8_t *end;
    const uint8_t *bad;
};

static const uint8_t *fail(struct scan *s, const uint8_t *at)
{
    s->bad = at;
    return NULL;
}

static const uint8_t *sequence(struct scan *s, const uint8_t *at)
{
    const uint8_t *behind = utf8_sequence(at, s->end);
    return behind ? behind : fail(s, at);
}

static bool is_hex(uint8_t b)
{
    return (b >= '0' && b <= '9') || ((b | 0x20) >= 'a' && (b | 0x20) <= 'f');
}

static const uint8_t *escape(struct scan *s, const uint8_t *at)
{
    if (s->end - at < 2)
        return fail(s, at);
    if (at[1] && strchr("\"\\/bfnrt", at[1]))
        return at + 2;
    if (at[1] != 'u' || s->end - at < 6)
        return fail(s, at);
    for (int i = 2; i < 6; i++)
        if (!is_hex(at[i]))
            return fail(s, at);
    return at + 6;
}

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Eight bytes that need no look of their own: no quote, backslash, control byte, nothing above 0x7f. */
static bool all_plain(const uint8_t *at)
{
    uint64_t x;
    memcpy(&x, at, sizeof x);
    uint64_t quote = x ^ EACH_BYTE('"'), slash = x ^ EACH_BYTE('\\');
    uint64_t found = x | ((x - EACH_BYTE(0x20)) & ~x) | ((quote - EACH_BYTE(1)) & ~quote) |
                     ((slash - EACH_BYTE(1)) & ~slash);
    return !(found & EACH_BYTE(0x80));
}

/* From behind the opening quote. */
static const uint8_t *string(struct scan *s, const uint8_t *at)
{
    while (at) {
        while (s->end - at >= 8 && all_plain(at))
            at += 8;
        if (at == s->end || *at < 0x20)
            return fail(s, at);
        if (*at == '"')
            return at + 1;
        at = *at == '\\' ? escape(s, at) : *at < 0x80 ? at + 1 : sequence(s, at);
    }
    return NULL;
}

static const uint8_t *digits(const struct scan *s, const uint8_t *at)
{
    while (at < s->end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

static const uint8_t *some_digits(struct scan *s, const uint8_t *at)
{
    const uint8_t *behind = digits(s, at);
    return behind > at ? behind : fail(s, at);
}

static const uint8_t *number(struct scan *s, const uint8_t *at)
{
    at += *at == '-';
    if (at < s->end && *at == '0')
        at++;
    else
        at = some_digits(s, at);
    if (at && at < s->end && *at == '.')
        at = some_digits(s, at + 1);
    if (at && at < s->end && (*at | 0x20) == 'e') {
        at++;
        at += at < s->end && (*at == '+' || *at == '-');
        at = some_digits(s, at);
    }
    return at;
}

static const uint8_t *word(struct scan *s, const uint8_t *at, const char *text, size_t len)
{
    return (size_t)(s->end - at) >= len && memcmp(at, text, len) == 0 ? at + len : fail(s, at);
}

static const uint8_t *scalar(struct scan *s, const uint8_t *at)
{
    switch (*at) {
    case '"':
        return string(s, at + 1);
    case 't':
        return word(s, at, "true", 4);
    case 'f':
        return word(s, at, "false", 5);
    case 'n':
        return word(s, at, "null", 4);
    default:
        return *at == '-' || (*at >= '0' && *at <= '9') ? number(s, at) : fail(s, at);
    }
}

/* --- values ------------------------------------------------------------------------------------ */

/* Which of the open containers are objects: a bit each, so that depth costs no stack. */
struct levels {
    uint64_t bits[JSON_DEPTH_MAX / 64];
    unsigned depth;
};

static bool push(struct levels *l, bool object)
{
    if (l->depth == JSON_DEPTH_MAX)
        return false;
    uint64_t bit = UINT64_C(1) << l->depth % 64;
    uint64_t *bits = &l->bits[l->depth++ / 64];
    *bits = object ? *bits | bit : *bits & ~bit;
    return true;
}

static bool in_object(const struct levels *l)
{
    return l->depth && l->bits[(l->depth - 1) / 64] >> (l->depth - 1) % 64 & 1;
}

/* `"name" :` and the blanks behind it. */
static const uint8_t *name(struct scan *s, const uint8_t *at)
{
    at = skip_blanks(at, s->end);
    if (at == s->end || *at != '"')
        return fail(s, at);
    at = string(s, at + 1);
    if (!at)
        return NULL;
    at = skip_blanks(at, s->end);
    return at < s->end && *at == ':' ? at + 1 : fail(s, at);
}

/* Opens containers until a scalar or an empty container has been read. */
static const uint8_t *descend(struct scan *s, struct levels *l, const uint8_t *at)
{
    for (;;) {
        at = skip_blanks(at, s->end);
        if (at == s->end)
            return fail(s, at);
        if (*at != '{' && *at != '[')
            return scalar(s, at);
        bool object = *at == '{';
        const uint8_t *inside = skip_blanks(at + 1, s->end);
        if (inside < s->end && *inside == (object ? '}' : ']'))
            return inside + 1;
        if (!push(l, object))
            return fail(s, at);
        at = object ? name(s, inside) : inside;
        if (!at)
            return NULL;
    }
}

/* One value, blanks in front of it allowed. */
static const uint8_t *value(struct scan *s, const uint8_t *at)
{
    struct levels l = {.depth = 0};
    for (at = descend(s, &l, at); at && l.depth; at = at ? descend(s, &l, at) : NULL) {
        at = skip_blanks(at, s->end);
        while (at < s->end && l.depth && *at == (in_object(&l) ? '}' : ']')) {
            l.depth--;
            at = skip_blanks(at + 1, s->end);
        }
        if (!l.depth)
            return at;
        if (at == s->end || *at != ',')
            return fail(s, at);
        at = in_object(&l) ? name(s, at + 1) : at + 1;
    }
    return at;
}

bool json_check(struct leat_slice text, size_t *ret_at)
{
    struct scan s = {.end = text.ptr + text.len};
    const uint8_t *at = text.len ? value(&s, text.ptr) : fail(&s, text.ptr);
    if (at) {
        at = skip_blanks(at, s.end);
        if (at != s.end)
            fail(&s, at);
    }
    if (!s.bad && text.len)
        return true;
    *ret_at = text.len ? (size_t)(s.bad - text.ptr) : 0;
    return false;
}

/* --- finding the way --------------------------------------------------------------------------- */

static struct leat_slice trim(struct leat_slice text)
{
    while (text.len && is_blank(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

char json_kind(struct leat_slice v)
{
    v = trim(v);
    if (!v.len)
        return 0;
    return strchr("{[\"tfn", v.ptr[0]) ? (char)v.ptr[0] : '0';
}

bool json_walk(struct json_walk *walk, struct leat_slice v)
{
    char kind = json_kind(v);
    v = trim(v);
    if (kind != '{' && kind != '[')
        return false;
    *walk = (struct json_walk){v.ptr + 1, v.ptr + v.len, kind == '{'};
    return true;
}

bool json_next(struct json_walk *walk, struct leat_slice *ret_key, struct leat_slice *ret_value)
{
    struct scan s = {.end = walk->end};
    const uint8_t *at = skip_blanks(walk->at, walk->end);
    if (at < walk->end && *at == ',')
        at = skip_blanks(at + 1, walk->end);
    if (at >= walk->end || *at == ']' || *at == '}')
        return false;
    *ret_key = leat_slice_of(at, 0);
    if (walk->object) {
        const uint8_t *behind = string(&s, at + 1);
        *ret_key = leat_slice_of(at, (size_t)(behind - at));
        at = skip_blanks(name(&s, at), walk->end);
    }
    const uint8_t *behind = value(&s, at);
    if (!behind)
        return false;
    *ret_value = trim(leat_slice_of(at, (size_t)(behind - at)));
    walk->at = behind;
    return true;
}

/* Does a key, still quoted, say this? */
static bool key_is(struct leat_slice key, struct leat_slice wanted)
{
    if (key.len == wanted.len + 2 && memcmp(key.ptr + 1, wanted.ptr, wanted.len) == 0)
        return !memchr(wanted.ptr, '\\', wanted.len);
    if (!memchr(key.ptr, '\\', key.len))
        return false;
    struct leat_buf plain;
    leat_buf_init(&plain, key.len + 16);
    json_unquote(key, &plain);
    bool same = leat_slice_equal(leat_buf_slice(&plain), wanted);
    leat_buf_release(&plain);
    return same;
}

static bool member(struct leat_slice object, struct leat_slice wanted, struct leat_slice *ret_value)
{
    struct json_walk walk;
    struct leat_slice key, v;
    if (json_kind(object) != '{' || !json_walk(&walk, object))
        return false;
    while (json_next(&walk, &key, &v))
        if (key_is(key, wanted)) {
            *ret_value = v;
            return true;
        }
    return false;
}

bool json_member(struct leat_slice object, const char *wanted, struct leat_slice *ret_value)
{
    return member(object, leat_slice_text(wanted), ret_value);
}

static bool element(struct leat_slice array, const char *index, size_t len,
                    struct leat_slice *ret_value)
{
    struct json_walk walk;
    struct leat_slice key, v;
    uint64_t n = 0;
    if (!len || len > 9 || (len > 1 && index[0] == '0') || !json_walk(&walk, array))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (index[i] < '0' || index[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(index[i] - '0');
    }
    while (json_next(&walk, &key, &v))
        if (n-- == 0) {
            *ret_value = v;
            return true;
        }
    return false;
}

/* "~1" stands for "/", "~0" for "~". */
static size_t token_plain(const char *token, size_t len, char *ret_plain, size_t max)
{
    size_t out = 0;
    for (size_t i = 0; i < len && out < max; i++) {
        bool escaped = token[i] == '~' && i + 1 < len && (token[i + 1] == '0' || token[i + 1] == '1');
        ret_plain[out++] = !escaped ? token[i] : token[i + 1] == '0' ? '~' : '/';
        i += escaped;
    }
    return out;
}

bool json_find(struct leat_slice v, const char *pointer, struct leat_slice *ret_value)
{
    char plain[256];
    v = trim(v);
    while (*pointer == '/') {
        size_t len = strcspn(++pointer, "/");
        size_t plain_len = token_plain(pointer, len, plain, sizeof plain);
        bool found = json_kind(v) == '{' ? member(v, leat_slice_of(plain, plain_len), &v)
                                         : element(v, plain, plain_len, &v);
        if (!found)
            return false;
        pointer += len;
    }
    *ret_value = v;
    return *pointer == '\0';
}

/* --- strings ------------------------------------------------------------------------------------ */

static uint32_t hex4(const uint8_t *at)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t b = at[i];
        v = v << 4 | (uint32_t)(b <= '9' ? b - '0' : (b | 0x20) - 'a' + 10);
    }
    return v;
}

static void put_code_point(struct leat_buf *buf, uint32_t c)
{
    uint8_t bytes[4];
    size_t len = 0;
    if (c < 0x80) {
        bytes[len++] = (uint8_t)c;
    } else {
        if (c < 0x800) {
            bytes[len++] = (uint8_t)(0xc0 | c >> 6);
        } else {
            if (c < 0x10000) {
                bytes[len++] = (uint8_t)(0xe0 | c >> 12);
            } else {
                bytes[len++] = (uint8_t)(0xf0 | c >> 18);
                bytes[len++] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
            }
            bytes[len++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        }
        bytes[len++] = (uint8_t)(0x80 | (c & 0x3f));
    }
    leat_buf_append(buf, leat_slice_of(bytes, len));
}

/* \uXXXX, with its other half where it has one. Gives the place behind it. */
static const uint8_t *unquote_u(const uint8_t *at, const uint8_t *end, struct leat_buf *buf)
{
    uint32_t c = hex4(at + 2), low;
    at += 6;
    if (c >= 0xd800 && c < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' &&
        (low = hex4(at + 2)) >= 0xdc00 && low < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
    }
    put_code_point(buf, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
    return at;
}

void json_unquote(struct leat_slice text, struct leat_buf *buf)
{
    static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
    const uint8_t *at = text.ptr + 1, *end = text.ptr + text.len - 1;
    if (text.len < 2)
        return;
    while (at < end) {
        const uint8_t *slash = memchr(at, '\\', (size_t)(end - at));
        const uint8_t *stop = slash ? slash : end;
        leat_buf_append(buf, leat_slice_of(at, (size_t)(stop - at)));
        at = stop;
        if (at < end && at[1] == 'u') {
            at = unquote_u(at, end, buf);
        } else if (at < end) {
            leat_buf_append(buf, leat_slice_of(&TO[strchr(FROM, at[1]) - FROM], 1));
            at += 2;
        }
    }
}

void json_quote(struct leat_buf *buf, struct leat_slice text)
{
    size_t from = 0;
    leat_buf_append_text(buf, "\"");
    for (size_t i = 0; i < text.len; i++) {
        uint8_t b = text.ptr[i];
        if (b >= 0x20 && b != '"' && b != '\\')
            continue;
        leat_buf_append(buf, leat_slice_of(text.ptr + from, i - from));
        from = i + 1;
        if (b == '"' || b == '\\')
            leat_buf_format(buf, "\\%c", b);
        else
            leat_buf_format(buf, "\\u%04x", b);
    }
    leat_buf_append(buf, leat_slice_of(text.ptr + from, text.len - from));
    leat_buf_append_text(buf, "\"");
}
