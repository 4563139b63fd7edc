"""The main job: what is committed comes, in order, once, through crashes. Numbers are those of the conformance list."""
import json
import os
import signal

import pytest

from tests.support import checker, places, workload

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text, n numeric)"


def test_main__insert_update_delete_truncate_come_in_order(any_pipe):
    """Conformance 32."""
    pipe = any_pipe
    pipe.sql(TABLE)
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (1, 'one', 1.50)")
    pipe.sql("UPDATE t SET v = NULL WHERE id = 1")
    pipe.sql("DELETE FROM t WHERE id = 1")
    pipe.sql("TRUNCATE t")
    events = pipe.of("t")
    assert [e["op"] for e in events] == ["create", "update", "delete", "truncate"]
    create, update, delete, _ = events
    assert create["after"] == {"id": 1, "v": "one", "n": "1.50"} and "before" not in create
    assert update["after"] == {"id": 1, "v": None, "n": "1.50"}
    assert delete["before"] == {"id": 1} and delete["before_form"] == "key" and "after" not in delete
    assert all(e["key"] == ["id"] and e["source"] == pipe.leat.name and e["schema"] == "public" for e in events)
    assert [e["seq"] for e in events] == sorted({e["seq"] for e in events})
    assert len({e["id"] for e in events}) == 4


def test_main__events_of_a_transaction_share_it_and_are_numbered(pipe):
    """Conformance 32, 34."""
    pipe.sql(TABLE)
    pipe.start()
    pipe.run("BEGIN; INSERT INTO t VALUES (1), (2); UPDATE t SET v = 'x' WHERE id = 1; COMMIT; INSERT INTO t VALUES (3);")
    events = pipe.of("t")
    assert [e["ordinal"] for e in events] == [0, 1, 2, 0]
    assert len({e["tx"]["id"] for e in events[:3]}) == 1
    assert checker.position(events[0]) < checker.position(events[3])


@pytest.mark.parametrize("times", [3])
def test_main__sigkill_and_restart_lose_and_repeat_nothing(any_pipe, times):
    """Conformance 5, 6."""
    pipe = any_pipe
    pipe.sql(TABLE)
    pipe.start()
    for i in range(times):
        pipe.sql("INSERT INTO t SELECT g FROM generate_series(%s, %s) g", i * 1000, i * 1000 + 499)
        pipe.leat.kill9()
        pipe.sql("INSERT INTO t SELECT g FROM generate_series(%s, %s) g", i * 1000 + 500, i * 1000 + 999)
        pipe.leat.start()
    events = pipe.of("t")
    assert [e["after"]["id"] for e in events] == list(range(times * 1000))
    assert len({e["id"] for e in events}) == len(events)


def test_main__a_mixed_load_through_kills_equals_tables_and_second_decoder(any_pipe, directory):
    """Conformance 5, 6, 34, 35, 36, 37."""
    pipe = any_pipe
    workload.create(pipe.server, pipe.database)
    second = pipe.oracle()
    pipe.start()
    workload.seed(pipe.server, pipe.database)
    connect = workload.connection_of(pipe.server, pipe.database)
    with workload.Load(connect, directory / "journal", seed=pipe.server.version, pause=0.005) as load:
        for _ in range(3):
            done = load.counts["ok"]
            places.wait_until(lambda d=done: load.counts["ok"] > d + 100, 30, "a hundred transactions")
            pipe.leat.kill9()
            pipe.leat.start()
    pipe.leat.wait_caught_up()
    assert pipe.leat.tail_to(directory / "stream") == 0
    second.dump(directory / "oracle", workload.TABLES)
    found = pipe.contents(*[t for _, t in workload.TABLES])
    report = checker.check(directory / "stream", checker.read_journal(directory / "journal"), found,
                           directory / "oracle")
    assert report["ok"], json.dumps(report, indent=1)
    assert report["oracle_agreed"] == report["rows"] > 1000


