#include "sources/webhook/route.h"

#include "sources/webhook/utf8.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Unescapes what stands before the next slash; false if it is no segment. */
static bool segment(const char *at, size_t len, char *ret_text)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        char c = at[i];
        if (c == '%') {
            int high = i + 2 < len ? hex(at[i + 1]) : -1, low = high < 0 ? -1 : hex(at[i + 2]);
            if (i + 2 >= len || high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (out == ROUTE_SEGMENT_MAX || (uint8_t)c < 0x20 || c == 0x7f || c == '/' || c == '\\')
            return false;
        ret_text[out++] = c;
    }
    ret_text[out] = '\0';
    return out && strcmp(ret_text, ".") != 0 && strcmp(ret_text, "..") != 0 &&
           utf8_check(leat_slice_of(ret_text, out));
}

static bool segments(const char *at, int count, struct route *route)
{
    for (int i = 0; i < count; i++) {
        size_t len = strcspn(at, "/?");
        if (!segment(at, len, route->segments[i]))
            return false;
        at += len;
        if (i + 1 < count && *at++ != '/')
            return false;
    }
    return *at == '\0' || *at == '?';
}

static const char *behind(const char *at, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(at, prefix, len) == 0 ? at + len : NULL;
}

void route_parse(const char *target, struct route *ret_route)
{
    static const struct {
        const char *prefix;
        enum route_kind kind;
        int count;
    } ROUTES[] = {{"/event/", ROUTE_EVENT, 4},
                  {"/events/", ROUTE_EVENTS, 4},
                  {"/file/", ROUTE_FILE, 4},
                  {"/in/", ROUTE_IN, 1}};
    const char *query = strchr(target, '?'), *at = behind(target, "/api/v1/");
    *ret_route = (struct route){.kind = ROUTE_NONE, .query = query ? query + 1 : ""};
    at = at ? at - 1 : target;
    for (size_t i = 0; i < sizeof ROUTES / sizeof *ROUTES; i++) {
        const char *rest = behind(at, ROUTES[i].prefix);
        if (rest && segments(rest, ROUTES[i].count, ret_route))
            ret_route->kind = ROUTES[i].kind;
    }
}
