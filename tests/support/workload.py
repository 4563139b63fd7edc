"""A seeded load that knows what it did.

Several clients run small transactions: bank transfers between accounts (the sum never changes), counters
with a log row per step, appended lists, churn, TOASTed documents whose body is rarely touched, key changes,
a table without key, partitions with rows moving between them, messages. A quarter of the transactions is
rolled back, a quarter of the others rolls back a savepoint; what is rolled back also writes to `never`,
where no event may ever be seen.

Every transaction ends with a row of `ledger`: (client, number, how many row events this transaction has).
Before and after each transaction its fate is appended to a journal: intent, then ok, abort or unknown
(the connection died during COMMIT). The checker reads the journal and the stream.

    python3 -m tests.support.workload --host DIR --port N --database D --journal FILE --seconds 5
"""
import argparse
import json
import random
import threading
import time

import psycopg2

ACCOUNTS, COUNTERS, REGISTERS, DOCUMENTS = 32, 16, 8, 24
OPENING = 1000

SCHEMA = f"""
CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE counter (k int PRIMARY KEY, n bigint NOT NULL);
ALTER TABLE counter REPLICA IDENTITY FULL;
CREATE TABLE counter_log (k int, n bigint, client int, number bigint, PRIMARY KEY (k, n));
CREATE TABLE register (k int PRIMARY KEY, v bigint[] NOT NULL);
CREATE TABLE churn (id bigint PRIMARY KEY, note text, at timestamptz DEFAULT clock_timestamp(), x float8, y numeric);
CREATE TABLE document (id int PRIMARY KEY, version int NOT NULL, title text, body text NOT NULL);
ALTER TABLE document ALTER body SET STORAGE EXTERNAL;
CREATE TABLE heap (a int, b text, c date);
ALTER TABLE heap REPLICA IDENTITY FULL;
CREATE TABLE sale (id bigint, region text, amount numeric(12,2), PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE sale_eu PARTITION OF sale FOR VALUES IN ('eu');
CREATE TABLE sale_us PARTITION OF sale FOR VALUES IN ('us');
CREATE TABLE ledger (client int, number bigint, rows int NOT NULL, PRIMARY KEY (client, number));
CREATE TABLE never (id bigserial PRIMARY KEY, client int, number bigint);
"""
SEED = f"""
INSERT INTO account SELECT g, {OPENING} FROM generate_series(1, {ACCOUNTS}) g;
INSERT INTO counter SELECT g, 0 FROM generate_series(1, {COUNTERS}) g;
INSERT INTO register SELECT g, '{{}}' FROM generate_series(1, {REGISTERS}) g;
INSERT INTO document SELECT g, 0, 'doc ' || g, repeat(md5(g::text), 200) FROM generate_series(1, {DOCUMENTS}) g;
"""
TABLES = [("public", t) for t in ("account", "counter", "counter_log", "register", "churn", "document", "heap",
                                  "sale_eu", "sale_us", "ledger", "never")]


class Rollback(Exception):
    """This transaction is meant to fail."""


