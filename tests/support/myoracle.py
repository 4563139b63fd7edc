"""A second, independent decoder: `mariadb-binlog` or `mysqlbinlog`, whose --verbose prints rows as pseudo-SQL.

The log's files are read where the server keeps them, from where they ended when the oracle was made, so nothing that
happens to leat touches it. Their text is parsed into transactions of changes of the same form as `oracle`'s, in the
types' names that `canon` knows, and `oracle.compare` holds them against the stream.

    ### UPDATE `shop`.`t`          names, types and character sets come from the TABLE_MAP's metadata, which the tool
    ### WHERE                      prints, and from the catalogue, which has signs and labels
    ###   @1=7
    ### SET                        a number that may be unsigned is printed both ways: @1=-1 (4294967295)
    ###   @1=8

Limits: the tools print six digits of a FLOAT; MySQL's cannot print geometry and vectors, MariaDB's does not escape
backslashes, so that a text with \\x41 in it is misread; the catalogue has ? for characters of four bytes in labels.
Their slips are known here: YEAR 0000 as 1900, a SET's bytes in storage order, JSON texts without quotes.
"""
import ipaddress
import json
import re
import subprocess
import uuid
import zlib
from datetime import datetime, timedelta, timezone

from . import canon, mymodel

PYTHON_CHARSETS = {
    "utf8mb4": "utf-8", "utf8mb3": "utf-8", "utf8": "utf-8", "latin1": "cp1252", "latin2": "iso8859_2",
    "latin5": "iso8859_9", "latin7": "iso8859_13", "ucs2": "utf-16-be", "utf16": "utf-16-be", "utf16le": "utf-16-le",
    "utf32": "utf-32-be", "sjis": "shift_jis", "ujis": "euc_jp", "eucjpms": "euc_jp", "euckr": "euc_kr",
    "koi8r": "koi8_r", "koi8u": "koi8_u", "greek": "iso8859_7", "hebrew": "iso8859_8", "tis620": "tis_620",
    "macroman": "mac_roman", "macce": "mac_latin2"}
ESCAPES = {b"n": b"\n", b"f": b"\f", b"v": b"\v", b"a": b"\a", b"r": b"\r", b"t": b"\t", b"0": b"\0", b"b": b"\b",
           b"Z": b"\x1a"}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class MyOracle:
    def __init__(self, server):
        self.server = server
        self.start = None

    def create(self):
        """From here on."""
        self.start = self.server.log_end()
        return self

    def dump(self, path, tables):
        """Writes {"xid": gtid, "changes": [...]} lines for transactions that touch one of the (database, table)s."""
        wanted, count = set(tables), 0
        with open(path, "w") as out:
            for gtid, changes in self.transactions(wanted):
                if changes:
                    out.write(json.dumps({"xid": gtid, "changes": changes}) + "\n")
                    count += 1
        return count

    def transactions(self, wanted):
        """(GTID, [change, ...]) in commit order."""
        catalogue = Catalogue(self.server)
        for gtid, changes in transactions(self.lines(), wanted, self.server.mariadb):
            yield gtid, [finished(change, catalogue) for change in changes]

    def lines(self):
        """The tool's output; the log need not be closed."""
        names = [name for name, _ in self.server.log_files()]
        names = names[names.index(self.start[0]):]
        for name in names:
            yield from self._file(name, self.start[1] if name == names[0] else 4, crashed=name != names[-1])

    def _file(self, name, position, crashed):
        """Of a file that a crash ended MariaDB leaves half an event at the end, and its tool fails there."""
        command = [str(self.server.release.binlog), "--no-defaults", "--verbose", "--base64-output=decode-rows",
                   "--print-table-metadata", f"--start-position={position}", str(self.server.data / name)]
        if self.server.mariadb:
            command.append("--skip-annotate-row-events")
        tool = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for line in tool.stdout:
            yield line.rstrip(b"\n")
        error = tool.stderr.read().decode(errors="replace")
        if tool.wait() != 0 and not (crashed and "Event truncated" in error):
            raise RuntimeError(f"{command[0]}: {error}")


class Catalogue:
    """Columns of tables as they are now."""

    def __init__(self, server):
        self.server, self.known = server, {}

    def columns(self, database, table):
        if (database, table) not in self.known:
            connection = self.server.connect()
            try:
                with connection.cursor() as cursor:
                    self.known[database, table] = {c.name: c for c in mymodel.columns(cursor, database, table)}
            finally:
                connection.close()
        return self.known[database, table]


# --- the tool's text ------------------------------------------------------------------------------

