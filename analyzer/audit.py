"""The audit: the verdict, what it rests on, what it was made with, and the figures behind it.

The same lake and the same question give the same audit, to the byte: it knows no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer import __version__
from analyzer.queries import fingerprint, question, report_sql, sql
from analyzer.verdict import Evidence, Verdict, judge

if TYPE_CHECKING:
    import pyarrow as pa

    from analyzer.lake import Lake, Narrowing

SECTIONS = {
    "tls_versions": "Calls by TLS version",
    "legacy_by_service": "Calls with TLS 1.0 or 1.1, by service",
    "coverage": "What the records say about TLS",
    "blind_spots": "Services that never say which TLS version was used",
    "gaps": "Pauses in the deliveries that are longer than usual",
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
    sections: tuple[Section, ...]


def audit(lake: Lake) -> Audit:
    """Ask the lake, narrowed as it was opened."""
    evidence = Evidence(**lake.table(sql("audit/evidence")).to_pylist()[0])
    provenance = Provenance(
        tlstrail=__version__,
        sql=fingerprint(),
        lake_id=lake.id,
        commit=lake.committed.number,
        ledger=lake.table(sql("audit/ledger_fingerprint"))["fingerprint"][0].as_py(),
        sources=lake.committed.sources,
        asked_about=lake.narrowing,
        objects=evidence.objects_listed,
        records=evidence.records,
    )
    sections = tuple(_section(lake, name, heading) for name, heading in SECTIONS.items())
    return Audit(judge(evidence), evidence, provenance, sections)


def _section(lake: Lake, name: str, heading: str) -> Section:
    text = report_sql(name)
    return Section(name, heading, question(text), text, lake.table(text))
