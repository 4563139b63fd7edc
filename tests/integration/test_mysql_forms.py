"""What leaves leat of MySQL's and MariaDB's rows: the debezium form of every type and operation, and columns left out or
masked.

What the form must be is written down after Debezium's documentation; that every value is of the type that the schema beside
it names is checked by a reader of Kafka Connect's JSON of our own (`faults`). Where things stood is asked from the server.
"""
import base64
import binascii
import json
import re
import subprocess

import pytest

from tests.support import mytypes

WRAPPED = ("tail", "--format", "debezium", "--schema")


def wrapped(pipe):
    """[{"schema": …, "payload": …}, …] of all that is stored."""
    pipe.leat.wait_caught_up()
    done = pipe.leat.command(*WRAPPED)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.split("\n") if line]


# --- a reader of Connect's JSON -------------------------------------------------------------------

INTEGERS = {"int8": 7, "int16": 15, "int32": 31, "int64": 63}


def faults(schema, value, path=""):
    """Where a value is not what its schema says."""
    if value is None:
        return [] if schema["optional"] else [f"{path} is null"]
    kind = schema["type"]
    if kind in INTEGERS:
        bound = 1 << INTEGERS[kind]
        fine = type(value) is int and -bound <= value < bound
    elif kind in ("float", "double"):
        fine = type(value) in (int, float) or value in ("NaN", "Infinity", "-Infinity")
    elif kind == "boolean":
        fine = type(value) is bool
    elif kind == "string":
        fine = type(value) is str
    elif kind == "bytes":
        fine = type(value) is str and is_base64(value)
    elif kind == "array":
        return [f for i, item in enumerate(value) for f in faults(schema["items"], item, f"{path}[{i}]")]
    else:
        return struct_faults(schema, value, path)
    return [] if fine else [f"{path} is {value!r}, no {kind}"]


def struct_faults(schema, value, path):
    names = [field["field"] for field in schema["fields"]]
    if list(value) != names:
        return [f"{path} has fields {list(value)}, its schema {names}"]
    return [f for field in schema["fields"] for f in faults(field, value[field["field"]], f"{path}.{field['field']}")]


def is_base64(text):
    try:
        base64.b64decode(text, validate=True)
        return True
    except binascii.Error:
        return False


@pytest.mark.parametrize("schema, value, count", [
    ({"type": "int16", "optional": False}, 32768, 1), ({"type": "int16", "optional": False}, None, 1),
    ({"type": "int32", "optional": True}, "1", 1), ({"type": "bytes", "optional": True}, "__", 1),
    ({"type": "string", "optional": True}, None, 0), ({"type": "int64", "optional": False}, True, 1),
    ({"type": "struct", "optional": True, "fields": [{"type": "int8", "optional": False, "field": "a"}]}, {"a": 200}, 1),
    ({"type": "struct", "optional": True, "fields": [{"type": "int8", "optional": True, "field": "a"}]}, {"b": 1}, 1)])
def test_forms__the_reader_sees_what_is_wrong(schema, value, count):
    assert len(faults(schema, value)) == count


# --- the debezium form ----------------------------------------------------------------------------


def test_forms__every_value_of_every_type_is_what_its_schema_says(any_my_pipe):
    """§2.12: inserted, updated and deleted; of unsigned 64-bit numbers those that int64 has."""
    pipe = any_my_pipe
    tables = mytypes.create(pipe.server, pipe.database)
    pipe.start()
    mytypes.fill(pipe.server, pipe.database)
    for table in tables:
        pipe.run(f"SET sql_mode = ''; UPDATE {table} SET id = id + 1000 ORDER BY id DESC; DELETE FROM {table}")
    events = wrapped(pipe)
    found = [f for e in events for f in faults(e["schema"], e["payload"], e["payload"]["source"]["table"])]
    wide = [f for f in found if re.search(r"my_numbers\.(before|after)\.lu is \d{19,20}, no int64$", f)]
    assert [f for f in found if f not in wide] == [] and len(wide) > 4
    assert {e["payload"]["op"] for e in events} == {"c", "u", "d"} and len(events) > 150
    for event in events:
        prefix = f"{pipe.leat.name}.{pipe.database}.{event['payload']['source']['table']}"
        names = {f["field"]: f.get("name") for f in event["schema"]["fields"]}
        assert event["schema"]["name"] == f"{prefix}.Envelope"
        assert names["before"] == names["after"] == f"{prefix}.Value"
        assert names["source"] == f"io.debezium.connector.{pipe.server.flavour}.Source"


def row_events(pipe):
    """[position of each rows event] in the newest file, as the server lists them; where the log itself does not say it
    (MariaDB 11), that behind the transaction's head, which is the last that it says."""
    found, head = [], None
    for position, kind, behind, _ in pipe.server.log_events():
        head = behind if kind == "Gtid" else head
        if re.match(r"(Write|Update|Delete)_rows", kind):
            found.append(position if behind else head)
    return found


