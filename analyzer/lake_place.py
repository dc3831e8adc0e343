"""Where a lake is, as the command line names it, and the files that lie there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from analyzer.errors import UsageError
from analyzer.local_lake import LocalLakeFiles
from analyzer.store import S3Access  # noqa: TC001 (dataclasses may look)

if TYPE_CHECKING:
    from analyzer.lake_files import LakeFiles


@dataclass(frozen=True, slots=True)
class S3Place:
    """A prefix of a bucket, and how it is reached."""

    url: str
    """`s3://bucket/prefix`, without a slash at the end."""
    access: S3Access

    def __str__(self) -> str:
        """As it is named on the command line."""
        return self.url


LakePlace: TypeAlias = Path | S3Place
"""A folder, or a prefix of a bucket."""

# What every client of S3 writes in the same way, of a bucket's name and of a prefix.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]+(/[\w!.'()=+@ -]+)+", re.ASCII)


def parse_place(lake: str, access: S3Access) -> LakePlace:
    """Return where `lake` is. Raises `UsageError` for what is neither folder nor prefix."""
    if "://" not in lake:
        return Path(lake)
    url = lake.rstrip("/")
    if not _URL.fullmatch(url) or {".", ".."} & set(url.split("/")):
        raise UsageError(
            f"{lake}: a lake is a folder or s3://bucket/prefix; the prefix is not empty, and of "
            "letters, digits, spaces and !.'()=+@_-"
        )
    return S3Place(url, access)


def lake_files(place: LakePlace) -> LakeFiles:
    """Return the files of the lake at `place`; nothing is read or made yet."""
    if isinstance(place, Path):
        return LocalLakeFiles(place)
    from analyzer.s3_lake import S3LakeFiles  # noqa: PLC0415 (boto3 takes 0.4 s to import)

    return S3LakeFiles(place.url, place.access)
