"""The lake for other engines: tables over its Parquet, and a query on the lake as theirs.

Athena, Spark and Trino read the files themselves. They know nothing of commits, views or
macros: so the query stands alone, and what to mind stands above it as a comment.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlglot.optimizer.pushdown_projections import pushdown_projections

from analyzer import manifest
from analyzer.engine_sql import renamed, translated
from analyzer.engine_tables import TABLES, Engine, statements
from analyzer.lake_place import lake_files
from analyzer.standalone import standing_alone
from analyzer.write import NO_MONTH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from analyzer.lake import Narrowing
    from analyzer.lake_place import LakePlace
    from analyzer.manifest import Manifest

_NOWHERE = "s3://BUCKET/PREFIX"
"""Where a lake is said to be that lies on this machine, for engines that read S3 only."""


def elsewhere(
    text: str,
    engine: Engine,
    lake: LakePlace,
    narrowing: Narrowing,
    parameters: Mapping[str, str] | None = None,
) -> str:
    """Return the statements that ask another engine a query in DuckDB's SQL on the lake.

    `parameters` are what stands for `$name`. Raises `UsageError` for a query that cannot be
    translated, `QueryError` for what is none, and `LakeError` where there is no lake.
    """
    tree = pushdown_projections(standing_alone(text, _variables(narrowing), parameters))
    read = renamed(tree)
    tables = [table for name, table in TABLES.items() if name in read]
    query = translated(tree, engine)
    files = lake_files(lake)
    committed = manifest.read_lake(files)
    where = _place(files.address, engine)
    made = (
        statement for table in tables for statement in statements(table, engine, where, committed)
    )
    return (
        "\n\n".join((_to_mind(engine, files.address, where, committed), *made, f"{query};")) + "\n"
    )


def _variables(narrowing: Narrowing) -> dict[str, Sequence[str] | datetime | None]:
    """Return what the views narrow down by."""
    return {
        "accounts": narrowing.accounts,
        "regions": narrowing.regions,
        "since": narrowing.since,
        "until": narrowing.until,
    }


_TO_MIND_IN_A_FOLDER = (
    "committed is seen as well. Ask when no ingest runs; after one was killed, run it again",
    "first: it removes what was left behind.",
)
_TO_MIND_ON_S3 = (
    "committed is seen as well, and so are rows of objects/ that a merge has put into another",
    "file. Ask when no ingest has run for a quarter of an hour and tlstrail compact has been run",
    "after that; and after one was killed, tlstrail compact --orphans.",
)


def _place(address: str, engine: Engine) -> str:
    """Where the engine finds the lake: Spark on this machine as well, the others on S3."""
    if "://" in address:
        return address.replace("s3://", "s3a://") if engine is Engine.SPARK else address
    return Path(address).as_uri() if engine is Engine.SPARK else _NOWHERE


def _to_mind(engine: Engine, address: str, where: str, committed: Manifest) -> str:
    """What a reader of the Parquet has to know, as a comment."""
    lines = [
        f"The lake of commit {committed.number}: {engine.value.capitalize()} reads its files.",
        "No record stands in them twice; but what a killed or a running ingest has written and not",
        *(_TO_MIND_ON_S3 if "://" in address else _TO_MIND_IN_A_FOLDER),
    ]
    if where == _NOWHERE:
        lines.append(f"The lake lies on this machine: copy it to S3 and put its place for {where}.")
    if engine is Engine.ATHENA and any(NO_MONTH in part.path for part in committed.events):
        lines.append("Records without a time have no month, and are not seen.")
    return "\n".join(f"-- {line}" for line in lines)
