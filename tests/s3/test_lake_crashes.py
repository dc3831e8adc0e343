"""kill -9 between any two requests to a lake on S3, and the same command again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analyzer import manifest
from analyzer.cli import run as run_command
from analyzer.lake_place import lake_files
from analyzer.orphans import remove_orphans
from tests import PATIENCE
from tests.crash_runner import (
    MERGED_AT_ONCE,
    OBJECTS_IN_A_BATCH,
    SCENARIOS,
    State,
    differences,
    put,
    seen_by_a_reader,
)
from tests.s3.lakes import keys_below, not_named, place_in

if TYPE_CHECKING:
    from analyzer.lake_files import LakeFiles
    from analyzer.lake_place import S3Place
    from analyzer.manifest import Change, Manifest
    from tests.s3.buckets import Bucket

pytestmark = pytest.mark.usefixtures("credentials")

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("scenario", list(SCENARIOS))
def test_killed_between_two_requests_and_run_again_it_has_the_rows_of_an_uninterrupted_run(
    scenario: str, bucket: Bucket, weed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.plan.BATCH_OBJECTS", OBJECTS_IN_A_BATCH)
    monkeypatch.setattr("analyzer.ledger.MERGED_AT_ONCE", MERGED_AT_ONCE)
    command = made_before(scenario, tmp_path / "archive", place_in(bucket, weed, "before"))
    before = {key.removeprefix("before/"): body for key, body in keys_below(bucket).items()}

    def copied(name: str) -> S3Place:
        bucket.put_all({f"{name}/{key}": body for key, body in before.items()})
        return place_in(bucket, weed, name)

    states = states_of(command, copied("whole"), monkeypatch)
    last = states[max(states)]
    requests = json.loads(killed(-1, command, copied("counted")).stdout)
    for turn, kill_at in enumerate(telling(requests)):
        place = copied(f"killed-{turn}")

        assert killed(kill_at, command, place).returncode == -signal.SIGKILL
        when = f"killed before request {kill_at}, {requests[kill_at]}"
        if f"killed-{turn}/lake.json" in keys_below(bucket):
            crashed = seen_by_a_reader(place)
            assert differences(when, crashed, states.get(crashed.commit)) == []
        run_command([*command, *reach(place)])
        after = seen_by_a_reader(place, check=False)
        assert differences(f"{when}, in the end", after, last) == []
        tidied_up(lake_files(place))
        assert seen_by_a_reader(place, check=False).rows == last.rows


def telling(requests: list[str | list[str]]) -> list[int]:
    """Return before which requests to kill: a commit, and either side of a deletion of events.

    A deletion names several paths, and a put one.
    """
    commits = [number for number, path in enumerate(requests) if "/commits/" in path]
    deletions = [
        number
        for number, paths in enumerate(requests)
        if isinstance(paths, list) and any("/events/" in path for path in paths)
    ]
    assert commits
    chosen = {
        commits[len(commits) // 2],
        *(each + side for each in deletions[:1] for side in (0, 1)),
    }
    return sorted(chosen & set(range(len(requests))))


def made_before(scenario: str, archive: Path, place: S3Place) -> list[str]:
    """Make the archive, and the lake as it was before the run that is killed; return that run."""
    stages, killed_stage = SCENARIOS[scenario]
    ingest = ["ingest", str(archive), "--workers", "1", "--quiet"]
    for version, stage in enumerate(stages):
        put(archive, stage, version)
        run_command([*ingest, *reach(place)])
    put(archive, killed_stage, len(stages))
    return ["compact", "--quiet"] if scenario == "a compaction" else ingest


def reach(place: S3Place) -> list[str]:
    return ["--lake", place.url, "--endpoint-url", str(place.access.endpoint_url)]


def states_of(
    command: list[str], place: S3Place, monkeypatch: pytest.MonkeyPatch
) -> dict[int, State]:
    """Return what a reader sees before a run without a kill, and after each of its commits."""
    states = {0: State(0, [], [], [])}
    commit = manifest.commit

    def look() -> None:
        state = seen_by_a_reader(place)
        assert state.broken == []
        states[state.commit] = state

    def looked_at(files: LakeFiles, base: Manifest, change: Change) -> Manifest:
        after = commit(files, base, change)
        look()
        return after

    if lake_files(place).size("lake.json"):
        look()
    with monkeypatch.context() as patch:
        patch.setattr(manifest, "commit", looked_at)
        run_command([*command, *reach(place)])
    return states


def killed(kill_at: int, command: list[str], place: S3Place) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.s3.killed", str(kill_at), *command, *reach(place)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def tidied_up(files: LakeFiles) -> None:
    """Delete what was left behind as if a day had passed, and see that nothing else is left."""
    remove_orphans(files, datetime.now(UTC) + timedelta(days=1))
    assert not_named(files) == []
    assert len(files.names("commits", "*.json")) <= manifest.KEPT_COMMITS
