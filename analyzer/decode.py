"""Bytes of a log object into the JSON texts of its records: whole, or refused by name.

A log is one JSON object `{"Records": [ … ]}`, gzipped or not; the bytes tell which.
Records are split off as text and not decoded into Python objects: DuckDB reads them in
`flatten`. What does happen to every record here is a strict check against the documented
shape, because DuckDB drops in silence what it was not asked for. A record that fails
the check is divided into what the columns can hold and an `extra` that keeps the rest.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from isal import isal_zlib
from msgspec import Raw

from analyzer.errors import LogRefused
from analyzer.schema import Kind, tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.schema import Tree

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_ONLY = 31  # zlib's window bits for: a gzip header, and nothing else
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# An escaped backslash, a pair of surrogates, or (captured) one that stands alone.
_ESCAPES = re.compile(
    rb"\\\\|\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}"
    rb"|\\u([dD][89a-fA-F][\da-fA-F]{2})"
)
_OBJECT = re.compile(rb"\s*\{")
_LONE_MARK = b"lone-surrogate-"


@dataclass(frozen=True, slots=True)
class DecodedLog:
    """A log object taken whole. Nothing in `records` has been interpreted yet."""

    records: Sequence[bytes | Raw]
    """The JSON text of each record, holding only members of the documented shape."""
    extras: Sequence[bytes | None] | None
    """The JSON text of what else each record held; None where no record held anything."""
    sha256: str
    """Of the decompressed bytes, in hex, as CloudTrail's digest files state it."""
    json_bytes: int
    """How many decompressed bytes there were."""


class _Log(msgspec.Struct, gc=False):
    Records: list[Raw]


def decode(body: bytes, max_bytes: int) -> DecodedLog:
    """Return the records in `body`, which may decompress to `max_bytes` at most.

    Raises `LogRefused` when the object is not, whole and without a remainder, one log.
    """
    if not body:
        raise LogRefused("0 bytes")
    text = _gunzip(body, max_bytes) if body.startswith(_GZIP_MAGIC) else body
    if len(text) > max_bytes:
        raise _too_large(max_bytes)
    sha256, json_bytes = hashlib.sha256(text).hexdigest(), len(text)
    text = text.removeprefix(_BYTE_ORDER_MARK)
    if not _OBJECT.match(text):
        raise LogRefused(
            "not JSON: no object" if body.startswith(_GZIP_MAGIC) else "neither gzip nor JSON"
        )
    if not text.isascii():
        _check_utf8(text)
    records, extras = _split(text)
    return DecodedLog(records, extras, sha256, json_bytes)


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    """Return all members of a gzip file, which must end where the last one ends."""
    members = []
    room = max_bytes
    while body:
        if not body.startswith(_GZIP_MAGIC):
            raise LogRefused("bytes after the end of the gzip data")
        text, body = _gunzip_member(body, room)
        members.append(text)
        room -= len(text)
        if room < 0:
            raise _too_large(max_bytes)
    return members[0] if len(members) == 1 else b"".join(members)


def _gunzip_member(body: bytes, room: int) -> tuple[bytes, bytes]:
    """Return a member's text, cut off one byte past `room`, and what follows the member."""
    member = isal_zlib.decompressobj(wbits=_GZIP_ONLY)
    # The last four bytes say how long the text of the last member is. Asked for just that
    # much, the decompressor need not grow its buffer step by step.
    expected = int.from_bytes(body[-4:], "little")
    try:
        text = member.decompress(body, min(expected, room) + 1)
        if not member.eof and len(text) <= room:
            text += member.decompress(member.unconsumed_tail, room + 1 - len(text))
    except isal_zlib.error as error:  # type: ignore[misc]  # its stub calls it a function
        raise LogRefused(f"damaged gzip: {error}") from error
    if not member.eof and len(text) <= room:
        raise LogRefused("truncated gzip")
    return text, member.unused_data


def _too_large(max_bytes: int) -> LogRefused:
    return LogRefused(f"too large: decompresses to more than {max_bytes:,} bytes")


