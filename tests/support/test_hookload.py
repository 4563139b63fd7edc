"""Planted faults: what `hookload` must not call true."""
import copy

import pytest

from .hookload import Client, Load, Request


class Nobody:
    port = 1


@pytest.fixture
def story():
    """(load, events): two clients, singles and batches, all as it should be; one request without key got no answer."""
    load = Load(Nobody, 7, [("open", {})], clients=2)
    events = []
    for client in load.clients:
        for _ in range(40):
            request = client.make()
            client.requests.append(request)
            request.tries = 1
            request.ids = [f"id-{client.number}-{len(events)}-{i}" for i in range(len(request.bodies))]
            events += [{"id": i, "text": b.decode()} for i, b in zip(request.ids, request.bodies)]
    load.clients[0].requests.append(Request("/event/open/shop/order.0/x", [b'"unanswered"'], False, None, {}))
    return load, events


def test_check__the_truth_passes(story):
    load, events = story
    figures, wrong = load.check(events)
    assert wrong == [] and figures["answered"] == figures["events"] == len(events) > 80
    assert load.check(events + [{"id": "u", "text": '"unanswered"'}])[1] == []


@pytest.mark.parametrize("fault, word", [
    (lambda e: e.pop(3), "lost"), (lambda e: e[5].update(text=e[5]["text"] + " "), "lost or altered"),
    (lambda e: e.append(dict(e[0])), "repeated"), (lambda e: e.append({**e[0], "id": "another"}), "repeated"),
    (lambda e: e.append({"id": "u", "text": '"stranger"'}), "never sent"),
    (lambda e: e[1].update(id=e[0]["id"]), "lost or altered"), (lambda e: e.clear(), "lost or altered")])
def test_check__faults_are_found(story, fault, word):
    load, events = story
    events = copy.deepcopy(events)
    fault(events)
    assert any(word in complaint for complaint in load.check(events)[1])


def test_check__half_a_request_is_torn_although_nobody_was_told(story):
    load, events = story
    request = next(r for r in load.requests() if len(r.bodies) > 2)
    request.ids = None
    half = [e for e in events if e["text"].encode() not in request.bodies[1:]]
    figures, wrong = load.check(half)
    assert figures["torn"] == 1 and any("torn" in complaint for complaint in wrong)


def test_client__no_two_events_have_the_same_bytes():
    load = Load(Nobody, 7, [("open", {})], clients=3)
    bodies = [b for client in load.clients for _ in range(200) for b in made(client)]
    assert len(bodies) == len(set(bodies)) > 600


def made(client: Client):
    client.requests.append(client.make())
    return client.requests[-1].bodies
