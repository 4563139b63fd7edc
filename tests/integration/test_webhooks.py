"""Events over HTTP: what is answered 200 is in the stream, byte for byte, also after kill -9; everything else is refused
with the status of the table, and nothing of it is stored."""
import base64
import gzip
import http.client
import json
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
import uuid
import zlib
from datetime import datetime

import pytest

from tests.support import leatd, places
from tests.support.hooks import Hooks

EVENT = "/event/open/shop/order.0/order.created.0"
EVENTS = "/events/open/shop/order.0/order.created.0"
KEYED = "/event/acme/shop/order.0/order.created.0"


@pytest.fixture(scope="module")
def shared(built, tmp_path_factory):
    """One daemon for all tests that only add to it."""
    hooks = Hooks(tmp_path_factory.mktemp("hooks"), sources={
        "hooks": {"type": "webhook", "tenant": "acme"},
        "open": {"type": "webhook", "authentication": "none", "event_size": "64KiB", "request_size": "2MiB",
                 "events_per_request": 1000},
        "few": {"type": "webhook", "authentication": "none", "streams": ["shop/order.?/*"]},
        "github": {"type": "webhook", "authentication": "none", "event_type": "header:X-GitHub-Event",
                   "external_id": "header:X-GitHub-Delivery", "event_time": "json:/head/at", "flow_type": "github.0"},
        "blob": {"type": "webhook", "authentication": "none", "accept": "any"}}).start()
    yield hooks
    assert hooks.stop() == 0


@pytest.fixture
def own(built, tmp_path):
    """A daemon of the test's own, not started."""
    made = []

    def make(**settings):
        made.append(Hooks(tmp_path, **settings))
        return made[0]
    yield make
    for hooks in made:
        if hooks.process and hooks.process.poll() is None:
            hooks.kill9()


def stored(hooks, *ids):
    by_id = {e["id"]: e for e in hooks.tail("--op", "post")}
    return [by_id[i] for i in ids]


# --- what is stored ---------------------------------------------------------------------------------------------


BODIES = [
    b'{"a":1}', b' { "a" : 1.50,\n"b":"\\u00e6\\ud800" }\n', b'123456789012345678901234567890', b'"x"', b'[]',
    '{"æ":"😀"}'.encode(), b'{"a":1,"a":2}', b'{"n":9007199254740993.0}', b'"' + b"x" * 65000 + b'"']


@pytest.mark.parametrize("body", BODIES, ids=[str(n) for n in range(len(BODIES))])
def test_event__is_stored_byte_for_byte(shared, body):
    status, answer, _ = shared.post(EVENT, body)
    assert status == 200
    event = stored(shared, answer["eventId"])[0]
    assert event["text"].encode() == body
    assert event["op"] == "post" and event["topic"] == "order.created.0" and event["source"] == "open"
    assert event["tx"]["attrs"] == {"tenant": "open", "dataCore": "shop", "flowType": "order.0", "idempotency": None}


def test_event__answers_what_every_client_looks_at(shared):
    before = time.time()
    status, answer, headers = shared.post(EVENT, {"a": 1})
    assert status == 200 and headers["Content-Type"] == "application/json"
    assert answer["success"] is True and answer["received"] is True
    assert answer["flowType"] == "order.0" and answer["eventType"] == "order.created.0"
    assert "error" not in answer and "message" not in answer
    made = uuid.UUID(answer["eventId"])
    assert made.version == 1 and made.variant == uuid.RFC_4122
    assert before - 1 < (made.time - 0x01b21dd213814000) / 1e7 < time.time() + 1


def test_event__under_the_newer_prefix(shared):
    assert shared.post("/api/v1" + EVENT, {"a": 1})[0] == 200


@pytest.mark.parametrize("coding, squeeze", [
    ("gzip", gzip.compress), ("deflate", zlib.compress),
    ("deflate", lambda b: (lambda z: z.compress(b) + z.flush())(zlib.compressobj(wbits=-15)))])