def _check_utf8(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise LogRefused(f"not UTF-8 (byte {error.start:,})") from error


def _split(text: bytes) -> tuple[Sequence[bytes | Raw], Sequence[bytes | None] | None]:
    """Return the text of each record and, where any is out of shape, all the extras."""
    try:
        records = _records(text)
    except LogRefused:
        mark = _mark_for_surrogates(text)
        if mark is None:
            raise
        return _split_surrogates(text, mark)
    check = _strict_record_decoder().decode
    try:
        for record in records:
            check(record)
    except msgspec.ValidationError:
        return _divide_all(records)
    return records, None


def _records(text: bytes) -> list[Raw]:
    """Return the text of each record. Raises `LogRefused` where it is no log."""
    try:
        return _log_decoder().decode(text).Records
    except msgspec.ValidationError as error:
        raise LogRefused(_not_a_log(text, error)) from error
    except msgspec.DecodeError as error:
        raise LogRefused(f"not JSON: {error}") from error
    except RecursionError as error:
        raise LogRefused("not JSON that can be read: nested too deeply") from error


def _not_a_log(text: bytes, error: msgspec.ValidationError) -> str:
    """JSON that is no log; a record that has lost its `Records` is told apart for the reader."""
    if b'"eventVersion"' in text and "missing required field" in str(error):
        return "no Records array: a bare record"
    return "no Records array"


def _divide_all(
    records: list[Raw], mark: bytes | None = None
) -> tuple[list[bytes | Raw], list[bytes | None]]:
    """Return each record as the columns can hold it, and what else it held.

    What contains `mark` no column can hold.
    """
    texts: list[bytes | Raw] = []
    extras: list[bytes | None] = []
    for position, record in enumerate(records):
        if not bytes(record).startswith(b"{"):
            raise LogRefused(f"Records[{position}] is not an object")
        shaped, extra = _shaped(record, mark)
        texts.append(shaped)
        extras.append(extra)
    return texts, extras


def _shaped(record: Raw, mark: bytes | None) -> tuple[bytes | Raw, bytes | None]:
    """Return one record as the columns can hold it; most are in shape, and stay as they are."""
    if mark is None or mark not in bytes(record):
        try:
            _strict_record_decoder().decode(record)
        except msgspec.ValidationError:
            pass
        else:
            return record, None
    return _divide(bytes(record), tree(), mark)


def _divide(record: bytes, shape: Tree, mark: bytes | None) -> tuple[bytes, bytes | None]:
    """Divide an object's text into the members that fit `shape`, and the others.

    Texts are carried over as they stand, so that no number is rounded on the way.
    """
    fitting, others = [], []
    for name, raw in _members_decoder().decode(record).items():
        value = bytes(raw)
        label = msgspec.json.encode(name) + b":"
        kind = shape.get(name)
        if isinstance(kind, dict) and value.startswith(b"{"):
            inside, outside = _divide(value, kind, mark)
            fitting.append(label + inside)
            if outside is not None:
                others.append(label + outside)
        elif isinstance(kind, Kind) and _fits(value, kind) and not (mark and mark in value):
            fitting.append(label + value)
        elif value != b"null" or kind is None:
            others.append(label + value)
    return _braced(fitting), _braced(others) if others else None


def _braced(members: list[bytes]) -> bytes:
    return b"{" + b",".join(members) + b"}"


def _fits(value: bytes, kind: Kind) -> bool:
    """Whether a JSON text can become a column of this kind; null can become any."""
    if kind is Kind.JSON or value == b"null":
        return True
    if kind is Kind.FLAG:
        return value in {b"true", b"false"}
    return value.startswith(b'"')


def _mark_for_surrogates(text: bytes) -> bytes | None:
    r"""Return what the log can be marked with where it holds half a pair of `\\ud8..` escapes.

    Half a pair (a text cut between the two) is JSON, but no Unicode text: neither msgspec,
    DuckDB nor Parquet can hold it. None where the log holds no such half.
    """
    if not any(match[1] for match in _ESCAPES.finditer(text)):
        return None
    mark = _LONE_MARK
    while mark in text:
        mark += b"-"
    return mark


def _split_surrogates(
    text: bytes, mark: bytes
) -> tuple[Sequence[bytes | Raw], Sequence[bytes | None]]:
    """Split a log with halves of pairs; a member with one goes to `extra`, as an escape."""
    marked = _ESCAPES.sub(lambda match: mark + match[1] if match[1] else match[0], text)
    records, extras = _divide_all(_records(marked), mark)
    return records, [extra and extra.replace(mark, b"\\u") for extra in extras]


@cache
def _log_decoder() -> msgspec.json.Decoder[_Log]:
    return msgspec.json.Decoder(_Log)


@cache
def _members_decoder() -> msgspec.json.Decoder[dict[str, Raw]]:
    return msgspec.json.Decoder(dict[str, Raw])


@cache
def _strict_record_decoder() -> msgspec.json.Decoder[msgspec.Struct]:
    """A decoder that accepts documented members of documented types, and null, only."""
    return msgspec.json.Decoder(_strict("StrictRecord", tree()))


def _strict(name: str, shape: Tree) -> type[msgspec.Struct]:
    """Return a struct type for `shape`. `Raw | None` decodes wrongly, plain `Raw` takes null."""
    types = {Kind.TEXT: str | None, Kind.TIME: str | None, Kind.FLAG: bool | None, Kind.JSON: Raw}
    fields: list[tuple[str, Any, Any]] = []
    for member, kind in shape.items():
        if isinstance(kind, Kind):
            default = Raw() if kind is Kind.JSON else None
            fields.append((member, types[kind], default))
        else:
            fields.append((member, _strict(member, kind) | None, None))
    return msgspec.defstruct(name, fields, gc=False, forbid_unknown_fields=True)
