/*
 * The grammar of the log: events become transactions (mysql.md 7.1).
 *
 *     MySQL    GTID ( BEGIN body (XID | COMMIT | ROLLBACK) | XA START body XA END XA_PREPARE
 *                   | one statement | TRANSACTION_PAYLOAD, which holds one of these )
 *     MariaDB  GTID, which begins unless it stands alone; body; XID | COMMIT | ROLLBACK |
 * XA_PREPARE
 *
 * Nothing is emitted before its transaction is decided: rolled-back ones and undone savepoints do
 * stand in the log. Until then events lie in source->group, as bytes.
 */
#include "sources/mysql/mysql.h"

#include <leat/log.h>

#include <inttypes.h>
#include <stdio.h>
#include <zstd.h>

enum { SAVEPOINTS_KEEP = 16 << 10 /* bytes, between transactions */ };

/* --- a transaction begins and ends -------------------------------------------------------------
 */

void my_change_reset(struct my_source *s)
{
    leat_buf_reset(&s->savepoints);
    leat_buf_shrink(&s->savepoints, SAVEPOINTS_KEEP);
    my_group_reset(&s->group);
    my_tables_close(&s->tables);
    leat_buf_reset(&s->fragments);
    s->transaction = (struct my_transaction){.open = false};
    s->emission = (struct my_emission){.group = NULL};
}

/* What a crashed server did not finish is in no table of it. */
static void drop_unfinished(struct my_source *s)
{
    LEAT_WARN("source", s->instance, "transaction without end dropped",
              LEAT_F_TEXT("transaction", s->transaction.id), LEAT_F_TEXT("file", s->at.file),
              LEAT_F_INT("position", s->at.position));
    my_change_reset(s);
}

static void name_by_place(struct my_source *s)
{
    struct my_transaction *t = &s->transaction;
    int n = snprintf(t->id, sizeof t->id, "%s:%" PRIu64, s->at.file, s->at.position);
    if (n >= (int)sizeof t->id) /* a long path: its end tells files apart */
        snprintf(t->id, sizeof t->id, "…%s:%" PRIu64, s->at.file + (n - (int)sizeof t->id + 4),
                 s->at.position);
}

/* All that had to come again has come: from here on all is new. By GTID it is counted, because
 * another server may have it at other places and in another order. */
static void end_replay(struct my_source *s)
{
    if (s->gtid_mode ? s->awaited == 0 : my_place_compare(&s->at, &s->stored_place) >= 0)
        s->replaying = false;
}

static void begin(struct my_source *s, const struct my_event_header *h)
{
    end_replay(s);
    if (s->transaction.open)
        drop_unfinished(s);
    s->transaction = (struct my_transaction){
        .open = true,
        .begin = s->at,
        .server_id = h->server_id,
        .thread_id = -1,
        .stored = !s->gtid_mode && my_place_compare(&s->at, &s->stored_place) < 0,
    };
    name_by_place(s);
}

/* Without GTIDs a transaction begins with its first statement. */
static void begin_if_none(struct my_source *s, const struct my_event_header *h)
{
    if (!s->transaction.open)
        begin(s, h);
}

static int on_gtid(struct my_source *s, const struct my_event_header *h, struct leat_slice body,
                   struct leat_err *err)
{
    struct my_transaction *t = &s->transaction;
    begin(s, h);
    int status = my_event_gtid(h, body, &t->gtid, err);
    if (status)
        return status;
    t->has_gtid = t->gtid.number > 0;
    t->commit_time_us = t->gtid.commit_time_us;
    if (t->has_gtid)
        my_gtid_format(&t->gtid, t->id);
    if (s->gtid_mode)
        t->stored = t->has_gtid && my_gtid_set_contains(&s->gtids.set, &t->gtid);
    s->awaited -= t->stored && s->awaited;
    return LEAT_OK;
}

/* In a domain the log's order counts, and numbers may go back: up to the last one that is stored
 * all are, behind it none is. */
