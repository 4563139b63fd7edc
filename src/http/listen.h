/*
 * The text of `http.listen` as a socket address.
 *
 *     127.0.0.1:7311   [::1]:7311   localhost:7311   off
 *
 * Only loopback: the port speaks neither TLS nor passwords, so anything else is refused with the
 * reason. Names are not resolved, because what a name means may change; localhost is 127.0.0.1.
 *
 * Errors: LEAT_ECONFIG.
 */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include <leat/err.h>

#include <stdbool.h>
#include <sys/socket.h>

struct leat_http_address {
    bool off;
    struct sockaddr_storage address;
    socklen_t len;
};

int leat_http_address_parse(const char *text, struct leat_http_address *ret_address,
                            struct leat_err *err) LEAT_MUST_CHECK;

/* A listening socket, and the port it got (for port 0). */
int leat_http_listen(const struct leat_http_address *address, const char *text, int *ret_fd,
                     unsigned *ret_port, struct leat_err *err) LEAT_MUST_CHECK;

#endif
