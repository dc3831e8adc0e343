from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
import zlib
from pathlib import Path

import pytest

from analyzer.decode import LogText, decode
from analyzer.errors import LogRefused
from analyzer.flatten import Flattener
from tests.conftest import MAX_BYTES, Json, log_bytes, record

LOGS = Path(__file__).parent.parent / "fixtures" / "logs"
EXPECTED: dict[str, Json] = json.loads((LOGS / "expected.json").read_text(encoding="utf-8"))
ACCEPTED = sorted(name for name, what in EXPECTED.items() if what["accepted"])
REFUSED = sorted(name for name, what in EXPECTED.items() if not what["accepted"])

# What the fixture knows of itself, and decode cannot.
REASONS = {"not_gzip.json.gz": "neither gzip nor "}


def taken(body: bytes, max_bytes: int = MAX_BYTES) -> tuple[LogText, int]:
    """Decode and flatten a log; return its text and how many records it has."""
    log = decode(body, max_bytes)
    return log, Flattener().take("key", log.text)


def log_of(record_text: str) -> bytes:
    return f'{{"Records":[{record_text}]}}'.encode()


def refusal(body: bytes, max_bytes: int = MAX_BYTES) -> str:
    with pytest.raises(LogRefused) as refused:
        taken(body, max_bytes)
    return refused.value.reason


def test_every_oddity_has_its_expectation() -> None:
    assert {path.name for path in LOGS.iterdir()} == {*EXPECTED, "expected.json"}


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_odd_log_is_taken_whole(name: str) -> None:
    _, records = taken((LOGS / name).read_bytes())

    assert records == EXPECTED[name]["records"]


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

    assert taken(body)[1] == 1
    for length in range(len(body)):
        refusal(body[:length])


def test_a_changed_byte_is_refused_or_changes_nothing() -> None:
    body = log_bytes([record(1)])
    whole = decode(body, MAX_BYTES).text

    refused = 0
    for position in range(len(body)):
        changed = bytearray(body)
        changed[position] ^= 0x55
        try:
            assert taken(bytes(changed))[0].text == whole
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

    log, records = taken(body)
    assert records == 20
    assert log.json_bytes == len(text)


def test_the_checksum_is_of_the_decompressed_bytes_as_they_were() -> None:
    text = b'\xef\xbb\xbf{"Records": [ {} ]}\n'

    log = decode(gzip.compress(text), MAX_BYTES)
    assert (log.sha256, log.json_bytes) == (hashlib.sha256(text).hexdigest(), len(text))


def test_a_log_of_exactly_the_allowed_size_is_taken_and_a_byte_more_is_not() -> None:
    text = log_of("{}")

    for body in (text, gzip.compress(text), gzip.compress(text[:5]) + gzip.compress(text[5:])):
        assert taken(body, len(text))[1] == 1
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


@pytest.mark.parametrize("records", ["1", "null", '"x"', "[]", "true", "{},1"])
def test_a_record_that_is_no_object_refuses_the_log(records: str) -> None:
    position = 1 if records.startswith("{}") else 0

    assert refusal(log_of(records)) == f"Records[{position}] is not an object"


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_a_log_nested_beyond_reason_is_taken_or_refused_and_never_a_crash(depth: int) -> None:
    text = log_of('{"eventID":"1","requestParameters":' + "[" * depth + "]" * depth + "}")

    try:
        assert taken(text)[1] == 1
    except LogRefused as refused:
        assert "nested too deeply" in refused.reason  # noqa: PT017 (either is right)


def test_a_byte_order_mark_is_allowed_once() -> None:
    mark = b"\xef\xbb\xbf"

    assert taken(mark + log_of("{}"))[1] == 1
    assert "JSON" in refusal(mark + mark + log_of("{}"))


def test_members_beside_records_are_no_reason_to_refuse() -> None:
    assert taken(b'{"version":1,"Records":[{}],"more":[]}')[1] == 1


def test_white_space_before_the_document_is_allowed_however_long() -> None:
    assert taken(b" \n" * 1_000 + b'{"Records":[{}]}')[1] == 1
