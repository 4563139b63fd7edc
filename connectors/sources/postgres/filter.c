#include "sources/postgres/filter.h"

/* Iterative glob with one point to return to: linear for our patterns, never exponential. */
static bool glob(struct leat_slice pattern, struct leat_slice name)
{
    size_t p = 0, n = 0, star = SIZE_MAX, mark = 0;
    while (n < name.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            mark = n;
        } else if (p < pattern.len && pattern.ptr[p] == name.ptr[n]) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

/* Cuts the text before the next dot off; without a dot, all of it. */
static struct leat_slice head(struct leat_slice *rest)
{
    const uint8_t *dot = rest->len ? memchr(rest->ptr, '.', rest->len) : NULL;
    struct leat_slice first = {rest->ptr, dot ? (size_t)(dot - rest->ptr) : rest->len};
    size_t used = dot ? first.len + 1 : first.len;
    *rest = leat_slice_of(rest->ptr + used, rest->len - used);
    return first;
}

static bool table_matches(const char *pattern, struct leat_slice schema, struct leat_slice table)
{
    struct leat_slice rest = leat_slice_text(pattern);
    return glob(head(&rest), schema) && glob(rest, table);
}

static bool any_table(const struct leat_strings *list, struct leat_slice schema,
                      struct leat_slice table)
{
    for (size_t i = 0; i < list->count; i++)
        if (table_matches(list->items[i], schema, table))
            return true;
    return false;
}

bool pg_filter_table(const struct pg_settings *s, struct leat_slice schema, struct leat_slice table)
{
    if (s->tables.count && !any_table(&s->tables, schema, table))
        return false;
    return !any_table(&s->exclude_tables, schema, table);
}

/* Splits "schema.table.column" and matches the three; *ret_table tells whether the first two did.
 */
static bool column_matches(const char *pattern, struct leat_slice schema, struct leat_slice table,
                           struct leat_slice column, bool *ret_table)
{
    struct leat_slice rest = leat_slice_text(pattern);
    bool table_too = glob(head(&rest), schema);
    table_too &= glob(head(&rest), table);
    *ret_table |= table_too;
    return table_too && glob(rest, column);
}

static bool any_column(const struct leat_strings *list, struct leat_slice schema,
                       struct leat_slice table, struct leat_slice column, bool *ret_table)
{
    bool found = false;
    for (size_t i = 0; i < list->count; i++)
        found |= column_matches(list->items[i], schema, table, column, ret_table);
    return found;
}

enum pg_column_rule pg_filter_column(const struct pg_settings *s, struct leat_slice schema,
                                     struct leat_slice table, struct leat_slice column)
{
    bool listed = false, ignored = false;
    bool included = any_column(&s->include_columns, schema, table, column, &listed);
    if (listed && !included)
        return PG_COLUMN_DROP;
    if (any_column(&s->exclude_columns, schema, table, column, &ignored))
        return PG_COLUMN_DROP;
    if (any_column(&s->mask_columns, schema, table, column, &ignored))
        return PG_COLUMN_MASK;
    return PG_COLUMN_KEEP;
}
