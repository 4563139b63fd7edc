"""Each row is told with the schema that was in force when it was written."""


def announced(pipe):
    """The columns of each announcement, in order."""
    pipe.leat.wait_caught_up()
    events = pipe.leat.tail(schema=True)
    return [[c["name"] for c in e.get("columns", [])] for e in events if e["op"] == "schema" and e.get("table") == "t"]


def test_schema__ddl_between_two_rows_of_one_transaction(any_pipe):
    """Conformance 72, 75."""
    pipe = any_pipe
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    pipe.start()
    pipe.run("BEGIN; INSERT INTO t VALUES (1, 'a'); ALTER TABLE t ADD COLUMN w int DEFAULT 7; INSERT INTO t VALUES (2, 'b');"
             "ALTER TABLE t DROP COLUMN v; INSERT INTO t VALUES (3, 9); ALTER TABLE t RENAME w TO x;"
             "INSERT INTO t VALUES (4, 10); COMMIT;")
    assert [e["after"] for e in pipe.of("t")] == [
        {"id": 1, "v": "a"}, {"id": 2, "v": "b", "w": 7}, {"id": 3, "w": 9}, {"id": 4, "x": 10}]
    assert announced(pipe) == [["id", "v"], ["id", "v", "w"], ["id", "w"], ["id", "x"]]


def test_schema__old_rows_keep_their_schema_after_a_restart_behind_the_change(pipe):
    """Conformance 75 and I9: leat is down while the table changes under its backlog."""
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (1, 'a')")
    pipe.leat.wait_caught_up()
    pipe.leat.kill9()
    pipe.run("INSERT INTO t VALUES (2, 'b'); ALTER TABLE t ALTER v TYPE int USING length(v); INSERT INTO t VALUES (3, 33);"
             "ALTER TABLE t RENAME v TO n; INSERT INTO t VALUES (4, 44); ALTER TABLE t DROP COLUMN n;")
    pipe.start()
    assert [e["after"] for e in pipe.of("t")] == [
        {"id": 1, "v": "a"}, {"id": 2, "v": "b"}, {"id": 3, "v": 33}, {"id": 4, "n": 44}]


def test_schema__a_type_change_makes_no_row_events(any_pipe):
    """Conformance 73."""
    pipe = any_pipe
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY, v int)")
    pipe.start()
    pipe.run("INSERT INTO t VALUES (1, 1); ALTER TABLE t ALTER v TYPE bigint; INSERT INTO t VALUES (2, 9000000000);"
             "ALTER TABLE t ALTER v TYPE text; INSERT INTO t VALUES (3, 'x');")
    assert [e["after"]["v"] for e in pipe.of("t")] == [1, 9000000000, "x"]


def test_schema__tables_and_schemas_that_are_renamed(any_pipe):
    """Conformance 74, 76. The table is in a schema of its own, so that the schema can be renamed too."""
    pipe = any_pipe
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY)")
    pipe.start()
    pipe.run("INSERT INTO t VALUES (1); ALTER TABLE t RENAME TO u; INSERT INTO u VALUES (2);"
             "BEGIN; ALTER TABLE u RENAME TO w; INSERT INTO w VALUES (3); ALTER TABLE w RENAME TO t; INSERT INTO t VALUES (4); COMMIT;")
    assert [(e["table"], e["after"]["id"]) for e in pipe.events()] == [("t", 1), ("u", 2), ("w", 3), ("t", 4)]


def test_schema__a_table_dropped_and_made_again_is_another(pipe):
    """Conformance 76."""
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (1, 'a')")
    pipe.run("DROP TABLE t; CREATE TABLE t (v int, id bigint PRIMARY KEY);"
             f"ALTER PUBLICATION leat_{pipe.leat.name} ADD TABLE t; INSERT INTO t VALUES (5, 2);")
    assert [e["after"] for e in pipe.of("t")] == [{"id": 1, "v": "a"}, {"v": 5, "id": 2}]


def test_schema__dropped_and_generated_columns_do_not_shift_the_others(any_pipe):
    """Conformance 70, 71."""
    pipe = any_pipe
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY, a int, b int, g int GENERATED ALWAYS AS (b * 2) STORED, c text)")
    pipe.sql("ALTER TABLE t DROP COLUMN a")
    pipe.start()
    pipe.sql("INSERT INTO t (id, b, c) VALUES (1, 2, 'x')")
    event, = pipe.of("t")
    assert event["after"] == {"id": 1, "b": 2, "c": "x"}


def test_schema__a_table_added_to_the_publication_comes_from_there_on(pipe):
    """Conformance 80."""
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY)")
    pipe.start()
    pipe.run("INSERT INTO t VALUES (1); CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (1);"
             f"ALTER PUBLICATION leat_{pipe.leat.name} ADD TABLE late; INSERT INTO late VALUES (2);"
             f"ALTER PUBLICATION leat_{pipe.leat.name} DROP TABLE t; INSERT INTO t VALUES (2);")
    assert [(e["table"], e["after"]["id"]) for e in pipe.events()] == [("t", 1), ("late", 2)]
