"""Lakes under a prefix of a bucket, and what the tests look at in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer import manifest
from analyzer.lake_place import S3Place
from analyzer.store import S3Access

if TYPE_CHECKING:
    from analyzer.lake_files import LakeFiles
    from tests.s3.buckets import Bucket


def place_in(bucket: Bucket, endpoint: str, name: str = "lake") -> S3Place:
    """Return the place of a lake in a folder of a bucket, reached by way of `endpoint`."""
    return S3Place(f"{bucket.url}{name}", S3Access(endpoint_url=endpoint))


def keys_below(bucket: Bucket) -> dict[str, bytes]:
    """Return all objects in a folder of a bucket, by a way that is not ours."""
    found: dict[str, bytes] = {}
    pages = bucket.client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket.name, Prefix=bucket.prefix
    )
    for page in pages:
        for each in page.get("Contents", []):
            body = bucket.client.get_object(Bucket=bucket.name, Key=each["Key"])["Body"].read()
            found[each["Key"].removeprefix(bucket.prefix)] = body
    return found


def not_named(files: LakeFiles) -> list[str]:
    """Return the parts that are there, and that neither the newest manifest nor its bin names."""
    newest = manifest.newest(files)
    named = newest.paths() | {each.path for each in newest.retired}
    return sorted(
        each.path
        for each in files.listed("")
        if each.path.endswith(".parquet") and each.path not in named
    )
