"""`make bench-scale-driver`: what grows in the driver, where workers can be had in any number.

    python -m bench.scale_driver DIRECTORY

Each figure is measured in a process of its own, on archives and lakes of which only the listing
or the manifest exists. docs/scale.md computes with them, and with those of `bench.ledger` and
`bench.commits`. They go to DIRECTORY/scale-driver.json.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import psutil

from analyzer import manifest
from analyzer.batch import Batch, Task, read_batch, write_batch
from analyzer.commit import Committer
from analyzer.copies import RecentRecords
from analyzer.lake_place import lake_files
from analyzer.listing import LISTED, LogObject, Scope, list_objects
from analyzer.local_store import LocalStore
from analyzer.manifest import Change, Manifest, Part
from analyzer.plan import BATCH_OBJECTS, Plan
from analyzer.source import Source
from analyzer.store import S3Access
from bench.as_if import NO_COPIES, as_if_read, as_if_written, ready
from bench.run import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from analyzer.batch import WrittenBatch
    from analyzer.executors import Pending

CHUNK = 20_000
LISTING = """
    SELECT
        's3://a-trail-bucket/AWSLogs/o-exampleorg1/' || account_id || '/CloudTrail/us-east-1/'
            || strftime(delivered_at, '%Y/%m/%d/') || account_id || '_CloudTrail_us-east-1_'
            || strftime(delivered_at, '%Y%m%dT%H%MZ_') || format('{:016x}', number)
            || '.json.gz' AS key,
        md5(key) AS etag, 36000 AS size, delivered_at AS last_modified,
        'STANDARD' AS storage_class, false AS archived, account_id, 'us-east-1' AS region,
        delivered_at, NULL AS skipped
    FROM (
        SELECT range AS number, (111122223333 + range % 100)::VARCHAR AS account_id,
            TIMESTAMP '2022-01-01' + INTERVAL 5 MINUTE * (range // 100) AS delivered_at
        FROM range($first, $first + $count)
    )
"""
FIRST = datetime(2022, 1, 1, tzinfo=UTC)
COMMITS = 5
BATCHES = 150
SECONDS_IDLE = 5
OBJECTS_IN_A_BATCH = (219, BATCH_OBJECTS)
"""As many as docs/scale.md computes with, and the most that there are."""
NEVER_BEFORE = 2_000_000_000


def main() -> None:
    """Measure, and write DIRECTORY/scale-driver.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--objects", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--parts", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--one", nargs=2)
    given = parser.parse_args()
    if given.one:
        name, count = given.one
        with tempfile.TemporaryDirectory(prefix="tlstrail-bench-", dir=given.directory) as folder:
            print(json.dumps(MEASURED[name](Path(folder), int(count))))
        return
    figures = {
        "machine": machine(),
        "plan": [measured(given.directory, "plan", count) for count in given.objects],
        "commit": [measured(given.directory, "commit", count) for count in given.parts],
        "scheduler": [
            measured(given.directory, "scheduler", count) for count in OBJECTS_IN_A_BATCH
        ],
    }
    text = json.dumps(figures, indent=2)
    (given.directory / "scale-driver.json").write_text(text, encoding="utf-8")


def measured(directory: Path, name: str, count: int) -> dict[str, float]:
    """Return what one measurement says, in a process of its own."""
    command = [sys.executable, "-m", "bench.scale_driver", str(directory)]
    done = subprocess.run(
        [*command, "--one", name, str(count)], check=True, capture_output=True, text=True
    )
    print(name, done.stdout.strip(), flush=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def peak_mb() -> float:
    """Return the peak resident set of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def cpu_of(act: Callable[[], object]) -> float:
    """Return the CPU seconds of this process that a call takes."""
    began = time.process_time()
    act()
    return time.process_time() - began


def listing(count: int, first: int = 0) -> pa.Table:
    """Return log objects of 100 accounts as a table, every five minutes one each."""
    with duckdb.connect() as connection:
        asked = connection.sql(LISTING, params={"first": first, "count": count})
        return answer_to(asked).cast(LISTED)


def objects(count: int, first: int = 0) -> Iterator[pa.Table]:
    """Yield the same, some at a time."""
    for start in range(first, first + count, CHUNK):
        yield listing(min(CHUNK, first + count - start), start)


def plan(_folder: Path, count: int) -> dict[str, float]:
    """Plan so many objects of which a lake knows none."""
    before = peak_mb()
    planned: list[Plan] = []
    cpu = cpu_of(lambda: planned.append(Plan(objects(count), [])))
    making = cpu_of(lambda: [None for _ in objects(count)])
    return {"objects": count, "cpu_seconds": cpu - making, "mb": peak_mb() - before}


def answer_to(asked: duckdb.DuckDBPyRelation | None) -> pa.Table:
    """Return the rows of a query."""
    if asked is None:
        raise SystemExit("no query")
    rows: pa.Table = asked.to_arrow_table()
    return rows


def commits(folder: Path, parts: int) -> dict[str, float]:
    """Commit to a lake of so many parts, each of another hour."""
    files = lake_files(folder / "lake")
    manifest.create(files)
    lake = manifest.commit(files, Manifest(), Change(events=standing_parts(parts)))
    committer = Committer(files, lake, "s3://bucket/", lambda: FIRST, lambda rows: rows)
    task = Task(Source(f"{folder}/", "", S3Access()), folder / "lake", NEVER_BEFORE)
    recent = RecentRecords()
    seconds, cpu = [], []
    for number in range(COMMITS):
        batch = one_object(folder, number)
        written = write_batch(task, batch, recent.take_in(read_batch(task, batch)))
        began = time.perf_counter()
        cpu.append(cpu_of(lambda given=written: committer.commit(given)))  # type: ignore[misc]
        seconds.append(time.perf_counter() - began)
    size = (folder / "lake" / files.names("commits", "*.json")[-1]).stat().st_size
    return {
        "parts": parts,
        "cpu_seconds": min(cpu),
        "wall_seconds": min(seconds),
        "manifest_bytes": size,
    }


def standing_parts(count: int) -> tuple[Part, ...]:
    """Return what a manifest says of so many parts, each of another hour."""
    return tuple(
        Part(
            f"events/month=2010-{1 + number % 12:02}/part-{number:016x}.parquet",
            35_000,
            5_000_000,
            tuple(range(number, number + 3)),
        )
        for number in range(count)
    )


def one_object(folder: Path, number: int) -> Batch:
    """Return a batch of one object of one record."""
    key = f"111122223333_CloudTrail_us-east-1_20230101T{number // 60:02}{number % 60:02}Z_a.json.gz"
    event = {"eventVersion": "1.08", "eventID": f"{number}", "eventTime": "2023-01-01T00:00:00Z"}
    (folder / key).write_bytes(gzip.compress(json.dumps({"Records": [event]}).encode()))
    found = list_objects(LocalStore(f"{folder}/"), "", Scope())
    return Batch(f"{number:016x}", tuple(each for each in found if each.key.endswith(key)))


def scheduler(folder: Path, objects_in_a_batch: int) -> dict[str, float]:
    """Send both calls of batches of so many objects through a scheduler.

    The worker reads and writes nothing: it answers with as much as it would of real ones. What
    the scheduler takes while nothing is sent is measured apart, and counted apart.
    """
    from analyzer.cluster import cluster_at
    from analyzer.executors import in_order
    from bench.dask_cluster import scheduler_and_workers

    columns = [column.to_pylist() for column in listing(objects_in_a_batch).columns]
    sent = Batch("id", tuple(LogObject(*row) for row in zip(*columns, strict=True)))
    with (
        scheduler_and_workers(1, folder) as started,
        cluster_at(started.address, ready) as crew,
    ):
        lanes = crew.in_turn()
        apart = psutil.Process(started.scheduler.pid)

        def written(count: int) -> Iterator[Pending[WrittenBatch]]:
            for lane in islice(lanes, count):
                lane.submit(as_if_read, sent).result()
                yield lane.submit(as_if_written, sent, NO_COPIES)

        def send(count: int) -> None:
            for each in in_order(written(count), crew):
                if each.batch != sent:
                    raise SystemExit("another batch came back")

        send(1)  # whatever is imported is imported once
        idle, _, idle_wall = taken(apart, lambda: time.sleep(SECONDS_IDLE))
        scheduled, cpu, wall = taken(apart, lambda: send(BATCHES))
    scheduled -= idle / idle_wall * wall
    return {
        "objects_in_a_batch": objects_in_a_batch,
        "cpu_seconds_a_batch": (scheduled + cpu) / BATCHES,
        "of_the_scheduler": scheduled / BATCHES,
        "of_the_driver": cpu / BATCHES,
        "cpu_seconds_of_an_idle_scheduler_a_second": idle / idle_wall,
        "wall_a_batch": wall / BATCHES,
    }


def taken(other: psutil.Process, act: Callable[[], None]) -> tuple[float, float, float]:
    """Return the CPU seconds of another process and of this one, and the wall clock's."""
    before, began = sum(other.cpu_times()[:2]), time.perf_counter()
    cpu = cpu_of(act)
    return sum(other.cpu_times()[:2]) - before, cpu, time.perf_counter() - began


MEASURED: dict[str, Callable[[Path, int], dict[str, float]]] = {
    "plan": plan,
    "commit": commits,
    "scheduler": scheduler,
}


if __name__ == "__main__":
    main()
