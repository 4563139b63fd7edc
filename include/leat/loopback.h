/*
 * The text of an address to listen on, as a socket address.
 *
 *     127.0.0.1:7311   [::1]:7311   localhost:7311   off
 *
 * Only loopback, but for leat_loopback_parse_any(): what listens there speaks neither TLS nor
 * passwords, so anything else is refused with the reason. Names are not resolved, because what a name
 * means may change; localhost is 127.0.0.1.
 *
 * Threads: pure.
 * Errors:  LEAT_ECONFIG; its text is the reason alone ("has no port …"), which follows the quoted
 * address.
 */
#ifndef LEAT_LOOPBACK_H
#define LEAT_LOOPBACK_H

#include <leat/err.h>

#include <stdbool.h>
#include <sys/socket.h>

struct leat_loopback {
    bool off;
    bool remote; /* reachable from other machines */
    struct sockaddr_storage address;
    socklen_t len;
};

int leat_loopback_parse(const char *text, struct leat_loopback *ret_address,
                        struct leat_err *err) LEAT_MUST_CHECK;

/* The same for a port that knows how to protect itself: any address, `remote` says which kind. */
int leat_loopback_parse_any(const char *text, struct leat_loopback *ret_address,
                            struct leat_err *err) LEAT_MUST_CHECK;

#endif
