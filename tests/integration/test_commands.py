"""What a user types: tail's selections, status, offsets, check, verify, exit codes, the HTTP endpoints."""
import json
import subprocess

import pytest

from tests.support import leatd


@pytest.fixture
def filled(pipe):
    """Two tables and ten transactions, stored and running."""
    pipe.run("CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY);")
    pipe.start()
    for i in range(10):
        pipe.run(f"BEGIN; INSERT INTO a VALUES ({i}, 'v{i}'); INSERT INTO b VALUES ({i}); COMMIT;")
    pipe.leat.wait_caught_up()
    return pipe


def test_commands__tail_selects_by_sequence_table_and_limit(filled):
    leat = filled.leat
    everything = leat.tail(schema=True)
    middle = everything[len(everything) // 2]["seq"]
    assert leat.tail(schema=True, **{"from": middle}) == [e for e in everything if e["seq"] >= middle]
    assert [e["table"] for e in leat.tail(table="public.b")] == ["b"] * 10
    assert leat.tail(schema=True, limit=3) == everything[:3]
    assert leat.tail(schema=True, source=leat.name) == everything
    assert leat.tail(schema=True, source="nobody") == [] or True  # an unknown source may also be an error


def test_commands__tail_works_while_the_daemon_runs_and_when_it_does_not(filled):
    before = filled.leat.tail()
    filled.leat.stop()
    assert filled.leat.tail() == before and len(before) == 20


def test_commands__tail_follows(filled):
    leat = filled.leat
    last = leat.tail(schema=True)[-1]["seq"]
    follower = subprocess.Popen([str(leat.program), "tail", "-c", str(leat.config_file), "--format", "native", "--from",
                                 str(last + 1), "--follow", "--limit", "2"], stdout=subprocess.PIPE, text=True)
    try:
        filled.run("BEGIN; INSERT INTO a VALUES (100, 'new'); INSERT INTO b VALUES (100); COMMIT;")
        out, _ = follower.communicate(timeout=20)
        assert [json.loads(line)["table"] for line in out.splitlines()] == ["a", "b"]
    finally:
        if follower.poll() is None:
            follower.kill()


def test_commands__the_debezium_form_is_an_envelope(filled):
    events = filled.leat.tail(format="debezium", table="public.a")
    assert len(events) == 10
    first = events[0].get("payload", events[0])
    assert first["op"] == "c" and first["before"] is None and first["after"] == {"id": 0, "v": "v0"}
    assert first["source"]["table"] == "a" and first["source"]["connector"] == "postgresql"


def test_commands__status_offsets_and_verify_speak_json(filled):
    leat = filled.leat
    text = json.dumps(leat.status())
    assert leat.name in text
    assert leat.name in json.dumps(leat.offsets())
    done = leat.command("verify", "--json")
    assert done.returncode == 0 and json.loads(done.stdout) is not None
    leat.stop()
    assert leat.name in json.dumps(leat.status())


def test_commands__check_is_fine_and_its_findings_have_their_own_exit_code(filled):
    """Doctor checks: 0 without a fatal finding, 3 with one, and the statement that mends it."""
    leat = filled.leat
    done = leat.command("check", "--json")
    assert done.returncode == 0, done.stdout
    json.loads(done.stdout)
    leat.configure(slot="leat_not_there", publication="leat_not_there", create=False)
    done = leat.command("check", "--json")
    assert done.returncode == leatd.FINDINGS and "CREATE PUBLICATION" in done.stdout
    sql = leat.command("check", "--fix-sql")
    assert "CREATE PUBLICATION" in sql.stdout


@pytest.mark.parametrize("fault, words", [
    ("store: [1, 2]\n", ["store"]),
    ("sources:\n  shop:\n    type: postgrse\n", ["postgrse"]),
    ("store: {path: /tmp/x}\nsources:\n  shop:\n    type: postgres\n    databse: shop\n", ["databse", "database"]),
    ("store: {path: /tmp/x\n", ["leat.yaml"]),
])
def test_commands__a_bad_configuration_is_named_with_its_place(filled, fault, words):
    leat = filled.leat
    good = leat.config_file.read_text()
    leat.config_file.write_text(fault)
    done = leat.command("check")
    leat.config_file.write_text(good)
    assert done.returncode == leatd.USAGE
    assert all(w in done.stderr + done.stdout for w in words), done.stderr


def test_commands__usage_errors_end_with_2(built):
    for arguments in ([], ["no-such-command"], ["tail", "--no-such-option"], ["run", "-c", "/nonexistent.yaml"]):
        done = subprocess.run([str(leatd.binary()), *arguments], capture_output=True, text=True, timeout=20)
        assert done.returncode == leatd.USAGE, (arguments, done.returncode, done.stderr)
    for arguments in (["--help"], ["tail", "--help"], ["--version"]):
        done = subprocess.run([str(leatd.binary()), *arguments], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0 and done.stdout, arguments


def test_commands__http_serves_metrics_health_and_status(filled):
    leat = filled.leat
    for path in ("/healthz", "/readyz"):
        assert leat.http(path)[0] == 200, path
    code, metrics = leat.http("/metrics")
    assert code == 200 and "leat_" in metrics and "# TYPE" in metrics
    code, status = leat.http("/status")
    assert code == 200 and leat.name in json.dumps(json.loads(status))
    assert leat.http("/no/such/thing")[0] == 404
