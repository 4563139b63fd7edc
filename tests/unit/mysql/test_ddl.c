/*
 * Statements as servers log them, and what must be read in each: kind, marks, tables. The event's
 * database is "cur". Then what no server logs: any prefix of any of them, any byte of them changed,
 * an arena that is full at any moment.
 */
#include "sources/mysql/ddl.h"

#include "sources/mysql/binlog_event.h"

#include <leat/buf.h>

#include "unit/outcome.h"

enum { ARENA_MAX = 1 << 20 };

static const char *const KINDS[] = {
    [MY_STATEMENT_OTHER] = "other",
    [MY_STATEMENT_BEGIN] = "begin",
    [MY_STATEMENT_COMMIT] = "commit",
    [MY_STATEMENT_ROLLBACK] = "rollback",
    [MY_STATEMENT_SAVEPOINT] = "savepoint",
    [MY_STATEMENT_ROLLBACK_TO] = "rollback to",
    [MY_STATEMENT_RELEASE] = "release",
    [MY_STATEMENT_XA_START] = "xa start",
    [MY_STATEMENT_XA_END] = "xa end",
    [MY_STATEMENT_XA_PREPARE] = "xa prepare",
    [MY_STATEMENT_XA_COMMIT] = "xa commit",
    [MY_STATEMENT_XA_ROLLBACK] = "xa rollback",
    [MY_STATEMENT_CREATE_TABLE] = "create",
    [MY_STATEMENT_ALTER_TABLE] = "alter",
    [MY_STATEMENT_DROP_TABLE] = "drop",
    [MY_STATEMENT_RENAME_TABLE] = "rename",
    [MY_STATEMENT_TRUNCATE] = "truncate",
    [MY_STATEMENT_CREATE_DATABASE] = "create database",
    [MY_STATEMENT_ALTER_DATABASE] = "alter database",
    [MY_STATEMENT_DROP_DATABASE] = "drop database",
    [MY_STATEMENT_DATA] = "data",
    [MY_STATEMENT_DDL_UNKNOWN] = "unknown",
};

struct statement {
    const char *text, *shown;
};

/* --- as written, under the usual sql_mode ------------------------------------------------------
 */

