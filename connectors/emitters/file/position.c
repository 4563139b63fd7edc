#include "emitters/file/position.h"

#include <leat/failpoint.h>
#include <leat/hash.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOT_BYTES = 512, SLOTS = 2 };

static int text_of(const struct file_position *p, char *ret_text)
{
    int len = snprintf(ret_text, SLOT_BYTES,
                       "leat 1 %" PRIu64 " %08" PRIx32 " %" PRIu64 " %" PRIu64 " %" PRId64
                       " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s ",
                       p->generation, p->store, p->rewinds, p->through, p->opened_us, p->first,
                       p->last, p->events, p->bytes, p->name[0] ? p->name : "-");
    uint64_t hash = leat_hash(leat_slice_of(ret_text, (size_t)len));
    return len + snprintf(ret_text + len, SLOT_BYTES - (size_t)len, "%016" PRIx64 "\n", hash);
}

/* The text must be what we would write, so nothing is read that was not. */
static bool slot_read(const char *slot, struct file_position *ret_position)
{
    struct file_position p = {.generation = 0};
    char text[SLOT_BYTES], copy[SLOT_BYTES + 1];
    memcpy(copy, slot, SLOT_BYTES);
    copy[SLOT_BYTES] = '\0';
    int fields = sscanf(copy,
                        "leat 1 %" SCNu64 " %" SCNx32 " %" SCNu64 " %" SCNu64 " %" SCNd64
                        " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %159s ",
                        &p.generation, &p.store, &p.rewinds, &p.through, &p.opened_us, &p.first,
                        &p.last, &p.events, &p.bytes, p.name);
    if (fields != 10)
        return false;
    if (strcmp(p.name, "-") == 0)
        p.name[0] = '\0';
    int len = text_of(&p, text);
    if (memcmp(text, copy, (size_t)len) != 0)
        return false;
    *ret_position = p;
    return true;
}

static int locked_open(int directory_fd, const char *name, int *ret_fd, struct leat_err *err)
{
    int fd = openat(directory_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return leat_fail_errno(err, LEAT_ECONFIG, errno, "cannot open \"%s\"", name);
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        int errnum = errno;
        close(fd);
        return leat_fail_errno(err, LEAT_ECONFIG, errnum, "\"%s\" is held by another process",
                               name);
    }
    *ret_fd = fd;
    return LEAT_OK;
}

int file_position_open(int directory_fd, const char *name, int *ret_fd,
                       struct file_position *ret_position, bool *ret_found, struct leat_err *err)
{
    char slots[SLOTS * SLOT_BYTES] = "";
    struct file_position best = {.generation = 0}, one;
    int fd, status = locked_open(directory_fd, name, &fd, err);
    if (status)
        return status;
    ssize_t got = pread(fd, slots, sizeof slots, 0);
    if (got < 0) {
        status = leat_fail_errno(err, LEAT_ERETRY, errno, "cannot read \"%s\"", name);
        close(fd);
        return status;
    }
    bool found = false;
    for (int i = 0; i < SLOTS; i++) {
        if (!slot_read(slots + i * SLOT_BYTES, &one))
            continue;
        if (!found || one.generation > best.generation)
            best = one;
        found = true;
    }
    if (got > SLOT_BYTES && !found) {
        close(fd);
        leat_fail(err, LEAT_ECONFIG, "\"%s\" holds no record of ours", name);
        leat_err_hint(err, "give the emitter another directory, or remove the file to begin again");
        return LEAT_ECONFIG;
    }
    *ret_fd = fd;
    *ret_position = best;
    *ret_found = found;
    return LEAT_OK;
}

int file_position_put(int fd, struct file_position *position, struct leat_err *err)
{
    char slot[SLOT_BYTES];
    struct file_position p = *position;
    p.generation++;
    memset(slot, ' ', sizeof slot);
    char text[SLOT_BYTES];
    int len = text_of(&p, text);
    memcpy(slot, text, (size_t)len);
    off_t at = (off_t)(p.generation % SLOTS * SLOT_BYTES);
    LEAT_FAILPOINT("file_before_position");
    ssize_t n = pwrite(fd, slot, sizeof slot, at);
    if (n != (ssize_t)sizeof slot)
        return leat_fail_errno(err, LEAT_ERETRY, n < 0 ? errno : ENOSPC,
                               "cannot write the position");
    if (fdatasync(fd))
        return leat_fail_errno(err, LEAT_ERETRY, errno, "cannot write the position to the disk");
    LEAT_FAILPOINT("file_after_position");
    *position = p;
    return LEAT_OK;
}
