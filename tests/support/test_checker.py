"""Checks the checker: a clean stream passes, and each of the planted mutants of it is caught.

The stream is made here, event by event, with its journal, tables and second decoder's account, so that no
server and no daemon is needed. A mutant names the validators that must catch it: a checker that says "wrong"
for another reason would be luck.
"""
import copy
import json

import pytest

from . import checker

BASE_LSN = 0x1900000


class Story:
    """A few dozen transactions as leat would tell them."""

    def __init__(self):
        self.stream, self.journal, self.oracle = [], {}, []
        self.seq, self.lsn = 0, BASE_LSN
        self.accounts = {i: 100 for i in range(1, 5)}
        self.counters = {1: 0, 2: 0}
        self.log, self.ledger = [], []
        self.documents = {1: (0, "body one"), 2: (0, "body two")}
        self.heap = []
        self._transaction([self._row("create", "account", ["id"], after={"id": i, "balance": 100})
                           for i in self.accounts] +
                          [self._row("create", "counter", ["k"], after={"k": k, "n": 0}) for k in self.counters] +
                          [self._row("create", "document", ["id"], after={"id": i, "version": 0, "body": b})
                           for i, (_, b) in self.documents.items()])
        for number in range(1, 41):
            self._one(1 + number % 2, number)

    def _row(self, op, table, key, before=None, after=None, form=None, absent=()):
        event = {"op": op, "schema": "public", "table": table, "key": key,
                 "before_form": form or ("none" if before is None else "key")}
        if before is not None:
            event["before"] = before
        if after is not None:
            event["after"] = after
        if absent:
            event["absent"] = list(absent)
        return event

    def _transaction(self, rows):
        self.lsn += 0x100
        xid = 700 + len(self.oracle)
        identity = f"1/{self.lsn >> 32:X}/{self.lsn & 0xFFFFFFFF:X}"
        for ordinal, row in enumerate(rows):
            self.seq += 1
            self.stream.append({"seq": self.seq, "id": f"shop/7/{identity}/{ordinal}", "source": "shop",
                                "tx": {"id": identity, "time_us": self.lsn, "attrs": {"txId": xid}},
                                "ordinal": ordinal, **row})
        self.oracle.append({"xid": xid, "changes": [self._change(row) for row in rows]})

    @staticmethod
    def _change(row):
        def typed(values, absent=()):
            types = {int: "bigint", str: "text"}
            found = {c: [types.get(type(v), "text"), None if v is None else str(v)]
                     for c, v in (values or {}).items()}
            return {**found, **{c: ["text", False] for c in absent}}
        return {"op": row["op"], "schema": "public", "table": row["table"],
                "new": typed(row.get("after"), row.get("absent", ())), "old": typed(row.get("before"))}

    def _one(self, client, number):
        self.journal[client, number] = "abort" if number % 5 == 0 else "ok"
        if number % 5 == 0:
            return
        rows = []
        a, b = 1 + number % 4, 1 + (number + 1) % 4
        for account, amount in ((a, -number), (b, number)):
            self.accounts[account] += amount
            rows.append(self._row("update", "account", ["id"],
                                  after={"id": account, "balance": self.accounts[account]}))
        k = 1 + number % 2
        old = {"k": k, "n": self.counters[k]}
        self.counters[k] += 1
        rows.append(self._row("update", "counter", ["k"], old, {"k": k, "n": self.counters[k]}, "full"))
        self.log.append((k, self.counters[k]))
        rows.append(self._row("create", "counter_log", ["k", "n"], after={"k": k, "n": self.counters[k]}))
        d = 1 + number % 2
        version, body = self.documents[d]
        self.documents[d] = (version + 1, body)
        rows.append(self._row("update", "document", ["id"], after={"id": d, "version": version + 1}, absent=["body"]))
        self.heap.append((number, None if number % 2 else "x"))
        rows.append(self._row("create", "heap", [], after={"a": number, "b": self.heap[-1][1]}))
        if len(self.heap) > 5:
            gone = self.heap.pop(0)
            rows.append(self._row("delete", "heap", [], {"a": gone[0], "b": gone[1]}, form="full"))
        self.ledger.append((client, number, len(rows) + 1))
        rows.append(self._row("create", "ledger", ["client", "number"],
                              after={"client": client, "number": number, "rows": len(rows) + 1}))
        self._transaction(rows)

    def tables(self):
        def table(columns, types, rows):
            return {"columns": columns, "types": types,
                    "rows": [[None if v is None else str(v) for v in row] for row in rows]}
        return {
            "public.account": table(["id", "balance"], ["integer", "bigint"], self.accounts.items()),
            "public.counter": table(["k", "n"], ["integer", "bigint"], self.counters.items()),
            "public.counter_log": table(["k", "n"], ["integer", "bigint"], self.log),
            "public.document": table(["id", "version", "body"], ["integer", "integer", "text"],
                                     [(i, v, b) for i, (v, b) in self.documents.items()]),
            "public.heap": table(["a", "b"], ["integer", "text"], self.heap),
            "public.ledger": table(["client", "number", "rows"], ["integer", "bigint", "integer"], self.ledger),
            "public.never": table(["id"], ["bigint"], []),
        }


