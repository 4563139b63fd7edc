/*
 * leat file: a file that was stored as events, given back as it was, or not at all.
 *
 * The last part is only written when everything fits. A file that is named appears under its name
 * when it is whole, so that nobody takes a half for it.
 */
#include "daemon/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/json_writer.h"
#include "daemon/guard.h"
#include "daemon/show.h"
#include "pipeline/stored_file.h"

enum { PATH_BYTES = 4096, ABOUT_BYTES_MAX = 8 << 20 };

struct output {
    const char *path; /* NULL: standard output */
    char under_way[PATH_BYTES];
    int fd;
};

static int output_fail(const struct output *o, const char *what, struct leat_err *err)
{
    return leat_fail_errno(err, LEAT_ERETRY, errno, "cannot %s %s", what,
                           o->path ? o->path : "standard output");
}

static int output_open(struct output *o, struct leat_err *err)
{
    o->fd = STDOUT_FILENO;
    if (!o->path)
        return LEAT_OK;
    int len = snprintf(o->under_way, sizeof o->under_way, "%s.leat-%d", o->path, (int)getpid());
    if (len >= (int)sizeof o->under_way)
        return leat_fail(err, LEAT_ECONFIG, "--output: the name is too long");
    o->fd = open(o->under_way, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    return o->fd < 0 ? output_fail(o, "write", err) : LEAT_OK;
}

static int output_write(const struct output *o, struct leat_slice bytes, struct leat_err *err)
{
    while (bytes.len) {
        ssize_t n = write(o->fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return output_fail(o, "write", err);
        bytes = leat_slice_of(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return LEAT_OK;
}

/* Gives the file its name, or removes what there is of it. */
static int output_close(const struct output *o, int status, struct leat_err *err)
{
    if (!o->path || o->fd < 0)
        return status;
    if (!status && fsync(o->fd))
        status = output_fail(o, "write", err);
    if (close(o->fd) && !status)
        status = output_fail(o, "write", err);
    if (!status && rename(o->under_way, o->path))
        status = output_fail(o, "make", err);
    if (status)
        unlink(o->under_way);
    return status;
}

static void put_text(struct leat_json *j, const char *text)
{
    if (!leat_json_string(j, leat_slice_text(text)))
        leat_json_null(j);
}

static void show_about(const struct leat_stored_file_about *about)
{
    struct leat_buf text;
    leat_buf_init(&text, ABOUT_BYTES_MAX);
    struct leat_json j = leat_json_at(&text);
    leat_json_object(&j);
    LEAT_JSON_NAME(&j, "fileId");
    put_text(&j, about->id);
    LEAT_JSON_NAME(&j, "fileName");
    put_text(&j, about->name);
    LEAT_JSON_NAME(&j, "fileType");
    put_text(&j, about->type);
    LEAT_JSON_NAME(&j, "fileSize");
    leat_json_int(&j, about->bytes);
    LEAT_JSON_NAME(&j, "checksum");
    put_text(&j, about->checksum);
    LEAT_JSON_NAME(&j, "hashType");
    put_text(&j, "SHA256");
    LEAT_JSON_NAME(&j, "totalParts");
    leat_json_uint(&j, about->parts);
    LEAT_JSON_NAME(&j, "source");
    put_text(&j, about->instance);
    LEAT_JSON_NAME(&j, "sequence");
    leat_json_uint(&j, about->sequence);
    leat_json_object_end(&j);
    puts(leat_buf_text(&text));
    leat_buf_release(&text);
}

static int give(struct leat_stored_file *file, const struct output *o, struct leat_err *err)
{
    struct leat_slice bytes;
    int status;
    while ((status = leat_stored_file_next(file, &bytes, err)) == LEAT_OK) {
        guard_at(leat_stored_file_about(file)->sequence);
        status = output_write(o, bytes, err);
        if (status)
            return status;
    }
    return status == LEAT_EOF ? LEAT_OK : status;
}

static int get(const char *store, const uint8_t *id, struct output *o, bool json,
               struct leat_err *err)
{
    struct leat_stored_file *file = NULL;
    int status = leat_stored_file_open(store, NULL, id, &file, err);
    if (!status)
        status = leat_stored_file_find(file, INT64_MAX, err);
    if (status == LEAT_EOF)
        status = leat_fail(err, LEAT_ERETRY, "there is no file under this id");
    if (!status)
        status = output_open(o, err);
    if (!status)
        status = output_close(o, give(file, o, err), err);
    if (!status && json)
        show_about(leat_stored_file_about(file));
    leat_stored_file_close(file);
    return status;
}

static int check(const struct command_line *line, uint8_t *ret_id, struct leat_err *err)
{
    if (line->operand_count < 1 || strcmp(line->operands[0], "get") != 0)
        return leat_fail(err, LEAT_ECONFIG, "file: say what to do: get");
    if (line->operand_count < 2)
        return leat_fail(err, LEAT_ECONFIG, "file get: say which, by the id of one of its events");
    if (!leat_stored_file_id(line->operands[1], ret_id))
        return leat_fail(err, LEAT_ECONFIG,
                         "file get: that is no id of an event (a version-1 UUID)");
    if (command_flag(line, "json") && !command_text(line, "output"))
        return leat_fail(err, LEAT_ECONFIG,
                         "--json belongs to --output: without it the file itself is shown");
    return LEAT_OK;
}

int cmd_file(const struct command_line *line)
{
    struct output output = {.path = command_text(line, "output"), .fd = -1};
    struct leat_config *config;
    struct leat_settings settings;
    struct leat_err err;
    uint8_t id[LEAT_STORED_FILE_ID_BYTES];
    if (check(line, id, &err))
        return command_failed(&err);
    int exit_code = command_settings(line, &config, &settings);
    if (exit_code)
        return exit_code;
    guard_begin(settings.store.path);
    int status = get(settings.store.path, id, &output, command_flag(line, "json"), &err);
    leat_config_free(config);
    return status ? command_failed(&err) : EXIT_SUCCESS;
}
