#include "feed/flowcore_query.h"

#include <stdio.h>
#include <string.h>

enum { VALUE_MAX = 1100 }; /* a path of four segments */

static const char BUCKETS[] = "/api/v1/time-buckets", EVENTS[] = "/api/v1/events";

/* --- texts ---------------------------------------------------------------------------------------
 */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* As a form is encoded. */
static bool unescape(const char *at, size_t len, char *ret_text)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        char c = at[i] == '+' ? ' ' : at[i];
        if (c == '%') {
            int high = len - i > 2 ? hex(at[i + 1]) : -1, low = len - i > 2 ? hex(at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (!c || out == VALUE_MAX)
            return false;
        ret_text[out++] = c;
    }
    ret_text[out] = '\0';
    return true;
}

static bool number(const char *text, int64_t max, int64_t *ret_value)
{
    int64_t v = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || v > max)
            return false;
        v = v * 10 + (*text - '0');
    }
    *ret_value = v;
    return v <= max;
}

void flowcore_cursor_text(const struct feed_cursor *cursor, const struct time_uuid *bound,
                          char *ret_text)
{
    feed_cursor_text(cursor, ret_text);
    if (!bound)
        return;
    ret_text[FEED_CURSOR_TEXT - 1] = '.';
    time_uuid_text(bound, ret_text + FEED_CURSOR_TEXT);
}

static bool cursor_parse(struct flowcore_query *q, char *text)
{
    char *dot = strchr(text, '.');
    if (dot) {
        *dot = '\0';
        q->by_time = time_uuid_parse(dot + 1, &q->bound);
        if (!q->by_time)
            return false;
    }
    return feed_cursor_parse(text, &q->cursor);
}

/* --- one parameter each --------------------------------------------------------------------------
 */

static const char *set_type(struct flowcore_query *q, size_t *used, const char *text)
{
    size_t len = strlen(text) + 1;
    if (q->name_count == FLOWCORE_NAMES_MAX || len > sizeof q->names - *used)
        return "eventTypeId: too many";
    memcpy(q->names + *used, text, len);
    *used += len;
    q->name_count++;
    return NULL;
}

static const char *set_hour(const char *text, int64_t *ret_hour)
{
    return time_bucket_parse(text, ret_hour) ? NULL : "a time bucket is yyyyMMddHH0000, in UTC";
}

static const char *set_id(const char *text, bool *ret_given, struct time_uuid *ret_uuid)
{
    *ret_given = time_uuid_parse(text, ret_uuid);
    return *ret_given ? NULL : "an event id is a version-1 UUID";
}

/* afterEventId does not count beside fromEventId. */
static const char *set_after(struct flowcore_query *q, const char *text, bool included)
{
    struct time_uuid ignored;
    bool given;
    if (q->after_included)
        return set_id(text, &given, &ignored);
    q->after_included = included;
    return set_id(text, &q->has_after, &q->after);
}

/* Hours before 1970 are negative. */
static bool hours_parse(const char *text, int64_t *ret_hour)
{
    bool negative = *text == '-';
    bool good = number(text + negative, INT64_C(100000000), ret_hour);
    if (good && negative)
        *ret_hour = -*ret_hour;
    return good;
}

static const char *set_cursor(struct flowcore_query *q, char *text)
{
    q->has_cursor = true;
    bool good =
        q->kind == FLOWCORE_EVENTS ? cursor_parse(q, text) : hours_parse(text, &q->cursor_hour);
    return good ? NULL : "cursor: not one that came from here";
}

static const char *set_page(struct flowcore_query *q, const char *text)
{
    int64_t page;
    if (!number(text, INT64_C(1000000000), &page) || !page)
        return "pageSize: a number from 1 on";
    q->page = page < FLOWCORE_PAGE_MAX ? page : FLOWCORE_PAGE_MAX;
    return NULL;
}

static const char *set_order(struct flowcore_query *q, const char *text)
{
    q->descending = strcmp(text, "desc") == 0;
    return q->descending || strcmp(text, "asc") == 0 ? NULL : "order: asc or desc";
}

enum name { TYPE, BUCKET, FROM_BUCKET, TO_BUCKET, ORDER, PAGE, CURSOR, AFTER, FROM, TO, NAMES };

