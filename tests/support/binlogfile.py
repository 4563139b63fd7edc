"""Binlogs made of bytes: events put together by hand, or taken from a real server's files, changed as a test likes.

    log = BinlogFiles("mariadb")                        file ─▶ [Event(position, bytes), …]
    t = log.table("shop", "t", [("id", "int"), ("v", "varchar")])
    log.transaction(t.insert([1, "one"]), t.update([1, "one"], [1, None]))
    log.add(200, b"?", flags=IGNORABLE)                 a type that nobody knows

Positions, log_pos and checksums come by themselves; `add` takes any of them from the test instead. Everything is written
from the description of the formats, not from leat's decoder.
"""
import struct
import time
import zlib

MAGIC = b"\xfebin"
HEADER_BYTES, CRC_BYTES = 19, 4
ARTIFICIAL, IGNORABLE = 0x20, 0x80
(QUERY, STOP, ROTATE, FORMAT, XID, TABLE_MAP, INCIDENT, HEARTBEAT, GTID, ANONYMOUS, PREVIOUS_GTIDS, MARIA_GTID,
 MARIA_GTID_LIST) = 2, 3, 4, 15, 16, 19, 26, 27, 33, 34, 35, 162, 163
POST_HEADERS = {QUERY: 13, ROTATE: 8, FORMAT: 98, TABLE_MAP: 8, INCIDENT: 2, GTID: 42, ANONYMOUS: 42, MARIA_GTID: 19,
                MARIA_GTID_LIST: 4, **dict.fromkeys((23, 24, 25), 8), **dict.fromkeys((30, 31, 32, 39), 10)}
TYPES = {  # name: (type byte, metadata, numeric)
    "tinyint": (1, b"", True), "int": (3, b"", True), "bigint": (8, b"", True),
    "varchar": (15, struct.pack("<H", 400), False)}
UTF8MB4 = 45


def lenenc(number):
    if number < 251:
        return bytes([number])
    if number < 1 << 16:
        return b"\xfc" + struct.pack("<H", number)
    return b"\xfd" + struct.pack("<I", number)[:3] if number < 1 << 24 else b"\xfe" + struct.pack("<Q", number)


def with_crc(data):
    return data + struct.pack("<I", zlib.crc32(data))


def event(kind, body, log_pos, server_id=1, flags=0, timestamp=None, size=None, checksum=True):
    """The bytes of one event; `size` forges the length in its header."""
    real = HEADER_BYTES + len(body) + (CRC_BYTES if checksum else 0)
    moment = int(time.time()) if timestamp is None else timestamp
    head = struct.pack("<IBIIIH", moment, kind, server_id, real if size is None else size, log_pos & 0xffffffff, flags)
    return with_crc(head + body) if checksum else head + body


class Event:
    def __init__(self, position, data):
        self.position, self.data = position, data  # position: of its first byte

    @property
    def kind(self):
        return self.data[4]

    @property
    def end(self):
        return self.position + len(self.data)


class BinlogFiles:
    """The log of one fake server, oldest file first."""

    def __init__(self, flavour="mariadb", base="binlog", server_id=7, uuid="3e11fa47-71ca-11e1-9e33-c80aa9429562", domain=0):
        self.flavour, self.base, self.server_id, self.uuid, self.domain = flavour, base, server_id, uuid, domain
        self.version = "10.11.6-MariaDB-log" if self.mariadb else "8.4.3"
        self.created = int(time.time())
        self.files = {}
        self.number = 0        # of the last GTID
        self.table_id = 100
        self.begin_file()

    @property
    def mariadb(self):
        return self.flavour == "mariadb"

    @classmethod
    def captured(cls, flavour, files, **keywords):
        """The events of real files: {name: bytes}."""
        log = cls(flavour, **keywords)
        log.files = {name: list(read_events(data)) for name, data in files.items()}
        return log

    # --- files --------------------------------------------------------------------------------

    @property
    def names(self):
        return list(self.files)

    @property
    def current(self):
        return self.names[-1]

    @property
    def events(self):
        return self.files[self.current]

    @property
    def position(self):
        """Where the current file ends."""
        return self.events[-1].end if self.events else len(MAGIC)

    def begin_file(self, name=None, rotate=True):
        """A new file; `rotate`: the old one says so at its end."""
        name = name or f"{self.base}.{len(self.files) + 1:06d}"
        if self.files and rotate:
            self.add(ROTATE, struct.pack("<Q", len(MAGIC)) + name.encode())
        self.files[name] = []
        self.add(FORMAT, self.format_body(self.created))
        if self.mariadb:
            self.add(MARIA_GTID_LIST, self.gtid_list_body())
        else:
            self.add(PREVIOUS_GTIDS, self.previous_gtids_body())
        return name

    def format_body(self, created=0):
        lengths = bytes(POST_HEADERS.get(kind, 0) for kind in range(1, 173 if self.mariadb else 43))
        return struct.pack("<H50sIB", 4, self.version.encode(), created, HEADER_BYTES) + lengths + b"\x01"

    def gtid_list_body(self):
        if not self.number:
            return struct.pack("<I", 0)
        return struct.pack("<IIIQ", 1, self.domain, self.server_id, self.number)

    def previous_gtids_body(self):
        if not self.number:
            return struct.pack("<Q", 0)
        return struct.pack("<Q16sQQQ", 1, self.uuid_bytes, 1, 1, self.number + 1)

    @property
    def uuid_bytes(self):
        return bytes.fromhex(self.uuid.replace("-", ""))

    def skip_to(self, position):
        """The next event begins there, as if much had been written before: past 4 GiB, for instance."""
        self.events.append(Event(position, b""))

    # --- events -------------------------------------------------------------------------------

    def add(self, kind, body, flags=0, log_pos=None, size=None, timestamp=None, data=None):
        """Appends one event, or any bytes in its place."""
        begin = self.position
        if data is None:
            end = begin + HEADER_BYTES + len(body) + CRC_BYTES
            data = event(kind, body, end if log_pos is None else log_pos, self.server_id, flags, timestamp, size)
        self.events.append(Event(begin, data))
        return self.events[-1]

    def query(self, text, database=""):
        body = struct.pack("<IIBHH", 5, 0, len(database), 0, 7)
        charset = b"\x04" + struct.pack("<HHH", UTF8MB4, UTF8MB4, UTF8MB4)
        return self.add(QUERY, body + charset + database.encode() + b"\0" + text.encode())

    def begin(self, standalone=False, ddl=False):
        """The GTID that opens a transaction, and its BEGIN where that is an event of its own."""
        self.number += 1
        if self.mariadb:
            flags = (1 if standalone else 4) | (32 if ddl else 0)
            return self.add(MARIA_GTID, struct.pack("<QIB", self.number, self.domain, flags) + b"\0" * 6)
        self.add(GTID, struct.pack("<B16sqBqq", 1 if standalone else 0, self.uuid_bytes, self.number, 2, 0, 1)
                 + struct.pack("<Q", self.created * 1_000_000)[:7] + lenenc(300) + struct.pack("<I", 80403))
        return None if standalone else self.query("BEGIN")

    def commit(self):
        return self.add(XID, struct.pack("<Q", self.number))

    def transaction(self, *parts):
        """GTID, (BEGIN,) what each part adds, XID."""
        self.begin()
        for part in parts:
            part(self)
        self.commit()
        return self.gtid()

    def statement(self, text, database=""):
        """A statement with a transaction of its own: DDL."""
        self.begin(standalone=True, ddl=True)
        return self.query(text, database)

    def gtid(self):
        """The last one as text."""
        return f"{self.domain}-{self.server_id}-{self.number}" if self.mariadb else f"{self.uuid}:{self.number}"

    def gtids(self):
        """All of them, as the server's variable has it."""
        if not self.number:
            return ""
        return self.gtid() if self.mariadb else f"{self.uuid}:1-{self.number}" if self.number > 1 else self.gtid()

    def table(self, database, name, columns, key=(0,), metadata=True):
        return Table(self, database, name, columns, key, metadata)


