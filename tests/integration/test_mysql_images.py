"""Row images and the events around them: which columns a row brings, and every way in which servers log rows. Numbers are
those of the MySQL conformance list.

What each image must have is written down by hand, after the servers' manuals; the rows themselves are compared with the
second decoder and with the tables. Where a test is about a kind of event, it asks the server whether the log has it.
"""
import re

import pytest

from tests.support import leatd, oracle, places

MIB = 1 << 20
PEAK = 128 * MIB


def agreed(pipe, second, *tables):
    """The events, once the second decoder has said the same."""
    events, path = pipe.events(), pipe.leat.root / "oracle"
    wanted = [(pipe.database, table) for table in tables]
    count = second.dump(path, wanted)
    with open(path) as lines:
        differences, same = oracle.compare(iter(events), lines, wanted)
    assert differences == [] and count > 0 and same == len(events)
    return events


def images(events):
    """(op, before, after, absent of before, absent of after) of each."""
    return [(e["op"], e.get("before"), e.get("after"), e.get("before_absent", []), e.get("absent", [])) for e in events]


def logged(pipe):
    """How many events of each type the newest log file has."""
    counts = {}
    for _, kind, _, _ in pipe.server.log_events():
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def more(pipe, before, *words):
    """Events that came to the log since, of the types whose name has all the words."""
    return sum(n - before.get(kind, 0) for kind, n in logged(pipe).items() if all(w in kind.lower() for w in words))


# --- row images -----------------------------------------------------------------------------------

KEYED = ["INSERT INTO t (id, v) VALUES (1, 'a')", "UPDATE t SET v = 'b'", "UPDATE t SET b = 'long', n = NULL",
         "UPDATE t SET id = 2", "DELETE FROM t"]
ROWS = [{"id": 1, "v": "a", "b": None, "n": 5}, {"id": 1, "v": "b", "b": None, "n": 5},
        {"id": 1, "v": "b", "b": "long", "n": None}, {"id": 2, "v": "b", "b": "long", "n": None}]
OPS = ["create", "update", "update", "update", "delete"]


def only(row, *columns):
    return {c: v for c, v in row.items() if c in columns}


def full():
    return list(zip(OPS, [None, *ROWS], [*ROWS, None], [[]] * 5, [[]] * 5))


def minimal():
    """Key columns, and what was set."""
    return [("create", None, only(ROWS[0], "id", "v"), [], ["b", "n"]),
            ("update", {"id": 1}, only(ROWS[1], "id", "v"), [], ["b", "n"]),
            ("update", {"id": 1}, only(ROWS[2], "id", "b", "n"), [], ["v"]),
            ("update", {"id": 1}, {"id": 2}, [], ["v", "b", "n"]),
            ("delete", {"id": 2}, None, [], [])]


def noblob():
    """Without the TEXT column where it was not set."""
    def lacking(row):
        return only(row, "id", "v", "n")
    return [("create", None, lacking(ROWS[0]), [], ["b"]),
            ("update", lacking(ROWS[0]), lacking(ROWS[1]), ["b"], ["b"]),
            ("update", lacking(ROWS[1]), ROWS[2], ["b"], []),
            ("update", lacking(ROWS[2]), lacking(ROWS[3]), ["b"], ["b"]),
            ("delete", lacking(ROWS[3]), None, ["b"], [])]


def keyed(pipe, image):
    """What comes of the statements; the second decoder agrees."""
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, v varchar(20), b text, n int DEFAULT 5)")
    second = pipe.oracle()
    pipe.start()
    pipe.run(f"SET SESSION binlog_row_image = '{image}'; " + ";".join(KEYED))
    return agreed(pipe, second, "t")


@pytest.mark.parametrize("image, expected", [("FULL", full), ("MINIMAL", minimal), ("NOBLOB", noblob)])
def test_images__columns_that_are_not_logged_are_absent_and_never_null(any_my_pipe, image, expected):
    """MySQL scenario 44: with a primary key."""
    events = keyed(any_my_pipe, image)
    assert images(events) == expected()
    forms = {"none", "key"} if image == "MINIMAL" else {"none", "full"}
    assert {e.get("before_form", "none") for e in events} == forms


