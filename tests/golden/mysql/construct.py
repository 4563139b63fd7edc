#!/usr/bin/python3
"""Writes constructed_mysql.hex and constructed_mariadb.hex: events built from the layouts of the servers' sources, field
by field, for what the server at hand does not send. The line "# = ..." over each says what was put in."""
import struct
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
STAMP, SERVER, POS = 1750000000, 3, 4711
UUID = bytes.fromhex("8a94f357aab411dfa0d5c80aa9429562")
UUID_TEXT = "8a94f357-aab4-11df-a0d5-c80aa9429562"
TIME, OLD_TIME = 1750000000123456, 1749999999000001


def u(n, size):
    return n.to_bytes(size, "little"), str(n)


def lenenc(n):
    head = b"" if n < 251 else b"\xfc" if n < 1 << 16 else b"\xfd" if n < 1 << 24 else b"\xfe"
    return head + n.to_bytes({b"": 1, b"\xfc": 2, b"\xfd": 3, b"\xfe": 8}[head], "little"), str(n)


def text(t):
    t = t if isinstance(t, bytes) else t.encode()
    return t, t.decode("latin1")


def varlen(n):
    """Little-endian, under as many ones as bytes follow the first."""
    size = next(s for s in range(1, 10) if s == 9 or n < 1 << 7 * s)
    if size == 9:
        return b"\xff" + n.to_bytes(8, "little"), str(n)
    return (n << size | (1 << size - 1) - 1).to_bytes(size, "little"), str(n)


def svarlen(n):
    return varlen(n << 1 if n >= 0 else ~n << 1 | 1)[0], str(n)


def field(kind, value):
    return lenenc(kind)[0] + lenenc(len(value))[0] + value, "field %d: %s" % (kind, value.hex())


class File:
    def __init__(self, name, intro):
        self.out = open(HERE / (name + ".hex"), "w")
        self.out.write("# %s See construct.py.\n" % intro)

    def event(self, kind, name, expected, fields, checksum=True, stamp=STAMP, pos=POS, flags=0):
        body = b"".join(f[0] for f in fields)
        tail = 4 if checksum else 0
        head = struct.pack("<IBIIIH", stamp, kind, SERVER, 19 + len(body) + tail, pos, flags)
        line = "%s stamp=%d server=%d pos=%d flags=%x %s" % (name, stamp, SERVER, pos, flags, expected)
        self.out.write("\n# = %s\n%s  # header\n" % (line.rstrip(), head.hex(" ")))
        for data, comment in fields:
            if data:
                self.out.write("%s  # %s\n" % (data.hex(" "), comment.replace("\n", " ").replace("\0", ".")))
        if checksum:
            self.out.write("%s  # crc\n" % zlib.crc32(head + body).to_bytes(4, "little").hex(" "))

    def format(self, version, lengths, checksum):
        shown = "version=%s created=0 checksum=%d lengths=%s" % (version, checksum, lengths.hex())
        self.event(15, "FORMAT_DESCRIPTION", shown,
                   [u(4, 2), (version.encode().ljust(50, b"\0"), version), u(0, 4), u(19, 1),
                    (lengths, "post-header lengths"), u(checksum, 1)])


def gtid(f, number, tail, time=0, size=0, kind=33, name="GTID", uuid=UUID, shown=UUID_TEXT):
    f.event(kind, name, "gtid=%s:%d time=%d bytes=%d" % (shown, number, time, size),
            [u(1, 1), (uuid, "uuid"), u(number, 8), *tail])


