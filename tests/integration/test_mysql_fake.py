"""What no real server does on demand: a pretended one cuts, forges, turns bits, and begins files in the middle.

Whatever comes, the daemon lives, stores nothing that was not written, and goes on where it can: what the log holds in
the end is known from the hand that made it. See support/fakebinlog.py and support/binlogfile.py.
"""
import itertools
import random
import struct

import pytest

from tests.support import places
from tests.support.binlogfile import (FORMAT, GTID, IGNORABLE, MARIA_GTID, QUERY, ROTATE, TABLE_MAP, XID, BinlogFiles,
                                      with_crc)
from tests.support.fakebinlog import EOF, FakeBinlog
from tests.support.leatd import Leat

FLAVOURS = ["mariadb", "mysql"]
ROWS = {"mariadb": (23, 24, 25), "mysql": (30, 31, 32)}
CHECKSUM_NONE = 0


class Scene:
    """A fake with one table, and a leat that reads it from the beginning of the log."""

    def __init__(self, directory, flavour, log=None, source=None, **fake):
        self.flavour = flavour
        self.log = log or BinlogFiles(flavour)
        self.table = self.log.table("shop", "t", [("id", "int"), ("v", "varchar")])
        self.log.transaction(self.log.table("other", "o", [("id", "int")]).insert([1]))  # from now on by GTID
        self.fake = FakeBinlog(self.log, heartbeat_seconds=0.05, **fake)
        self.leat = Leat(directory / "leat", self.fake, "shop", source=source)
        self.written = []
        self.leat.start()
        self.leat.wait_caught_up()

    def add(self, count=1, rows=2):
        """Transactions of so many rows."""
        for _ in range(count):
            first = len(self.written)
            values = [[i, f"row {i}"] for i in range(first, first + rows)]
            self.log.transaction(self.table.insert(*values[:1]), *[self.table.insert(*values[1:])] * (rows > 1))
            self.written += values
        self.fake.more()
        return self

    def stored(self):
        return [[e["after"]["id"], e["after"]["v"]] for e in self.leat.tail() if e["op"] == "create"]

    def check(self):
        """All that was written is there, once, in order."""
        self.leat.wait_caught_up()
        assert self.stored() == self.written and self.leat.alive and self.fake.errors == []

    def down(self):
        """Ends the daemon, and waits until the server knows."""
        if self.leat.alive:
            self.leat.kill9()
        places.wait_until(lambda: not self.fake.streaming, 10, "the server's end of the session")
        return self

    def again(self, hook=None):
        """A new daemon, whose patience is not used up, and what is done to its events; where its log begins."""
        self.down()
        self.fake.on_event = hook
        mark = len(self.leat.log())
        self.leat.spawn()
        return mark

    def wait(self, *words, start=0):
        """Until an error with these words stands in the log."""
        def found():
            lines = [line for line in self.leat.log()[start:].splitlines() if " ERROR " in line or " WARN " in line]
            return next((line for line in lines if all(w.lower() in line.lower() for w in words)), None)
        return places.wait_until(found, 15, f"an error with {words}; log:\n{self.leat.log()[-2500:]}")


@pytest.fixture
def scene(built, directory):
    made = []

    def make(flavour, **keywords):
        made.append(Scene(directory, flavour, **keywords))
        return made[-1]
    yield make
    for one in made:
        if one.leat.alive:
            one.leat.kill9()
        one.fake.close()


def once(kind, change):
    """A hook that changes the first event of a kind, until it is armed again."""
    armed = [True]

    def hook(data):
        if armed and data[4] == kind:
            armed.clear()
            return change(data)
        return data
    hook.armed = armed
    return hook


# --- the wire -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_fake__a_stream_that_is_cut_anywhere_goes_on_without_loss_or_repeat(scene, flavour):
    """MySQL scenario 87, at the byte: around every event's ends, and anywhere. Only whole transactions are stored."""
    s, chance = scene(flavour), random.Random(7)
    s.down().add(1)
    head = [len(s.log.current) + 31, *[len(e.data) for e in s.log.events[:2]]]  # fake rotate, format, list of GTIDs
    ends = list(itertools.accumulate(size + 5 for size in head + [len(e.data) for e in s.log.events[-6:]]))
    wanted = {end + d for end in ends for d in (-1, 0, 1, 5)} | {chance.randint(0, ends[-1]) for _ in range(5)}
    for cut in sorted(wanted):
        s.fake.cuts = iter([cut])
        mark = s.again()
        places.wait_until(lambda m=mark: "disconnected" in s.leat.log()[m:] or caught_up(s), 10,
                          f"the cut after {cut} bytes")
        found = s.stored()
        assert found == s.written[:len(found)] and len(found) % 2 == 0
        s.down()
        if len(found) == len(s.written):
            s.add(1)
    s.fake.cuts = iter([])
    s.leat.start()
    s.check()


