"""The main job on MySQL and MariaDB: what is committed comes, in order, once, through SIGKILL; two kinds of server in one
store; what a user sees of it. Numbers are those of the MySQL conformance list."""
import json

import pytest

from tests.support import checker, leatd, myload, mysqlversions, oracle, places, workload
from tests.support.leatd import Leat

MIB = 1 << 20
TABLE = "CREATE TABLE t (id int PRIMARY KEY, v varchar(20), n decimal(5,2))"


def test_main__insert_update_delete_truncate_come_in_order(any_my_pipe):
    """MySQL scenario 45, 47, 59, 79."""
    pipe = any_my_pipe
    pipe.sql(TABLE)
    pipe.start()
    pipe.run("INSERT INTO t VALUES (1, 'one', 1.50); UPDATE t SET v = NULL WHERE id = 1; UPDATE t SET v = NULL WHERE id = 1;"
             "UPDATE t SET id = 2; DELETE FROM t WHERE id = 2; TRUNCATE t;")
    events = pipe.of("t")
    assert [e["op"] for e in events] == ["create", "update", "update", "delete", "truncate"]
    create, update, key, delete, _ = events
    assert create["after"] == {"id": 1, "v": "one", "n": "1.50"} and "before" not in create
    assert update["before"] == create["after"] and update["after"] == {"id": 1, "v": None, "n": "1.50"}
    assert key["before"] == update["after"] and key["after"] == {"id": 2, "v": None, "n": "1.50"}
    assert delete["before"] == key["after"] and delete["before_form"] == "full" and "after" not in delete
    assert all(e["key"] == ["id"] and e["source"] == pipe.leat.name and e["db"] == pipe.database for e in events)
    assert [e["seq"] for e in events] == sorted({e["seq"] for e in events})
    assert len({e["id"] for e in events}) == 5


def test_main__upserts_and_joins_are_their_row_changes(any_my_pipe):
    """MySQL scenario 46, 48, 49."""
    pipe = any_my_pipe
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, k int UNIQUE, v varchar(20)); CREATE TABLE u (id int PRIMARY KEY, v int);"
             "CREATE TABLE made (id int AUTO_INCREMENT PRIMARY KEY, maker int);"
             "CREATE TRIGGER tr AFTER INSERT ON u FOR EACH ROW INSERT INTO made (maker) VALUES (NEW.id);")
    second = pipe.oracle()
    pipe.start()
    numbers = ", ".join(f"({i}, {i})" for i in range(100, 3100))
    pipe.run(f"""
        INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b');
        INSERT INTO t VALUES (1, 1, 'x') ON DUPLICATE KEY UPDATE v = 'upserted';
        REPLACE INTO t VALUES (3, 2, 'replaced'); INSERT IGNORE INTO t VALUES (1, 9, 'ignored'), (4, 4, 'new');
        INSERT INTO u VALUES (1, 10), (4, 40); UPDATE t JOIN u USING (id) SET t.v = 'both', u.v = u.v + 1;
        DELETE t, u FROM t JOIN u USING (id) WHERE id = 4; INSERT INTO u VALUES {numbers};""")
    path, wanted = pipe.leat.root / "oracle", [(pipe.database, t) for t in ("t", "u", "made")]
    events = pipe.events()
    second.dump(path, wanted)
    with open(path) as lines:
        differences, agreed = oracle.compare(iter(events), lines, wanted)
    assert differences == [] and agreed == len(events) > 6000
    assert pipe.difference("t", "u", "made", events=events).equal


def test_main__sigkill_and_restart_lose_and_repeat_nothing(any_my_pipe):
    """MySQL scenario 87."""
    pipe, times = any_my_pipe, 3
    pipe.sql(TABLE)
    pipe.start()

    def insert(first, last):
        pipe.sql("INSERT INTO t (id) VALUES " + ", ".join(f"({i})" for i in range(first, last)))
    for i in range(times):
        insert(i * 1000, i * 1000 + 500)
        pipe.leat.kill9()
        insert(i * 1000 + 500, i * 1000 + 1000)
        pipe.leat.start()
    events = pipe.of("t")
    assert [e["after"]["id"] for e in events] == list(range(times * 1000))
    assert len({e["id"] for e in events}) == len(events)