def test_images__full_nodup_images_are_made_whole(open_my_pipe, my_servers):
    """MySQL scenario 44: of MariaDB 11.4 and later."""
    assert images(keyed(open_my_pipe(my_servers.get("mariadb-11")), "FULL_NODUP")) == full()


@pytest.mark.parametrize("image", ["MINIMAL", "NOBLOB"])
def test_images__without_a_primary_key_the_old_row_is_whole(any_my_pipe, image):
    """MySQL scenario 44: unless a unique key that is NOT NULL stands in for it."""
    pipe = any_my_pipe
    pipe.run("CREATE TABLE t (a int, v varchar(9), b text); CREATE TABLE u (a int, v varchar(9), k int NOT NULL UNIQUE)")
    second = pipe.oracle()
    pipe.start()
    pipe.run(f"""SET SESSION binlog_row_image = '{image}';
        INSERT INTO t VALUES (1, 'x', 'long'); UPDATE t SET v = 'y'; DELETE FROM t;
        INSERT INTO u VALUES (1, 'x', 7); UPDATE u SET v = 'y'; DELETE FROM u;""")
    events = agreed(pipe, second, "t", "u")
    old, new = {"a": 1, "v": "x", "b": "long"}, {"a": 1, "v": "y", "b": "long"}
    assert images(events[:3]) == [("create", None, old, [], []), ("update", old, new, [], []),
                                  ("delete", new, None, [], [])]
    assert [e.get("key", []) for e in events] == [[]] * 3 + [["k"]] * 3
    first, second = {"a": 1, "v": "x", "k": 7}, {"a": 1, "v": "y", "k": 7}
    assert images(events[3:]) == [("create", None, first, [], []), *(
        [("update", {"k": 7}, {"v": "y", "k": 7}, [], ["a"]), ("delete", {"k": 7}, None, [], [])]
        if image == "MINIMAL" else [("update", first, second, [], []), ("delete", second, None, [], [])])]


def test_images__a_changed_key_comes_with_both_keys(any_my_pipe):
    """MySQL scenario 45."""
    pipe = any_my_pipe
    pipe.run("CREATE TABLE t (a int, b varchar(9), v int, PRIMARY KEY (b, a))")
    second = pipe.oracle()
    pipe.start()
    pipe.run("INSERT INTO t VALUES (1, 'x', 0), (2, 'y', 0); UPDATE t SET a = a + 10 ORDER BY a DESC; UPDATE t SET b = 'Z' "
             "WHERE b = 'x'")
    events = agreed(pipe, second, "t")
    assert all(e["key"] == ["b", "a"] for e in events)
    assert [(e["before"]["a"], e["before"]["b"], e["after"]["a"], e["after"]["b"]) for e in events[2:]] == [
        (2, "y", 12, "y"), (1, "x", 11, "x"), (11, "x", 11, "Z")]
    assert pipe.difference("t", events=events).equal


def test_images__replace_and_on_duplicate_key_come_as_they_are_logged(any_my_pipe):
    """MySQL scenario 46: also a REPLACE that takes two rows away."""
    pipe = any_my_pipe
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, u int UNIQUE, v text)")
    second = pipe.oracle()
    pipe.start()
    pipe.run("""INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c');
        REPLACE INTO t VALUES (1, 10, 'd'); REPLACE INTO t VALUES (1, 20, 'e'); REPLACE INTO t VALUES (9, 90, 'new');
        INSERT INTO t VALUES (3, 33, 'x') ON DUPLICATE KEY UPDATE v = concat(v, '+');
        INSERT INTO t VALUES (8, 30, 'x') ON DUPLICATE KEY UPDATE id = 4;
        INSERT IGNORE INTO t VALUES (4, 1, 'ignored'), (5, 50, 'kept');""")
    events = agreed(pipe, second, "t")
    assert pipe.difference("t", events=events).equal and len(events) >= 10
    held = {row[0]: row[1:] for row in pipe.sql("SELECT * FROM t")}
    assert held == {1: (20, "e"), 9: (90, "new"), 4: (30, "c+"), 5: (50, "kept")}


