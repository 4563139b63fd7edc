/*
 * Events as lines in files, each event exactly once.
 *
 *     <dir>/<instance>-<first sequence>.jsonl.part     is written to; its end may still be cut off
 *     <dir>/<instance>-<first sequence>.jsonl[.gz]     finished: never changed again
 *     <dir>/<instance>.manifest                        a line for each finished file
 *     <dir>/<instance>.position                        position.h
 *
 *     submit   1. lines behind what counts, fdatasync   2. position: so many bytes count, fdatasync
 *     rotate   1. rename   2. manifest, fdatasync   3. position: there is no file
 *     open     the position says how many bytes count; the rest is cut off; a rotation goes on
 * where it ended
 *
 * With gzip each batch is a member of its own: members one behind the other are one gzip file.
 */
#include <leat/clock.h>
#include <leat/emitter.h>
#include <leat/failpoint.h>

#include "emitters/file/position.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8, LINE_BYTES = 600 };

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP };

struct file {
    struct leat_emit_settings emit;
    const char *directory;
    int compression; /* enum compression */
    int64_t rotate_bytes, rotate_age_ms;
    const char *instance;
    bool open;
    int directory_fd, position_fd, fd; /* -1: none */
    struct file_position position;
    int64_t opened_ms; /* monotonic: when this process saw the file first */
    int64_t age_ms;    /* that it had then */
    uint64_t number;
};

#define AT(member) .offset = offsetof(struct file, member)
static const char *const COMPRESSIONS[] = {"none", "gzip", NULL};

/* clang-format off */
static const struct leat_option OPTIONS[] = {
    {.section = "Files", .name = "directory", .type = LEAT_OPTION_TEXT, AT(directory),
     .flags = LEAT_OPTION_REQUIRED, .doc = "Where files are made; it must exist.",
     .example = "/var/lib/leat/out"},
    {.name = "compression", .type = LEAT_OPTION_CHOICE, AT(compression), .fallback = "none",
     .choices = COMPRESSIONS, .doc = "gzip: each batch is a member of the file."},
    {.name = "rotate_size", .type = LEAT_OPTION_SIZE, AT(rotate_bytes), .fallback = "256MiB",
     .min = 1 << 10, .max = (int64_t)1 << 40, .doc = "A file that has so many bytes is finished."},
    {.name = "rotate_age", .type = LEAT_OPTION_DURATION, AT(rotate_age_ms), .fallback = "1h",
     .min = 1000, .max = (int64_t)31 * 86400000,
     .doc = "… or when its first event came so long ago."},
    LEAT_EMIT_OPTIONS,
    {.name = NULL}};
/* clang-format on */

static int file_validate(const void *ctx, struct leat_err *err)
{
    return leat_emit_settings_validate(ctx, err);
}

static int file_check(void *ctx, const char *instance, bool apply, struct leat_report *report,
                      struct leat_err *err)
{
    const struct file *f = ctx;
    char text[LINE_BYTES];
    (void)instance;
    (void)apply;
    (void)err;
    bool good = access(f->directory, W_OK | X_OK) == 0;
    snprintf(text, sizeof text, "%s%s%s", f->directory, good ? " can be written" : ": ",
             good ? "" : strerror(errno));
    leat_report_add(report, good ? LEAT_FINDING_OK : LEAT_FINDING_FATAL, "directory", text, NULL,
                    false);
    return LEAT_OK;
}

/* Trouble of the disk passes, or an operator must act. */
static int trouble(struct leat_err *err, int errnum, const char *what, const char *name)
{
    bool operators = errnum == EACCES || errnum == EPERM || errnum == EROFS || errnum == ENOENT ||
                     errnum == ENOTDIR || errnum == ELOOP || errnum == EEXIST;
    return leat_fail_errno(err, operators ? LEAT_ECONFIG : LEAT_ERETRY, errnum, "cannot %s \"%s\"",
                           what, name);
}

/* --- the file that is written to
 * ------------------------------------------------------------------ */

static void name_part(const struct file_position *p, char *ret_name)
{
    snprintf(ret_name, FILE_NAME_BYTES + 8, "%s.part", p->name);
}

