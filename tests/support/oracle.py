"""A second, independent decoder: PostgreSQL's own `test_decoding` on a slot of its own.

The slot is made before the load and read once after it, through SQL, so nothing that happens to leat touches
it. What it says is parsed into transactions of changes, and compared with the stream transaction by
transaction: same order, same rows, same values, nothing more and nothing less.

test_decoding is chosen over wal2json because it is in every server's package and prints every value as the
type's own text; wal2json turns NaN into null. It does not name columns of an old row that are NULL.
"""
import json
from itertools import zip_longest

from . import canon
from .model import relation

OPTIONS = "'include-xids', '1', 'skip-empty-xacts', '1'"
ROW_OPS = ("create", "update", "delete", "truncate")


class Oracle:
    def __init__(self, server, database, slot="oracle"):
        self.server, self.database, self.slot = server, database, slot

    def create(self):
        self.server.sql("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", self.slot,
                        database=self.database)
        return self

    def drop(self):
        self.server.sql("SELECT pg_drop_replication_slot(%s)", self.slot, database=self.database)

    def dump(self, path, tables):
        """Writes {"xid": n, "changes": [...]} lines for transactions that touch one of the tables."""
        wanted, count = set(tables), 0
        with open(path, "w") as out:
            for xid, changes in self.transactions():
                changes = [c for c in changes if (c["schema"], c["table"]) in wanted]
                if changes:
                    out.write(json.dumps({"xid": xid, "changes": changes}) + "\n")
                    count += 1
        return count

    def transactions(self):
        """(xid, [change, ...]) in commit order."""
        connection = self.server.connect(self.database)
        connection.autocommit = False
        try:
            with connection.cursor() as plain:
                plain.execute("SET datestyle='ISO'; SET timezone='UTC'; SET extra_float_digits=3; "
                              "SET bytea_output='hex'; SET intervalstyle='postgres'; SET lc_monetary='C'")
            with connection.cursor("changes") as cursor:
                cursor.itersize = 2000
                cursor.execute(f"SELECT data FROM pg_logical_slot_peek_changes(%s, NULL, NULL, {OPTIONS})",
                               (self.slot,))
                yield from transactions(row[0] for row in cursor)
        finally:
            connection.close()


def transactions(lines):
    xid, changes = None, []
    for line in lines:
        if line.startswith("BEGIN"):
            xid, changes = int(line.split()[1]), []
        elif line.startswith("COMMIT"):
            yield xid, changes
        elif line.startswith("table "):
            changes += parse(line)


# --- test_decoding's text --------------------------------------------------------------------------


def parse(line):
    """The changes of one line: one, or several for a TRUNCATE of several tables."""
    reader = _Reader(line, len("table "))
    names = [reader.qualified()]
    while reader.take(", "):
        names.append(reader.qualified())
    reader.expect(": ")
    op = reader.until(":")
    reader.expect(": ")
    if op == "TRUNCATE":
        return [_change("truncate", name) for name in names]
    change = _change({"INSERT": "create", "UPDATE": "update", "DELETE": "delete"}[op], names[0])
    if reader.take("(no-tuple-data)"):
        return [change]
    if op == "DELETE":
        change["old"] = reader.columns()
    elif reader.take("old-key: "):
        change["old"] = reader.columns("new-tuple: ")
        change["new"] = reader.columns()
    else:
        change["new"] = reader.columns()
    return [change]


def _change(op, name):
    return {"op": op, "schema": name[0], "table": name[1], "new": {}, "old": {}}