def caught_up(s):
    return s.leat.tap.reached(s.leat, s.leat.tap.end())


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_fake__the_end_of_the_dump_is_a_reconnect(scene, flavour):
    """An end that nobody asked for is not the end of the log."""
    s = scene(flavour)
    s.down()
    s.fake.after = EOF
    s.add(2)
    s.again()
    s.wait("disconnected", "ended")
    s.leat.wait_caught_up(10)  # although each session ends with what it brought
    s.check()


# --- errors of a server -------------------------------------------------------------------------------------

ANSWERS = [
    ((1236, "Could not find first log file name in binary log index file"), "stopped", "on_gap: record"),
    ((1236, "Cannot replicate because the source purged required binary logs. Replicate the missing transactions"),
     "stopped", "binlog_expire_logs_seconds"),
    ((1236, "Client requested source to start replication from position > file size"), "stopped", "sync_binlog"),
    ((1236, "Replica has more GTIDs than the source has, using the source's SERVER_UUID"), "stopped", "does not have"),
    ((1236, "A replica with the same server_uuid/server_id as this replica has connected to the source"), "stopped",
     "server_id of its own"),
    ((4052, "A slave with the same server_uuid/server_id is already connected"), "stopped", "server_id of its own"),
    ((1236, "log event entry exceeded max_allowed_packet; Increase max_allowed_packet"), "stopped", "max_allowed_packet"),
    ((1227, "Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s)"), "stopped", "GRANT REPLICATION"),
    ((1236, "could not find next log; the first event 'binlog.000001' at 4"), "disconnected", "next log"),
    ((1053, "Server shutdown in progress"), "disconnected", "shutdown"),
    ((1040, "Too many connections"), "disconnected", "Too many"),
]


@pytest.mark.parametrize("answer, verdict, words", ANSWERS, ids=[f"{i}-{a[0][0]}" for i, a in enumerate(ANSWERS)])
def test_fake__each_error_of_a_dump_has_its_verdict_and_advice(scene, answer, verdict, words):
    """MySQL reference, error table: what passes by itself is tried again, the rest is the operator's."""
    s = scene("mysql")
    s.down()
    s.fake.after = answer
    s.again()
    assert words.lower() in s.wait(verdict, str(answer[0])).lower()
    s.leat.kill9()
    s.fake.after = "hold"
    s.add(2)
    s.leat.start()
    s.check()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_fake__a_stream_that_an_earlier_one_s_late_end_takes_down_is_asked_for_again(scene, flavour):
    """The dump of a daemon that was killed is taken up by the server behind the next one's, and ends that."""
    s = scene(flavour)
    s.down()
    s.fake.after = [ANSWERS[5 if flavour == "mariadb" else 4][0]] * 3
    s.add(2)
    mark = s.again()
    s.wait("disconnected", "server_id", start=mark)
    places.wait_until(lambda: s.fake.after == [] and s.fake.streaming, 10, "the stream that lasts")
    s.add(1)
    s.check()
    assert " ERROR " not in s.leat.log()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_fake__a_dump_that_brings_nothing_is_asked_for_again_with_more_patience(scene, flavour):
    """No heartbeat either: the library would wait for three of them, which is half a minute."""
    s = scene(flavour)
    s.down().add(2)
    beat, s.fake.heartbeat_seconds = s.fake.heartbeat_seconds, None
    before = streams(s)
    mark = s.again(lambda data: None if streams(s) <= before + 2 else data)
    s.wait("disconnected", "sent nothing in the 1000 ms", start=mark)
    s.wait("disconnected", "sent nothing in the 2000 ms", start=mark)
    s.fake.heartbeat_seconds = beat
    s.check()
    assert " ERROR " not in s.leat.log() and s.leat.log()[mark:].count("sent nothing") == 2


def streams(s):
    return sum(not d.glance for d in s.fake.dumps)


