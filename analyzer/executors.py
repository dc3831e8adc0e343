"""Where batches run: in this process, or in several. One interface, and nothing else knows.

A lane is one worker: what is submitted to it runs in the same process for as long as that
lives, so that a later call finds what an earlier one has left there. `cluster` has the same
interface beyond one machine.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from analyzer.errors import WorkerLost
from analyzer.own_process import leave_out_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sized

# A batch is taken and given back a few times a second. Left alone, glibc returns its memory to
# the system each time, and the page faults of getting it anew cost a tenth of all CPU time.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)
Parameters = ParamSpec("Parameters")


class Pending(Protocol[Result_co]):
    """The part of `concurrent.futures.Future` that the journey uses."""

    def result(self) -> Result_co:
        """Wait for what the call returns, or raise what it raised."""
        ...


class Lane(Protocol):
    """The part of `concurrent.futures.Executor` that the journey uses."""

    def submit(
        self,
        call: Callable[Parameters, Result],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Pending[Result]:
        """Run the call, now or later, here or elsewhere."""
        ...


class Crew(Protocol):
    """The lanes of a run."""

    @property
    def stays(self) -> bool:
        """Whether a lane is the same worker from one batch to the next."""
        ...

    def __len__(self) -> int:
        """How many lanes there are now."""
        ...

    def in_turn(self) -> Iterator[Lane]:
        """Yield the lane for the next batch, without end."""
        ...

    def wake(self, call: Callable[[], None]) -> None:
        """Let workers that are still to be started start with `call`."""
        ...


class Lanes(list[Lane]):
    """Lanes that are there from the beginning to the end of a run."""

    stays = True

    def in_turn(self) -> Iterator[Lane]:
        """Yield one after another, round and round."""
        return cycle(self)

    def wake(self, call: Callable[[], None]) -> None:
        """Start them all."""
        for lane in self:
            lane.submit(call)


def in_order(futures: Iterable[Pending[Result]], lanes: Sized) -> Iterator[Result]:
    """Yield the results of `futures` in their order, one more for each lane taken than yielded.

    The order makes a run repeatable: which copy of a record is kept does not depend on
    which worker was faster. Raises `WorkerLost` when a worker process died.
    """
    waiting: deque[Pending[Result]] = deque()
    try:
        for future in futures:
            waiting.append(future)
            while len(waiting) > len(lanes):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise WorkerLost(
            "a worker process was killed, most often for want of memory; the lake is whole: "
            "run again to go on, with fewer --workers if memory is short"
        ) from error


@contextmanager
def lanes(count: int) -> Iterator[Lanes]:
    """Yield `count` lanes, a process each; for one, it is this process.

    When it is left, no call is running any more; when an error leaves it, at once. Raises
    `WorkerLost` where a machine has no room for what processes share, as in some containers.
    """
    if count == 1:
        yield Lanes([InThisProcess()])
        return
    context = _start_context()
    try:
        pools = [
            ProcessPoolExecutor(1, mp_context=context, initializer=_start_worker)
            for _ in range(count)
        ]
    except (OSError, NotImplementedError) as error:
        raise WorkerLost(
            f"worker processes cannot be had here ({error}): they need a /dev/shm that can be "
            "written to; --workers 1 does without them"
        ) from error
    try:
        yield Lanes(pools)
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        for pool in pools:
            pool.shutdown(wait=True, cancel_futures=True)


def expect_lanes(count: int) -> None:
    """Let what `lanes` starts import now what workers need, while this process goes on."""
    if count > 1 and _start_context().get_start_method() == "forkserver":
        from multiprocessing import forkserver  # noqa: PLC0415 (not there on every system)

        forkserver.ensure_running()


def _start_context() -> multiprocessing.context.BaseContext:
    """Return how processes start.

    Never by a fork of this one: DuckDB, Arrow and obstore have threads, which a fork would
    lose. A fork server has none: it imports what a worker needs, once, and forks.
    """
    for name, value in KEEP_MEMORY.items():
        os.environ.setdefault(name, value)  # the processes to come inherit it
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["analyzer.worker"])
    return context


class InThisProcess:
    """A lane that runs each call at once, before `submit` returns."""

    def submit(
        self,
        call: Callable[Parameters, Result],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Future[Result]:
        """Run the call now."""
        future: Future[Result] = Future()
        try:
            future.set_result(call(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 (it is raised again by result())
            future.set_exception(error)
        return future


def _start_worker() -> None:
    """Leave Ctrl-C to the driver, and do not outlive it."""
    leave_out_frames()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