static const struct statement USUAL[] = {
    /* transactions */
    {"BEGIN", "begin"},
    {"begin", "begin"},
    {" Begin Work ; ", "begin"},
    {"/* application */ BEGIN", "begin"},
    {"BEGIN NOT ATOMIC INSERT INTO t VALUES (1); END", "other"},
    {"START TRANSACTION", "begin"},
    {"start transaction with consistent snapshot", "begin"},
    {"START SLAVE", "other"},
    {"COMMIT", "commit"},
    {"commit work", "commit"},
    {"COMMIT AND NO CHAIN", "commit"},
    {"ROLLBACK", "rollback"},
    {"rollback work", "rollback"},
    {"SAVEPOINT `a b`", "savepoint {a b}"},
    {"SAVEPOINT sp", "savepoint {sp}"},
    {"SAVEPOINT `Sp1`", "savepoint {sp1}"},
    {"savepoint `a``b`", "savepoint {a`b}"},
    {"SAVEPOINT `\xc3\x84`", "savepoint {\xc3\x84}"},
    {"ROLLBACK TO `a b`", "rollback to {a b}"},
    {"ROLLBACK TO SP1", "rollback to {sp1}"},
    {"rollback work to savepoint `x`", "rollback to {x}"},
    {"RELEASE SAVEPOINT `x`", "release {x}"},
    {"ROLLBACK TO", "rollback to {}"},

    /* XA, in the three forms of a literal */
    {"XA START X'6731',X'6231',7", "xa start X'6731',X'6231',7"},
    {"XA BEGIN X'6731',X'',1", "xa start X'6731',X'',1"},
    {"XA END X'6731',X'6231',7", "xa end X'6731',X'6231',7"},
    {"XA PREPARE X'6731',X'6231',7", "xa prepare X'6731',X'6231',7"},
    {"XA COMMIT X'6731',X'6231',7", "xa commit X'6731',X'6231',7"},
    {"XA ROLLBACK X'6731',X'6231',7", "xa rollback X'6731',X'6231',7"},
    {"XA COMMIT X'6731',X'6231',7 ONE PHASE", "xa commit X'6731',X'6231',7 one phase"},
    {"xa commit 'g1' , 'b1' , 7 one phase", "xa commit X'6731',X'6231',7 one phase"},
    {"XA START 'g1'", "xa start X'6731',X'',1"},
    {"XA START 'g1','b1'", "xa start X'6731',X'6231',1"},
    {"XA START \"g1\",\"b1\"", "xa start X'6731',X'6231',1"},
    {"XA START 0x6731,0x6231,7", "xa start X'6731',X'6231',7"},
    {"XA START 0X00fF,x'AbCd'", "xa start X'00ff',X'abcd',1"},
    {"XA START 'it''s','\\'\\n'", "xa start X'69742773',X'270a',1"},
    {"XA START '',''", "xa start X'',X'',1"},
    {"XA START X'6731' RESUME", "xa start X'6731',X'',1"},
    {"XA END X'6731' SUSPEND FOR MIGRATE", "xa end X'6731',X'',1"},
    {"XA START 'g',X'',4294967295", "xa start X'67',X'',4294967295"},
    {"XA START 'g',X'',4294967296", "xa start X'67',X'',0"}, /* the event has 32 bits of it */
    {"XA RECOVER", "other"},
    {"XA COMMIT X'673'", "xa commit ?"},
    {"XA COMMIT X'67zz'", "xa commit ?"},
    {"XA COMMIT ", "xa commit ?"},
    {"XA COMMIT gtrid", "xa commit ?"},
    {"XA COMMIT 'g',", "xa commit ?"},
    {"XA COMMIT 'g','b',x", "xa commit ?"},
    {"XA COMMIT '0123456789012345678901234567890123456789012345678901234567890123'",
     "xa commit X'30313233343536373839303132333435363738393031323334353637383930313233343536373839"
     "303132333435363738393031323334353637383930313233',X'',1"},
    {"XA COMMIT '01234567890123456789012345678901234567890123456789012345678901234'",
     "xa commit ?"},

    /* data as statements */
    {"INSERT INTO t VALUES (1)", "data"},
    {"insert into t select * from create_table", "data"},
    {"REPLACE INTO t VALUES (1)", "data"},
    {"UPDATE t SET a = 1", "data"},
    {"DELETE FROM t", "data"},
    {"DELETE HISTORY FROM t", "data"},
    {"LOAD DATA INFILE 'x' INTO TABLE t", "data"},
    {"LOAD XML INFILE 'x' INTO TABLE t", "data"},
    {"LOAD INDEX INTO CACHE t", "other"},
    {"CALL p()", "data"},
    {"WITH c AS (SELECT 1) UPDATE t SET a = 1", "data"},
    {"SELECT `d`.`f`(1)", "data d.f"},
    {"(SELECT 1)", "data"},
    {"DO f()", "data"},
    {"SET STATEMENT max_statement_time = 1 FOR INSERT INTO t VALUES (1)", "data"},
    {"/*!50000 insert */ into t values (1)", "data"},

    /* CREATE TABLE */
    {"CREATE TABLE t (id INT)", "create cur.t"},
    {"create table t(id int)", "create cur.t"},
    {"CREATE TABLE d.t (id INT)", "create d.t"},
    {"CREATE TABLE `d`.`t` (id INT)", "create d.t"},
    {"CREATE TABLE `d` . `t` (id INT)", "create d.t"},
    {"CREATE TABLE .t (id INT)", "create cur.t"},
    {"CREATE TABLE IF NOT EXISTS t (id INT)", "create cur.t"},
    {"CREATE OR REPLACE TABLE t (id INT)", "create cur.t"},
    {"CREATE TABLE a LIKE b", "create cur.a"},
    {"CREATE TABLE a (LIKE d.b)", "create cur.a"},
    {"CREATE TABLE d.a AS SELECT * FROM b", "create d.a"},
    {"CREATE TABLE `s` (\n  `id` int(11) NOT NULL\n)", "create cur.s"},
    {"CREATE TABLE `s` (`id` int NOT NULL) START TRANSACTION", "create cur.s"},
    {"CREATE TABLE t SELECT 1", "create cur.t"},
    {"CREATE TABLE `a``b`.`c.d` (id INT)", "create a`b.c.d"},
    {"CREATE TABLE 1st.2nd (id INT)", "create 1st.2nd"},
    {"CREATE TABLE \xe8\xa1\xa8.\xd1\x82 (id INT)", "create \xe8\xa1\xa8.\xd1\x82"},
    {"CREATE TABLE a$b_c9 (id INT)", "create cur.a$b_c9"},
    {"CREATE TABLE `select` (id INT)", "create cur.select"},
    {"CREATE TABLE `if` (id INT)", "create cur.if"},
    {"CREATE TEMPORARY TABLE t (id INT)", "create temporary cur.t"},
    {"CREATE OR REPLACE TEMPORARY TABLE d.t (id INT)", "create temporary d.t"},
    {"CREATE /*!40005 TEMPORARY */ TABLE t (id INT)", "create temporary cur.t"},
    {"CREATE TABLE t (c VARCHAR(20) DEFAULT 'a;b', d INT COMMENT 'it''s') -- end", "create cur.t"},
    {"CREATE TABLE \"t\" (id INT)", "unknown"},
    {"CREATE TABLE", "unknown"},
    {"CREATE TABLE `t", "unknown"},
    {"CREATE TABLE d.", "unknown"},
    {"CREATE TABLE `` (id INT)", "unknown"},
    {"CREATE TABLE IF t (id INT)", "unknown"},
    {"CREATE TABLE 't' (id INT)", "unknown"},

    /* ALTER TABLE */
    {"ALTER TABLE t ADD COLUMN c INT", "alter cur.t"},
    {"ALTER TABLE d.t ADD c INT, DROP d, MODIFY e INT", "alter d.t"},
    {"ALTER ONLINE TABLE t ADD c INT", "alter cur.t"},
    {"ALTER IGNORE TABLE t ADD c INT", "alter cur.t"},
    {"ALTER IGNORE TABLE t ADD UNIQUE (c)", "alter discards cur.t"},
    {"ALTER IGNORE TABLE t ADD c INT, ADD CONSTRAINT u UNIQUE (c)", "alter discards cur.t"},
    {"ALTER ONLINE IGNORE TABLE t ADD CONSTRAINT PRIMARY KEY (c)", "alter discards cur.t"},
    {"ALTER TABLE t ADD UNIQUE (c)", "alter cur.t"},
    {"ALTER TABLE IF EXISTS t NOWAIT ADD c INT", "alter cur.t"},
    {"ALTER TABLE t WAIT 10 ADD c INT", "alter cur.t"},
    {"ALTER TABLE t RENAME TO u", "alter cur.t cur.u"},
    {"ALTER TABLE t RENAME u", "alter cur.t cur.u"},
    {"ALTER TABLE t RENAME AS d.u", "alter cur.t d.u"},
    {"ALTER TABLE t RENAME = u", "alter cur.t cur.u"},
    {"ALTER TABLE a.t ADD c INT, RENAME TO b.u, ADD d INT", "alter a.t b.u"},
    {"ALTER TABLE t RENAME COLUMN a TO b", "alter cur.t"},
    {"ALTER TABLE t RENAME INDEX a TO b", "alter cur.t"},
    {"ALTER TABLE t RENAME KEY a TO b", "alter cur.t"},
    {"ALTER TABLE t RENAME `column`", "alter cur.t cur.column"},
    {"ALTER TABLE t ADD (a INT, rename_me INT, `rename` INT), ADD b INT", "alter cur.t"},
    {"ALTER TABLE t COMMENT = 'x, rename to y'", "alter cur.t"},
    {"ALTER TABLE t ADD e ENUM('(', ')', ',rename to u')", "alter cur.t"},
    {"ALTER TABLE t ADD c INT /* , rename to u */", "alter cur.t"},
    {"ALTER TABLE t ADD c INT -- , rename to u", "alter cur.t"},
    {"ALTER TABLE t ADD c INT # , rename to u", "alter cur.t"},
    {"ALTER TABLE t ADD c INT --, rename to u", "alter cur.t cur.u"},
    {"ALTER TABLE t ADD c INT /*!50000 , rename to u */", "alter cur.t cur.u"},
    {"ALTER TABLE t ADD c INT /*M!100100 , rename to u */", "alter cur.t cur.u"},
    {"ALTER TABLE t ADD c INT COMMENT 'a\\', rename to u'", "alter cur.t"},
    {"ALTER TABLE t DROP PARTITION p1, p2", "alter discards cur.t"},
    {"ALTER TABLE t TRUNCATE PARTITION ALL", "alter discards cur.t"},
    {"ALTER TABLE t EXCHANGE PARTITION p WITH TABLE d.u", "alter discards cur.t d.u"},
    {"ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u WITHOUT VALIDATION",
     "alter discards cur.t cur.u"},
    {"ALTER TABLE t DISCARD TABLESPACE", "alter discards cur.t"},
    {"ALTER TABLE t IMPORT TABLESPACE", "alter discards cur.t"},
    {"ALTER TABLE t DISCARD PARTITION p TABLESPACE", "alter discards cur.t"},
    {"ALTER TABLE t IMPORT PARTITION p TABLESPACE", "alter discards cur.t"},
    {"ALTER TABLE t CONVERT PARTITION p TO TABLE u", "alter discards cur.t cur.u"},
    {"ALTER TABLE t CONVERT TABLE u TO PARTITION p VALUES LESS THAN (5)",
     "alter discards cur.t cur.u"},
    {"ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4", "alter cur.t"},
    {"ALTER TABLE t REORGANIZE PARTITION p INTO (PARTITION a VALUES LESS THAN (5))", "alter cur.t"},
    {"ALTER TABLE t ADD PARTITION (PARTITION a VALUES LESS THAN (5))", "alter cur.t"},
    {"ALTER TABLE t COALESCE PARTITION 2", "alter cur.t"},
    {"ALTER TABLE t REMOVE PARTITIONING", "alter cur.t"},
    {"ALTER TABLE t PARTITION BY HASH (id) PARTITIONS 4", "alter cur.t"},
    {"ALTER TABLE t DROP FOREIGN KEY f", "alter cur.t"},
    {"ALTER TABLE t DROP `partition`", "alter cur.t"},
    {"ALTER TABLE t ORDER BY a, exchange", "alter cur.t"},
    {"ALTER TABLE t ENGINE = InnoDB", "alter cur.t"},
    {"ALTER TABLE t", "alter cur.t"},
    {"ALTER TABLE t RENAME", "unknown"},
    {"ALTER TABLE t RENAME TO", "unknown"},
    {"ALTER TABLE t EXCHANGE PARTITION p", "unknown"},
    {"ALTER TABLE t COMMENT 'x", "unknown"},
    {"ALTER TABLE t ADD c INT /* not closed", "unknown"},
    {"/* hi */ alter /* c */ table /*!50000 `i` */ add column c int", "alter cur.i"},
    {"set statement max_statement_time=100 for alter table t add c int", "alter cur.t"},
    {"SET STATEMENT a=1, b=(SELECT substring('x' FROM 1 FOR 1)) FOR ALTER TABLE d.t ADD c INT",
     "alter d.t"},
    {"SET STATEMENT a='FOR' FOR SET STATEMENT b=2 FOR ALTER TABLE t ADD c INT", "alter cur.t"},

    /* indexes are parts of their tables */
    {"CREATE INDEX i ON t (a)", "alter cur.t"},
    {"CREATE UNIQUE INDEX i ON d.t (a)", "alter d.t"},
    {"CREATE FULLTEXT INDEX i ON t (a)", "alter cur.t"},
    {"CREATE SPATIAL INDEX i ON t (a)", "alter cur.t"},
    {"CREATE VECTOR INDEX i ON t (a)", "alter cur.t"},
    {"CREATE OR REPLACE UNIQUE INDEX IF NOT EXISTS i USING BTREE ON t (a)", "alter cur.t"},
    {"CREATE INDEX `on` ON `on` (a)", "alter cur.on"},
    {"DROP INDEX i ON t", "alter cur.t"},
    {"DROP INDEX IF EXISTS `i` ON `d`.`t` ALGORITHM = INPLACE", "alter d.t"},
    {"DROP INDEX i", "unknown"},

    /* DROP TABLE */
    {"DROP TABLE t", "drop cur.t"},
    {"DROP TABLES a, d.b", "drop cur.a d.b"},
    {"DROP TABLE `cs`,`cl` /* generated by server */", "drop cur.cs cur.cl"},
    {"DROP TABLE IF EXISTS `d`.`t` /* generated by server */", "drop d.t"},
    {"DROP TABLE IF EXISTS a, b, c, d, e, f", "drop cur.a cur.b cur.c cur.d cur.e cur.f"},
    {"DROP TABLE t CASCADE", "drop cur.t"},
    {"DROP TABLE a, b RESTRICT", "drop cur.a cur.b"},
    {"DROP TABLE t NOWAIT", "drop cur.t"},
    {"DROP TABLE t WAIT 5 CASCADE;", "drop cur.t"},
    {"DROP TEMPORARY TABLE t", "drop temporary cur.t"},
    {"DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `t`", "drop temporary cur.t"},
    {"DROP TEMPORARY TABLE IF EXISTS `d`.`a`,`d`.`b` /* generated by server */",
     "drop temporary d.a d.b"},
    {"DROP TABLE t u", "unknown"},
    {"DROP TABLE a,", "unknown"},
    {"DROP TABLE a b, c", "unknown"},
    {"DROP TEMPORARY TABLE", "unknown temporary"},

    /* RENAME TABLE */
    {"RENAME TABLE a TO b", "rename cur.a cur.b"},
    {"RENAME TABLES a TO b, c TO d", "rename cur.a cur.b cur.c cur.d"},
    {"RENAME TABLE a TO tmp, b TO a, tmp TO b", "rename cur.a cur.tmp cur.b cur.a cur.tmp cur.b"},
    {"rename table x.a to y.b, `y`.`c` to c", "rename x.a y.b y.c cur.c"},
    {"RENAME TABLE IF EXISTS a WAIT 5 TO b, c NOWAIT TO d", "rename cur.a cur.b cur.c cur.d"},
    {"RENAME TABLE `t` TO `_t_del`, `_t_gho` TO `t`", "rename cur.t cur._t_del cur._t_gho cur.t"},
    {"RENAME TABLE `to` TO `b`", "rename cur.to cur.b"},
    {"RENAME TABLE a", "unknown"},
    {"RENAME TABLE a TO", "unknown"},
    {"RENAME TABLE a b", "unknown"},
    {"RENAME TABLE a TO b c", "unknown"},
    {"RENAME USER a TO b", "other"},

    /* TRUNCATE */
    {"TRUNCATE TABLE t", "truncate cur.t"},
    {"TRUNCATE d.t", "truncate d.t"},
    {"truncate `t`", "truncate cur.t"},
    {"TRUNCATE TABLE t WAIT 3", "truncate cur.t"},
    {"TRUNCATE TABLE `m`.`t` /* generated by server, implicitly emptying in-memory table */",
     "truncate m.t"},
    {"TRUNCATE", "unknown"},

    /* databases */
    {"CREATE DATABASE d", "create database d"},
    {"CREATE SCHEMA IF NOT EXISTS `d` CHARACTER SET utf8mb4", "create database d"},
    {"CREATE OR REPLACE DATABASE d", "create database d"},
    {"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `d` /*!40100 DEFAULT CHARACTER SET latin1 */",
     "create database d"},
    {"ALTER DATABASE d CHARACTER SET utf8mb4", "alter database d"},
    {"ALTER SCHEMA `d` COLLATE utf8mb4_bin", "alter database d"},
    {"ALTER DATABASE CHARACTER SET utf8mb4", "alter database cur"},
    {"ALTER DATABASE DEFAULT COLLATE = utf8mb4_bin", "alter database cur"},
    {"ALTER DATABASE `#mysql50#a-b` UPGRADE DATA DIRECTORY NAME", "alter database #mysql50#a-b"},
    {"DROP DATABASE d", "drop database d"},
    {"DROP SCHEMA IF EXISTS `d`", "drop database d"},
    {"DROP DATABASE", "unknown"},

    /* of no concern */
    {"", "other"},
    {"   ", "other"},
    {"# Dummy event replacing event type 160 that slave cannot handle.", "other"},
    {"-- nothing", "other"},
    {"/* not closed", "other"},
    {"CREATE VIEW v AS SELECT * FROM t", "other"},
    {"CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW `v` AS "
     "select 1",
     "other"},
    {"CREATE DEFINER=`root`@`localhost` TRIGGER tr AFTER INSERT ON t FOR EACH ROW DROP TABLE x",
     "other"},
    {"CREATE DEFINER=`root`@`localhost` PROCEDURE p() BEGIN TRUNCATE TABLE t; END", "other"},
    {"CREATE FUNCTION f() RETURNS INT RETURN 1", "other"},
    {"CREATE AGGREGATE FUNCTION f RETURNS INT SONAME 'x'", "other"},
    {"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO TRUNCATE TABLE t", "other"},
    {"CREATE USER u IDENTIFIED BY 'x'", "other"},
    {"CREATE ROLE r", "other"},
    {"CREATE SEQUENCE s", "other"},
    {"CREATE TEMPORARY SEQUENCE s", "other temporary"},
    {"CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')", "other"},
    {"CREATE SPATIAL REFERENCE SYSTEM 4120 NAME 'x'", "other"},
    {"CREATE TABLESPACE ts ADD DATAFILE 'x'", "other"},
    {"ALTER VIEW v AS SELECT 1", "other"},
    {"ALTER USER u IDENTIFIED BY 'x'", "other"},
    {"ALTER INSTANCE ROTATE INNODB MASTER KEY", "other"},
    {"ALTER SEQUENCE s RESTART 1", "other"},
    {"DROP VIEW v", "other"},
    {"DROP TRIGGER tr", "other"},
    {"DROP SEQUENCE s", "other"},
    {"GRANT ALL ON *.* TO u", "other"},
    {"ANALYZE TABLE t", "other"},
    {"OPTIMIZE TABLE t", "other"},
    {"REPAIR TABLE t", "other"},
    {"FLUSH TABLES", "other"},
    {"SET PASSWORD FOR 'u'@'%' = 'x'", "other"},
    {"SET STATEMENT a = 1", "other"},
    {"SET @x = 'DROP TABLE t'", "other"},
    {"IMPORT TABLE FROM 'x.sdi'", "unknown"},
    {"CREATED TABLE t", "other"},
    {"`CREATE` TABLE t", "other"},
};