def test_event__compressed_bodies_are_stored_as_they_were_before(shared, coding, squeeze):
    body = json.dumps({"text": "hello " * 1000}).encode()
    status, answer, _ = shared.post(EVENT, squeeze(body), Content_Encoding=coding)
    assert status == 200 and stored(shared, answer["eventId"])[0]["text"].encode() == body


def test_event__metadata_becomes_text_and_ours_is_added(shared):
    sent = {"a": 1, "b": "x", "c": {"d": [True, None]}, "producer": "forged", "ttl-on/stored-event": "7d"}
    for header in (base64.b64encode(json.dumps(sent).encode()).decode(), json.dumps(sent)):
        status, answer, _ = shared.post(EVENT, {}, x_flowcore_metadata_json=header)
        assert status == 200
        metadata = stored(shared, answer["eventId"])[0]["metadata"]
        assert metadata["a"] == "1" and metadata["b"] == "x" and json.loads(metadata["c"]) == sent["c"]
        assert metadata["producer"] == "open" and metadata["ttl-on/stored-event"] == "7d"
        assert metadata["ingested-at"].endswith("Z")


def test_event__times_are_the_senders(shared):
    status, answer, _ = shared.post(EVENT, {}, x_flowcore_event_time="2020-01-02T03:04:05.678Z",
                                    x_flowcore_valid_time="2019-12-31T23:00:00+01:00")
    assert status == 200
    event = stored(shared, answer["eventId"])[0]
    assert event["event_time_us"] == 1577934245678000 and event["valid_time_us"] == 1577829600000000
    assert event["metadata"]["event-time"].startswith("2020-01-02T03:04:05.678")
    assert (uuid.UUID(answer["eventId"]).time - 0x01b21dd213814000) // 10000 == 1577934245678


def test_events__an_array_keeps_its_elements_and_their_order(shared):
    body = b' [ {"n": 0}, {"n":1.0},"x" , [2], null ] '
    status, answer, _ = shared.post(EVENTS, body)
    assert status == 200 and answer["success"] is True and len(answer["eventIds"]) == 5
    events = stored(shared, *answer["eventIds"])
    assert [e["text"] for e in events] == ['{"n": 0}', '{"n":1.0}', '"x"', '[2]', 'null']
    assert [e["ordinal"] for e in events] == [0, 1, 2, 3, 4]
    assert len({e["tx"]["id"] for e in events}) == 1


def test_events__lines(shared):
    status, answer, _ = shared.post(EVENTS, b'{"n":0}\r\n\n{"n":1}\n{"n":2}', type="application/x-ndjson")
    assert status == 200
    assert [e["text"] for e in stored(shared, *answer["eventIds"])] == ['{"n":0}', '{"n":1}', '{"n":2}']


def test_events__times_from_a_field_of_each(shared):
    status, answer, _ = shared.post(EVENTS, [{"t": "2020-01-01T00:00:00Z"}, {"x": 1}, {"t": None}],
                                    x_flowcore_event_time_key="t", x_flowcore_valid_time_key="t")
    assert status == 200
    first, second, third = stored(shared, *answer["eventIds"])
    assert first["event_time_us"] == first["valid_time_us"] == 1577836800000000
    assert second["event_time_us"] == third["event_time_us"] > 1700000000000000


def test_events__none_at_all_is_fine(shared):
    assert shared.post(EVENTS, b"[]")[:2] == (200, {"success": True, "received": True, "eventIds": []})


def test_events__per_item_verdicts_only_on_request(shared):
    body = b'{"n":0}\n{broken\n{"n":2}\n"' + b"x" * 70000 + b'"\n'
    before = len(shared.tail("--op", "post"))
    assert shared.post(EVENTS, body, type="application/x-ndjson")[0] == 400
    assert len(shared.tail("--op", "post")) == before
    for path, headers in ((EVENTS, {"Prefer": "handling=lenient"}), (EVENTS + "?partial=1", {})):
        status, answer, _ = shared.post(path, body, type="application/x-ndjson", **headers)
        assert status == 207 and [r["status"] for r in answer["results"]] == [200, 400, 200, 413]
        assert [r["index"] for r in answer["results"]] == [0, 1, 2, 3]
        kept = stored(shared, answer["results"][0]["eventId"], answer["results"][2]["eventId"])
        assert [e["text"] for e in kept] == ['{"n":0}', '{"n":2}']


