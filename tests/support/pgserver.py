"""A private PostgreSQL server of any installed version, in its own directory, on its own port.

        PgServer(dir) ── start ──▶ running ── stop | kill9 ──▶ down ── start … ── remove

The server is our child process, so that its pid is known and it can be killed; it runs in a session of its
own and outlives us if it is left running (the demo's --keep). Data directories are copies of one template
per version, because initdb takes longer than most tests.
"""
import fcntl
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg2
import psycopg2.extensions

from . import pgversions, places

SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "wal_level": "logical",
    "fsync": "on",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "max_wal_senders": "20",
    "max_replication_slots": "40",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "logging_collector": "off",
    "max_wal_size": "2GB",
}


class PgServer:
    def __init__(self, root, version=15, options=None, port=None, fresh=False):
        self.version = version
        self.bindir = pgversions.bindir(version)
        self.root = Path(root)
        self.data = self.root / "data"
        self.log_file = self.root / "server.log"
        self.port = port or places.free_port()
        limit = {"max_slot_wal_keep_size": "32GB"} if version >= 13 else {}
        self.options = {**SETTINGS, **limit, **(options or {})}
        self.user = "postgres"
        self.fresh = fresh  # an initdb of its own, hence a system identifier of its own
        self.own = False    # made for one test, which may break it and throws it away
        self.socket_dir = None
        self.process = None
        self.pid = None
        self.tap = PgTap(self)

    # --- life ---------------------------------------------------------------------------------

    def init(self):
        if self.data.exists():
            return self
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o755)
        places.hand_over(self.root)
        if self.fresh:
            _initdb(self.bindir, self.data)
        else:
            subprocess.run(["cp", "-a", str(_template(self.bindir)), str(self.data)], check=True)
        return self

    def start(self, seconds=60):
        self.init()
        if self.socket_dir is None:
            self.socket_dir = places.socket_dir(self.root, self.port)
        end = time.monotonic() + seconds
        while True:  # after kill -9 the old backends may still hold the shared memory
            self._spawn()
            if self._wait_ready(end):
                return self
            if time.monotonic() > end:
                raise TimeoutError(f"PostgreSQL {self.version} did not start:\n{self.log()[-2000:]}")
            time.sleep(0.1)

    def _spawn(self):
        arguments = [str(self.bindir / "postgres"), "-D", str(self.data), "-p", str(self.port),
                     "-c", f"unix_socket_directories={self.socket_dir}"]
        for name, value in self.options.items():
            arguments += ["-c", f"{name}={value}"]
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                start_new_session=True, **places.as_server_user())
        self.pid = self.process.pid

    def _wait_ready(self, end):
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.connect().close()
                return True
            except psycopg2.OperationalError:
                time.sleep(0.05)
        return False

    def signal_stop(self, mode="fast"):
        os.kill(self.pid, SIGNALS[mode])

    def stop(self, mode="fast", seconds=60):
        """Stops the server and returns how many seconds that took."""
        if not self.alive:
            return 0.0
        begun = time.monotonic()
        self.signal_stop(mode)
        self.wait_down(seconds)
        return time.monotonic() - begun

    def wait_down(self, seconds=60):
        if self.process is not None:
            self.process.wait(seconds)
        else:
            places.wait_until(lambda: not self.alive, seconds, f"end of postmaster {self.pid}")

    def kill9(self):
        os.kill(self.pid, signal.SIGKILL)
        self.wait_down(10)

    def restart(self, mode="fast"):
        self.stop(mode)
        return self.start()

    @property
    def alive(self):
        if self.pid is None:
            return False
        if self.process is not None:
            return self.process.poll() is None
        return places.pid_alive(self.pid)

    def remove(self):
        if self.alive:
            self.stop("immediate")
        places.remove(self.root)
        if self.socket_dir is not None and self.socket_dir != self.root:
            places.remove(self.socket_dir)

    # --- talk ---------------------------------------------------------------------------------

    def connect(self, database="postgres", **keywords):
        settings = {"host": str(self.socket_dir), "port": self.port, "user": self.user,
                    "dbname": database, "connect_timeout": 5, **keywords}
        connection = psycopg2.connect(**settings)
        connection.autocommit = True
        return connection

    def sql(self, text, *arguments, database="postgres"):
        """Runs one string of SQL (several statements are one implicit transaction) and returns its rows."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(text, arguments or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def one(self, text, *arguments, database="postgres"):
        rows = self.sql(text, *arguments, database=database)
        return rows[0][0] if rows else None

    def run(self, text, database="postgres"):
        """Runs SQL with psql, statement by statement; for scripts with their own BEGIN and COMMIT."""
        done = subprocess.run(self.psql(database) + ["-q", "-v", "ON_ERROR_STOP=1"], input=text,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"psql: {done.stderr}")
        return done.stdout

    def psql(self, database="postgres"):
        return ["psql", "-X", "-h", str(self.socket_dir), "-p", str(self.port), "-U", self.user, "-d", database]

    def create_database(self, name, extra=""):
        self.sql(f'CREATE DATABASE "{name}" {extra}')
        return name

    def system_identifier(self):
        return str(self.one("SELECT system_identifier FROM pg_control_system()"))

    def flush_lsn(self):
        return lsn(self.one("SELECT pg_current_wal_flush_lsn()"))

    def insert_lsn(self):
        return lsn(self.one("SELECT pg_current_wal_insert_lsn()"))

    def slot(self, name):
        """A dictionary of pg_replication_slots, or None."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT * FROM pg_replication_slots WHERE slot_name = %s", (name,))
                row = cursor.fetchone()
                return dict(zip([c.name for c in cursor.description], row)) if row else None
        finally:
            connection.close()

    def drop_slot(self, name, seconds=10):
        def drop():
            slot = self.slot(name)
            if slot is None:
                return True
            if slot["active"]:
                self.sql("SELECT pg_terminate_backend(%s)", slot["active_pid"])
                return False
            try:
                self.sql("SELECT pg_drop_replication_slot(%s)", name)
            except psycopg2.Error:
                return False
            return True
        places.wait_until(drop, seconds, f"slot {name} dropped")

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""