/* --- under other modes -------------------------------------------------------------------------
 */

static const struct statement ANSI_QUOTES[] = {
    {"CREATE TABLE \"d\".\"t\" (id INT)", "create d.t"},
    {"CREATE TABLE \"a\"\"b\" (id INT)", "create cur.a\"b"},
    {"DROP TABLE \"a\",\"d\".\"b\" /* generated by server */", "drop cur.a d.b"},
    {"ALTER TABLE \"t\" RENAME TO \"u\"", "alter cur.t cur.u"},
    {"ALTER TABLE t ADD \"x, rename to y\" INT", "alter cur.t"},
    {"ALTER TABLE t ADD \"a\\\" INT, RENAME TO u", "alter cur.t cur.u"},
    {"SAVEPOINT \"Sp\"", "savepoint {sp}"},
    {"CREATE TABLE `t` (id INT)", "create cur.t"},
};

static const struct statement NO_BACKSLASH_ESCAPES[] = {
    {"ALTER TABLE t COMMENT 'a\\', RENAME TO u", "alter cur.t cur.u"},
    {"ALTER TABLE t COMMENT 'a\\'', rename to u'", "alter cur.t"},
    {"XA START '\\n'", "xa start X'5c6e',X'',1"},
};

/* --- the printer -------------------------------------------------------------------------------
 */

