/*
 * Reading a statement as far as its tables. The servers' grammars have thousands of rules; what is
 * wanted of them is which tables a statement touches, and that needs its first words, then names,
 * then, for ALTER TABLE alone, a glance at each of its comma-separated parts.
 *
 *   1. What begins as a DDL about tables and is then not as expected is DDL_UNKNOWN, without
 *      tables: the caller then knows that it does not know. Nothing here is an error but a full
 *      arena.
 *   2. Words are compared only where keywords can stand; a quoted name is never a keyword.
 *   3. A decision about a prepared transaction is never lost: XA COMMIT with an id that cannot be
 *      read is XA COMMIT of "", which nothing is parked under.
 *
 * Not done: temporary tables that a session made earlier, and which an ALTER or DROP without the
 * word TEMPORARY means. In a row log they do not occur.
 */
#include "sources/mysql/ddl.h"

#include "sources/mysql/binlog_body.h"
#include "sources/mysql/ddl_token.h"

enum { FIRST_TABLES = 4, XID_FORMAT_DEFAULT = 1 };

/* A statement that is being read. `status` sticks: nothing is done after it is set. */
struct parser {
    struct my_lexer lexer;
    struct leat_arena *arena;
    struct leat_slice database; /* where names have none */
    struct my_statement_info *info;
    size_t table_capacity;
    bool not_understood;
    int status;
    struct leat_err *err;
};

/* --- words -------------------------------------------------------------------------------------
 */

static void next(struct parser *p)
{
    my_lexer_next(&p->lexer);
}

static bool is(const struct parser *p, const char *word)
{
    return my_token_is(&p->lexer.token, word);
}

static bool is_sign(const struct parser *p, char sign)
{
    return p->lexer.token.kind == MY_TOKEN_SIGN && p->lexer.token.quote == (uint8_t)sign;
}

static bool take(struct parser *p, const char *word)
{
    bool there = is(p, word);
    if (there)
        next(p);
    return there;
}

static bool take_sign(struct parser *p, char sign)
{
    bool there = is_sign(p, sign);
    if (there)
        next(p);
    return there;
}

static bool at_end(const struct parser *p)
{
    return p->lexer.token.kind == MY_TOKEN_END || is_sign(p, ';');
}

static void expect(struct parser *p, const char *word)
{
    if (!take(p, word))
        p->not_understood = true;
}

/* IF EXISTS, IF NOT EXISTS */
static void skip_if(struct parser *p)
{
    if (take(p, "IF")) {
        take(p, "NOT");
        expect(p, "EXISTS");
    }
}

/* MariaDB: WAIT seconds, NOWAIT */
static void skip_wait(struct parser *p)
{
    if (take(p, "WAIT"))
        next(p);
    else
        take(p, "NOWAIT");
}

/* --- names -------------------------------------------------------------------------------------
 */

static struct leat_slice name(struct parser *p)
{
    struct leat_slice text = {NULL, 0};
    enum my_token_kind kind = p->lexer.token.kind;
    if (kind != MY_TOKEN_WORD && kind != MY_TOKEN_NAME)
        p->not_understood = true;
    else if (!p->status)
        p->status = my_token_text(&p->lexer, p->arena, &text, p->err);
    if (!text.len)
        p->not_understood = true;
    next(p);
    return text;
}

static void add(struct parser *p, struct leat_slice database, struct leat_slice table)
{
    struct my_statement_info *info = p->info;
    if (p->status || p->not_understood)
        return;
    if (info->table_count == p->table_capacity) {
        size_t capacity = p->table_capacity ? 2 * p->table_capacity : FIRST_TABLES;
        struct my_table_name *tables = leat_arena_zeroed(p->arena, capacity, sizeof *tables);
        if (!tables) {
            p->status = leat_fail(p->err, LEAT_ELIMIT, "a statement names too many tables");
            return;
        }
        if (info->table_count)
            memcpy(tables, info->tables, info->table_count * sizeof *tables);
        info->tables = tables;
        p->table_capacity = capacity;
    }
    info->tables[info->table_count++] = (struct my_table_name){database, table};
}

/* [database.]table, or .table */
static void add_table(struct parser *p)
{
    struct leat_slice database = p->database;
    bool dotted = take_sign(p, '.');
    struct leat_slice table = name(p);
    if (!dotted && take_sign(p, '.')) {
        database = table;
        table = name(p);
    }
    add(p, database, table);
}

