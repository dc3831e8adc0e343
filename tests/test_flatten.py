"""Nothing of a record is lost: each can be built again from its row.

Three differences are by contract: a null at a documented path counts as absent, so does an
object without members where CloudTrail documents one of named fields, and of a key that
stands twice Python keeps the last value and the lake each.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.decode import decode
from analyzer.errors import LogRefused
from analyzer.flatten import FlatRecords, Flattener, joined
from analyzer.schema import COLUMNS, EVENTS, Kind, tree
from tests.conftest import MAX_BYTES, asked, cloudtrail_logs, ingest_and_check

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence
    from pathlib import Path

    from analyzer.schema import Tree
    from tests.conftest import Json, LogFolder

BATCH_SIZES = [1, 2, 1_000]


@dataclass(frozen=True)
class Number:
    """A JSON number by its exact value; equal to no string and to no boolean."""

    value: Decimal


def number(text: str) -> Number:
    return Number(Decimal(text))


def exactly(text: str | bytes) -> Any:  # noqa: ANN401 (JSON is anything)
    """Read JSON without rounding a number."""
    return json.loads(text, parse_float=number, parse_int=number)


def frozen(value: object) -> Hashable:
    """Return a JSON value so that equal ones count as the same."""
    if isinstance(value, dict):
        return frozenset((name, frozen(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return tuple(frozen(inner) for inner in value)
    assert value is None or isinstance(value, str | bool | Number)
    return value


def by_contract(record: Json, shape: Tree) -> Json:
    """Return a record as the lake promises to give it back."""
    kept: Json = {}
    for member, value in record.items():
        kind = shape.get(member)
        if kind is None:
            kept[member] = value
        elif isinstance(kind, dict) and isinstance(value, dict):
            if inside := by_contract(value, kind):
                kept[member] = inside
        elif value is not None:
            kept[member] = value
    return kept


def rebuilt(row: Json) -> Json:
    """Return the record that a row of `events` was made from."""
    record: Json = {}
    extra = exactly(row["extra"]) if row["extra"] is not None else {}
    for column in COLUMNS:
        value = row[column.name]
        if value is None or (column.kind is Kind.TIME and "eventTime" in extra):
            continue
        if column.kind is Kind.TIME:
            value = f"{value:%Y-%m-%dT%H:%M:%SZ}"
        if column.kind is Kind.JSON:
            value = exactly(value)
        level = record
        for member in column.path[:-1]:
            level = level.setdefault(member, {})
        level[column.path[-1]] = value
    return merged(record, extra)


def merged(columns: Json, extra: Json) -> Json:
    """Return both together; no member stands in both."""
    both = dict(columns)
    for member, value in extra.items():
        if member in both:
            assert isinstance(both[member], dict)
            assert isinstance(value, dict)
            both[member] = merged(both[member], value)
        else:
            both[member] = value
    return both


def flat_records(bodies: Sequence[bytes], size: int) -> FlatRecords:
    """Return the rows of log objects, flattened `size` objects at a time."""
    flat = []
    for start in range(0, len(bodies), size):
        flattener = Flattener()
        for number_of, body in enumerate(bodies[start : start + size], start=start):
            flattener.take(f"key-{number_of}", decode(body, MAX_BYTES).text)
        flat.append(flattener.finish())
    return joined(flat)


def flattened(bodies: Sequence[bytes], size: int) -> Iterator[Json]:
    """Yield the rows of log objects, flattened `size` objects at a time."""
    yield from flat_records(bodies, size).events.cast(EVENTS).to_pylist()


def assert_lossless(bodies: Sequence[bytes], size: int) -> None:
    """Hold every row, in its order, against the record in the source."""
    wanted = [
        (f"key-{n}", by_contract(record, tree()))
        for n, body in enumerate(bodies)
        for record in exactly(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)["Records"]
    ]
    found = [(row["source_key"], rebuilt(row)) for row in flattened(bodies, size)]
    assert wanted
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one == other


def log_of(*record_texts: str) -> bytes:
    return f'{{"Records":[{",".join(record_texts)}]}}'.encode()


def refused(record_text: str) -> str:
    with pytest.raises(LogRefused) as refusal:
        Flattener().take("key", log_of(record_text))
    return refusal.value.reason


def odd_records(repository: Path) -> dict[str, str]:
    folder = repository / "fixtures" / "records"
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json"))}


def published_records(published: Path) -> list[str]:
    """Records as text, those left out of which a key stands twice."""
    lines = [
        line
        for path in sorted((published / "records").glob("*.ndjson"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]
    return [line for line in lines if not has_a_key_twice(line)]


def has_a_key_twice(text: str) -> bool:
    twice = []

    def object_of(pairs: list[tuple[str, object]]) -> None:
        twice.append(len(pairs) != len({name for name, _ in pairs}))

    json.loads(text, object_pairs_hook=object_of)
    return any(twice)


@pytest.mark.parametrize("size", BATCH_SIZES)
def test_no_record_of_the_archive_loses_anything(archive: Path, size: int) -> None:
    assert_lossless([path.read_bytes() for path in cloudtrail_logs(archive)], size)


@pytest.mark.parametrize("size", BATCH_SIZES)
def test_no_odd_record_loses_anything(repository: Path, size: int) -> None:
    records = odd_records(repository)
    del records["duplicate_keys"]

    assert_lossless([log_of(text) for text in records.values()], size)


def test_odd_records_in_one_log_lose_nothing_to_each_other(repository: Path) -> None:
    records = odd_records(repository)
    del records["duplicate_keys"]

    assert_lossless([log_of(*records.values())], 1)


def test_a_record_in_which_a_key_stands_twice_is_accepted(repository: Path) -> None:
    rows = list(flattened([log_of(odd_records(repository)["duplicate_keys"])], 1))

    assert len(rows) == 1
    assert rows[0]["event_name"] in {"DescribeTable", "ListTables"}


@pytest.mark.parametrize("size", BATCH_SIZES)
def test_no_record_of_the_published_archive_loses_anything(published: Path, size: int) -> None:
    assert_lossless([path.read_bytes() for path in cloudtrail_logs(published / "archive")], size)


@pytest.mark.parametrize("size", [2, 1_000])
def test_no_other_published_record_loses_anything(published: Path, size: int) -> None:
    records = published_records(published)

    assert len(records) > 1_200
    logs = [log_of(*records[start : start + 50]) for start in range(0, len(records), 50)]
    assert_lossless(logs, size)


def test_odd_logs_lose_nothing(repository: Path) -> None:
    folder = repository / "fixtures" / "logs"
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    accepted = [name for name, what in expected.items() if what["accepted"]]
    with_mark = {"byte_order_mark.json.gz"}  # Python's json has no reading of it

    assert_lossless([(folder / name).read_bytes() for name in sorted({*accepted} - with_mark)], 2)


def frozen_rows(lake: Path) -> Counter[Hashable]:
    """Return the records that a lake holds, and how often."""
    rows = asked(lake, "SELECT * EXCLUDE (month) FROM event_rows")
    return Counter(frozen(rebuilt(row)) for row in rows)


def frozen_records(sources: Sequence[Path]) -> Counter[Hashable]:
    """Return the records that a lake of these logs is to hold, and how often."""
    wanted: Counter[Hashable] = Counter()
    for path in sources:
        body = path.read_bytes()
        log = exactly(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        for record in log["Records"]:
            record_once = frozen(by_contract(record, tree()))
            wanted[record_once] = 1 if "eventID" in record else wanted[record_once] + 1
    return wanted


def test_nothing_is_lost_on_the_way_into_parquet(archive: Path, archive_lake: Path) -> None:
    assert frozen_rows(archive_lake) == frozen_records(cloudtrail_logs(archive))


def test_nothing_published_is_lost_on_the_way_into_parquet(
    published: Path, tmp_path: Path, log_folder: LogFolder
) -> None:
    records = published_records(published)
    log_folder.put_bytes("one.json", log_of(*records[::2]))
    log_folder.put_bytes("two.json", log_of(*records[1::2]))

    ingest_and_check(tmp_path / "lake", log_folder.root)
    wanted = frozen_records(sorted(log_folder.root.iterdir()))
    # Three records were published twice, with the members of an object in another order.
    assert frozen_rows(tmp_path / "lake").keys() == wanted.keys()


def test_a_time_is_read_to_the_microsecond_and_kept_as_it_came() -> None:
    text = "2025-03-26 16:43:57.123456789"

    row = next(flattened([log_of(f'{{"eventTime":"{text}","shoe":1}}')], 1))
    assert f"{row['event_time']:%Y-%m-%d %H:%M:%S.%f}" == text[:26]
    assert json.loads(row["extra"]) == {"eventTime": text, "shoe": 1}


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2023-01-31T23:59:59Z", "2023-01-31 23:59:59"),
        ("20230131T235959Z", "2023-01-31 23:59:59"),
        ("2023-01-31T23:59:59+09:00", "2023-01-31 14:59:59"),
        ("2023-01-31 23:59:59", "2023-01-31 23:59:59"),
    ],
)
def test_every_way_to_write_a_time_is_read_as_utc(text: str, utc: str) -> None:
    row = next(flattened([log_of(f'{{"eventTime":"{text}"}}')], 1))

    assert str(row["event_time"]) == utc


@pytest.mark.parametrize(
    "text",
    [
        "",
        "infinity",
        "-infinity",
        "epoch",
        "now",
        "2023-02-30T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0044-03-15 (BC)",
        "12023-01-01T00:00:00Z",
        "294247-01-10 00:00:00",
        "20231301T000000Z",
        "yesterday",
    ],
)
def test_what_is_no_time_is_kept_as_it_came_and_has_none(text: str) -> None:
    row = next(flattened([log_of(f'{{"eventTime":"{text}"}}')], 1))

    assert row["event_time"] is None
    assert json.loads(row["extra"]) == {"eventTime": text}


def only_row(record_text: str) -> Json:
    """Return the row of a record, of its columns those that hold anything."""
    [row] = flattened([log_of(record_text)], 1)
    return {name: value for name, value in row.items() if value is not None}


def test_white_space_between_tokens_is_left_out_and_within_strings_is_kept() -> None:
    row = only_row('{ "requestParameters" : { "a b" : [ 1 , "\\\\\\" } {" ] } , "x" :\n[ ] }')

    assert row["request_parameters"] == '{"a b":[1,"\\\\\\" } {"]}'
    assert row["extra"] == '{"x":[]}'


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "-0",
        "-0.0",
        "1e400",
        "1E-400",
        "1.50e+3",
        "1.688560107857E9",
        "12345678901234567890123",
        "12345678901234567890.125",
        "0.1000000000000000000001",
    ],
)
def test_a_number_is_kept_as_it_is_written_wherever_it_ends(number: str) -> None:
    row = only_row(f'{{"unknown":{number},"eventName":{number},"requestParameters":[{number}]}}')

    assert row["request_parameters"] == f"[{number}]"
    assert row["extra"] == f'{{"unknown":{number},"eventName":{number}}}'


@pytest.mark.parametrize("number", ["01", "+1", ".5", "1.", "1e", "1e+", "-", "0x1", "1_0"])
def test_what_is_no_number_refuses_the_log(number: str) -> None:
    refused(f'{{"requestParameters":[{number}]}}')
    refused(f'{{"unknown":{number}}}')


@pytest.mark.parametrize(
    "word", ["nul", "nulll", "True", "NaN", "Infinity", "-Infinity", "undefined"]
)
def test_what_is_no_constant_refuses_the_log(word: str) -> None:
    for member in ("eventName", "readOnly", "requestParameters", "userIdentity", "unknown"):
        refused(f'{{"{member}":{word}}}')


@pytest.mark.parametrize(
    "string",
    [r"\x", r"\u12", r"\u12g4", "\\", "\n", "\t", "\0", "\x1f", r"\ud83d\u12"],
)
def test_what_is_no_string_refuses_the_log(string: str) -> None:
    for member in ("eventName", "eventTime", "requestParameters", "unknown", string):
        refused(f'{{"{member}":"{string}"}}')


@pytest.mark.parametrize(
    "text",
    ["{,}", '{"a"}', '{"a":}', '{"a":1,}', '{"a" 1}', "{1:2}", '{"a":[1,]}', '{"a":[1 2]}', "{"],
)
def test_what_is_no_object_refuses_the_log(text: str) -> None:
    refused(text)
    refused(f'{{"userIdentity":{text}}}')
    refused(f'{{"requestParameters":{text}}}')


def test_every_escape_is_read() -> None:
    row = only_row(r'{"eventName":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00"}')

    assert row["event_name"] == '"\\/\b\f\n\r\tAé€😀'


def test_a_name_written_with_escapes_is_the_same_name() -> None:
    assert only_row(r'{"event\u004eame":"A"}')["event_name"] == "A"


def test_of_a_name_that_stands_twice_the_first_is_the_columns_and_the_other_is_extra() -> None:
    row = only_row('{"eventName":"A","eventName":"B","userIdentity":{"type":"C","type":"D"}}')

    assert (row["event_name"], row["user_identity_type"]) == ("A", "C")
    assert json.loads(row["extra"]) == {"eventName": "B", "userIdentity": {"type": "D"}}


def test_a_record_out_of_shape_is_divided_and_its_neighbours_are_not() -> None:
    odd = (
        '{"eventID":"2","shoeSize":44.5,"readOnly":"yes","userIdentity":'
        '{"type":"Root","hat":{"a":null},"sessionContext":{"attributes":{"x":[]}}},"tlsDetails":"-"}'
    )

    one, other = flattened([log_of('{"eventID":"1"}', odd)], 1)
    assert (one["event_id"], one["extra"]) == ("1", None)
    assert (other["event_id"], other["user_identity_type"]) == ("2", "Root")
    assert json.loads(other["extra"]) == {
        "shoeSize": 44.5,
        "readOnly": "yes",
        "userIdentity": {"hat": {"a": None}, "sessionContext": {"attributes": {"x": []}}},
        "tlsDetails": "-",
    }


def test_an_object_that_stands_again_word_for_word_is_read_as_if_it_stood_alone() -> None:
    caller = (
        '"userIdentity":{"type":"Root","sessionContext":{"attributes":{"mfaAuthenticated":"a"}}}'
    )
    texts = [
        f"{{{caller}}}",
        f'{{{caller},"userIdentity":{{"type":"Root","userName":"b"}}}}',
        f'{{"userIdentity":{{"type":"Root","userName":"b"}},{caller}}}',
        '{"userIdentity":{"type":"Root","hat":1}}',
        '{"userIdentity":{"type":"Root","type":"a"}}',
        r'{"userIdentity":{"type":"Root","userName":"\ud83d"}}',
        '{"userIdentity":{"type":"Root","sessionContext":{"webIdFederationData":{"attributes":{}}}}}',
        '{"tlsDetails":{"type":"Root"},"userIdentity":{"tlsVersion":"TLSv1"}}',
        '{"tlsDetails":{"tlsVersion":"TLSv1"},"userIdentity":{"type":"Root"}}',
    ] * 3

    alone = [row for text in texts for row in flattened([log_of(text)], 1)]
    assert list(flattened([log_of(*texts)], 1)) == [row | {"source_key": "key-0"} for row in alone]


def test_half_a_surrogate_pair_stays_an_escape_in_the_extra() -> None:
    rows = list(
        flattened([log_of(r'{"eventID":"1","userAgent":"cut \ud83d"}', '{"eventID":"2"}')], 1)
    )

    assert [row["event_id"] for row in rows] == ["1", "2"]
    assert [row["user_agent"] for row in rows] == [None, None]
    assert [row["extra"] for row in rows] == [r'{"userAgent":"cut \ud83d"}', None]


@pytest.mark.parametrize("half", [r"\ud83d", r"\ude00", r"\ud83d\ud83d", r"\ud83dx\ude00"])
def test_half_a_surrogate_pair_spoils_nothing_beside_it(half: str) -> None:
    row = only_row(
        f'{{"requestParameters":{{"a":["{half}"]}},"resources":[1e400],"{half}":1,"eventName":"A"}}'
    )

    assert (row["resources"], row["event_name"]) == ("[1e400]", "A")
    assert row["extra"] == f'{{"requestParameters":{{"a":["{half}"]}},"{half}":1}}'


def test_a_whole_surrogate_pair_is_nothing_special() -> None:
    row = only_row(r'{"userAgent":"\ud83d\ude00 \\ud83d","resources":["\ud83d\ude00"]}')

    assert row["user_agent"] == r"😀 \ud83d"
    assert row["resources"] == r'["\ud83d\ude00"]'


def test_a_refused_log_leaves_no_trace_among_the_others() -> None:
    whole = [log_of(f'{{"eventID":"{n}","eventName":"A{n}","readOnly":true}}') for n in range(3)]
    torn = (
        b'{"Records":[{"eventID":"x","eventName":"X","readOnly":false,"resources":[1],"new":1},'
        b'{"eventID":"y","userIdentity":{"type":"Root"'
    )

    flattener = Flattener()
    for number_of, text in enumerate([torn, whole[0], torn, torn, whole[1], torn, whole[2], torn]):
        try:
            flattener.take(f"key-{number_of}", text)
        except LogRefused:
            assert text == torn
    events = flattener.finish().events
    assert events["event_id"].to_pylist() == ["0", "1", "2"]
    assert events["event_name"].to_pylist() == ["A0", "A1", "A2"]
    assert events["source_key"].to_pylist() == ["key-1", "key-4", "key-6"]
    assert events["read_only"].to_pylist() == [True, True, True]
    for name in ("resources", "extra", "user_identity_type"):
        assert events[name].null_count == 3


def test_copies_have_equal_hashes_and_other_records_have_others() -> None:
    texts = ['{"eventID":"1"}', '{"eventID":"1","a":1}', '{"eventID":"2"}', "{}", '{"eventID":"1"}']
    flat = flat_records([log_of(*texts), log_of(*texts[:2])], 2)

    ids, whole = flat.id_hashes.to_pylist(), flat.text_hashes.to_pylist()
    assert ids[0] == ids[1] == ids[4] == ids[5] == ids[6]
    assert ids[3] is None
    assert len(set(ids)) == 3
    assert whole[0] == whole[4] == whole[5]
    assert whole[1] == whole[6]
    assert len(set(whole)) == 4


def test_texts_of_every_length_are_told_apart() -> None:
    names = ["x" * length + end for length in range(40) for end in ("", "a", "b")]

    rows = list(flattened([log_of(*(f'{{"eventName":"{name}"}}' for name in names * 2))], 1))
    assert [row["event_name"] for row in rows] == names * 2


def test_many_rows_of_a_column_that_begins_late_are_null() -> None:
    texts = ["{}"] * 5_000 + ['{"eventName":"A","resources":[]}'] + ["{}"] * 3_000

    events = flat_records([log_of(*texts)], 1).events
    assert events["event_name"].to_pylist() == [None] * 5_000 + ["A"] + [None] * 3_000
    assert events["resources"].to_pylist() == [None] * 5_000 + ["[]"] + [None] * 3_000


def test_memory_that_is_used_again_holds_nothing_of_the_batch_before(repository: Path) -> None:
    list(flattened([log_of(*odd_records(repository).values(), '{"eventName":"A"}')], 1))

    events = flat_records([log_of("{}", '{"eventName":"B"}')], 1).events
    kept = {"event_name", "source_key"}
    assert {name for name in events.column_names if events[name].null_count < 2} == kept


# ------------------------------------------------------------- records that nobody has written yet

NUMBERS = (
    st.integers().map(str)
    | st.integers(-(10**40), 10**40).map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.sampled_from(["1e400", "-1E400", "0.0", "-0.0", "1E+2", "1.688560107857E9", "5e-324"])
)


class RawNumber(str):
    """A number as it is to stand in JSON text."""

    __slots__ = ()


STRINGS = st.text(max_size=12) | st.text(st.characters(categories=["Cs", "L", "Cc"]), max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS.map(RawNumber) | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=6,
)
FITTING = {
    Kind.TEXT: st.text(max_size=12),
    Kind.TIME: st.datetimes().map(lambda time: f"{time:%Y-%m-%dT%H:%M:%SZ}".rjust(20, "0")),
    Kind.FLAG: st.booleans(),
    Kind.JSON: VALUES,
}


def json_text(value: object, space: str) -> str:
    """Write JSON with `space` wherever JSON allows it."""
    if isinstance(value, RawNumber):
        return str(value)
    if isinstance(value, dict):
        members = (f"{json.dumps(name)}{space}:{json_text(v, space)}" for name, v in value.items())
        return f"{{{space}{','.join(members)}{space}}}"
    if isinstance(value, list):
        return f"[{space}{','.join(json_text(inner, space) for inner in value)}{space}]"
    return json.dumps(value)


def records_of_shape(shape: Tree) -> st.SearchStrategy[Json]:
    """Records of some documented members, mostly of the documented types, and some others."""
    documented: dict[str, st.SearchStrategy[Any]] = {
        member: (records_of_shape(kind) | VALUES if isinstance(kind, dict) else FITTING[kind])
        | st.none()
        | VALUES
        for member, kind in shape.items()
    }
    others = st.dictionaries(STRINGS.filter(lambda name: name not in shape), VALUES, max_size=2)
    known = st.lists(st.sampled_from(sorted(documented)), unique=True, max_size=5).flatmap(
        lambda names: st.fixed_dictionaries({name: documented[name] for name in names})
    )
    return st.builds(lambda one, other: {**one, **other}, known, others)


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(
    records=st.lists(records_of_shape(tree()), min_size=1, max_size=4),
    space=st.sampled_from(["", " ", "\n\t"]),
)
def test_no_record_that_can_be_written_loses_anything(records: list[Json], space: str) -> None:
    assert_lossless([log_of(*(json_text(record, space) for record in records))], 2)
