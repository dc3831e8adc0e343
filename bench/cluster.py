"""`make bench-cluster`: two workers by Dask against two processes, on the same archive.

    python -m bench.cluster DIRECTORY [--events N] [--repeat N]

A scheduler and two workers are started with the command lines of docs/cluster.md. The runs of
the two take turns, so that a busy machine is busy for both, and of each the fastest counts. The
figures go to DIRECTORY/cluster.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from analyzer.executors import KEEP_MEMORY
from bench.run import archive_of, machine

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKERS = 2


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    archive = archive_of(given.directory, given.events, seed=1)
    runs: dict[str, list[dict[str, float]]] = {"processes": [], "dask": []}
    with (
        tempfile.TemporaryDirectory(prefix="tlstrail-bench-") as folder,
        scheduler_and_workers(WORKERS, Path(folder)) as (address, workers),
    ):
        for _ in range(given.repeat):
            for name, more in (
                ("processes", ("--workers", str(WORKERS))),
                ("dask", ("--scheduler", address)),
            ):
                run = ingested(archive, Path(folder) / "lake", more, workers)
                runs[name].append(run)
                print(name, {key: round(value, 2) for key, value in run.items()}, flush=True)
    best = {name: min(run["wall_seconds"] for run in of_one) for name, of_one in runs.items()}
    figures = {
        "machine": machine(),
        "events": given.events,
        "runs": runs,
        "seconds": best,
        "ratio": best["dask"] / best["processes"],
    }
    (given.directory / "cluster.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")
    print(
        f"{given.events:,} events: {WORKERS} processes {best['processes']:.1f} s, "
        f"{WORKERS} workers by Dask {best['dask']:.1f} s, {figures['ratio']:.2f} x"
    )


def ingested(
    archive: Path, lake: Path, more: tuple[str, ...], workers: list[psutil.Process]
) -> dict[str, float]:
    """Return what an ingest took: the wall clock, and CPU seconds of it and of the workers."""
    shutil.rmtree(lake, ignore_errors=True)
    before = cpu_seconds(workers)
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
    if process.returncode:
        raise SystemExit(f"the ingest failed with exit code {process.returncode}")
    return {
        "wall_seconds": time.perf_counter() - began,
        "cpu_seconds": sum(family.values()) + cpu_seconds(workers) - before,
    }


def children_of(process: psutil.Process) -> list[psutil.Process]:
    """Return the processes that a process has started; none when it has ended."""
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Return the CPU seconds of processes and all below them."""
    return sum(
        sum(each.cpu_times()[:2])
        for process in processes
        for each in [process, *process.children(recursive=True)]
    )


@contextmanager
def scheduler_and_workers(count: int, folder: Path) -> Iterator[tuple[str, list[psutil.Process]]]:
    """Yield a scheduler's address, and the processes of it and its workers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    dask = [sys.executable, "-m", "dask"]
    port = address.rpartition(":")[2]
    commands = (
        [*dask, "scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"],
        [*dask, "worker", address, "--nworkers", str(count), "--nthreads", "1"],
    )
    with ExitStack() as stack:
        said = stack.enter_context((folder / "dask.log").open("wb"))
        processes = []
        for command in commands:
            process = subprocess.Popen(
                command, cwd=folder, stdout=said, stderr=said, env=os.environ | KEEP_MEMORY
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            processes.append(psutil.Process(process.pid))
        wait_for_workers(address, count)
        yield address, processes


def wait_for_workers(address: str, count: int) -> None:
    """Return when so many workers have joined."""
    from distributed import Client

    with Client(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=60)


if __name__ == "__main__":
    main()
