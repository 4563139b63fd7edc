"""What a hostile client may send: raw bytes, each with its verdict. Behind each stands a second request,
which is what a
smuggler would want to have read; at the end the stream holds the honest bodies and nothing else."""
import base64
import gzip
import re
import socket
import ssl
import subprocess
import urllib.request
import zlib

import pytest

from tests.support.certificates import Authority
from tests.support.hooks import Hooks

PATH = "/event/open/shop/order.0/order.created.0"
BATCH = "/events/open/shop/order.0/order.created.0"
BODY = b'{"honest":1234567}'
HOST, TYPE = b"Host: x\r\n", b"Content-Type: application/json\r\n"
SMUGGLED = b'{"smuggled":1}'
SECOND = f"POST {PATH} HTTP/1.1\r\n".encode() + HOST + TYPE + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED
EVENT_BYTES, REQUEST_BYTES, INFLATED_BYTES = 64 << 10, 256 << 10, 64 << 20
CUT = "cut"  # closed without an answer
OK = 200


@pytest.fixture(scope="module")
def hooks(built, tmp_path_factory):
    daemon = Hooks(tmp_path_factory.mktemp("hostile"), sources={
        "open": {"type": "webhook", "authentication": "none", "event_size": "64KiB", "request_size": "256KiB",
                 "events_per_request": 100},
        "hooks": {"type": "webhook", "tenant": "acme"},
        "signed": {"type": "webhook", "authentication": "signature", "signature": "github",
                   "secret_files": [secret(tmp_path_factory.mktemp("secret"))]}}).start()
    daemon.honest = []
    yield daemon
    assert daemon.stop() == 0


def secret(directory):
    path = directory / "secret"
    path.touch(mode=0o600)
    path.write_text("a secret of some length\n")
    return str(path)


# --- the table -----------------------------------------------------------------------------------------------------


def head(fields, path=PATH, method="POST", version="HTTP/1.1", host=HOST, type=TYPE):
    return f"{method} {path} {version}\r\n".encode() + host + type + fields + b"\r\n"


def post(fields=b"", body=BODY, **line):
    """A request with the right length."""
    return head(fields + b"Content-Length: %d\r\n" % len(body), **line) + body


def chunked(raw, fields=b""):
    return head(fields + b"Transfer-Encoding: chunked\r\n") + raw


def chunks(body):
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def told(fields):
    """A body of 18 bytes, about which the fields say what they like."""
    return head(fields) + BODY


def line(first):
    return first + b"\r\n" + HOST + TYPE + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


N = b"Content-Length: %d\r\n" % len(BODY)

