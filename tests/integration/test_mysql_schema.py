"""Changes of tables in MySQL and MariaDB: each row with the names of its time, also where the log has no names. Numbers are
those of the MySQL conformance list.

What a row must be is written beside the statement that wrote it. Without names in the log (`schema: catalogue`) leat may
stop, by name; what it must never do is to give a value to the wrong column, so every stored row is compared.
"""
import random
import threading

import pymysql
import pytest

from tests.integration.mysql_fixtures import had
from tests.support import mytypes, places
from tests.support.mysqlserver import MyServer

TABLE = "CREATE TABLE t (id int PRIMARY KEY, a int, b varchar(20))"
HISTORY = [  # a statement, and the row of t that it makes
    ("INSERT INTO t VALUES (1, 11, 'x')", {"id": 1, "a": 11, "b": "x"}),
    ("ALTER TABLE t ADD COLUMN c int DEFAULT 5", None),
    ("INSERT INTO t (id, a, b) VALUES (2, 21, 'y')", {"id": 2, "a": 21, "b": "y", "c": 5}),
    ("ALTER TABLE t ADD COLUMN first_one int FIRST, MODIFY b varchar(30) AFTER id", None),
    ("INSERT INTO t VALUES (9, 3, 'z', 31, 32)", {"first_one": 9, "id": 3, "b": "z", "a": 31, "c": 32}),
    ("ALTER TABLE t DROP COLUMN first_one, CHANGE a aa bigint", None),
    ("INSERT INTO t VALUES (4, 'w', 9000000000, 42)", {"id": 4, "b": "w", "aa": 9000000000, "c": 42}),
    ("ALTER TABLE t RENAME COLUMN aa TO c, RENAME COLUMN c TO aa", None),
    ("INSERT INTO t VALUES (5, 'v', 51, 52)", {"id": 5, "b": "v", "c": 51, "aa": 52}),
    ("ALTER TABLE t MODIFY b varbinary(30)", None),
    ("INSERT INTO t VALUES (6, x'ff', 61, 62)", {"id": 6, "b": "/w==", "c": 61, "aa": 62}),
    ("ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (c)", None),
    ("INSERT INTO t VALUES (7, 'u', 71, 72)", {"id": 7, "b": "dQ==", "c": 71, "aa": 72}),
]
BARE = {"mariadb-10.11": "NO_LOG", "mysql-9": "MINIMAL"}


@pytest.fixture(scope="module", params=list(BARE))
def bare_server(request):
    """A server whose log has no names of columns."""
    server = MyServer(places.scratch(request.param), had(request.param), {"binlog_row_metadata": BARE[request.param]})
    yield server.start()
    server.remove()


@pytest.fixture
def bare(open_my_pipe, bare_server):
    return open_my_pipe(bare_server, schema="catalogue", heartbeat="1s")


@pytest.fixture(scope="module")
def folding_server():
    server = MyServer(places.scratch("folding"), options={"lower_case_table_names": "1"}).start()
    yield server
    server.remove()


def statements(pipe):
    """The stored DDL; announcements of tables have columns and no text."""
    return [e["text"] for e in pipe.events(schema=True) if e["op"] == "schema" and "text" in e]


def run_history(pipe, wait=False):
    """One statement after the other; returns the rows that must come."""
    for text, _ in HISTORY:
        pipe.sql(text)
        if wait:
            pipe.leat.wait_caught_up()
    return [row for _, row in HISTORY if row]


def stop_and_run(pipe, script):
    """What happens to the tables while the daemon is down."""
    pipe.leat.wait_caught_up()
    pipe.leat.kill9()
    pipe.run(script)
    pipe.leat.spawn()


def gaps(pipe):
    return [e for e in pipe.events() if e["op"] == "gap"]


