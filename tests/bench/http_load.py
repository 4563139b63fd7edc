"""Durable POSTs against the same server answering without storing; batches; memory meanwhile. Load by wrk.

The server that does not store is the same one, asked with a body of the same length that holds no event: an array of
nothing but blanks passes through everything (parser, guard, route, JSON) except the queue and the disk.
"""
import json
import os
import re
import statistics
import subprocess

from tests.bench.drain import bench
from tests.support import places
from tests.support.hooks import Hooks
from tests.support.leatd import MemorySampler

SECONDS = float(os.environ.get("BENCH_HTTP_SECONDS", "5"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
CONNECTIONS, BATCH = 128, 100
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
            batches = wrk(root, hooks, many, "[" + ",".join([EVENT] * BATCH) + "]", 32)[0]
        ratios = [s / a for s, a in zip(stored, answered)]
        bench("http_post_ratio", round(statistics.median(ratios), 3), "ratio")
        bench("http_posts_per_s", round(statistics.median(stored)), "1/s")
        bench("http_batch_events_per_s", round(batches * BATCH), "1/s")
        bench("http_p99_ms", round(statistics.median(p99), 2), "ms")
        bench("http_rss_peak_mib", round(memory.peak / 2**20, 1), "MiB")
    finally:
        hooks.stop()
        places.remove(root)


if __name__ == "__main__":
    main()
