"""What a user types, where no server is needed: help, wrong use, tail, offsets, status, verify and check on a store
whose content is known (support/store_writer.c), the manual and the installed files."""
import fcntl
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

from tests.support import leatd, places

FINE, FAILED, USAGE, FINDINGS = leatd.FINE, leatd.FAILED, leatd.USAGE, leatd.FINDINGS
COMMANDS = ["run", "check", "status", "tail", "offsets", "verify", "keys", "file", "config"]


def leat(*arguments, text=None, seconds=60):
    return subprocess.run([str(leatd.binary()), *map(str, arguments)], input=text, capture_output=True, text=True,
                          timeout=seconds)


@pytest.fixture(scope="session")
def writer(built, tmp_path_factory):
    """Compiles the writer against the archives beside the program; LEAT_CFLAGS for a build with sanitizers."""
    build = leatd.binary().parent
    program = tmp_path_factory.mktemp("writer") / "store_writer"
    packages = "libpq lmdb libzstd libxxhash libmicrohttpd yaml-0.1 jansson openssl zlib".split()
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", *packages], capture_output=True, text=True, check=True)
    archives = [str(a) for a in sorted(build.glob("libleat_*.a"))]
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-g",
                    *os.environ.get("LEAT_CFLAGS", "").split(), "-o", str(program),
                    str(places.ROOT / "tests/support/store_writer.c"), f"-I{places.ROOT / 'include'}",
                    f"-I{places.ROOT / 'src'}", "-Wl,--start-group", *archives, "-Wl,--end-group",
                    *flags.stdout.split(), "-lpthread", "-lm"], check=True)
    return program


@pytest.fixture
def write(writer, tmp_path):
    """Writes transactions first … first + count - 1 into a store and gives its directory."""
    def to(first, count, *mutant, name="store"):
        subprocess.run([str(writer), str(tmp_path / name), str(first), str(count), *mutant], check=True)
        return tmp_path / name
    return to


@pytest.fixture
def config(tmp_path):
    def make(store, listen="off", **settings):
        path = tmp_path / "leat.yaml"
        path.write_text(leatd.yaml({"store": {"path": str(store), **settings}, "http": {"listen": listen},
                                    "sources": {"shop": {"type": "postgres", "host": "/nonexistent", "port": 1,
                                                         "database": "shop", "user": "nobody"}}}))
        return path
    return make


def rows(first, count):
    """(table, id) of each event that the writer was asked for, in order."""
    return [(table, n) for n in range(first, first + count) for table in ("a", "b")]


def seen(done):
    assert done.returncode == FINE, done.stderr
    return [(e["table"], e["after"]["id"]) for e in map(json.loads, done.stdout.splitlines())]


# --- words ------------------------------------------------------------------------------------------------------


def test_command_line__every_command_has_help_on_standard_output(built):
    listed = leat("help").stdout
    for name in COMMANDS:
        assert f"\n  {name} " in listed
        by_flag, by_help = leat(name, "--help"), leat("help", name)
        assert by_flag.returncode == by_help.returncode == FINE
        assert by_flag.stdout == by_help.stdout and by_flag.stdout.startswith(f"Use: leat {name}")
        assert by_flag.stderr == ""