def test_images__an_update_that_changes_nothing_is_nothing(any_my_pipe):
    """MySQL scenario 47."""
    pipe = any_my_pipe
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 5), (2, 6)")
    pipe.start()
    pipe.run("UPDATE t SET v = 5 WHERE id = 1; UPDATE t SET v = v; UPDATE t SET v = 5; DELETE FROM t WHERE id = 99")
    assert images(pipe.events()) == [("update", {"id": 2, "v": 6}, {"id": 2, "v": 5}, [], [])]


# --- many rows, many tables -----------------------------------------------------------------------

DIGITS = "(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION " \
         "SELECT 7 UNION SELECT 8 UNION SELECT 9)"


def numbers(digits):
    """A query of the numbers n below a power of ten."""
    value = " + ".join(f"d{i}.d * {10 ** i}" for i in range(digits))
    return f"SELECT {value} n FROM " + ", ".join(f"{DIGITS} d{i}" for i in range(digits))


def test_images__a_statement_of_hundreds_of_rows_events_is_one_transaction(any_my_pipe):
    """MySQL scenario 48."""
    pipe = any_my_pipe
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, v varchar(300))")
    second = pipe.oracle()
    pipe.start()
    before = logged(pipe)
    pipe.run(f"INSERT INTO t SELECT n, repeat('x', n % 300) FROM ({numbers(4)}) q; UPDATE t SET v = concat('y', v) WHERE id "
             "% 3 = 0 AND id % 300 <> 299; DELETE FROM t WHERE id % 2 = 0")
    assert more(pipe, before, "write_rows") > 180 and more(pipe, before, "update_rows") > 100
    events = agreed(pipe, second, "t")
    assert pipe.difference("t", events=events).equal
    inserted = events[:10000]
    assert [e["ordinal"] for e in inserted] == list(range(10000)) and {e["op"] for e in inserted} == {"create"}
    assert len({e["tx"]["id"] for e in inserted}) == 1 and len({e["tx"]["id"] for e in events}) == 3


def test_images__rows_of_several_tables_and_of_triggers_keep_their_table(any_my_pipe):
    """MySQL scenario 49."""
    pipe = any_my_pipe
    pipe.run("""CREATE TABLE a (id int PRIMARY KEY, v int); CREATE TABLE b (id int PRIMARY KEY, v varchar(9));
        CREATE TABLE audit (n int AUTO_INCREMENT PRIMARY KEY, what text);
        CREATE TRIGGER x AFTER UPDATE ON a FOR EACH ROW INSERT INTO audit (what) VALUES (concat('a', new.id));
        CREATE TRIGGER y BEFORE DELETE ON b FOR EACH ROW BEGIN
            INSERT INTO audit (what) VALUES (concat('b', old.id)); UPDATE a SET v = v + 100 WHERE id = old.id; END;""")
    second = pipe.oracle()
    pipe.start()
    pipe.run("""INSERT INTO a VALUES (1, 1), (2, 2), (3, 3); INSERT INTO b VALUES (1, 'x'), (2, 'y');
        UPDATE a JOIN b USING (id) SET a.v = a.v + 1, b.v = concat(b.v, '!');
        DELETE FROM b WHERE id = 1; DELETE a, audit FROM a JOIN audit ON n = id;""")
    events = agreed(pipe, second, "a", "b", "audit")
    assert pipe.difference("a", "b", "audit", events=events).equal
    joined = [e for e in events if e["tx"]["id"] == events[5]["tx"]["id"]]
    assert events[-1]["op"] == "delete" and len({e["tx"]["id"] for e in events if e["op"] == "delete"}) == 2
    assert sorted((e["op"], e["table"]) for e in joined) == sorted(
        [("update", "a"), ("create", "audit")] * 2 + [("update", "b")] * 2)
    assert [e["after"]["what"] for e in events if (e["table"], e["op"]) == ("audit", "create")] == ["a1", "a2", "b1", "a1"]