class Table:
    """Rows of one table as events. Columns: (name, one of TYPES)."""

    def __init__(self, log, database, name, columns, key, metadata):
        log.table_id += 1
        self.id, self.database, self.name, self.columns = log.table_id, database, name, columns
        self.key, self.metadata = key, metadata

    def map(self, log):
        kinds = [TYPES[kind] for _, kind in self.columns]
        meta = b"".join(m for _, m, _ in kinds)
        body = self.head(1) + lenenc_text(self.database) + b"\0" + lenenc_text(self.name) + b"\0"
        body += lenenc(len(kinds)) + bytes(code for code, _, _ in kinds) + lenenc(len(meta)) + meta
        nullable = sum(1 << i for i in range(len(kinds)) if i not in self.key)
        body += nullable.to_bytes((len(kinds) + 7) // 8, "little")
        return log.add(TABLE_MAP, body + (self.optional() if self.metadata else b""))

    def optional(self):
        """Signs, character set, names and key: what FULL metadata has of such columns."""
        numbers = sum(TYPES[kind][2] for _, kind in self.columns)
        fields = [(1, b"\0" * ((numbers + 7) // 8))] if numbers else []
        if numbers < len(self.columns):
            fields.append((2, lenenc(UTF8MB4)))
        fields.append((4, b"".join(lenenc_text(name) for name, _ in self.columns)))
        if self.key:
            fields.append((8, b"".join(lenenc(index) for index in self.key)))
        return b"".join(bytes([kind]) + lenenc(len(value)) + value for kind, value in fields)

    def head(self, flags):
        return struct.pack("<IHH", self.id, 0, flags)

    def insert(self, *rows):
        return lambda log: self.rows(log, 0, [self.image(row) for row in rows], 1)

    def update(self, *pairs):
        """(before, after), … or before, after."""
        pairs = [pairs] if isinstance(pairs[0][0], (int, str, type(None))) else pairs
        return lambda log: self.rows(log, 1, [self.image(row) for pair in pairs for row in pair], 2)

    def delete(self, *rows):
        return lambda log: self.rows(log, 2, [self.image(row) for row in rows], 1)

    def rows(self, log, op, images, bitmaps):
        """TABLE_MAP and one rows event: v1 by MariaDB, v2 by MySQL."""
        self.map(log)
        extra = b"" if log.mariadb else struct.pack("<H", 2)
        present = b"\xff" * ((len(self.columns) + 7) // 8)
        body = self.head(1) + extra + lenenc(len(self.columns)) + present * bitmaps + b"".join(images)
        return log.add((23 if log.mariadb else 30) + op, body)

    def image(self, row):
        nulls = sum(1 << i for i, value in enumerate(row) if value is None)
        parts = [nulls.to_bytes((len(row) + 7) // 8, "little")]
        for (_, kind), value in zip(self.columns, row):
            if value is None:
                continue
            if kind == "varchar":
                data = value.encode()
                parts.append(struct.pack("<H", len(data)) + data)
            else:
                parts.append(value.to_bytes({"tinyint": 1, "int": 4, "bigint": 8}[kind], "little", signed=True))
        return b"".join(parts)


def lenenc_text(text):
    return lenenc(len(text.encode())) + text.encode()


def read_events(data):
    """The events of a file's bytes."""
    at = len(MAGIC)
    while at + HEADER_BYTES <= len(data):
        size = struct.unpack_from("<I", data, at + 9)[0]
        yield Event(at, data[at:at + size])
        at += size
