/*
 * The named readers of a store, for status and for `leat readers`: as a table or as JSON.
 *
 * Threads: any. Errors: as store/readers.h.
 */
#ifndef DAEMON_READER_TABLE_H
#define DAEMON_READER_TABLE_H

#include "codec/json_writer.h"
#include "store/readers.h"

/* An array with an object for each; `last` is the end of the stream. The array is closed whatever
 * happens. */
int reader_table_json(struct leat_readers *readers, uint64_t last, struct leat_json *json,
                      struct leat_err *err) LEAT_MUST_CHECK;
void reader_table_put(const struct leat_named_reader *reader, uint64_t last,
                      struct leat_json *json);

/* On standard output. */
int reader_table_print(struct leat_readers *readers, uint64_t last,
                       struct leat_err *err) LEAT_MUST_CHECK;

#endif
