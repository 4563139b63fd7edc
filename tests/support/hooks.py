"""A leat whose sources are webhooks: no database, two ports, raw requests where `requests` would be too polite."""
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from . import leatd, places


class Hooks:
    """A daemon with the sources `hooks` (needs a key) and `open` (takes from everybody), or those given."""

    def __init__(self, directory, sources=None, ingest=None, store=None, variant="release"):
        self.program = leatd.binary(variant)
        self.directory = directory
        self.store_dir = directory / "store"
        self.config_file = directory / "leat.yaml"
        self.log_file = directory / "leat.log"
        self.http_port, self.port = places.free_port(), places.free_port()
        self.process = None
        self.settings = {
            "store": {"path": str(self.store_dir), **(store or {})},
            "http": {"listen": f"127.0.0.1:{self.http_port}"},
            "ingest": {"listen": f"127.0.0.1:{self.port}", **(ingest or {})},
            "sources": sources or {"hooks": {"type": "webhook", "tenant": "acme"},
                                   "open": {"type": "webhook", "authentication": "none"}}}
        self.config_file.write_text(leatd.yaml(self.settings))

    # --- life ---------------------------------------------------------------------------------

    def spawn(self, failpoint=None):
        """Without waiting for the port."""
        environment = {**os.environ}
        environment.pop("LEAT_FAILPOINT", None)
        if failpoint:
            environment["LEAT_FAILPOINT"] = failpoint
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([str(self.program), "run", "-c", str(self.config_file)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        return self

    def start(self, failpoint=None):
        self.spawn(failpoint)
        places.wait_until(self.listening, 20, f"port {self.port}")
        return self

    def listening(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"leat ended with {self.process.returncode}:\n{self.log()[-2000:]}")
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20) if self.process else None

    def kill9(self):
        self.process.kill()
        self.process.wait(10)

    def log(self):
        return self.log_file.read_text(errors="replace")

    # --- commands -----------------------------------------------------------------------------

    def command(self, *arguments, seconds=60):
        return subprocess.run([str(self.program), *arguments, "-c", str(self.config_file)], capture_output=True,
                              text=True, timeout=seconds)

    def key(self, *arguments):
        done = self.command("keys", "create", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def tail(self, *arguments):
        done = self.command("tail", *arguments, seconds=120)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    # --- requests -----------------------------------------------------------------------------

    def post(self, path, body=b"{}", key=None, type="application/json", method="POST", seconds=30, **headers):
        """(status, parsed answer, headers); header names with _ for -."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if type:
            fields["Content-Type"] = type
        if key:
            fields["Authorization"] = key
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, fields, method=method)
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return answer.status, json.loads(answer.read() or b"null"), answer.headers
        except urllib.error.HTTPError as e:
            return e.code, json.loads(e.read() or b"null"), e.headers

    def raw(self, request, seconds=5):
        """What comes back for these bytes until the connection closes or falls silent."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as s:
            s.sendall(request)
            until = time.monotonic() + seconds
            try:
                while time.monotonic() < until and (piece := s.recv(65536)):
                    answer += piece
                    if b"\r\n\r\n" in answer and b"Connection: close" not in answer:
                        break
            except (socket.timeout, ConnectionResetError):
                pass
        return answer
