"""Bytes of a log object into its text: whole, or refused by name.

A log is one JSON object `{"Records": [ … ]}`, gzipped or not; the bytes tell which. So is
what Event history downloads; an export of CloudWatch Logs is made into one. The text is not
interpreted here: `flatten` reads it, once.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from isal import isal_zlib

from analyzer import exports
from analyzer.errors import LogRefused

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_ONLY = 31  # zlib's window bits for: a gzip header, and nothing else
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OBJECT = re.compile(rb"\s*\{")


@dataclass(frozen=True, slots=True)
class LogText:
    """What a log object decompresses to. Whether it is a log is not known yet."""

    text: bytes
    """UTF-8, without a byte order mark; begins with an object."""
    sha256: str
    """Of the decompressed bytes, in hex, as CloudTrail's digest files state it."""
    json_bytes: int
    """How many decompressed bytes there were."""


def decode(body: bytes, max_bytes: int) -> LogText:
    """Return the text of `body`, which may decompress to `max_bytes` at most.

    Raises `LogRefused` when it is not, whole and without a remainder, the text of an object.
    """
    if not body:
        raise LogRefused("0 bytes")
    text = _gunzip(body, max_bytes) if body.startswith(_GZIP_MAGIC) else body
    if len(text) > max_bytes:
        raise _too_large(max_bytes)
    sha256, json_bytes = hashlib.sha256(text).hexdigest(), len(text)
    text = text.removeprefix(_BYTE_ORDER_MARK)
    if exports.is_export(text):
        text = exports.as_log(text)
    if not _OBJECT.match(text):
        raise LogRefused(
            "not JSON: no object" if body.startswith(_GZIP_MAGIC) else "neither gzip nor JSON"
        )
    if not text.isascii():
        _check_utf8(text)
    return LogText(text, sha256, json_bytes)


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
    if text.isascii():  # as nearly all are: found without making a copy of them
        return
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise LogRefused(f"not UTF-8 (byte {error.start:,})") from error
