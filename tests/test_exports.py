"""Exports of CloudWatch Logs and downloads of Event history go into the same lake."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from analyzer.decode import decode
from analyzer.errors import LogRefused
from analyzer.exports import as_log, is_export, record_texts
from analyzer.layout import Place, describe_object
from analyzer.listing import Scope
from tests.conftest import MAX_BYTES, asked, ids_of, ingest_and_check, ledger_of, log_key, record

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Json, LogFolder

TASK = "exportedlogs/4b7a0f2e-1111-2222-3333-444455556666"
STREAM = f"{TASK}/111122223333_CloudTrail_us-east-1"


def exported(*records: Json) -> bytes:
    """Return an export as CloudWatch Logs writes it: compact JSON, each after its time."""
    lines = (f"2023-01-05T10:0{n}:00.123Z {compact(each)}" for n, each in enumerate(records))
    return ("\n".join(lines) + "\n").encode()


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


# ---------------------------------------------------------------- lines


def test_each_line_is_a_record_without_its_time() -> None:
    text = exported(record(1, userAgent='a } {\n" b'), record(2))

    assert is_export(text)
    assert [json.loads(each) for each in record_texts(text)] == [
        record(1, userAgent='a } {\n" b'),
        record(2),
    ]
    assert json.loads(as_log(text)) == {"Records": [json.loads(x) for x in record_texts(text)]}


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
def test_lines_end_as_they_like(end: bytes) -> None:
    text = exported(record(1), record(2)).replace(b"\n", end or b"\n").removesuffix(b"\n")

    assert len(record_texts(text)) == 2


@pytest.mark.parametrize(
    "text",
    [
        b'{"Records":[]}',
        b"",
        b'{"eventVersion":"1.08"}',
        b"2023-01-05T10:00:00Z START of a Lambda function",
        b"2023-01-05 {}",
        b'["2023-01-05T10:00:00Z {}"]',
    ],
)
def test_other_texts_are_no_exports(text: bytes) -> None:
    assert not is_export(text)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (exported(record(1), record(2))[:-9], "line 2 is no exported event"),
        (exported(record(1)) + b"and so on", "line 2 is no exported event"),
    ],
)
def test_an_export_is_taken_whole_or_refused(body: bytes, reason: str) -> None:
    with pytest.raises(LogRefused) as refused:
        decode(gzip.compress(body), MAX_BYTES)

    assert refused.value.reason.startswith(reason)


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("key", "place"),
    [
        (f"{STREAM}/000000.gz", Place("111122223333", "us-east-1")),
        (f"{STREAM}_3/000012.gz", Place("111122223333", "us-east-1")),
        (
            f"{TASK}/111122223333_CloudTrail_us-gov-west-1/000000.gz",
            Place("111122223333", "us-gov-west-1"),
        ),
        (
            f"{TASK}/2023-01-05-[$LATEST]0f/000000.gz",
            Place(skipped="not exported from a CloudTrail log stream: 2023-01-05-[$LATEST]0f"),
        ),
        (
            "exportedlogs/aws-logs-write-test",
            Place(skipped="not a log: its name ends in neither .json.gz nor .json"),
        ),
        ("event_history.json", Place()),
    ],
)
def test_a_key_says_which_log_stream_it_was_exported_from(key: str, place: Place) -> None:
    assert describe_object(key) == place


# ---------------------------------------------------------------- the lake


def test_trail_export_and_event_history_give_each_record_once(
    tmp_path: Path, log_folder: LogFolder
) -> None:
    one = record(
        1, requestParameters={"bucketName": "ä", "n": 1.50}, tlsDetails={"tlsVersion": "TLSv1"}
    )
    two, three = record(2, brandNew={"a": 1}), record(3)
    log_folder.put(log_key("1000"), [one, two])
    log_folder.put_bytes(f"{STREAM}/000000.gz", gzip.compress(exported(two, three)))
    log_folder.put_bytes(f"{TASK}/other-stream/000000.gz", gzip.compress(b"2023 some log line"))
    log_folder.put_bytes("exportedlogs/aws-logs-write-test", b"Permission Check Successful")
    history = json.dumps({"Records": [three, one]}, indent=2, ensure_ascii=False)
    log_folder.put_bytes("event_history.json", history.encode())

    ingest_and_check(tmp_path / "lake", log_folder.root)
    assert ids_of(tmp_path / "lake") == ["id-1", "id-2", "id-3"]
    assert asked(
        tmp_path / "lake",
        "SELECT status, count(*)::INT AS objects, sum(duplicates)::INT AS duplicates FROM objects "
        "GROUP BY status ORDER BY status",
    ) == [
        {"status": "ingested", "objects": 3, "duplicates": 3},
        {"status": "skipped", "objects": 2, "duplicates": 0},
    ]


def test_an_export_is_ingested_once(tmp_path: Path, log_folder: LogFolder) -> None:
    log_folder.put_bytes(f"{STREAM}/000000.gz", gzip.compress(exported(record(1))))
    ingest_and_check(tmp_path / "lake", log_folder.root / "exportedlogs")

    again = ingest_and_check(tmp_path / "lake", log_folder.root / "exportedlogs")
    assert again.tally.statuses == {}
    [row] = ledger_of(tmp_path / "lake").values()
    assert (row["account_id"], row["region"], row["records"]) == ("111122223333", "us-east-1", 1)


def test_exports_are_narrowed_down_by_account_and_region(
    tmp_path: Path, log_folder: LogFolder
) -> None:
    log_folder.put_bytes(f"{STREAM}/000000.gz", gzip.compress(exported(record(1))))
    other = f"{TASK}/444455556666_CloudTrail_eu-west-1/000000.gz"
    log_folder.put_bytes(other, gzip.compress(exported(record(2))))

    ingest_and_check(tmp_path / "lake", log_folder.root, Scope(regions=("eu-west-1",)))
    assert ids_of(tmp_path / "lake") == ["id-2"]
