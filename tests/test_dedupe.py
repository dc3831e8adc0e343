from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import LakeError
from tests.conftest import asked, ids_of, ingest_and_check, ledger_of, log_key, record, records_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Json, LogFolder


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def duplicates(lake: Path) -> dict[str, tuple[int, int, list[str]]]:
    """Return (records, duplicates, whose) by the unique part of an object's name."""
    return {
        name.partition("Z_")[2].partition(".")[0]: (
            row["records"],
            row["duplicates"],
            [key.partition("Z_")[2].partition(".")[0] for key in row["duplicate_of"]],
        )
        for name, row in ledger_of(lake).items()
    }


BATCHES = pytest.mark.parametrize("batch", [1, 2])


@BATCHES
def test_the_first_copy_in_the_order_of_delivery_is_kept(
    log_folder: LogFolder, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch)
    log_folder.put(log_key("1005", "late"), [record(1), record(3)])
    log_folder.put(log_key("1000", "early"), [record(1), record(2)])
    log_folder.put(log_key("1009", "last"), [record(2), record(1), record(4)])

    summary = ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == ["id-1", "id-2", "id-3", "id-4"]
    assert duplicates(lake) == {
        "early": (2, 0, []),
        "late": (2, 1, ["early"]),
        "last": (3, 2, ["early"]),
    }
    assert (summary.tally.records, summary.tally.duplicates) == (7, 3)


def test_copies_within_one_object_are_dropped_and_name_the_object_itself(
    log_folder: LogFolder, lake: Path
) -> None:
    log_folder.put(log_key("1000", "twice"), [record(1), record(2), record(1), record(1)])

    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == ["id-1", "id-2"]
    assert duplicates(lake) == {"twice": (4, 2, ["twice"])}


def test_copies_of_an_earlier_run_are_dropped_wherever_the_new_object_sorts(
    log_folder: LogFolder, lake: Path
) -> None:
    log_folder.put(log_key("1005", "first-run"), [record(1), record(2)])
    ingest_and_check(lake, log_folder.root)

    log_folder.put(log_key("1000", "before"), [record(1), record(3)])
    log_folder.put(log_key("1009", "after"), [record(2), record(3), record(4)])
    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == ["id-1", "id-2", "id-3", "id-4"]
    assert duplicates(lake) == {
        "first-run": (2, 0, []),
        "before": (2, 1, ["first-run"]),
        "after": (3, 2, ["before", "first-run"]),
    }


@BATCHES
def test_an_object_whose_every_record_is_a_copy_leaves_no_row(
    log_folder: LogFolder, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch)
    log_folder.put(log_key("1000", "one"), [record(1), record(2)])
    log_folder.put(log_key("1001", "two"), [record(2), record(1)])

    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == ["id-1", "id-2"]
    assert duplicates(lake)["two"] == (2, 2, ["one"])


def test_two_overlapping_trails_give_each_record_once(
    archive_lake: Path, distinct_records: list[Json]
) -> None:
    assert len(records_of(archive_lake)) == len(distinct_records) == 1_256

    [counts] = asked(
        archive_lake, "SELECT sum(duplicates)::INT d, sum(records)::INT r FROM objects"
    )
    assert counts == {"d": 165, "r": 1_421}


@pytest.mark.parametrize("batch", [2])
def test_one_trail_after_the_other_gives_the_same_records_as_both_at_once(
    archive: Path, archive_lake: Path, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch * 10)
    ingest_and_check(lake, archive / "org-trail")
    ingest_and_check(lake, archive / "AWSLogs")

    contents = "SELECT * EXCLUDE (source_key) FROM event_rows ORDER BY ALL"
    assert asked(lake, contents) == asked(archive_lake, contents)


@BATCHES
def test_the_same_id_with_another_content_is_another_record(
    log_folder: LogFolder, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch)
    log_folder.put(log_key("1000", "one"), [record(1), record(1, shoeSize=44)])
    log_folder.put(log_key("1001", "two"), [record(1, eventName="RunInstances"), record(1)])
    log_folder.put(log_key("1002", "three"), [record(1, tlsDetails={"tlsVersion": "TLSv1"})])

    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == ["id-1"] * 4
    assert duplicates(lake)["two"] == (2, 1, ["one"])


def test_the_same_id_at_another_time_is_another_record(log_folder: LogFolder, lake: Path) -> None:
    log_folder.put(log_key("1000"), [record(1), record(1, eventTime="2022-12-31T23:59:59Z")])

    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == ["id-1", "id-1"]


