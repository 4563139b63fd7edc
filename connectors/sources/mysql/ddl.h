/*
 * What a logged statement is about: enough to know transaction control from DDL from data changes,
 * and which tables a DDL touches. It is no parser: what it cannot understand it says so, and that
 * is never fatal (mysql.md 6.5, 6.6, 7.1).
 *
 * Input is UTF-8 (the caller converts). Comments are skipped, executable comments are entered,
 * SET STATEMENT … FOR is stripped.
 *
 * Ownership: names live in the arena. Threads: pure.
 */
#ifndef MYSQL_DDL_H
#define MYSQL_DDL_H

#include <leat/arena.h>
#include <leat/err.h>

enum my_statement {
    MY_STATEMENT_OTHER, /* grants, routines, views, ANALYZE … : of no concern */
    MY_STATEMENT_BEGIN,
    MY_STATEMENT_COMMIT,
    MY_STATEMENT_ROLLBACK,
    MY_STATEMENT_SAVEPOINT,   /* name in `savepoint` */
    MY_STATEMENT_ROLLBACK_TO, /* name in `savepoint` */
    MY_STATEMENT_RELEASE,     /* RELEASE SAVEPOINT */
    MY_STATEMENT_XA_START,    /* xid in `xid`, in the form of struct my_xa_prepare */
    MY_STATEMENT_XA_END,
    MY_STATEMENT_XA_PREPARE,
    MY_STATEMENT_XA_COMMIT,
    MY_STATEMENT_XA_ROLLBACK,
    MY_STATEMENT_CREATE_TABLE, /* also … LIKE, … AS SELECT */
    MY_STATEMENT_ALTER_TABLE,  /* also CREATE and DROP INDEX */
    MY_STATEMENT_DROP_TABLE,
    MY_STATEMENT_RENAME_TABLE, /* tables in pairs: old, new, old, new … */
    MY_STATEMENT_TRUNCATE,
    MY_STATEMENT_CREATE_DATABASE,
    MY_STATEMENT_ALTER_DATABASE,
    MY_STATEMENT_DROP_DATABASE,
    MY_STATEMENT_DATA,        /* INSERT, UPDATE, LOAD … : a data change logged as a statement;
                                 tables: those that it names with their database, and aliases */
    MY_STATEMENT_DDL_UNKNOWN, /* begins as a DDL about tables, then not understood */
};

struct my_table_name {
    struct leat_slice database; /* the event's where the statement has none */
    struct leat_slice table;    /* empty: the database itself */
};

struct my_statement_info {
    enum my_statement kind;
    bool temporary;     /* a TEMPORARY table: of no concern */
    bool discards_rows; /* ALTER … DROP|TRUNCATE|EXCHANGE|… PARTITION, DISCARD|IMPORT TABLESPACE */
    bool selects_rows;  /* CREATE TABLE … SELECT, which a log of rows does not have */
    bool one_phase;     /* XA COMMIT … ONE PHASE */
    struct leat_slice savepoint; /* ASCII in lower case: servers compare them without case */
    const char *xid;             /* of XA statements never NULL; "": it could not be read */
    struct my_table_name *tables;
    size_t table_count;
};

/* LEAT_ELIMIT: the arena is full. Any text is fine. `database` is the event's. */
int my_statement_read(struct leat_slice statement, struct leat_slice database, bool ansi_quotes,
                      bool no_backslash_escapes, struct leat_arena *arena,
                      struct my_statement_info *ret, struct leat_err *err) LEAT_MUST_CHECK;

/* The quick question of the hot path: exactly BEGIN or COMMIT, as servers write them. */
enum my_statement my_statement_control(struct leat_slice statement); /* OTHER: read it properly */

#endif
