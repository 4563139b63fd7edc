"""A man in the middle of PostgreSQL connections: sees every message, and may lose, change or crumble it.

        leat ──▶ Proxy ──▶ server        each way: bytes ─▶ messages ─▶ seen ─▶ hook ─▶ pieces ─▶ bytes

Each way of each connection has a thread. A hook gets whole messages (type, length, body; before authentication the
client's have no type) and returns what is sent instead: the same, another, several at once, or b"" for nothing.
`swallow` is a cut cable: sockets stay open and nothing arrives, also not that the other end has gone.

What the test wants to know is kept per connection: the commands, every status update, and the highest LSN that the
client had been given when the update came. Nothing here knows leat; TLS is refused, so that all can be read.
"""
import socket
import struct
import threading

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102


class Cut(Exception):
    """Raised by a hook: both ends of this connection are closed now."""

    def __init__(self, last=b""):
        super().__init__()
        self.last = last  # is sent before


def message(kind, body):
    """A protocol message; the length counts itself and the body."""
    return kind + struct.pack("!I", len(body) + 4) + body


def keepalive(lsn, ask=True):
    return message(b"d", b"k" + struct.pack("!QQB", lsn, 0, ask))


def wal(data):
    """The payload of an XLogData message (what pgoutput wrote), or None for any other message."""
    return data[30:] if data[:1] == b"d" and data[5:6] == b"w" else None


def with_payload(data, payload):
    """The same XLogData message with another payload."""
    return message(b"d", data[5:30] + payload)


class Status:
    """A standby status update, and what the client knew when it was sent."""

    def __init__(self, body, given):
        self.bytes = body
        self.write, self.flush, self.apply = struct.unpack_from("!QQQ", body, 1)
        self.given = given

    def __repr__(self):
        return f"<flush {self.flush:X} write {self.write:X} given {self.given:X}>"


class Connection:
    def __init__(self, proxy, client, server):
        self.proxy = proxy
        self.client, self.server = client, server
        self.startup = b""
        self.commands = []
        self.statuses = []
        self.given = 0          # highest LSN that went to the client
        self.commit_lsn = 0     # of the last BEGIN that came from the server
        self.swallowed = False
        self.lock = threading.Lock()

    @property
    def replication(self):
        return b"\0replication\0" in self.startup

    @property
    def streaming(self):
        return any(c.startswith("START_REPLICATION") for c in self.commands)

    def start(self):
        for job in (self._from_client, self._from_server):
            threading.Thread(target=self._guarded, args=(job,), daemon=True).start()

    def close(self):
        for end in (self.client, self.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def _guarded(self, job):
        try:
            job()
        except OSError:
            pass
        if not self.swallowed:
            self.close()

    # --- client to server ---------------------------------------------------------------------

    def _from_client(self):
        if not self._startup():
            return
        for data in frames(self.client):
            if self.swallowed:
                continue
            self._see_client(data)
            self.server.sendall(self.proxy.on_client(self, data))

    def _startup(self):
        """Messages without a type, up to the one that begins the session."""
        while True:
            head = exactly(self.client, 4)
            if not head:
                return False
            body = exactly(self.client, struct.unpack("!I", head)[0] - 4)
            code = struct.unpack_from("!I", body)[0]
            if code in (SSL_REQUEST, GSS_REQUEST):
                self.client.sendall(b"N")
                continue
            self.startup = body
            if not self.swallowed:
                self.server.sendall(head + body)
            return code != CANCEL_REQUEST

    def _see_client(self, data):
        if data[:1] == b"Q":
            self.commands.append(data[5:-1].decode(errors="replace"))
        elif data[:1] == b"d" and data[5:6] == b"r":
            with self.lock:
                self.statuses.append(Status(data[5:], self.given))

    # --- server to client ---------------------------------------------------------------------

    def _from_server(self):
        for data in frames(self.server):
            if self.swallowed:
                continue
            try:
                out = self.proxy.on_server(self, data)
            except Cut as cut:
                self._deliver(cut.last)
                return
            self._deliver(out)

    def _deliver(self, out):
        """Notes what the client is about to learn, then sends it whole or in pieces."""
        with self.lock:
            for data in split(out):
                self._see_server(data)
        size = self.proxy.piece or max(len(out), 1)
        for at in range(0, len(out), size):
            self.client.sendall(out[at:at + size])
            self.proxy.pieces += 1

    def _see_server(self, data):
        if data[:1] != b"d" or len(data) < 22 or data[5:6] not in (b"w", b"k"):
            return
        self.given = max(self.given, struct.unpack_from("!Q", data, 6)[0])
        payload = wal(data)
        if payload and payload[:1] == b"B" and len(payload) == 21:
            self.commit_lsn = struct.unpack_from("!Q", payload, 1)[0]


class Proxy:
    """Listens on a port of its own for one server. A context manager."""

    def __init__(self, port, on_server=None, on_client=None, piece=None):
        self.to = ("127.0.0.1", port)
        self.on_server = on_server or unchanged
        self.on_client = on_client or unchanged
        self.piece = piece  # bytes per send to the client, None for whole messages
        self.pieces = 0
        self.connections = []
        self.dark = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for connection in self.connections:
            connection.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.to)
            except OSError:
                if self.listener.fileno() < 0:
                    return
                client.close()  # the server is down
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, client, server)
            connection.swallowed = self.dark
            self.connections.append(connection)
            connection.start()

    def swallow(self):
        """From now on nothing arrives, on old connections and on new ones."""
        self.dark = True
        for connection in list(self.connections):
            connection.swallowed = True

    def mend(self):
        """New connections work; those that were cut never learn."""
        self.dark = False

    def streams(self):
        """The connections on which replication was started, oldest first."""
        return [c for c in list(self.connections) if c.streaming]


def unchanged(_, data):
    return data


def exactly(end, count):
    """So many bytes, or b"" if the connection ends before."""
    parts = []
    while count:
        part = end.recv(min(count, 1 << 20))
        if not part:
            return b""
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def frames(end):
    """Whole messages as they come."""
    while True:
        head = exactly(end, 5)
        if not head:
            return
        body_bytes = struct.unpack("!I", head[1:])[0] - 4
        body = exactly(end, body_bytes)
        if len(body) != body_bytes:
            return
        yield head + body


def split(data):
    """The messages in some bytes; a torn or nonsensical rest is left out."""
    while len(data) >= 5:
        size = struct.unpack_from("!I", data, 1)[0] + 1
        if size < 5 or size > len(data):
            return
        yield data[:size]
        data = data[size:]
