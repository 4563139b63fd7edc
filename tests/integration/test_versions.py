"""The main job once on each server version that the suite does not run on: none is asked for what it does not know."""
import json

import psycopg2
import pytest

from tests.support import leatd, model, pgversions, types_corpus
from tests.support.pgserver import PgServer

KNOWN_MIN = 0.9  # of all values of the corpus: with fewer it would prove little


@pytest.fixture(params=pgversions.OLDER, ids=lambda v: f"pg{v}")
def old_server(request, directory, monkeypatch):
    version = request.param
    there, reason = pgversions.have(version)
    if not there:
        pytest.skip(f"PostgreSQL {version} cannot be had: {reason}")
    if version < 12:  # no generated columns there, and no catalogue column that tells them
        monkeypatch.setattr(model, "COLUMNS", model.COLUMNS.replace("AND a.attgenerated = ''", ""))
    server = PgServer(directory / "server", version, {"max_prepared_transactions": "10"})
    server.own = True
    yield server.start()
    server.remove()


def known(pipe):
    """What of the corpus of types this version can read, and which part of all values that is."""
    connection = pipe.server.connect(pipe.database)
    corpus, kept, total = [], 0, 0
    with connection.cursor() as cursor:
        for name, type_name, values in types_corpus.CORPUS:
            good = [v for v in values if readable(cursor, v, type_name)]
            kept, total = kept + len(good), total + len(values)
            if good:
                corpus.append((name, type_name, good))
    connection.close()
    return corpus, kept / total


def readable(cursor, text, type_name):
    """False for a type, or a value of it, that came with a later version."""
    try:
        cursor.execute(f"SELECT {types_corpus.quote(text)}::{type_name}")
        return True
    except psycopg2.Error:
        return False


def no_trouble(pipe):
    """`leat check` asks only what this version can answer, and finds nothing fatal."""
    done = pipe.leat.command("check", "--json")
    assert done.returncode == leatd.FINE, done.stdout
    findings = [f for f in json.loads(done.stdout)["findings"] if f["group"] == pipe.leat.name]
    assert len(findings) > 10 and not [f for f in findings if "could not be checked" in f["observed"]]


def test_versions__the_main_job_through_a_kill(old_server, open_pipe):
    """Conformance 31: no option, catalogue column or type is used that this version does not have."""
    pipe = open_pipe(old_server)
    pipe.run(types_corpus.USER_TYPES)
    corpus, part = known(pipe)
    assert part > KNOWN_MIN
    pipe.run(types_corpus.ddl("c", corpus) + """
        CREATE TABLE t (id int PRIMARY KEY, v text, big text);
        ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
        CREATE TABLE keyless (v text);
        CREATE TABLE gone (id int PRIMARY KEY);
        CREATE TABLE p (id int, v text) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
        ALTER TABLE p1 ADD PRIMARY KEY (id);""")
    no_trouble(pipe)
    pipe.start()
    no_trouble(pipe)
    pipe.run("\n".join(types_corpus.inserts("c", corpus)) + """
        INSERT INTO t SELECT g, 'row ' || g, repeat(md5(g::text), 100) FROM generate_series(1, 2000) g;
        INSERT INTO keyless VALUES ('a'), (NULL);
        INSERT INTO p VALUES (1, 'leaf');
        INSERT INTO gone SELECT generate_series(1, 10);
        BEGIN; INSERT INTO t VALUES (-1); ROLLBACK;""")
    pipe.leat.kill9()
    pipe.run("""
        UPDATE t SET v = NULL WHERE id % 2 = 0;
        UPDATE t SET id = id + 10000 WHERE id <= 10;
        DELETE FROM t WHERE id BETWEEN 100 AND 200;
        BEGIN; DELETE FROM t WHERE id = 11; SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; COMMIT;
        BEGIN; INSERT INTO t VALUES (30000); PREPARE TRANSACTION 'later'; COMMIT PREPARED 'later';
        UPDATE c SET c_text = 'changed' WHERE id = 0; DELETE FROM c WHERE id = 1;""")
    truncates = old_server.version >= 11  # 10 does not publish it
    pipe.run("TRUNCATE gone" if truncates else "DELETE FROM gone")
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (20000)")
    events = pipe.events()
    difference = pipe.difference("c", "t", "keyless", "gone", "p1", events=events)
    assert difference.equal and difference.rows > 1900, str(difference)
    assert len({e["id"] for e in events}) == len(events)
    emptied = ["truncate"] if truncates else ["delete"] * 10
    assert [e["op"] for e in events if e["table"] == "gone"] == ["create"] * 10 + emptied
    assert pipe.leat.log().count("] streaming ") == 2, "one session, and one after the kill"
