"""JSON texts of records into one Arrow table of the schema; `sql/flatten.sql` does the work.

The texts cross into DuckDB as one buffer with offsets, not as Python objects.
"""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass
from itertools import accumulate, chain, repeat
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from analyzer.queries import sql
from analyzer.schema import EVENTS, Kind, tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.decode import DecodedLog
    from analyzer.schema import Tree


@dataclass(frozen=True, slots=True)
class FlatRecords:
    """The rows of a batch's records, in the order of the plan: neither sorted nor deduplicated."""

    events: pa.Table
    """A row of `EVENTS` for each record."""
    id_hashes: pa.ChunkedArray[pa.UInt64Scalar]
    """uint64 of each row's event id; null where it has none."""
    text_hashes: pa.ChunkedArray[pa.UInt64Scalar]
    """uint64 of each record's text: rows with the same id and text are copies."""


@dataclass(frozen=True, slots=True)
class SourcedLog:
    """A decoded log and the key of the object that it came from."""

    key: str
    log: DecodedLog


class Flattener:
    """A DuckDB of one thread that turns records into rows; one for each worker."""

    def __init__(self) -> None:
        """Start an in-memory DuckDB that knows the shape of a record."""
        self._duckdb = duckdb.connect(config={"threads": 1})
        self._duckdb.execute("SET TimeZone = 'UTC'")
        self._duckdb.execute("SET VARIABLE record_shape = ?", [json.dumps(_shape(tree()))])

    def flatten(self, logs: Sequence[SourcedLog]) -> FlatRecords:
        """Return the rows of these logs' records."""
        records = pa.table(
            {
                "record": _text_array(list(chain.from_iterable(s.log.records for s in logs))),
                "extra": _extras(logs),
                "source_key": _repeated((s.key, len(s.log.records)) for s in logs),
            }
        )
        self._duckdb.register("log_records", records)
        try:
            rows = self._duckdb.sql(sql("flatten")).to_arrow_table()
        finally:
            self._duckdb.unregister("log_records")
        events = rows.drop_columns(["id_hash", "text_hash"]).cast(EVENTS)
        return FlatRecords(events, rows["id_hash"], rows["text_hash"])


def joined(flat: Sequence[FlatRecords]) -> FlatRecords:
    """Return several as one, in their order."""
    return FlatRecords(
        pa.concat_tables([EVENTS.empty_table(), *(each.events for each in flat)]),
        _joined([each.id_hashes for each in flat]),
        _joined([each.text_hashes for each in flat]),
    )


def _joined(
    hashes: Sequence[pa.ChunkedArray[pa.UInt64Scalar]],
) -> pa.ChunkedArray[pa.UInt64Scalar]:
    return pa.chunked_array([chunk for each in hashes for chunk in each.chunks], pa.uint64())


def _shape(shape: Tree) -> dict[str, object]:
    """Return the shape of a record as DuckDB's `from_json` takes it."""
    # Times are read as text, so that one which is none can be kept as it came.
    return {
        member: _shape(kind)
        if isinstance(kind, dict)
        else (Kind.TEXT if kind is Kind.TIME else kind).value
        for member, kind in shape.items()
    }


def _text_array(texts: Sequence[bytes]) -> pa.StringArray:
    """Return one Arrow array over one buffer: no Python string is made."""
    offsets = array("i", accumulate(map(len, texts), initial=0))
    return pa.StringArray.from_buffers(
        len(texts), pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))
    )


def _extras(logs: Sequence[SourcedLog]) -> pa.StringArray | pa.ChunkedArray[pa.StringScalar]:
    """Return the extras of all records; nearly always there is none."""
    if all(sourced.log.extras is None for sourced in logs):
        return pa.nulls(sum(len(sourced.log.records) for sourced in logs), pa.string())
    return pa.chunked_array(
        [
            pa.nulls(len(sourced.log.records), pa.string())
            if sourced.log.extras is None
            else pa.array(sourced.log.extras, pa.string())
            for sourced in logs
        ],
        pa.string(),
    )


def _repeated(runs: Iterable[tuple[str, int]]) -> pa.StringArray:
    """Return each key as often as its log has records."""
    counted = [(key, count) for key, count in runs if count]
    indices = array("i", chain.from_iterable(repeat(i, n) for i, (_, n) in enumerate(counted)))
    keys = pa.array([key for key, _ in counted], pa.string())
    positions = pa.Array.from_buffers(pa.int32(), len(indices), [None, pa.py_buffer(indices)])
    return keys.take(positions)
