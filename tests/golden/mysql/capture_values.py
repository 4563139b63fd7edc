#!/usr/bin/python3
"""Values as a MariaDB server logs them beside what it prints for them, and what it takes each code of a character set for.

    capture_values.py SOCKET DATADIR       a private server with log_bin, binlog_format=ROW, binlog_row_metadata=FULL

Writes values.tsv and charsets.tsv beside this file. A table per declaration, a row per value: then the log's own bytes
of the value, found with nothing but the event's layout, and the text that SELECT gives.
"""
import random
import struct
import subprocess
import sys
from pathlib import Path

import pymysql

HERE = Path(__file__).resolve().parent
INTEGERS = (("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64))
DECIMALS = ((1, 0), (65, 0), (65, 38), (38, 38), (10, 3), (18, 9), (9, 0), (9, 9), (19, 10), (20, 1), (30, 5), (5, 5))
DATES = ("1000-01-01 9999-12-31 1970-01-01 1969-12-31 2024-02-29 0000-00-00 2024-00-15 2024-02-00 2023-02-31 0001-01-01 "
         "0000-01-01 1900-03-01").split()
TIMES = ("00:00:00 838:59:59 -838:59:59 -00:00:00.5 -00:00:01.000001 23:59:59.999999 -01:02:03.456789 100:00:00.1 "
         "-00:59:59.99").split()
MOMENTS = ("1000-01-01 00:00:00", "9999-12-31 23:59:59", "1970-01-01 00:00:00", "2024-02-29 12:34:56.789012",
           "0000-00-00 00:00:00", "2024-00-15 10:00:00", "1969-12-31 23:59:59.999999", "2023-02-31 01:02:03")
STAMPS = ("1970-01-01 00:00:01", "2038-01-19 03:14:07", "2024-02-29 12:34:56.789012", "0000-00-00 00:00:00")
TEXTS = {
    "latin1": "é€ßÿ", "utf8mb4": "héllo 😀 中", "utf8mb3": "中文é", "latin2": "Łódź", "greek": "αβγΩ", "hebrew": "שלום",
    "cp1251": "Привет", "koi8r": "Привет", "koi8u": "Привіт", "cp866": "Привет", "cp850": "é║", "cp852": "Łódź",
    "cp1250": "Łódź", "cp1256": "سلام", "cp1257": "Šiauliai", "latin5": "İstanbul", "latin7": "Šiauliai", "tis620": "สวัสดี",
    "macroman": "é∆", "macce": "Łódź", "swe7": "ÅÄÖåäö", "dec8": "éÿ", "hp8": "éü", "keybcs2": "ČúĺŽ",
    "geostd8": "გამარჯობა", "armscii8": "Հայ", "gbk": "中文", "gb2312": "中文", "big5": "中文•あ", "sjis": "日本語ｱ\\~",
    "cp932": "日本語①", "euckr": "한국뷁", "ujis": "日本語", "eucjpms": "日本語①", "ucs2": "aé中", "utf16": "a中😀",
    "utf16le": "a中😀", "utf32": "a中😀", "ascii": "plain"}
INET6 = ("::", "::1", "::5", "::1:2", "::1.2.3.4", "::ffff:1.2.3.4", "::ffff:0:0", "2001:db8::ff00:42:8329",
         "1:0:2:0:0:3:0:0", "1:0:2:3:4:5:6:7", "fe80::", "0:1::", "1:2:3:4:5:6:7:0", "::fffe:1:2", "0:0:1::")
BIG5_AND_SJIS = {"big5": "BIG5", "sjis": "SJIS"}  # where iconv differs in more than a handful of codes


def quoted(*values):
    return ["'%s'" % v.replace("\\", "\\\\") for v in values]


class Case:
    """A declaration, the SQL of its values, and what the log cannot say about it."""
    def __init__(self, declared, values, logical="-", labels=(), raw=False):
        self.declared, self.values, self.logical, self.labels, self.raw = declared, values, logical, labels, raw

    def selected(self):
        if self.declared in ("float", "double"):
            return "cast(c as char)"
        if self.raw:
            return "cast(hex(c) as char)"
        return "cast(%s as char character set utf8mb4)" % ("bin(c + 0)" if self.declared.startswith("bit") else "c")


def numbers():
    for name, bits in INTEGERS:
        half = 2 ** (bits - 1)
        yield Case(name, [str(v) for v in (-half, half - 1, 0, -1, 1, 42)])
        yield Case(name + " unsigned", [str(v) for v in (0, 2 * half - 1, half, 1)])
    for precision, scale in DECIMALS:
        values = ["0"]
        for digits in ["9" * precision, *("".join(random.choices("0123456789", k=precision)) for _ in range(3))]:
            whole, fraction = digits[:precision - scale] or "0", digits[precision - scale:]
            values += [sign + whole + ("." + fraction if scale else "") for sign in ("", "-")]
        yield Case("decimal(%d,%d)" % (precision, scale), quoted(*values))
    yield Case("float", "1.5 -0.1 3.40282e38 1e-38 0 16777216".split())
    yield Case("double", "2.5 -0.1 1.7976931348623157e308 5e-324 2.2250738585072014e-308 0".split())
    for n in (1, 8, 9, 10, 33, 64):
        yield Case("bit(%d)" % n, ["b'%s'" % b for b in ("0", "1", "1" * n, "".join(random.choices("01", k=n)))])


def times():
    yield Case("year", ["'0000'", "1901", "2155", "2024"])
    yield Case("date", quoted(*DATES))
    for digits in range(7):
        yield Case("time(%d)" % digits, quoted(*TIMES))
        yield Case("datetime(%d)" % digits, quoted(*MOMENTS))
        yield Case("timestamp(%d) null" % digits, quoted(*STAMPS))


def labels():
    yield Case("enum('a','b''c','ü','')", ["'a'", "'b''c'", "'ü'", "0", "4"], labels=["a", "b'c", "ü", ""])
    many = ["v%d" % i for i in range(300)]
    yield Case("enum(%s)" % ",".join(quoted(*many)), quoted("v0", "v254", "v255", "v299"), labels=many)
    for n in (2, 8, 9, 17, 25, 33, 64):
        members = ["m%d" % i for i in range(n)]
        some = random.sample(members, max(1, n // 3))
        yield Case("set(%s)" % ",".join(quoted(*members)),
                   quoted("", "m0", ",".join(members), ",".join(some), members[-1]), labels=members)


def texts():
    for charset, text in TEXTS.items():
        for declared in ("varchar(300)", "char(20)", "text"):
            more = [] if charset == "swe7" else ["ab"]
            yield Case("%s character set %s" % (declared, charset), quoted(text, "", *more))
    yield Case("char(100) character set utf8mb4", quoted("é", "", "x" * 100))
    yield Case("char(255) character set latin1", quoted("y" * 255))
    yield Case("varchar(255) character set latin1", quoted("y" * 255, ""))
    yield Case("varchar(256) character set latin1", quoted("y" * 256))
    for size in ("tiny", "medium", "long"):
        yield Case(size + "text character set utf8mb4", quoted("é😀", ""))
    yield Case("varchar(500) character set latin1 compressed", ["repeat('ab',200)", *quoted("short", "", "é")])
    yield Case("text character set utf8mb4 compressed", ["repeat('né',500)", *quoted("", "x")])
    yield Case("json", quoted('{"a": 1}', "[]"), "json")


def bytes_and_more():
    yield Case("binary(5)", ["x'%s'" % b for b in ("0102", "", "0000000000", "0102030405", "01000300")], raw=True)
    yield Case("binary(255)", ["x'00ff'"], raw=True)
    yield Case("varbinary(5)", ["x'0100'", "x''", "x'ff00ff00ff'"], raw=True)
    for size in ("tiny", "", "medium", "long"):
        yield Case(size + "blob", ["x'00ff10'", "x''"], raw=True)
    yield Case("varbinary(500) compressed", ["repeat(x'00ff',100)", "x'00'", "x''"], raw=True)
    yield Case("blob compressed", ["repeat(x'00ff',100)", "x'0001'"], raw=True)
    yield Case("point", ["ST_GeomFromText('POINT(1 2)')"], raw=True)
    yield Case("geometry", ["ST_GeomFromText('LINESTRING(0 0,1 1)',4326)"], raw=True)
    plain = ["-".join(digit * n for n in (8, 4, 4, 4, 12)) for digit in "0f"]
    yield Case("uuid", quoted("123e4567-e89b-12d3-a456-426655440000", *plain), "uuid")
    words = [0, 0, 0, 1, 0xffff, 0x12, 0xabcd]
    addresses = [":".join("%x" % random.choice(words) for _ in range(8)) for _ in range(60)]
    yield Case("inet6", quoted(*INET6, *addresses), "inet6")
    yield Case("inet4", quoted("0.0.0.0", "192.0.2.1", "255.255.255.255", "10.0.0.0", "1.20.100.9"), "inet4")


def lenenc(data, at):
    width = {0xfc: 2, 0xfd: 3, 0xfe: 8}.get(data[at], 0)
    return (int.from_bytes(data[at + 1:at + 1 + width], "little"), at + 1 + width) if width else (data[at], at + 1)


def table_map(body):
    """(table's number in its name, types, metadata, collation, unsigned) of one with two columns, id and c."""
    at = 8 + body[8] + 2
    name = body[at + 1:at + 1 + body[at]].decode()
    count, at = lenenc(body, at + body[at] + 2)
    types = body[at:at + count]
    length, at = lenenc(body, at + count)
    metadata = body[at:at + length]
    at += length + (count + 7) // 8
    collation = unsigned = 0
    while at < len(body):
        field = body[at]
        length, at = lenenc(body, at + 1)
        if field == 1 and types[1] in (1, 2, 3, 4, 5, 8, 9, 13, 246):
            unsigned = body[at] >> 6 & 1
        if field in (2, 3, 10, 11):
            collation = lenenc(body, at)[0]
        at += length
    return int(name[1:]), types, metadata, collation, unsigned


def logged(path):
    """(table's number, id, type, metadata, collation, unsigned, bytes) of every row that has a value."""
    data, at, tables = path.read_bytes(), 4, {}
    while at < len(data):
        _, kind, _, size, _, _ = struct.unpack_from("<IBIIIH", data, at)
        body = data[at + 19:at + size - 4]
        at += size
        if kind == 19:
            tables[body[:6]] = table_map(body)
        elif kind == 23 and not body[10] & 2:
            number, types, metadata, collation, unsigned = tables[body[:6]]
            yield number, struct.unpack_from("<i", body, 11)[0], types[1], metadata, collation, unsigned, body[15:]


def capture_values(cursor, datadir):
    cases = [*numbers(), *times(), *labels(), *texts(), *bytes_and_more()]
    cursor.execute("create or replace database golden_values")
    cursor.execute("use golden_values")
    cursor.execute("set sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'")
    for i, case in enumerate(cases):
        cursor.execute("create table g%d (id int primary key, c %s)" % (i, case.declared))
    cursor.execute("flush binary logs")
    cursor.execute("show master status")
    log = datadir / cursor.fetchone()[0]
    printed, declared = {}, {}
    for i, case in enumerate(cases):
        for n, value in enumerate(case.values):
            cursor.execute("insert into g%d values (%d, %s)" % (i, n, value))
        cursor.execute("select id, %s from g%d" % (case.selected(), i))
        printed[i] = dict(cursor.fetchall())
        cursor.execute("select column_type from information_schema.columns where table_schema = 'golden_values' and "
                       "table_name = 'g%d' and column_name = 'c'" % i)
        declared[i] = cursor.fetchone()[0]
    cursor.execute("flush binary logs")
    cursor.execute("select version()")
    yield "# Values in the log of MariaDB %s and what SELECT prints for them. Fields: declaration of" % cursor.fetchone()[0]
    yield "# information_schema (- if long), type byte, metadata, collation, unsigned, logical type, labels, bytes, form, text"
    for i, row, kind, metadata, collation, unsigned, value in logged(log):
        case, text = cases[i], printed[i][row]
        if text is not None:
            short = declared[i] if len(declared[i]) < 200 else "-"
            yield "\t".join([short, str(kind), metadata.hex() or "-", str(collation), str(unsigned), case.logical,
                             "|".join(case.labels) or "-", value.hex() or "-", "h" if case.raw else "t", text])


def codes_of(longest):
    codes = ["%02x" % i for i in range(256)]
    if longest >= 2:
        codes += ["%04x" % i for i in range(0x8000, 0x10000)]
    if longest >= 3:
        codes += ["8f%02x%02x" % (a, b) for a in range(0xa1, 0xff) for b in range(0xa1, 0xff)]
    return codes


def meanings(cursor, charset, codes):
    """(code, character) of the codes that are one character."""
    for at in range(0, len(codes), 2000):
        part = codes[at:at + 2000]
        one = "hex(convert(convert(x'%s' using %s) using utf8mb4))"
        cursor.execute("select " + ",".join(one % (code, charset) for code in part))
        for code, text in zip(part, cursor.fetchone()):
            text = bytes.fromhex(text or "").decode()
            if len(text) == 1 and text != "\ufffd" and (text != "?" or code == "3f"):
                yield code, text


def iconv_differs(name, code, text):
    command = ["iconv", "-f", name, "-t", "UTF-8"]
    done = subprocess.run(command, input=bytes.fromhex(code), capture_output=True, check=False)
    return done.stdout != text.encode()


def capture_charsets(cursor):
    cursor.execute("select character_set_name, maxlen from information_schema.character_sets where character_set_name not in "
                   "('ascii', 'binary') and character_set_name not like 'u%%' or character_set_name = 'ujis' order by 2, 1")
    yield "# What MariaDB takes codes for: CONVERT(CONVERT(x'..' USING set) USING utf8mb4). Set, then code=character in hex. Single"
    yield "# bytes: 80 to ff, and of the others those that are not themselves. Longer ones: every 41st, and for two sets those of"
    yield "# their first rows that iconv has otherwise."
    for charset, longest in cursor.fetchall():
        items = []
        for n, (code, text) in enumerate(meanings(cursor, charset, codes_of(longest))):
            special = charset in BIG5_AND_SJIS and code[:2] in ("81", "a1", "a2", "c6", "c7") and \
                iconv_differs(BIG5_AND_SJIS[charset], code, text)
            if (len(code) == 2 and (int(code, 16) >= 0x80 or ord(text) != int(code, 16))) or \
                    (len(code) > 2 and (n % 41 == 0 or special)):
                items.append("%s=%X" % (code, ord(text)))
        yield charset + "\t" + " ".join(items)


def main():
    random.seed(7)
    socket, datadir = sys.argv[1], Path(sys.argv[2])
    cursor = pymysql.connect(unix_socket=socket, user="root", charset="utf8mb4", autocommit=True).cursor()
    (HERE / "values.tsv").write_text("\n".join(capture_values(cursor, datadir)) + "\n")
    (HERE / "charsets.tsv").write_text("\n".join(capture_charsets(cursor)) + "\n")


if __name__ == "__main__":
    main()
