-- What capture.py runs on its server. A line "-- @name" connects under that name and goes on there.
CREATE DATABASE d;
CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(20));
INSERT INTO d.t VALUES (1, 'one'), (2, NULL);
UPDATE d.t SET v = 'zwei' WHERE id = 2;
DELETE FROM d.t WHERE id = 1;

-- every class of column that optional metadata counts, and each of its forms
CREATE TABLE d.c (id INT UNSIGNED PRIMARY KEY, j JSON, b BINARY(5), c CHAR(5) CHARACTER SET latin1, e ENUM('a','b'), s SET('x','y','z') CHARACTER SET latin1, y YEAR, inv INT INVISIBLE, g GEOMETRY, p POINT, d1 DECIMAL(10,3) UNSIGNED, KEY (c));
INSERT INTO d.c (id, j, b, c, e, s, y, g, p, d1) VALUES (4294967295, '{"a": 1}', 'x', 'é', 'b', 'x,z', 2024, POINT(1, 2), POINT(3, 4), 1.5);
CREATE TABLE d.cc (a CHAR(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_ai_ci, b VARCHAR(10) CHARACTER SET gbk, c TEXT CHARACTER SET utf16, d VARCHAR(5) CHARACTER SET latin1, PRIMARY KEY (a, b(3)));
INSERT INTO d.cc VALUES ('a', '中', 'b', 'd');
SET GLOBAL binlog_row_metadata = MINIMAL;
INSERT INTO d.t VALUES (3, 'minimal');
SET GLOBAL binlog_row_metadata = NO_LOG;
INSERT INTO d.t VALUES (4, 'none');
SET GLOBAL binlog_row_metadata = FULL;

-- row images
SET SESSION binlog_row_image = MINIMAL;
UPDATE d.t SET v = 'm' WHERE id = 3;
DELETE FROM d.t WHERE id = 3;
SET SESSION binlog_row_image = NOBLOB;
UPDATE d.c SET y = 2025;
SET SESSION binlog_row_image = FULL;

-- ends of transactions
CREATE TABLE d.m (id INT) ENGINE = MyISAM;
INSERT INTO d.m VALUES (1);
BEGIN;
INSERT INTO d.t VALUES (5, 'five');
SAVEPOINT `a b`;
INSERT INTO d.m VALUES (2);
INSERT INTO d.t VALUES (6, 'six');
ROLLBACK TO `a b`;
COMMIT;
BEGIN;
INSERT INTO d.t VALUES (7, 'gone');
CREATE TEMPORARY TABLE d.tmp (id INT);
DROP TEMPORARY TABLE d.tmp;
ROLLBACK;
XA START 'g1', 'b1', 7;
INSERT INTO d.t VALUES (8, 'xa');
XA END 'g1', 'b1', 7;
XA PREPARE 'g1', 'b1', 7;
XA COMMIT 'g1', 'b1', 7;
XA START 'g2';
INSERT INTO d.t VALUES (9, 'xa');
XA END 'g2';
XA PREPARE 'g2';
XA ROLLBACK 'g2';
XA START X'00ff', 0x27;
INSERT INTO d.t VALUES (10, 'xa');
XA END X'00ff', 0x27;
XA COMMIT X'00ff', 0x27 ONE PHASE;

-- statements
SET SESSION gtid_domain_id = 5;
CREATE TABLE d.s AS SELECT id FROM d.t LIMIT 1;
SET SESSION gtid_domain_id = 0;
SET SESSION binlog_alter_two_phase = ON;
ALTER TABLE d.t ADD COLUMN extra INT;
SET SESSION binlog_alter_two_phase = OFF;
SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', time_zone = '+02:00', lc_time_names = 'de_DE';
/* hi */ alter /* c */ table d."t" /*!50000 drop */ column extra;
SET STATEMENT max_statement_time = 100 FOR ALTER TABLE d.t COMMENT = 'x';
SET SESSION sql_mode = DEFAULT;
SET NAMES gbk;
RENAME TABLE d.s TO d.s2, d.m TO d.m2;
SET NAMES utf8mb4;
DROP TABLE d.s2, d.m2;
TRUNCATE TABLE d.c;
SET SESSION binlog_format = STATEMENT;
INSERT INTO d.t VALUES (11, NOW()), (12, RAND());
SET @x = 'user', @y = 4.5;
INSERT INTO d.t VALUES (13, @x), (14, @y);
CREATE TABLE d.auto (id INT AUTO_INCREMENT PRIMARY KEY);
INSERT INTO d.auto VALUES (NULL);
SET SESSION binlog_format = ROW;

-- compression
SET GLOBAL log_bin_compress = ON, GLOBAL log_bin_compress_min_len = 10;
-- @compressing
INSERT INTO d.t VALUES (20, REPEAT('a', 20)), (21, REPEAT('b', 20)), (22, REPEAT('c', 20));
UPDATE d.t SET v = REPEAT('d', 20) WHERE id >= 20;
DELETE FROM d.t WHERE id >= 20;
CREATE TABLE d.z (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa INT, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb INT);
SET GLOBAL log_bin_compress = OFF, GLOBAL binlog_checksum = NONE;
-- @plain
INSERT INTO d.t VALUES (30, 'no checksum');
FLUSH BINARY LOGS;
INSERT INTO d.t VALUES (31, 'no checksum');
SET GLOBAL binlog_checksum = CRC32;
INSERT INTO d.t VALUES (32, 'checksum');