@pytest.mark.parametrize("arguments, words", [
    ([], ["Use: leat COMMAND"]),
    (["tial"], ['"tial"', '"tail"']),
    (["help", "chek"], ['"check"']),
    (["tail", "--folow"], ["--folow", '"follow"']),
    (["tail", "-x"], ["-x"]),
    (["tail", "--from"], ["--from", "SEQ"]),
    (["tail", "--from", "3", "--from=4"], ["--from", "twice"]),
    (["tail", "--follow=yes"], ["--follow", "no value"]),
    (["tail", "--from", "-1"], ["--from", "-1"]),
    (["tail", "--from", "18446744073709551616"], ["--from"]),
    (["tail", "--limit", "1x"], ["1x"]),
    (["tail", "--op", "create,upsert"], ["upsert", "update"]),
    (["tail", "--format", "avro"], ["avro", "debezium"]),
    (["tail", "--schema"], ["--schema", "debezium"]),
    (["tail", "--since", "yesterday"], ["yesterday"]),
    (["tail", "--since", "2026-13-01"], ["2026-13-01"]),
    (["tail", "surplus"], ["surplus"]),
    (["tail", "--store", "/nonexistent"], ["/nonexistent", "No such file"]),
    (["tail", "--store", "/tmp", "-c", "/tmp/x"], ["exclude"]),
    (["check", "--json", "--fix-sql"], ["exclude"]),
    (["offsets"], ["list", "set"]),
    (["offsets", "show"], ["show NAME"]),
    (["config", "options"], ["reference"]),
    (["status", "-c", "/nonexistent.yaml"], ["/nonexistent.yaml"]),
])
def test_command_line__wrong_use_is_named_and_ends_with_2(built, arguments, words):
    done = leat(*arguments)
    assert done.returncode == USAGE and done.stdout == ""
    assert all(w in done.stderr for w in words), done.stderr


def test_command_line__help_wins_over_what_is_wrong(built):
    assert leat("tail", "--help", "--nonsense").returncode == FINE


def test_command_line__a_full_disk_under_standard_output_is_a_failure(built):
    with open("/dev/full", "w") as full:
        assert subprocess.run([str(leatd.binary()), "config", "reference"], stdout=full,
                              stderr=subprocess.DEVNULL).returncode == FAILED


# --- tail -------------------------------------------------------------------------------------------------------


def test_tail__gives_every_event_in_order_across_segments(write):
    store = write(1, 2000)
    assert len(list(store.glob("seg-*.mdb"))) > 2
    assert seen(leat("tail", "--store", store)) == rows(1, 2000)


def test_tail__selects(write):
    store = write(1, 30)
    assert seen(leat("tail", "--store", store, "--from", 11, "--limit=4")) == rows(6, 2)
    assert seen(leat("tail", f"--store={store}", "--table", "public.b")) == [("b", n) for n in range(1, 31)]
    assert seen(leat("tail", "--store", store, "--table", "pub*.?", "--limit", 3)) == rows(1, 30)[:3]
    assert seen(leat("tail", "--store", store, "--table", "a")) == [("a", n) for n in range(1, 31)]
    assert seen(leat("tail", "--store", store, "--table", "other.a")) == []
    assert seen(leat("tail", "--store", store, "--op", "update,delete")) == []
    assert seen(leat("tail", "--store", store, "--op", "delete,create")) == rows(1, 30)
    assert seen(leat("tail", "--store", store, "--source", "shop", "--from", 60)) == [("b", 30)]
    assert seen(leat("tail", "--store", store, "--from", 61)) == []
    assert seen(leat("tail", "--store", store, "--limit", 0)) == []


def test_tail__names_a_source_that_the_store_does_not_have(write):
    done = leat("tail", "--store", write(1, 1), "--source", "shpo")
    assert done.returncode == FINE and done.stdout == "" and "shpo" in done.stderr


def test_tail__since_begins_with_what_was_stored_then(write):
    write(1, 500)
    time.sleep(0.02)
    between = time.time()
    time.sleep(0.02)
    store = write(501, 500)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(between)) + f"{between % 1:.6f}"[1:]
    east = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(between + 5400)) + f"{between % 1:.6f}"[1:] + "+01:30"
    for text in (moment, moment + "Z", east):
        assert seen(leat("tail", "--store", store, "--since", text)) == rows(501, 500), text
    assert seen(leat("tail", "--store", store, "--since", "1h")) == rows(1, 1000)
    assert seen(leat("tail", "--store", store, "--since", "2099-01-01")) == []
    assert seen(leat("tail", "--store", store, "--since", moment, "--from", 1501)) == rows(751, 250)


