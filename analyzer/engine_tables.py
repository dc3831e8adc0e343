"""Tables over the lake's Parquet, in the SQL of other engines.

Athena and Trino take them from S3; Spark from this machine as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import pyarrow as pa

from analyzer.schema import DIGEST_LOGS, DIGESTS, EVENTS, LEDGER
from analyzer.write import NO_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.manifest import Manifest


class Engine(StrEnum):
    """An engine that reads the lake's Parquet itself."""

    ATHENA = "athena"
    SPARK = "spark"
    TRINO = "trino"


@dataclass(frozen=True, slots=True)
class Table:
    """What an engine has for a kind of the lake's Parquet: its name, its folder and columns."""

    name: str
    folder: str
    columns: pa.Schema
    by_month: bool = False


TABLES = {
    "event_rows": Table("tlstrail_events", "events", EVENTS, by_month=True),
    "objects": Table("tlstrail_objects", "objects", LEDGER),
    "digest_rows": Table("tlstrail_digests", "digests", DIGESTS),
    "digest_log_rows": Table("tlstrail_digest_logs", "digest_logs", DIGEST_LOGS),
}
"""By the name that the lake's views have for it."""

_TYPES = {
    Engine.ATHENA: {
        pa.string(): "string",
        pa.bool_(): "boolean",
        pa.int64(): "bigint",
        pa.timestamp("us"): "timestamp",
        pa.list_(pa.string()): "array<string>",
    },
    Engine.SPARK: {
        pa.string(): "STRING",
        pa.bool_(): "BOOLEAN",
        pa.int64(): "BIGINT",
        pa.timestamp("us"): "TIMESTAMP_NTZ",
        pa.list_(pa.string()): "ARRAY<STRING>",
    },
    Engine.TRINO: {
        pa.string(): "varchar",
        pa.bool_(): "boolean",
        pa.int64(): "bigint",
        pa.timestamp("us"): "timestamp(6)",
        pa.list_(pa.string()): "array(varchar)",
    },
}


def statements(table: Table, engine: Engine, where: str, committed: Manifest) -> Iterator[str]:
    """Yield the statements that make a table of what lies below `where`."""
    types = _TYPES[engine]
    columns = ",\n".join(f"    {each.name} {types[each.type]}" for each in table.columns)
    location = f"{where}/{table.folder}".replace("'", "''")
    if engine is Engine.ATHENA:
        yield _athena_table(table, columns, location, committed)
    elif engine is Engine.SPARK:
        month = ",\n    month STRING" if table.by_month else ""
        by = "\nPARTITIONED BY (month)" if table.by_month else ""
        yield (
            f"CREATE TABLE IF NOT EXISTS {table.name} (\n{columns}{month}\n) USING parquet"
            f"{by}\nLOCATION '{location}';"
        )
        if table.by_month:
            yield f"MSCK REPAIR TABLE {table.name};"
    else:
        month = ",\n    month varchar" if table.by_month else ""
        by = ",\n    partitioned_by = ARRAY['month']" if table.by_month else ""
        yield (
            f"CREATE TABLE IF NOT EXISTS {table.name} (\n{columns}{month}\n) WITH (\n"
            f"    external_location = '{location}',\n    format = 'PARQUET'{by}\n);"
        )
        if table.by_month:
            yield (f"CALL system.sync_partition_metadata(CURRENT_SCHEMA, '{table.name}', 'FULL');")


def _athena_table(table: Table, columns: str, location: str, committed: Manifest) -> str:
    # CloudTrail began in November 2013.
    paths = (part.path for part in committed.events if NO_MONTH not in part.path)
    first = min((path.split("month=")[1][:7] for path in paths), default="2013-11")
    by = "\nPARTITIONED BY (month string)" if table.by_month else ""
    projection = (
        "\nTBLPROPERTIES (\n"
        "    'projection.enabled' = 'true',\n"
        "    'projection.month.type' = 'date',\n"
        "    'projection.month.format' = 'yyyy-MM',\n"
        f"    'projection.month.range' = '{first},NOW',\n"
        "    'projection.month.interval' = '1',\n"
        "    'projection.month.interval.unit' = 'MONTHS',\n"
        f"    'storage.location.template' = '{location}/month=${{month}}/'\n)"
        if table.by_month
        else ""
    )
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS {table.name} (\n{columns}\n){by}\n"
        f"STORED AS PARQUET\nLOCATION '{location}/'{projection};"
    )
