/*
 * Rows of a rows event, one at a time (mysql.md 4.6, 5.8, 5.9). A row image is a bitmap of NULLs
 * and then the values of the columns that the event says are present; the others are absent (I8). A
 * column that is missing from an update's after image did not change: it is taken from the before
 * image where that has it, and is absent where not.
 *
 *     open(table, rows) ─▶ next … next (LEAT_EOF)
 *
 * Ownership: values live until the next row, in the table's arrays and the scratch arena.
 * Errors:    LEAT_EPROTO malformed; what my_value_decode gives, with table and column in front.
 * Threads:   the source's.
 */
#ifndef MYSQL_BINLOG_ROWS_H
#define MYSQL_BINLOG_ROWS_H

#include "sources/mysql/table_schema.h"

struct my_row_reader {
    struct my_table *table;
    struct my_rows rows; /* inflated */
    struct leat_reader at;
    uint32_t index; /* of the row that next gave last, from 0 */
    uint32_t next_index;
    uint32_t count_before, count_after; /* columns that are present */
    int64_t absent;                     /* values of after images that stayed absent */
};

int my_rows_open(struct my_row_reader *reader, struct my_table *table, const struct my_rows *rows,
                 struct leat_err *err) LEAT_MUST_CHECK;

/* Decodes the next row into table->before and table->after; without `decode` it is only passed
 * over. LEAT_EOF: that was the last. */
int my_rows_next(struct my_row_reader *reader, bool decode, struct leat_arena *scratch,
                 struct my_value_policy *policy, struct leat_err *err) LEAT_MUST_CHECK;

/* What the before image has: the key alone, or a row, whose absent columns are absent values. */
enum leat_before my_rows_before(const struct my_row_reader *reader);

#endif
