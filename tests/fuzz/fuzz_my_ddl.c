/*
 * A statement in any mode: a byte of flags, then its text. Any text is fine; what comes out is
 * whole, names lie in the arena, and a text that is not understood names nothing.
 */
#include "sources/mysql/ddl.h"

#include "sources/mysql/binlog_event.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ANSI_QUOTES = 1, NO_BACKSLASH_ESCAPES = 2, SMALL_ARENA = 4, ARENA_MAX = 1 << 20 };

static volatile uint8_t sink;

static void touch(struct leat_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        sink ^= s.ptr[i];
}

static void want(bool law)
{
    if (!law)
        abort();
}

static bool is_about_tables(enum my_statement kind)
{
    return kind >= MY_STATEMENT_CREATE_TABLE && kind <= MY_STATEMENT_DROP_DATABASE;
}

static void check(const struct my_statement_info *info)
{
    bool is_xa = info->kind >= MY_STATEMENT_XA_START && info->kind <= MY_STATEMENT_XA_ROLLBACK;
    want(info->kind <= MY_STATEMENT_DDL_UNKNOWN);
    want((info->table_count > 0) == is_about_tables(info->kind));
    want(info->kind != MY_STATEMENT_RENAME_TABLE || info->table_count % 2 == 0);
    want(!is_xa || (info->xid && strlen(info->xid) < MY_XID_TEXT));
    touch(info->savepoint);
    for (size_t i = 0; i < info->table_count; i++) {
        want(info->tables[i].table.len || info->tables[i].database.len);
        touch(info->tables[i].database);
        touch(info->tables[i].table);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct my_statement_info info = {.kind = MY_STATEMENT_OTHER};
    struct leat_arena arena;
    struct leat_err err = {.code = 0};
    if (!size)
        return 0;
    uint8_t flags = data[0], *exact = malloc(size); /* so that one byte too many is seen */
    if (!exact)
        abort();
    memcpy(exact, data + 1, size - 1);
    leat_arena_init(&arena, flags & SMALL_ARENA ? flags * 4u : ARENA_MAX);
    int status =
        my_statement_read(leat_slice_of(exact, size - 1), LEAT_SLICE_LITERAL("cur"),
                          flags & ANSI_QUOTES, flags & NO_BACKSLASH_ESCAPES, &arena, &info, &err);
    (void)my_statement_control(leat_slice_of(exact, size - 1));
    free(exact); /* nothing of the answer may lie there */
    want(status == LEAT_OK || (status == LEAT_ELIMIT && err.code == status));
    if (!status)
        check(&info);
    leat_arena_release(&arena);
    return 0;
}
