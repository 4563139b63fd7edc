"""One comparable form for a value that came to us by two roads.

The database gives its own text (the type's output function, with ISO dates, UTC and hex bytea); leat gives
JSON. Both are brought to a Python value that is equal exactly when the values are equal: nothing is
rounded, a NULL is None, an absent value never gets here. Types not named below must agree as text.
"""
import base64
import binascii
import json
import math
import re
import struct

INTEGERS = {"smallint", "integer", "bigint", "oid"}
FLOATS = {"real", "double precision"}
ROUNDED = "float of six digits"  # no type: all that some tools print of one
TIMES = {"timestamp without time zone", "timestamp with time zone", "date", "time without time zone"}
NONE = object()


def base_type(name):
    """'numeric(10,2)[]' → ('numeric', True)."""
    array = name.endswith("[]")
    name = name[:-2] if array else name
    return re.sub(r"\([^)]*\)", "", name).strip(), array


def from_text(type_name, text):
    """A value as the database's output function wrote it."""
    if text is None:
        return None
    name, array = base_type(type_name)
    if array:
        bounds, items = parse_array(text)
        return bounds, _map(items, lambda t: from_text(name, t))
    if name in INTEGERS:
        return int(text)
    if name in FLOATS:
        return _float(float(text), name)
    if name == ROUNDED:
        return f"{float(text):g}"
    if name == "boolean":
        return text in ("t", "true")
    if name == "money":  # an event has the exact amount; the sign and the commas are the locale's
        return text.replace("$", "").replace(",", "")
    if name == "bytea":
        return bytes.fromhex(text[2:])
    if name in TIMES:
        return _time(text)
    if name == "time with time zone":
        return _timetz(text)
    if name in ("json", "jsonb"):
        return _json(text)
    if name == "interval":
        return _interval(text)
    if name == "money":  # leat tells the amount; the sign of a currency is the reader's locale
        return text.replace("$", "").replace(",", "")
    return text


def from_event(type_name, value):
    """A value of an event."""
    if value is None:
        return None
    name, array = base_type(type_name)
    if array:
        return _event_array(name, value)
    if name in FLOATS:
        return _float(float(value), name)
    if name == ROUNDED:
        return f"{_single(float(value)):g}"
    if name == "boolean":
        return value
    if name == "bytea":
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError):
            return ("not base64", value)
    if name in TIMES:
        return _time(value)
    if name == "time with time zone":
        return _timetz(value)
    if name in ("json", "jsonb"):
        return _json(value) if isinstance(value, str) else value
    if name == "interval":
        return _interval(value)
    return value


def _float(number, name):
    if math.isnan(number):
        return "NaN"
    return repr(_single(number) if name == "real" else number)  # keeps -0.0 apart from 0.0


def _single(number):
    """The float of four bytes that a text means: the shortest one for it may have fewer digits than it."""
    return struct.unpack("f", struct.pack("f", number))[0] if math.isfinite(number) else number


def _json(text):
    """Numbers stay text: a document must not lose digits by being compared."""
    def number(digits):
        return ("number", digits)
    try:
        return json.loads(text, parse_int=number, parse_float=number, object_pairs_hook=tuple)
    except ValueError:
        return ("not json", text)


def _time(text):
    """Dates, times and timestamps: '2024-07-02T03:04:05.100Z' equals '2024-07-02 03:04:05.1+00'."""
    if not isinstance(text, str):
        return text
    low = text.strip().lower()
    if low.lstrip("+-") == "infinity":
        return low.lstrip("+")
    low = re.sub(r"(?<=\d)t(?=\d)", " ", low)
    before_christ = low.endswith(" bc")
    low = low[:-3] if before_christ else low
    low = re.sub(r"(z|\+00(:?00)?)$", "", low)
    low = re.sub(r"(\.\d*?)0+$", r"\1", low).rstrip(".")
    match = re.match(r"^([+-]?\d{4,})-(\d\d)-(\d\d)(.*)$", low)
    if not match:
        return low
    year = int(match[1])
    year = 1 - year if before_christ else year  # the year before 1 is 1 BC, written 0 in ISO 8601
    return (year, match[2], match[3], match[4].strip())