static void show(struct leat_buf *out, const struct my_statement_info *info)
{
    leat_buf_append_text(out, KINDS[info->kind]);
    if (info->temporary)
        leat_buf_append_text(out, " temporary");
    if (info->discards_rows)
        leat_buf_append_text(out, " discards");
    if (info->kind >= MY_STATEMENT_SAVEPOINT && info->kind <= MY_STATEMENT_RELEASE)
        leat_buf_format(out, " {%.*s}", LEAT_SLICE_ARG(info->savepoint));
    if (info->kind >= MY_STATEMENT_XA_START && info->kind <= MY_STATEMENT_XA_ROLLBACK)
        leat_buf_format(out, " %s", info->xid[0] ? info->xid : "?");
    if (info->one_phase)
        leat_buf_append_text(out, " one phase");
    for (size_t i = 0; i < info->table_count; i++) {
        const struct my_table_name *t = &info->tables[i];
        leat_buf_format(out, " %.*s", LEAT_SLICE_ARG(t->database));
        if (t->table.len)
            leat_buf_format(out, ".%.*s", LEAT_SLICE_ARG(t->table));
    }
}

/* From exactly as many bytes as there are, gone before the answer is looked at: it owns its names.
 */
static int read_copy(struct leat_slice text, bool ansi_quotes, bool no_escapes,
                     struct leat_arena *arena, struct my_statement_info *ret_info)
{
    uint8_t *copy = malloc(text.len ? text.len : 1), *database = malloc(3);
    assert_true(copy && database);
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    memcpy(database, "cur", 3);
    int status = my_statement_read(leat_slice_of(copy, text.len), leat_slice_of(database, 3),
                                   ansi_quotes, no_escapes, arena, ret_info, &err);
    free(copy);
    free(database);
    return status;
}