GTIDS = (re.compile(rb"^SET @@SESSION\.GTID_NEXT= ?'([^']+)'"), re.compile(rb"\tGTID (\d+-\d+-\d+)"))
ROW = re.compile(rb"^### (INSERT INTO|UPDATE|DELETE FROM) `((?:[^`]|``)*)`\.`((?:[^`]|``)*)`$")
TABLE = re.compile(rb"\tTable_map: `((?:[^`]|``)*)`\.`((?:[^`]|``)*)` mapped to number")
FIELD = re.compile(rb"^###   @(\d+)=(.*)$", re.S)
COLUMN = re.compile(rb"(?:^# Columns\(|^#         |INVALID_TYPE\(\d+\))`((?:[^`]|``)*)` (.*?)(?=INVALID_TYPE|[,)]?$)")
CONTROL = re.compile(rb"^(BEGIN|START TRANSACTION|COMMIT|ROLLBACK|SAVEPOINT|ROLLBACK TO|XA \w+)\b *([^;/]*?)(?: /\*.*)?"
                     rb"(?:/\*!\*/)?;?$")
TRUNCATE = re.compile(rb"^\s*truncate\s+(?:table\s+)?(?:`?([^`.\s]+)`?\s*\.\s*)?`?([^`\s;/]+)`?", re.I)
USE = re.compile(rb"^use `((?:[^`]|``)*)`")
OPS = {b"INSERT INTO": "create", b"UPDATE": "update", b"DELETE FROM": "delete"}


def transactions(lines, wanted, mariadb):
    """(GTID, [change, ...]) of the committed transactions; values are the tool's bytes still."""
    parser = _Parser(wanted, mariadb)
    for line in lines:
        yield from parser.line(line)


class _Parser:
    def __init__(self, wanted, mariadb):
        self.wanted, self.mariadb = wanted, mariadb
        self.gtid, self.database = None, ""
        self.changes, self.marks, self.parked, self.xa = [], {}, {}, None
        self.tables, self.table = {}, None  # (database, table) → [(name, declaration), …] of its last TABLE_MAP
        self.change, self.side = None, None

    def line(self, line):
        if line.startswith(b"### "):
            self._row(line)
            return
        self.change = None
        if line.startswith(b"#"):
            self._comment(line)
            return
        found = GTIDS[0].match(line)
        if found:
            self._begin(found[1])
            return
        used = USE.match(line)
        if used:
            self.database = name_of(used[1])
        yield from self._statement(line)

    # --- rows ---------------------------------------------------------------------------------

    def _row(self, line):
        head = ROW.match(line)
        if head:
            name = name_of(head[2]), name_of(head[3])
            self.change = {"op": OPS[head[1]], "schema": name[0], "table": name[1], "new": {}, "old": {},
                           "columns": self.tables.get(name), "mariadb": self.mariadb}
            if name in self.wanted:
                self.changes.append(self.change)
        elif line.startswith(b"### Extra row info"):
            pass  # the partition
        elif line in (b"### SET", b"### WHERE"):
            self.side = "new" if line == b"### SET" else "old"
        elif self.change is not None:
            field = FIELD.match(line)
            if not field:
                raise ValueError(f"not a row of the tool: {line!r}")
            self.change[self.side][int(field[1])] = field[2]

    def _comment(self, line):
        table = TABLE.search(line)
        if table:
            self.table = self.tables[name_of(table[1]), name_of(table[2])] = []
        elif self.table is not None and COLUMN.match(line):
            for name, declaration in COLUMN.findall(line):  # two on a line behind a type that the tool does not know
                self.table.append((name_of(name), declaration.decode("latin-1")))  # labels are in their column's bytes
        else:
            found = GTIDS[1].search(line)
            if found:
                self._begin(found[1])

    # --- transactions -------------------------------------------------------------------------

    def _begin(self, gtid):
        self.gtid, self.changes, self.marks, self.xa = gtid.decode(), [], {}, None

    def _statement(self, line):
        truncated = TRUNCATE.match(line)
        if truncated:
            name = name_of(truncated[1]) if truncated[1] else self.database, name_of(truncated[2])
            if name in self.wanted:
                yield self.gtid, [{"op": "truncate", "schema": name[0], "table": name[1], "new": {}, "old": {}}]
            return
        control = CONTROL.match(line)
        if not control:
            return
        word, rest = control[1].decode(), control[2].decode().strip()
        if word == "ROLLBACK" and rest.upper().startswith("TO"):
            del self.changes[self.marks[re.sub(r"(?i)^TO\s+(SAVEPOINT\s+)?", "", rest)]:]
        elif word == "SAVEPOINT":
            self.marks[rest] = len(self.changes)
        elif word in ("COMMIT", "ROLLBACK"):
            changes, self.changes = self.changes, []
            if word == "COMMIT" and changes:
                yield self.gtid, changes
        elif word.startswith("XA "):
            yield from self._xa(word[3:], rest)

    def _xa(self, word, identity):
        """Rows stand in the group that prepares; they count when another group commits it."""
        if word == "PREPARE":
            self.parked[identity], self.changes = self.changes, []
        elif word == "COMMIT":
            if identity.endswith("ONE PHASE"):  # of this very group
                changes, self.changes = self.changes, []
            else:
                changes = self.parked.pop(identity, [])
            if changes:
                yield self.gtid, changes
        elif word == "ROLLBACK":
            self.parked.pop(identity, None)