@BATCHES
@pytest.mark.parametrize("unknown", [{}, {"unknownField": {"a": "ä/="}}])
def test_the_same_content_in_other_words_is_the_same_record(
    log_folder: LogFolder,
    lake: Path,
    at_once: Callable[[int], None],
    batch: int,
    unknown: Json,
) -> None:
    at_once(batch)
    content = record(1, requestParameters={"name": "ä/="}, **unknown)
    pretty = json.dumps({"Records": [content]}, indent=2, ensure_ascii=False)
    escaped = json.dumps({"Records": [content]}).replace("=", r"\u003d").replace("/", r"\/")
    log_folder.put_bytes(log_key("1000", "pretty"), pretty.encode())
    log_folder.put_bytes(log_key("1001", "escaped"), escaped.encode())
    log_folder.put(log_key("1002", "plain"), [content])

    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == ["id-1"]
    assert duplicates(lake)["plain"] == (1, 1, ["pretty"])


@pytest.mark.parametrize("harm", ["gone", "damaged"])
def test_a_part_that_cannot_be_read_for_copies_makes_the_lake_unusable(
    log_folder: LogFolder, lake: Path, harm: str
) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    ingest_and_check(lake, log_folder.root)
    [part] = lake.glob("events/*/*.parquet")
    part.write_bytes(bytes(part.stat().st_size))
    if harm == "gone":
        part.unlink()

    log_folder.put(log_key("1001"), [record(1)])
    with pytest.raises(LakeError, match=r"the lake cannot be read: .*/part-"):
        ingest_and_check(lake, log_folder.root)


@BATCHES
def test_records_without_an_id_are_all_kept(
    log_folder: LogFolder, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch)
    without = record(1)
    del without["eventID"]
    log_folder.put(log_key("1000"), [without, without, record(2, eventID=None)])
    log_folder.put(log_key("1001"), [without, record(2, eventID=None)])

    ingest_and_check(lake, log_folder.root)
    assert len(records_of(lake)) == 5


@BATCHES
def test_copies_without_a_time_are_found_too(
    log_folder: LogFolder, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch)
    for minute, when in (("1000", None), ("1001", "never"), ("1002", None), ("1003", "never")):
        log_folder.put(log_key(minute), [record(1, eventTime=when)])

    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == ["id-1", "id-1"]


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("recent_rows", [1, 5])
def test_forgetting_recent_records_changes_no_row_and_no_count(  # noqa: PLR0913, PLR0917 (fixtures)
    log_folder: LogFolder,
    tmp_path: Path,
    at_once: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    batch: int,
    recent_rows: int,
) -> None:
    for number in range(12):
        numbers = {number, number // 2, number // 3, 5}
        log_folder.put(log_key(f"10{number:02}", f"n{number}"), [record(n) for n in numbers])
    ingest_and_check(tmp_path / "one", log_folder.root)
    at_once(batch)
    monkeypatch.setattr("analyzer.copies.RECENT_ROWS", recent_rows)

    ingest_and_check(tmp_path / "two", log_folder.root)
    assert records_of(tmp_path / "two") == records_of(tmp_path / "one")
    assert duplicates(tmp_path / "two") == duplicates(tmp_path / "one")


def test_a_copy_that_comes_when_nothing_near_came_for_a_while_is_dropped_all_the_same(
    log_folder: LogFolder,
    lake: Path,
    at_once: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_once(1)
    monkeypatch.setattr("analyzer.copies.BATCHES_APART", 1)
    log_folder.put(log_key("1000", "first"), [record(1)])
    log_folder.put(log_key("1001", "apart"), [record(2, eventTime="2023-01-05T05:00:00Z")])
    log_folder.put(log_key("1002", "again"), [record(1), record(3)])

    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == ["id-1", "id-2", "id-3"]
    assert duplicates(lake)["again"] == (2, 1, ["first"])


def test_a_copy_of_a_copy_names_an_object_that_keeps_the_record(
    log_folder: LogFolder, lake: Path, at_once: Callable[[int], None]
) -> None:
    at_once(1)
    log_folder.put(log_key("1000", "keeper"), [record(1)])
    ingest_and_check(lake, log_folder.root)

    log_folder.put(log_key("1001", "copy"), [record(1)])
    log_folder.put(log_key("1002", "copy-of-copy"), [record(1)])
    ingest_and_check(lake, log_folder.root)
    found = duplicates(lake)
    assert found["copy"] == found["copy-of-copy"] == (1, 1, ["keeper"])
