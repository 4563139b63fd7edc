"""The rules that the server's forgiveness makes necessary, where no other test looks (see tests/mutants).

Each test here fails on a leat in which the one rule of its docstring is broken; the table of tests/mutants/rules.py
proves that.
"""
import os
import signal
import threading
import time

import psycopg2.errors
import pytest

from tests.support import leatd, places
from tests.support.pgserver import lsn

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text)"


def ids(pipe):
    return [e["after"]["id"] for e in pipe.events() if e.get("table") == "t" and e["op"] == "create"]


def stalled(pipe, stall_ms):
    """Starts with a commit that hangs for so long, and feeds rows 1, 2 … until one is not stored; returns how many."""
    if not leatd.binary("failpoints").exists():
        pytest.skip("build/failpoints/leat is not built (make VARIANT=failpoints)")
    pipe.leat.program = leatd.binary("failpoints")
    pipe.leat.start(failpoint=f"before_commit:stall_ms={stall_ms}:6")
    for row in range(1, 40):
        pipe.sql("INSERT INTO t VALUES (%s)", row)
        try:  # asked from the store, not from the slot: what is confirmed is in question here
            pipe.leat.wait_events(row, 1.5, table="public.t")
        except TimeoutError:
            return row
    raise AssertionError("the failpoint was never reached")


def stays(condition, seconds, what):
    """The opposite of waiting: nothing happens for so long, which is what is asked."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), what
        time.sleep(0.1)


# --- what is confirmed, and when -----------------------------------------------------------------------------


def test_rules__nothing_is_confirmed_before_it_is_stored(open_pipe, server):
    """Rule 1: the store first, then the offset, then the server."""
    pipe = open_pipe(server, wal_sender_timeout="2s")  # a status update every half second
    pipe.sql(TABLE)
    before = stalled(pipe, 20000) - 1
    received = server.flush_lsn()
    pipe.sql("INSERT INTO t SELECT g FROM generate_series(1000, 2999) g")
    stays(lambda: lsn(server.slot(pipe.leat.slot)["confirmed_flush_lsn"]) < received, 2.0, "confirmed, and not stored")
    pipe.leat.kill9()
    pipe.leat.start()
    assert ids(pipe) == list(range(1, before + 2)) + list(range(1000, 3000))


def test_rules__a_transaction_is_behind_us_at_its_end(open_pipe, server):
    """Rule 2: a stream that begins at its commit's own position would bring it again."""
    pipe = open_pipe(server, confirm_interval="60s")  # of a session's keepalives only the first one's position is taken
    pipe.run(f"{TABLE}; CREATE SCHEMA outside; CREATE TABLE outside.log (v text);")
    pipe.start()

    def follows():
        """Writes log without any event; does the stored position follow?"""
        pipe.sql("INSERT INTO outside.log VALUES ('x')")
        target = server.flush_lsn()
        try:
            return places.wait_until(lambda: any(
                lsn(o["token"].split(" lsn=")[1].split()[0]) >= target for o in pipe.leat.offsets()), 0.5, "")
        except TimeoutError:
            return False
    for row in range(1, 4):
        places.wait_until(lambda: not follows(), 10, "the position stays at its last commit")
        pipe.sql("INSERT INTO t VALUES (%s)", row)
        pipe.leat.wait_events(row, table="public.t")
        pipe.leat.kill9()
        pipe.leat.start()
    pipe.sql("INSERT INTO t VALUES (4)")
    events = pipe.leat.wait_events(4, table="public.t")
    assert [e["after"]["id"] for e in events] == [1, 2, 3, 4]


def test_rules__commits_that_touch_each_other_both_come(pipe):
    """Rule 2, the other side: the next transaction's commit may begin exactly where the last one's ends."""
    pipe.sql(TABLE)
    pipe.start()
    pair = [pipe.server.connect(pipe.database) for _ in range(2)]
    cursors = [c.cursor() for c in pair]
    for i in range(20):
        for n, cursor in enumerate(cursors):
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO t VALUES (%s)", (2 * i + n,))
        for cursor in cursors:
            cursor.execute("COMMIT")
    for connection in pair:
        connection.close()
    assert ids(pipe) == list(range(40))


