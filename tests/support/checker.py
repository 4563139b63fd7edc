"""The checker: reads a stream of native events and says whether it is what happened.

A process of its own that shares no code with the daemon. It reads the stream (JSON lines), the load's journal,
the tables' final contents, and a second decoder's account. Nine validators, each of which can fail alone:

    Ordered    sequences rise by one, commit positions rise, each counter's log rises by exactly one
    Unique     no event id and no ledger row twice
    Atomic     a transaction's events are contiguous, numbered without a hole, as many as the ledger says
    Reliable   every transaction that the client saw committed is there; unknown ones at most once
    Resumable  a tail from a stored sequence is exactly the rest of the whole tail
    NoAborted  nothing of a transaction or savepoint that was rolled back
    PrevRow    old rows and keys are what the earlier events made them
    Conserved  the accounts' sum is the same after every transaction
    Final      the replayed tables equal the real ones, and every event equals the second decoder's

    python3 -m tests.support.checker --stream S [--journal J] [--tables T] [--oracle O] [--suffix FROM:FILE …]

Prints one JSON object; exit code 0 if nothing is wrong, 1 otherwise.
"""
import argparse
import base64
import json
import re
import sys

from . import model as models
from . import oracle, workload

KEPT = 10


class Validator:
    """Sees every event, then every transaction's events, then the end."""

    def __init__(self):
        self.count = 0
        self.errors = []

    @property
    def name(self):
        return type(self).__name__

    def wrong(self, text):
        self.count += 1
        if len(self.errors) < KEPT:
            self.errors.append(text)

    def event(self, event):
        pass

    def transaction(self, events):
        pass

    def end(self):
        pass


def is_row(event, table=None):
    row = event["op"] in ("create", "update", "delete", "truncate")
    return row and (table is None or event.get("table") == table)


POSITIONS = (
    (re.compile(r"^(\d+)/([0-9A-F]+)/([0-9A-F]+)$"), lambda m: ("", (int(m[1]), int(m[2], 16) << 32 | int(m[3], 16)))),
    (re.compile(r"^(\d+)-\d+-(\d+)$"), lambda m: (m[1], int(m[2]))),
    (re.compile(r"^([0-9a-f-]{36}(?::[a-z_]\w*)?):(\d+)$"), lambda m: (m[1], int(m[2]))),
    (re.compile(r"^(.*)\.(\d+):(\d+)$"), lambda m: (m[1], (int(m[2]), int(m[3])))))


def position(event):
    """(line, place) of an event's transaction, or None if its id does not look like one. Places of a line rise.

    A line is the cluster with (timeline, commit LSN), a domain of MariaDB's GTIDs, a server of MySQL's, or a server's
    log with (file, position).
    """
    identity = (event.get("tx") or {}).get("id")
    for pattern, read in POSITIONS:
        match = pattern.match(identity) if isinstance(identity, str) else None
        if match:
            return read(match)
    return None


class Ordered(Validator):
    def __init__(self, dense=True):
        super().__init__()
        self.dense, self.seq, self.last, self.steps = dense, None, {}, {}

    def event(self, event):
        seq = event["seq"]
        if self.seq is not None and (seq != self.seq + 1 if self.dense else seq <= self.seq):
            self.wrong(f"sequence {seq} after {self.seq}")
        self.seq = seq
        if is_row(event, "counter_log") and event["op"] == "create":
            k, n = event["after"]["k"], event["after"]["n"]
            if n != self.steps.get(k, 0) + 1:
                self.wrong(f"seq {seq}: counter {k} steps from {self.steps.get(k, 0)} to {n}")
            self.steps[k] = n

    def transaction(self, events):
        here = position(next((e for e in events if is_row(e)), events[0]))
        if here is None or not any(is_row(e) for e in events):
            return
        line, place = here
        if line in self.last and place <= self.last[line]:
            self.wrong(f"seq {events[0]['seq']}: commit {events[0]['tx']['id']} after {self.last[line]}")
        self.last[line] = place


