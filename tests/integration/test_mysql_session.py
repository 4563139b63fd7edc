"""The connection to a MySQL or MariaDB server: logins, TLS, checksums, twins, silence, kills, stalls, compression.

What a session may meet before and beside the log itself. That a session is the same one, or another, is asked from the
server, whose numbers for them never repeat.
"""
import shutil
import time

import pytest

from tests.support import leatd, mysqlversions, places
from tests.support.cable import Cable
from tests.support.certificates import Authority
from tests.support.leatd import Leat

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v longtext)"
SHORT = {"heartbeat": "1s", "connect_timeout": "1s"}  # three seconds of silence are an end
SILENCE_S = 3


@pytest.fixture
def on_all(open_my_pipe, my_servers):
    """Pipes on all versions at once, for tests that mostly wait."""
    def make(versions=mysqlversions.ALL, **source):
        pipes = [open_my_pipe(my_servers.get(version), **source) for version in versions]
        for pipe in pipes:
            pipe.sql(TABLE)
        return pipes
    return make


@pytest.fixture(params=[mysqlversions.DEBIAN, "mysql-9"])
def pipe(request, open_my_pipe, my_servers):
    """On one of each kind, for what does not depend on the version."""
    return open_my_pipe(my_servers.get(request.param))


@pytest.fixture
def account(pipe):
    """A user of its own on the pipe's server, whom leat logs in as; what he may do is said by the test."""
    made = []

    def make(password="s3cret'\"\\", **how):
        name = pipe.server.create_user(f"u_{pipe.database}", password, **how)
        made.append(name)
        secret = pipe.leat.root / "password"
        secret.write_text(password + "\n")
        secret.chmod(0o600)
        pipe.leat.configure(user=name, password_env=None, password_file=str(secret))
        pipe.sql(TABLE)
        return name
    yield pipe, make
    for name in made:
        pipe.server.drop_user(name)


@pytest.fixture
def through():
    """Puts a cable between a pipe's daemon and its server."""
    cables = []

    def make(pipe, address="127.0.0.1", **hooks):
        cables.append(Cable(pipe.server.port, address=address, **hooks))
        pipe.leat.configure(host=address, port=cables[-1].port)
        return cables[-1]
    yield make
    for cable in cables:
        cable.close()


def insert(pipe, first, last, length=10):
    """One transaction with these rows."""
    rows = ", ".join(f"({i}, repeat('x', {length}))" for i in range(first, last + 1))
    pipe.sql(f"INSERT INTO t VALUES {rows}")


def ids(pipe, seconds=30):
    return [e["after"]["id"] for e in pipe.events(seconds) if e.get("table") == "t"]


def restart(pipe, **source):
    """Ends the daemon, changes settings, starts it without waiting; where its new log begins."""
    if pipe.leat.alive:
        pipe.leat.kill9()
    mark = len(pipe.leat.log())
    pipe.leat.configure(**source).spawn()
    return mark


def another_session(pipe, old, seconds=20):
    return places.wait_until(lambda: (lambda now: now if now not in (None, old) else None)(pipe.leat.backend()), seconds,
                             f"a session after {old}; log:\n{pipe.leat.log()[-2000:]}")


def stays(pipes, sessions, seconds):
    """Watches for so long that the sessions stay what they are."""
    with pytest.raises(TimeoutError):
        places.wait_until(lambda: [p.leat.backend() for p in pipes] != sessions, seconds, "another session", 0.2)


# --- logins -------------------------------------------------------------------------------------------------


def failures(server):
    return int(server.sql("SHOW GLOBAL STATUS LIKE 'Aborted_connects'")[0][1])


