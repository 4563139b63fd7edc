"""A private MariaDB or MySQL server of any version that can be had, in its own directory, on its own port.

        MyServer(dir) ── start ──▶ running ── stop | kill9 ──▶ down ── start … ── remove

As PgServer: our child, known by its pid, with a data directory copied from one template per release. We talk to it as
root through its socket; leat comes by TCP as a user of its own with a password, and by TLS if it likes: certificates of
an authority of the server's are there from the start. Logging is set as leat needs it, and flushing lazily, because a
test's server loses nothing by SIGKILL; `options` override both.

What differs between the two flavours is said here once: SHOW statements, GTIDs, how a data directory is made.
"""
import os
import signal
import subprocess
import time
from pathlib import Path

import pymysql
from pymysql.constants import CLIENT

from . import mysqlversions, places
from .certificates import Authority
from .mytap import MyTap

ADMIN, READER, PASSWORD = "root", "leat", "wat'er\"flöws\\down"
BOTH = {
    "binlog_format": "ROW", "binlog_row_metadata": "FULL", "sync_binlog": "0", "innodb_flush_log_at_trx_commit": "2",
    "innodb_buffer_pool_size": "64M", "max_connections": "60",
    "character_set_server": "utf8mb4", "skip_name_resolve": "ON", "local_infile": "OFF",
}
SETTINGS = {
    "mariadb": {**BOTH, "innodb_log_file_size": "48M"},
    "mysql": {**BOTH, "gtid_mode": "ON", "enforce_gtid_consistency": "ON", "mysqlx": "OFF", "secure_file_priv": "NULL"},
}
PRIVILEGES = {
    "mariadb": "REPLICATION SLAVE, BINLOG MONITOR, SELECT",
    "mysql": "REPLICATION SLAVE, REPLICATION CLIENT, SELECT",
}


