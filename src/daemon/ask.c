#include "daemon/ask.h"

#include <leat/clock.h>

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct question {
    const char *listen, *path;
    int64_t until_ms;
    int fd;
};

static int give_up(const struct question *q, int errnum, struct leat_err *err)
{
    if (errnum == ETIMEDOUT)
        return leat_fail(err, LEAT_ERETRY, "no answer from %s in time", q->listen);
    return leat_fail_errno(err, LEAT_ERETRY, errnum, "cannot ask %s", q->listen);
}

static int wait_for(const struct question *q, short events, struct leat_err *err)
{
    for (;;) {
        int64_t left_ms = q->until_ms - leat_clock_monotonic_ms();
        struct pollfd fd = {.fd = q->fd, .events = events};
        int n = left_ms > 0 ? poll(&fd, 1, (int)left_ms) : 0;
        if (n > 0)
            return LEAT_OK;
        if (n == 0 || errno != EINTR)
            return give_up(q, n == 0 ? ETIMEDOUT : errno, err);
    }
}

static int connect_to(struct question *q, const struct addrinfo *a, struct leat_err *err)
{
    q->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (q->fd < 0)
        return give_up(q, errno, err);
    if (connect(q->fd, a->ai_addr, a->ai_addrlen) == 0)
        return LEAT_OK;
    if (errno != EINPROGRESS)
        return give_up(q, errno, err);
    int status = wait_for(q, POLLOUT, err), failure = 0;
    socklen_t len = sizeof failure;
    if (status)
        return status;
    getsockopt(q->fd, SOL_SOCKET, SO_ERROR, &failure, &len);
    return failure ? give_up(q, failure, err) : LEAT_OK;
}

/* "127.0.0.1:7311", "[::1]:7311", "localhost:7311" */
static int find_address(const struct question *q, struct addrinfo **ret_list, struct leat_err *err)
{
    char host[256];
    const char *colon = strrchr(q->listen, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    bool brackets = q->listen[0] == '[' && colon && colon[-1] == ']';
    if (!colon || (size_t)(colon - q->listen) >= sizeof host)
        return leat_fail(err, LEAT_ECONFIG, "http.listen is no address: %s", q->listen);
    snprintf(host, sizeof host, "%.*s", (int)(colon - q->listen) - 2 * brackets, q->listen + brackets);
    int rc = getaddrinfo(host, colon + 1, &hints, ret_list);
    if (rc)
        return leat_fail(err, LEAT_ECONFIG, "http.listen \"%s\": %s", q->listen, gai_strerror(rc));
    return LEAT_OK;
}

static int exchange(const struct question *q, struct leat_buf *answer, struct leat_err *err)
{
    char text[512], bytes[8192];
    int len = snprintf(text, sizeof text, "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n",
                       q->path, q->listen);
    if (send(q->fd, text, (size_t)len, MSG_NOSIGNAL) != len) /* it fits into any socket's buffer */
        return give_up(q, errno, err);
    for (;;) {
        int status = wait_for(q, POLLIN, err);
        if (status)
            return status;
        ssize_t n = recv(q->fd, bytes, sizeof bytes, 0);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return give_up(q, errno, err);
        if (n == 0)
            return LEAT_OK;
        leat_buf_append(answer, leat_slice_of(bytes, n > 0 ? (size_t)n : 0));
        if (answer->full)
            return leat_fail(err, LEAT_ELIMIT, "the answer of %s is too long", q->listen);
    }
}

static int read_answer(const struct question *q, struct leat_buf *answer, struct leat_buf *body,
                       struct leat_err *err)
{
    const char *text = leat_buf_text(answer);
    const char *end = strstr(text, "\r\n\r\n");
    if (strncmp(text, "HTTP/1.", 7) != 0 || strlen(text) < 12 || !end)
        return leat_fail(err, LEAT_ERETRY, "%s does not speak HTTP", q->listen);
    if (strncmp(text + 9, "200", 3) != 0)
        return leat_fail(err, LEAT_ERETRY, "%s answered \"%.*s\" to GET %s", q->listen,
                         (int)strcspn(text, "\r\n"), text, q->path);
    leat_buf_append_text(body, end + 4);
    return LEAT_OK;
}

int ask_daemon(const char *listen, const char *path, int64_t timeout_ms, struct leat_buf *body,
               struct leat_err *err)
{
    struct question q = {listen, path, leat_clock_monotonic_ms() + timeout_ms, -1};
    struct leat_buf answer;
    struct addrinfo *list = NULL;
    leat_buf_init(&answer, body->max);
    int status = find_address(&q, &list, err);
    bool found = !status;
    if (found)
        status = LEAT_ERETRY;
    for (const struct addrinfo *a = found ? list : NULL; a && status; a = a->ai_next) {
        if (q.fd >= 0)
            close(q.fd);
        status = connect_to(&q, a, err);
    }
    if (found)
        freeaddrinfo(list);
    if (!status)
        status = exchange(&q, &answer, err);
    if (!status)
        status = read_answer(&q, &answer, body, err);
    if (q.fd >= 0)
        close(q.fd);
    leat_buf_release(&answer);
    return status;
}
