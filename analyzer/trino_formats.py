"""The formats of Joda-Time, which Trino's format_datetime and parse_datetime take."""

from __future__ import annotations

import re

from analyzer.errors import QueryError

FORMATTED = {"format_datetime", "parse_datetime"}
"""Functions whose formats are those of Java's Joda-Time."""

_JODA = {
    "yyyy": "%Y", "YYYY": "%Y", "y": "%Y", "Y": "%Y", "xxxx": "%G", "yy": "%y", "YY": "%y",
    "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m", "dd": "%d", "d": "%-d", "DDD": "%j",
    "D": "%-j", "ww": "%V", "EEEE": "%A", "EEE": "%a", "E": "%a", "e": "%u", "HH": "%H",
    "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S",
    "SSS": "%g", "SSSSSS": "%f", "a": "%p", "Z": "%z", "ZZ": "%z", "z": "UTC", "''": "'",
}  # fmt: skip
"""https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html"""

_WRITTEN = _JODA | {"Z": "+0000", "ZZ": "+00:00"}
"""All times here are UTC, whose offset DuckDB would write as +00."""


def strptime(pattern: str) -> str:
    """Return a format of Joda-Time's as strptime has it. Raises `QueryError` for any other."""
    return _translated(pattern, _JODA)


def strftime(pattern: str) -> str:
    """Return a format of Joda-Time's as strftime has it. Raises `QueryError` for any other."""
    return _translated(pattern, _WRITTEN)


def _translated(pattern: str, known: dict[str, str]) -> str:
    def of_letters(match: re.Match[str]) -> str:
        letters = match[0]
        if letters == "%" or (letters.startswith("'") and letters != "''"):
            return letters.strip("'").replace("%", "%%")
        if letters not in known:
            raise QueryError(f"the format {pattern!r} has a {letters!r} that is not known here")
        return known[letters]

    # A quote that is never closed reaches to the end, as in Joda-Time.
    return re.sub(r"''|'[^']*(?:'|$)|%|([A-Za-z])\1*", of_letters, pattern)