static bool is_stored_in_domain(struct my_source *s, const struct maria_gtid *gtid)
{
    struct maria_gtid_state *state = &s->stored_state;
    const struct maria_gtid_position *last = maria_gtid_state_find(state, gtid->domain);
    if (!s->replaying || !last || !last->sequence)
        return false;
    if (gtid->sequence == last->sequence && gtid->server_id == last->server_id) {
        state->positions[last - state->positions].sequence = 0;
        s->awaited--;
    }
    return true;
}

static int on_maria_gtid(struct my_source *s, const struct my_event_header *h,
                         struct leat_slice body, struct leat_err *err)
{
    struct my_transaction *t = &s->transaction;
    begin(s, h);
    int status = my_event_maria_gtid(h, body, &t->maria, err);
    if (!status && s->torn.file[0]) {
        status = my_torn_missing(s, &t->maria, err); /* the file has no list of GTIDs */
        s->torn.file[0] = '\0';
    }
    if (status)
        return status;
    t->has_gtid = true;
    t->in_body = !(t->maria.flags & MARIA_GTID_STANDALONE);
    t->alter_phase = t->maria.flags_extra & (MARIA_GTID_START_ALTER | MARIA_GTID_ROLLBACK_ALTER);
    snprintf(t->xid, sizeof t->xid, "%s", t->maria.xid);
    maria_gtid_format(&t->maria, t->id);
    if (s->gtid_mode)
        t->stored = is_stored_in_domain(s, &t->maria);
    return LEAT_OK;
}

static int count_gtid(struct my_source *s, struct leat_err *err)
{
    const struct my_transaction *t = &s->transaction;
    if (!t->has_gtid || t->stored || !s->gtids_known)
        return LEAT_OK;
    return s->server.mariadb ? maria_gtid_state_put(&s->gtids.state, &t->maria, err)
                             : my_gtid_set_add(&s->gtids.set, &t->gtid, err);
}

/* The stamp is of the file in which the position is, wherever the dump began. */
static void move_position(struct my_source *s, const struct my_place *to)
{
    struct my_position *p = &s->position;
    if (!p->stamp[0] || strcmp(p->at.file, to->file) != 0)
        my_file_stamp(&s->format, p->stamp);
    p->at = *to;
    s->position_moved = true;
}

void my_change_move(struct my_source *s)
{
    bool ahead = my_place_compare(&s->at, &s->position.at) > 0;
    if (!s->transaction.open && !s->replaying && ahead)
        move_position(s, &s->at);
}

int my_change_done(struct my_source *s, struct leat_err *err)
{
    struct my_transaction *t = &s->transaction;
    int status = count_gtid(s, err);
    if (status)
        return status;
    struct my_place end = s->at;
    end.position = s->event_end;
    if (!t->stored) {
        s->from_head = false;
        move_position(s, &end);
        bool begun = strcmp(s->position.transaction, t->id) == 0;
        if (begun) { /* if not, another server sent another one first */
            s->position.transaction[0] = '\0';
            s->position.rows = 0;
        }
    }
    if (s->parked || s->position.parked)
        my_parked_position(s);
    s->env->stats->transactions++;
    if (t->commit_time_us)
        s->env->stats->last_event_time_us = t->commit_time_us;
    struct my_parked *parked = s->emission.parked;
    my_change_reset(s);
    if (parked)
        my_parked_drop(s, parked);
    s->at.position = s->event_end;
    return LEAT_OK;
}

/* The open transaction is committed: its group, or the one that was prepared under its xid. */
static int decide(struct my_source *s, const struct my_event_header *h, struct my_group *group,
                  struct my_parked *parked, struct leat_err *err)
{
    struct my_transaction *t = &s->transaction;
    if (!t->commit_time_us)
        t->commit_time_us = (int64_t)h->timestamp * 1000000;
    s->emission.parked = parked;
    if (t->stored || my_group_empty(group))
        return my_change_done(s, err);
    return my_emit_begin(s, group, parked, err);
}

static int drop_group(struct my_source *s, struct leat_err *err)
{
    my_group_reset(&s->group);
    return my_change_done(s, err);
}

/* --- savepoints --------------------------------------------------------------------------------
 * Names and marks, oldest first: name, its length u32, mark u64. A log has a SAVEPOINT for each one
 * that a framework sets, by the million in a long import, and says neither that one was released
 * nor that a name is used again; so setting one costs nothing but its bytes, and only the rare
 * ROLLBACK TO looks for one, from the newest back. What it finds is what the server found: of two
 * with a name the newer one.
 */

