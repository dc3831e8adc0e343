"""Calls by month and TLS version, with the months in which nothing was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Kind:
    """What a call is counted as."""

    column: str
    """Its name in the answer, and that of its colour in page.css."""
    words: str


LEGACY_KINDS = (Kind("tls_1_0", "TLS 1.0"), Kind("tls_1_1", "TLS 1.1"))

KINDS = (
    *LEGACY_KINDS,
    Kind("unknown", "no version we know"),
    Kind("tls_1_2", "TLS 1.2"),
    Kind("tls_1_3", "TLS 1.3"),
    Kind("absent", "no version recorded"),
)
"""In the order in which they are stacked, from below."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Every month from the first record to the last, and the calls of each kind in it."""

    months: Sequence[str]
    rows: Mapping[str, Mapping[str, int]]
    """The row of each month in which anything was recorded."""

    @property
    def span(self) -> str:
        """The first month and the last, in words; empty where there is none."""
        return f"{self.months[0]} to {self.months[-1]}" if self.months else ""

    def calls(self, month: str, kind: Kind) -> int:
        """Return the calls of one kind in one month."""
        return self.rows[month][kind.column] if month in self.rows else 0

    def legacy(self) -> list[int]:
        """Return the calls with old TLS in each month."""
        return [sum(self.calls(month, kind) for kind in LEGACY_KINDS) for month in self.months]


def timeline_of(answer: pa.Table) -> Timeline:
    """Return the timeline of an answer to `sql/audit/timeline.sql`, without what has no time."""
    rows = {row["month"]: row for row in answer.to_pylist() if row["month"] is not None}
    return Timeline(_from_to(list(rows)), rows)


def _from_to(months: Sequence[str]) -> list[str]:
    if not months:
        return []
    first, last = _number(min(months)), _number(max(months))
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(first, last + 1)]


def _number(month: str) -> int:
    """Months since the year 0, so that they can be counted."""
    year, _, number = month.partition("-")
    return int(year) * 12 + int(number) - 1