def name_of(text):
    return text.decode().replace("``", "`")


# --- values ---------------------------------------------------------------------------------------


def finished(change, catalogue):
    """The change with column names, types and texts, as oracle.compare wants it."""
    declared = catalogue.columns(change["schema"], change["table"])
    logged = change.pop("columns", None) or [(name, None) for name in declared]
    mariadb = change.pop("mariadb", False)
    for side in ("old", "new"):
        named = {}
        for number, text in change[side].items():
            name, declaration = logged[number - 1]
            column = declared.get(name) or mymodel.Column(name, declaration)
            named[name] = value(column, text, mariadb)
        change[side] = named
    if change["op"] == "update":  # what the after-image does not have did not change
        change["new"] = {**change["old"], **change["new"]}
    return change


def value(column, text, mariadb):
    """[canon's name of the type, canon's text] of one value of the tool."""
    if text == b"NULL":
        return [column.canonical, None]
    if text.startswith(b"!!"):
        raise ValueError(f"the tool cannot print {column.name} {column.type}")
    if column.base == "float":
        return [canon.ROUNDED, text.decode().strip()]
    if text.startswith(b"'"):
        return [column.canonical, _quoted(column, unescaped(text[1:-1], mariadb))]
    if text.startswith(b"b'"):
        return _bits(column, text[2:-1].decode())
    return [column.canonical, _number(column, text.decode().strip())]


def _number(column, plain):
    if column.base == "timestamp":
        return _timestamp(plain)
    if column.base == "enum":
        return column.labels[int(plain) - 1] if int(plain) else ""
    if column.base == "year":
        return "0" if plain == "1900" else plain
    both = re.match(r"^(-?\d+) \((\d+)\)$", plain)
    return both[2 if column.unsigned else 1] if both else plain


def _quoted(column, data):
    if "COMPRESSED" in column.type:
        data = inflated(data)
    if column.canonical == "bytea":
        return "\\x" + (data.ljust(column.size, b"\0") if column.base == "binary" else data).hex()
    if column.canonical == "real[]":
        return mymodel.floats(data)
    if column.base in ADDRESSES:
        size, form = ADDRESSES[column.base]
        return form(data.ljust(size, b"\0"))
    if column.base == "date":
        return data.decode().replace(":", "-")
    if column.base in ("datetime", "time"):
        return data.decode()
    if column.base == "json":
        return _document(data.decode())
    return decoded(data, column.charset)


ADDRESSES = {
    "uuid": (16, lambda data: str(uuid.UUID(bytes=data))), "inet6": (16, lambda data: inet6(data)),
    "inet4": (4, lambda data: str(ipaddress.IPv4Address(data)))}


def inet6(data):
    """As the server prints it: ::ffff:10.0.0.1 with its last part as an IPv4 address."""
    address = ipaddress.IPv6Address(data)
    return f"::ffff:{address.ipv4_mapped}" if address.ipv4_mapped else str(address)


def inflated(data):
    """A MariaDB compressed column: nothing, 0 and the bytes, or flags, the length and a deflate stream."""
    if not data or data[0] == 0:
        return data[1:]
    return zlib.decompress(data[1 + (data[0] & 7):], -15 if data[0] & 8 else 15)


def decoded(data, charset):
    """Bytes that Python has no character for become the one of that number, as in the server's latin1."""
    codec = PYTHON_CHARSETS.get(charset, charset) or "utf-8"
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return "".join(data[i:i + 1].decode(codec, "ignore") or chr(data[i]) for i in range(len(data)))


def _document(text):
    """A JSON document; of one that is a mere text the tool leaves the quotes out."""
    try:
        json.loads(text)
        return text
    except ValueError:
        return json.dumps(text)


def _bits(column, digits):
    if column.base == "set":
        number = int.from_bytes(int(digits, 2).to_bytes(len(digits) // 8, "big"), "little")
        return [column.canonical, ",".join(label for i, label in enumerate(column.labels) if number >> i & 1)]
    return [column.canonical, digits[-column.size:].rjust(column.size, "0")]


def _timestamp(seconds):
    """Seconds since 1970 with their fraction; 0 is the zero date, which no moment is."""
    whole, _, fraction = seconds.partition(".")
    if int(whole) == 0 and not int(fraction or 0):
        return "0000-00-00 00:00:00" + ("." + fraction if fraction else "")
    moment = EPOCH + timedelta(seconds=int(whole))
    return moment.strftime("%Y-%m-%d %H:%M:%S") + ("." + fraction if fraction else "")


def unescaped(text, mariadb):
    """MariaDB's tool escapes control characters only; MySQL's also quotes and backslashes."""
    hexadecimal = re.compile(rb"\\x([0-9a-fA-F]{2})" if mariadb else rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.S)

    def one(match):
        if match[1]:
            return bytes.fromhex(match[1].decode())
        return ESCAPES.get(match[2], match[2])
    return hexadecimal.sub(one, text)
