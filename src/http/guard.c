#include "http/guard.h"

#include <strings.h>

static bool named(struct leat_slice name, const char *known)
{
    return name.len == strlen(known) && strncasecmp((const char *)name.ptr, known, name.len) == 0;
}

static bool is_alnum(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
}

/* RFC 9110, 5.6.2. */
static bool is_token(struct leat_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!is_alnum(name.ptr[i]) && (!name.ptr[i] || !strchr("!#$%&'*+-.^_`|~", name.ptr[i])))
            return false;
    return name.len > 0;
}

static bool is_digits(struct leat_slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return false;
    return value.len > 0;
}

static bool is_zero(struct leat_slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] != '0')
            return false;
    return true;
}

static bool has_control(struct leat_slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((value.ptr[i] < 0x20 && value.ptr[i] != '\t') || value.ptr[i] == 0x7f)
            return true;
    return false;
}

/* Name or address, and port: RFC 3986, without user and path. */
static bool is_host(struct leat_slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!is_alnum(value.ptr[i]) && !strchr("-._~:[]%!$&'()*+;=", value.ptr[i]))
            return false;
    return true;
}

/* --- layout ----------------------------------------------------------------------------------- */

void leat_http_guard_line(struct leat_http_guard *guard, const struct leat_http_line *line)
{
    const char *path = line->method + strlen(line->method) + 1;
    guard->displaced =
        line->path != path || (line->target_bytes && line->version != path + line->target_bytes + 1);
    guard->expected = (const uint8_t *)line->version + strlen(line->version) + 2;
    guard->end = (const uint8_t *)line->method + line->head_bytes;
}

static bool blanks_between(const uint8_t *at, const uint8_t *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at == end;
}

static void note_layout(struct leat_http_guard *guard, struct leat_slice name, struct leat_slice value)
{
    guard->displaced = guard->displaced || name.ptr != guard->expected ||
                       !blanks_between(name.ptr + name.len + 1, value.ptr);
    guard->expected = value.ptr + value.len + 2;
}

static bool is_displaced(const struct leat_http_guard *guard)
{
    return guard->expected && (guard->displaced || guard->expected + 2 != guard->end);
}

/* --- headers ---------------------------------------------------------------------------------- */

/* At most 32: a bit each. */
static const char *const DECISIVE[] = {
    "Authorization", "Content-Type", "Content-Encoding", "Idempotency-Key", "Expect",
    "X-Flowcore-Metadata-Json", "X-Flowcore-Event-Time", "X-Flowcore-Valid-Time",
    "X-Flowcore-Event-Time-Key", "X-Flowcore-Valid-Time-Key", "Webhook-Id", "Webhook-Timestamp",
    "Webhook-Signature", "Svix-Id", "Svix-Timestamp", "Svix-Signature", "Stripe-Signature",
    "X-Hub-Signature-256", "X-GitHub-Delivery", "X-Shopify-Hmac-SHA256", "X-Slack-Signature",
    "X-Slack-Request-Timestamp", "X-Hookdeck-Signature", "Ce-Id", "Ce-Source", "Ce-Type",
    "Ce-Specversion", "Ce-Time",
};

static void note_decisive(struct leat_http_guard *guard, struct leat_slice name)
{
    for (unsigned i = 0; i < sizeof DECISIVE / sizeof *DECISIVE; i++) {
        if (!named(name, DECISIVE[i]))
            continue;
        guard->repeated |= guard->decisive >> i & 1;
        guard->decisive |= 1u << i;
        return;
    }
}

void leat_http_guard_header(struct leat_http_guard *guard, struct leat_slice name,
                            struct leat_slice value)
{
    guard->headers++;
    if (guard->expected)
        note_layout(guard, name, value);
    guard->bad_name |= !is_token(name);
    guard->bad_value |= has_control(value);
    if (named(name, "Host")) {
        guard->hosts++;
        guard->bad_host |= !is_host(value);
    } else if (named(name, "Content-Length")) {
        guard->lengths++;
        guard->bad_length |= !is_digits(value);
        guard->body |= !is_zero(value);
    } else if (named(name, "Transfer-Encoding")) {
        guard->encodings++;
        guard->bad_encoding |= !named(value, "chunked");
        guard->body = true;
    } else {
        note_decisive(guard, name);
    }
}

static struct leat_http_verdict refuse(unsigned status, const char *detail)
{
    return (struct leat_http_verdict){status, detail};
}

struct leat_http_verdict leat_http_guard_end(const struct leat_http_guard *g, const char *version)
{
    bool v11 = strcmp(version, "HTTP/1.1") == 0;
    if (!v11 && strcmp(version, "HTTP/1.0") != 0)
        return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    if (g->headers > LEAT_HTTP_HEADERS_MAX)
        return refuse(431, "too many headers");
    if (g->bad_name)
        return refuse(400, "the name of a header is no token");
    if (g->bad_value)
        return refuse(400, "the value of a header holds a control byte");
    if (is_displaced(g))
        return refuse(400, "a line of the head is folded, or does not end with CR LF");
    if (g->hosts > 1 || g->lengths > 1 || g->encodings > 1)
        return refuse(400, "Host, Content-Length or Transfer-Encoding is given twice");
    if (g->lengths && g->encodings)
        return refuse(400, "Content-Length and Transfer-Encoding exclude each other");
    if (g->bad_length)
        return refuse(400, "Content-Length is not a decimal number");
    if (g->bad_encoding)
        return refuse(400, "Transfer-Encoding is not chunked");
    if (g->encodings && !v11)
        return refuse(400, "Transfer-Encoding is not known in HTTP/1.0");
    if (v11 && !g->hosts)
        return refuse(400, "Host is missing");
    if (g->bad_host)
        return refuse(400, "Host is not the name of a host");
    if (g->repeated)
        return refuse(400, "a header that may stand only once is given twice");
    if (g->body && !g->takes_body)
        return refuse(413, "no body is taken here");
    return refuse(0, NULL);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

struct leat_http_verdict leat_http_guard_target(const char *target)
{
    for (const char *at = target; *at; at++) {
        if (at - target >= LEAT_HTTP_TARGET_MAX)
            return refuse(414, "the path is too long");
        if ((uint8_t)*at <= 0x20 || (uint8_t)*at >= 0x7f)
            return refuse(400, "the path holds a byte that must be escaped");
        if (*at == '%' && !(is_hex(at[1]) && is_hex(at[2])))
            return refuse(400, "the path holds a broken escape");
        if (*at == '%' && at[1] == '0' && at[2] == '0')
            return refuse(400, "the path holds a NUL");
    }
    return target[0] == '/' ? refuse(0, NULL) : refuse(400, "the path does not begin with a slash");
}
