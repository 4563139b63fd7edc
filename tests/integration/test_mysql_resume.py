"""Where reading goes on: after kills and restarts, with log that is gone, on servers that are other ones.

Nothing may be lost, nothing come twice, and what cannot be had must be named (I1, I10). Servers that are reset and
purged here are this file's own, one of each kind for all its tests; each test has its own database there.
"""
import json
import random
import threading
import time

import pytest

from tests.integration.mysql_fixtures import had
from tests.support import checker, leatd, myload, mysqlversions, places
from tests.support.mysqlserver import MyServer
from tests.support.mytap import file_order

MARIADB, MYSQL = mysqlversions.DEBIAN, "mysql-9"
TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text)"
SIGKILLED = -9


@pytest.fixture(scope="module")
def broken():
    """Servers of this file, by kind and number: started when first asked for."""
    made = {}

    def get(version, number=0):
        if (version, number) not in made:
            options = {"log_slave_updates": "ON"} if version != MYSQL else {}
            server = MyServer(places.scratch(f"{version}-{number}"), had(version), options)
            server.own = True
            made[version, number] = server.start()
        server = made[version, number]
        if not server.alive:
            server.start()
        return server
    yield get
    for server in made.values():
        server.remove()


@pytest.fixture(params=[MARIADB, MYSQL])
def pipe(request, open_my_pipe, my_servers):
    """On a server that others read too."""
    return open_my_pipe(my_servers.get(request.param))


@pytest.fixture
def on(broken, open_my_pipe):
    """A pipe with a table on one of those servers."""
    def make(version, number=0, **source):
        pipe = open_my_pipe(broken(version, number), **source)
        pipe.sql(TABLE)
        return pipe
    return make


@pytest.fixture
def both_ways(open_my_pipe):
    """Two pipes with a table each on one server: one resumes by GTID, one by file and position."""
    def make(server, **source):
        pipes = [open_my_pipe(server, resume=way, **source) for way in ("gtid", "position")]
        for pipe in pipes:
            pipe.sql(TABLE)
        return pipes
    return make


def by_gtid(pipe):
    return pipe.leat.source["resume"] == "gtid"


def start(pipes):
    for pipe in pipes:
        pipe.leat.spawn()
    for pipe in pipes:
        pipe.leat.wait_streaming()


def insert_all(pipes, first, last):
    for pipe in pipes:
        insert(pipe, first, last)


def insert(pipe, first, last, length=20):
    """One transaction with these rows."""
    rows = ", ".join(f"({i}, repeat('x', {length}))" for i in range(first, last + 1))
    pipe.sql(f"INSERT INTO t VALUES {rows}")


def ids(pipe, seconds=30):
    return [e["after"]["id"] for e in pipe.events(seconds) if e["op"] == "create"]


def stored(pipe):
    return [e["after"]["id"] for e in pipe.leat.tail() if e["op"] == "create"]


def gaps(pipe):
    return [e for e in pipe.leat.tail() if e["op"] == "gap"]


def place(pipe):
    """How many rows stand in front of the gap."""
    return [e["op"] for e in pipe.leat.tail() if e["op"] in ("create", "gap")].index("gap")


def again(pipe, **source):
    """Ends the daemon and starts it with other settings, without waiting; where its new log begins."""
    if pipe.leat.alive:
        pipe.leat.kill9()
    mark = len(pipe.leat.log())
    pipe.leat.configure(**source).spawn()
    return mark


def refused(pipe, *words, mark=0):
    """The source stops for a reason with these words, and does not read."""
    line = pipe.wait_error("stopped", *words, start=mark)
    assert " ERROR " in line and "hint=" in line
    assert pipe.leat.backend() is None and pipe.leat.alive
    return line


def move_to(pipe, server):
    """The daemon reads another server from its next start on; so do the questions of this pipe."""
    if pipe.leat.alive:
        pipe.leat.stop()
    pipe.server = pipe.leat.server = server
    pipe.leat.configure(port=server.port)


