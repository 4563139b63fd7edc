#include "feed/query.h"

#include "config/since.h"

#include <stdio.h>
#include <string.h>

static const char PATH[] = "/v1/events";

/* --- texts ------------------------------------------------------------------------------------- */

/* Goes back to the last star instead of trying all: quadratic at worst. */
bool feed_glob(struct leat_slice pattern, struct leat_slice text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            mark = t;
        } else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* At most FEED_PATTERN_MAX bytes, none of them NUL. */
static bool unescape(const char *at, size_t len, char *ret_text)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        char c = at[i];
        if (c == '%') {
            int high = len - i > 2 ? hex(at[i + 1]) : -1, low = len - i > 2 ? hex(at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (!c || out == FEED_PATTERN_MAX)
            return false;
        ret_text[out++] = c;
    }
    ret_text[out] = '\0';
    return out > 0;
}

static bool number(const char **at, int64_t max, int64_t *ret_value)
{
    int64_t v = 0;
    const char *begin = *at;
    for (; **at >= '0' && **at <= '9' && v <= max; (*at)++)
        v = v * 10 + (**at - '0');
    *ret_value = v;
    return *at > begin && v <= max;
}

/* --- one parameter each -------------------------------------------------------------------------- */

const char *feed_query_after(struct feed_query *q, const char *text)
{
    if (strcmp(text, "start") == 0)
        q->after = FEED_AFTER_START;
    else if (strcmp(text, "end") == 0)
        q->after = FEED_AFTER_END;
    else if (feed_cursor_parse(text, &q->cursor))
        q->after = FEED_AFTER_CURSOR;
    else
        return "after: neither a cursor of ours nor start nor end";
    return NULL;
}

static const char *set_time(const char *text, int64_t now_us, int64_t *ret_us)
{
    struct leat_err ignored;
    return since_parse(text, now_us, ret_us, &ignored) || *ret_us <= 0
               ? "from, to: a moment is ISO 8601, or a span back from now as 10m"
               : NULL;
}

static const char *set_limit(struct feed_query *q, const char *text)
{
    return number(&text, FEED_LIMIT_MAX, &q->limit) && !*text && q->limit
               ? NULL
               : "limit: a number from 1 to 10000";
}

static const char *set_wait(struct feed_query *q, const char *text)
{
    bool good = number(&text, FEED_WAIT_MAX_MS, &q->wait_ms);
    if (good && strcmp(text, "s") == 0)
        q->wait_ms *= 1000;
    else if (strcmp(text, "ms") != 0)
        good = false;
    return good && q->wait_ms <= FEED_WAIT_MAX_MS ? NULL : "wait: a time as 30s or 500ms, at most 60s";
}

static const char *set_format(struct feed_query *q, const char *text)
{
    q->form = leat_form_find(text);
    return q->form ? NULL : "format: native or debezium";
}

static const char *set_reader(struct feed_query *q, const char *text)
{
    if (!leat_reader_name_valid(text))
        return "reader: 1 to 64 letters, digits, dots, dashes and underscores";
    memcpy(q->reader, text, strlen(text) + 1);
    return NULL;
}

static const char *set_text(char *to, const char *text)
{
    memcpy(to, text, strlen(text) + 1);
    return NULL;
}

enum name {
    AFTER, READER, SOURCE, TENANT, TABLE, TYPE, EXTERNAL_ID, FROM, TO, LIMIT, WAIT, FORMAT, KEY, TOKEN, NAMES
};

static const char *const NAME[NAMES] = {"after", "reader", "source", "tenant", "table", "type", "external_id",
                                        "from", "to", "limit", "wait", "format", "key", "access_token"};

static const char *set(struct feed_query *q, enum name name, const char *text, int64_t now_us)
{
    switch (name) {
    case AFTER:
        return feed_query_after(q, text);
    case READER:
        return set_reader(q, text);
    case SOURCE:
        return set_text(q->source, text);
    case TENANT:
        return set_text(q->tenant, text);
    case TABLE:
        return set_text(q->table, text);
    case TYPE:
        return set_text(q->type, text);
    case EXTERNAL_ID:
        return set_text(q->external_id, text);
    case FROM:
        return set_time(text, now_us, &q->from_us);
    case TO:
        return set_time(text, now_us, &q->to_us);
    case LIMIT:
        return set_limit(q, text);
    case WAIT:
        return set_wait(q, text);
    case FORMAT:
        return set_format(q, text);
    default:
        return NULL;
    }
}

