"""How a test watches leat read a MySQL or MariaDB server.

There is no slot, so the server does not know what leat has stored. Whether leat *reads* is asked from the server: a
session that dumps the binlog and whose TCP port is one of the daemon's. Whether it has *caught up* is told by the
offset in the store: events and offset are one transaction there, so an offset at the server's end of log means that
everything before it is durable. Should that bond ever be broken, the comparison with the tables shows it.
"""
import json
import os
import re
from pathlib import Path

import pymysql

PASSWORD_VARIABLE = "LEAT_TEST_PASSWORD"


class MyTap:
    def __init__(self, server):
        self.server = server

    def source(self, name, database):
        """The settings of a source that reads one database."""
        return {"type": "mysql", "host": "127.0.0.1", "port": self.server.port, "user": self.server.user,
                "password_env": PASSWORD_VARIABLE,
                "sslmode": "disable" if self.server.mariadb else "require",  # MySQL's passwords want TLS
                "tables": [f"{database}.*"]}

    def environment(self):
        return {PASSWORD_VARIABLE: self.server.password}

    def session(self, leat):
        """The number of the server's session that streams to this daemon, or None.

        A killed daemon's session lingers until the server writes to it, so the other end of its connection must be
        the daemon's, or ours: some tests stand in between.
        """
        ports = tcp_ports(leat.pid) | tcp_ports(os.getpid())
        try:
            sessions = self.server.sessions()
        except pymysql.Error:  # it is down
            return None
        for session in sessions:
            if session["command"].startswith("Binlog Dump") and port_of(session["host"]) in ports:
                return session["id"]
        return None

    def end(self):
        """Where the log ends now: what `reached` compares with."""
        return self.server.log_end()

    def reached(self, leat, target):
        return place(self.token(leat)) >= file_order(*target)

    def token(self, leat):
        """The fields of the stored offset; empty before the first one, or without a store."""
        done = leat.command("offsets", "list", "--json")
        if done.returncode != 0:
            return {}
        return next((fields(o["token"]) for o in json.loads(done.stdout) if o["source"] == leat.name), {})

    def describe(self, leat, target):
        token = self.token(leat)
        return f"offset {token.get('file')}:{token.get('position')}, target {target[0]}:{target[1]}"


def fields(token):
    """'my1 flavour=mysql file=b.000002 …' as a dictionary."""
    return dict(part.split("=", 1) for part in (token or "").split() if "=" in part)


def place(token):
    return file_order(token["file"], int(token["position"])) if token.get("file", "-") != "-" else (-1, -1)


def file_order(name, position):
    """(number of the file, position): later is more."""
    return int(name.rsplit(".", 1)[1]), int(position)


def port_of(host):
    """The port in '127.0.0.1:4711', or None for a session through the socket."""
    match = re.search(r":(\d+)$", host or "")
    return int(match[1]) if match else None


def tcp_ports(pid):
    """Local ports of a process' TCP connections."""
    inodes, ports = set(), set()
    try:
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(os.readlink(fd))
            except OSError:
                pass  # closed in the meantime
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                part = line.split()
                if f"socket:[{part[9]}]" in inodes:
                    ports.add(int(part[1].rsplit(":", 1)[1], 16))
    except OSError:
        pass  # the process has ended
    return ports