def find(stream, table, op, skip=3):
    """The position of an event in the middle of the stream."""
    return [i for i, e in enumerate(stream) if e["table"] == table and e["op"] == op][skip]


def transaction_at(stream, at):
    """[from, to) of the transaction that an event belongs to."""
    identity = stream[at]["tx"]["id"]
    mine = [i for i, e in enumerate(stream) if e["tx"]["id"] == identity]
    return mine[0], mine[-1] + 1


def renumber(stream):
    for seq, event in enumerate(stream, 1):
        event["seq"] = seq
    return stream


# --- the mutants: each takes the stream and gives a worse one ----------------------------------------


def drop_one_event(s):
    del s[find(s, "account", "update")]
    return s


def drop_one_event_and_close_the_gap(s):
    at = find(s, "heap", "create")
    _, end = transaction_at(s, at)
    for e in s[at + 1:end]:
        e["ordinal"] -= 1
    del s[at]
    return renumber(s)


def drop_a_transaction(s):
    begin, end = transaction_at(s, find(s, "ledger", "create"))
    del s[begin:end]
    return renumber(s)


def drop_the_last_transaction(s):
    begin, _ = transaction_at(s, len(s) - 1)
    return s[:begin]


def repeat_an_event(s):
    at = find(s, "heap", "create")
    s.insert(at, copy.deepcopy(s[at]))
    return renumber(s)


def repeat_a_transaction(s):
    begin, end = transaction_at(s, find(s, "ledger", "create"))
    return renumber(s[:end] + copy.deepcopy(s[begin:end]) + s[end:])


def repeat_a_transaction_under_new_ids(s):
    begin, end = transaction_at(s, find(s, "ledger", "create"))
    again = copy.deepcopy(s[begin:end])
    for e in again:
        e["id"] += "x"
        e["tx"]["id"] += "1"
    return renumber(s[:end] + again + s[end:])


def swap_two_steps_of_a_counter(s):
    logs = [i for i, e in enumerate(s) if e["table"] == "counter_log" and e["after"]["k"] == 1]
    a, b = logs[3], logs[4]
    s[a]["after"], s[b]["after"] = s[b]["after"], s[a]["after"]
    return s


def swap_two_transactions(s):
    begin, end = transaction_at(s, find(s, "ledger", "create"))
    _, after = transaction_at(s, end)
    return renumber(s[:begin] + s[end:after] + s[begin:end] + s[after:])


def swap_two_events_of_a_transaction(s):
    at = find(s, "account", "update", 4)
    s[at], s[at + 1] = s[at + 1], s[at]
    return renumber(s)