static void add_database(struct parser *p)
{
    add(p, name(p), leat_slice_of(NULL, 0));
}

/* Behind a list of tables there may be a word or two, and nothing else. */
static void end_of_list(struct parser *p)
{
    skip_wait(p);
    if (!take(p, "RESTRICT"))
        take(p, "CASCADE");
    if (!at_end(p))
        p->not_understood = true;
}

/* --- transactions ------------------------------------------------------------------------------
 */

static void read_begin(struct parser *p)
{
    take(p, "WORK");
    p->info->kind = at_end(p) ? MY_STATEMENT_BEGIN : MY_STATEMENT_OTHER;
}

static void read_start(struct parser *p)
{
    p->info->kind = is(p, "TRANSACTION") ? MY_STATEMENT_BEGIN : MY_STATEMENT_OTHER;
}

/* Servers compare them without case. */
static void read_savepoint(struct parser *p, enum my_statement kind)
{
    struct leat_slice text = name(p);
    uint8_t *lower = text.len ? leat_arena_alloc(p->arena, text.len) : NULL;
    p->info->kind = kind;
    if (!lower) {
        if (text.len && !p->status)
            p->status = leat_fail(p->err, LEAT_ELIMIT, "a savepoint's name is too long");
        return;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
    }
    p->info->savepoint = leat_slice_of(lower, text.len);
}

static void read_rollback(struct parser *p)
{
    take(p, "WORK");
    if (!take(p, "TO")) {
        p->info->kind = MY_STATEMENT_ROLLBACK;
        return;
    }
    take(p, "SAVEPOINT");
    read_savepoint(p, MY_STATEMENT_ROLLBACK_TO);
}

static void read_release(struct parser *p)
{
    if (take(p, "SAVEPOINT"))
        read_savepoint(p, MY_STATEMENT_RELEASE);
}