# --- crashes and restarts -----------------------------------------------------------------------------------


def test_resume__kills_at_random_moments_by_file_and_position(pipe, directory):
    """MySQL scenario 87: the load of the main job, with the moments left to chance."""
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    myload.create(pipe.server, pipe.database)
    second = pipe.oracle()
    pipe.start(resume="position")
    myload.seed(pipe.server, pipe.database)
    with myload.Load(pipe.server, pipe.database, directory / "journal", seed=seed, pause=0.002) as load:
        for _ in range(6):
            until = load.counts["ok"] + chance.randint(1, 60)
            places.wait_until(lambda u=until: load.counts["ok"] >= u, 30, "transactions", every=0.002)
            pipe.leat.kill9()
            pipe.leat.spawn()
    pipe.leat.wait_streaming()
    pipe.leat.wait_caught_up()
    assert pipe.leat.tail_to(directory / "stream") == 0
    relations = myload.relations(pipe.database)
    second.dump(directory / "oracle", relations)
    report = checker.check(directory / "stream", checker.read_journal(directory / "journal"),
                           pipe.contents(*[t for _, t in relations]), directory / "oracle")
    assert report["ok"], json.dumps(report, indent=1)
    assert report["oracle_agreed"] == report["rows"] > 500
    assert "resume=\"position\"" in pipe.leat.log() and " ERROR " not in pipe.leat.log()


@pytest.mark.parametrize("version, way", [(MARIADB, "position"), (MYSQL, "gtid")])
def test_resume__a_long_transaction_goes_on_where_its_rows_ended(open_my_pipe, my_servers, version, way):
    """MySQL scenario 88: killed at three commits of one transaction; a stored beginning is not stored again."""
    if not leatd.binary("failpoints").exists():
        pytest.skip("build/failpoints/leat is not built (make VARIANT=failpoints)")
    pipe = open_my_pipe(my_servers.get(version))
    pipe.leat.program = leatd.binary("failpoints")
    pipe.leat.store["compression"] = "none"  # several commits, although the rows are alike
    pipe.leat.configure(resume=way)
    pipe.sql(TABLE)
    pipe.start()
    insert(pipe, -3, -1)
    assert ids(pipe) == [-3, -2, -1]
    pipe.leat.stop()
    rows = 30000
    pipe.run("BEGIN;" + ";".join(
        f"INSERT INTO t VALUES {', '.join(f'({i}, repeat(char(97), 400))' for i in range(at, at + 1000))}"
        for at in range(0, rows, 1000)) + "; COMMIT;")
    progress = [0]
    for point in ("before_commit:kill:2", "after_commit:kill:1", "before_confirm:kill:1"):
        pipe.leat.spawn(failpoint=point)
        assert pipe.leat.wait_end(20) == SIGKILLED
        token = pipe.leat.tap.token(pipe.leat)
        progress.append(int(token["rows"]))
        assert token["transaction"] != "-" and len(stored(pipe)) == 3 + progress[-1]
    assert progress == sorted(progress) and 0 < progress[1] and progress[-1] < rows, progress
    pipe.leat.spawn()
    events = [e for e in pipe.events() if e["op"] == "create"]
    assert [e["after"]["id"] for e in events] == [-3, -2, -1, *range(rows)]
    assert [e["ordinal"] for e in events[3:]] == list(range(rows))
    assert len({e["tx"]["id"] for e in events[3:]}) == 1 and len({e["id"] for e in events}) == rows + 3


@pytest.mark.parametrize("version", [MARIADB, MYSQL])
def test_resume__a_server_that_stops_or_crashes_is_waited_for(on, version):
    """MySQL scenario 89: a file that ends with STOP, and one that ends with nothing."""
    pipe = on(version, heartbeat="1s")
    pipe.start()
    for i, end in enumerate([pipe.server.kill9, pipe.server.stop]):
        insert(pipe, 100 * i, 100 * i + 49)
        if i:
            pipe.events()
            pipe.leat.kill9()  # MySQL waits ten seconds for whoever reads its log
        end()
        pipe.server.start()
        if i:
            pipe.leat.spawn()
        insert(pipe, 100 * i + 50, 100 * i + 99)
        pipe.leat.wait_streaming(40)
    assert ids(pipe, 40) == list(range(200)) and " ERROR " not in pipe.leat.log()