def gtids(f):
    clock = [u(2, 1), u(7, 8), u(8, 8)]
    gtid(f, 1, [])
    gtid(f, 2, clock)
    gtid(f, 3, [*clock, u(TIME, 7)], TIME)
    gtid(f, 4, [*clock, u(TIME | 1 << 55, 7), u(OLD_TIME, 7)], OLD_TIME)
    gtid(f, 5, [*clock, u(TIME, 7), lenenc(250)], TIME, 250)
    gtid(f, 6, [*clock, u(TIME, 7), lenenc(251), u(80403, 4)], TIME, 251)
    gtid(f, 7, [*clock, u(TIME, 7), lenenc(70000), u(80403 | 1 << 31, 4), u(50744, 4)], TIME, 70000)
    gtid(f, 2**63 - 2, [*clock, u(TIME, 7), lenenc(5 << 30), u(90001, 4), u(12, 8)], TIME, 5 << 30)
    gtid(f, 0, [*clock, u(TIME, 7), lenenc(300), u(80403, 4)], TIME, 300, 34, "ANONYMOUS_GTID", bytes(16),
         "00000000-0000-0000-0000-000000000000")


def tagged(f, tag, number, fields, time=0, size=0):
    body = [(varlen(i)[0] + data, "field %d: %s" % (i, comment)) for i, (data, comment) in sorted(fields.items())]
    parts = lambda whole: [varlen(1), varlen(whole), varlen(0), *body]
    whole = sum(len(data) for data, _ in parts(0))
    whole += len(varlen(whole)[0]) - 1
    f.event(42, "GTID_TAGGED", "gtid=%s%s:%d time=%d bytes=%d" % (UUID_TEXT, tag and ":" + tag, number, time, size),
            parts(whole))


def tagged_gtids(f):
    def basic(tag, number):
        return {0: varlen(1), 1: (b"".join(varlen(b)[0] for b in UUID), "uuid"), 2: svarlen(number),
                3: (varlen(len(tag))[0] + tag.encode(), tag)}
    tagged(f, "abc", 1, basic("abc", 1))
    tagged(f, "_" + "x" * 30 + "9", 100, {**basic("_" + "x" * 30 + "9", 100), 4: svarlen(0), 5: svarlen(1)})
    tagged(f, "t", 64, {**basic("t", 64), 4: svarlen(-1), 5: svarlen(2**40), 6: varlen(TIME), 8: varlen(400),
                        9: varlen(80400)}, TIME, 400)
    tagged(f, "t", 2**63 - 2, {**basic("t", 2**63 - 2), 6: varlen(TIME), 7: varlen(OLD_TIME), 8: varlen(2**64 - 1),
                               9: varlen(80400), 10: varlen(80300), 11: varlen(3)}, OLD_TIME, 2**64 - 1)
    tagged(f, "", 9, basic("", 9))
    tagged(f, "new", 10, {**basic("new", 10), 12: (b"\x02\xff\xff", "of a newer server"), 13: (b"\xfe", "too")})


def query(f, db, sql, status, expected, error=0):
    block = b"".join(data for data, _ in status)
    f.event(2, "QUERY", "thread=12 error=%d db=%s %s" % (error, db, expected),
            [u(12, 4), u(0, 4), u(len(db), 1), u(error, 2), u(len(block), 2), *status, (db.encode() + b"\0", db), text(sql)])


def status(code, value):
    return bytes([code]) + value, "status %d" % code


def queries(f):
    plain = "ansi=0 noescape=0 xid=0 extra=0 collation=0 us=0 sql="
    query(f, "d", "BEGIN", [], plain + "BEGIN")
    query(f, "", "COMMIT", [], plain + "COMMIT", 1234)
    every = [status(0, bytes(4)), status(1, (0x100004).to_bytes(8, "little")), status(6, b"\3std"), status(3, bytes(4)),
             status(4, bytes([255, 0, 45, 0, 8, 0])), status(5, b"\6SYSTEM"), status(7, bytes(2)), status(8, bytes(2)),
             status(9, bytes(8)), status(10, bytes(4)), status(11, b"\4root\x09localhost"), status(12, b"\2d\0other\0"),
             status(13, bytes([0x40, 0xe2, 1])), status(16, b"\1"), status(17, bytes(8)), status(18, b"\xff\0"),
             status(19, b"\0"), status(20, b"\0"), status(21, b"\1")]
    query(f, "d", "drop table t", every, "ansi=1 noescape=1 xid=1 extra=0 collation=255 us=123456 sql=drop%20table%20t")
    query(f, "d", "x", [status(2, b"\3std\0"), status(12, b"\xfe"), status(13, b"\1\0\0")],
          "ansi=0 noescape=0 xid=0 extra=0 collation=0 us=1 sql=x")
    query(f, "d", "x", [status(13, b"\2\0\0"), status(200, b"\x0c of a newer server")],
          "ansi=0 noescape=0 xid=0 extra=0 collation=0 us=2 sql=x")


