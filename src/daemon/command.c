#include "daemon/command.h"

#include <assert.h>
#include <string.h>

#include "config/suggest.h"

struct cursor {
    int argc;
    char **argv;
    int at;
};

/* --- options ---------------------------------------------------------------------------------- */

static int unknown_option(const struct command *command, const char *given, struct leat_err *err)
{
    struct leat_suggest near;
    const char *word = given + strspn(given, "-");
    char name[LEAT_SUGGEST_WORD_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    leat_suggest_init(&near, name);
    for (const struct command_option *o = command->options; o->name; o++)
        leat_suggest_offer(&near, o->name);
    leat_suggest_offer(&near, "help");
    leat_fail(err, LEAT_ECONFIG, "leat %s has no option %s%s", command->name, given,
              leat_suggest_ask(&near).text);
    leat_err_hint(err, "leat %s --help", command->name);
    return LEAT_ECONFIG;
}

/* The option that a word such as "--name=value" or "-cFILE" begins with, and where its value begins
 * inside the word, if it does. */
static const struct command_option *match(const struct command *command, const char *word,
                                          const char **ret_value)
{
    bool is_long = word[1] == '-';
    size_t len = is_long ? strcspn(word + 2, "=") : 1;
    for (const struct command_option *o = command->options; o->name; o++) {
        bool found = is_long ? strlen(o->name) == len && strncmp(o->name, word + 2, len) == 0
                             : o->letter && o->letter == word[1];
        const char *rest = is_long ? word + 2 + len : word + 2;
        if (found) {
            *ret_value = *rest ? rest + is_long : NULL; /* behind the '=' */
            return o;
        }
    }
    return NULL;
}

static int take_option(struct cursor *c, struct command_line *line, struct leat_err *err)
{
    const char *word = c->argv[c->at++], *value = NULL;
    const struct command *command = line->command;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        line->help = true;
        return LEAT_OK;
    }
    const struct command_option *o = match(command, word, &value);
    if (!o || (!o->argument && value && word[1] != '-'))
        return unknown_option(command, word, err);
    if (!o->argument && value)
        return leat_fail(err, LEAT_ECONFIG, "--%s takes no value", o->name);
    if (!o->argument)
        value = "";
    else if (!value && c->at < c->argc)
        value = c->argv[c->at++];
    if (!value)
        return leat_fail(err, LEAT_ECONFIG, "--%s needs a value: %s", o->name, o->argument);
    const char **slot = &line->values[o - command->options];
    if (*slot)
        return leat_fail(err, LEAT_ECONFIG, "--%s is given twice", o->name);
    *slot = value;
    return LEAT_OK;
}

static int take_operand(struct command_line *line, const char *word, struct leat_err *err)
{
    if (line->operand_count >= line->command->operands_max) {
        leat_fail(err, LEAT_ECONFIG, "leat %s does not know what to do with \"%s\"",
                  line->command->name, word);
        leat_err_hint(err, "leat %s --help", line->command->name);
        return LEAT_ECONFIG;
    }
    line->operands[line->operand_count++] = word;
    return LEAT_OK;
}

int command_parse(const struct command *command, int argc, char **argv,
                  struct command_line *ret_line, struct leat_err *err)
{
    struct cursor c = {argc, argv, 0};
    struct command_line line = {.command = command};
    bool options = true;
    int status = LEAT_OK;
    while (!status && c.at < argc) {
        const char *word = argv[c.at];
        bool dashes = options && strcmp(word, "--") == 0;
        if (dashes) {
            options = false;
            c.at++;
        } else if (options && word[0] == '-' && word[1]) {
            status = take_option(&c, &line, err);
        } else {
            c.at++;
            status = take_operand(&line, word, err);
        }
        if (line.help)
            status = LEAT_OK; /* whatever else was wrong, help is what was asked for */
    }
    if (!status)
        *ret_line = line;
    return status;
}

/* --- what was given --------------------------------------------------------------------------- */

const char *command_text(const struct command_line *line, const char *option)
{
    const struct command_option *o = line->command->options;
    while (o->name && strcmp(o->name, option) != 0)
        o++;
    assert(o->name);
    return line->values[o - line->command->options];
}

bool command_flag(const struct command_line *line, const char *option)
{
    return command_text(line, option) != NULL;
}

int command_number(const struct command_line *line, const char *option, uint64_t fallback,
                   uint64_t *ret_number, struct leat_err *err)
{
    const char *text = command_text(line, option);
    uint64_t number = 0;
    bool good = text && *text;
    for (const char *at = text; good && *at; at++)
        good = *at >= '0' && *at <= '9' && !__builtin_mul_overflow(number, 10u, &number) &&
               !__builtin_add_overflow(number, (uint64_t)(*at - '0'), &number);
    if (text && !good)
        return leat_fail(err, LEAT_ECONFIG, "--%s expects a whole number, not \"%s\"", option, text);
    *ret_number = text ? number : fallback;
    return LEAT_OK;
}

int command_find(const struct command *commands, const char *name,
                 const struct command **ret_command, struct leat_err *err)
{
    struct leat_suggest near;
    leat_suggest_init(&near, name);
    for (const struct command *c = commands; c->name; c++) {
        if (strcmp(c->name, name) == 0) {
            *ret_command = c;
            return LEAT_OK;
        }
        leat_suggest_offer(&near, c->name);
    }
    leat_fail(err, LEAT_ECONFIG, "there is no command \"%s\"%s", name, leat_suggest_ask(&near).text);
    leat_err_hint(err, "leat help");
    return LEAT_ECONFIG;
}

/* --- help ------------------------------------------------------------------------------------- */

static void help_option(const struct command_option *o, FILE *out)
{
    char head[48];
    char letter[8] = "";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(head, sizeof head, "%s--%s%s%s", letter, o->name, o->argument ? " " : "",
             o->argument ? o->argument : "");
    fprintf(out, "  %-22s %s\n", head, o->doc);
}

void command_help(const struct command *command, FILE *out)
{
    const char *lead = "Use: ";
    for (const char *at = command->use; *at;) {
        size_t len = strcspn(at, "\n");
        fprintf(out, "%sleat %.*s\n", lead, (int)len, at);
        at += len + (at[len] == '\n');
        lead = "     ";
    }
    fprintf(out, "\n%s\n\n", command->about);
    for (const struct command_option *o = command->options; o->name; o++)
        help_option(o, out);
    help_option(&(struct command_option){"help", 'h', NULL, "this text"}, out);
}

void command_list(const struct command *commands, FILE *out)
{
    for (const struct command *c = commands; c->name; c++)
        fprintf(out, "  %-10s %s\n", c->name, c->summary);
}
