"""`make bench-s3`: one archive from the disk, and from S3 with 25 ms added to every request.

    python -m bench.s3 DIRECTORY [--events N] [--repeat N]

S3 is SeaweedFS, with `bench.latency` before it. It runs on the cores that the ingest runs on, so
a run with one worker leaves it one of two, and one with two workers competes with it; what the
two servers took of the CPU is printed with each. Local and S3 take turns, and of several runs the
fastest counts. Writes DIRECTORY/s3.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
from botocore.config import Config

from bench.run import Run, adopt_orphans, archive_of, machine, measure
from tests.s3.servers import seaweedfs, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

LATENCY_SECONDS = 0.025
WORKERS = (1, 2)
SEED = 1
BUCKET = "bench-archive"
KEYS = ("AKIABENCH00000000001", "a-secret-of-a-server-of-our-own")


def main() -> None:
    """Measure, and write DIRECTORY/s3.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    adopt_orphans()
    archive = archive_of(asked.directory, asked.events, SEED)
    with (
        tempfile.TemporaryDirectory(dir=asked.directory.resolve()) as folder,
        served(Path(folder), archive),
    ):
        lake = Path(folder, "lake")
        figures = {
            "machine": machine(),
            "events": asked.events,
            "latency_ms": LATENCY_SECONDS * 1_000,
            "fetching": fetching(archive, asked.repeat),
            "runs": [compared(archive, lake, workers, asked.repeat) for workers in WORKERS],
        }
    (asked.directory / "s3.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")


@contextmanager
def served(folder: Path, archive: Path) -> Iterator[None]:
    """Serve an archive by S3 with the latency; this process's environment says where."""
    with seaweedfs(folder, dict([KEYS])) as endpoint:
        os.environ |= dict(zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), KEYS, strict=True))
        os.environ |= {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
        upload(endpoint, archive)
        command = [sys.executable, "-m", "bench.latency", endpoint, str(LATENCY_SECONDS)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as relay:
            port = next(iter(relay.stdout or ())).strip()
            os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
            try:
                yield
            finally:
                relay.kill()


def upload(endpoint: str, archive: Path) -> None:
    """Put every object of an archive into the bucket."""
    config = Config(max_pool_connections=16)
    client = boto3.client("s3", endpoint_url=endpoint, config=config)
    wait_for(client.list_buckets)
    client.create_bucket(Bucket=BUCKET)
    logs = sorted(archive.rglob("*.json.gz"))

    def put(log: Path) -> None:
        key = log.relative_to(archive).as_posix()
        client.put_object(Bucket=BUCKET, Key=key, Body=log.read_bytes())

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(put, logs))


def compared(archive: Path, lake: Path, workers: int, repeat: int) -> dict[str, Any]:
    """Return the fastest ingest from the disk, the fastest from S3, and what serving it took."""
    local: list[Run] = []
    from_s3: list[tuple[Run, float]] = []
    for _ in range(repeat):
        local.append(ingested("tlstrail", archive, lake, workers))
        before = seconds_of_servers()
        run = ingested("tlstrail_s3", Path(BUCKET), lake, workers)
        from_s3.append((run, seconds_of_servers() - before))
    by_time = min(from_s3, key=lambda each: each[0].wall_seconds)
    disk = min(local, key=lambda run: run.wall_seconds)
    figures = {
        "workers": workers,
        "local": asdict(disk),
        "s3": asdict(by_time[0]),
        "server_cpu_seconds": round(by_time[1], 2),
        "share": round(disk.wall_seconds / by_time[0].wall_seconds, 3),
    }
    print(
        f"{workers} workers: {disk.wall_seconds} s from the disk, {by_time[0].wall_seconds} s from "
        f"S3 ({figures['share']:.0%}); the servers took {figures['server_cpu_seconds']} s of CPU"
    )
    return figures


def fetching(archive: Path, repeat: int) -> dict[str, float]:
    """Return what fetching alone takes of one process, and how much of it is S3's."""
    none = Path("unused")
    local = [measure("fetched", archive, none).said for _ in range(repeat)]
    from_s3 = [measure("fetched_s3", Path(BUCKET), none).said for _ in range(repeat)]
    cpu = [min(said["cpu_seconds"] for said in runs) for runs in (local, from_s3)]
    objects = local[0]["objects"]
    figures = {
        "objects_per_second": round(objects / min(said["seconds"] for said in from_s3)),
        "cpu_ms_per_object": round(1_000 * (cpu[1] - cpu[0]) / objects, 3),
    }
    print(f"fetching alone: {figures}")
    return figures


def ingested(subject: str, archive: Path, lake: Path, workers: int) -> Run:
    """Ingest into a new lake."""
    shutil.rmtree(lake, ignore_errors=True)
    return measure(subject, archive, lake, str(workers))


def seconds_of_servers() -> float:
    """Return the CPU seconds of this process's children: SeaweedFS, and the relay."""
    times = [child.cpu_times() for child in psutil.Process().children()]
    return sum(each.user + each.system for each in times)


if __name__ == "__main__":
    main()
