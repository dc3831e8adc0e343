"""What was listed, minus what the lake has already seen, cut into batches.

The comparison is SQL, some thousand listed objects at a time: of those that the ledger has
settled only the count is kept, and of the ledger 36 bytes a row, so that a second run over a
million objects costs neither a million Python objects nor the memory for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import duckdb
import msgspec
import pyarrow as pa

from analyzer.batch import Batch, new_id
from analyzer.listing import LogObject
from analyzer.queries import sql
from analyzer.schema import LEDGER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

BATCH_JSON_BYTES = 48 * 1024 * 1024
BATCH_OBJECTS = 1_000
LISTED_AT_ONCE = 20_000

# CloudTrail's JSON shrinks to about a sixth to a tenth; a batch is cut by what it grows to.
_GZIP_RATIO = 7

_LISTED_TYPES: dict[str, pa.DataType] = {
    "key": pa.string(),
    "etag": pa.string(),
    "size": pa.int64(),
    "last_modified": pa.timestamp("us"),
    "storage_class": pa.string(),
    "archived": pa.bool_(),
    "account_id": pa.string(),
    "region": pa.string(),
    "delivered_at": pa.timestamp("us"),
    "skipped": pa.string(),
}
LISTED = pa.schema(_LISTED_TYPES)
"""A listing as a table: the facts of a `LogObject`."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What was listed, and what of it is to be read. Bytes are compressed ones."""

    listed: int
    skipped: int
    archived: int
    to_read: int
    bytes_to_read: int
    accounts: int
    regions: int
    first_delivered: datetime | None
    last_delivered: datetime | None


class Plan:
    """The listing beside the ledger. Nothing has been read of any object."""

    def __init__(
        self,
        objects: Iterable[LogObject],
        ledger: Iterable[pa.Table],
        listed: Callable[[int], None],
    ) -> None:
        """Take in a listing, and the ledger as it is; `listed` is told the count so far.

        Of the ledger's tables the columns key, etag, status and retry are read.
        """
        self._duckdb = duckdb.connect(config={"threads": 1})
        self._fill("seen", "ledger_now", ledger, LEDGER)
        self._fill("counted", "listed_now", [], LISTED)
        self._fill("open_objects", "listed_now", [], LISTED)
        for chunk in in_tables(objects, listed):
            self._fill("counted", "listed_now", [chunk], LISTED)
            self._fill("open_objects", "listed_now", [chunk], LISTED)
        self._duckdb.execute(f"CREATE TABLE to_read AS {sql('plan/to_read')}")
        self.totals = Totals(*self._duckdb.execute(sql("plan/totals")).fetchall()[0])
        self.not_to_read = self._not_to_read()

    def _fill(
        self, table: str, source: str, arrivals: Iterable[pa.Table], schema: pa.Schema
    ) -> None:
        """Add the answers of `sql/plan/TABLE.sql` over each of `arrivals` to `table`."""
        self._duckdb.register(source, schema.empty_table())
        self._duckdb.execute(f"CREATE TABLE IF NOT EXISTS {table} AS {sql(f'plan/{table}')}")
        for arrived in arrivals:
            self._duckdb.register(source, arrived)
            self._duckdb.execute(f"INSERT INTO {table} {sql(f'plan/{table}')}")
        self._duckdb.unregister(source)

    @property
    def batch_count(self) -> int:
        """About how many batches there will be; one at least."""
        by_bytes = self.totals.bytes_to_read * _GZIP_RATIO // BATCH_JSON_BYTES
        return 1 + max(by_bytes, self.totals.to_read // BATCH_OBJECTS)

    def left_out_before(self) -> list[str]:
        """Return the keys in scope that an earlier run left out, and that have not changed."""
        rows = self._duckdb.execute(sql("plan/left_out_before")).fetchall()
        return [key for (key,) in rows]

    def _not_to_read(self) -> Batch:
        """Return the objects that only the ledger has to learn of."""
        rows = self._duckdb.execute(sql("plan/not_to_read")).fetchall()
        known = frozenset(row[0] for row in rows if row[-1])
        return Batch(new_id(), tuple(LogObject(*row[:-1]) for row in rows), known)

    def open_rows(self, rows: pa.Table) -> pa.Table:
        """Return those of the ledger's rows whose objects the plan has not found settled."""
        with self._duckdb.cursor() as cursor:
            cursor.register("arrived", rows)
            found: pa.Table = cursor.sql(sql("plan/open")).to_arrow_table()
            return found

    def batches(self) -> Iterator[Batch]:
        """Yield what is to be read and replaces nothing, in the order of delivery."""
        rows = self._duckdb.cursor().execute("FROM to_read WHERE NOT replaces")
        held: list[LogObject] = []
        known: set[str] = set()
        weight = 0
        while chunk := rows.fetchmany(BATCH_OBJECTS):
            for *facts, is_known, _ in chunk:
                log_object = LogObject(*facts)
                grown = weight + _json_bytes(log_object)
                if held and (grown > BATCH_JSON_BYTES or len(held) == BATCH_OBJECTS):
                    yield Batch(new_id(), tuple(held), frozenset(known))
                    held, known, grown = [], set(), _json_bytes(log_object)
                held.append(log_object)
                weight = grown
                if is_known:
                    known.add(log_object.key)
        if held:
            yield Batch(new_id(), tuple(held), frozenset(known))

    def replacing(self) -> Iterator[list[LogObject]]:
        """Yield the objects of which the lake has records of an earlier version, some at a time."""
        rows = self._duckdb.cursor().execute("FROM to_read WHERE replaces")
        while chunk := rows.fetchmany(BATCH_OBJECTS):
            yield [LogObject(*facts) for *facts, _, _ in chunk]


def in_tables(objects: Iterable[LogObject], listed: Callable[[int], None]) -> Iterator[pa.Table]:
    """Yield a listing as Arrow tables of a bounded size."""
    stream = iter(objects)
    count = 0
    while chunk := list(islice(stream, LISTED_AT_ONCE)):
        columns = zip(*map(msgspec.structs.astuple, chunk), strict=True)
        arrays = [
            pa.array(column, field.type) for column, field in zip(columns, LISTED, strict=True)
        ]
        yield pa.table(arrays, schema=LISTED)
        count += len(chunk)
        listed(count)


def _json_bytes(log_object: LogObject) -> int:
    """Estimate what an object decompresses to."""
    return log_object.size * (_GZIP_RATIO if log_object.key.endswith(".gz") else 1)
