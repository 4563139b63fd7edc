#include <leat/filter.h>

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

bool leat_filter_table(const struct leat_filter *f, struct leat_slice schema,
                       struct leat_slice table)
{
    if (f->tables.count && !any_table(&f->tables, schema, table))
        return false;
    return !any_table(&f->exclude_tables, schema, table);
}

bool leat_filter_schema(const struct leat_filter *f, struct leat_slice schema)
{
    bool found = f->tables.count == 0;
    for (size_t i = 0; !found && i < f->tables.count; i++) {
        struct leat_slice rest = leat_slice_text(f->tables.items[i]);
        found = glob(head(&rest), schema);
    }
    for (size_t i = 0; found && i < f->exclude_tables.count; i++) {
        struct leat_slice rest = leat_slice_text(f->exclude_tables.items[i]);
        found = !glob(head(&rest), schema) || !leat_slice_equal(rest, leat_slice_text("*"));
    }
    return found;
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

enum leat_column_rule leat_filter_column(const struct leat_filter *f, struct leat_slice schema,
                                         struct leat_slice table, struct leat_slice column)
{
    bool listed = false, ignored = false;
    bool included = any_column(&f->include_columns, schema, table, column, &listed);
    if (listed && !included)
        return LEAT_COLUMN_DROP;
    if (any_column(&f->exclude_columns, schema, table, column, &ignored))
        return LEAT_COLUMN_DROP;
    if (any_column(&f->mask_columns, schema, table, column, &ignored))
        return LEAT_COLUMN_MASK;
    return LEAT_COLUMN_KEEP;
}

/* --- validation --------------------------------------------------------------------------------
 */

static int dots(const char *pattern)
{
    int count = 0;
    for (; *pattern; pattern++)
        count += *pattern == '.';
    return count;
}

static int list_validate(const struct leat_strings *list, const char *key, int parts,
                         struct leat_err *err)
{
    for (size_t i = 0; i < list->count; i++)
        if (dots(list->items[i]) < parts - 1)
            return leat_fail(err, LEAT_ECONFIG, "%s: \"%s\" needs %d parts with dots between", key,
                             list->items[i], parts);
    return LEAT_OK;
}

int leat_filter_validate(const struct leat_filter *f, struct leat_err *err)
{
    int status = list_validate(&f->tables, "tables", 2, err);
    if (!status)
        status = list_validate(&f->exclude_tables, "exclude_tables", 2, err);
    if (!status)
        status = list_validate(&f->include_columns, "include_columns", 3, err);
    if (!status)
        status = list_validate(&f->exclude_columns, "exclude_columns", 3, err);
    if (!status)
        status = list_validate(&f->mask_columns, "mask_columns", 3, err);
    return status;
}
