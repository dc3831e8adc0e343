"""The JSON texts of logs into one Arrow table of the schema; `flatten.c` reads the text.

A log is taken whole or refused. Every field of every record is kept: in its column or, where
it is unknown or not of the documented type, in `extra`.
"""

from __future__ import annotations

import ctypes
import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from analyzer.compiled import library
from analyzer.errors import LogRefused
from analyzer.schema import COLUMNS, DICTIONARY_COLUMNS, EVENTS, Kind, tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.schema import Tree

SPARE_BATCHES = 2
"""So many batches that nobody reads any more are kept: a worker has two under way."""

SPARE_BYTES = 64 * 1024 * 1024
"""A batch with more memory than that is not kept."""

_HASHES = ("id_hash", "text_hash")
_NAMES = (*EVENTS.names, *_HASHES)
_ID = EVENTS.get_field_index("event_id")

_BASIC_TIME = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_EXTENDED_TIME = re.compile(r"\d{4}-\d\d-\d\d([ T].*)?", re.ASCII)
_FIRST_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class _Encoding(IntEnum):
    """How flatten.c holds a column; in its order."""

    PLAIN = 0
    DICTIONARY = 1
    MICROSECONDS = 2
    BOOLEAN = 3
    HASH = 4


class _Refusal(IntEnum):
    """Why flatten.c takes no record of a log; in its order."""

    NO_JSON = 1
    NO_RECORDS = 2
    NO_OBJECT = 3
    TOO_DEEP = 4
    TOO_MANY_BYTES = 5
    NO_MEMORY = 6


_OBJECT_KIND = 0
_KINDS = {Kind.TEXT: 1, Kind.TIME: 2, Kind.FLAG: 3, Kind.JSON: 4}


class _Node(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("name_length", ctypes.c_int32),
        ("kind", ctypes.c_int32),
        ("column", ctypes.c_int32),
        ("first_member", ctypes.c_int32),
        ("members", ctypes.c_int32),
    )


