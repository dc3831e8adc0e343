"""The audit as one HTML file, for whoever has to believe it and act on it.

It holds all that it shows, asks nothing of any network, and is the same bytes for the same
lake and question. Without its script everything is there; with it tables sort and search.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.resources import files
from shlex import quote
from typing import TYPE_CHECKING, BinaryIO

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from analyzer import __version__
from analyzer.charts import MONTHS_ON_A_PHONE, legacy_chart, share_chart
from analyzer.compare import changes
from analyzer.exhibit import exhibits, options_of, shown
from analyzer.heat_map import heat_map
from analyzer.queries import sql
from analyzer.render import text_of
from analyzer.summary import asked_about
from analyzer.timeline import KINDS, LEGACY_KINDS, timeline_of
from analyzer.verdict import between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.audit import Audit
    from analyzer.compare import Comparison
    from analyzer.exhibit import Exhibit
    from analyzer.timeline import Timeline

TABLES_BYTES = 2_200_000
"""What all tables of a page may take, with their CSV; a page is to be under 3 MB."""

ROWS_IN_PRINT = 30
"""As page.css has it."""

_WHOLE = re.compile(r"\d{4}-\d\d-\d\d|[\d.]+ %")

FIXES_IN_FULL = 5
"""So many of those to fix first stand above their table, with how and why."""

PARTS = {
    "Who and what to fix first": ("fix_first",),
    "Calls with TLS 1.0 or 1.1": (
        "legacy_by_principal",
        "legacy_by_client",
        "legacy_by_service",
        "legacy_by_account_region",
        "legacy_by_source",
        "legacy_endpoints",
        "legacy_callers",
        "after_enforcement",
    ),
    "All calls": ("tls_versions", "cipher_suites", "key_exchange", "tls13_readiness"),
    "Coverage and completeness": (
        "coverage",
        "coverage_by_service",
        "coverage_by_account",
        "blind_spots",
        "data_events",
        "trail_shape",
        "gaps",
        "accounts_without_objects",
        "conflicting_records",
    ),
}
"""The headings below the timeline, and the sections of the audit that stand there."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure of the page: what it is, and what there is to say about it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """Tables under one heading; `name` is where a link on the page leads."""

    name: str
    heading: str
    exhibits: Sequence[Exhibit]


def write_page(result: Audit, out: BinaryIO) -> None:
    """Write the audit as one HTML file."""
    _write("audit.html.j2", _audit_shown(result), out)


def write_comparison_page(result: Comparison, out: BinaryIO) -> None:
    """Write a comparison as one HTML file."""
    shown: dict[str, object] = {
        "sides": result.sides,
        "tables": exhibits(
            [replace(each, heading=f"{each.heading}: {changes(each)}") for each in result.sections],
            f"--against {quote(result.against)} {options_of(result.after.asked_about)}",
            TABLES_BYTES,
        ),
    }
    _write("comparison.html.j2", shown, out)


def _write(template: str, shown: dict[str, object], out: BinaryIO) -> None:
    style, script = _asset("page.css"), _asset("page.js")
    around = {
        "style": style,
        "script": script,
        "style_hash": _hash(style),
        "script_hash": _hash(script),
        "tlstrail": __version__,
    }
    out.write(_environment().get_template(template).render(shown | around).encode())


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("analyzer", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.globals["rows_in_print"] = ROWS_IN_PRINT
    environment.globals["months_on_a_phone"] = MONTHS_ON_A_PHONE
    environment.filters["shown"] = shown
    environment.filters["whole_figures"] = _whole_figures
    environment.filters["thousands"] = lambda number: f"{number:,}"
    environment.filters["upper_first"] = lambda text: text[:1].upper() + text[1:]
    return environment


def _whole_figures(text: str) -> Markup:
    """Return a text in which no line ends within a date or a percentage."""
    return Markup(_WHOLE.sub(r'<span class="t">\g<0></span>', str(escape(text))))  # noqa: S704 (escaped)


def _audit_shown(result: Audit) -> dict[str, object]:
    """Return what the template asks for."""
    timeline = timeline_of(result.timeline.answer)
    timeline_table, *tables = exhibits(
        [result.timeline, *result.sections],
        options_of(result.provenance.asked_about),
        TABLES_BYTES,
    )
    return {
        "verdict": result.verdict,
        "facts": _facts(result),
        "asked_about": asked_about(result.provenance.asked_about),
        "timeline": timeline,
        "timeline_table": timeline_table,
        "kinds": KINDS,
        "legacy_kinds": LEGACY_KINDS,
        "legacy_in_words": _legacy_in_words(timeline),
        "legacy_chart": _drawn(legacy_chart(timeline)) if any(timeline.legacy()) else None,
        "share_chart": _drawn(share_chart(timeline)) if timeline.months else None,
        "parts": _parts(tables),
        "fixes": result.section("fix_first").answer.slice(0, FIXES_IN_FULL).to_pylist(),
        "calendar": heat_map(result.days.answer),
        "days": result.days,
        "parameters": _parameters(result),
        "evidence_sql": sql("audit/evidence"),
    }


def _asset(name: str) -> Markup:
    """Return a file that the page has inside it as it stands, and not as text to show."""
    text = (files("analyzer") / "html" / name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 (ours, from the package)


def _drawn(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 (drawn from months and numbers alone)


def _hash(text: str) -> str:
    """Return what the page's own policy calls a style or a script that it lets run."""
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"