def test_rules__a_stalled_store_keeps_the_session(open_pipe, server):
    """Rule 6: status updates go out although nobody reads and nothing is stored. STALL_SECONDS=300 is the whole promise."""
    seconds = float(os.environ.get("STALL_SECONDS", "5"))
    pipe = open_pipe(server, wal_sender_timeout="2s")
    pipe.sql(TABLE)
    stalled(pipe, int(seconds * 1000) + 15000)
    backend = server.slot(pipe.leat.slot)["active_pid"]
    noise = "(SELECT string_agg(md5(g::text || i), '') FROM generate_series(1, 20) i)"
    pipe.sql(f"INSERT INTO t SELECT g, {noise} FROM generate_series(1000, 60000) g")
    places.wait_until(lambda: pipe.leat.status()["sources"][0]["state"] == "stalled", 10, "no room for more")
    stays(lambda: server.slot(pipe.leat.slot)["active_pid"] == backend, seconds, "the server gave us up")


def test_rules__a_stalled_store_lets_the_server_shut_down(own_server, open_pipe):
    """Rule 7: the server waits for our confirmation without limit; who cannot give it leaves."""
    server = own_server()
    pipe = open_pipe(server)
    pipe.sql(TABLE)
    stalled(pipe, 20000)
    pipe.sql("INSERT INTO t SELECT generate_series(1000, 2000)")
    assert server.stop("fast", 60) < 9.0


# --- slot and publication ------------------------------------------------------------------------------------


@pytest.fixture
def reader(pipe):
    """A role that may read the log and owns nothing."""
    pipe.sql(f"CREATE ROLE reader_{pipe.leat.name} LOGIN REPLICATION")
    yield f"reader_{pipe.leat.name}"
    if pipe.leat.alive:
        pipe.leat.kill9()
    pipe.sql(f"DROP ROLE reader_{pipe.leat.name}")


def test_rules__no_slot_is_made_before_its_publication(pipe, reader):
    """Rule 12: a slot that is older than its publication fails, or leaves changes out, for ever."""
    pipe.sql(TABLE)
    pipe.leat.configure(user=reader)
    pipe.leat.spawn()
    pipe.wait_error("publication")
    assert pipe.server.slot(pipe.leat.slot) is None


def test_rules__a_publication_is_altered_and_never_made_anew(pipe):
    """Rule 13: what was written while it is missing could not be decoded any more."""
    def publication():
        return pipe.sql("SELECT oid, pubname FROM pg_publication")
    pipe.sql(TABLE)
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (1)")
    pipe.leat.wait_caught_up()
    before = publication()
    pipe.leat.stop()
    pipe.run("INSERT INTO t VALUES (2); CREATE TABLE u (id int PRIMARY KEY);")
    pipe.start()
    pipe.run("INSERT INTO u VALUES (1); INSERT INTO t VALUES (3);")
    assert publication() == before and len(before) == 2
    assert [(e["table"], e["after"]["id"]) for e in pipe.events()] == [("t", 1), ("t", 2), ("u", 1), ("t", 3)]


@pytest.fixture
def blocker(pipe):
    """A transaction that has written: making a slot waits for its end."""
    pipe.sql(TABLE)
    connection = pipe.server.connect(pipe.database)
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO t VALUES (0)")
    yield connection
    connection.close()


def test_rules__the_server_ends_an_attempt_to_make_a_slot_although_nobody_listens(pipe, blocker):
    """Rule 21: statement_timeout does not end the server's wait for open transactions; lock_timeout does."""
    pipe.leat.spawn()

    def waiting():
        return pipe.sql("SELECT 1 FROM pg_stat_activity WHERE application_name = %s AND backend_type = 'walsender' "
                        "AND wait_event_type = 'Lock'", f"leat-{pipe.leat.name}")
    places.wait_until(waiting, 10, "the server waits for the open transaction")
    pipe.leat.kill9()
    assert waiting(), "the server noticed by itself: nothing is shown here"
    places.wait_until(lambda: not waiting(), 20, "the end of the server's wait")


