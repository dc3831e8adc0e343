"""Which rows of a batch are copies of rows that this run read shortly before.

CloudTrail redelivers, and trails overlap. The same eventID with the same content is one
record; the copy from the object that comes first in the plan is kept. Copies come near each
other, so nearly all of them are found here, by the hashes of id and text, before a batch is
written. `dedupe` finds the others.
"""

from __future__ import annotations

import ctypes
import hashlib
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from analyzer.compiled import library

if TYPE_CHECKING:
    from collections.abc import Sequence

RECENT_ROWS = 2_000_000
"""Of no more rows are the hashes held; 16 bytes each."""

BATCHES_APART = 8
"""A batch is let go when so many in a row share no hour with it. Copies have the same eventTime,
and a plan follows the time of delivery: what comes later still is for `dedupe` to find."""


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """What tells a batch's rows from others, in the order of the plan."""

    batch_id: str
    keys: tuple[str, ...]
    """The batch's objects, in the order of the plan."""
    ends: tuple[int, ...]
    """One past the position of each object's last row."""
    id_hashes: pa.Array[Any]
    text_hashes: pa.Array[Any]
    hours: frozenset[int]
    digest: bytes
    """Of all these: whoever reads the batch again has read the same where it is the same."""

    dropped: frozenset[int] = frozenset()
    """Positions of rows that are copies, and so keep nobody's record."""

    def key_of(self, position: int) -> str:
        """Return the object that a row came from."""
        return self.keys[bisect_right(self.ends, position)]


@dataclass(frozen=True, slots=True)
class Clearance:
    """With what a batch is known to share no record, so that nobody compares them again."""

    batches: frozenset[str]
    itself: bool


class Copy(NamedTuple):
    """A row that is dropped, and who keeps it."""

    key: str
    """The object that the row came from."""
    kept_by: str
    """The object whose row is kept."""


@dataclass(frozen=True, slots=True)
class FoundCopies:
    """The rows of a batch that are copies of rows read shortly before."""

    digest: bytes
    """Of the fingerprints that the batch had."""
    positions: tuple[int, ...]
    copies: tuple[Copy, ...]
    hours: frozenset[int]
    """The hours that the batch's rows fall in."""
    clearance: Clearance


class _Ids(ctypes.Structure):
    """As copies.c has it: where the hashes are, and which of them are there."""

    _fields_ = (
        ("hashes", ctypes.c_void_p),
        ("validity", ctypes.c_void_p),
        ("offset", ctypes.c_int64),
        ("rows", ctypes.c_int64),
    )

    def __init__(self, hashes: pa.Array[Any]) -> None:
        """`hashes` must live for as long as this is used."""
        validity, values = hashes.buffers()
        super().__init__(
            values.address if values else None,
            validity.address if validity else None,
            hashes.offset,
            len(hashes),
        )


@dataclass(slots=True)
class _Held:
    """A batch that later ones are compared with."""

    batch: Fingerprints
    apart: int = 0
    """So many batches in a row, up to the last, share no hour with it."""


class RecentRecords:
    """The fingerprints of batches that this run read last, and that later ones may be near."""

    def __init__(self) -> None:
        """Nothing has been read yet."""
        self._held: list[_Held] = []

    def take_in(self, new: Fingerprints) -> FoundCopies:
        """Return which rows of `new` are copies of rows of it or of batches before it."""
        for held in self._held:
            held.apart = held.apart + 1 if held.batch.hours.isdisjoint(new.hours) else 0
        near = [held.batch for held in self._held if not held.apart]
        found = _copies_among(new, near, frozenset(held.batch.batch_id for held in self._held))
        self._held.append(_Held(replace(new, dropped=frozenset(found.positions))))
        self._held = [held for held in self._held if held.apart < BATCHES_APART]
        rows = sum(len(held.batch.id_hashes) for held in self._held)
        while rows > RECENT_ROWS and len(self._held) > 1:
            rows -= len(self._held.pop(0).batch.id_hashes)
        return found


def _copies_among(
    new: Fingerprints, near: Sequence[Fingerprints], held: frozenset[str]
) -> FoundCopies:
    """Compare only the few rows whose id stands more than once.

    An id that stands with another text may be the same content in other words: then nothing
    is cleared, and the columns decide.
    """
    *before, within = repeated([batch.id_hashes for batch in (*near, new)])
    keepers: dict[int, dict[int, str]] = defaultdict(dict)
    for batch, positions in zip(near, before, strict=True):
        for position, id_hash, text_hash in _rows_of(batch, positions):
            keepers[id_hash].setdefault(text_hash, batch.key_of(position))
    copies: dict[int, Copy] = {}
    unsure = False
    for position, id_hash, text_hash in _rows_of(new, within):
        key = new.key_of(position)
        keeper = keepers[id_hash].get(text_hash)
        if keeper is not None:
            copies[position] = Copy(key, keeper)
        else:
            unsure |= bool(keepers[id_hash])
            keepers[id_hash][text_hash] = key
    clearance = Clearance(frozenset() if unsure else held, itself=not unsure)
    return FoundCopies(new.digest, tuple(copies), tuple(copies.values()), new.hours, clearance)


def digest_of(keys: Sequence[str], ends: Sequence[int], hashes: Sequence[pa.Array[Any]]) -> bytes:
    """Return the SHA-256 of what tells a batch's rows from others."""
    digest = hashlib.sha256(repr((keys, ends)).encode())
    for each in hashes:
        digest.update(each.null_count.to_bytes(8))
        values = each.fill_null(0).cast(pa.uint64())
        bits = values.buffers()[1]
        if bits is not None:
            digest.update(bits.slice(8 * values.offset, 8 * len(values)))
    return digest.digest()


def repeated(batches: Sequence[pa.Array[Any]]) -> list[list[int]]:
    """Return, of each batch, the positions of the ids that stand in the last, and twice in all.

    `batches` are the hashes of their rows' ids, uint64; `copies.c` compares them.
    """
    ids = [_Ids(each) for each in batches]
    noted = (ctypes.c_int64 * sum(map(len, batches)))()
    counts = (ctypes.c_int64 * len(batches))()
    if library().tlstrail_repeated((_Ids * len(ids))(*ids), len(ids), noted, counts):
        raise MemoryError
    ends = list(accumulate(counts))
    return [noted[end - count : end] for end, count in zip(ends, counts, strict=True)]


def _rows_of(batch: Fingerprints, positions: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return (position, id hash, text hash) of the rows at `positions` that are not dropped."""
    kept = [position for position in positions if position not in batch.dropped]
    at = pa.array(kept, pa.int64())
    hashes = (each.take(at).cast(pa.uint64()) for each in (batch.id_hashes, batch.text_hashes))
    return list(zip(kept, *(each.to_pylist() for each in hashes), strict=True))
