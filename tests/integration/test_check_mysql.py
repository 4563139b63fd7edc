"""leat check on MySQL and MariaDB: what is missing is found, and the printed statement mends it.

A server whose settings a test changes is the test's own. Where a finding says what will not be in the stream, a daemon
is started and must not have it: a finding that the log does not confirm is a defect of the test.
"""
import os
import re

import pymysql
import pytest

from tests.integration.test_check import check
from tests.support import leatd
from tests.support.mysqlserver import PASSWORD, PRIVILEGES

LAZY = {"sync_binlog", "innodb_flush_log_at_trx_commit"}  # the tests' servers flush when they like
MANY = {"mariadb": "REPLICATION MASTER ADMIN, SLAVE MONITOR, PROCESS, RELOAD",
        "mysql": "PROCESS, XA_RECOVER_ADMIN, REPLICATION CLIENT"}


def statements(finding):
    assert finding["fix"], finding
    return [line for line in finding["fix"].splitlines() if not line.startswith("--")]


def mend(pipe, finding):
    """Runs the statements of a fix as an administrator; there must be one."""
    lines = statements(finding)
    assert lines and all(line.endswith(";") for line in lines), finding
    for line in lines:
        pipe.sql(line)


def decided(finding):
    """The statement that a comment holds back, as somebody runs it who has decided."""
    return re.search(r"((?:ALTER|XA|KILL|GRANT) .*;)$", finding["fix"].splitlines()[0])[1]


def warnings(look):
    return {f["id"] for f in look.findings if f["severity"] == "warn"}


@pytest.fixture
def user(my_pipe):
    """Makes users of the pipe's server with other privileges than leat needs; the pipe then uses them."""
    names = []

    def make(privileges, **keywords):
        names.append(f"leat_{my_pipe.database}_{len(names)}")
        my_pipe.server.create_user(names[-1], PASSWORD, privileges, **keywords)
        my_pipe.leat.configure(user=names[-1])
        return names[-1]
    yield make
    for name in names:
        my_pipe.server.drop_user(name)


@pytest.fixture
def own_pipe(own_my_server, open_my_pipe):
    return lambda version="mariadb-10.11", **options: open_my_pipe(own_my_server(version, **options))


# --- whole sources -----------------------------------------------------------------------------------------


def test_check__a_good_source_has_nothing_to_mend_on_any_server(any_my_pipe):
    any_my_pipe.run("CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'x');")
    look = check(any_my_pipe)
    assert look.fatal == set() and warnings(look) <= LAZY, look.text
    for name in ("server", "log_bin", "server_id", "binlog_format", "binlog_row_image", "binlog_row_metadata",
                 "binlog_status", "dump", "retention", "tables"):
        assert look.severity(name) == "ok", look.text


def test_check__leaves_the_stream_of_a_running_daemon_alone(any_my_pipe):
    any_my_pipe.run("CREATE TABLE a (id int PRIMARY KEY)")
    any_my_pipe.start(server_id=77001)
    any_my_pipe.run("INSERT INTO a VALUES (1)")
    any_my_pipe.events()
    session = any_my_pipe.leat.tap.session(any_my_pipe.leat)
    assert session
    for _ in range(3):
        look = check(any_my_pipe)
        assert look.fatal == set() and look.severity("dump") == "ok", look.text
    any_my_pipe.run("INSERT INTO a VALUES (2)")
    assert [e["after"]["id"] for e in any_my_pipe.events()] == [1, 2]
    assert any_my_pipe.leat.tap.session(any_my_pipe.leat) == session


def test_check__changes_nothing(my_pipe):
    my_pipe.run("CREATE TABLE a (id int PRIMARY KEY)")
    before = my_pipe.server.log_end(), my_pipe.server.gtids()
    check(my_pipe)
    assert (my_pipe.server.log_end(), my_pipe.server.gtids()) == before
    assert not my_pipe.leat.store_dir.exists()


