"""`make bench-stages`: where the CPU time of an ingest goes, call by call.

    python -m bench.stages DIRECTORY [--events N] [--seed N]

Ingests the archive of `make bench` in one process, whose calls are timed by its thread's CPU
clock. Prints the table, and writes DIRECTORY/stages.json.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import defaultdict
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from analyzer.own_process import leave_out_frames
from bench.run import archive_of, archive_options, machine

if TYPE_CHECKING:
    from collections.abc import Callable

FLOOR = "the floor does it too"

# What is timed: where it stands, by which name, and what it is.
CALLS = [
    ("analyzer.ingest", "Plan.__init__", "list and plan"),
    ("analyzer.local_store", "LocalStore.get", "read the object from the disk"),
    ("analyzer.decode", "_gunzip", "gunzip"),
    ("hashlib", "sha256", "SHA-256 of the text, for the digests"),
    ("analyzer.flatten", "Flattener.take", "JSON into columns"),
    ("analyzer.flatten", "Flattener.finish", "columns to Arrow"),
    ("analyzer.batch", "ReadBatch.fingerprints", "fingerprints of the batch"),
    ("analyzer.copies", "RecentRecords.take_in", "look for copies"),
    ("analyzer.write", "order_of", "sort"),
    ("analyzer.write", "taken", "move rows into order"),
    ("analyzer.write", "write_part", "encode, compress and write Parquet"),
    ("analyzer.commit", "Committer.commit", "commit: ledger, manifest"),
    ("analyzer.ingest", "write_views", "views for other clients, once"),
]
IN_THE_FLOOR = {"gunzip", "JSON into columns", "encode, compress and write Parquet"}


class Clock:
    """CPU seconds by what was done; what is called within something else is not also its own."""

    def __init__(self) -> None:
        """Nothing has been done yet."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._within: list[float] = []

    def timed(self, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return `call`, whose time counts as `what`'s."""

        def measured(*given: Any, **named: Any) -> Any:  # noqa: ANN401 (whatever it takes)
            self._within.append(0)
            start = time.thread_time()
            try:
                return call(*given, **named)
            finally:
                spent = time.thread_time() - start
                self.seconds[what] += spent - self._within.pop()
                if self._within:
                    self._within[-1] += spent

        return measured


def watch(clock: Clock) -> None:
    """Time every call of `CALLS`."""
    for module, path, what in CALLS:
        *owners, name = path.split(".")
        owner: Any = import_module(module)
        for each in owners:
            owner = getattr(owner, each)
        setattr(owner, name, clock.timed(what, getattr(owner, name)))


def table(seconds: dict[str, float], events: int) -> str:
    """Return what each call took, as Markdown, by size."""
    total = sum(seconds.values())
    lines = [
        "| | CPU s | of all | microseconds an event | |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for what, spent in sorted(seconds.items(), key=lambda each: -each[1]):
        also = FLOOR if what in IN_THE_FLOOR else ""
        share, each = 100 * spent / total, 1e6 * spent / events
        lines.append(f"| {what} | {spent:.2f} | {share:.0f} % | {each:.2f} | {also} |")
    shared = sum(spent for what, spent in seconds.items() if what in IN_THE_FLOOR)
    lines.append(f"| all | {total:.2f} | | {1e6 * total / events:.2f} | {shared:.2f} s {FLOOR} |")
    return "\n".join(lines)


def main() -> None:
    """Ingest and print."""
    given = archive_options(__doc__).parse_args()
    archive = archive_of(given.directory, given.events, given.seed)
    lake = given.directory / "stages.out"
    shutil.rmtree(lake, ignore_errors=True)
    leave_out_frames()
    clock = Clock()
    start = time.process_time()
    ingest = import_module("analyzer.ingest")
    clock.seconds["imports"] = time.process_time() - start
    from analyzer.listing import Scope
    from analyzer.progress import Silence
    from analyzer.source import parse_source
    from analyzer.store import S3Access

    watch(clock)
    source = parse_source(str(archive), S3Access())
    settings = ingest.IngestSettings(source, lake, Scope(), 1, 256 * 1024 * 1024)
    summary = ingest.ingest(settings, Silence(), lambda: datetime.now(UTC))
    rest = time.process_time() - start - sum(clock.seconds.values())
    clock.seconds["Python around them, and other threads"] = rest
    result = f"{machine()}. One process.\n\n{table(clock.seconds, summary.tally.records)}"
    print(result)
    (given.directory / "stages.json").write_text(json.dumps({"result": result}), encoding="utf-8")


if __name__ == "__main__":
    main()
