"""Servers for a whole session, a database and a daemon for each test. Those of MySQL are in mysql_fixtures.py."""
import pytest

from tests.integration.mysql_fixtures import *  # noqa: F401,F403
from tests.integration.pipes import Pipe, opener
from tests.support import leatd, pgversions, places
from tests.support.pgserver import PgServer

OPTIONS = {"max_prepared_transactions": "10", "wal_sender_timeout": "60s"}


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
    yield from opener(Pipe, directory, request.node)


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
