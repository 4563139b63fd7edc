"""The debezium form of what MySQL and MariaDB hold: from a column of each type to the text that a reader gets.

What each value must become is written down here, after Debezium's documentation: base64 by Python, moments by hand.
"""
import base64
import json

import pytest

NOON = 1505448311  # 2017-09-15 04:05:11 UTC


def b64(data):
    return base64.b64encode(data).decode()


POINT = bytes.fromhex("0101000000") + bytes.fromhex("000000000000f03f" "00000000000000c0")
LINE = bytes.fromhex("010200000002000000") + bytes(16) + bytes.fromhex("000000000000f03f") * 2

# column: (type, SQL value, what becomes of it, Kafka Connect type, semantic name)
TYPES = {
    "t1": ("tinyint(1)", "1", 1, "int16", None),
    "tu": ("tinyint unsigned", "255", 255, "int16", None),
    "su": ("smallint unsigned", "65535", 65535, "int32", None),
    "m": ("mediumint", "-8388608", -8388608, "int32", None),
    "i": ("int", "-2147483648", -2147483648, "int32", None),
    "iu": ("int unsigned", "4294967295", 4294967295, "int64", None),
    "bu": ("bigint unsigned", "18446744073709551615", 18446744073709551615, "int64", None),
    "y": ("year", "2155", 2155, "int32", "io.debezium.time.Year"),
    "f": ("float", "1.5", 1.5, "float", None),
    "db": ("double", "1e300", 1e300, "double", None),
    "de": ("decimal(10,3)", "-123.456", b64((-123456).to_bytes(3, "big", signed=True)), "bytes",
           "org.apache.kafka.connect.data.Decimal"),
    "b1": ("bit(1)", "b'1'", True, "boolean", None),
    "b10": ("bit(10)", "513", b64(b"\x01\x02"), "bytes", "io.debezium.data.Bits"),
    "e": ("enum('a,b','it''s')", "'it''s'", "it's", "string", "io.debezium.data.Enum"),
    "s": ("set('x','y','z')", "'z,x'", "x,z", "string", "io.debezium.data.EnumSet"),
    "vc": ("varchar(20)", "'é€'", "é€", "string", None),
    "bi": ("binary(5)", "0x0102", b64(b"\x01\x02\0\0\0"), "bytes", None),
    "bl": ("blob", "0xff00", b64(b"\xff\0"), "bytes", None),
    "j": ("json", "'{\"a\": [1, 2]}'", '{"a": [1, 2]}', "string", "io.debezium.data.Json"),
    "d": ("date", "'2017-09-15'", NOON // 86400, "int32", "io.debezium.time.Date"),
    "ti": ("time", "'-838:59:59'", -((838 * 60 + 59) * 60 + 59) * 10**6, "int64", "io.debezium.time.MicroTime"),
    "ti3": ("time(3)", "'00:00:00.123'", 123000, "int64", "io.debezium.time.MicroTime"),
    "dt": ("datetime", "'2017-09-15 04:05:11'", NOON * 1000, "int64", "io.debezium.time.Timestamp"),
    "dt6": ("datetime(6)", "'2017-09-15 04:05:11.789123'", NOON * 10**6 + 789123, "int64",
            "io.debezium.time.MicroTimestamp"),
    "ts": ("timestamp(3) null", "'2017-09-15 04:05:11.700'", "2017-09-15T04:05:11.700Z", "string",
           "io.debezium.time.ZonedTimestamp"),
    "p": ("point", "ST_GeomFromText('POINT(1 -2)')", {"x": 1.0, "y": -2.0, "wkb": b64(POINT), "srid": None}, "struct",
          "io.debezium.data.geometry.Point"),
    "g": ("geometry", "ST_GeomFromText('LINESTRING(0 0,1 1)')", {"wkb": b64(LINE), "srid": None, "extensions": None},
          "struct", "io.debezium.data.geometry.Geometry"),
    "zero": ("date", "'2024-02-00'", None, "int32", "io.debezium.time.Date"),
}
MARIADB = {
    "u": ("uuid", "'123e4567-e89b-12d3-a456-426655440000'", "123e4567-e89b-12d3-a456-426655440000", "string",
          "io.debezium.data.Uuid"),
    "ip": ("inet6", "'2001:db8::1'", "2001:db8::1", "string", None),
}
MYSQL = {
    "v": ("vector(3)", "STRING_TO_VECTOR('[1,-2.5,3]')", [1.0, -2.5, 3.0], "array", "io.debezium.data.FloatVector"),
    "gs": ("geometry", "ST_GeomFromText('POINT(1 2)', 4326)", {"srid": 4326}, "struct",
           "io.debezium.data.geometry.Geometry"),
}


@pytest.fixture
def stored(any_my_pipe):
    """A row of all types and its deletion, in a pipe that has both."""
    types = {**TYPES, **(MARIADB if any_my_pipe.server.mariadb else MYSQL)}
    columns = ", ".join(f"`{name}` {t[0]}" for name, t in types.items())
    any_my_pipe.run(f"SET sql_mode = ''; CREATE TABLE t (id int PRIMARY KEY, zn date NOT NULL, {columns})")
    any_my_pipe.start()
    values = ", ".join(t[1] for t in types.values())
    any_my_pipe.run(f"SET sql_mode = ''; INSERT INTO t VALUES (1, '0000-00-00', {values}); DELETE FROM t;")
    any_my_pipe.events()
    return any_my_pipe, types


def test_debezium__values_and_their_schemas(stored):
    pipe, types = stored
    done = pipe.leat.command("tail", "--format", "debezium", "--schema")
    assert done.returncode == 0, done.stderr
    create, delete = [json.loads(line) for line in done.stdout.splitlines()]
    row = create["payload"]["after"]
    fields = {f["field"]: f for f in next(f for f in create["schema"]["fields"] if f["field"] == "after")["fields"]}
    for name, (_, _, value, kind, semantic) in types.items():
        got = {k: row[name][k] for k in value} if isinstance(value, dict) else row[name]
        assert got == value, name
        assert (fields[name]["type"], fields[name].get("name")) == (kind, semantic), name
    assert row["zn"] == "0000-00-00" and not fields["zn"]["optional"]
    assert fields["e"]["parameters"] == {"allowed": "a\\,b,it's"}
    assert fields["b10"]["parameters"] == {"length": "10"}
    assert delete["payload"]["before"] == row and delete["payload"]["after"] is None


def test_debezium__the_source_block_says_where(stored):
    pipe, _ = stored
    create, delete = pipe.leat.tail(format="debezium")
    source = create["source"]
    assert list(source) == ["version", "connector", "name", "ts_ms", "snapshot", "db", "sequence", "ts_us", "ts_ns", "table",
                            "server_id", "gtid", "file", "pos", "row", "thread", "query"]
    assert (source["connector"], source["name"]) == (pipe.server.flavour, pipe.leat.name)
    assert (source["db"], source["table"], source["row"]) == (pipe.database, "t", 0)
    assert source["server_id"] == int(pipe.server.variable("server_id"))
    assert source["file"] == pipe.server.log_end()[0] and 4 < source["pos"] < delete["source"]["pos"]
    assert source["gtid"] and source["gtid"] != delete["source"]["gtid"]
    assert (create["op"], delete["op"]) == ("c", "d")
