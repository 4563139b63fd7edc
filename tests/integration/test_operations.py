"""What operators do and what happens to them: settings, roles, other people's transactions, standbys, wrong clocks."""
import json
import re
import subprocess

import psycopg2
import pytest

from tests.support import checker, leatd, places
from tests.support.pgserver import PgServer, lsn
from tests.support.proxy import Proxy, wal

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text)"
HOUR_US = 3600 * 10**6

# Moves the wall clock of a process by the seconds in $CLOCK_FILE, read once per process, so that a server's new
# sessions can live in another time than its old ones. Monotonic clocks stay.
CLOCK = r"""
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long offset(void)
{
    static long seconds, owner;
    if (owner != getpid()) {
        FILE *f = fopen(getenv("CLOCK_FILE"), "r");
        seconds = 0;
        if (f) {
            if (fscanf(f, "%ld", &seconds) != 1)
                seconds = 0;
            fclose(f);
        }
        owner = getpid();
    }
    return seconds;
}
int clock_gettime(clockid_t id, struct timespec *t)
{
    int status = (int)syscall(SYS_clock_gettime, id, t);
    if (status == 0 && id == CLOCK_REALTIME)
        t->tv_sec += offset();
    return status;
}
int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *t = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}
time_t time(time_t *t)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return t ? (*t = now.tv_sec) : now.tv_sec;
}
"""


class Clock:
    """A false wall clock for the programs that are started while it is `on`."""

    def __init__(self, directory, monkeypatch):
        self.library, self.file, self.monkeypatch = directory / "clock.so", directory / "clock", monkeypatch
        source = directory / "clock.c"
        source.write_text(CLOCK)
        done = subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(self.library), str(source)],
                              capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"no library for a false clock: {done.stderr[-300:]}")
        self.set(0)

    def set(self, hours):
        self.file.write_text(str(hours * 3600))

    def on(self):
        self.monkeypatch.setenv("LD_PRELOAD", str(self.library))
        self.monkeypatch.setenv("CLOCK_FILE", str(self.file))

    def off(self):
        self.monkeypatch.delenv("LD_PRELOAD")


@pytest.fixture
def clock(directory, monkeypatch):
    return Clock(directory, monkeypatch)


def findings(pipe):
    done = pipe.leat.command("check", "--json")
    assert done.returncode in (leatd.FINE, leatd.FINDINGS), done.stderr
    return {f["id"]: f for f in json.loads(done.stdout)["findings"] if f["group"] == pipe.leat.name}


def fatal(found):
    return {name for name, f in found.items() if f["severity"] == "fatal"}


def ids(pipe):
    return [e["after"]["id"] for e in pipe.leat.tail() if e.get("op") == "create"]


def quiet(pipe, seconds=1.5):
    """No hot loop: the server hears next to nothing of us for a while."""
    attempts = lambda: pipe.server.log().count(f"application_name=leat-{pipe.leat.name}")
    pipe.server.run("ALTER SYSTEM SET log_connections = on; SELECT pg_reload_conf();")
    mark = attempts()
    with pytest.raises(TimeoutError):
        places.wait_until(lambda: attempts() > mark + 10, seconds, "attempts")


# --- the slot and its server --------------------------------------------------------------------------------


def test_operations__a_slot_that_idled_too_long_is_named_with_its_reason(own_server, open_pipe, servers):
    """Conformance 14: while leat is connected nothing happens; while it is down the slot is invalidated."""
    servers.get(18)  # skips where it cannot be had
    server = own_server(18, idle_replication_slot_timeout="1s")
    pipe = open_pipe(server)
    pipe.sql(TABLE)
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (1)")
    pipe.leat.wait_caught_up()
    with pytest.raises(TimeoutError):
        places.wait_until(lambda: invalidated(pipe), 1.6, "invalidation of a slot that is read")
    pipe.leat.stop()
    places.wait_until(lambda: invalidated(pipe), 20, "invalidation of a slot that nobody reads")
    pipe.sql("INSERT INTO t VALUES (2)")
    assert "idle_timeout" in findings(pipe)["slot"]["observed"]
    pipe.leat.spawn()
    assert " ERROR " in pipe.wait_error("slot_lost", "idle_timeout", pipe.leat.slot)
    quiet(pipe)
    assert ids(pipe) == [1] and invalidated(pipe)
    pipe.leat.stop()
    pipe.start(on_gap="record")
    pipe.sql("INSERT INTO t VALUES (3)")
    assert [e["op"] for e in pipe.events()] == ["create", "gap", "create"] and ids(pipe) == [1, 3]


