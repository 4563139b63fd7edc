"""Flowcore's consumers, unmodified: @flowcore/sdk ingests and reads; a consumer that walks hour by hour as data-pump does
gets each event once, whenever it was stored; ids are positions; pages, orders and refusals of the two requests."""
import json
import random
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from datetime import datetime, timedelta, timezone

import pytest

from tests.support import npmpackages
from tests.support.hooks import Hooks
from tests.support.places import wait_until

TYPE, OTHER = "order.created.0", "order.dropped.0"
EVENT = f"/event/open/shop/order.0/{TYPE}"
EVENTS = f"/events/open/shop/order.0/{TYPE}"
EPOCH = datetime(2025, 3, 1, 7, tzinfo=timezone.utc)
SDK = "@flowcore/sdk@1.79.0"
PUMP = "@flowcore/data-pump"


@pytest.fixture
def own(built, tmp_path):
    hooks = Hooks(tmp_path).start()
    hooks.reading = hooks.key("--rights", "read")
    yield hooks
    if hooks.process and hooks.process.poll() is None:
        hooks.kill9()


def get(hooks, path, query, key=None):
    text = urllib.parse.urlencode(query, doseq=True)
    request = urllib.request.Request(f"http://127.0.0.1:{hooks.port}/api/v1/{path}?{text}",
                                     headers={"Authorization": key or hooks.reading})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as e:
        return e.code, json.loads(e.read())


def buckets(hooks, *types, key=None, **query):
    status, answer = get(hooks, "time-buckets", {"eventTypeId": types or [TYPE], **query}, key)
    assert status == 200, answer
    return answer["timeBuckets"], answer.get("nextCursor")


def events(hooks, bucket, *types, key=None, **query):
    status, answer = get(hooks, "events", {"eventTypeId": types or [TYPE], "timeBucket": bucket, **query}, key)
    assert status == 200, answer
    return answer["events"], answer.get("nextCursor")


def walk(hooks, bucket, *types, page=1000, **query):
    """All of an hour, page by page."""
    found, cursor = [], None
    while True:
        more, cursor = events(hooks, bucket, *types, pageSize=page, **query, **({"cursor": cursor} if cursor else {}))
        assert len(more) <= page
        found += more
        if not cursor:
            return found


def put(hooks, n, at=None, path=EVENT, **more):
    headers = {"x_flowcore_event_time": at.isoformat().replace("+00:00", "Z")} if at else {}
    status, answer, _ = hooks.post(path, {"n": n, **more}, **headers)
    assert status == 200, answer
    return answer["eventId"]


def numbers(found):
    return [e["payload"]["n"] for e in found]


