/*
 * leat check: the configuration first, because nothing can be asked without it; then the store's
 * directory; then every source asks its own database, and every emitter its destination. Nothing is
 * created or changed anywhere, but what --apply makes at a destination.
 */
#include "daemon/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/connectors.h"
#include "daemon/emission.h"
#include "daemon/holder.h"
#include "daemon/intake.h"
#include "daemon/report.h"
#include "daemon/show.h"

/* --- the store -------------------------------------------------------------------------------- */

/* The nearest directory that exists: the store itself or what it would be made in. */
static void nearest(const char *path, char *ret_dir)
{
    struct stat st;
    char copy[PATH_MAX];
    snprintf(ret_dir, PATH_MAX, "%s", path);
    while (stat(ret_dir, &st) && errno == ENOENT) {
        snprintf(copy, sizeof copy, "%s", ret_dir);
        const char *above = dirname(copy);
        if (strcmp(above, ret_dir) == 0)
            return;
        snprintf(ret_dir, PATH_MAX, "%s", above);
    }
}

static void check_space(struct leat_report *report, const struct leat_settings *s, const char *dir)
{
    struct statvfs v;
    char text[300];
    if (statvfs(dir, &v))
        return;
    int64_t left = (int64_t)v.f_bavail * (int64_t)v.f_frsize, keep = s->store.low_water_bytes;
    bool full = left <= keep;
    snprintf(text, sizeof text, "%s are free on the disk, store.low_water keeps %s of them free%s",
             show_bytes(left).text, show_bytes(keep).text, full ? ": nothing could be stored" : "");
    leat_report_add(report, full ? LEAT_FINDING_FATAL : LEAT_FINDING_OK, "space", text, NULL, false);
}

static void check_directory(struct leat_report *report, const char *path, const char *dir)
{
    struct stat st;
    char text[PATH_MAX + 200];
    bool exists = strcmp(path, dir) == 0;
    bool directory = stat(dir, &st) == 0 && S_ISDIR(st.st_mode);
    bool writable = directory && access(dir, W_OK | X_OK) == 0;
    if (!directory)
        snprintf(text, sizeof text, "%s: %s", dir, errno ? strerror(errno) : "is not a directory");
    else if (!writable)
        snprintf(text, sizeof text, "%s cannot be written by user number %d: %s%s", dir, (int)geteuid(),
                 strerror(errno), exists ? "" : ", so the store cannot be made there");
    else
        snprintf(text, sizeof text, exists ? "%s is there and can be written" : "%s will be made", path);
    leat_report_add(report, writable ? LEAT_FINDING_OK : LEAT_FINDING_FATAL, "directory", text, NULL,
                    false);
}

/* A running daemon is what one hopes for, so it is a note: `leat run` would be refused, but
 * needs not be. */
static void check_holder(struct leat_report *report, const char *path)
{
    char holder[256], text[600];
    if (!holder_find(path, holder, sizeof holder))
        return;
    snprintf(text, sizeof text, "a daemon is writing this store: %s", holder);
    leat_report_add(report, LEAT_FINDING_NOTE, "held", text, NULL, false);
}

static void check_store(struct leat_report *report, const struct leat_settings *s)
{
    char dir[PATH_MAX];
    report_group(report, "store");
    if (strlen(s->store.path) >= PATH_MAX) {
        leat_report_add(report, LEAT_FINDING_FATAL, "directory", "the path is too long", NULL, false);
        return;
    }
    nearest(s->store.path, dir);
    errno = 0;
    check_directory(report, s->store.path, dir);
    check_space(report, s, dir);
    check_holder(report, s->store.path);
}

/* --- the sources ------------------------------------------------------------------------------ */

static void check_source(struct leat_report *report, const struct leat_config_instance *instance)
{
    const struct leat_source_ops *ops = leat_source_named(instance->type->name);
    struct leat_err err;
    report_group(report, instance->name);
    int status = ops->check(instance->ctx, instance->name, report, &err);
    if (status)
        report_error(report, "connect", &err);
}

