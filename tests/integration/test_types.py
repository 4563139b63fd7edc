"""Every built-in type, in both wire forms, against the database's own text."""
import pytest

from tests.support import canon, types_corpus

HOSTILE = ("datestyle TO 'SQL, DMY'", "intervalstyle TO 'sql_standard'", "timezone TO 'Asia/Kathmandu'",
           "bytea_output TO 'escape'", "extra_float_digits TO -3", "lc_monetary TO 'C'")


def filled(pipe, corpus):
    """A started pipe with every row of a corpus."""
    pipe.run(types_corpus.ddl("c", corpus))
    pipe.start()
    pipe.run("SET datestyle TO 'ISO, MDY'; SET timezone TO 'UTC'; SET intervalstyle TO 'postgres';\n" +
             "\n".join(types_corpus.inserts("c", corpus)))
    return pipe


def rows_of(pipe):
    """The corpus as told, checked against the database's own text."""
    table = pipe.contents("c")["public.c"]
    rows = {int(row[0]): row for row in table["rows"]}
    events = [e for e in pipe.of("c") if e["op"] == "create"]
    assert len(events) == len(rows) > 10
    found = []
    for event in events:
        for column, type_name, text in zip(table["columns"], table["types"], rows[event["after"]["id"]]):
            mine = event["after"].get(column, "(absent)")
            if canon.from_event(type_name, mine) != canon.from_text(type_name, text):
                found.append((column, type_name, mine, text))
    assert found == [], f"{len(found)} values differ"
    return [e["after"] for e in events]


def binary_to_the_end(pipe):
    return 'format="binary"' in pipe.leat.log() and 'format="text"' not in pipe.leat.log()


@pytest.mark.parametrize("form", ["text", "binary", "auto"])
def test_types__every_edge_of_every_type_is_exact(open_pipe, any_server, form):
    """Conformance 81-88. Some of these types have no exact binary form: the stream must find that out by itself."""
    pipe = filled(open_pipe(any_server, format=form), types_corpus.CORPUS)
    rows_of(pipe)
    assert not binary_to_the_end(pipe)


def test_types__text_and_binary_give_the_same_events(open_pipe, any_server):
    """Conformance 90."""
    text = filled(open_pipe(any_server, format="text"), types_corpus.BINARY)
    binary = filled(open_pipe(any_server, format="binary"), types_corpus.BINARY)
    ours, theirs = rows_of(text), rows_of(binary)
    unequal = [(column, a[column], b[column]) for a, b in zip(ours, theirs) for column in a if a[column] != b[column]]
    assert unequal == []
    assert binary_to_the_end(binary) and not binary_to_the_end(text)


@pytest.mark.parametrize("form", ["text", "binary"])
def test_types__settings_of_the_database_change_nothing(open_pipe, server, form):
    """Conformance 88, 89."""
    pipe = open_pipe(server, format=form)
    for setting in HOSTILE:
        pipe.sql(f'ALTER DATABASE "{pipe.database}" SET {setting}')
    rows_of(filled(pipe, types_corpus.BINARY if form == "binary" else types_corpus.CORPUS))
    assert binary_to_the_end(pipe) == (form == "binary")


def test_types__odd_names_come_as_they_are(any_pipe):
    """Conformance 77."""
    pipe = any_pipe
    names = ['a"b', "dot.in.name", "with space", "UPPER", "\u6c34\U0001F30A", "x" * 63, "new\nline", "it's"]
    for number, name in enumerate(names):
        quoted = '"' + name.replace('"', '""') + '"'
        pipe.sql(f"CREATE TABLE {quoted} (id int PRIMARY KEY, {quoted} text)")
    pipe.start()
    for name in names:
        quoted = '"' + name.replace('"', '""') + '"'
        pipe.sql(f"INSERT INTO {quoted} VALUES (1, 'v')")
    assert [(e["table"], e["after"]) for e in pipe.events()] == [(n, {"id": 1, n: "v"}) for n in names]


def test_types__a_table_of_1600_columns_and_one_of_none(pipe):
    """Conformance 78."""
    pipe.sql("CREATE TABLE wide (%s)" % ", ".join(f"c{i} int" for i in range(1600)))
    pipe.sql("CREATE TABLE nothing ()")
    pipe.start()
    pipe.run("INSERT INTO wide (c0, c1599) VALUES (1, 2); INSERT INTO nothing DEFAULT VALUES;")
    wide, nothing = pipe.events()
    assert len(wide["after"]) == 1600 and (wide["after"]["c0"], wide["after"]["c1599"]) == (1, 2)
    assert nothing["op"] == "create" and not nothing.get("after")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_types__other_encodings_do_not_wedge_the_stream(pipe, open_pipe, encoding):
    """Conformance 91."""
    name = f"enc_{encoding.lower()}"
    pipe.server.create_database(name, f"ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    try:
        pipe.server.sql("CREATE TABLE t (id int PRIMARY KEY, v text)", database=name)
        pipe.leat.configure(database=name)
        pipe.leat.start()
        pipe.server.run("SET client_encoding TO LATIN1; INSERT INTO t VALUES (1, E'caf\\xe9'), (2, 'plain');"
                        if encoding == "LATIN1" else "INSERT INTO t VALUES (1, E'caf\\xe9'), (2, 'plain');", name)
        first, second = [e for e in pipe.events() if e.get("table") == "t"]
        assert second["after"]["v"] == "plain"
        expected = "caf\u00e9" if encoding == "LATIN1" else {"base64": "Y2Fm6Q=="}
        assert first["after"]["v"] == expected
    finally:
        pipe.leat.kill9()
        pipe.server.drop_slot(pipe.leat.slot)
        pipe.server.sql(f"DROP DATABASE {name} WITH (FORCE)")
