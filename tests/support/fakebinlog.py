"""A server that only pretends: it speaks enough of MySQL's protocol to be connected to, asked, and dumped from.

        leat ──▶ FakeBinlog(log: BinlogFiles)      handshake ─▶ questions ─▶ COM_BINLOG_DUMP[_GTID] ─▶ the log's events

For what a real server does not do on demand. It serves from where it is asked to, so a daemon that reconnects goes on;
`cuts` are the numbers of bytes of the dump after which each connection in turn is cut; `on_event` may change, drop,
double or fake what is sent; `after` says what comes behind the last event (a list: for each dump in turn, then HOLD). A
glance, which asks for what is there and no
more, is always answered honestly. Every question and dump request is kept.

Passwords, where one is asked for, go by mysql_native_password (MariaDB) or the fast way of caching_sha2_password. There
is no TLS. Questions are answered from `variables` and the log, others by `answers`, {regular expression: [names, row, …]
or an error (number, text)}; what nobody knows is answered with no rows.
"""
import hashlib
import os
import re
import socket
import struct
import threading

from .binlogfile import ARTIFICIAL, FORMAT, GTID, HEARTBEAT, MARIA_GTID, ROTATE, event, lenenc, lenenc_text, with_crc
from .mytap import PASSWORD_VARIABLE, MyTap

HOLD, EOF, CLOSE = "hold", "eof", "close"  # what comes after the last event; or (number, text): an error
QUIT, INIT_DB, QUESTION, PING, DUMP, REGISTER, DUMP_GTID = 0x01, 0x02, 0x03, 0x0e, 0x12, 0x15, 0x1e
CAPABILITIES = 0x1 | 0x4 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x20000 | 0x80000 | 0x100000
NON_BLOCK = 1
PIECE_MAX = 0xffffff


class Gone(Exception):
    """The connection is over."""


class Dump:
    """One dump request."""

    def __init__(self, gtid, file, position, server_id, flags, state):
        self.gtid, self.file, self.position = gtid, file, position  # gtid: by GTID, not by file and position
        self.server_id, self.flags = server_id, flags
        self.state = state  # "0-1-5", or {uuid: [(first, behind the last), …]}
        self.sent = 0       # bytes

    @property
    def glance(self):
        return self.flags & NON_BLOCK != 0


class FakeBinlog:
    """Listens on a port of its own. A context manager."""

    def __init__(self, log, user="leat", password=None, variables=None, answers=None, cuts=(), after=HOLD, on_event=None,
                 heartbeat_seconds=None):
        self.log = log
        self.user, self.password = user, password
        self.variables = {**variables_of(log), **(variables or {})}
        self.answers = [(re.compile(pattern, re.I), rows) for pattern, rows in (answers or {}).items()]
        self.cuts = iter(cuts)
        self.after = after
        self.on_event = on_event
        self.heartbeat_seconds = heartbeat_seconds
        self.questions, self.dumps, self.errors = [], [], []
        self.streaming = []  # connections that are being served, oldest first
        self.tap = FakeTap(self)
        self.grown = threading.Condition()
        self.ended = False
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.ended = True
        with self.grown:
            self.grown.notify_all()
        for end in [self.listener, *self.sockets]:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def after_dump(self, request):
        if not isinstance(self.after, list):
            return self.after
        return self.after.pop(0) if self.after and not request.glance else HOLD

    def more(self):
        """The log has grown: connections that hold go on."""
        with self.grown:
            self.grown.notify_all()

    def _accept(self):
        while not self.ended:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets.append(client)
            threading.Thread(target=_Session(self, client, len(self.sockets)).run, daemon=True).start()


class FakeTap(MyTap):
    """Lets a Leat run on it as on a real server."""

    def source(self, name, database):
        settings = {"type": "mysql", "host": "127.0.0.1", "port": self.server.port, "user": self.server.user,
                    "sslmode": "disable", "tables": [f"{database}.*"]}
        return settings if self.server.password is None else {**settings, "password_env": PASSWORD_VARIABLE}

    def environment(self):
        return {} if self.server.password is None else {PASSWORD_VARIABLE: self.server.password}

    def session(self, leat):
        return self.server.streaming[-1] if self.server.streaming else None

    def end(self):
        return self.server.log.current, self.server.log.position


