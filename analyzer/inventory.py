"""S3 Inventory in place of a listing: a hundred million keys cost no LIST request.

    destination/source-bucket/config-id/2026-11-26T01-00Z/manifest.json
    destination/source-bucket/config-id/data/….csv.gz | .parquet | .orc

What comes of it are the rows that a `Listing` of the same scope yields: the same root before the
key, quotes around the ETag as LIST has them, folders of other logs as one row each.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
import obstore
import pyarrow as pa
import pyarrow.compute as pc
from obstore.exceptions import BaseError

from analyzer.errors import StoreError, UsageError
from analyzer.inventory_files import COLUMNS, columns_of, record_batches
from analyzer.layout import Service, Step, describe_folder
from analyzer.listing import rows_in_scope, skipped_folder
from analyzer.s3_connection import S3Connection
from analyzer.s3_errors import cause
from analyzer.s3_store import ARCHIVED_CLASSES
from analyzer.store import StoredObject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.layout import FolderPlace
    from analyzer.listing import Row, Scope
    from analyzer.source import Source

REQUIRED = ("key", "size", "e_tag", "storage_class")

ARCHIVED_TIERS = pa.array(["ARCHIVE", "DEEP_ARCHIVE", "ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"])

COPIED_AT_ONCE = 8 * 1024 * 1024


class File(msgspec.Struct, frozen=True):
    """One file of an inventory, as its manifest names it."""

    key: str
    md5: str | None = msgspec.field(default=None, name="MD5checksum")


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """`manifest.json`, as far as it matters here."""

    source_bucket: str
    file_format: str
    file_schema: str
    files: tuple[File, ...]
    creation_timestamp: str = "0"


@dataclass(frozen=True, slots=True)
class Inventory:
    """An inventory of the bucket of a source; only its manifest has been read."""

    url: str
    """Its manifest, as it was named."""
    source: Source
    manifest: Manifest

    @property
    def at(self) -> datetime:
        """When it was begun; what was delivered later is not in it."""
        return datetime.fromtimestamp(int(self.manifest.creation_timestamp) / 1000, UTC)

    @property
    def missing(self) -> tuple[str, ...]:
        """Optional columns that it does not have, by S3's names."""
        have = set(columns_of(self.manifest.file_format, self.manifest.file_schema))
        wanted = ("last_modified_date", "intelligent_tiering_access_tier")
        return tuple(COLUMNS[name] for name in wanted if name not in have)

    def rows(self, scope: Scope) -> Iterator[list[Row]]:
        """Yield the objects in scope, some at a time.

        Raises `StoreError` for a file that is not there, or not what the manifest says.
        """
        folders = _Folders(self.source.root, self.source.prefix, scope)
        for file in self.manifest.files:
            with self._opened(file) as content:
                try:
                    for batch in record_batches(
                        content, self.manifest.file_format, self.manifest.file_schema
                    ):
                        yield folders.rows(batch)
                except (pa.ArrowException, OSError) as error:
                    raise StoreError(f"{file.key}: cannot be read: {error}") from error

    @contextmanager
    def _opened(self, file: File) -> Iterator[IO[bytes]]:
        """Yield a copy of a file that is what the manifest says."""
        digest = hashlib.md5(usedforsecurity=False)
        with tempfile.TemporaryFile() as copy:
            for chunk in _chunks(self.url, file.key, self.source):
                digest.update(chunk)
                copy.write(chunk)
            if file.md5 is not None and digest.hexdigest() != file.md5:
                raise StoreError(
                    f"{file.key}: its MD5 is {digest.hexdigest()}, and {file.md5} in the manifest; "
                    "take it again, or another day's inventory"
                )
            copy.seek(0)
            yield copy


def open_inventory(url: str, source: Source) -> Inventory:
    """Read a manifest: `s3://bucket/…/manifest.json`, or a local copy of it.

    Raises `UsageError` for one of another bucket or without the columns that are needed.
    """
    if not source.on_s3:
        raise UsageError("--inventory lists a bucket; the source is a folder")
    text = b"".join(_chunks(url, None, source))
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise UsageError(f"{url}: is not the manifest.json of an S3 Inventory: {error}") from error
    bucket = source.root.removeprefix("s3://").rstrip("/")
    if manifest.source_bucket != bucket:
        raise UsageError(f"{url}: is of the bucket {manifest.source_bucket}, and not of {bucket}")
    have = columns_of(manifest.file_format, manifest.file_schema)
    lacking = ", ".join(COLUMNS[name] for name in REQUIRED if name not in have)
    if lacking:
        raise UsageError(
            f"{url}: lacks {lacking}; add these fields to the inventory's configuration"
        )
    return Inventory(url, source, manifest)