def invalidated(pipe):
    pipe.server.sql("CHECKPOINT")
    return pipe.server.slot(pipe.leat.slot)["invalidation_reason"] == "idle_timeout"


def test_operations__a_server_without_logical_log_is_named_with_the_setting(own_server, open_pipe):
    """Conformance 16: what `leat check` says is in test_check; here the daemon itself, which waits for the operator."""
    server = own_server(wal_level="replica")
    pipe = open_pipe(server)
    pipe.sql(TABLE)
    pipe.leat.spawn()
    assert " ERROR " in pipe.wait_error("wal_level", "logical")
    assert pipe.leat.alive and server.slot(pipe.leat.slot) is None
    pipe.leat.kill9()
    server.options["wal_level"] = "logical"
    server.restart()
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (1)")
    pipe.leat.wait_caught_up()
    assert ids(pipe) == [1]


def test_operations__a_forgotten_prepared_transaction_is_named_and_then_the_slot_is_made(pipe):
    """Conformance 19."""
    pipe.sql(TABLE)
    pipe.leat.configure(connect_timeout="1s")
    pipe.run("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'forgotten';")
    try:
        finding = places.wait_until(lambda: findings(pipe).get("slot_creation"), 10, "it is old enough")
        assert "'forgotten'" in finding["observed"] and "ROLLBACK PREPARED 'forgotten'" in finding["fix"]
        pipe.leat.spawn()
        pipe.wait_error("create the replication slot", "pg_prepared_xacts")
        gave_up = f"@{pipe.database} ERROR:  canceling statement due to lock timeout"
        places.wait_until(lambda: pipe.server.log().count(gave_up) > 1, 20, "more attempts")
        assert "is in use" not in pipe.leat.log(), "our own last attempt stands in the way of the next one"
        assert pipe.leat.backend() is None
    finally:
        pipe.run("ROLLBACK PREPARED 'forgotten'")
    pipe.leat.wait_streaming(30)
    pipe.sql("INSERT INTO t VALUES (2)")
    pipe.leat.wait_caught_up()
    assert ids(pipe) == [2]


@pytest.fixture
def standby(own_server, directory, servers):
    """A primary of 17 and a standby of it that synchronises slots; both begin as the same files."""
    servers.get(17)
    primary = own_server(17)
    primary.sql("SELECT pg_create_physical_replication_slot('standby', true)")
    follower = PgServer(directory / "standby", 17, {
        **primary.options, "max_connections": "100",  # that of the template's own control file, at least
        "hot_standby_feedback": "on", "wal_receiver_status_interval": "1s", "primary_slot_name": "standby",
        "primary_conninfo": f"host={primary.socket_dir} port={primary.port} user=postgres dbname=postgres"}).init()
    follower.own = True
    mark = follower.data / "standby.signal"
    mark.touch()
    places.hand_over(mark)
    yield primary, follower.start()
    follower.remove()


def test_operations__a_synchronised_slot_on_a_standby_is_waited_for_until_the_promotion(standby, open_pipe):
    """Conformance 25, 22."""
    primary, follower = standby
    pipe = open_pipe(primary, create=False)
    pipe.run(f"{TABLE}; CREATE PUBLICATION {pipe.leat.source['publication']} FOR TABLE t;")
    pipe.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput', false, false, true)", pipe.leat.slot)
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (1)")

    def synchronised():  # a slot that stands still is not: its log may be gone on the standby
        primary.sql("SELECT pg_log_standby_snapshot()")
        pipe.leat.wait_caught_up()
        follower.sql("SELECT pg_sync_replication_slots()")
        slot = follower.slot(pipe.leat.slot)
        return slot and slot["synced"] and not slot["temporary"]
    places.wait_until(synchronised, 30, "the slot on the standby", 0.2)
    pipe.leat.stop()
    pipe.sql("INSERT INTO t VALUES (2)")
    places.wait_until(lambda: follower.one("SELECT count(*) FROM t", database=pipe.database) == 2, 20, "the row")
    primary.stop()
    pipe.server = pipe.leat.server = follower
    pipe.leat.configure(host=str(follower.socket_dir), port=follower.port)
    found = findings(pipe)
    assert "slot" in fatal(found) and "synchronised copy" in found["slot"]["observed"]
    pipe.leat.spawn()
    line = pipe.wait_error("synchronised copy", "promotion")
    assert " WARN" in line and not pipe.leat.streaming()
    follower.sql("SELECT pg_promote()")
    pipe.leat.wait_streaming(40)
    pipe.sql("INSERT INTO t VALUES (3)")
    pipe.leat.wait_caught_up()
    assert ids(pipe) == [1, 2, 3]
    pipe.leat.kill9()


