"""Files over HTTP: a form with a file becomes one transaction of part events, whole or not there, also after kill -9; it
comes back as it was, or not at all."""
import base64
import gzip
import hashlib
import hmac
import http.client
import json
import os
import random
import socket
import subprocess
import threading
import uuid

import pytest

from tests.support import leatd, places
from tests.support.hooks import Hooks

FILE = "/file/open/shop/report.0/report.uploaded.0"
PART = 512 << 10
MIB = 1 << 20


def form(content, fields=(), name="report.csv", boundary="XyZ", file_type="text/csv", field="file"):
    """(Content-Type, body) of a form, fields first."""
    out = b"".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n'.encode()
                   + (value if isinstance(value, bytes) else value.encode()) + b"\r\n" for key, value in fields)
    head = (f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
            f"Content-Type: {file_type}\r\n\r\n")
    return f"multipart/form-data; boundary={boundary}", out + head.encode() + content + f"\r\n--{boundary}--\r\n".encode()


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def sha(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def shared(built, tmp_path_factory):
    hooks = Hooks(tmp_path_factory.mktemp("files"), sources={
        "hooks": {"type": "webhook", "tenant": "acme"},
        "open": {"type": "webhook", "authentication": "none"},
        "small": {"type": "webhook", "authentication": "none", "file_size": "1MiB", "files_at_once": 1,
                  "streams": ["shop/*/*"]}}).start()
    yield hooks
    assert hooks.stop() == 0


@pytest.fixture
def own(built, tmp_path):
    made = []

    def make(**settings):
        made.append(Hooks(tmp_path, **settings))
        return made[0]
    yield make
    for hooks in made:
        if hooks.process and hooks.process.poll() is None:
            hooks.kill9()


def send(hooks, content, fields=(), path=FILE, seconds=60, headers=None, **how):
    kind, body = form(content, fields, **how)
    return hooks.post(path, body, type=kind, seconds=seconds, **(headers or {}))


def parts(hooks, ids, *arguments):
    by_id = {e["id"]: e for e in hooks.tail("--op", "post", *arguments)}
    return [(by_id[i], json.loads(by_id[i]["text"])) for i in ids]


def fetch(hooks, event_id, key=None, method="GET"):
    """(status, headers, bytes, whole?)"""
    c = http.client.HTTPConnection("127.0.0.1", hooks.port, timeout=60)
    try:
        c.request(method, f"/v1/files/{event_id}", headers={"Authorization": key} if key else {})
        answer = c.getresponse()
        try:
            return answer.status, answer.headers, answer.read(), True
        except http.client.IncompleteRead as e:
            return answer.status, answer.headers, e.partial, False
    finally:
        c.close()


# --- what is stored ---------------------------------------------------------------------------------------------


SIZES = [0, 1, 1000, 60000, 64 << 10, PART - 1, PART, PART + 1, 3 * PART, 3 * PART + 40000, 5 * MIB]


@pytest.mark.parametrize("size", SIZES)
def test_file__each_part_is_an_event_and_together_they_are_the_file(shared, size):
    content = noise(size)
    status, answer, headers = send(shared, content, [("fileId", "f-1"), ("type", "text/plain")])
    assert status == 200 and headers["Content-Type"] == "application/json"
    assert answer["success"] is True and answer["received"] is True and "error" not in answer
    assert answer["checksum"] == sha(content) and answer["hashType"] == "SHA256"
    total = max(1, -(-size // PART))
    assert len(answer["eventIds"]) == total and all(uuid.UUID(i).version == 1 for i in answer["eventIds"])
    events = parts(shared, answer["eventIds"])
    assert [p["part"] for _, p in events] == list(range(1, total + 1))
    for event, part in events:
        assert {k: v for k, v in part.items() if k not in ("part", "data")} == {
            "fileId": "f-1", "fileName": "report.csv", "fileType": "text/plain", "fileSize": size, "totalParts": total,
            "checksum": sha(content), "hashType": "SHA256"}
        assert event["topic"] == "report.uploaded.0" and event["tx"]["attrs"]["flowType"] == "report.0"
    assert len({e["tx"]["id"] for e, _ in events}) == 1 and [e["ordinal"] for e, _ in events] == list(range(total))
    assert b"".join(base64.b64decode(p["data"]) for _, p in events) == content
    assert all(len(p["data"]) == 699052 for _, p in events[:-1])


@pytest.mark.parametrize("path", [FILE, "/api/v1" + FILE, FILE.replace("/file/", "/events/"),
                                  "/api/v1" + FILE.replace("/file/", "/events/")])
def test_file__on_all_its_paths(shared, path):
    status, answer, _ = send(shared, b"abc", path=path)
    assert status == 200 and answer["checksum"] == sha(b"abc") and len(answer["eventIds"]) == 1
    part = parts(shared, answer["eventIds"])[0][1]
    assert part["fileType"] == "text/csv" and part["fileId"] == answer["eventIds"][0]  # the form said neither


def test_file__extra_fields_are_in_each_part_and_our_names_win(shared):
    status, answer, _ = send(shared, noise(PART + 1), [
        ("additionalProperties", '{"a":1.50,"b":{"c":[null]},"checksum":"forged","note":"here too","type":"kind","a":2}'),
        ("note", 'line\r\n"quoted" ü'), ("part", "99"), ("data", "forged"), ("fileName", "forged")])
    assert status == 200
    for number, (event, part) in enumerate(parts(shared, answer["eventIds"]), 1):
        assert '"a":1.50' in event["text"] and part["b"] == {"c": [None]} and part["type"] == "kind"
        assert part["note"] == 'line\r\n"quoted" ü' and part["part"] == number and part["fileName"] == "report.csv"
        assert part["checksum"] == answer["checksum"] and part["data"] != "forged"


@pytest.mark.parametrize("sent, kept", [("a/b\\\\c.txt", "c.txt"), ("../../etc/passwd", "passwd"),
                                        ("C:\\\\x\\\\ü 😀.bin", "ü 😀.bin")])
def test_file__a_name_is_a_name_and_no_path(shared, sent, kept):
    status, answer, _ = send(shared, b"x", name=sent)
    assert status == 200 and parts(shared, answer["eventIds"])[0][1]["fileName"] == kept


def test_file__metadata_and_times_are_those_of_any_event(shared):
    status, answer, _ = send(shared, noise(PART + 1), headers={
        "x_flowcore_metadata_json": base64.b64encode(b'{"k":1}').decode(),
        "x_flowcore_event_time": "2020-01-02T03:04:05.678Z"})
    assert status == 200
    for event, _ in parts(shared, answer["eventIds"]):
        assert event["metadata"]["k"] == "1" and event["event_time_us"] == 1577934245678000


def test_file__under_an_idempotency_key_is_stored_once(shared):
    content, how = noise(2 * PART, 7), {"headers": {"Idempotency_Key": '"file-7"'}}
    first = send(shared, content, **how)
    again = send(shared, content, **how)
    assert first[0] == again[0] == 200 and again[1]["duplicate"] is True
    assert again[1]["eventIds"] == first[1]["eventIds"] and again[1]["checksum"] == first[1]["checksum"]
    assert send(shared, content + b"x", **how)[0] == 422
    assert sum(e["id"] in first[1]["eventIds"] for e in shared.tail("--op", "post")) == 2


def test_file__clients_of_all_kinds(shared, tmp_path):
    content = noise(700000, 3)
    (tmp_path / "x.bin").write_bytes(content)
    url = f"http://127.0.0.1:{shared.port}{FILE}"
    done = subprocess.run(["curl", "-sS", "-F", "fileId=1", "-F", f"file=@{tmp_path}/x.bin", url],
                          capture_output=True, check=True)
    chunked = subprocess.run(["curl", "-sS", "-H", "Transfer-Encoding: chunked", "-F", f"file=@{tmp_path}/x.bin", url],
                             capture_output=True, check=True)
    for answer in (json.loads(done.stdout), json.loads(chunked.stdout)):
        assert answer["success"] and answer["checksum"] == sha(content) and len(answer["eventIds"]) == 2


def test_file__other_requests_pass_one_that_is_being_stored(shared):
    stored = []
    uploader = threading.Thread(target=lambda: stored.append(send(shared, noise(48 * MIB), seconds=120)))
    uploader.start()
    posts = 0
    while uploader.is_alive():
        assert shared.post("/event/open/shop/order.0/order.created.0", {"pad": "x" * random.choice((1, 200000))})[0] == 200
        posts += 1
    assert stored[0][0] == 200 and posts > 10
    assert shared.command("verify").returncode == 0


# --- what is refused --------------------------------------------------------------------------------------------


def raw(hooks, path, kind, body, **headers):
    return hooks.post(path, body, type=kind, **headers)


GOOD = form(b"abc")
REFUSED = [
    ("no boundary", FILE, "multipart/form-data", GOOD[1], 400),
    ("not a form", FILE, "application/json", b"{}", 415),
    ("another multipart", FILE, "multipart/mixed; boundary=XyZ", GOOD[1], 415),
    ("cut", FILE, GOOD[0], GOOD[1][:-10], 400),
    ("empty", FILE, GOOD[0], b"", 400),
    ("no file", FILE, GOOD[0], b'--XyZ\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--XyZ--', 400),
    ("two files", FILE, GOOD[0], form(b"abc")[1].replace(b"--XyZ--\r\n", b"") + form(b"abc", name="x")[1], 400),
    ("no name", FILE, *form(b"abc", name=""), 400),
    ("a dot", FILE, *form(b"abc", name="x/.."), 400),
    ("twice the same field", FILE, *form(b"abc", [("a", "1"), ("a", "2")]), 400),
    ("properties are none", FILE, *form(b"abc", [("additionalProperties", "[1]")]), 400),
    ("not UTF-8", FILE, *form(b"abc", [("a", b"\xff")]), 400),
    ("long fields", FILE, *form(b"abc", [("a", "x" * 70000)]), 413),
    ("many fields", FILE, *form(b"abc", [(f"a{n}", "") for n in range(300)]), 413),
    ("too long", FILE.replace("open", "small"), *form(b"x" * (MIB + 1)), 413),
    ("much too long", FILE.replace("open", "small"), *form(b"x" * (3 * MIB)), 413),
    ("single", FILE.replace("/file/", "/event/"), *GOOD, 415),
    ("no such stream", FILE.replace("open/shop", "small/other"), *GOOD, 404),
]


@pytest.mark.parametrize("path, kind, body, status", [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_file__what_is_malformed_or_too_large_is_refused_and_stores_nothing(shared, path, kind, body, status):
    before = len(shared.tail())
    got, problem, headers = raw(shared, path, kind, body)
    assert got == status and headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == status and problem["error"] and problem["message"]
    assert len(shared.tail()) == before


def test_file__a_coding_is_415(shared):
    assert raw(shared, FILE, GOOD[0], gzip.compress(GOOD[1]), Content_Encoding="gzip")[0] == 415


def test_file__needs_the_key_of_its_source(shared):
    path = FILE.replace("/open/", "/acme/")
    assert send(shared, b"abc", path=path)[0] == 401
    assert send(shared, b"abc", path=path, headers={"Authorization": shared.key("--tenant", "other")})[0] == 403
    assert send(shared, b"abc", path=path, headers={"Authorization": shared.key("--tenant", "acme")})[0] == 200


def half_sent(hooks, path, length=400000):
    kind, body = form(b"x" * length)
    s = socket.create_connection(("127.0.0.1", hooks.port))
    s.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
              + body[:length // 2])
    return s


def spools(hooks):
    """Nameless files of the daemon."""
    found = 0
    for fd in os.listdir(f"/proc/{hooks.process.pid}/fd"):
        try:
            found += "(deleted)" in os.readlink(f"/proc/{hooks.process.pid}/fd/{fd}")
        except FileNotFoundError:
            pass
    return found


def test_file__more_at_once_than_are_taken_get_503_and_who_leaves_makes_room(shared):
    path = FILE.replace("/open/", "/small/")
    s = half_sent(shared, path)
    places.wait_until(lambda: spools(shared) == 1, 10, "the first file begins")
    status, _, headers = send(shared, b"abc", path=path)
    assert status == 503 and headers["Retry-After"]
    s.close()
    places.wait_until(lambda: send(shared, b"abc", path=path)[0] == 200, 10, "room for the next file")
    places.wait_until(lambda: spools(shared) == 0, 10, "no spool is left")


# --- how it is read ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reader(shared):
    return shared.key("--rights", "read")


def get(hooks, event_id, *arguments):
    done = subprocess.run([str(leatd.binary()), "file", "get", event_id, "-c", str(hooks.config_file), *arguments],
                          capture_output=True, timeout=120)
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.parametrize("size", [0, 1, PART, PART + 1, 5 * MIB + 77])
def test_reading__by_the_id_of_any_part_the_file_comes_back(shared, reader, tmp_path, size):
    content = noise(size, size)
    answer = send(shared, content, [("fileId", "f-2")], name="smør.bin")[1]
    for event_id in {answer["eventIds"][0], answer["eventIds"][-1], answer["eventIds"][0].upper()}:
        status, headers, body, whole = fetch(shared, event_id, reader)
        assert (status, whole) == (200, True) and body == content
        assert int(headers["Content-Length"]) == size and headers["Content-Type"] == "application/octet-stream"
        assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''sm%C3%B8r.bin"
        assert headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"
        code, out, _ = get(shared, event_id)
        assert code == 0 and out == content
    code, out, _ = get(shared, answer["eventIds"][0], "-o", str(tmp_path / "out"), "--json")
    assert code == 0 and (tmp_path / "out").read_bytes() == content and os.listdir(tmp_path) == ["out"]
    about = json.loads(out)
    assert (about["fileId"], about["fileName"], about["fileSize"]) == ("f-2", "smør.bin", size)
    assert about["checksum"] == sha(content) and about["hashType"] == "SHA256" and about["source"] == "open"


@pytest.mark.parametrize("moment", ["2001-01-01T00:00:00Z", "2100-01-01T00:00:00Z"])
def test_reading__finds_a_file_whose_time_is_not_that_of_its_coming(shared, reader, moment):
    content = noise(PART + 5, 99)
    answer = send(shared, content, headers={"x_flowcore_event_time": moment})[1]
    assert fetch(shared, answer["eventIds"][1], reader)[2] == content


def test_reading__what_is_no_file_is_404(shared, reader):
    event = shared.post("/event/open/shop/order.0/order.created.0", {"data": "x"})[1]["eventId"]
    forged = shared.post("/event/open/shop/order.0/order.created.0", {"part": 1, "totalParts": 1, "fileSize": 3,
                         "checksum": "0" * 64, "hashType": "SHA256", "data": "YWJj"})[1]["eventId"]
    for event_id in (event, str(uuid.uuid1()), str(uuid.uuid4()), "x", "../../etc/passwd"):
        assert fetch(shared, event_id, reader)[0] == 404
    assert fetch(shared, event, reader, method="POST")[0] == 405
    assert fetch(shared, event + "?after=end", reader)[0] == 400
    code, out, _ = get(shared, event)
    assert code == 1 and out == b""
    assert fetch(shared, forged, reader)[0] in (404, 500) and get(shared, forged)[1] == b""
    assert get(shared, "nonsense")[0] == 2 and get(shared, event, "--json")[0] == 2


def test_reading__the_rules_of_keys_are_those_of_the_feed(shared, reader):
    answer = send(shared, b"abc", path=FILE.replace("/open/", "/acme/"),
                  headers={"Authorization": shared.key("--tenant", "acme")})[1]
    event_id = answer["eventIds"][0]
    assert fetch(shared, event_id)[0] == 401
    assert fetch(shared, event_id, shared.key())[0] == 403
    ours, others = shared.key("--rights", "read", "--tenant", "acme"), shared.key("--rights", "read", "--source", "open")
    assert fetch(shared, event_id, ours)[0] == 403 and fetch(shared, event_id + "?tenant=acme", ours)[2] == b"abc"
    assert fetch(shared, event_id + "?source=open", others)[0] == 404
    assert fetch(shared, event_id + "?source=hooks", others)[0] == 403
    assert fetch(shared, event_id, reader)[2] == b"abc"


def test_reading__damage_is_an_error_and_never_the_whole(own, tmp_path):
    hooks = own().start()
    content = noise(6 * PART, 5)
    answer = send(hooks, content)[1]
    key = hooks.key("--rights", "read")
    assert hooks.stop() == 0
    segment = max(hooks.store_dir.glob("seg-*.mdb"), key=lambda p: p.stat().st_size)
    needle = base64.b64encode(content[4 * PART + 300000:4 * PART + 300030])
    bytes_ = bytearray(segment.read_bytes())
    at = bytes_.find(needle)
    if at < 0:  # compressed: anywhere among the parts
        at = len(bytes_) // 2
    bytes_[at] ^= 1
    segment.write_bytes(bytes_)
    hooks.start()
    status, _, body, whole = fetch(hooks, answer["eventIds"][0], key)
    assert (status == 200 and not whole and content.startswith(body) and len(body) < len(content)) or status == 500
    code, out, error = get(hooks, answer["eventIds"][0])
    assert code == 3 and content.startswith(out) and len(out) < len(content) and error
    code, out, _ = get(hooks, answer["eventIds"][0], "-o", str(tmp_path / "copy"))
    assert code == 3 and not list(tmp_path.glob("copy*"))
    assert hooks.command("verify").returncode == 3


def test_reading__parts_that_do_not_fit_together_are_never_the_whole(own, tmp_path):
    """A batch can say that it is a file: its own checksum decides."""
    hooks = own().start()
    key = hooks.key("--rights", "read")

    def batch(pieces, checksum, size, **changes):
        events = [json.dumps({"fileId": "x", "fileName": "x", "fileType": "x", "fileSize": size, "checksum": checksum,
                              "hashType": "SHA256", "part": n, "totalParts": len(pieces), **changes,
                              "data": base64.b64encode(p).decode()}, separators=(",", ":")) for n, p in enumerate(pieces, 1)]
        body = ("[" + ",".join(events) + "]").encode()
        return hooks.post("/events/open/a/b/c", body)[1]["eventIds"][0]
    good = [b"abc", b"def"]
    assert fetch(hooks, batch(good, sha(b"abcdef"), 6), key)[2:] == (b"abcdef", True)
    for wrong in (batch(good, sha(b"abcdeX"), 6), batch(good, sha(b"abcdef"), 7), batch(good, sha(b"abcdef"), 6, part=1),
                  batch(good, sha(b"abcdef"), 6, totalParts=3)):
        status, _, body, whole = fetch(hooks, wrong, key)
        assert not whole and status == 200 and body in (b"", b"abc"), (status, body)
        code, out, _ = get(hooks, wrong, "-o", str(tmp_path / "copy"))
        assert code == 3 and not list(tmp_path.glob("copy*"))


# --- crashes ----------------------------------------------------------------------------------------------------


def upload(hooks, content, got):
    kind, body = form(content)
    c = http.client.HTTPConnection("127.0.0.1", hooks.port, timeout=60)
    try:
        c.request("POST", FILE, body, {"Content-Type": kind})
        answer = c.getresponse()
        got.append((answer.status, json.loads(answer.read())))
    except (OSError, http.client.HTTPException):
        got.append(None)


def part_pages(hooks):
    """Pages of long values in the newest segment."""
    segment = max(hooks.store_dir.glob("seg-*.mdb"))
    done = subprocess.run(["mdb_stat", "-n", "-s", "parts", str(segment)], capture_output=True, text=True, check=True)
    return int(next(line.split()[-1] for line in done.stdout.splitlines() if "Overflow pages" in line))


@pytest.mark.parametrize("megabytes", [4, 20, 60])
def test_crash__a_kill_while_parts_are_ahead_leaves_nothing_of_the_file(own, megabytes):
    hooks = own().start()
    kept = send(hooks, b"kept")[1]["eventIds"][0]
    got = []
    uploader = threading.Thread(target=upload, args=(hooks, noise(96 * MIB), got))
    uploader.start()
    places.wait_until(lambda: part_pages(hooks) > megabytes * MIB // 4096, 60, "parts in the store")
    hooks.kill9()
    uploader.join()
    assert got == [None]  # nothing was promised
    assert part_pages(hooks) > 0  # they are really there
    events = hooks.tail()
    assert [e["id"] for e in events if e["op"] == "post"] == [kept]
    assert hooks.command("verify").returncode == 0
    hooks.start()
    places.wait_until(lambda: part_pages(hooks) == 0, 20, "parts that belong to nothing are dropped")
    content = noise(3 * PART, 8)
    status, answer, _ = send(hooks, content)
    assert status == 200 and get(hooks, answer["eventIds"][2])[1] == content
    assert hooks.command("verify").returncode == 0 and hooks.stop() == 0


def test_crash__a_file_that_was_promised_is_there_after_a_kill(own):
    hooks = own().start()
    content, got = noise(12 * MIB, 4), []
    upload(hooks, content, got)
    hooks.kill9()
    assert got[0][0] == 200
    hooks.start()
    assert get(hooks, got[0][1]["eventIds"][0])[1] == content
    assert hooks.command("verify").returncode == 0


def test_crash__an_end_in_the_middle_is_a_503_and_leaves_nothing(own):
    hooks = own().start()
    got = []
    uploader = threading.Thread(target=upload, args=(hooks, noise(96 * MIB), got))
    uploader.start()
    send(hooks, b"small")
    places.wait_until(lambda: part_pages(hooks) > 0, 60, "parts in the store")
    assert hooks.stop() == 0
    uploader.join()
    assert got[0] is None or got[0][0] in (200, 503)
    posts = [e for e in hooks.tail() if e["op"] == "post"]
    assert len(posts) == (1 + 192 if got[0] and got[0][0] == 200 else 1)


# --- no room ----------------------------------------------------------------------------------------------------


def streamed(hooks, body, chunked):
    """The status for a form from curl, which reads an answer while it still sends."""
    how = ["-H", "Transfer-Encoding: chunked"] if chunked else []
    done = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Content-Type: {GOOD[0]}", *how,
                           "--data-binary", "@-", f"http://127.0.0.1:{hooks.port}{FILE}"], input=body, capture_output=True)
    return done.stdout


@pytest.mark.parametrize("chunked", [False, True])
def test_room__a_file_that_does_not_fit_is_503_and_harms_nobody(own, chunked):
    hooks = own(store={"quota": "24MiB"}).start()
    assert streamed(hooks, form(noise(30 * MIB))[1], chunked) == b"503"
    assert [e for e in hooks.tail() if e["op"] == "post"] == [] and part_pages(hooks) == 0
    assert hooks.post("/event/open/shop/order.0/order.created.0", {})[0] == 200
    content = noise(6 * MIB)
    status, answer, _ = send(hooks, content)
    assert status == 200 and get(hooks, answer["eventIds"][0])[1] == content
    places.wait_until(lambda: spools(hooks) == 0, 10, "no spool is left")


@pytest.fixture
def small_disk(tmp_path):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(tmp_path)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted here")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def fill(disk, ballast, spare):
    """All but `spare` of the disk, in pieces: the daemon writes at the same time."""
    with open(ballast, "wb") as f:
        while (left := os.statvfs(disk)) and (room := left.f_bavail * left.f_frsize - spare) > 0:
            try:
                os.posix_fallocate(f.fileno(), os.fstat(f.fileno()).st_size, min(room, 4 * MIB))
            except OSError:
                return  # what was left a moment ago is taken


def test_room__a_disk_that_fills_meanwhile_is_503_and_all_goes_on_when_it_does_not(built, small_disk):
    hooks = Hooks(small_disk, sources={"open": {"type": "webhook", "authentication": "none", "hold": "1s"}},
                  store={"low_water": "20MiB"}).start()
    got, ballast = [], small_disk / "ballast"
    try:
        uploader = threading.Thread(target=upload, args=(hooks, noise(100 * MIB), got))
        uploader.start()
        places.wait_until(lambda: part_pages(hooks) > 0, 60, "parts in the store")
        fill(small_disk, ballast, 10 * MIB)
        uploader.join()
        assert got[0][0] == 503
        assert [e for e in hooks.tail() if e["op"] == "post"] == []
        ballast.unlink()
        places.wait_until(lambda: hooks.post("/event/open/a/b/c", {})[0] == 200, 10, "the source goes on")
        content = noise(20 * MIB)
        status, answer, _ = send(hooks, content)
        assert status == 200 and get(hooks, answer["eventIds"][-1])[1] == content
        assert hooks.command("verify").returncode == 0 and hooks.stop() == 0
    finally:
        if hooks.process.poll() is None:
            hooks.kill9()


# --- signed -----------------------------------------------------------------------------------------------------


def test_signed__a_file_is_checked_while_it_streams(own, monkeypatch):
    monkeypatch.setenv("FILES_SECRET", "hush")
    hooks = own(sources={"open": {"type": "webhook", "authentication": "signature", "signature": "github",
                                  "secret_env": ["FILES_SECRET"]}}).start()
    content = noise(5 * MIB)
    kind, body = form(content)
    right = "sha256=" + hmac.new(b"hush", body, hashlib.sha256).hexdigest()
    for changed, signature in ((body[:-1] + b"\t", right), (body, right[:-1] + ("0" if right[-1] != "0" else "1")),
                               (body.replace(content[3 * MIB:3 * MIB + 9], b"123456789"), right)):
        assert hooks.post(FILE, changed, type=kind, X_Hub_Signature_256=signature)[0] in (400, 401)
    assert hooks.post(FILE, GOOD[1], type=kind)[0] == 401
    assert hooks.tail("--op", "post") == []
    status, answer, _ = hooks.post(FILE, body, type=kind, X_Hub_Signature_256=right, X_GitHub_Delivery="d-1")
    again = hooks.post(FILE, body, type=kind, X_Hub_Signature_256=right, X_GitHub_Delivery="d-1")
    assert status == again[0] == 200 and again[1]["duplicate"] is True and again[1]["eventIds"] == answer["eventIds"]
    assert get(hooks, answer["eventIds"][0])[1] == content


def test_file__many_in_a_row_let_segments_end(own):
    hooks = own(store={"segment_size": "2MiB"}).start()
    contents = [noise(3 * MIB + n, n) for n in range(6)]
    got = [[] for _ in contents]
    uploaders = [threading.Thread(target=upload, args=(hooks, c, g)) for c, g in zip(contents, got)]
    for u in uploaders:
        u.start()
    for u in uploaders:
        u.join()
    assert [g[0][0] for g in got] == [200] * 6
    assert len(list(hooks.store_dir.glob("seg-*.mdb"))) >= 4
    for content, g in zip(contents, got):
        assert get(hooks, g[0][1]["eventIds"][3])[1] == content
    assert hooks.command("verify").returncode == 0
