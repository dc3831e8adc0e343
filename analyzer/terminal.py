"""The terminal: stdout is data, whole or not at all; stderr is talk."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from rich.console import Console

from analyzer.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


MEBIBYTE = 1024 * 1024

WIDTH_OF_A_PIPE = 4_000


HELD_BYTES = 64 * MEBIBYTE
"""An answer on its way to stdout is held in memory up to this size, and on disk beyond it."""


@contextmanager
def written(path: Path | None) -> Iterator[BinaryIO]:
    """Yield where the answer goes: stdout, or a file that appears only when it is whole.

    What fits into memory reaches stdout when it is complete, so that a query that fails on
    the way leaves it empty.
    """
    if path is None or (path.exists() and not path.is_file() and not path.is_dir()):
        with tempfile.SpooledTemporaryFile(HELD_BYTES) as held:
            yield cast("BinaryIO", held)
            held.seek(0)
            _copy(cast("BinaryIO", held), path)
        return
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _copy(held: BinaryIO, path: Path | None) -> None:
    try:
        with open(path or sys.stdout.fileno(), "wb", closefd=path is not None) as out:
            shutil.copyfileobj(held, out)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = path or "the standard output"
        raise StoreError(f"{where}: cannot be written: {error.strerror}") from error


def stderr() -> Console:
    """Return where talk goes."""
    return Console(stderr=True, highlight=False)


def say(line: str) -> None:
    """Say one line on stderr."""
    stderr().print(f"tlstrail: {line}", markup=False, soft_wrap=True)


def width() -> int:
    """The terminal's width; so wide that nothing folds where a program reads."""
    return Console().width if sys.stdout.isatty() else WIDTH_OF_A_PIPE
