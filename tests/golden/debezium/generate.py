#!/usr/bin/env python3
"""Writes the golden files of this directory, from Debezium's documentation and nothing of ours.

Values are computed by Python's own integers, base64 and datetime; envelopes are spelled out below field by
field. Run it in this directory after adding a case, and read the difference before keeping it.
"""
import base64
import datetime
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
DAY_US = 86400 * 10**6
PLACEHOLDER = "__debezium_unavailable_value"


def b64(data):
    return base64.b64encode(bytes(data)).decode()


def unscaled(n):
    """java.math.BigInteger.toByteArray, base64"""
    magnitude = n if n >= 0 else ~n
    return b64(n.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True))


def us(text):
    """ISO text of a UTC moment -> microseconds since 1970, by Python's calendar"""
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc)
    return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)


class Raw(str):
    """JSON text that Python would print differently, such as Java's 1.0E10"""


def dumps(value):
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + dumps(v) for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dumps(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def save(name, value):
    with open(os.path.join(HERE, name + ".json"), "w", encoding="utf-8") as file:
        file.write(dumps(value) + "\n")


# --- the reference's first example, whose source block the other cases share ---------------------------------

SOURCE = {
    "version": "3.6.1.Final", "connector": "postgresql", "name": "srv", "ts_ms": 1559033904863,
    "snapshot": "false", "db": "postgres", "sequence": '["24023119","24023128"]',
    "ts_us": 1559033904863123, "ts_ns": 1559033904863123000,
    "schema": "public", "table": "customers", "txId": 555, "lsn": 24023128, "xmin": None,
    "origin": None, "origin_lsn": None,
}
# the store keeps microseconds, so the example's last three digits of ts_ns are zeros
TIMES = {"ts_ms": 1559033904963, "ts_us": 1559033904963841, "ts_ns": 1559033904963841000}


def envelope(op, before, after, **source):
    return {"before": before, "after": after, "source": {**SOURCE, **source}, "transaction": None, "op": op, **TIMES}


ANNE = {"id": 1, "first_name": "Anne", "email": "a@x.org"}
MARIE = {"id": 1, "first_name": "Anne Marie", "email": "a@x.org"}
OLD_KEY = {"id": 1, "first_name": None, "email": None}

save("create", envelope("c", None, ANNE))
save("create_key", {"id": 1})
save("read", envelope("r", None, ANNE, snapshot="true"))
save("update_default", envelope("u", None, MARIE))
save("update_full", envelope("u", ANNE, MARIE))
save("update_key", envelope("u", OLD_KEY, {**MARIE, "id": 2}))
save("delete_key", envelope("d", OLD_KEY, None))
save("delete_full", envelope("d", ANNE, None))
save("truncate", envelope("t", None, None))
save("sequence_null", envelope("c", None, ANNE, sequence='[null,"24023128"]', txId=None))


def message(prefix, content):
    return {"op": "m", "ts_ms": TIMES["ts_ms"], "source": {**SOURCE, "schema": "", "table": ""}, "transaction": None,
            "message": {"prefix": prefix, "content": content}}


save("message", message("foo", b64(b"hello \x00\xff")))
save("message_key", {"prefix": "foo"})
save("gap", message("leat.gap", b64(b'{"from":"0/1","to":"0/9"}')))

# MySQL: the reference's second example

MYSQL = {"version": "3.6.1.Final", "connector": "mysql", "name": "srv", "ts_ms": 1465581029100,
         "snapshot": "false", "db": "inventory", "sequence": None, "ts_us": 1465581029100000,
         "ts_ns": 1465581029100000000, "table": "customers", "server_id": 223344, "gtid": None,
         "file": "mysql-bin.000003", "pos": 484, "row": 0, "thread": 7, "query": None}


def mysql_envelope(op, before, after):
    return {"before": before, "after": after, "source": MYSQL, "transaction": None, "op": op, **TIMES}


save("mysql_update", mysql_envelope("u", {"id": 1004, "first_name": "Anne"}, {"id": 1004, "first_name": "Anne Marie"}))

# --- type families -------------------------------------------------------------------------------------------

save("types_numbers", envelope("c", None, {
    "b": True, "b0": False, "i2": -32768, "i4": 2147483647, "i8": -9223372036854775808,
    "u8": 18446744073709551615, "f4": Raw("3.3"), "f4_nan": "NaN", "f8": Raw("1.0E10"),
    "f8_third": Raw("0.3333333333333333"), "f8_inf": "Infinity", "f8_minus_inf": "-Infinity",
    "f8_minus_zero": Raw("-0.0"), "nil": None}))

DECIMALS = ["1234.50", "-0.01", "123456789012345678901234567890.12", "1.100", "100", "-0.000120", "NaN", "-Infinity"]
save("types_decimals", envelope("c", None, {
    "n0": unscaled(123450), "n1": unscaled(-1), "n2": unscaled(12345678901234567890123456789012),
    "n3": {"scale": 1, "value": unscaled(11)}, "n4": {"scale": 0, "value": unscaled(100)},
    "n5": {"scale": 5, "value": unscaled(-12)}, "n6": "NaN", "n7": "-Infinity", "money": unscaled(-123450)}))
save("types_decimals_string", envelope("c", None, {
    **{f"n{i}": text for i, text in enumerate(DECIMALS[:6])}, "n6": "NAN", "n7": "NEGATIVE_INFINITY",
    "money": "-1234.50"}))
save("types_decimals_double", envelope("c", None, {
    "n0": Raw("1234.5"), "n1": Raw("-0.01"), "n2": Raw("1.2345678901234568E29"), "n3": Raw("1.1"),
    "n4": Raw("100.0"), "n5": Raw("-1.2E-4"), "n6": "NaN", "n7": "-Infinity", "money": Raw("-1234.5")}))

save("types_text", envelope("c", None, {
    "t": 'a "quoted" \\ line\nПривет 你好', "empty": "", "json": '{"a": [1, 2]}',
    "uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "range": "[1,10)", "broken": "x\ufffdy"}))

BYTES = b"\x00\x01\xfb\xff\xfe"
save("types_binary", envelope("c", None, {
    "bytea": b64(BYTES), "bit1": True, "bit7": b64([64]), "bit64": b64([0] * 7 + [0x80]),
    "bit11": b64([0b00000101, 0b00000100]), "varbit": b64([0b101]), "varbit_zero": b64([])}))
save("types_binary_hex", envelope("c", None, {"bytea": BYTES.hex()}))
save("types_binary_base64url", envelope("c", None, {"bytea": base64.urlsafe_b64encode(BYTES).decode()}))

# --- temporal types: the value of each column, per mode ------------------------------------------------------

NOON = us("2017-09-15T04:05:11.789123")
DAYS = NOON // DAY_US
CLOCK = NOON % DAY_US
DATE_MAX, DATE_MIN = 2146033979, -2147472691  # LocalDate +5877611-06-21 and -5877611-06-22
ZONED = {"tz": "2017-09-15T04:05:11.789123Z", "tz0": "2017-09-15T04:05:11Z", "tz3": "2017-09-15T04:05:11.700Z",
         "tz_bc": "-4713-12-31T23:59:59.999999Z", "tz_far": "+21016-11-04T06:51:30.123456Z",
         "timetz": "11:51:30.123789Z"}
MS_CLOCK, MS = CLOCK // 1000, NOON // 1000
BEFORE_EPOCH = us("1969-12-31T23:59:59.998999")
MAX_TS, MIN_TS = 9223371331199999999, -210831897600000001
temporal = {
    "adaptive": (DAYS, MS_CLOCK, CLOCK, DAY_US, MS, NOON, MAX_TS, MIN_TS, BEFORE_EPOCH // 1000),
    "adaptive_microseconds": (DAYS, CLOCK // 1000 * 1000, CLOCK, DAY_US, MS, NOON, MAX_TS, MIN_TS, BEFORE_EPOCH // 1000),
    "connect": (DAYS, MS_CLOCK, MS_CLOCK, DAY_US // 1000, MS, MS, MAX_TS // 1000, MIN_TS // 1000, BEFORE_EPOCH // 1000),
    "microseconds": (DAYS, CLOCK // 1000 * 1000, CLOCK, DAY_US, MS * 1000, NOON, MAX_TS, MIN_TS, BEFORE_EPOCH),
    "nanoseconds": (DAYS, CLOCK // 1000 * 10**6, CLOCK * 1000, DAY_US * 1000, MS * 10**6, NOON * 1000,
                    MAX_TS * 1000, MIN_TS * 1000, BEFORE_EPOCH * 1000),
    "isostring": ("2017-09-15Z", "04:05:11.789Z", "04:05:11.789123Z", "24:00:00Z", "2017-09-15T04:05:11.789Z",
                  "2017-09-15T04:05:11.789123Z", "+294247-01-01T23:59:59.999999Z", "-4712-12-31T23:59:59.999999Z",
                  "1969-12-31T23:59:59.998999Z"),
}
NAMES = ("date", "time3", "time", "time24", "ts3", "ts", "ts_max", "ts_min", "ts_before")
for mode, values in temporal.items():
    save("types_temporal_" + mode, envelope("c", None, {**dict(zip(NAMES, values)), **ZONED}))

INF_MS, MINUS_INF_MS = 9223372036825200, -9223372036832400
save("types_infinity", envelope("c", None, {
    "date": DATE_MAX, "date_minus": DATE_MIN, "ts3": INF_MS, "ts": INF_MS * 1000, "ts_minus": MINUS_INF_MS * 1000,
    "tz": "infinity", "tz_minus": "-infinity"}))
save("types_infinity_nanoseconds", envelope("c", None, {
    "date": DATE_MAX, "date_minus": DATE_MIN, "ts3": 2**63 - 1, "ts": 2**63 - 1, "ts_minus": -2**63,
    "tz": "infinity", "tz_minus": "-infinity"}))


def duration(years, months, days, hours, minutes, seconds):
    days = ((years * 12) + months) * (365.25 / 12) + days
    return int((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1e6)


save("types_interval", envelope("c", None, {
    "i": duration(1, 2, 3, 4, 5, 6.78), "negative": duration(0, 0, -1, -4, -5, -6.5), "zero": 0}))
save("types_interval_string", envelope("c", None, {
    "i": "P1Y2M3DT4H5M6.78S", "negative": "P0Y0M-1DT-4H-5M-6.5S", "zero": "P0Y0M0DT0H0M0S"}))

save("types_arrays", envelope("c", None, {
    "ints": [1, None, 3], "texts": ["a", "b\"c"], "empty": [], "nested": [[1, 2, 3], [4, 5, 6]],
    "decimals": [unscaled(110), unscaled(-220)], "dates": [DAYS]}))

save("unavailable", envelope("u", None, {
    "id": 1, "t": PLACEHOLDER, "json": PLACEHOLDER, "bytea": b64(PLACEHOLDER.encode()), "texts": [PLACEHOLDER],
    "ints": list(PLACEHOLDER.encode()), "dates": list(PLACEHOLDER.encode()), "nil": None}))
save("unavailable_omitted", envelope("u", None, {"id": 1, "nil": None}))

# --- the schema half, after a message captured from Debezium 3.1 with JsonConverter ---------------------------


def field(kind, optional, name=None, **rest):
    out = {"type": kind}
    for key in ("items", "fields"):
        if key in rest:
            out[key] = rest.pop(key)
    out["optional"] = optional
    if name:
        out["name"] = name
        out["version"] = rest.pop("version", 1)
        if out["version"] is None:
            del out["version"]
    out.update(rest)
    return out


def source_head():
    return [
        field("string", False, field="version"), field("string", False, field="connector"),
        field("string", False, field="name"), field("int64", False, field="ts_ms"),
        field("string", True, "io.debezium.data.Enum", parameters={
            "allowed": "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"},
            default="false", field="snapshot"),
        field("string", False, field="db"), field("string", True, field="sequence"),
        field("int64", True, field="ts_us"), field("int64", True, field="ts_ns")]


def source_schema():
    return field("struct", False, "io.debezium.connector.postgresql.Source", fields=source_head() + [
        field("string", False, field="schema"), field("string", False, field="table"),
        field("int64", True, field="txId"), field("int64", True, field="lsn"), field("int64", True, field="xmin"),
        field("string", True, field="origin"), field("int64", True, field="origin_lsn")], field="source")


def transaction_schema():
    return field("struct", True, "event.block", fields=[
        field("string", False, field="id"), field("int64", False, field="total_order"),
        field("int64", False, field="data_collection_order")], field="transaction")


def mysql_source_schema():
    return field("struct", False, "io.debezium.connector.mysql.Source", fields=source_head() + [
        field("string", True, field="table"), field("int64", False, field="server_id"),
        field("string", True, field="gtid"), field("string", False, field="file"),
        field("int64", False, field="pos"), field("int32", False, field="row"),
        field("int64", True, field="thread"), field("string", True, field="query")], field="source")


def envelope_schema(before, after, table="public.customers", source=source_schema):
    def row(fields, where):
        return field("struct", True, f"srv.{table}.Value", version=None, fields=fields, field=where)
    return field("struct", False, f"srv.{table}.Envelope", version=2, fields=[
        row(before, "before"), row(after, "after"), source(), transaction_schema(),
        field("string", False, field="op"), field("int64", True, field="ts_ms"),
        field("int64", True, field="ts_us"), field("int64", True, field="ts_ns")])


CUSTOMERS = [field("int32", False, field="id"), field("string", False, field="first_name"),
             field("string", True, field="email")]
KEY_ONLY = [field("int32", False, field="id"), field("string", True, field="first_name"),
            field("string", True, field="email")]
save("schema_create", {"schema": envelope_schema(CUSTOMERS, CUSTOMERS), "payload": envelope("c", None, ANNE)})
save("schema_delete_key", {"schema": envelope_schema(KEY_ONLY, CUSTOMERS), "payload": envelope("d", OLD_KEY, None)})
save("schema_key", {"schema": field("struct", False, "srv.public.customers.Key", version=None,
                                    fields=[field("int32", False, field="id")]), "payload": {"id": 1}})
save("schema_message", {
    "schema": field("struct", False, "io.debezium.connector.postgresql.MessageValue", fields=[
        field("string", False, field="op"), field("int64", True, field="ts_ms"), source_schema(),
        transaction_schema(),
        field("struct", False, "io.debezium.connector.postgresql.Message", fields=[
            field("string", True, field="prefix"), field("bytes", True, field="content")], field="message")]),
    "payload": message("foo", b64(b"hello \x00\xff"))})

T, CONNECT = "io.debezium.time.", "org.apache.kafka.connect.data."
TYPES = [
    field("boolean", True, field="bool"), field("int16", True, field="int2"), field("int64", True, field="int8"),
    field("float", True, field="float4"), field("double", True, field="float8"),
    field("bytes", True, CONNECT + "Decimal", parameters={"scale": "2", "connect.decimal.precision": "10"}, field="numeric"),
    field("struct", True, "io.debezium.data.VariableScaleDecimal", doc="Variable scaled decimal", fields=[
        field("int32", False, field="scale"), field("bytes", False, field="value")], field="any_numeric"),
    field("bytes", True, field="bytea"), field("string", True, "io.debezium.data.Json", field="jsonb"),
    field("string", True, "io.debezium.data.Uuid", field="uuid"), field("string", True, "io.debezium.data.Xml", field="xml"),
    field("boolean", True, field="bit1"),
    field("bytes", True, "io.debezium.data.Bits", parameters={"length": "11"}, field="bit11"),
    field("int32", True, T + "Date", field="date"), field("int32", True, T + "Time", field="time3"),
    field("int64", True, T + "MicroTime", field="time"), field("int64", True, T + "Timestamp", field="ts3"),
    field("int64", True, T + "MicroTimestamp", field="ts"), field("string", True, T + "ZonedTimestamp", field="tz"),
    field("string", True, T + "ZonedTime", field="timetz"), field("int64", True, T + "MicroDuration", field="interval"),
    field("array", True, items=field("string", True), field="texts"),
    field("array", True, items=field("bytes", True, CONNECT + "Decimal", parameters={
        "scale": "2", "connect.decimal.precision": "10"}), field="decimals"),
]
NULLS = {f["field"]: None for f in TYPES}
save("schema_types", {"schema": envelope_schema(TYPES, TYPES), "payload": envelope("c", None, NULLS)})

# --- MySQL and MariaDB: section 2.12 of the mapping. The geometries are those of Debezium's own MySqlGeometryTest, an
# --- SRID and a WKB each

POINT = bytes.fromhex("000000000101000000e3a59bc420f01b4015a143a69d383240")
LINE = bytes.fromhex("e6100000010200000002000000e3a59bc420f01b4015a143a69d38324000000000000000000000000000000000")
BIG_ENDIAN = bytes.fromhex("e6100000" "0000000001" "3ff0000000000000" "c000000000000000")
FOUR_DAYS = ((99 * 60 + 59) * 60 + 59) * 10**6 + 123000  # 99:59:59.123
LONGEST = -((838 * 60 + 59) * 60 + 59) * 10**6           # -838:59:59
SECOND = NOON // 10**6 * 10**6


def wkb(data, extra=True):
    srid = int.from_bytes(data[:4], "little") or None
    return {"wkb": b64(data[4:]), "srid": srid, **({"extensions": None} if extra else {})}


MYSQL_VALUES = {
    "t1": 1, "tu": 255, "su": 65535, "mu": 16777215, "iu": 4294967295, "bu": 18446744073709551615, "y": 2155, "y0": 0,
    "f": Raw("1.5"), "dec": unscaled(-123456), "b1": True, "b10": b64([0b00000001, 0b00000010]),
    "e": "a,b", "e0": "", "s": "x,z", "j": '{"a": 1}', "d": DAYS, "dt": SECOND // 1000, "dt3": NOON // 1000, "dt6": NOON,
    "ts": "2017-09-15T04:05:11Z", "ts3": "2017-09-15T04:05:11.789Z", "ti": LONGEST, "ti3": FOUR_DAYS,
    "p": {"x": Raw("6.9845"), "y": Raw("18.22115554"), **wkb(POINT, False)},
    "pb": {"x": Raw("1.0"), "y": Raw("-2.0"), **wkb(BIG_ENDIAN, False)},
    "pn": {"x": None, "y": None, **wkb(LINE, False)}, "g": wkb(LINE), "mp": wkb(b"\x00" * 4), "v": [Raw("1.0"), Raw("-2.5")],
    "bin": b64(b"\x01\x02\x00\x00\x00"), "u": "123e4567-e89b-12d3-a456-426655440000", "ip": "2001:db8::ff00:42:8329"}
save("types_mysql", mysql_envelope("c", None, MYSQL_VALUES))
save("types_mysql_zero_dates", mysql_envelope("c", None, {
    "d": None, "dt": None, "ts": None, "d_not_null": "0000-00-00", "dt_not_null": "2024-00-15 10:00:00.000",
    "key": "2024-02-00", "text": "0000-00-00"}))
save("types_mysql_absent", mysql_envelope("u", None, {
    "id": 1, "b": b64(PLACEHOLDER.encode()), "j": PLACEHOLDER,
    "g": {"wkb": b64(PLACEHOLDER.encode()), "srid": None, "extensions": None},
    "p": {"x": None, "y": None, "wkb": b64(PLACEHOLDER.encode()), "srid": None}}))

GEOMETRY = "io.debezium.data.geometry."
EXTENSIONS = {"type": "map", "keys": {"type": "string", "optional": False}, "values": {"type": "string", "optional": False},
              "optional": True, "field": "extensions"}


def geometry(name):
    return field("struct", True, GEOMETRY + "Geometry", version=2, doc="Geometry", fields=[
        field("bytes", False, field="wkb"), field("int32", True, field="srid"), EXTENSIONS], field=name)


MYSQL_TYPES = [
    *[field("int16", True, field=n) for n in ("t", "t1", "tu", "s")], field("int32", True, field="su"),
    *[field("int32", True, field=n) for n in ("m", "mu", "i", "i11")],
    *[field("int64", True, field=n) for n in ("iu", "iz", "b", "bu")],
    field("int32", True, T + "Year", field="y"), field("float", True, field="f"), field("double", True, field="db"),
    field("bytes", True, CONNECT + "Decimal", parameters={"scale": "3", "connect.decimal.precision": "10"}, field="dec"),
    field("boolean", True, field="b1"),
    field("bytes", True, "io.debezium.data.Bits", parameters={"length": "10"}, field="b10"),
    field("string", True, "io.debezium.data.Enum", parameters={"allowed": "a\\,b,it's,é"}, field="e"),
    field("string", True, "io.debezium.data.EnumSet", parameters={"allowed": "x,y,z"}, field="set"),
    field("string", True, field="vc"), field("bytes", True, field="bin"),
    field("string", True, "io.debezium.data.Json", field="j"), field("int32", True, T + "Date", field="d"),
    field("int64", True, T + "MicroTime", field="ti"), field("int64", True, T + "MicroTime", field="ti3"),
    field("int64", True, T + "Timestamp", field="dt"), field("int64", True, T + "Timestamp", field="dt3"),
    field("int64", True, T + "MicroTimestamp", field="dt6"), field("string", True, T + "ZonedTimestamp", field="ts"),
    field("struct", True, GEOMETRY + "Point", doc="Geometry (POINT)", fields=[
        field("double", False, field="x"), field("double", False, field="y"), field("bytes", True, field="wkb"),
        field("int32", True, field="srid")], field="p"),
    *[geometry(n) for n in ("g", "ls", "mpg", "gc")],
    field("array", True, "io.debezium.data.FloatVector", items=field("float", False), field="v"),
    field("string", True, "io.debezium.data.Uuid", field="u"), field("string", True, field="ip"),
]
save("schema_mysql", {
    "schema": envelope_schema(MYSQL_TYPES, MYSQL_TYPES, "inventory.customers", mysql_source_schema),
    "payload": mysql_envelope("c", None, {f["field"]: None for f in MYSQL_TYPES})})
