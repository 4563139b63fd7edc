"""leat check: what is missing is found, and the printed statement mends it.

Where a finding says that a statement of the application fails, the test runs that statement: before the fix it must
fail, afterwards it must not. A finding that the server's own behaviour does not confirm is a defect of the test.
"""
import json
import os
import re
import signal
import struct

import psycopg2
import psycopg2.extras
import pytest

from tests.support import leatd, places
from tests.support.proxy import Proxy


class Look:
    """One run of `leat check` on a pipe's source."""

    def __init__(self, pipe):
        done = pipe.leat.command("check", "--json")
        assert done.returncode in (leatd.FINE, leatd.FINDINGS), done.stderr
        everything = json.loads(done.stdout)["findings"]
        self.findings = [f for f in everything if f["group"] == pipe.leat.name]
        assert (done.returncode == leatd.FINDINGS) == any(f["severity"] == "fatal" for f in everything)
        unasked = [f for f in self.findings if "could not be checked" in f["observed"]]
        self.refused = {f["id"]: f for f in unasked}

    def get(self, name):
        found = [f for f in self.findings if f["id"] == name]
        return found[0] if found else None

    def severity(self, name):
        finding = self.get(name)
        return finding and finding["severity"]

    @property
    def fatal(self):
        return {f["id"] for f in self.findings if f["severity"] == "fatal"}

    @property
    def text(self):
        return "\n".join(f"{f['severity']} {f['id']}: {f['observed']} {f['fix'] or ''}" for f in self.findings)


def check(pipe, **source):
    if source:
        pipe.leat.configure(**source)
    look = Look(pipe)
    assert not look.refused or source.get("user"), look.text
    return look


def publish(pipe, *tables, options=""):
    """The publication and the slot by hand, so that leat has nothing to create."""
    listed = f"FOR TABLE {', '.join(tables)}" if tables else ""
    pipe.sql(f'CREATE PUBLICATION "{pipe.leat.source["publication"]}" {listed} {options}')
    pipe.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", pipe.leat.slot)
    pipe.leat.configure(create=False)


def refused(pipe, statement):
    """The SQLSTATE with which the server refuses a statement, or None."""
    try:
        pipe.sql(statement)
        return None
    except psycopg2.Error as e:
        return e.pgcode


def mend(pipe, finding):
    assert finding["fix"], finding
    pipe.run(finding["fix"])


# --- whole sources -----------------------------------------------------------------------------------------


def test_check__a_good_source_has_no_fatal_finding_on_any_server(any_pipe):
    any_pipe.run("CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'x');")
    look = check(any_pipe)
    assert look.fatal == set(), look.text
    assert look.severity("publication") == look.severity("slot") == "note"
    any_pipe.start()
    any_pipe.leat.wait_caught_up()
    look = check(any_pipe)
    assert look.fatal == set(), look.text
    assert [look.severity(i) for i in ("publication", "slot", "slot_user")] == ["ok"] * 3


def test_check__changes_nothing(pipe):
    pipe.run("CREATE TABLE a (id int PRIMARY KEY)")
    states = []
    for _ in range(2):
        states.append(pipe.sql("SELECT (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM "
                               "pg_replication_slots), (SELECT sum(n_tup_ins + n_tup_upd) FROM pg_stat_sys_tables)"))
        check(pipe)
    assert states[0][0][:2] == states[1][0][:2]
    assert not pipe.leat.store_dir.exists()


def test_check__its_statements_make_everything_in_the_right_order(pipe):
    pipe.run("""CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE keyless (v text);
                CREATE SCHEMA "odd ""schema"; CREATE TABLE "odd ""schema"."T." ("a;b" int PRIMARY KEY);
                CREATE TABLE child (more int) INHERITS (a);
                CREATE TABLE p (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p DEFAULT;""")
    look = check(pipe, create=False, tables=None)
    assert {"publication", "slot"} <= look.fatal
    pipe.run(pipe.leat.command("check", "--fix-sql").stdout)
    pipe.server.run("ALTER SYSTEM RESET max_slot_wal_keep_size; SELECT pg_reload_conf();")
    look = check(pipe)
    assert look.fatal == set(), look.text
    for table in ("a", "keyless", '"odd ""schema"."T."', "child", "p"):
        assert refused(pipe, f"DELETE FROM ONLY {table}" if table != "p" else "DELETE FROM p") is None, table
    pipe.start()
    pipe.run("INSERT INTO a VALUES (1); INSERT INTO keyless VALUES ('k'); INSERT INTO p VALUES (3);")
    assert [e["table"] for e in pipe.events()] == ["a", "keyless", "p1"]


# --- what publishing does to the application ----------------------------------------------------------------


