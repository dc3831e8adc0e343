"""Ctrl-C is Ctrl-C, wherever it comes."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextmanager
def ctrl_c_counts() -> Iterator[None]:
    """Let nothing hide a Ctrl-C: DuckDB makes a RuntimeError of one that comes in a query."""
    pressed = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.default_int_handler(number, frame)

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, note)
    try:
        yield
    except Exception as error:
        if pressed.is_set():
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Yield so many threads; an error that leaves the block lets them begin nothing more.

    What they are at is waited for, unless it is Ctrl-C that leaves it, or a generator that is
    given up for it: a request that is made again and again takes minutes to end.
    """
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    except BaseException as error:
        let_go(pool, error)
        raise
    pool.shutdown()


def let_go(pool: ThreadPoolExecutor, error: BaseException) -> None:
    """Let the threads begin nothing more after `error`, and wait for them where that is short."""
    pool.shutdown(wait=isinstance(error, Exception), cancel_futures=True)
