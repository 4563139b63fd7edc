"""One table with a column of every built-in type, and rows with the edges of each.

Used by the demo and by the tests that compare leat's events, in text and in binary, with the database's own
text. `ddl` and `rows` give SQL; nothing here knows leat.
"""

# column, type, literals (SQL text, unquoted; None is NULL)
CORPUS = [
    ("c_bool", "boolean", ["true", "false", None]),
    ("c_int2", "smallint", ["-32768", "32767", "0", None]),
    ("c_int4", "integer", ["-2147483648", "2147483647", "0", None]),
    ("c_int8", "bigint", ["-9223372036854775808", "9223372036854775807", "9007199254740993", None]),
    ("c_oid", "oid", ["0", "4294967295"]),
    ("c_float4", "real", ["NaN", "Infinity", "-Infinity", "-0", "1e-45", "3.4028235e38", "0.1", None]),
    ("c_float8", "double precision", ["NaN", "Infinity", "-Infinity", "-0", "5e-324", "1.7976931348623157e308",
                                      "0.1", "123456789.123456789", "1e15", "1e16", None]),
    ("c_numeric", "numeric", ["NaN", "Infinity", "-Infinity", "0", "-0.000", "1.500", "1e-20", "1" + "0" * 60,
                              "-" + "9" * 200 + "." + "1" * 200, "10000", "0.0001", "99990000", None]),
    ("c_numeric2", "numeric(12,2)", ["1.5", "-9999999999.99", "0", None]),
    ("c_money", "money", ["1234.5", "-0.01", None]),
    ("c_text", "text", ["", " blanks ", "tab\tline\nreturn\rback\\slash \"quote\" 'single'", "\u6c34 \U0001F30A \u00fc",
                        "NULL", "\\N", "\x01\x1f\x7f", "x" * 5000, None]),
    ("c_varchar", "varchar(20)", ["", "abc", None]),
    ("c_bpchar", "char(5)", ["ab", "", "abcde", None]),
    ("c_char", '"char"', ["a", "", None]),
    ("c_name", "name", ["a_name", None]),
    ("c_bytea", "bytea", ["\\x", "\\x00", "\\x" + "".join(f"{b:02x}" for b in range(256)), None]),
    ("c_date", "date", ["2024-02-29", "0044-03-15 BC", "5874897-12-31", "infinity", "-infinity", "4713-01-01 BC",
                        "1970-01-01", "0001-01-01", None]),
    ("c_time", "time", ["00:00:00", "24:00:00", "23:59:59.999999", "03:04:05.1", None]),
    ("c_time3", "time(3)", ["23:59:59.123", None]),
    ("c_timetz", "timetz", ["00:00:00+00", "24:00:00-12", "23:59:59.999999+05:30", "12:00:00-07:52:58", None]),
    ("c_timestamp", "timestamp", ["2024-07-02 03:04:05.678901", "294276-12-31 23:59:59.999999", "infinity", "-infinity",
                                  "4713-01-01 00:00:00 BC", "1999-12-31 23:59:59.999999", "2000-01-01", None]),
    ("c_timestamp0", "timestamp(0)", ["2024-07-02 03:04:05", None]),
    ("c_timestamptz", "timestamptz", ["2024-07-02 03:04:05.6+02", "294276-12-31 23:59:59.999999+00", "infinity",
                                      "-infinity", "1883-11-18 12:00:00-07:52:58", "1970-01-01 00:00:00+00", None]),
    ("c_interval", "interval", ["1 mon -2 days +03:04:05", "-1 year 2 mons", "-00:00:00.000001", "0",
                                "178000000 years", "1 day", "25:00:00", None]),
    ("c_uuid", "uuid", ["00000000-0000-0000-0000-000000000000", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", None]),
    ("c_json", "json", ['{"b": 1, "a":  [1.50, 123456789012345678901234567890], "b": null}', '"text"', "null", None]),
    ("c_jsonb", "jsonb", ['{"b": 1, "a": [1.50, 123456789012345678901234567890]}', "[]", '"\u6c34"', "null", None]),
    ("c_jsonpath", "jsonpath", ["$.a[*] ? (@ > 1)", None]),
    ("c_xml", "xml", ["<a b=\"1\">text</a>", None]),
    ("c_bit", "bit(8)", ["10101010", None]),
    ("c_bit1", "bit", ["1", None]),
    ("c_varbit", "bit varying", ["", "101", "1" * 70, None]),
    ("c_inet", "inet", ["10.0.0.1/8", "::1", "2001:db8::/32", None]),
    ("c_cidr", "cidr", ["10.0.0.0/8", "2001:db8::/32", None]),
    ("c_macaddr", "macaddr", ["08:00:2b:01:02:03", None]),
    ("c_macaddr8", "macaddr8", ["08:00:2b:01:02:03:04:05", None]),
    ("c_point", "point", ["(1.5,-0)", "(NaN,Infinity)", None]),
    ("c_line", "line", ["{1,2,3}", None]),
    ("c_lseg", "lseg", ["[(0,0),(1,0.1)]", None]),
    ("c_box", "box", ["(1,1),(0,0)", None]),
    ("c_path", "path", ["[(0,0),(1,1)]", "((0,0),(1,1))", None]),
    ("c_polygon", "polygon", ["((0,0),(1,1),(1,0))", None]),
    ("c_circle", "circle", ["<(0,0),1.5>", None]),
    ("c_lsn", "pg_lsn", ["16/B374D848", "0/0", None]),
    ("c_tsvector", "tsvector", ["'fat':1A 'rat':2,4B", "", None]),
    ("c_tsquery", "tsquery", ["'fat' & ( 'rat' | !'cat' )", None]),
    ("c_snapshot", "pg_snapshot", ["10:20:10,14,15", None]),
    ("c_xid", "xid", ["4294967295", None]),
    ("c_xid8", "xid8", ["18446744073709551615", "0", None]),
    ("c_tid", "tid", ["(42,7)", None]),
    ("c_regclass", "regclass", ["pg_class", None]),
    ("c_int4range", "int4range", ["[1,5)", "empty", "(,)", "[7,)", None]),
    ("c_numrange", "numrange", ["(1.5,2.50]", "empty", None]),
    ("c_tsrange", "tsrange", ["[2024-01-01 00:00:00,2024-02-01 00:00:00)", "[-infinity,infinity]", None]),
    ("c_tstzrange", "tstzrange", ["[2024-01-01 00:00:00+00,)", None]),
    ("c_daterange", "daterange", ["[2024-01-01,2024-02-01)", None]),
    ("c_multirange", "int4multirange", ["{[1,3),[5,7)}", "{}", None]),
    ("a_int4", "integer[]", ["{}", "{1,NULL,3}", "{{1,2},{3,4}}", "[0:1]={5,6}", "[-1:0][2:3]={{1,2},{3,4}}", None]),
    ("a_text", "text[]", ['{a,"b c",NULL,"NULL","",",","{}","q\\"q","back\\\\slash"}', "{}", None]),
    ("a_numeric", "numeric[]", ["{1.50,NaN,NULL,-Infinity}", None]),
    ("a_float8", "double precision[]", ["{NaN,-0,1e300,NULL}", None]),
    ("a_bool", "boolean[]", ["{t,f,NULL}", None]),
    ("a_bytea", "bytea[]", ['{"\\\\x00ff","\\\\x"}', None]),
    ("a_timestamptz", "timestamptz[]", ['{"2024-07-02 03:04:05.6+00",infinity,NULL}', None]),
    ("a_uuid", "uuid[]", ["{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", None]),
    ("a_jsonb", "jsonb[]", ['{"{\\"a\\": 1.50}",NULL}', None]),
    ("a_range", "int4range[]", ['{"[1,5)",empty}', None]),
    ("a_interval", "interval[]", ['{"1 mon -2 days","00:00:00"}', None]),
    ("u_mood", "mood", ["happy", "so so", None]),
    ("u_moods", "mood[]", ['{happy,"so so",NULL}', None]),
    ("u_pair", "pair", ['(1,"x y")', "(,)", '(2,"")', None]),
    ("u_price", "price", ["12.50", None]),
]
# Types that have no exact binary form in leat: one such column and the whole stream goes on in text.
TEXT_ONLY = ("c_point", "c_line", "c_lseg", "c_box", "c_path", "c_polygon", "c_circle", "c_tsvector", "c_tsquery",
             "c_snapshot", "c_regclass", "u_mood", "u_moods", "u_pair", "u_price")
BINARY = [entry for entry in CORPUS if entry[0] not in TEXT_ONLY]
USER_TYPES = """
CREATE TYPE mood AS ENUM ('happy', 'so so', 'sad');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE >= 0);
"""


def ddl(table="everything", corpus=CORPUS):
    columns = ",\n    ".join(f"{name} {type_name}" for name, type_name, _ in corpus)
    types = USER_TYPES if corpus is CORPUS else ""
    return f"{types}\nCREATE TABLE {table} (\n    id int PRIMARY KEY,\n    {columns}\n);\n"


def row_count(corpus=CORPUS):
    return max(len(values) for _, _, values in corpus)


def row(number, corpus=CORPUS):
    """The literals of one row; short lists start again."""
    return [values[number % len(values)] for _, _, values in corpus]


def inserts(table="everything", corpus=CORPUS):
    """INSERT statements with every literal quoted, so that the type's input function reads it."""
    names = ", ".join(name for name, _, _ in corpus)
    for number in range(row_count(corpus)):
        values = ", ".join(quote(v) for v in row(number, corpus))
        yield f"INSERT INTO {table} (id, {names}) VALUES ({number}, {values});"


def quote(text):
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"