@pytest.mark.parametrize("way", ["gtid", "position"])
def test_resume__a_storm_of_new_files_loses_nothing(pipe, way):
    """MySQL scenario 90: files change faster than rows come, and the daemon is killed in between."""
    pipe.sql(TABLE)
    pipe.start(resume=way, heartbeat="1s")
    ended = threading.Event()

    def storm():
        while not ended.is_set():
            pipe.server.sql("FLUSH BINARY LOGS")
    thread = threading.Thread(target=storm)
    thread.start()
    try:
        for i in range(4):
            for row in range(20):
                insert(pipe, 100 * i + 5 * row, 100 * i + 5 * row + 4)
            pipe.leat.kill9()
            pipe.leat.spawn()
    finally:
        ended.set()
        thread.join()
    pipe.leat.wait_streaming()
    assert ids(pipe) == list(range(400)) and " ERROR " not in pipe.leat.log()


@pytest.mark.parametrize("version", [MARIADB, MYSQL])
def test_resume__a_stop_exactly_between_two_files_goes_on_in_the_next(both_ways, my_servers, version):
    """MySQL scenario 90: the offset is the beginning of a file that has nothing yet, then one that is complete."""
    pipes = both_ways(my_servers.get(version), heartbeat="1s")  # an empty file's end is told by one
    server = pipes[0].server
    start(pipes)
    insert_all(pipes, 0, 4)
    file = server.flush_logs()
    for pipe in pipes:
        assert ids(pipe) == list(range(5))
        assert pipe.leat.tap.token(pipe.leat)["file"] == file
        pipe.leat.stop()
    insert_all(pipes, 5, 9)
    server.flush_logs()
    insert_all(pipes, 10, 14)
    server.flush_logs()
    start(pipes)
    for pipe in pipes:
        assert ids(pipe) == list(range(15))
        pipe.leat.kill9()
    server.flush_logs()
    start(pipes)
    insert_all(pipes, 15, 19)
    for pipe in pipes:
        assert ids(pipe) == list(range(20))


# --- log that is gone ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [MARIADB, MYSQL])
def test_resume__purged_log_stops_the_source_or_is_one_gap(both_ways, broken, version):
    """MySQL scenario 92."""
    pipes = both_ways(broken(version))
    server = pipes[0].server
    start(pipes)
    insert_all(pipes, 1, 5)
    for pipe in pipes:
        assert ids(pipe) == [1, 2, 3, 4, 5]
        pipe.leat.stop()
    insert_all(pipes, 6, 10)
    server.flush_logs()
    insert_all(pipes, 11, 15)
    server.purge()
    for pipe in pipes:
        mark = again(pipe)
        refused(pipe, "purged" if by_gtid(pipe) or version == MYSQL else "", "on_gap: record", mark=mark)
        assert stored(pipe) == [1, 2, 3, 4, 5]
        again(pipe, on_gap="record")
        pipe.leat.wait_streaming()
    insert_all(pipes, 16, 20)
    for pipe in pipes:
        assert ids(pipe) == [*range(1, 6), *range(11, 21)]
        gap, = gaps(pipe)
        assert server.log_files()[0][0] in json.dumps(gap) and place(pipe) == 5
        again(pipe)
        pipe.leat.wait_streaming()
    insert_all(pipes, 21, 25)
    for pipe in pipes:
        assert ids(pipe) == [*range(1, 6), *range(11, 26)] and len(gaps(pipe)) == 1


