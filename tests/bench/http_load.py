"""Durable POSTs against the same server answering without storing; batches; a file of 1 GiB; memory meanwhile. Load by wrk.

The server that does not store is the same one, asked with a body of the same length that holds no event: an array of
nothing but blanks passes through everything (parser, guard, route, JSON) except the queue and the disk.
"""
import hashlib
import http.client
import json
import os
import random
import re
import statistics
import subprocess
import time

from tests.bench.drain import bench
from tests.support import places
from tests.support.hooks import Hooks
from tests.support.leatd import MemorySampler

SECONDS = float(os.environ.get("BENCH_HTTP_SECONDS", "5"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
CONNECTIONS, BATCH = 128, 100
FILE_MIB = int(os.environ.get("BENCH_FILE_MIB", "1024"))
EVENT = json.dumps({"id": "order-0001", "customer": {"id": 4711, "name": "Anne Example", "city": "Kopenhagen"},
                    "lines": [{"sku": "A-100", "count": 2, "price": 19.95}, {"sku": "B-200", "count": 1, "price": 149.0}],
                    "total": 199.3, "currency": "DKK", "note": "please ring twice, the bell is broken and the dog "
                    "sleeps in front of the door", "created": "2026-11-21T07:00:00Z"})


def wrk(root, hooks, path, body, connections):
    """(requests per second, p99 in ms); every answer must be 200."""
    script = root / "post.lua"
    script.write_text('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
                      f'wrk.body = {json.dumps(body)}\n')
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{int(SECONDS)}s", "--latency", "-s", str(script),
                           f"http://127.0.0.1:{hooks.port}{path}"], capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(done.stdout)
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout).groups()
    return (float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1]),
            float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit])


def file_pieces():
    """MiB after MiB that neither compress nor repeat."""
    noise = bytearray(random.Random(7).randbytes(1 << 20))
    for n in range(FILE_MIB):
        noise[:8] = n.to_bytes(8, "big")
        yield bytes(noise)


def upload(hooks):
    """Seconds from the first byte of a form with a file to its 200; its checksum must be right."""
    head = b'--B\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n\r\n'
    tail, checksum = b"\r\n--B--\r\n", hashlib.sha256()
    connection = http.client.HTTPConnection("127.0.0.1", hooks.port, timeout=600)
    connection.putrequest("POST", "/file/open/shop/report.0/report.uploaded.0")
    connection.putheader("Content-Type", "multipart/form-data; boundary=B")
    connection.putheader("Content-Length", str(len(head) + (FILE_MIB << 20) + len(tail)))
    connection.endheaders(head)
    begun = time.monotonic()
    for piece in file_pieces():
        checksum.update(piece)
        connection.send(piece)
    connection.send(tail)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    if answer.status != 200 or told["checksum"] != checksum.hexdigest() or len(told["eventIds"]) != 2 * FILE_MIB:
        raise RuntimeError(f"{answer.status}: {str(told)[:200]}")
    return time.monotonic() - begun


def main():
    root = places.scratch("bench-http")
    hooks = Hooks(root).start()
    one, many = "/event/open/shop/order.0/order.created.0", "/events/open/shop/order.0/order.created.0"
    nothing = "[" + " " * (len(EVENT) - 2) + "]"
    stored, answered, p99 = [], [], []
    try:
        with MemorySampler(hooks.process.pid) as memory:
            for _ in range(ROUNDS):
                answered.append(wrk(root, hooks, many, nothing, CONNECTIONS)[0])
                rate, slowest = wrk(root, hooks, one, EVENT, CONNECTIONS)
                stored.append(rate)
                p99.append(slowest)
            uploaded = upload(hooks)
            batches = wrk(root, hooks, many, "[" + ",".join([EVENT] * BATCH) + "]", 32)[0]
        ratios = [s / a for s, a in zip(stored, answered)]
        bench("http_post_ratio", round(statistics.median(ratios), 3), "ratio")
        bench("http_posts_per_s", round(statistics.median(stored)), "1/s")
        bench("http_batch_events_per_s", round(batches * BATCH), "1/s")
        bench("http_file_mib_per_s", round(FILE_MIB / uploaded, 1), "MiB/s")
        bench("http_p99_ms", round(statistics.median(p99), 2), "ms")
        bench("http_rss_peak_mib", round(memory.peak / 2**20, 1), "MiB")
    finally:
        hooks.stop()
        places.remove(root)


if __name__ == "__main__":
    main()
