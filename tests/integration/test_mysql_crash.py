"""What a crash of the server leaves in its log, made by hand: a file that ends inside an event, and one that begins.

The kill loop of tests/crash meets these by chance; here each is certain, and so is the one that must stop the source.
"""
import json
import os
import time

import pytest

from tests.support import mysqlversions, places

WAYS = ["gtid", "position"]
HEADER_BYTES, LENGTH_AT = 19, 9  # of an event; u32


@pytest.fixture
def crashing(own_my_server, open_my_pipe):
    """A pipe with a table and three rows, on a MariaDB server of its own."""
    def make(way):
        pipe = open_my_pipe(own_my_server(mysqlversions.DEBIAN), resume=way)
        pipe.sql("CREATE TABLE t (id int PRIMARY KEY)")
        pipe.start()
        pipe.run("SET SESSION server_id = 4711; INSERT INTO t VALUES (1)")  # as by the server before a failover
        insert(pipe, 2, 3)
        assert ids(pipe) == [1, 2, 3]
        return pipe
    return make


def insert(pipe, *rows):
    for row in rows:
        pipe.sql("INSERT INTO t VALUES (%s)", row)


def ids(pipe):
    return [e["after"]["id"] for e in pipe.events() if e["op"] == "create"]


def log_file(pipe):
    return pipe.server.data / pipe.server.log_end()[0]


def crash(pipe, half_event=b""):
    """The server dies, with this as the last it wrote."""
    file = log_file(pipe)
    pipe.server.kill9()
    with open(file, "ab") as log:
        log.write(half_event)
    died = int(time.time())
    places.wait_until(lambda: int(time.time()) > died, 5, "another second: files are told apart by theirs")
    pipe.server.start()
    return file.name


def half_event():
    header = bytearray(HEADER_BYTES + 40)
    header[4] = 23  # rows that are written
    header[LENGTH_AT:LENGTH_AT + 4] = (5000).to_bytes(4, "little")
    return bytes(header)


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_crash__a_file_that_ends_inside_an_event_is_left_for_the_next(crashing, way, running):
    pipe = crashing(way)
    if not running:
        pipe.leat.stop()
    insert(pipe, 4)
    crash(pipe, half_event())
    insert(pipe, 5)
    crash(pipe, half_event())
    insert(pipe, 6)
    if not running:
        pipe.leat.spawn()
    pipe.leat.wait_streaming(40)
    assert ids(pipe) == [1, 2, 3, 4, 5, 6]
    assert " ERROR " not in pipe.leat.log()
    if not running:  # else the server may begin behind that end
        assert "log file without end" in pipe.leat.log()


@pytest.mark.parametrize("way", WAYS)
def test_crash__an_undecided_transaction_from_before_such_an_end_is_kept(crashing, way):
    pipe = crashing(way)
    pipe.run("XA START 'x'; INSERT INTO t VALUES (10); XA END 'x'; XA PREPARE 'x';")
    insert(pipe, 4)
    crash(pipe, half_event())
    insert(pipe, 5)
    for _ in range(2):  # it is read again from before the broken end
        assert ids(pipe) == [1, 2, 3, 4, 5]
        pipe.leat.kill9()
        pipe.leat.spawn()
    pipe.leat.wait_streaming(40)
    pipe.sql("XA COMMIT 'x'")
    insert(pipe, 6)
    assert ids(pipe) == [1, 2, 3, 4, 5, 10, 6] and " ERROR " not in pipe.leat.log()


@pytest.mark.parametrize("way", WAYS)
def test_crash__log_that_cannot_be_read_and_had_transactions_stops_the_source(crashing, way):
    pipe = crashing(way)
    file, end = log_file(pipe), pipe.server.log_end()[1]
    pipe.leat.stop()
    insert(pipe, 4, 5)
    pipe.server.flush_logs()
    insert(pipe, 6)
    with open(file, "r+b") as log:  # the event behind the offset is longer than the file
        log.seek(end + LENGTH_AT)
        log.write((1 << 20).to_bytes(4, "little"))
    pipe.leat.spawn()
    line = pipe.wait_error("stopped", file.name, "is not in the stream", "leat offsets set")
    assert " ERROR " in line
    assert [e["after"]["id"] for e in pipe.leat.tail() if e["op"] == "create"] == [1, 2, 3]
    pipe.leat.kill9()
    pipe.start(on_gap="record")
    for row in (7, 8):
        insert(pipe, row)
        assert ids(pipe) == [1, 2, 3, *range(6, row + 1)]
        gap, = (e for e in pipe.leat.tail() if e["op"] == "gap")
        assert "log_unreadable" in json.dumps(gap) and f"{file.name}:{end}" in json.dumps(gap)
        pipe.leat.kill9()
        pipe.start()


@pytest.mark.parametrize("way", WAYS)
def test_crash__a_log_that_lost_its_end_is_named_also_when_its_numbers_are_used_again(crashing, way):
    """As with sync_binlog=0, when the machine dies: the next transactions get the numbers of the lost ones."""
    pipe = crashing(way)
    file, end = log_file(pipe), pipe.server.log_end()[1]
    insert(pipe, 4, 5)
    assert ids(pipe) == [1, 2, 3, 4, 5]
    before = pipe.server.gtids()
    pipe.leat.stop()
    pipe.server.kill9()
    os.truncate(file, end)
    pipe.server.start()
    insert(pipe, 14, 15)
    assert pipe.server.gtids() == before
    pipe.leat.spawn()
    pipe.wait_error("stopped", "server_behind", file.name, "on_gap: record")
    assert [e["after"]["id"] for e in pipe.leat.tail() if e["op"] == "create"] == [1, 2, 3, 4, 5]
    pipe.leat.kill9()
    pipe.start(on_gap="record")
    assert ids(pipe) == [1, 2, 3, 4, 5, 14, 15]
    insert(pipe, 16)
    assert ids(pipe) == [1, 2, 3, 4, 5, 14, 15, 16]
    pipe.leat.kill9()
    pipe.start()
    insert(pipe, 17)
    assert ids(pipe)[-3:] == [15, 16, 17] and sum(e["op"] == "gap" for e in pipe.leat.tail()) == 1


@pytest.mark.parametrize("way", WAYS)
def test_crash__an_offset_that_moved_to_a_file_by_gtid_is_good_there(crashing, way):
    """By GTID the dump may begin in a later file than the offset's: then that file's stamp is the one to keep."""
    pipe = crashing("gtid")
    pipe.leat.stop()
    crash(pipe)
    pipe.start()
    insert(pipe, 4)
    assert ids(pipe) == [1, 2, 3, 4]
    pipe.leat.stop()
    pipe.start(resume=way)
    insert(pipe, 5)
    assert ids(pipe) == [1, 2, 3, 4, 5] and " ERROR " not in pipe.leat.log()