# --- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flavour, way", [("mariadb", "gtid"), ("mariadb", "position"), ("mysql", "gtid")])
def test_fake__positions_past_four_gigabytes_do_not_wrap(scene, flavour, way):
    """MySQL scenario 91: the log tells 32 bits of them."""
    s = scene(flavour, source={"resume": way})
    s.add(2)
    s.leat.wait_caught_up()
    s.log.skip_to((1 << 32) - 150)
    s.add(5)
    s.leat.wait_caught_up()
    assert s.log.position > 1 << 32
    token = s.leat.tap.token(s.leat)
    assert (token["file"], int(token["position"])) == (s.log.current, s.log.position)
    s.add(1)
    s.check()
    mark = s.again()
    s.add(1)
    if way == "position":
        s.wait("stopped", "32 bits", "resume to gtid", start=mark)
        assert s.stored() == s.written[:-2]
        s.leat.kill9()
        s.leat.configure(resume="gtid").spawn()
    s.check()
    s.log.begin_file()
    s.add(2)
    s.check()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_fake__a_file_that_ends_inside_a_transaction_leaves_it_out(scene, flavour):
    """MySQL scenario 89: what a crashed server did not finish is in none of its tables."""
    s = scene(flavour)
    s.add(1)
    s.log.begin()
    s.table.insert([666, "never happened"])(s.log)
    s.log.number -= 1  # the crashed server's next transaction gets it
    s.log.begin_file(rotate=False)
    s.add(2)
    s.check()
    assert "transaction without end dropped" in s.leat.log()
    s.leat.kill9()
    s.leat.start()
    s.add(1)
    s.check()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_fake__a_rotate_in_the_middle_of_a_transaction_is_the_old_file_s_end_only(scene, flavour):
    """A real ROTATE says where the file ends; only the fake one in front of a file begins it."""
    s = scene(flavour)
    s.add(1)
    body = struct.pack("<Q", 4) + b"binlog.000009"
    s.log.begin()
    s.table.insert([2, "row 2"])(s.log)
    s.log.add(ROTATE, body)
    s.table.insert([3, "row 3"])(s.log)
    s.log.commit()
    s.written += [[2, "row 2"], [3, "row 3"]]
    s.add(1)
    s.check()


# --- unknown events -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_fake__unknown_events_are_passed_over_only_if_they_say_so(scene, flavour):
    """MySQL scenario 56, rule 5: between and inside transactions."""
    s = scene(flavour)
    s.log.add(200, b"whatever", flags=IGNORABLE)
    s.log.begin()
    s.log.add(201, b"", flags=IGNORABLE)
    s.table.insert([0, "row 0"])(s.log)
    s.log.add(255, b"\0" * 50, flags=IGNORABLE)
    s.log.commit()
    s.written.append([0, "row 0"])
    s.add(1)
    s.check()
    s.down().add(1)
    place = s.log.position
    s.log.add(200, b"whatever")
    s.add(1)
    mark = s.again()
    s.wait("stopped", "type 200", f":{place} ", "upgrade", start=mark)
    places.wait_until(lambda: s.stored() == s.written[:-2], 10, "what came with it, in front of it")
    s.down()
    assert s.stored() == s.written[:-2]


# --- lengths and bits ---------------------------------------------------------------------------------------


def forged(data, at, value):
    """The event with other bytes in one place, and a checksum that fits."""
    return with_crc(data[:at] + value + data[at + len(value):-4])