def test_main__rolled_back_transactions_and_savepoints_leave_nothing(any_pipe):
    """Conformance 36, 37."""
    pipe = any_pipe
    pipe.sql(TABLE)
    pipe.start()
    pipe.run("""
        BEGIN; INSERT INTO t VALUES (1); ROLLBACK;
        BEGIN; INSERT INTO t VALUES (2);
        SAVEPOINT a; INSERT INTO t VALUES (3);
        SAVEPOINT b; INSERT INTO t VALUES (4); RELEASE b;
        ROLLBACK TO a; INSERT INTO t VALUES (5);
        SAVEPOINT c; INSERT INTO t VALUES (6); RELEASE c;
        COMMIT;""")
    events = pipe.of("t")
    assert [e["after"]["id"] for e in events] == [2, 5, 6]
    assert [e["ordinal"] for e in events] == [0, 1, 2]


def test_main__a_commit_without_published_rows_moves_the_slot_and_makes_no_event(pipe):
    """Conformance 35."""
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY); CREATE SCHEMA other; CREATE TABLE other.hidden (id int)")
    pipe.start(tables=["public.*"])
    pipe.sql("INSERT INTO other.hidden SELECT generate_series(1, 1000)")
    target = pipe.server.flush_lsn()
    pipe.leat.wait_caught_up(15, until=target)
    assert pipe.leat.tail() == []


def test_main__prepared_transactions_come_at_commit_prepared(any_pipe):
    """Conformance 38."""
    pipe = any_pipe
    pipe.sql(TABLE)
    pipe.start()
    pipe.run("""
        BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'a';
        INSERT INTO t VALUES (2);
        BEGIN; INSERT INTO t VALUES (3); PREPARE TRANSACTION 'b';
        COMMIT PREPARED 'a'; ROLLBACK PREPARED 'b';""")
    assert [e["after"]["id"] for e in pipe.of("t")] == [2, 1]


def test_main__transactional_messages_belong_to_their_transaction(pipe):
    """Conformance 39, 41."""
    pipe.sql(TABLE)
    pipe.start()
    pipe.run("""
        BEGIN; SELECT pg_logical_emit_message(true, 'gone', 'x'); ROLLBACK;
        BEGIN; INSERT INTO t VALUES (1); SELECT pg_logical_emit_message(true, 'kept', 'text');
        SELECT pg_logical_emit_message(true, 'raw', '\\x00ff00'::bytea); INSERT INTO t VALUES (2); COMMIT;""")
    events = pipe.events()
    assert [e["op"] for e in events] == ["create", "message", "message", "create"]
    assert [e["ordinal"] for e in events if e["op"] == "create"] == [0, 1]  # messages do not renumber rows
    assert len({e["tx"]["id"] for e in events}) == 1 and len({e["id"] for e in events}) == 4
    assert checker.message_text(events[1]) == "text"
    assert events[2].get("body") == "AP8A"


def test_main__a_message_outside_transactions_comes_even_from_an_aborted_one(pipe):
    """Conformance 40."""
    pipe.sql(TABLE)
    pipe.start()
    pipe.run("BEGIN; SELECT pg_logical_emit_message(false, 'p', 'early'); INSERT INTO t VALUES (1); ROLLBACK;"
             "INSERT INTO t VALUES (2);")
    events = pipe.events()
    assert [e["op"] for e in events] == ["message", "create"]
    assert checker.message_text(events[0]) == "early"


def test_main__a_message_of_ten_megabytes_is_exact(pipe):
    """Conformance 41."""
    pipe.sql(TABLE)
    pipe.start()
    pipe.sql("SELECT pg_logical_emit_message(true, 'big', decode(repeat('00ff10', 3500000), 'hex'))")
    event, = pipe.events()
    assert event["body"] == "AP8Q" * 3500000


def test_main__upserts_copies_and_merges_are_their_row_changes(pipe):
    """Conformance 61."""
    pipe.sql(TABLE)
    pipe.start()
    pipe.run("""
        INSERT INTO t VALUES (1, 'a');
        INSERT INTO t VALUES (1, 'b') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
        INSERT INTO t VALUES (1, 'c') ON CONFLICT DO NOTHING;
        MERGE INTO t USING (VALUES (1, 'm'), (2, 'n')) AS s (id, v) ON t.id = s.id
            WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v);
        COPY t (id, v) FROM STDIN;
7\tseven
\\.
""")
    events = pipe.of("t")
    assert [(e["op"], e["after"]["id"], e["after"]["v"]) for e in events] == [
        ("create", 1, "a"), ("update", 1, "b"), ("update", 1, "m"), ("create", 2, "n"), ("create", 7, "seven")]