/* --- the emitters ----------------------------------------------------------------------------- */

/* Events of a source that was removed may still be in the store, so it is no error. */
static void check_names(struct leat_report *report, const struct leat_config *config,
                        const struct leat_emit_settings *s)
{
    char text[300];
    for (size_t i = 0; i < s->sources.count; i++) {
        if (leat_config_instance_named(config, s->sources.items[i]))
            continue;
        snprintf(text, sizeof text, "sources: there is no source \"%.63s\" in this configuration",
                 s->sources.items[i]);
        leat_report_add(report, LEAT_FINDING_WARN, "sources", text, NULL, false);
    }
}

static void check_emitter(struct leat_report *report, const struct leat_config *config, bool apply,
                          const struct leat_config_instance *instance)
{
    const struct leat_emitter_ops *ops = leat_emitter_named(instance->type->name);
    struct leat_err err;
    report_group(report, instance->name);
    check_names(report, config, instance->ctx);
    int status = ops->check(instance->ctx, instance->name, apply, report, &err);
    if (status)
        report_error(report, "connect", &err);
}

/* --- the configuration, for programs ---------------------------------------------------------- */

/* What is wrong with the file, as findings: whoever asked for JSON gets nothing else. */
static int load_into(struct leat_report *report, const char *path, struct leat_config **ret_config)
{
    struct leat_config_problems problems;
    struct leat_err err;
    char text[LEAT_CONFIG_PROBLEM_BYTES + 300];
    leat_config_problems_init(&problems);
    int status = connectors_load(path, ret_config, &problems, &err);
    report_group(report, "configuration");
    for (size_t i = 0; status && i < problems.count; i++) {
        const struct leat_config_problem *p = &problems.items[i];
        snprintf(text, sizeof text, "%.200s:%u:%u: %s", path, p->line, p->column, p->text);
        leat_report_add(report, LEAT_FINDING_FATAL, "configuration", text, NULL, false);
    }
    if (status && !problems.count)
        report_error(report, "configuration", &err);
    leat_config_problems_release(&problems);
    return status ? EXIT_USAGE : EXIT_SUCCESS;
}

int cmd_check(const struct command_line *line)
{
    struct leat_config *config;
    bool json = command_flag(line, "json"), sql = command_flag(line, "fix-sql");
    if (json && sql) {
        struct leat_err err;
        leat_fail(&err, LEAT_ECONFIG, "--json and --fix-sql exclude each other");
        return command_failed(&err);
    }
    const char *path = command_text(line, "config");
    struct leat_report *report = report_new();
    int exit_code = json ? load_into(report, path ? path : COMMANDS_CONFIG_DEFAULT, &config)
                         : command_load(line, &config);
    if (exit_code) {
        if (json)
            report_print_json(report, stdout);
        report_free(report);
        return exit_code;
    }
    struct leat_err refused;
    int wrong = intake_check(config, &refused);
    const char *where = wrong ? "ingest" : "emitters";
    if (wrong || emission_check(config, &refused)) {
        report_group(report, "configuration");
        report_error(report, where, &refused);
        if (json)
            report_print_json(report, stdout);
        report_free(report);
        leat_config_free(config);
        return json ? EXIT_USAGE : command_failed(&refused);
    }
    check_store(report, leat_config_settings(config));
    for (size_t i = 0; i < leat_config_instance_count(config); i++)
        check_source(report, leat_config_instance_at(config, i));
    for (size_t i = 0; i < leat_config_role_count(config, LEAT_CONFIG_EMITTER); i++)
        check_emitter(report, config, command_flag(line, "apply"),
                      leat_config_role_at(config, LEAT_CONFIG_EMITTER, i));
    if (json)
        report_print_json(report, stdout);
    else if (sql)
        report_print_sql(report, stdout);
    else
        report_print(report, stdout);
    exit_code = report_count(report, LEAT_FINDING_FATAL) ? EXIT_FINDINGS : EXIT_SUCCESS;
    report_free(report);
    leat_config_free(config);
    return exit_code;
}
