/*
 * A listening socket (leat/loopback.h). It is made here and not by libmicrohttpd, so
 * that a failure can say what is wrong with which address.
 */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include <leat/loopback.h>

/* The socket, and the port that it got (for port 0). LEAT_ECONFIG names the setting (its section is
 * `setting`: "http") and the address. */
int leat_http_listen(const struct leat_loopback *address, const char *setting, const char *text,
                     int *ret_fd, unsigned *ret_port, struct leat_err *err) LEAT_MUST_CHECK;

#endif
