"""Where an archive is: what was named on the command line, and the store that it lies in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.errors import UsageError

if TYPE_CHECKING:
    from analyzer.store import S3Access, Store


@dataclass(frozen=True, slots=True)
class Source:
    """Where an archive is: the store's root and the prefix in it to look under."""

    root: str
    prefix: str
    access: S3Access

    @property
    def on_s3(self) -> bool:
        """Whether this is a bucket, and not a folder."""
        return self.root.startswith("s3://")


def parse_source(source: str, access: S3Access) -> Source:
    """Return where `source` is: `s3://bucket[/prefix]` or a local folder.

    A folder at or below an `AWSLogs` is read as if its parent were the bucket, so
    that a copy has the same keys however deep one points into it.
    """
    if source.startswith("s3://"):
        bucket, _, prefix = source.removeprefix("s3://").partition("/")
        if not bucket:
            raise UsageError(f"{source}: name a bucket, as in s3://bucket/prefix")
        return Source(f"s3://{bucket}/", f"{prefix.rstrip('/')}/" if prefix else "", access)
    if "://" in source:
        raise UsageError(f"{source}: a source is s3://bucket/prefix or a local folder")
    path = Path(source).expanduser().resolve()
    if not path.exists():
        raise UsageError(f"{source}: no such folder")
    if not path.is_dir():
        raise UsageError(f"{source}: is a file; name the folder it lies in")
    parts = path.parts
    if "AWSLogs" in parts:
        top = parts.index("AWSLogs")
        return Source(f"{Path(*parts[:top])}/", "/".join(parts[top:]) + "/", access)
    return Source(f"{path}/".replace("//", "/"), "", access)


def open_store(source: Source) -> Store:
    """Return the store that `source` names; nothing is read yet."""
    if source.on_s3:
        from analyzer.s3_store import S3Store  # noqa: PLC0415 (boto3 takes 0.4 s to import)

        return S3Store(source.root, source.access)
    from analyzer.local_store import LocalStore  # noqa: PLC0415 (beside its twin)

    return LocalStore(source.root)