def table_map(f):
    optional = {1: b"\x80", 3: b"\x08\xfc\x00\x01", 4: b"\1a\1b\1c", 5: b"\1\1x", 6: b"\1\1y", 7: b"\1", 8: b"\0",
                9: b"\1\5", 10: b"\x08", 11: b"\x08", 12: b"\xe0", 13: b"\3", 2: b""}
    shown = "id=281474976710654 flags=7 name=d.t columns=3 types=030ff2 meta=1400 null=06"
    fields = [u(281474976710654, 6), u(7, 2), (b"\1d\0", "d"), (b"\1t\0", "t"), lenenc(3), (b"\x03\x0f\xf2", "types"),
              (b"\2\x14\0", "metadata"), (b"\6", "nullable")]
    f.event(19, "TABLE_MAP", shown, fields)
    f.event(19, "TABLE_MAP", shown + "".join(" %d=%s" % (k, optional[k].hex()) for k in sorted(optional)),
            fields + [field(k, optional[k]) for k in optional] + [(b"\x77\2ab", "field of a newer server")])
    wide = 300
    f.event(19, "TABLE_MAP", "id=1 flags=0 name=d.wide columns=%d types=%s meta= null=%s" % (wide, "03" * wide, "ff" * 38),
            [u(1, 6), u(0, 2), (b"\1d\0", "d"), (b"\4wide\0", "wide"), lenenc(wide), (b"\3" * wide, "types"), lenenc(0),
             (b"\xff" * 38, "nullable")])


def rows(f, kind, name, which, before, after, data, extra=b"", partial=0):
    shown = "id=5 flags=1 kind=%d partial=%d compressed=0 dummy=0 columns=9 before=%s after=%s rows=%s" % (
        which, partial, before.hex(), after.hex(), data.hex())
    f.event(kind, name, shown, [u(5, 6), u(1, 2), u(len(extra) + 2, 2), (extra, "extra"), lenenc(9), (before, "before"),
                                (after, "after"), (data, "rows")])


def all_rows(f):
    full = b"\xff\1"
    rows(f, 30, "WRITE_ROWS", 0, b"", full, b"\0\0row")
    rows(f, 31, "UPDATE_ROWS", 1, full, b"\1\0", b"\0\0before\0after", b"\1\2\0\3\0")
    rows(f, 32, "DELETE_ROWS", 2, full, b"", b"\0\0row", b"\1\2\0")
    rows(f, 39, "PARTIAL_UPDATE_ROWS", 1, full, full, b"\0\0before\1\1\0\0after", b"\0\5abcd", 1)
    for table in (0xffffff, 0xffffffffffff):
        shown = "id=%d flags=1 kind=0 partial=0 compressed=0 dummy=1 columns=1 before= after=01 rows="
        f.event(30, "WRITE_ROWS", shown % table,
                [u(table, 6), u(1, 2), u(2, 2), lenenc(1), (b"\1", "present")])