struct savepoint {
    struct leat_slice name;
    uint64_t mark;
    size_t begin; /* in the buffer */
};

enum { MARK_BYTES = sizeof(uint64_t), SAVEPOINT_FIXED_BYTES = MARK_BYTES + sizeof(uint32_t) };

/* The newest one that ends at `end`. */
static struct savepoint savepoint_before(const struct my_source *s, size_t end)
{
    struct savepoint p;
    uint32_t len;
    const uint8_t *at = s->savepoints.data + end;
    memcpy(&p.mark, at - MARK_BYTES, sizeof p.mark);
    memcpy(&len, at - SAVEPOINT_FIXED_BYTES, sizeof len);
    p.begin = end - SAVEPOINT_FIXED_BYTES - len;
    p.name = leat_slice_of(s->savepoints.data + p.begin, len);
    return p;
}

static int savepoint_set(struct my_source *s, struct leat_slice name, struct leat_err *err)
{
    struct leat_buf *b = &s->savepoints;
    uint32_t len = (uint32_t)name.len;
    uint64_t mark = my_group_mark(&s->group);
    struct savepoint newest = b->len ? savepoint_before(s, b->len) : (struct savepoint){.mark = 0};
    if (b->len && leat_slice_equal(newest.name, name)) /* the same again, as in a loop */
        b->len = newest.begin;
    leat_buf_append(b, name);
    leat_buf_append(b, leat_slice_of(&len, sizeof len));
    leat_buf_append(b, leat_slice_of(&mark, sizeof mark));
    return b->full ? leat_fail(err, LEAT_ELIMIT,
                               "a transaction has more than %zu MiB of savepoints", b->max >> 20)
                   : LEAT_OK;
}

/* Undoes what came behind it; it stays, later ones go. */
static int savepoint_undo(struct my_source *s, struct leat_slice name, struct leat_err *err)
{
    struct leat_buf *b = &s->savepoints;
    while (b->len) {
        struct savepoint newest = savepoint_before(s, b->len);
        if (leat_slice_equal(newest.name, name))
            return my_group_cut(&s->group, newest.mark, err);
        b->len = newest.begin;
    }
    return leat_fail(err, LEAT_EPROTO, "the log undoes a savepoint \"%.*s\" that it did not set",
                     LEAT_SLICE_ARG(name));
}

/* --- statements --------------------------------------------------------------------------------
 */

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

static int keep(struct my_source *s, struct leat_slice body, struct leat_err *err)
{
    if (s->transaction.stored && !s->transaction.xid[0]) /* a prepared one may be needed again */
        return LEAT_OK;
    struct leat_slice whole =
        leat_slice_of(body.ptr - MY_EVENT_HEADER_BYTES, body.len + MY_EVENT_HEADER_BYTES);
    return my_group_append(&s->group, s->at.position, whole, err);
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
    int status = temporary || t->alter_phase ? LEAT_OK : keep(s, body, err);
    if (!t->in_body && opens_a_body(statement))
        t->in_body = true;
    else if (!status && !t->in_body)
        status = decide(s, h, &s->group, NULL, err);
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
        return decide(s, h, &parked->group, parked, err);
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
        return decide(s, h, &s->group, NULL, err);
    case MY_STATEMENT_ROLLBACK:
        return drop_group(s, err);
    case MY_STATEMENT_SAVEPOINT:
        return savepoint_set(s, info->savepoint, err);
    case MY_STATEMENT_ROLLBACK_TO:
        return savepoint_undo(s, info->savepoint, err);
    case MY_STATEMENT_XA_COMMIT:
        if (info->one_phase)
            return decide(s, h, &s->group, NULL, err);
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
        status = decide(s, h, &s->group, NULL, err);
    return status;
}

static int on_query(struct my_source *s, const struct my_event_header *h, struct leat_slice body,
                    bool compressed, struct leat_err *err)
{
    struct my_query q;
    int status = my_event_query(&s->format, body, compressed, &s->event_arena, &q, err);
    if (status)
        return status;
    begin_if_none(s, h);
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
        return decide(s, h, &s->group, NULL, err);
    default:
        return on_statement(s, h, body, &q, err);
    }
}