def hour_of(event_id):
    moment = datetime(1582, 10, 15, tzinfo=timezone.utc) + timedelta(microseconds=uuid.UUID(event_id).time // 10)
    return moment.strftime("%Y%m%d%H0000")


# --- the two requests -------------------------------------------------------------------------------------------


def test_hours__and_events_of_an_hour_are_those_of_a_model(own):
    """2,000 events with times all over two days, stored in no order of time, read in pages of several sizes."""
    seed = int(time.time())
    print(f"seed {seed}")
    chance = random.Random(seed)
    model = []
    for start in range(0, 2000, 50):
        kind = chance.choice([TYPE, TYPE, OTHER])
        moments = [EPOCH + timedelta(minutes=chance.randrange(2880)) for _ in range(50)]
        body = [{"n": start + i, "at": m.isoformat().replace("+00:00", "Z")} for i, m in enumerate(moments)]
        status, answer, _ = own.post(f"/events/open/shop/order.0/{kind}", body, x_flowcore_event_time_key="at")
        assert status == 200
        model += [{"id": e, "n": b["n"], "type": kind, "hour": m.strftime("%Y%m%d%H0000")}
                  for e, b, m in zip(answer["eventIds"], body, moments)]
        assert all(hour_of(m["id"]) == m["hour"] for m in model[-50:])
    for types in ((TYPE,), (OTHER,), (TYPE, OTHER), ("nothing",)):
        mine = [m for m in model if m["type"] in types]
        hours = sorted({m["hour"] for m in mine})
        assert buckets(own, *types) == (hours, None)
        assert buckets(own, *types, order="desc") == (hours[::-1], None)
        paged, cursor = [], None
        while True:
            more, cursor = buckets(own, *types, pageSize=7, **({"cursor": cursor} if cursor is not None else {}))
            paged += more
            if cursor is None:
                break
        assert paged == hours
        if len(hours) > 4:
            assert buckets(own, *types, fromTimeBucket=hours[2], toTimeBucket=hours[4])[0] == hours[2:5]
            assert buckets(own, *types, fromTimeBucket=hours[2], toTimeBucket=hours[4], order="desc", pageSize=2) == (
                [hours[4], hours[3]], buckets(own, *types, order="desc", pageSize=2, fromTimeBucket=hours[2],
                                              toTimeBucket=hours[4])[1])
        for hour in hours:
            expected = [m for m in mine if m["hour"] == hour]
            for page in (3, 1000):
                found = walk(own, hour, *types, page=page)
                assert [e["eventId"] for e in found] == [m["id"] for m in expected]
                assert numbers(found) == [m["n"] for m in expected]
                assert all(e["timeBucket"] == hour and e["eventType"] in types for e in found)
            last = events(own, hour, *types, order="desc", pageSize=4)
            assert last == (found[::-1][:4], None)
    assert events(own, "20250101000000") == ([], None)


def test_event__has_all_that_its_consumers_look_at(own):
    own.post(EVENT, b'{"a":[1,2.50,{"b":null}],"a":"twice"}', x_flowcore_valid_time="2024-02-29T01:02:03.456Z",
             x_flowcore_event_time="2025-03-01T07:08:09.010Z", x_flowcore_metadata_json='{"who":"anne","n":7}')
    (event,), cursor = events(own, "20250301070000")
    assert cursor is None
    assert event["validTime"] == "2024-02-29T01:02:03.456Z" and event["payload"] == {"a": "twice"}
    assert [event[name] for name in ("tenant", "dataCoreId", "dataCore", "flowType", "aggregator", "eventType")] == [
        "open", "shop", "shop", "order.0", "order.0", TYPE]
    assert event["timeBucket"] == "20250301070000"
    assert event["metadata"]["who"] == "anne" and event["metadata"]["n"] == "7" and "ingested-at" in event["metadata"]
    assert uuid.UUID(event["eventId"]).version == 1 and hour_of(event["eventId"]) == "20250301070000"


def test_payload__that_is_no_object_is_put_into_one(built, tmp_path):
    hooks = Hooks(tmp_path, {"in": {"type": "webhook", "tenant": "t", "authentication": "none", "event_type": "text:e",
                                     "accept": "any"}}).start()
    hooks.reading = hooks.key("--rights", "read")
    bodies = [(b"[1,2]", "application/json", {"data": [1, 2]}), (b'"x"', "application/json", {"data": "x"}),
              (b"7", "application/json", {"data": 7}), (b"na\xc3\xafve {", "text/plain", {"data": "naïve {"}),
              (b"\xff\x00", "application/octet-stream", {"base64": "/wA="}), (b'{"n":1}', "application/json", {"n": 1})]
    for body, kind, _ in bodies:
        status, answer, _ = hooks.post("/api/v1/in/in", body, type=kind)
        assert status == 200, answer
    hours = buckets(hooks, "e")[0]
    found = [e["payload"] for h in hours for e in walk(hooks, h, "e")]
    assert found == [expected for _, _, expected in bodies]
    assert hooks.stop() == 0


def test_ids__are_positions(own):
    base = EPOCH
    ids = [put(own, n, base + timedelta(minutes=m)) for n, m in enumerate((10, 5, 20, 15, 20))]
    hour = "20250301070000"
    assert numbers(events(own, hour)[0]) == [0, 1, 2, 3, 4]  # as they were stored: nothing comes before what was given
    assert numbers(events(own, hour, afterEventId=ids[1])[0]) == [2, 3, 4]
    assert numbers(events(own, hour, afterEventId=ids[4])[0]) == []
    assert numbers(events(own, hour, fromEventId=ids[1])[0]) == [1, 2, 3, 4]
    assert numbers(events(own, hour, fromEventId=ids[1], afterEventId=ids[3])[0]) == [1, 2, 3, 4]  # from wins
    assert numbers(walk(own, hour, page=1, afterEventId=ids[0])) == [1, 2, 3, 4]

    # an id that no event has says a time

    def at(minute):
        since = base + timedelta(minutes=minute) - datetime(1582, 10, 15, tzinfo=timezone.utc)
        t = int(since / timedelta(microseconds=1)) * 10
        return str(uuid.UUID(fields=(t & 0xffffffff, t >> 32 & 0xffff, t >> 48 & 0xfff | 0x1000, 0x80, 1, 2)))
    assert numbers(events(own, hour, afterEventId=at(12))[0]) == [2, 3, 4]
    assert numbers(walk(own, hour, page=1, afterEventId=at(17))) == [2, 4]
    assert numbers(walk(own, hour, page=1, afterEventId=at(17), toEventId=at(21))) == [2, 4]
    assert numbers(events(own, hour, toEventId=at(12))[0]) == [0, 1]
    assert numbers(events(own, hour, toEventId=ids[3])[0]) == [0, 1, 3]
    for _ in range(2):
        assert numbers(events(own, hour, afterEventId=at(30))[0]) == []
    assert numbers(events(own, hour, afterEventId=at(-30))[0]) == [0, 1, 2, 3, 4]  # of an earlier hour
    assert numbers(events(own, hour, afterEventId=at(90))[0]) == []                # of a later one
    put(own, 5, base + timedelta(minutes=31))
    assert numbers(events(own, hour, afterEventId=at(30))[0]) == [5]
    put(own, 6, base + timedelta(minutes=1))  # stored late: behind what was given, so that nobody misses it
    assert numbers(events(own, hour, afterEventId=ids[4])[0]) == [5, 6]
    own.kill9()
    own.start()
    assert numbers(events(own, hour, afterEventId=ids[4])[0]) == [5, 6]


def test_types__are_told_apart_by_as_much_of_their_path_as_is_given(own):
    put(own, 1, EPOCH)
    put(own, 2, EPOCH, f"/event/open/shop/basket.0/{TYPE}")
    put(own, 3, EPOCH, f"/event/open/other/order.0/{TYPE}")
    hour = "20250301070000"
    for name, expected in ((TYPE, [1, 2, 3]), (f"order.0/{TYPE}", [1, 3]), (f"shop/order.0/{TYPE}", [1]),
                           (f"open/other/order.0/{TYPE}", [3]), (f"/{TYPE}", []), ("created.0", []),
                           (f"x/order.0/{TYPE}", [])):
        assert numbers(events(own, hour, name)[0]) == expected, name


def test_keys__see_what_they_may(own):
    writing = own.key("--rights", "write")
    put(own, 1, EPOCH)
    status, _, _ = own.post(f"/event/acme/shop/order.0/{TYPE}", {"n": 2}, key=writing,
                            x_flowcore_event_time="2025-03-01T08:00:00Z")
    assert status == 200
    acme, opened = own.key("--rights", "read", "--tenant", "acme"), own.key("--rights", "read", "--source", "open")
    assert buckets(own)[0] == ["20250301070000", "20250301080000"]
    assert buckets(own, key=acme)[0] == ["20250301080000"] and buckets(own, key=opened)[0] == ["20250301070000"]
    assert numbers(events(own, "20250301080000", key=acme)[0]) == [2]
    assert numbers(events(own, "20250301070000", key=acme)[0]) == []
    assert numbers(events(own, "20250301080000", f"acme/shop/order.0/{TYPE}", key=opened)[0]) == []
    for key, expected in (("fc_no_such", 401), (writing, 403)):
        for path in ("events", "time-buckets"):
            assert get(own, path, {"eventTypeId": TYPE, "timeBucket": "20250301080000"}, key)[0] == expected
    assert own.post("/api/v1/events", {}, key=own.reading)[0] == 405


@pytest.mark.parametrize("path, query", [
    ("events", "timeBucket=2025030107"), ("events", "timeBucket=20250301070000"), ("events", "eventTypeId=a"),
    ("events", "eventTypeId=a&timeBucket=2025030107000"), ("events", "eventTypeId=a&timeBucket=20250231070000"),
    ("events", "eventTypeId=a&timeBucket=20250301070000&pageSize=0"),
    ("events", "eventTypeId=a&timeBucket=20250301070000&order=up"),
    ("events", "eventTypeId=a&timeBucket=20250301070000&afterEventId=x"),
    ("events", "eventTypeId=a&timeBucket=20250301070000&toEventId=3e3d2b80-0000-4000-8000-000000000001"),
    ("events", "eventTypeId=a&timeBucket=20250301070000&cursor=x"),
    ("events", "eventTypeId=a&timeBucket=20250301070000&order=desc&afterEventId=3e3d2b80-0000-1000-8000-000000000001"),
    ("events", "eventTypeId=a&timeBucket=20250301070000&timeBucket=20250301070000"),
    ("events", "eventTypeId=%41%0&timeBucket=20250301070000"), ("time-buckets", ""), ("time-buckets", "eventTypeId="),
    ("time-buckets", "eventTypeId=a&cursor=x"), ("time-buckets", "eventTypeId=a&fromTimeBucket=yesterday")])
def test_query__that_is_wrong_is_400(own, path, query):
    request = urllib.request.Request(f"http://127.0.0.1:{own.port}/api/v1/{path}?{query}",
                                     headers={"Authorization": own.reading})
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(request, timeout=10)
    assert e.value.code == 400 and e.value.headers["Content-Type"] == "application/problem+json"


def test_pages__are_bounded_in_bytes_but_for_one_event(own):
    for n in range(40):
        put(own, n, EPOCH, x="y" * 100_000)
    put(own, 40, EPOCH, x="z" * 1_000_000)
    hour = "20250301070000"
    found, cursor = events(own, hour)
    assert cursor and 5 <= len(found) <= 11
    assert numbers(walk(own, hour)) == list(range(41))


# --- a consumer that walks as data-pump does --------------------------------------------------------------------


class Walker:
    """Its state is an hour and the id of the last event, as data-pump's: hours that are listed once, each page by page, then
    the hour that it is, again and again."""

    def __init__(self, hooks, state=None, amount=100):
        self.hooks, self.amount, self.cursor = hooks, amount, None
        self.hours = buckets(hooks)[0]
        self.hour, self.last = state or (self.hours[0] if self.hours else self.now(), None)

    @staticmethod
    def now():
        return datetime.now(timezone.utc).strftime("%Y%m%d%H0000")

    def step(self):
        """The next events, or none when it is at the end."""
        query = {"cursor": self.cursor} if self.cursor else {"afterEventId": self.last} if self.last else {}
        found, self.cursor = events(self.hooks, self.hour, pageSize=self.amount, **query)
        if found:
            self.last = found[-1]["eventId"]
        if not self.cursor:
            later = [h for h in self.hours if h > self.hour]
            self.hour = later[0] if later else self.now()
        return found


def test_walk__gets_each_event_once_while_many_write_and_leat_is_killed(own):
    accepted, seen, end = [], [], threading.Event()
    for n in range(300):
        put(own, -n - 1, EPOCH + timedelta(hours=n % 7))

    def write(first):
        n = first
        while not end.is_set():
            try:
                if own.post(EVENT, {"n": n}, seconds=5)[0] == 200:
                    accepted.append(n)
            except OSError:
                end.wait(0.02)
            n += 4
    walker = Walker(own)
    writers = [threading.Thread(target=write, args=(i,), daemon=True) for i in range(4)]
    for t in writers:
        t.start()

    def step():
        try:
            seen.extend(numbers(walker.step()))
        except (OSError, urllib.request.http.client.HTTPException):
            pass
        return len(seen)
    for round in range(2):
        wait_until(lambda: step() > 300 + 100 * round and len(accepted) > 200 * (round + 1), 60, "events", 0.01)
        own.kill9()
        own.start()
    wait_until(lambda: step() and len(accepted) > 600, 60, "events", 0.01)
    end.set()
    for t in writers:
        t.join(20)
    wait_until(lambda: step() and set(accepted) <= set(seen), 60, "all that was accepted", 0.01)
    stored = [json.loads(e["text"])["n"] for e in own.tail("--op", "post")]
    assert len(seen) == len(set(seen)), "an event was given twice"
    assert set(accepted) <= set(seen) and set(range(-300, 0)) <= set(seen)
    now = [n for n in seen if n >= 0]
    assert now == [n for n in stored if n >= 0][:len(now)]


def test_walk__at_the_end_costs_nothing(own):
    """A consumer that starts with the time of now asks every second with an id that no event has."""
    body = [{"n": i} for i in range(10000)]
    for _ in range(10):
        assert own.post(EVENTS, body)[0] == 200
    begun = datetime.now(timezone.utc)
    nobody = str(uuid.uuid1())
    hour = begun.strftime("%Y%m%d%H0000")
    assert numbers(events(own, hour, afterEventId=nobody)[0]) == []  # this one looks through the hour

    def ticks():
        return sum(int(n) for n in open(f"/proc/{own.process.pid}/stat").read().rsplit(")", 1)[1].split()[11:13])
    last = walk(own, hour, page=5000)[-1]["eventId"]
    for asked in (nobody, last):
        assert events(own, hour, afterEventId=asked)[0] == []  # this one may look through the hour
        before = ticks()
        for _ in range(100):
            assert events(own, hour, afterEventId=asked)[0] == []
        assert ticks() - before <= 30  # hundredths of a second, for a hundred requests


def test_slow__consumers_harm_nobody_and_memory_is_bounded(own):
    """180 requests for a page of a megabyte that nobody reads, beside a consumer."""
    body = [{"n": i, "x": "y" * 900} for i in range(1000)]
    for _ in range(10):
        assert own.post(EVENTS, body, x_flowcore_event_time="2025-03-01T07:00:00Z")[0] == 200
    hour = "20250301070000"
    assert len(walk(own, hour)) == 10000
    sockets = []
    for _ in range(180):
        s = socket.create_connection(("127.0.0.1", own.port))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(f"GET /api/v1/events?eventTypeId={TYPE}&timeBucket={hour} HTTP/1.1\r\nHost: x\r\n"
                  f"Authorization: {own.reading}\r\n\r\n".encode())
        sockets.append(s)

    def held():
        text = urllib.request.urlopen(f"http://127.0.0.1:{own.http_port}/metrics", timeout=10).read().decode()
        return {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if line.startswith("leat_flowcore_")}
    peak, begun = {}, held()["leat_flowcore_events_total"]

    def given():
        found = held()
        for name, value in found.items():
            peak[name] = max(value, peak.get(name, 0))
        return found["leat_flowcore_events_total"] - begun
    wait_until(lambda: given() > 5000, 30, "pages for those who do not read")
    status, answer = get(own, "events", {"eventTypeId": TYPE, "timeBucket": hour})
    assert (status == 200 and answer["events"]) or status == 503
    assert own.post(EVENT, {"n": 1})[0] == 200
    given()
    rss = int(next(line for line in open(f"/proc/{own.process.pid}/status") if line.startswith("VmHWM")).split()[1]) // 1024
    held_mib = peak["leat_flowcore_held_bytes"] / 2**20
    print(f"{held_mib:.1f} MiB held for {peak['leat_flowcore_requests']:.0f} at most, {rss} MiB in all")
    assert held_mib < 40 and rss < 256
    for s in sockets:
        s.close()
    wait_until(lambda: held()["leat_flowcore_requests"] == 0, 60, "nobody is left")
    assert held()["leat_flowcore_held_bytes"] == 0 and len(walk(own, hour)) == 10000


# --- the real packages ------------------------------------------------------------------------------------------


def sdk():
    try:
        return npmpackages.directory(SDK)
    except npmpackages.Unavailable as e:
        pytest.skip(f"{SDK} cannot be had: {e}")


INGEST = """
import { FlowcoreClient, IngestEventCommand, IngestBatchCommand } from "@flowcore/sdk"
const [base, key] = process.argv.slice(2)
const client = new FlowcoreClient({ apiKey: key })
client.setBaseUrl(base)
const where = { tenantName: "acme", dataCoreId: "shop", flowTypeName: "order.0", eventTypeName: "order.created.0" }
const one = await client.execute(new IngestEventCommand({ ...where, eventData: { n: 0 },
    metadata: { who: "anne" }, eventTime: "2025-03-01T07:00:00.000Z", validTime: "2024-01-01T00:00:00.000Z" }), true)
const many = await client.execute(new IngestBatchCommand({ ...where, events: [1, 2, 3].map((n) => ({ n })),
    metadata: { who: "bob" }, ttl: "7d", eventTime: "2025-03-01T08:00:00.000Z" }), true)
let refused
try {
    const other = new FlowcoreClient({ apiKey: key.slice(0, -1) + (key.endsWith("x") ? "y" : "x") })
    other.setBaseUrl(base)
    await other.execute(new IngestEventCommand({ ...where, eventData: {} }), true)
} catch (e) { refused = e.status }
console.log(JSON.stringify({ one, many, refused }))
"""

READ = """
import { FlowcoreClient, TimeBucketListCommand, EventListCommand } from "@flowcore/sdk"
const [base, key, ...types] = process.argv.slice(2)
const client = new FlowcoreClient({ apiKey: key })
client.setBaseUrl(base)
const hours = []
let next
do {
    const answer = await client.execute(new TimeBucketListCommand({ tenant: "acme", eventTypeId: types, cursor: next,
        pageSize: 2 }), true)
    hours.push(...answer.timeBuckets)
    next = answer.nextCursor
} while (next !== undefined)
const events = []
for (const timeBucket of hours) {
    let cursor
    do {
        const answer = await client.execute(new EventListCommand({ tenant: "acme", eventTypeId: types, timeBucket, cursor,
            pageSize: 2, includeSensitiveData: false }), true)
        events.push(...answer.events)
        cursor = answer.nextCursor
    } while (cursor)
}
console.log(JSON.stringify({ hours, events }))
"""


def fc(key):
    """The SDK wants keys that begin with its own prefix; what counts is behind it."""
    return "fc_" + key.split("_", 1)[1]


def test_sdk__ingests_and_reads_it_back(own):
    path = sdk()
    base = f"http://127.0.0.1:{own.port}"
    done = npmpackages.run(path, INGEST, base, fc(own.key("--rights", "write")))
    assert done["one"]["success"] is True and done["many"]["success"] is True and done["refused"] == 401
    put(own, 4, EPOCH, f"/event/open/shop/order.0/{OTHER}")
    found = npmpackages.run(path, READ, base, fc(own.reading), TYPE, OTHER)
    assert found["hours"] == ["20250301070000", "20250301080000"]
    assert [e["payload"]["n"] for e in found["events"]] == [0, 4, 1, 2, 3]
    ids = [done["one"]["eventId"], *done["many"]["eventIds"]]
    assert [e["eventId"] for e in found["events"] if e["tenant"] == "acme"] == ids
    first = found["events"][0]
    assert first["validTime"] == "2024-01-01T00:00:00.000Z" and first["metadata"]["who"] == "anne"
    assert found["events"][2]["metadata"]["ttl-on/stored-event"] == "true"


def test_sdk__reads_thousands_and_takes_every_shape_of_a_body(own):
    path = sdk()
    for start in range(0, 3000, 1000):
        body = [{"n": start + i} for i in range(1000)]
        assert own.post(EVENTS, body, x_flowcore_event_time="2025-03-01T07:00:00Z")[0] == 200
    for body in (b"[1]", b"null", b'"x"', b"1e400", b'{"n":"\\ud800"}'):
        assert own.post(EVENT, body, x_flowcore_event_time="2025-03-01T09:00:00Z")[0] == 200
    script = READ.replace("pageSize: 2,", "pageSize: 700,")
    found = npmpackages.run(path, script, f"http://127.0.0.1:{own.port}", fc(own.reading), TYPE)
    assert [e["payload"]["n"] for e in found["events"] if "n" in e["payload"]][:3000] == list(range(3000))
    assert len(found["events"]) == 3005


PUMPED = """
import { FlowcoreDataPump } from "@flowcore/data-pump"
const [base, key, amount] = process.argv.slice(2)
let state = { timeBucket: "20250301070000" }
const seen = []
const pump = FlowcoreDataPump.create({ auth: { apiKey: key }, baseUrlOverride: base, noTranslation: true, directMode: true,
    dataSource: { tenant: "open", dataCore: "shop", flowType: "order.0", eventTypes: ["order.created.0"] },
    stateManager: { getState: () => state, setState: (s) => { state = s } }, bufferSize: 50,
    notifier: { type: "poller", intervalMs: 1000 },
    processor: { concurrency: 10, handler: async (events) => {
        seen.push(...events.map((e) => e.payload.n))
        if (seen.length >= Number(amount)) { console.log(JSON.stringify(seen)); process.exit(0) }
    } } })
await pump.start()
"""


def test_pump__unmodified_delivers_everything(own):
    """Runs wherever the package can be had from npm; @flowcore/sdk's own commands are what it reads with."""
    try:
        path = npmpackages.directory(PUMP)
    except npmpackages.Unavailable as e:
        pytest.skip(f"{PUMP} cannot be had: {e}")
    for n in range(300):
        put(own, n, EPOCH + timedelta(hours=n // 100))
    assert sorted(npmpackages.run(path, PUMPED, f"http://127.0.0.1:{own.port}", fc(own.reading), "300")) == list(range(300))