# --- with names in the log ------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["running", "stopped"])
def test_schema__each_row_has_the_columns_of_its_time(any_my_pipe, when):
    """MySQL scenario 72, 73, 85: the table is made after the start, the daemon runs or is down."""
    pipe = any_my_pipe
    pipe.start()
    pipe.run(TABLE)
    if when == "stopped":
        pipe.leat.wait_caught_up()
        pipe.leat.kill9()
    expected = run_history(pipe)
    if when == "stopped":
        pipe.leat.start()
    events = pipe.of("t")
    assert [e["after"] for e in events] == expected
    assert [e["key"] for e in events] == [["id"]] * 6 + [["c"]]
    assert statements(pipe) == [TABLE] + [text for text, row in HISTORY if not row]
    announced = [[c["name"] for c in e["columns"]] for e in pipe.events(schema=True)
                 if e["op"] == "schema" and e.get("table") == "t"]
    shapes = [list(row) for row in expected]
    assert announced == [shape for i, shape in enumerate(shapes) if i == 0 or shape != shapes[i - 1] or i >= 5]


def test_schema__columns_added_and_dropped_in_place(any_my_pipe):
    """MySQL scenario 75: old rows of the table keep their old form on the disk, which the log does not show."""
    pipe = any_my_pipe
    pipe.run(TABLE + "; INSERT INTO t VALUES (1, 1, 'before');")
    pipe.start()
    pipe.run("ALTER TABLE t ADD COLUMN c int DEFAULT 7, ALGORITHM=INSTANT; UPDATE t SET a = 2;"
             "ALTER TABLE t DROP COLUMN a, ALGORITHM=INSTANT; UPDATE t SET c = 8; DELETE FROM t;")
    events = pipe.of("t")
    assert [e.get("before") for e in events] == [
        {"id": 1, "a": 1, "b": "before", "c": 7}, {"id": 1, "b": "before", "c": 7}, {"id": 1, "b": "before", "c": 8}]
    assert [e.get("after") for e in events] == [
        {"id": 1, "a": 2, "b": "before", "c": 7}, {"id": 1, "b": "before", "c": 8}, None]


def test_schema__renamed_tables_and_databases(any_my_pipe):
    """MySQL scenario 76: a swap in one statement, and from one database into another."""
    pipe, other = any_my_pipe, any_my_pipe.server.create_database(f"other_{any_my_pipe.database}")
    pipe.run("CREATE TABLE a (id int PRIMARY KEY, x int); CREATE TABLE b (id int PRIMARY KEY, y int);")
    pipe.start()
    pipe.run(f"""
        INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 2);
        RENAME TABLE a TO tmp, b TO a, tmp TO b; INSERT INTO a VALUES (2, 3); INSERT INTO b VALUES (2, 4);
        RENAME TABLE a TO {other}.a; INSERT INTO {other}.a VALUES (3, 5);
        ALTER TABLE {other}.a RENAME TO {pipe.database}.c, ADD z int; INSERT INTO c VALUES (4, 6, 7);""")
    assert [(e["table"], e["after"]) for e in pipe.events()] == [
        ("a", {"id": 1, "x": 1}), ("b", {"id": 1, "y": 2}), ("a", {"id": 2, "y": 3}), ("b", {"id": 2, "x": 4}),
        ("c", {"id": 4, "y": 6, "z": 7})]
    assert len(statements(pipe)) == 3
    pipe.server.drop_database(other)


def test_schema__a_table_dropped_and_made_again_is_another(any_my_pipe):
    """MySQL scenario 78, 83: also with the members of an ENUM in another order."""
    pipe = any_my_pipe
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, e enum('a','c'))")
    pipe.start()
    stop_and_run(pipe, """
        INSERT INTO t VALUES (1, 'c'); ALTER TABLE t MODIFY e enum('a','b','c'); INSERT INTO t VALUES (2, 'c');
        UPDATE t SET e = 'b' WHERE id = 1; DROP TABLE t; CREATE TABLE t (e char(3) PRIMARY KEY, id enum('7','8'));
        INSERT INTO t VALUES ('new', '8'); CREATE OR REPLACE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (9);"""
                 .replace("CREATE OR REPLACE", "CREATE OR REPLACE" if pipe.server.mariadb else "DROP TABLE t; CREATE"))
    events = pipe.of("t")
    assert [e["after"] for e in events] == [{"id": 1, "e": "c"}, {"id": 2, "e": "c"}, {"id": 1, "e": "b"},
                                            {"e": "new", "id": "8"}, {"id": 9}]
    assert events[2]["before"] == {"id": 1, "e": "c"} and events[3]["key"] == ["e"]