class MyServer:
    def __init__(self, root, version=mysqlversions.DEBIAN, options=None, port=None):
        self.version = version
        self.release = mysqlversions.find(version)
        self.mariadb = self.release.mariadb
        self.flavour = "mariadb" if self.mariadb else "mysql"
        self.root = Path(root)
        self.data = self.root / "data"
        self.log_file = self.root / "server.log"
        self.port = port or places.free_port()
        self.options = {**SETTINGS[self.flavour], "server_id": str(self.port), **(options or {})}
        self.user, self.password = READER, PASSWORD  # leat's
        self.own = False  # made for one test, which may break it and throws it away
        self.authority = None
        self.socket_dir = None
        self.process = None
        self.pid = None
        self.tap = MyTap(self)

    # --- life ---------------------------------------------------------------------------------

    def init(self):
        if self.data.exists():
            return self
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o755)
        places.hand_over(self.root)
        subprocess.run(["cp", "-a", str(_template(self.release)), str(self.data)], check=True)
        (self.data / "auto.cnf").unlink(missing_ok=True)  # the server's uuid: each copy is a server of its own
        return self

    def start(self, seconds=90):
        fresh = not self.data.exists()
        self.init()
        if self.socket_dir is None:
            self.socket_dir = places.socket_dir(self.root, self.port)
            self.authority = Authority(self.root / "tls")
        self._spawn()
        end = time.monotonic() + seconds
        if not self._wait_ready(end):
            raise TimeoutError(f"{self.version} did not start:\n{self.log()[-3000:]}")
        if fresh:
            self.create_user(self.user, self.password)
        return self

    def _spawn(self):
        arguments = [str(self.release.server), "--no-defaults", *_files(self.release), f"--datadir={self.data}",
                     f"--socket={self.socket}", f"--port={self.port}", "--bind-address=127.0.0.1",
                     f"--pid-file={self.root / 'pid'}", f"--tmpdir={_tmp(self.root)}", f"--log-bin={self.data / 'binlog'}"]
        certificate, key = self.authority.issue("server")
        arguments += [f"--ssl-ca={self.authority.ca}", f"--ssl-cert={certificate}", f"--ssl-key={key}"]
        for name, value in self.options.items():
            if value is not None:
                arguments.append(f"--{name.replace('_', '-')}={value}")
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                            start_new_session=True, **places.as_server_user())
        self.pid = self.process.pid

    def _wait_ready(self, end):
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.connect().close()
                return True
            except pymysql.Error:
                time.sleep(0.05)
        return False

    def stop(self, seconds=60):
        """A clean shutdown; returns how many seconds it took."""
        if not self.alive:
            return 0.0
        begun = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        self.wait_down(seconds)
        return time.monotonic() - begun

    def wait_down(self, seconds=60):
        if self.process is not None:
            self.process.wait(seconds)
        else:
            places.wait_until(lambda: not self.alive, seconds, f"end of {self.version} {self.pid}")

    def kill9(self):
        os.kill(self.pid, signal.SIGKILL)
        self.wait_down(10)

    def restart(self, **options):
        """Stops and starts, with options changed (None: as if never given)."""
        self.stop()
        self.options.update(options)
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
            self.kill9()
        places.remove(self.root)
        if self.socket_dir is not None and self.socket_dir != self.root:
            places.remove(self.socket_dir)

    # --- talk ---------------------------------------------------------------------------------

    @property
    def socket(self):
        return self.socket_dir / "mysql.sock"

    def connect(self, database=None, **keywords):
        """As root through the socket, in UTC, each statement its own transaction; keywords are PyMySQL's."""
        settings = {"unix_socket": str(self.socket), "user": ADMIN, "password": "", "database": database,
                    "charset": "utf8mb4", "autocommit": True, "connect_timeout": 5,
                    "init_command": "SET time_zone='+00:00'", **keywords}
        return pymysql.connect(**settings)

    def sql(self, text, *arguments, database=None):
        """Runs one statement and returns its rows."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(text, arguments or None)
                return cursor.fetchall() if cursor.description else ()
        finally:
            connection.close()

    def one(self, text, *arguments, database=None):
        rows = self.sql(text, *arguments, database=database)
        return rows[0][0] if rows else None

    def run(self, script, database=None):
        """Runs statements one after the other in one session; for scripts with their own BEGIN and COMMIT."""
        connection = self.connect(database, client_flag=CLIENT.MULTI_STATEMENTS)
        try:
            with connection.cursor() as cursor:
                cursor.execute(script)
                while cursor.nextset():
                    pass
        finally:
            connection.close()

    def table(self, text, *arguments, database=None):
        """Rows as dictionaries: for SHOW, whose columns differ between servers."""
        connection = self.connect(database, cursorclass=pymysql.cursors.DictCursor)
        try:
            with connection.cursor() as cursor:
                cursor.execute(text, arguments or None)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def variable(self, name):
        return self.one(f"SELECT @@global.{name}")

    def set(self, **variables):
        """SET GLOBAL: for sessions that begin from now on."""
        for name, value in variables.items():
            self.sql(f"SET GLOBAL {name} = %s", value)

    # --- databases and users ------------------------------------------------------------------

    def create_database(self, name, extra=""):
        self.sql(f"CREATE DATABASE {quoted(name)} {extra}")
        return name

    def drop_database(self, name):
        self.sql(f"DROP DATABASE IF EXISTS {quoted(name)}")

    def create_user(self, name, password, privileges=None, require="", plugin=""):
        """A user for connections over TCP, with what leat needs unless told otherwise; "" grants nothing."""
        granted = PRIVILEGES[self.flavour] if privileges is None else privileges
        identified = f"WITH {plugin} BY" if plugin and not self.mariadb else "BY"
        account = "%s@'127.0.0.1'"
        self.sql(f"CREATE USER {account} IDENTIFIED {identified} %s {require}", name, password)
        if granted:
            self.sql(f"GRANT {granted} ON *.* TO {account}", name)
        return name

    def drop_user(self, name):
        self.sql("DROP USER IF EXISTS %s@'127.0.0.1'", name)

    # --- the log ------------------------------------------------------------------------------

    def log_end(self):
        """(file, position) where the binlog ends."""
        return tuple(self._status()[:2])

    def gtids(self):
        """Everything in the log, as a set (MySQL) or as the last of each domain (MariaDB)."""
        return self.variable("gtid_binlog_pos" if self.mariadb else "gtid_executed").replace("\n", "")

    def _status(self):
        return self.sql("SHOW MASTER STATUS" if self.mariadb else "SHOW BINARY LOG STATUS")[0]

    def log_events(self, file=None, position=None):
        """[(position, type, position behind, text), …] of a log file, the newest if none is named, as the server lists
        them. Statements stand there in any character set, so what is no UTF-8 is replaced."""
        start = f" FROM {position}" if position else ""
        connection = self.connect(use_unicode=False)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SHOW BINLOG EVENTS IN '{file or self.log_end()[0]}'{start}")
                return [(row[1], row[2].decode(), row[4], row[5].decode(errors="replace")) for row in cursor]
        finally:
            connection.close()

    def log_files(self):
        """[(name, bytes), …], oldest first."""
        return [tuple(row[:2]) for row in self.sql("SHOW BINARY LOGS")]

    def flush_logs(self):
        """Begins a new file; returns its name."""
        self.sql("FLUSH BINARY LOGS")
        return self.log_end()[0]

    def purge(self, before=None):
        """Removes all files before one, or before the newest; MariaDB keeps one until its engine has a checkpoint."""
        first = before or self.log_end()[0]

        def purged():
            self.sql("PURGE BINARY LOGS TO %s", first)
            return self.log_files()[0][0] == first
        places.wait_until(purged, 20, f"logs before {first} gone: {self.log_files()}")

    def reset_log(self):
        """Starts the log again from nothing, under the names of before."""
        self.sql("RESET MASTER" if self.mariadb else "RESET BINARY LOGS AND GTIDS")

    def identity(self):
        """What leat tells servers apart by."""
        return str(self.variable("server_id" if self.mariadb else "server_uuid"))

    def sessions(self):
        """SHOW FULL PROCESSLIST as dictionaries, with the same names on all servers."""
        return [{name.lower(): value for name, value in row.items()} for row in self.table("SHOW FULL PROCESSLIST")]

    def kill(self, session):
        self.sql(f"KILL {int(session)}")

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""


def quoted(name):
    return "`" + name.replace("`", "``") + "`"


# --- data directories -----------------------------------------------------------------------------


def _files(release):
    """Where the server's own files are, which are not where it was built to look for them."""
    return [f"--basedir={release.root / 'usr'}", f"--lc-messages-dir={release.share}",
            f"--character-sets-dir={release.share / 'charsets'}", f"--plugin-dir={release.plugins}"]


