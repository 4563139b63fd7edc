"""Every type of MySQL and MariaDB, streamed, against what SELECT says and what the server's own tool reads in the log.
Numbers are those of the MySQL conformance list.

Rows are inserted, updated and deleted while leat streams; what a row held is asked from the server before it goes. The
tool cannot say everything (see myoracle): those columns are compared with SELECT alone.
"""
import base64
import hashlib
import json

import pytest

from tests.support import canon, leatd, mytypes, oracle, places
from tests.support.mymodel import quoted

MIB = 1 << 20
PEAK = 128 * MIB
MOVED = 1000
GENERATED = ["vi", "st"]  # columns of my_computed
UNTOLD = {("my_labels", f"e_{name}") for name in ("utf8mb4", "utf16", "utf16le", "utf32")} | {("my_charsets", "eucjpms")}


def selected(pipe, table):
    """{id: {column: (type, text)}} as SELECT has it now."""
    found = pipe.contents(table)[f"{pipe.database}.{table}"]
    rows = [dict(zip(found["columns"], zip(found["types"], row))) for row in found["rows"]]
    return {int(row["id"][1]): row for row in rows}


def unequal(image, row):
    """[(column, ours, the server's), …] between an event's row and a selected one; all columns must be there."""
    assert list(image) == list(row)
    return [(column, image[column], text) for column, (kind, text) in row.items()
            if canon.from_event(kind, image[column]) != canon.from_text(kind, text)]


def logged(pipe, event, side, row):
    """What an image must have: all. Of updates and deletes MariaDB 11 does not log generated columns, and says so."""
    left_out = pipe.server.version == "mariadb-11" and event["op"] != "create" and event["table"] == "my_computed"
    absent = event.get("absent" if side == "after" else "before_absent", [])
    assert absent == (GENERATED if left_out else [])
    return {column: value for column, value in row.items() if column not in absent}


def without(events, table, columns):
    """Events of a table without some columns."""
    for event in events:
        if event["table"] == table:
            sides = {side: {c: v for c, v in event[side].items() if c not in columns}
                     for side in ("before", "after") if side in event}
            yield {**event, **sides}


def second_opinion(pipe, second, events, table):
    """What the server's tool says differently of a table's changes."""
    untold = {column for name, column in UNTOLD if name == table}
    wanted = {(pipe.database, table)}
    lines = []
    for gtid, changes in second.transactions(wanted):
        for change in changes:
            for side in ("old", "new"):
                change[side] = {c: v for c, v in change[side].items() if c not in untold}
        if changes:
            lines.append(json.dumps({"xid": gtid, "changes": changes}))
    differences, same = oracle.compare(without(events, table, untold), lines, wanted)
    assert differences == [] and same == sum(e["table"] == table for e in events) > 0


# --- every edge of every type ---------------------------------------------------------------------


def test_types__every_edge_of_every_type_is_exact_in_every_image(any_my_pipe):
    """MySQL scenario 17-21, 24-32, 34, 36-40: insert, update and delete, each with NULLs too."""
    pipe = any_my_pipe
    tables = mytypes.create(pipe.server, pipe.database)
    second = pipe.oracle()
    pipe.start()
    mytypes.fill(pipe.server, pipe.database)
    before = {table: selected(pipe, table) for table in tables}
    for table in tables:
        pipe.run(f"SET sql_mode = ''; UPDATE {table} SET id = id + {MOVED} ORDER BY id DESC")
    moved = {table: selected(pipe, table) for table in tables}
    for table in tables:
        pipe.run(f"DELETE FROM {table}")
    events, found = pipe.events(), []
    for event in events:
        table, op = event["table"], event["op"]
        number = (event.get("before") or event["after"])["id"]
        if op != "create":
            stood = before if op == "update" else moved
            row = logged(pipe, event, "before", stood[table][number])
            found += [(table, op, "before", *u) for u in unequal(event["before"], row)]
            assert event["before_form"] == "full"
        if op != "delete":
            stood = before[table][number] if op == "create" else moved[table][number + MOVED]
            row = logged(pipe, event, "after", stood)
            found += [(table, op, "after", *u) for u in unequal(event["after"], row)]
    assert found == [], f"{len(found)} values differ: {found[:10]}"
    assert len(events) == 3 * sum(len(rows) for rows in before.values()) > 150
    for table in tables:
        if pipe.server.mariadb or table != "my_bytes":  # mysqlbinlog does not print geometry
            second_opinion(pipe, second, events, table)


