"""Transactions of MySQL and MariaDB: what is committed comes whole and once, what is undone never. Numbers are those of
the MySQL conformance list.

The second decoder is the server's own tool, which reads the same log from its files; where a test is about a shape of the
log, it asks the server (SHOW BINLOG EVENTS) whether the log has that shape at all.
"""
import os
import signal
import time

import pytest

from tests.integration.mysql_fixtures import had
from tests.support import leatd, mysqlversions, mytap, oracle, places
from tests.support.mysqlserver import MyServer

MIB = 1 << 20
TABLE = "CREATE TABLE t (id int PRIMARY KEY, v varchar(2000))"
TWO_ENGINES = TABLE + "; CREATE TABLE m (id int PRIMARY KEY) ENGINE=MyISAM;"
NO_GTIDS = {"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"}  # MySQL's GTIDs forbid engines to be mixed


@pytest.fixture(scope="module", params=mysqlversions.ALL)
def mixing_server(request):
    """A server that lets a transaction write to InnoDB and MyISAM; MySQL's has no GTIDs then, only files and positions."""
    version = had(request.param)
    server = MyServer(places.scratch(version), version, NO_GTIDS if version.startswith("mysql") else {}).start()
    yield server
    server.remove()


@pytest.fixture
def mixing(open_my_pipe, mixing_server):
    pipe = open_my_pipe(mixing_server)
    pipe.run(TWO_ENGINES)
    return pipe


@pytest.fixture(params=["mariadb-10.11", "mysql-9"])
def each_pipe(open_my_pipe, my_servers, request):
    """A pipe on a server of each flavour, for what takes longer."""
    return open_my_pipe(my_servers.get(request.param))


@pytest.fixture
def pair(own_my_server, open_my_pipe):
    """A pipe on a server of its own, of each flavour."""
    def make(version, source=None, **options):
        pipe = open_my_pipe(own_my_server(version, **options), **(source or {}))
        pipe.run(TABLE)
        return pipe
    return make


def rows(events):
    """What a test says of rows: (op, table, id)."""
    return [(e["op"], e["table"], (e.get("after") or e["before"])["id"]) for e in events]


def ids(pipe):
    return [e["after"]["id"] for e in pipe.of("t")]


def agreed(pipe, second, *tables):
    """The events, once the second decoder has said the same."""
    events, path = pipe.events(), pipe.leat.root / "oracle"
    wanted = [(pipe.database, table) for table in tables]
    count = second.dump(path, wanted)
    with open(path) as lines:
        differences, same = oracle.compare(iter(events), lines, wanted)
    assert differences == [] and count > 0 and same == len(events)
    assert pipe.difference(*tables, events=events).equal
    return events


def logged(pipe):
    """[(type, text), …] of the newest log file, as the server prints it."""
    return [(kind, text) for _, kind, _, text in pipe.server.log_events()]


def undone_in_the_log(pipe):
    """MariaDB's way; MySQL logs its MyISAM rows as a transaction of their own, so that nothing need be undone."""
    assert not pipe.server.mariadb or any(text.upper().startswith("ROLLBACK TO") for _, text in logged(pipe)), logged(pipe)


def token(pipe):
    return pipe.server.tap.token(pipe.leat)


def restart(pipe):
    pipe.leat.kill9()
    pipe.leat.start()


# --- commit, rollback, savepoints -----------------------------------------------------------------


def test_transactions__several_statements_come_together_and_in_order(any_my_pipe):
    """MySQL scenario 59."""
    pipe = any_my_pipe
    pipe.run(TABLE + "; CREATE TABLE u (id int PRIMARY KEY);")
    second = pipe.oracle()
    pipe.start()
    pipe.run("BEGIN; INSERT INTO t VALUES (1, 'a'), (2, 'b'); INSERT INTO u VALUES (7); UPDATE t SET v = 'x' WHERE id = 1;"
             "DELETE FROM t WHERE id = 2; COMMIT; INSERT INTO t VALUES (3, 'c');")
    events = agreed(pipe, second, "t", "u")
    assert rows(events) == [("create", "t", 1), ("create", "t", 2), ("create", "u", 7), ("update", "t", 1),
                            ("delete", "t", 2), ("create", "t", 3)]
    assert [e["ordinal"] for e in events] == [0, 1, 2, 3, 4, 0]
    assert len({e["tx"]["id"] for e in events[:5]}) == 1 and events[5]["tx"]["id"] != events[0]["tx"]["id"]


