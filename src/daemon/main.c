/*
 * leat: finds the command and runs it. Everything that can be typed stands in commands.c.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/commands.h"
#include "daemon/show.h"

static void overview(FILE *out)
{
    fprintf(out, "leat taps a database's change log into a durable, ordered stream store.\n\n"
                 "Use: leat COMMAND [options]\n\n");
    command_list(commands, out);
    fprintf(out, "  %-10s %s\n\n", "help", "help [COMMAND]");
    fprintf(out, "Exit codes: 0 fine, 1 failed, 2 wrong use or configuration, 3 findings.\n");
}

static int help(const char *name)
{
    const struct command *command;
    struct leat_err err;
    if (!name) {
        overview(stdout);
        return EXIT_SUCCESS;
    }
    if (command_find(commands, name, &command, &err))
        return command_failed(&err);
    command_help(command, stdout);
    return EXIT_SUCCESS;
}

static int run(int argc, char **argv)
{
    const struct command *command;
    struct command_line line;
    struct leat_err err;
    if (command_find(commands, argv[1], &command, &err) ||
        command_parse(command, argc - 2, argv + 2, &line, &err))
        return command_failed(&err);
    if (line.help)
        return help(command->name);
    return command->run(&line);
}

static bool is(const char *word, const char *one, const char *other)
{
    return strcmp(word, one) == 0 || strcmp(word, other) == 0;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        overview(stderr);
        return EXIT_USAGE;
    }
    if (is(argv[1], "--version", "-V")) {
        printf("leat %s\n", LEAT_VERSION);
        return EXIT_SUCCESS;
    }
    if (is(argv[1], "--help", "-h") || strcmp(argv[1], "help") == 0)
        return help(argc > 2 ? argv[2] : NULL);
    return run(argc, argv);
}

int main(int argc, char **argv)
{
    int exit_code = dispatch(argc, argv);
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "leat: cannot write to standard output\n");
        return exit_code ? exit_code : EXIT_FAILURE;
    }
    return exit_code;
}
