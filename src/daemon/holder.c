#include "daemon/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { HOST_BYTES = 256 };

/* True if the text names a process of this host that is gone. */
static bool surely_gone(const char *text)
{
    char host[HOST_BYTES], own[HOST_BYTES] = "";
    int pid;
    if (sscanf(text, "host=%255s pid=%d", host, &pid) != 2 || pid <= 0)
        return false;
    gethostname(own, sizeof own - 1);
    return strcmp(host, own) == 0 && kill(pid, 0) != 0 && errno == ESRCH;
}

bool holder_find(const char *store_path, char *ret_text, size_t size)
{
    char path[PATH_MAX];
    ret_text[0] = '\0';
    if (snprintf(path, sizeof path, "%s/LOCK", store_path) >= (int)sizeof path)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t len = pread(fd, ret_text, size - 1, 0);
    ret_text[len > 0 ? len : 0] = '\0';
    ret_text[strcspn(ret_text, "\n")] = '\0';
    bool held = !surely_gone(ret_text) && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return held;
}