class _Finished(ctypes.Structure):
    _fields_ = (
        ("nulls", ctypes.c_int64),
        ("validity", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("offsets", ctypes.c_void_p),
        ("bytes", ctypes.c_void_p),
        ("dictionary_length", ctypes.c_int64),
    )


class _Refused(ctypes.Structure):
    _fields_ = (("reason", ctypes.c_int64), ("position", ctypes.c_int64))


@dataclass(frozen=True, slots=True)
class FlatRecords:
    """The rows of a batch's records, in the order of the plan: neither sorted nor deduplicated."""

    events: pa.Table
    """A row of `EVENTS` for each record; texts that stand often are dictionary-encoded."""
    id_hashes: pa.Array[Any]
    """uint64 of each row's event id; null where it has none."""
    text_hashes: pa.Array[Any]
    """uint64 of each record's text: rows with the same id and text are copies."""


class Flattener:
    """Takes logs one by one, and gives the rows of all their records at the end."""

    def __init__(self) -> None:
        """No log has been taken yet."""
        self._batch = _Batch()

    def take(self, key: str, text: bytes) -> int:
        """Take the records of the log `key` and return how many there are.

        `text` is UTF-8. Raises `LogRefused` when it is not one whole log, and then has taken
        none of its records.
        """
        name = key.encode()
        refused = _Refused()
        records = library().tlstrail_take(
            self._batch.address, text, len(text), name, len(name), ctypes.byref(refused)
        )
        if records < 0:
            raise _reason(_Refusal(refused.reason), refused.position, text)
        return int(records)

    def finish(self) -> FlatRecords:
        """Return the rows of the logs that were taken. Nothing can be taken after that."""
        finished = (_Finished * len(_NAMES))()
        rows = int(library().tlstrail_finish(self._batch.address, finished))
        if rows < 0:
            raise MemoryError
        *columns, id_hashes, text_hashes = (
            self._array(name, column, rows) for name, column in zip(_NAMES, finished, strict=True)
        )
        events = _with_odd_times(pa.table(dict(zip(EVENTS.names, columns, strict=True))))
        return FlatRecords(events, id_hashes, text_hashes)

    def _array(self, name: str, column: _Finished, rows: int) -> pa.Array[Any]:
        """Return a column of the batch as Arrow reads it where it stands."""
        encoding = _encodings()[name]
        kind = pa.uint64() if encoding is _Encoding.HASH else EVENTS.field(name).type
        if column.nulls == rows:
            in_dictionary = encoding is _Encoding.DICTIONARY
            return pa.nulls(rows, pa.dictionary(pa.int32(), kind) if in_dictionary else kind)
        if encoding is _Encoding.HASH:
            return self._hashes(column, rows)
        valid = self._buffer(column.validity, (rows + 7) // 8) if column.nulls else None
        if encoding is _Encoding.PLAIN:
            return self._texts(column, rows, valid, column.nulls)
        width = {_Encoding.DICTIONARY: 32, _Encoding.BOOLEAN: 1}.get(encoding, 64)
        values = self._buffer(column.values, (rows * width + 7) // 8)
        if encoding is _Encoding.DICTIONARY:
            positions = pa.Array.from_buffers(pa.int32(), rows, [valid, values], column.nulls)
            texts = self._texts(column, column.dictionary_length, None, 0)
            return pa.DictionaryArray.from_arrays(positions, texts, safe=False)
        return pa.Array.from_buffers(kind, rows, [valid, values], column.nulls)

    def _texts(
        self, column: _Finished, length: int, valid: pa.Buffer | None, nulls: int
    ) -> pa.Array[Any]:
        """Return the texts of a column, or of its dictionary."""
        ends = ctypes.cast(column.offsets, ctypes.POINTER(ctypes.c_int32))
        offsets = self._buffer(column.offsets, 4 * (length + 1))
        texts = self._buffer(column.bytes, ends[length])
        return pa.Array.from_buffers(pa.string(), length, [valid, offsets, texts], nulls)

    def _hashes(self, column: _Finished, rows: int) -> pa.Array[Any]:
        """Return a copy of hashes, which are kept for longer than the batch that they are of."""
        valid = ctypes.string_at(column.validity, (rows + 7) // 8)
        values = ctypes.string_at(column.values, 8 * rows)
        return pa.Array.from_buffers(
            pa.uint64(), rows, [pa.py_buffer(valid), pa.py_buffer(values)], column.nulls
        )

    def _buffer(self, address: int | None, size: int) -> pa.Buffer:
        """Return memory of the batch, which lives for as long as the buffer does."""
        if not size:
            return pa.py_buffer(b"")
        return pa.foreign_buffer(address or 0, size, self._batch)


class _Batch:
    """The memory that flatten.c holds. Used again, it need not be fetched from the system."""

    def __init__(self) -> None:
        try:
            self.address = _spare().pop()
        except IndexError:
            self.address = _new_batch()

    def __del__(self) -> None:
        spare = _spare()
        if library().tlstrail_clear(self.address) <= SPARE_BYTES and len(spare) < SPARE_BATCHES:
            spare.append(self.address)
        else:
            library().tlstrail_free(self.address)


def _new_batch() -> int:
    """Return the address of an empty batch of flatten.c."""
    encodings = [_encodings()[name] for name in _NAMES]
    address: int | None = library().tlstrail_new(
        _nodes(),
        len(_nodes()),
        (ctypes.c_int32 * len(encodings))(*encodings),
        len(encodings),
        _ID,
        secrets.randbits(64),
    )
    if address is None:
        raise MemoryError
    return address


@cache
def _spare() -> list[int]:
    """The addresses of batches that nobody reads any more, empty."""
    return []


def joined(flat: Sequence[FlatRecords]) -> FlatRecords:
    """Return several as one, in their order; of each dictionary there is one."""
    if len(flat) == 1:
        return flat[0]
    if not flat:
        return Flattener().finish()
    return FlatRecords(
        pa.concat_tables([each.events for each in flat]).unify_dictionaries().combine_chunks(),
        pa.concat_arrays([each.id_hashes for each in flat]),
        pa.concat_arrays([each.text_hashes for each in flat]),
    )


def _reason(refusal: _Refusal, position: int, text: bytes) -> Exception:
    """Return why a log is not taken, for people."""
    match refusal:
        case _Refusal.NO_JSON:
            return LogRefused(f"not JSON: {_where_json_ends(text)}")
        case _Refusal.NO_RECORDS:
            return LogRefused(_no_records(text))
        case _Refusal.NO_OBJECT:
            return LogRefused(f"Records[{position}] is not an object")
        case _Refusal.TOO_DEEP:
            return LogRefused("not JSON that can be read: nested too deeply")
        case _Refusal.TOO_MANY_BYTES:
            return LogRefused("too large: more than 2 GiB in one column")
        case _Refusal.NO_MEMORY:
            return MemoryError()


def _where_json_ends(text: bytes) -> str:
    """Say at which byte a text stops being JSON."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        byte = len(error.doc[: error.pos].encode())
        return f"{error.msg[:1].lower()}{error.msg[1:]} (byte {byte:,})"
    except (RecursionError, ValueError) as error:
        return str(error)
    return "a number, a constant or a control character that JSON does not have"


def _no_records(text: bytes) -> str:
    """JSON that is no log; a record that has lost its `Records` is told apart for the reader."""
    if b'"eventVersion"' in text and b'"Records"' not in text:
        return "no Records array: a bare record"
    return "no Records array"


def _with_odd_times(events: pa.Table) -> pa.Table:
    """Read the times that are not written as CloudTrail writes them, from `extra`."""
    extras = events["extra"]
    times = events["event_time"]
    if extras.null_count == len(events) or not times.null_count:
        return events
    read = times.to_pylist()
    for row, extra in enumerate(extras.to_pylist()):
        if extra is not None and read[row] is None:
            read[row] = odd_time(json.loads(extra).get("eventTime"))
    at = events.schema.get_field_index("event_time")
    return events.set_column(at, "event_time", pa.array(read, EVENTS.field("event_time").type))


def odd_time(text: object) -> datetime | None:
    """Return the UTC time, from 1970 on, that a text of another ISO 8601 form says; else None."""
    if not isinstance(text, str) or not (
        _BASIC_TIME.fullmatch(text) or _EXTENDED_TIME.fullmatch(text)
    ):
        return None
    try:
        time = datetime.fromisoformat(text)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time.replace(tzinfo=None) if time >= _FIRST_TIME else None


@cache
def _encodings() -> dict[str, _Encoding]:
    """How each column is held."""
    kinds = {
        Kind.TEXT: _Encoding.PLAIN,
        Kind.TIME: _Encoding.MICROSECONDS,
        Kind.FLAG: _Encoding.BOOLEAN,
        Kind.JSON: _Encoding.PLAIN,
    }
    encodings = {"extra": _Encoding.PLAIN}
    encodings |= {column.name: kinds[column.kind] for column in COLUMNS}
    encodings |= dict.fromkeys(DICTIONARY_COLUMNS, _Encoding.DICTIONARY)
    return encodings | dict.fromkeys(_HASHES, _Encoding.HASH)


@cache
def _nodes() -> ctypes.Array[_Node]:
    """Return the documented shape of a record as flatten.c reads it."""
    columns = {column.path: EVENTS.get_field_index(column.name) for column in COLUMNS}
    nodes = [_Node(b"", 0, _OBJECT_KIND, -1, 0, 0)]
    waiting: list[tuple[int, tuple[str, ...], Tree]] = [(0, (), tree())]
    for parent, path, shape in waiting:
        nodes[parent].first_member, nodes[parent].members = len(nodes), len(shape)
        for member, kind in shape.items():
            name = member.encode()
            below = (*path, member)
            if isinstance(kind, dict):
                waiting.append((len(nodes), below, kind))
                nodes.append(_Node(name, len(name), _OBJECT_KIND, -1, 0, 0))
            else:
                nodes.append(_Node(name, len(name), _KINDS[kind], columns[below], 0, 0))
    return (_Node * len(nodes))(*nodes)
