"""Emitters end to end: what is posted arrives, once and in order, through kills, cuts, poison and operators' commands."""
import base64
import json
import os
import random
import subprocess

import pytest

from tests.support import leatd, places
from tests.support.cable import Cable
from tests.support.emitting import Emitting, numbers_of

POSTGRES_FAILPOINTS = ["pg_before_end", "pg_after_end", "pg_committed", "emit_submitted", "emit_confirmed",
                       "emit_before_cursor", "emit_cursor", "emit_after_cursor"]
ANSWER_BYTES = 52  # of the server, to a batch of less than ten rows
FILE_FAILPOINTS = ["file_before_sync", "file_before_position", "file_after_position", "file_before_rename",
                   "file_after_rename", "file_after_manifest", "emit_before_cursor", "emit_after_cursor"]


@pytest.fixture
def emitting(built, tmp_path):
    made = []

    def make(emitters, **more):
        made.append(Emitting(tmp_path, emitters, **more))
        return made[-1]
    yield make
    for leat in made:
        leat.end()


@pytest.fixture
def failpoints():
    if not leatd.binary("failpoints").exists():
        pytest.skip("not built: make VARIANT=failpoints")


def files(directory, **more):
    (directory / "out").mkdir(exist_ok=True)
    return {"type": "file", "directory": str(directory / "out"), "format": "native", **more}


