/*
 * Which tables and columns a source takes: patterns of names with dots between, where * stands for
 * any run of characters inside one name. "public.order_*" is a table pattern, "public.users.ssn" a
 * column pattern; for MySQL the first name is the database. The first dots separate; what follows
 * the last separating dot may contain dots itself.
 *
 * Ownership: the lists live in the configuration.
 * Threads:   pure.
 */
#ifndef LEAT_FILTER_H
#define LEAT_FILTER_H

#include <leat/option.h>

struct leat_filter {
    struct leat_strings tables, exclude_tables;
    struct leat_strings include_columns, exclude_columns, mask_columns;
};

/* The options of a source whose settings have a `struct leat_filter` at `at` (offsetof). */
#define LEAT_FILTER_OPTIONS(at)                                                                    \
    {.name = "tables",                                                                             \
     .type = LEAT_OPTION_LIST,                                                                     \
     .offset = (at) + offsetof(struct leat_filter, tables),                                        \
     .doc = "Tables to take, as schema.table (MySQL: database.table) with * as wildcard. Empty: "  \
            "all that the log has.",                                                               \
     .example = "[\"public.*\"]"},                                                                 \
        {.name = "exclude_tables",                                                                 \
         .type = LEAT_OPTION_LIST,                                                                 \
         .offset = (at) + offsetof(struct leat_filter, exclude_tables),                            \
         .doc = "Tables to leave out, after `tables`.",                                            \
         .example = "[\"public.audit_*\"]"},                                                       \
        {.name = "include_columns",                                                                \
         .type = LEAT_OPTION_LIST,                                                                 \
         .offset = (at) + offsetof(struct leat_filter, include_columns),                           \
         .doc = "For tables that a pattern names, only these columns, as schema.table.column "     \
                "with * as wildcard.",                                                             \
         .example = "[\"public.users.id\", \"public.users.name\"]"},                               \
        {.name = "exclude_columns",                                                                \
         .type = LEAT_OPTION_LIST,                                                                 \
         .offset = (at) + offsetof(struct leat_filter, exclude_columns),                           \
         .doc = "Columns that never enter the store.",                                             \
         .example = "[\"public.users.password\"]"},                                                \
    {                                                                                              \
        .name = "mask_columns", .type = LEAT_OPTION_LIST,                                          \
        .offset = (at) + offsetof(struct leat_filter, mask_columns),                               \
        .doc = "Columns whose values are stored as ***; NULL and absent stay what they are.",      \
        .example = "[\"*.*.ssn\"]"                                                                 \
    }

/* What a masked value is stored as. */
#define LEAT_FILTER_MASK "***"

/* LEAT_ECONFIG names the list and the pattern that has too few parts. */
int leat_filter_validate(const struct leat_filter *filter, struct leat_err *err) LEAT_MUST_CHECK;

bool leat_filter_table(const struct leat_filter *filter, struct leat_slice schema,
                       struct leat_slice table);

/* False: no table of that schema can be taken. */
bool leat_filter_schema(const struct leat_filter *filter, struct leat_slice schema);

enum leat_column_rule { LEAT_COLUMN_KEEP, LEAT_COLUMN_DROP, LEAT_COLUMN_MASK };

enum leat_column_rule leat_filter_column(const struct leat_filter *filter, struct leat_slice schema,
                                         struct leat_slice table, struct leat_slice column);

#endif
