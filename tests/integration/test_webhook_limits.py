"""How much one client may take from the others: requests, connections, time, the disk."""
import http.client
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.crash.disk_full import fill
from tests.support import leatd, places
from tests.support.hookload import Load
from tests.support.hooks import Hooks

EVENT = "/event/open/shop/order.0/order.created.0"
EVENTS = "/events/open/shop/order.0/order.created.0"
KEYED = "/event/acme/shop/order.0/order.created.0"
PROXY, OTHER_PROXY = "127.0.0.2", "127.0.0.3"


@pytest.fixture
def own(built, tmp_path):
    made = []

    def make(directory=tmp_path, **settings):
        made.append(Hooks(directory, **settings))
        return made[-1]
    yield make
    for hooks in made:
        if hooks.process and hooks.process.poll() is None:
            hooks.kill9()


def metric(hooks, name):
    text = urllib.request.urlopen(f"http://127.0.0.1:{hooks.http_port}/metrics", timeout=10).read().decode()
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])


# --- requests -----------------------------------------------------------------------------------------------------


def test_rate__of_an_address(own):
    hooks = own(ingest={"rate_per_address": 5, "rate_window": "1h"}).start()
    for left in (4, 3, 2, 1, 0):
        status, _, headers = hooks.post(EVENT if left else "/nowhere")  # wrong ones count as well
        assert status == (200 if left else 404)
        assert headers["RateLimit-Policy"] == '"address";q=5;w=3600'
        assert re.fullmatch(rf'"address";r={left};t=\d+', headers["RateLimit"]), headers["RateLimit"]
    status, problem, headers = hooks.post(EVENT)
    assert status == 429 and problem["code"] == "TOO_MANY_REQUESTS" and problem["violated-policies"] == ["address"]
    assert problem["type"].endswith("#quota-exceeded")
    again, reset = int(headers["Retry-After"]), int(re.search(r"r=0;t=(\d+)", headers["RateLimit"])[1])
    assert 700 <= again <= 720 and again <= reset <= 3600
    assert metric(hooks, 'leat_ingest_limited_total{by="address"}') == 1
    assert len(hooks.tail("--op", "post")) == 4
    assert hooks.stop() == 0


def test_rate__of_a_key_from_wherever(own):
    hooks = own(ingest={"rate_per_key": 3, "rate_window": "1h"}).start()
    one, other = hooks.key(), hooks.key()
    assert [hooks.post(KEYED, key=one)[0] for _ in range(4)] == [200, 200, 200, 429]
    assert hooks.post(KEYED + f"?key={one}")[0] == 429
    status, _, headers = hooks.post(KEYED, key=other)
    assert status == 200 and headers["RateLimit"].startswith('"key";r=2')
    assert hooks.post(KEYED, key=one[:-1])[0] == 401  # a wrong secret costs its owner nothing
    status, _, headers = hooks.post(EVENT)
    assert status == 200 and headers["RateLimit"] is None
    assert metric(hooks, 'leat_ingest_limited_total{by="key"}') == 2
    assert hooks.stop() == 0


def test_rate__both_are_told(own):
    hooks = own(ingest={"rate_per_key": 3, "rate_per_address": 9, "rate_window": "90s"}).start()
    _, _, headers = hooks.post(KEYED, key=hooks.key())
    assert headers["RateLimit-Policy"] == '"address";q=9;w=90, "key";q=3;w=90'
    assert headers["RateLimit"] == '"address";r=8;t=10, "key";r=2;t=30'
    assert hooks.stop() == 0


def test_rate__who_comes_when_told_is_taken(own):
    hooks = own(ingest={"rate_per_address": 2, "rate_window": "2s"}).start()
    stored = 0
    for _ in range(8):
        status, _, headers = hooks.post(EVENT)
        if status == 429:
            time.sleep(int(headers["Retry-After"]))  # as it asks for
            assert hooks.post(EVENT)[0] == 200
        stored += 1
    assert len(hooks.tail("--op", "post")) == stored == 8
    assert hooks.stop() == 0


