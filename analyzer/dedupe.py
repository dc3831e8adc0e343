"""No record twice: not within a batch, and not between a batch and the lake.

The same eventID with different content is two records, and both are kept. Records without an
eventID are always kept. Copies have the same eventTime, so only the same hours can hold one.
`copies` has found those that were read shortly one after the other; what is farther away, in
parts of earlier runs, or written differently, `LakeDeduper` finds by comparing the columns
themselves.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analyzer.copies import Copy
from analyzer.errors import LakeError, first_line
from analyzer.lake_files import failures_of
from analyzer.manifest import Part, next_generation
from analyzer.queries import sql
from analyzer.schema import EVENTS, JSON_COLUMNS
from analyzer.write import PARQUET_OPTIONS, write_part

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from analyzer.copies import Clearance, FoundCopies
    from analyzer.lake_files import LakeFiles


@dataclass(frozen=True, slots=True)
class Copies:
    """How many rows of one object were dropped, and the keys of the objects that keep them."""

    dropped: int
    kept_by: frozenset[str]


class LakeDeduper:
    """Compares new parts with the parts of a lake, column by column; one for each ingest."""

    def __init__(self, files: LakeFiles) -> None:
        """Start an in-memory DuckDB of one thread."""
        self._files = files
        self._duckdb = duckdb.connect(config={"threads": 1})
        files.reachable(self._duckdb)
        self._duckdb.execute("SET VARIABLE json_columns = ?", [JSON_COLUMNS])

    def drop_copies(
        self, new: Part, lake: Iterable[Part], clearance: Clearance
    ) -> tuple[Part | None, list[Copy]]:
        """Return `new` without rows that `lake` has, and what was dropped.

        A part that loses rows is written anew under another name; None when it loses all.
        Raises `LakeError` for a part that cannot be read.
        """
        near = [
            part for part in near_parts(lake, new.hours) if not part.batches <= clearance.batches
        ]
        if not near and clearance.itself:
            return new, []
        with self._parts_read():
            found = self._copies(new, near)
        if not found:
            return new, []
        rows = pq.read_table(self._files.source(new.path), partitioning=None)
        rest = _without(rows, [position for position, *_ in found])
        copies = [Copy(key, keeper) for _, key, keeper in found]
        if not len(rest):
            return None, copies
        return write_part(self._files, next_generation(new.path), rest), copies

    def with_keepers(
        self,
        found: FoundCopies,
        event_ids: Sequence[str],
        lake: Iterable[Part],
        lost: Collection[str],
    ) -> list[Copy]:
        """Return the copies of `found`, each with the object whose row the lake has kept.

        That is another one than was thought where the row that it was compared with, of an
        object in `lost`, has itself turned out to be a copy of one in the lake. `event_ids` are
        those of the copies. Raises `LakeError` for a part that cannot be read.
        """
        wanted = {
            event_id
            for copy, event_id in zip(found.copies, event_ids, strict=True)
            if copy.kept_by in lost
        }
        if not wanted:
            return list(found.copies)
        ids = pa.table({"event_id": pa.array(wanted, pa.string())})
        self._duckdb.register("wanted_ids", ids)
        with self._parts_read():
            self._see(near_parts(lake, found.hours))
            keepers = dict(self._duckdb.execute(sql("dedupe/keepers")).fetchall())
        return [
            copy._replace(kept_by=keepers[event_id])
            if copy.kept_by in lost and event_id in keepers
            else copy
            for copy, event_id in zip(found.copies, event_ids, strict=True)
        ]

    @contextmanager
    def _parts_read(self) -> Iterator[None]:
        """Translate what DuckDB raises over a part that is gone or damaged."""
        try:
            with failures_of(self._files):
                yield
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            raise LakeError(f"the lake cannot be read: {first_line(error)}") from error

    def _copies(self, new: Part, near: Sequence[Part]) -> list[tuple[int, str, str]]:
        """Return (position, object, object that keeps it) of each row to be dropped."""
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


def near_parts(lake: Iterable[Part], hours: Iterable[int]) -> list[Part]:
    """Return the parts that share an hour with `hours`; copies have the same eventTime."""
    wanted = frozenset(hours)
    return [part for part in lake if not wanted.isdisjoint(part.hours)]


def without_objects(files: LakeFiles, part: Part, keys: Iterable[str]) -> Part | None:
    """Return `part` without the rows of these objects, written anew; itself if it has none.

    None when no row is left.
    """
    theirs = pa.array(keys, pa.string())
    with pq.ParquetFile(files.source(part.path)) as stored:
        groups = range(stored.num_row_groups)
        sources = (stored.read_row_group(i, ["source_key"]) for i in groups)
        rest = sum(len(_of_others(rows, theirs)) for rows in sources)
        if rest == part.rows:
            return part
        if not rest:
            return None
        kept = (_of_others(stored.read_row_group(i), theirs) for i in groups)
        path = next_generation(part.path)
        size = files.write_parquet(path, EVENTS, kept, **PARQUET_OPTIONS)
    return Part(path, rest, size, part.hours, part.merged)


def _of_others(rows: pa.Table, keys: pa.Array[Any]) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows["source_key"], keys)))


def _without(rows: pa.Table, positions: Sequence[int]) -> pa.Table:
    here = pa.array(range(len(rows)), pa.int64())
    return rows.filter(pc.invert(pc.is_in(here, pa.array(positions, pa.int64()))))


def by_object(copies: Iterable[Copy]) -> dict[str, Copies]:
    """Gather copies by the object that they came from."""
    keepers: dict[str, list[str]] = defaultdict(list)
    for copy in copies:
        keepers[copy.key].append(copy.kept_by)
    return {key: Copies(len(kept_by), frozenset(kept_by)) for key, kept_by in keepers.items()}
