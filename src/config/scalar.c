#include "config/scalar.h"

#include "config/problem.h"
#include "config/suggest.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit SIZE_UNITS[] = {
    {"B", 1},
    {"kB", 1000},
    {"KiB", 1 << 10},
    {"MB", 1000 * 1000},
    {"MiB", 1 << 20},
    {"GB", 1000 * 1000 * 1000},
    {"GiB", 1 << 30},
    {"TB", INT64_C(1000) * 1000 * 1000 * 1000},
    {"TiB", INT64_C(1) << 40},
    {NULL, 0},
};
static const char SIZE_WORDS[] = "B, kB, MB, GB, TB, KiB, MiB, GiB or TiB";

static const struct unit DURATION_UNITS[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}, {"d", 24 * 60 * 60 * 1000},
    {NULL, 0},
};
static const char DURATION_WORDS[] = "ms, s, m, h or d";

static bool refuse(struct leat_scalar_reason *reason, const char *format, ...) LEAT_PRINTF(2, 3);
static bool refuse(struct leat_scalar_reason *reason, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reason->text, sizeof reason->text, format, args);
    va_end(args);
    return false;
}

/* Places in a settings struct. */
static int64_t *int_at(const struct leat_option *o, const void *base)
{
    return (int64_t *)((char *)base + o->offset);
}

static const char **text_at(const struct leat_option *o, const void *base)
{
    return (const char **)((char *)base + o->offset);
}

static struct leat_strings *list_at(const struct leat_option *o, const void *base)
{
    return (struct leat_strings *)((char *)base + o->offset);
}

static int *choice_at(const struct leat_option *o, const void *base)
{
    return (int *)((char *)base + o->offset);
}

static bool *bool_at(const struct leat_option *o, const void *base)
{
    return (bool *)((char *)base + o->offset);
}

/* --- numbers -------------------------------------------------------------------------------- */

enum digits { DIGITS_FINE, DIGITS_NONE, DIGITS_LEADING_ZERO, DIGITS_TOO_LARGE };

/* The decimal number at the beginning; *ret_rest is what follows it. */
static enum digits digits_take(const char *text, int64_t *ret_number, const char **ret_rest)
{
    const char *at = text;
    bool negative = *at == '-', overflow = false;
    at += negative;
    const char *first = at;
    int64_t number = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        int digit = negative ? -(*at - '0') : *at - '0';
        overflow |= __builtin_mul_overflow(number, 10, &number);
        overflow |= __builtin_add_overflow(number, digit, &number);
    }
    *ret_number = number;
    *ret_rest = at;
    if (at == first)
        return DIGITS_NONE;
    if (*first == '0' && at - first > 1)
        return DIGITS_LEADING_ZERO;
    return overflow ? DIGITS_TOO_LARGE : DIGITS_FINE;
}

static bool range_check(const struct leat_option *o, int64_t number, const char *written,
                        struct leat_scalar_reason *reason)
{
    bool bounded = o->min || o->max;
    if (!bounded || (number >= o->min && (o->max < o->min || number <= o->max)))
        return true;
    struct leat_buf range;
    leat_buf_init(&range, 200);
    leat_scalar_format_range(o, &range);
    refuse(reason, "%s is out of range; must be %s", LEAT_CONFIG_QUOTE(written),
           leat_buf_text(&range));
    leat_buf_release(&range);
    return false;
}

static bool digits_check(enum digits found, const char *text, struct leat_scalar_reason *reason)
{
    if (found == DIGITS_LEADING_ZERO)
        return refuse(reason, "%s begins with a zero; write the number without it",
                      LEAT_CONFIG_QUOTE(text));
    if (found == DIGITS_TOO_LARGE)
        return refuse(reason, "%s is too large a number", LEAT_CONFIG_QUOTE(text));
    return true;
}

static bool parse_int(const struct leat_option *o, const char *text, void *base,
                      struct leat_scalar_reason *reason)
{
    int64_t number;
    const char *rest;
    enum digits found = digits_take(text, &number, &rest);
    if (found == DIGITS_NONE || *rest)
        return refuse(reason, "%s is not a whole number", LEAT_CONFIG_QUOTE(text));
    if (!digits_check(found, text, reason) || !range_check(o, number, text, reason))
        return false;
    *int_at(o, base) = number;
    return true;
}

