from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from analyzer import checkpoint
from analyzer.checkpoint import Checkpoint
from analyzer.ingest import IngestSettings, ingest
from analyzer.listing import Listing, Scope, in_tables
from analyzer.local_lake import LocalLakeFiles
from analyzer.local_store import LocalStore
from analyzer.progress import Silence
from analyzer.source import parse_source
from analyzer.store import S3Access
from tests import PATIENCE
from tests.conftest import NOW, ids_of, ingest_and_check, log_key, record

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.store import Page, Stretch
    from tests.conftest import LogFolder

DAYS = [f"2023/01/{day:02}" for day in range(1, 9)]

KILLED_WHILE_LISTING = """
import os, sys
from analyzer import checkpoint, listing
from analyzer.cli import run
from analyzer.local_store import LocalStore

checkpoint.ROWS_HELD = listing.LISTED_AT_ONCE = 1
page, pages = LocalStore.page, iter(range(6))

def page_or_death(self, stretch):
    if next(pages, None) is None:
        os.kill(os.getpid(), 9)
    return page(self, stretch)

LocalStore.page = page_or_death
run(["ingest", *sys.argv[1:]])
"""


@pytest.fixture
def eight_days(log_folder: LogFolder) -> Path:
    """A log a day, each day in a folder of its own."""
    for number, day in enumerate(DAYS):
        log_folder.put(log_key("1000", day=day), [record(number)])
    return log_folder.root


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The prefixes that are listed from now on."""
    prefixes: list[str] = []
    page = LocalStore.page

    def noted(self: LocalStore, stretch: Stretch) -> Page:
        prefixes.append(stretch.prefix)
        return page(self, stretch)

    monkeypatch.setattr(LocalStore, "page", noted)
    return prefixes


def killed(lake: Path, source: Path) -> None:
    """Ingest, and be killed with three days listed."""
    command = [sys.executable, "-c", KILLED_WHILE_LISTING, str(source), "--lake", str(lake)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == -signal.SIGKILL, done.stderr


def always() -> bool:
    """Nothing was denied."""
    return True


def days_in(prefixes: list[str]) -> set[str]:
    return {prefix.rstrip("/")[-10:] for prefix in prefixes} & set(DAYS)


def test_a_listing_that_was_killed_goes_on_where_it_was(
    tmp_path: Path, eight_days: Path, asked_for: list[str]
) -> None:
    killed(tmp_path / "lake", eight_days)

    summary = ingest_and_check(tmp_path / "lake", eight_days)

    assert len(days_in(asked_for)) == 5
    assert summary.totals.listed == 8
    assert ids_of(tmp_path / "lake") == [f"id-{number}" for number in range(8)]
    assert not list((tmp_path / "lake" / "listing").iterdir())


def test_a_listing_of_something_else_starts_anew(
    tmp_path: Path, eight_days: Path, asked_for: list[str]
) -> None:
    killed(tmp_path / "lake", eight_days)

    narrower = Scope(regions=("us-east-1",))
    summary = ingest_and_check(tmp_path / "lake", eight_days, narrower)

    assert len(days_in(asked_for)) == 8
    assert summary.totals.listed == 8


def test_a_listing_of_the_day_before_starts_anew(
    tmp_path: Path, eight_days: Path, asked_for: list[str]
) -> None:
    killed(tmp_path / "lake", eight_days)
    settings = IngestSettings(
        parse_source(str(eight_days), S3Access()), tmp_path / "lake", Scope(), 1, 1 << 20
    )

    tomorrow = datetime.now(UTC) + timedelta(days=1, minutes=1)
    ingest(settings, Silence(), lambda: tomorrow)

    assert len(days_in(asked_for)) == 8


def test_a_whole_listing_is_not_done_again_when_the_reading_was_interrupted(
    tmp_path: Path, eight_days: Path, monkeypatch: pytest.MonkeyPatch, asked_for: list[str]
) -> None:
    monkeypatch.setattr("analyzer.checkpoint.ROWS_HELD", 3)
    monkeypatch.setattr("analyzer.listing.LISTED_AT_ONCE", 1)

    with monkeypatch.context() as patch:
        patch.setattr("analyzer.ingest.read_and_write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ingest_and_check(tmp_path / "lake", eight_days)
    asked_for.clear()

    assert ingest_and_check(tmp_path / "lake", eight_days).totals.listed == 8
    assert asked_for == []


def test_a_short_listing_is_not_kept(tmp_path: Path, eight_days: Path) -> None:
    files = LocalLakeFiles(tmp_path / "lake")
    kept = Checkpoint(files, str(eight_days), Scope(), NOW)
    listing = Listing(LocalStore(f"{eight_days}/"), "", Scope())

    assert sum(map(len, kept.keeping(in_tables(listing, lambda _: None), listing, always))) == 8
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize(("bound", "reached"), [("ROWS_HELD", 1), ("SECONDS_BETWEEN", -1)])
def test_what_is_kept_is_what_was_listed_and_what_is_left(
    tmp_path: Path, eight_days: Path, monkeypatch: pytest.MonkeyPatch, bound: str, reached: int
) -> None:
    monkeypatch.setattr(checkpoint, bound, reached)
    monkeypatch.setattr("analyzer.listing.LISTED_AT_ONCE", 1)
    files = LocalLakeFiles(tmp_path / "lake")
    store = LocalStore(f"{eight_days}/")
    listing = Listing(store, "", Scope())
    kept = Checkpoint(files, "x", Scope(), NOW).keeping(
        in_tables(listing, lambda _: None), listing, always
    )
    first = [next(kept) for _ in range(3)]

    again = Checkpoint(files, "x", Scope(), NOW)
    rest = Listing(store, "", Scope(), left=again.left)

    found = list(again.found())
    assert found == first
    assert again.rows == 3
    assert len([row for rows in rest for row in rows]) == 5
    checkpoint.forget(files)
    assert Checkpoint(files, "x", Scope(), NOW).left is None


def keep_some(lake: Path, source: Path, at: datetime, count: int) -> None:
    """List until so many objects more are kept, and go no further."""
    store = LocalStore(f"{source}/")
    kept = Checkpoint(LocalLakeFiles(lake), "x", Scope(), at)
    listing = Listing(store, "", Scope(), left=kept.left)
    tables = kept.keeping(in_tables(listing, lambda _: None), listing, always)
    for _ in range(kept.rows + count):
        next(tables)


def test_a_listing_that_is_gone_on_with_is_as_old_as_its_beginning(
    tmp_path: Path, eight_days: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.checkpoint.ROWS_HELD", 1)
    monkeypatch.setattr("analyzer.listing.LISTED_AT_ONCE", 1)
    files = LocalLakeFiles(tmp_path / "lake")
    keep_some(tmp_path / "lake", eight_days, NOW, 2)
    keep_some(tmp_path / "lake", eight_days, NOW + timedelta(hours=20), 2)

    later = [Checkpoint(files, "x", Scope(), NOW + timedelta(hours=hours)) for hours in (23, 24)]

    assert [kept.rows for kept in later] == [4, 0]
    assert later[1].left is None


def test_a_listing_of_another_version_or_in_a_damaged_file_is_none(
    tmp_path: Path, eight_days: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.checkpoint.ROWS_HELD", 1)
    files = LocalLakeFiles(tmp_path / "lake")
    keep_some(tmp_path / "lake", eight_days, NOW, 1)

    assert Checkpoint(files, "x", Scope(), NOW).left is not None
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "__version__", "another")
        assert Checkpoint(files, "x", Scope(), NOW).left is None
    (tmp_path / "lake" / "listing" / "left.json").write_text("{")
    assert Checkpoint(files, "x", Scope(), NOW).left is None


def test_of_a_lake_that_others_may_write_to_nothing_is_kept(
    tmp_path: Path, eight_days: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.checkpoint.ROWS_HELD", 1)
    monkeypatch.setattr(LocalLakeFiles, "shared", True)
    listing = Listing(LocalStore(f"{eight_days}/"), "", Scope())
    kept = Checkpoint(LocalLakeFiles(tmp_path / "lake"), "x", Scope(), NOW)

    tables = list(kept.keeping(in_tables(listing, lambda _: None), listing, always))

    assert sum(map(len, tables)) == 8
    assert not (tmp_path / "lake").exists()


def test_a_listing_with_a_part_that_is_denied_is_not_kept(
    tmp_path: Path, eight_days: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A run that went on with it would take for complete what is not.
    monkeypatch.setattr("analyzer.checkpoint.ROWS_HELD", 1)
    listing = Listing(LocalStore(f"{eight_days}/"), "", Scope())
    kept = Checkpoint(LocalLakeFiles(tmp_path / "lake"), "x", Scope(), NOW)

    tables = list(kept.keeping(in_tables(listing, lambda _: None), listing, lambda: False))

    assert sum(map(len, tables)) == 8
    assert not (tmp_path / "lake").exists()


def test_a_listing_that_comes_upon_what_is_denied_is_never_kept_as_whole(
    tmp_path: Path, eight_days: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.checkpoint.ROWS_HELD", 2)
    monkeypatch.setattr("analyzer.listing.LISTED_AT_ONCE", 1)
    files = LocalLakeFiles(tmp_path / "lake")
    listing = Listing(LocalStore(f"{eight_days}/"), "", Scope())
    listed: list[int] = []
    kept = Checkpoint(files, "x", Scope(), NOW).keeping(
        in_tables(listing, listed.append), listing, lambda: len(listed) < 3
    )

    assert sum(map(len, kept)) == 8
    again = Checkpoint(files, "x", Scope(), NOW)
    rest = Listing(LocalStore(f"{eight_days}/"), "", Scope(), left=again.left)
    assert again.rows + sum(map(len, rest)) == 8


def test_parts_of_one_listing_are_never_taken_for_those_of_another(
    tmp_path: Path, eight_days: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.checkpoint.ROWS_HELD", 1)
    files = LocalLakeFiles(tmp_path / "lake")

    def list_as(source: str) -> None:
        listing = Listing(LocalStore(f"{eight_days}/"), "", Scope())
        tables = in_tables(listing, lambda _: None)
        list(Checkpoint(files, source, Scope(), NOW).keeping(tables, listing, always))

    list_as("one")
    with monkeypatch.context() as patch:
        patch.setattr("analyzer.checkpoint.msgspec.json.encode", interrupt)
        with pytest.raises(KeyboardInterrupt):
            list_as("another")  # its part is there, and what says so is not

    assert Checkpoint(files, "one", Scope(), NOW).left is None


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt
