"""Readers with names: a cursor that was committed is where reading goes on, after kill -9 too; it only moves forward; who
may use which; what is shown of them; and that nothing is lost or given twice to a client that keeps nothing itself."""
import concurrent.futures
import json
import threading
import urllib.request

import pytest

from tests.integration.test_feed import EVENT, EVENTS, Reader, numbers
from tests.support.hooks import Hooks
from tests.support.places import wait_until


@pytest.fixture
def own(built, tmp_path):
    hooks = Hooks(tmp_path).start()
    hooks.reading = hooks.key("--rights", "read")
    hooks.admin = hooks.key("--rights", "admin")
    yield hooks
    if hooks.process and hooks.process.poll() is None:
        hooks.kill9()


def ask(hooks, method, path, key, body=None):
    status, answer, _ = hooks.post("/v1/readers" + path, b"" if body is None else body, key=key, method=method)
    return status, answer


def commit(hooks, name, cursor, key=None):
    return ask(hooks, "POST", f"/{name}/commit", key or hooks.reading, {"cursor": cursor})


def page(hooks, name, key=None, **query):
    reader = Reader(hooks, key or hooks.reading, reader=name, **query)
    status, events, headers = reader.get()
    return status, events, headers["Leat-Cursor"]


def metrics(hooks):
    text = urllib.request.urlopen(f"http://127.0.0.1:{hooks.http_port}/metrics", timeout=10).read().decode()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
            if line.startswith("leat_reader")}


def test_commit__is_where_reading_goes_on_after_a_kill(own):
    own.post(EVENTS, [{"n": i} for i in range(10)])
    status, events, cursor = page(own, "a", limit=4)
    assert (status, numbers(events)) == (200, [0, 1, 2, 3])
    assert numbers(page(own, "a", limit=4)[1]) == [0, 1, 2, 3]  # nothing was committed
    assert commit(own, "a", cursor) == (200, {"reader": "a", "cursor": cursor, "moved": True})
    own.kill9()
    own.start()
    status, events, further = page(own, "a", limit=4)
    assert numbers(events) == [4, 5, 6, 7]
    assert commit(own, "a", further)[1]["moved"] is True
    assert commit(own, "a", further) == (200, {"reader": "a", "cursor": further, "moved": False})
    assert commit(own, "a", cursor) == (200, {"reader": "a", "cursor": further, "moved": False})  # late: harmless
    assert numbers(page(own, "a")[1]) == [8, 9]
    assert numbers(page(own, "b", after="end")[1]) == []  # for a reader that has none yet, `after` counts
    assert numbers(page(own, "a", after="end")[1]) == [8, 9]


def test_commit__that_is_no_cursor_of_ours_is_refused(own, tmp_path_factory):
    own.post(EVENT, {"n": 1})
    cursor = page(own, "a")[2]
    for body in (b"", b"x", b"[]", b"{}", b'{"cursor":1}', b'{"cursor":"x"}', b'{"cursor":"start"}',
                 b'"%s"' % cursor.encode(),
                 b'{"cursor":"%s","more":1}' % cursor.encode(), b'{"cursor":"a","cursor":"%s"}' % cursor.encode(),
                 b"[" * 4000):
        assert ask(own, "POST", "/a/commit", own.reading, body)[0] == 400, body
    assert ask(own, "POST", "/a/commit", own.reading, b" " * 5000)[0] == 413
    other = Hooks(tmp_path_factory.mktemp("other")).start()
    other.reading = other.key("--rights", "read")
    foreign = page(other, "a")[2]
    assert other.stop() == 0
    assert commit(own, "a", foreign)[0] == 409
    ahead = Reader(own, own.reading)
    own.post(EVENT, {"n": 2})
    ahead.get()
    import base64
    raw = bytearray(base64.urlsafe_b64decode(ahead.cursor[1:]))
    raw[-1] += 1
    assert commit(own, "a", "A" + base64.urlsafe_b64encode(raw).decode())[0] == 409
    assert ask(own, "GET", "/a", own.reading)[0] == 404  # none of them made a reader