def test_check__a_server_that_cannot_be_reached_is_one_finding(own_pipe):
    pipe = own_pipe()
    pipe.leat.environment = {name: "wrong" for name in pipe.leat.environment}
    look = check(pipe)
    assert look.fatal == {"connect"} and "1045" in look.get("connect")["observed"], look.text
    pipe.server.stop()
    look = check(pipe)
    assert look.fatal == {"connect"}, look.text
    assert re.search(r"\(200[23]\)", look.get("connect")["observed"]), look.text  # Connector/C; libmysqlclient
    assert "bind_address" in look.get("connect")["advice"]


# --- who we are --------------------------------------------------------------------------------------------


def test_check__missing_privileges_are_granted_by_the_fix(my_pipe, user):
    my_pipe.run("CREATE TABLE a (id int PRIMARY KEY)")
    name = user("")
    look = check(my_pipe)
    assert look.fatal == {"binlog_status"} and look.severity("tables") == "warn", look.text
    mend(my_pipe, look.get("binlog_status"))
    my_pipe.sql(decided(look.get("tables")))
    look = check(my_pipe)
    assert look.fatal == set() and look.severity("tables") == "ok", look.text
    assert re.search(rf"'{name}'@'127.0.0.1'", look.get("privileges")["fix"])


def test_check__without_the_right_to_read_the_log_the_dump_says_so(any_my_server, open_my_pipe):
    pipe = open_my_pipe(any_my_server)
    name = any_my_server.create_user(f"leat_{pipe.database}", PASSWORD,
                                     PRIVILEGES[any_my_server.flavour].replace("REPLICATION SLAVE, ", ""))
    try:
        look = check(pipe, user=name)
        assert look.fatal == {"dump"} and "1227" in look.get("dump")["observed"], look.text
        mend(pipe, look.get("dump"))
        assert check(pipe).fatal == set()
    finally:
        any_my_server.drop_user(name)


def test_check__few_connections_are_a_warning(my_pipe, user):
    user(None, require="WITH MAX_USER_CONNECTIONS 2")
    assert check(my_pipe).severity("connections") == "warn"


def test_check__the_server_s_own_number_is_refused(my_pipe):
    look = check(my_pipe, server_id=int(my_pipe.server.variable("server_id")))
    assert look.severity("server_id") == "fatal"


def test_check__a_number_that_is_in_use_is_named(my_pipe, open_my_pipe, user):
    my_pipe.start(server_id=77002)
    my_pipe.leat.wait_caught_up()
    other = open_my_pipe(my_pipe.server)
    other.leat.configure(user=my_pipe.server.create_user(f"leat_{other.database}", PASSWORD))
    my_pipe.sql(f"GRANT {MANY['mariadb']} ON *.* TO leat_{other.database}@'127.0.0.1'")
    try:
        if "LEAT" in os.environ and "77002" not in str(my_pipe.server.sql("SHOW SLAVE HOSTS")):
            pytest.skip("libmysqlclient's sources are not in the server's list of replicas")
        assert check(other, server_id=77003).get("server_id_taken") is None
        finding = check(other, server_id=77002).get("server_id_taken")
        assert finding["severity"] == "note" and "77002" in finding["observed"]
    finally:
        my_pipe.server.drop_user(f"leat_{other.database}")


def test_check__tls_by_what_the_connection_has(my_pipe):
    ca = str(my_pipe.server.authority.ca)
    assert "loopback" in check(my_pipe, sslmode="disable").get("tls")["observed"]
    assert check(my_pipe, sslmode="require").severity("tls") == "note"
    assert check(my_pipe, sslmode="verify-full", ssl_ca=ca).severity("tls") == "ok"


# --- how the log is written --------------------------------------------------------------------------------


SETTINGS = {
    "binlog_format": ("MIXED", "binlog_format", "fatal"),
    "binlog_row_image": ("MINIMAL", "binlog_row_image", "warn"),
    "binlog_row_metadata": ("NO_LOG", "binlog_row_metadata", "fatal"),
    "sync_binlog": (0, "sync_binlog", "warn"),
    "innodb_flush_log_at_trx_commit": (2, "innodb_flush_log_at_trx_commit", "warn"),
    "binlog_expire_logs_seconds": (3600, "retention", "warn"),
    "gtid_strict_mode": (0, "gtid_strict_mode", "note"),
}