@pytest.mark.parametrize("version", [MARIADB, MYSQL])
@pytest.mark.parametrize("grown", ["shorter", "longer"])
def test_resume__a_reset_log_is_not_taken_for_the_old_one(both_ways, broken, version, grown):
    """MySQL scenario 93: names and GTIDs begin again, so the place of the offset may well exist in the new log."""
    pipes = both_ways(broken(version))
    server = pipes[0].server
    server.reset_log()
    start(pipes)
    for row in (1, 2, 3):
        insert_all(pipes, row, row)
    for pipe in pipes:
        assert ids(pipe) == [1, 2, 3]
    old, begun = server.log_end(), int(time.time())
    for pipe in pipes:
        pipe.leat.stop()
    places.wait_until(lambda: int(time.time()) > begun, 5, "another second, which is what files are told apart by")
    server.reset_log()
    new = range(11, 13 if grown == "shorter" else 21)
    for row in new:
        insert_all(pipes, row, row)
    assert server.log_end()[0] == old[0]
    assert (server.log_end()[1] > old[1]) == (grown == "longer")
    for pipe in pipes:
        mark = again(pipe)
        refused(pipe, "on_gap: record", mark=mark)
        assert stored(pipe) == [1, 2, 3]
        again(pipe, on_gap="record")
        pipe.leat.wait_streaming()
    insert_all(pipes, 30, 30)
    for pipe in pipes:
        assert ids(pipe) == [1, 2, 3, *new, 30]
        assert len(gaps(pipe)) == 1 and place(pipe) == 3


def test_resume__a_reset_while_it_streams_is_noticed(on):
    """MySQL scenario 93, with the daemon there."""
    pipe = on(MARIADB)
    pipe.start()
    insert(pipe, 1, 3)
    assert ids(pipe) == [1, 2, 3]
    backend = pipe.leat.backend()
    mark = len(pipe.leat.log())
    pipe.server.reset_log()
    pipe.server.kill(backend)
    insert(pipe, 4, 6)
    refused(pipe, "on_gap: record", mark=mark)
    assert stored(pipe) == [1, 2, 3]


def test_resume__only_lost_log_is_a_gap(on):
    """I10: on_gap: record is no licence to pass over everything that stops a source."""
    pipe = on(MARIADB, on_gap="record")
    pipe.start()
    insert(pipe, 1, 3)
    assert ids(pipe) == [1, 2, 3]
    pipe.leat.stop()
    pipe.server.sql("REVOKE REPLICATION SLAVE ON *.* FROM leat@'127.0.0.1'")
    mark = again(pipe)
    refused(pipe, "denied", mark=mark)
    pipe.server.sql("GRANT REPLICATION SLAVE ON *.* TO leat@'127.0.0.1'")
    pipe.run("SET binlog_format = STATEMENT; INSERT INTO t VALUES (4, 'as a statement')")
    mark = again(pipe)
    refused(pipe, "statement", mark=mark)
    again(pipe, statements="warn")
    pipe.leat.wait_streaming()
    insert(pipe, 5, 5)
    assert ids(pipe) == [1, 2, 3, 5] and gaps(pipe) == []


# --- other servers ------------------------------------------------------------------------------------------


@pytest.fixture
def follows(broken):
    """Two servers of a kind, the second of which replicates from the first."""
    running = []

    def make(version):
        first, second = broken(version, 0), broken(version, 1)
        for server in (first, second):
            server.reset_log()
        run_unlogged(first, "CREATE USER IF NOT EXISTS copier@'127.0.0.1' IDENTIFIED BY 'copy';"
                            "GRANT REPLICATION SLAVE ON *.* TO copier@'127.0.0.1'")
        if first.mariadb:
            second.sql("SET GLOBAL gtid_slave_pos = ''")
            second.sql("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%s, MASTER_USER='copier', "
                       "MASTER_PASSWORD='copy', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1", first.port)
        else:
            second.sql("CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=%s, SOURCE_USER='copier', "
                       "SOURCE_PASSWORD='copy', SOURCE_AUTO_POSITION=1, SOURCE_SSL=1, SOURCE_CONNECT_RETRY=1", first.port)
        second.sql("START REPLICA")
        running.append(second)
        return first, second
    yield make
    for server in running:
        server.sql("STOP REPLICA")
        server.sql("RESET REPLICA ALL")


