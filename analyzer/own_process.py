"""What a process that is all ours does without: pandas.

Where pandas is installed, pyarrow imports it to see whether a list is a Series, and DuckDB to see
whether a table is a frame: 75 MB and 0.3 seconds of every process, to find that it never is. A
process that somebody else's program shares, a notebook say, is not ours.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class _Without(MetaPathFinder):
    """Finds no module of that name, installed or not."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return None, so that the next finder is asked; raise for what is to be left out."""
        del path, target
        if fullname == self._name:
            raise ModuleNotFoundError(f"{fullname} is left out of this process", name=fullname)
        return None


def leave_out_pandas() -> None:
    """Let pandas, from now on, not be there for this process."""
    sys.meta_path.insert(0, _Without("pandas"))
