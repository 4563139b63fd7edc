#include "http/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const uint8_t MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static struct leat_client of_ipv4(const void *four)
{
    struct leat_client c;
    memcpy(c.bytes, MAPPED, sizeof MAPPED);
    memcpy(c.bytes + sizeof MAPPED, four, 4);
    return c;
}

static struct leat_client of_ipv6(const void *sixteen)
{
    struct leat_client c;
    memcpy(c.bytes, sixteen, sizeof c.bytes);
    return c;
}

struct leat_client leat_client_peer(const struct sockaddr *peer)
{
    if (peer && peer->sa_family == AF_INET)
        return of_ipv4(&((const struct sockaddr_in *)peer)->sin_addr);
    if (peer && peer->sa_family == AF_INET6)
        return of_ipv6(&((const struct sockaddr_in6 *)peer)->sin6_addr);
    return (struct leat_client){{0}};
}

struct leat_client leat_client_network(struct leat_client c)
{
    if (memcmp(c.bytes, MAPPED, sizeof MAPPED) != 0)
        memset(c.bytes + 8, 0, 8);
    return c;
}

/* --- texts ------------------------------------------------------------------------------------ */

static bool is_around(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '"';
}

static struct leat_slice trim(struct leat_slice s)
{
    while (s.len && is_around(s.ptr[0]))
        s.ptr++, s.len--;
    while (s.len && is_around(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits && digits <= 5 && !text[digits];
}

/* Leaves the address alone: without brackets and port. NULL: it has no such form. */
static const char *bare(char *text)
{
    char *colon = strchr(text, ':');
    if (text[0] == '[') {
        char *end = strchr(text, ']');
        if (!end || (end[1] && (end[1] != ':' || !is_port(end + 2))))
            return NULL;
        *end = '\0';
        return text + 1;
    }
    if (colon && !strchr(colon + 1, ':')) { /* one colon: a port */
        if (!is_port(colon + 1))
            return NULL;
        *colon = '\0';
    }
    return text;
}

bool leat_client_read(struct leat_slice text, struct leat_client *ret_client)
{
    char copy[LEAT_CLIENT_TEXT];
    struct in_addr four;
    struct in6_addr six;
    text = trim(text);
    if (!text.len || text.len >= sizeof copy || memchr(text.ptr, '\0', text.len))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    const char *address = bare(copy);
    if (address && inet_pton(AF_INET, address, &four) == 1)
        *ret_client = of_ipv4(&four);
    else if (address && inet_pton(AF_INET6, address, &six) == 1)
        *ret_client = of_ipv6(&six);
    else
        return false;
    return true;
}

/* --- proxies ---------------------------------------------------------------------------------- */

int leat_proxies_read(const struct leat_strings *texts, struct leat_proxies *ret_proxies,
                      struct leat_err *err)
{
    struct leat_proxies proxies = {.count = 0};
    if (texts->count > LEAT_CLIENT_PROXIES_MAX)
        return leat_fail(err, LEAT_ECONFIG, "ingest.trusted_proxies: more than %d",
                         LEAT_CLIENT_PROXIES_MAX);
    for (size_t i = 0; i < texts->count; i++)
        if (!leat_client_read(leat_slice_text(texts->items[i]), &proxies.items[proxies.count++]))
            return leat_fail(err, LEAT_ECONFIG, "ingest.trusted_proxies: \"%s\" is no address",
                             texts->items[i]);
    *ret_proxies = proxies;
    return LEAT_OK;
}

bool leat_proxies_have(const struct leat_proxies *proxies, const struct leat_client *client)
{
    for (size_t i = 0; i < proxies->count; i++)
        if (memcmp(&proxies->items[i], client, sizeof *client) == 0)
            return true;
    return false;
}

/* What stands behind the last comma; the rest of the line stays. */
static struct leat_slice last_take(struct leat_slice *line)
{
    const uint8_t *comma = line->len ? memrchr(line->ptr, ',', line->len) : NULL;
    size_t from = comma ? (size_t)(comma - line->ptr) + 1 : 0;
    struct leat_slice last = leat_slice_of(line->ptr + from, line->len - from);
    line->len = comma ? from - 1 : 0;
    return last;
}

bool leat_client_forwarded(const struct leat_proxies *proxies, struct leat_slice line,
                           struct leat_client *client)
{
    struct leat_client said;
    for (int hop = 0; hop < LEAT_CLIENT_HOPS_MAX; hop++) {
        if (!leat_proxies_have(proxies, client))
            return true;
        if (!line.len)
            return false;
        if (!leat_client_read(last_take(&line), &said))
            return true;
        *client = said;
    }
    return true;
}