def forgeries(flavour):
    """(kind of event, what is done to it): lengths and counts that lie, in events whose checksum is right."""
    gtid, rows = (MARIA_GTID if flavour == "mariadb" else GTID), ROWS[flavour][0]
    fixed = 19 + (8 if flavour == "mariadb" else 10)
    return [
        (XID, lambda d: forged(d, 9, struct.pack("<I", len(d) + 1))),
        (XID, lambda d: forged(d, 9, struct.pack("<I", 0xffffffff))),
        (XID, lambda d: forged(d, 9, struct.pack("<I", 7))),
        (XID, lambda d: d[:10]),
        (XID, lambda d: b""),
        (gtid, lambda d: with_crc(d[:25])),
        (TABLE_MAP, lambda d: forged(d, 27, b"\xff")),              # the database's length
        (TABLE_MAP, lambda d: forged(d, 27 + 1 + 5 + 1 + 2, b"\xfd")),  # the count of columns
        (TABLE_MAP, lambda d: forged(d, len(d) - 7, b"\xfe\xff\xff")),
        (rows, lambda d: forged(d, fixed, b"\xfe")),                # the count of columns
        (rows, lambda d: forged(d, fixed, b"\x07")),
        (rows, lambda d: forged(d, len(d) - 4 - 7, b"\xff\xff")),   # the text's length
        (rows, lambda d: forged(d, 19, b"\x99" * 6)),               # a table that has no map
    ]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_fake__forged_lengths_are_errors_and_the_honest_event_is_read_after_them(scene, flavour):
    """MySQL scenario 112, for each length and count that a row passes on its way."""
    s = scene(flavour)
    for number, (kind, change) in enumerate(forgeries(flavour)):
        hook = once(kind, resized(change))
        s.down().add(1)
        mark = s.again(hook)
        places.wait_until(lambda h=hook: not h.armed, 10, f"forgery {number} sent")
        s.wait("broken log", start=mark) if number in (0, 1, 2) else s.wait("", start=mark)
        s.leat.kill9()
        found = s.stored()
        assert found == s.written[:len(found)] and len(found) % 2 == 0, f"forgery {number}"
        s.leat.start()
        s.check()


def resized(change):
    """Lengths in the header follow, unless they are what is forged."""
    def both(data):
        out = change(data)
        if len(out) >= 23 and len(out) != len(data):
            return with_crc(out[:9] + struct.pack("<I", len(out)) + out[13:-4])
        return out
    return both


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_fake__a_turned_bit_anywhere_is_caught_by_the_checksum(scene, flavour):
    """MySQL scenario 8: each byte range of each kind of event, once; what is stored is what was written."""
    s = scene(flavour)
    chance = random.Random(11)
    kinds = [MARIA_GTID if flavour == "mariadb" else GTID, TABLE_MAP, ROWS[flavour][0], XID] * 3
    for kind in kinds:
        hook = once(kind, lambda d: turned(d, chance))
        s.down().add(1)
        mark = s.again(hook)
        places.wait_until(lambda h=hook: not h.armed, 10, "the turned bit")
        s.wait("broken log", start=mark)
        s.check()


def turned(data, chance):
    bit = chance.randrange(8 * len(data))
    out = bytearray(data)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


def without_checksum():
    """A hook that makes a log without checksums of one with them; the first fake rotate has one, as we declared."""
    seen = []

    def plain(data):
        if data[4] == ROTATE:
            seen.clear()
        if data[4] == FORMAT:
            seen.append(1)
            return with_crc(data[:-5] + bytes([CHECKSUM_NONE]))
        return data if not seen else data[:9] + struct.pack("<I", len(data) - 4) + data[13:-4]
    return plain


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_fake__turned_bits_without_checksums_never_end_the_daemon(scene, flavour):
    """MySQL scenario 112: nobody can know that they were turned; what is stored stays readable and whole."""
    chance, plain = random.Random(13), without_checksum()
    s = scene(flavour)
    s.down().add(2)
    s.again(plain)
    s.check()
    kinds = {MARIA_GTID, GTID, TABLE_MAP, QUERY, XID, *ROWS[flavour]}
    for _ in range(25):
        left = [1]

        def hook(data):
            data = plain(data)
            if left and data[4] in kinds and chance.random() < 0.3:
                left.clear()
                return turned(data, chance)
            return data
        s.down().add(1)
        mark = s.again(hook)
        places.wait_until(lambda m=mark: any(w in s.leat.log()[m:] for w in (" WARN ", " ERROR ")) or caught_up(s), 10,
                          "an end of it")
        assert s.leat.alive
    s.down()
    assert s.leat.command("verify").returncode == 0
    assert all(e["op"] in ("create", "update", "delete", "schema", "truncate") for e in s.leat.tail())


# --- who it says it is --------------------------------------------------------------------------------------


def test_fake__a_version_that_is_a_year_is_still_mysql(scene):
    """MySQL scenario 16: MySQL's releases have the year in front now; 10 and more were MariaDB's once."""
    log = BinlogFiles("mysql")
    log.version = "26.7.0"
    log.begin_file()
    s = scene("mysql", log=log)
    s.add(2)
    s.check()
    assert "flavour=mysql" in s.leat.offsets()[0]["token"] and s.fake.dumps[-1].gtid
