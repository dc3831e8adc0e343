"""`make bench`: generate an archive, measure every subject on it, print the table.

    python -m bench.run DIRECTORY [--events N] [--seed N] [--repeat N]

The archive is generated once and kept in DIRECTORY; the table is printed and written to
DIRECTORY/result.md, and all figures to DIRECTORY/result.json. Of several runs of a subject
the fastest counts. Nothing else should be running.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.generate import Settings, generate

MEGABYTE = 1_000_000
SUBJECTS = ("tlstrail", "chdb", "duckdb_read_json")
_SECONDS_BETWEEN_SAMPLES = 0.02


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a subject. Memory is the resident sets of all its processes, added up."""

    subject: str
    wall_seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    peak_process_rss_mb: float
    output_mb: float
    said: dict[str, Any]


class MemoryWatch(threading.Thread):
    """Samples the resident sets of a process and its children until it ends."""

    def __init__(self, process: psutil.Process) -> None:
        """Nothing has been sampled yet."""
        super().__init__(daemon=True)
        self.peak_together = 0
        self.peak_single = 0
        self._process = process

    def run(self) -> None:
        """Sample until the process is gone."""
        while self._process.is_running():
            sizes = []
            try:
                family = [self._process, *self._process.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for process in family:
                try:
                    sizes.append(process.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue
            self.peak_together = max(self.peak_together, sum(sizes))
            self.peak_single = max(self.peak_single, *sizes, 0)
            time.sleep(_SECONDS_BETWEEN_SAMPLES)


def adopt_orphans() -> None:
    """Become the parent of processes whose own has ended, so that their time is counted.

    The workers of an ingest are children of a fork server, and outlive the driver by a moment.
    """
    set_child_subreaper = 36  # linux/prctl.h
    ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def measure(subject: str, archive: Path, out: Path, *more: str) -> Run:
    """Run a subject in a process of its own and return what it took."""
    command = [sys.executable, "-m", "bench.subjects", subject, str(archive), str(out), *more]
    children = {child.pid for child in psutil.Process().children()}
    before = os.times()
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watch = MemoryWatch(psutil.Process(process.pid))
        watch.start()
        output = process.communicate()[0]
        wall = time.perf_counter() - start
        watch.join()
    if process.returncode:
        raise SystemExit(f"{subject} failed with exit code {process.returncode}")
    for orphan in {child.pid for child in psutil.Process().children()} - children:
        with suppress(ChildProcessError):
            os.waitpid(orphan, 0)
    after = os.times()
    return Run(
        subject=subject,
        wall_seconds=round(wall, 2),
        cpu_seconds=round(
            after.children_user
            - before.children_user
            + after.children_system
            - before.children_system,
            2,
        ),
        peak_rss_mb=round(watch.peak_together / MEGABYTE, 1),
        peak_process_rss_mb=round(watch.peak_single / MEGABYTE, 1),
        output_mb=round(_bytes_under(out) / MEGABYTE, 1),
        said=json.loads(output),
    )


def fastest(archive: Path, directory: Path, repeat: int) -> dict[str, Run]:
    """Return the fastest of several runs of each subject; the last run's output stays.

    They take turns, so that a machine that is slower for a while is so for all of them.
    """
    runs: dict[str, Run] = {}
    for _ in range(repeat):
        for subject in SUBJECTS:
            out = directory / f"{subject}.out"
            shutil.rmtree(out, ignore_errors=True)
            out.unlink(missing_ok=True)
            run = measure(subject, archive, out)
            print(f"{subject}: {run.wall_seconds} s", file=sys.stderr)
            runs[subject] = min(run, runs.get(subject, run), key=lambda each: each.wall_seconds)
        floor = measure("floor", archive, directory / "tlstrail.out")
        print(f"floor: {floor.said['seconds']:.2f} s", file=sys.stderr)
        runs["floor"] = min(floor, runs.get("floor", floor), key=lambda each: each.said["seconds"])
    return runs


def archive_of(directory: Path, events: int, seed: int) -> Path:
    """Return the archive of these settings, generated if it is not there yet."""
    archive = directory / f"archive-{events}-{seed}"
    if not archive.exists():
        print(f"generating {events:,} events into {archive}", file=sys.stderr)
        unfinished = archive.with_name(f"{archive.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        generate(unfinished, Settings(events=events, seed=seed))
        unfinished.rename(archive)
    return archive


def table(runs: dict[str, Run], floor_seconds: float, compacted: Run) -> str:
    """Return the figures as Markdown."""
    ours = runs["tlstrail"]
    said = ours.said
    lines = [
        (
            f"{said['events']:,} events ({said['duplicates']:,} of them duplicates), "
            f"{said['gz_bytes'] / MEGABYTE:,.0f} MB gzipped, "
            f"{said['json_bytes'] / MEGABYTE:,.0f} MB JSON. {machine()}."
        ),
        "",
        (
            "| all fields to Parquet | seconds | events/s | MB JSON/s | CPU s | peak RSS, all "
            "processes | output | against tlstrail |"
        ),
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for run in runs.values():
        events = int(run.said["events"])
        lines.append(
            f"| {run.subject} | {run.wall_seconds:.1f} | {events / run.wall_seconds:,.0f} "
            f"| {said['json_bytes'] / run.wall_seconds / MEGABYTE:,.0f} | {run.cpu_seconds:.1f} "
            f"| {run.peak_rss_mb:,.0f} MB | {run.output_mb:,.0f} MB "
            f"| {run.wall_seconds / ours.wall_seconds:.2f} x |"
        )
    stages = said["cpu_seconds_by_stage"]
    lines += [
        "",
        (
            f"Floor (gunzip, simdjson parse, Parquet write of the same tables, two processes): "
            f"{floor_seconds:.2f} s; tlstrail reaches "
            f"{100 * floor_seconds / ours.wall_seconds:.0f} % of it."
        ),
        "CPU seconds by stage: "
        + ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in stages.items())
        + f". Largest single process: {ours.peak_process_rss_mb:,.0f} MB. "
        f"Lake: {ours.output_mb * MEGABYTE / said['gz_bytes']:.2f} bytes for each gz byte, "
        f"{int(compacted.said['bytes']) / said['gz_bytes']:.2f} after compact, which took "
        f"{compacted.wall_seconds:.1f} s and {compacted.peak_rss_mb:,.0f} MB.",
    ]
    return "\n".join(lines)


def archive_options(what: str | None) -> argparse.ArgumentParser:
    """Return a parser of where to measure, and on which archive; `what` is the module's text."""
    parser = argparse.ArgumentParser(description=what.partition("\n")[0] if what else "")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    return parser


def main() -> None:
    """Measure and print."""
    parser = archive_options(__doc__)
    parser.add_argument("--repeat", type=int, default=2)
    given = parser.parse_args()
    given.directory.mkdir(parents=True, exist_ok=True)
    adopt_orphans()
    archive = archive_of(given.directory, given.events, given.seed)
    runs = fastest(archive, given.directory, given.repeat)
    floor = runs.pop("floor")
    shutil.rmtree(given.directory / "compacted.out", ignore_errors=True)
    compacted = measure(
        "compacted", given.directory / "tlstrail.out", given.directory / "compacted.out"
    )
    result = table(runs, float(floor.said["seconds"]), compacted)
    print(result)
    (given.directory / "result.md").write_text(result + "\n", encoding="utf-8")
    figures = {
        name: asdict(run) for name, run in {**runs, "floor": floor, "compacted": compacted}.items()
    }
    (given.directory / "result.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")


def machine() -> str:
    """Return what this machine is, in a few words."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, CPython {platform.python_version()}"
    )


def _bytes_under(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


if __name__ == "__main__":
    main()
