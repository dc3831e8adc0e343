"""What a process that is all ours does without: pandas and NumPy.

Where they are installed, pyarrow and DuckDB import them to see whether a value is one of theirs:
100 MB and 0.4 seconds of every process, to find that it never is. tlstrail does not depend on
them, so most installations do not have them. A process that somebody else's program shares, a
notebook say, is not ours.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


LEFT_OUT = ("pandas", "numpy")


class _Without(MetaPathFinder):
    """Finds no module of these names, installed or not."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return None, so that the next finder is asked; raise for what is to be left out."""
        del path, target
        if fullname in LEFT_OUT:
            raise ModuleNotFoundError(f"{fullname} is left out of this process", name=fullname)
        return None


def leave_out_frames() -> None:
    """Let pandas and NumPy, from now on, not be there for this process."""
    sys.meta_path.insert(0, _Without())
