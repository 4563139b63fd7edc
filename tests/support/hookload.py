"""Clients that bring events over HTTP as good clients do, with a journal of what they were told; and whether it is true.

        Load(hooks, seed) ─ start ─▶ … the daemon is hurt … ─▶ finish: all that was begun is answered ─▶ check(events)

A request has one event or several, each with bytes that nobody else sends. Most have an idempotency key and are sent until
they are answered 2xx; some are sent once, without one. Now and then a client goes away before it has read the answer and
sends the same again: the answer that is lost.
"""
import http.client
import json
import random
import threading
import time

FORSAKEN = 0.05  # of the requests with a key: sent once more, because nobody waited for the first answer
ONCE = 0.15      # of all requests: without a key
BATCH = 0.3
SECONDS = 10     # for an answer


class Request:
    """What is sent, and what came of it."""

    def __init__(self, path, bodies, batch, key, headers):
        self.path, self.bodies, self.key = path, bodies, key
        self.body = b"[" + b" ,".join(bodies) + b"]" if batch else bodies[0]
        self.headers = {"Content-Type": "application/json", **headers}
        if key:
            self.headers["Idempotency-Key"] = key
        self.ids = None  # when it was answered 2xx
        self.tries = self.duplicate = 0


class Client(threading.Thread):
    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.number = load, number
        self.random = random.Random(f"{load.seed}/{number}")
        self.connection, self.requests, self.wrong = None, [], []

    def run(self):
        while not self.load.ending.is_set():
            request = self.make()
            self.requests.append(request)
            self.bring(request)

    def make(self):
        n = len(self.requests)
        batch = self.random.random() < BATCH
        bodies = [self.event(n, i) for i in range(self.random.randint(1, 20) if batch else 1)]
        key = None if self.random.random() < ONCE else f"{self.number}-{n}"
        source, headers = self.random.choice(self.load.sources)
        return Request(f"/event{'s' * batch}/{source}/shop/order.0/created.{self.number}", bodies, batch, key, headers)

    def event(self, n, i):
        """With blanks and escapes that a parser would not give back."""
        pad = "".join(self.random.choices("abc \\u00e6é😀", k=int(3 ** self.random.uniform(0, 7))))
        return ('{ "client":%d,"n" : %d,"i":%d.0, "pad":"%s"}' % (self.number, n, i, pad.replace("\\", "/"))).encode()

    def bring(self, request):
        while request.ids is None:
            forsaken = request.key and self.random.random() < FORSAKEN
            request.tries += 1
            try:
                self.once(request, forsaken)
            except (OSError, http.client.HTTPException, ValueError):
                self.disconnect()
                if not request.key:
                    return
                time.sleep(0.01)  # as every client that is refused

    def once(self, request, forsaken):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.load.port, timeout=SECONDS)
        self.connection.request("POST", request.path, request.body, request.headers)
        if forsaken:
            self.disconnect()
            return
        answer = self.connection.getresponse()
        body = json.loads(answer.read())
        if answer.status == 200:
            request.ids = body["eventIds"] if "eventIds" in body else [body["eventId"]]
            request.duplicate = body.get("duplicate", False)
        elif answer.status < 500:
            self.wrong.append(f"{answer.status} {body.get('detail')}: {request.path}")
            request.ids = []
        elif not request.key:
            raise OSError(body.get("detail"))

    def disconnect(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


class Load:
    def __init__(self, hooks, seed, sources, clients=4, first=0):
        """`sources`: (tenant, headers) of each. `first`: number of the first client, another for each load of a stream."""
        self.hooks, self.port, self.seed, self.sources = hooks, hooks.port, seed, sources
        self.ending = threading.Event()
        self.clients = [Client(self, number) for number in range(first, first + clients)]

    def start(self):
        for client in self.clients:
            client.start()
        return self

    def answered(self):
        return sum(len(client.requests) for client in self.clients)

    def finish(self, seconds=60):
        """The daemon must be there: what has a key is brought to its end."""
        self.ending.set()
        for client in self.clients:
            client.join(seconds)
            if client.is_alive():
                client.wrong.append("a request was not answered in the end")

    def requests(self):
        return [request for client in self.clients for request in client.requests]

    def again(self, count):
        """Old requests once more: what is answered otherwise than then. Returns a list of complaints."""
        keyed = [r for r in self.requests() if r.key and r.ids]
        chance, wrong, client = random.Random(f"{self.seed}/again"), [], Client(self, -1)
        for old in chance.sample(keyed, min(count, len(keyed))):
            new = Request(old.path, old.bodies, False, old.key, old.headers)
            new.body = old.body
            client.bring(new)
            if new.ids != old.ids or not new.duplicate:
                wrong.append(f"{old.key}: {old.ids} then, {new.ids} now")
        client.disconnect()
        return wrong

    # --- the verdict --------------------------------------------------------------------------

    def check(self, events):
        """(figures, complaints): the stream against the journals."""
        stored, by_id = {}, {}
        for event in events:
            body = event["text"].encode()
            stored[body] = stored.get(body, 0) + 1
            by_id.setdefault(event["id"], []).append(body)
        wrong = [complaint for client in self.clients for complaint in client.wrong]
        requests = self.requests()
        lost = [r for r in requests if r.ids and [by_id.get(i) for i in r.ids] != [[b] for b in r.bodies]]
        repeated = [b for b, count in stored.items() if count > 1] + [i for i, bodies in by_id.items() if len(bodies) > 1]
        known = {b for r in requests for b in r.bodies}
        torn = [r for r in requests if len({b in stored for b in r.bodies}) > 1]
        for name, found in (("lost or altered", [r.ids for r in lost]), ("repeated", repeated),
                            ("torn", [r.key for r in torn]), ("never sent", [b for b in stored if b not in known])):
            wrong += [f"{name}: {str(f)[:200]}" for f in found[:5]]
        figures = {"requests": len(requests), "events": len(events), "answered": sum(len(r.ids or []) for r in requests),
                   "retried": sum(r.tries > 1 for r in requests), "duplicates": sum(bool(r.duplicate) for r in requests),
                   "lost": len(lost), "repeated": len(repeated), "torn": len(torn)}
        return figures, wrong