IDENTITIES = {
    "none": ("CREATE TABLE t (id int, v text)", "REPLICA IDENTITY FULL"),
    "unique": ("CREATE TABLE t (id int NOT NULL UNIQUE, v text)", 'USING INDEX "t_id_key"'),
    "nullable_unique": ("CREATE TABLE t (id int UNIQUE, v text)", "REPLICA IDENTITY FULL"),
    "partial_unique": ("CREATE TABLE t (id int NOT NULL, v text); CREATE UNIQUE INDEX ON t (id) WHERE v <> ''",
                       "REPLICA IDENTITY FULL"),
    "deferrable": ("CREATE TABLE t (id int PRIMARY KEY DEFERRABLE, v text)", "REPLICA IDENTITY FULL"),
    "nothing": ("CREATE TABLE t (id int PRIMARY KEY, v text); ALTER TABLE t REPLICA IDENTITY NOTHING",
                "REPLICA IDENTITY DEFAULT"),
    "dropped_index": ("CREATE TABLE t (id int NOT NULL, v text); CREATE UNIQUE INDEX t_i ON t (id); "
                      "ALTER TABLE t REPLICA IDENTITY USING INDEX t_i; DROP INDEX t_i", "REPLICA IDENTITY FULL"),
}


@pytest.mark.parametrize("case", IDENTITIES)
def test_check__a_table_whose_updates_fail_is_named_with_its_fix(pipe, case):
    ddl, words = IDENTITIES[case]
    pipe.run(f"{ddl}; INSERT INTO t VALUES (1, 'x');")
    publish(pipe, "t")
    assert refused(pipe, "UPDATE t SET v = 'y'") == "55000"
    finding = check(pipe).get("replica_identity:public.t")
    assert finding["severity"] == "fatal" and words in finding["fix"]
    mend(pipe, finding)
    assert refused(pipe, "UPDATE t SET v = 'y'") is None
    assert check(pipe).fatal == set()


def test_check__identity_is_asked_of_the_leaves(pipe):
    pipe.run("""CREATE TABLE p (id int, v text) PARTITION BY LIST (id);
                CREATE TABLE good PARTITION OF p (PRIMARY KEY (id)) FOR VALUES IN (1);
                CREATE TABLE bad PARTITION OF p FOR VALUES IN (2);
                INSERT INTO p VALUES (1, 'x'), (2, 'x');""")
    publish(pipe, "p", options="WITH (publish_via_partition_root = true)")
    assert refused(pipe, "UPDATE p SET v = 'y' WHERE id = 1") is None
    assert refused(pipe, "UPDATE p SET v = 'y' WHERE id = 2") == "55000"
    look = check(pipe)
    assert look.fatal == {"replica_identity:public.bad"}
    mend(pipe, look.get("replica_identity:public.bad"))
    assert refused(pipe, "UPDATE p SET v = 'y' WHERE id = 2") is None


def test_check__a_name_cannot_break_its_statement(pipe):
    name = 'x"; DROP TABLE keep; --\nü'
    quoted = '"' + name.replace('"', '""') + '"'
    pipe.run(f"CREATE TABLE keep (id int PRIMARY KEY); CREATE TABLE {quoted} (id int);")
    publish(pipe, quoted)
    finding = check(pipe).get(f"replica_identity:public.{name}")
    mend(pipe, finding)
    assert pipe.sql("SELECT relreplident FROM pg_class WHERE relname = %s", name) == [("f",)]
    assert check(pipe).fatal == set() and pipe.sql("SELECT * FROM keep") == []


COVERS = {
    "list": ("CREATE TABLE t (id int PRIMARY KEY, v text, w text)", "t (v)"),
    "list_and_filter": ("CREATE TABLE t (id int PRIMARY KEY, v text, w text)", "t (v) WHERE (id > 0)"),
    "list_and_full": ("CREATE TABLE t (id int PRIMARY KEY, v text, w text); ALTER TABLE t REPLICA IDENTITY FULL",
                      "t (id, v)"),
    "filter": ("CREATE TABLE t (id int PRIMARY KEY, v text, w text)", "t WHERE (id > 0 AND v <> 'z' AND length(w) < 9)"),
    "index": ("CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL, w text); CREATE UNIQUE INDEX t_v ON t (v); "
              "ALTER TABLE t REPLICA IDENTITY USING INDEX t_v", "t (id)"),
}


@pytest.mark.parametrize("case", COVERS)
def test_check__lists_and_filters_must_cover_the_identity(any_pipe, case):
    ddl, table = COVERS[case]
    any_pipe.run(f"{ddl}; INSERT INTO t VALUES (1, 'x', 'w');")
    publish(any_pipe, table)
    assert refused(any_pipe, "UPDATE t SET v = 'y'") == "42P10"
    look = check(any_pipe)
    assert look.fatal == {"identity_cover:public.t"}, look.text
    mend(any_pipe, look.get("identity_cover:public.t"))
    assert refused(any_pipe, "UPDATE t SET v = 'y'") is None
    look = check(any_pipe)
    assert look.fatal == set(), look.text


