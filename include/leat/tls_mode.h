/*
 * How far a connector's connection must be secured: one meaning for all connectors, in the names
 * that libpq made usual.
 *
 * Threads: pure.
 */
#ifndef LEAT_TLS_MODE_H
#define LEAT_TLS_MODE_H

/* In the order of what they ask for. */
enum leat_tls_mode {
    LEAT_TLS_AUTO, /* socket: disable; loopback: prefer; anything else: verify-full */
    LEAT_TLS_DISABLE,
    LEAT_TLS_PREFER, /* TLS where the server has it */
    LEAT_TLS_REQUIRE,
    LEAT_TLS_VERIFY_CA,
    LEAT_TLS_VERIFY_FULL, /* certificate and host name */
};

/* Their names, in that order, for an option's choices; NULL at the end. */
extern const char *const leat_tls_mode_names[];

/* What `mode` means for this host (a name, an address, or a path that begins with a slash): never
 * LEAT_TLS_AUTO. Only what cannot be anybody else counts as loopback: localhost, 127.x.y.z, ::1. */
enum leat_tls_mode leat_tls_mode_for(enum leat_tls_mode mode, const char *host);

#endif
