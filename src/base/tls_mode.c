#include <leat/tls_mode.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

const char *const leat_tls_mode_names[] = {
    [LEAT_TLS_AUTO] = "auto",           [LEAT_TLS_DISABLE] = "disable",
    [LEAT_TLS_PREFER] = "prefer",       [LEAT_TLS_REQUIRE] = "require",
    [LEAT_TLS_VERIFY_CA] = "verify-ca", [LEAT_TLS_VERIFY_FULL] = "verify-full",
    [LEAT_TLS_VERIFY_FULL + 1] = NULL,
};

/* "127.example.org" is a name like any other: whoever answers to it must prove who they are. */
static bool host_is_loopback(const char *host)
{
    bool address = strncmp(host, "127.", 4) == 0 && !host[strspn(host, "0123456789.")];
    return address || strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0;
}

enum leat_tls_mode leat_tls_mode_for(enum leat_tls_mode mode, const char *host)
{
    if (mode != LEAT_TLS_AUTO)
        return mode;
    if (host[0] == '/')
        return LEAT_TLS_DISABLE;
    return host_is_loopback(host) ? LEAT_TLS_PREFER : LEAT_TLS_VERIFY_FULL;
}