def test_transactions__what_is_rolled_back_leaves_nothing(any_my_pipe):
    """MySQL scenario 60, 61."""
    pipe = any_my_pipe
    pipe.run(TABLE)
    second = pipe.oracle()
    pipe.start()
    pipe.run("""
        BEGIN; INSERT INTO t VALUES (1, ''); ROLLBACK;
        BEGIN; INSERT INTO t VALUES (2, '');
        SAVEPOINT a; INSERT INTO t VALUES (3, '');
        SAVEPOINT b; INSERT INTO t VALUES (4, ''); RELEASE SAVEPOINT b;
        ROLLBACK TO a; INSERT INTO t VALUES (5, '');
        SAVEPOINT a; INSERT INTO t VALUES (6, ''); ROLLBACK TO a; ROLLBACK TO a;
        COMMIT;""")
    events = agreed(pipe, second, "t")
    assert [e["after"]["id"] for e in events] == [2, 5] and [e["ordinal"] for e in events] == [0, 1]


def test_transactions__a_savepoint_undone_in_the_log_takes_its_rows_along(mixing):
    """MySQL scenario 62: where a MyISAM table was written to, the undone rows stand in the log."""
    pipe, second = mixing, mixing.oracle()
    pipe.start()
    pipe.run("""
        BEGIN; INSERT INTO t VALUES (1, '');
        SAVEPOINT a; INSERT INTO t VALUES (2, ''); INSERT INTO m VALUES (20);
        SAVEPOINT `b c`; INSERT INTO t VALUES (3, '');
        ROLLBACK TO SAVEPOINT a; INSERT INTO t VALUES (4, '');
        SAVEPOINT a; INSERT INTO t VALUES (5, ''); INSERT INTO m VALUES (50); ROLLBACK WORK TO a;
        INSERT INTO t VALUES (6, ''); COMMIT;
        INSERT INTO t VALUES (7, '');""")
    undone_in_the_log(pipe)
    events = agreed(pipe, second, "t", "m")
    assert [e["after"]["id"] for e in events if e["table"] == "t"] == [1, 4, 6, 7]
    assert [e["after"]["id"] for e in events if e["table"] == "m"] == [20, 50]
    restart(pipe)
    assert pipe.events() == events


def test_transactions__savepoints_are_found_whatever_the_case_of_their_letters(mixing):
    """MySQL scenario 62: the server compares their names as it compares words, also beyond ASCII."""
    pipe = mixing
    pipe.start()
    pipe.run("BEGIN; SAVEPOINT `Größe`; INSERT INTO t VALUES (1, ''); INSERT INTO m VALUES (1);"
             "ROLLBACK TO `GRÖßE`; INSERT INTO t VALUES (2, ''); COMMIT;")
    undone_in_the_log(pipe)
    assert ids(pipe) == [2] and pipe.difference("t", "m").equal


def test_transactions__tables_without_transactions_are_delivered_at_once(any_my_pipe):
    """MySQL scenario 63."""
    pipe = any_my_pipe
    pipe.run("CREATE TABLE m (id int PRIMARY KEY) ENGINE=MyISAM")
    second = pipe.oracle()
    pipe.start()
    pipe.run("INSERT INTO m VALUES (1), (2); UPDATE m SET id = 3 WHERE id = 1; DELETE FROM m WHERE id = 2;")
    assert ("Query", "COMMIT") in logged(pipe)
    events = agreed(pipe, second, "m")
    assert rows(events) == [("create", "m", 1), ("create", "m", 2), ("update", "m", 3), ("delete", "m", 2)]
    assert len({e["tx"]["id"] for e in events}) == 3


