"""An answer as a table, csv, json, ndjson, md or parquet. The same cell looks the same in each.

stdout is data: nothing here writes anything that is not part of the answer.
"""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analyzer.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NARROWEST_COLUMN = 8
"""With less room than this for each column, a table shows nothing that can be read."""

TABLE_ROWS = 10_000
"""A table is for people; past this many rows it says how to get the others."""

_UNSEEN = {
    code: f"\\u{code:04x}"
    for code in (
        *range(0x09),
        *range(0x0B, 0x20),
        *range(0x7F, 0xA0),
        0x061C,
        *range(0x200B, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2060, 0x2070),
        0xFEFF,
    )
}
"""Characters that command a terminal, turn the direction of writing, or cannot be seen; tabs
and line ends are not among them."""


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"
    MD = "md"
    HTML = "html"
    PARQUET = "parquet"


def render(answer: pa.RecordBatchReader, form: Format, out: BinaryIO, width: int) -> None:
    """Write `answer` to `out`, in a format of one table. `width` is the terminal's, for tables."""
    _RENDERERS[form](_presentable(answer), out, width)


def plain(value: object) -> object:  # noqa: PLR0911 (a table of types)
    """Return a value as JSON has it: times as ISO 8601 with Z, whole numbers as numbers."""
    match value:
        case datetime():
            return value.replace(tzinfo=None).isoformat() + "Z"
        case Decimal():
            return int(value) if value == value.to_integral_value() else str(value)
        case float() if not math.isfinite(value):
            return str(value)
        case date() | time() | timedelta() | UUID():
            return str(value)
        case bytes():
            return value.hex()
        case dict():
            return {str(plain(key)): plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case _:
            return value


def brief(moment: datetime) -> str:
    """Return a time as it was most likely given: a date, where it is the beginning of one."""
    return str(plain(moment)).removesuffix("T00:00:00Z")


def text_of(value: object) -> str:
    """Return a value as the text of a cell; empty for NULL."""
    match plain(value):
        case None:
            return ""
        case bool(flag):
            return "true" if flag else "false"
        case str(text):
            return text
        case (dict() | list()) as nested:
            return json.dumps(nested, ensure_ascii=False)
        case number:
            return str(number)


def visible(text: str) -> str:
    """Return a text for people, in which what would hide or command stands as its number."""
    return text.translate(_UNSEEN)


def _presentable(answer: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Give every column a name of its own, and intervals, which no format has, as text."""
    names: list[str] = []
    for name in answer.schema.names:
        twins = sum(name == taken.rpartition("_")[0] or name == taken for taken in names)
        names.append(f"{name}_{twins}" if name in names else name)
    types = [pa.string() if _is_interval(kind) else kind for kind in answer.schema.types]
    schema = pa.schema(list(zip(names, types, strict=True)))
    return pa.RecordBatchReader.from_batches(
        schema,
        (
            pa.RecordBatch.from_arrays(
                [_without_intervals(column) for column in batch.columns], schema=schema
            )
            for batch in answer
        ),
    )


def _is_interval(kind: pa.DataType) -> bool:
    return bool(pa.types.is_interval(kind))


def _without_intervals(column: pa.Array[Any]) -> pa.Array[Any]:
    if not _is_interval(column.type):
        return column
    return pa.array([_interval(value) for value in column.to_pylist()], pa.string())


def _interval(value: pa.MonthDayNano | None) -> str | None:
    """Return `2 months 497 days 0:03:25`, leaving out what is zero."""
    if value is None:
        return None
    months, days, nanoseconds = value
    spans = [f"{months} months"] if months else []
    spans += [f"{days} days"] if days else []
    spans += [str(timedelta(microseconds=nanoseconds // 1000))] if nanoseconds else []
    return " ".join(spans) or "0:00:00"


def rich_table(answer: pa.Table) -> Table:
    """Return an answer as a table for a terminal; numbers to the right."""
    table = Table(
        box=box.SIMPLE_HEAD,
        header_style="bold",
        pad_edge=False,
        collapse_padding=True,
        show_edge=False,
    )
    for field in answer.schema:
        numeric = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        table.add_column(field.name, justify="right" if numeric else "left", overflow="fold")
    for row in _rows(answer.to_batches()):
        table.add_row(*(Text(_shown(value)) for value in row))
    return table


def _blocks(answer: pa.Table) -> Iterator[Table]:
    """Yield a block for each row, of column names and values, for rows too wide for a line."""
    for row in _rows(answer.to_batches()):
        block = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
        for name, value in zip(answer.schema.names, row, strict=True):
            if value is not None:
                block.add_row(name, Text(_shown(value)))
        yield block


def markdown_table(answer: pa.Table) -> str:
    """Return an answer as a Markdown table."""
    lines = [
        "| " + " | ".join(markdown_text(name) for name in answer.schema.names) + " |",
        "|" + "|".join(" --- " for _ in answer.schema.names) + "|",
    ]
    lines += [
        "| " + " | ".join(markdown_text(text_of(value)) for value in row) + " |"
        for row in _rows(answer.to_batches())
    ]
    return "\n".join(lines) + "\n"


def objects(answer: pa.Table) -> list[dict[str, object]]:
    """Return an answer as objects keyed by column, ready for JSON."""
    return list(_objects(answer.schema, answer.to_batches()))


def _shown(value: object) -> str:
    """A cell for people: as everywhere, but with thousands set apart."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return visible(text_of(value))


def _rows(batches: Sequence[pa.RecordBatch]) -> Iterator[tuple[object, ...]]:
    for batch in batches:
        try:
            columns = [column.to_pylist(maps_as_pydicts="lossy") for column in batch.columns]
        except OverflowError as error:
            raise QueryError(
                f"the answer has a time that no format can show ({error}); cast it to VARCHAR"
            ) from error
        yield from zip(*columns, strict=True)


def _objects(schema: pa.Schema, batches: Sequence[pa.RecordBatch]) -> Iterator[dict[str, object]]:
    for row in _rows(batches):
        yield dict(zip(schema.names, map(plain, row), strict=True))


def markdown_text(text: str) -> str:
    """Keep a cell in its row, and show what Markdown or HTML would take for its own."""
    text = visible(text.replace("\r", " ").replace("\n", " "))
    for mark in "\\`*_[]<>|":
        text = text.replace(mark, f"\\{mark}")
    return text


def _render_table(answer: pa.RecordBatchReader, out: BinaryIO, width: int) -> None:
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in answer:
        held.append(batch.slice(0, TABLE_ROWS - rows))
        rows += len(batch)
        if rows > TABLE_ROWS:
            break
    text = io.StringIO()
    console = Console(file=text, width=width, highlight=False, color_system=None)
    shown = pa.Table.from_batches(held, answer.schema)
    if len(answer.schema) * NARROWEST_COLUMN > width:
        console.print(*_blocks(shown), sep="\n")
    else:
        console.print(rich_table(shown))
    if rows > TABLE_ROWS:
        console.print(f"The first {TABLE_ROWS:,} rows; --format csv or parquet gives all.")
    out.write(text.getvalue().encode())


def _render_csv(answer: pa.RecordBatchReader, out: BinaryIO, _width: int) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(answer.schema.names)
    for batch in answer:
        for row in _rows([batch]):
            writer.writerow([text_of(value) for value in row])
        out.write(text.getvalue().encode())
        text.seek(0)
        text.truncate()
    out.write(text.getvalue().encode())


def _render_json(answer: pa.RecordBatchReader, out: BinaryIO, _width: int) -> None:
    separator = "[\n"
    for batch in answer:
        for row in _objects(answer.schema, [batch]):
            out.write(f"{separator}  {json.dumps(row, ensure_ascii=False)}".encode())
            separator = ",\n"
    out.write(b"\n]\n" if separator == ",\n" else b"[]\n")


def _render_ndjson(answer: pa.RecordBatchReader, out: BinaryIO, _width: int) -> None:
    for batch in answer:
        rows = _objects(answer.schema, [batch])
        out.writelines(f"{json.dumps(row, ensure_ascii=False)}\n".encode() for row in rows)


def _render_markdown(answer: pa.RecordBatchReader, out: BinaryIO, _width: int) -> None:
    out.write(markdown_table(answer.read_all()).encode())


def _render_parquet(answer: pa.RecordBatchReader, out: BinaryIO, _width: int) -> None:
    with pq.ParquetWriter(out, answer.schema, compression="zstd") as writer:
        for batch in answer:
            writer.write_batch(batch)


_RENDERERS: dict[Format, Callable[[pa.RecordBatchReader, BinaryIO, int], None]] = {
    Format.TABLE: _render_table,
    Format.CSV: _render_csv,
    Format.JSON: _render_json,
    Format.NDJSON: _render_ndjson,
    Format.MD: _render_markdown,
    Format.PARQUET: _render_parquet,
}