def test_in__takes_names_and_times_from_where_it_is_told(shared):
    status, answer, _ = shared.post("/in/github", {"head": {"at": 1577836800}}, X_GitHub_Event="push",
                                    X_GitHub_Delivery="d-1")
    assert status == 200 and answer["eventType"] == "push" and answer["flowType"] == "github.0"
    event = stored(shared, answer["eventId"])[0]
    assert event["topic"] == "push" and event["attrs"]["externalId"] == "d-1"
    assert event["event_time_us"] == 1577836800000000
    assert shared.post("/in/github", {})[0] == 400
    assert shared.post("/in/github", {"head": {"at": "soon"}}, X_GitHub_Event="push")[0] == 400


def test_in__any_body_where_that_is_configured(shared):
    status, answer, _ = shared.post("/in/blob", b"\x00\xff a=1&b=2", type="application/x-www-form-urlencoded")
    assert status == 200
    event = stored(shared, answer["eventId"])[0]
    assert base64.b64decode(event["body"]) == b"\x00\xff a=1&b=2"
    assert event["metadata"]["content-type"] == "application/x-www-form-urlencoded"


# --- what is refused --------------------------------------------------------------------------------------------


REFUSED = [
    (EVENT, b'{"a":1', {}, 400), (EVENT, b"", {}, 400), (EVENT, b'\xff', {}, 400), (EVENT, b'{"a":1}x', {}, 400),
    (EVENT, b"{}", {"type": "text/plain"}, 415), (EVENT, b"{}", {"type": "application/jsonx"}, 415),
    (EVENT, b"{}", {"Content_Encoding": "br"}, 415), (EVENT, b"{}", {"Content_Encoding": "gzip"}, 400),
    (EVENT, b"{}", {"Content_Encoding": "gzip, gzip"}, 415),
    (EVENT, b"{}", {"type": "application/x-ndjson"}, 415), (EVENTS, b"{}", {}, 400),
    (EVENT, b"{}", {"x_flowcore_metadata_json": "%%"}, 400), (EVENT, b"{}", {"x_flowcore_metadata_json": "W10="}, 400),
    (EVENT, b"{}", {"x_flowcore_metadata_json": '{"ttl-on/stored-event":"soon"}'}, 400),
    (EVENT, b"{}", {"x_flowcore_event_time": "yesterday"}, 400),
    (EVENT, b"{}", {"x_flowcore_valid_time": "2020-01-01T00:00:00"}, 400),
    (EVENTS, b'[{"t":"soon"}]', {"x_flowcore_event_time_key": "t"}, 400),
    (EVENT, b'"' + b"x" * 70000 + b'"', {}, 413), (EVENT, b'"' + b"x" * (3 << 20) + b'"', {}, 413),
    (EVENTS, b"[" + b"1," * 1000 + b"1]", {}, 413),
    (EVENT, gzip.compress(b'"' + b"x" * (8 << 20) + b'"'), {"Content_Encoding": "gzip"}, 413),
    (EVENT, b"[" * 600 + b"]" * 600, {}, 400),
    ("/event/open/shop/order.0", b"{}", {}, 404), ("/event/nobody/a/b/c", b"{}", {}, 404), ("/in/nobody", b"{}", {}, 404),
    ("/event/few/shop/order.10/x", b"{}", {}, 404), ("/event/open/a/../b/c", b"{}", {}, 404), ("/", b"{}", {}, 404),
    ("/event/open/a/b/%2e%2e", b"{}", {}, 404), ("/event/open/a/b/c%2fd", b"{}", {}, 404),
]


@pytest.mark.parametrize("path, body, headers, status", REFUSED, ids=[str(n) for n in range(len(REFUSED))])
def test_refused__with_the_right_status_and_nothing_is_stored(shared, path, body, headers, status):
    before = len(shared.tail("--op", "post"))
    got, problem, fields = shared.post(path, body, **headers)
    assert got == status == problem["status"], problem
    assert fields["Content-Type"] == "application/problem+json"
    assert problem["detail"] == problem["message"] and problem["code"] == problem["error"]
    assert len(shared.tail("--op", "post")) == before


