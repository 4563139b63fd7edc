#include <leat/loopback.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum { HOST_BYTES = 64 };

/* The reason alone: whoever asked knows the text, and how to show bytes that are not trusted. */
static int refuse(const char *reason, struct leat_err *err)
{
    leat_fail(err, LEAT_ECONFIG, "%s", reason);
    leat_err_hint(err, "listen: \"127.0.0.1:7311\", \"[::1]:7311\" or \"off\"");
    return LEAT_ECONFIG;
}

/* 0 … 65535 without leading zeros; -1 otherwise. */
static int port_parse(const char *text)
{
    int port = 0;
    size_t len = strspn(text, "0123456789");
    if (!len || len > 5 || text[len] || (len > 1 && text[0] == '0'))
        return -1;
    for (size_t i = 0; i < len; i++)
        port = port * 10 + (text[i] - '0');
    return port <= 65535 ? port : -1;
}

/* The part before the last colon without the brackets of IPv6; false if it does not fit. */
static bool host_take(const char *text, const char *colon, char *ret_host, bool *ret_bracketed)
{
    size_t len = (size_t)(colon - text);
    bool bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    if (bracketed) {
        text++;
        len -= 2;
    }
    if (len >= HOST_BYTES)
        return false;
    memcpy(ret_host, text, len);
    ret_host[len] = '\0';
    *ret_bracketed = bracketed;
    return true;
}

static bool is_loopback4(const struct in_addr *address)
{
    return (ntohl(address->s_addr) >> 24) == 127;
}

static int address_fill(const char *host, bool bracketed, in_port_t port,
                        struct leat_loopback *address, struct leat_err *err)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->address;
    bool loopback;
    if (bracketed) {
        if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
            return refuse("is no address", err);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        address->len = sizeof *v6;
        loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    } else {
        if (strcmp(host, "localhost") == 0)
            host = "127.0.0.1";
        if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
            return refuse("is no address (names are not resolved; IPv6 stands in brackets)", err);
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        address->len = sizeof *v4;
        loopback = is_loopback4(&v4->sin_addr);
    }
    address->remote = !loopback;
    return LEAT_OK;
}

int leat_loopback_parse_any(const char *text, struct leat_loopback *ret_address,
                            struct leat_err *err)
{
    struct leat_loopback address = {.off = strcmp(text, "off") == 0};
    char host[HOST_BYTES];
    bool bracketed;
    const char *colon = strrchr(text, ':');
    int port = colon ? port_parse(colon + 1) : -1;
    if (!address.off) {
        if (port < 0)
            return refuse("has no port from 0 to 65535 behind a colon", err);
        if (!host_take(text, colon, host, &bracketed))
            return refuse("is no address", err);
        int status = address_fill(host, bracketed, (in_port_t)port, &address, err);
        if (status)
            return status;
    }
    *ret_address = address;
    return LEAT_OK;
}

int leat_loopback_parse(const char *text, struct leat_loopback *ret_address, struct leat_err *err)
{
    struct leat_loopback address;
    int status = leat_loopback_parse_any(text, &address, err);
    if (status)
        return status;
    if (address.remote)
        return refuse(
            "is reachable from other machines, and this port speaks neither TLS nor passwords: "
            "only loopback addresses are allowed; put a proxy in front of it",
            err);
    *ret_address = address;
    return LEAT_OK;
}
