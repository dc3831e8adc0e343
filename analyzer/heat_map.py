"""The days on which log objects were delivered, as a calendar: warmer where more came.

The days without a delivery are what it is for; so they are counted in words as well.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

MOST_MONTHS = 120
"""A calendar shows at most so many months, the last ones."""

WARMEST = 4


@dataclass(frozen=True, slots=True)
class Day:
    """A day as it is shown: its heat in the CSS, a few characters, and the whole in words."""

    heat: str
    text: str
    words: str


@dataclass(frozen=True, slots=True)
class Month:
    """A row of the calendar, always of 31 days; some of them are none."""

    name: str
    days: Sequence[Day]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The calendar, with what it shows in words."""

    words: str
    months: Sequence[Month]


_NO_DAY = Day("none", "", "")


def heat_map(days: pa.Table) -> HeatMap:
    """Return the calendar of an answer to `sql/audit/days.sql`."""
    objects: dict[date, int] = {row["day"]: row["objects"] for row in days.to_pylist()}
    if not objects:
        return HeatMap("No log object was listed.", [])
    first, last, most = min(objects), max(objects), max(objects.values())
    span = (last - first).days + 1
    without = span - len(objects)
    months = [
        Month(
            f"{year}-{month:02}",
            [_day(_date(year, month, day), objects, first, last, most) for day in range(1, 32)],
        )
        for year, month in _months(first, last)[-MOST_MONTHS:]
    ]
    return HeatMap(
        f"Log objects were delivered on {len(objects):,} of the {span:,} days from {first} to "
        f"{last}; on {without:,} there was none. The most on one day: {most:,}.",
        months,
    )


def _day(day: date | None, objects: dict[date, int], first: date, last: date, most: int) -> Day:
    if day is None or not first <= day <= last:
        return _NO_DAY
    count = objects.get(day, 0)
    heat = -(-WARMEST * count // most)
    return Day(f"h{heat}", _short(count), f"{day}: {count:,} objects")


def _short(count: int) -> str:
    """A count in three characters, or a few more where it is past a million."""
    if count < 1_000:  # noqa: PLR2004
        return str(count) if count else "\N{MULTIPLICATION SIGN}"
    return f"{count // 1_000}k"


def _date(year: int, month: int, day: int) -> date | None:
    return date(year, month, day) if day <= monthrange(year, month)[1] else None


def _months(first: date, last: date) -> list[tuple[int, int]]:
    numbered = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [(number // 12, number % 12 + 1) for number in numbered]