class _Folders:
    """Which keys of an inventory a listing would have met."""

    def __init__(self, root: str, prefix: str, scope: Scope) -> None:
        self._root, self._prefix, self._scope = root, prefix, scope
        self._skipped: set[str] = set()
        # An inventory is nearly in the order of its keys.
        self._met_in = lru_cache(maxsize=65_536)(self._meets)

    def rows(self, batch: pa.RecordBatch) -> list[Row]:
        """Return the rows of a batch of `COLUMNS`."""
        latest: Any = pc.fill_null(batch["is_latest"], pa.scalar(value=True))
        deleted: Any = pc.fill_null(batch["is_delete_marker"], pa.scalar(value=False))
        within = pc.and_(
            pc.starts_with(batch["key"], self._prefix), pc.and_(latest, pc.invert(deleted))
        )
        kept = batch.filter(within)
        archived = pc.or_(
            pc.is_in(kept["storage_class"], pa.array(sorted(ARCHIVED_CLASSES))),
            pc.is_in(kept["intelligent_tiering_access_tier"], ARCHIVED_TIERS),
        )
        columns = [
            kept[name].to_pylist()
            for name in ("key", "e_tag", "size", "last_modified_date", "storage_class")
        ]
        objects: list[StoredObject] = []
        folders: list[Row] = []
        for key, etag, size, modified, storage_class, is_archived in zip(
            *columns, archived.to_pylist(), strict=True
        ):
            met, skipped = self._met_in(key.rpartition("/")[0])
            if met:
                quoted = etag if etag.startswith('"') else f'"{etag}"'
                objects.append(
                    StoredObject(key, quoted, size, modified, storage_class, is_archived)
                )
            elif skipped and skipped[0] not in self._skipped:
                self._skipped.add(skipped[0])
                if self._scope.has_in_its_shard(*skipped):
                    folders.append(skipped_folder(self._root, *skipped))
        return rows_in_scope(self._root, objects, self._scope, Service.LOGS) + folders

    def _meets(self, folder: str) -> tuple[bool, tuple[str, FolderPlace] | None]:
        """Whether a listing lists what is right in a folder, or else which one it skips for it."""
        path = self._prefix
        for name in f"{folder}/".removeprefix(self._prefix).split("/")[:-1]:
            path += f"{name}/"
            place = describe_folder(path)
            if not self._scope.wants_folder(place):
                return False, None
            if place.step is Step.SKIP:
                return False, (path, place)
            if place.step is Step.LIST:
                return True, None
        return True, None


def _chunks(url: str, key: str | None, source: Source) -> Iterator[bytes]:
    """Yield the bytes of a manifest, or of the file `key` that it names."""
    if url.startswith("s3://"):
        bucket, _, manifest_key = url.removeprefix("s3://").partition("/")
        yield from _from_s3(f"s3://{bucket}/", key or manifest_key, source)
        return
    path = _beside(Path(url), key) if key else Path(url)
    try:
        with path.open("rb") as file:
            while chunk := file.read(COPIED_AT_ONCE):
                yield chunk
    except FileNotFoundError as error:
        raise UsageError(f"{path}: there is no such file") from error
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from error


def _from_s3(root: str, key: str, source: Source) -> Iterator[bytes]:
    connection = S3Connection(root, source.access)
    try:
        for chunk in obstore.get(connection.objects, key).stream(min_chunk_size=COPIED_AT_ONCE):
            yield bytes(chunk)
    except FileNotFoundError as error:
        raise StoreError(f"{root}{key}: there is no such object") from error
    except BaseError as error:
        reason = cause(error) or type(error).__name__
        raise StoreError(
            f"{root}{key}: {reason}: the credentials need s3:GetObject on the inventory"
        ) from error


def _beside(manifest: Path, key: str) -> Path:
    """Return where a copy of the file `key` lies: in `data/` as in the bucket, or beside it."""
    name = key.rpartition("/")[2]
    as_in_the_bucket = manifest.resolve().parent.parent / "data" / name
    return as_in_the_bucket if as_in_the_bucket.is_file() else manifest.parent / name
