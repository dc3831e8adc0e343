"""S3 Inventories as AWS lays them out, in each of its three formats."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

AT = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
MODIFIED = datetime(2023, 1, 5, 10, 0, 1, tzinfo=UTC)
FOLDER = "inventories/trail/daily"
MANIFEST = f"{FOLDER}/2026-11-26T01-00Z/manifest.json"

NAMES = {
    "bucket": "Bucket",
    "key": "Key",
    "is_latest": "IsLatest",
    "is_delete_marker": "IsDeleteMarker",
    "size": "Size",
    "last_modified_date": "LastModifiedDate",
    "e_tag": "ETag",
    "storage_class": "StorageClass",
    "intelligent_tiering_access_tier": "IntelligentTieringAccessTier",
}


@dataclass(frozen=True, slots=True)
class Item:
    """An object of an inventory."""

    key: str
    e_tag: str | None
    size: int | None = 100
    storage_class: str | None = "STANDARD"
    tier: str | None = None
    is_latest: bool = True
    is_delete_marker: bool = False


def table_of(bucket: str, items: Sequence[Item]) -> pa.Table:
    """Return the columns of NAMES."""
    return pa.table({
        "bucket": [bucket for _ in items],
        "key": [each.key for each in items],
        "is_latest": [each.is_latest for each in items],
        "is_delete_marker": [each.is_delete_marker for each in items],
        "size": pa.array([each.size for each in items], pa.int64()),
        "last_modified_date": pa.array([MODIFIED for _ in items], pa.timestamp("ms", "UTC")),
        "e_tag": pa.array([each.e_tag for each in items], pa.string()),
        "storage_class": pa.array([each.storage_class for each in items], pa.string()),
        "intelligent_tiering_access_tier": pa.array([each.tier for each in items], pa.string()),
    })  # fmt: skip


def as_csv(table: pa.Table) -> bytes:
    """Return a table as S3 writes it in CSV: no header, all in quotes, keys URL-encoded."""

    def cell(name: str, value: object) -> str:
        if name == "key":
            return quote_plus(str(value), safe="/")
        if isinstance(value, datetime):
            return f"{value:%Y-%m-%dT%H:%M:%S}.000Z"
        return "" if value is None else str(value).lower() if value in {True, False} else str(value)

    quote = '"'
    lines = [
        ",".join(f'"{cell(name, value).replace(quote, 2 * quote)}"' for name, value in row.items())
        for row in table.to_pylist()
    ]
    return gzip.compress("".join(f"{line}\n" for line in lines).encode())


def as_parquet(table: pa.Table) -> bytes:
    """Return a table as Parquet."""
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def as_orc(table: pa.Table) -> bytes:
    """Return a table as ORC, whose timestamps have no zone."""
    out = io.BytesIO()
    position = table.schema.names.index("last_modified_date")
    naive = table["last_modified_date"].cast(pa.timestamp("ns"))
    whole = table.set_column(position, "last_modified_date", naive)
    orc.write_table(whole, out, stripe_size=1, batch_size=5)  # so that five rows are a stripe
    return out.getvalue()


def schema_of(file_format: str, columns: Sequence[str]) -> str:
    """Return the fileSchema of a manifest."""
    match file_format:
        case "CSV":
            return ", ".join(NAMES[name] for name in columns)
        case "Parquet":
            kinds = {"bucket": "required", "key": "required"}
            members = " ".join(
                f"{kinds.get(name, 'optional')} binary {name} (UTF8);" for name in columns
            )
            return f"message s3.inventory {{ {members} }}"
        case _:
            return f"struct<{','.join(f'{name}:string' for name in columns)}>"


def inventory(
    bucket: str,
    items: Sequence[Item],
    file_format: str = "CSV",
    *,
    without: Sequence[str] = (),
    files: int = 1,
) -> dict[str, bytes]:
    """Return an inventory's objects by their keys."""
    table = table_of(bucket, items).drop_columns(list(without))
    write = {"CSV": as_csv, "Parquet": as_parquet, "ORC": as_orc}[file_format]
    rows = -(-len(table) // files)
    named, bodies = [], {}
    for number in range(files):
        body = write(table.slice(number * rows, rows))
        key = f"{FOLDER}/data/{number}.{file_format.lower()}"
        bodies[key] = body
        digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
        named.append({"key": key, "size": len(body), "MD5checksum": digest})
    manifest = {
        "sourceBucket": bucket,
        "destinationBucket": "arn:aws:s3:::inventories",
        "version": "2016-11-30",
        "creationTimestamp": str(int(AT.timestamp() * 1000)),
        "fileFormat": file_format,
        "fileSchema": schema_of(file_format, table.schema.names),
        "files": named,
    }
    return {**bodies, MANIFEST: json.dumps(manifest).encode()}


def saved(folder: Path, bodies: dict[str, bytes]) -> Path:
    """Write an inventory's objects as files, and return its manifest."""
    for key, body in bodies.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder / MANIFEST