def commit_times(pipe, gtids):
    """{gtid: microseconds} that MySQL's tool prints, which has them from the log."""
    path = pipe.server.data / pipe.server.log_end()[0]
    done = subprocess.run([str(pipe.server.release.binlog), "--no-defaults", str(path)], capture_output=True, text=True)
    found = re.findall(r"original_commit_timestamp=(\d+) .*?GTID_NEXT= ?'([^']+)'", done.stdout, re.S)
    return {gtid: int(us) for us, gtid in found if gtid in gtids}


def test_forms__the_envelope_of_each_operation(any_my_pipe):
    """§2.1-2.3: fields in their order; where, when and by whom it was written."""
    pipe = any_my_pipe
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, v varchar(9) DEFAULT 'none', n int NOT NULL)")
    second_file = pipe.server.flush_logs()
    pipe.start()
    connection = pipe.server.connect(pipe.database)
    with connection.cursor() as cursor:
        for statement in ("SET timestamp = 1700000000", "INSERT INTO t VALUES (1, 'a', 1), (2, NULL, 2)",
                          "UPDATE t SET id = 3 WHERE id = 2", "DELETE FROM t WHERE id = 1", "TRUNCATE TABLE t"):
            cursor.execute(statement)
    thread = connection.thread_id()
    connection.close()
    pipe.leat.wait_caught_up()
    events = pipe.leat.tail(format="debezium")
    assert all(list(e) == ["before", "after", "source", "transaction", "op", "ts_ms", "ts_us", "ts_ns"] for e in events)
    one, two, three = {"id": 1, "v": "a", "n": 1}, {"id": 2, "v": None, "n": 2}, {"id": 3, "v": None, "n": 2}
    assert [(e["op"], e["before"], e["after"]) for e in events] == [
        ("c", None, one), ("c", None, two), ("u", two, three), ("d", one, None), ("t", None, None)]
    insert, _, update, delete = positions = [e["source"]["pos"] for e in events[:4]]
    assert positions == [insert, insert, update, delete] and [insert, update, delete] == row_events(pipe)
    assert [e["source"]["row"] for e in events[:4]] == [0, 1, 0, 0]
    gtids = [e["source"]["gtid"] for e in events]
    assert len(set(gtids)) == 4 and gtids[-1].rsplit("-" if pipe.server.mariadb else ":", 1)[1] in pipe.server.gtids()
    times = {} if pipe.server.mariadb else commit_times(pipe, gtids)
    for event in events:
        source = event["source"]
        told_apart = dict.fromkeys(("version", "ts_ms", "ts_us", "ts_ns", "pos", "row", "gtid", "thread"), 0)
        assert {**source, **told_apart} == {
            **told_apart, "connector": pipe.server.flavour, "name": pipe.leat.name, "snapshot": "false", "db": pipe.database,
            "sequence": None, "table": "t", "server_id": int(pipe.server.variable("server_id")), "file": second_file,
            "query": None}
        assert source["ts_us"] == times.get(source["gtid"], 1700000000 * 10**6) and (times or pipe.server.mariadb)
        assert source["ts_ms"] == source["ts_us"] // 1000 and source["ts_ns"] == source["ts_us"] * 1000
        assert source["thread"] in (thread, None)
        assert event["transaction"] is None and event["ts_ms"] == event["ts_us"] // 1000
    if not pipe.server.mariadb:  # MariaDB's log has no BEGIN, which says it
        assert {e["source"]["thread"] for e in events[:4]} == {thread}


def test_forms__what_a_row_image_lacks_has_a_placeholder_or_no_field(any_my_pipe):
    """§2.12: NOBLOB-omitted columns are the placeholder. A number cannot be one: its field is left out, of the schema too."""
    pipe = any_my_pipe
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, d date, v text, b blob, x double, m decimal(5,2))")
    pipe.start()
    pipe.run("INSERT INTO t VALUES (1, 2, '2024-02-29', 'v', x'00', 1.5, 1); SET binlog_row_image = 'MINIMAL';"
             "UPDATE t SET n = 3; SET binlog_row_image = 'NOBLOB'; UPDATE t SET n = 4; DELETE FROM t")
    _, minimal, noblob, delete = wrapped(pipe)
    unavailable = "__debezium_unavailable_value"
    in_bytes = base64.b64encode(unavailable.encode()).decode()
    assert [f for e in (noblob, delete) for f in faults(e["schema"], e["payload"])] == []
    rest = {"d": 19782, "x": 1.5, "m": base64.b64encode(b"\x64").decode()}
    blobs = {"v": unavailable, "b": in_bytes}
    assert noblob["payload"]["before"] == {"id": 1, "n": 3, **rest, **blobs} == delete["payload"]["before"] | {"n": 3}
    assert noblob["payload"]["after"] == {"id": 1, "n": 4, **rest, **blobs}
    assert minimal["payload"]["before"] == {"id": 1, **dict.fromkeys("ndvbxm")}  # an old key
    after = minimal["payload"]["after"]
    assert {c: after[c] for c in after if c != "m"} == {"id": 1, "n": 3, **blobs}
    fields = {f["field"]: [c["field"] for c in f["fields"]] for f in minimal["schema"]["fields"] if "fields" in f}
    assert fields["after"] == list(after) and "d" not in after and "x" not in after