def test_check__settings_that_do_harm_are_found_and_mended(own_pipe):
    pipe = own_pipe()
    pipe.run("CREATE TABLE a (id int PRIMARY KEY)")
    pipe.server.set(**{name: value for name, (value, *_) in SETTINGS.items()})
    look = check(pipe)
    for name, (_, finding, severity) in SETTINGS.items():
        assert look.severity(finding) == severity, (name, look.text)
        mend(pipe, look.get(finding))
    look = check(pipe)
    assert look.fatal == set() and warnings(look) == set(), look.text


def test_check__settings_of_mysql(own_pipe):
    pipe = own_pipe("mysql-9")
    pipe.run("CREATE TABLE a (id int PRIMARY KEY)")
    bad = {"binlog_row_image": "MINIMAL", "binlog_row_metadata": "MINIMAL", "binlog_expire_logs_seconds": 3600,
           "binlog_row_value_options": "PARTIAL_JSON", "binlog_format": "STATEMENT"}
    pipe.server.set(**bad)
    look = check(pipe)
    for finding, severity in {"binlog_row_image": "warn", "binlog_row_metadata": "fatal", "retention": "warn",
                              "binlog_row_value_options": "fatal", "binlog_format": "fatal"}.items():
        assert look.severity(finding) == severity, look.text
        mend(pipe, look.get(finding))
    look = check(pipe)
    assert look.fatal == set() and warnings(look) <= LAZY, look.text
    pipe.server.restart()  # persisted, not only set
    assert {pipe.server.variable(name) for name in ("binlog_row_image", "binlog_row_metadata")} == {"FULL"}


def test_check__patches_of_json_are_fine_with_whole_rows(own_pipe):
    pipe = own_pipe("mysql-9", binlog_row_value_options="PARTIAL_JSON")
    assert check(pipe).severity("binlog_row_value_options") == "ok"


def test_check__gtid_mode_is_switched_on_by_the_printed_steps(own_pipe):
    pipe = own_pipe("mysql-9", gtid_mode="OFF", enforce_gtid_consistency="OFF")
    look = check(pipe)
    assert look.severity("gtid_mode") == "warn" and "file and position" in look.get("dump")["observed"], look.text
    assert check(pipe, resume="position").severity("gtid_mode") == "note"
    look = check(pipe, resume="gtid")
    assert look.fatal == {"gtid_mode"}, look.text
    mend(pipe, look.get("gtid_mode"))
    assert pipe.server.variable("gtid_mode") == "ON"
    look = check(pipe)
    assert look.fatal == set() and "GTID" in look.get("dump")["observed"], look.text


def test_check__the_lenient_modes_only_warn(own_pipe):
    pipe = own_pipe(binlog_format="MIXED", binlog_row_metadata="NO_LOG")
    look = check(pipe, statements="warn", schema="catalogue", tables=[f"{pipe.database}.*"])
    assert look.fatal == set() and {"binlog_format", "binlog_row_metadata"} <= warnings(look), look.text


def test_check__a_server_without_a_log(own_pipe):
    pipe = own_pipe(skip_log_bin="1")
    look = check(pipe)
    assert look.fatal == {"log_bin"} and look.get("log_bin")["restart"], look.text
    assert "log_bin = ON" in look.get("log_bin")["fix"]


def test_check__databases_that_the_server_does_not_log(own_pipe):
    pipe = own_pipe(binlog_ignore_db="secret")
    assert "secret" in check(pipe).get("binlog_filters")["observed"]


def test_check__a_log_without_files_is_seen_by_what_the_server_says(own_pipe):
    pipe = own_pipe()
    assert check(pipe).get("binlog_storage_engine") is None
    assert check(pipe, resume="position").severity("dump") == "ok"


def test_check__several_domains_are_named(own_pipe):
    pipe = own_pipe()
    pipe.run("CREATE TABLE a (id int PRIMARY KEY); SET gtid_domain_id = 7; INSERT INTO a VALUES (1);")
    finding = check(pipe).get("gtid_domains")
    assert finding["severity"] == "note" and "7-" in finding["observed"]


# --- what is asked for against what there is ---------------------------------------------------------------


