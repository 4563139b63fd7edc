#!/usr/bin/env python3
"""Asks the server that PGHOST, PGPORT and PGUSER name about its built-in types, with the settings that leat pins:

  values.tsv    type, OID, kind, canonical form, text form, hex of the binary form
  types.tsv     OID, typname, format_type(), OID of the array's element type, delimiter
  describe.tsv  OID, typmod, format_type(OID, typmod)

The canonical form is computed by the server with SQL that has nothing to do with either wire form (an epoch in
microseconds, a field of an interval, the bits of a float), see CANON. Tabs, newlines and backslashes are escaped
as COPY does."""
import io
import struct

import psycopg2

SETTINGS = """SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET timezone = 'UTC'; SET bytea_output = 'hex';
SET extra_float_digits = 3; SET lc_monetary = 'C'; SET client_encoding = 'UTF8'"""

TEXT = "format('%%s', x)"  # by the output function; a cast to text would print "true" and cut blanks
HEX = "encode(convert_to(" + TEXT + ", 'UTF8'), 'hex')"
EPOCH_US = "(extract(epoch from x)::numeric * 1000000)::numeric(30,0)::text"
INFINITE = "CASE WHEN isfinite(x) THEN %s WHEN x > '-infinity' THEN 'inf' ELSE '-inf' END"
CANON = {
    "bool": "(CASE WHEN x THEN 1 ELSE 0 END)::text",
    "int64": "x::text",
    "float": "CASE WHEN x = 'NaN' THEN 'nan' ELSE encode(float8send(x::float8), 'hex') END",
    "decimal": "x::numeric::text",
    "hex": HEX,
    "bytes": "encode(x, 'hex')",
    "date": INFINITE % "(x - date '1970-01-01')::text",
    "time": EPOCH_US,
    "timetz": "((extract(hour from x) * 3600 + extract(minute from x) * 60)::numeric * 1000000"
              " + extract(microseconds from x))::numeric(30,0)::text || ' ' || extract(timezone from x)::int",
    "timestamp": INFINITE % EPOCH_US,
    "interval": "(extract(year from x) * 12 + extract(month from x))::numeric(30,0) || ' '"
                " || extract(day from x)::numeric(30,0) || ' ' || ((extract(hour from x) * 3600"
                " + extract(minute from x) * 60)::numeric * 1000000 + extract(microseconds from x))::numeric(30,0)",
    "uuid": "replace(x::text, '-', '')",
    "bits": "x::text",
}
# type: (kind, canonical form, values)
VALUES = {
    "boolean": ("bool", "bool", ["t", "f"]),
    "smallint": ("int64", "int64", ["0", "-1", "32767", "-32768"]),
    "integer": ("int64", "int64", ["0", "-1", "42", "2147483647", "-2147483648"]),
    "bigint": ("int64", "int64", ["0", "-1", "9223372036854775807", "-9223372036854775808"]),
    "oid": ("int64", "int64", ["0", "26", "4294967295"]),
    "real": ("float32", "float", ["0", "-0", "1", "-1.5", "0.1", "3.4028235e38", "1.17549435e-38", "1e-45",
                                  "16777216", "16777217", "123456.79", "1e15", "1e-5", "0.333333343",
                                  "NaN", "Infinity", "-Infinity", "8.5899346e9", "7.0064923e-45"]),
    "double precision": ("float64", "float", [
        "0", "-0", "1", "0.1", "-2.5", "1.7976931348623157e308", "2.2250738585072014e-308", "5e-324", "1e22",
        "1e23", "9007199254740993", "9007199254740992", "123456789012345.67", "0.1234567890123456789",
        "3.141592653589793", "2.2250738585072011e-308", "4.35", "NaN", "Infinity", "-Infinity", "-1e-300",
        "8.41e21", "9.5e-6", "1e15", "1e16", "0.000001", "6631236846766476"]),
    "numeric": ("decimal", "decimal", [
        "0", "0.00", "-0.1", "1", "-1", "10", "9999", "10000", "10001", "100000000", "0.0001", "0.00001",
        "123456789.987654321", "-12.50", "1e30", "1e-30", "99999999999999999999999999999999999999.99",
        "0.10000", "1000.0001000", "NaN", "Infinity", "-Infinity", "1" + "0" * 300 + ".5", "0." + "0" * 299 + "7"]),
    "money": ("decimal", "decimal", ["0", "1234.5", "-1234.56", "0.01", "-0.01", "-92233720368547758.08",
                                     "92233720368547758.07", "1000000", "999.99"]),
    "text": ("string", "hex", ["", "plain", "é€𐍈", "tab\there", "new\nline", "back\\slash", "NULL", " {},\" "]),
    "character varying": ("string", "hex", ["", "abc"]),
    "character(5)": ("string", "hex", ["", "abc", "abcde"]),
    "name": ("string", "hex", ["", "Odd \"name\""]),
    '"char"': ("string", "hex", ["", "a", " "]),
    "xml": ("string", "hex", ["<a>é</a>", '<?xml version="1.0" encoding="UTF-8"?><a/>',
                              '<?xml version="1.0" standalone="yes"?>\n<a/>', '<?xml version="1.1"?><a/>']),
    "bytea": ("bytes", "bytes", ["", "\\x00", "\\x" + bytes(range(256)).hex(), "\\x" + "5c" * 2046, "\\x" + "ab" * 2047,
                                 "\\x" + "cd" * 2048]),
    "json": ("json", "hex", ['{"a": 1,  "a": 1e400}', "null", "[]"]),
    "jsonb": ("json", "hex", ['{"b": [1, null, "é"], "a": 12345678901234567890.10}', '"text"', "1"]),
    "jsonpath": ("other", "hex", ["$.a[*] ? (@ > 1)"]),
    "date": ("date", "date", ["1970-01-01", "2000-01-01", "1999-12-31", "2024-02-29", "0001-01-01", "0044-03-15 BC",
                              "4713-01-01 BC", "0001-12-31 BC", "0005-02-29 BC", "5874897-12-31", "10000-01-01",
                              "1900-03-01", "infinity", "-infinity"]),
    "time": ("time", "time", ["00:00:00", "24:00:00", "23:59:59.999999", "12:34:56.7", "01:02:03.000001"]),
    "time with time zone": ("timetz", "timetz", ["00:00:00+00", "12:34:56.789-08", "24:00:00+05:30",
                                                 "23:59:59.999999-15:59:59", "01:00:00+15:59", "06:00:00-00:30"]),
    "timestamp": ("timestamp", "timestamp", [
        "1970-01-01 00:00:00", "2024-07-02 03:04:05", "2024-07-02 03:04:05.678901", "2000-01-01 00:00:00",
        "1969-12-31 23:59:59.999999", "0001-01-01 00:00:00", "0044-03-15 12:00:00 BC", "12345-06-07 08:09:10.5",
        "4713-01-01 00:00:00 BC", "294246-12-31 23:59:59.999999", "294247-01-10 04:00:54.775806",
        "infinity", "-infinity"]),
    "timestamp with time zone": ("timestamptz", "timestamp", [
        "1970-01-01 00:00:00+00", "2024-07-02 03:04:05.6+00", "1883-11-18 12:03:57-04:56:02",
        "0044-03-15 12:00:00+00 BC", "294247-01-10 04:00:54.775806+00", "infinity", "-infinity"]),
    "interval": ("interval", "interval", [
        "00:00:00", "1 mon", "1 year", "-1 year", "1 year 2 mons", "1 mon -2 days +03:04:05", "-1 mons +2 days",
        "2 days -00:00:00.000001", "-3 days -04:05:06.7", "100 years 11 mons 30 days 1000:00:00", "1 day",
        "-00:00:01", "178956970 years 7 mons 2147483647 days 2562047788:00:54.775806",
        "-178956970 years -8 mons -2147483648 days -2562047788:00:54.775806", "1 year -5 mons +7 days -01:00:00"]),
    "uuid": ("uuid", "uuid", ["00000000-0000-0000-0000-000000000000", "123e4567-e89b-12d3-a456-426614174000",
                              "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
    "bit(3)": ("bits", "bits", ["101", "000"]),
    "bit varying": ("bits", "bits", ["", "1", "10101010", "101010101", "0" * 17]),
    "xid": ("other", "hex", ["0", "4294967295"]),
    "cid": ("other", "hex", ["7"]),
    "xid8": ("other", "hex", ["18446744073709551615"]),
    "tid": ("other", "hex", ["(0,1)", "(4294967295,65535)"]),
    "pg_lsn": ("other", "hex", ["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"]),
    "inet": ("other", "hex", ["192.168.0.1", "192.168.0.1/24", "0.0.0.0/0", "::1", "2001:db8::/32", "::",
                              "2001:db8:0:1:0:0:0:1", "::ffff:1.2.3.4", "::1.2.3.4/100", "fe80::1:0:0:1/64",
                              "ff:0:0:1::", "1:0:2:0:3:0:4:0"]),
    "cidr": ("other", "hex", ["192.168.0.0/24", "10.0.0.1/32", "2001:db8::/32", "::1/128", "0.0.0.0/0"]),
    "macaddr": ("other", "hex", ["08:00:2b:01:02:03"]),
    "macaddr8": ("other", "hex", ["08:00:2b:01:02:03:04:ff"]),
    "int2vector": ("other", "hex", ["", "1", "1 -2 3"]),
    "oidvector": ("other", "hex", ["", "26 4294967295"]),
    "refcursor": ("other", "hex", ["cursor"]),
    "int4range": ("other", "hex", ["empty", "[1,5)", "(,)", "[1,)", "(,-3]"]),
    "int8range": ("other", "hex", ["[-9223372036854775808,9223372036854775806]"]),
    "numrange": ("other", "hex", ["[1.50,2.5]", "(-0.1,NaN)", "(,1e20)"]),
    "daterange": ("other", "hex", ["[2024-01-01,2024-02-01)", "[0044-03-15 BC,infinity)", "(-infinity,infinity)"]),
    "tsrange": ("other", "hex", ["[2024-01-01 00:00:00.5,infinity]", "(0044-03-15 12:00:00 BC,294276-12-31 23:59:59)"]),
    "tstzrange": ("other", "hex", ["[2024-01-01 00:00:00+00,2024-01-02 12:34:56.000001+00)", "(,)"]),
    "int4multirange": ("other", "hex", ["{}", "{[1,3),[7,9)}"]),
    "int8multirange": ("other", "hex", ["{[1,3)}"]),
    "nummultirange": ("other", "hex", ["{(,1.0),[2.50,)}"]),
    "datemultirange": ("other", "hex", ["{[2024-01-01,2024-02-01),[2025-01-01,)}"]),
    "tsmultirange": ("other", "hex", ["{[2024-01-01,2024-02-01)}"]),
    "tstzmultirange": ("other", "hex", ["{[2024-01-01,2024-02-01),(2025-01-01,infinity)}"]),
    "point": ("other", "hex", ["(1.5,-2)"]),
    "lseg": ("other", "hex", ["[(0,0),(1,1)]"]),
    "path": ("other", "hex", ["((0,0),(1,1))"]),
    "box": ("other", "hex", ["(1,1),(0,0)"]),
    "polygon": ("other", "hex", ["((0,0),(1,1),(2,0))"]),
    "line": ("other", "hex", ["{1,-1,0}"]),
    "circle": ("other", "hex", ["<(0,0),1>"]),
    "tsvector": ("other", "hex", ["'a':1A 'b c':2"]),
    "tsquery": ("other", "hex", ["'a' & !'b':*"]),
    "pg_snapshot": ("other", "hex", ["10:20:11,15"]),
    "txid_snapshot": ("other", "hex", ["10:20:11,15"]),
    "regclass": ("other", "hex", ["pg_class"]),
    "regtype": ("other", "hex", ["integer"]),
}
# Beyond 64 bits of microseconds from 1970, or equal to what stands for infinity: kept as text.
UNHELD = {
    "timestamp": ["294247-01-10 04:00:54.775807", "294276-12-31 23:59:59.999999"],
    "timestamp with time zone": ["294247-01-10 04:00:54.775808+00", "294276-12-31 23:59:59+00"],
}
# element type: arrays
ARRAYS = {
    "boolean": ["{t,f,NULL}"],
    "smallint": ["{1,-2}"],
    "integer": ["{}", "{1,2,3}", "{NULL}", "{{1,2},{3,NULL}}", "[0:1]={1,2}", "[-3:-2][5:6]={{1,2},{3,4}}",
                "{{{{{{1},{2}}}}}}"],
    "bigint": ["{9223372036854775807}"],
    "oid": ["{4294967295}"],
    "real": ["{0.1,NaN,-Infinity}"],
    "double precision": ["{0.1,1e300}"],
    "numeric": ["{1.50,NaN,-0.001}"],
    "money": ['{1234.5,-0.01}'],
    "text": ['{a,NULL,"NULL","null","",NULL}', '{"a \\"b\\"","\\\\","{x}","a,b"," ",é}', '{{"a b",c},{d,"e\\\\f"}}'],
    "character varying": ['{"a b"}'],
    "character(5)": ["{a}"],
    "name": ["{a}"],
    '"char"': ["{a}"],
    "xml": ['{"<a b=\\"c\\"/>"}'],
    "bytea": ['{"\\\\x00ff","\\\\x"}', '{"\\\\x%s"}' % ("ab" * 3000)],
    "json": ['{"{\\"a\\": [1, 2]}"}'],
    "jsonb": ['{"{\\"a\\": [1, 2]}",1}'],
    "date": ['{2024-02-29,infinity,"0044-03-15 BC"}'],
    "time": ["{24:00:00}"],
    "time with time zone": ["{12:00:00+05:30}"],
    "timestamp": ['{"2024-07-02 03:04:05",-infinity}'],
    "timestamp with time zone": ['{"2024-07-02 03:04:05.6+00"}'],
    "interval": ['{"1 mon -2 days +03:04:05",00:00:00}'],
    "uuid": ["{123e4567-e89b-12d3-a456-426614174000,NULL}"],
    "bit(3)": ["{101}"],
    "bit varying": ['{101,""}'],
    "inet": ["{10.0.0.1/8}"],
    "pg_lsn": ["{0/10}"],
    "int4range": ['{"[1,5)",empty}'],
    "tstzrange": ['{"[\\"2024-01-01 00:00:00+00\\",)"}'],
    "int4multirange": ['{"{[1,3)}"}'],
    "box": ["{(1,1),(0,0);(2,2),(0,0)}"],
    "point": ['{"(1,2)"}'],
}
TYPMODS = [
    ("numeric", ["numeric(10,2)", "numeric(1000,0)", "numeric(5)", "numeric(3,-2)", "numeric(2,5)"]),
    ("varchar", ["varchar(1)", "varchar(10485760)"]), ("bpchar", ["character(1)", "character(7)"]),
    ("bit", ["bit(1)", "bit(64)"]), ("varbit", ["bit varying(9)"]),
    ("time", ["time(0)", "time(6)"]), ("timetz", ["timetz(3)"]), ("timestamp", ["timestamp(3)"]),
    ("timestamptz", ["timestamptz(0)"]),
    ("interval", ["interval(3)", "interval year", "interval month", "interval day", "interval hour", "interval minute",
                  "interval second", "interval second(2)", "interval year to month", "interval day to hour",
                  "interval day to minute", "interval day to second", "interval day to second(6)",
                  "interval hour to minute", "interval hour to second(0)", "interval minute to second"]),
]


def escape(text):
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def ask(sql, query, *args):
    sql.execute(query, args or None)
    return sql.fetchone()


def binary(sql, expression):
    """What the type's send function gives, from COPY's binary format: 19 bytes of head, field count, length."""
    out = io.BytesIO()
    sql.copy_expert("COPY (SELECT " + expression + ") TO STDOUT (FORMAT binary)", out)
    length, = struct.unpack(">i", out.getvalue()[21:25])
    return out.getvalue()[25:25 + length].hex()


def value(sql, out, kind, type_name, canon, text):
    oid, = ask(sql, "SELECT %s::regtype::oid::bigint", type_name)
    x = sql.mogrify("%s::" + type_name, (text,)).decode()
    row = ask(sql, "SELECT " + canon + ", " + TEXT + " FROM (SELECT " + x.replace("%", "%%") + " AS x) v WHERE %s", True)
    out.write("\t".join([type_name, str(oid), kind, row[0], escape(row[1]), binary(sql, x)]) + "\n")


def write_values(sql, out):
    for type_name, (kind, canon, texts) in VALUES.items():
        for text in texts:
            value(sql, out, kind, type_name, CANON[canon], text)
    for type_name, texts in UNHELD.items():
        for text in texts:
            value(sql, out, "other", type_name, HEX, text)
    for element, texts in ARRAYS.items():
        kind, canon, _ = VALUES[element]
        items = ("coalesce(array_dims(x), '') || ' ' || coalesce((SELECT string_agg(e.canon, '|' ORDER BY n)"
                 " FROM (SELECT CASE WHEN x IS NULL THEN 'NULL' ELSE %s END AS canon, n FROM unnest(x) WITH ORDINALITY AS u(x, n)) e), '')")
        for text in texts:
            value(sql, out, "array", element + "[]", items % CANON[canon], text)


def write_describe(sql, out):
    for name, declarations in TYPMODS:
        for declared in declarations:
            for suffix in ("", "[]"):
                sql.execute("CREATE TEMP TABLE probe (c %s%s)" % (declared, suffix))
                row = ask(sql, "SELECT atttypid::bigint, atttypmod, format_type(atttypid, atttypmod) FROM pg_attribute"
                          " WHERE attrelid = 'probe'::regclass AND attname = 'c'")
                out.write("%d\t%d\t%s\n" % row)
                sql.execute("DROP TABLE probe")


def main():
    db = psycopg2.connect("dbname=postgres")
    db.autocommit = True
    sql = db.cursor()
    sql.execute(SETTINGS)
    with open("values.tsv", "w", encoding="utf-8") as out:
        write_values(sql, out)
    builtin = """FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A' AND t.typsubscript <>
        'raw_array_subscript_handler'::regproc AND t.typname LIKE '\\_%%'
        WHERE t.oid < 10000 AND t.typtype IN ('b', 'r', 'm') AND coalesce(e.typtype, 'b') NOT IN ('c', 'p')"""
    with open("types.tsv", "w", encoding="utf-8") as out:
        sql.execute("SELECT t.oid::bigint, t.typname, format_type(t.oid, NULL), coalesce(e.oid, 0)::bigint, t.typdelim "
                    + builtin + " ORDER BY t.oid", ())
        for row in sql.fetchall():
            out.write("\t".join(map(str, row)) + "\n")
    with open("describe.tsv", "w", encoding="utf-8") as out:
        sql.execute("SELECT t.oid::bigint, -1, format_type(t.oid, -1) " + builtin + " ORDER BY t.oid", ())
        for row in sql.fetchall():
            out.write("%d\t%d\t%s\n" % row)
        write_describe(sql, out)


if __name__ == "__main__":
    main()
