"""The stream read over HTTP: every event once and in order, whatever is filtered, however it is waited for, across
restarts and kill -9; what is asked wrongly is refused; many who wait, or do not read, disturb nobody."""
import http.client
import json
import random
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest

from tests.support.hooks import Hooks
from tests.support.leatd import yaml
from tests.support.places import wait_until

EVENT = "/event/open/shop/order.0/order.created.0"
EVENTS = "/events/open/shop/order.0/order.created.0"
OTHER = "/event/acme/shop/user.0/user.seen.0"


class Reader:
    """A client that keeps its cursor."""

    def __init__(self, hooks, key, **query):
        self.hooks, self.key, self.query, self.cursor = hooks, key, query, None

    def get(self, **more):
        """(status, events, headers); the cursor moves when it is a page."""
        query = {**self.query, **({"after": self.cursor} if self.cursor else {}), **more}
        text = "&".join(f"{k.rstrip('_')}={v}" for k, v in query.items())
        request = urllib.request.Request(f"http://127.0.0.1:{self.hooks.port}/v1/events?{text}",
                                         headers={"Authorization": self.key} if self.key else {})
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                body = answer.read()
                self.cursor = answer.headers["Leat-Cursor"]
                return 200, [json.loads(line) for line in body.splitlines()], answer.headers
        except urllib.error.HTTPError as e:
            return e.code, json.loads(e.read()), e.headers

    def all(self):
        events = []
        while True:
            status, page, headers = self.get()
            assert status == 200, page
            events += page
            if headers["Leat-More"] == "false":
                return events