def test_rules__who_is_waited_for_before_there_is_a_slot_can_be_found(pipe, blocker):
    """Rule 21: the error has the questions that name whom."""
    pipe.leat.configure(connect_timeout="1s")
    pipe.leat.spawn()
    line = pipe.wait_error("create the replication slot")
    assert "pg_stat_activity" in line and "pg_prepared_xacts" in line


def test_rules__kept_log_is_counted_from_where_the_slot_needs_it(pipe):
    """Rule 20: an old transaction keeps log although everything is confirmed; restart_lsn tells, confirmed does not."""
    pipe.sql(TABLE)
    pipe.start()
    blocker = pipe.server.connect(pipe.database)
    try:
        with blocker.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO t VALUES (0)")
            pipe.sql("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 20000) g")
            pipe.leat.wait_caught_up()

            def retained():
                source, = pipe.leat.status()["sources"]
                return source["retained_bytes"]
            places.wait_until(lambda: (retained() or 0) > 16 << 20, 10, "the kept log is told")
            slot = pipe.server.slot(pipe.leat.slot)
            kept = pipe.server.insert_lsn() - lsn(slot["restart_lsn"])
            assert kept > 16 << 20 > pipe.server.insert_lsn() - lsn(slot["confirmed_flush_lsn"])
    finally:
        blocker.close()


# --- what is decoded -----------------------------------------------------------------------------------------


def test_rules__a_change_may_come_before_a_query_can_see_it(own_server, open_pipe):
    """Rule 16: a commit that waits for a standby is in the stream already, and not in the catalogue."""
    server = own_server()
    pipe = open_pipe(server)
    pipe.sql(TABLE)
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (1, 'a')")
    pipe.leat.wait_caught_up()
    server.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    server.sql("SELECT pg_reload_conf()")
    places.wait_until(lambda: server.one("SHOW synchronous_standby_names") == "nobody", 10, "the reload")
    change = "ALTER TABLE t ADD w numeric DEFAULT 7.50; INSERT INTO t VALUES (2, 'b')"
    waiter = threading.Thread(target=pipe.sql, args=(change,))
    waiter.start()
    try:
        event = pipe.leat.wait_events(2, table="public.t")[1]
        seen = pipe.sql("SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'w'")
        assert seen == [], "the commit is visible: nothing is shown here"
        assert event["after"] == {"id": 2, "v": "b", "w": "7.50"} and event["key"] == ["id"]
    finally:
        server.sql("ALTER SYSTEM RESET synchronous_standby_names")
        server.sql("SELECT pg_reload_conf()")
        waiter.join(20)


def test_rules__half_a_transaction_is_forgotten_with_its_connection(pipe):
    """Rule 18: what was received and not stored comes again from the server, from its beginning."""
    pipe.sql(TABLE)
    pipe.start()
    pipe.leat.wait_caught_up()
    os.kill(pipe.leat.pid, signal.SIGSTOP)
    try:
        pipe.sql("INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 50000) g")
        backend = pipe.server.slot(pipe.leat.slot)["active_pid"]
        blocked = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'WalSenderWriteData'"
        places.wait_until(lambda: pipe.sql(blocked, backend), 20, "the server cannot send more")
        pipe.sql("SELECT pg_terminate_backend(%s)", backend)
    finally:
        os.kill(pipe.leat.pid, signal.SIGCONT)  # it reads what the socket holds: the beginning, and no end
    pipe.wait_error("57P01")
    assert [e["after"]["id"] for e in pipe.events(seconds=15)] == list(range(1, 50001))