def test_session__a_wrong_password_is_named_never_shown_and_not_tried_in_a_loop(account):
    """MySQL scenario 1."""
    pipe, make = account
    make()
    secret = pipe.leat.root / "password"
    right = secret.read_text()
    secret.write_text("wr0ng-secret\n")
    pipe.leat.spawn()
    line = pipe.wait_error("1045", "access denied", "check user and password")
    assert " ERROR " in line
    tried = failures(pipe.server)
    with pytest.raises(TimeoutError):
        places.wait_until(lambda: failures(pipe.server) > tried + 1, 1, "a crash loop")
    assert pipe.leat.alive and "wr0ng" not in pipe.leat.log() + pipe.leat.command("status", "--json").stdout
    pipe.leat.kill9()
    secret.write_text(right)
    pipe.start()
    insert(pipe, 1, 2)
    assert ids(pipe) == [1, 2] and right.strip() not in pipe.leat.log()


def test_session__locked_and_expired_accounts_are_named_with_the_statement_that_helps(account):
    """MySQL scenario 1, for the accounts that a policy of the server shuts."""
    pipe, make = account
    name = f"{make()}'@'127.0.0.1"
    pipe.server.sql(f"ALTER USER '{name}' ACCOUNT LOCK")
    pipe.leat.spawn()
    pipe.wait_error("stopped", "locked", "ACCOUNT UNLOCK")
    pipe.server.sql(f"ALTER USER '{name}' ACCOUNT UNLOCK")
    pipe.server.sql(f"ALTER USER '{name}' PASSWORD EXPIRE")
    mark = restart(pipe)
    pipe.wait_error("stopped", "password", "EXPIRE NEVER", start=mark)


def test_session__a_missing_privilege_is_named_with_its_grant(account):
    """MySQL scenario 5: the server says so only when the dump begins."""
    pipe, make = account
    asks = "BINLOG MONITOR" if pipe.server.mariadb else "REPLICATION CLIENT"
    name = make(privileges=f"SELECT, {asks}")
    pipe.leat.spawn()
    pipe.wait_error("stopped", "denied", f"GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO '{name}'")
    pipe.server.sql(f"GRANT REPLICATION SLAVE ON *.* TO '{name}'@'127.0.0.1'")
    restart(pipe)
    pipe.leat.wait_streaming()
    insert(pipe, 1, 2)
    assert ids(pipe) == [1, 2]


def test_session__an_account_that_must_use_tls_is_refused_without_and_streams_with(account):
    """MySQL scenario 2; MySQL's accounts are caching_sha2_password's, and this one's hash is in no cache yet."""
    pipe, make = account
    make(require="REQUIRE SSL")
    pipe.leat.configure(sslmode="disable").spawn()
    line = pipe.wait_error("stopped", "cannot connect")
    assert "1045" in line or "2061" in line and "needs TLS" in line  # libmysqlclient does not even ask MySQL
    mark = restart(pipe, sslmode="require")
    pipe.leat.wait_streaming()
    insert(pipe, 1, 2)
    assert ids(pipe) == [1, 2]
    assert 'transport="TLS' in pipe.leat.log()[mark:]


def test_session__caching_sha2_without_tls_takes_the_servers_key(open_my_pipe, mysql_server):
    """MySQL scenario 3: nobody has logged in as this user, so the server has to have the whole password."""
    pipe = open_my_pipe(mysql_server)
    pipe.sql(TABLE)
    name = mysql_server.create_user(f"u_{pipe.database}", mysql_server.password, plugin="caching_sha2_password")
    try:
        pipe.start(user=name, sslmode="disable", server_public_key=str(mysql_server.data / "public_key.pem"))
        insert(pipe, 1, 2)
        assert ids(pipe) == [1, 2]
    finally:
        mysql_server.drop_user(name)


def test_session__a_stranger_s_certificate_is_refused(pipe, through, directory):
    """MySQL scenario 4: another authority's, and our own one's under another name."""
    pipe.sql(TABLE)
    stranger = Authority(directory / "stranger", "somebody else")
    pipe.leat.configure(sslmode="verify-full", ssl_ca=str(stranger.ca)).spawn()
    pipe.wait_error("stopped", "certificate", "2026")
    restart(pipe, ssl_ca=str(pipe.server.authority.ca))
    pipe.leat.wait_streaming()
    insert(pipe, 1, 2)
    assert ids(pipe) == [1, 2]
    through(pipe, address="127.0.0.2")
    mark = restart(pipe)
    pipe.wait_error("stopped", "2026", start=mark)
    assert pipe.leat.backend() is None


