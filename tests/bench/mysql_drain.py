"""Draining a binlog: leat into its durable store against `mariadb-binlog --read-from-remote-server --raw` to disk.

Both read the same files of the same server, from their beginning, by TCP on loopback; rounds alternate. The public tool
copies the bytes of the log and decodes nothing.
"""
import os
import subprocess
import sys
import time

from tests.bench.drain import Case, bench
from tests.support import places
from tests.support.leatd import Leat, MemorySampler
from tests.support.mysqlserver import MyServer

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SERVER = {"binlog_row_event_max_size": "65536", "max_binlog_size": "1G", "innodb_buffer_pool_size": "512M",
          "innodb_log_file_size": "512M", "binlog_cache_size": "1M", "max_binlog_cache_size": "4G"}
TOKEN = ("my1 flavour=mariadb server={server} stamp=- id=0 uuid=- lineage=bench file={file} position=4 gtids=- "
         "transaction=- rows=0 from_file=- from_position=0 from_gtids=- parked=0")

SINGLE = ("CREATE TABLE single (id int PRIMARY KEY, v int)",
          "CREATE PROCEDURE fill(n int) BEGIN DECLARE i int DEFAULT 0; WHILE i < n DO "
          "INSERT INTO single VALUES (i, i * 7); SET i = i + 1; END WHILE; END", 1)
NARROW = ("CREATE TABLE narrow (id int PRIMARY KEY, a int, b smallint)",
          "CREATE PROCEDURE fill(n int) BEGIN DECLARE i int DEFAULT 0; WHILE i < n DO "
          "INSERT INTO narrow SELECT i + seq, seq * 3, seq % 30000 FROM seq_1_to_100000; SET i = i + 100000; END WHILE; END",
          100000)
WIDE = ("CREATE TABLE wide (id bigint PRIMARY KEY, a int, b int unsigned, c bigint, d decimal(12,2), e decimal(20,6), "
        "f double, g tinyint(1), h datetime(3), i timestamp(6), j date, k binary(16), l varchar(100), m varchar(200), "
        "n text, o json, p int, q varchar(80), r smallint, s char(20))",
        "CREATE PROCEDURE fill(n int) BEGIN DECLARE i int DEFAULT 0; WHILE i < n DO "
        "INSERT INTO wide SELECT i + seq, seq, seq, seq * 1000003, seq / 7, seq / 3, seq / 11, seq % 2, NOW(3), NOW(6), "
        "CURDATE(), UNHEX(MD5(seq)), REPEAT(MD5(seq), 2), REPEAT('v', 40), REPEAT(MD5(seq + 1), 3), "
        "CONCAT('{\"k\":', seq, '}'), seq, REPEAT('x', 50), seq % 30000, LEFT(MD5(seq), 20) FROM seq_1_to_20000; "
        "SET i = i + 20000; END WHILE; END", 20000)
HUGE_ROWS, HUGE_PER = 560, 1000  # 560,000 rows of 1 KB in one transaction


