from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import UsageError
from analyzer.ingest import IngestSettings
from analyzer.listing import Scope
from analyzer.preview import preview
from analyzer.progress import Silence
from analyzer.source import parse_source
from analyzer.store import S3Access
from tests.conftest import (
    MAX_BYTES,
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

    from analyzer.commit import Tally
    from tests.conftest import LogFolder


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def state_of(lake: Path) -> dict[str, tuple[int, int]]:
    """Return every file of a lake with its time and size."""
    return {
        str(path.relative_to(lake)): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in lake.rglob("*")
        if path.is_file()
    }


def month_counts(lake: Path) -> dict[str, int]:
    rows = asked(lake, "SELECT month, count(*) AS n FROM event_rows GROUP BY ALL")
    return {row["month"]: row["n"] for row in rows}


class Interruption(Silence):
    """Presses Ctrl-C after so many commits."""

    def __init__(self, commits: int) -> None:
        self._left = commits

    def committed(self, tally: Tally) -> None:
        """Count down."""
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt(tally.read)


def test_the_archive_is_in_the_lake_as_its_readme_counts_it(archive_lake: Path) -> None:
    [counts] = asked(
        archive_lake,
        "SELECT count(*) AS records, count(DISTINCT event_id) AS ids, "
        "count(*) FILTER (tls_version IN ('TLSv1', 'TLSv1.1')) AS legacy FROM events",
    )

    assert counts == {"records": 1_256, "ids": 1_255, "legacy": 167}


def test_running_again_changes_no_file_and_reads_no_object(archive: Path, tmp_path: Path) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    shutil.copytree(archive, source)
    ingest_and_check(lake, source)
    before = state_of(lake)
    for path in source.rglob("*.json*"):  # same size and time: only a reader would notice
        stat = path.stat()
        path.write_bytes(bytes(stat.st_size))
        path.touch()
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    summary = ingest_and_check(lake, source)
    assert state_of(lake) == before
    assert (summary.totals.to_read, summary.tally.records) == (0, 0)
    assert summary.left_out_before == 0


def test_new_objects_are_taken_and_nothing_else_is_read(log_folder: LogFolder, lake: Path) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    ingest_and_check(lake, log_folder.root)

    log_folder.put(log_key("0900"), [record(2)])
    log_folder.put(log_key("1001", region="eu-west-1"), [record(3)])
    summary = ingest_and_check(lake, log_folder.root)
    assert (summary.totals.to_read, summary.tally.read) == (2, 2)
    assert ids_of(lake) == ["id-1", "id-2", "id-3"]


@pytest.mark.parametrize("batch", [2, 30])
def test_batches_of_any_size_give_the_same_rows(
    archive: Path, archive_lake: Path, lake: Path, at_once: Callable[[int], None], batch: int
) -> None:
    at_once(batch)

    ingest_and_check(lake, archive)
    assert records_of(lake) == records_of(archive_lake)
    facts = "SELECT * EXCLUDE (part, duplicate_of) FROM objects ORDER BY key"
    assert asked(lake, facts) == asked(archive_lake, facts)


def test_two_workers_give_the_rows_of_one(
    archive: Path, archive_lake: Path, lake: Path, at_once: Callable[[int], None]
) -> None:
    at_once(15)

    ingest_and_check(lake, archive, workers=2)
    assert records_of(lake) == records_of(archive_lake)


def test_how_much_is_flattened_at_once_changes_no_row(
    archive: Path, archive_lake: Path, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.batch.FLATTENED_AT_ONCE", 200_000)

    ingest_and_check(lake, archive)
    assert records_of(lake) == records_of(archive_lake)


@pytest.mark.parametrize("commits", [1, 2, 4])
def test_an_interrupted_run_goes_on_where_it_ended(
    archive: Path, archive_lake: Path, lake: Path, at_once: Callable[[int], None], commits: int
) -> None:
    at_once(10)
    with pytest.raises(KeyboardInterrupt):
        ingest_and_check(lake, archive, watcher=Interruption(commits))
    halfway = len(records_of(lake))

    summary = ingest_and_check(lake, archive)
    assert 0 < halfway < 1_256
    assert summary.totals.to_read == 67 - 10 * commits
    assert records_of(lake) == records_of(archive_lake)


def test_an_interrupted_replacement_goes_on_where_it_ended(
    log_folder: LogFolder, lake: Path
) -> None:
    for minute in range(4):
        log_folder.put(log_key(f"10{minute:02}"), [record(minute), record(9)])
    ingest_and_check(lake, log_folder.root)
    for minute in range(4):
        log_folder.put(log_key(f"10{minute:02}"), [record(minute + 10)])
    with pytest.raises(KeyboardInterrupt):
        ingest_and_check(lake, log_folder.root, watcher=Interruption(1))

    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == ["id-10", "id-11", "id-12", "id-13"]


def test_records_land_in_the_month_of_the_event_however_late_they_came(
    log_folder: LogFolder, lake: Path
) -> None:
    log_folder.put(
        log_key("0003", day="2023/02/01"),
        [
            record(1, eventTime="2023-01-31T23:59:59Z"),
            record(2, eventTime="2023-02-01T00:00:00Z"),
            record(3, eventTime="2022-12-31T23:59:59Z"),
            record(4, eventTime=None),
        ],
    )

    ingest_and_check(lake, log_folder.root)
    assert month_counts(lake) == {"2022-12": 1, "2023-01": 1, "2023-02": 1, None: 1}
    folders = sorted(path.name for path in (lake / "events").iterdir())
    assert folders == [
        "month=2022-12",
        "month=2023-01",
        "month=2023-02",
        "month=__HIVE_DEFAULT_PARTITION__",
    ]


@pytest.mark.parametrize(
    "time", ["1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_times_at_the_ends_of_the_calendar_have_their_month(
    log_folder: LogFolder, lake: Path, time: str
) -> None:
    log_folder.put(log_key("1000"), [record(1, eventTime=time), record(2)])

    ingest_and_check(lake, log_folder.root)
    [row] = asked(lake, "SELECT month, event_time FROM event_rows WHERE event_id = 'id-1'")
    assert row["month"] in {None, time[:7]}


def test_until_brings_in_late_records_and_a_later_run_the_rest(
    log_folder: LogFolder, lake: Path
) -> None:
    log_folder.put(log_key("1200", day="2023/01/31"), [record(1)])
    log_folder.put(log_key("0005", day="2023/02/01"), [record(2)])
    log_folder.put(log_key("0005", day="2023/02/02"), [record(3)])

    ingest_and_check(lake, log_folder.root, Scope(until=utc("2023-02-01")))
    assert ids_of(lake) == ["id-1", "id-2"]
    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == ["id-1", "id-2", "id-3"]


def utc(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def test_an_account_with_a_leading_zero_stays_text(archive_lake: Path) -> None:
    rows = asked(archive_lake, "SELECT DISTINCT recipient_account_id AS a FROM events ORDER BY a")

    assert [row["a"] for row in rows if row["a"] is not None] == [
        "012345678901",
        "111122223333",
        "444455556666",
    ]


def test_a_damaged_object_keeps_no_other_out(log_folder: LogFolder, lake: Path) -> None:
    log_folder.put(log_key("1000", "A"), [record(1)])
    damaged = log_folder.put_bytes(log_key("1001", "B"), log_bytes([record(2)])[:-9])
    log_folder.put(log_key("1002", "C"), [record(3)])

    summary = ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == ["id-1", "id-3"]
    assert [outcome.log_object.key for outcome in summary.tally.left_out] == [damaged]


def test_a_bomb_is_refused_and_keeps_no_other_out(
    log_folder: LogFolder, lake: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.conftest.MAX_BYTES", 1024 * 1024)
    log_folder.put(log_key("1000"), [record(1)])
    bomb = (repository / "fixtures" / "logs" / "bomb.json.gz").read_bytes()
    log_folder.put_bytes(log_key("1001", "bomb"), bomb)

    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == ["id-1"]
    reasons = {row["reason"] for row in ledger_of(lake).values()}
    assert reasons == {None, "too large: decompresses to more than 1,048,576 bytes"}


def test_a_preview_reads_no_object_and_makes_no_lake(archive: Path, lake: Path) -> None:
    source = parse_source(str(archive), S3Access())

    plan = preview(IngestSettings(source, lake, Scope(), 1, MAX_BYTES), Silence()).estimate
    assert (plan["objects"], plan["to_read"], plan["skipped"]) == (75, 67, 8)
    assert not lake.exists()


@pytest.mark.parametrize("scope", [Scope(), Scope(accounts=("999999999999",))])
def test_a_source_without_logs_is_refused(archive: Path, lake: Path, scope: Scope) -> None:
    source = archive / "AWSLogs" / "111122223333" / "Config" if not scope.accounts else archive

    with pytest.raises(UsageError, match="no CloudTrail objects under"):
        ingest_and_check(lake, source, scope)


def test_days_without_logs_are_no_mistake(archive: Path, lake: Path) -> None:
    summary = ingest_and_check(lake, archive, Scope(since=utc("2030-01-01")))

    assert summary.totals.to_read == 0
    assert records_of(lake) == []
