"""Where a lake is, as the command line names it, and the files that lie there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.local_lake import LocalLakeFiles

if TYPE_CHECKING:
    from analyzer.lake_files import LakeFiles

LakePlace = Path
"""The folder of a lake."""


def lake_files(place: LakePlace) -> LakeFiles:
    """Return the files of the lake at `place`; nothing is read or made yet."""
    return LocalLakeFiles(place)