static void check_all(const struct statement *all, size_t count, bool ansi_quotes, bool no_escapes)
{
    struct leat_arena arena;
    struct leat_buf out;
    leat_arena_init(&arena, ARENA_MAX);
    leat_buf_init(&out, 4096);
    for (size_t i = 0; i < count; i++) {
        struct my_statement_info info;
        leat_arena_reset(&arena);
        leat_buf_reset(&out);
        ok(read_copy(leat_slice_text(all[i].text), ansi_quotes, no_escapes, &arena, &info));
        show(&out, &info);
        if (strcmp(leat_buf_text(&out), all[i].shown) != 0)
            fail_msg("%s\n  is read as: %s\n  not as:     %s", all[i].text, leat_buf_text(&out),
                     all[i].shown);
    }
    leat_buf_release(&out);
    leat_arena_release(&arena);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void statement__is_read_as_it_is_meant(void **state)
{
    (void)state;
    check_all(USUAL, COUNT(USUAL), false, false);
}

static void statement__double_quotes_name_things_under_ansi_quotes(void **state)
{
    (void)state;
    check_all(ANSI_QUOTES, COUNT(ANSI_QUOTES), true, false);
}

static void statement__a_backslash_may_be_a_letter(void **state)
{
    (void)state;
    check_all(NO_BACKSLASH_ESCAPES, COUNT(NO_BACKSLASH_ESCAPES), false, true);
}

/* With blanks, comments and SET STATEMENT around: the same. Statements
 * whose quoted parts would change, or whose last comment swallows what is added, stay out. */
static void statement__dress_does_not_matter(void **state)
{
    static const struct {
        const char *before, *after;
    } DRESSES[] = {
        {"", " ;"},
        {"\n\t ", "\n"},
        {"/* a */ ", " /* b */"},
        {"-- a\n", ""},
        {"# a\n", ""},
        {"/*! ", " */"},
        {"/*!50700 ", " */"},
        {"/*!100100 ", " */"},
        {"/*M!100100 ", " */"},
        {"SET STATEMENT max_statement_time = 1 FOR ", ""},
    };
    struct leat_arena arena;
    struct leat_buf dressed;
    char text[1024];
    (void)state;
    leat_arena_init(&arena, ARENA_MAX);
    leat_buf_init(&dressed, 4096);
    for (size_t i = 0; i < COUNT(USUAL); i++) {
        struct my_statement_info info;
        const char *s = USUAL[i].text;
        if (!*s || strstr(s, "--") || strstr(s, "#") || strstr(s, "/*") || strchr(s, ';') ||
            strstr(USUAL[i].shown, "unknown"))
            continue;
        for (size_t d = 0; d < COUNT(DRESSES); d++) {
            leat_buf_reset(&dressed);
            leat_arena_reset(&arena);
            snprintf(text, sizeof text, "%s%s%s", DRESSES[d].before, s, DRESSES[d].after);
            ok(read_copy(leat_slice_text(text), false, false, &arena, &info));
            show(&dressed, &info);
            if (strcmp(leat_buf_text(&dressed), USUAL[i].shown) != 0)
                fail_msg("%s\n  is read as: %s\n  not as:     %s", text, leat_buf_text(&dressed),
                         USUAL[i].shown);
        }
    }
    leat_buf_release(&dressed);
    leat_arena_release(&arena);
}

/* --- what no server logs -----------------------------------------------------------------------
 */

static void assert_whole(const struct my_statement_info *info)
{
    assert_true(info->kind <= MY_STATEMENT_DDL_UNKNOWN);
    assert_true(info->kind != MY_STATEMENT_DDL_UNKNOWN || info->table_count == 0);
    assert_true(info->kind != MY_STATEMENT_RENAME_TABLE || info->table_count % 2 == 0);
    assert_true(info->kind < MY_STATEMENT_CREATE_TABLE || info->kind > MY_STATEMENT_DROP_DATABASE ||
                info->table_count > 0);
    assert_true(info->kind < MY_STATEMENT_XA_START || info->kind > MY_STATEMENT_XA_ROLLBACK ||
                (info->xid && strlen(info->xid) < MY_XID_TEXT));
}

static void statement__prefixes_and_odd_bytes_are_statements_too(void **state)
{
    static const char ODD[] = {'\0', '\'', '"', '`', '*', '/', '(', ')', ',', '.', '\\', '\xff'};
    struct leat_arena arena;
    struct my_statement_info info;
    char text[1024];
    (void)state;
    leat_arena_init(&arena, ARENA_MAX);
    for (size_t i = 0; i < COUNT(USUAL); i++) {
        size_t len = strlen(USUAL[i].text);
        for (size_t at = 0; at < len; at++) {
            leat_arena_reset(&arena);
            memcpy(text, USUAL[i].text, len);
            ok(read_copy(leat_slice_of(text, at), at & 1, at & 2, &arena, &info));
            assert_whole(&info);
            for (size_t o = 0; o < sizeof ODD; o++) {
                leat_arena_reset(&arena);
                text[at] = ODD[o];
                ok(read_copy(leat_slice_of(text, len), at & 1, at & 2, &arena, &info));
                assert_whole(&info);
            }
        }
    }
    leat_arena_release(&arena);
}

static void statement__a_full_arena_is_an_error_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(USUAL); i++) {
        bool fits = false;
        for (size_t max = 0; !fits; max += 16) {
            struct my_statement_info info = {.table_count = 99};
            struct leat_arena arena;
            leat_arena_init(&arena, max);
            int status = read_copy(leat_slice_text(USUAL[i].text), false, false, &arena, &info);
            fits = status == LEAT_OK;
            if (!fits) {
                assert_int_equal(status, LEAT_ELIMIT);
                assert_int_equal(info.table_count, 99);
            }
            leat_arena_release(&arena);
            assert_true(max < 1 << 20);
        }
    }
}

