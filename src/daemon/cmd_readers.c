/*
 * leat readers: who follows the stream over HTTP under a name, and how far. All of it works beside
 * a running daemon: the store is asked, and a reader that is dropped is gone for the daemon too.
 */
#include "daemon/commands.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/reader_table.h"

enum { OUT_BYTES_MAX = 4 << 20 };

struct place {
    struct leat_readers *readers;
    uint64_t last; /* sequence of the stream */
};

static void print_json(struct leat_buf *buf)
{
    printf("%s\n", leat_buf_text(buf));
    leat_buf_release(buf);
}

static int list(const struct command_line *line, const struct place *p, struct leat_err *err)
{
    struct leat_buf buf;
    if (!command_flag(line, "json"))
        return reader_table_print(p->readers, p->last, err);
    leat_buf_init(&buf, OUT_BYTES_MAX);
    struct leat_json json = leat_json_at(&buf);
    int status = reader_table_json(p->readers, p->last, &json, err);
    if (status)
        leat_buf_release(&buf);
    else
        print_json(&buf);
    return status;
}

static int no_such(const char *name, struct leat_err *err)
{
    leat_fail(err, LEAT_ECONFIG, "there is no reader \"%s\"", name);
    leat_err_hint(err, "leat readers list");
    return LEAT_ECONFIG;
}

static int show(const struct command_line *line, const struct place *p, struct leat_err *err)
{
    struct leat_named_reader reader;
    struct leat_buf buf;
    int status = leat_readers_get(p->readers, line->operands[1], &reader, err);
    if (status)
        return status == LEAT_EOF ? no_such(line->operands[1], err) : status;
    leat_buf_init(&buf, OUT_BYTES_MAX);
    struct leat_json json = leat_json_at(&buf);
    reader_table_put(&reader, p->last, &json);
    print_json(&buf);
    return LEAT_OK;
}

static int drop(const struct command_line *line, const struct place *p, struct leat_err *err)
{
    int status = leat_readers_drop(p->readers, line->operands[1], err);
    return status == LEAT_EOF ? no_such(line->operands[1], err) : status;
}

static int end_of(const char *path, uint64_t *ret_last, struct leat_err *err)
{
    struct leat_store_reader *reader;
    struct leat_store_usage usage;
    int status = leat_store_reader_open(path, NULL, &reader, err);
    if (status)
        return status;
    status = leat_store_reader_usage(reader, &usage, err);
    if (!status)
        *ret_last = usage.last_sequence;
    leat_store_reader_close(reader);
    return status;
}

typedef int (*verb_fn)(const struct command_line *line, const struct place *place,
                       struct leat_err *err);

static int run(const struct command_line *line, const char *path, verb_fn verb,
               struct leat_err *err)
{
    struct place p = {.last = 0};
    int status = leat_readers_open(path, NULL, &p.readers, err);
    if (status)
        return status;
    status = verb == drop ? LEAT_OK : end_of(path, &p.last, err);
    if (!status)
        status = verb(line, &p, err);
    leat_readers_close(p.readers);
    return status;
}

int cmd_readers(const struct command_line *line)
{
    static const struct {
        const char *name;
        int operands; /* behind it */
        verb_fn run;
    } VERBS[] = {{"list", 0, list}, {"show", 1, show}, {"drop", 1, drop}};
    struct leat_config *config;
    struct leat_settings settings;
    struct leat_err err;
    for (size_t i = 0; line->operand_count && i < sizeof VERBS / sizeof *VERBS; i++) {
        if (strcmp(VERBS[i].name, line->operands[0]) != 0 ||
            line->operand_count - 1 != VERBS[i].operands)
            continue;
        int exit_code = command_settings(line, &config, &settings);
        if (exit_code)
            return exit_code;
        int status = run(line, settings.store.path, VERBS[i].run, &err);
        leat_config_free(config);
        fflush(stdout);
        return status ? command_failed(&err) : EXIT_SUCCESS;
    }
    leat_fail(&err, LEAT_ECONFIG, "leat readers knows: list, show NAME, drop NAME");
    leat_err_hint(&err, "leat readers --help");
    return command_failed(&err);
}
