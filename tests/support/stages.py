"""What a demo plays on: a private server of one kind, its tables, its load, and what says whether a stream of it is true.

    PgStage │ MyStage     open ─ create_tables ─ [leat starts] ─ first_rows ─ begin_load … end_load ─ report ─ close

The play is one and the same for all kinds, and for several at once; what a kind has of its own is said here. A stage's
`name` is its source's in conf/demo*.yaml, its database's, and its files'. `Daemon` is one leat that reads all stages.
"""
import signal
import subprocess
from datetime import datetime

from . import checker, model, mymodel, myload, myoracle, mysqlversions, mytypes, oracle, types_corpus, workload
from .leatd import Leat
from .mysqlserver import MyServer
from .mytap import file_order, place
from .pgserver import PgServer, lsn

BULK_ROWS = 100_000
CLIENTS = 2


class Stage:
    """What all kinds do alike."""

    def __init__(self, directory):
        self.directory = directory
        self.journal = directory / f"{self.name}.journal"  # of the load
        self.stream = directory / f"{self.name}.jsonl"     # this source's events
        self.account = directory / f"{self.name}.oracle"   # the second decoder's
        self.server = self.new_server()
        self.second = self.load = None
        self.bulk = []

    @property
    def tap(self):
        return self.server.tap

    @property
    def title(self):
        return f"A private {self.kind} and its tables"

    @property
    def first(self):
        return f"{self.bulk_rows} in one transaction, and one row of each edge of each type"

    def open(self):
        self.server.start()
        self.server.create_database(self.name)
        return self

    def begin_load(self, seed, seconds):
        """Clients that note what they do, beside others that simply work hard for so long."""
        self.bulk = self.begin_bulk(seconds)
        self.load = self.new_load(seed).start()

    def end_load(self):
        """Returns how many of the noted transactions ended how."""
        codes = [process.wait() for process in self.bulk]
        if any(codes):
            raise RuntimeError(f"the load of {self.kind} ended with {codes}")
        return self.load.stop()

    def ages_ms(self, events, since_us):
        """From the source to durable here, sorted, of what was written since then."""
        pairs = ((self.written_us(event), event.get("ingested_at_us")) for event in events)
        found = [(stored - written) / 1000 for written, stored in pairs
                 if written and stored and written > since_us]
        return sorted(found) or [0]

    def report(self, dense):
        """The checker's, of this stage's part of the stream: against journal, tables and second decoder."""
        found = self.contents()
        self.second.dump(self.account, self.tables())
        return checker.check(self.stream, checker.read_journal(self.journal), found, self.account, dense=dense)

    def close(self):
        if self.load is not None:
            self.load.stop()
        self.server.stop()


