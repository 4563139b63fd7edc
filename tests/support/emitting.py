"""A leat whose one source takes events over HTTP and whose emitters bring them somewhere.

        post(n) ──▶ source `open` ──▶ store ──▶ emitters ──▶ files, tables     numbers(): what must be at the far end

Every event has a number, {"n": 1}, {"n": 2} …, in the order in which it was answered, so the far end can be compared with
what was posted without asking leat.
"""
import gzip
import json
import os
import signal
import subprocess
import urllib.request

from . import leatd, places
from .hooks import Hooks

EVENTS = "/events/open/shop/order.0/order.created.0"


class Emitting(Hooks):
    def __init__(self, directory, emitters, variant="release", store=None):
        super().__init__(directory, sources={"open": {"type": "webhook", "authentication": "none",
                                                      "events_per_request": 10000, "request_size": "32MiB"}},
                         store=store)
        self.program = leatd.binary(variant)
        self.count = 0
        self.settings["emitters"] = emitters
        self.write_config()

    def write_config(self):
        self.config_file.write_text(leatd.yaml(self.settings))

    # --- life ---------------------------------------------------------------------------------

    def start(self, failpoint=None):
        self.spawn(failpoint)
        places.wait_until(self.listening, 20, f"port {self.port}")
        return self

    def spawn(self, failpoint=None):
        environment = {**os.environ}
        environment.pop("LEAT_FAILPOINT", None)
        if failpoint:
            environment["LEAT_FAILPOINT"] = failpoint
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([str(self.program), "run", "-c", str(self.config_file)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        return self

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def command(self, *arguments, seconds=60):
        return subprocess.run([str(self.program), *arguments, "-c", str(self.config_file)], capture_output=True,
                              text=True, timeout=seconds)

    def end(self):
        if self.alive:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)

    # --- events -------------------------------------------------------------------------------

    def send(self, count, **more):
        """So many events in one request, durable when this returns."""
        body = [{"n": self.count + i + 1, **more} for i in range(count)]
        status, answer, _ = self.post(EVENTS, body)
        assert status == 200, answer
        self.count += count

    # --- progress -----------------------------------------------------------------------------

    def emitter(self, name):
        """What the running daemon says of it."""
        done = self.command("status", "--json")
        assert done.returncode == 0, done.stderr
        return next(e for e in json.loads(done.stdout)["emitters"] if e["name"] == name)

    def state(self, name):
        """What the store says of it."""
        done = self.command("emitters", "list", "--json")
        assert done.returncode == 0, done.stderr
        return next(e for e in json.loads(done.stdout) if e["name"] == name)

    def wait_emitted(self, name, seconds=30):
        def there():
            state = self.state(name)
            return state["behind"] == 0 and state["cursor"] >= self.count
        places.wait_until(there, seconds, f"emitter {name} done; log:\n{self.log()[-2500:]}")

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/metrics", timeout=5) as answer:
            return answer.read().decode()

    def wait_emitter(self, name, state, seconds=20):
        places.wait_until(lambda: self.emitter(name)["state"] == state, seconds,
                          f"{name} {state}; log:\n{self.log()[-2000:]}")


def lines_of(directory, name):
    """Every line of an emitter's files, in the order of their names."""
    found = []
    for path in sorted(directory.glob(f"{name}-*.jsonl*")):
        opened = gzip.open(path, "rt") if ".gz" in path.name else open(path)
        with opened as lines:
            found += [json.loads(line) for line in lines]
    return found


def numbers_of(directory, name):
    return [json.loads(e["text"])["n"] for e in lines_of(directory, name) if e["op"] == "post"]