def variables_of(log):
    both = {"version": log.version, "version_comment": "a fake", "server_id": log.server_id, "log_bin": "ON",
            "binlog_format": "ROW", "binlog_row_image": "FULL", "binlog_row_metadata": "FULL", "hostname": "fake",
            "lower_case_table_names": 0, "binlog_checksum": "CRC32"}
    if log.mariadb:
        return {**both, "gtid_domain_id": log.domain, "gtid_strict_mode": "OFF"}
    return {**both, "server_uuid": log.uuid, "gtid_mode": "ON", "enforce_gtid_consistency": "ON", "gtid_purged": ""}


class _Session:
    """One connection, in a thread of its own."""

    def __init__(self, server, client, number):
        self.server, self.client, self.number = server, client, number
        self.log = server.log
        self.sequence = 0
        self.user_variables = {}
        self.left = None  # bytes until the cut

    def run(self):
        try:
            self._handshake()
            while True:
                self.sequence = 0
                self._command(self._receive())
        except (Gone, OSError):
            pass
        except Exception as e:  # a fault of this fake must not look like one of the server's
            self.server.errors.append(repr(e))
            raise
        finally:
            try:
                self.client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.client.close()

    # --- packets ------------------------------------------------------------------------------

    def _receive(self):
        head = self._exactly(4)
        self.sequence = head[3] + 1
        return self._exactly(int.from_bytes(head[:3], "little"))

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.client.recv(count - len(data))
            if not part:
                raise Gone
            data += part
        return data

    def _send(self, payload):
        """One payload; in pieces of 16 MiB, the last of which is shorter."""
        out, at = [], 0
        while True:
            piece = payload[at:at + PIECE_MAX]
            out.append(len(piece).to_bytes(3, "little") + bytes([self.sequence & 255]) + piece)
            self.sequence += 1
            at += PIECE_MAX
            if len(piece) < PIECE_MAX:
                break
        self._raw(b"".join(out))

    def _raw(self, data):
        if self.left is not None and len(data) > self.left:
            self.client.sendall(data[:self.left])
            raise Gone
        if self.left is not None:
            self.left -= len(data)
        self.client.sendall(data)

    def _ok(self):
        self._send(b"\0\0\0\x02\0\0\0")

    def _eof(self):
        self._send(b"\xfe\0\0\x02\0")

    def _error(self, number, text, state="HY000"):
        self._send(b"\xff" + struct.pack("<H", number) + b"#" + state.encode() + text.encode())

    def _rows(self, names, rows):
        self._send(lenenc(len(names)))
        for name in names:
            self._send(lenenc_text("def") + b"\0\0\0" + lenenc_text(name) * 2 + b"\x0c" +
                       struct.pack("<HIBHB", 45, 1024, 0xfd, 0, 0) + b"\0\0")
        self._eof()
        for row in rows:
            self._send(b"".join(b"\xfb" if v is None else lenenc_text(str(v)) for v in row))
        self._eof()

    # --- handshake ----------------------------------------------------------------------------

    def _handshake(self):
        salt = bytes(b % 94 + 33 for b in os.urandom(20))
        mariadb = self.log.mariadb
        version = "5.5.5-" + self.log.version if mariadb else self.log.version
        plugin, scrambled = ("mysql_native_password", native) if mariadb else ("caching_sha2_password", caching_sha2)
        self._send(b"\x0a" + version.encode() + b"\0" + struct.pack("<I", self.number) + salt[:8] + b"\0" +
                   struct.pack("<HBHH", CAPABILITIES & 0xffff, 45, 2, CAPABILITIES >> 16) + b"\x15" + b"\0" * 10 +
                   salt[8:] + b"\0" + plugin.encode() + b"\0")
        data = self._receive()
        end = data.index(b"\0", 32)  # behind capabilities, lengths, character set and 23 zeros
        user, answer = data[32:end].decode(), data[end + 2:end + 2 + data[end + 1]]
        password = self.server.password
        if user != self.server.user or (password is not None and answer != scrambled(password, salt)):
            self._error(1045, f"Access denied for user '{user}'@'localhost' (using password: {'YES' if answer else 'NO'})",
                        "28000")
            raise Gone
        if answer.strip(b"\0") and not mariadb:  # libmysqlclient says "no password" by a zero byte
            self._send(b"\x01\x03")  # it is in the server's cache
        self._ok()

    # --- commands -----------------------------------------------------------------------------

    def _command(self, data):
        code, rest = data[0], data[1:]
        if code == QUIT:
            raise Gone
        if code in (INIT_DB, PING, REGISTER):
            self._ok()
        elif code == QUESTION:
            self._question(rest.decode("utf-8", "replace"))
        elif code == DUMP:
            position, flags, server_id = struct.unpack_from("<IHI", rest)
            state = self.user_variables.get("slave_connect_state")
            self._dump(Dump(state is not None, rest[10:].decode(), position, server_id, flags, state))
        elif code == DUMP_GTID and not self.log.mariadb:
            self._dump(gtid_request(rest))
        else:
            self._error(1047, "Unknown command", "08S01")

    def _question(self, text):
        self.server.questions.append(text)
        for pattern, answer in self.server.answers:
            if pattern.search(text):
                if isinstance(answer, tuple):
                    return self._error(*answer)
                return self._rows(answer[0], answer[1:])
        if re.match(r"\s*SET\b", text, re.I):
            for name, value in re.findall(r"@(\w+)\s*=\s*('(?:[^']|'')*'|-?\d+)", text):
                self.user_variables[name] = value.strip("'")
            return self._ok()
        names, rows = self._answer(text)
        return self._ok() if names is None else self._rows(names, rows)

    def _answer(self, text):
        """(names, rows) of a question; None: it has no result."""
        upper = text.upper()
        variables = {**self.server.variables, "gtid_binlog_pos" if self.log.mariadb else "gtid_executed": self.log.gtids()}
        if "SHOW GLOBAL VARIABLES" in upper:
            asked = re.findall(r"'(\w+)'", text)
            return ["Variable_name", "Value"], [(n, variables[n]) for n in asked if n in variables]
        if re.search(r"SHOW (MASTER|BINARY LOG|BINLOG) STATUS", upper):
            if "BINARY LOG STATUS" in upper and self.log.mariadb:
                return ["Error"], []
            status = [self.log.current, self.log.position, "", ""]
            names = ["File", "Position", "Binlog_Do_DB", "Binlog_Ignore_DB"]
            if not self.log.mariadb:
                status, names = [*status, self.log.gtids()], [*names, "Executed_Gtid_Set"]
            return names, [status]
        if "SHOW BINARY LOGS" in upper:
            return ["Log_name", "File_size"], [(n, e[-1].end) for n, e in self.log.files.items()]
        asked = re.findall(r"@@(?:global\.|session\.)?(\w+)|(version)\(\)", text, re.I)
        asked = [(name or function).lower() for name, function in asked]
        if upper.lstrip().startswith("SELECT") and asked:
            return [f"@@{n}" for n in asked], [[variables.get(n) for n in asked]]
        if upper.lstrip().startswith(("SELECT", "SHOW")):
            listed = re.match(r"\s*SELECT\s+(.*?)\s+FROM\b", text, re.I | re.S)
            return [n.strip().split(" ")[-1].strip("`") for n in listed[1].split(",")] if listed else ["nothing"], []
        return None, []

    # --- the dump -----------------------------------------------------------------------------

    def _dump(self, request):
        self.server.dumps.append(request)
        self.left = None if request.glance else next(self.server.cuts, None)
        if not request.gtid and request.file not in self.log.files:
            return self._error(1236, "Could not find first log file name in binary log index file")
        self.server.streaming.append(self.number)
        self.after = self.server.after_dump(request)
        try:
            for data in self._stream(request):
                for out in [data] if request.glance else self._changed(data):
                    request.sent += len(out)
                    self._send(b"\0" + out)
            self._after(request)
        finally:
            self.server.streaming.remove(self.number)

    def _changed(self, data):
        if self.server.on_event is None:
            return [data]
        out = self.server.on_event(data)
        if out is None:
            return []
        return out if isinstance(out, list) else [out]

    def _stream(self, request):
        """What a server sends: a fake rotate and the format in front of each file, then its events."""
        names = self.log.names
        file = names[0] if request.gtid else request.file
        index, position = names.index(file), 4 if request.gtid else request.position
        skipping = _Skip(request, self.log)
        while True:
            yield self._fake_rotate(names[index], position)
            events = self.log.files[names[index]]
            if position > 4:
                yield self._edited_format(events[0])
            at = 0
            while True:
                while at < len(events):
                    at += 1
                    this = events[at - 1]
                    if this.data and this.position >= position and not skipping.skips(this):
                        yield this.data
                names = self.log.names
                if index + 1 < len(names):
                    break
                if not self._hold(request, lambda n=at, i=index: n < len(events) or i + 1 < len(self.log.names)):
                    return
            index, position = index + 1, 4

    def _hold(self, request, grown):
        """Waits at the end of the log; True: there is more."""
        if self.after != HOLD or request.flags & NON_BLOCK:
            return False
        with self.server.grown:
            while not grown() and not self.server.ended:
                if not self.server.grown.wait(self.server.heartbeat_seconds) and not grown():
                    self._heartbeat()
        return not self.server.ended

    def _heartbeat(self):
        body = self.log.current.encode()
        self._send(b"\0" + event(HEARTBEAT, body, self.log.position, self.log.server_id, timestamp=0))

    def _fake_rotate(self, name, position):
        body = struct.pack("<Q", position) + name.encode()
        return event(ROTATE, body, 0, self.log.server_id, ARTIFICIAL, timestamp=0)

    def _edited_format(self, real):
        """Of a file that is not read from its beginning: no end position, no creation time."""
        data = bytearray(real.data[:-4])
        assert data[4] == FORMAT
        struct.pack_into("<I", data, 13, 0)
        struct.pack_into("<I", data, 19 + 2 + 50, 0)
        return with_crc(bytes(data))

    def _after(self, request):
        if isinstance(self.after, tuple):
            self._error(*self.after)
        elif self.after == EOF or request.flags & NON_BLOCK:
            self._eof()
        else:
            raise Gone