class PgStage(Stage):
    name = "shop"
    kind = "PostgreSQL"
    log = "the slot"
    log_kind = "WAL"
    age = "commit to durable"
    stop_signal = signal.SIGINT
    bulk_rows = f"{BULK_ROWS:,} rows of pgbench"
    about = ("orders and stock: accounts, counters, documents (TOASTed bodies), a table without a primary key,",
             f"a partitioned table, {len(types_corpus.CORPUS)} columns of every built-in type, and pgbench's own tables")
    examples = (
        ("a row is inserted", lambda e: e["op"] == "create" and e["table"] == "account"),
        ("a TOASTed body was not sent: absent, not null", lambda e: e.get("absent") == ["body"]),
        ("no primary key: the whole old row", lambda e: e["op"] == "delete" and e["table"] == "heap"),
        ("a key changes: old key and new row", lambda e: e["table"] == "churn" and e["op"] == "update"),
        ("a leaf of the partitioned table", lambda e: e["table"] == "sale_us"))

    def new_server(self):
        return PgServer(self.directory / "postgres", 15)

    def version(self):
        return (f"PostgreSQL {self.server.one('SHOW server_version').split()[0]} on port {self.server.port}, "
                f"wal_level={self.server.one('SHOW wal_level')}")

    def create_tables(self):
        workload.create(self.server, self.name)
        self.server.run(types_corpus.ddl(), self.name)
        self.pgbench("-i", "-q", "-I", "dtp").wait()
        self.second = oracle.Oracle(self.server, self.name).create()

    def tables(self):
        own = ["everything", "pgbench_accounts", "pgbench_branches", "pgbench_tellers", "pgbench_history"]
        return workload.TABLES + [("public", table) for table in own]

    def pgbench(self, *arguments):
        return subprocess.Popen(["pgbench", "-h", str(self.server.socket_dir), "-p", str(self.server.port),
                                 "-U", self.server.user, *arguments, self.name],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def blanks(self):
        """Of the configuration."""
        return {"PG_SOCKET": self.server.socket_dir, "PG_PORT": self.server.port}

    def first_rows(self):
        workload.seed(self.server, self.name)
        self.server.run("\n".join(types_corpus.inserts()), self.name)
        self.server.run("UPDATE everything SET c_int4 = 7 WHERE id % 3 = 0; DELETE FROM everything WHERE id = 12;",
                        self.name)
        self.pgbench("-i", "-q", "-I", "g").wait()

    def begin_bulk(self, seconds):
        return [self.pgbench("-n", "-c", str(CLIENTS), "-T", str(int(seconds)))]

    def new_load(self, seed):
        return workload.Load(workload.connection_of(self.server, self.name), self.journal, seed, clients=CLIENTS)

    def contents(self):
        return model.contents(self.server, self.name, self.tables())

    def report(self, dense):
        found = super().report(dense)
        self.second.drop()
        return found

    def behind(self, leat):
        """Bytes of the log that are not durable in the store."""
        return self.server.insert_lsn() - lsn(self.server.slot(Reading(leat, self.name).slot)["confirmed_flush_lsn"])

    def written_us(self, event):
        """The moment at the source, microseconds since 1970, or None."""
        return event.get("event_time_us")

    def client(self):
        return f"psql -h {self.server.socket_dir} -p {self.server.port} -U {self.server.user} {self.name}"


class MyStage(Stage):
    """MariaDB; a commit's time is whole seconds in its log, so that ages are told from a column of the rows."""
    name = "till"
    kind = "MariaDB"
    log = "the binlog"
    log_kind = "binlog"
    age = "statement to durable"
    stop_signal = signal.SIGTERM
    bulk_rows = f"{BULK_ROWS:,} customers"
    xa = 0.1  # of the load's transactions are XA transactions
    examples = (
        ("a row is inserted", lambda e: e["op"] == "create" and e["table"] == "account"),
        ("an update: the whole old row and the whole new one", lambda e: e["op"] == "update" and e["table"] == "account"),
        ("row image MINIMAL: what was not logged is absent, not null",
         lambda e: e["op"] == "update" and e["table"] == "document" and e.get("absent")),
        ("no primary key: the whole old row", lambda e: e["op"] == "delete" and e["table"] == "heap"),
        ("a row moves to another partition", lambda e: e["op"] == "update" and e["table"] == "sale"),
        ("a key changes", lambda e: e["table"] == "churn" and e["op"] == "update"))
    SCHEMA = """
CREATE TABLE customer (id int PRIMARY KEY, balance decimal(12,2) NOT NULL DEFAULT 0, note char(84) NOT NULL DEFAULT '');
CREATE TABLE branch (id tinyint unsigned PRIMARY KEY, takings decimal(20,2) NOT NULL DEFAULT 0);
CREATE TABLE receipt (customer int, branch tinyint unsigned, amount decimal(12,2), at timestamp(6) NULL);
"""
    SELL = """CREATE PROCEDURE sell(seconds int) BEGIN
    DECLARE ending datetime(6) DEFAULT SYSDATE(6) + INTERVAL seconds SECOND;
    WHILE SYSDATE(6) < ending DO
        SET @customer = 1 + FLOOR(RAND() * %d), @branch = 1 + FLOOR(RAND() * 10), @amount = RAND() * 100;
        START TRANSACTION;
        UPDATE customer SET balance = balance - @amount WHERE id = @customer;
        UPDATE branch SET takings = takings + @amount WHERE id = @branch;
        INSERT INTO receipt VALUES (@customer, @branch, @amount, SYSDATE(6));
        COMMIT;
    END WHILE; END""" % BULK_ROWS

    def new_server(self):
        durable = {"sync_binlog": "1", "innodb_flush_log_at_trx_commit": "1"}
        return MyServer(self.directory / "mariadb", mysqlversions.DEBIAN, durable)

    def version(self):
        return (f"MariaDB {self.server.variable('version').split('-')[0]} on port {self.server.port}, "
                f"binlog_format={self.server.variable('binlog_format')}, "
                f"binlog_row_metadata={self.server.variable('binlog_row_metadata')}")

    def create_tables(self):
        myload.create(self.server, self.name)
        mytypes.create(self.server, self.name, told=True)
        self.server.run(self.SCHEMA, self.name)
        self.server.sql(self.SELL, database=self.name)
        self.second = myoracle.MyOracle(self.server).create()

    @property
    def about(self):
        count = sum(len(group) for group in mytypes.tables(self.server, told=True).values())
        return ("the same shop: accounts, counters, documents, a table without a primary key, a partitioned table,",
                f"{count} columns of every built-in type and character set, and customers who buy")

    def tables(self):
        names = [*myload.TABLES, *mytypes.tables(self.server, told=True), "customer", "branch", "receipt"]
        return [(self.name, table) for table in names]

    def blanks(self):
        password = self.directory / f"{self.name}.password"
        password.touch(mode=0o600)
        password.write_text(self.server.password)
        return {"MY_PORT": self.server.port, "MY_USER": self.server.user, "MY_PASSWORD": password}

    def first_rows(self):
        myload.seed(self.server, self.name)
        mytypes.fill(self.server, self.name, told=True)
        self.server.run("UPDATE my_numbers SET d65 = -d65 WHERE id % 3 = 0; DELETE FROM my_times WHERE id = 2; "
                        "SET SESSION binlog_row_image = 'MINIMAL'; UPDATE document SET version = 1 WHERE id < 4", self.name)
        self.server.run(f"INSERT INTO branch (id) SELECT seq FROM seq_1_to_10; "
                        f"INSERT INTO customer (id) SELECT seq FROM seq_1_to_{BULK_ROWS}", self.name)

    def begin_bulk(self, seconds):
        command = [*self.client().split(), "-e", f"CALL sell({int(seconds)})"]
        return [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(CLIENTS)]

    def new_load(self, seed):
        return myload.Load(self.server, self.name, self.journal, xa=self.xa, seed=seed, clients=CLIENTS)

    def contents(self):
        return mymodel.contents(self.server, self.name, [table for _, table in self.tables()])

    def behind(self, leat):
        sizes = {file_order(name, 0)[0]: size for name, size in self.server.log_files()}

        def bytes_before(file, position):
            return sum(size for number, size in sizes.items() if number < file) + position
        stored = place(self.tap.token(Reading(leat, self.name)))
        return bytes_before(*file_order(*self.server.log_end())) - bytes_before(*stored)

    def written_us(self, event):
        written = (event.get("after") or {}).get("at") if event["op"] == "create" else None
        return microseconds(written) if written else None

    def client(self):
        return f"mariadb --no-defaults -S {self.server.socket} -u root {self.name}"


def microseconds(moment):
    """'2024-07-02T03:04:05.6Z' since 1970."""
    return round(datetime.fromisoformat(moment).timestamp() * 1e6)


# --- one leat for all stages ----------------------------------------------------------------------


class Daemon(Leat):
    """leat on a file of conf/ with its blanks filled, as a user would run it."""

    def __init__(self, directory, stages, template):
        self.stages, self.template = stages, template
        super().__init__(directory, None)

    @property
    def tap(self):
        return Taps(self.stages)

    def write_config(self):
        blanks = {"STORE": self.store_dir, "HTTP_PORT": self.http_port}
        for stage in self.stages:
            blanks.update(stage.blanks())
        text = self.template.read_text()
        for blank, value in blanks.items():
            text = text.replace(f"@{blank}@", str(value))
        self.config_file.write_text(text)


class Taps:
    """The taps of several servers as one: what is asked of it is asked of each, about the source of its name."""

    def __init__(self, stages):
        self.stages = stages

    def source(self, name, database):
        return {}  # the file says it

    def environment(self):
        return {}

    def session(self, leat):
        """All sessions, or None while one is missing."""
        found = [stage.tap.session(Reading(leat, stage.name)) for stage in self.stages]
        return found if all(found) else None

    def end(self):
        return [stage.tap.end() for stage in self.stages]

    def reached(self, leat, targets):
        return all(stage.tap.reached(Reading(leat, stage.name), target) for stage, target in zip(self.stages, targets))

    def describe(self, leat, targets):
        return "; ".join(stage.tap.describe(Reading(leat, stage.name), target)
                         for stage, target in zip(self.stages, targets))


class Reading:
    """One source of a daemon, as its server's tap wants to see it; the rest is the daemon's."""

    def __init__(self, leat, name):
        self.leat, self.name, self.slot = leat, name, f"leat_{name}"

    def __getattr__(self, attribute):
        return getattr(self.leat, attribute)
