"""Shards that are ingested at the same time into one lake on S3 make the lake of one run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from analyzer.audit import audit
from analyzer.errors import ExitCode
from analyzer.lake import Narrowing, open_lake
from analyzer.status import status
from bench.dask_cluster import scheduler_and_workers
from tests import PATIENCE
from tests.conftest import log_bytes, record
from tests.s3.buckets import new_bucket
from tests.s3.commands import content
from tests.s3.lakes import place_in
from tests.s3.proxy import proxy_before
from tests.test_crash import ROOT, RUNNER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from analyzer.lake_place import S3Place
    from tests.s3.buckets import Bucket
    from tests.s3.commands import Command
    from tests.s3.proxy import Proxy, Request

pytestmark = pytest.mark.usefixtures("credentials")

ACCOUNTS = ("111122223333", "444455556666")
MONTHS = ("01", "02", "03", "04")
DAYS = range(1, 13)


def logs() -> dict[str, bytes]:
    """Return the logs of four months and two accounts; a record of each is in all of its day."""
    return {
        f"AWSLogs/{account}/CloudTrail/us-east-1/2023/{month}/{day:02}/"
        f"{account}_CloudTrail_us-east-1_2023{month}{day:02}T1000Z_A.json.gz": log_bytes(
            [record(f"{account}{month}{day}"), record(f"everywhere on day {day}")]
        )
        for account in ACCOUNTS
        for month in MONTHS
        for day in DAYS
    }


@pytest.fixture(scope="module")
def sharded(weed: str) -> Bucket:
    """Return a bucket of these logs; it is not to be changed."""
    return new_bucket(weed).put_all(logs())


class Shards:
    """Two ingests of a shard each, side by side, each by way of a proxy of its own."""

    def __init__(self, source: Bucket, lake: S3Place, proxies: tuple[Proxy, Proxy]) -> None:
        self._source, self._lake, self.proxies = source, lake, proxies
        both = Barrier(2, timeout=PATIENCE)
        for proxy in proxies:
            proxy.rules.append(self._held_at_its_first_commit(both))

    def _held_at_its_first_commit(self, both: Barrier) -> Callable[[Request], None]:
        """Let none commit before the other is about to: so they are under way together."""
        first = iter(range(1))

        def rule(request: Request) -> None:
            if is_commit(request) and next(first, None) is not None:
                both.wait()

        return rule

    def started(self, number: int, *more: str) -> subprocess.Popen[bytes]:
        """Start the command line, in small batches."""
        return subprocess.Popen(
            [
                *(sys.executable, RUNNER, "ingest", self._source.url, "--quiet"),
                *("--lake", self._lake.url, "--shard", f"{number}/2"),
                *("--endpoint-url", self.proxies[number - 1].endpoint),
                *(more or ("--workers", "1")),
            ],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )


def is_commit(request: Request) -> bool:
    """Whether a lake's next commit is put."""
    return request.verb == "PUT" and "/commits/" in request.key


@pytest.fixture
def shards(sharded: Bucket, bucket: Bucket, weed: str) -> Iterator[Shards]:
    """Two shards of the archive that are to be ingested into one lake."""
    with proxy_before(weed) as one, proxy_before(weed) as other:
        yield Shards(sharded, place_in(bucket, weed), (one, other))


@pytest.fixture
def assert_whole(
    sharded: Bucket, bucket: Bucket, weed: str, run: Command, tmp_path: Path
) -> Callable[[], None]:
    """Return what holds the lake of the shards against the lake of one run."""

    def against_one_run() -> None:
        place, whole = place_in(bucket, weed), tmp_path / "whole"
        status(place, check=True)
        reach = ("--lake", whole, "--endpoint-url", weed, "--workers", 1, "--quiet")
        assert run("ingest", sharded.url, *reach).code == ExitCode.DONE
        ours, wanted = content(place, ""), content(whole, "")
        assert list(map(without_chance, ours[0])) == list(map(without_chance, wanted[0]))
        assert [row["key"] for row in ours[1]] == [row["key"] for row in wanted[1]]
        assert [row["sha256"] for row in ours[1]] == [row["sha256"] for row in wanted[1]]
        with open_lake(place, Narrowing()) as opened:
            assert audit(opened).evidence.sources_not_all_read == 0

    return against_one_run


def without_chance(row: dict[str, object]) -> list[tuple[str, object]]:
    """Return a row without the object it came from: of copies, whoever commits first has it."""
    return sorted((name, value) for name, value in row.items() if name != "source_key")


@pytest.mark.parametrize("second", ["processes", "dask"])
def test_two_shards_at_the_same_time_have_every_row_once(
    second: str, shards: Shards, assert_whole: Callable[[], None], tmp_path: Path
) -> None:
    with ExitStack() as stack:
        more: tuple[str, ...] = ()
        if second == "dask":
            cluster = stack.enter_context(scheduler_and_workers(1, tmp_path, "--no-nanny"))
            more = ("--scheduler", cluster.address)
        runs = [shards.started(1), shards.started(2, *more)]
        codes = [run.wait(PATIENCE) for run in runs]

    assert codes == [ExitCode.DONE, ExitCode.DONE]
    assert all(sum(map(is_commit, proxy.requests)) > 1 for proxy in shards.proxies)
    assert_whole()


class Overtaking:
    """Whenever both are about to commit, the first shard does so first, until it has ended.

    So each commit that the second one puts meanwhile is of a number that is taken. If it were
    let through, it would take the first one's rows out, and that one does not run again.
    """

    def __init__(self, shards: Shards) -> None:
        self.first, self.second = shards.started(1), shards.started(2)
        self.refused = 0
        """How many commits of the second one came second."""
        self.alone = 0
        """How many it has begun since the first one ended; at the second of them it is killed."""
        self._is_put = self._is_waiting = self._is_seen = False
        of_first, of_second = shards.proxies
        of_first.rules.append(self._when_the_other_is_about_to)
        of_second.rules.append(self._after_the_other)

    def _when_the_other_is_about_to(self, request: Request) -> None:
        if is_commit(request):
            wait_for(lambda: self._is_waiting or ended(self.second))
            self._is_waiting, self._is_put = False, True
        elif self._is_put and is_look_at_commits(request):  # the commit before has been answered
            self._is_put, self._is_seen = False, True

    def _after_the_other(self, request: Request) -> None:
        if not is_commit(request):
            return
        self._is_waiting = True
        wait_for(lambda: self._is_seen or ended(self.first))
        if self._is_seen:
            self._is_seen = False
            self.refused += 1
            return
        self.alone += 1
        if self.alone == 2:
            self.second.kill()
            self.second.wait()


def is_look_at_commits(request: Request) -> bool:
    """Whether it is asked which commits a lake has."""
    return request.verb == "LIST" and request.query["prefix"].rstrip("/").endswith("/commits")


def ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process has ended."""
    return process.poll() is not None


def wait_for(happened: Callable[[], bool]) -> None:
    """Return when it has happened."""
    until = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.01)


def test_a_shard_that_is_overtaken_killed_and_run_again_has_every_row_once(
    shards: Shards, assert_whole: Callable[[], None]
) -> None:
    overtaking = Overtaking(shards)
    codes = [run.wait(PATIENCE) for run in (overtaking.first, overtaking.second)]
    again = shards.started(2).wait(PATIENCE)

    assert_whole()
    assert (codes, again) == ([ExitCode.DONE, -9], ExitCode.DONE)
    assert overtaking.refused > 1
