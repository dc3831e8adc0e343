"""The audit: the verdict first, with what it rests on, then the figures behind it.

The verdict is a function of the evidence, in one place. Its words never promise more: no
record of old TLS is no proof where records are missing, or could not have shown it.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, BinaryIO

from rich.console import Console

from analyzer.errors import UsageError
from analyzer.queries import report_sql, sql
from analyzer.render import Format, markdown_table, objects, plain, rich_table

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from analyzer.lake import Lake, Narrowing

SECTIONS = {
    "tls_versions": "Calls by TLS version",
    "legacy_by_service": "Calls with TLS 1.0 or 1.1, by service",
}
"""The reports that the audit is made of, and their headings."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the answer is counted from; a row of `sql/audit/evidence.sql`."""

    records: int
    records_with_tls_version: int
    records_with_unknown_tls_version: int
    legacy_calls: int
    legacy_first_seen: datetime | None
    legacy_last_seen: datetime | None
    first_record: datetime | None
    last_record: datetime | None
    objects_listed: int
    objects_read: int
    objects_skipped: int
    objects_refused: int
    objects_archived: int
    objects_missing: int

    @property
    def coverage_percent(self) -> float:
        """The share of records that say which TLS version was used."""
        return 100 * self.records_with_tls_version / self.records if self.records else 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """One of `legacy found`, `none found`, `none found, but incomplete`, `cannot tell`."""

    verdict: str
    sentence: str
    reasons: tuple[str, ...]
    """What keeps the answer from being a proof."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The verdict, its evidence, and the answer of each section by its report's name."""

    verdict: Verdict
    evidence: Evidence
    sections: dict[str, pa.Table]
    asked_about: Narrowing


def audit(lake: Lake) -> Audit:
    """Ask the lake, narrowed as it was opened."""
    evidence = Evidence(**lake.table(sql("audit/evidence")).to_pylist()[0])
    sections = {name: lake.table(report_sql(name)) for name in SECTIONS}
    return Audit(judge(evidence), evidence, sections, lake.narrowing)


def judge(evidence: Evidence) -> Verdict:
    """Return what can be said, and what keeps it from being more."""
    reasons = tuple(_doubts(evidence))
    coverage = (
        f"{evidence.records_with_tls_version:,} of {evidence.records:,} records "
        f"({evidence.coverage_percent:.1f} %) say which TLS version was used"
    )
    if evidence.legacy_calls:
        return Verdict(
            "legacy found",
            f"TLS 1.0 or 1.1 was used: {evidence.legacy_calls:,} calls"
            f"{_between(evidence.legacy_first_seen, evidence.legacy_last_seen)}; {coverage}.",
            reasons,
        )
    if not evidence.records:
        return Verdict("cannot tell", "Cannot tell: there is no record to count.", reasons)
    if not evidence.records_with_tls_version:
        return Verdict(
            "cannot tell",
            f"Cannot tell: none of the {evidence.records:,} records says which TLS version "
            "was used.",
            reasons,
        )
    if reasons:
        return Verdict(
            "none found, but incomplete",
            f"No call with TLS 1.0 or 1.1 was found, but the answer is not complete; {coverage}.",
            reasons,
        )
    return Verdict("none found", f"No call with TLS 1.0 or 1.1 was found; {coverage}.", reasons)


def _doubts(evidence: Evidence) -> list[str]:
    counted = {
        "objects were refused: they are no whole logs, or could not be read": (
            evidence.objects_refused
        ),
        "objects are archived and must be restored first": evidence.objects_archived,
        "objects were gone when they were asked for": evidence.objects_missing,
        "records carry a TLS version that is none (a placeholder)": (
            evidence.records_with_unknown_tls_version
        ),
    }
    return [f"{count:,} {what}" for what, count in counted.items() if count]


def render_audit(result: Audit, form: Format, out: BinaryIO, width: int) -> None:
    """Write the audit. Raises `UsageError` for formats that hold a single table."""
    if form is Format.TABLE:
        out.write(_for_terminal(result, width).encode())
    elif form is Format.MD:
        out.write(_as_markdown(result).encode())
    elif form is Format.JSON:
        out.write(f"{json.dumps(_as_object(result), ensure_ascii=False, indent=2)}\n".encode())
    else:
        raise UsageError(
            f"the audit is several tables, and {form} holds one; name a report, as in: "
            f"tlstrail report tls_versions --format {form}"
        )


def _as_object(result: Audit) -> dict[str, object]:
    evidence = {name: plain(value) for name, value in asdict(result.evidence).items()}
    return {
        "verdict": result.verdict.verdict,
        "sentence": result.verdict.sentence,
        "reasons": list(result.verdict.reasons),
        "asked_about": {
            "accounts": list(result.asked_about.accounts),
            "regions": list(result.asked_about.regions),
            "since": plain(result.asked_about.since),
            "until": plain(result.asked_about.until),
        },
        "evidence": evidence | {"coverage_percent": round(result.evidence.coverage_percent, 2)},
        **{name: objects(answer) for name, answer in result.sections.items()},
    }


def _asked_about(narrowing: Narrowing) -> list[str]:
    """A line that says what the records were narrowed down to; none where it is all of them."""
    limits = {
        "accounts": ", ".join(narrowing.accounts),
        "Regions": ", ".join(narrowing.regions),
        "from": plain(narrowing.since),
        "before": plain(narrowing.until),
    }
    asked = "; ".join(f"{what} {limit}" for what, limit in limits.items() if limit)
    return [f"Asked about, of the records: {asked}. The objects are all of the lake."] * bool(asked)


def _counted_from(evidence: Evidence) -> str:
    """One line that says what was listed, read and left out."""
    left_out = {
        "skipped": evidence.objects_skipped,
        "refused": evidence.objects_refused,
        "archived": evidence.objects_archived,
        "missing": evidence.objects_missing,
    }
    others = "".join(f", {count:,} {status}" for status, count in left_out.items() if count)
    span = _between(evidence.first_record, evidence.last_record)
    return (
        f"Counted from {evidence.records:,} records{span}; {evidence.objects_listed:,} objects "
        f"listed, {evidence.objects_read:,} read{others}."
    )


def _between(first: datetime | None, last: datetime | None) -> str:
    """Say when; nothing where no record has a time that can be read."""
    return f" between {first:%Y-%m-%d} and {last:%Y-%m-%d}" if first and last else ""


def _for_terminal(result: Audit, width: int) -> str:
    text = io.StringIO()
    console = Console(file=text, width=width, highlight=False, color_system=None)
    console.print(result.verdict.sentence, markup=False)
    for reason in result.verdict.reasons:
        console.print(f"  · {reason}", markup=False)
    for line in _asked_about(result.asked_about):
        console.print(line, markup=False)
    console.print(_counted_from(result.evidence), markup=False)
    for name, answer in result.sections.items():
        console.print(f"\n{SECTIONS[name]}")
        console.print(rich_table(answer) if len(answer) else "  none")
    return text.getvalue()


def _as_markdown(result: Audit) -> str:
    lines = [f"**{result.verdict.sentence}**\n"]
    lines += [f"- {reason}" for reason in result.verdict.reasons]
    lines += [f"\n{line}" for line in _asked_about(result.asked_about)]
    lines.append(f"\n{_counted_from(result.evidence)}")
    for name, answer in result.sections.items():
        lines.append(f"\n## {SECTIONS[name]}\n")
        lines.append(markdown_table(answer) if len(answer) else "none\n")
    return "\n".join(lines)