def test_schema__an_online_tool_cuts_over_under_load(any_my_pipe):
    """MySQL scenario 77: triggers fill a copy, one RENAME exchanges the tables; no row of the copy is told."""
    pipe = any_my_pipe
    pipe.run(TABLE)
    pipe.start(exclude_tables=[f"{pipe.database}._t_*"])
    ended, written, failed = threading.Event(), [], []

    def load():
        connection = pipe.server.connect(pipe.database)
        with connection.cursor() as cursor:
            while not ended.is_set():
                try:
                    cursor.execute("INSERT INTO t (id, a, b) VALUES (%s, %s, 'load')", (len(written), len(written)))
                    written.append(len(written))
                except pymysql.Error as e:
                    failed.append(e)
                    return
    writer = threading.Thread(target=load, daemon=True)
    writer.start()
    places.wait_until(lambda: len(written) > 100, 20, "rows before the tool begins")
    pipe.run("""
        CREATE TABLE _t_new LIKE t; ALTER TABLE _t_new ADD COLUMN c int NOT NULL DEFAULT 7, MODIFY b varchar(50) FIRST;
        CREATE TRIGGER pt_ins AFTER INSERT ON t FOR EACH ROW REPLACE INTO _t_new (id, a, b) VALUES (NEW.id, NEW.a, NEW.b);
        INSERT IGNORE INTO _t_new (id, a, b) SELECT id, a, b FROM t LOCK IN SHARE MODE;""")
    count = len(written)
    places.wait_until(lambda: len(written) > count + 50, 20, "rows while both are filled")
    pipe.run("RENAME TABLE t TO _t_old, _t_new TO t; DROP TRIGGER pt_ins; DROP TABLE _t_old;")
    count = len(written)
    places.wait_until(lambda: len(written) > count + 50, 20, "rows behind the exchange")
    ended.set()
    writer.join(20)
    events = pipe.events()
    assert failed == [] and [e["after"]["id"] for e in events] == written
    assert {e["table"] for e in events} == {"t"}
    shapes = [tuple(e["after"]) for e in events]
    first = shapes.index(("b", "id", "a", "c"))
    assert set(shapes[:first]) == {("id", "a", "b")} and set(shapes[first:]) == {("b", "id", "a", "c")}


def test_schema__truncate_and_partitions(any_my_pipe):
    """MySQL scenario 79: rows that go without row events are told as truncate, or as a gap that names the statement."""
    pipe = any_my_pipe
    pipe.run("CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), "
             "PARTITION p1 VALUES LESS THAN (20), PARTITION p2 VALUES LESS THAN (30)); CREATE TABLE x (id int PRIMARY KEY);")
    pipe.start()
    pipe.run("""
        INSERT INTO t VALUES (1), (11), (21); ALTER TABLE t ADD PARTITION (PARTITION p3 VALUES LESS THAN (40));
        ALTER TABLE t DROP PARTITION p0; ALTER TABLE t TRUNCATE PARTITION p1;
        ALTER TABLE t EXCHANGE PARTITION p2 WITH TABLE x; ALTER TABLE t ENGINE=InnoDB; INSERT INTO t VALUES (12);
        TRUNCATE TABLE t; INSERT INTO t VALUES (13);""")
    events = pipe.events()
    assert [(e["op"], e.get("table")) for e in events if e["op"] != "gap"] == [
        ("create", "t")] * 4 + [("truncate", "t"), ("create", "t")]
    assert [e["op"] for e in events] == ["create"] * 3 + ["gap"] * 3 + ["create", "truncate", "create"]
    assert all("rows_discarded" in str(e) for e in gaps(pipe))
    for event, words in zip(gaps(pipe), ("DROP PARTITION p0", "TRUNCATE PARTITION p1", "EXCHANGE PARTITION p2")):
        assert words in str(event)
    assert len({e["id"] for e in pipe.events(schema=True)}) == len(pipe.events(schema=True))


