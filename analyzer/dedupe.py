"""No record twice: not within a batch, and not between a batch and the lake.

CloudTrail redelivers, and trails overlap. The same eventID with the same content is one
record; the copy from the object that comes first in the plan is kept. The same eventID
with different content is two records, and both are kept. Records without an eventID are
always kept. Copies have the same eventTime, so only the same hours can hold one.

Copies come near each other, so `RecentRecords` finds nearly all of them by the hashes of id
and text, before a batch is written. What is farther away, in parts of earlier runs, or
written differently, `LakeDeduper` finds by comparing the columns themselves.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analyzer.manifest import batch_of, next_generation
from analyzer.queries import sql
from analyzer.schema import EVENTS
from analyzer.write import write_part

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from analyzer.lake_files import LakeFiles
    from analyzer.manifest import Part

RECENT_ROWS = 4_000_000
"""How many rows' hashes are held; 16 bytes each."""


@dataclass(frozen=True, slots=True)
class Copies:
    """How many rows of one object were dropped, and the keys of the objects that keep them."""

    dropped: int
    kept_by: frozenset[str]


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """What tells a batch's rows from others, in the order of the plan."""

    batch_id: str
    keys: tuple[str, ...]
    """The batch's objects, in the order of the plan."""
    ends: tuple[int, ...]
    """One past the position of each object's last row."""
    id_hashes: pa.Array[Any]
    text_hashes: pa.Array[Any]
    hours: frozenset[int]

    dropped: frozenset[int] = frozenset()
    """Positions of rows that are copies, and so keep nobody's record."""

    def key_of(self, position: int) -> str:
        """Return the object that a row came from."""
        return self.keys[bisect_right(self.ends, position)]


@dataclass(frozen=True, slots=True)
class Clearance:
    """With what a batch is known to share no record, so that nobody compares them again."""

    batches: frozenset[str]
    itself: bool


class Copy(NamedTuple):
    """A row that is dropped, and who keeps it."""

    key: str
    """The object that the row came from."""
    kept_by: str
    """The object whose row is kept."""
    id_hash: int


@dataclass(frozen=True, slots=True)
class FoundCopies:
    """The rows of a batch that are copies of rows read shortly before."""

    batch_id: str
    positions: tuple[int, ...]
    copies: tuple[Copy, ...]
    hours: frozenset[int]
    """The hours that the batch's rows fall in."""
    clearance: Clearance


class RecentRecords:
    """The fingerprints of the batches that this run read last."""

    def __init__(self) -> None:
        """Nothing has been read yet."""
        self._batches: deque[Fingerprints] = deque()
        self._rows = 0

    def take_in(self, new: Fingerprints) -> FoundCopies:
        """Return which rows of `new` are copies of rows of it or of batches before it."""
        near = [batch for batch in self._batches if not batch.hours.isdisjoint(new.hours)]
        found = _copies_among(new, near, frozenset(held.batch_id for held in self._batches))
        self._batches.append(replace(new, dropped=frozenset(found.positions)))
        self._rows += len(new.id_hashes)
        while self._rows > RECENT_ROWS and len(self._batches) > 1:
            self._rows -= len(self._batches.popleft().id_hashes)
        return found


def _copies_among(
    new: Fingerprints, near: Sequence[Fingerprints], held: frozenset[str]
) -> FoundCopies:
    """Compare only the few rows whose id stands more than once.

    An id that stands with another text may be the same content in other words: then nothing
    is cleared, and the columns decide.
    """
    wanted = _repeated_ids(new, near)
    keepers: dict[int, dict[int, str]] = defaultdict(dict)
    for batch in near:
        for position, id_hash, text_hash in _rows_of(batch, wanted):
            keepers[id_hash].setdefault(text_hash, batch.key_of(position))
    copies: dict[int, Copy] = {}
    unsure = False
    for position, id_hash, text_hash in _rows_of(new, wanted):
        key = new.key_of(position)
        keeper = keepers[id_hash].get(text_hash)
        if keeper is not None:
            copies[position] = Copy(key, keeper, id_hash)
        else:
            unsure |= bool(keepers[id_hash])
            keepers[id_hash][text_hash] = key
    clearance = Clearance(frozenset() if unsure else held, itself=not unsure)
    return FoundCopies(new.batch_id, tuple(copies), tuple(copies.values()), new.hours, clearance)


def _repeated_ids(new: Fingerprints, near: Sequence[Fingerprints]) -> pa.Array[Any]:
    """Return the id hashes of `new` that stand twice in it, or in a batch before it too."""
    ids = new.id_hashes.drop_null()
    repeated = [
        batch.id_hashes.filter(pc.is_in(batch.id_hashes, ids)).drop_null() for batch in near
    ]
    if len(pc.unique(ids)) < len(ids):
        counted = pc.value_counts(ids)
        more_than_one = pc.greater(counted.field("counts"), pa.scalar(1, pa.int64()))
        repeated.append(counted.field("values").filter(more_than_one))
    return pc.unique(pa.concat_arrays(repeated)) if repeated else ids.slice(0, 0)