static void statement__a_list_of_thousands_is_read_whole(void **state)
{
    enum { TABLES = 5000 };
    struct leat_arena arena;
    struct leat_buf text;
    struct my_statement_info info;
    char name[32];
    (void)state;
    leat_arena_init(&arena, 64 << 20);
    leat_buf_init(&text, 1 << 20);
    leat_buf_append_text(&text, "DROP TABLE ");
    for (int i = 0; i < TABLES; i++)
        leat_buf_format(&text, "%s`d`.`t%d`", i ? "," : "", i);
    ok(read_copy(leat_buf_slice(&text), false, false, &arena, &info));
    assert_int_equal(info.table_count, TABLES);
    for (int i = 0; i < TABLES; i++) {
        snprintf(name, sizeof name, "t%d", i);
        assert_true(leat_slice_equal(info.tables[i].table, leat_slice_text(name)));
    }
    leat_buf_release(&text);
    leat_arena_release(&arena);
}

static void statement__without_a_database_its_names_have_none(void **state)
{
    struct leat_arena arena;
    struct my_statement_info info;
    (void)state;
    leat_arena_init(&arena, ARENA_MAX);
    ok(my_statement_read(leat_slice_text("DROP TABLE a, d.b"), leat_slice_of(NULL, 0), false, false,
                         &arena, &info, &err));
    assert_int_equal(info.table_count, 2);
    assert_int_equal(info.tables[0].database.len, 0);
    assert_int_equal(info.tables[1].database.len, 1);
    ok(my_statement_read(leat_slice_of(NULL, 0), leat_slice_of(NULL, 0), false, false, &arena,
                         &info, &err));
    assert_int_equal(info.kind, MY_STATEMENT_OTHER);
    leat_arena_release(&arena);
}