# What the log does not say of a declaration, or what the catalogue cannot.
SAID_OTHERWISE = {
    "decimal(10,2) unsigned zerofill": "decimal(10,2) unsigned", "float(7,4)": "float", "double(12,3)": "double",
    "year(4)": "year", "geomcollection": "geometrycollection"}


def declaration(column, text, server):
    if "?" in text:  # the catalogue's own text has no characters of four bytes
        return column["type"]
    if text == "longtext" and server.mariadb and column["kind"] == "json":
        return "json"
    return SAID_OTHERWISE.get(text, text)


def test_types__columns_are_announced_as_the_catalogue_declares_them(any_my_pipe):
    """MySQL scenario 17-40: name, order, declared type, and whether it may be NULL."""
    pipe = any_my_pipe
    tables = mytypes.create(pipe.server, pipe.database)
    pipe.start()
    mytypes.fill(pipe.server, pipe.database)
    pipe.events()
    announced = {e["table"]: e["columns"] for e in pipe.leat.tail(schema=True) if e["op"] == "schema" and e.get("columns")}
    differences = []
    for table in tables:
        declared = pipe.sql("SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE FROM information_schema.COLUMNS "
                            "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION", pipe.database, table)
        ours = announced[table]
        assert [c["name"] for c in ours] == [d[0] for d in declared]
        assert [c["nullable"] for c in ours] == [d[2] == "YES" for d in declared]
        differences += [(table, c["name"], c["type"], d[1]) for c, d in zip(ours, declared)
                        if c["type"] != declaration(c, d[1], pipe.server)]
    assert differences == []


# --- text -----------------------------------------------------------------------------------------


def span(*bounds):
    """Codes of one byte: span(0x40, 0x7e, 0x80, 0xfe)."""
    return [bytes([b]) for first, last in zip(bounds[::2], bounds[1::2]) for b in range(first, last + 1)]


def pairs(leads, trails):
    """A row of codes for each lead."""
    return [[lead + trail for trail in trails] for lead in leads]


EUC = span(0xa1, 0xfe)
LONG_ROWS = {  # the well-formed characters of sets of several bytes
    "gbk": pairs(span(0x81, 0xfe), span(0x40, 0x7e, 0x80, 0xfe)),
    "gb18030": pairs(span(0x81, 0xfe), span(0x40, 0x7e, 0x80, 0xfe)),
    "gb2312": pairs(span(0xa1, 0xf7), EUC),
    "big5": pairs(span(0xa1, 0xf9), span(0x40, 0x7e, 0xa1, 0xfe)),
    **dict.fromkeys(("sjis", "cp932"), pairs(span(0x81, 0x9f, 0xe0, 0xfc), span(0x40, 0x7e, 0x80, 0xfc))),
    "euckr": pairs(span(0x81, 0xfe), span(0x41, 0x5a, 0x61, 0x7a, 0x81, 0xfe)),
    **dict.fromkeys(("ujis", "eucjpms"), [*pairs(EUC, EUC), *pairs([b"\x8e"], span(0xa1, 0xdf)),
                                          *pairs([b"\x8f" + second for second in EUC], EUC)]),
}
SHORT = {  # those of one byte
    **dict.fromkeys(LONG_ROWS, span(0x00, 0x09, 0x0b, 0x7f)), "sjis": span(0, 9, 11, 0x7f, 0xa1, 0xdf),
    "cp932": span(0, 9, 11, 0x7f, 0xa1, 0xdf)}
