"""What the publication decides, and what comes with a transaction besides rows."""

import pytest

from tests.support import pgversions


def test_publications__a_row_filter_turns_updates_into_what_it_lets_through(pipe):
    """Conformance 68: enters, stays, leaves, stays out."""
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY, v int)")
    pipe.sql("ALTER TABLE t REPLICA IDENTITY FULL")
    pipe.sql(f"CREATE PUBLICATION leat_{pipe.leat.name} FOR TABLE t WHERE (v > 10)")
    pipe.start(create=True)
    pipe.run("INSERT INTO t VALUES (1, 5), (2, 20);"
             "UPDATE t SET v = 11 WHERE id = 1; UPDATE t SET v = 12 WHERE id = 1;"
             "UPDATE t SET v = 1 WHERE id = 2; UPDATE t SET v = 2 WHERE id = 2")
    assert [(e["op"], (e.get("after") or e["before"])["id"]) for e in pipe.of("t")] == [
        ("create", 2), ("create", 1), ("update", 1), ("delete", 2)]


def test_publications__rows_of_an_inheriting_table_come_under_its_own_name(any_pipe):
    """Conformance 67."""
    pipe = any_pipe
    pipe.run("CREATE TABLE parent (id int PRIMARY KEY);"
             "CREATE TABLE child (extra text, PRIMARY KEY (id)) INHERITS (parent)")
    pipe.start()
    pipe.run("INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 'x'); UPDATE parent SET id = id + 10")
    rows = [(e["table"], e["op"], e["after"]["id"]) for e in pipe.events() if e["op"] in ("create", "update")]
    assert rows == [("parent", "create", 1), ("child", "create", 2), ("parent", "update", 11), ("child", "update", 12)]


def test_publications__the_origin_of_a_transaction_is_kept(any_pipe):
    """Conformance 42: what the server itself got by replication says where from."""
    pipe = any_pipe
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY)")
    pipe.start()
    origin = f"far_{pipe.database}"
    pipe.run(f"SELECT pg_replication_origin_create('{origin}'); SELECT pg_replication_origin_session_setup('{origin}');"
             "BEGIN; SELECT pg_replication_origin_xact_setup('0/ABCD', now()); INSERT INTO t VALUES (1); COMMIT;"
             f"SELECT pg_replication_origin_session_reset(); SELECT pg_replication_origin_drop('{origin}')")
    pipe.sql("INSERT INTO t VALUES (2)")
    far, near = pipe.of("t")
    assert far["tx"]["attrs"]["origin"] == origin and far["tx"]["attrs"]["origin_lsn"] == 0xABCD
    assert near["tx"]["attrs"]["origin"] is None


def test_publications__renamed_types_and_labels_do_not_disturb_values(any_pipe):
    """Conformance 79: none of it is told in the log."""
    pipe = any_pipe
    pipe.run("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (a int, b text);"
             "CREATE TABLE t (id int PRIMARY KEY, m mood, p pair)")
    pipe.start()
    pipe.run("INSERT INTO t VALUES (1, 'sad', (1, 'x'))")
    pipe.run("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'; ALTER TYPE mood RENAME TO feeling;"
             "ALTER TYPE pair ADD ATTRIBUTE c int; INSERT INTO t VALUES (2, 'blue', (1, 'x', 3))")
    first, second = pipe.of("t")
    assert (first["after"]["m"], first["after"]["p"]) == ("sad", "(1,x)")
    assert (second["after"]["m"], second["after"]["p"]) == ("blue", "(1,x,3)")


@pytest.mark.parametrize("version", pgversions.ALL)
def test_publications__a_keyless_table_that_is_younger_than_the_backlog(open_pipe, servers, version):
    """Rule 12: nothing that the slot still holds may need a publication that is younger than it."""
    pipe = open_pipe(servers.get(version))
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY)")
    pipe.start()
    pipe.leat.stop()
    pipe.run("INSERT INTO t VALUES (1); CREATE TABLE keyless (v text); INSERT INTO t VALUES (2);")
    pipe.start()
    pipe.run("INSERT INTO keyless VALUES ('a')")
    assert [e["after"] for e in pipe.events()] == [{"id": 1}, {"id": 2}, {"v": "a"}]
