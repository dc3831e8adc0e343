"""One `tlstrail report`: the audit, one report, or a comparison, written in one format.

What it is watched for comes back as sentences; the report is written all the same.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, BinaryIO

from analyzer.alarm import raised
from analyzer.audit import SECTIONS, audit, evidence_of
from analyzer.audit_text import render_audit
from analyzer.compare import HEADINGS, PERIOD, around, compare, difference, period_of
from analyzer.compare_text import render_comparison
from analyzer.errors import LakeError, UsageError
from analyzer.lake import open_lake
from analyzer.lake_place import lake_files, parse_place
from analyzer.queries import report_sql
from analyzer.render import Format, render
from analyzer.summary import SUMMED_UP
from analyzer.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.alarm import Alarm
    from analyzer.lake import Lake, Narrowing
    from analyzer.lake_place import LakePlace
    from analyzer.store import S3Access
    from analyzer.verdict import Evidence


_OF_ONE_TABLE = frozenset({Format.CSV, Format.NDJSON, Format.PARQUET})


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What is asked, of which lake, and what is watched for."""

    name: str | None
    """A report; the audit without it."""
    lake: LakePlace
    narrowing: Narrowing
    against: str | None
    """A period of the same lake, or another lake, to compare with."""
    form: Format
    alarms: Sequence[Alarm]
    least_coverage: float
    access: S3Access
    """How a lake on S3 to compare with is reached."""


def report(settings: ReportSettings, out: BinaryIO, width: int) -> list[str]:
    """Write what was asked, and return a sentence for each alarm that it gives cause for.

    Raises `UsageError` for a format that does not hold it, before a lake is opened.
    """
    _require_form(settings)
    with ExitStack() as lakes:
        if settings.against is None:
            lake = lakes.enter_context(open_lake(settings.lake, settings.narrowing))
            evidence = _write(lake, settings, out, width)
        else:
            before, lake = _both_sides(settings, settings.against, lakes)
            evidence = _write_difference(before, lake, settings, out, width)
        if not settings.alarms:
            return []
        evidence = evidence or evidence_of(lake)
        return list(raised(settings.alarms, evidence, judge(evidence), settings.least_coverage))


def _require_form(settings: ReportSettings) -> None:
    """Refuse several tables in a format of one, and one report in the audit's own."""
    form = settings.form
    if settings.name is None and form in _OF_ONE_TABLE:
        what, such_as = ("audit", "tls_versions")
        if settings.against is not None:
            what, such_as = (
                "comparison",
                f"{next(iter(HEADINGS))} --against {quote(settings.against)}",
            )
        raise UsageError(
            f"the {what} is several tables, and {form} holds one; name a report, as in: "
            f"tlstrail report {such_as} --format {form}"
        )
    if settings.name is not None and form is Format.HTML:
        raise UsageError(
            "html is the audit's, which has all reports in it: tlstrail report -o FILE.html"
        )


def _both_sides(settings: ReportSettings, against: str, lakes: ExitStack) -> tuple[Lake, Lake]:
    period = period_of(against)
    other = settings.lake if period else _other_lake(against, settings.access)
    narrowing = settings.narrowing
    before, after = around(period, narrowing) if period else (narrowing, narrowing)
    return (
        lakes.enter_context(open_lake(other, before)),
        lakes.enter_context(open_lake(settings.lake, after)),
    )


def _other_lake(against: str, access: S3Access) -> LakePlace:
    place = parse_place(against, access)
    if lake_files(place).size("lake.json") is None:
        raise LakeError(
            f"--against {against}: there is no lake here, and it is no period; name a lake, or a "
            f"period of this one: {PERIOD}"
        )
    return place


def _write(lake: Lake, settings: ReportSettings, out: BinaryIO, width: int) -> Evidence | None:
    """Write the audit or a report; return the evidence, where it was asked for."""
    if settings.name is None:
        asked = SUMMED_UP if settings.form in {Format.TABLE, Format.MD} else SECTIONS
        result = audit(lake, asked)
        render_audit(result, settings.form, out, width)
        return result.evidence
    with lake.query(report_sql(settings.name)) as answer:
        render(answer, settings.form, out, width)
    return None


def _write_difference(
    before: Lake, after: Lake, settings: ReportSettings, out: BinaryIO, width: int
) -> Evidence | None:
    """Write a comparison; return the evidence of the later side, where it was asked for."""
    if settings.name is None:
        result = compare(before, after)
        render_comparison(result, settings.form, out, width)
        return result.after.evidence
    answer = difference(settings.name, before, after).answer
    render(answer.to_reader(), settings.form, out, width)
    return None
