from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow.parquet as pq
import pytest

from analyzer import ledger
from analyzer.compact import compact
from analyzer.errors import LakeError
from analyzer.ledger import Outcome, Status, forget, read_ledger, write_ledger
from analyzer.listing import LogObject, Scope
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


def objects(*keys: str) -> list[LogObject]:
    return [outcome(key).log_object for key in keys]


def outcome_at(at: datetime | None, account_id: str | None = None) -> Outcome:
    key = f"{at:%H%M} {account_id}" if at else f"{account_id}"
    region = "us-east-1" if at else None
    log_object = LogObject(key, "1", 10, NOW, "STANDARD", False, account_id, region, at)  # noqa: FBT003
    return Outcome(log_object, Status.INGESTED)


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

    replacement = forget(files, parts, taken=objects("x", "z"), left_out=[])
    assert read_ledger(files, replacement.added)["key"].to_pylist() == ["y"]
    assert replacement.removed == {parts[0].path}
    assert replacement.batches == {"batch"}


def test_an_earlier_version_stays_when_the_new_one_could_not_be_taken(
    files: LocalLakeFiles,
) -> None:
    parts = write_ledger(files, "a", [outcome("x"), outcome("x", Status.REFUSED, "2")], NOW)

    replacement = forget(files, parts, taken=[], left_out=objects("x"))
    assert read_ledger(files, replacement.added)["status"].to_pylist() == ["ingested"]
    assert replacement.batches == frozenset()


def test_nothing_is_written_anew_for_keys_that_the_ledger_does_not_know(
    files: LocalLakeFiles,
) -> None:
    parts = write_ledger(files, "a", [outcome("x")], NOW)

    replacement = forget(files, parts, taken=objects("y"), left_out=objects("z"))
    assert (replacement.added, replacement.removed) == ((), frozenset())


def test_of_the_ledger_only_what_a_listing_of_the_scope_can_find_is_read(
    files: LocalLakeFiles,
) -> None:
    ten, day = datetime(2023, 1, 5, 10, 0, tzinfo=UTC), timedelta(days=1)
    outcomes = [outcome_at(ten, "111122223333"), outcome_at(ten + day, "444455556666")]
    unknown = outcome_at(None)
    parts = write_ledger(files, "a", [*outcomes, unknown], NOW)

    def found(**narrowed: Any) -> list[str]:  # noqa: ANN401
        wanted = ledger.in_scope(Scope(**narrowed))
        return [
            str(key)
            for rows in ledger.read_parts(files, parts, ["key"], wanted)
            for key in rows["key"].to_pylist()
        ]

    first, second, last = (each.log_object.key for each in [*outcomes, unknown])
    assert found() == [first, second, last]
    assert found(since=ten, until=ten + timedelta(minutes=1), late_days=0) == [first, last]
    assert found(since=ten + timedelta(seconds=59), late_days=0) == [first, second, last]
    assert found(since=ten + timedelta(minutes=2)) == [second, last]
    assert found(until=ten) == [first, second, last]
    assert found(accounts=("444455556666",)) == [second, last]
    assert found(regions=("eu-central-1",)) == [last] == found(accounts=("1",))


def test_a_group_of_rows_that_its_statistics_rule_out_is_not_read(
    files: LocalLakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "ROWS_IN_A_GROUP", 1)
    ten = datetime(2023, 1, 5, 10, 0, tzinfo=UTC)
    outcomes = [outcome_at(ten + timedelta(days=number), "1") for number in range(3)]
    [part] = write_ledger(files, "a", outcomes, NOW)
    spoilt = files.root / part.path
    [_, damaged, _] = [
        pq.ParquetFile(spoilt).metadata.row_group(number).column(0).data_page_offset
        for number in range(3)
    ]
    content = bytearray(spoilt.read_bytes())
    content[damaged : damaged + 8] = b"rubbish!"
    spoilt.write_bytes(content)

    wanted = ledger.in_scope(Scope(since=ten + timedelta(days=2)))
    [rows] = ledger.read_parts(files, [part], ["key"], wanted)
    assert rows["key"].to_pylist() == [outcomes[2].log_object.key]
    with pytest.raises(LakeError, match="is damaged"):
        list(ledger.read_parts(files, [part], ["key"]))