static const struct unit *unit_named(const struct unit *units, const char *name)
{
    for (; units->name; units++)
        if (strcmp(units->name, name) == 0)
            return units;
    return NULL;
}

static bool unit_unknown(const struct unit *units, const char *words, const char *text,
                         const char *name, struct leat_scalar_reason *reason)
{
    struct leat_suggest near;
    leat_suggest_init(&near, name);
    if (units == SIZE_UNITS) /* between "us" and "ms" lies a factor of 1000: no guess about time */
        for (; units->name; units++)
            leat_suggest_offer(&near, units->name);
    return refuse(reason, "%s has the unknown unit %s; units are %s%s", LEAT_CONFIG_QUOTE(text),
                  LEAT_CONFIG_QUOTE(name), words, leat_suggest_ask(&near).text);
}

/* A whole number with a unit; one blank may stand between them. */
static bool parse_quantity(const struct leat_option *o, const char *text, void *base,
                           struct leat_scalar_reason *reason)
{
    bool size = o->type == LEAT_OPTION_SIZE;
    const struct unit *units = size ? SIZE_UNITS : DURATION_UNITS;
    const char *words = size ? SIZE_WORDS : DURATION_WORDS;
    int64_t number;
    const char *rest;
    enum digits found = digits_take(text, &number, &rest);
    if (found == DIGITS_NONE || *text == '-' || *rest == '.')
        return refuse(reason, "%s is not a %s; write a whole number with a unit: %s",
                      LEAT_CONFIG_QUOTE(text), size ? "size" : "duration", words);
    if (!digits_check(found, text, reason))
        return false;
    if (*rest == ' ' && rest[1])
        rest++;
    if (!*rest && !size && number)
        return refuse(reason, "%s needs a unit: %s", LEAT_CONFIG_QUOTE(text), words);
    const struct unit *unit = *rest ? unit_named(units, rest) : units;
    if (!unit)
        return unit_unknown(units, words, text, rest, reason);
    if (__builtin_mul_overflow(number, unit->factor, &number))
        return digits_check(DIGITS_TOO_LARGE, text, reason);
    if (!range_check(o, number, text, reason))
        return false;
    *int_at(o, base) = number;
    return true;
}

/* --- words ---------------------------------------------------------------------------------- */

static bool parse_bool(const struct leat_option *o, const char *text, void *base,
                       struct leat_scalar_reason *reason)
{
    bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0)
        return refuse(reason, "%s is neither true nor false", LEAT_CONFIG_QUOTE(text));
    *bool_at(o, base) = yes;
    return true;
}

static bool parse_choice(const struct leat_option *o, const char *text, void *base,
                         struct leat_scalar_reason *reason)
{
    struct leat_suggest near;
    leat_suggest_init(&near, text);
    char words[200] = "";
    size_t used = 0;
    for (int i = 0; o->choices[i]; i++) {
        if (strcmp(o->choices[i], text) == 0) {
            *choice_at(o, base) = i;
            return true;
        }
        leat_suggest_offer(&near, o->choices[i]);
        int len = snprintf(words + used, sizeof words - used, "%s%s", i ? ", " : "", o->choices[i]);
        used += (size_t)len < sizeof words - used ? (size_t)len : 0;
    }
    return refuse(reason, "%s is not one of %s%s", LEAT_CONFIG_QUOTE(text), words,
                  leat_suggest_ask(&near).text);
}

bool leat_scalar_parse(const struct leat_option *option, struct leat_slice text, void *base,
                       struct leat_arena *arena, struct leat_scalar_reason *ret_reason)
{
    if (text.len && memchr(text.ptr, '\0', text.len))
        return refuse(ret_reason, "holds a NUL character");
    const char *word = text.len ? (const char *)text.ptr : "";
    switch (option->type) {
    case LEAT_OPTION_INT:
        return parse_int(option, word, base, ret_reason);
    case LEAT_OPTION_SIZE:
    case LEAT_OPTION_DURATION:
        return parse_quantity(option, word, base, ret_reason);
    case LEAT_OPTION_BOOL:
        return parse_bool(option, word, base, ret_reason);
    case LEAT_OPTION_CHOICE:
        return parse_choice(option, word, base, ret_reason);
    case LEAT_OPTION_TEXT:
    case LEAT_OPTION_SECRET:
        break;
    case LEAT_OPTION_LIST:
        return refuse(ret_reason, "is a list");
    }
    char *copy = leat_arena_text(arena, text);
    if (!copy)
        return refuse(ret_reason, "does not fit: the texts of a configuration may have 4 MiB");
    struct leat_err err;
    if (option->check && option->check(copy, &err))
        return refuse(ret_reason, "%s %s", LEAT_CONFIG_QUOTE(copy), err.text);
    *text_at(option, base) = copy;
    return true;
}

