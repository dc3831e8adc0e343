"""Processes that a test starts, looks into and holds; they end with it."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, AnyStr

import psutil

from tests import PATIENCE

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator


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


def pause_before_commit(number: int) -> None:
    """Have this process stop itself before it makes the commit of that number visible.

    A test that wants to meet a run half-way would, on a busy machine, come when it is over.
    `go_on` lets it go on.
    """
    name = f"{number:010}.json"

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and Path(arguments[1]).parts[-2:] == ("commits", name):
            os.kill(os.getpid(), signal.SIGSTOP)

    sys.addaudithook(audit)


def is_paused(process: subprocess.Popen[AnyStr]) -> bool:
    """Whether a process has stopped itself and waits to go on."""
    try:
        return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


def wait_for_pause(process: subprocess.Popen[AnyStr]) -> None:
    """Return when a process has stopped itself; it must not have ended before."""

    def came_to_it() -> bool:
        assert process.poll() is None, "it ended before it came to that"
        return is_paused(process)

    wait_until(came_to_it)


def go_on(process: subprocess.Popen[AnyStr]) -> None:
    """Let a process that has stopped itself go on."""
    process.send_signal(signal.SIGCONT)


def is_running(process: psutil.Process) -> bool:
    """Whether a process is there, and not only its exit code for whom it may concern."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(is_so: Callable[[], bool]) -> None:
    """Return when it is so."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)
