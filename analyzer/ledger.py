"""What became of every object: one row per source object (key, ETag) ever listed.

Always: listed = the sum of the statuses, and the records of ingested objects = the rows
in `events` + the duplicates dropped. `sql/checks` asserts it, `status` prints it.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow.fs import LocalFileSystem

from analyzer.errors import LakeError, first_line
from analyzer.listing import LogObject  # noqa: TC001 (msgspec reads it)
from analyzer.manifest import Part, next_generation
from analyzer.schema import LEDGER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from pyarrow.dataset import Fragment

    from analyzer.lake_files import LakeFiles
    from analyzer.listing import Scope

MERGED_AT_ONCE = 64
SMALL_PART_ROWS = 100_000
"""So many ledger parts below this size are merged into one: a lake of many commits must
open fast, and a large ledger must not be written anew for every few commits."""

ROWS_IN_A_GROUP = 4_096
"""So many rows have statistics of their own: where these rule them out, nobody reads them. Who
reads or merges parts holds a group or two at a time, of some 2 MB."""

ROWS_DECODED_AT_ONCE = 1_024

BYTES_IN_A_PAGE = 128 * 1024
"""Who reads a column holds a page of it decompressed, of 1 MB if nobody says otherwise."""

# A dictionary would hold nearly each of these once; in this way they are read a third faster.
_DISTINCT_COLUMNS = ("key", "etag", "sha256")

_PARQUET_OPTIONS: dict[str, Any] = {
    "compression": "zstd",
    "data_page_size": BYTES_IN_A_PAGE,
    "use_dictionary": [name for name in LEDGER.names if name not in _DISTINCT_COLUMNS],
    "column_encoding": dict.fromkeys(_DISTINCT_COLUMNS, "DELTA_LENGTH_BYTE_ARRAY"),
}


class Status(StrEnum):
    """What became of an object."""

    INGESTED = "ingested"  # all its records are in `events`, or were there already
    EMPTY = "empty"  # a log without records
    REFUSED = "refused"  # no whole log, or the store did not give it
    ARCHIVED = "archived"  # in Glacier; to be restored first
    MISSING = "missing"  # listed, and gone when it was asked for
    SKIPPED = "skipped"  # not a CloudTrail log


TAKEN = frozenset({Status.INGESTED, Status.EMPTY})
LEFT_OUT = frozenset({Status.REFUSED, Status.ARCHIVED, Status.MISSING})


class Outcome(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What became of one object in this run; a row of the ledger."""

    log_object: LogObject
    status: Status
    reason: str | None = None
    records: int = 0
    duplicates: int = 0
    duplicate_of: tuple[str, ...] = ()
    sha256: str | None = None
    part: str | None = None
    retry: bool = False


def skipped(log_object: LogObject) -> Outcome:
    """Return the outcome of an object that is no CloudTrail log."""
    return Outcome(log_object, Status.SKIPPED, log_object.skipped)


def archived(log_object: LogObject) -> Outcome:
    """Return the outcome of an object that the listing shows to be archived."""
    reason = f"in storage class {log_object.storage_class}; restore it first"
    return Outcome(log_object, Status.ARCHIVED, reason, retry=True)


def write_ledger(
    files: LakeFiles, part_id: str, outcomes: Sequence[Outcome], at: datetime
) -> tuple[Part, ...]:
    """Write the outcomes as one ledger part, not yet visible; none for no outcome."""
    if not outcomes:
        return ()
    return (write_part(files, f"objects/part-{part_id}.parquet", _table(outcomes, at)),)


def _table(outcomes: Sequence[Outcome], at: datetime) -> pa.Table:
    rows = [
        {
            "key": outcome.log_object.key,
            "etag": outcome.log_object.etag,
            "size": outcome.log_object.size,
            "last_modified": outcome.log_object.last_modified,
            "storage_class": outcome.log_object.storage_class,
            "account_id": outcome.log_object.account_id,
            "region": outcome.log_object.region,
            "delivered_at": outcome.log_object.delivered_at,
            "status": outcome.status.value,
            "reason": outcome.reason,
            "records": outcome.records,
            "duplicates": outcome.duplicates,
            "duplicate_of": outcome.duplicate_of,
            "retry": outcome.retry,
            "sha256": outcome.sha256,
            "part": outcome.part,
            "ingested_at": at,
        }
        for outcome in outcomes
    ]
    return pa.Table.from_pylist(rows, LEDGER)