def test_transactions__a_failed_statement_of_such_a_table_tells_what_it_did(any_my_pipe):
    """MySQL scenario 63: MyISAM keeps the rows in front of the one that fails."""
    pipe = any_my_pipe
    pipe.run("CREATE TABLE m (id int PRIMARY KEY) ENGINE=MyISAM")
    second = pipe.oracle()
    pipe.start()
    pipe.sql("INSERT INTO m VALUES (3)")
    with pytest.raises(Exception, match="Duplicate"):
        pipe.sql("INSERT INTO m VALUES (1), (2), (3), (4)")
    assert [e["after"]["id"] for e in agreed(pipe, second, "m")] == [3, 1, 2]


def test_transactions__a_mixed_rollback_keeps_what_cannot_be_undone(mixing):
    """MySQL scenario 64."""
    pipe, second = mixing, mixing.oracle()
    pipe.start()
    pipe.run("""
        BEGIN; INSERT INTO t VALUES (1, ''); INSERT INTO m VALUES (1); INSERT INTO t VALUES (2, ''); ROLLBACK;
        BEGIN; INSERT INTO m VALUES (2); INSERT INTO t VALUES (3, ''); ROLLBACK;
        INSERT INTO t VALUES (5, ''); INSERT INTO m VALUES (5);
        BEGIN; UPDATE t JOIN m USING (id) SET t.v = 'both', m.id = 6; ROLLBACK;
        BEGIN; INSERT INTO m VALUES (7); INSERT INTO t VALUES (7, ''); COMMIT;""")
    events = agreed(pipe, second, "t", "m")
    assert [e["after"]["id"] for e in events if e["table"] == "t"] == [5, 7]
    assert [e["after"]["id"] for e in events if e["table"] == "m"] == [1, 2, 5, 6, 7]


def test_transactions__a_group_that_ends_in_rollback_is_dropped(any_my_pipe):
    """MySQL scenario 65: a temporary table in a rolled-back transaction brings its rows into the log."""
    pipe = any_my_pipe
    pipe.run(TABLE)
    pipe.start()
    pipe.run("""
        BEGIN; INSERT INTO t VALUES (1, ''); CREATE TEMPORARY TABLE tt (a int); DROP TEMPORARY TABLE tt; ROLLBACK;""")
    if pipe.server.mariadb:  # MySQL writes no such group
        assert ("Query", "ROLLBACK") in logged(pipe)
    pipe.leat.wait_caught_up()
    pipe.sql("INSERT INTO t VALUES (2, '')")
    assert ids(pipe) == [2] and pipe.difference("t").equal


# --- XA -------------------------------------------------------------------------------------------


def xa(name, statements, end="PREPARE"):
    text = f"XA START '{name}'; {statements} XA END '{name}';"
    return text + (f"XA COMMIT '{name}' ONE PHASE;" if end == "ONE PHASE" else f"XA {end} '{name}';")


@pytest.fixture
def decided(my_servers):
    """Prepared transactions are the server's: what a failed test leaves would hold locks for the next one."""
    yield
    for server in my_servers.running.values():
        for row in server.sql("XA RECOVER"):
            server.sql(f"XA ROLLBACK '{row[3]}'")


def test_xa__rows_come_when_they_are_committed_and_not_when_prepared(any_my_pipe, decided):
    """MySQL scenario 66."""
    pipe = any_my_pipe
    pipe.run(TABLE)
    second = pipe.oracle()
    pipe.start()
    pipe.run(xa("a", "INSERT INTO t VALUES (1, 'a');"))
    pipe.run("INSERT INTO t VALUES (2, '')")
    pipe.run(xa("b", "INSERT INTO t VALUES (3, 'b');"))
    pipe.run(xa("one", "INSERT INTO t VALUES (4, '');", "ONE PHASE"))
    assert ids(pipe) == [2, 4]
    pipe.sql("XA ROLLBACK 'b'")
    pipe.sql("XA COMMIT 'a'")
    pipe.sql("INSERT INTO t VALUES (5, '')")
    assert [e["after"]["id"] for e in agreed(pipe, second, "t")] == [2, 4, 1, 5]
    assert token(pipe)["parked"] == "0"