def _facts(result: Audit) -> list[Fact]:
    evidence = result.evidence
    seen = between(evidence.legacy_first_seen, evidence.legacy_last_seen)
    left_out = evidence.objects_refused + evidence.objects_archived + evidence.objects_missing
    return [
        Fact("Calls with TLS 1.0 or 1.1", f"{evidence.legacy_calls:,}", seen.strip()),
        Fact(
            "Coverage",
            "none" if evidence.coverage_percent is None else f"{evidence.coverage_percent:g} %",
            f"{evidence.records_with_tls_version:,} of {evidence.records_that_could_tell:,} "
            "records that could tell say which TLS version was used",
        ),
        Fact(
            "Records counted",
            f"{evidence.records:,}",
            between(evidence.first_record, evidence.last_record).strip(),
        ),
        Fact(
            "Log objects read",
            f"{evidence.objects_read:,}",
            f"{evidence.objects_listed:,} listed, {evidence.objects_skipped:,} skipped as no "
            f"CloudTrail logs, {left_out:,} left out",
        ),
    ]


def _parts(tables: Sequence[Exhibit]) -> list[Part]:
    by_name = {table.section.name: table for table in tables}
    return [
        Part(f"part-{number}", heading, [by_name[name] for name in names])
        for number, (heading, names) in enumerate(PARTS.items(), start=1)
    ]


def _legacy_in_words(timeline: Timeline) -> str:
    """The text beside the first chart, for who cannot see it."""
    legacy = timeline.legacy()
    if not any(legacy):
        return f"No call with TLS 1.0 or 1.1 in any month, {timeline.span}."
    most, month = max(zip(legacy, timeline.months, strict=True), key=lambda each: each[0])
    return (
        f"Calls with TLS 1.0 or 1.1 by month, {timeline.span}: {sum(legacy):,} in all, "
        f"in {sum(map(bool, legacy)):,} months; the most in {month}: {most:,}."
    )


def _parameters(result: Audit) -> list[Fact]:
    made = result.provenance
    narrowing = made.asked_about
    return [
        Fact("tlstrail", made.tlstrail),
        Fact("Lake", f"{made.lake_id or 'without an id'}, commit {made.commit}"),
        Fact("Sources", ", ".join(made.sources) or "not recorded"),
        Fact("Accounts", ", ".join(narrowing.accounts) or "all"),
        Fact("Regions", ", ".join(narrowing.regions) or "all"),
        Fact("From", text_of(narrowing.since) or "the first record"),
        Fact("Before", text_of(narrowing.until) or "the end"),
        Fact("Fingerprint of all SQL", made.sql),
        Fact("Fingerprint of the ledger", made.ledger),
    ]
