"""Kill the workers of a Dask cluster at random while they ingest, and compare the rows.

    python -m bench.soak_cluster --runs 20

The command line runs in a process of its own, with batches so small that there are many
commits, on a `LocalCluster` of processes. While it runs, one worker after another is ended by
SIGKILL at a random moment; the cluster starts a new one in its place, which takes a while.
Where Dask gives a batch up because it was under way on four killed workers, the command is run
again. Each lake must have the rows and the ledger of one that was never disturbed. Exits with 1
where anything differs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from analyzer.errors import ExitCode
from analyzer.status import status
from bench import generate
from bench.dask_cluster import local_cluster, worker_processes
from bench.soak import ROOT, THE_COMMAND_LINE, contents_of, left_behind, newest

if TYPE_CHECKING:
    from distributed import LocalCluster

    from bench.soak import Contents

MOST_COMMITS_BETWEEN_KILLS = 6
SECONDS_WITHOUT_WORKERS = 15
SECONDS_OF_A_BATCH = 0.3
"""About; a worker is killed somewhere in it."""


@dataclass
class Count:
    """What has happened so far."""

    runs: int = 0
    kills: int = 0
    killed_at: Counter[int] = field(default_factory=Counter)
    """Kills by the number of the lake's newest commit."""
    run_again: int = 0
    """How often Dask gave a batch up, and the command was run again."""
    started_anew: int = 0
    """How often all workers were lost for good, and others were started."""
    mismatches: list[str] = field(default_factory=list)


class ClusterSoak:
    """An archive, the lake that was never disturbed, and the cluster that is."""

    def __init__(self, folder: Path, arguments: argparse.Namespace, cluster: LocalCluster) -> None:
        """Write the archive, and ingest it once in processes here, without a kill."""
        self.count = Count()
        self._cluster = cluster
        self._workers: int = arguments.workers
        self._rng = Random(arguments.seed)
        self._archive, self._lake = folder / "archive", folder / "lake"
        settings = generate.Settings(events=arguments.events, seed=arguments.seed, processes=2)
        summary = generate.generate(self._archive, settings)
        undisturbed = folder / "undisturbed"
        self._started(undisturbed, "--workers", "2").wait()
        self._wanted: Contents = contents_of(undisturbed)
        commits = newest(undisturbed).number
        print(f"{summary.events:,} events in {summary.objects:,} objects; {commits} commits")

    def run(self) -> None:
        """Ingest once on the cluster, and kill workers until it is done."""
        self.count.runs += 1
        while (code := self._killing()) == ExitCode.STORE_REFUSED:
            self.count.run_again += 1
        wrong = [] if code in {ExitCode.DONE, ExitCode.INCOMPLETE} else [f"exit code {code}"]
        status(self._lake, check=True)
        found = contents_of(self._lake)
        wrong += [] if found.rows.equals(self._wanted.rows) else ["other rows"]
        wrong += [] if found.ledger.equals(self._wanted.ledger) else ["another ledger"]
        left = [path for path in left_behind(self._lake) if not path.startswith("commits/")]
        wrong += [f"files left behind: {left}"] if left else []
        self.count.mismatches += wrong
        shutil.rmtree(self._lake)

    def _killing(self) -> int:
        """Run the command to its end; after every few commits a worker dies at some moment."""
        driver = self._started(self._lake, "--scheduler", self._cluster.scheduler_address)
        seen = time.monotonic()
        next_kill = newest(self._lake).number + self._rng.randint(1, MOST_COMMITS_BETWEEN_KILLS)
        while driver.poll() is None:
            time.sleep(0.01)
            running = worker_processes(self._cluster)
            if running:
                seen = time.monotonic()
            elif time.monotonic() - seen > SECONDS_WITHOUT_WORKERS:
                self._start_workers()
                seen = time.monotonic()
            if newest(self._lake).number < next_kill or not running:
                continue
            with suppress(subprocess.TimeoutExpired):
                driver.wait(self._rng.uniform(0, SECONDS_OF_A_BATCH))
            with suppress(ProcessLookupError):
                os.kill(self._rng.choice(running), signal.SIGKILL)
                self.count.kills += 1
            commit = newest(self._lake).number
            self.count.killed_at[commit] += 1
            next_kill = commit + self._rng.randint(1, MOST_COMMITS_BETWEEN_KILLS)
        return driver.returncode

    def _start_workers(self) -> None:
        """Start workers in place of those that Dask has given up: killed while they started."""
        self.count.started_anew += 1
        self._cluster.scale(0)
        while self._cluster.workers:
            time.sleep(0.1)
        self._cluster.scale(self._workers)

    def _started(self, lake: Path, *more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "bench.soak", THE_COMMAND_LINE, self._archive, "--quiet"),
                *("--lake", lake),
                *more,
            ],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )


def summary_of(count: Count) -> str:
    """Return the summary that stands at the end."""
    return (
        f"runs: {count.runs}, each compared row for row; workers killed: {count.kills}, when the "
        f"lakes were at {len(count.killed_at)} different commits; run again because Dask gave a "
        f"batch up: {count.run_again}; all workers lost for good: {count.started_anew}\n"
        f"mismatches: {len(count.mismatches)} {count.mismatches}"
    )


def main() -> int:
    """Run the soak."""
    parser = argparse.ArgumentParser(description="Kill workers of a cluster at random.")
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="tlstrail-soak-") as folder,
        local_cluster(arguments.workers) as cluster,
    ):
        trial = ClusterSoak(Path(folder), arguments, cluster)
        for _ in range(arguments.runs):
            trial.run()
            print(
                f"run {trial.count.runs}: {trial.count.kills} kills, "
                f"{len(trial.count.mismatches)} mismatches so far",
                flush=True,
            )
    print(summary_of(trial.count))
    print(f"seconds: {time.perf_counter() - began:.0f}")
    return 1 if trial.count.mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