def heartbeats(f):
    f.event(27, "HEARTBEAT", "position=1234 file=mysql-bin.000007", [text("mysql-bin.000007")], stamp=0, pos=1234)
    f.event(41, "HEARTBEAT_V2", "position=1234 file=mysql-bin.000007",
            [field(1, b"mysql-bin.000007"), field(2, lenenc(1234)[0]), (b"\0", "end")], stamp=0, pos=0)
    f.event(41, "HEARTBEAT_V2", "position=5368709120 file=b.1",
            [field(2, lenenc(5 << 30)[0]), field(9, b"of a newer server"), field(1, b"b.1"), (b"\0", "end")],
            stamp=0, pos=0)


def payloads(f):
    f.event(40, "TRANSACTION_PAYLOAD", "compression=0 uncompressed=70000 payload=payload",
            [field(2, b"\0"), field(3, lenenc(70000)[0]), field(1, b"\7"), (b"\0", "end"), text("payload")])
    f.event(40, "TRANSACTION_PAYLOAD", "compression=255 uncompressed=0 payload=",
            [field(2, lenenc(255)[0]), field(1, b"\0"), field(7, b"of a newer server"), (b"\0", "end")])


def mysql():
    f = File("constructed_mysql", "MySQL 5.7 to 9.x.")
    lengths = bytearray(42)
    for kind, length in {2: 13, 4: 8, 15: 99, 19: 8, 23: 8, 24: 8, 25: 8, 26: 2, 30: 10, 31: 10, 32: 10, 33: 42, 34: 42,
                         39: 10, 40: 40}.items():
        lengths[kind - 1] = length
    f.format("9.7.2", bytes(lengths), 1)
    f.event(4, "ROTATE", "position=500 file=mysql-bin.000007", [u(500, 8), text("mysql-bin.000007")],
            stamp=0, pos=0, flags=0x20)
    gtids(f)
    tagged_gtids(f)
    queries(f)
    f.event(16, "XID", "xid=18446744073709551615", [u(2**64 - 1, 8)])
    for one_phase, form, g, b, in ((0, 1, b"g", b"b"), (1, 0xffffffff, b"\0" * 64, b"\xff" * 64), (0, 0, b"", b"")):
        f.event(38, "XA_PREPARE", "one_phase=%d xid=X%%27%s%%27%%2cX%%27%s%%27%%2c%d" % (one_phase, g.hex(), b.hex(), form),
                [u(one_phase, 1), u(form, 4), u(len(g), 4), u(len(b), 4), (g, "gtrid"), (b, "bqual")])
    table_map(f)
    all_rows(f)
    heartbeats(f)
    payloads(f)
    f.event(26, "INCIDENT", "number=1 message=lost", [u(1, 2), u(4, 1), text("lost")])
    f.event(26, "INCIDENT", "number=0 message=", [u(0, 2), u(0, 1)])
    f.event(200, "?", "", [text("of a newer server")], flags=0x80)
    f.format("5.7.44", bytes(lengths[:38]), 0)
    f.event(16, "XID", "xid=1", [u(1, 8)], checksum=False)
    lengths[1] = 15
    f.format("99.1.0", bytes(lengths), 0)
    f.event(2, "QUERY", "thread=1 error=0 db=d ansi=0 noescape=0 xid=0 extra=0 collation=0 us=0 sql=x",
            [u(1, 4), u(0, 4), u(1, 1), u(0, 2), u(0, 2), (b"\xaa\xbb", "a longer post-header"), text("d\0x")],
            checksum=False)


def maria_gtid(f, seq, domain, flags, tail, extra=0, xid=""):
    body = [u(seq, 8), u(domain, 4), u(flags, 1), *tail]
    short = 19 - sum(len(data) for data, _ in body)
    f.event(162, "MARIADB_GTID", "%d-%d-%d flags=%02x extra=%02x xid=%s" % (domain, SERVER, seq, flags, extra, xid),
            body + [(bytes(max(short, 0)), "padding")])