@pytest.mark.parametrize("name", ["", ".a", "a%2fb", "a" * 65, "a/b", "%C3%A4", "a%20b"])
def test_names__that_are_none_are_not_found(own, name):
    assert ask(own, "POST", f"/{name}/commit", own.reading, b"{}")[0] == 404
    assert Reader(own, own.reading, reader=name or "%20").get()[0] == 400


def test_methods__others_are_405(own):
    assert ask(own, "POST", "", own.admin)[0] == 405 and ask(own, "DELETE", "", own.admin)[0] == 405
    assert ask(own, "POST", "/a", own.admin)[0] == 405 and ask(own, "GET", "/a/commit", own.admin)[0] == 405


def test_rights__of_keys(own):
    own.post(EVENT, {"n": 1})
    cursor = page(own, "a")[2]
    writing, acme = own.key("--rights", "write"), own.key("--rights", "read", "--tenant", "acme")
    for key, status in ((None, 401), ("fc_no_such", 401), (writing, 403)):
        assert ask(own, "POST", "/a/commit", key, {"cursor": cursor})[0] == status
    assert commit(own, "a", cursor)[0] == 200
    assert commit(own, "theirs", cursor, acme)[0] == 200
    # a reader belongs to keys that are limited in the same way: another tenant's cannot move or see it
    assert commit(own, "a", cursor, acme)[0] == 403 and commit(own, "theirs", cursor)[0] == 403
    assert ask(own, "GET", "/a", acme)[0] == 403 and ask(own, "GET", "/theirs", acme)[0] == 200
    assert page(own, "a", acme, tenant="acme")[0] == 403 and page(own, "theirs", acme, tenant="acme")[0] == 200
    assert page(own, "theirs", acme)[0] == 403  # as without a name: the tenant must be named
    # all of them, and dropping, are for admins
    assert ask(own, "GET", "", own.reading)[0] == 403 and ask(own, "DELETE", "/a", own.reading)[0] == 403
    assert [r["name"] for r in ask(own, "GET", "", own.admin)[1]["readers"]] == ["a", "theirs"]
    assert ask(own, "DELETE", "/theirs", own.admin)[0] == 204 and ask(own, "DELETE", "/theirs", own.admin)[0] == 404
    assert commit(own, "a", cursor, own.admin)[0] == 200


def test_cap__one_reader_too_many_is_507(own):
    own.post(EVENT, {"n": 1})
    cursor = page(own, "a")[2]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda i: commit(own, f"r{i}", cursor)[0], range(1000)))
    assert found == [200] * 1000
    assert commit(own, "more", cursor)[0] == 507 and commit(own, "r500", cursor)[0] == 200
    assert len(ask(own, "GET", "", own.admin)[1]["readers"]) == 1000
    assert sum(k.startswith("leat_reader_lag_events{") for k in metrics(own)) == 1000
    assert ask(own, "DELETE", "/r9", own.admin)[0] == 204 and commit(own, "more", cursor)[0] == 200


def test_shown__over_http_in_metrics_in_status_and_by_the_command(own):
    own.post(EVENTS, [{"n": i} for i in range(10)])
    cursor = page(own, "shop.mirror", limit=4)[2]
    commit(own, "shop.mirror", cursor)
    one = ask(own, "GET", "/shop.mirror", own.reading)[1]
    assert (one["name"], one["cursor"], one["sequence"], one["lag_events"]) == ("shop.mirror", cursor, 4, 6)
    assert one["tenant"] is None and one["committed"] >= one["created"]
    found = metrics(own)
    assert found['leat_reader_lag_events{reader="shop.mirror"}'] == 6
    assert 0 <= found['leat_reader_silent_seconds{reader="shop.mirror"}'] < 60
    assert found["leat_reader_commits_total"] == found["leat_reader_moves_total"] == 1
    page_status = json.loads(own.command("status", "--json").stdout)
    assert [(r["name"], r["lag_events"]) for r in page_status["readers"]] == [("shop.mirror", 6)]
    assert "shop.mirror" in own.command("status").stdout
    for running in (True, False):
        listed = own.command("readers", "list", "--json")
        assert [(r["name"], r["lag_events"]) for r in json.loads(listed.stdout)] == [("shop.mirror", 6)], listed.stderr
        assert "shop.mirror" in own.command("readers", "list").stdout
        assert json.loads(own.command("readers", "show", "shop.mirror").stdout)["sequence"] == 4
        assert own.command("readers", "show", "nobody").returncode == 2
        if running:
            assert own.stop() == 0
    down = json.loads(own.command("status", "--json").stdout)
    assert down["running"] is False and [r["lag_events"] for r in down["readers"]] == [6]
    assert "shop.mirror" in own.command("status").stdout
    own.start()
    dropped = own.command("readers", "drop", "shop.mirror")  # beside the daemon
    assert dropped.returncode == 0, dropped.stderr
    assert own.command("readers", "drop", "shop.mirror").returncode == 2
    assert ask(own, "GET", "/shop.mirror", own.reading)[0] == 404
    assert not [k for k in metrics(own) if "shop.mirror" in k]
    assert numbers(page(own, "shop.mirror", limit=1)[1]) == [0]