def test_tail__follows_a_writer_in_another_process(write):
    store = write(1, 5)
    follower = subprocess.Popen([str(leatd.binary()), "tail", "--store", str(store), "-f", "--limit", "1200"],
                                stdout=subprocess.PIPE, text=True)
    try:
        write(6, 700)
        out, _ = follower.communicate(timeout=20)
    finally:
        follower.kill()
    assert seen(subprocess.CompletedProcess([], follower.returncode, out, "")) == rows(1, 705)[:1200]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_tail__ends_quietly_when_interrupted(write, number):
    follower = subprocess.Popen([str(leatd.binary()), "tail", "--store", str(write(1, 5)), "--follow"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [follower.stdout.readline() for _ in range(10)]
    follower.send_signal(number)
    out, errors = follower.communicate(timeout=10)
    assert follower.returncode == FINE and errors == "" and out == "" and all(x.endswith("}\n") for x in lines)


@pytest.mark.parametrize("follow", [[], ["--follow"]])
def test_tail__ends_quietly_when_its_reader_goes_away(write, follow):
    tail = subprocess.Popen([str(leatd.binary()), "tail", "--store", str(write(1, 2000)), *follow],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    tail.stdout.readline()
    tail.stdout.close()
    assert tail.wait(10) == FINE and tail.stderr.read() == b""
    tail.stderr.close()


def test_tail__a_backlog_costs_few_writes(write):
    """Two megabytes of lines, a write per 64 KiB or so."""
    store = write(1, 2000)
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    done = subprocess.run(["strace", "-f", "-e", "trace=write", "-o", "/dev/stderr", str(leatd.binary()), "tail",
                           "--store", str(store)], capture_output=True, text=True, timeout=120)
    if done.returncode != FINE:
        pytest.skip(f"strace does not work here: {done.stderr[-200:]}")
    assert len(done.stdout) > 1 << 20
    assert done.stderr.count("write(1") <= len(done.stdout) / 65536 + 2


def test_tail__what_is_damaged_is_named_and_what_stands_before_it_is_shown(write):
    store = write(1, 2000)
    segment, at = find(store, b"row-00001500")
    flip(segment, at)
    done = leat("tail", "--store", store)
    shown = [(e["table"], e["after"]["id"]) for e in map(json.loads, done.stdout.splitlines())]
    assert done.returncode == FINDINGS
    assert shown == rows(1, 2000)[:len(shown)] and ("a", 1490) in shown and ("a", 1500) not in shown
    number = int(re.search(r"sequence (\d+)", done.stderr)[1])
    assert segment.name in done.stderr and number <= 2999 < number + 20


# --- offsets ----------------------------------------------------------------------------------------------------


def test_offsets__list_show_and_export_say_the_same(write):
    store = write(1, 42)
    listed = json.loads(leat("offsets", "list", "--store", store, "--json").stdout)
    assert [(o["source"], o["token"]) for o in listed] == [("shop", "at 42")]
    assert leat("offsets", "show", "shop", "--store", store).stdout == "at 42\n"
    assert json.loads(leat("offsets", "--store", store, "show", "shop", "--json").stdout) == listed[0]
    assert [json.loads(x) for x in leat("offsets", "export", "--store", store).stdout.splitlines()] == listed
    table = leat("offsets", "list", "--store", store).stdout
    assert "shop" in table and "at 42" in table
    done = leat("offsets", "show", "shpo", "--store", store)
    assert done.returncode == USAGE and "shpo" in done.stderr


def test_offsets__set_asks_for_yes_and_a_known_source(write, config):
    store = write(1, 5)
    done = leat("offsets", "set", "shop", "at 3", "--store", store)
    assert done.returncode == USAGE and "--yes" in done.stderr
    assert leat("offsets", "show", "shop", "--store", store).stdout == "at 5\n"
    done = leat("offsets", "set", "shpo", "at 3", "--yes", "--store", store)
    assert done.returncode == USAGE and "shpo" in done.stderr
    done = leat("offsets", "set", "shop", "at\n3", "--yes", "--store", store)
    assert done.returncode == USAGE and "control" in done.stderr
    done = leat("offsets", "set", "shop", "at 3", "--yes", "-c", config(store))
    assert done.returncode == FINE, done.stderr
    assert leat("offsets", "show", "shop", "--store", store).stdout == "at 3\n"
    assert seen(leat("tail", "--store", store)) == rows(1, 5)


def test_offsets__set_never_makes_a_store(tmp_path):
    done = leat("offsets", "set", "shop", "at 3", "--yes", "--store", tmp_path / "none")
    assert done.returncode == USAGE and not (tmp_path / "none").exists()


def test_offsets__an_export_can_be_set_again(write):
    store = write(1, 5)
    exported = leat("offsets", "export", "--store", store).stdout
    write(6, 5)
    done = leat("offsets", "set", "-", "--yes", "--store", store, text=exported)
    assert done.returncode == FINE, done.stderr
    assert leat("offsets", "show", "shop", "--store", store).stdout == "at 5\n"
    done = leat("offsets", "set", "-", "--yes", "--store", store, text=exported + '{"source":"shop"}\n')
    assert done.returncode == USAGE and "line 2" in done.stderr


def test_offsets__set_is_refused_while_somebody_writes(write):
    store = write(1, 5)
    with open(store / "LOCK", "r+") as lock:
        lock.write("host=elsewhere pid=77 epoch=9 since=now\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = leat("offsets", "set", "shop", "at 3", "--yes", "--store", store)
    assert done.returncode == USAGE and "host=elsewhere pid=77" in done.stderr
    assert leat("offsets", "show", "shop", "--store", store).stdout == "at 5\n"


# --- verify -----------------------------------------------------------------------------------------------------


def find(store, text):
    """(segment file, place) of bytes in the log."""
    for segment in sorted(store.glob("seg-*.mdb")):
        at = segment.read_bytes().find(text)
        if at >= 0:
            return segment, at
    raise AssertionError(f"{text} is in no segment")


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)
        f.seek(at)
        f.write(bytes([byte[0] ^ 1]))


def verify(store):
    done = leat("verify", "--store", store, "--json")
    return done.returncode, json.loads(done.stdout)


def test_verify__counts_what_was_written(write):
    store = write(1, 2000)
    code, found = verify(store)
    assert code == FINE and found["ok"] and found["damage"] == []
    assert (found["events"], found["transactions"], found["sources"]) == (4000, 2000, 1)
    assert (found["first_sequence"], found["last_sequence"]) == (1, 4000)
    assert found["segments"] == len(list(store.glob("seg-*.mdb")))
    assert "all sound" in leat("verify", "--store", store).stdout


def test_verify__a_store_without_events_is_sound(write):
    code, found = verify(write(1, 0))
    assert code == FINE and found["events"] == 0


@pytest.mark.parametrize("mutant, words", [("again", "comes back"), ("backwards", "ordinal 0"), ("total", "total")])
def test_verify__sees_transactions_that_are_not_whole_and_in_order(write, mutant, words):
    code, found = verify(write(1, 25, mutant))
    assert code == FINDINGS and not found["ok"]
    assert len(found["damage"]) == 1 and words in found["damage"][0]["text"]


def test_verify__goes_on_behind_damaged_segments(write):
    store = write(1, 3000)
    hurt = {}
    for number in (300, 2700):
        segment, at = find(store, b"row-%08d" % number)
        hurt[segment.name] = number
        flip(segment, at)
    assert len(hurt) == 2
    code, found = verify(store)
    assert code == FINDINGS and [any(n in d["text"] for n in hurt) for d in found["damage"]] == [True, True]
    for damage, number in zip(found["damage"], sorted(hurt.values())):
        assert damage["after_sequence"] < 2 * number <= damage["after_sequence"] + 21
    assert 3000 < found["events"] < 6000


def test_verify__a_reader_that_is_killed_by_the_damage_is_damage(write):
    """A file that ends inside LMDB's map: touching what lies behind its end is SIGBUS."""
    store = write(1, 3000)
    segment, at = find(store, b"row-%08d" % 300)
    os.truncate(segment, at // 4096 * 4096)
    code, found = verify(store)
    assert code == FINDINGS and len(found["damage"]) == 1 and "Bus error" in found["damage"][0]["text"]
    assert 4000 < found["events"] < 6000, "the segments behind it were not read"
    done = leat("verify", "--store", store)
    assert done.returncode == FINDINGS and "DAMAGE" in done.stdout
    done = leat("tail", "--store", store)
    assert done.returncode == FINDINGS and "is damaged behind sequence" in done.stderr


def test_verify__needs_a_store(tmp_path):
    assert leat("verify", "--store", tmp_path / "none").returncode == USAGE


# --- check and status -------------------------------------------------------------------------------------------


def store_findings(done):
    return {f["id"]: f for f in json.loads(done.stdout)["findings"] if f["group"] == "store"}


def test_check__names_what_is_wrong_with_the_store_and_makes_nothing(config, tmp_path):
    (tmp_path / "file").write_text("")
    done = leat("check", "--json", "-c", config(tmp_path / "new" / "store"))
    assert done.returncode == FINDINGS  # the source cannot be reached
    assert store_findings(done)["directory"]["severity"] == "ok"
    assert store_findings(done)["space"]["severity"] in ("ok", "fatal")
    assert not (tmp_path / "new").exists()
    done = leat("check", "--json", "-c", config(tmp_path / "file"))
    assert store_findings(done)["directory"]["severity"] == "fatal"
    done = leat("check", "--json", "-c", config(tmp_path / "file" / "store"))
    assert store_findings(done)["directory"]["severity"] == "fatal"
    done = leat("check", "--json", "-c", config(tmp_path / "s", low_water="1000TiB"))
    assert store_findings(done)["space"]["severity"] == "fatal"


def test_check__a_database_that_cannot_be_reached_is_a_finding_of_its_source(config, tmp_path):
    done = leat("check", "-c", config(tmp_path / "s"))
    assert done.returncode == FINDINGS and "\nshop\n" in done.stdout and "FATAL" in done.stdout
    assert leat("check", "--fix-sql", "-c", config(tmp_path / "s")).stdout == ""


def test_check__names_the_daemon_that_holds_the_store(write, config):
    store = write(1, 1)
    assert "held" not in store_findings(leat("check", "--json", "-c", config(store)))
    with open(store / "LOCK", "r+") as lock:
        lock.write("host=elsewhere pid=77 epoch=9 since=now\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "pid=77" in store_findings(leat("check", "--json", "-c", config(store)))["held"]["observed"]


def test_check__names_every_problem_of_a_configuration(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("stroe: {}\nlog: {level: loud}\nsources:\n  shop:\n    type: postgres\n    prot: 1\n")
    done = leat("check", "-c", path)
    assert done.returncode == USAGE and done.stdout == ""
    for words in ("bad.yaml:1:1", "store", "bad.yaml:2:", "loud", "bad.yaml:6:", "port"):
        assert words in done.stderr


def test_status__says_what_the_store_knows_when_the_daemon_is_down(write, config):
    path = config(write(1, 20), listen=f"127.0.0.1:{places.free_port()}")
    found = json.loads(leat("status", "--json", "-c", path).stdout)
    assert found["running"] is False and "refused" in found["reason"]
    assert [(s["name"], s["token"]) for s in found["sources"]] == [("shop", "at 20")]
    assert (found["store"]["first_sequence"], found["store"]["last_sequence"]) == (1, 40)
    text = leat("status", "-c", path).stdout
    assert text.startswith("no daemon is running") and "at 20" in text and "1 to 40" in text


PAGE = {"version": "9.9", "running": True, "pid": 77, "started": "2026-11-21T03:41:35.123456Z", "ready": True,
        "store": {"path": "/s", "state": "writing", "problem": None, "bytes": 2048, "free_bytes": 1 << 40, "segments": 1,
                  "first_sequence": 1, "last_sequence": 7},
        "sources": [{"name": "shop", "state": "backoff", "events": 7, "lag_bytes": 1536, "lag_us": 2500000,
                     "retained_bytes": None, "last_error": {"class": "retry", "text": "gone\x1b[2J", "remedy": "wait"}}]}


@pytest.fixture
def page():
    """A daemon's HTTP side; `answer` may be changed, or made slow."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seconds, body = self.server.answer
            time.sleep(seconds)
            self.send_response(200 if self.path == "/status" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    server.answer = (0, json.dumps(PAGE).encode())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_status__shows_the_page_of_a_running_daemon(config, page, tmp_path):
    path = config(tmp_path / "s", listen=f"127.0.0.1:{page.server_port}")
    assert json.loads(leat("status", "--json", "-c", path).stdout) == PAGE
    text = leat("status", "-c", path).stdout
    for words in ("process 77", "2026-11-21T03:41:35,", "backoff", "2.5 s", "1.5 KiB", "1.0 TiB", "wait", "gone\\x1b[2J"):
        assert words in text, text


def test_status__does_not_wait_for_a_daemon_that_hangs(write, config, page):
    page.answer = (20, b"{}")
    path = config(write(1, 2), listen=f"127.0.0.1:{page.server_port}")
    begun = time.monotonic()
    found = json.loads(leat("status", "--json", "-c", path).stdout)
    assert 1.5 < time.monotonic() - begun < 6
    assert "no answer" in found["reason"] and found["sources"][0]["token"] == "at 2"


def test_status__does_not_believe_an_answer_that_is_no_page(write, config, page):
    page.answer = (0, b"<html>")
    path = config(write(1, 2), listen=f"127.0.0.1:{page.server_port}")
    assert "no status page" in json.loads(leat("status", "--json", "-c", path).stdout)["reason"]


# --- the manual and what is installed -----------------------------------------------------------------------------


def test_config__the_file_in_conf_is_the_generated_one(built):
    """Regenerate with: build/release/leat config reference > conf/leat.yaml"""
    assert (places.ROOT / "conf/leat.yaml").read_text() == leat("config", "reference").stdout


def test_config__the_generated_file_is_a_right_configuration(built):
    done = leat("check", "--json", "-c", places.ROOT / "conf/leat.yaml")
    assert done.returncode in (FINE, FINDINGS), done.stderr
    assert {f["group"] for f in json.loads(done.stdout)["findings"]} == {"store"}


def test_man__names_every_command_and_every_option(built):
    page = (places.ROOT / "conf/leat.1").read_text()
    for name in COMMANDS:
        section = re.search(rf"^\.SS (?:\"?leat )?{name}\b.*?(?=^\.S[SH])", page, re.S | re.M)
        assert section, name
        for option in re.findall(r"--([a-z-]+)", leat(name, "--help").stdout):
            if option not in ("help", "config", "store", "json"):
                assert option.replace("-", "\\-") in section[0], (name, option)
    for option in ("config", "store", "json", "help"):
        assert f"\\-\\-{option}" in page


def test_unit__is_hardened(built):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", str(places.ROOT / "conf/leat.service")],
                          capture_output=True, text=True, timeout=60)
    level = re.search(r"exposure level for leat.service: ([0-9.]+)", done.stdout)
    if not level:
        pytest.skip(f"systemd-analyze does not work here: {done.stderr[-200:]}")
    assert float(level[1]) <= 1.5, done.stdout


def test_check__a_wrong_file_is_told_in_json_too(tmp_path):
    wrong = tmp_path / "leat.yaml"
    wrong.write_text("store:\n  path: /tmp/x\nsourcez: {}\nhttp:\n  listen: everywhere\n")
    done = leat("check", "--json", "-c", str(wrong))
    found = json.loads(done.stdout)
    assert done.returncode == 2 and done.stderr == "" and found["ok"] is False
    places_named = [f["observed"].split(str(wrong))[1].split(": ")[0] for f in found["findings"]]
    assert places_named == [":3:1", ":5:11"], found
    assert json.loads(leat("check", "--json", "-c", str(tmp_path / "none")).stdout)["fatal"] == 1
