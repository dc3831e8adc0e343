"""Ctrl-C while S3 does not give what is asked for: nobody waits for another attempt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from threading import Event, Timer
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import ExitCode
from analyzer.interrupts import threads
from tests import PATIENCE
from tests.processes import ended_with_the_test, wait_until
from tests.s3.commands import ROOT
from tests.s3.proxy import refusal

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

    from tests.s3.buckets import Bucket
    from tests.s3.proxy import Proxy

COMMAND = """
import signal
from analyzer.__main__ import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
main()
"""


class RefusedError(Exception):
    """What a thread's work may end in."""


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("verb", ["GET", "LIST"])
def test_ctrl_c_ends_an_ingest_that_is_told_to_slow_down_for_ever(
    few_logs: Bucket, proxy: Proxy, lake: Path, verb: str
) -> None:
    proxy.answer(verb, "", refusal(503, "SlowDown"))
    arguments = ("ingest", few_logs.url, "--lake", str(lake), "--endpoint-url", proxy.endpoint)
    started = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments, "--workers", "1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with ended_with_the_test(started) as process:
        wait_until(lambda: len(proxy.of(verb)) > 3)
        os.killpg(process.pid, signal.SIGINT)
        asked_before = len(proxy.of(verb))
        stdout, stderr = process.communicate(timeout=PATIENCE)

    assert (process.returncode, stdout) == (ExitCode.INTERRUPTED, "")
    assert "interrupted; the lake is whole: run the same command again to go on" in stderr
    assert "Traceback" not in stderr
    # Nine logs are asked for up to nine times each, a page 36 times.
    assert len(proxy.of(verb)) - asked_before <= 9


def test_what_a_thread_is_at_is_waited_for_after_an_error_and_nothing_more_begun() -> None:
    done: list[int] = []
    begun, go_on = Event(), Event()

    def first() -> None:
        begun.set()
        go_on.wait()
        done.append(1)

    def fail(pool: ThreadPoolExecutor) -> None:
        pool.submit(first)
        pool.submit(done.append, 2)
        begun.wait()
        Timer(0.1, go_on.set).start()
        raise RefusedError

    with pytest.raises(RefusedError), threads(1) as pool:
        fail(pool)
    assert done == [1]


def test_what_a_thread_is_at_is_not_waited_for_after_ctrl_c() -> None:
    go_on = Event()

    def press(pool: ThreadPoolExecutor) -> None:
        pool.submit(go_on.wait)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), threads(1) as pool:
        press(pool)
    go_on.set()  # it would not have come to this