# --- checksums ----------------------------------------------------------------------------------------------


@pytest.fixture
def checksum(any_my_server):
    """Switches them, which begins a new file; as before in the end."""
    before = any_my_server.variable("binlog_checksum")
    yield lambda kind: any_my_server.set(binlog_checksum=kind)
    any_my_server.set(binlog_checksum=before)


def test_session__checksums_may_be_switched_while_it_streams_and_while_it_is_away(any_my_pipe, checksum):
    """MySQL scenarios 6, 7: the file's first words come under the rules of the file before."""
    pipe = any_my_pipe
    pipe.sql(TABLE)
    pipe.start()
    backend = pipe.leat.backend()
    for i, kind in enumerate(["NONE", "CRC32", "NONE", "CRC32", "NONE"]):
        insert(pipe, 10 * i, 10 * i + 4)
        checksum(kind)
        insert(pipe, 10 * i + 5, 10 * i + 9)
    assert ids(pipe) == list(range(50)) and pipe.leat.backend() == backend
    pipe.leat.kill9()  # in a file without
    checksum("CRC32")
    insert(pipe, 50, 59)
    checksum("NONE")
    pipe.start()
    insert(pipe, 60, 69)
    assert ids(pipe) == list(range(70))
    assert " WARN " not in pipe.leat.log() and " ERROR " not in pipe.leat.log()


def test_session__a_bit_that_turns_on_the_way_is_noticed_and_read_again(my_pipe, through):
    """MySQL scenario 8."""
    armed = []

    def turn(data):
        if armed and b"precious" in data:
            armed.pop()
            return data.replace(b"precious", b"preciouS", 1)
        return data
    pipe = my_pipe
    pipe.sql(TABLE)
    through(pipe, on_server=turn)
    pipe.start()
    for i in range(1, 4):
        armed.append(i)
        pipe.sql("INSERT INTO t VALUES (%s, 'precious'), (%s, 'and more')", i, -i)
        places.wait_until(lambda n=i: pipe.leat.log().count("checksum") == n, 10, "a broken event")
        pipe.events()  # by another connection
    events = [e for e in pipe.events() if e.get("table") == "t"]
    assert [(e["after"]["id"], e["after"]["v"]) for e in events] == [
        (s * i, "precious" if s > 0 else "and more") for i in range(1, 4) for s in (1, -1)]
    assert not armed and pipe.leat.log().count("disconnected") == 3


# --- who we are ---------------------------------------------------------------------------------------------


def test_session__of_two_daemons_with_one_store_s_copy_the_older_stops_until_the_other_is_gone(on_all):
    """MySQL scenario 9: error 4052 of MariaDB, 1236 of MySQL; no fight, however long both run."""
    pipes = on_all(heartbeat="1s")
    pairs = []
    try:
        for pipe in pipes:
            pairs.append((pipe, twin_of(pipe)))
        for pipe, twin in pairs:
            pipe.leat.start()
            mark = len(pipe.leat.log())
            twin.start()
            line = pipe.wait_error("stopped", "server_id", start=mark)
            assert "a server_id of its own" in line
        pairs[0][1].kill9()
        marks, backends = [len(p.leat.log()) for p, _ in pairs], [t.backend() for _, t in pairs[1:]]
        for pipe, _ in pairs:
            insert(pipe, 3, 4)
        pipe, _ = pairs[0]
        pipe.leat.wait_streaming(40)  # when it looks again, half a minute later
        assert ids(pipe) == [1, 2, 3, 4]
        for (pipe, twin), mark, backend in zip(pairs[1:], marks[1:], backends):
            assert "it still reads, from 127.0.0.1" in pipe.wait_error("stopped", "server_id", start=mark)
            twin.wait_caught_up()
            assert [e["after"]["id"] for e in twin.tail(op="create")] == [1, 2, 3, 4]
            assert twin.backend() == backend and pipe.leat.backend() is None and " ERROR " not in twin.log()
    finally:
        for _, twin in pairs:
            if twin.alive:
                twin.kill9()