def test_schema__a_database_that_goes_and_comes_again(any_my_pipe):
    """MySQL scenario 80."""
    pipe = any_my_pipe
    pipe.start(tables=[f"{pipe.database}*.*"])
    extra = pipe.database + "_x"
    pipe.run(f"CREATE DATABASE {extra}; CREATE TABLE {extra}.t (id int PRIMARY KEY); INSERT INTO {extra}.t VALUES (1);"
             f"DROP DATABASE {extra}; CREATE DATABASE {extra}; CREATE TABLE {extra}.t (v char(3) PRIMARY KEY);"
             f"INSERT INTO {extra}.t VALUES ('two'); DROP DATABASE {extra};")
    events = pipe.events()
    assert [(e["db"], e["after"]) for e in events] == [(extra, {"id": 1}), (extra, {"v": "two"})]
    assert [text.split()[0] + " " + text.split()[1] for text in statements(pipe)] == [
        "CREATE DATABASE", "CREATE TABLE", "DROP DATABASE", "CREATE DATABASE", "CREATE TABLE", "DROP DATABASE"]


WRITTEN = [  # TRUNCATE, because what is not recognised leaves no truncate event
    "truncate t", "/* hi */ TRUNCATE /* c */ TABLE `t` -- why", "/*!50000 TRUNCATE */ /*!99999 nothing */ t",
    "# line\nTruncate /*!40000 table */ `t`;", "SET SESSION sql_mode = 'ANSI_QUOTES'; TRUNCATE TABLE \"t\"",
    "TRUNCATE TABLE `{db}` . `t`", "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'; TRUNCATE /* \\' */ TABLE t",
]
WRITTEN_MARIADB = ["SET STATEMENT max_statement_time=100 FOR TRUNCATE t", "/*M!100000 TRUNCATE */ TABLE t",
                   "SET STATEMENT sql_mode='ANSI_QUOTES', lock_wait_timeout=(SELECT 5) FOR TRUNCATE `t`"]


def test_schema__statements_are_recognised_however_they_are_written(any_my_pipe):
    """MySQL scenario 81."""
    pipe = any_my_pipe
    pipe.run(TABLE)
    pipe.start()
    texts = WRITTEN + (WRITTEN_MARIADB if pipe.server.mariadb else [])
    for number, text in enumerate(texts):
        pipe.run(f"INSERT INTO t (id) VALUES ({number})")
        pipe.run(text.replace("{db}", pipe.database))
    assert [e["op"] for e in pipe.of("t")] == ["create", "truncate"] * len(texts)


def test_schema__statements_in_another_character_set(any_my_pipe):
    """MySQL scenario 81: GBK has bytes that look like backslash and backtick."""
    pipe = any_my_pipe
    name = "乗`誠"  # in GBK 0x5c5c… and the like, as the second bytes
    quoted = "`" + name.replace("`", "``") + "`"
    pipe.sql(f"CREATE TABLE {quoted} (id int PRIMARY KEY)")
    pipe.start()
    connection = pipe.server.connect(pipe.database, charset="gbk")
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {quoted} VALUES (1)")
        cursor.execute(f"ALTER TABLE {quoted} ADD COLUMN `乗` varchar(10) DEFAULT '水\\\\', COMMENT '誠'")
        cursor.execute(f"TRUNCATE {quoted}")
        cursor.execute(f"INSERT INTO {quoted} VALUES (2, '誠')")
    connection.close()
    events = pipe.of(name)
    assert [(e["op"], e.get("after")) for e in events] == [
        ("create", {"id": 1}), ("truncate", None), ("create", {"id": 2, "乗": "誠"})]
    assert "ADD COLUMN `乗`" in statements(pipe)[0]


