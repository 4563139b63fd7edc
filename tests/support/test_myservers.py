"""Servers, load, second decoder and catalogue against each other, without leat: what a SELECT finds is what the log says.

If one of these is wrong, a comparison with leat would blame the wrong side.
"""
import base64
import json

import pytest

from . import canon, checker, mymodel, myload, myoracle, mysqlversions, mytypes, places
from .mysqlserver import MyServer

KEYS = {"account": ["id"], "counter": ["k"], "counter_log": ["k", "n"], "register": ["k"], "churn": ["id"],
        "document": ["id"], "sale": ["id", "region"], "ledger": ["client", "number"], "never": ["id"]}
# What the tools or the catalogue cannot say: see myoracle.
UNTOLD = {("my_labels", f"e_{name}") for name in ("utf8mb4", "utf16", "utf16le", "utf32")} | {("my_charsets", "eucjpms")}


@pytest.fixture(scope="module", params=mysqlversions.ALL)
def server(request):
    there, reason = mysqlversions.have(request.param)
    if not there and request.param != mysqlversions.DEBIAN:
        pytest.skip(f"{request.param} cannot be had: {reason}")
    root = places.scratch(f"support-{request.param}")
    server = MyServer(root, request.param).start()
    yield server
    server.remove()


def as_events(lines):
    """The second decoder's transactions in the form of leat's events."""
    for line in lines:
        transaction = json.loads(line)
        for ordinal, change in enumerate(transaction["changes"]):
            sides = {}
            for side, name in (("new", "after"), ("old", "before")):
                row = {column: native(*value) for column, value in change[side].items()}
                if row and (change["op"], side) != ("delete", "new"):
                    sides[name] = row
            form = {"before_form": "full"} if "before" in sides else {}
            gtid = transaction["xid"]
            yield {"id": f"{gtid}/{ordinal}", "op": change["op"], "ordinal": ordinal,
                   "tx": {"id": gtid, "attrs": {"gtid": gtid}}, "db": change["schema"], "table": change["table"],
                   "key": KEYS.get(change["table"], []), **form, **sides}


def native(type_name, text):
    """As leat's JSON has a value."""
    if text is None:
        return None
    if type_name == "bigint":
        return int(text)
    if type_name in ("real", "double precision"):
        return float(text)
    return base64.b64encode(bytes.fromhex(text[2:])).decode() if type_name == "bytea" else text


def test_myservers__the_log_of_a_load_is_the_tables_through_a_crash(server, tmp_path):
    server.create_database("shop")
    myload.create(server, "shop")
    second = myoracle.MyOracle(server).create()
    myload.seed(server, "shop")
    load = myload.Load(server, "shop", tmp_path / "journal", seed=11, clients=2).start()
    try:
        places.wait_until(lambda: load.counts["ok"] > 150, 30, "150 transactions")
        server.kill9()
        server.start()
        places.wait_until(lambda: load.counts["ok"] > 300, 30, "150 more")
    finally:
        counts = load.stop()
    assert second.dump(tmp_path / "oracle", myload.relations("shop")) >= counts["ok"]
    with open(tmp_path / "oracle") as lines, open(tmp_path / "stream", "w") as stream:
        for seq, event in enumerate(as_events(lines), 1):
            stream.write(json.dumps({**event, "seq": seq}) + "\n")
    found = mymodel.contents(server, "shop", myload.TABLES)
    report = checker.check(tmp_path / "stream", checker.read_journal(tmp_path / "journal"), found, tmp_path / "oracle")
    assert report["ok"], json.dumps(report, indent=1)
    assert report["oracle_agreed"] == report["rows"] > 1000 and report["rows_compared"] > 300 and counts["abort"] > 20