/* LOAD DATA as a statement. */
static int on_load(struct my_source *s, const struct my_event_header *h, struct leat_slice body,
                   struct leat_err *err)
{
    struct my_query q;
    struct my_statement_info info;
    struct leat_slice text;
    int status = my_event_execute_load(&s->format, body, &q, err);
    if (!status)
        status = my_change_statement(s, &q, &s->event_arena, &text, &info, err);
    begin_if_none(s, h);
    return status ? status : on_data_statement(s, &q, &info, err);
}

/* --- what a transaction is made of -------------------------------------------------------------
 */

static int on_rows(struct my_source *s, const struct my_event_header *h, struct leat_slice body,
                   struct leat_err *err)
{
    if (!s->transaction.open || !s->transaction.in_body)
        return leat_fail(err, LEAT_EPROTO, "%s outside of a transaction", my_event_name(h->type));
    return keep(s, body, err);
}

static int on_xa_prepare(struct my_source *s, const struct my_event_header *h,
                         struct leat_slice body, struct leat_err *err)
{
    struct my_xa_prepare prepare;
    int status = my_event_xa_prepare(body, &prepare, err);
    if (status)
        return status;
    begin_if_none(s, h);
    if (prepare.one_phase)
        return decide(s, h, &s->group, NULL, err);
    snprintf(s->transaction.xid, sizeof s->transaction.xid, "%s", prepare.xid);
    status = my_park(s, err);
    return status ? status : my_change_done(s, err);
}

/* A rows event in pieces: together they are one event. */
static int on_fragment(struct my_source *s, struct leat_slice body, struct leat_err *err)
{
    struct my_row_fragment fragment;
    struct my_event_header inner;
    struct leat_slice inner_body;
    int status = my_event_row_fragment(body, &fragment, err);
    if (status)
        return status;
    if (fragment.number == 1)
        leat_buf_reset(&s->fragments);
    leat_buf_append(&s->fragments, fragment.bytes);
    if (s->fragments.full)
        return leat_fail(err, LEAT_ELIMIT, "an event in %" PRIu32 " pieces is longer than row_max",
                         fragment.total);
    if (fragment.number < fragment.total)
        return LEAT_OK;
    status = my_event_open_inner(leat_buf_slice(&s->fragments), &inner, &inner_body, err);
    return status ? status : on_rows(s, &inner, inner_body, err);
}

static int on_incident(struct my_source *s, struct leat_slice body, struct leat_err *err)
{
    struct my_incident incident;
    int status = my_event_incident(body, &incident, err);
    if (status)
        return status;
    leat_fail(err, LEAT_ECONFIG,
              "the server lost events of its log at %s:%" PRIu64 ": incident %u, %.*s", s->at.file,
              s->at.position, incident.number, LEAT_SLICE_ARG(incident.message));
    leat_err_hint(err,
                  "what was lost is in no log: compare the tables, then move behind that place "
                  "with leat offsets set");
    return err->code;
}

static int on_unknown(struct my_source *s, const struct my_event_header *h, struct leat_err *err)
{
    if (h->flags & MY_EVENT_IGNORABLE)
        return LEAT_OK;
    leat_fail(err, LEAT_ECONFIG,
              "an event of type %u at %s:%" PRIu64 " is not known and may not be passed over",
              h->type, s->at.file, s->at.position);
    leat_err_hint(err, "this server is newer than leat; upgrade leat");
    return err->code;
}

/* The head of a file says which GTIDs lie before it. That is news for an offset without any, which
 * somebody set by hand, or which is from before the server's first transaction. */
