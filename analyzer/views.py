"""The lake's views for other clients: in a database file, and as SQL for any DuckDB.

    lake.duckdb     the views and macros, for clients of the DuckDB that wrote it or a later one
    lake.sql        the same as text, for clients of any DuckDB from 1.4 on

Neither holds records, nor a list of parts: the views look up the newest manifest each time.
So they stay as they are from commit to commit. What they do hold is the place of the lake;
where it was moved, `SET VARIABLE lake = '/new/place'` tells them, and `tlstrail views`
writes them anew.
"""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from analyzer import manifest
from analyzer.errors import StoreError
from analyzer.queries import bound_when_read, sql
from analyzer.schema import EVENTS, LEDGER

if TYPE_CHECKING:
    from analyzer.lake_files import LakeFiles
    from analyzer.manifest import Manifest

DATABASE = "lake.duckdb"
SCRIPT = "lake.sql"

_MONTH = pa.field("month", pa.string())
_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us"): "TIMESTAMP",
    pa.list_(pa.string()): "VARCHAR[]",
}

_ON_S3 = """\
-- It lies on S3, and so first, once in each session:
--     INSTALL httpfs; LOAD httpfs; CREATE SECRET (TYPE s3, PROVIDER credential_chain);
"""

_TEMPORARY = re.compile(r"^CREATE OR REPLACE TEMP ", re.MULTILINE)
_GLOB = re.compile(r"[\[*?]")

_READ_BY_OTHERS = r"event_rows|events|twins\.\w+"
"""Views that are bound with those that stand on them, and need not be before."""


def write_views(files: LakeFiles) -> bool:
    """Write both files where they are not as they should be; return whether that was so.

    On S3 it is the script alone: DuckDB makes no view of files that it cannot open by itself.
    The caller holds the lake for writing, or none writes to it. Raises `StoreError`.
    """
    script = script_of(files)
    try:
        if files.read(SCRIPT).decode() == script and (files.shared or files.size(DATABASE)):
            return False
    except FileNotFoundError:
        pass
    if not files.shared:
        with TemporaryDirectory() as folder:
            database = Path(folder) / DATABASE
            write_database(files, database)
            files.write(DATABASE, database.read_bytes())
    files.write(SCRIPT, script.encode())
    return True


def write_database(files: LakeFiles, path: Path) -> None:
    """Make a database file with the lake's views, wherever it is to lie.

    All of them are bound in it: a client knows their columns even where the lake was moved.
    """
    try:
        with closing(duckdb.connect(str(path))) as connection:
            script = bound_when_read(script_of(files), _READ_BY_OTHERS)
            connection.execute(f"BEGIN; {script} COMMIT")
    except duckdb.IOException as error:
        raise StoreError(f"{path}: cannot be written: {error}") from error


def script_of(files: LakeFiles) -> str:
    """Return the SQL that makes the views, as the lake is at its newest commit."""
    committed = manifest.read_lake(files)
    return "\n".join(
        _TEMPORARY.sub("CREATE OR REPLACE ", part).strip() + "\n"
        for part in (
            _place(files.address),
            sql("views/macros"),
            sql("views/explore"),
            sql("views/client_names"),
            sql("views/client_fixes"),
            sql("views/client"),
            *_rows(committed),
            sql("views/events"),
            sql("views/cloudtrail"),
            sql("views/cloudtrail_logs"),
            sql("views/trino"),
        )
    )


def _place(address: str) -> str:
    """The macro that says where the lake is; no name in it is taken for a pattern."""
    place = _GLOB.sub(lambda match: f"[{match[0]}]", address)
    literal = place.replace("'", "''")
    return (
        "-- The views and macros of a tlstrail lake. Read it into any DuckDB: .read lake.sql\n"
        f"{_ON_S3 if address.startswith('s3://') else ''}"
        "-- Where the lake was moved, first: SET VARIABLE lake = '/new/place';\n"
        f"CREATE OR REPLACE MACRO lake_path(below) AS\n"
        f"    coalesce(getvariable('lake'), '{literal}') || '/' || below;\n"
    )


def _rows(committed: Manifest) -> tuple[str, str]:
    """The views on the files; DuckDB reads no pattern that no file matches."""
    return (
        sql("clients/event_rows") if committed.events else _nothing("event_rows", _EVENT_ROWS),
        sql("clients/objects") if committed.objects else _nothing("objects", LEDGER),
    )


_EVENT_ROWS = EVENTS.append(_MONTH)


def _nothing(view: str, schema: pa.Schema) -> str:
    columns = ",\n".join(f"    NULL::{_TYPES[each.type]} AS {each.name}" for each in schema)
    return f"CREATE OR REPLACE VIEW {view} AS\nSELECT\n{columns}\nWHERE false;\n"
