/*
 * Tables as the log describes them: each TABLE_MAP is a table's shape at that moment (I9). Equal
 * bytes are an equal shape, so what was compiled for one is kept by the hash of its bytes; the
 * number that a rows event names is only good until its statement ends.
 *
 *     TABLE_MAP ─▶ find | put ─▶ struct my_table ─▶ by id ─▶ binlog_rows ─▶ values for an event
 *
 * With binlog_row_metadata=FULL the shape says everything that decoding needs; facts of the
 * catalogue only add what it cannot say (UUID, INET6, MariaDB's JSON, display widths), matched by
 * name. Without it (schema: catalogue) names, signs and character sets come from the catalogue, and
 * the whole declaration must agree with the shape.
 *
 * Ownership: tables live until the cache is reset or forgets them.
 * Bounds:    TABLES_MAX shapes and TABLES_BYTES_MAX, then all are forgotten and learnt again; the
 * open tables of one statement may go past that.
 * Threads:   the source's.
 */
#ifndef MYSQL_TABLE_SCHEMA_H
#define MYSQL_TABLE_SCHEMA_H

#include <leat/event.h>

#include "sources/mysql/binlog_event.h"
#include "sources/mysql/catalog.h"
#include "sources/mysql/row_value.h"

struct my_wire_column {
    struct my_column column;
    int32_t stored; /* index in the stored row; -1: excluded */
    bool masked;
};

struct my_table {
    uint64_t shape;      /* hash of the TABLE_MAP behind the table id */
    bool captured;       /* passes the table filter */
    bool named;          /* the log had the columns' names */
    bool announced;      /* told the batch of this session */
    uint32_t ref_before; /* the version that this one replaces; 0: none in this session */
    uint32_t wire_count;
    struct my_wire_column *wire;
    struct leat_schema schema;
    struct leat_value *before, *after; /* schema.column_count each */
    struct leat_arena arena;
    struct my_table *next; /* in its slot */
};

enum { MY_OPEN_TABLES_MAX = 4096 };

struct my_tables {
    struct my_table **slots; /* by shape, chained */
    size_t slot_count, count, bytes;
    struct my_open_table {
        uint64_t id;
        struct my_table *table;
    } * open; /* of the statement that is being read */
    size_t open_count, open_capacity;
};

void my_tables_release(struct my_tables *tables); /* a zeroed one is empty; forgets all */

struct my_table *my_tables_find(struct my_tables *tables, uint64_t shape); /* NULL: new */

/* What one needs to compile a table. */
struct my_table_env {
    const struct leat_filter *filter;
    struct my_charsets *charsets;
    const struct my_column_fact *facts; /* of the table now; none: nothing is known */
    size_t fact_count;
    bool by_catalogue; /* names and all from the facts */
};

/* Compiles a shape. A table that is not captured is compiled as far as its rows must be counted.
 * LEAT_ECONFIG: the log has no names and the catalogue is not allowed. LEAT_EDATA: the catalogue's
 * declaration is not the shape's; the text says where. */
int my_tables_put(struct my_tables *tables, const struct my_table_map *map, uint64_t shape,
                  const struct my_table_env *env, struct my_table **ret_table,
                  struct leat_err *err) LEAT_MUST_CHECK;

/* The statement's table of that number is this one. */
int my_tables_open(struct my_tables *tables, uint64_t id, struct my_table *table,
                   struct leat_err *err) LEAT_MUST_CHECK;
struct my_table *my_tables_opened(struct my_tables *tables, uint64_t id); /* NULL: not announced */
void my_tables_close(struct my_tables *tables);                           /* the statement ended */

/* A DDL touched it: what the catalogue says may be another now. Empty table: the whole database.
 * Returns the version last announced of it, or 0. Not while tables are open. */
uint32_t my_tables_forget(struct my_tables *tables, struct leat_slice database,
                          struct leat_slice table);
/* Any shape of a table, to name it in an event: the one compiled last; or NULL. */
struct my_table *my_tables_named(struct my_tables *tables, struct leat_slice database,
                                 struct leat_slice table);

#endif