def test_the_versions_that_are_in_the_lake_are_found_among_all_parts(
    files: LocalLakeFiles,
) -> None:
    rows = [outcome("x"), outcome("x", Status.REFUSED, "2"), outcome("y")]
    parts = [p for n, row in enumerate(rows) for p in write_ledger(files, f"{n}", [row], NOW)]

    [(version, row)] = ledger.taken_before(files, parts, objects("x", "z")).items()
    assert version == ("x", None)
    assert row["part"] == "batch"


def test_of_the_ledger_only_rows_with_duplicates_are_asked_who_leans_on_whom(
    files: LocalLakeFiles,
) -> None:
    leaning = msgspec.structs.replace(outcome("x"), duplicates=1, duplicate_of=("y",))
    parts = write_ledger(files, "a", [leaning, outcome("y")], NOW)

    assert ledger.with_duplicates(files, parts)["key"].to_pylist() == ["x"]
    assert len(ledger.with_duplicates(files, [])) == 0


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


def test_small_parts_are_merged_into_whole_groups_of_rows_in_their_order(
    files: LocalLakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "ROWS_IN_A_GROUP", 3)
    monkeypatch.setattr(ledger, "ROWS_DECODED_AT_ONCE", 2)
    of_part = [[outcome(f"{part}{number}") for number in range(5)] for part in "abc"]
    parts = [p for n, rows in enumerate(of_part) for p in write_ledger(files, f"{n}", rows, NOW)]

    merged = ledger.merge(files, parts, "merged", at_least=2)
    assert merged is not None
    [part] = merged.added
    stored = pq.read_metadata(files.root / part.path)
    assert [stored.row_group(n).num_rows for n in range(stored.num_row_groups)] == [3] * 5
    assert read_ledger(files, merged.added) == read_ledger(files, parts)
    assert part.rows == sum(map(len, of_part))


def test_a_ledger_part_that_is_gone_is_missed_before_anything_is_written(
    files: LocalLakeFiles,
) -> None:
    parts = [p for n in range(2) for p in write_ledger(files, f"{n}", [outcome(f"k{n}")], NOW)]
    (files.root / parts[1].path).unlink()

    with pytest.raises(FileNotFoundError, match=parts[1].path):
        ledger.merge(files, parts, "merged", at_least=2)
    assert files.names("objects", "*") == [parts[0].path]


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


@pytest.mark.parametrize("writing", ["ingest", "compact"])
@pytest.mark.parametrize(("harm", "why"), [("gone", "a part is gone"), ("damaged", "is damaged")])
def test_a_part_that_cannot_be_read_is_named_and_nothing_is_written(
    log_folder: LogFolder, tmp_path: Path, writing: str, harm: str, why: str
) -> None:
    lake = tmp_path / "lake"
    for month in (1, 2):  # so that of the events nothing is to be merged
        log = [record(month, eventTime=f"2023-0{month}-05T00:00:00Z")]
        log_folder.put(log_key(f"100{month}"), log)
        ingest_and_check(lake, log_folder.root)
    files = LocalLakeFiles(lake)
    [part, _] = sorted(lake.glob("objects/*.parquet"))
    part.write_bytes(bytes(part.stat().st_size))
    if harm == "gone":
        part.unlink()
    before = files.names("commits", "*")

    with pytest.raises(LakeError, match=rf"part-.*{why}"):
        compact(files, lambda *_: None) if writing == "compact" else ingest_and_check(
            lake, log_folder.root
        )
    assert files.names("commits", "*") == before
