#!/usr/bin/python3
"""Writes captured_mariadb.hex: runs capture.sql on a MariaDB server of its own and reads its log as a replica does.

The line "# = ..." over each event is what this script's own decoder reads in it, so that the C decoder is compared
with another one. Of events of one form the first is kept. Needs mariadbd, mariadb-install-db, PyMySQL."""
import getpass
import os
import re
import select
import socket
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

import pymysql

HERE = Path(__file__).resolve().parent
NAMES = {2: "QUERY", 3: "STOP", 4: "ROTATE", 5: "INTVAR", 13: "RAND", 14: "USER_VAR", 15: "FORMAT_DESCRIPTION",
         16: "XID", 19: "TABLE_MAP", 23: "WRITE_ROWS_V1", 24: "UPDATE_ROWS_V1", 25: "DELETE_ROWS_V1", 27: "HEARTBEAT",
         38: "XA_PREPARE", 160: "ANNOTATE_ROWS", 161: "BINLOG_CHECKPOINT", 162: "MARIADB_GTID", 163: "GTID_LIST",
         164: "START_ENCRYPTION", 165: "QUERY_COMPRESSED", 166: "WRITE_ROWS_COMPRESSED_V1",
         167: "UPDATE_ROWS_COMPRESSED_V1", 168: "DELETE_ROWS_COMPRESSED_V1"}
EVENT_MAX = 700      # longer ones are left out
STATUS = {0: 4, 1: 8, 3: 4, 4: 6, 7: 2, 8: 2, 9: 8, 10: 4, 13: 3, 16: 1, 17: 8, 18: 2, 19: 1, 20: 1, 128: 3, 129: 8}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        assert self.at + n <= len(self.data), "short"
        self.at += n
        return self.data[self.at - n:self.at]

    def num(self, n):
        return int.from_bytes(self.take(n), "little")

    def rest(self):
        return self.take(len(self.data) - self.at)

    def lenenc(self):
        first = self.num(1)
        return first if first < 251 else self.num({0xfc: 2, 0xfd: 3, 0xfe: 8}[first])


def show(data):
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-:"
    return "".join(chr(c) if c in plain else "%%%02x" % c for c in data)


def inflate(data):
    assert data[0] & 0xf8 == 0x80
    n = data[0] & 7
    out = zlib.decompress(data[1 + n:])
    assert len(out) == int.from_bytes(data[1:1 + n], "big")
    return out


def xid(form, gtrid, bqual):
    return "X'%s',X'%s',%d" % (gtrid.hex(), bqual.hex(), form)


def statement(r, compressed):
    thread, _, db_len, error, status_len = r.num(4), r.num(4), r.num(1), r.num(2), r.num(2)
    status, q = Reader(r.take(status_len)), {}
    while status.at < status_len:
        code = status.num(1)
        if code in STATUS:
            q[code] = status.take(STATUS[code])
        elif code in (5, 6):
            q[code] = status.take(status.num(1))
        elif code == 11:
            q[code] = status.take(status.num(1)), status.take(status.num(1))
        elif code == 130:
            q[code] = status.take(1)
            status.take(8 if q[code][0] & 12 else 0)
        elif code == 131:
            break
        else:
            raise ValueError("status variable %d" % code)
    db = r.take(db_len)
    assert r.num(1) == 0
    text = r.rest()
    mode = int.from_bytes(q.get(1, b""), "little")
    return "thread=%d error=%d db=%s ansi=%d noescape=%d xid=%d extra=%d collation=%d us=%d sql=%s" % (
        thread, error, show(db), bool(mode & 4), bool(mode & 0x100000), 17 in q, q.get(130, b"\0")[0],
        int.from_bytes(q.get(4, b"")[:2], "little"), int.from_bytes(q.get(128, q.get(13, b"")), "little"),
        show(inflate(text) if compressed else text))


