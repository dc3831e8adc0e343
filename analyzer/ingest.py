"""The journey: list -> plan -> (fetch -> decode -> flatten -> write) per batch -> commit.

`ingest` runs in the driver, which alone lists, plans and commits. `read_batch` and
`write_batch` (in `batch`) run where their lane is; what they write is not visible until the
driver has committed it.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from analyzer import checkpoint, ledger, manifest
from analyzer.batch import (
    CpuSeconds,
    Reading,
    Task,
    expect_batch,
    forget,
    get_ready,
    new_id,
    read_batch,
    require_sight,
    store_of,
    take_object,
    write_batch,
)
from analyzer.checkpoint import Checkpoint
from analyzer.commit import Committer, Tally
from analyzer.copies import RecentRecords
from analyzer.errors import UsageError, part_gone
from analyzer.executors import InThisProcess, Lanes, in_order, lanes
from analyzer.fetch import fetch
from analyzer.flatten import Flattener
from analyzer.lake_files import UNFINISHED
from analyzer.lake_place import lake_files
from analyzer.listing import Listing, in_tables
from analyzer.permitted import Permitted
from analyzer.plan import Plan
from analyzer.replace import together
from analyzer.views import write_views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from analyzer.batch import Batch, WrittenBatch
    from analyzer.cluster import Cluster
    from analyzer.copies import Fingerprints
    from analyzer.executors import Crew, Lane, Pending
    from analyzer.inventory import Inventory
    from analyzer.lake_files import LakeFiles
    from analyzer.lake_place import LakePlace
    from analyzer.ledger import Outcome
    from analyzer.listing import LogObject, Scope
    from analyzer.manifest import Manifest
    from analyzer.plan import Totals
    from analyzer.source import Source

WORTH_STARTING = 1_000
"""So many listed objects are worth more than one process, on a lake that has nothing yet."""


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """What one ingest is asked to do."""

    source: Source
    lake: LakePlace
    scope: Scope
    workers: int
    max_object_bytes: int
    """How much one object may decompress to."""
    inventory: Inventory | None = None
    """What says which objects there are, instead of a listing."""
    scheduler: str | None = None
    """Address of the Dask scheduler whose workers are to be used, in place of processes here."""

    @property
    def place(self) -> str:
        """The bucket or folder, and the prefix in it."""
        return f"{self.source.root}{self.source.prefix}"

    @property
    def task(self) -> Task:
        """What of it a worker must know, wherever its working folder is."""
        lake = self.lake.absolute() if isinstance(self.lake, Path) else self.lake
        return Task(self.source, lake, self.max_object_bytes)


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """What a run found and did."""

    totals: Totals
    tally: Tally
    left_out_before: int
    """How many objects in scope an earlier run had to leave out, and have not changed."""
    not_listed: list[str]
    """What may not be listed, and why. The lake does not say that all has been read, then."""


class Watcher(Protocol):
    """Somebody who is told how a run goes: a progress line, plain lines, nobody."""

    def joined(self, cluster: Cluster) -> None:
        """The workers of a cluster are going to do the work."""
        ...

    def listed(self, objects: int) -> None:
        """So many objects have been listed so far."""
        ...

    def planned(self, totals: Totals) -> None:
        """The listing is complete."""
        ...

    def committed(self, tally: Tally) -> None:
        """Another batch is in the lake."""
        ...


def ingest(
    settings: IngestSettings, watcher: Watcher, now: Callable[[], datetime]
) -> IngestSummary:
    """Bring everything in scope into the lake that is not in it yet.

    Raises `UsageError` for a source that is no archive, `StoreError` when the source or the
    lake's disk refuses, `LakeError` for a lake that cannot be written. What was committed
    before stays, and the same call goes on where this one ended.
    """
    files = lake_files(settings.lake)
    _require_apart(settings)
    store = Permitted(store_of(settings.source))
    with manifest.exclusive(files):
        lake = manifest.open_for_writing(files)
        with crew_of(settings, files, watcher) as workers:
            kept = Checkpoint(files, settings.place, settings.scope, now())
            listing = listed(settings, store, kept, watcher)
            if not lake.objects:
                listing = starting(settings.task, workers, listing)
            plan = Plan(listing, seen_before(files, lake, settings.scope))
            # Arrow keeps what listing and ledger took; nothing as large is to come in this process.
            pa.default_memory_pool().release_unused()
            if store.denied and plan.totals.listed == plan.totals.skipped:
                raise store.denied[0]  # who may list nothing is refused as a whole
            require_an_archive(settings, plan.totals)
            watcher.planned(plan.totals)
            manifest.create(files)
            committer = Committer(files, lake, store.root, now, plan.open_rows)
            committer.tally.retries += store.take_retries()
            for unread in plan.not_to_read():
                committer.record(unread, _not_read(unread))
            # One batch is read before another process would have started.
            alone = plan.batch_count == 1 and not settings.scheduler
            used = Lanes([InThisProcess()]) if alone else workers
            arriving = read_and_write(settings, used, plan.batches(len(used)))
            for number, group in enumerate(in_groups(arriving, committer.batches_a_commit)):
                committer.commit(*group)
                watcher.committed(committer.tally)
                if not number:  # while the workers are at the next ones, and not after the last
                    write_views(files)
            for written in replacements(settings, next(used.in_turn()), plan, committer):
                committer.replace(written)
                watcher.committed(committer.tally)
            if not store.denied:
                committer.finish(_reading(settings), settings.scope.shard)
            checkpoint.forget(files)
            write_views(files)
            return IngestSummary(
                plan.totals, committer.tally, plan.left_out_before(), list(map(str, store.denied))
            )


def seen_before(files: LakeFiles, lake: Manifest, scope: Scope) -> Iterator[pa.Table]:
    """Yield what a plan of this scope has to know of the ledger.

    Raises `LakeError` for a part that is damaged or gone.
    """
    columns = ["key", "etag", "status", "retry"]
    try:
        yield from ledger.read_parts(files, lake.objects, columns, ledger.in_scope(scope))
    except FileNotFoundError as error:
        raise part_gone(files.place, error) from error


def listed(
    settings: IngestSettings, store: Permitted, kept: Checkpoint, watcher: Watcher
) -> Iterator[pa.Table]:
    """List what is in scope, from where an interrupted run has got to, or from an inventory."""
    if settings.inventory is not None:
        return in_tables(settings.inventory.rows(settings.scope), watcher.listed)
    listing = Listing(store, settings.source.prefix, settings.scope, left=kept.left)
    before = kept.rows
    tables = in_tables(listing, lambda objects: watcher.listed(before + objects))
    return kept.keeping(tables, listing, lambda: not store.denied)


@contextmanager
def crew_of(settings: IngestSettings, files: LakeFiles, watcher: Watcher) -> Iterator[Crew]:
    """Yield who does the work: processes here, or the workers of a cluster that see the lake."""
    if settings.scheduler is None:
        with lanes(settings.workers) as workers:
            yield workers
        return
    from analyzer.cluster import cluster_at  # noqa: PLC0415 (an extra, not installed everywhere)

    mark = f"seen-by-workers-{new_id()}{UNFINISHED}"
    files.write(mark, b"")
    try:
        with cluster_at(settings.scheduler, partial(require_sight, settings.task, mark)) as cluster:
            watcher.joined(cluster)
            yield cluster
    finally:
        files.delete([mark])


def starting(task: Task, workers: Crew, listing: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Pass a listing on, and let the workers start once there is enough for them to do."""
    count, started = 0, False
    for listed in listing:
        count += len(listed)
        if not started and count >= WORTH_STARTING:
            started = True
            workers.wake(partial(get_ready, task))
        yield listed


