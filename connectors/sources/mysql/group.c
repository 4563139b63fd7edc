#include "sources/mysql/group.h"

#include <leat/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* In front of each event. */
struct entry {
    uint64_t position;
    uint32_t len;
    uint32_t zero;
};

enum {
    KEEP_BYTES = 256 << 10, /* memory that a group holds while nothing comes */
    WRITE_MAX = 1 << 30,
};

void my_group_init(struct my_group *g, const char *directory, size_t memory_max, uint64_t max)
{
    *g = (struct my_group){.directory = directory, .max = max, .memory_max = memory_max, .fd = -1};
    leat_buf_init(&g->memory, memory_max + sizeof(struct entry));
}

static void unmap(struct my_group *g)
{
    if (g->map)
        munmap(g->map, g->map_len);
    g->map = NULL;
}

static void forget_file(struct my_group *g)
{
    unmap(g);
    if (g->fd >= 0)
        close(g->fd);
    g->fd = -1;
    g->spilled = 0;
}

void my_group_release(struct my_group *g)
{
    if (g->max == 0) /* zeroed, never initialised */
        return;
    forget_file(g);
    leat_buf_release(&g->memory);
}

void my_group_reset(struct my_group *g)
{
    if (g->fd >= 0)
        forget_file(g);
    leat_buf_reset(&g->memory);
    g->read_at = 0;
}

void my_group_trim(struct my_group *g)
{
    if (my_group_empty(g) && g->memory.capacity > KEEP_BYTES)
        leat_buf_shrink(&g->memory, KEEP_BYTES);
}

/* --- the file ----------------------------------------------------------------------------------
 */

static int file_fail(const struct my_group *g, const char *what, struct leat_err *err)
{
    int number = errno;
    leat_fail_errno(err, LEAT_ERETRY, number, "cannot %s a transaction's file in %s", what,
                    g->directory);
    if (number == ENOSPC || number == EDQUOT)
        leat_err_hint(err, "a transaction is larger than transaction_memory and the disk is full; "
                           "spill_directory may name another");
    return err->code;
}

static int file_open(struct my_group *g, struct leat_err *err)
{
    g->fd = open(g->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (g->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        char path[4096];
        snprintf(path, sizeof path, "%s/spill-%d-%" PRId64, g->directory, (int)getpid(),
                 leat_clock_monotonic_us());
        g->fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
        if (g->fd >= 0)
            unlink(path);
    }
    return g->fd < 0 ? file_fail(g, "open", err) : LEAT_OK;
}

static int file_write(struct my_group *g, struct leat_slice bytes, struct leat_err *err)
{
    int status = g->fd < 0 ? file_open(g, err) : LEAT_OK;
    while (!status && bytes.len) {
        size_t some = bytes.len < WRITE_MAX ? bytes.len : WRITE_MAX;
        ssize_t n = pwrite(g->fd, bytes.ptr, some, (off_t)g->spilled);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return file_fail(g, "write", err);
        g->spilled += (uint64_t)n;
        bytes = leat_slice_of(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return status;
}

static int spill(struct my_group *g, struct leat_err *err)
{
    int status = file_write(g, leat_buf_slice(&g->memory), err);
    leat_buf_reset(&g->memory);
    return status;
}

/* --- writing -----------------------------------------------------------------------------------
 */

uint64_t my_group_mark(const struct my_group *g)
{
    return g->spilled + g->memory.len;
}

bool my_group_empty(const struct my_group *g)
{
    return my_group_mark(g) == 0;
}

/* In memory, if there is room. */
static bool keep(struct my_group *g, const struct entry *entry, struct leat_slice bytes)
{
    size_t need = sizeof *entry + bytes.len;
    if (g->memory.len + need > g->memory_max || !leat_buf_reserve(&g->memory, need))
        return false;
    leat_buf_raw(&g->memory, entry, sizeof *entry);
    leat_buf_raw(&g->memory, bytes.ptr, bytes.len);
    return true;
}

int my_group_append(struct my_group *g, uint64_t position, struct leat_slice bytes,
                    struct leat_err *err)
{
    struct entry entry = {.position = position, .len = (uint32_t)bytes.len};
    if (bytes.len > UINT32_MAX || my_group_mark(g) + sizeof entry + bytes.len > g->max) {
        leat_fail(err, LEAT_ELIMIT, "a transaction has more than %" PRIu64 " bytes of log", g->max);
        leat_err_hint(err, "raise transaction_max");
        return err->code;
    }
    if (keep(g, &entry, bytes))
        return LEAT_OK;
    int status = spill(g, err);
    if (status || keep(g, &entry, bytes))
        return status;
    status = file_write(g, leat_slice_of(&entry, sizeof entry), err);
    return status ? status : file_write(g, bytes, err);
}

int my_group_cut(struct my_group *g, uint64_t mark, struct leat_err *err)
{
    if (mark >= g->spilled) {
        g->memory.len = (size_t)(mark - g->spilled);
        return LEAT_OK;
    }
    leat_buf_reset(&g->memory);
    g->spilled = mark;
    return ftruncate(g->fd, (off_t)mark) ? file_fail(g, "shorten", err) : LEAT_OK;
}

int my_group_shrink(struct my_group *g, size_t memory, struct leat_err *err)
{
    g->memory_max = memory;
    int status = g->memory.len > memory ? spill(g, err) : LEAT_OK;
    if (!status)
        leat_buf_shrink(&g->memory, memory);
    return status;
}

/* --- reading -----------------------------------------------------------------------------------
 */

int my_group_rewind(struct my_group *g, struct leat_err *err)
{
    g->read_at = 0;
    if (g->fd < 0 || g->map)
        return LEAT_OK;
    int status = spill(g, err);
    if (status || !g->spilled)
        return status;
    void *map = mmap(NULL, (size_t)g->spilled, PROT_READ, MAP_SHARED, g->fd, 0);
    if (map == MAP_FAILED)
        return file_fail(g, "map", err);
    g->map = map;
    g->map_len = g->spilled;
    madvise(map, (size_t)g->map_len, MADV_SEQUENTIAL);
    return LEAT_OK;
}

bool my_group_next(struct my_group *g, struct my_group_event *ret_event)
{
    const uint8_t *bytes = g->map ? g->map : g->memory.data;
    uint64_t len = g->map ? g->map_len : g->memory.len;
    struct entry entry;
    if (g->read_at >= len)
        return false;
    memcpy(&entry, bytes + g->read_at, sizeof entry);
    ret_event->position = entry.position;
    ret_event->bytes = leat_slice_of(bytes + g->read_at + sizeof entry, entry.len);
    g->read_at += sizeof entry + entry.len;
    return true;
}
