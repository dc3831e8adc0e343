"""A lake in a folder: files written whole under their final name or not at all.

A file is written beside its place, flushed to disk and renamed, so that neither
`kill -9` nor a power cut leaves half a file where a reader would find it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from analyzer.errors import LakeError, StoreError
from analyzer.lake_files import LOCK, UNFINISHED, StoredFile, write_batches, write_tables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa
    from duckdb import DuckDBPyConnection


class LocalLakeFiles:
    """The folder of a lake."""

    shared = False

    def __init__(self, root: Path) -> None:
        """Nothing is read or made yet."""
        self.root = root

    @property
    def place(self) -> str:
        """The folder as it was named."""
        return str(self.root)

    @property
    def address(self) -> str:
        """The folder's absolute path."""
        return self.root.resolve().as_posix()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder's lock, which the system lets go of when the process dies."""
        lock = FileLock(self.root / LOCK, timeout=0)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            raise LakeError(
                f"{self.root}: another tlstrail is writing to this lake; wait for it to end"
            ) from None
        except OSError as error:
            raise StoreError(f"{self.root}: cannot be written: {error.strerror}") from error
        try:
            yield
        finally:
            lock.release()
            self._remove_if_nothing_but(LOCK)

    def reachable(self, connection: DuckDBPyConnection) -> None:
        """DuckDB opens files by itself."""

    def failure(self) -> None:
        """What goes wrong is DuckDB's to tell."""

    def full_path(self, path: str) -> str:
        """Return where `path` is, for DuckDB."""
        return str(self.root / path)

    def source(self, path: str) -> str:
        """Return where `path` is, for pyarrow."""
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
        with self._finished(path) as file:
            file.write(content)

    def write_new(self, path: str, content: bytes) -> None:
        """Write a small file that is not there yet; the caller holds the lock."""
        if (self.root / path).exists():
            raise FileExistsError(path)
        self.write(path, content)

    def write_parquet(
        self,
        path: str,
        schema: pa.Schema,
        tables: Iterable[pa.Table],
        **options: Any,  # noqa: ANN401 (they are pyarrow's)
    ) -> int:
        """Write tables of `schema`, one behind the other, and return the file's bytes."""
        with self._finished(path) as file:
            write_tables(file, schema, tables, options)
            return file.tell()

    def write_parquet_stream(
        self,
        path: str,
        batches: pa.RecordBatchReader,
        **options: Any,  # noqa: ANN401
    ) -> tuple[int, int]:
        """Write a Parquet file batch by batch, and return its rows and its size in bytes."""
        with self._finished(path) as file:
            return write_batches(file, batches, options), file.tell()

    def names(self, folder: str, pattern: str) -> list[str]:
        """Return the paths of the files in `folder` that match a glob pattern, in order."""
        return sorted(
            path.relative_to(self.root).as_posix() for path in (self.root / folder).glob(pattern)
        )

    def listed(self, folder: str) -> Iterator[StoredFile]:
        """Yield all files below `folder`."""
        for path in (self.root / folder).rglob("*"):
            if path.is_file():
                facts = path.stat()
                at = datetime.fromtimestamp(facts.st_mtime, UTC)
                yield StoredFile(path.relative_to(self.root).as_posix(), facts.st_size, at)

    def size(self, path: str) -> int | None:
        """Return a file's bytes; None where there is none."""
        try:
            return (self.root / path).stat().st_size
        except FileNotFoundError:
            return None

    def sizes(self, paths: Collection[str]) -> dict[str, int]:
        """Return the bytes of those of the files that are there."""
        found = ((path, self.size(path)) for path in paths)
        return {path: size for path, size in found if size is not None}

    def delete(self, paths: Collection[str]) -> None:
        """Delete files that nothing refers to; that one is gone already is fine."""
        for path in paths:
            try:
                (self.root / path).unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(
                    f"{self.root / path}: cannot be deleted: {error.strerror}"
                ) from error

    def _remove_if_nothing_but(self, name: str) -> None:
        """Delete the folder where `name` is all that it holds: no lake has come about in it."""
        if self.names("", "*") == [name]:
            with suppress(OSError):
                (self.root / name).unlink()
                self.root.rmdir()

    @contextmanager
    def _finished(self, path: str) -> Iterator[IO[bytes]]:
        """Yield where to write `path`; flush it and rename it into its place at the end."""
        final = self.root / path
        unfinished = final.with_name(final.name + UNFINISHED)
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(final)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise StoreError(
                f"{final}: cannot be written: {error.strerror or error}; nothing half-written "
                "is left, run again when there is room and permission"
            ) from error
