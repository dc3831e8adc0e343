"""What was listed, minus what the lake has already seen, cut into batches.

The comparison is SQL: of the objects that the ledger has settled only the count is kept, and of
the ledger some 28 bytes a row, so that a second run over a hundred million objects costs neither
as many Python objects nor the memory for them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from tempfile import gettempdir
from typing import TYPE_CHECKING, Self

import duckdb
import pyarrow as pa

from analyzer.batch import Batch, new_id
from analyzer.listing import LISTED, LogObject
from analyzer.queries import sql
from analyzer.schema import LEDGER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

BATCH_JSON_BYTES = 48 * 1024 * 1024
BATCH_OBJECTS = 1_000

WORTH_A_BATCH = BATCH_JSON_BYTES // 4
"""No smaller batches are cut only so that all workers have something to do."""

MEMORY = "1GB"
"""What the plan holds in memory: some millions of objects to be read, and the rest on disk."""

COMPARISONS = 20
"""A listing as long as the ledger is compared in so many pieces, as each comparison goes through
all of the ledger's digests: more of them take longer, and fewer more room for what waits."""

ROWS_TAKEN_IN = 20_000
"""So many rows, at least, DuckDB takes in at a time: 2 ms of CPU time each time, however few."""

ROWS_COMPRESSED = ROWS_SORTED = 500_000
"""So many listed objects lie uncompressed, or are put in order, at a time: 0.3 GB."""

ROWS_PASSED_ON = 10_000
"""So many go from one DuckDB to another at a time."""

RECORDED_AT_ONCE = 50_000
"""So many objects that are not read go into the ledger with one commit."""

