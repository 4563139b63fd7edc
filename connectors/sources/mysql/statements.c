/*
 * What stands in the log as text: the brackets of transactions, savepoints, XA, DDL, and changes of
 * data that were logged as statements, which cannot be told.
 */
#include "sources/mysql/mysql.h"

#include "sources/mysql/savepoints.h"

#include <leat/log.h>

#include <inttypes.h>
#include <stdio.h>

static bool of_the_system(struct leat_slice database)
{
    static const char *const NAMES[] = {"mysql", "sys", "performance_schema", "percona"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (leat_slice_equal(database, leat_slice_text(NAMES[i])))
            return true;
    return false;
}

/* Does it change tables of ours? MySQL tells the databases; else the session's counts, and what the
 * statement names. What a routine or trigger does elsewhere remains unseen then. */
static bool changes_ours(const struct my_source *s, const struct my_query *q,
                         const struct my_statement_info *info)
{
    const struct leat_filter *f = &s->settings.filter;
    struct leat_reader told = leat_reader_of(q->databases);
    bool ours = false;
    if (info->kind == MY_STATEMENT_CREATE_TABLE)
        return info->table_count &&
               leat_filter_table(f, info->tables[0].database, info->tables[0].table);
    while (leat_reader_left(&told) && !told.bad) {
        struct leat_slice database = leat_reader_text(&told);
        ours |= !of_the_system(database) && leat_filter_schema(f, database);
    }
    if (q->databases.len)
        return ours;
    ours = !of_the_system(q->database) && leat_filter_schema(f, q->database);
    for (size_t i = 0; i < info->table_count && f->tables.count; i++)
        ours |= leat_filter_table(f, info->tables[i].database, info->tables[i].table);
    return ours;
}

/* A change of rows as a statement: which rows it changed cannot be known. */
static int on_data_statement(struct my_source *s, const struct my_query *q,
                             const struct my_statement_info *info, struct leat_err *err)
{
    if (s->transaction.stored || !changes_ours(s, q, info))
        return LEAT_OK;
    if (s->settings.statements == MY_STATEMENTS_WARN) {
        LEAT_WARN("source", s->instance, "statement without rows",
                  LEAT_F_SLICE("database", q->database), LEAT_F_TEXT("file", s->at.file),
                  LEAT_F_INT("position", s->at.position));
        return LEAT_OK;
    }
    leat_fail(err, LEAT_ECONFIG,
              "a data change in database \"%.*s\" was logged as a statement, without its rows, at "
              "%s:%" PRIu64,
              LEAT_SLICE_ARG(q->database), s->at.file, s->at.position);
    leat_err_hint(err,
                  "SET GLOBAL binlog_format = ROW; and see that no session sets another; then "
                  "move behind it with leat offsets set, or set statements: warn, which leaves "
                  "it out of the stream");
    return err->code;
}

/* MySQL 8 logs CREATE TABLE … AS SELECT as a statement that begins a transaction of rows. */
static bool opens_a_body(struct leat_slice statement)
{
    static const char WORDS[] = "START TRANSACTION";
    size_t len = sizeof WORDS - 1;
    return statement.len > len &&
           strncasecmp((const char *)statement.ptr + statement.len - len, WORDS, len) == 0;
}

/* DDL is kept in the group, in its place among rows; alone it is a transaction of its own. */
static int on_ddl(struct my_source *s, const struct my_event_header *h, struct leat_slice body,
                  struct leat_slice statement, bool temporary, struct leat_err *err)
{
    struct my_transaction *t = &s->transaction;
    int status = temporary || t->alter_phase ? LEAT_OK : my_change_keep(s, body, err);
    if (!t->in_body && opens_a_body(statement))
        t->in_body = true;
    else if (!status && !t->in_body)
        status = my_change_decide(s, h, &s->group, NULL, err);
    return status;
}

static int unknown_xid(struct my_source *s, const char *xid, struct leat_err *err)
{
    leat_fail(err, LEAT_ECONFIG,
              "the transaction %s that is committed at %s:%" PRIu64
              " was prepared before this source began to read: its rows are not in the stream",
              xid, s->at.file, s->at.position);
    leat_err_hint(err, "XA RECOVER; before a source begins shows such transactions; set on_gap: "
                       "record to store a gap event for it and go on");
    return err->code;
}

static int on_xa_commit(struct my_source *s, const struct my_event_header *h, const char *xid,
                        struct leat_err *err)
{
    struct my_parked *parked = my_parked_find(s, xid);
    if (parked)
        return my_change_decide(s, h, &parked->group, parked, err);
    if (s->transaction.stored)
        return my_change_done(s, err);
    unknown_xid(s, xid, err);
    if (s->settings.on_gap == LEAT_GAP_STOP)
        return err->code;
    leat_log_err(LEAT_LOG_WARN, "source", s->instance, "gap", err);
    s->gap.found = true;
    snprintf(s->gap.reason, sizeof s->gap.reason, "xa_unknown");
    snprintf(s->gap.text, sizeof s->gap.text, "%.230s", err->text);
    leat_buf_reset(&s->gap.from);
    leat_buf_append_text(&s->gap.from, s->transaction.id);
    leat_buf_reset(&s->gap.to);
    leat_buf_append_text(&s->gap.to, s->transaction.id);
    return my_change_done(s, err);
}

static int on_xa_rollback(struct my_source *s, const char *xid, struct leat_err *err)
{
    s->emission.parked = my_parked_find(s, xid);
    return my_change_done(s, err);
}

/* Undoes what came behind it; it stays, later ones go. */
static int undo_to_savepoint(struct my_source *s, struct leat_slice name, struct leat_err *err)
{
    uint64_t mark;
    int status = my_savepoint_find(&s->savepoints, name, &mark, err);
    return status ? status : my_group_cut(&s->group, mark, err);
}

static int on_control(struct my_source *s, const struct my_event_header *h,
                      const struct my_statement_info *info, struct leat_err *err)
{
    switch (info->kind) {
    case MY_STATEMENT_BEGIN:
        s->transaction.in_body = true;
        return LEAT_OK;
    case MY_STATEMENT_XA_START:
        s->transaction.in_body = true;
        snprintf(s->transaction.xid, sizeof s->transaction.xid, "%s", info->xid);
        return LEAT_OK;
    case MY_STATEMENT_COMMIT:
        return my_change_decide(s, h, &s->group, NULL, err);
    case MY_STATEMENT_ROLLBACK:
        return my_change_drop(s, err);
    case MY_STATEMENT_SAVEPOINT:
        return my_savepoint_set(&s->savepoints, info->savepoint, my_group_mark(&s->group), err);
    case MY_STATEMENT_ROLLBACK_TO:
        return undo_to_savepoint(s, info->savepoint, err);
    case MY_STATEMENT_XA_COMMIT:
        if (info->one_phase)
            return my_change_decide(s, h, &s->group, NULL, err);
        return on_xa_commit(s, h, info->xid, err);
    case MY_STATEMENT_XA_ROLLBACK:
        return on_xa_rollback(s, info->xid, err);
    default:
        return LEAT_OK; /* RELEASE SAVEPOINT, XA END, XA PREPARE: its event follows */
    }
}

/* Where names are kept in lower case a statement has them as its author wrote them. */
static void lower_names(struct my_statement_info *info, struct leat_arena *arena)
{
    for (size_t i = 0; i < 2 * info->table_count; i++) {
        struct my_table_name *names = &info->tables[i / 2];
        struct leat_slice *name = i % 2 ? &names->table : &names->database;
        uint8_t *lower = name->len ? leat_arena_alloc(arena, name->len) : NULL;
        for (size_t k = 0; lower && k < name->len; k++)
            lower[k] =
                name->ptr[k] >= 'A' && name->ptr[k] <= 'Z' ? name->ptr[k] | 0x20 : name->ptr[k];
        if (lower)
            name->ptr = lower;
    }
}

int my_change_statement(struct my_source *s, const struct my_query *q, struct leat_arena *arena,
                        struct leat_slice *ret_text, struct my_statement_info *ret_info,
                        struct leat_err *err)
{
    int status = LEAT_OK;
    int64_t replaced = 0;
    struct my_charset *charset =
        q->client_collation ? my_charset_of(s->charsets, q->client_collation) : NULL;
    *ret_text = q->statement;
    if (charset && !my_charset_is_binary(charset))
        status = my_charset_utf8(charset, q->statement, arena, ret_text, &replaced, err);
    if (!status)
        status = my_statement_read(*ret_text, q->database, q->ansi_quotes, q->no_backslash_escapes,
                                   arena, ret_info, err);
    if (!status && s->server.lower_case_table_names)
        lower_names(ret_info, arena);
    return status;
}

static int on_statement(struct my_source *s, const struct my_event_header *h,
                        struct leat_slice body, const struct my_query *q, struct leat_err *err)
{
    struct my_statement_info info;
    struct leat_slice text;
    int status = my_change_statement(s, q, &s->event_arena, &text, &info, err);
    if (status)
        return status;
    if (info.kind >= MY_STATEMENT_BEGIN && info.kind <= MY_STATEMENT_XA_ROLLBACK)
        return on_control(s, h, &info, err);
    if (info.kind == MY_STATEMENT_DATA || (info.selects_rows && !info.temporary))
        status = on_data_statement(s, q, &info, err);
    if (!status && info.kind != MY_STATEMENT_OTHER && info.kind != MY_STATEMENT_DATA)
        return on_ddl(s, h, body, text, info.temporary, err);
    if (!status && !s->transaction.in_body)
        status = my_change_decide(s, h, &s->group, NULL, err);
    return status;
}

int my_change_query(struct my_source *s, const struct my_event_header *h, struct leat_slice body,
                    bool compressed, struct leat_err *err)
{
    struct my_query q;
    int status = my_event_query(&s->format, body, compressed, &s->event_arena, &q, err);
    if (status)
        return status;
    my_change_begin(s, h);
    if (s->transaction.thread_id < 0)
        s->transaction.thread_id = q.thread_id;
    if (q.error_code)
        LEAT_WARN("source", s->instance, "statement failed half-way at the source",
                  LEAT_F_INT("error", q.error_code), LEAT_F_TEXT("file", s->at.file),
                  LEAT_F_INT("position", s->at.position));
    switch (my_statement_control(q.statement)) {
    case MY_STATEMENT_BEGIN:
        s->transaction.in_body = true;
        return LEAT_OK;
    case MY_STATEMENT_COMMIT:
        return my_change_decide(s, h, &s->group, NULL, err);
    default:
        return on_statement(s, h, body, &q, err);
    }
}

/* LOAD DATA as a statement. */
int my_change_load(struct my_source *s, const struct my_event_header *h, struct leat_slice body,
                   struct leat_err *err)
{
    struct my_query q;
    struct my_statement_info info;
    struct leat_slice text;
    int status = my_event_execute_load(&s->format, body, &q, err);
    if (!status)
        status = my_change_statement(s, &q, &s->event_arena, &text, &info, err);
    my_change_begin(s, h);
    return status ? status : on_data_statement(s, &q, &info, err);
}
