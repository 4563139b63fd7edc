/*
 * Whose request it is, by address: the peer's, or behind trusted proxies what they say.
 *
 *     X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.5     peer 10.0.0.6; 10.0.0.5 and 10.0.0.6 are
 * trusted forged   client   proxy        → 1.2.3.4
 *
 * A proxy appends whom it saw, so that the header is read from its end: the first address that is
 * no proxy of ours is the client's, and what stands before it is anybody's word. Where no address
 * can be read, it is the proxy's that wrote it. From peers that are not trusted the header is not
 * looked at.
 *
 * An IPv4 address stands in ::ffff:0:0/96. Of IPv6 addresses clients have whole networks: for
 * counting, leat_client_network() leaves the first 64 bits.
 *
 * Bounds:  LEAT_CLIENT_PROXIES_MAX trusted ones, LEAT_CLIENT_HOPS_MAX entries are read.
 * Threads: pure.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <leat/option.h>

#include <sys/socket.h>

enum {
    LEAT_CLIENT_BYTES = 16,
    LEAT_CLIENT_TEXT = 64, /* of an entry, with brackets and port */
    LEAT_CLIENT_PROXIES_MAX = 64,
    LEAT_CLIENT_HOPS_MAX = 32,
};

struct leat_client {
    uint8_t bytes[LEAT_CLIENT_BYTES];
};

struct leat_proxies {
    struct leat_client items[LEAT_CLIENT_PROXIES_MAX];
    size_t count;
};

/* "1.2.3.4", "1.2.3.4:80", "::1", "[::1]", "[::1]:80"; blanks and quotes around it do not count. */
bool leat_client_read(struct leat_slice text, struct leat_client *ret_client);

/* All zero for a peer that has no such address. */
struct leat_client leat_client_peer(const struct sockaddr *peer);

struct leat_client leat_client_network(struct leat_client client);

/* LEAT_ECONFIG names what is no address; they are `trusted_proxies`. */
int leat_proxies_read(const struct leat_strings *texts, struct leat_proxies *ret_proxies,
                      struct leat_err *err) LEAT_MUST_CHECK;
bool leat_proxies_have(const struct leat_proxies *proxies, const struct leat_client *client);

/* One line of X-Forwarded-For, the last first: call for each until it returns true, with *client
 * the peer at the beginning. False: all of it were proxies of ours, and *client is the first of
 * them. */
bool leat_client_forwarded(const struct leat_proxies *proxies, struct leat_slice line,
                           struct leat_client *client);

#endif
