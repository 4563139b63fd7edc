"""Tables as the stream says they are.

`Model` replays native events, keeping rows as the events gave them. A row is found by the key columns that
the event names; a table without a key is a bag of whole rows. Absent columns keep what the old row had.
What does not fit (an update of a row that is not there, a before-image that differs) is a *surprise*:
counted, described, and replay goes on.

`contents` reads the real tables, in the type's own text; `compare` says how the two differ.
"""
import json

from . import canon

SURPRISES_KEPT = 20
ROW_OPS = ("create", "update", "delete", "read")
PINNED = ("SET datestyle='ISO'; SET timezone='UTC'; SET extra_float_digits=3; SET bytea_output='hex'; "
          "SET intervalstyle='postgres'; SET lc_monetary='C'; SET search_path=''")


def relation(event):
    """(schema, table); where a database has no schemas, (database, table)."""
    return event.get("schema") or event.get("db"), event.get("table")


def frozen(value):
    return json.dumps(value, sort_keys=True)


class Table:
    """Rows by key; every key has a list, longer than one only where the key is the whole row."""

    def __init__(self):
        self.rows = {}
        self.key = None

    def __len__(self):
        return sum(len(rows) for rows in self.rows.values())

    def all(self):
        return [row for rows in self.rows.values() for row in rows]

    def rekey(self, key):
        rows, self.rows, self.key = self.all(), {}, key
        for row in rows:
            self.add(row)

    def id(self, row):
        if not self.key:
            return frozen(row)
        values = tuple([row.get(c) for c in self.key])
        try:
            hash(values)
            return values
        except TypeError:  # a key with an array in it
            return frozen(values)

    def add(self, row):
        self.rows.setdefault(self.id(row), []).append(row)

    def find(self, image):
        """The row that an image (key or whole row) means; absent columns of the image do not count."""
        if self.key and all(c in image for c in self.key):
            rows = self.rows.get(self.id(image))
            return rows[0] if rows else None
        rows = self.rows.get(frozen(image))
        if rows:
            return rows[0]
        for row in self.all():
            if all(row.get(c) == v for c, v in image.items()):
                return row
        return None

    def remove(self, row):
        rows = self.rows[self.id(row)]
        rows.remove(row)
        if not rows:
            del self.rows[self.id(row)]


class Model:
    def __init__(self):
        self.tables = {}
        self.surprises = []
        self.surprise_count = 0
        self.applied = 0

    def table(self, event):
        return self.tables.setdefault(relation(event), Table())

    def surprise(self, event, text):
        self.surprise_count += 1
        if len(self.surprises) < SURPRISES_KEPT:
            self.surprises.append(f"seq {event.get('seq')} {event.get('op')} "
                                  f"{'.'.join(map(str, relation(event)))}: {text}")

    def apply(self, event):
        op = event.get("op")
        if op == "truncate":
            self.table(event).rows.clear()
            self.applied += 1
        elif op in ROW_OPS:
            self.applied += 1
            table = self.table(event)
            key = sorted(event.get("key") or [])
            if key != table.key:
                table.rekey(key)
            getattr(self, "_" + ("create" if op == "read" else op))(event, table)
        return self

    def _create(self, event, table):
        row = dict(event.get("after") or {})
        if event.get("absent"):
            self.surprise(event, f"a new row lacks {event['absent']}")
        if table.key and sorted(row) != table.key and table.find({c: row.get(c) for c in table.key}):
            self.surprise(event, f"the key {[row.get(c) for c in table.key]} is already there")
        table.add(row)

    def _update(self, event, table):
        after = dict(event.get("after") or {})
        before = event.get("before")
        old = table.find(before if before else after)
        if old is None:
            self.surprise(event, f"no row {before or {c: after.get(c) for c in table.key}}")
            old = {}
        else:
            self._check_before(event, old, before)
            table.remove(old)
        for column in event.get("absent") or []:
            if column in after:
                self.surprise(event, f"{column} is absent and yet {after[column]!r}")
            elif column in old:
                after[column] = old[column]
        table.add(after)

    def _delete(self, event, table):
        before = event.get("before")
        old = table.find(before) if before else None
        if old is None:
            self.surprise(event, f"no row {before}")
            return
        self._check_before(event, old, before)
        table.remove(old)

    def _check_before(self, event, old, before):
        form = event.get("before_form", "none")
        if (form == "none") != (not before):
            self.surprise(event, f"before_form is {form}, before is {before}")
        for column, value in (before or {}).items():
            if column in old and old[column] != value:
                self.surprise(event, f"before.{column} is {value!r}, the row had {old[column]!r}")
        if form == "full":
            missing = set(old) - set(before) - set(event.get("before_absent") or [])
            if missing:
                self.surprise(event, f"the full old row lacks {sorted(missing)}")


