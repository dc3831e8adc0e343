"""Two periods, or two lakes, side by side: what is new, what is gone, and what is still there.

Both sides are asked the same SQL. What is gone was not seen later; whether it could have been
seen is for the verdict of that side to say, so both verdicts stand at the top.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from shlex import quote
from typing import TYPE_CHECKING

import pyarrow as pa

from analyzer.audit import Section, evidence_of
from analyzer.errors import UsageError
from analyzer.queries import names, question, sql
from analyzer.render import brief, plain
from analyzer.verdict import judge

if TYPE_CHECKING:
    from analyzer.lake import Lake, Narrowing
    from analyzer.verdict import Evidence, Verdict

HEADINGS = {
    "legacy_by_client": "By client",
    "legacy_by_principal": "By principal",
    "legacy_by_service": "By service",
}
"""The questions in `sql/compare`, in the order in which they are answered, and their headings."""

PERIOD = "a period is FROM..TO, as in 2023-06-01..2023-07-01, and TO is not included"

CHANGES = ("new", "still there", "gone")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared."""

    lake: str
    commit: int
    asked_about: Narrowing
    evidence: Evidence
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides, and a section for each question with the calls of both."""

    before: Side
    after: Side
    sections: tuple[Section, ...]

    @property
    def sides(self) -> list[tuple[str, Side]]:
        """Both sides, the earlier first, with what tells them apart in words."""
        return [
            (f"Before: {self._in_words(self.before)}", self.before),
            (f"After: {self._in_words(self.after)}", self.after),
        ]

    def _in_words(self, side: Side) -> str:
        lake = [side.lake] * (self.before.lake != self.after.lake)
        since, until = side.asked_about.since, side.asked_about.until
        times = [
            f"from {brief(since)}" if since else "",
            f"up to {brief(until)}" if until else "",
        ]
        return " ".join([*lake, *filter(None, times)])

    @property
    def against(self) -> str:
        """What the earlier side is called on the command line."""
        asked = self.before.asked_about
        if self.before.lake != self.after.lake:
            return self.before.lake
        return f"{plain(asked.since)}..{plain(asked.until)}"


def compare(before: Lake, after: Lake) -> Comparison:
    """Ask both lakes, each narrowed as it was opened."""
    return Comparison(
        _side(before),
        _side(after),
        tuple(difference(name, before, after) for name in HEADINGS),
    )


def difference(name: str, before: Lake, after: Lake) -> Section:
    """Return what one question says of both sides. Raises `UsageError` where it is none of them."""
    if name not in names("compare"):
        raise UsageError(
            f"{name} cannot be compared; what can is: {', '.join(names('compare'))}, and the audit "
            "without a name"
        )
    text = sql(f"compare/{name}")
    return Section(
        name,
        HEADINGS[name],
        question(text),
        text,
        _joined(before.table(text), after.table(text)),
    )


def changes(section: Section) -> str:
    """Say how many rows of a section are new, still there and gone."""
    found = section.answer["change"].to_pylist()
    if not found:
        return "none, before or after"
    return ", ".join(f"{found.count(change):,} {change}" for change in CHANGES)


def period_of(text: str) -> tuple[datetime, datetime] | None:
    """Return the period that `FROM..TO` names, in UTC; None where the text is no period.

    Raises `UsageError` where it is meant as one and is none; with a slash in it, it is a path.
    """
    first, dots, last = text.partition("..")
    if not dots or "/" in text or "\\" in text:
        return None
    since, until = _moment(first), _moment(last)
    if since is None or until is None:
        wrong = first if since is None else last
        raise UsageError(
            f"--against {text}: {wrong!r} is no date or time; {PERIOD}. A lake of that name is "
            f"{quote(f'./{text}')}"
        )
    if since >= until:
        raise UsageError(f"--against {text}: {first} is not before {last}; {PERIOD}")
    return since, until


def around(period: tuple[datetime, datetime], narrowing: Narrowing) -> tuple[Narrowing, Narrowing]:
    """Return what is asked about before and after, of one lake.

    Without a `since` of its own, the later side begins where the period ends. Raises
    `UsageError` where the two overlap: nothing could be told apart.
    """
    since, until = period
    after = replace(narrowing, since=narrowing.since or until)
    if after.until and after.since and after.since >= after.until:
        raise UsageError("--until must be later than the end of --against, or --since be given")
    if after.since and after.since < until and (after.until is None or after.until > since):
        raise UsageError(
            f"--against {plain(since)}..{plain(until)} and what is asked about overlap; let "
            "--since be where the one ends, or later"
        )
    return replace(narrowing, since=since, until=until), after


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _side(lake: Lake) -> Side:
    evidence = evidence_of(lake)
    return Side(lake.place, lake.committed.number, lake.narrowing, evidence, judge(evidence))


def _joined(before: pa.Table, after: pa.Table) -> pa.Table:
    """Return the rows of either table, with the calls of both; the new ones first."""
    *keys, _calls = before.schema.names
    calls_before, calls_after = _calls_by_key(before), _calls_by_key(after)
    rows = [
        (_change(calls_before.get(key, 0), calls_after.get(key, 0)), key)
        for key in calls_before | calls_after
    ]
    rows.sort(
        key=lambda row: (
            CHANGES.index(row[0]),
            -calls_after.get(row[1], 0),
            -calls_before.get(row[1], 0),
            [(part is None, part or "") for part in row[1]],
        )
    )
    columns = {
        "change": pa.array([change for change, _ in rows], pa.string()),
        **{
            name: pa.array([key[place] for _, key in rows], before.schema.field(name).type)
            for place, name in enumerate(keys)
        },
        "calls_before": pa.array([calls_before.get(key, 0) for _, key in rows], pa.int64()),
        "calls_after": pa.array([calls_after.get(key, 0) for _, key in rows], pa.int64()),
    }
    return pa.table(columns)


def _calls_by_key(answer: pa.Table) -> dict[tuple[str | None, ...], int]:
    return {
        tuple(key): calls
        for *key, calls in zip(*map(pa.ChunkedArray.to_pylist, answer.columns), strict=True)
    }


def _change(before: int, after: int) -> str:
    if not before:
        return "new"
    return "still there" if after else "gone"
