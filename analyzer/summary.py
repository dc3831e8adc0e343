"""The audit on one screen, for a terminal and as Markdown: the verdict, when, which version, whom.

What is cut here is whole in the JSON and on the HTML page.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from analyzer.render import markdown_text, plain, visible
from analyzer.timeline import timeline_of
from analyzer.verdict import between

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import JustifyMethod

    from analyzer.audit import Audit
    from analyzer.lake import Narrowing
    from analyzer.timeline import Timeline
    from analyzer.verdict import Evidence

LONGEST_SPARKLINE = 72
"""With more months than this, a mark stands for several."""

LONGEST_BAR = 24

FIXES = 3

NAMED_SERVICES = 4

SUMMED_UP = ("fix_first", "legacy_by_service", "tls_versions")
"""The sections of the audit that the summary is made from."""

NEXT = "All of it, to read and to pass on: the same command with -o audit.html"

_LEVELS = "▁▂▃▄▅▆▇█"

_VERSIONS = {
    "TLSv1": "TLS 1.0",
    "TLSv1.1": "TLS 1.1",
    "TLSv1.2": "TLS 1.2",
    "TLSv1.3": "TLS 1.3",
    "absent": "no version recorded",
}

_ALIGNED: tuple[JustifyMethod, ...] = ("left", "right", "right", "left", "left")


def asked_about(narrowing: Narrowing) -> list[str]:
    """A line that says what the records were narrowed down to; none where it is all of them."""
    limits = {
        "accounts": ", ".join(narrowing.accounts),
        "Regions": ", ".join(narrowing.regions),
        "from": plain(narrowing.since),
        "before": plain(narrowing.until),
    }
    asked = "; ".join(f"{what} {limit}" for what, limit in limits.items() if limit)
    return [f"Asked about, of the records: {asked}. The objects are all of the lake."] * bool(asked)


def for_terminal(result: Audit, width: int) -> str:
    """Return the summary as it is printed, without colours."""
    text = io.StringIO()
    console = Console(file=text, width=width, highlight=False, color_system=None)
    console.print(Text(result.verdict.sentence))
    for noted in (*result.verdict.reasons, *result.verdict.caveats):
        console.print(_hanging("  ·", noted.sentence))
    for line in (*asked_about(result.provenance.asked_about), _counted_from(result.evidence)):
        console.print(Text(line))
    timeline = timeline_of(result.timeline.answer)
    if timeline.months:
        console.print(Text(f"\n{_when(timeline)}"))
        console.print(*(Text(f"  {line}") for line in sparkline(timeline)), sep="\n")
    if result.evidence.records:
        console.print("\nCalls by TLS version")
        console.print(Padding(_versions_table(result), (0, 0, 0, 2)))
    if fixes := _fixes(result):
        console.print("\nFix first")
        for number, (who, how, source) in enumerate(fixes, start=1):
            console.print(_hanging(f"  {number}.", f"{visible(who)}\n{visible(how)}\n{source}"))
    console.print()
    if services := _services(result):
        console.print(Text(visible(services)))
    console.print(NEXT)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _hanging(mark: str, text: str) -> Table:
    """Return a mark and a text beside it, which folds under itself."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_row(mark, Text(text))
    return table


def as_markdown(result: Audit) -> str:
    """Return the summary as Markdown."""
    lines = [f"**{result.verdict.sentence}**", ""]
    lines += [f"- {each.sentence}" for each in (*result.verdict.reasons, *result.verdict.caveats)]
    for line in (*asked_about(result.provenance.asked_about), _counted_from(result.evidence)):
        lines += ["", line]
    timeline = timeline_of(result.timeline.answer)
    if timeline.months:
        lines += ["", _when(timeline), "", "```text", *sparkline(timeline), "```"]
    if result.evidence.records:
        lines += [
            "",
            "| Calls by TLS version | calls | percent | last seen |",
            "| --- | ---: | ---: | --- |",
        ]
        lines += [
            f"| {words} | {calls:,} | {percent:.2f} % | {last_seen} |"
            for words, calls, percent, last_seen in _versions(result)
        ]
    if fixes := _fixes(result):
        lines += ["", "Fix first:", ""]
        lines += [
            f"{number}. **{markdown_text(who)}**. {markdown_text(how)}: <{source}>"
            for number, (who, how, source) in enumerate(fixes, start=1)
        ]
    if services := _services(result):
        lines += ["", markdown_text(services)]
    return "\n".join([*lines, "", f"{NEXT}\n"])