def merge_two_transactions(s):
    begin, end = transaction_at(s, find(s, "ledger", "create"))
    _, after = transaction_at(s, end)
    for ordinal, e in enumerate(s[begin:after]):
        e["tx"] = copy.deepcopy(s[begin]["tx"])
        e["ordinal"] = ordinal
    return s


def split_a_transaction(s):
    at = find(s, "document", "update")
    _, end = transaction_at(s, at)
    for ordinal, e in enumerate(s[at:end]):
        e["tx"] = {**e["tx"], "id": e["tx"]["id"] + "1"}
        e["ordinal"] = ordinal
    return s


def interleave_two_transactions(s):
    begin, end = transaction_at(s, find(s, "ledger", "create"))
    s[end - 1], s[end] = s[end], s[end - 1]
    return renumber(s)


def tell_an_aborted_transaction(s):
    begin, end = transaction_at(s, find(s, "ledger", "create"))
    ghost = copy.deepcopy(s[end - 1])
    ghost["after"] = {"client": 2, "number": 5, "rows": 1}
    ghost["ordinal"], ghost["id"] = 0, ghost["id"] + "g"
    ghost["tx"]["id"] += "1"
    return renumber(s[:end] + [ghost] + s[end:])


def tell_a_rolled_back_savepoint(s):
    at = find(s, "heap", "create")
    s[at]["table"], s[at]["after"] = "never", {"id": 1}
    return s


def stale_before_image(s):
    s[find(s, "counter", "update")]["before"]["n"] -= 1
    return s


def before_image_of_another_row(s):
    at = find(s, "counter", "update")
    s[at]["before"]["k"] = 3 - s[at]["before"]["k"]
    return s


def null_for_toast(s):
    e = s[find(s, "document", "update")]
    e["after"]["body"] = None
    del e["absent"]
    return s


def null_for_text(s):
    e = next(e for e in s if e["table"] == "heap" and e["op"] == "create" and e["after"]["b"] == "x")
    e["after"]["b"] = None
    return s


def invented_value_for_toast(s):
    e = s[find(s, "document", "update")]
    e["after"]["body"] = "body"
    del e["absent"]
    return s


def wrong_last_value(s):
    at = max(i for i, e in enumerate(s) if e["table"] == "account")
    s[at]["after"]["balance"] += 1
    return s


def number_told_as_text(s):
    e = s[find(s, "account", "update", -1)]
    e["after"]["balance"] = str(e["after"]["balance"])
    return s


def update_told_as_insert(s):
    s[find(s, "document", "update")]["op"] = "create"
    return s


def delete_left_out(s):
    at = find(s, "heap", "delete")
    _, end = transaction_at(s, at)
    for e in s[at + 1:end]:
        e["ordinal"] -= 1
    del s[at]
    return renumber(s)


def wrong_table(s):
    e = s[find(s, "account", "update")]
    e["table"] = "counter"
    return s


def sequence_goes_back(s):
    s[20]["seq"] = 3
    return s


MUTANTS = [
    (drop_one_event, {"Ordered", "Atomic", "Final"}),
    (drop_one_event_and_close_the_gap, {"Atomic", "Final"}),
    (drop_a_transaction, {"Reliable", "Final"}),
    (drop_the_last_transaction, {"Reliable", "Final"}),
    (repeat_an_event, {"Unique", "Atomic"}),
    (repeat_a_transaction, {"Unique", "PrevRow"}),
    (repeat_a_transaction_under_new_ids, {"Unique", "PrevRow"}),
    (swap_two_steps_of_a_counter, {"Ordered", "Final"}),
    (swap_two_transactions, {"Ordered", "Final"}),
    (swap_two_events_of_a_transaction, {"Atomic", "Final"}),
    (merge_two_transactions, {"Atomic", "Final"}),
    (split_a_transaction, {"Atomic", "Final"}),
    (interleave_two_transactions, {"Atomic"}),
    (tell_an_aborted_transaction, {"NoAborted", "Final"}),
    (tell_a_rolled_back_savepoint, {"NoAborted", "Final"}),
    (stale_before_image, {"PrevRow", "Final"}),
    (before_image_of_another_row, {"PrevRow"}),
    (null_for_toast, {"Final"}),
    (null_for_text, {"Final"}),
    (invented_value_for_toast, {"Final"}),
    (wrong_last_value, {"Conserved", "Final"}),
    (number_told_as_text, {"Final"}),
    (update_told_as_insert, {"PrevRow", "Final"}),
    (delete_left_out, {"Atomic", "Final"}),
    (wrong_table, {"PrevRow", "Final"}),
    (sequence_goes_back, {"Ordered"}),
]