def gtid(r, server):
    seq, domain, flags = r.num(8), r.num(4), r.num(1)
    text, extra = "", 0
    if flags & 2:
        r.take(8)
    if flags & 0xc0:
        form, g, b = r.num(4), r.num(1), r.num(1)
        text = xid(form, r.take(g), r.take(b))
    if r.at < len(r.data):
        extra = r.num(1)
    return "%d-%d-%d flags=%02x extra=%02x xid=%s" % (domain, server, seq, flags, extra, show(text.encode()))


def table_map(r):
    table, flags = r.num(6), r.num(2)
    db, _, name, _ = r.take(r.num(1)), r.take(1), r.take(r.num(1)), r.take(1)
    n = r.lenenc()
    types, meta, nulls = r.take(n), r.take(r.lenenc()), r.take((n + 7) // 8)
    out = "id=%d flags=%x name=%s.%s columns=%d types=%s meta=%s null=%s" % (
        table, flags, show(db), show(name), n, types.hex(), meta.hex(), nulls.hex())
    fields = {}
    while r.at < len(r.data):
        kind = r.num(1)
        fields[kind] = r.take(r.lenenc())
    return out + "".join(" %d=%s" % (k, fields[k].hex()) for k in sorted(fields))


def rows(r, kind):
    compressed = kind >= 166
    which = (kind - 166 if compressed else kind - 23) % 3
    table, flags, n = r.num(6), r.num(2), r.lenenc()
    before = r.take((n + 7) // 8) if which else b""
    after = r.take((n + 7) // 8) if which < 2 else b""
    data = inflate(r.rest()) if compressed else r.rest()
    return "id=%d flags=%x kind=%d partial=0 compressed=%d dummy=0 columns=%d before=%s after=%s rows=%s" % (
        table, flags, which, compressed, n, before.hex(), after.hex(), data.hex())


def body(kind, server, log_pos, data):
    r = Reader(data)
    if kind in (2, 165):
        return statement(r, kind == 165)
    if kind == 4:
        return "position=%d file=%s" % (r.num(8), show(r.rest()))
    if kind == 15:
        assert r.num(2) == 4
        version, created, _, lengths = r.take(50).rstrip(b"\0"), r.num(4), r.num(1), r.rest()
        return "version=%s created=%d checksum=%d lengths=%s" % (show(version), created, lengths[-1], lengths[:-1].hex())
    if kind == 16:
        return "xid=%d" % r.num(8)
    if kind == 19:
        return table_map(r)
    if kind in (23, 24, 25, 166, 167, 168):
        return rows(r, kind)
    if kind == 27:
        return "position=%d file=%s" % (log_pos, show(r.rest()))
    if kind == 38:
        one_phase, form, g, b = r.num(1), r.num(4), r.num(4), r.num(4)
        return "one_phase=%d xid=%s" % (one_phase, show(xid(form, r.take(g), r.take(b)).encode()))
    if kind == 162:
        return gtid(r, server)
    if kind == 163:
        count = r.num(4) & 0xfffffff
        items = [(r.num(4), r.num(4), r.num(8)) for _ in range(count)]
        return "list=[%s]" % " ".join("%d-%d-%d" % i for i in items)
    return ""


def form_of(kind, text):
    """What makes an event worth keeping beside others of its type."""
    if kind in (2, 165):
        return re.search(r"db=.*sql=.{0,26}", text)[0]
    if kind == 19:
        return re.search(r"name=\S+", text)[0], re.findall(r" (\d+)=", text)
    if kind == 162:
        return re.search(r"flags=\w\w extra=\w+", text)[0], "XA" in text
    return re.sub(r"[0-9]+", "", re.sub(r" rows=.*", "", text))


class Log:
    """What the C test keeps too: the checksum's kind, from one FORMAT_DESCRIPTION to the next."""

    def __init__(self):
        self.checksum, self.seen, self.out = 1, set(), []

    def add(self, event):
        stamp, kind, server, size, pos, flags = struct.unpack("<IBIIIH", event[:19])
        assert size == len(event)
        checksum = event[-5] if kind == 15 else self.checksum
        data = event[19:-4] if checksum == 1 or kind == 15 else event[19:]
        if checksum == 1:
            assert zlib.crc32(event[:-4]) == int.from_bytes(event[-4:], "little")
        text = "%s stamp=%d server=%d pos=%d flags=%x %s" % (
            NAMES[kind], stamp, server, pos, flags, body(kind, server, pos, data))
        if kind == 15:
            self.checksum = checksum
        form = (kind, flags, checksum, form_of(kind, text))
        if size <= EVENT_MAX and (kind == 15 or repr(form) not in self.seen):
            self.out.append((text.rstrip(), event))
        self.seen.add(repr(form))

    def write(self, version):
        with open(HERE / "captured_mariadb.hex", "w") as f:
            f.write("# %s, read by a replica's connection; see capture.py and capture.sql.\n" % version)
            for text, event in self.out:
                f.write("\n# = %s\n" % text)
                for at in range(0, len(event), 32):
                    f.write(event[at:at + 32].hex(" ") + "\n")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, root):
        self.root, self.port = Path(root), free_port()
        subprocess.run(["mariadb-install-db", "--no-defaults", "--user=" + getpass.getuser(), "--datadir=%s/data" % root,
                        "--auth-root-authentication-method=normal", "--skip-test-db"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self):
        self.process = subprocess.Popen(
            ["mariadbd", "--no-defaults", "--user=" + getpass.getuser(), "--datadir=%s/data" % self.root,
             "--socket=%s/socket" % self.root, "--port=%d" % self.port, "--bind-address=127.0.0.1", "--log-bin=binlog",
             "--server-id=1", "--binlog-format=ROW", "--binlog-row-metadata=FULL", "--innodb-buffer-pool-size=16M"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            try:
                self.connect().close()
                return
            except pymysql.err.OperationalError:
                select.select([], [], [], 0.1)
        raise RuntimeError("the server did not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def connect(self):
        return pymysql.connect(unix_socket="%s/socket" % self.root, user="root", autocommit=True, charset="utf8mb4")

    def dump(self, log, heartbeat, flags):
        """A replica's connection, from the oldest file on; non-blocking, or until two heartbeats came."""
        c = self.connect()
        cursor = c.cursor()
        for text in ("SET @mariadb_slave_capability = 4", "SET @master_binlog_checksum = 'CRC32'",
                     "SET @master_heartbeat_period = %d" % heartbeat):
            cursor.execute(text)
        cursor.execute("SHOW BINARY LOGS")
        names = [row[0] for row in cursor.fetchall()]
        first = names[-1] if heartbeat else names[0]
        c._execute_command(0x12, struct.pack("<IHI", 4, flags, 99) + first.encode())
        beats = 0
        while beats < 2:
            packet = c._read_packet()._data
            if packet[0] == 0xfe and len(packet) < 9:
                break
            log.add(packet[1:])
            beats += packet[5] == 27
        c._force_close()


def run_script(server):
    connection = server.connect()
    connections = [connection]
    for line in (HERE / "capture.sql").read_text().splitlines():
        if line.startswith("-- @"):
            connection = server.connect()
            connections.append(connection)
        elif line and not line.startswith("--"):
            connection.cursor().execute(line.rstrip(";"))
    for connection in connections:
        connection.close()


def main():
    with tempfile.TemporaryDirectory(prefix="leat-capture") as root:
        server, log = Server(root), Log()
        server.start()
        try:
            version = server.connect().get_server_info()
            run_script(server)
            server.stop()
            server.start()
            server.dump(log, 0, 1 | 2)
            server.dump(log, 10 ** 9, 2)
        finally:
            server.stop()
    log.write(version)
    print("%d events of %d forms" % (len(log.out), len(log.seen)))


if __name__ == "__main__":
    main()
