/*
 * The commands, and what they have in common: exit codes, finding configuration and store.
 *
 *     0 fine    1 failed at run time    2 wrong use or configuration    3 findings: damage, a fatal check
 */
#ifndef DAEMON_COMMANDS_H
#define DAEMON_COMMANDS_H

#include "config/config.h"
#include "daemon/command.h"

enum { EXIT_USAGE = 2, EXIT_FINDINGS = 3 }; /* beside EXIT_SUCCESS and EXIT_FAILURE */

#define COMMANDS_CONFIG_DEFAULT "/etc/leat/leat.yaml"

/* In the order of the help; ends with a NULL name. */
extern const struct command commands[];

int cmd_run(const struct command_line *line);
int cmd_check(const struct command_line *line);
int cmd_status(const struct command_line *line);
int cmd_tail(const struct command_line *line);
int cmd_offsets(const struct command_line *line);
int cmd_verify(const struct command_line *line);
int cmd_keys(const struct command_line *line);
int cmd_readers(const struct command_line *line);
int cmd_file(const struct command_line *line);
int cmd_config(const struct command_line *line);

/* Shows the error on standard error; gives the exit code that its class stands for. */
int command_failed(const struct leat_err *err);

/* Reads the file of --config, or the default one. Otherwise all its problems are shown, and the
 * exit code is not 0. */
int command_load(const struct command_line *line, struct leat_config **ret_config);

/* As command_load(); with --store the defaults, and no file is read. The settings are a copy
 * that names the store to be used, and live as long as the configuration. */
int command_settings(const struct command_line *line, struct leat_config **ret_config,
                     struct leat_settings *ret_settings);

#endif
