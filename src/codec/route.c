#include "route.h"

#include "select.h"

static const char LEGAL[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

enum part { SOURCE, DATABASE, SCHEMA, TABLE, TYPE, OP, TENANT, PARTS };

static const char *const PART[PARTS] = {"source", "database", "schema", "table",
                                        "type",   "op",       "tenant"};

static enum part part_find(const char *at, size_t len)
{
    int part = 0;
    while (part < PARTS && (strlen(PART[part]) != len || memcmp(PART[part], at, len) != 0))
        part++;
    return (enum part)part;
}

int leat_route_check(const char *template, struct leat_err *err)
{
    const char *at = template;
    while (*at) {
        size_t len = strcspn(at, "}");
        if (*at == '{' && (!at[len] || part_find(at + 1, len - 1) == PARTS))
            return leat_fail(
                err, LEAT_ECONFIG,
                "topic: \"%.60s\" is none of {source}, {database}, {schema}, {table}, {type}, "
                "{op}, {tenant}",
                at);
        if (*at == '{')
            at += len + 1;
        else if (!strchr(LEGAL, *at) && *at != '.')
            return leat_fail(err, LEAT_ECONFIG,
                             "topic: between braces only letters, digits, _ and . may stand");
        else
            at++;
    }
    return *template ? LEAT_OK : leat_fail(err, LEAT_ECONFIG, "topic: must not be empty");
}

static struct leat_slice name_of(enum part part, const char *instance, const struct leat_event *e)
{
    const struct leat_schema *r = e->relation;
    static const struct leat_slice none = {NULL, 0};
    switch (part) {
    case SOURCE:
        return leat_slice_text(instance);
    case DATABASE:
        return r ? r->database : e->transaction->origin->database;
    case SCHEMA:
        return !r ? none : r->schema.len ? r->schema : r->database;
    case TABLE:
        return r ? r->table : none;
    case TYPE:
        return e->topic;
    case OP:
        return leat_slice_text(leat_op_name((enum leat_op)e->op));
    case TENANT:
        return leat_select_tenant_of(e);
    case PARTS:
        break;
    }
    return none;
}

static void name_write(struct leat_slice name, struct leat_buf *buf)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < name.len;) {
        size_t legal = i;
        while (legal < name.len && name.ptr[legal] && strchr(LEGAL, (char)name.ptr[legal]))
            legal++;
        leat_buf_append(buf, leat_slice_of(name.ptr + i, legal - i));
        if (legal < name.len) {
            const char escaped[3] = {'-', DIGITS[name.ptr[legal] >> 4],
                                     DIGITS[name.ptr[legal] & 15]};
            leat_buf_append(buf, leat_slice_of(escaped, sizeof escaped));
        }
        i = legal + 1;
    }
}

void leat_route_write(const char *template, const char *instance, const struct leat_event *event,
                      struct leat_buf *buf)
{
    size_t start = buf->len;
    for (const char *at = template; *at;) {
        if (*at != '{') {
            leat_buf_append(buf, leat_slice_of(at++, 1));
            continue;
        }
        size_t len = strcspn(at, "}");
        struct leat_slice name = name_of(part_find(at + 1, len - 1), instance, event);
        if (!name.len && buf->len > start && buf->data[buf->len - 1] == '.')
            buf->len--;
        name_write(name, buf);
        at += len + 1;
    }
}
