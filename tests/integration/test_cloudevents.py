"""CloudEvents 1.0 in all three modes: stored as they came, once per (source, id); and the handshake that asks for consent."""
import json
import uuid

import pytest

from tests.support.hooks import Hooks

EVENT, EVENTS = "/event/open/shop/order.0/order.created.0", "/events/open/shop/order.0/order.created.0"
STRUCTURED, BATCHED = "application/cloudevents+json", "application/cloudevents-batch+json"


@pytest.fixture(scope="module")
def shared(built, tmp_path_factory):
    hooks = Hooks(tmp_path_factory.mktemp("cloudevents"), sources={
        "open": {"type": "webhook", "authentication": "none", "allowed_origins": ["EventEmitter.example.com"]},
        "any": {"type": "webhook", "authentication": "none", "accept": "any", "allowed_origins": ["*"]},
        "keyed": {"type": "webhook"},
        "plain": {"type": "webhook", "authentication": "none", "cloudevents": False}}).start()
    yield hooks
    assert hooks.stop() == 0


def attributes(**more):
    return {"specversion": "1.0", "type": "com.example.made", "source": "/mycontext", "id": f"n-{uuid.uuid4()}",
            "time": "2020-01-01T00:00:00Z", "subject": "123", **more}


def binary(event):
    return {"ce-" + name: value for name, value in event.items()}


def stored(hooks, *ids):
    by_id = {e["id"]: e for e in hooks.tail("--op", "post")}
    return [by_id[i] for i in ids]


def test_binary__attributes_become_metadata_and_the_body_is_the_data(shared):
    sent = attributes(source="Euro%20%E2%82%AC", myext='"a b"')
    status, answer, _ = shared.post("/in/open", b'{"n": 1}', **binary(sent))
    assert status == 200 and answer["eventType"] == "com.example.made"
    event = stored(shared, answer["eventId"])[0]
    assert event["text"] == '{"n": 1}' and event["topic"] == "com.example.made"
    assert event["attrs"]["externalId"] == "123" and event["event_time_us"] == 1577836800000000
    for name, value in {**sent, "source": "Euro €", "myext": "a b"}.items():
        assert event["metadata"]["ce-" + name] == value
    assert shared.post("/in/open", b'{"n": 1}', **binary(sent))[1] == {**answer, "duplicate": True}
    assert shared.post("/in/open", b'{"n": 2}', **binary(sent))[0] == 422


def test_binary__without_data_and_with_any(shared):
    status, answer, _ = shared.post("/in/open", b"", type=None, **binary(attributes()))
    assert status == 200, answer
    assert stored(shared, answer["eventId"])[0].get("text", "") in ("", None)
    assert shared.post("/in/any", b"\xff", type="image/png", **binary(attributes()))[0] == 200


@pytest.mark.parametrize("path", ["/in/open", EVENT])
def test_structured__is_stored_byte_for_byte(shared, path):
    sent = attributes(data={"n": 1})
    body = json.dumps(sent, indent=1).encode()
    status, answer, _ = shared.post(path, body, type=STRUCTURED + "; charset=utf-8")
    assert status == 200
    event = stored(shared, answer["eventId"])[0]
    assert event["text"].encode() == body and event["event_time_us"] == 1577836800000000
    assert event["topic"] == ("com.example.made" if path == "/in/open" else "order.created.0")
    assert shared.post(path, body, type=STRUCTURED)[1] == {**answer, "duplicate": True}
    assert "duplicate" not in shared.post(path, json.dumps({**sent, "source": "/other"}).encode(), type=STRUCTURED)[1]