# Private characters of GB18030-2000, which MySQL keeps, have become real ones since, which the C library gives.
OLD_GB18030 = "".join(map(chr, [*range(0xe78d, 0xe797), 0xe816, 0xe817, 0xe818, 0xe81e, 0xe826, 0xe82b, 0xe82c, 0xe831,
                                0xe832, 0xe83b, 0xe843, 0xe854, 0xe855, 0xe864]))
WIDE = ("utf8", "utf8mb3", "utf8mb4", "ucs2", "utf16", "utf16le", "utf32", "binary", "ascii")


def test_types__every_code_of_every_character_set_is_the_servers_character(any_my_pipe):
    """MySQL scenario 30, 31: latin1 81, gbk, big5 A145, sjis … as CONVERT(… USING utf8mb4) has them, a line feed between
    them. Of codes that the server has no character for nothing is asked."""
    pipe = any_my_pipe
    sets = [row[0] for row in pipe.sql("SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS")]
    sets = [s for s in sets if s not in WIDE]
    for name in sets:
        pipe.sql(f"CREATE TABLE t_{name} (id int AUTO_INCREMENT PRIMARY KEY, v text CHARACTER SET {name} NOT NULL)")
    pipe.start()
    for name in sets:
        rows = [SHORT.get(name, span(0x00, 0x09, 0x0b, 0xff)), *LONG_ROWS.get(name, [])]
        literals = ", ".join(f"(_{name} x'{chr(10).encode().join(row).hex()}')" for row in rows)
        pipe.sql(f"INSERT INTO t_{name} (v) VALUES {literals}")
    ours = {}
    for event in pipe.events():
        ours.setdefault(event["table"], []).append(event["after"]["v"].split("\n"))
    different, compared = [], 0
    for name in sets:
        for row, (text,) in zip(ours[f"t_{name}"], pipe.sql(f"SELECT CONVERT(v USING utf8mb4) FROM t_{name} ORDER BY id")):
            theirs = text.split("\n")
            assert len(row) == len(theirs)
            compared += sum(character != "?" for character in theirs)
            different += [(name, mine, character) for mine, character in zip(row, theirs)
                          if mine != character and not any(character in spared for spared in ("?\ufffd", OLD_GB18030))]
    assert different == [], f"{len(different)} of {compared}: {different[:20]}"
    assert len(sets) >= 30 and compared > 80000


BAD = [("gbk", "61FEFE62", "a\ufffd\ufffdb"), ("sjis", "61FCFC62", "a\ufffd\ufffdb"), ("ucs2", "0061D8000062", "a\ufffdb")]
BAD_MARIADB = [("utf8mb3", "61EDA08062", "a\ufffd\ufffd\ufffdb"), ("utf8mb4", "61EDA08062", "a\ufffd\ufffd\ufffdb")]


def test_types__text_that_is_none_is_replaced_and_counted_or_stops_the_source(open_my_pipe, any_my_server):
    """MySQL scenario 33: codes that the server stores and has no character for."""
    bad = BAD + (BAD_MARIADB if any_my_server.mariadb else [])
    pipe = open_my_pipe(any_my_server)
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, %s)" % ", ".join(f"{s} varchar(20) CHARACTER SET {s}" for s, _, _ in bad))
    pipe.start()
    insert = "INSERT INTO t VALUES (1, %s)" % ", ".join(f"x'{code}'" for _, code, _ in bad)
    pipe.run(insert)
    event, = pipe.events()
    assert event["after"] == {"id": 1, **{s: text for s, _, text in bad}}
    count = sum(text.count("\ufffd") for _, _, text in bad)
    places.wait_until(lambda: f'leat_source_replaced_characters_total{{source="{pipe.leat.name}"}} {count}\n'
                      in pipe.leat.http("/metrics")[1], 10, f"{count} replaced characters in the metrics")
    pipe.leat.stop()
    pipe.start(bad_text="error")
    pipe.run(insert.replace("VALUES (1", "VALUES (2"))
    line = pipe.wait_error("gbk", '\\"t\\"', "2 bytes")
    assert pipe.database in line
    pipe.leat.stop()
    pipe.start(bad_text="replace")
    assert [e["after"]["id"] for e in pipe.events()] == [1, 2]