@pytest.mark.parametrize("version", ["mariadb-10.11", "mariadb-11"])
def test_schema__an_alter_in_two_phases_is_one(my_servers, open_my_pipe, version):
    """MySQL scenario 82: logged at its start and at its end, with others between, and rolled back where it fails."""
    pipe = open_my_pipe(my_servers.get(version))
    pipe.run(TABLE + "; CREATE TABLE u (id int PRIMARY KEY); INSERT INTO t VALUES (1, 1, ''), (2, 1, '');")
    file, position = pipe.server.log_end()
    pipe.start()
    pipe.run("SET SESSION binlog_alter_two_phase = 1; ALTER TABLE t ADD COLUMN c int DEFAULT 3; INSERT INTO t VALUES (3, 3, '', 4);")
    with pytest.raises(pymysql.Error, match="Duplicate"):
        pipe.run("SET SESSION binlog_alter_two_phase = 1; ALTER TABLE t ADD UNIQUE (a);")
    blocker = pipe.server.connect(pipe.database, autocommit=False)
    with blocker.cursor() as cursor:  # its ALTER waits for us, with its first phase in the log
        cursor.execute("UPDATE t SET b = 'held' WHERE id = 1")
        altering = threading.Thread(target=lambda: pipe.run(
            "SET SESSION binlog_alter_two_phase = 1; ALTER TABLE t DROP COLUMN a, LOCK=SHARED;"), daemon=True)
        altering.start()
        places.wait_until(lambda: any("lock" in (s["state"] or "").lower() for s in pipe.server.sessions()), 10, "a lock")
        pipe.run("INSERT INTO u VALUES (1)")
        blocker.commit()
    altering.join(20)
    blocker.close()
    pipe.run("INSERT INTO t VALUES (4, '', 5)")
    logged = [text for _, _, _, text in pipe.server.log_events(file, position)]
    assert sum("START ALTER" in text.upper() for text in logged) >= 2, logged[-30:]
    assert statements(pipe) == ["ALTER TABLE t ADD COLUMN c int DEFAULT 3", "ALTER TABLE t DROP COLUMN a, LOCK=SHARED"]
    assert [e["after"] for e in pipe.of("t")] == [{"id": 3, "a": 3, "b": "", "c": 4},
                                                  {"id": 1, "a": 1, "b": "held", "c": 3}, {"id": 4, "b": "", "c": 5}]


def test_schema__statements_that_change_nothing_say_so_once(any_my_pipe):
    """MySQL scenario 72: IF EXISTS and IF NOT EXISTS are logged, too; other tables' DDL is none of ours."""
    pipe = any_my_pipe
    pipe.run(TABLE + "; CREATE TABLE hidden (id int PRIMARY KEY);")
    pipe.start(exclude_tables=[f"{pipe.database}.hidden"])
    pipe.run("CREATE TABLE IF NOT EXISTS t (id int); DROP TABLE IF EXISTS t, nothing; CREATE TABLE t (id int PRIMARY KEY);"
             "ALTER TABLE hidden ADD x int; TRUNCATE hidden; CREATE INDEX i ON hidden (x); CREATE INDEX i ON t (id);"
             "DROP INDEX i ON t; INSERT INTO hidden VALUES (1, 1); INSERT INTO t VALUES (1);")
    assert [(e["table"], e["after"]) for e in pipe.events()] == [("t", {"id": 1})]
    assert not any("hidden" in text for text in statements(pipe))
    assert any(text.upper().startswith("DROP TABLE") for text in statements(pipe))


# --- lower_case_table_names -----------------------------------------------------------------------


def test_folding__statements_find_tables_whose_names_are_folded(folding_server, open_my_pipe):
    """MySQL scenario 86: the log has names in lower case, its statements have them as they were typed."""
    pipe = open_my_pipe(folding_server)
    pipe.run("CREATE TABLE Orders (Id int PRIMARY KEY)")
    pipe.start(tables=[f"{pipe.database}.orders"])
    upper = pipe.database.upper()
    pipe.run(f"INSERT INTO ORDERS VALUES (1); ALTER TABLE oRders ADD COLUMN V int; INSERT INTO orders VALUES (2, 3);"
             f"TRUNCATE TABLE {upper}.Orders; INSERT INTO {upper}.ORDERS VALUES (4, 5);")
    assert [(e["op"], e["table"], e.get("after")) for e in pipe.events()] == [
        ("create", "orders", {"Id": 1}), ("create", "orders", {"Id": 2, "V": 3}), ("truncate", "orders", None),
        ("create", "orders", {"Id": 4, "V": 5})]
    assert any("oRders" in text for text in statements(pipe))
    done = pipe.leat.configure(tables=[f"{pipe.database}.Orders"]).command("check", "--json")
    assert "lower_case_table_names" in done.stdout