def test_refused__other_methods(shared):
    status, problem, headers = shared.post(EVENT, b"{}", method="PUT")
    assert status == 405 and headers["Allow"] == "POST"


def test_streams__only_those_configured(shared):
    assert shared.post("/event/few/shop/order.1/anything", b"{}")[0] == 200


def test_refused__a_bomb_costs_no_memory(shared):
    bomb = gzip.compress(b"0" * (200 << 20))
    with leatd.MemorySampler(shared.process.pid) as sampler:
        for _ in range(5):
            assert shared.post(EVENT, bomb, Content_Encoding="gzip")[0] == 413
    assert sampler.peak < 64 << 20


# --- keys ---------------------------------------------------------------------------------------------------------


def test_keys__all_forms_open(shared):
    key = shared.key("--tenant", "acme", "--label", "test")
    name, secret = key.split("_", 2)[1:]
    for form in (key, f"Bearer {key}", f"ApiKey {name}:{key}", f"ApiKey {name}:{secret}", f"fc_{name}_{secret}"):
        assert shared.post(KEYED, b"{}", form)[0] == 200, form
    for parameter in ("key", "access_token"):
        assert shared.post(f"{KEYED}?{parameter}={key}", b"{}")[0] == 200
    status, answer, _ = shared.post(KEYED, b"{}", key)
    assert stored(shared, answer["eventId"])[0]["metadata"]["producer"] == name


def test_keys__wrong_ones_do_not(shared):
    key = shared.key()
    other = shared.key()
    mixed = key.rsplit("_", 1)[0] + "_" + other.rsplit("_", 1)[1]
    for form in (None, "x", key[:-1], key + "x", key.lower(), mixed, f"Bearer {mixed}", "ApiKey x:y", "Basic eDp5"):
        status, problem, headers = shared.post(KEYED, b"{}", form)
        assert status == 401 and "Bearer" in headers["WWW-Authenticate"], form


def test_keys__have_scopes(shared):
    for arguments, status in ((["--tenant", "acme"], 200), (["--tenant", "other"], 403), (["--source", "hooks"], 200),
                              (["--source", "open"], 403), (["--rights", "read"], 403), (["--rights", "admin"], 200),
                              (["--rights", "read,write"], 200)):
        assert shared.post(KEYED, b"{}", shared.key(*arguments))[0] == status, arguments


def test_keys__revoked_ones_end_within_a_second(shared):
    key, stays = shared.key(), shared.key()
    assert shared.post(KEYED, b"{}", key)[0] == 200
    assert shared.command("keys", "revoke", key.split("_")[1]).returncode == 0
    places.wait_until(lambda: shared.post(KEYED, b"{}", key)[0] == 401, 2, "401")
    assert shared.post(KEYED, b"{}", stays)[0] == 200
    listed = {k["id"]: k for k in json.loads(shared.command("keys", "list", "--json").stdout)}
    assert listed[key.split("_")[1]]["revoked"] and not listed[stays.split("_")[1]]["revoked"]


def test_keys__tell_when_they_were_last_used(own):
    """Written once an hour, not with each request; and beside whoever revokes."""
    hooks = own().start()
    used, unused, revoked = hooks.key("--label", "used"), hooks.key(), hooks.key()

    def listed():
        return {k["id"]: k for k in json.loads(hooks.command("keys", "list", "--json").stdout)}

    def of(key):
        return listed()[key.split("_")[1]]
    assert of(used)["used"] is None
    assert hooks.post(KEYED, b"{}", used)[0] == 200
    at = places.wait_until(lambda: of(used)["used"], 5, "a time")
    assert abs(datetime.fromisoformat(at).timestamp() - time.time()) < 10
    for _ in range(20):
        assert hooks.post(KEYED, b"{}", used)[0] == 200
    assert hooks.post(KEYED, b"{}", unused[:-1])[0] == 401 and hooks.post(KEYED, b"{}", revoked)[0] == 200
    hooks.command("keys", "revoke", revoked.split("_")[1])
    assert hooks.stop() == 0
    assert of(used)["used"] == at and of(used)["label"] == "used" and of(unused)["used"] is None
    assert of(revoked)["used"] and of(revoked)["revoked"]
    table = hooks.command("keys", "list").stdout
    assert "USED" in table and table.count("never") == 1


