#include "codec/json_check.h"

struct scan {
    const uint8_t *at, *end;
    uint8_t closing[JSON_CHECK_DEPTH]; /* of the containers that are open */
    unsigned depth;
};

static int peek(const struct scan *s)
{
    return s->at < s->end ? *s->at : -1;
}

static int space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
    return peek(s);
}

static bool digits(struct scan *s)
{
    const uint8_t *begin = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > begin;
}

static bool number(struct scan *s)
{
    s->at += peek(s) == '-';
    if (peek(s) == '0')
        s->at++;
    else if (!digits(s))
        return false;
    if (peek(s) == '.') {
        s->at++;
        if (!digits(s))
            return false;
    }
    if (peek(s) != 'e' && peek(s) != 'E')
        return true;
    s->at++;
    s->at += peek(s) == '+' || peek(s) == '-';
    return digits(s);
}

static bool is_hex(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool escape(struct scan *s)
{
    int c = peek(s);
    if (c < 0 || !memchr("\"\\/bfnrtu", c, 9))
        return false;
    s->at++;
    for (int i = 0; c == 'u' && i < 4; i++, s->at++)
        if (!is_hex(peek(s)))
            return false;
    return true;
}

/* Behind its opening quote. */
static bool string(struct scan *s)
{
    while (s->at < s->end) {
        uint8_t c = *s->at++;
        if (c == '"')
            return true;
        if (c < 0x20 || (c == '\\' && !escape(s)))
            return false;
    }
    return false;
}

static bool word(struct scan *s, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, text, len) != 0)
        return false;
    s->at += len;
    return true;
}

static bool name(struct scan *s)
{
    if (space(s) != '"')
        return false;
    s->at++;
    if (!string(s) || space(s) != ':')
        return false;
    s->at++;
    return true;
}

/* Opens a container: true when a value of it must follow. */
static bool open(struct scan *s, int bracket, bool *ret_good)
{
    uint8_t closing = bracket == '{' ? '}' : ']';
    *ret_good = s->depth < JSON_CHECK_DEPTH;
    s->at++;
    if (!*ret_good)
        return false;
    s->closing[s->depth++] = closing;
    if (space(s) == closing)
        return false;
    *ret_good = closing == ']' || name(s);
    return *ret_good;
}

/* A value, or the beginning of one: then *ret_more, and its first element comes next. */
static bool value(struct scan *s, bool *ret_more)
{
    int c = space(s);
    bool good;
    *ret_more = false;
    switch (c) {
    case '{':
    case '[':
        *ret_more = open(s, c, &good);
        return good;
    case '"':
        s->at++;
        return string(s);
    case 't':
        return word(s, "true");
    case 'f':
        return word(s, "false");
    case 'n':
        return word(s, "null");
    default:
        return number(s);
    }
}

/* Behind a value: closes what ends, and comes to the next value if there is one. */
static bool onward(struct scan *s, bool *ret_more)
{
    *ret_more = false;
    while (s->depth) {
        int c = space(s);
        if (c == s->closing[s->depth - 1]) {
            s->depth--;
            s->at++;
            continue;
        }
        if (c != ',')
            return false;
        s->at++;
        *ret_more = true;
        return s->closing[s->depth - 1] == ']' || name(s);
    }
    return true;
}

char leat_json_check(struct leat_slice text)
{
    struct scan s = {.at = text.ptr, .end = text.ptr ? text.ptr + text.len : text.ptr};
    int first = space(&s);
    bool more = true;
    while (more) {
        if (!value(&s, &more) || (!more && !onward(&s, &more)))
            return 0;
    }
    return space(&s) < 0 ? (char)first : 0;
}
