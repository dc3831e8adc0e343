"""The seam between a lake and where it lies: a folder on disk, or a prefix of an S3 bucket.

`local_lake` and `s3_lake` implement `LakeFiles`; nothing else in the journey knows which one
it has. Paths are relative to the lake, with "/" between their parts.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Protocol

import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

UNFINISHED = ".unfinished"
"""The ending of a file that is being written; no Parquet reader takes it for data."""

LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a lake, as a listing tells of it."""

    path: str
    bytes: int
    modified: datetime
    """When it was written; aware."""


class LakeFiles(Protocol):
    """The files of a lake: whole under their final name, or not there at all."""

    @property
    def place(self) -> str:
        """Where the lake is, as it was named."""
        ...

    @property
    def address(self) -> str:
        """Where the lake is, for another client: an absolute path or a URL, "/" in it."""
        ...

    @property
    def shared(self) -> bool:
        """Whether others may write at the same time, and nothing but commits decides."""
        ...

    def locked(self) -> AbstractContextManager[None]:
        """Keep other writers out, where that can be done.

        Raises `LakeError` where another writes, `StoreError` where none may write.
        """
        ...

    def reachable(self, connection: DuckDBPyConnection) -> None:
        """Let a DuckDB connection open what `full_path` names, and nothing else here."""
        ...

    def failure(self) -> Exception | None:
        """Return why DuckDB could not read here, where it was not DuckDB's doing, once."""
        ...

    def full_path(self, path: str) -> str:
        """Return where `path` is, for DuckDB."""
        ...

    def source(self, path: str) -> str | pa.NativeFile:
        """Return what pyarrow opens to read `path`."""
        ...

    def read(self, path: str) -> bytes:
        """Return the bytes of a file. Raises `FileNotFoundError` where there is none."""
        ...

    def write(self, path: str, content: bytes) -> None:
        """Write a small file. Raises `StoreError` when that is refused."""
        ...

    def write_new(self, path: str, content: bytes) -> None:
        """Write a small file that must not be there yet, of a content like no other's.

        Raises `FileExistsError` where there is another, `StoreError` when that is refused.
        """
        ...

    def write_parquet(
        self,
        path: str,
        schema: pa.Schema,
        tables: Iterable[pa.Table],
        **options: Any,  # noqa: ANN401 (they are pyarrow's)
    ) -> int:
        """Write tables of `schema`, one behind the other, and return the file's bytes."""
        ...

    def write_parquet_stream(
        self,
        path: str,
        batches: pa.RecordBatchReader,
        **options: Any,  # noqa: ANN401
    ) -> tuple[int, int]:
        """Write a Parquet file batch by batch, and return its rows and its size in bytes."""
        ...

    def names(self, folder: str, pattern: str) -> list[str]:
        """Return the paths of the files in `folder` that match a glob pattern, in order."""
        ...

    def listed(self, folder: str) -> Iterator[StoredFile]:
        """Yield all files below `folder`."""
        ...

    def size(self, path: str) -> int | None:
        """Return a file's bytes; None where there is none."""
        ...

    def sizes(self, paths: Collection[str]) -> Mapping[str, int]:
        """Return the bytes of those of the files that are there."""
        ...

    def delete(self, paths: Collection[str]) -> None:
        """Delete files that nothing refers to; that one is gone already is fine."""
        ...


@contextmanager
def failures_of(files: LakeFiles) -> Iterator[None]:
    """Raise what kept DuckDB from reading a lake's files, instead of what it makes of it."""
    files.failure()
    try:
        yield
    except Exception as error:
        failure = files.failure()
        if failure is not None:
            raise failure from error
        raise


def write_tables(
    sink: IO[bytes],
    schema: pa.Schema,
    tables: Iterable[pa.Table],
    options: dict[str, Any],
) -> None:
    """Write tables as one Parquet file; `options` are pyarrow's."""
    row_group_size = options.pop("row_group_size", None)
    with pq.ParquetWriter(sink, schema, **options) as writer:
        for table in tables:
            writer.write_table(table, row_group_size)


def write_batches(sink: IO[bytes], batches: pa.RecordBatchReader, options: dict[str, Any]) -> int:
    """Write record batches as one Parquet file, and return how many rows they have."""
    rows = 0
    with pq.ParquetWriter(sink, batches.schema, **options) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += len(batch)
    return rows