def mariadb():
    f = File("constructed_mariadb", "MariaDB 10.3 to 12.x.")
    lengths = bytearray(172)
    lengths[1] = lengths[164] = 13
    lengths[161] = 19
    f.format("12.3.1-MariaDB-log", bytes(lengths), 1)
    maria_gtid(f, 1, 0, 1, [])
    maria_gtid(f, 2**64 - 1, 2**32 - 1, 4 | 2, [(u(77, 8)[0], "group commit")])
    maria_gtid(f, 18, 0, 0x29, [u(2, 1)], 2)
    maria_gtid(f, 19, 0, 0x29, [u(4, 1), u(18, 8)], 4)
    maria_gtid(f, 20, 0, 0x29, [u(8, 1), u(18, 8)], 8)
    maria_gtid(f, 21, 0, 0x0c, [u(1 | 16, 1), u(2, 1), u(4711, 4)], 17)
    maria_gtid(f, 22, 5, 0x40 | 2 | 4, [u(1, 8), u(7, 4), u(2, 1), u(2, 1), text("g1b1"), u(1, 1), u(0, 1)], 1,
               "X%276731%27%2cX%276231%27%2c7")
    maria_gtid(f, 23, 5, 0x80 | 1, [u(2**32 - 1, 4), u(64, 1), u(64, 1), (b"\xab" * 128, "xid")], 0,
               "X%27" + "ab" * 64 + "%27%2cX%27" + "ab" * 64 + "%27%2c4294967295")
    maria_gtid(f, 24, 0, 1, [u(0x40, 1), text("of a newer server")], 0x40)
    f.event(163, "GTID_LIST", "list=[0-1-5 7-2-18446744073709551615]",
            [u(2 | 1 << 28, 4), u(0, 4), u(1, 4), u(5, 8), u(7, 4), u(2, 4), u(2**64 - 1, 8)])
    f.event(163, "GTID_LIST", "list=[]", [u(0, 4), (b"\0\0", "padding")])
    f.event(27, "HEARTBEAT", "position=5368709120 file=binlog.000009", [u(5 << 30, 8), text("binlog.000009")],
            stamp=0, pos=0)
    f.event(164, "START_ENCRYPTION", "", [u(1, 1), u(1, 4), (bytes(range(12)), "nonce")])
    f.event(2, "QUERY", "thread=1 error=0 db=d ansi=0 noescape=0 xid=0 extra=4 collation=45 us=5 sql=x",
            [u(1, 4), u(0, 4), u(1, 1), u(0, 2), u(39, 2), status(4, bytes([45, 0, 45, 0, 8, 0])), status(128, b"\5\0\0"),
             status(129, bytes(8)), status(130, b"\4" + bytes(8)), status(131, b"\1\2\3\4\5\6\7\x08"), (b"d\0", "d"),
             text("x")])
    packed = zlib.compress(b"abc" * 100)
    for kind, name, which in ((169, "WRITE_ROWS_COMPRESSED", 0), (170, "UPDATE_ROWS_COMPRESSED", 1),
                              (171, "DELETE_ROWS_COMPRESSED", 2)):
        before, after = b"\3" if which else b"", b"\3" if which < 2 else b""
        f.event(kind, name, "id=5 flags=1 kind=%d partial=0 compressed=1 dummy=0 columns=2 before=%s after=%s rows=%s" % (
            which, before.hex(), after.hex(), (b"abc" * 100).hex()),
            [u(5, 6), u(1, 2), u(2, 2), lenenc(2), (before, "before"), (after, "after"), (b"\x84\0\0\1\x2c", "300 bytes"),
             (packed, "zlib")])
    f.event(172, "PARTIAL_ROW_DATA", "total=2 number=1 bytes=first", [u(2, 4), u(1, 4), u(1, 1), u(11, 8), text("first")])
    f.event(172, "PARTIAL_ROW_DATA", "total=2 number=2 bytes=second", [u(2, 4), u(2, 4), u(0, 1), text("second")])


mysql()
mariadb()
