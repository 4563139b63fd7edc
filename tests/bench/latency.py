"""Commit at the source to readable in the store, at 1,000 transactions a second (follow.c measures)."""
import os
import subprocess
import sys

from tests.bench.drain import bench
from tests.support import places
from tests.support.leatd import Leat, MemorySampler
from tests.support.pgserver import PgServer

RATE = 1000
SECONDS = float(os.environ.get("BENCH_LATENCY_SECONDS", "20"))


def main():
    root = places.scratch("bench-latency")
    server = PgServer(root / "server", 15).start()
    try:
        server.run("CREATE TABLE ticks (id bigserial PRIMARY KEY, note text)")
        daemon = Leat(root / "leat", server).start()
        (root / "tick.sql").write_text("INSERT INTO ticks (note) VALUES ('tick');\n")
        server.run("INSERT INTO ticks (note) VALUES ('first')")
        daemon.wait_caught_up()
        follow = subprocess.Popen([str(places.ROOT / "build/release/follow"), str(daemon.store_dir),
                                   str(int(RATE * SECONDS * 0.9))], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True)
        follow.stderr.readline()  # "following"
        with MemorySampler(daemon.pid) as memory:
            subprocess.run([str(server.bindir / "pgbench"), "-n", "-h", str(server.socket_dir), "-p", str(server.port),
                            "-U", "postgres", "-c", "4", "-j", "1", "-R", str(RATE), "-T", str(int(SECONDS)), "-f",
                            str(root / "tick.sql"), "postgres"], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            count, p50, p99, worst = (int(x) for x in follow.communicate(timeout=60)[0].split())
        bench("pg_latency_p50_ms", p50 / 1000, "ms")
        bench("pg_latency_p99_ms", p99 / 1000, "ms")
        bench("pg_latency_max_ms", worst / 1000, "ms")
        bench("pg_latency_rss_peak_mib", memory.peak / 2**20, "MiB")
        daemon.stop()
    finally:
        server.stop("immediate")
        places.remove(root)


if __name__ == "__main__":
    sys.exit(main())