class Unique(Validator):
    def __init__(self):
        super().__init__()
        self.ids, self.ledger = set(), set()

    def event(self, event):
        # Python's hash is enough: a collision in 64 bits would need billions of events.
        key = hash(event["id"])
        if key in self.ids:
            self.wrong(f"id {event['id']} again at seq {event['seq']}")
        self.ids.add(key)
        if is_row(event, "ledger") and event["op"] == "create":
            row = (event["after"]["client"], event["after"]["number"])
            if row in self.ledger:
                self.wrong(f"transaction {row} again at seq {event['seq']}")
            self.ledger.add(row)


class Atomic(Validator):
    def __init__(self):
        super().__init__()
        self.seen = set()

    def transaction(self, events):
        first = events[0]
        identity = hash(first["tx"]["id"])
        rows = [e for e in events if is_row(e)]
        if not rows:
            return
        if identity in self.seen:
            self.wrong(f"transaction {first['tx']['id']} goes on at seq {first['seq']}")
        self.seen.add(identity)
        ordinals = [e["ordinal"] for e in rows]
        if ordinals != list(range(len(rows))):
            self.wrong(f"transaction {first['tx']['id']}: ordinals {ordinals[:20]}")
        for event in rows:
            if event["table"] == "ledger" and event["op"] == "create" and event["after"]["rows"] != len(rows):
                self.wrong(f"transaction {first['tx']['id']} has {len(rows)} rows, its ledger says "
                           f"{event['after']['rows']}")


class Reliable(Validator):
    def __init__(self, journal):
        super().__init__()
        self.journal, self.seen = journal, set()

    def event(self, event):
        if is_row(event, "ledger") and event["op"] == "create":
            self.seen.add((event["after"]["client"], event["after"]["number"]))

    def end(self):
        for transaction, fate in self.journal.items():
            if fate == "ok" and transaction not in self.seen:
                self.wrong(f"transaction {transaction} was committed and is not in the stream")
        for transaction in self.seen - set(self.journal) if self.journal else ():
            self.wrong(f"transaction {transaction} was never begun")


class Resumable(Validator):
    def __init__(self, suffixes):
        super().__init__()
        self.suffixes = [(start, open(path)) for start, path in suffixes]

    def event(self, event):
        for start, lines in self.suffixes:
            if event["seq"] < start:
                continue
            line = lines.readline()
            other = json.loads(line) if line else None
            if other != event:
                self.wrong(f"from {start}: seq {event['seq']} reads as {str(other)[:200]}")

    def end(self):
        for start, lines in self.suffixes:
            if lines.readline():
                self.wrong(f"from {start}: more than the whole stream has")
            lines.close()


class NoAborted(Validator):
    def __init__(self, journal):
        super().__init__()
        self.journal = journal

    def event(self, event):
        if is_row(event, "never"):
            self.wrong(f"seq {event['seq']}: a row of what was rolled back: {event.get('after')}")
        elif is_row(event, "ledger") and event["op"] == "create":
            self._rolled_back(event, (event["after"]["client"], event["after"]["number"]))
        elif event["op"] == "message":
            text = message_text(event)
            if text.count(":") == 1 and text.replace(":", "").isdigit():
                self._rolled_back(event, tuple(int(part) for part in text.split(":")))

    def _rolled_back(self, event, transaction):
        if self.journal.get(transaction) == "abort":
            self.wrong(f"seq {event['seq']}: {event['op']} of transaction {transaction}, which was rolled back")


def message_text(event):
    """The body of a logical message: "text", or base64 in "body" where it is not UTF-8."""
    if "text" in event:
        return event["text"]
    body = event.get("body") or ""
    try:
        return base64.b64decode(body, validate=True).decode()
    except (ValueError, UnicodeDecodeError):
        return str(body)


class PrevRow(Validator):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def event(self, event):
        before = self.model.surprise_count
        self.model.apply(event)
        if self.model.surprise_count > before:
            self.wrong(self.model.surprises[-1])


