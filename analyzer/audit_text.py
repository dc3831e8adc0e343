"""The audit as text: for a terminal, as Markdown, as JSON. The verdict is first in each."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, BinaryIO

from rich.console import Console

from analyzer.errors import UsageError
from analyzer.render import Format, markdown_table, objects, plain, rich_table
from analyzer.verdict import between

if TYPE_CHECKING:
    from analyzer.audit import Audit
    from analyzer.lake import Narrowing
    from analyzer.verdict import Evidence


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
        **asdict(result.verdict),
        "provenance": plain(asdict(result.provenance)),
        "evidence": evidence,
        **{section.name: objects(section.answer) for section in result.sections},
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
    span = between(evidence.first_record, evidence.last_record)
    return (
        f"Counted from {evidence.records:,} records{span}; {evidence.objects_listed:,} objects "
        f"listed, {evidence.objects_read:,} read{others}."
    )


def _for_terminal(result: Audit, width: int) -> str:
    text = io.StringIO()
    console = Console(file=text, width=width, highlight=False, color_system=None)
    console.print(result.verdict.sentence, markup=False)
    for reason in (*result.verdict.reasons, *result.verdict.caveats):
        console.print(f"  · {reason.sentence}", markup=False)
    for line in _asked_about(result.provenance.asked_about):
        console.print(line, markup=False)
    console.print(_counted_from(result.evidence), markup=False)
    for section in result.sections:
        console.print(f"\n{section.heading}")
        console.print(rich_table(section.answer) if len(section.answer) else "  none")
    return text.getvalue()


def _as_markdown(result: Audit) -> str:
    lines = [f"**{result.verdict.sentence}**\n"]
    noted = (*result.verdict.reasons, *result.verdict.caveats)
    lines += [f"- {reason.sentence}" for reason in noted]
    lines += [f"\n{line}" for line in _asked_about(result.provenance.asked_about)]
    lines.append(f"\n{_counted_from(result.evidence)}")
    for section in result.sections:
        lines.append(f"\n## {section.heading}\n")
        lines.append(markdown_table(section.answer) if len(section.answer) else "none\n")
    return "\n".join(lines)
