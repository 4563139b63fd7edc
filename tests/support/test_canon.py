"""Both roads to a value must meet, and must not meet for different values."""
import pytest

from . import canon, oracle

SAME = [
    ("integer", "-7", -7),
    ("bigint", "9223372036854775807", 9223372036854775807),
    ("numeric(12,2)", "1.50", "1.50"),
    ("numeric", "NaN", "NaN"),
    ("double precision", "-0", -0.0),
    ("double precision", "1e-324", 0.0),
    ("double precision", "Infinity", "Infinity"),
    ("real", "0.1", 0.1),
    ("boolean", "t", True),
    ("money", "-$1,234.50", "-1234.50"),
    ("bytea", "\\x00ff", "AP8="),
    ("timestamp with time zone", "2024-07-02 03:04:05.1+00", "2024-07-02T03:04:05.100000Z"),
    ("timestamp without time zone", "0044-03-15 00:00:00 BC", "-0043-03-15T00:00:00"),
    ("timestamp without time zone", "294276-12-31 23:59:59.999999", "+294276-12-31T23:59:59.999999"),
    ("date", "-infinity", "-infinity"),
    ("time without time zone", "24:00:00", "24:00:00"),
    ("interval", "1 mon -2 days +03:04:05.5", "P1M-2DT3H4M5.500000S"),
    ("interval", "-00:00:00.000001", "PT-0.000001S"),
    ("json", '{"a": 1.50}', '{"a": 1.50}'),
    ("integer[]", "{1,NULL,3}", [1, None, 3]),
    ("text[]", '{"a b","q\\"q",NULL,"NULL"}', ["a b", 'q"q', None, "NULL"]),
    ("integer[]", "{{1,2},{3,4}}", [[1, 2], [3, 4]]),
    ("inet", "10.0.0.1/8", "10.0.0.1/8"),
]
DIFFERENT = [
    ("integer", "1", "1"),
    ("numeric", "1.50", "1.5"),
    ("double precision", "0", -0.0),
    ("text", "", None),
    ("text", "null", None),
    ("bytea", "\\x00", "AP8="),
    ("timestamp with time zone", "2024-07-02 03:04:05+00", "2024-07-02T03:04:06Z"),
    ("interval", "1 mon", "P30D"),
    ("json", '{"a": 1.50}', '{"a": 1.5}'),
    ("integer[]", "{1,2}", [2, 1]),
]


@pytest.mark.parametrize("type_name, text, value", SAME)
def test_canon__equal_values_meet(type_name, text, value):
    assert canon.from_text(type_name, text) == canon.from_event(type_name, value)


@pytest.mark.parametrize("type_name, text, value", DIFFERENT)
def test_canon__different_values_stay_apart(type_name, text, value):
    assert canon.from_text(type_name, text) != canon.from_event(type_name, value)


def test_oracle__reads_quotes_arrays_and_old_keys():
    line = ('table public."odd: ""t""": UPDATE: old-key: "Id"[integer]:1 new-tuple: "Id"[integer]:2 '
            "v[text]:'it''s' a[integer[]]:'{1,2}' n[numeric]:null b[bit]:B'101' z[text]:unchanged-toast-datum")
    change, = oracle.parse(line)
    assert change["table"] == 'odd: "t"'
    assert change["old"] == {"Id": ["integer", "1"]}
    assert change["new"] == {"Id": ["integer", "2"], "v": ["text", "it's"], "a": ["integer[]", "{1,2}"],
                             "n": ["numeric", None], "b": ["bit", "101"], "z": ["text", False]}


def test_oracle__reads_a_truncate_of_several_tables():
    changes = oracle.parse("table public.a, other.b: TRUNCATE: restart_seqs cascade")
    assert [(c["op"], c["schema"], c["table"]) for c in changes] == [
        ("truncate", "public", "a"), ("truncate", "other", "b")]
