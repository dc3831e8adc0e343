"""Kill an ingest at random moments, go on each time, and compare the rows in the end.

    python -m bench.soak --events 60000 --kills 200

The command line runs in processes of its own, with batches so small that there are many
commits; the whole group is ended by SIGKILL after a random time of up to that of a full run.
After each kill the checks must hold; each lake that gets complete must have the rows and the
ledger of one that was never disturbed. Exits with 1 where anything differs.
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
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from analyzer import plan
from analyzer.cli import run
from analyzer.errors import TlstrailError
from analyzer.lake import Narrowing, open_lake
from analyzer.lake_files import UNFINISHED
from analyzer.local_lake import LocalLakeFiles
from analyzer.manifest import Manifest, read_lake
from analyzer.status import status
from bench import generate

if TYPE_CHECKING:
    import pyarrow as pa

ROOT = Path(__file__).parents[1]
OBJECTS_IN_A_BATCH = 20
KILLS_BETWEEN_LINES = 10
SLOWER = 1.05
THE_COMMAND_LINE = "ingest"
"""The first argument of the processes that are killed."""
UNFINISHED_IN = {
    "commits/": "writing a commit",
    "objects/": "writing a ledger part",
    "events/": "writing a part",
}
"""What a process was doing that left an unfinished file there."""


@dataclass(frozen=True)
class Contents:
    """All of a lake that is the same however it came about."""

    rows: pa.Table
    ledger: pa.Table


@dataclass
class Count:
    """What has happened so far."""

    kills: int = 0
    at: Counter[str] = field(default_factory=Counter)
    """Kills by what the process was doing, as far as its files tell."""
    at_commits: Counter[int] = field(default_factory=Counter)
    """Kills by the number of the lake's newest commit."""
    completed: int = 0
    mismatches: list[str] = field(default_factory=list)


class Soak:
    """An archive, the lake that was never disturbed, and the lake that is."""

    def __init__(self, folder: Path, settings: generate.Settings, workers: int) -> None:
        """Write the archive, and ingest it once without a kill."""
        self.count = Count()
        self._archive, self._lake = folder / "archive", folder / "lake"
        self._workers = workers
        summary = generate.generate(self._archive, settings)
        print(f"{summary.events:,} events in {summary.objects:,} objects")
        undisturbed = folder / "undisturbed"
        began = time.perf_counter()
        self._exit_code = self._started(undisturbed).wait()
        self.seconds = time.perf_counter() - began
        """How long a full run takes, as far as is known."""
        status(undisturbed, check=True)
        self._wanted = contents_of(undisturbed)
        commits = read_lake(LocalLakeFiles(undisturbed)).number
        print(f"an undisturbed run: {self.seconds:.1f} s, {commits} commits")

    def run_for(self, seconds: float) -> None:
        """Ingest until it is done, or until it is killed after so many seconds."""
        commit, is_new = newest(self._lake).number, not self._lake.exists()
        began = time.perf_counter()
        process = self._started(self._lake)
        try:
            exit_code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            end_group(process)
            self._after_a_kill(commit)
        else:
            if is_new and exit_code == self._exit_code:
                self.seconds = time.perf_counter() - began
            self._after_the_end(exit_code)

    def complete(self) -> None:
        """Let what is in the lake be completed undisturbed."""
        self._after_the_end(self._started(self._lake).wait())

    def _after_a_kill(self, commit_before: int) -> None:
        self.count.kills += 1
        self.count.at[doing(self._lake, commit_before)] += 1
        commit = newest(self._lake).number
        self.count.at_commits[commit] += 1
        if commit == commit_before:  # the machine may be busier than it was
            self.seconds *= SLOWER
        if not (self._lake / "lake.json").exists():
            return
        try:
            status(self._lake, check=True)
        except TlstrailError as error:
            self._mismatch(f"after a kill: {error}")

    def _after_the_end(self, exit_code: int) -> None:
        if exit_code != self._exit_code:
            self._mismatch(f"exit code {exit_code} instead of {self._exit_code}")
            return
        try:
            status(self._lake, check=True)
            found = contents_of(self._lake)
        except TlstrailError as error:
            self._mismatch(f"a complete lake: {error}")
            return
        left = [path for path in left_behind(self._lake) if not path.startswith("commits/")]
        for what, is_so in (
            ("other rows", not found.rows.equals(self._wanted.rows)),
            ("another ledger", not found.ledger.equals(self._wanted.ledger)),
            (f"files left behind: {left}", bool(left)),
        ):
            if is_so:
                self._mismatch(f"a complete lake has {what}")
                return
        self.count.completed += 1
        shutil.rmtree(self._lake)

    def _mismatch(self, what: str) -> None:
        self.count.mismatches.append(what)
        print(f"MISMATCH {what}")
        shutil.rmtree(self._lake, ignore_errors=True)

    def _started(self, lake: Path) -> subprocess.Popen[bytes]:
        """Start the command line as the leader of a group of its own."""
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "bench.soak", THE_COMMAND_LINE, self._archive, "--quiet"),
                *("--lake", lake, "--workers", str(self._workers)),
            ],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )


def end_group(leader: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it has started, and wait until they are gone."""
    os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()
    for _ in range(100):
        try:
            os.killpg(leader.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)


def newest(lake: Path) -> Manifest:
    """Return the newest manifest, an empty one where there is no lake."""
    return read_lake(LocalLakeFiles(lake)) if (lake / "lake.json").exists() else Manifest()


def left_behind(lake: Path) -> list[str]:
    """Return the files in a lake's folder that do not belong to it."""
    belonging = newest(lake).paths() | {"lake.json", ".lock", "lake.duckdb", "lake.sql"}
    files = {path.relative_to(lake).as_posix() for path in lake.rglob("*") if path.is_file()}
    return sorted(files - belonging)


def doing(lake: Path, commit_before: int) -> str:
    """Return what a killed process was doing, as far as its files tell."""
    if not (lake / "lake.json").exists():
        return "starting: there was no lake yet"
    left = left_behind(lake)
    unfinished = [path for path in left if path.endswith(UNFINISHED)]
    for folder, what in UNFINISHED_IN.items():
        if any(path.startswith(folder) for path in unfinished):
            return what
    if any(path.endswith(".parquet") for path in left):
        return "with parts that no commit names"
    if newest(lake).number == commit_before:
        return "before its first commit"
    return "between commits, with nothing left behind"


def contents_of(root: Path) -> Contents:
    """Return the rows and the ledger of a lake in a total order."""
    with open_lake(root, Narrowing()) as lake:
        return Contents(
            lake.table("FROM event_rows ORDER BY ALL"),
            lake.table("SELECT * EXCLUDE (part, ingested_at) FROM objects ORDER BY ALL"),
        )


def soak(folder: Path, arguments: argparse.Namespace) -> Count:
    """Kill so many times, and say how it goes."""
    settings = generate.Settings(
        events=arguments.events, seed=arguments.seed, processes=arguments.workers
    )
    trial = Soak(folder, settings, arguments.workers)
    rng = Random(arguments.seed)
    told = 0
    while trial.count.kills < arguments.kills:
        trial.run_for(rng.uniform(0, trial.seconds))
        if trial.count.kills - told >= KILLS_BETWEEN_LINES:
            told = trial.count.kills
            print(
                f"{told:4} kills, {trial.count.completed} lakes completed, "
                f"{len(trial.count.mismatches)} mismatches",
                flush=True,
            )
    trial.complete()
    return trial.count


def summary_of(count: Count) -> str:
    """Return the summary that stands at the end."""
    commits = sorted(count.at_commits)
    return "\n".join(
        [
            f"kills: {count.kills}, when the lake was at {len(commits)} different commits",
            *(f"{kills:6}  {what}" for what, kills in count.at.most_common()),
            f"completed lakes: {count.completed}, each compared row for row",
            f"mismatches: {len(count.mismatches)}",
        ]
    )


def main() -> int:
    """Run the soak, or be what it kills."""
    if sys.argv[1:2] == [THE_COMMAND_LINE]:
        plan.BATCH_OBJECTS = OBJECTS_IN_A_BATCH
        return run(sys.argv[1:])
    parser = argparse.ArgumentParser(description="Kill an ingest at random moments.")
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="tlstrail-soak-") as folder:
        count = soak(Path(folder), arguments)
    print(summary_of(count))
    print(f"seconds: {time.perf_counter() - began:.0f}")
    return 1 if count.mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
