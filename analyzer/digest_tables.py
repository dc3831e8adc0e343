"""What a verification has found so far: tables in DuckDB, in memory as far as it reaches.

`sql/verify` asks; a question whose answer is asked further becomes a table of its name.
"""

from __future__ import annotations

import tempfile
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from analyzer.digest_reading import (
    DIGEST_FILES,
    HASHES,
    LISTED_LOGS,
    METADATA_SIGNATURES,
    SIGNATURES,
)
from analyzer.errors import StoreError
from analyzer.listing import LISTED
from analyzer.queries import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.digest_reading import Row
    from analyzer.lake_files import LakeFiles
    from analyzer.listing import Scope

DUCKDB_MEMORY = "1GB"
"""What does not fit goes to a temporary folder."""

ROWS_AT_ONCE = 10_000

TABLES = {
    "digest_files": DIGEST_FILES,
    "listed_logs": LISTED_LOGS,
    "metadata_signatures": METADATA_SIGNATURES,
    "signatures": SIGNATURES,
    "archived_logs": LISTED,
    "ledger": pa.schema([(name, pa.string()) for name in ("key", "etag", "sha256")]),
    "hashes": HASHES,
}
"""What is brought together before anything is judged; `sql/verify` says what each is for."""


class DigestTables:
    """The tables, named as their SQL is."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Use `digest_tables`."""
        self._duckdb = connection

    def add(self, table: str, rows: pa.Table) -> None:
        """Append rows to a table."""
        self._duckdb.register("arriving", rows)
        self._duckdb.execute(f"INSERT INTO {table} BY NAME FROM arriving")
        self._duckdb.unregister("arriving")

    def make(self, name: str) -> None:
        """Make the answer to a question a table."""
        self._duckdb.execute(f"CREATE TABLE {name} AS {sql(f'verify/{name}')}")

    def define(self, name: str) -> None:
        """Let a name stand for the answer to a question, which is found anew each time."""
        self._duckdb.execute(f"CREATE VIEW {name} AS {sql(f'verify/{name}')}")

    def insert(self, table: str, name: str) -> None:
        """Append the answer to a question to a table."""
        self._duckdb.execute(f"INSERT INTO {table} BY NAME {sql(f'verify/{name}')}")

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        return int(self._duckdb.table(table).shape[0])

    @contextmanager
    def answer(self, name: str) -> Iterator[pa.RecordBatchReader]:
        """Yield the answer to a question, batch by batch; one question at a time."""
        reader = self._duckdb.sql(sql(f"verify/{name}")).to_arrow_reader(ROWS_AT_ONCE)
        with closing(reader):
            yield reader

    def rows(self, name: str) -> list[Row]:
        """Return the answer to a question that has few rows."""
        with self.answer(name) as reader:
            return reader.read_all().to_pylist()

    def stream(self, table: str, rows: int) -> Iterator[pa.RecordBatch]:
        """Yield a table's rows, so many at a time; others may be written to meanwhile."""
        with self._duckdb.cursor() as reading:
            for batch in reading.sql(f"FROM {table}").to_arrow_reader(rows):
                for start in range(0, len(batch), rows):
                    yield batch.slice(start, rows)

    def view(self, files: LakeFiles, name: str, parts: Sequence[str], schema: pa.Schema) -> None:
        """Let a name stand for Parquet files of a lake, of one schema."""
        files.reachable(self._duckdb)
        paths = [files.full_path(part) for part in parts]
        rows = self._duckdb.read_parquet(paths) if paths else schema.empty_table()
        self._duckdb.register(name, rows)


@contextmanager
def digest_tables(place: str, scope: Scope) -> Iterator[DigestTables]:
    """Yield the tables, with nothing in them, for what is asked about below `place`."""
    variables = {
        "place": place,
        "accounts": list(scope.accounts) or None,
        "regions": list(scope.regions) or None,
        "since": scope.since and scope.since.replace(tzinfo=None),
        "until": scope.until and scope.until.replace(tzinfo=None),
    }
    with (
        tempfile.TemporaryDirectory(prefix="tlstrail-") as folder,
        duckdb.connect(
            config={"memory_limit": DUCKDB_MEMORY, "temp_directory": folder}
        ) as connection,
    ):
        connection.execute("SET TimeZone = 'UTC'")
        for name, value in variables.items():
            if value is not None:
                connection.execute(f"SET VARIABLE {name} = ?", [value])
        for name, schema in TABLES.items():
            connection.register("nothing", schema.empty_table())
            connection.execute(f"CREATE TABLE {name} AS FROM nothing")
        connection.unregister("nothing")
        connection.execute(sql("verify/scope"))
        try:
            yield DigestTables(connection)
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise StoreError(
                f"{folder}: {str(error).strip()}; set TMPDIR to a folder with more room"
            ) from error