@pytest.mark.parametrize("version, resume", [(version, "gtid") for version in mysqlversions.ALL] + [("mysql-9", "position")])
def test_main__a_mixed_load_through_kills_equals_tables_and_second_decoder(
        my_servers, open_my_pipe, directory, version, resume):
    """MySQL scenario 59, 60, 61, 87; memory stays below 96 MiB all the while."""
    pipe = open_my_pipe(my_servers.get(version))
    myload.create(pipe.server, pipe.database)
    second = pipe.oracle()
    pipe.start(resume=resume)
    myload.seed(pipe.server, pipe.database)
    peak = 0
    with myload.Load(pipe.server, pipe.database, directory / "journal", seed=pipe.server.version, pause=0.005) as load:
        for _ in range(3):
            done = load.counts["ok"]
            with leatd.MemorySampler(pipe.leat.pid) as memory:
                places.wait_until(lambda d=done: load.counts["ok"] > d + 100, 30, "a hundred transactions")
            peak = max(peak, memory.peak)
            pipe.leat.kill9()
            pipe.leat.start()
    pipe.leat.wait_caught_up()
    report = checked(directory, pipe, myload.relations(pipe.database), pipe.contents(*myload.TABLES), second)
    assert report["oracle_agreed"] == report["rows"] > 1000
    assert 0 < peak < 96 * MIB, f"{peak / MIB:.0f} MiB"


def checked(directory, pipe, tables, contents, second, leat=None, dense=True):
    """The checker's report of one source's stream, which must be fine."""
    leat, name = leat or pipe.leat, pipe.leat.name
    stream, account = directory / f"stream-{name}", directory / f"oracle-{name}"
    assert leat.tail_to(stream, "--source", name) == 0
    second.dump(account, tables)
    journal = next(p for p in (directory / f"journal-{name}", directory / "journal") if p.exists())
    report = checker.check(stream, checker.read_journal(journal), contents, account, dense=dense)
    assert report["ok"], json.dumps(report, indent=1)
    return report


class Twins(Leat):
    """One daemon and store for the sources of two others."""

    def __init__(self, root, one, other):
        self.others = one, other
        super().__init__(root, other.server, other.database, name=other.leat.name, source=other.leat.source)
        self.environment = {**one.leat.environment, **other.leat.environment}

    def write_config(self):
        self.config_file.write_text(leatd.yaml({
            "store": self.store, "http": {"listen": f"127.0.0.1:{self.http_port}"}, "log": {"level": "info"},
            "sources": {pipe.leat.name: pipe.leat.source for pipe in self.others}}))