static int on_gtids_before(struct my_source *s, const struct my_event_header *h,
                           struct leat_slice body, struct leat_err *err)
{
    struct my_gtid_set before = {.sids = NULL};
    uint32_t count = 0;
    int status = h->type == MARIA_GTID_LIST_EVENT ? my_torn_prove(s, body, err) : LEAT_OK;
    if (status || s->gtids_known || s->gtid_mode || my_place_compare(&s->at, &s->stored_place) < 0)
        return status;
    if (h->type == MY_PREVIOUS_GTIDS_EVENT) {
        status = my_gtid_set_decode(body, &before, err);
        if (!status)
            status = my_gtid_set_merge(&s->gtids.set, &before, err);
        my_gtid_set_release(&before);
    } else {
        status = my_event_maria_gtid_list(body, &count, err);
    }
    for (uint32_t i = 0; !status && i < count; i++) {
        struct maria_gtid last = my_event_maria_gtid_at(body, i);
        status = maria_gtid_state_put(&s->gtids.state, &last, err);
    }
    s->gtids_known = !status;
    return status;
}

static int on_payload(struct my_source *s, struct leat_slice body, struct leat_err *err);

/* Events of transactions, also those inside a payload. */
static int on_event(struct my_source *s, const struct my_event_header *h, struct leat_slice body,
                    struct leat_err *err)
{
    if (my_event_is_rows(h->type))
        return on_rows(s, h, body, err);
    switch (h->type) {
    case MY_TABLE_MAP_EVENT:
        return on_rows(s, h, body, err);
    case MY_QUERY_EVENT:
    case MARIA_QUERY_COMPRESSED_EVENT:
        return on_query(s, h, body, h->type == MARIA_QUERY_COMPRESSED_EVENT, err);
    case MY_XID_EVENT:
        return decide(s, h, &s->group, NULL, err);
    case MY_GTID_EVENT:
    case MY_ANONYMOUS_GTID_EVENT:
    case MY_GTID_TAGGED_EVENT:
        return on_gtid(s, h, body, err);
    case MARIA_GTID_EVENT:
        return on_maria_gtid(s, h, body, err);
    case MY_XA_PREPARE_EVENT:
        return on_xa_prepare(s, h, body, err);
    case MY_TRANSACTION_PAYLOAD_EVENT:
        return on_payload(s, body, err);
    case MARIA_PARTIAL_ROW_DATA_EVENT:
        return on_fragment(s, body, err);
    case MY_EXECUTE_LOAD_EVENT:
        return on_load(s, h, body, err);
    case MY_INCIDENT_EVENT:
        return on_incident(s, body, err);
    case MY_PREVIOUS_GTIDS_EVENT:
    case MARIA_GTID_LIST_EVENT:
        return on_gtids_before(s, h, body, err);
    case MY_STOP_EVENT:
    case MY_INTVAR_EVENT:
    case MY_RAND_EVENT:
    case MY_USER_VAR_EVENT:
    case MY_LOAD_EVENT_FIRST:
    case MY_LOAD_EVENT_FIRST + 2:
    case MY_BEGIN_LOAD_EVENT:
    case MY_IGNORABLE_EVENT:
    case MY_ROWS_QUERY_EVENT:
    case MY_TRANSACTION_CONTEXT_EVENT:
    case MY_VIEW_CHANGE_EVENT:
    case MARIA_ANNOTATE_ROWS_EVENT:
    case MARIA_BINLOG_CHECKPOINT_EVENT:
    case MARIA_START_ENCRYPTION_EVENT:
        return LEAT_OK;
    default:
        return on_unknown(s, h, err);
    }
}

/* --- compressed transactions -------------------------------------------------------------------
 * Inflated as a stream: what the header says of the size is a hint, and tens of GiB fit into one.
 */

enum { INFLATE_BYTES = 128 << 10, WINDOW_LOG_MAX = 27 };

/* Takes whole events from the front of `room`. */
static int inner_events(struct my_source *s, struct leat_buf *room, struct leat_err *err)
{
    size_t at = 0;
    int status = LEAT_OK;
    while (!status && room->len - at >= MY_EVENT_HEADER_BYTES) {
        struct my_event_header h;
        struct leat_slice body;
        uint32_t size;
        memcpy(&size, room->data + at + 9, sizeof size);
        if (size < MY_EVENT_HEADER_BYTES)
            return leat_fail(err, LEAT_EPROTO, "an event inside a payload has %" PRIu32 " bytes",
                             size);
        if (room->len - at < size)
            break;
        status = my_event_open_inner(leat_slice_of(room->data + at, size), &h, &body, err);
        if (!status && h.type == MY_TRANSACTION_PAYLOAD_EVENT)
            return leat_fail(err, LEAT_EPROTO, "a payload is inside a payload");
        leat_arena_reset(&s->event_arena);
        if (!status)
            status = on_event(s, &h, body, err);
        at += size;
    }
    memmove(room->data, room->data + at, room->len - at);
    room->len -= at;
    return status;
}