def through(hooks, proxy, *forwarded):
    """(status, RateLimit) of a request by way of a proxy."""
    lines = "".join(f"X-Forwarded-For: {line}\r\n" for line in forwarded)
    request = f"POST {EVENT} HTTP/1.1\r\nHost: x\r\n{lines}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    with socket.create_connection(("127.0.0.1", hooks.port), 5, source_address=(proxy, 0)) as s:
        s.sendall(request.encode())
        answer = s.recv(4096).decode()
    return int(answer.split()[1]), int(re.search(r"RateLimit: .*r=(\d+)", answer)[1])


def test_rate__behind_proxies_is_the_clients(own):
    hooks = own(ingest={"rate_per_address": 3, "rate_window": "1h", "trusted_proxies": [PROXY, OTHER_PROXY]}).start()
    assert through(hooks, PROXY, "1.2.3.4") == (200, 2)
    assert through(hooks, OTHER_PROXY, "6.6.6.6, 1.2.3.4") == (200, 1)  # what it says before itself is nothing
    assert through(hooks, PROXY, "6.6.6.6", f"1.2.3.4:4711, {OTHER_PROXY}") == (200, 0)
    assert through(hooks, PROXY, "9.9.9.9, 1.2.3.4") == (429, 0)
    assert through(hooks, PROXY, "[2001:db8:1:2::1]:5") == (200, 2)
    assert through(hooks, PROXY, "2001:db8:1:2:ffff::9") == (200, 1)  # a network is one client
    assert through(hooks, PROXY, "2001:db8:1:3::1") == (200, 2)
    assert through(hooks, PROXY, "unknown") == (200, 2) and through(hooks, PROXY) == (200, 1)  # the proxy's own
    assert through(hooks, OTHER_PROXY, "1.2.3.4, nonsense") == (200, 2)
    assert hooks.stop() == 0


