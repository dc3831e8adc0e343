"""Which rows of a batch are copies of rows that this run read shortly before.

CloudTrail redelivers, and trails overlap. The same eventID with the same content is one
record; the copy from the object that comes first in the plan is kept. Copies come near each
other, so nearly all of them are found here, by the hashes of id and text, before a batch is
written. `dedupe` finds the others.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

RECENT_ROWS = 2_000_000
"""How many rows' hashes are held; 16 bytes each."""


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


class RecentRecords:
    """The fingerprints of the batches that this run read last."""

    def __init__(self) -> None:
        """Nothing has been read yet."""
        self._batches: deque[Fingerprints] = deque()
        self._rows = 0

    def take_in(self, new: Fingerprints) -> FoundCopies:
        """Return which rows of `new` are copies of rows of it or of batches before it."""
        near = [batch for batch in self._batches if not batch.hours.isdisjoint(new.hours)]
        found = _copies_among(new, near, frozenset(held.batch_id for held in self._batches))
        self._batches.append(replace(new, dropped=frozenset(found.positions)))
        self._rows += len(new.id_hashes)
        while self._rows > RECENT_ROWS and len(self._batches) > 1:
            self._rows -= len(self._batches.popleft().id_hashes)
        return found


def _copies_among(
    new: Fingerprints, near: Sequence[Fingerprints], held: frozenset[str]
) -> FoundCopies:
    """Compare only the few rows whose id stands more than once.

    An id that stands with another text may be the same content in other words: then nothing
    is cleared, and the columns decide.
    """
    wanted = _repeated_ids(new, near)
    keepers: dict[int, dict[int, str]] = defaultdict(dict)
    for batch in near:
        for position, id_hash, text_hash in _rows_of(batch, wanted):
            keepers[id_hash].setdefault(text_hash, batch.key_of(position))
    copies: dict[int, Copy] = {}
    unsure = False
    for position, id_hash, text_hash in _rows_of(new, wanted):
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


def _repeated_ids(new: Fingerprints, near: Sequence[Fingerprints]) -> pa.Array[Any]:
    """Return the id hashes of `new` that stand twice in it, or in a batch before it too."""
    counted = pc.value_counts(new.id_hashes.drop_null())
    ids = counted.field("values")
    more_than_one = pc.greater(counted.field("counts"), pa.scalar(1, pa.int64()))
    before = pa.chunked_array([batch.id_hashes for batch in near], new.id_hashes.type)
    # `ids` are hashed once for all batches; few of the others are among them.
    again = before.filter(pc.is_in(before, ids)).drop_null()
    return pc.unique(pa.concat_arrays([ids.filter(more_than_one), *again.chunks]))


def _rows_of(batch: Fingerprints, ids: pa.Array[Any]) -> list[tuple[int, int, int]]:
    """Return (position, id hash, text hash) of the rows with one of `ids`, in order."""
    if not len(ids):
        return []
    positions = pc.indices_nonzero(pc.is_in(batch.id_hashes, ids))
    id_hashes, text_hashes = batch.id_hashes.take(positions), batch.text_hashes.take(positions)
    columns = (positions, id_hashes, text_hashes)
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return [row for row in rows if row[0] not in batch.dropped]
