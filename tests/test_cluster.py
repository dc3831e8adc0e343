"""On a Dask cluster an ingest gives the rows that it gives here, whoever is lost on the way."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analyzer import cluster
from analyzer.batch import (
    HELD_AT_ONCE,
    Batch,
    Task,
    held_batches,
    read_batch,
    require_sight,
    store_of,
    write_batch,
)
from analyzer.cli import run
from analyzer.copies import RecentRecords
from analyzer.errors import ClusterError, ExitCode, StoreError, UsageError
from analyzer.ingest import IngestSettings, ingest
from analyzer.lake_place import lake_files
from analyzer.ledger import Status
from analyzer.listing import Scope, list_objects
from analyzer.progress import Silence
from analyzer.source import parse_source
from analyzer.status import status
from analyzer.store import S3Access
from bench.dask_cluster import local_cluster, scheduler_and_workers, worker_processes
from bench.soak import contents_of
from tests import PATIENCE
from tests.conftest import MAX_BYTES, NOW, LogFolder, log_key, record
from tests.processes import ended_with_the_test, go_on, wait_for_pause, wait_until
from tests.test_crash import RUNNER, commits_of, environment, started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import LocalCluster

    from analyzer.commit import Tally
    from bench.soak import Contents

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # of workers that were killed

KEPT_HERE = "wJalrXUtnFEMI/K7MDENG"


class AtCommit(Silence):
    """Does something when there are so many commits, and remembers where the work was done."""

    def __init__(self, acts: dict[int, Callable[[], None]] | None = None) -> None:
        self.acts = dict(acts or {})
        self.dashboard = ""
        self.commits = 0

    def joined(self, cluster: cluster.Cluster) -> None:
        self.dashboard = cluster.dashboard

    def committed(self, tally: Tally) -> None:
        super().committed(tally)
        self.commits += 1
        if act := self.acts.pop(self.commits, None):
            act()


@pytest.fixture(scope="module")
def two_workers() -> Iterator[LocalCluster]:
    with local_cluster(2) as running:
        yield running


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    lake = tmp_path_factory.mktemp("undisturbed") / "lake"
    with started(lake, workers=1) as run:
        run.communicate(timeout=PATIENCE)
    return contents_of(lake)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def settings(
    archive: Path, lake: Path, two_workers: LocalCluster, at_once: Callable[[int], None]
) -> IngestSettings:
    """An ingest of the fixture archive on two workers, in batches of two objects."""
    at_once(2)
    return IngestSettings(
        source=parse_source(str(archive), S3Access()),
        lake=lake,
        scope=Scope(),
        workers=1,
        max_object_bytes=MAX_BYTES,
        scheduler=two_workers.scheduler_address,
    )


def contents_after(settings: IngestSettings, watcher: Silence) -> Contents:
    ingest(settings, watcher, lambda: NOW)
    lake = settings.lake
    assert isinstance(lake, Path)
    status(lake, check=True)
    assert not [*lake.rglob("*.unfinished")]
    return contents_of(lake)


def assert_same(found: Contents, wanted: Contents) -> None:
    assert found.rows.equals(wanted.rows)
    assert found.ledger.equals(wanted.ledger)


def test_a_cluster_gives_the_rows_and_the_ledger_of_a_run_here(
    settings: IngestSettings, undisturbed: Contents
) -> None:
    watcher = AtCommit()

    assert_same(contents_after(settings, watcher), undisturbed)

    assert watcher.commits > 10
    assert watcher.dashboard.startswith("http://127.0.0.1:")


def test_workers_that_are_killed_on_the_way_lose_nothing_and_duplicate_nothing(
    settings: IngestSettings, two_workers: LocalCluster, undisturbed: Contents
) -> None:
    def kill() -> None:
        wait_until(lambda: bool(worker_processes(two_workers)))
        os.kill(worker_processes(two_workers)[0], signal.SIGKILL)

    watcher = AtCommit({2: kill, 6: kill, 11: kill})

    assert_same(contents_after(settings, watcher), undisturbed)

    assert not watcher.acts


def test_without_any_worker_left_a_run_ends_and_with_new_ones_it_goes_on(
    settings: IngestSettings,
    two_workers: LocalCluster,
    undisturbed: Contents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "LOOKS_EVERY", 0.1)
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)

    def let_all_go() -> None:
        two_workers.scale(0)
        wait_until(lambda: not two_workers.workers)

    with pytest.raises(ClusterError, match=r"has had no worker .* run again to go on"):
        ingest(settings, AtCommit({3: let_all_go}), lambda: NOW)
    two_workers.scale(2)
    monkeypatch.setattr(cluster, "PATIENCE", PATIENCE)

    assert_same(contents_after(settings, AtCommit()), undisturbed)


def test_a_killed_driver_run_again_on_the_same_workers_has_every_row_once(
    settings: IngestSettings, lake: Path, undisturbed: Contents
) -> None:
    with driver(settings) as run:
        wait_for_pause(run)
        assert commits_of(lake) == 3
        run.kill()

    assert_same(contents_after(settings, AtCommit()), undisturbed)
    assert run.returncode == -signal.SIGKILL


def test_a_lost_scheduler_ends_a_run_with_one_line_and_with_another_one_it_goes_on(
    settings: IngestSettings, undisturbed: Contents, tmp_path: Path
) -> None:
    with (
        scheduler_and_workers(1, tmp_path, "--no-nanny") as started,
        driver(replace(settings, scheduler=started.address)) as run,
    ):
        wait_for_pause(run)
        started.scheduler.kill()
        go_on(run)
        _, said = run.communicate(timeout=PATIENCE)

    assert_same(contents_after(settings, AtCommit()), undisturbed)
    assert run.returncode == ExitCode.STORE_REFUSED
    assert said.startswith(f"tlstrail: {started.address}: the Dask scheduler was lost or restarted")
    assert said.count("\n") == 1


def test_workers_of_another_version_are_refused(
    settings: IngestSettings, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "__version__", "99.0")

    with pytest.raises(UsageError, match=r"has tlstrail .*, and this is 99\.0; install the same"):
        ingest(settings, Silence(), lambda: NOW)

    assert not (lake / "lake.json").exists()


def test_a_worker_that_sees_another_folder_than_the_lake_is_refused(
    settings: IngestSettings, tmp_path: Path
) -> None:
    (tmp_path / "lake").mkdir()

    with pytest.raises(UsageError, match="does not see the lake"):
        require_sight(settings.task, "seen-by-workers.unfinished")


def test_a_worker_that_does_not_see_a_local_source_is_refused(
    settings: IngestSettings, tmp_path: Path
) -> None:
    lake_files(settings.lake).write("mark.unfinished", b"")
    elsewhere = replace(settings.source, root=f"{tmp_path}/elsewhere/")

    with pytest.raises(UsageError, match=r"does not see the source: there is no .*/elsewhere/"):
        require_sight(replace(settings.task, source=elsewhere), "mark.unfinished")


def test_where_no_scheduler_answers_one_is_told_how_to_start_one(
    settings: IngestSettings, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECTS_WITHIN", 0.2)

    with pytest.raises(ClusterError, match=r"no Dask scheduler answers there .* dask scheduler"):
        ingest(replace(settings, scheduler="tcp://127.0.0.1:9"), Silence(), lambda: NOW)

    assert not lake.exists()


def test_without_dask_one_is_told_how_to_install_it(
    settings: IngestSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "analyzer.cluster")
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(UsageError, match=r"pip install 'tlstrail\[dask\]'"):
        ingest(settings, Silence(), lambda: NOW)


def test_workers_of_its_own_and_a_cluster_cannot_both_be_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run(["ingest", "s3://bucket", "--scheduler", "tcp://127.0.0.1:9", "--workers", "2"])

    assert code == ExitCode.USAGE
    assert "leave out --workers" in capsys.readouterr().err


def test_no_credentials_are_sent_to_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEPT_HERE)
    access = S3Access(profile="audit", role_arn="arn:aws:iam::111122223333:role/reader")
    task = Task(parse_source("s3://bucket/logs", access), tmp_path / "lake", MAX_BYTES)

    store_of(task.source)
    sent = pickle.dumps(partial(require_sight, task, "mark"))

    assert b"arn:aws:iam::111122223333:role/reader" in sent
    assert KEPT_HERE.encode() not in sent
    assert b"AKIAIOSFODNN7EXAMPLE" not in sent


def test_a_batch_whose_worker_was_lost_is_read_again_under_another_name(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    log_folder.put(log_key("1000"), [record(1), record(2), record(1)])
    task, listed = one_batch(log_folder, tmp_path / "lake")
    copies = RecentRecords().take_in(read_batch(task, listed))
    held_batches().clear()

    written = write_batch(task, listed, copies)

    assert [part.rows for part in written.parts] == [2]
    assert written.batch.id != listed.id
    assert all(written.batch.id in part.path for part in written.parts)
    assert [outcome.part for outcome in written.outcomes] == [written.batch.id]


def test_a_batch_that_is_read_again_with_other_records_is_not_written(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    task, listed = one_batch(log_folder, tmp_path / "lake")
    copies = RecentRecords().take_in(read_batch(task, listed))
    held_batches().clear()
    log_folder.delete(log_key("1000"))

    with pytest.raises(StoreError, match="found other records; the lake is whole: run again"):
        write_batch(task, listed, copies)

    assert not [*tmp_path.rglob("*.parquet")]


def test_a_worker_holds_no_more_batches_than_a_driver_has_under_way_there(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    task, listed = one_batch(log_folder, tmp_path / "lake")

    for number in range(HELD_AT_ONCE + 2):
        read_batch(task, replace(listed, id=f"batch-{number}"))

    assert list(held_batches()) == [f"batch-{number}" for number in range(2, HELD_AT_ONCE + 2)]
    held_batches().clear()


def test_a_batch_that_is_sent_to_another_process_arrives_whole(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    log_folder.put(log_key("1000"), [record(1), record(1)])
    log_folder.put_bytes(log_key("1005"), b"no log")
    task, listed = one_batch(log_folder, tmp_path / "lake")
    batch = replace(
        listed, known=frozenset({listed.objects[0].key}), dependents=frozenset({"another"})
    )

    written = write_batch(task, batch, RecentRecords().take_in(read_batch(task, batch)))

    assert [outcome.status for outcome in written.outcomes] == [Status.INGESTED, Status.REFUSED]
    assert written.parts
    assert written.copied_ids
    assert pickle.loads(pickle.dumps(batch)) == batch  # noqa: S301 (our own)
    assert pickle.loads(pickle.dumps(written)) == written  # noqa: S301 (our own)


def test_the_scheduler_gets_a_batch_as_bytes_that_it_passes_on(
    settings: IngestSettings, two_workers: LocalCluster
) -> None:
    sent: list[Any] = []

    def look() -> None:
        assert two_workers.scheduler
        tasks = list(two_workers.scheduler.tasks.values())
        sent.extend(task.run_spec for task in tasks if task.run_spec is not None)

    ingest(settings, AtCommit({1: look, 3: look}), lambda: NOW)

    assert sent
    packed = [argument for task in sent for argument in task.args if isinstance(argument, bytes)]
    assert len(packed) == len(sent)


def one_batch(log_folder: LogFolder, lake: Path) -> tuple[Task, Batch]:
    """Return the objects of a folder as one batch."""
    source = parse_source(str(log_folder.root), S3Access())
    objects = list_objects(store_of(source), source.prefix, Scope())
    return Task(source, lake, MAX_BYTES), Batch("first", tuple(objects))


@contextmanager
def driver(settings: IngestSettings) -> Iterator[subprocess.Popen[str]]:
    """Run the command line as a process of its own, which stops itself after three commits."""
    process = subprocess.Popen(
        [
            *(sys.executable, RUNNER, "ingest", settings.source.root, "--quiet"),
            *("--lake", str(settings.lake), "--scheduler", str(settings.scheduler)),
        ],
        env=environment() | {"PAUSED_BEFORE_COMMIT": "4"},
        stderr=subprocess.PIPE,
        text=True,
    )
    with ended_with_the_test(process) as run:
        yield run
