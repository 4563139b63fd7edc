#include "select.h"

#include "form.h"

#include <stdio.h>

/* Goes back to the last star instead of trying all: quadratic at worst. */
bool leat_glob(struct leat_slice pattern, struct leat_slice text)
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

bool leat_select_table(const char *pattern, const struct leat_schema *relation)
{
    char name[2 * LEAT_NAME_MAX + 2];
    if (!relation)
        return false;
    struct leat_slice above = relation->schema.len ? relation->schema : relation->database;
    bool whole = strchr(pattern, '.') && above.len;
    int len = snprintf(name, sizeof name, "%.*s%s%.*s", whole ? (int)above.len : 0,
                       (const char *)above.ptr, whole ? "." : "", LEAT_SLICE_ARG(relation->table));
    return len < (int)sizeof name && leat_glob(leat_slice_text(pattern), leat_slice_text(name));
}

bool leat_select_type(struct leat_slice pattern, const struct leat_event *event)
{
    struct leat_slice op = leat_slice_text(leat_op_name((enum leat_op)event->op));
    return leat_slice_equal(pattern, op) || (event->topic.len && leat_glob(pattern, event->topic));
}

struct leat_slice leat_select_tenant_of(const struct leat_event *event)
{
    struct leat_form_attrs attrs = {.event = event};
    const struct leat_attr *attr;
    struct leat_value value;
    while (leat_form_next_attr(&attrs, &attr, &value))
        if (leat_slice_equal(attr->name, LEAT_SLICE_LITERAL("tenant")) &&
            leat_kind_is_text(value.kind))
            return value.text;
    return (struct leat_slice){NULL, 0};
}