def read_and_write(
    settings: IngestSettings, workers: Crew, batches: Iterable[Batch]
) -> Iterator[WrittenBatch]:
    """Yield the batches as they are on disk, in the order of the plan.

    A lane reads a batch, the driver says which of its rows are copies, and the same lane,
    which has kept the rows, writes the others.
    """
    forget(settings.task)
    recent = RecentRecords()
    under_way: deque[tuple[Lane, Batch]] = deque()

    def written() -> Iterator[Pending[WrittenBatch]]:
        for fingerprints in in_order(
            submitted(settings.task, workers, batches, under_way), workers
        ):
            lane, batch = under_way.popleft()
            copies = recent.take_in(fingerprints)
            yield lane.submit(write_batch, settings.task, batch, copies)

    return in_order(written(), workers)


def in_groups(
    written: Iterator[WrittenBatch], size: Callable[[], int]
) -> Iterator[list[WrittenBatch]]:
    """Yield so many batches at a time, asked each time; what is left at the end is fewer."""
    while group := list(islice(written, size())):
        yield group


def submitted(
    task: Task,
    workers: Crew,
    batches: Iterable[Batch],
    under_way: deque[tuple[Lane, Batch]],
) -> Iterator[Pending[Fingerprints]]:
    """Yield the batches as they are being read, and note in `under_way` who reads them.

    A lane that stays the same worker knows of its next batch before it reads this one.
    """
    known: deque[tuple[Lane, Batch]] = deque()
    fetched_ahead = workers.stays and store_of(task.source).reads_in_flight > 1
    for lane, batch in zip(workers.in_turn(), batches, strict=False):
        known.append((lane, batch))
        if fetched_ahead:
            lane.submit(expect_batch, task, batch)
        if len(known) > len(workers):
            under_way.append(known.popleft())
            yield under_way[-1][0].submit(read_batch, task, under_way[-1][1])
    for lane, batch in known:
        under_way.append((lane, batch))
        yield lane.submit(read_batch, task, batch)