def _rows_of(batch: Fingerprints, ids: pa.Array[Any]) -> list[tuple[int, int, int]]:
    """Return (position, id hash, text hash) of the rows with one of `ids`, in order."""
    if not len(ids):
        return []
    positions = pc.indices_nonzero(pc.is_in(batch.id_hashes, ids))
    id_hashes, text_hashes = batch.id_hashes.take(positions), batch.text_hashes.take(positions)
    columns = (positions, id_hashes, text_hashes)
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return [row for row in rows if row[0] not in batch.dropped]


class LakeDeduper:
    """Compares new parts with the parts of a lake, column by column; one for each ingest."""

    def __init__(self, files: LakeFiles) -> None:
        """Start an in-memory DuckDB of one thread."""
        self._files = files
        self._duckdb = duckdb.connect(config={"threads": 1})

    def drop_copies(
        self, new: Part, lake: Iterable[Part], clearance: Clearance
    ) -> tuple[Part | None, list[Copy]]:
        """Return `new` without rows that `lake` has, and what was dropped.

        A part that loses rows is written anew under another name; None when it loses all.
        """
        near = [
            part for part in _near(lake, new.hours) if batch_of(part.path) not in clearance.batches
        ]
        if not near and clearance.itself:
            return new, []
        found = self._copies(new, near)
        if not found:
            return new, []
        rows = pq.read_table(self._files.full_path(new.path), partitioning=None)
        rest = _without(rows, [position for position, *_ in found])
        copies = [Copy(key, keeper, id_hash) for _, key, keeper, id_hash in found]
        if not len(rest):
            return None, copies
        return write_part(self._files, next_generation(new.path), rest), copies

    def with_keepers(
        self, found: FoundCopies, lake: Iterable[Part], lost: Collection[str]
    ) -> list[Copy]:
        """Return the copies of `found`, each with the object whose row the lake has kept.

        That is another one than was thought where the row that it was compared with, of an
        object in `lost`, has itself turned out to be a copy of one in the lake.
        """
        wanted = {copy.id_hash for copy in found.copies if copy.kept_by in lost}
        if not wanted:
            return list(found.copies)
        self._see(_near(lake, found.hours))
        hashes = pa.table({"id_hash": pa.array(wanted, pa.uint64())})
        self._duckdb.register("wanted_hashes", hashes)
        keepers = dict(self._duckdb.execute(sql("dedupe/keepers")).fetchall())
        return [
            copy._replace(kept_by=keepers[copy.id_hash])
            if copy.kept_by in lost and copy.id_hash in keepers
            else copy
            for copy in found.copies
        ]

    def _copies(self, new: Part, near: Sequence[Part]) -> list[tuple[int, str, str, int]]:
        """Return (position, object, object that keeps it, id hash) of each row to be dropped."""
        self._duckdb.execute("SET VARIABLE new_part = ?", [self._files.full_path(new.path)])
        self._see(near)
        seen = self._duckdb.sql(sql("dedupe/seen_ids")).to_arrow_table()
        if not len(seen):
            return []
        self._duckdb.register("seen_ids", seen)
        return self._duckdb.execute(sql("dedupe/copies")).fetchall()

    def _see(self, near: Sequence[Part]) -> None:
        """Let near_rows be the rows of these parts."""
        files = [self._files.full_path(part.path) for part in near]
        self._duckdb.execute("SET VARIABLE near_parts = ?", [files])
        if near:
            self._duckdb.execute(sql("dedupe/near_rows"))
        else:
            self._duckdb.execute("DROP VIEW IF EXISTS near_rows")
            self._duckdb.register("near_rows", EVENTS.empty_table())


def _near(lake: Iterable[Part], hours: Iterable[int]) -> list[Part]:
    """Return the parts that share an hour with `hours`; copies have the same eventTime."""
    wanted = frozenset(hours)
    return [part for part in lake if not wanted.isdisjoint(part.hours)]


def without_objects(files: LakeFiles, part: Part, keys: Iterable[str]) -> Part | None:
    """Return `part` without the rows of these objects, written anew; itself if it has none.

    None when no row is left.
    """
    rows = pq.read_table(files.full_path(part.path), partitioning=None)
    rest = rows.filter(pc.invert(pc.is_in(rows["source_key"], pa.array(keys, pa.string()))))
    if len(rest) == len(rows):
        return part
    return write_part(files, next_generation(part.path), rest) if len(rest) else None


def _without(rows: pa.Table, positions: Sequence[int]) -> pa.Table:
    here = pa.array(range(len(rows)), pa.int64())
    return rows.filter(pc.invert(pc.is_in(here, pa.array(positions, pa.int64()))))


def by_object(copies: Iterable[Copy]) -> dict[str, Copies]:
    """Gather copies by the object that they came from."""
    keepers: dict[str, list[str]] = defaultdict(list)
    for copy in copies:
        keepers[copy.key].append(copy.kept_by)
    return {key: Copies(len(kept_by), frozenset(kept_by)) for key, kept_by in keepers.items()}