def test_folding__without_names_in_the_log_a_change_is_seen_too(folding_server, open_my_pipe):
    """MySQL scenario 74, 86."""
    pipe = open_my_pipe(folding_server, schema="catalogue")
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, a int, b int)")
    folding_server.set(binlog_row_metadata="MINIMAL")
    try:
        pipe.start()
        stop_and_run(pipe, "INSERT INTO t VALUES (1, 10, 20); ALTER TABLE T RENAME COLUMN a TO b, RENAME COLUMN b TO a;")
        pipe.wait_error("definition of table", r'\"t\"')
        assert pipe.leat.tail() == []
    finally:
        folding_server.set(binlog_row_metadata="FULL")


# --- without names in the log ---------------------------------------------------------------------


def test_bare__without_names_the_default_stops_and_says_what_to_do(bare):
    """MySQL scenario 84."""
    pipe = bare
    pipe.run(TABLE)
    pipe.start(schema="metadata")
    pipe.sql("INSERT INTO t VALUES (1, 2, 'x')")
    line = pipe.wait_error("no column names")
    assert "binlog_row_metadata = FULL" in line and "schema: catalogue" in line
    pipe.leat.kill9()
    pipe.start(schema="catalogue")
    assert [e["after"] for e in pipe.of("t")] == [{"id": 1, "a": 2, "b": "x"}]


def test_bare__names_come_from_the_catalogue_and_follow_it(bare):
    """MySQL scenario 72: where leat keeps up, every change is known in time, and nothing stops."""
    pipe = bare
    pipe.run(TABLE)
    pipe.start()
    expected = run_history(pipe, wait=True)
    events = pipe.of("t")
    assert [e["after"] for e in events] == expected
    assert [e["key"] for e in events] == [["id"]] * 6 + [["c"]]


def test_bare__every_type_is_what_the_tables_say(bare):
    """MySQL scenario 73: signs, character sets and labels come from the catalogue, too."""
    pipe = bare
    names = mytypes.create(pipe.server, pipe.database)
    names.remove("my_labels")
    pipe.start(exclude_tables=[f"{pipe.database}.my_labels"])
    mytypes.fill(pipe.server, pipe.database)
    found = pipe.difference(*names)
    assert found.equal and found.rows > 50, str(found)


def test_bare__labels_that_the_catalogue_cannot_print_stop_it(bare):
    """MySQL scenario 73, 83: it has a question mark for each character beyond utf8mb3."""
    pipe = bare
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, e enum('a','it''s','水','?') CHARACTER SET utf8mb3, "
             "s set('é','?') CHARACTER SET latin1); CREATE TABLE u (id int PRIMARY KEY, e enum('a','🌊') CHARACTER SET utf8mb4);")
    pipe.start()
    pipe.run("INSERT INTO t VALUES (1, '水', 'é,?'), (2, '?', ''), (3, 'it''s', 'é');")
    assert [(e["after"]["e"], e["after"]["s"]) for e in pipe.of("t")] == [("水", "é,?"), ("?", ""), ("it's", "é")]
    pipe.run("INSERT INTO u VALUES (1, '🌊')")
    pipe.wait_error("label 2 of column", "question mark")
    assert len(pipe.leat.tail()) == 3


@pytest.mark.parametrize("change", [
    "ALTER TABLE t RENAME COLUMN a TO c, RENAME COLUMN c TO a",
    "ALTER TABLE t MODIFY c int FIRST",
    "RENAME TABLE t TO tmp, u TO t, tmp TO u",
    "DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, c int, a int)",
    "/*!50000 ALTER */ /* x */ TABLE `t` CHANGE a x int",
    "ALTER TABLE u RENAME TO v; ALTER TABLE t RENAME TO u; ALTER TABLE v RENAME TO t",
], ids=["swap", "reorder", "rename", "again", "comment", "alter"])
def test_bare__what_changed_while_it_lagged_stops_it(bare, change):
    """MySQL scenario 73, 74, 76, 81: all of these leave the shape of the table as it was."""
    pipe = bare
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, a int, c int); CREATE TABLE u (id int PRIMARY KEY, c int, a int);")
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (1, 10, 20)")
    stop_and_run(pipe, f"INSERT INTO t VALUES (2, 11, 22); {change};")
    pipe.wait_error("definition of table", r'\"t\"', "FULL")
    assert [e["after"] for e in pipe.leat.tail()] == [{"id": 1, "a": 10, "c": 20}]


