"""The pretended server and its binlogs, read by others than leat: PyMySQL, and the tools of real servers."""
import socket
import struct
import subprocess

import pymysql
import pytest

from . import mysqlversions, places
from .binlogfile import IGNORABLE, MAGIC, XID, BinlogFiles
from .fakebinlog import DUMP, EOF, FakeBinlog, caching_sha2, native, xor

TOOLS = {"mariadb": mysqlversions.DEBIAN, "mysql": "mysql-9"}
FLAVOURS = sorted(TOOLS)


def tool(flavour):
    there, reason = mysqlversions.have(TOOLS[flavour])
    if not there:
        pytest.skip(f"{TOOLS[flavour]} cannot be had: {reason}")
    return [str(mysqlversions.find(TOOLS[flavour]).binlog), "--no-defaults", "--verbose", "--base64-output=decode-rows"]


def small_log(flavour):
    log = BinlogFiles(flavour)
    table = log.table("shop", "t", [("id", "int"), ("v", "varchar")])
    log.statement("create table t (id int primary key, v varchar(100))", "shop")
    log.transaction(table.insert([1, "one"], [-2, None]), table.update([1, "one"], [1, "it's"]))
    log.begin_file()
    log.transaction(table.delete([-2, None]))
    return log


def connect(fake, password):
    return pymysql.connect(host="127.0.0.1", port=fake.port, user=fake.user, password=password)