# --- columns left out and masked ------------------------------------------------------------------

SECRETS = ["jellyfish-one", "jellyfish-two", "jellyfish-three"]
PEOPLE = "CREATE TABLE people (id int PRIMARY KEY, name varchar(50), pin int, born date, j json, password varchar(50))"


def filtered(open_my_pipe, server, **filters):
    pipe = open_my_pipe(server)
    pipe.leat.store["compression"] = "none"  # for `stored`
    pipe.leat.configure(**{name: [f"{pipe.database}.{p}" for p in patterns] for name, patterns in filters.items()})
    pipe.run(PEOPLE)
    pipe.start()
    pipe.run(f"""INSERT INTO people VALUES (1, '{SECRETS[0]}', 1234567, '2001-02-03', '{{"k": 1}}', '{SECRETS[1]}'),
                    (2, NULL, NULL, NULL, NULL, NULL);
        UPDATE people SET name = '{SECRETS[2]}', pin = 7654321 WHERE id = 1;
        SET binlog_row_image = 'MINIMAL'; UPDATE people SET pin = 5 WHERE id = 2; SET binlog_row_image = 'FULL';
        DELETE FROM people WHERE id = 1""")
    return pipe


def stored(pipe, text):
    """Whether the text is anywhere in the store's files, which are not compressed."""
    return any(text.encode() in f.read_bytes() for f in pipe.leat.store_dir.rglob("*") if f.is_file())


def test_forms__excluded_columns_never_enter_the_store(open_my_pipe, any_my_server):
    pipe = filtered(open_my_pipe, any_my_server, exclude_columns=["people.name", "*.pass*", "people.pin", "people.j"])
    one, two = {"id": 1, "born": "2001-02-03"}, {"id": 2, "born": None}
    events = pipe.events()
    assert [(e["op"], e.get("before"), e.get("after")) for e in events] == [
        ("create", None, one), ("create", None, two), ("update", one, one), ("update", {"id": 2}, {"id": 2}),
        ("delete", one, None)]
    assert events[3]["absent"] == ["born"]
    announced, = [e for e in pipe.leat.tail(schema=True) if e["op"] == "schema" and e.get("columns")]
    assert [c["name"] for c in announced["columns"]] == ["id", "born"]
    assert not any(stored(pipe, secret) for secret in SECRETS)


def test_forms__included_columns_are_all_that_a_table_tells(open_my_pipe, any_my_server):
    pipe = filtered(open_my_pipe, any_my_server, include_columns=["people.name", "people.id"])
    pipe.run("CREATE TABLE other (id int, v int); INSERT INTO other VALUES (1, 2)")
    events = pipe.events()
    assert [(e["op"], e.get("before"), e.get("after")) for e in events] == [
        ("create", None, {"id": 1, "name": SECRETS[0]}), ("create", None, {"id": 2, "name": None}),
        ("update", {"id": 1, "name": SECRETS[0]}, {"id": 1, "name": SECRETS[2]}), ("update", {"id": 2}, {"id": 2}),
        ("delete", {"id": 1, "name": SECRETS[2]}, None), ("create", None, {"id": 1, "v": 2})]
    assert stored(pipe, SECRETS[0]) and not stored(pipe, SECRETS[1])  # the first shows that we would find it


def test_forms__masked_columns_keep_null_and_absent_and_are_texts(open_my_pipe, any_my_server):
    pipe = filtered(open_my_pipe, any_my_server, mask_columns=["people.name", "*.p*", "people.born", "people.j"])
    one = {"id": 1, "name": "***", "pin": "***", "born": "***", "j": "***", "password": "***"}
    two = dict.fromkeys(one) | {"id": 2}
    events = pipe.events()
    assert [(e["op"], e.get("before"), e.get("after")) for e in events] == [
        ("create", None, one), ("create", None, two), ("update", one, one), ("update", {"id": 2}, {"id": 2, "pin": "***"}),
        ("delete", one, None)]
    assert events[3]["absent"] == ["name", "born", "j", "password"]
    told = wrapped(pipe)
    assert [f for e in told for f in faults(e["schema"], e["payload"])] == []
    assert [e["payload"]["after"] for e in told[:3]] == [one, two, one]
    assert not any(stored(pipe, secret) for secret in SECRETS)


def test_forms__a_key_that_is_left_out_is_none_and_a_masked_one_stays_a_key(open_my_pipe, my_server):
    out = filtered(open_my_pipe, my_server, exclude_columns=["people.id"])
    events = out.events()
    assert len(events) == 5 and not any(e.get("key") or "id" in e.get("before", {}) for e in events)
    masked = filtered(open_my_pipe, my_server, mask_columns=["people.id"])
    assert all(e["key"] == ["id"] and (e.get("before") or e["after"])["id"] == "***" for e in masked.events())