def read_ledger(files: LakeFiles, parts: Iterable[Part]) -> pa.Table:
    """Return the ledger as one table."""
    tables = [
        pq.read_table(files.source(part.path), schema=LEDGER, partitioning=None) for part in parts
    ]
    return pa.concat_tables(tables) if tables else LEDGER.empty_table()


def read_parts(
    files: LakeFiles,
    parts: Iterable[Part],
    columns: Sequence[str],
    wanted: pc.Expression | None = None,
) -> Iterator[pa.Table]:
    """Yield some columns of the rows that are wanted, `ROWS_IN_A_GROUP` at a time at most.

    Raises `FileNotFoundError` for a part that is gone, and `LakeError` for a damaged one.
    """
    for part in parts:
        with damage_named(files, part):
            for batch in _fragment(files, part).to_batches(
                LEDGER,
                columns=list(columns),
                filter=wanted,
                batch_size=ROWS_IN_A_GROUP,
                batch_readahead=1,  # 16 otherwise, and each is of a few megabytes
            ):
                if len(batch):
                    yield pa.Table.from_batches([batch])


@contextmanager
def damage_named(files: LakeFiles, *parts: Part) -> Iterator[None]:
    """Raise `LakeError` where Parquet of these parts cannot be read.

    `FileNotFoundError` is left as it is: where somebody else has committed, it is no damage.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        among = parts[0].path if len(parts) == 1 else f"one of {len(parts):,} parts"
        raise LakeError(
            f"the lake cannot be read: {files.place}: {among} is damaged: {first_line(error)}"
        ) from error


def _fragment(files: LakeFiles, part: Part) -> Fragment:
    from pyarrow.dataset import ParquetFileFormat  # noqa: PLC0415 (only who reads waits for it)

    source = files.source(part.path)
    if isinstance(source, str):
        return ParquetFileFormat().make_fragment(str(Path(source).absolute()), LocalFileSystem())
    return ParquetFileFormat().make_fragment(source)  # type: ignore[arg-type]  # a file of pyarrow's own


def in_scope(scope: Scope) -> pc.Expression:
    """Return what holds for the rows of all objects that a listing of `scope` can find.

    What a key says is the same whenever it is listed; what is not known cannot be ruled out.
    """
    among = pc.scalar(True)  # noqa: FBT003 (pyarrow's)
    for name, values in (("account_id", scope.accounts), ("region", scope.regions)):
        if values:
            among &= _unknown_or(name, pc.field(name).isin(values))
    since = scope.since and scope.since - timedelta(minutes=1)
    return among & _delivered(since, scope.delivered_until)


def _delivered(since: datetime | None, until: datetime | None) -> pc.Expression:
    """Return what holds for rows of objects delivered from `since` up to and with `until`."""
    within = pc.scalar(True)  # noqa: FBT003
    at = pc.field("delivered_at")
    if since is not None:
        within &= at >= _moment(since)
    if until is not None:
        within &= at <= _moment(until)
    return _unknown_or("delivered_at", within)


def _unknown_or(name: str, holds: pc.Expression) -> pc.Expression:
    return pc.field(name).is_null() | holds


def _moment(at: datetime) -> pa.Scalar[Any]:
    return pa.scalar(at.astimezone(UTC).replace(tzinfo=None), pa.timestamp("us"))


def _of(objects: Collection[LogObject]) -> pc.Expression:
    """Return what holds for all rows of the keys of these objects."""
    times = [each.delivered_at for each in objects if each.delivered_at]
    is_one = pc.field("key").isin([each.key for each in objects])
    if len(times) < len(objects):
        return is_one
    return is_one & _delivered(min(times), max(times))


def taken_before(
    files: LakeFiles, parts: Iterable[Part], objects: Collection[LogObject]
) -> dict[tuple[str, str | None], dict[str, Any]]:
    """Return the rows of versions of `objects` that are in the lake, by key and sha256."""
    columns = ["key", "sha256", "duplicates", "duplicate_of", "part"]
    wanted = _of(objects) & pc.field("status").isin(sorted(TAKEN))
    return {
        (row["key"], row["sha256"]): row
        for rows in read_parts(files, parts, columns, wanted)
        for row in rows.to_pylist()
    }


def with_duplicates(files: LakeFiles, parts: Iterable[Part]) -> pa.Table:
    """Return the rows of objects of which records were dropped; few parts have many."""
    wanted = pc.field("duplicates") > 0
    rows = read_parts(files, parts, LEDGER.names, wanted)
    return pa.concat_tables([LEDGER.empty_table(), *rows])


def renewed(outcome: Outcome, before: dict[str, Any]) -> Outcome:
    """Return the outcome of an object that has another ETag, and the same content as before."""
    return msgspec.structs.replace(
        outcome,
        duplicates=before["duplicates"],
        duplicate_of=tuple(before["duplicate_of"]),
        part=before["part"],
    )


@dataclass(frozen=True, slots=True)
class Replacement:
    """Ledger parts that take the place of others, and the batches whose rows go with them."""

    added: tuple[Part, ...]
    removed: frozenset[str]
    batches: frozenset[str]


def forget(
    files: LakeFiles,
    parts: Iterable[Part],
    taken: Collection[LogObject],
    left_out: Collection[LogObject],
) -> Replacement:
    """Take earlier versions of objects out of the ledger.

    Of the objects in `taken` every row goes; of those in `left_out`, whose new version could
    not be read, the rows of versions that could be read stay. Only parts with such rows are read
    as a whole.
    """
    added: list[Part] = []
    removed: set[str] = set()
    batches: set[str] = set()
    concerned = _of([*taken, *left_out])
    keys_taken = pa.array([each.key for each in taken], pa.string())
    keys_left_out = pa.array([each.key for each in left_out], pa.string())
    for part in parts:
        if next(read_parts(files, [part], ["key"], concerned), None) is None:
            continue
        rows = read_ledger(files, [part])
        was_taken = pc.is_in(rows["status"], pa.array(sorted(TAKEN), pa.string()))
        goes = pc.or_(
            pc.is_in(rows["key"], keys_taken),
            pc.and_(pc.is_in(rows["key"], keys_left_out), pc.invert(was_taken)),
        )
        if not pc.any(goes).as_py():
            continue
        batches.update(part_id for part_id in rows.filter(goes)["part"].to_pylist() if part_id)
        removed.add(part.path)
        rest = rows.filter(pc.invert(goes))
        if len(rest):
            added.append(write_part(files, next_generation(part.path), rest))
    return Replacement(tuple(added), frozenset(removed), frozenset(batches))


def merge(
    files: LakeFiles, parts: Sequence[Part], part_id: str, at_least: int
) -> Replacement | None:
    """Merge the small ledger parts into one when there are `at_least` so many; else None."""
    small = [part for part in parts if part.rows < SMALL_PART_ROWS]
    if len(small) < at_least:
        return None
    path = f"objects/part-{part_id}.parquet"
    with ExitStack() as stack:
        stored = []
        for part in small:  # one that is gone is missed before anything is written
            with damage_named(files, part):
                # Groups that are fetched ahead would be held beside the one that is decoded.
                file = pq.ParquetFile(files.source(part.path), pre_buffer=False)
                stored.append(stack.enter_context(file))
        size = _write(files, path, _in_groups(files, zip(small, stored, strict=True)))
    merged = Part(path, sum(part.rows for part in small), size)
    return Replacement((merged,), frozenset(part.path for part in small), frozenset())


def _in_groups(
    files: LakeFiles, stored: Iterable[tuple[Part, pq.ParquetFile]]
) -> Iterator[pa.Table]:
    """Yield the rows of ledger parts a group at a time."""
    held: list[pa.RecordBatch] = []
    for part, file in stored:
        with damage_named(files, part):
            # Threads would decode all columns of a group at a time, and twice the memory be taken.
            for batch in file.iter_batches(ROWS_DECODED_AT_ONCE, use_threads=False):
                held.append(batch.cast(LEDGER))
                rows = pa.Table.from_batches(held)
                if len(rows) >= ROWS_IN_A_GROUP:
                    yield rows.slice(0, ROWS_IN_A_GROUP)
                    held = rows.slice(ROWS_IN_A_GROUP).to_batches()
    if held:
        yield pa.Table.from_batches(held)


def write_part(files: LakeFiles, path: str, rows: pa.Table) -> Part:
    """Write rows of the ledger as the part `path`."""
    return Part(path, len(rows), _write(files, path, [rows]))


def _write(files: LakeFiles, path: str, tables: Iterable[pa.Table]) -> int:
    options = {**_PARQUET_OPTIONS, "row_group_size": ROWS_IN_A_GROUP}
    return files.write_parquet(path, LEDGER, tables, **options)