def _tmp(root):
    path = root / "tmp"
    path.mkdir(exist_ok=True)
    path.chmod(0o777)
    return path


def _template(release):
    """The data directory that all servers of this release are copied from: root without a password, nobody else."""
    base = places.base()
    target = base / f"template-{release.name}-{release.release}"
    with mysqlversions.locked(base / f"template-{release.name}.lock"):
        if not target.exists():
            part = base / f"part-{release.name}"
            places.remove(part)
            part.mkdir()
            places.hand_over(part)
            (_make_mariadb if release.mariadb else _make_mysql)(release, part)
            part.rename(target)
    return target


def _make_mysql(release, data):
    _run_server(release, data, ["--initialize-insecure", "--skip-log-bin"])


def _make_mariadb(release, data):
    """What mariadb-install-db does, for a server that need not be installed."""
    (data / "mysql").mkdir()
    places.hand_over(data / "mysql")
    parts = ["USE mysql;", "SET @auth_root_socket = NULL;", "SET @skip_auth_anonymous = 1;"]  # a line each
    for name in ("_system_tables.sql", "_performance_tables.sql", "_system_tables_data.sql",
                 "maria_add_gis_sp_bootstrap.sql", "_sys_schema.sql"):
        script, = release.share.glob(f"*{name}")
        parts.append("".join(line for line in script.open() if "@current_hostname" not in line))
    _run_server(release, data, ["--bootstrap", "--skip-log-bin"], "\n".join(parts))


def _run_server(release, data, arguments, script=""):
    done = subprocess.run([str(release.server), "--no-defaults", *_files(release), f"--datadir={data}", *arguments],
                          input=script, capture_output=True, text=True, cwd="/", **places.as_server_user())
    if done.returncode != 0:
        raise RuntimeError(f"{release.name}: {' '.join(arguments)}: {done.stderr[-3000:]}")