def twin_of(pipe):
    """A daemon with a copy of the store, neither of which runs."""
    pipe.start()
    insert(pipe, 1, 2)
    assert ids(pipe) == [1, 2]
    pipe.leat.stop()
    root = pipe.leat.root.with_name(f"twin-{pipe.database}")
    shutil.copytree(pipe.leat.store_dir, root / "store")
    return Leat(root, pipe.server, pipe.database, name=pipe.leat.name, source=pipe.leat.source)


# --- silence ------------------------------------------------------------------------------------------------


def lag(pipe):
    source, = pipe.leat.status()["sources"]
    return source["lag_us"], source["lag_bytes"]


def test_session__idle_ones_stay_and_follow_their_neighbours(on_all):
    """MySQL scenario 10: longer than the silence that would be an end; then others write what is not ours."""
    pipes = on_all(**SHORT) + on_all(**SHORT, resume="position")
    for pipe in pipes:
        pipe.start()
        insert(pipe, 1, 1)
    sessions = [pipe.leat.backend() for pipe in pipes]
    stays(pipes, sessions, SILENCE_S + 2)
    for pipe in pipes:
        pipe.server.create_database(f"{pipe.database}_n")
        pipe.server.run("CREATE TABLE n (v text); INSERT INTO n VALUES ('foreign'), ('rows'); DROP TABLE n",
                        f"{pipe.database}_n")
        pipe.server.drop_database(f"{pipe.database}_n")
    for pipe, session in zip(pipes, sessions):
        assert ids(pipe) == [1]  # and the offset is at the end of the log
        places.wait_until(lambda p=pipe: lag(p) == (0, 0), 10, "no lag")
        assert pipe.leat.status()["sources"][0]["connects"] == 1 and pipe.leat.backend() == session


def test_session__a_network_that_swallows_everything_is_noticed_and_nothing_is_lost(on_all, through):
    """MySQL scenario 11: within three heartbeats."""
    pipes = on_all(versions=["mariadb-10.11", "mysql-9"], **SHORT)
    cables = [through(pipe) for pipe in pipes]
    for pipe in pipes:
        pipe.start()
        insert(pipe, 1, 50)
        assert ids(pipe) == list(range(1, 51))
    marks = [len(pipe.leat.log()) for pipe in pipes]
    for cable in cables:
        cable.swallow()
    begun = time.monotonic()
    for pipe in pipes:
        insert(pipe, 51, 100)
    for pipe, mark in zip(pipes, marks):
        pipe.leat.wait_log("disconnected", SILENCE_S + 5, mark)
    assert time.monotonic() - begun > SILENCE_S - 1
    for pipe, cable in zip(pipes, cables):
        assert [e["after"]["id"] for e in pipe.leat.tail()] == list(range(1, 51))
        cable.mend()
        insert(pipe, 101, 150)
    for pipe in pipes:
        assert ids(pipe) == list(range(1, 151)) and " ERROR " not in pipe.leat.log()


def test_session__sigterm_ends_at_once_while_idle_and_while_the_network_is_dark(pipe, through):
    """MySQL scenario 12: the reader is blocked in the library, which takes no signals."""
    cable = through(pipe)
    pipe.sql(TABLE)
    pipe.start()
    insert(pipe, 1, 10)
    assert ids(pipe) == list(range(1, 11))
    code, seconds = pipe.leat.stop()
    assert code == 0 and seconds < 1
    before = pipe.leat.tap.token(pipe.leat)
    assert (before["file"], int(before["position"])) == pipe.server.log_end()
    pipe.start()
    insert(pipe, 11, 20)
    assert ids(pipe) == list(range(1, 21))
    cable.swallow()
    code, seconds = pipe.leat.stop()
    assert code == 0 and seconds < 1


# --- interruptions ------------------------------------------------------------------------------------------