def test_images__rows_of_partitions_are_rows_of_their_table(any_my_pipe):
    """MySQL scenario 50, 51: MySQL writes the partition in front of them; MariaDB's rows events are of the first version."""
    pipe = any_my_pipe
    pipe.run("""CREATE TABLE t (id int, r int, v text, PRIMARY KEY (id, r)) PARTITION BY RANGE (r) SUBPARTITION BY HASH (id)
        SUBPARTITIONS 2 (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);""")
    second = pipe.oracle()
    pipe.start()
    before = logged(pipe)
    pipe.run("INSERT INTO t VALUES (1, 1, 'a'), (2, 20, 'b'), (3, 3, 'c'); UPDATE t SET r = r + 9; UPDATE t SET v = 'x';"
             "DELETE FROM t PARTITION (p1) WHERE id = 2")
    version_1 = more(pipe, before, "rows_v1")
    assert version_1 >= 4 if pipe.server.mariadb else version_1 == 0
    events = agreed(pipe, second, "t")
    assert pipe.difference("t", events=events).equal and len(events) == 10


# --- compression ----------------------------------------------------------------------------------


def test_images__compressed_transactions_bring_the_same_rows(open_my_pipe, mysql_server):
    """MySQL scenario 52: small ones, uncompressed ones between them, a rolled-back savepoint, and another engine."""
    pipe = open_my_pipe(mysql_server)
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE m (id int PRIMARY KEY) ENGINE=MyISAM")
    second = pipe.oracle()
    pipe.start()
    before = logged(pipe)
    pipe.run(f"""SET SESSION binlog_transaction_compression = ON; INSERT INTO t VALUES (-1, 'small');
        BEGIN; INSERT INTO t SELECT n, repeat('x', 200) FROM ({numbers(3)}) q;
        SAVEPOINT a; DELETE FROM t; ROLLBACK TO a; UPDATE t SET v = 'y' WHERE id < 100; COMMIT;
        SET SESSION binlog_transaction_compression = OFF; INSERT INTO t VALUES (-2, 'plain');
        SET SESSION binlog_transaction_compression = ON; INSERT INTO m VALUES (1); DELETE FROM t WHERE id % 2;
        SET SESSION binlog_transaction_compression_level_zstd = 19; UPDATE t SET v = 'z';""")
    assert more(pipe, before, "payload") == 4
    events = agreed(pipe, second, "t", "m")
    assert pipe.difference("t", "m", events=events).equal and len(events) > 2000
    assert len({e["tx"]["id"] for e in events}) == 6
    pipe.leat.kill9()
    pipe.leat.start()
    assert pipe.events() == events


def test_images__a_compressed_transaction_of_256_mebibytes_is_read_in_bounded_memory(open_my_pipe, mysql_server):
    """MySQL scenario 52."""
    pipe = open_my_pipe(mysql_server)
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, v mediumtext)")
    pipe.start()
    before = logged(pipe)
    with leatd.MemorySampler(pipe.leat.pid) as memory:
        pipe.run(f"SET SESSION binlog_transaction_compression = ON; INSERT INTO t SELECT n, repeat('water ', 43690) FROM "
                 f"({numbers(3)}) q; INSERT INTO t VALUES (-1, '')")
        pipe.leat.wait_caught_up(60)
    assert more(pipe, before, "payload") == 2
    assert memory.samples and memory.peak <= PEAK, f"{memory.peak / MIB:.0f} MiB"
    path = pipe.leat.root / "stream"
    assert pipe.leat.tail_to(path) == 0
    with open(path) as lines:
        lengths = [len(line) for line in lines if '"op":"create"' in line]
    assert len(lengths) == 1001 and min(lengths[:1000]) > 43690 * 6


def test_images__compressed_events_bring_the_same_rows(my_servers, open_my_pipe):
    """MySQL scenario 53: MariaDB's own compression, of rows and of statements; what is small stays as it is."""
    for version in ("mariadb-10.11", "mariadb-11"):
        server = my_servers.get(version)
        pipe = open_my_pipe(server)
        pipe.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
        server.set(log_bin_compress=1, log_bin_compress_min_len=100)
        try:
            second = pipe.oracle()
            pipe.start()
            before = logged(pipe)
            pipe.run(f"""INSERT INTO t VALUES (-1, 'small');
                INSERT INTO t SELECT n, repeat('water', n) FROM ({numbers(3)}) q;
                UPDATE t SET v = concat(v, '!'); DELETE FROM t WHERE id % 2 OR id = 0;
                CREATE TABLE u (id int PRIMARY KEY) COMMENT '{"x" * 1000}'; INSERT INTO u VALUES (1)""")
            for words in (("write", "compressed"), ("update", "compressed"), ("delete", "compressed"),
                          ("query", "compressed")):
                assert more(pipe, before, *words) > 0, (words, logged(pipe))
            events = agreed(pipe, second, "t", "u")
            assert pipe.difference("t", "u", events=events).equal and len(events) > 2500
        finally:
            server.set(log_bin_compress=0, log_bin_compress_min_len=256)


