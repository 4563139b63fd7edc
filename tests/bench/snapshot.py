"""The initial copy of a table: leat into its durable store against psql's COPY in binary form into /dev/null.

Both read the same table, which is in the server's cache; rounds alternate, and so does who goes first. Each round of leat
begins with the start of the process and a slot of its own, and ends when every row is durable.
"""
import os
import statistics
import subprocess
import sys
import time

from tests.bench.drain import Case, bench
from tests.support import places
from tests.support.leatd import Leat, MemorySampler
from tests.support.pgserver import PgServer

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SERVER = {"shared_buffers": "1GB", "max_wal_size": "16GB", "checkpoint_timeout": "1h", "synchronous_commit": "off",
          "autovacuum": "off", "max_parallel_workers_per_gather": "0"}

TABLES = {
    "narrow": (10_000_000, """CREATE TABLE t (aid int PRIMARY KEY, bid int, tid int, delta int, mtime timestamp,
            filler char(22));
        INSERT INTO t SELECT g, g % 100, g % 10, g % 5000, now(), NULL FROM generate_series(1, {rows}) g"""),
    "wide": (2_000_000, """CREATE TABLE t (id bigint PRIMARY KEY, a int, b numeric(12,2), c float8, d timestamptz, e uuid,
            f text, g varchar(200), h jsonb);
        INSERT INTO t SELECT g, g, g / 7.0, g / 11.0::float8, now(), md5(g::text)::uuid, repeat(md5(g::text), 4),
            repeat('v', 120), jsonb_build_object('k', g, 'v', md5(g::text)) FROM generate_series(1, {rows}) g"""),
}


class Copy:
    def __init__(self, server, name):
        rows, script = TABLES[name]
        self.server, self.name, self.rows = server, name, int(rows * SCALE)
        self.database = server.create_database(f"copy_{name}")
        server.run(script.format(rows=self.rows) + "; VACUUM (FREEZE, ANALYZE) t; CHECKPOINT", self.database)

    def reference(self):
        begun = time.monotonic()
        subprocess.run(self.server.psql(self.database) + ["-c", "COPY t TO STDOUT (FORMAT binary)"],
                       stdout=subprocess.DEVNULL, check=True)
        return time.monotonic() - begun

    def leat(self, number):
        """(seconds, peak private bytes)"""
        root = places.scratch("bench")
        daemon = Leat(root, self.server, database=self.database, name=f"copy{number}", source={"snapshot": "initial"})
        begun = time.monotonic()
        daemon.spawn()
        with MemorySampler(daemon.pid) as memory:
            places.wait_until(lambda: Case.stored(daemon) >= self.rows, 900, "copied", every=0.03)
            seconds = time.monotonic() - begun
        daemon.stop()
        self.server.drop_slot(daemon.slot)
        places.remove(root)
        return seconds, memory.peak

    def run(self):
        theirs, ours, peak = [], [], 0
        self.reference()  # into the cache
        for i in range(ROUNDS):
            if i % 2 == 0:
                theirs.append(self.reference())
            seconds, rss = self.leat(i)
            if i % 2 == 1:
                theirs.append(self.reference())
            ours.append(seconds)
            peak = max(peak, rss)
        bench(f"pg_snapshot_rows_per_s_{self.name}", self.rows / statistics.median(ours), "rows/s")
        bench(f"pg_snapshot_rows_per_s_{self.name}_psql", self.rows / statistics.median(theirs), "rows/s")
        suffix = "" if self.name == "narrow" else f"_{self.name}"
        bench(f"pg_snapshot_ratio{suffix}", statistics.median(theirs) / statistics.median(ours), "x")
        return peak


def main():
    root = places.scratch("bench-server")
    server = PgServer(root, 15, SERVER).start()
    peaks = []
    try:
        for name in sys.argv[1:] or TABLES:
            copy = Copy(server, name)
            peaks.append(copy.run())
            server.run(f"DROP DATABASE {copy.database}")
        bench("snapshot_rss_peak_mib", max(peaks) / 2**20, "MiB")
    finally:
        server.stop("immediate")
        places.remove(root)


if __name__ == "__main__":
    sys.exit(main())
