"""Waiting for one's turn to commit, where several write to one lake and only one can at a time."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from analyzer.errors import Overtaken

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_TURNS = 40
FIRST_WAIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 5.0


class Turns:
    """How often a commit has been overtaken. Each time it waits longer, and never as others do."""

    def __init__(self, sleep: Callable[[float], object] = time.sleep) -> None:
        """It has not been overtaken yet."""
        self._sleep = sleep
        self._taken = 0

    def wait(self, overtaken: Exception) -> None:
        """Wait before the next try. Raises `Overtaken` when there have been enough."""
        self._taken += 1
        if self._taken == MOST_TURNS:
            raise Overtaken(
                f"{overtaken}; it was overtaken {MOST_TURNS} times: let fewer write to one lake"
            ) from overtaken
        longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**self._taken)
        self._sleep(random.uniform(0, longest))  # noqa: S311 (others must wait for another time)
