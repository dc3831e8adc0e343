"""A lake's parts as DuckDB reads them where it cannot open them itself: read-only, range by range.

Parts never change, so what was read of one is kept. The end of a part, where Parquet has its
table of contents, comes first and in one request, which tells its size as well; a small part is
all end. s3fs asks for the size of each file before it reads, and keeps nothing between queries.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEME = "lake"

END_BYTES = 256 * 1024
"""What is read of a part first; the table of contents of a merged one has some 100 KB."""

KEPT_BYTES = 128 * 1024 * 1024
"""So much of what was read is kept for the next query."""

_ANY_TIME = datetime(2020, 1, 1, tzinfo=UTC)
"""DuckDB asks when a file was modified; a part never is."""


class Parts(Protocol):
    """Where the bytes come from. Raises `FileNotFoundError` and `StoreError`."""

    def end(self, path: str, count: int) -> tuple[int, bytes]:
        """Return how many bytes a file has, and the last `count` of them."""
        ...

    def between(self, path: str, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to, not including, `end`."""
        ...


class LakeFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The parts of one lake, as `lake://` and their path. Nothing else is in it."""

    protocol = SCHEME
    cachable = False

    def __init__(self, parts: Parts) -> None:
        """Nothing is read yet."""
        super().__init__()
        self._parts = parts
        self._kept: OrderedDict[tuple[str, int, int], tuple[int, bytes]] = OrderedDict()
        self._kept_bytes = 0
        self._lock = Lock()
        self.failure: Exception | None = None
        """What went wrong last; DuckDB makes a traceback of it."""

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.removeprefix(f"{SCHEME}://")

    def info(self, path: str, **_: object) -> dict[str, Any]:
        """Return what there is to know of a part."""
        return {"name": path, "size": self.end(self._strip_protocol(path))[0], "type": "file"}

    def modified(self, _path: str) -> datetime:
        """Return a time that never changes, as parts do not."""
        return _ANY_TIME

    def glob(self, path: str, **_: object) -> list[str]:
        """Return the path itself: no pattern is looked up."""
        return [path]

    def open(self, path: str, mode: str = "rb", **_: object) -> PartReader:
        """Open a part for reading."""
        if mode != "rb":
            raise PermissionError(f"{path}: the parts of a lake are only read")
        return PartReader(self, self._strip_protocol(path))

    def end(self, path: str) -> tuple[int, bytes]:
        """Return a part's size and its last bytes."""
        return self._remembered((path, -1, -1), lambda: self._parts.end(path, END_BYTES))

    def read(self, path: str, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to `end`, or to the end of the part."""
        size, last = self.end(path)
        end = min(end, size)
        if start >= end:
            return b""
        begins = size - len(last)
        if start >= begins:
            return last[start - begins : end - begins]
        return self._remembered(
            (path, start, end), lambda: (size, self._parts.between(path, start, end))
        )[1]

    def _remembered(
        self, what: tuple[str, int, int], ask: Callable[[], tuple[int, bytes]]
    ) -> tuple[int, bytes]:
        with self._lock:
            if what in self._kept:
                self._kept.move_to_end(what)
                return self._kept[what]
        try:
            answer = ask()
        except Exception as error:
            self.failure = error
            raise
        with self._lock:
            if what not in self._kept:
                self._kept[what] = answer
                self._kept_bytes += len(answer[1])
            while self._kept_bytes > KEPT_BYTES:
                _, (_, forgotten) = self._kept.popitem(last=False)
                self._kept_bytes -= len(forgotten)
        return answer


class PartReader(io.RawIOBase):
    """A part opened by DuckDB, one for each of its threads."""

    def __init__(self, parts: LakeFileSystem, path: str) -> None:
        """Nothing is read yet."""
        self._parts = parts
        self._path = path
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Return where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Let the next read begin elsewhere."""
        begins = {io.SEEK_SET: 0, io.SEEK_CUR: self._at}
        base = self._parts.end(self._path)[0] if whence == io.SEEK_END else begins[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes; all that are left for -1."""
        end = self._at + size if size >= 0 else self._parts.end(self._path)[0]
        found = self._parts.read(self._path, self._at, end)
        self._at += len(found)
        return found
