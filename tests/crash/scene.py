"""What all crash tests share: a database with its load and second decoder, a daemon, and the verdict.

    with Scene("kill", seed, variant, MySql) as scene:
        … hurt scene.leat while scene.load runs …
        report = scene.judge()

Of the database a scene knows only what `databases.py` says of each kind. `judge` lets the daemon catch up in peace and
then asks the checker, which runs as a process of its own.
"""
import json
import random
import subprocess
import sys

from tests.support import checker, places
from tests.support.leatd import Leat

from . import databases


class Result:
    """One line of the summary."""

    def __init__(self, name, state, text):
        self.name, self.state, self.text = name, state, text  # state: passed, failed, skipped

    def __str__(self):
        return f"crash: {self.state:<7} {self.name}: {self.text}"


class Scene:
    def __init__(self, name, seed, variant="release", database=databases.Postgres, clients=2, pause=0.02, store=None,
                 store_dir=None):
        self.seed = seed
        self.random = random.Random(f"{seed}/{name}")
        self.directory = places.scratch(f"crash-{name}")
        self.kept = False
        self.database = database(self.directory)
        self.server = self.database.server
        self.leat = Leat(self.directory, self.server, databases.NAME, variant=variant, store=store)
        if store_dir is not None:
            self.leat.store_dir = store_dir
            self.leat.store["path"] = str(store_dir)
            self.leat.write_config()
        self.clients, self.pause = clients, pause
        self.load = None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.load is not None:
            self.load.stop()
        if self.leat.alive:
            self.leat.kill9()
        self.database.end()
        if kind is None and not self.kept:
            self.server.remove()
            places.remove(self.directory)
        else:
            print(f"crash: evidence is kept in {self.directory}")

    def begin(self):
        """The first start says where the stream begins; then rows come."""
        self.leat.start()
        self.database.seed()
        self.load = self.database.load(self.directory / "journal", seed=self.seed, clients=self.clients,
                                       pause=self.pause).start()
        return self

    def spawn(self, failpoint=None):
        """Another start, with settings that may be others than before."""
        self.leat.configure(**self.database.settings(self.random)).spawn(failpoint)

    def log_uniform(self, low_ms, high_ms):
        """Seconds; short ones as likely as long ones."""
        return low_ms / 1000 * (high_ms / low_ms) ** self.random.random()

    def judge(self, seconds=180):
        """Ends the load, waits for the daemon, and runs the checker; returns its report."""
        counts = self.load.stop()
        if not self.leat.alive:
            self.leat.start(60)
        self.leat.wait_caught_up(seconds)
        code, _ = self.leat.stop()
        report = self._check()
        report["load"] = counts
        if code != 0:
            report["ok"] = False
            report["failed"]["Shutdown"] = {"count": 1, "examples": [f"leat ended with {code} on SIGTERM"]}
        self.kept = not report["ok"]
        return report

    def _check(self):
        stream = self.directory / "stream.jsonl"
        code = self.leat.tail_to(stream)
        if code != 0:
            raise RuntimeError(f"leat tail ended with {code}")
        tables = self.directory / "tables.json"
        tables.write_text(json.dumps(self.database.contents()))
        self.database.account(self.directory / "oracle.jsonl")
        arguments = ["--stream", stream, "--journal", self.directory / "journal", "--tables", tables,
                     "--oracle", self.directory / "oracle.jsonl", *self._suffixes(stream)]
        done = subprocess.run([sys.executable, "-m", "tests.support.checker", *map(str, arguments)], cwd=places.ROOT,
                              capture_output=True, text=True)
        if not done.stdout:
            raise RuntimeError(f"the checker: {done.stderr}")
        return json.loads(done.stdout)

    def _suffixes(self, stream):
        """Three tails from sequences in the middle, for the validator Resumable."""
        seqs = [event["seq"] for event in checker.read_stream(stream)]
        for start in sorted(self.random.sample(seqs, min(3, len(seqs)))):
            path = self.directory / f"suffix-{start}"
            self.leat.tail_to(path, "--from", str(start))
            yield from ("--suffix", f"{start}:{path}")


def verdict(name, report, more):
    text = (f"{more}; {report['rows']} rows, {report['lost']} lost, {report['repeated']} repeated, "
            f"{report['reordered']} reordered, {report['aborted']} aborted")
    if report["ok"]:
        return Result(name, "passed", text)
    return Result(name, "failed", f"{text}\n{json.dumps(report['failed'], indent=2)[:3000]}")