/* --- back to text --------------------------------------------------------------------------- */

static void format_quantity(const struct unit *units, int64_t number, struct leat_buf *text)
{
    const struct unit *best = units;
    for (const struct unit *u = units; u->name; u++)
        if (number % u->factor == 0 && number >= u->factor)
            best = u;
    leat_buf_format(text, "%" PRId64 "%s", number / best->factor, number ? best->name : "");
}

static void format_number(enum leat_option_type type, int64_t number, struct leat_buf *text)
{
    if (type == LEAT_OPTION_SIZE)
        format_quantity(SIZE_UNITS, number, text);
    else if (type == LEAT_OPTION_DURATION)
        format_quantity(DURATION_UNITS, number, text);
    else
        leat_buf_format(text, "%" PRId64, number);
}

static void format_list(const struct leat_strings *list, struct leat_buf *text)
{
    leat_buf_append_text(text, "[");
    for (size_t i = 0; i < list->count; i++)
        leat_buf_format(text, "%s\"%s\"", i ? ", " : "", list->items[i]);
    leat_buf_append_text(text, "]");
}

void leat_scalar_format(const struct leat_option *option, const void *base, struct leat_buf *text)
{
    switch (option->type) {
    case LEAT_OPTION_INT:
    case LEAT_OPTION_SIZE:
    case LEAT_OPTION_DURATION:
        format_number(option->type, *int_at(option, base), text);
        break;
    case LEAT_OPTION_BOOL:
        leat_buf_append_text(text, *bool_at(option, base) ? "true" : "false");
        break;
    case LEAT_OPTION_CHOICE:
        leat_buf_append_text(text, option->choices[*choice_at(option, base)]);
        break;
    case LEAT_OPTION_TEXT:
        leat_buf_append_text(text, *text_at(option, base));
        break;
    case LEAT_OPTION_SECRET:
        leat_buf_append_text(text, *text_at(option, base) ? "***" : "");
        break;
    case LEAT_OPTION_LIST:
        format_list(list_at(option, base), text);
        break;
    }
}

void leat_scalar_format_range(const struct leat_option *option, struct leat_buf *text)
{
    if (!option->min && !option->max)
        return;
    bool open = option->max < option->min || option->max == INT64_MAX;
    if (open)
        leat_buf_append_text(text, "at least ");
    format_number(option->type, option->min, text);
    if (open)
        return;
    leat_buf_append_text(text, " to ");
    format_number(option->type, option->max, text);
}

/* --- comparing ------------------------------------------------------------------------------ */

static bool text_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool list_equal(const struct leat_strings *a, const struct leat_strings *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++)
        equal = strcmp(a->items[i], b->items[i]) == 0;
    return equal;
}

bool leat_scalar_equal(const struct leat_option *option, const void *a, const void *b)
{
    switch (option->type) {
    case LEAT_OPTION_INT:
    case LEAT_OPTION_SIZE:
    case LEAT_OPTION_DURATION:
        return *int_at(option, a) == *int_at(option, b);
    case LEAT_OPTION_BOOL:
        return *bool_at(option, a) == *bool_at(option, b);
    case LEAT_OPTION_CHOICE:
        return *choice_at(option, a) == *choice_at(option, b);
    case LEAT_OPTION_TEXT:
    case LEAT_OPTION_SECRET:
        return text_equal(*text_at(option, a), *text_at(option, b));
    case LEAT_OPTION_LIST:
        return list_equal(list_at(option, a), list_at(option, b));
    }
    return false;
}
