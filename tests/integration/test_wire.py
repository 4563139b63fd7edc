"""What happens between leat and the server, byte by byte: through a proxy that loses, changes and crumbles messages.

The rules are the protocol's (rules 3, 4, 6 and 24 of the source's README). What leat confirmed is read off the wire,
where the BEGIN and COMMIT that it was told are seen too; what it stored is compared with the rows that were written.
"""
import re
import struct
import time

import pytest

from tests.support import places, proxy, types_corpus
from tests.support.pgserver import lsn
from tests.support.proxy import Cut, Proxy

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text)"
STATUS_BYTES = 34


@pytest.fixture
def through(pipe):
    """Opens proxies between the pipe's daemon and its server."""
    opened = []

    def make(**hooks):
        opened.append(Proxy(pipe.server.port, **hooks))
        pipe.leat.configure(host="127.0.0.1", port=opened[-1].port, sslmode="disable", confirm_interval="50ms")
        return opened[-1]
    yield make
    if pipe.leat.alive:
        pipe.leat.kill9()
    for one in opened:
        one.close()


def ids(pipe):
    return [e["after"]["id"] for e in pipe.leat.tail() if e.get("table") == "t"]


def insert(pipe, first, last):
    """One transaction with these rows."""
    pipe.sql("INSERT INTO t SELECT g, 'row ' || g FROM generate_series(%s, %s) g", first, last)


def kind(data):
    """The letter of the pgoutput message in a protocol message, or b''."""
    return (proxy.wal(data) or b"")[:1]


def check_statuses(connection):
    """Every update on a connection is well formed, never goes back, and never passes what the server has given."""
    flushed = 0
    for status in connection.statuses:
        assert len(status.bytes) == STATUS_BYTES
        assert max(status.flush, status.write, status.apply) <= status.given, status
        assert flushed <= status.flush <= status.write and status.apply == status.flush
        flushed = status.flush


# --- the network --------------------------------------------------------------------------------------------


def test_wire__a_network_that_swallows_everything_is_noticed_and_nothing_is_lost(pipe, through):
    """Conformance 7: both sides find out by the other's silence, at wal_sender_timeout and a grace of 5 s."""
    middle = through()
    pipe.sql(TABLE)
    pipe.start(wal_sender_timeout="1500ms")
    insert(pipe, 1, 50)
    pipe.leat.wait_caught_up()
    backend, mark = pipe.leat.backend(), len(pipe.leat.log())
    middle.swallow()
    begun = time.monotonic()
    insert(pipe, 51, 100)
    places.wait_until(lambda: pipe.server.slot(pipe.leat.slot)["active_pid"] != backend, 10, "the server notices")
    assert ids(pipe) == list(range(1, 51))
    pipe.leat.wait_log("nothing was heard from the server", 15, mark)
    assert 1.5 < time.monotonic() - begun < 12
    middle.mend()
    insert(pipe, 101, 150)
    pipe.leat.wait_streaming(40)
    pipe.leat.wait_caught_up()
    assert ids(pipe) == list(range(1, 151)) and pipe.leat.alive
    for connection in middle.streams():
        check_statuses(connection)


def test_wire__our_own_dead_session_on_the_slot_is_waited_for(pipe, through):
    """Conformance 9: the server has not missed the last daemon yet; the next one names the holder and takes over."""
    middle = through()
    pipe.sql(TABLE)
    pipe.start(wal_sender_timeout="2s")
    insert(pipe, 1, 10)
    pipe.leat.wait_caught_up()
    stale = pipe.leat.backend()
    middle.swallow()
    pipe.leat.kill9()
    middle.mend()
    insert(pipe, 11, 20)
    assert pipe.server.slot(pipe.leat.slot)["active_pid"] == stale
    pipe.leat.spawn()
    pipe.wait_error("in use", f"pid {stale}", f"leat-{pipe.leat.name}")
    pipe.leat.wait_streaming(30)
    insert(pipe, 21, 30)
    pipe.leat.wait_caught_up()
    assert ids(pipe) == list(range(1, 31)) and pipe.leat.backend() != stale
    said = [line for line in pipe.server.log().splitlines() if f"[{stale}]" in line]
    assert any("replication timeout" in line for line in said) and not any("administrator" in line for line in said)


@pytest.mark.parametrize("form", ["text", "binary"])
def test_wire__a_stream_in_pieces_of_one_byte_is_the_same_stream(open_pipe, server, form):
    """Conformance 44."""
    pipe = open_pipe(server, format=form)
    corpus = types_corpus.BINARY if form == "binary" else types_corpus.CORPUS
    pipe.run(types_corpus.ddl("c", corpus) + TABLE)
    with Proxy(server.port, piece=1) as middle:
        pipe.start(host="127.0.0.1", port=middle.port, sslmode="disable")
        before = middle.pieces
        pipe.run("\n".join(types_corpus.inserts("c", corpus)))
        pipe.run("UPDATE c SET c_text = 'x'; DELETE FROM c WHERE id = 1;")
        insert(pipe, 1, 100)
        assert pipe.difference("c", "t").equal and ids(pipe) == list(range(1, 101))
        assert middle.pieces - before > 20000
        check_statuses(middle.streams()[0])
        pipe.leat.stop()


