"""The second decoder for MySQL and MariaDB must read what the tools print, and only what was committed."""
import pytest

from . import myoracle, mysqlversions, mytap
from .checker import position
from .mymodel import Column, plain_decimal

MAP = b"""#700101  0:00:00 server id 1  end_log_pos 1 CRC32 0x0 \tTable_map: `shop`.`t` mapped to number 18
# Columns(`id` INT NOT NULL,
#         `v``x` VARCHAR(50) CHARSET utf8mb4 COLLATE utf8mb4_general_ci)
# Primary Key(id)
"""


def maria(number):
    return b"#700101  0:00:00 server id 1  end_log_pos 1 CRC32 0x0 \tGTID 0-1-%d trans\nSTART TRANSACTION\n/*!*/;\n" % number


def mysql(number):
    return b"SET @@SESSION.GTID_NEXT= 'u:%d'/*!*/;\nBEGIN\n/*!*/;\n" % number


def insert(number, text=b"NULL"):
    return MAP + b"### INSERT INTO `shop`.`t`\n### SET\n###   @1=%d\n###   @2=%s\n# Number of rows: 1\n" % (number, text)


def ids(text, mariadb=True, wanted=(("shop", "t"),)):
    """[(GTID, [first columns]), …] of some of the tool's text."""
    found = myoracle.transactions(text.split(b"\n"), set(wanted), mariadb)
    return [(gtid, [int(c["new"].get(1, b"0")) if c["op"] != "truncate" else "truncate" for c in changes])
            for gtid, changes in found]


COMMIT, ROLLBACK = b"COMMIT/*!*/;\n", b"ROLLBACK\n/*!*/;\n"


def test_myoracle__rows_come_with_their_transaction():
    text = maria(5) + insert(1) + insert(2) + COMMIT + maria(6) + insert(3) + COMMIT
    assert ids(text) == [("0-1-5", [1, 2]), ("0-1-6", [3])]
    text = mysql(7) + insert(1) + COMMIT
    assert ids(text, mariadb=False) == [("u:7", [1])]


def test_myoracle__what_was_rolled_back_is_not_there():
    text = maria(5) + insert(1) + ROLLBACK + maria(6) + insert(2) + COMMIT
    assert ids(text) == [("0-1-6", [2])]


def test_myoracle__a_savepoint_takes_its_rows_with_it_and_stays():
    mark, back = b"SAVEPOINT `a`\n/*!*/;\n", b"ROLLBACK TO `a`\n/*!*/;\n"
    text = maria(5) + insert(1) + mark + insert(2) + back + insert(3) + back + insert(4) + COMMIT
    assert ids(text) == [("0-1-5", [1, 4])]


def test_myoracle__a_prepared_transaction_counts_when_it_is_committed():
    def prepared(number, xid):
        start, end, prepare = (b"XA %s X'%s',X'',1\n/*!*/;\n" % (word, xid) for word in (b"START", b"END", b"PREPARE"))
        return maria(number) + start + insert(number) + end + prepare
    text = prepared(1, b"61") + prepared(2, b"62") + maria(3) + insert(3) + COMMIT
    text += maria(4) + b"XA ROLLBACK X'61',X'',1\n/*!*/;\n" + maria(5) + b"XA COMMIT X'62',X'',1\n/*!*/;\n"
    assert ids(text) == [("0-1-3", [3]), ("0-1-5", [2])]


@pytest.mark.parametrize("text", [b"truncate t", b"TRUNCATE TABLE `t`", b"truncate table shop.t", b"truncate `shop` . `t`"])
def test_myoracle__truncate_is_one_change(text):
    assert ids(maria(5) + b"use `shop`/*!*/;\n" + text + b"\n/*!*/;\n") == [("0-1-5", ["truncate"])]


def test_myoracle__tables_that_nobody_asked_for_are_left_out():
    assert ids(maria(5) + insert(1) + COMMIT, wanted=[("shop", "other")]) == []


class Catalogue:
    def columns(self, database, table):
        return {"id": Column("id", "int(11)"), "v`x": Column("v`x", "varchar(50)", "utf8mb4")}


def test_myoracle__values_get_names_types_and_what_an_update_leaves_out():
    text = (maria(5) + MAP + b"### UPDATE `shop`.`t`\n### WHERE\n###   @1=-1 (4294967295)\n###   @2='a\\x0a'b'\n### SET\n"
            b"###   @1=2\n" + COMMIT)
    (_, (change,)), = myoracle.transactions(text.split(b"\n"), {("shop", "t")}, True)
    change = myoracle.finished(change, Catalogue())
    assert change["old"] == {"id": ["bigint", "-1"], "v`x": ["text", "a\n'b"]}
    assert change["new"] == {"id": ["bigint", "2"], "v`x": ["text", "a\n'b"]}