# --- dates ----------------------------------------------------------------------------------------

ZEROES = {"d": ("date", "'0000-00-00'", "0000-00-00"), "p": ("date", "'2024-00-15'", "2024-00-15"),
          "dt": ("datetime(3)", "'2024-05-00 10:00:00.5'", "2024-05-00 10:00:00.500"),
          "z": ("datetime", "'0000-00-00'", "0000-00-00 00:00:00"),
          "ts": ("timestamp(2) NULL", "0", "0000-00-00 00:00:00.00"), "ok": ("date", "'1970-01-01'", "1970-01-01")}


@pytest.mark.parametrize("policy", ["text", "null", "error"])
def test_types__zero_dates_are_text_or_null_or_an_error_and_never_1970(open_my_pipe, any_my_server, policy):
    """MySQL scenario 23."""
    pipe = open_my_pipe(any_my_server, zero_dates=policy)
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, %s)" % ", ".join(f"{n} {z[0]}" for n, z in ZEROES.items()))
    pipe.start()
    pipe.run("INSERT INTO t (id, ok) VALUES (1, '1970-01-01')")
    pipe.events()
    pipe.run("SET sql_mode = ''; INSERT INTO t VALUES (2, %s)" % ", ".join(z[1] for z in ZEROES.values()))
    if policy == "error":
        line = pipe.wait_error('\\"t\\"', '\\"d\\"', "0000-00-00")
        assert pipe.database in line and [e["after"]["id"] for e in pipe.leat.tail()] == [1]
        pipe.leat.stop()
        pipe.start(zero_dates="text")
    expected = {n: z[2] if policy != "null" or n == "ok" else None for n, z in ZEROES.items()}
    row = pipe.events()[1]["after"]
    assert {n: row[n] and row[n].replace("T", " ").rstrip("Z") for n in ZEROES} == expected


def test_types__timestamps_are_the_same_moment_in_every_session_zone(any_my_pipe):
    """MySQL scenario 22."""
    pipe = any_my_pipe
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, ts timestamp(6) NULL, dt datetime(6))")
    second = pipe.oracle()
    pipe.start()
    zones = ["+00:00", "+05:45", "-03:30", "+14:00" if not pipe.server.mariadb else "+13:00", "-12:00"]
    for number, zone in enumerate(zones):
        pipe.run(f"SET time_zone = '{zone}'; INSERT INTO t VALUES ({number}, '2024-03-31 02:30:00.000001', "
                 "'2024-03-31 02:30:00.000001')")
    pipe.run("SET timestamp = 1711846800.25; INSERT INTO t VALUES (9, NOW(6), UTC_TIMESTAMP(6))")
    events = pipe.events()
    assert pipe.difference("t", events=events).equal
    assert [e["after"]["ts"] for e in events] == [
        "2024-03-31T02:30:00.000001Z", "2024-03-30T20:45:00.000001Z", "2024-03-31T06:00:00.000001Z",
        "2024-03-30T12:30:00.000001Z" if not pipe.server.mariadb else "2024-03-30T13:30:00.000001Z",
        "2024-03-31T14:30:00.000001Z", "2024-03-31T01:00:00.25Z"]
    assert {e["after"]["dt"] for e in events[:5]} == {"2024-03-31T02:30:00.000001"}
    second_opinion(pipe, second, events, "t")


