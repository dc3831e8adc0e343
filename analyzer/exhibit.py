"""An answer as a table of the HTML page: as many rows as there is room for, and its CSV.

The CSV is for spreadsheets, which run what looks like a formula; so such cells begin with an
apostrophe there. `--format csv` is for programs and alters nothing.
"""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import dataclass
from itertools import accumulate
from shlex import quote
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from markupsafe import escape

from analyzer.render import plain, text_of, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.audit import Section
    from analyzer.lake import Narrowing

MOST_ROWS = 1_000
"""A browser stays quick with tables of this length."""

LONGEST_CELL = 1_024
"""Characters of a cell; CloudTrail cuts a user agent to 1 KB as well."""

SHORT_TEXT = 26
LONG_TEXT = 60

TAGS_OF_A_CELL = 16
"""Bytes of HTML around the text of a cell, about."""

RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a formula begins with, in full width as well."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name, and its kind in the CSS.

    `n` is a number, `t` a time or a short text, which stays on one line, and `l` a long text,
    which gets room; without a kind it is a text between these.
    """

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A table as it stands on the page."""

    section: Section
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    """The cells as they are shown; of all rows the first."""
    csv: str
    """The same rows, as a link that holds them."""
    command: str
    """What gives all rows."""

    @property
    def rows_in_all(self) -> int:
        """How many rows the answer has."""
        return len(self.section.answer)

    @property
    def is_cut(self) -> bool:
        """Whether the answer has more rows than these."""
        return len(self.rows) < self.rows_in_all


def exhibits(sections: Sequence[Section], options: str, room: int) -> list[Exhibit]:
    """Return a table for each section; all of them take about `room` bytes.

    Small tables are whole, and those that are too large share what is left. `options` is what
    a report was asked with, for the command that gives all rows.
    """
    heads = [section.answer.slice(0, MOST_ROWS) for section in sections]
    costs = [_costs(head) for head in heads]
    shares = _shares([cost[-1] if cost else 0 for cost in costs], room)
    return [
        _exhibit(section, head.slice(0, sum(each <= share for each in cost)), options)
        for section, head, cost, share in zip(sections, heads, costs, shares, strict=True)
    ]


def defused(text: str) -> str:
    """Return a cell that no spreadsheet runs: a formula begins with an apostrophe."""
    runs = text.lstrip().startswith(RUN_BY_SPREADSHEETS) or text.startswith(("\t", "\r", "\n"))
    return f"'{text}" if runs else text


def _exhibit(section: Section, head: pa.Table, options: str) -> Exhibit:
    return Exhibit(
        section=section,
        columns=[
            Column(name, _kind(column))
            for name, column in zip(head.schema.names, head.columns, strict=True)
        ],
        rows=[[shown(value) for value in row] for row in _rows(head)],
        csv=_csv_link(head),
        command=f"tlstrail report {section.name} {options}-o {section.name}.csv",
    )


def _costs(head: pa.Table) -> list[int]:
    """Return how many bytes the first row takes, the first two, and so on, as HTML and CSV."""
    return list(
        accumulate(
            sum(
                len(escape(shown(value)).encode())
                + TAGS_OF_A_CELL
                + len(_csv_cell(value).encode()) * 4 // 3
                for value in row
            )
            for row in _rows(head)
        )
    )


def _shares(wanted: Sequence[int], room: int) -> list[int]:
    """Share out `room`: who wants less than an equal part gets it, the others what is left."""
    shares = dict.fromkeys(range(len(wanted)), 0)
    left = len(wanted)
    for place in sorted(shares, key=lambda each: wanted[each]):
        shares[place] = min(wanted[place], room // left)
        room -= shares[place]
        left -= 1
    return list(shares.values())


def _kind(column: pa.ChunkedArray[Any]) -> str:
    of = column.type
    if pa.types.is_integer(of) or pa.types.is_floating(of) or pa.types.is_decimal(of):
        return "n"
    longest = max((len(shown(value)) for value in column.to_pylist()), default=0)
    if longest <= SHORT_TEXT:
        return "t"
    return "l" if longest > LONG_TEXT else ""


def _rows(table: pa.Table) -> list[tuple[object, ...]]:
    columns = [column.to_pylist(maps_as_pydicts="lossy") for column in table.columns]
    return list(zip(*columns, strict=True))


def shown(value: object) -> str:
    """A cell of the page: thousands set apart, nothing invisible, and no longer than it may be."""
    match plain(value):
        case bool() as flag:
            return text_of(flag)
        case int(number):
            return f"{number:,}"
        case list() as several:
            return _cut(visible(", ".join(map(text_of, several))))
        case other:
            return _cut(visible(text_of(other)))


def _csv_cell(value: object) -> str:
    text = _cut(text_of(value))
    return defused(text) if isinstance(plain(value), str | list | dict) else text


def _cut(text: str) -> str:
    if len(text) <= LONGEST_CELL:
        return text
    return f"{text[:LONGEST_CELL]}… ({len(text):,} characters)"


def _csv_link(head: pa.Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head.schema.names)
    writer.writerows([_csv_cell(value) for value in row] for row in _rows(head))
    # A spreadsheet takes a CSV without the byte order mark for the encoding of its country.
    body = base64.b64encode(text.getvalue().encode("utf-8-sig")).decode()
    return f"data:text/csv;charset=utf-8;base64,{body}"


def options_of(narrowing: Narrowing) -> str:
    """Return the options that narrow a report down, each with a blank behind it."""
    options = [f"--account {account}" for account in narrowing.accounts]
    options += [f"--region {quote(region)}" for region in narrowing.regions]
    options += [f"--since {plain(narrowing.since)}"] if narrowing.since else []
    options += [f"--until {plain(narrowing.until)}"] if narrowing.until else []
    return "".join(f"{option} " for option in options)