class MyCase:
    """One table and its load, in log files of its own."""

    def __init__(self, server, name, table, fill, per, rows):
        self.server, self.name = server, name
        self.rows = rows = max(per, rows // per * per)
        server.create_database(name)
        server.sql(table, database=name)
        server.sql(fill, database=name)
        server.flush_logs()
        self.file = server.log_end()[0]
        server.sql("SET SESSION autocommit = 1", database=name)
        server.sql(f"CALL fill({rows})", database=name)
        server.flush_logs()

    def reference(self):
        root = places.scratch("bench-raw")
        command = [str(self.server.release.binlog), "--no-defaults", "--read-from-remote-server", "--raw", "--to-last-log",
                   "--host=127.0.0.1", f"--port={self.server.port}", f"--user={self.server.user}",
                   f"--password={self.server.password}", f"--result-file={root}/", self.file]
        begun = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.monotonic() - begun
        places.remove(root)
        return seconds

    def leat(self):
        """(seconds, peak private bytes)"""
        root = places.scratch("bench")
        daemon = Leat(root, self.server, database=self.name, name="bench",
                      source={"resume": "position", "tables": [f"{self.name}.*"]})
        daemon.start().stop()  # makes the store
        token = TOKEN.format(server=self.server.variable("server_id"), file=self.file)
        done = daemon.command("offsets", "set", "bench", token, "--yes")
        if done.returncode:
            raise RuntimeError(done.stderr)
        begun = time.monotonic()
        daemon.spawn()
        with MemorySampler(daemon.pid) as memory:
            places.wait_until(lambda: Case.stored(daemon) >= self.rows, 600, f"{self.name} drained", every=0.03)
            seconds = time.monotonic() - begun
        daemon.stop()
        places.remove(root)
        return seconds, memory.peak

    def run(self):
        reference, ours, peak = [], [], 0
        for _ in range(ROUNDS):
            reference.append(self.reference())
            seconds, rss = self.leat()
            ours.append(seconds)
            peak = max(peak, rss)
        rate, rate_reference = self.rows / min(ours), self.rows / min(reference)
        bench(f"mysql_drain_rows_per_s_{self.name}", rate, "rows/s")
        bench(f"mysql_drain_rows_per_s_{self.name}_mariadb_binlog", rate_reference, "rows/s")
        bench(f"mysql_drain_ratio_{self.name}", rate / rate_reference, "x")
        return peak


def huge(server):
    """One transaction of more than 512 MiB: peak private bytes."""
    fill = (f"CREATE PROCEDURE fill(n int) BEGIN DECLARE i int DEFAULT 0; START TRANSACTION; WHILE i < n DO INSERT INTO huge "
            f"SELECT i * {HUGE_PER} + seq, REPEAT(MD5(seq), 32) FROM seq_1_to_{HUGE_PER}; SET i = i + 1; END WHILE; COMMIT; END")
    case = MyCase(server, "huge", "CREATE TABLE huge (id int PRIMARY KEY, v text)", fill, 1, max(1, int(HUGE_ROWS * SCALE)))
    case.rows *= HUGE_PER
    seconds, peak = case.leat()
    bench("mysql_huge_transaction_mib_per_s", case.rows * 1028 / 2**20 / seconds, "MiB/s")
    return peak


def latency(server):
    """Statement to readable in the store, at 1,000 transactions a second (follow.c measures)."""
    rate, seconds = 1000, float(os.environ.get("BENCH_LATENCY_SECONDS", "20"))
    server.create_database("ticks")
    server.sql("CREATE TABLE ticks (id int AUTO_INCREMENT PRIMARY KEY, at timestamp(6), note varchar(20))", database="ticks")
    root = places.scratch("bench-latency")
    daemon = Leat(root, server, database="ticks", name="bench").start()
    insert = "INSERT INTO ticks (at, note) VALUES (NOW(6), 'tick')"
    server.sql(insert, database="ticks")
    daemon.wait_caught_up()
    follow = subprocess.Popen([str(places.ROOT / "build/release/follow"), str(daemon.store_dir),
                               str(int(rate * seconds * 0.9)), "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True)
    follow.stderr.readline()  # "following"
    with MemorySampler(daemon.pid) as memory, server.connect("ticks", autocommit=True) as session:
        cursor, begun = session.cursor(), time.monotonic()
        for i in range(int(rate * seconds)):
            cursor.execute(insert)
            ahead = begun + i / rate - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)  # the rate is what is given
        count, p50, p99, worst = (int(x) for x in follow.communicate(timeout=60)[0].split())
    bench("mysql_latency_p50_ms", p50 / 1000, "ms")
    bench("mysql_latency_p99_ms", p99 / 1000, "ms")
    bench("mysql_latency_max_ms", worst / 1000, "ms")
    daemon.stop()
    places.remove(root)
    return memory.peak


def main():
    chosen = sys.argv[1:]
    server = MyServer(places.scratch("bench-mysql"), options=SERVER).start()
    cases = {
        "single": lambda: MyCase(server, "single", *SINGLE, int(400_000 * SCALE)).run(),
        "narrow": lambda: MyCase(server, "narrow", *NARROW, int(3_000_000 * SCALE)).run(),
        "wide": lambda: MyCase(server, "wide", *WIDE, int(700_000 * SCALE)).run(),
        "huge": lambda: huge(server),
        "latency": lambda: latency(server),
    }
    try:
        peaks = [cases[name]() for name in chosen or cases]
        bench("mysql_rss_peak_mib", max(peaks) / 2**20, "MiB")
    finally:
        server.remove()


if __name__ == "__main__":
    sys.exit(main())
