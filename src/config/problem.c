/*
 * The list is an array, not a growing one: a file with more than a hundred mistakes is not a
 * configuration file.
 */
#include "config/problem.h"

#include <stdarg.h>
#include <stdio.h>

enum { QUOTE_BYTES = 60 };

void leat_config_problems_init(struct leat_config_problems *problems)
{
    *problems = (struct leat_config_problems){.path = ""};
    leat_arena_init(&problems->arena,
                    LEAT_CONFIG_PROBLEMS_MAX * (LEAT_CONFIG_PROBLEM_BYTES + 64) + (64 << 10));
}

void leat_config_problems_release(struct leat_config_problems *problems)
{
    leat_arena_release(&problems->arena);
    *problems = (struct leat_config_problems){.path = ""};
}

void leat_config_problem_add(struct leat_config_problems *problems, unsigned line, unsigned column,
                             const char *where, const char *format, ...)
{
    char text[LEAT_CONFIG_PROBLEM_BYTES];
    int used = where[0] ? snprintf(text, sizeof text, "%s: ", where) : 0;
    if (used < 0 || (size_t)used >= sizeof text)
        used = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, sizeof text - (size_t)used, format, args);
    va_end(args);
    char *kept = NULL;
    if (problems->count < LEAT_CONFIG_PROBLEMS_MAX)
        kept = leat_arena_text(&problems->arena, leat_slice_text(text));
    if (kept)
        problems->items[problems->count++] = (struct leat_config_problem){line, column, kept};
    else
        problems->dropped++;
}

static bool comes_after(const struct leat_config_problem *a, const struct leat_config_problem *b)
{
    return a->line != b->line ? a->line > b->line : a->column > b->column;
}

/* By insertion: stable, and nearly sorted already. */
void leat_config_problems_sort(struct leat_config_problems *problems)
{
    for (size_t i = 1; i < problems->count; i++) {
        struct leat_config_problem moving = problems->items[i];
        size_t at = i;
        for (; at > 0 && comes_after(&problems->items[at - 1], &moving); at--)
            problems->items[at] = problems->items[at - 1];
        problems->items[at] = moving;
    }
}

void leat_config_problems_text(const struct leat_config_problems *problems, struct leat_buf *text)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct leat_config_problem *p = &problems->items[i];
        if (p->line)
            leat_buf_format(text, "%s:%u:%u: %s\n", problems->path, p->line, p->column, p->text);
        else
            leat_buf_format(text, "%s: %s\n", problems->path, p->text);
    }
    if (problems->dropped)
        leat_buf_format(text, "%s: and %zu more problems\n", problems->path, problems->dropped);
}

/* Bytes from `i` on that would not be seen, or would reorder what is: control characters, C1
 * controls and the marks around U+2000 to U+207F. */
static size_t hidden_bytes(struct leat_slice s, size_t i)
{
    uint8_t byte = s.ptr[i], next = i + 1 < s.len ? s.ptr[i + 1] : 0;
    if (byte < 0x20 || byte == 0x7f)
        return 1;
    if (byte == 0xc2 && next < 0xa0)
        return 2;
    return byte == 0xe2 && (next == 0x80 || next == 0x81) && i + 2 < s.len ? 3 : 0;
}

static size_t quote_part(char *at, struct leat_slice s, size_t i, size_t hidden)
{
    size_t len = 0;
    for (size_t k = 0; k < hidden; k++)
        len += (size_t)snprintf(at + len, 5, "\\x%02x", s.ptr[i + k]);
    if (hidden)
        return len;
    if (s.ptr[i] == '"' || s.ptr[i] == '\\')
        at[len++] = '\\';
    at[len++] = (char)s.ptr[i];
    return len;
}

struct leat_config_quote leat_config_quote(struct leat_slice bytes)
{
    struct leat_config_quote quote;
    struct leat_slice shown = bytes;
    if (shown.len > QUOTE_BYTES)
        for (shown.len = QUOTE_BYTES; shown.len > 0 && (bytes.ptr[shown.len] & 0xc0) == 0x80;)
            shown.len--; /* not inside a character */
    size_t len = 0;
    quote.text[len++] = '"';
    for (size_t i = 0; i < shown.len;) {
        size_t hidden = hidden_bytes(shown, i);
        len += quote_part(quote.text + len, shown, i, hidden);
        i += hidden ? hidden : 1;
    }
    quote.inner = (int)len - 1;
    quote.text[len++] = '"';
    snprintf(quote.text + len, sizeof quote.text - len, "%s", shown.len < bytes.len ? "…" : "");
    return quote;
}