def test_types__columns_of_before_mysql_5_6_are_read(my_pipe):
    """MySQL scenario 42: MariaDB still makes them."""
    pipe = my_pipe
    pipe.server.set(mysql56_temporal_format="OFF")
    try:
        pipe.run("CREATE TABLE t (id int PRIMARY KEY, d date, ti time, dt datetime, ts timestamp NULL)")
    finally:
        pipe.server.set(mysql56_temporal_format="ON")
    second = pipe.oracle()
    pipe.start()
    pipe.run("""SET sql_mode = '';
        INSERT INTO t VALUES (1, '2024-02-29', '-838:59:59', '1000-01-01 00:00:01', '1970-01-01 00:00:01'),
            (2, '0000-00-00', '00:00:01', '9999-12-31 23:59:59', '2038-01-19 03:14:07'), (3, NULL, NULL, NULL, NULL),
            (4, '2024-01-02', '-00:00:01', '0000-00-00', 0); UPDATE t SET dt = '2024-05-06 07:08:09';""")
    events = pipe.events()
    types = [row[0] for row in pipe.sql("SELECT COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s "
                                        "AND COLUMN_NAME = 'dt'", pipe.database)]
    assert types == ["datetime /* mariadb-5.3 */"], "these are not old columns"
    assert len(events) == 8 and pipe.difference("t", events=events).equal
    second_opinion(pipe, second, events, "t")


# --- documents ------------------------------------------------------------------------------------


def test_types__a_document_is_the_servers_own_text(any_my_pipe):
    """MySQL scenario 34: letter by letter, not only by its meaning."""
    pipe = any_my_pipe
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, j json) CHARACTER SET utf8mb4")
    pipe.start()
    documents = mytypes.TEXT_DOCUMENTS + ([] if pipe.server.mariadb else mytypes.MADE_DOCUMENTS)
    for number, document in enumerate(documents):
        pipe.sql(f"INSERT INTO t VALUES ({number}, {document.replace('%', '%%')})")
    stored = dict(pipe.sql("SELECT id, CAST(j AS CHAR) FROM t"))
    ours = {e["after"]["id"]: e["after"]["j"] for e in pipe.events()}
    assert len(stored) == len(documents)
    assert [(n, ours[n][:200], stored[n][:200]) for n in stored if ours[n] != stored[n]] == []


DOCUMENT = '{"k": [1, 2, 3], "long": "%s", "o": {"x": 1}, "\u6c34": null}' % ("x" * 5000)
CHANGES = [  # each changes one row, or two
    "a = JSON_SET(a, '$.k[1]', 'new') WHERE id = 1", "a = JSON_SET(a, '$.made', CAST('{\"x\": [true, null]}' AS JSON)) WHERE id = 1",
    "a = JSON_REMOVE(a, '$.k[0]') WHERE id = 1", "a = JSON_SET(a, '$.k[9]', 7) WHERE id = 1",
    "a = JSON_REPLACE(a, '$.o.x', CAST(18446744073709551615 AS UNSIGNED)), b = JSON_REMOVE(b, '$.long') WHERE id = 1",
    "a = JSON_SET(a, '$.\"q q\"', 1.5, '$.\"\u6c34\"', '\U0001F30A\"'), v = v + 1 WHERE id = 1", "b = NULL WHERE id = 1",
    "b = '{\"fresh\": 1}' WHERE id = 1", "b = JSON_REPLACE(b, '$.fresh', repeat('y', 300)) WHERE id = 1",
    "a = JSON_SET(a, '$.k[0]', 1, '$.k[1]', 2, '$.o.deep', JSON_ARRAY(1.0, CAST('2024-02-29' AS DATE))) WHERE id = 1",
    "a = JSON_REMOVE(a, '$.k', '$.o.x'), v = 9", "a = JSON_SET(a, '$', CAST('[1]' AS JSON)) WHERE id = 1", "v = 10"]


def documents_of(pipe):
    return {row[0]: {"id": row[0], "a": row[1], "b": row[2], "v": row[3]} for row in
            pipe.sql("SELECT id, CAST(a AS CHAR), CAST(b AS CHAR), v FROM t")}