static const char *const NAME[NAMES] = {
    "eventTypeId", "timeBucket", "fromTimeBucket", "toTimeBucket", "order",
    "pageSize",    "cursor",     "afterEventId",   "fromEventId",  "toEventId"};

struct reading {
    struct flowcore_query *query;
    size_t used; /* of names */
    unsigned given;
};

static const char *set(struct reading *r, enum name name, char *text)
{
    struct flowcore_query *q = r->query;
    switch (name) {
    case TYPE:
        return set_type(q, &r->used, text);
    case BUCKET:
        return set_hour(text, &q->hour);
    case FROM_BUCKET:
        return set_hour(text, &q->from_hour);
    case TO_BUCKET:
        return set_hour(text, &q->to_hour);
    case ORDER:
        return set_order(q, text);
    case PAGE:
        return set_page(q, text);
    case CURSOR:
        return set_cursor(q, text);
    case AFTER:
        return set_after(q, text, false);
    case FROM:
        q->has_after = false;
        return set_after(q, text, true);
    case TO:
        return set_id(text, &q->has_to, &q->to);
    default:
        return NULL;
    }
}

static const char *parameter(struct reading *r, const char *at, size_t len)
{
    char text[VALUE_MAX + 1];
    const char *equals = memchr(at, '=', len);
    size_t name_len = equals ? (size_t)(equals - at) : len;
    int name = 0;
    while (name < NAMES &&
           (strlen(NAME[name]) != name_len || memcmp(NAME[name], at, name_len) != 0))
        name++;
    if (name == NAMES)
        return NULL;
    if (name != TYPE && r->given >> name & 1)
        return "a parameter was given twice";
    r->given |= 1u << name;
    if (!equals || !unescape(equals + 1, len - name_len - 1, text) || !*text)
        return "a parameter has no value, or one that is too long or badly escaped";
    return set(r, (enum name)name, text);
}

/* --- all of them ---------------------------------------------------------------------------------
 */

static bool is_path(const char *target, const char *path, size_t len)
{
    return strncmp(target, path, len) == 0 && (!target[len] || target[len] == '?');
}

enum flowcore_kind flowcore_query_kind(const char *target)
{
    if (is_path(target, BUCKETS, sizeof BUCKETS - 1))
        return FLOWCORE_BUCKETS;
    return is_path(target, EVENTS, sizeof EVENTS - 1) ? FLOWCORE_EVENTS : FLOWCORE_NONE;
}

static const char *complete(const struct reading *r)
{
    const struct flowcore_query *q = r->query;
    if (!q->name_count)
        return "eventTypeId: one or more";
    if (q->kind == FLOWCORE_BUCKETS)
        return NULL;
    if (!(r->given >> BUCKET & 1))
        return "timeBucket: an hour as yyyyMMddHH0000, in UTC";
    if (q->descending && (q->has_cursor || q->has_after || q->has_to))
        return "order: desc has neither cursor nor event ids";
    return NULL;
}

const char *flowcore_query_parse(const char *target, struct flowcore_query *ret_query)
{
    const char *at = strchr(target, '?'), *problem = NULL;
    struct reading r = {.query = ret_query};
    memset(ret_query, 0, sizeof *ret_query);
    ret_query->kind = flowcore_query_kind(target);
    ret_query->page = FLOWCORE_PAGE_MAX;
    ret_query->from_hour = INT64_MIN;
    ret_query->to_hour = INT64_MAX;
    for (at = at ? at + 1 : ""; *at && !problem;) {
        size_t len = strcspn(at, "&");
        if (len)
            problem = parameter(&r, at, len);
        at += len + (at[len] == '&');
    }
    return problem ? problem : complete(&r);
}

bool flowcore_query_names(const struct flowcore_query *q, const char *path, size_t len)
{
    const char *name = q->names;
    for (unsigned i = 0; i < q->name_count; i++) {
        size_t n = strlen(name);
        if (n <= len && memcmp(path + len - n, name, n) == 0 &&
            (n == len || path[len - n - 1] == '/'))
            return true;
        name += n + 1;
    }
    return false;
}