def run_unlogged(server, script):
    server.run("SET sql_log_bin = 0;" + script)


def wait_same(first, second):
    """Until the second server has all of the first one's transactions."""
    if first.mariadb:
        assert second.one("SELECT MASTER_GTID_WAIT(%s, 20)", first.gtids()) == 0
    else:
        assert second.one("SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, 20)", first.gtids()) == 0


@pytest.fixture
def pair(follows, open_my_pipe):
    """A pipe that reads the first server; the second has its table too."""
    def make(version, **source):
        first, second = follows(version)
        pipe = open_my_pipe(first, **source)
        pipe.sql(TABLE)
        return pipe, first, second
    return make


@pytest.mark.parametrize("version", [MARIADB, MYSQL])
def test_resume__a_failover_to_a_server_that_has_more_goes_on(pair, version):
    """MySQL scenarios 94, 95: by GTID; two domains on MariaDB, tags on MySQL."""
    pipe, first, second = pair(version)
    other = ["SET gtid_domain_id = 7", "SET gtid_domain_id = 0"] if first.mariadb else [
        "SET gtid_next = 'AUTOMATIC:blue'", "SET gtid_next = 'AUTOMATIC'"]
    pipe.start()
    for row in range(1, 7):
        pipe.run(f"{other[row % 2]}; INSERT INTO t VALUES ({row}, 'first')")
    assert ids(pipe) == list(range(1, 7))
    pipe.leat.stop()
    for row in range(7, 13):
        pipe.run(f"{other[row % 2]}; INSERT INTO t VALUES ({row}, 'behind our back')")
    wait_same(first, second)
    second.sql("STOP REPLICA")
    move_to(pipe, second)
    pipe.start(heartbeat="1s")
    assert ids(pipe) == list(range(1, 13))  # and the offset is a place of this server now
    for row in range(13, 19):
        pipe.run(f"{other[row % 2]}; INSERT INTO t VALUES ({row}, 'second')")
    events = [e for e in pipe.events() if e["op"] == "create"]
    assert [e["after"]["id"] for e in events] == list(range(1, 19))
    assert [e["after"]["v"] for e in events] == ["first"] * 6 + ["behind our back"] * 6 + ["second"] * 6
    lines = {checker.position(e)[0] for e in events}
    assert len(lines) == (2 if first.mariadb else 4)  # domains; or servers with and without tag
    assert "another server" in pipe.leat.log() and gaps(pipe) == []
    assert pipe.leat.tap.token(pipe.leat)["server"] == second.identity()
    again(pipe)
    pipe.leat.wait_streaming()
    insert(pipe, 19, 19)
    assert ids(pipe) == list(range(1, 20))


@pytest.mark.parametrize("version", [MARIADB, MYSQL])
def test_resume__a_failover_to_a_server_that_lacks_what_is_stored_is_named(pair, version):
    """MySQL scenario 94: what we stored never happened there."""
    pipe, first, second = pair(version)
    pipe.start()
    insert(pipe, 1, 3)
    wait_same(first, second)
    second.sql("STOP REPLICA")
    insert(pipe, 4, 6)
    assert ids(pipe) == list(range(1, 7))
    move_to(pipe, second)
    insert(pipe, 7, 9)
    mark = again(pipe)
    refused(pipe, "on_gap: record", mark=mark)
    assert stored(pipe) == list(range(1, 7))
    again(pipe, on_gap="record")
    pipe.leat.wait_streaming()
    insert(pipe, 10, 12)
    assert ids(pipe) == list(range(1, 13))  # what both have is stored once
    assert len(gaps(pipe)) == 1 and place(pipe) == 6
    again(pipe)
    pipe.leat.wait_streaming()
    insert(pipe, 13, 15)
    assert ids(pipe) == list(range(1, 16)) and len(gaps(pipe)) == 1