def test_check__lists_and_filters_that_cover_are_a_note(pipe):
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, v text, w text); CREATE TABLE f (id int, v text); "
             "ALTER TABLE f REPLICA IDENTITY FULL; INSERT INTO t VALUES (1, 'x', 'w'); INSERT INTO f VALUES (1, 'x');")
    publish(pipe, "t (id, v) WHERE (id > 0)", "f WHERE (v = 'x')")
    look = check(pipe)
    assert look.fatal == set() and "public.t (columns, rows)" in look.get("narrowed")["observed"], look.text
    assert refused(pipe, "UPDATE t SET v = 'y'") is refused(pipe, "UPDATE f SET v = 'y'") is None


def test_check__different_column_lists_stop_the_stream(pipe):
    """Conformance 29."""
    pipe.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
    publish(pipe, "t")
    name = pipe.leat.source["publication"]
    pipe.sql(f"CREATE PUBLICATION {name}_insert FOR TABLE t (id) WITH (publish = 'insert')")
    pipe.sql("INSERT INTO t VALUES (1, 'x')")
    peek = (f"SELECT count(*) FROM pg_logical_slot_peek_binary_changes('{pipe.leat.slot}', NULL, NULL, "
            f"'proto_version', '1', 'publication_names', '{name},{name}_insert')")
    pipe.server.drop_slot(pipe.leat.slot)
    pipe.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", pipe.leat.slot)
    pipe.sql("INSERT INTO t VALUES (2, 'x')")
    assert refused(pipe, peek) is not None
    look = check(pipe)
    assert look.fatal == {"column_lists:public.t"}
    mend(pipe, look.get("column_lists:public.t"))
    pipe.server.drop_slot(pipe.leat.slot)  # what was written before is decoded with the lists of its time
    pipe.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", pipe.leat.slot)
    pipe.sql("INSERT INTO t VALUES (3, 'x')")
    assert refused(pipe, peek) is None and check(pipe).fatal == set()


def test_check__a_table_that_got_its_key_moves_out_of_the_second_publication(pipe):
    pipe.run("CREATE TABLE t (id int NOT NULL)")
    name = pipe.leat.source["publication"]
    publish(pipe)
    pipe.sql(f"CREATE PUBLICATION {name}_insert FOR TABLE t WITH (publish = 'insert')")
    look = check(pipe)
    assert look.fatal == set() and "public.t" in look.get("insert_only")["observed"]
    pipe.sql("ALTER TABLE t ADD PRIMARY KEY (id)")
    mend(pipe, check(pipe).get("insert_only:public.t"))
    assert pipe.sql("SELECT pubname FROM pg_publication_tables WHERE tablename = 't'") == [(name,)]
    assert check(pipe).get("insert_only:public.t") is None


# --- what is asked for and not published ---------------------------------------------------------------------


def test_check__tables_asked_for_and_not_published(pipe):
    pipe.run("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (v text)")
    publish(pipe, "a")
    assert check(pipe, tables=None).severity("publication") == "ok"
    assert check(pipe, tables=["public.a"]).severity("publication") == "ok"
    assert check(pipe, tables=["public.*"]).severity("publication") == "warn"
    assert check(pipe, tables=["public.*"], exclude_tables=["public.[bc]*", "public.b", "public.c"]).severity(
        "publication") == "ok"
    finding = check(pipe, tables=["public.b", "public.c"], exclude_tables=None).get("publication")
    assert finding["severity"] == "fatal"
    assert check(pipe, create=True).severity("publication") == "note"
    mend(pipe, finding)
    assert check(pipe, create=False).severity("publication") == "ok"
    name = pipe.leat.source["publication"]
    assert sorted(pipe.sql("SELECT pubname, tablename FROM pg_publication_tables")) == [
        (name, "a"), (name, "b"), (f"{name}_insert", "c")]


@pytest.mark.parametrize("kind", ["FOR ALL TABLES", "FOR TABLES IN SCHEMA public"])
def test_check__whole_publications_have_every_table(pipe, kind):
    pipe.run("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE p (id int PRIMARY KEY) PARTITION BY LIST (id); "
             "CREATE TABLE p1 PARTITION OF p DEFAULT; CREATE TABLE kind (v text);")
    publish(pipe, options=kind)
    look = check(pipe)
    assert look.severity("publication") == "ok" and look.fatal == {"replica_identity:public.kind"}, look.text


