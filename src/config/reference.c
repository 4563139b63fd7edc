#include "config/reference.h"

#include "config/scalar.h"

#include <ctype.h>

enum { COLUMNS = 96, HELP_DOC_COLUMN = 34 };

static void blanks(struct leat_buf *text, size_t count)
{
    leat_buf_format(text, "%*s", (int)count, "");
}

/* --- wrapping ------------------------------------------------------------------------------- */

struct wrap {
    struct leat_buf *text;
    const char *lead; /* "# " in front of each line */
    size_t indent;
    size_t column; /* 0: at the beginning of a line */
};

/* Width in characters, not bytes. */
static size_t width(const char *word, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((uint8_t)word[i] & 0xc0) != 0x80;
    return count;
}

static void wrap_word(struct wrap *w, const char *word, size_t len)
{
    if (w->column && w->column + 1 + width(word, len) > COLUMNS) {
        leat_buf_append_text(w->text, "\n");
        w->column = 0;
    }
    if (!w->column) {
        blanks(w->text, w->indent);
        leat_buf_append_text(w->text, w->lead);
        w->column = w->indent + strlen(w->lead);
    } else {
        leat_buf_append_text(w->text, " ");
        w->column++;
    }
    leat_buf_append(w->text, leat_slice_of(word, len));
    w->column += width(word, len);
}

static void wrap_text(struct wrap *w, const char *words)
{
    while (*words) {
        size_t len = strcspn(words, " ");
        if (len)
            wrap_word(w, words, len);
        words += len + (words[len] == ' ');
    }
}

static void wrap_end(struct wrap *w)
{
    if (w->column)
        leat_buf_append_text(w->text, "\n");
    w->column = 0;
}

/* --- facts of an option --------------------------------------------------------------------- */

static const char *type_word(enum leat_option_type type)
{
    switch (type) {
    case LEAT_OPTION_TEXT:
        return "text";
    case LEAT_OPTION_SECRET:
        return "secret";
    case LEAT_OPTION_INT:
        return "number";
    case LEAT_OPTION_BOOL:
        return "true|false";
    case LEAT_OPTION_SIZE:
        return "size";
    case LEAT_OPTION_DURATION:
        return "duration";
    case LEAT_OPTION_CHOICE:
        return "choice";
    case LEAT_OPTION_LIST:
        return "list";
    }
    return "";
}

static void facts_choices(const struct leat_option *o, struct leat_buf *facts)
{
    leat_buf_append_text(facts, "One of ");
    for (size_t i = 0; o->choices[i]; i++)
        leat_buf_format(facts, "%s%s", i ? ", " : "", o->choices[i]);
    leat_buf_append_text(facts, ". ");
}

/* "One of none, zstd. Range 1 to 19. Default 3. Required. Taken over on reload (SIGHUP)." */
static void facts_write(const struct leat_option *o, struct leat_buf *facts)
{
    if (o->type == LEAT_OPTION_CHOICE)
        facts_choices(o, facts);
    if (o->min || o->max) {
        struct leat_buf range;
        leat_buf_init(&range, 200);
        leat_scalar_format_range(o, &range);
        leat_buf_format(facts, "Range %s. ", leat_buf_text(&range));
        leat_buf_release(&range);
    }
    if (o->flags & LEAT_OPTION_REQUIRED)
        leat_buf_append_text(facts, "Required. ");
    else if (o->fallback)
        leat_buf_format(facts, "Default %s. ", o->fallback[0] ? o->fallback : "\"\"");
    if (o->flags & LEAT_OPTION_RELOAD)
        leat_buf_append_text(facts, "Taken over on reload (SIGHUP). ");
}

static void option_prose(struct wrap *w, const struct leat_option *o)
{
    struct leat_buf facts;
    leat_buf_init(&facts, 4096);
    facts_write(o, &facts);
    wrap_text(w, o->doc ? o->doc : "");
    wrap_text(w, leat_buf_text(&facts));
    wrap_end(w);
    leat_buf_release(&facts);
}

/* --- conf/leat.yaml ------------------------------------------------------------------------- */

/* Words that YAML reads as text in any place; everything else is quoted. */
static bool plain_safe(const char *value)
{
    if (!isalnum((unsigned char)value[0]) && value[0] != '/' && value[0] != '-')
        return false;
    size_t len =
        strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:-");
    return !value[len] && value[len - 1] != ':' && strcmp(value, "null") != 0 &&
           strcmp(value, "-") != 0;
}

