"""The server restarts, crashes, refuses, idles and shuts down; leat comes back and loses nothing."""
import time

import pytest

from tests.support import leatd, places
from tests.support.pgserver import lsn

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text)"


def stall(pipe, stall_ms):
    """Starts with a commit that hangs for so long, and feeds rows -1, -2 … until it hangs; returns how many."""
    if not leatd.binary("failpoints").exists():
        pytest.skip("build/failpoints/leat is not built (make VARIANT=failpoints)")
    pipe.leat.program = leatd.binary("failpoints")
    pipe.leat.start(failpoint=f"before_commit:stall_ms={stall_ms}:6")
    for row in range(1, 40):
        pipe.sql("INSERT INTO t VALUES (%s)", -row)
        try:
            pipe.leat.wait_caught_up(3)
        except TimeoutError:
            return row
    raise AssertionError("the failpoint was never reached")


def ids(pipe):
    return [e["after"]["id"] for e in pipe.events(seconds=60) if e.get("table") == "t"]


@pytest.mark.parametrize("how", ["fast", "immediate", "kill9"])
def test_servers__a_restart_loses_and_repeats_nothing(own_server, open_pipe, how):
    """Conformance 3, 4."""
    server = own_server()
    pipe = open_pipe(server)
    pipe.sql(TABLE)
    pipe.start()
    for i in range(3):
        pipe.sql("INSERT INTO t SELECT g FROM generate_series(%s, %s) g", i * 100, i * 100 + 49)
        if i != 1:
            pipe.leat.wait_caught_up()
        if how == "kill9":
            server.kill9()
        else:
            server.stop(how)
        server.start()
        pipe.sql("INSERT INTO t SELECT g FROM generate_series(%s, %s) g", i * 100 + 50, i * 100 + 99)
    pipe.leat.wait_streaming(40)
    assert ids(pipe) == list(range(300))
    assert pipe.leat.alive


def test_servers__a_terminated_walsender_is_one_reconnect(pipe):
    """Conformance 97."""
    pipe.sql(TABLE)
    pipe.start()
    pid = pipe.leat.pid
    for i in range(3):
        pipe.sql("INSERT INTO t VALUES (%s)", i)
        pipe.sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", pipe.leat.slot)
        pipe.leat.wait_streaming()
    assert ids(pipe) == [0, 1, 2] and pipe.leat.pid == pid


def test_servers__a_server_that_is_down_at_the_start_is_waited_for(own_server, open_pipe):
    """Conformance 3, 17."""
    server = own_server()
    pipe = open_pipe(server)
    pipe.sql(TABLE)
    server.stop()
    pipe.leat.spawn()
    pipe.wait_error("connect")
    server.start()
    pipe.leat.wait_streaming(40)
    pipe.sql("INSERT INTO t VALUES (1)")
    assert ids(pipe) == [1]


def test_servers__a_wrong_password_is_named_and_never_shown(own_server, open_pipe, directory):
    """Conformance 1."""
    server = own_server()
    server.sql("CREATE ROLE reader LOGIN SUPERUSER REPLICATION PASSWORD 'right-secret'")
    hba = server.data / "pg_hba.conf"
    hba.write_text("local all reader scram-sha-256\nhost all reader 127.0.0.1/32 scram-sha-256\n" + hba.read_text())
    server.sql("SELECT pg_reload_conf()")
    pipe = open_pipe(server)
    secret = directory / "password"
    secret.write_text("wrong-secret\n")
    secret.chmod(0o600)
    pipe.sql(TABLE)
    pipe.leat.configure(user="reader", password_file=str(secret))
    pipe.leat.spawn()
    pipe.wait_error("password")
    attempts = server.log().count("password authentication failed")
    with pytest.raises(TimeoutError):
        places.wait_until(lambda: server.log().count("password authentication failed") > attempts + 6, 3, "a crash loop")
    assert pipe.leat.alive
    assert "wrong-secret" not in pipe.leat.log()
    assert "wrong-secret" not in pipe.leat.command("status", "--json").stdout
    pipe.leat.kill9()
    secret.write_text("right-secret\n")
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (1)")
    assert ids(pipe) == [1] and "right-secret" not in pipe.leat.log()


def test_servers__fast_shutdown_of_the_server_is_not_held_up(own_server, open_pipe):
    """Conformance 96: a daemon that has caught up lets the server go in less than two seconds."""
    server = own_server()
    pipe = open_pipe(server)
    pipe.sql(TABLE)
    pipe.start()
    pipe.sql("INSERT INTO t SELECT generate_series(1, 20000)")
    pipe.leat.wait_caught_up()
    assert server.stop("fast") < 2.0
    server.start()
    pipe.leat.wait_streaming(40)
    assert len(ids(pipe)) == 20000