@pytest.mark.parametrize("path", ["/in/open", EVENTS])
def test_batched__each_is_an_event_of_its_own(shared, path):
    sent = [attributes(type=f"t{n}", subject=f"s{n}") for n in range(3)]
    body = json.dumps(sent).encode()
    status, answer, _ = shared.post(path, body, type=BATCHED)
    assert status == 200
    events = stored(shared, *answer["eventIds"])
    assert [json.loads(e["text"]) for e in events] == sent
    if path == "/in/open":
        assert [(e["topic"], e["attrs"]["externalId"]) for e in events] == [("t0", "s0"), ("t1", "s1"), ("t2", "s2")]
    assert shared.post(path, body, type=BATCHED)[1] == {**answer, "duplicate": True}
    assert shared.post(path, b"[]", type=BATCHED)[1]["eventIds"] == []
    status, answer, _ = shared.post(path + "?partial=1", json.dumps([attributes(), {"id": "x"}]).encode(), type=BATCHED)
    assert status == 207 and [r["status"] for r in answer["results"]] == [200, 400]


GOOD = attributes(id="fixed")
REFUSED = [
    ("/in/open", b"{}", {"type": STRUCTURED}, 400), ("/in/open", b"[]", {"type": STRUCTURED}, 400),
    ("/in/open", json.dumps({**GOOD, "specversion": "0.3"}).encode(), {"type": STRUCTURED}, 400),
    ("/in/open", json.dumps({**GOOD, "time": "soon"}).encode(), {"type": STRUCTURED}, 400),
    ("/in/open", json.dumps(GOOD).encode(), {"type": "application/cloudevents+avro"}, 415),
    ("/in/open", json.dumps([GOOD, {}]).encode(), {"type": BATCHED}, 400), ("/in/open", b"{}", {"type": BATCHED}, 400),
    (EVENT, json.dumps([GOOD]).encode(), {"type": BATCHED}, 415),
    (EVENTS, json.dumps(GOOD).encode(), {"type": STRUCTURED}, 415),
    ("/in/open", b"{}", binary({**GOOD, "datacontenttype": "application/json"}), 400),
    ("/in/open", b"{}", binary({**GOOD, "x": "%ff"}), 400), ("/in/open", b"{}", binary({**GOOD, "specversion": "2"}), 400),
    ("/in/open", b"\xff", {**binary(GOOD), "type": "image/png"}, 415), ("/in/keyed", b"{}", binary(GOOD), 401),
]


@pytest.mark.parametrize("path, body, headers, status", REFUSED, ids=[str(n) for n in range(len(REFUSED))])
def test_refused__and_nothing_is_stored(shared, path, body, headers, status):
    before = len(shared.tail("--op", "post"))
    got, problem, _ = shared.post(path, body, **headers)
    assert got == status == problem["status"], problem
    assert len(shared.tail("--op", "post")) == before


def test_off__they_are_bodies_like_others(shared):
    status, answer, _ = shared.post("/in/plain", b"{}", type=STRUCTURED, **binary({"id": "1"}))
    assert status == 200 and answer["eventType"] == "received"


def asked(hooks, path, **headers):
    status, _, answer = hooks.post(path, b"", type=None, method="OPTIONS", **headers)
    return status, answer["WebHook-Allowed-Origin"], answer["WebHook-Allowed-Rate"], answer["Allow"]


def test_handshake__consents_to_those_configured(shared):
    ask = {"WebHook_Request_Origin": "eventemitter.example.com", "WebHook_Request_Rate": "120"}
    assert asked(shared, "/in/open", **ask) == (200, "EventEmitter.example.com", "*", "POST, OPTIONS")
    assert asked(shared, EVENT, **ask)[:2] == (200, "EventEmitter.example.com")
    assert asked(shared, "/in/any", WebHook_Request_Origin="whoever.example.com") == (200, "*", "*", "POST, OPTIONS")
    assert asked(shared, "/in/open", WebHook_Request_Origin="evil.example.com") == (403, None, None, "POST, OPTIONS")
    assert asked(shared, "/in/open") == (200, None, None, "POST, OPTIONS")
    assert asked(shared, "/in/keyed", **ask)[:2] == (405, None)