static void control__only_what_servers_write(void **state)
{
    (void)state;
    assert_int_equal(my_statement_control(leat_slice_text("BEGIN")), MY_STATEMENT_BEGIN);
    assert_int_equal(my_statement_control(leat_slice_text("COMMIT")), MY_STATEMENT_COMMIT);
    assert_int_equal(my_statement_control(leat_slice_text("begin")), MY_STATEMENT_OTHER);
    assert_int_equal(my_statement_control(leat_slice_text("BEGIN ")), MY_STATEMENT_OTHER);
    assert_int_equal(my_statement_control(leat_slice_text("COMMIT;")), MY_STATEMENT_OTHER);
    assert_int_equal(my_statement_control(leat_slice_text("ROLLBACK")), MY_STATEMENT_OTHER);
    assert_int_equal(my_statement_control(leat_slice_of(NULL, 0)), MY_STATEMENT_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control__only_what_servers_write),
        cmocka_unit_test(statement__is_read_as_it_is_meant),
        cmocka_unit_test(statement__double_quotes_name_things_under_ansi_quotes),
        cmocka_unit_test(statement__a_backslash_may_be_a_letter),
        cmocka_unit_test(statement__dress_does_not_matter),
        cmocka_unit_test(statement__without_a_database_its_names_have_none),
        cmocka_unit_test(statement__a_list_of_thousands_is_read_whole),
        cmocka_unit_test(statement__prefixes_and_odd_bytes_are_statements_too),
        cmocka_unit_test(statement__a_full_arena_is_an_error_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