def test_check__leaves_published_one_by_one_are_their_root(pipe):
    pipe.run("CREATE TABLE p (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); "
             "CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);")
    publish(pipe, "p1", "p2")
    assert check(pipe).severity("publication") == "ok"
    pipe.sql(f"ALTER PUBLICATION {pipe.leat.source['publication']} DROP TABLE p2")
    assert check(pipe).severity("publication") == "warn"


def test_check__operations_that_are_left_out(pipe):
    pipe.run("CREATE TABLE a (id int PRIMARY KEY)")
    publish(pipe, "a", options="WITH (publish = 'insert, delete')")
    finding = check(pipe).get("publication_operations")
    assert finding["severity"] == "warn" and "update, truncate" in finding["observed"]
    mend(pipe, finding)
    assert check(pipe).get("publication_operations") is None


def test_check__patterns_that_match_nothing_or_what_is_not_in_the_log(pipe):
    pipe.run("CREATE UNLOGGED TABLE u (id int PRIMARY KEY); CREATE VIEW v AS SELECT 1; CREATE TABLE a (id int PRIMARY KEY); "
             "CREATE MATERIALIZED VIEW m AS SELECT 1;")
    publish(pipe, "a")
    look = check(pipe, tables=["public.a", "public.u", "public.ordres"])
    assert "ordres" in look.get("table_pattern")["observed"] and "unlogged" in look.get("table_kind")["observed"]
    assert look.severity("table_kind") == "warn"
    look = check(pipe, tables=["public.*"])
    assert look.get("table_pattern") is None and look.severity("table_kind") == "note"
    assert "public.m (materialized view), public.u (unlogged)" in look.get("table_kind")["observed"]
    look = check(pipe, mask_columns=["*.*.ssn"], exclude_columns=["public.a.id"])
    assert [f["observed"] for f in look.findings if f["id"] == "column_pattern"] == [
        f'mask_columns: "*.*.ssn" matches no column of database "{pipe.database}"']


def test_check__partitions_whose_names_the_patterns_leave_out(pipe):
    pipe.run("CREATE TABLE orders (id int PRIMARY KEY) PARTITION BY LIST (id); "
             "CREATE TABLE y2024 PARTITION OF orders DEFAULT;")
    assert check(pipe, tables=["public.orders"]).severity("partitions") == "warn"
    assert check(pipe, partitions="root").get("partitions") is None
    publish(pipe, "orders")
    finding = check(pipe).get("partitions")
    assert finding["severity"] == "warn" and "public.y2024" in finding["observed"]
    assert check(pipe, tables=["public.*"]).severity("partitions") == "note"
    mend(pipe, finding)
    assert check(pipe, tables=["public.orders"]).get("partitions") is None


def test_check__notes_about_values(any_pipe):
    any_pipe.run("""CREATE TABLE a (id int PRIMARY KEY, v text, p point, n int GENERATED ALWAYS AS (id * 2) STORED);
                    CREATE TABLE f (id int PRIMARY KEY, v text); ALTER TABLE f REPLICA IDENTITY FULL;
                    CREATE TABLE s (id int PRIMARY KEY, n int); CREATE DOMAIN d AS tsvector;
                    CREATE TABLE k (id int PRIMARY KEY, x d) ; CREATE TABLE child () INHERITS (s);""")
    publish(any_pipe, "a", "f", "ONLY s", "k")
    look = check(any_pipe)
    assert look.fatal == set(), look.text
    notes = {f["id"]: f["observed"] for f in look.findings if f["severity"] == "note"}
    assert "public.a (v" in notes["absent_values"] and "public.f" not in notes["absent_values"]
    assert "public.f" in notes["identity_full"] and "public.a (n)" in notes["generated_columns"]
    assert "point (public.a.p), tsvector (public.k.x)" in notes["types"] and "public.s" in notes["inheritance"]
    assert "types" not in {f["id"] for f in check(any_pipe, format="text").findings}


def test_check__generated_columns_that_are_published(open_pipe, servers):
    pipe = open_pipe(servers.get(18))
    pipe.run("CREATE TABLE a (id int PRIMARY KEY, s int GENERATED ALWAYS AS (id) STORED, v int GENERATED ALWAYS AS (id))")
    publish(pipe, "a", options="WITH (publish_generated_columns = stored)")
    assert "public.a (v)" in check(pipe).get("generated_columns")["observed"]


def test_check__many_tables_are_asked_quickly(pipe):
    pipe.run("DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE format('CREATE TABLE t%s (id int, v text)', i); "
             "END LOOP; END $$;")
    publish(pipe, options="FOR ALL TABLES")
    look = check(pipe, connect_timeout="5s")
    assert len(look.fatal) == 1000