def test_check__patterns_without_a_table(my_pipe):
    my_pipe.run("CREATE TABLE orders (id int PRIMARY KEY)")
    database = my_pipe.database
    look = check(my_pipe, tables=[f"{database}.orders", f"{database}.nothing"])
    assert look.severity("table_pattern") == "warn" and "nothing" in look.get("table_pattern")["observed"]
    assert look.severity("tables") == "ok"
    look = check(my_pipe, tables=[f"{database}.Orders"])
    assert f"{database}.orders" in look.get("table_pattern")["observed"]
    look = check(my_pipe, tables=[f"{database}.nothing"], schema="catalogue")
    assert look.fatal == set() and "catalogue needs" in look.get("table_pattern")["observed"]


def test_check__capitals_where_the_server_has_none(own_pipe):
    pipe = own_pipe(lower_case_table_names="1")
    pipe.run("CREATE TABLE Orders (id int PRIMARY KEY)")
    look = check(pipe, tables=[f"{pipe.database}.Orders"])
    assert look.severity("lower_case_table_names") == "warn"
    assert check(pipe, tables=[f"{pipe.database}.orders"]).get("lower_case_table_names") is None


def test_check__tables_without_a_key_are_named_with_their_fix(any_my_pipe):
    pipe = any_my_pipe
    pipe.run("CREATE TABLE `k``less` (v int); CREATE TABLE keyed (id int PRIMARY KEY); "
             "CREATE TABLE uniq (id int NOT NULL UNIQUE); CREATE TABLE nulls (id int UNIQUE);")
    pipe.sql("INSERT INTO `k``less` VALUES (1), (2)")
    finding = check(pipe).get("primary_key")
    assert finding["severity"] == "warn"
    assert "k`less" in finding["observed"] and "nulls" in finding["observed"]
    assert "keyed" not in finding["observed"] and "uniq" not in finding["observed"]
    pipe.sql(decided(finding))
    assert "k`less" not in check(pipe).get("primary_key")["observed"]


def test_check__tables_without_transactions(my_pipe):
    my_pipe.run("CREATE TABLE m (id int PRIMARY KEY) ENGINE=MyISAM; CREATE TABLE i (id int PRIMARY KEY) ENGINE=InnoDB;")
    finding = check(my_pipe).get("engines")
    assert finding["severity"] == "warn" and "m (MyISAM)" in finding["observed"] and ".i" not in finding["observed"]
    my_pipe.sql(decided(finding))
    assert check(my_pipe).get("engines") is None


def test_check__what_foreign_keys_do_is_in_the_log_or_in_a_finding(any_my_pipe):
    any_my_pipe.run(
        "CREATE TABLE p (id int PRIMARY KEY); "
        "CREATE TABLE c (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE, "
        "  FOREIGN KEY (id) REFERENCES p (id) ON UPDATE CASCADE ON DELETE CASCADE); "
        "CREATE TABLE plain (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES p (id));")
    finding = check(any_my_pipe).get("foreign_keys")
    any_my_pipe.start()
    any_my_pipe.run("INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1); DELETE FROM p;")
    deleted = {e["table"] for e in any_my_pipe.events() if e["op"] == "delete"}
    assert any_my_pipe.sql("SELECT * FROM c") == ()
    if finding:
        assert deleted == {"p"}
        assert finding["severity"] == "warn" and finding["observed"].endswith(f": {any_my_pipe.database}.c")
    else:
        assert deleted == {"p", "c"}
    assert bool(finding) == any_my_pipe.server.mariadb  # of those that the tests have


def test_check__dates_that_do_not_exist_by_what_becomes_of_them(my_pipe):
    my_pipe.run("SET sql_mode = ''; CREATE TABLE z (id int PRIMARY KEY, d date NOT NULL DEFAULT '0000-00-00');")
    assert check(my_pipe).severity("zero_dates") == "note"
    assert check(my_pipe, zero_dates="error").severity("zero_dates") == "warn"


