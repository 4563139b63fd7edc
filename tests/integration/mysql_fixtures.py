"""MariaDB and MySQL servers for a whole session, a database and a daemon for each test.

    my_server      MariaDB 10.11, never skipped       my_pipe       a pipe on it
    any_my_server  each of the versions in turn       any_my_pipe   a pipe on each
    own_my_server  a server to stop, break, reconfigure    open_my_pipe(server, **source)
"""
import pytest

from tests.integration.pipes import MyPipe, opener
from tests.support import mysqlversions, places
from tests.support.mysqlserver import MyServer

__all__ = ["my_servers", "my_server", "any_my_server", "mysql_server", "own_my_server", "open_my_pipe", "my_pipe",
           "any_my_pipe"]


def had(version):
    """Skips the test if a version cannot be had here; the oldest one must be."""
    there, reason = mysqlversions.have(version)
    if not there and version == mysqlversions.DEBIAN:
        pytest.fail(f"{version} must be here: {reason}", pytrace=False)
    if not there:
        pytest.skip(f"{version} cannot be had: {reason}")
    return version


class MyServers:
    """One running server per version, started when first asked for."""

    def __init__(self):
        self.running = {}

    def get(self, version):
        if had(version) not in self.running:
            self.running[version] = MyServer(places.scratch(version), version).start()
        server = self.running[version]
        if not server.alive:
            server.start()
        return server

    def stop(self):
        for server in self.running.values():
            server.remove()


@pytest.fixture(scope="session")
def my_servers():
    found = MyServers()
    yield found
    found.stop()


@pytest.fixture
def my_server(my_servers):
    """For what does not depend on the version."""
    return my_servers.get(mysqlversions.DEBIAN)


@pytest.fixture(params=mysqlversions.ALL)
def any_my_server(request, my_servers):
    return my_servers.get(request.param)


@pytest.fixture
def mysql_server(my_servers):
    """For what only MySQL has."""
    return my_servers.get("mysql-9")


@pytest.fixture
def own_my_server(directory):
    """Makes servers that a test may stop, break and reconfigure."""
    made = []

    def make(version=mysqlversions.DEBIAN, **options):
        server = MyServer(directory / f"myserver{len(made)}", had(version), options)
        server.own = True
        made.append(server)
        return server.start()
    yield make
    for server in made:
        server.remove()


@pytest.fixture
def open_my_pipe(built, own_my_server, directory, request):
    """Opens pipes on any such server; they are closed when the test is over, before its own servers go."""
    yield from opener(MyPipe, directory, request.node)


@pytest.fixture
def my_pipe(open_my_pipe, my_server):
    return open_my_pipe(my_server)


@pytest.fixture
def any_my_pipe(open_my_pipe, any_my_server):
    """A pipe on each server version in turn."""
    return open_my_pipe(any_my_server)