# --- our role -------------------------------------------------------------------------------------------------


@pytest.fixture
def role(pipe):
    """A role without rights; dropped with what it has."""
    name = f"reader_{pipe.database}"
    pipe.sql(f"CREATE ROLE {name} LOGIN")
    yield name
    if pipe.leat.alive:
        pipe.leat.kill9()
    for row in pipe.server.sql("SELECT slot_name FROM pg_replication_slots WHERE database = %s", pipe.database):
        pipe.server.drop_slot(row[0])
    pipe.sql(f"DROP OWNED BY {name}")
    pipe.sql(f"DROP ROLE {name}")


def test_check__what_a_role_lacks(pipe, role):
    """Conformance 30."""
    pipe.run("CREATE TABLE a (id int PRIMARY KEY)")
    look = check(pipe, user=role)
    assert look.fatal == {"role", "publication"} and look.severity("monitoring") == "note", look.text
    mend(pipe, look.get("role"))
    mend(pipe, look.get("monitoring"))
    look = check(pipe, user=role)
    assert look.fatal == {"publication"} and look.severity("replication_connection") == "ok", look.text
    assert look.get("monitoring") is None and "may not create" in look.get("publication")["observed"]
    pipe.sql(f"GRANT CREATE ON DATABASE {pipe.database} TO {role}")
    look = check(pipe, user=role)
    assert look.fatal == {"publication"} and "not its own: public.a" in look.get("publication")["observed"]
    mend(pipe, look.get("publication"))  # the superuser runs what leat may not
    assert check(pipe, user=role).fatal == set()
    pipe.start()
    pipe.run("INSERT INTO a VALUES (1)")
    assert [e["op"] for e in pipe.events()] == ["create"]


def test_check__the_owner_may_create(pipe, role):
    pipe.run(f"CREATE TABLE a (id int PRIMARY KEY); ALTER TABLE a OWNER TO {role}; ALTER ROLE {role} REPLICATION; "
             f"GRANT CREATE ON DATABASE {pipe.database} TO {role}")
    assert check(pipe, user=role).fatal == set()
    pipe.start()  # and so it can


def test_check__a_connection_limit_and_overridden_settings(pipe, role):
    pipe.run(f"ALTER ROLE {role} REPLICATION CONNECTION LIMIT 1; ALTER ROLE {role} SET timezone = 'Asia/Tokyo'; "
             f"ALTER DATABASE {pipe.database} SET bytea_output = 'escape';")
    look = check(pipe, user=role)
    assert look.severity("connection_limit") == "warn"
    observed = look.get("setting_overrides")["observed"]
    assert re.search("role: timezone=Asia/Tokyo", observed, re.I) and "database: bytea_output=escape" in observed


def test_check__a_refused_question_is_a_warning_and_the_rest_is_asked(pipe, role):
    pipe.run(f"ALTER ROLE {role} REPLICATION; REVOKE SELECT ON pg_catalog.pg_db_role_setting FROM PUBLIC;")
    look = check(pipe, user=role)
    assert set(look.refused) == {"setting_overrides"} and "permission denied" in look.text
    assert look.severity("setting_overrides") == "warn" and look.severity("slot") == "note"


# --- the server -------------------------------------------------------------------------------------------------


def test_check__settings_that_need_a_restart(own_server, open_pipe):
    """Conformance 16."""
    server = own_server()
    for name in ("wal_level", "max_replication_slots", "max_wal_senders"):
        server.options.pop(name)
    server.run("ALTER SYSTEM SET wal_level = 'replica'; ALTER SYSTEM SET max_replication_slots = 1; "
               "ALTER SYSTEM SET max_wal_senders = 0;")
    server.restart()
    server.sql("SELECT pg_create_physical_replication_slot('other')")
    pipe = open_pipe(server)
    look = check(pipe)
    fatal = {"wal_level", "max_replication_slots", "max_wal_senders"}
    assert look.fatal == fatal | {"replication_connection"}, look.text
    assert all(look.get(i)["restart"] for i in fatal)
    assert look.severity("other_slots") is None  # it keeps no log: it was never used
    for name in fatal:
        server.run(look.get(name)["fix"])
    server.restart()
    look = check(pipe)
    assert look.fatal == set(), look.text