def test_xa__several_are_decided_in_another_order_and_through_kills(any_my_pipe, decided):
    """MySQL scenario 66: each is decided by a daemon that did not see it being prepared."""
    pipe = any_my_pipe
    pipe.run(TABLE)
    second = pipe.oracle()
    pipe.start()
    for number, name in enumerate("abcd"):
        pipe.run(xa(name, f"INSERT INTO t VALUES ({number}, '{name}');"))
        pipe.sql("INSERT INTO t VALUES (%s, '')", 10 + number)
    assert ids(pipe) == [10, 11, 12, 13] and token(pipe)["parked"] == "4"
    restart(pipe)
    pipe.sql("XA COMMIT 'c'")
    pipe.sql("INSERT INTO t VALUES (20, '')")
    assert ids(pipe) == [10, 11, 12, 13, 2, 20]
    restart(pipe)
    pipe.sql("XA ROLLBACK 'a'")
    pipe.sql("XA COMMIT 'd'")
    pipe.leat.wait_caught_up()
    restart(pipe)
    pipe.run(xa("a", "INSERT INTO t VALUES (30, 'again');"))  # a name that is free again
    restart(pipe)
    pipe.sql("XA COMMIT 'b'")
    pipe.sql("XA COMMIT 'a'")
    pipe.sql("INSERT INTO t VALUES (21, '')")
    events = agreed(pipe, second, "t")
    assert [e["after"]["id"] for e in events] == [10, 11, 12, 13, 2, 20, 3, 1, 30, 21]
    assert len({e["id"] for e in events}) == len(events) and token(pipe)["parked"] == "0"
    restart(pipe)
    pipe.sql("INSERT INTO t VALUES (22, '')")
    assert pipe.events()[:-1] == events


def test_xa__prepared_by_position_alone(mixing):
    """MySQL scenario 66, with resume: position."""
    pipe = mixing
    pipe.start(resume="position")
    pipe.run(xa("p1", "INSERT INTO t VALUES (1, '');"))
    pipe.run("INSERT INTO t VALUES (2, '')")
    pipe.run(xa("p2", "INSERT INTO t VALUES (3, '');"))
    assert ids(pipe) == [2]
    restart(pipe)
    pipe.sql("XA COMMIT 'p2'")
    assert ids(pipe) == [2, 3]
    restart(pipe)
    pipe.sql("XA COMMIT 'p1'")
    pipe.sql("INSERT INTO t VALUES (4, '')")
    assert ids(pipe) == [2, 3, 1, 4]


@pytest.mark.parametrize("version", ["mariadb-10.11", "mysql-9"])
def test_xa__prepared_ones_survive_the_server_and_the_daemon(pair, version):
    """MySQL scenario 66: the server crashes, its log begins new files, the daemon is killed; MySQL's transactions are
    compressed here, their names and rows inside."""
    options = {} if version.startswith("mariadb") else {"binlog_transaction_compression": "ON"}
    pipe = pair(version, {"heartbeat": "1s"}, **options)
    pipe.start()
    for name, identity in (("a", "'a'"), ("b", "'b','br',7"), ("c", "0x00ff27,'',2147483647")):
        pipe.run(f"XA START {identity}; INSERT INTO t VALUES ({ord(name)}, '{name}'); XA END {identity};"
                 f"XA PREPARE {identity};")
    pipe.leat.wait_caught_up()
    pipe.server.kill9()
    pipe.server.start()
    pipe.leat.wait_streaming()
    pipe.sql("INSERT INTO t VALUES (1, '')")
    pipe.leat.wait_caught_up()
    pipe.server.flush_logs()
    restart(pipe)
    pipe.sql("XA COMMIT 0x00ff27,'',2147483647")
    pipe.sql("XA COMMIT 'b','br',7")
    pipe.leat.wait_caught_up()
    pipe.server.flush_logs()
    pipe.leat.wait_caught_up()
    restart(pipe)
    pipe.leat.wait_caught_up()
    pipe.sql("XA COMMIT 'a'")
    assert ids(pipe) == [1, 99, 98, 97] and pipe.difference("t").equal


