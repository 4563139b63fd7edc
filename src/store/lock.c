#include "store/lock.h"

#include <leat/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { LOCK_TEXT_BYTES = 256 };

/* The holder's own words, on one line. */
static void lock_read(int fd, char *ret_text)
{
    ssize_t len = pread(fd, ret_text, LOCK_TEXT_BYTES - 1, 0);
    ret_text[len > 0 ? len : 0] = '\0';
    ret_text[strcspn(ret_text, "\n")] = '\0';
}

int leat_lock_take(const char *dir, int *ret_fd, struct leat_err *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/LOCK", dir) >= (int)sizeof path)
        return leat_fail(err, LEAT_ECONFIG, "store path is too long: %s", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return leat_fail_errno(err, LEAT_ECONFIG, errno, "cannot open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *ret_fd = fd;
        return LEAT_OK;
    }
    int why = errno;
    char holder[LOCK_TEXT_BYTES];
    lock_read(fd, holder);
    close(fd);
    if (why != EWOULDBLOCK)
        return leat_fail_errno(err, LEAT_ECONFIG, why, "cannot lock %s", path);
    leat_fail(err, LEAT_ECONFIG, "store \"%s\" is being written by another process: %s", dir,
              holder[0] ? holder : "it has not said who it is yet");
    leat_err_hint(err, "Stop that process, or give this one a store path of its own.");
    return LEAT_ECONFIG;
}

int leat_lock_describe(int fd, uint64_t epoch, struct leat_err *err)
{
    char host[HOST_NAME_MAX + 1] = "?";
    char since[LEAT_CLOCK_TEXT];
    char text[LOCK_TEXT_BYTES];
    gethostname(host, sizeof host - 1);
    leat_clock_format(leat_clock_wall_us(), since);
    int len = snprintf(text, sizeof text, "host=%s pid=%d epoch=%llu since=%s\n", host,
                       (int)getpid(), (unsigned long long)epoch, since);
    size_t bytes = (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    if (ftruncate(fd, 0) || pwrite(fd, text, bytes, 0) != (ssize_t)bytes)
        return leat_fail_errno(err, errno == ENOSPC ? LEAT_ERETRY : LEAT_ECONFIG, errno,
                               "cannot write the store's LOCK file");
    return LEAT_OK;
}

void leat_lock_drop(int fd)
{
    if (fd >= 0)
        close(fd);
}
