"""`make bench-ledger`: what a ledger of many objects costs whoever asks it.

    python -m bench.ledger DIRECTORY [--objects 1000000 10000000 100000000]

A lake is made of which only the ledger exists, and kept in DIRECTORY/ledger-OBJECTS. Then, each in
a process of its own: a run that finds all of its objects again, and one that looks at the last of
its days; `status`, `status --check` and `report`; and the small archive of the fixtures, planned by
`ingest --dry-run` and checked by `verify`. docs/scale.md has the figures, which go to
DIRECTORY/ledger.json; `make bench-scale-page` draws them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from analyzer import ledger, manifest
from analyzer.ingest import seen_before
from analyzer.lake_place import lake_files
from analyzer.listing import LISTED, Scope
from analyzer.manifest import Change, Manifest
from analyzer.plan import Plan
from analyzer.schema import LEDGER
from bench.run import machine
from bench.scale_driver import FIRST, answer_to, listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROWS_IN_A_PART = 1_000_000
INGESTED = """
    SELECT * EXCLUDE (archived, skipped), 'ingested' AS status, NULL AS reason, 0 AS records,
        0 AS duplicates, []::VARCHAR[] AS duplicate_of, false AS retry, sha256(key) AS sha256,
        format('{:016x}', row_number() OVER () // 200) AS part,
        TIMESTAMP '2026-01-01' AS ingested_at
    FROM listed
"""
OBJECTS_A_DAY = 100 * 288
POLLED_SECONDS = 0.2
ENDED_AS_ASKED = {0, 4}

CHECKS = {"all": "all", "day": "day"}
ARCHIVE = str(Path(__file__).parents[1] / "fixtures" / "archive")
COMMANDS = {
    "status": ["status"],
    "status --check": ["status", "--check"],
    "report": ["report"],
    "ingest --dry-run": ["ingest", ARCHIVE, "--dry-run", "--quiet"],
    "verify": ["verify", ARCHIVE, "--workers", "1", "--quiet"],
}


def main() -> None:
    """Measure, and write DIRECTORY/ledger.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--objects", type=int, nargs="*", default=[10**6, 10**7, 10**8])
    parser.add_argument("--only", nargs="*", default=[*CHECKS, *COMMANDS])
    parser.add_argument("--check", choices=CHECKS)
    parser.add_argument("--make", type=int)
    given = parser.parse_args()
    if given.make:
        make(given.directory, given.make)
        return
    if given.check:
        check(given.directory, given.check)
        return
    ledgers = [
        of_ledger(given.directory / f"ledger-{count}", count, given.only) for count in given.objects
    ]
    text = json.dumps({"machine": machine(), "ledgers": ledgers}, indent=2)
    (given.directory / "ledger.json").write_text(text, encoding="utf-8")


def of_ledger(lake: Path, count: int, names: Sequence[str]) -> dict[str, object]:
    """Return what everything takes with a ledger of so many objects."""
    if not (lake / "lake.json").exists():
        # In another process: a child's peak memory would begin with what its parent has.
        made = [sys.executable, "-m", "bench.ledger", str(lake), "--make", str(count)]
        subprocess.run(made, check=True)
    parts = manifest.newest(lake_files(lake)).objects
    figures: dict[str, object] = {"objects": count, "bytes": sum(part.bytes for part in parts)}
    for name in names:
        if name in CHECKS:
            command = ["-m", "bench.ledger", str(lake), "--check", name]
        else:
            command = ["-m", "analyzer", *COMMANDS[name], "--lake", str(lake)]
        figures[name] = measured(lake.parent, command)
        print(count, name, figures[name], flush=True)
    return figures


def make(lake: Path, count: int) -> None:
    """Make the lake of so many objects, all of them ingested."""
    files = lake_files(lake)
    parts = []
    for first in range(0, count, ROWS_IN_A_PART):
        rows = ledger_rows(min(ROWS_IN_A_PART, count - first), first)
        parts.append(ledger.write_part(files, f"objects/part-{first:016x}.parquet", rows))
    manifest.create(files)
    change = Change(objects=tuple(parts), source="s3://a-trail-bucket/")
    manifest.commit(files, Manifest(), change)


def ledger_rows(count: int, first: int) -> pa.Table:
    """Return ledger rows of ingested objects."""
    with duckdb.connect() as connection:
        connection.register("listed", listing(count, first))
        rows = answer_to(connection.sql(INGESTED))
    return rows.select(LEDGER.names).cast(LEDGER)


def check(lake: Path, name: str) -> None:
    """Plan a run that finds all objects of the ledger again, or all of the last day's."""
    files = lake_files(lake)
    committed = manifest.newest(files)
    count = sum(part.rows for part in committed.objects)
    scope = Scope()
    if name == "day":
        scope = Scope(since=FIRST + timedelta(days=count // OBJECTS_A_DAY - 1))
    began = time.process_time()
    listed = sum(len(table) for table in listed_again(lake, scope))
    listing_seconds = time.process_time() - began
    plan = Plan(listed_again(lake, scope), seen_before(files, committed, scope))
    if plan.totals.to_read or plan.totals.listed != listed:
        raise SystemExit("the ledger does not know what it has")
    print(json.dumps({"listed": listed, "listing_cpu_seconds": 2 * listing_seconds}))


def listed_again(lake: Path, scope: Scope) -> Iterator[pa.Table]:
    """Yield what a listing finds: made of the ledger, as nothing else is as fast."""
    files = lake_files(lake)
    columns = [name for name in LISTED.names if name in LEDGER.names]
    parts = manifest.newest(files).objects
    for rows in ledger.read_parts(files, parts, columns, ledger.in_scope(scope)):
        archived = pa.repeat(False, len(rows))  # noqa: FBT003 (pyarrow's)
        listed = rows.append_column("archived", archived)
        listed = listed.append_column("skipped", pa.nulls(len(rows), pa.string()))
        yield listed.select(LISTED.names)


def measured(directory: Path, arguments: Sequence[str]) -> dict[str, float | str]:
    """Return what a process took: CPU seconds, peak memory and temporary disk, in MB."""
    with tempfile.TemporaryDirectory(prefix="tmp-", dir=directory) as folder:
        said = Path(folder, "said")
        began, most, pid = time.perf_counter(), 0, 0
        with said.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                env=os.environ | {"TMPDIR": folder},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            while not pid:
                time.sleep(POLLED_SECONDS)
                most = max(most, bytes_in(Path(folder)))
                pid, code, usage = os.wait4(process.pid, os.WNOHANG)
        answer = said.read_text(encoding="utf-8")
    figures: dict[str, float | str] = {
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "wall_seconds": round(time.perf_counter() - began, 1),
        "peak_rss_mb": round(usage.ru_maxrss / 1_000),
        "temporary_mb": round(most / 1_000_000),
    }
    if os.waitstatus_to_exitcode(code) not in ENDED_AS_ASKED:
        figures["failed"] = answer.strip()[-300:]
    elif answer.startswith("{"):
        figures |= json.loads(answer)
    return figures


def bytes_in(folder: Path) -> int:
    """Return what lies in a folder; a file may go meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


if __name__ == "__main__":
    main()