/* --- xid ---------------------------------------------------------------------------------------
 */

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_bytes(struct leat_slice digits, uint8_t *ret_bytes, size_t *ret_len)
{
    if (digits.len % 2 || digits.len > 2 * MY_XID_PART_MAX)
        return false;
    for (size_t i = 0; i < digits.len; i += 2) {
        int high = hex_value(digits.ptr[i]), low = hex_value(digits.ptr[i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_bytes[i / 2] = (uint8_t)(high << 4 | low);
    }
    *ret_len = digits.len / 2;
    return true;
}

/* X'6162', 0x6162, or 'ab' */
static bool take_xid_part(struct parser *p, uint8_t *ret_bytes, size_t *ret_len)
{
    const struct my_token *t = &p->lexer.token;
    struct leat_slice text = t->text;
    bool good = false;
    if (t->kind == MY_TOKEN_HEX) {
        good = hex_bytes(text, ret_bytes, ret_len);
    } else if (t->kind == MY_TOKEN_WORD && text.len > 2 && text.ptr[0] == '0' &&
               (text.ptr[1] == 'x' || text.ptr[1] == 'X')) {
        good = hex_bytes(leat_slice_of(text.ptr + 2, text.len - 2), ret_bytes, ret_len);
    } else if (t->kind == MY_TOKEN_STRING && !p->status) {
        p->status = my_token_text(&p->lexer, p->arena, &text, p->err);
        good = !p->status && text.len <= MY_XID_PART_MAX;
        if (good && text.len)
            memcpy(ret_bytes, text.ptr, text.len);
        *ret_len = text.len;
    }
    next(p);
    return good;
}

static bool take_number(struct parser *p, uint32_t *ret_number)
{
    struct leat_slice text = p->lexer.token.text;
    uint64_t n = 0;
    bool good = p->lexer.token.kind == MY_TOKEN_WORD && text.len <= 19;
    for (size_t i = 0; good && i < text.len; i++) {
        good = text.ptr[i] >= '0' && text.ptr[i] <= '9';
        n = n * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *ret_number = (uint32_t)n; /* as the events have it */
    next(p);
    return good;
}

/* gtrid [, bqual [, format]] */
static void read_xid(struct parser *p, enum my_statement kind)
{
    uint8_t gtrid[MY_XID_PART_MAX], bqual[MY_XID_PART_MAX];
    size_t gtrid_len = 0, bqual_len = 0;
    uint32_t format = XID_FORMAT_DEFAULT;
    bool good = take_xid_part(p, gtrid, &gtrid_len);
    if (good && take_sign(p, ','))
        good = take_xid_part(p, bqual, &bqual_len);
    if (good && take_sign(p, ','))
        good = take_number(p, &format);
    p->info->kind = kind;
    p->info->one_phase = take(p, "ONE") && is(p, "PHASE");
    p->info->xid = "";
    if (!good || p->status)
        return;
    char *text = leat_arena_alloc(p->arena, MY_XID_TEXT);
    if (!text) {
        p->status = leat_fail(p->err, LEAT_ELIMIT, "no room for an XA transaction's id");
        return;
    }
    my_xid_format(leat_slice_of(gtrid, gtrid_len), leat_slice_of(bqual, bqual_len), format, text);
    p->info->xid = text;
}

static void read_xa(struct parser *p)
{
    if (take(p, "START") || take(p, "BEGIN"))
        read_xid(p, MY_STATEMENT_XA_START);
    else if (take(p, "END"))
        read_xid(p, MY_STATEMENT_XA_END);
    else if (take(p, "PREPARE"))
        read_xid(p, MY_STATEMENT_XA_PREPARE);
    else if (take(p, "COMMIT"))
        read_xid(p, MY_STATEMENT_XA_COMMIT);
    else if (take(p, "ROLLBACK"))
        read_xid(p, MY_STATEMENT_XA_ROLLBACK);
}

/* --- CREATE, ALTER, DROP -----------------------------------------------------------------------
 */

/* The words between the verb and what it is about. Views, routines and the like have others. */
static void skip_adjectives(struct parser *p, bool *ret_ignore)
{
    static const char *const WORDS[] = {"OR",       "REPLACE", "ONLINE", "OFFLINE", "UNIQUE",
                                        "FULLTEXT", "SPATIAL", "VECTOR", "GLOBAL",  "EXTERNAL"};
    for (bool more = true; more;) {
        more = false;
        if (take(p, "TEMPORARY"))
            more = p->info->temporary = true;
        if (take(p, "IGNORE"))
            more = *ret_ignore = true;
        for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
            more |= take(p, WORDS[i]);
    }
}

static bool take_database_word(struct parser *p)
{
    return take(p, "DATABASE") || take(p, "SCHEMA");
}

/* name [USING …] ON table: an index is a part of its table. */
static void read_index(struct parser *p)
{
    p->info->kind = MY_STATEMENT_ALTER_TABLE;
    skip_if(p);
    while (!is(p, "ON") && !at_end(p) && p->lexer.token.kind != MY_TOKEN_BAD)
        next(p);
    expect(p, "ON");
    add_table(p);
}

static void read_create(struct parser *p)
{
    bool ignore = false;
    skip_adjectives(p, &ignore);
    if (take(p, "TABLE")) {
        p->info->kind = MY_STATEMENT_CREATE_TABLE;
        skip_if(p);
        add_table(p);
        while (!is(p, "SELECT") && p->lexer.token.kind > MY_TOKEN_BAD)
            next(p);
        p->info->selects_rows = is(p, "SELECT");
    } else if (take(p, "INDEX")) {
        read_index(p);
    } else if (take_database_word(p)) {
        p->info->kind = MY_STATEMENT_CREATE_DATABASE;
        skip_if(p);
        add_database(p);
    }
}

static void read_drop(struct parser *p)
{
    bool ignore = false;
    skip_adjectives(p, &ignore);
    if (take(p, "TABLE") || take(p, "TABLES")) {
        p->info->kind = MY_STATEMENT_DROP_TABLE;
        skip_if(p);
        do
            add_table(p);
        while (take_sign(p, ','));
        end_of_list(p);
    } else if (take(p, "INDEX")) {
        read_index(p);
    } else if (take_database_word(p)) {
        p->info->kind = MY_STATEMENT_DROP_DATABASE;
        skip_if(p);
        add_database(p);
    }
}

static void read_rename(struct parser *p)
{
    if (!take(p, "TABLE") && !take(p, "TABLES"))
        return;
    p->info->kind = MY_STATEMENT_RENAME_TABLE;
    skip_if(p);
    do {
        add_table(p);
        skip_wait(p);
        expect(p, "TO");
        add_table(p);
    } while (!p->not_understood && take_sign(p, ','));
    end_of_list(p);
}

static void read_truncate(struct parser *p)
{
    p->info->kind = MY_STATEMENT_TRUNCATE;
    take(p, "TABLE");
    add_table(p);
    end_of_list(p);
}

/* The name is optional: the default database's options change without one. */
static void read_alter_database(struct parser *p)
{
    static const char *const OPTIONS[] = {"DEFAULT", "CHARACTER",  "CHARSET", "COLLATE",
                                          "COMMENT", "ENCRYPTION", "READ"};
    p->info->kind = MY_STATEMENT_ALTER_DATABASE;
    bool named = true;
    for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; i++)
        named &= !is(p, OPTIONS[i]);
    if (named)
        add_database(p);
    else
        add(p, p->database, leat_slice_of(NULL, 0));
}

/* To the next comma outside of parentheses, or the end. */
static void skip_part(struct parser *p)
{
    for (int depth = 0; p->lexer.token.kind != MY_TOKEN_END; next(p)) {
        if (p->lexer.token.kind == MY_TOKEN_BAD) {
            p->not_understood = true;
            return;
        }
        if (depth == 0 && is_sign(p, ','))
            return;
        depth += is_sign(p, '(');
        depth -= depth > 0 && is_sign(p, ')');
    }
}

/* RENAME [TO | AS | =] table; but not of a column or an index. */
static void read_part_rename(struct parser *p)
{
    if (is(p, "COLUMN") || is(p, "INDEX") || is(p, "KEY"))
        return;
    if (!take(p, "TO") && !take(p, "AS"))
        take_sign(p, '=');
    add_table(p);
}

/* The partitions' names, up to a word. */
static void skip_to(struct parser *p, const char *word)
{
    while (!is(p, word) && !at_end(p) && p->lexer.token.kind != MY_TOKEN_BAD)
        next(p);
    expect(p, word);
}

/* EXCHANGE PARTITION p WITH TABLE t; MariaDB: CONVERT PARTITION p TO TABLE t, CONVERT TABLE t TO
 * PARTITION p …: rows change tables, and no event says so. */
static void read_part_swap(struct parser *p)
{
    p->info->discards_rows = true;
    if (!take(p, "TABLE"))
        skip_to(p, "TABLE");
    add_table(p);
}

/* One of the comma-separated parts of ALTER TABLE: is another table in it, do rows go? */
static void read_part(struct parser *p, bool ignore)
{
    struct my_statement_info *info = p->info;
    if (take(p, "RENAME"))
        read_part_rename(p);
    else if (take(p, "DROP") || take(p, "TRUNCATE"))
        info->discards_rows |= is(p, "PARTITION");
    else if (take(p, "DISCARD") || take(p, "IMPORT"))
        info->discards_rows |= is(p, "PARTITION") || is(p, "TABLESPACE");
    else if (take(p, "EXCHANGE") || take(p, "CONVERT")) {
        if (is(p, "PARTITION") || is(p, "TABLE"))
            read_part_swap(p);
    } else if (take(p, "ADD") && ignore) {
        if (take(p, "CONSTRAINT") && !is(p, "UNIQUE") && !is(p, "PRIMARY"))
            next(p);
        info->discards_rows |= is(p, "UNIQUE") || is(p, "PRIMARY"); /* double rows go silently */
    }
}

static void read_alter(struct parser *p)
{
    bool ignore = false;
    skip_adjectives(p, &ignore);
    if (take_database_word(p)) {
        read_alter_database(p);
        return;
    }
    if (!take(p, "TABLE"))
        return;
    p->info->kind = MY_STATEMENT_ALTER_TABLE;
    skip_if(p);
    add_table(p);
    skip_wait(p);
    do {
        read_part(p, ignore);
        skip_part(p);
    } while (!p->not_understood && take_sign(p, ','));
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static bool is_name(const struct parser *p)
{
    return p->lexer.token.kind == MY_TOKEN_WORD || p->lexer.token.kind == MY_TOKEN_NAME;
}

/* Whatever looks like database.table; a table.column among them does no harm. */
static void read_data(struct parser *p)
{
    p->info->kind = MY_STATEMENT_DATA;
    while (p->lexer.token.kind > MY_TOKEN_BAD && !p->status) {
        if (!is_name(p)) {
            next(p);
            continue;
        }
        struct leat_slice database = name(p);
        bool number = database.len && database.ptr[0] >= '0' && database.ptr[0] <= '9';
        if (take_sign(p, '.') && is_name(p) && !number)
            add(p, database, name(p));
    }
}

static void read_load(struct parser *p)
{
    if (!is(p, "INDEX"))
        read_data(p);
}

static void read_savepoint_set(struct parser *p)
{
    read_savepoint(p, MY_STATEMENT_SAVEPOINT);
}

static void read_commit(struct parser *p)
{
    p->info->kind = MY_STATEMENT_COMMIT;
}

/* IMPORT TABLE FROM files: tables and rows appear, and which is in the files. */
static void read_import(struct parser *p)
{
    if (is(p, "TABLE"))
        p->info->kind = MY_STATEMENT_DDL_UNKNOWN;
}

static const struct verb {
    const char *word;
    void (*read)(struct parser *p);
} VERBS[] = {
    {"INSERT", read_data},
    {"UPDATE", read_data},
    {"DELETE", read_data},
    {"REPLACE", read_data},
    {"BEGIN", read_begin},
    {"COMMIT", read_commit},
    {"ROLLBACK", read_rollback},
    {"SAVEPOINT", read_savepoint_set},
    {"RELEASE", read_release},
    {"START", read_start},
    {"XA", read_xa},
    {"CREATE", read_create},
    {"ALTER", read_alter},
    {"DROP", read_drop},
    {"RENAME", read_rename},
    {"TRUNCATE", read_truncate},
    {"IMPORT", read_import},
    {"LOAD", read_load},
    {"CALL", read_data},
    {"WITH", read_data},
    {"SELECT", read_data},
    {"DO", read_data},
};

/* MariaDB: SET STATEMENT variable = expression, … FOR. False: it is another SET. */
static bool skip_set_statement(struct parser *p)
{
    next(p);
    if (!take(p, "STATEMENT"))
        return false;
    for (int depth = 0; depth || !is(p, "FOR"); next(p)) {
        if (p->lexer.token.kind == MY_TOKEN_END || p->lexer.token.kind == MY_TOKEN_BAD)
            return false;
        depth += is_sign(p, '(');
        depth -= depth > 0 && is_sign(p, ')');
    }
    next(p);
    return true;
}

static void read_statement(struct parser *p)
{
    next(p);
    while (is(p, "SET"))
        if (!skip_set_statement(p))
            return;
    while (take_sign(p, '('))
        ;
    for (size_t i = 0; i < sizeof VERBS / sizeof *VERBS; i++)
        if (take(p, VERBS[i].word)) {
            VERBS[i].read(p);
            return;
        }
}

static bool is_about_tables(enum my_statement kind)
{
    return kind >= MY_STATEMENT_CREATE_TABLE && kind <= MY_STATEMENT_DROP_DATABASE;
}

int my_statement_read(struct leat_slice statement, struct leat_slice database, bool ansi_quotes,
                      bool no_backslash_escapes, struct leat_arena *arena,
                      struct my_statement_info *ret, struct leat_err *err)
{
    struct my_statement_info info = {.kind = MY_STATEMENT_OTHER};
    struct parser p = {.arena = arena, .info = &info, .err = err};
    p.database = leat_arena_copy(arena, database);
    if (database.len && !p.database.len)
        return leat_fail(err, LEAT_ELIMIT, "no room for a database's name");
    my_lexer_init(&p.lexer, statement, ansi_quotes, no_backslash_escapes);
    read_statement(&p);
    if (p.status)
        return p.status;
    if (p.not_understood && is_about_tables(info.kind))
        info = (struct my_statement_info){.kind = MY_STATEMENT_DDL_UNKNOWN,
                                          .temporary = info.temporary};
    *ret = info;
    return LEAT_OK;
}

enum my_statement my_statement_control(struct leat_slice statement)
{
    if (statement.len == 5 && memcmp(statement.ptr, "BEGIN", 5) == 0)
        return MY_STATEMENT_BEGIN;
    if (statement.len == 6 && memcmp(statement.ptr, "COMMIT", 6) == 0)
        return MY_STATEMENT_COMMIT;
    return MY_STATEMENT_OTHER;
}
