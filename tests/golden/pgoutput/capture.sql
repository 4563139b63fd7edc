-- Run by capture.py against a private PostgreSQL 15 (see README.md). One block per slot; a line "-- slot" names
-- the golden file, the slot's two_phase flag and the plugin's options.

CREATE DOMAIN amount AS numeric(10,2);
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE item (id int PRIMARY KEY, body text, price amount, how mood, seen timestamptz);
ALTER TABLE item ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE whole (a int, b text);
ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE bare ();
ALTER TABLE bare REPLICA IDENTITY FULL;
CREATE PUBLICATION everything FOR ALL TABLES;
SELECT pg_replication_origin_create('elsewhere');

-- slot captured_transaction false proto_version=1 messages=true
BEGIN;
INSERT INTO item VALUES (1, 'plain', 12.50, 'glad', '2024-07-02 03:04:05.678+00');
INSERT INTO item VALUES (2, repeat('x', 3000), NULL, NULL, NULL);
UPDATE item SET price = 13 WHERE id = 1;
UPDATE item SET price = 1 WHERE id = 2;
UPDATE item SET id = 3 WHERE id = 1;
DELETE FROM item WHERE id = 3;
INSERT INTO whole VALUES (1, 'é'), (NULL, '');
UPDATE whole SET b = 'z' WHERE a = 1;
DELETE FROM whole;
INSERT INTO bare DEFAULT VALUES;
SELECT pg_logical_emit_message(true, 'outbox', 'inside');
TRUNCATE item, whole RESTART IDENTITY CASCADE;
COMMIT;
SELECT pg_logical_emit_message(false, 'heart beat', '\x00ff01'::bytea);
SELECT pg_replication_origin_session_setup('elsewhere');
BEGIN;
SELECT pg_replication_origin_xact_setup('0/ABCDEF', '2024-07-02 03:04:05+00');
INSERT INTO whole VALUES (7, 'from elsewhere');
COMMIT;
SELECT pg_replication_origin_session_reset();

-- slot captured_binary false proto_version=1 binary=true
INSERT INTO item VALUES (10, 'b', -0.01, 'sad', '2024-07-02 03:04:05.678+00');

-- slot captured_stream false proto_version=2 streaming=true messages=true
BEGIN;
INSERT INTO whole SELECT g, repeat('y', 500) FROM generate_series(1, 150) g;
INSERT INTO item VALUES (1000, 'a'), (1001, 'b');
SELECT pg_logical_emit_message(true, 'outbox', 'streamed');
UPDATE item SET body = 'k' WHERE id = 1000;
DELETE FROM item WHERE id = 1001;
TRUNCATE bare;
SAVEPOINT s;
INSERT INTO item SELECT g, repeat('z', 500) FROM generate_series(2000, 2150) g;
INSERT INTO whole SELECT g, repeat('w', 500) FROM generate_series(1, 150) g;
ROLLBACK TO SAVEPOINT s;
COMMIT;

-- slot captured_two_phase true proto_version=3 streaming=true
BEGIN;
INSERT INTO whole VALUES (1, 'one');
PREPARE TRANSACTION 'gid one';
COMMIT PREPARED 'gid one';
BEGIN;
INSERT INTO whole VALUES (2, 'two');
PREPARE TRANSACTION 'gid two';
ROLLBACK PREPARED 'gid two';
BEGIN;
INSERT INTO whole SELECT g, repeat('u', 500) FROM generate_series(1, 300) g;
PREPARE TRANSACTION 'gid three';
COMMIT PREPARED 'gid three';
