"""Draining a slot: leat into its durable store against pg_recvlogical into /dev/null.

Both read the same log by the same plugin options from slots of their own that were made at the same position; rounds
alternate, and so does who goes first. The walsender does the same work for both, and it is what limits them.
"""
import json
import os
import statistics
import subprocess
import sys
import time

from tests.support import places
from tests.support.leatd import Leat, MemorySampler, cpu_seconds
from tests.support.pgserver import PgServer

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SERVER = {"shared_buffers": "512MB", "max_wal_size": "16GB", "checkpoint_timeout": "1h", "synchronous_commit": "off",
          "autovacuum": "off", "max_replication_slots": "60", "max_wal_senders": "20"}

NARROW = """CREATE TABLE history (aid int, bid int, tid int, delta int, mtime timestamp, filler char(22));
ALTER TABLE history REPLICA IDENTITY FULL;
CREATE PROCEDURE fill(total int, per int) LANGUAGE plpgsql AS $$ BEGIN
  FOR i IN 1 .. total / per LOOP
    INSERT INTO history SELECT g, g % 100, g % 10, g % 5000, now(), NULL FROM generate_series(1, per) g; COMMIT;
  END LOOP; END $$;"""

WIDE = """CREATE TABLE wide (id bigint PRIMARY KEY, a int, b int, c bigint, d numeric(12,2), e numeric, f float8, g bool,
  h timestamp, i timestamptz, j date, k uuid, l text, m varchar(200), n text, o jsonb, p int, q text, r smallint, s text);
CREATE PROCEDURE fill(total int, per int) LANGUAGE plpgsql AS $$ BEGIN
  FOR i IN 1 .. total / per LOOP
    INSERT INTO wide SELECT i::bigint * per + g, g, -g, g * 1000003::bigint, g / 7.0, g / 3.0, g / 11.0::float8,
      g % 2 = 0, now(), now(), current_date, md5(g::text)::uuid, repeat(md5(g::text), 4), repeat('v', 120),
      repeat(md5((g + 1)::text), 6),
      jsonb_build_object('k', g, 'v', md5(g::text), 'list', jsonb_build_array(1, 2, g)), g, repeat('x', 150), g % 30000,
      repeat(md5((g + 2)::text), 3) FROM generate_series(1, per) g; COMMIT;
  END LOOP; END $$;"""


def bench(name, value, unit):
    print(f"BENCH {name} {value:.3f} {unit}", flush=True)


class Case:
    """One table, its load, and the slots that were made before the load."""

    def __init__(self, server, name, table, rows, per, host=None, options=("proto_version=1",), source=None):
        self.server, self.name, self.rows = server, name, rows
        self.host = host or str(server.socket_dir)
        self.options, self.source = options, source or {}
        server.create_database(name)
        server.run(table, database=name)
        server.run("CREATE PUBLICATION bench FOR ALL TABLES", database=name)
        self.slots = [f"{name}_{i}" for i in range(2 * ROUNDS)]
        for slot in self.slots:
            server.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", slot, database=name)
        server.run(f"CALL fill({rows}, {per})", database=name)
        self.end = server.one("SELECT pg_current_wal_lsn()", database=name)

    def reference(self, slot):
        command = [str(self.server.bindir / "pg_recvlogical"), "-h", self.host, "-p", str(self.server.port), "-U",
                   "postgres", "-d", self.name, "-S", slot, f"--endpos={self.end}", "--no-loop", "-f", "-",
                   "-o", "publication_names=bench"]
        for option in self.options:
            command += ["-o", option]
        begun = time.monotonic()
        subprocess.run(command + ["--start"], stdout=subprocess.DEVNULL, check=True)
        return time.monotonic() - begun

    def leat(self, slot):
        """(seconds, CPU seconds of leat, of its walsender, peak private bytes)"""
        root = places.scratch("bench")
        daemon = Leat(root, self.server, database=self.name, name="bench",
                      source={"host": self.host, "create": False, "slot": slot, "publication": "bench", "tables": [],
                              **self.source})
        begun = time.monotonic()
        daemon.spawn()
        with MemorySampler(daemon.pid) as memory:
            places.wait_until(lambda: self.stored(daemon) >= self.rows, 600, f"{slot} drained", every=0.03)
            seconds = time.monotonic() - begun
            sender = self.server.one("SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", slot)
            used = cpu_seconds(daemon.pid), cpu_seconds(sender)
        daemon.stop()
        places.remove(root)
        return (seconds, *used, memory.peak)

    @staticmethod
    def stored(daemon):
        """Durable row events; the first event is the table's schema."""
        if not daemon.alive:
            raise RuntimeError(f"leat ended: {daemon.log()[-1500:]}")
        try:
            return json.loads(daemon.http("/status")[1])["store"]["last_sequence"] - 1
        except OSError:  # not listening yet
            return 0

    def run(self):
        reference, ours, ratios_cpu, peak = [], [], [], 0
        for i in range(ROUNDS):
            ours_first, slots = i % 2 == 1, self.slots[2 * i:2 * i + 2]
            if not ours_first:
                reference.append(self.reference(slots[0]))
            seconds, leat_cpu, sender_cpu, rss = self.leat(slots[1])
            if ours_first:
                reference.append(self.reference(slots[0]))
            ours.append(seconds)
            ratios_cpu.append(leat_cpu / sender_cpu)
            peak = max(peak, rss)
        for slot in self.slots:
            self.server.drop_slot(slot)
        rate, rate_reference = self.rows / min(ours), self.rows / min(reference)
        bench(f"pg_drain_rows_per_s_{self.name}", rate, "rows/s")
        bench(f"pg_drain_rows_per_s_{self.name}_pg_recvlogical", rate_reference, "rows/s")
        bench(f"pg_drain_ratio_{self.name}", rate / rate_reference, "x")
        return statistics.median(ratios_cpu), peak


def main():
    chosen = sys.argv[1:]
    root = places.scratch("bench-server")
    server = PgServer(root, 15, SERVER).start()
    peaks = []
    try:
        binary = ("proto_version=1", "binary=true")
        cases = {
            "narrow": lambda: Case(server, "narrow", NARROW, int(2_000_000 * SCALE), 1000, options=binary),
            "narrow_tcp": lambda: Case(server, "narrow_tcp", NARROW, int(2_000_000 * SCALE),
                                       1000, host="127.0.0.1", options=binary),
            "narrow_text": lambda: Case(server, "narrow_text", NARROW, int(1_000_000 * SCALE),
                                        1000, source={"format": "text"}),
            "single": lambda: Case(server, "single", NARROW, int(500_000 * SCALE), 1, options=binary),
            "wide": lambda: Case(server, "wide", WIDE, int(400_000 * SCALE), 1000, options=binary),
        }
        for name in chosen or cases:
            case = cases[name]()
            cpu, peak = case.run()
            peaks.append(peak)
            bench("pg_drain_cpu_ratio" + ("" if case.name == "narrow" else f"_{case.name}"), cpu, "x")
            server.run(f"DROP DATABASE {case.name}")
        bench("rss_peak_mib", max(peaks) / 2**20, "MiB")
    finally:
        server.stop("immediate")
        places.remove(root)


if __name__ == "__main__":
    sys.exit(main())