def test_check__settings_that_need_a_reload(own_server, open_pipe):
    server = own_server(fsync="off", full_page_writes="off")
    for name in ("fsync", "full_page_writes", "max_slot_wal_keep_size"):
        server.options.pop(name)
    server.restart()
    server.run("ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET full_page_writes = off; SELECT pg_reload_conf();")
    server.run("ALTER SYSTEM SET output_plugin_libraries = 'test_decoding'; SELECT pg_reload_conf();")
    places.wait_until(lambda: server.one("SHOW output_plugin_libraries") == "test_decoding", 10, "the reload")
    pipe = open_pipe(server)
    look = check(pipe)
    assert look.fatal == {"output_plugin_libraries", "max_slot_wal_keep_size"}, look.text
    names = ["fsync", "full_page_writes", "max_slot_wal_keep_size"]
    assert [look.severity(i) for i in names] == ["warn", "warn", "fatal"]
    assert check(pipe, allow_unlimited_wal=True).severity("max_slot_wal_keep_size") == "warn"
    assert refused(pipe, "SELECT pg_create_logical_replication_slot('x', 'pgoutput')") is not None
    for name in names + ["output_plugin_libraries"]:
        server.run(look.get(name)["fix"])
    places.wait_until(lambda: server.one("SHOW fsync") == "on", 10, "the reload")
    look = check(pipe)
    assert look.fatal == set() and look.get("fsync") is None and look.severity("max_slot_wal_keep_size") == "ok"


@pytest.mark.parametrize("names, us", [("*", True), ("FIRST 1 (s1, *)", True), ('ANY 1 (s1, "LEAT-{0}")', True),
                                       ('s1, "leat-{0}"', True), ('"leat-{0}x"', False), ("s1", False), ("", False)])
def test_check__we_must_not_be_a_synchronous_standby(own_server, open_pipe, names, us):
    """Conformance 98."""
    server = own_server()
    pipe = open_pipe(server)
    value = names.format(pipe.leat.name)
    server.run(f"ALTER SYSTEM SET synchronous_standby_names = '{value}'; SELECT pg_reload_conf();")
    places.wait_until(lambda: server.one("SHOW synchronous_standby_names") == value, 10, "the reload")
    look = check(pipe)
    server.run("ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf();")
    assert look.fatal == ({"synchronous_standby_names"} if us else set()), look.text
    places.wait_until(lambda: server.one("SHOW synchronous_standby_names") == "", 10, "the reload")


def test_check__a_standby_before_16_cannot_decode(own_server, open_pipe, directory):
    primary = own_server()
    pipe = open_pipe(primary)
    primary.stop()
    (primary.data / "standby.signal").touch()
    primary.start()
    look = check(pipe)
    assert {"primary", "publication"} <= look.fatal, look.text
    primary.stop()
    (primary.data / "standby.signal").unlink()
    primary.start()