def test_check__every_character_set_is_converted_or_named(my_pipe):
    names = [row[0] for row in my_pipe.sql("SHOW CHARACTER SET") if row[0] != "binary"]
    columns = ", ".join(f"`{n}` varchar(9) CHARACTER SET {n}" for n in names)
    my_pipe.run(f"CREATE TABLE t (id int PRIMARY KEY, {columns})")
    finding = check(my_pipe).get("character_sets")
    named = re.findall(r"[(,] ?(\w+) \w+", finding["observed"]) if finding else []
    assert len(named) < len(names) / 4, named
    good = [n for n in names if n not in named]
    my_pipe.run("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, "
                + ", ".join(f"`{n}` varchar(9) CHARACTER SET {n}" for n in good) + ")")
    assert check(my_pipe).get("character_sets") is None
    my_pipe.start()
    my_pipe.run(f"INSERT INTO t VALUES (1{', ' + repr('az') * 1}{(', ' + repr('az')) * (len(good) - 1)})")
    assert {v for k, v in my_pipe.events()[0]["after"].items() if k != "id"} == {"az"}


# --- what others do ----------------------------------------------------------------------------------------


def test_check__prepared_transactions_are_named_with_their_end(any_my_server, open_my_pipe):
    pipe = open_my_pipe(any_my_server)
    name = any_my_server.create_user(f"leat_{pipe.database}", PASSWORD)
    pipe.sql(f"GRANT {MANY[any_my_server.flavour]} ON *.* TO {name}@'127.0.0.1'")
    pipe.run("CREATE TABLE a (id int PRIMARY KEY)")
    try:
        pipe.run("XA START 'it''s','b',7; INSERT INTO a VALUES (1); XA END 'it''s','b',7; XA PREPARE 'it''s','b',7;")
        finding = check(pipe, user=name).get("xa")
        assert finding["severity"] == "warn"
        pipe.sql(decided(finding))
        assert check(pipe).get("xa") is None
    finally:
        any_my_server.drop_user(name)


def test_check__a_replica_that_does_not_log_what_it_gets(own_pipe):
    pipe = own_pipe()
    name = pipe.server.create_user("more", PASSWORD)
    pipe.sql(f"GRANT {MANY['mariadb']} ON *.* TO {name}@'127.0.0.1'")
    assert check(pipe, user=name).get("replica") is None
    pipe.sql("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='nobody'")
    finding = check(pipe).get("replica")
    assert finding["severity"] == "warn" and finding["restart"] and "log_slave_updates = ON" in finding["fix"]
    pipe.server.restart(log_slave_updates="ON", skip_slave_start="1")
    assert check(pipe).severity("replica") == "note"


def test_check__sessions_that_log_statements(mysql_server, open_my_pipe):
    pipe = open_my_pipe(mysql_server)
    session = mysql_server.connect()
    try:
        session.query("SET SESSION binlog_format = 'STATEMENT'")
        finding = check(pipe).get("session_formats")
        assert finding["severity"] == "warn" and str(session.thread_id()) in finding["observed"]
    finally:
        session.close()


def test_check__a_file_for_long_transactions_has_a_place(my_pipe):
    look = check(my_pipe, spill_directory="/nowhere")
    assert look.fatal == {"spill_directory"}, look.text


def test_check__a_killed_question_costs_one_finding(my_pipe):
    """A server that ends a question is not a server that is gone: everything else is still asked."""
    my_pipe.run("CREATE TABLE a (id int PRIMARY KEY)")
    lock = my_pipe.server.connect(my_pipe.database)
    try:
        lock.query("LOCK TABLES a WRITE")  # which no question of ours waits for
        look = check(my_pipe, connect_timeout="2s")
        assert look.fatal == set() and look.severity("dump") == "ok", look.text
    finally:
        lock.close()


def test_check__prints_for_people_and_for_pasting(own_pipe):
    pipe = own_pipe(binlog_row_metadata="NO_LOG")
    done = pipe.leat.command("check")
    assert done.returncode == leatd.FINDINGS and "FATAL" in done.stdout and "binlog_row_metadata" in done.stdout
    done = pipe.leat.command("check", "--fix-sql")
    for line in done.stdout.splitlines():
        if line and not line.startswith("--"):
            try:
                pipe.sql(line)
            except pymysql.Error as e:
                pytest.fail(f"{line}: {e}")
    assert check(pipe).fatal == set()
