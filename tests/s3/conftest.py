"""An S3 server for these tests alone, and what they put into it.

SeaweedFS checks signatures and is fast; moto knows Glacier and STS. Each is started once
for a pytest process, on free ports of 127.0.0.1, and ended with it.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest
from botocore.loaders import JSONFileLoader

from analyzer import cli
from tests.s3.buckets import (
    ACCESS_KEY,
    FEW,
    SECRET_KEY,
    WORKERS_ACCESS_KEY,
    WORKERS_SECRET_KEY,
    archived_under,
    client_of,
    many_logs,
    new_bucket,
)
from tests.s3.commands import Finished
from tests.s3.proxy import proxy_before
from tests.s3.servers import moto_server, seaweedfs, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.s3.buckets import Bucket
    from tests.s3.commands import Command
    from tests.s3.proxy import Proxy


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep this machine's own files of AWS out; return the folder of those that count."""
    folder = tmp_path / "aws"
    folder.mkdir()
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


@pytest.fixture(scope="package", autouse=True)
def botocore_reads_its_files_once() -> Iterator[None]:
    """Spare each new session the 0.3 s of reading botocore's description of AWS again."""
    with pytest.MonkeyPatch.context() as patch:
        read = cache(JSONFileLoader().load_file)
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: read(path))
        yield


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the right credentials into the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)


@pytest.fixture(scope="session")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run SeaweedFS; return its S3 endpoint."""
    folder = tmp_path_factory.mktemp("weed")
    secrets = {ACCESS_KEY: SECRET_KEY, WORKERS_ACCESS_KEY: WORKERS_SECRET_KEY}
    with seaweedfs(folder, secrets) as endpoint:
        wait_for(lambda: client_of(endpoint).list_buckets())
        yield endpoint


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run moto; return its endpoint, of S3 and of STS."""
    with moto_server(tmp_path_factory.mktemp("moto")) as endpoint:
        yield endpoint


@pytest.fixture
def proxy(weed: str) -> Iterator[Proxy]:
    """Return a proxy before SeaweedFS."""
    with proxy_before(weed) as before:
        yield before


@pytest.fixture
def moto_proxy(moto: str) -> Iterator[Proxy]:
    """Return a proxy before moto."""
    with proxy_before(moto) as before:
        yield before


@pytest.fixture(scope="session")
def shared_bucket(weed: str) -> Bucket:
    """Return the bucket that tests have folders in."""
    return new_bucket(weed)


@pytest.fixture
def bucket(shared_bucket: Bucket) -> Bucket:
    """Return an empty folder of a bucket."""
    return replace(shared_bucket, prefix=f"{uuid.uuid4().hex}/")


@pytest.fixture
def few_logs(bucket: Bucket) -> Bucket:
    """Return a bucket with nine logs of one Region."""
    return bucket.put_all(archived_under(FEW))


@pytest.fixture(scope="session")
def archive(weed: str) -> Bucket:
    """Return a bucket with the whole of fixtures/archive; it is not to be changed."""
    return new_bucket(weed).put_all(archived_under(""))


@pytest.fixture(scope="session")
def many(weed: str) -> Bucket:
    """Return a bucket with more logs in one Region than a page or a batch holds; read only."""
    return new_bucket(weed).put_all(many_logs(1_050))


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Return where a lake is to be."""
    return tmp_path / "lake"


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Command:
    """Return the command line, run in this process."""

    def here(*arguments: object) -> Finished:
        capfd.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        return Finished(code, *capfd.readouterr())

    return here


@pytest.fixture
def ingest(run: Command, proxy: Proxy, lake: Path) -> Command:
    """Return `tlstrail ingest` into the lake, through the proxy, in this process."""

    def here(*arguments: object) -> Finished:
        endpoint = () if "--endpoint-url" in arguments else ("--endpoint-url", proxy.endpoint)
        return run("ingest", *arguments, "--lake", lake, "--workers", 1, *endpoint)

    return here