/* A file of that name that the position does not know is from a crash right here: it is emptied. */
static int part_make(struct file *f, uint64_t first, struct leat_err *err)
{
    struct file_position p = f->position;
    char part[FILE_NAME_BYTES + 8], again[24] = "";
    if (p.rewinds)
        snprintf(again, sizeof again, "-r%" PRIu64, p.rewinds);
    snprintf(p.name, sizeof p.name, "%s-%020" PRIu64 "%s.jsonl%s", f->instance, first, again,
             f->compression == COMPRESSION_GZIP ? ".gz" : "");
    name_part(&p, part);
    f->fd =
        openat(f->directory_fd, part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (f->fd < 0 || fsync(f->directory_fd))
        return trouble(err, errno, "make", part);
    p.first = first;
    p.last = p.events = p.bytes = 0;
    p.opened_us = leat_clock_wall_us();
    f->opened_ms = leat_clock_monotonic_ms();
    f->age_ms = 0;
    f->position = p;
    return LEAT_OK;
}

/* Fewer bytes than count: somebody cut or removed what was confirmed. */
static int part_open(struct file *f, struct leat_err *err)
{
    char part[FILE_NAME_BYTES + 8];
    struct stat st;
    name_part(&f->position, part);
    f->fd = openat(f->directory_fd, part, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (f->fd < 0 || fstat(f->fd, &st))
        return trouble(err, errno, "open", part);
    if ((uint64_t)st.st_size < f->position.bytes) {
        leat_fail(err, LEAT_ECONFIG, "\"%s\" has %lld bytes, of %" PRIu64 " that were confirmed",
                  part, (long long)st.st_size, f->position.bytes);
        leat_err_hint(err, "put the file back, or: leat emitters rewind %s %" PRIu64, f->instance,
                      f->position.first);
        return LEAT_ECONFIG;
    }
    if (ftruncate(f->fd, (off_t)f->position.bytes))
        return trouble(err, errno, "cut", part);
    int64_t age_us = leat_clock_wall_us() - f->position.opened_us;
    f->opened_ms = leat_clock_monotonic_ms();
    f->age_ms = age_us > 0 ? age_us / 1000 : 0;
    return LEAT_OK;
}

/* --- rotation
 * ------------------------------------------------------------------------------------- */

/* The last line may be there already, from before a crash; it is told by its name. */
static bool manifest_has(int fd, const char *name)
{
    char tail[2 * LINE_BYTES + 1] = "", wanted[FILE_NAME_BYTES + 16];
    struct stat st;
    if (fstat(fd, &st))
        return false;
    off_t from = st.st_size > 2 * LINE_BYTES ? st.st_size - 2 * LINE_BYTES : 0;
    ssize_t got = pread(fd, tail, 2 * LINE_BYTES, from);
    tail[got > 0 ? got : 0] = '\0';
    snprintf(wanted, sizeof wanted, "{\"file\":\"%s\",", name);
    const char *found = strstr(tail, wanted);
    return found && strchr(found, '\n');
}

static int manifest_add(struct file *f, struct leat_err *err)
{
    const struct file_position *p = &f->position;
    char name[LEAT_INSTANCE_MAX + 16], line[LINE_BYTES], opened[LEAT_CLOCK_TEXT];
    snprintf(name, sizeof name, "%s.manifest", f->instance);
    leat_clock_format(p->opened_us, opened);
    int len = snprintf(line, sizeof line,
                       "{\"file\":\"%s\",\"opened\":\"%s\",\"first\":%" PRIu64 ",\"last\":%" PRIu64
                       ",\"events\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n",
                       p->name, opened, p->first, p->last, p->events, p->bytes);
    int fd =
        openat(f->directory_fd, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return trouble(err, errno, "open", name);
    int status = LEAT_OK;
    if (!manifest_has(fd, p->name) && (write(fd, line, (size_t)len) != len || fdatasync(fd)))
        status = trouble(err, errno, "write", name);
    close(fd);
    return status;
}

/* From wherever the last attempt ended. */
static int rotate(struct file *f, struct leat_err *err)
{
    char part[FILE_NAME_BYTES + 8];
    struct stat st;
    name_part(&f->position, part);
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
    LEAT_FAILPOINT("file_before_rename");
    bool renamed = fstatat(f->directory_fd, part, &st, AT_SYMLINK_NOFOLLOW) && errno == ENOENT &&
                   fstatat(f->directory_fd, f->position.name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!renamed &&
        renameat2(f->directory_fd, part, f->directory_fd, f->position.name, RENAME_NOREPLACE))
        return trouble(err, errno, "rename", part);
    if (fsync(f->directory_fd))
        return trouble(err, errno, "write the directory of", part);
    LEAT_FAILPOINT("file_after_rename");
    int status = manifest_add(f, err);
    if (status)
        return status;
    LEAT_FAILPOINT("file_after_manifest");
    struct file_position p = f->position;
    p.name[0] = '\0';
    p.first = p.last = p.events = p.bytes = 0;
    status = file_position_put(f->position_fd, &p, err);
    if (!status)
        f->position = p;
    return status;
}

static bool rotation_due(const struct file *f)
{
    if (!f->position.name[0] || !f->position.events)
        return false;
    int64_t age_ms = leat_clock_monotonic_ms() - f->opened_ms + f->age_ms;
    return f->position.bytes >= (uint64_t)f->rotate_bytes || age_ms >= f->rotate_age_ms;
}

/* --- lines
 * ---------------------------------------------------------------------------------------- */

static int lines_write(const struct leat_emit_batch *batch, struct leat_buf *lines,
                       struct leat_err *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < batch->count; i++)
        bytes += batch->events[i].value.len + 1;
    leat_buf_init(lines, bytes);
    for (size_t i = 0; i < batch->count; i++) {
        leat_buf_append(lines, batch->events[i].value);
        leat_buf_append_text(lines, "\n");
    }
    return lines->full ? leat_fail(err, LEAT_ERETRY, "out of memory for lines") : LEAT_OK;
}

static int lines_compress(struct leat_buf *lines, struct leat_err *err)
{
    z_stream z = {.next_in = lines->data, .avail_in = (uInt)lines->len};
    struct leat_buf out;
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return leat_fail(err, LEAT_ERETRY, "out of memory for gzip");
    size_t bound = deflateBound(&z, lines->len);
    leat_buf_init(&out, bound);
    bool done = leat_buf_reserve(&out, bound);
    z.next_out = out.data;
    z.avail_out = (uInt)bound;
    done = done && deflate(&z, Z_FINISH) == Z_STREAM_END;
    out.len = z.total_out;
    deflateEnd(&z);
    if (!done) {
        leat_buf_release(&out);
        return leat_fail(err, LEAT_ERETRY, "out of memory for gzip");
    }
    leat_buf_release(lines);
    *lines = out;
    return LEAT_OK;
}

static int lines_store(struct file *f, const struct leat_buf *lines, struct leat_err *err)
{
    off_t at = (off_t)f->position.bytes;
    for (size_t done = 0; done < lines->len;) {
        ssize_t n = pwrite(f->fd, lines->data + done, lines->len - done, at + (off_t)done);
        if (n < 0 && errno != EINTR)
            return trouble(err, errno, "write", f->position.name);
        done += n > 0 ? (size_t)n : 0;
    }
    LEAT_FAILPOINT("file_before_sync");
    return fdatasync(f->fd) ? trouble(err, errno, "write to the disk", f->position.name) : LEAT_OK;
}

/* --- the seam
 * ------------------------------------------------------------------------------------- */

static void file_close(void *ctx)
{
    struct file *f = ctx;
    if (!f->open)
        return;
    if (f->fd >= 0)
        close(f->fd);
    if (f->position_fd >= 0)
        close(f->position_fd);
    if (f->directory_fd >= 0)
        close(f->directory_fd);
    f->open = false;
}

/* What the position says, unless an operator or another store has the word. */
static int position_take(struct file *f, const struct leat_emitter_env *env, bool found,
                         struct leat_err *err)
{
    struct file_position *p = &f->position;
    if (found && p->store == env->store && p->rewinds == env->rewinds)
        return LEAT_OK;
    if (found && p->store != env->store && (!env->rewinds || env->rewinds == p->rewinds)) {
        leat_fail(err, LEAT_ECONFIG, "%s holds files of another store, up to its sequence %" PRIu64,
                  f->directory, p->through);
        leat_err_hint(err,
                      "give the emitter another directory; or: leat emitters rewind %s beginning",
                      f->instance);
        return LEAT_ECONFIG;
    }
    if (found && p->name[0]) {
        int status = rotate(f, err); /* what is there stays there, as a file of its own */
        if (status)
            return status;
    }
    p->store = env->store;
    p->rewinds = env->rewinds;
    p->through = env->cursor;
    return file_position_put(f->position_fd, p, err);
}

static int parts_open(struct file *f, const struct leat_emitter_env *env, struct leat_err *err)
{
    char name[LEAT_INSTANCE_MAX + 16], part[FILE_NAME_BYTES + 8];
    struct stat st;
    bool found;
    snprintf(name, sizeof name, "%s.position", f->instance);
    f->directory_fd = open(f->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->directory_fd < 0)
        return trouble(err, errno, "open", f->directory);
    int status =
        file_position_open(f->directory_fd, name, &f->position_fd, &f->position, &found, err);
    if (status)
        return status;
    name_part(&f->position, part);
    bool rotating = f->position.name[0] &&
                    fstatat(f->directory_fd, part, &st, AT_SYMLINK_NOFOLLOW) && errno == ENOENT &&
                    fstatat(f->directory_fd, f->position.name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (rotating)
        status = rotate(f, err);
    else if (f->position.name[0])
        status = part_open(f, err);
    return status ? status : position_take(f, env, found, err);
}

static int file_open(void *ctx, const struct leat_emitter_env *env, uint64_t *ret_acked,
                     struct leat_err *err)
{
    struct file *f = ctx;
    file_close(f);
    f->instance = env->instance;
    f->directory_fd = f->position_fd = f->fd = -1;
    f->position = (struct file_position){.generation = 0};
    f->number = 0;
    f->open = true;
    int status = parts_open(f, env, err);
    if (status) {
        file_close(f);
        return status;
    }
    *ret_acked = f->position.through;
    return LEAT_OK;
}

static int file_submit(void *ctx, const struct leat_emit_batch *batch, struct leat_err *err)
{
    struct file *f = ctx;
    struct leat_buf lines;
    int status = rotation_due(f) ? rotate(f, err) : LEAT_OK;
    if (status)
        return status;
    status = lines_write(batch, &lines, err);
    if (!status && f->compression == COMPRESSION_GZIP)
        status = lines_compress(&lines, err);
    if (!status && f->fd < 0)
        status = part_make(f, batch->events[0].sequence, err);
    if (!status)
        status = lines_store(f, &lines, err);
    if (!status) {
        struct file_position p = f->position;
        p.bytes += lines.len;
        p.events += batch->count;
        p.last = batch->events[batch->count - 1].sequence;
        p.through = batch->through ? batch->through : p.through;
        status = file_position_put(f->position_fd, &p, err);
        if (!status)
            f->position = p;
    }
    leat_buf_release(&lines);
    if (!status)
        f->number = batch->number;
    return status;
}

static int file_poll(void *ctx, int64_t until_ms, uint64_t *ret_number, struct leat_err *err)
{
    struct file *f = ctx;
    (void)until_ms;
    *ret_number = f->number;
    return rotation_due(f) ? rotate(f, err) : LEAT_OK;
}

extern const struct leat_emitter_ops file_emitter_ops;
const struct leat_emitter_ops file_emitter_ops = {
    .name = "file",
    .doc = "Files of JSON lines, rotated by size and age: exactly once.",
    .options = OPTIONS,
    .ctx_size = sizeof(struct file),
    .keeps_cursor = true,
    .validate = file_validate,
    .check = file_check,
    .open = file_open,
    .submit = file_submit,
    .poll = file_poll,
    .close = file_close,
};
