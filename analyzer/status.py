"""What became of every object that was ever listed, and whether the figures add up."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from rich.console import Console

from analyzer.errors import ExitCode, LakeError
from analyzer.lake import Narrowing, open_lake
from analyzer.lake_place import lake_files
from analyzer.orphans import orphans
from analyzer.queries import names, sql
from analyzer.render import Format, markdown_table, objects, rich_table

if TYPE_CHECKING:
    import pyarrow as pa

    from analyzer.lake_place import LakePlace
    from analyzer.orphans import Orphans

HEADINGS = {
    "objects": "Objects by status",
    "left_out": "Left out",
    "skipped": "Skipped",
}


@dataclass(frozen=True, slots=True)
class LakeStatus:
    """The ledger, summed up."""

    commit: int
    sources: tuple[str, ...]
    tables: dict[str, pa.Table]
    checked: tuple[str, ...]
    """The checks that were run; each of them held."""
    orphans: Orphans | None
    """What no commit names, of a lake where others may be writing."""

    @property
    def exit_code(self) -> ExitCode:
        """Whether everything that was listed is in the lake or was knowingly skipped."""
        return ExitCode.INCOMPLETE if len(self.tables["left_out"]) else ExitCode.DONE


def status(place: LakePlace, *, check: bool) -> LakeStatus:
    """Return the lake's status. Raises `LakeError` when a check does not hold."""
    with open_lake(place, Narrowing()) as lake:
        tables = {name: lake.table(sql(f"status/{name}")) for name in HEADINGS}
        checked = tuple(names("checks")) if check else ()
        for name in checked:
            if broken := len(lake.table(sql(f"checks/{name}"))):
                raise LakeError(
                    f"{place}: {name.replace('_', ' ')} does not hold in {broken:,} cases; "
                    f"ingest into a new lake, and please report this"
                )
        files = lake_files(place)
        left = orphans(files) if files.shared else None
        return LakeStatus(lake.committed.number, lake.committed.sources, tables, checked, left)


def write_status(found: LakeStatus, form: Format, out: BinaryIO, width: int) -> None:
    """Write the status as a table, as md or as json."""
    if form is Format.JSON:
        content = {
            "commit": found.commit,
            "sources": list(found.sources),
            "checked": list(found.checked),
            **{name: objects(table) for name, table in found.tables.items()},
        }
        if found.orphans:
            content["orphans"] = {"files": len(found.orphans.files), "bytes": found.orphans.bytes}
        out.write(f"{json.dumps(content, ensure_ascii=False, indent=2)}\n".encode())
    else:
        out.write(_as_text(found, width, markdown=form is Format.MD).encode())


def _as_text(found: LakeStatus, width: int, *, markdown: bool) -> str:
    text = io.StringIO()
    console = Console(file=text, width=width, highlight=False, color_system=None)
    console.print(f"Commit {found.commit}, from {', '.join(found.sources) or 'nothing yet'}.")
    for name, table in found.tables.items():
        if len(table):
            console.print(f"\n{'## ' if markdown else ''}{HEADINGS[name]}")
            console.print(f"\n{markdown_table(table)}" if markdown else rich_table(table))
    if found.orphans and found.orphans.files:
        console.print(
            f"\n{len(found.orphans.files):,} files, {found.orphans.bytes:,} bytes, belong to no "
            "commit: a run is writing them, or was killed. Of a killed one: tlstrail compact "
            "--orphans",
            soft_wrap=True,
        )
    if found.checked:
        console.print(f"\nThe figures add up: {len(found.checked)} checks hold.")
    return text.getvalue()