class EventStream:
    """Server-sent events: what a browser does, by hand."""

    def __init__(self, hooks, key, last=None, query=""):
        self.connection = http.client.HTTPConnection("127.0.0.1", hooks.port, timeout=30)
        self.connection.request("GET", "/v1/events?" + query, headers={
            "Authorization": key, "Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})})
        self.answer = self.connection.getresponse()
        self.last = last

    def next(self):
        """The next event; None at the end."""
        data = None
        while line := self.answer.readline():
            line = line.decode().rstrip("\n")
            if line.startswith("id: "):
                self.last = line[4:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
            elif not line and data is not None:
                return data
        return None

    def close(self):
        self.connection.close()


@pytest.fixture(scope="module")
def shared(built, tmp_path_factory):
    """A store that does not change any more: 3,000 of one source, 100 of another."""
    hooks = Hooks(tmp_path_factory.mktemp("feed")).start()
    hooks.reading = hooks.key("--rights", "read")
    writing = hooks.key("--rights", "write")
    for k in range(30):
        assert hooks.post(EVENTS, [{"n": 100 * k + i} for i in range(100)])[0] == 200
        for i in range(3 if k else 13):
            assert hooks.post(OTHER, {"u": i}, key=writing)[0] == 200
    yield hooks
    assert hooks.stop() == 0


@pytest.fixture
def own(built, tmp_path):
    hooks = Hooks(tmp_path)
    yield hooks
    if hooks.process and hooks.process.poll() is None:
        hooks.kill9()


def numbers(events):
    return [json.loads(e["text"])["n"] for e in events]


# --- pages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1000, 7, 10000])
def test_pages__give_what_tail_shows(shared, limit):
    assert Reader(shared, shared.reading, limit=limit).all() == shared.tail()


def test_pages__filters(shared):
    every = shared.tail()
    posts = [e for e in every if e["op"] == "post"]

    def ask(**query):
        return Reader(shared, shared.reading, limit=10000, **query).all()
    assert ask(source="open") == [e for e in every if e["source"] == "open"]
    assert ask(source="nobody") == []
    assert ask(tenant="acme") == [e for e in posts if e["tx"]["attrs"]["tenant"] == "acme"]
    assert ask(type_="post") == posts
    assert ask(type_="user.*,nothing") == [e for e in posts if e["topic"] == "user.seen.0"]
    assert ask(type_="create") == [] and ask(table="*") == []
    assert len(ask(type_="order*0")) == 3000
    assert ask(source="open", type_="user.*") == []


def test_pages__by_the_time_of_storing(own):
    own.start()
    key = own.key("--rights", "read")
    own.post(EVENT, {"n": 1})
    time.sleep(0.05)
    middle = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{int(time.time() % 1 * 1e6):06d}Z"
    time.sleep(0.05)
    own.post(EVENT, {"n": 2})
    assert numbers(Reader(own, key, from_=middle).all()) == [2]
    assert numbers(Reader(own, key, to=middle).all()) == [1]
    assert numbers(Reader(own, key, from_="1h").all()) == [1, 2]
    assert numbers(Reader(own, key, to="1h").all()) == []
    begun = time.monotonic()
    assert Reader(own, key, after="end", to=middle, wait="20s").get()[1] == [] and time.monotonic() - begun < 5


def test_pages__in_debezium_form(shared):
    page = Reader(shared, shared.reading, format="debezium", limit=5).get()[1]
    assert len(page) == 5 and all("source" in e or "payload" in e for e in page)


def test_cursor__is_good_after_a_restart_and_a_kill(own):
    own.start()
    key = own.key("--rights", "read")
    own.post(EVENTS, [{"n": i} for i in range(10)])
    reader = Reader(own, key, limit=4)
    assert numbers(reader.get()[1]) == [0, 1, 2, 3]
    assert own.stop() == 0
    own.start()
    assert numbers(reader.get()[1]) == [4, 5, 6, 7]
    own.kill9()
    own.start()
    assert numbers(reader.get()[1]) == [8, 9]
    assert reader.get()[1] == []


def test_cursor__of_another_store_or_of_the_future_is_refused(shared, own):
    own.start()
    key = own.key("--rights", "read")
    foreign = Reader(shared, shared.reading, limit=1)
    foreign.get()
    reader = Reader(own, key)
    reader.cursor = foreign.cursor
    assert reader.get()[0] == 409
    reader.cursor = None
    own.post(EVENT, {"n": 1})
    reader.get()
    assert own.stop() == 0
    import base64
    raw = bytearray(base64.urlsafe_b64decode(reader.cursor[1:]))
    raw[-1] += 1
    reader.cursor = "A" + base64.urlsafe_b64encode(raw).decode()
    own.start()
    assert reader.get()[0] == 409


@pytest.mark.parametrize("query", [
    "afer=1", "after=x", "after=", "limit=0", "limit=10001", "limit=1x", "wait=1h", "wait=61s", "wait=5", "format=xml",
    "from=yesterday", "type=a&type=b", "source=%zz", "source=%00", "source", "type=" + "x" * 256])
def test_query__that_is_wrong_is_400(shared, query):
    request = urllib.request.Request(f"http://127.0.0.1:{shared.port}/v1/events?{query}",
                                     headers={"Authorization": shared.reading})
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(request, timeout=10)
    assert e.value.code == 400 and e.value.headers["Content-Type"] == "application/problem+json"


def test_keys(shared):
    writing = shared.key("--rights", "write")
    one = shared.key("--rights", "read", "--source", "open")
    acme = shared.key("--rights", "read", "--tenant", "acme")
    assert Reader(shared, None).get()[0] == 401
    assert Reader(shared, "fc_no_such").get()[0] == 401
    assert Reader(shared, writing).get()[0] == 403
    assert Reader(shared, one).get()[0] == 403 and Reader(shared, one, source="hooks").get()[0] == 403
    assert Reader(shared, one, source="open").get()[0] == 200
    assert Reader(shared, acme).get()[0] == 403 and Reader(shared, acme, tenant="open").get()[0] == 403
    assert Reader(shared, acme, tenant="acme").get()[0] == 200
    assert Reader(shared, None).get(key=shared.reading)[0] == 200
    assert shared.post("/v1/events", {}, key=shared.reading)[0] == 405


# --- what cannot be given ---------------------------------------------------------------------------------------


def test_cursor__behind_which_events_are_gone_is_410(own):
    """Nothing removes segments yet: here it is done by hand, while nobody looks."""
    own.settings["store"].update(segment_size="1MiB")
    own.config_file.write_text(yaml(own.settings))
    own.start()
    key = own.key("--rights", "read")
    reader = Reader(own, key, limit=1)
    own.post(EVENT, {"n": 0})
    assert numbers(reader.get()[1]) == [0]
    named = Reader(own, key, reader="late")
    assert own.post("/v1/readers/late/commit", {"cursor": reader.cursor}, key=key)[0] == 200
    noise = random.Random(7)
    for n in range(1, 40):
        assert own.post(EVENT, {"n": n, "x": "%x" % noise.getrandbits(400_000)})[0] == 200
    assert own.stop() == 0
    segments = sorted(own.store_dir.glob("seg-*.mdb"))
    assert len(segments) >= 3
    for path in own.store_dir.glob(segments[0].name + "*"):
        path.unlink()
    own.start()
    status, problem, headers = reader.get()
    assert status == 410 and problem["code"] == "GONE" and "Leat-Cursor" not in headers
    assert named.get()[0] == 410
    assert EventStream(own, key, reader.cursor).answer.status == 410
    left = numbers(Reader(own, key).all())
    assert left == list(range(left[0], 40)) and left[0] > 1
    assert numbers(Reader(own, key).all()) == left


def test_event__that_is_too_large_is_named_and_can_be_passed_over(built, tmp_path):
    """56 MiB of bytes are a text of 75 MiB: above what a page may hold."""
    hooks = Hooks(tmp_path, {"in": {"type": "webhook", "authentication": "none", "event_type": "text:e", "accept": "any",
                                    "request_size": "64MiB", "event_size": "64MiB"}}, {"memory": "256MiB"}).start()
    key = hooks.key("--rights", "read")
    for body, kind in ((b'{"n":0}', "application/json"), (b"\xff" * (56 << 20), "application/octet-stream"),
                       (b"\xff" * (40 << 20), "application/octet-stream"), (b'{"n":3}', "application/json")):
        assert hooks.post("/in/in", body, type=kind, seconds=60)[0] == 200
    reader = Reader(hooks, key)
    status, page, headers = reader.get()
    assert status == 200 and numbers(page) == [0] and headers["Leat-More"] == "true"
    status, problem, headers = reader.get()
    assert status == 500 and headers["Leat-Cursor"]
    reader.cursor = headers["Leat-Cursor"]
    assert reader.get()[0] == 200  # 40 MiB of bytes go alone
    assert numbers(reader.get()[1]) == [3]
    source = EventStream(hooks, key)
    assert json.loads(source.next()["text"]) == {"n": 0}
    rest = source.answer.read().decode()
    assert "event: error" in rest and "larger than this port gives out" in rest
    assert hooks.stop() == 0


# --- waiting ----------------------------------------------------------------------------------------------------


def test_wait__ends_with_the_first_event(own):
    own.start()
    reader = Reader(own, own.key("--rights", "read"), wait="30s", type_="order*")
    got = []
    thread = threading.Thread(target=lambda: got.append((reader.get()[1], time.monotonic())))
    thread.start()
    wait_until(lambda: waiting(own) == 1, 10, "a reader that waits")
    begun = time.monotonic()
    own.post(EVENT, {"n": 7})
    thread.join(20)
    assert numbers(got[0][0]) == [7] and got[0][1] - begun < 1


def test_wait__ends_with_nothing_in_time(own):
    own.start()
    reader = Reader(own, own.key("--rights", "read"), wait="700ms", type_="order*")
    begun = time.monotonic()
    status, page, headers = reader.get()
    assert (status, page, headers["Leat-More"]) == (200, [], "false") and 0.6 < time.monotonic() - begun < 3


def waiting(hooks):
    text = urllib.request.urlopen(f"http://127.0.0.1:{hooks.http_port}/metrics", timeout=10).read().decode()
    return int(float(next(line.split()[1] for line in text.splitlines() if line.startswith("leat_feed_readers "))))


def test_follow__while_writing_and_killing(own):
    """One writer, three kill -9; a page reader and an event stream go on by their cursors. Both have each event once."""
    own.start()
    key = own.key("--rights", "read")
    accepted, seen, streamed, end, written = [], [], [], threading.Event(), threading.Event()
    reader = Reader(own, key, wait="1s", type_="order*", limit=50)

    def write():
        n = 0
        while not end.is_set():
            try:
                if own.post(EVENT, {"n": n}, seconds=5)[0] == 200:
                    accepted.append(n)
            except OSError:
                end.wait(0.02)
            n += 1

    def follow():
        while not written.is_set() or len(seen) < len(accepted):
            try:
                status, page, _ = reader.get()
                seen.extend(numbers(page) if status == 200 else [])
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)

    def stream():
        last = None
        while not written.is_set() or len(streamed) < len(accepted):
            try:
                source = EventStream(own, key, last, "type=order*")
                while event := source.next():
                    streamed.append(json.loads(event["text"])["n"])
                    last = source.last
                    if written.is_set() and len(streamed) >= len(accepted):
                        break
                source.close()
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)

    threads = [threading.Thread(target=f, daemon=True) for f in (write, follow, stream)]
    for t in threads:
        t.start()
    for round in range(3):
        wait_until(lambda: len(accepted) > 150 * (round + 1), 30, "events accepted")
        own.kill9()
        own.start()
    wait_until(lambda: len(accepted) > 600, 30, "events accepted")
    end.set()
    threads[0].join(30)
    written.set()
    own.post(EVENT, {"n": -1})  # whoever waits for more is woken once more
    for t in threads:
        t.join(30)
        assert not t.is_alive()
    stored = [n for n in numbers(own.tail("--op", "post")) if n >= 0]
    assert set(accepted) <= set(stored)
    assert [n for n in seen if n >= 0] == stored[:len([n for n in seen if n >= 0])]
    assert [n for n in streamed if n >= 0] == stored[:len([n for n in streamed if n >= 0])]
    assert len(seen) >= len(accepted) and len(streamed) >= len(accepted)


def test_wait__a_hundred_clients_are_all_woken_and_take_no_thread(own):
    own.start()
    key = own.key("--rights", "read")
    got = []
    readers = [Reader(own, key, wait="40s", type_="order*") for _ in range(100)]
    threads = [threading.Thread(target=lambda r=r: got.append(numbers(r.get()[1])), daemon=True) for r in readers]
    for t in threads:
        t.start()
    wait_until(lambda: waiting(own) == 100, 20, "100 readers that wait")
    begun = time.monotonic()
    assert own.post(EVENT, {"n": 1})[0] == 200 and time.monotonic() - begun < 2  # two threads, both free
    for t in threads:
        t.join(20)
    assert got == [[1]] * 100
    print(f"100 woken in {time.monotonic() - begun:.3f} s")
    wait_until(lambda: waiting(own) == 0, 5, "no reader")


def test_end__of_the_daemon_answers_those_who_wait(own):
    own.start()
    key = own.key("--rights", "read")
    got = []
    threads = [threading.Thread(target=lambda: got.append(Reader(own, key, wait="50s").get()[0])) for _ in range(5)]
    for t in threads:
        t.start()
    source = EventStream(own, key)
    wait_until(lambda: waiting(own) == 6, 10, "six readers")
    begun = time.monotonic()
    assert own.stop() == 0 and time.monotonic() - begun < 10
    for t in threads:
        t.join(10)
    assert got == [200] * 5 and source.next() is None


# --- event streams ----------------------------------------------------------------------------------------------


def test_event_stream__goes_on_by_its_last_id(shared):
    every = shared.tail()
    first = EventStream(shared, shared.reading)
    assert first.answer.headers["Content-Type"] == "text/event-stream"
    head = [first.next() for _ in range(1500)]
    first.close()
    second = EventStream(shared, shared.reading, first.last, "after=start")
    rest = [second.next() for _ in range(len(every) - 1500)]
    second.close()
    assert head + rest == every


def test_event_stream__that_waits_costs_nothing(own):
    own.start()
    key = own.key("--rights", "read")
    own.post(EVENTS, [{"n": i} for i in range(500)])
    sources = [EventStream(own, key) for _ in range(20)]
    for source in sources:
        assert [json.loads(source.next()["text"])["n"] for _ in range(500)] == list(range(500))
    waits = [threading.Thread(target=Reader(own, key, after="end", wait="3s").get) for _ in range(20)]
    for t in waits:
        t.start()
    wait_until(lambda: waiting(own) == 40, 10, "40 readers")

    def cpu_ticks():
        return sum(int(n) for n in open(f"/proc/{own.process.pid}/stat").read().rsplit(")", 1)[1].split()[11:13])
    before = cpu_ticks()
    for t in waits:
        t.join(20)
    assert cpu_ticks() - before <= 10  # hundredths of a second, in three
    for source in sources:
        source.close()


def test_event_stream__ends_at_to_and_refuses_as_pages_do(shared):
    source = EventStream(shared, shared.reading, query="to=1h")
    assert source.next() is None
    assert EventStream(shared, shared.reading, "x").answer.status == 400
    assert EventStream(shared, "fc_no_such").answer.status == 401


def test_slow__readers_harm_nobody_and_memory_is_bounded(own):
    """60 event streams of 40 MiB each that nobody reads, beside a writer and a reader."""
    own.start()
    key = own.key("--rights", "read")
    body = [{"n": i, "x": "y" * 900} for i in range(1000)]
    for _ in range(40):
        assert own.post(EVENTS, body)[0] == 200
    sockets = []
    for _ in range(60):
        s = socket.create_connection(("127.0.0.1", own.port))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nAccept: text/event-stream\r\n\r\n".encode())
        sockets.append(s)
    wait_until(lambda: waiting(own) == 60, 20, "60 readers")
    begun = time.monotonic()
    assert len(Reader(own, key, type_="order*", limit=10000).all()) == 40000
    took = time.monotonic() - begun
    assert own.post(EVENT, {"n": 1})[0] == 200
    rss = int(next(line for line in open(f"/proc/{own.process.pid}/status") if line.startswith("VmHWM")).split()[1]) // 1024
    print(f"40,000 events beside 60 stuck readers in {took:.2f} s, {rss} MiB at most")
    assert rss < 256 and took < 30
    for s in sockets:
        s.close()


# --- by external id -------------------------------------------------------------------------------------------------


def by_ids(hooks, numbers):
    """Posts of /in/hook and of another source, with ids that come back: number n has id-<n % 70>."""
    for n in numbers:
        for name in ("hook", "other"):
            assert hooks.post(f"/in/{name}", {"n": n}, X_Id=f"id-{n % 70}/ø".encode().decode("latin-1"))[0] == 200


def numbers_of(events):
    return [json.loads(e["text"])["n"] for e in events]


@pytest.fixture
def ids(built, tmp_path):
    source = {"type": "webhook", "authentication": "none", "external_id": "header:X-Id"}
    hooks = Hooks(tmp_path, store={"segment_size": "1MiB"}, sources={"hook": source, "other": source}).start()
    hooks.reading = hooks.key("--rights", "read")
    yield hooks
    if hooks.process.poll() is None:
        assert hooks.stop() == 0


def test_external_id__gives_these_events_in_order_over_pages_and_restarts(ids):
    by_ids(ids, range(350))
    expected = [n for n in range(350) if n % 70 == 33]
    query = {"source": "hook", "external_id": "id-33%2F%C3%B8"}
    assert numbers_of(Reader(ids, ids.reading, **query).all()) == expected
    pages = Reader(ids, ids.reading, limit=2, **query)
    got = []
    for _ in range(3):
        status, events, headers = pages.get()
        assert status == 200
        got += numbers_of(events)
        ids.kill9()
        ids.start()
    assert got == expected[:6]
    by_ids(ids, range(350, 500))
    got += numbers_of(pages.all())
    assert got == [n for n in range(500) if n % 70 == 33]
    assert pages.get()[1] == []
    assert Reader(ids, ids.reading, source="hook", external_id="id-33").all() == []
    assert Reader(ids, ids.reading, source="nobody", external_id="id-33%2F%C3%B8").all() == []
    tail = ids.tail("--source", "hook", "--external-id", "id-33/ø")
    assert numbers_of(tail) == [n for n in range(500) if n % 70 == 33]
    assert ids.command("verify").returncode == 0


def test_external_id__wakes_who_waits_and_others_do_not(ids):
    by_ids(ids, range(10))
    reader = Reader(ids, ids.reading, source="hook", external_id="id-3%2F%C3%B8", wait="20s")
    assert numbers_of(reader.get()[1]) == [3]
    answer = []
    waiting = threading.Thread(target=lambda: answer.append(reader.get()))
    waiting.start()
    by_ids(ids, range(10, 73))
    assert not answer
    by_ids(ids, range(73, 75))
    waiting.join()
    assert numbers_of(answer[0][1]) == [73]
    both = Reader(ids, ids.reading, source="hook")  # the same thread reads for others in between
    assert numbers_of(both.all()) == list(range(75))


def test_external_id__needs_its_source(ids):
    assert Reader(ids, ids.reading, external_id="x").get()[0] == 400
    assert "--source" in ids.command("tail", "--external-id", "x").stderr


def test_time__a_past_span_ends_where_it_ends(ids):
    """Nothing behind `to` is searched, however much of other sources lies there."""
    by_ids(ids, range(5))
    now_us = time.time_ns() // 1000 + 1  # times of storing are wall time, rounded down
    to = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_us // 10**6)) + f".{now_us % 10**6:06d}Z"
    wait_until(lambda: time.time_ns() // 1000 > now_us, 5, "a later microsecond")
    by_ids(ids, range(5, 9))
    status, events, headers = Reader(ids, ids.reading, source="hook", from_="1h", to=to).get()
    assert status == 200 and numbers_of(events) == list(range(5))