def test_xa__prepared_before_the_source_began_is_a_named_stop(any_my_pipe, decided):
    """MySQL scenario 66: its rows are in a log that nobody has read. on_gap: stop."""
    pipe = any_my_pipe
    pipe.run(TABLE)
    pipe.run(xa("early", "INSERT INTO t VALUES (1, '');"))
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (2, '')")
    pipe.leat.wait_caught_up()
    pipe.sql("XA COMMIT 'early'")
    line = pipe.wait_error("prepared before this source began")
    assert "on_gap: record" in line
    assert [e["after"]["id"] for e in pipe.leat.tail()] == [2]
    pipe.leat.kill9()
    pipe.start(on_gap="record")
    pipe.sql("INSERT INTO t VALUES (3, '')")
    events = pipe.events()
    assert [e["op"] for e in events] == ["create", "gap", "create"]
    assert "prepared before this source began" in str(events[1]) and "xa_unknown" in str(events[1])
    restart(pipe)
    pipe.sql("INSERT INTO t VALUES (4, '')")
    assert pipe.events()[:-1] == events


def test_xa__without_rows_or_rolled_back_before_the_start_says_nothing(any_my_pipe, decided):
    """MySQL scenario 66: there is nothing to lose in them, so nothing may stop."""
    pipe = any_my_pipe
    pipe.run(TABLE)
    pipe.run(xa("early", "INSERT INTO t VALUES (1, '');"))
    pipe.start()
    pipe.sql("XA ROLLBACK 'early'")
    pipe.run(xa("empty", "SELECT 1;") + "XA COMMIT 'empty';")
    pipe.run(xa("empty2", "SELECT 1;") + "XA ROLLBACK 'empty2';")
    pipe.run(xa("undone", "INSERT INTO t VALUES (1, '');", "ROLLBACK"))
    pipe.run("INSERT INTO t VALUES (2, '')")
    assert ids(pipe) == [2]


def test_xa__of_tables_without_transactions(mixing):
    """MySQL scenario 66: MyISAM's rows are committed before anything is prepared."""
    pipe = mixing
    pipe.start()
    pipe.run(xa("mm", "INSERT INTO m VALUES (1);") + "XA COMMIT 'mm';")
    pipe.run(xa("mr", "INSERT INTO m VALUES (2); INSERT INTO t VALUES (1, '');") + "XA ROLLBACK 'mr';")
    pipe.run("INSERT INTO t VALUES (2, '')")
    assert ids(pipe) == [2] and pipe.difference("t", "m").equal


# --- long transactions ----------------------------------------------------------------------------


