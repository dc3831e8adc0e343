"""`make bench-cluster`: two workers by Dask against two processes, on the same archive.

    python -m bench.cluster DIRECTORY [--events N] [--repeat N]

A scheduler and two workers are started with the command lines of docs/cluster.md. The runs of
the two take turns, so that a busy machine is busy for both, and of each the fastest counts. Before
them, what a cluster costs that has nothing to do: with Dask's own settings, and with those of the
page. The figures go to DIRECTORY/cluster.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from analyzer.lake import Narrowing, open_lake
from bench.dask_cluster import LOOK_RARELY, Started, scheduler_and_workers
from bench.run import archive_of, machine

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKERS = 2
IDLE_SECONDS = 8.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    archive = archive_of(given.directory, given.events, seed=1)
    idle = {"as Dask has it": idling({}), "as docs/cluster.md has it": idling(LOOK_RARELY)}
    print("with nothing to do, CPU ms a second:", idle, flush=True)
    runs: dict[str, list[dict[str, float]]] = {"processes": [], "dask": []}
    with (
        tempfile.TemporaryDirectory(prefix="tlstrail-bench-") as folder,
        scheduler_and_workers(WORKERS, Path(folder)) as cluster,
    ):
        for _ in range(given.repeat):
            for name, more in (
                ("processes", ("--workers", str(WORKERS))),
                ("dask", ("--scheduler", cluster.address)),
            ):
                run = ingested(archive, Path(folder) / "lake", more, cluster)
                runs[name].append(run)
                print(name, {key: round(value, 2) for key, value in run.items()}, flush=True)
    best = {name: min(run["wall_seconds"] for run in of_one) for name, of_one in runs.items()}
    figures = {
        "machine": machine(),
        "events": given.events,
        "idle_cpu_ms_per_second": idle,
        "runs": runs,
        "seconds": best,
        "ratio": best["dask"] / best["processes"],
    }
    (given.directory / "cluster.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")
    print(
        f"{given.events:,} events: {WORKERS} processes {best['processes']:.1f} s, "
        f"{WORKERS} workers by Dask {best['dask']:.1f} s, {figures['ratio']:.2f} x"
    )


def idling(settings: Mapping[str, str]) -> dict[str, float]:
    """Return what a scheduler and a worker cost that wait, in CPU ms a second, by process."""
    with (
        tempfile.TemporaryDirectory(prefix="tlstrail-bench-") as folder,
        scheduler_and_workers(1, Path(folder), settings=settings) as cluster,
    ):
        time.sleep(1)  # until those that have just started are at rest
        scheduler = psutil.Process(cluster.scheduler.pid)
        nanny = psutil.Process(cluster.workers[0].pid)
        families = {"scheduler": [scheduler], "nanny": [nanny], "worker": children_of(nanny)}
        before = {name: cpu_seconds_of(family) for name, family in families.items()}
        began = time.perf_counter()
        time.sleep(IDLE_SECONDS)
        seconds = time.perf_counter() - began
        return {
            name: round(1_000 * (cpu_seconds_of(family) - before[name]) / seconds, 1)
            for name, family in families.items()
        }


def ingested(
    archive: Path, lake: Path, more: tuple[str, ...], cluster: Started
) -> dict[str, float]:
    """Return what an ingest took: the wall clock, and CPU seconds in all and of the driver."""
    shutil.rmtree(lake, ignore_errors=True)
    scheduler = psutil.Process(cluster.scheduler.pid)
    workers = [psutil.Process(worker.pid) for worker in cluster.workers]
    before, scheduled = cpu_seconds(workers), cpu_seconds([scheduler])
    began = time.perf_counter()
    command = [sys.executable, "-m", "analyzer", "ingest", archive, "--quiet", "--lake", lake]
    process = psutil.Popen([*map(str, command), *more])
    family: dict[int, float] = {}
    while process.poll() is None:
        for each in [process, *children_of(process)]:
            try:
                family[each.pid] = sum(each.cpu_times()[:2])
            except psutil.Error:
                continue
        time.sleep(0.02)
    wall = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"the ingest failed with exit code {process.returncode}")
    of_scheduler = cpu_seconds([scheduler]) - scheduled
    return {
        "wall_seconds": wall,
        "cpu_seconds": sum(family.values()) + cpu_seconds(workers) - before + of_scheduler,
        "driver_cpu_seconds": family[process.pid],
        "scheduler_cpu_seconds": of_scheduler,
        "batches": batches_of(lake),
    }


def batches_of(lake: Path) -> int:
    """Return how many batches a lake was written in."""
    with open_lake(lake, Narrowing()) as opened:
        counted = opened.table("SELECT count(DISTINCT part) AS batches FROM objects")
    return int(counted["batches"][0].as_py())


def children_of(process: psutil.Process) -> list[psutil.Process]:
    """Return the processes that a process has started; none when it has ended."""
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Return the CPU seconds of processes and all below them."""
    return cpu_seconds_of(
        [each for process in processes for each in [process, *process.children(recursive=True)]]
    )


def cpu_seconds_of(processes: list[psutil.Process]) -> float:
    """Return the CPU seconds of processes, without what is below them."""
    return sum(sum(each.cpu_times()[:2]) for each in processes)


if __name__ == "__main__":
    main()