@pytest.mark.parametrize("encoding, severity", [("SQL_ASCII", "warn"), ("LATIN1", "note"), ("UTF8", "ok")])
def test_check__encodings(open_pipe, server, encoding, severity):
    name = f"enc_{encoding.lower()}"
    server.create_database(name, f"ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    pipe = open_pipe(server)
    try:
        assert check(pipe, database=name).severity("encoding") == severity
        if encoding == "SQL_ASCII":
            assert "stops at the first byte" in check(pipe, client_encoding="UTF8").get("encoding")["observed"]
    finally:
        server.sql(f"DROP DATABASE {name}")


# --- the slot and the log that is kept ---------------------------------------------------------------------------


SLOTS = {
    "plugin": ("SELECT pg_create_logical_replication_slot('{0}', 'test_decoding')", "slot", "another plugin"),
    "physical": ("SELECT pg_create_physical_replication_slot('{0}')", "slot", "physical"),
    "two_phase": ("SELECT pg_create_logical_replication_slot('{0}', 'pgoutput', false, true)", "two_phase", "two_phase"),
}


@pytest.mark.parametrize("case", SLOTS)
def test_check__a_slot_that_cannot_be_used(pipe, case):
    statement, name, words = SLOTS[case]
    pipe.sql(f"CREATE PUBLICATION {pipe.leat.source['publication']}")
    pipe.sql(statement.format(pipe.leat.slot))
    look = check(pipe)
    assert look.fatal == {name} and words in look.get(name)["observed"], look.text
    assert look.get(name)["fix"].startswith("-- ")
    pipe.run(pipe.leat.command("check", "--fix-sql").stdout)
    pipe.server.run("ALTER SYSTEM RESET max_slot_wal_keep_size; SELECT pg_reload_conf();")
    assert pipe.server.slot(pipe.leat.slot) is not None  # what destroys is a comment
    pipe.server.drop_slot(pipe.leat.slot)


def test_check__a_two_phase_slot_sends_what_nobody_asked_for(any_pipe):
    """What the finding above claims."""
    any_pipe.run("CREATE TABLE a (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE a;")
    any_pipe.leat.configure(publication="p")
    any_pipe.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput', false, true)", any_pipe.leat.slot)
    any_pipe.run("BEGIN; INSERT INTO a VALUES (1); PREPARE TRANSACTION 'later';")
    first = any_pipe.sql("SELECT substr(data, 1, 1) FROM pg_logical_slot_peek_binary_changes(%s, NULL, NULL, "
                         "'proto_version', '1', 'publication_names', 'p')", any_pipe.leat.slot)
    any_pipe.run("ROLLBACK PREPARED 'later'")
    assert [bytes(row[0]) for row in first] == [b"b", b"R", b"I", b"P"]
    assert check(any_pipe).fatal == {"two_phase"}


def test_check__a_slot_of_another_database(pipe, open_pipe, server):
    other = open_pipe(server)
    other.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", other.leat.slot)
    look = check(pipe, slot=other.leat.slot)
    assert look.fatal == {"slot"} and "another database" in look.get("slot")["observed"]


def test_check__a_slot_that_is_older_than_its_publication(any_pipe):
    any_pipe.run("CREATE TABLE a (id int PRIMARY KEY)")
    any_pipe.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", any_pipe.leat.slot)
    any_pipe.run("INSERT INTO a VALUES (1)")
    look = check(any_pipe)
    assert look.fatal == {"slot_age"}, look.text
    any_pipe.sql(f"CREATE PUBLICATION {any_pipe.leat.source['publication']} FOR TABLE a")
    any_pipe.run("INSERT INTO a VALUES (2)")
    peek = ("SELECT count(*) FROM pg_logical_slot_peek_binary_changes(%s, NULL, NULL, 'proto_version', '1', "
            "'publication_names', %s) WHERE get_byte(data, 0) = ascii('I')")
    try:
        assert any_pipe.sql(peek, any_pipe.leat.slot, any_pipe.leat.source["publication"]) == [(1,)]
        assert any_pipe.server.version >= 18
    except psycopg2.errors.UndefinedObject:
        assert any_pipe.server.version < 18


def test_check__a_slot_that_somebody_else_reads(pipe):
    pipe.run("CREATE TABLE a (id int PRIMARY KEY)")
    publish(pipe, "a")
    reader = psycopg2.connect(
        host=str(pipe.server.socket_dir), port=pipe.server.port, user=pipe.server.user, dbname=pipe.database,
        application_name="other", connection_factory=psycopg2.extras.LogicalReplicationConnection)
    try:
        cursor = reader.cursor()
        cursor.start_replication(slot_name=pipe.leat.slot, options={
            "proto_version": "1", "publication_names": pipe.leat.source["publication"]})
        look = check(pipe)
        assert look.fatal == {"slot_user"} and 'application_name "other"' in look.get("slot_user")["observed"]
    finally:
        reader.close()


def test_check__a_lost_slot(own_server, open_pipe):
    server = own_server(max_slot_wal_keep_size="1MB", max_wal_size="32MB", min_wal_size="32MB")
    pipe = open_pipe(server)
    pipe.run("CREATE TABLE a (id int PRIMARY KEY)")
    publish(pipe, "a")

    def lost():
        server.run("SELECT pg_switch_wal(); CREATE TABLE IF NOT EXISTS filler (v int); INSERT INTO filler VALUES (1); "
                   "CHECKPOINT;")
        return server.slot(pipe.leat.slot)["wal_status"] == "lost"
    places.wait_until(lost, 30, "the slot is lost")
    look = check(pipe)
    assert look.fatal == {"slot"} and "is lost" in look.get("slot")["observed"]


def test_check__transactions_that_the_slot_would_wait_for(pipe):
    """Conformance 18, 19."""
    pipe.run("CREATE TABLE a (id int PRIMARY KEY)")
    open_one = pipe.server.connect(pipe.database, application_name="nightly")
    reader = pipe.server.connect(pipe.database, application_name="only_reads")
    try:
        with reader.cursor() as cursor:  # holds a snapshot, which making a slot does not wait for
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT * FROM a")
        with open_one.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO a VALUES (1)")
            pid = open_one.get_backend_pid()
            pipe.run("BEGIN; INSERT INTO a VALUES (2); PREPARE TRANSACTION 'it''s\nleft'")
            pipe.leat.configure(connect_timeout="1s")
            finding = places.wait_until(lambda: (lambda f: f if f and "left" in f["observed"] else None)(
                check(pipe).get("slot_creation")), 10, "the transactions are old enough")
            assert f"pid {pid}" in finding["observed"] and "nightly" in finding["observed"]
            assert "only_reads" not in finding["observed"]
            assert f"-- if it is not needed: SELECT pg_terminate_backend({pid});" in finding["fix"]
            assert all(line.startswith("-- ") for line in finding["fix"].splitlines())
    finally:
        open_one.close()
        reader.close()
        pipe.sql("ROLLBACK PREPARED 'it''s\nleft'")
    assert check(pipe).get("slot_creation") is None


def test_check__other_slots_that_keep_log(pipe):
    pipe.server.sql("SELECT pg_create_physical_replication_slot('forgotten_one', true)")
    try:
        finding = check(pipe).get("other_slots")
        assert finding["severity"] == "warn" and "forgotten_one keeps" in finding["observed"]
        assert "-- if it is not needed: SELECT pg_drop_replication_slot('forgotten_one');" in finding["fix"]
    finally:
        pipe.server.drop_slot("forgotten_one")


def test_check__timeouts_of_this_source(pipe):
    assert check(pipe).severity("wal_sender_timeout") == "ok"
    assert check(pipe, wal_sender_timeout="2s").severity("wal_sender_timeout") == "warn"
    assert check(pipe, wal_sender_timeout="30m").severity("wal_sender_timeout") == "warn"


def test_check__failover_and_idle_timeout_of_new_servers(own_server, open_pipe, servers):
    servers.get(18)  # skips where it cannot be had
    server = own_server(18, idle_replication_slot_timeout="1h")
    pipe = open_pipe(server)
    pipe.run("CREATE TABLE a (id int PRIMARY KEY)")
    publish(pipe, "a")
    look = check(pipe)
    assert look.get("failover") is None and "3600 s" in look.get("idle_replication_slot_timeout")["observed"], look.text
    server.sql("SELECT pg_create_physical_replication_slot('standby')")
    assert check(pipe).severity("failover") == "note"
    server.drop_slot(pipe.leat.slot)
    pipe.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput', false, false, true)", pipe.leat.slot)
    assert check(pipe).get("failover") is None


# --- connections that fail -----------------------------------------------------------------------------------------


def failed(pipe, **source):
    """The fatal finding in place of all others."""
    look = check(pipe, **source)
    assert len(look.findings) == 1 and look.fatal == {"connect"}, look.text
    return look.findings[0]


def test_check__a_wrong_database_host_or_port(pipe):
    finding = failed(pipe, database="no_such_database")
    assert "no_such_database" in finding["observed"] and "SELECT datname" in finding["advice"]
    finding = failed(pipe, database=pipe.database, port=places.free_port())
    assert "SHOW port" in finding["advice"]
    finding = failed(pipe, host="/nonexistent", port=pipe.server.port)
    assert "SHOW unix_socket_directories" in finding["advice"]
    finding = failed(pipe, host="127.0.0.1", port=places.free_port())
    assert "listen_addresses" in finding["advice"]


def test_check__a_wrong_password(own_server, open_pipe, directory):
    server = own_server()
    pipe = open_pipe(server)
    server.sql("CREATE ROLE guarded LOGIN REPLICATION PASSWORD 'right'")
    hba = server.data / "pg_hba.conf"
    hba.write_text("host all guarded 127.0.0.1/32 scram-sha-256\nlocal all postgres trust\n")
    server.sql("SELECT pg_reload_conf()")
    secret = directory / "secret"
    secret.write_text("wrong")
    secret.chmod(0o600)
    pipe.leat.configure(host="127.0.0.1", user="guarded", sslmode="prefer", password_file=str(secret), create=False)
    finding = places.wait_until(lambda: (lambda f: f if f["id"] == "connect" else None)(Look(pipe).findings[0]), 10,
                                "the reload")
    assert "guarded" in finding["observed"] and "pg_hba.conf" in finding["advice"]
    secret.write_text("right")
    look = check(pipe, user="guarded")
    assert look.severity("replication_connection") == "ok", look.text
    assert "wrong" not in json.dumps(finding) and "right" not in json.dumps(look.findings).replace("rights", "")


def test_check__a_server_that_does_not_answer(own_server, open_pipe):
    server = own_server()
    pipe = open_pipe(server)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        finding = failed(pipe, connect_timeout="1s")
        assert "no answer" in finding["observed"]
    finally:
        os.kill(server.pid, signal.SIGCONT)


def test_check__an_unencrypted_connection(pipe):
    assert check(pipe, host="127.0.0.1", sslmode="auto").severity("tls") == "ok"  # loopback
    assert check(pipe, sslmode="disable").severity("tls") == "warn"


def false_pid(_, data):
    """The server's process id, changed on the way as poolers do."""
    return data[:5] + struct.pack("!I", 4711) + data[9:] if data[:1] == b"K" else data


def test_check__a_pooler_in_between(pipe):
    assert check(pipe).get("pooler") is None
    with Proxy(pipe.server.port, on_server=false_pid) as proxy:
        look = check(pipe, host="127.0.0.1", port=proxy.port, sslmode="disable")
        assert look.severity("pooler") == "warn" and "4711" in look.get("pooler")["observed"]