# --- other events, and limits ---------------------------------------------------------------------


def test_images__the_statements_text_beside_its_rows_changes_nothing(any_my_pipe):
    """MySQL scenario 55: MariaDB's annotations (on by default) and MySQL's rows query events, with words of DDL."""
    pipe = any_my_pipe
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
    second = pipe.oracle()
    pipe.start()
    before = logged(pipe)
    on = "binlog_annotate_row_events" if pipe.server.mariadb else "binlog_rows_query_log_events"
    pipe.run(f"SET SESSION {on} = ON; INSERT /* DROP TABLE t; COMMIT */ INTO t VALUES (1, 'a'); BEGIN;"
             f"UPDATE t SET v = '{'w' * 5000}'; DELETE FROM t; COMMIT")
    assert more(pipe, before, "annotate" if pipe.server.mariadb else "rows_query") == 3
    assert [e["op"] for e in agreed(pipe, second, "t")] == ["create", "update", "delete"]


def test_images__an_event_above_the_bound_stops_the_source_by_name(open_my_pipe, any_my_server):
    """MySQL scenario 58: and a higher bound goes on at the very place."""
    pipe = open_my_pipe(any_my_server, row_max="1MiB")
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, v longtext)")
    pipe.start()
    pipe.run(f"INSERT INTO t VALUES (1, repeat('x', {MIB // 2}))")
    pipe.events()
    pipe.run(f"INSERT INTO t VALUES (2, repeat('y', {2 * MIB})); INSERT INTO t VALUES (3, '')")
    file, position = longest(pipe.server)
    line = pipe.wait_error("row_max", str(MIB), f"{pipe.database}.t")
    told = int(re.search(rf"at {file}:(\d+), in rows of ", line)[1])
    if any_my_server.version != "mariadb-11":  # which logs no positions inside a transaction
        assert told == position
    assert [e["after"]["id"] for e in pipe.leat.tail()] == [1]
    pipe.leat.stop()
    pipe.start(row_max="8MiB")
    assert [(e["after"]["id"], len(e["after"]["v"])) for e in pipe.events()] == [(1, MIB // 2), (2, 2 * MIB), (3, 0)]


def longest(server):
    """(file, position) of the longest event of the newest file."""
    file, _ = server.log_end()
    return file, max((end - position, position) for position, _, end, _ in server.log_events(file))[1]


@pytest.mark.parametrize("version", ["mariadb-10.11", "mysql-9"])
def test_images__lost_events_that_the_server_admits_stop_the_source(own_my_server, open_my_pipe, version):
    """MySQL scenario 57: an INCIDENT, which the server writes when a MyISAM table's rows do not fit its cache."""
    ignored = {} if version.startswith("mariadb") else {"binlog_error_action": "IGNORE_ERROR"}
    server = own_my_server(version, max_binlog_stmt_cache_size="4096", binlog_stmt_cache_size="4096", **ignored)
    pipe = open_my_pipe(server)
    pipe.run("CREATE TABLE m (id int PRIMARY KEY, v text) ENGINE=MyISAM; INSERT INTO m VALUES (1, 'a')")
    pipe.start()
    pipe.run("INSERT INTO m VALUES (2, 'b')")
    pipe.events()
    with pytest.raises(Exception, match="max_binlog_stmt_cache_size|row-based binary log failed"):
        pipe.run("INSERT INTO m VALUES " + ", ".join(f"({n}, repeat('x', 4000))" for n in range(3, 60)))
    file = [name for name, _ in server.log_files()]
    kinds = [kind for name in file for _, kind, _, _ in server.log_events(name)]
    assert "Incident" in kinds, kinds
    assert len(pipe.sql("SELECT id FROM m")) > 2
    line = pipe.wait_error("lost")
    assert "hint=" in line
    assert [e["after"]["id"] for e in pipe.leat.tail()] == [2]
