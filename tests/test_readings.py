"""What ingests have read to their end, and whether it is all that is asked about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from analyzer.audit import audit
from analyzer.lake import Narrowing, open_lake
from analyzer.listing import Scope
from analyzer.manifest import Reading, with_reading
from analyzer.progress import Silence
from tests.conftest import ACCOUNT, LogFolder, ingest_and_check, log_key, record

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.commit import Tally


def on(month: int, day: int = 1) -> datetime:
    return datetime(2023, month, day, tzinfo=UTC)


def read(since: datetime | None = None, until: datetime | None = None) -> Reading:
    return Reading("/a/", since=since, until=until)


@pytest.mark.parametrize(
    ("readings", "joined"),
    [
        ([read()], [read()]),
        ([read(), read()], [read()]),
        ([read(), read(on(3))], [read()]),
        ([read(on(3)), read()], [read()]),
        ([read(on(1), on(2)), read(on(2), on(3))], [read(on(1), on(3))]),
        ([read(on(2), on(3)), read(on(1), on(2))], [read(on(1), on(3))]),
        ([read(on(1), on(2)), read(on(3), on(4))], [read(on(1), on(2)), read(on(3), on(4))]),
        ([read(on(1), on(2)), read(on(3), on(4)), read(on(2), on(3))], [read(on(1), on(4))]),
        ([read(on(1), on(2)), read(on(2))], [read(on(1))]),
        ([read(until=on(2)), read(on(1))], [read()]),
        (
            [Reading("/a/", accounts=("1",)), Reading("/a/", accounts=("2",))],
            [Reading("/a/", accounts=("1",)), Reading("/a/", accounts=("2",))],
        ),
        ([read(), Reading("/b/")], [read(), Reading("/b/")]),
    ],
)
def test_readings_that_touch_are_one(readings: list[Reading], joined: list[Reading]) -> None:
    held: tuple[Reading, ...] = ()
    for reading in readings:
        held = with_reading(held, reading)

    assert list(held) == joined


SINCE_MARCH = Scope(since=on(3))
QUARTER = Scope(since=on(1), until=on(4))
ONE_ACCOUNT = Scope(accounts=(ACCOUNT,), regions=("us-east-1",))


@pytest.mark.parametrize(
    ("scope", "narrowing", "all_read"),
    [
        (Scope(), Narrowing(), True),
        (Scope(), Narrowing(accounts=(ACCOUNT,), since=on(1)), True),
        (SINCE_MARCH, Narrowing(), False),
        (SINCE_MARCH, Narrowing(since=on(2)), False),
        (SINCE_MARCH, Narrowing(since=on(3)), True),
        (SINCE_MARCH, Narrowing(until=on(5)), False),
        (QUARTER, Narrowing(since=on(1)), False),
        (QUARTER, Narrowing(since=on(2), until=on(4)), True),
        (ONE_ACCOUNT, Narrowing(), False),
        (ONE_ACCOUNT, Narrowing(accounts=(ACCOUNT,)), False),
        (ONE_ACCOUNT, Narrowing(accounts=(ACCOUNT,), regions=("us-east-1",)), True),
        (ONE_ACCOUNT, Narrowing(accounts=(ACCOUNT, "444455556666"), regions=("us-east-1",)), False),
    ],
)
def test_an_answer_about_more_than_was_read_says_so(
    log_folder: LogFolder, tmp_path: Path, scope: Scope, narrowing: Narrowing, *, all_read: bool
) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    ingest_and_check(tmp_path / "lake", log_folder.root, scope)

    with open_lake(tmp_path / "lake", narrowing) as lake:
        codes = [reason.code for reason in audit(lake).verdict.reasons]
    assert ("not_all_read" not in codes) is all_read


def not_all_read(lake: Path) -> int:
    with open_lake(lake, Narrowing()) as opened:
        return audit(opened).evidence.sources_not_all_read


class Impatience(Silence):
    """Somebody who presses Ctrl-C as soon as there is something to lose."""

    def committed(self, tally: Tally) -> None:  # noqa: ARG002 (the watcher's)
        raise KeyboardInterrupt


def test_an_ingest_that_did_not_end_has_not_read_all(log_folder: LogFolder, tmp_path: Path) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    with pytest.raises(KeyboardInterrupt):
        ingest_and_check(tmp_path / "lake", log_folder.root, watcher=Impatience())
    assert not_all_read(tmp_path / "lake") == 1

    ingest_and_check(tmp_path / "lake", log_folder.root)
    assert not_all_read(tmp_path / "lake") == 0


def test_each_source_is_to_be_read_in_full(log_folder: LogFolder, tmp_path: Path) -> None:
    other = LogFolder(tmp_path / "other")
    for logs in (log_folder, other):
        logs.put(log_key("1000"), [record(str(logs.root))])
    ingest_and_check(tmp_path / "lake", log_folder.root)
    ingest_and_check(tmp_path / "lake", other.root, SINCE_MARCH)
    assert not_all_read(tmp_path / "lake") == 1

    ingest_and_check(tmp_path / "lake", other.root, replace(SINCE_MARCH, since=None))
    assert not_all_read(tmp_path / "lake") == 0


def test_what_was_read_is_committed_once(log_folder: LogFolder, tmp_path: Path) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    numbers = []
    for scope in (Scope(), ONE_ACCOUNT, Scope(), ONE_ACCOUNT, SINCE_MARCH):
        ingest_and_check(tmp_path / "lake", log_folder.root, scope)
        with open_lake(tmp_path / "lake", Narrowing()) as opened:
            numbers.append(opened.committed.number)

    assert numbers == [numbers[0], *[numbers[0] + 1] * 4]
