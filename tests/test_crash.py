"""kill -9 at any moment, and the same command again: the rows of an uninterrupted run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from analyzer.errors import ExitCode, LakeError
from analyzer.lake import Narrowing, open_lake
from analyzer.status import status
from tests import PATIENCE
from tests.processes import (
    ended_with_the_test,
    go_on,
    is_paused,
    is_running,
    wait_for_pause,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="stops and continues processes by signals"
)

ROOT = Path(__file__).parents[1]
ARCHIVE = ROOT / "fixtures" / "archive"
RUNNER = Path(__file__).with_name("crash_runner.py")

SHARDS = 2


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize(
    "scenario", ["a new lake", "new objects", "changed objects", "a compaction"]
)
def test_killed_at_any_moment_and_run_again_it_has_the_rows_of_an_uninterrupted_run(
    scenario: str, shard: int, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, RUNNER, "moments", scenario, tmp_path, str(shard), str(SHARDS)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["wrong"] == {}
    assert found["of"] > 20
    assert {"open", "write", "rename to", "remove"} <= found["killed"].keys()


@pytest.mark.parametrize("commits", [1, 4])
def test_a_killed_worker_ends_the_run_with_one_line_and_a_whole_lake(
    commits: int, uninterrupted: pa.Table, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"

    with started(lake, workers=2, pause_after=commits) as run:
        workers_after(commits, run, lake)[0].kill()
        wait_until(lambda: is_paused(run) or run.poll() is not None)
        go_on(run)
        _, said = run.communicate(timeout=PATIENCE)

    assert run.returncode == ExitCode.STORE_REFUSED
    assert said.startswith("tlstrail: a worker process was killed")
    assert said.count("\n") == 1
    assert_completes(lake, uninterrupted)


@pytest.mark.parametrize("commits", [1, 4])
def test_the_workers_of_a_killed_driver_end_by_themselves(
    commits: int, uninterrupted: pa.Table, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"

    with started(lake, workers=2, pause_after=commits) as run:
        workers_after(commits, run, lake)
        children = psutil.Process(run.pid).children(recursive=True)
        run.kill()
        run.communicate(timeout=PATIENCE)

    assert len(children) > 2
    wait_until(lambda: not any(map(is_running, children)))
    assert_completes(lake, uninterrupted)


def test_whoever_reads_during_a_run_sees_whole_commits_only(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    seen = set()

    with started(lake, workers=2, pause_after=2) as run:
        wait_for_pause(run)
        seen.add(status(lake, check=True).commit)
        go_on(run)
        while run.poll() is None:
            # When a run ends, the ledger's merged parts go; who reads them just then is told so.
            with suppress_asking_again():
                seen.add(status(lake, check=True).commit)
        run.communicate(timeout=PATIENCE)

    seen.add(status(lake, check=True).commit)
    assert min(seen) == 2
    assert max(seen) > 10


@contextmanager
def suppress_asking_again() -> Iterator[None]:
    """Let a reader be told that the lake was changed while it was read, and nothing else."""
    try:
        yield
    except LakeError as error:
        assert "the lake was changed while it was read; ask again" in str(error)  # noqa: PT017


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    lake = tmp_path_factory.mktemp("uninterrupted") / "lake"
    with started(lake, workers=1) as run:
        run.communicate(timeout=PATIENCE)
    return rows_of(lake)


def environment() -> dict[str, str]:
    """Return what a process of its own begins with: what there is when it is started."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


@contextmanager
def started(
    lake: Path, workers: int, pause_after: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Start an ingest in batches so small that there are many commits.

    It stops itself when there are `pause_after` commits, so that it is not over by then.
    """
    pause = {} if pause_after is None else {"PAUSED_BEFORE_COMMIT": str(pause_after + 1)}
    process = subprocess.Popen(
        [
            *(sys.executable, RUNNER, "ingest", ARCHIVE, "--quiet"),
            *("--lake", lake, "--workers", str(workers)),
        ],
        env=environment() | pause,
        stderr=subprocess.PIPE,
        text=True,
    )
    with ended_with_the_test(process) as run:
        yield run


def assert_completes(lake: Path, uninterrupted: pa.Table) -> None:
    """The lake is whole as it is, and complete when the command has been run again."""
    try:
        status(lake, check=True)
    except LakeError:
        assert not (lake / "lake.json").exists()

    with started(lake, workers=2) as run:
        _, said = run.communicate(timeout=PATIENCE)

    assert (run.returncode, said) == (ExitCode.DONE, "")
    status(lake, check=True)
    assert rows_of(lake).equals(uninterrupted)
    assert not [*lake.rglob("*.unfinished")]


def rows_of(root: Path) -> pa.Table:
    with open_lake(root, Narrowing()) as lake:
        return lake.table("FROM event_rows ORDER BY ALL")


def commits_of(lake: Path) -> int:
    """Return the number of the newest commit."""
    return max((int(path.stem) for path in lake.glob("commits/*.json")), default=0)


def workers_after(commits: int, run: subprocess.Popen[str], lake: Path) -> list[psutil.Process]:
    """Return the two workers once there are so many commits."""
    workers: list[psutil.Process] = []

    def are_there() -> bool:
        assert run.poll() is None, "it ended before it came to that"
        workers[:] = workers_of(run)
        return len(workers) == 2 and commits_of(lake) >= commits

    wait_until(are_there)
    return workers


def workers_of(run: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the processes that read batches: those that the fork server has forked."""
    return [worker for child in psutil.Process(run.pid).children() for worker in children_of(child)]


def children_of(process: psutil.Process) -> list[psutil.Process]:
    """Return the processes that a process has started; none when it has ended."""
    try:
        return process.children()
    except psutil.NoSuchProcess:
        return []