def test_resume__a_domain_that_the_other_server_never_had_begins_there_with_its_first_row(pair):
    """MySQL scenario 95: and what both have of the others comes once."""
    pipe, first, second = pair(MARIADB, on_gap="record")
    pipe.start()
    insert(pipe, 1, 3)
    wait_same(first, second)
    second.sql("STOP REPLICA")
    pipe.run("SET gtid_domain_id = 7; INSERT INTO t VALUES (4, 'lost')")
    assert ids(pipe) == [1, 2, 3, 4]
    move_to(pipe, second)
    again(pipe)
    places.wait_until(lambda: len(gaps(pipe)) == 1, 20, "the gap")
    pipe.run("SET gtid_domain_id = 7; INSERT INTO t VALUES (5, 'its first')")
    assert ids(pipe) == [1, 2, 3, 4, 5]
    again(pipe)
    pipe.leat.wait_streaming()
    pipe.run("SET gtid_domain_id = 7; INSERT INTO t VALUES (6, 'its second')")
    assert ids(pipe) == [1, 2, 3, 4, 5, 6] and len(gaps(pipe)) == 1


def test_resume__a_server_of_which_nobody_can_tell_what_is_stored_is_refused(pair):
    """MySQL scenario 95: it has nothing of the server that wrote our last; no gap event makes that known."""
    pipe, first, second = pair(MARIADB, on_gap="record")
    pipe.start()
    insert(pipe, 1, 3)
    wait_same(first, second)
    second.sql("STOP REPLICA")
    pipe.run("SET server_id = 4711; INSERT INTO t VALUES (4, 'lost')")
    assert ids(pipe) == [1, 2, 3, 4]
    move_to(pipe, second)
    insert(pipe, 5, 5)
    mark = again(pipe)
    refused(pipe, "source_rewound", "cannot be told", "4711", "gtids=", mark=mark)
    assert stored(pipe) == [1, 2, 3, 4] and gaps(pipe) == []


@pytest.mark.parametrize("version", [MARIADB, MYSQL])
def test_resume__a_file_of_another_server_is_refused_until_accepted(broken, open_my_pipe, version):
    """MySQL scenario 96: its files have the same names, and its rows are others."""
    first, second = broken(version, 0), broken(version, 1)
    pipe = open_my_pipe(first, resume="position")
    pipe.sql(TABLE)
    pipe.start()
    insert(pipe, 1, 3)
    assert ids(pipe) == [1, 2, 3]
    second.reset_log()
    second.create_database(pipe.database)
    move_to(pipe, second)
    pipe.sql(TABLE)
    insert(pipe, 11, 13)
    mark = again(pipe)
    refused(pipe, "other_server", first.identity(), f'accept_server: \\"{second.identity()}\\"', mark=mark)
    mark = again(pipe, accept_server=first.identity())
    refused(pipe, "other_server", mark=mark)
    assert stored(pipe) == [1, 2, 3]
    again(pipe, accept_server=second.identity())
    pipe.leat.wait_streaming()
    insert(pipe, 14, 16)
    assert ids(pipe) == [1, 2, 3, *range(11, 17)]
    gap, = gaps(pipe)
    assert "other_server" in json.dumps(gap) and place(pipe) == 3
    again(pipe)
    pipe.leat.wait_streaming()
    insert(pipe, 17, 17)
    assert ids(pipe) == [1, 2, 3, *range(11, 18)] and len(gaps(pipe)) == 1


# --- GTIDs --------------------------------------------------------------------------------------------------


