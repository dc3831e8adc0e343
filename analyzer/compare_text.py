"""A comparison in each of its formats."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, BinaryIO

from rich.console import Console
from rich.text import Text

from analyzer.compare import changes
from analyzer.page import write_comparison_page
from analyzer.render import Format, markdown_table, objects, plain, rich_table

if TYPE_CHECKING:
    from analyzer.audit import Section
    from analyzer.compare import Comparison, Side

ROWS_ON_A_SCREEN = 10
"""Of each table; JSON and HTML have all."""


def render_comparison(result: Comparison, form: Format, out: BinaryIO, width: int) -> None:
    """Write the comparison in a format that holds several tables."""
    if form is Format.TABLE:
        out.write(_for_terminal(result, width).encode())
    elif form is Format.MD:
        out.write(_as_markdown(result).encode())
    elif form is Format.HTML:
        write_comparison_page(result, out)
    else:
        out.write(f"{json.dumps(_as_object(result), ensure_ascii=False, indent=2)}\n".encode())


def _as_object(result: Comparison) -> dict[str, object]:
    return {
        "before": _side_as_object(result.before),
        "after": _side_as_object(result.after),
        **{section.name: objects(section.answer) for section in result.sections},
    }


def _side_as_object(side: Side) -> dict[str, object]:
    return {
        "lake": side.lake,
        "commit": side.commit,
        "asked_about": plain(asdict(side.asked_about)),
        **asdict(side.verdict),
        "evidence": plain(asdict(side.evidence)),
    }


def _for_terminal(result: Comparison, width: int) -> str:
    text = io.StringIO()
    console = Console(file=text, width=width, highlight=False, color_system=None)
    for words, side in result.sides:
        console.print(Text(f"{words}\n  {side.verdict.sentence}"))
        for reason in side.verdict.reasons:
            console.print(Text(f"  · {reason.sentence}"))
    for section in result.sections:
        console.print(Text(f"\n{section.heading}: {changes(section)}"))
        if len(section.answer):
            console.print(rich_table(section.answer.slice(0, ROWS_ON_A_SCREEN)))
        if more := _more(section):
            console.print(Text(more))
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _as_markdown(result: Comparison) -> str:
    lines = []
    for words, side in result.sides:
        lines += [f"**{words}**", "", side.verdict.sentence, ""]
        lines += [f"- {reason.sentence}" for reason in side.verdict.reasons]
        lines += [""] * bool(side.verdict.reasons)
    for section in result.sections:
        lines += [f"## {section.heading}", "", changes(section), ""]
        if len(section.answer):
            lines.append(markdown_table(section.answer.slice(0, ROWS_ON_A_SCREEN)))
        if more := _more(section):
            lines += [more, ""]
    return "\n".join(lines)


def _more(section: Section) -> str:
    left_off = len(section.answer) - ROWS_ON_A_SCREEN
    return f"… and {left_off:,} more; --format json and html have all" if left_off > 0 else ""
