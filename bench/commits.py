"""`make bench-scale-driver`: what a commit takes to a lake on S3, as the lake grows.

    python -m bench.commits DIRECTORY

S3 is SeaweedFS, once as it is and once with `bench.latency` before it. A commit is made of as many
batches as in an ingest, of one object and one record each; the lake has a manifest, and no other
part. Writes DIRECTORY/commits.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3

from analyzer import manifest
from analyzer.batch import Task, read_batch, write_batch
from analyzer.commit import Committer
from analyzer.copies import RecentRecords
from analyzer.lake_place import S3Place
from analyzer.manifest import Change, Manifest
from analyzer.s3_lake import S3LakeFiles
from analyzer.source import Source
from analyzer.store import S3Access
from bench.run import machine
from bench.s3 import KEYS, LATENCY_SECONDS
from bench.scale_driver import COMMITS, FIRST, NEVER_BEFORE, cpu_of, one_object, standing_parts
from tests.s3.servers import seaweedfs, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from obstore.store import S3Store

    from analyzer.s3_retries import Answer

BUCKET = "bench-lakes"


class Counted(S3LakeFiles):
    """A lake that counts what it asks of S3: a listing of a thousand files is one request."""

    requests = 0

    def _answer(self, done: str, path: str, ask: Callable[[S3Store], Answer]) -> Answer:
        self.requests += 1
        return super()._answer(done, path, ask)


def main() -> None:
    """Measure, and write DIRECTORY/commits.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--parts", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    given = parser.parse_args()
    os.environ |= dict(zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), KEYS, strict=True))
    os.environ |= {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    figures = []
    with (
        tempfile.TemporaryDirectory(prefix="commits-", dir=given.directory) as folder,
        seaweedfs(Path(folder).resolve(), dict([KEYS])) as server,
    ):
        client = boto3.client("s3", endpoint_url=server)
        wait_for(client.list_buckets)
        client.create_bucket(Bucket=BUCKET)
        for latency in (0, LATENCY_SECONDS):
            with relayed(server, latency) as endpoint:
                for parts in given.parts:
                    took = commits(Path(folder), parts, endpoint, f"{parts}-{latency}")
                    figures.append({"parts": parts, "added_ms": 1_000 * latency} | took)
    text = json.dumps({"machine": machine(), "commits": figures}, indent=2)
    (given.directory / "commits.json").write_text(text, encoding="utf-8")


@contextmanager
def relayed(server: str, latency: float) -> Iterator[str]:
    """Yield where the server is reached with so much added to each request."""
    if not latency:
        yield server
        return
    command = [sys.executable, "-m", "bench.latency", server, str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as relay:
        port = next(iter(relay.stdout or ())).strip()
        try:
            yield f"http://{urlsplit(server).hostname}:{port}"
        finally:
            relay.kill()


def commits(folder: Path, parts: int, endpoint: str, name: str) -> dict[str, float]:
    """Commit to a lake of so many parts, each of another hour."""
    place = S3Place(f"s3://{BUCKET}/{name}", S3Access(endpoint_url=endpoint))
    files = Counted(place.url, place.access)
    manifest.create(files)
    lake = manifest.commit(files, Manifest(), Change(events=standing_parts(parts)))
    committer = Committer(files, lake, "s3://bucket/", lambda: FIRST, lambda rows: rows)
    archive = folder / name
    archive.mkdir()
    task = Task(Source(f"{archive}/", "", S3Access()), place, NEVER_BEFORE)
    recent = RecentRecords()
    together = committer.batches_a_commit()
    requests, seconds, cpu = [], [], []
    for number in range(COMMITS):
        group = []
        for batch_number in range(number * together, (number + 1) * together):
            batch = one_object(archive, batch_number)
            fingerprints = read_batch(task, batch)
            group.append(write_batch(task, batch, recent.take_in(fingerprints)))
        before, began = files.requests, time.perf_counter()
        cpu.append(cpu_of(lambda given=group: committer.commit(*given)))  # type: ignore[misc]
        seconds.append(time.perf_counter() - began)
        requests.append(files.requests - before)
    figures = {
        "batches": together,
        "requests": requests[-1],
        "cpu_ms": round(1_000 * min(cpu), 1),
        "wall_ms": round(1_000 * min(seconds), 1),
    }
    print(parts, endpoint, figures, flush=True)
    return figures


if __name__ == "__main__":
    main()