class Files:
    def __init__(self, directory, story):
        self.directory, self.story = directory, story
        self.oracle = directory / "oracle"
        self.oracle.write_text("".join(json.dumps(t) + "\n" for t in story.oracle))

    def write(self, name, events):
        path = self.directory / name
        path.write_text("".join(json.dumps(e) + "\n" for e in events))
        return path

    def check(self, stream, oracle=True, suffixes=()):
        return checker.check(self.write("stream", stream), self.story.journal, self.story.tables(),
                             self.oracle if oracle else None, suffixes)


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path, Story())


def test_checker__a_true_stream_passes(files):
    result = files.check(files.story.stream)
    assert result["ok"], result["failed"]
    assert result["rows"] == len(files.story.stream) == result["oracle_agreed"]
    assert result["rows_compared"] > 40


@pytest.mark.parametrize("mutate, validators", MUTANTS, ids=[m.__name__ for m, _ in MUTANTS])
def test_checker__catches(files, mutate, validators):
    result = files.check(mutate(copy.deepcopy(files.story.stream)))
    assert validators <= set(result["failed"]), result["failed"]


# A wrong value that was later replaced is known to the second decoder alone.
REPLACED = (null_for_toast, invented_value_for_toast, null_for_text, number_told_as_text)


@pytest.mark.parametrize("mutate", [m for m, _ in MUTANTS if m not in REPLACED], ids=lambda m: m.__name__)
def test_checker__catches_without_the_second_decoder(files, mutate):
    assert not files.check(mutate(copy.deepcopy(files.story.stream)), oracle=False)["ok"]


def test_checker__a_cursor_off_by_one_is_caught(files):
    stream = files.story.stream
    good = files.write("good", stream[30:])
    late = files.write("late", stream[31:])
    early = files.write("early", stream[29:])
    assert files.check(stream, suffixes=[(31, good)])["ok"]
    assert "Resumable" in files.check(stream, suffixes=[(31, late)])["failed"]
    assert "Resumable" in files.check(stream, suffixes=[(31, early)])["failed"]
    torn = files.write("torn", stream[30:-1])
    assert "Resumable" in files.check(stream, suffixes=[(31, torn)])["failed"]


def test_checker__an_unknown_outcome_may_be_there_once_or_not_at_all(files):
    story = files.story
    begin, end = transaction_at(story.stream, len(story.stream) - 1)
    last = story.stream[end - 1]["after"]
    story.journal[last["client"], last["number"]] = "unknown"
    assert "Reliable" not in files.check(story.stream)["failed"]
    assert "Reliable" not in files.check(story.stream[:begin])["failed"]
    twice = renumber(copy.deepcopy(story.stream + story.stream[begin:]))
    assert "Unique" in files.check(twice)["failed"]


def test_checker__the_program_ends_with_1_on_a_false_stream(files, monkeypatch, capsys):
    for stream, code in ((files.story.stream, 0), (drop_a_transaction(copy.deepcopy(files.story.stream)), 1)):
        path = files.write("stream", stream)
        monkeypatch.setattr("sys.argv", ["checker", "--stream", str(path), "--oracle", str(files.oracle)])
        with pytest.raises(SystemExit) as ended:
            checker.main()
        assert ended.value.code == code
        assert json.loads(capsys.readouterr().out)["ok"] == (code == 0)
