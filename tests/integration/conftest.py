"""Servers for a whole session, a database and a daemon for each test."""
import itertools

import pytest

from tests.support import leatd, model, oracle, pgversions, places
from tests.support.leatd import Leat
from tests.support.pgserver import PgServer

NUMBERS = itertools.count(1)
OPTIONS = {"max_prepared_transactions": "10", "wal_sender_timeout": "60s", "max_slot_wal_keep_size": "-1"}


class Servers:
    """One running server per version, started when first asked for."""

    def __init__(self):
        self.running = {}

    def get(self, version):
        there, reason = pgversions.have(version)
        if not there:
            pytest.skip(f"PostgreSQL {version} cannot be had: {reason}")
        if version not in self.running:
            self.running[version] = PgServer(places.scratch(f"pg{version}"), version, OPTIONS).start()
        server = self.running[version]
        if not server.alive:
            server.start()
        return server

    def stop(self):
        for server in self.running.values():
            server.remove()


class Pipe:
    """A database of its own, and a leat that reads it."""

    def __init__(self, server, directory, **source):
        number = next(NUMBERS)
        self.server = server
        self.database = server.create_database(f"test_{number}")
        self.leat = Leat(directory, server, self.database, name=f"p{number}", source=source)

    def sql(self, text, *arguments):
        return self.server.sql(text, *arguments, database=self.database)

    def run(self, script):
        return self.server.run(script, self.database)

    def start(self, **source):
        if source:
            self.leat.configure(**source)
        self.leat.start()
        return self

    def events(self, seconds=30, **selection):
        """All row events and messages, once the daemon has stored what the server has."""
        self.leat.wait_caught_up(seconds)
        return self.leat.tail(**selection)

    def of(self, table, **selection):
        return [e for e in self.events(**selection) if e.get("table") == table]

    def contents(self, *tables):
        return model.contents(self.server, self.database, [("public", t) for t in tables])

    def difference(self, *tables, events=None):
        """How the replayed stream differs from the tables."""
        replayed = model.replay(self.events() if events is None else events)
        assert replayed.surprises == []
        return model.compare(replayed, self.contents(*tables))

    def oracle(self):
        return oracle.Oracle(self.server, self.database, f"oracle_{self.database}").create()

    def wait_error(self, *words, seconds=20, start=0):
        """Until the log, from an offset on, has an ERROR or WARN line with all the words; returns it."""
        def found():
            for line in self.leat.log()[start:].splitlines():
                low = line.lower()
                if (" error " in low or " warn" in low) and all(w.lower() in low for w in words):
                    return line
            return None
        return places.wait_until(found, seconds, f"an error with {words}; log:\n{self.leat.log()[-2500:]}")

    def close(self):
        if self.leat.alive:
            self.leat.kill9()
        if self.server.own:
            return  # the whole server goes
        if not self.server.alive:
            self.server.start()
        for row in self.server.sql("SELECT slot_name FROM pg_replication_slots WHERE database = %s", self.database):
            self.server.drop_slot(row[0])
        self.server.sql(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than half a minute")


@pytest.fixture(scope="session")
def servers():
    found = Servers()
    yield found
    found.stop()


@pytest.fixture(scope="session")
def built():
    if not leatd.binary().exists():
        pytest.fail(f"{leatd.binary()} is not built: run make", pytrace=False)


@pytest.fixture
def directory(request):
    """Scratch that stays for a look when the test failed."""
    path = places.scratch("it")
    yield path
    if not getattr(request.node, "failed", False):
        places.remove(path)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        item.failed = True
        for pipe in getattr(item, "pipes", []):
            report.sections.append(("leat's log", pipe.leat.log()[-3000:]))


@pytest.fixture
def open_pipe(built, own_server, directory, request):
    """Opens pipes on any server; they are closed when the test is over, before its own servers go."""
    pipes = request.node.pipes = []

    def make(server, **source):
        pipes.append(Pipe(server, directory / f"leat{len(pipes)}", **source))
        return pipes[-1]
    yield make
    for pipe in pipes:
        pipe.close()


@pytest.fixture
def server(servers):
    """The oldest server that we run, for what does not depend on the version."""
    return servers.get(15)


@pytest.fixture
def pipe(open_pipe, server):
    return open_pipe(server)


@pytest.fixture(params=pgversions.ALL, ids=lambda v: f"pg{v}")
def any_server(request, servers):
    return servers.get(request.param)


@pytest.fixture
def any_pipe(open_pipe, any_server):
    """A pipe on each server version in turn."""
    return open_pipe(any_server)


@pytest.fixture
def own_server(directory):
    """Makes servers that a test may stop, break and reconfigure."""
    made = []

    def make(version=15, **options):
        server = PgServer(directory / f"server{len(made)}", version, {**OPTIONS, **options}, fresh=bool(made))
        server.own = True
        made.append(server)
        return server.start()
    yield make
    for server in made:
        server.remove()
