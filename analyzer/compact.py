"""Small parts of a month into large ones: fewer files to open, and smaller ones.

Each merge is a commit of its own: the merged part is written beside the others and takes their
place in the manifest, and only then are they deleted. So an interrupted compaction has lost
nothing, and the next one goes on where it ended.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from analyzer import ledger, manifest
from analyzer.batch import new_id
from analyzer.errors import Overtaken, part_gone
from analyzer.manifest import Change, Part
from analyzer.schema import DICTIONARY_COLUMNS, EVENTS
from analyzer.turns import Turns
from analyzer.write import PARQUET_OPTIONS, ROWS_IN_A_GROUP, order_of, taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from analyzer.lake_files import LakeFiles
    from analyzer.manifest import Manifest

SMALL_BYTES = 48 * 1024 * 1024
"""A part of at least this size is left as it is."""

MERGED_BYTES = 64 * 1024 * 1024
"""So much is merged into one part at the most; while it is, it is held in memory."""

# Written once and read often, so a better compression pays.
_OPTIONS = PARQUET_OPTIONS | {"compression_level": 3}


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of a lake's Parquet."""

    parts: int
    bytes: int

    @classmethod
    def of(cls, parts: Iterable[Part]) -> Size:
        """Return the size of these parts together."""
        sizes = [part.bytes for part in parts]
        return cls(len(sizes), sum(sizes))


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a lake was before and after."""

    events_before: Size
    events_after: Size
    objects_before: Size
    objects_after: Size


def compact(files: LakeFiles, merging: Callable[[int, int], None]) -> Compaction:
    """Merge the small parts of each month, and those of the ledger.

    `merging` is told how many bytes of how many have been merged. Raises `LakeError` where
    there is no lake or somebody else writes to it, `StoreError` when the disk refuses.
    """
    manifest.read_lake(files)  # there has to be one
    with manifest.exclusive(files):
        before = lake = manifest.open_for_writing(files)
        groups = list(_groups(before.events))
        total = sum(part.bytes for group in groups for part in group)
        done = 0
        for group in groups:
            lake = _with_merged(files, lake, group)
            pa.default_memory_pool().release_unused()
            done += sum(part.bytes for part in group)
            merging(done, total)
        lake = _with_merged_ledger(files, lake)
        return Compaction(
            Size.of(before.events),
            Size.of(lake.events),
            Size.of(before.objects),
            Size.of(lake.objects),
        )


def merge(files: LakeFiles, group: Sequence[Part]) -> Part:
    """Write the rows of several parts of one month as one part, and return it."""
    path = f"{group[0].path.rpartition('/')[0]}/part-{new_id()}.parquet"
    with ledger.damage_named(files, *group):
        rows = _read(files, group)
    order = order_of(rows)
    row_groups = (
        _with_own_dictionaries(taken(rows, order.slice(start, ROWS_IN_A_GROUP)))
        for start in range(0, len(rows), ROWS_IN_A_GROUP)
    )
    return Part(
        path,
        len(rows),
        files.write_parquet(path, rows.schema, row_groups, **_OPTIONS),
        tuple(sorted({hour for part in group for hour in part.hours})),
        tuple(sorted({batch for part in group for batch in part.batches})),
    )


def _read(files: LakeFiles, group: Iterable[Part]) -> pa.Table:
    """Return the rows of parts as one table, texts that stand often as dictionaries.

    It is read column by column: to join whole tables would take their memory twice.
    """
    with ExitStack() as opened:
        stored = [
            opened.enter_context(
                pq.ParquetFile(files.source(part.path), read_dictionary=DICTIONARY_COLUMNS)
            )
            for part in group
        ]
        return pa.table(
            {
                name: pa.concat_tables(file.read([name]) for file in stored)
                .unify_dictionaries()
                .combine_chunks()[name]
                for name in EVENTS.names
            }
        )


def _with_own_dictionaries(rows: pa.Table) -> pa.Table:
    """Return the rows with dictionaries that hold no value which none of them has.

    The writer takes a dictionary as it is; written out as texts, the rows of a group would take
    three times the memory, and be hashed again one by one.
    """
    return pa.table(
        {name: _with_own_dictionary(rows[name].combine_chunks()) for name in rows.column_names}
    )


def _with_own_dictionary(column: pa.Array[Any]) -> pa.Array[Any]:
    if not isinstance(column, pa.DictionaryArray):
        return column
    used = column.indices.dictionary_encode()
    return pa.DictionaryArray.from_arrays(used.indices, column.dictionary.take(used.dictionary))


def _groups(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """Yield the parts that are to become one, neighbours in time, at least two at a time."""
    by_month: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        if part.bytes < SMALL_BYTES:
            by_month[part.path.rpartition("/")[0]].append(part)
    for month in sorted(by_month):
        group: list[Part] = []
        for part in sorted(by_month[month], key=lambda each: (each.hours, each.path)):
            if sum(each.bytes for each in group) + part.bytes > MERGED_BYTES:
                if len(group) > 1:
                    yield group
                group = []
            group.append(part)
        if len(group) > 1:
            yield group


def _with_merged(files: LakeFiles, lake: Manifest, group: Sequence[Part]) -> Manifest:
    """Let one part take the place of a group, unless another has taken one of them out."""
    try:
        new = merge(files, group)
    except FileNotFoundError as error:
        return _newer(files, lake, error)
    change = Change(events=(new,), removed=frozenset(part.path for part in group))
    return _committed(files, lake, change)


def _with_merged_ledger(files: LakeFiles, lake: Manifest) -> Manifest:
    """Merge the ledger's small parts, if there are several."""
    try:
        merged = ledger.merge(files, lake.objects, new_id(), at_least=2)
    except FileNotFoundError as error:
        return _newer(files, lake, error)
    if merged is None:
        return lake
    return _committed(files, lake, Change(objects=merged.added, removed=merged.removed))


def _newer(files: LakeFiles, lake: Manifest, error: FileNotFoundError) -> Manifest:
    """Return what another has committed, who took a part out. Raises `LakeError` for nobody."""
    newest = manifest.newest(files)
    if newest.number == lake.number:
        raise part_gone(files.place, error) from error
    return newest


def _committed(files: LakeFiles, lake: Manifest, change: Change) -> Manifest:
    """Commit on top of what others have committed meanwhile, if they left the old parts alone."""
    turns = Turns()
    while change.removed <= lake.paths():
        try:
            return manifest.commit(files, lake, change)
        except Overtaken as overtaken:
            turns.wait(overtaken)
            lake = manifest.newest(files)
    files.delete([part.path for part in (*change.events, *change.objects)])
    return lake
