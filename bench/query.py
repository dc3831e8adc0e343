"""`make bench-query`: every report on a lake of 100,000,000 events, its time and its memory.

    python -m bench.query DIRECTORY [--events N]

The lake is made of the compacted lake of `make bench`: its parts are written again and again,
with event ids, object keys and months of their own. So it has the distributions of the
generated archive, and no two events are the same.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analyzer import ledger, manifest
from analyzer.local_lake import LocalLakeFiles
from analyzer.manifest import Part
from analyzer.queries import names
from analyzer.schema import DICTIONARY_COLUMNS, EVENTS, LEDGER
from analyzer.write import PARQUET_OPTIONS, hours_of
from bench.run import MEGABYTE, MemoryWatch, machine

if TYPE_CHECKING:
    from collections.abc import Sequence

PROCESSES = 2
MONTHS = 36
AUDIT = "(the audit)"


@dataclass(frozen=True, slots=True)
class Timed:
    """One report on a lake of so many events."""

    report: str
    events: int
    seconds: float
    peak_rss_mb: float
    answer_bytes: int


def main() -> None:
    """Make the lakes where they are not there yet, time every report on each, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--events", type=int, default=100_000_000)
    given = parser.parse_args()
    base = given.directory / "compacted.out"
    if not (base / "lake.json").exists():
        raise SystemExit(f"{base} is not there: run make bench first")
    timed: list[Timed] = []
    for events in (given.events // 10, given.events):
        lake = given.directory / f"query-lake-{events}"
        if not (lake / "commits").exists():
            make_lake(base, lake, events)
        counted = sum(part.rows for part in manifest.read_lake(LocalLakeFiles(lake)).events)
        timed += [time_report(name, lake, counted) for name in (None, *names("reports"))]
    figures = {"machine": machine(), "reports": [asdict(each) for each in timed]}
    out = given.directory / "query.json"
    out.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    print(table(timed))


def make_lake(base: Path, lake: Path, events: int) -> None:
    """Write a lake of about `events` events in `lake`."""
    stored = manifest.read_lake(LocalLakeFiles(base))
    copies = max(1, round(events / sum(part.rows for part in stored.events)))
    print(f"{lake}: {copies} copies of {base}", file=sys.stderr)
    files = LocalLakeFiles(lake)
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        tasks = [
            pool.submit(copy_part, base, lake, part, copy)
            for part in (*stored.events, *stored.objects)
            for copy in range(copies)
        ]
        parts = [task.result() for task in tasks]
    manifest.create(files)
    change = manifest.Change(
        events=tuple(part for part in parts if part.path.startswith("events/")),
        objects=tuple(part for part in parts if part.path.startswith("objects/")),
        source="s3://copies/",
    )
    manifest.commit(files, manifest.Manifest(), change)


def copy_part(base: Path, lake: Path, part: Part, copy: int) -> Part:
    """Write a part once more, as what another copy of the archive would have made of it."""
    stored = LocalLakeFiles(base).full_path(part.path)
    if part.path.startswith("objects/"):
        rows = pq.read_table(stored, schema=LEDGER, partitioning=None)
        rows = rows.set_column(0, "key", renamed(rows["key"], copy))
        return ledger.write_part(LocalLakeFiles(lake), f"objects/part-{copy:08x}.parquet", rows)
    with ExitStack() as opened:
        file = opened.enter_context(pq.ParquetFile(stored, read_dictionary=DICTIONARY_COLUMNS))
        tables = [file.read_row_group(group) for group in range(file.num_row_groups)]
    month = datetime.strptime(part.path.split("/")[1], "month=%Y-%m")  # noqa: DTZ007 (UTC, as all)
    moved = [in_another_month(table, month, copy) for table in tables]
    target = shifted(month, copy)
    name = f"{Path(part.path).stem.removeprefix('part-')[:8]}{copy:08x}"
    path = f"events/month={target:%Y-%m}/part-{name}.parquet"
    size = LocalLakeFiles(lake).write_parquet(path, EVENTS, moved, **PARQUET_OPTIONS)
    times = pa.chunked_array([chunk for table in moved for chunk in table["event_time"].chunks])
    return Part(path, part.rows, size, hours_of(times))


def in_another_month(rows: pa.Table, month: datetime, copy: int) -> pa.Table:
    """Return the rows with ids, keys and times of another copy."""
    target = shifted(month, copy)
    times = pc.add(rows["event_time"], pa.scalar(target - month, pa.duration("us")))
    end = pa.scalar(shifted(target, 0, 1), pa.timestamp("us"))
    early = pc.subtract(times, pa.scalar(timedelta(days=3), pa.duration("us")))
    ids = pc.binary_replace_slice(rows["event_id"], 0, 8, f"{copy:08x}")
    for name, column in (
        ("event_time", pc.if_else(pc.less(times, end), times, early)),
        ("event_id", ids),
        ("source_key", renamed(rows["source_key"].cast(pa.string()), copy)),
    ):
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    return rows.cast(EVENTS)


def renamed(keys: pa.ChunkedArray[Any], copy: int) -> pa.ChunkedArray[Any]:
    """Return the keys as those of another copy of the archive."""
    return pc.replace_substring(keys, "/AWSLogs/", f"/copy-{copy}/AWSLogs/")


def shifted(month: datetime, copy: int, more: int = 0) -> datetime:
    """Return the first of the month that a copy of `month` has."""
    count = month.year * 12 + month.month - 1 + 2 * (copy % (MONTHS // 2)) + more
    return datetime(count // 12, count % 12 + 1, 1)  # noqa: DTZ001 (UTC, as all)


def time_report(name: str | None, lake: Path, events: int) -> Timed:
    """Run a report as the command line, and return what it took."""
    command = [sys.executable, "-m", "analyzer", "report", *([name] if name else [])]
    command += ["--lake", str(lake), "--format", "json"]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        watch = MemoryWatch(psutil.Process(process.pid))
        watch.start()
        answer = process.communicate()[0]
        seconds = time.perf_counter() - start
        watch.join()
    if process.returncode:
        raise SystemExit(f"{name} failed with exit code {process.returncode}")
    timed = Timed(
        name or AUDIT,
        events,
        round(seconds, 2),
        round(watch.peak_together / MEGABYTE),
        len(answer),
    )
    print(f"{timed.report}, {events:,} events: {seconds:.2f} s", file=sys.stderr)
    return timed


def table(timed: Sequence[Timed]) -> str:
    """Return the figures as Markdown, a line a report."""
    sizes = sorted({each.events for each in timed})
    by_report: dict[str, dict[int, Timed]] = {}
    for each in timed:
        by_report.setdefault(each.report, {})[each.events] = each
    small, large = sizes[0], sizes[-1]
    lines = [
        f"| report | s, {small:,} events | s, {large:,} events | growth | peak RSS |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for report, sized in by_report.items():
        growth = sized[large].seconds / sized[small].seconds
        lines.append(
            f"| {report} | {sized[small].seconds:.2f} | {sized[large].seconds:.2f} "
            f"| {growth:.1f} x | {sized[large].peak_rss_mb:,.0f} MB |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
