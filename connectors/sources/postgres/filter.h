/*
 * Which tables and columns are taken: patterns of names with dots between, where * stands for any
 * run of characters inside one name. "public.order_*" is a table pattern, "public.users.ssn" a
 * column pattern. The first dots separate; what follows the last separating dot may contain dots
 * itself.
 *
 * Threads: pure.
 */
#ifndef POSTGRES_FILTER_H
#define POSTGRES_FILTER_H

#include "sources/postgres/settings.h"

bool pg_filter_table(const struct pg_settings *settings, struct leat_slice schema,
                     struct leat_slice table);

enum pg_column_rule { PG_COLUMN_KEEP, PG_COLUMN_DROP, PG_COLUMN_MASK };

enum pg_column_rule pg_filter_column(const struct pg_settings *settings, struct leat_slice schema,
                                     struct leat_slice table, struct leat_slice column);

#endif