static int inflate(struct my_source *s, ZSTD_DStream *stream, struct leat_slice payload,
                   struct leat_buf *room, struct leat_err *err)
{
    ZSTD_inBuffer in = {payload.ptr, payload.len, 0};
    size_t left = 1;
    int status = LEAT_OK;
    while (!status && (in.pos < in.size || left)) {
        if (!leat_buf_reserve(room, INFLATE_BYTES))
            return leat_fail(err, LEAT_ELIMIT,
                             "an event in a compressed transaction is longer "
                             "than row_max");
        ZSTD_outBuffer out = {room->data + room->len, INFLATE_BYTES, 0};
        size_t in_before = in.pos;
        left = ZSTD_decompressStream(stream, &out, &in);
        if (ZSTD_isError(left))
            return leat_fail(err, LEAT_EPROTO, "a compressed transaction is broken: %s",
                             ZSTD_getErrorName(left));
        if (!out.pos && in.pos == in_before)
            return leat_fail(err, LEAT_EPROTO, "a compressed transaction is cut");
        room->len += out.pos;
        status = inner_events(s, room, err);
    }
    if (!status && room->len)
        status = leat_fail(err, LEAT_EPROTO, "a compressed transaction ends inside an event");
    return status;
}

static int on_payload(struct my_source *s, struct leat_slice body, struct leat_err *err)
{
    struct my_payload payload;
    struct leat_buf room;
    int status = my_event_payload(body, &payload, err);
    bool known = s->transaction.stored && !s->replaying; /* else it may be a prepared one */
    if (status || known)
        return status ? status : my_change_done(s, err);
    if (payload.compression != 0 && payload.compression != 255)
        return leat_fail(err, LEAT_ECONFIG,
                         "a transaction is compressed in a way that is not known: %" PRIu64,
                         payload.compression);
    leat_buf_init(&room, (size_t)s->settings.row_bytes_max + INFLATE_BYTES);
    if (payload.compression == 255) {
        leat_buf_append(&room, payload.payload);
        status = room.full ? leat_fail(err, LEAT_ELIMIT, "a payload is longer than row_max")
                           : inner_events(s, &room, err);
    } else {
        ZSTD_DStream *stream = ZSTD_createDStream();
        status = stream ? LEAT_OK : leat_fail(err, LEAT_ERETRY, "out of memory for a payload");
        if (!status) {
            ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
            status = inflate(s, stream, payload.payload, &room, err);
        }
        ZSTD_freeDStream(stream);
    }
    leat_buf_release(&room);
    if (!status && s->transaction.open && !s->emission.group)
        status = leat_fail(err, LEAT_EPROTO, "a compressed transaction has no end");
    return status;
}

/* --- files and positions -----------------------------------------------------------------------
 */

/* A new file begins, or the dump. A real ROTATE only ends the old one. */
static int on_rotate(struct my_source *s, const struct my_event_header *h, struct leat_slice body,
                     struct leat_err *err)
{
    struct my_rotate rotate;
    int status = my_event_rotate(body, &rotate, err);
    if (status || !(h->flags & MY_EVENT_ARTIFICIAL))
        return status;
    if (rotate.file.len >= sizeof s->at.file || memchr(rotate.file.ptr, ' ', rotate.file.len))
        return leat_fail(err, LEAT_ECONFIG,
                         "a log file is called \"%.*s\": too long, or with blanks",
                         LEAT_SLICE_ARG(rotate.file));
    if (s->transaction.open)
        drop_unfinished(s);
    snprintf(s->at.file, sizeof s->at.file, "%.*s", LEAT_SLICE_ARG(rotate.file));
    s->at.position = s->event_end = rotate.position;
    s->format.known = false; /* its own description follows; the checksum's kind holds until then */
    return LEAT_OK;
}

