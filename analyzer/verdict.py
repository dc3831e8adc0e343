"""The verdict: what can be said, as a function of the evidence and of nothing else.

Its words never promise more than was seen: no record of old TLS is no proof where records
are missing, or could not have shown it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


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
class Reason:
    """One thing that keeps an answer from being more: what it is, how often, and in words."""

    code: str
    sentence: str
    count: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """One of `legacy found`, `none found`, `none found, but incomplete`, `cannot tell`."""

    verdict: str
    sentence: str
    reasons: tuple[Reason, ...]
    """What is missing from the evidence; without any, it is complete."""
    caveats: tuple[Reason, ...] = ()
    """What records of this kind cannot speak of, however complete they are."""


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
            f"{between(evidence.legacy_first_seen, evidence.legacy_last_seen)}; {coverage}.",
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


def between(first: datetime | None, last: datetime | None) -> str:
    """Say when; nothing where no record has a time that can be read."""
    return f" between {first:%Y-%m-%d} and {last:%Y-%m-%d}" if first and last else ""


def _doubts(evidence: Evidence) -> Iterator[Reason]:
    counted = {
        "refused": (
            evidence.objects_refused,
            "objects were refused: they are no whole logs, or could not be read",
        ),
        "archived": (
            evidence.objects_archived,
            "objects are archived and must be restored first",
        ),
        "missing": (evidence.objects_missing, "objects were gone when they were asked for"),
        "unknown_value": (
            evidence.records_with_unknown_tls_version,
            "records carry a TLS version that is none (a placeholder)",
        ),
    }
    for code, (count, what) in counted.items():
        if count:
            yield Reason(code, f"{count:,} {what}", count)