def sparkline(timeline: Timeline) -> list[str]:
    """Return a mark for each month, as high as it has calls with old TLS, and the years below.

    A month without one is a dot, and one without any record a blank.
    """
    per_mark = -(-len(timeline.months) // LONGEST_SPARKLINE)
    marks: list[tuple[str, int, bool]] = []
    for start in range(0, len(timeline.months), per_mark):
        months = timeline.months[start : start + per_mark]
        calls = sum(timeline.legacy()[start : start + per_mark])
        marks.append((months[0], calls, any(month in timeline.rows for month in months)))
    most = max(calls for _, calls, _ in marks)
    drawn = "".join(_mark(calls, most, seen=seen) for _, calls, seen in marks)
    return [drawn, _years([month for month, _, _ in marks])]


def _mark(calls: int, most: int, *, seen: bool) -> str:
    if calls:
        return _LEVELS[-(-len(_LEVELS) * calls // most) - 1]
    return "·" if seen else " "


def _years(months: Sequence[str]) -> str:
    """Return each year below the first mark that begins in it, where there is room.

    A year that is there from its January on goes before a first one that is not.
    """
    starts = {month[:4]: place for place, month in reversed(list(enumerate(months)))}
    places = sorted((place, year) for year, place in starts.items())
    if len(places) > 1 and places[1][0] < len("2000 "):
        places = places[1:]
    line = ""
    for place, year in places:
        if not line or place > len(line):
            line = f"{line:<{place}}{year}"
    return line


def _when(timeline: Timeline) -> str:
    legacy = timeline.legacy()
    if not any(legacy):
        return f"Calls with TLS 1.0 or 1.1 by month, {timeline.span}: none"
    most, month = max(zip(legacy, timeline.months, strict=True), key=lambda each: each[0])
    return f"Calls with TLS 1.0 or 1.1 by month, {timeline.span}; at most {most:,}, in {month}"


def _fixes(result: Audit) -> list[tuple[str, str, str]]:
    """Return who is to be fixed first, how, and the source of that."""
    return [
        (
            (
                f"{_client(row)}: {row['active_callers']:,} of {row['callers']:,} callers active, "
                f"{row['calls']:,} calls{_until(row['last_seen'])}"
            ),
            row["fix"],
            row["source"],
        )
        for row in result.section("fix_first").answer.slice(0, FIXES).to_pylist()
    ]


def _client(row: dict[str, str | None]) -> str:
    name = row["client"] or "no client named"
    return f"{name} on {row['runtime']}" if row["runtime"] else name


def _until(last_seen: datetime | None) -> str:
    return f" until {last_seen:%Y-%m-%d}" if last_seen else ""


def _versions(result: Audit) -> list[tuple[str, int, float, str]]:
    """Return version, calls, percent of all and the day it was last seen; unknown ones as one."""
    rows = result.section("tls_versions").answer.to_pylist()
    counted: dict[str, tuple[int, list[datetime]]] = {}
    for row in rows:
        words = _VERSIONS.get(row["tls_version"] or row["class"], "no version we know")
        calls, last_seen = counted.get(words, (0, []))
        counted[words] = calls + row["calls"], [*last_seen, *filter(None, [row["last_seen"]])]
    total = sum(row["calls"] for row in rows)
    return [
        (words, calls, 100 * calls / total, f"{max(last_seen):%Y-%m-%d}" if last_seen else "")
        for words, (calls, last_seen) in counted.items()
    ]


def _versions_table(result: Audit) -> Table:
    versions = _versions(result)
    most = max(calls for _, calls, _, _ in versions)
    table = Table.grid(padding=(0, 2, 0, 0))
    for justify in _ALIGNED:
        table.add_column(justify=justify)
    for words, calls, percent, last_seen in versions:
        bar = "█" * round(LONGEST_BAR * calls / most)
        until = f"to {last_seen}" if last_seen else ""
        table.add_row(words, f"{calls:,}", f"{percent:.2f} %", until, bar)
    return table


def _services(result: Audit) -> str:
    rows = result.section("legacy_by_service").answer.to_pylist()
    named = ", ".join(
        f"{(row['event_source'] or 'none named').removesuffix('.amazonaws.com')} {row['calls']:,}"
        for row in rows[:NAMED_SERVICES]
    )
    others = f" and {len(rows) - NAMED_SERVICES:,} more" if len(rows) > NAMED_SERVICES else ""
    return f"Services called with TLS 1.0 or 1.1: {named}{others}" if rows else ""


def _counted_from(evidence: Evidence) -> str:
    """One line that says what was listed, read and left out."""
    left_out = {
        "skipped": evidence.objects_skipped,
        "refused": evidence.objects_refused,
        "archived": evidence.objects_archived,
        "missing": evidence.objects_missing,
    }
    others = "".join(f", {count:,} {status}" for status, count in left_out.items() if count)
    span = between(evidence.first_record, evidence.last_record)
    return (
        f"Counted from {evidence.records:,} records{span}; {evidence.objects_listed:,} objects "
        f"listed, {evidence.objects_read:,} read{others}."
    )
