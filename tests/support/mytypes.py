"""Tables with every built-in type of MySQL and MariaDB, and rows with the edges of each.

Values are SQL expressions, because some can only be made by a function. What a test expects is what a SELECT gives
(`mymodel.contents`). A column that not every server has says which: a flavour, or a version of it. Columns with no
values are computed by the server. Shorter lists of values start again. `told` leaves out the few columns that MariaDB's own
tool cannot tell, where it is to be the second decoder.

    tables(server) ─▶ {"my_numbers": [(column, type, values), …], …}     create, fill ─▶ the tables, the rows
"""
from .mymodel import quoted

MARIADB, MYSQL, MARIADB_11 = "mariadb", "mysql", "mariadb-11"

NUMBERS = [
    ("t", "tinyint", ["-128", "127", "0", "-1"]),
    ("tu", "tinyint unsigned", ["255", "128", "0"]),
    ("b", "tinyint(1)", ["1", "0"]),
    ("s", "smallint", ["-32768", "32767"]),
    ("su", "smallint unsigned", ["65535", "32768"]),
    ("m", "mediumint", ["-8388608", "8388607", "-1"]),
    ("mu", "mediumint unsigned", ["16777215", "8388608"]),
    ("i", "int", ["-2147483648", "2147483647", "-1"]),
    ("iu", "int unsigned", ["4294967295", "2147483648"]),
    ("iz", "int(10) unsigned zerofill", ["7", "0"]),
    ("l", "bigint", ["-9223372036854775808", "9223372036854775807", "9007199254740993"]),
    ("lu", "bigint unsigned", ["18446744073709551615", "9223372036854775808", "0"]),
    ("d1", "decimal(1,0)", ["-9", "9", "0"]),
    ("d10", "decimal(10,10)", ["0.9999999999", "-0.0000000001", "0"]),
    ("d65", "decimal(65,30)", ["9" * 35 + "." + "9" * 30, "-" + "9" * 35 + "." + "9" * 30, "0." + "0" * 29 + "1",
                               "-1.5", "100000000000000000.5"]),
    ("d65i", "decimal(65,0)", ["9" * 65, "-" + "9" * 65, "1000000000", "0"]),
    ("d18", "decimal(18,9)", ["-123456789.987654321", "0.000000001", "-0.05"]),
    ("du", "decimal(10,3) unsigned", ["123.456", "0"]),
    ("dz", "decimal(10,2) unsigned zerofill", ["1.5", "0"]),
    ("f", "float", ["16777216", "0.1", "-3.4028234e38", "1.17549e-38", "1e-45", "-0e0", "1.5", "123456.7"]),
    ("fu", "float unsigned", ["0.3", "1e10"]),
    ("fp", "float(7,4)", ["999.1234", "-0.5"]),
    ("g", "double", ["1.7976931348623157e308", "-2.2250738585072014e-308", "0.1", "-0e0", "1e15", "1e16", "1e17",
                     "123456789.123456789", "5e-324"]),
    ("gp", "double(12,3)", ["123456789.125", "-0.001"]),
    ("bit1", "bit(1)", ["b'1'", "b'0'"]),
    ("bit10", "bit(10)", ["b'1000000001'", "b'0'", "b'1'"]),
    ("bit64", "bit(64)", ["18446744073709551615", "1", "9223372036854775808"]),
    ("y", "year", ["2024", "1901", "2155", "0"]),
]
FRACTIONS = [("", "")] + [(f"({n})", "." + "987654"[:n]) for n in range(1, 7)]
TIMES = [
    ("d", "date", ["'2024-02-29'", "'1000-01-01'", "'9999-12-31'", "'0000-00-00'", "'2024-00-00'", "'2024-05-00'",
                   "'0001-01-01'", "'1970-01-01'"]),
    *[(f"dt{n}", f"datetime{size}", [f"'2024-01-02 03:04:05{f}'", "'1000-01-01'", f"'9999-12-31 23:59:59{f}'",
                                     "'0000-00-00'", f"'2024-00-15 10:00:00{f}'", "'1969-12-31 23:59:59'"])
      for n, (size, f) in enumerate(FRACTIONS)],
    *[(f"ts{n}", f"timestamp{size} NULL", [f"'2024-07-02 03:04:05{f}'", "'1970-01-01 00:00:01'", "0",
                                           f"'2038-01-19 03:14:07{f}'"]) for n, (size, f) in enumerate(FRACTIONS)],
    *[(f"t{n}", f"time{size}", [f"'-01:02:03{f}'", "'-838:59:59'", "'838:59:59'", f"'23:59:59{f}'", f"'-00:00:00{f}'",
                                "'00:00:00'", "'-00:00:01'", "'100:00:00'"]) for n, (size, f) in enumerate(FRACTIONS)],
]
CHINESE, JAPANESE, KOREAN = "'\u4e2d\u6587\u6c34'", "'\u6c34\u30ab\u30bf\u304b\u306a'", "'\ud55c\uad6d\uc5b4'"
CHARSETS = {  # the column's character set: text that it has; "" and ASCII are added to each
    "utf8mb4": ["'\u6c34 \U0001F30A \u00fc'"], "utf8mb3": ["'\u6c34 \u00fc'"], "ascii": ["'plain'"],
    "latin1": ["'\u00e9\u20ac\u0178'", "_latin1 x'818d8f909d'"], "latin2": ["'\u0141\u00f3d\u017a'"],
    "latin5": ["'\u015f\u0131'"], "latin7": ["'\u0105\u010d'"], "cp1250": ["'\u0141\u00f3\u20ac'"],
    "cp1251": ["'\u041f\u0440\u0438\u0432\u0435\u0442'"], "cp1256": ["'\u0633\u0644\u0627\u0645'"],
    "cp1257": ["'\u0105\u010d'"], "cp850": ["'\u00fc\u2592'"], "cp852": ["'\u0141\u00fc'"],
    "cp866": ["'\u041f\u0440\u0438'"], "koi8r": ["'\u041f\u0440\u0438'"], "koi8u": ["'\u0407\u0491'"],
    "greek": ["'\u03b1\u03b2\u03a9'"], "hebrew": ["'\u05e9\u05dc\u05d5\u05dd'"], "tis620": ["'\u0e44\u0e17\u0e22'"],
    "macroman": ["'\u00fc\u2020'"], "macce": ["'\u0141\u00fc'"],
    "gbk": [CHINESE], "gb2312": ["'\u4e2d\u6587'"], "big5": ["'\u4e2d\u6587\u6c34'", "_big5 x'a145'"], "sjis": [JAPANESE],
    "cp932": [JAPANESE, "'\uff5e\u2460'"], "ujis": [JAPANESE], "eucjpms": [JAPANESE, "'\uff5e\u2460'"],
    "euckr": [KOREAN], "ucs2": ["'\u6c34\u00fc'"], "utf16": ["'\u6c34\U0001F30A'"], "utf16le": ["'\u6c34\U0001F30A'"],
    "utf32": ["'\u6c34\U0001F30A'"],
}
TEXTS = [
    ("c0", "char(0)", ["''"]),
    ("c", "char(10)", ["'ab'", "''", "'trailing  '", "'0123456789'"]),
    ("c255", "char(255)", ["'\u6c34'", "repeat('\U0001F30A', 255)"]),
    ("v63", "varchar(63)", ["repeat('\U0001F30A', 63)", "''"]),    # 252 bytes: one for the length
    ("v64", "varchar(64)", ["repeat('\U0001F30A', 64)", "'x '"]),  # 256 bytes: two
    ("v", "varchar(500)", ["'tab\\tline\\nreturn\\rback\\\\slash \"quote\" ''single'''", "'NULL'", "'\\0'",
                           "repeat('x', 500)"]),
    ("tt", "tinytext", ["''", "repeat('x', 255)"]),
    ("x", "text", ["''", "repeat('\u6c34', 2000)"]),
    ("mt", "mediumtext", ["repeat('y', 70000)", "'m'"]),
    ("lt", "longtext", ["repeat('z', 100000)", "''"]),
    ("e", "enum('a','b','with space','it''s','\u00fc','comma,inside')", ["'a'", "'it''s'", "'\u00fc'", "'none of them'",
                                                                        "'comma,inside'", "'with space'"]),
    ("el", "enum('\u00e9','\u20ac') CHARACTER SET latin1", ["'\u00e9'", "'\u20ac'"]),
    ("e300", "enum(" + ",".join(f"'m{n}'" for n in range(300)) + ")", ["'m0'", "'m254'", "'m255'", "'m299'"]),
    ("st", "set('x','y','z')", ["'x,z'", "''", "'x,y,z'"]),
    ("st64", "set(" + ",".join(f"'m{n}'" for n in range(64)) + ")", ["'m0,m63'", "'m31,m32'", "18446744073709551615"]),
    ("uca", "varchar(20) COLLATE uca1400_swedish_ai_ci", ["'\u00e5\u00e4\u00f6'"], MARIADB),
    ("uca9", "varchar(20) COLLATE utf8mb4_sv_0900_ai_ci", ["'\u00e5\u00e4\u00f6'"], MYSQL),
    ("cm", "varchar(500) COMPRESSED", ["repeat('ab', 200)", "'short'", "''", "repeat('\u6c34', 300)"], MARIADB),
    ("u", "uuid", ["'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000000'",
                   "'018f3f5e-7c00-7a00-8000-000000000000'"], MARIADB),
    ("i6", "inet6", ["'2001:db8::ff00:42:8329'", "'::'", "'::ffff:10.0.0.1'"], MARIADB),
    ("i4", "inet4", ["'192.0.2.1'", "'0.0.0.0'", "'255.255.255.0'"], MARIADB),
]
ALL_BYTES = "x'" + bytes(range(256)).hex() + "'"
BYTES = [
    ("b", "binary(5)", ["x'0102'", "x'0000000000'", "x'0102030405'", "x''"]),
    ("b16", "binary(16)", ["x'00112233445566778899aabbccddeeff'", "x'ff000000000000000000000000000000'"]),
    ("b255", "binary(255)", ["repeat(x'ff', 255)", "x'00'"]),
    ("vb", "varbinary(300)", ["x'010200'", "x''", ALL_BYTES]),
    ("cb", "char(3) CHARACTER SET binary", ["x'616200'", "x'00'"]),
    ("tb", "tinyblob", ["x''", "repeat(x'00ff', 120)"]),
    ("bl", "blob", [ALL_BYTES, "x''"]),
    ("mb", "mediumblob", ["repeat(x'0d0a00', 30000)"]),
    ("lb", "longblob", ["repeat(x'deadbeef', 50000)", "x'00'"]),
    ("bc", "blob COMPRESSED", ["repeat('z', 100)", "x'00'", "x''", "repeat(x'ff', 1000)"], MARIADB),
    ("g", "geometry", ["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(1.5 -2.25)', 4326)",
                       "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')"]),
    ("pt", "point", ["ST_GeomFromText('POINT(1 2)')"]),
    ("ls", "linestring", ["ST_GeomFromText('LINESTRING(0 0,1 1,2 0)')"]),
    ("pg", "polygon", ["ST_GeomFromText('POLYGON((0 0,4 0,4 4,0 0),(1 1,2 1,2 2,1 1))')"]),
    ("mpt", "multipoint", ["ST_GeomFromText('MULTIPOINT(1 1,2 2)')"]),
    ("mls", "multilinestring", ["ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))')"]),
    ("mpg", "multipolygon", ["ST_GeomFromText('MULTIPOLYGON(((0 0,4 0,4 4,0 0)))')"]),
    ("gc", "geometrycollection", ["ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))')"]),
    ("ve", "vector(3)", ["STRING_TO_VECTOR('[1,2,-0.5]')", "STRING_TO_VECTOR('[0,1e-3,3.4028234e38]')"], MYSQL),
    ("ve", "vector(3)", ["VEC_FromText('[1,2,-0.5]')", "VEC_FromText('[0,1e-3,3.4028234e38]')"], MARIADB_11),
]
TEXT_DOCUMENTS = [
    "'{}'", "'[]'", "'null'", "'true'", "'\"text\"'", "'-1'", "'1.5'", "'{\"a\": [1, 2.5, \"x\", null, {\"b\": false}]}'",
    "'[\"\\\\u00fc\", \"quote \\\\\" slash \\\\\\\\ line \\\\n tab \\\\t\", \"\\\\u0001\"]'", "'{\"\": 1, \"long key\": 2, \"\u6c34\": 3}'",
    "concat('[', repeat('123456789, ', 9000), '0]')",
    "concat('{\"k\": \"', repeat('x', 70000), '\"}')", "concat(repeat('[', 30), repeat(']', 30))",
]
MADE_DOCUMENTS = [
    "JSON_ARRAY(-32768, 32767, 65535, -2147483648, 2147483647, 4294967295, -9223372036854775808, 18446744073709551615)",
    "JSON_ARRAY(1e0, 1.5e0, 1e100, 1e-100, 0.1e0, -0e0, 1e15, 1e16, 1e17, 123456789.123456789e0)",
    "JSON_OBJECT('bb', 1, 'a', 2, 'ccc', 3, 'ab', 4)",
    "JSON_ARRAY(CAST(1.50 AS DECIMAL(10,2)), CAST(-123456789012345678901234567890.123 AS DECIMAL(40,5)))",
    "JSON_ARRAY(CAST('2015-01-15' AS DATE), CAST('2015-01-15 23:24:25.12' AS DATETIME(2)), CAST('-838:59:59' AS TIME), "
    "CAST('23:24:25.5' AS TIME(1)))",
    "JSON_ARRAY(x'cafe00', CAST('bytes' AS BINARY), b'101')",
    "JSON_OBJECT('a', JSON_ARRAY(JSON_OBJECT('b', JSON_ARRAY(true, false, null))))",
]
DOCUMENTS = [
    ("j", "json", TEXT_DOCUMENTS),
    ("jm", "json", MADE_DOCUMENTS, MYSQL),
    ("j2", "json", ["'{\"second\": 1}'", "'[1]'"]),
]
COMPUTED = [
    ("v", "int", ["5", "-5"]),
    ("vi", "int AS (v + 1) VIRTUAL", []),
    ("st", "varchar(20) AS (concat('v', v)) STORED", []),
    ("inv", "int INVISIBLE", ["7", "8"]),
    ("z", "int", ["9"]),
]
GROUPS = {
    "my_numbers": NUMBERS, "my_times": TIMES, "my_texts": TEXTS, "my_bytes": BYTES, "my_documents": DOCUMENTS,
    "my_computed": COMPUTED,
    "my_charsets": [(name, f"varchar(40) CHARACTER SET {name}", [*texts, "''", "'plain'"])
                    for name, texts in CHARSETS.items()],
    "my_labels": [(f"e_{name}", f"enum({texts[0]},'plain') CHARACTER SET {name}", [texts[0], "'plain'"])
                  for name, texts in CHARSETS.items() if name != "ascii"],
    "my_gb18030": [("c", "varchar(40) CHARACTER SET gb18030", [CHINESE, "'\U0001F30A'"], MYSQL)],
}
UNTOLD = {("my_labels", f"e_{name}") for name in ("utf8mb4", "utf16", "utf16le", "utf32")} | {("my_charsets", "eucjpms")}


