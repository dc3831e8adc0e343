"""The files of a lake: written whole under their final name or not at all.

A file is written beside its place, flushed to disk and renamed, so that neither
`kill -9` nor a power cut leaves half a file where a reader would find it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from analyzer.errors import LakeError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa

UNFINISHED = ".unfinished"
"""The ending of a file that is being written; no Parquet reader takes it for data."""


class LakeFiles:
    """The folder of a lake. Paths are relative to it, with "/" between their parts."""

    def __init__(self, root: Path) -> None:
        """Nothing is read or made yet."""
        self.root = root

    def full_path(self, path: str) -> str:
        """Return where `path` is, for DuckDB."""
        return str(self.root / path)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file. Raises `FileNotFoundError` where there is none."""
        try:
            return (self.root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise FileNotFoundError(path) from error
        except OSError as error:
            raise LakeError(f"{self.root / path}: cannot be read: {error.strerror}") from error

    def write(self, path: str, content: bytes) -> None:
        """Write a small file. Raises `StoreError` when the disk refuses."""
        with self._finished(path) as unfinished, unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def write_parquet(
        self,
        path: str,
        schema: pa.Schema,
        tables: Iterable[pa.Table],
        **options: Any,  # noqa: ANN401 (they are pyarrow's)
    ) -> int:
        """Write tables of `schema`, one behind the other, and return the file's bytes."""
        rows = options.pop("row_group_size", None)
        with self._finished(path) as unfinished, unfinished.open("wb") as file:
            with pq.ParquetWriter(file, schema, **options) as writer:
                for table in tables:
                    writer.write_table(table, rows)
            size = file.tell()
            file.flush()
            os.fsync(file.fileno())
        return size

    def write_parquet_stream(
        self,
        path: str,
        batches: pa.RecordBatchReader,
        **options: Any,  # noqa: ANN401
    ) -> tuple[int, int]:
        """Write a Parquet file batch by batch, and return its rows and its size in bytes."""
        rows = 0
        with self._finished(path) as unfinished, unfinished.open("wb") as file:
            with pq.ParquetWriter(file, batches.schema, **options) as writer:
                for batch in batches:
                    writer.write_batch(batch)
                    rows += len(batch)
            size = file.tell()
            file.flush()
            os.fsync(file.fileno())
        return rows, size

    def names(self, folder: str, pattern: str) -> list[str]:
        """Return the paths of the files in `folder` that match a glob pattern, in order."""
        return sorted(
            path.relative_to(self.root).as_posix() for path in (self.root / folder).glob(pattern)
        )

    def size(self, path: str) -> int | None:
        """Return a file's bytes; None where there is none."""
        try:
            return (self.root / path).stat().st_size
        except FileNotFoundError:
            return None

    def delete(self, path: str) -> None:
        """Delete a file that nothing refers to; that it is gone already is fine."""
        try:
            (self.root / path).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self.root / path}: cannot be deleted: {error.strerror}") from error

    def remove_if_nothing_but(self, name: str) -> None:
        """Delete the folder where `name` is all that it holds: no lake has come about in it."""
        if self.names("", "*") == [name]:
            with suppress(OSError):
                (self.root / name).unlink()
                self.root.rmdir()

    @contextmanager
    def _finished(self, path: str) -> Iterator[Path]:
        """Yield where to write `path`, and rename it into its place at the end."""
        final = self.root / path
        unfinished = final.with_name(final.name + UNFINISHED)
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            yield unfinished
            unfinished.replace(final)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise StoreError(
                f"{final}: cannot be written: {error.strerror or error}; nothing half-written "
                "is left, run again when there is room and permission"
            ) from error
