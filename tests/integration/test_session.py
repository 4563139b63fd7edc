"""What a session may meet besides rows: characters without equivalent, schemas renamed in silence, TLS."""
import subprocess

import pytest

from tests.support import places


def test_session__a_character_without_equivalent_does_not_stop_the_stream(pipe):
    """Conformance 91, rule 10: the server fails at it on every attempt, for ever; the text comes raw then."""
    pipe.server.create_database("enc_eucjp", "ENCODING 'EUC_JP' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    try:
        pipe.server.sql("CREATE TABLE t (id int PRIMARY KEY, v text)", database="enc_eucjp")
        pipe.leat.configure(database="enc_eucjp")
        pipe.leat.start()
        pipe.server.run("SET client_encoding TO EUC_JP; INSERT INTO t VALUES (1, 'plain'), (2, E'\\xa4\\xa2'), "
                        "(3, E'x\\xf5\\xa1y'), (4, 'after')", "enc_eucjp")
        events = [e for e in pipe.events() if e.get("table") == "t"]
        assert [e["after"]["id"] for e in events] == [1, 2, 3, 4]
        values = [e["after"]["v"] for e in events]
        assert values[0] == "plain" and values[1] == "\u3042" and values[3] == "after"
        assert values[2].startswith("x") and values[2].endswith("y") and "\ufffd" in values[2]
    finally:
        pipe.leat.kill9()
        pipe.server.drop_slot(pipe.leat.slot)
        pipe.server.sql("DROP DATABASE enc_eucjp WITH (FORCE)")


def test_session__a_renamed_schema_is_noticed_where_the_log_does_not_tell(any_pipe):
    """Conformance 74: before 16 no RELATION message comes; the catalogue is asked every few seconds."""
    pipe = any_pipe
    pipe.run("CREATE SCHEMA old; CREATE TABLE old.t (id int PRIMARY KEY)")
    pipe.start(tables=["*.*"])
    pipe.run("INSERT INTO old.t VALUES (1)")
    assert [(e["schema"], e["after"]["id"]) for e in pipe.of("t")] == [("old", 1)]
    pipe.run("ALTER SCHEMA old RENAME TO new")
    numbers = iter(range(2, 100))

    def renamed():
        pipe.run(f"INSERT INTO new.t VALUES ({next(numbers)})")
        return pipe.of("t")[-1]["schema"] == "new"
    places.wait_until(renamed, 30, "events under the new name", every=0.5)
    ids = [e["after"]["id"] for e in pipe.of("t") if e["op"] == "create"]
    assert ids == list(range(1, len(ids) + 1))


def test_session__a_publication_that_is_dropped_is_never_passed_over(any_pipe):
    """Conformance 27, 28: an error before 18, a mere warning from 18 on; the same named stop for us."""
    pipe = any_pipe
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY)")
    pipe.start()
    pipe.run("INSERT INTO t VALUES (1)")
    assert [e["after"]["id"] for e in pipe.of("t")] == [1]
    pipe.leat.stop()
    pipe.leat.configure(create=False)
    pipe.run(f"DROP PUBLICATION leat_{pipe.leat.name}; INSERT INTO t VALUES (2);"
             f"CREATE PUBLICATION leat_{pipe.leat.name} FOR TABLE t; INSERT INTO t VALUES (3)")
    offset = len(pipe.leat.log())
    pipe.leat.spawn()
    line = pipe.wait_error("publication", "offsets set", start=offset)
    assert " ERROR " in line
    assert [e["after"]["id"] for e in pipe.leat.tail(table="public.t", op="create")] == [1]


def test_session__a_slot_that_is_older_than_its_publication_is_refused(pipe):
    """Rule 12: it decodes with the catalogue of its own time and would never see the publication."""
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY)")
    pipe.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", pipe.leat.slot)
    pipe.leat.spawn()
    assert "pg_drop_replication_slot" in pipe.wait_error("slot", "publication")
    assert pipe.sql("SELECT count(*) FROM pg_publication")[0][0] == 0


def test_session__a_two_phase_slot_is_refused(pipe):
    """It would send what is only prepared, and may yet be rolled back."""
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY)")
    pipe.sql(f"CREATE PUBLICATION leat_{pipe.leat.name} FOR TABLE t")
    pipe.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput', false, true)", pipe.leat.slot)
    pipe.leat.spawn()
    assert "two_phase" in pipe.wait_error("slot")


@pytest.fixture
def tls(pipe, directory):
    """The server with a certificate for localhost, signed by itself."""
    data = pipe.server.data
    key, certificate = directory / "server.key", directory / "server.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
                   check=True, capture_output=True)
    for source, name in ((key, "server.key"), (certificate, "server.crt")):
        target = data / name
        target.write_bytes(source.read_bytes())
        target.chmod(0o600)
        places.hand_over(target)
    pipe.server.run("ALTER SYSTEM SET ssl = on")
    pipe.server.run("SELECT pg_reload_conf()")
    yield certificate
    pipe.server.run("ALTER SYSTEM RESET ssl")
    pipe.server.run("SELECT pg_reload_conf()")


def test_session__the_stream_comes_over_tls_and_the_name_is_verified(pipe, tls):
    """Conformance 2, F38: large and small messages through TLS records; another name is refused."""
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    pipe.start(host="localhost", sslmode="verify-full", sslrootcert=str(tls))
    pipe.leat.wait_log('transport="tls"')
    pipe.run("INSERT INTO t SELECT g, repeat(md5(g::text), g) FROM generate_series(1, 2000) g;"
             "INSERT INTO t SELECT 9999, string_agg(md5(g::text), '') FROM generate_series(1, 100000) g")
    assert pipe.difference("t").equal
    pipe.leat.stop()
    pipe.leat.configure(host="127.0.0.1")  # the certificate is for localhost
    pipe.leat.spawn()
    line = pipe.wait_error("certificate", start=0)
    assert "config" in line


def test_session__certificates_of_strangers_are_refused(pipe, tls, directory):
    """F38: signed by nobody that we trust."""
    other = directory / "other.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=other",
                    "-keyout", str(directory / "other.key"), "-out", str(other)], check=True, capture_output=True)
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY)")
    pipe.leat.configure(host="localhost", sslmode="verify-ca", sslrootcert=str(other))
    pipe.leat.spawn()
    assert "certificate" in pipe.wait_error("certificate")