class Client(threading.Thread):
    """One client of Postgres. Another database's client says otherwise what stands between here and `_transaction`, and
    has operations of its own."""
    ERROR = psycopg2.Error

    def connect(self):
        return psycopg2.connect(**self.load.connect)

    def lost(self):
        return self.connection.closed

    def nothing(self, cursor):
        """A transaction with an id and no rows."""
        cursor.execute("SELECT pg_current_xact_id()")

    def begin(self, cursor):
        """The first statement of a transaction begins it."""

    def commit(self):
        self.connection.commit()

    def rollback(self):
        self.connection.rollback()

    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load = load
        self.client = number
        self.random = random.Random(f"{load.seed}/{number}")
        self.number = load.first_number
        self.connection = None
        self.rows = 0
        self.ids = []

    def run(self):
        while not self.load.ended.is_set():
            if self.connection is None and not self._connect():
                self.load.ended.wait(0.05)
                continue
            self.number += 1
            self._transaction()
            if self.load.pause:
                self.load.ended.wait(self.load.pause)
        if self.connection is not None:
            self.connection.close()

    def _connect(self):
        try:
            self.connection = self.connect()
            return True
        except self.ERROR:
            return False

    def _transaction(self):
        self.load.note(self.client, self.number, "intent")
        fate, self.rows = "abort", 0
        try:
            with self.connection.cursor() as cursor:
                self.begin(cursor)
                self._work(cursor)
                fate = "unknown"
                self.commit()
                fate = "ok"
        except Rollback:
            self._rollback()
        except self.ERROR:
            self._rollback()
        self.load.note(self.client, self.number, fate)

    def _rollback(self):
        try:
            self.rollback()
        except self.ERROR:
            self.connection = None
            return
        if self.lost():
            self.connection = None

    def _work(self, cursor):
        r = self.random
        if r.random() < 0.02:
            self.nothing(cursor)
        operations = self.OPERATIONS  # in this order, so that row locks are mostly taken in one
        for operation in sorted(r.sample(operations, r.randint(1, 3)), key=operations.index):
            operation(self, cursor)
        if r.random() < 0.25:
            self._savepoint(cursor)
        if r.random() < 0.005:
            self._huge(cursor)
        fails = r.random() < 0.25
        if fails:
            cursor.execute("INSERT INTO never (client, number) VALUES (%s, %s)", (self.client, self.number))
        cursor.execute("INSERT INTO ledger VALUES (%s, %s, %s)", (self.client, self.number, self.rows + 1))
        if fails:
            raise Rollback

    def do(self, cursor, text, *arguments, times=1):
        cursor.execute(text, arguments or None)
        self.rows += cursor.rowcount * times

    def _savepoint(self, cursor):
        kept = self.rows
        cursor.execute("SAVEPOINT s")
        cursor.execute("INSERT INTO never (client, number) VALUES (%s, %s)", (self.client, self.number))
        self.random.choice([self.transfer, self.churn])(cursor)
        cursor.execute("ROLLBACK TO SAVEPOINT s")
        self.rows = kept

    def _huge(self, cursor):
        start = -(self.client * 1_000_000_000 + self.number * 10_000)
        self.do(cursor, "INSERT INTO churn (id, note) SELECT %s - g, 'bulk ' || g FROM generate_series(1, 1500) g",
                start)
        self.do(cursor, "DELETE FROM churn WHERE id < %s AND id >= %s - 1000", start, start)

    def transfer(self, cursor):
        a, b = sorted(self.random.sample(range(1, ACCOUNTS + 1), 2))
        amount = self.random.randint(-50, 50)
        self.do(cursor, "UPDATE account SET balance = balance - %s WHERE id = %s", amount, a)
        self.do(cursor, "UPDATE account SET balance = balance + %s WHERE id = %s", amount, b)

    def count(self, cursor):
        k = self.random.randint(1, COUNTERS)
        self.do(cursor, "UPDATE counter SET n = n + 1 WHERE k = %s RETURNING n", k)
        n = cursor.fetchone()[0]
        self.do(cursor, "INSERT INTO counter_log VALUES (%s, %s, %s, %s)", k, n, self.client, self.number)

    def append(self, cursor):
        self.do(cursor, "UPDATE register SET v = CASE WHEN cardinality(v) > 40 THEN '{}' ELSE v || %s::bigint END "
                "WHERE k = %s", self.number, self.random.randint(1, REGISTERS))

    def document(self, cursor):
        i = self.random.randint(1, DOCUMENTS)
        if self.random.random() < 0.8:
            self.do(cursor, "UPDATE document SET version = version + 1 WHERE id = %s", i)
        else:
            self.do(cursor, "UPDATE document SET version = version + 1, body = repeat(md5(%s), 150) WHERE id = %s",
                    str(self.number), i)

    def churn(self, cursor):
        new = self.client * 1_000_000_000 + self.number
        note = self.random.choice([None, "", "it's", "tab\tnew\nline", "\u6c34\u304c\u6d41\u308c\u308b", "x" * 300])
        self.do(cursor, "INSERT INTO churn (id, note, x, y) VALUES (%s, %s, %s, %s)", new, note,
                self.random.random(), f"{self.random.randint(-9, 9)}.{self.random.randint(0, 99):02d}00")
        self.ids.append(new)
        if len(self.ids) > 30:
            old = self.ids.pop(self.random.randrange(20))
            if self.random.random() < 0.3:  # a key change
                self.do(cursor, "UPDATE churn SET id = -id WHERE id = %s", old)
            else:
                self.do(cursor, "DELETE FROM churn WHERE id = %s", old)

    def heap(self, cursor):
        self.do(cursor, "INSERT INTO heap VALUES (%s, %s, '2024-02-29')", self.client, f"v{self.number % 7}")
        if self.random.random() < 0.5:
            self.do(cursor, "DELETE FROM heap WHERE ctid = (SELECT min(ctid) FROM heap WHERE a = %s)", self.client)
        else:
            self.do(cursor, "UPDATE heap SET b = b || '+' WHERE ctid = (SELECT max(ctid) FROM heap WHERE a = %s)",
                    self.client)

    def sale(self, cursor):
        i = self.client * 1_000_000_000 + self.number
        self.do(cursor, "INSERT INTO sale VALUES (%s, 'eu', %s)", i, f"{self.number % 1000}.50")
        if self.random.random() < 0.4:  # a move is a delete and an insert
            self.do(cursor, "UPDATE sale SET region = 'us' WHERE id = %s AND region = 'eu'", i, times=2)

    def message(self, cursor):
        cursor.execute("SELECT pg_logical_emit_message(true, 'load', %s)", (f"{self.client}:{self.number}",))


    OPERATIONS = [transfer, count, append, document, churn, heap, sale, message]


