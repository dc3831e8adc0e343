from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analyzer.decode import decode
from analyzer.errors import LogRefused
from tests.conftest import MAX_BYTES, Json, log_bytes, record

if TYPE_CHECKING:
    from analyzer.decode import DecodedLog

LOGS = Path(__file__).parent.parent / "fixtures" / "logs"
EXPECTED: dict[str, Json] = json.loads((LOGS / "expected.json").read_text(encoding="utf-8"))
ACCEPTED = sorted(name for name, what in EXPECTED.items() if what["accepted"])
REFUSED = sorted(name for name, what in EXPECTED.items() if not what["accepted"])

# What the fixture knows of itself, and decode cannot.
REASONS = {"not_gzip.json.gz": "neither gzip nor "}


def texts(log: DecodedLog) -> list[bytes]:
    return [bytes(text) for text in log.records]


def log_of(record_text: str) -> bytes:
    return f'{{"Records":[{record_text}]}}'.encode()


def refusal(body: bytes, max_bytes: int = MAX_BYTES) -> str:
    with pytest.raises(LogRefused) as refused:
        decode(body, max_bytes)
    return refused.value.reason


def test_every_oddity_has_its_expectation() -> None:
    assert {path.name for path in LOGS.iterdir()} == {*EXPECTED, "expected.json"}


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_odd_log_is_taken_whole(name: str) -> None:
    log = decode((LOGS / name).read_bytes(), MAX_BYTES)

    assert len(log.records) == EXPECTED[name]["records"]
    assert log.extras is None or len(log.extras) == len(log.records)


@pytest.mark.parametrize("name", REFUSED)
def test_a_damaged_log_is_refused_by_name(name: str) -> None:
    expected = EXPECTED[name]

    reason = refusal((LOGS / name).read_bytes(), expected.get("max_object_size", MAX_BYTES))
    assert reason.startswith(REASONS.get(name, expected["why"].partition(":")[0]))


def test_a_log_truncated_at_any_byte_is_refused() -> None:
    body = log_bytes([record(1), record(2)])

    for length in range(len(body)):
        refusal(body[:length])


def test_two_members_truncated_at_any_byte_are_refused() -> None:
    text = json.dumps({"Records": [record(1)]}).encode()
    body = gzip.compress(text[:100]) + gzip.compress(text[100:])

    assert len(decode(body, MAX_BYTES).records) == 1
    for length in range(len(body)):
        refusal(body[:length])


def test_a_changed_byte_is_refused_or_changes_nothing() -> None:
    body = log_bytes([record(1)])
    whole = texts(decode(body, MAX_BYTES))

    refused = 0
    for position in range(len(body)):
        changed = bytearray(body)
        changed[position] ^= 0x55
        try:
            assert texts(decode(bytes(changed), MAX_BYTES)) == whole
        except LogRefused:
            refused += 1
    assert refused > len(body) - 10  # a gzip header holds a time and flags that mean nothing here


@pytest.mark.parametrize("garbage", [b"\0", b"\x1f", b"x", b"\x1f\x8b", b"\n", bytes(512)])
def test_whatever_follows_the_gzip_data_is_refused(garbage: bytes) -> None:
    refusal(log_bytes([record(1)]) + garbage)


@pytest.mark.parametrize("members", [1, 2, 3, 50])
def test_a_log_in_several_members_is_read_to_its_end(members: int) -> None:
    text = json.dumps({"Records": [record(n) for n in range(20)]}).encode()
    size = len(text) // members + 1
    body = b"".join(
        gzip.compress(text[start : start + size]) for start in range(0, len(text), size)
    )

    log = decode(body, MAX_BYTES)
    assert len(log.records) == 20
    assert log.json_bytes == len(text)


def test_the_checksum_is_of_the_decompressed_bytes_as_they_were() -> None:
    text = b'\xef\xbb\xbf{"Records": [ {} ]}\n'

    log = decode(gzip.compress(text), MAX_BYTES)
    assert (log.sha256, log.json_bytes) == (hashlib.sha256(text).hexdigest(), len(text))


def test_a_log_of_exactly_the_allowed_size_is_taken_and_a_byte_more_is_not() -> None:
    text = log_of("{}")

    for body in (text, gzip.compress(text), gzip.compress(text[:5]) + gzip.compress(text[5:])):
        assert len(decode(body, len(text)).records) == 1
        assert refusal(body, len(text) - 1).startswith("too large: decompresses to more than")


def bomb(size: int, ending: bytes) -> bytes:
    compress = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1024 * 1024)
    return b"".join(compress.compress(block) for _ in range(size >> 20)) + compress.flush() + ending


@pytest.mark.parametrize(
    "body",
    [
        bomb(64 << 20, b""),
        bomb(64 << 20, b"\0\0\0\0"),
        bomb(64 << 20, b"\xff\xff\xff\xff"),
        bomb(4 << 20, b"") * 16,
    ],
    ids=["whole", "says it is empty", "says it is 4 GiB", "in members"],
)
def test_a_bomb_is_refused_within_bounded_memory(body: bytes) -> None:
    limit = 2 * 1024 * 1024

    tracemalloc.start()
    try:
        assert refusal(body, limit).startswith("too large")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * limit


