"""The verdict: what can be said, as a function of the evidence and of nothing else.

Its words never promise more than was seen: no record of old TLS is no proof where records
are missing, or could not have shown it. docs/evidence.md explains them to an auditor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

ENOUGH_COVERAGE = 95.0
"""Below this coverage, in percent, an answer is not called complete."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the answer is counted from; a row of `sql/audit/evidence.sql`."""

    records: int
    records_that_could_tell: int
    """Calls of clients that are not AWS's own, in a format that has room for tlsDetails."""
    records_with_tls_version: int
    coverage_percent: float | None
    """Of the records that could tell, the share that do; None where none could."""
    legacy_calls: int
    legacy_first_seen: datetime | None
    legacy_last_seen: datetime | None
    first_record: datetime | None
    last_record: datetime | None
    records_with_unknown_tls_version: int
    records_unexplained: int
    records_before_1_08: int
    records_after_2023: int
    data_events: int
    read_events: int
    write_events: int
    blind_spot_services: int
    blind_spot_records: int
    objects_listed: int
    objects_read: int
    objects_skipped: int
    objects_refused: int
    objects_archived: int
    objects_missing: int
    delivery_gaps: int
    sources_not_all_read: int
    """Of which no ingest has read, to its end, all that is asked about."""


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
    """What records like these cannot speak of, however complete they are."""


MISSING = {
    "refused": "objects that were refused",
    "archived": "objects that are archived",
    "missing": "objects that were gone",
    "not_all_read": "sources that were not read in full",
    "gaps": "days without deliveries",
    "too_old": "records too old to tell",
    "blind_spots": "services that never tell",
    "unknown_values": "values that are no TLS version",
    "low_coverage": "coverage",
}
"""What is missing when the evidence is not complete, by the code of the reason."""


def judge(evidence: Evidence) -> Verdict:
    """Return what can be said, and what keeps it from being more."""
    reasons = tuple(_missing(evidence))
    caveats = tuple(_caveats(evidence))
    if evidence.legacy_calls:
        found = (
            f"TLS 1.0 or 1.1 was used: {counted(evidence.legacy_calls, 'call', 'calls')}"
            f"{between(evidence.legacy_first_seen, evidence.legacy_last_seen)}; "
            f"coverage {evidence.coverage_percent:g} %: {_telling(evidence)}."
        )
        return Verdict("legacy found", found, reasons, caveats)
    if not evidence.records_with_tls_version:
        return Verdict("cannot tell", f"Cannot tell: {_why_not(evidence)}.", reasons, caveats)
    missing = ", ".join(MISSING[reason.code] for reason in reasons)
    complete = f"but incomplete ({missing})" if reasons else "complete as far as can be seen"
    refused = " What AWS refuses leaves no record." if evidence.records_after_2023 else ""
    return Verdict(
        "none found, but incomplete" if reasons else "none found",
        f"No call with TLS 1.0 or 1.1 was found, coverage {evidence.coverage_percent:g} %, "
        f"{complete}: {_telling(evidence)}.{refused}",
        reasons,
        caveats,
    )


def between(first: datetime | None, last: datetime | None) -> str:
    """Say when; nothing where no record has a time that can be read."""
    return f" between {first:%Y-%m-%d} and {last:%Y-%m-%d}" if first and last else ""


def _missing(evidence: Evidence) -> Iterator[Reason]:
    """Yield what is missing from the evidence."""
    objects = {
        "refused": (
            evidence.objects_refused,
            "refused: no whole log, or it could not be read",
        ),
        "archived": (evidence.objects_archived, "archived and must be restored first"),
        "missing": (evidence.objects_missing, "gone when asked for"),
    }
    for code, (count, what) in objects.items():
        if count:
            yield Reason(code, f"{counted(count, 'object was', 'objects were')} {what}", count)
    if count := evidence.sources_not_all_read:
        was = counted(count, "source was", "sources were")
        yield Reason(
            "not_all_read",
            f"{was} not read for all that is asked about: ingest was narrowed down, or did not end",
            count,
        )
    if count := evidence.delivery_gaps:
        pauses = counted(count, "pause")
        yield Reason(
            "gaps",
            f"{pauses} in the deliveries far longer than is usual there: perhaps logs are missing",
            count,
        )
    if count := evidence.records_before_1_08:
        yield Reason(
            "too_old",
            f"{counted(count, 'record is', 'records are')} too old to tell: "
            "there were no tlsDetails before record version 1.08",
            count,
        )
    if count := evidence.blind_spot_services:
        never = counted(count, "service never says", "services never say")
        among = counted(evidence.blind_spot_records, "record")
        yield Reason("blind_spots", f"{never} which TLS version was used, in {among}", count)
    if count := evidence.records_with_unknown_tls_version:
        have = counted(count, "record has", "records have")
        yield Reason("unknown_values", f"{have} tlsDetails that name no TLS version", count)
    covered = evidence.coverage_percent
    if covered is not None and covered < ENOUGH_COVERAGE:
        silent = evidence.records_that_could_tell - evidence.records_with_tls_version
        could = counted(silent, "record that could tell does", "records that could tell do")
        yield Reason("low_coverage", f"coverage is low: {could} not", silent)


def _caveats(evidence: Evidence) -> Iterator[Reason]:
    """Yield what the records cannot speak of, although none is missing."""
    if count := evidence.records_after_2023:
        are = "every record is" if count == evidence.records else f"{count:,} records are"
        yield Reason(
            "after_enforcement",
            f"{are} from after 2023, when AWS had begun to refuse TLS 1.0 and 1.1 on all its "
            "API endpoints: a client that is refused leaves no record, and may still be trying",
            count,
        )
    if evidence.records and not evidence.data_events:
        yield Reason(
            "no_data_events",
            "there are no data events, so nothing is known of calls such as reading an S3 object",
            0,
        )
    if evidence.write_events and not evidence.read_events:
        yield Reason("no_reads", "there are only events that write; calls that read are unseen", 0)
    if evidence.read_events and not evidence.write_events:
        yield Reason("no_writes", "there are only events that read; calls that write are unseen", 0)


def _telling(evidence: Evidence) -> str:
    return (
        f"{evidence.records_with_tls_version:,} of {evidence.records_that_could_tell:,} records "
        "that could tell say which TLS version was used"
    )


def _why_not(evidence: Evidence) -> str:
    if not evidence.records:
        return "there is no record to count"
    if not evidence.records_that_could_tell:
        return f"none of the {evidence.records:,} records could say which TLS version was used"
    return (
        f"none of the {evidence.records_that_could_tell:,} records that could says which TLS "
        "version was used"
    )
