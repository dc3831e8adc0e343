"""Arrow tables into Parquet parts by month of the event: on disk, and not yet visible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.manifest import Part
from analyzer.schema import DISTINCT_COLUMNS, EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.lake_files import LakeFiles

# What Hive-style readers take for NULL: records without a time that can be read.
NO_MONTH = "__HIVE_DEFAULT_PARTITION__"

# What reports narrow down by. Statistics of the other columns cost a sixth of the writing.
_STATISTICS = [
    "event_time",
    "event_source",
    "event_name",
    "aws_region",
    "recipient_account_id",
    "tls_version",
    "user_identity_arn",
    "source_key",
]

ROWS_IN_A_GROUP = 128 * 1024
"""What a reader can leave out as a whole, by its statistics."""

# Where a dictionary would hold nearly every value once. Times in order differ by little; texts
# without a length before each one compress better, and DuckDB reads them a third faster.
_ENCODINGS = {
    "event_time": "DELTA_BINARY_PACKED",
    "request_parameters": "PLAIN",
    **dict.fromkeys(sorted(DISTINCT_COLUMNS), "DELTA_LENGTH_BYTE_ARRAY"),
}

PARQUET_OPTIONS: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "row_group_size": ROWS_IN_A_GROUP,
    # Values that the writer takes at once; by 1,024, its default, a part takes 5 % longer.
    "write_batch_size": 64 * 1024,
    "use_dictionary": [name for name in EVENTS.names if name not in _ENCODINGS],
    "column_encoding": _ENCODINGS,
    "write_statistics": _STATISTICS,
    # Which columns were dictionaries here is nobody's business: every reader sees strings.
    "store_schema": False,
}

_SECONDS_AN_HOUR = 3600


_ORDER = ("recipient_account_id", "aws_region", "event_time")


def write_events(
    files: LakeFiles, part_id: str, events: pa.Table, dropped: Sequence[int]
) -> list[Part]:
    """Write one part for each month that `events` touch, and return them.

    The rows at the positions `dropped` are left out; the others are put in order, so that
    statistics tell a reader where an account, a Region or a time is.
    """
    order = order_of(events)
    if dropped:
        order = order.filter(pc.invert(pc.is_in(order, pa.array(dropped, order.type))))
    return [
        write_part(files, f"events/month={month}/part-{part_id}.parquet", rows)
        for month, rows in by_month(taken(events, order))
    ]


def order_of(events: pa.Table) -> pa.Array[Any]:
    """Return the positions of rows in the order in which a part keeps them."""
    return pc.sort_indices(_ranks(events), [(name, "ascending") for name in _ORDER])


def _ranks(events: pa.Table) -> pa.Table:
    """Return the columns of the order, texts by their rank, which numbers sort faster."""
    columns = {}
    for name in _ORDER:
        column = events[name].combine_chunks()
        if isinstance(column, pa.DictionaryArray):
            ranks = pc.rank(column.dictionary, tiebreaker="dense")
            column = ranks.take(column.indices)
        columns[name] = column
    return pa.table(columns)


def taken(events: pa.Table, order: pa.Array[Any]) -> pa.Table:
    """Return the rows of `order`; columns without a value need not be moved."""
    filled = [name for name in events.column_names if events[name].null_count < len(events)]
    rows = events.select(filled).take(order)
    return pa.table(
        {
            field.name: rows[field.name]
            if field.name in filled
            else pa.nulls(len(order), field.type)
            for field in events.schema
        }
    )


def write_part(files: LakeFiles, path: str, rows: pa.Table) -> Part:
    """Write rows of one month as the part `path`."""
    size = files.write_parquet(path, rows.schema, [rows], **PARQUET_OPTIONS)
    return Part(path, len(rows), size, hours_of(rows["event_time"]))


def by_month(events: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield (month as YYYY-MM, its rows), the rows in their order."""
    months = pc.floor_temporal(events["event_time"], unit="month")
    present = pc.unique(months).to_pylist()
    for month in sorted(present, key=str):
        if len(present) == 1:
            rows = events
        elif month is None:
            rows = events.filter(pc.is_null(months))
        else:
            rows = events.filter(pc.equal(months, pa.scalar(month, months.type)))
        yield NO_MONTH if month is None else f"{month:%Y-%m}", rows


def hours_of(times: pa.ChunkedArray[Any]) -> tuple[int, ...]:
    """Return the hours since 1970 in which `times` fall; -1 stands for no time."""
    seconds = times.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    hours = pc.unique(pc.floor(pc.divide(seconds.cast(pa.float64()), _SECONDS_AN_HOUR)))
    return tuple(sorted(-1 if hour is None else int(hour) for hour in hours.to_pylist()))
