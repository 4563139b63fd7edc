"""Another timeline, another cluster, a server that fell back: what must never go on in silence (I10, rule 4, rule 5).

The second server is a copy of the first one's files, slots included, that is started as a standby and promoted: what a
volume snapshot, or a failover with a copied slot, gives.
"""
import os
import signal
import subprocess

import pytest

from tests.support import places
from tests.support.leatd import Leat
from tests.support.pgserver import PgServer


@pytest.fixture
def pair(directory, built):
    """A server with one table, and a leat that has stored its first row."""
    server = PgServer(directory / "first", 15, fresh=True).start()
    server.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
    leat = Leat(directory / "leat", server).start()
    server.run("INSERT INTO t VALUES (1, 'first timeline')")
    leat.wait_caught_up()
    yield server, leat
    if leat.alive:
        leat.kill9()
    server.remove()


def copy_of(server, directory):
    """The files of a stopped server as a new one, not started."""
    twin = PgServer(directory / "second", 15)
    twin.root.mkdir(parents=True)
    twin.root.chmod(0o755)
    places.hand_over(twin.root)
    subprocess.run(["cp", "-a", str(server.data), str(twin.data)], check=True)
    (twin.data / "postmaster.pid").unlink(missing_ok=True)
    return twin


def promote(twin):
    signal_file = twin.data / "standby.signal"
    signal_file.touch()
    places.hand_over(signal_file)
    twin.start()
    twin.sql("SELECT pg_promote()")
    places.wait_until(lambda: not twin.one("SELECT pg_is_in_recovery()"), 30, "promotion")
    return twin


def restart_on(leat, server):
    offset = len(leat.log())
    leat.server = server
    leat.configure(host=str(server.socket_dir), port=server.port)
    leat.spawn()
    return offset


def wait_for(leat, text, offset):
    places.wait_until(lambda: text in leat.log()[offset:], 30, f"{text} in the log:\n{leat.log()[-2000:]}")


def ids(leat):
    return [e["after"]["id"] for e in leat.tail() if e["op"] == "create"]


def test_failover__a_clean_one_goes_on_on_the_new_timeline(pair, directory):
    """Conformance 22: nothing that is stored was lost there."""
    server, leat = pair
    leat.stop()
    server.stop()
    twin = promote(copy_of(server, directory))
    try:
        restart_on(leat, twin)
        leat.wait_streaming()
        twin.run("INSERT INTO t VALUES (2, 'second timeline')")
        leat.wait_caught_up()
        events = [e for e in leat.tail() if e["op"] == "create"]
        assert [e["after"]["id"] for e in events] == [1, 2]
        assert [e["tx"]["id"].split("/")[0] for e in events] == ["1", "2"]
    finally:
        leat.kill9()
        twin.remove()


def test_failover__a_lost_tail_is_named_and_reused_positions_are_not_repeats(pair, directory):
    """Conformance 23: the new timeline reuses LSNs and xids for other changes; none of them may be dropped."""
    server, leat = pair
    server.stop()
    leat.stop()
    twin = copy_of(server, directory)
    server.start()
    leat.start()
    server.run("INSERT INTO t VALUES (2, 'lost by the failover')")
    leat.wait_caught_up()
    leat.stop()
    server.stop("immediate")
    promote(twin)
    try:
        twin.run("INSERT INTO t VALUES (3, 'on the new timeline')")
        twin.run("INSERT INTO t VALUES (4, 'and another')")
        offset = restart_on(leat, twin)
        wait_for(leat, "source_rewound", offset)
        assert ids(leat) == [1, 2]
        leat.stop()
        leat.configure(on_gap="record").spawn()
        leat.wait_streaming()
        leat.wait_caught_up()
        assert ids(leat) == [1, 2, 3, 4]
        gap, = [e for e in leat.tail() if e["op"] == "gap"]
        assert "source_rewound" in str(gap)
    finally:
        leat.kill9()
        twin.remove()


def test_failover__the_old_primary_is_refused_afterwards(pair, directory):
    """Conformance 24."""
    server, leat = pair
    leat.stop()
    server.stop()
    twin = promote(copy_of(server, directory))
    try:
        restart_on(leat, twin)
        leat.wait_streaming()
        twin.run("INSERT INTO t VALUES (2, 'new')")
        leat.wait_caught_up()
        leat.stop()
    finally:
        twin.remove()
    server.start()
    offset = restart_on(leat, server)
    wait_for(leat, "old_timeline", offset)
    assert not leat.streaming()


def test_failover__another_cluster_is_refused_until_accepted(pair, directory):
    """Conformance 21, 26."""
    server, leat = pair
    leat.stop()
    other = PgServer(directory / "other", 15, fresh=True).start()
    try:
        other.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
        offset = restart_on(leat, other)
        wait_for(leat, "other_system", offset)
        assert other.slot(leat.slot) is None, "nothing may be made on a server that was not accepted"
        assert other.one("SELECT count(*) FROM pg_publication") == 0
        leat.stop()
        leat.configure(accept_system=other.system_identifier()).spawn()
        leat.wait_streaming()
        other.run("INSERT INTO t VALUES (7, 'elsewhere')")
        leat.wait_caught_up()
        assert ids(leat) == [1, 7]
    finally:
        leat.kill9()
        other.remove()


def test_failover__a_server_that_fell_back_is_refused(pair, directory):
    """Conformance 20: the stored position lies beyond the server's end; starting there would skip in silence."""
    server, leat = pair
    server.stop()
    leat.stop()
    twin = copy_of(server, directory)
    server.start()
    leat.start()
    server.run("INSERT INTO t SELECT g, repeat('x', 500) FROM generate_series(2, 3000) g")
    leat.wait_caught_up()
    leat.stop()
    server.stop("immediate")
    twin.start()
    try:
        offset = restart_on(leat, twin)
        wait_for(leat, "server_behind", offset)
        assert not leat.streaming()
    finally:
        leat.kill9()
        twin.remove()


def test_shutdown__ends_in_time_although_the_server_does_not_answer(pair):
    """SIGTERM with a stopped server: while streaming, and while connecting."""
    server, leat = pair
    children = [int(p) for p in subprocess.run(["ps", "-o", "pid=", "--ppid", str(server.pid)], capture_output=True,
                                               text=True, check=True).stdout.split()]
    stopped = [server.pid, *children]
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        code, seconds = leat.stop(15)
        assert code == 0 and seconds < 10
        leat.spawn()
        places.wait_until(lambda: "starting" in leat.log()[-400:], 5, "a second start")
        _, seconds = leat.stop(15)
        assert seconds < 10.5
    finally:
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)