class PgTap:
    """How a test watches leat read this server: by its slot, so that leat is never asked."""

    def __init__(self, server):
        self.server = server

    def source(self, name, database):
        """The settings of a source that reads one database."""
        return {"type": "postgres", "host": str(self.server.socket_dir), "port": self.server.port, "database": database,
                "user": self.server.user, "sslmode": "disable", "create": True, "slot": f"leat_{name}",
                "publication": f"leat_{name}", "tables": ["public.*"], "snapshot": "never"}

    def environment(self):
        return {}

    def session(self, leat):
        """The server's process that streams the slot to this daemon, or None.

        That the slot is active is not enough: it is while it is being made, and while the session of a daemon that
        was killed lingers on.
        """
        return self.server.one(
            "SELECT r.pid FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid "
            "WHERE s.slot_name = %s AND r.state IN ('catchup', 'streaming') AND r.application_name = %s "
            "AND r.backend_start >= to_timestamp(%s)", leat.slot, f"leat-{leat.name}"[:63], leat.spawned_at)

    def end(self):
        """Where the log ends now: what `reached` compares with."""
        return self.server.flush_lsn()

    def reached(self, leat, target):
        """True once the slot has confirmed it, hence all before it is durable."""
        slot = self.server.slot(leat.slot)
        return slot is not None and lsn(slot["confirmed_flush_lsn"]) >= target

    def describe(self, leat, target):
        slot = self.server.slot(leat.slot)
        return (f"slot {leat.slot} at {slot and slot['confirmed_flush_lsn']}, "
                f"target {target >> 32:X}/{target & 0xffffffff:X}")


def lsn(text):
    """'1/4F1E34E0' as a number."""
    if text is None:
        return 0
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def _initdb(bindir, data):
    arguments = [str(bindir / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8",
                 "--locale=C", "--no-sync"]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd="/", **places.as_server_user())
    if done.returncode != 0:
        raise RuntimeError(f"initdb: {done.stderr}\n{done.stdout}")


def _template(bindir):
    """The data directory that all servers of this version are copied from."""
    release = subprocess.run([str(bindir / "postgres"), "-V"], capture_output=True, text=True).stdout.split()[2]
    base = places.base()
    template = base / f"template-{release}"
    with open(base / "template.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (template / "PG_VERSION").exists():
            part = base / f"part-{release}"
            places.remove(part)
            part.mkdir()
            places.hand_over(part)
            part.chmod(0o700)
            _initdb(bindir, part)
            if template.exists():
                shutil.rmtree(template)
            part.rename(template)
    return template
