"""What a demo plays on when events come over HTTP: clients that bring them, retry, and know what they were told.

The same calls as of a stage with a database (stages.py); there is no server, because leat is it.
"""
import json
import socket
import subprocess

from . import places
from .hookload import Load
from .leatd import binary

AGAIN = 100  # old requests that are sent once more at the end


class HookStage:
    name = "orders"
    kind = "HTTP clients"
    log = "the port for events"
    age = "request to durable"
    about = ("six clients that bring single events and batches, with idempotency keys and an API key, and retry",
             "whatever is not answered; now and then one goes away before the answer and sends the same again")
    examples = (("a request with one event", lambda e: e["ordinal"] == 0),
                ("an event of a batch", lambda e: e["ordinal"] == 3))
    title, first = "Clients that bring events over HTTP", "1,000 events"
    server = None

    def __init__(self, directory):
        self.directory, self.port = directory, places.free_port()
        self.stream = directory / f"{self.name}.jsonl"
        self.load = self.key = None
        self.tap = self

    # --- the stage ------------------------------------------------------------------------------

    def open(self):
        return self

    def version(self):
        return f"on port {self.port}"

    def create_tables(self):
        pass

    def blanks(self):
        return {"INGEST_PORT": self.port}

    def new_load(self, seed, **how):
        config = ["-c", str(self.directory / "leat.yaml")]
        if self.key is None:
            self.key = subprocess.run([str(binary()), "keys", "create", *config], check=True, capture_output=True,
                                      text=True).stdout.strip()
        return Load(self, seed, [(self.name, {"Authorization": self.key})], **how)

    def first_rows(self):
        self.early = self.new_load("first", clients=1, first=100)
        client = self.early.clients[0]
        while sum(len(r.bodies) for r in client.requests) < 1000:
            client.requests.append(client.make())
            client.bring(client.requests[-1])
        client.disconnect()

    def begin_load(self, seed, seconds):
        self.load = self.new_load(seed, clients=6).start()

    def end_load(self):
        self.load.finish()
        return {}

    def behind(self, leat):
        return 0  # what is answered is stored

    def client(self):
        return (f"curl -d '{{\"hello\":1}}' -H 'Content-Type: application/json' -H 'Authorization: {self.key}' "
                f"127.0.0.1:{self.port}/event/{self.name}/shop/order.0/order.created.0")

    def close(self):
        if self.load is not None:
            self.load.ending.set()

    # --- the tap: all that waits is answered by waiting for it -------------------------------------

    def session(self, leat):
        with socket.socket() as s:
            return True if s.connect_ex(("127.0.0.1", self.port)) == 0 else None

    def end(self):
        return None

    def reached(self, leat, target):
        return True

    def describe(self, leat, target):
        return f"port {self.port}"

    # --- the proof ------------------------------------------------------------------------------

    def report(self, dense):
        """Of all that was sent, first rows and load; and old requests are sent once more."""
        wrong = self.load.again(AGAIN)
        self.load.clients += self.early.clients
        figures, more = self.load.check(list(self.posts()))
        wrong += more
        return {"ok": not wrong, "failed": {"webhooks": wrong[:10]}, "aborted": 0, "reordered": 0, **figures}

    def posts(self):
        with open(self.stream) as lines:
            yield from (event for event in map(json.loads, lines) if event["op"] == "post")

    def ages_ms(self, events, since_us):
        found = [(e["ingested_at_us"] - e["event_time_us"]) / 1000 for e in events
                 if e["op"] == "post" and e["event_time_us"] > since_us]
        return sorted(found) or [0]

    def rows(self, result, age):
        """Of the figures."""
        return [
            ("requests", f"{result['requests']:,}, of which {result['retried']:,} were sent more than once"),
            ("events in the stream", f"{result['events']:,}, of which {result['answered']:,} were answered 2xx"),
            ("answered as known before", f"{result['duplicates']:,}; and {AGAIN} old ones at the end, with their old ids"),
            ("lost or altered", result["lost"]), ("repeated", result["repeated"]), ("requests in part", result["torn"]),
            (f"lag, {self.age}", f"median {age[len(age) // 2]:.1f} ms, p99 {age[len(age) * 99 // 100]:.1f} ms"),
        ]