static int on_format(struct my_source *s, const struct my_event_header *h, struct leat_slice body,
                     struct leat_err *err)
{
    int status = my_event_format(h, body, &s->format, err);
    if (status)
        return status;
    if (!s->format_checked)
        return my_resume_format(s, err);
    end_replay(s);
    if (!s->torn.file[0])  /* else what is missing in front of this file would be passed over */
        my_change_move(s); /* by GTID set a dump may begin at an older file */
    return LEAT_OK;
}

/* The server has nothing for us up to there: so has the store. */
static int on_heartbeat(struct my_source *s, const struct my_event_header *h,
                        struct leat_slice body, struct leat_err *err)
{
    struct my_rotate beat;
    int status = my_event_heartbeat(h, body, &beat, err);
    if (status || s->transaction.open || !s->format_checked)
        return status;
    if (s->server.mariadb && s->replaying && s->awaited) /* the log is at its end */
        return my_resume_rewound(s, err);
    if (!leat_slice_equal(beat.file, leat_slice_text(s->at.file)))
        return LEAT_OK;
    uint64_t position = beat.position;
    if (h->type == MY_HEARTBEAT_EVENT && h->log_pos) /* 32 bits of it; else the body has them all */
        position |= s->at.position & ~(uint64_t)UINT32_MAX;
    struct my_place end = s->at;
    end.position = position;
    if (my_place_compare(&end, &s->position.at) <= 0 || s->replaying)
        return LEAT_OK;
    s->at.position = s->event_end = position;
    move_position(s, &s->at);
    return LEAT_OK;
}

static bool is_mysql_gtid(uint8_t type)
{
    return type == MY_GTID_EVENT || type == MY_ANONYMOUS_GTID_EVENT || type == MY_GTID_TAGGED_EVENT;
}

/* The position behind an event, in 64 bits: the log tells 32. By GTID the server passes over what
 * we have, without a word about how far that is: our own position says so. */
static int locate(struct my_source *s, const struct my_event_header *h, struct leat_err *err)
{
    if (s->far && (h->type == MARIA_GTID_EVENT || is_mysql_gtid(h->type))) {
        s->far = false;
        s->at.position = s->position.at.position;
    }
    uint64_t from = s->at.position, end = (from & ~(uint64_t)UINT32_MAX) | h->log_pos;
    bool heartbeat = h->type == MY_HEARTBEAT_EVENT || h->type == MY_HEARTBEAT_V2_EVENT;
    s->event_end = from;
    if (!h->log_pos || (h->flags & MY_EVENT_ARTIFICIAL) || heartbeat) /* not of the file */
        return LEAT_OK;
    if (end < from && from - end > UINT32_MAX / 2)
        end += (uint64_t)UINT32_MAX + 1;
    if (end < from || end < h->size)
        return leat_fail(err, LEAT_EPROTO,
                         "an event ends at %" PRIu64 ", before its place %" PRIu64 " in %s", end,
                         from, s->at.file);
    if (!s->server.mariadb && !s->gtid_mode && end - h->size != from)
        return leat_fail(err, LEAT_EPROTO,
                         "events are missing in %s between %" PRIu64 " and %" PRIu64, s->at.file,
                         from, end - h->size);
    s->at.position = end - h->size;
    s->event_end = end;
    return LEAT_OK;
}

int my_change(struct my_source *s, struct leat_slice event, struct leat_err *err)
{
    struct my_event_header h;
    struct leat_slice body;
    int status = my_event_open(&s->format, event, &h, &body, err);
    leat_arena_reset(&s->event_arena);
    s->env->stats->received_messages++;
    if (!status)
        status = locate(s, &h, err);
    if (status)
        return status;
    switch (h.type) {
    case MY_ROTATE_EVENT:
        status = on_rotate(s, &h, body, err);
        break;
    case MY_FORMAT_EVENT:
        status = on_format(s, &h, body, err);
        break;
    case MY_HEARTBEAT_EVENT:
    case MY_HEARTBEAT_V2_EVENT:
        status = on_heartbeat(s, &h, body, err);
        break;
    default:
        status = on_event(s, &h, body, err);
    }
    if (status == LEAT_OK && !s->emission.group)
        s->at.position = s->event_end;
    return status;
}
