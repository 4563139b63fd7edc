"""A leat daemon under test: its configuration, its life, what it says and what it used.

        Leat(dir, server, database) ── start ──▶ running ── stop | kill9 ──▶ down ── start …

Only the command line, the configuration file and /proc are used: this is what a user has. What depends on the kind of
server is the business of its *tap* (server.tap): the settings of a source, which session streams to us, and whether all
that the server has logged by now is durable here.

    class Tap:
        source(name, database) ─▶ settings      environment() ─▶ variables that hold secrets
        session(leat) ─▶ who streams, or None   end() ─▶ target     reached(leat, target) ─▶ bool     describe(…)
"""
import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from . import places

FINE, FAILED, USAGE, FINDINGS = 0, 1, 2, 3


def binary(variant="release"):
    """The program: $LEAT (or $LEAT_FAILPOINTS), or the variant built in the clone."""
    chosen = os.environ.get("LEAT" if variant == "release" else f"LEAT_{variant.upper()}")
    return Path(chosen) if chosen else places.ROOT / "build" / variant / "leat"


class Leat:
    def __init__(self, root, server, database="postgres", name="shop", variant="release", source=None,
                 store=None, program=None):
        self.root = Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.server = server
        self.database = database
        self.name = name
        self.program = Path(program) if program else binary(variant)
        self.store_dir = self.root / "store"
        self.config_file = self.root / "leat.yaml"
        self.log_file = self.root / "leat.log"
        self.http_port = places.free_port()
        self.store = {"path": str(self.store_dir), **(store or {})}
        self.source = {**self.tap.source(name, database), **(source or {})}
        self.environment = self.tap.environment()
        self.process = None
        self.spawned_at = 0.0
        self.sampler = None
        self.write_config()

    # --- configuration ------------------------------------------------------------------------

    @property
    def tap(self):
        """Of the server that we read now: after a failover it is another one."""
        return self.server.tap

    @property
    def slot(self):
        return self.source["slot"]

    def write_config(self):
        self.config_file.write_text(yaml({
            "store": self.store,
            "http": {"listen": f"127.0.0.1:{self.http_port}"},
            "log": {"level": "debug" if os.environ.get("LEAT_DEBUG") else "info", "format": "text"},
            "sources": {self.name: self.source}}))

    def configure(self, **source):
        """Changes settings of the source for the next start; None removes one."""
        self.source.update(source)
        self.source = {k: v for k, v in self.source.items() if v is not None}
        self.write_config()
        return self

    # --- life ---------------------------------------------------------------------------------

    def spawn(self, failpoint=None):
        """Starts the process and returns at once."""
        environment = {**os.environ, **self.environment}
        environment.pop("LEAT_FAILPOINT", None)
        if failpoint:
            environment["LEAT_FAILPOINT"] = failpoint
        self.spawned_at = time.time()
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([str(self.program), "run", "-c", str(self.config_file)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                            start_new_session=True)
        return self

    def start(self, seconds=20, failpoint=None):
        """Starts and waits until the server says that it streams to us."""
        self.spawn(failpoint)
        self.wait_streaming(seconds)
        return self

    def backend(self):
        """The server's session that streams to this daemon, or None."""
        return self.tap.session(self)

    def streaming(self):
        return self.backend() is not None

    def wait_streaming(self, seconds=20):
        def there():
            if not self.alive:
                raise RuntimeError(f"leat ended with {self.process.returncode}:\n{self.log()[-3000:]}")
            return self.streaming()
        places.wait_until(there, seconds, f"{self.name} streaming; log:\n{self.log()[-2000:]}")

    def stop(self, seconds=15):
        """SIGTERM; returns (exit code, seconds it took)."""
        if self.process is None:
            return None, 0.0
        begun = time.monotonic()
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise TimeoutError(f"leat did not end within {seconds} s of SIGTERM:\n{self.log()[-2000:]}") from None
        return code, time.monotonic() - begun

    def kill9(self):
        if self.alive:
            self.process.kill()
        self.process.wait(10)

    def wait_end(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"leat still runs after {seconds} s:\n{self.log()[-2000:]}") from None

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def wait_log(self, text, seconds=20, start=0):
        places.wait_until(lambda: text in self.log()[start:], seconds,
                          f"{text!r} in the log; it ends:\n{self.log()[-1500:]}")

    # --- progress -----------------------------------------------------------------------------

    def wait_caught_up(self, seconds=60, until=None):
        """Until all that the server has logged by now (or up to a place of the log) is durable here."""
        target = until or self.tap.end()
        try:
            places.wait_until(lambda: self.tap.reached(self, target), seconds, "")
        except TimeoutError:
            raise TimeoutError(f"not caught up within {seconds} s: {self.tap.describe(self, target)}; "
                               f"alive {self.alive}; log:\n{self.log()[-2500:]}") from None

    def wait_events(self, count, seconds=30, **selection):
        """Until at least `count` events can be read; returns them."""
        return places.wait_until(lambda: (lambda e: e if len(e) >= count else None)(self.tail(**selection)),
                                 seconds, f"{count} events ({len(self.tail(**selection))} are there)", 0.2)

    # --- the other commands -------------------------------------------------------------------

    def command(self, *arguments, seconds=60):
        """Runs a command of leat on our configuration; returns the finished process with its texts."""
        name = arguments[0:2] if arguments[0] == "offsets" else arguments[0:1]
        rest = arguments[len(name):]
        return subprocess.run([str(self.program), *name, "-c", str(self.config_file), *rest], capture_output=True,
                              text=True, timeout=seconds, errors="surrogateescape",
                              env={**os.environ, **self.environment})

    def tail(self, schema=False, **selection):
        """The stored events as dictionaries. Announcements of schemas are left out unless asked for."""
        arguments = ["tail", "--format", selection.pop("format", "native")]
        for name, value in selection.items():
            arguments += [f"--{name}", str(value)]
        done = self.command(*arguments, seconds=300)
        if done.returncode != 0:
            raise RuntimeError(f"leat tail ended with {done.returncode}: {done.stderr[-2000:]}")
        events = [json.loads(line) for line in done.stdout.split("\n") if line]  # texts may have other line ends
        return events if schema else [e for e in events if e.get("op") != "schema"]

    def tail_to(self, path, *extra):
        """Writes all stored events to a file, without holding them here; returns the exit code."""
        with open(path, "wb") as out:
            done = subprocess.run([str(self.program), "tail", "-c", str(self.config_file), "--format", "native",
                                   *extra], stdout=out, stderr=subprocess.PIPE, timeout=600)
        return done.returncode

    def status(self):
        return self._json("status")

    def offsets(self):
        return self._json("offsets", "list")

    def _json(self, *arguments):
        done = self.command(*arguments, "--json")
        if done.returncode != 0:
            raise RuntimeError(f"leat {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def http(self, path, seconds=5):
        """(status, body) of the daemon's own HTTP server."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=seconds) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode(errors="replace")

    def store_bytes(self):
        """What the store takes on the disk (its files are sparse)."""
        return sum(f.stat().st_blocks * 512 for f in self.store_dir.rglob("*") if f.is_file())


class MemorySampler:
    """Highest RssAnon of a process, in bytes, sampled twenty times a second. A context manager."""

    def __init__(self, pid):
        self.pid = pid
        self.peak = 0
        self.samples = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _run(self):
        while not self._end.wait(0.05):
            now = rss_anon(self.pid)
            if now is None:
                return
            self.samples += 1
            self.peak = max(self.peak, now)


def rss_anon(pid):
    """Private resident memory in bytes, or None if the process is gone."""
    try:
        with open(f"/proc/{pid}/status") as f:
            for line in f:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def cpu_seconds(pid):
    """Processor time that a process has used."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def yaml(value, indent=0):
    """Block style for mappings, JSON for the rest, which is YAML too."""
    lines = []
    for name, item in value.items():
        if isinstance(item, dict):
            lines += [f"{'  ' * indent}{name}:", yaml(item, indent + 1).rstrip("\n")]
        else:
            lines.append(f"{'  ' * indent}{name}: {json.dumps(item)}")
    return "\n".join(lines) + "\n"
