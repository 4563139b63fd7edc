/*
 * Binary JSON from text: an encoder for tests, written from the server's description of the format
 * and with nothing of the decoder. Numbers with a point or an exponent are doubles, others the
 * smallest integer that holds them. With `large` all containers take offsets of four bytes.
 */
#ifndef UNIT_MYSQL_JSON_BUILD_H
#define UNIT_MYSQL_JSON_BUILD_H

#include <leat/buf.h>

#include <stdlib.h>

enum { BUILD_MAX = 1 << 20, CHILDREN_MAX = 4096 };

struct build {
    const char *at;
    bool large;
};

static void build_le(struct leat_buf *out, uint64_t v, size_t bytes)
{
    leat_buf_append(out, leat_slice_of(&v, bytes));
}

static void build_put(struct leat_buf *out, size_t at, uint64_t v, size_t bytes)
{
    memcpy(out->data + at, &v, bytes);
}

/* The text of a string, which build->at stands at the quote of. */
static size_t build_text(struct build *b, char *to)
{
    size_t len = 0;
    for (b->at++; *b->at != '"'; b->at++) {
        char c = *b->at;
        if (c == '\\') {
            c = *++b->at;
            c = (char)(c == 'n'   ? '\n'
                       : c == 't' ? '\t'
                       : c == 'b' ? '\b'
                       : c == 'f' ? '\f'
                       : c == 'r' ? '\r'
                                  : c);
            if (c == 'u') {
                char hex[5] = {b->at[1], b->at[2], b->at[3], b->at[4], '\0'};
                c = (char)strtoul(hex, NULL, 16);
                b->at += 4;
            }
        }
        to[len++] = c;
    }
    b->at++;
    return len;
}

static void build_string(struct build *b, struct leat_buf *out)
{
    static char text[1 << 17];
    size_t len = build_text(b, text);
    uint64_t left = len;
    do {
        build_le(out, (left & 0x7f) | (left > 0x7f ? 0x80 : 0), 1);
        left >>= 7;
    } while (left);
    leat_buf_append(out, leat_slice_of(text, len));
}

static uint8_t build_number(struct build *b, struct leat_buf *out)
{
    size_t len = strspn(b->at, "+-0123456789.eE");
    const char *from = b->at;
    b->at += len;
    if (strcspn(from, ".eE") < len) {
        double v = strtod(from, NULL);
        leat_buf_append(out, leat_slice_of(&v, sizeof v));
        return 11;
    }
    if (*from == '-') {
        int64_t v = strtoll(from, NULL, 10);
        size_t bytes = v >= INT16_MIN ? 2 : v >= INT32_MIN ? 4 : 8;
        build_le(out, (uint64_t)v, bytes);
        return bytes == 2 ? 5 : bytes == 4 ? 7 : 9;
    }
    uint64_t v = strtoull(from, NULL, 10);
    size_t bytes = v <= UINT16_MAX ? 2 : v <= UINT32_MAX ? 4 : 8;
    build_le(out, v, bytes);
    return bytes == 2 ? 6 : bytes == 4 ? 8 : 10;
}

static uint8_t build_value(struct build *b, struct leat_buf *out);

static bool build_in_place(bool large, uint8_t type)
{
    return type == 4 || type == 5 || type == 6 || (large && (type == 7 || type == 8));
}

static size_t build_count(const char *at)
{
    size_t count = 0, depth = 0;
    bool any = at[1] != ']' && at[1] != '}';
    do {
        if (*at == '"')
            for (at++; *at != '"'; at++)
                at += *at == '\\';
        depth += *at == '[' || *at == '{';
        depth -= *at == ']' || *at == '}';
        count += depth == 1 && *at == ',';
        at++;
    } while (depth);
    return any ? count + 1 : 0;
}

static void build_child(struct build *b, struct leat_buf *out, size_t base, size_t entry)
{
    struct leat_buf value;
    size_t width = b->large ? 4 : 2;
    leat_buf_init(&value, BUILD_MAX);
    uint8_t type = build_value(b, &value);
    build_put(out, entry, type, 1);
    if (build_in_place(b->large, type)) {
        build_put(out, entry + 1, 0, width);
        memcpy(out->data + entry + 1, value.data, value.len);
    } else {
        build_put(out, entry + 1, out->len - base, width);
        leat_buf_append(out, leat_buf_slice(&value));
    }
    leat_buf_release(&value);
}

/* Keys first, then values: the text is gone through twice. */
static void build_keys(struct build b, struct leat_buf *out, size_t base, size_t count)
{
    static char text[1 << 17];
    size_t width = b.large ? 4 : 2;
    struct leat_buf unused;
    for (size_t i = 0; i < count; i++) {
        b.at += strspn(b.at, " ,");
        size_t len = build_text(&b, text), entry = base + 2 * width + i * (width + 2);
        build_put(out, entry, out->len - base, width);
        build_put(out, entry + width, len, 2);
        leat_buf_append(out, leat_slice_of(text, len));
        b.at += strspn(b.at, ": ");
        leat_buf_init(&unused, BUILD_MAX);
        build_value(&b, &unused);
        leat_buf_release(&unused);
    }
}

static uint8_t build_container(struct build *b, struct leat_buf *out)
{
    static char key[1 << 17];
    bool object = *b->at == '{';
    size_t width = b->large ? 4 : 2, base = out->len, count = build_count(b->at);
    size_t head = 2 * width + count * (1 + width) + (object ? count * (width + 2) : 0);
    for (size_t i = 0; i < head; i++)
        build_le(out, 0, 1);
    b->at++;
    if (object)
        build_keys(*b, out, base, count);
    for (size_t i = 0; i < count; i++) {
        b->at += strspn(b->at, " ,");
        if (object)
            build_text(b, key);
        b->at += strspn(b->at, ": ");
        build_child(b, out, base, base + head - (count - i) * (1 + width));
    }
    b->at += 1;
    build_put(out, base, count, width);
    build_put(out, base + width, out->len - base, width);
    return (uint8_t)((object ? 0 : 2) + b->large);
}

static uint8_t build_value(struct build *b, struct leat_buf *out)
{
    static const char *const literals[] = {"null", "true", "false"};
    if (*b->at == '{' || *b->at == '[')
        return build_container(b, out);
    if (*b->at == '"') {
        build_string(b, out);
        return 12;
    }
    for (uint8_t i = 0; i < 3; i++)
        if (!strncmp(b->at, literals[i], strlen(literals[i]))) {
            b->at += strlen(literals[i]);
            build_le(out, i, 1);
            return 4;
        }
    return build_number(b, out);
}

/* A document: type, value. The caller releases `out`. */
static void build_document(const char *text, bool large, struct leat_buf *out)
{
    struct build b = {text, large};
    leat_buf_init(out, BUILD_MAX);
    build_le(out, 0, 1);
    uint8_t type = build_value(&b, out);
    out->data[0] = type;
}

#endif