def test_bare__a_change_in_another_character_set_is_seen(bare):
    """MySQL scenario 74, 81: the name of the table is in GBK, whose bytes are not the catalogue's."""
    pipe = bare
    pipe.sql("CREATE TABLE `誠` (id int PRIMARY KEY, a int, c int)")
    pipe.start()
    pipe.leat.wait_caught_up()
    pipe.leat.kill9()
    connection = pipe.server.connect(pipe.database, charset="gbk")
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO `誠` VALUES (2, 11, 22)")
        cursor.execute("ALTER TABLE `誠` RENAME COLUMN a TO c, RENAME COLUMN c TO a")
    connection.close()
    pipe.leat.spawn()
    pipe.wait_error("definition of table", "誠")
    assert pipe.leat.tail() == []


def test_bare__changes_of_other_tables_and_of_no_columns_stop_nothing(bare):
    """MySQL scenario 73: a stop that is not needed would be one too many."""
    pipe = bare
    pipe.run(TABLE + "; CREATE TABLE other (id int PRIMARY KEY);")
    pipe.start()
    stop_and_run(pipe, "INSERT INTO t VALUES (1, 2, 'x'); ALTER TABLE other ADD v int; CREATE TABLE more (id int);"
                       "RENAME TABLE more TO less; DROP TABLE less; INSERT INTO t VALUES (2, 3, 'y');")
    assert [e["after"] for e in pipe.of("t")] == [{"id": 1, "a": 2, "b": "x"}, {"id": 2, "a": 3, "b": "y"}]


def test_bare__columns_change_places_under_load_and_no_value_is_misplaced(bare):
    """MySQL scenario 74: correct, or stopped. Whatever is stored is right: a is odd, c is even, in any order."""
    pipe, seed = bare, random.randrange(1 << 30)
    print("seed", seed)
    dice = random.Random(seed)
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, a int, c int)")
    pipe.start()
    connection = pipe.server.connect(pipe.database)
    with connection.cursor() as cursor:
        for number in range(150):
            cursor.execute("INSERT INTO t (id, a, c) VALUES (%s, %s, %s)", (number, 2 * number + 1, 2 * number))
            if dice.random() < 0.1:
                cursor.execute(dice.choice([
                    "ALTER TABLE t RENAME COLUMN a TO c, RENAME COLUMN c TO a", "ALTER TABLE t MODIFY c int AFTER id",
                    "ALTER TABLE t MODIFY a int AFTER id", "ALTER TABLE t DROP COLUMN a, ADD COLUMN a int"]))
    connection.close()
    end = pipe.server.log_end()
    places.wait_until(lambda: " ERROR source" in pipe.leat.log() or pipe.server.tap.reached(pipe.leat, end), 30, "an end")
    events = pipe.leat.tail()
    if " ERROR source" in pipe.leat.log():
        assert "definition of table" in pipe.leat.log() or "when the log was written" in pipe.leat.log()
    else:
        assert len(events) == 150
    swapped = [e for e in events if (e["after"]["a"], e["after"]["c"]) not in
               ((2 * e["after"]["id"] + 1, 2 * e["after"]["id"]),)]
    assert swapped == []


def test_bare__the_setting_may_change_while_it_streams(bare):
    """MySQL scenario 84: FULL, less, FULL again; each table map is taken for what it has."""
    pipe, less = bare, BARE[bare.server.version]
    pipe.run(TABLE)
    try:
        pipe.server.set(binlog_row_metadata="FULL")
        pipe.start(schema="metadata")
        pipe.sql("INSERT INTO t VALUES (1, 1, 'x')")
        pipe.leat.wait_caught_up()
        pipe.server.set(binlog_row_metadata=less)
        pipe.sql("INSERT INTO t VALUES (2, 2, 'y')")
        pipe.wait_error("no column names")
        pipe.leat.kill9()
        pipe.start(schema="catalogue")
        pipe.leat.wait_caught_up()
        pipe.server.set(binlog_row_metadata="FULL")
        pipe.sql("INSERT INTO t VALUES (3, 3, 'z')")
        assert [e["after"]["a"] for e in pipe.of("t")] == [1, 2, 3]
    finally:
        pipe.server.set(binlog_row_metadata=less)