def has(server, entry):
    """True if the server has the type of an entry."""
    needs = entry[3] if len(entry) > 3 else server.flavour
    return needs in (server.flavour, server.version)


def tables(server, told=False):
    """{table: [(column, type, values), …]} of what this server has."""
    left = UNTOLD if told else ()
    found = {name: [entry[:3] for entry in group if has(server, entry) and (name, entry[0]) not in left]
             for name, group in GROUPS.items()}
    return {name: group for name, group in found.items() if group}


def ddl(name, group):
    listed = ",\n    ".join(f"{quoted(column)} {declared}" for column, declared, _ in group)
    return f"CREATE TABLE {quoted(name)} (\n    id int PRIMARY KEY,\n    {listed}\n) CHARACTER SET utf8mb4;\n"


def inserts(name, group):
    """One statement a row; the last row is NULL in every column that can be."""
    given = [(column, values) for column, _, values in group if values]
    listed = ", ".join(quoted(column) for column, _ in given)
    count = max(len(values) for _, values in given)
    for number in range(count):
        row = ", ".join(values[number % len(values)] for _, values in given)
        yield f"INSERT INTO {quoted(name)} (id, {listed}) VALUES ({number}, {row});"
    yield f"INSERT INTO {quoted(name)} (id) VALUES ({count});"


def create(server, database, told=False):
    """Makes all tables; returns their names."""
    made = tables(server, told)
    for name, group in made.items():
        server.run(ddl(name, group), database)
    return list(made)


def fill(server, database, told=False):
    """Writes all rows, in a session that lets zero dates, labels that are not there and rounding pass."""
    for name, group in tables(server, told).items():
        server.run("SET SESSION sql_mode = '';\n" + "\n".join(inserts(name, group)), database)
