"""The rows that were there before: the initial copy, chunks beside the stream, and what breaks them.

The stream is replayed as any reader would: a read is an insert or, where the row is there, its replacement.
"""
import json
import random
import threading

import psycopg2
import pytest

from tests.support import leatd, model, places, types_corpus

WRITERS = 4


def copied(pipe, **source):
    """Starts with the initial copy and waits until it is done and the stream is on."""
    pipe.leat.configure(**{"snapshot": "initial", **source})
    pipe.leat.start(90)
    return pipe


class Replay(model.Model):
    """A read of a row that is there replaces it; an absent value keeps what the row had."""

    def _create(self, event, table):
        row = dict(event.get("after") or {})
        if event["op"] == "read" and table.key:
            old = table.find({c: row.get(c) for c in table.key})
            if old is not None:
                table.remove(old)
        super()._create(event, table)


def difference(pipe, *tables, events=None, surprises=0):
    replay = Replay()
    for event in pipe.events() if events is None else events:
        replay.apply(event)
    assert surprises or replay.surprises == [], replay.surprises[:5]
    found = model.compare(replay, pipe.contents(*tables))
    print(str(found)[:1500])
    return found


def reads(events, table=None):
    return [e for e in events if e["op"] == "read" and table in (None, e["table"])]


def test_snapshot__rows_that_were_there_come_first_then_the_changes(any_pipe):
    pipe = any_pipe
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    pipe.sql("INSERT INTO t SELECT g, 'v' || g FROM generate_series(1, 3000) g")
    copied(pipe)
    pipe.sql("UPDATE t SET v = 'new' WHERE id = 7")
    events = pipe.events()
    assert [e["op"] for e in events] == ["read"] * 3000 + ["update"]
    assert sorted(e["after"]["id"] for e in reads(events)) == list(range(1, 3001))
    assert len({e["id"] for e in events}) == len(events)
    assert difference(pipe, "t", events=events).equal


def test_snapshot__every_kind_of_table_is_copied(pipe):
    pipe.run("""CREATE TABLE empty (id int PRIMARY KEY);
        CREATE TABLE keyless (a int, b text); INSERT INTO keyless VALUES (1, 'x'), (1, 'x'), (NULL, NULL);
        CREATE TABLE composite (a int, b text, c uuid, PRIMARY KEY (b, a));
        INSERT INTO composite SELECT g, 'k' || g % 7, gen_random_uuid() FROM generate_series(1, 500) g;
        CREATE TABLE whole (id int PRIMARY KEY, v text); ALTER TABLE whole REPLICA IDENTITY FULL;
        INSERT INTO whole SELECT g, repeat('w', 5000) FROM generate_series(1, 50) g;
        CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
        CREATE TABLE parted_2 (v text, id int NOT NULL);
        ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM (100) TO (200);
        INSERT INTO parted SELECT g, 'p' || g FROM generate_series(0, 199) g;
        CREATE TABLE gen (id int PRIMARY KEY, d int GENERATED ALWAYS AS (id * 2) STORED, dropped int);
        ALTER TABLE gen DROP COLUMN dropped; INSERT INTO gen VALUES (1), (2);
        CREATE TABLE "Odd ""name" ("Select" int PRIMARY KEY, "a,b" text);
        INSERT INTO "Odd ""name" VALUES (1, E'tab\\t line\\n back\\\\');
        CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (extra int, PRIMARY KEY (id)) INHERITS (parent);
        INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 3)""")
    copied(pipe, snapshot_workers=3)
    events = pipe.events()
    tables = ["empty", "keyless", "composite", "whole", "parted_1", "parted_2", "gen", 'Odd "name', "parent", "child"]
    counts = {t: len(reads(events, t)) for t in tables}
    assert counts == {"empty": 0, "keyless": 3, "composite": 500, "whole": 50, "parted_1": 100, "parted_2": 100, "gen": 2,
                      'Odd "name': 1, "parent": 1, "child": 1}
    assert set(reads(events, "gen")[0]["after"]) == {"id"}
    replay = Replay()
    for event in events:
        replay.apply(event)
    assert model.compare(replay, pipe.contents(*[t for t in tables if t not in ("empty", 'Odd "name')])).equal
    assert reads(events, 'Odd "name')[0]["after"] == {"Select": 1, "a,b": "tab\t line\n back\\"}


