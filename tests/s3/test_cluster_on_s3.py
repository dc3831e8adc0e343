"""A cluster reads from S3 and writes to S3, each worker with credentials of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import ExitCode
from analyzer.status import status
from bench.dask_cluster import scheduler_and_workers
from tests import PATIENCE
from tests.s3.buckets import (
    ACCESS_KEY,
    SECRET_KEY,
    WORKERS_ACCESS_KEY,
    WORKERS_SECRET_KEY,
)
from tests.s3.commands import content
from tests.s3.lakes import place_in
from tests.test_crash import ROOT, RUNNER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.s3.buckets import Bucket
    from tests.s3.commands import Command
    from tests.s3.proxy import Proxy, Request

pytestmark = pytest.mark.usefixtures("credentials")


def test_workers_with_credentials_of_their_own_make_the_lake_of_one_machine_though_one_is_killed(
    archive: Bucket, bucket: Bucket, proxy: Proxy, run: Command, tmp_path: Path
) -> None:
    here, place = tmp_path / "lake", place_in(bucket, proxy.endpoint)
    source = ("ingest", archive.url, "--endpoint-url", proxy.endpoint, "--quiet")
    run(*source, "--lake", here, "--workers", 1)
    proxy.forget()

    with scheduler_and_workers(
        2,
        tmp_path,
        "--no-nanny",
        environment=environment(WORKERS_ACCESS_KEY, WORKERS_SECRET_KEY),
        of_scheduler=environment(),
    ) as cluster:

        def kill_a_worker(request: Request) -> None:
            if request.verb == "PUT" and "/commits/" in request.key:
                cluster.workers[0].kill()

        proxy.rules.append(kill_a_worker)
        command = (sys.executable, RUNNER, *source, "--lake", place.url)
        done = subprocess.run(
            [*map(str, command), "--scheduler", cluster.address],
            env=environment(ACCESS_KEY, SECRET_KEY),
            check=False,
            timeout=PATIENCE,
        )
        killed = cluster.workers[0].wait()

    assert (done.returncode, killed) == (ExitCode.DONE, -signal.SIGKILL)
    status(place, check=True)
    assert content(place, "") == content(here, "")
    assert who(proxy, "LIST", f"{archive.name}?") == who(proxy, "PUT", "/commits/") == {ACCESS_KEY}
    assert who(proxy, "GET", f"/{archive.name}/") == {WORKERS_ACCESS_KEY}
    assert who(proxy, "PUT", "/events/") == {WORKERS_ACCESS_KEY}


def environment(*keys: str) -> dict[str, str]:
    """Return this process's environment with other credentials, or with none."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return kept | dict(zip(names, keys, strict=False)) | {"PYTHONPATH": str(ROOT)}


def who(proxy: Proxy, verb: str, target_part: str) -> set[str]:
    """Return the access keys that such requests were signed with."""
    return {
        request.authorization.partition("Credential=")[2].partition("/")[0]
        for request in proxy.of(verb)
        if target_part in request.target
    }
