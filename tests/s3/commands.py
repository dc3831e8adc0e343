"""The command line as a process, and what it left in a lake."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from analyzer.lake import Narrowing, open_lake
from tests import PATIENCE

if TYPE_CHECKING:
    from analyzer.lake_place import LakePlace

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


class Command(Protocol):
    """Something that runs the command line."""

    def __call__(self, *arguments: object) -> Finished:
        """Run it with these arguments."""
        ...


def run_process(*arguments: object) -> Finished:
    """Run the command line as a process of its own."""
    command = [sys.executable, "-m", "analyzer", *(str(argument) for argument in arguments)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def rows(lake: LakePlace, query: str) -> list[dict[str, object]]:
    """Return what a lake says."""
    with open_lake(lake, Narrowing()) as opened:
        return opened.table(query).to_pylist()


Rows = list[dict[str, object]]


def content(lake: LakePlace, root: str) -> tuple[Rows, Rows]:
    """Return a lake's rows and its ledger: keys without `root`, and no fact of one store only."""
    events = rows(lake, "FROM events ORDER BY ALL")
    ledger = rows(
        lake,
        "SELECT key, status, reason, records, duplicates, sha256, account_id, region, "
        "delivered_at FROM objects ORDER BY key",
    )
    for column, table in (("source_key", events), ("key", ledger)):
        for row in table:
            row[column] = str(row[column]).removeprefix(root)
    return events, ledger


def statuses(lake: Path) -> dict[object, object]:
    """Return how many objects have each status."""
    counted = rows(lake, "SELECT status, count(*) AS objects FROM objects GROUP BY ALL")
    return {row["status"]: row["objects"] for row in counted}
