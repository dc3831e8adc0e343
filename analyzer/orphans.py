"""Files of a lake that no commit names: of a run that was killed, or of one that is under way.

In a folder, whoever holds the lock knows that nobody else writes, and deletes them. On S3 only
their age tells: what has waited for its commit longer than any run would is nobody's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer import manifest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from analyzer.lake_files import LakeFiles, StoredFile

_PART = re.compile(r"(events/[^/]+|objects|digests|digest_logs)/part-[^/]+\.parquet")


@dataclass(frozen=True, slots=True)
class Orphans:
    """What belongs to no commit that is kept."""

    files: tuple[StoredFile, ...]

    @property
    def bytes(self) -> int:
        """How much they are together."""
        return sum(each.bytes for each in self.files)


def orphans(files: LakeFiles) -> Orphans:
    """Return the parts that no manifest names. Raises `LakeError` where there is no lake.

    The manifests are read after the listing: a part that is committed between the two is named.
    So is one that waits to be deleted: whoever has opened the lake still reads it.
    """
    manifest.read_lake(files)
    found = [
        each
        for folder in ("events", "objects", "digests", "digest_logs")
        for each in files.listed(folder)
        if _PART.fullmatch(each.path)
    ]
    kept = manifest.kept_commits(files)
    named = {path for commit in kept for path in commit.paths()}
    named |= {each.path for commit in kept[-1:] for each in commit.retired}
    return Orphans(tuple(each for each in found if each.path not in named))


def remove_orphans(files: LakeFiles, before: datetime) -> Sequence[StoredFile]:
    """Delete the orphans that were written before that time, and return them."""
    with manifest.exclusive(files):
        manifest.open_for_writing(files)
        old = [each for each in orphans(files).files if each.modified < before]
        commits = files.names("commits", "*.json")[: -manifest.KEPT_COMMITS]
        files.delete([*(each.path for each in old), *commits])
    return old
