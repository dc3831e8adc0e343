"""Processes that a test starts and that end with it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, AnyStr

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator


@contextmanager
def ended_with_the_test(process: subprocess.Popen[AnyStr]) -> Iterator[subprocess.Popen[AnyStr]]:
    """Yield a process that has been started; kill it if it still runs afterwards.

    Where a test fails, `subprocess.Popen` alone would wait for what may never come.
    """
    with process:
        try:
            yield process
        finally:
            process.kill()
