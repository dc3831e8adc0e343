"""Dask clusters on this machine, for the benches, the soak and the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dask
from distributed import Client, LocalCluster

from analyzer.executors import KEEP_MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LOOK_RARELY = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__WORKER__MEMORY__MONITOR_INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "500ms",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
}
"""How often Dask's processes look at themselves: by itself, up to a hundred times a second.

https://distributed.dask.org/en/stable/worker-memory.html
"""


@dataclass(frozen=True, slots=True)
class Started:
    """A scheduler and its workers, each a process of its own."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: tuple[subprocess.Popen[bytes], ...]


@contextmanager
def scheduler_and_workers(
    count: int,
    folder: Path,
    *more: str,
    environment: Mapping[str, str] | None = None,
    of_scheduler: Mapping[str, str] | None = None,
    settings: Mapping[str, str] = LOOK_RARELY,
) -> Iterator[Started]:
    """Start them by the command lines of docs/cluster.md, with the variables of that page.

    They are yielded once all have joined.

    The workers get `more` arguments. They and the scheduler have an environment each, which is
    this process's unless it is given. What they say is in `folder`/dask.log.
    """
    dask_program = (sys.executable, "-m", "dask")
    found_in = folder / "scheduler.json"
    found_in.unlink(missing_ok=True)
    where = ("--port", "0", "--scheduler-file", str(found_in))
    scheduler = ("scheduler", "--host", "127.0.0.1", *where, "--no-dashboard")
    with ExitStack() as stack:
        said = stack.enter_context((folder / "dask.log").open("wb"))

        def started(
            command: tuple[str, ...], given: Mapping[str, str] | None
        ) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [*dask_program, *command],
                cwd=folder,
                stdout=said,
                stderr=said,
                env={**(os.environ if given is None else given), **KEEP_MEMORY, **settings},
            )
            stack.enter_context(process)
            stack.callback(process.terminate)
            return process

        first = started(scheduler, of_scheduler)
        address = _address(found_in, first)
        worker = ("worker", address, "--nworkers", "1", "--nthreads", "1", *more)
        workers = tuple(started(worker, environment) for _ in range(count))
        with Client(address, timeout=300, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=300)
        yield Started(address, first, workers)


def _address(file: Path, scheduler: subprocess.Popen[bytes]) -> str:
    """Return the address that a scheduler has found for itself, once it is in its file."""
    while scheduler.poll() is None:
        with suppress(FileNotFoundError, json.JSONDecodeError):  # not there yet, or half of it
            return str(json.loads(file.read_text(encoding="utf-8"))["address"])
        time.sleep(0.05)
    raise RuntimeError(f"the scheduler ended; {file.with_name('dask.log')} has what it said")


@contextmanager
def local_cluster(workers: int) -> Iterator[LocalCluster]:
    """Yield a scheduler with so many worker processes of a thread each, which start fast.

    The scheduler is in this process. A worker that is killed is started again.
    """
    settings = {
        "distributed.worker.multiprocessing-method": "forkserver",
        "distributed.admin.system-monitor.interval": "10s",
        "logging.distributed": "critical",
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
            silence_logs=60,
        ) as cluster,
    ):
        yield cluster


def worker_processes(cluster: LocalCluster) -> list[int]:
    """Return the ids of the worker processes that have joined the cluster and run now.

    One that is killed before it has joined is not started again.
    """
    joined = cluster.scheduler.workers if cluster.scheduler else {}
    return [
        nanny.process.pid
        for nanny in list(cluster.workers.values())
        if nanny.process is not None and nanny.process.is_alive() and nanny.worker_address in joined
    ]
