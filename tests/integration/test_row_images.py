"""What an event knows of the row before and after: keys, whole rows, and values that were not sent."""
import pytest

BIG = "repeat(md5('{}'), 300)"


def big_table(pipe, identity):
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL;"
             "CREATE UNIQUE INDEX t_n ON t (n);")
    pipe.sql(f"ALTER TABLE t REPLICA IDENTITY {identity}")


@pytest.mark.parametrize("identity", ["DEFAULT", "USING INDEX t_n", "FULL"])
def test_images__an_untouched_toasted_value_is_absent_or_taken_from_the_old_row(any_pipe, identity):
    """Conformance 54, 55."""
    pipe = any_pipe
    big_table(pipe, identity)
    pipe.start()
    pipe.run(f"INSERT INTO t VALUES (1, 1, {BIG.format('a')}); UPDATE t SET n = 2; UPDATE t SET big = {BIG.format('b')};"
             "UPDATE t SET big = NULL;")
    create, kept, changed, nulled = pipe.of("t")
    if identity == "FULL":
        assert kept["before_form"] == "full" and kept["before"] == create["after"]
        assert kept["after"].get("big", create["after"]["big"]) == create["after"]["big"]
        assert ("big" in kept["after"]) != ("big" in kept.get("absent", []))
    else:
        assert kept["absent"] == ["big"] and "big" not in kept["after"]
    assert len(changed["after"]["big"]) == 9600 and "absent" not in changed
    assert nulled["after"]["big"] is None and "absent" not in nulled
    assert pipe.difference("t").equal


def test_images__a_key_change_has_the_old_key(any_pipe):
    """Conformance 56."""
    pipe = any_pipe
    pipe.sql("CREATE TABLE t (a int, b text, v int, PRIMARY KEY (b, a))")
    pipe.start()
    pipe.run("INSERT INTO t VALUES (1, 'x', NULL); UPDATE t SET b = 'y'; UPDATE t SET v = 5;")
    _, moved, plain = pipe.of("t")
    assert moved["before_form"] == "key" and moved["before"] == {"a": 1, "b": "x"}
    assert moved["after"] == {"a": 1, "b": "y", "v": None}
    assert "before" not in plain
    assert plain["key"] == ["b", "a"]  # the key's own order


def test_images__null_in_a_whole_old_row_is_null_and_in_a_key_row_is_absent(pipe):
    """Conformance 57."""
    pipe.run("CREATE TABLE k (id int PRIMARY KEY, v text); CREATE TABLE f (id int PRIMARY KEY, v text);"
             "ALTER TABLE f REPLICA IDENTITY FULL;")
    pipe.start()
    pipe.run("INSERT INTO k VALUES (1, NULL); INSERT INTO f VALUES (1, NULL); DELETE FROM k; DELETE FROM f;")
    events = [e for e in pipe.events() if e["op"] == "delete"]
    assert [(e["table"], e["before_form"], e["before"]) for e in events] == [
        ("k", "key", {"id": 1}), ("f", "full", {"id": 1, "v": None})]


def test_images__each_event_follows_the_identity_of_its_time(pipe):
    """Conformance 60."""
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, v text); CREATE UNIQUE INDEX t_n ON t (n);")
    pipe.start()
    pipe.run("INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c'); DELETE FROM t WHERE id = 1;"
             "ALTER TABLE t REPLICA IDENTITY FULL; DELETE FROM t WHERE id = 2;"
             "ALTER TABLE t REPLICA IDENTITY USING INDEX t_n; DELETE FROM t WHERE id = 3;")
    deletes = [e for e in pipe.of("t") if e["op"] == "delete"]
    assert [(e["before_form"], e["before"]) for e in deletes] == [
        ("key", {"id": 1}), ("full", {"id": 2, "n": 2, "v": "b"}), ("key", {"n": 3})]


def test_images__a_table_without_identity_keeps_working_and_its_inserts_come(pipe):
    """Conformance 58, 59: publishing its updates would make the application's statements fail."""
    pipe.sql("CREATE TABLE t (a int, b text)")
    pipe.start()
    pipe.run("INSERT INTO t VALUES (1, 'x'), (1, 'x'); UPDATE t SET b = 'y'; DELETE FROM t; INSERT INTO t VALUES (2, 'z');")
    events = pipe.of("t")
    assert [(e["op"], e["after"]) for e in events] == [
        ("create", {"a": 1, "b": "x"}), ("create", {"a": 1, "b": "x"}), ("create", {"a": 2, "b": "z"})]


def test_images__a_table_without_key_and_with_full_identity_replays(pipe):
    """Conformance 57, 61: equal rows are told apart by number only."""
    pipe.sql("CREATE TABLE t (a int, b text)")
    pipe.sql("ALTER TABLE t REPLICA IDENTITY FULL")
    pipe.start()
    pipe.run("INSERT INTO t VALUES (1, 'x'), (1, 'x'), (NULL, NULL);"
             "DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t); UPDATE t SET b = 'q' WHERE a IS NULL;")
    assert pipe.difference("t").equal


@pytest.mark.parametrize("partitions, name", [("leaf", None), ("root", "sale")])
def test_images__partitions_are_told_under_the_leaf_or_the_root(open_pipe, any_server, partitions, name):
    """Conformance 64, 65, 66."""
    pipe = open_pipe(any_server, partitions=partitions)
    pipe.run("CREATE TABLE sale (id int, region text, v int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);"
             "CREATE TABLE sale_eu PARTITION OF sale FOR VALUES IN ('eu');"
             "CREATE TABLE sale_us PARTITION OF sale FOR VALUES IN ('us');")
    pipe.start()
    pipe.run("INSERT INTO sale VALUES (1, 'eu', 1), (2, 'us', 2); UPDATE sale SET v = 3 WHERE id = 1;"
             "UPDATE sale SET region = 'us' WHERE id = 1; DELETE FROM sale WHERE id = 2;")
    events = pipe.events()
    assert [e["op"] for e in events] == ["create", "create", "update", "delete", "create", "delete"]
    leaves = ["sale_eu", "sale_us", "sale_eu", "sale_eu", "sale_us", "sale_us"]
    assert [e["table"] for e in events] == ([name] * 6 if name else leaves)
    pipe.run("CREATE TABLE late (id int, region text, v int, PRIMARY KEY (id, region)); INSERT INTO late VALUES (9, 'x', 9);")
    before = len([e for e in pipe.events() if e["table"] != "late"])
    pipe.run("ALTER TABLE sale ATTACH PARTITION late FOR VALUES IN ('x'); TRUNCATE sale;")
    after = [e for e in pipe.events() if e["table"] != "late"][before:]
    assert {e["op"] for e in after} == {"truncate"}  # attaching makes no rows
    assert {e["table"] for e in after} == ({name} if name else {"sale_eu", "sale_us"})