def test_types__partial_updates_of_documents_come_as_whole_documents(open_my_pipe, mysql_server):
    """MySQL scenario 35: one source keeps both columns, one leaves one out, one masks it."""
    pipe = open_my_pipe(mysql_server)
    fewer, masked = (open_my_pipe(mysql_server, tables=[f"{pipe.database}.*"], **{f: [f"{pipe.database}.t.a"]})
                     for f in ("exclude_columns", "mask_columns"))
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, a json, b json, v int)")
    for each in (pipe, fewer, masked):
        each.start()
    pipe.sql("INSERT INTO t VALUES (1, %s, %s, 0), (2, %s, NULL, 0)", DOCUMENT, DOCUMENT, '{"k": 1}')
    expected, before = [], documents_of(pipe)
    for change in CHANGES:
        pipe.run(f"SET SESSION binlog_row_value_options = 'PARTIAL_JSON'; UPDATE t SET {change}")
        after = documents_of(pipe)
        expected += [(before[n], after[n]) for n in before if before[n] != after[n]]
        before = after
    types = [kind for _, kind, _, _ in pipe.server.log_events()]
    assert types.count("Update_rows_partial") >= 10, "the server logs whole documents"
    updates = [e for e in pipe.events() if e["op"] == "update"]
    assert [(e["before"], e["after"]) for e in updates] == expected and len(expected) == len(CHANGES) + 2

    def narrowed(rows, a):
        return [tuple({**{c: v for c, v in row.items() if c != "a"}, **a(row)} for row in pair) for pair in rows]
    updates = [e for e in fewer.events() if e["op"] == "update"]
    assert [(e["before"], e["after"]) for e in updates] == narrowed(expected, lambda row: {})
    updates = [e for e in masked.events() if e["op"] == "update"]
    assert [(e["before"], e["after"]) for e in updates] == narrowed(expected, lambda row: {"a": row["a"] and "***"})


# --- tables of other kinds ------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["mariadb-10.11", "mariadb-11"])
def test_types__a_versioned_tables_history_comes_as_it_is_logged(open_my_pipe, my_servers, version):
    """MySQL scenario 41: an update leaves the old row behind as a row of its own, a delete ends a row."""
    pipe = open_my_pipe(my_servers.get(version))
    pipe.run("""CREATE TABLE t (id int PRIMARY KEY, v text, s timestamp(6) GENERATED ALWAYS AS ROW START,
                e timestamp(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING""")
    second = pipe.oracle()
    pipe.start()
    for statement in ("INSERT INTO t (id, v) VALUES (1, 'a'), (2, 'b')", "UPDATE t SET v = 'c' WHERE id = 1",
                      "DELETE FROM t WHERE id = 2", "UPDATE t SET id = 3"):
        pipe.sql(statement)
    events, held = pipe.events(), []
    for event in events:
        if "before" in event:
            held.remove(event["before"])
        if "after" in event:
            held.append(event["after"])
    kinds = ["bigint", "text", *2 * ["timestamp with time zone"]]
    ours = sorted(tuple(canon.from_event(k, row[c]) for c, k in zip(("id", "v", "s", "e"), kinds)) for row in held)
    theirs = sorted(tuple(canon.from_text(k, str(v)) for k, v in zip(kinds, row)) for row in
                    pipe.sql("SELECT id, v, CAST(s AS CHAR), CAST(e AS CHAR) FROM t FOR SYSTEM_TIME ALL"))
    assert ours == theirs and len(ours) == 4
    assert [e["op"] for e in events].count("delete") == 0
    second_opinion(pipe, second, events, "t")


