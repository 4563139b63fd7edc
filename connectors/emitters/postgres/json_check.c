#include "emitters/postgres/json_check.h"

/* The state between two tokens: what may come next. */
enum want { VALUE, VALUE_OR_END, KEY, KEY_OR_END, COLON, COMMA_OR_END };

struct scan {
    const uint8_t *at, *end;
    enum want want;
    unsigned depth;
    uint8_t open[PGE_JSON_NESTING_MAX]; /* '{' or '[' */
};

static void blanks_skip(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

/* --- strings ------------------------------------------------------------------------------------
 */

static bool hex_four(struct scan *s, unsigned *ret_unit)
{
    unsigned unit = 0;
    if (s->end - s->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        uint8_t c = *s->at++;
        unsigned digit = c >= '0' && c <= '9'   ? c - 0x30u
                         : c >= 'a' && c <= 'f' ? c - 'a' + 10u
                         : c >= 'A' && c <= 'F' ? c - 'A' + 10u
                                                : 16;
        if (digit == 16)
            return false;
        unit = unit << 4 | digit;
    }
    *ret_unit = unit;
    return true;
}

/* Behind "\u". */
static bool escape_unicode(struct scan *s)
{
    unsigned high, low;
    if (!hex_four(s, &high) || high == 0 || (high >= 0xdc00 && high <= 0xdfff))
        return false;
    if (high < 0xd800 || high > 0xdbff)
        return true;
    if (s->end - s->at < 6 || s->at[0] != '\\' || s->at[1] != 'u')
        return false;
    s->at += 2;
    return hex_four(s, &low) && low >= 0xdc00 && low <= 0xdfff;
}

/* Behind the opening quote; ends behind the closing one. */
static bool string_skip(struct scan *s)
{
    while (s->at < s->end) {
        uint8_t c = *s->at++;
        if (c == '"')
            return true;
        if (c < 0x20)
            return false;
        if (c != '\\')
            continue;
        if (s->at == s->end)
            return false;
        c = *s->at++;
        if (c == 'u' ? !escape_unicode(s) : !strchr("\"\\/bfnrt", c) || !c)
            return false;
    }
    return false;
}

/* --- numbers and words --------------------------------------------------------------------------
 */

static size_t digits_skip(struct scan *s)
{
    const uint8_t *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return (size_t)(s->at - from);
}

static bool taken(struct scan *s, uint8_t c)
{
    bool there = s->at < s->end && *s->at == c;
    s->at += there;
    return there;
}

static bool number_skip(struct scan *s)
{
    taken(s, '-');
    bool zero = s->at < s->end && *s->at == '0';
    size_t whole = digits_skip(s);
    if (!whole || (zero && whole > 1))
        return false;
    if (taken(s, '.') && !digits_skip(s))
        return false;
    if (!taken(s, 'e') && !taken(s, 'E'))
        return true;
    if (!taken(s, '+'))
        taken(s, '-');
    size_t exponent = digits_skip(s);
    return exponent && exponent <= 3;
}

static bool word_skip(struct scan *s, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
        return false;
    s->at += len;
    return true;
}

/* --- structure ----------------------------------------------------------------------------------
 */

static bool open_one(struct scan *s, uint8_t bracket)
{
    if (s->depth == PGE_JSON_NESTING_MAX)
        return false;
    s->at++;
    s->open[s->depth++] = bracket;
    s->want = bracket == '{' ? KEY_OR_END : VALUE_OR_END;
    return true;
}

static bool close_one(struct scan *s, uint8_t bracket)
{
    if (!s->depth || s->open[s->depth - 1] != bracket)
        return false;
    s->at++;
    s->depth--;
    s->want = COMMA_OR_END;
    return true;
}

static bool value_step(struct scan *s)
{
    uint8_t c = *s->at;
    if (c == '{' || c == '[')
        return open_one(s, c);
    if (c == ']' && s->want == VALUE_OR_END)
        return close_one(s, '[');
    s->want = COMMA_OR_END;
    if (c == '"') {
        s->at++;
        return string_skip(s);
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return number_skip(s);
    return word_skip(s, "true") || word_skip(s, "false") || word_skip(s, "null");
}

static bool key_step(struct scan *s)
{
    if (*s->at == '}' && s->want == KEY_OR_END)
        return close_one(s, '{');
    s->want = COLON;
    return taken(s, '"') && string_skip(s);
}

static bool behind_step(struct scan *s)
{
    uint8_t c = *s->at;
    if (!s->depth)
        return false; /* something stands behind the text's end */
    if (c == '}' || c == ']')
        return close_one(s, c == '}' ? '{' : '[');
    s->want = s->open[s->depth - 1] == '{' ? KEY : VALUE;
    return taken(s, ',');
}

static bool step(struct scan *s)
{
    switch (s->want) {
    case VALUE:
    case VALUE_OR_END:
        return value_step(s);
    case KEY:
    case KEY_OR_END:
        return key_step(s);
    case COLON:
        s->want = VALUE;
        return taken(s, ':');
    case COMMA_OR_END:
        return behind_step(s);
    }
    return false;
}

bool pge_json_check(struct leat_slice text)
{
    struct scan s;
    s.at = text.ptr;
    s.end = text.ptr + text.len;
    s.want = VALUE;
    s.depth = 0;
    for (blanks_skip(&s); s.at < s.end; blanks_skip(&s))
        if (!step(&s))
            return false;
    return s.want == COMMA_OR_END && s.depth == 0;
}