# CloudTrail's JSON shrinks to about a sixth to a tenth; a batch is cut by what it grows to.
GZIP_RATIO = 7


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
    """The listing beside the ledger. Nothing has been read of any object.

    What is left of the listing lies in a database of its own, compressed: the one that compares
    is closed, as DuckDB keeps what it has freed for as long as it is open.
    """

    def __init__(self, listing: Iterable[pa.Table], ledger: Iterable[pa.Table]) -> None:
        """Take in a listing, in tables of `LISTED`, and the ledger as it is.

        Of the ledger's tables the columns key, etag, status and retry are read. Rows of objects
        that the listing cannot find may be missing.
        """
        self._duckdb = _connection()
        self._duckdb.execute("ATTACH ':memory:' AS plan (COMPRESS)")
        with _Comparison() as comparison:
            comparison.run(listing, ledger)
            self._keep("counted", comparison.stream("FROM counted"))
            for objects in comparison.objects():
                self._keep("objects", objects)
        self._duckdb.execute(f"CREATE VIEW to_read AS {sql('plan/to_read')}")
        self.totals = Totals(*self._duckdb.execute(sql("plan/totals")).fetchall()[0])

    def table(self, question: str, given: pa.Table | None = None, **facts: object) -> pa.Table:
        """Return the answer of `sql/plan/QUESTION.sql`, which may ask of `by_class`, if given."""
        with self._duckdb.cursor() as connection:
            for prices in ("prices", "restore_prices"):
                text = sql(f"plan/{prices}")
                connection.execute(f"CREATE OR REPLACE TEMP VIEW plan_{prices} AS {text}")
            if given is not None:
                connection.register("by_class", given)
            answer: pa.Table = connection.sql(
                sql(f"plan/{question}"), params=facts
            ).to_arrow_table()
            return answer

    def _keep(self, table: str, rows: pa.RecordBatchReader) -> None:
        """Add rows to a table of the plan."""
        self._duckdb.register("found", rows)
        self._duckdb.execute(f"CREATE TABLE IF NOT EXISTS plan.{table} AS FROM found LIMIT 0")
        self._duckdb.execute(f"INSERT INTO plan.{table} FROM found")
        self._duckdb.unregister("found")
        self._duckdb.execute("CHECKPOINT plan")  # which compresses

    @property
    def batch_count(self) -> int:
        """About how many batches there will be; one at least."""
        return 1 + max(self._json_bytes // BATCH_JSON_BYTES, self.totals.to_read // BATCH_OBJECTS)

    def left_out_before(self) -> int:
        """Return how many objects in scope an earlier run left out, and have not changed."""
        [(count,)] = self._duckdb.execute(sql("plan/left_out_before")).fetchall()
        return int(count)

    def not_to_read(self) -> Iterator[Batch]:
        """Yield the objects that only the ledger has to learn of, some at a time."""
        rows = self._duckdb.cursor().execute(sql("plan/not_to_read"))
        while chunk := rows.fetchmany(RECORDED_AT_ONCE):
            known = frozenset(row[0] for row in chunk if row[-1])
            yield Batch(new_id(), tuple(LogObject(*row[:-1]) for row in chunk), known)

    def open_rows(self, rows: pa.Table) -> pa.Table:
        """Return those of the ledger's rows whose objects the plan has not found settled."""
        with self._duckdb.cursor() as cursor:
            cursor.register("arrived", rows)
            found: pa.Table = cursor.sql(sql("plan/open")).to_arrow_table()
            return found

    def batches(self, lanes: int = 1) -> Iterator[Batch]:
        """Yield what is to be read and replaces nothing, in the order of delivery.

        They are cut of one size, and to a multiple of `lanes`, so that none of these has nothing
        to do while the others are at their last one.
        """
        rows = self._duckdb.cursor().execute("FROM to_read WHERE NOT replaces")
        held: list[LogObject] = []
        known: set[str] = set()
        weight = 0
        left, ahead = self._batches_by_size(lanes), self._json_bytes
        while chunk := rows.fetchmany(BATCH_OBJECTS):
            for *facts, is_known, _ in chunk:
                log_object = LogObject(*facts)
                grown = weight + _json_bytes(log_object)
                full = grown > BATCH_JSON_BYTES or len(held) == BATCH_OBJECTS
                if held and (full or (left > 1 and weight * left >= ahead)):
                    yield Batch(new_id(), tuple(held), frozenset(known))
                    left, ahead = max(1, left - 1), ahead - weight
                    held, known, grown = [], set(), _json_bytes(log_object)
                held.append(log_object)
                weight = grown
                if is_known:
                    known.add(log_object.key)
        if held:
            yield Batch(new_id(), tuple(held), frozenset(known))

    @property
    def _json_bytes(self) -> int:
        """About what is to be read decompresses to."""
        return self.totals.bytes_to_read * GZIP_RATIO

    def _batches_by_size(self, lanes: int) -> int:
        """Return how many batches of one size there are to be, with room for one object more."""
        fewest = -(-self._json_bytes // (BATCH_JSON_BYTES * 15 // 16))
        most = -(-self._json_bytes // WORTH_A_BATCH)
        return max(1, fewest, min(most, -(-fewest // lanes) * lanes))

    def replacing(self) -> Iterator[list[LogObject]]:
        """Yield the objects of which the lake has records of an earlier version, some at a time."""
        rows = self._duckdb.cursor().execute("FROM to_read WHERE replaces")
        while chunk := rows.fetchmany(BATCH_OBJECTS):
            yield [LogObject(*facts) for *facts, _, _ in chunk]


class _Comparison:
    """A listing and the ledger in DuckDB, for as long as they are compared."""

    def __init__(self) -> None:
        """Start with neither."""
        self._duckdb = _connection()
        self._make("seen", "ledger_now", LEDGER)
        self._make("counted", "listed_now", LISTED)
        self._make("waiting", "listed_now", LISTED)
        self._duckdb.execute("ATTACH ':memory:' AS plan (COMPRESS)")
        self._duckdb.execute(f"CREATE TABLE plan.open_objects AS {sql('plan/open_objects')}")
        self._seen = self._waiting = self._uncompressed = 0

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give all memory back."""
        self._duckdb.close()

    def run(self, listing: Iterable[pa.Table], ledger: Iterable[pa.Table]) -> None:
        """Take both in, and compare them."""
        with ThreadPoolExecutor(1) as thread:  # DuckDB compares while the next are listed
            filled = thread.submit(self._remember, ledger)
            for listed in _gathered(listing):
                filled.result()
                filled = thread.submit(self._take, listed)
            filled.result()
        self._compare()
        self._duckdb.execute(f"CREATE TABLE earlier AS {sql('plan/earlier')}")
        self._duckdb.execute("DROP TABLE seen")

    def objects(self) -> Iterator[pa.RecordBatchReader]:
        """Yield what is to become of the objects, in the order of delivery, some days at a time.

        All of them sorted at once would take ten times the memory that they lie in.
        """
        slices = self._duckdb.execute(sql("plan/slices"), {"at_once": ROWS_SORTED}).fetchall()
        for first_day, last_day in slices or [("infinity", "infinity")]:
            yield self.stream(sql("plan/objects"), first_day=first_day, last_day=last_day)

    def stream(self, query: str, **facts: object) -> pa.RecordBatchReader:
        """Return the answer of a query, to be read while this is open."""
        found = self._duckdb.sql(query, params=facts)
        rows: pa.RecordBatchReader = found.to_arrow_reader(ROWS_PASSED_ON)
        return rows

    def _remember(self, ledger: Iterable[pa.Table]) -> None:
        for rows in _gathered(ledger):
            self._add("seen", "ledger_now", rows)
            self._seen += len(rows)

    def _take(self, listed: pa.Table) -> None:
        """Count what was listed, and let it wait until there is enough to compare."""
        for table in ("counted", "waiting"):
            self._add(table, "listed_now", listed)
        self._waiting += len(listed)
        if self._waiting >= self._seen // COMPARISONS:
            self._compare()

    def _compare(self) -> None:
        """Keep of what waits that which the ledger has not settled."""
        self._duckdb.execute(f"INSERT INTO plan.open_objects {sql('plan/open_objects')}")
        self._uncompressed += self._waiting
        if self._uncompressed >= ROWS_COMPRESSED:
            self._duckdb.execute("CHECKPOINT plan")
            self._uncompressed = 0
        self._make("waiting", "listed_now", LISTED)
        self._waiting = 0

    def _make(self, table: str, source: str, schema: pa.Schema) -> None:
        """Make the table that holds the answers of `sql/plan/TABLE.sql` over `source`."""
        self._duckdb.register(source, schema.empty_table())
        self._duckdb.execute(f"CREATE OR REPLACE TABLE {table} AS {sql(f'plan/{table}')}")
        self._duckdb.unregister(source)

    def _add(self, table: str, source: str, arrived: pa.Table) -> None:
        """Add the answer over what has arrived."""
        self._duckdb.register(source, arrived)
        self._duckdb.execute(f"INSERT INTO {table} {sql(f'plan/{table}')}")
        self._duckdb.unregister(source)


def _gathered(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield the rows of tables, `ROWS_TAKEN_IN` of them or more at a time."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        if sum(map(len, held)) >= ROWS_TAKEN_IN:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def _connection() -> duckdb.DuckDBPyConnection:
    """Return an empty DuckDB that holds `MEMORY`."""
    return duckdb.connect(
        config={
            "threads": 1,
            "memory_limit": MEMORY,
            "temp_directory": f"{gettempdir()}/tlstrail-{new_id()}",
        }
    )


def _json_bytes(log_object: LogObject) -> int:
    """Estimate what an object decompresses to."""
    return log_object.size * (GZIP_RATIO if log_object.key.endswith(".gz") else 1)
