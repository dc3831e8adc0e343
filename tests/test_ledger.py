from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analyzer import ledger
from analyzer.ledger import Outcome, Status, forget, read_ledger, write_ledger
from analyzer.listing import LogObject
from analyzer.local_lake import LocalLakeFiles
from tests.conftest import (
    NOW,
    asked,
    ingest_and_check,
    ledger_of,
    log_bytes,
    log_key,
    record,
    records_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import LogFolder


@pytest.fixture
def files(tmp_path: Path) -> LocalLakeFiles:
    return LocalLakeFiles(tmp_path)


def outcome(key: str, status: Status = Status.INGESTED, etag: str = "1") -> Outcome:
    log_object = LogObject(key, etag, 10, NOW, "STANDARD", False, None, None, None)  # noqa: FBT003
    part = "batch" if status is Status.INGESTED else None
    return Outcome(log_object, status, "why", part=part)


def test_every_object_that_was_listed_has_its_outcome(archive_lake: Path) -> None:
    rows = asked(archive_lake, "SELECT status, reason FROM objects")

    assert Counter(row["status"] for row in rows) == {"ingested": 67, "skipped": 8}
    assert {row["status"] for row in rows if row["reason"] is None} == {"ingested"}


def test_an_objects_row_says_all_that_is_known_of_it(log_folder: LogFolder, tmp_path: Path) -> None:
    body = log_bytes([record(1), record(1), record(2)])
    key = log_folder.put_bytes(log_key("1000"), body)

    ingest_and_check(tmp_path / "lake", log_folder.root)
    [row] = ledger_of(tmp_path / "lake").values()
    modified = datetime.fromtimestamp(int(Path(key).stat().st_mtime), UTC)
    [events] = tmp_path.glob("lake/events/*/*.parquet")
    assert row.pop("etag")
    assert len(row.pop("sha256")) == 64
    assert row.pop("last_modified") == modified.replace(tzinfo=None)
    assert row.pop("part") in events.name
    assert row == {
        "key": key,
        "size": len(body),
        "storage_class": "STANDARD",
        "account_id": "111122223333",
        "region": "us-east-1",
        "delivered_at": datetime(2023, 1, 5, 10, 0),  # noqa: DTZ001 (the ledger's are UTC)
        "status": "ingested",
        "reason": None,
        "records": 3,
        "duplicates": 1,
        "duplicate_of": [key],
        "retry": False,
        "ingested_at": NOW.replace(tzinfo=None),
    }


def test_a_log_without_records_is_empty_and_a_damaged_one_is_refused(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    log_folder.put(log_key("1000", "empty"), [])
    log_folder.put_bytes(log_key("1001", "damaged"), log_bytes([record(1)])[:-1])
    log_folder.put_bytes(log_key("1002", "nothing"), b"")

    summary = ingest_and_check(tmp_path / "lake", log_folder.root)
    rows = sorted((row["status"], row["reason"]) for row in ledger_of(tmp_path / "lake").values())
    assert rows == [
        ("empty", "a log without records"),
        ("refused", "0 bytes"),
        ("refused", "truncated gzip"),
    ]
    assert len(summary.tally.left_out) == 2
    assert records_of(tmp_path / "lake") == []


def test_an_earlier_version_is_forgotten_when_the_new_one_was_taken(files: LocalLakeFiles) -> None:
    parts = write_ledger(
        files, "a", [outcome("x"), outcome("y"), outcome("z", Status.REFUSED)], NOW
    )

    replacement = forget(files, parts, taken=["x", "z"], left_out=[])
    assert read_ledger(files, replacement.added)["key"].to_pylist() == ["y"]
    assert replacement.removed == {parts[0].path}
    assert replacement.batches == {"batch"}


def test_an_earlier_version_stays_when_the_new_one_could_not_be_taken(
    files: LocalLakeFiles,
) -> None:
    parts = write_ledger(files, "a", [outcome("x"), outcome("x", Status.REFUSED, "2")], NOW)

    replacement = forget(files, parts, taken=[], left_out=["x"])
    assert read_ledger(files, replacement.added)["status"].to_pylist() == ["ingested"]
    assert replacement.batches == frozenset()


def test_nothing_is_written_anew_for_keys_that_the_ledger_does_not_know(
    files: LocalLakeFiles,
) -> None:
    parts = write_ledger(files, "a", [outcome("x")], NOW)

    replacement = forget(files, parts, taken=["y"], left_out=["z"])
    assert (replacement.added, replacement.removed) == ((), frozenset())


def test_no_outcome_is_no_part(files: LocalLakeFiles) -> None:
    assert write_ledger(files, "a", [], NOW) == ()
    assert len(read_ledger(files, [])) == 0


def test_merging_many_small_parts_changes_no_row(
    files: LocalLakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "MERGED_AT_ONCE", 3)
    parts = [p for n in range(3) for p in write_ledger(files, f"{n}", [outcome(f"k{n}")], NOW)]

    assert ledger.merge(files, parts[:2], "merged", at_least=3) is None
    merged = ledger.merge(files, parts, "merged", at_least=3)
    assert merged is not None
    assert read_ledger(files, merged.added) == read_ledger(files, parts)
    assert merged.removed == {part.path for part in parts}


def test_a_large_part_is_not_written_anew_for_small_ones(
    files: LocalLakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "MERGED_AT_ONCE", 2)
    monkeypatch.setattr(ledger, "SMALL_PART_ROWS", 2)
    [large] = write_ledger(files, "large", [outcome("a"), outcome("b")], NOW)
    small = [p for n in range(2) for p in write_ledger(files, f"{n}", [outcome(f"k{n}")], NOW)]

    merged = ledger.merge(files, [large, *small], "merged", at_least=2)
    assert merged is not None
    assert large.path not in merged.removed


def test_a_lake_of_many_commits_has_few_ledger_parts_and_the_same_rows(
    log_folder: LogFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at_once: Callable[[int], None],
) -> None:
    for number in range(10):
        log_folder.put(log_key(f"10{number:02}"), [record(number), record(number // 2)])
    ingest_and_check(tmp_path / "one", log_folder.root)
    monkeypatch.setattr(ledger, "MERGED_AT_ONCE", 3)
    at_once(1)

    ingest_and_check(tmp_path / "two", log_folder.root)
    assert len(list((tmp_path / "two" / "objects").iterdir())) <= 3
    facts = "SELECT * EXCLUDE (part) FROM objects ORDER BY key"
    assert asked(tmp_path / "two", facts) == asked(tmp_path / "one", facts)
    assert records_of(tmp_path / "two") == records_of(tmp_path / "one")