def test_resume__gtid_mode_may_be_switched_off_and_on(on):
    """MySQL scenario 97: by the server's steps, while the daemon streams."""
    pipe = on(MYSQL)
    pipe.start()
    rows = iter(range(1, 100))
    try:
        for mode in ("ON_PERMISSIVE", "OFF_PERMISSIVE", "OFF"):
            pipe.server.set(gtid_mode=mode)
            pipe.sql("INSERT INTO t VALUES (%s, %s)", next(rows), mode)
            pipe.events()
        again(pipe)
        pipe.leat.wait_streaming()
        pipe.sql("INSERT INTO t VALUES (%s, 'anonymous')", next(rows))
        assert ids(pipe) == [1, 2, 3, 4]
    finally:
        for mode in ("OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"):
            pipe.server.set(gtid_mode=mode)
            pipe.sql("INSERT INTO t VALUES (%s, %s)", next(rows), mode)
    pipe.events()
    again(pipe)
    pipe.leat.wait_streaming()
    pipe.sql("INSERT INTO t VALUES (%s, 'by GTID again')", next(rows))
    assert ids(pipe) == list(range(1, 9)) and gaps(pipe) == []
    assert pipe.leat.tap.token(pipe.leat)["gtids"] == pipe.server.gtids()


def test_resume__a_set_of_five_thousand_intervals_is_kept_and_sent(on):
    """MySQL scenarios 98, 99."""
    pipe = on(MYSQL)
    holes = ":".join(str(number) for number in range(1, 10001, 2))
    pipe.server.sql(f"SET GLOBAL gtid_purged = '+11111111-2222-3333-4444-555555555555:{holes}'")
    pipe.start()
    insert(pipe, 1, 3)
    pipe.run("SET gtid_next = 'AUTOMATIC:red'; INSERT INTO t VALUES (4, 'tagged')")
    assert ids(pipe) == [1, 2, 3, 4]
    again(pipe)
    pipe.leat.wait_streaming()
    pipe.run("SET gtid_next = '11111111-2222-3333-4444-555555555555:4'; INSERT INTO t VALUES (5, 'in a hole')")
    assert ids(pipe) == [1, 2, 3, 4, 5]
    token = pipe.leat.tap.token(pipe.leat)
    both = pipe.server.one("SELECT GTID_SUBSET(%s, @@gtid_executed) AND GTID_SUBSET(@@gtid_executed, %s)",
                           token["gtids"], token["gtids"])
    assert both == 1 and token["gtids"].count(":") > 4990
    again(pipe)
    pipe.leat.wait_streaming()
    insert(pipe, 6, 6)
    assert ids(pipe) == [1, 2, 3, 4, 5, 6] and gaps(pipe) == []


# --- offsets by hand ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["gtid", "position"])
def test_resume__an_offset_that_is_set_by_hand_is_where_it_goes_on(pipe, way):
    """What every hint says in the end: forward leaves rows out; nonsense and another kind's offset are refused."""
    pipe.sql(TABLE)
    pipe.start(resume=way)
    insert(pipe, 1, 3)
    assert ids(pipe) == [1, 2, 3]
    pipe.leat.stop()
    insert(pipe, 4, 6)
    token = next(o["token"] for o in pipe.leat.offsets() if o["source"] == pipe.leat.name)
    fields = pipe.leat.tap.token(pipe.leat)
    file, position = pipe.server.log_end()
    moved = token
    for name, now in (("file", file), ("position", position), ("gtids", pipe.server.gtids())):
        moved = moved.replace(f" {name}={fields[name]} ", f" {name}={now} ")
    for wrong in ("nonsense", token.replace("flavour=m", "flavour=x"),
                  token.replace(f"flavour={pipe.server.flavour}",
                                f"flavour={'mysql' if pipe.server.mariadb else 'mariadb'}")):
        assert pipe.leat.command("offsets", "set", pipe.leat.name, wrong, "--yes").returncode == 0
        mark = again(pipe)
        pipe.wait_error("stopped", "position" if "flavour=m" not in wrong else "offset", start=mark)
        pipe.leat.kill9()
    done = pipe.leat.command("offsets", "set", pipe.leat.name, moved, "--yes")
    assert done.returncode == 0, done.stderr
    pipe.start()
    insert(pipe, 7, 9)
    assert ids(pipe) == [1, 2, 3, 7, 8, 9]
    token = pipe.leat.tap.token(pipe.leat)
    assert file_order(*pipe.server.log_end()) == file_order(token["file"], token["position"])