def test_main__postgres_and_mysql_fill_one_store(open_pipe, open_my_pipe, server, my_server, directory):
    """MySQL scenario 87: two loads, two logs, one store, killed; each source's stream is whole and in its order."""
    postgres, mysql = open_pipe(server), open_my_pipe(my_server)
    workload.create(postgres.server, postgres.database)
    myload.create(mysql.server, mysql.database)
    seconds = postgres.oracle(), mysql.oracle()
    twins = Twins(directory / "twins", postgres, mysql)
    twins.start()
    postgres.leat.process = mysql.leat.process = None  # theirs never run: what they know of the store is the twins'
    for pipe in (postgres, mysql):
        pipe.leat.config_file = twins.config_file
    try:
        workload.seed(postgres.server, postgres.database)
        myload.seed(mysql.server, mysql.database)
        connect = workload.connection_of(postgres.server, postgres.database)
        with workload.Load(connect, directory / f"journal-{postgres.leat.name}", seed=1, pause=0.01) as one, \
                myload.Load(mysql.server, mysql.database, directory / f"journal-{mysql.leat.name}", seed=2,
                            pause=0.01) as two:
            for _ in range(2):
                goal = one.counts["ok"] + 60, two.counts["ok"] + 60
                places.wait_until(lambda g=goal: one.counts["ok"] > g[0] and two.counts["ok"] > g[1], 30, "transactions")
                twins.kill9()
                twins.start()
        for pipe in (postgres, mysql):
            pipe.leat.wait_caught_up()
        tables = [t for _, t in workload.TABLES]
        first = checked(directory, postgres, workload.TABLES, postgres.contents(*tables), seconds[0], twins, dense=False)
        then = checked(directory, mysql, myload.relations(mysql.database), mysql.contents(*myload.TABLES), seconds[1], twins,
                       dense=False)
        sequences = [e["seq"] for e in twins.tail(schema=True)]
        assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
        assert len([e for e in twins.tail() if checker.is_row(e)]) == first["rows"] + then["rows"]
        assert {o["source"] for o in twins.offsets()} == {postgres.leat.name, mysql.leat.name}
        code, _ = twins.stop()
        assert code == 0
    finally:
        if twins.alive:
            twins.kill9()


def test_main__sigterm_ends_within_ten_seconds_and_leaves_nothing_undone(any_my_pipe):
    """MySQL scenario 12: exit code 0, and what was stored is not read again."""
    pipe = any_my_pipe
    pipe.sql(TABLE)
    pipe.start()
    pipe.sql("INSERT INTO t (id) VALUES " + ", ".join(f"({i})" for i in range(1, 20001)))
    code, seconds = pipe.leat.stop()
    assert code == 0 and seconds < 10
    before = pipe.leat.tail()
    pipe.start()
    code, seconds = pipe.leat.stop()  # while it waits for the server, or reads
    assert code == 0 and seconds < 10
    pipe.start()
    events = pipe.of("t")
    assert events[:len(before)] == before and [e["after"]["id"] for e in events] == list(range(1, 20001))


def test_main__the_other_commands_know_the_source(any_my_pipe):
    """status, offsets, verify, tail, metrics: while it runs and when it does not."""
    pipe = any_my_pipe
    pipe.sql(TABLE)
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (1, 'x', 1)")
    pipe.leat.wait_caught_up()
    leat, gtid = pipe.leat, pipe.server.gtids()
    assert leat.name in json.dumps(leat.status())
    offset, = leat.offsets()
    assert offset["source"] == leat.name and f" gtids={gtid} " in offset["token"]
    assert [e["after"]["id"] for e in leat.tail(table=f"{pipe.database}.t", op="create", source=leat.name)] == [1]
    status, metrics = leat.http("/metrics")  # the row, and the announcement of its table
    lines = [line for line in metrics.splitlines() if f'"{leat.name}"' in line]
    counted = [line for line in lines if line.startswith("leat_source_events_total")]
    assert status == 200 and any(line.endswith(" 2") for line in counted), lines
    places.wait_until(lambda: any(line.startswith("leat_source_lag_bytes") and line.endswith(" 0")
                                  for line in leat.http("/metrics")[1].splitlines() if f'"{leat.name}"' in line),
                      10, "no lag")
    assert leat.http("/readyz")[0] == 200
    assert leat.command("verify", "--json").returncode == 0
    code, _ = leat.stop()
    assert code == 0 and leat.name in json.dumps(leat.status()) and leat.offsets() == [offset]
    assert leat.command("verify").returncode == 0
    assert leat.command("offsets", "set", leat.name, offset["token"], "--yes").returncode == 0
    leat.start()
    pipe.sql("INSERT INTO t VALUES (2, 'y', 1)")
    assert [e["after"]["id"] for e in pipe.of("t")] == [1, 2]