def test_rate__who_is_no_proxy_cannot_choose_its_address(own):
    hooks = own(ingest={"rate_per_address": 3, "rate_window": "1h"}).start()
    statuses = [through(hooks, "127.0.0.1", f"1.2.3.{n}")[0] for n in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert hooks.stop() == 0


def test_rate__a_hundred_thousand_addresses_take_no_memory(own):
    """Through a proxy, over one connection; more of them than there are places, and one that asks all the while."""
    hooks = own(ingest={"rate_per_address": 9, "rate_window": "1h", "trusted_proxies": [PROXY]}).start()
    count, piece, chance = 100_000, 100, random.Random(5)
    request = (f"POST {EVENTS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
               "X-Forwarded-For: %d.%d.%d.%d\r\n\r\n[]").encode()  # taken, and nothing to store
    with socket.create_connection(("127.0.0.1", hooks.port), 20, source_address=(PROXY, 0)) as s:
        with leatd.MemorySampler(hooks.process.pid) as memory:
            for _ in range(count // piece):
                s.sendall(b"".join(request % tuple(chance.randrange(256) for _ in range(4)) for _ in range(piece)))
                got = b""
                while got.count(b"HTTP/1.1 200") < piece:
                    more = s.recv(1 << 20)
                    assert more and b"HTTP/1.1 429" not in more
                    got += more
    assert through(hooks, PROXY, "1.2.3.4") == (200, 8)
    assert metric(hooks, "leat_ingest_limits_forgotten_total") > 20_000
    assert memory.peak < 32 << 20
    print(f"rate: {count} addresses, peak {memory.peak / 2**20:.1f} MiB")
    assert hooks.stop() == 0


@pytest.mark.parametrize("ingest, words", [
    ({"rate_per_address": -1}, ["rate_per_address"]), ({"rate_window": "1ms"}, ["rate_window"]),
    ({"trusted_proxies": ["1.2.3"]}, ["trusted_proxies", "1.2.3"])])
def test_rate__mistakes_are_named(own, ingest, words):
    done = own(ingest=ingest).command("check")
    assert done.returncode == leatd.USAGE and all(w in done.stderr for w in words), done.stderr


# --- connections and time -----------------------------------------------------------------------------------------


SLOW, SAMPLES, ROUNDS, WORSE = 500, 500, 3, 3


def p99_ms(hooks):
    """Of one client that posts over one connection, one after the other."""
    connection, times = http.client.HTTPConnection("127.0.0.1", hooks.port, timeout=30), []
    for n in range(SAMPLES):
        begun = time.monotonic()
        connection.request("POST", EVENT, json.dumps({"n": n}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        times.append(time.monotonic() - begun)
    connection.close()
    return sorted(times)[len(times) * 99 // 100] * 1000


def slow_clients(hooks, key):
    process = subprocess.Popen([sys.executable, "-m", "tests.support.slowclients", str(hooks.port), str(SLOW), key],
                               cwd=places.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"there\n"
    places.wait_until(lambda: metric(hooks, "leat_ingest_connections") >= SLOW * 0.9, 20, "slow connections")
    return process


def test_slow__five_hundred_do_not_make_an_honest_client_wait(own):
    """Heads, bodies, and readers that take nothing. Ratios, because the machine has other things to do as well."""
    hooks = own().start()
    key = hooks.key("--rights", "read")
    for _ in range(40):
        assert hooks.post(EVENTS, [{"pad": "x" * 1000}] * 50)[0] == 200  # for the readers
    ratios = []
    with leatd.MemorySampler(hooks.process.pid) as memory:
        for _ in range(ROUNDS):
            alone = p99_ms(hooks)
            process = slow_clients(hooks, key)
            early = p99_ms(hooks)  # while the readers' first pieces are read from the disk
            beside = p99_ms(hooks)
            cut_before = metric(hooks, "leat_ingest_slow_connections_total")
            places.wait_until(lambda: metric(hooks, "leat_ingest_slow_connections_total") > cut_before + SLOW // 3, 20,
                              "cuts")
            beside = statistics.mean([beside, p99_ms(hooks)])
            process.communicate(b"\n", timeout=20)
            places.wait_until(lambda: metric(hooks, "leat_ingest_connections") < 20, 20, "their end")
            ratios.append(beside / alone)
            print(f"slow: p99 {alone:.2f} ms alone, {beside:.2f} ms beside {SLOW} slow connections: {ratios[-1]:.2f}; "
                  f"{early:.2f} ms while they came")
    print(f"slow: median ratio {statistics.median(ratios):.2f}, at most {WORSE}; peak memory {memory.peak / 2**20:.0f} MiB")
    assert statistics.median(ratios) <= WORSE
    assert hooks.stop() == 0


# --- the disk -----------------------------------------------------------------------------------------------------


DISK_MIB, ROOM_SECONDS, HOLD_SECONDS = 48, 10, 1


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(mount)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"mount: {done.stderr.strip()}")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def test_full__held_then_503_and_all_is_well_when_there_is_room(own, small_disk):
    """The disk is full and free again, three times, under clients that retry: nothing is lost, nobody starts leat again."""
    hooks = own(store={"path": str(small_disk / "store"), "low_water": "4MiB", "segment_size": "2MiB"},
                sources={name: {"type": "webhook", "authentication": "none", "hold": f"{HOLD_SECONDS}s"}
                         for name in ("open", "probe")})
    load = Load(hooks, 11, [("open", {})])
    hooks.start()
    pid, held, back = hooks.process.pid, [], []
    load.start()

    def probe():
        begun = time.monotonic()
        status, problem, headers = hooks.post("/event/probe/a/b/c")
        if status == 200:
            return False
        assert status == 503 and int(headers["Retry-After"]) >= 1 and problem["code"] == "SERVICE_UNAVAILABLE"
        held.append(time.monotonic() - begun)
        return True
    for _ in range(3):
        before = load.answered()
        places.wait_until(lambda: load.answered() > before + 100, 30, "requests")
        filler = fill(small_disk / "filler")
        places.wait_until(probe, 20, "503")
        filler.unlink()
        begun = time.monotonic()
        places.wait_until(lambda: not probe(), ROOM_SECONDS, "room")
        back.append(time.monotonic() - begun)
    load.finish()
    figures, wrong = load.check(hooks.tail("--op", "post", "--source", "open"))
    assert wrong == [] and figures["retried"] > 0 and load.again(50) == []
    assert hooks.process.pid == pid and "low-water mark" in hooks.log()
    assert all(HOLD_SECONDS * 0.9 < seconds < HOLD_SECONDS + 3 for seconds in held)
    print(f"full: {figures}; held {max(held):.1f} s, back within {max(back):.1f} s")
    assert hooks.stop() == 0