# --- nonsense -----------------------------------------------------------------------------------------------


def replaced(data, at, new):
    """An XLogData message whose payload has other bytes at a place."""
    payload = proxy.wal(data)
    return proxy.with_payload(data, payload[:at] + new + payload[at + len(new):])


# What becomes of the first row of the transaction, an INSERT of two columns:
# 'I', oid 4, 'N', column count 2, then for each column its kind 1, length 4, bytes.
NONSENSE = {
    "unknown_message": lambda d: b"?" + d[1:],
    "length_below_itself": lambda d: d[:1] + struct.pack("!I", 3) + d[5:],
    "empty_copy_data": lambda d: proxy.message(b"d", b""),
    "unknown_copy_data": lambda d: proxy.message(b"d", b"z" + d[6:]),
    "keepalive_too_short": lambda d: proxy.keepalive(1)[:1] + struct.pack("!I", 20) + proxy.keepalive(1)[5:21],
    "unknown_change": lambda d: replaced(d, 0, b"?"),
    "unknown_relation": lambda d: replaced(d, 1, b"\x7f\xff\xff\xff"),
    "unknown_tuple": lambda d: replaced(d, 5, b"Q"),
    "too_many_columns": lambda d: replaced(d, 6, b"\x00\x03"),
    "too_few_columns": lambda d: replaced(d, 6, b"\x00\x01"),
    "unknown_column_kind": lambda d: replaced(d, 8, b"x"),
    "column_longer_than_the_message": lambda d: replaced(d, 9, b"\x7f\xff\xff\xff"),
    "negative_column_length": lambda d: replaced(d, 9, b"\xff\xff\xff\xff"),
    "a_byte_less": lambda d: proxy.with_payload(d, proxy.wal(d)[:-1]),
    "a_byte_more": lambda d: proxy.with_payload(d, proxy.wal(d) + b"\0"),
    "no_change": lambda d: proxy.with_payload(d, b""),
    "begin_inside_a_transaction": lambda d: proxy.with_payload(d, b"B" + bytes(20)),
    "another_commit": lambda d: proxy.with_payload(d, b"C" + bytes(25)),
    "nothing_but_noise": lambda d: bytes((i * 7 + 3) & 255 for i in range(4096)),
}