class _Reader:
    def __init__(self, text, at):
        self.text, self.at = text, at

    def take(self, token):
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def expect(self, token):
        if not self.take(token):
            raise ValueError(f"expected {token!r} at {self.at} of {self.text!r}")

    def until(self, token):
        end = self.text.index(token, self.at)
        found, self.at = self.text[self.at:end], end
        return found

    def quoted(self, quote):
        """A text in quotes, which are doubled inside."""
        self.at += 1
        out = []
        while True:
            end = self.text.index(quote, self.at)
            out.append(self.text[self.at:end])
            self.at = end + 1
            if not self.text.startswith(quote, self.at):
                return "".join(out)
            out.append(quote)
            self.at += 1

    def identifier(self, stops):
        if self.text[self.at] == '"':
            return self.quoted('"')
        begin = self.at
        while self.text[self.at] not in stops:
            self.at += 1
        return self.text[begin:self.at]

    def qualified(self):
        schema = self.identifier(".")
        self.expect(".")
        return schema, self.identifier(":,")

    def type_name(self):
        self.expect("[")
        begin, depth = self.at, 1
        while depth:
            c = self.text[self.at]
            if c == '"':
                self.quoted('"')
                continue
            depth += (c == "[") - (c == "]")
            self.at += 1
        return self.text[begin:self.at - 1]

    def value(self):
        if self.text[self.at] == "'":
            return self.quoted("'")
        if self.take("B'"):
            self.at -= 1
            return self.quoted("'")
        end = self.text.find(" ", self.at)
        end = len(self.text) if end < 0 else end
        found, self.at = self.text[self.at:end], end
        return {"null": None, "unchanged-toast-datum": False}.get(found, found)

    def columns(self, stop=None):
        """{name: [type, text]}; the text is None for NULL and false for an unchanged TOASTed value."""
        found = {}
        while self.at < len(self.text) and not (stop and self.take(stop)):
            name = self.identifier("[")
            type_name = self.type_name()
            self.expect(":")
            found[name] = [type_name, self.value()]
            self.take(" ")
        return found


# --- comparison --------------------------------------------------------------------------------------


def changes_of_stream(events, tables):
    """(transaction number or GTID or None, [event, ...]) for each transaction of the stream that touches the tables."""
    wanted, current, rows, xid = set(tables), None, [], None
    for event in events:
        if event.get("op") not in ROW_OPS or relation(event) not in wanted:
            continue
        identity = event["tx"]["id"]
        if identity != current and rows:
            yield xid, rows
            rows = []
        current = identity
        attributes = event["tx"].get("attrs") or {}
        xid = attributes.get("txId", attributes.get("gtid"))
        rows.append(event)
    if rows:
        yield xid, rows


def compare(events, oracle_lines, tables):
    """[difference, ...] between a stream and the oracle's dump, at most 20; and how many changes agreed."""
    differences, agreed = [], 0
    ours = changes_of_stream(events, tables)
    theirs = (json.loads(line) for line in oracle_lines)
    for mine, other in zip_longest(ours, theirs):
        if mine is None or other is None:
            side = "lost" if mine is None else "too much"
            what = other["xid"] if mine is None else mine[1][0]["id"]
            differences.append(f"{side}: transaction {what} and all that follow")
            break
        xid, rows = mine
        if xid is not None and not same_transaction(xid, other["xid"]):
            differences.append(f"transaction {xid} at {rows[0]['id']}, the oracle has {other['xid']}")
            break
        if len(rows) != len(other["changes"]):
            differences.append(f"transaction {xid}: {len(rows)} rows, the oracle has {len(other['changes'])}")
        for event, change in zip(rows, other["changes"]):
            text = difference(event, change)
            agreed += text is None
            if text:
                differences.append(f"{event['id']}: {text}")
        if len(differences) >= 20:
            break
    return differences, agreed


def same_transaction(mine, other):
    """Numbers of Postgres lose their epoch in the oracle's text; GTIDs are texts."""
    return mine == other if isinstance(other, str) else int(mine) % 2**32 == other % 2**32


def difference(event, change):
    """What is different between one event and one change, or None."""
    mine, other = (event["op"], *relation(event)), (change["op"], change["schema"], change["table"])
    if mine != other:
        return f"it is {mine}, the oracle has {other}"
    if event["op"] == "truncate":
        return None
    after, absent = event.get("after") or {}, set(event.get("absent") or [])
    for column, (type_name, text) in change["new"].items():
        if text is False:
            if column not in absent:
                return f"{column} was not sent, yet it is {after.get(column)!r}"
        elif column not in after or column in absent:
            return f"{column} is missing"
        elif canon.from_event(type_name, after[column]) != canon.from_text(type_name, text):
            return f"{column} is {after[column]!r}, the oracle has {text!r}"
    if set(after) - set(change["new"]):
        return f"columns {sorted(set(after) - set(change['new']))} are invented"
    return _old_difference(event, change)


def _old_difference(event, change):
    before = event.get("before") or {}
    for column, (type_name, text) in change["old"].items():
        if column not in before:
            return f"before.{column} is missing"
        if canon.from_event(type_name, before[column]) != canon.from_text(type_name, text):
            return f"before.{column} is {before[column]!r}, the oracle has {text!r}"
    invented = [c for c, v in before.items() if c not in change["old"] and v is not None]
    return f"before has {invented} that the oracle does not have" if invented else None
