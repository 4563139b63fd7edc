#include "http/credentials.h"

#include <leat/slice.h>

#include <strings.h>

static bool id_char(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-';
}

static bool id_take(struct leat_credentials *c, const char *text, size_t len)
{
    if (!len || len > LEAT_CREDENTIALS_ID_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!id_char(text[i]))
            return false;
    memcpy(c->id, text, len);
    c->id[len] = '\0';
    return true;
}

static bool secret_take(struct leat_credentials *c, const char *text, size_t len)
{
    if (!len || len > LEAT_CREDENTIALS_SECRET_MAX)
        return false;
    memcpy(c->secret, text, len);
    c->secret[len] = '\0';
    return true;
}

/* "fc_<id>_<secret>": false if it has another form. */
static bool key_take(struct leat_credentials *c, const char *text, size_t len)
{
    const char *end = text + len;
    const char *first = memchr(text, '_', len);
    const char *second = first ? memchr(first + 1, '_', (size_t)(end - first - 1)) : NULL;
    return second && id_take(c, first + 1, (size_t)(second - first - 1)) &&
           secret_take(c, second + 1, (size_t)(end - second - 1));
}

/* "<id>:<key>"; a key that has an id in it must have the same. */
static void pair_take(struct leat_credentials *c, const char *text, size_t len)
{
    const char *colon = memchr(text, ':', len);
    struct leat_credentials inner = {.given = true};
    if (!colon || !id_take(c, text, (size_t)(colon - text)))
        return;
    size_t rest = len - (size_t)(colon + 1 - text);
    if (!key_take(&inner, colon + 1, rest)) {
        if (!secret_take(c, colon + 1, rest))
            c->id[0] = '\0';
    } else if (strcmp(inner.id, c->id) == 0) {
        *c = inner;
    } else {
        c->id[0] = '\0';
    }
}

static const char *after_scheme(const char *text, const char *scheme)
{
    size_t len = strlen(scheme);
    if (strncasecmp(text, scheme, len) != 0 || text[len] != ' ')
        return NULL;
    return text + len + strspn(text + len, " ");
}

static void header_take(struct leat_credentials *c, const char *text)
{
    const char *pair = after_scheme(text, "ApiKey"), *bearer = after_scheme(text, "Bearer");
    c->given = true;
    if (pair)
        pair_take(c, pair, strlen(pair));
    else if (!key_take(c, bearer ? bearer : text, strlen(bearer ? bearer : text)))
        c->id[0] = '\0';
}

/* The value of a parameter; NULL: not there. */
static const char *parameter(const char *query, const char *name, size_t *ret_len)
{
    size_t name_len = strlen(name);
    while (query && *query) {
        size_t len = strcspn(query, "&");
        if (len > name_len && query[name_len] == '=' && strncmp(query, name, name_len) == 0) {
            *ret_len = len - name_len - 1;
            return query + name_len + 1;
        }
        query += len + (query[len] == '&');
    }
    return NULL;
}

void leat_credentials_read(const char *authorization, const char *target,
                           struct leat_credentials *ret_credentials)
{
    struct leat_credentials c = {.given = false};
    const char *query = strchr(target, '?');
    size_t len = 0;
    if (authorization && *authorization) {
        header_take(&c, authorization);
    } else if (query) {
        const char *key = parameter(query + 1, "key", &len);
        if (!key)
            key = parameter(query + 1, "access_token", &len);
        c.given = c.from_query = key != NULL;
        /* No unescaping: a key of ours has nothing that needs it. */
        if (key && !key_take(&c, key, len))
            c.id[0] = '\0';
    }
    *ret_credentials = c;
}