def test_keys__no_secret_is_kept_or_logged(shared):
    key = shared.key()
    shared.post(f"{KEYED}?key={key}", b"{}")
    shared.post(f"{KEYED}?key={key}x", b"{}")
    secret = key.rsplit("_", 1)[1].encode()
    assert secret.decode() not in shared.log()
    for path in shared.store_dir.iterdir():
        assert secret not in path.read_bytes()[:64 << 20], path


@pytest.mark.parametrize("arguments, words", [
    (["create", "--rights", "fly"], ["fly", "admin"]), (["revoke"], ["revoke ID"]), (["revoke", "nobody"], ["nobody"]),
    ([], ["create"]), (["create", "--tenant", ""], ["--tenant"])])
def test_keys__wrong_use_ends_with_2(shared, arguments, words):
    done = shared.command("keys", *arguments)
    assert done.returncode == leatd.USAGE and all(w in done.stderr for w in words), done.stderr


# --- idempotency --------------------------------------------------------------------------------------------------


def test_repeat__gets_the_first_ids_and_stores_nothing(shared):
    name = str(uuid.uuid4())
    for path, body, ids in ((EVENT, b'{"n":1}', "eventId"),
                            (EVENTS, b'[{"n":1},{"n":2,"t":"2020-01-01T00:00:00Z"}]', "eventIds")):
        first = shared.post(path, body, Idempotency_Key=name + ids, x_flowcore_event_time_key="t")
        count = len(shared.tail("--op", "post"))
        for key in (name + ids, f'"{name + ids}"'):
            again = shared.post(path, body, Idempotency_Key=key, x_flowcore_event_time_key="t")
            assert again[0] == 200 and again[1] == {**first[1], "duplicate": True} and "duplicate" not in first[1]
        assert len(shared.tail("--op", "post")) == count


def test_repeat__of_compressed_bytes_is_the_same_body(shared):
    name, body = str(uuid.uuid4()), b'{"n":1}'
    first = shared.post(EVENT, body, Idempotency_Key=name)
    again = shared.post(EVENT, gzip.compress(body), Content_Encoding="gzip", Idempotency_Key=name)
    assert again[1] == {**first[1], "duplicate": True}


def test_repeat__with_another_body_is_422(shared):
    name = str(uuid.uuid4())
    assert shared.post(EVENT, b'{"n":1}', Idempotency_Key=name)[0] == 200
    assert shared.post(EVENT, b'{"n":2}', Idempotency_Key=name)[0] == 422
    assert shared.post(EVENT, b'{"n":1}', Idempotency_Key=name, x_flowcore_event_time="2020-01-01T00:00:00Z")[0] == 422
    assert shared.post(EVENT, b'{"n":1}', Idempotency_Key=name)[1]["duplicate"] is True


def test_repeat__keys_are_scoped(shared):
    name = str(uuid.uuid4())
    paths = (EVENT, EVENT + "x", "/event/open/other/order.0/order.created.0", "/event/few/shop/order.1/a")
    answers = [shared.post(path, b"{}", Idempotency_Key=name)[1] for path in paths]
    answers += [shared.post(KEYED, b"{}", shared.key(), Idempotency_Key=name)[1] for _ in range(2)]
    assert len({a["eventId"] for a in answers}) == len(answers) and not any("duplicate" in a for a in answers)


@pytest.mark.parametrize("key", ['""', "x" * 256, "a\tb", "\xe6"])
def test_repeat__keys_that_are_none_are_400(shared, key):
    assert shared.post(EVENT, b"{}", Idempotency_Key=key)[0] == 400