def test_main__cascades_follow_their_cause_in_one_transaction(pipe):
    """Conformance 62."""
    pipe.run("CREATE TABLE p (id int PRIMARY KEY);"
             "CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p ON DELETE CASCADE);")
    pipe.start()
    pipe.run("INSERT INTO p VALUES (1); INSERT INTO c VALUES (10, 1), (11, 1); DELETE FROM p WHERE id = 1;")
    events = pipe.events()[-3:]
    assert [(e["op"], e["table"]) for e in events] == [("delete", "p"), ("delete", "c"), ("delete", "c")]
    assert len({e["tx"]["id"] for e in events}) == 1


def test_main__truncate_of_several_tables_says_so_for_each(pipe):
    """Conformance 63."""
    pipe.run("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY REFERENCES a);")
    pipe.start()
    pipe.run("INSERT INTO a VALUES (1); TRUNCATE a, b RESTART IDENTITY CASCADE;")
    events = [e for e in pipe.events() if e["op"] == "truncate"]
    assert sorted(e["table"] for e in events) == ["a", "b"]
    assert len({e["tx"]["id"] for e in events}) == 1 and len({e["id"] for e in events}) == 2


def test_main__excluded_tables_and_columns_never_enter_and_masks_hide(pipe):
    """Conformance 69 (leat's own filters)."""
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, secret text, pin text, v text); CREATE TABLE audit_log (id int PRIMARY KEY);")
    pipe.start(exclude_tables=["public.audit_*"], exclude_columns=["public.t.secret"], mask_columns=["public.t.pin"])
    pipe.run("INSERT INTO t VALUES (1, 'hidden-value', '1234', 'x'), (2, NULL, NULL, NULL); INSERT INTO audit_log VALUES (1);")
    first, second = pipe.events()
    assert first["after"] == {"id": 1, "pin": "***", "v": "x"}
    assert second["after"] == {"id": 2, "pin": None, "v": None}
    pipe.leat.stop()
    assert all(b"hidden-value" not in f.read_bytes() for f in pipe.leat.store_dir.rglob("*.mdb"))


def test_main__sigterm_ends_within_ten_seconds_and_leaves_nothing_undone(pipe):
    """Shutdown: exit code 0, and everything that was stored is confirmed."""
    pipe.sql(TABLE)
    pipe.start()
    pipe.sql("INSERT INTO t SELECT generate_series(1, 50000)")
    code, seconds = pipe.leat.stop()
    assert code == 0 and seconds < 10
    before = pipe.leat.tail()
    pipe.start()
    events = pipe.of("t")
    assert events[:len(before)] == before and [e["after"]["id"] for e in events] == list(range(1, 50001))


def test_main__sighup_takes_over_what_is_safe_and_names_what_is_not(pipe):
    """A level of the log is taken over; a source's settings and a new source wait for a restart; a bad file changes
    nothing; and none of it disturbs what streams."""
    pipe.sql(TABLE)
    pipe.start()

    def reload(old, new, said):
        text, at = pipe.leat.config_file.read_text(), len(pipe.leat.log())
        assert old in text
        pipe.leat.config_file.write_text(text.replace(old, new, 1))
        os.kill(pipe.leat.pid, signal.SIGHUP)
        pipe.leat.wait_log(said, start=at)
        pipe.leat.config_file.write_text(text)
        return pipe.leat.log()[at:]

    told = reload('level: "info"', 'level: "debug"', "read again reload=1 changes=1")
    assert 'INFO daemon reloaded setting="log.level"' in told
    twin = json.dumps({**pipe.leat.source, "slot": "twin"})
    told = reload("sources:\n", f"sources:\n  twin: {twin}\n", "read again reload=2 changes=1")
    assert 'WARN daemon needs a restart setting="sources.twin"' in told and "reloaded" not in told
    told = reload('type: "postgres"', 'type: "postgres"\n    confirm_interval: "7s"', "read again reload=3 changes=1")
    assert f'needs a restart setting="sources.{pipe.leat.name}.confirm_interval"' in told
    told = reload('level: "info"', 'level: "loud"', "ERROR daemon reload refused")
    assert "loud" in told and "read again" not in told
    pipe.sql("INSERT INTO t VALUES (1, 'one', 1)")
    assert [e["after"]["id"] for e in pipe.of("t")] == [1] and pipe.leat.log().count("streaming server") == 1
