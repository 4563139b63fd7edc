#!/usr/bin/env python3
"""Writes the captured_*.hex files: runs capture.sql on the server that PGHOST, PGPORT and PGUSER name, and
peeks at what its slots would send. The line "# = ..." over each message is what this script's own decoder reads
in it, so that the C decoder is compared with another one. Long runs of rows of one kind are cut to two."""
import struct
import sys
import psycopg2

EPOCH_US = 946684800 * 1000000


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        assert self.at + n <= len(self.data), "short"
        self.at += n
        return self.data[self.at - n:self.at]

    def num(self, code):
        return struct.unpack(">" + code, self.take(struct.calcsize(">" + code)))[0]

    def text(self):
        end = self.data.index(b"\0", self.at)
        return self.take(end + 1 - self.at)[:-1]

    def time(self):
        return self.num("q") + EPOCH_US


def show(data):
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-:"
    return "".join(chr(c) if c in plain else "%%%02x" % c for c in data)


def tuple_of(r):
    fields = []
    for _ in range(r.num("H")):
        form = r.take(1).decode()
        fields.append(form + "=" + show(r.take(r.num("I"))) if form in "tb" else form)
    return "[" + " ".join(fields) + "]"


def lsn(r):
    return "%X/%X" % divmod(r.num("Q"), 1 << 32)


def schema(r):
    return show(r.text() or b"pg_catalog")


def expected(data, in_stream):
    r = Reader(data)
    tag = r.take(1).decode()
    xid = "xid=%d " % r.num("I") if in_stream and tag in "RYIUDTM" else ""
    if tag == "B":
        out = "BEGIN lsn=%s time=%d xid=%d" % (lsn(r), r.time(), r.num("I"))
    elif tag in "Cc":
        sub = r.num("I") if tag == "c" else 0
        out = "%s flags=%d lsn=%s end=%s time=%d xid=%d" % (
            "COMMIT" if tag == "C" else "STREAM_COMMIT", r.num("B"), lsn(r), lsn(r), r.time(), sub)
    elif tag == "O":
        out = "ORIGIN lsn=%s name=%s" % (lsn(r), show(r.text()))
    elif tag == "R":
        out = "RELATION %soid=%d name=%s.%s identity=%s columns=" % (
            xid, r.num("I"), schema(r), show(r.text()), r.take(1).decode())
        out += "[" + " ".join("%d:%s:%d:%d" % (r.num("B"), show(r.text()), r.num("I"), r.num("i"))
                              for _ in range(r.num("H"))) + "]"
    elif tag == "Y":
        out = "TYPE %soid=%d name=%s.%s" % (xid, r.num("I"), schema(r), show(r.text()))
    elif tag in "IUD":
        out = "%s %soid=%d" % ({"I": "INSERT", "U": "UPDATE", "D": "DELETE"}[tag], xid, r.num("I"))
        while r.at < len(r.data):
            marker = r.take(1).decode()
            out += " %s=%s" % (marker, tuple_of(r))
    elif tag == "T":
        count, options = r.num("I"), r.num("B")
        out = "TRUNCATE %soptions=%d oids=[%s]" % (
            xid, options, " ".join(str(r.num("I")) for _ in range(count)))
    elif tag == "M":
        out = "MESSAGE %sflags=%d lsn=%s prefix=%s content=%s" % (
            xid, r.num("B"), lsn(r), show(r.text()), show(r.take(r.num("I"))))
    elif tag == "S":
        out = "STREAM_START xid=%d first=%d" % (r.num("I"), r.num("B"))
    elif tag == "E":
        out = "STREAM_STOP"
    elif tag == "A":
        out = "STREAM_ABORT xid=%d subxid=%d" % (r.num("I"), r.num("I"))
        if len(data) == 25:
            out += " lsn=%s time=%d" % (lsn(r), r.time())
    elif tag in "bPpK":
        name = {"b": "BEGIN_PREPARE", "P": "PREPARE", "p": "STREAM_PREPARE", "K": "COMMIT_PREPARED"}[tag]
        out = "%s flags=%d lsn=%s end=%s time=%d xid=%d gid=%s" % (
            name, 0 if tag == "b" else r.num("B"), lsn(r), lsn(r), r.time(), r.num("I"), show(r.text()))
    elif tag == "r":
        out = "ROLLBACK_PREPARED flags=%d prepare_end=%s end=%s prepared=%d time=%d xid=%d gid=%s" % (
            r.num("B"), lsn(r), lsn(r), r.time(), r.time(), r.num("I"), show(r.text()))
    assert r.at == len(data), (tag, "left over")
    return out


def write(name, options, messages):
    in_stream, run, last = False, 0, None
    with open(name + ".hex", "w", encoding="utf-8") as f:
        f.write("# Captured from PostgreSQL 15 by capture.py: %s\n" % " ".join(options))
        for data in messages:
            kind = (data[:1], in_stream)
            run, last = (run + 1 if kind == last else 1), kind
            line = expected(data, in_stream)
            in_stream = data[:1] == b"S" or (in_stream and data[:1] != b"E")
            if run > 2 and data[:1] == b"I":
                continue
            f.write("\n# = %s\n" % line)
            for at in range(0, len(data), 32):
                f.write(data[at:at + 32].hex(" ") + "\n")


def main():
    db = psycopg2.connect("dbname=%s" % (sys.argv[1] if len(sys.argv) > 1 else "postgres"))
    db.autocommit = True
    sql = db.cursor()
    setup, *blocks = open("capture.sql", encoding="utf-8").read().split("\n-- slot ")
    def run(text):
        lines = [line for line in text.splitlines() if not line.startswith("--")]
        for statement in "\n".join(lines).split(";\n"):
            if statement.strip():
                sql.execute(statement)
    run(setup)
    for block in blocks:
        head, body = block.split("\n", 1)
        name, two_phase, *options = head.split()
        sql.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput', false, %s)", (name, two_phase))
        run(body + "\n")
        pairs = [v for o in options for v in o.split("=")] + ["publication_names", "everything"]
        sql.execute("SELECT data FROM pg_logical_slot_peek_binary_changes(%s, NULL, NULL, VARIADIC %s)",
                    (name, pairs))
        write(name, options, [bytes(row[0]) for row in sql.fetchall()])
        sql.execute("SELECT pg_drop_replication_slot(%s)", (name,))


if __name__ == "__main__":
    main()