def test_repeat__by_a_field_of_the_request(own):
    hooks = own(sources={"open": {"type": "webhook", "authentication": "none", "idempotency_key": "json:/id"}}).start()
    first = hooks.post("/in/open", {"id": "A1"})[1]
    assert hooks.post("/in/open", {"id": "A1"})[1] == {**first, "duplicate": True}
    assert hooks.post("/in/open", {"id": "A1", "more": 1})[0] == 422
    assert "duplicate" not in hooks.post("/in/open", {"id": "A2"})[1]
    assert "duplicate" not in hooks.post("/in/open", {})[1] and "duplicate" not in hooks.post("/in/open", {})[1]


def test_repeat__many_copies_at_once_are_stored_once(shared):
    for round_ in range(20):
        name, answers = f"race-{round_}-{uuid.uuid4()}", []
        threads = [threading.Thread(target=lambda: answers.append(shared.post(EVENT, b"{}", Idempotency_Key=name)))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {a[0] for a in answers} == {200} and len({a[1]["eventId"] for a in answers}) == 1
        assert sum("duplicate" not in a[1] for a in answers) == 1


def test_repeat__outlasts_restart_and_kill(own):
    hooks = own(store={"segment_size": "1MiB"}).start()
    import random
    pad = base64.b64encode(random.Random(2).randbytes(60000)).decode()
    key, firsts = hooks.key(), []
    for n in range(60):  # another source's blocks lie between
        firsts.append(hooks.post(EVENT, {"n": n, "pad": pad}, Idempotency_Key=f"k{n}")[1])
        assert "duplicate" not in hooks.post(KEYED, {"n": n}, key, Idempotency_Key=f"k{n}")[1]
    assert len(list(hooks.store_dir.glob("seg-*.mdb"))) > 1
    for end in (hooks.kill9, hooks.stop):
        end()
        hooks.start()
        for n in (0, 1, 30, 58, 59):
            again = hooks.post(EVENT, {"n": n, "pad": pad}, Idempotency_Key=f"k{n}")
            assert again[0] == 200 and again[1] == {**firsts[n], "duplicate": True}
        assert hooks.post(EVENT, {"n": 7}, Idempotency_Key="k0")[0] == 422
    assert len(hooks.tail("--op", "post", "--source", "open")) == 60
    assert hooks.stop() == 0


def many(hooks, numbers, threads=8):
    """{number: (status, answer)} of a keyed event each, over connections that stay."""
    answers, queue = {}, list(numbers)

    def work():
        connection = http.client.HTTPConnection("127.0.0.1", hooks.port, timeout=30)
        while queue:
            try:
                n = queue.pop()
            except IndexError:
                break
            connection.request("POST", EVENT, json.dumps({"n": n}), {"Content-Type": "application/json",
                                                                     "Idempotency-Key": f"many-{n}"})
            answer = connection.getresponse()
            answers[n] = (answer.status, json.loads(answer.read()))
        connection.close()
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return answers


def test_repeat__is_known_beyond_memory_and_over_many_segments(own):
    """With the least memory that can be set aside, ten thousand keys are still known after kill -9: from the store."""
    hooks = own(store={"segment_size": "1MiB", "compression": "none"}, sources={
        "open": {"type": "webhook", "authentication": "none", "idempotency_keys": 1000}}).start()
    firsts = many(hooks, range(10000))
    assert all(status == 200 and "duplicate" not in answer for status, answer in firsts.values())
    assert len(list(hooks.store_dir.glob("seg-*.mdb"))) > 3
    for end in (hooks.kill9, hooks.stop):
        end()
        hooks.start()
        again = many(hooks, range(0, 10000, 7))
        assert all(again[n] == (200, {**firsts[n][1], "duplicate": True}) for n in again)
    new = many(hooks, range(10000, 10300))
    assert all(status == 200 and "duplicate" not in answer for status, answer in new.values())
    assert len(hooks.tail("--op", "post")) == 10300


def persist(hooks, stop, answered, number):
    """Sends each event under a key of its own until it is answered 200, as a good client does."""
    n = 0
    while not stop.is_set():
        body = json.dumps({"client": number, "n": n}).encode()
        while not stop.is_set():
            try:
                status, answer, _ = hooks.post(EVENT, body, seconds=5, Idempotency_Key=f"{number}-{n}")
                if status == 200:
                    answered.append((answer["eventId"], body.decode()))
                    break
            except (OSError, ValueError):
                pass
            time.sleep(0.01)
        n += 1


def test_kill__retried_requests_are_there_exactly_once(own):
    hooks = own().start()
    stop, answered = threading.Event(), []
    threads = [threading.Thread(target=persist, args=(hooks, stop, answered, n)) for n in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        seen = len(answered)
        places.wait_until(lambda: len(answered) > seen + 30, 20, "answers")
        hooks.kill9()
        hooks.start()
    stop.set()
    for thread in threads:
        thread.join()
    assert hooks.stop() == 0
    texts = [e["text"] for e in hooks.tail("--op", "post")]
    assert len(texts) == len(set(texts))
    ids = {e["id"]: e["text"] for e in hooks.tail("--op", "post")}
    assert [i for i, body in answered if ids.get(i) != body] == []


# --- the port -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ingest, words", [
    ({"listen": "0.0.0.0:0"}, ["ingest.listen", "trusted_proxies"]), ({"listen": "[::]:0"}, ["ingest.listen"]),
    ({"tls_certificate": "/x"}, ["tls_key"]), ({"listen": "0.0.0.0:0", "trusted_proxies": ["proxy"]}, ["proxy"])])
