/*
 * A command line read by a table: `leat NAME [options] [operands]`, options and operands in any
 * order.
 *
 *     --flag  --name VALUE  --name=VALUE  -c VALUE  -cVALUE  --      (what follows are operands)
 *
 * Each command declares what it takes; parsing, --help and the refusal of what is unknown, with a
 * suggestion, come from the same table.
 *
 * Ownership: a parsed line views argv and the table.
 * Errors:    LEAT_ECONFIG says what is wrong with the line and what to type instead.
 */
#ifndef DAEMON_COMMAND_H
#define DAEMON_COMMAND_H

#include <leat/err.h>

#include <stdbool.h>
#include <stdio.h>

enum { COMMAND_OPTIONS_MAX = 16, COMMAND_OPERANDS_MAX = 4 };

struct command_line;

struct command_option {
    const char *name;     /* without its dashes; NULL ends a table */
    char letter;          /* the short form, or 0 */
    const char *argument; /* what the value is called: "FILE"; NULL: a switch */
    const char *doc;
};

struct command {
    const char *name;                    /* NULL ends a table */
    const char *summary;                 /* for the list of commands */
    const char *use;                     /* lines of use, each without "leat" and with its newline */
    const char *about;                   /* for --help: paragraphs, wrapped already */
    const struct command_option *options;
    int operands_max;
    int (*run)(const struct command_line *line); /* gives the exit code */
};

struct command_line {
    const struct command *command;
    bool help;                               /* --help stands somewhere: nothing else counts */
    const char *values[COMMAND_OPTIONS_MAX]; /* by place in the table; NULL: not given */
    const char *operands[COMMAND_OPERANDS_MAX];
    int operand_count;
};

/* Reads what stands behind the command's name. */
int command_parse(const struct command *command, int argc, char **argv,
                  struct command_line *ret_line, struct leat_err *err) LEAT_MUST_CHECK;

/* The value of an option that the table declares; NULL: not given. */
const char *command_text(const struct command_line *line, const char *option);
bool command_flag(const struct command_line *line, const char *option);

/* A whole number from 0 on; `fallback` when not given. */
int command_number(const struct command_line *line, const char *option, uint64_t fallback,
                   uint64_t *ret_number, struct leat_err *err) LEAT_MUST_CHECK;

/* The command by its name. LEAT_ECONFIG with a suggestion when there is none. */
int command_find(const struct command *commands, const char *name,
                 const struct command **ret_command, struct leat_err *err) LEAT_MUST_CHECK;

void command_help(const struct command *command, FILE *out);
void command_list(const struct command *commands, FILE *out);

#endif