class Raw:
    """A client that sends one dump request and reads what comes, without any library's help."""

    def __init__(self, fake, file, position=4, code=DUMP, body=None):
        self.end = socket.create_connection(("127.0.0.1", fake.port))
        self.packet()
        login = struct.pack("<IIB23x", 0x81 | 0x200 | 0x8000 | 0x80000, 1 << 24, 45) + b"leat\0\0mysql_native_password\0"
        self.send(login, 1)
        self.packet()
        self.send(bytes([code]) + (struct.pack("<IHI", position, 0, 9) + file.encode() if body is None else body), 0)

    def send(self, payload, sequence):
        self.end.sendall(len(payload).to_bytes(3, "little") + bytes([sequence]) + payload)

    def take(self, count):
        data = b""
        while len(data) < count:
            part = self.end.recv(count - len(data))
            if not part:
                return None
            data += part
        return data

    def packet(self):
        head = self.take(4)
        return head and self.take(int.from_bytes(head[:3], "little"))

    def events(self):
        """The events until the end, an error or the cut."""
        while True:
            data = self.packet()
            if not data or data[0] != 0:
                self.last = data
                return
            yield data[1:]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_fake__real_tools_read_its_files_and_verify_every_checksum(tmp_path, flavour):
    log = small_log(flavour)
    for name, events in log.files.items():
        (tmp_path / name).write_bytes(MAGIC + b"".join(e.data for e in events))
    done = subprocess.run([*tool(flavour), "--print-table-metadata", "--verify-binlog-checksum",
                           *[str(tmp_path / n) for n in log.names]], capture_output=True)
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()
    assert "# Columns(`id` INT NOT NULL,\n#         `v` VARCHAR(100) CHARSET utf8mb4" in text and "# Primary Key(id)" in text
    assert [line for line in text.splitlines() if line.startswith("###   @1=")] == [
        "###   @1=1", "###   @1=-2 (4294967294)", "###   @1=1", "###   @1=1", "###   @1=-2 (4294967294)"]
    assert log.gtid() in text or f"{log.domain}-{log.server_id}-{log.number}" in text


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_fake__a_real_tool_dumps_it_over_the_network(flavour):
    with FakeBinlog(small_log(flavour), password="secret") as fake:
        done = subprocess.run([*tool(flavour), "--read-from-remote-server", "--host=127.0.0.1", f"--port={fake.port}",
                               "--user=leat", "--password=secret", "--to-last-log", fake.log.names[0],
                               "--skip-ssl" if flavour == "mariadb" else "--ssl-mode=DISABLED"],
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout.count(b"### INSERT INTO `shop`.`t`") == 2 and done.stdout.count(b"### DELETE FROM") == 1
        assert fake.errors == [] and fake.dumps[0].file == fake.log.names[0]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_fake__passwords_are_checked_and_questions_answered(flavour):
    answers = {"from t": [["a", "b"], [1, None]], "nothing": (1146, "no")}
    with FakeBinlog(small_log(flavour), password="secret", answers=answers) as fake:
        with pytest.raises(pymysql.err.OperationalError, match="1045"):
            connect(fake, "wrong")
        with connect(fake, "secret").cursor() as cursor:
            cursor.execute("SELECT @@GLOBAL.version, @@server_id")
            assert cursor.fetchall() == ((fake.log.version, "7"),)
            cursor.execute("SHOW BINARY LOGS")
            assert [row[0] for row in cursor.fetchall()] == fake.log.names
            cursor.execute("select a, b from t")
            assert cursor.fetchall() == (("1", None),)
            cursor.execute("SELECT x.y, z AS w FROM information_schema.x WHERE y = 'a'")
            assert [d[0] for d in cursor.description] == ["x.y", "w"] and cursor.fetchall() == ()
            with pytest.raises(pymysql.err.ProgrammingError, match="1146"):
                cursor.execute("SELECT nothing")
        assert "SHOW BINARY LOGS" in fake.questions


def test_fake__scrambles_are_those_of_the_protocol():
    """A server undoes them with what it keeps of the password, so this does."""
    import hashlib
    salt = bytes(range(33, 53))
    for scrambled, digest in ((native, hashlib.sha1), (caching_sha2, hashlib.sha256)):
        kept = digest(digest(b"secret").digest()).digest()
        mix = digest(salt + kept if digest is hashlib.sha1 else kept + salt).digest()
        assert digest(xor(scrambled("secret", salt), mix)).digest() == kept


def test_fake__a_dump_begins_with_a_rotate_and_the_edited_format():
    log = small_log("mariadb")
    with FakeBinlog(log, after=EOF) as fake:
        events = list(Raw(fake, log.names[0], log.files[log.names[0]][2].position).events())
    rotate, form, first = events[:3]
    assert rotate[4] == 4 and struct.unpack_from("<I", rotate, 13)[0] == 0 and rotate[17] & 0x20
    assert form[4] == 15 and struct.unpack_from("<I", form, 13)[0] == 0
    assert first == log.files[log.names[0]][2].data
    whole = [e.data for n in log.names for e in log.files[n]]
    assert events[-1] == whole[-1] and [e[4] for e in events].count(4) == 3  # two fakes and the file's own


def test_fake__each_connection_is_cut_where_it_was_told_to():
    log = small_log("mysql")
    with FakeBinlog(log, after=EOF) as fake:
        sizes = [len(e) + 5 for e in Raw(fake, log.names[0]).events()]
    total = sum(sizes)
    with FakeBinlog(log, after=EOF, cuts=range(total)) as fake:
        for count in range(0, total, 7):
            fake.cuts = iter([count])
            whole = sum(sum(sizes[:n + 1]) <= count for n in range(len(sizes)))
            assert len(list(Raw(fake, log.names[0]).events())) == whole
        assert fake.errors == []


def test_fake__gtids_that_the_client_has_are_not_sent_again():
    log = small_log("mysql")
    have = struct.pack("<Q16sQqq", 1, log.uuid_bytes, 1, 1, 3)
    body = struct.pack("<HIIQI", 0, 9, 0, 4, len(have)) + have
    with FakeBinlog(log, after=EOF) as fake:
        events = list(Raw(fake, "", code=0x1e, body=body).events())
        assert [e[4] for e in events if e[4] in (33, 16, 30, 31, 32)] == [33, 32, 16]
        assert fake.dumps[0].gtid and fake.dumps[0].state == {log.uuid_bytes: [(1, 3)]}


def test_fake__what_no_server_does_can_be_asked_for():
    log = BinlogFiles("mariadb")
    log.skip_to((1 << 32) - 10)
    log.add(200, b"?", flags=IGNORABLE)
    log.add(XID, b"\0" * 8, size=7)
    past = log.add(XID, b"\0" * 8)
    with FakeBinlog(log, after=(1236, "no more"), on_event=lambda e: [e, e] if e[4] == 200 else e) as fake:
        raw = Raw(fake, log.current)
        events = list(raw.events())
        assert raw.last[:3] == b"\xff\xd4\x04"
    assert [e[4] for e in events[-4:]] == [200, 200, XID, XID]
    assert struct.unpack_from("<I", events[-2], 9)[0] == 7
    assert past.end > 1 << 32 and struct.unpack_from("<I", events[-1], 13)[0] == past.end - (1 << 32)


def test_fake__a_connection_that_holds_gets_what_is_added_later():
    log = small_log("mariadb")
    with FakeBinlog(log, heartbeat_seconds=0.05) as fake:
        raw = Raw(fake, log.names[-1])
        stream = raw.events()
        count = 1 + len(log.events)
        assert len([next(stream) for _ in range(count)]) == count
        assert next(stream)[4] == 27  # idle: a heartbeat
        log.begin_file()
        log.commit()
        fake.more()
        places.wait_until(lambda: next(stream)[4] == XID, 10, "the new file's event", 0)
