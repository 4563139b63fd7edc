"""A cable between leat and a server of any protocol: it may go dark, be cut, or turn bits on the way.

        leat ──▶ Cable ──▶ server        each way: bytes ─▶ (dark: nothing) ─▶ hook ─▶ counted ─▶ bytes

Unlike `proxy`, it knows no messages: a hook gets the bytes that the server sent as they came, in pieces of any size, and
returns what the client gets. A dark cable keeps its connections open and carries nothing, not even their end.
"""
import socket
import threading

PIECE_BYTES = 1 << 16


class Cable:
    """Listens on a port of its own for one server. A context manager."""

    def __init__(self, port, on_server=None, address="127.0.0.1"):
        self.to = ("127.0.0.1", port)
        self.on_server = on_server or (lambda data: data)
        self.received = 0  # bytes that the clients got
        self.dark = []     # connections that carry nothing
        self.ends = []     # (client, server) of all connections
        self.swallowing = False
        self.listener = socket.create_server((address, 0))
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
        self.cut()

    def swallow(self):
        """From now on nothing arrives, on old connections and on new ones."""
        self.swallowing = True
        self.dark += self.ends

    def mend(self):
        """New connections work; those that went dark never learn."""
        self.swallowing = False

    def cut(self):
        """Ends all connections for both sides."""
        for pair in list(self.ends):
            self._end(pair)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.to)
            except OSError:
                client.close()  # the server is down
                continue
            pair = (client, server)
            self.ends.append(pair)
            if self.swallowing:
                self.dark.append(pair)
            for job in (self._to_server, self._to_client):
                threading.Thread(target=job, args=(pair,), daemon=True).start()

    def _to_server(self, pair):
        self._carry(pair, pair[0], pair[1], lambda data: data)

    def _to_client(self, pair):
        def counted(data):
            data = self.on_server(data)
            self.received += len(data)
            return data
        self._carry(pair, pair[1], pair[0], counted)

    def _carry(self, pair, source, target, hook):
        try:
            while data := source.recv(PIECE_BYTES):
                if pair not in self.dark:
                    target.sendall(hook(data))
        except OSError:
            pass
        if pair not in self.dark:
            self._end(pair)

    def _end(self, pair):
        for end in pair:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