class Target:
    """A database of its own, and the emitter that writes to it."""

    numbers = 0

    def __init__(self, server):
        Target.numbers += 1
        self.server, self.name = server, f"target_{Target.numbers}"
        server.create_database(self.name)

    def emitter(self, **more):
        return {"type": "postgres", "host": "127.0.0.1", "port": self.server.port, "database": self.name,
                "user": "postgres", "sslmode": "disable", "retry_max": "200ms", **more}

    def sql(self, text, *arguments):
        return self.server.sql(text, *arguments, database=self.name)

    def rows(self):
        return [r[0] for r in self.sql("SELECT (record->>'n')::int FROM stream_data ORDER BY seq")]

    def drop(self):
        self.server.sql(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


@pytest.fixture
def target(server):
    made = Target(server)
    yield made
    made.drop()


def applied(leat):
    done = leat.command("check", "--apply")
    assert done.returncode == 0, done.stdout + done.stderr
    return leat


def killed_at(leat, failpoint, nth):
    """Runs it under load until the n-th time that it comes there."""
    leat.spawn(f"{failpoint}:kill:{nth}")

    def sent():
        try:
            if leat.alive and leat.listening():
                leat.send(10)
        except (OSError, RuntimeError):
            pass  # killed while it took events: what was not answered may be there or not
        return not leat.alive
    places.wait_until(sent, 20, f"{failpoint} reached {nth} times")


# --- files ------------------------------------------------------------------------------------------------------


def test_file__what_is_posted_is_there_once_and_in_order(emitting, tmp_path):
    leat = emitting({"f": files(tmp_path, rotate_size="4KiB", compression="gzip")}).start()
    for _ in range(20):
        leat.send(50)
    leat.wait_emitted("f")
    assert leat.stop() == 0
    assert numbers_of(tmp_path / "out", "f") == list(range(1, 1001))
    manifest = [json.loads(line) for line in (tmp_path / "out/f.manifest").read_text().splitlines()]
    assert len(manifest) >= 2 and manifest[0]["first"] == 1
    assert all(b["first"] > a["last"] for a, b in zip(manifest, manifest[1:]))


@pytest.mark.parametrize("failpoint", FILE_FAILPOINTS)
def test_file__a_kill_at_each_step_repeats_and_loses_nothing(emitting, failpoints, tmp_path, failpoint):
    leat = emitting({"f": files(tmp_path, rotate_size="2KiB", flush_count=20)}, variant="failpoints")
    for nth in (1, 2, 5):
        killed_at(leat, failpoint, nth)
    leat.start()
    leat.send(5)
    places.wait_until(lambda: leat.state("f")["behind"] == 0, 20, "all of it")
    leat.stop()
    found = numbers_of(tmp_path / "out", "f")
    stored = [json.loads(e["text"])["n"] for e in leat.tail("--op", "post", "--format", "native")]
    assert found == stored and len(stored) >= 5


def test_stdout__is_lines_for_a_pipe(built, tmp_path):
    leat = Emitting(tmp_path, {"out": {"type": "stdout", "format": "native"}})
    process = subprocess.Popen([str(leatd.binary()), "run", "-c", str(leat.config_file)], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    leat.process = process
    places.wait_until(leat.listening, 20, "port")
    leat.send(100)
    found = [json.loads(json.loads(process.stdout.readline())["text"])["n"] for _ in range(100)]
    assert found == list(range(1, 101))
    assert leat.stop() == 0


# --- Postgres ---------------------------------------------------------------------------------------------------


def test_postgres__rows_have_the_body_the_metadata_and_the_place(emitting, target):
    leat = applied(emitting({"pg": target.emitter()})).start()
    leat.send(3)
    leat.post("/event/open/shop/order.0/order.created.0", b'not json', type="text/plain")
    leat.wait_emitted("pg")
    assert target.rows()[:3] == [1, 2, 3]
    source, external, record, metadata, seq = target.sql(
        "SELECT source_id, external_id, record, metadata, seq FROM stream_data ORDER BY seq")[0]
    assert (source, external, record, seq) == ("open", None, {"n": 1}, 1)
    assert metadata["op"] == "post" and metadata["eventType"] == "order.created.0" and metadata["tenant"] == "open"
    assert metadata["metadata"] is not None
    created = target.sql("SELECT abs(extract(epoch FROM now() - created_at)) < 60 FROM stream_data")
    assert all(row[0] for row in created)


def test_postgres__check_says_what_is_missing_and_makes_it_twice(emitting, target):
    leat = emitting({"pg": target.emitter(target_schema='we"ird', table="Stream; drop")})
    assert leat.command("check").returncode == leatd.FINDINGS
    assert "--apply" in leat.command("check").stdout
    applied(applied(leat)).start()
    leat.send(10)
    leat.wait_emitted("pg")
    assert target.sql('SELECT count(*) FROM "we""ird"."Stream; drop"')[0][0] == 10
    indexes = target.sql("SELECT indexdef FROM pg_indexes WHERE schemaname = 'we\"ird' AND indexdef LIKE '%external_id%'")
    assert len(indexes) == 1


def test_postgres__without_tables_it_stops_with_the_remedy_and_goes_on_when_they_are_there(emitting, target):
    leat = emitting({"pg": target.emitter()}).start()
    leat.send(10)
    leat.wait_emitter("pg", "stopped")
    assert "check --apply" in leat.emitter("pg")["last_error"]["remedy"]
    applied(leat)
    leat.stop()
    leat.start()
    leat.wait_emitted("pg")
    assert target.rows() == list(range(1, 11))


@pytest.mark.parametrize("failpoint", POSTGRES_FAILPOINTS)
def test_postgres__a_kill_at_each_step_repeats_and_loses_nothing(emitting, failpoints, target, failpoint):
    leat = applied(emitting({"pg": target.emitter(flush_count=20)}, variant="failpoints"))
    for nth in (1, 2, 4):
        killed_at(leat, failpoint, nth)
    leat.start()
    leat.send(1)
    places.wait_until(lambda: target.rows()[-1:] == [leat.count], 30, "the last one")
    stored = [json.loads(e["text"])["n"] for e in leat.tail("--op", "post", "--format", "native")]
    assert target.rows() == stored


def test_postgres__random_kills_repeat_and_lose_nothing(emitting, target):
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    print("seed", seed)
    leat = applied(emitting({"pg": target.emitter(flush_count=50)}))
    for _ in range(25):
        leat.spawn()
        try:
            places.wait_until(lambda: not leat.alive or leat.listening(), 20, "start")
            for _ in range(chance.randrange(1, 8)):
                leat.send(chance.randrange(1, 300))
        except (OSError, RuntimeError):
            pass
        leat.kill9()
    leat.start()
    leat.send(1)
    places.wait_until(lambda: target.rows()[-1:] == [leat.count], 30, "the last one")
    assert target.rows() == list(range(1, leat.count + 1)), f"seed {seed}"


class Shears:
    """Cuts the connection to the destination behind so many bytes of the server's, once."""

    def __init__(self, cable):
        self.cable, self.left, self.cuts = cable, None, 0

    def __call__(self, data):
        if self.left is None:
            return data
        if len(data) < self.left:
            self.left -= len(data)
            return data
        data, self.left = data[:self.left], None
        self.cuts += 1
        self.cable.cut()
        return b""  # the pair is gone, nothing of it arrives


def test_postgres__a_cut_behind_each_byte_around_commit_repeats_nothing(emitting, target):
    """UPDATE 1, the invitation to send rows, COPY 3, ready: cut behind each byte of it in turn."""
    with Cable(target.server.port) as cable:
        shears = Shears(cable)
        cable.on_server = shears
        leat = applied(emitting({"pg": target.emitter(port=cable.port, retry_min="1ms", retry_max="20ms")})).start()
        leat.send(1)
        leat.wait_emitted("pg")
        for behind in range(200):
            shears.left = 1 + behind % ANSWER_BYTES
            leat.send(3)
            places.wait_until(lambda: target.rows()[-1:] == [leat.count], 20, f"rows behind cut {behind}", 0.005)
        assert target.rows() == list(range(1, leat.count + 1))
        print("cuts", shears.cuts, "connects", leat.emitter("pg")["connects"])
        assert shears.cuts >= 190 and leat.emitter("pg")["connects"] >= 150


def test_postgres__a_dark_cable_is_left_and_its_lock_too(emitting, target):
    with Cable(target.server.port) as cable:
        leat = applied(emitting({"pg": target.emitter(port=cable.port, timeout="1s")})).start()
        leat.send(100)
        leat.wait_emitted("pg")
        cable.swallow()
        leat.send(100)
        leat.wait_emitter("pg", "backoff")
        cable.mend()
        places.wait_until(lambda: len(target.rows()) >= 200, 40, "all rows")
        assert target.rows() == list(range(1, 201))


def test_postgres__the_server_may_be_killed_and_come_back(emitting, own_server):
    server = own_server()
    target = Target(server)
    leat = applied(emitting({"pg": target.emitter(flush_count=100)})).start()
    for _ in range(5):
        for _ in range(5):
            leat.send(200)
        server.kill9()
        leat.send(100)  # sources do not wait for destinations
        server.start()
    places.wait_until(lambda: target.rows()[-1:] == [leat.count], 40, "all rows")
    assert target.rows() == list(range(1, leat.count + 1))
    states = leat.emitter("pg")
    assert states["in"] == states["delivered"] + states["dead"] + states["pending"] + states["withdrawn"]


def test_postgres__keeps_the_contract_of_emitters(built, target):
    """The C suite of tests/contract, on this server."""
    program = places.ROOT / "build/release/tests/unit/emitters/test_postgres"
    subprocess.run(["make", str(program.relative_to(places.ROOT))], cwd=places.ROOT, check=True, capture_output=True)
    done = subprocess.run([str(program)], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "LEAT_TEST_PORT": str(target.server.port), "LEAT_TEST_DATABASE": target.name})
    assert done.returncode == 0 and "SKIPPED" not in done.stdout + done.stderr, done.stderr[-3000:]


# --- poison -----------------------------------------------------------------------------------------------------


def test_poison__is_found_put_aside_and_delivered_when_it_is_mended(emitting, target):
    leat = applied(emitting({"pg": target.emitter(tries=2)}))
    target.sql("ALTER TABLE stream_data ADD CONSTRAINT odd CHECK ((record->>'n')::int % 100 <> 42)")
    leat.start()
    for _ in range(5):
        leat.send(100)
    leat.wait_emitted("pg")
    assert target.rows() == [n for n in range(1, 501) if n % 100 != 42]
    letters = [json.loads(line) for line in leat.command("dlq", "list", "--json").stdout.splitlines()]
    assert [letter["sequence"] for letter in letters] == [42, 142, 242, 342, 442]
    assert all("odd" in letter["reason"] and letter["tries"] == 2 for letter in letters)
    figures = leat.emitter("pg")
    assert (figures["in"], figures["delivered"], figures["dead"], figures["pending"]) == (500, 495, 5, 0)
    shown = json.loads(leat.command("dlq", "show", "pg", "42", "--json").stdout)
    assert "odd" in shown["reason"] and b'{"n": 42}' in base64.b64decode(shown["value_base64"])
    assert leat.command("dlq", "drop", "pg", "442").returncode == leatd.USAGE
    assert leat.command("dlq", "drop", "pg", "442", "--yes").returncode == 0
    target.sql("ALTER TABLE stream_data DROP CONSTRAINT odd")
    assert leat.command("dlq", "retry", "pg", "all").returncode == 0
    places.wait_until(lambda: not leat.command("dlq", "list").stdout, 20, "no letters")
    assert target.rows() == [n for n in range(1, 501) if n != 442]


def test_poison__stops_the_emitter_when_so_configured(emitting, target):
    leat = applied(emitting({"pg": target.emitter(on_bad_event="stop")}))
    target.sql("ALTER TABLE stream_data ADD CONSTRAINT odd CHECK ((record->>'n')::int <> 42)")
    leat.start()
    leat.send(100)
    places.wait_until(lambda: target.rows() == list(range(1, 42)), 20, "all before it")
    places.wait_until(lambda: "sequence 42" in (leat.emitter("pg")["last_error"] or {"text": ""})["text"], 20, "the reason")


# --- operators --------------------------------------------------------------------------------------------------


def test_operator__pauses_resumes_and_rewinds(emitting, target, tmp_path):
    leat = applied(emitting({"pg": target.emitter(), "f": files(tmp_path)})).start()
    leat.send(100)
    leat.wait_emitted("pg")
    assert leat.command("emitters", "pause", "pg").returncode == 0
    leat.wait_emitter("pg", "paused")
    leat.send(100)
    leat.wait_emitted("f")  # another emitter is not concerned
    assert len(target.rows()) == 100
    assert leat.command("emitters", "resume", "pg").returncode == 0
    leat.wait_emitted("pg")
    target.sql("UPDATE stream_data SET record = '{\"n\": 0}' WHERE seq = 51")
    assert leat.command("emitters", "rewind", "pg", "51").returncode == leatd.USAGE
    assert leat.command("emitters", "rewind", "pg", "51", "--yes").returncode == 0
    places.wait_until(lambda: target.rows() == list(range(1, 201)), 20, "the row is there again")
    assert leat.command("emitters", "rewind", "f", "beginning", "--yes").returncode == 0
    places.wait_until(lambda: len(numbers_of(tmp_path / "out", "f")) == 400, 20, "files again")
    assert leat.command("emitters", "rewind", "nobody", "now", "--yes").returncode == leatd.USAGE
    assert leat.command("emitters", "rewind", "f", "yonder", "--yes").returncode == leatd.USAGE


def test_operator__another_stores_cursor_is_refused(emitting, target, tmp_path):
    leat = applied(emitting({"pg": target.emitter()})).start()
    leat.send(10)
    leat.wait_emitted("pg")
    leat.stop()
    leat.settings["store"]["path"] = str(tmp_path / "other")
    leat.store_dir = tmp_path / "other"
    leat.write_config()
    leat.count = 0
    leat.start()
    leat.send(5)
    leat.wait_emitter("pg", "stopped")
    assert "another store" in leat.emitter("pg")["last_error"]["text"]
    assert len(target.rows()) == 10
    assert "leat_emitter_stopped{emitter=\"pg\"} 1" in leat.metrics()