def replacements(
    settings: IngestSettings, lane: Lane, plan: Plan, committer: Committer
) -> Iterator[WrittenBatch]:
    """Yield what takes the place of records that the lake has, one object's at a time.

    Nothing is read ahead here: what is to be read with a changed object follows from the
    ledger as of the commit before.
    """
    changed: dict[str, LogObject] = {}
    for objects in plan.replacing():
        reading = Reading("", settings.max_object_bytes, Flattener(), CpuSeconds())
        outcomes = [
            take_object(log_object, body, reading)[0]
            for log_object, body in fetch(store_of(settings.source), objects)
        ]
        changed |= {log_object.key: log_object for log_object in committer.settle(outcomes)}
    while changed:
        batch = together(committer.with_duplicates(), changed)
        fingerprints = lane.submit(read_batch, settings.task, batch).result()
        copies = RecentRecords().take_in(fingerprints)
        yield lane.submit(write_batch, settings.task, batch, copies).result()


def _reading(settings: IngestSettings) -> manifest.Reading:
    """Return what a run has read when it ends; what it had to leave out is in the ledger."""
    scope = settings.scope
    return manifest.Reading(
        settings.place,
        tuple(sorted(set(scope.accounts))),
        tuple(sorted(set(scope.regions))),
        scope.since,
        scope.until,
    )


def _not_read(batch: Batch) -> list[Outcome]:
    """Return what becomes of objects that only the ledger has to learn of."""
    return [
        ledger.skipped(log_object) if log_object.skipped else ledger.archived(log_object)
        for log_object in batch.objects
    ]


def _require_apart(settings: IngestSettings) -> None:
    """Refuse a lake in its own source, and a lake as a source: it would be read as logs."""
    source, lake = settings.source, settings.lake
    if not isinstance(lake, Path):
        if f"{lake}/".startswith(f"{source.root}{source.prefix}"):
            raise UsageError(
                f"{lake}: lies in the source, {source.root}{source.prefix}; name a lake outside it"
            )
        return
    if source.on_s3:
        return
    folder = Path(source.root, source.prefix).resolve()
    lake = lake.expanduser().resolve()
    if lake.is_relative_to(folder):
        raise UsageError(f"{lake}: lies in the source, {folder}; name a lake outside it")
    if (folder / "lake.json").is_file() and (folder / "commits").is_dir():
        raise UsageError(f"{folder}: is a lake, and not an archive")


def require_an_archive(settings: IngestSettings, totals: Totals) -> None:
    """Refuse a source without a single log, unless its days are what was narrowed down."""
    scope = settings.scope
    if totals.listed > totals.skipped or scope.since or scope.until:
        return
    asked = " for these accounts and Regions" if scope.accounts or scope.regions else ""
    found = f"{totals.skipped:,} other objects and folders" if totals.skipped else "nothing"
    raise UsageError(
        f"no CloudTrail objects under {settings.place}{asked}; found {found}. "
        "Name the bucket and prefix that the trail writes to, or a copy of it"
    )