class _Skip:
    """By GTID: leaves out the transactions that the client has."""

    def __init__(self, request, log):
        self.request, self.log, self.skipping = request, log, False
        state = request.state if isinstance(request.state, str) else ""
        self.last = {int(g.split("-")[0]): int(g.split("-")[2]) for g in state.split(",") if g}

    def skips(self, this):
        if not self.request.gtid:
            return False
        if this.kind == MARIA_GTID:
            number, domain = struct.unpack_from("<QI", this.data, 19)
            self.skipping = number <= self.last.get(domain, 0)
        elif this.kind == GTID:
            uuid, number = struct.unpack_from("<16sq", this.data, 20)
            self.skipping = any(a <= number < b for a, b in self.request.state.get(uuid, []))
        elif this.kind in (FORMAT, ROTATE, 35, 163):
            self.skipping = False
        return self.skipping


def gtid_request(data):
    flags, server_id, name_bytes = struct.unpack_from("<HII", data)
    file = data[10:10 + name_bytes].decode()
    position, set_bytes = struct.unpack_from("<QI", data, 10 + name_bytes)
    encoded = data[22 + name_bytes:22 + name_bytes + set_bytes]
    return Dump(True, file, position, server_id, flags, gtid_set(encoded))


def gtid_set(data):
    """{uuid: [(first, behind the last), …]} of an encoded set without tags."""
    found, at = {}, 8
    for _ in range(struct.unpack_from("<Q", data)[0] if data else 0):
        uuid, count = data[at:at + 16], struct.unpack_from("<Q", data, at + 16)[0]
        found[uuid] = [struct.unpack_from("<qq", data, at + 24 + 16 * i) for i in range(count)]
        at += 24 + 16 * count
    return found


def native(password, salt):
    """What mysql_native_password answers."""
    if not password:
        return b""
    first = hashlib.sha1(password.encode()).digest()
    return xor(first, hashlib.sha1(salt + hashlib.sha1(first).digest()).digest())


def caching_sha2(password, salt):
    """What caching_sha2_password answers where the server knows the password already."""
    if not password:
        return b""
    first = hashlib.sha256(password.encode()).digest()
    return xor(first, hashlib.sha256(hashlib.sha256(first).digest() + salt).digest())


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))
