"""The audit: the verdict, what it rests on, what it was made with, and the figures behind it.

The same lake and the same question give the same audit, to the byte: it knows no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from analyzer import __version__
from analyzer.queries import fingerprint, question, report_sql, sql
from analyzer.verdict import Evidence, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from analyzer.lake import Lake, Narrowing

SECTIONS = {
    "fix_first": "Who and what to fix first",
    "legacy_by_principal": "Calls with TLS 1.0 or 1.1, by principal",
    "legacy_by_client": "Calls with TLS 1.0 or 1.1, by client",
    "legacy_by_service": "Calls with TLS 1.0 or 1.1, by service",
    "legacy_by_account_region": "Calls with TLS 1.0 or 1.1, by account and Region",
    "legacy_by_source": "Calls with TLS 1.0 or 1.1, by address",
    "legacy_endpoints": "Calls with TLS 1.0 or 1.1, by endpoint",
    "legacy_callers": "Calls with TLS 1.0 or 1.1, by caller and month",
    "after_enforcement": "Calls with TLS 1.0 or 1.1 after 2023",
    "tls_versions": "Calls by TLS version",
    "cipher_suites": "Calls by cipher suite",
    "key_exchange": "Key exchanges that withstand a quantum computer",
    "tls13_readiness": "Who uses TLS 1.2 and never TLS 1.3",
    "coverage": "What the records say about TLS",
    "coverage_by_service": "Coverage of each service",
    "coverage_by_account": "Coverage of each account",
    "blind_spots": "Services that never say which TLS version was used",
    "data_events": "Data events, such as reading an object in S3",
    "trail_shape": "Trails that leave out reads or writes",
    "gaps": "Pauses in the deliveries that are longer than usual",
    "accounts_without_objects": "Accounts that are named and have no logs here",
    "conflicting_records": "Event ids that stand for different records",
}
"""The reports that the audit is made of, and their headings."""


@dataclass(frozen=True, slots=True)
class Section:
    """One report of the audit: what was asked, and the whole answer."""

    name: str
    heading: str
    question: str
    sql: str
    answer: pa.Table


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the audit was made with and from: whoever has the same gets the same."""

    tlstrail: str
    """The version of the program."""
    sql: str
    """The fingerprint of all SQL that it was asked with."""
    lake_id: str | None
    """Written once when the lake was made; None for a lake made before there were ids."""
    commit: int
    """The lake's newest commit."""
    ledger: str
    """The fingerprint of what became of every object: the same objects give the same, however
    and whenever they were ingested."""
    sources: tuple[str, ...]
    asked_about: Narrowing
    objects: int
    records: int


@dataclass(frozen=True, slots=True)
class Audit:
    """The verdict first, then all that it rests on."""

    verdict: Verdict
    evidence: Evidence
    provenance: Provenance
    timeline: Section
    """Calls by month and version."""
    sections: tuple[Section, ...]
    days: Section
    """The days on which logs were delivered."""

    def section(self, name: str) -> Section:
        """Return the section of that name, which is among those that were asked."""
        return next(section for section in self.sections if section.name == name)


def audit(lake: Lake, names: Iterable[str] = SECTIONS) -> Audit:
    """Ask the lake, narrowed as it was opened, for these of the `SECTIONS`."""
    lake.count_once()
    evidence = evidence_of(lake)
    provenance = Provenance(
        tlstrail=__version__,
        sql=fingerprint(),
        lake_id=lake.id,
        commit=lake.committed.number,
        ledger=ledger_fingerprint(lake),
        sources=lake.committed.sources,
        asked_about=lake.narrowing,
        objects=evidence.objects_listed,
        records=evidence.records,
    )
    return Audit(
        judge(evidence),
        evidence,
        provenance,
        timeline=_asked(lake, "timeline", "Calls by month and TLS version", sql("audit/timeline")),
        sections=tuple(_asked(lake, name, SECTIONS[name], report_sql(name)) for name in names),
        days=_asked(lake, "days", "Days on which logs were delivered", sql("audit/days")),
    )


def evidence_of(lake: Lake) -> Evidence:
    """Ask the lake, narrowed as it was opened, what there is to count from."""
    return Evidence(**lake.table(sql("audit/evidence")).to_pylist()[0])


def ledger_fingerprint(lake: Lake) -> str:
    """Return the sha256, in hex, by which it is seen that two lakes have the same objects.

    It is over the sha256 of 256 groups: of the rows' own sha256, in hex and in order, that begin
    with the same two digits. They are hashed as they come, in memory that does not grow with them.
    """
    groups: dict[int, Any] = {}
    with lake.query(sql("audit/ledger_rows")) as rows:
        for batch in rows:
            hashes: list[Any] = batch["row_hash"].to_pylist()
            for first, some in groupby(hashes, itemgetter(0)):
                group = groups.setdefault(first, sha256())
                group.update(b"".join(some).hex().encode())
    return sha256("".join(group.hexdigest() for group in groups.values()).encode()).hexdigest()


def _asked(lake: Lake, name: str, heading: str, text: str) -> Section:
    return Section(name, heading, question(text), text, lake.table(text))
