"""Objects that change after they were ingested. CloudTrail changes none; people do."""

from __future__ import annotations

import json
import os
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.conftest import (
    asked,
    ids_of,
    ingest_and_check,
    ledger_of,
    log_bytes,
    log_key,
    record,
    records_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Json, LogFolder

A = log_key("1010", "A")
B = log_key("1020", "B")
C = log_key("1030", "C")
N = log_key("1000", "N")

BATCHES = pytest.mark.parametrize("batch", [1, 1_000])


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def numbers(*wanted: int) -> list[str]:
    return [f"id-{number}" for number in sorted(wanted, key=str)]


def some(*wanted: int) -> list[Json]:
    return [record(number) for number in wanted]


def statuses(lake: Path) -> list[tuple[str, str]]:
    rows = asked(lake, "SELECT key, status FROM objects ORDER BY ALL")
    return [(row["key"].partition("Z_")[2][0], row["status"]) for row in rows]


@BATCHES
def test_a_changed_object_replaces_its_rows(
    log_folder: LogFolder, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch)
    log_folder.put_all({A: some(1, 2), B: some(3)})
    ingest_and_check(lake, log_folder.root)

    log_folder.put(A, some(2, 4, 5))
    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == numbers(2, 3, 4, 5)
    assert statuses(lake) == [("A", "ingested"), ("B", "ingested")]


@BATCHES
def test_a_record_that_the_changed_object_no_longer_holds_is_given_back_to_who_shared_it(
    log_folder: LogFolder, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch)
    log_folder.put_all({A: some(1, 2), B: some(2, 3), C: some(2)})
    ingest_and_check(lake, log_folder.root)

    log_folder.put(A, some(1))
    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == numbers(1, 2, 3)
    [row] = asked(lake, "SELECT source_key FROM events WHERE event_id = 'id-2'")
    assert row["source_key"].endswith(B)


@BATCHES
def test_an_object_that_shares_records_with_two_changed_ones_gets_all_of_them_back(
    log_folder: LogFolder, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch)
    log_folder.put_all({A: some(1, 11), B: some(2, 12), C: some(1, 2, 3)})
    ingest_and_check(lake, log_folder.root)

    log_folder.put_all({A: some(11), B: some(12)})
    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == numbers(1, 11, 12, 2, 3)


@BATCHES
def test_a_new_object_keeps_the_record_that_a_changed_one_loses_in_the_same_run(
    log_folder: LogFolder, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch)
    log_folder.put(A, some(1, 5))
    ingest_and_check(lake, log_folder.root)

    log_folder.put_all({N: some(1), A: some(5), C: some(1)})
    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == numbers(1, 5)


@BATCHES
def test_objects_that_change_together_lose_nothing_to_each_other(
    log_folder: LogFolder, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch)
    log_folder.put_all({A: some(1, 2), B: some(1, 2), C: some(1, 2)})
    ingest_and_check(lake, log_folder.root)

    log_folder.put_all({A: some(3), B: some(1), C: some(2)})
    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == numbers(1, 2, 3)


def test_a_changed_object_without_records_gives_all_of_them_back(
    log_folder: LogFolder, lake: Path
) -> None:
    log_folder.put_all({A: some(1, 2), B: some(2)})
    ingest_and_check(lake, log_folder.root)

    log_folder.put(A, [])
    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == numbers(2)
    assert statuses(lake) == [("A", "empty"), ("B", "ingested")]


@BATCHES
def test_what_an_object_in_between_gives_up_goes_to_the_one_after_it(
    log_folder: LogFolder, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch)
    log_folder.put_all({A: some(1, 2), B: some(2, 3), C: some(3, 4)})
    ingest_and_check(lake, log_folder.root)

    log_folder.put_all({A: some(1), B: some(2)})
    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == numbers(1, 2, 3, 4)


@BATCHES
def test_a_changed_object_has_no_second_copy_of_what_stood_beside_it(
    log_folder: LogFolder, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch)
    log_folder.put_all({A: some(1, 2), B: some(3)})
    ingest_and_check(lake, log_folder.root)

    log_folder.put(A, some(2, 3))
    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == numbers(2, 3)


@BATCHES
def test_a_changed_object_that_is_now_damaged_keeps_its_old_rows_and_is_named(
    log_folder: LogFolder, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch)
    log_folder.put_all({A: some(1, 2), B: some(2, 3)})
    ingest_and_check(lake, log_folder.root)
    before = records_of(lake)

    key = log_folder.put_bytes(A, log_bytes(some(1, 2, 4))[:-3])
    summary = ingest_and_check(lake, log_folder.root)
    assert records_of(lake) == before
    assert [(o.log_object.key, o.reason) for o in summary.tally.left_out] == [
        (key, "truncated gzip")
    ]
    assert statuses(lake) == [("A", "ingested"), ("A", "refused"), ("B", "ingested")]
    assert ingest_and_check(lake, log_folder.root).left_out_before == 1

    log_folder.put(A, some(4))
    assert ingest_and_check(lake, log_folder.root).left_out_before == 0
    assert ids_of(lake) == numbers(2, 3, 4)
    assert statuses(lake) == [("A", "ingested"), ("B", "ingested")]


@BATCHES
def test_a_refused_object_that_was_repaired_is_taken(
    log_folder: LogFolder, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch)
    log_folder.put_bytes(A, b"")
    log_folder.put(B, some(1))
    ingest_and_check(lake, log_folder.root)
    assert statuses(lake) == [("A", "refused"), ("B", "ingested")]

    log_folder.put(A, some(1, 2))
    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == numbers(1, 2)
    assert statuses(lake) == [("A", "ingested"), ("B", "ingested")]


def test_a_copy_of_the_archive_with_other_times_changes_no_row(
    log_folder: LogFolder, lake: Path
) -> None:
    keys = [log_folder.put(A, some(1, 2)), log_folder.put(B, some(2, 3))]
    ingest_and_check(lake, log_folder.root)
    before = records_of(lake)

    for key in keys:
        os.utime(key, (0, 0))
    ingest_and_check(lake, log_folder.root)
    assert records_of(lake) == before
    assert statuses(lake) == [("A", "ingested"), ("B", "ingested")]
    assert ledger_of(lake)[B.rpartition("/")[2]]["duplicates"] == 1


def test_an_object_that_is_written_in_other_words_keeps_its_rows(
    log_folder: LogFolder, lake: Path
) -> None:
    log_folder.put_all({A: some(1, 2), B: some(2, 3)})
    ingest_and_check(lake, log_folder.root)
    contents = "SELECT * EXCLUDE (source_key) FROM event_rows ORDER BY ALL"
    before = asked(lake, contents)

    log_folder.put_bytes(A, json.dumps({"Records": some(1, 2)}, indent=1).encode())
    ingest_and_check(lake, log_folder.root)
    assert asked(lake, contents) == before


def test_records_are_not_given_up_while_who_shared_them_cannot_be_read(
    log_folder: LogFolder, lake: Path
) -> None:
    log_folder.put_all({A: some(1, 2), B: some(2, 3)})
    ingest_and_check(lake, log_folder.root)
    before = records_of(lake)

    log_folder.put(A, some(1, 4))
    log_folder.delete(B)
    summary = ingest_and_check(lake, log_folder.root)
    assert records_of(lake) == before
    [left_out] = summary.tally.left_out
    assert left_out.log_object.key.endswith(A)
    assert "keeps its old records" in str(left_out.reason)

    log_folder.put(B, some(2, 3))
    assert ingest_and_check(lake, log_folder.root).tally.left_out == []
    assert ids_of(lake) == numbers(1, 2, 3, 4)


def test_a_gone_object_keeps_its_rows(log_folder: LogFolder, lake: Path) -> None:
    log_folder.put_all({A: some(1, 2), B: some(2, 3)})
    ingest_and_check(lake, log_folder.root)
    before = records_of(lake)

    log_folder.delete(A)
    ingest_and_check(lake, log_folder.root)
    assert records_of(lake) == before


def test_a_new_object_with_two_copies_of_a_record_of_the_lake_names_who_keeps_it(
    log_folder: LogFolder, lake: Path
) -> None:
    log_folder.put(A, some(3))
    ingest_and_check(lake, log_folder.root)

    log_folder.put(B, some(3, 3))
    ingest_and_check(lake, log_folder.root)
    row = ledger_of(lake)[B.rpartition("/")[2]]
    assert (row["duplicates"], row["duplicate_of"]) == (2, [str(log_folder.root / A)])


@BATCHES
@pytest.mark.parametrize("seed", range(2))
def test_whatever_changes_the_lake_holds_what_its_objects_last_held(  # noqa: PLR0913, PLR0917 (fixtures)
    log_folder: LogFolder,
    lake: Path,
    at_once: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    batch: int,
    seed: int,
) -> None:
    at_once(batch)
    monkeypatch.setattr("analyzer.copies.RECENT_ROWS", 5)
    monkeypatch.setattr("analyzer.ledger.MERGED_AT_ONCE", 4)
    random = Random(f"{seed}/{batch}")  # noqa: S311 (repeatable, not secret)
    held: dict[str, set[int]] = {}

    for _ in range(4):
        for minute in random.sample(range(8), k=random.randint(1, 4)):
            key = log_key(f"10{minute:02}", f"n{minute}")
            content = random.choices(range(6), k=random.randint(0, 4))
            if key not in held and random.random() < 0.2:
                log_folder.put_bytes(key, log_bytes(some(*content))[:-1])
            else:
                log_folder.put(key, some(*content))
                held[key] = set(content)
        ingest_and_check(lake, log_folder.root)
        assert ids_of(lake) == numbers(*set[int]().union(*held.values()))