def _timetz(text):
    """'03:04:05.100+05:30' equals '03:04:05.1+05:30:00' and 'Z' equals '+00'."""
    match = re.match(r"^(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-][\d:]+)$", str(text).strip())
    if not match:
        return text
    zone = "+00" if match[3] == "Z" else match[3]
    seconds = sum(int(part) * unit for part, unit in zip(zone[1:].split(":"), (3600, 60, 1)))
    return match[1], (match[2] or "").rstrip("0").rstrip("."), -seconds if zone[0] == "-" else seconds


ISO_INTERVAL = re.compile(r"^P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)W)?(?:(-?\d+)D)?"
                          r"(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d+))?S)?)?$")


def _interval(value):
    """(months, days, microseconds), each with its own sign."""
    if isinstance(value, dict):
        return value.get("months", 0), value.get("days", 0), value.get("us", value.get("microseconds", 0))
    match = ISO_INTERVAL.match(value)
    if match:
        years, months, weeks, days, hours, minutes = (int(g or 0) for g in match.groups()[:6])
        us = int(match[8] or 0) * 1_000_000 + int((match[9] or "").ljust(6, "0")[:6] or 0)
        us = -us if match[7] else us
        return years * 12 + months, weeks * 7 + days, (hours * 60 + minutes) * 60_000_000 + us
    months = days = us = 0
    for count, unit in re.findall(r"([+-]?\d+) (year|mon|day)s?", value):
        months += int(count) * {"year": 12, "mon": 1, "day": 0}[unit]
        days += int(count) * (unit == "day")
    clock = re.search(r"([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d+))?$", value)
    if clock:
        us = (int(clock[2]) * 3600 + int(clock[3]) * 60 + int(clock[4])) * 1_000_000
        us += int((clock[5] or "").ljust(6, "0") or 0)
        us = -us if clock[1] == "-" else us
    elif not months and not days and value not in ("00:00:00", "0"):
        return value
    return months, days, us


# --- arrays ---------------------------------------------------------------------------------------


def _event_array(name, value):
    """JSON lists are arrays with the usual lower bounds; a text is the database's own form."""
    if isinstance(value, str):
        bounds, items = parse_array(value)
        return bounds, _map(items, lambda t: from_text(name, t))
    if isinstance(value, dict):
        lower = value.get("lower_bounds") or value.get("lower")
        bounds = tuple(lower) if lower and any(b != 1 for b in lower) else ()
        return bounds, _map(value.get("elements", value.get("items")), lambda v: from_event(name, v))
    return (), _map(value, lambda v: from_event(name, v))


def _map(items, function):
    return [_map(i, function) if isinstance(i, list) else function(i) for i in items]


def parse_array(text):
    """'[0:1]={a,"b c",NULL}' → ((0,), ['a', 'b c', None]). Bounds are given only if they are unusual."""
    bounds = ()
    if text.startswith("["):
        head, text = text.split("=", 1)
        bounds = tuple(int(b) for b in re.findall(r"\[(-?\d+):", head))
        bounds = () if all(b == 1 for b in bounds) else bounds
    items, at = _parse_items(text, 0)
    if at != len(text):
        raise ValueError(f"array: {text!r}")
    return bounds, items


def _parse_items(text, at):
    items = []
    at += 1  # the brace
    while text[at] != "}":
        if text[at] == ",":
            at += 1
        elif text[at] == "{":
            item, at = _parse_items(text, at)
            items.append(item)
        else:
            item, at = _parse_item(text, at)
            items.append(item)
    return items, at + 1


def _parse_item(text, at):
    quoted = text[at] == '"'
    at += quoted
    out = []
    while (text[at] != '"') if quoted else (text[at] not in ",}"):
        if text[at] == "\\":
            at += 1
        out.append(text[at])
        at += 1
    item = "".join(out)
    return (None if not quoted and item.upper() == "NULL" else item), at + quoted
