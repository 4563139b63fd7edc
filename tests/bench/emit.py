"""Emitting: a backlog in the store, brought into a Postgres table by leat and, the same rows, by `psql \\copy` from a file.

Tables and indexes are the same for both, made anew for each round; rounds alternate, and so does who goes first. leat
reads the store, encodes, and commits with its cursor every 4 MiB; psql sends bytes that are ready and commits once.
"""
import os
import statistics
import subprocess
import sys
import time

from tests.support import places
from tests.support.emitting import Emitting
from tests.support.leatd import MemorySampler, cpu_seconds
from tests.support.pgserver import PgServer

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
EVENTS = max(20000, int(1_000_000 * SCALE))
SERVER = {"shared_buffers": "512MB", "max_wal_size": "16GB", "checkpoint_timeout": "1h", "autovacuum": "off"}
COLUMNS = "source_id, external_id, record, metadata, created_at, seq"
PER_REQUEST = 10000


def bench(name, value, unit):
    print(f"BENCH {name} {value:.3f} {unit}", flush=True)


class Case:
    def __init__(self, directory, server, record_type):
        self.server, self.type = server, record_type
        self.database = f"bench_{record_type}"
        server.create_database(self.database)
        self.leat = Emitting(directory, {})
        self.file = directory / f"rows.{record_type}"
        self.peak = 0

    def sql(self, text):
        return self.server.sql(text, database=self.database)

    def emitter(self, name):
        return {"type": "postgres", "host": "127.0.0.1", "port": self.server.port, "database": self.database,
                "user": "postgres", "sslmode": "disable", "table": name, "record_type": self.type}

    def configure(self, name):
        self.leat.settings["emitters"] = {name: self.emitter(name)}
        self.leat.write_config()
        done = self.leat.command("check", "--apply")
        assert done.returncode == 0, done.stdout + done.stderr

    def by_leat(self, name):
        """Seconds until the last row is confirmed."""
        self.configure(name)
        self.server.run("CHECKPOINT")
        begun = time.monotonic()
        self.leat.spawn()
        with MemorySampler(self.leat.process.pid) as sampler:
            places.wait_until(self.leat.listening, 30, "start", 0.01)
            places.wait_until(lambda: self.delivered() == EVENTS, 600, "all rows", 0.05)
            seconds = time.monotonic() - begun
            self.cpu = cpu_seconds(self.leat.process.pid)
        self.peak = max(self.peak, sampler.peak)
        self.leat.stop()
        return seconds

    def delivered(self):
        line = next(li for li in self.leat.metrics().splitlines() if li.startswith("leat_emitter_delivered_total{"))
        return int(line.split()[-1])

    def by_psql(self, name):
        self.configure(name)
        self.server.run("CHECKPOINT")
        begun = time.monotonic()
        subprocess.run([*self.server.psql(self.database), "-q", "-c",
                        f"\\copy {name} ({COLUMNS}) FROM '{self.file}' WITH (FORMAT binary)"], check=True)
        return time.monotonic() - begun

    def prepare(self):
        """The rows as a file, which psql wrote itself."""
        self.by_leat("first")
        assert self.sql("SELECT count(*) FROM first")[0][0] == EVENTS
        subprocess.run([*self.server.psql(self.database), "-q", "-c",
                        f"\\copy (SELECT {COLUMNS} FROM first ORDER BY seq) TO '{self.file}' WITH (FORMAT binary)"], check=True)
        self.sql("DROP TABLE first")


def fill(leat):
    leat.start()
    pad = "".join(chr(97 + i % 26) for i in range(180))
    for at in range(0, EVENTS, PER_REQUEST):
        leat.send(min(PER_REQUEST, EVENTS - at), customer=f"c{at % 977}", amount=at / 7, note=pad)
    leat.stop()


def main():
    directory = places.scratch("bench-emit")
    server = PgServer(directory / "server", 15, SERVER).start()
    peak = 0
    try:
        for record_type in sys.argv[1:] or ["jsonb", "text"]:
            (directory / record_type).mkdir()
            case = Case(directory / record_type, server, record_type)
            fill(case.leat)
            case.prepare()
            ratios, rates, loads = [], [], []
            for i in range(ROUNDS):
                runs = [("leat", case.by_leat), ("psql", case.by_psql)]
                took = {who: run(f"{who}_{i}") for who, run in (runs if i % 2 else runs[::-1])}
                case.sql(f"DROP TABLE leat_{i}, psql_{i}")
                ratios.append(took["psql"] / took["leat"])
                rates.append(EVENTS / took["leat"])
                loads.append(os.getloadavg()[0])
                print(f"{record_type} round {i}: leat {took['leat']:.2f} s (its CPU {case.cpu:.2f} s), "
                      f"psql {took['psql']:.2f} s, load {loads[-1]:.1f}", file=sys.stderr)
            name = "pg_emit_ratio" if record_type == "jsonb" else f"pg_emit_ratio_{record_type}"
            bench(name, statistics.median(ratios), "ratio")
            bench(f"pg_emit_rows_per_s_{record_type}", statistics.median(rates), "rows/s")
            peak = max(peak, case.peak)
            places.remove(directory / record_type)
        bench("emit_rss_peak_mib", peak / (1 << 20), "MiB")
    finally:
        server.remove()
        places.remove(directory)


main()
