"""A stable slice of an archive, for runs that share it: account x Region x month of delivery.

The slice follows from the key alone, and from no prefix before it: a copy of a bucket is cut
like the bucket, and what two trails of one account deliver in a month falls into one shard.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_MONTH_FOLDER = re.compile(
    r"(?:^|/)(?:(?P<account>\d{12})/)?CloudTrail/(?P<region>[^/]+)/(?P<year>\d{4})/(?P<month>\d{2})/"
)


@dataclass(frozen=True, slots=True)
class Shard:
    """The `number`th, from 1, of `of` shards, which have nothing in common and leave nothing."""

    number: int
    of: int

    def takes(self, piece: str) -> bool:
        """Whether a piece of the archive, by `piece_of`, is in this shard."""
        digest = hashlib.sha256(piece.encode()).digest()
        return int.from_bytes(digest[:8]) % self.of == self.number - 1


def piece_of(
    key: str, account_id: str | None = None, region: str | None = None, month: str | None = None
) -> str:
    """Return the piece of the archive that a key belongs to: `ACCOUNT/REGION/YYYY-MM`.

    The folders of the key decide; the other arguments, what else is known of the object, do so
    only where it lies in the folder of no month.
    """
    found = list(_MONTH_FOLDER.finditer(key))
    if not found:
        return f"{account_id or ''}/{region or ''}/{month or ''}"
    match = found[-1]
    return f"{match['account'] or ''}/{match['region']}/{match['year']}-{match['month']}"
