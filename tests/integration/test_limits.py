"""Memory is bounded by configuration, whatever the size of a transaction or a row (I6)."""
import hashlib

import pytest

from tests.support import leatd

MIB = 1 << 20
PEAK = 128 * MIB


def test_limits__a_transaction_of_a_million_rows(pipe):
    """Conformance 33."""
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    pipe.start()
    with leatd.MemorySampler(pipe.leat.pid) as memory:
        pipe.sql("INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, 1000000) g")
        pipe.leat.wait_caught_up(180)
    assert memory.peak <= PEAK, f"{memory.peak / MIB:.0f} MiB"
    count, transactions, last = 0, set(), 0
    path = pipe.leat.root / "stream"
    assert pipe.leat.tail_to(path) == 0
    with open(path) as lines:
        for line in lines:
            if '"op":"create"' in line:
                count += 1
                number = int(line.split('"after":{"id":', 1)[1].split(",", 1)[0])
                assert number == last + 1
                last = number
                transactions.add(line.split('"tx":{"id":"', 1)[1].split('"', 1)[0])
    assert count == 1000000 and len(transactions) == 1


@pytest.mark.parametrize("form", ["text", "binary"])
def test_limits__a_row_of_64_mib(open_pipe, server, form):
    """Conformance 114, 23: the row comes whole, and memory stays below its bound."""
    pipe = open_pipe(server, format=form)
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    pipe.start()
    with leatd.MemorySampler(pipe.leat.pid) as memory:
        pipe.sql("INSERT INTO t SELECT 1, string_agg(md5(g::text), '') FROM generate_series(1, 2 * 1024 * 1024) g")
        pipe.sql("INSERT INTO t VALUES (2, 'after')")
        pipe.leat.wait_caught_up(120)
    assert memory.peak <= PEAK, f"{memory.peak / MIB:.0f} MiB"
    big, small = pipe.of("t")
    assert len(big["after"]["v"]) == 64 * MIB and small["after"]["v"] == "after"
    ours = hashlib.md5(big["after"]["v"].encode()).hexdigest()
    assert ours == pipe.sql("SELECT md5(v) FROM t WHERE id = 1")[0][0]


def test_limits__a_row_above_the_bound_stops_the_source_by_name(open_pipe, server):
    """Conformance 87: a named bound, not a crash and not a silent gap."""
    pipe = open_pipe(server, row_max="1MiB")
    pipe.sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    pipe.start()
    pipe.sql("INSERT INTO t VALUES (1, 'small')")
    pipe.leat.wait_caught_up()
    pipe.sql("INSERT INTO t SELECT 2, string_agg(md5(g::text), '') FROM generate_series(1, 100000) g")
    pipe.wait_error("row_max")
    pipe.leat.kill9()
    pipe.start(row_max="16MiB")
    assert [len(e["after"]["v"]) for e in pipe.of("t")] == [5, 3200000]


def test_limits__a_thousand_tables(pipe):
    """Conformance 78, a tenth of it: schemas are announced once and memory stays small."""
    pipe.run("".join(f"CREATE TABLE t{i} (id int PRIMARY KEY, v text);" for i in range(1000)))
    pipe.start()
    with leatd.MemorySampler(pipe.leat.pid) as memory:
        pipe.run("".join(f"INSERT INTO t{i} VALUES ({i}, 'x');" for i in range(1000)))
        events = pipe.events(60)
    assert [e["table"] for e in events] == [f"t{i}" for i in range(1000)]
    assert memory.peak <= PEAK