/* --- all of them --------------------------------------------------------------------------------- */

static enum name name_find(const char *at, size_t len)
{
    int name = 0;
    while (name < NAMES && (strlen(NAME[name]) != len || memcmp(NAME[name], at, len) != 0))
        name++;
    return (enum name)name;
}

static const char *parameter(struct feed_query *q, const char *at, size_t len, int64_t now_us)
{
    char text[FEED_PATTERN_MAX + 1] = "";
    const char *equals = memchr(at, '=', len);
    size_t name_len = equals ? (size_t)(equals - at) : len;
    enum name name = name_find(at, name_len);
    if (name == NAMES)
        return "a parameter is unknown; there are after, reader, source, tenant, table, type, external_id, "
               "from, to, limit, wait, format";
    if (name == KEY || name == TOKEN)
        return NULL;
    if (q->given >> name & 1)
        return "a parameter was given twice";
    q->given |= 1u << name;
    if (!equals || !unescape(equals + 1, len - name_len - 1, text))
        return "a parameter has no value, or one that is too long or badly escaped";
    return set(q, name, text, now_us);
}

bool feed_query_path(const char *target)
{
    size_t len = sizeof PATH - 1;
    return strncmp(target, PATH, len) == 0 && (!target[len] || target[len] == '?');
}

const char *feed_query_parse(const char *target, int64_t now_us, struct feed_query *ret_query)
{
    const char *at = strchr(target, '?'), *problem = NULL;
    *ret_query = (struct feed_query){.limit = FEED_LIMIT_DEFAULT, .form = leat_form_find("native")};
    for (at = at ? at + 1 : ""; *at && !problem;) {
        size_t len = strcspn(at, "&");
        if (len)
            problem = parameter(ret_query, at, len, now_us);
        at += len + (at[len] == '&');
    }
    if (!problem && ret_query->external_id[0] && !ret_query->source[0])
        problem = "external_id: it is one source's; give source, too";
    return problem;
}

bool feed_query_more(const struct feed_query *q)
{
    return (q->given & ~(1u << SOURCE | 1u << TENANT)) != 0;
}

/* --- what fits ----------------------------------------------------------------------------------- */

/* "schema.table", or "table" alone when the pattern has no dot. */
static bool table_fits(const char *pattern, const struct leat_schema *relation)
{
    char name[2 * LEAT_NAME_MAX + 2];
    if (!relation)
        return false;
    bool whole = strchr(pattern, '.') && relation->schema.len;
    int len = snprintf(name, sizeof name, "%.*s%s%.*s", whole ? (int)relation->schema.len : 0,
                       (const char *)relation->schema.ptr, whole ? "." : "",
                       LEAT_SLICE_ARG(relation->table));
    return len < (int)sizeof name && feed_glob(leat_slice_text(pattern), leat_slice_text(name));
}

static bool type_fits(const char *list, const struct leat_event *event)
{
    struct leat_slice op = leat_slice_text(leat_op_name((enum leat_op)event->op));
    for (;;) {
        size_t len = strcspn(list, ",");
        struct leat_slice one = leat_slice_of(list, len);
        if (leat_slice_equal(one, op) || (event->topic.len && feed_glob(one, event->topic)))
            return true;
        if (!list[len])
            return false;
        list += len + 1;
    }
}

static bool attr_fits(const char *name, const char *text, const struct leat_event *event)
{
    struct leat_form_attrs attrs = {.event = event};
    const struct leat_attr *attr;
    struct leat_value value;
    while (leat_form_next_attr(&attrs, &attr, &value))
        if (leat_slice_equal(attr->name, leat_slice_text(name)))
            return leat_kind_is_text(value.kind) && leat_slice_equal(value.text, leat_slice_text(text));
    return false;
}

bool feed_query_wants(const struct feed_query *q, const char *instance, const struct leat_event *event)
{
    return (!q->source[0] || strcmp(q->source, instance) == 0) &&
           (!q->table[0] || table_fits(q->table, event->relation)) &&
           (!q->type[0] || type_fits(q->type, event)) &&
           (!q->external_id[0] || attr_fits("externalId", q->external_id, event)) &&
           (!q->tenant[0] || attr_fits("tenant", q->tenant, event));
}
