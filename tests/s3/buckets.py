"""Buckets, the way around our own code into them, and what the tests put there."""

from __future__ import annotations

import gzip
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import obstore
from botocore.config import Config
from obstore.store import S3Store

from tests import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3.client import S3Client

ARCHIVE = Path(__file__).parents[2] / "fixtures" / "archive"
FEW = "org-trail/AWSLogs/o-exampleorg1/012345678901/CloudTrail/us-east-1/"
"""A Region of nine logs."""

ACCOUNT = "111122223333"
REGION = "us-east-1"

ACCESS_KEY = "AKIATLSTRAILTEST0001"
SECRET_KEY = "fZ9x/the+secret/that+must+never+be+seen0"  # noqa: S105 (of a server of our own)
WORKERS_ACCESS_KEY = "AKIATLSTRAILTEST0002"
WORKERS_SECRET_KEY = "qW7e/the+secret/of+the+workers+alone0000"  # noqa: S105 (of the same server)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket or a folder in one, and the way around our own code into it."""

    name: str
    client: S3Client
    prefix: str = ""
    """What all keys begin with: SeaweedFS takes a second for the first object of a bucket."""

    @property
    def url(self) -> str:
        """As the command line names it."""
        return f"s3://{self.name}/{self.prefix}"

    def put(self, key: str, body: bytes, **settings: str) -> None:
        """Upload one object."""
        self.client.put_object(Bucket=self.name, Key=self.prefix + key, Body=body, **settings)  # type: ignore[arg-type]

    def put_all(self, bodies: Mapping[str, bytes]) -> Bucket:
        """Upload objects, many at a time."""
        store = S3Store(
            self.name,
            endpoint=self.client.meta.endpoint_url,
            region="us-east-1",
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            client_options={"allow_http": True},
        )
        with ThreadPoolExecutor(16) as threads:
            keys = [self.prefix + key for key in bodies]
            list(threads.map(partial(obstore.put, store), keys, bodies.values()))
        return self

    def delete(self, key: str) -> None:
        """Delete one object."""
        self.client.delete_object(Bucket=self.name, Key=self.prefix + key)

    def etag(self, key: str) -> str:
        """Return the ETag of one object."""
        return self.client.head_object(Bucket=self.name, Key=self.prefix + key)["ETag"]


def client_of(endpoint: str) -> S3Client:
    """Return a client that has nothing to do with our own code."""
    return boto3.Session(ACCESS_KEY, SECRET_KEY, region_name="us-east-1").client(
        "s3",
        endpoint_url=endpoint,
        config=Config(
            retries={"total_max_attempts": 1}, connect_timeout=PATIENCE, max_pool_connections=8
        ),
    )


def new_bucket(endpoint: str) -> Bucket:
    """Create a bucket of a name that no other test has."""
    made = Bucket(f"trail-{uuid.uuid4().hex[:12]}", client_of(endpoint))
    made.client.create_bucket(Bucket=made.name)
    return made


def archived_under(prefix: str) -> dict[str, bytes]:
    """Return the objects of fixtures/archive below a prefix."""
    return {
        path.relative_to(ARCHIVE).as_posix(): path.read_bytes()
        for path in sorted((ARCHIVE / prefix).rglob("*"))
        if path.is_file()
    }


def folder_of(root: Path, bodies: Mapping[str, bytes]) -> Path:
    """Write objects as files."""
    for key, body in bodies.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return root


def log_key(minute: int, unique: str = "A", *, account: str = ACCOUNT, region: str = REGION) -> str:
    """Return the key of a log that was delivered so many minutes after 1 January 2023."""
    at = datetime(2023, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    return log_key_at(at, unique, account=account, region=region)


def log_key_at(at: datetime, unique: str, *, account: str = ACCOUNT, region: str = REGION) -> str:
    """Return the key of a log that was delivered then."""
    return (
        f"AWSLogs/{account}/CloudTrail/{region}/{at:%Y/%m/%d}/"
        f"{account}_CloudTrail_{region}_{at:%Y%m%dT%H%M}Z_{unique}.json.gz"
    )


def log_of_one_record(number: int) -> bytes:
    """Return a log with a record that no other number gives."""
    record = {
        "eventVersion": "1.08",
        "eventID": f"id-{number}",
        "eventTime": "2023-01-01T00:00:00Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances",
    }
    return gzip.compress(json.dumps({"Records": [record]}).encode(), mtime=0)


def many_logs(count: int, *, minutes_apart: float = 0.5) -> dict[str, bytes]:
    """Return small logs of one Region, a record each."""
    return {
        log_key(int(number * minutes_apart), f"A{number:04}"): log_of_one_record(number)
        for number in range(count)
    }