class Load:
    """Clients that run until `stop`. A context manager."""

    def __init__(self, connect, journal, seed=1, clients=3, pause=0.0, first_number=0, client=Client):
        self.connect = connect
        self.seed = seed
        self.pause = pause
        self.first_number = first_number
        self.ended = threading.Event()
        self.counts = {"intent": 0, "ok": 0, "abort": 0, "unknown": 0}
        self._lock = threading.Lock()
        self._journal = open(journal, "a", buffering=1)
        self.clients = [client(self, i + 1) for i in range(clients)]

    def note(self, client, number, fate):
        with self._lock:
            self.counts[fate] += 1
            self._journal.write(json.dumps([client, number, fate]) + "\n")

    def start(self):
        for client in self.clients:
            client.start()
        return self

    def stop(self):
        self.ended.set()
        for client in self.clients:
            client.join(60)
        self._journal.close()
        return self.counts

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def connection_of(server, database):
    return {"host": str(server.socket_dir), "port": server.port, "user": server.user, "dbname": database,
            "connect_timeout": 5}


def create(server, database):
    """Tables only; the first rows are written by `seed`, when the stream is being watched."""
    server.run(SCHEMA, database)


def seed(server, database):
    server.run(SEED, database)


def main():
    parser = argparse.ArgumentParser(description="seeded load with a journal")
    for name in ("host", "port", "database", "journal"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--user", default="postgres")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10)
    a = parser.parse_args()
    connect = {"host": a.host, "port": a.port, "user": a.user, "dbname": a.database, "connect_timeout": 5}
    load = Load(connect, a.journal, a.seed, a.clients, a.pause, a.first).start()
    try:
        time.sleep(a.seconds)
    except KeyboardInterrupt:
        pass
    print(json.dumps(load.stop()))


if __name__ == "__main__":
    main()
