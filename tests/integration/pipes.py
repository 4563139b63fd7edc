"""What most integration tests hold in their hands: a database and a leat that reads it.

        Pipe(server) ── start ──▶ sql(), run() ──▶ events(), difference() ──▶ close      MyPipe: the same for MySQL

A pipe knows the server, the daemon, the model and the second decoder of its kind, so that a test can say what it is
about in a few lines.
"""
import itertools

from tests.support import model, mymodel, myoracle, oracle, places
from tests.support.leatd import Leat

NUMBERS = itertools.count(1)


class Pipe:
    """A database of its own on a Postgres server, and a leat that reads it."""

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


class MyPipe(Pipe):
    """The same on a MySQL or MariaDB server."""

    def contents(self, *tables):
        return mymodel.contents(self.server, self.database, tables)

    def oracle(self):
        return myoracle.MyOracle(self.server).create()

    def close(self):
        if self.leat.alive:
            self.leat.kill9()
        if self.server.own:
            return
        if not self.server.alive:
            self.server.start()
        self.server.drop_database(self.database)


def opener(kind, directory, node):
    """The body of a fixture that opens pipes and closes them after the test, which keeps them for its report."""
    pipes = node.__dict__.setdefault("pipes", [])
    mine = []

    def make(server, **source):
        mine.append(kind(server, directory / f"leat{len(pipes)}", **source))
        pipes.append(mine[-1])
        return mine[-1]
    yield make
    for pipe in mine:
        pipe.close()