def test_rules__open_transactions_are_not_streamed(pipe):
    """Rule 19: until relations of streamed transactions have a place of their own, none is asked for."""
    pipe.sql(TABLE)
    pipe.start(decoding_work_mem="64KiB")
    pipe.run("BEGIN; INSERT INTO t SELECT generate_series(1, 5000); ALTER TABLE t ADD w int;"
             "INSERT INTO t SELECT generate_series(5001, 9000); COMMIT; INSERT INTO t VALUES (9001);")
    events = pipe.events(seconds=15)
    assert [e["after"]["id"] for e in events] == list(range(1, 9002))
    assert [("w" in e["after"]) for e in events] == [False] * 5000 + [True] * 4001


@pytest.fixture
def german(own_server, monkeypatch):
    """A server that speaks German, which its messages' catalogue and a locale other than C are enough for."""
    monkeypatch.setenv("LANGUAGE", "de")
    server = own_server(lc_messages="C.UTF-8")
    try:
        server.sql("SELECT * FROM nothing_of_this_name")
    except psycopg2.errors.UndefinedTable as e:
        if "does not exist" in str(e):
            pytest.skip("the server has no messages in German")
    return server


def test_rules__errors_are_known_by_sqlstate_in_any_language(german, open_pipe):
    """Rule 22: a publication that is missing, a database that is missing, a server that goes down."""
    pipe = open_pipe(german)
    pipe.sql(TABLE)
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (1)")
    pipe.leat.wait_caught_up()
    mark = len(pipe.leat.log())
    pipe.sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", pipe.leat.slot)
    assert " WARN " in pipe.wait_error("disconnected", start=mark)  # 57P01: passes by itself
    pipe.leat.wait_streaming()
    pipe.leat.stop()
    pipe.leat.configure(create=False)
    pipe.run(f"DROP PUBLICATION leat_{pipe.leat.name}; INSERT INTO t VALUES (2);"
             f"CREATE PUBLICATION leat_{pipe.leat.name} FOR TABLE t;")
    mark = len(pipe.leat.log())
    pipe.leat.spawn()
    line = pipe.wait_error("42704", start=mark)
    assert " ERROR " in line and "existiert nicht" in line and "offsets set" in line
    pipe.leat.kill9()
    pipe.leat.configure(database="nirgends")
    mark = len(pipe.leat.log())
    pipe.leat.spawn()
    assert " ERROR " in pipe.wait_error("3D000", start=mark)


def test_rules__commit_times_that_go_back_change_nothing(pipe):
    """Rule 25: only positions order. A transaction that came by replication brings its own time along."""
    pipe.sql(TABLE)
    pipe.start()
    origin = f"far_{pipe.database}"
    old = (f"SELECT pg_replication_origin_session_setup('{origin}');"
           "BEGIN; SELECT pg_replication_origin_xact_setup('0/ABCD', '{}-01-01 00:00:00+00'); {}; COMMIT;")
    pipe.run(f"SELECT pg_replication_origin_create('{origin}')")
    for i, year in enumerate((2001, 2040, 2002)):
        pipe.sql("INSERT INTO t VALUES (%s)", 10 * i)
        pipe.run(old.format(year, f"INSERT INTO t VALUES ({10 * i + 1}), ({10 * i + 2})"))
        pipe.leat.wait_caught_up()
        pipe.leat.kill9()
        pipe.run(old.format(year - 1, f"INSERT INTO t VALUES ({10 * i + 3})"))
        pipe.leat.start()
    events = [e for e in pipe.events() if e["op"] == "create"]
    pipe.run(f"SELECT pg_replication_origin_drop('{origin}')")
    assert [e["after"]["id"] for e in events] == [10 * i + n for i in range(3) for n in range(4)]
    positions = [lsn(e["tx"]["id"].split("/", 1)[1]) for e in events]
    assert positions == sorted(positions) and len({e["id"] for e in events}) == 12
    times = [e["event_time_us"] for e in events]
    assert times != sorted(times), "the times are in order: nothing is shown here"