# --- publications, roles, synchronous standbys --------------------------------------------------------------


def test_operations__two_column_lists_for_one_table_stop_the_source_by_name(pipe):
    """Conformance 29: what `leat check` says is in test_check; here they part while the stream runs."""
    pipe.sql(TABLE)
    pipe.sql("CREATE TABLE keyless (v text)")  # so that there are two publications
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (1, 'x')")
    pipe.leat.wait_caught_up()
    mark = len(pipe.leat.log())
    pipe.sql(f"ALTER PUBLICATION {pipe.leat.source['publication']}_insert ADD TABLE t (id)")
    pipe.sql("INSERT INTO t VALUES (2, 'y')")
    line = pipe.wait_error("column lists", "public.t", start=mark)
    assert " ERROR " in line and pipe.leat.alive
    assert fatal(findings(pipe)) == {"column_lists:public.t"}
    pipe.leat.stop()
    name = pipe.leat.source["publication"]
    with pytest.raises(psycopg2.Error, match="column lists"):  # it was not passed over: the slot still has it
        pipe.sql("SELECT * FROM pg_logical_slot_peek_binary_changes(%s, NULL, NULL, 'proto_version', '1', "
                 "'publication_names', %s)", pipe.leat.slot, f"{name},{name}_insert")
    assert ids(pipe) == [1]


def test_operations__a_role_that_may_replicate_by_membership_is_judged_by_trying(pipe):
    """Conformance 30: as in services where the attribute is not granted; here the membership gives nothing."""
    pipe.sql(TABLE)
    pipe.sql("CREATE ROLE rds_replication")
    pipe.sql("CREATE ROLE reader_30 LOGIN")
    try:
        pipe.leat.configure(user="reader_30")
        found = findings(pipe)
        assert found["role"]["severity"] == "fatal"
        assert found["role"]["fix"] == 'GRANT rds_replication TO "reader_30";'
        assert "replication_connection" not in found  # it cannot work, and the reason is told
        pipe.run(found["role"]["fix"])
        found = findings(pipe)
        assert found["role"]["severity"] == "ok"
        with pytest.raises(psycopg2.OperationalError) as refusal:
            pipe.server.connect(pipe.database, user="reader_30", options="", replication="database")
        reason = str(refusal.value).splitlines()[0].split("FATAL:")[1].strip()
        assert found["replication_connection"]["severity"] == "fatal"
        assert reason in found["replication_connection"]["observed"]
        pipe.sql("ALTER ROLE reader_30 REPLICATION")
        assert findings(pipe)["replication_connection"]["severity"] == "ok"
    finally:
        pipe.sql("DROP ROLE rds_replication")
        pipe.sql("DROP ROLE reader_30")


