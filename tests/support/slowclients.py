"""Slow clients of a port for events: python3 -m tests.support.slowclients PORT COUNT [KEY]

A third sends a head byte by byte, a third a body that it announced as long, and a third asks for the stream and takes
nothing of it. Whoever is cut comes again, so that there are always COUNT. Ends with its standard input.
"""
import select
import socket
import sys
import time

EVERY = 0.5  # seconds between two bytes of one
POST = b"POST /event/open/shop/order.0/slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = POST + b"Content-Length: 60000\r\n\r\n\""


def reader(key):
    return b"GET /v1/events?limit=1000 HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n" % key.encode()


class Slow:
    def __init__(self, port, kind, key):
        self.port, self.kind, self.key = port, kind, key
        self.connect()

    def connect(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", self.port))
        self.socket.setblocking(False)
        self.sent = 0
        if self.kind != "head":
            self.socket.send(BODY if self.kind == "body" else reader(self.key) * 3)

    def step(self):
        """A byte more; again from the beginning after an end."""
        try:
            if self.kind != "reader":
                self.socket.send((POST + b"X: " + b"x" * 9000)[self.sent:self.sent + 1] if self.kind == "head" else b"x")
                self.sent += 1
                if select.select([self.socket], [], [], 0)[0] and not self.socket.recv(4096):
                    raise ConnectionError
        except BlockingIOError:
            return
        except OSError:
            self.socket.close()
            self.connect()


def main():
    port, count, key = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    slow = [Slow(port, ("head", "body", "reader")[n % 3], key) for n in range(count)]
    print("there", flush=True)
    while True:
        begun = time.monotonic()
        for one in slow:
            one.step()
        if select.select([sys.stdin], [], [], max(0, begun + EVERY - time.monotonic()))[0]:
            return


if __name__ == "__main__":
    main()