def test_session__a_killed_dump_is_one_reconnect_each(any_my_pipe):
    """MySQL scenario 13: KILL, KILL QUERY, and a cut connection, while rows come."""
    pipe = any_my_pipe
    pipe.sql(TABLE)
    pipe.start()
    pid = pipe.leat.pid
    for i in range(4):
        insert(pipe, 100 * i, 100 * i + 49)
        backend = pipe.leat.backend()
        pipe.server.sql(f"KILL {'QUERY ' if i == 2 else ''}{backend}")
        insert(pipe, 100 * i + 50, 100 * i + 99)
        another_session(pipe, backend)
    assert ids(pipe) == list(range(400)) and pipe.leat.pid == pid
    assert " ERROR " not in pipe.leat.log()
    assert pipe.leat.status()["sources"][0]["connects"] == 5


def test_session__a_killed_session_for_questions_does_not_disturb_the_stream(my_pipe):
    """MySQL scenario 13, for the other connection: it only serves lag and new tables."""
    pipe = my_pipe
    pipe.sql(TABLE)
    pipe.start()
    insert(pipe, 1, 1)
    assert ids(pipe) == [1]
    backend = pipe.leat.backend()
    ours = [s["id"] for s in pipe.server.sessions() if s["user"] == pipe.server.user and s["id"] != backend]
    for session in ours:
        pipe.server.kill(session)
    pipe.sql("CREATE TABLE u (id int PRIMARY KEY, w uuid)")
    pipe.sql("INSERT INTO u VALUES (1, '123e4567-e89b-12d3-a456-426655440000')")
    insert(pipe, 2, 2)
    assert ids(pipe) == [1, 2] and pipe.leat.backend() == backend
    assert [e["after"]["w"] for e in pipe.of("u")] == ["123e4567-e89b-12d3-a456-426655440000"]


@pytest.fixture
def impatient(my_servers):
    """MariaDB and MySQL give up writing to a client after a second, unless it asks for more."""
    found = [my_servers.get(v) for v in ("mariadb-10.11", "mysql-9")]
    for server in found:
        server.set(net_write_timeout=1)
    yield [server.version for server in found]
    for server in found:
        server.set(net_write_timeout=60)


def test_session__a_store_that_stalls_keeps_its_session_and_memory_small(on_all, impatient):
    """MySQL scenario 14: the commit hangs for three seconds, while more comes than all buffers hold."""
    program = leatd.binary("failpoints")
    if not program.exists():
        pytest.skip("build/failpoints/leat is not built (make VARIANT=failpoints)")
    pipes, samplers = on_all(versions=impatient), []
    for pipe in pipes:
        pipe.leat.program = program
        pipe.leat.start(failpoint="before_commit:stall_ms=3000:4")
    sessions = [pipe.leat.backend() for pipe in pipes]
    for pipe in pipes:
        samplers.append(leatd.MemorySampler(pipe.leat.pid))
        samplers[-1].__enter__()
        for i in range(40):
            insert(pipe, 1000 * i, 1000 * i + 999, 1000)
    for pipe, session, sampler in zip(pipes, sessions, samplers):
        assert ids(pipe, 60) == list(range(40000))
        sampler.__exit__()
        assert pipe.leat.backend() == session and "disconnected" not in pipe.leat.log()
        assert sampler.peak < 128 << 20, f"{sampler.peak >> 20} MiB"


# --- compression --------------------------------------------------------------------------------------------


def test_session__a_compressed_connection_tells_the_same(pipe, through):
    """MySQL scenario 15: fewer bytes on the wire, and not one row less."""
    cable = through(pipe)
    pipe.sql(TABLE)
    carried = {}
    for i, compress in enumerate([False, True]):
        pipe.start(compress=compress)
        before = cable.received
        insert(pipe, 10000 * i, 10000 * i + 1999, 1000)
        pipe.events()
        carried[compress] = cable.received - before
        pipe.leat.stop()
    pipe.start()
    assert pipe.difference("t").equal
    assert carried[False] > 2_000_000 and carried[True] < 300_000, carried
