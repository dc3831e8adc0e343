"""What a listing has found so far, kept in the lake, so that a killed run need not list it again.

    listing/part-*.parquet      objects that were listed
    listing/left.json           the parts that count, what was asked for, and what is left to list

`left.json` is written last, so whatever it says is there. It holds for the same source and
scope, and for a day: what is delivered meanwhile into a part of the bucket that was listed
already is found by the next ingest, as anything is that comes after its turn in a listing.
Of a lake that others may write to at the same time nothing is kept: a listing is one run's own.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pyarrow.parquet as pq

from analyzer import __version__, manifest
from analyzer.errands import Errand  # noqa: TC001 (msgspec reads it)
from analyzer.listing import LISTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa

    from analyzer.lake_files import LakeFiles
    from analyzer.listing import Listing, Scope

FOLDER = "listing"
_LEFT = f"{FOLDER}/left.json"

VALID = timedelta(days=1)

SECONDS_BETWEEN = 20
"""So much of a listing may have to be done again, at most."""

ROWS_HELD = 100_000
"""So many objects wait in memory to be kept, at most: some 20 MB."""

_OF_FEW_VALUES = ["storage_class", "account_id", "region", "skipped"]


class Left(msgspec.Struct, frozen=True):
    """Where a listing was."""

    asked: str
    at: datetime
    parts: tuple[str, ...]
    rows: int
    errands: tuple[Errand, ...]


class Checkpoint:
    """What is kept of one listing."""

    def __init__(self, files: LakeFiles, source: str, scope: Scope, now: datetime) -> None:
        """`source` is what is listed: the root of the store, and a prefix."""
        self._files = files
        self._asked = f"{__version__} {source} {scope}"
        self._found = self._read(now)
        self._at = self._found.at if self._found else now
        self._parts = list(self._found.parts) if self._found else []
        self.rows = self._found.rows if self._found else 0
        """How many objects are kept."""
        self._held: list[pa.Table] = []
        self._kept_at = time.monotonic()

    @property
    def left(self) -> tuple[Errand, ...] | None:
        """What an interrupted listing had left; None where there is none to go on with."""
        return self._found.errands if self._found else None

    def found(self) -> Iterator[pa.Table]:
        """Yield what the interrupted listing had found."""
        for path in list(self._parts):
            yield pq.read_table(self._files.source(path), partitioning=None)

    def keeping(
        self, tables: Iterable[pa.Table], listing: Listing, whole: Callable[[], bool]
    ) -> Iterator[pa.Table]:
        """Pass on what was found before, and then what `listing` finds, keeping it meanwhile.

        Nothing is kept from where it is not `whole` any more: the next run has to find out
        for itself what may not be listed.
        """
        if self._files.shared:
            yield from tables
            return
        yield from self.found()
        for table in tables:
            if whole():
                self._held.append(table)
                long_ago = time.monotonic() > self._kept_at + SECONDS_BETWEEN
                if long_ago or sum(map(len, self._held)) >= ROWS_HELD:
                    self._keep(listing.left)
            yield table
        if self._parts and self._held and whole():
            self._keep(())
        self._held.clear()

    def _keep(self, left: tuple[Errand, ...]) -> None:
        manifest.create(self._files)  # a folder without lake.json would be somebody else's
        if not self._parts:
            forget(self._files)  # or what is kept of another listing would name these parts
        path = f"{FOLDER}/part-{len(self._parts):06}.parquet"
        self._files.write_parquet(
            path, LISTED, self._held, compression="zstd", use_dictionary=_OF_FEW_VALUES
        )
        self._parts.append(path)
        self.rows += sum(map(len, self._held))
        state = Left(self._asked, self._at, tuple(self._parts), self.rows, left)
        self._files.write(_LEFT, msgspec.json.encode(state))
        self._held, self._kept_at = [], time.monotonic()

    def _read(self, now: datetime) -> Left | None:
        """Return where an interrupted listing of the same was, if that still holds."""
        if self._files.shared:
            return None
        try:
            left = msgspec.json.decode(self._files.read(_LEFT), type=Left)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return left if left.asked == self._asked and now < left.at + VALID else None


def forget(files: LakeFiles) -> None:
    """Delete what is kept of a listing: the run that needed it has ended."""
    if files.shared:
        return
    files.delete([_LEFT])  # what refers to the parts first
    files.delete(files.names(FOLDER, "part-*.parquet"))