class Conserved(Validator):
    """Keeps its own sum from the events, apart from the model."""

    def __init__(self):
        super().__init__()
        self.balances, self.sum = {}, None

    def transaction(self, events):
        touched = [e for e in events if is_row(e, "account") and e.get("after")]
        if not touched:
            return
        for event in touched:
            self.balances[event["after"]["id"]] = event["after"]["balance"]
        strange = [b for b in self.balances.values() if not isinstance(b, int)]
        if strange:
            self.wrong(f"after transaction {events[0]['tx']['id']} a balance is {strange[0]!r}")
            return
        now = sum(self.balances.values())
        if self.sum is not None and now != self.sum:
            self.wrong(f"after transaction {events[0]['tx']['id']} the accounts hold {now}, not {self.sum}")
        self.sum = now


class Final(Validator):
    def __init__(self, model, tables, oracle_differences):
        super().__init__()
        self.model, self.tables, self.oracle_differences = model, tables, oracle_differences
        self.rows = 0

    def end(self):
        if self.tables is not None:
            found = models.compare(self.model, self.tables)
            self.rows = found.rows
            self.count += found.missing + found.extra
            self.errors += found.examples[:KEPT]
        for text in self.oracle_differences:
            self.wrong(f"oracle: {text}")


def read_journal(path):
    """{(client, number): fate}; an intent without an end is unknown."""
    journal = {}
    with open(path) as lines:
        for line in lines:
            client, number, fate = json.loads(line)
            journal[client, number] = "unknown" if fate == "intent" else fate
    return journal


def read_stream(path):
    with open(path) as lines:
        for line in lines:
            yield json.loads(line)


def check(stream, journal=None, tables=None, oracle_path=None, suffixes=(), dense=True):
    """Runs all validators; returns the report as a dictionary."""
    differences, agreed = [], 0
    if oracle_path:
        with open(oracle_path) as lines:
            differences, agreed = oracle.compare(read_stream(stream), lines, oracle_tables(tables))
    journal = journal or {}
    model = models.Model()
    final = Final(model, tables, differences)
    validators = [Ordered(dense), Unique(), Atomic(), Reliable(journal), Resumable(suffixes), NoAborted(journal),
                  PrevRow(model), Conserved(), final]
    events = rows = transactions = 0
    current, group = None, []
    for event in read_stream(stream):
        events += 1
        rows += is_row(event)
        for v in validators:
            v.event(event)
        identity = (event.get("tx") or {}).get("id")
        if identity != current and group:
            transactions += 1
            for v in validators:
                v.transaction(group)
            group = []
        current = identity
        if identity is not None:
            group.append(event)
    for v in validators:
        if group:
            v.transaction(group)
        v.end()
    return report(validators, {"events": events, "rows": rows, "transactions": transactions + bool(group),
                               "rows_compared": final.rows, "oracle_agreed": agreed})


def oracle_tables(tables):
    if tables is None:
        return workload.TABLES
    return [tuple(name.split(".", 1)) for name in tables]


def report(validators, figures):
    by = {v.name: v for v in validators}
    return {**figures,
            "lost": by["Reliable"].count, "repeated": by["Unique"].count,
            "reordered": by["Ordered"].count, "aborted": by["NoAborted"].count,
            "failed": {v.name: {"count": v.count, "examples": v.errors} for v in validators if v.count},
            "ok": not any(v.count for v in validators)}


def main():
    parser = argparse.ArgumentParser(description="checks a stream against journal, tables and a second decoder")
    parser.add_argument("--stream", required=True)
    parser.add_argument("--journal")
    parser.add_argument("--tables", help="final contents, as model.contents() gives them, in JSON")
    parser.add_argument("--oracle", help="what oracle.Oracle.dump() wrote")
    parser.add_argument("--suffix", action="append", default=[], metavar="SEQ:FILE")
    parser.add_argument("--sparse", action="store_true", help="sequences may have gaps (a filtered tail)")
    a = parser.parse_args()
    journal = read_journal(a.journal) if a.journal else None
    tables = json.load(open(a.tables)) if a.tables else None
    suffixes = [(int(s.split(":", 1)[0]), s.split(":", 1)[1]) for s in a.suffix]
    result = check(a.stream, journal, tables, a.oracle, suffixes, dense=not a.sparse)
    print(json.dumps(result, indent=2, ensure_ascii=False))
    sys.exit(0 if result["ok"] else 1)


if __name__ == "__main__":
    main()