# --- the real tables ------------------------------------------------------------------------------

COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(t.typbasetype, 0) <> 0,
           format_type(nullif(t.typbasetype, 0), t.typtypmod)
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    ORDER BY a.attnum"""


def contents(server, database, tables):
    """{"schema.table": {"columns": [...], "types": [...], "rows": [[text or None, ...], ...]}}"""
    connection = server.connect(database)
    found = {}
    try:
        with connection.cursor() as cursor:
            cursor.execute(PINNED)
            for schema, table in tables:
                name = f'"{schema}"."{table}"'
                cursor.execute(COLUMNS, (name,))
                described = cursor.fetchall()
                columns = [row[0] for row in described]
                listed = ", ".join('"' + c.replace('"', '""') + '"' for c in columns)
                out = _Lines()
                cursor.copy_expert(f"COPY (SELECT {listed} FROM ONLY {name}) TO STDOUT", out)
                types = [row[3] if row[2] else row[1] for row in described]
                found[f"{schema}.{table}"] = {"columns": columns, "types": types, "rows": out.rows()}
    finally:
        connection.close()
    return found


class _Lines:
    """Collects COPY's text format and splits it."""
    ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}

    def __init__(self):
        self.parts = []

    def write(self, data):
        self.parts.append(data if isinstance(data, bytes) else data.encode())

    def rows(self):
        text = b"".join(self.parts).decode("utf-8", "surrogateescape")
        return [[self.field(f) for f in line.split("\t")] for line in text.split("\n")[:-1]]

    def field(self, text):
        if text == "\\N":
            return None
        if "\\" not in text:
            return text
        out, at = [], 0
        while at < len(text):
            if text[at] == "\\":
                at += 1
                out.append(self.ESCAPES.get(text[at], text[at]))
            else:
                out.append(text[at])
            at += 1
        return "".join(out)


class Difference:
    """What `compare` found: rows looked at, and rows of either side that the other does not have."""

    def __init__(self):
        self.rows = self.missing = self.extra = 0
        self.examples = []

    @property
    def equal(self):
        return self.missing == 0 and self.extra == 0

    def __str__(self):
        return f"{self.rows} rows, {self.missing} missing, {self.extra} too many {self.examples[:6]}"


def compare(model, found):
    """Every row of the tables must be in the model and none other. Works on `contents`' result."""
    total = Difference()
    for name, table in found.items():
        schema, _, bare = name.partition(".")
        ours = model.tables.get((schema, bare))
        left = {}
        for row in ours.all() if ours else []:
            left.setdefault(repr(_from_events(row, table)), []).append(row)
        for row in table["rows"]:
            total.rows += 1
            key = repr([canon.from_text(t, v) for t, v in zip(table["types"], row)])
            if key not in left:
                total.missing += 1
                total.examples.append(f"{name} lacks {key[:300]}")
                continue
            left[key].pop()
            if not left[key]:
                del left[key]
        for key, rows in left.items():
            total.extra += len(rows)
            total.examples.append(f"{name} has also {key[:300]}")
    return total


def _from_events(row, table):
    values = [canon.from_event(t, row[c]) if c in row else "(no such column)"
              for c, t in zip(table["columns"], table["types"])]
    return values + [f"(unknown column {c})" for c in sorted(set(row) - set(table["columns"]))]


def replay(events):
    model = Model()
    for event in events:
        model.apply(event)
    return model