def test_event_stream__of_a_reader_begins_at_its_cursor(own):
    from tests.integration.test_feed import EventStream
    own.post(EVENTS, [{"n": i} for i in range(10)])
    first, third = page(own, "a", limit=1)[2], page(own, "b", limit=3)[2]
    commit(own, "a", third)
    stream = EventStream(own, own.reading, query="reader=a")
    assert json.loads(stream.next()["text"])["n"] == 3
    stream.close()
    stream = EventStream(own, own.reading, first, "reader=a")  # a browser that goes on by itself
    assert json.loads(stream.next()["text"])["n"] == 1
    stream.close()


def test_commits__from_everywhere_at_once_end_at_the_furthest(own):
    own.post(EVENTS, [{"n": i} for i in range(200)])
    cursors, reader = [], Reader(own, own.reading, limit=1)
    for _ in range(200):
        reader.get()
        cursors.append(reader.cursor)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        order = [cursors[(i * 77) % 200] for i in range(200)]
        assert all(s == 200 for s, _ in pool.map(lambda c: commit(own, "a", c), order))
    assert ask(own, "GET", "/a", own.reading)[1]["sequence"] == 200
    print(f"{metrics(own)['leat_reader_moves_total']:.0f} of 200 moved it")


def test_nothing__is_lost_or_told_back_across_kills(own):
    """A writer, and a client that keeps only what it did and commits behind it; both meet three kill -9. What an answered
    commit covered is never given again."""
    accepted, seen, end, written = [], [], threading.Event(), threading.Event()
    covered = 0  # of seen: known to be committed

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
        nonlocal covered
        done = 0
        while not written.is_set() or done < len(accepted):
            try:
                status, events, cursor = page(own, "a", wait="1s", limit=20, type_="order*")
                if status != 200:
                    continue
                got = numbers(events)
                assert not set(got) & set(seen[:covered]), "given again behind an answered commit"
                seen.extend(n for n in got if n not in seen)
                done = len([n for n in seen if n >= 0])
                if commit(own, "a", cursor)[0] == 200:
                    covered = len(seen)
            except (OSError, urllib.request.http.client.HTTPException):
                written.wait(0.02)

    failed = []

    def guarded(f):
        try:
            f()
        except BaseException as e:
            failed.append(e)
    threads = [threading.Thread(target=guarded, args=(f,), daemon=True) for f in (write, follow)]
    for t in threads:
        t.start()
    for round in range(3):
        wait_until(lambda: len(accepted) > 100 * (round + 1) or failed, 30, "events accepted")
        own.kill9()
        own.start()
    wait_until(lambda: len(accepted) > 400 or failed, 30, "events accepted")
    end.set()
    threads[0].join(30)
    written.set()
    own.post(EVENT, {"n": -1})
    threads[1].join(60)
    assert not failed and not any(t.is_alive() for t in threads), failed
    stored = [n for n in numbers(own.tail("--op", "post")) if n >= 0]
    assert [n for n in seen if n >= 0] == stored[:len([n for n in seen if n >= 0])] and len(seen) >= len(accepted)
    own.kill9()
    own.start()
    assert ask(own, "GET", "/a", own.reading)[1]["sequence"] >= len(accepted)