def test_port__what_others_reach_must_be_protected(own, ingest, words):
    hooks = own(ingest=ingest)
    for command in ("check", "run"):
        done = hooks.command(command)
        assert done.returncode == leatd.USAGE and all(w in done.stderr for w in words), done.stderr
    assert not hooks.store_dir.exists()


def certificate(directory):
    """A self-signed one, with its key."""
    crt, key = directory / "tls.crt", directory / "tls.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(crt)],
                   check=True, capture_output=True)
    key.chmod(0o600)
    return crt, key


def test_port__speaks_tls(own, tmp_path):
    crt, key = certificate(tmp_path)
    hooks = own(ingest={"tls_certificate": str(crt), "tls_key": str(key)}).start()
    context = ssl.create_default_context(cafile=str(crt))
    for n in range(20):
        request = urllib.request.Request(f"https://127.0.0.1:{hooks.port}{EVENT}", json.dumps({"n": n}).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            made = json.load(answer)
    assert stored(hooks, made["eventId"])[0]["text"] == '{"n": 19}'
    with pytest.raises(OSError):
        hooks.post(EVENT, b"{}", seconds=5)  # in clear text
    assert hooks.stop() == 0


def test_port__takes_only_named_proxies(own):
    hooks = own(ingest={"trusted_proxies": ["127.0.0.2"]}).start()
    with pytest.raises(OSError):
        hooks.post(EVENT, b"{}", seconds=5)
    with socket.create_connection(("127.0.0.1", hooks.port), 5, source_address=("127.0.0.2", 0)) as s:
        s.sendall(f"POST {EVENT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
                  + b"Content-Length: 2\r\n\r\n{}")
        assert s.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert hooks.stop() == 0


def test_port__slow_heads_are_cut_and_others_go_on(shared):
    slow = [socket.create_connection(("127.0.0.1", shared.port)) for _ in range(50)]
    begun = time.monotonic()
    ended = 0
    while slow and time.monotonic() - begun < 14:
        for s in list(slow):
            try:
                s.sendall(b"P" if time.monotonic() - begun < 1 else b"x")
                s.settimeout(0.001)
                gone = s.recv(1) == b""
            except socket.timeout:
                gone = False
            except OSError:
                gone = True
            if gone:
                s.close()
                slow.remove(s)
                ended += 1
        assert shared.post(EVENT, b"{}", seconds=3)[0] == 200
        time.sleep(0.2)  # a byte a fifth of a second: the slowness is what is tested
    assert ended == 50 and 9 < time.monotonic() - begun < 14


def test_port__metrics_and_status_tell_of_it(shared):
    shared.post(EVENT, b"{}")
    text = urllib.request.urlopen(f"http://127.0.0.1:{shared.http_port}/metrics").read().decode()
    assert float(re.search(r'leat_ingest_requests_total\{class="2xx"\} (\S+)', text)[1]) > 0
    assert 'leat_source_events_total{source="open"}' in text
    status = json.loads(shared.command("status", "--json").stdout)
    assert status["ready"] and {s["name"] for s in status["sources"]} >= {"open", "hooks"}


# --- what must hold -----------------------------------------------------------------------------------------------


def load(hooks, stop, answered, number):
    """Posts until told to stop; notes the body and id of every 200."""
    n = 0
    while not stop.is_set():
        body = json.dumps({"client": number, "n": n, "pad": "x" * (n * 37 % 3000)}).encode()
        n += 1
        try:
            if n % 10 == 0:
                status, answer, _ = hooks.post(EVENTS, b"[" + body + b"," + body + b"]", seconds=5)
                ids = answer.get("eventIds", []) if status == 200 else []
            else:
                status, answer, _ = hooks.post(EVENT, body, seconds=5)
                ids = [answer["eventId"]] if status == 200 else []
            answered += [(i, body.decode()) for i in ids]
        except (OSError, ValueError):
            time.sleep(0.01)


def test_kill__what_was_answered_is_there_once(own):
    hooks = own().start()
    stop, answered = threading.Event(), []
    threads = [threading.Thread(target=load, args=(hooks, stop, answered, n)) for n in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(6):
        seen = len(answered)
        places.wait_until(lambda: len(answered) > seen + 50, 20, "answers")
        hooks.kill9()
        hooks.start()
    stop.set()
    for thread in threads:
        thread.join()
    assert hooks.stop() == 0
    events = hooks.tail("--op", "post")
    texts = {e["id"]: e["text"] for e in events}
    assert len(texts) == len(events)  # no id twice
    assert [i for i, body in answered if texts.get(i) != body] == []
    assert hooks.command("verify").returncode == 0
    by_transaction = {}
    for event in events:
        by_transaction.setdefault((event["source"], event["tx"]["id"]), []).append(event["ordinal"])
    assert all(o == list(range(len(o))) for o in by_transaction.values())


def test_stop__answers_everybody(own):
    hooks = own().start()
    stop, answered = threading.Event(), []
    threads = [threading.Thread(target=load, args=(hooks, stop, answered, n)) for n in range(4)]
    for thread in threads:
        thread.start()
    places.wait_until(lambda: len(answered) > 100, 20, "answers")
    assert hooks.stop() == 0
    stop.set()
    for thread in threads:
        thread.join()
    stored_ids = {e["id"] for e in hooks.tail("--op", "post")}
    assert {i for i, _ in answered} <= stored_ids


def test_full__holds_and_then_says_503(own):
    hooks = own(sources={"open": {"type": "webhook", "authentication": "none", "hold": "1s"}},
                store={"quota": "1MiB", "segment_size": "1MiB"}).start()
    import random
    body = json.dumps({"x": base64.b64encode(random.Random(1).randbytes(60000)).decode()}).encode()
    for _ in range(60):
        begun = time.monotonic()
        status, problem, headers = hooks.post(EVENT, body)
        if status != 200:
            break
    assert status == 503 and headers["Retry-After"] and 0.9 < time.monotonic() - begun < 4
    assert hooks.stop() == 0


def test_config__mistakes_are_named(own):
    for source, words in (({"streams": ["a/b"]}, ["DATACORE/FLOWTYPE/EVENTTYPE"]), ({"event_type": "X"}, ["header:NAME"]),
                          ({"event_size": "32MiB"}, ["event_size", "request_size"]), ({"autentication": "none"},
                                                                                    ["authentication"])):
        hooks = own(sources={"open": {"type": "webhook", **source}})
        done = hooks.command("check")
        assert done.returncode == leatd.USAGE and all(w in done.stderr for w in words), done.stderr