def test_operations__a_star_makes_us_a_synchronous_standby_and_check_says_so(own_server, open_pipe):
    """Conformance 98: which names mean us is in test_check; here the server agrees, and commits do wait for us."""
    server = own_server()
    pipe = open_pipe(server, confirm_interval="50ms")
    pipe.sql(TABLE)
    pipe.start()
    for names, state in (("*", "sync"), ("s1", "async")):
        server.run(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'; SELECT pg_reload_conf();")
        places.wait_until(lambda s=state: server.one("SELECT sync_state FROM pg_stat_replication") == s, 10, state)
        assert ("synchronous_standby_names" in fatal(findings(pipe))) == (state == "sync")
        if state == "sync":
            pipe.sql("INSERT INTO t VALUES (1)")  # comes back when we have confirmed it: not before it is stored
            assert ids(pipe) == [1]
    server.run("ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf();")


# --- time ---------------------------------------------------------------------------------------------------


def metric(pipe, name):
    """A value of /metrics for our source, or None."""
    status, body = pipe.leat.http("/metrics")
    found = re.search(rf'^{name}{{[^}}]*source="{pipe.leat.name}"[^}}]*}} (\S+)$', body, re.M)
    return float(found[1]) if status == 200 and found else None


def micros(pipe, table):
    """When rows were committed, by the server."""
    return dict(pipe.sql("SELECT id, (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint "
                         f"FROM {table}"))


@pytest.mark.parametrize("hours", [1, -1])
def test_operations__a_clock_that_is_an_hour_off_changes_nothing(own_server, open_pipe, clock, hours):
    """Conformance 99: events, order, timeouts, readiness and lag; only times of receipt are the daemon's own."""
    server = own_server(track_commit_timestamp="on")
    pipe = open_pipe(server, wal_sender_timeout="2s", confirm_interval="50ms")
    pipe.sql(TABLE)
    holding = []

    def held(_, data):
        """From the next row on nothing comes any more: a transaction stays open and there is a lag."""
        if holding == ["the next row"] and (wal(data) or b"")[:1] == b"I":
            holding.append("all")
            return data
        return b"" if len(holding) > 1 and data[:1] == b"d" else data
    clock.set(hours)
    clock.on()
    assert findings(pipe)["clock"]["severity"] == "warn"
    with Proxy(server.port, on_server=held) as middle:
        pipe.start(host="127.0.0.1", port=middle.port, sslmode="disable")
        pipe.sql("INSERT INTO t VALUES (1)")
        pipe.leat.wait_caught_up()
        backend = pipe.leat.backend()
        with pytest.raises(TimeoutError):  # longer than the timeout
            places.wait_until(lambda: pipe.leat.backend() != backend, 2.5, "another session")
        assert pipe.leat.http("/readyz")[0] == 200 and metric(pipe, "leat_source_lag_seconds") == 0
        pipe.leat.kill9()
        pipe.sql("INSERT INTO t VALUES (2)")
        pipe.start()
        pipe.sql("UPDATE t SET v = 'x' WHERE id = 1")
        events = pipe.events()
        assert [(e["op"], e["after"]["id"]) for e in events] == [("create", 1), ("create", 2), ("update", 1)]
        times = micros(pipe, "t")
        assert [e["event_time_us"] for e in events[1:]] == [times[2], times[1]]
        assert all(abs(e["ingested_at_us"] - e["event_time_us"] - hours * HOUR_US) < 60 * 10**6 for e in events)
        holding.append("the next row")
        last_commit = max(times.values())
        pipe.sql("INSERT INTO t VALUES (3), (4)")
        behind = places.wait_until(lambda: metric(pipe, "leat_source_lag_seconds"), 5, "a lag")
        age = server.one("SELECT extract(epoch FROM clock_timestamp())::float8") - last_commit / 1e6
        assert 0.001 < behind < age + 0.1
        pipe.leat.kill9()


def test_operations__a_long_open_transaction_is_named_and_what_waits_for_it_is_in_order(own_server, open_pipe, clock):
    """Conformance 100: the server's new sessions live two hours later, so that nobody has to wait."""
    clock.on()
    server = own_server()
    clock.off()
    pipe = open_pipe(server, confirm_interval="50ms")
    pipe.sql(TABLE)
    pipe.start()
    blocker = server.connect(pipe.database, application_name="nightly")
    blocker.autocommit = False
    try:
        with blocker.cursor() as cursor:
            cursor.execute("INSERT INTO t VALUES (0)")
        for first in range(1, 4001, 1000):
            pipe.sql("INSERT INTO t SELECT g, repeat(md5(g::text), 60) FROM generate_series(%s, %s) g",
                     first, first + 999)
        server.sql("CHECKPOINT")
        pipe.leat.wait_caught_up()
        assert ids(pipe) == list(range(1, 4001))
        restart = lsn(server.slot(pipe.leat.slot)["restart_lsn"])
        retained = server.flush_lsn() - restart
        assert retained > 4 << 20
        places.wait_until(lambda: (metric(pipe, "leat_source_retained_bytes") or 0) >= retained, 15, "the metric")
        assert "old_transactions" not in findings(pipe)
        clock.set(2)
        finding = findings(pipe)["old_transactions"]
        assert finding["severity"] == "warn" and f"pid {blocker.get_backend_pid()}" in finding["observed"]
        assert "nightly" in finding["observed"]
        clock.set(0)
        blocker.commit()
    finally:
        blocker.close()
    pipe.sql("INSERT INTO t VALUES (5000)")
    events = [e for e in pipe.events() if e["op"] == "create"]
    assert [e["after"]["id"] for e in events] == [*range(1, 4001), 0, 5000]
    positions = [checker.position(e) for e in events]
    assert positions == sorted(positions)

    def released():
        server.sql("CHECKPOINT")
        return lsn(server.slot(pipe.leat.slot)["restart_lsn"]) - restart >= retained
    places.wait_until(released, 20, "the log is let go", 0.3)
