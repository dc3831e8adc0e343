from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from analyzer.audit import audit
from analyzer.lake import Narrowing, open_lake
from analyzer.summary import LONGEST_SPARKLINE, as_markdown, for_terminal, sparkline
from analyzer.timeline import KINDS, timeline_of
from tests.browser.archives import ARCHIVES
from tests.conftest import LogFolder, ingest_and_check

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.audit import Audit


def drawn(*legacy: int | None) -> list[str]:
    """Return the sparkline of so many calls with old TLS a month from 2022-10; None: no record."""
    none = {kind.column: 0 for kind in KINDS}
    rows = [
        {
            "month": f"{2022 + (number + 9) // 12}-{(number + 9) % 12 + 1:02}",
            **none,
            "tls_1_0": calls,
        }
        for number, calls in enumerate(legacy)
        if calls is not None
    ]
    return sparkline(timeline_of(pa.Table.from_pylist(rows)))


def test_a_mark_is_as_high_as_its_month() -> None:
    assert drawn(8, 7, 6, 5, 4, 3, 2, 1)[0] == "█▇▆▅▄▃▂▁"


def test_the_fewest_calls_are_seen_and_none_is_a_dot_and_no_record_a_blank() -> None:
    assert drawn(1_000_000, 1, 0, None, 1)[0] == "█▁· ▁"


def test_a_year_stands_below_its_january_and_a_first_year_where_there_is_room() -> None:
    assert drawn(*[1] * 16)[1] == "   2023        2024"
    assert drawn(1, 1, 1)[1] == "2022"


def test_with_many_months_a_mark_stands_for_several() -> None:
    marks, years = drawn(*[1] * 500)

    assert len(marks) <= LONGEST_SPARKLINE
    assert len(years) <= LONGEST_SPARKLINE + 4
    assert years.split()[:3] == ["2023", "2026", "2029"]


@pytest.fixture
def hostile(tmp_path: Path) -> Audit:
    logs = LogFolder(tmp_path / "bucket")
    ARCHIVES["hostile"](logs)
    ingest_and_check(tmp_path / "lake", logs.root)
    with open_lake(tmp_path / "lake", Narrowing()) as lake:
        return audit(lake)


def test_the_demo_is_one_screen(archive_lake: Path) -> None:
    with open_lake(archive_lake, Narrowing()) as lake:
        lines = for_terminal(audit(lake), 80).splitlines()

    assert len(lines) < 40
    assert max(map(len, lines)) <= 80


def test_hostile_text_commands_no_terminal_and_no_markdown(hostile: Audit) -> None:
    for text in (for_terminal(hostile, 80), as_markdown(hostile)):
        assert not {"\u202e", "\u2066", "\x1b", "\x07", "\x00"} & set(text)
    assert "<script>" not in as_markdown(hostile)