def test_a_record_in_shape_keeps_its_text() -> None:
    text = (
        '{ "eventName" : "A\\u003d/\\/b", '
        '"requestParameters": {"n": 1.50e+3,"big":12345678901234567890123} }'
    )

    log = decode(log_of(text), MAX_BYTES)
    assert (texts(log), log.extras) == ([text.encode()], None)


@pytest.mark.parametrize(
    "number",
    [
        "1e400",
        "-0",
        "-0.0",
        "1.688560107857E9",
        "12345678901234567890123",
        "0.1000000000000000000001",
    ],
)
def test_a_numbers_text_is_preserved_wherever_it_ends(number: str) -> None:
    text = (
        f'{{"eventID":"1","unknown":{number},"eventName":{number},"requestParameters":[{number}]}}'
    )

    log = decode(log_of(text), MAX_BYTES)
    assert texts(log) == [f'{{"eventID":"1","requestParameters":[{number}]}}'.encode()]
    assert log.extras == [f'{{"unknown":{number},"eventName":{number}}}'.encode()]


def test_a_record_out_of_shape_is_divided_and_its_neighbours_are_not() -> None:
    odd = (
        '{"eventID":"2","shoeSize":44.5,"readOnly":"yes","userIdentity":'
        '{"type":"Root","hat":{"a":null},"sessionContext":{"attributes":{"x":[]}}},"tlsDetails":"-"}'
    )

    log = decode(log_of(f'{{"eventID":"1"}},{odd}'), MAX_BYTES)
    assert texts(log)[0] == b'{"eventID":"1"}'
    assert json.loads(texts(log)[1]) == {
        "eventID": "2",
        "userIdentity": {"type": "Root", "sessionContext": {"attributes": {}}},
    }
    assert log.extras is not None
    assert log.extras[0] is None
    assert json.loads(log.extras[1] or b"") == {
        "shoeSize": 44.5,
        "readOnly": "yes",
        "userIdentity": {"hat": {"a": None}, "sessionContext": {"attributes": {"x": []}}},
        "tlsDetails": "-",
    }


def test_half_a_surrogate_pair_stays_an_escape_in_the_extra() -> None:
    log = decode(log_of(r'{"eventID":"1","userAgent":"cut \ud83d"},{"eventID":"2"}'), MAX_BYTES)

    assert [json.loads(text) for text in texts(log)] == [{"eventID": "1"}, {"eventID": "2"}]
    assert log.extras is not None
    assert log.extras[0] is not None
    assert rb"cut \ud83d" in log.extras[0]
    assert log.extras[1] is None


def test_a_whole_surrogate_pair_is_nothing_special() -> None:
    text = r'{"eventID":"1","userAgent":"\ud83d\ude00 \\ud83d"}'

    log = decode(log_of(text), MAX_BYTES)
    assert (texts(log), log.extras) == ([text.encode()], None)


@pytest.mark.parametrize("number", ["1e400", "0.1000000000000000000001", "12345678901234567890.5"])
def test_half_a_surrogate_pair_spoils_no_number_beside_it(number: str) -> None:
    odd = rf'{{"eventID":"1","userAgent":"\ud83d","requestParameters":{{"n":{number}}}}}'
    other = f'{{"eventID":"2","requestParameters":{{"n":{number}}},"unknown":{number}}}'

    log = decode(log_of(f"{odd},{other}"), MAX_BYTES)
    everything = b" ".join([*texts(log), *(extra or b"" for extra in log.extras or [])])
    assert everything.count(number.encode()) == 3


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_is_refused_beside_half_a_surrogate_pair_too(constant: str) -> None:
    text = rf'{{"eventID":"1","userAgent":"\ud83d","requestParameters":{{"n":{constant}}}}}'

    assert refusal(log_of(text)).startswith("not JSON")


@pytest.mark.parametrize("records", ["1", "null", '"x"', "[]", "true", "{},1"])
def test_a_record_that_is_no_object_refuses_the_log(records: str) -> None:
    position = 1 if records.startswith("{}") else 0

    assert refusal(log_of(records)) == f"Records[{position}] is not an object"


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_a_log_nested_beyond_reason_is_taken_or_refused_and_never_a_crash(depth: int) -> None:
    text = log_of('{"eventID":"1","requestParameters":' + "[" * depth + "]" * depth + "}")

    try:
        assert len(decode(text, MAX_BYTES).records) == 1
    except LogRefused as refused:
        assert "nested too deeply" in refused.reason  # noqa: PT017 (either is right)


def test_a_byte_order_mark_is_allowed_once() -> None:
    mark = b"\xef\xbb\xbf"

    assert len(decode(mark + log_of("{}"), MAX_BYTES).records) == 1
    assert "JSON" in refusal(mark + mark + log_of("{}"))


def test_members_beside_records_are_no_reason_to_refuse() -> None:
    assert len(decode(b'{"version":1,"Records":[{}],"more":[]}', MAX_BYTES).records) == 1


def test_white_space_before_the_document_is_allowed_however_long() -> None:
    assert len(decode(b" \n" * 1_000 + b'{"Records":[{}]}', 1 << 20).records) == 1
