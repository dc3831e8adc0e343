"""The audit in each of its formats. The verdict is first in all of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, BinaryIO

from analyzer.page import write_page
from analyzer.render import Format, objects, plain
from analyzer.summary import as_markdown, for_terminal

if TYPE_CHECKING:
    from analyzer.audit import Audit


def render_audit(result: Audit, form: Format, out: BinaryIO, width: int) -> None:
    """Write the audit in a format that holds several tables."""
    if form is Format.TABLE:
        out.write(for_terminal(result, width).encode())
    elif form is Format.MD:
        out.write(as_markdown(result).encode())
    elif form is Format.HTML:
        write_page(result, out)
    else:
        out.write(f"{json.dumps(_as_object(result), ensure_ascii=False, indent=2)}\n".encode())


def _as_object(result: Audit) -> dict[str, object]:
    evidence = {name: plain(value) for name, value in asdict(result.evidence).items()}
    return {
        **asdict(result.verdict),
        "provenance": plain(asdict(result.provenance)),
        "evidence": evidence,
        **{
            section.name: objects(section.answer)
            for section in (result.timeline, *result.sections, result.days)
        },
    }
