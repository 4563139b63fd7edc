"""What MySQL and MariaDB tables hold, in the names and texts that `canon` and `model.compare` know from Postgres.

    information_schema ─▶ columns ─▶ SELECT of texts ─▶ {"database.table": {"columns", "types", "rows"}}

Each type is given the name of Postgres' type that has the same values (`canonical`), so that one `canon` compares both
worlds. A column is asked for by an expression that loses nothing: a FLOAT as the double it is, because the server prints
six digits of it; bytes as hex; bits as digits. Text comes in UTF-8, whatever the column's character set.
"""
import re
import struct

CANONICAL = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year"), "bigint"),
    "decimal": "numeric", "float": "real", "double": "double precision",
    "date": "date", "time": "time without time zone",
    "datetime": "timestamp without time zone", "timestamp": "timestamp with time zone",
    "bit": "bit", "json": "json", "vector": "real[]",
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), "bytea"),
    **dict.fromkeys(("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
                     "geometrycollection", "geomcollection"), "bytea"),
}


class Column:
    """One column as the catalogue declares it."""

    def __init__(self, name, column_type, charset=None):
        self.name, self.type, self.charset = name, column_type, charset
        self.base = re.match(r"[a-z0-9_]+", column_type.lower())[0]
        self.canonical = CANONICAL.get(self.base, "text")
        self.unsigned = re.search(r"\bunsigned\b", column_type, re.I) is not None
        size = re.match(r"[a-z0-9_]+\((\d+)", column_type, re.I)
        self.size = int(size[1]) if size else 1

    @property
    def labels(self):
        """Of an ENUM or SET."""
        return [quoted.replace("''", "'") for quoted in re.findall(r"'((?:[^']|'')*)'", self.type)]

    def expression(self):
        name = quoted(self.name)
        if self.base in ("float", "double"):
            return f"{name} * 1e0"  # unrounded; adding 0 would lose the sign of -0
        if self.base == "bit":
            return f"LPAD(BIN({name}), {self.size}, '0')"
        if self.canonical in ("bytea", "real[]"):
            return f"HEX({name})"
        return name

    def text(self, value):
        """The selected value in the form that canon.from_text reads."""
        if value is None:
            return None
        if self.canonical == "bytea":
            return "\\x" + value
        if self.canonical == "real[]":
            return floats(bytes.fromhex(value))
        if self.base == "decimal":
            return plain_decimal(value)
        return value


def quoted(name):
    return "`" + name.replace("`", "``") + "`"


def plain_decimal(text):
    """Without the zeros that ZEROFILL puts in front."""
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    return sign + re.sub(r"^0+(?=\d)", "", digits)


def floats(data):
    """A vector's bytes as an array's text."""
    return "{" + ",".join(repr(v) for v in struct.unpack(f"<{len(data) // 4}f", data)) + "}"


def columns(cursor, database, table):
    """The columns of a table in their order, also generated and invisible ones."""
    cursor.execute("SELECT COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME FROM information_schema.COLUMNS "
                   "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION", (database, table))
    return [Column(*row) for row in cursor.fetchall()]


def contents(server, database, tables):
    """{"database.table": {"columns": [...], "types": [...], "rows": [[text or None, ...], ...]}}"""
    connection = server.connect(database, conv={})
    found = {}
    try:
        with connection.cursor() as cursor:
            for table in tables:
                described = columns(cursor, database, table)
                listed = ", ".join(c.expression() for c in described)
                cursor.execute(f"SELECT {listed} FROM {quoted(database)}.{quoted(table)}")
                rows = [[c.text(v) for c, v in zip(described, row)] for row in cursor.fetchall()]
                found[f"{database}.{table}"] = {"columns": [c.name for c in described],
                                                "types": [c.canonical for c in described], "rows": rows}
    finally:
        connection.close()
    return found
