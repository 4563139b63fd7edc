"""What a scene needs of a kind of database: its server, the load on it, and what it says that happened.

        Postgres │ MySql      server, tables, second decoder ── seed ──▶ load ──▶ contents, account

The parts that hurt leat are the same for both; what a kind cannot do is said by an attribute here, never by a question
for the kind there.
"""
import threading

import pymysql

from tests.support import model, mymodel, myload, myoracle, mysqlversions, oracle, places, workload
from tests.support.mysqlserver import MyServer
from tests.support.pgserver import PgServer

NAME = "shop"
BULK_ROWS, BULK_BYTES = 400, 12800  # one transaction of five megabytes


class Postgres:
    title = ""          # in front of a result's name
    server_kills = 0    # a kill of the server for so many of leat's; 0: none
    failpoint_times = 3

    def __init__(self, directory):
        self.server = PgServer(directory / "postgres", 15).start()
        self.server.create_database(NAME)
        workload.create(self.server, NAME)
        self.oracle = oracle.Oracle(self.server, NAME).create()

    def settings(self, random):
        """Of the source, for its next start."""
        return {}

    def seed(self):
        workload.seed(self.server, NAME)

    def load(self, journal, **how):
        return workload.Load(workload.connection_of(self.server, NAME), journal, **how)

    def contents(self):
        return model.contents(self.server, NAME, workload.TABLES)

    def account(self, path):
        """The second decoder's."""
        self.oracle.dump(path, workload.TABLES)

    def bulk(self, first):
        """One large transaction, with keys from `first` on that nobody else has."""
        self.server.sql(f"INSERT INTO churn (id, note) SELECT {first} + g, string_agg(md5(random()::text || g || i), '') "
                        f"FROM generate_series(1, {BULK_ROWS}) g, generate_series(1, {BULK_BYTES // 32}) i GROUP BY g",
                        database=NAME)

    def end(self):
        if self.server.alive:
            self.server.stop("immediate")


class MySql:
    """MariaDB or MySQL. Of what it has committed it loses nothing when it is killed."""
    title = "mysql "
    server_kills = 15
    failpoint_times = 1
    XA = 0.15  # of the load's transactions

    def __init__(self, directory, version=mysqlversions.DEBIAN):
        durable = {"sync_binlog": "1", "innodb_flush_log_at_trx_commit": "1"}
        self.server = MyServer(directory / "mysql", version, durable).start()
        self.server.create_database(NAME)
        myload.create(self.server, NAME)
        self.oracle = myoracle.MyOracle(self.server).create()
        self.running, self.kills = None, 0

    def settings(self, random):
        """Both ways to resume are always stored, so each start may choose."""
        return {"resume": random.choice(["gtid", "position"])}

    def seed(self):
        myload.seed(self.server, NAME)

    def load(self, journal, **how):
        self.running = myload.Load(self.server, NAME, journal, xa=self.XA, **how)
        return self.running

    def contents(self):
        return mymodel.contents(self.server, NAME, myload.TABLES)

    def account(self, path):
        self.oracle.dump(path, myload.relations(NAME))

    def bulk(self, first):
        rows = ", ".join(f"({first} + {g}, repeat(sha2({g}, 256), {BULK_BYTES // 64}))" for g in range(1, BULK_ROWS + 1))
        self.server.sql(f"INSERT INTO churn (id, note) VALUES {rows}", database=NAME)

    def kill_server(self, meanwhile):
        """And lets it come back. Every second time it dies with half a transaction in its log."""
        self.kills += 1
        with self.running.decided():
            self.server.sql("FLUSH LOCAL ENGINE LOGS")  # XA decisions: see myload
            writer = self._writing() if self.kills % 2 == 0 else None
            self.server.kill9()
        if writer is not None:
            writer.join()
        meanwhile()
        self.server.start()

    def _writing(self):
        """Returns when the server writes a large transaction to its log; with the thread that waits for it."""
        log = self.server.data / self.server.log_end()[0]
        written = log.stat().st_size

        def write():
            try:
                self.bulk(-90_000_000_000_000 - self.kills * 1000)
            except pymysql.Error:
                pass  # as is meant
        thread = threading.Thread(target=write)
        thread.start()
        places.wait_until(lambda: log.stat().st_size > written + BULK_ROWS * BULK_BYTES // 10, 20, "a write", every=0)
        return thread

    def end(self):
        if self.server.alive:
            self.server.kill9()


class MySql9(MySql):
    """MySQL itself, where it can be had: mysqlversions.Unavailable."""
    title = "mysql 9 "

    def __init__(self, directory):
        super().__init__(directory, "mysql-9")
