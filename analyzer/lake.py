"""A committed lake, opened in DuckDB: its views, narrowed to what is asked about.

SQL names views; only this module knows which Parquet files they stand on. A query can
read the lake's own files and nothing else.
"""

from __future__ import annotations

import re
from contextlib import closing, contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from analyzer import manifest
from analyzer.errors import LakeError, NotAQuery, QueryError, first_line
from analyzer.lake_files import failures_of
from analyzer.lake_place import LakePlace, lake_files
from analyzer.pruning import prune
from analyzer.queries import bound_when_read, sql
from analyzer.schema import DIGEST_LOGS, DIGESTS, EVENTS, LEDGER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from analyzer.lake_files import LakeFiles
    from analyzer.manifest import Manifest, Reading

ROWS_AT_ONCE = 50_000

CHANGED = "the lake was changed while it was read; ask again"

QUERY_MEMORY = "1GiB"
"""What a query may hold in memory. What it needs beyond waits in a temporary file."""

_EXPLAIN = re.compile(r"^\s*EXPLAIN\s+(ANALYZE\s+)?", re.IGNORECASE)

_DEFINITIONS = (
    *("macros", "explore", "events", "attributed_events", "classified_events", "counts"),
    *("delivered", "digests", "digest_logs", "cloudtrail", "cloudtrail_logs"),
)
"""What every query finds in sql/views, beside the rows themselves: each after what it needs."""

_CLIENTS = ("views/client_names", "views/client_fixes", "views/client")
"""The client parser, a third more for opening a lake: it waits for a question."""

_COUNTS = ("audit/record_counts", "audit/version_counts", "audit/legacy_counts")
"""What puts tables of counts in the place of the views in views/counts."""

_MONTH = pa.field("month", pa.string())
"""The partition of a row, which stands in the path and not in the file."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which records are asked about. Empty tuples and None mean all; times are UTC."""

    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def lies_in(self, reading: Reading) -> bool:
        """Whether `reading` has all the records that are asked about."""
        return (
            _among(self.accounts, reading.accounts)
            and _among(self.regions, reading.regions)
            and (not reading.since or bool(self.since and self.since >= reading.since))
            and (not reading.until or bool(self.until and self.until <= reading.until))
        )


def _among(asked: tuple[str, ...], read: tuple[str, ...]) -> bool:
    return not read or (bool(asked) and set(asked) <= set(read))


@dataclass(frozen=True, slots=True)
class Access:
    """What a query may do, and what it finds."""

    external: bool = False
    """Whether it may read other files and the network, and COPY to files."""
    trino: bool = False
    """Whether it finds Trino's functions, and whole numbers divide into whole numbers."""


