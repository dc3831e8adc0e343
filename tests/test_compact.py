from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analyzer import manifest
from analyzer.cli import run
from analyzer.compact import compact
from analyzer.errors import ExitCode, LakeError
from analyzer.local_lake import LocalLakeFiles
from analyzer.schema import EVENTS
from tests.conftest import asked, ingest_and_check, log_key, record, records_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import LogFolder


def quietly(_done: int, _total: int) -> None:
    pass


@pytest.fixture
def many_parts(archive: Path, tmp_path: Path, at_once: Callable[[int], None]) -> LocalLakeFiles:
    at_once(3)
    ingest_and_check(tmp_path / "lake", archive)
    return LocalLakeFiles(tmp_path / "lake")


def test_each_month_becomes_one_part_and_no_row_changes(
    many_parts: LocalLakeFiles, archive_lake: Path
) -> None:
    done = compact(many_parts, quietly)

    months = [part.path.split("/")[1] for part in manifest.read_lake(many_parts).events]
    assert len(months) == len(set(months)) == done.events_after.parts
    assert done.events_before.parts > done.events_after.parts
    assert done.events_after.bytes < done.events_before.bytes
    assert (done.objects_before.parts, done.objects_after.parts) > (1, 1)
    assert done.objects_after.parts == 1
    assert records_of(many_parts.root) == records_of(archive_lake)


def test_nothing_is_left_but_what_the_manifest_names(many_parts: LocalLakeFiles) -> None:
    compact(many_parts, quietly)

    files = {p.relative_to(many_parts.root).as_posix() for p in many_parts.root.rglob("*.parquet")}
    assert files == manifest.read_lake(many_parts).paths()


def test_a_compacted_lake_is_left_as_it_is(many_parts: LocalLakeFiles) -> None:
    compact(many_parts, quietly)
    before = manifest.read_lake(many_parts)

    done = compact(many_parts, quietly)
    assert manifest.read_lake(many_parts) == before
    assert done.events_before == done.events_after


def test_a_merged_part_has_the_schema_and_is_in_order(many_parts: LocalLakeFiles) -> None:
    compact(many_parts, quietly)

    for part in manifest.read_lake(many_parts).events:
        rows = pq.read_table(many_parts.full_path(part.path), partitioning=None)
        assert rows.schema.equals(EVENTS)
        keys = rows.select(["recipient_account_id", "aws_region", "event_time"])
        ordered = keys.sort_by([(name, "ascending") for name in keys.column_names])
        assert keys.equals(ordered)


def test_large_parts_are_left_and_no_more_is_merged_at_once_than_fits(
    many_parts: LocalLakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = sorted(part.bytes for part in manifest.read_lake(many_parts).events)
    monkeypatch.setattr("analyzer.compact.SMALL_BYTES", sizes[-1])
    monkeypatch.setattr("analyzer.compact.MERGED_BYTES", 3 * sizes[-1])

    compact(many_parts, quietly)
    after = manifest.read_lake(many_parts).events
    assert any(part.bytes == sizes[-1] and not part.merged for part in after)
    assert all(part.bytes < 4 * sizes[-1] for part in after)


def test_what_is_in_a_merged_part_is_still_known_for_a_copy_and_for_a_change(
    log_folder: LogFolder, tmp_path: Path, at_once: Callable[[int], None]
) -> None:
    at_once(1)
    lake = tmp_path / "lake"
    log_folder.put(log_key("1000", "a"), [record(1), record(2)])
    log_folder.put(log_key("1001", "b"), [record(3)])
    ingest_and_check(lake, log_folder.root)
    compact(LocalLakeFiles(lake), quietly)

    log_folder.put(log_key("1001", "b"), [record(4)])
    log_folder.put(log_key("1002", "c"), [record(1), record(5)])
    ingest_and_check(lake, log_folder.root)
    rows = asked(lake, "SELECT event_id, source_key[-9:-9] AS object FROM events ORDER BY ALL")
    assert [(row["event_id"], row["object"]) for row in rows] == [
        ("id-1", "a"),
        ("id-2", "a"),
        ("id-4", "b"),
        ("id-5", "c"),
    ]
    compact(LocalLakeFiles(lake), quietly)
    ingest_and_check(lake, log_folder.root)
    assert len(records_of(lake)) == 4


def test_compacting_what_is_no_lake_says_so_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="there is no lake here"):
        compact(LocalLakeFiles(tmp_path / "lake"), quietly)

    assert not (tmp_path / "lake").exists()


def test_the_command_says_what_the_lake_was_and_is(
    many_parts: LocalLakeFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compact", "--lake", str(many_parts.root)]) == ExitCode.DONE

    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(
        r"events: \d+ parts \([\d.]+ MB\) became \d+ parts \([\d.]+ MB\); "
        r"ledger: \d+ parts \([\d.]+ MB\) became 1 part \([\d.]+ MB\)\n",
        err,
    )


def test_the_command_says_so_where_there_was_nothing_to_merge(
    many_parts: LocalLakeFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["compact", "--lake", str(many_parts.root)])
    capsys.readouterr()

    assert run(["compact", "--lake", str(many_parts.root)]) == ExitCode.DONE
    said = capsys.readouterr().err
    assert said.startswith("nothing to merge: 17 parts ")
    assert "became" not in said


def test_ingest_compacts_at_the_end_when_it_is_asked_to(
    archive: Path, tmp_path: Path, at_once: Callable[[int], None]
) -> None:
    at_once(3)
    lake = tmp_path / "lake"

    run(["ingest", str(archive), "--lake", str(lake), "--workers", "1", "--quiet", "--compact"])
    months = [part.path.split("/")[1] for part in manifest.read_lake(LocalLakeFiles(lake)).events]
    assert len(months) == len(set(months))


def test_a_row_group_has_a_dictionary_of_its_own_values(
    many_parts: LocalLakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.compact.ROWS_IN_A_GROUP", 50)
    compact(many_parts, quietly)

    groups = 0
    for part in manifest.read_lake(many_parts).events:
        path = many_parts.full_path(part.path)
        with pq.ParquetFile(path, read_dictionary=["event_name"]) as stored:
            for group in range(stored.num_row_groups if part.merged else 0):
                [names] = stored.read_row_group(group, ["event_name"])["event_name"].chunks
                assert isinstance(names, pa.DictionaryArray)
                assert len(names.dictionary) == len(names.unique())
                groups += 1
    assert groups > 10
