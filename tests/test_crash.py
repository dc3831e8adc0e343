"""kill -9 at any moment, and the same command again: the rows of an uninterrupted run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import ExitCode, LakeError
from analyzer.lake import Narrowing, open_lake
from analyzer.status import status
from tests import PATIENCE
from tests.processes import ended_with_the_test

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks up processes in /proc")

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


@pytest.mark.parametrize("commits", [0, 4])
def test_a_killed_worker_ends_the_run_with_one_line_and_a_whole_lake(
    commits: int, uninterrupted: pa.Table, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"

    with started(lake, workers=2) as run:
        wait_until(lambda: len(workers_of(run)) == 2 and commits_of(lake) >= commits)
        os.kill(workers_of(run)[0], signal.SIGKILL)
        _, said = run.communicate(timeout=PATIENCE)

    assert run.returncode == ExitCode.STORE_REFUSED
    assert said.startswith("tlstrail: a worker process was killed")
    assert said.count("\n") == 1
    assert_completes(lake, uninterrupted)


@pytest.mark.parametrize("commits", [0, 4])
def test_the_workers_of_a_killed_driver_end_by_themselves(
    commits: int, uninterrupted: pa.Table, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"

    with started(lake, workers=2) as run:
        wait_until(lambda: len(workers_of(run)) == 2 and commits_of(lake) >= commits)
        children = children_of(run.pid) + workers_of(run)
        run.kill()
        run.communicate(timeout=PATIENCE)

    wait_until(lambda: not any(map(is_running, children)))
    assert_completes(lake, uninterrupted)


def test_whoever_reads_during_a_run_sees_whole_commits_only(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    seen = set()

    with started(lake, workers=2) as run:
        wait_until((lake / "lake.json").exists)
        while run.poll() is None:
            # When a run ends, the ledger's merged parts go; who reads them just then is told so.
            with suppress_asking_again():
                seen.add(status(lake, check=True).commit)
        run.communicate(timeout=PATIENCE)

    assert len(seen) > 1


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
def started(lake: Path, workers: int) -> Iterator[subprocess.Popen[str]]:
    """Start an ingest in batches so small that there are many commits."""
    process = subprocess.Popen(
        [
            *(sys.executable, RUNNER, "ingest", ARCHIVE, "--quiet"),
            *("--lake", lake, "--workers", str(workers)),
        ],
        env=environment(),
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


def workers_of(run: subprocess.Popen[str]) -> list[int]:
    """Return the processes that read batches: those that the fork server has forked."""
    return [
        worker
        for child in children_of(run.pid)
        if b"forkserver" in Path(f"/proc/{child}/cmdline").read_bytes()
        for worker in children_of(child)
    ]


def children_of(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def is_running(process: int) -> bool:
    """Whether a process is there, and not only its exit code for whom it may concern."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)