def fill(pipe, count, extra="", size=128):
    """One transaction of so many rows of text that does not compress, in one statement, and what a test wants behind it."""
    numbers = f"SELECT seq AS i FROM seq_1_to_{count}"
    before = ""
    if not pipe.server.mariadb:
        before = f"SET SESSION cte_max_recursion_depth = {count + 1};"
        numbers = f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n"
    text = ", ".join(f"sha2(concat(i, '{part}'), 512)" for part in range(size // 128))
    pipe.run(f"{before} BEGIN; INSERT INTO t SELECT i, concat({text}) FROM ({numbers}) AS s; {extra} COMMIT;")


def test_long__a_transaction_beyond_its_memory_spills_and_is_whole(each_pipe):
    """MySQL scenario 67: savepoints are undone in what lies in the file, too."""
    pipe = each_pipe
    pipe.run(TABLE)
    pipe.start(transaction_memory="1MiB")
    fill(pipe, 15000, "SAVEPOINT s; UPDATE t SET v = 'undone'; ROLLBACK TO s; UPDATE t SET v = 'x' WHERE id > 14000;")
    pipe.sql("INSERT INTO t VALUES (0, 'after')")
    events = pipe.events()
    assert len({e["tx"]["id"] for e in events[:-1]}) == 1
    assert [e["ordinal"] for e in events] == [*range(16000), 0]
    assert pipe.difference("t", events=events).equal
    assert not list(pipe.leat.store_dir.rglob("spill-*"))


def test_long__undone_savepoints_are_cut_out_of_the_file(mixing):
    """MySQL scenario 62, 67: the mark lies in the file when the savepoint is undone, or in memory."""
    pipe = mixing
    pipe.start(transaction_memory="1MiB")
    fill(pipe, 10000, "SAVEPOINT a; INSERT INTO m VALUES (1); UPDATE t SET v = repeat('u', 90); ROLLBACK TO a;"
         "UPDATE t SET v = 'k' WHERE id < 10; SAVEPOINT b; INSERT INTO m VALUES (2); DELETE FROM t WHERE id < 20; ROLLBACK TO b;")
    events = pipe.events()
    assert len([e for e in events if e["table"] == "t"]) == 10009 and pipe.difference("t", "m", events=events).equal


def kill_in_the_middle(pipe, count, act):
    """Does something that commits a transaction of so many rows, and kills the daemon while the store has a beginning of it;
    returns what the store has. The daemon runs for some milliseconds at a time, and stands still while we look."""
    os.kill(pipe.leat.pid, signal.SIGSTOP)
    act()
    end = pipe.server.log_end()

    def looked():
        os.kill(pipe.leat.pid, signal.SIGCONT)
        time.sleep(0.002)
        os.kill(pipe.leat.pid, signal.SIGSTOP)
        now = token(pipe)
        assert mytap.place(now) < mytap.file_order(*end), "all of it was stored at once"
        return now["transaction"] != "-" and int(now["rows"]) < count
    places.wait_until(looked, 30, "a beginning in the store", 0)
    pipe.leat.kill9()
    return pipe.leat.tail(schema=True)


def test_long__a_kill_in_the_middle_of_a_batch_loses_and_repeats_nothing(each_pipe):
    """MySQL scenario 87, 88: the beginning that is stored stays, the rest comes, under the same identity."""
    pipe, count = each_pipe, 15_000
    pipe.run(TABLE)
    pipe.start()
    stored = kill_in_the_middle(pipe, count, lambda: fill(pipe, count, size=512))
    begun = [e for e in stored if e["op"] == "create"]
    assert 0 < len(begun) < count and int(token(pipe)["rows"]) == len(begun)
    pipe.leat.start()
    events = pipe.events(60)
    assert events[:len(begun)] == begun
    assert [e["after"]["id"] for e in events] == list(range(1, count + 1))
    assert [e["ordinal"] for e in events] == list(range(count))
    assert len({e["tx"]["id"] for e in events}) == 1 and len({e["id"] for e in events}) == count


def test_long__a_kill_in_the_middle_of_a_prepared_one(each_pipe, decided):
    """MySQL scenario 66, 88: its rows come from an older place of the log than the decision that they belong to."""
    pipe, count = each_pipe, 15_000
    pipe.run(TABLE + "; CREATE TABLE u LIKE t;")
    pipe.start()
    fill(pipe, count, size=512)
    pipe.leat.wait_caught_up()
    pipe.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;" + xa("long", "INSERT INTO u SELECT * FROM t;"))
    pipe.sql("INSERT INTO t VALUES (0, '')")
    pipe.leat.wait_caught_up()
    kill_in_the_middle(pipe, count, lambda: pipe.run("XA COMMIT 'long'; INSERT INTO t VALUES (-1, '')"))
    pipe.leat.start()
    events = pipe.events(60)[count:]
    assert [e["after"]["id"] for e in events] == [0, *range(1, count + 1), -1]
    assert [e["ordinal"] for e in events] == [0, *range(count), 0]
    assert len({e["tx"]["id"] for e in events}) == 3 and len({e["id"] for e in events}) == count + 2


@pytest.mark.slow
def test_long__hundreds_of_mebibytes_take_bounded_memory(my_pipe):
    """MySQL scenario 67: 400,000 rows of 900 bytes in one transaction; private memory stays below 128 MiB."""
    pipe = my_pipe
    pipe.run(TABLE)
    pipe.start()
    with leatd.MemorySampler(pipe.leat.pid) as memory:
        fill(pipe, 400_000, size=896)
        pipe.leat.wait_caught_up(120)
    assert memory.peak <= 128 * MIB, f"{memory.peak / MIB:.0f} MiB"
    path, count, transactions = pipe.leat.root / "stream", 0, set()
    assert pipe.leat.tail_to(path) == 0
    with open(path) as lines:
        for line in lines:
            if '"op":"create"' in line:
                count += 1
                assert f'"after":{{"id":{count},' in line
                transactions.add(line.split('"tx":{"id":"', 1)[1].split('"', 1)[0])
    assert count == 400_000 and len(transactions) == 1


# --- groups without rows of ours ------------------------------------------------------------------


def test_empty__transactions_without_rows_move_the_offset(mysql_server, open_my_pipe):
    """MySQL scenario 68: a GTID that is skipped by hand is in the set from then on."""
    pipe = open_my_pipe(mysql_server)
    pipe.run(TABLE)
    pipe.start()
    number = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee:77"
    pipe.run(f"SET GTID_NEXT = '{number}'; BEGIN; COMMIT; SET GTID_NEXT = 'AUTOMATIC';")
    pipe.leat.wait_caught_up()
    assert pipe.leat.tail(schema=True) == [] and number in token(pipe)["gtids"]
    restart(pipe)
    pipe.run("INSERT INTO t VALUES (1, '')")
    assert ids(pipe) == [1] and number in token(pipe)["gtids"]


def statements_of(pipe):
    """The stored DDL; announcements of tables have columns and no text."""
    return [e["text"] for e in pipe.events(schema=True) if e["op"] == "schema" and "text" in e]


def test_noise__what_is_about_no_table_says_nothing_and_moves_the_offset(any_my_pipe):
    """MySQL scenario 71."""
    pipe = any_my_pipe
    pipe.run(TABLE + "; CREATE TABLE plain (id int PRIMARY KEY);")
    pipe.start()
    sequences = "CREATE SEQUENCE sq; SELECT NEXTVAL(sq); DROP SEQUENCE sq;" if pipe.server.mariadb else ""
    name = f"noise_{pipe.database}"
    pipe.run(f"""
        CREATE TEMPORARY TABLE tt (a int); INSERT INTO tt VALUES (1); ALTER TABLE tt ADD b int; TRUNCATE tt;
        CREATE TEMPORARY TABLE t (id int); INSERT INTO t VALUES (9); DROP TEMPORARY TABLE t; DROP TABLE tt;
        ANALYZE TABLE t; OPTIMIZE TABLE t; FLUSH TABLES; {sequences}
        CREATE USER {name}; GRANT SELECT ON t TO {name}; REVOKE SELECT ON t FROM {name}; DROP USER {name};
        CREATE VIEW vw AS SELECT * FROM t; CREATE OR REPLACE VIEW vw AS SELECT id FROM t; DROP VIEW vw;
        CREATE PROCEDURE pr() BEGIN INSERT INTO t VALUES (5, 'by procedure'); END; CALL pr(); DROP PROCEDURE pr;
        CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW INSERT INTO plain VALUES (NEW.id);
        CREATE FUNCTION fn() RETURNS int DETERMINISTIC NO SQL RETURN 1;""")
    pipe.run("INSERT INTO t VALUES (6, '')")
    events = pipe.events(schema=True)
    assert rows([e for e in events if e["op"] != "schema"]) == [("create", "t", 5), ("create", "t", 6),
                                                                ("create", "plain", 6)]
    assert statements_of(pipe) == []
    assert pipe.difference("t", "plain").equal


def test_ctas__the_table_and_its_rows_come_together(any_my_pipe):
    """MySQL scenario 69."""
    pipe = any_my_pipe
    pipe.run(TABLE + "; INSERT INTO t VALUES (1, 'a'), (2, 'b');")
    second = pipe.oracle()
    pipe.start()
    pipe.run("CREATE TABLE u (PRIMARY KEY (id)) AS SELECT id, concat(v, v) AS w FROM t; INSERT INTO u VALUES (3, 'c');")
    events = [e for e in agreed(pipe, second, "u")]
    assert [(e["after"]["id"], e["after"]["w"]) for e in events] == [(1, "aa"), (2, "bb"), (3, "c")]
    stored = pipe.events(schema=True)
    first = next(e for e in stored if e["op"] == "schema")
    assert first["tx"]["id"] == events[0]["tx"]["id"] == events[1]["tx"]["id"] != events[2]["tx"]["id"]
    assert len(statements_of(pipe)) == 1 and statements_of(pipe)[0].upper().startswith("CREATE TABLE")


def test_ctas__a_kill_in_its_middle_repeats_nothing(each_pipe):
    """MySQL scenario 69, 88: nor the statement."""
    pipe, count = each_pipe, 15_000
    pipe.run(TABLE)
    fill(pipe, count, size=512)
    pipe.start()
    kill_in_the_middle(pipe, count, lambda: pipe.run("CREATE TABLE u (PRIMARY KEY (id)) AS SELECT id, v FROM t;"))
    pipe.leat.start()
    assert [e["after"]["id"] for e in pipe.events(60)] == list(range(1, count + 1))
    assert len(statements_of(pipe)) == 1


# --- statements in place of rows ------------------------------------------------------------------


def test_statements__without_rows_stop_by_default(any_my_pipe):
    """MySQL scenario 70."""
    pipe = any_my_pipe
    pipe.run(TABLE)
    pipe.start()
    pipe.run("INSERT INTO t VALUES (1, '')")
    pipe.leat.wait_caught_up()
    pipe.run("SET SESSION binlog_format = STATEMENT; INSERT INTO t VALUES (2, '');")
    line = pipe.wait_error("logged as a statement")
    assert pipe.database in line and "binlog_format" in line and "statements: warn" in line
    assert [e["after"]["id"] for e in pipe.leat.tail()] == [1]
    pipe.leat.kill9()
    pipe.start(statements="warn")
    pipe.run("INSERT INTO t VALUES (3, '')")
    assert ids(pipe) == [1, 3]
    pipe.wait_error("statement without rows")


def test_statements__of_databases_that_are_not_ours_are_let_by(any_my_pipe):
    """MySQL scenario 70: a monitoring tool's statements, and those of other databases, stop nothing."""
    pipe = any_my_pipe
    other = pipe.server.create_database(f"other_{pipe.database}")
    pipe.run(TABLE + f"; CREATE TABLE {other}.u (id int PRIMARY KEY);")
    pipe.start()
    pipe.run(f"SET SESSION binlog_format = STATEMENT; USE {other}; INSERT INTO u VALUES (2);")
    pipe.sql("INSERT INTO t VALUES (1, '')")
    assert ids(pipe) == [1]
    pipe.server.drop_database(other)


def test_statements__from_another_default_database_are_noticed(any_my_pipe):
    """MySQL scenario 70: the statement names our table, the session stands elsewhere."""
    pipe = any_my_pipe
    other = pipe.server.create_database(f"other_{pipe.database}")
    pipe.run(TABLE)
    pipe.start()
    pipe.run(f"SET SESSION binlog_format = STATEMENT; USE {other}; INSERT INTO {pipe.database}.t VALUES (2, '');")
    pipe.wait_error("logged as a statement")
    pipe.server.drop_database(other)


def test_statements__a_table_made_of_a_selection_has_rows_too(any_my_pipe):
    """MySQL scenario 69, 70: logged as a statement, CREATE TABLE … SELECT brings no rows along."""
    pipe = any_my_pipe
    pipe.run(TABLE + "; INSERT INTO t VALUES (1, '');")
    pipe.start()
    pipe.run("SET SESSION binlog_format = STATEMENT; CREATE TABLE blank (id int PRIMARY KEY); CREATE TABLE v LIKE t;")
    assert len(statements_of(pipe)) == 2
    pipe.run("SET SESSION binlog_format = STATEMENT; CREATE TABLE u AS SELECT * FROM t;")
    pipe.wait_error("logged as a statement")


def test_statements__a_file_that_was_loaded_is_noticed(my_pipe):
    """MySQL scenario 70: LOAD DATA is logged as the file's bytes and a statement."""
    pipe = my_pipe
    pipe.run(TABLE)
    file = pipe.server.data / f"{pipe.database}.txt"
    file.write_text("1\tone\n")
    file.chmod(0o644)
    pipe.start()
    pipe.run(f"LOAD DATA INFILE '{file}' INTO TABLE t")
    assert ids(pipe) == [1]
    pipe.run(f"DELETE FROM t; SET SESSION binlog_format = STATEMENT; LOAD DATA INFILE '{file}' INTO TABLE t")
    pipe.wait_error("logged as a statement")
