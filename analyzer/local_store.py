"""A folder as a store: keys are paths below the root."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from analyzer.errors import StoreError
from analyzer.store import Folder, NotFetched, Page, StoredObject, Stretch


class LocalStore:
    """The folder `root` (ending in "/"), read as a bucket."""

    reads_in_flight = 1  # the page cache answers faster than a thread starts
    listings_in_flight = 1

    def __init__(self, root: str) -> None:
        """`root` ends in "/"."""
        self.root = root

    def folder(self, prefix: str) -> Folder:
        """Return what lies directly in `prefix`."""
        folders, objects = [], []
        for key, entry in self._entries(prefix):
            if key.endswith("/"):
                folders.append(key)
            else:
                objects.append(_stored(key, _stat(entry)))
        return Folder(tuple(folders), tuple(objects))

    def page(self, stretch: Stretch) -> Page:
        """Return the objects of one folder, and its subfolders as what is left."""
        objects, rest = [], []
        for key, entry in self._entries(stretch.prefix):
            if stretch.before is not None and key >= stretch.before:
                break
            if not key.endswith("/"):
                if key > stretch.after:
                    objects.append(_stored(key, _stat(entry)))
            elif key > stretch.after or stretch.after.startswith(key):
                rest.append(Stretch(key, stretch.after, stretch.before))
        return Page(objects, tuple(rest))

    def get(self, key: str, etag: str, size: int | None = None) -> bytes:
        """Return the file's bytes if it still has the size and time it was listed with."""
        del size  # its ETag says it too
        try:
            # A Path would cost a tenth of what reading and decoding an object costs.
            with open(self.root + key, "rb", buffering=0) as file:  # noqa: PTH123
                body = file.readall()
                if _etag(os.fstat(file.fileno())) != etag:
                    raise NotFetched("refused", "changed since it was listed")
        except FileNotFoundError:
            raise NotFetched("missing", "gone since it was listed") from None
        except OSError as error:
            raise NotFetched("refused", f"cannot be read: {error.strerror}") from error
        return body

    def take_retries(self) -> int:
        """Return 0: a disk is asked once."""
        return 0

    def metadata(self, key: str) -> None:
        """Return None: a copy on disk has lost what S3 keeps beside the bytes."""

    def _entries(self, prefix: str) -> list[tuple[str, os.DirEntry[str]]]:
        """Return the files and folders directly in `prefix`, folders with a trailing "/"."""
        try:
            with os.scandir(self.root + prefix) as entries:
                found = [(_key(prefix, entry), entry) for entry in entries]
        except OSError as error:
            raise StoreError(f"{self.root}{prefix}: cannot be read: {error.strerror}") from error
        return sorted(
            # A link that leads nowhere is listed too, and so is named as missing.
            (
                (key, entry)
                for key, entry in found
                if key.endswith("/") or entry.is_file() or _leads_nowhere(entry)
            ),
            key=lambda pair: pair[0],
        )


def _key(prefix: str, entry: os.DirEntry[str]) -> str:
    # A name that is no UTF-8 becomes one that is not there, and so is named as missing.
    name = entry.name.encode(errors="backslashreplace").decode()
    return f"{prefix}{name}/" if entry.is_dir() else f"{prefix}{name}"


def _leads_nowhere(entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() and not Path(entry.path).exists()


def _stat(entry: os.DirEntry[str]) -> os.stat_result:
    return entry.stat(follow_symlinks=not _leads_nowhere(entry))


def _stored(key: str, stat: os.stat_result) -> StoredObject:
    modified = datetime.fromtimestamp(stat.st_mtime_ns // 1_000_000_000, tz=UTC)
    return StoredObject(key, _etag(stat), stat.st_size, modified)


def _etag(stat: os.stat_result) -> str:
    """A file has no ETag; its size and time of change are what tells a new content."""
    return f"{stat.st_mtime_ns:x}-{stat.st_size:x}"
