"""The three formats of S3 Inventory as one: Arrow batches of the columns that a listing needs.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html
"""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv, orc

from analyzer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS_AT_ONCE = 20_000

COLUMNS = {
    "key": "Key",
    "size": "Size",
    "last_modified_date": "LastModifiedDate",
    "e_tag": "ETag",
    "storage_class": "StorageClass",
    "is_latest": "IsLatest",
    "is_delete_marker": "IsDeleteMarker",
    "intelligent_tiering_access_tier": "IntelligentTieringAccessTier",
}
"""By the names of Parquet and ORC, those of CSV, which are also the fields' own."""

_TYPES: dict[str, pa.DataType] = dict.fromkeys(COLUMNS, pa.string()) | {
    "size": pa.int64(),
    "last_modified_date": pa.timestamp("us", "UTC"),
    "is_latest": pa.bool_(),
    "is_delete_marker": pa.bool_(),
}

# `message s3.inventory { required binary key (UTF8); … }` and `struct<key:string,…>`.
_PARQUET_COLUMN = re.compile(r"(?:required|optional) \w+ (\w+)")
_ORC_COLUMN = re.compile(r"(\w+):\w+")


def columns_of(file_format: str, schema: str) -> list[str]:
    """Return the columns that a manifest's fileSchema names, by their names in Parquet."""
    match file_format.upper():
        case "CSV":
            own = {theirs: ours for ours, theirs in COLUMNS.items()}
            return [own.get(name.strip(), name.strip()) for name in schema.split(",")]
        case "PARQUET":
            return _PARQUET_COLUMN.findall(schema)
        case "ORC":
            return _ORC_COLUMN.findall(schema)
    raise UsageError(f"an inventory is CSV, Parquet or ORC; this one is {file_format}")


def record_batches(file: IO[bytes], file_format: str, schema: str) -> Iterator[pa.RecordBatch]:
    """Yield a file as batches of `COLUMNS`, all null where it does not have a column.

    Raises `pa.ArrowException` and `OSError` for a file that is not of the format.
    """
    match file_format.upper():
        case "CSV":
            yield from map(_of_csv, _csv(file, columns_of(file_format, schema)))
        case "PARQUET":
            yield from map(_typed, pq.ParquetFile(file).iter_batches(ROWS_AT_ONCE))
        case _:
            stripes = orc.ORCFile(file)
            for number in range(stripes.nstripes):
                stripe = stripes.read_stripe(number)
                for start in range(0, len(stripe), ROWS_AT_ONCE):
                    yield _typed(stripe.slice(start, ROWS_AT_ONCE))


def _csv(file: Any, names: list[str]) -> Iterator[pa.RecordBatch]:  # noqa: ANN401 (as pyarrow types it)
    """Yield a gzipped CSV without a header as batches of text."""
    text: Any = pa.CompressedInputStream(file, "gzip")
    return csv.open_csv(
        text,
        csv.ReadOptions(column_names=names, block_size=4 * 1024 * 1024),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
            quoted_strings_can_be_null=True,
        ),
    )


def _of_csv(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch of text with its keys decoded."""
    position = batch.schema.names.index("key")
    keys = [unquote_plus(str(key)) for key in batch["key"].to_pylist()]
    return _typed(batch.set_column(position, "key", pa.array(keys, pa.string())))


def _typed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the columns of `COLUMNS`, each of its type."""
    columns: list[pa.Array[Any]] = [
        batch[name].cast(kind, safe=False)
        if name in batch.schema.names
        else pa.array([None] * len(batch), kind)
        for name, kind in _TYPES.items()
    ]
    return pa.record_batch(columns, names=list(_TYPES))