def test_snapshot__partitions_come_under_the_name_of_their_root(pipe):
    pipe.run("""CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
        CREATE TABLE parted_2 (v text, id int NOT NULL);
        ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM (100) TO (200);
        INSERT INTO parted SELECT g, 'p' || g FROM generate_series(0, 199) g""")
    copied(pipe, partitions="root", snapshot_workers=4)
    pipe.sql("UPDATE parted SET v = 'u' WHERE id IN (5, 150)")
    events = pipe.events()
    assert {e["table"] for e in events} == {"parted"} and len(reads(events)) == 200
    assert {e["after"]["id"]: e["after"]["v"] for e in events} == {**{g: f"p{g}" for g in range(200)}, 5: "u", 150: "u"}


def test_snapshot__filters_and_masks_hold_as_in_the_stream(pipe):
    pipe.run("""CREATE TABLE users (id int PRIMARY KEY, name text, ssn text, password text);
        INSERT INTO users VALUES (1, 'Anne', '123', 'secret'), (2, 'Bo', NULL, 'secret');
        CREATE TABLE audit_log (id int PRIMARY KEY); INSERT INTO audit_log VALUES (1)""")
    copied(pipe, exclude_tables=["public.audit_*"], exclude_columns=["public.users.password"], mask_columns=["*.*.ssn"])
    events = pipe.events()
    assert [e["after"] for e in events] == [{"id": 1, "name": "Anne", "ssn": "***"}, {"id": 2, "name": "Bo", "ssn": None}]


def test_snapshot__row_filters_and_column_lists_of_the_publication_hold(pipe):
    """Conformance 115."""
    pipe.run(f"""CREATE TABLE t (id int PRIMARY KEY, v text, hidden text);
        INSERT INTO t SELECT g, 'v', 'h' FROM generate_series(1, 10) g;
        CREATE PUBLICATION {pipe.leat.source['publication']} FOR TABLE t (id, v) WHERE (id > 5)""")
    copied(pipe)
    assert [e["after"] for e in pipe.events()] == [{"id": g, "v": "v"} for g in range(6, 11)]


@pytest.mark.parametrize("format", ["auto", "text", "binary"])
def test_snapshot__a_read_and_an_update_of_a_row_are_equal_over_all_types(pipe, format):
    corpus = types_corpus.CORPUS if format == "auto" else types_corpus.BINARY
    pipe.run(types_corpus.ddl("c", corpus) + "; ALTER TABLE c REPLICA IDENTITY FULL")  # so that no long value is left out
    pipe.run("\n".join(types_corpus.inserts("c", corpus)))
    copied(pipe, format=format)
    pipe.sql("UPDATE c SET id = id")
    events = pipe.events()
    read = {(e["table"], e["after"]["id"]): e["after"] for e in reads(events)}
    updated = {(e["table"], e["after"]["id"]): e["after"] for e in events if e["op"] == "update"}
    assert read and read == updated


def test_snapshot__the_envelope_marks_first_and_last_rows(pipe):
    pipe.run("""CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1), (2), (3);
        CREATE TABLE b (id int PRIMARY KEY, v text); INSERT INTO b SELECT g, repeat('x', 1000) FROM generate_series(1, 40) g;
        CREATE TABLE none (id int PRIMARY KEY); ANALYZE""")
    copied(pipe, snapshot_workers=1)
    pipe.sql("INSERT INTO a VALUES (4)")
    pipe.leat.wait_caught_up()
    marks = [(e["source"]["table"], e["source"]["snapshot"], e["op"]) for e in pipe.leat.tail(format="debezium")]
    assert marks[:3] == [("a", "first", "r"), ("a", "true", "r"), ("a", "last_in_data_collection", "r")]
    assert marks[3] == ("b", "first_in_data_collection", "r") and marks[4][1] == "true"
    assert marks[-2:] == [("b", "last", "r"), ("a", "false", "c")]


# --- writers meanwhile ----------------------------------------------------------------------------