class Lake:
    """A lake as of its newest commit. Nothing that is asked of it changes it."""

    def __init__(  # noqa: PLR0913, PLR0917 (what a lake is opened with)
        self,
        connection: duckdb.DuckDBPyConnection,
        committed: Manifest,
        files: LakeFiles,
        narrowing: Narrowing,
        lake_id: str | None,
        access: Access,
    ) -> None:
        """Use `open_lake`."""
        self.id = lake_id
        self.narrowing = narrowing
        self._access = access
        self.committed = committed
        self.place = files.place
        self._files = files
        self._duckdb = connection
        self._clients_are_defined = False

    @contextmanager
    def query(
        self, text: str, parameters: Mapping[str, str] | None = None
    ) -> Iterator[pa.RecordBatchReader]:
        """Yield the answer to one statement that only reads. Raises `QueryError`, `NotAQuery`.

        `parameters` are what stands for `$name` in it.
        """
        with _refusals(self._files, self.committed):
            self._define_clients(text)
            answer, names = self._answer(
                _only_reading(text, copying=self._access.external), parameters
            )
            reader = answer.to_arrow_reader(ROWS_AT_ONCE)
        with closing(reader):
            schema = pa.schema(zip(names or reader.schema.names, reader.schema.types, strict=True))
            batches = self._batches(reader, schema)
            yield pa.RecordBatchReader.from_batches(schema, batches)

    def _batches(self, reader: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield the answer's batches; a query can still fail while its rows are fetched."""
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except (pa.ArrowException, OSError) as error:
                with _refusals(self._files, self.committed):
                    raise duckdb.Error(str(error)) from error
            yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)

    def _answer(
        self, text: str, parameters: Mapping[str, str] | None
    ) -> tuple[duckdb.DuckDBPyRelation, list[str] | None]:
        """Ask in the form that reads least; what is in doubt or fails so, as it stands.

        Also return what the columns are called where that form calls them otherwise.
        """
        if "cloudtrail" not in text.lower():
            return self._duckdb.sql(text, params=parameters), None
        explain = _EXPLAIN.match(text)
        prefix, query = (explain[0], text[explain.end() :]) if explain else ("", text)
        [(syntax,)] = self._duckdb.execute(sql("views/syntax"), [query]).fetchall()
        pruned = prune(query, syntax)
        if pruned:
            try:
                names = None
                if pruned.renamed and not explain:
                    described = self._duckdb.execute(f"DESCRIBE {query}", parameters).fetchall()
                    names = [name for name, *_ in described]
                return self._duckdb.sql(prefix + pruned.text, params=parameters), names
            except duckdb.Error:
                pass
        return self._duckdb.sql(text, params=parameters), None

    def _define_clients(self, text: str) -> None:
        """Define the client parser, for the first question that mentions it."""
        if not self._clients_are_defined and "client" in text.lower():
            for name in _CLIENTS:
                _define(self._duckdb, name)
            self._clients_are_defined = True

    def count_once(self) -> None:
        """Count the records once, for all reports to come; what they answer stays the same.

        One report alone reads less without it. What `_COUNTS` leave out cannot be asked any more.
        """
        with _refusals(self._files, self.committed):
            for name in _COUNTS:
                _define(self._duckdb, name)

    def names(self) -> list[str]:
        """Return what a query can name: views, their columns, and functions of this lake."""
        found = self._duckdb.execute(sql("views/names")).fetchall()
        return [name for (name,) in found]

    def table(self, text: str) -> pa.Table:
        """Return the whole answer to one statement that only reads. Raises `QueryError`."""
        with self.query(text) as reader:
            return reader.read_all()


@contextmanager
def open_lake(
    place: LakePlace,
    narrowing: Narrowing,
    access: Access = Access(),
) -> Iterator[Lake]:
    """Yield the lake at `place`. Raises `LakeError` where there is none that can be read."""
    files = lake_files(place)
    committed = _whole(files)
    with (
        TemporaryDirectory(prefix="tlstrail-") as overflow,
        closing(_connect(overflow)) as connection,
        _refusals(files, committed),
    ):
        files.reachable(connection)
        event_files = [files.full_path(part.path) for part in committed.events]
        object_files = [files.full_path(part.path) for part in committed.objects]
        digest_files = [files.full_path(part.path) for part in committed.digests]
        digest_log_files = [files.full_path(part.path) for part in committed.digest_logs]
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET integer_division = ?", [access.trino])
        connection.execute(
            "SET allowed_paths = ?", [[files.full_path(path) for path in sorted(committed.paths())]]
        )
        if not access.external:
            connection.execute("SET enable_external_access = false")
        _set_variables(connection, committed, narrowing)
        _set_files(
            connection,
            event_files=event_files,
            object_files=object_files,
            digest_files=digest_files,
            digest_log_files=digest_log_files,
        )
        # DuckDB reads no empty list of files; a lake without rows is a table without rows.
        _view(connection, "event_rows", EVENTS.append(_MONTH), empty=not event_files)
        _view(connection, "objects", LEDGER, empty=not object_files)
        _view(connection, "digest_rows", DIGESTS, empty=not digest_files)
        _view(connection, "digest_log_rows", DIGEST_LOGS, empty=not digest_log_files)
        for name in (*_DEFINITIONS, "trino") if access.trino else _DEFINITIONS:
            _define(connection, f"views/{name}")
        connection.execute("SET lock_configuration = true")
        lake_id = manifest.read_head(files).lake_id
        yield Lake(connection, committed, files, narrowing, lake_id, access)


