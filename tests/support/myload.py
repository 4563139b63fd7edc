"""The same load as `workload`, for MySQL and MariaDB: same tables, same promises, same journal, so the checker is one.

What differs: no RETURNING, no md5() everywhere, no arrays (a JSON array instead), no logical messages; a row that moves
between partitions is one update; an update that changes nothing is no event, and PyMySQL counts it so.

A share `xa` of the transactions are XA transactions, which stay prepared for a while before they are decided; what was
rolled back may have been prepared before. MariaDB's recovery does not make its tables agree with its log about them
(MDEV-21469): what was logged may not be prepared there, what was decided may be prepared still. So whoever kills the
server does it within `Load.decided`, and behind a flush of the engine's log.
"""
import contextlib
import threading

import pymysql

from . import workload
from .mymodel import quoted

SCHEMA = """
CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE counter (k int PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE counter_log (k int, n bigint, client int, number bigint, PRIMARY KEY (k, n));
CREATE TABLE register (k int PRIMARY KEY, v json NOT NULL);
CREATE TABLE churn (id bigint PRIMARY KEY, note text, at timestamp(6) NULL DEFAULT current_timestamp(6), x double,
                    y decimal(12,4));
CREATE TABLE document (id int PRIMARY KEY, version int NOT NULL, title varchar(100), body longtext NOT NULL);
CREATE TABLE heap (a int, b text, c date, KEY (a));
CREATE TABLE sale (id bigint, region varchar(10), amount decimal(12,2), PRIMARY KEY (id, region))
    PARTITION BY LIST COLUMNS (region) (PARTITION eu VALUES IN ('eu'), PARTITION us VALUES IN ('us'));
CREATE TABLE ledger (client int, number bigint, `rows` int NOT NULL, PRIMARY KEY (client, number));
CREATE TABLE never (id bigint AUTO_INCREMENT PRIMARY KEY, client int, number bigint);
"""
TABLES = ["account", "counter", "counter_log", "register", "churn", "document", "heap", "sale", "ledger", "never"]
HUGE_ROWS = 1500
PREPARED_MS = 80  # at most


