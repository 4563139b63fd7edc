/*
 * Scanning as the servers' lexers do it, as far as it matters for finding words and names:
 *
 *   - Two dashes begin a comment only before a blank or the end.
 *   - In an executable comment a plain one may stand; its own end is then the next one.
 *   - Any byte from 0x80 on belongs to a name without quotes: the text is UTF-8.
 *   - A name may begin with a digit, and keywords are names: what a word is, the reader decides.
 */
#include "sources/mysql/ddl_token.h"

#include <strings.h>

void my_lexer_init(struct my_lexer *l, struct leat_slice statement, bool ansi_quotes,
                   bool no_backslash_escapes)
{
    *l = (struct my_lexer){
        .at = statement.ptr,
        .end = statement.ptr ? statement.ptr + statement.len : statement.ptr,
        .ansi_quotes = ansi_quotes,
        .backslash_escapes = !no_backslash_escapes,
    };
}

/* The byte at a distance; 0 behind the end. */
static uint8_t peek(const struct my_lexer *l, size_t distance)
{
    return (size_t)(l->end - l->at) > distance ? l->at[distance] : 0;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(uint8_t c)
{
    uint8_t lower = c | 0x20;
    return (lower >= 'a' && lower <= 'z') || is_digit(c) || c == '_' || c == '$' || c >= 0x80;
}

/* --- what lies between tokens ------------------------------------------------------------------
 */

static void skip_line(struct my_lexer *l)
{
    const uint8_t *end = memchr(l->at, '\n', (size_t)(l->end - l->at));
    l->at = end ? end + 1 : l->end;
}

/* False: it is not closed. */
static bool skip_comment(struct my_lexer *l)
{
    const uint8_t *close = memmem(l->at + 2, (size_t)(l->end - l->at - 2), "*/", 2);
    l->at = close ? close + 2 : l->end;
    return close != NULL;
}

/* Behind the exclamation mark may stand a version of five or six digits. */
static void enter_comment(struct my_lexer *l, size_t head)
{
    size_t digits = 0;
    l->at += head;
    while (digits < 6 && is_digit(peek(l, digits)))
        digits++;
    l->at += digits >= 5 ? digits : 0;
    l->in_code = true;
}

static bool begins_line_comment(const struct my_lexer *l)
{
    if (*l->at == '#')
        return true;
    return *l->at == '-' && peek(l, 1) == '-' && peek(l, 2) <= ' '; /* the end is 0 */
}

/* To the next token. False: a comment is not closed. */
static bool skip_gap(struct my_lexer *l)
{
    while (l->at != l->end) {
        if (is_blank(*l->at)) {
            l->at++;
        } else if (begins_line_comment(l)) {
            skip_line(l);
        } else if (l->in_code && *l->at == '*' && peek(l, 1) == '/') {
            l->at += 2;
            l->in_code = false;
        } else if (*l->at == '/' && peek(l, 1) == '*') {
            if (!l->in_code && peek(l, 2) == '!')
                enter_comment(l, 3);
            else if (!l->in_code && peek(l, 2) == 'M' && peek(l, 3) == '!')
                enter_comment(l, 4);
            else if (!skip_comment(l))
                return false;
        } else {
            return true;
        }
    }
    return true;
}

/* --- tokens ------------------------------------------------------------------------------------
 */

/* A doubled quote is one of the text's, and so is one behind a backslash, where those escape. */
static void scan_quoted(struct my_lexer *l, enum my_token_kind kind, bool escapes)
{
    uint8_t quote = *l->at++;
    const uint8_t *begin = l->at;
    for (; l->at != l->end; l->at++) {
        if (escapes && *l->at == '\\' && l->end - l->at > 1) {
            l->at++;
        } else if (*l->at == quote) {
            if (peek(l, 1) != quote)
                break;
            l->at++;
        }
    }
    l->token = (struct my_token){l->at == l->end ? MY_TOKEN_BAD : kind, quote,
                                 leat_slice_of(begin, (size_t)(l->at - begin))};
    if (l->at != l->end)
        l->at++;
}

static void scan_word(struct my_lexer *l)
{
    const uint8_t *begin = l->at;
    while (l->at != l->end && is_word(*l->at))
        l->at++;
    l->token = (struct my_token){MY_TOKEN_WORD, 0, leat_slice_of(begin, (size_t)(l->at - begin))};
}

static bool begins_hex(const struct my_lexer *l)
{
    return (*l->at == 'x' || *l->at == 'X') && peek(l, 1) == '\'';
}

void my_lexer_next(struct my_lexer *l)
{
    if (!skip_gap(l)) {
        l->token = (struct my_token){.kind = MY_TOKEN_BAD};
    } else if (l->at == l->end) {
        if (l->token.kind != MY_TOKEN_BAD)
            l->token = (struct my_token){.kind = MY_TOKEN_END};
    } else if (begins_hex(l)) {
        l->at++;
        scan_quoted(l, MY_TOKEN_HEX, false);
    } else if (*l->at == '`' || (*l->at == '"' && l->ansi_quotes)) {
        scan_quoted(l, MY_TOKEN_NAME, false);
    } else if (*l->at == '\'' || *l->at == '"') {
        scan_quoted(l, MY_TOKEN_STRING, l->backslash_escapes);
    } else if (is_word(*l->at)) {
        scan_word(l);
    } else {
        l->token = (struct my_token){MY_TOKEN_SIGN, *l->at, leat_slice_of(l->at, 1)};
        l->at++;
    }
}

bool my_token_is(const struct my_token *token, const char *word)
{
    size_t len = strlen(word);
    return token->kind == MY_TOKEN_WORD && token->text.len == len &&
           strncasecmp((const char *)token->text.ptr, word, len) == 0;
}

/* --- text --------------------------------------------------------------------------------------
 */

/* What stands behind a backslash; all others stand for themselves. */
static uint8_t unescape(uint8_t c)
{
    static const uint8_t MEANS[256] = {
        ['0'] = 0, ['b'] = '\b', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t', ['Z'] = 26};
    return c == '0' || MEANS[c] ? MEANS[c] : c;
}

int my_token_text(const struct my_lexer *l, struct leat_arena *arena, struct leat_slice *ret_text,
                  struct leat_err *err)
{
    const struct my_token *t = &l->token;
    bool escapes = t->kind == MY_TOKEN_STRING && l->backslash_escapes;
    uint8_t *text = leat_arena_alloc(arena, t->text.len);
    size_t len = 0;
    if (!text)
        return leat_fail(err, LEAT_ELIMIT, "a statement's names are longer than what is kept");
    for (size_t i = 0; i < t->text.len; i++) {
        uint8_t c = t->text.ptr[i];
        bool pair = i + 1 < t->text.len;
        if (pair && escapes && c == '\\')
            c = unescape(t->text.ptr[++i]);
        else if (pair && t->quote && c == t->quote && t->text.ptr[i + 1] == c)
            i++;
        text[len++] = c;
    }
    *ret_text = leat_slice_of(text, len);
    return LEAT_OK;
}