def test_types__a_table_of_1017_columns(any_my_pipe):
    """MySQL scenario 43: the bitmaps of all of them."""
    pipe = any_my_pipe
    names = [f"c{i}" for i in range(1, 1017)]
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY, %s)" % ", ".join(f"{n} smallint unsigned" for n in names))
    pipe.start()
    odd = {n: i for i, n in enumerate(names) if i % 3 == 1}
    pipe.sql("INSERT INTO t (id, %s) VALUES (1, %s)" % (", ".join(odd), ", ".join(map(str, odd.values()))))
    pipe.sql("UPDATE t SET c1016 = 65535, c1 = 0, c2 = NULL")
    pipe.run("SET SESSION binlog_row_image = 'MINIMAL'; UPDATE t SET c1016 = 7, c8 = 8; DELETE FROM t")
    events = pipe.events()
    row = {"id": 1, **{n: odd.get(n) for n in names}}
    second = {**row, "c1016": 65535, "c1": 0, "c2": None}
    assert events[0]["after"] == row
    assert events[1]["before"] == row and events[1]["after"] == second
    assert events[2]["after"] == {"id": 1, "c1016": 7, "c8": 8}
    assert events[2]["absent"] == [n for n in names if n not in ("c1016", "c8")]
    assert [e.get("before") for e in events[2:]] == [{"id": 1}] * 2


def test_types__a_generated_invisible_key_is_a_key(open_my_pipe, mysql_server):
    """MySQL scenario 40: sql_generate_invisible_primary_key."""
    pipe = open_my_pipe(mysql_server)
    pipe.run("SET SESSION sql_generate_invisible_primary_key = ON; CREATE TABLE t (v varchar(10))")
    pipe.start()
    pipe.run("INSERT INTO t VALUES ('a'), ('b'); UPDATE t SET v = 'c' WHERE v = 'a'; DELETE FROM t WHERE v = 'b'")
    events = pipe.events()
    assert [e["key"] for e in events] == [["my_row_id"]] * 4
    assert [(e.get("before"), e.get("after")) for e in events] == [
        (None, {"my_row_id": 1, "v": "a"}), (None, {"my_row_id": 2, "v": "b"}),
        ({"my_row_id": 1, "v": "a"}, {"my_row_id": 1, "v": "c"}), ({"my_row_id": 2, "v": "b"}, None)]


def test_types__a_value_of_64_mebibytes(my_pipe):
    """MySQL scenario 29."""
    pipe = my_pipe
    limit = pipe.server.variable("max_allowed_packet")
    pipe.server.set(max_allowed_packet=256 * MIB)
    try:
        pipe.run("CREATE TABLE t (id int PRIMARY KEY, b longblob)")
        pipe.start()
        with leatd.MemorySampler(pipe.leat.pid) as memory:
            pipe.run(f"INSERT INTO t VALUES (1, repeat(x'00ff0a22', {16 * MIB})); INSERT INTO t VALUES (2, '')")
            huge, small = pipe.events(60)
        assert memory.samples and memory.peak <= PEAK, f"{memory.peak / MIB:.0f} MiB"
        data = base64.b64decode(huge["after"]["b"])
        assert hashlib.sha256(data).hexdigest() == pipe.sql("SELECT sha2(b, 256) FROM t WHERE id = 1")[0][0]
        assert len(data) == 64 * MIB and small["after"] == {"id": 2, "b": ""}
    finally:
        pipe.server.set(max_allowed_packet=limit)
        pipe.server.flush_logs()  # what SHOW BINLOG EVENTS could not show to others


def test_types__odd_names_come_as_they_are(any_my_pipe):
    """MySQL scenario 40."""
    pipe = any_my_pipe
    names = ["a`b", "dot.in.name", "with space", "UPPER", "\u6c34", "x" * 64, "new\nline", "it's", 'q"q', "back\\slash",
             "\u00fc" * 64]
    for name in names:
        pipe.sql(f"CREATE TABLE {quoted(name)} (id int PRIMARY KEY, {quoted(name)} int)".replace("%", "%%"))
    pipe.start()
    for name in names:
        pipe.sql(f"INSERT INTO {quoted(name)} VALUES (1, 2)")
    assert [(e["table"], e["after"]) for e in pipe.events()] == [(n, {"id": 1, n: 2}) for n in names]
