"""Where batches run beyond one machine: the workers of a Dask cluster.

A lane is opened for each batch. Dask chooses who reads it, and what follows on the lane is
sent to the same worker for as long as that is there; so workers may join and leave. What a
lost worker had under way, Dask gives to another one. Nothing but calls of `batch` and their
arguments is sent, and no credentials are: each worker has its own.

https://distributed.dask.org/en/stable/client.html
"""

from __future__ import annotations

import logging
import pickle
import platform
import time
import uuid
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Generic

from analyzer import __version__
from analyzer.errors import ClusterError, TlstrailError, UsageError, WorkerLost
from analyzer.executors import Parameters, Result

try:
    from distributed import Client, KilledWorker, get_worker
    from distributed.client import ClosedClientError
    from distributed.comm.core import CommClosedError
except ImportError as error:
    raise UsageError(
        "--scheduler needs Dask; install it with: pip install 'tlstrail[dask]'"
    ) from error


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Future

CONNECTS_WITHIN = 30.0
"""Seconds in which a scheduler must answer."""

PATIENCE = 120.0
"""So many seconds a run waits for a worker when there is none."""

LOOKS_EVERY = 2.0
"""Seconds between two looks at who is there."""


@contextmanager
def cluster_at(address: str, admit: Callable[[], None]) -> Iterator[Cluster]:
    """Yield the cluster whose scheduler answers at `address`, `tcp://host:8786`.

    `admit` is called once in each worker process before it does anything else, and raises where
    it must not. When this is left, what is still under way is given up.

    Raises `ClusterError` where there is no scheduler, or no worker within `PATIENCE`, and
    `UsageError` for workers of another version of tlstrail.
    """
    for name in ("distributed", "distributed.client", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # a lost cluster is one line here
    try:
        client = Client(address, timeout=CONNECTS_WITHIN, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"{address}: no Dask scheduler answers there ({error}); start one with: dask scheduler"
        ) from error
    with client:
        cluster = Cluster(client, address, admit)
        cluster.wait_for_a_worker()
        cluster.admit_workers()
        yield cluster


class Cluster:
    """The crew of a Dask cluster; it has as many lanes as there are worker threads just now."""

    stays = False

    def __init__(self, client: Client, address: str, admit: Callable[[], None]) -> None:
        """`client` is connected, and `admit` is what each worker must pass."""
        self.address = address
        self.dashboard: str = client.dashboard_link
        self.client = client
        self.admit = admit
        self._threads: dict[str, int] = {}
        self._next_look = self._seen_at_work = time.monotonic()

    def __len__(self) -> int:
        """How many worker threads there are; one at least, for a run may wait for workers."""
        self.look()
        return max(sum(self._threads.values()), 1)

    def in_turn(self) -> Iterator[ClusterLane]:
        """Yield a new lane for each batch; Dask decides on its worker."""
        while True:
            yield ClusterLane(self)

    def wake(self, call: Callable[[], None]) -> None:
        """Do nothing: the workers of a cluster are there, or come when they come."""

    def look(self) -> None:
        """See who is there, if that was not seen just now.

        Raises `ClusterError` where the scheduler is lost, or was without workers for too long.
        """
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOKS_EVERY
        try:
            self._threads = dict(self.client.nthreads())
        except (OSError, CancelledError, TypeError) as error:
            raise self.lost() from error
        if self._threads:
            self._seen_at_work = now
        elif now - self._seen_at_work > PATIENCE:
            raise ClusterError(
                f"{self.address}: the cluster has had no worker for {PATIENCE:.0f} seconds; start "
                f"some with: dask worker {self.address} --nthreads 1; then run again to go on"
            )

    def has(self, worker: str | None) -> bool:
        """Whether a worker was there at the last look."""
        return worker in self._threads

    def lost(self) -> ClusterError:
        """Return what is raised where the scheduler does not know of our calls any more."""
        return ClusterError(
            f"{self.address}: the Dask scheduler was lost or restarted; the lake is whole: run "
            "again to go on"
        )

    def wait_for_a_worker(self) -> None:
        """Return when there is one. Raises `ClusterError` when none comes."""
        while not self._threads:
            self.look()
            if not self._threads:
                time.sleep(LOOKS_EVERY)

    def admit_workers(self) -> None:
        """Ask all who are there whether they can do the work, before anything is listed.

        Who joins later is asked before the first call. Raises `UsageError` where one cannot.
        """
        answers = self.client.run(admitted, __version__, self.admit, on_error="return")
        for worker, answer in answers.items():
            if isinstance(answer, TlstrailError):
                raise answer
            if isinstance(answer, Exception) and not isinstance(answer, OSError):
                raise UsageError(
                    f"the worker {worker} cannot run tlstrail {__version__}: {answer}; install "
                    "the same version there"
                ) from answer


class ClusterLane:
    """Where one batch is read, and then written."""

    def __init__(self, cluster: Cluster) -> None:
        """Nobody has been chosen yet."""
        self.worker: str | None = None
        self._cluster = cluster

    def submit(
        self,
        call: Callable[Parameters, Result],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> ClusterCall[Result]:
        """Run the call where the lane's call before it was run, if that worker is there."""
        return ClusterCall(self._cluster, self, call.__name__, partial(call, *args, **kwargs))


class ClusterCall(Generic[Result]):
    """A call that a worker of the cluster runs."""

    def __init__(
        self, cluster: Cluster, lane: ClusterLane, name: str, call: Callable[[], Result]
    ) -> None:
        """`name` is what the dashboard shows."""
        self._cluster = cluster
        self._lane = lane
        self._name = name
        # Dask's scheduler unpacks what a call is made of, and packs it anew; bytes it passes on.
        self._packed = pickle.dumps(call)
        self._wanted = lane.worker
        self._future = self._submitted()

    def result(self) -> Result:
        """Wait for what the call returns, and remember who ran it.

        Raises what the call raised; `ClusterError` where the cluster is lost, `WorkerLost` where
        the call took several workers with it.
        """
        while True:
            try:
                self._lane.worker, result = self._future.result(timeout=LOOKS_EVERY)
            except TimeoutError:
                if self._future.status == "error":  # it is the call that raised it
                    raise
                self._send_elsewhere_if_its_worker_is_lost()
            except KilledWorker as error:
                raise WorkerLost(
                    f"{error.allowed_failures + 1} workers of the cluster died with the same "
                    "batch, most often for want of memory; the lake is whole: run again to go "
                    "on, with more memory for each worker"
                ) from error
            except (CancelledError, CommClosedError, ClosedClientError) as error:
                raise self._cluster.lost() from error
            else:
                return result

    def _submitted(self) -> Future[tuple[str, Result]]:
        wanted = {"workers": [self._wanted], "allow_other_workers": True} if self._wanted else {}
        try:
            return self._cluster.client.submit(
                on_worker,
                __version__,
                self._cluster.admit,
                self._packed,
                key=f"{self._name}-{uuid.uuid4().hex}",
                pure=False,
                **wanted,
            )
        except ClosedClientError as error:
            raise self._cluster.lost() from error

    def _send_elsewhere_if_its_worker_is_lost(self) -> None:
        """Submit the call again, for any worker.

        Dask does so by itself where another worker is running at that moment; otherwise it goes
        on waiting for the one that is gone.
        """
        self._cluster.look()
        if self._wanted and not self._cluster.has(self._wanted):
            self._wanted = None
            self._future = self._submitted()


def on_worker(version: str, admit: Callable[[], None], packed: bytes) -> tuple[str, Any]:
    """Run a pickled call, on a worker, and return what it returns with the worker's address."""
    admitted(version, admit)
    call: Callable[[], Any] = pickle.loads(packed)  # noqa: S301 (the driver's, as all of Dask is)
    return get_worker().address, call()


def admitted(version: str, admit: Callable[[], None]) -> None:
    """Raise `UsageError` where this worker cannot do what is asked of it."""
    if version != __version__:
        raise UsageError(
            f"a worker on {platform.node()} has tlstrail {__version__}, and this is {version}; "
            "install the same version there"
        )
    admit()
