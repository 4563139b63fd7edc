"""The slot is lost, moved or taken: leat stops and says so, and never goes on in silence (I10)."""
import pytest

from tests.support import leatd, places
from tests.support.leatd import Leat


def running(pipe):
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY)")
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (1)")
    pipe.leat.wait_caught_up()
    return pipe


def start_expecting_trouble(pipe, *words):
    """Starts without waiting for the stream; gives the error that names the trouble."""
    mark = len(pipe.leat.log())
    pipe.leat.spawn()
    return pipe.wait_error(*words, start=mark)


def ids(pipe):
    return [e["after"]["id"] for e in pipe.leat.tail() if e.get("table") == "t"]


def test_slots__a_dropped_slot_stops_the_source(pipe):
    """Conformance 10."""
    running(pipe).leat.stop()
    pipe.server.drop_slot(pipe.leat.slot)
    pipe.sql("INSERT INTO t VALUES (2)")
    start_expecting_trouble(pipe, "slot")
    assert pipe.server.slot(pipe.leat.slot) is None, "a new slot in its place would hide the loss"
    assert ids(pipe) == [1]


def test_slots__a_slot_made_again_behind_our_back_is_noticed(pipe):
    """Conformance 11."""
    running(pipe).leat.stop()
    pipe.server.drop_slot(pipe.leat.slot)
    pipe.sql("INSERT INTO t VALUES (2)")
    pipe.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", pipe.leat.slot)
    pipe.sql("INSERT INTO t VALUES (3)")
    start_expecting_trouble(pipe, "slot")
    assert ids(pipe) == [1]


def test_slots__an_advanced_slot_is_noticed(pipe):
    """Conformance 12."""
    running(pipe).leat.stop()
    pipe.sql("INSERT INTO t VALUES (2)")
    pipe.sql("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", pipe.leat.slot)
    pipe.sql("INSERT INTO t VALUES (3)")
    start_expecting_trouble(pipe, "slot")
    assert ids(pipe) == [1]


@pytest.mark.parametrize("how", ["dropped", "advanced"])
def test_slots__with_on_gap_record_one_event_says_what_is_missing(pipe, how):
    """Conformance 10, 12."""
    pipe.leat.configure(on_gap="record")
    running(pipe).leat.stop()
    pipe.sql("INSERT INTO t VALUES (2)")
    if how == "dropped":
        pipe.server.drop_slot(pipe.leat.slot)
    else:
        pipe.sql("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", pipe.leat.slot)
    pipe.leat.start()
    pipe.sql("INSERT INTO t VALUES (3)")
    events = pipe.events()
    assert [e["op"] for e in events] == ["create", "gap", "create"]
    assert [e["after"]["id"] for e in events if e["op"] == "create"] == [1, 3]
    pipe.leat.stop()
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (4)")
    assert [e["op"] for e in pipe.events()] == ["create", "gap", "create", "create"]  # told once


def test_slots__an_invalidated_slot_is_named_and_not_hammered(own_server, open_pipe):
    """Conformance 13."""
    server = own_server(max_slot_wal_keep_size="32MB", min_wal_size="32MB", max_wal_size="48MB")
    pipe = running(open_pipe(server))
    pipe.leat.stop()
    pipe.sql("CREATE TABLE filler (id int, v text)")
    for _ in range(8):
        pipe.sql("INSERT INTO filler SELECT g, repeat(md5(random()::text), 200) FROM generate_series(1, 1500) g")
        pipe.sql("SELECT pg_switch_wal()")
        pipe.sql("CHECKPOINT")
    assert server.slot(pipe.leat.slot)["wal_status"] == "lost"
    start_expecting_trouble(pipe, "slot")
    mark = server.log().count(pipe.leat.slot)
    with pytest.raises(TimeoutError):  # three quiet seconds: no hot loop of attempts
        places.wait_until(lambda: server.log().count(pipe.leat.slot) > mark + 10, 3, "attempts")
    assert ids(pipe) == [1]


@pytest.mark.parametrize("plugin", ["test_decoding"])
def test_slots__another_plugin_is_refused(pipe, plugin):
    """Conformance 15."""
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY)")
    pipe.sql("SELECT pg_create_logical_replication_slot(%s, %s)", pipe.leat.slot, plugin)
    start_expecting_trouble(pipe, "slot")
    assert pipe.leat.tail() == []


def test_slots__a_slot_of_another_database_is_refused(pipe, open_pipe, server):
    """Conformance 15."""
    other = open_pipe(server)
    other.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", pipe.leat.slot)
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY)")
    start_expecting_trouble(pipe, "slot")
    pipe.leat.kill9()


def test_slots__another_cluster_is_refused(own_server, open_pipe):
    """Conformance 21, 20: same names, other system identifier."""
    first, second = own_server(), own_server()
    pipe = running(open_pipe(first))
    pipe.leat.stop()
    second.create_database(pipe.database)
    second.sql("CREATE TABLE t (id int PRIMARY KEY)", database=pipe.database)
    pipe.leat.configure(host=str(second.socket_dir), port=second.port)
    start_expecting_trouble(pipe, "system")
    assert second.slot(pipe.leat.slot) is None and ids(pipe) == [1]
    pipe.leat.kill9()


def test_slots__a_second_daemon_on_one_store_is_refused(pipe):
    """Conformance 8."""
    running(pipe)
    second = pipe.leat.command("run", seconds=20)
    assert second.returncode in (leatd.FAILED, leatd.USAGE)
    assert "lock" in second.stderr.lower() or "another" in second.stderr.lower()
    pipe.sql("INSERT INTO t VALUES (2)")
    pipe.leat.wait_caught_up()
    assert ids(pipe) == [1, 2]


def test_slots__a_second_daemon_on_one_slot_waits_and_takes_over(pipe, directory):
    """Conformance 8: it never throws the first one out."""
    running(pipe)
    holder = pipe.server.slot(pipe.leat.slot)["active_pid"]
    other = Leat(directory / "other", pipe.server, pipe.database, name=f"{pipe.leat.name}x",
                 source={"slot": pipe.leat.slot, "publication": pipe.leat.source["publication"]})
    other.spawn()
    try:
        places.wait_until(lambda: "active" in other.log() or "in use" in other.log(), 15, "the holder is named")
        pipe.sql("INSERT INTO t VALUES (2)")
        pipe.leat.wait_caught_up()
        assert pipe.server.slot(pipe.leat.slot)["active_pid"] == holder and ids(pipe) == [1, 2]
    finally:
        other.kill9()


def test_slots__a_missing_publication_is_named(any_pipe):
    """Conformance 27: an error in 15, a mere warning in 18, the same state here."""
    pipe = any_pipe
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY)")
    pipe.leat.configure(create=False)
    pipe.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", pipe.leat.slot)
    start_expecting_trouble(pipe, "publication")
    pipe.leat.kill9()


def test_slots__none_is_made_that_may_fill_the_disk(own_server, open_pipe):
    """Rule 20: without a limit the operator must say so."""
    server = own_server(max_slot_wal_keep_size="-1")
    pipe = open_pipe(server)
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY)")
    pipe.leat.spawn()
    pipe.wait_error("max_slot_wal_keep_size is -1", "allow_unlimited_wal")
    assert server.slot(pipe.leat.slot) is None
    pipe.leat.stop()
    pipe.start(allow_unlimited_wal=True)
    pipe.sql("INSERT INTO t VALUES (1)")
    assert [e["after"] for e in pipe.events()] == [{"id": 1}]