def _connect(overflow: str) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB without a file, of bounded memory; `overflow` is a folder for the rest."""
    return duckdb.connect(config={"memory_limit": QUERY_MEMORY, "temp_directory": overflow})


def _whole(files: LakeFiles) -> Manifest:
    """Return the newest manifest, all of whose parts are there."""
    committed = manifest.read_lake(files)
    sizes = files.sizes(committed.paths())
    for part in committed.parts():
        size = sizes.get(part.path)
        if size != part.bytes:
            if manifest.newest(files).number != committed.number:  # a commit has come between
                return _whole(files)
            found = "is gone" if size is None else f"has {size:,} bytes and not {part.bytes:,}"
            raise LakeError(f"the lake cannot be read: {files.place}/{part.path} {found}")
    return committed


def _only_reading(text: str, *, copying: bool) -> str:
    """Return `text` if it is one statement that reads; DuckDB would run any other as well.

    A COPY reads, too, where it may write files.
    """
    if copying and [each.type for each in duckdb.extract_statements(text)] == [
        duckdb.StatementType.COPY
    ]:
        return text
    # EXPLAIN ANALYZE runs what it explains, so that must be a reading statement too.
    explained = _EXPLAIN.sub("", text)
    for statement in {text, explained}:
        types = [each.type for each in duckdb.extract_statements(statement)]
        if types != [duckdb.StatementType.SELECT] and (
            statement is explained or types != [duckdb.StatementType.EXPLAIN]
        ):
            raise NotAQuery(
                "one statement at a time, and one that reads: SELECT, FROM, WITH, DESCRIBE, "
                "SUMMARIZE, or EXPLAIN of one of these"
            )
    return text


def _not_all_read(committed: Manifest, narrowing: Narrowing) -> list[str]:
    """Return the sources of which no ingest has read, to its end, all that is asked about."""
    return [
        source
        for source in committed.sources
        if not any(
            reading.source.startswith(source) and narrowing.lies_in(reading)
            for reading in committed.readings
        )
    ]


def _set_files(connection: duckdb.DuckDBPyConnection, **files: list[str]) -> None:
    """Bind which files the views read."""
    for name, paths in files.items():
        connection.execute(f"SET VARIABLE {name} = ?", [paths])


def _set_variables(
    connection: duckdb.DuckDBPyConnection, committed: Manifest, narrowing: Narrowing
) -> None:
    """Bind what the views narrow down to. A variable that is never set is NULL in SQL."""
    values = {
        "sources_not_all_read": _not_all_read(committed, narrowing),
        "accounts": list(narrowing.accounts) or None,
        "regions": list(narrowing.regions) or None,
        "since": narrowing.since and narrowing.since.replace(tzinfo=None),
        "until": narrowing.until and narrowing.until.replace(tzinfo=None),
    }
    for name, value in values.items():
        if value is not None:
            connection.execute(f"SET VARIABLE {name} = ?", [value])


def _view(
    connection: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema, *, empty: bool
) -> None:
    """Make a view of rows; it is bound at once, so that a damaged lake is not opened."""
    if empty:
        connection.register(name, schema.empty_table())
    else:
        connection.execute(sql(f"views/{name}"))


def _define(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Make the views and macros of `sql/NAME.sql`."""
    connection.execute(bound_when_read(sql(name)))


@contextmanager
def _refusals(files: LakeFiles, committed: Manifest) -> Iterator[None]:
    """Translate what DuckDB raises: a lake damaged, or just changed, or no query at all."""
    try:
        with failures_of(files):
            yield
    except FileNotFoundError as error:
        raise LakeError(CHANGED) from error
    except duckdb.OutOfMemoryException as error:
        raise QueryError(
            f"this needs more than {QUERY_MEMORY} of memory, and there is no room for it in the "
            f"temporary folder; set TMPDIR to a folder with more room ({first_line(error)})"
        ) from error
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except duckdb.Error as error:
        paths = committed.paths()
        if len(files.sizes(paths)) < len(paths):  # a commit has taken some of them out
            raise LakeError(CHANGED) from error
        named = any(files.full_path(path) in str(error) for path in paths)
        if isinstance(error, duckdb.IOException) or named:  # what is no Parquet is invalid input
            raise LakeError(f"the lake cannot be read: {first_line(error)}") from error
        raise QueryError(str(error).strip()) from error