class Writers:
    """Clients that change, insert, delete, re-insert and re-key rows until they are stopped."""

    def __init__(self, pipe, count=WRITERS, seed=None, keys=4000, big=True):
        self.pipe, self.keys, self.big = pipe, keys, big
        self.seed = seed or random.randrange(1 << 30)
        print(f"writers: seed {self.seed}")
        self.end = threading.Event()
        self.done = 0
        self.threads = [threading.Thread(target=self.run, args=(n,), daemon=True) for n in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        for thread in self.threads:
            thread.join()

    def run(self, n):
        chance = random.Random(self.seed + n)
        connection = self.pipe.server.connect(self.pipe.database)
        connection.autocommit = False
        while not self.end.is_set():
            try:
                with connection.cursor() as cursor:
                    for _ in range(chance.randrange(1, 6)):
                        self.change(cursor, chance)
                connection.rollback() if chance.random() < 0.1 else connection.commit()
                self.done += 1
            except (psycopg2.errors.UniqueViolation, psycopg2.errors.DeadlockDetected):
                connection.rollback()
        connection.close()

    def change(self, cursor, chance):
        key, other = chance.randrange(self.keys), chance.randrange(self.keys)
        kind = chance.randrange(6)
        if kind < 2:
            cursor.execute("UPDATE t SET n = n + 1, v = %s WHERE id = %s", (f"u{chance.random()}", key))
        elif kind == 2:
            cursor.execute("DELETE FROM t WHERE id = %s", (key,))
        elif kind == 3:
            cursor.execute("INSERT INTO t VALUES (%s, 0, %s, %s) ON CONFLICT DO NOTHING",
                           (key, f"i{chance.random()}", "long" * chance.randrange(2000) if self.big else None))
        elif kind == 4:
            cursor.execute("UPDATE t SET id = %s WHERE id = %s", (other, key))
        else:
            cursor.execute("UPDATE t SET n = n + 1 WHERE id BETWEEN %s AND %s", (key, key + 5))


def fill(pipe, rows=4000, big=True):
    """`big` values lie outside of their rows: an update that leaves one alone does not send it."""
    pipe.run(f"""CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, v text, big text);
        ALTER TABLE t ALTER COLUMN big SET STORAGE EXTERNAL;
        INSERT INTO t SELECT g, 0, 'v' || g, CASE WHEN {big} AND g % 10 = 0 THEN repeat(md5(g::text), 100) END
        FROM generate_series(0, {rows - 1}) g""")


def settled(pipe, seconds=60):
    """Until no job waits or runs; returns them."""
    def over():
        jobs = status(pipe)
        return jobs if jobs and not any(j["state"] in ("waiting", "running") for j in jobs) else None
    try:
        return places.wait_until(over, seconds, "copies done")
    except TimeoutError:
        raise TimeoutError(f"copies are not done: {status(pipe)}; log:\n{pipe.leat.log()[-2500:]}") from None


def status(pipe):
    try:
        code, body = pipe.leat.http("/snapshot")
    except OSError:  # not listening yet
        return []
    assert code == 200, body
    return json.loads(body)["jobs"]


def test_snapshot__writers_during_the_initial_copy_lose_nothing(pipe):
    """Conformance 101."""
    fill(pipe, 20000)
    pipe.leat.configure(snapshot="initial")
    with Writers(pipe, keys=20000) as writers:
        pipe.leat.start(60)
        places.wait_until(lambda: writers.done > 500, 60, "writers at work")
    events = pipe.events(60)
    first = next(i for i, e in enumerate(events) if e["op"] != "read")
    assert all(e["op"] != "read" for e in events[first:])  # the copy is whole before the first change
    assert difference(pipe, "t", events=events).equal


# --- kills ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("big", [False, True], ids=["by_place", "by_key"])
@pytest.mark.parametrize("point", ["before_commit:kill:4", "after_commit:kill:6", "snapshot_range:kill:1",
                                   "snapshot_chunk:kill:2"])
def test_snapshot__a_killed_copy_goes_on_beside_the_stream(pipe, point, big):
    """Conformance 106, at the seams. Long values make the rest go by key; without them it goes on by place."""
    failing = leatd.binary("failpoints")
    if not failing.exists():
        pytest.skip("make VARIANT=failpoints was not run")
    fill(pipe, 12000 if big else 60000, big)
    ordinary, pipe.leat.program = pipe.leat.program, failing
    pipe.leat.configure(snapshot="initial", snapshot_workers=2, snapshot_bytes_per_second="20MiB" if big else "5MiB")
    with Writers(pipe, keys=12000, big=big) as writers:
        pipe.leat.spawn(point)
        if point.startswith("snapshot_chunk"):  # reached beside the stream only: break the initial copy off first
            pipe.leat.kill9()
            pipe.leat.spawn("before_commit:kill:4")
            pipe.leat.wait_end(60)
            pipe.leat.spawn(point)
        pipe.leat.wait_end(60)
        pipe.leat.program = ordinary
        before = len(reads(pipe.leat.tail()))
        pipe.leat.start(60)
        jobs = settled(pipe, 120)
        places.wait_until(lambda: writers.done > 300, 60, "writers at work")
    assert [j["state"] for j in jobs] == ["done"], jobs
    events = pipe.events(60)
    print(f"{before} rows before the kill, {len(reads(events))} in all")
    if not big:
        assert "from its beginning" not in pipe.leat.log()
    assert len({e["id"] for e in events}) == len(events)
    assert difference(pipe, "t", events=events, surprises=1).equal


def test_snapshot__kills_at_any_moment_lose_and_resurrect_nothing(pipe):
    fill(pipe, 40000)
    pipe.leat.configure(snapshot="initial", snapshot_rows_per_second=15000)
    chance = random.Random(seed := random.randrange(1 << 30))
    print(f"kills: seed {seed}")
    with Writers(pipe, keys=40000):
        for _ in range(12):
            pipe.leat.spawn()
            pipe.leat.process.poll()
            threading.Event().wait(0.15 + chance.random() * 0.8)  # the moment is what is random here
            pipe.leat.kill9()
        pipe.leat.configure(snapshot_rows_per_second=None)
        pipe.leat.start(60)
        settled(pipe, 120)
    events = pipe.events(60)
    assert len({e["id"] for e in events}) == len(events)
    assert difference(pipe, "t", events=events, surprises=1).equal
    verified = pipe.leat.command("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_snapshot__a_restart_of_the_server_breaks_a_copy_off_and_it_goes_on(own_server, open_pipe):
    """Conformance 102."""
    server = own_server()
    pipe = open_pipe(server)
    fill(pipe, 60000)
    pipe.leat.configure(snapshot="initial", snapshot_rows_per_second=30000)
    pipe.leat.spawn()
    places.wait_until(lambda: "snapshot begins" in pipe.leat.log(), 20, "the copy begins")
    server.restart("immediate")
    pipe.sql("UPDATE t SET n = 1 WHERE id < 10")
    pipe.leat.wait_streaming(60)
    settled(pipe)
    assert difference(pipe, "t", surprises=1).equal


# --- beside the stream -------------------------------------------------------------------------------


def ask(pipe, *arguments):
    done = pipe.leat.command("snapshot", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("format", ["auto", "text"])
def test_snapshot__a_table_is_copied_beside_the_stream_on_request(any_server, open_pipe, format):
    """Conformance 104."""
    pipe = open_pipe(any_server, format=format)
    fill(pipe, 30000)
    pipe.start()
    with Writers(pipe, keys=30000) as writers:
        ask(pipe, pipe.leat.name, "public.t")
        jobs = settled(pipe, 120)
        places.wait_until(lambda: writers.done > 300, 60, "writers at work")
    assert [(j["state"], j["kind"]) for j in jobs] == [("done", "asked")], jobs
    events = pipe.events(60)
    assert len(reads(events)) > 15000 and len({e["id"] for e in events}) == len(events)
    marks = {e["source"]["snapshot"] for e in pipe.leat.tail(format="debezium", op="read", limit=100)}
    assert marks == {"incremental"}
    assert difference(pipe, "t", events=events, surprises=1).equal
    assert not [e for e in events if e["op"] == "message"]  # our own watermarks are not shown


def test_snapshot__where_and_a_range_of_keys_choose_rows(pipe):
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    pipe.sql("INSERT INTO t SELECT g, CASE WHEN g % 100 = 0 THEN 'yes' END FROM generate_series(1, 20000) g")
    pipe.start()
    ask(pipe, pipe.leat.name, "public.t", "--where", "v = 'yes'", "--from", "1000", "--to", "3000")
    settled(pipe)
    assert [e["after"]["id"] for e in reads(pipe.events())] == list(range(1000, 3001, 100))


@pytest.mark.parametrize("keys", ["(b, a)", "(c)", "(d)", "(e)", "(f)", "(g)"])
def test_snapshot__every_kind_of_key_gives_each_row_once(pipe, keys):
    """Conformance 110."""
    pipe.run(f"""CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');
        CREATE TABLE t (a int, b text COLLATE "und-x-icu", c uuid, d numeric(20,3), e timestamptz,
                        f text, g bytea, m mood, PRIMARY KEY {keys});
        INSERT INTO t SELECT g - 1500, 'k''' || g % 7 || E'\\\\', gen_random_uuid(), (g - 1500) / 3.0,
               now() + g * interval '1 s', chr(65 + g % 50) || md5(g::text), decode(md5(g::text), 'hex'), 'ok'
               FROM generate_series(1, 3000) g""")
    pipe.start()
    ask(pipe, pipe.leat.name, "public.t")
    jobs = settled(pipe)
    assert [j["state"] for j in jobs] == ["done"], jobs
    assert difference(pipe, "t").equal and len(reads(pipe.events())) == 3000


def test_snapshot__a_table_without_key_is_copied_in_one_pass_that_holds_the_stream(pipe):
    pipe.run("CREATE TABLE bag (a int, b text); INSERT INTO bag SELECT g % 10, 'x' FROM generate_series(1, 5000) g")
    pipe.start()
    end = threading.Event()

    def write():
        while not end.is_set():
            pipe.sql("INSERT INTO bag VALUES (77, 'new')")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        ask(pipe, pipe.leat.name, "public.bag")
        jobs = settled(pipe)
    finally:
        end.set()
        writer.join()
    assert [j["state"] for j in jobs] == ["done"], jobs
    events = pipe.events()
    first = next(i for i, e in enumerate(events) if e["op"] == "read")
    mine = len(reads(events))
    assert all(e["op"] == "read" for e in events[first:first + mine])
    # what the stream brought before the pass is in it, too: from there on it is exact
    replay = model.replay(events[first:])
    assert model.compare(replay, pipe.contents("bag")).equal


def test_snapshot__a_table_that_comes_in_later_is_copied_by_itself(pipe):
    """Conformance 111."""
    pipe.run("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
    copied(pipe, tables=["public.a"])
    pipe.leat.wait_caught_up()
    fill(pipe, 20000)
    pipe.leat.stop()
    pipe.leat.configure(tables=["public.*"])
    with Writers(pipe, keys=20000) as writers:
        pipe.leat.start()
        settled(pipe, 120)
        places.wait_until(lambda: writers.done > 100, 60, "writers at work")
    events = pipe.events(60)
    assert len(reads(events, "a")) == 1
    assert difference(pipe, "a", "t", events=events, surprises=1).equal
    pipe.leat.stop()
    pipe.leat.start()
    assert len(reads(pipe.events())) == len(reads(events))  # once


def test_snapshot__copies_wait_go_on_and_end_on_request(pipe):
    fill(pipe, 50000)
    pipe.start(snapshot_rows_per_second=4000)
    ask(pipe, pipe.leat.name, "public.t")
    places.wait_until(lambda: any(j["rows"] > 500 for j in status(pipe)), 30, "rows are copied")
    ask(pipe, "--pause", pipe.leat.name)
    places.wait_until(lambda: status(pipe)[0]["state"] == "paused", 20, "paused")
    pipe.leat.stop()
    pipe.leat.start()
    at = status(pipe)[0]
    assert at["state"] == "paused" and at["rows"] > 500
    pipe.sql("INSERT INTO t VALUES (100000, 0, 'new')")
    pipe.leat.wait_caught_up()
    assert status(pipe)[0]["rows"] == at["rows"]
    ask(pipe, "--resume", pipe.leat.name, "public.t")
    places.wait_until(lambda: status(pipe)[0]["rows"] > at["rows"], 20, "goes on")
    ask(pipe, "--cancel", pipe.leat.name)
    places.wait_until(lambda: status(pipe)[0]["state"] == "cancelled", 20, "cancelled")
    shown = ask(pipe, "--status")
    assert "cancelled" in shown and "public.t" in shown


def test_snapshot__what_cannot_be_copied_is_named(pipe):
    pipe.run("""CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)""")
    pipe.start()
    ask(pipe, pipe.leat.name, "public.nothing")
    ask(pipe, pipe.leat.name, "public.t", "--where", "no such column")
    jobs = settled(pipe)
    assert [j["state"] for j in jobs] == ["failed", "failed"]
    assert "published" in jobs[0]["reason"] and "syntax" in jobs[1]["reason"]
    assert pipe.leat.command("snapshot", "nobody", "public.t").returncode == 2
    assert pipe.leat.command("snapshot", pipe.leat.name).returncode == 2
    pipe.sql("INSERT INTO t VALUES (2)")
    assert [e["after"]["id"] for e in pipe.events()] == [2]


def test_snapshot__a_commit_that_hangs_before_it_is_visible_is_not_overwritten(own_server, open_pipe):
    """Conformance 105: in the stream, and not yet visible, because a synchronous standby is waited for."""
    server = own_server(synchronous_standby_names="ghost", synchronous_commit="local")
    pipe = open_pipe(server)
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'old'), (2, 'old')")
    pipe.start()
    hanging = server.connect(pipe.database)

    def hang():
        with hanging.cursor() as cursor:
            try:
                cursor.execute("SET synchronous_commit = on")
                cursor.execute("UPDATE t SET v = 'new' WHERE id = 1")
            except psycopg2.Error:
                pass
    thread = threading.Thread(target=hang)
    thread.start()
    pipe.leat.wait_events(1, op="update")
    assert pipe.sql("SELECT v FROM t WHERE id = 1") == [("old",)]
    ask(pipe, pipe.leat.name, "public.t")
    places.wait_until(lambda: any(j["state"] == "running" for j in status(pipe)), 20, "the copy waits")
    with pytest.raises(TimeoutError):
        pipe.leat.wait_events(1, seconds=2, op="read")
    server.sql("SELECT pg_cancel_backend(%s)", hanging.get_backend_pid())  # it was committed long since
    thread.join(20)
    settled(pipe)
    assert sorted(e["after"]["v"] for e in reads(pipe.events())) == ["new", "old"]


def test_snapshot__ddl_between_chunks_is_followed(pipe):
    """Conformance 109."""
    fill(pipe, 30000)
    pipe.start(snapshot_rows_per_second=6000)
    ask(pipe, pipe.leat.name, "public.t")
    places.wait_until(lambda: any(j["rows"] > 500 for j in status(pipe)), 30, "rows are copied")
    pipe.sql("ALTER TABLE t ADD COLUMN extra int DEFAULT 7")
    pipe.sql("ALTER TABLE t DROP COLUMN v")
    pipe.leat.stop()
    pipe.leat.configure(snapshot_rows_per_second=None)
    pipe.leat.start()
    jobs = settled(pipe, 120)
    assert [j["state"] for j in jobs] == ["done"], jobs
    events = reads(pipe.events())
    assert sorted(e["after"]["id"] for e in events) == list(range(30000))
    assert "v" in events[0]["after"] and events[-1]["after"]["extra"] == 7 and "v" not in events[-1]["after"]


def test_snapshot__only_copies_and_reads_no_changes(pipe):
    fill(pipe, 5000)
    pipe.leat.configure(snapshot="only")
    pipe.leat.spawn()
    settled(pipe)
    pipe.sql("INSERT INTO t VALUES (100000, 0, 'new')")
    assert pipe.server.slot(pipe.leat.slot) is None or pipe.server.slot(pipe.leat.slot)["temporary"]
    pipe.leat.stop()
    assert pipe.server.slot(pipe.leat.slot) is None
    pipe.leat.spawn()
    places.wait_until(lambda: pipe.leat.log().count("starting") == 2 and status(pipe), 20, "started again")
    assert len(reads(pipe.leat.tail())) == len(pipe.leat.tail()) == 5000


def test_snapshot__when_needed_copies_again_what_a_gap_was_about(pipe):
    fill(pipe, 3000)
    copied(pipe, snapshot="when_needed")
    pipe.leat.wait_caught_up()
    pipe.leat.stop()
    pipe.server.drop_slot(pipe.leat.slot)
    pipe.sql("UPDATE t SET n = 5 WHERE id < 100")
    pipe.leat.start()
    settled(pipe)
    events = pipe.events()
    assert [e["op"] for e in events].count("gap") == 1 and len(reads(events)) == 6000
    assert difference(pipe, "t", events=events, surprises=1).equal


def test_snapshot__tables_that_may_not_be_read_stop_the_source_with_the_statement(pipe):
    """Conformance 108."""
    pipe.run(f"""CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);
        CREATE PUBLICATION {pipe.leat.source['publication']} FOR TABLE t""")
    name = f"reader_{pipe.database}"
    pipe.server.sql(f"CREATE ROLE {name} LOGIN REPLICATION")
    try:
        pipe.leat.configure(snapshot="initial", user=name)
        pipe.leat.spawn()
        pipe.wait_error("public.t", "GRANT SELECT")
        pipe.sql(f"GRANT SELECT ON t TO {name}")
        pipe.leat.stop()
        pipe.leat.start()
        settled(pipe)
        assert [e["after"]["id"] for e in reads(pipe.events())] == [1]
    finally:
        pipe.leat.kill9()
        pipe.sql(f"DROP OWNED BY {name}")
        pipe.server.sql(f"DROP ROLE {name}")


def test_snapshot__a_locked_table_is_copied_later_and_the_stream_goes_on(pipe):
    fill(pipe, 500)
    pipe.sql("CREATE TABLE other (id int PRIMARY KEY)")
    pipe.start()
    holder = pipe.server.connect(pipe.database)
    holder.autocommit = False
    holder.cursor().execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
    ask(pipe, pipe.leat.name, "public.t")
    pipe.wait_error("tried again", "lock timeout")
    pipe.sql("INSERT INTO other VALUES (1)")
    pipe.leat.wait_events(1, table="public.other")
    holder.rollback()
    holder.close()
    settled(pipe)
    assert difference(pipe, "t", "other").equal


@pytest.mark.slow
def test_snapshot__a_thousand_tables_need_few_locks(own_server, open_pipe):
    server = own_server(max_locks_per_transaction="10", max_connections="30", max_wal_senders="5")
    pipe = open_pipe(server)
    pipe.run("".join(f"CREATE TABLE t{n} (id int PRIMARY KEY, v text); INSERT INTO t{n} VALUES ({n});\n"
                     for n in range(1000)))
    copied(pipe)
    assert sorted(e["after"]["id"] for e in reads(pipe.events(60))) == list(range(1000))
    assert {j["state"] for j in status(pipe)} == {"done"}


def test_snapshot__row_security_is_an_error_and_not_fewer_rows(pipe):
    """Conformance 108, rule 15."""
    pipe.run(f"""CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2);
        ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY partly ON t USING (id = 1);
        CREATE PUBLICATION {pipe.leat.source['publication']} FOR TABLE t""")
    name = f"hidden_{pipe.database}"
    pipe.server.sql(f"CREATE ROLE {name} LOGIN REPLICATION")
    try:
        pipe.sql(f"GRANT SELECT ON t TO {name}")
        pipe.leat.configure(snapshot="initial", user=name)
        pipe.leat.spawn()
        pipe.wait_error("public.t", "row-level security")
        assert reads(pipe.leat.tail()) == []
    finally:
        pipe.leat.kill9()
        pipe.sql(f"DROP OWNED BY {name}")
        pipe.server.sql(f"DROP ROLE {name}")