def test_myservers__every_edge_of_every_type_is_logged_as_it_is_selected(server):
    server.create_database("types")
    names = mytypes.create(server, "types")
    second = myoracle.MyOracle(server).create()
    mytypes.fill(server, "types")
    compared, different = 0, []
    for name, table in zip(names, mymodel.contents(server, "types", names).values()):
        if name == "my_bytes" and not server.mariadb:
            continue  # mysqlbinlog does not print geometry
        at = table["columns"].index("id")
        logged = {c["new"]["id"][1]: c["new"] for _, cs in second.transactions({("types", name)}) for c in cs}
        assert len(logged) == len(table["rows"]) > 2
        for row in table["rows"]:
            for column, text in zip(table["columns"], row):
                type_name, printed = logged[row[at]][column]
                compared += 1
                if canon.from_text(type_name, printed) != canon.from_text(type_name, text) and (name, column) not in UNTOLD:
                    different.append((name, column, text, printed))
    assert different == [] and compared > 800


def test_myservers__undone_savepoints_and_undecided_transactions_are_not_in_the_account(server):
    server.run("CREATE DATABASE undone; CREATE TABLE undone.i (id int PRIMARY KEY) ENGINE=InnoDB;"
               "CREATE TABLE undone.m (id int PRIMARY KEY) ENGINE=MyISAM")
    second = myoracle.MyOracle(server).create()
    mixed, apart = "INSERT INTO m VALUES (1);", ""
    if not server.mariadb:  # refuses to mix engines while it keeps GTIDs consistent
        mixed, apart = apart, mixed
    server.run(f"""
        {apart} BEGIN; INSERT INTO i VALUES (1); SAVEPOINT a; INSERT INTO i VALUES (2); {mixed} ROLLBACK TO a;
        INSERT INTO i VALUES (3); COMMIT;
        BEGIN; INSERT INTO i VALUES (4); CREATE TEMPORARY TABLE t (id int); DROP TEMPORARY TABLE t; ROLLBACK;
        XA START 'x'; INSERT INTO i VALUES (5); XA END 'x'; XA PREPARE 'x';""", "undone")
    server.run("XA COMMIT 'x'; XA START 'y'; INSERT INTO i VALUES (6); XA END 'y'; XA PREPARE 'y';", "undone")
    server.run("XA ROLLBACK 'y'; XA START 'z'; INSERT INTO i VALUES (7); XA END 'z'; XA COMMIT 'z' ONE PHASE;"
               "TRUNCATE m; INSERT INTO i VALUES (8)", "undone")
    told = [(c["table"], c["op"], c["new"].get("id", ["", None])[1])
            for _, changes in second.transactions({("undone", "i"), ("undone", "m")}) for c in changes]
    assert sorted(told[:3]) == [("i", "create", "1"), ("i", "create", "3"), ("m", "create", "1")]
    assert told[3:] == [("i", "create", "5"), ("i", "create", "7"), ("m", "truncate", None), ("i", "create", "8")]
    held = mymodel.contents(server, "undone", ["i"])["undone.i"]["rows"]
    assert sorted(row[0] for row in held) == ["1", "3", "5", "7", "8"]


def test_myservers__its_log_can_be_closed_purged_and_begun_again(server):
    first = server.log_files()[0][0]
    server.flush_logs()
    assert server.flush_logs() == server.log_end()[0] == server.log_files()[-1][0] != first
    server.purge()
    assert [name for name, _ in server.log_files()] == [server.log_end()[0]]
    server.run("CREATE DATABASE fresh; CREATE TABLE fresh.t (id int PRIMARY KEY); INSERT INTO fresh.t VALUES (1)")
    before = server.gtids()
    assert before
    identity = server.identity()
    server.restart()
    assert server.identity() == identity and server.gtids() == before
    server.reset_log()
    assert server.gtids() == "" and server.log_files()[0][0].endswith(".000001")


def test_myservers__leats_account_comes_by_tcp_and_by_tls(server):
    import pymysql
    who = {"host": "127.0.0.1", "port": server.port, "user": server.user, "password": server.password.encode()}
    with pymysql.connect(**who, ssl={"ca": str(server.authority.ca)}).cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'ssl_cipher'")
        assert cursor.fetchone()[1]
        cursor.execute("SHOW BINARY LOGS")
        assert cursor.fetchall()
        with pytest.raises(pymysql.Error):
            cursor.execute("CREATE DATABASE not_allowed")
    with pytest.raises(pymysql.Error):
        pymysql.connect(**{**who, "password": b"wrong"}, ssl={"ca": str(server.authority.ca)})
