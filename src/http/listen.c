/*
 * The socket is made here and not by libmicrohttpd, so that a failure can say what is wrong with
 * which address.
 */
#include "http/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 1024 }; /* the kernel cuts it to somaxconn */

static unsigned port_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len))
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

int leat_http_listen(const struct leat_loopback *address, const char *setting, const char *text,
                     int *ret_fd, unsigned *ret_port, struct leat_err *err)
{
    int on = 1;
    int fd = socket(address->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return leat_fail_errno(err, LEAT_ECONFIG, errno,
                               "%s.listen: cannot open a socket for \"%s\"", setting, text);
    /* A restart must not wait for TIME_WAIT. Two daemons still cannot share the port. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
        bind(fd, (const struct sockaddr *)&address->address, address->len) || listen(fd, BACKLOG)) {
        int errnum = errno;
        close(fd);
        leat_fail_errno(err, LEAT_ECONFIG, errnum, "%s.listen: cannot listen on \"%s\"", setting,
                        text);
        if (errnum == EADDRINUSE)
            leat_err_hint(err, "another process has this port; choose another one, or \"off\"");
        return LEAT_ECONFIG;
    }
    *ret_port = port_of(fd);
    *ret_fd = fd;
    return LEAT_OK;
}