@pytest.mark.parametrize("declared, printed, text", [
    ("int(10) unsigned", b"-1 (4294967295)", "4294967295"), ("int(11)", b"-1 (4294967295)", "-1"),
    ("decimal(10,2)", b"-1.50", "-1.50"), ("double", b"0.10000000000000000555", "0.10000000000000000555"),
    ("bit(10)", b"b'1000000001'", "1000000001"), ("year(4)", b"1900", "0"), ("year", b"2024", "2024"),
    ("date", b"'2024:02:29'", "2024-02-29"), ("datetime(3)", b"'2024-01-02 03:04:05.678'", "2024-01-02 03:04:05.678"),
    ("timestamp(2)", b"1704164645.67", "2024-01-02 03:04:05.67"), ("timestamp", b"0", "0000-00-00 00:00:00"),
    ("enum('a','it''s')", b"2", "it's"), ("enum('a')", b"0", ""), ("set('x','y','z')", b"b'00000101'", "x,z"),
    ("set(" + ",".join(f"'m{i}'" for i in range(9)) + ")", b"b'0000000100000001'", "m0,m8"),
    ("binary(4)", b"'\\x01'", "\\x01000000"), ("varbinary(4)", b"'\\x01\\x00'", "\\x0100"), ("text", b"NULL", None),
    ("inet6", b"'\\x00'", "::"), ("inet4", b"'\x7f'", "127.0.0.0"),
    ("uuid", b"'\\x12'", "12000000-0000-0000-0000-000000000000"),
])
def test_myoracle__each_type_in_the_servers_own_text(declared, printed, text):
    assert myoracle.value(Column("c", declared), printed, True)[1] == text


def test_myoracle__both_tools_escapes():
    assert myoracle.unescaped(b"it's \\ back\\x0a", mariadb=True) == b"it's \\ back\n"
    assert myoracle.unescaped(b"it\\'s \\\\ back\\n\\x01\\0", mariadb=False) == b"it's \\ back\n\x01\0"


def test_myoracle__what_the_tool_cannot_print_is_said():
    with pytest.raises(ValueError, match="cannot print"):
        myoracle.value(Column("g", "geometry"), b"!! Don't know how to handle column type=255 meta=4 (0004)", False)


def test_mymodel__types_by_their_declaration():
    assert Column("c", "enum('a','b''c','d,e')").labels == ["a", "b'c", "d,e"]
    assert Column("c", "bigint(20) unsigned").unsigned and not Column("c", "enum('unsigned ')").canonical == "bigint"
    assert [plain_decimal(t) for t in ("0001.50", "-1.50", "0.05", "000")] == ["1.50", "-1.50", "0.05", "0"]
    assert Column("f", "float").expression() == "`f` * 1e0"


@pytest.mark.parametrize("identity, line, place", [
    ("1/0/16B3748", "", (1, 0x16B3748)), ("0-1-100", "0", 100), ("3e11fa47-71ca-11e1-9e33-c80aa9429562:7",
                                                                "3e11fa47-71ca-11e1-9e33-c80aa9429562", 7),
    ("3e11fa47-71ca-11e1-9e33-c80aa9429562:tag_a:7", "3e11fa47-71ca-11e1-9e33-c80aa9429562:tag_a", 7),
    ("mysql-bin.000012:345", "mysql-bin", (12, 345))])
def test_checker__reads_every_kind_of_position(identity, line, place):
    assert position({"tx": {"id": identity}}) == (line, place)


def test_checker__other_identities_have_no_position():
    assert [position(e) for e in ({}, {"tx": {"id": "x"}}, {"tx": {"id": 7}}, {"tx": None})] == [None] * 4


def test_mytap__a_token_is_a_place():
    token = mytap.fields("my1 flavour=mariadb server=7 file=b.x.000012 position=345 gtids=0-1-5 transaction=-")
    assert mytap.place(token) == (12, 345) > mytap.file_order("b.x.000009", 99999)
    assert mytap.place({}) < (0, 0) and mytap.place({"file": "-"}) < (0, 0)
    assert mytap.port_of("127.0.0.1:4711") == 4711 and mytap.port_of("localhost") is None


LISTS = {
    "one line": "# a comment\ndeb [signed-by=/x] http://mirror.test/debian bookworm main contrib\n",
    "stanzas": "Types: deb\nURIs: http://mirror.test/debian-security\nSuites: bookworm-security\nComponents: main\n\n"
               "Types: deb deb-src\n# comment\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\nComponents: main\n"}


@pytest.mark.parametrize("form", LISTS)
def test_mysqlversions__the_mirror_is_the_one_of_this_machine(tmp_path, form):
    path = tmp_path / "sources"
    path.write_text(LISTS[form])
    assert mysqlversions.mirror([path]) == "http://mirror.test/debian"


def test_mysqlversions__no_mirror_is_a_reason(tmp_path):
    with pytest.raises(mysqlversions.Unavailable, match="mirror"):
        mysqlversions.mirror([tmp_path / "missing"])