def test_servers__fast_shutdown_while_the_store_stalls_is_bounded(own_server, open_pipe):
    """Conformance 96, with a stalled store: the daemon leaves within its grace, nothing is lost."""
    server = own_server()
    pipe = open_pipe(server)
    pipe.sql(TABLE)
    fed = stall(pipe, 25000)
    pipe.sql("INSERT INTO t SELECT generate_series(1, 5000)")
    seconds = server.stop("fast")
    server.start()
    pipe.leat.wait_streaming(60)
    assert ids(pipe) == [-i for i in range(1, fed + 1)] + list(range(1, 5001))
    assert seconds < 12.0


def test_servers__an_idle_database_follows_the_log_of_its_neighbours(any_pipe):
    """Conformance 93."""
    pipe = any_pipe
    pipe.sql(TABLE)
    pipe.start()
    neighbour = pipe.server.create_database(f"{pipe.database}_n")
    pipe.server.sql("CREATE TABLE n AS SELECT g, repeat('x', 500) v FROM generate_series(1, 20000) g", database=neighbour)
    target = pipe.server.flush_lsn()
    pipe.leat.wait_caught_up(25, until=target)
    slot = pipe.server.slot(pipe.leat.slot)
    pipe.server.sql(f"DROP DATABASE {neighbour}")
    assert lsn(slot["confirmed_flush_lsn"]) >= target and pipe.leat.tail() == []


def test_servers__idling_costs_next_to_nothing(pipe):
    """Conformance 94: less than one percent of a processor, and private memory stays small."""
    pipe.sql(TABLE)
    pipe.start()
    pipe.leat.wait_caught_up()
    before, begun = leatd.cpu_seconds(pipe.leat.pid), time.monotonic()
    time.sleep(5)  # what is measured is time itself
    used = leatd.cpu_seconds(pipe.leat.pid) - before
    assert used / (time.monotonic() - begun) < 0.01, f"{used} s of 5 s"
    assert leatd.rss_anon(pipe.leat.pid) < 64 << 20


def test_servers__an_idle_session_with_a_short_timeout_is_kept(own_server, open_pipe):
    """Conformance 94, 92: who hears nothing asks before he gives up."""
    server = own_server(wal_sender_timeout="3s")
    pipe = open_pipe(server, wal_sender_timeout="3s")
    pipe.sql(TABLE)
    pipe.start()
    backend = server.slot(pipe.leat.slot)["active_pid"]
    with pytest.raises(TimeoutError):
        places.wait_until(lambda: server.slot(pipe.leat.slot)["active_pid"] != backend, 12, "another session")
    assert "disconnected" not in pipe.leat.log()


@pytest.mark.slow
def test_servers__a_store_that_stalls_for_a_minute_keeps_the_session(open_pipe, own_server):
    """Conformance 92: wal_sender_timeout is 5 s, the commit hangs for 65 s."""
    server = own_server(wal_sender_timeout="5s")
    pipe = open_pipe(server, wal_sender_timeout="5s")
    pipe.sql(TABLE)
    fed = stall(pipe, 65000)
    backend = server.slot(pipe.leat.slot)["active_pid"]
    with leatd.MemorySampler(pipe.leat.pid) as memory:
        pipe.sql("INSERT INTO t SELECT g, repeat(md5(g::text), 30) FROM generate_series(1, 100000) g")
        begun = time.monotonic()
        target = server.flush_lsn()
        while time.monotonic() - begun < 55:
            slot = server.slot(pipe.leat.slot)
            assert slot["active_pid"] == backend, "the session was lost"
            assert lsn(slot["confirmed_flush_lsn"]) < target, "confirmed what is not stored"
            time.sleep(1)
        pipe.leat.wait_caught_up(60)
    assert server.slot(pipe.leat.slot)["active_pid"] == backend
    assert memory.peak < 128 << 20, f"{memory.peak >> 20} MiB"
    assert ids(pipe) == [-i for i in range(1, fed + 1)] + list(range(1, 100001))


def test_servers__a_long_open_transaction_delays_the_slot_and_then_it_comes(pipe):
    """Conformance 18: creating the slot waits for transactions that were open before."""
    pipe.sql(TABLE)
    blocker = pipe.server.connect(pipe.database)
    blocker.autocommit = False
    with blocker.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (1)")
        pipe.leat.spawn()
        places.wait_until(lambda: "slot" in pipe.leat.log() or pipe.server.slot(pipe.leat.slot), 20, "an attempt")
        assert pipe.leat.alive
    blocker.commit()
    blocker.close()
    pipe.leat.wait_streaming(60)
    pipe.sql("INSERT INTO t VALUES (2)")
    assert ids(pipe)[-1] == 2


def test_servers__no_walsender_left_is_waited_out(own_server, open_pipe):
    """Conformance 17."""
    server = own_server(max_wal_senders="1")
    pipe, other = open_pipe(server), open_pipe(server)
    other.sql(TABLE)
    other.start()
    pipe.sql(TABLE)
    pipe.leat.spawn()
    pipe.wait_error("")
    other.leat.stop()
    pipe.leat.wait_streaming(60)
    pipe.sql("INSERT INTO t VALUES (1)")
    assert ids(pipe) == [1]