HONEST = {  # strict must not mean deaf
    "plain": post(), "chunked": chunked(chunks(BODY)), "chunks": chunked(b"1\r\n{\r\n" + chunks(BODY[1:])),
    "chunked-upper": head(b"TRANSFER-encoding: CHUNKED\r\n") + chunks(BODY),
    "chunk-extension": chunked(b"%x;a=b;c=\"d\"\r\n%s\r\n0;e\r\n\r\n" % (len(BODY), BODY)),
    "trailer": chunked(b"%x\r\n%s\r\n0\r\nX-Sum: 1\r\n\r\n" % (len(BODY), BODY)),
    "chunk-zeros": chunked(b"000%x\r\n%s\r\n000\r\n\r\n" % (len(BODY), BODY)),
    "blanks": post(b"X:\r\nY:   \r\nZ:\tq \r\nW: \t w\t\r\n"), "obs-text": post(b"X: \xe6\xff\x80\r\n"),
    "empty-lines-before": b"\r\n\r\n" + post(), "cookies": post(b"Cookie: a=b; c=\"d\"; e\r\n"),
    "query": post(path=PATH + "?a=b&c=%20&&d&e="), "escaped": post(path=PATH.replace("order.c", "%6frder%2Ec")),
    "long-value": post(b"X: " + b"x" * 50_000 + b"\r\n"),
    "long-metadata": post(b"X-Flowcore-Metadata-Json: " + base64.b64encode(b'{"a":"' + b"x" * 30_000 + b'"}') + b"\r\n"),
    "many-headers": post(b"".join(b"X-%d: y\r\n" % n for n in range(96))),
    "long-query": post(path=PATH + "?" + "q" * 4000), "expect": post(b"Expect: 100-continue\r\n"),
    "odd-tokens": post(b"!#$%&'*+-.^_`|~09aZ: x\r\n"), "zero-padded": told(b"Content-Length: 00000018\r\n"),
    "host-and-port": post(host=b"Host: [::1]:80\r\n"), "empty-host": post(host=b"Host:\r\n"),
    "http10": post(version="HTTP/1.0"), "http10-without-host": post(version="HTTP/1.0", host=b""),
    "upgrade": post(b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"),
    "identity": post(b"Content-Encoding: identity\r\n"),
    "gzip": post(b"Content-Encoding: gzip\r\n", gzip.compress(BODY, mtime=0)),
    "forwarded": post(b"X-Forwarded-For: 1.2.3.4, nonsense\r\nForwarded: for=\"[::1]\"\r\n"),
    "override": post(b"X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /status\r\nX-Rewrite-URL: /metrics\r\n"),
}

LENGTHS = {  # RFC 9112, 6.3: one body, one way to say how long it is
    "cl+te": (told(N + b"Transfer-Encoding: chunked\r\n"), 400),
    "te+cl": (told(b"Transfer-Encoding: chunked\r\n" + N), 400),
    "cl0+te": (head(b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n") + chunks(BODY), 400),
    "cl-twice-same": (told(N + N), 400), "cl-twice": (told(N + b"Content-Length: 3\r\n"), 400),
    "cl-twice-case": (told(N + b"cOnTeNt-LeNgTh: 0\r\n"), 400),
    "cl-zero-first": (told(b"Content-Length: 0\r\n" + N), 400),
    **{f"cl-{name}": (told(b"Content-Length:" + value + b"\r\n"), 400) for name, value in {
        "plus": b" +18", "minus": b" -18", "hex": b" 0x12", "octal": b" 0o22", "float": b" 18.0", "exponent": b" 1e1",
        "two": b" 18 18", "list": b" 18,18", "list-other": b" 18, 0", "letters": b" 18x",
        "quoted": b' "18"', "empty": b"",
        "blank": b"  ", "underscore": b" 1_8", "vertical-tab": b" \x0b18", "form-feed": b" 18\x0c",
        "nbsp": b" \xa018",
        "nul": b" 18\x000", "nul-first": b" \x0018", "cr": b" 1\r8", "wide-digits": " １８".encode(),
        "arabic": " ١٨".encode(),
        "minus-zero": b" -0"}.items()},
    "cl-trailing-blank": (told(b"Content-Length: 18 \r\n"), 400),
    "cl-2^64": (told(b"Content-Length: 18446744073709551616\r\n"), 413),
    "cl-2^64+18": (told(b"Content-Length: 18446744073709551634\r\n"), 413),
    "cl-2^64-1": (told(b"Content-Length: 18446744073709551615\r\n"), 413),
    "cl-2^63": (told(b"Content-Length: 9223372036854775808\r\n"), 413),
    "cl-huge": (told(b"Content-Length: " + b"9" * 400 + b"\r\n"), 413),
    "cl-over": (post(body=b" " * (REQUEST_BYTES + 1)), 413),
    "cl-name-space": (told(b"Content-Length : 18\r\n"), 400), "cl-name-tab": (told(b"Content-Length\t: 18\r\n"), 400),
    "cl-name-before": (told(b" Content-Length: 18\r\n"), 400),
    "cl-name-nul": (told(b"Content-Length\0: 18\r\n"), 400),
    # Another header, so there is no body, and what comes is a request of an unknown method.
    "cl-underscore": (head(b"Content_Length: 18\r\n") + BODY, [400, 405]),
    "no-length": (head(b"") + BODY, [400, 405]),
}

ENCODINGS = {
    **{f"te-{name}": (head(b"Transfer-Encoding:" + value + b"\r\n") + chunks(BODY), 400) for name, value in {
        "identity": b" identity", "list": b" chunked, identity", "list-first": b" identity, chunked",
        "gzip": b" gzip, chunked",
        "gzip-only": b" gzip", "x": b" xchunked", "tail": b" chunkedx",
        "quoted": b' "chunked"', "parameter": b" chunked;q=1",
        "empty": b"", "comma": b" chunked,", "comma-first": b" ,chunked", "nul": b" chunked\0",
        "nul-list": b" chunked\0, gzip",
        "vertical-tab": b" \x0bchunked", "trailing-tab": b" chunked\t", "cow": b" cow",
        "two-words": b" chunked chunked",
        "kelvin": " chun\u212aed".encode(), "folded": b"\r\n chunked", "folded-tab": b"\r\n\tchunked",
        "cr": b" \rchunked",
        "lf": b" \nchunked"}.items()},
    "te-twice": (head(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + chunks(BODY), 400),
    "te-twice-other": (head(b"Transfer-Encoding: chunked\r\nTransfer-encoding: identity\r\n") + chunks(BODY), 400),
    "te-name-space": (head(N + b"Transfer-Encoding : chunked\r\n") + BODY, 400),
    "te-name-before": (head(N + b" Transfer-Encoding: chunked\r\n") + BODY, 400),
    "te-http10": (head(b"Transfer-Encoding: chunked\r\n", version="HTTP/1.0") + chunks(BODY), 400),
}

CHUNKS = {
    **{f"chunk-{name}": (chunked(raw), verdict) for name, (raw, verdict) in {
        "minus": (b"-12\r\n" + BODY + b"\r\n0\r\n\r\n", 400), "plus": (b"+12\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
        "0x": (b"0x12\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
        "blank-first": (b" 12\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
        "blank-last": (b"12 \r\n" + BODY + b"\r\n0\r\n\r\n", 400), "none": (b"\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
        "extension-alone": (b";x\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
        "nul": (b"12\0\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
        "overflow": (b"FFFFFFFFFFFFFFFFF\r\n" + BODY + b"\r\n0\r\n\r\n", 413),
        "wraps": (b"10000000000000012\r\n" + BODY + b"\r\n0\r\n\r\n", 413),
        "underscore": (b"1_2\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
        "text": (b"xyz\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
        "short": (b"11\r\n" + BODY + b"\r\n0\r\n\r\n", 400), "long": (b"14\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
        "cr-alone": (b"12\r" + BODY + b"\r\n0\r\n\r\n", 400), "no-line-end": (b"12\r\n" + BODY + b"0\r\n\r\n", 400),
        "trailer-without-colon": (b"12\r\n" + BODY + b"\r\n0\r\ntrailer\r\n\r\n", 400),
        "over": (b"%x\r\n" % (REQUEST_BYTES + 1) + b" " * (REQUEST_BYTES + 1) + b"\r\n0\r\n\r\n", 413)}.items()},
}

# Seen by the library alone and taken by it; the connection ends behind them, so that nothing hides in the difference.
LENIENT_CHUNKS = {
    "chunk-takes-cr": chunked(b"13\r\n" + BODY + b"\r\n0\r\n\r\n"),  # and finds LF behind it
    "chunk-lf": chunked(b"%x\n%s\n0\n\n" % (len(BODY), BODY)),
    "chunk-extension-lf": chunked(b"2;\nxx\r\n".replace(b"xx", BODY[:2]) + chunks(BODY[2:])),
    "trailer-lf": chunked(b"%x\r\n%s\r\n0\r\nX: y\n\n" % (len(BODY), BODY)),
    "trailer-length": chunked(b"12\r\n%s\r\n0\r\nContent-Length: 500\r\nTransfer-Encoding: chunked\r\n\r\n" % BODY),
    "trailer-folded": chunked(b"%x\r\n%s\r\n0\r\nContent-: 5\r\n Length\r\n\r\n" % (len(BODY), BODY)),
    "trailer-key": chunked(b"%x\r\n%s\r\n0\r\nIdempotency-Key: x\r\n\r\n" % (len(BODY), BODY)),
}

HEADS = {  # lines
    "lf-request-line": (post().replace(b"\r\n", b"\n", 1), 400),
    "lf-first-header": (told(b"").replace(b"x\r\n", b"x\n"), 400),
    "lf-header": (told(b"X: y\n" + N), 400), "lf-last-header": (told(N[:-2] + b"\n"), 400),
    "lf-empty-line": (head(N)[:-2] + b"\n" + BODY, 400), "lf-all": (head(N).replace(b"\r\n", b"\n") + BODY, 400),
    "lf-lf": (head(N)[:-4] + b"\n\n" + BODY, 400), "cr-in-value": (told(b"X: a\rY: b\r\n" + N), 400),
    "cr-cr-lf": (told(b"X: a\r\r\n" + N), 400), "cr-line-end": (told(b"X: a\r" + N), 400),
    "folded": (told(b"X: y\r\n z\r\n" + N), 400), "folded-tab": (told(b"X: y\r\n\tz\r\n" + N), 400),
    "folded-empty": (told(b"X: y\r\n \r\n" + N), 400), "folded-twice": (told(b"X: y\r\n z\r\n w\r\n" + N), 400),
    "folded-last": (told(N + b"X: y\r\n z\r\n"), 400),
    "folded-first": (head(N, host=b" X: y\r\n" + HOST) + BODY, 400),
    "folded-name": (told(b"Content-: 18\r\n Length\r\n"), 400),
    "folded-te": (told(N + b"Transfer-: chunked\r\n Encoding\r\n"), 400),
    "folded-host": (head(N, host=b"Host: x\r\n y\r\n") + BODY, 400),
    "folded-length": (told(b"Content-Length: 1\r\n 8\r\n"), 400),
    "nul-ends-head": (told(N + b"\0X: y\r\n"), 400), "nul-in-name": (told(b"X\0Y: z\r\n" + N), 400),
    "nul-in-value": (told(b"X: y\0z\r\n" + N), 400),
    "nul-in-type": (head(N, type=b"Content-Type: application/json\0x\r\n") + BODY, 400),
    "escape-in-value": (told(b"X: \x1b[2J\r\n" + N), 400), "delete-in-value": (told(b"X: \x7f\r\n" + N), 400),
    "no-colon": (told(b"X\r\n" + N), 400), "empty-name": (told(b": x\r\n" + N), 400),
    "name-space": (told(b"X y: z\r\n" + N), 400),
    "name-paren": (told(b"X(y): z\r\n" + N), 400), "name-utf8": (told("Ünïcode: z\r\n".encode() + N), 400),
    "name-cyrillic": (told("Соntent-Length: 3\r\n".encode() + N), 400), "name-slash": (told(b"X/y: z\r\n" + N), 400),
    "name-quote": (told(b'"X": z\r\n' + N), 400), "name-at": (told(b"X@y: z\r\n" + N), 400),
    "name-brace": (told(b"{X}: z\r\n" + N), 400),
    "name-control": (told(b"X\x01: z\r\n" + N), 400),
    "101-headers": (told(b"".join(b"X-%d: y\r\n" % n for n in range(101)) + N), 431),
    "1000-headers": (told(b"X: y\r\n" * 1000 + N), 431),
    "long-value": (told(b"X: " + b"x" * (200 << 10) + b"\r\n" + N), 431),
    "long-name": (told(b"X" * (200 << 10) + b": x\r\n" + N), 431),
    "host-none": (head(N, host=b"") + BODY, 400), "host-twice": (told(HOST + N), 400),
    "host-twice-other": (told(b"Host: y\r\n" + N), 400),
    **{f"host-{name}": (head(N, host=b"Host: " + value + b"\r\n") + BODY, 400) for name, value in {
        "list": b"a, b", "path": b"a/b", "user": b"u@a", "blank": b"a b", "query": b"a?b", "hash": b"a#b",
        "utf8": "æ".encode(),
        "backslash": b"a\\b", "angle": b"<a>"}.items()},
    **{f"twice-{name.decode().lower()}": (told(name + b": " + one + b"\r\n" + name + b": " + two + b"\r\n" + N), 400)
       for name, one, two in [
           (b"Authorization", b"a", b"b"), (b"Content-Encoding", b"identity", b"identity"), (b"Idempotency-Key",
           b"a", b"b"),
           (b"X-Flowcore-Event-Time", b"2020-01-01T00:00:00Z", b"2021-01-01T00:00:00Z"), (b"Ce-Id", b"a", b"b"),
           (b"X-Flowcore-Metadata-Json", b"{}", b'{"a":1}'), (b"Content-Type", b"application/json", b"text/plain")]},
}

LINES = {
    **{f"line-{name}": (line(first), verdict) for name, (first, verdict) in {
        "http2": (b"POST %s HTTP/2.0", (400, 505)), "http12": (b"POST %s HTTP/1.2", (400, 505)),
        "http09": (b"POST %s", (400, 505, CUT)),
        "http-lower": (b"POST %s http/1.1", (400, CUT)), "http-text": (b"POST %s HTTP/x.y", (400, CUT)),
        "http-long": (b"POST %s HTTP/1.10", (400, 505, CUT)), "no-target": (b"POST", (400, CUT)),
        "method-alone": (b"POST  ", (400, 505, CUT)),
        "two-blanks": (b"POST  %s HTTP/1.1", 400), "blank-at-end": (b"POST %s HTTP/1.1 ", (400, 505, CUT)),
        "blank-first": (b" POST %s HTTP/1.1", (400, CUT)), "tab": (b"POST\t%s HTTP/1.1", (400, CUT)),
        "blank-in-target": (b"POST %s x HTTP/1.1", (400, CUT)), "tab-in-target": (b"POST %s\tx HTTP/1.1", 400),
        "nul-first": (b"\0POST %s HTTP/1.1", (400, CUT)), "nul-method": (b"PO\0ST %s HTTP/1.1", 400),
        "nul-target": (b"POST %s\0x HTTP/1.1", 400),
        "nul-version": (b"POST %s HTTP/1.1\0", (400, 505, CUT)), "cr": (b"POST %s HTTP/1.1\rX: y", (400, 505, CUT)),
        "utf8": (b"POST %s\xc3\xa6 HTTP/1.1", 400), "delete": (b"POST %s\x7f HTTP/1.1", 400),
        "escape": (b"POST %s\x1b[0m HTTP/1.1", 400),
        "absolute": (b"POST http://x%s HTTP/1.1", 400), "authority": (b"CONNECT x:443 HTTP/1.1", 400),
        "star": (b"OPTIONS * HTTP/1.1", 400),
        "relative": (b"POST ..%s HTTP/1.1", 400), "backslash-first": (b"POST \\%s HTTP/1.1", 400),
        "get": (b"GET %s HTTP/1.1", 405), "head": (b"HEAD %s HTTP/1.1", 405), "put": (b"PUT %s HTTP/1.1", 405),
        "patch": (b"PATCH %s HTTP/1.1", 405),
        "delete-method": (b"DELETE %s HTTP/1.1", 405), "trace": (b"TRACE %s HTTP/1.1", 405),
        "options": (b"OPTIONS %s HTTP/1.1", 405),
        "lower": (b"post %s HTTP/1.1", 405), "unknown": (b"BREW %s HTTP/1.1", 405),
        "track": (b"TRACK %s HTTP/1.1", 405),
        "connect": (b"CONNECT %s HTTP/1.1", 405), "pri": (b"PRI * HTTP/2.0", (400, 505)),
        "long-method": (b"A" * 5000 + b" %s HTTP/1.1", 405),
        "long": (b"POST %s?" + b"q" * 5000 + b" HTTP/1.1", 414),
        "longer": (b"POST %s" + b"/q" * (100 << 10) + b" HTTP/1.1", (414, 431)),
    }.items()},
}

PATHS = {
    **{f"path-{name}": (post(path=path), verdict) for name, (path, verdict) in {
        "dots": (PATH.replace("shop", ".."), 404), "dots-encoded": (PATH.replace("shop", "%2e%2e"), 404),
        "dots-mixed": (PATH.replace("shop", ".%2E"), 404), "dot": (PATH.replace("shop", "."), 404),
        "dots-after": (PATH + "/../x", 404),
        "dots-before": ("/x/.." + PATH, 404), "slash-encoded": (PATH + "%2fx", 404),
        "slash-encoded-upper": (PATH + "%2Fx", 404),
        "backslash": (PATH.replace("/shop", "\\shop"), 404), "backslash-encoded": (PATH + "%5c..%5cx", 404),
        "twice-encoded": (PATH.replace("/event/", "/%2565vent/"), 404), "overlong": (PATH + "%c0%ae%c0%ae", 404),
        "overlong-slash": (PATH + "%c0%af", 404), "surrogate": (PATH + "%ed%a0%80", 404),
        "not-utf8": (PATH + "%ff", 404),
        "beyond": (PATH + "%f4%90%80%80", 404), "nul": (PATH + "%00", 400),
        "nul-middle": (PATH.replace("shop", "sh%00op"), 400),
        "lf": (PATH + "%0a", 404), "cr": (PATH + "%0d%0aX:%20y", 404), "tab": (PATH + "%09", 404),
        "escape": (PATH + "%1b[0m", 404),
        "broken-escape": (PATH + "%", 400), "half-escape": (PATH + "%4", 400), "wrong-escape": (PATH + "%zz", 400),
        "unicode-escape": (PATH + "%u002e", 400), "case": (PATH.replace("/event/", "/Event/"), 404),
        "tenant-case": (PATH.replace("open", "OPEN"), 404),
        "double-slash": ("/" + PATH, 404), "double-inside": (PATH.replace("/shop", "//shop"), 404),
        "slash-at-end": (PATH + "/", 404),
        "empty-segment": (PATH.replace("shop", ""), 404), "parameter": (PATH.replace("/event/", "/event;a=b/"), 404),
        "short": ("/event/open/shop", 404),
        "root": ("/", 404), "other-tenant": (PATH.replace("open", "nobody"), 404),
        "look-alike": (PATH.replace("open", "%D0%BEpen"), 404),
        "bidi": (PATH.replace("open", "%E2%80%AEopen"), 404),
        "zero-width": (PATH.replace("open", "op%E2%80%8Ben"), 404), "bom": ("/%EF%BB%BF" + PATH[1:], 404),
        "long-segment": (PATH + "x" * 300, 404), "metrics": ("/metrics", 404), "status": ("/status", 404),
        "files": ("/etc/passwd", 404),
        "key-needed": (PATH.replace("open", "acme"), 401), "key-empty": (PATH.replace("open", "acme") + "?key=", 401),
        "key-array": (PATH.replace("open", "acme") + "?key[]=fc_a_b", 401),
        "key-nul": (PATH.replace("open", "acme") + "?key=fc_a_b%00", 400),
        "unsigned": ("/in/signed", 401)}.items()},
    "key-long": (post(b"Authorization: Bearer fc_" + b"a" * 9000 + b"_b\r\n", path=PATH.replace("open", "acme")),
    401),
    "key-sql": (post(b"Authorization: ApiKey ' OR 1=1 --:x\r\n", path=PATH.replace("open", "acme")), 401),
    "key-utf8": (post("Authorization: Bearer fc_é_é\r\n".encode(), path=PATH.replace("open", "acme")), 401),
    "key-basic": (post(b"Authorization: Basic " + base64.b64encode(b"a:b") + b"\r\n", path=PATH.replace("open",
    "acme")), 401),
}


def deflate_raw(data):
    squeeze = zlib.compressobj(9, wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c", "-19"], input=data, stdout=subprocess.PIPE, check=True).stdout


BLANKS = b'"' + b" " * INFLATED_BYTES + b'"'
GZIP_BOMB = gzip.compress(BLANKS)


def metadata(text):
    return post(b"X-Flowcore-Metadata-Json: " + base64.b64encode(text) + b"\r\n")


def coded(coding, body):
    return post(b"Content-Encoding: " + coding + b"\r\n", body)


BODIES = {
    "bomb-gzip": (coded(b"gzip", GZIP_BOMB), 413), "bomb-deflate": (coded(b"deflate", zlib.compress(BLANKS, 9)), 413),
    "bomb-deflate-raw": (coded(b"deflate", deflate_raw(BLANKS)), 413),
    "bomb-zstd": (coded(b"zstd", zstd(BLANKS)), 413),
    "bomb-members": (coded(b"gzip", gzip.compress(b" " * 60000) * 40), 413),
    "bomb-zstd-frames": (coded(b"zstd", zstd(b" " * 60000) * 40), 413),
    "bomb-twice": (coded(b"gzip", gzip.compress(GZIP_BOMB)), (400, 413)),
    "bomb-list": (coded(b"gzip, gzip", gzip.compress(GZIP_BOMB)), 415),
    "bomb-chunked": (chunked(chunks(GZIP_BOMB), b"Content-Encoding: gzip\r\n"), 413),
    "gzip-cut": (coded(b"gzip", gzip.compress(BODY)[:-9]), 400),
    "gzip-sum": (coded(b"gzip", gzip.compress(BODY)[:-8] + b"\0" * 8), 400),
    "gzip-tail": (coded(b"gzip", gzip.compress(BODY) + b"x"), 400), "gzip-not": (coded(b"gzip", BODY), 400),
    "gzip-empty": (coded(b"gzip", b""), 400), "gzip-of-nothing": (coded(b"gzip", gzip.compress(b"")), 400),
    "deflate-cut": (coded(b"deflate", zlib.compress(BODY)[:-5]), 400),
    "zstd-cut": (coded(b"zstd", zstd(BODY)[:-1]), 400),
    "zstd-window": (coded(b"zstd", b"\x28\xb5\x2f\xfd\x00\xf8" + b"\0" * 20), (400, 413)),
    "zstd-not": (coded(b"zstd", BODY), 400),
    "coding-br": (coded(b"br", BODY), 415), "coding-unknown": (coded(b"rot13", BODY), 415),
    "coding-star": (coded(b"*", BODY), 415),
    "json-cut": (post(body=b'{"a":'), 400), "json-two": (post(body=b"{}{}"), 400),
    "json-utf8": (post(body=b'"\xff"'), 400),
    "json-overlong": (post(body=b'"\xc0\x80"'), 400), "json-nul": (post(body=b'{"a":1}\0'), 400),
    "json-nul-inside": (post(body=b'"a\0b"'), 400),
    "json-control": (post(body=b'"\n"'), 400), "json-bom": (post(body=b"\xef\xbb\xbf{}"), 400),
    "json-utf16": (post(body='{"a":1}'.encode("utf-16")), 400),
    "json-deep": (post(body=b"[" * 100_000), (400, 413)),
    "json-deep-closed": (post(body=b'{"a":' * 600 + b"1" + b"}" * 600), 400),
    "json-nan": (post(body=b"NaN"), 400), "json-comment": (post(body=b"{}//x"), 400),
    "json-quote": (post(body=b"{'a':1}"), 400),
    "json-comma": (post(body=b"[1,]"), 400), "json-number": (post(body=b"01"), 400),
    "json-empty": (post(body=b""), 400), "json-blank": (post(body=b" \n"), 400),
    "json-escape": (post(body=b'"\\u12"'), 400), "event-long": (post(body=b'"' + b"x" * EVENT_BYTES + b'"'), 413),
    "batch-many": (post(path=BATCH, body=b"[" + b"1," * 100 + b"1]"), 413), "batch-not": (post(path=BATCH), 400),
    "batch-item-long": (post(path=BATCH, body=b'["' + b"x" * EVENT_BYTES + b'"]'), 413),
    "type-text": (post(type=b"Content-Type: text/plain\r\n"), 415), "type-none": (post(type=b""), 415),
    "type-empty": (post(type=b"Content-Type:\r\n"), 415),
    "type-look-alike": (post(type="Content-Type: applicаtion/json\r\n".encode()), 415),
    "type-tail": (post(type=b"Content-Type: application/jsonx\r\n"), 415),
    "type-list": (post(type=b"Content-Type: text/plain, application/json\r\n"), 415),
    "type-form": (post(type=b"Content-Type: application/x-www-form-urlencoded\r\n"), 415),
    "type-xml": (post(type=b"Content-Type: application/xml\r\n",
    body=b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'), 415),
    "metadata-not": (post(b"X-Flowcore-Metadata-Json: %%%\r\n"), 400),
    "metadata-list": (post(b"X-Flowcore-Metadata-Json: W10=\r\n"), 400),
    "metadata-deep": (metadata(b'{"a":' * 600 + b"1" + b"}" * 600), 400),
    "metadata-utf8": (metadata(b'{"a":"\xff"}'), 400),
    "metadata-nul": (metadata(b'{"a":"\0"}'), 400),
    "metadata-long": (metadata(b'{"a":"' + b"x" * 70000 + b'"}'), 431),
    "time-not": (post(b"X-Flowcore-Event-Time: soon\r\n"), 400),
    "time-zone": (post(b"X-Flowcore-Valid-Time: 2020-01-01T00:00:00\r\n"), 400),
    "time-year": (post(b"X-Flowcore-Event-Time: 99999-01-01T00:00:00Z\r\n"), 400),
    "time-month": (post(b"X-Flowcore-Event-Time: 2020-13-01T00:00:00Z\r\n"), 400),
    "key-empty-string": (post(b'Idempotency-Key: ""\r\n'), 400),
    "key-too-long": (post(b"Idempotency-Key: " + b"k" * 256 + b"\r\n"), 400),
}

TABLE = {**LENGTHS, **ENCODINGS, **CHUNKS, **HEADS, **LINES, **PATHS}


def answers(hooks, request, wanted=None, silence=3.0, made=None):
    """Statuses of all that comes back until the connection ends, or `wanted` are there, or nothing more comes."""
    got, found = b"", []
    with made or socket.create_connection(("127.0.0.1", hooks.port)) as s:
        s.settimeout(silence)
        try:
            s.sendall(request)
        except OSError:
            pass  # it was cut while we still sent; what was answered may be there
        try:
            while (wanted is None or len(found) < wanted) and (piece := s.recv(65536)):
                got += piece
                found = [int(n) for n in re.findall(rb"HTTP/1\.[01] (\d{3}) ", got) if n != b"100"]
                s.settimeout(0.2 if found and wanted is None else silence)
        except (ConnectionResetError, socket.timeout):
            pass
    return found


def count(hooks):
    text = urllib.request.urlopen(f"http://127.0.0.1:{hooks.http_port}/metrics", timeout=10).read().decode()
    return sum(float(n) for n in re.findall(r"^leat_source_events_total\{[^}]*\} (\S+)", text, re.M))


def test_table__is_as_long_as_it_should_be():
    assert len(TABLE) >= 150 and len(BODIES) >= 50


@pytest.mark.parametrize("name", TABLE)
def test_hostile__gets_its_verdict_and_stores_nothing(hooks, name):
    request, verdicts = TABLE[name]
    before = count(hooks)
    found = answers(hooks, request.replace(b" %s", b" " + PATH.encode(), 1) + SECOND)
    if isinstance(verdicts, list):
        assert found == verdicts and count(hooks) == before
        return
    verdicts = verdicts if isinstance(verdicts, tuple) else (verdicts,)
    # Where the library itself refuses a length it sends the head of its answer twice.
    assert len(set(found)) <= 1, "what stands behind it was answered as well"
    assert (found[0] if found else CUT) in verdicts
    assert count(hooks) == before


@pytest.mark.parametrize("name", BODIES)
def test_bodies__that_are_wrong_get_their_verdict_and_are_not_stored(hooks, name):
    """There is no doubt where they end, so that what stands behind them may be a request."""
    request, verdicts = BODIES[name]
    before = count(hooks)
    found = answers(hooks, request, 1)
    assert found[0] in (verdicts if isinstance(verdicts, tuple) else (verdicts,))
    assert count(hooks) == before


@pytest.mark.parametrize("name", LENIENT_CHUNKS)
def test_chunks__read_leniently_end_their_connection(hooks, name):
    before = count(hooks)
    assert answers(hooks, LENIENT_CHUNKS[name] + SECOND) == [200]
    assert count(hooks) == before + 1
    hooks.honest.append(BODY)


@pytest.mark.parametrize("name", HONEST)
def test_honest__is_not_taken_for_hostile(hooks, name):
    assert answers(hooks, HONEST[name], 1) == [200]
    hooks.honest.append(BODY)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_honest__in_small_pieces(hooks, size):
    """The parser sees every possible end of what has come so far."""
    request = post(b"X: " + b"x" * (50 * size) + b"\r\nCookie: a=b\r\n", path=PATH + "?a=b")
    with socket.create_connection(("127.0.0.1", hooks.port), timeout=10) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(request), size):
            s.sendall(request[at:at + size])
        assert s.recv(4096).startswith(b"HTTP/1.1 200 ")
    hooks.honest.append(BODY)


def test_honest__many_behind_each_other(hooks):
    assert answers(hooks, post() * 50, 50) == [200] * 50
    hooks.honest += [BODY] * 50


def test_hostile__the_first_of_many_that_is_malformed_ends_them(hooks):
    assert answers(hooks, post() * 5 + post(b"X: y\n") + post() * 5) == [200] * 5 + [400]
    hooks.honest += [BODY] * 5


def test_stream__holds_the_honest_ones_and_nothing_else(hooks):
    """Last, over all of the above."""
    texts = [event["text"].encode() for event in hooks.tail("--op", "post")]
    assert [text.rstrip(b"\r") for text in texts] == hooks.honest and len(texts) > 50
    log = hooks.log()
    assert "\x1b" not in log and " ERROR " not in log


# --- TLS -------------------------------------------------------------------------------------------------------------


def hello(length=None, version=b"\x03\x01", ciphers=b"\x13\x01"):
    """A ClientHello without extensions, which may lie about its length."""
    inner = b"\x03\x03" + b"r" * 32 + b"\0" + len(ciphers).to_bytes(2, "big") + ciphers + b"\x01\0"
    record = b"\x01" + len(inner).to_bytes(3, "big") + inner
    return b"\x16" + version + (len(record) if length is None else length).to_bytes(2, "big") + record


TLS = {
    "plain-http": post(), "plain-http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 9,
    "noise": bytes(range(256)) * 20, "zeros": b"\0" * 5000,
    "ssl2": b"\x80\x2e\x01\0\x02\0\x15\0\0\0\x10" + b"\1" * 37,
    "ssl3": hello(version=b"\x03\x00", ciphers=b"\0\x04"), "cut-hello": hello()[:20],
    "no-cipher": hello(ciphers=b""), "null-cipher": hello(ciphers=b"\0\0\0\x01"),
    "long-record": hello(length=0xffff), "empty-records": b"\x16\x03\x01\0\0" * 500,
    "alert-first": b"\x15\x03\x01\0\x02\x02\x28", "data-first": b"\x17\x03\x03\0\x20" + b"x" * 32,
    "heartbeat": b"\x18\x03\x02\0\x03\x01\x40\0",
    "change-cipher-first": b"\x14\x03\x03\0\x01\x01", "hello-then-data": hello() + b"\x17\x03\x03\0\x20" + b"x" * 32,
    "two-hellos": hello() * 2,
    "fragments": b"".join(b"\x16\x03\x01\0\x01" + bytes([c]) for c in hello()[5:]),
}


@pytest.fixture(scope="module")
def secure(built, tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    authority = Authority(directory / "ca")
    certificate, key = authority.issue("server")
    key.chmod(0o600)
    daemon = Hooks(directory, ingest={"tls_certificate": str(certificate), "tls_key": str(key)}).start()
    daemon.context = ssl.create_default_context(cafile=str(authority.ca))
    yield daemon
    assert daemon.stop() == 0


def tunnel(secure):
    return secure.context.wrap_socket(socket.create_connection(("127.0.0.1", secure.port), 10), server_hostname="localhost")


def test_tls__noise_is_not_answered_and_hurts_nobody(secure):
    for name, noise in TLS.items():
        assert answers(secure, noise, silence=0.1) == [], name
        tunnel = secure.context.wrap_socket(socket.create_connection(("127.0.0.1", secure.port), 10),
        server_hostname="localhost")
        assert answers(secure, post(), 1, made=tunnel) == [200], name
    assert len(secure.tail("--op", "post")) == len(TLS)


def test_tls__what_is_hostile_in_clear_text_is_so_inside(secure):
    for name in ("lf-header", "folded-te", "nul-ends-head", "cl+te", "chunk-short"):
        tunnel = secure.context.wrap_socket(socket.create_connection(("127.0.0.1", secure.port), 10),
        server_hostname="localhost")
        assert answers(secure, TABLE[name][0] + SECOND, made=tunnel) == [TABLE[name][1]], name


def test_tls__half_a_handshake_is_cut_in_time(secure):
    """It has not sent its head within ten seconds, as any other."""
    halves = [socket.create_connection(("127.0.0.1", secure.port), 20) for _ in range(20)]
    for s in halves:
        s.sendall(hello()[:30])
    for s in halves:
        assert s.recv(100) == b""
        s.close()