@pytest.mark.parametrize("case", [*NONSENSE, "cut_inside_a_message", "cut_inside_a_transaction"])
def test_wire__nonsense_ends_the_session_and_not_the_daemon(pipe, through, case):
    """Conformance 43: no crash, no confirmation, and the next session tells it all once more."""
    armed = []

    def spoil(connection, data):
        if not armed or kind(data) != b"I":
            return data
        armed.clear()
        spoiled.append((connection, connection.commit_lsn))
        if case == "cut_inside_a_message":
            raise Cut(data[:len(data) // 2])
        if case == "cut_inside_a_transaction":
            raise Cut(data)
        return NONSENSE[case](data)

    spoiled = []
    middle = through(on_server=spoil)
    pipe.sql(TABLE)
    pipe.start()
    insert(pipe, 1, 3)
    pipe.leat.wait_caught_up()
    mark = len(pipe.leat.log())
    armed.append(True)
    insert(pipe, 4, 9)
    pipe.leat.wait_caught_up()
    assert "disconnected" in pipe.leat.log()[mark:] and pipe.leat.alive
    (connection, commit_lsn), = spoiled
    check_statuses(connection)
    assert max(s.flush for s in connection.statuses) <= commit_lsn
    assert ids(pipe) == list(range(1, 10)) and len(middle.streams()) == 2


# --- what is confirmed --------------------------------------------------------------------------------------


def test_wire__no_position_is_confirmed_that_the_server_did_not_give(pipe, through):
    """Conformance 45, rule 3: an offset that is wrong, or merely ahead, stays at home until the server confirms it."""
    hold = []
    middle = through(on_server=lambda _, d: b"" if hold and d[:1] == b"d" else d)
    pipe.sql(TABLE)
    pipe.start(wal_sender_timeout="2s")
    insert(pipe, 1, 3)
    pipe.leat.wait_caught_up()
    pipe.leat.stop()
    pipe.sql("CREATE TABLE other ()")
    wrong = pipe.server.flush_lsn()
    assert wrong > lsn(pipe.server.slot(pipe.leat.slot)["confirmed_flush_lsn"])
    set_offset(pipe, wrong)
    hold.append(True)
    pipe.leat.spawn()
    places.wait_until(lambda: len(middle.streams()) == 2 and len(middle.streams()[1].statuses) > 2, 20,
                      "status updates to a server that says nothing")
    told = middle.streams()[1]
    assert told.given == 0 and {s.flush for s in told.statuses} == {0}
    hold.clear()
    insert(pipe, 4, 6)
    pipe.leat.wait_caught_up()
    assert ids(pipe) == [1, 2, 3, 4, 5, 6]
    pipe.leat.stop()
    assert len(middle.streams()) == 2
    for connection in middle.streams():
        check_statuses(connection)
    assert lsn(pipe.server.slot(pipe.leat.slot)["confirmed_flush_lsn"]) == told.statuses[-1].flush


@pytest.mark.parametrize("after", ["BEGIN", "INSERT"])
def test_wire__a_keepalive_inside_a_transaction_confirms_nothing_of_it(pipe, through, after):
    """Conformance 95: the position is the server's own end, the rest of the transaction never comes; then kill -9."""
    seen = []

    def interrupt(connection, data):
        if armed and not seen and kind(data) == after[:1].encode():
            seen.append(connection)
            return data + proxy.keepalive(pipe.server.flush_lsn()) * 2
        return b"" if connection in seen else data

    armed = []
    middle = through(on_server=interrupt)
    pipe.sql(TABLE)
    pipe.start(wal_sender_timeout="2s")
    insert(pipe, 1, 3)
    pipe.leat.wait_caught_up()
    armed.append(True)
    insert(pipe, 4, 1000)
    places.wait_until(lambda: seen, 10, "the transaction")
    connection, = seen
    before = len(connection.statuses)
    places.wait_until(lambda: len(connection.statuses) > before + 3, 15, "answers to the keepalives")
    pipe.leat.kill9()
    assert connection.given > connection.commit_lsn > 0  # more could have been confirmed, and none of it was
    assert max(s.flush for s in connection.statuses) <= connection.commit_lsn
    assert lsn(pipe.server.slot(pipe.leat.slot)["confirmed_flush_lsn"]) <= connection.commit_lsn
    pipe.start()
    pipe.leat.wait_caught_up()
    assert ids(pipe) == list(range(1, 1001)) and len(middle.streams()) == 2


# --- where the stream begins --------------------------------------------------------------------------------


def set_offset(pipe, position):
    """Moves the stored position by hand, as an operator would."""
    token = pipe.leat.command("offsets", "show", pipe.leat.name).stdout.strip()
    token = re.search(r"pg1 system=.*", token)[0]
    token = re.sub(r" lsn=\S+", f" lsn={position >> 32:X}/{position & 0xffffffff:X}", token)
    done = pipe.leat.command("offsets", "set", pipe.leat.name, token, "--yes")
    assert done.returncode == 0, done.stderr


def stored_up_to(streams, target):
    """The only stream, if its last status update says that all is stored."""
    return streams[0] if streams and streams[0].statuses and streams[0].statuses[-1].flush >= target else None


def test_wire__a_start_at_or_inside_a_transaction_brings_it_whole_and_at_its_end_skips_it(pipe, through):
    """Conformance 46: the server never hears a confirmation here, so that one slot can be read again and again."""
    middle = through(on_client=lambda _, d: b"" if d[:1] == b"d" else d)
    pipe.sql(TABLE)
    pipe.start()
    pipe.leat.stop()
    insert(pipe, 1, 50)
    insert(pipe, 51, 60)
    messages = pipe.sql("SELECT lsn, data FROM pg_logical_slot_peek_binary_changes(%s, NULL, NULL, 'proto_version', "
                        "'1', 'publication_names', %s)", pipe.leat.slot, pipe.leat.source["publication"])
    commit_lsn, end_lsn = next(struct.unpack_from("!QQ", m, 2) for _, m in messages if bytes(m[:1]) == b"C")
    row_lsns = [lsn(at) for at, m in messages if bytes(m[:1]) == b"I"]
    assert row_lsns[0] < row_lsns[49] < commit_lsn < end_lsn <= row_lsns[50]
    both, second = list(range(1, 61)), list(range(51, 61))
    for number, (position, expected) in enumerate([(row_lsns[25], both), (commit_lsn, both), (commit_lsn + 1, second),
                                                   (end_lsn, second)]):
        before = ids(pipe)
        set_offset(pipe, position)
        pipe.leat.spawn()
        target = pipe.server.flush_lsn()
        stream = places.wait_until(lambda n=number, t=target: stored_up_to(middle.streams()[n + 1:], t), 20, "the end")
        assert f" LOGICAL {position >> 32:X}/{position & 0xffffffff:X} (" in stream.commands[-1]
        pipe.leat.stop()
        assert ids(pipe)[len(before):] == expected
        check_statuses(stream)
    events = [e for e in pipe.leat.tail() if e.get("table") == "t"]
    assert len({e["id"] for e in events}) == 60  # the same change has the same id, however often it comes