static void value_write(const struct leat_option *o, struct leat_buf *text)
{
    const char *value = o->fallback;
    if (!value || o->type == LEAT_OPTION_LIST) { /* examples and lists are YAML already */
        value = value ? value : o->example;
        leat_buf_append_text(text, value ? value : o->type == LEAT_OPTION_LIST ? "[]" : "\"\"");
        return;
    }
    if (plain_safe(value)) {
        leat_buf_append_text(text, value);
        return;
    }
    leat_buf_append_text(text, "\"");
    for (; *value; value++)
        leat_buf_format(text, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
    leat_buf_append_text(text, "\"");
}

static void reference_option(const struct leat_option *o, size_t indent, struct leat_buf *text)
{
    struct wrap w = {.text = text, .lead = "# ", .indent = indent};
    option_prose(&w, o);
    blanks(text, indent);
    leat_buf_format(text, "#%s: ", o->name);
    value_write(o, text);
    leat_buf_append_text(text, "\n");
}

static void heading(struct leat_buf *text, size_t indent, const char *words)
{
    blanks(text, indent);
    leat_buf_format(text, "# --- %s ---\n", words);
}

static void reference_options(const struct leat_option *options, size_t indent,
                              struct leat_buf *text)
{
    for (const struct leat_option *o = options; o->name; o++) {
        leat_buf_append_text(text, "\n");
        if (o->section) {
            heading(text, indent, o->section);
            leat_buf_append_text(text, "\n");
        }
        reference_option(o, indent, text);
    }
}

static void reference_type(const struct leat_config_type *type, struct leat_buf *text)
{
    leat_buf_append_text(text, "\n");
    struct wrap w = {.text = text, .lead = "# ", .indent = 2};
    wrap_text(&w, type->doc ? type->doc : type->name);
    wrap_end(&w);
    leat_buf_format(text, "  #%s:\n    #type: %s\n", type->name, type->name);
    reference_options(type->options, 4, text);
}

/* clang-format off */
static const char REFERENCE_HEAD[] =
    "# The configuration of leat, and its manual: every option with what it does, its range and its\n"
    "# default.\n"
    "#\n"
    "# A line that begins with \"#key:\" shows the default, or an example where there is none; take the\n"
    "# \"#\" away to set it. `leat check` reads this file and names everything that is wrong with it,\n"
    "# with line and column. Sizes: 512, 64MiB, 1GB (B; kB MB GB TB by 1000; KiB MiB GiB TiB by 1024).\n"
    "# Durations: 200ms, 10s, 5m, 1h, 7d. Bools: true, false. Passwords are never written here: see the\n"
    "# *_file, *_env and *_credential options.\n";
/* clang-format on */

/* Nothing when there is no such type. */
static void reference_role(const struct leat_config_type *types, size_t type_count,
                           enum leat_config_role role, const char *words, struct leat_buf *text)
{
    bool any = role == LEAT_CONFIG_SOURCE;
    for (size_t i = 0; i < type_count; i++)
        any |= types[i].role == role;
    if (!any)
        return;
    leat_buf_append_text(text, "\n");
    heading(text, 0, words);
    leat_buf_format(text, "%s:\n", leat_config_role_section(role));
    for (size_t i = 0; i < type_count; i++)
        if (types[i].role == role)
            reference_type(&types[i], text);
}

void leat_config_write_reference(const struct leat_config_type *types, size_t type_count,
                                 struct leat_buf *text)
{
    leat_buf_append_text(text, REFERENCE_HEAD);
    for (const struct leat_settings_section *s = leat_settings_sections; s->options; s++) {
        leat_buf_append_text(text, "\n");
        heading(text, 0, s->doc);
        if (s->name)
            leat_buf_format(text, "%s:\n", s->name);
        reference_options(s->options, s->name ? 2 : 0, text);
    }
    reference_role(types, type_count, LEAT_CONFIG_SOURCE,
                   "The sources, each with a name (a-z, 0-9, _) that stands in logs, metrics and the store",
                   text);
    reference_role(types, type_count, LEAT_CONFIG_EMITTER,
                   "The emitters, each with a name of the same kind: where the stream is brought to", text);
}

/* --- --help --------------------------------------------------------------------------------- */

static void help_options(const struct leat_option *options, struct leat_buf *text)
{
    for (const struct leat_option *o = options; o->name; o++) {
        if (o->section)
            leat_buf_format(text, "\n  %s\n", o->section);
        size_t before = text->len;
        leat_buf_format(text, "    %s %s", o->name, type_word(o->type));
        struct wrap w = {.text = text, .lead = "", .indent = HELP_DOC_COLUMN};
        w.column = text->len - before;
        if (w.column + 2 > HELP_DOC_COLUMN) {
            wrap_end(&w);
        } else {
            blanks(text, HELP_DOC_COLUMN - 1 - w.column);
            w.column = HELP_DOC_COLUMN - 1;
        }
        option_prose(&w, o);
    }
}

void leat_config_help(const struct leat_config_type *types, size_t type_count,
                      struct leat_buf *text)
{
    for (const struct leat_settings_section *s = leat_settings_sections; s->options; s++) {
        leat_buf_format(text, "%s: %s\n", s->name ? s->name : "(top)", s->doc);
        help_options(s->options, text);
        leat_buf_append_text(text, "\n");
    }
    for (size_t i = 0; i < type_count; i++) {
        leat_buf_format(text, "%s.<name> with type: %s. %s\n", leat_config_role_section(types[i].role),
                        types[i].name, types[i].doc ? types[i].doc : "");
        help_options(types[i].options, text);
        leat_buf_append_text(text, "\n");
    }
}