class Client(workload.Client):
    """Replaces the statements of workload.Client that are Postgres' own."""
    ERROR = (pymysql.Error, OSError)

    def connect(self):
        return pymysql.connect(**self.load.connect)

    def lost(self):
        return not self.connection.open

    def nothing(self, cursor):
        if self.xid is None:
            cursor.execute("START TRANSACTION")

    # --- XA -----------------------------------------------------------------------------------

    xid = None  # of the open XA transaction

    def _transaction(self):
        if self.load.xa == 0 or self.random.random() >= self.load.xa:
            super()._transaction()
            return
        with self.load.undecided:
            self.xid = f"{self.client}-{self.number}"
            super()._transaction()
            self.xid = None

    def begin(self, cursor):
        if self.xid is not None:
            self._xa("START")

    def commit(self):
        if self.xid is None:
            super().commit()
            return
        self._xa("END")
        if self.random.random() < 0.2:
            self._xa("COMMIT", "ONE PHASE")
        else:
            self._prepare()
            self._xa("COMMIT")

    def rollback(self):
        if self.xid is None:
            super().rollback()
            return
        try:
            self._xa("END")
            if self.random.random() < 0.5:
                self._prepare()
        except pymysql.Error:
            pass  # a deadlock has ended it
        self._xa("ROLLBACK")

    def _prepare(self):
        self._xa("PREPARE")
        self.load.ended.wait(self.random.random() * PREPARED_MS / 1000)

    def _xa(self, word, more=""):
        with self.connection.cursor() as cursor:
            cursor.execute(f"XA {word} '{self.xid}' {more}")

    # --- operations ---------------------------------------------------------------------------

    def _huge(self, cursor):
        start = -(self.client * 1_000_000_000 + self.number * 10_000)
        rows = ", ".join(f"({start - g}, 'bulk {g}')" for g in range(1, HUGE_ROWS + 1))
        self.do(cursor, f"INSERT INTO churn (id, note) VALUES {rows}")
        self.do(cursor, "DELETE FROM churn WHERE id < %s AND id >= %s - 1000", start, start)

    def count(self, cursor):
        k = self.random.randint(1, workload.COUNTERS)
        self.do(cursor, "UPDATE counter SET n = n + 1 WHERE k = %s", k)
        cursor.execute("SELECT n FROM counter WHERE k = %s", (k,))
        n = cursor.fetchone()[0]
        self.do(cursor, "INSERT INTO counter_log VALUES (%s, %s, %s, %s)", k, n, self.client, self.number)

    def append(self, cursor):
        self.do(cursor, "UPDATE register SET v = IF(JSON_LENGTH(v) > 40, '[]', JSON_ARRAY_APPEND(v, '$', %s)) "
                "WHERE k = %s", self.number, self.random.randint(1, workload.REGISTERS))

    def document(self, cursor):
        i = self.random.randint(1, workload.DOCUMENTS)
        if self.random.random() < 0.8:
            self.do(cursor, "UPDATE document SET version = version + 1 WHERE id = %s", i)
        else:
            self.do(cursor, "UPDATE document SET version = version + 1, body = repeat(sha2(%s, 256), 80) WHERE id = %s",
                    self.number, i)

    def heap(self, cursor):
        self.do(cursor, "INSERT INTO heap VALUES (%s, %s, '2024-02-29')", self.client, f"v{self.number % 7}")
        if self.random.random() < 0.5:
            self.do(cursor, "DELETE FROM heap WHERE a = %s LIMIT 1", self.client)
        else:
            self.do(cursor, "UPDATE heap SET b = concat(b, '+') WHERE a = %s LIMIT 1", self.client)

    def sale(self, cursor):
        i = self.client * 1_000_000_000 + self.number
        self.do(cursor, "INSERT INTO sale VALUES (%s, 'eu', %s)", i, f"{self.number % 1000}.50")
        if self.random.random() < 0.4:
            self.do(cursor, "UPDATE sale SET region = 'us' WHERE id = %s AND region = 'eu'", i)

    OPERATIONS = [workload.Client.transfer, count, append, document, workload.Client.churn, heap, sale]


class Load(workload.Load):
    """Clients that run until `stop`. A context manager."""

    def __init__(self, server, database, journal, xa=0.0, **keywords):
        connect = {"unix_socket": str(server.socket), "user": "root", "database": database, "charset": "utf8mb4",
                   "connect_timeout": 5,
                   "init_command": "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"}
        super().__init__(connect, journal, client=Client, **keywords)
        self.xa = xa
        self.undecided = threading.Semaphore(len(self.clients))

    @contextlib.contextmanager
    def decided(self):
        """While no XA transaction is open."""
        for _ in self.clients:
            self.undecided.acquire()
        try:
            yield
        finally:
            self.undecided.release(len(self.clients))


def relations(database):
    """[(database, table), …] as model, oracle and checker name them."""
    return [(database, table) for table in TABLES]


def create(server, database):
    """Tables only; the first rows are written by `seed`, when the stream is being watched."""
    server.run(SCHEMA, database)


def seed(server, database):
    rows = {
        "account": [f"({i}, {workload.OPENING})" for i in range(1, workload.ACCOUNTS + 1)],
        "counter": [f"({i}, 0)" for i in range(1, workload.COUNTERS + 1)],
        "register": [f"({i}, '[]')" for i in range(1, workload.REGISTERS + 1)],
        "document": [f"({i}, 0, 'doc {i}', repeat(sha2({i}, 256), 100))" for i in range(1, workload.DOCUMENTS + 1)],
    }
    for table, values in rows.items():
        server.sql(f"INSERT INTO {quoted(table)} VALUES {', '.join(values)}", database=database)
